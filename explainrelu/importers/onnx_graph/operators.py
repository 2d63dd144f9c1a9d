"""Every ONNX operator that is read, and what is said of those that are not."""

from collections.abc import Callable, Mapping
from types import MappingProxyType

from explainrelu.importers.onnx_graph.elementwise import ELEMENTWISE
from explainrelu.importers.onnx_graph.learned import LEARNED
from explainrelu.importers.onnx_graph.matrices import MATRICES
from explainrelu.importers.onnx_graph.reading import Call
from explainrelu.importers.onnx_graph.structure import STRUCTURE
from explainrelu.importers.onnx_graph.windows import WINDOWS

__all__ = ["ONNX_OPERATORS", "reason"]

Reader = Callable[[Call], str | list[str]]

ONNX_OPERATORS: Mapping[str, Reader] = MappingProxyType(
    dict(sorted({**ELEMENTWISE, **LEARNED, **MATRICES, **STRUCTURE, **WINDOWS}.items()))
)
"""ONNX operator -> the function that writes it into the operator graph.

The first line of its docstring says what is read.
"""

_SMOOTH = "which is a curve and not piecewise linear. Use a ReLU there and train again."
_JUMPS = "which jumps, while a piecewise-linear network has no jumps."
_CONTROL = "whose path depends on data. Export the model without control flow."
_ENCODES = "which must stand directly on raw columns. Put it before every other step."
_DRAWS = "which draws random numbers: the model is not one fixed function."

_REASONS: Mapping[str, str] = MappingProxyType(
    {
        "ArgMax": _JUMPS + " Choose the scores it compares with output=.",
        "ArgMin": _JUMPS + " Choose the scores it compares with output=.",
        "Binarizer": _JUMPS,
        "Celu": _SMOOTH,
        "Ceil": _JUMPS,
        "Elu": _SMOOTH,
        "Erf": _SMOOTH,
        "Floor": _JUMPS,
        "GRU": _SMOOTH,
        "Gelu": _SMOOTH,
        "HardSwish": _SMOOTH,
        "If": _CONTROL,
        "Imputer": _ENCODES,
        "InstanceNormalization": "which divides by the spread of each row and is no affine map.",
        "LSTM": _SMOOTH,
        "LabelEncoder": _ENCODES,
        "LayerNormalization": "which divides by the spread of each row and is no affine map.",
        "Log": _SMOOTH,
        "Loop": _CONTROL,
        "Mish": _SMOOTH,
        "Multinomial": _DRAWS,
        "Normalizer": "which divides each row by its length and is not piecewise linear.",
        "OneHotEncoder": _ENCODES,
        "Pow": _SMOOTH,
        "RNN": _SMOOTH,
        "Reciprocal": _SMOOTH,
        "Round": _JUMPS,
        "Scan": _CONTROL,
        "Selu": _SMOOTH,
        "Sign": _JUMPS,
        "Softplus": _SMOOTH,
        "Softsign": _SMOOTH,
        "Sqrt": _SMOOTH,
        "Tanh": _SMOOTH,
        "ThresholdedRelu": _JUMPS,
        "TreeEnsembleClassifier": _JUMPS,
        "TreeEnsembleRegressor": _JUMPS,
    }
)


def reason(op: str) -> str:
    """Why an operator is not read, and what to do."""
    if op.startswith(("Random", "Bernoulli")):
        return f"is {op}, {_DRAWS} Export it in evaluation mode."
    if op in _REASONS:
        return f"is {op}, {_REASONS[op]}"
    known = ", ".join(ONNX_OPERATORS)
    return (
        f"is {op}, which is not among the operators that are read ({known}). If it is piecewise "
        "linear, write it with these; otherwise no exact network exists."
    )
