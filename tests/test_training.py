"""Training that makes networks easier to explain."""

import numpy as np
import pytest

from explainrelu.errors import ArgumentError, InputTypeError
from explainrelu.geometry.box import Box
from explainrelu.importers.import_model import import_model
from explainrelu.milp.stability import stability
from explainrelu.training import Attack, attacked, stability_loss, train

torch = pytest.importorskip("torch")

RNG = np.random.default_rng(0)
X = RNG.normal(size=(400, 4))
Y = (X[:, 0] + 0.5 * X[:, 1] > 0).astype(int)


def module(n_outputs: int = 1) -> "torch.nn.Sequential":
    torch.manual_seed(0)
    return torch.nn.Sequential(
        torch.nn.Linear(4, 12), torch.nn.ReLU(),
        torch.nn.Linear(12, 6), torch.nn.ReLU(), torch.nn.Linear(6, n_outputs),
    )  # fmt: skip


def weights(net: "torch.nn.Module") -> np.ndarray:
    return np.concatenate([p.detach().numpy().ravel() for p in net.parameters()])


def n_stable(net: "torch.nn.Module") -> int:
    network = import_model(net, X)
    states = stability(network, Box.around(X.mean(axis=0), 0.3))["state"]
    return int(states.str.startswith("stably").sum())


@pytest.mark.parametrize("n_outputs", [1, 2])
def test_training_learns_and_leaves_the_module_as_it_is(n_outputs):
    net = module(n_outputs)
    before = weights(net)
    trained = train(net, X, Y, epochs=30, learning_rate=0.1)
    scores = import_model(trained.module, X)(X)
    found = scores > 0 if n_outputs == 1 else scores.argmax(axis=1)
    assert np.array_equal(weights(net), before)
    assert (found == Y).mean() > 0.95
    assert trained.history["loss"].iloc[-1] < trained.history["loss"].iloc[0]


def test_the_same_seed_gives_the_same_network():
    first, second = (train(module(), X, Y, epochs=3, random_state=5).module for _ in range(2))
    assert np.array_equal(weights(first), weights(second))


def test_numbers_are_fitted_by_the_squared_error():
    target = X @ [1.0, -2.0, 0.5, 0.0]
    trained = train(module(), X, target, epochs=40, learning_rate=0.03)
    assert np.mean((import_model(trained.module, X)(X) - target) ** 2) < 0.1 * target.var()


def test_l1_makes_weights_small():
    plain, sparse = (train(module(), X, Y, epochs=60, l1=l1) for l1 in (0.0, 0.02))
    assert np.abs(weights(sparse.module)).sum() < 0.8 * np.abs(weights(plain.module)).sum()


def test_stability_makes_neurons_stable():
    plain = train(module(), X, Y, epochs=30)
    calm = train(module(), X, Y, epochs=30, stability=2.0, radius=0.3)
    assert calm.history["stability"].iloc[-1] < calm.history["stability"].iloc[0]
    assert n_stable(calm.module) > n_stable(plain.module)


def test_the_stability_loss_is_that_of_the_interval_bounds():
    net = torch.nn.Sequential(torch.nn.Linear(1, 1), torch.nn.ReLU(), torch.nn.Linear(1, 1))
    with torch.no_grad():
        net[0].weight[:], net[0].bias[:] = 2.0, 1.0
    # over [-0.5, 1.5] the preactivation runs from 0 to 4, over [-1.5, 0.5] from -2 to 2
    found = stability_loss(net, torch.tensor([[0.5], [-0.5]]), 1.0).detach()
    assert float(found) == pytest.approx(-(np.tanh(1.0) + np.tanh(-3.0)) / 2)


def test_attacked_rows_stay_near_and_lose():
    net = train(module(), X, Y, epochs=20).module
    x, y = torch.tensor(X, dtype=torch.float32), torch.tensor(Y)
    near = attacked(net, x, y, Attack(radius=0.2, step=0.1, lower=-1.0, upper=1.0))
    inside = x.clamp(-1.0, 1.0)
    assert (near - x).abs().max() <= (inside - x).abs().max() + 0.2 + 1e-6
    assert near.abs().max() <= 1.0
    loss = torch.nn.functional.binary_cross_entropy_with_logits
    assert loss(net(near)[:, 0], y.float()) > loss(net(inside)[:, 0], y.float())


def test_training_with_attacks_runs_to_its_end():
    trained = train(module(), X, Y, epochs=4, attack=Attack(radius=0.1, step=0.05, n_steps=2))
    assert trained.history["epoch"].tolist() == [1, 2, 3, 4]


@pytest.mark.parametrize(
    ("options", "match"),
    [
        ({"l1": -1.0}, "l1 must be a number of at least 0"),
        ({"stability": 1.0}, "stability needs a radius above 0"),
        ({"epochs": 0}, "epochs must be a whole number of at least 1"),
    ],
)
def test_numbers_that_make_no_sense_are_refused(options, match):
    with pytest.raises(ArgumentError, match=match):
        train(module(), X, Y, **options)


def test_rows_and_targets_of_different_number_are_refused():
    with pytest.raises(ArgumentError, match="as many rows, got 400 and 399"):
        train(module(), X, Y[:-1])


def test_missing_values_and_texts_are_refused():
    with pytest.raises(ArgumentError, match="X must hold finite numbers"):
        train(module(), np.full((3, 4), np.nan), [0, 1, 0])
    with pytest.raises(InputTypeError, match="must be numbers"):
        train(module(), X[:2], ["yes", "no"])


def test_stability_of_another_module_is_refused():
    net = torch.nn.Sequential(torch.nn.Linear(4, 3), torch.nn.Tanh(), torch.nn.Linear(3, 1))
    with pytest.raises(ArgumentError, match="of Linear and ReLU layers, got Tanh"):
        train(net, X, Y, stability=1.0, radius=0.1)


def test_an_attack_without_size_is_refused():
    with pytest.raises(ArgumentError, match="radius and step above 0"):
        Attack(radius=0.0, step=0.1)
