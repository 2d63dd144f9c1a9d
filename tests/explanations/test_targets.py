from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from explainrelu.errors import DataError, MissingValuesError
from explainrelu.explanations.targets import (
    class_codes,
    target_flags,
    target_frame,
    target_numbers,
)
from explainrelu.network.network import ReluNetwork
from explainrelu.network.outputs import Link, OutputSchema, Task


def network(outputs: OutputSchema) -> ReluNetwork:
    n = len(outputs.names)
    return ReluNetwork.from_weights([[[1.0]], [[1.0]] * n], [[0.0], [0.0] * n], outputs=outputs)


def classifier(*classes: str) -> ReluNetwork:
    return network(OutputSchema(classes[1:], Task.BINARY, Link.logistic, classes))


LABELS = OutputSchema(("a", "b"), Task.MULTILABEL, Link.logistic)


def test_missing_target_is_refused_with_its_row():
    with pytest.raises(MissingValuesError, match="got none in row 1"):
        target_frame(pd.Series([1.0, None, 2.0]), 3)


@pytest.mark.parametrize("values", [["1", "0", "1"], [1, 0, 1], np.array([1, 0, 1], dtype=np.int8)])
def test_classes_are_known_by_their_text(values):
    codes = class_codes(classifier("0", "1"), target_frame(values, 3))
    assert codes.tolist() == [1, 0, 1]


def test_flags_and_numbers_are_told_apart():
    model = classifier("False", "True")
    assert class_codes(model, target_frame([True, False], 2)).tolist() == [1, 0]
    with pytest.raises(DataError, match="'False', 'True', got '1'"):
        class_codes(model, target_frame([1, 0], 2))


def test_labels_are_flags():
    flags = target_flags(network(LABELS), target_frame([[1, 0], [0, 1]], 2))
    assert flags.tolist() == [[True, False], [False, True]]


def test_label_of_another_value_is_refused():
    with pytest.raises(DataError, match="0 or 1, for each label, got 2"):
        target_flags(network(LABELS), target_frame([[1, 0], [2, 1]], 2))


def test_infinite_number_is_refused_with_its_row():
    regression = network(replace(OutputSchema.numbered(1), task=Task.REGRESSION))
    with pytest.raises(DataError, match="got infinity in row 1"):
        target_numbers(regression, target_frame([1.0, np.inf], 2))
