import json
from dataclasses import dataclass, fields
from typing import Any

import numpy as np
import pytest

from explainrelu.certificate import Certificate, Check, Exactness, Status
from explainrelu.errors import ArchiveError, InputTypeError
from explainrelu.importers.archive.plain_records import from_plain, to_plain
from explainrelu.network.column import Column, ColumnKind, Level
from explainrelu.network.network import Origin


def through_json(value: Any, kind: Any) -> Any:
    return from_plain(json.loads(json.dumps(to_plain(value, kind), allow_nan=False)), kind)


def test_every_field_of_a_column_survives() -> None:
    column = Column(
        name="c",
        kind=ColumnKind.ORDINAL,
        unit="kg",
        levels=("1", 1, 1.0, True, None),
        codes=(0.0, 1.0, 2.0, 3.0, 4.0),
        imputes=True,
        fill=2.0,
        missing_marker="?",
        missing_as="nan",
        ignores_unknown=True,
        unknown_code=-1.0,
        lower=0.0,
        upper=4.0,
    )
    # a field added to Column must be given a value above, or this test would not see it
    plain = Column("other")
    same = {f.name for f in fields(Column) if getattr(column, f.name) == getattr(plain, f.name)}
    assert same == set()
    assert repr(through_json(column, Column)) == repr(column)


@pytest.mark.parametrize("value", [0.1, -0.0, 5e-324, 1e308, float("nan"), float("-inf"), 3])
def test_a_float_keeps_its_value_and_is_a_float(value: float) -> None:
    assert repr(through_json(value, float)) == repr(float(value))


@pytest.mark.parametrize("level", [True, 1, 1.0, "1", None, float("inf"), "nan", 2**80])
def test_a_level_keeps_its_type(level: Level) -> None:
    assert repr(through_json(level, Level)) == repr(level)


@pytest.mark.parametrize(
    ("level", "plain"),
    [(np.int64(3), 3), (np.bool_(True), True), (np.float32(0.5), 0.5), (np.str_("a"), "a")],
)
def test_a_numpy_scalar_becomes_the_plain_value_it_equals(level: Any, plain: Level) -> None:
    read = through_json(level, Level)
    assert type(read) is type(plain)
    assert read == plain


def test_nested_records_and_enumerations_survive() -> None:
    check = Check("agree", Status.FAILS, float("nan"), 1e-9, Exactness.BOUNDED, "3 rows")
    certificate = Certificate((check, check))
    assert repr(through_json(certificate, Certificate)) == repr(certificate)
    origin = Origin("mlp", ("a", "b"), (), "float32", (("numpy", "2.0"),))
    assert through_json(origin, Origin) == origin


@pytest.mark.parametrize("level", [b"bytes", (1, 2), np.datetime64("2024-01-01"), object()])
def test_a_level_of_another_type_is_not_written(level: Any) -> None:
    with pytest.raises(InputTypeError, match="must be text, a number, a truth value or None"):
        to_plain(level, Level, "levels[0]")


def test_a_field_of_another_type_is_not_written() -> None:
    with pytest.raises(InputTypeError, match=r"column\.name must be of type str to be saved"):
        to_plain(Column(5), Column, "column")  # type: ignore[arg-type]  # that is the point


@pytest.mark.parametrize(
    ("data", "kind", "text"),
    [
        (1, float, "a float, got 1"),
        ("1.0", float, "a float, got '1.0'"),
        (float("inf"), float, "a float, got inf"),
        (1, bool, "of type bool, got 1"),
        (True, int, "of type int, got True"),
        (None, str, "of type str, got None"),
        ("odd", Status, "one of holds, fails, undecided, got 'odd'"),
        ({}, tuple[str, ...], "a list, got {}"),
        (["a"], tuple[str, str], "a list of 2"),
        (3, Level, "null or an object"),
        ({}, Level, "null or an object"),
        ({"bytes": "x"}, Level, "null or an object"),
        ({"str": 1}, Level, "of type str, got 1"),
        ([], Column, "an object, got"),
        ({}, Column, "name must be present, got nothing"),
        ({"name": "a", "__class__": "os"}, Column, "no other fields"),
    ],
)
def test_what_is_not_of_the_declared_type_is_refused(data: Any, kind: Any, text: str) -> None:
    with pytest.raises(ArchiveError, match=text):
        from_plain(data, kind)


@dataclass(frozen=True)
class Pair:
    first: tuple[int, ...]
    second: str = "b"


def test_the_error_names_the_place() -> None:
    with pytest.raises(ArchiveError, match=r"pair\.first\[1\] must be of type int, got 'x'"):
        from_plain({"first": [1, "x"]}, Pair, "pair")


def test_an_absent_field_takes_its_default() -> None:
    assert from_plain({"first": []}, Pair) == Pair(())
