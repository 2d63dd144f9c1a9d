import os
import subprocess
import sys

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from explainrelu.network.network import AffineMap, ReluNetwork
from explainrelu.network.patterns import (
    activation_patterns,
    affine_maps,
    layer_masks,
    pattern_keys,
    preactivation_forms,
    region_names,
    unpack,
)
from tests.oracles import pattern_exact, pattern_map_exact, preactivations_exact
from tests.strategies import networks_and_points

INTEGER_CASES = networks_and_points(integer=True)
PATTERNS = hnp.arrays(
    np.uint8, st.tuples(st.integers(1, 6), st.integers(0, 20)), elements=st.integers(0, 255)
)


def patterns_of(network: ReluNetwork, points: np.ndarray) -> np.ndarray:
    return unpack(network, activation_patterns(network, points))


@settings(max_examples=150)
@given(INTEGER_CASES)
def test_patterns_are_those_of_exact_arithmetic_on_kinks_too(case):
    network, points = case
    for point, bits in zip(points, patterns_of(network, points), strict=True):
        assert tuple(bits.tolist()) == pattern_exact(network, point)


def test_a_preactivation_of_exactly_zero_is_inactive():
    network = ReluNetwork.from_weights([np.ones((3, 1)), np.ones((1, 3))], [[0.0, -1.0, 1.0], [0]])
    bits = patterns_of(network, np.array([[0.0], [-0.0], [1.0], [5e-324]]))
    assert bits.tolist() == [
        [False, False, True],
        [False, False, True],
        [True, False, True],
        [True, False, True],
    ]


def test_patterns_are_packed_eight_neurons_to_the_byte():
    network = ReluNetwork.from_weights([np.ones((9, 1)), np.ones((1, 9))], [np.zeros(9), [0.0]])
    assert activation_patterns(network, np.array([[1.0], [-1.0]])).tolist() == [[255, 128], [0, 0]]


@settings(max_examples=100)
@given(INTEGER_CASES)
def test_maps_of_integer_networks_are_exact(case):
    network, points = case
    packed = activation_patterns(network, points)
    weight, bias = affine_maps(network, packed)
    for i, bits in enumerate(unpack(network, packed)):
        exact_weight, exact_bias = pattern_map_exact(network, bits)
        assert weight[i].tolist() == exact_weight
        assert bias[i].tolist() == exact_bias


@settings(max_examples=100)
@given(networks_and_points())
def test_the_map_of_a_points_pattern_gives_its_score(case):
    network, points = case
    weight, bias = affine_maps(network, activation_patterns(network, points))
    scores = np.einsum("nij,nj->ni", weight, points) + bias
    assert scores == pytest.approx(network.forward(points), abs=1e-8)


@settings(max_examples=100)
@given(networks_and_points())
def test_the_map_is_the_slope_wherever_the_pattern_stays(case):
    network, points = case
    packed = activation_patterns(network, points)
    weight, _ = affine_maps(network, packed)
    for j in range(network.n_inputs):
        step = 2.0**-10 * np.eye(network.n_inputs)[j]
        above, below = points + step, points - step
        stays = (activation_patterns(network, above) == packed).all(axis=1)
        stays &= (activation_patterns(network, below) == packed).all(axis=1)
        slope = (network.forward(above) - network.forward(below)) / 2.0**-9
        assert slope[stays] == pytest.approx(weight[stays][:, :, j], abs=1e-7)


@settings(max_examples=60)
@given(INTEGER_CASES, st.integers(1, 3))
def test_another_output_map_may_stand_behind(case, n_scores: int):
    network, points = case
    rng = np.random.default_rng(n_scores)
    combine = rng.integers(-2, 3, size=(n_scores, network.n_outputs)).astype(float)
    other = AffineMap(combine @ network.output.weight, combine @ network.output.bias)
    packed = activation_patterns(network, points)
    weight, bias = affine_maps(network, packed, other)
    own_weight, own_bias = affine_maps(network, packed)
    assert (weight == combine @ own_weight).all()
    assert (bias == own_bias @ combine.T).all()


def test_maps_computed_in_chunks_are_those_of_single_patterns():
    rng = np.random.default_rng(0)
    network = ReluNetwork.from_weights(
        [rng.normal(size=(4096, 3)), rng.normal(size=(8, 4096))],
        [rng.normal(size=4096), np.ones(8)],
    )
    packed = activation_patterns(network, rng.normal(size=(40, 3)))
    weight, bias = affine_maps(network, packed)
    for i in (0, 15, 16, 39):
        one_weight, one_bias = affine_maps(network, packed[[i]])
        assert weight[[i]] == pytest.approx(one_weight, rel=1e-12)
        assert bias[[i]] == pytest.approx(one_bias, rel=1e-12)


@settings(max_examples=100)
@given(INTEGER_CASES)
def test_preactivation_forms_give_every_preactivation_of_the_point(case):
    network, points = case
    for point, bits in zip(points, patterns_of(network, points), strict=True):
        weight, bias = preactivation_forms(network, bits)
        exact = [
            z
            for layer, zs in zip(network.layers, preactivations_exact(network, point), strict=True)
            for z, rectified in zip(zs, layer.rectified, strict=True)
            if rectified
        ]
        assert (weight @ point + bias).tolist() == exact


def test_masks_hold_one_for_carried_units_and_the_bit_for_others():
    network = ReluNetwork.from_weights([np.eye(2), np.eye(2)], [np.zeros(2), np.zeros(2)])
    packed = activation_patterns(network, np.array([[1.0, -1.0]]))
    assert [mask.tolist() for mask in layer_masks(network, packed)] == [[[1.0, 0.0]]]


def test_a_network_without_neurons_has_one_empty_pattern():
    network = ReluNetwork.from_weights([[[2.0, -1.0]]], [[3.0]])
    packed = activation_patterns(network, np.zeros((4, 2)))
    weight, bias = affine_maps(network, packed)
    assert packed.shape == (4, 0)
    assert weight.tolist() == [[[2.0, -1.0]]] * 4
    assert bias.tolist() == [[3.0]] * 4
    assert preactivation_forms(network, np.zeros(0, bool))[0].shape == (0, 2)
    assert len(set(pattern_keys(packed).tolist())) == 1


def test_no_patterns_make_no_maps():
    network = ReluNetwork.from_weights([np.ones((2, 1)), np.ones((1, 2))], [[0.0, 1.0], [0.0]])
    weight, bias = affine_maps(network, np.zeros((0, 1), np.uint8))
    assert (weight.shape, bias.shape) == ((0, 1, 1), (0, 1))


@settings(max_examples=100)
@given(PATTERNS)
def test_keys_tell_patterns_apart_and_know_equal_ones(packed: np.ndarray):
    keys = pattern_keys(packed)
    assert keys.dtype == np.int64
    for i in range(len(packed)):
        assert ((packed == packed[i]).all(axis=1) == (keys == keys[i])).all()


def test_keys_of_many_patterns_do_not_collide():
    numbers = np.arange(1 << 16, dtype=">u2").view(np.uint8).reshape(-1, 2)
    wide = np.zeros((1 << 16, 40), np.uint8)
    wide[:, [3, 37]] = numbers
    for packed in (numbers, wide):
        assert len(np.unique(pattern_keys(packed))) == 1 << 16
        assert len(np.unique(region_names(pattern_keys(packed)))) == 1 << 16


def test_keys_depend_on_the_width_of_the_pattern():
    keys = {int(pattern_keys(np.zeros((1, n), np.uint8))[0]) for n in range(20)}
    assert len(keys) == 20


def test_keys_do_not_depend_on_how_the_array_lies_in_memory():
    packed = np.arange(60, dtype=np.uint8).reshape(6, 10)
    assert (pattern_keys(np.asfortranarray(packed)) == pattern_keys(packed)).all()
    assert (pattern_keys(packed[::2]) == pattern_keys(packed)[::2]).all()


def test_keys_and_names_are_the_same_in_every_process():
    code = (
        "import numpy as np\n"
        "from explainrelu.network.patterns import pattern_keys, region_names\n"
        "keys = pattern_keys(np.arange(60, dtype=np.uint8).reshape(6, 10))\n"
        "print(keys.tolist(), region_names(keys).tolist())"
    )
    printed = {
        subprocess.run(
            [sys.executable, "-c", code],
            env={**os.environ, "PYTHONHASHSEED": seed},
            capture_output=True,
            text=True,
            check=True,
        ).stdout
        for seed in ("1", "2")
    }
    keys = pattern_keys(np.arange(60, dtype=np.uint8).reshape(6, 10))
    assert printed == {f"{keys.tolist()} {region_names(keys).tolist()}\n"}


def test_names_are_twelve_letters_and_digits_none_easily_misread():
    names = region_names(pattern_keys(np.arange(200, dtype=np.uint8).reshape(-1, 1)))
    assert {len(name) for name in names} == {12}
    assert set("".join(names)) <= set("0123456789abcdefghjkmnpqrstvwxyz")
