from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import skops.io
from sklearn.compose import make_column_transformer
from sklearn.impute import SimpleImputer
from sklearn.neural_network import MLPRegressor
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder, OrdinalEncoder, StandardScaler

from explainrelu.command_line.inputs import Inputs, loaded, read_model
from explainrelu.errors import ArgumentError, ColumnsError
from explainrelu.importers.import_model import import_model
from explainrelu.network.network import ReluNetwork
from explainrelu.rewrites.storage import save
from tests.models import fitted


def network_file(folder: Path) -> Path:
    """A network of the columns x0 and x1."""
    save(ReluNetwork.from_weights([[[1.0, 2.0]], [[1.0]]], [[0.0], [0.0]]), folder / "m.xrelu")
    return folder / "m.xrelu"


def data_file(folder: Path, text: str) -> Path:
    (folder / "rows.csv").write_text(text)
    return folder / "rows.csv"


def test_rows_target_and_what_is_left_out_are_told_apart(tmp_path: Path) -> None:
    data = data_file(tmp_path, "id,x0,x1,y\na,1,2,yes\nb,3,4,no\n")
    read = loaded(Inputs(network_file(tmp_path), data, target=("y",), drop=("id",)))
    assert read.rows.to_numpy().tolist() == [[1.0, 2.0], [3.0, 4.0]]
    assert isinstance(read.target, pd.Series)
    assert read.target.tolist() == ["yes", "no"]
    assert read.note == f"Read 2 rows of 2 columns from {data}; target y; left out id.\n"


def test_several_targets_come_as_a_table(tmp_path: Path) -> None:
    data = data_file(tmp_path, "x0,x1,y,z\n1,2,0,1\n")
    read = loaded(Inputs(network_file(tmp_path), data, target=("y", "z")))
    assert isinstance(read.target, pd.DataFrame)
    assert read.target.columns.tolist() == ["y", "z"]


@pytest.mark.parametrize(
    ("header", "said"),
    [
        ("x0,x1,y", "not known to the model: y. Add --target y if .* else --drop y"),
        ("x0,x1,the y", "Add --target 'the y'"),
        (",x0,x1", r"not known to the model: \(no name\). Add --target ''"),
        ("x0,y", "missing: x1; not known to the model: y. Rename or add"),
        ("x0", "takes 2 columns, got 1 .*missing: x1. Rename or add"),
        ("x1,x0", "in another order. Add --reorder"),
    ],
)
def test_other_columns_are_refused_with_what_would_help(
    header: str, said: str, tmp_path: Path
) -> None:
    data = data_file(tmp_path, f"{header}\n{','.join('1' for _ in header.split(','))}\n")
    with pytest.raises(ColumnsError, match=said):
        loaded(Inputs(network_file(tmp_path), data))


def test_a_column_that_is_not_there_cannot_be_set_aside(tmp_path: Path) -> None:
    data = data_file(tmp_path, "x0,x1\n1,2\n")
    with pytest.raises(ColumnsError, match="no column 'y' to set aside; its columns: x0, x1"):
        loaded(Inputs(network_file(tmp_path), data, target=("y",)))


def test_columns_are_taken_by_name_where_the_person_says_so(tmp_path: Path) -> None:
    data = data_file(tmp_path, "x1,x0\n2,1\n")
    read = loaded(Inputs(network_file(tmp_path), data, reorder=True))
    assert read.rows.columns.tolist() == ["x0", "x1"]
    assert read.rows.to_numpy().tolist() == [[1.0, 2.0]]


def test_the_background_may_lack_the_target(tmp_path: Path) -> None:
    data = data_file(tmp_path, "x0,x1,y\n1,2,0\n")
    (tmp_path / "back.csv").write_text("x0,x1\n5,6\n")
    background = tmp_path / "back.csv"
    read = loaded(Inputs(network_file(tmp_path), data, target=("y",), background=background))
    assert read.background is not None
    assert read.background.to_numpy().tolist() == [[5.0, 6.0]]


def test_a_score_that_the_model_does_not_have_is_refused(tmp_path: Path) -> None:
    data = data_file(tmp_path, "x0,x1\n1,2\n")
    with pytest.raises(ArgumentError, match="--class must be one of score, got 'other'"):
        loaded(Inputs(network_file(tmp_path), data, outputs=("other",)))
    with pytest.raises(ArgumentError, match="once, or twice for a difference, got it 3 times"):
        loaded(Inputs(network_file(tmp_path), data, outputs=("score",) * 3))


def test_a_model_fitted_without_names_takes_columns_by_position(tmp_path: Path) -> None:
    X = np.arange(12.0).reshape(6, 2)
    model, _, _ = fitted(
        MLPRegressor(hidden_layer_sizes=(3,), max_iter=5, random_state=0), X, X[:, 0]
    )
    skops.io.dump(model, tmp_path / "m.skops")
    data = data_file(tmp_path, "age,income\n1,2\n3,4\n")
    read = loaded(Inputs(tmp_path / "m.skops", data))
    assert read.network.schema.names == ("age", "income")
    np.testing.assert_allclose(read.network(read.rows), model.predict([[1, 2], [3, 4]]))
    longer = data_file(tmp_path, "age,income,y\n1,2,0\n")
    with pytest.raises(ColumnsError, match=r"takes 2 columns, got 3 .*Add --target y"):
        loaded(Inputs(tmp_path / "m.skops", longer))


def mixed_frame() -> pd.DataFrame:
    """Columns whose type a CSV file does not keep, some with missing values."""
    rng = np.random.default_rng(0)
    frame = pd.DataFrame(
        {
            "age": rng.integers(18, 90, 60).astype(float),
            "zip": rng.choice(["01234", "99999", "00001"], 60),
            "rooms": rng.choice([1, 2, 3], 60),
            "owner": rng.choice([True, False], 60),
            "job": pd.Series(rng.choice(["NA", "clerk", "nurse"], 60), dtype="str"),
            "size": pd.Series(rng.choice(["small", "large"], 60), dtype="str"),
        }
    )
    frame.loc[::7, "age"] = np.nan
    frame.loc[::5, "job"] = None
    return frame


def mixed_model(X: pd.DataFrame) -> Any:
    filled = make_pipeline(SimpleImputer(strategy="most_frequent"), OneHotEncoder())
    columns = make_column_transformer(
        (make_pipeline(SimpleImputer(), StandardScaler()), ["age"]),
        (OneHotEncoder(), ["zip", "rooms", "owner"]),
        (filled, ["job"]),
        (OrdinalEncoder(), ["size"]),
    )
    mlp = MLPRegressor(hidden_layer_sizes=(6,), max_iter=20, random_state=0)
    return fitted(make_pipeline(columns, mlp), X, X["rooms"])[0]


def test_cells_are_read_as_in_the_training_frame(tmp_path: Path) -> None:
    X = mixed_frame()
    model = mixed_model(X)
    skops.io.dump(model, tmp_path / "m.skops")
    X.to_csv(tmp_path / "rows.csv", index=False)
    read = loaded(Inputs(tmp_path / "m.skops", tmp_path / "rows.csv"))
    np.testing.assert_array_equal(read.network(read.rows), import_model(model, X)(X))
    assert read.network.certificate.holds


def test_csv_and_parquet_give_the_same_rows(tmp_path: Path) -> None:
    X = mixed_frame()
    skops.io.dump(mixed_model(X), tmp_path / "m.skops")
    X.to_csv(tmp_path / "rows.csv", index=False)
    X.to_parquet(tmp_path / "rows.parquet", index=False)
    first, second = (
        loaded(Inputs(tmp_path / "m.skops", tmp_path / name))
        for name in ("rows.csv", "rows.parquet")
    )
    np.testing.assert_array_equal(
        first.network.schema.encode(first.rows), second.network.schema.encode(second.rows)
    )


def test_a_model_file_holds_an_estimator_or_a_network(tmp_path: Path) -> None:
    assert isinstance(read_model(network_file(tmp_path)), ReluNetwork)
