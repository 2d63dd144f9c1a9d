import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn import metrics

from explainrelu.explanations.diagnosis.grouped_rows import GroupedRows, wilson_interval


@st.composite
def labelled_rows(draw: st.DrawFn) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Codes of four groups, scores with many ties, and flags."""
    n = draw(st.integers(0, 30))
    codes = draw(st.lists(st.integers(0, 3), min_size=n, max_size=n))
    scores = draw(st.lists(st.integers(-2, 2), min_size=n, max_size=n))
    flags = draw(st.lists(st.booleans(), min_size=n, max_size=n))
    return np.array(codes, np.int64), np.array(scores, float)[:, None], np.array(flags, bool)


@given(labelled_rows())
def test_areas_are_scikit_learns_ties_included(rows):
    codes, scores, flags = rows
    found = GroupedRows(codes, 4).areas(scores, flags[:, None])[:, 0]
    for g, area in enumerate(found):
        own = codes == g
        if np.unique(flags[own]).size < 2:
            assert np.isnan(area)
        else:
            assert area == pytest.approx(metrics.roc_auc_score(flags[own], scores[own, 0]))


@given(labelled_rows())
def test_one_group_has_the_area_of_all_rows(rows):
    codes, scores, flags = rows
    one = GroupedRows(np.zeros_like(codes), 1).areas(scores, flags[:, None])
    many = GroupedRows(np.zeros_like(codes), 2).areas(scores, flags[:, None])
    np.testing.assert_array_equal(one[0], many[0])


def test_scores_within_rounding_of_each_other_are_equal():
    scores = np.array([[1.0], [np.nextafter(1.0, 2.0)], [2.0]])
    flags = np.array([[False], [True], [False]])
    one = GroupedRows(np.zeros(3, np.int64), 1)
    assert one.areas(scores, flags)[0, 0] == 0.5
    assert one.areas(scores, flags, 1e-14 * scores)[0, 0] == 0.25


@given(labelled_rows())
def test_means_and_spreads_are_numpys(rows):
    codes, values, _ = rows
    groups = GroupedRows(codes, 4)
    for g in range(4):
        own = values[codes == g]
        if own.size:
            assert groups.mean(values)[g, 0] == pytest.approx(own.mean(), abs=1e-15)
            assert groups.spread(values)[g, 0] == pytest.approx(own.std(), abs=1e-15)
            assert groups.least(values)[g, 0] == own.min()
        else:
            assert np.isnan(groups.mean(values)[g, 0])
            assert np.isnan(groups.least(values)[g, 0])


def test_spread_of_equal_values_is_zero_and_not_rounding():
    values = np.full((3, 1), 0.1)
    assert GroupedRows(np.zeros(3, np.int64), 1).spread(values)[0, 0] == 0.0


def test_spread_of_large_close_values_keeps_its_digits():
    values = np.array([[1e9], [1e9 + 1], [1e9 + 2]])
    found = GroupedRows(np.zeros(3, np.int64), 1).spread(values)[0, 0]
    assert found == pytest.approx(np.sqrt(2 / 3), rel=1e-12)


def test_calibration_error_is_summed_bin_by_bin():
    rng = np.random.default_rng(0)
    p, codes = rng.random(200), rng.integers(0, 3, 200)
    r = (rng.random(200) < 0.5).astype(float)
    p[:2] = 0.0, 1.0
    found = GroupedRows(codes, 3).calibration_error(p[:, None], r[:, None], 10)[:, 0]
    for g in range(3):
        bins = np.clip(np.floor(p * 10), 0, 9)
        cells = [(codes == g) & (bins == b) for b in range(10)]
        gaps = [abs((p[c] - r[c]).sum()) for c in cells]
        assert found[g] == pytest.approx(sum(gaps) / (codes == g).sum())


@pytest.mark.parametrize("share", [0.0, 0.3, 1.0])
def test_wilson_interval_solves_its_equation(share):
    middle, half = wilson_interval(np.array(share), np.array(17.0))
    for end in (middle - half, middle + half):  # (share - end)^2 = z^2 end (1 - end) / n
        assert (share - end) ** 2 == pytest.approx(1.959963984540054**2 * end * (1 - end) / 17)
