"""A network with a layer in sparse rows is the same network."""

from dataclasses import replace

import numpy as np
import pytest
from scipy import sparse

import explainrelu as xr
from explainrelu.arrays import dense
from explainrelu.errors import ArchiveError
from explainrelu.geometry.box import Box
from explainrelu.importers.archive.weights import named_weight, stored_weight
from explainrelu.network.bounds import interval_bounds
from explainrelu.network.network import AffineMap, Layer, ReluNetwork
from explainrelu.network.outputs import OutputSchema
from explainrelu.network.patterns import activation_patterns, affine_maps, preactivation_forms
from explainrelu.network.schema import InputSchema
from tests.oracles import forward_exact

N = 260


def sparse_network() -> ReluNetwork:
    """260 inputs, a banded layer with carried units, a dense layer of 6 units, one output."""
    rng = np.random.default_rng(0)
    band = sparse.diags_array(
        [rng.integers(-3, 4, N - abs(k)) for k in (-1, 0, 2)], offsets=[-1, 0, 2], dtype=np.float64
    )
    first = Layer(sparse.csr_array(band), rng.integers(-2, 3, N), np.arange(N) % 5 > 0)
    second = Layer(rng.integers(-1, 2, (6, N)), rng.integers(-2, 3, 6), np.ones(6, bool))
    output = AffineMap(rng.integers(-2, 3, (1, 6)), [1.0])
    assert sparse.issparse(first.weight)
    return ReluNetwork((first, second), output, InputSchema.numbered(N), OutputSchema.numbered(1))


NETWORK = sparse_network()
POINTS = np.random.default_rng(1).integers(-2, 3, (7, N)).astype(np.float64)


def test_it_computes_what_fractions_compute():
    expected = [[float(score) for score in forward_exact(NETWORK, p)] for p in POINTS]
    assert NETWORK.forward(POINTS).tolist() == expected


def test_its_affine_maps_give_its_scores():
    weight, bias = affine_maps(NETWORK, activation_patterns(NETWORK, POINTS))
    scores = np.einsum("koi,ki->ko", weight, POINTS) + bias
    assert np.array_equal(scores, NETWORK.forward(POINTS))


def test_its_preactivation_forms_give_its_preactivations():
    pattern = activation_patterns(NETWORK, POINTS[:1])
    bits = np.unpackbits(pattern, axis=1, count=NETWORK.n_neurons)[0].astype(bool)
    weight, bias = preactivation_forms(NETWORK, bits)
    found = NETWORK.preactivations(POINTS[:1])
    expected = [z[0, layer.rectified] for z, layer in zip(found, NETWORK.layers, strict=True)]
    assert np.array_equal(weight @ POINTS[0] + bias, np.concatenate(expected))


def test_bounds_hold_and_are_met_in_the_first_layer():
    box = Box(POINTS.min(axis=0), POINTS.max(axis=0))
    bounds = interval_bounds(NETWORK, box)
    weight = dense(NETWORK.layers[0].weight)
    corner = np.where(weight[17] > 0, box.upper, box.lower)
    assert bounds.upper[0][17] == weight[17] @ corner + NETWORK.layers[0].bias[17]
    assert (NETWORK.forward(POINTS) <= bounds.output_upper).all()


def test_its_terms_are_as_large_as_their_sum_at_least():
    assert (NETWORK.term_sizes(POINTS) >= np.abs(NETWORK.forward(POINTS))).all()


def test_a_file_gives_it_back_bit_by_bit_and_small(tmp_path):
    path = tmp_path / "sparse.xrelu"
    xr.save(NETWORK, path)
    again = xr.load(path)
    assert again.fingerprint == NETWORK.fingerprint
    assert sparse.issparse(again.layers[0].weight)
    assert path.stat().st_size < N * N * 8 / 4


def test_the_fingerprint_is_of_the_numbers_not_of_how_they_are_held():
    first = NETWORK.layers[0]
    twin = replace(first)
    object.__setattr__(twin, "weight", dense(first.weight))
    assert replace(NETWORK, layers=(twin, *NETWORK.layers[1:])).fingerprint == NETWORK.fingerprint


def test_it_becomes_a_torch_module():
    torch = pytest.importorskip("torch")
    found = xr.to_torch(NETWORK)(torch.tensor(POINTS)).numpy()
    assert np.array_equal(found, NETWORK.forward(POINTS))


@pytest.mark.parametrize(
    ("part", "value"),
    [("columns", [-1]), ("columns", [N]), ("starts", [0]), ("shape", [N]), ("shape", [-1, 3])],
)
def test_parts_that_do_not_fit_each_other_are_refused(part: str, value: list[int]):
    arrays = named_weight("w", NETWORK.layers[0].weight)
    broken = arrays[f"w.{part}"].copy() if part == "columns" else np.array(value)
    if part == "columns":
        broken[5:6] = value
    with pytest.raises(ArchiveError, match=r"w.* sparse rows whose parts fit each other"):
        stored_weight("w", {**arrays, f"w.{part}": broken})
