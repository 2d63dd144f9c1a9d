"""From a trained model to its transparent three-layer equivalent."""

from dataclasses import dataclass
from typing import Any

from explainrelu.arrays import FloatArray
from explainrelu.certificate import Certificate
from explainrelu.errors import ArgumentError
from explainrelu.geometry.box import Box
from explainrelu.importers.import_model import import_model
from explainrelu.network.network import ReluNetwork
from explainrelu.regions.observed import check_domain, regions_of_points
from explainrelu.rewrites.rewrite import Transformation
from explainrelu.rewrites.three_layer.certificate import certify_three_layers
from explainrelu.rewrites.three_layer.network import ThreeLayerNetwork
from explainrelu.tolerances import DEFAULT_TOLERANCES, Tolerances

__all__ = ["ToThreeLayers", "convert"]


@dataclass(frozen=True, slots=True, eq=False)
class ToThreeLayers(Transformation[ThreeLayerNetwork]):
    """Rewrite a network over the cells that some points visit.

    Attributes
    ----------
    points : (n_samples, n_inputs)
        Encoded rows.
    domain
        The box the cells are read in; the smallest around the rows by default.
    """

    points: FloatArray
    domain: Box | None = None
    tolerances: Tolerances = DEFAULT_TOLERANCES

    def requires(self, network: ReluNetwork) -> None:
        """The rows, and the domain where one is given, have the network's inputs."""
        n_inputs = self.points.shape[1]
        if n_inputs != network.n_inputs:
            raise ArgumentError(
                f"The rows must have the network's {network.n_inputs} inputs, got {n_inputs}."
            )
        if self.domain is not None:
            check_domain(self.domain, network.n_inputs)

    def apply(self, network: ReluNetwork) -> ThreeLayerNetwork:
        """The three-layer network of the cells the points visit."""
        return ThreeLayerNetwork(
            network, regions_of_points(network, self.points, domain=self.domain)
        )

    def ensures(self, rewrite: ThreeLayerNetwork) -> Certificate:
        """Equal on the rows, at interior points, and in exact rationals on boundaries."""
        own = certify_three_layers(rewrite.regions, self.points, self.tolerances)
        return rewrite.source.certificate.plus(own.checks)


def convert(
    model: Any,
    X: Any = None,
    *,
    domain: Box | None = None,
    tolerances: Tolerances = DEFAULT_TOLERANCES,
) -> ThreeLayerNetwork:
    """The transparent three-layer equivalent of a model, over the regions its data visits.

    Parameters
    ----------
    model
        Anything :func:`explainrelu.import_model` takes.
    X : (n_samples, n_columns)
        Raw rows; the regions they lie in become the cells of the result.
    domain
        The box the regions are read in; the smallest around the rows by default.

    Returns
    -------
    ThreeLayerNetwork
        Equal to the model everywhere on the listed cells; ``.certificate`` says what was
        checked, ``.extend(X)`` lists further cells.

    Raises
    ------
    ModelError, DataError
        Where the model or the rows cannot be taken in.
    ArgumentError, InputTypeError
        Without rows, or for a domain that is no box of the model's inputs.

    Notes
    -----
    Cost: one forward pass, and a certificate of a few linear programs and exact compositions.

    References
    ----------
    Villani and Schoots 2023, "Any Deep ReLU Network is Shallow".

    Examples
    --------
    >>> network = ReluNetwork.from_weights([[[1.0], [-1.0]], [[1.0, 2.0]]], [[0.0, 0.0], [0.0]])
    >>> shallow = convert(network, [[-1.0], [3.0]])
    >>> shallow.n_cells, shallow.certificate.holds
    (2, True)
    """
    network = import_model(model, X, tolerances=tolerances)
    if X is None:
        raise ArgumentError(
            "convert needs rows whose regions to list: convert(model, X), with X a table of the "
            "model's raw columns."
        )
    points = network.schema.encode(X)
    return ToThreeLayers(points, domain, tolerances)(network)
