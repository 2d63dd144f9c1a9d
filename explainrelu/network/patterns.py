"""Activation patterns of points, packed to bits, and the affine map of a pattern.

Legend: for a pattern ``s`` with one bit a rectified unit, ``D_l`` is the diagonal matrix of
layer ``l`` holding the bit of each rectified unit and 1 for each carried one. The network
frozen at ``s`` is affine: ``f_s(x) = A_s x + c_s`` with
``A_s = A D_L W_L ... D_1 W_1``. The product is taken from the output back, one row a score,
so its cost does not grow with the square of the width times the number of inputs.
"""

from collections.abc import Iterator

import numpy as np

from explainrelu.arrays import BoolArray, ByteArray, FloatArray, IntArray, applied, dense
from explainrelu.network.network import AffineMap, ReluNetwork

__all__ = [
    "activation_patterns",
    "affine_maps",
    "first_layer_gradients",
    "forms_of_many",
    "pattern_keys",
    "patterns_behind",
    "preactivation_forms",
    "region_names",
    "unpack",
]

_CHUNK_VALUES = 1 << 17  # values of one intermediate array: 1 MB, which stays in cache
_ALPHABET = np.frombuffer(b"0123456789abcdefghjkmnpqrstvwxyz", dtype=np.uint8)  # Crockford's
_NAME_LENGTH = 12


def activation_patterns(network: ReluNetwork, points: FloatArray) -> ByteArray:
    """The packed pattern of each point: bit 1 where a rectified unit has ``z > 0``.

    Parameters
    ----------
    points : (n_samples, n_inputs)
        Encoded points.

    Returns
    -------
    (n_samples, ceil(n_neurons / 8)) uint8
        Bits of the layers one after the other, as :func:`numpy.packbits` packs them.

    Notes
    -----
    ``z = 0`` counts as inactive, everywhere in the package. Cost: one forward pass.
    """
    packed = np.empty((points.shape[0], (network.n_neurons + 7) // 8), dtype=np.uint8)
    if network.layers:
        for rows in network.row_chunks(points.shape[0]):
            packed[rows] = patterns_behind(network, network.layers[0].preactivation(points[rows]))
    return packed


def patterns_behind(network: ReluNetwork, z: FloatArray) -> ByteArray:
    """The packed patterns of points whose preactivations in the first layer are known.

    Parameters
    ----------
    z : (n_samples, n_units)
        Of the first layer; overwritten. All held at once: hand over points in chunks.
    """
    bits = np.empty((z.shape[0], network.n_neurons), dtype=np.bool_)
    start = 0
    for i, layer in enumerate(network.layers):
        z = layer.preactivation(z) if i else z  # z holds the layer before as it was activated
        stop = start + layer.n_rectified
        bits[:, start:stop] = (z if layer.rectified.all() else z[:, layer.rectified]) > 0.0
        z = layer.activate(z)
        start = stop
    return np.packbits(bits, axis=1)


def unpack(network: ReluNetwork, packed: ByteArray) -> BoolArray:
    """The bits ``(n_patterns, n_neurons)`` of packed patterns."""
    return np.unpackbits(packed, axis=1, count=network.n_neurons).view(np.bool_)


def affine_maps(
    network: ReluNetwork, packed: ByteArray, output: AffineMap | None = None
) -> tuple[FloatArray, FloatArray]:
    """``A_s`` and ``c_s`` of many patterns at once.

    Parameters
    ----------
    packed : (n_patterns, n_bytes)
    output
        The map behind the last layer; the network's own by default.

    Returns
    -------
    weight : (n_patterns, n_outputs, n_inputs)
    bias : (n_patterns, n_outputs)

    Notes
    -----
    Cost O(n_patterns * n_outputs * number of weights) as matrix products, in chunks of
    bounded memory besides the result.
    """
    output = output or network.output
    n_patterns, n_outputs = packed.shape[0], output.bias.size
    weight = np.empty((n_patterns, n_outputs, network.n_inputs))
    bias = np.empty((n_patterns, n_outputs))
    for rows in _pattern_chunks(network, n_patterns, n_outputs):
        masks = layer_masks(network, packed[rows])
        chunk = masks[0].shape[0] if masks else rows.stop - rows.start
        # back has one row a pattern and output: the gradient at the layer reached so far
        back = np.broadcast_to(output.weight, (chunk, *output.weight.shape))
        constant = np.tile(output.bias, (chunk, 1))
        for layer, mask in zip(reversed(network.layers), reversed(masks), strict=True):
            back = back * mask[:, None, :]
            flat = back.reshape(-1, layer.n_units)
            constant += (flat @ layer.bias).reshape(chunk, n_outputs)
            back = np.asarray(flat @ layer.weight).reshape(chunk, n_outputs, -1)
        weight[rows], bias[rows] = back, constant
    return weight, bias


def first_layer_gradients(network: ReluNetwork, packed: ByteArray, output: AffineMap) -> FloatArray:
    """The gradient of each score by the first layer's preactivations, for many patterns.

    That is ``A D_L W_L ... D_1``; its product with ``W_1`` is ``A_s`` of :func:`affine_maps`, and
    who needs only sums over patterns takes that product, the largest one, of the sums.

    Parameters
    ----------
    packed : (n_patterns, n_bytes)
    output
        The map behind the last layer.

    Returns
    -------
    (n_patterns, n_outputs, n_units)
        Units of the first layer. All held at once: hand over patterns in chunks.
    """
    shape = (packed.shape[0], output.bias.size, -1)
    back = np.broadcast_to(output.weight, (shape[0], *output.weight.shape))
    masks = layer_masks(network, packed)
    for layer, mask in zip(network.layers[:0:-1], masks[:0:-1], strict=True):
        flat = (back * mask[:, None, :]).reshape(-1, layer.n_units)
        back = np.asarray(flat @ layer.weight).reshape(shape)
    return back * masks[0][:, None, :]


def layer_masks(network: ReluNetwork, packed: ByteArray) -> list[FloatArray]:
    """For each layer ``(n_patterns, n_units)``: the diagonal of ``D_l``, as numbers."""
    bits = np.unpackbits(packed, axis=1, count=network.n_neurons)
    masks, start = [], 0
    for layer in network.layers:
        stop = start + layer.n_rectified
        mask = bits[:, start:stop].astype(np.float64)
        if layer.n_rectified < layer.n_units:
            rectified, mask = mask, np.ones((packed.shape[0], layer.n_units))
            mask[:, layer.rectified] = rectified
        masks.append(mask)
        start = stop
    return masks


def preactivation_forms(network: ReluNetwork, pattern: BoolArray) -> tuple[FloatArray, FloatArray]:
    """The affine form of every rectified unit's preactivation under one pattern.

    Parameters
    ----------
    pattern : (n_neurons,) bool

    Returns
    -------
    weight : (n_neurons, n_inputs)
    bias : (n_neurons,)
        ``z = weight @ x + bias`` wherever the units of earlier layers follow the pattern.
    """
    weights, biases, start = [], [], 0
    weight, bias = np.eye(network.n_inputs), np.zeros(network.n_inputs)
    for layer in network.layers:
        weight, bias = applied(layer.weight, weight), applied(layer.weight, bias) + layer.bias
        weights.append(weight[layer.rectified])
        biases.append(bias[layer.rectified])
        stop = start + layer.n_rectified
        mask = np.ones(layer.n_units)
        mask[layer.rectified] = pattern[start:stop]
        weight, bias = weight * mask[:, None], bias * mask
        start = stop
    if not weights:
        return np.zeros((0, network.n_inputs)), np.zeros(0)
    return np.concatenate(weights), np.concatenate(biases)


def forms_of_many(network: ReluNetwork, packed: ByteArray, start: AffineMap) -> FloatArray:
    """The affine forms of every rectified unit's preactivation, for many patterns at once.

    Parameters
    ----------
    packed : (n_patterns, n_bytes)
    start
        The inputs as an affine map of ``n_coordinates`` others: ``x = weight @ u + bias``.

    Returns
    -------
    (n_patterns, n_neurons, n_coordinates + 1)
        Coefficients of ``u``, and the constant last.

    Notes
    -----
    Cost O(n_patterns * n_coordinates * number of weights), all held at once: hand over patterns
    in chunks.
    """
    masks, forms = layer_masks(network, packed), []
    hidden = np.column_stack([start.weight, start.bias])[None]
    for layer, mask in zip(network.layers, masks, strict=True):
        z = np.matmul(dense(layer.weight), hidden)
        z[:, :, -1] += layer.bias
        z = np.broadcast_to(z, (packed.shape[0], *z.shape[1:]))
        forms.append(z[:, layer.rectified])
        hidden = z * mask[:, :, None]
    empty = np.zeros((packed.shape[0], 0, start.weight.shape[1] + 1))
    return np.concatenate([empty, *forms], axis=1)


def pattern_keys(packed: ByteArray) -> IntArray:
    """A 64-bit key of each packed pattern, the same on every machine.

    Equal patterns have equal keys; different ones collide with probability 2**-64, so callers
    that need certainty compare the patterns themselves.
    """
    n_patterns, n_bytes = packed.shape
    words = np.zeros((n_patterns, max(1, -(-n_bytes // 8))), dtype="<u8")
    words.view(np.uint8)[:, :n_bytes] = packed
    key = np.full(n_patterns, n_bytes, dtype=np.uint64)
    for i in range(words.shape[1]):
        key = _mix(key ^ words[:, i])
    return key.view(np.int64)


def region_names(keys: IntArray) -> "np.ndarray[tuple[int], np.dtype[np.str_]]":
    """Keys as short names of twelve letters and digits, for tables and readers."""
    bits = keys.view(np.uint64)
    shifts = np.arange(64 - 5, 64 - 5 * (_NAME_LENGTH + 1), -5, dtype=np.uint64)
    letters = _ALPHABET[(bits[:, None] >> shifts) & np.uint64(31)]
    return np.ascontiguousarray(letters).view(f"S{_NAME_LENGTH}")[:, 0].astype(np.str_)


def _mix(
    key: "np.ndarray[tuple[int], np.dtype[np.uint64]]",
) -> "np.ndarray[tuple[int], np.dtype[np.uint64]]":
    """One splitmix64 step: a bijection of 64-bit words that spreads every bit."""
    key = key + np.uint64(0x9E3779B97F4A7C15)
    key = (key ^ (key >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    key = (key ^ (key >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return key ^ (key >> np.uint64(31))


def _pattern_chunks(network: ReluNetwork, n_patterns: int, n_outputs: int) -> Iterator[slice]:
    widest = max(network.n_inputs, *network.widths, 1) * n_outputs
    step = max(16, _CHUNK_VALUES // widest)
    for start in range(0, n_patterns, step):
        yield slice(start, min(start + step, n_patterns))
