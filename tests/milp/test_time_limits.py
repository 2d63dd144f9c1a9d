"""A limit holds for each search, however many went before on the same program."""

import numpy as np
import pulp

from explainrelu.milp.solving import Program, SolveStatus

SECONDS, SEARCHES = 0.1, 6


def market_split(n_rows: int = 5, n_columns: int = 40) -> Program:
    """Halve every row of a table of whole numbers: small, and no solver gets anywhere with it."""
    table = np.random.default_rng(0).integers(0, 100, size=(n_rows, n_columns))
    problem = pulp.LpProblem("market", pulp.LpMaximize)
    chosen = [problem.add_variable(f"x{j}", 0, 1, cat=pulp.LpInteger) for j in range(n_columns)]
    for row in table.tolist():
        problem += pulp.lpSum(a * x for a, x in zip(row, chosen, strict=True)) == sum(row) // 2
    return Program(problem)


def test_each_of_many_integer_searches_keeps_its_limit():
    program = market_split()
    found = [
        program.maximise(dict.fromkeys(program.variables, 1.0), time_limit=SECONDS)
        for _ in range(SEARCHES)
    ]
    assert {outcome.status for outcome in found} == {SolveStatus.UNDECIDED}
    assert max(outcome.seconds for outcome in found) < 10 * SECONDS
