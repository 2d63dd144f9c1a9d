"""From a trained model to its transparent three-layer equivalent."""

from dataclasses import dataclass
from typing import Any

from explainrelu.arrays import FloatArray
from explainrelu.certificate import Certificate
from explainrelu.errors import ArgumentError, SizeError
from explainrelu.geometry.box import Box
from explainrelu.importers.import_model import import_model
from explainrelu.network.network import ReluNetwork
from explainrelu.regions.enumeration import enumerate_regions
from explainrelu.regions.observed import check_domain, regions_of_points
from explainrelu.rewrites.rewrite import Transformation
from explainrelu.rewrites.three_layer.certificate import certify_box_cells, certify_three_layers
from explainrelu.rewrites.three_layer.generic_point import generic_point
from explainrelu.rewrites.three_layer.network import ThreeLayerNetwork
from explainrelu.tolerances import DEFAULT_TOLERANCES, Tolerances

__all__ = ["ToThreeLayers", "ToThreeLayersOfBox", "convert"]

_MOST = 2_000_000  # numbers in the forms of one cell


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


@dataclass(frozen=True, slots=True, eq=False)
class ToThreeLayersOfBox(Transformation[ThreeLayerNetwork]):
    """Rewrite a network over every full-dimensional region of a box.

    Attributes
    ----------
    domain
        The box.
    max_regions, time_limit, n_jobs
        Limits and processes of the search; see :func:`enumerate_regions`.
    """

    domain: Box
    max_regions: int | None = None
    time_limit: float | None = None
    n_jobs: int | None = 1
    tolerances: Tolerances = DEFAULT_TOLERANCES

    def requires(self, network: ReluNetwork) -> None:
        """The domain is a box of the network's inputs, and holds a level where there are levels."""
        check_domain(self.domain, network.n_inputs, network.schema)

    def apply(self, network: ReluNetwork) -> ThreeLayerNetwork:
        """The three-layer network of the regions found, half-open by a point of the box."""
        regions = enumerate_regions(
            network,
            self.domain,
            max_regions=self.max_regions,
            time_limit=self.time_limit,
            n_jobs=self.n_jobs,
            tolerances=self.tolerances,
        )
        point = generic_point(regions, self.tolerances)
        return ThreeLayerNetwork(network, regions, generic_point=point)

    def ensures(self, rewrite: ThreeLayerNetwork) -> Certificate:
        """Equal all over the box, in float64 and in exact rationals on boundaries and walls."""
        point = rewrite.generic_point
        if point is None:
            raise ArgumentError("The cells of a box must be half-open by a point, got none.")
        own = certify_box_cells(rewrite.regions, point, self.tolerances)
        return rewrite.source.certificate.plus(own.checks)


def convert(
    model: Any,
    X: Any = None,
    *,
    domain: Box | None = None,
    max_regions: int | None = None,
    time_limit: float | None = None,
    n_jobs: int | None = 1,
    tolerances: Tolerances = DEFAULT_TOLERANCES,
) -> ThreeLayerNetwork:
    """The transparent three-layer equivalent of a model: where its data lies, or on a whole box.

    Parameters
    ----------
    model
        Anything :func:`explainrelu.import_model` takes.
    X : (n_samples, n_columns)
        Raw rows; the regions they lie in become the cells of the result.
    domain
        With rows the box the regions are read in; the smallest around them by default. Without
        rows every full-dimensional region of this box, over the encoded inputs, becomes a cell.
    max_regions, time_limit, n_jobs
        Limits and processes of the search for every region of a box; see
        :func:`enumerate_regions`. Not to be given with rows.

    Returns
    -------
    ThreeLayerNetwork
        Equal to the model everywhere on the listed cells; ``.certificate`` says what was
        checked. Of rows: ``.extend(X)`` lists further cells. Of a box: at every point of it, its
        faces included, exactly one cell speaks; where a limit ended the search ``.complete`` is
        False, ``.regions.stopped`` says why, and the certificate leaves the rest undecided.

    Raises
    ------
    ModelError, DataError
        Where the model or the rows cannot be taken in.
    ArgumentError, InputTypeError
        Without rows and domain, for a domain that is no box of the model's inputs, and for limits
        of a search where there is none.
    SizeError
        For a network of more than 2,000,000 neurons times inputs.

    Notes
    -----
    Exact. The cells of rows are half-open by their pattern: a unit is inactive where it is zero.
    Those of a box are half-open by a point ``c`` of it, which no border meets: a border belongs to
    the cell on the side of ``c``, so that cells without interior are not needed. Regions thinner
    than ``tolerances.inradius`` are left out and counted; their points are read off a neighbour.

    Cost: one forward pass, and a certificate of a few linear programs and exact compositions; of
    a box that of :func:`enumerate_regions`, and composing every form.

    References
    ----------
    Villani and Schoots 2023, "Any Deep ReLU Network is Shallow".

    Examples
    --------
    >>> network = ReluNetwork.from_weights([[[1.0], [-1.0]], [[1.0, 2.0]]], [[0.0, 0.0], [0.0]])
    >>> shallow = convert(network, [[-1.0], [3.0]])
    >>> shallow.n_cells, shallow.certificate.holds
    (2, True)
    >>> whole = convert(network, domain=Box([-1.0], [3.0]))
    >>> whole.n_cells, whole.complete, whole([[0.0], [3.0]]).tolist()
    (2, True, [0.0, 3.0])
    """
    network = import_model(model, X, tolerances=tolerances)
    _check_size(network)
    if X is not None:
        if max_regions is not None or time_limit is not None:
            raise ArgumentError(
                "max_regions and time_limit end the search for every region of a domain, got rows, "
                "whose regions need no search. Leave out the rows, or the limits."
            )
        points = network.schema.encode(X)
        return ToThreeLayers(points, domain, tolerances)(network)
    if domain is None:
        raise ArgumentError(
            "convert needs rows whose regions to list: convert(model, X), with X a table of the "
            "model's raw columns; or a box whose regions to list: convert(model, domain=Box(lower, "
            "upper))."
        )
    return ToThreeLayersOfBox(domain, max_regions, time_limit, n_jobs, tolerances)(network)


def _check_size(network: ReluNetwork) -> None:
    """Each cell writes every neuron as a form in all inputs: there is a limit to that."""
    size = network.n_neurons * network.n_inputs
    if size > _MOST:
        raise SizeError(
            f"A network to convert must have at most {_MOST:,} neurons times inputs, got "
            f"{network.n_neurons:,} times {network.n_inputs:,}: each cell of the three-layer form "
            "writes every neuron as a form in all inputs. observed_regions and explain work on "
            "such a network as it is."
        )
