"""Arrays whose reference count compiled code leaves alone.

Numba counts references to an array wherever a compiled function takes or slices one: two atomic
operations each time, which in a loop of tens of nanoseconds is most of the work. A kernel whose
caller holds every array for as long as it runs may leave that out.
"""

from typing import Any

from numba import types
from numba.core import cgutils
from numba.extending import intrinsic
from numba.np import arrayobj

__all__ = ["borrowed"]


@intrinsic  # numba has no types
def borrowed(typing_context: Any, value: Any) -> Any:
    """The same array, or tuple of arrays, uncounted: valid inside the function it was handed to."""

    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        return _uncounted(context, builder, signature.args[0], arguments[0])

    return value(value), generate


def _uncounted(context: Any, builder: Any, kind: Any, value: Any) -> Any:
    if isinstance(kind, types.BaseTuple):
        items = [
            _uncounted(context, builder, item, builder.extract_value(value, i))
            for i, item in enumerate(kind.types)
        ]
        return context.make_tuple(builder, kind, items)
    if not isinstance(kind, types.Array):
        return value
    made = arrayobj.make_array(kind)(context, builder, value)
    made.meminfo = cgutils.get_null_value(made.meminfo.type)
    made.parent = cgutils.get_null_value(made.parent.type)
    return made._getvalue()
