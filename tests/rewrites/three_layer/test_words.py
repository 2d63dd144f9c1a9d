"""Every neuron can say what it is."""

import pytest

from explainrelu.errors import ArgumentError
from explainrelu.network.network import ReluNetwork
from explainrelu.network.schema import InputSchema
from explainrelu.rewrites.convert import convert

NETWORK = ReluNetwork.from_weights(
    [[[1.0], [2.0]], [[2.0, 0.0]]],
    [[-3.0, 1.0], [1.0]],
    schema=InputSchema.numeric(["age"]),
)
SHALLOW = convert(NETWORK, [[5.0], [5.5], [0.0]])


@pytest.mark.parametrize(
    ("layer", "neuron", "words"),
    [
        (1, 0, "max(0, age)"),
        (1, 1, "max(0, -age)"),
        (1, 2, "max(0, -3 + age): unit 0 of layer 1 of the source, in every cell"),
        (2, 3, "carried on: max(0, 1 + 2 * age): unit 1 of layer 1 of the source, in every cell"),
        (2, 4, "1 where -3 + age <= 0, else 0: unit 0 of layer 1 of the source, in every cell"),
        (4, 0, "score: the plus neurons of its cells less the minus neurons"),
    ],
)
def test_a_neuron_says_what_it_is(layer, neuron, words):
    assert SHALLOW.describe(layer, neuron) == words


def test_a_voice_names_its_region_and_formula():
    words = SHALLOW.describe(3, 0)
    assert words.startswith(f"plus neuron of score in region {SHALLOW.regions.names[0]}")
    assert "max(0, -5 + 2 * age), silenced unless all 2 conditions" in words
    assert "max(0, -(-5 + 2 * age))" in SHALLOW.describe(3, 1)


def test_every_neuron_has_words():
    for layer, size in zip((1, 2, 3), SHALLOW.sizes, strict=True):
        assert all(SHALLOW.describe(layer, i) for i in range(size))


@pytest.mark.parametrize(("layer", "neuron"), [(0, 0), (5, 0), (1, 99), (3, -1)])
def test_a_neuron_that_is_none_is_refused(layer, neuron):
    with pytest.raises(ArgumentError, match="must be"):
        SHALLOW.describe(layer, neuron)
