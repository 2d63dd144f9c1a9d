"""A smaller network with the same scores all over a box."""

from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import pandas as pd

from explainrelu.arrays import FloatArray
from explainrelu.certificate import Certificate, Check, Exactness, Status
from explainrelu.geometry.box import Box
from explainrelu.importers.import_model import import_model
from explainrelu.milp.difference import largest_difference
from explainrelu.milp.evidence import Evidence, UnitState
from explainrelu.milp.rows import RowSpace
from explainrelu.milp.solving import check_time_limit
from explainrelu.milp.stability import find_stability
from explainrelu.network.difference import difference_network
from explainrelu.network.network import ReluNetwork
from explainrelu.regions.enumeration import enumerate_regions
from explainrelu.regions.observed import check_domain
from explainrelu.rewrites.compression.network import CompressedNetwork
from explainrelu.rewrites.compression.reduction import Reason, Reduced, SettledLayer, reduced
from explainrelu.rewrites.compression.unit_proof import difference_bounds
from explainrelu.rewrites.rewrite import Transformation
from explainrelu.rewrites.score_check import largest_term, scores_check
from explainrelu.tolerances import DEFAULT_TOLERANCES, Tolerances

__all__ = ["Compress", "compress"]

_SAMPLED = 1000  # rows at which scores are compared
_MOST_OPEN = 24  # unstable neurons up to which a program checks the whole difference besides
_MOST_NEURONS = 200  # up to which joint regions are tried where nothing else proves it
_SECONDS = 10.0  # for each of the two


@dataclass(frozen=True, slots=True, eq=False)
class Compress(Transformation[CompressedNetwork]):
    """Take out what a box does not need.

    Attributes
    ----------
    domain
        The box.
    points : (n_samples, n_inputs)
        Encoded rows to strike out with, beside drawn ones.
    method, levels, time_limit, random_state
        How the neurons' stability is found; see :func:`explainrelu.milp.stability.stability`.
    """

    domain: Box
    points: FloatArray | None = None
    method: str = "auto"
    levels: bool = True
    time_limit: float | None = None
    random_state: int = 0
    tolerances: Tolerances = DEFAULT_TOLERANCES

    def requires(self, network: ReluNetwork) -> None:
        """The domain is a box of the network's inputs that holds some row."""
        check_domain(self.domain, network.n_inputs, network.schema)
        check_time_limit(self.time_limit)

    def apply(self, network: ReluNetwork) -> CompressedNetwork:
        """The network without stably inactive, dependent and folded units."""
        evidence = find_stability(
            network,
            self.domain,
            method=self.method,
            points=self.points,
            levels=self.levels,
            time_limit=self.time_limit,
            random_state=self.random_state,
            tolerances=self.tolerances,
        )
        settled = _settled(evidence)
        smaller = reduced(network, settled, self.tolerances)
        assumption = "the inputs lie in the box that the network was compressed on"
        origin = network.origin
        known = tuple(dict.fromkeys((*origin.assumptions, assumption)))
        result = replace(
            network,
            layers=smaller.layers,
            output=smaller.output,
            origin=replace(origin, assumptions=known),
        )
        return CompressedNetwork(
            source=network,
            network=result,
            domain=self.domain,
            levels=self.levels,
            removed=_table(smaller, evidence),
            stability=evidence.to_frame(),
            kept=smaller.kept,
            settled=settled,
            bounds=evidence.bounds,
        )

    def ensures(self, rewrite: CompressedNetwork) -> Certificate:
        """Equal scores at sampled rows, and bounds of the difference all over the box."""
        sampled, allowed = self._at_rows(rewrite)
        proofs = [_unit_by_unit(rewrite, allowed)]
        n_open = int((rewrite.stability["state"] == str(UnitState.UNSTABLE)).sum())
        if n_open <= _MOST_OPEN or not _proven(proofs):
            proofs.append(self._by_program(rewrite, allowed))
        if not _proven(proofs) and rewrite.source.n_neurons <= _MOST_NEURONS:
            proofs.append(self._by_regions(rewrite, allowed))
        if _proven(proofs):  # one proof is enough: what others leave open says nothing against it
            proofs = [check for check in proofs if check.status is not Status.UNDECIDED]
        return rewrite.source.certificate.plus([sampled, *proofs])

    def _at_rows(self, rewrite: CompressedNetwork) -> tuple[Check, float]:
        """Scores at drawn rows and the data's, and what difference rounding allows."""
        rng = np.random.default_rng(self.random_state)
        rows = RowSpace.of(rewrite.source.schema, self.domain, levels=self.levels)
        points = rows.sample(_SAMPLED, rng)
        if self.points is not None:
            points = np.vstack([points, self.points[self.domain.contains(self.points)]])
        own, terms = rewrite.source.forward(points), largest_term(rewrite.source, points)
        check = scores_check(
            "scores equal the source's at sampled rows",
            rewrite.network.forward(points),
            own,
            term_size=terms,
            tolerances=self.tolerances,
            exactness=Exactness.ESTIMATED,
            detail=f"{len(points):,} rows in the box",
        )
        largest = float(np.abs(own).max(initial=0.0))
        known = self.tolerances
        return check, max(known.agreement * largest, known.rounding * terms)

    def _by_program(self, rewrite: CompressedNetwork, allowed: float) -> Check:
        found = largest_difference(
            rewrite.source,
            rewrite.network,
            self.domain,
            levels=self.levels,
            time_limit=_SECONDS,
            random_state=self.random_state,
            tolerances=self.tolerances,
        )
        fails = found.value > allowed
        detail = f"all over the box; {found.status}"
        return _bounded("largest difference by MILP", found.bound, allowed, detail, fails)

    def _by_regions(self, rewrite: CompressedNetwork, allowed: float) -> Check:
        regions = enumerate_regions(
            difference_network(rewrite.source, rewrite.network),
            self.domain,
            time_limit=_SECONDS,
            tolerances=self.tolerances,
        )
        sizes = np.maximum(np.abs(self.domain.lower), np.abs(self.domain.upper))
        bound = 0.0 if regions.complete else np.inf
        for _, weight, bias in regions.affine_map_chunks():
            bound = max(bound, float((np.abs(weight) @ sizes + np.abs(bias)).max(initial=0.0)))
        how = "complete" if regions.complete else regions.stopped
        detail = f"{len(regions):,} joint regions of the box; {how}"
        return _bounded("same formula on every joint region", bound, allowed, detail)


def compress(
    model: Any,
    domain: Box,
    *,
    X: Any = None,
    method: str = "auto",
    levels: bool = True,
    time_limit: float | None = None,
    random_state: int = 0,
    tolerances: Tolerances = DEFAULT_TOLERANCES,
) -> CompressedNetwork:
    """A smaller network that gives the same scores all over a box.

    Neurons that are inactive all over the box are taken out; of those that are active all over
    it, the ones whose weights are combinations of others' are merged into these; a layer that is
    linear there is folded into the next; a layer that is zero there makes the network constant.

    Parameters
    ----------
    model
        Anything :func:`explainrelu.import_model` takes.
    domain
        The box, over the encoded inputs; ``Box.around(x, radius)`` for a local form.
    X : (n_samples, n_columns)
        Raw rows that help to see which neurons change sides.
    method, levels, time_limit, random_state
        How neurons are settled; see :func:`explainrelu.stability`. Those that are undecided
        stay.

    Returns
    -------
    CompressedNetwork
        ``.result`` is the smaller :class:`ReluNetwork`, ``.removed`` the table of what was taken
        out and why, ``.certificate`` what was proven of the difference.

    Raises
    ------
    ArgumentError, InputTypeError
        For a domain that is no box of the model's inputs or holds no level of some column, an
        unknown method, and a limit that is not positive.
    SolverError
        Where the solver fails.

    Notes
    -----
    Exact on the domain but for rounding: a neuron counts as settled within ``boundary`` times the
    size of its terms. The certificate bounds the whole difference by another way, unit by unit
    through the layers; small networks are held against each other by a program too. Outside the
    domain nothing holds. Cost: that of the stability, one QR decomposition a layer.

    References
    ----------
    T. Serra, A. Kumar, S. Ramalingam, "Lossless compression of deep neural networks", CPAIOR 2020.

    Examples
    --------
    >>> network = ReluNetwork.from_weights(
    ...     [[[1.0], [1.0], [-1.0]], [[1.0, 1.0, 1.0]]], [[0.0, 5.0, -5.0], [0.0]])
    >>> smaller = compress(network, Box([-1.0], [1.0]))
    >>> smaller.result.widths, smaller.removed["reason"].tolist(), smaller.certificate.holds
    ((2,), ['stably inactive'], True)
    """
    network = import_model(model, X, tolerances=tolerances)
    points = None if X is None else network.schema.encode(X)
    how = Compress(domain, points, method, levels, time_limit, random_state, tolerances)
    return how(network)


def _unit_by_unit(rewrite: CompressedNetwork, allowed: float) -> Check:
    bound = difference_bounds(
        rewrite.source,
        rewrite.network,
        rewrite.kept,
        rewrite.settled,
        rewrite.bounds,
        rewrite.domain,
    ).max(initial=0.0)
    detail = "all over the box, from the proven signs of the units, by back-substitution"
    return _bounded("largest difference unit by unit", float(bound), allowed, detail)


def _bounded(name: str, bound: float, allowed: float, detail: str, fails: bool = False) -> Check:
    """A bound that proves where it is small enough, and that alone refutes nothing."""
    status = Status.HOLDS if bound <= allowed else Status.UNDECIDED
    status = Status.FAILS if fails else status
    return Check(name, status, bound, allowed, Exactness.BOUNDED, detail)


def _proven(checks: list[Check]) -> bool:
    return any(check.status is Status.HOLDS for check in checks)


def _settled(evidence: Evidence) -> tuple[SettledLayer, ...]:
    """What the evidence says of each layer's units, and how large the layer's inputs get."""
    domain, found = evidence.domain, []
    sizes = np.maximum(np.abs(domain.lower), np.abs(domain.upper))
    for i, layer in enumerate(evidence.network.layers):
        states = evidence.states(i)
        linear = (states == UnitState.ACTIVE) | ~layer.rectified
        found.append(SettledLayer(states == UnitState.INACTIVE, linear, sizes))
        sides = [np.maximum(side[i], layer.floor) for side in (evidence.lower, evidence.upper)]
        sizes = np.max(np.abs(sides), axis=0)
    return tuple(found)


def _table(smaller: Reduced, evidence: Evidence) -> pd.DataFrame:
    """``layer neuron reason proven_by``, one row a unit that is gone."""
    rows = sorted(smaller.removed)
    how = [_proof(evidence, i, j, reason) for i, j, reason in rows]
    return pd.DataFrame(
        {
            "layer": pd.Series([i + 1 for i, _, _ in rows], dtype="int64"),
            "neuron": pd.Series([j + 1 for _, j, _ in rows], dtype="int64"),
            "reason": pd.Series([str(reason) for _, _, reason in rows], dtype="str"),
            "proven_by": pd.Series(how, dtype="str"),
        }
    )


def _proof(evidence: Evidence, i: int, unit: int, reason: str) -> str:
    if reason == Reason.CONSTANT:
        return "a layer that is zero throughout"
    if not evidence.network.layers[i].rectified[unit]:
        return "carried"
    return evidence.proven_by(i, unit)
