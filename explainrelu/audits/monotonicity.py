"""Whether a score rises, falls or neither as one column grows, proven over a domain."""

from collections.abc import Iterable, Mapping
from typing import Any

import numpy as np

from explainrelu.audits.trend.trend_search import TrendSearch
from explainrelu.audits.trend.trends import Direction, Monotonicity
from explainrelu.errors import ArgumentError, InputTypeError
from explainrelu.geometry.box import Box
from explainrelu.importers.import_model import import_model
from explainrelu.milp.solving import check_time_limit
from explainrelu.network.schema import InputSchema
from explainrelu.regions.observed import check_domain
from explainrelu.regions.search.run import Limits
from explainrelu.tolerances import DEFAULT_TOLERANCES, Tolerances

__all__ = ["monotonicity"]


def monotonicity(
    model: Any,
    domain: Box,
    *,
    features: Iterable[str] | None = None,
    X: Any = None,
    output: Any = None,
    direction: str | Mapping[str, str] | None = None,
    max_regions: int | None = 20_000,
    time_limit: float | None = 60.0,
    random_state: int | np.random.Generator = 0,
    tolerances: Tolerances = DEFAULT_TOLERANCES,
) -> Monotonicity:
    """For each column, whether the score only rises or only falls with it, everywhere in a box.

    Parameters
    ----------
    model
        Anything :func:`explainrelu.import_model` takes.
    domain
        The box, over the encoded inputs. Columns with levels stand at one of them.
    features
        The columns to look at, all by default. Those with levels that have no order are answered
        by ``not applicable``; of an ordinal one the code counts, as a number.
    X : (n_samples, n_columns)
        Raw rows, to count those that lie where the score goes against the direction. Those
        outside the domain are left out.
    output
        Which scores; see :meth:`OutputSchema.view`.
    direction
        ``increasing`` or ``decreasing``, for all columns or by column: what is expected.
    max_regions
        Linear regions that are gone through at most, all parts together; None for no limit.
    time_limit
        Seconds, about; what is not decided by then is undecided, with bounds that hold.
    random_state
        Seed of the rows at which violations are looked for.

    Returns
    -------
    Monotonicity
        ``.trends .to_frame() .witness_frame(feature) .certificate``. A proven direction holds at
        every row of the domain. ``not monotone`` comes with rows that show it, by the network's
        own scores.

    Raises
    ------
    ArgumentError, InputTypeError
        For a domain that is no box of the model's inputs, an unknown direction and limits that
        are not positive.
    ColumnsError
        For an unknown column.

    Notes
    -----
    In order of cost: bounds of the gradient over the box (sound); the signs of the coefficients
    of every linear region (exact; regions thinner than ``tolerances.inradius`` are not seen, and
    the score can move against the direction in them by their width times their slope); a
    mixed-integer program of the gradient (up to the solver's tolerances). Where the levels have
    more than 256 combinations the first two go over the relaxed box, so that what they prove holds
    and what they find has to be shown at true levels.

    Examples
    --------
    >>> from explainrelu.network.network import ReluNetwork
    >>> network = ReluNetwork.from_weights([[[1.0, 1.0]], [[2.0]]], [[0.0], [1.0]])
    >>> found = monotonicity(network, Box([-1.0, -1.0], [1.0, 1.0]))
    >>> found.to_frame().direction.tolist()
    ['increasing', 'increasing']
    """
    network = import_model(model)
    check_domain(domain, network.n_inputs, network.schema)
    check_time_limit(time_limit)
    Limits(max_regions)  # which refuses what is no limit
    names = _names(network.schema, features)
    expected = _expected(direction, names)
    view = network.outputs.view(output)
    points = np.zeros((0, network.n_inputs)) if X is None else network.schema.encode(X)
    points = points[domain.contains(points)]
    search = TrendSearch(
        network, domain, view, points, max_regions, time_limit,
        np.random.default_rng(random_state), tolerances,
    )  # fmt: skip
    return Monotonicity(network.schema, tuple(search.trends(names, expected)))


def _names(schema: InputSchema, features: Any) -> tuple[str, ...]:
    if features is None:
        return schema.names
    if isinstance(features, (str, bytes)) or not isinstance(features, Iterable):
        raise InputTypeError(f"features must be a list of column names, got {features!r}.")
    return tuple(schema.column(str(name)).name for name in features)


def _expected(direction: Any, names: tuple[str, ...]) -> dict[str, str]:
    wanted = (str(Direction.INCREASING), str(Direction.DECREASING))
    found = direction if isinstance(direction, Mapping) else dict.fromkeys(names, direction)
    for name, one in found.items():
        if name not in names:
            raise ArgumentError(
                f"direction must name columns that are looked at ({', '.join(names)}), got "
                f"{name!r}."
            )
        if one is not None and one not in wanted:
            raise ArgumentError(f"direction must be one of {', '.join(wanted)}, got {one!r}.")
    return {str(name): str(one) for name, one in found.items() if one is not None}
