"""The commands' help in docs/cli.md, written from the commands themselves.

``python -m tests.cli_page`` writes it anew below the page's prose; a test holds them equal.
"""

from pathlib import Path

from click.testing import CliRunner

from explainrelu.cli import main

PAGE = Path(__file__).resolve().parents[1] / "docs" / "cli.md"

_HEADING = "\n## The commands\n"


def help_of(*command: str) -> str:
    """What ``explainrelu [COMMAND] --help`` prints on a terminal of eighty columns."""
    arguments = [*command, "--help"]
    result = CliRunner().invoke(main, arguments, prog_name="explainrelu", terminal_width=80)
    assert result.exit_code == 0, result.output
    return result.output.rstrip()


def page() -> str:
    """The page as it should stand: its own prose, then the help of every command."""
    prose = PAGE.read_text(encoding="utf-8").split(_HEADING)[0]
    blocks = [_HEADING, f"\n```text\n{help_of()}\n```\n"]
    blocks += [f"\n### {name}\n\n```text\n{help_of(name)}\n```\n" for name in main.commands]
    return prose + "".join(blocks)


if __name__ == "__main__":
    PAGE.write_text(page(), encoding="utf-8")
