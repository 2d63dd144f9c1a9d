from itertools import pairwise

import numpy as np
import pandas as pd
import pytest

from explainrelu.errors import ArgumentError, OutputError
from explainrelu.geometry.box import Box
from explainrelu.milp.encoding import encode
from explainrelu.milp.extremes import extremes
from explainrelu.milp.solving import Program
from explainrelu.milp.tightening import tightened_bounds
from explainrelu.network.column import Column, ColumnKind
from explainrelu.network.network import ReluNetwork
from explainrelu.network.schema import InputSchema
from tests.milp.networks import random_network


def levelled() -> ReluNetwork:
    """An age, a job of three levels, and a grade of codes 1, 2 and 5."""
    columns = (
        Column("age"),
        Column("job", ColumnKind.CATEGORICAL, levels=("clerk", "nurse", "cook")),
        Column("grade", ColumnKind.ORDINAL, levels=("a", "b", "c"), codes=(1.0, 2.0, 5.0)),
    )
    rng = np.random.default_rng(3)
    weights = [rng.normal(size=(6, 5)), rng.normal(size=(5, 6)), rng.normal(size=(1, 5))]
    biases = [rng.normal(size=6), rng.normal(size=5), rng.normal(size=1)]
    return ReluNetwork.from_weights(weights, biases, schema=InputSchema(columns))


WHOLE = Box([-1, 0, 0, 0, 1], [1, 1, 1, 1, 5])


def every_row(ages: np.ndarray) -> pd.DataFrame:
    jobs, grades = ("clerk", "nurse", "cook"), ("a", "b", "c")
    rows = [(age, job, grade) for age in ages for job in jobs for grade in grades]
    return pd.DataFrame(rows, columns=["age", "job", "grade"])


@pytest.mark.parametrize("carried", [0.0, 0.4])
def test_fixed_inputs_leave_exactly_the_networks_score(carried):
    network = random_network((3, 6, 5, 2), 1, carried)
    box = Box([-1.0] * 3, [1.0] * 3)
    encoded = encode(network, box)
    program = Program(encoded.problem)
    for point in box.sample(5, np.random.default_rng(0)):
        for variable, value in zip(encoded.inputs, point, strict=True):
            program.set_bounds(variable, value, value)
        for sign in (1.0, -1.0):
            found = sign * program.maximise({encoded.scores[1]: sign}).value
            assert found == pytest.approx(network.forward(point[None])[0, 1], abs=1e-7)


def test_columns_with_levels_stand_at_one_of_them():
    network = levelled()
    found = extremes(network, WHOLE)
    scores = network(every_row(np.linspace(-1, 1, 2001)))
    assert found.lower == pytest.approx(scores.min(), abs=5e-3)
    assert found.upper == pytest.approx(scores.max(), abs=5e-3)
    assert found.lower <= scores.min() + 1e-9
    assert found.upper >= scores.max() - 1e-9
    rows = network.schema.decode(np.vstack([found.smallest.witness, found.largest.witness]))
    assert network(rows) == pytest.approx([found.smallest.value, found.largest.value])


def test_without_levels_every_point_of_the_box_counts():
    network = levelled()
    rows, points = extremes(network, WHOLE), extremes(network, WHOLE, levels=False)
    assert points.lower < rows.lower - 1e-6
    assert points.upper > rows.upper + 1e-6


def test_a_level_that_the_box_holds_is_respected():
    network = levelled()
    box = WHOLE.at_levels(network.schema, job="nurse")
    found = extremes(network, box)
    assert found.largest.witness[1:4].tolist() == [0.0, 1.0, 0.0]


@pytest.mark.parametrize("ending", ["lp", "mps"])
def test_the_program_is_written_in_the_words_of_the_columns(tmp_path, ending):
    path = tmp_path / f"program.{ending}"
    encode(levelled(), WHOLE).write(path)
    text = path.read_text()
    for name in ("in_age", "in_job_nurse", "pick_grade_2", "one_job", "z_1_1"):
        assert name in text


def test_a_written_program_has_the_same_optimum(tmp_path):
    import highspy

    network, box = random_network((2, 5, 4, 1), 2), Box([-1.0] * 2, [1.0] * 2)
    path = tmp_path / "program.mps"
    encode(network, box).write(path)
    solver = highspy.Highs()
    solver.setOptionValue("output_flag", False)
    solver.readModel(str(path))
    solver.run()
    assert -solver.getObjectiveValue() == pytest.approx(extremes(network, box).upper, abs=1e-5)


def test_other_endings_are_refused(tmp_path):
    encoded = encode(random_network((2, 3, 1), 0), Box([0, 0], [1, 1]))
    with pytest.raises(OutputError, match=r"\.lp or \.mps"):
        encoded.write(tmp_path / "program.txt")


def test_bounds_of_another_network_are_refused():
    network, other = random_network((2, 3, 1), 0), random_network((2, 4, 1), 0)
    box = Box([0, 0], [1, 1])
    with pytest.raises(ArgumentError, match=r"bounds must be those .*\(3,\)"):
        encode(network, box, bounds=tightened_bounds(other, box))


@pytest.mark.parametrize("carried", [0.0, 0.3])
def test_each_method_is_nowhere_looser_than_the_one_before(carried):
    network, box = random_network((3, 7, 6, 5, 1), 4, carried), Box([-1] * 3, [1] * 3)
    methods = ("interval", "back-substitution", "lp", "milp")
    found = [tightened_bounds(network, box, method=method) for method in methods]
    z = network.preactivations(box.sample(500, np.random.default_rng(0)))
    for i in range(3):
        for loose, tight in pairwise(found):
            assert (tight.lower[i] >= loose.lower[i] - 1e-7).all()
            assert (tight.upper[i] <= loose.upper[i] + 1e-7).all()
        assert (found[-1].lower[i] <= z[i] + 1e-7).all()
        assert (found[-1].upper[i] >= z[i] - 1e-7).all()
