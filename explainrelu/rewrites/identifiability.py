"""Which conditions for being determined by its function a network meets over a domain.

Legend (Phuong and Lampert): hidden layers ``1 .. H`` of widths ``n_1 .. n_H``, ``n_0`` inputs, one
output; ``z_i^l`` the preactivation of unit ``i`` of layer ``l``; ``I`` a 0/1 diagonal matrix. In
what is reported layers and units are counted from 0.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from fractions import Fraction
from itertools import pairwise, product
from typing import Any

import numpy as np
import pandas as pd

from explainrelu.arrays import FloatArray, dense
from explainrelu.certificate import Status
from explainrelu.geometry.box import Box
from explainrelu.geometry.polytope import Polytope
from explainrelu.network.network import AffineMap, ReluNetwork
from explainrelu.network.outputs import OutputSchema
from explainrelu.network.patterns import preactivation_forms, unpack
from explainrelu.regions.enumeration import enumerate_regions
from explainrelu.regions.observed import check_domain
from explainrelu.regions.region_set import RegionSet
from explainrelu.rewrites.network_of import network_of
from explainrelu.tolerances import DEFAULT_TOLERANCES, Tolerances

__all__ = ["Condition", "Identifiability", "identifiability"]

_MOST_MASKS = 4096  # 0/1 diagonals or patterns that are gone through one by one
_DRAWN = 500
_PARALLEL = 1e-12  # forms of length 1 that lie no further apart are multiples
_SMALL = 1e-9  # a singular value, as a share of the largest, that is looked at in fractions


@dataclass(frozen=True, slots=True, eq=False)
class Condition:
    """One condition, and how it was decided.

    Attributes
    ----------
    name
        The condition.
    status
        ``holds``, ``fails``, or ``undecided`` where it could not be shown.
    detail
        What was looked at; of a failure the unit, layers or pattern that shows it.
    witness : (n_inputs,), optional
        The encoded point that shows a failure, where a point does.
    """

    name: str
    status: Status
    detail: str
    witness: FloatArray | None = None


@dataclass(frozen=True, slots=True, eq=False)
class Identifiability:
    """The conditions of one network over one domain.

    Attributes
    ----------
    conditions
        ``widths``, ``general 1`` to ``general 3``, ``transparent``, ``fold-set path``.
    """

    conditions: tuple[Condition, ...]

    @property
    def status(self) -> Status:
        """``fails`` where a condition does, else ``undecided`` where one is, else ``holds``."""
        found = {condition.status for condition in self.conditions}
        if Status.FAILS in found:
            return Status.FAILS
        return Status.HOLDS if found == {Status.HOLDS} else Status.UNDECIDED

    def __getitem__(self, name: str) -> Condition:
        return next(condition for condition in self.conditions if condition.name == name)

    def to_frame(self) -> pd.DataFrame:
        """One row a condition: ``condition status detail``."""
        return pd.DataFrame(
            {
                "condition": pd.Series([c.name for c in self.conditions], dtype="str"),
                "status": pd.Series([str(c.status) for c in self.conditions], dtype="str"),
                "detail": pd.Series([c.detail for c in self.conditions], dtype="str"),
            }
        )


def identifiability(
    network: Any,
    domain: Box,
    *,
    max_regions: int = 2000,
    random_state: int | np.random.Generator = 0,
    tolerances: Tolerances = DEFAULT_TOLERANCES,
) -> Identifiability:
    """Which conditions hold under which a network's function determines its parameters.

    Parameters
    ----------
    network
        Anything :func:`explainrelu.import_model` takes; of a rewrite its result.
    domain
        The box, over the encoded inputs.
    max_regions
        Where a layer has more regions, what needs all of them is left undecided.
    random_state
        Seed or generator of the diagonals and patterns that are drawn where there are too many.
    tolerances
        ``boundary``: how near to zero a preactivation must come to touch it.

    Returns
    -------
    Identifiability
        The conditions:

        - ``widths``: ``n_0 >= n_1 >= ... >= n_H >= 2``, one output, every unit rectified.
        - ``general 1``: no ``z_i^l`` has a local optimum of value 0 in the domain.
        - ``general 2``: ``rank(I_l W_l ... I_k W_k) = min(n_{k-1}, rank I_k, ..., rank I_l)``
          for all ``k <= l`` and all ``I``.
        - ``general 3``: the affine forms of two different pairs of a unit and a pattern of the
          layers before it, each with an active unit, are no multiples of each other.
        - ``transparent``: at every point each layer has an active unit.
        - ``fold-set path``: the zero set of each unit is crossed by that of a unit of the next
          layer, which bends there; so that its layer can be told.

    Raises
    ------
    ArgumentError, InputTypeError, ModelError
        For a domain that is no box of the inputs, and a model that cannot be taken in.

    Notes
    -----
    Where all hold, every general network of the same widths with the same function on the domain
    is a permutation and positive scaling of this one. Where one fails that is not shown to be
    otherwise: the conditions are sufficient. The regions are those thicker than the tolerance.
    Conditions 2 and 3 range over exponentially many diagonals: up to 4,096 all are looked at,
    above that a sample, which can show a failure only. That the pieces of one path hang
    together through all layers is not looked at beyond neighbouring ones.

    Cost: the regions of every layer, two linear programs a region and unit, and up to 4,096 ranks.

    References
    ----------
    M. Phuong, C. Lampert, "Functional vs. parametric equivalence of ReLU networks", ICLR 2020,
    theorem 1 and lemma 3.

    Examples
    --------
    >>> network = ReluNetwork.from_weights([[[1.0], [2.0]], [[1.0, 1.0]]], [[0.0, 1.0], [0.0]])
    >>> found = identifiability(network, Box([-1.0], [1.0]))
    >>> [str(found[name].status) for name in ("widths", "transparent")]
    ['fails', 'fails']
    """
    network = network_of(network)
    check_domain(domain, network.n_inputs, network.schema)
    rng = np.random.default_rng(random_state)
    survey = _Survey(network, domain, max_regions, tolerances)
    return Identifiability(
        (
            _widths(network),
            survey.no_flat_optimum(),
            _full_ranks(network, rng),
            _no_multiples(network, rng),
            survey.transparent(),
            survey.paths(),
        )
    )


def _widths(network: ReluNetwork) -> Condition:
    widths = (network.n_inputs, *network.widths)
    plain = all(layer.rectified.all() for layer in network.layers)
    falling = all(a >= b for a, b in pairwise(widths))
    holds = plain and falling and min(network.widths, default=0) >= 2 and network.n_outputs == 1
    detail = f"widths {widths}, {network.n_outputs} output(s)"
    detail += "" if plain else ", some units carried"
    return Condition("widths", Status.HOLDS if holds else Status.FAILS, detail)


def _full_ranks(network: ReluNetwork, rng: np.random.Generator) -> Condition:
    name = "general 2"
    weights = [*(dense(layer.weight) for layer in network.layers), network.output.weight]
    spans = [(k, end) for k in range(len(weights)) for end in range(k, len(weights))]
    everything = True
    n_looked = 0
    for k, end in spans:
        widths = [len(weight) for weight in weights[k : end + 1]]
        masks, complete = _masks(widths, rng)
        everything &= complete
        for mask in masks:
            n_looked += 1
            wanted = min(weights[k].shape[1], *(int(part.sum()) for part in mask))
            if _rank_falls_short(weights[k : end + 1], mask, wanted):
                bits = " ".join("".join("01"[int(bit)] for bit in part) for part in mask)
                detail = f"layers {k} to {end} with the diagonals {bits} have not rank {wanted}"
                return Condition(name, Status.FAILS, detail)
    detail = f"{n_looked:,} products" + ("" if everything else ", drawn from all")
    return Condition(name, Status.HOLDS if everything else Status.UNDECIDED, detail)


def _masks(widths: list[int], rng: np.random.Generator) -> tuple[Iterator[list[FloatArray]], bool]:
    """0/1 vectors for each width: all of them, or some and False."""
    total = sum(widths)
    if not widths:
        return iter([[]]), True
    if total <= 60 and 2**total <= _MOST_MASKS:
        rows: Any = (np.array(bits, dtype=np.float64) for bits in product((0, 1), repeat=total))
    else:
        rows = rng.integers(0, 2, size=(_DRAWN, total)).astype(np.float64)
    cuts = np.cumsum(widths)[:-1]
    return (list(np.split(row, cuts)) for row in rows), 2**total <= _MOST_MASKS


def _rank_falls_short(weights: list[FloatArray], mask: list[FloatArray], wanted: int) -> bool:
    if wanted == 0:
        return False
    matrix = np.eye(weights[0].shape[1])
    for weight, kept in zip(weights, mask, strict=True):
        matrix = kept[:, None] * (weight @ matrix)
    size = np.linalg.svd(matrix, compute_uv=False)
    if len(size) >= wanted and size[wanted - 1] > _SMALL * size[0]:
        return False
    exact = [
        [Fraction(int(i == j)) for j in range(weights[0].shape[1])]
        for i in range(weights[0].shape[1])
    ]
    for weight, kept in zip(weights, mask, strict=True):
        rows = [[Fraction(w) for w in row] for row in (kept[:, None] * weight).tolist()]
        columns = list(zip(*exact, strict=True))
        exact = [
            [
                sum((a * b for a, b in zip(row, column, strict=True)), Fraction(0))
                for column in columns
            ]
            for row in rows
        ]
    return _exact_rank(exact) < wanted


def _exact_rank(rows: list[list[Fraction]]) -> int:
    """The rank by elimination."""
    rank = 0
    for k in range(len(rows[0]) if rows else 0):
        pivot = next((i for i in range(rank, len(rows)) if rows[i][k] != 0), None)
        if pivot is None:
            continue
        rows[rank], rows[pivot] = rows[pivot], rows[rank]
        for i in range(rank + 1, len(rows)):
            share = rows[i][k] / rows[rank][k]
            rows[i] = [a - share * b for a, b in zip(rows[i], rows[rank], strict=True)]
        rank += 1
    return rank


def _no_multiples(network: ReluNetwork, rng: np.random.Generator) -> Condition:
    name = "general 3"
    before = list(network.widths[:-1])
    masks, complete = _masks(before, rng)
    forms: dict[tuple[int, int, bytes], FloatArray] = {}
    for mask in masks:
        if not all(part.any() for part in mask):
            continue
        pattern = (
            np.concatenate([*mask, np.zeros(network.widths[-1])])
            if before
            else np.zeros(sum(network.widths))
        )
        _add_forms(network, pattern.astype(np.bool_), forms)
    if not all(layer.rectified.all() for layer in network.layers):
        return Condition(name, Status.UNDECIDED, "is stated of rectified units only")
    table = np.array(list(forms.values())).reshape(len(forms), network.n_inputs + 1)
    length = np.linalg.norm(table, axis=1)
    if (length == 0).any():
        layer, unit, _ = list(forms)[int((length == 0).argmax())]
        detail = f"unit {unit} of layer {layer} is zero throughout under some pattern"
        return Condition(name, Status.FAILS, detail)
    pair = _parallel(table / length[:, None])
    if pair is not None:
        (a, i, _), (b, j, _) = (list(forms)[k] for k in pair)
        detail = f"unit {i} of layer {a} and unit {j} of layer {b} are multiples somewhere"
        return Condition(name, Status.FAILS, detail)
    detail = f"{len(forms):,} forms" + ("" if complete else ", of patterns drawn from all")
    return Condition(name, Status.HOLDS if complete else Status.UNDECIDED, detail)


def _add_forms(
    network: ReluNetwork, pattern: Any, forms: dict[tuple[int, int, bytes], FloatArray]
) -> None:
    """The form of every unit under a pattern, by what it depends on."""
    weight, bias = preactivation_forms(network, pattern)
    start = 0
    for number, layer in enumerate(network.layers):
        for unit in range(layer.n_rectified):
            row = start + unit
            key = (number, unit, pattern[:start].tobytes())
            forms.setdefault(key, np.append(weight[row], bias[row]))
        start += layer.n_rectified


def _parallel(rows: FloatArray) -> tuple[int, int] | None:
    """Two rows of length 1 that are equal up to sign and rounding; None where there are none."""
    for start in range(0, len(rows), 512):
        cosine = np.abs(rows[start : start + 512] @ rows.T)
        later = np.arange(len(rows))[None] > np.arange(start, start + len(cosine))[:, None]
        for near, j in np.argwhere((cosine > 1.0 - 1e-10) & later):
            i = start + int(near)
            apart = min(np.abs(rows[i] - rows[j]).max(), np.abs(rows[i] + rows[j]).max())
            if apart <= _PARALLEL:
                return i, int(j)
    return None


class _Survey:
    """What is read off the regions of the first layers."""

    def __init__(
        self, network: ReluNetwork, domain: Box, max_regions: int, tolerances: Tolerances
    ) -> None:
        self.network, self.domain, self.tolerances = network, domain, tolerances
        self.parts = [
            enumerate_regions(
                self._first(k), domain, max_regions=max_regions, tolerances=tolerances
            )
            for k in range(len(network.layers) + 1)
        ]

    def _first(self, k: int) -> ReluNetwork:
        """The first ``k`` layers, with the preactivations behind them as outputs."""
        network = self.network
        if k == len(network.layers):
            return network
        after = network.layers[k]
        output = AffineMap(dense(after.weight), after.bias)
        names = OutputSchema.numbered(after.n_units)
        return ReluNetwork(network.layers[:k], output, network.schema, names)

    @property
    def complete(self) -> bool:
        return all(part.complete for part in self.parts)

    def transparent(self) -> Condition:
        name, whole = "transparent", self.parts[-1]
        bits, start = unpack(self.network, whole.patterns), 0
        for number, layer in enumerate(self.network.layers):
            active = bits[:, start : start + layer.n_rectified].any(axis=1)
            start += layer.n_rectified
            if not active.all():
                point = whole.witnesses[int(active.argmin())]
                detail = f"no unit of layer {number} is active at the witness"
                return Condition(name, Status.FAILS, detail, point)
        detail = f"{len(whole):,} regions" + ("" if whole.complete else ", not all")
        return Condition(name, Status.HOLDS if whole.complete else Status.UNDECIDED, detail)

    def no_flat_optimum(self) -> Condition:
        name, touched = "general 1", ""
        for number in range(len(self.network.layers)):
            part = self.parts[number]
            weights, biases = part.affine_maps()
            for r in range(len(part)):
                size = np.abs(weights[r]) @ self.domain.half_width + np.abs(
                    weights[r] @ self.domain.centre + biases[r]
                )
                zero = ~weights[r].any(axis=1) & (biases[r] == 0.0)
                if zero.any():
                    detail = f"unit {int(zero.argmax())} of layer {number} is 0 around the witness"
                    return Condition(name, Status.FAILS, detail, part.witnesses[r])
                ranges = self._ranges(part, r, weights[r]) + biases[r][:, None]
                near = (
                    np.abs(ranges) <= self.tolerances.boundary * np.maximum(size, 1e-300)[:, None]
                )
                if near.any() and not touched:
                    unit = int(near.any(axis=1).argmax())
                    touched = (
                        f"unit {unit} of layer {number} touches 0 on a region without crossing"
                    )
        if touched:
            return Condition(name, Status.UNDECIDED, touched)
        status = Status.HOLDS if self.complete else Status.UNDECIDED
        n_regions = sum(len(part) for part in self.parts[:-1])
        return Condition(
            name, status, f"{n_regions:,} regions" + ("" if self.complete else ", not all")
        )

    def _ranges(self, part: RegionSet, r: int, forms: FloatArray) -> FloatArray:
        return part.region(r).polytope().linear_ranges(forms, tolerances=self.tolerances)

    def paths(self) -> Condition:
        name, start = "fold-set path", 0
        for number, layer in enumerate(self.network.layers[:-1]):
            part = self.parts[number + 1]
            facets = part.all_facets(tolerances=self.tolerances)
            weights, biases = part.affine_maps()
            for unit in range(layer.n_rectified):
                regions = facets.region[facets.unit == start + unit]
                if not any(
                    self._crossed(part, int(r), start + unit, unit, weights[r], biases[r])
                    for r in regions
                ):
                    detail = f"no unit of layer {number + 1} bends at unit {unit} of layer {number}"
                    status = Status.FAILS if part.complete else Status.UNDECIDED
                    return Condition(name, status, detail)
            start += layer.n_rectified
        detail = "every unit is crossed by one of the next layer"
        return Condition(name, Status.HOLDS, detail)

    def _crossed(
        self, part: RegionSet, r: int, bit: int, unit: int, weight: FloatArray, bias: FloatArray
    ) -> bool:
        """Whether a unit of the next layer changes sign on a facet and bends there."""
        polytope = part.region(r).polytope()
        form, constant = polytope.weight[bit], polytope.bound[bit]
        facet = Polytope(
            np.vstack([polytope.weight, -form]), np.append(polytope.bound, -constant), self.domain
        )
        layers = part.network.layers
        bends = part.network.output.weight[:, unit] != 0 if layers else np.zeros(0, np.bool_)
        ranges = facet.linear_ranges(weight, tolerances=self.tolerances) + bias[:, None]
        size = np.abs(weight) @ self.domain.half_width + np.abs(bias)
        room = 1e-6 * size
        return bool((bends & (ranges[:, 0] < -room) & (ranges[:, 1] > room)).any())
