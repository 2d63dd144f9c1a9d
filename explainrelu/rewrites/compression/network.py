"""The record of a compression: a smaller network that is equal on a domain."""

from dataclasses import dataclass, field, replace
from typing import Any

import pandas as pd

from explainrelu.arrays import FloatArray
from explainrelu.certificate import Certificate
from explainrelu.geometry.box import Box
from explainrelu.network.bounds import Bounds
from explainrelu.network.network import ReluNetwork
from explainrelu.rewrites.compression.reduction import Kept, SettledLayer
from explainrelu.rewrites.rewrite import Guarantee, Reach, Rewrite

__all__ = ["CompressedNetwork"]


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class CompressedNetwork(Rewrite):
    """A network with fewer units that gives the source's scores all over a box.

    Attributes
    ----------
    source
        The network it equals.
    network
        The smaller one, an ordinary :class:`ReluNetwork`; also called ``result``.
    domain
        The box.
    levels
        Whether the two are equal on the rows of the box only (columns with levels standing at
        one), or on every point of it.
    removed : DataFrame
        One row a unit that is gone, ``layer`` and ``neuron`` counted from 1 in the source:
        ``layer neuron reason proven_by``.
    stability : DataFrame
        What is known of every neuron of the source; see :func:`explainrelu.stability`.
    kept
        For each layer of the result where its units come from, counted from 0.
    settled, bounds
        What is proven of each layer of the source: its settled units, and its preactivations'
        bounds.
    certificate
        What was checked.
    guarantee
        What holds by construction.
    """

    source: ReluNetwork
    network: ReluNetwork
    domain: Box
    levels: bool
    removed: pd.DataFrame
    stability: pd.DataFrame
    kept: tuple[Kept, ...]
    settled: tuple[SettledLayer, ...]
    bounds: Bounds
    certificate: Certificate = Certificate()
    guarantee: Guarantee = field(init=False)

    def __post_init__(self) -> None:
        where = "every row" if self.levels else "every point"
        statement = (
            f"equal to the source at {where} of the box it was compressed on; outside of it the "
            "two may differ"
        )
        object.__setattr__(self, "guarantee", Guarantee(Reach.DOMAIN, statement))

    def __repr__(self) -> str:
        units = f"{sum(self.source.widths)} units to {sum(self.network.widths)}"
        return f"CompressedNetwork({units}, certificate {self.certificate.status})"

    @property
    def result(self) -> ReluNetwork:
        """The smaller network."""
        return self.network

    def __call__(self, X: Any) -> FloatArray:
        """Raw scores of raw rows by the smaller network, in the shape the source gives them."""
        return self.network(X)

    def certified(self, certificate: Certificate) -> "CompressedNetwork":
        """The same compression with another certificate."""
        return replace(self, certificate=certificate)
