from collections.abc import Callable
from typing import Any

import pytest
import torch
import torch.nn.functional as F
from torch import nn

from explainrelu.errors import ModelError, TrainingModeError, UnsupportedModelError
from explainrelu.importers.from_torch import from_torch
from tests.importers.torch_graph.functions import module_of, rows

NOT_LINEAR: dict[str, Callable[[Any], Any]] = {
    "softplus": F.softplus,
    "gelu": F.gelu,
    "silu": F.silu,
    "tanh": torch.tanh,
    "hardswish": F.hardswish,
    "elu": F.elu,
    "layer_norm": lambda x: F.layer_norm(x, (5,)),
    "group_norm": lambda x: F.group_norm(x[..., None], 1),
    "argmax": lambda x: x.argmax(1),
    "reciprocal": lambda x: 1 / x,
    "rand": lambda x: x + torch.rand(5),
    "sort": lambda x: x.sort(1)[0],
}


class Gated(nn.Module):
    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.gate(x)

    def gate(self, x: torch.Tensor) -> torch.Tensor:
        if x.sum() > 0:
            return x
        return -x


class Counting(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.register_buffer("calls", torch.zeros(1))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        self.calls += 1
        return x + self.calls


class Block(nn.Module):
    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return torch.relu(x) * x


@pytest.mark.parametrize("name", NOT_LINEAR)
def test_calls_outside_the_normal_form_are_named_with_their_line(name: str):
    wanted = rf"the module \(line \d+ of \w+\.py\) calls {name}"
    with pytest.raises(UnsupportedModelError, match=wanted):
        from_torch(module_of(NOT_LINEAR[name]), rows(5))


def test_a_product_of_activations_is_named_with_its_module_path():
    module = nn.Sequential(nn.Linear(5, 4), nn.Sequential(nn.Identity(), Block())).eval()
    with pytest.raises(UnsupportedModelError, match=r"1\.1 \(line 51 of test_refusals\.py\)"):
        from_torch(module)


@pytest.mark.parametrize(
    ("function", "message"),
    [
        (lambda x: x @ x.mT, "both depend on the input"),
        (lambda x: torch.where(x > 0, x, x + 1), "may not meet where it changes"),
        (lambda x: (x > 0).double(), "got positions or truth values"),
        (lambda x: F.threshold(x, 0.5, 1.0), r"jumps at 0\.5 to 1\.0"),
        (lambda x: x.sigmoid() * 2, "stands inside the model"),
        (lambda x: x.sum(1, dtype=torch.int64), "rounds values of the input to int64"),
        (lambda x: x.half().double(), "rounds values of the input to float16"),
        (lambda x: x.view(torch.int64), "reads the bits of numbers as int64"),
        (lambda x: x.long(), "rounds values of the input to int64"),
        (lambda x: torch.div(x, 2, rounding_mode="floor"), "which rounds"),
        (lambda x: x.max(1)[1], "got positions"),
        (lambda x: x[:, x[0].argmax()], "constant numbers and positions"),
        (lambda x: (x, x), "must give one tensor, got 2 outputs"),
        (lambda x: {"scores": x}, "must give one tensor, got a dict"),
        (lambda x: x[:, torch.tensor([True, False, True, True, True])], "constant positions"),
        (lambda x: torch.linalg.vector_norm(x, 2, dim=1), "norm of order 2"),
        (lambda x: F.conv_transpose1d(x[:, None], torch.ones(1, 1, 2).double()), "transposed"),
        (lambda x: x * float(x.sum()), "must do the same whatever the numbers are"),
        (lambda x: torch.einsum("bi,bi->b", x, x), "both depend on the input"),
        (lambda x: torch.einsum("...i->...", x), "without ..."),
    ],
)
def test_other_uses_that_are_not_piecewise_linear_are_refused(
    function: Callable[[Any], Any], message: str
):
    with pytest.raises(UnsupportedModelError, match=message):
        from_torch(module_of(function), rows(5))


def test_a_choice_that_depends_on_the_data_is_refused_by_its_line():
    with pytest.raises(UnsupportedModelError, match=r"line \d+ of test_refusals.py, `if x.sum\(\)"):
        from_torch(Gated().eval(), rows(5))


def test_a_module_that_changes_its_buffer_is_refused():
    with pytest.raises(UnsupportedModelError, match="changes 'calls' of the module itself"):
        from_torch(Counting().double().eval(), rows(5))


@pytest.mark.parametrize(
    "function",
    [
        lambda x: F.dropout(x),
        lambda x: F.batch_norm(x[..., None], None, None, training=True),
        lambda x: F.rrelu(x, training=True),
    ],
)
def test_functional_calls_as_in_training_are_refused(function: Callable[[Any], Any]):
    with pytest.raises(TrainingModeError, match=r"as in training.*model\.eval\(\)|evaluation mode"):
        from_torch(module_of(function), rows(5))


@pytest.mark.parametrize(
    "function",
    [
        lambda x: x - x.mean(0),
        lambda x: x.sum(0),
        lambda x: x.reshape(1, -1)[:, :5],
        lambda x: x.flip(0),
        lambda x: x @ torch.ones(5, 1).double() + x.amax(0, keepdim=True),
    ],
)
def test_a_module_that_mixes_the_rows_of_a_batch_is_refused(function: Callable[[Any], Any]):
    with pytest.raises(UnsupportedModelError, match="mixes the rows of a batch"):
        from_torch(module_of(function), rows(5))


@pytest.mark.parametrize(
    ("function", "message"),
    [
        (lambda x: x / torch.zeros(5), "must not divide by 0"),
        (lambda x: x + float("inf"), "finite numbers only"),
        (lambda x: torch.ones(len(x), 2), "must depend on the input"),
        (lambda x: x @ torch.ones(4, 2).double(), r"must run on one row.*line \d+ of test_ref"),
    ],
)
def test_modules_that_are_wrong_in_themselves_are_refused(
    function: Callable[[Any], Any], message: str
):
    with pytest.raises(ModelError, match=message):
        from_torch(module_of(function), rows(5))
