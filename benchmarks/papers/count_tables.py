"""The counts of Arora, Basu, Mianjy and Mukherjee 2018: stated beside counted.

    python benchmarks/papers/count_tables.py

The paper has no experiments; its reproducible results are numbers of affine pieces. They are
counted here by finding every region and joining neighbours with the same formula.
"""

import numpy as np

from benchmarks.papers.tables import heading, row
from explainrelu.geometry.box import Box
from explainrelu.network.network import ReluNetwork
from explainrelu.regions.enumeration import enumerate_regions
from explainrelu.rewrites.hard_functions import (
    sawtooth,
    sawtooth_pieces,
    shallow_size_bound,
    zonotope,
    zonotope_pieces,
)

SAWTEETH = [(w, k) for w in (2, 3, 4) for k in (1, 2, 3)]
ZONOTOPES = [(2, 3, 2, 1), (2, 3, 3, 1), (2, 3, 2, 2), (2, 4, 3, 2), (3, 3, 2, 1), (3, 4, 3, 2)]


def counted(network: ReluNetwork, lower: float, upper: float) -> int:
    """Affine pieces in a cube."""
    cube = Box(np.full(network.n_inputs, lower), np.full(network.n_inputs, upper))
    regions = enumerate_regions(network, cube)
    assert regions.complete
    return len(np.unique(regions.affine_pieces()))


def sawteeth() -> None:
    """Pieces on ``[0, 1]`` and on a wider interval, and what fewer layers would need."""
    print("Sawtooth functions of width w and depth k\n")
    heading(["w", "k", "units", "pieces in [0, 1]", "w^k", "pieces in [-1, 3]", "stated",
             "units needed with one hidden layer"])  # fmt: skip
    for w, k in SAWTEETH:
        network = sawtooth(w, k)
        row([w, k, w * k, counted(network, 0.0, 1.0), w**k, counted(network, -1.0, 3.0),
             sawtooth_pieces(w, k), f"{shallow_size_bound(w, k, 1):g}"])  # fmt: skip


def zonotopes() -> None:
    """Pieces of sawtooth functions of the support function of a zonotope."""
    print("\nZonotope functions of m generators in general position in n dimensions\n")
    heading(["n", "m", "w", "k", "units", "pieces counted", "V w^k + [w even and k >= 2]"])
    for n, m, w, k in ZONOTOPES:
        generators = np.random.default_rng(0).normal(size=(m, n))
        network = zonotope(generators / np.abs(generators).sum(axis=0).max(), w, k)
        row([n, m, w, k, sum(network.widths), counted(network, -9.0, 9.0),
             zonotope_pieces(m, n, w, k)])  # fmt: skip


if __name__ == "__main__":
    sawteeth()
    zonotopes()
