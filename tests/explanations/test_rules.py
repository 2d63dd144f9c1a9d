"""Rules in raw units: true of every row they claim, and of no row they do not."""

import re
from dataclasses import replace
from decimal import Decimal

import numpy as np
import pandas as pd
import pytest

from explainrelu.certificate import Status
from explainrelu.errors import ArgumentError, InputTypeError, UnlistedRegionError
from explainrelu.explanations.conditions import rounded_up
from explainrelu.explanations.rules import extract_rules
from explainrelu.geometry.box import Box
from explainrelu.importers.import_model import import_model
from explainrelu.network.column import Column, ColumnKind
from explainrelu.network.formula import number_text
from explainrelu.network.network import AffineMap, ReluNetwork
from explainrelu.network.patterns import affine_maps
from explainrelu.network.reading import read
from explainrelu.network.schema import InputSchema
from explainrelu.rewrites.convert import convert
from tests import models

EVERY_MODEL = ["breast_cancer", "iris", "diabetes", "loans"]
# score = 0.5 + 2 * max(0, age - 40)
AGES = ReluNetwork.from_weights(
    [[[1.0]], [[2.0]]], [[-40.0], [0.5]], schema=InputSchema.numeric(["age"])
)


@pytest.mark.parametrize("name", EVERY_MODEL)
def test_every_rules_formula_gives_the_models_score_on_its_rows(name):
    model, X, _ = getattr(models, name)()
    shallow = convert(model, X)
    rules = extract_rules(shallow, max_rules=None)
    scores = shallow(X) @ rules.view.matrix.T if rules.view.matrix.shape[1] > 1 else shallow(X)
    np.testing.assert_allclose(rules.predict(X), scores, rtol=1e-9, atol=1e-9)
    assert rules.certificate.holds


@pytest.mark.parametrize("name", EVERY_MODEL)
def test_within_the_domain_the_conditions_hold_on_a_rules_rows_and_on_no_others(name):
    model, X, _ = getattr(models, name)()
    rules = extract_rules(model, X, max_rules=4)
    points = rules.regions.network.schema.encode(X)
    place = rules.regions.locate(X)
    for i, rule in enumerate(rules):
        holds = np.ones(len(points), dtype=bool)
        for condition in rule.conditions:
            left = points @ condition.weight
            slack = 1e-9 * (np.abs(points) @ np.abs(condition.weight) + abs(condition.bound))
            if condition.relation in (">", ">="):
                holds &= left >= condition.bound - slack
            elif condition.relation in ("<", "<="):
                holds &= left <= condition.bound + slack
            else:
                holds &= left >= condition.bound - slack  # one of the named levels
        np.testing.assert_array_equal(holds, place == i)


@pytest.mark.parametrize("size", [1.0, 1e-12])
def test_a_wrong_formula_is_noticed_whatever_the_size_of_the_scores(monkeypatch, size):
    model, X, _ = models.breast_cancer()
    network = import_model(model, X)
    output = AffineMap(network.output.weight * size, network.output.bias * size)
    rules = extract_rules(replace(network, output=output), X, max_rules=3)
    assert rules.certificate.holds

    def perturbed(*arguments):
        weight, bias = affine_maps(*arguments)
        return weight * (1 + 1e-5), bias

    monkeypatch.setattr("explainrelu.regions.region_set.affine_maps", perturbed)
    assert rules.certificate.checks[0].status is Status.FAILS


def test_the_share_of_a_rule_is_of_all_rows():
    X = [[30.0], [50.0], [60.0], [70.0], [39.0]]
    for max_rules in (1, None):
        rules = extract_rules(AGES, X, max_rules=max_rules)
        assert [rule.share for rule in rules] == [0.6, 0.4][: len(rules)]
        assert rules.to_frame()["share"].tolist() == [0.6, 0.4][: len(rules)]


def test_what_is_fixed_in_the_domain_moves_to_the_right_hand_side():
    network = ReluNetwork.from_weights([[[1.0, 3.0]], [[2.0]]], [[-40.0], [0.5]])
    rules = extract_rules(network, [[30.0, 5.0], [20.0, 5.0]])  # x1 is 5 in every row
    assert [c.text for rule in rules for c in rule.conditions] == ["x0 > 25", "x0 <= 25"]
    assert rules[0].conditions[0].weight.tolist() == [1.0, 0.0]
    assert rules[0].conditions[0].bound == 25.0


def test_arrays_of_a_rule_cannot_be_changed():
    rule = extract_rules(AGES, [[30.0], [50.0]])[0]
    for array in (rule.score_range, rule.example, rule.conditions[0].weight):
        with pytest.raises(ValueError, match="read-only"):
            array[0] = 0


def test_a_simple_rule_reads_as_one_would_write_it():
    rules = extract_rules(AGES, [[30.0], [50.0], [60.0], [70.0]])
    assert [rule.formula() for rule in rules] == ["-79.5 + 2 * age", "0.5"]
    assert [rule.conditions[0].text for rule in rules] == ["age > 40", "age <= 40"]
    text = rules.to_text()
    assert "2 of 2 regions, 4 of 4 rows" in text
    assert "3 rows, 75.0%" in text
    assert "IF   age > 40\n  THEN raw score of score = -79.5 + 2 * age   (from 0.5 to 60.5)" in text


def test_the_sign_of_the_leading_term_turns_the_relation():
    network = ReluNetwork.from_weights([[[-2.0]], [[1.0]]], [[6.0], [0.0]])
    rules = extract_rules(network, [[1.0], [5.0]])
    assert sorted(rule.conditions[0].text for rule in rules) == ["x0 < 3", "x0 >= 3"]


def test_the_frame_has_a_row_a_rule_and_output():
    model, X, _ = models.iris()
    frame = extract_rules(model, X, max_rules=3).to_frame()
    assert frame[["region", "output"]].drop_duplicates().shape[0] == len(frame) == 9
    assert (frame["score_min"] <= frame["score_max"]).all()
    assert frame["n_rows"].is_monotonic_decreasing


def test_scores_of_the_rows_lie_in_the_stated_range():
    model, X, _ = models.loans()
    rules = extract_rules(model, X, max_rules=5)
    place = rules.regions.locate(X)
    for i, rule in enumerate(rules):
        scores = rules.predict(X[place == i])
        low, high = rule.score_range[0]
        assert low - 1e-6 <= scores.min()
        assert scores.max() <= high + 1e-6


def test_coefficients_are_the_formula_in_full():
    model, X, _ = models.loans()
    rules = extract_rules(model, X, max_rules=2)
    table = rules.coefficients()
    row = X[rules.regions.locate(X) == 0].iloc[[0]]
    mine = table[table["region"] == rules.regions.names[0]]
    total = mine.loc[mine["feature"] == "(intercept)", "coefficient"].iloc[0]
    for column in X.columns:
        part = mine[mine["feature"] == column]
        if (part["level"] == "").all():
            total += part["coefficient"].iloc[0] * row[column].iloc[0]
        else:
            total += part.loc[part["level"] == row[column].iloc[0], "coefficient"].iloc[0]
    assert total == pytest.approx(rules.predict(row)[0], rel=1e-9)


def test_conditions_in_full_are_those_of_the_rules():
    rules = extract_rules(AGES, [[30.0], [50.0]])
    table = rules.conditions()
    assert table[["feature", "coefficient", "relation", "bound"]].values.tolist() == [
        ["age", 1.0, "<=", 40.0],
        ["age", 1.0, ">", 40.0],
    ]


def test_the_rule_of_one_row_says_how_far_each_feature_can_move():
    box = Box([0.0], [100.0])
    table = extract_rules(AGES, [[50.0]], domain=box).ranges()
    assert table[["feature", "lower", "upper"]].values.tolist() == [["age", 40.0, 100.0]]
    assert table[["lower_is", "upper_is"]].values.tolist() == [["border", "domain"]]


def test_inside_its_range_the_formula_holds_and_beyond_it_does_not():
    model, X, _ = models.loans()
    row = X.iloc[[100]]
    rules = extract_rules(model, row, background=X)
    network = convert(model, X).source
    for _, line in rules.ranges().query("levels == ''").iterrows():
        inside, beyond = row.copy().astype({line.feature: float}), row.copy()
        beyond = beyond.astype({line.feature: float})
        for share in (0.01, 0.99):
            inside[line.feature] = line.lower + share * (line.upper - line.lower)
            assert rules.predict(inside)[0] == pytest.approx(network(inside)[0], rel=1e-9)
        if line.upper < X[line.feature].max():
            beyond[line.feature] = line.upper + 1e-6 * X[line.feature].std()
            assert not rules.covers(beyond)[0]


def test_levels_a_row_can_take_leave_its_region_unchanged():
    model, X, _ = models.loans()
    stays = []
    for position in (0, 7, 100, 453):
        row = X.iloc[[position]]
        rules = extract_rules(model, row, background=X)
        for _, line in rules.ranges().query("levels != ''").iterrows():
            for level in X[line.feature].unique():
                other = row.copy()
                other[line.feature] = level
                stays.append(rules.covers(other)[0])
                assert stays[-1] == (level in line["levels"].split(", "))
    assert set(stays) == {True, False}  # some levels lead out of a region


def test_a_region_of_one_level_names_it():
    job = Column("job", ColumnKind.CATEGORICAL, levels=("clerk", "nurse"))
    network = ReluNetwork.from_weights(
        [[[0.0, 0.0, 1.0]], [[3.0]]], [[-0.5], [1.0]], schema=InputSchema((Column("age"), job))
    )
    X = pd.DataFrame({"age": [20.0, 30.0, 40.0], "job": ["clerk", "nurse", "nurse"]})
    texts = [rule.conditions[0].text for rule in extract_rules(network, X)]
    assert texts == ["job = nurse", "job = clerk"]


def test_max_rules_takes_the_most_visited_regions():
    model, X, _ = models.breast_cancer()
    everything = extract_rules(model, X, max_rules=None)
    some = extract_rules(model, X, max_rules=3)
    assert some.regions.names.tolist() == everything.regions.names[:3].tolist()
    assert some.n_regions_found == len(everything)


def test_a_row_without_a_rule_is_an_error_and_can_be_asked_for():
    rules = extract_rules(AGES, [[50.0]], domain=Box([0.0], [100.0]))
    assert rules.covers([[60.0], [30.0]]).tolist() == [True, False]
    with pytest.raises(UnlistedRegionError, match=r"1 of 2 do not.*max_rules=None"):
        rules.predict([[60.0], [30.0]])


def test_a_thin_region_says_so():
    network = ReluNetwork.from_weights([[[1.0], [-1.0]], [[1.0, 1.0]]], [[0.0, 0.0], [0.0]])
    rules = extract_rules(network, [[-1.0], [0.0], [1.0]])
    thin = [rule for rule in rules if not rule.full_dimensional]
    assert len(thin) == 1
    assert "no interior" in rules.to_text()


def test_a_network_of_one_region_has_a_rule_without_conditions():
    network = ReluNetwork.from_weights([[[2.0]]], [[1.0]])
    assert "IF   always" in extract_rules(network, [[1.0], [2.0]]).to_text()


SQUARE = ReluNetwork.from_weights([[[1.0, 1.0], [1.0, -1.0]], [[1.0, 2.0]]], [[0.0, -0.5], [0.0]])
SQUARE_BOX = Box([-1.0, -1.0], [1.0, 1.0])


def test_rules_of_a_box_are_ordered_by_their_volume_and_say_so():
    rules = extract_rules(SQUARE, domain=SQUARE_BOX, max_rules=None)
    frame = rules.to_frame()
    # x0 > -x1 is one half, x0 > 0.5 + x1 a triangle of legs 1.5 in a square of 4, cut in two
    assert frame["share"].tolist() == pytest.approx(
        sorted([23 / 64, 23 / 64, 9 / 64, 9 / 64])[::-1]
    )
    assert set(frame["share_of"]) == {"volume"}
    assert (frame["n_rows"] == 0).all()
    assert "4 of 4 regions, 100.0% of the volume" in rules.to_text()
    assert f"Rule 1 (region {rules.regions.names[0]}, 35.9% of the volume)" in rules.to_text()
    assert rules.certificate.holds


def test_max_rules_takes_the_largest_regions_of_a_box():
    two = extract_rules(SQUARE, domain=SQUARE_BOX, max_rules=2)
    assert [rule.share for rule in two] == pytest.approx([23 / 64, 23 / 64])
    assert repr(two) == "RuleSet(2 of 4 regions, 71.9% of the volume)"


def satisfied(rules, points):
    """Which rule's conditions each point satisfies, borders as they are printed."""
    compare = {"<": np.less, "<=": np.less_equal, ">": np.greater, ">=": np.greater_equal}
    found = np.ones((len(points), len(rules)), dtype=bool)
    for i, rule in enumerate(rules):
        for condition in rule.conditions:
            found[:, i] &= compare[condition.relation](points @ condition.weight, condition.bound)
    return found


@pytest.mark.parametrize("converted", [False, True])
def test_every_point_of_a_box_satisfies_the_conditions_of_one_rule(converted):
    # two units that are opposite: by z > 0 alone their border would belong to no region
    network = ReluNetwork.from_weights(
        [[[1.0, 1.0], [-1.0, -1.0], [1.0, 0.0]], [[1.0, 2.0, 1.0]]], [[0.0, 0.0, -0.5], [0.0]]
    )
    model = convert(network, domain=SQUARE_BOX) if converted else network
    rules = extract_rules(model, domain=None if converted else SQUARE_BOX, max_rules=None)
    axis = np.arange(-1.0, 1.25, 0.25)
    points = np.array([[a, b] for a in axis for b in axis])
    found = satisfied(rules, points)
    assert (found.sum(axis=1) == 1).all()
    np.testing.assert_allclose(rules.predict(points), network(points), atol=1e-12)


def test_rows_over_the_cells_of_a_box_are_counted_within_it():
    shallow = convert(SQUARE, domain=SQUARE_BOX)
    X = np.array([[0.9, -0.9], [-0.5, -0.5], [-0.4, -0.6], [-0.9, 0.1]])
    rules = extract_rules(shallow, X, max_rules=None)
    frame = rules.to_frame()
    assert frame["n_rows"].tolist() == [3, 1]
    assert set(frame["share_of"]) == {"rows"}
    assert rules.regions.domain is shallow.regions.domain
    assert rules.regions.locate(X).tolist() == [1, 0, 0, 0]


def test_rows_outside_the_box_or_its_cells_are_refused():
    shallow = convert(SQUARE, domain=SQUARE_BOX)
    with pytest.raises(ArgumentError, match="Every row must lie in the domain"):
        extract_rules(shallow, [[3.0, 0.0]])
    with pytest.raises(UnlistedRegionError, match=r"one of the 1 listed cells; 1 of 2 do not"):
        extract_rules(shallow.restrict([0]), np.vstack([shallow.regions.witnesses[[0, 1]]]))


def test_a_box_that_is_one_point_is_refused():
    with pytest.raises(ArgumentError, match="single point spans no domain"):
        extract_rules(AGES, domain=Box([3.0], [3.0]))


def test_rules_need_rows_or_a_converted_model():
    with pytest.raises(ArgumentError, match="needs rows whose regions get a rule"):
        extract_rules(AGES)


def test_max_rules_must_be_positive():
    with pytest.raises(ArgumentError, match="whole number of at least 1 or None, got 0"):
        extract_rules(AGES, [[1.0]], max_rules=0)


def test_positions_beyond_the_last_rule_end_the_sequence():
    rules = extract_rules(AGES, [[50.0]], domain=Box([0.0], [100.0]))
    assert rules[-1] is rules[0]
    with pytest.raises(IndexError, match="1 rules, got position 1"):
        rules[1]


def test_a_single_row_needs_a_domain():
    with pytest.raises(ArgumentError, match=r"single row spans no domain.*background=X"):
        extract_rules(AGES, [[50.0]])


def test_the_ranges_recorded_at_import_are_a_domain():
    model, X, _ = models.breast_cancer()
    network = convert(model, X).source
    rules = extract_rules(network, X.iloc[[0]])
    np.testing.assert_array_equal(rules.regions.domain.lower, X.min())


def test_terms_that_are_not_written_move_a_condition_by_no_more_than_it_says():
    model, X, _ = models.loans()
    rules = extract_rules(model, X, max_rules=3)
    points = rules.regions.network.schema.encode(X)
    told = 0
    for rule in rules:
        for condition in rule.conditions:
            if " ± " not in condition.text:
                continue
            told += 1
            reading = read(
                condition.weight,
                -condition.bound,
                rules.regions.network.schema,
                rule.domain,
                at=rule.example,
                max_terms=5,
            )
            assert float(condition.text.split(" ± ")[1].split()[0]) >= reading.slack
            shown = {term.name: term.coefficient for term in reading.terms}
            names = rules.regions.network.schema.input_names
            kept = np.array([shown.get(name, 0.0) for name in names])
            inside = rule.domain.contains(points)
            exact = points[inside] @ condition.weight - condition.bound
            written = points[inside] @ kept + reading.constant
            assert np.abs(exact - written).max(initial=0.0) <= reading.slack * (1 + 1e-9)
    assert told > 5


def printed_numbers(text):
    """A condition as it is printed: coefficients by name, relation, bound, and what may be off.

    Each number with half a unit of its last digit.
    """
    left, relation, right = re.fullmatch(r"(.+) (<=|>=|<|>) (.+)", text).groups()
    terms, sign = {}, 1.0
    for part in re.split(r" ([+-]) ", left):
        if part in "+-":
            sign = 1.0 if part == "+" else -1.0
            continue
        sign, part = (-sign, part[1:]) if part.startswith("-") else (sign, part)
        size, _, name = part.rpartition(" * ")
        terms[name.strip("[]")] = sign * float(size or 1), half_a_unit(size) if size else 0.0
    bound, _, slack = re.sub(r" \(.+\)", "", right).partition(" ± ")
    return terms, relation, (float(bound), half_a_unit(bound)), float(slack or 0)


def half_a_unit(text):
    last = Decimal(text).as_tuple().exponent
    return min(0.5 * 10.0**last, 5e-4 * abs(float(text)))


@pytest.mark.parametrize("name", ["breast_cancer", "diabetes", "loans"])
def test_own_rows_satisfy_every_printed_condition(name):
    model, X, _ = getattr(models, name)()
    rules = extract_rules(model, X, max_rules=5)
    names = rules.regions.network.schema.input_names
    points, place = rules.regions.network.schema.encode(X), rules.regions.locate(X)
    n_beyond = 0
    for i, rule in enumerate(rules):
        own = points[(place == i) & rule.domain.contains(points)]
        for condition in rule.conditions:
            if condition.relation in ("=", "in"):
                continue
            terms, relation, (bound, rounding), slack = printed_numbers(condition.text)
            left = np.zeros(len(own))
            for term, (coefficient, half) in terms.items():
                left += coefficient * own[:, names.index(term)]
                rounding = rounding + half * np.abs(own[:, names.index(term)])
            beyond = (bound - left) if relation in (">", ">=") else (left - bound)
            assert (beyond <= slack + rounding).all(), condition.text
            n_beyond += int((beyond > rounding).sum())
    assert n_beyond > 0  # rows that only the slack lets in: it is needed


def test_a_bound_is_printed_no_smaller_than_it_is():
    for value in np.random.default_rng(0).lognormal(sigma=5, size=500):
        shown = float(number_text(rounded_up(value), digits=2))
        assert value <= shown <= 1.1 * value
    assert rounded_up(0.12) == 0.12


def test_a_condition_that_cuts_off_a_sliver_is_told():
    # with x1 from 0 to 1 neither half-space implies the other, by a ten-thousandth
    network = ReluNetwork.from_weights(
        [[[1.0, 0.0], [1.0, 1e-4]], [[1.0, 1.0]]], [[-0.5, -0.5 - 5e-5], [0.0]]
    )
    rules = extract_rules(network, [[0.9, 0.5], [0.8, 0.5]], domain=Box([0, 0], [1, 1]))
    assert len(rules[0].conditions) == 2


def test_an_ordinal_column_is_told_by_its_levels():
    size = Column("size", ColumnKind.ORDINAL, levels=("S", "M", "L"), codes=(0.0, 1.0, 2.0))
    network = ReluNetwork.from_weights(
        [[[1.0]], [[3.0]]], [[-1.5], [1.0]], schema=InputSchema((size,))
    )
    X = pd.DataFrame({"size": ["S", "M", "L"]})
    table = extract_rules(network, X).ranges()
    assert table[["value", "levels"]].values.tolist() == [["S", "S, M"], ["L", "L"]]


def test_a_domain_of_another_width_is_refused():
    with pytest.raises(ArgumentError, match="domain must have the network's 1 inputs, got 2"):
        extract_rules(AGES, [[50.0]], domain=Box([0.0, 0.0], [1.0, 1.0]))


def test_rows_of_unknown_levels_are_not_told_to_have_a_known_one():
    job = Column("job", ColumnKind.CATEGORICAL, levels=("clerk", "nurse"), ignores_unknown=True)
    schema = InputSchema((Column("age"), job)).with_ranges(np.array([[30.0, 1, 0], [60.0, 0, 1]]))
    network = ReluNetwork.from_weights(
        [[[1.0, -50.0, 0.0]], [[1.0]]], [[0.0], [0.0]], schema=schema
    )
    X = pd.DataFrame({"age": [20.0, 40.0, 60.0], "job": ["king", "clerk", "nurse"]})
    rules = extract_rules(convert(network, X))
    points = schema.encode(X)
    for i, rule in enumerate(rules):
        mine = points[rules.regions.locate(X) == i]
        for condition in rule.conditions:
            left = mine @ condition.weight
            above = condition.relation in (">", ">=", "=", "in")
            assert (left >= condition.bound if above else left <= condition.bound).all()


def test_a_half_space_that_is_constant_on_every_row_is_no_condition():
    job = Column("job", ColumnKind.CATEGORICAL, levels=("clerk", "nurse"))
    network = ReluNetwork.from_weights(
        [[[1.0, 0.0, 0.0], [0.0, 0.3, 0.3]], [[1.0, 1.0]]],
        [[-40.0, -0.3], [0.0]],
        schema=InputSchema((Column("age"), job)),
    )
    X = pd.DataFrame({"age": [20.0, 50.0], "job": ["clerk", "nurse"]})
    texts = [c.text for rule in extract_rules(network, X) for c in rule.conditions]
    assert texts
    assert not any("nan" in text for text in texts)


def test_rows_outside_the_domain_are_refused():
    with pytest.raises(ArgumentError, match="must lie in the domain"):
        extract_rules(AGES, [[50.0]], domain=Box([60.0], [100.0]))


@pytest.mark.parametrize("max_rules", ["all", 2.5, True])
def test_max_rules_of_another_type_is_refused(max_rules):
    with pytest.raises(InputTypeError, match="max_rules must be a whole number of at least 1"):
        extract_rules(AGES, [[1.0]], max_rules=max_rules)


def test_a_domain_of_another_type_is_refused():
    with pytest.raises(InputTypeError, match=r"domain must be a Box, got tuple.*Box\(lower, up"):
        extract_rules(AGES, [[50.0]], domain=([0.0], [100.0]))


def test_a_domain_must_hold_the_rows_of_a_converted_model_too():
    shallow = convert(AGES, [[50.0], [30.0]])
    with pytest.raises(ArgumentError, match="must lie in the domain"):
        extract_rules(shallow, domain=Box([60.0], [100.0]))
    with pytest.raises(ArgumentError, match="the network's 1 inputs, got 2"):
        extract_rules(shallow, domain=Box([0.0, 0.0], [1.0, 1.0]))
