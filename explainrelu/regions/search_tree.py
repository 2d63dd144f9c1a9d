"""The arrays of a search, and going on with it: what stands around the compiled kernel.

The free inputs of a box are scaled to ``[-1, 1]`` and the fixed ones eliminated, so that one
tolerance means one thing whatever the units.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

import explainrelu.regions.search as kernel
from explainrelu.arrays import BoolArray, ByteArray, FloatArray, applied, dense, magnitudes
from explainrelu.geometry.box import Box
from explainrelu.geometry.linear_program import LinearProgram
from explainrelu.geometry.polytope import Polytope
from explainrelu.network.network import ReluNetwork
from explainrelu.tolerances import Tolerances

__all__ = ["Found", "SearchNode", "SearchTree", "Subtree"]

_DEPTH = 64  # nodes the stack has room for at first
_NO_END = 1 << 40
_BUDGET = 2000  # pivots of one walk before HiGHS is asked
_SUBTREE = ("s", "v", "basis", "T", "p", "radius", "bits", "candidates", "numbers")


@dataclass(frozen=True, slots=True, eq=False)
class Found:
    """Regions as the search gives them.

    Attributes
    ----------
    n_regions
        How many; where nothing is stored the arrays are empty.
    patterns : (n_regions, n_bytes) uint8
    points : (n_regions, n_free)
        A point of each on the cube.
    radii : (n_regions,)
        Radius of a ball around it that lies in the region.
    """

    n_regions: int
    patterns: ByteArray
    points: FloatArray
    radii: FloatArray

    @classmethod
    def none(cls, tree: "SearchTree") -> "Found":
        """No regions, in arrays of the right widths."""
        n_bytes, n_inputs = (tree.network.n_neurons + 7) // 8, tree.network.n_inputs
        return cls(0, np.zeros((0, n_bytes), np.uint8), np.zeros((0, n_inputs)), np.zeros(0))

    def first(self, n_regions: int) -> "Found":
        """The first ones."""
        some = slice(n_regions)
        return Found(n_regions, self.patterns[some], self.points[some], self.radii[some])

    def replaced(self, points: FloatArray, kept: BoolArray, store: bool) -> "Found":
        """Those that are kept, with other points; their number alone without ``store``."""
        n_regions = int(kept.sum())
        kept = kept if store else np.zeros_like(kept)
        return Found(n_regions, self.patterns[kept], points[kept], self.radii[kept])


@dataclass(frozen=True, slots=True, eq=False)
class SearchNode:
    """A polytope in which all layers before one are affine, as a caller sees it.

    Attributes
    ----------
    network
        The network that is searched.
    layer
        Position of the layer that is entered.
    pattern : (n_before,) bool
        One bit for each rectified unit of the layers before.
    weight : (n_units, n_inputs)
    bias : (n_units,)
        The preactivations of the layer there: ``weight @ x + bias``.
    polytope
        Where that holds.
    """

    network: ReluNetwork
    layer: int
    pattern: BoolArray
    weight: FloatArray
    bias: FloatArray
    polytope: Polytope


@dataclass(frozen=True, slots=True, eq=False)
class Subtree:
    """A node and all below it: what a search elsewhere needs to go on from there."""

    rows: FloatArray
    bound: FloatArray
    arrays: dict[str, npt.NDArray[Any]]


class SearchTree:
    """A search for all regions of a network in a box, held between calls of the kernel.

    Parameters
    ----------
    network
        With at least one layer.
    box
        With at least one free input.
    prune
        Called with the node wherever a layer is entered; True leaves out all below it.
    budget
        Pivots of one walk after which HiGHS decides instead.

    Attributes
    ----------
    n_lost
        Nodes that could not be finished for numerical reasons.
    n_asked
        How often HiGHS decided.
    n_cut_off
        Nodes left out by ``prune``.
    """

    def __init__(
        self,
        network: ReluNetwork,
        box: Box,
        tolerances: Tolerances,
        *,
        prune: Callable[[SearchNode], bool] | None = None,
        budget: int = _BUDGET,
    ) -> None:
        self.network, self.box = network, box
        self.n_lost = self.n_asked = self.n_cut_off = 0
        self._tolerances, self._prune, self._budget = tolerances, prune, budget
        self._n_bytes = (network.n_neurons + 7) // 8
        self._layers = _on_the_cube(network, box)
        self._node = _root(self._layers)
        self._stack = _stack(self._node, _DEPTH)
        self._numbers[kernel.N_CANDIDATES] = self._enter(0)
        self._fresh = prune is not None

    @property
    def finished(self) -> bool:
        """Whether nothing is left to search."""
        return not self._numbers[kernel.HERE] and not self._numbers[kernel.N_STACKED]

    @property
    def _numbers(self) -> "npt.NDArray[np.int64]":
        numbers: npt.NDArray[np.int64] = self._node.numbers
        return numbers

    def start_from(self, subtree: Subtree) -> None:
        """Search below one node only."""
        n_rows, d = subtree.bound.size, self._node.p.size
        self._node.rows[:, :n_rows], self._node.bound[:n_rows] = subtree.rows, subtree.bound
        for name, array in subtree.arrays.items():
            getattr(self._node, name)[: len(array)] = array
        for layer in range(1, int(self._numbers[kernel.LAYER]) + 1):
            self._compose(layer, d)
        self._numbers[kernel.N_STACKED] = 0
        self._fresh = False

    def regions(self, size: int, *, store: bool = True) -> Iterator[Found]:
        """All regions that are left, in the order of the search, at most ``size`` at a time."""
        done = False
        while not done:
            found, end = self._go_on(size, store, _NO_END)
            done = end == kernel.DONE
            if found.n_regions:
                yield found

    def parts(self, deepest: int) -> Iterator[Found | Subtree]:
        """The same in parts: the nodes with so many cuts, and the regions found before these."""
        while True:
            found, end = self._go_on(1, True, deepest)
            if found.n_regions:
                yield found
            if end == kernel.DEEP:
                yield self._taken_out()
            if end == kernel.DONE:
                return

    def _go_on(self, size: int, store: bool, deepest: int) -> tuple[Found, int]:
        """Call the kernel until the output is full, a node is deep or nothing is left."""
        room = size if store else 0
        patterns = np.zeros((room, self._n_bytes), dtype=np.uint8)
        points, radii = np.empty((room, self._node.p.size)), np.empty(room)
        n_found = 0
        if self._fresh:
            self._fresh = False
            self._judge()
        while True:
            end = kernel.search(
                self._layers, self._node, self._stack, patterns[n_found:], points[n_found:],
                radii[n_found:], store, size - n_found, self._prune is not None, deepest,
                self._budget, self._tolerances.inradius,
            )  # fmt: skip
            n_found += int(self._numbers[kernel.N_FOUND])
            if end in (kernel.DONE, kernel.FULL, kernel.DEEP):
                stored = n_found if store else 0
                found = Found(n_found, patterns[:stored], points[:stored], radii[:stored])
                return found, end
            self._answer(end)

    def _answer(self, question: int) -> None:
        if question == kernel.GROW:
            self._stack = _grown(self._stack)
        elif question == kernel.ENTERED:
            self._judge()
        elif question == kernel.ASK:
            self._decide()
        else:
            self.n_lost += 1
            self._numbers[kernel.HERE] = 0

    def _judge(self) -> None:
        if self._prune is not None and self._prune(self._at_node()):
            self.n_cut_off += 1
            self._numbers[kernel.HERE] = 0

    def _at_node(self) -> SearchNode:
        """The node at hand, in the box's own units."""
        node, layers, box = self._node, self._layers, self.box
        layer, n_rows = int(self._numbers[kernel.LAYER]), int(self._numbers[kernel.N_ROWS])
        units, d = self.network.layers[layer].n_units, node.p.size
        norm = layers.norm[layer, :units]
        weight, bias = self._unscaled(
            norm[:, None] * layers.F[layer, :units], norm * layers.h[layer, :units]
        )
        rows, bound = self._unscaled(node.rows[:, 2 * d : n_rows].T, -node.bound[2 * d : n_rows])
        before = [
            node.bits[i, : earlier.n_units][earlier.rectified]
            for i, earlier in enumerate(self.network.layers[:layer])
        ]
        pattern = np.concatenate([np.zeros(0, np.bool_), *before])
        return SearchNode(self.network, layer, pattern, weight, bias, Polytope(rows, -bound, box))

    def _unscaled(self, weight: FloatArray, bias: FloatArray) -> tuple[FloatArray, FloatArray]:
        """Forms over the cube as forms over the inputs; nothing depends on the fixed ones."""
        free = ~self.box.fixed
        found = np.zeros((weight.shape[0], self.box.n_inputs))
        found[:, free] = weight / self.box.half_width[free]
        return found, bias - found @ self.box.centre

    def _decide(self) -> None:
        """One candidate by HiGHS: how far its preactivation reaches to the other side."""
        self.n_asked += 1
        node, n_rows = self._node, int(self._numbers[kernel.N_ROWS])
        c = int(self._numbers[kernel.ASKED]) - 1
        ones = np.ones(node.p.size)
        program = LinearProgram(
            node.rows[:, :n_rows].T, node.bound[:n_rows], -ones, ones, self._tolerances
        )
        found = program.minimise(node.sign[c] * node.C[:, c])
        least = found.value + node.sign[c] * node.offset[c]
        cuts = least < -self._tolerances.inradius
        node.state[c] = kernel.CUT if cuts else kernel.KEPT

    def _taken_out(self) -> Subtree:
        node, numbers = self._node, self._numbers
        n_rows = int(numbers[kernel.N_ROWS])
        counts = {"s": n_rows, "candidates": int(numbers[kernel.N_CANDIDATES])}
        arrays = {name: getattr(node, name)[: counts.get(name)].copy() for name in _SUBTREE}
        numbers[kernel.HERE] = 0
        return Subtree(node.rows[:, :n_rows].copy(), node.bound[:n_rows].copy(), arrays)

    def _enter(self, layer: int) -> int:
        layers, node = self._layers, self._node
        return int(
            kernel.enter(
                layers.rectified, layers.width, layers.F, layers.h, layer, node.p.size,
                self._tolerances.inradius, node.bits, node.candidates,
            )
        )  # fmt: skip

    def _compose(self, layer: int, d: int) -> None:
        layers = self._layers
        kernel.compose(
            layers.weight, layers.bias, layers.rectified, layers.width, self._node.bits, layers.F,
            layers.h, layers.norm, layer, d,
        )  # fmt: skip


def _on_the_cube(network: ReluNetwork, box: Box) -> kernel.Layers:
    """The network as padded arrays; the forms of the first layer with rows of length 1."""
    free, layers = ~box.fixed, network.layers
    n_layers, widest, d = len(layers), max(layer.n_units for layer in layers), int(free.sum())
    weight, bias = np.zeros((n_layers, widest, widest)), np.zeros((n_layers, widest))
    rectified = np.zeros((n_layers, widest), dtype=np.bool_)
    F, h = np.zeros((n_layers, widest, d)), np.zeros((n_layers, widest))
    norm = np.ones((n_layers, widest))
    for i, layer in enumerate(layers):
        n = layer.n_units
        bias[i, :n], rectified[i, :n] = layer.bias, layer.rectified
        if i:
            weight[i, :n, : layer.weight.shape[1]] = dense(layer.weight)
    first = layers[0]
    forms = dense(first.weight)[:, free] * box.half_width[free]
    offset = applied(first.weight, box.centre) + first.bias
    size = applied(magnitudes(first.weight), np.abs(box.centre)) + np.abs(first.bias)
    length = np.linalg.norm(forms, axis=1)
    constant = length <= 1e-14 * size
    length = np.where(constant, 1.0, length)
    F[0, : first.n_units] = np.where(constant[:, None], 0.0, forms / length[:, None])
    h[0, : first.n_units], norm[0, : first.n_units] = offset / length, length
    width = np.array([layer.n_units for layer in layers])
    return kernel.Layers(weight, bias, rectified, width, F, h, norm)


def _root(layers: kernel.Layers) -> kernel.Node:
    """The whole cube, with a point near its middle and a corner for a vertex."""
    n_layers, widest, d = layers.F.shape
    n_rows = 2 * d + int(layers.rectified.sum()) + 1
    rows, s = np.zeros((d, n_rows)), np.zeros(n_rows)
    rows[:, :d], rows[:, d : 2 * d], s[d : 2 * d] = np.eye(d), -np.eye(d), 2.0
    numbers = np.zeros(kernel.N_NUMBERS, dtype=np.int64)
    numbers[kernel.N_ROWS], numbers[kernel.HERE] = 2 * d, 1
    # off the middle, where borders of symmetric networks meet; any point inside would do
    point = 0.1 * np.modf(np.sqrt(2.0) * np.arange(1, d + 1))[0] + 0.01
    whole = {"basis": d, "crossing_basis": d, "candidates": widest, "state": widest}
    shapes: dict[str, tuple[int, ...]] = {
        "crossing_T": (d, d), "C": (d, widest), "work": (d, 2 * d),
        "crossing_s": (n_rows,), "rate": (n_rows,), "reach": (n_rows,),
        "crossing_v": (d,), "witness": (d,), "cost": (d,), "direction": (d,),
        "sign": (widest,), "height": (widest,), "offset": (widest,), "at_v": (widest,),
    }  # fmt: skip
    arrays: dict[str, Any] = {name: np.zeros(shape) for name, shape in shapes.items()}
    arrays |= {name: np.arange(size, dtype=np.int64) for name, size in whole.items()}
    bits = np.zeros((n_layers, widest), dtype=np.bool_)
    radius = np.array([1.0 - float(point.max())])
    return kernel.Node(
        **arrays, rows=rows, bound=np.ones(n_rows), s=s, v=np.ones(d), T=np.eye(d), p=point,
        radius=radius, bits=bits, numbers=numbers,
    )  # fmt: skip


def _stack(node: kernel.Node, depth: int) -> kernel.Stack:
    d, n_rows, widest = node.p.size, node.bound.size, node.candidates.size
    numbers, integers = np.zeros, np.int64
    return kernel.Stack(
        layer=numbers(depth, integers), n_rows=numbers(depth, integers), row=numbers((depth, d)),
        bound=numbers(depth), s=numbers((depth, n_rows)), v=numbers((depth, d)),
        basis=numbers((depth, d), integers), T=numbers((depth, d, d)), p=numbers((depth, d)),
        radius=numbers(depth), bits=numbers((depth, widest), np.bool_),
        candidates=numbers((depth, widest), integers), n_candidates=numbers(depth, integers),
        age=numbers(depth, integers),
    )  # fmt: skip


def _grown(stack: kernel.Stack) -> kernel.Stack:
    """Room for twice as many nodes."""
    return kernel.Stack(*(np.concatenate([array, np.zeros_like(array)]) for array in stack))
