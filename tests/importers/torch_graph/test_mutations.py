"""Calls in place against PyTorch, and the programs that cannot be followed."""

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from torch import nn

from explainrelu.errors import UnsupportedModelError
from explainrelu.importers.from_torch import from_torch
from explainrelu.importers.torch_graph.calls import Call, Constant, Program, Reference, Tensor
from explainrelu.importers.torch_graph.mutations import SharedMemoryError, without_mutations
from tests.importers.torch_graph.functions import module_of, rows


def changed_then_read_by_its_old_name(x: torch.Tensor) -> torch.Tensor:
    y = 2 * x
    y.relu_()
    return y + x


def changed_twice(x: torch.Tensor) -> torch.Tensor:
    y = 2 * x
    z = F.relu_(y).sub_(1)
    y.abs_()
    return torch.cat([y, z], 1)


def detached_and_changed(x: torch.Tensor) -> torch.Tensor:
    y = 2 * x
    y.detach().clamp_(min=0.5)
    return y


def a_slice_changed(x: torch.Tensor) -> torch.Tensor:
    y = 2 * x
    y[:, 1:3].mul_(3)
    return y


def a_whole_changed_below_a_slice(x: torch.Tensor) -> torch.Tensor:
    y = 2 * x
    part = y[:, :2]
    y.neg_()
    return part


@pytest.mark.parametrize(
    "function",
    [
        changed_then_read_by_its_old_name,
        changed_twice,
        detached_and_changed,
        a_slice_changed,
        a_whole_changed_below_a_slice,
        lambda x: F.relu_(x.clone()).add_(1).mul_(2).zero_() + x,
        lambda x: F.relu(x, inplace=True),
    ],
)
def test_calls_in_place_change_every_name_of_the_tensor(function: Callable[[Any], Any]):
    X, module = rows(4), module_of(function)
    wanted = module(X.clone()).numpy()
    assert np.array_equal(from_torch(module, X).forward(X.numpy()), wanted)


def test_a_shared_relu_in_place_is_exact():
    relu = nn.ReLU(inplace=True)
    X, module = rows(4), module_of(lambda self, x: self.relu(1 - self.relu(2 * x)), relu=relu)
    assert np.array_equal(from_torch(module, X).forward(X.numpy()), module(X.clone()).numpy())


def test_a_program_without_calls_in_place_stays_as_it_is():
    assert without_mutations(PLAIN) is PLAIN


def test_a_view_that_is_used_later_is_told_apart():
    calls = (*PLAIN.calls, call("relu_.default", "y", "z"))
    program = Program(X, {}, calls, "part")
    with pytest.raises(SharedMemoryError, match=r"shares its memory.*run_decompositions"):
        without_mutations(program)


def test_a_view_that_is_not_used_again_is_no_obstacle():
    program = Program(X, {}, (*PLAIN.calls, call("relu_.default", "y", "z")), "y")
    assert [found.target for found in without_mutations(program).needed] == [
        "mul.Tensor",
        "relu.default",
    ]


def test_pythons_own_operators_change_nothing():
    program = Program(X, {}, (call("__rshift__.Scalar", "x", "y"),), "y")
    assert without_mutations(program) is program


def test_a_parameter_that_changes_is_named():
    calls = (call("add_.Tensor", "p", "q"),)
    program = Program(X, {"p": Constant(np.ones(2), "net.calls")}, calls, "q")
    with pytest.raises(UnsupportedModelError, match=r"changes 'net\.calls' of the module itself"):
        without_mutations(program)


def call(target: str, source: str, given: str) -> Call:
    return Call(target, {"x": Reference(source)}, (Tensor(given, (1, 2), "float64"),), "here")


X = Tensor("x", (1, 2), "float64")
PLAIN = Program(X, {}, (call("mul.Tensor", "x", "y"), call("slice.Tensor", "y", "part")), "part")
