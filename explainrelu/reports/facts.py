"""What a report says about its model, its columns and where it came from."""

import platform
from collections.abc import Mapping
from datetime import datetime
from hashlib import sha256
from importlib.metadata import PackageNotFoundError, version

import numpy as np
import pandas as pd

from explainrelu.explanations.explanation import Explanation
from explainrelu.network.column import Column, ColumnKind, level_text
from explainrelu.network.schema import InputSchema
from explainrelu.reports.tables import facts_frame
from explainrelu.rewrites.three_layer.network import ThreeLayerNetwork

__all__ = ["columns_frame", "fingerprint", "model_frame", "provenance_frame"]

_PACKAGES = ("numpy", "scipy", "pandas", "scikit-learn", "highspy", "shap")


def model_frame(shallow: ThreeLayerNetwork, explanation: Explanation) -> pd.DataFrame:
    """The model, its score and its three-layer equivalent: ``property value``."""
    network, view = shallow.source, explanation.view
    outputs, origin, sizes = network.outputs, network.origin, shallow.sizes
    n_weights = sum(layer.weight.size + layer.bias.size for layer in network.layers)
    n_weights += network.output.weight.size + network.output.bias.size
    return facts_frame(
        {
            "model": origin.kind,
            "task": outputs.task,
            "outputs": _listed(outputs.names),
            "classes": _listed(outputs.classes),
            "score": view.scale,
            "score unit": view.unit or "not stated",
            "link cut off behind the score": outputs.link.name,
            "raw columns": network.schema.n_columns,
            "network inputs": network.n_inputs,
            "hidden layers": ", ".join(str(width) for width in network.widths) or "none",
            "rectified units": network.n_neurons,
            "carried units": sum(network.widths) - network.n_neurons,
            "weights and biases": n_weights,
            "steps folded into raw columns": _listed(origin.folded),
            "assumptions": _listed(origin.assumptions),
            "number format of the model": origin.dtype,
            "linear regions visited": shallow.n_cells,
            "three-layer network, neurons of layer 1": sizes[0],
            "three-layer network, neurons of layer 2": sizes[1],
            "three-layer network, neurons of layer 3": sizes[2],
            "three-layer network, reach": shallow.guarantee.reach,
            "three-layer network, guarantee": shallow.guarantee.statement,
            "attribution method": explanation.method,
            "base value": explanation.base_meaning,
        }
    )


def columns_frame(schema: InputSchema, X: pd.DataFrame) -> pd.DataFrame:
    """One row a raw column: ``feature kind unit lower upper levels imputed``.

    Parameters
    ----------
    X : (n_samples, n_columns)
        Raw rows, for what is seen of each column.
    """
    columns, numbers = schema.columns, schema.numbers(X)
    ordered = [c.kind in (ColumnKind.NUMERIC, ColumnKind.ORDINAL) for c in columns]
    return pd.DataFrame(
        {
            "feature": pd.Series(list(schema.names), dtype="str"),
            "kind": pd.Series([str(c.kind) for c in columns], dtype="str"),
            "unit": pd.Series([c.unit for c in columns], dtype="str"),
            "lower": np.where(ordered, numbers.min(axis=0), np.nan),
            "upper": np.where(ordered, numbers.max(axis=0), np.nan),
            "levels": pd.Series([_levels(c) for c in columns], dtype="str"),
            "imputed": schema.imputed(X).sum(axis=0, dtype=np.int64),
        }
    )


def provenance_frame(
    shallow: ThreeLayerNetwork,
    X: pd.DataFrame,
    y: pd.DataFrame | None,
    created: datetime,
    arguments: Mapping[str, object],
) -> pd.DataFrame:
    """Where a report came from: versions, fingerprints and arguments, ``property value``."""
    network = shallow.source
    facts: dict[str, object] = {
        "created (UTC)": created.strftime("%Y-%m-%d %H:%M:%S"),
        "model": network.origin.kind,
        "network SHA-256": network.fingerprint,
        "rows": len(X),
        "rows SHA-256": fingerprint(X),
    }
    if y is not None:
        facts["target SHA-256"] = fingerprint(y)
    facts |= {f"argument {name}": value for name, value in arguments.items()}
    facts |= {
        "explainrelu": _version("explainrelu") or "not installed as a package",
        "Python": platform.python_version(),
        "platform": platform.platform(aliased=True),
    }
    facts |= {name: found for name in _PACKAGES if (found := _version(name))}
    facts |= {
        f"{name} (model)": number for name, number in network.origin.versions if name not in facts
    }
    return facts_frame(facts)


def fingerprint(frame: pd.DataFrame) -> str:
    """SHA-256 of a table's column names and values, in order; its index does not count.

    Numbers count as float64, everything else as its text, so that the same values in another
    library's table or another integer width give the same digest.

    Examples
    --------
    >>> whole, real = pd.DataFrame({"a": [1, 2]}), pd.DataFrame({"a": [1.0, 2.0]}, index=[7, 8])
    >>> fingerprint(whole) == fingerprint(real)
    True
    """
    digest = sha256()
    for i, name in enumerate(frame.columns):
        values = frame.iloc[:, i]
        digest.update(f"{name}\x1e".encode())
        if pd.api.types.is_numeric_dtype(values.dtype):
            digest.update(values.to_numpy(dtype="<f8", na_value=np.nan).tobytes())
        else:
            texts = ("\x00" if pd.isna(value) else str(value) for value in values)
            digest.update("\x1f".join(texts).encode())
    return digest.hexdigest()


def _listed(texts: tuple[str, ...]) -> str:
    return "; ".join(texts) or "none"


def _levels(column: Column) -> str:
    grouped = column.kind in (ColumnKind.CATEGORICAL, ColumnKind.ORDINAL)
    return ", ".join(level_text(level) for level in column.levels) if grouped else ""


def _version(package: str) -> str:
    try:
        return version(package)
    except PackageNotFoundError:
        return ""
