import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from scipy import special

from explainrelu.errors import ArgumentError
from explainrelu.network.outputs import Link, OutputSchema, Task

SCORES = hnp.arrays(np.float64, (3, 4), elements=st.floats(-1000.0, 1000.0))
CLASSES = ("low", "middle", "high")
MULTICLASS = OutputSchema(CLASSES, Task.MULTICLASS, Link.softmax, CLASSES)
BINARY = OutputSchema(("yes",), Task.BINARY, Link.logistic, ("no", "yes"))


@given(SCORES)
def test_links_are_what_scipy_computes(scores: np.ndarray):
    assert Link.logistic(scores) == pytest.approx(special.expit(scores), rel=1e-12)
    assert Link.softmax(scores) == pytest.approx(special.softmax(scores, axis=1), rel=1e-12)
    expected = special.log_softmax(scores, axis=1)
    assert Link.log_softmax(scores) == pytest.approx(expected, rel=1e-12, abs=1e-12)
    assert Link.identity(scores) is scores


def test_the_logarithmic_link_is_the_exponential():
    assert Link.exp(np.array([[0.0, 1.0]])) == pytest.approx(np.array([[1.0, np.e]]))


def test_the_default_view_of_scores_takes_every_output():
    view = OutputSchema.numbered(3).view()
    assert view.names == ("output 0", "output 1", "output 2")
    assert (view.matrix == np.eye(3)).all()
    assert (len(view), view.scale, view.unit) == (3, "raw score", "")


@given(hnp.arrays(np.float64, 3, elements=st.floats(-100, 100)), st.floats(-100, 100))
def test_centred_logits_add_up_to_zero_and_forget_a_common_shift(logits: np.ndarray, shift: float):
    matrix = MULTICLASS.view().matrix
    assert (matrix @ logits).sum() == pytest.approx(0.0, abs=1e-9)
    assert matrix @ (logits + shift) == pytest.approx(matrix @ logits, abs=1e-9)
    before, after = logits[None], (matrix @ logits)[None]
    assert Link.softmax(after) == pytest.approx(Link.softmax(before), rel=1e-9)


def test_a_class_names_its_raw_logit_and_a_pair_the_difference():
    raw = np.array([1.0, 5.0, 2.0])
    assert MULTICLASS.view("middle").matrix @ raw == [5.0]
    assert MULTICLASS.view("middle").scale == "logit"
    pair = MULTICLASS.view(["high", "low"])
    assert pair.matrix @ raw == [1.0]
    assert (pair.names, pair.scale) == (("high - low",), "logit difference")


def test_a_binary_classifier_speaks_of_its_positive_class():
    assert BINARY.view().names == ("yes",)
    assert BINARY.view().matrix.tolist() == [[1.0]]
    assert BINARY.view("no").matrix.tolist() == [[-1.0]]
    assert BINARY.view(("yes", "no")).matrix.tolist() == [[1.0]]
    assert BINARY.view(("no", "yes")).matrix.tolist() == [[-1.0]]


@pytest.mark.parametrize(
    ("task", "link", "scale", "unit"),
    [
        (Task.REGRESSION, Link.identity, "prediction", "kg"),
        (Task.REGRESSION, Link.exp, "log of prediction", "kg"),
        (Task.BINARY, Link.logistic, "logit", "log-odds"),
        (Task.MULTILABEL, Link.logistic, "logit", "log-odds"),
        (Task.SCORE, Link.identity, "raw score", ""),
    ],
)
def test_scale_and_unit_follow_the_task(task: Task, link: Link, scale: str, unit: str):
    view = OutputSchema(("a",), task, link, unit="kg").view()
    if link is not Link.exp:  # a logarithm of kilograms has no unit of its own
        assert view.unit == unit
    assert view.scale == scale


def test_the_logarithm_of_a_prediction_does_not_have_the_predictions_unit():
    view = OutputSchema(("a",), Task.REGRESSION, Link.exp, unit="kg").view()
    assert view.unit != "kg"


@pytest.mark.parametrize(
    ("output", "says"),
    [
        ("huge", "must be one of 'low', 'middle', 'high', got 'huge'"),
        (["low", "huge"], "got 'huge'"),
        (["low"], "a name or a pair of names"),
        (["low", "middle", "high"], "a name or a pair of names"),
    ],
)
def test_an_output_that_is_not_there_is_named_with_those_there_are(output, says: str):
    with pytest.raises(ArgumentError, match=says):
        MULTICLASS.view(output)


def test_output_names_must_differ():
    with pytest.raises(ArgumentError, match=r"must differ .*got \('a', 'a'\)"):
        OutputSchema(("a", "a"))


def test_one_numbered_output_is_called_score():
    assert OutputSchema.numbered(1).names == ("score",)
