"""The transparent three-layer network of a list of cells.

Legend (the construction of Villani and Schoots, made exact on boundaries): ``g_k`` are the
distinct affine forms of the cells, ``A_r x + c_r`` the network's formula on cell ``r``.

    layer 1   max(0, x), max(0, -x)  and  u_k = max(0, g_k(x))
    layer 2   the same carried on    and  t_k = max(0, 1 - inf * u_k): 1 where g_k <= 0, else 0
    layer 3   max(0, +-(A_r x + c_r) - inf * [sum of u_k over units inactive in r
                                             + sum of t_k over units active in r])
    output    for each score the plus neurons less the minus neurons, summed over the cells

A cell is half-open, ``z > 0`` on its active and ``z <= 0`` on its inactive units, so every point
lies in exactly one and only that cell's neurons speak. The cells of a box are half-open by a point
of it instead (:mod:`explainrelu.rewrites.three_layer.generic_point`), which needs no cells without
interior: a form may then be written as ``-g_k``, and a cell asks ``-g_k <= 0`` or ``-g_k > 0``.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from fractions import Fraction
from math import isfinite
from numbers import Real
from typing import Any

import numpy as np
import numpy.typing as npt

from explainrelu.arrays import FloatArray, frozen_floats
from explainrelu.certificate import Certificate
from explainrelu.errors import ArgumentError, DataError, UnlistedRegionError
from explainrelu.network.exact import ExactArray
from explainrelu.network.network import ReluNetwork
from explainrelu.regions.observed import regions_of_points
from explainrelu.regions.region_set import RegionSet
from explainrelu.rewrites.rewrite import Guarantee, Reach, Rewrite
from explainrelu.rewrites.three_layer.certificate import certify_three_layers
from explainrelu.rewrites.three_layer.evaluation import (
    Evaluation,
    ExactEvaluation,
    by_lookup,
    exactly,
    literally,
)
from explainrelu.rewrites.three_layer.forms import CellForms
from explainrelu.rewrites.three_layer.generic_point import cell_forms
from explainrelu.rewrites.three_layer.weights import ExtendedLayer, extended_layer
from explainrelu.rewrites.three_layer.words import describe_neuron
from explainrelu.tolerances import DEFAULT_TOLERANCES, Tolerances

__all__ = ["ThreeLayerNetwork"]

_LISTED = Guarantee(
    Reach.LISTED,
    "equal to the source at every point of the listed cells, boundaries included; a point in no "
    "listed cell is reported as such",
)
_DOMAIN = Guarantee(
    Reach.DOMAIN,
    "equal to the source at every point of the box, its faces included: exactly one cell speaks "
    "there",
)


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class ThreeLayerNetwork(Rewrite):
    """An equal network of three hidden layers in which every weight has a meaning.

    Calling it on raw rows gives the raw score. Cells are looked up by activation pattern,
    which equals the weights taken literally (:meth:`evaluate_literal`) wherever no unit is
    within tolerance of its zero set.

    Attributes
    ----------
    source
        The network it equals.
    regions
        The listed cells.
    certificate
        What was checked.
    generic_point : (n_inputs,), optional
        A point of ``regions.domain`` by which the cells are half-open: a border belongs to the
        cell on its side. Without it a border belongs to the cell that is inactive there.
    guarantee
        What holds by construction.

    Notes
    -----
    Exact everywhere on the listed cells; on the whole box where they are all the regions of one.
    Sizes: ``2 n + K``, ``2 n + 2 K`` and ``2 m R`` neurons
    for ``n`` inputs, ``K`` distinct forms, ``m`` outputs and ``R`` cells. A call costs one
    forward pass of the source and one affine map for each cell met.

    References
    ----------
    Villani and Schoots 2023, "Any Deep ReLU Network is Shallow", theorem 2.

    Examples
    --------
    >>> from explainrelu.rewrites.convert import convert
    >>> network = ReluNetwork.from_weights([[[1.0]], [[2.0]]], [[0.0], [1.0]])
    >>> shallow = convert(network, [[-1.0], [3.0]])
    >>> shallow([[3.0]]), shallow.sizes
    (array([7.]), (3, 4, 4))
    """

    source: ReluNetwork
    regions: RegionSet
    certificate: Certificate = Certificate()
    generic_point: FloatArray | None = None
    guarantee: Guarantee = field(init=False)

    def __post_init__(self) -> None:
        if self.generic_point is not None:
            point = frozen_floats(self.generic_point, 1, "generic_point")
            if point.shape != (self.source.n_inputs,):
                raise ArgumentError(
                    f"generic_point must have {self.source.n_inputs} values, one an input, got "
                    f"{point.size}."
                )
            object.__setattr__(self, "generic_point", point)
        object.__setattr__(self, "guarantee", _DOMAIN if self.complete else _LISTED)

    def __repr__(self) -> str:
        state = f"certificate {self.certificate.status}"
        state = state if self.certificate.checks else "not certified"
        cells = f"{self.n_cells} cells" + (", all of a box," if self.complete else "")
        return f"ThreeLayerNetwork({cells} of {self.source!r}, {state})"

    @property
    def result(self) -> "ThreeLayerNetwork":
        """The equal network: the record itself."""
        return self

    @property
    def n_cells(self) -> int:
        """Listed cells."""
        return len(self.regions)

    @property
    def complete(self) -> bool:
        """Whether the cells are all of a box, so that every point of it lies in one."""
        return self.regions.complete and self.generic_point is not None

    @property
    def forms(self) -> CellForms:
        """The distinct affine forms of the cells."""
        return cell_forms(self.regions, self.generic_point)

    @property
    def sizes(self) -> tuple[int, int, int]:
        """Neurons of the three hidden layers."""
        n_inputs, n_forms = self.source.n_inputs, cell_forms(self.regions, None).n_forms
        outputs = 2 * self.source.n_outputs * self.n_cells
        return 2 * n_inputs + n_forms, 2 * n_inputs + 2 * n_forms, outputs

    def __call__(self, X: Any) -> FloatArray:
        """Raw scores of raw rows.

        Raises
        ------
        UnlistedRegionError
            Where a row lies in no listed cell. :meth:`evaluate` flags such rows instead,
            :meth:`extend` lists their cells.
        """
        found = self.evaluate(X)
        missing = np.flatnonzero(~found.listed)
        if missing.size:
            remedy = (
                "Use shallow.extend(X) to list their cells"
                if self.generic_point is None
                else "Convert again with a wider domain and no limits"
            )
            raise UnlistedRegionError(
                f"Every row must lie in one of the {self.n_cells} listed cells; {missing.size} of "
                f"{found.cells.size} do not, the first being row {missing[0]}. {remedy}, or "
                "shallow.evaluate(X) to flag them."
            )
        return found.scores[:, 0] if self.source.n_outputs == 1 else found.scores

    def evaluate(self, X: Any, *, tolerances: Tolerances = DEFAULT_TOLERANCES) -> Evaluation:
        """Scores of raw rows by looking their cell up; rows in no listed cell are flagged."""
        points = self.source.schema.encode(X)
        return by_lookup(self.regions, points, tolerances, self.generic_point)

    def evaluate_literal(
        self, X: Any, *, tolerances: Tolerances = DEFAULT_TOLERANCES
    ) -> Evaluation:
        """Scores of raw rows by the weights taken literally, in float64.

        Within rounding of a boundary a point may fire no cell; it is flagged as ambiguous and
        has NaN, and :meth:`evaluate` decides it. Needs the weights of layer 3 in memory.
        """
        return literally(self.regions, self.forms, self.source.schema.encode(X), tolerances)

    def evaluate_exact(
        self, points: Sequence[Sequence[Fraction | int | float]]
    ) -> list[ExactEvaluation]:
        """The weights taken literally in exact rational arithmetic, boundaries included.

        Parameters
        ----------
        points : (n_points, n_inputs)
            Encoded points; a float is taken as the fraction it is.

        Raises
        ------
        DataError
            For a point of another number of inputs, and for a value that is no finite number.

        Notes
        -----
        Every form is composed without rounding and every neuron evaluated by the rules of the
        extended reals, at a cost of one fraction product a non-zero weight and point. Take a
        few cells by :meth:`restrict` first where there are many.
        """
        n_inputs = self.source.n_inputs
        return exactly(self.forms, [_exact(point, i, n_inputs) for i, point in enumerate(points)])

    def layer(self, number: int) -> ExtendedLayer:
        """The weights of layer 1, 2, 3 or of the output map, 4.

        Raises
        ------
        SizeError
            Where they would not fit in memory, with the count.
        """
        return extended_layer(self.forms, number)

    def describe(self, layer: int, neuron: int) -> str:
        """What one neuron is, in words and in raw columns.

        Examples
        --------
        >>> from explainrelu.rewrites.convert import convert
        >>> network = ReluNetwork.from_weights([[[1.0]], [[2.0]]], [[0.5], [1.0]])
        >>> convert(network, [[3.0]]).describe(1, 2)
        'max(0, 0.5 + x0): unit 0 of layer 1 of the source, in every cell'
        """
        return describe_neuron(self.forms, self.regions, layer, neuron)

    def restrict(self, cells: npt.ArrayLike) -> "ThreeLayerNetwork":
        """The network of some of the cells only, in the order given; not certified anew.

        ``cells`` are positions, or one flag a cell; see :meth:`RegionSet.chosen`.
        """
        chosen = self.regions.chosen(cells)
        return ThreeLayerNetwork(self.source, chosen, generic_point=self.generic_point)

    def extend(self, X: Any, *, tolerances: Tolerances = DEFAULT_TOLERANCES) -> "ThreeLayerNetwork":
        """A new network that lists the cells of these raw rows too.

        Certified anew, on these rows and the example row of each cell that was listed before; the
        checks of the import stay. The counts of the cells add up: rows handed over again are
        counted again, so hand over new ones only where counts and shares matter.

        Raises
        ------
        ArgumentError
            For cells that are half-open by a point of a box: they go no further than the box.
        """
        if self.generic_point is not None:
            raise ArgumentError(
                "Cells of rows are added to cells of rows only, got the cells of a box. Write "
                "convert(model, domain=box) with a wider box or no limits for more of them, or "
                "convert(model, X) for the cells of the rows."
            )
        points = self.source.schema.encode(X)
        regions = self.regions.joined(regions_of_points(self.source, points))
        checked = np.vstack([points, self.regions.witnesses])
        own = certify_three_layers(regions, checked, tolerances)
        return ThreeLayerNetwork(self.source, regions, self.source.certificate.plus(own.checks))

    def certified(self, certificate: Certificate) -> "ThreeLayerNetwork":
        """The same network with another certificate."""
        return replace(self, certificate=certificate)


def _exact(point: Any, i: int, n_inputs: int) -> ExactArray:
    """Point ``i`` in fractions."""
    point = point.tolist() if hasattr(point, "tolist") else point  # arrays of any library
    values = list(point) if isinstance(point, Iterable) else []
    if len(values) != n_inputs:
        got = len(values) if isinstance(point, Iterable) else repr(point)
        raise DataError(
            f"A point must have {n_inputs} values, one an input, got {got} in point {i}. "
            "schema.encode(X) makes points of raw rows."
        )
    for value in values:
        if not isinstance(value, Real) or not isfinite(value):
            raise DataError(
                f"A point must hold finite numbers or fractions, got {value!r} in point {i}."
            )
    return ExactArray.of(values)
