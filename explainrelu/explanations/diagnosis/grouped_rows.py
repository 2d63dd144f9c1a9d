"""Figures of many groups of rows at once, each linear in the rows but for one sort.

Legend: the rows of group ``g`` are those of code ``g``; every array of values has one row a row
of the data and one column an output, every result one row a group.
"""

from dataclasses import dataclass, field

import numpy as np

from explainrelu.arrays import BoolArray, FloatArray, IntArray, frozen

__all__ = ["WILSON_95", "GroupedRows", "wilson_interval"]

WILSON_95 = 1.959963984540054  # normal quantile of a two-sided 95 % interval


@dataclass(frozen=True, slots=True, eq=False)
class GroupedRows:
    """Rows in groups that do not overlap.

    Attributes
    ----------
    codes : (n_rows,)
        The group of each row, from 0.
    n_groups
        Groups there are, those without rows included.
    counts : (n_groups,)
        Rows of each.

    Examples
    --------
    >>> groups = GroupedRows(np.array([0, 1, 1]), 2)
    >>> groups.mean(np.array([[1.0], [2.0], [4.0]])).tolist()
    [[1.0], [3.0]]
    """

    codes: IntArray
    n_groups: int
    counts: IntArray = field(init=False)

    def __post_init__(self) -> None:
        counts = np.bincount(self.codes, minlength=self.n_groups).astype(np.int64)
        object.__setattr__(self, "counts", frozen(counts))

    def total(self, values: FloatArray) -> FloatArray:
        """The sum over each group: (n_groups, n_outputs)."""
        columns = [np.bincount(self.codes, column, self.n_groups) for column in values.T]
        return np.stack(columns, axis=1).astype(np.float64)

    def mean(self, values: FloatArray) -> FloatArray:
        """The mean over each group, NaN where it has no rows."""
        return self._per_row(self.total(values))

    def squared_deviation(self, values: FloatArray) -> FloatArray:
        """The sum of ``(value - mean of the group)^2``; exactly 0 where all values are equal."""
        deviation = values - self.mean(values)[self.codes]
        total = self.total(deviation**2)
        total[self.least(values) == -self.least(-values)] = 0.0
        return total

    def spread(self, values: FloatArray) -> FloatArray:
        """The population standard deviation of each group, NaN where it has no rows."""
        spread: FloatArray = np.sqrt(self._per_row(self.squared_deviation(values)))
        return spread

    def least(self, values: FloatArray) -> FloatArray:
        """The smallest value of each group, NaN where it has no rows."""
        least = np.full((self.n_groups, values.shape[1]), np.nan)
        order = np.argsort(self.codes, kind="stable")
        filled = np.flatnonzero(self.counts)
        if filled.size:
            starts = (np.cumsum(self.counts) - self.counts)[filled]
            least[filled] = np.minimum.reduceat(values[order], starts, axis=0)
        return least

    def areas(
        self, scores: FloatArray, positive: BoolArray, slack: FloatArray | None = None
    ) -> FloatArray:
        """The area under the ROC curve of each group, NaN where only one class is there.

        Parameters
        ----------
        slack : (n_rows, n_outputs), optional
            What rounding may have changed in a score: next to each other in order, scores that
            differ by no more count as equal. Equal rows may get scores that differ in the last
            bit, since a matrix product is computed block by block.

        Notes
        -----
        By ranks: with ``P`` positive and ``N`` other rows and ``R`` the sum of the ranks of the
        positive ones, equal scores sharing their mean rank, it is ``(R - P (P + 1) / 2) / (P N)``.
        """
        slack = np.zeros_like(scores) if slack is None else slack
        columns = zip(scores.T, positive.T, slack.T, strict=True)
        return np.stack([self._area(*column) for column in columns], axis=1)

    def _area(self, score: FloatArray, positive: BoolArray, slack: FloatArray) -> FloatArray:
        one = self.n_groups == 1
        order = np.argsort(score) if one else np.lexsort((score, self.codes))
        rank = self._shared_ranks(score[order], self.codes[order], slack[order])
        flags, codes = positive[order], self.codes[order]
        n_positive = np.bincount(codes[flags], minlength=self.n_groups).astype(np.float64)
        ranks = np.bincount(codes[flags], rank[flags], self.n_groups)
        pairs = n_positive * (self.counts - n_positive)
        above = ranks - n_positive * (n_positive + 1.0) / 2.0
        area = np.full(self.n_groups, np.nan)
        np.divide(above, pairs, out=area, where=pairs > 0)
        return area

    def _shared_ranks(self, score: FloatArray, codes: IntArray, slack: FloatArray) -> FloatArray:
        """The rank of each sorted row within its group, equal scores sharing their mean rank."""
        first = np.ones(score.size, dtype=np.bool_)
        first[1:] = (np.diff(score) > slack[1:]) | (np.diff(codes) > 0)
        starts = np.flatnonzero(first)
        lengths = np.diff(starts, append=score.size)
        shared = np.repeat(starts + (lengths + 1) / 2.0, lengths)
        return np.asarray(shared - (np.cumsum(self.counts) - self.counts)[codes])

    def calibration_error(
        self, probability: FloatArray, response: FloatArray, n_bins: int
    ) -> FloatArray:
        """The expected calibration error of each group, NaN where it has no rows.

        ``sum_b |sum_{i in b} (p_i - r_i)| / n`` over ``n_bins`` bins of equal width.
        """
        bins = np.minimum((probability * n_bins).astype(np.int64), n_bins - 1)
        total = np.empty((self.n_groups, probability.shape[1]))
        for k, gap in enumerate((probability - response).T):
            cells = self.codes * n_bins + bins[:, k]
            sums = np.bincount(cells, gap, self.n_groups * n_bins)
            total[:, k] = np.abs(sums).reshape(self.n_groups, n_bins).sum(axis=1)
        return self._per_row(total)

    def _per_row(self, total: FloatArray) -> FloatArray:
        """Sums over a group, by its number of rows; NaN where it has none."""
        counts = self.counts[:, None].astype(np.float64)
        means = np.full(total.shape, np.nan)
        np.divide(total, counts, out=means, where=counts > 0)
        return means


def wilson_interval(
    share: FloatArray, n_rows: FloatArray, z: float = WILSON_95
) -> tuple[FloatArray, FloatArray]:
    """Wilson's interval of a share: its middle and its half-width.

    Parameters
    ----------
    share
        Of ``n_rows`` rows; NaN gives NaN.
    z
        Normal quantile; with 1 the half-width is the interval's standard error, which is not zero
        where the share is 0 or 1.

    References
    ----------
    Wilson 1927, "Probable inference, the law of succession, and statistical inference".

    Examples
    --------
    >>> middle, half = wilson_interval(np.array([0.0]), np.array([10.0]))
    >>> float(middle[0] - half[0]), round(float(middle[0] + half[0]), 3)
    (0.0, 0.278)
    """
    n = np.maximum(n_rows, 1.0)
    shrunk = 1.0 + z * z / n
    middle = (share + z * z / (2.0 * n)) / shrunk
    half = z * np.sqrt(share * (1.0 - share) / n + z * z / (4.0 * n * n)) / shrunk
    return middle, half
