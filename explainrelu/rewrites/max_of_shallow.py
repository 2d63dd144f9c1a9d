"""A deep network as the maximum of networks with one hidden layer.

Freeze layers ``1 .. L - 1`` at a pattern ``s`` and keep the last hidden layer: what remains has one
hidden layer. Take from it a penalty for every unit that is frozen on its wrong side,
``T_s = f_s - sum_i M_i max(0, -(2 s_i - 1) z_{i,s})``. With the penalties of
:mod:`explainrelu.rewrites.shallow_terms.penalties` no ``T_s`` exceeds ``f``, whether or not any
point has the pattern ``s``; and where a point has it all penalties are zero and ``T_s = f``. So
``f = max_s T_s``. The minimum is the same of ``-f``; in the region form every layer is frozen.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from enum import StrEnum
from typing import Any

import numpy as np
import pandas as pd

from explainrelu.arrays import BoolArray, FloatArray, IntArray
from explainrelu.certificate import Certificate
from explainrelu.errors import ArgumentError, InputTypeError, SizeError
from explainrelu.geometry.box import Box
from explainrelu.importers.import_model import import_model
from explainrelu.network.network import AffineMap, ReluNetwork
from explainrelu.network.outputs import OutputSchema
from explainrelu.network.patterns import unpack
from explainrelu.regions.enumeration import enumerate_regions
from explainrelu.regions.observed import check_domain
from explainrelu.regions.region_set import RegionSet
from explainrelu.rewrites.rewrite import Guarantee, Reach, Rewrite, Transformation
from explainrelu.rewrites.shallow_terms.certificate import certify_terms
from explainrelu.rewrites.shallow_terms.penalties import Penalty, penalties
from explainrelu.rewrites.shallow_terms.terms import FrozenTerms
from explainrelu.tolerances import DEFAULT_TOLERANCES, Tolerances

__all__ = ["MaxOfShallow", "TermForm", "ToMaxOfShallow", "max_of_shallow", "shallow_counts"]

_MAX_TERMS = 65_536


class TermForm(StrEnum):
    """Which function of which terms the network is."""

    MAX = "max"
    MIN = "min"
    REGION = "region"


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class MaxOfShallow(Rewrite):
    """A network written as the maximum (or minimum) of networks with one hidden layer.

    Calling it on raw rows gives the raw score. With several outputs each is the maximum over the
    same patterns, of its own terms.

    Attributes
    ----------
    source
        The network it equals.
    terms
        The terms: patterns of the frozen layers and the penalties.
    form, penalty
        Which terms, and how their penalties were computed.
    domain
        Where it equals the source; None for everywhere.
    guarantee, certificate
        What holds, and what was checked.
    """

    source: ReluNetwork
    terms: FrozenTerms
    form: TermForm
    penalty: Penalty
    guarantee: Guarantee
    domain: Box | None = None
    certificate: Certificate = Certificate()

    def __repr__(self) -> str:
        return f"MaxOfShallow({self.form} of {self.n_terms} terms, of {self.source!r})"

    @property
    def result(self) -> "MaxOfShallow":
        """The equal network: the record itself, which evaluates like one."""
        return self

    @property
    def n_terms(self) -> int:
        """Terms of each output."""
        return len(self.terms)

    @property
    def patterns(self) -> BoolArray:
        """The pattern of each term over the frozen layers: (n_terms, n_frozen_neurons)."""
        return self.terms.bits

    def __call__(self, X: Any) -> FloatArray:
        """Raw scores of raw rows, in the shape the source gives them."""
        scores, _ = self.terms.best(self.source.schema.encode(X))
        return scores[:, 0] if self.source.n_outputs == 1 else scores

    def speaking(self, X: Any) -> IntArray:
        """The first term that attains each score: ``(n_samples, n_outputs)``."""
        return self.terms.best(self.source.schema.encode(X))[1]

    def term(self, number: int, output: int = 0) -> ReluNetwork:
        """One term as a network of one hidden layer.

        Parameters
        ----------
        number
            Which term, from 0.
        output
            Which output, from 0.

        Raises
        ------
        ArgumentError
            For a term or an output that there is not.

        Notes
        -----
        Its affine forms are composed in float64; :meth:`FrozenTerms.exact_values` has no rounding.
        """
        if not (0 <= number < self.n_terms and 0 <= output < self.source.n_outputs):
            raise ArgumentError(
                f"term takes a term from 0 to {self.n_terms - 1} and an output from 0 to "
                f"{self.source.n_outputs - 1}, got {number} and {output}."
            )
        return self.terms.term(number, output)

    def counts(self) -> pd.DataFrame:
        """How large it is, one row an output.

        ``output form penalty n_terms units_per_term penalty_mass``: the mass is the sum of all
        penalties of a term.
        """
        outputs = range(self.source.n_outputs)
        mass = [sum(float(owed[k].sum()) for owed in self.terms.penalties) for k in outputs]
        columns = {
            "output": pd.Series(self.source.outputs.names, dtype="str"),
            "form": pd.Series([str(self.form)] * len(outputs), dtype="str"),
            "penalty": pd.Series([str(self.penalty)] * len(outputs), dtype="str"),
            "n_terms": pd.Series([self.n_terms] * len(outputs), dtype="int64"),
            "units_per_term": pd.Series([self.terms.n_units(k) for k in outputs], dtype="int64"),
            "penalty_mass": pd.Series(mass, dtype="float64"),
        }
        return pd.DataFrame(columns)

    def certified(self, certificate: Certificate) -> "MaxOfShallow":
        """The same rewrite with another certificate."""
        return replace(self, certificate=certificate)


@dataclass(frozen=True, slots=True, eq=False)
class ToMaxOfShallow(Transformation[MaxOfShallow]):
    """Rewrite a network as the maximum of shallow ones; see :func:`max_of_shallow`."""

    domain: Box | RegionSet | None = None
    form: TermForm = TermForm.MAX
    penalty: Penalty = Penalty.SIGN_AWARE
    max_terms: int = _MAX_TERMS
    tolerances: Tolerances = DEFAULT_TOLERANCES

    def requires(self, network: ReluNetwork) -> None:
        """The domain fits the network, and the terms of all patterns are not too many."""
        if self.max_terms < 1:
            raise ArgumentError(f"max_terms must be at least 1, got {self.max_terms}.")
        if isinstance(self.domain, RegionSet):
            if self.domain.network.fingerprint != network.fingerprint:
                raise ArgumentError(
                    "The regions must be those of the model itself, got regions of another "
                    "network. Hand over regions.network as the model."
                )
        elif self.domain is not None:
            check_domain(self.domain, network.n_inputs, network.schema)
        else:
            n_neurons = _frozen_neurons(network, self.n_frozen(network))
            if n_neurons >= 63 or 2**n_neurons > self.max_terms:
                raise SizeError(
                    f"All patterns of {n_neurons} frozen neurons make 2**{n_neurons} terms, more "
                    f"than max_terms={self.max_terms:,}. Hand over domain=Box(lower, upper): only "
                    "the patterns that occur in it are needed there; or raise max_terms."
                )

    def n_frozen(self, network: ReluNetwork) -> int:
        """How many layers are frozen: all but the last, or every one in the region form."""
        n_layers = len(network.layers)
        return n_layers if self.form is TermForm.REGION else max(0, n_layers - 1)

    def apply(self, network: ReluNetwork) -> MaxOfShallow:
        """The terms of every pattern, or of those of the domain."""
        n_frozen, upper = self.n_frozen(network), self.form is TermForm.MIN
        bits, guarantee, box = self._patterns(network, n_frozen)
        owed = penalties(network, n_frozen, self.penalty, upper=upper)
        terms = FrozenTerms(network, bits, owed, upper)
        return MaxOfShallow(network, terms, self.form, self.penalty, guarantee, box)

    def ensures(self, rewrite: MaxOfShallow) -> Certificate:
        """Equal at points of the domain, and in fractions at points inside and on kinks."""
        listed = self.domain if isinstance(self.domain, RegionSet) else None
        places = None if listed is None or listed.complete else listed.witnesses
        own = certify_terms(rewrite.terms, rewrite.domain, places, self.tolerances)
        return rewrite.source.certificate.plus(own.checks)

    def _patterns(
        self, network: ReluNetwork, n_frozen: int
    ) -> tuple[BoolArray, Guarantee, Box | None]:
        n_neurons = _frozen_neurons(network, n_frozen)
        if self.domain is None or n_neurons == 0:
            return _all_patterns(n_neurons), _EVERYWHERE, None
        if isinstance(self.domain, RegionSet):
            regions, box = self.domain, self.domain.domain
        else:
            regions, box = self._prefix_regions(network, n_frozen, self.domain), self.domain
        bits = np.unique(unpack(regions.network, regions.patterns)[:, :n_neurons], axis=0)
        if bits.shape[0] > self.max_terms:
            raise SizeError(
                f"The {len(regions)} regions make {bits.shape[0]:,} terms, more than "
                f"max_terms={self.max_terms:,}. Raise max_terms, or take a smaller domain."
            )
        return bits, _DOMAIN if regions.complete else _LISTED, box

    def _prefix_regions(self, network: ReluNetwork, n_frozen: int, box: Box) -> RegionSet:
        """The regions of the frozen layers alone: one for each pattern that the box realises."""
        prefix = ReluNetwork(
            network.layers[:n_frozen],
            AffineMap(np.zeros((1, network.layers[n_frozen - 1].n_units)), np.zeros(1)),
            network.schema,
            OutputSchema.numbered(1),
        )
        found = enumerate_regions(
            prefix, box, max_regions=self.max_terms, tolerances=self.tolerances
        )
        if not found.complete:
            raise SizeError(
                f"The domain realises more than max_terms={self.max_terms:,} patterns of the "
                f"{prefix.n_neurons} frozen neurons, each a term. Take a smaller domain, or raise "
                "max_terms."
            )
        return found


def max_of_shallow(
    model: Any,
    domain: Box | RegionSet | None = None,
    *,
    form: str = "max",
    penalty: str = "sign-aware",
    max_terms: int = _MAX_TERMS,
    tolerances: Tolerances = DEFAULT_TOLERANCES,
) -> MaxOfShallow:
    """A model as the maximum of networks with one hidden layer, exact on the whole space.

    ``f(x) = max_s T_s(x)`` over the patterns ``s`` of all hidden layers but the last, where
    ``T_s`` keeps the last hidden layer, freezes the others at ``s``, and pays ``M_i`` times the
    amount by which each frozen unit is on its wrong side.

    Parameters
    ----------
    model
        Anything :func:`explainrelu.import_model` takes; plain, residual or with carried units.
    domain
        None takes every pattern, realised or not: equality holds everywhere. A box takes the
        patterns of its full-dimensional regions, a set of regions theirs: fewer terms, and
        equality on that domain; outside it the maximum lies at or below the model.
    form
        ``"max"``; ``"min"``, the minimum of terms that lie above the model; or ``"region"``, the
        maximum with the last hidden layer frozen too, one term a linear region.
    penalty
        ``"sign-aware"``, or ``"path-norm"``, larger and simpler.
    max_terms
        The most terms; more are an error that names the number.

    Returns
    -------
    MaxOfShallow
        Callable like the model; ``.term(i, output)`` is one term as a network,
        ``.counts()`` its size, ``.certificate`` what was checked.

    Raises
    ------
    SizeError
        For more terms than ``max_terms``.
    ArgumentError, InputTypeError
        For an option that is not offered, and a domain that does not fit the model.

    Notes
    -----
    Exact: the penalties are computed in fractions and rounded up, so that no term passes the
    model. A term has as many units as the network has neurons, less those whose penalty is zero,
    and two for an affine part where units of the last layer are carried, or none is kept. There
    are ``2**(N - n_L)`` terms for ``N`` neurons of which the last layer has ``n_L``, so that of
    networks with equal ``N`` the deeper has more. Regions thinner than the tolerance are left out
    of a domain's patterns; by continuity their points are spoken for by a neighbour.
    A call costs a forward pass a term, in blocks of bounded memory.

    References
    ----------
    An, Boussaid, Bennamoun, Hu 2017, "From Deep to Shallow: Transformations of Deep Rectifier
    Networks": that such a maximum exists. The construction and its proof are those of
    :mod:`explainrelu.rewrites.shallow_terms.penalties`.

    Examples
    --------
    >>> weights = [[[1.0], [-1.0]], [[1.0, -1.0], [-1.0, 1.0]], [[1.0, -2.0]]]
    >>> network = ReluNetwork.from_weights(weights, [[0.0, 1.0], [0.0, 0.5], [0.0]])
    >>> shallow = max_of_shallow(network)
    >>> shallow.n_terms, shallow.certificate.holds
    (4, True)
    >>> bool((shallow([[-1.0], [0.25], [3.0]]) == network([[-1.0], [0.25], [3.0]])).all())
    True
    """
    for name, value, offered in (("form", form, TermForm), ("penalty", penalty, Penalty)):
        if value not in list(offered):
            known = ", ".join(repr(str(member)) for member in offered)
            raise ArgumentError(f"{name} must be one of {known}, got {value!r}.")
    if domain is not None and not isinstance(domain, Box | RegionSet):
        raise InputTypeError(
            f"domain must be a Box, a RegionSet or None, got {type(domain).__qualname__}."
        )
    network = import_model(model)
    rewrite = ToMaxOfShallow(domain, TermForm(form), Penalty(penalty), max_terms, tolerances)
    return rewrite(network)


def shallow_counts(models: Mapping[str, Any]) -> pd.DataFrame:
    """How large the maximum of shallow networks would be, for models side by side.

    Nothing is built, so that the number of terms may be astronomical.

    Parameters
    ----------
    models
        A name for each, and anything :func:`explainrelu.import_model` takes.

    Returns
    -------
    DataFrame
        One row a model and output: ``model output n_layers n_neurons log2_terms units_per_term
        sign_aware_mass path_norm_mass``, with ``2**log2_terms`` terms of all patterns and as mass
        the sum of the penalties of a term.

    Examples
    --------
    >>> deep = ReluNetwork.from_weights([[[1.0]], [[2.0]], [[-1.0]]], [[0.0], [0.0], [1.0]])
    >>> shallow_counts({"deep": deep})[["log2_terms", "units_per_term"]].values.tolist()
    [[1, 2]]
    """
    rows = []
    for name, model in models.items():
        network = import_model(model)
        n_frozen = max(0, len(network.layers) - 1)
        owed = {p: penalties(network, n_frozen, p, upper=False) for p in Penalty}
        n_frozen_neurons = _frozen_neurons(network, n_frozen)
        pattern = np.zeros((1, n_frozen_neurons), dtype=np.bool_)
        terms = FrozenTerms(network, pattern, owed[Penalty.SIGN_AWARE])
        for k, output in enumerate(network.outputs.names):
            mass = [sum(float(layer[k].sum()) for layer in owed[p]) for p in Penalty]
            sizes = (len(network.layers), network.n_neurons, n_frozen_neurons, terms.n_units(k))
            rows.append((name, output, *sizes, *mass))
    dtypes = {
        "model": "str",
        "output": "str",
        "n_layers": "int64",
        "n_neurons": "int64",
        "log2_terms": "int64",
        "units_per_term": "int64",
        "sign_aware_mass": "float64",
        "path_norm_mass": "float64",
    }
    return pd.DataFrame(rows, columns=list(dtypes)).astype(dtypes)


def _frozen_neurons(network: ReluNetwork, n_frozen: int) -> int:
    return sum(layer.n_rectified for layer in network.layers[:n_frozen])


def _all_patterns(n_neurons: int) -> BoolArray:
    """Every pattern, as the binary numbers from 0: (2**n_neurons, n_neurons)."""
    numbers = np.arange(2**n_neurons, dtype=np.int64)
    places = np.arange(n_neurons - 1, -1, -1)
    return np.asarray((numbers[:, None] >> places) & 1, dtype=np.bool_)


_EVERYWHERE = Guarantee(
    Reach.EVERYWHERE, "Equal to the source at every point, whether or not a pattern is realised."
)
_DOMAIN = Guarantee(
    Reach.DOMAIN,
    "Equal to the source at every point of the domain, its faces included.",
)
_LISTED = Guarantee(Reach.LISTED, "Equal to the source on the closed regions handed over.")
