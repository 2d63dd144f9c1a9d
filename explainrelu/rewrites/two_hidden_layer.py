"""A network of two hidden layers that equals a deep one on all but a small share of a box.

Legend: for a pattern ``p`` with bits ``s``, ``z_{i,p}`` are the preactivations of the network
frozen at it, ``f_p`` its affine function, and ``v_p(x) = sum_i max(-(2 s_i - 1) z_{i,p}(x), 0)``
is zero exactly on the closed region of ``p``. With a slope ``M`` the network

    ``F(x) = sum_p max(f_p - M v_p, 0) - max(-f_p - M v_p, 0)``

has the terms of ``v_p`` and the inputs in its first layer and two units a pattern and output in its
second. Off the bands ``{x : 0 < M v_p(x) < |f_p(x)|}`` only the pattern of ``x`` speaks, and
``F = f``. A band is O(1 / M) wide; inside it the error may be as large as ``f_p``, for every ``M``.
"""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from scipy import sparse

from explainrelu.arrays import BoolArray, FloatArray, frozen
from explainrelu.certificate import Certificate, Check, Exactness
from explainrelu.errors import ArgumentError, InputTypeError, SizeError
from explainrelu.geometry.box import Box
from explainrelu.importers.import_model import import_model
from explainrelu.network.network import AffineMap, Layer, Origin, ReluNetwork
from explainrelu.network.patterns import affine_maps, unpack
from explainrelu.regions.enumeration import enumerate_regions
from explainrelu.regions.observed import check_domain
from explainrelu.regions.region_set import RegionSet
from explainrelu.rewrites.rewrite import Guarantee, Reach, Rewrite, Transformation
from explainrelu.rewrites.score_check import largest_term, scores_check
from explainrelu.rewrites.three_layer.forms import CellForms
from explainrelu.tolerances import DEFAULT_TOLERANCES, Tolerances

__all__ = ["ToTwoHiddenLayers", "TwoHiddenLayers", "two_hidden_layer", "two_layers_of_patterns"]

_MAX_REGIONS = 10_000
_CHUNK_VALUES = 1 << 21
_FEW = 10  # points in the error set by which a share is estimated, at the least
_SAFETY = 4  # standard errors by which the slope is chosen on the safe side


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class TwoHiddenLayers(Rewrite):
    """A network of two hidden layers and finite weights, equal to its source off thin bands.

    Attributes
    ----------
    source
        The network it stands for.
    result
        The network of two hidden layers.
    patterns : (n_patterns, n_neurons) bool
        The patterns it is made of.
    domain
        The box it was made for.
    slope
        ``M``.
    error_share, standard_error
        The share of the domain's volume where the scores differ, and how well it is known.
    thresholds : (n_samples,)
        For each point of another sample the least slope for which it lies in no band, increasing.
    guarantee, certificate
        What is claimed, and what was checked.
    """

    source: ReluNetwork
    network: ReluNetwork
    patterns: BoolArray
    domain: Box
    slope: float
    error_share: float
    standard_error: float
    thresholds: FloatArray
    wanted: float | None = None
    certificate: Certificate = Certificate()

    def __repr__(self) -> str:
        return (
            f"TwoHiddenLayers({self.network!r}, slope {self.slope:.3g}, wrong on "
            f"{self.error_share:.3%} of the domain)"
        )

    @property
    def result(self) -> ReluNetwork:
        """The network of two hidden layers."""
        return self.network

    @property
    def guarantee(self) -> Guarantee:  # type: ignore[override]  # worded from what was measured
        """The share of the domain where the two differ, which is no bound on the error there."""
        return Guarantee(
            Reach.BOUNDED,
            f"Equal to the source but on about {self.error_share:.3%} (standard error "
            f"{self.standard_error:.3%}) of the domain's volume, in bands along the borders of its "
            "regions. There the error may be as large as the scores, for any slope: this bounds a "
            "share of the domain, not the largest error.",
        )

    def share_at(self, slope: float) -> tuple[float, float]:
        """The share of the domain in the bands of another slope, with its standard error."""
        n_samples = self.thresholds.size
        inside = n_samples - int(np.searchsorted(self.thresholds, slope, side="right"))
        return _share(inside, n_samples)

    def __call__(self, X: Any) -> FloatArray:
        """Raw scores of raw rows, in the shape the source gives them."""
        return self.network(X)

    def certified(self, certificate: Certificate) -> "TwoHiddenLayers":
        """The same rewrite with another certificate."""
        return replace(self, certificate=certificate)


@dataclass(frozen=True, slots=True, eq=False)
class ToTwoHiddenLayers(Transformation[TwoHiddenLayers]):
    """Rewrite a network with two hidden layers; see :func:`two_hidden_layer`."""

    domain: Box | RegionSet
    slope: float | None = None
    error_share: float = 0.01
    n_samples: int = 20_000
    max_regions: int = _MAX_REGIONS
    random_state: int | np.random.Generator = 0
    tolerances: Tolerances = DEFAULT_TOLERANCES

    def requires(self, network: ReluNetwork) -> None:
        """The domain fits the network, and the sample is large enough for the share."""
        box = self.domain.domain if isinstance(self.domain, RegionSet) else self.domain
        check_domain(box, network.n_inputs, network.schema)
        if isinstance(self.domain, RegionSet):
            if self.domain.network.fingerprint != network.fingerprint:
                raise ArgumentError("The regions must be those of the model, got another's.")
            if not self.domain.complete:
                raise ArgumentError(
                    f"The regions must be all of a box, got {self.domain!r}: where one is missing "
                    "the result is zero. enumerate_regions without limits finds them all."
                )
        if self.slope is not None and not (np.isfinite(self.slope) and self.slope > 0):
            raise ArgumentError(f"slope must be a positive number, got {self.slope}.")
        if not 0 < self.error_share < 1:
            raise ArgumentError(f"error_share must lie between 0 and 1, got {self.error_share}.")
        if self.n_samples * self.error_share < _FEW:
            least = int(np.ceil(_FEW / self.error_share))
            raise ArgumentError(
                f"A share of {self.error_share:g} needs n_samples of at least {least:,} to be "
                f"estimated, got {self.n_samples:,}."
            )

    def apply(self, network: ReluNetwork) -> TwoHiddenLayers:
        """The network of the patterns of the domain's regions, with its error set measured."""
        regions = self._regions(network)
        patterns, box = unpack(network, regions.patterns), regions.domain
        rng = np.random.default_rng(self.random_state)
        points = box.sample(self.n_samples, rng)
        thresholds = np.sort(band_slopes(network, patterns, points))
        slope = self.slope or self._slope_for(thresholds)
        made = two_layers_of_patterns(network, patterns, slope, box)
        wrong = _differ(network, made, box.sample(self.n_samples, rng), self.tolerances)
        return TwoHiddenLayers(
            source=network,
            network=made,
            patterns=frozen(patterns),
            domain=box,
            slope=float(slope),
            error_share=_share(wrong, self.n_samples)[0],
            standard_error=_share(wrong, self.n_samples)[1],
            thresholds=frozen(thresholds),
            wanted=None if self.slope else self.error_share,
        )

    def ensures(self, rewrite: TwoHiddenLayers) -> Certificate:
        """Equal off the bands; and, where the slope was chosen, on as much as was wanted."""
        points = rewrite.domain.sample(min(self.n_samples, 2000), np.random.default_rng(1))
        off = points[band_slopes(rewrite.source, rewrite.patterns, points) <= rewrite.slope]
        checks = [
            scores_check(
                "scores equal the source's off the bands",
                rewrite.network.forward(off),
                rewrite.source.forward(off),
                term_size=largest_term(rewrite.source, off),
                tolerances=self.tolerances,
                exactness=Exactness.ESTIMATED,
                detail=f"{off.shape[0]} of {points.shape[0]} points drawn from the domain, float64",
            )
        ]
        if rewrite.wanted is not None:
            checks.append(
                Check.at_most(
                    "share of the domain where the scores differ",
                    rewrite.error_share,
                    rewrite.wanted,
                    Exactness.ESTIMATED,
                    f"{self.n_samples} points, standard error {rewrite.standard_error:.2g}",
                )
            )
        return rewrite.source.certificate.plus(checks)

    def _regions(self, network: ReluNetwork) -> RegionSet:
        if isinstance(self.domain, RegionSet):
            return self.domain
        found = enumerate_regions(
            network, self.domain, max_regions=self.max_regions, tolerances=self.tolerances
        )
        if not found.complete:
            raise SizeError(
                f"The domain has more than max_regions={self.max_regions:,} regions, each "
                f"{2 * network.n_outputs} units of the second layer. Take a smaller domain, or "
                "raise max_regions."
            )
        return found

    def _slope_for(self, thresholds: FloatArray) -> float:
        """The slope with the wanted share beyond it, some standard errors on the safe side."""
        n_samples = thresholds.size
        error = np.sqrt(self.error_share * (1 - self.error_share) / n_samples)
        beyond = int(n_samples * max(self.error_share - _SAFETY * error, 0.0))
        slope = float(thresholds[n_samples - 1 - beyond])
        if not np.isfinite(slope):
            raise ArgumentError(
                f"No slope makes the scores differ on at most {self.error_share:g} of the domain: "
                "more of it lies in regions too thin to be listed. Take a wider domain."
            )
        return max(slope, 1.0)


def two_hidden_layer(
    model: Any,
    domain: Box | RegionSet,
    slope: float | None = None,
    *,
    error_share: float = 0.01,
    n_samples: int = 20_000,
    max_regions: int = _MAX_REGIONS,
    random_state: int | np.random.Generator = 0,
    tolerances: Tolerances = DEFAULT_TOLERANCES,
) -> TwoHiddenLayers:
    """A network of two hidden layers that equals a model on all but a small share of a box.

    Parameters
    ----------
    model
        Anything :func:`explainrelu.import_model` takes.
    domain
        The box, or all regions of one.
    slope
        ``M``, how steeply a pattern's formula falls off beyond its region. By default it is chosen
        for ``error_share``, on the safe side by four standard errors of the sample.
    error_share
        The share of the domain's volume on which the scores may differ.
    n_samples
        Points to choose the slope by, and as many others to measure the share with.
    max_regions
        The most regions; more are an error.
    random_state
        Seed or generator of these points.

    Returns
    -------
    TwoHiddenLayers
        ``.result`` is a :class:`ReluNetwork`; ``.slope``, ``.error_share`` with its
        ``.standard_error``; ``.share_at(slope)`` for other slopes.

    Raises
    ------
    SizeError
        For a domain of more than ``max_regions`` regions.
    ArgumentError, InputTypeError
        For a domain that does not fit the model, and a sample too small for the share.

    Notes
    -----
    A bound on the share of the domain, and none on the error: next to a border two neighbours may
    both speak, however large the slope, and the score may be twice the model's. The share falls as
    ``1 / M``. The first layer has up to two units an input and two a distinct form, the second
    ``2 m R`` for ``m`` outputs and ``R`` regions: only patterns that occur are needed, for the
    others fall silent on the domain once ``M`` is large. :func:`explainrelu.max_of_shallow` and
    :func:`explainrelu.convert` are exact.

    References
    ----------
    After Kumar, Serra, Ramalingam 2019, "Equivalent and Approximate Transformations of Deep Neural
    Networks": that such networks exist, and that the patterns of regions suffice.

    Examples
    --------
    >>> weights = [[[1.0], [-1.0]], [[1.0, -1.0]], [[1.0]]]
    >>> network = ReluNetwork.from_weights(weights, [[0.0, 1.0], [0.5], [1.0]])
    >>> flat = two_hidden_layer(network, Box([-2.0], [2.0]))
    >>> len(flat.result.layers), flat.error_share <= 0.01, flat.certificate.holds
    (2, True, True)
    """
    if not isinstance(domain, Box | RegionSet):
        raise InputTypeError(
            f"domain must be a Box or a RegionSet, got {type(domain).__qualname__}."
        )
    rewrite = ToTwoHiddenLayers(
        domain, slope, error_share, n_samples, max_regions, random_state, tolerances
    )
    return rewrite(import_model(model))


def two_layers_of_patterns(
    network: ReluNetwork, patterns: BoolArray, slope: float, domain: Box
) -> ReluNetwork:
    """The network ``F`` of some patterns ``(n_patterns, n_neurons)``, realised or not.

    First layer: ``max(x_k, 0)`` and ``max(-x_k, 0)`` as far as the domain reaches there, then the
    wrong sides of the distinct forms that a pattern asks for. Second: a pair a pattern and output.
    """
    forms = CellForms.of(network, patterns)
    weight, bias = forms.compose()
    # a form with each side that some pattern asks of it
    asked = 2 * forms.indices() + patterns
    used, place = np.unique(asked, return_inverse=True)
    place = place.reshape(asked.shape)
    wrong = np.where(used % 2 == 1, -1.0, 1.0)
    up, down = np.flatnonzero(domain.upper > 0), np.flatnonzero(domain.lower < 0)
    eye = np.eye(network.n_inputs)
    rows = np.vstack([eye[up], -eye[down], wrong[:, None] * weight[used // 2]])
    starts = np.concatenate([np.zeros(up.size + down.size), wrong * bias[used // 2]])
    maps, constants = affine_maps(network, np.packbits(patterns, axis=1))
    flat = maps.reshape(-1, network.n_inputs)
    fall = sparse.csr_array(
        (np.full(place.size, -slope), place.ravel(), np.arange(len(place) + 1) * network.n_neurons),
        shape=(len(place), used.size),
    )[np.repeat(np.arange(len(place)), network.n_outputs)]
    ramp = sparse.csr_array(np.hstack([flat[:, up], -flat[:, down]]))
    second = sparse.vstack([sparse.hstack([ramp, fall]), sparse.hstack([-ramp, fall])])
    levels = constants.ravel()
    sums = np.tile(np.eye(network.n_outputs), patterns.shape[0])
    return ReluNetwork(
        (
            Layer(rows, starts, np.ones(starts.size, np.bool_)),
            Layer(
                sparse.csr_array(second),
                np.append(levels, -levels),
                np.ones(2 * levels.size, np.bool_),
            ),
        ),
        AffineMap(np.hstack([sums, -sums]), np.zeros(network.n_outputs)),
        network.schema,
        network.outputs,
        Origin("two hidden layers of the patterns of a box"),
    )


def band_slopes(network: ReluNetwork, patterns: BoolArray, points: FloatArray) -> FloatArray:
    """The least slope for which each point lies in no band: ``max_p |f_p| / v_p``.

    Infinite for a point in the region of no pattern, and for one on a border with a score.
    ``(n_samples,)``. Cost O(n_samples * n_patterns * n_neurons), in blocks of bounded memory.
    """
    forms = CellForms.of(network, patterns)
    weight, bias = forms.compose()
    maps, constants = affine_maps(network, np.packbits(patterns, axis=1))
    side, index = np.where(patterns, -1.0, 1.0), forms.indices()
    found = np.zeros(points.shape[0])
    for rows in _blocks(points.shape[0], patterns.size + weight.shape[0] + maps.size):
        z = points[rows] @ weight.T + bias
        v = np.maximum(side * z[:, index], 0.0).sum(axis=2)
        scores = np.abs(np.einsum("pki,ni->npk", maps, points[rows]) + constants).max(axis=2)
        at_home = v == 0
        with np.errstate(divide="ignore", invalid="ignore"):
            least = np.where(scores > 0, scores / v, 0.0)
        # one pattern is at home; a second one on a border doubles the score
        least[at_home] = 0.0
        worst = least.max(axis=1, initial=0.0)
        lost = (at_home.sum(axis=1) != 1) & (np.abs(scores).max(axis=1, initial=0.0) > 0)
        found[rows] = np.where(lost, np.inf, worst)
    return found


def _differ(
    network: ReluNetwork, made: ReluNetwork, points: FloatArray, tolerances: Tolerances
) -> int:
    """At how many points the scores differ by more than rounding."""
    own = network.forward(points)
    largest = float(np.abs(own).max(initial=0.0))
    slack = tolerances.rounding * largest_term(network, points)
    wrong = np.abs(made.forward(points) - own) > max(tolerances.agreement * largest, slack)
    return int(wrong.any(axis=1).sum())


def _share(n_wrong: int, n_samples: int) -> tuple[float, float]:
    """A share and its standard error, that of one point where there is none."""
    share = n_wrong / n_samples
    floor = max(share, 1 / n_samples)
    return share, float(np.sqrt(floor * (1 - min(share, 1 - 1 / n_samples)) / n_samples))


def _blocks(n_samples: int, row_values: int) -> Iterator[slice]:
    step = max(1, _CHUNK_VALUES // max(1, row_values))
    for start in range(0, n_samples, step):
        yield slice(start, min(start + step, n_samples))
