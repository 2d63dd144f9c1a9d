from dataclasses import replace
from fractions import Fraction

import numpy as np
import pytest

from explainrelu.arrays import dense
from explainrelu.certificate import Status
from explainrelu.errors import ArgumentError
from explainrelu.exporters.to_torch import to_torch
from explainrelu.geometry.box import Box
from explainrelu.milp.difference import largest_difference
from explainrelu.network.bounds import Bounds
from explainrelu.network.difference import difference_network
from explainrelu.network.network import AffineMap, Layer, ReluNetwork
from explainrelu.regions.enumeration import enumerate_regions
from explainrelu.rewrites.compress import Compress, compress
from explainrelu.rewrites.compression.network import CompressedNetwork
from explainrelu.rewrites.compression.unit_proof import difference_bounds
from explainrelu.rewrites.rewrite import Reach
from tests.milp.networks import random_network
from tests.oracles import forward_exact

BOX = Box([-0.5] * 3, [0.5] * 3)


def planted(seed: int, carried: float = 0.0) -> ReluNetwork:
    """Two dead units, four active ones with dependent rows and other biases, in each layer."""
    network = random_network((3, 10, 9, 8, 2), seed, carried)
    layers = []
    for layer in network.layers:
        weight, bias = dense(layer.weight).copy(), layer.bias.copy()
        weight[5] = weight[2] - 2 * weight[3]
        bias[:2], bias[2:6] = -20.0, 20.0
        layers.append(Layer(weight, bias, layer.rectified))
    return replace(network, layers=tuple(layers))


CASES = [(seed, carried) for carried in (0.0, 0.3) for seed in range(4)]


@pytest.mark.parametrize(("seed", "carried"), CASES)
def test_scores_are_the_sources_on_every_joint_region(seed, carried):
    source = planted(seed, carried)
    smaller = compress(source, BOX)
    regions = enumerate_regions(difference_network(source, smaller.result), BOX)
    weight, bias = regions.affine_maps()
    assert regions.complete
    assert (
        max(np.abs(weight).max(), np.abs(bias).max())
        <= 1e-9 * np.abs(source.forward(BOX.sample(100, np.random.default_rng(0)))).max()
    )


@pytest.mark.parametrize(("seed", "carried"), CASES)
def test_the_certificate_holds_unit_by_unit_and_by_program(seed, carried):
    certificate = compress(planted(seed, carried), BOX).certificate
    assert certificate.holds
    names = [check.name for check in certificate.checks]
    assert "largest difference unit by unit" in names
    assert "largest difference by MILP" in names


@pytest.mark.parametrize(("seed", "carried"), CASES)
def test_compressing_twice_takes_out_nothing_more(seed, carried):
    once = compress(planted(seed, carried), BOX)
    twice = compress(once.result, BOX)
    assert len(once.removed) >= 9
    assert twice.removed.empty
    assert twice.result.fingerprint == once.result.fingerprint


def test_outside_the_domain_the_two_differ():
    source = planted(0)
    smaller = compress(source, BOX)
    far = Box([-40.0] * 3, [40.0] * 3)
    found = largest_difference(source, smaller.result, far, output="output 0", time_limit=5)
    assert not BOX.contains(found.witness[None])[0]
    assert found.value > 1.0
    assert smaller.guarantee.reach is Reach.DOMAIN


def test_dependent_rows_are_merged_whatever_the_biases():
    rows = [[1.0, 0.0], [0.0, 1.0], [1.0, 2.0], [1.0, -1.0]]
    source = ReluNetwork.from_weights([rows, [[1.0, 2.0, 3.0, 4.0]]], [[5.0, 6.0, 7.0, 0.0], [1.0]])
    smaller = compress(source, Box([-1, -1], [1, 1]))
    assert smaller.removed["reason"].tolist() == ["linearly dependent"]
    assert smaller.result.widths == (3,)
    point = [Fraction(1, 3), Fraction(-2, 7)]
    mine, own = forward_exact(smaller.result, point)[0], forward_exact(source, point)[0]
    assert float(mine - own) == pytest.approx(0.0, abs=1e-12)


def test_a_layer_that_is_linear_throughout_is_folded():
    source = ReluNetwork.from_weights(
        [[[1.0], [-1.0]], [[1.0, 1.0], [1.0, -1.0]], [[1.0, 2.0]]],
        [[0.0, 0.0], [3.0, 4.0], [0.5]],
    )
    smaller = compress(source, Box([-1.0], [1.0]))
    assert smaller.result.widths == (2,)
    assert smaller.removed[["layer", "reason"]].to_numpy().tolist() == [[2, "layer folded"]] * 2
    X = np.linspace(-1, 1, 41)[:, None]
    assert smaller(X) == pytest.approx(source(X), abs=1e-12)


def test_a_layer_that_is_zero_throughout_makes_the_network_constant():
    source = ReluNetwork.from_weights(
        [[[1.0], [-1.0]], [[1.0, 1.0]], [[-2.0], [1.0]], [[1.0, 3.0]]],
        [[0.0, 0.0], [-9.0], [0.5, -1.0], [0.25]],
    )
    smaller = compress(source, Box([-1.0], [1.0]))
    assert smaller.result.widths == ()
    assert smaller([[-1.0], [0.3]]).tolist() == [0.75, 0.75]
    assert smaller.certificate.holds
    assert set(smaller.removed["reason"]) == {"stably inactive", "constant network"}


def test_undecided_neurons_are_kept():
    source = random_network((6, 30, 30, 30, 1), 1)
    box = Box([-0.3] * 6, [0.3] * 6)
    smaller = compress(source, box, method="interval")
    undecided = smaller.stability.query("state == 'undecided'")[["layer", "neuron"]]
    gone = smaller.removed[["layer", "neuron"]]
    assert len(undecided)
    assert undecided.merge(gone).empty
    points = box.sample(500, np.random.default_rng(1))
    assert smaller(points) == pytest.approx(source(points), abs=1e-12)


def test_a_smaller_box_takes_out_more():
    source = random_network((4, 20, 20, 1), 3)
    point = np.full(4, 0.1)
    sizes = [len(compress(source, Box.around(point, r)).removed) for r in (1.0, 0.1, 1e-3)]
    assert sizes[0] < sizes[1] < sizes[2]
    assert sizes[2] == 40


def test_what_was_taken_out_stands_in_the_table():
    smaller = compress(planted(1, 0.3), BOX)
    before, after = sum(smaller.source.widths), sum(smaller.result.widths)
    assert len(smaller.removed) == before - after
    assert list(smaller.removed.columns) == ["layer", "neuron", "reason", "proven_by"]
    assert (smaller.removed["proven_by"] != "").all()


def test_the_result_goes_to_torch():
    torch = pytest.importorskip("torch")
    smaller = compress(planted(0), BOX)
    points = BOX.sample(50, np.random.default_rng(0))
    found = to_torch(smaller.result)(torch.tensor(points)).numpy()
    np.testing.assert_allclose(found, smaller.source.forward(points), atol=1e-9)


def test_the_result_goes_to_onnx_and_back(tmp_path):
    pytest.importorskip("onnx")
    from explainrelu.exporters.to_onnx import to_onnx
    from explainrelu.importers.import_model import import_model

    smaller = compress(planted(0), BOX)
    path = tmp_path / "small.onnx"
    to_onnx(smaller.result, path)
    points = BOX.sample(50, np.random.default_rng(0))
    back = import_model(path).forward(points)
    np.testing.assert_allclose(back, smaller.source.forward(points), rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize("where", ["weight", "bias", "output"])
def test_a_compression_that_is_broken_on_purpose_is_caught(where):
    how = Compress(BOX)
    rewrite = how(planted(2, 0.3))
    result = rewrite.network
    first = result.layers[0]
    weight, bias = dense(first.weight).copy(), first.bias.copy()
    weight[0, 0] += 1e-4 * (where == "weight")
    bias[0] += 1e-4 * (where == "bias")
    shift = 1e-4 * (where == "output")
    broken = replace(
        result,
        layers=(Layer(weight, bias, first.rectified), *result.layers[1:]),
        output=AffineMap(result.output.weight, result.output.bias + shift),
    )
    certificate = how.ensures(replace(rewrite, network=broken))
    assert certificate.status is Status.FAILS


@pytest.mark.parametrize(("seed", "carried"), CASES)
def test_the_bound_unit_by_unit_holds_of_a_wrong_result_too(seed, carried):
    rewrite = compress(planted(seed, carried), BOX)
    rng = np.random.default_rng(seed)
    layers = tuple(
        Layer(
            dense(layer.weight) + 0.01 * rng.normal(size=layer.weight.shape),
            layer.bias + 0.01 * rng.normal(size=layer.bias.shape),
            layer.rectified,
        )
        for layer in rewrite.network.layers
    )
    wrong = replace(rewrite.network, layers=layers)
    bound = _bound(rewrite, wrong, rewrite.bounds)
    points = BOX.sample(3000, rng)
    apart = np.abs(wrong.forward(points) - rewrite.source.forward(points)).max(axis=0)
    assert (apart <= bound).all()
    assert bound.max() > 1e-3


def _bound(rewrite: CompressedNetwork, result: ReluNetwork, bounds: Bounds) -> np.ndarray:
    return difference_bounds(
        rewrite.source, result, rewrite.kept, rewrite.settled, bounds, rewrite.domain
    )


def test_a_domain_without_a_level_is_refused():
    from tests.milp.test_encoding import WHOLE, levelled

    nobody = Box([-1, 0, 0, 0, 1], [1, 0, 0, 0, 5])
    with pytest.raises(ArgumentError, match="must hold a level of column 'job'"):
        compress(levelled(), nobody)
    assert compress(levelled(), WHOLE).certificate.holds


def test_the_source_is_untouched():
    source = planted(0)
    before = source.fingerprint
    assert compress(source, BOX).source is source
    assert source.fingerprint == before
