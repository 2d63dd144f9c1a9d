"""The search is compiled when it first runs; that time is nobody's limit."""

from functools import cache

import numpy as np

from explainrelu.geometry.box import Box
from explainrelu.network.network import ReluNetwork
from explainrelu.regions.search.tree import SearchTree
from explainrelu.tolerances import DEFAULT_TOLERANCES

__all__ = ["compile_search"]


@cache
def compile_search() -> None:
    """Compile the search, once a process: from the cache in a second, at first in some 15.

    Called before a clock starts, so that a time limit is one of the search itself.
    """
    weights = [np.eye(3, 2) - 0.5, np.eye(3) - 0.4, np.ones((1, 3))]
    network = ReluNetwork.from_weights(weights, [np.full(3, 0.1), np.full(3, -0.1), np.zeros(1)])
    tree = SearchTree(network, Box(-np.ones(2), np.ones(2)), DEFAULT_TOLERANCES)
    for _ in tree.regions(1 << 4):
        pass
