"""From a model to its three-layer equivalent."""

import numpy as np
import pytest

from explainrelu.errors import ArgumentError, ColumnsError, InputTypeError
from explainrelu.geometry.box import Box
from explainrelu.importers.import_model import import_model
from explainrelu.network.network import ReluNetwork
from explainrelu.regions.enumeration import enumerate_regions
from explainrelu.rewrites.convert import ToThreeLayers, ToThreeLayersOfBox, convert
from tests import models

NETWORK = ReluNetwork.from_weights([[[1.0], [-1.0]], [[1.0, 2.0]]], [[0.0, 0.0], [0.5]])


def test_the_regions_of_the_rows_become_the_cells():
    assert convert(NETWORK, [[-1.0], [2.0], [3.0]]).n_cells == 2


def test_the_checks_of_the_import_stand_first_in_the_certificate():
    model, X, _ = models.iris()
    names = [check.name for check in convert(model, X).certificate.checks]
    assert names[0].startswith("import: raw scores")
    assert "in exact rationals" in names[-1]


def test_without_rows_and_box_it_says_what_is_needed():
    with pytest.raises(ArgumentError, match=r"needs rows.*convert\(model, X\).*domain=Box"):
        convert(NETWORK)


def test_rows_of_another_width_are_refused():
    with pytest.raises(ColumnsError, match=r"must have 1 columns \(x0\), got 2"):
        convert(NETWORK, [[1.0, 2.0]])


def test_a_domain_of_another_width_is_refused():
    with pytest.raises(ArgumentError, match="The domain must have the network's 1 inputs, got 2"):
        convert(NETWORK, [[1.0]], domain=Box([0, 0], [1, 1]))


def test_a_box_of_another_width_is_refused():
    with pytest.raises(ArgumentError, match="The domain must have the network's 1 inputs, got 2"):
        convert(NETWORK, domain=Box([0, 0], [1, 1]))


def test_no_box_is_refused():
    with pytest.raises(InputTypeError, match="domain must be a Box, got tuple"):
        convert(NETWORK, domain=(0.0, 1.0))


def test_every_region_of_a_box_becomes_a_cell_whether_rows_visit_it_or_not():
    model, X, _ = models.iris()
    box = Box.from_data(X)
    whole, visited = convert(model, domain=box), convert(model, X)
    assert whole.complete
    assert whole.n_cells == len(enumerate_regions(model, box))
    assert set(visited.regions.names) <= set(whole.regions.names)
    np.testing.assert_allclose(whole(X), visited(X), rtol=1e-12)


def test_rows_with_a_domain_give_the_regions_of_the_rows():
    shallow = convert(NETWORK, [[-1.0], [-2.0]], domain=Box([-5.0], [5.0]))
    assert (shallow.n_cells, shallow.generic_point) == (1, None)
    assert shallow.regions.domain.upper.tolist() == [5.0]


@pytest.mark.parametrize("limit", [{"max_regions": 5}, {"time_limit": 1.0}])
def test_limits_of_a_search_are_refused_with_rows(limit):
    with pytest.raises(ArgumentError, match="end the search for every region of a domain, got"):
        convert(NETWORK, [[1.0]], **limit)


def test_limits_that_are_none_are_refused():
    with pytest.raises(ArgumentError, match="max_regions must be a whole number of at least 1"):
        convert(NETWORK, domain=Box([-1.0], [1.0]), max_regions=0)


def test_several_processes_give_the_same_cells():
    model, X, _ = models.iris()
    box = Box.from_data(X)
    one, two = convert(model, domain=box), convert(model, domain=box, n_jobs=2)
    assert one.regions.names.tolist() == two.regions.names.tolist()
    assert one.generic_point.tolist() == two.generic_point.tolist()


def test_a_network_without_hidden_units_is_one_cell_everywhere():
    network = ReluNetwork.from_weights([[[2.0, 1.0]]], [[1.0]])
    shallow = convert(network, domain=Box([0.0, 0.0], [1.0, 1.0]))
    assert (shallow.n_cells, shallow.certificate.holds) == (1, True)
    assert shallow([[1.0, 1.0]]).tolist() == [4.0]


def test_levels_are_fixed_by_the_box():
    model, X, _ = models.loans()
    schema = import_model(model).schema
    levels = {c.name: c.levels[0] for c in schema.columns if c.levels}
    box = Box.from_data(X.head(40), schema=schema)
    lower, upper = np.minimum(box.lower, 0.0), np.maximum(box.upper, 1.0)
    grouped = np.concatenate([list(schema.groups[name]) for name in levels])
    lower, upper = (
        np.where(np.isin(np.arange(box.n_inputs), grouped), a, b)
        for a, b in ((lower, box.lower), (upper, box.upper))
    )
    shallow = convert(model, domain=Box(lower, upper).at_levels(schema, **levels), max_regions=400)
    rows = X.assign(**levels)
    found = shallow.evaluate(rows)
    np.testing.assert_allclose(
        found.scores[found.listed][:, 0], shallow.source(rows)[found.listed], rtol=1e-9, atol=1e-9
    )


def test_a_box_beside_every_level_is_refused():
    model, X, _ = models.loans()
    schema = import_model(model).schema
    box = Box.from_data(X.head(40), schema=schema)
    upper = np.where(np.isin(np.arange(box.n_inputs), schema.groups["home"]), 0.0, box.upper)
    with pytest.raises(ArgumentError, match="The domain must hold a level of column 'home'"):
        convert(model, domain=Box(np.minimum(box.lower, upper), upper), max_regions=10)


def test_a_converted_model_can_be_converted_again():
    once = convert(NETWORK, [[-1.0], [2.0]])
    assert convert(once, [[2.0]]).n_cells == 1


def test_the_transformation_takes_encoded_points():
    shallow = ToThreeLayers(np.array([[1.0], [-1.0]]))(NETWORK)
    assert shallow.certificate.holds


def test_the_transformation_of_a_box_certifies_its_rewrite():
    shallow = ToThreeLayersOfBox(Box([-1.0], [1.0]))(NETWORK)
    assert shallow.certificate.holds
    assert shallow.complete


def test_a_domain_of_another_type_is_refused():
    with pytest.raises(InputTypeError, match="domain must be a Box, got list"):
        convert(NETWORK, [[1.0]], domain=[0.0, 1.0])
