"""Exact integrated gradients by captum's own call, beside captum's."""

from itertools import pairwise

import numpy as np
import pytest

from explainrelu.errors import ArgumentError, DataError, InputTypeError, TrainingModeError
from explainrelu.explanations import captum_interface
from explainrelu.explanations.captum_interface import ExactIntegratedGradients
from explainrelu.network.network import ReluNetwork

torch = pytest.importorskip("torch")
NETWORK = ReluNetwork.from_weights([[[1.0, 1.0]], [[3.0]]], [[-1.0], [0.0]])
POINTS = np.array([[2.0, 2.0], [0.5, 1.0]])


def module(*widths: int, dtype: "torch.dtype" = torch.float64) -> "torch.nn.Module":
    torch.manual_seed(0)
    layers = [
        part for a, b in pairwise(widths)
        for part in (torch.nn.Linear(a, b), torch.nn.ReLU())
    ]  # fmt: skip
    return torch.nn.Sequential(*layers[:-1]).to(dtype).eval()


def drawn(*shape: int) -> "torch.Tensor":
    return torch.randn(*shape, dtype=torch.float64, generator=torch.Generator().manual_seed(1))


@pytest.mark.parametrize("target", [0, 2, [2, 0, 1, 1], torch.tensor([0, 0, 2, 1])])
@pytest.mark.parametrize("baselines", [None, 0.5, drawn(1, 5), drawn(4, 5)])
def test_the_call_is_captums_and_its_steps_come_near(target, baselines):
    attr = pytest.importorskip("captum.attr")
    net, inputs = module(5, 12, 12, 3), drawn(4, 5)
    found, delta = ExactIntegratedGradients(net).attribute(
        inputs, baselines, target, return_convergence_delta=True
    )
    theirs = attr.IntegratedGradients(net).attribute(inputs, baselines, target, n_steps=1000)
    assert found.shape == inputs.shape
    assert delta.shape == (4,)
    torch.testing.assert_close(found, theirs, rtol=0, atol=2e-3)
    assert delta.abs().max() < 1e-14


def test_the_delta_of_many_inputs_stays_of_rounding_size_where_captums_does_not():
    attr = pytest.importorskip("captum.attr")
    net, inputs = module(100, 50, 50, 1), drawn(20, 100)
    _, ours = ExactIntegratedGradients(net).attribute(inputs, return_convergence_delta=True)
    _, theirs = attr.IntegratedGradients(net).attribute(
        inputs, n_steps=500, return_convergence_delta=True
    )
    change = (net(inputs) - net(torch.zeros(1, 100, dtype=torch.float64))).detach().abs().max()
    assert ours.abs().max() < 1e-12 * change
    assert theirs.abs().max() > 1e-5 * change


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64, torch.float16])
def test_tensors_come_back_in_their_number_format(dtype):
    net, inputs = module(3, 4, 1, dtype=torch.float32), drawn(2, 3).to(dtype)
    found, delta = ExactIntegratedGradients(net).attribute(inputs, return_convergence_delta=True)
    assert found.dtype == delta.dtype == dtype
    assert not found.requires_grad
    exact = ExactIntegratedGradients(net).attribute(inputs.double())
    torch.testing.assert_close(found.double(), exact, rtol=1e-3, atol=1e-3)


def test_whole_numbers_come_back_as_float64():
    found = ExactIntegratedGradients(NETWORK).attribute(torch.tensor([[2, 2]]))
    assert found.tolist() == [[4.5, 4.5]]
    assert ExactIntegratedGradients(NETWORK).attribute(np.array([[2, 2]])).dtype == np.float64


def test_arrays_come_back_as_arrays():
    found = ExactIntegratedGradients(NETWORK).attribute(POINTS.astype(np.float32))
    assert isinstance(found, np.ndarray)
    assert found.dtype == np.float32
    # the second path passes the hinge at t = 2/3
    np.testing.assert_allclose(found, [[4.5, 4.5], [0.5, 1.0]], rtol=1e-6)


def test_inputs_that_ask_for_a_gradient_are_read_and_left_alone():
    inputs = drawn(2, 3).requires_grad_()
    ExactIntegratedGradients(module(3, 4, 1)).attribute(inputs)
    assert inputs.requires_grad
    assert inputs.grad is None


def test_pictures_come_back_in_their_shape():
    attr = pytest.importorskip("captum.attr")
    torch.manual_seed(0)
    net = torch.nn.Sequential(
        torch.nn.Conv2d(2, 3, 3), torch.nn.ReLU(), torch.nn.Flatten(), torch.nn.Linear(12, 2)
    )
    net, inputs = net.double().eval(), drawn(3, 2, 4, 4)
    start = drawn(2, 4, 4)
    found = ExactIntegratedGradients(net).attribute(inputs, start, target=1)
    theirs = attr.IntegratedGradients(net).attribute(inputs, start[None], target=1, n_steps=1000)
    torch.testing.assert_close(found, theirs, rtol=0, atol=2e-3)


def test_a_module_trained_in_between_is_read_anew():
    net, inputs = module(3, 4, 1), drawn(2, 3)
    method = ExactIntegratedGradients(net)
    before = method.attribute(inputs)
    with torch.no_grad():
        net[-1].weight *= 2.0
    torch.testing.assert_close(method.attribute(inputs), 2.0 * before)
    net.train()
    with pytest.raises(TrainingModeError, match="evaluation mode"):
        method.attribute(inputs)


def test_a_number_changed_in_between_is_seen():
    net, inputs = torch.nn.Sequential(module(3, 4), torch.nn.LeakyReLU(0.5)).eval(), drawn(2, 3)
    method = ExactIntegratedGradients(net)
    before = method.attribute(inputs, target=0)
    net[1].negative_slope = 1.0
    assert (method.attribute(inputs, target=0) != before).any()


def test_a_module_that_has_not_changed_is_read_once(monkeypatch):
    seen = []
    whole = captum_interface.import_model
    monkeypatch.setattr(
        captum_interface, "import_model", lambda *a, **k: seen.append(a) or whole(*a, **k)
    )
    method = ExactIntegratedGradients(module(3, 4, 1))
    for n_samples in (2, 5):
        method.attribute(drawn(n_samples, 3))
    assert len(seen) == 1


def test_a_softmax_at_the_end_is_left_out():
    net, inputs = module(3, 4, 2), drawn(2, 3)
    probabilities = torch.nn.Sequential(net, torch.nn.Softmax(1)).eval()
    found, wanted = (
        ExactIntegratedGradients(m).attribute(inputs, target=1) for m in (probabilities, net)
    )
    torch.testing.assert_close(found, wanted)


@pytest.mark.parametrize(
    ("inputs", "error", "match"),
    [
        ((POINTS, POINTS), InputTypeError, "got builtins.tuple. Join several inputs"),
        ([[1.0, 2.0]], InputTypeError, "got builtins.list"),
        (POINTS[0], DataError, r"got shape \(2,\). For one sample write inputs\[None\]"),
        (POINTS[:0], DataError, r"a sample or more, got shape \(0, 2\)"),
        (np.zeros((1, 3)), DataError, r"must have 2 values a sample, got shape \(1, 3\)"),
        (np.array([[1.0, np.nan]]), DataError, "inputs must be finite"),
        (np.array([["a", "b"]]), DataError, "inputs must be numbers"),
    ],
)
def test_inputs_that_do_not_fit_are_refused(inputs, error, match):
    with pytest.raises(error, match=match):
        ExactIntegratedGradients(NETWORK).attribute(inputs)


@pytest.mark.parametrize(
    ("baselines", "error", "match"),
    [
        ((POINTS,), InputTypeError, "baselines must be None, a number, .* got a tuple"),
        (np.zeros((3, 2)), DataError, r"one point of shape \(2,\), or 2 of them, got shape \(3, 2"),
        (np.zeros(3), DataError, r"got shape \(3,\)"),
        (np.array([np.inf, 0.0]), DataError, "baselines must be finite"),
        ("zero", DataError, "baselines must be numbers"),
    ],
)
def test_baselines_that_do_not_fit_are_refused(baselines, error, match):
    with pytest.raises(error, match=match):
        ExactIntegratedGradients(NETWORK).attribute(POINTS, baselines)


@pytest.mark.parametrize(
    ("target", "match"),
    [
        (None, "which of the 3 outputs is explained, got None. Pass a number from 0 to 2"),
        (3, "from 0 to 2, one of the model's outputs, got 3"),
        (-1, "from 0 to 2, .* got -1"),
        ([0, 1, 5], "from 0 to 2, .* got"),
        ([0, 1], "one for each of the 3 rows"),
        (0.5, "whole number"),
        (True, "whole number"),
        (torch.tensor([0.5, 1.0, 2.0]), "whole number"),
        ("output 1", "whole number"),
    ],
)
def test_targets_that_are_no_output_are_refused(target, match):
    net = module(2, 4, 3)
    with pytest.raises(ArgumentError, match=match):
        ExactIntegratedGradients(net).attribute(np.zeros((3, 2)), target=target)


def test_a_module_in_training_mode_is_refused():
    with pytest.raises(TrainingModeError, match="evaluation mode"):
        ExactIntegratedGradients(module(2, 4, 1).train()).attribute(POINTS)
