"""How much of the data, or of a box, each linear region holds."""

from dataclasses import dataclass

import numpy as np

from explainrelu.arrays import FloatArray, frozen
from explainrelu.certificate import Exactness
from explainrelu.geometry.volumes import EXACT_INPUTS, volumes
from explainrelu.network.network import AffineMap
from explainrelu.network.patterns import forms_of_many, unpack
from explainrelu.regions.region_set import RegionSet
from explainrelu.tolerances import DEFAULT_TOLERANCES, Tolerances

__all__ = ["RegionShares", "row_shares", "volume_shares"]

_CHUNK_VALUES = 1 << 20
_SAMPLES = 100_000


@dataclass(frozen=True, slots=True, eq=False)
class RegionShares:
    """The share of each region.

    Attributes
    ----------
    values : (n_regions,)
        They add up to at most one.
    of
        Of what: ``rows``, or ``volume``.
    exactness
        ``exact``, or ``estimated`` from points drawn from the box.
    """

    values: FloatArray
    of: str
    exactness: Exactness

    def __post_init__(self) -> None:
        object.__setattr__(self, "values", frozen(np.array(self.values, dtype=np.float64)))

    @property
    def words(self) -> str:
        """``rows``, ``volume`` or ``volume, estimated``."""
        return self.of if self.exactness is Exactness.EXACT else f"{self.of}, {self.exactness}"

    def taken(self, positions: "np.ndarray[tuple[int], np.dtype[np.int64]]") -> "RegionShares":
        """Those of some regions, in the order given."""
        return RegionShares(self.values[positions], self.of, self.exactness)


def row_shares(regions: RegionSet) -> RegionShares:
    """The share of the rows in each region, zero where there are no rows."""
    return RegionShares(regions.share, "rows", Exactness.EXACT)


def volume_shares(
    regions: RegionSet, *, tolerances: Tolerances = DEFAULT_TOLERANCES
) -> RegionShares:
    """The share of the domain's volume in each region, relative to its free inputs.

    Returns
    -------
    RegionShares
        Exact up to six free inputs. Above, the share of points drawn evenly from the domain,
        always the same 100,000, so that the standard error of a share is at most 0.0016.

    Notes
    -----
    Where the regions are not all of the domain the shares add up to less than one. Cost: of the
    order of 0.1 ms a region with four free inputs and 2 ms with six, or one forward pass above.

    Examples
    --------
    >>> from explainrelu.geometry.box import Box
    >>> from explainrelu.network.network import ReluNetwork
    >>> from explainrelu.regions.enumeration import enumerate_regions
    >>> network = ReluNetwork.from_weights([[[1.0]], [[2.0]]], [[0.0], [1.0]])
    >>> sorted(volume_shares(enumerate_regions(network, Box([-1.0], [3.0]))).values.tolist())
    [0.25, 0.75]
    """
    domain = regions.domain
    free = ~domain.fixed
    if free.sum() > EXACT_INPUTS:
        points = domain.sample(_SAMPLES, np.random.default_rng(0))
        place = regions.locate_points(points, tolerances=tolerances)
        hits = np.bincount(place[place >= 0], minlength=len(regions))
        return RegionShares(hits / _SAMPLES, "volume", Exactness.ESTIMATED)
    network, n_inputs = regions.network, regions.network.n_inputs
    inputs = AffineMap(np.eye(n_inputs), np.zeros(n_inputs))
    found = np.zeros(len(regions))
    step = max(1, _CHUNK_VALUES // max(1, network.n_neurons * (n_inputs + 1)))
    for start in range(0, len(regions), step):
        part = slice(start, min(start + step, len(regions)))
        patterns = regions.patterns[part]
        forms = forms_of_many(network, patterns, inputs)
        forms = forms * np.where(unpack(network, patterns), -1.0, 1.0)[:, :, None]
        found[part] = volumes(
            forms[:, :, :-1],
            -forms[:, :, -1],
            domain,
            near=regions.witnesses[part],
            tolerances=tolerances,
        )
    whole = float(np.prod(2.0 * domain.half_width[free]))
    return RegionShares(found / whole, "volume", Exactness.EXACT)
