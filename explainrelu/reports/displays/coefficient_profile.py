"""What the coefficient of each column is over the rows, region by region."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from explainrelu.arrays import FloatArray, IntArray
from explainrelu.explanations.limits import checked_limit
from explainrelu.explanations.standardised import (
    StandardisedCoefficients,
    standardised_coefficients,
)
from explainrelu.reports.displays.drawing import (
    INK,
    LEVELS,
    LOWERS,
    RAISES,
    axes_of,
    bare,
    legend_above,
    score_label,
    shortened,
    way_heading,
    way_shares,
)

__all__ = ["CoefficientProfileDisplay"]

_BINS = 64
_BANDS = ("#ccd5dd", "#e9edf1")
_NONE = "#b9c2cb"
_REACH = 0.34  # of a strip, to either side
_MANY = 1500  # dots beyond which they are painted instead of kept as shapes


@dataclass(eq=False)
class CoefficientProfileDisplay:
    """The coefficient of each column in every region the rows visit, weighted by rows.

    One strip a column, that of largest effect at the top, and in it one dot a region, its area in
    proportion to the rows in the region. Coefficients are multiplied by the standard deviation of
    their column, so that they compare, in the unit of the score. Of a categorical column the
    standard deviation of its level coefficients is drawn, which has no sign.

    Made by :meth:`from_estimator`; :meth:`plot` draws it again on other axes.

    Attributes
    ----------
    coefficients
        What is drawn: one row a region, the columns of largest effect first.
    ax_, figure_
        Where it was last drawn.
    """

    coefficients: StandardisedCoefficients
    ax_: Any = field(default=None, init=False)
    figure_: Any = field(default=None, init=False)

    @classmethod
    def from_estimator(
        cls,
        model: Any,
        X: Any,
        *,
        output: str | Sequence[str] | None = None,
        max_features: int = 12,
        ax: Any = None,
        **options: Any,
    ) -> "CoefficientProfileDisplay":
        """Take the coefficients of the regions the rows lie in, and draw them.

        Parameters
        ----------
        model
            Anything :func:`explainrelu.import_model` takes.
        X : (n_samples, n_columns)
            Raw rows: they say which regions count, and how much.
        output
            Which score, by name, or a pair for their difference; the first by default.
        max_features
            At most so many columns, those of largest effect.
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
        Exact for the rows given. The mean size of a strip, weighted by rows, is the importance of
        ``rank_features(by="effect")``.

        Examples
        --------
        >>> import matplotlib
        >>> matplotlib.use("Agg")
        >>> from explainrelu.network.network import ReluNetwork
        >>> network = ReluNetwork.from_weights([[[1.0, 2.0]], [[1.0]]], [[0.0], [0.0]])
        >>> display = CoefficientProfileDisplay.from_estimator(network, [[0.0, 1.0], [1.0, 3.0]])
        >>> [label.get_text() for label in display.ax_.get_yticklabels()]
        ['x1', 'x0']
        """
        limit = checked_limit("max_features", max_features)
        found = standardised_coefficients(model, X, output=output)
        return cls(found.strongest(limit or len(found.columns))).plot(ax=ax, **options)

    def plot(
        self, ax: Any = None, *, show_regions: bool = True, show_shares: bool = True
    ) -> "CoefficientProfileDisplay":
        """Draw the strips.

        Parameters
        ----------
        ax
            Axes to draw on; new ones by default.
        show_regions
            Whether each region is a dot; the bands of the middle 50% and 90% of the rows and the
            median are drawn in any case.
        show_shares
            Whether the share of rows in which a column raises the score stands at the right.

        Returns
        -------
        CoefficientProfileDisplay
            Itself, with ``ax_`` and ``figure_``.
        """
        found = self.coefficients
        n_columns = len(found.columns)
        self.ax_, self.figure_ = axes_of(ax, (6.4, 1.35 + 0.36 * n_columns))
        self.ax_.axvline(0.0, color=INK, linewidth=0.8, zorder=1)
        self._draw_bands()
        if show_regions:
            self._draw_regions()
        if show_shares:
            self._draw_shares()
        names = shortened([column.name for column in found.columns])
        self.ax_.set_yticks(range(n_columns), names)
        self.ax_.set_ylim(n_columns - 0.5, -0.75 if show_shares else -0.5)
        self.ax_.tick_params(axis="y", length=0)
        self.ax_.set_xlabel(f"coefficient × standard deviation, {score_label(found.view)}")
        bare(self.ax_, "top", "right", "left")
        self._draw_legend(show_regions)
        return self

    def _draw_bands(self) -> None:
        """The middle 90% and 50% of the rows, and the median."""
        low, lower, middle, upper, high = self.coefficients.quantiles([0.05, 0.25, 0.5, 0.75, 0.95])
        places = np.arange(middle.size)
        for left, right, colour in ((low, high, _BANDS[1]), (lower, upper, _BANDS[0])):
            self.ax_.barh(places, right - left, left=left, height=0.62, color=colour, zorder=0)
        self.ax_.vlines(middle, places - 0.31, places + 0.31, color=INK, linewidth=1.6, zorder=4)

    def _draw_regions(self) -> None:
        found = self.coefficients
        span = float(np.ptp(found.values)) or 1.0
        area = 4.0 + 110.0 * found.share / max(found.share.max(), 0.02)
        many = found.counts.size * len(found.columns) > _MANY
        for j, (values, signed) in enumerate(zip(found.values.T, found.signed, strict=True)):
            sides = np.where(values > 0.0, RAISES, np.where(values < 0.0, LOWERS, _NONE))
            self.ax_.scatter(
                values,
                j + _swarm(values, found.counts, span),
                s=area,
                c=sides if signed else np.where(values > 0.0, LEVELS, _NONE),
                alpha=0.55 if many else 0.75,
                linewidths=0.0 if many else 0.4,
                edgecolors="white",
                rasterized=many,
                zorder=3,
            )

    def _draw_shares(self) -> None:
        found = self.coefficients
        raises, lowers = found.sign_shares()
        for j in np.flatnonzero(found.signed):
            way_shares(self.ax_, float(j), float(raises[j]), float(lowers[j]))
        if found.signed.any():
            way_heading(self.ax_, -0.42)

    def _draw_legend(self, show_regions: bool) -> None:
        from matplotlib.lines import Line2D
        from matplotlib.patches import Patch

        found = self.coefficients
        handles: list[Any] = []
        if show_regions:
            ways = {"raises the score": RAISES, "lowers it": LOWERS}
            ways |= {} if found.signed.all() else {"levels' spread": LEVELS}
            style: dict[str, Any] = {"linestyle": "", "marker": "o", "markersize": 5.5}
            handles = [Line2D([], [], color=c, label=name, **style) for name, c in ways.items()]
        bands = tuple(Patch(color=colour) for colour in _BANDS)
        legend_above(
            self.ax_,
            [*handles, bands],
            [*(handle.get_label() for handle in handles), "50%, 90% of rows"],
            right=1.22 if self.ax_.texts else 1.0,  # above the shares, where there are any
        )


def _swarm(values: FloatArray, counts: IntArray, span: float) -> FloatArray:
    """Offsets that set dots of about the same value beside each other, the largest inmost."""
    bins = np.floor(_BINS * values / span).astype(np.int64)
    order = np.lexsort((-counts, bins))
    starts = np.flatnonzero(np.diff(bins[order], prepend=bins[order[0]] - 1))
    sizes = np.diff(np.append(starts, order.size))
    place = np.arange(order.size) - np.repeat(starts, sizes)
    step = min(0.1, 2.0 * _REACH / sizes.max())  # one for all: a strip is wide where regions are
    offsets = np.empty(order.size)
    offsets[order] = step * ((place + 1) // 2) * np.where(place % 2, 1.0, -1.0)
    return offsets
