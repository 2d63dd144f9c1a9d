"""What the displays share: colours, axes and words on them."""

from typing import Any

from explainrelu.network.column import Column

__all__ = ["HUES", "INK", "axes_of", "column_label", "diverging", "tint"]

# blue, orange, green, violet, ochre, sky, red, grey: told apart by colour-blind readers too
HUES = ("#1d5a9e", "#cf6f10", "#23856a", "#7d57a6", "#a8901a", "#4b9fc4", "#a33c3c", "#66707a")
INK = "#1b2430"


def axes_of(ax: Any, size: tuple[float, float]) -> tuple[Any, Any]:
    """The axes given, or new ones, and their figure."""
    if ax is None:
        from matplotlib import pyplot

        _, ax = pyplot.subplots(figsize=size, layout="constrained")
    return ax, ax.figure


def diverging() -> Any:
    """Colours from below zero (brown) over white to above (blue)."""
    from matplotlib.colors import LinearSegmentedColormap

    return LinearSegmentedColormap.from_list("signed", ["#b04d08", "#ffffff", "#1d5a9e"])


def tint(hue: str, strength: float) -> tuple[float, float, float]:
    """A colour thinned with white."""
    red, green, blue = (int(hue[i : i + 2], 16) / 255.0 for i in (1, 3, 5))
    return tuple(1.0 - strength * (1.0 - part) for part in (red, green, blue))  # type: ignore[return-value]  # three parts


def column_label(column: Column) -> str:
    """A column with its unit, as an axis names it."""
    return f"{column.name} ({column.unit})" if column.unit else column.name
