"""A PuLP problem handed to HiGHS once and solved for many objectives."""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from numbers import Real
from time import monotonic
from typing import Any

import numpy as np

from explainrelu.arrays import FloatArray
from explainrelu.errors import ArgumentError, InputTypeError, SolverError
from explainrelu.tolerances import DEFAULT_TOLERANCES, Tolerances

__all__ = ["Outcome", "Program", "SolveStatus", "check_time_limit"]


_SUBPROGRAMS = (
    "mip_heuristic_run_rens",
    "mip_heuristic_run_rins",
    "mip_heuristic_run_root_reduced_cost",
)  # HiGHS 1.15 ends the process in the presolve of such a smaller program


class SolveStatus(StrEnum):
    """How a program ended; the value is the message."""

    OPTIMAL = "the optimum was found and proven"
    TARGET = "a point beyond the target was found, and the search stopped there"
    UNDECIDED = "the time limit ended the search; the bounds hold"
    INFEASIBLE = "no point satisfies the constraints"


@dataclass(frozen=True, slots=True, eq=False)
class Outcome:
    """The end of one solve, in the solver's own numbers.

    Attributes
    ----------
    status
        How it ended.
    value
        The largest objective at a point found; minus infinity where none was found.
    bound
        No feasible point has a larger objective; infinity where the solver has no bound yet.
    point : (n_variables,)
        The point found, in the order of ``Program.variables``; empty where there is none.
    seconds
        Time spent.
    """

    status: SolveStatus
    value: float
    bound: float
    point: FloatArray
    seconds: float


class Program:
    """A mixed-integer (or relaxed) program that stays in HiGHS while its objective changes.

    Parameters
    ----------
    problem
        A ``pulp.LpProblem``. It is read once, through ``pulp.HiGHS``; later changes of it are not
        seen.
    relaxed
        Whether integer variables may take fractions: a linear program, kept warm.
    tolerances
        ``feasibility`` is handed to the solver for rows, integers and the gap.

    Notes
    -----
    PuLP reports a time-out as Optimal and no dual bound, so that status, value and bound are
    read from the HiGHS model that PuLP built. One thread: another number within one process
    makes HiGHS return nothing. Its heuristics that solve smaller programs are off: presolving
    one of them can end the process. They find points sooner and change no bound that is proven.

    Examples
    --------
    >>> import pulp
    >>> problem = pulp.LpProblem("knapsack", pulp.LpMaximize)
    >>> x = [problem.add_variable(f"x{i}", 0, 1, cat=pulp.LpInteger) for i in range(3)]
    >>> problem += 2 * x[0] + 2 * x[1] + 3 * x[2] <= 5
    >>> found = Program(problem).maximise({x[0]: 1.0, x[1]: 1.0, x[2]: 1.2})
    >>> found.status is SolveStatus.OPTIMAL, round(found.value, 9), round(found.bound, 9)
    (True, 2.2, 2.2)
    """

    def __init__(
        self, problem: Any, *, relaxed: bool = False, tolerances: Tolerances = DEFAULT_TOLERANCES
    ) -> None:
        import highspy
        import pulp

        self._known: Any = highspy.HighsModelStatus
        self._relaxed = relaxed or not problem.isMIP()
        small = max(tolerances.feasibility, 1e-10)  # the least that HiGHS takes
        self._small = small
        if problem.objective is None:
            problem.setObjective(pulp.LpAffineExpression())
        solver = pulp.HiGHS(
            mip=not relaxed,
            msg=False,
            threads=1,
            gapRel=0.0,
            gapAbs=small,
            mip_feasibility_tolerance=small,
            primal_feasibility_tolerance=small,
            dual_feasibility_tolerance=small,
            **dict.fromkeys(_SUBPROGRAMS, False),
        )
        solver.createAndConfigureSolver(problem)
        solver.buildSolverModel(problem)
        self._model: Any = problem.solverModel
        self.variables: tuple[Any, ...] = tuple(problem.variables())
        self._columns = np.arange(len(self.variables), dtype=np.int32)

    def maximise(
        self,
        cost: Mapping[Any, float],
        *,
        time_limit: float | None = None,
        target: float | None = None,
    ) -> Outcome:
        """The largest weighted sum of some variables.

        Parameters
        ----------
        cost
            Variable -> coefficient; the others have none.
        time_limit
            Seconds after which the search ends with the bounds it has.
        target
            Stop at the first point whose objective reaches this.

        Raises
        ------
        SolverError
            Where the solver reports an error rather than an outcome.
        """
        start = monotonic()
        costs = np.zeros(self._columns.size)
        for variable, coefficient in cost.items():
            costs[variable.index] += coefficient
        if not np.isfinite(costs).all():
            raise SolverError(
                "The objective of a program must be made of finite numbers, got NaN or infinity. "
                "Check the weights."
            )
        self._model.changeColsCost(self._columns.size, self._columns, -costs)
        wanted = -np.inf if target is None else -float(target)
        self._model.setOptionValue("objective_target", wanted)
        # HiGHS times an integer program from its own start, a linear one by the model's clock,
        # which counts the searches before as well
        spent = self._model.getRunTime() if self._relaxed else 0.0
        self._model.setOptionValue(
            "time_limit", np.inf if time_limit is None else spent + max(time_limit, 0.0)
        )
        self._run()
        return self._outcome(monotonic() - start)

    def set_bounds(self, variable: Any, lower: float, upper: float) -> None:
        """Change the bounds of one variable."""
        self._model.changeColBounds(variable.index, lower, upper)

    def _run(self) -> None:
        """Solve, and where HiGHS fails once more without presolve, then with looser integers.

        Presolve takes rounding for a contradiction at times, or leaves a "Solve error" at
        tolerances below those it is tuned for. Looser integers make the relaxation larger: the
        bound still holds, and the witness is replayed anyway.
        """
        known = self._known
        self._model.run()
        for option, value, usual, failures in (
            ("presolve", "off", "choose", (known.kSolveError, known.kInfeasible)),
            ("mip_feasibility_tolerance", 1e-6, self._small, (known.kSolveError,)),
        ):
            if self._model.getModelStatus() not in failures:
                return
            self._model.clearSolver()
            self._model.setOptionValue(option, value)
            self._model.run()
            self._model.setOptionValue(option, usual)

    def _outcome(self, seconds: float) -> Outcome:
        found, info = self._model.getModelStatus(), self._model.getInfo()
        statuses = {
            self._known.kOptimal: SolveStatus.OPTIMAL,
            self._known.kObjectiveTarget: SolveStatus.TARGET,
            self._known.kTimeLimit: SolveStatus.UNDECIDED,
            self._known.kIterationLimit: SolveStatus.UNDECIDED,
            self._known.kInfeasible: SolveStatus.INFEASIBLE,
            self._known.kModelEmpty: SolveStatus.OPTIMAL,
        }
        if found not in statuses:
            raise SolverError(
                "A program must end in an optimum, at a limit or as infeasible; HiGHS reports "
                f"{self._model.modelStatusToString(found)!r}. Check that the weights and the "
                "domain are of sane size."
            )
        status = statuses[found]
        if status is SolveStatus.INFEASIBLE:
            return Outcome(status, -np.inf, -np.inf, np.zeros(0), seconds)
        feasible = info.primal_solution_status == 2 or found == self._known.kModelEmpty
        point = np.array(self._model.getSolution().col_value) if feasible else np.zeros(0)
        value = -float(info.objective_function_value) if feasible else -np.inf
        return Outcome(status, value, self._bound(status, value, info), point, seconds)

    def _bound(self, status: SolveStatus, value: float, info: Any) -> float:
        """The solver's dual bound; a linear program has one only at its optimum."""
        if self._relaxed:
            return value if status is SolveStatus.OPTIMAL else np.inf
        bound = -float(info.mip_dual_bound)
        return max(bound, value) if np.isfinite(bound) else np.inf


def check_time_limit(time_limit: Any) -> None:
    """Raise where a limit is no positive number of seconds.

    Raises
    ------
    ArgumentError, InputTypeError
    """
    if time_limit is not None and not isinstance(time_limit, Real):
        raise InputTypeError(
            f"time_limit must be a positive number of seconds, or None, got {time_limit!r}."
        )
    if time_limit is not None and not float(time_limit) > 0:
        raise ArgumentError(
            f"time_limit must be a positive number of seconds, or None, got {time_limit}."
        )
