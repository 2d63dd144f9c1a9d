"""Going on with a search: what stands around the compiled kernel and answers its questions."""

from collections.abc import Callable, Iterator

import numpy as np
import numpy.typing as npt

import explainrelu.regions.search.state as at
from explainrelu.arrays import FloatArray
from explainrelu.geometry.box import Box
from explainrelu.geometry.linear_program import LinearProgram
from explainrelu.geometry.polytope import Polytope
from explainrelu.network.network import ReluNetwork
from explainrelu.regions.search.exact import decide_exactly
from explainrelu.regions.search.forms import compose, enter
from explainrelu.regions.search.kernel import search
from explainrelu.regions.search.records import Found, SearchNode, Subtree
from explainrelu.regions.search.start import grown, layers_on_the_cube, root, stack_for
from explainrelu.tolerances import Tolerances

__all__ = ["SearchTree"]

_DEPTH = 64  # nodes the stack has room for at first
_NO_END = 1 << 40
_BUDGET = 2000  # pivots of one walk before it is decided otherwise
_EXACT_INPUTS = 10
_SUBTREE = ("s", "v", "basis", "T", "p", "radius", "bits", "candidates", "numbers")


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
        Pivots of one walk after which it is decided otherwise.
    exact_inputs
        Free inputs up to which doubts are settled in fractions; HiGHS settles them above, within
        the tolerance for regions instead of that for splitting.

    Attributes
    ----------
    n_lost
        Nodes that could not be finished for numerical reasons.
    n_asked
        How often a doubt was settled otherwise.
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
        exact_inputs: int = _EXACT_INPUTS,
    ) -> None:
        self.network, self.box = network, box
        self.n_lost = self.n_asked = self.n_cut_off = 0
        self._tolerances, self._prune, self._budget = tolerances, prune, budget
        self._exact_inputs = exact_inputs
        self._thresholds = at.Thresholds(tolerances.splitting, tolerances.inradius)
        self._n_bytes = (network.n_neurons + 7) // 8
        self._layers = layers_on_the_cube(network, box)
        self._node = root(self._layers)
        self._stack = stack_for(self._node, _DEPTH)
        self._numbers[at.N_CANDIDATES] = enter(
            self._layers, self._node.bits, self._node.candidates, 0, self._node.p.size,
            tolerances.splitting,
        )  # fmt: skip
        self._fresh = prune is not None

    @property
    def finished(self) -> bool:
        """Whether nothing is left to search."""
        return not self._numbers[at.HERE] and not self._numbers[at.N_STACKED]

    @property
    def n_thin(self) -> int:
        """Parts left out since no point in floating point lies inside them."""
        return int(self._numbers[at.N_THIN])

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
        for layer in range(1, int(self._numbers[at.LAYER]) + 1):
            compose(self._layers, self._node.bits, layer, d)
        self._numbers[at.N_STACKED] = 0
        self._fresh = False

    def regions(self, size: int, *, store: bool = True) -> Iterator[Found]:
        """All regions that are left, in the order of the search, at most ``size`` at a time."""
        done = False
        while not done:
            found, end = self._go_on(size, store, _NO_END)
            done = end == at.DONE
            if found.n_regions:
                yield found

    def parts(self, deepest: int) -> Iterator[Found | Subtree]:
        """The same in parts: the nodes with so many cuts, and the regions found before these."""
        while True:
            found, end = self._go_on(1, True, deepest)
            if found.n_regions:
                yield found
            if end == at.DEEP:
                yield self._taken_out()
            if end == at.DONE:
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
            output = at.Output(patterns[n_found:], points[n_found:], radii[n_found:])
            end = search(
                self._layers, self._node, self._stack, output, self._thresholds, size - n_found,
                self._budget, deepest, self._prune is not None,
            )  # fmt: skip
            n_found += int(self._numbers[at.N_FOUND])
            if end in (at.DONE, at.FULL, at.DEEP):
                stored = n_found if store else 0
                found = Found(n_found, patterns[:stored], points[:stored], radii[:stored])
                return found, end
            self._answer(end)

    def _answer(self, question: int) -> None:
        if question == at.GROW:
            self._stack = grown(self._stack)
        elif question == at.ENTERED:
            self._judge()
        else:
            self.n_asked += 1
            self._decide()

    def _judge(self) -> None:
        if self._prune is not None and self._prune(self._at_node()):
            self.n_cut_off += 1
            self._numbers[at.HERE] = 0

    def _at_node(self) -> SearchNode:
        """The node at hand, in the box's own units."""
        node, layers, box = self._node, self._layers, self.box
        layer, n_rows = int(self._numbers[at.LAYER]), int(self._numbers[at.N_ROWS])
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
        """What rounding leaves in doubt: in fractions, or by HiGHS where there are many inputs."""
        node, d = self._node, self._node.p.size
        n_rows, c = int(self._numbers[at.N_ROWS]), int(self._numbers[at.ASKED]) - 1
        if d <= self._exact_inputs:
            if not decide_exactly(node):
                self.n_lost += 1
                self._numbers[at.HERE] = self._numbers[at.ASKED] = 0
            return
        program = LinearProgram(
            node.rows[:, :n_rows].T, node.bound[:n_rows], -np.ones(d), np.ones(d), self._tolerances
        )
        found = program.minimise(node.sign[c] * node.C[:, c])
        least = found.value + node.sign[c] * node.offset[c]
        cuts = least < -self._tolerances.inradius
        node.state[c] = at.CUT if cuts else at.KEPT

    def _taken_out(self) -> Subtree:
        node, numbers = self._node, self._numbers
        n_rows = int(numbers[at.N_ROWS])
        counts = {"s": n_rows, "candidates": int(numbers[at.N_CANDIDATES])}
        arrays = {name: getattr(node, name)[: counts.get(name)].copy() for name in _SUBTREE}
        numbers[at.HERE] = 0
        return Subtree(node.rows[:, :n_rows].copy(), node.bound[:n_rows].copy(), arrays)
