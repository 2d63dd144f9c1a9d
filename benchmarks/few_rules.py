"""How much of a network few rules keep, and what is proven of their error.

    python benchmarks/few_rules.py --data FOLDER

Networks of 40-40 neurons trained on three quarters of the rows of each table, to the end on tables
that allow it and with early stopping on noisy ones; rules fitted to the same rows and measured on
the other quarter, which neither has seen. "Greedy" is the same number of rules by the plain way:
splits on first-layer neurons only, each the best of its leaf, a ridge formula in each leaf, 20,000
more rows with columns swapped. Tables that are not bundled lie in FOLDER and are left out where
they do not. One thread.
"""

import argparse
import time
import warnings
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from sklearn.compose import make_column_selector, make_column_transformer
from sklearn.datasets import make_moons
from sklearn.exceptions import ConvergenceWarning
from sklearn.impute import SimpleImputer
from sklearn.model_selection import train_test_split
from sklearn.neural_network import MLPClassifier, MLPRegressor
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder, StandardScaler

from explainrelu.datasets import load_breast_cancer, load_iris, load_loans, load_wine
from explainrelu.explanations.simplification.quality import equal_decisions, r_squared
from explainrelu.explanations.simplify import simplify
from explainrelu.importers.import_model import import_model
from explainrelu.network.network import ReluNetwork
from explainrelu.regions.observed import observed_regions

Table = tuple[pd.DataFrame, Any, bool]
_ADULT = [
    *("age", "workclass", "fnlwgt", "education", "education_num", "marital", "occupation"),
    *("relationship", "race", "sex", "gain", "loss", "hours", "country", "income"),
]


def moons() -> Table:
    X, y = make_moons(2000, noise=0.15, random_state=0)
    return pd.DataFrame(X, columns=["x", "y"]), y, False


def banknote(folder: Path) -> Table:
    names = ["variance", "skewness", "curtosis", "entropy", "forged"]
    X = pd.read_csv(folder / "banknote_authentication.csv", header=None, names=names)
    return X, X.pop("forged"), False


def pima(folder: Path) -> Table:
    X = pd.read_csv(folder / "pima-indians-diabetes.csv", header=None)
    X.columns = [
        "pregnant",
        "glucose",
        "pressure",
        "skin",
        "insulin",
        "bmi",
        "pedigree",
        "age",
        "y",
    ]
    return X, X.pop("y"), False


def german(folder: Path) -> Table:
    X = pd.read_csv(folder / "german_statlog.data", header=None)
    X.columns = [f"c{i}" for i in range(X.shape[1])]
    return X, X.pop("c20"), False


def compas(folder: Path) -> Table:
    X = pd.read_csv(folder / "compas-scores-two-years.csv")
    X = X[X.days_b_screening_arrest.between(-30, 30) & (X.is_recid != -1)]
    kept = "sex age race juv_fel_count juv_misd_count juv_other_count priors_count c_charge_degree"
    return X[kept.split()].reset_index(drop=True), X.two_year_recid.to_numpy(), False


def adult(folder: Path) -> Table:
    X = pd.read_csv(folder / "adult-train.csv", header=None, names=_ADULT, skipinitialspace=True)
    return X, X.pop("income"), False


def titanic(folder: Path) -> Table:
    X = pd.read_csv(folder / "titanic_train.csv")
    y = X.pop("Survived")
    X = X[["Pclass", "Sex", "Age", "SibSp", "Parch", "Fare", "Embarked"]]
    return X.assign(Embarked=X.Embarked.fillna("S")), y, False


def wine_quality(folder: Path) -> Table:
    X = pd.read_csv(folder / "winequality-red.csv", header=None)
    X.columns = [f"c{i}" for i in range(X.shape[1])]
    return X, X.pop("c11"), True


def california(folder: Path) -> Table:
    X = pd.read_csv(folder / "california_housing.csv")
    return X, X.pop("median_house_value") / 1e5, True


# name -> how to load it, rules, whether training stops early
BUNDLED: dict[str, tuple[Callable[[], Table], int, bool]] = {
    "breast cancer": (lambda: (*load_breast_cancer(), False), 6, False),
    "iris": (lambda: (*load_iris(), False), 6, False),
    "wine": (lambda: (*load_wine(), False), 8, False),
    "loans": (lambda: (*load_loans(), False), 8, True),
    "moons": (moons, 8, False),
}
SHARED: dict[str, tuple[Callable[[Path], Table], int, bool]] = {
    "banknote": (banknote, 8, False),
    "Pima": (pima, 8, True),
    "German credit": (german, 8, True),
    "COMPAS": (compas, 8, True),
    "Titanic": (titanic, 8, True),
    "Adult": (adult, 8, True),
    "wine quality": (wine_quality, 8, True),
    "California": (california, 8, True),
}


def trained(X: pd.DataFrame, y: Any, *, regression: bool, early: bool) -> Any:
    """A network of 40-40 neurons behind a pipeline of the usual kind."""
    numeric = make_pipeline(SimpleImputer(strategy="median"), StandardScaler())
    columns = make_column_transformer(
        (numeric, make_column_selector(dtype_include="number")),
        (OneHotEncoder(handle_unknown="ignore"), make_column_selector(dtype_exclude="number")),
    )
    kind = MLPRegressor if regression else MLPClassifier
    mlp = kind(hidden_layer_sizes=(40, 40), max_iter=300, early_stopping=early, random_state=0)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        return make_pipeline(columns, mlp).fit(X, y)


def tables(folder: Path | None, only: str) -> Iterator[tuple[str, Table, int, bool]]:
    for name, (load, n_rules, early) in BUNDLED.items():
        if only in name:
            yield name, load(), n_rules, early
    for name, (read, n_rules, early) in SHARED.items():
        if folder is not None and folder.is_dir() and only in name:
            yield name, read(folder), n_rules, early


def ridge(z: np.ndarray, scores: np.ndarray) -> tuple[np.ndarray, float]:
    """A formula and the squared error it leaves."""
    gram = z.T @ z + 1e-3 * len(z) * np.diag([*np.ones(z.shape[1] - 1), 1e-9])
    formula = np.linalg.solve(gram, z.T @ scores)
    return formula, float(np.square(z @ formula - scores).sum())


def greedy(network: ReluNetwork, rows: np.ndarray, test: np.ndarray, n_rules: int) -> np.ndarray:
    """The raw scores of the test rows by the plain way."""
    rng = np.random.default_rng(0)
    i, j = rng.integers(len(rows), size=(2, 20_000))
    swapped = (rng.random((20_000, network.schema.n_columns)) < 0.3)[
        :, network.schema.input_columns
    ]
    rows = np.vstack([rows, np.where(swapped, rows[j], rows[i])])
    scores, first = network.forward(rows), network.layers[0]
    spread = np.where(rows.std(axis=0) > 0, rows.std(axis=0), 1.0)

    def standard(points: np.ndarray) -> np.ndarray:
        return np.column_stack([(points - rows.mean(axis=0)) / spread, np.ones(len(points))])

    z, sides, test_sides = (
        standard(rows), first.preactivation(rows) > 0, first.preactivation(test) > 0,
    )  # fmt: skip

    def leaf(rows_of: np.ndarray, tested: np.ndarray) -> tuple[Any, ...]:
        best = _best_neuron(z[rows_of], scores[rows_of], sides[rows_of])
        return rows_of, tested, *best

    leaves = [leaf(np.arange(len(rows)), np.arange(len(test)))]
    while len(leaves) < n_rules:
        place = max(range(len(leaves)), key=lambda p: leaves[p][2])
        rows_of, tested, gain, unit = leaves[place]
        if gain <= 0:
            break
        above, tested_above = sides[rows_of, unit], test_sides[tested, unit]
        leaves[place] = leaf(rows_of[above], tested[tested_above])
        leaves.append(leaf(rows_of[~above], tested[~tested_above]))
    found = np.empty((len(test), network.n_outputs))
    for rows_of, tested, *_ in leaves:
        found[tested] = standard(test[tested]) @ ridge(z[rows_of], scores[rows_of])[0]
    return found


def _best_neuron(z: np.ndarray, scores: np.ndarray, sides: np.ndarray) -> tuple[float, int]:
    before, best = ridge(z, scores)[1], (0.0, -1)
    for unit, above in enumerate(sides.T):
        if min(above.sum(), (~above).sum()) >= 20:
            left = sum(ridge(z[part], scores[part])[1] for part in (above, ~above))
            best = max(best, (before - left, unit))
    return best


def row(name: str, table: Table, n_rules: int, early: bool, limit: float) -> str:
    """One line of the table."""
    X, y, regression = table
    X, test, y, _ = train_test_split(X, y, test_size=0.25, random_state=0)
    network = import_model(trained(X, y, regression=regression, early=early), X)
    start = time.perf_counter()
    rules = simplify(network, X, X_test=test, max_rules=n_rules, time_limit=limit)
    seconds = time.perf_counter() - start
    points, tested = network.schema.encode(X), network.schema.encode(test)
    own = network.forward(tested) @ rules.view.matrix.T
    plain = greedy(network, points, tested, n_rules) @ rules.view.matrix.T
    unused = rules.quality.query("rows == 'not used'")
    kept, kept_plain = unused.equal_decisions.iloc[0], equal_decisions(own, plain, rules.decision)
    shares = [f"{share:.3f}" if share == share else "" for share in (kept, kept_plain)]
    found = []
    for deviations in (rules.visited, rules.whole):
        figures = f"{deviations.largest_value:.3g} to {deviations.largest_bound:.3g}"
        exact = str(deviations.exactness) == "exact"
        found.append(f"{deviations.largest_bound:.3g} (exact)" if exact else figures)
    spread = float(np.ptp(own))
    cells = [
        name, len(X), len(observed_regions(network, X)), len(rules), *shares,
        f"{unused.r2.mean():.3f}", f"{float(np.nanmean(r_squared(own, plain))):.3f}",
        f"{spread:.3g}", *found, f"{seconds:.1f}",
    ]  # fmt: skip
    return "| " + " | ".join(map(str, cells)) + " |"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", type=Path, help="folder of tables that are not bundled")
    parser.add_argument("--only", default="", help="tables whose name contains this")
    parser.add_argument("--limit", type=float, default=10.0, help="seconds to prove in")
    options = parser.parse_args()
    head = [
        "table", "rows", "regions visited", "rules", "decisions kept", "greedy", "R2", "greedy R2",
        "range of scores", "largest deviation, regions visited", "the same, whole box", "s",
    ]  # fmt: skip
    print("| " + " | ".join(head) + " |\n|" + "---|" * len(head), flush=True)
    for name, table, n_rules, early in tables(options.data, options.only):
        print(row(name, table, n_rules, early, options.limit), flush=True)


if __name__ == "__main__":
    main()
