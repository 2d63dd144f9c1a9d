"""The bytes of a model file: read whole, written whole or not at all."""

import os
import secrets
from errno import EEXIST
from pathlib import Path

from explainrelu.errors import ArchiveError, OutputError

__all__ = ["LARGEST_FILE", "read_model_file", "write_model_file"]

LARGEST_FILE = 2**31 - 1
"""Bytes that a model file may have: what a zip holds without its 64-bit extension."""


def read_model_file(path: str | os.PathLike[str]) -> bytes:
    """All bytes of a model file.

    Parameters
    ----------
    path
        The file to read.

    Raises
    ------
    ArchiveError
        Where there is no such file, it cannot be opened, or it is larger than 2 GB.
    """
    try:
        with Path(path).open("rb") as file:
            data = file.read(LARGEST_FILE + 1)
    except (OSError, ValueError) as error:
        raise ArchiveError(
            f"{str(path)!r} cannot be read: it must be a file that can be opened, got: "
            f"{_reason(error)}. Check the path and its permissions."
        ) from error
    if len(data) > LARGEST_FILE:
        raise ArchiveError(
            f"{str(path)!r} cannot be read: a model file must have at most {LARGEST_FILE} bytes, "
            "got more. Check that it is the file you mean."
        )
    return data


def write_model_file(path: str | os.PathLike[str], data: bytes) -> None:
    """Write a model file; where that fails, what stood there before still stands.

    Parameters
    ----------
    path
        The file to write. An ordinary file of that name is replaced.
    data
        Its bytes.

    Raises
    ------
    OutputError
        Where the file cannot be written.

    Notes
    -----
    The bytes go to a draft in the same folder, which is renamed when it is on the disk. A
    reader at any moment finds the old file or the new one.
    """
    target = Path(path)
    # beside the target, so that the last step is a rename and never a copy
    draft = target.parent / f".{secrets.token_hex(8)}.part"
    try:
        if target.exists() and not target.is_file():
            raise FileExistsError(EEXIST, "what stands there is no ordinary file")
        try:
            _write_through(draft, data)
            os.replace(draft, target)
        finally:
            draft.unlink(missing_ok=True)
    except (OSError, ValueError) as error:
        raise OutputError(
            f"{str(target)!r} must be a file that can be written, got: {_reason(error)}. Choose a "
            "folder that exists, with room and write permission. Nothing was written."
        ) from error


def _write_through(draft: Path, data: bytes) -> None:
    with draft.open("xb") as file:
        file.write(data)
        file.flush()
        os.fsync(file.fileno())


def _reason(error: Exception) -> str:
    return (error.strerror if isinstance(error, OSError) else None) or str(error)
