"""What a fitted pipeline hands on between its steps, written over the raw columns.

While a pipeline is folded, every column between two steps is one of two things: still a raw
column (possibly with its missing values filled), or an affine combination of atoms, an atom
being the value of a numeric or ordinal column or the indicator of one level.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

import numpy as np

from explainrelu.arrays import FloatArray
from explainrelu.errors import UnsupportedModelError
from explainrelu.network.column import Column, ColumnKind, Level
from explainrelu.network.schema import InputSchema

__all__ = ["AffineFeature", "Feature", "Folding", "RawFeature"]

Atom = tuple[int, int]
"""Position of the raw column, position of the level (0 for a number)."""


@dataclass(frozen=True, slots=True)
class RawFeature:
    """A raw column that no step has turned into numbers yet."""

    column: int
    imputes: bool = False
    fill: Level = None
    missing_marker: Level = None
    missing_as: str = "any"


@dataclass(frozen=True, slots=True)
class AffineFeature:
    """``sum of coefficient * atom + constant``."""

    terms: Mapping[Atom, float]
    constant: float = 0.0

    def scaled(self, factor: float, shift: float) -> "AffineFeature":
        """``factor * feature + shift``."""
        terms = {atom: factor * value for atom, value in self.terms.items()}
        return AffineFeature(terms, factor * self.constant + shift)


Feature = RawFeature | AffineFeature


@dataclass(slots=True)
class Folding:
    """What is learnt about the raw columns while the steps are folded.

    Attributes
    ----------
    columns
        The raw columns; unused until a step claims them.
    claims
        How often each column was claimed.
    folded
        The steps folded so far, in words.
    assumptions
        What has to hold for the network to stand for the model.
    """

    columns: list[Column]
    claims: list[int] = field(default_factory=list)
    folded: list[str] = field(default_factory=list)
    assumptions: list[str] = field(default_factory=list)

    @classmethod
    def of(cls, names: Sequence[str]) -> "Folding":
        """Nothing folded yet: every column unused."""
        columns = [Column(name, ColumnKind.UNUSED) for name in names]
        return cls(columns, [0] * len(columns))

    def raw(self) -> list[Feature]:
        """The raw columns as features, in order."""
        return [RawFeature(i) for i in range(len(self.columns))]

    def claim(self, feature: RawFeature, column: Column, where: str) -> None:
        """Settle what a raw column is; two steps must not want different things of it."""
        claimed = replace(
            column,
            imputes=feature.imputes or column.imputes,
            fill=feature.fill if feature.imputes else column.fill,
            missing_marker=feature.missing_marker,
            missing_as=feature.missing_as if feature.imputes else column.missing_as,
        )
        before = self.columns[feature.column]
        if self.claims[feature.column] and before != claimed:
            raise UnsupportedModelError(
                f"{where} uses column {column.name!r} as {claimed.kind}, but an earlier step uses "
                f"it as {before.kind} or fills its missing values differently. Give the second "
                "use a column of its own."
            )
        self.columns[feature.column] = claimed
        self.claims[feature.column] += 1

    def numeric(self, features: Sequence[Feature], where: str) -> list[AffineFeature]:
        """The features as affine ones: raw columns become numeric inputs."""
        result = []
        for feature in features:
            if isinstance(feature, RawFeature):
                name = self.columns[feature.column].name
                self.claim(feature, Column(name, ColumnKind.NUMERIC), where)
                feature = AffineFeature({(feature.column, 0): 1.0})
            result.append(feature)
        return result

    def give_up(self, feature: AffineFeature) -> None:
        """A column whose values no longer matter, since a later step replaces or drops them."""
        for position, _ in feature.terms:
            self.columns[position] = Column(self.columns[position].name, ColumnKind.UNUSED)
            self.claims[position] = 0

    def fill_scaled(self, feature: AffineFeature, fill: float, where: str) -> None:
        """Missing values of an already scaled column become ``fill`` in the scaled units."""
        (atom, factor), *others = feature.terms.items()
        column = self.columns[atom[0]]
        if others or factor == 0.0 or column.kind is ColumnKind.CATEGORICAL:
            return  # behind a mixing step no missing value is left to fill
        if column.kind is ColumnKind.ORDINAL and self.claims[atom[0]] == 1:
            self.columns[atom[0]] = _codes_filled(column, (fill - feature.constant) / factor)
            return
        if column.imputes and column.missing_marker is None:
            return  # an imputer on the raw column left nothing to fill
        if column.imputes or self.claims[atom[0]] > 1:
            raise UnsupportedModelError(
                f"{where} fills missing values of column {column.name!r}, which another step uses "
                "or fills too. Put one SimpleImputer before the other steps."
            )
        raw = (fill - feature.constant) / factor
        self.assumptions.append(f"a missing {column.name} is taken to be {raw:.6g}")
        self.columns[atom[0]] = replace(column, imputes=True, fill=raw)

    def schema(self) -> InputSchema:
        """The schema of the columns as settled."""
        return InputSchema(tuple(self.columns))

    def matrix(self, features: Sequence[AffineFeature]) -> tuple[FloatArray, FloatArray]:
        """The features as ``weight (n_features, n_inputs)`` and ``bias (n_features,)``."""
        schema = self.schema()
        starts = schema.starts
        weight = np.zeros((len(features), schema.n_inputs))
        for row, feature in enumerate(features):
            for (column, level), value in feature.terms.items():
                weight[row, starts[column] + level] += value
        return weight, np.array([feature.constant for feature in features])


def _missing_code_is_nan(column: Column) -> bool:
    codes = dict(zip(column.levels, column.codes, strict=True))
    return None in codes and bool(np.isnan(codes[None]))


def _codes_filled(column: Column, fill: float) -> Column:
    """An ordinal column behind an imputer: a code that is NaN becomes ``fill``."""
    own = float(column.fill) if column.imputes else fill  # type: ignore[arg-type]  # the fill of an ordinal column is a code
    if np.isnan(own) and column.ignores_unknown:
        own = fill
    return replace(
        column,
        codes=tuple(fill if np.isnan(code) else code for code in column.codes),
        imputes=column.imputes or _missing_code_is_nan(column),
        fill=own,
        unknown_code=fill if np.isnan(column.unknown_code) else column.unknown_code,
    )
