"""The numbers a file holds: tensors, sparse tensors, and those in files of their own."""

from collections.abc import Iterator, Sequence
from math import prod
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import numpy.typing as npt

from explainrelu.errors import ArchiveError, ModelError, SizeError

__all__ = ["MOST_VALUES", "NARROW", "Array", "array_of", "check_size", "dense_of", "embedded"]

Array = npt.NDArray[Any]

NARROW = frozenset({1, 10, 16})
"""float, float16 and bfloat16, as onnx numbers the formats that are widened to float64."""

MOST_VALUES = 1 << 27
"""No constant may hold more numbers than this: 1 GiB in float64."""


def check_size(name: str, shape: Sequence[int]) -> None:
    """Refuse a value that would not fit in memory.

    Raises
    ------
    SizeError
        Where it holds more than ``MOST_VALUES`` numbers.
    """
    if prod(shape) > MOST_VALUES:
        raise SizeError(
            f"The value {name!r} must hold at most {MOST_VALUES} numbers, got the shape "
            f"{tuple(shape)}. Is the file corrupted?"
        )


def array_of(onnx: ModuleType, tensor: Any) -> Array:
    """A tensor, floating-point numbers of any format exactly in float64.

    Parameters
    ----------
    tensor
        A TensorProto, its external data embedded (:func:`embedded`).

    Raises
    ------
    ModelError
        Where the tensor holds another number of values than its shape says.
    SizeError
        Where it would not fit in memory.
    """
    check_size(tensor.name, tensor.dims)
    try:
        array: Array = onnx.numpy_helper.to_array(tensor)
        if tensor.data_type in NARROW:
            array = array.astype(np.float64)
    except Exception as error:  # a corrupted tensor fails in many ways
        raise ModelError(
            f"The tensor {tensor.name!r} of shape {tuple(tensor.dims)} must hold that many values "
            f"of a known kind, got {type(error).__name__}: {error}. The file is corrupted or "
            "incomplete: save the model again."
        ) from error
    return array


def dense_of(onnx: ModuleType, tensor: Any) -> Array:
    """A sparse tensor as a dense array.

    Raises
    ------
    ModelError
        Where its positions lie outside its shape.
    """
    values, indices = (array_of(onnx, part) for part in (tensor.values, tensor.indices))
    shape = tuple(int(size) for size in tensor.dims)
    check_size(tensor.values.name, shape)
    try:
        dense = np.zeros(prod(shape), dtype=values.dtype)
        flat = indices if indices.ndim == 1 else np.ravel_multi_index(tuple(indices.T), shape)
        if (flat < 0).any():
            raise ValueError("a position below 0")
        dense[flat] = values
    except (ValueError, IndexError) as error:
        raise ModelError(
            f"The sparse tensor {tensor.values.name!r} must have its values inside the shape "
            f"{shape}, got {error}. The file is corrupted: save the model again."
        ) from error
    return dense.reshape(shape)


def embedded(onnx: ModuleType, model: Any, folder: Path | None) -> Any:
    """The model with the numbers of its external files in it; itself where it has none.

    Parameters
    ----------
    model
        A ModelProto.
    folder
        Where the model's file lies: external data must lie in it. None for a model that came
        without a file.

    Raises
    ------
    ArchiveError
        For external data that is missing, too short, or outside the folder.
    """
    external = onnx.TensorProto.EXTERNAL
    if all(tensor.data_location != external for tensor in _tensors(onnx, model)):
        return model
    filled = onnx.ModelProto()
    filled.CopyFrom(model)
    for tensor in _tensors(onnx, filled):
        if tensor.data_location == external:
            tensor.raw_data = _external_bytes(tensor, folder)
            tensor.ClearField("external_data")
            tensor.data_location = onnx.TensorProto.DEFAULT
    return filled


def _tensors(onnx: ModuleType, model: Any) -> Iterator[Any]:
    """Every tensor of the main graph: stored, sparse, or the attribute of a node."""
    yield from model.graph.initializer
    sparse = list(model.graph.sparse_initializer)
    for node in (*model.graph.node, *(node for f in model.functions for node in f.node)):
        for attribute in node.attribute:
            if attribute.type == onnx.AttributeProto.TENSOR:
                yield attribute.t
            elif attribute.type == onnx.AttributeProto.SPARSE_TENSOR:
                sparse.append(attribute.sparse_tensor)
    for pair in sparse:
        yield pair.values
        yield pair.indices


def _external_bytes(tensor: Any, folder: Path | None) -> bytes:
    entries = {entry.key: entry.value for entry in tensor.external_data}
    path = _inside(entries.get("location", ""), folder, tensor.name)
    try:
        offset, length = int(entries.get("offset", 0)), entries.get("length")
        n_bytes = path.stat().st_size - offset if length is None else int(length)
    except ValueError:
        raise ArchiveError(
            f"The external data of tensor {tensor.name!r} must have whole numbers for offset and "
            f"length, got {entries}. Save the model again."
        ) from None
    if offset < 0 or n_bytes < 0 or offset + n_bytes > path.stat().st_size:
        raise ArchiveError(
            f"The external data of tensor {tensor.name!r} must lie in bytes {offset} to "
            f"{offset + n_bytes} of {path.name!r}, got a file of {path.stat().st_size} bytes: it "
            "is truncated, or belongs to another model. Copy it again."
        )
    with path.open("rb") as file:
        file.seek(offset)
        return file.read(n_bytes)


def _inside(location: str, folder: Path | None, name: str) -> Path:
    if folder is None:
        raise ArchiveError(
            f"The tensor {name!r} has its data in the file {location!r}, but the model came "
            "without a folder. Hand over the path of the .onnx file."
        )
    home = folder.resolve()
    path = (home / location).resolve()
    if not location or "\0" in location or not path.is_relative_to(home) or path == home:
        raise ArchiveError(
            f"External data must lie in the folder of the model, but the tensor {name!r} points "
            f"to {location!r}, which does not. The file is not to be trusted."
        )
    if not path.is_file():
        raise ArchiveError(
            f"The data of tensor {name!r} must lie in {location!r} beside the model, got no such "
            "file. Copy all files of the model together."
        )
    return path
