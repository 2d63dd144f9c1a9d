"""The canonical form of a network: the same function, its units cleaned, of length 1 and sorted.

Legend: a unit's incoming weights are ``w``, its bias ``b``. For a positive diagonal matrix ``M_l``
and a permutation ``P_l`` of each hidden layer, ``M_0 = P_0 = I``, the networks with

    W'_l = M_l P_l W_l P_{l-1}^-1 M_{l-1}^-1,    b'_l = M_l P_l b_l

are all the same function; their canonical forms are equal.
"""

from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
import pandas as pd

from explainrelu.arrays import FloatArray
from explainrelu.certificate import Certificate, Check, Exactness
from explainrelu.network.exact import ExactArray, exact_scores
from explainrelu.network.network import AffineMap, Layer, ReluNetwork
from explainrelu.rewrites.network_of import network_of
from explainrelu.rewrites.rewrite import Guarantee, Reach, Rewrite, Transformation
from explainrelu.rewrites.score_check import largest_term, scores_check
from explainrelu.rewrites.unit_cleaning import Chain, Change
from explainrelu.tolerances import DEFAULT_TOLERANCES, Tolerances

__all__ = ["CanonicalForm", "ToCanonicalForm", "canonical_form"]

_EVERYWHERE = Guarantee(
    Reach.EVERYWHERE,
    "equal to the source at every point of R^d, up to the rounding of weights that are rescaled "
    "and summed in float64",
)
_N_POINTS = 500
_EXACT_PRODUCTS = 60_000  # products of fractions: about 0.1 s


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class CanonicalForm(Rewrite):
    """A network and its canonical form.

    Attributes
    ----------
    source
        The network as it was.
    result
        The same function with cleaned, rescaled and sorted units.
    changes
        The units of the source that the result does without; :meth:`to_frame` shows them.
    certificate
        What was checked.
    """

    source: ReluNetwork
    result: ReluNetwork
    changes: tuple[Change, ...] = ()
    certificate: Certificate = Certificate()
    guarantee: Guarantee = field(default=_EVERYWHERE, init=False)

    def __repr__(self) -> str:
        state = f"certificate {self.certificate.status}"
        return f"CanonicalForm({self.result!r} for {self.source!r}, {state})"

    def __call__(self, X: Any) -> FloatArray:
        """Raw scores of raw rows."""
        return self.result(X)

    def certified(self, certificate: Certificate) -> "CanonicalForm":
        """The same rewrite with another certificate."""
        return replace(self, certificate=certificate)

    def to_frame(self) -> pd.DataFrame:
        """One row a unit of the source that was left out: ``layer neuron change``."""
        rows = sorted((c.layer, c.neuron, c.change) for c in self.changes)
        return pd.DataFrame(
            {
                "layer": pd.Series([row[0] for row in rows], dtype="int64"),
                "neuron": pd.Series([row[1] for row in rows], dtype="int64"),
                "change": pd.Series([row[2] for row in rows], dtype="str"),
            }
        )


@dataclass(frozen=True, slots=True, eq=False)
class ToCanonicalForm(Transformation[CanonicalForm]):
    """Rewrite a network as its canonical form."""

    random_state: int | np.random.Generator = 0
    tolerances: Tolerances = DEFAULT_TOLERANCES

    def requires(self, network: ReluNetwork) -> None:
        """Any network of the normal form will do."""

    def apply(self, network: ReluNetwork) -> CanonicalForm:
        """Clean, then scale, then sort."""
        chain = Chain.of(network, self.tolerances)
        chain.clean()
        if all(layer.bias.size for layer in chain.hidden):
            chain.scale()
            chain.sort()
        return CanonicalForm(network, _network(network, chain), tuple(chain.changes))

    def ensures(self, rewrite: CanonicalForm) -> Certificate:
        """Equal scores at drawn points, in float64 and, where that is cheap, in fractions."""
        points = _points(rewrite.source, np.random.default_rng(self.random_state))
        checks = [_same_scores(rewrite, points, self.tolerances)]
        n_exact = _EXACT_PRODUCTS // max(1, _n_weights(rewrite.source))
        if n_exact:
            checks.append(_same_in_fractions(rewrite, points[: min(n_exact, 20)], self.tolerances))
        return rewrite.source.certificate.plus(checks)


def canonical_form(
    model: Any,
    *,
    random_state: int | np.random.Generator = 0,
    tolerances: Tolerances = DEFAULT_TOLERANCES,
) -> CanonicalForm:
    """The canonical form of a model, the same for every order and positive scale of its units.

    Units that nothing reads are left out, constant ones are added to the next bias, and those
    whose ``[w, b]`` are positive multiples of each other are merged. Then every unit is scaled to
    ``||w||_2 = 1``, its outgoing weights by the inverse, and the units of each layer are sorted by
    ``w``, then ``b``: the bias is then the unit's distance from the origin of its layer.

    Parameters
    ----------
    model
        Anything :func:`explainrelu.import_model` takes; of a rewrite its result, where that is a
        ReluNetwork.
    random_state
        Seed or generator of the points at which both are compared.
    tolerances
        ``rounding``: within which units are multiples of each other. ``agreement``: to which
        weights are rounded while they are sorted.

    Returns
    -------
    CanonicalForm
        ``result`` is the network, ``to_frame()`` the units that were left out.

    Raises
    ------
    ModelError, InputTypeError
        Where the model cannot be taken in.
    SizeError
        Where a layer has more than 33,554,432 weights, zeros counted.

    Notes
    -----
    Exact on all of R^d up to float64 rounding, and the form of a form is itself. Carried units are
    linear: their bias moves into the next one, they are merged and scaled up to their sign as
    well, they stand behind the rectified ones, and a layer of carried units only is multiplied
    into the next. Mixtures of several carried units are not brought to one form.

    ``w`` and ``-w`` are different units. What the form cannot remove: ``relu(t)`` written as
    ``t + relu(-t)``, units that another layer silences, layers that are active throughout. So equal
    forms prove equal functions, and different forms prove nothing: see
    :func:`explainrelu.check_equivalence`. Rounded weights that nearly tie may be sorted either
    way: compare forms by :func:`explainrelu.same_parameters`, which matches units.

    Cost: O(n^2 d) for a layer of ``n`` units with ``d`` inputs.

    References
    ----------
    M. Phuong, C. Lampert, "Functional vs. parametric equivalence of ReLU networks", ICLR 2020.

    Examples
    --------
    >>> network = ReluNetwork.from_weights([[[2.0], [6.0]], [[1.0, 1.0]]], [[1.0, 3.0], [0.0]])
    >>> form = canonical_form(network)
    >>> form.result.layers[0].weight, form.result.output.weight, form.certificate.holds
    (array([[1.]]), array([[8.]]), True)
    """
    return ToCanonicalForm(random_state, tolerances)(network_of(model))


def _network(source: ReluNetwork, chain: Chain) -> ReluNetwork:
    """The network of a chain; the constant where a layer lost every unit."""
    last = chain.layers[-1]
    if not all(layer.bias.size for layer in chain.hidden):
        # what is constant was moved on, so that the output map's bias is all that is left
        constant = AffineMap(np.zeros((source.n_outputs, source.n_inputs)), last.bias)
        return replace(source, layers=(), output=constant, certificate=Certificate())
    layers = tuple(Layer(part.weight, part.bias, part.rectified) for part in chain.hidden)
    output = AffineMap(last.weight, last.bias)
    return replace(source, layers=layers, output=output, certificate=Certificate())


def _points(network: ReluNetwork, rng: np.random.Generator) -> FloatArray:
    """Points of the recorded ranges (of [-1, 1] without), and as many ten times as far out."""
    ends = np.repeat([[-1.0], [1.0]], network.n_inputs, axis=1)
    lower, upper = network.schema.recorded_corners(ends)
    points = rng.uniform(lower, upper, size=(_N_POINTS, network.n_inputs))
    centre = (lower + upper) / 2
    points[1::2] = centre + 10.0 * (points[1::2] - centre)
    return points


def _same_scores(rewrite: CanonicalForm, points: FloatArray, tolerances: Tolerances) -> Check:
    source, result = rewrite.source, rewrite.result
    return scores_check(
        "canonical form gives the source's scores",
        result.forward(points),
        source.forward(points),
        term_size=max(largest_term(source, points), largest_term(result, points)),
        tolerances=tolerances,
        exactness=Exactness.ESTIMATED,
        detail=f"{len(points)} points drawn from the recorded ranges and ten times as far out",
    )


def _same_in_fractions(rewrite: CanonicalForm, points: FloatArray, tolerances: Tolerances) -> Check:
    source, result = rewrite.source, rewrite.result
    rows = [ExactArray.of(point) for point in points]
    return scores_check(
        "canonical form gives the source's scores in fractions",
        np.array([exact_scores(result, row).fractions() for row in rows], dtype=np.float64),
        np.array([exact_scores(source, row).fractions() for row in rows], dtype=np.float64),
        term_size=max(largest_term(source, points), largest_term(result, points)),
        tolerances=tolerances,
        exactness=Exactness.EXACT,
        detail=f"{len(points)} of these points, without rounding; the weights are rounded",
    )


def _n_weights(network: ReluNetwork) -> int:
    shapes = [layer.weight.shape for layer in network.layers]
    return sum(a * b for a, b in (*shapes, network.output.weight.shape))
