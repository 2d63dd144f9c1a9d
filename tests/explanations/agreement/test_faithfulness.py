"""Deletion, insertion and infidelity against their definitions."""

from itertools import chain, combinations

import numpy as np
import pytest

from explainrelu.errors import ArgumentError
from explainrelu.explanations.agreement.faithfulness import faithfulness
from explainrelu.network.network import ReluNetwork
from tests import models


def network(seed=0, n_inputs=4):
    rng = np.random.default_rng(seed)
    weights = [rng.normal(size=(6, n_inputs)), rng.normal(size=(1, 6))]
    return ReluNetwork.from_weights(weights, [rng.normal(size=6), rng.normal(size=1)])


def literal(net, x, a, b):
    """The three figures of one row, as the legend has them."""
    order = sorted(range(len(x)), key=lambda j: -a[j])

    def score(columns, inside, outside):
        row = [inside[j] if j in columns else outside[j] for j in range(len(x))]
        return net([row])[0]

    prefixes = [set(order[:i]) for i in range(len(x) + 1)]
    weights = np.array([0.5, *[1.0] * (len(x) - 1), 0.5]) / len(x)
    deletion = weights @ [score(s, b, x) for s in prefixes]
    insertion = weights @ [score(s, x, b) for s in prefixes]
    sets = chain.from_iterable(combinations(range(len(x)), k) for k in range(1, len(x) + 1))
    misses = [sum(a[j] for j in s) - (net([x])[0] - score(set(s), b, x)) for s in sets]
    return deletion, insertion, np.mean(np.square(misses))


@pytest.mark.parametrize("seed", range(3))
def test_figures_are_those_of_the_definition(seed):
    rng, net = np.random.default_rng(seed), network(seed)
    X, values, start = rng.normal(size=(3, 4)), rng.normal(size=(3, 4)), rng.normal(size=4)
    [found] = faithfulness(
        net, X, {"mine": values}, baseline=dict(zip(net.schema.names, start, strict=True))
    ).itertuples()
    rows = [literal(net, x, a, start) for x, a in zip(X, values, strict=True)]
    expected = np.mean(rows, axis=0)
    np.testing.assert_allclose([found.deletion, found.insertion, found.infidelity], expected)
    assert found.exactness == "exact"


def test_sets_are_drawn_of_many_columns_and_say_so():
    model, X, _ = models.breast_cancer()
    first, again = (faithfulness(model, X[:5], ["local_linear"], n_subsets=50) for _ in range(2))
    assert first["exactness"].eq("estimated").all()
    assert first.equals(again)


def test_a_good_order_lets_the_score_fall_sooner():
    net = ReluNetwork.from_weights([[[3.0, 1.0, -2.0]]], [[0.0]])
    X = np.ones((4, 3))
    good = np.tile([3.0, 1.0, -2.0], (4, 1))
    start = dict.fromkeys(net.schema.names, 0.0)
    table = faithfulness(net, X, {"good": good, "bad": -good}, baseline=start)
    good, bad = table.set_index("attribution")["difference"]
    assert good > bad


def test_no_subsets_are_refused():
    with pytest.raises(ArgumentError, match="n_subsets"):
        faithfulness(network(), np.ones((2, 4)), ["local_linear"], n_subsets=0)
