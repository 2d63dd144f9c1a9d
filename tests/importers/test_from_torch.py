import subprocess
import sys
from copy import deepcopy
from dataclasses import replace
from typing import Any

import numpy as np
import pandas as pd
import pytest
import torch
import torch.nn.functional as F
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn

from explainrelu.certificate import Exactness, Status
from explainrelu.errors import (
    ColumnsError,
    DataError,
    ImportCheckError,
    MissingDependencyError,
    ModelError,
)
from explainrelu.importers import from_torch as module_under_test
from explainrelu.importers.from_torch import from_torch, is_torch_module, load_torch
from explainrelu.network.network import ReluNetwork
from explainrelu.network.outputs import Link, Task
from explainrelu.network.patterns import activation_patterns, affine_maps
from tests.strategies import points, sequentials

RNG = np.random.default_rng(0)


def small(*last: nn.Module, n_outputs: int = 1, dtype: torch.dtype = torch.float64) -> nn.Module:
    torch.manual_seed(0)
    modules = (nn.Linear(3, 4), nn.ReLU(), nn.Linear(4, n_outputs), *last)
    return nn.Sequential(*modules).to(dtype).eval()


def outputs_of(module: nn.Module, rows: np.ndarray) -> np.ndarray:
    with torch.no_grad():
        return module(torch.tensor(rows)).numpy()


def magnitude(module: nn.Module, rows: np.ndarray) -> np.ndarray:
    """A bound on every intermediate number: the module on absolute values."""
    bound = deepcopy(module)
    for leaf in bound.modules():
        if isinstance(leaf, nn.PReLU):
            leaf.weight.data = leaf.weight.abs().clamp(min=1.0)
        elif isinstance(leaf, nn.LeakyReLU):
            leaf.negative_slope = 1.0
        elif isinstance(leaf, nn.BatchNorm1d):
            leaf.running_mean = -leaf.running_mean.abs()
        for parameter in leaf.parameters(recurse=False):
            parameter.data = parameter.abs()
    return 1.0 + 2.0 * outputs_of(bound, np.abs(rows)).max(axis=1, keepdims=True)


@settings(max_examples=200)
@given(sequentials(), st.data())
def test_a_sequential_is_the_same_function_in_float64(drawn: Any, data: st.DataObject):
    module, n_inputs = drawn
    rows = data.draw(points(n_inputs))
    gap = np.abs(from_torch(module).forward(rows) - outputs_of(module, rows))
    assert (gap <= 1e-12 * magnitude(module, rows)).all()


@settings(max_examples=200)
@given(sequentials(integer=True), st.data())
def test_on_kinks_it_is_equal_to_the_last_bit(drawn: Any, data: st.DataObject):
    module, n_inputs = drawn
    rows = data.draw(points(n_inputs, integer=True))
    assert np.array_equal(from_torch(module).forward(rows), outputs_of(module, rows))


@settings(max_examples=100)
@given(sequentials(), st.data())
def test_local_maps_are_autograds_jacobians_away_from_kinks(drawn: Any, data: st.DataObject):
    module, n_inputs = drawn
    network, point = from_torch(module), data.draw(points(n_inputs, max_points=1))
    if near_a_kink(network, point):
        return
    weight, _ = affine_maps(network, activation_patterns(network, point))
    jacobian = torch.func.jacrev(module)(torch.tensor(point[0])[None])[0, :, 0]
    assert np.allclose(weight[0], jacobian.detach().numpy(), rtol=1e-9, atol=1e-9)


def near_a_kink(network: ReluNetwork, point: np.ndarray) -> bool:
    found = network.preactivations(point)
    return any(
        (np.abs(z[:, layer.rectified]) < 1e-6).any()
        for z, layer in zip(found, network.layers, strict=True)
    )


def test_a_shared_relu_is_used_every_time():
    relu = nn.ReLU()
    module = nn.Sequential(nn.Linear(2, 3), relu, nn.Linear(3, 3), relu, nn.Linear(3, 1)).eval()
    assert from_torch(module).widths == (3, 3)


def test_a_shared_linear_is_used_every_time():
    linear = nn.Linear(2, 2).double()
    module = nn.Sequential(linear, nn.ReLU(), linear).eval()
    rows = RNG.normal(size=(20, 2))
    network = from_torch(module, rows)
    assert network.widths == (2,)
    assert network.certificate.holds


def test_a_linear_module_alone_has_no_hidden_layer():
    assert from_torch(nn.Linear(3, 2).eval()).widths == ()


def test_a_module_without_parameters_takes_its_size_from_the_rows():
    assert from_torch(nn.Sequential(nn.ReLU()).eval(), [[1.0, -2.0]]).n_inputs == 2
    assert from_torch(nn.Sequential().eval(), names=["a", "b", "c"]).n_inputs == 3


def test_without_parameters_and_rows_the_size_is_asked_for():
    with pytest.raises(ModelError, match=r"number of inputs must be known.*Pass X"):
        from_torch(nn.Sequential(nn.ReLU()).eval())


def test_a_batch_norm_first_says_the_number_of_inputs():
    assert from_torch(nn.Sequential(nn.BatchNorm1d(5), nn.ReLU()).eval()).n_inputs == 5


def test_the_module_is_left_as_it_was():
    module = nn.Sequential(nn.ReLU(inplace=True), small(dtype=torch.float32))
    module.eval()
    before, rows = deepcopy(module.state_dict()), RNG.normal(size=(5, 3))
    given = rows.copy()
    from_torch(module, rows)
    after = module.state_dict()
    assert all(torch.equal(before[name], after[name]) for name in before)
    assert all(p.grad is None and p.dtype is torch.float32 for p in module.parameters())
    assert np.array_equal(rows, given)


@pytest.mark.parametrize("dtype", [torch.float64, torch.float32, torch.float16, torch.bfloat16])
def test_weights_of_every_precision_are_taken_exactly(dtype: torch.dtype):
    module = small(dtype=dtype)
    network = from_torch(module)
    assert np.array_equal(network.layers[0].weight, module[0].weight.detach().double().numpy())
    assert network.origin.dtype == str(dtype).removeprefix("torch.")


def test_a_float64_module_is_checked_against_itself():
    checks = from_torch(small(), RNG.normal(size=(50, 3))).certificate.checks
    assert [check.name for check in checks] == ["import: raw scores equal the model's own"]
    assert checks[0].status is Status.HOLDS


@pytest.mark.parametrize("dtype", [torch.float32, torch.float16, torch.bfloat16])
def test_lower_precision_is_reported_as_drift(dtype: torch.dtype):
    checks = from_torch(small(dtype=dtype), RNG.normal(size=(50, 3))).certificate.checks
    assert len(checks) == 3
    assert checks[0].value <= 1e-12
    assert str(dtype).removeprefix("torch.") in checks[1].name
    assert 0.0 < checks[1].value <= checks[1].tolerance


def test_a_large_drift_fails_the_certificate_but_not_the_import():
    module = small(dtype=torch.float32)
    with torch.no_grad():  # a large number is added and taken off again
        module[2].weight.copy_(torch.ones(1, 4))
        module[0].bias[:2] = torch.tensor([1e6, 0.0])
        module[2].bias[:] = -1e6
    network = from_torch(module, RNG.normal(size=(50, 3)))
    found = [check.status for check in network.certificate.checks]
    assert found == [Status.HOLDS, Status.FAILS, Status.HOLDS]


def test_a_module_that_overflows_in_its_own_precision_fails_the_certificate():
    module = small(dtype=torch.float16)
    network = from_torch(module, np.full((2, 3), 1e6))
    assert network.certificate.checks[1].status is Status.FAILS


def test_a_wrong_import_is_found(monkeypatch: pytest.MonkeyPatch):
    other = small()
    with torch.no_grad():
        other[2].bias += 1.0
    right = module_under_test.read_modules
    monkeypatch.setattr(module_under_test, "read_modules", lambda t, module: right(t, other))
    with pytest.raises(ImportCheckError, match="must give the model's own raw scores"):
        from_torch(small(), RNG.normal(size=(5, 3)))


@pytest.mark.parametrize(
    ("last", "n_outputs", "link", "task", "names", "classes"),
    [
        (nn.Sigmoid(), 1, Link.logistic, Task.BINARY, ("1",), ("0", "1")),
        (nn.Sigmoid(), 2, Link.logistic, Task.MULTILABEL, ("0", "1"), ("0", "1")),
        (nn.Softmax(dim=1), 2, Link.softmax, Task.MULTICLASS, ("0", "1"), ("0", "1")),
        (nn.LogSoftmax(dim=-1), 2, Link.log_softmax, Task.MULTICLASS, ("0", "1"), ("0", "1")),
        (nn.Identity(), 1, Link.identity, Task.SCORE, ("score",), ()),
        (nn.Identity(), 2, Link.identity, Task.SCORE, ("output 0", "output 1"), ()),
    ],
)
def test_the_last_module_says_what_the_scores_are_for(last, n_outputs, link, task, names, classes):
    network = from_torch(small(last, n_outputs=n_outputs), RNG.normal(size=(20, 3)))
    outputs = network.outputs
    assert (outputs.link, outputs.task) == (link, task)
    assert (outputs.names, outputs.classes) == (names, classes)
    assert network.certificate.holds


def test_a_frame_names_the_columns_and_gives_their_ranges():
    frame = pd.DataFrame({"age": [20.0, 30.0], "income": [1.0, 2.0], "debt": [0.0, 5.0]})
    schema = from_torch(small(), frame).schema
    assert schema.names == ("age", "income", "debt")
    assert (schema.columns[0].lower, schema.columns[0].upper) == (20.0, 30.0)


def test_names_stand_in_where_the_rows_bring_none():
    assert from_torch(small(), names=["a", "b", "c"]).schema.names == ("a", "b", "c")
    assert from_torch(small(), torch.ones(2, 3)).schema.names == ("x0", "x1", "x2")


@pytest.mark.parametrize(
    ("rows", "error", "message"),
    [
        (pd.DataFrame({"a": [1.0], "b": [2.0]}), ColumnsError, r"takes 3 columns, got 2 \(a, b\)"),
        (np.ones((2, 4)), ColumnsError, "must have 3 columns"),
        (np.ones((2, 1, 28, 28)), ModelError, "must run on one row"),
        (np.ones(3), DataError, "must be two-dimensional"),
        (np.ones((0, 3)), DataError, "at least one row"),
        (np.array([[1.0, np.nan, 0.0]]), DataError, "missing value"),
        (np.array([[1.0, np.inf, 0.0]]), DataError, "must be finite"),
        (pd.DataFrame({"a": ["x"], "b": [1], "c": [2]}), DataError, "'a' must be numeric"),
    ],
)
def test_rows_that_do_not_fit_are_refused(rows: Any, error: type[Exception], message: str):
    with pytest.raises(error, match=message):
        from_torch(small(), rows)


def test_names_of_another_number_are_refused():
    with pytest.raises(ColumnsError, match="takes 3 columns, got 1"):
        from_torch(small(), names=["a"])


def test_a_module_that_cannot_run_is_reported():
    module = nn.Sequential(nn.Linear(3, 2).double(), nn.Linear(2, 1).float()).eval()
    with pytest.raises(ModelError, match="must run on X itself, got RuntimeError"):
        from_torch(module, np.ones((2, 3)))


def test_the_origin_says_what_was_folded():
    module = nn.Sequential(nn.Linear(2, 2), nn.Sequential(nn.BatchNorm1d(2), nn.Dropout())).eval()
    origin = from_torch(module).origin
    assert origin.kind == "torch Sequential"
    assert origin.folded == ("1.0: BatchNorm1d", "1.1: Dropout")
    assert origin.versions == (("torch", str(torch.__version__)),)


def test_a_picture_in_rows_may_be_flattened_again():
    module = nn.Sequential(nn.Flatten(), nn.Linear(4, 2), nn.Flatten(1, 1), nn.ReLU()).double()
    assert from_torch(module.eval(), np.ones((2, 4))).certificate.holds


def test_modules_are_told_from_other_objects():
    assert is_torch_module(nn.ReLU())
    assert not is_torch_module(np.ones(2))


def test_telling_modules_imports_no_torch():
    code = (
        "import sys; from explainrelu.importers.from_torch import is_torch_module; "
        "assert not is_torch_module(object()); assert 'torch' not in sys.modules"
    )
    subprocess.run([sys.executable, "-c", code], check=True)


def test_without_torch_the_error_says_what_to_install(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setitem(sys.modules, "torch", None)
    with pytest.raises(MissingDependencyError, match=r"pip install explainrelu\[torch\]"):
        load_torch()


class Skipping(nn.Module):
    """A convolution, a skip connection, one ReLU used three times, and a functional pool."""

    def __init__(self) -> None:
        super().__init__()
        self.first, self.norm = nn.Conv2d(1, 2, 3, padding=1), nn.BatchNorm2d(2)
        self.second, self.last = nn.Conv2d(2, 2, 3, padding=1), nn.Linear(8, 3)
        self.relu = nn.ReLU(inplace=True)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        x = self.relu(self.norm(self.first(x)))
        x = self.relu(x + self.second(x))
        return self.relu(self.last(F.max_pool2d(x, 2).flatten(1))) - 1


def pictures(n: int = 20) -> torch.Tensor:
    return torch.randn((n, 1, 4, 4), generator=torch.Generator().manual_seed(0))


def test_a_network_of_pictures_keeps_their_shape():
    network = from_torch(Skipping().eval(), pictures())
    assert network.schema.shape == (1, 4, 4)
    assert network.certificate.holds


def test_a_traced_float32_module_reports_drift_and_rows_of_another_pattern():
    checks = from_torch(Skipping().eval(), pictures()).certificate.checks
    assert [check.name.split(" ")[0] for check in checks] == ["import:", "drift", "share"]
    assert checks[0].value <= 1e-12
    assert 0.0 <= checks[2].value <= 1.0


def test_a_traced_module_is_compared_on_random_rows_where_there_are_none():
    module = nn.Sequential(nn.Linear(3, 4), nn.ReLU6(), nn.Linear(4, 1)).double().eval()
    (check,) = from_torch(module).certificate.checks
    assert check.status is Status.HOLDS
    assert check.exactness is Exactness.ESTIMATED
    assert "8 rows drawn at random" in check.detail


def test_a_traced_module_without_rows_and_without_a_width_asks_for_them():
    with pytest.raises(ModelError, match=r"shape of a sample must be known.*Pass X"):
        from_torch(Skipping().eval())


def test_a_traced_module_takes_its_width_from_names():
    module = nn.Sequential(nn.Hardtanh(), nn.Linear(2, 1)).eval()
    assert from_torch(module, names=["a", "b"]).schema.names == ("a", "b")


def test_a_traced_module_is_left_as_it_was():
    module, X = Skipping().eval(), pictures(6)
    module.norm.train(False)
    before, given, state = deepcopy(module.state_dict()), X.clone(), torch.get_rng_state()
    modes = [part.training for part in module.modules()]
    from_torch(module, X)
    after = module.state_dict()
    assert all(torch.equal(before[name], after[name]) for name in before)
    assert [part.training for part in module.modules()] == modes
    assert all(p.grad is None and p.dtype is torch.float32 for p in module.parameters())
    assert torch.equal(torch.get_rng_state(), state)
    assert torch.equal(X, given)


@pytest.mark.parametrize("dtype", [torch.float32, torch.float16, torch.bfloat16])
def test_a_traced_module_of_any_precision_is_the_module_in_float64(dtype: torch.dtype):
    module = nn.Sequential(nn.Linear(3, 4), nn.Hardtanh(), nn.Linear(4, 2)).to(dtype).eval()
    network = from_torch(module, RNG.normal(size=(20, 3)))
    assert network.certificate.checks[0].value <= 1e-14
    assert network.origin.dtype == str(dtype).removeprefix("torch.")


def test_tracing_works_by_fx_where_export_refuses():
    class Remembering(nn.Module):
        def forward(self, x: torch.Tensor) -> torch.Tensor:
            self.seen = torch.relu(x)  # torch.export refuses to assign a tensor
            return self.seen.sum(1)

    assert from_torch(Remembering().eval(), RNG.normal(size=(9, 3))).certificate.holds


def test_what_was_folded_of_a_traced_module_is_named():
    folded = from_torch(Skipping().eval(), pictures()).origin.folded
    assert len(folded) == 1
    assert folded[0].startswith("norm (line ")


def test_a_wrong_import_of_a_traced_module_is_found(monkeypatch: pytest.MonkeyPatch):
    right = module_under_test.graph_of
    monkeypatch.setattr(
        module_under_test,
        "graph_of",
        lambda *given: replace(right(*given), output=right(*given).nodes[-1].inputs[0]),
    )
    module = nn.Sequential(nn.Linear(3, 3), nn.Hardtanh(), nn.ReLU()).eval()
    with pytest.raises(ImportCheckError, match="must give the model's own raw scores"):
        from_torch(module, RNG.normal(size=(50, 3)))


def test_a_module_that_names_its_number_format_is_checked_in_it():
    class Single(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.linear = nn.Linear(3, 2)

        def forward(self, x: torch.Tensor) -> torch.Tensor:
            return torch.relu(self.linear(x.float()))

    network = from_torch(Single().eval(), RNG.normal(size=(9, 3)))
    assert network.certificate.holds
    assert "float32" in network.certificate.checks[0].detail


class OtherInSingle(nn.Module):
    """Another function where its input is in single precision."""

    def __init__(self) -> None:
        super().__init__()
        self.linear = nn.Linear(3, 2)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        y = self.linear(x)
        return torch.relu(y) + 1 if x.dtype == torch.float32 else torch.relu(y)


class ChangedInDouble(OtherInSingle):
    """In float64 ``double`` gives the very tensor, and the call in place changes the output."""

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        y = self.linear(x)
        z = y.double()
        z.relu_()
        return y


@pytest.mark.parametrize("kind", [OtherInSingle, ChangedInDouble])
def test_without_rows_another_function_in_the_modules_own_format_does_not_hold(kind: Any):
    torch.manual_seed(0)
    certificate = from_torch(kind().eval(), names=["a", "b", "c"]).certificate
    assert certificate.status is Status.FAILS
    assert "drift of the module's float32 arithmetic" in certificate.checks[-1].name
