"""Files that are written whole or not at all."""

import os
import shutil
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from tempfile import mkdtemp

from explainrelu.errors import OutputError

__all__ = ["write_file", "write_folder"]


def write_folder(folder: str | Path, writers: Mapping[str, Callable[[Path], None]]) -> Path:
    """Write several files into a folder, which is made where it does not exist.

    All of them are written in a folder beside it first and moved in at the end, so that a
    failure leaves what was there as it was. Files of other names are left alone.

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
        Where the folder or a file cannot be written.
    """
    folder = Path(folder)
    with _refusals(folder):
        folder.parent.mkdir(parents=True, exist_ok=True)
        if folder.exists() and not folder.is_dir():
            raise FileExistsError(0, "a file of that name is in the way")
        with _beside(folder) as made:
            for name, write in writers.items():
                write(made / name)
            folder.mkdir(exist_ok=True)
            for name in writers:
                os.replace(made / name, folder / name)
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
            (made / path.name).write_bytes(text.encode("utf-8"))
            os.replace(made / path.name, path)
    return path


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
