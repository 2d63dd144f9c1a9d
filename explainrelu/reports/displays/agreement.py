"""How far attributions agree with each other, as a heat map."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pandas as pd

from explainrelu.errors import ArgumentError, InputTypeError
from explainrelu.explanations.agreement.comparison import (
    AttributionComparison,
    compare_attributions,
)
from explainrelu.reports.displays.drawing import INK, axes_of, diverging, shortened
from explainrelu.reports.numbers import MINUS, number

__all__ = ["AgreementDisplay"]

_SIGNED = ("spearman", "kendall")
_TOP = ("feature_agreement", "rank_agreement", "sign_agreement", "signed_rank_agreement")


@dataclass(eq=False)
class AgreementDisplay:
    """One measure of agreement for every pair of attributions.

    Made by :meth:`from_comparison`, :meth:`from_estimator`, or :meth:`from_frame` from any square
    table.

    Attributes
    ----------
    matrix
        The measure of each pair, attributions by name in rows and columns.
    measure
        What it is, as a column of ``AttributionComparison.summary``.
    title
        What is written above, the length of the lists and the score where they matter.
    ax_, figure_
        Where it was last drawn.
    """

    matrix: pd.DataFrame
    measure: str
    title: str = ""
    ax_: Any = field(default=None, init=False)
    figure_: Any = field(default=None, init=False)

    @classmethod
    def from_estimator(
        cls,
        model: Any,
        X: Any,
        attributions: Any,
        *,
        measure: str = "feature_agreement",
        k: int | None = None,
        output: str | Sequence[str] | None = None,
        ax: Any = None,
        **options: Any,
    ) -> "AgreementDisplay":
        """Compare attributions of the same rows, and draw one measure of their agreement.

        Parameters
        ----------
        model, X, attributions, output, **options
            As for :func:`explainrelu.compare_attributions`.
        measure, k, ax
            As for :meth:`from_comparison`.
        """
        lengths: dict[str, Any] = {} if k is None else {"k": k}
        found = compare_attributions(model, X, attributions, output=output, **lengths, **options)
        return cls.from_comparison(found, measure=measure, k=k, ax=ax)

    @classmethod
    def from_comparison(
        cls,
        comparison: AttributionComparison,
        *,
        measure: str = "feature_agreement",
        k: int | None = None,
        output: str | None = None,
        ax: Any = None,
    ) -> "AgreementDisplay":
        r"""Draw what :func:`explainrelu.compare_attributions` found.

        Parameters
        ----------
        comparison
            What was compared.
        measure
            A measure of ``comparison.summary``.
        k
            Which length of lists; the longest by default.
        output
            Which score; the mean over all by default.
        ax
            Axes to draw on; new ones by default.

        Raises
        ------
        InputTypeError
            For what is no comparison.
        ArgumentError
            For a measure, length or output that was not compared.

        Examples
        --------
        >>> import matplotlib
        >>> matplotlib.use("Agg")
        >>> from explainrelu.network.network import ReluNetwork
        >>> network = ReluNetwork.from_weights([[[1.0, 2.0]], [[1.0]]], [[9.0], [0.0]])
        >>> X = np.arange(12.0).reshape(6, 2) % 5
        >>> mine = {"ours": "local_linear", "gradient": np.tile([1.0, 2.0], (6, 1))}
        >>> found = compare_attributions(network, X, mine)
        >>> AgreementDisplay.from_comparison(found, k=1).ax_.get_title(loc="left")
        'feature agreement of the top 1\nmean over 6 rows'
        """
        if not isinstance(comparison, AttributionComparison):
            raise InputTypeError(
                "comparison must be what compare_attributions returns, got "
                f"{type(comparison).__qualname__}. For a square table use from_frame."
            )
        matrix = comparison.matrix(measure, k=k, output=output)
        summary = comparison.summary
        length = int(summary["k"].max()) if k is None else k
        words = measure.replace("_", " ")
        words += f" of the top {length}" if measure in _TOP else ""
        words += f"\nmean over {int(summary['n_rows'].iloc[0])} rows"
        outputs = list(dict.fromkeys(summary["output"]))
        if len(outputs) > 1:
            words += f" and {len(outputs)} outputs" if output is None else f", {output}"
        return cls.from_frame(matrix, measure=measure, title=words, ax=ax)

    @classmethod
    def from_frame(
        cls, matrix: pd.DataFrame, *, measure: str, title: str = "", ax: Any = None
    ) -> "AgreementDisplay":
        """Draw a square table of agreement.

        Parameters
        ----------
        matrix
            As :meth:`AttributionComparison.matrix` gives it; NaN where nothing could be measured.
        measure
            What it holds; ``spearman`` and ``kendall`` lie between -1 and 1, others in 0 to 1.
        title
            What is written above; the measure by default.
        ax
            Axes to draw on; new ones by default.

        Raises
        ------
        InputTypeError, ArgumentError
            For what is no square table, and for values out of range.
        """
        if not isinstance(matrix, pd.DataFrame):
            raise InputTypeError(
                f"matrix must be a square table, got {type(matrix).__qualname__}. "
                "AttributionComparison.matrix(measure) gives one."
            )
        if len(matrix) < 2 or list(matrix.index) != list(matrix.columns):
            raise ArgumentError(
                "matrix must have the same two attributions or more in rows and columns, got "
                f"{matrix.shape[0]} rows and {matrix.shape[1]} columns."
            )
        least = -1.0 if measure in _SIGNED else 0.0
        values = matrix.to_numpy(dtype=np.float64)
        if (values < least - 1e-9).any() or (values > 1.0 + 1e-9).any():
            raise ArgumentError(
                f"{measure} must lie between {least:g} and 1, got {np.nanmin(values):g} to "
                f"{np.nanmax(values):g}."
            )
        return cls(matrix, measure, title or measure.replace("_", " ")).plot(ax=ax)

    def plot(self, ax: Any = None) -> "AgreementDisplay":
        """Draw the map, each number in its cell, and nothing where an attribution meets itself.

        Returns
        -------
        AgreementDisplay
            Itself, with ``ax_`` and ``figure_``.
        """
        n = len(self.matrix)
        self.ax_, self.figure_ = axes_of(ax, (min(6.4, 3.4 + 0.75 * n), 1.6 + 0.5 * n))
        values = self.matrix.to_numpy(dtype=np.float64)
        signed = self.measure in _SIGNED
        shown = np.where(np.eye(n, dtype=np.bool_), np.nan, values)
        colours = (diverging() if signed else _increasing()).with_extremes(bad="#eceff2")
        self.ax_.imshow(shown, cmap=colours, vmin=-1.0 if signed else 0.0, vmax=1.0, aspect="auto")
        self._write(shown, colours, signed)
        names = shortened([str(name) for name in self.matrix.columns], 22)
        straight = n * max(map(len, names)) <= 60
        slanted = {"rotation": 30, "ha": "right", "rotation_mode": "anchor"}
        self.ax_.set_xticks(range(n), names, **({} if straight else slanted))
        self.ax_.set_yticks(range(n), names)
        self.ax_.tick_params(length=0)
        # white lines between the cells
        self.ax_.set_xticks(np.arange(0.5, n - 1), minor=True)
        self.ax_.set_yticks(np.arange(0.5, n - 1), minor=True)
        self.ax_.grid(which="minor", color="white", linewidth=2.0)
        self.ax_.tick_params(which="minor", length=0)
        self.ax_.spines[:].set_visible(False)
        self.ax_.set_title(self.title, loc="left", fontsize="medium", linespacing=1.4)
        return self

    def _write(self, shown: "np.ndarray[Any, Any]", colours: Any, signed: bool) -> None:
        """The numbers, white on dark cells."""
        for i, j in np.ndindex(*shown.shape):
            if i == j:
                continue
            value = float(shown[i, j])
            place = 0.0 if np.isnan(value) else (value + 1.0) / 2.0 if signed else value
            red, green, blue, _ = colours(place)
            dark = not np.isnan(value) and 0.3 * red + 0.59 * green + 0.11 * blue < 0.55
            colour = "white" if dark else INK
            self.ax_.text(j, i, _text(value), ha="center", va="center", color=colour)


def _text(value: float) -> str:
    """Two decimals; ``1`` only where it is exactly that."""
    if np.isnan(value) or abs(value) == 1.0:
        return number(value, 1)
    text = f"{abs(value):.2f}"
    text = ">0.99" if text == "1.00" and value > 0 else text
    return f"{MINUS}{text}" if value < 0 and float(text) > 0 else text


def _increasing() -> Any:
    from matplotlib.colors import LinearSegmentedColormap

    return LinearSegmentedColormap.from_list("agreement", ["#ffffff", "#9dbbd8", "#1d5a9e"])
