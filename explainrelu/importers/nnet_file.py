"""The NNet text format of the Stanford Intelligent Systems Laboratory, read line by line.

    // any number of comments
    layers, inputs, outputs, largest width
    width of the input, of each hidden layer, of the output
    a flag that nobody uses any more
    minima of the inputs            maxima of the inputs            one line each
    means of the inputs, and one of all outputs                     one line
    ranges of the inputs, and one of all outputs                    one line
    for each layer: its weights, one line a unit, then its biases, one line a unit

Numbers stand between commas; a comma at the end of a line is customary.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from io import BytesIO
from itertools import pairwise
from math import isfinite, isnan
from pathlib import Path

import numpy as np

from explainrelu.arrays import BoolArray, FloatArray, frozen
from explainrelu.errors import ArchiveError
from explainrelu.importers.archive.model_file import read_model_file

__all__ = ["NnetFile", "read_nnet"]

_UNLIMITED = float(np.finfo(np.float32).max)
_LONGEST_LINE = 2**26  # bytes: some millions of numbers


@dataclass(frozen=True, slots=True, eq=False)
class NnetFile:
    """What an NNet file says.

    Attributes
    ----------
    weights : each (n_out, n_in)
    biases : each (n_out,)
    minima, maxima : (n_inputs,)
        Inputs outside are set to these before anything else.
    means, ranges : (n_inputs,)
        The network sees ``(x - mean) / range``.
    output_mean, output_range
        Its outputs are multiplied by the range, and the mean is added.
    """

    weights: tuple[FloatArray, ...]
    biases: tuple[FloatArray, ...]
    minima: FloatArray
    maxima: FloatArray
    means: FloatArray
    ranges: FloatArray
    output_mean: float
    output_range: float

    @property
    def limited_below(self) -> BoolArray:
        """Which inputs have a minimum; writers say infinity, or float32's lowest, for none."""
        return self.minima > -_UNLIMITED

    @property
    def limited_above(self) -> BoolArray:
        """Which inputs have a maximum."""
        return self.maxima < _UNLIMITED

    def evaluate(self, points: FloatArray, *, clip: bool = True) -> FloatArray:
        """The outputs ``(n_samples, n_outputs)`` of inputs ``(n_samples, n_inputs)``."""
        inside = points
        if clip:
            inside = np.where(self.limited_below, np.maximum(points, self.minima), points)
            inside = np.where(self.limited_above, np.minimum(inside, self.maxima), inside)
        hidden = (inside - self.means) / self.ranges
        for weight, bias in zip(self.weights[:-1], self.biases[:-1], strict=True):
            hidden = np.maximum(hidden @ weight.T + bias, 0.0)
        outputs: FloatArray = hidden @ self.weights[-1].T + self.biases[-1]
        return outputs * self.output_range + self.output_mean


def read_nnet(path: str | Path) -> NnetFile:
    """Read an NNet file.

    Raises
    ------
    ArchiveError
        Where it cannot be opened, is no NNet file, is truncated, or contradicts itself; the text
        names the line.

    Notes
    -----
    Nothing in the file is executed, and no memory is taken on its word: rows are kept as they are
    read. Decimal numbers are rounded to the nearest float64, as every reader of the format does.
    """
    lines = _Lines(Path(path))
    n_layers, n_inputs, n_outputs, _ = lines.integers(4, "layers, inputs, outputs, largest width")
    if not 1 <= n_layers <= 10_000:
        raise lines.refused(f"there must be at least one layer and at most 10,000, got {n_layers}")
    widths = lines.integers(n_layers + 1, "the width of every layer")
    if min(widths) < 1 or (widths[0], widths[-1]) != (n_inputs, n_outputs):
        raise lines.refused(
            f"widths must be at least 1, from {n_inputs} inputs to {n_outputs} outputs as the "
            f"first line says, got {widths}"
        )
    lines.skipped("a flag")
    minima = lines.numbers(n_inputs, "the minimum of every input", infinite=True)
    maxima = lines.numbers(n_inputs, "the maximum of every input", infinite=True)
    if (minima > maxima).any():
        raise lines.refused("no maximum of an input may be below its minimum")
    means = lines.numbers(n_inputs + 1, "the mean of every input and of the outputs")
    ranges = lines.numbers(n_inputs + 1, "the range of every input and of the outputs")
    if not ranges[:-1].all():
        raise lines.refused("no range of an input may be 0: inputs are divided by it")
    weights, biases = [], []
    for layer, (n_in, n_out) in enumerate(pairwise(widths), start=1):
        what = f"weights of layer {layer}"
        weights.append(frozen(np.array([lines.numbers(n_in, what) for _ in range(n_out)])))
        what = f"the bias of a unit of layer {layer}"
        biases.append(frozen(np.concatenate([lines.numbers(1, what) for _ in range(n_out)])))
    lines.finished()
    return NnetFile(
        weights=tuple(weights),
        biases=tuple(biases),
        minima=minima,
        maxima=maxima,
        means=frozen(means[:-1]),
        ranges=frozen(ranges[:-1]),
        output_mean=float(means[-1]),
        output_range=float(ranges[-1]),
    )


class _Lines:
    """The lines of the file that hold something, and the number of the last one read."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._number = 0
        self._rows = self._read(BytesIO(read_model_file(path)))

    def _read(self, file: BytesIO) -> Iterator[str]:
        header = True
        while raw := file.readline(_LONGEST_LINE):
            self._number += 1
            try:
                line = raw.decode("utf-8-sig" if self._number == 1 else "utf-8").strip()
            except UnicodeDecodeError:
                raise self.refused("it must be text, got other bytes") from None
            header = header and (not line or line.startswith("//"))
            if line and not header:
                yield line

    def integers(self, count: int, what: str) -> tuple[int, ...]:
        """The next line, as whole numbers."""
        fields = self._fields(count, what)
        try:
            return tuple(int(field) for field in fields)
        except ValueError:
            raise self.refused(f"{what} must be whole numbers, got {_shown(fields)}") from None

    def numbers(self, count: int, what: str, *, infinite: bool = False) -> FloatArray:
        """The next line, as numbers."""
        fields = self._fields(count, what)
        try:
            found = [float(field) for field in fields]
        except ValueError:
            raise self.refused(f"{what} must be numbers, got {_shown(fields)}") from None
        if not all(isfinite(value) or (infinite and not isnan(value)) for value in found):
            raise self.refused(f"{what} must be finite, got {_shown(fields)}")
        return frozen(np.array(found, dtype=np.float64))

    def skipped(self, what: str) -> None:
        """Pass over the next line."""
        self._line(what)

    def finished(self) -> None:
        """Refuse anything behind what the sizes announce."""
        if next(self._rows, None) is not None:
            raise self.refused("the file must end behind the last bias, got another line")

    def refused(self, what: str) -> ArchiveError:
        """The error for the last line read."""
        return ArchiveError(
            f"{str(self._path)!r} cannot be read as an NNet file: line {self._number}: {what}. "
            "Check that it is the file you mean, and write it again."
        )

    def _line(self, what: str) -> str:
        line = next(self._rows, None)
        if line is None:
            raise self.refused(f"the file ends where {what} should stand")
        return line

    def _fields(self, count: int, what: str) -> list[str]:
        fields = [field.strip() for field in self._line(what).split(",")]
        if fields[-1] == "":
            del fields[-1]
        if len(fields) != count:
            raise self.refused(f"{what}: {count} numbers must stand there, got {len(fields)}")
        return fields


def _shown(fields: list[str]) -> str:
    """The first fields, cut where they are long."""
    text = ", ".join(fields[:4])
    return repr(text if len(text) <= 40 and len(fields) <= 4 else f"{text[:40]}...")
