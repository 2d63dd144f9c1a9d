"""The archive that ``torch.export.save`` writes, read without PyTorch and without executing it.

A ``.pt2`` file is a zip of stored members below one folder: the program as JSON
(``models/NAME.json``) and the raw bytes of every tensor (``data/weights/weight_0``, ...) with
JSON that says which bytes are which tensor. PyTorch's own loader also unpickles the sample inputs
and evaluates symbolic sizes that stand in the file as Python source; neither is done here.

References
----------
PyTorch, ``torch/export/pt2_archive`` and ``torch/_export/serde/schema.py``, schema version 8.
"""

import json
from collections.abc import Mapping
from math import prod
from pathlib import Path
from types import MappingProxyType
from typing import Any, Literal
from zipfile import ZIP_STORED, BadZipFile, ZipFile

import numpy as np
import numpy.typing as npt

from explainrelu.errors import ArchiveError, UnsupportedModelError

__all__ = ["DTYPES", "Pt2File", "refusal"]

DTYPES: Mapping[int, str] = MappingProxyType(
    {
        **dict(enumerate(("uint8", "int8", "int16", "int32", "int64"), 1)),
        **dict(enumerate(("float16", "float32", "float64"), 6)),
        12: "bool",
        13: "bfloat16",
        28: "uint16",
    }
)
"""Number formats by their number in the schema."""

_LARGEST_JSON = 1 << 28
_N_SPREAD = 1 << 20  # a tensor that repeats what is stored may still have this many numbers


def refusal(what: str, wanted: str, got: str) -> ArchiveError:
    """The error for a file that is not what ``torch.export.save`` writes."""
    return ArchiveError(
        f"In a .pt2 file {what} must be {wanted}, got {got}. Save the program again with "
        "torch.export.save of PyTorch 2.8 or later."
    )


class Pt2File:
    """An open archive.

    Attributes
    ----------
    model
        The program, as the JSON in the file has it.

    Raises
    ------
    ArchiveError
        For a file that is truncated or corrupted, no such archive, or of an older form that
        stores its weights as a pickle.
    """

    def __init__(self, path: Path) -> None:
        try:
            with ZipFile(path) as archive:
                self._read(archive, path.stat().st_size)
        except ArchiveError:
            raise
        except (ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
            raise refusal(
                "the file", "a whole archive", f"{type(error).__name__}: {error}"
            ) from error
        except (OSError, BadZipFile, EOFError, NotImplementedError, RuntimeError) as error:
            raise refusal("the file", "a zip that can be unpacked", f"{error}") from error

    def _read(self, archive: ZipFile, size: int) -> None:
        _check_members(archive, size)
        names = archive.namelist()
        self._root = names[0].partition("/")[0] if names else ""
        self._members: dict[str, bytes] = {}
        models = [name for name in names if self._is_model(name)]
        if f"{self._root}/archive_format" not in names or not models:
            raise _other_form(names)
        if len(models) > 1:
            raise refusal("the program", "one", f"{len(models)}: {', '.join(sorted(models))}")
        name = models[0].rpartition("/")[2].removesuffix(".json")
        self._order = self._byte_order(archive, names)
        self.model = _json(archive, models[0])
        self._tensors = {
            **self._payloads(archive, f"data/weights/{name}_weights_config.json", "data/weights"),
            **self._payloads(
                archive, f"data/constants/{name}_constants_config.json", "data/constants"
            ),
        }

    def _is_model(self, name: str) -> bool:
        return name.startswith(f"{self._root}/models/") and name.endswith(".json")

    def _byte_order(self, archive: ZipFile, names: list[str]) -> Literal["<", ">"]:
        member = f"{self._root}/byteorder"
        order = archive.read(member) if member in names else b"little"
        if order not in (b"little", b"big"):
            raise refusal("the byte order", "little or big", repr(order[:20]))
        return "<" if order == b"little" else ">"

    def _payloads(
        self, archive: ZipFile, config: str, folder: str
    ) -> dict[str, tuple[Mapping[str, Any], str]]:
        """For each tensor its description, and the member that holds its bytes."""
        if f"{self._root}/{config}" not in archive.namelist():
            return {}
        found = {}
        for name, payload in _json(archive, f"{self._root}/{config}")["config"].items():
            member = f"{self._root}/{folder}/{payload['path_name']}"
            found[name] = (payload, member)
            if member not in self._members and not payload["use_pickle"]:
                self._members[member] = archive.read(member)
        return found

    def tensor(self, name: str) -> "npt.NDArray[Any]":
        """A parameter, buffer or constant in its own number format (bfloat16 as float32).

        Raises
        ------
        UnsupportedModelError
            For one that is stored as a pickle, sparse, or of a format that is not taken.
        ArchiveError
            For one that is not in the file, or whose bytes are too few.
        """
        if name not in self._tensors:
            raise refusal(f"the tensor {name!r}", "stored", "none of that name")
        payload, member = self._tensors[name]
        if payload["use_pickle"]:
            raise UnsupportedModelError(
                f"Tensor {name!r} is stored in the .pt2 file as a pickle, which may run code and "
                "is never opened. Make it an ordinary tensor (no subclass) and save again."
            )
        meta = payload["tensor_meta"]
        code, layout = meta["dtype"], meta["layout"]
        if code not in DTYPES or layout != 7:
            raise UnsupportedModelError(
                f"Tensor {name!r} must be dense and of one of the formats "
                f"{', '.join(DTYPES.values())}, got the format number {code} in the layout number "
                f"{layout}. Convert it before the export."
            )
        shape, strides = ([size["as_int"] for size in meta[key]] for key in ("sizes", "strides"))
        offset = meta["storage_offset"]["as_int"]
        return _placed(name, self._numbers(member, DTYPES[code]), shape, strides, offset)

    def _numbers(self, member: str, dtype: str) -> "npt.NDArray[Any]":
        raw = self._members[member]
        if dtype != "bfloat16":
            stored = np.dtype(dtype).newbyteorder(self._order)
            return np.frombuffer(raw, stored, len(raw) // stored.itemsize).astype(dtype)
        # the upper half of a float32
        halves = np.frombuffer(raw, f"{self._order}u2", len(raw) // 2).astype(np.uint32)
        return (halves << np.uint32(16)).view(np.float32)


def _check_members(archive: ZipFile, size: int) -> None:
    """Nothing may unfold to more than the file itself."""
    entries = archive.infolist()
    if min((entry.header_offset for entry in entries), default=0) != 0:
        # the sample inputs are a zip of their own, which is found where the end of the file is lost
        raise refusal("the file", "a zip that can be unpacked", "one that is truncated")
    for entry in entries:
        if entry.compress_type != ZIP_STORED or entry.file_size != entry.compress_size:
            raise refusal(entry.filename, "stored without compression", "a compressed member")
    if sum(entry.file_size for entry in entries) > size:
        raise refusal("the file", "as long as its members", "members that overlap")
    names = [entry.filename for entry in entries]
    if len(set(names)) < len(names):
        raise refusal("the members", "of different names", "one name twice")


def _json(archive: ZipFile, name: str) -> Any:
    if archive.getinfo(name).file_size > _LARGEST_JSON:
        raise refusal(name, f"at most {_LARGEST_JSON} bytes", "more")
    found = json.loads(archive.read(name))
    if not isinstance(found, dict):
        raise refusal(name, "a JSON object", type(found).__name__)
    return found


def _placed(
    name: str, numbers: "npt.NDArray[Any]", shape: list[int], strides: list[int], offset: int
) -> "npt.NDArray[Any]":
    """The tensor that lies in the stored numbers with these strides."""
    sizes = [*shape, *strides, offset]
    if len(shape) != len(strides) or any(type(s) is not int or s < 0 for s in sizes):
        raise refusal(f"the tensor {name!r}", "of whole sizes and strides", f"{shape} {strides}")
    if prod(shape) == 0:
        return np.zeros(shape, numbers.dtype)
    last = offset + sum((s - 1) * stride for s, stride in zip(shape, strides, strict=True))
    if last >= numbers.size or prod(shape) > max(numbers.size, _N_SPREAD):
        raise refusal(
            f"the tensor {name!r} of shape {shape}",
            "within the bytes that are stored for it",
            f"{numbers.size} numbers",
        )
    step = numbers.itemsize
    view = np.lib.stride_tricks.as_strided(
        numbers[offset:], shape, [stride * step for stride in strides], writeable=False
    )
    return np.array(view)


def _other_form(names: list[str]) -> ArchiveError:
    if any(name.endswith(".pkl") for name in names):
        return ArchiveError(
            "A .pt2 file must be what torch.export.save writes, got a zip with a pickle in it "
            "(torch.save or torch.jit.save), which may run code and is never opened. Hand over "
            "the module itself, or save it with torch.export.save."
        )
    if any(name.endswith("serialized_state_dict.pt") for name in names):
        return ArchiveError(
            "This .pt2 file is of an older form, which stores the weights as a pickle; that may "
            "run code and is never opened. Load it with torch.export.load and save it again with "
            "torch.export.save of PyTorch 2.8 or later."
        )
    return refusal("the file", "an archive of torch.export.save", "another zip")
