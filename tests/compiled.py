"""Which compiled modules have to be compiled again because a module that they compile in changed.

Numba keeps what it compiled beside a file for as long as that file stays the same, and does not
look at the files that its functions were taken from. So each module with compiled functions that
imports others carries their fingerprint, ``COMPILED_WITH``: where they change it changes, and with
it the file. ``python -m tests.compiled`` renews the lines, and so does ``make format``.
"""

import ast
import hashlib
from pathlib import Path

from tests.layers import imports_of, modules

PACKAGE = Path(__file__).resolve().parents[1] / "explainrelu"
NAME = "COMPILED_WITH"


def outdated(package: Path = PACKAGE) -> dict[Path, str]:
    """The files whose line is not what it has to be, with what it has to be."""
    files = modules(package)
    wanted = {path: fingerprint(name, files) for name, path in files.items() if compiles(path)}
    return {path: line for path, line in wanted.items() if line and line != noted(path)}


def compiles(path: Path) -> bool:
    """Whether functions of the file are compiled."""
    return "\n@njit(" in path.read_text(encoding="utf-8")


def fingerprint(name: str, files: dict[str, Path]) -> str:
    """What the modules that one imports contain, however far behind; "" where it imports none."""
    known, behind = set(files), set()
    waiting = {found.target for found in imports_of(name, files[name], known)}
    while waiting - behind:
        module = (waiting - behind).pop()
        behind.add(module)
        waiting |= {found.target for found in imports_of(module, files[module], known)}
    if not behind:
        return ""
    text = "".join(contents(files[module]) for module in sorted(behind))
    return hashlib.sha256(text.encode()).hexdigest()[:16]


def contents(path: Path) -> str:
    """The file without its own fingerprint."""
    lines = path.read_text(encoding="utf-8").splitlines(keepends=True)
    return "".join(line for line in lines if not line.startswith(f"{NAME} ="))


def noted(path: Path) -> str:
    """The fingerprint that the file carries."""
    for node in ast.parse(path.read_text(encoding="utf-8")).body:
        if isinstance(node, ast.Assign) and ast.unparse(node.targets[0]) == NAME:
            return str(ast.literal_eval(node.value))
    return ""


def renew(path: Path, wanted: str) -> None:
    """Write the line anew, behind the names that the module offers where it had none."""
    text = path.read_text(encoding="utf-8")
    line = f'{NAME} = "{wanted}"  # make format renews it'
    if noted(path):
        text = text.replace(next(x for x in text.splitlines() if x.startswith(f"{NAME} =")), line)
    else:
        names = next(
            node
            for node in ast.parse(text).body
            if isinstance(node, ast.Assign) and ast.unparse(node.targets[0]) == "__all__"
        )
        lines = text.splitlines()
        lines[names.end_lineno : names.end_lineno] = ["", line]
        text = "\n".join(lines) + "\n"
    path.write_text(text, encoding="utf-8")


def main() -> None:
    """Renew every line that is out of date."""
    for path, wanted in outdated().items():
        renew(path, wanted)


if __name__ == "__main__":
    main()
