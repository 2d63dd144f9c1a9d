from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch
from torch import nn
from torch.nn.utils import parametrizations, prune

from explainrelu.errors import ModelError, TrainingModeError, UnsupportedModelError
from explainrelu.importers.from_torch import from_torch
from explainrelu.importers.torch_modules import readable


class Doubled(nn.Linear):
    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return 2 * super().forward(x)


class Named(nn.Linear):
    """A Linear by another name, which computes the same."""


class Reversed(nn.Sequential):
    def forward(self, x: torch.Tensor) -> torch.Tensor:
        for module in reversed(self):
            x = module(x)
        return x


def sequential(*modules: nn.Module) -> nn.Module:
    return nn.Sequential(*modules).eval()


@pytest.mark.parametrize(
    ("build", "message"),
    [
        (
            lambda: sequential(nn.Linear(2, 2), sequential(nn.ReLU(), nn.Tanh())),
            r"1\.1 .*calls tanh\.default, which is not piecewise linear",
        ),
        (lambda: sequential(nn.Linear(2, 2), nn.GRU(2, 2)), "must give one tensor, got 2 outputs"),
        (lambda: sequential(nn.Linear(2, 2), nn.Softmax(dim=0)), "'1' .*got dim=0"),
        (lambda: sequential(nn.Linear(2, 2), nn.Flatten(0)), "'1' .*got start_dim=0"),
        (
            lambda: sequential(nn.Linear(2, 2), nn.Sigmoid(), nn.Linear(2, 1)),
            r"'1' \(sigmoid\) stands inside the model",
        ),
        (
            lambda: sequential(nn.Linear(2, 2), nn.BatchNorm1d(2, track_running_stats=False)),
            "'1' .*must keep running statistics",
        ),
        (lambda: sequential(nn.Linear(2, 2, device="meta")), "'0.weight' .*meta device"),
        (lambda: sequential(nn.Linear(2, 2, dtype=torch.complex64)), "has dtype complex64"),
    ],
)
def test_what_cannot_be_read_is_refused_by_path_and_name(
    build: Callable[[], nn.Module], message: str
):
    with pytest.raises(UnsupportedModelError, match=message):
        from_torch(build())


def test_a_plain_sequential_is_read_module_by_module():
    assert readable(torch, sequential(nn.Linear(2, 2), sequential(nn.ReLU(), nn.Dropout())))


@pytest.mark.parametrize(
    "module",
    [
        sequential(Doubled(2, 2)),
        Reversed(nn.Linear(2, 2)).eval(),
        sequential(nn.Linear(2, 2), nn.Hardtanh()),
    ],
)
def test_any_other_module_is_traced_and_computes_the_same(module: nn.Module):
    assert not readable(torch, module)
    assert from_torch(module, torch.randn(5, 2)).certificate.holds


def test_a_forward_of_its_own_is_what_is_read():
    module = sequential(nn.Linear(2, 2)).double()
    module[0].forward = lambda x: 3 * x
    assert not readable(torch, module)
    assert np.array_equal(from_torch(module, np.ones((1, 2)))([[1.0, -2.0]]), [[3.0, -6.0]])


def test_a_subclass_that_computes_the_same_is_read():
    assert from_torch(sequential(Named(2, 2))).n_inputs == 2


def test_hooks_are_refused_until_they_are_removed():
    module = sequential(nn.Linear(2, 2), nn.ReLU())
    handle = module[1].register_forward_hook(lambda *_: None)
    with pytest.raises(UnsupportedModelError, match=r"'1' .*must have no forward hooks.*remove"):
        from_torch(module)
    handle.remove()
    assert from_torch(module).widths == (2,)


def test_a_pruned_module_is_read_once_the_pruning_is_made_permanent():
    module = sequential(nn.Linear(2, 2).double())
    prune.l1_unstructured(module[0], "weight", amount=2)
    with pytest.raises(UnsupportedModelError, match=r"prune\.remove"):
        from_torch(module)
    prune.remove(module[0], "weight")
    assert (from_torch(module).output.weight == 0.0).sum() == 2


def test_a_parametrized_weight_is_read_as_it_is_used():
    module = sequential(parametrizations.weight_norm(nn.Linear(2, 2)), nn.ReLU()).double()
    assert from_torch(module, torch.randn(5, 2)).certificate.holds


@pytest.mark.filterwarnings("ignore:Lazy modules:UserWarning")
def test_a_lazy_module_is_refused_until_it_has_seen_a_batch():
    module = sequential(nn.LazyLinear(2), nn.LazyBatchNorm1d())
    with pytest.raises(UnsupportedModelError, match=r"'0' \(.*LazyLinear\) .*Run one batch"):
        from_torch(module)
    module(torch.ones(1, 3))
    assert from_torch(module).n_inputs == 3


def test_a_sparse_weight_is_refused():
    module = sequential(nn.Linear(2, 2))
    module[0].weight = nn.Parameter(torch.eye(2).to_sparse())
    with pytest.raises(UnsupportedModelError, match=r"'0.weight' is sparse \(torch.sparse_coo\)"):
        from_torch(module)


@pytest.mark.filterwarnings("ignore:torch.quantize_per_tensor:UserWarning")
def test_a_quantised_weight_is_refused():
    module = sequential(nn.Linear(2, 2))
    quantised = torch.quantize_per_tensor(torch.eye(2), 0.1, 0, torch.qint8)
    module[0].weight = nn.Parameter(quantised, requires_grad=False)
    with pytest.raises(UnsupportedModelError, match=r"'0\.weight' is quantised"):
        from_torch(module)


@pytest.mark.parametrize("value", [float("nan"), float("inf")])
@pytest.mark.parametrize("name", ["0.bias", "1.running_mean"])
def test_parameters_that_are_not_finite_are_refused(name: str, value: float):
    module = sequential(nn.Linear(2, 2), nn.BatchNorm1d(2))
    module.state_dict()[name][0] = value
    with pytest.raises(ModelError, match=f"'{name}' must hold finite numbers only"):
        from_torch(module)


def test_training_mode_is_refused_with_what_to_call():
    with pytest.raises(
        TrainingModeError, match=r"The module \(.*Sequential\)\. Call model\.eval\(\) first"
    ):
        from_torch(nn.Sequential(nn.Linear(2, 2)))


@pytest.mark.parametrize("last", [nn.Dropout(0.5), nn.BatchNorm1d(2)])
def test_a_part_left_in_training_mode_is_named(last: nn.Module):
    module = sequential(nn.Linear(2, 2), sequential(last))
    last.train()
    with pytest.raises(TrainingModeError, match=rf"Module '1\.0' .*{type(last).__name__}"):
        from_torch(module)


def test_a_part_that_computes_the_same_in_training_mode_may_be_in_it():
    module = sequential(nn.Linear(2, 2), nn.Dropout(0.0))
    module[0].train()
    module[1].train()
    assert from_torch(module).n_inputs == 2


def test_shapes_that_do_not_chain_are_refused():
    with pytest.raises(ModelError, match=r"'1' \(linear\) needs a weight"):
        from_torch(sequential(nn.Linear(2, 3), nn.Linear(2, 1)))


@pytest.mark.parametrize(
    "parametrize",
    [parametrizations.weight_norm, parametrizations.spectral_norm, parametrizations.orthogonal],
)
@pytest.mark.parametrize("last", [nn.ReLU(), nn.Hardtanh()])  # read one by one, and traced
def test_a_parametrized_weight_is_the_one_of_its_own_number_format(parametrize: Any, last: Any):
    module = sequential(parametrize(nn.Linear(3, 3)), last)
    X = torch.randn(9, 3)
    network = from_torch(module, X)
    fixed = sequential(nn.Linear(3, 3), last)
    fixed[0].weight.data, fixed[0].bias.data = module[0].weight.detach(), module[0].bias.detach()
    wanted = fixed.double()(X.double()).detach().numpy()
    assert network.certificate.holds
    np.testing.assert_allclose(network.forward(X.double().numpy()), wanted, rtol=0, atol=1e-12)
    assert hasattr(module[0], "parametrizations")


def test_spectral_norm_in_training_mode_is_named():
    module = sequential(parametrizations.spectral_norm(nn.Linear(3, 3)))
    module[0].parametrizations.train()
    with pytest.raises(TrainingModeError, match="_SpectralNorm"):
        from_torch(module)


def test_a_layer_that_computes_the_same_in_training_mode_may_be_alone():
    assert from_torch(nn.MaxPool2d(3), torch.randn(4, 1, 3, 3)).n_inputs == 9


@pytest.mark.filterwarnings("ignore:.*torch.jit:DeprecationWarning")
def test_a_module_of_torch_jit_is_refused():
    module = torch.jit.trace(sequential(nn.Linear(2, 2)), torch.ones(1, 2))
    with pytest.raises(UnsupportedModelError, match="Hand over the original module"):
        from_torch(module)
