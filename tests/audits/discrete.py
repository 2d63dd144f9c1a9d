"""A small table whose every row can be tried: two whole numbers and a category."""

from itertools import pairwise, product
from typing import Any

import numpy as np
import pandas as pd
from hypothesis import strategies as st

from explainrelu.network.column import Column, ColumnKind
from explainrelu.network.network import AffineMap, ReluNetwork
from explainrelu.network.outputs import OutputSchema
from explainrelu.network.schema import InputSchema
from tests import strategies

LEVELS = ("clerk", "nurse", "pilot")
SCHEMA = InputSchema(
    (
        Column("a", lower=0.0, upper=4.0),
        Column("b", lower=0.0, upper=4.0),
        Column("job", ColumnKind.CATEGORICAL, levels=LEVELS),
        Column("grade", ColumnKind.ORDINAL, levels=("low", "mid", "high"), codes=(0.0, 1.0, 2.0)),
    )
)
ROWS = pd.DataFrame(
    list(product(range(5), range(5), LEVELS, ("low", "mid", "high"))),
    columns=["a", "b", "job", "grade"],
)
POINTS = SCHEMA.encode(ROWS)


@st.composite
def networks(draw: st.DrawFn, n_outputs: int = 1) -> ReluNetwork:
    """A network over the table with small whole numbers for weights: no rounding anywhere."""
    widths = [SCHEMA.n_inputs, *draw(st.lists(st.integers(1, 4), min_size=1, max_size=2))]
    chain = [
        draw(strategies.layers(n_in, n_units, integer=True)) for n_in, n_units in pairwise(widths)
    ]
    output = AffineMap(
        draw(strategies.arrays((n_outputs, widths[-1]), integer=True)),
        draw(strategies.arrays((n_outputs,), integer=True)),
    )
    return ReluNetwork(tuple(chain), output, SCHEMA, OutputSchema.numbered(n_outputs))


def distances(query: pd.DataFrame, norm: str, costs: dict[str, float]) -> Any:
    """The distance of every row of the table from a query row, literally."""
    parts = []
    for name in ROWS:
        own, other = query[name].iloc[0], ROWS[name]
        if name == "job":
            away = (other != own).to_numpy(dtype=float)
        elif name == "grade":
            order = {"low": 0, "mid": 1, "high": 2}
            away = (other.map(order) - order[own]).abs().to_numpy(dtype=float)
        else:
            away = (other - own).abs().to_numpy(dtype=float)
        cost = costs.get(name, 1.0)
        parts.append(cost * ((away > 0) if norm == "l0" else away))
    table = np.array(parts)
    if norm == "l2":
        return np.sqrt((table**2).sum(axis=0))
    return table.max(axis=0) if norm == "linf" else table.sum(axis=0)
