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

__all__ = ["LANES", "LANE_PLAYERS", "rectified_shift", "rectified_sums"]

LANE_PLAYERS = 5
LANES = 1 << LANE_PLAYERS

_WIDTH = 8  # doubles in one vector; a processor with narrower ones takes several for it
_VECTOR = ir.VectorType(ir.DoubleType(), _WIDTH)
_PARTS = range(LANES // _WIDTH)
_MAY = ("contract", "reassoc", "nsz")


@intrinsic  # numba has no types
def rectified_sums(
    typing_context: Any,
    targets: Any,
    target_rows: Any,
    rows: Any,
    first_row: Any,
    row_index: Any,
    weights: Any,
    first_weights: Any,
    weight_index: Any,
    first_index: Any,
    n: Any,
    biases: Any,
    floors: Any,
) -> Any:
    """Sums of ``n`` rows with the weights of one unit, or of two units at once.

    ``targets[t] = max(bias + sum(weights[w + v[a]] * rows[first_row + r[a]] for a < n), floor)``
    with a target row ``t``, a start ``w`` of the weights, a bias and a floor for each unit, in
    tuples. ``r`` and ``v`` are ``row_index`` and ``weight_index`` from ``first_index`` on, or
    ``0, 1, 2, ...`` where they are None. Arrays are read as flat, and rows have 32 entries; a row
    that is summed is not a target.
    """
    n_units = len(biases)
    kinds = (targets, rows, row_index, weights, weight_index)

    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        given = [arguments[i] for i in (0, 2, 4, 5, 7)]
        target, source, row_at, weight, weight_at = (
            None
            if isinstance(kind, types.NoneType)
            else arrayobj.make_array(kind)(context, builder, value).data
            for kind, value in zip(kinds, given, strict=True)
        )
        first_row, first_index, n = arguments[3], arguments[8], arguments[9]
        target_rows, starts, bias, floor = (
            cgutils.unpack_tuple(builder, arguments[i], n_units) for i in (1, 6, 10, 11)
        )
        sums = [[cgutils.alloca_once(builder, _VECTOR) for _ in _PARTS] for _ in range(n_units)]
        for unit in range(n_units):
            for place in sums[unit]:
                builder.store(_spread(builder, bias[unit]), place)
        source = _row(builder, source, first_row)
        own = [builder.gep(weight, [start]) for start in starts]
        with cgutils.for_range(builder, n) as loop:
            at = builder.add(first_index, loop.index)
            r, v = (
                loop.index if index is None else builder.load(builder.gep(index, [at]))
                for index in (row_at, weight_at)
            )
            factors = [_spread(builder, builder.load(builder.gep(start, [v]))) for start in own]
            row = _row(builder, source, r)
            for k in _PARTS:
                values = _load(builder, row, k)
                for unit in range(n_units):
                    term = builder.fmul(factors[unit], values, flags=_MAY)
                    place = sums[unit][k]
                    builder.store(builder.fadd(builder.load(place), term, flags=_MAY), place)
        for unit in range(n_units):
            lowest, row = _spread(builder, floor[unit]), _row(builder, target, target_rows[unit])
            for k in _PARTS:
                _store(builder, _greater(builder, builder.load(sums[unit][k]), lowest), row, k)
        return context.get_dummy_value()

    whole = types.int64
    reals, places = types.UniTuple(types.float64, n_units), types.UniTuple(whole, n_units)
    return (
        types.void(
            targets, places, rows, whole, row_index, weights, places, weight_index, whole, whole,
            reals, reals,
        ),
        generate,
    )  # fmt: skip


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
        for k in _PARTS:
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
