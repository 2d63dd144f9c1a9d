"""From many linear regions to few rules, with the proof of how far they lie from the network."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from numbers import Real
from typing import Any

import numpy as np
import pandas as pd

from explainrelu.arrays import FloatArray, IntArray
from explainrelu.certificate import Check, Exactness
from explainrelu.errors import ArgumentError, DataError, InputTypeError
from explainrelu.explanations.limits import checked_limit, checked_seed
from explainrelu.explanations.simplification.candidates import (
    Candidates,
    axis_candidates,
    network_candidates,
)
from explainrelu.explanations.simplification.cells import CellSolver
from explainrelu.explanations.simplification.decisions import Decision, decision_of
from explainrelu.explanations.simplification.drawn_rows import drawn_rows
from explainrelu.explanations.simplification.few_rules import FewRules
from explainrelu.explanations.simplification.growing import Growing, Sample
from explainrelu.explanations.simplification.grown import Grown
from explainrelu.explanations.simplification.proving import (
    bounded_deviations,
    certificate_of,
    largest_deviations,
)
from explainrelu.explanations.simplification.quality import (
    equal_decisions,
    quality_frame,
    r_squared,
)
from explainrelu.geometry.box import Box
from explainrelu.importers.import_model import import_model
from explainrelu.milp.rows import RowSpace
from explainrelu.milp.solving import check_time_limit
from explainrelu.network.network import ReluNetwork
from explainrelu.network.outputs import ScoreView
from explainrelu.network.patterns import activation_patterns, affine_maps
from explainrelu.regions.observed import check_domain
from explainrelu.tolerances import DEFAULT_TOLERANCES, Tolerances

__all__ = ["simplify"]

_FEWEST_ROWS = 10
_LEAST_ROWS, _ROWS_PER_INPUT, _MOST_ROWS = 4_000, 260, 20_000  # fitted to, with those drawn
_SLOPES = 200  # rows whose slopes say along which directions splits are compared
_WORTH = 1e-3  # loss, in variances of the score, below which a further rule is not worth having
_ALIKE = 1e-4  # the same for two neighbouring leaves to become one
_SPLITS = ("network", "axis")
_PROOFS = ("search", "bounds")


def simplify(
    model: Any,
    X: Any,
    *,
    max_rules: int = 8,
    max_error: float | None = None,
    domain: Box | None = None,
    splits: str = "network",
    max_terms: int | None = None,
    held_out: float = 0.25,
    X_test: Any = None,
    output: str | Sequence[str] | None = None,
    proof: str = "search",
    time_limit: float | None = 10.0,
    random_state: int = 0,
    tolerances: Tolerances = DEFAULT_TOLERANCES,
) -> FewRules:
    """A few rules in place of a network, and a proof of how far they lie from it.

    A tree whose splits are half-spaces, with one linear formula of all scores in each leaf. It is
    fitted to the network's scores, at the rows given and at rows drawn from them.

    Parameters
    ----------
    model
        Anything :func:`explainrelu.import_model` takes.
    X : (n_samples, n_columns)
        Raw rows, at least 10 of them to fit.
    max_rules
        At most so many rules. Fewer are taken where more would not be worth having.
    max_error
        Take the fewest rules whose largest error on the rows used, ``|network - rules|`` over all
        scores, is at most this. ``status`` says whether ``max_rules`` were enough. It is no
        promise for other rows: that is what the certificate is for.
    domain
        The box that the certificate is about, over the encoded inputs; by default the smallest
        around ``X``. It must hold the rows of ``X``.
    splits
        ``network``: the borders of neurons, or half-spaces parallel to one. ``axis``: one raw
        column at a time, a threshold or a set of levels.
    max_terms
        The most raw columns in a formula; all by default.
    held_out
        The share of ``X`` that is kept out of the fit and measured on afterwards; 0 for none.
    X_test : (n_test, n_columns)
        Raw rows to measure on instead: then every row of ``X`` is used.
    output
        Which scores; see :meth:`OutputSchema.view`. By default every one, in one tree.
    proof
        ``search``: the whole domain is searched, as far as the time goes. ``bounds``: it is
        bounded by back-substitution, without a clock, so that the same call proves the same on
        every machine; over the regions visited the deviation is exact either way, unless they are
        very many.
    time_limit
        Seconds for the certificate, with ``search``; None for as long as it takes. What is not
        proven by then keeps a bound that holds.
    random_state
        Seed of every draw.

    Returns
    -------
    FewRules
        ``len() .to_frame() .to_text() .largest_errors() .conditions() .predict(X) .certificate
        .deviations() .quality .trade_off()``. Rules stand in the order of their rows.

    Raises
    ------
    ArgumentError, InputTypeError
        For options that are not offered, limits that are no whole number of at least 1, an error
        that is not above 0, and a domain that does not hold the rows.
    DataError
        For too few rows.

    Notes
    -----
    The rules are a fit: nothing is promised of how good it is but what ``quality`` measures, on
    rows used and not used. How far they can be off is proven. Over the regions that rows of ``X``
    visit, inside the domain, the largest deviation of each rule and score is exact: a linear
    program for every region and leaf. Columns with levels are held at the levels of the rows of
    each region, so that every witness is a row; numeric columns move freely. Over the whole
    domain (levels at one of theirs) it is exact where all regions can be listed in the time, or
    where a mixed-integer program closes; else it lies between a witness and a bound that no
    point exceeds, up to the tolerances of solvers in float64.

    Cost of the fit: for each rule a pass over all candidates, O(n_candidates n_rows d^2) on at
    most 3,000 rows and 40 directions, and some passes of O(n_candidates n_rows) through the tree.

    References
    ----------
    M. Á. Carreira-Perpiñán, P. Tavallali, "Alternating optimization of decision trees", NeurIPS
    2018 (moving the splits of a tree).

    Examples
    --------
    >>> from explainrelu.network.network import ReluNetwork
    >>> network = ReluNetwork.from_weights([[[1.0]], [[3.0]]], [[0.0], [1.0]])
    >>> rules = simplify(network, np.linspace(-1.0, 1.0, 100)[:, None])
    >>> len(rules), rules.to_frame().conditions.tolist()
    (2, ['x0 <= 0', 'x0 > 0'])
    >>> rules.whole.largest_bound < 1e-6
    True
    """
    options = _checked(max_rules, max_error, splits, max_terms, held_out, random_state)
    check_time_limit(time_limit)
    if proof not in _PROOFS:
        raise ArgumentError(f"proof must be one of {', '.join(_PROOFS)}, got {proof!r}.")
    network = import_model(model, X)
    view = network.outputs.view(output)
    points = network.schema.encode(X)
    network = replace(network, schema=network.schema.admitting(points))
    rng = np.random.default_rng(options.seed)
    rows = _parted(points, network, X_test, held_out, rng)
    box = _domain(network, points, domain)
    decision = decision_of(network.outputs, view)
    growing = _growing(network, view, decision, rows.used, options, rng)
    chosen = _chosen(growing, network, view, decision, rows, options)
    grown, counts, examples = _ranked(chosen.grown, points)
    levels = RowSpace.of(network.schema, box)
    solver = CellSolver(network, view, grown, levels, tolerances)
    if proof == "bounds":
        visited, whole = bounded_deviations(solver, points, rng)
    else:
        visited, whole = largest_deviations(solver, points, rng, time_limit=time_limit)
    certificate = certificate_of(solver, visited, whole, rng)
    if options.max_error is not None:
        certificate = certificate.plus([_error_check(chosen, options.max_error, rows)])
    return FewRules(
        network=network,
        view=view,
        decision=decision,
        domain=box,
        grown=grown,
        counts=counts,
        examples=examples,
        visited=visited,
        whole=whole,
        quality=_quality(network, view, decision, grown, rows),
        curve=chosen.curve,
        status=chosen.status,
        message=chosen.message,
        certificate=certificate,
        tolerances=tolerances,
    )


@dataclass(frozen=True, slots=True)
class _Options:
    max_rules: int
    max_error: float | None
    splits: str
    max_terms: int | None
    seed: int


@dataclass(frozen=True, slots=True, eq=False)
class _Rows:
    """Encoded rows that the rules are fitted to, and others."""

    used: FloatArray
    unused: FloatArray


@dataclass(frozen=True, slots=True, eq=False)
class _Chosen:
    grown: Grown
    curve: pd.DataFrame
    status: str
    message: str
    largest_error: float


def _checked(
    max_rules: Any, max_error: Any, splits: Any, max_terms: Any, held_out: Any, seed: Any
) -> _Options:
    most = checked_limit("max_rules", max_rules)
    if most is None:
        raise ArgumentError("max_rules must be a whole number of at least 1, got None.")
    if max_error is not None:
        if isinstance(max_error, bool) or not isinstance(max_error, Real):
            raise InputTypeError(f"max_error must be a number above 0, or None, got {max_error!r}.")
        if not 0.0 < float(max_error) < np.inf:
            raise ArgumentError(
                f"max_error must be a number above 0, in units of the score, or None, got "
                f"{max_error!r}."
            )
    if splits not in _SPLITS:
        raise ArgumentError(f"splits must be one of {', '.join(_SPLITS)}, got {splits!r}.")
    if isinstance(held_out, bool) or not isinstance(held_out, Real):
        raise InputTypeError(f"held_out must be a share from 0 to below 1, got {held_out!r}.")
    if not 0.0 <= float(held_out) < 1.0:
        raise ArgumentError(f"held_out must be a share from 0 to below 1, got {held_out!r}.")
    error = None if max_error is None else float(max_error)
    return _Options(most, error, splits, checked_limit("max_terms", max_terms), checked_seed(seed))


def _parted(
    points: FloatArray, network: ReluNetwork, X_test: Any, share: float, rng: np.random.Generator
) -> _Rows:
    if X_test is not None:
        found = _Rows(points, network.schema.encode(X_test))
    else:
        order = rng.permutation(points.shape[0])
        n_unused = int(np.floor(share * points.shape[0]))
        found = _Rows(points[np.sort(order[n_unused:])], points[np.sort(order[:n_unused])])
    if found.used.shape[0] < _FEWEST_ROWS:
        raise DataError(
            f"simplify needs at least {_FEWEST_ROWS} rows to fit rules to, got "
            f"{found.used.shape[0]} of {points.shape[0]}. Hand over more rows, or held_out=0."
        )
    return found


def _domain(network: ReluNetwork, points: FloatArray, domain: Box | None) -> Box:
    if domain is None:
        return Box.from_data(points)
    check_domain(domain, network.n_inputs, network.schema)
    outside = np.flatnonzero(~domain.contains(points))
    if outside.size:
        raise ArgumentError(
            f"domain must hold the rows of X; {outside.size} of {points.shape[0]} lie outside, "
            f"the first being row {outside[0]}. Widen the domain, or leave those rows out."
        )
    return domain


def _growing(
    network: ReluNetwork,
    view: ScoreView,
    decision: Decision,
    points: FloatArray,
    options: _Options,
    rng: np.random.Generator,
) -> Growing:
    wanted = min(_LEAST_ROWS + _ROWS_PER_INPUT * network.n_inputs, _MOST_ROWS)
    n_drawn = max(wanted - points.shape[0], _LEAST_ROWS)
    drawn = drawn_rows(network.schema, points, n_drawn, rng)
    everything = np.vstack([points, drawn])
    scores = network.forward(everything) @ view.matrix.T
    together = max(10.0 * points.shape[0], 400.0 * network.n_inputs)
    share = min(1.0, together / n_drawn)
    weight = np.concatenate([np.ones(points.shape[0]), np.full(n_drawn, share)])
    some = points[:: max(1, points.shape[0] // _SLOPES)]
    slopes = affine_maps(network, activation_patterns(network, some), network.score_map(view))[0]
    return Growing(
        Sample(everything, scores, weight),
        _candidates(network, options.splits, points, scores[: points.shape[0]]),
        decision,
        network.schema.input_columns,
        options.max_terms,
        slopes.reshape(-1, network.n_inputs),
        rng,
    )


def _candidates(
    network: ReluNetwork, splits: str, points: FloatArray, scores: FloatArray
) -> Candidates:
    if splits == "axis":
        return axis_candidates(network.schema, points, scores)
    return network_candidates(network, points)


def _chosen(
    growing: Growing,
    network: ReluNetwork,
    view: ScoreView,
    decision: Decision,
    rows: _Rows,
    options: _Options,
) -> _Chosen:
    """Grow to the number of rules, and take as many as are needed or worth having."""
    kinds = [("used", rows.used), ("not used", rows.unused)]
    scores = {kind: network.forward(points) @ view.matrix.T for kind, points in kinds}
    trees, states, losses, errors, lines = [], [], [], [], []
    while True:
        grown = growing.grown()
        trees.append(grown)
        states.append(growing.state())
        losses.append(growing.loss())
        for kind, points in kinds:
            if points.shape[0]:
                found = grown.predict(points)
                lines.append(_curve_line(len(trees), kind, scores[kind], found, decision))
                if kind == "used":
                    errors.append(lines[-1][3])
        enough = options.max_error is not None and errors[-1] <= options.max_error
        if enough or len(trees) >= options.max_rules or not growing.grow():
            break
    place, status, message = _taken(losses, errors, options)
    columns = ["n_rules", "rows", "mean_error", "largest_error", "r2", "equal_decisions"]
    table = pd.DataFrame(
        [(line[0], line[1], line[2], line[3], line[4], line[5]) for line in lines], columns=columns
    ).astype({"n_rules": "int64", "rows": "str"})
    table["chosen"] = table.n_rules == place + 1
    table["exactness"] = pd.Series(["exact"] * len(table), dtype="str")
    chosen = trees[place]
    if options.max_error is None:
        chosen = growing.merged(states[place], _ALIKE)
        n_merged = place + 1 - chosen.tree.n_leaves
        if n_merged:
            message += f" {n_merged} of them merged with a neighbour of nearly the same formula."
    return _Chosen(chosen, table, status, message, errors[place])


def _curve_line(
    n_rules: int, rows: str, scores: FloatArray, predicted: FloatArray, decision: Decision
) -> tuple[int, str, float, float, float, float]:
    error = np.abs(scores - predicted)
    explained = r_squared(scores, predicted)
    r2 = float(np.nanmean(explained)) if (~np.isnan(explained)).any() else float("nan")
    equal = equal_decisions(scores, predicted, decision)
    return n_rules, rows, float(error.mean()), float(error.max()), r2, equal


def _taken(losses: list[float], errors: list[float], options: _Options) -> tuple[int, str, str]:
    """Which of the trees is taken, with status and message."""
    n_tried = len(losses)
    if options.max_error is not None:
        good = [i for i, error in enumerate(errors) if error <= options.max_error]
        if good:
            text = f"{good[0] + 1} rules are the fewest tried with errors of at most "
            return good[0], "reached", f"{text}{options.max_error:g} on the rows used."
        best = int(np.argmin(errors))
        return (
            best,
            "not reached",
            (
                f"Errors of at most {options.max_error:g} on the rows used were not reached with "
                f"{n_tried} rules; the least of the largest errors is {errors[best]:.4g}, with "
                f"{best + 1}."
            ),
        )
    worth = [i for i, loss in enumerate(losses) if loss <= min(losses) + _WORTH]
    place = worth[0]
    more = f"; up to {n_tried} were tried" if n_tried > place + 1 else ""
    rules = "rule stands" if place == 0 else "rules stand"
    return place, "done", f"{place + 1} {rules} for the network{more}."


def _ranked(grown: Grown, points: FloatArray) -> tuple[Grown, IntArray, FloatArray]:
    """Rules in the order of their rows, with the counts and a row of each."""
    counts = np.bincount(grown.tree.place(points), minlength=grown.tree.n_leaves)
    order = np.argsort(-counts, kind="stable").astype(np.int64)
    ranked = grown.ranked(order)
    place = ranked.tree.place(points)
    spread = np.where(np.ptp(points, axis=0) > 0, np.ptp(points, axis=0), 1.0)
    examples = np.tile(points[0], (order.size, 1))
    for rule in np.unique(place):
        own = points[place == rule]
        away = np.square((own - own.mean(axis=0)) / spread).sum(axis=1)
        examples[rule] = own[away.argmin()]
    return ranked, counts[order].astype(np.int64), examples


def _quality(
    network: ReluNetwork, view: ScoreView, decision: Decision, grown: Grown, rows: _Rows
) -> pd.DataFrame:
    parts = [
        quality_frame(
            kind,
            network.forward(points) @ view.matrix.T,
            grown.predict(points),
            decision,
            view.names,
        )
        for kind, points in (("used", rows.used), ("not used", rows.unused))
        if points.shape[0]
    ]
    return pd.concat(parts, ignore_index=True)


def _error_check(chosen: _Chosen, max_error: float, rows: _Rows) -> Check:
    return Check.at_most(
        "errors on the rows used are at most max_error",
        chosen.largest_error,
        max_error,
        Exactness.EXACT,
        f"{rows.used.shape[0]} rows used",
    )
