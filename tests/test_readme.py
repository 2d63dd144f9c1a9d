"""Run what the pages show: every Python block of the README and of the pages in docs/."""

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
BLOCK = re.compile(r"^```python\n(.*?)^```", re.MULTILINE | re.DOTALL)


def blocks(page: Path) -> list[str]:
    """The page's Python blocks, each pushed down so that a traceback shows the page's lines."""
    text = page.read_text(encoding="utf-8")
    return ["\n" * text[: block.start(1)].count("\n") + block[1] for block in BLOCK.finditer(text)]


def run(page: Path) -> None:
    """Run the blocks of a page in order, in one namespace, as one reader would."""
    namespace: dict[str, object] = {"__name__": "__main__"}
    for block in blocks(page):
        exec(compile(block, str(page), "exec"), namespace)


PAGES = [ROOT / "README.md", *(page for page in sorted(ROOT.glob("docs/**/*.md")) if blocks(page))]


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.relative_to(ROOT).as_posix())
def test_page_runs(page: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert blocks(page)
    monkeypatch.chdir(tmp_path)
    run(page)


def test_blocks_run_in_order_and_share_their_names(tmp_path: Path) -> None:
    page = tmp_path / "page.md"
    page.write_text(
        "```python\na = 1\n```\n\n```text\na = 2\n```\n\n```python\nassert a == 1\n```\n"
    )
    run(page)


def test_failing_block_points_at_the_line_of_the_page(tmp_path: Path) -> None:
    page = tmp_path / "page.md"
    page.write_text("# Title\n\n```python\na = 1\nraise ValueError('here')\n```\n")
    with pytest.raises(ValueError, match="here") as failure:
        run(page)
    assert failure.traceback[-1].lineno == 4


LINK = re.compile(r"\]\((?!https?://|#)([^)#]+)")
TRACKED_PAGES = sorted(
    page
    for pattern in ("*.md", "docs/**/*.md", "datasets/*.md", "tutorials/*.md")
    for page in ROOT.glob(pattern)
)


@pytest.mark.parametrize("page", TRACKED_PAGES, ids=lambda page: page.relative_to(ROOT).as_posix())
def test_links_between_files_lead_somewhere(page: Path) -> None:
    targets = LINK.findall(page.read_text(encoding="utf-8"))
    assert [target for target in targets if not (page.parent / target).exists()] == []
