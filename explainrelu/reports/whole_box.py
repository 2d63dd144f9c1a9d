"""What a report says of a whole box, beside the regions that rows visit."""

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import pandas as pd

from explainrelu.certificate import Check
from explainrelu.errors import ArgumentError
from explainrelu.geometry.box import Box
from explainrelu.network.network import ReluNetwork
from explainrelu.regions.observed import check_domain
from explainrelu.rewrites.convert import convert
from explainrelu.rewrites.three_layer.network import ThreeLayerNetwork
from explainrelu.tolerances import Tolerances

__all__ = ["box_checks", "of_the_box", "with_the_rest"]


def of_the_box(
    model: Any, network: ReluNetwork, domain: Box | None, tolerances: Tolerances
) -> ThreeLayerNetwork | None:
    """The three-layer network of a whole box, where one is given or was converted over before.

    Parameters
    ----------
    model
        What the report was asked about; taken as it is where it was converted over a box.
    network
        The same as a network.

    Raises
    ------
    ArgumentError, InputTypeError
        For a domain that is no box of the network's inputs, or another one than the model's.
    """
    given = isinstance(model, ThreeLayerNetwork) and model.generic_point is not None
    if not given:
        return None if domain is None else convert(network, domain=domain, tolerances=tolerances)
    whole: ThreeLayerNetwork = model
    own = whole.regions.domain
    if domain is not None:
        check_domain(domain, network.n_inputs)
        if (domain.lower != own.lower).any() or (domain.upper != own.upper).any():
            raise ArgumentError(
                "The domain must be the box that the model was converted over, got another one. "
                "Leave domain out, or hand over the model as it was before."
            )
    return whole


def with_the_rest(visited: pd.DataFrame, whole: ThreeLayerNetwork | None) -> pd.DataFrame:
    """The table of the regions that rows visit, then the other ones of the box."""
    if whole is None:
        return visited
    box = whole.regions.to_frame().assign(n_rows=0, share=0.0)
    return pd.concat([visited, box[~box["region"].isin(visited["region"])]], ignore_index=True)


def box_checks(whole: ThreeLayerNetwork | None) -> Iterator[Check]:
    """The checks of the cells of a box, named so; those of the import are not among them."""
    if whole is not None:
        imported = set(whole.source.certificate.checks)
        for check in whole.certificate.checks:
            if check not in imported:
                yield replace(check, name=f"box: {check.name}")
