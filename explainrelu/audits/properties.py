"""Does a property of the scores hold at every row of a domain? Proven, refuted, or undecided."""

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from numbers import Integral
from time import monotonic
from typing import Any, Literal

import numpy as np
import pandas as pd

from explainrelu.arrays import FloatArray, frozen_floats
from explainrelu.audits.verification.branching import Branching
from explainrelu.audits.verification.by_boxes import by_boxes, by_whole_regions
from explainrelu.audits.verification.by_points import by_points
from explainrelu.audits.verification.by_programs import by_programs
from explainrelu.audits.verification.constraints import OutputConstraints
from explainrelu.audits.verification.question import Answer, Question, Witness
from explainrelu.certificate import Certificate, Check, Exactness, Status
from explainrelu.errors import ArgumentError, DataError, InputTypeError
from explainrelu.geometry.box import Box
from explainrelu.importers.import_model import import_model
from explainrelu.milp.solving import check_time_limit
from explainrelu.network.network import ReluNetwork
from explainrelu.regions.observed import check_domain
from explainrelu.tolerances import DEFAULT_TOLERANCES, Tolerances

__all__ = ["PropertyResult", "PropertyStatus", "verify_property"]

Method = Literal["auto", "boxes", "regions", "milp"]

_METHODS = ("auto", "boxes", "regions", "milp")
_FEW_COLUMNS = 6  # columns that vary, up to which parting boxes is better than programs
_FIRST_BOXES = 512  # boxes tried before programs where there are more
_FIRST_SECONDS = 5.0  # and the seconds for them, or a quarter of what is left
_FOREVER = 1e9  # seconds


class PropertyStatus(StrEnum):
    """Whether a property holds."""

    HOLDS = "holds"
    VIOLATED = "violated"
    UNDECIDED = "undecided"

    @property
    def message(self) -> str:
        """What it means, in a sentence."""
        return _MESSAGES[self.value]


_MESSAGES = {
    "holds": "no row of the domain violates the property, proven with rounding included",
    "violated": "the witness is a row of the domain that violates the property",
    "undecided": "neither a proof nor a counterexample was found; the bounds hold",
}


@dataclass(frozen=True, slots=True, eq=False)
class PropertyResult:
    """Whether a property holds at every row of a domain.

    For an alternative ``a_i @ y <= b_i`` the *excess* of a row with scores ``y`` is the largest of
    ``a_i @ y - b_i``: the alternative holds, and the property is violated, where it is at most 0
    (below 0 for a strict constraint).

    Attributes
    ----------
    status
        Holds, violated, or undecided.
    alternatives
        What violates the property, one text an alternative.
    lower : (n_alternatives,)
        No row of the domain has a smaller excess, rounding included, whatever the status; above 0
        for every alternative where the property holds.
    upper : (n_alternatives,)
        The smallest excess that was met at a row, by the network in float64.
    witness : (n_inputs,), optional
        An encoded row that violates the property; None unless the status is violated.
    witness_frame
        The same as a raw row; None where there is none, or where the point lies between levels
        (only with ``levels=False``).
    witness_scores : (n_outputs,), optional
        The scores there, by the network itself in float64.
    witness_excess
        The excess of the alternative that is violated there, in float64; NaN without a witness.
    decided_by
        What decided, in words; "" where nothing did.
    reason
        Why it is undecided, in words; "" where it is decided.
    boxes_searched, regions_searched
        Boxes bounded and linear regions met (those of several alternatives counted each).
    seconds
        Time spent.
    certificate
        The import's checks and what was proven.
    """

    status: PropertyStatus
    alternatives: tuple[str, ...]
    lower: FloatArray
    upper: FloatArray
    witness: FloatArray | None
    witness_frame: pd.DataFrame | None
    witness_scores: FloatArray | None
    witness_excess: float
    decided_by: str
    reason: str
    boxes_searched: int
    regions_searched: int
    seconds: float
    certificate: Certificate

    def __post_init__(self) -> None:
        for name in ("lower", "upper"):
            array = np.array(getattr(self, name), dtype=np.float64)
            array.setflags(write=False)
            object.__setattr__(self, name, array)
        for name in ("witness", "witness_scores"):
            if getattr(self, name) is not None:
                object.__setattr__(self, name, frozen_floats(getattr(self, name), 1, name))

    @property
    def bounds(self) -> FloatArray:
        """Lower and upper bound of the least excess of each alternative: (n_alternatives, 2)."""
        return np.column_stack([self.lower, self.upper])

    def to_frame(self) -> pd.DataFrame:
        """One row an alternative: ``alternative status least_excess_lower least_excess_upper``."""
        states = np.where(self.lower > 0, "excluded", "open")
        if self.status is PropertyStatus.VIOLATED:
            states = np.where((self.upper <= 0) & (self.lower <= 0), "reached", states)
        return pd.DataFrame(
            {
                "alternative": pd.Series(self.alternatives, dtype="str"),
                "status": pd.Series(states.tolist(), dtype="str"),
                "least_excess_lower": self.lower,
                "least_excess_upper": self.upper,
            }
        )


def verify_property(
    model: Any,
    domain: Box | Sequence[Box],
    output_constraints: OutputConstraints,
    *,
    method: Method = "auto",
    levels: bool = True,
    max_regions: int | None = None,
    time_limit: float | None = 60.0,
    random_state: int | np.random.Generator = 0,
    tolerances: Tolerances = DEFAULT_TOLERANCES,
) -> PropertyResult:
    """Whether the raw scores obey some constraints at every row of a domain.

    Parameters
    ----------
    model
        Anything :func:`explainrelu.import_model` takes.
    domain
        A box over the encoded inputs, or several: then every row of each of them counts.
    output_constraints
        What must hold (see :class:`OutputConstraints`), stated over the raw scores.
    method
        ``boxes``: the domain is parted into boxes, each decided by bounds of the scores over it or
        region by region. ``regions``: the regions of the domain as a whole. ``milp``: programs.
        ``auto``: drawn rows, then boxes; with more than six columns that vary, a few boxes and
        then programs.
    levels
        Whether only rows count, columns with levels standing at one of them; with False every
        point of the boxes.
    max_regions
        Linear regions after which the search ends; None for no limit.
    time_limit
        Seconds, about: a step that was begun is ended. None for no limit.
    random_state
        Seed of the rows at which the search for a counterexample begins.
    tolerances
        ``splitting`` for the search of regions, ``feasibility`` for programs.

    Returns
    -------
    PropertyResult
        ``holds`` only with a proof and ``violated`` only with a witness; anything else is
        ``undecided``, with the reason and with bounds that hold.

    Raises
    ------
    ArgumentError, InputTypeError
        For a domain that is no box of the model's inputs, constraints over scores that the model
        has not, an unknown method and limits that are not positive.

    Notes
    -----
    *Holds* is meant in real numbers, for the network with its float64 weights taken as they are:
    bounds are moved outward by what rounding may change, ``4 eps (depth + 2) (inputs + units)``
    times the size of the terms (see :mod:`explainrelu.network.batched_bounds`), and the search of
    regions by what lies in slivers that it cannot see. With programs the solver's tolerances are
    held against the bound. *Violated* is meant both ways: the network in float64 satisfies an
    alternative at the witness, and either by more than rounding could change, or in fractions too.
    A property that is missed or kept by less than rounding, as a score that is exactly at its bound
    somewhere, may be undecided.

    Cost: exponential in the number of inputs that matter, or with programs in the number of
    unstable neurons, in the worst case.

    References
    ----------
    G. Katz et al., "Reluplex: an efficient SMT solver for verifying deep neural networks", CAV
    2017; S. Wang et al., "Formal security analysis of neural networks using symbolic intervals",
    USENIX Security 2018 (bisection of the inputs); R. Bunel et al., "Branch and bound for piecewise
    linear neural network verification", JMLR 2020.

    Examples
    --------
    >>> from explainrelu.network.network import ReluNetwork
    >>> bump = ReluNetwork.from_weights([[[1.0], [-1.0]], [[-1.0, -1.0]]], [[0.0, 0.0], [1.0]])
    >>> found = verify_property(bump, Box([-2.0], [2.0]), OutputConstraints.at_most("score", 1.5))
    >>> found.status is PropertyStatus.HOLDS, bool(found.lower[0] > 0)
    (True, True)
    >>> found = verify_property(bump, Box([-2.0], [2.0]), OutputConstraints.at_least("score", 0))
    >>> str(found.status), bool(found.witness_scores[0] < 0)
    ('violated', True)
    """
    start = monotonic()
    _check_options(output_constraints, method, max_regions)
    check_time_limit(time_limit)
    network = import_model(model)
    boxes = _boxes(domain, network)
    corners = np.array([(box.lower, box.upper) for box in boxes])
    hull = Box(corners[:, 0].min(axis=0), corners[:, 1].max(axis=0))
    question = Question(
        network=network,
        boxes=boxes,
        branching=Branching.of(network.schema, hull, levels=levels),
        alternatives=output_constraints.over(network.outputs),
        deadline=start + (_FOREVER if time_limit is None else float(time_limit)),
        max_regions=max_regions,
        rng=np.random.default_rng(random_state),
        seen=np.full(len(output_constraints.alternatives), np.inf),
        tolerances=tolerances,
    )
    answers = _answers(question, method)
    return _result(question, answers, monotonic() - start)


def _answers(question: Question, method: Method) -> list[Answer]:
    """One way after the other, until one decides."""
    if not np.isfinite(question.forms.rounding).all():
        beyond = "the terms of the scores may leave the range of float64 in the domain"
        return [Answer(question.unknown, open=beyond)]
    answers = [by_points(question)]
    many = _n_columns(question) > _FEW_COLUMNS
    ways = {
        "boxes": (by_boxes,),
        "regions": (by_whole_regions,),
        "milp": (by_programs,),
        "auto": (_few_boxes, by_programs) if many else (by_boxes,),
    }
    for way in ways[method]:
        if answers[-1].witness is not None or not answers[-1].open:
            break
        answers.append(way(question))
    return answers


def _few_boxes(question: Question) -> Answer:
    seconds = min(_FIRST_SECONDS, question.seconds_left / 4)
    return by_boxes(question.within(seconds), most_boxes=_FIRST_BOXES)


def _n_columns(question: Question) -> int:
    """Columns that vary in the domain."""
    varying = (question.hull.lower < question.hull.upper) & question.branching.numeric
    return int(varying.sum()) + sum(len(choice.values) > 1 for choice in question.branching.choices)


def _result(question: Question, answers: list[Answer], seconds: float) -> PropertyResult:
    network, last = question.network, answers[-1]
    witness = last.witness
    lower = np.maximum.reduce([_first_bounds(question), *(answer.lower for answer in answers)])
    status = PropertyStatus.UNDECIDED
    if witness is not None:
        status = PropertyStatus.VIOLATED
    elif not last.open:
        status = PropertyStatus.HOLDS
    return PropertyResult(
        status=status,
        alternatives=tuple(part.text for part in question.alternatives),
        lower=lower,
        upper=question.seen,
        witness=witness.point if witness else None,
        witness_frame=_decoded(network, witness),
        witness_scores=network.forward(witness.point[None])[0] if witness else None,
        witness_excess=witness.excess if witness else float("nan"),
        decided_by="" if status is PropertyStatus.UNDECIDED else last.how,
        reason=last.open if status is PropertyStatus.UNDECIDED else "",
        boxes_searched=sum(answer.n_boxes for answer in answers),
        regions_searched=sum(answer.n_regions for answer in answers),
        seconds=seconds,
        certificate=network.certificate.plus(_checks(question, status, witness, lower, last)),
    )


def _first_bounds(question: Question) -> FloatArray:
    """What bounds over the boxes of the domain say of each excess."""
    lower = np.array([box.lower for box in question.boxes])
    upper = np.array([box.upper for box in question.boxes])
    found = question.by_alternative(question.forms.over(lower, upper).lower)
    least: FloatArray = found.min(axis=0)
    return least


def _decoded(network: ReluNetwork, witness: Witness | None) -> pd.DataFrame | None:
    if witness is None:
        return None
    try:
        return network.schema.decode(witness.point[None])
    except DataError:  # between levels, which levels=False allows
        return None


def _checks(
    question: Question,
    status: PropertyStatus,
    witness: Witness | None,
    lower: FloatArray,
    last: Answer,
) -> list[Check]:
    states = {PropertyStatus.HOLDS: Status.HOLDS, PropertyStatus.VIOLATED: Status.FAILS}
    n_boxes = len(question.boxes)
    where = f"{n_boxes} box(es), {len(question.alternatives)} alternative(s)"
    detail = f"{where}; by {last.how}" + (f"; {last.open}" if last.open else "")
    rounding = max(question.rounding(k) for k in range(len(question.alternatives)))
    value = witness.excess if witness else float(lower.min())
    kind = Exactness.EXACT if witness else Exactness.BOUNDED
    name = "the property holds at every row of the domain"
    checks = [Check(name, states.get(status, Status.UNDECIDED), value, 0.0, kind, detail)]
    if witness is not None:
        how = "in float64 and in fractions" if witness.exact else "beyond rounding"
        name = "the witness violates the property when replayed"
        told = f"{how}; rounding may change {rounding:.1e}"
        checks.append(Check(name, Status.HOLDS, witness.excess, 0.0, Exactness.EXACT, told))
    return checks


def _boxes(domain: Any, network: ReluNetwork) -> tuple[Box, ...]:
    boxes = (domain,) if isinstance(domain, Box) else domain
    if not isinstance(boxes, Sequence) or isinstance(boxes, str):
        check_domain(domain, network.n_inputs, network.schema)  # which says what it must be
    if not len(boxes):
        raise ArgumentError(
            "The domain must be a Box or at least one, got an empty list: a property of no row "
            "says nothing."
        )
    for box in boxes:
        check_domain(box, network.n_inputs, network.schema)
    return tuple(boxes)


def _check_options(constraints: Any, method: Any, max_regions: Any) -> None:
    if not isinstance(constraints, OutputConstraints):
        raise InputTypeError(
            f"output_constraints must be an OutputConstraints, got {type(constraints).__qualname__}"
            ". Write OutputConstraints.at_most('score', 1.0), or read a file by read_vnnlib."
        )
    if method not in _METHODS:
        raise ArgumentError(f"method must be one of {', '.join(_METHODS)}, got {method!r}.")
    whole = isinstance(max_regions, Integral) and not isinstance(max_regions, bool)
    if max_regions is not None and not (whole and int(max_regions) >= 1):
        raise ArgumentError(
            f"max_regions must be a whole number of at least 1, or None, got {max_regions!r}."
        )
