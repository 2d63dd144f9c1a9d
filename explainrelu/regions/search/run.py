"""One search from its beginning to its end: limits, processes, and what is too thin to keep."""

import warnings
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from numbers import Integral, Real
from time import time
from typing import Any, cast

import numpy as np

from explainrelu.errors import ArgumentError
from explainrelu.geometry.box import Box
from explainrelu.network.network import ReluNetwork
from explainrelu.network.patterns import activation_patterns
from explainrelu.regions.search.compiling import compile_search
from explainrelu.regions.search.records import Found, SearchNode, Subtree
from explainrelu.regions.search.thin import thick_enough
from explainrelu.regions.search.tree import SearchTree
from explainrelu.tolerances import Tolerances

__all__ = ["Limits", "Progress", "Prune", "SearchRun"]

Prune = Callable[[SearchNode], bool]
Progress = Callable[[int], Any]

_CHUNK = 1 << 14  # regions between two looks at the clock


@dataclass(frozen=True, slots=True)
class Limits:
    """Where a search stops.

    Attributes
    ----------
    max_regions
        Stop when so many are found and more are left; None for no limit.
    time_limit
        Stop after so many seconds; None for no limit.
    """

    max_regions: int | None = None
    time_limit: float | None = None

    def __post_init__(self) -> None:
        most, seconds = cast("Any", self.max_regions), cast("Any", self.time_limit)
        whole = isinstance(most, Integral) and not isinstance(most, bool)
        if most is not None and not (whole and int(most) >= 1):
            raise ArgumentError(
                f"max_regions must be a whole number of at least 1, or None, got {most!r}."
            )
        if seconds is not None and not (isinstance(seconds, Real) and float(seconds) > 0.0):
            raise ArgumentError(f"time_limit must be seconds above 0, or None, got {seconds!r}.")


class SearchRun:
    """A search over a box.

    Attributes
    ----------
    stopped
        After the chunks are taken: why not everything was searched; "" where it was.
    skipped
        Regions left out because they are thinner than the tolerance.
    """

    def __init__(
        self,
        network: ReluNetwork,
        box: Box,
        limits: Limits,
        prune: Prune | None,
        tolerances: Tolerances,
    ) -> None:
        self.stopped, self.skipped = "", 0
        self._network, self._box, self._limits = network, box, limits
        self._prune, self._tolerances = prune, tolerances

    def chunks(
        self, n_jobs: int | None, progress: Progress | bool | None, *, store: bool = True
    ) -> Iterator[Found]:
        """The regions in the order of the search, points in the box's own units."""
        if n_jobs == 0:
            raise ArgumentError("n_jobs must be 1 or more, -1 for all cores, or None, got 0.")
        n_found, report, close = 0, *_reporter(progress)
        most = self._limits.max_regions
        try:
            for chunk in self._unlimited(n_jobs, store):
                if most is not None and n_found + chunk.n_regions > most:
                    self.stopped = f"max_regions={most} was reached"
                    chunk = chunk.first(most - n_found)
                n_found += chunk.n_regions
                report(n_found)
                yield chunk
                if self.stopped:
                    return
        finally:
            close()

    def _unlimited(self, n_jobs: int | None, store: bool) -> Iterator[Found]:
        if not self._network.layers or self._box.fixed.all():
            yield _only_region(self._network, self._box, store)
            return
        if self._limits.time_limit is not None:
            compile_search()
        until = None if self._limits.time_limit is None else time() + self._limits.time_limit
        job = _Job(self._network, self._box, self._prune, self._tolerances, store, until)
        pieces = job.pieces(None) if n_jobs == 1 else self._side_by_side(job, n_jobs)
        for piece in pieces:
            self.skipped += piece.skipped
            yield piece.found
            if piece.stopped and not self.stopped:
                self.stopped = piece.stopped

    def _side_by_side(self, job: "_Job", n_jobs: int | None) -> "Iterator[_Piece]":
        """The same pieces, the parts of the tree searched side by side.

        In threads, since the compiled search holds no lock and a thread starts at once; a pruning
        rule is Python and asks for processes. ``joblib.parallel_config`` overrules both.
        """
        from joblib import Parallel, delayed, effective_n_jobs

        # some dozens of parts a worker: cuts on the way to a node that becomes a part
        cuts = 5 + (effective_n_jobs(n_jobs) - 1).bit_length()
        most = self._limits.max_regions
        tree = SearchTree(self._network, self._box, self._tolerances, prune=self._prune)
        calls = (delayed(_whole_part)(job, part, most) for part in tree.parts(cuts))
        prefer = "threads" if self._prune is None else "processes"
        found = Parallel(n_jobs=n_jobs, return_as="generator", prefer=prefer)(calls)
        try:
            for pieces in found:
                yield from pieces
        finally:
            with warnings.catch_warnings():  # that parts are cancelled is what a limit asks for
                warnings.simplefilter("ignore")
                found.close()
        if tree.n_cut_off:
            yield _Piece(Found.none(self._network), 0, _cut_off(tree))


@dataclass(frozen=True, slots=True, eq=False)
class _Piece:
    """Regions, how many beside them were too thin, and why the search ended there, if it did."""

    found: Found
    skipped: int
    stopped: str


@dataclass(frozen=True, slots=True, eq=False)
class _Job:
    """What a process needs to know of a search."""

    network: ReluNetwork
    box: Box
    prune: Prune | None
    tolerances: Tolerances
    store: bool
    until: float | None

    def pieces(self, part: Found | Subtree | None) -> Iterator[_Piece]:
        """The regions of the whole box (None), or of a part of the tree."""
        if isinstance(part, Found):
            yield self._piece(part)
            return
        tree = SearchTree(self.network, self.box, self.tolerances, prune=self.prune)
        if part is not None:
            tree.start_from(part)
        for found in tree.regions(_CHUNK):
            yield self._piece(found)
            if self.until is not None and time() > self.until and not tree.finished:
                yield _Piece(Found.none(self.network), 0, "time_limit was reached")
                return
        if tree.n_thin:
            yield _Piece(Found.none(self.network), tree.n_thin, "")
        if tree.n_lost:
            yield _Piece(Found.none(self.network), 0, f"{tree.n_lost} node(s) could not be settled")
        elif tree.n_cut_off:
            yield _Piece(Found.none(self.network), 0, _cut_off(tree))

    def _piece(self, found: Found) -> _Piece:
        """The regions that are thick enough, with points in the box's own units."""
        kept, points = thick_enough(found, self.network, self.box, self.tolerances)
        return _Piece(found.replaced(points, kept, self.store), int((~kept).sum()), "")


def _whole_part(job: _Job, part: Found | Subtree, most: int | None) -> list[_Piece]:
    """All pieces of a part, or enough of them to go beyond a limit."""
    pieces, n_found = [], 0
    for piece in job.pieces(part):
        pieces.append(piece)
        n_found += piece.found.n_regions
        if most is not None and n_found > most:
            break
    return pieces


def _cut_off(tree: SearchTree) -> str:
    return f"{tree.n_cut_off} node(s) were cut off by prune"


def _only_region(network: ReluNetwork, box: Box, store: bool) -> Found:
    """The one region of a network without layers, or of a box that is a point."""
    point = box.centre[None]
    found = Found(1, activation_patterns(network, point), point, np.ones(1))
    return found.replaced(point, np.ones(1, dtype=np.bool_), store)


def _reporter(progress: Progress | bool | None) -> tuple[Progress, Callable[[], Any]]:
    """What to call with the number of regions so far, and at the end."""
    if progress is None or progress is False:
        return (lambda n_found: None), (lambda: None)
    if progress is not True:
        return progress, (lambda: None)
    from tqdm.auto import tqdm

    bar = tqdm(unit=" regions", desc="linear regions")
    return (lambda n_found: bar.update(n_found - bar.n)), bar.close
