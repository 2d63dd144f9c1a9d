from itertools import product

import numpy as np
import pytest
from scipy.optimize import linprog, minimize

from explainrelu.errors import ArgumentError, SizeError
from explainrelu.rewrites.global_search.cones import dichotomy_bound, neuron_cones
from explainrelu.rewrites.global_training import count_programs, train_to_global_optimum
from explainrelu.tolerances import DEFAULT_TOLERANCES

LOSSES = ("squared", "absolute", "hinge")


def mean_loss(loss, scores, y):
    if loss == "squared":
        return np.mean((scores - y) ** 2)
    if loss == "absolute":
        return np.mean(np.abs(scores - y))
    return np.mean(np.maximum(1 - y * scores, 0))


def data(n_samples, n_inputs, seed, loss="squared"):
    rng = np.random.default_rng(seed)
    X, y = rng.normal(size=(n_samples, n_inputs)), rng.normal(size=n_samples)
    return X, np.sign(y) if loss == "hinge" else y


def best_by_brute_force(X, y, n_neurons, loss):
    """Every sign vector times every dichotomy of every neuron, each a program in ``(a, b)``."""
    rng = np.random.default_rng(0)
    rows = np.column_stack([X, np.ones(len(X))])
    drawn = rng.normal(size=(20_000, rows.shape[1])) * [*np.ones(X.shape[1]), np.abs(X).max()]
    sides = np.unique(drawn @ rows.T > 0, axis=0)
    best, n, zero = np.inf, len(X), np.zeros((len(X), len(X)))
    for signs in product([1, -1], repeat=n_neurons):
        for chosen in product(sides, repeat=n_neurons):
            G = np.hstack([s * on[:, None] * rows for s, on in zip(signs, chosen, strict=True)])
            blocks = [np.where(on, -1.0, 1.0)[:, None] * rows for on in chosen]
            cone = np.zeros((n * n_neurons, G.shape[1] + n))
            for i, block in enumerate(blocks):
                cone[i * n : (i + 1) * n, i * rows.shape[1] : (i + 1) * rows.shape[1]] = block
            if loss == "absolute":
                A = np.vstack([np.hstack([G, -np.eye(n)]), np.hstack([-G, -np.eye(n)])])
                b = np.concatenate([y, -y])
            else:
                A, b = np.hstack([-y[:, None] * G, -np.eye(n)]), -np.ones(n)
            cost = np.append(np.zeros(G.shape[1]), np.ones(n) / n)
            if loss == "squared":
                ask = {"type": "ineq", "fun": lambda t, c=-cone[:, : G.shape[1]]: c @ t}

                def squares(t, G=G):
                    return np.mean((G @ t - y) ** 2), 2 * G.T @ (G @ t - y) / n

                start = np.zeros(G.shape[1])
                found = minimize(squares, start, jac=True, method="SLSQP", constraints=ask)
                best = min(best, found.fun)
                continue
            limits = [(None, None)] * G.shape[1] + [(0, None)] * n
            found = linprog(
                cost, np.vstack([A, cone]), np.append(b, zero[:, :n_neurons]), bounds=limits
            )
            best = min(best, found.fun)
    return best


@pytest.mark.parametrize(
    ("n_samples", "n_inputs", "stated"), [(6, 1, 12), (5, 2, 22), (6, 2, 32), (6, 3, 52)]
)
def test_s5_dichotomies_are_as_many_as_cover_says(n_samples, n_inputs, stated):
    X, _ = data(n_samples, n_inputs, 0)
    cones = neuron_cones(X, DEFAULT_TOLERANCES)
    assert dichotomy_bound(n_samples, n_inputs) == stated
    assert len(cones) + 1 == stated  # the one that is active nowhere is left out
    assert all(members.size >= n_inputs + 1 for members in cones.members)


@pytest.mark.parametrize("loss", LOSSES)
@pytest.mark.parametrize("n_inputs", [1, 2])
def test_s5_realisable_labels_are_fitted_without_loss(n_inputs, loss):
    X, _ = data(7 if n_inputs == 1 else 6, n_inputs, 3)
    rng = np.random.default_rng(4)
    a, b = rng.normal(size=(2, n_inputs)), rng.normal(size=2)
    scores = np.maximum(X @ a.T + b, 0) @ [1.0, -1.0]
    y = np.where(scores > 0, 1.0, -1.0) if loss == "hinge" else scores
    if loss == "hinge":
        X, y = X[scores != 0], y[scores != 0]  # labels by the sign of a network's score
    found = train_to_global_optimum(X, y, 2, loss=loss)
    assert found.loss <= 1e-12
    assert found.optimal


@pytest.mark.parametrize("loss", LOSSES)
@pytest.mark.parametrize(("n_samples", "n_inputs", "n_neurons"), [(5, 1, 1), (4, 1, 2), (5, 2, 1)])
def test_s5_loss_equals_that_of_brute_force(n_samples, n_inputs, n_neurons, loss):
    X, y = data(n_samples, n_inputs, 5, loss)
    found = train_to_global_optimum(X, y, n_neurons, loss=loss)
    np.testing.assert_allclose(found.loss, best_by_brute_force(X, y, n_neurons, loss), atol=1e-6)


@pytest.mark.parametrize("loss", LOSSES)
def test_s5_no_random_restart_beats_it(loss):
    X, y = data(6, 1, 7, loss)
    found = train_to_global_optimum(X, y, 2, loss=loss)
    rng = np.random.default_rng(8)

    def objective(theta):
        a, b, v = theta.reshape(3, 2)
        return mean_loss(loss, np.maximum(X * a + b, 0) @ v, y)

    starts = rng.normal(size=(25, 6))
    fitted = [
        minimize(objective, t, method="Nelder-Mead", options={"maxiter": 600}).fun for t in starts
    ]
    assert found.optimal
    assert found.loss <= min(fitted) + 1e-9
    assert min(fitted) < 3 * found.loss + 0.5  # the restarts are no straw man


@pytest.mark.parametrize("loss", LOSSES)
def test_the_network_attains_the_loss_and_says_how_it_was_proven(loss):
    X, y = data(5, 2, 9, loss)
    found = train_to_global_optimum(X, y, 1, loss=loss)
    np.testing.assert_allclose(mean_loss(loss, found.network(X), y), found.loss, atol=1e-12)
    assert found.network.widths == (1,)
    assert found.n_programs == 2 * 21
    assert found.n_solved == found.n_programs or found.loss < 1e-12
    assert found.certificate.holds


def test_more_neurons_never_do_worse():
    X, y = data(5, 1, 11)
    losses = [train_to_global_optimum(X, y, w).loss for w in (1, 2, 3)]
    assert losses[0] >= losses[1] - 1e-12 >= losses[2] - 2e-12


def test_rows_on_a_line_and_rows_that_stand_twice_are_taken():
    X = np.array([[0.0, 0.0], [1.0, 2.0], [2.0, 4.0], [2.0, 4.0], [3.0, 6.0]])
    y = np.array([0.0, 1.0, 0.0, 1.0, 2.0])
    plane = train_to_global_optimum(X, y, 2)
    line = train_to_global_optimum(X[:, :1], y, 2)
    np.testing.assert_allclose(plane.loss, line.loss, atol=1e-9)
    assert plane.optimal
    one = train_to_global_optimum([[1.0], [1.0]], [0.0, 2.0], 1)
    np.testing.assert_allclose(one.loss, 1.0)


def test_too_many_programs_are_refused_with_their_number_before_any_is_solved():
    X, y = data(10, 2, 0)
    assert count_programs(91, 2) == 16_471
    with pytest.raises(SizeError, match="91 dichotomies and 2 neurons make 16,471 convex programs"):
        train_to_global_optimum(X, y, 2, max_programs=1000)
    with pytest.raises(SizeError, match="1000 rows of 3 inputs have up to"):
        train_to_global_optimum(np.zeros((1000, 3)), np.zeros(1000), 1)


def test_a_time_limit_leaves_the_optimum_undecided():
    X, y = data(6, 1, 0)
    found = train_to_global_optimum(X, y, 2, time_limit=0.0)
    assert found.stopped == "the time limit"
    assert found.n_solved < found.n_programs
    assert not found.optimal
    assert found.certificate.status == "undecided"


@pytest.mark.parametrize(
    ("X", "y", "n_neurons", "loss", "message"),
    [
        ([[0.0]], [0.0, 1.0], 1, "squared", "a target a row"),
        ([[0.0]], [0.0], 0, "squared", "n_neurons must be at least 1"),
        ([[0.0]], [0.0], 1, "cubic", "loss must be one of 'squared', 'absolute', 'hinge'"),
        ([[0.0]], [0.0], 1, "hinge", "targets -1 and 1"),
        ([[np.nan]], [0.0], 1, "squared", "finite numbers"),
    ],
)
def test_data_and_options_that_do_not_fit_are_refused(X, y, n_neurons, loss, message):
    with pytest.raises(ArgumentError, match=message):
        train_to_global_optimum(X, y, n_neurons, loss=loss)


def test_a_number_of_programs_beyond_float64_is_still_named():
    X, y = np.arange(300 * 20.0).reshape(300, 20), np.zeros(300)
    with pytest.raises(SizeError, match=r"which make .*e\+\d{4} programs"):
        train_to_global_optimum(X, y, 60)
    with pytest.raises(ArgumentError, match=r"n_neurons must be a whole number, got 1\.5"):
        train_to_global_optimum([[0.0]], [0.0], 1.5)
