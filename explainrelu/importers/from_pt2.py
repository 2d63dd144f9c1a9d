"""``.pt2`` files, as ``torch.export.save`` writes them, read without PyTorch."""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from explainrelu.certificate import Check, Exactness, Status
from explainrelu.errors import UnsupportedModelError
from explainrelu.importers.assembling import assembled
from explainrelu.importers.check import pattern_drift
from explainrelu.importers.operators.graph import Graph
from explainrelu.importers.operators.lowering import LINKS, lower
from explainrelu.importers.samples import points_of
from explainrelu.importers.torch_graph.calls import Program
from explainrelu.importers.torch_graph.pt2_file import Pt2File
from explainrelu.importers.torch_graph.pt2_program import has_open_rows, program_of
from explainrelu.importers.torch_graph.reading import graph_of
from explainrelu.network.network import Origin, ReluNetwork
from explainrelu.network.outputs import OutputSchema
from explainrelu.network.schema import InputSchema
from explainrelu.tolerances import DEFAULT_TOLERANCES, Tolerances

__all__ = ["from_pt2"]


def from_pt2(
    path: str | Path,
    X: Any = None,
    *,
    names: Sequence[str] | None = None,
    tolerances: Tolerances = DEFAULT_TOLERANCES,
) -> ReluNetwork:
    """The network of a program saved by ``torch.export.save``.

    Parameters
    ----------
    path
        A ``.pt2`` file of PyTorch 2.8 or later, exported with one row or with the number of rows
        left open. One that was exported with several rows takes them all as one sample.
    X : (n_samples, n_inputs) or (n_samples, *shape), optional
        Rows, for the names and ranges of the columns.
    names
        Column names where ``X`` brings none.
    tolerances
        What rows beside each other may change.

    Returns
    -------
    ReluNetwork
        The same function in float64; parameters are taken exactly. The file is not run, so the
        certificate says that its outputs were not compared and is undecided; with ``X`` it names
        the rows that the file's own number format moves to another linear region.

    Raises
    ------
    ArchiveError
        For a file that is truncated, corrupted or of another form.
    UnsupportedModelError
        For a call that is not piecewise linear or not supported, named by module path, operator
        and source line; for a program that mixes the rows of a batch; for tensors stored as
        pickles.
    ModelError
        For numbers that are not finite, or a program that contradicts itself.

    Notes
    -----
    Nothing in the file is executed, unpickled or evaluated, and PyTorch is not needed. Cost: the
    size of the file; where the number of rows was left open, twice the reading.
    """
    file = Pt2File(Path(path))
    program = program_of(file)
    graph, origin = graph_of(program), _origin(file, program)
    network = assembled(graph, origin=origin, X=X, names=names)
    network = replace(network, certificate=network.certificate.plus([_NOT_RUN]))
    if has_open_rows(file):
        _refuse_mixing(network, graph_of(program_of(file, n_rows=2)), tolerances)
    if X is None:
        return network
    points = points_of(network, X)
    network = replace(network, schema=network.schema.with_ranges(points))
    if origin.dtype == "float64":
        return network
    with np.errstate(all="ignore"):  # a format that overflows moves its rows
        moved = pattern_drift(network, points)
    return replace(network, certificate=network.certificate.plus([moved]))


_NOT_RUN = Check(
    "import: outputs equal the program's own",
    Status.UNDECIDED,
    float("nan"),
    float("nan"),
    Exactness.ESTIMATED,
    "a .pt2 file is not run; hand over the module, or reference outputs",
)


def _refuse_mixing(network: ReluNetwork, two_rows: Graph, tolerances: Tolerances) -> None:
    """Refuse a program whose outputs for two rows are not those of each row alone."""
    chain = lower(_before_link(two_rows))
    both = ReluNetwork(
        chain.layers,
        chain.output,
        InputSchema.numbered(2 * network.n_inputs),
        OutputSchema.numbered(chain.output.bias.size),
    )
    points = np.random.default_rng(0).normal(size=(2, network.n_inputs))
    alone, together = network.forward(points), both.forward(points.reshape(1, -1))
    if together.size != alone.size or not np.allclose(
        together.reshape(alone.shape), alone, rtol=tolerances.agreement, atol=tolerances.agreement
    ):
        raise UnsupportedModelError(
            "A program must treat every row alone, but this one mixes the rows of a batch: two "
            "rows together give other outputs than each alone. Keep axis 0 out of sums, means, "
            "maxima and reshapes, and export again."
        )


def _before_link(graph: Graph) -> Graph:
    """The graph up to a final softmax or sigmoid, which runs over each row alone."""
    producers, name = graph.producers, graph.output
    while name in producers and producers[name].op in ("identity", "dropout", "reshape"):
        name = producers[name].inputs[0]
    if name in producers and producers[name].op in LINKS:
        return replace(graph, output=producers[name].inputs[0])
    return graph


def _origin(file: Pt2File, program: Program) -> Origin:
    version = file.model.get("torch_version")
    return Origin(
        kind="torch exported program",
        folded=program.folded,
        dtype=program.coarsest,
        versions=(("torch", str(version)),),
    )
