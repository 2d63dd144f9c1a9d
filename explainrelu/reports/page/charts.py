"""Small pictures for the page, as SVG text.

Bars and strips lie in table rows beside the numbers they show, so they are hidden from screen
readers; their lengths are percentages and they stretch with the column. The charts with axes
carry a description. Colours come from the page's style sheet by class.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from html import escape

import numpy as np

from explainrelu.arrays import FloatArray
from explainrelu.reports.numbers import MINUS, count, number

__all__ = [
    "bar",
    "certified_curve",
    "histogram",
    "interval_strip",
    "profile_scale",
    "profile_strip",
    "range_strip",
    "share_curve",
    "split_bar",
    "step_bar",
    "trade_off",
]

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


def split_bar(left: float, right: float) -> str:
    """A whole of which a share is coloured from either end; the rest between them is grey."""
    a, b = min(1.0, max(0.0, left)), min(1.0, max(0.0, right))
    return _strip(
        '<rect class="none" y="28%" height="44%" width="100%"/>'
        f'<rect class="down" y="28%" height="44%" width="{_at(a)}"/>'
        f'<rect class="up" x="{_at(1.0 - b)}" y="28%" height="44%" width="{_at(b)}"/>'
    )


def profile_strip(quantiles: Sequence[float], low: float, high: float, tone: str) -> str:
    """Five quantiles on the scale ``low`` to ``high``: a band, a box, the median, and zero.

    Parameters
    ----------
    quantiles
        Of 5, 25, 50, 75 and 95 %.
    """
    a, b, middle, c, d = ((value - low) / (high - low) for value in quantiles)
    zero = f'x1="{_at(-low / (high - low))}" x2="{_at(-low / (high - low))}"'
    return _strip(
        f'<line class="zero" {zero} y1="0" y2="100%"/>'
        f'<rect class="band {tone}" x="{_at(a)}" y="38%" height="24%" width="{_at(d - a)}"/>'
        f'<rect class="box {tone}" x="{_at(b)}" y="24%" height="52%" width="{_at(c - b)}"/>'
        f'<line class="median" x1="{_at(middle)}" x2="{_at(middle)}" y1="14%" y2="86%"/>'
    )


def profile_scale(low: float, high: float) -> str:
    """The ends and the zero of the scale that strips are drawn on."""
    zero = -low / (high - low)
    marks = [(0.0, low, "start"), (1.0, high, "end")]
    marks = [mark for mark in marks if abs(mark[0] - zero) > 0.2]
    place = "start" if zero < 0.06 else ("end" if zero > 0.94 else "middle")
    marks.append((zero, 0.0, place))
    return _strip(
        "".join(
            f'<text class="tick" x="{_at(at)}" y="70%" text-anchor="{anchor}">'
            f"{number(value, 2)}</text>"
            for at, value, anchor in marks
        )
    )


def interval_strip(
    value: float, lower: float, upper: float, known: float, limit: float, tone: str
) -> str:
    """A value with its interval on the scale 0 to ``limit``, and another one as a line."""
    a, b, dot, line = (v / limit if limit > 0 else 0.0 for v in (lower, upper, value, known))
    return _strip(
        f'<line class="zero" x1="{_at(line)}" x2="{_at(line)}" y1="0" y2="100%"/>'
        f'<line class="whisker {tone}" x1="{_at(a)}" x2="{_at(b)}" y1="50%" y2="50%"/>'
        f'<circle class="spot {tone}" cx="{_at(dot)}" cy="50%" r="4.5"/>'
    )


def trade_off(
    lines: Sequence[tuple[str, Sequence[int], Sequence[float]]],
    chosen: int,
    low: float,
    high: float,
    *,
    title: str,
    ticks: Sequence[tuple[float, str]],
) -> str:
    """How a figure changes with the number of rules.

    Parameters
    ----------
    lines
        Of each the style, the numbers of rules and the values.
    chosen
        The number of rules that was taken; the first line has a ring there.
    low, high
        Ends of the scale.
    ticks
        Values that are marked on it, with their text.
    """
    axes, most = _Axes(440, left=58, right=20), max(max(numbers) for _, numbers, _ in lines)
    span = (high - low) or 1.0

    def across(n: int) -> float:
        return axes.across((n - 1) / max(1, most - 1) if most > 1 else 0.5)

    body = [axes.level((value - low) / span, text) for value, text in ticks]
    ring = f'x1="{across(chosen):.1f}" x2="{across(chosen):.1f}"'
    body.append(f'<line class="taken" {ring} y1="{axes.up(0):.1f}" y2="{axes.up(1):.1f}"/>')
    for style, numbers, values in reversed(lines):
        places = [
            (across(n), axes.up(min(1.0, max(0.0, (v - low) / span))))
            for n, v in zip(numbers, values, strict=True)
        ]
        points = " ".join(f"{x:.1f},{y:.1f}" for x, y in places)
        body.append(f'<polyline class="curve {style}" points="{points}"/>')
        for n, (x, y) in zip(numbers, places, strict=True):
            place = f'cx="{x:.1f}" cy="{y:.1f}" r="{5 if n == chosen else 3}"'
            body.append(f'<circle class="point {style}" {place}/>')
    step = max(1, round(most / 8))
    body += [
        _text(across(n), axes.height - axes.bottom + 18, count(n), "middle")
        for n in range(1, most + 1, step)
    ]
    body.append(axes.title("number of rules"))
    return axes.chart(title, body)


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


def certified_curve(
    radii: FloatArray, certified: FloatArray, at_most: FloatArray, *, unit: str
) -> str:
    """The share of rows whose class cannot change within a distance, proven and at most.

    Parameters
    ----------
    radii : (n_radii,)
        Distances from 0, rising.
    certified, at_most : (n_radii,)
        Bounds of the share; between the two lines it is not decided.
    """
    axes, last = _Axes(640), float(radii[-1]) or 1.0
    places = [
        " ".join(
            f"{axes.across(r / last):.1f},{axes.up(v):.1f}"
            for r, v in zip(radii, values, strict=True)
        )
        for values in (certified, at_most)
    ]
    ends = [f"{axes.across(end):.1f},{axes.up(0.0):.1f}" for end in (0.0, 1.0)]
    body = [
        *(axes.level(share, f"{share:.0%}") for share in (0.0, 0.25, 0.5, 0.75, 1.0)),
        f'<polygon class="area" points="{ends[0]} {places[0]} {ends[1]}"/>',
        f'<polyline class="curve used" points="{places[1]}"/>',
        f'<polyline class="curve" points="{places[0]}"/>',
        *(axes.below(k / 4, number(k * last / 4, 2)) for k in range(5)),
        axes.title(unit),
    ]
    below = radii[certified < 0.5]
    what = "At least half of the rows are proven at every distance shown."
    if below.size:
        what = f"Fewer than half of the rows are proven from {number(float(below[0]), 2)} on."
    return axes.chart(f"Share of rows whose class cannot change within a distance. {what}", body)


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
