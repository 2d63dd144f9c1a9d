"""How far each row is from where its class changes."""

from collections.abc import Iterable, Mapping
from numbers import Integral
from time import monotonic
from typing import Any

import numpy as np

from explainrelu.arrays import BoolArray, FloatArray
from explainrelu.audits.boundary.certified_radii import certified_radii, crossings
from explainrelu.audits.boundary.decisions import Decision, decision_of
from explainrelu.audits.boundary.distances import Robustness
from explainrelu.audits.boundary.nearest_boundary import Nearest, nearest_boundary
from explainrelu.audits.boundary.neighbourhoods import Neighbourhoods
from explainrelu.audits.boundary.norms import Norm, checked_norm, input_scales, movable_columns
from explainrelu.errors import ArgumentError, DataError, InputTypeError
from explainrelu.geometry.box import Box
from explainrelu.importers.import_model import import_model
from explainrelu.milp.solving import check_time_limit
from explainrelu.network.schema import InputSchema
from explainrelu.regions.observed import check_domain
from explainrelu.tolerances import DEFAULT_TOLERANCES, Tolerances

__all__ = ["robustness"]

_METHODS = ("auto", "bounds")
_ACROSS = (0.0, 1e-6, 1e-5, 1e-4, 1e-3, 1e-2, 0.1, 0.3)  # of the gap allowed


def robustness(
    model: Any,
    X: Any,
    *,
    norm: str = "linf",
    scale: str | Mapping[str, float] | None = None,
    errors: Mapping[str, float] | None = None,
    domain: Box | None = None,
    features: Iterable[str] | None = None,
    output: Any = None,
    threshold: float | None = None,
    method: str = "auto",
    max_distance: float | None = None,
    time_limit: float | None = 5.0,
    n_jobs: int | None = 1,
    tolerances: Tolerances = DEFAULT_TOLERANCES,
) -> Robustness:
    """The least change of each row that changes its class, proven to be the least.

    Of a row ``x`` with class ``c`` the distance is the least ``|s|`` for which some other class
    scores as high as ``c`` at ``x + scale * s``. Columns with levels are held.

    Parameters
    ----------
    model
        Anything :func:`explainrelu.import_model` takes.
    X : (n_samples, n_columns)
        Raw rows.
    norm
        ``linf`` (the largest step of any column), ``l1`` (their sum) or ``l2``.
    scale
        What one step of a column is: None a raw unit, ``std`` or ``mad`` the standard deviation
        or the median absolute deviation of the column over ``X``, or a mapping column -> size.
    errors
        Measurement errors, column -> size: shorthand for exactly these columns moving, each by at
        most its size (``norm="linf"``, ``scale=errors``, ``max_distance=1``).
        ``unchanged_share`` is then the share of rows whose class no such error changes.
    domain
        A box, over the encoded inputs, that a row may not leave; every number is allowed by
        default.
    features
        The columns that move, every numeric one by default. An ordinal one named here moves as a
        number, between its codes too.
    output, threshold
        Whether the score ``output`` lies above ``threshold`` is the decision; needed where the
        model is no classifier. See :meth:`OutputSchema.view`.
    method
        ``auto``: cheap bounds for all rows, then a search where they leave a gap. ``bounds``:
        the cheap bounds alone.
    max_distance
        Farther is not looked. By default what it takes to cross the ranges of all columns that
        move, as recorded by the model or else spanned by ``X``.
    time_limit
        Seconds for the search of each row; its bounds hold as they are when it ends.
    n_jobs
        Rows searched side by side, in processes, as joblib counts them.

    Returns
    -------
    Robustness
        ``lower`` and ``upper`` always hold: the one is proven, the other is the length of a step
        that the network itself was evaluated at. ``.status .to_frame() .summary
        .certified_share(radii) .witness_frame()``.

    Raises
    ------
    ArgumentError, InputTypeError
        For an option that is not offered, a scale that is not positive, a model that decides
        nothing without ``threshold``, and a domain that does not hold the rows.
    DataError
        Where the rows cannot be taken in.

    Notes
    -----
    Exact up to float64 rounding, the linear solver's tolerances and ``tolerances.distance``. A step
    following the linear pieces bounds the distance from above, back-substitution over balls from
    below. Between the two, units that may switch within the shorter ball are branched on, best
    bound first, each node being a linear program; for ``l2`` with tangents of the ball. Cost:
    exponential in the number of such units in the worst case.

    References
    ----------
    V. Tjeng, K. Xiao, R. Tedrake, "Evaluating robustness of neural networks with mixed integer
    programming", ICLR 2019; H. Zhang et al., "Efficient neural network robustness certification
    with general activation functions", NeurIPS 2018.

    Examples
    --------
    >>> from explainrelu.network.network import ReluNetwork
    >>> network = ReluNetwork.from_weights([[[1.0, 1.0]], [[1.0]]], [[0.0], [-1.0]])
    >>> found = robustness(network, [[3.0, 0.0], [0.5, 0.0]], threshold=0.0, max_distance=9)
    >>> found.upper.round(6), found.status.tolist()
    (array([1.  , 0.25]), ['exact', 'exact'])
    """
    if method not in _METHODS:
        raise ArgumentError(f"method must be one of {', '.join(_METHODS)}, got {method!r}.")
    check_time_limit(time_limit)
    _check_jobs(n_jobs)
    if errors is not None:
        scale, features, max_distance = _of_errors(errors, norm, scale, features, max_distance)
    measure = checked_norm(norm)
    network = import_model(model, X)
    points, schema = network.schema.encode(X), network.schema
    if not points.shape[0]:
        raise DataError("X must have at least one row, got none.")
    decision = decision_of(network, output, threshold)
    scales = input_scales(schema, movable_columns(schema, features), scale, points)
    around = _around(decision, measure, points, scales, _checked_domain(domain, points, schema))
    most = _most(around, schema, max_distance)
    found = _searched(around, most, method, time_limit, n_jobs, tolerances)
    return _record(around, schema, scales, most, found, tolerances)


def _check_jobs(n_jobs: Any) -> None:
    if n_jobs is not None and (not isinstance(n_jobs, Integral) or n_jobs == 0):
        raise ArgumentError(f"n_jobs must be a whole number other than 0, or None, got {n_jobs!r}.")


def _of_errors(errors: Any, norm: str, scale: Any, features: Any, most: Any) -> tuple[Any, ...]:
    if not isinstance(errors, Mapping) or not errors:
        raise InputTypeError(
            f"errors must be a mapping from columns to the sizes of their errors, got {errors!r}."
        )
    if norm != Norm.LINF or any(other is not None for other in (scale, features, most)):
        raise ArgumentError(
            "errors= stands for norm='linf', scale=errors, features=list(errors) and "
            "max_distance=1, got one of these besides. Leave it out."
        )
    return errors, list(errors), 1.0


def _checked_domain(domain: Box | None, points: FloatArray, schema: InputSchema) -> Box | None:
    if domain is None:
        return None
    check_domain(domain, points.shape[1], schema)
    outside = np.flatnonzero(~domain.contains(points))
    if outside.size:
        raise ArgumentError(
            f"The domain must hold every row, got row {outside[0]} outside it. Leave such rows "
            "out, or take a larger box."
        )
    return domain


def _around(
    decision: Decision, norm: Norm, points: FloatArray, scales: FloatArray, domain: Box | None
) -> Neighbourhoods:
    moved = np.flatnonzero(scales).astype(np.int64)
    shape, size = (points.shape[0], moved.size), scales[moved]
    low, high = np.full(shape, -np.inf), np.full(shape, np.inf)
    if domain is not None:
        low = (domain.lower[moved] - points[:, moved]) / size
        high = (domain.upper[moved] - points[:, moved]) / size
    own = decision.classes_of(points)
    return Neighbourhoods(decision, norm, points, own, moved, size, low, high)


def _most(around: Neighbourhoods, schema: InputSchema, max_distance: Any) -> float:
    """The largest distance that is looked at."""
    if max_distance is None:
        corners = schema.recorded_corners(around.points)[:, around.moved]
        found = float(around.norm.length((corners[1] - corners[0]) / around.scale))
        if np.isfinite(around.low).all() and np.isfinite(around.high).all():
            found = float(around.norm.length(np.maximum(-around.low, around.high)).max())
        if not found > 0:
            raise ArgumentError(
                "max_distance must be given where neither the model nor the rows have a range to "
                "take it from."
            )
        return found
    try:
        found = float(max_distance)
    except (TypeError, ValueError) as error:
        raise InputTypeError(f"max_distance must be a number, got {max_distance!r}.") from error
    if not 0 < found < np.inf:
        raise ArgumentError(f"max_distance must be positive and finite, got {max_distance!r}.")
    return found


def _searched(
    around: Neighbourhoods,
    most: float,
    method: str,
    time_limit: float | None,
    n_jobs: int | None,
    tolerances: Tolerances,
) -> list[Nearest]:
    """The bounds of each row: cheap ones for all, then a search for those with a gap."""
    limit = np.full(len(around), most)
    steps, upper = crossings(around, limit)
    lower = certified_radii(around, np.minimum(upper, limit))
    found = [
        Nearest(float(low), float(high), step, 0)
        for low, high, step in zip(lower, upper, steps, strict=True)
    ]
    end = np.minimum(upper, limit)
    left = np.flatnonzero((end - lower > tolerances.distance * end) & (method == "auto"))
    if n_jobs in (None, 1) or left.size < 2:
        for i in left.tolist():
            found[i] = _one(around, i, found[i], most, time_limit, tolerances)
        return found
    from joblib import Parallel, delayed

    calls = (delayed(_one)(around, i, found[i], most, time_limit, tolerances) for i in left)
    for i, nearest in zip(left.tolist(), Parallel(n_jobs=n_jobs)(calls), strict=True):
        found[i] = nearest
    return found


def _one(
    around: Neighbourhoods,
    row: int,
    known: Nearest,
    most: float,
    time_limit: float | None,
    tolerances: Tolerances,
) -> Nearest:
    deadline = None if time_limit is None else monotonic() + time_limit
    return nearest_boundary(around, row, known, most, deadline=deadline, tolerances=tolerances)


def _record(
    around: Neighbourhoods,
    schema: InputSchema,
    scales: FloatArray,
    most: float,
    found: list[Nearest],
    tolerances: Tolerances,
) -> Robustness:
    reached = np.array([np.isfinite(nearest.upper) for nearest in found], dtype=np.bool_)
    steps = _just_across(around, np.array([n.step for n in found]), reached, tolerances)
    rows = np.arange(len(around))
    margins = around.margins(rows, steps)
    upper = np.where(reached, around.norm.length(steps), np.inf)
    lower = np.array([nearest.lower for nearest in found])
    return Robustness(
        schema=schema,
        classes=around.decision.classes,
        norm=around.norm,
        scale=scales,
        max_distance=most,
        points=around.points,
        own=around.own,
        lower=np.minimum(lower, upper),
        upper=upper,
        witnesses=around.at(rows, steps),
        rivals=np.where(reached, margins.argmin(axis=1), -1),
        margins=margins.min(axis=1),
        gap=tolerances.distance,
        n_nodes=sum(nearest.n_nodes for nearest in found),
    )


def _just_across(
    around: Neighbourhoods, steps: FloatArray, reached: BoolArray, tolerances: Tolerances
) -> FloatArray:
    """Each step made longer by a hair, where that takes it clearly across the boundary.

    So far that the model itself sees the other class, whose scores may differ by its rounding.
    """
    found, left = np.where(reached[:, None], steps, 0.0), np.flatnonzero(reached)
    for share in _ACROSS:
        if not left.size:
            break
        longer = (1.0 + share * tolerances.distance) * steps[left]
        tried = np.clip(longer, around.low[left], around.high[left])
        points = around.at(left, tried)
        size = np.abs(around.decision.network.forward(points)).max(axis=1)
        margin = around.decision.margins(points, around.own[left]).min(axis=1)
        crossed = margin <= -tolerances.agreement * np.maximum(1.0, size)
        found[left[crossed]] = tried[crossed]
        left = left[~crossed]
    return found
