"""Are two models one function over a domain? The ways to answer, from cheap to costly."""

from collections.abc import Callable
from dataclasses import replace
from numbers import Real
from time import monotonic
from typing import Any, Literal

import numpy as np

from explainrelu.arrays import FloatArray
from explainrelu.certificate import Certificate, Check, Status
from explainrelu.errors import ArgumentError, InputTypeError
from explainrelu.geometry.box import Box
from explainrelu.milp.rows import RowSpace
from explainrelu.regions.observed import check_domain
from explainrelu.rewrites.equivalence.by_form import by_form
from explainrelu.rewrites.equivalence.by_points import by_points
from explainrelu.rewrites.equivalence.by_programs import by_programs
from explainrelu.rewrites.equivalence.by_regions import by_regions
from explainrelu.rewrites.equivalence.equivalence import Difference, Equivalence, Verdict
from explainrelu.rewrites.equivalence.in_fractions import in_fractions
from explainrelu.rewrites.equivalence.question import Answer, Question, check_comparable
from explainrelu.rewrites.network_of import network_of
from explainrelu.tolerances import DEFAULT_TOLERANCES, Tolerances

__all__ = ["check_equivalence"]

Method = Literal["auto", "points", "canonical", "regions", "milp"]

_WAYS: dict[str, tuple[str, Callable[[Question], Answer]]] = {
    "points": ("points", by_points),
    "canonical": ("canonical form", by_form),
    "regions": ("regions", by_regions),
    "milp": ("mixed-integer programs", by_programs),
}
_FRACTIONS = ("regions in fractions", in_fractions)
_N_POINTS = 2000
_SHARE = 0.6  # of the time for the regions


def check_equivalence(
    a: Any,
    b: Any,
    domain: Box,
    *,
    time_limit: float = 60.0,
    method: Method = "auto",
    exact: bool = False,
    max_regions: int = 50_000,
    random_state: int | np.random.Generator = 0,
    tolerances: Tolerances = DEFAULT_TOLERANCES,
) -> Equivalence:
    """Whether two models give the same scores over a domain: equal, different, or undecided.

    Parameters
    ----------
    a, b
        Anything :func:`explainrelu.import_model` takes; of a rewrite its result, where that is a
        ReluNetwork. They must take the same columns and give the same outputs.
    domain
        The box, over the encoded inputs. Columns with levels stand at one of them.
    time_limit
        Seconds, about: a step that was begun is ended. What is not decided by then is
        ``undecided``, with bounds that hold.
    method
        ``points``: drawn rows, which only refute. ``canonical``: units matched, which only
        proves. ``regions``: the formulas compared on every joint region. ``milp``: mixed-integer
        programs for the largest difference. ``auto``: one after the other until one decides.
    exact
        Whether formulas are compared as fractions, every weight taken as the number it is: equal
        then means equal to the last digit. For small networks.
    max_regions
        Joint regions at which the search ends without a proof.
    random_state
        Seed or generator of the rows that are drawn.
    tolerances
        ``agreement`` and ``rounding`` say what counts as equal; see Returns.

    Returns
    -------
    Equivalence
        ``status`` is ``equal`` where no score differs by more than ``agreement`` times the largest
        score at the drawn rows, or than ``rounding`` times the terms that make it: not that no
        digit does. ``bounds`` says how far they can differ, and holds whatever the status.
        ``witness`` is a row at which they differ by more, with both scores, replayed.

    Raises
    ------
    ColumnsError, ArgumentError, InputTypeError
        Where the models do not take the same columns or give other outputs; for a domain that is
        no box of them, a limit that is not positive and an unknown method.
    ModelError, SizeError
        Where a model cannot be taken in, or is too large to write out.

    Notes
    -----
    Raw scores are compared: logits that differ by a shift common to all classes are different,
    though their softmax is not. Bounds are sound up to float64 rounding; by regions, slivers
    thinner than ``tolerances.splitting`` are covered by continuity as long as they do not pile up.
    They are near what is reached where all regions were compared, and as a rule wide elsewhere.
    Over more than 256 combinations of levels the whole box is searched, points between levels
    among them: then only what holds there too is proven.

    What programs prove holds up to the solver's own tolerances of feasibility.

    Cost: two forward passes of 2,000 rows; O(n^3) a layer; then the number of joint regions, up to
    that of all regions of both networks side by side; then programs, exponential in the number of
    unstable neurons, within the time limit.

    References
    ----------
    M. Phuong, C. Lampert, "Functional vs. parametric equivalence of ReLU networks", ICLR 2020.

    Examples
    --------
    >>> from explainrelu.network.network import ReluNetwork
    >>> one = ReluNetwork.from_weights([[[1.0], [-1.0]], [[1.0, -1.0]]], [[0.0, 0.0], [0.0]])
    >>> line = ReluNetwork.from_weights([[[1.0]]], [[0.0]])
    >>> found = check_equivalence(one, line, Box([-1.0], [1.0]))
    >>> str(found.status), found.proven_by
    ('equal', 'regions')
    """
    _check_options(time_limit, method, exact, max_regions)
    question = _question(a, b, domain, time_limit, max_regions, random_state, tolerances, exact)
    ways = list(_WAYS.values()) if method == "auto" else [_WAYS[method]]
    if exact:
        ways = [_WAYS["points"], _FRACTIONS]
    lower, upper = question.interval()
    checks: list[Check] = []
    status, point, by = Verdict.UNDECIDED, None, ""
    for name, way in ways:
        answer = way(_in_good_time(question) if way is by_regions and len(ways) > 1 else question)
        lower, upper = np.maximum(lower, answer.lower), np.minimum(upper, answer.upper)
        checks += answer.checks
        if answer.status is not Verdict.UNDECIDED:
            status, point, by = answer.status, answer.point, name
            break
    return Equivalence(
        status=status,
        outputs=question.a.outputs.names,
        lower=lower,
        upper=upper,
        tolerance=np.zeros_like(lower) if exact else question.tolerance,
        witness=_witness(question, point) if status is Verdict.DIFFERENT else None,
        proven_by=by,
        exact=exact,
        certificate=_certificate(question, status, checks),
    )


def _in_good_time(question: Question) -> Question:
    """The same with a part of the time that is left, so that another way can follow."""
    return replace(question, deadline=monotonic() + _SHARE * question.seconds_left)


def _certificate(question: Question, status: Verdict, checks: list[Check]) -> Certificate:
    """The checks behind the verdict; of an undecided one all that was tried."""
    imports = question.a.certificate.plus(question.b.certificate.checks)
    if status is Verdict.UNDECIDED:
        return imports.plus(checks)
    if status is Verdict.EQUAL:
        return imports.plus(check for check in checks if check.status is Status.HOLDS)
    failed = (check for check in checks if check.status is Status.FAILS)
    name = "scores differ at the witness"
    return imports.plus(replace(check, name=name, status=Status.HOLDS) for check in failed)


def _check_options(time_limit: Any, method: str, exact: bool, max_regions: int) -> None:
    if method not in ("auto", *_WAYS):
        raise ArgumentError(f"method must be one of auto, {', '.join(_WAYS)}, got {method!r}.")
    if exact and method not in ("auto", "regions"):
        raise ArgumentError(
            f"exact=True compares joint regions in fractions, got method={method!r}. Leave it out."
        )
    if not isinstance(time_limit, Real):
        raise InputTypeError(
            f"time_limit must be a positive number of seconds, got {time_limit!r}."
        )
    if not float(time_limit) > 0:
        raise ArgumentError(f"time_limit must be a positive number of seconds, got {time_limit}.")
    if max_regions < 1:
        raise ArgumentError(f"max_regions must be at least 1, got {max_regions}.")


def _question(
    a: Any,
    b: Any,
    domain: Box,
    time_limit: float,
    max_regions: int,
    random_state: int | np.random.Generator,
    tolerances: Tolerances,
    exact: bool,
) -> Question:
    first, second = network_of(a), network_of(b)
    check_comparable(first, second)
    check_domain(domain, first.n_inputs, first.schema)
    rows = RowSpace.of(first.schema, domain)
    points = rows.sample(_N_POINTS, np.random.default_rng(random_state))
    points[0] = rows.nearest(domain.centre)
    deadline = monotonic() + time_limit
    return Question(first, second, rows, points, deadline, max_regions, tolerances, exact)


def _witness(question: Question, point: FloatArray | None) -> Difference | None:
    if point is None:
        return None
    scores = [network.forward(point[None])[0] for network in (question.a, question.b)]
    return Difference(question.a.schema.decode(point[None]), point, scores[0], scores[1])
