"""Files that are written whole or not at all."""

import os
import shutil
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from tempfile import mkdtemp

from explainrelu.errors import OutputError

__all__ = ["write_file", "write_folder", "write_text"]


def write_folder(folder: str | Path, writers: Mapping[str, Callable[[Path], None]]) -> Path:
    """Write several files into a folder, which is made where it does not exist.

    All of them are written in a folder beside it first and moved in at the end; where a move
    fails, those before it are taken back. So a failure leaves what was there as it was. Files of
    other names are left alone.

    Parameters
    ----------
    folder
        Where the files shall lie.
    writers
        File name -> what writes the file at the path it is handed.

    Returns
    -------
    Path
        The folder.

    Raises
    ------
    OutputError
        Where the folder or a file cannot be written, such as one whose name a folder has.
    """
    folder = Path(folder)
    with _refusals(folder):
        folder.parent.mkdir(parents=True, exist_ok=True)
        if folder.exists() and not folder.is_dir():
            raise FileExistsError(0, "a file of that name is in the way")
        with _beside(folder) as made:
            _check_names(folder, writers)
            for name, write in writers.items():
                write(made / name)
            _moved_in(made, folder, list(writers))
    return folder


def write_file(path: str | Path, text: str) -> Path:
    """Write one text file in UTF-8, in the manner of :func:`write_folder`.

    Raises
    ------
    OutputError
        Where it cannot be written.
    """
    path = Path(path)
    with _refusals(path):
        path.parent.mkdir(parents=True, exist_ok=True)
        if path.is_dir():
            raise IsADirectoryError(0, "a folder of that name is in the way")
        with _beside(path) as made:
            write_text(text, made / path.name)
            os.replace(made / path.name, path)
    return path


def _check_names(folder: Path, names: Iterable[str]) -> None:
    for name in names:
        if (folder / name).is_dir():
            raise IsADirectoryError(0, f"a folder of the name {name} is in the way")


def _moved_in(made: Path, folder: Path, names: Sequence[str]) -> None:
    """Move every file from ``made`` to ``folder``, or leave ``folder`` as it was."""
    new, moved = not folder.exists(), []
    folder.mkdir(exist_ok=True)
    kept = Path(mkdtemp(prefix="kept-", dir=made))
    try:
        for name in names:
            if os.path.lexists(folder / name):
                shutil.copy2(folder / name, kept / name, follow_symlinks=False)
        for name in names:
            os.replace(made / name, folder / name)
            moved.append(name)
    except BaseException:
        for name in moved:
            if os.path.lexists(kept / name):
                os.replace(kept / name, folder / name)
            else:
                (folder / name).unlink()
        if new:
            folder.rmdir()
        raise


def write_text(text: str, path: Path) -> None:
    """Write a text in UTF-8 with its own line ends, whatever the system's."""
    path.write_bytes(text.encode("utf-8"))


@contextmanager
def _beside(path: Path) -> Iterator[Path]:
    """A fresh folder on the same disk, gone at the end."""
    made = Path(mkdtemp(prefix=f".{path.name[:40]}-", dir=path.parent))
    try:
        yield made
    finally:
        shutil.rmtree(made, ignore_errors=True)


@contextmanager
def _refusals(path: Path) -> Iterator[None]:
    """What the operating system refuses, as an error that says what to do."""
    try:
        yield
    except OSError as error:
        raise OutputError(
            f"The output must be writable, got {error.strerror or error} for {str(path)!r}. Choose "
            "another place, or correct its permissions."
        ) from error
