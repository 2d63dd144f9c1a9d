"""The compiled search for all linear regions of a cube: split, depth first, one warm simplex.

A *node* is a polytope ``P`` on which the layers before ``layer`` are affine and some neurons of
``layer`` are decided. It has a point ``p`` inside it, a vertex ``v`` with its basis, and the
*candidates*: the neurons of the layer that may still cut it. Each candidate is walked from ``v``
towards the side on which ``p`` is not, until a vertex lies there (it cuts) or none can (it does
not, here or in any part of ``P``). Where some cut, ``P`` is split along one of them, ``p`` keeps
its side and the other side waits on a stack; where none does, the next layer is entered, and
behind the last layer ``P`` is a linear region.

The search is a tree whose leaves partition the cube, so that none is missed but what is thinner
than the tolerance. It runs until an array is full, a limit is reached or a question has to be
asked, and goes on from there when it is called again.

Legend: ``d`` inputs; ``rows``, ``bound``, ``s``, ``v``, ``basis``, ``T`` as in
:mod:`explainrelu.geometry.simplex`; of neuron ``j`` of layer ``l`` the form is
``z(x) = norm[l, j] (F[l, j] @ x + h[l, j])`` with ``F`` of length 1 (0 where it is constant).
"""

from collections import namedtuple

import numpy as np
from numba import njit

from explainrelu.geometry.borrowed import borrowed
from explainrelu.geometry.simplex import (
    find_edge,
    refactored,
    replace_row,
    slacks,
    take_edge,
    vertex_from,
)

__all__ = [
    "AGE",
    "ASK",
    "ASKED",
    "CUT",
    "DEEP",
    "DONE",
    "ENTERED",
    "FULL",
    "GROW",
    "HERE",
    "KEPT",
    "LAYER",
    "LOST",
    "N_CANDIDATES",
    "N_FOUND",
    "N_NUMBERS",
    "N_PIVOTS",
    "N_ROWS",
    "N_STACKED",
    "N_UNSETTLED",
    "Layers",
    "Node",
    "Stack",
    "compose",
    "enter",
    "search",
]

DONE, FULL, ASK, ENTERED, GROW, DEEP, LOST = range(7)
"""How a call of :func:`search` ends: nothing is left; the output is full; a candidate is not
decided after so many pivots; a layer was entered; the stack has to grow; a node has as many cuts
as were allowed; a border that is known to be there could not be reached."""

UNKNOWN, CUT, KEPT = range(3)
"""What is known of a candidate: nothing yet, that it cuts the polytope, that it does not."""

LAYER, N_ROWS, N_STACKED, HERE, N_FOUND, N_CANDIDATES, ASKED, AGE = range(8)
"""Places in ``Node.numbers``: the state of the search."""

N_PIVOTS, N_WALKS, N_COMPOSED, N_RECENTRED, N_UNSETTLED, N_NUMBERS = range(8, 14)
"""Places in ``Node.numbers``: what was done, for measuring."""

Layers = namedtuple("Layers", "weight bias rectified width F h norm")
Node = namedtuple(
    "Node",
    "rows bound s v basis T p radius bits candidates sign height state "
    "crossing_s crossing_v crossing_basis crossing_T witness "
    "C offset at_v cost direction rate reach work numbers",
)
Stack = namedtuple(
    "Stack", "layer n_rows row bound s v basis T p radius bits candidates n_candidates age"
)

_AGE = 100  # pivots after which a vertex is computed anew
_NEAR = 1e-6  # a point closer than this to a face is moved to the middle of its chords
_ENOUGH = 100_000  # pivots within which a walk guarded against cycling must have ended
_NOWHERE = -(1 << 40)
_LATE = 30  # pivots of one walk after which cycling is guarded against


@njit(cache=True, error_model="numpy")
def search(
    layers,
    node,
    stack,
    found_bits,
    found_points,
    found_radius,
    store,
    limit,
    judged,
    deepest,
    budget,
    tol,
):
    """Go on searching; see the head of the module.

    Parameters
    ----------
    layers, node, stack
        The network on the cube, the node at hand and those that wait; changed in place.
    found_bits, found_points, found_radius
        For each region found its packed pattern, a point inside it, and the radius of a ball
        around that point that is inside; only written with ``store``.
    limit
        Regions to find before returning ``FULL``.
    judged
        Whether to return ``ENTERED`` wherever a layer is entered.
    deepest
        Cuts on the way to a node from which on ``DEEP`` is returned instead of going on.
    budget
        Pivots of one walk before returning ``ASK``.
    tol
        A neuron cuts where it reaches farther than this into both sides.
    """
    d = node.p.shape[0]
    rows, bound, s = borrowed(node.rows), borrowed(node.bound), borrowed(node.s)
    v, basis, T = borrowed(node.v), borrowed(node.basis), borrowed(node.T)
    p, radius, bits = borrowed(node.p), borrowed(node.radius), borrowed(node.bits)
    candidates, sign = borrowed(node.candidates), borrowed(node.sign)
    height, state = borrowed(node.height), borrowed(node.state)
    crossing_s, crossing_v = borrowed(node.crossing_s), borrowed(node.crossing_v)
    crossing_basis, crossing_T = borrowed(node.crossing_basis), borrowed(node.crossing_T)
    witness, C, offset = borrowed(node.witness), borrowed(node.C), borrowed(node.offset)
    at_v, cost, direction = borrowed(node.at_v), borrowed(node.cost), borrowed(node.direction)
    rate, reach = borrowed(node.rate), borrowed(node.reach)
    work, numbers = borrowed(node.work), borrowed(node.numbers)
    weight, bias, rectified = (
        borrowed(layers.weight),
        borrowed(layers.bias),
        borrowed(layers.rectified),
    )
    width, F, h, norm = (
        borrowed(layers.width),
        borrowed(layers.F),
        borrowed(layers.h),
        borrowed(layers.norm),
    )
    w_layer, w_rows, w_row = borrowed(stack.layer), borrowed(stack.n_rows), borrowed(stack.row)
    w_bound, w_s, w_v = borrowed(stack.bound), borrowed(stack.s), borrowed(stack.v)
    w_basis, w_T, w_p = borrowed(stack.basis), borrowed(stack.T), borrowed(stack.p)
    w_radius, w_bits, w_age = borrowed(stack.radius), borrowed(stack.bits), borrowed(stack.age)
    w_candidates, w_n = borrowed(stack.candidates), borrowed(stack.n_candidates)
    out_bits, out_points, out_radius = (
        borrowed(found_bits),
        borrowed(found_points),
        borrowed(found_radius),
    )
    n_layers, n_found, asked = width.shape[0], 0, numbers[ASKED]
    numbers[ASKED] = 0
    while True:
        if numbers[HERE] == 0:
            top = numbers[N_STACKED] - 1
            if top < 0:
                numbers[N_FOUND] = n_found
                return DONE
            # ---- the node that waited last
            numbers[N_STACKED] = top
            layer, m = w_layer[top], w_rows[top]
            for k in range(d):
                rows[k, m] = w_row[top, k]
                p[k], v[k], basis[k] = w_p[top, k], w_v[top, k], w_basis[top, k]
                for i in range(d):
                    T[k, i] = w_T[top, k, i]
            for i in range(m):
                s[i] = w_s[top, i]
            s[m], bound[m] = 0.0, w_bound[top]
            for i in range(width[layer]):
                bits[layer, i] = w_bits[top, i]
            for c in range(w_n[top]):
                candidates[c] = w_candidates[top, c]
            radius[0] = w_radius[top]
            numbers[LAYER], numbers[N_ROWS], numbers[HERE] = layer, m + 1, 1
            numbers[N_CANDIDATES], numbers[AGE] = w_n[top], w_age[top]
        layer, m, n = numbers[LAYER], numbers[N_ROWS], numbers[N_CANDIDATES]
        if numbers[N_STACKED] >= w_layer.shape[0]:
            numbers[N_FOUND] = n_found
            return GROW
        if m - 2 * d >= deepest:
            numbers[N_FOUND] = n_found
            return DEEP
        if asked == 0:
            if radius[0] < _NEAR:
                radius[0] = _recentred(rows, bound, rate, p, cost, m, d)
                numbers[N_RECENTRED] += 1
            if numbers[AGE] > _AGE:
                if not refactored(rows, bound, s, m, d, v, basis, T, work):
                    vertex_from(rows, bound, s, m, d, p, v, basis, T, work, direction)
                numbers[AGE] = 0
            n_cut = _surveyed(
                F,
                h,
                layer,
                d,
                candidates,
                n,
                p,
                v,
                radius[0] - tol,
                tol,
                C,
                offset,
                sign,
                height,
                state,
            )
        else:
            n_cut = 0
            for c in range(n):
                n_cut += state[c] == CUT
        # ---- every candidate is decided
        crossed = -1
        for c in range(n):
            if state[c] != UNKNOWN:
                continue
            numbers[N_WALKS] += 1
            z = sign[c] * offset[c]
            for k in range(d):
                cost[k] = sign[c] * C[k, c]
                z += cost[k] * v[k]
            pivots = 0
            while state[c] == UNKNOWN:
                if pivots >= budget:
                    numbers[N_UNSETTLED] += 1
                    numbers[ASKED], numbers[N_FOUND] = c + 1, n_found
                    return ASK
                leaving, entering, length = find_edge(
                    rows, s, m, d, basis, T, cost, direction, rate, reach, pivots > _LATE
                )
                if leaving < 0:
                    state[c] = KEPT
                    break
                slope = 0.0
                for k in range(d):
                    slope += cost[k] * direction[k]
                beyond = z + length * slope
                if beyond < -tol and crossed < 0:
                    crossed = c
                    _cross(
                        rows, s, m, d, v, basis, T, cost, direction, rate, leaving,
                        min(max(-z / slope, 0.0), length), -1.0,
                        crossing_s, crossing_v, crossing_basis, crossing_T,
                    )  # fmt: skip
                    for k in range(d):
                        witness[k] = v[k] + length * direction[k]
                take_edge(rows, s, m, d, v, basis, T, direction, rate, leaving, entering, length)
                z = beyond
                pivots += 1
                n_cut += _witnessed(C, offset, sign, state, at_v, v, c, n, d, tol)
            numbers[N_PIVOTS] += pivots
            numbers[AGE] += pivots
        asked = 0
        for c in range(n):
            if state[c] == KEPT:
                bits[layer, candidates[c]] = sign[c] > 0.0
        if n_cut == 0:
            if layer + 1 < n_layers:
                numbers[LAYER] = layer + 1
                numbers[N_COMPOSED] += 1
                compose(weight, bias, rectified, width, bits, F, h, norm, layer + 1, d)
                numbers[N_CANDIDATES] = enter(
                    rectified, width, F, h, layer + 1, d, tol, bits, candidates
                )
                if judged:
                    numbers[N_FOUND] = n_found
                    return ENTERED
                continue
            if store:
                _write(out_bits, n_found, bits, rectified, width)
                for k in range(d):
                    out_points[n_found, k] = p[k]
                out_radius[n_found] = radius[0]
            n_found += 1
            numbers[HERE] = 0
            if n_found >= limit:
                numbers[N_FOUND] = n_found
                return FULL
            continue
        # ---- the polytope is split along one neuron that cuts
        if crossed < 0:
            crossed = _walk_to_the_border(
                rows, s, m, d, v, basis, T, cost, direction, rate, reach, C, offset, sign, state, n,
                crossing_s, crossing_v, crossing_basis, crossing_T, witness, numbers, budget, tol,
            )  # fmt: skip
            if crossed == _NOWHERE:
                numbers[N_FOUND] = n_found
                return LOST
            if crossed < 0:
                # within the tolerance all of the polytope is on one side, or on the other one
                c = (-1 - crossed) % n
                side = sign[c] if -1 - crossed < n else -sign[c]
                bits[layer, candidates[c]] = side > 0.0
                numbers[N_CANDIDATES] = _left(candidates, state, n, c)
                continue
        c, j = crossed, candidates[crossed]
        side, top = sign[c], numbers[N_STACKED]
        zp = side * height[c]
        zw = side * offset[c]
        for k in range(d):
            zw += side * C[k, c] * witness[k]
        # on the other side a point between the border and the witness, or where more room is
        # around it, a point across the border in the ball around p; p itself moves away from it
        share, away, across = 0.5, 0.0, 0.0
        if zp > zw:
            share += 0.5 * zp / (zp - zw)
        r = radius[0]
        beyond_r, own_r = min((1.0 - share) * r, -(zp + share * (zw - zp))), min(r, zp)
        if zp < r:
            away, own_r = 0.5 * (r - zp), 0.5 * (r + zp)
            if away > beyond_r:
                share, across, beyond_r = 0.0, own_r, away
        kept = 0
        for e in range(n):
            if state[e] == CUT and e != c:
                w_candidates[top, kept] = candidates[e]
                kept += 1
        for e in range(kept):
            candidates[e] = w_candidates[top, e]
        for i in range(width[layer]):
            w_bits[top, i] = bits[layer, i]
        w_bits[top, j], bits[layer, j] = side < 0.0, side > 0.0
        for k in range(d):
            flipped = -1.0 if crossing_basis[k] == m else 1.0
            f = side * C[k, c]
            w_row[top, k], rows[k, m] = f, -f
            w_p[top, k] = p[k] + share * (witness[k] - p[k]) - across * f
            p[k] += away * f
            w_v[top, k] = v[k] = crossing_v[k]
            w_basis[top, k] = basis[k] = crossing_basis[k]
            for i in range(d):
                T[k, i] = crossing_T[k, i]
                w_T[top, k, i] = flipped * crossing_T[k, i]
        for i in range(m):
            w_s[top, i] = s[i] = crossing_s[i]
        s[m] = 0.0
        w_bound[top], bound[m] = -side * offset[c], side * offset[c]
        w_radius[top], radius[0] = beyond_r, own_r
        w_layer[top], w_rows[top], w_n[top], w_age[top] = layer, m, kept, numbers[AGE]
        numbers[N_STACKED], numbers[N_CANDIDATES], numbers[N_ROWS] = top + 1, kept, m + 1


@njit(cache=True, error_model="numpy")
def compose(weight, bias, rectified, width, bits, F, h, norm, layer, d):
    """The forms of a layer on a polytope where the layer before it has the pattern ``bits``."""
    before = layer - 1
    for i in range(width[layer]):
        for k in range(d):
            F[layer, i, k] = 0.0
        c = bias[layer, i]
        size = abs(c)
        for j in range(width[before]):
            w = weight[layer, i, j] * norm[before, j]
            if w == 0.0 or (rectified[before, j] and not bits[before, j]):
                continue
            size += abs(w) * (1.0 + abs(h[before, j]))
            c += w * h[before, j]
            for k in range(d):
                F[layer, i, k] += w * F[before, j, k]
        length = 0.0
        for k in range(d):
            length += F[layer, i, k] * F[layer, i, k]
        length = np.sqrt(length)
        if length <= 1e-14 * size:  # what is left of terms that cancel is rounding
            for k in range(d):
                F[layer, i, k] = 0.0
            length = 1.0
            c = c if abs(c) > 1e-14 * size else 0.0
        for k in range(d):
            F[layer, i, k] /= length
        h[layer, i] = c / length
        norm[layer, i] = length


@njit(cache=True, error_model="numpy")
def enter(rectified, width, F, h, layer, d, tol, bits, candidates):
    """The number of neurons of a layer that may cut; the others get their bit from the cube."""
    n = 0
    for i in range(width[layer]):
        if not rectified[layer, i]:
            continue
        reach = 0.0
        for k in range(d):
            reach += abs(F[layer, i, k])
        if abs(h[layer, i]) >= reach - tol:
            bits[layer, i] = h[layer, i] > 0.0
        else:
            candidates[n] = i
            n += 1
    return n


@njit(cache=True, error_model="numpy")
def _surveyed(F, h, layer, d, candidates, n, p, v, ball, tol, C, offset, sign, height, state):
    """Side of the point, and which candidates are seen to cut at once; how many these are."""
    n_cut = 0
    for c in range(n):
        j = candidates[c]
        z, at_v = h[layer, j], h[layer, j]
        offset[c] = z
        for k in range(d):
            f = F[layer, j, k]
            C[k, c] = f
            z += f * p[k]
            at_v += f * v[k]
        height[c] = z
        sign[c] = 1.0 if z > 0.0 else -1.0
        if abs(z) < ball or sign[c] * at_v < -tol:
            state[c] = CUT
            n_cut += 1
        else:
            state[c] = UNKNOWN
    return n_cut


@njit(cache=True, error_model="numpy", fastmath={"contract", "nsz", "arcp", "reassoc"})
def _witnessed(C, offset, sign, state, at_v, v, first, n, d, tol):
    """How many more candidates the vertex shows to cut."""
    a, b = np.uint64(first), np.uint64(n)
    for e in range(a, b):
        at_v[e] = offset[e]
    for k in range(np.uint64(d)):
        x = v[k]
        for e in range(a, b):
            at_v[e] += C[k, e] * x
    more = 0
    for e in range(first, n):
        if state[e] == UNKNOWN and sign[e] * at_v[e] < -tol:
            state[e] = CUT
            more += 1
    return more


@njit(cache=True, error_model="numpy")
def _cross(
    rows,
    s,
    m,
    d,
    v,
    basis,
    T,
    cost,
    direction,
    rate,
    leaving,
    length,
    flip,
    to_s,
    to_v,
    to_basis,
    to_T,
):
    """The vertex where an edge crosses the border; ``flip * cost`` is row ``m`` of its basis."""
    for i in range(m):
        to_s[i] = max(s[i] - length * rate[i], 0.0)
    for k in range(d):
        rows[k, m] = flip * cost[k]
        to_v[k] = v[k] + length * direction[k]
        to_basis[k] = basis[k]
        for i in range(d):
            to_T[k, i] = T[k, i]
    replace_row(rows, m, d, to_T, leaving)
    to_basis[leaving] = m


@njit(cache=True, error_model="numpy")
def _walk_to_the_border(
    rows, s, m, d, v, basis, T, cost, direction, rate, reach, C, offset, sign, state, n,
    crossing_s, crossing_v, crossing_basis, crossing_T, witness, numbers, budget, tol,
):  # fmt: skip
    """Cross the border of a neuron that cuts, from whichever side the vertex is on.

    Returns the candidate; ``-1 - candidate`` where nothing is beyond the border, ``-1 - n -
    candidate`` where nothing is on this side of it but the point; ``_NOWHERE`` without an answer.
    """
    c = 0
    while state[c] != CUT:
        c += 1
    z = sign[c] * offset[c]
    for k in range(d):
        z += sign[c] * C[k, c] * v[k]
    down = 1.0 if z >= 0.0 else -1.0  # the walk goes to the side on which the vertex is not
    z *= down
    for k in range(d):
        cost[k] = down * sign[c] * C[k, c]
    numbers[N_WALKS] += 1
    for pivots in range(_ENOUGH):
        leaving, entering, length = find_edge(
            rows, s, m, d, basis, T, cost, direction, rate, reach, pivots > _LATE
        )
        if leaving < 0:
            return -1 - c if down > 0.0 else -1 - n - c
        slope = 0.0
        for k in range(d):
            slope += cost[k] * direction[k]
        beyond = z + length * slope
        if beyond < -tol:
            _cross(
                rows, s, m, d, v, basis, T, cost, direction, rate, leaving,
                min(max(-z / slope, 0.0), length), -down,
                crossing_s, crossing_v, crossing_basis, crossing_T,
            )  # fmt: skip
            for k in range(d):
                witness[k] = v[k] + (length * direction[k] if down > 0.0 else 0.0)
            return c
        take_edge(rows, s, m, d, v, basis, T, direction, rate, leaving, entering, length)
        z = beyond
        numbers[N_PIVOTS] += 1
        numbers[AGE] += 1
    return _NOWHERE


@njit(cache=True, error_model="numpy")
def _left(candidates, state, n, out):
    """The candidates that cut, without one of them; how many these are."""
    kept = 0
    for e in range(n):
        if state[e] == CUT and e != out:
            candidates[kept] = candidates[e]
            kept += 1
    return kept


@njit(cache=True, error_model="numpy")
def _recentred(rows, bound, room, p, old, m, d):
    """Move the point to the middle of its chord along each axis, where that gives it more room.

    Returns the radius of a ball around it that is inside.
    """
    before = slacks(rows, bound, m, d, p, room)
    for k in range(d):
        old[k] = p[k]
        up, down = np.inf, np.inf
        for i in range(m):
            a = rows[k, i]
            if a > 1e-12:
                up = min(up, room[i] / a)
            elif a < -1e-12:
                down = min(down, -room[i] / a)
        step = 0.5 * (up - down)
        p[k] += step
        for i in range(m):
            room[i] -= step * rows[k, i]
    after = slacks(rows, bound, m, d, p, room)
    if after >= before:
        return after
    for k in range(d):
        p[k] = old[k]
    return before


@njit(cache=True, error_model="numpy")
def _write(out_bits, place, bits, rectified, width):
    """The pattern of all layers, packed as :func:`numpy.packbits` packs it."""
    byte, position = np.uint8(0), 0
    for layer in range(width.shape[0]):
        for i in range(width[layer]):
            if rectified[layer, i]:
                if bits[layer, i]:
                    byte |= np.uint8(128 >> (position & 7))
                position += 1
                if position & 7 == 0:
                    out_bits[place, (position >> 3) - 1] = byte
                    byte = np.uint8(0)
    if position & 7:
        out_bits[place, position >> 3] = byte
