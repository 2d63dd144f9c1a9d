"""Sizes of a saved program that stand in it as expressions of the number of rows."""

import ast
from collections.abc import Callable, Mapping
from math import prod
from types import MappingProxyType
from typing import Any

from explainrelu.errors import ArchiveError, UnsupportedModelError

__all__ = ["row_symbol", "size_of"]

_LONGEST = 1000
_LARGEST = 1 << 40


def row_symbol(sizes: list[Mapping[str, Any]]) -> str | None:
    """The symbol in the first size of the input, None where every size is a number.

    Raises
    ------
    UnsupportedModelError
        Where another size is not known either.

    Examples
    --------
    >>> row_symbol([{"as_expr": {"expr_str": "Symbol('s7', integer=True)"}}, {"as_int": 4}])
    's7'
    """
    symbols = [_symbols(size) for size in sizes]
    if any(found for found in symbols[1:]) or len(symbols[0] if symbols else ()) > 1:
        raise UnsupportedModelError(
            "A program must have known sizes but for the number of rows, its first axis, got an "
            f"input whose sizes depend on {', '.join(sorted(set().union(*symbols)))}. Export it "
            "with those sizes fixed."
        )
    return next(iter(symbols[0]), None) if symbols else None


def size_of(size: Mapping[str, Any], symbol: str | None, n_rows: int) -> int:
    """A size with a number of rows put in for the symbol.

    Raises
    ------
    UnsupportedModelError
        Where it depends on anything else.

    Examples
    --------
    >>> size_of({"as_expr": {"expr_str": "Mul(Integer(2), Symbol('s7'))"}}, "s7", 3)
    6
    """
    if "as_int" in size:
        found = size["as_int"]
    else:
        text = size["as_expr"]["expr_str"]
        found = _value(_tree(text), symbol, n_rows, text)
    if type(found) is not int or not 0 <= found <= _LARGEST:
        raise ArchiveError(
            f"A size in a .pt2 file must be a whole number, got {found!r}. Save the program again."
        )
    return found


def _tree(text: Any) -> ast.expr:
    """The expression as Python would read it; it is looked at and never run."""
    if not isinstance(text, str) or len(text) > _LONGEST:
        raise _unknown(str(text)[:80])
    try:
        return ast.parse(text, mode="eval").body
    except (SyntaxError, ValueError, MemoryError, RecursionError) as error:
        raise _unknown(text) from error


def _symbols(size: Mapping[str, Any]) -> set[str]:
    if "as_int" in size:
        return set()
    tree = _tree(size["as_expr"]["expr_str"])
    return {name for node in ast.walk(tree) if (name := _symbol(node)) is not None}


def _symbol(node: ast.AST) -> str | None:
    """The name of a symbol, written ``Symbol('s7', ...)`` or just ``s7``."""
    if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "Symbol":
        first = node.args[0] if node.args else None
        return str(first.value) if isinstance(first, ast.Constant) else None
    return node.id if isinstance(node, ast.Name) and node.id not in _FUNCTIONS else None


def _value(node: ast.expr, symbol: str | None, n_rows: int, text: str) -> int:
    if isinstance(node, ast.Constant) and type(node.value) is int:
        return node.value
    name = _symbol(node)
    if name is not None and name == symbol:
        return n_rows
    if isinstance(node, ast.BinOp) and type(node.op) in _OPERATORS:
        left, right = (_value(part, symbol, n_rows, text) for part in (node.left, node.right))
        return _checked(_OPERATORS[type(node.op)]([left, right]), text)
    if isinstance(node, ast.Call) and isinstance(node.func, ast.Name):
        function = _FUNCTIONS.get(node.func.id)
        if function is not None and node.func.id != "Symbol":
            return _checked(
                function([_value(part, symbol, n_rows, text) for part in node.args]), text
            )
    raise _unknown(text)


def _checked(value: int, text: str) -> int:
    if abs(value) > _LARGEST:
        raise _unknown(text)
    return value


def _divided(parts: list[int]) -> int:
    if len(parts) != 2 or parts[1] == 0:
        raise _unknown(f"{parts} // 0")
    return parts[0] // parts[1]


def _unknown(text: str) -> UnsupportedModelError:
    return UnsupportedModelError(
        f"A size in the program must be a number, or follow from the number of rows, got {text!r}. "
        "Export the program with fixed sizes but for the rows."
    )


_FUNCTIONS: Mapping[str, Callable[[list[int]], int]] = MappingProxyType(
    {"Add": sum, "FloorDiv": _divided, "Integer": prod, "Mul": prod, "Symbol": prod}
)
_OPERATORS: Mapping[type[ast.operator], Callable[[list[int]], int]] = MappingProxyType(
    {ast.Add: sum, ast.FloorDiv: _divided, ast.Mult: prod}
)
