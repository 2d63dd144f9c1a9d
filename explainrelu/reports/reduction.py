"""What the network could be reduced to on the range of the rows."""

import pandas as pd

from explainrelu.arrays import FloatArray
from explainrelu.certificate import Exactness
from explainrelu.geometry.box import Box
from explainrelu.network.network import ReluNetwork
from explainrelu.rewrites.compress import Compress
from explainrelu.rewrites.compression.network import CompressedNetwork
from explainrelu.tolerances import Tolerances

__all__ = ["reduction_frame"]

_PROGRAMS = 200  # neurons up to which linear programs settle what bounds leave open
_LARGEST = 2_000_000  # neurons times inputs beyond which nothing is tried
_STATES = ("stably active", "stably inactive", "unstable", "undecided")


def reduction_frame(
    network: ReluNetwork, points: FloatArray, tolerances: Tolerances
) -> pd.DataFrame | None:
    """How many units of each layer the range of some rows does not need.

    ``layer n_units stably_active stably_inactive unstable undecided n_removed n_left within
    exactness``, one row a layer; None for a network without layers or too large.

    Parameters
    ----------
    points : (n_samples, n_inputs)
        Encoded rows; the range is the smallest box around them.

    Notes
    -----
    Bounds by intervals and back-substitution, and linear programs up to 200 neurons: what they
    leave open is undecided and stays, so that :func:`explainrelu.compress`, which goes on with
    mixed-integer programs, may take out more. Without a clock, so that the same rows give the
    same table.
    """
    n_neurons = network.n_neurons
    if not network.layers or n_neurons * network.n_inputs > _LARGEST:
        return None
    method = "lp" if n_neurons <= _PROGRAMS else "back-substitution"
    how = Compress(Box.from_data(points), points, method, tolerances=tolerances)
    how.requires(network)
    return _frame(how.apply(network))


def _frame(smaller: CompressedNetwork) -> pd.DataFrame:
    layers = range(1, len(smaller.source.layers) + 1)
    counts = smaller.stability.groupby(["layer", "state"]).size()
    removed = smaller.removed["layer"].value_counts()
    units = [layer.n_units for layer in smaller.source.layers]
    columns = {
        "layer": list(layers),
        "n_units": units,
        **{
            state.replace(" ", "_"): [int(counts.get((i, state), 0)) for i in layers]
            for state in _STATES
        },
        "n_removed": [int(removed.get(i, 0)) for i in layers],
        "n_left": [n - int(removed.get(i, 0)) for i, n in zip(layers, units, strict=True)],
        "within": ["the smallest box around the rows"] * len(units),
        "exactness": [str(Exactness.EXACT)] * len(units),
    }
    return pd.DataFrame(columns)
