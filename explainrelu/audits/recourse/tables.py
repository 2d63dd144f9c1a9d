"""The tables of counterfactuals, from the answers of each row."""

from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np
import pandas as pd

from explainrelu.audits.recourse.distance import Distance
from explainrelu.audits.recourse.question import RowAnswer
from explainrelu.audits.recourse.raw_rows import changed_row, changed_values, shown
from explainrelu.audits.recourse.reasons import closed_by_column
from explainrelu.audits.recourse.search import CounterfactualStatus, Nearest
from explainrelu.network.network import ReluNetwork

__all__ = ["change_table", "counterfactual_table", "outcome_table", "reason_table"]

_OURS = ("row", "cf", "distance", "score", "status", "gap")
_DETAILS = {
    CounterfactualStatus.OPTIMAL: "no row is nearer",
    CounterfactualStatus.BOUNDED: "a limit ended the search; no row is nearer than the bound",
    CounterfactualStatus.INFEASIBLE: "no row that may be reached is as desired",
    CounterfactualStatus.UNDECIDED: "a limit ended the search; none is nearer than the bound",
}


def scores_at(network: ReluNetwork, found: Nearest) -> float:
    """The score of a counterfactual: the smallest margin, or the raw score of a range."""
    raw = network.forward(found.point[None])
    return float(found.target.score(raw @ found.target.matrix.T)[0])


def counterfactual_table(
    network: ReluNetwork, frame: pd.DataFrame, answers: Sequence[RowAnswer]
) -> pd.DataFrame:
    """One line a counterfactual that was found."""
    named = {name: f"cf_{name}" if name in frame.columns else name for name in _OURS}
    rows, ours = [], []
    for row, cf, moves, found in _each(answers):
        if found.point.size:
            rows.append(changed_row(frame, row, moves, found.point))
            score = scores_at(network, found)
            ours.append((row, cf, found.distance, score, str(found.status), found.gap))
    raw = pd.concat(rows, ignore_index=True) if rows else frame.iloc[:0].reset_index(drop=True)
    table = pd.DataFrame(ours, columns=[named[name] for name in _OURS])
    kinds = {"row": "int64", "cf": "int64", "distance": "float64", "score": "float64",
             "status": "str", "gap": "float64"}  # fmt: skip
    table = table.astype({named[name]: kind for name, kind in kinds.items()})
    return pd.concat([table.iloc[:, :2], raw, table.iloc[:, 2:]], axis=1)


def outcome_table(
    network: ReluNetwork, answers: Sequence[RowAnswer], distance: Distance, room: float
) -> pd.DataFrame:
    """One line a counterfactual that was asked for."""
    lines = []
    for row, cf, _, found in _each(answers):
        low, high = float(found.target.lower[0]), float(found.target.upper[0])
        required = f"{low + room:.6g} or more" if high == np.inf else f"{low:.6g} to {high:.6g}"
        detail = _DETAILS[found.status]
        if found.point.size and found.distance == 0:
            detail = "the row is as desired already"
        elif not found.point.size and cf > 1:
            detail += " and leaves a column alone that each one before it changes"
        lines.append({
            "row": row, "cf": cf, "desired": found.target.name, "status": str(found.status),
            "distance": found.distance, "bound": found.bound, "gap": found.gap,
            "score": scores_at(network, found) if found.point.size else np.nan,
            "required": required, "norm": str(distance.norm), "scale": found.target.scale,
            "unit": found.target.unit, "seconds": found.seconds, "detail": detail,
        })  # fmt: skip
    texts = ("desired", "status", "required", "norm", "scale", "unit", "detail")
    return pd.DataFrame(lines).astype(dict.fromkeys(texts, "str"))


def change_table(
    frame: pd.DataFrame, answers: Sequence[RowAnswer], distance: Distance
) -> pd.DataFrame:
    """One line a column that a counterfactual changes."""
    lines: list[tuple[Any, ...]] = []
    for row, cf, moves, found in _each(answers):
        if not found.point.size:
            continue
        parts = distance.parts(moves, found.point[None])[0]
        for name, (before, after) in changed_values(frame, row, moves, found.point).items():
            column = moves.schema.names.index(name)
            inputs = moves.part(column)
            change = np.nan
            if not moves.categorical[column]:
                change = float(found.point[inputs.start] - moves.query[inputs.start])
            unit = moves.schema.columns[column].unit
            lines.append((row, cf, name, shown(_plain(before)), shown(_plain(after)), change,
                          float(parts[column]), unit))  # fmt: skip
    names = ["row", "cf", "feature", "from", "to", "change", "cost", "unit"]
    return _typed(lines, names, {"feature", "from", "to", "unit"}, {"row", "cf"})


def reason_table(
    network: ReluNetwork, frame: pd.DataFrame, answers: Sequence[RowAnswer]
) -> tuple[pd.DataFrame, float]:
    """Reason codes, and how far their sums are off the scores, relative to their size."""
    lines: list[tuple[Any, ...]] = []
    worst = 0.0
    for row, cf, moves, found in _each(answers):
        if cf > 1 or not found.point.size or found.distance == 0:
            continue
        form, ends, values = closed_by_column(network, moves, found.target, found.point)
        whole = float(ends[1] - ends[0])
        worst = max(worst, abs(values.sum() - whole) / max(1.0, float(np.abs(ends).max())))
        changed = changed_values(frame, row, moves, found.point)
        towards = np.sign(whole) or 1.0
        places = {name: moves.schema.names.index(name) for name in changed}
        order = sorted(changed, key=lambda name: -towards * values[places[name]])
        for rank, name in enumerate(order, start=1):
            value = float(values[places[name]])
            before, after = (shown(_plain(v)) for v in changed[name])
            share = value / whole if whole else np.nan
            lines.append((row, rank, name, before, after, value, share, form,
                          found.target.scale, found.target.unit, "exact"))  # fmt: skip
    names = ["row", "rank", "feature", "from", "to", "closes", "share", "output", "scale", "unit",
             "exactness"]  # fmt: skip
    texts = {"feature", "from", "to", "output", "scale", "unit", "exactness"}
    return _typed(lines, names, texts, {"row", "rank"}), worst


def _each(answers: Sequence[RowAnswer]) -> Iterable[tuple[int, int, Any, Nearest]]:
    for row, answer in enumerate(answers):
        for cf, found in enumerate(answer.found, start=1):
            yield row, cf, answer.moves, found


def _plain(value: Any) -> Any:
    """A numpy scalar as a plain number."""
    return value.item() if isinstance(value, np.generic) else value


def _typed(
    lines: list[tuple[Any, ...]], names: list[str], texts: set[str], whole: set[str]
) -> pd.DataFrame:
    kinds = {name: "str" if name in texts else "int64" if name in whole else "float64"
             for name in names}  # fmt: skip
    return pd.DataFrame(lines, columns=names).astype(kinds)
