"""The linear regions of a network over two of its columns, as a picture."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pandas as pd

from explainrelu.arrays import FloatArray
from explainrelu.errors import ArgumentError
from explainrelu.explanations.baseline import baseline_numbers
from explainrelu.importers.import_model import import_model
from explainrelu.network.column import ColumnKind
from explainrelu.network.network import ReluNetwork
from explainrelu.network.outputs import ScoreView, Task
from explainrelu.network.patterns import activation_patterns, affine_maps
from explainrelu.network.schema import InputSchema
from explainrelu.reports.displays.drawing import (
    HUES,
    INK,
    axes_of,
    column_label,
    diverging,
    tint,
)
from explainrelu.reports.numbers import counted
from explainrelu.reports.region_slice import Piece, Plane, decide, two_columns
from explainrelu.tolerances import DEFAULT_TOLERANCES, Tolerances

__all__ = ["RegionMapDisplay"]

_GOLDEN = 0.6180339887498949
_FEW_ROWS = 600
_RESPONSES = ("regions", "score")


@dataclass(eq=False)
class RegionMapDisplay:
    """The linear regions of a network over two of its columns.

    Made by :meth:`from_estimator`; :meth:`plot` draws it again on other axes.

    Attributes
    ----------
    plane
        The network, the two columns, their limits, and where the others are held.
    pieces
        The regions as polygons of the unit square; exact, not from a grid.
    score : (grid_resolution, grid_resolution)
        The score on a grid, rows from bottom to top; empty unless ``response="score"``.
    score_name
        What it is called.
    points : (n_samples, 2)
        The rows of the data; with more than two columns their projection.
    labels
        The class of each row, None where ``y`` was not given.
    response
        What is coloured: ``regions``, ``score``, or a column by its coefficient.
    view
        The score that is coloured.
    ax_, figure_
        Where it was last drawn.
    """

    plane: Plane
    pieces: list[Piece]
    score: FloatArray
    score_name: str
    points: FloatArray
    labels: "np.ndarray[Any, Any] | None"
    response: str
    view: ScoreView
    ax_: Any = field(default=None, init=False)
    figure_: Any = field(default=None, init=False)

    @classmethod
    def from_estimator(
        cls,
        model: Any,
        X: Any,
        y: Any = None,
        *,
        features: Sequence[str | int] | None = None,
        at: Any = None,
        response: str = "regions",
        output: str | None = None,
        grid_resolution: int = 400,
        margin: float = 0.06,
        ax: Any = None,
        tolerances: Tolerances = DEFAULT_TOLERANCES,
        **options: Any,
    ) -> "RegionMapDisplay":
        """Cut the plane of two columns into the network's regions, and draw them.

        Parameters
        ----------
        model
            Anything :func:`explainrelu.import_model` takes.
        X : (n_samples, n_columns)
            Raw rows: they set the limits and are drawn over the regions.
        y : (n_samples,), optional
            Classes of the rows, told apart by colour.
        features
            Two numeric columns, by name or position, needed where there are more; the others are
            held.
        at
            Where the others are held: a mapping of some columns to numbers or levels, or one raw
            row. Columns that are not named stand at their mean or most frequent level over ``X``.
        response
            ``regions`` fills every region with a tint, of the winning class where there is one;
            ``score`` colours by the score; a numeric column by its coefficient in each region.
        output
            For ``score`` and a column: which raw output, the first by default.
        grid_resolution
            Pixels a side for ``response="score"``. Borders are exact in any case.
        margin
            Share of each column's range added around the rows.
        ax
            Axes to draw on; new ones by default.
        **options
            Handed on to :meth:`plot`.

        Raises
        ------
        ArgumentError, ColumnsError
            For columns that are not two numeric ones, an unknown response, or a column held at
            what it cannot be.

        Examples
        --------
        >>> import matplotlib
        >>> matplotlib.use("Agg")
        >>> network = ReluNetwork.from_weights([[[1.0, 0.0]], [[1.0]]], [[0.0], [0.0]])
        >>> display = RegionMapDisplay.from_estimator(network, [[-1.0, 0.0], [1.0, 2.0]])
        >>> len(display.pieces), display.ax_.get_xlabel()
        (2, 'x0')
        """
        network = import_model(model, X, tolerances=tolerances)
        _check_response(network, response)
        if not margin >= 0:
            raise ArgumentError(f"margin must be at least 0, got {margin}.")
        pair, numbers = two_columns(network, features), network.schema.numbers(X)
        points = numbers[:, pair]
        centre = _held_at(network.schema, at, pair, numbers)
        plane = Plane(network, pair, _limits(points, margin), centre)
        name = output or network.outputs.names[0]
        view = network.outputs.view(name)
        display = cls(
            plane=plane,
            pieces=plane.pieces(tolerances=tolerances),
            score=_score(plane, view, grid_resolution) if response == "score" else np.zeros((0, 0)),
            score_name=_meaning(view, name, response),
            view=view,
            points=points,
            labels=None if y is None else _labels(y, len(points)),
            response=response,
        )
        return display.plot(ax=ax, **options)

    def plot(
        self, ax: Any = None, *, show_data: bool = True, borders: bool = True
    ) -> "RegionMapDisplay":
        """Draw the map.

        Parameters
        ----------
        ax
            Axes to draw on; new ones by default.
        show_data
            Whether the rows are drawn too.
        borders
            Whether borders of regions are drawn.

        Returns
        -------
        RegionMapDisplay
            Itself, with ``ax_`` and ``figure_``.
        """
        self.ax_, self.figure_ = axes_of(ax, (6.4, 4.8))
        if self.response == "regions":
            self._draw_tints()
        elif self.response == "score":
            self._draw_score()
        else:
            self._draw_coefficients()
        if borders:
            outlines = [self.plane.raw(piece.corners) for piece in self.pieces]
            self._draw_lines(outlines, color=INK, alpha=0.45, linewidth=0.7, closed=True)
        boundary = [line for piece in self.pieces for line in decide(self.plane.network, piece)[1]]
        self._draw_lines([self.plane.raw(line) for line in boundary], color=INK, linewidth=1.8)
        if show_data:
            self._draw_rows()
        self.ax_.set(
            xlim=self.plane.limits[0],
            ylim=self.plane.limits[1],
            xlabel=column_label(self.plane.columns[0]),
            ylabel=column_label(self.plane.columns[1]),
        )
        held = self.plane.network.schema.n_columns - 2
        if held:
            words = f"{counted(held, 'other column')} held fixed"
            self.ax_.set_title(words, loc="left", fontsize="small")
        return self

    def _draw_tints(self) -> None:
        """Each region in a tint of its class, or of changing hue where there are no classes."""
        from matplotlib.collections import PolyCollection

        classes = self.plane.network.outputs.task in (Task.BINARY, Task.MULTICLASS)
        polygons, colours = [], []
        for number, piece in enumerate(self.pieces):
            strength = 0.13 + 0.3 * (number * _GOLDEN % 1.0)  # neighbours in the list differ
            for corners, winner in decide(self.plane.network, piece)[0]:
                polygons.append(self.plane.raw(corners))
                hue = _hue(self.plane.network, winner) if classes else HUES[number % len(HUES)]
                colours.append(tint(hue, strength))
        self.ax_.add_collection(
            PolyCollection(polygons, facecolors=colours, edgecolors=colours, linewidths=0.4)
        )

    def _draw_score(self) -> None:
        signed = self.plane.network.outputs.task in (Task.BINARY, Task.MULTICLASS, Task.MULTILABEL)
        far = float(np.abs(self.score).max()) or 1.0
        image = self.ax_.imshow(
            self.score,
            extent=self.plane.limits.reshape(-1),
            origin="lower",
            aspect="auto",
            interpolation="bilinear",
            cmap=diverging() if signed else "viridis",
            vmin=-far if signed else None,
            vmax=far if signed else None,
        )
        self.figure_.colorbar(image, ax=self.ax_, label=self.score_name)

    def _draw_coefficients(self) -> None:
        """Each region in the colour of a column's coefficient there."""
        from matplotlib.collections import PolyCollection

        network, schema = self.plane.network, self.plane.network.schema
        middles = np.stack([piece.middle for piece in self.pieces])
        packed = activation_patterns(network, self.plane.encoded(middles))
        weight, _ = affine_maps(network, packed, network.score_map(self.view))
        values = weight[:, 0, schema.starts[schema.names.index(self.response)]]
        polygons = [self.plane.raw(piece.corners) for piece in self.pieces]
        far = float(np.abs(values).max()) or 1.0
        drawn = PolyCollection(polygons, array=values, cmap=diverging(), linewidths=0.4)
        drawn.set_clim(-far, far)
        self.ax_.add_collection(drawn)
        self.figure_.colorbar(drawn, ax=self.ax_, label=self.score_name)

    def _draw_lines(self, lines: list[FloatArray], *, closed: bool = False, **style: Any) -> None:
        from matplotlib.collections import LineCollection

        if closed:
            lines = [np.vstack([line, line[:1]]) for line in lines]
        self.ax_.add_collection(LineCollection(lines, capstyle="round", **style))

    def _draw_rows(self) -> None:
        few = len(self.points) <= _FEW_ROWS
        style: dict[str, Any] = {"zorder": 3, "s": 16 if few else 7, "alpha": 1.0 if few else 0.5}
        style |= {"linewidths": 0.6, "edgecolors": "white"} if few else {"linewidths": 0.0}
        if self.labels is None:
            self.ax_.scatter(*self.points.T, color=INK, **style)
            return
        classes = list(self.plane.network.outputs.classes) or sorted(set(self.labels))
        for k, name in enumerate(classes):
            rows = self.points[self.labels == name]
            hue = _hue(self.plane.network, k)
            self.ax_.scatter(*rows.T, color=tint(hue, 1.0), label=name, **style)
        self.ax_.legend(frameon=True, framealpha=0.9, edgecolor="none", loc="best")


def _held_at(
    schema: InputSchema, at: Any, pair: tuple[int, int], numbers: FloatArray
) -> FloatArray:
    """Where columns are held, one number a raw column."""
    names = schema.names
    if not isinstance(at, (Mapping, pd.Series)) or set(at.keys()) == set(names):
        return baseline_numbers(schema, at, numbers)
    levels: dict[Any, Any] = dict(at)
    drawn = [names[position] for position in pair if names[position] in levels]
    if drawn:
        raise ArgumentError(
            f"at must hold columns that are not drawn, got {drawn[0]!r}, which is one of features. "
            "Leave it out of one of them."
        )
    held = np.array(baseline_numbers(schema, None, numbers))
    for name, level in levels.items():
        inputs = list(schema.level_inputs(name, level).values())
        categorical = schema.column(name).kind is ColumnKind.CATEGORICAL
        held[names.index(name)] = inputs.index(1.0) if categorical else inputs[0]
    if not np.isfinite(held).all():
        odd = names[int(np.flatnonzero(~np.isfinite(held))[0])]
        raise ArgumentError(
            f"at must hold columns at finite numbers, got {levels[odd]} for {odd!r}."
        )
    return held


def _labels(y: Any, n_samples: int) -> "np.ndarray[Any, Any]":
    labels = np.asarray(y).astype(str).reshape(-1)
    if labels.size != n_samples:
        raise ArgumentError(
            f"y must have one class a row of X, {n_samples}, got {labels.size}. Take the same rows."
        )
    return labels


def _limits(points: FloatArray, margin: float) -> FloatArray:
    low, high = points.min(axis=0), points.max(axis=0)
    width = np.where(high > low, high - low, 1.0)
    return np.column_stack([low - margin * width, high + margin * width])


def _score(plane: Plane, view: ScoreView, n_pixels: int) -> FloatArray:
    return np.asarray(plane.scores(n_pixels) @ view.matrix[0], dtype=np.float64)


def _check_response(network: ReluNetwork, response: str) -> None:
    numeric = [c.name for c in network.schema.columns if c.kind is ColumnKind.NUMERIC]
    if response not in (*_RESPONSES, *numeric):
        raise ArgumentError(
            f"response must be regions, score or a numeric column ({', '.join(numeric[:8])}), got "
            f"{response!r}."
        )


def _meaning(view: ScoreView, name: str, response: str) -> str:
    """What the colours say."""
    score = name if name == view.scale else f"{view.scale} of {name}"
    return score if response in _RESPONSES else f"coefficient of {response} ({score})"


def _hue(network: ReluNetwork, position: int) -> str:
    """The colour of a class; of a binary classifier blue for the positive class."""
    if network.outputs.task is Task.BINARY:
        position = 1 - position
    return HUES[position % len(HUES)]
