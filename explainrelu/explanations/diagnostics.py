"""How good a model is in each of its regions, or under each rule."""

from dataclasses import dataclass
from numbers import Real
from typing import Any

import numpy as np
import pandas as pd

from explainrelu.arrays import FloatArray, IntArray, frozen
from explainrelu.errors import ArgumentError
from explainrelu.explanations.diagnosis.diagnostic_tables import (
    diagnostics_frame,
    global_status,
    weak_spots_of,
)
from explainrelu.explanations.diagnosis.global_fit import global_columns, global_fit
from explainrelu.explanations.diagnosis.grouped_rows import GroupedRows
from explainrelu.explanations.diagnosis.region_figures import RowFigures, figures_of, local_status
from explainrelu.explanations.diagnosis.responses import (
    Kind,
    Response,
    decisions,
    is_of_classes,
    predicted_numbers,
    responses,
)
from explainrelu.explanations.diagnosis.row_groups import RowGroups, row_groups
from explainrelu.explanations.limits import checked_limit
from explainrelu.explanations.ranking import overall_name
from explainrelu.importers.import_model import import_model
from explainrelu.network.network import ReluNetwork
from explainrelu.network.outputs import Task
from explainrelu.tolerances import DEFAULT_TOLERANCES, Tolerances

__all__ = ["RegionDiagnostics", "region_diagnostics"]


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class RegionDiagnostics:
    """The figures of each region or rule, and of all of them together.

    Attributes
    ----------
    table
        One row a region and output, most visited first; see :meth:`to_frame`.
    overall
        The same columns for all rows that are in a region, one row an output.
    kind
        What the target is: ``classes``, ``ranking``, ``numbers`` or ``none``.
    grouped_by
        What the groups are, in words.
    n_groups
        Regions or rules there are, those left out by ``max_regions`` included.
    n_rows
        Rows handed over.
    n_unassigned
        Rows that are in no region or rule; no figure counts them but ``share``.
    unreached : (n_unreached,)
        Positions of the regions that no row reaches: ``regions.chosen(found.unreached)``.
    """

    table: pd.DataFrame
    overall: pd.DataFrame
    kind: Kind
    grouped_by: str
    n_groups: int
    n_rows: int
    n_unassigned: int
    unreached: IntArray

    def __post_init__(self) -> None:
        object.__setattr__(self, "unreached", frozen(np.array(self.unreached, dtype=np.int64)))

    def __repr__(self) -> str:
        unassigned = f", {self.n_unassigned} of them in none" if self.n_unassigned else ""
        return (
            f"RegionDiagnostics({self.n_groups} {self.grouped_by}, {self.n_rows} rows{unassigned}, "
            f"{self.unreached.size} reached by none: .to_frame(), .overall, .weak_spots())"
        )

    def to_frame(self) -> pd.DataFrame:
        """One row a region and output, most visited first.

        Columns ``region output n_rows share score_mean score_std``, then

        - for a classifier ``margin_mean margin_min near_share predicted_mean``;
        - with ``y`` ``response_mean response_std``, and for classes ``local_auc local_log_loss
          global_auc accuracy standard_error calibration_gap calibration_error`` (several classes
          or labels: ``joint_accuracy`` too), for a score that ranks two values ``local_auc
          global_auc``, for numbers ``bias local_mse local_r2 global_mse global_r2
          standard_error``;

        ``full_dimensional`` where it was asked for, and ``status global_status scale unit
        exactness``. :func:`region_diagnostics` says what they are.
        """
        return self.table.copy()

    def weak_spots(self, n: int | None = 10, *, min_rows: int = 20) -> pd.DataFrame:
        """The regions in which the model is worse than overall, worst first.

        Parameters
        ----------
        n
            At most so many; None takes all.
        min_rows
            Regions with fewer rows are not looked at, at least 2.

        Returns
        -------
        DataFrame
            ``region output n_rows share error overall_error excess standard_error lower upper
            beyond_chance measure exactness``. The error is the share of wrong decisions with
            Wilson's 95 % interval and standard error, or the mean squared error with that of a
            normal mean. ``beyond_chance`` where all of the interval lies above the overall error.
            No rows where no region is worse, or none has enough rows.

        Raises
        ------
        ArgumentError
            Without a target, for a score that only ranks, and for a limit below its least.
        InputTypeError
            For a limit that is no whole number.

        Notes
        -----
        Each interval stands by itself: among forty regions as good as the whole, about one is
        ``beyond_chance``.
        """
        most, least = checked_limit("n", n), checked_limit("min_rows", min_rows)
        if least is None or least < 2:
            raise ArgumentError(f"min_rows must be a whole number of at least 2, got {min_rows!r}.")
        if self.kind not in (Kind.CLASSES, Kind.NUMBERS):
            missing = "no y was given" if self.kind is Kind.NONE else "the score only ranks y"
            raise ArgumentError(
                f"Weak spots need decisions or predicted numbers to hold against y, but {missing}. "
                "Call region_diagnostics(model, X, y) on a classifier or a regression."
            )
        return weak_spots_of(self.table, self.overall, self.kind, most, least)


def region_diagnostics(
    model: Any,
    X: Any,
    y: Any = None,
    *,
    by: Any = "regions",
    output: Any = None,
    max_regions: int | None = None,
    max_global: int | None = 20,
    near: float = 0.4,
    full_dimensional: bool = False,
    tolerances: Tolerances = DEFAULT_TOLERANCES,
) -> RegionDiagnostics:
    """Count, fit, margin and calibration of each region's formula, or of each rule's.

    Parameters
    ----------
    model
        Anything :func:`explainrelu.import_model` takes.
    X : (n_samples, n_columns)
        Raw rows.
    y : (n_samples,) or (n_samples, n_outputs), optional
        Their target: class names, 0/1 flags a label, or numbers.
    by
        ``regions``: those that the rows visit. A RegionSet, such as every region of a box, in
        which rows outside its domain are in no region. The rules of :func:`extract_rules`. Any
        object with ``names``, ``locate(X)`` (the position of each row's rule, -1 for none) and
        ``predict(X)``; see :class:`explainrelu.explanations.diagnosis.row_groups.RowRules`.
    output
        Which scores; see :meth:`OutputSchema.view`. Rules bring their own.
    max_regions
        Only the most visited are listed; None lists all.
    max_global
        Of how many, the most visited, the fit over all rows is computed: for each it takes as
        long as for all rows one by one. None takes all, quadratic where every row has a region.
    near
        Margins up to this count as near the border of a decision: 0.4 in log-odds is a
        probability between 0.4 and 0.6.
    full_dimensional
        Whether to say for regions if they have an interior.

    Returns
    -------
    RegionDiagnostics
        ``.to_frame() .overall .weak_spots() .unreached``, with these columns:

        - ``n_rows``, and ``share`` of all rows; mean and population standard deviation of score
          and response. The response is 1 for a row of the output's class and else 0, or y itself.
        - ``local_*``: how the formula fits the region's own rows; ``global_*``: how that one
          formula fits all rows. Area under the ROC curve of the score, log loss in nats; mean
          squared error and R2 of the predicted number, ``bias`` its mean less that of y.
        - ``margin``: ``|logit|``, for one class of several its logit less the largest of the
          others, in absolute value; ``near_share`` of rows within ``near``.
        - ``predicted_mean``: mean probability of the output's class; ``calibration_gap``: that
          less the observed rate; ``calibration_error``: expected calibration error, ten bins.
        - ``accuracy``: rows rightly taken for the class or not; ``joint_accuracy``: rows whose
          class among all is right, or every label. ``standard_error``: Wilson's, of ``accuracy``,
          or that of ``local_mse``.
        - ``status``: ``computed``, or why a figure is NaN: ``no rows``, ``one row``, ``one class``
          (no area), ``constant response`` (no R2), ``too large for float64``. ``global_status``:
          that of the whole table, ``not among the n most visited``, or ``no formula``.

    Raises
    ------
    ModelError, DataError
        Where the model, the rows or the target cannot be taken in.
    ArgumentError, InputTypeError
        For an option that is not offered, regions or rules of another model, and with ``y`` for a
        pair of outputs of which a target says nothing.

    Notes
    -----
    Exact sums over the rows given, and so estimates for other rows. Several classes are taken one
    against the rest, by the score shown. For regions the score is the network's, which its formula
    equals there; for other rules it is what they predict. A logit of zero is decided for the
    negative class. Scores that are equal up to rounding count half in an area. What Aletheia's
    summary calls Count, Response Mean, Response Std, Local AUC and Global AUC are ``n_rows
    response_mean response_std local_auc global_auc``.

    Cost: two forward passes, a hash table of the patterns and one sort a score, plus a matrix
    product and a sort for each of ``max_global``. Memory is linear in the rows, about 2 KB each.

    References
    ----------
    Sudjianto et al. 2020, "Unwrapping the Black Box of Deep ReLU Networks: Interpretability,
    Diagnostics, and Simplification"; Wilson 1927, "Probable inference, the law of succession, and
    statistical inference".

    Examples
    --------
    >>> network = ReluNetwork.from_weights([[[1.0]], [[2.0]]], [[0.0], [1.0]])
    >>> found = region_diagnostics(network, [[-2.0], [-1.0], [1.0]], [1.0, 2.0, 3.0])
    >>> found.to_frame()[["n_rows", "local_mse", "status"]].values.tolist()
    [[2, 0.5, 'computed'], [1, 0.0, 'one row']]
    """
    most, best = checked_limit("max_regions", max_regions), checked_limit("max_global", max_global)
    near = _checked_near(near)
    network = import_model(model, X, tolerances=tolerances)
    frame = network.schema.frame(X)
    points = network.schema.encode(frame)
    raw = network.forward(points)
    groups = row_groups(by, network, frame, points, raw, output, tolerances)
    if full_dimensional and groups.regions is None:
        raise ArgumentError(
            "full_dimensional=True must be asked of regions, got other rules. Leave it out."
        )
    response = responses(network, groups.view, y, len(frame))
    rows = _rows(network, groups, points, raw, response, near, tolerances)
    counts = np.bincount(groups.codes[groups.held], minlength=len(groups.names))
    listed = np.argsort(-counts, kind="stable")[:most].astype(np.int64)
    return RegionDiagnostics(
        table=_table(network, groups, rows, points, listed, best, full_dimensional, tolerances),
        overall=_overall(groups, rows),
        kind=rows.response.kind,
        grouped_by=groups.words,
        n_groups=len(groups.names),
        n_rows=len(frame),
        n_unassigned=int((~groups.held).sum()),
        unreached=np.flatnonzero(counts == 0).astype(np.int64),
    )


def _rows(
    network: ReluNetwork,
    groups: RowGroups,
    points: FloatArray,
    raw: FloatArray,
    response: Response,
    near: float,
    tolerances: Tolerances,
) -> RowFigures:
    """What is known of each row, those in no group included."""
    view, scores = groups.view, groups.scores
    if groups.regions is None and network.outputs.task is Task.MULTICLASS:
        raw = _all_classes(network, groups, response)
    found = decisions(network, view, scores, raw, response) if raw.size else None
    predicted = predicted_numbers(network, scores) if response.kind is Kind.NUMBERS else scores
    slack = tolerances.rounding * np.abs(scores)
    if groups.regions is not None and response.kind in (Kind.CLASSES, Kind.RANKING):
        for part in network.row_chunks(len(slack)):
            size = network.term_sizes(points[part]) @ np.abs(view.matrix).T
            slack[part] = tolerances.rounding * size
    return RowFigures(scores, predicted, response, found, near, slack)


def _all_classes(network: ReluNetwork, groups: RowGroups, response: Response) -> FloatArray:
    """The logits of every class by rules, up to a shift; none where they have not all."""
    view, n_classes = groups.view, network.n_outputs
    places = view.matrix.argmax(axis=1)
    if is_of_classes(view) and np.unique(places).size == len(view) == n_classes:
        return groups.scores[:, np.argsort(places)]
    if response.kind is Kind.NONE:
        return np.zeros((0, n_classes))
    raise ArgumentError(
        f"With y, rules of a model of {n_classes} classes must have a score for each class, got "
        f"{', '.join(view.names)}. Make the rules for every output, or leave y out."
    )


def _overall(groups: RowGroups, rows: RowFigures) -> pd.DataFrame:
    """The figures of all rows in a group, each by the formula of its own."""
    held = groups.held
    everyone = GroupedRows(np.zeros(int(held.sum()), dtype=np.int64), 1)
    figures, kind = figures_of(rows.taken(held), everyone), rows.response.kind
    for name in global_columns(kind):
        figures[name] = figures[name.replace("global", "local")]
    status, names = local_status(figures, everyone, kind), [overall_name(groups.names)]
    of_all = status if global_columns(kind) else None
    view, counts = groups.view, everyone.counts
    return diagnostics_frame(names, view, counts, held.size, figures, status, of_all)


def _table(
    network: ReluNetwork,
    groups: RowGroups,
    rows: RowFigures,
    points: FloatArray,
    listed: IntArray,
    best: int | None,
    full_dimensional: bool,
    tolerances: Tolerances,
) -> pd.DataFrame:
    """The figures of the groups that are listed."""
    place = np.full(len(groups.names) + 1, -1, dtype=np.int64)  # the last is that of no group
    place[listed] = np.arange(listed.size)
    codes, kind = place[groups.codes], rows.response.kind
    grouped = GroupedRows(codes[codes >= 0], listed.size)
    figures = figures_of(rows.taken(codes >= 0), grouped)
    status = local_status(figures, grouped, kind)
    top = listed[: 0 if groups.formulas is None else best]
    fit = global_fit(network, groups.formulas, top, points, rows.response, tolerances)
    reason = "no formula" if groups.formulas is None else f"not among the {top.size} most visited"
    for name, values in fit.items():
        figures[name] = np.full(status.shape, np.nan)
        figures[name][: top.size] = values
    full = None
    if full_dimensional and groups.regions is not None:
        full = groups.regions.chosen(listed).full_dimensional(tolerances=tolerances)
    of_all = global_status(fit, kind, listed.size, reason)
    names, counts = [groups.names[i] for i in listed], grouped.counts
    return diagnostics_frame(names, groups.view, counts, codes.size, figures, status, of_all, full)


def _checked_near(near: Any) -> float:
    if isinstance(near, bool) or not isinstance(near, Real) or not float(near) >= 0.0:
        raise ArgumentError(f"near must be a number of at least 0, got {near!r}.")
    return float(near)
