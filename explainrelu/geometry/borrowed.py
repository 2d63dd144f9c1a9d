"""Arrays whose reference count compiled code leaves alone.

Numba counts references to an array wherever a compiled function takes or slices one: two atomic
operations each time, which in a loop of tens of nanoseconds is most of the work. A kernel whose
caller holds every array for as long as it runs may leave that out.
"""

from typing import Any

from numba.core import cgutils
from numba.extending import intrinsic
from numba.np import arrayobj

__all__ = ["borrowed"]


@intrinsic  # numba has no types
def borrowed(typing_context: Any, array: Any) -> Any:
    """The same array, uncounted: valid inside the compiled function that was handed it."""

    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        made = arrayobj.make_array(signature.args[0])(context, builder, arguments[0])
        made.meminfo = cgutils.get_null_value(made.meminfo.type)
        made.parent = cgutils.get_null_value(made.parent.type)
        return made._getvalue()

    return array(array), generate
