"""Which axis is that of the rows, and which sizes the rows have to say."""

from typing import Any

import onnx
import pytest

from explainrelu.errors import ModelError
from explainrelu.importers.onnx_graph.shapes import check_declared, input_form


def value(shape: Any) -> onnx.ValueInfoProto:
    return onnx.helper.make_tensor_value_info("x", onnx.TensorProto.FLOAT, shape)


@pytest.mark.parametrize(
    ("declared", "rows", "shape", "batched"),
    [
        (["N", 3], None, (1, 3), True),
        ([None, 3, 4], None, (1, 3, 4), True),
        ([1, 3], None, (1, 3), False),
        ([5], None, (5,), False),
        ([1], None, (1,), False),
        ([25, 5], None, (25, 5), False),
        (["N", 2, "H", "W"], (9, 2, 4, 6), (1, 2, 4, 6), True),
        (["N", 2, "H"], (9, 10), (1, 2, 5), True),
        ([2, "T"], (9, 2, 7), (2, 7), False),
        (None, (9, 4), (1, 4), True),
        (["N"], None, (1,), True),
    ],
)
def test_shape_of_one_row(declared: Any, rows: Any, shape: Any, batched: bool) -> None:
    form = input_form(value(declared), rows)
    assert (form.shape, form.batched) == (shape, batched)


@pytest.mark.parametrize("declared", [None, ["N", "C"], [3, "T"]])
def test_open_sizes_without_rows_are_refused(declared: Any) -> None:
    with pytest.raises(ModelError, match=r"'x' takes samples .* Pass X"):
        input_form(value(declared), None)


@pytest.mark.parametrize("rows", [(9, 3, 4, 6), (9, 7), (9, 2, 4)])
def test_rows_of_another_shape_are_refused(rows: Any) -> None:
    with pytest.raises(ModelError, match=r"samples of shape \(2, '\?', 3\), got rows of shape"):
        input_form(value(["N", 2, "H", 3]), rows)


def test_declared_shape_binds_only_where_it_is_fixed() -> None:
    check_declared(value(["N", 4]), (1, 4))
    check_declared(value(None), (1, 4))
    for wrong in (["N", 5], [1, 1, 4]):
        with pytest.raises(ModelError, match="that the file declares, got"):
            check_declared(value(wrong), (1, 4))
