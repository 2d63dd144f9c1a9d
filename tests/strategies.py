"""Every hypothesis strategy of the tests, in one place."""

from itertools import pairwise
from typing import Any

import numpy as np
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from explainrelu.importers.operators.graph import Graph, Node
from explainrelu.network.network import AffineMap, Layer, ReluNetwork
from explainrelu.network.outputs import OutputSchema
from explainrelu.network.schema import InputSchema


def numbers(*, integer: bool = False) -> st.SearchStrategy[float]:
    """Weights and coordinates of moderate size; small integers put points on many kinks."""
    if integer:
        return st.integers(-2, 2).map(float)
    return st.floats(-3.0, 3.0, width=32, allow_subnormal=False)


def arrays(shape: tuple[int, ...], *, integer: bool = False) -> st.SearchStrategy[np.ndarray]:
    """A float64 array of :func:`numbers`."""
    return hnp.arrays(np.float64, shape, elements=numbers(integer=integer))


def points(
    n_inputs: int, *, integer: bool = False, max_points: int = 6
) -> st.SearchStrategy[np.ndarray]:
    """Encoded points ``(n_points, n_inputs)``, at least one."""
    return st.integers(1, max_points).flatmap(
        lambda n_points: arrays((n_points, n_inputs), integer=integer)
    )


@st.composite
def layers(
    draw: st.DrawFn, n_in: int, n_units: int, *, integer: bool = False, carried: bool = True
) -> Layer:
    """A hidden layer; with ``carried``, any mixture of rectified and carried units."""
    flags = hnp.arrays(np.bool_, n_units) if carried else st.just(np.ones(n_units, np.bool_))
    return Layer(
        draw(arrays((n_units, n_in), integer=integer)),
        draw(arrays((n_units,), integer=integer)),
        draw(flags),
    )


@st.composite
def relu_networks(
    draw: st.DrawFn,
    *,
    integer: bool = False,
    carried: bool = True,
    min_layers: int = 0,
    max_layers: int = 3,
    max_inputs: int = 3,
    max_units: int = 4,
    max_outputs: int = 2,
) -> ReluNetwork:
    """A small network with numbered inputs and outputs.

    Parameters
    ----------
    integer
        Small integer weights and biases: exact arithmetic in float64, points on kinks.
    carried
        Whether units may be carried; without it a plain chain of rectified layers.
    """
    n_inputs = draw(st.integers(1, max_inputs))
    hidden = draw(st.lists(st.integers(1, max_units), min_size=min_layers, max_size=max_layers))
    n_outputs = draw(st.integers(1, max_outputs))
    widths = [n_inputs, *hidden]
    chain = [
        draw(layers(n_in, n_units, integer=integer, carried=carried))
        for n_in, n_units in pairwise(widths)
    ]
    output = AffineMap(
        draw(arrays((n_outputs, widths[-1]), integer=integer)),
        draw(arrays((n_outputs,), integer=integer)),
    )
    return ReluNetwork(
        tuple(chain), output, InputSchema.numbered(n_inputs), OutputSchema.numbered(n_outputs)
    )


def every_layer_rectifies(network: ReluNetwork) -> bool:
    """Whether no layer is seen to be never negative, which an import leaves out."""
    return all((part.weight < 0).any() or (part.bias < 0).any() for part in network.layers[1:])


@st.composite
def networks_and_points(draw: st.DrawFn, **options: Any) -> tuple[ReluNetwork, np.ndarray]:
    """A network of :func:`relu_networks` and points for it, integer where it is."""
    network = draw(relu_networks(**options))
    return network, draw(points(network.n_inputs, integer=options.get("integer", False)))


SLOPES = (-0.5, 0.0, 0.25, 1.0, 2.0)
"""Slopes of a leaky ReLU, each exact in binary: negative, none, usual, linear, steeper."""


@st.composite
def graphs(draw: st.DrawFn, *, max_nodes: int = 12) -> Graph:
    """A random operator graph: values taken several times, skips, two-dimensional values.

    Every number in it is a small integer or a power of two, so that float64 evaluates it
    without rounding and integer points lie on many kinks.
    """
    shapes: dict[str, tuple[int, ...]] = {"x": (1, draw(st.integers(1, 3)))}
    nodes: list[Node] = []

    def given(array: np.ndarray) -> str:
        nodes.append(Node.constant(f"c{len(nodes)}", array))
        return nodes[-1].output

    def fixed(shape: tuple[int, ...]) -> str:
        return given(draw(arrays(shape, integer=True)))

    def partner(shape: tuple[int, ...]) -> str:
        """A value or a constant that broadcasts with ``shape`` and does not widen it."""
        same = [name for name, other in shapes.items() if other in (shape, shape[1:], (1, 1))]
        return draw(st.sampled_from(same)) if same and draw(st.booleans()) else fixed(shape)

    for i in range(draw(st.integers(1, max_nodes))):
        # the newest value is the likeliest to be taken
        taken = draw(st.sampled_from([*reversed(shapes)][:4]))
        shape, name = shapes[taken], f"v{i}"
        channels = shape[1:2]
        op = draw(st.sampled_from(_OPERATORS))
        inputs, attributes, result = (taken,), {}, shape
        if op == "linear":
            n_out = draw(st.integers(1, 3))
            inputs, result = (
                (taken, fixed((n_out, shape[-1])), fixed((n_out,))),
                (*shape[:-1], n_out),
            )
        elif op == "matmul" and len(shape) > 2 and draw(st.booleans()):
            n_out = draw(st.integers(1, 3))
            inputs, result = (fixed((n_out, shape[1])), taken), (1, n_out, *shape[2:])
        elif op == "matmul":
            n_out = draw(st.integers(1, 3))
            inputs, result = (taken, fixed((shape[-1], n_out))), (*shape[:-1], n_out)
        elif op in ("add", "subtract", "maximum", "minimum"):
            inputs = (taken, partner(shape))
        elif op == "multiply":
            inputs = (fixed(shape), taken)
        elif op == "divide":
            inputs = (taken, given(draw(st.sampled_from([np.array(2.0), np.array([-4.0])]))))
        elif op == "leaky_relu":
            attributes = {"slope": draw(st.sampled_from(SLOPES))}
        elif op == "prelu":
            slopes = draw(hnp.arrays(np.float64, channels, elements=st.sampled_from(SLOPES)))
            inputs = (taken, given(slopes.reshape(-1, *[1] * (len(shape) - 2))))
        elif op == "clip":
            bounds = {"lower": draw(st.integers(-2, 1)), "upper": draw(st.integers(0, 3))}
            kept = draw(st.sampled_from([("lower",), ("upper",), ("lower", "upper")]))
            attributes = {key: float(bounds[key]) for key in kept}
        elif op == "hard_sigmoid":
            attributes = {"slope": draw(st.sampled_from([0.25, -0.5])), "offset": 0.5}
        elif op == "batch_norm":
            variance = draw(hnp.arrays(np.float64, channels, elements=st.sampled_from([0, 3, 15])))
            inputs = (taken, *(fixed(channels) for _ in range(3)), given(variance))
            attributes = {"epsilon": 1.0}
        elif op == "concat":
            others = [k for k, other in shapes.items() if other[2:] == shape[2:] and other[1] < 4]
            inputs = (taken, draw(st.sampled_from(others))) if others else (taken,)
            attributes, result = (
                {"axis": 1},
                (1, sum(shapes[k][1] for k in inputs), *shape[2:]),
            )
        elif op == "reshape":
            result = (*shape, 1) if len(shape) == 2 else (1, int(np.prod(shape)))
            attributes = {"shape": result}
        elif op == "expand":
            result = (*shape[:-1], 2) if shape[-1] == 1 and len(shape) > 2 else shape
            attributes = {"shape": result}
        elif op == "transpose":
            axes = (0, *draw(st.permutations(range(1, len(shape)))))
            attributes, result = {"axes": axes}, tuple(shape[axis] for axis in axes)
        elif op == "slice":
            start, step = draw(st.integers(-1, 1)), draw(st.sampled_from([1, 2, -1]))
            start = min(start, shape[1] - 1)
            end = 9 if step > 0 else -9
            kept = len(range(shape[1])[start : None if step < 0 else end : step])
            attributes = {"axes": (1,), "starts": (start,), "ends": (end,), "steps": (step,)}
            result = (1, kept, *shape[2:])
        elif op == "gather":
            indices = draw(st.lists(st.integers(-shape[1], shape[1] - 1), min_size=1, max_size=3))
            attributes = {"axis": 1, "indices": np.array(indices, dtype=float)}
            result = (1, len(indices), *shape[2:])
        nodes.append(Node(op, inputs, name, attributes))
        shapes[name] = result
    return Graph("x", shapes["x"], tuple(nodes), name)


_OPERATORS = (
    *("linear", "relu", "leaky_relu", "add", "linear", "relu", "concat", "subtract", "multiply"),
    *("divide", "prelu", "batch_norm", "reshape", "identity", "dropout", "absolute", "clip"),
    *("hard_sigmoid", "maximum", "minimum", "negate", "matmul", "expand", "transpose", "slice"),
    "gather",
)


@st.composite
def sequentials(draw: st.DrawFn, *, integer: bool = False) -> Any:
    """A ``torch.nn.Sequential`` in float64 and evaluation mode, and the number of its inputs.

    Any order of Linear, ReLU (fresh or shared), LeakyReLU, PReLU, BatchNorm1d, Dropout, Flatten
    and Identity; the second half sometimes nested. With ``integer`` every number is a small
    integer or a power of two, and there is no batch norm.
    """
    from torch import nn

    n_inputs = draw(st.integers(1, 3))
    shared, width, modules = nn.ReLU(), n_inputs, []
    for _ in range(draw(st.integers(1, 8))):
        kind = draw(st.sampled_from(_MODULES[: -1 if integer else None]))
        if kind == "Linear":
            n_out = draw(st.integers(1, 4))
            modules.append(nn.Linear(width, n_out, bias=draw(st.booleans())))
            width = n_out
        elif kind == "LeakyReLU":
            modules.append(nn.LeakyReLU(draw(st.sampled_from(SLOPES))))
        elif kind == "PReLU":
            modules.append(nn.PReLU(draw(st.sampled_from([1, width]))))
        elif kind == "BatchNorm1d":
            modules.append(nn.BatchNorm1d(width, affine=draw(st.booleans())))
        elif kind == "shared ReLU":
            modules.append(shared)
        else:
            modules.append(getattr(nn, kind)())
    modules.append(nn.Linear(width, draw(st.integers(1, 2))))
    for module in modules:
        _fill(draw, module, integer)
    if draw(st.booleans()):
        half = len(modules) // 2
        modules = [*modules[:half], nn.Sequential(*modules[half:]), nn.Dropout(0.5)]
    return nn.Sequential(*modules).double().eval(), n_inputs


_MODULES = (
    *("Linear", "ReLU", "Linear", "shared ReLU", "Linear", "LeakyReLU", "PReLU"),
    *("Dropout", "Flatten", "Identity", "BatchNorm1d"),
)


def _fill(draw: st.DrawFn, module: Any, integer: bool) -> None:
    """Drawn numbers for every parameter and running statistic of a module."""
    import torch

    tensors = {**dict(module.named_parameters()), **dict(module.named_buffers())}
    tensors.pop("num_batches_tracked", None)
    with torch.no_grad():
        for name, tensor in tensors.items():
            values = draw(arrays(tuple(tensor.shape), integer=integer))
            if type(module) is torch.nn.PReLU:
                values = draw(
                    hnp.arrays(np.float64, tuple(tensor.shape), elements=st.sampled_from(SLOPES))
                )
            # a variance of zero, a channel that never changed in training, is among these
            tensor.copy_(torch.tensor(np.abs(values) if name == "running_var" else values))
