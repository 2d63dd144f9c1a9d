"""Two nodes out of one, and the next that waits, compiled."""

from numba import njit

from explainrelu.geometry.simplex import slacks
from explainrelu.regions.search.state import (
    AGE,
    CUT,
    FAST,
    HERE,
    LAYER,
    N_CANDIDATES,
    N_ROWS,
    N_STACKED,
    N_THIN,
)

__all__ = ["NO_ROOM_BEYOND", "NO_ROOM_HERE", "SPLIT", "leave_out", "split", "take_last"]

COMPILED_WITH = "20227f894853b58f"  # make format renews it

SPLIT, NO_ROOM_BEYOND, NO_ROOM_HERE = range(3)
"""How a split ends."""

_NO_ROOM = 1e-15  # a point closer than this to a row may be on its other side


@njit(cache=True, error_model="numpy", fastmath=FAST, inline="always")
def split(node, stack, c, width, layer, d):
    """Split along a candidate: the point keeps its side, the other side waits on the stack.

    Returns ``SPLIT``, or with nothing changed which side has a point without room around it; the
    one on the other side is left on the stack.
    """
    numbers, j, side = node.numbers, node.candidates[c], node.sign[c]
    top, m = numbers[N_STACKED], numbers[N_ROWS]
    share, away, across = _ways(node, c, d)
    for k in range(d):
        f = side * node.C[k, c]
        stack.p[top, k] = node.p[k] + share * (node.witness[k] - node.p[k]) - across * f
        stack.row[top, k] = node.p[k] + away * f
    beyond_radius = _room(node, stack.p[top], c, -side, m, d)
    own_radius = _room(node, stack.row[top], c, side, m, d)
    if beyond_radius < _NO_ROOM:
        return NO_ROOM_BEYOND
    if own_radius < _NO_ROOM:
        return NO_ROOM_HERE
    kept = 0
    for e in range(numbers[N_CANDIDATES]):
        if node.state[e] == CUT and e != c:
            stack.candidates[top, kept] = node.candidates[e]
            kept += 1
    for e in range(kept):
        node.candidates[e] = stack.candidates[top, e]
    for i in range(width):
        stack.bits[top, i] = node.bits[layer, i]
    stack.bits[top, j], node.bits[layer, j] = side < 0.0, side > 0.0
    for k in range(d):
        flipped = -1.0 if node.crossing_basis[k] == m else 1.0
        f = side * node.C[k, c]
        node.p[k] = stack.row[top, k]
        stack.row[top, k], node.rows[k, m] = f, -f
        stack.v[top, k] = node.v[k] = node.crossing_v[k]
        stack.basis[top, k] = node.basis[k] = node.crossing_basis[k]
        for i in range(d):
            node.T[k, i] = node.crossing_T[k, i]
            stack.T[top, k, i] = flipped * node.crossing_T[k, i]
    for i in range(m):
        stack.s[top, i] = node.s[i] = node.crossing_s[i]
    node.s[m] = 0.0
    stack.bound[top], node.bound[m] = -side * node.offset[c], side * node.offset[c]
    stack.radius[top], node.radius[0] = beyond_radius, own_radius
    stack.layer[top], stack.n_rows[top], stack.n_candidates[top] = layer, m, kept
    stack.age[top] = numbers[AGE]
    numbers[N_STACKED], numbers[N_CANDIDATES], numbers[N_ROWS] = top + 1, kept, m + 1
    return SPLIT


@njit(cache=True, error_model="numpy", fastmath=FAST, inline="always")
def _ways(node, c, d):
    """How to come to points with room around them on both sides of a border.

    On the other side it is a point between the border and the witness or, where more room is
    around it, one across the border in the ball around ``p``; ``p`` itself moves away from the
    border. With ``f`` the unit normal towards the own side they are ``p + share (witness - p) -
    across f`` and ``p + away f``.

    Returns
    -------
    share, away, across
    """
    side, r = node.sign[c], node.radius[0]
    zp, zw = side * node.height[c], side * node.offset[c]
    for k in range(d):
        zw += side * node.C[k, c] * node.witness[k]
    share, away = 0.5, 0.0
    if zp > zw:
        share += 0.5 * zp / (zp - zw)
    if zp < r:
        away = 0.5 * (r - zp)
        if away > min((1.0 - share) * r, -(zp + share * (zw - zp))):
            return 0.0, away, 0.5 * (r + zp)
    return share, away, 0.0


@njit(cache=True, error_model="numpy", fastmath=FAST, inline="always")
def _room(node, point, c, side, m, d):
    """Distance of a point to the nearest row, or to the border of a candidate from one side."""
    z = node.offset[c]
    for k in range(d):
        z += node.C[k, c] * point[k]
    return min(side * z, slacks(node.rows, node.bound, m, d, point, node.rate))


@njit(cache=True, error_model="numpy", fastmath=FAST, inline="always")
def take_last(node, stack, widths, d):
    """Make the node that waited last the one at hand."""
    numbers = node.numbers
    top = numbers[N_STACKED] - 1
    layer, m = stack.layer[top], stack.n_rows[top]
    for k in range(d):
        node.rows[k, m] = stack.row[top, k]
        node.p[k], node.v[k], node.basis[k] = stack.p[top, k], stack.v[top, k], stack.basis[top, k]
        for i in range(d):
            node.T[k, i] = stack.T[top, k, i]
    for i in range(m):
        node.s[i] = stack.s[top, i]
    node.s[m], node.bound[m] = 0.0, stack.bound[top]
    for i in range(widths[layer]):
        node.bits[layer, i] = stack.bits[top, i]
    for c in range(stack.n_candidates[top]):
        node.candidates[c] = stack.candidates[top, c]
    node.radius[0] = stack.radius[top]
    numbers[LAYER], numbers[N_ROWS], numbers[HERE], numbers[N_STACKED] = layer, m + 1, 1, top
    numbers[N_CANDIDATES], numbers[AGE] = stack.n_candidates[top], stack.age[top]


@njit(cache=True, error_model="numpy")
def leave_out(node, stack, c, layer, here, d):
    """Leave out the part on one side of a candidate, since no point in floating point is in it."""
    numbers, side, kept = node.numbers, node.sign[c], 0
    if here:  # the point goes to the other side
        side = -side
        for k in range(d):
            node.p[k] = stack.p[numbers[N_STACKED], k]
        node.radius[0] = slacks(node.rows, node.bound, numbers[N_ROWS], d, node.p, node.rate)
    node.bits[layer, node.candidates[c]] = side > 0.0
    for e in range(numbers[N_CANDIDATES]):
        if node.state[e] == CUT and e != c:
            node.candidates[kept] = node.candidates[e]
            kept += 1
    numbers[N_CANDIDATES] = kept
    numbers[N_THIN] += 1
