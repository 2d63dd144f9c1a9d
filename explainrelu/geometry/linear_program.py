"""The only door to HiGHS for linear programs: one model kept warm while its cost changes."""

from dataclasses import dataclass
from enum import Enum
from functools import cache
from typing import Any

import numpy as np

from explainrelu.arrays import FloatArray
from explainrelu.errors import SolverError
from explainrelu.tolerances import DEFAULT_TOLERANCES, Tolerances

__all__ = ["LinearProgram", "LinearResult", "LinearStatus"]


class LinearStatus(Enum):
    """How a linear program ended; the value is the message."""

    OPTIMAL = "an optimum was found"
    INFEASIBLE = "no point satisfies the constraints"
    UNBOUNDED = "the objective grows without limit"
    LIMIT = "the solver stopped at a limit before deciding"


@dataclass(frozen=True, slots=True, eq=False)
class LinearResult:
    """The end of one solve.

    Attributes
    ----------
    status
        Only ``OPTIMAL`` carries a value and a point.
    value
        The objective at the optimum, else NaN.
    point : (n_variables,)
        An optimal point, else empty.
    """

    status: LinearStatus
    value: float
    point: FloatArray


class LinearProgram:
    """Maximise ``cost @ x`` over ``weight @ x <= bound``, ``lower <= x <= upper``.

    Parameters
    ----------
    weight : (n_rows, n_variables)
    bound : (n_rows,)
    lower, upper : (n_variables,)
        Bounds of the variables; infinite ones are allowed.
    tolerances
        ``feasibility`` is handed to the solver.

    Notes
    -----
    The solver keeps its last basis, so programs that differ in cost or in one row solve in a
    few pivots. One thread.

    Examples
    --------
    >>> program = LinearProgram(np.array([[1.0, 1.0]]), np.array([1.5]), np.zeros(2), np.ones(2))
    >>> program.maximise(np.array([1.0, 1.0])).value
    1.5
    """

    def __init__(
        self,
        weight: FloatArray,
        bound: FloatArray,
        lower: FloatArray,
        upper: FloatArray,
        tolerances: Tolerances = DEFAULT_TOLERANCES,
    ) -> None:
        import highspy

        self._highspy: Any = highspy
        self._feasibility = tolerances.feasibility
        self._columns = np.arange(lower.size, dtype=np.int32)
        # rows of length one, so that the solver's absolute tolerances mean the same for each
        length = np.linalg.norm(weight, axis=1)
        self._row_scale = np.where(length > 0, length, 1.0)
        self._bound = bound / self._row_scale
        self._current = self._bound.copy()
        _require_numbers(weight, bound, lower, upper)
        self._solver: Any = _quiet_solver()()
        self._solver.setOptionValue("output_flag", False)
        self._solver.setOptionValue("threads", 1)
        self._solver.setOptionValue("presolve", "off")  # presolve would throw the warm basis away
        self._solver.setOptionValue("primal_feasibility_tolerance", tolerances.feasibility)
        self._solver.setOptionValue("dual_feasibility_tolerance", tolerances.feasibility)
        self._pass_model(weight / self._row_scale[:, None], lower, upper)

    def _pass_model(self, weight: FloatArray, lower: FloatArray, upper: FloatArray) -> None:
        n_rows, n_variables = weight.shape
        model = self._highspy.HighsLp()
        model.num_col_, model.num_row_ = n_variables, n_rows
        model.col_cost_ = np.zeros(n_variables)
        model.col_lower_, model.col_upper_ = lower, upper
        model.row_lower_, model.row_upper_ = np.full(n_rows, -np.inf), self._bound
        model.a_matrix_.format_ = self._highspy.MatrixFormat.kRowwise
        filled = weight != 0
        model.a_matrix_.start_ = np.concatenate([[0], np.cumsum(filled.sum(axis=1))])
        model.a_matrix_.index_ = np.nonzero(filled)[1]
        model.a_matrix_.value_ = weight[filled]
        model.sense_ = self._highspy.ObjSense.kMaximize
        self._solver.passModel(model)

    def maximise(self, cost: FloatArray) -> LinearResult:
        """The largest ``cost @ x``.

        Raises
        ------
        SolverError
            Where the solver reports an error rather than an outcome.
        """
        _require_numbers(cost)
        if self._columns.size == 0:
            return self._without_variables()
        size = float(np.abs(cost).max())
        scaled = cost / size if size > 0 else cost
        self._solver.changeColsCost(self._columns.size, self._columns, scaled)
        status = self._run()
        if status is not LinearStatus.OPTIMAL:
            return LinearResult(status, float("nan"), np.zeros(0))
        point = np.array(self._solver.getSolution().col_value)
        return LinearResult(status, float(cost @ point), point)

    def minimise(self, cost: FloatArray) -> LinearResult:
        """The smallest ``cost @ x`` (see :meth:`maximise`)."""
        found = self.maximise(-cost)
        return LinearResult(found.status, -found.value, found.point)

    def set_bound(self, row: int, bound: float) -> None:
        """Change the right-hand side of one row; infinity takes the row out."""
        self._current[row] = bound / self._row_scale[row]
        self._solver.changeRowBounds(row, -np.inf, self._current[row])

    def restore_bound(self, row: int) -> None:
        """Put the right-hand side of one row back as it was given."""
        self.set_bound(row, float(self._bound[row] * self._row_scale[row]))

    def set_equal(self, row: int, equal: bool) -> None:
        """Whether one row holds with equality, ``weight @ x = bound``."""
        lower = self._current[row] if equal else -np.inf
        self._solver.changeRowBounds(row, lower, self._current[row])

    def set_limits(self, variable: int, lower: float, upper: float) -> None:
        """Change the bounds of one variable."""
        self._solver.changeColBounds(variable, lower, upper)

    def add_row(self, weight: FloatArray, bound: float) -> None:
        """One more row ``weight @ x <= bound``, behind the others."""
        _require_numbers(weight, np.array([bound]))
        length = float(np.linalg.norm(weight))
        scale = length if length > 0 else 1.0
        places = np.flatnonzero(weight).astype(np.int32)
        values = weight[places] / scale
        self._solver.addRow(-np.inf, bound / scale, places.size, places, values)
        self._row_scale = np.append(self._row_scale, scale)
        self._bound = np.append(self._bound, bound / scale)
        self._current = np.append(self._current, bound / scale)

    def _without_variables(self) -> LinearResult:
        """Nothing to choose: the rows read ``0 <= bound``."""
        holds = bool((self._current >= -self._feasibility).all())
        status = LinearStatus.OPTIMAL if holds else LinearStatus.INFEASIBLE
        return LinearResult(status, 0.0 if holds else float("nan"), np.zeros(0))

    def _run(self) -> LinearStatus:
        """Solve from the last basis, and once more from none where that decides nothing."""
        self._solver.run()
        if self._solver.getModelStatus() not in self._outcomes:
            self._solver.clearSolver()
            self._solver.run()
        found = self._solver.getModelStatus()
        if found not in self._outcomes:
            raise SolverError(
                "A linear program must end in an optimum, infeasible or unbounded; HiGHS reports "
                f"{self._solver.modelStatusToString(found)!r}. Check that the weights are of sane "
                "size."
            )
        return self._outcomes[found]

    @property
    def _outcomes(self) -> dict[Any, LinearStatus]:
        known = self._highspy.HighsModelStatus
        return {
            known.kOptimal: LinearStatus.OPTIMAL,
            known.kInfeasible: LinearStatus.INFEASIBLE,
            known.kUnbounded: LinearStatus.UNBOUNDED,
            known.kUnboundedOrInfeasible: LinearStatus.UNBOUNDED,
            known.kTimeLimit: LinearStatus.LIMIT,
            known.kIterationLimit: LinearStatus.LIMIT,
            known.kUnknown: LinearStatus.LIMIT,
        }


def _require_numbers(*arrays: FloatArray) -> None:
    if any(np.isnan(array).any() for array in arrays):
        raise SolverError(
            "A linear program must be made of numbers, got NaN. Check the weights and the domain."
        )


@cache
def _quiet_solver() -> Any:
    """HiGHS without its banner, which 1.16 writes to stdout before an option can be set."""
    import highspy

    class QuietHighs(highspy.Highs):
        def enableCallbacks(self) -> None:  # the first thing a new solver does
            self.setOptionValue("output_flag", False)
            made: Any = super()
            made.enableCallbacks()

    return QuietHighs
