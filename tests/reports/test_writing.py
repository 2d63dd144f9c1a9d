import os
from pathlib import Path

import pytest

from explainrelu.errors import OutputError
from explainrelu.reports.writing import write_file, write_folder


def says(text: str):
    return lambda path: path.write_text(text)


def breaks(path: Path) -> None:
    path.write_text("half")
    raise OSError(28, "No space left on device")


def names(folder: Path) -> set[str]:
    return {path.name for path in folder.iterdir()}


def test_folder_is_made_with_every_file(tmp_path):
    folder = write_folder(tmp_path / "new" / "out", {"a.csv": says("1"), "b.csv": says("2")})
    assert {path.name: path.read_text() for path in folder.iterdir()} == {
        "a.csv": "1",
        "b.csv": "2",
    }
    assert names(folder.parent) == {"out"}


def test_files_of_the_same_name_are_replaced_and_others_left_alone(tmp_path):
    (tmp_path / "a.csv").write_text("old")
    (tmp_path / "mine.txt").write_text("mine")
    write_folder(tmp_path, {"a.csv": says("new")})
    assert (tmp_path / "a.csv").read_text() == "new"
    assert (tmp_path / "mine.txt").read_text() == "mine"


def test_nothing_is_half_written_where_a_later_file_fails(tmp_path):
    folder = tmp_path / "out"
    write_folder(folder, {"a.csv": says("old")})
    with pytest.raises(OutputError, match=r"got No space left on device for .*out"):
        write_folder(folder, {"a.csv": says("new"), "b.csv": breaks})
    assert (folder / "a.csv").read_text() == "old"
    assert names(folder) == {"a.csv"}
    assert names(tmp_path) == {"out"}


def test_folder_in_the_place_of_a_file_leaves_everything_as_it_was(tmp_path):
    (tmp_path / "a.csv").write_text("old")
    (tmp_path / "b.csv").mkdir()
    with pytest.raises(OutputError, match=r"a folder of the name b\.csv is in the way"):
        write_folder(tmp_path, {"a.csv": says("new"), "b.csv": says("new"), "c.csv": says("new")})
    assert (tmp_path / "a.csv").read_text() == "old"
    assert names(tmp_path) == {"a.csv", "b.csv"}


def test_moves_are_taken_back_where_a_later_one_fails(tmp_path, monkeypatch):
    folder, move = tmp_path / "out", os.replace
    write_folder(folder, {"a.csv": says("old")})

    def refuse_the_last(source, target):
        if Path(target).name == "c.csv":
            raise OSError(13, "Permission denied")
        move(source, target)

    monkeypatch.setattr(os, "replace", refuse_the_last)
    three = {"a.csv": says("new"), "b.csv": says("new"), "c.csv": says("new")}
    for place, left in ((folder, {"a.csv"}), (tmp_path / "fresh", None)):
        with pytest.raises(OutputError, match="got Permission denied"):
            write_folder(place, three)
        assert not place.exists() if left is None else names(place) == left
    assert (folder / "a.csv").read_text() == "old"
    assert names(tmp_path) == {"out"}


def test_a_failure_that_is_no_fault_of_the_disk_passes_and_leaves_nothing(tmp_path):
    with pytest.raises(ZeroDivisionError, match="division"):
        write_folder(tmp_path / "out", {"a.csv": lambda path: 1 / 0})
    assert names(tmp_path) == set()


def test_folder_below_a_file_is_refused(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(OutputError, match="Choose another place"):
        write_folder(tmp_path / "file" / "out", {"a.csv": says("1")})


def test_file_where_the_folder_should_be_is_refused(tmp_path):
    (tmp_path / "out").write_text("mine")
    with pytest.raises(OutputError, match="a file of that name is in the way"):
        write_folder(tmp_path / "out", {"a.csv": says("1")})
    assert (tmp_path / "out").read_text() == "mine"


def test_file_is_written_in_utf8_with_its_newlines(tmp_path):
    path = write_file(tmp_path / "new" / "page.html", "−3\n")
    assert path.read_bytes() == "−3\n".encode()
    assert names(path.parent) == {"page.html"}


def test_folder_where_the_file_should_be_is_refused(tmp_path):
    with pytest.raises(OutputError, match="a folder of that name is in the way"):
        write_file(tmp_path, "text")


def test_file_below_a_file_is_refused(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(OutputError, match="must be writable"):
        write_file(tmp_path / "file" / "page.html", "text")
