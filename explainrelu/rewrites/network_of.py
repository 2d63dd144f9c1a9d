"""The network that is meant where a model or a rewrite of one is rewritten or compared."""

from typing import Any

from explainrelu.importers.import_model import import_model
from explainrelu.network.network import ReluNetwork
from explainrelu.rewrites.rewrite import Rewrite

__all__ = ["network_of"]


def network_of(model: Any) -> ReluNetwork:
    """A model as a network; of a rewrite its result, where that is a ReluNetwork, else its source.

    :func:`explainrelu.import_model` takes the source always: to explain a rewrite is to explain
    what it stands for. Who compares two networks asks for the one that was made.
    """
    result = model.result if isinstance(model, Rewrite) else None
    return result if isinstance(result, ReluNetwork) else import_model(model)
