"""The regions side by side: one line a region over the columns."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from explainrelu.errors import ArgumentError
from explainrelu.explanations.limits import checked_limit
from explainrelu.explanations.standardised import (
    StandardisedCoefficients,
    standardised_coefficients,
)
from explainrelu.reports.displays.drawing import (
    HUES,
    INK,
    axes_of,
    bare,
    diverging,
    legend_above,
    score_label,
    shortened,
)
from explainrelu.reports.numbers import count, counted, percent

__all__ = ["ParallelCoefficientsDisplay"]

_FITTING = 72  # letters that stand side by side under the axes


@dataclass(eq=False)
class ParallelCoefficientsDisplay:
    """The coefficients of the most visited regions, one line a region.

    Columns stand side by side, that of largest effect at the left; lines are wide where many rows
    lie in the region, and coloured by the class that most of them get, or by their mean score.
    Coefficients are multiplied by the standard deviation of their column; of a categorical column
    the standard deviation of its level coefficients is drawn, which has no sign.

    Made by :meth:`from_estimator`; :meth:`plot` draws it again on other axes.

    Attributes
    ----------
    coefficients
        One row a region, the columns of largest effect first.
    max_regions
        How many of them are drawn at most.
    ax_, figure_
        Where it was last drawn.
    """

    coefficients: StandardisedCoefficients
    max_regions: int
    ax_: Any = field(default=None, init=False)
    figure_: Any = field(default=None, init=False)

    @classmethod
    def from_estimator(
        cls,
        model: Any,
        X: Any,
        *,
        output: str | Sequence[str] | None = None,
        max_features: int = 10,
        max_regions: int = 150,
        ax: Any = None,
        **options: Any,
    ) -> "ParallelCoefficientsDisplay":
        """Take the coefficients of the regions the rows lie in, and draw them.

        Parameters
        ----------
        model
            Anything :func:`explainrelu.import_model` takes.
        X : (n_samples, n_columns)
            Raw rows.
        output
            Which score, by name, or a pair for their difference; the first by default.
        max_features
            At most so many columns, those of largest effect over all regions.
        max_regions
            At most so many regions, the most visited; a line above the picture says how many of
            the rows they hold.
        ax
            Axes to draw on; new ones by default.
        **options
            Handed on to :meth:`plot`.

        Raises
        ------
        ArgumentError, DataError
            For a single row, an unknown output, a limit below one, or rows that do not fit.

        Notes
        -----
        Exact for the rows given.

        Examples
        --------
        >>> import matplotlib
        >>> matplotlib.use("Agg")
        >>> from explainrelu.network.network import ReluNetwork
        >>> network = ReluNetwork.from_weights([[[1.0, 2.0]], [[1.0]]], [[0.0], [0.0]])
        >>> display = ParallelCoefficientsDisplay.from_estimator(
        ...     network, [[0.0, 1.0], [1.0, 3.0], [-3.0, 0.0]])
        >>> display.ax_.get_title(loc="right")
        '2 regions'
        """
        limits = (("max_features", max_features), ("max_regions", max_regions))
        n_columns, n_regions = (checked_limit(*limit) for limit in limits)
        found = standardised_coefficients(model, X, output=output)
        found = found.strongest(n_columns or len(found.columns))
        return cls(found, n_regions or found.counts.size).plot(ax=ax, **options)

    def plot(self, ax: Any = None, *, colour: str = "") -> "ParallelCoefficientsDisplay":
        """Draw the lines.

        Parameters
        ----------
        ax
            Axes to draw on; new ones by default.
        colour
            ``class``: the class that most rows of a region get; ``score``: their mean score. By
            default the class where there are classes.

        Returns
        -------
        ParallelCoefficientsDisplay
            Itself, with ``ax_`` and ``figure_``.

        Raises
        ------
        ArgumentError
            For another colour, and for classes where there are none.
        """
        found, chosen = self.coefficients, self._colour(colour)
        n_columns = len(found.columns)
        self.ax_, self.figure_ = axes_of(ax, (6.4, 4.2))
        self.ax_.axhline(0.0, color=INK, linewidth=0.8, zorder=1)
        for place in range(n_columns):
            self.ax_.axvline(place, color="#dde3e8", linewidth=0.8, zorder=0)
        self._draw_lines(chosen)
        names = shortened([column.name for column in found.columns], 20)
        slanted = {"rotation": 35, "ha": "right", "rotation_mode": "anchor"}
        upright = n_columns * max(map(len, names)) <= _FITTING
        self.ax_.set_xticks(range(n_columns), names, **({} if upright else slanted))
        self.ax_.tick_params(axis="x", length=0)
        self.ax_.set_xlim(-0.25, n_columns - 0.75)
        self.ax_.set_ylabel(f"coefficient × standard deviation\n{score_label(found.view)}")
        bare(self.ax_, "top", "right", "bottom")
        self.ax_.set_title(self._words(), loc="right", fontsize="small")
        return self

    def _colour(self, colour: str) -> str:
        """By what lines are coloured."""
        classes = self.coefficients.classes
        if colour not in ("", "score", "class"):
            raise ArgumentError(f"colour must be class or score, got {colour!r}.")
        if colour == "class" and not classes:
            raise ArgumentError("colour='class' needs a classifier; take colour='score'.")
        return colour or ("class" if classes else "score")

    def _words(self) -> str:
        """How many regions are drawn, and how many rows they hold."""
        found = self.coefficients
        shown = found.counts[: self.max_regions]
        if shown.size == found.counts.size:
            return counted(shown.size, "region")
        held = percent(float(shown.sum() / found.counts.sum()))
        return f"{count(shown.size)} of {counted(found.counts.size, 'region')}, {held} of the rows"

    def _draw_lines(self, chosen: str) -> None:
        """One line a region, wide ones undermost."""
        from matplotlib.collections import LineCollection

        found = self.coefficients
        part = slice(None, self.max_regions)
        values, share = found.values[part], found.share[part]
        places = np.broadcast_to(np.arange(values.shape[1]), values.shape)
        widths = 0.7 + 5.0 * share / max(float(share.max()), 0.05)
        style: dict[str, Any] = {"linewidths": widths, "alpha": 0.65, "zorder": 2}
        style |= {"capstyle": "butt", "joinstyle": "round"}
        lines = LineCollection(list(np.stack([places, values], axis=2)), **style)
        self.ax_.add_collection(lines)
        self.ax_.margins(y=0.06)
        self.ax_.autoscale_view(scalex=False)
        if chosen == "class":
            winners = found.winners[part]
            lines.set_color([self._hue(position) for position in winners])
            self._draw_classes(sorted(set(winners.tolist())))
            return
        scores = found.mean_scores[part]
        signed = bool(found.classes)
        far = float(np.quantile(np.abs(scores), 0.9)) or 1.0  # a few scores far out would pale all
        beyond = "both" if signed and np.abs(scores).max() > far else "neither"
        lines.set_array(scores)
        lines.set_cmap(diverging(middle="#c3c9cf") if signed else _increasing())
        lines.set_clim(*((-far, far) if signed else (scores.min(), scores.max())))
        label = f"mean {score_label(found.view)}"
        bar = self.figure_.colorbar(lines, ax=self.ax_, label=label, pad=0.02, extend=beyond)
        bar.outline.set_visible(False)
        bar.solids.set_alpha(1.0)

    def _hue(self, position: int) -> str:
        """The colour of a class, that of the region map."""
        two = len(self.coefficients.classes) == 2
        return HUES[(1 - position if two else position) % len(HUES)]

    def _draw_classes(self, positions: list[int]) -> None:
        from matplotlib.lines import Line2D

        handles = [Line2D([], [], color=self._hue(k), linewidth=2.5) for k in positions]
        legend_above(self.ax_, handles, [self.coefficients.classes[k] for k in positions])


def _increasing() -> Any:
    """Colours from dark to light, none so light that a line is lost on white."""
    import matplotlib
    from matplotlib.colors import ListedColormap

    return ListedColormap(matplotlib.colormaps["viridis"](np.linspace(0.0, 0.88, 256)))
