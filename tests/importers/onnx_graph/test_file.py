"""The head of a file: what can be told of it without reading it."""

from pathlib import Path

import onnx
import pytest

from explainrelu.errors import ArchiveError
from explainrelu.importers.onnx_graph.file import check_versions, opened
from tests.importers.onnx_graph.onnx_files import file_of, node


def written(tmp_path: Path, data: bytes) -> Path:
    path = tmp_path / "net.onnx"
    path.write_bytes(data)
    return path


def test_file_as_written_is_opened(tmp_path: Path) -> None:
    model = file_of([node("Relu", "x")])
    model.doc_string, model.producer_name = "a text " * 50, "someone"
    model.metadata_props.add(key="a", value="b")
    assert opened(onnx, written(tmp_path, model.SerializeToString())) == model


@pytest.mark.parametrize(
    ("data", "why"),
    [
        (bytes(100), "byte 0 begins no part of a model"),
        (b"\x0a" + bytes(40), "byte 0 begins no part"),  # field 1 is a number, not a length
        (b"\x08" + b"\xff" * 11, "more than 64 bits"),
        (b"\x08\x08", "holds no graph"),
        (b"\x08\x08\x3a\x02\xff\xff", "cannot be parsed"),
    ],
)
def test_what_is_no_model_is_told_from_its_head(tmp_path: Path, data: bytes, why: str) -> None:
    with pytest.raises(ArchiveError, match=why):
        opened(onnx, written(tmp_path, data))


@pytest.mark.parametrize("data", [b"\x08", b"\x08\x88", b"\x08\x08\x3a\x7f\x00"])
def test_truncated_file_is_called_truncated(tmp_path: Path, data: bytes) -> None:
    with pytest.raises(ArchiveError, match="it is truncated"):
        opened(onnx, written(tmp_path, data))


def test_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(ArchiveError, match=r"There is no file .*net\.onnx"):
        opened(onnx, tmp_path / "net.onnx")


def test_file_that_does_not_say_its_operator_set_is_refused() -> None:
    model = file_of([node("Relu", "x")])
    del model.opset_import[:]
    with pytest.raises(ArchiveError, match="opset_import"):
        check_versions(onnx, model)


def test_both_names_of_the_standard_set_are_one() -> None:
    model = file_of([node("Relu", "x")])
    model.opset_import[0].domain = "ai.onnx"
    assert check_versions(onnx, model)[""] == 13
