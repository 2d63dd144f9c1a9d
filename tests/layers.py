"""Which module imports which, and what the order of the layers says about it.

The package is a list of layers; a module imports only from its own layer and from those that
stand before it in the list. ``violations`` reads the source and says in words what breaks
that, or what imports from a package root, or goes round in a circle.
"""

import ast
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, slots=True)
class Import:
    """``importer`` names ``target`` in an import statement on ``line``."""

    importer: str
    target: str
    line: int

    def __str__(self) -> str:
        return f"{self.importer}:{self.line} imports {self.target}"


def violations(package: Path, layers: Sequence[str]) -> list[str]:
    """All that breaks the order of ``layers`` in the package lying in the folder ``package``.

    Imports inside functions and under ``TYPE_CHECKING`` count like any other. The ``__init__``
    of the package itself, which offers the names of every layer, is left out.
    """
    files = modules(package)
    roots = {name for name, path in files.items() if path.name == "__init__.py"}
    imports = [
        found
        for name, path in files.items()
        if name != package.name
        for found in imports_of(name, path, set(files))
    ]
    arrows = [found for found in imports if found.target in files and found.target not in roots]
    return [
        *unlisted(files, layers),
        *(f"{found}, a package root" for found in imports if found.target in roots),
        *(f"{found}, a later layer" for found in arrows if goes_up(found, layers)),
        *circles(arrows),
    ]


def modules(package: Path) -> dict[str, Path]:
    """Dotted name of every module below the folder, the packages under their own name."""
    found = {}
    for path in sorted(package.rglob("*.py")):
        parts = path.relative_to(package.parent).with_suffix("").parts
        found[".".join(parts[:-1] if parts[-1] == "__init__" else parts)] = path
    return found


def imports_of(name: str, path: Path, known: set[str]) -> Iterator[Import]:
    """Every import of a module of ``known``, or from one, anywhere in the file.

    ``from a.b import c`` names both ``a.b`` and, where that is a module, ``a.b.c``; naming a
    package this way is what the house refuses, so both are reported.
    """
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            targets = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            source = absolute(node, name, path)
            targets = [source, *(f"{source}.{alias.name}" for alias in node.names)]
        else:
            continue
        yield from (Import(name, target, node.lineno) for target in targets if target in known)


def absolute(node: ast.ImportFrom, name: str, path: Path) -> str:
    """The module that ``from ... import`` names, with leading dots resolved."""
    if not node.level:
        return node.module or ""
    parents = name.split(".")
    dropped = node.level - (path.name == "__init__.py")
    return ".".join([*parents[: len(parents) - dropped], *filter(None, [node.module])])


def layer(module: str) -> str:
    """The second part of a dotted name: a folder or a module directly in the package."""
    return module.split(".")[1]


def unlisted(files: Mapping[str, Path], layers: Sequence[str]) -> list[str]:
    """A sentence for every layer that the list does not know."""
    found = {layer(name) for name in files if "." in name}
    return [f"{name} is in no place of the list of layers" for name in sorted(found - set(layers))]


def goes_up(found: Import, layers: Sequence[str]) -> bool:
    """True where the target stands later in the list than the importer."""
    importer, target = layer(found.importer), layer(found.target)
    known = importer in layers and target in layers
    return known and layers.index(target) > layers.index(importer)


def circles(arrows: Sequence[Import]) -> list[str]:
    """A sentence for every circle that a depth-first walk of the arrows closes."""
    targets: dict[str, set[str]] = {}
    for arrow in arrows:
        targets.setdefault(arrow.importer, set()).add(arrow.target)
    found: list[str] = []
    done: set[str] = set()

    def walk(module: str, trail: list[str]) -> None:
        if module in trail:
            circle = [*trail[trail.index(module) :], module]
            found.append(f"{' -> '.join(circle)} is a circle")
        elif module not in done:
            for target in sorted(targets.get(module, ())):
                walk(target, [*trail, module])
            done.add(module)

    for module in sorted(targets):
        walk(module, [])
    return found
