"""The compiled search for all linear regions of a cube: split, depth first, one warm simplex.

A *node* is a polytope ``P`` on which the layers before ``layer`` are affine and some neurons of
``layer`` are decided. It has a point ``p`` inside it, a vertex ``v`` with its basis, and the
*candidates*: the neurons of the layer that may still cut it. Each candidate is walked from ``v``
towards the side on which ``p`` is not, until a vertex lies there (it cuts) or none can (it does
not, here or in any part of ``P``). Where some cut, ``P`` is split along one of them, ``p`` keeps
its side and the other side waits on a stack; where none does, the next layer is entered, and
behind the last layer ``P`` is a linear region.

The search is a tree whose leaves partition the cube, so that none is missed but what rounding
hides. It runs until an array is full, a limit is reached or a question has to be asked, and goes
on from there when it is called again. Names and letters are those of
:mod:`explainrelu.regions.search.state`.
"""

import numpy as np
from numba import njit

from explainrelu.geometry.borrowed import borrowed
from explainrelu.regions.search.centring import steady
from explainrelu.regions.search.deciding import cross_a_border, decide, survey
from explainrelu.regions.search.forms import next_layer
from explainrelu.regions.search.splitting import (
    NO_ROOM_BEYOND,
    NO_ROOM_HERE,
    SPLIT,
    leave_out,
    split,
    take_last,
)
from explainrelu.regions.search.state import (
    ASK,
    ASKED,
    CROSSED,
    CUT,
    DEEP,
    DONE,
    ENTERED,
    FAST,
    FULL,
    GROW,
    HERE,
    KEPT,
    LAYER,
    N_CANDIDATES,
    N_FOUND,
    N_ROWS,
    N_STACKED,
)

__all__ = ["search"]

COMPILED_WITH = "9066852280abdd75"  # make format renews it


@njit(cache=True, error_model="numpy", fastmath=FAST, nogil=True)
def search(layers, node, stack, output, thresholds, limit, budget, deepest, judged):
    """Go on searching; see the head of the module.

    Parameters
    ----------
    layers, node, stack
        The network on the cube, the node at hand and those that wait; changed in place.
    output
        Where regions are written; with no room in it they are only counted.
    thresholds
        When a neuron cuts.
    limit
        Regions to find before returning ``FULL``.
    budget
        Pivots of one walk before returning ``ASK``; where ``ASKED`` was not 0 before the call, the
        state of the candidate asked for is the answer.
    deepest
        Cuts on the way to a node from which on ``DEEP`` is returned instead of going on.
    judged
        Whether to return ``ENTERED`` wherever a layer is entered.
    """
    layers, node, stack, output = (
        borrowed(layers),
        borrowed(node),
        borrowed(stack),
        borrowed(output),
    )
    numbers, d, n_layers = node.numbers, node.p.shape[0], layers.width.shape[0]
    n_found = 0
    while True:
        if numbers[HERE] == 0:
            if numbers[N_STACKED] == 0:
                end = DONE
                break
            take_last(node, stack, layers.width, d)
        if numbers[N_STACKED] >= stack.layer.shape[0]:
            end = GROW
            break
        if numbers[N_ROWS] - 2 * d >= deepest:
            end = DEEP
            break
        layer = numbers[LAYER]
        answered = numbers[ASKED] != 0
        numbers[ASKED] = 0
        if not answered:
            steady(node, d)
            survey(layers, node, layer, d, thresholds)
        if not decide(node, d, budget):
            end = ASK
            break
        n_cut = _settled(node, layer)
        if n_cut == 0 and layer + 1 < n_layers:
            numbers[LAYER] = layer + 1
            next_layer(layers, node, layer + 1, d, thresholds.splitting)
            if judged:
                end = ENTERED
                break
        elif n_cut == 0:
            if output.radius.shape[0] > 0:
                _write(output, n_found, node, layers, d)
            n_found += 1
            numbers[HERE] = 0
            if n_found >= limit:
                end = FULL
                break
        else:
            c, crossed = numbers[CROSSED], True
            if c < 0:
                c, crossed = cross_a_border(node, d)
            how = NO_ROOM_BEYOND
            if crossed:
                how = split(node, stack, c, layers.width[layer], layer, d)
            if how != SPLIT and not answered:
                numbers[ASKED] = c + 1
                end = ASK
                break
            if how != SPLIT:
                leave_out(node, stack, c, layer, how == NO_ROOM_HERE, d)
    numbers[N_FOUND] = n_found
    return end


@njit(cache=True, error_model="numpy", fastmath=FAST, inline="always")
def _settled(node, layer):
    """Write the bits of the candidates that do not cut; how many cut."""
    n_cut = 0
    for c in range(node.numbers[N_CANDIDATES]):
        if node.state[c] == KEPT:
            node.bits[layer, node.candidates[c]] = node.sign[c] > 0.0
        n_cut += node.state[c] == CUT
    return n_cut


@njit(cache=True, error_model="numpy", inline="always")
def _write(output, place, node, layers, d):
    """A region: its ball, and its pattern packed as :func:`numpy.packbits` packs it."""
    for k in range(d):
        output.points[place, k] = node.p[k]
    output.radius[place] = node.radius[0]
    byte, position = np.uint8(0), 0
    for layer in range(layers.width.shape[0]):
        for i in range(layers.width[layer]):
            if layers.rectified[layer, i]:
                if node.bits[layer, i]:
                    byte |= np.uint8(128 >> (position & 7))
                position += 1
                if position & 7 == 0:
                    output.bits[place, (position >> 3) - 1] = byte
                    byte = np.uint8(0)
    if position & 7:
        output.bits[place, position >> 3] = byte
