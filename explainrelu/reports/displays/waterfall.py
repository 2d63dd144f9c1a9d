"""One row of an explanation as a waterfall, drawn by shap."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pandas as pd

from explainrelu.arrays import FloatArray
from explainrelu.errors import ArgumentError, InputTypeError
from explainrelu.explanations.explain import explain
from explainrelu.explanations.explanation import Explanation
from explainrelu.explanations.limits import checked_limit
from explainrelu.importers.import_model import import_model
from explainrelu.reports.displays.drawing import (
    INK,
    LOWERS,
    RAISES,
    axes_of,
    bare,
    score_label,
    shortened,
)
from explainrelu.reports.numbers import number, plain, signed

__all__ = ["WaterfallDisplay"]

_SMALL = 8.5  # points, of the numbers beside the bars
_HEAD = 0.07  # inches, of the tip of a bar


@dataclass(eq=False)
class WaterfallDisplay:
    """How the columns lead from the base value to the score of one row.

    The drawing is that of ``shap.plots.waterfall`` on ``explanation.to_shap()``, in the colours of
    the other displays, and with its words corrected: shap calls every base value ``E[f(X)]``, while
    here it is what ``explanation.base_meaning`` says.

    Made by :meth:`from_explanation` or :meth:`from_estimator`; :meth:`plot` draws it again on
    other axes.

    Attributes
    ----------
    explanation
        The attributions.
    row
        Which of its rows.
    output
        Which of its scores, by name.
    max_features
        At most so many bars; the last of them holds the columns that are left.
    ax_, figure_
        Where it was last drawn.
    """

    explanation: Explanation
    row: int
    output: str
    max_features: int
    ax_: Any = field(default=None, init=False)
    figure_: Any = field(default=None, init=False)

    @classmethod
    def from_estimator(
        cls,
        model: Any,
        X: Any,
        *,
        row: int = 0,
        method: str = "local_linear",
        background: Any = None,
        output: str | Sequence[str] | None = None,
        max_features: int = 10,
        ax: Any = None,
        **options: Any,
    ) -> "WaterfallDisplay":
        """Explain one row of a table, and draw it.

        Parameters
        ----------
        model
            Anything :func:`explainrelu.import_model` takes.
        X : (n_samples, n_columns)
            Raw rows.
        row
            Which of them, by position.
        method, **options
            As for :func:`explainrelu.explain`.
        background : (n_background, n_columns)
            Rows the baseline is taken over; ``X`` by default.
        output
            Which score; by default as in :meth:`from_explanation`.
        max_features, ax
            As for :meth:`from_explanation`.
        """
        network = import_model(model, X)
        frame = network.schema.frame(X)
        place = _checked_row(row, len(frame))
        rest = frame if background is None else background
        found = explain(
            network,
            frame.iloc[[place]],
            method=method,
            background=rest,
            output=output,
            **options,
        )
        return cls.from_explanation(found, max_features=max_features, ax=ax)

    @classmethod
    def from_explanation(
        cls,
        explanation: Explanation,
        *,
        row: int = 0,
        output: str | None = None,
        max_features: int = 10,
        ax: Any = None,
    ) -> "WaterfallDisplay":
        """Draw one row of an explanation.

        Parameters
        ----------
        explanation
            What :func:`explainrelu.explain` returned.
        row
            Which of its rows, by position.
        output
            Which of its scores, by name; by default the one that is highest in this row.
        max_features
            At most so many bars.
        ax
            Axes to draw on; new ones by default.

        Raises
        ------
        InputTypeError
            For what is no explanation, or a row that is no whole number.
        ArgumentError
            For a row or output that is not there, a picture, and with matplotlib before 3.11
            axes of a figure that pyplot did not make.

        Examples
        --------
        >>> import matplotlib
        >>> matplotlib.use("Agg")
        >>> from explainrelu.network.network import ReluNetwork
        >>> network = ReluNetwork.from_weights([[[1.0, 2.0]], [[1.0]]], [[0.0], [0.0]])
        >>> explanation = explain(network, [[0.0, 1.0], [1.0, 3.0]])
        >>> display = WaterfallDisplay.from_explanation(explanation, row=1)
        >>> [label.get_text() for label in display.ax_.get_yticklabels()]
        ['x0 = 1', 'x1 = 3']
        """
        if not isinstance(explanation, Explanation):
            raise InputTypeError(
                f"explanation must be what explain returns, got {type(explanation).__qualname__}. "
                "For a model use from_estimator."
            )
        if explanation.shape:
            raise ArgumentError(
                "A waterfall needs rows of a table, got samples of shape "
                f"{explanation.shape}. shap.plots.image shows attributions of pictures."
            )
        place, names = _checked_row(row, len(explanation)), explanation.output_names
        if output is None:
            scores = explanation.scores.reshape(len(explanation), len(names))
            output = names[int(scores[place].argmax())]
        if output not in names:
            raise ArgumentError(f"output must be one of {', '.join(names)}, got {output!r}.")
        limit = checked_limit("max_features", max_features)
        limit = limit or len(explanation.feature_names)
        return cls(explanation, place, output, limit).plot(ax=ax)

    @property
    def values(self) -> FloatArray:
        """The attributions of the row and output: (n_columns,)."""
        columns = self.explanation.column_values[self.row]
        return np.asarray(columns if columns.ndim == 1 else columns[:, self._position])

    @property
    def base_value(self) -> float:
        """What they are counted from."""
        return float(np.atleast_1d(self.explanation.base_values[self.row])[self._position])

    @property
    def score(self) -> float:
        """What they lead to."""
        return float(np.atleast_1d(self.explanation.scores[self.row])[self._position])

    @property
    def _position(self) -> int:
        return self.explanation.output_names.index(self.output)

    def plot(self, ax: Any = None) -> "WaterfallDisplay":
        """Draw the waterfall.

        Parameters
        ----------
        ax
            Axes to draw on; new ones by default.

        Returns
        -------
        WaterfallDisplay
            Itself, with ``ax_`` and ``figure_``.
        """
        names, steps = self._bars()
        n_bars = len(names)
        self.ax_, self.figure_ = axes_of(ax, (6.4, 1.4 + 0.36 * n_bars))
        there = {*self.ax_.patches, *self.ax_.texts}
        _draw_by_shap(self.ax_, self._to_shap(), self.max_features)
        ends = self.score - np.cumsum([0.0, *steps])  # from the score down to the base value
        self._set_limits(ends)
        self._restyle(ends, there)
        self.ax_.set_yticks(range(n_bars), names[::-1])
        for tick in self.ax_.get_yticklabels():
            tick.set_color(INK)
        self.ax_.tick_params(axis="both", labelsize="medium")
        self.ax_.tick_params(axis="y", length=0)
        self.ax_.set_xlabel(score_label(self.explanation.view, self.output))
        bare(self.ax_, "top", "right", "left")
        self._write_ends(n_bars)
        return self

    def _to_shap(self) -> Any:
        """The row and output as shap takes them."""
        found = self.explanation.to_shap()[self.row]
        return found if found.values.ndim == 1 else found[:, self._position]

    def _bars(self) -> tuple[list[str], list[float]]:
        """What each bar is called, and its length, from the top, in the order shap takes."""
        values = self.values
        order = np.argsort(-np.abs(values))
        rest = values.size - self.max_features + 1 if values.size > self.max_features else 0
        order = order[: values.size - rest]
        called = shortened(self.explanation.feature_names, 22)
        row = self.explanation.data.iloc[self.row]
        names = [f"{called[j]} = {_value_text(row.iloc[j])}" for j in order]
        steps = [float(values[j]) for j in order]
        if rest:
            names.append(f"{rest} other columns")
            steps.append(float(values.sum() - sum(steps)))
        return names, steps

    def _set_limits(self, ends: FloatArray) -> None:
        """Room for the bars, and beside and below them for the numbers."""
        low, high = float(ends.min()), float(ends.max())
        wide = self.ax_.get_window_extent().width / self.figure_.get_figure(root=True).dpi  # inches
        room = max(0.16, 0.9 / wide) * ((high - low) or 1.0)
        self.ax_.set(xlim=(low - room, high + room), ylim=(-0.95, ends.size - 1.05))

    def _restyle(self, ends: FloatArray, there: set[Any]) -> None:
        """The bars of shap in the colours of this package, each with its number at the tip.

        Their ends are set again: shap turns an arrow round that is shorter than its head. What was
        ``there`` before on the axes stays as it is.
        """
        from matplotlib.patches import FancyArrow
        from matplotlib.transforms import ScaledTranslation

        ax, inches = self.ax_, self.figure_.get_figure(root=True).dpi_scale_trans
        starts, tips = ends[:0:-1], ends[-2::-1]  # from the bottom, as places are counted
        steps = tips - starts
        sides = np.where(steps >= 0.0, 1.0, -1.0)
        across = float(np.ptp(ax.get_xlim())) / ax.get_window_extent().width
        head = _HEAD * self.figure_.get_figure(root=True).dpi * across
        drawn = [patch for patch in ax.patches if isinstance(patch, FancyArrow)]
        for arrow in (arrow for arrow in drawn if arrow not in there):
            place = round(float(arrow.get_xy()[:, 1].mean()))
            point = min(abs(steps[place]), head)
            shaft = max(abs(steps[place]) - point, 1e-9 * head) * sides[place]
            arrow.set_data(x=starts[place], dx=shaft, head_length=point)
            arrow.set(color=RAISES if sides[place] > 0.0 else LOWERS, linewidth=0.0)
        for text in (text for text in ax.texts if text not in there):
            place = round(float(text.get_position()[1]))
            raises = sides[place] > 0.0
            text.set_text(signed(steps[place]))
            text.set_position((tips[place], place))
            text.set(ha="left" if raises else "right", color=RAISES if raises else LOWERS)
            shift = ScaledTranslation(sides[place] * 4.0 / 72.0, 0.0, inches)
            text.set(fontsize=_SMALL, transform=ax.transData + shift)

    def _write_ends(self, n_bars: int) -> None:
        """Base value and score, in words."""
        middle = float(np.mean(self.ax_.get_xlim()))
        words = f"{self.explanation.base_meaning}: {number(self.base_value)}"
        for value, height, told in (
            (self.base_value, -0.72, words),
            (self.score, n_bars - 0.28, f"score: {number(self.score)}"),
        ):
            side = "left" if value < middle else "right"
            style = {"ha": side, "va": "center", "fontsize": _SMALL, "color": INK}
            self.ax_.text(value, height, f" {told} ", **style)


def _draw_by_shap(ax: Any, values: Any, max_features: int) -> None:
    """Shap's waterfall on axes of ours, without what it does to the figure and to pyplot."""
    import shap
    from matplotlib import pyplot

    figure = ax.get_figure(root=True)
    size, axes = figure.get_size_inches().copy(), list(figure.axes)
    interactive = pyplot.isinteractive()
    adopted = figure.canvas.manager is None  # by pyplot, for as long as shap draws
    try:
        pyplot.sca(ax)
    except ValueError:
        raise ArgumentError(
            "ax must belong to a figure of pyplot, since shap draws on pyplot's current axes, got "
            "axes of another figure. Make it by pyplot.subplots()."
        ) from None
    try:
        shap.plots.waterfall(values, max_display=max_features, show=False)
    finally:
        figure.set_size_inches(size)
        (pyplot.ion if interactive else pyplot.ioff)()
    for extra in figure.axes:
        if extra not in axes:  # where shap writes E[f(X)] and f(x)
            extra.remove()
    if adopted:
        pyplot.close(figure)


def _checked_row(row: Any, n_rows: int) -> int:
    """The position of a row; those below zero count from the end."""
    if isinstance(row, bool) or not isinstance(row, (int, np.integer)):
        raise InputTypeError(f"row must be the position of a row, a whole number, got {row!r}.")
    if not -n_rows <= row < n_rows:
        raise ArgumentError(f"row must be from 0 to {n_rows - 1}, got {row}.")
    return int(row) % n_rows


def _value_text(value: Any) -> str:
    """A raw value, shortened where it is long."""
    if pd.isna(value):
        return "missing"
    if isinstance(value, (int, float, np.number)) and not isinstance(value, bool):
        return plain(float(value), 4)
    return shortened([str(value)], 16)[0]
