import sys
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest

from explainrelu.errors import ArchiveError, ColumnsError, InputTypeError
from explainrelu.importers.import_model import import_model
from explainrelu.network.network import ReluNetwork
from tests.importers.pipelines import case, tables
from tests.network.messages import says_all_three


def plain() -> ReluNetwork:
    return ReluNetwork.from_weights([np.eye(2), np.ones((1, 2))], [np.zeros(2), np.zeros(1)])


def test_a_network_is_handed_on_as_it_is():
    network = plain()
    assert import_model(network) is network
    assert import_model(network, np.zeros((1, 2))) is network


def test_of_a_rewrite_the_source_is_taken():
    network = plain()
    assert import_model(SimpleNamespace(source=network)) is network


def test_an_estimator_is_imported_and_checked_where_rows_are_given():
    model = case("bare").model
    assert import_model(model).certificate.checks == ()
    assert import_model(model, tables()["small"]).certificate.holds


def test_a_torch_module_is_imported():
    torch = pytest.importorskip("torch")
    module = torch.nn.Sequential(
        torch.nn.Linear(2, 3), torch.nn.ReLU(), torch.nn.Linear(3, 1)
    ).eval()
    network = import_model(module)
    point = torch.tensor([[0.5, -2.0]])
    assert network(point.numpy()) == pytest.approx(module(point).detach().numpy()[:, 0], rel=1e-5)


@pytest.mark.parametrize(
    "thing", [None, 3, np.zeros((2, 2)), {"weights": []}, object(), SimpleNamespace(source=1)]
)
def test_anything_else_is_refused_by_its_type(thing: object):
    with pytest.raises(InputTypeError, match=f"model must be .*got .*{type(thing).__name__}"):
        import_model(thing)


@pytest.mark.parametrize("suffix", [".skops", ".xrelu"])
@pytest.mark.parametrize("kind", [str, Path])
def test_a_file_that_is_not_there_is_named(tmp_path: Path, suffix: str, kind: type):
    path = tmp_path / f"model{suffix}"
    with pytest.raises(ArchiveError, match=f"no file .*model{suffix}.*Check the path"):
        import_model(kind(path))


@pytest.mark.parametrize("name", ["model.pkl", "model", "model.joblib", ""])
def test_a_file_of_another_kind_is_refused_without_being_opened(tmp_path: Path, name: str):
    path = tmp_path / name
    if name:
        path.write_bytes(b"\x80\x04.")
    with pytest.raises(ArchiveError, match=r"must end in .*\.skops or \.xrelu, got") as caught:
        import_model(path)
    assert says_all_three(caught.value), caught.value


def test_a_folder_is_no_model_file(tmp_path: Path):
    folder = tmp_path / "model.xrelu"
    folder.mkdir()
    with pytest.raises(ArchiveError, match=r"model\.xrelu"):
        import_model(folder)


def test_scikit_learn_models_need_no_torch(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setitem(sys.modules, "torch", None)
    assert import_model(case("bare").model).widths == (5, 4)


def test_units_given_at_import_stand_in_the_tables_made_from_the_network():
    network = import_model(
        ReluNetwork.from_weights([[[2.0]], [[1.0]]], [[0.0], [0.0]]), units={"x0": "years"}
    )
    assert network.schema.column("x0").unit == "years"


def test_a_unit_of_no_column_is_refused():
    network = ReluNetwork.from_weights([[[2.0]], [[1.0]]], [[0.0], [0.0]])
    with pytest.raises(ColumnsError, match="'age'"):
        import_model(network, units={"age": "years"})
