"""What the displays share: colours, axes and words on them."""

from collections.abc import Sequence
from typing import Any

from explainrelu.network.column import Column
from explainrelu.network.outputs import ScoreView
from explainrelu.reports.numbers import percent

__all__ = [
    "HUES",
    "INK",
    "LEVELS",
    "LOWERS",
    "QUIET",
    "RAISES",
    "axes_of",
    "bare",
    "column_label",
    "diverging",
    "legend_above",
    "score_label",
    "shortened",
    "tint",
    "way_heading",
    "way_shares",
]

# blue, orange, green, violet, ochre, sky, red, grey: told apart by colour-blind readers too
HUES = ("#1d5a9e", "#cf6f10", "#23856a", "#7d57a6", "#a8901a", "#4b9fc4", "#a33c3c", "#66707a")
INK = "#1b2430"
QUIET = "#8b96a1"
RAISES, LOWERS, LEVELS = "#1d5a9e", "#b04d08", "#5d6b78"
_SHARES_AT = 1.02


def axes_of(ax: Any, size: tuple[float, float]) -> tuple[Any, Any]:
    """The axes given, or new ones, and their figure."""
    if ax is None:
        from matplotlib import pyplot

        _, ax = pyplot.subplots(figsize=size, layout="constrained")
    return ax, ax.figure


def bare(ax: Any, *sides: str) -> None:
    """Take spines away, by default those at the top and at the right."""
    ax.spines[list(sides or ("top", "right"))].set_visible(False)


def diverging(middle: str = "#ffffff") -> Any:
    """Colours from below zero (brown) over white, or another, to above (blue)."""
    from matplotlib.colors import LinearSegmentedColormap

    return LinearSegmentedColormap.from_list("signed", [LOWERS, middle, RAISES])


def tint(hue: str, strength: float) -> tuple[float, float, float]:
    """A colour thinned with white."""
    red, green, blue = (int(hue[i : i + 2], 16) / 255.0 for i in (1, 3, 5))
    return tuple(1.0 - strength * (1.0 - part) for part in (red, green, blue))  # type: ignore[return-value]  # three parts


def column_label(column: Column) -> str:
    """A column with its unit, as an axis names it."""
    return f"{column.name} ({column.unit})" if column.unit else column.name


def score_label(view: ScoreView, name: str = "") -> str:
    """What a score of a view, the first by default, is called with its unit.

    Examples
    --------
    >>> from explainrelu.network.outputs import OutputSchema, Task
    >>> score_label(OutputSchema(("good",), Task.BINARY, classes=("bad", "good")).view())
    'logit of good (log-odds)'
    """
    name = name or view.names[0]
    score = name if name == view.scale else f"{view.scale} of {name}"
    if view.scale in ("difference", "logit difference"):
        score = name
    if (view.scale, name) == ("raw score", "score"):  # a network whose output has no name
        score = view.scale
    unit = f" ({view.unit})" if view.unit and view.unit not in score else ""
    return f"{score}{unit}"


def shortened(names: Sequence[str], width: int = 26) -> list[str]:
    """Names of at most ``width`` letters, the middle left out, as long as they stay different.

    Examples
    --------
    >>> shortened(["age", "months since the last delinquency"], 20)
    ['age', 'months sin…linquency']
    >>> shortened(["size of the first cell", "size of the third cell"], 10)
    ['size of t…rst cell', 'size of t…ird cell']
    """
    texts = [" ".join(str(name).split()) for name in names]
    longest = max(map(len, texts), default=0)
    while width < longest:
        front = width // 2
        back = width - front - 1
        cut = [t if len(t) <= width else f"{t[:front]}…{t[len(t) - back :]}" for t in texts]
        if len(set(cut)) == len(set(texts)):
            return cut
        width += 8
    return texts


def legend_above(
    ax: Any, handles: Sequence[Any], labels: Sequence[str], *, right: float | None = None
) -> None:
    """A legend of one line above the axes; a handle may be several side by side.

    It begins where the axes do, or ends at ``right``, in widths of the axes.
    """
    from matplotlib.legend_handler import HandlerTuple

    ax.legend(
        handles,
        labels,
        handler_map={tuple: HandlerTuple(ndivide=None, pad=0.0)},
        frameon=False,
        fontsize="small",
        loc="lower left" if right is None else "lower right",
        bbox_to_anchor=(0.0 if right is None else right, 1.0),
        ncols=len(labels),
        columnspacing=1.1,
        handletextpad=0.4,
        handlelength=1.3,
        borderaxespad=0.2,
    )


def way_heading(ax: Any, place: float) -> None:
    """What stands in the column of :func:`way_shares`."""
    style = {"va": "bottom", "fontsize": "small", "color": INK}
    ax.text(_SHARES_AT, place, "raises in", transform=ax.get_yaxis_transform(), **style)


def way_shares(ax: Any, place: float, raises: float, lowers: float) -> None:
    """A thin split bar to the right of the axes: the rows a column raises, and those it lowers.

    Parameters
    ----------
    place
        The height, in data coordinates.
    raises, lowers
        Shares of the rows; what is left of one is drawn as nothing.
    """
    across = ax.get_yaxis_transform()
    start, length = _SHARES_AT, 0.09
    parts = ((0.0, 1.0, "#e6eaee"), (0.0, raises, RAISES), (1.0 - lowers, lowers, LOWERS))
    for left, width, colour in parts:
        ax.barh(
            place,
            width * length,
            left=start + left * length,
            height=0.24,
            color=colour,
            transform=across,
            clip_on=False,
            label="_",
        )
    ax.text(
        start + length + 0.015,
        place,
        percent(raises),
        transform=across,
        va="center",
        fontsize="small",
        color=INK,
    )
