"""What each input adds to the change of a score along straight paths."""

from collections.abc import Iterator

from explainrelu.arrays import FloatArray
from explainrelu.network.network import ReluNetwork
from explainrelu.network.outputs import ScoreView
from explainrelu.regions.segments import segment_pieces
from explainrelu.tolerances import DEFAULT_TOLERANCES, Tolerances

__all__ = ["path_attributions", "path_chunks"]

_CHUNK_VALUES = 1 << 21  # 16 MB: what the paths of a chunk take together


def path_attributions(
    network: ReluNetwork,
    view: ScoreView,
    starts: FloatArray,
    ends: FloatArray,
    tolerances: Tolerances = DEFAULT_TOLERANCES,
) -> FloatArray:
    """The integrated gradients of each input along straight paths.

    Of input ``i`` that is ``(x_i - b_i) * integral_0^1 d f(b + t (x - b)) / d x_i dt`` for the
    path from ``b`` to ``x``.

    Parameters
    ----------
    view
        The scores ``f``.
    starts, ends : (n_paths, n_inputs)
        Encoded points; path ``i`` runs from ``starts[i]`` to ``ends[i]``.
    tolerances
        See :func:`segment_pieces`.

    Returns
    -------
    (n_paths, n_scores, n_inputs)
        Their sum over the inputs is the change of the score from start to end, up to rounding.

    Notes
    -----
    All paths are held at once; :func:`path_chunks` says how many that should be. Cost as that of
    :meth:`SegmentPieces.mean_gradients`.

    Examples
    --------
    >>> import numpy as np
    >>> network = ReluNetwork.from_weights([[[1.0, 1.0]], [[2.0]]], [[-1.0], [0.0]])
    >>> starts, ends = np.array([[0.0, 0.0]]), np.array([[2.0, 0.0]])
    >>> path_attributions(network, network.outputs.view(), starts, ends)
    array([[[2., 0.]]])
    """
    means = segment_pieces(network, starts, ends, tolerances=tolerances).mean_gradients(view)
    means *= (ends - starts)[:, None, :]
    return means


def path_chunks(network: ReluNetwork, view: ScoreView, n_paths: int) -> Iterator[slice]:
    """Slices of paths such that what they need together stays within some megabytes."""
    # a path may have a piece a neuron, each with its breakpoint, scores and pattern
    piece = 4 + network.n_outputs + network.n_neurons // 64
    path = network.n_inputs * (4 + 2 * len(view)) + network.n_neurons * piece
    step = max(1, _CHUNK_VALUES // max(1, path))
    for start in range(0, n_paths, step):
        yield slice(start, min(start + step, n_paths))
