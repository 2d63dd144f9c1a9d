"""A ranking of columns, as bars."""

from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pandas as pd

from explainrelu.errors import ArgumentError, InputTypeError
from explainrelu.explanations.limits import checked_limit
from explainrelu.explanations.ranking import overall_name, rank_features
from explainrelu.reports.displays.drawing import (
    LEVELS,
    LOWERS,
    RAISES,
    axes_of,
    bare,
    shortened,
    way_heading,
    way_shares,
)
from explainrelu.reports.statements import Direction, direction
from explainrelu.reports.tables import rows_of

__all__ = ["RankingDisplay"]

_DIRECTIONS = {
    Direction.RAISES: (RAISES, "raises the score"),
    Direction.LOWERS: (LOWERS, "lowers it"),
    Direction.BOTH: ("#6a5a8c", "both, by region"),
    Direction.LEVELS: (LEVELS, "by level"),
    Direction.OUTPUTS: (LEVELS, "mean over outputs"),
    Direction.NOTHING: ("#a4b0bb", "no effect"),
}
_NEEDED = {"output", "feature", "importance", "positive_share", "mean_coefficient", "unit", "by"}


@dataclass(eq=False)
class RankingDisplay:
    """A ranking of columns as bars, with how often each raises the score.

    Made by :meth:`from_estimator`, or by :meth:`from_frame` from what
    :func:`explainrelu.rank_features` returned.

    Attributes
    ----------
    ranking
        The rows of the ranking that are shown, of one output.
    ax_, figure_
        Where it was last drawn.
    """

    ranking: pd.DataFrame
    ax_: Any = field(default=None, init=False)
    figure_: Any = field(default=None, init=False)

    @classmethod
    def from_estimator(
        cls,
        model: Any,
        X: Any,
        *,
        by: str = "effect",
        output: str | None = None,
        max_features: int = 15,
        ax: Any = None,
        **options: Any,
    ) -> "RankingDisplay":
        """Rank the columns of a model, and draw the ranking.

        Parameters
        ----------
        model, X, by, output
            As for :func:`explainrelu.rank_features`.
        max_features
            At most so many bars.
        ax
            Axes to draw on; new ones by default.
        **options
            Handed on to :meth:`plot`.
        """
        table = rank_features(model, X, by=by, output=output)
        return cls.from_frame(table, max_features=max_features, ax=ax, **options)

    @classmethod
    def from_frame(
        cls,
        ranking: pd.DataFrame,
        *,
        output: str | None = None,
        max_features: int = 15,
        ax: Any = None,
        **options: Any,
    ) -> "RankingDisplay":
        """Draw a ranking.

        Parameters
        ----------
        ranking
            What :func:`explainrelu.rank_features` returned.
        output
            Which output of the table; by default ``overall`` where there are several.
        max_features
            At most so many bars.
        ax
            Axes to draw on; new ones by default.
        **options
            Handed on to :meth:`plot`.

        Raises
        ------
        InputTypeError
            For what is no table.
        ArgumentError
            Where the table has no such output, or is no ranking.

        Examples
        --------
        >>> import matplotlib
        >>> matplotlib.use("Agg")
        >>> from explainrelu.network.network import ReluNetwork
        >>> network = ReluNetwork.from_weights([[[1.0, 2.0]], [[1.0]]], [[0.0], [0.0]])
        >>> display = RankingDisplay.from_frame(rank_features(network, [[0.0, 1.0], [1.0, 3.0]]))
        >>> display.ranking.feature.tolist()
        ['x1', 'x0']
        """
        if not isinstance(ranking, pd.DataFrame):
            raise InputTypeError(
                "ranking must be a table of rank_features, got "
                f"{type(ranking).__qualname__}. For a model use from_estimator."
            )
        if not set(ranking.columns) >= _NEEDED or ranking.empty:
            raise ArgumentError(
                "ranking must be a table of rank_features, got columns "
                f"{', '.join(map(str, ranking.columns[:4]))}. For a model use from_estimator."
            )
        names = list(dict.fromkeys(ranking["output"]))
        several = len(names) > 1 and names[-1] == overall_name(names[:-1])
        chosen = output or (names[-1] if several else names[0])
        if chosen not in names:
            raise ArgumentError(f"output must be one of {', '.join(names)}, got {output!r}.")
        shown = ranking[ranking["output"] == chosen]
        return cls(shown.head(checked_limit("max_features", max_features) or len(shown))).plot(
            ax=ax, **options
        )

    def plot(self, ax: Any = None, *, show_shares: bool = True) -> "RankingDisplay":
        """Draw the bars, largest at the top, coloured by the way they move the score.

        Parameters
        ----------
        ax
            Axes to draw on; new ones by default.
        show_shares
            Whether a thin bar at the right tells how stable the sign is: the share of rows, or of
            the volume, in which the column raises the score; in the others it lowers the score or
            leaves it. Of a categorical column it is the share of rows whose level lies above the
            mean of the levels; of a mean over outputs there is none.
        """
        table = self.ranking
        self.ax_, self.figure_ = axes_of(ax, (6.4, 0.9 + 0.3 * len(table)))
        ways = [direction(row) for row in rows_of(table)]
        for way in dict.fromkeys(ways):
            colour, words = _DIRECTIONS[way]
            rows = [i for i, other in enumerate(ways) if other is way]
            sizes = table["importance"].iloc[rows]
            self.ax_.barh(rows, sizes, height=0.62, color=colour, label=words)
        if show_shares:
            self._draw_shares()
        first = table.iloc[0]
        unit = f" ({first['unit']})" if first["unit"] else ""
        self.ax_.set_yticks(range(len(table)), shortened(list(table["feature"])))
        self.ax_.set_ylim(len(table) - 0.5, -0.5)
        self.ax_.set_xlabel(f"{first['by']}{unit}")
        bare(self.ax_)
        self.ax_.legend(frameon=False, loc="lower right")
        return self

    def _draw_shares(self) -> None:
        known = False
        for place, row in enumerate(rows_of(self.ranking)):
            if row.importance == 0.0 or np.isnan(row.positive_share):
                continue
            way_shares(self.ax_, place, row.positive_share, 1.0 - row.positive_share)
            known = True
        if known:
            way_heading(self.ax_, -0.5)
