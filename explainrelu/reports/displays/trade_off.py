"""What training for explanation costs: performance against regions, and against few rules."""

from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pandas as pd

from explainrelu.errors import ArgumentError, InputTypeError
from explainrelu.explanations.explanation_trade_off import (
    ExplanationTradeOff,
    explanation_trade_off,
)
from explainrelu.reports.displays.drawing import INK, LOWERS, QUIET, RAISES, bare, legend_above
from explainrelu.reports.tables import rows_of

__all__ = ["TradeOffDisplay"]

_COLUMNS = ("l1", "regions", "performance", "performance_is", "rules_performance", "n_rules")


@dataclass(eq=False)
class TradeOffDisplay:
    """Networks trained with more and more weight on being simple.

    On the left the performance of each network against the linear regions that the rows visit; on
    the right, network by network, beside what its few rules reach.

    Made by :meth:`from_data` or :meth:`from_frame`.

    Attributes
    ----------
    frame
        What :func:`explainrelu.explanation_trade_off` found, one row a network.
    ax_, rules_ax_, figure_
        Where it was last drawn.
    """

    frame: pd.DataFrame
    ax_: Any = field(default=None, init=False)
    rules_ax_: Any = field(default=None, init=False)
    figure_: Any = field(default=None, init=False)

    @classmethod
    def from_data(cls, X: Any, y: Any, *, ax: Any = None, **options: Any) -> "TradeOffDisplay":
        """Train the networks, measure them, and draw.

        Parameters
        ----------
        X, y
            A raw table and its target.
        ax
            As for :meth:`plot`.
        **options
            As for :func:`explainrelu.explanation_trade_off`.
        """
        return cls.from_frame(explanation_trade_off(X, y, **options), ax=ax)

    @classmethod
    def from_frame(
        cls, found: "ExplanationTradeOff | pd.DataFrame", *, ax: Any = None
    ) -> "TradeOffDisplay":
        """Draw what was found.

        Parameters
        ----------
        found
            What :func:`explainrelu.explanation_trade_off` returned, or its ``frame``.
        ax
            As for :meth:`plot`.

        Raises
        ------
        InputTypeError, ArgumentError
            For what is no table, and for one that lacks a column or has no rows.

        Examples
        --------
        >>> import matplotlib
        >>> matplotlib.use("Agg")
        >>> table = pd.DataFrame({"l1": [0.0, 1e-3], "stability": 0.0, "regions": [400, 18],
        ...     "performance": [0.82, 0.83], "performance_is": "accuracy",
        ...     "rules_performance": [0.81, 0.83], "n_rules": 6})
        >>> TradeOffDisplay.from_frame(table).ax_.get_ylabel()
        'accuracy on rows not used'
        """
        frame = found.frame if isinstance(found, ExplanationTradeOff) else found
        if not isinstance(frame, pd.DataFrame):
            raise InputTypeError(
                "A trade-off is what explanation_trade_off returns, or its frame, got "
                f"{type(found).__qualname__}. From rows and target draw it by from_data."
            )
        missing = [name for name in _COLUMNS if name not in frame.columns]
        if missing or frame.empty:
            raise ArgumentError(
                f"A trade-off must have rows and the columns {', '.join(_COLUMNS)}, got none "
                f"called {', '.join(missing) or 'so with rows'}."
            )
        return cls(frame.reset_index(drop=True)).plot(ax=ax)

    def plot(self, ax: Any = None) -> "TradeOffDisplay":
        """Draw both sides.

        Parameters
        ----------
        ax
            A pair of axes to draw on; new ones by default.

        Returns
        -------
        TradeOffDisplay
            Itself, with ``ax_``, ``rules_ax_`` and ``figure_``.
        """
        pair: Any = () if ax is None else tuple(np.ravel(np.asarray(ax, dtype=object)))
        if len(pair) not in (0, 2):
            raise ArgumentError(f"ax must be two axes, got {len(pair)}.")
        if not pair:
            from matplotlib import pyplot

            _, pair = pyplot.subplots(1, 2, figsize=(7.2, 3.1), layout="constrained", sharey=True)
        self.ax_, self.rules_ax_ = pair
        self.figure_ = self.ax_.figure
        self._against_regions()
        self._against_rules()
        for axes in pair:
            axes.grid(axis="y", color="#e6eaee", linewidth=0.8)
            axes.set_axisbelow(True)
            bare(axes)
        return self

    def _against_regions(self) -> None:
        table = self.frame.sort_values("regions", kind="stable")
        self.ax_.plot(table["regions"], table["performance"], color=QUIET, linewidth=1.0, zorder=1)
        self.ax_.scatter(table["regions"], table["performance"], s=26, color=RAISES, zorder=2)
        self.ax_.set_xscale("log")
        self.ax_.margins(x=0.12, y=0.25)
        for i, row in enumerate(rows_of(table)):
            self.ax_.annotate(
                _words(row.l1, getattr(row, "stability", 0.0)),
                (row.regions, row.performance),
                xytext=(0, 9 if i % 2 else -15),
                textcoords="offset points",
                ha="center",
                fontsize="x-small",
                color=INK,
            )
        self.ax_.set_xlabel("linear regions that the rows visit")
        self.ax_.set_ylabel(f"{self.frame['performance_is'].iloc[0]} on rows not used")

    def _against_rules(self) -> None:
        place = np.arange(len(self.frame))
        ends = self.frame["performance"], self.frame["rules_performance"]
        self.rules_ax_.vlines(place, *ends, color=QUIET, linewidth=1.2, zorder=1)
        network = self.rules_ax_.scatter(place, ends[0], s=26, color=RAISES, zorder=3)
        rules = self.rules_ax_.scatter(place, ends[1], s=34, marker="D", color=LOWERS, zorder=2)
        words = [_words(r.l1, getattr(r, "stability", 0.0)) for r in rows_of(self.frame)]
        self.rules_ax_.set_xticks(place, words, fontsize="small")
        self.rules_ax_.set_xlabel("weight of l1 in training")
        self.rules_ax_.margins(x=0.12)
        most = int(self.frame["n_rules"].max())
        legend_above(self.rules_ax_, [network, rules], ["network", f"at most {most} rules"])


def _words(l1: float, stability: float) -> str:
    return f"{l1:g}" + (f", {stability:g}" if stability else "")
