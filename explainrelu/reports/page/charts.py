"""Small pictures for the page, as SVG text.

Bars and strips lie in table rows beside the numbers they show, so they are hidden from screen
readers; their lengths are percentages and they stretch with the column. The two charts with
axes carry a description. Colours come from the page's style sheet by class.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from html import escape

import numpy as np

from explainrelu.arrays import FloatArray
from explainrelu.reports.numbers import MINUS, count

__all__ = ["bar", "histogram", "range_strip", "share_curve", "step_bar"]

_HIDDEN = 'aria-hidden="true" focusable="false"'
_POINTS = 300  # of a curve at most


def bar(share: float, tone: str) -> str:
    """A bar from the left, ``share`` of the width."""
    return _strip(f'<rect class="{tone}" y="20%" height="60%" width="{_at(share)}" rx="1.5"/>')


def step_bar(start: float, end: float, low: float, high: float, tone: str) -> str:
    """One step of a waterfall: a bar from ``start`` to ``end`` on the scale ``low`` to ``high``.

    Hairlines lead to it from the row above and on to the row below.
    """
    a, b = ((value - low) / (high - low) for value in (start, end))
    width = max(abs(a - b), 0.006)
    left = min(a, b) if a != b else a - width / 2
    return _strip(
        f'<line class="tie" x1="{_at(a)}" x2="{_at(a)}" y1="0" y2="50%"/>'
        f'<line class="tie" x1="{_at(b)}" x2="{_at(b)}" y1="50%" y2="100%"/>'
        f'<rect class="{tone}" x="{_at(left)}" y="18%" height="64%" width="{_at(width)}"/>'
    )


def range_strip(low: float, high: float, lower: float, upper: float, value: float) -> str:
    """A column's range ``low`` to ``high``, the part ``lower`` to ``upper`` of it, and a value."""
    width = high - low
    a, b, dot = ((v - low) / width if width > 0 else 0.5 for v in (lower, upper, value))
    part = f'x="{_at(a)}" y="32%" height="36%" width="{_at(max(b - a, 0.006))}" rx="2"'
    return _strip(
        '<line class="whole" x1="0" x2="100%" y1="50%" y2="50%"/>'
        f'<rect class="part" {part}/>'
        f'<circle class="dot" cx="{_at(dot)}" cy="50%" r="4"/>'
    )


def share_curve(shares: FloatArray) -> str:
    """How many regions hold how many of the rows: the cumulative share, largest region first."""
    n_regions, axes = shares.size, _Axes(640)
    total = np.minimum(1.0, np.concatenate([[0.0], np.cumsum(shares)]))
    half = int(np.searchsorted(total, 0.5 - 1e-12))
    keep = np.unique(np.linspace(0, n_regions, min(n_regions + 1, _POINTS)).round().astype(int))
    line = " ".join(f"{axes.across(i / n_regions):.1f},{axes.up(total[i]):.1f}" for i in keep)
    ends = [f"{axes.across(end):.1f},{axes.up(0.0):.1f}" for end in (0.0, 1.0)]
    place = f'cx="{axes.across(half / n_regions):.1f}" cy="{axes.up(total[half]):.1f}"'
    body = [
        *(axes.level(share, f"{share:.0%}") for share in (0.0, 0.25, 0.5, 0.75, 1.0)),
        f'<polygon class="area" points="{ends[0]} {line} {ends[1]}"/>',
        f'<polyline class="curve" points="{line}"/>',
        f'<circle class="point" {place} r="4.5"/>',
        axes.below(0.0, "0"),
        axes.below(1.0, count(n_regions)),
        axes.title("regions, largest first"),
    ]
    what = f"{count(half)} of {count(n_regions)} regions hold half of the rows."
    return axes.chart(f"Cumulative share of the rows over the regions. {what}", body)


def histogram(values: FloatArray, low: float, high: float, *, title: str, unit: str) -> str:
    """How many values lie in each of twenty intervals of ``low`` to ``high``."""
    counts, edges = np.histogram(np.clip(values, low, high), bins=20, range=(low, high))
    most, axes = max(1, int(counts.max())), _Axes(440)
    body = [axes.level(0.0, "0"), axes.level(1.0, count(most))]
    for n, left, right in zip(counts, edges[:-1], edges[1:], strict=True):
        a, b = (axes.across((edge - low) / (high - low)) for edge in (left, right))
        top, floor = axes.up(n / most), axes.up(0.0)
        size = f'width="{b - a - 2:.1f}" height="{floor - top:.1f}"'
        body.append(f'<rect class="count" x="{a + 1:.1f}" y="{top:.1f}" {size}/>')
    ticks = ((tick, (tick - low) / (high - low)) for tick in np.linspace(low, high, 5))
    body += [axes.below(place, f"{tick:g}".replace("-", MINUS)) for tick, place in ticks]
    body.append(axes.title(unit))
    what = f"{count(values.size)} values, their median {float(np.median(values)):.2f}."
    return axes.chart(f"{title}. {what}", body)


@dataclass(frozen=True, slots=True)
class _Axes:
    """A frame of some width in which places are shares, from the lower left corner."""

    width: int
    height: int = 260
    left: int = 44
    right: int = 12
    top: int = 12
    bottom: int = 44

    def across(self, share: float) -> float:
        return self.left + share * (self.width - self.left - self.right)

    def up(self, share: float) -> float:
        return self.height - self.bottom - share * (self.height - self.top - self.bottom)

    def level(self, share: float, text: str) -> str:
        """A line at a height, with its label."""
        y, end = self.up(share), self.width - self.right
        line = f'<line class="grid" x1="{self.left}" x2="{end}" y1="{y:.1f}" y2="{y:.1f}"/>'
        return line + _text(self.left - 8, y + 4, text, "end")

    def below(self, share: float, text: str) -> str:
        """A label under the frame."""
        anchor = "middle" if 0.0 < share < 1.0 else ("start" if share <= 0.0 else "end")
        return _text(self.across(share), self.height - self.bottom + 18, text, anchor)

    def title(self, text: str) -> str:
        """What runs from left to right."""
        return _text(self.across(0.5), self.height - 5, text, "middle")

    def chart(self, description: str, body: Sequence[str]) -> str:
        """The whole picture, named for those who cannot see it."""
        return (
            f'<svg class="chart" viewBox="0 0 {self.width} {self.height}" role="img" '
            f'aria-label="{escape(description)}">{"".join(body)}</svg>'
        )


def _strip(body: str) -> str:
    return f'<svg class="strip" width="100%" height="100%" {_HIDDEN}>{body}</svg>'


def _at(share: float) -> str:
    return f"{100.0 * min(1.0, max(0.0, share)):.2f}%"


def _text(x: float, y: float, text: str, anchor: str) -> str:
    return f'<text x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}">{escape(text)}</text>'
