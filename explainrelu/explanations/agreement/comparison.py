"""Any attributions side by side: how far they agree, which is nearest the exact one, and why."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import combinations
from typing import Any

import numpy as np
import pandas as pd

from explainrelu.errors import ArgumentError
from explainrelu.explanations.agreement.measures import (
    checked_lengths,
    correlations,
    pairwise_rank_agreement,
    top_agreements,
)
from explainrelu.explanations.agreement.reasons import reasons_frame
from explainrelu.explanations.agreement.sources import Attribution, attributions_of
from explainrelu.explanations.assembly import ExplainedRows
from explainrelu.explanations.coalitions.background import background_frame
from explainrelu.explanations.explain import METHODS
from explainrelu.explanations.limits import checked_seed
from explainrelu.importers.import_model import import_model
from explainrelu.tolerances import DEFAULT_TOLERANCES, Tolerances

__all__ = ["AttributionComparison", "compare_attributions"]

_MEASURES = (
    "feature_agreement",
    "rank_agreement",
    "sign_agreement",
    "signed_rank_agreement",
    "pairwise_rank_agreement",
    "spearman",
    "kendall",
)


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class AttributionComparison:
    """Attributions of the same rows, compared two by two.

    Attributes
    ----------
    attributions
        What was compared, in one form.
    per_row
        One row a data row, output, pair and ``k``: ``row output first second k feature_agreement
        rank_agreement sign_agreement signed_rank_agreement pairwise_rank_agreement spearman
        kendall scale exactness``.
    summary
        The means over rows: one row an output, pair and ``k``.
    errors
        One row an output and attribution: how far its values lie from those of ``reference``,
        ``output attribution reference mean_absolute_error largest_error relative_error scale unit
        exactness``. ``relative_error`` is the mean error in units of the mean ``|reference|``.
    reasons
        Why they can differ, for each row: ``row output attribution reason value unit exactness
        detail``.
    reference
        The attribution that errors are measured from, "" where there is none.
    """

    attributions: tuple[Attribution, ...]
    per_row: pd.DataFrame
    summary: pd.DataFrame
    errors: pd.DataFrame
    reasons: pd.DataFrame
    reference: str

    def __repr__(self) -> str:
        return f"AttributionComparison({', '.join(self.names)})"

    @property
    def names(self) -> tuple[str, ...]:
        """What the attributions are called."""
        return tuple(one.name for one in self.attributions)

    def to_frame(self) -> pd.DataFrame:
        """The table of agreement, one row a data row, output, pair and ``k``."""
        return self.per_row

    def matrix(
        self, measure: str = "feature_agreement", *, k: int | None = None, output: str | None = None
    ) -> pd.DataFrame:
        """One measure for every pair, the mean over rows: a square table, 1 on its diagonal.

        Parameters
        ----------
        measure
            A column of ``summary``.
        k
            Which length of lists; the longest by default.
        output
            Which score; the mean over all by default.

        Raises
        ------
        ArgumentError
            For a measure, length or output that was not compared.
        """
        if measure not in _MEASURES:
            raise ArgumentError(f"measure must be one of {', '.join(_MEASURES)}, got {measure!r}.")
        table = self.summary[self.summary["k"] == (self.summary["k"].max() if k is None else k)]
        if output is not None:
            table = table[table["output"] == output]
        if table.empty:
            raise ArgumentError(
                f"k and output must be of those compared, k from {sorted(set(self.summary['k']))}, "
                f"got k={k!r} and output={output!r}."
            )
        square = pd.DataFrame(np.eye(len(self.names)), index=self.names, columns=self.names)
        for first, second in combinations(self.names, 2):
            pair = (table["first"] == first) & (table["second"] == second)
            square.loc[first, second] = square.loc[second, first] = table[pair][measure].mean()
        return square


def compare_attributions(
    model: Any,
    X: Any,
    attributions: Any,
    *,
    background: Any = None,
    reference: str | None = None,
    k: int | Sequence[int] = (1, 3, 5),
    output: str | Sequence[str] | None = None,
    random_state: int = 0,
    tolerances: Tolerances = DEFAULT_TOLERANCES,
) -> AttributionComparison:
    """Compare attributions of the same rows with each other, and with an exact one.

    Parameters
    ----------
    model
        Anything :func:`explainrelu.import_model` takes.
    X : (n_samples, n_columns)
        The raw rows that were explained.
    attributions
        A mapping from a name to an attribution, or names of our methods. An attribution is the
        name of one of our methods, an explanation of ours, a ``shap.Explanation``, an array or
        tensor ``(n_samples, n_columns)`` or ``(n_samples, n_columns, n_scores)`` (also over the
        encoded inputs, whose columns are then added up), or a callable, such as a shap explainer,
        that takes the raw rows and returns one of these.
    background : (n_background, n_columns)
        What our own methods measure from and reasons are counted over; by default at most 100 rows
        of ``X`` drawn by ``random_state``.
    reference
        The attribution that the others' errors are measured from: one of the names above, or one
        of our methods, such as ``shapley``. None measures none.
    k
        Lengths of the lists of top columns; those above the number of columns are left out.
    output
        Which scores; every one by default.
    random_state
        Seed of the background drawn.

    Returns
    -------
    AttributionComparison
        ``.per_row .summary .errors .reasons .matrix(measure)``.

    Raises
    ------
    ArgumentError, InputTypeError, DataError
        For fewer than two attributions, an unknown reference, and attributions of other rows or
        with values that are not finite.

    Notes
    -----
    Attributions differ because they answer different questions; that two disagree makes none of
    them wrong. An error is one only against a reference that answers the same question: sampled
    Shapley values against exact ones, integrated gradients in 50 steps against exact ones.

    References
    ----------
    Krishna et al. 2022, "The Disagreement Problem in Explainable Machine Learning".

    Examples
    --------
    >>> from explainrelu.network.network import ReluNetwork
    >>> network = ReluNetwork.from_weights([[[1.0, 2.0]], [[1.0]]], [[9.0], [0.0]])
    >>> X = np.arange(12.0).reshape(6, 2) % 5
    >>> mine = {"ours": "local_linear", "gradient": np.tile([1.0, 2.0], (6, 1))}
    >>> compare_attributions(network, X, mine).matrix("sign_agreement", k=1).shape
    (2, 2)
    """
    lengths, random_state = checked_lengths(k), checked_seed(random_state)
    network = import_model(model, X, tolerances=tolerances)
    frame, view = network.schema.frame(X), network.outputs.view(output)
    rows = ExplainedRows(network, view, frame, network.schema.encode(frame))
    rest = background_frame(
        network.schema, frame, background, np.random.default_rng((random_state, 0))
    )
    shared: dict[str, Any] = {"background": rest, "output": output, "tolerances": tolerances}
    found = attributions_of(attributions, rows, **shared)
    if len(found) < 2 and reference is None:
        raise ArgumentError(
            f"At least two attributions are compared, got {len(found)}. Add another, such as "
            "'local_linear'."
        )
    against = _reference(reference, found, rows, shared)
    compared = found if against is None or against in found else (*found, against)
    per_row = pd.concat(_pairs(compared, rows, lengths), ignore_index=True)
    return AttributionComparison(
        attributions=compared,
        per_row=per_row,
        summary=_summary(per_row),
        errors=_errors(compared, against, rows),
        reasons=reasons_frame(compared, rows, network.schema.encode(rest), tolerances),
        reference="" if against is None else against.name,
    )


def _reference(
    reference: str | None, found: tuple[Attribution, ...], rows: ExplainedRows, shared: Any
) -> Attribution | None:
    """The attribution that errors are measured from."""
    if reference is None:
        return None
    for one in found:
        if one.name == reference:
            return one
    if reference not in METHODS:
        names = ", ".join([*(one.name for one in found), *METHODS])
        raise ArgumentError(f"reference must be one of {names}, got {reference!r}.")
    return attributions_of((reference,), rows, **shared)[0]


def _pairs(
    compared: tuple[Attribution, ...], rows: ExplainedRows, lengths: Sequence[int]
) -> Iterator[pd.DataFrame]:
    """The agreement of every pair, one table an output, pair and k."""
    n_samples, n_columns, _ = compared[0].values.shape
    kept = [length for length in lengths if length <= n_columns] or [n_columns]
    for o, name in enumerate(rows.view.names):
        for first, second in combinations(compared, 2):
            a, b = first.values[:, :, o], second.values[:, :, o]
            spearman, kendall = correlations(a, b)
            pairwise = pairwise_rank_agreement(a, b)
            for length in kept:
                block: dict[str, Any] = {"row": np.arange(n_samples)}
                block |= _words(n_samples, output=name, first=first.name, second=second.name)
                block["k"] = np.full(n_samples, length, dtype=np.int64)
                block |= top_agreements(a, b, length)
                block["pairwise_rank_agreement"] = pairwise
                block |= {"spearman": spearman, "kendall": kendall}
                # measured on what was handed over, so exact whatever made the two
                block |= _words(n_samples, scale=rows.view.scale, exactness="exact")
                yield pd.DataFrame(block)


def _summary(per_row: pd.DataFrame) -> pd.DataFrame:
    """Means over rows for each output, pair and k."""
    keys = ["output", "first", "second", "k"]
    grouped = per_row.drop(columns=["row", "scale", "exactness"]).groupby(keys, sort=False)
    table = grouped.mean().reset_index()
    table.insert(4, "n_rows", grouped.size().to_numpy(dtype=np.int64))
    words = _words(len(table), scale=per_row["scale"].iloc[0], exactness="exact")
    return table.assign(**words)


def _errors(
    compared: tuple[Attribution, ...], against: Attribution | None, rows: ExplainedRows
) -> pd.DataFrame:
    """How far each attribution lies from the reference."""
    records: list[tuple[object, ...]] = []
    for one in compared:
        if against is None or one is against:
            continue
        for o, name in enumerate(rows.view.names):
            wanted = against.values[:, :, o]
            gap, size = np.abs(one.values[:, :, o] - wanted), float(np.abs(wanted).mean())
            relative = float(gap.mean()) / size if size > 0 else float(gap.mean() > 0)
            figures = (gap.mean(), gap.max(), relative)
            words = (rows.view.scale, rows.view.unit, str(against.exactness))
            records.append((name, one.name, against.name, *figures, *words))
    names = ["output", "attribution", "reference", "mean_absolute_error", "largest_error"]
    names += ["relative_error", "scale", "unit", "exactness"]
    floats = dict.fromkeys(("mean_absolute_error", "largest_error", "relative_error"), "float64")
    return pd.DataFrame(records, columns=names).astype(dict.fromkeys(names, "str") | floats)


def _words(n_rows: int, **texts: str) -> dict[str, "pd.Series[str]"]:
    """Columns of one text each."""
    return {name: pd.Series([text] * n_rows, dtype="str") for name, text in texts.items()}
