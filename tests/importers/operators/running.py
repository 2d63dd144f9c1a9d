"""One operator alone, lowered and run."""

from typing import Any

import numpy as np

from explainrelu.importers.operators.graph import Attribute, Graph, Node, Shape
from explainrelu.importers.operators.lowering import Chain, lower


def lowered(
    op: str,
    input_shape: Shape,
    *constants: np.ndarray,
    shape: Shape | None = None,
    behind: str | None = None,
    **attributes: Attribute,
) -> Chain:
    """The chain of an operator on the model's input, or ``behind`` another operator on that."""
    names = tuple(f"c{i}" for i in range(len(constants)))
    nodes = [Node.constant(name, array) for name, array in zip(names, constants, strict=True)]
    taken = "x"
    if behind is not None:
        nodes.append(Node(behind, ("x",), "taken"))
        taken = "taken"
    nodes.append(Node(op, (taken, *names), "y", attributes, "layer", shape))
    return lower(Graph("x", input_shape, tuple(nodes), "y"))


def run(op: str, x: np.ndarray, *constants: np.ndarray, **options: Any) -> np.ndarray:
    """What the chain computes for one input, in C order; ``shape`` is what it has to come in."""
    chain = lowered(op, x.shape, *constants, **options)
    hidden = x.reshape(-1)
    for z, layer in zip(preactivations(chain, x), chain.layers, strict=True):
        hidden = np.where(layer.rectified, np.maximum(z, 0.0), z)
    return np.asarray(chain.output.weight @ hidden + chain.output.bias)


def preactivations(chain: Chain, x: np.ndarray) -> list[np.ndarray]:
    """What stands before the rectification, for each layer."""
    hidden, found = x.reshape(-1), []
    for layer in chain.layers:
        found.append(layer.weight @ hidden + layer.bias)
        hidden = np.where(layer.rectified, np.maximum(found[-1], 0.0), found[-1])
    return found


def widths(chain: Chain) -> list[tuple[int, int]]:
    """Rectified and carried units of each layer."""
    return [(layer.n_rectified, layer.n_units - layer.n_rectified) for layer in chain.layers]
