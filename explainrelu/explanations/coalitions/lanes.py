"""Sums over units for 32 hybrids side by side, written for the vector registers of the processor.

A compiled loop over lanes is turned into vector code by LLVM, but it loads and stores its sums at
every step. Here the sums of two units stay in registers until they are complete, which makes a
walk of the hybrids two to three times as fast.
"""

from typing import Any

from llvmlite import ir
from numba import types
from numba.core import cgutils
from numba.extending import intrinsic
from numba.np import arrayobj

__all__ = ["LANES", "LANE_PLAYERS", "rectified_sums", "rectified_shift"]

LANE_PLAYERS = 5
LANES = 1 << LANE_PLAYERS

_WIDTH = 8  # doubles in one vector; a processor with narrower ones takes several for it
_VECTOR = ir.VectorType(ir.DoubleType(), _WIDTH)
_MAY = ("contract", "reassoc", "nsz")


@intrinsic  # numba has no types
def rectified_sums(
    typing_context: Any,
    rows: Any,
    first_row: Any,
    weights: Any,
    first_weights: Any,
    index: Any,
    first_index: Any,
    n: Any,
    biases: Any,
    floors: Any,
    target_rows: Any,
) -> Any:
    """``rows[t] = max(bias + sum(weight[index[a]] * rows[first_row + a] for a < n), floor)``.

    For two units at once: ``first_weights``, ``biases``, ``floors`` and ``target_rows`` are pairs.
    All arrays are read as flat; rows have 32 entries, and those summed are not those written.
    """

    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        kinds = signature.args
        data = {
            i: arrayobj.make_array(kinds[i])(context, builder, arguments[i]).data for i in (0, 2, 4)
        }
        first_row, first_index, n = arguments[1], arguments[5], arguments[6]
        pairs = {i: cgutils.unpack_tuple(builder, arguments[i], 2) for i in (3, 7, 8, 9)}
        n_vectors = LANES // _WIDTH
        sums = [[cgutils.alloca_once(builder, _VECTOR) for _ in range(n_vectors)] for _ in "ab"]
        for unit in range(2):
            bias = _spread(builder, pairs[7][unit])
            for place in sums[unit]:
                builder.store(bias, place)
        source = _row(builder, data[0], first_row)
        indices = builder.gep(data[4], [first_index])
        rows_of_weights = [builder.gep(data[2], [pairs[3][unit]]) for unit in range(2)]
        with cgutils.for_range(builder, n) as loop:
            j = builder.load(builder.gep(indices, [loop.index]))
            weight = [
                _spread(builder, builder.load(builder.gep(row, [j]))) for row in rows_of_weights
            ]
            row = _row(builder, source, loop.index)
            for k in range(n_vectors):
                values = _load(builder, row, k)
                for unit in range(2):
                    place = sums[unit][k]
                    product = builder.fmul(weight[unit], values, flags=_MAY)
                    builder.store(builder.fadd(builder.load(place), product, flags=_MAY), place)
        for unit in range(2):
            floor = _spread(builder, pairs[8][unit])
            target = _row(builder, data[0], pairs[9][unit])
            for k in range(n_vectors):
                _store(builder, _greater(builder, builder.load(sums[unit][k]), floor), target, k)
        return context.get_dummy_value()

    two_floats, two_places = types.UniTuple(types.float64, 2), types.UniTuple(types.int64, 2)
    whole = types.int64
    return (
        types.void(
            rows, whole, weights, two_places, index, whole, whole, two_floats, two_floats, two_places
        ),
        generate,
    )


@intrinsic  # numba has no types
def rectified_shift(
    typing_context: Any,
    source: Any,
    source_row: Any,
    shift: Any,
    floor: Any,
    rows: Any,
    target_row: Any,
) -> Any:
    """``rows[target_row] = max(source[source_row] + shift, floor)``, rows of 32 entries."""

    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        kinds = signature.args
        taken = arrayobj.make_array(kinds[0])(context, builder, arguments[0]).data
        given = arrayobj.make_array(kinds[4])(context, builder, arguments[4]).data
        shift, floor = _spread(builder, arguments[2]), _spread(builder, arguments[3])
        start, target = _row(builder, taken, arguments[1]), _row(builder, given, arguments[5])
        for k in range(LANES // _WIDTH):
            moved = builder.fadd(_load(builder, start, k), shift, flags=_MAY)
            _store(builder, _greater(builder, moved, floor), target, k)
        return context.get_dummy_value()

    whole, real = types.int64, types.float64
    return types.void(source, whole, real, real, rows, whole), generate


def _row(builder: Any, data: Any, number: Any) -> Any:
    """Where a row of 32 entries begins."""
    return builder.gep(data, [builder.mul(number, ir.Constant(number.type, LANES))])


def _vector(builder: Any, row: Any, k: int) -> Any:
    place = builder.gep(row, [ir.Constant(ir.IntType(64), k * _WIDTH)])
    return builder.bitcast(place, _VECTOR.as_pointer())


def _load(builder: Any, row: Any, k: int) -> Any:
    return builder.load(_vector(builder, row, k), align=8)


def _store(builder: Any, values: Any, row: Any, k: int) -> None:
    builder.store(values, _vector(builder, row, k), align=8)


def _spread(builder: Any, number: Any) -> Any:
    """The number in every entry of a vector."""
    one = builder.insert_element(
        ir.Constant(_VECTOR, ir.Undefined), number, ir.Constant(ir.IntType(32), 0)
    )
    zeros = ir.Constant(ir.VectorType(ir.IntType(32), _WIDTH), [0] * _WIDTH)
    return builder.shuffle_vector(one, ir.Constant(_VECTOR, ir.Undefined), zeros)


def _greater(builder: Any, first: Any, second: Any) -> Any:
    return builder.select(builder.fcmp_ordered(">", first, second), first, second)
