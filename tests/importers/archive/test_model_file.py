import os
import stat
from pathlib import Path

import pytest

from explainrelu.errors import ArchiveError, OutputError
from explainrelu.importers.archive import model_file
from explainrelu.importers.archive.model_file import read_model_file, write_model_file


def test_what_is_written_is_read(tmp_path: Path) -> None:
    write_model_file(tmp_path / "model", b"\x00\xff")
    assert read_model_file(str(tmp_path / "model")) == b"\x00\xff"


def test_an_existing_file_is_replaced_and_nothing_else_left(tmp_path: Path) -> None:
    (tmp_path / "model").write_bytes(b"old")
    write_model_file(tmp_path / "model", b"new")
    assert [p.name for p in tmp_path.iterdir()] == ["model"]
    assert (tmp_path / "model").read_bytes() == b"new"


def test_a_new_file_has_the_permissions_of_any_new_file(tmp_path: Path) -> None:
    write_model_file(tmp_path / "model", b"")
    (tmp_path / "plain").touch()
    modes = {stat.S_IMODE((tmp_path / name).stat().st_mode) for name in ("model", "plain")}
    assert len(modes) == 1


@pytest.mark.parametrize("step", ["fsync", "replace"])
def test_a_failing_disk_leaves_the_old_file_and_no_draft(
    step: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: object) -> None:
        raise OSError(28, "No space left on device")

    (tmp_path / "model").write_bytes(b"old")
    monkeypatch.setattr(os, step, fail)
    with pytest.raises(OutputError, match=r"No space left on device\. .* Nothing was written"):
        write_model_file(tmp_path / "model", b"new")
    assert [p.read_bytes() for p in tmp_path.iterdir()] == [b"old"]


def test_an_interrupt_leaves_the_old_file_and_no_draft(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def interrupt(*_: object) -> None:
        raise KeyboardInterrupt("pressed")

    (tmp_path / "model").write_bytes(b"old")
    monkeypatch.setattr(os, "fsync", interrupt)
    with pytest.raises(KeyboardInterrupt, match="pressed"):
        write_model_file(tmp_path / "model", b"new")
    assert [p.read_bytes() for p in tmp_path.iterdir()] == [b"old"]


@pytest.mark.parametrize("name", ["none/model", "folder", "file/model", "x" * 5000, "nul\0"])
def test_a_path_that_cannot_be_written_is_an_output_error(name: str, tmp_path: Path) -> None:
    (tmp_path / "folder").mkdir()
    (tmp_path / "file").write_bytes(b"kept")
    with pytest.raises(OutputError, match="must be a file that can be written"):
        write_model_file(tmp_path / name, b"new")
    assert sorted(p.name for p in tmp_path.iterdir()) == ["file", "folder"]
    assert (tmp_path / "file").read_bytes() == b"kept"


def test_what_is_no_ordinary_file_is_not_replaced(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    with pytest.raises(OutputError, match="no ordinary file"):
        write_model_file(tmp_path / "pipe", b"new")
    assert stat.S_ISFIFO((tmp_path / "pipe").stat().st_mode)


def test_a_file_beyond_the_limit_is_not_read(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(model_file, "LARGEST_FILE", 3)
    (tmp_path / "model").write_bytes(b"1234")
    with pytest.raises(ArchiveError, match="at most 3 bytes, got more"):
        read_model_file(tmp_path / "model")
