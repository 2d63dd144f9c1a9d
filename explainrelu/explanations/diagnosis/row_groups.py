"""What divides rows into groups with a formula each: regions, their rules, or any other rules."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Protocol, runtime_checkable

import numpy as np
import pandas as pd

from explainrelu.arrays import BoolArray, FloatArray, IntArray, frozen
from explainrelu.errors import ArgumentError, InputTypeError
from explainrelu.explanations.rules import RuleSet
from explainrelu.network.network import ReluNetwork
from explainrelu.network.outputs import ScoreView
from explainrelu.network.patterns import affine_maps
from explainrelu.regions.observed import regions_of_points
from explainrelu.regions.region_set import RegionSet
from explainrelu.tolerances import Tolerances

__all__ = ["Formulas", "RowGroups", "RowRules", "row_groups"]

Formulas = Callable[[IntArray], tuple[FloatArray, FloatArray]]
"""Positions -> ``weight (n_positions, n_scores, n_inputs)``, ``bias (n_positions, n_scores)``."""


@runtime_checkable
class RowRules(Protocol):
    """Rules that divide rows, as :func:`explainrelu.region_diagnostics` takes them.

    An object may also have ``network``, the :class:`ReluNetwork` it stands for, which must then be
    the model's; ``view``, the :class:`ScoreView` of its scores (by default every output); and
    ``affine_maps()``, which returns the formulas over the encoded inputs as ``weight
    (n_rules, n_scores, n_inputs)`` and ``bias (n_rules, n_scores)``; without it there is no fit of
    a rule's formula over all rows.
    """

    @property
    def names(self) -> Sequence[str]:
        """One name a rule."""

    def locate(self, X: Any) -> IntArray:
        """The position of each raw row's rule, -1 where it has none: (n_samples,)."""

    def predict(self, X: Any) -> FloatArray:
        """The score of raw rows that have a rule, by it: (n_samples,) or (n_samples, n_scores)."""


@dataclass(frozen=True, slots=True, eq=False)
class RowGroups:
    """Rows by the group they are in, and the scores that its formula gives them.

    Attributes
    ----------
    names
        One name a group.
    codes : (n_samples,)
        The group of each row, -1 where it is in none.
    scores : (n_samples, n_scores)
        By the formula of the row's group; zero for a row in none.
    view
        The scores they are.
    words
        What the groups are.
    formulas
        The formulas of chosen groups, None where they are not known.
    regions
        The regions, where the groups are regions.
    """

    names: Sequence[str]
    codes: IntArray
    scores: FloatArray
    view: ScoreView
    words: str
    formulas: Formulas | None
    regions: RegionSet | None = None

    def __post_init__(self) -> None:
        for name in ("codes", "scores"):
            object.__setattr__(self, name, frozen(np.array(getattr(self, name))))

    @property
    def held(self) -> BoolArray:
        """Which rows are in a group: (n_samples,)."""
        return self.codes >= 0


def row_groups(
    by: Any,
    network: ReluNetwork,
    frame: pd.DataFrame,
    points: FloatArray,
    raw: FloatArray,
    output: Any,
    tolerances: Tolerances,
) -> RowGroups:
    """The groups of some rows.

    Parameters
    ----------
    by
        ``regions``: the regions that the rows visit. A :class:`RegionSet`, which may be that of a
        whole box: a row outside its domain is in none. A :class:`RuleSet`. Other rules as
        :class:`RowRules`.
    frame : (n_samples, n_columns)
        Raw rows.
    points : (n_samples, n_inputs)
        The same encoded.
    raw : (n_samples, n_outputs)
        The network's raw scores.
    output
        Which scores; rules bring their own.

    Raises
    ------
    ArgumentError
        For another word, regions or rules of another network, ``output=`` beside rules, and rules
        whose answers are not what :class:`RowRules` says.
    InputTypeError
        For what divides no rows.
    """
    if isinstance(by, str):
        if by != "regions":
            raise ArgumentError(f"by must be 'regions', a set of regions or rules, got {by!r}.")
        found = regions_of_points(network, points)
        return _of_regions(found, found.rows, network.outputs.view(output), raw)
    if isinstance(by, RegionSet):
        _check_network(by.network, network)
        codes = by.locate_points(points, tolerances=tolerances)
        codes[~by.domain.contains(points, slack=tolerances.containment)] = -1
        return _of_regions(by, codes, network.outputs.view(output), raw)
    if isinstance(by, (RuleSet, RowRules)) and output is not None:
        raise ArgumentError(
            f"Rules bring their own scores, so output must be None beside them, got {output!r}. "
            "Choose the output where the rules are made."
        )
    if isinstance(by, RuleSet):
        _check_network(by.regions.network, network)
        codes = by.regions.locate_points(points, tolerances=tolerances)
        return _of_regions(by.regions, codes, by.view, raw)
    if isinstance(by, RowRules):
        return _of_rules(by, network, frame)
    raise InputTypeError(
        "by must be 'regions', a RegionSet, a RuleSet, or rules with names, locate(X) and "
        f"predict(X), got {type(by).__qualname__}."
    )


def _of_regions(regions: RegionSet, codes: IntArray, view: ScoreView, raw: FloatArray) -> RowGroups:
    """On its region a formula is the network, so its scores are the network's."""
    network = regions.network

    def formulas(positions: IntArray) -> tuple[FloatArray, FloatArray]:
        return affine_maps(network, regions.patterns[positions], network.score_map(view))

    names = regions.names.tolist()
    scores, words = raw @ view.matrix.T, f"regions {regions.found_by}"
    return RowGroups(names, codes, scores, view, words, formulas, regions)


def _of_rules(rules: RowRules, network: ReluNetwork, frame: pd.DataFrame) -> RowGroups:
    """The answers of rules, checked."""
    made_from = getattr(rules, "network", network)
    if isinstance(made_from, ReluNetwork):
        _check_network(made_from, network)
    names = [str(name) for name in rules.names]
    view = getattr(rules, "view", None)
    view = view if isinstance(view, ScoreView) else network.outputs.view()
    codes = _checked_codes(rules.locate(frame), len(frame), len(names))
    held = np.flatnonzero(codes >= 0)
    scores = np.zeros((len(frame), len(view)))
    if held.size:
        scores[held] = _checked_scores(rules.predict(frame.iloc[held]), held.size, len(view))
    maps = getattr(rules, "affine_maps", None)
    formulas = None if maps is None else _formulas_of(maps, len(names), len(view), network.n_inputs)
    return RowGroups(names, codes, scores, view, f"rules of {type(rules).__name__}", formulas)


def _formulas_of(maps: Callable[[], Any], n_rules: int, n_scores: int, n_inputs: int) -> Formulas:
    weight, bias = (np.asarray(part, dtype=np.float64) for part in maps())
    if weight.shape != (n_rules, n_scores, n_inputs) or bias.shape != weight.shape[:2]:
        raise ArgumentError(
            f"affine_maps() must return arrays of shape {(n_rules, n_scores, n_inputs)} and "
            f"{(n_rules, n_scores)}, got {weight.shape} and {bias.shape}."
        )
    return lambda positions: (weight[positions], bias[positions])


def _checked_codes(answer: Any, n_rows: int, n_rules: int) -> IntArray:
    codes = np.asarray(answer)
    if codes.shape != (n_rows,) or not np.issubdtype(codes.dtype, np.integer):
        raise ArgumentError(
            f"locate(X) must return one whole number a row, ({n_rows},), got {codes.dtype} of "
            f"shape {codes.shape}."
        )
    if ((codes < -1) | (codes >= n_rules)).any():
        raise ArgumentError(
            f"locate(X) must return positions of the {n_rules} names, or -1, got "
            f"{codes.min()} to {codes.max()}."
        )
    return codes.astype(np.int64)


def _checked_scores(answer: Any, n_rows: int, n_scores: int) -> FloatArray:
    scores = np.asarray(answer, dtype=np.float64)
    if scores.size != n_rows * n_scores or scores.shape[:1] != (n_rows,) or scores.ndim > 2:
        raise ArgumentError(
            f"predict(X) must return {n_scores} score(s) a row, ({n_rows}, {n_scores}), got shape "
            f"{scores.shape}."
        )
    if not np.isfinite(scores).all():
        raise ArgumentError("predict(X) must return finite scores, got NaN or infinity.")
    return scores.reshape(n_rows, n_scores)


def _check_network(made_from: ReluNetwork, network: ReluNetwork) -> None:
    if made_from.fingerprint != network.fingerprint:
        raise ArgumentError(
            f"Regions and rules must be those of the model, {network}, got those of {made_from} "
            "with other weights. Hand over the model they were made from."
        )
