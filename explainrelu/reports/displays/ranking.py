"""A ranking of columns, as bars."""

from dataclasses import dataclass, field
from typing import Any

import pandas as pd

from explainrelu.errors import ArgumentError
from explainrelu.explanations.ranking import overall_name, rank_features
from explainrelu.reports.displays.drawing import axes_of
from explainrelu.reports.statements import Direction, direction
from explainrelu.reports.tables import rows_of

__all__ = ["RankingDisplay"]

_DIRECTIONS = {
    Direction.RAISES: ("#1d5a9e", "raises the score"),
    Direction.LOWERS: ("#b04d08", "lowers it"),
    Direction.BOTH: ("#6a5a8c", "both, by region"),
    Direction.LEVELS: ("#5d6b78", "by level"),
    Direction.OUTPUTS: ("#5d6b78", "mean over outputs"),
    Direction.NOTHING: ("#a4b0bb", "no effect"),
}


@dataclass(eq=False)
class RankingDisplay:
    """A ranking of columns as bars.

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
        """
        table = rank_features(model, X, by=by, output=output)
        return cls.from_frame(table, max_features=max_features, ax=ax)

    @classmethod
    def from_frame(
        cls,
        ranking: pd.DataFrame,
        *,
        output: str | None = None,
        max_features: int = 15,
        ax: Any = None,
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

        Raises
        ------
        ArgumentError
            Where the table has no such output.

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
        if not {"output", "feature", "importance"} <= set(ranking.columns):
            raise ArgumentError(
                "ranking must be a table of rank_features, got columns "
                f"{', '.join(map(str, ranking.columns[:4]))}. For a model use from_estimator."
            )
        names = list(dict.fromkeys(ranking["output"]))
        several = len(names) > 1 and names[-1] == overall_name(names[:-1])
        chosen = output or (names[-1] if several else names[0])
        if chosen not in names:
            raise ArgumentError(f"output must be one of {', '.join(names)}, got {output!r}.")
        return cls(ranking[ranking["output"] == chosen].head(max_features)).plot(ax=ax)

    def plot(self, ax: Any = None) -> "RankingDisplay":
        """Draw the bars, largest at the top, coloured by the way they move the score."""
        table = self.ranking
        self.ax_, self.figure_ = axes_of(ax, (6.4, 0.9 + 0.3 * len(table)))
        ways = [direction(row) for row in rows_of(table)]
        for way in dict.fromkeys(ways):
            colour, words = _DIRECTIONS[way]
            rows = [i for i, other in enumerate(ways) if other is way]
            sizes = table["importance"].iloc[rows]
            self.ax_.barh(rows, sizes, height=0.62, color=colour, label=words)
        first = table.iloc[0]
        unit = f" ({first['unit']})" if first["unit"] else ""
        self.ax_.set_yticks(range(len(table)), list(table["feature"]))
        self.ax_.invert_yaxis()
        self.ax_.set_xlabel(f"{first['by']}{unit}")
        self.ax_.spines[["top", "right"]].set_visible(False)
        self.ax_.legend(frameon=False, loc="lower right")
        return self
