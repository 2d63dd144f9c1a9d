"""MNIST from its four IDX files, gzipped or not."""

import gzip
import struct
from dataclasses import dataclass
from pathlib import Path

import numpy as np

TYPES = {8: "B", 9: "b", 11: ">i2", 12: ">i4", 13: ">f4", 14: ">f8"}  # of the IDX header


@dataclass(frozen=True, slots=True, eq=False)
class Mnist:
    """Pixels in ``[0, 1]`` as rows ``(n_images, 784)``, and digits ``(n_images,)``."""

    train_images: np.ndarray
    train_digits: np.ndarray
    test_images: np.ndarray
    test_digits: np.ndarray


def read_idx(path: Path) -> np.ndarray:
    """The array in an IDX file: two zero bytes, a type, a dimension, the shape, then the values."""
    opened = gzip.open if path.suffix == ".gz" else open
    with opened(path, "rb") as file:
        content = file.read()
    if len(content) < 4 or content[:2] != b"\0\0" or content[2] not in TYPES:
        raise ValueError(f"{path} must start as an IDX file does, got {content[:4]!r}.")
    dtype, n_axes = np.dtype(TYPES[content[2]]), content[3]
    start = 4 + 4 * n_axes
    shape = struct.unpack(f">{n_axes}I", content[4:start])
    wanted = int(np.prod(shape)) * dtype.itemsize
    if len(content) != start + wanted:
        raise ValueError(f"{path} must hold {wanted} bytes of {shape}, got {len(content) - start}.")
    return np.frombuffer(content, dtype, offset=start).reshape(shape)


def load_mnist(folder: Path) -> Mnist:
    """The training and the test images of a folder with the four files."""

    def read(name: str) -> np.ndarray:
        for path in (folder / f"{name}.gz", folder / name):
            if path.exists():
                return read_idx(path)
        raise FileNotFoundError(f"{folder} must hold {name}.gz, as the MNIST files are called.")

    def pixels(name: str) -> np.ndarray:
        images = read(name)
        return images.reshape(len(images), -1).astype(np.float32) / np.float32(255)

    return Mnist(
        pixels("train-images-idx3-ubyte"),
        read("train-labels-idx1-ubyte").astype(np.int64),
        pixels("t10k-images-idx3-ubyte"),
        read("t10k-labels-idx1-ubyte").astype(np.int64),
    )
