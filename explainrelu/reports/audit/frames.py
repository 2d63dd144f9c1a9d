"""What an audit found, as the tables of :mod:`explainrelu.reports.audit.contract`."""

from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np
import pandas as pd

from explainrelu.arrays import FloatArray, IntArray
from explainrelu.audits.auditing.expectations import constraints_of
from explainrelu.audits.auditing.findings import AuditFindings
from explainrelu.audits.boundary.distances import Robustness
from explainrelu.audits.fairness.fairness import Fairness
from explainrelu.audits.properties import PropertyResult
from explainrelu.audits.recourse.result import CounterfactualResult
from explainrelu.audits.trend.trends import Monotonicity, Trend
from explainrelu.audits.verification.constraints import OutputConstraints
from explainrelu.audits.verification.vnnlib import VnnlibProperty
from explainrelu.certificate import Status
from explainrelu.errors import DataError
from explainrelu.network.network import ReluNetwork
from explainrelu.network.schema import InputSchema
from explainrelu.reports.audit.contract import AUDIT_TABLES
from explainrelu.reports.audit.scope import STEP_UNITS
from explainrelu.reports.tables import in_contract

__all__ = ["audit_tables", "requires", "trend_pairs"]

_RADII = 81  # points of the curve of certified shares


def audit_tables(found: AuditFindings, scope: pd.DataFrame) -> dict[str, pd.DataFrame]:
    """Every table of the parts that were looked at, in the order and shape of the contract.

    Parameters
    ----------
    scope
        How far each part reaches, as :func:`scope_frame` says.
    """
    tables = {"audit_checks": found.to_frame(), "audit_scope": scope, "domain": _domain(found)}
    if found.monotonicity is not None:
        tables["monotonicity"] = found.monotonicity.to_frame()
        tables["monotonicity_witnesses"] = _trend_witnesses(found.monotonicity)
    if found.properties:
        tables["properties"] = _properties(found)
        tables["property_witnesses"] = _property_witnesses(found.network, found.properties)
    tables |= _distances(found)
    if found.slopes is not None:
        tables["slopes"] = found.slopes.to_frame()
    if found.fairness is not None:
        tables |= _fairness(found.network, found.fairness)
    if found.recourse is not None:
        tables |= _recourse(found.recourse, found.recourse_rows)
    if found.coverage is not None:
        tables["coverage_rows"] = found.coverage.per_row
        tables["coverage_columns"] = found.coverage.columns
        tables["coverage_summary"] = found.coverage.summary
    return {
        name: in_contract(name, tables[name], AUDIT_TABLES)
        for name in AUDIT_TABLES
        if name in tables
    }


def _table(name: str, rows: list[tuple[Any, ...]]) -> pd.DataFrame:
    columns = dict(AUDIT_TABLES[name])
    return pd.DataFrame(rows, columns=list(columns)).astype(columns)


def _domain(found: AuditFindings) -> pd.DataFrame:
    """One row an input: its range in the box that proofs are about."""
    schema, box = found.network.schema, found.domain
    columns = [schema.columns[j] for j in schema.input_columns]
    return pd.DataFrame(
        {
            "input": pd.Series(schema.input_names, dtype="str"),
            "feature": pd.Series([column.name for column in columns], dtype="str"),
            "lower": box.lower,
            "upper": box.upper,
            "unit": pd.Series([column.unit for column in columns], dtype="str"),
        }
    )


def trend_pairs(trend: Trend) -> Iterator[tuple[str, Any]]:
    """The pairs that show a trend's verdict: against what is expected, or both ways."""
    pairs = (("rises", trend.rising), ("falls", trend.falling))
    if trend.status is not Status.FAILS:
        return
    for name, pair in pairs:
        if pair is not None and (not trend.expected or pair is trend.witness):
            yield name, pair


def _trend_witnesses(found: Monotonicity) -> pd.DataFrame:
    rows = []
    for trend in found.trends:
        for name, pair in trend_pairs(trend):
            for i, cells in enumerate(_raw(found.schema, pair.points)):
                score = float(pair.scores[i])
                rows += [
                    (trend.feature, trend.output, name, i + 1, column, value, score)
                    for column, value in cells.items()
                ]
    return _table("monotonicity_witnesses", rows)


def _raw(schema: InputSchema, points: FloatArray) -> list[dict[str, str]]:
    """Encoded rows as column -> text; of points between levels the inputs as they are."""
    try:
        frame = schema.decode(points)
    except DataError:
        frame = pd.DataFrame(points, columns=list(schema.input_names))
    return _texts(frame)


def _texts(frame: pd.DataFrame) -> list[dict[str, str]]:
    return [
        {str(name): _text(value) for name, value in row.items()}
        for row in frame.to_dict(orient="records")
    ]


def _text(value: Any) -> str:
    """A cell so that a number reads back to the last bit; nothing for a missing one."""
    return "" if value is None or value != value else str(value)


def _properties(found: AuditFindings) -> pd.DataFrame:
    parts = []
    for name, result in found.properties.items():
        table = result.to_frame().rename(columns={"status": "alternative_status"})
        parts.append(
            table.assign(
                property=name,
                requires=requires(found.expectations.properties[name]),
                status=str(result.status),
                decided_by=result.decided_by,
                reason=result.reason,
                boxes_searched=result.boxes_searched,
                regions_searched=result.regions_searched,
                seconds=result.seconds,
            )
        )
    return pd.concat(parts, ignore_index=True)


def requires(required: OutputConstraints | VnnlibProperty) -> str:
    """What must hold, where that can be said without alternatives; else what must not."""
    own = isinstance(required, VnnlibProperty)
    constraints, where = constraints_of(required), " in the boxes of its file" if own else ""
    parts = constraints.alternatives
    if all(len(part) == 1 for part in parts):
        return "; ".join(str(constraint.negated()) for (constraint,) in parts) + where
    return f"{constraints}{where}"


def _property_witnesses(
    network: ReluNetwork, properties: Mapping[str, PropertyResult]
) -> pd.DataFrame:
    rows = []
    for name, result in properties.items():
        if result.witness is None or result.witness_scores is None:
            continue
        [cells] = _raw(network.schema, result.witness[None])
        rows += [(name, "column", column, value) for column, value in cells.items()]
        scores = zip(network.outputs.names, result.witness_scores, strict=True)
        rows += [(name, "score", output, repr(float(score))) for output, score in scores]
    return _table("property_witnesses", rows)


def _distances(audit: AuditFindings) -> dict[str, pd.DataFrame]:
    """Distances to another class: in standard deviations, and in measurement errors."""
    tables, witnesses = {}, []
    pairs = (("robustness", audit.robustness), ("stability", audit.stability))
    for name, found in pairs:
        if found is not None:
            unit = STEP_UNITS[name]
            table = found.to_frame()
            tables[name] = table.assign(row=audit.robustness_rows[table["row"]], unit=unit)
            witnesses += _steps(found, audit.robustness_rows, unit)
    if tables:
        tables["robustness_witnesses"] = _table("robustness_witnesses", witnesses)
    if audit.robustness is not None:
        reached = audit.robustness.upper[np.isfinite(audit.robustness.upper)]
        most = max(float(np.concatenate([reached, audit.robustness.lower]).max()), 1e-9)
        tables["robustness_summary"] = audit.robustness.summary
        tables["robustness_curve"] = audit.robustness.certified_share(
            np.linspace(0.0, most, _RADII)
        )
    return tables


def _steps(found: Robustness, positions: IntArray, unit: str) -> list[tuple[Any, ...]]:
    """What moves between each row and its witness, farthest first."""
    schema, rows = found.schema, []
    for i in np.flatnonzero(np.isfinite(found.upper)):
        change = found.witnesses[i] - found.points[i]
        steps = np.divide(change, found.scale, out=np.zeros_like(change), where=found.scale > 0)
        for k in np.argsort(-np.abs(steps), kind="stable"):
            if change[k] == 0:
                continue
            column = schema.columns[schema.input_columns[k]]
            before, after = float(found.points[i, k]), float(found.witnesses[i, k])
            ends = (before, after, float(steps[k]), column.unit)
            rows.append((int(positions[i]), unit, column.name, *ends))
    return rows


def _fairness(network: ReluNetwork, found: Fairness) -> dict[str, pd.DataFrame]:
    tables = {"carriers": found.carriers, "group_regions": found.regions}
    if len(found.groups):
        tables["group_rates"] = found.groups
    if found.individual is not None:
        tables["flips"] = found.individual.rows
        tables["flip_witness"] = _flip_witness(network, found.individual.witness)
    return tables


def _flip_witness(network: ReluNetwork, pair: pd.DataFrame | None) -> pd.DataFrame:
    rows: list[tuple[Any, ...]] = []
    if pair is not None:
        scores = network.forward(network.schema.encode(pair.reset_index(drop=True)))
        for point, cells, values in zip(pair.index, _texts(pair), scores, strict=True):
            rows += [(str(point), "column", column, value) for column, value in cells.items()]
            named = zip(network.outputs.names, values, strict=True)
            rows += [(str(point), "score", output, repr(float(score))) for output, score in named]
    return _table("flip_witness", rows)


def _recourse(found: CounterfactualResult, positions: IntArray) -> dict[str, pd.DataFrame]:
    parts = {"outcomes": found.outcomes, "changes": found.changes, "reasons": found.reasons}
    return {
        f"counterfactual_{name}": table.assign(row=positions[table["row"].to_numpy(dtype=np.int64)])
        for name, table in parts.items()
    }
