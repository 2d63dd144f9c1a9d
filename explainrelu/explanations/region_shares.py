"""How much of the data, or of a box, each linear region holds."""

from dataclasses import dataclass

import numpy as np

from explainrelu.arrays import FloatArray, frozen
from explainrelu.certificate import Exactness
from explainrelu.regions.region_set import RegionSet
from explainrelu.tolerances import DEFAULT_TOLERANCES, Tolerances

__all__ = ["RegionShares", "row_shares", "volume_shares"]


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
    They are those of :meth:`RegionSet.volumes`, which says what they cost. Where the regions are
    not all of the domain the shares add up to less than one.

    Examples
    --------
    >>> from explainrelu.geometry.box import Box
    >>> from explainrelu.network.network import ReluNetwork
    >>> from explainrelu.regions.enumeration import enumerate_regions
    >>> network = ReluNetwork.from_weights([[[1.0]], [[2.0]]], [[0.0], [1.0]])
    >>> sorted(volume_shares(enumerate_regions(network, Box([-1.0], [3.0]))).values.tolist())
    [0.25, 0.75]
    """
    found = regions.volumes(tolerances=tolerances)
    return RegionShares(found.share, "volume", found.exactness)
