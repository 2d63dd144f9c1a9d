"""From a model to its three-layer equivalent."""

import numpy as np
import pytest

from explainrelu.errors import ArgumentError, ColumnsError, InputTypeError
from explainrelu.geometry.box import Box
from explainrelu.network.network import ReluNetwork
from explainrelu.rewrites.convert import ToThreeLayers, convert

NETWORK = ReluNetwork.from_weights([[[1.0], [-1.0]], [[1.0, 2.0]]], [[0.0, 0.0], [0.5]])


def test_the_regions_of_the_rows_become_the_cells():
    assert convert(NETWORK, [[-1.0], [2.0], [3.0]]).n_cells == 2


def test_the_checks_of_the_import_stand_first_in_the_certificate():
    from tests import models

    model, X, _ = models.iris()
    names = [check.name for check in convert(model, X).certificate.checks]
    assert names[0].startswith("import: raw scores")
    assert "in exact rationals" in names[-1]


def test_without_rows_it_says_what_is_needed():
    with pytest.raises(ArgumentError, match=r"needs rows.*convert\(model, X\)"):
        convert(NETWORK)


def test_rows_of_another_width_are_refused():
    with pytest.raises(ColumnsError, match=r"must have 1 columns \(x0\), got 2"):
        convert(NETWORK, [[1.0, 2.0]])


def test_a_domain_of_another_width_is_refused():
    with pytest.raises(ArgumentError, match="The domain must have the network's 1 inputs, got 2"):
        convert(NETWORK, [[1.0]], domain=Box([0, 0], [1, 1]))


def test_a_converted_model_can_be_converted_again():
    once = convert(NETWORK, [[-1.0], [2.0]])
    assert convert(once, [[2.0]]).n_cells == 1


def test_the_transformation_takes_encoded_points():
    shallow = ToThreeLayers(np.array([[1.0], [-1.0]]))(NETWORK)
    assert shallow.certificate.holds


def test_a_domain_of_another_type_is_refused():
    with pytest.raises(InputTypeError, match="domain must be a Box, got list"):
        convert(NETWORK, [[1.0]], domain=[0.0, 1.0])
