"""Where in a module's source a call stands, in words."""

import re
from pathlib import PurePath

__all__ = ["place_of"]

_FRAME = re.compile(r'File "([^"\n]*)", line (\d+)')


def place_of(module_path: str, stack_trace: str) -> str:
    """Module path and source line of a call.

    Parameters
    ----------
    module_path
        As ``named_modules`` has it; empty for the module itself.
    stack_trace
        As Python prints it, the innermost call last; lines of PyTorch itself are passed over.

    Examples
    --------
    >>> place_of("block.0", 'File "/home/me/net.py", line 12, in forward')
    'block.0 (line 12 of net.py)'
    """
    frames = [
        (name, line)
        for name, line in _FRAME.findall(stack_trace)
        if not re.search(r"-packages[\\/]torch[\\/]", name)
    ]
    path = module_path or "the module"
    if not frames:
        return path
    name, line = frames[-1]
    return f"{path} (line {line} of {PurePath(name.replace(chr(92), '/')).name})"
