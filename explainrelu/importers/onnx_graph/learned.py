"""Operators of the set ai.onnx.ml, as skl2onnx writes scalers and linear models."""

from collections.abc import Callable, Mapping, Sequence
from types import MappingProxyType
from typing import Any

import numpy as np

from explainrelu.arrays import FloatArray
from explainrelu.errors import ModelError
from explainrelu.importers.onnx_graph.reading import Call
from explainrelu.importers.operators.graph import Shape

__all__ = ["LEARNED", "is_binary", "learned_shape"]


def is_binary(attributes: Mapping[str, Any], n_classes: int) -> bool:
    """Whether a LinearClassifier has one logit, that of its second class."""
    given = np.size(attributes.get("intercepts", ()))
    rows = int(given) or n_classes
    if n_classes != 2 or attributes.get("post_transform") != b"LOGISTIC":
        return False
    table = _rows(attributes["coefficients"], attributes.get("intercepts"), rows)
    return rows == 1 or bool((table[0] == -table[1]).all())


def learned_shape(call: Call) -> Shape:
    """The shape of what one of these operators gives, where onnx's inference does not say it."""
    shape, op = call.shape(), call.node.op_type
    if op == "Scaler":
        return shape
    if op == "ArrayFeatureExtractor":
        return (*(shape[:-1] or (1,)), call.fixed(1, "choice of columns").size)
    if op == "FeatureVectorizer":
        return (1, sum(call.shape(i)[-1] for i in range(len(call.inputs))))
    labels = _labels(call)
    if op == "LinearClassifier" and not is_binary(call.attributes, len(labels)):
        return (1, len(labels))
    return (1, int(call.number("targets", 1)))


def _scaler(call: Call) -> str:
    """``(x - offset) scale`` a column."""
    offset, scale = (call.constant(call.attributes.get(name, d)) for name, d in _SCALER)
    return call.write("multiply", call.write("subtract", call.value(), offset), scale)


_SCALER = (("offset", [0.0]), ("scale", [1.0]))


def _linear_regressor(call: Call) -> str:
    """``coefficients x + intercepts``."""
    _refuse_transform(call, ("NONE",))
    rows = _rows(
        call.attributes["coefficients"],
        call.attributes.get("intercepts"),
        int(call.number("targets", 1)),
    )
    return _linear(call, rows)


def _linear_classifier(call: Call) -> list[str]:
    """One score a class and, at the very end, its softmax or logistic as the link."""
    transform = _refuse_transform(call, ("NONE", "LOGISTIC", "SOFTMAX"))
    n_classes = len(_labels(call))
    n_rows = int(np.size(call.attributes.get("intercepts", ()))) or n_classes
    rows = _rows(call.attributes["coefficients"], call.attributes.get("intercepts"), n_rows)
    binary = is_binary(call.attributes, n_classes)
    if not binary and n_rows != n_classes:
        raise call.refuse(
            f"must have one row of coefficients a class, got {n_rows} for {n_classes} classes. "
            "Import the scikit-learn model itself."
        )
    scores = _linear(call, rows[-1:] if binary else rows)
    if transform == "LOGISTIC":
        scores = call.write("sigmoid", scores)
    elif transform == "SOFTMAX":
        scores = call.write("softmax", scores, axis=1)
    return ["", scores]


def _array_feature_extractor(call: Call) -> str:
    """Columns at constant positions."""
    indices = call.fixed(1, "choice of columns").reshape(-1).astype(np.float64)
    return call.write("gather", call.value(), axis=-1, indices=indices)


def _feature_vectorizer(call: Call) -> str:
    """Columns side by side."""
    return call.write("concat", *call.values(), axis=-1)


def _labels(call: Call) -> Sequence[object]:
    given = (call.attributes.get(f"classlabels_{kind}") for kind in ("strings", "ints"))
    return next(filter(None, given), ())


def _rows(coefficients: object, intercepts: object, n_rows: int) -> FloatArray:
    """Coefficients and, in the last column, the intercept of each row: (n_rows, n_inputs + 1)."""
    weight = np.array(coefficients, dtype=np.float64).reshape(n_rows, -1)
    bias = np.zeros(n_rows) if intercepts is None else np.array(intercepts, dtype=np.float64)
    return np.column_stack([weight, bias])


def _linear(call: Call, rows: FloatArray) -> str:
    n_inputs = call.shape()[-1]
    if rows.shape[1] != n_inputs + 1:
        raise ModelError(
            f"Node {call.label} must have {n_inputs} coefficients an output, got "
            f"{rows.shape[1] - 1}. The file contradicts itself: save the model again."
        )
    x = call.value() if len(call.shape()) == 2 else call.reshaped(call.value(), (1, n_inputs))
    return call.write("linear", x, call.constant(rows[:, :-1]), call.constant(rows[:, -1]))


def _refuse_transform(call: Call, known: tuple[str, ...]) -> str:
    transform = call.text("post_transform", "NONE")
    if transform not in known:
        raise call.refuse(
            f"must have post_transform {' or '.join(known)}, got {transform}. Import the "
            "scikit-learn model itself."
        )
    return transform


LEARNED: Mapping[str, Callable[[Call], str | list[str]]] = MappingProxyType(
    {
        "ArrayFeatureExtractor": _array_feature_extractor,
        "FeatureVectorizer": _feature_vectorizer,
        "LinearClassifier": _linear_classifier,
        "LinearRegressor": _linear_regressor,
        "Scaler": _scaler,
    }
)
"""Operator of ai.onnx.ml -> the function that writes it into the operator graph."""
