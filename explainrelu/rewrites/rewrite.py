"""What every rewrite is: a source, an equal result, a guarantee and a certificate."""

from abc import ABC, abstractmethod
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, Generic, TypeVar

from explainrelu.arrays import FloatArray
from explainrelu.certificate import Certificate
from explainrelu.network.network import ReluNetwork

__all__ = ["Guarantee", "Reach", "Rewrite", "Transformation"]


class Reach(StrEnum):
    """How far the equality of source and result goes."""

    EVERYWHERE = "exact everywhere"
    LISTED = "exact on the listed regions"
    DOMAIN = "exact on a domain"
    BOUNDED = "within a stated bound"


@dataclass(frozen=True, slots=True)
class Guarantee:
    """What holds between source and result.

    Attributes
    ----------
    reach
        Everywhere, on listed regions, on a domain, or within a bound.
    statement
        The guarantee in words, with its domain.
    """

    reach: Reach
    statement: str


class Rewrite(ABC):
    """An equal network of another shape.

    Calling a rewrite on raw rows gives the raw score, as calling its source does.
    """

    __slots__ = ()

    source: ReluNetwork
    guarantee: Guarantee
    certificate: Certificate

    @property
    @abstractmethod
    def result(self) -> Any:
        """The equal network; ``rewrite(X) == rewrite.result(X)``."""

    @abstractmethod
    def __call__(self, X: Any) -> FloatArray:
        """Raw scores of raw rows, in the shape the source gives them."""

    @abstractmethod
    def certified(self, certificate: Certificate) -> "Rewrite":
        """The same rewrite with another certificate."""


_R = TypeVar("_R", bound=Rewrite)


class Transformation(ABC, Generic[_R]):
    """A way to rewrite networks: ``requires``, then ``apply``, then ``ensures``.

    Calling it runs the three in order and never changes the source.
    """

    __slots__ = ()

    @abstractmethod
    def requires(self, network: ReluNetwork) -> None:
        """Raise an explainrelu error where the network cannot be rewritten this way."""

    @abstractmethod
    def apply(self, network: ReluNetwork) -> _R:
        """The rewrite, not yet certified."""

    @abstractmethod
    def ensures(self, rewrite: _R) -> Certificate:
        """What was checked of the guarantee."""

    def __call__(self, network: ReluNetwork) -> _R:
        """The certified rewrite of a network."""
        self.requires(network)
        rewrite = self.apply(network)
        return rewrite.certified(self.ensures(rewrite))  # type: ignore[return-value]  # certified keeps the class
