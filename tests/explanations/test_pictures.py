"""Samples with a shape of their own: explanations have that shape too."""

import numpy as np
import pytest

import explainrelu as xr
from explainrelu.errors import ArgumentError, DataError, SizeError
from explainrelu.network.network import AffineMap, Layer, ReluNetwork
from explainrelu.network.outputs import OutputSchema
from explainrelu.network.schema import InputSchema

SHAPE = (2, 3, 4)
PICTURES = np.random.default_rng(0).normal(size=(5, *SHAPE))


def network(n_outputs: int) -> ReluNetwork:
    rng = np.random.default_rng(1)
    layer = Layer(rng.normal(size=(8, 24)), rng.normal(size=8), np.ones(8, bool))
    output = AffineMap(rng.normal(size=(n_outputs, 8)), np.zeros(n_outputs))
    return ReluNetwork(
        (layer,), output, InputSchema.pictured(SHAPE), OutputSchema.numbered(n_outputs)
    )


def test_pictures_and_their_rows_have_the_same_scores():
    assert np.array_equal(network(1)(PICTURES), network(1)(PICTURES.reshape(5, -1)))


@pytest.mark.parametrize("n_outputs", [1, 3])
def test_the_values_of_a_picture_have_its_shape_and_add_up(n_outputs: int):
    found = xr.explain(network(n_outputs), PICTURES)
    behind = () if n_outputs == 1 else (3,)
    assert found.values.shape == (5, *SHAPE, *behind)
    total = found.base_values + found.values.sum(axis=(1, 2, 3))
    assert np.allclose(total, network(n_outputs)(PICTURES), rtol=0, atol=1e-12)
    assert found.column_values.shape == (5, 24, *behind)


def test_a_value_stands_at_the_place_of_its_number():
    # the score is the number at [1, 2, 3] alone
    weight = np.zeros((1, 24))
    weight[0, np.ravel_multi_index((1, 2, 3), SHAPE)] = 2.0
    plain = ReluNetwork(
        (), AffineMap(weight, [0.0]), InputSchema.pictured(SHAPE), OutputSchema.numbered(1)
    )
    found = xr.explain(plain, PICTURES, baseline=np.zeros(SHAPE))
    expected = np.zeros_like(PICTURES)
    expected[:, 1, 2, 3] = 2.0 * PICTURES[:, 1, 2, 3]
    assert np.array_equal(found.values, expected)
    frame = found.to_frame()
    assert set(frame.feature[frame.attribution != 0.0]) == {"x[1,2,3]"}


def test_shap_gets_pictures_with_their_values():
    found = xr.explain(network(3), PICTURES).to_shap()
    assert found.values.shape == (5, *SHAPE, 3)
    assert np.array_equal(found.data, PICTURES)


def test_a_tensor_that_asks_for_a_gradient_is_read():
    torch = pytest.importorskip("torch")
    given = torch.tensor(PICTURES, dtype=torch.float32, requires_grad=True)
    expected = network(1)(PICTURES.astype(np.float32).astype(np.float64))
    assert np.array_equal(network(1)(given), expected)


def test_the_ranking_of_pictures_has_one_row_a_number():
    table = xr.rank_features(network(1), PICTURES, by="contribution")
    assert len(table) == 24
    assert set(table.feature) == set(InputSchema.pictured(SHAPE).names)


@pytest.mark.parametrize(
    ("pictures", "message"),
    [
        (PICTURES[0], r"shape \(n_samples, 2, 3, 4\), .* got shape \(2, 3, 4\). For one sample"),
        (PICTURES.transpose(0, 2, 3, 1), r"got shape \(5, 3, 4, 2\)"),
        (PICTURES.reshape(5, -1)[:, :9], "must have 24 columns"),
    ],
)
def test_pictures_of_another_shape_are_refused(pictures: np.ndarray, message: str):
    with pytest.raises(ValueError, match=message):
        network(1)(pictures)


def test_missing_numbers_in_a_picture_are_refused_by_place():
    broken = PICTURES.copy()
    broken[2, 1, 0, 3] = np.nan
    with pytest.raises(DataError, match=r"x\[1,0,3\]"):
        network(1)(broken)


def test_a_shape_needs_as_many_columns_as_it_has_places():
    with pytest.raises(ArgumentError, match=r"shape \(2, 2\) must have 4 numeric columns, got 3"):
        InputSchema(InputSchema.numbered(3).columns, (2, 2))


def test_a_file_keeps_the_shape(tmp_path):
    xr.save(network(1), tmp_path / "p.xrelu")
    assert xr.load(tmp_path / "p.xrelu").schema.shape == SHAPE


def test_a_report_of_pictures_is_written(tmp_path):
    found = xr.report(network(3), PICTURES, shap=False, max_rules=2)
    page = found.to_html(tmp_path / "pictures.html").read_text(encoding="utf-8")
    assert "x[1,2,3]" in page


def test_regions_of_too_many_inputs_and_units_have_no_facets():
    rng = np.random.default_rng(0)
    wide = ReluNetwork.from_weights(
        [rng.normal(size=(1500, 1400)), rng.normal(size=(1, 1500))], [np.zeros(1500), [0.0]]
    )
    rows = rng.normal(size=(3, 1400))
    rules = xr.extract_rules(wide, rows, max_rules=1)
    with pytest.raises(SizeError, match="1,500 half-spaces over 1,400 inputs"):
        rules.to_frame()
    with pytest.raises(SizeError, match="1,500 times 1,400"):
        xr.convert(wide, rows)
    with pytest.raises(SizeError, match="1,500"):
        xr.report(wide, rows, shap=False)
