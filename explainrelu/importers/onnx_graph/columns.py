"""Raw columns of a table at the head of a file, as skl2onnx writes fitted pipelines.

While a value is only moved about, converted or filled it stays a row of raw columns. An encoder,
or the first operator that computes, settles what each of them is to the network.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any

import numpy as np

from explainrelu.errors import ModelError, UnsupportedModelError
from explainrelu.importers.features import Atom, Folding, RawFeature
from explainrelu.importers.onnx_graph.folding import computed
from explainrelu.importers.onnx_graph.reading import Call, Known, Reading
from explainrelu.importers.operators.graph import Node, Shape
from explainrelu.network.column import Column, ColumnKind, Level

__all__ = ["COLUMN_OPERATORS", "RawColumns"]

_TEXT, _FLOAT, _INT64 = 8, 1, 7
_WHOLE = frozenset({2, 3, 4, 5, 6, 7, 9, 12, 13})


@dataclass(slots=True)
class RawColumns:
    """The raw columns of a file, and where they enter the network.

    Attributes
    ----------
    folding
        What is known of each column so far.
    kinds
        The number format in which the file takes each column.
    entries
        What enters the operator graph: a name, and the atoms its numbers are.
    """

    folding: Folding
    kinds: Sequence[int]
    entries: list[tuple[str, tuple[Atom, ...]]] = field(default_factory=list)

    def cut(self, known: Known, feature: RawFeature) -> bool:
        """Whether a column of floating-point numbers has been cut to whole ones."""
        return known.kind in _WHOLE and self.kinds[feature.column] not in _WHOLE

    def keeps_unknown(self, known: Known, feature: RawFeature) -> bool:
        """Whether values that are no level may be taken as the file takes them.

        Where the file cuts fractions off before it looks a level up, 2.5 is its level 2: only
        levels themselves are accepted then.
        """
        if not self.cut(known, feature):
            return True
        name = self.folding.columns[feature.column].name
        self.folding.assumptions.append(f"whole numbers in column {name}, each of them a level")
        return False

    def enter(self, name: str, atoms: Sequence[Atom]) -> str:
        """Numbers that enter the operator graph under a name of their own."""
        entry = f"{name} (columns {len(self.entries)})"
        self.entries.append((entry, tuple(atoms)))
        return entry

    def settled(self, reading: Reading, value: str, where: str) -> Known:
        """Raw columns as the numbers that they are.

        Raises
        ------
        UnsupportedModelError
            Where they are texts, or rounded to whole numbers.
        """
        known = reading.values[value]
        for feature in known.raw:
            name = self.folding.columns[feature.column].name
            if known.kind == _TEXT:
                raise UnsupportedModelError(
                    f"Column {name!r} is text and must be encoded by a OneHotEncoder or "
                    f"LabelEncoder, got the operator {where} on it. Encode it in the pipeline."
                )
            if self.cut(known, feature):
                raise UnsupportedModelError(
                    f"Column {name!r} is rounded to whole numbers before {where}, which jumps and "
                    "is not piecewise linear. Hand the column over in whole numbers."
                )
        self.folding.numeric(known.raw, where)
        entry = self.enter(value, [(feature.column, 0) for feature in known.raw])
        shaped = Node("reshape", (entry,), f"{entry} shaped", {"shape": known.shape}, where)
        reading.nodes.append(shaped)
        return Known(known.shape, known.kind, None, shaped.output)

    def nodes(self, source: str) -> list[Node]:
        """The nodes by which the entries are taken from the encoded row ``source``."""
        starts = self.folding.schema().starts
        return [
            Node(
                "gather",
                (source,),
                entry,
                {
                    "axis": 1,
                    "indices": np.array([float(starts[c] + level) for c, level in atoms]),
                },
                entry,
            )
            for entry, atoms in self.entries
        ]


def _moved(columns: RawColumns, call: Call) -> list[Known]:
    """Columns chosen, put side by side or into another order."""
    pool: list[RawFeature] = []
    arrays: dict[str, Any] = {}
    values = call.reading.values
    for name in dict.fromkeys(filter(None, call.inputs)):
        known = values[name]
        arrays[name] = known.array
        if known.raw:
            arrays[name] = np.arange(len(pool), len(pool) + len(known.raw)).reshape(known.shape)
            pool += known.raw
    kind = max(values[name].kind for name in arrays if values[name].raw)
    found = computed(call.reading, call.node, arrays)
    return [
        Known(array.shape, kind, raw=tuple(pool[i] for i in array.reshape(-1).tolist()))
        for array in found
        if array is not None
    ]


def _cast(columns: RawColumns, call: Call) -> list[Known]:
    """Columns in another number format."""
    known = call.reading.values[call.inputs[0]]
    kind = int(call.number("to", 1))
    if kind not in _WHOLE:
        _refuse_cut(columns, call, known)
    if kind == _TEXT and known.kind != _TEXT:
        raise call.refuse(
            "writes numbers as text. Hand the column over as text, or encode it as numbers."
        )
    return [Known(known.shape, kind, raw=known.raw)]


def _refuse_cut(columns: RawColumns, call: Call, known: Known) -> None:
    """Refuse to turn numbers whose fractions were cut off back into floating-point ones."""
    for feature in known.raw:
        if columns.cut(known, feature):
            raise call.refuse(
                f"takes column {columns.folding.columns[feature.column].name!r} rounded to whole "
                "numbers, which jumps and is not piecewise linear. Hand the column over in whole "
                "numbers."
            )


def _vectorized(columns: RawColumns, call: Call) -> list[Known]:
    """Columns side by side, as floating-point numbers."""
    for name in call.inputs:
        _refuse_cut(columns, call, call.reading.values[name])
    return [Known(known.shape, _FLOAT, raw=known.raw) for known in _moved(columns, call)]


def _imputer(columns: RawColumns, call: Call) -> list[Known]:
    """Missing values filled by constants, as a SimpleImputer does."""
    known = call.reading.values[call.inputs[0]]
    whole = "imputed_value_int64s" in call.attributes
    fills = call.attributes.get("imputed_value_int64s" if whole else "imputed_value_floats", ())
    if len(fills) not in (1, len(known.raw)):
        raise ModelError(
            f"Node {call.label} must have one fill a column ({len(known.raw)}), got {len(fills)}. "
            "The file contradicts itself: save the model again."
        )
    marker = call.number("replaced_value_int64" if whole else "replaced_value_float", 0.0)
    filled = list(fills) * (len(known.raw) // len(fills))
    features = [
        _filled(columns, call, feature, float(fill), marker)
        for feature, fill in zip(known.raw, filled, strict=True)
    ]
    return [Known(known.shape, known.kind, raw=tuple(features))]


def _filled(
    columns: RawColumns, call: Call, feature: RawFeature, fill: float, marker: float
) -> RawFeature:
    if feature.imputes:
        raise call.refuse("must be the only Imputer on a column, got a second one.")
    name = columns.folding.columns[feature.column].name
    columns.folding.assumptions.append(f"a missing {name} is taken to be {fill:.6g}")
    looked_for = None if np.isnan(marker) else marker
    return RawFeature(feature.column, True, fill, looked_for)


def _one_hot(columns: RawColumns, call: Call) -> list[Known]:
    """One indicator for each level of a column."""
    known = call.reading.values[call.inputs[0]]
    levels = tuple(_plain(level) for level in _given(call, "cats_strings", "cats_int64s"))
    atoms: list[Atom] = []
    for feature in known.raw:
        name = columns.folding.columns[feature.column].name
        column = Column(
            name,
            ColumnKind.CATEGORICAL,
            levels=levels,
            ignores_unknown=columns.keeps_unknown(known, feature)
            and call.number("zeros", 1.0) != 0.0,
        )
        columns.folding.claim(feature, column, call.label)
        atoms += [(feature.column, i) for i in range(len(levels))]
    return [_entered(columns, call, (*known.shape, len(levels)), atoms, _FLOAT)]


def _label_encoder(columns: RawColumns, call: Call) -> list[Known]:
    """The code of each level of a column, as an OrdinalEncoder gives it."""
    known = call.reading.values[call.inputs[0]]
    kinds = ("strings", "int64s", "floats", "tensor")
    levels = tuple(_plain(level) for level in _given(call, *(f"keys_{kind}" for kind in kinds)))
    codes = _given(call, *(f"values_{kind}" for kind in kinds))
    if any(isinstance(code, (str, bytes)) for code in codes):
        raise call.refuse("turns levels into text. Encode them as numbers.")
    whole = "values_int64s" in call.attributes
    other = call.number("default_int64", -1) if whole else call.number("default_float", -0.0)
    table = tuple(float(code) for code in codes)
    atoms: list[Atom] = []
    for feature in known.raw:
        name = columns.folding.columns[feature.column].name
        column = Column(
            name,
            ColumnKind.ORDINAL,
            levels=levels,
            codes=table,
            ignores_unknown=columns.keeps_unknown(known, feature),
            unknown_code=other,
        )
        columns.folding.claim(_with_code(feature, column), column, call.label)
        atoms.append((feature.column, 0))
    return [_entered(columns, call, known.shape, atoms, _INT64 if whole else _FLOAT)]


def _with_code(feature: RawFeature, column: Column) -> RawFeature:
    """A fill that is a level as its code, which an ordinal column keeps."""
    if not feature.imputes:
        return feature
    known = feature.fill in column.levels
    code = column.codes[column.levels.index(feature.fill)] if known else column.unknown_code
    return RawFeature(feature.column, True, code, feature.missing_marker, feature.missing_as)


def _entered(
    columns: RawColumns, call: Call, shape: Shape, atoms: Sequence[Atom], kind: int
) -> Known:
    entry = columns.enter(call.outputs[0], atoms)
    return Known(shape, kind, None, call.reshaped(entry, shape))


def _given(call: Call, *names: str) -> list[Any]:
    """The first of some attributes that is there, as a list."""
    for name in names:
        if name in call.attributes:
            value = call.attributes[name]
            if name.endswith("tensor"):
                value = call.reading.onnx.numpy_helper.to_array(value).reshape(-1).tolist()
            return list(value)
    raise ModelError(
        f"Node {call.label} must have one of the attributes {', '.join(names)}, got none. The file "
        "contradicts itself: save the model again."
    )


def _plain(level: Any) -> Level:
    """A level as it stands in a table; NaN as None, the level of missing values."""
    if isinstance(level, bytes):
        return level.decode(errors="replace")
    if isinstance(level, float) and np.isnan(level):
        return None
    return level if isinstance(level, (str, int, float, bool)) else str(level)


COLUMN_OPERATORS: Mapping[str, Callable[[RawColumns, Call], list[Known]]] = MappingProxyType(
    {
        "ArrayFeatureExtractor": _moved,
        "Cast": _cast,
        "Concat": _moved,
        "FeatureVectorizer": _vectorized,
        "Flatten": _moved,
        "Gather": _moved,
        "Identity": _moved,
        "Imputer": _imputer,
        "LabelEncoder": _label_encoder,
        "OneHotEncoder": _one_hot,
        "Reshape": _moved,
        "Slice": _moved,
        "Split": _moved,
        "Squeeze": _moved,
        "Transpose": _moved,
        "Unsqueeze": _moved,
    }
)
"""ONNX operator -> what it does to raw columns."""
