"""What the compiled search holds: the network, the node at hand, those that wait, what it found.

Legend: ``d`` inputs; ``rows``, ``bound``, ``s``, ``v``, ``basis``, ``T`` as in
:mod:`explainrelu.geometry.simplex`; of neuron ``j`` of layer ``l`` the form is
``z(x) = norm[l, j] (F[l, j] @ x + h[l, j])`` with ``F`` of length 1 (0 where it is constant), and
rounding may have moved ``F[l, j] @ x + h[l, j]`` by ``blur[l, j]`` somewhere in the cube.
"""

from collections import namedtuple

__all__ = [
    "AGE",
    "ASK",
    "ASKED",
    "CROSSED",
    "CUT",
    "DEEP",
    "DONE",
    "ENTERED",
    "FAST",
    "FULL",
    "GROW",
    "HERE",
    "KEPT",
    "LAYER",
    "N_CANDIDATES",
    "N_COMPOSED",
    "N_FOUND",
    "N_NUMBERS",
    "N_PIVOTS",
    "N_RECENTRED",
    "N_ROWS",
    "N_STACKED",
    "N_THIN",
    "N_WALKS",
    "UNKNOWN",
    "Layers",
    "Node",
    "Output",
    "Stack",
    "Thresholds",
]

FAST = {"contract", "nsz", "arcp", "reassoc", "nnan"}
"""How the compiler may rearrange sums; numbers that are none never come here."""

DONE, FULL, ASK, ENTERED, GROW, DEEP = range(6)
"""How a call of the search ends: nothing is left; the output is full; a candidate is not decided
after so many pivots, or rounding makes the answer doubtful; a layer was entered; the stack has to
grow; a node has as many cuts as were allowed."""

UNKNOWN, CUT, KEPT = range(3)
"""What is known of a candidate: nothing yet, that it cuts the polytope, that it does not."""

LAYER, N_ROWS, N_STACKED, HERE, N_FOUND, N_CANDIDATES, ASKED, AGE, CROSSED = range(9)
"""Places in ``Node.numbers``, the state of the search: layer, rows and candidates of the node; how
many wait; whether there is one at hand; regions found by this call; 1 + the candidate that was
asked for; pivots since the vertex was computed anew; the candidate whose border was crossed."""

N_THIN, N_PIVOTS, N_WALKS, N_COMPOSED, N_RECENTRED, N_NUMBERS = range(9, 15)
"""Places in ``Node.numbers``: parts left out since rounding leaves no point inside them; what was
done, for measuring."""

Layers = namedtuple("Layers", "weight bias rectified width F h norm blur")
"""The network on the cube, padded to the widest layer, and its forms at the node."""

Node = namedtuple(
    "Node",
    "rows bound s v basis T p radius bits candidates sign height need state "
    "crossing_s crossing_v crossing_basis crossing_T witness "
    "C offset at_v cost direction rate reach work numbers",
)
"""The node at hand, and room to work in.

Of candidate ``c`` (a place in ``candidates``): its form ``C[:, c] @ x + offset[c]``; ``height`` its
value at ``p`` and ``sign`` that value's sign; ``need``, beyond which it counts as on the other
side; ``state``. ``crossing_*`` is the vertex where a walk crossed a border, ``witness`` the vertex
behind it."""

Stack = namedtuple(
    "Stack", "layer n_rows row bound s v basis T p radius bits candidates n_candidates age"
)
"""The nodes that wait. All rows of a node but its last one are those of the node at hand."""

Output = namedtuple("Output", "bits points radius")
"""Of each region found its packed pattern, a point inside it, and the radius of a ball around that
point that is inside."""

Thresholds = namedtuple("Thresholds", "splitting inradius")
"""A neuron cuts where it reaches farther than ``splitting`` into both sides, or than rounding has
blurred it, but never has to reach farther than ``inradius``."""
