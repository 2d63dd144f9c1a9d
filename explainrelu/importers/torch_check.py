"""The import of a torch module held against the module itself."""

from copy import deepcopy
from dataclasses import replace
from types import ModuleType
from typing import Any

import numpy as np

from explainrelu.arrays import FloatArray
from explainrelu.certificate import Check, Exactness
from explainrelu.errors import ModelError, UnsupportedModelError
from explainrelu.importers.check import checked, pattern_drift
from explainrelu.importers.operators.graph import Shape
from explainrelu.importers.torch_modules import number_formats
from explainrelu.network.network import Origin, ReluNetwork
from explainrelu.network.outputs import Link
from explainrelu.tolerances import Tolerances

__all__ = ["checked_on_rows", "checked_unseen", "cpu_copy", "exact_copy", "refuse_mixing", "runs"]

_N_PROBES = 8
_FEW = "8 rows drawn at random"


def cpu_copy(module: Any) -> Any:
    """A copy of the module on the CPU, with parametrized weights as the module computes them.

    Raises
    ------
    ModelError
        Where the module holds something that cannot be copied.
    """
    try:
        return _with_fixed_weights(deepcopy(module)).to("cpu")
    except Exception as error:
        raise ModelError(
            "A module must be one that copy.deepcopy can copy, so that the original stays as it "
            f"is, got {type(error).__name__}: {error}"
        ) from error


def exact_copy(module: Any) -> Any:
    """A copy of the module on the CPU whose parameters are the same numbers in float64.

    Raises
    ------
    ModelError
        Where the module holds something that cannot be copied.
    """
    return cpu_copy(module).double()


def checked_on_rows(
    torch: ModuleType,
    network: ReluNetwork,
    module: Any,
    points: FloatArray,
    *,
    reference: Any,
    shape: Shape,
    dtype: str = "float64",
    tolerances: Tolerances,
) -> ReluNetwork:
    """The network with the ranges of the rows, and the checks made on them in its certificate.

    Parameters
    ----------
    points : (n_samples, n_inputs)
        Encoded rows.
    reference
        A copy of the module on the CPU that computes in float64, or where it cannot, as it does.
    shape
        Of one row, as the module takes it, with its axis of rows first.
    dtype
        The coarsest number format that the reference computes in.

    Returns
    -------
    ReluNetwork
        With the largest difference from the module in float64, and for a module of lower
        precision its drift: how far its own arithmetic stays from that, and which rows it
        moves to another linear region.

    Raises
    ------
    ImportCheckError
        Where the network is not the module.
    ModelError
        Where the module does not run on the rows.
    """
    network = replace(network, schema=network.schema.with_ranges(points))
    # the import is held to float64, whatever the module computes in: a large drift of the module
    # must not hide a wrong import, nor look like one
    wanted = _outputs_of(torch, reference, network, points, shape)
    network = checked(
        network,
        network.link(network.forward(points)),
        wanted,
        what=_what(network),
        dtype=dtype,
        tolerances=tolerances,
    )
    if network.origin.dtype == "float64":
        return network
    own = _outputs_of(torch, module, network, points, shape)
    drift = _drift(wanted, own, network.origin, tolerances, f"{own.shape[0]} rows")
    with np.errstate(all="ignore"):  # where a format overflows, the drift fails
        moved = pattern_drift(network, points)
    return replace(network, certificate=network.certificate.plus([drift, moved]))


def checked_unseen(
    torch: ModuleType,
    network: ReluNetwork,
    module: Any,
    *,
    reference: Any,
    shape: Shape,
    dtype: str = "float64",
    tolerances: Tolerances,
) -> ReluNetwork:
    """The network checked against the reference on a few random rows: an estimate.

    Returns
    -------
    ReluNetwork
        With the largest difference from the reference, and for a module of lower precision its
        drift: how far its own arithmetic stays from that.

    Raises
    ------
    ImportCheckError
        Where the network is not the module.
    ModelError
        Where the module does not run on rows of random numbers.
    """
    points = _probes(network.n_inputs)
    wanted = _outputs_of(torch, reference, network, points, shape)
    got = network.link(network.forward(points))
    found = checked(network, got, wanted, what=_what(network), dtype=dtype, tolerances=tolerances)
    checks = [
        replace(
            found.certificate.checks[-1],
            exactness=Exactness.ESTIMATED,
            detail=f"{_FEW}, in {dtype}",
        )
    ]
    if network.origin.dtype != "float64":
        # a module that asks for its own number format may be another function in float64
        own = _outputs_of(torch, module, network, points, shape)
        checks.append(_drift(wanted, own, network.origin, tolerances, _FEW))
    return replace(network, certificate=network.certificate.plus(checks))


def refuse_mixing(
    torch: ModuleType,
    reference: Any,
    points: FloatArray | None,
    shape: Shape,
    tolerances: Tolerances,
) -> None:
    """Refuse a module that gives a row another output when other rows stand beside it.

    Parameters
    ----------
    points : (n_samples, n_inputs), optional
        Rows to try first; random ones fill up.

    Raises
    ------
    UnsupportedModelError
        Where rows are mixed.
    ModelError
        Where the module does not run.
    """
    rows = _probes(int(np.prod(shape)))
    if points is not None:
        rows = np.concatenate([points[:_N_PROBES], rows])[:_N_PROBES]
        rows[-1] = _probes(rows.shape[1])[-1] if len(points) < _N_PROBES else rows[-1]
    alone = [_run(torch, reference, row[None], shape) for row in rows]
    try:
        together = _run(torch, reference, rows, shape)
    except ModelError as error:
        raise UnsupportedModelError(_MIXES + f"It runs on one row and not on 8: {error}") from error
    if together.shape[:1] != rows.shape[:1]:
        raise UnsupportedModelError(
            _MIXES + f"A batch of {len(rows)} rows gave an output of shape {together.shape}."
        )
    single = np.stack([output.reshape(-1) for output in alone])
    gap = float(np.abs(together.reshape(single.shape) - single).max(initial=0.0))
    if gap > tolerances.single_agreement * max(1.0, float(np.abs(single).max(initial=0.0))):
        raise UnsupportedModelError(
            _MIXES + f"Alone and beside others a row's outputs differ by {gap:.3g}."
        )


def runs(torch: ModuleType, module: Any, shape: Shape) -> bool:
    """Whether the module runs on a row of zeros."""
    try:
        _run(torch, module, np.zeros((1, int(np.prod(shape)))), shape)
    except ModelError:
        return False
    return True


_MIXES = (
    "A module must treat every row alone, but this one mixes the rows of a batch. Keep axis 0 out "
    "of sums, means, maxima and reshapes. "
)


def _with_fixed_weights(module: Any) -> Any:
    """The module with every parametrized tensor replaced by its value.

    In float64 a parametrization would compute another weight than the one the module uses.
    """
    for part in list(module.modules()):
        if "parametrizations" in part._modules and type(part).__name__.startswith("Parametrized"):
            values = {name: getattr(part, name).detach().clone() for name in part.parametrizations}
            del part.parametrizations
            # its class, which computes them anew at every look, is shared with the original
            part.__class__ = type(part).__bases__[0]
            for name, value in values.items():
                part.register_buffer(name, value)
    return module


def _what(network: ReluNetwork) -> str:
    return "raw scores" if network.link is Link.identity else f"outputs behind {network.link.name}"


def _probes(n_inputs: int) -> FloatArray:
    return np.random.default_rng(0).normal(size=(_N_PROBES, n_inputs))


def _outputs_of(
    torch: ModuleType, module: Any, network: ReluNetwork, points: FloatArray, shape: Shape
) -> FloatArray:
    """What the module itself gives, in its own number format and on its own device."""
    found = np.empty((points.shape[0], network.n_outputs))
    for rows in network.row_chunks(points.shape[0]):
        found[rows] = _run(torch, module, points[rows], shape).reshape(-1, network.n_outputs)
    return found


def _run(torch: ModuleType, module: Any, points: FloatArray, shape: Shape) -> FloatArray:
    held = [*module.parameters(), *module.buffers()]
    device = held[0].device if held else torch.device("cpu")
    dtype = getattr(torch, number_formats(module)[0])
    given = torch.tensor(points.reshape(-1, *shape[1:])).to(device=device, dtype=dtype)
    try:
        with torch.no_grad():
            output = module(given)
    except (RuntimeError, ValueError, IndexError, TypeError) as error:
        raise ModelError(
            f"The module must run on X itself, got {type(error).__name__}: {error}"
        ) from error
    if not isinstance(output, torch.Tensor):
        raise UnsupportedModelError(
            f"A module must give one tensor, got a {type(output).__name__}. Wrap it in a module "
            "that returns the one to be explained."
        )
    found: FloatArray = output.double().cpu().numpy()
    return found


def _drift(
    reference: FloatArray, own: FloatArray, origin: Origin, tolerances: Tolerances, rows: str
) -> Check:
    limits = {"float32": tolerances.single_agreement}
    with np.errstate(invalid="ignore"):  # a module that overflows gives NaN, and the check fails
        gap = np.abs(own - reference).max() / max(1.0, np.abs(reference).max())
    return Check.at_most(
        f"drift of the module's {origin.dtype} arithmetic from float64",
        float(gap),
        limits.get(origin.dtype, tolerances.half_agreement),
        Exactness.ESTIMATED,
        f"{rows}, largest difference relative to the largest output (at least 1)",
    )
