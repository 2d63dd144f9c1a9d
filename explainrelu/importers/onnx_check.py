"""The import of an ONNX file held against the file itself."""

from dataclasses import replace
from typing import Any

import numpy as np
import numpy.typing as npt

from explainrelu.arrays import FloatArray
from explainrelu.certificate import Check, Exactness, Status
from explainrelu.errors import DataError, ModelError, UnsupportedModelError
from explainrelu.importers.check import checked, pattern_drift
from explainrelu.importers.onnx_graph.model import Imported
from explainrelu.importers.onnx_graph.ordering import needed
from explainrelu.importers.onnx_graph.runs import in_double, part_of, run
from explainrelu.importers.onnx_graph.shapes import InputForm
from explainrelu.importers.samples import points_of
from explainrelu.network.network import ReluNetwork
from explainrelu.network.outputs import Link
from explainrelu.tolerances import Tolerances

__all__ = ["checked_on_rows", "checked_unseen"]

_MOST_ROWS = 256
_N_PROBES = 8
_LARGEST_PROBE = 300  # beyond what 8 bits hold: a cast to them is seen
_TEXT = 8


def checked_on_rows(
    imported: Imported, X: Any, reference: Any, tolerances: Tolerances
) -> ReluNetwork:
    """The network with the ranges of the rows, and the checks made on them in its certificate.

    Parameters
    ----------
    X
        Rows as the file takes them.
    reference : (n_samples, n_outputs), optional
        What the file gives for them, computed elsewhere.

    Returns
    -------
    ReluNetwork
        With the largest difference from the file computed in float64 on the first 256 rows, and
        for a file of lower precision its drift and the rows of another activation pattern.

    Raises
    ------
    ImportCheckError
        Where the network is not the file.
    DataError, ModelError
        Where the rows, or the reference, do not fit.
    """
    network = imported.network
    points = points_of(network, X)
    network = replace(network, schema=network.schema.with_ranges(points))
    imported = replace(imported, network=network)
    feeds = _feeds(imported, X, points)
    first = {name: array[:_MOST_ROWS] for name, array in feeds.items()}
    got = network.link(network.forward(points))
    own = None if reference is None else _reference(reference, got)
    if own is None or _runs(imported, first):
        _refuse_mixing(imported, feeds, tolerances)
        exact = _outputs_of(imported, first, double=True)
        detail = f"{_seen(points)}, the file computed in float64"
        network = _checked(network, points[:_MOST_ROWS], exact, detail, tolerances)
    if own is not None:
        network = checked(network, got, own, what="outputs handed over", tolerances=tolerances)
    if network.origin.dtype == "float64":
        return network
    own = _outputs_of(imported, first, double=False) if own is None else own
    drift = _drift(got[: len(own)], own, network.origin.dtype, tolerances)
    return replace(
        network,
        certificate=network.certificate.plus([drift, pattern_drift(network, points)]),
    )


def checked_unseen(imported: Imported, tolerances: Tolerances) -> ReluNetwork:
    """The network checked against the file in float64 on a few random rows: an estimate.

    A file that begins with raw columns is not checked: random rows would be no rows of it.

    Raises
    ------
    ImportCheckError
        Where the network is not the file.
    """
    network = imported.network
    if imported.columns:
        return network
    points = _probes(imported)
    feeds = _feeds(imported, None, points)
    if not _runs(imported, feeds):
        return replace(network, certificate=network.certificate.plus([_UNCHECKED]))
    _refuse_mixing(imported, feeds, tolerances)
    exact = _outputs_of(imported, feeds, double=True)
    detail = f"{_N_PROBES} rows drawn at random, in float64"
    return _checked(network, points, exact, detail, tolerances, seen=False)


def _refuse_mixing(
    imported: Imported, feeds: dict[str, npt.NDArray[Any]], tolerances: Tolerances
) -> None:
    """Refuse a file that gives a row another output when other rows stand beside it."""
    n_rows = min(_N_PROBES, len(next(iter(feeds.values()))))
    if not all(form.batched for form in imported.forms):
        return
    pick = np.resize(np.arange(n_rows), max(n_rows, 2))  # one row may at least stand beside itself
    together = _together(imported, {name: rows[pick] for name, rows in feeds.items()})
    for place, i in enumerate(pick):
        one = {name: rows[i : i + 1] for name, rows in feeds.items()}
        alone = _outputs_of(imported, one, double=True)[0]
        gap = float(np.abs(together[place] - alone).max(initial=0.0))
        if gap > tolerances.single_agreement * max(1.0, float(np.abs(alone).max(initial=0.0))):
            raise UnsupportedModelError(
                f"{_MIXES} Alone and beside others the outputs of row {i} differ by {gap:.3g}."
            )


def _together(imported: Imported, feeds: dict[str, npt.NDArray[Any]]) -> FloatArray:
    try:
        return _outputs_of(imported, feeds, double=True)
    except ModelError as error:
        if isinstance(error, UnsupportedModelError) or not _runs(imported, feeds):
            raise
        raise UnsupportedModelError(
            f"{_MIXES} It runs on one row and not on several: {error}"
        ) from error


def _runs(imported: Imported, feeds: dict[str, npt.NDArray[Any]]) -> bool:
    """Whether the reference evaluator can compute the file, on one row at least."""
    try:
        _outputs_of(imported, {name: rows[:1] for name, rows in feeds.items()}, double=True)
    except ModelError:
        return False
    return True


_UNCHECKED = Check(
    "import: outputs equal the model's own",
    Status.UNDECIDED,
    float("nan"),
    float("nan"),
    Exactness.ESTIMATED,
    "onnx's reference evaluator cannot compute the file: hand over X and its outputs as reference=",
)

_MIXES = (
    "A file must treat every row alone, but this one mixes the rows of a batch. Keep axis 0 out of "
    "sums, means, maxima and reshapes."
)


def _checked(
    network: ReluNetwork,
    points: FloatArray,
    exact: FloatArray,
    detail: str,
    tolerances: Tolerances,
    *,
    seen: bool = True,
) -> ReluNetwork:
    link = network.link
    what = "raw scores" if link is Link.identity else f"outputs behind {link.name}"
    found = checked(
        network,
        network.link(network.forward(points)),
        exact,
        what=what,
        dtype="float64",
        term_size=float(network.term_sizes(points).max(initial=0.0)),
        tolerances=tolerances,
    )
    check = replace(found.certificate.checks[-1], detail=detail)
    if not seen:
        check = replace(check, exactness=Exactness.ESTIMATED)
    return replace(network, certificate=network.certificate.plus([check]))


def _seen(points: FloatArray) -> str:
    n_rows = points.shape[0]
    return f"{n_rows} rows" if n_rows <= _MOST_ROWS else f"first {_MOST_ROWS} of {n_rows} rows"


def _probes(imported: Imported) -> FloatArray:
    """Random rows of numbers that the input of the file can hold."""
    generator, size = np.random.default_rng(0), (_N_PROBES, imported.network.n_inputs)
    bounds = _bounds(imported, imported.forms[0])
    if bounds is None:
        return generator.normal(size=size)
    low, high = max(bounds[0], -_LARGEST_PROBE), min(bounds[1], _LARGEST_PROBE)
    return generator.integers(low, high, size, endpoint=True).astype(np.float64)


def _bounds(imported: Imported, form: InputForm) -> tuple[int, int] | None:
    """The least and the largest number of an input of whole numbers, None for another one."""
    if form.kind == _TEXT:
        return None
    dtype = np.dtype(_numpy(imported.model.onnx, form.kind))
    if dtype.kind == "b":
        return 0, 1
    return (np.iinfo(dtype).min, np.iinfo(dtype).max) if dtype.kind in "iu" else None


def _declared(imported: Imported, form: InputForm, rows: npt.NDArray[Any]) -> npt.NDArray[Any]:
    """Rows for an input, refused where it is declared to be of whole numbers and they are not."""
    bounds = _bounds(imported, form)
    if bounds is None:
        return rows
    with np.errstate(invalid="ignore"):
        odd = (rows != np.round(rows)) | (rows < bounds[0]) | (rows > bounds[1])
    if odd.any():
        kind = np.dtype(_numpy(imported.model.onnx, form.kind)).name
        raise DataError(
            f"The input {form.name!r} is declared {kind} and takes whole numbers from {bounds[0]} "
            f"to {bounds[1]}, got {rows[odd][0]} in row {int(np.argwhere(odd)[0, 0])}. Hand over "
            "such rows, or export the model with a floating-point input."
        )
    return rows


def _feeds(imported: Imported, X: Any, points: FloatArray) -> dict[str, npt.NDArray[Any]]:
    """Input name -> rows in float64 or text, in the shape in which the file takes each."""
    if not imported.columns:
        (form,) = imported.forms
        sample = form.shape[1:] if form.batched else form.shape
        return {form.name: _declared(imported, form, points.reshape(-1, *sample))}
    frame, start = imported.network.schema.frame(X), 0
    feeds = {}
    for form in imported.forms:
        part = frame.iloc[:, start : start + form.shape[1]]
        start += form.shape[1]
        if form.kind == _TEXT:
            values = part.astype(object).to_numpy()
            texts = np.vectorize(str, otypes=[object])(values)
        else:
            numbers = part.to_numpy(dtype=np.float64, na_value=np.nan)
            texts = _declared(imported, form, numbers)
        feeds[form.name] = texts if form.batched else texts[:, None]
    return feeds


def _outputs_of(
    imported: Imported, feeds: dict[str, npt.NDArray[Any]], *, double: bool
) -> FloatArray:
    """What the file gives, in float64 or in its own arithmetic: (n_samples, n_outputs)."""
    model, onnx = imported.model, imported.model.onnx
    order = needed(model.nodes, imported.target)
    part = part_of(
        onnx,
        model.proto,
        order,
        imported.target,
        pads=imported.pads,
        constants=imported.constants,
    )
    part = in_double(onnx, part) if double else part
    kinds = {v.name: v.type.tensor_type.elem_type for v in part.graph.input}
    typed = {
        name: array if array.dtype == object else array.astype(_numpy(onnx, kinds[name]))
        for name, array in feeds.items()
        if name in kinds
    }
    batched = all(form.batched for form in imported.forms)
    found = run(onnx, part, typed, batched=batched)
    n_outputs = imported.network.n_outputs
    if found.shape[1] < n_outputs:
        raise UnsupportedModelError(
            f"{_MIXES} Several rows gave outputs of {found.shape[1]} numbers each, one row of "
            f"{n_outputs}."
        )
    return found[:, -n_outputs:]  # of the two probabilities of a binary classifier the second


def _numpy(onnx: Any, kind: int) -> Any:
    return onnx.helper.tensor_dtype_to_np_dtype(kind)


def _reference(reference: Any, got: FloatArray) -> FloatArray:
    try:
        own = np.asarray(reference, dtype=np.float64)
        own = own.reshape(got.shape[0], -1)
    except (TypeError, ValueError) as error:
        raise DataError(
            f"reference must hold one row of numbers for each of {got.shape[0]} rows of X, got "
            f"{type(reference).__name__}: {error}"
        ) from error
    if own.shape[1] < got.shape[1]:
        raise DataError(
            f"reference must have {got.shape[1]} columns, one an output, got {own.shape[1]}."
        )
    return own[:, -got.shape[1] :]


def _drift(exact: FloatArray, own: FloatArray, dtype: str, tolerances: Tolerances) -> Check:
    limits = {"float32": tolerances.single_agreement}
    with np.errstate(invalid="ignore"):  # a file that overflows gives NaN, and the check fails
        gap = np.abs(own - exact).max() / max(1.0, np.abs(exact).max())
    return Check.at_most(
        f"drift of the file's {dtype} arithmetic from float64",
        float(gap),
        limits.get(dtype, tolerances.half_agreement),
        Exactness.ESTIMATED,
        f"{own.shape[0]} rows, largest difference relative to the largest output (at least 1)",
    )
