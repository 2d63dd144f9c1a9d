"""One ONNX file written, operator by operator."""

import json
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import numpy.typing as npt

from explainrelu.arrays import FloatArray, Matrix
from explainrelu.errors import OutputError, SizeError
from explainrelu.importers.archive.model_file import write_model_file
from explainrelu.network.network import ReluNetwork

__all__ = ["OnnxFile"]

_OPSET, _IR_VERSION = 13, 8  # from 2021: old enough for every tool, and all that is used is there
_LARGEST = 2**31 - 2**20  # bytes of numbers: a file is one protobuf message, shorter than 2 GiB
_MOST_ENTRIES = 2**28  # of one matrix: runtimes write sparse ones out, then 2 GiB


class OnnxFile:
    """The operators and numbers of a file that is being made.

    Every method that adds something returns the name of the value that it gives.
    """

    input = "input"

    def __init__(self, onnx: ModuleType) -> None:
        self._onnx = onnx
        self._nodes: list[Any] = []
        self._tensors: list[Any] = []
        self._sparse: list[Any] = []
        self._n_bytes = 0

    def array(self, name: str, array: npt.ArrayLike) -> str:
        """Fixed numbers, in their own format."""
        numbers = np.ascontiguousarray(array)
        self._make_room(numbers.nbytes, numbers.size, name)
        self._tensors.append(self._onnx.numpy_helper.from_array(numbers, name))
        return name

    def matrix(self, name: str, matrix: Matrix) -> str:
        """A weight matrix; sparse rows stay sparse in the file."""
        if isinstance(matrix, np.ndarray):
            return self.array(name, matrix)
        shape, rows = matrix.shape, matrix.tocoo()
        self._make_room(16 * rows.nnz, shape[0] * shape[1], name)
        places = rows.row.astype(np.int64) * shape[1] + rows.col
        to_tensor = self._onnx.numpy_helper.from_array
        values, indices = to_tensor(rows.data, name), to_tensor(places, f"{name}_places")
        self._sparse.append(self._onnx.helper.make_sparse_tensor(values, indices, shape))
        return name

    def does(self, operator: str, name: str, *taken: str, **attributes: Any) -> str:
        """An operator that gives one value, under the name ``name``."""
        self.gives(operator, (name,), *taken, **attributes)
        return name

    def gives(self, operator: str, names: tuple[str, ...], *taken: str, **attributes: Any) -> None:
        """An operator that gives several values."""
        node = self._onnx.helper.make_node(
            operator, list(taken), list(names), name=names[0], **attributes
        )
        self._nodes.append(node)

    def affine(self, name: str, x: str, weight: Matrix, bias: FloatArray) -> str:
        """``weight @ x + bias`` for each row of ``x``."""
        numbers = self.matrix(f"{name}_weight", weight), self.array(f"{name}_bias", bias)
        return self.does("Gemm", name, x, *numbers, transB=1)

    def numbers(self, name: str, truths: str) -> str:
        """1 where true, else 0."""
        return self.does("Cast", name, truths, to=self._onnx.TensorProto.DOUBLE)

    def points(self, network: ReluNetwork) -> str:
        """The input as rows of numbers, whatever the shape of a sample."""
        if not network.schema.shape:
            return self.input
        return self.does("Flatten", "points", self.input, axis=1)

    def write(self, path: Path, network: ReluNetwork, output: str, what: str) -> None:
        """Check the file and write it, whole or not at all.

        Parameters
        ----------
        path
            Where it shall lie.
        network
            Whose columns and scores the input and output are.
        output
            Name of the value that the file gives.
        what
            What the file computes, in a sentence.

        Raises
        ------
        OutputError
            Where it cannot be written.
        """
        if path.suffix != ".onnx":
            raise OutputError(f"The file to write must end in .onnx, got {path.name!r}.")
        model = self._model(network, output, what)
        self._onnx.checker.check_model(model)
        write_model_file(path, model.SerializeToString())

    def _model(self, network: ReluNetwork, output: str, what: str) -> Any:
        helper, double = self._onnx.helper, self._onnx.TensorProto.DOUBLE
        taken = ["n_samples", *(network.schema.shape or (network.n_inputs,))]
        given = ["n_samples", network.n_outputs]
        graph = helper.make_graph(
            self._nodes,
            "network",
            [helper.make_tensor_value_info(self.input, double, taken)],
            [helper.make_tensor_value_info(output, double, given)],
            initializer=self._tensors,
            sparse_initializer=self._sparse,
            doc_string=what,
        )
        model = helper.make_model(
            graph,
            opset_imports=[helper.make_opsetid("", _OPSET)],
            ir_version=_IR_VERSION,
            producer_name="explainrelu",
        )
        helper.set_model_props(model, _properties(network))
        return model

    def _make_room(self, n_bytes: int, n_entries: int, name: str) -> None:
        self._n_bytes += n_bytes
        if self._n_bytes > _LARGEST or n_entries > _MOST_ENTRIES:
            raise SizeError(
                f"An ONNX file holds less than 2 GiB of numbers, and no array of more than "
                f"{_MOST_ENTRIES:,}, got {self._n_bytes:,} bytes up to {name!r}, which has "
                f"{n_entries:,}. Export a smaller network, or restrict(cells) of a converted one."
            )


def _properties(network: ReluNetwork) -> dict[str, str]:
    """What a reader needs to know of the columns, as JSON: ONNX names whole tensors only."""
    return {
        "input_names": json.dumps(network.schema.input_names),
        "output_names": json.dumps(network.outputs.names),
        "link": network.link.name,
    }
