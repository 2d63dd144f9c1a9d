"""The nearest change of a row that a model decides otherwise, with proof."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from time import monotonic
from typing import Any

import numpy as np
import pandas as pd

from explainrelu.arrays import FloatArray
from explainrelu.audits.actionability import Actionability
from explainrelu.audits.recourse.distance import Distance, checked_norm, costs_of, scales_of
from explainrelu.audits.recourse.moves import MoveSpace, whole_columns
from explainrelu.audits.recourse.permitted import Permitted
from explainrelu.audits.recourse.question import Predict, Question, RowAnswer
from explainrelu.audits.recourse.result import CounterfactualResult
from explainrelu.audits.recourse.search import CounterfactualStatus
from explainrelu.audits.recourse.tables import (
    change_table,
    counterfactual_table,
    outcome_table,
    reason_table,
)
from explainrelu.audits.recourse.target import (
    Target,
    checked_margin,
    class_names,
    class_targets,
    classes_of,
    range_target,
    room_for,
)
from explainrelu.certificate import Certificate, Check, Exactness, Status
from explainrelu.errors import ArgumentError, InputTypeError
from explainrelu.explanations.limits import checked_limit, checked_seed
from explainrelu.geometry.box import Box
from explainrelu.importers.from_sklearn import is_sklearn_estimator
from explainrelu.importers.import_model import import_model
from explainrelu.milp.solving import check_time_limit
from explainrelu.network.back_substitution import back_substituted_bounds
from explainrelu.network.network import ReluNetwork
from explainrelu.tolerances import DEFAULT_TOLERANCES, Tolerances

__all__ = ["counterfactuals"]

_MOST_KNOWN = 2000  # background rows that candidates are looked for among


def counterfactuals(
    model: Any,
    query: Any,
    *,
    total_CFs: int = 1,  # the name that DiCE gave it
    desired_class: Any = "opposite",
    desired_range: Sequence[float] | None = None,
    permitted_range: Mapping[str, Any] | None = None,
    features_to_vary: Any = "all",
    actionability: Actionability | None = None,
    norm: str = "l1",
    scale: Any = None,
    margin: float = 0.0,
    background: Any = None,
    output: Any = None,
    time_limit: float | None = 60.0,
    random_state: int = 0,
    tolerances: Tolerances = DEFAULT_TOLERANCES,
) -> CounterfactualResult:
    """The nearest change of each row that gives it another class or score, provably.

    With ``d_j`` the change of column ``j`` (in its own unit; in codes for an ordinal column; 1
    for any change of level of a categorical one), ``s_j`` its scale and ``c_j`` its cost, and
    ``t_j = c_j |d_j| / s_j``, the distance is ``sum t_j`` (``l1``), ``sqrt(sum t_j^2)`` (``l2``),
    ``max t_j`` (``linf``) or ``sum c_j`` over the columns that change (``l0``).

    Parameters
    ----------
    model
        Anything :func:`explainrelu.import_model` takes.
    query : (n_rows, n_columns)
        Raw rows.
    total_CFs
        How many for each row. Each further one is the nearest that leaves alone at least one of
        the columns that each one before it changes.
    desired_class
        A class by name, or ``"opposite"``: every class but the row's own. A network without
        classes has ``"positive"`` and ``"negative"`` by the sign of its score, or its outputs'
        names by the largest.
    desired_range
        Two ends of the raw score instead, either of which may be infinite; for a regression the
        prediction, else the logit or raw score that ``output`` names.
    permitted_range
        Numeric column -> (lowest, highest), other column -> list of levels. It is taken literally:
        a row outside it has to move into it. A column that is not named moves in the range that
        the model's schema recorded, widened to the row's own value.
    features_to_vary
        ``"all"``, or the columns that may change.
    actionability
        Directions, steps, links and costs of columns.
    norm
        ``l1``, ``l2``, ``l0`` or ``linf``. Of several rows with as few changes ``l0`` gives the
        one whose changes are the smallest shares of their ranges.
    scale
        None: raw units. ``"mad"``: the median absolute deviation of each column over
        ``background`` (where that is zero the mean one, where that is zero too 1). Or a mapping.
    margin
        The raw score (of a class: its margin over every other) must exceed its bound by this.
    background : (n_background, n_columns)
        Raw rows: their ranges are recorded, ``scale="mad"`` is taken over them, and the search
        starts from those that are as desired. They change no proven distance.
    output
        With ``desired_range``: which score (see :meth:`OutputSchema.view`).
    time_limit
        Seconds for each row, None for no limit.
    random_state
        Seed of the rows that the search starts from; it changes no proven distance.

    Returns
    -------
    CounterfactualResult
        ``.frame .outcomes .changes .reasons .status .gap .certificate``. Every row in ``frame``
        was replayed: the network itself, and of a scikit-learn classifier its own ``predict``,
        decide it as desired, and it keeps to all constraints. ``infeasible`` is a proof that
        there is none, ``undecided`` says that a limit came first.

    Raises
    ------
    ArgumentError, ColumnsError, InputTypeError
        For wishes that contradict each other, unknown columns, classes or levels, an empty range,
        and a column without a known range.

    Notes
    -----
    A numeric column moves in whole numbers where the query holds it in an integer dtype, or where
    query and ``background`` hold whole numbers only; ``Actionability(step={column: None})`` lifts
    that. One-hot columns stand at one level, ordinal ones at a code, and neither at an unknown
    level.

    "Nearest" means: of all rows whose score lies beyond its bound by at least a small room, 1e-6
    times the size of the output weights by default, as much smaller as all scores are smaller
    than 1, and larger for a model that computes in float32. Without it the nearest row would lie
    on the boundary itself, where rounding decides.
    ``optimal`` is reported where distance and bound meet within 1e-6 of the distance. Exact up to
    the tolerances of a float64 solver.

    Cost: exponential in the units that change sides within the distance, in the worst case. A
    first change, found by walking and drawing in, gives the radius that the program is confined
    to. l2 is solved by the same programs, with tangents for the squares and the nearest point of
    each region found, until both meet.

    References
    ----------
    C. Russell, "Efficient search for diverse coherent explanations", FAT* 2019; K. Kanamori et al.,
    "DACE", IJCAI 2020 (mixed-integer programs); M. J. Villani et al., "PICE", AIES 2024 (a convex
    program a region); R. K. Mothilal, A. Sharma, C. Tan, "Explaining
    machine learning classifiers through diverse counterfactual explanations", FAT* 2020 (names).

    Examples
    --------
    >>> network = ReluNetwork.from_weights([[[1.0, 0.0], [0.0, 1.0]], [[1.0, 2.0]]],
    ...                                    [[0.0, 0.0], [-4.0]])
    >>> found = counterfactuals(network, [[1.0, 0.0]],
    ...                         permitted_range={"x0": (0, 10), "x1": (0, 10)})
    >>> found.changes[["feature", "from", "to"]].values.tolist()
    [['x1', '0', '1.500002']]
    >>> str(found.status[0])
    'optimal'
    """
    network, points, numbers = _imported(model, query, background, tolerances)
    known = network.schema.encode(background) if background is not None else None
    total = checked_limit("total_CFs", total_CFs) or 1
    rng_seed = checked_seed(random_state)
    check_time_limit(time_limit)
    wishes = Actionability() if actionability is None else actionability
    if not isinstance(wishes, Actionability):
        raise InputTypeError(f"actionability must be an Actionability, got {wishes!r}.")
    wishes.check(network.schema)
    permitted = Permitted.of(network.schema, permitted_range, features_to_vary, wishes)
    distance = Distance(
        checked_norm(norm),
        scales_of(network.schema, scale, numbers),
        costs_of(network.schema, wishes),
    )
    frame = network.schema.frame(query)
    raw = network.forward(points)
    frames = [frame] if background is None else [frame, network.schema.frame(background)]
    whole = whole_columns(network.schema, frames)
    spaces = [
        _moves(network, row, point, permitted, wishes, whole) for row, point in enumerate(points)
    ]
    room = room_for(
        network, raw, _largest(network, spaces), tolerances.feasibility,
        _agreement(network, tolerances),
    )  # fmt: skip
    targets = _targets(
        network, raw, desired_class, desired_range, output, checked_margin(margin), room
    )
    question = Question(
        network, frame, distance, wishes, room, _some(known, points, rng_seed),
        _predict_of(model), tolerances,
    )  # fmt: skip
    answers = []
    for row, moves in enumerate(spaces):
        rng = np.random.default_rng(rng_seed)
        answers.append(question.answer(row, moves, targets[row], total, _clock(time_limit), rng))
    return _result(question, answers)


def _imported(
    model: Any, query: Any, background: Any, tolerances: Tolerances
) -> tuple[ReluNetwork, FloatArray, FloatArray | None]:
    """The network with the ranges it knows, the encoded query, and the background in numbers."""
    network = import_model(model, background, tolerances=tolerances)
    numbers = None
    if background is not None:
        numbers = network.schema.numbers(background)
        schema = network.schema.with_ranges(network.schema.spread(numbers))
        network = replace(network, schema=schema)
    return network, network.schema.encode(query), numbers


def _largest(network: ReluNetwork, spaces: Sequence[MoveSpace]) -> float:
    """A bound of every score of every row that some row may become, 0 without rows."""
    if not spaces:
        return 0.0
    box = Box(
        np.min([moves.box.lower for moves in spaces], axis=0),
        np.max([moves.box.upper for moves in spaces], axis=0),
    )
    found = back_substituted_bounds(network, box)
    return float(np.abs([found.output_lower, found.output_upper]).max())


def _agreement(network: ReluNetwork, tolerances: Tolerances) -> float:
    """How far the model's own arithmetic may be off, relative to its scores."""
    limits = {"float64": 0.0, "float32": tolerances.single_agreement}
    return limits.get(network.origin.dtype, tolerances.half_agreement)


def _targets(
    network: ReluNetwork,
    raw: FloatArray,
    desired_class: Any,
    desired_range: Sequence[float] | None,
    output: Any,
    margin: float,
    room: float,
) -> list[tuple[Target, ...]]:
    """For each row what it may become."""
    if desired_range is not None:
        if desired_class != "opposite":
            raise ArgumentError(
                "desired_class or desired_range must be given, not both, got "
                f"{desired_class!r} and {desired_range!r}."
            )
        target = range_target(network.outputs, desired_range, output, room)
        lower, upper = target.lower + margin, target.upper - margin
        if (upper - lower < 4 * room).any():
            raise ArgumentError(
                f"desired_range must be wider than twice the margin, got {target.name} with "
                f"margin {margin:g}."
            )
        return [(replace(target, lower=lower, upper=upper),)] * raw.shape[0]
    if output is not None:
        raise ArgumentError(
            f"output= names the score that desired_range bounds, got {output!r} without a range. "
            "Name a class by desired_class, or pass desired_range."
        )
    classes = (
        classes_of(network.outputs, raw) if class_names(network.outputs) else [""] * raw.shape[0]
    )
    return class_targets(network.outputs, desired_class, classes, margin)


def _moves(
    network: ReluNetwork,
    row: int,
    point: FloatArray,
    permitted: Permitted,
    wishes: Actionability,
    whole: Any,
) -> MoveSpace:
    try:
        return MoveSpace.of(network.schema, point, permitted, wishes, whole)
    except ArgumentError as error:
        raise ArgumentError(f"Row {row}: {error}") from error


def _some(known: FloatArray | None, points: FloatArray, seed: int) -> FloatArray:
    """Background rows to look for candidates among, at most so many."""
    if known is None:
        return points[:0]
    if known.shape[0] <= _MOST_KNOWN:
        return known
    chosen = np.random.default_rng(seed).choice(known.shape[0], _MOST_KNOWN, replace=False)
    return known[np.sort(chosen)]


def _predict_of(model: Any) -> Predict | None:
    """The class that a scikit-learn classifier itself gives a row; None for other models."""
    if not is_sklearn_estimator(model) or not hasattr(model, "classes_"):
        return None
    named = hasattr(model, "feature_names_in_")

    def predict(frame: pd.DataFrame) -> str:
        return str(model.predict(frame if named else frame.to_numpy())[0])

    return predict


def _clock(time_limit: float | None) -> Callable[[int], float | None]:
    """The deadline of a counterfactual when so many share what is left of a row's time."""
    end = None if time_limit is None else monotonic() + time_limit

    def deadline(shares: int) -> float | None:
        return None if end is None else monotonic() + (end - monotonic()) / shares

    return deadline


def _result(question: Question, answers: Sequence[RowAnswer]) -> CounterfactualResult:
    network, frame = question.network, question.frame
    reasons, unexplained = reason_table(network, frame, answers)
    return CounterfactualResult(
        frame=counterfactual_table(network, frame, answers),
        outcomes=outcome_table(network, answers, question.distance, question.room),
        changes=change_table(frame, answers, question.distance),
        reasons=reasons,
        status=tuple(answer.found[0].status for answer in answers),
        gap=np.array([answer.found[0].gap for answer in answers]),
        norm=str(question.distance.norm),
        certificate=_certificate(question, answers, unexplained),
    )


def _certificate(
    question: Question, answers: Sequence[RowAnswer], unexplained: float
) -> Certificate:
    """What was checked of every counterfactual, again and by other means than the search."""
    network, tolerances = question.network, question.tolerances
    broken, wrong, off, gaps, open_ended = 0.0, 0, 0, 0.0, 0
    found = [(row, answer.moves, one) for row, answer in enumerate(answers) for one in answer.found]
    for row, moves, one in found:
        open_ended += one.status in (CounterfactualStatus.BOUNDED, CounterfactualStatus.UNDECIDED)
        if not one.point.size:
            continue
        scores = network.forward(one.point[None]) @ one.target.matrix.T
        wrong += not one.target.reached(scores)[0]
        broken = max(broken, float(moves.violations(one.point[None])[0]))
        if question.predict is not None and one.target.strict:
            off += not question.accepts(row, moves, one.point, one.target)
        if one.distance > 0:
            gaps = max(gaps, one.gap / one.distance)
    n_found = sum(bool(one.point.size) for _, _, one in found)
    detail = f"{n_found} counterfactuals of {len(answers)} rows"
    proven = Check(
        "none is nearer", Status.UNDECIDED if open_ended else Status.HOLDS, gaps,
        1e3 * tolerances.feasibility, Exactness.BOUNDED if open_ended else Exactness.EXACT,
        f"largest gap as a share of the distance; {open_ended} searches ended by a limit",
    )  # fmt: skip
    checks = [
        Check.at_most("the network decides them as desired", wrong, 0, Exactness.EXACT, detail),
        Check.at_most(
            "ranges, levels, steps and links are kept", broken, tolerances.containment,
            Exactness.EXACT, f"{detail}; relative to the size of the numbers",
        ),
        proven,
        Check.at_most(
            "reasons add up to the difference of the scores", unexplained, tolerances.additivity,
            Exactness.EXACT, f"{detail}; relative to max(1, |score|)",
        ),
    ]  # fmt: skip
    if question.predict is not None:
        name = "the model's own predict decides them as desired"
        checks.insert(1, Check.at_most(name, off, 0, Exactness.EXACT, detail))
    return Certificate(tuple(checks))
