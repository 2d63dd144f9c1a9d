import json
import sys
import warnings
from io import BytesIO, StringIO, TextIOWrapper

import numpy as np
import pandas as pd
import pytest

from explainrelu.certificate import Certificate, Check, Exactness, Status
from explainrelu.command_line.console import Console, records

TABLE = pd.DataFrame(
    {
        "row": np.array([0, 1]),
        "value": [0.1, np.nan],
        "bound": [np.inf, -1.0],
        "holds": [True, False],
        "unit": pd.Series(["€", None], dtype="str"),
    }
)


def test_records_are_valid_json_with_every_digit() -> None:
    plain = json.loads(json.dumps(records(TABLE), allow_nan=False))
    assert plain[0] == {"row": 0, "value": 0.1, "bound": None, "holds": True, "unit": "€"}
    assert plain[1] == {"row": 1, "value": None, "bound": -1.0, "holds": False, "unit": None}


def test_json_alone_goes_to_stdout(capsys: pytest.CaptureFixture[str]) -> None:
    console = Console(as_json=True)
    console.say("words")
    console.note("a note")
    console.data([1, None])
    assert json.loads(capsys.readouterr().out) == [1, None]


def test_a_quiet_console_says_the_result_and_no_notes(capsys: pytest.CaptureFixture[str]) -> None:
    console = Console(quiet=True)
    console.say("words")
    console.note("a note")
    console.data([1])
    assert capsys.readouterr().out == "words\n"


def test_a_terminal_without_blocks_gets_plainer_signs(monkeypatch: pytest.MonkeyPatch) -> None:
    buffer = BytesIO()
    monkeypatch.setattr(sys, "stdout", TextIOWrapper(buffer, encoding="ascii"))
    Console().say("██ 3 × ö ± 2")
    sys.stdout.flush()
    assert buffer.getvalue() == b"## 3 x ? +/- 2\n"


def test_a_check_that_does_not_hold_is_named_in_a_line(capsys: pytest.CaptureFixture[str]) -> None:
    good = Check.at_most("fine", 0.0, 1.0, Exactness.EXACT, "3 rows")
    bad = Check.at_most("scores agree", 0.5, 0.1, Exactness.EXACT, "3 rows")
    assert Console().holds(Certificate((good,)), Certificate())
    assert not Console().holds(Certificate((good, bad)))
    said = capsys.readouterr().err
    assert said == (
        "Warning: a check fails: scores agree, 0.5 where at most 0.1 is allowed (3 rows).\n"
    )


def test_a_check_that_is_not_decided_is_named_and_no_failure(
    capsys: pytest.CaptureFixture[str],
) -> None:
    nan = float("nan")
    check = Check("in fractions", Status.UNDECIDED, nan, 0.0, Exactness.EXACT, "too large")
    assert Console().holds(Certificate((check,)))
    assert capsys.readouterr().err == "Not decided: in fractions (too large).\n"


def test_a_warning_is_one_line(capsys: pytest.CaptureFixture[str]) -> None:
    with Console().warnings_in_a_line():
        warnings.simplefilter("always")
        warnings.warn("two\n lines", UserWarning, stacklevel=1)
    assert capsys.readouterr().err == "Warning: two lines\n"


def test_progress_is_shown_on_a_terminal_only(monkeypatch: pytest.MonkeyPatch) -> None:
    class Terminal(StringIO):
        def isatty(self) -> bool:
            return True

    assert not Console().shows_progress
    monkeypatch.setattr(sys, "stderr", Terminal())
    assert Console().shows_progress
    assert not Console(quiet=True).shows_progress
    with Console().steps(2) as progress:
        assert progress is not None
        progress(0, "reading the rules")
    assert "reading the rules" in sys.stderr.getvalue()  # type: ignore[attr-defined]


def test_items_pass_through_unchanged() -> None:
    assert list(Console().each(iter("abc"), 3, "Reading")) == ["a", "b", "c"]
    with Console().steps(3) as progress:
        assert progress is None
