"""The largest slope of a score over a domain: its exact Lipschitz constant."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from time import monotonic
from typing import Any

import numpy as np
import pandas as pd

from explainrelu.arrays import FloatArray, IntArray, frozen_floats
from explainrelu.audits.boundary.norms import Norm, checked_norm, input_scales, movable_columns
from explainrelu.audits.trend.slopes import level_boxes, slope_bounds, slopes_at
from explainrelu.certificate import Exactness
from explainrelu.errors import ArgumentError
from explainrelu.geometry.box import Box
from explainrelu.importers.import_model import import_model
from explainrelu.milp.rows import RowSpace
from explainrelu.milp.solving import check_time_limit
from explainrelu.network.network import ReluNetwork
from explainrelu.network.outputs import OutputSchema
from explainrelu.network.patterns import activation_patterns, pattern_keys, region_names
from explainrelu.network.schema import InputSchema
from explainrelu.regions.enumeration import enumerate_regions
from explainrelu.regions.observed import check_domain
from explainrelu.regions.search.compiling import compile_search
from explainrelu.regions.search.run import Limits
from explainrelu.tolerances import DEFAULT_TOLERANCES, Tolerances

__all__ = ["Steepest", "lipschitz"]

_MOST_BOXES = 256  # combinations of levels that are gone through one by one
_DRAWN = 4096  # rows at which slopes are looked at where not all regions are
_SHRINKING = 40  # halvings of a step until it stays in its region


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class Steepest:
    """The largest slope of each score.

    Attributes
    ----------
    schema
        The columns.
    outputs
        The scores.
    norm
        How a step of several columns is measured.
    scale : (n_inputs,)
        One step of each input in raw units; 0 where it is held.
    lower, upper : (n_scores,)
        The Lipschitz constant lies between: no two rows that differ in the columns that move have
        scores farther apart than ``upper`` times their distance, and the pair attains ``lower``.
    pairs : (n_scores, 2, n_inputs)
        Two encoded rows, between which the score changes by ``lower`` a step.
    regions : (n_scores,)
        The region they lie in, by name.
    exactness
        Whether all regions of the domain were gone through.
    n_regions
        How many were.
    stopped
        Why not all; "" where they were.
    """

    schema: InputSchema
    outputs: tuple[str, ...]
    norm: Norm
    scale: FloatArray
    lower: FloatArray
    upper: FloatArray
    pairs: FloatArray
    regions: tuple[str, ...]
    exactness: Exactness
    n_regions: int
    stopped: str

    def __post_init__(self) -> None:
        for name, ndim in (("scale", 1), ("lower", 1), ("upper", 1), ("pairs", 3)):
            object.__setattr__(self, name, frozen_floats(getattr(self, name), ndim, name))

    def __len__(self) -> int:
        return len(self.outputs)

    def __repr__(self) -> str:
        return f"Steepest({len(self)} scores, {self.norm}, {self.exactness})"

    def to_frame(self) -> pd.DataFrame:
        """One row a score: ``output lower upper norm region n_regions exactness stopped``."""
        n = len(self)
        return pd.DataFrame(
            {
                "output": pd.Series(self.outputs, dtype="str"),
                "lower": self.lower,
                "upper": self.upper,
                "norm": pd.Series([str(self.norm)] * n, dtype="str"),
                "region": pd.Series(self.regions, dtype="str"),
                "n_regions": np.full(n, self.n_regions),
                "exactness": pd.Series([str(self.exactness)] * n, dtype="str"),
                "stopped": pd.Series([self.stopped] * n, dtype="str"),
            }
        )

    def pair_frame(self, output: str | None = None) -> pd.DataFrame:
        """The two raw rows of a score, the first by default.

        Raises
        ------
        ArgumentError
            For a score that is none.
        """
        if output is not None and output not in self.outputs:
            raise ArgumentError(f"output must be one of {', '.join(self.outputs)}, got {output!r}.")
        return self.schema.decode(self.pairs[0 if output is None else self.outputs.index(output)])


def lipschitz(
    model: Any,
    domain: Box,
    *,
    norm: str = "l2",
    output: Any = None,
    scale: str | Mapping[str, float] | None = None,
    X: Any = None,
    features: Iterable[str] | None = None,
    max_regions: int | None = 50_000,
    time_limit: float | None = 60.0,
    random_state: int | np.random.Generator = 0,
    tolerances: Tolerances = DEFAULT_TOLERANCES,
) -> Steepest:
    """The largest change of each score for one step, over all pairs of rows of a box.

    That is ``max |A_r * scale|*`` over the linear regions ``r`` of the box, ``|.|*`` being the
    dual norm; other columns than those that move are the same in both rows of a pair.

    Parameters
    ----------
    model
        Anything :func:`explainrelu.import_model` takes.
    domain
        The box, over the encoded inputs. Columns with levels stand at one of them.
    norm
        How a step is measured: ``linf``, ``l1`` or ``l2``.
    output
        Which scores; see :meth:`OutputSchema.view`.
    scale
        What one step of a column is: None a raw unit, ``std`` or ``mad`` over ``X``, or a mapping.
    X : (n_samples, n_columns)
        Raw rows: for ``scale``, and their regions are looked at where not all are.
    features
        The columns that move, every numeric one by default.
    max_regions, time_limit
        Limits of the enumeration. Beyond them the answer is bounded on both sides.
    random_state
        Seed of the rows that are looked at where not all regions are.

    Returns
    -------
    Steepest
        ``lower`` is attained by the pair of rows, ``upper`` holds for all; equal up to rounding
        where ``exactness`` is ``exact``.

    Raises
    ------
    ArgumentError, InputTypeError
        For an option that is not offered, a domain that is no box of the inputs, and a scale over
        rows without ``X``.

    Notes
    -----
    Exact by enumeration, up to rounding; regions thinner than ``tolerances.inradius`` are left
    out. Else the upper bound is that of interval bounds of the gradient, which can be several
    times too large. Cost: that of the enumeration.

    References
    ----------
    M. Jordan, A. Dimakis, "Exactly computing the local Lipschitz constant of ReLU networks",
    NeurIPS 2020.

    Examples
    --------
    >>> network = ReluNetwork.from_weights([[[1.0, 1.0]], [[2.0]]], [[0.0], [1.0]])
    >>> found = lipschitz(network, Box([-1.0, -1.0], [1.0, 1.0]), norm="linf")
    >>> found.upper, str(found.exactness)
    (array([4.]), 'exact')
    """
    measure = checked_norm(norm)
    check_time_limit(time_limit)
    Limits(max_regions)  # which refuses what is no limit
    network = import_model(model)
    schema, view = network.schema, network.outputs.view(output)
    check_domain(domain, network.n_inputs, schema)
    points = np.zeros((0, network.n_inputs)) if X is None else schema.encode(X)
    if isinstance(scale, str) and not len(points):
        raise ArgumentError(f"scale={scale!r} must have rows to be taken over: pass X.")
    names = movable_columns(schema, features)
    scales = np.where(domain.fixed, 0.0, input_scales(schema, names, scale, points))
    if not scales.any():
        raise ArgumentError("Some column that moves must be free in the domain, got none.")
    scored = replace(
        network, output=network.score_map(view), outputs=OutputSchema.numbered(len(view))
    )
    search = _Search(scored, domain, measure, scales, names, tolerances)
    exact, stopped = search.enumerate(max_regions, time_limit)
    upper = search.steepness.copy()
    if not exact:
        rows = RowSpace.of(schema, domain).sample(_DRAWN, np.random.default_rng(random_state))
        search.look_at(np.concatenate([rows, points[domain.contains(points)]]))
        upper = np.maximum(search.bound(), search.steepness)
    pairs, steepness = search.pairs()
    return Steepest(
        schema=schema,
        outputs=view.names,
        norm=measure,
        scale=scales,
        lower=steepness,
        upper=np.maximum(upper, steepness),
        pairs=pairs,
        regions=search.names_of_regions(),
        exactness=Exactness.EXACT if exact else Exactness.BOUNDED,
        n_regions=search.n_regions,
        stopped=stopped,
    )


class _Search:
    """Keeps the steepest piece of each score, of those that were looked at."""

    def __init__(
        self,
        network: ReluNetwork,
        domain: Box,
        norm: Norm,
        scales: FloatArray,
        names: tuple[str, ...],
        tolerances: Tolerances,
    ) -> None:
        self._network, self._domain, self._norm = network, domain, norm
        self._moved, self._tolerances = np.flatnonzero(scales), tolerances
        self._scale = scales[self._moved]
        self._boxes = level_boxes(network.schema, domain, free=names, most=_MOST_BOXES)
        n = network.n_outputs
        self.steepness = np.full(n, -1.0)
        self._points, self._slopes = np.zeros((n, network.n_inputs)), np.zeros((n, scales.size))
        self.n_regions = 0

    def enumerate(self, max_regions: int | None, time_limit: float | None) -> tuple[bool, str]:
        """Go through all regions; whether these are all, and why not."""
        if self._boxes is None:
            return False, f"the levels have more than {_MOST_BOXES} combinations"
        compile_search()
        end = None if time_limit is None else monotonic() + time_limit
        for box in self._boxes:
            left = None if max_regions is None else max_regions - self.n_regions
            time = None if end is None else end - monotonic()
            if left is not None and left < 1:
                return False, f"max_regions={max_regions} was reached"
            if time is not None and time <= 0:
                return False, "time_limit was reached"
            found = enumerate_regions(
                self._network, box, max_regions=left, time_limit=time, tolerances=self._tolerances
            )
            for part, slopes, _ in found.affine_map_chunks():
                self._keep(found.witnesses[part], slopes)
            self.n_regions += len(found)
            if not found.complete:
                whole = f"max_regions={max_regions} was reached"  # not what was left of it
                return False, whole if found.stopped.startswith("max_regions") else found.stopped
        return True, ""

    def look_at(self, points: FloatArray) -> None:
        """The pieces of some rows."""
        self._keep(points, slopes_at(self._network, self._network.output, points))

    def _keep(self, points: FloatArray, slopes: FloatArray) -> None:
        if not len(points):
            return
        steep = self._norm.dual_length(slopes[:, :, self._moved] * self._scale)
        best = steep.argmax(axis=0)
        for k, i in enumerate(best.tolist()):
            if steep[i, k] > self.steepness[k]:
                self.steepness[k] = steep[i, k]
                self._points[k], self._slopes[k] = points[i], slopes[i, k]

    def bound(self) -> FloatArray:
        """No slope is larger: (n_scores,)."""
        boxes = [self._domain] if self._boxes is None else self._boxes
        lower, upper = slope_bounds(self._network, self._network.output, boxes)
        size = np.maximum(np.abs(lower), np.abs(upper))
        return self._norm.dual_length(size[:, self._moved] * self._scale)

    def pairs(self) -> tuple[FloatArray, FloatArray]:
        """Two rows for each score, and the change of the score between them a step."""
        low, high = self._points.copy(), self._points.copy()
        aims = self._norm.steepest(self._slopes[:, self._moved] * self._scale)
        step = self._norm.length(2.0 * self._domain.half_width[self._moved] / self._scale)
        steep = np.zeros(len(aims))
        left = np.arange(len(aims))
        for _ in range(_SHRINKING):
            first, second = self._at(left, -step * aims[left]), self._at(left, step * aims[left])
            rise = self._rise(left, first, second)
            within = np.abs(rise - self.steepness[left]) <= 1e-6 * self.steepness[left]
            within |= self.steepness[left] <= 0
            done = left[within]
            low[done], high[done], steep[done] = first[within], second[within], rise[within]
            left, step = left[~within], 0.5 * step
            if not left.size:
                break
        return np.stack([low, high], axis=1), np.maximum(steep, 0.0)

    def _at(self, scores: IntArray, steps: FloatArray) -> FloatArray:
        points = self._points[scores]
        points[:, self._moved] += self._scale * steps
        return np.clip(points, self._domain.lower, self._domain.upper)

    def _rise(self, scores: IntArray, first: FloatArray, second: FloatArray) -> FloatArray:
        """The change of each score between two points for each unit of their distance."""
        rows = np.arange(scores.size)
        change = self._network.forward(second) - self._network.forward(first)
        length = self._norm.length((second - first)[:, self._moved] / self._scale)
        safe = np.where(length > 0, length, 1.0)
        return np.asarray(np.where(length > 0, change[rows, scores] / safe, 0.0))

    def names_of_regions(self) -> tuple[str, ...]:
        """The region of each score's pair."""
        patterns = activation_patterns(self._network, self._points)
        return tuple(region_names(pattern_keys(patterns)).tolist())
