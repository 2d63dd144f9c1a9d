import numpy as np
import pytest

from explainrelu.audits.properties import PropertyStatus, verify_property
from explainrelu.audits.verification.vnnlib import read_vnnlib
from explainrelu.errors import ArgumentError
from explainrelu.network.network import ReluNetwork

DECLARED = """; two inputs, two outputs
(declare-const X_0 Real)
(declare-const X_1 Real)
(declare-const Y_0 Real)
(declare-const Y_1 Real)
"""
BOX = "(assert (and (>= X_0 -1.0) (<= X_0 1) (>= X_1 0) (<= X_1 5e-1)))\n"
NETWORK = ReluNetwork.from_weights(
    [[[1.0, 0.0], [0.0, 1.0]], [[1.0, 0.0], [0.0, 1.0]]], [[0.0, 0.0], [0.0, 0.0]]
)  # the positive parts of both inputs


def read(folder, text: str):
    path = folder / "property.vnnlib"
    path.write_text(text)
    return read_vnnlib(path)


def test_a_file_is_read_and_decided(tmp_path):
    found = read(tmp_path, DECLARED + BOX + "(assert (>= Y_0 1.5)) ; never\n")
    assert (found.n_inputs, found.n_outputs) == (2, 2)
    [box] = found.domain
    assert (box.lower.tolist(), box.upper.tolist()) == ([-1.0, 0.0], [1.0, 0.5])
    assert verify_property(NETWORK, found.domain, found.output_constraints).status == "holds"
    found = read(tmp_path, DECLARED + BOX + "(assert (>= Y_0 0.75))")
    result = verify_property(NETWORK, found.domain, found.output_constraints)
    assert result.status is PropertyStatus.VIOLATED
    assert result.witness[0] >= 0.75


@pytest.mark.parametrize(
    ("relation", "row", "bound", "strict"),
    [
        ("(<= Y_0 Y_1)", [1, -1], 0, False),
        ("(> Y_0 3)", [-1, 0], -3, True),
        ("(< (+ Y_0 Y_1 1) 3)", [1, 1], 2, True),
        ("(>= (- Y_0 Y_1 1) (- 3))", [-1, 1], 2, False),
        ("(<= (* 2 (+ Y_0 1) 0.5) (* Y_1 -3.0))", [1, 3], -1, False),
        ("(<= (* 2 4) Y_1)", [0, -1], -8, False),
    ],
)
def test_linear_expressions_are_read(tmp_path, relation, row, bound, strict):
    found = read(tmp_path, f"{DECLARED}{BOX}(assert {relation})")
    [part] = found.output_constraints.over(NETWORK.outputs)
    assert part.weight.tolist() == [row]
    assert (part.bound.tolist(), part.strict) == ([bound], (strict,))


def test_equality_is_both_sides(tmp_path):
    found = read(tmp_path, f"{DECLARED}{BOX}(assert (= X_1 0.25)) (assert (= Y_0 0.5))")
    [box] = found.domain
    assert box.lower[1] == box.upper[1] == 0.25
    assert str(found.output_constraints) == ("violated where output 0 <= 0.5 and -output 0 <= -0.5")


def test_alternatives_of_outputs_share_the_box(tmp_path):
    text = "(assert (or (and (<= Y_0 Y_1) (<= Y_1 1)) (>= Y_0 7)))"
    found = read(tmp_path, DECLARED + BOX + text)
    assert len(found.domain) == 1
    assert len(found.output_constraints.alternatives) == 2


def test_alternatives_of_inputs_are_a_union_of_boxes(tmp_path):
    text = """(assert (or (and (>= X_0 0) (<= X_0 1)) (and (>= X_0 3) (<= X_0 4))))
    (assert (>= X_1 0)) (assert (<= X_1 1)) (assert (>= Y_0 3.5))"""
    found = read(tmp_path, DECLARED + text)
    assert sorted(box.lower[0] for box in found.domain) == [0.0, 3.0]
    result = verify_property(NETWORK, found.domain, found.output_constraints)
    assert result.status == "violated"
    assert result.witness[0] >= 3.5


def test_boxes_with_constraints_of_their_own_are_parts(tmp_path):
    text = """(assert (or (and (>= X_0 0) (<= X_0 1) (>= Y_0 2)) (and (>= X_0 3) (<= X_0 4)
    (>= Y_0 5)))) (assert (>= X_1 0)) (assert (<= X_1 1))"""
    found = read(tmp_path, DECLARED + text)
    assert len(found.parts) == 2
    for part in found.parts:
        assert verify_property(NETWORK, part.domain, part.output_constraints).status == "holds"
    with pytest.raises(ArgumentError, match="2 sets"):
        _ = found.domain


def test_constraints_that_differ_in_the_last_digit_are_kept_apart(tmp_path):
    bound = float(np.nextafter(0.1, 1.0))
    text = f"(assert (or (>= Y_0 0.1) (>= Y_0 {bound!r})))"
    found = read(tmp_path, DECLARED + BOX + text)
    assert len(found.output_constraints.alternatives) == 2


@pytest.mark.parametrize(
    ("text", "error"),
    [
        (f"{DECLARED}{BOX}(assert (<= Y_0 1)", "line 7: the bracket that opens here"),
        (f"{DECLARED}{BOX})", "line 7: a bracket is closed"),
        (f"{DECLARED}{BOX}(assert (<= Y_7 1))", "line 7: .*'Y_7'"),
        (f"{DECLARED}{BOX}(assert (<= Y_0 1e400))", "line 7: .*finite"),
        (f"{DECLARED}{BOX}(assert (!= Y_0 1))", "line 7: a relation must be"),
        (f"{DECLARED}{BOX}(assert (<= Y_0))", "line 7: a relation must be"),
        (f"{DECLARED}{BOX}(assert (<= 1 2))", "line 7: a relation must hold a variable"),
        (f"{DECLARED}{BOX}(assert (<= (* Y_0 Y_1) 2))", "line 7: a product"),
        (f"{DECLARED}{BOX}(assert (<= (/ Y_0 2) 2))", "line 7: an expression .*'/'"),
        (f"{DECLARED}{BOX}(assert (<= (+) Y_0))", "line 7: an expression"),
        (f"{DECLARED}{BOX}(assert Y_0)", "line 7: a formula"),
        (f"{DECLARED}{BOX}(minimise Y_0)", "line 7: a command .*'minimise'"),
        (f"{DECLARED}{BOX}word", "line 7: a command"),
        (f"{DECLARED}{BOX}(assert (<= X_0 Y_0))", "line 7: inputs are constrained one by one"),
        (f"{DECLARED}{BOX}(assert (<= (+ X_0 X_1) 1))", "line 7: inputs are constrained"),
        (f"{DECLARED}{BOX}(assert (< X_0 1))(assert (<= Y_0 1))", "line 7: bounds of X_0"),
        (f"{DECLARED}{BOX}(assert (<= X_1 -1))(assert (<= Y_0 1))", "line 7: .*contradict"),
        (f"{DECLARED}(assert (<= X_0 1))(assert (<= Y_0 1))", "both sides .*X_0, X_1"),
        (DECLARED + BOX, "must constrain an output"),
        (f"{DECLARED}(declare-const Y_0 Real)", "line 6: Y_0 is declared twice"),
        (f"{DECLARED}(declare-const Z Real)", "line 6: a variable must be called"),
        (f"{DECLARED}(declare-const Y_3 Int)", "line 6: a variable must be Real"),
        (f"{DECLARED}(declare-const Y_3 Real)", "without gaps"),
        ("", "must be declared"),
        ("(" * 200, "at most 100 brackets"),
        (f"{DECLARED}{BOX}" + "(assert (or (<= Y_0 1) (<= Y_1 1)))" * 14, "at most 10,000"),
    ],
)
def test_malformed_files_are_refused_with_the_line(tmp_path, text, error):
    with pytest.raises(ArgumentError, match=f"property.vnnlib.*{error}"):
        read(tmp_path, text)


def test_a_file_that_is_not_there_is_refused(tmp_path):
    with pytest.raises(ArgumentError, match=r"Cannot read .*nothing\.vnnlib"):
        read_vnnlib(tmp_path / "nothing.vnnlib")
