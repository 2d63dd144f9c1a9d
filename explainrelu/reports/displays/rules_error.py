"""How the error of a few rules falls with their number, and how many decisions they keep."""

from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pandas as pd

from explainrelu.errors import ArgumentError, InputTypeError
from explainrelu.reports.displays.drawing import INK, QUIET, RAISES, axes_of, bare, legend_above

__all__ = ["RulesErrorDisplay"]

_ERRORS = {
    "mean_error": "mean error",
    "largest_error": "largest error",
    "r2": "R² of the score",
}
_HELD_OUT = "not used"
_STYLES = ((RAISES, "o", "-"), (QUIET, "s", "--"))  # of rows that were not used, and of others


@dataclass(eq=False)
class RulesErrorDisplay:
    """Number of rules against error, and against the share of equal decisions.

    One line for the rows that the rules were not fitted to, and one for those they were; the number
    of rules that was taken is marked.

    Made by :meth:`from_rules` or :meth:`from_frame`.

    Attributes
    ----------
    curve
        One row a number of rules and kind of rows: ``n_rules rows`` and measures.
    error
        Which measure of error is drawn, a column of ``curve``.
    unit
        Its unit.
    ax_, figure_
        Where it was last drawn.
    decisions_ax_
        Where the share of equal decisions was drawn; None where it was not.
    """

    curve: pd.DataFrame
    error: str = "mean_error"
    unit: str = ""
    ax_: Any = field(default=None, init=False)
    decisions_ax_: Any = field(default=None, init=False)
    figure_: Any = field(default=None, init=False)

    @classmethod
    def from_rules(
        cls, rules: Any, *, error: str = "mean_error", ax: Any = None
    ) -> "RulesErrorDisplay":
        """Draw the curve of rules that :func:`explainrelu.simplify` found.

        Parameters
        ----------
        rules
            What ``simplify`` returned: ``trade_off()`` gives the curve, ``view`` the unit.
        error, ax
            As for :meth:`from_frame`.
        """
        if not callable(getattr(rules, "trade_off", None)):
            raise InputTypeError(
                f"rules must be what simplify returns, got {type(rules).__qualname__}. For its "
                "table use from_frame."
            )
        unit = "" if error == "r2" else rules.view.unit
        return cls.from_frame(rules.trade_off(), error=error, unit=unit, ax=ax)

    @classmethod
    def from_frame(
        cls, curve: pd.DataFrame, *, error: str = "mean_error", unit: str = "", ax: Any = None
    ) -> "RulesErrorDisplay":
        """Draw a trade-off of rules against error.

        Parameters
        ----------
        curve
            One row a number of rules and kind of rows: ``n_rules``, ``rows`` (``used``, ``not
            used``), the column ``error``, and where they are known ``equal_decisions`` and
            ``chosen``.
        error
            The column that is drawn: ``mean_error``, ``largest_error``, ``r2`` or another.
        unit
            Its unit, written at the axis.
        ax
            Axes to draw on, or a pair of them for error and equal decisions; with one there is the
            error only. New ones by default, a pair where decisions are known.

        Raises
        ------
        InputTypeError, ArgumentError
            For what is no table, and for one that lacks a column or has no rows.

        Examples
        --------
        >>> import matplotlib
        >>> matplotlib.use("Agg")
        >>> curve = pd.DataFrame(
        ...     {"n_rules": [1, 2], "rows": ["not used"] * 2, "mean_error": [0.5, 0.2]})
        >>> RulesErrorDisplay.from_frame(curve, unit="log-odds").ax_.get_ylabel()
        'mean error (log-odds)'
        """
        if not isinstance(curve, pd.DataFrame):
            raise InputTypeError(
                f"curve must be a table, got {type(curve).__qualname__}. For the rules themselves "
                "use from_rules."
            )
        missing = [name for name in ("n_rules", "rows", error) if name not in curve.columns]
        if missing:
            raise ArgumentError(
                f"curve must have the columns n_rules, rows and {error}, got none called "
                f"{', '.join(missing)}. simplify(...).trade_off() gives such a table."
            )
        if curve.empty or not np.isfinite(curve[error].to_numpy(dtype=np.float64)).any():
            raise ArgumentError(f"curve must have at least one row with a finite {error}.")
        return cls(curve, error, unit).plot(ax=ax)

    def plot(self, ax: Any = None) -> "RulesErrorDisplay":
        """Draw the curve, and beside it the share of equal decisions where it is known.

        Parameters
        ----------
        ax
            As for :meth:`from_frame`.

        Returns
        -------
        RulesErrorDisplay
            Itself, with ``ax_``, ``decisions_ax_`` and ``figure_``.
        """
        self._take_axes(ax)
        handles = self._draw(self.ax_, self.error)
        unit = f" ({self.unit})" if self.unit else ""
        self.ax_.set_ylabel(f"{_ERRORS.get(self.error, self.error.replace('_', ' '))}{unit}")
        if self.error in ("mean_error", "largest_error"):
            self.ax_.set_ylim(bottom=0.0)
        legend_above(self.ax_, handles, [handle.get_label() for handle in handles])
        if self.decisions_ax_ is not None:
            self._draw(self.decisions_ax_, "equal_decisions")
            self.decisions_ax_.set_ylabel("equal decisions")
            self.decisions_ax_.yaxis.set_major_formatter(lambda share, _: f"{100.0 * share:.4g}%")
        return self

    def _take_axes(self, ax: Any) -> None:
        known = "equal_decisions" in self.curve and self.curve["equal_decisions"].notna().any()
        pair = np.asarray(ax, dtype=object).reshape(-1) if ax is not None else np.zeros(0)
        if pair.size > 2:
            raise ArgumentError(f"ax must be one or two axes, got {pair.size}.")
        if ax is None and known:
            from matplotlib import pyplot

            _, pair = pyplot.subplots(1, 2, figsize=(6.4, 2.9), layout="constrained")
        self.ax_, self.figure_ = axes_of(pair[0] if pair.size else None, (4.2, 2.9))
        self.decisions_ax_ = pair[1] if pair.size == 2 and known else None

    def _draw(self, ax: Any, measure: str) -> list[Any]:
        """One line a kind of rows; those of the lines."""
        from matplotlib.ticker import MaxNLocator

        lines = []
        kinds = sorted(dict.fromkeys(self.curve["rows"]), key=lambda kind: kind != _HELD_OUT)
        for kind in kinds:
            part = self.curve[self.curve["rows"] == kind].sort_values("n_rules")
            colour, marker, dashes = _STYLES[kind != _HELD_OUT]
            style = {"color": colour, "marker": marker, "linestyle": dashes}
            label = f"rows {kind}"
            lines += ax.plot(part["n_rules"], part[measure], markersize=4.5, label=label, **style)
        if "chosen" in self.curve and self.curve["chosen"].any():
            taken = int(self.curve.loc[self.curve["chosen"].astype(bool), "n_rules"].iloc[0])
            ax.axvline(taken, color=INK, linewidth=0.8, linestyle=":", zorder=0)
            shown = self.curve[(self.curve["n_rules"] == taken) & (self.curve["rows"] == kinds[0])]
            ring = {"s": 90, "facecolors": "none", "edgecolors": INK, "linewidths": 1.2}
            ax.scatter(shown["n_rules"], shown[measure], zorder=4, **ring)
        ax.xaxis.set_major_locator(MaxNLocator(integer=True, min_n_ticks=1))
        ax.set_xlabel("number of rules")
        ax.grid(axis="y", color="#e6eaee", linewidth=0.8)
        ax.set_axisbelow(True)
        bare(ax)
        return lines
