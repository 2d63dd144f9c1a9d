"""Opening an ONNX file that nobody vouches for.

The head of a file is read before the file is: a protobuf message is a row of fields, each with a
number, a kind and its length, so that a few bytes and some seeks tell whether the file can be a
model and whether it is complete.
"""

from collections.abc import Iterator
from pathlib import Path
from types import ModuleType
from typing import Any, BinaryIO

from explainrelu.errors import ArchiveError, UnsupportedModelError

__all__ = ["FIRST_OPSET", "check_versions", "opened"]

FIRST_OPSET = 7
"""The first opset in which operators broadcast as numpy does."""

_LARGEST = (1 << 31) - 1  # a protobuf message is no longer than this
_SMALLEST_TAG = 8
# field number of a ModelProto -> the kind of number that stands behind it (0 a varint, 2 a length)
_FIELDS = {1: 0, 2: 2, 3: 2, 4: 2, 5: 0, 6: 2, 7: 2, 8: 2, 14: 2, 20: 2, 25: 2, 26: 2}


def opened(onnx: ModuleType, path: Path) -> Any:
    """The model in a file, its external weights not read yet.

    Parameters
    ----------
    onnx
        The onnx package.
    path
        The file.

    Returns
    -------
    onnx.ModelProto

    Raises
    ------
    ArchiveError
        Where there is no such file, or it is too long, truncated, corrupted or no ONNX file. A
        file that does not begin as a model does is not read beyond its head.
    """
    if not path.is_file():
        raise ArchiveError(f"There is no file {str(path)!r}. Check the path.")
    size = path.stat().st_size
    if size > _LARGEST:
        raise ArchiveError(
            f"An ONNX file must be shorter than 2 GiB, got {path.name!r} of {size} bytes. Save the "
            "model with its weights as external data (onnx.save with save_as_external_data=True)."
        )
    with path.open("rb") as file:
        found = set(_fields(file, size, path.name))
    if 7 not in found:
        raise _not_onnx(path.name, "it holds no graph")
    try:
        model = onnx.load_model_from_string(path.read_bytes())
    except Exception as error:  # each protobuf runtime has an error class of its own
        raise _not_onnx(path.name, f"it cannot be parsed ({error})") from error
    return model


def check_versions(onnx: ModuleType, model: Any) -> dict[str, int]:
    """The version of each operator set that the model is written in.

    Raises
    ------
    UnsupportedModelError
        For operators before opset 7 or newer than the installed onnx package knows.
    ArchiveError
        Where the file does not say it.
    """
    versions = {_domain(entry.domain): int(entry.version) for entry in model.opset_import}
    if "" not in versions:
        if any(_domain(node.domain) == "" for node in model.graph.node):
            raise ArchiveError(
                "An ONNX file must say which version of the operators it is written in "
                "(opset_import), got none. The file is incomplete: save the model again."
            )
        versions[""] = int(onnx.defs.onnx_opset_version())
    newest = int(onnx.defs.onnx_opset_version())
    if versions[""] < FIRST_OPSET:
        raise UnsupportedModelError(
            f"An ONNX file must be of opset {FIRST_OPSET} or later, got opset {versions['']}, "
            "whose operators broadcast otherwise. Convert it with onnx.version_converter."
        )
    if versions[""] > newest:
        raise UnsupportedModelError(
            f"The installed onnx package knows operators up to opset {newest}, got a file of opset "
            f"{versions['']}. Run: pip install --upgrade onnx"
        )
    return versions


def _domain(name: str) -> str:
    return "" if name == "ai.onnx" else name


def _fields(file: BinaryIO, size: int, name: str) -> Iterator[int]:
    """The numbers of the fields of the message, one after the other, without reading them."""
    if size == 0:
        raise _not_onnx(name, "it is empty")
    while file.tell() < size:
        place = file.tell()
        tag = _varint(file, name)
        field, kind = tag >> 3, tag & 7
        if tag < _SMALLEST_TAG or _FIELDS.get(field) != kind:
            raise _not_onnx(name, f"byte {place} begins no part of a model")
        length = _varint(file, name)
        if kind == 2 and file.tell() + length > size:
            raise ArchiveError(
                f"The ONNX file {name!r} must have {file.tell() + length} bytes or more, got "
                f"{size}: it is truncated. Copy or save it again."
            )
        if kind == 2:
            file.seek(length, 1)
        yield field


def _varint(file: BinaryIO, name: str) -> int:
    """A number in seven bits a byte, the lowest first."""
    value = 0
    for shift in range(0, 70, 7):
        byte = file.read(1)
        if not byte:
            raise ArchiveError(
                f"The ONNX file {name!r} ends in the middle of a number: it is truncated. Copy or "
                "save it again."
            )
        value |= (byte[0] & 0x7F) << shift
        if byte[0] < 0x80:
            return value
    raise _not_onnx(name, "it holds a number of more than 64 bits")


def _not_onnx(name: str, why: str) -> ArchiveError:
    return ArchiveError(
        f"{name!r} must be an ONNX file, got one that is none, or corrupted: {why}. Export the "
        "model again, for instance with torch.onnx.export or skl2onnx.to_onnx."
    )
