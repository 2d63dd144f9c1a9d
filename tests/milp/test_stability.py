import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from explainrelu.errors import ArgumentError, InputTypeError
from explainrelu.geometry.box import Box
from explainrelu.milp.stability import METHODS, stability
from explainrelu.network.network import Layer, ReluNetwork
from explainrelu.network.patterns import unpack
from explainrelu.regions.enumeration import enumerate_regions
from tests.milp.networks import random_network

SHARED = Path(__file__).resolve().parents[3] / "shared" / "data"
SMALL = Box([-0.5] * 3, [0.5] * 3)
COMPLETE = ("auto", "milp", "single")


def states_of_regions(network: ReluNetwork, box: Box) -> list[str]:
    """What each neuron does, read off every region of the box."""
    regions = enumerate_regions(network, box)
    assert regions.complete
    bits = unpack(network, regions.patterns)
    found = np.where(bits.all(axis=0), "stably active", "unstable")
    return np.where(~bits.any(axis=0), "stably inactive", found).tolist()


@pytest.mark.parametrize("method", COMPLETE)
@pytest.mark.parametrize("carried", [0.0, 0.3])
@pytest.mark.parametrize("seed", range(4))
def test_states_are_those_the_regions_show(seed, carried, method):
    network = random_network((3, 8, 7, 6, 1), seed, carried)
    found = stability(network, SMALL, method=method)
    assert found["state"].tolist() == states_of_regions(network, SMALL)


@pytest.mark.parametrize("method", METHODS)
def test_what_is_proven_is_never_wrong(method):
    network = random_network((3, 8, 7, 6, 1), 11)
    truth = states_of_regions(network, SMALL)
    found = stability(network, SMALL, method=method)
    for state, own in zip(found["state"], truth, strict=True):
        assert state in (own, "undecided")


@pytest.mark.parametrize("method", COMPLETE)
def test_planted_stable_neurons_are_all_found(method):
    network = random_network((4, 12, 10, 1), 5)
    layers = []
    for layer in network.layers:
        bias = layer.bias.copy()
        bias[:3], bias[3:6] = -60.0, 60.0
        layers.append(replace(layer, bias=bias))
    planted = replace(network, layers=tuple(layers))
    found = stability(planted, Box([-1] * 4, [1] * 4), method=method).set_index(["layer", "neuron"])
    for i in (1, 2):
        assert (found.loc[i].loc[1:3, "state"] == "stably inactive").all()
        assert (found.loc[i].loc[4:6, "state"] == "stably active").all()


def test_milp_gives_the_exact_range_of_what_bounds_leave_open():
    network = random_network((3, 7, 6, 1), 2)
    found = stability(network, SMALL, method="milp")
    points = SMALL.sample(20_000, np.random.default_rng(0))
    z = np.hstack(network.preactivations(points))
    open_ = (found["state"] == "unstable").to_numpy()
    assert (found["lower"] <= z.min(axis=0) + 1e-7).all()
    assert (found["upper"] >= z.max(axis=0) - 1e-7).all()
    assert (found["upper"] - z.max(axis=0))[open_].max() < 0.2  # as near as points get to corners


def test_carried_units_are_not_listed():
    network = random_network((3, 8, 7, 1), 0, 0.4)
    found = stability(network, SMALL)
    assert len(found) == network.n_neurons
    first = network.layers[0]
    listed = found.loc[found["layer"] == 1, "neuron"] - 1
    assert listed.tolist() == np.flatnonzero(first.rectified).tolist()


def test_zero_counts_as_inactive_and_touching_zero_as_stable():
    weights = [[[0.0], [1.0], [1.0], [-1.0]], [[1.0, 1.0, 1.0, 1.0]]]
    network = ReluNetwork.from_weights(weights, [[0.0, -1.0, 1.0, 0.5], [0.0]])
    found = stability(network, Box([-1.0], [1.0]))
    assert found["state"].tolist() == [
        *("stably inactive", "stably inactive", "stably active", "unstable"),
    ]


def test_rows_of_the_data_are_named_as_what_refutes():
    network = ReluNetwork.from_weights([[[1.0]], [[1.0]]], [[0.0], [0.0]])
    found = stability(network, Box([-1.0], [1.0]), X=[[-1.0], [1.0]])
    assert found[["state", "proven_by"]].to_numpy().tolist() == [["unstable", "data"]]


def test_a_time_limit_leaves_neurons_undecided_with_sound_bounds():
    network = random_network((6, 30, 30, 30, 1), 1)
    box = Box([-0.3] * 6, [0.3] * 6)
    found = stability(network, box, time_limit=1e-3)
    assert (found["state"] == "undecided").any()
    assert (found.loc[found["state"] == "undecided", "proven_by"] == "").all()
    z = np.hstack(network.preactivations(box.sample(3000, np.random.default_rng(0))))
    assert (found["lower"] <= z.min(axis=0) + 1e-9).all()
    assert (found["upper"] >= z.max(axis=0) - 1e-9).all()


def test_states_do_not_depend_on_the_seed():
    network = random_network((3, 8, 7, 6, 1), 3)
    found = [stability(network, SMALL, random_state=seed)["state"].tolist() for seed in range(3)]
    assert found[0] == found[1] == found[2]


def test_a_network_without_hidden_layers_has_an_empty_table():
    found = stability(random_network((3, 1), 0), SMALL)
    assert found.empty
    assert list(found.columns) == ["layer", "neuron", "lower", "upper", "state", "proven_by"]


def test_an_unknown_method_is_refused():
    with pytest.raises(ArgumentError, match=r"method must be one of auto, .* got 'guess'"):
        stability(random_network((3, 4, 1), 0), SMALL, method="guess")


def test_a_domain_that_is_no_box_of_the_inputs_is_refused():
    network = random_network((3, 4, 1), 0)
    with pytest.raises(ArgumentError, match="must have the network's 3 inputs, got 2"):
        stability(network, Box([0, 0], [1, 1]))
    with pytest.raises(InputTypeError, match="domain must be a Box"):
        stability(network, "everywhere")


def test_an_unbounded_domain_is_refused():
    with pytest.raises(ArgumentError, match="one finite bound an input"):
        Box([-np.inf] * 3, [1.0] * 3)


def test_sparse_layers_are_read_as_they_are():
    rng = np.random.default_rng(0)
    weight = rng.normal(size=(300, 300)) * (rng.random((300, 300)) < 0.02)
    layer = Layer(weight, rng.normal(size=300), np.ones(300, np.bool_))
    assert not isinstance(layer.weight, np.ndarray)
    head = random_network((300, 1), 0)
    network = replace(head, layers=(layer,))
    found = stability(network, Box([-1] * 300, [1] * 300))
    assert (found["state"] != "undecided").all()


@pytest.mark.skipif(not SHARED.is_dir(), reason="the published networks are not here")
@pytest.mark.parametrize(
    ("name", "property_"),
    [
        ("5_8", 3),
        ("1_9", 4),
        pytest.param("2_2", 4, marks=pytest.mark.slow),
        pytest.param("3_3", 3, marks=pytest.mark.slow),
    ],
)
def test_published_networks_have_the_states_their_regions_show(name, property_):
    pytest.importorskip("onnx")
    from explainrelu.importers.from_onnx import from_onnx

    problem = json.loads((SHARED / "acasxu_properties.json").read_text())
    box = problem["properties"][f"property_{property_}"]
    network = from_onnx(SHARED / "nets" / "acasxu" / f"ACASXU_run2a_{name}_batch_2000.onnx")
    domain = Box(box["input_lower"], box["input_upper"])
    found = stability(network, domain, method="auto")
    assert found["state"].tolist() == states_of_regions(network, domain)
