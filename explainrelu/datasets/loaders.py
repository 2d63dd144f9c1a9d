"""One function a data set: the table and its target."""

import csv
from collections.abc import Sequence

import pandas as pd

from explainrelu.datasets.files import bundled_path, read_json
from explainrelu.errors import ArgumentError

__all__ = [
    "load_breast_cancer",
    "load_diabetes",
    "load_iris",
    "load_loans",
    "load_wine",
    "units",
]


def load_breast_cancer() -> tuple[pd.DataFrame, pd.Series]:
    """Breast cancer Wisconsin (diagnostic): 569 tumours, 30 measurements of cell nuclei.

    Returns
    -------
    X : DataFrame of shape (569, 30)
        All numeric (float64).
    y : Series of shape (569,)
        ``"benign"`` or ``"malignant"``.

    Notes
    -----
    The values are those of ``sklearn.datasets.load_breast_cancer`` to the last bit. The card
    is ``datasets/breast_cancer.md``. In sorted order, which scikit-learn uses, the positive
    class is ``"malignant"``; in scikit-learn's own coding 1 is benign.

    Examples
    --------
    >>> X, y = load_breast_cancer()
    >>> X.shape, sorted(y.unique())
    ((569, 30), ['benign', 'malignant'])
    """
    return _load("breast_cancer")


def load_diabetes() -> tuple[pd.DataFrame, pd.Series]:
    """Diabetes of Efron et al.: 442 patients, 10 measurements, disease progression.

    Returns
    -------
    X : DataFrame of shape (442, 10)
        All numeric (float64), in the measured units, not scaled.
    y : Series of shape (442,)
        A quantitative measure of disease progression one year after baseline.

    Notes
    -----
    The values are those of ``sklearn.datasets.load_diabetes(scaled=False)`` to the last bit.
    The card is ``datasets/diabetes.md``.

    Examples
    --------
    >>> X, y = load_diabetes()
    >>> X.shape, y.name
    ((442, 10), 'progression')
    """
    return _load("diabetes")


def load_iris() -> tuple[pd.DataFrame, pd.Series]:
    """Fisher's iris: 150 flowers, 4 lengths, 3 species.

    Returns
    -------
    X : DataFrame of shape (150, 4)
        All numeric (float64), in cm.
    y : Series of shape (150,)
        ``"setosa"``, ``"versicolor"`` or ``"virginica"``.

    Notes
    -----
    The values are those of ``sklearn.datasets.load_iris`` to the last bit. The card is
    ``datasets/iris.md``.

    Examples
    --------
    >>> X, y = load_iris()
    >>> X.shape, sorted(y.unique())
    ((150, 4), ['setosa', 'versicolor', 'virginica'])
    """
    return _load("iris")


def load_loans() -> tuple[pd.DataFrame, pd.Series]:
    """Synthetic loan applications whose scoring rule is known: 4000 rows, 12 columns.

    Returns
    -------
    X : DataFrame of shape (4000, 12)
        Eight numeric columns (int64 or float64), then four categorical ones (strings).
    y : Series of shape (4000,)
        ``"yes"`` where the loan was repaid, else ``"no"``.

    Notes
    -----
    ``y`` was drawn once with probability ``logistic(loans_rule().score(X))``. The columns
    ``branch_distance`` (noise) and ``sex`` (protected) have no effect in the rule. The card is
    ``datasets/loans.md``.

    Examples
    --------
    >>> X, y = load_loans()
    >>> X.shape, sorted(y.unique())
    ((4000, 12), ['no', 'yes'])
    """
    return _load("loans")


def load_wine() -> tuple[pd.DataFrame, pd.Series]:
    """Wine recognition: 178 wines of three cultivars, 13 chemical measurements.

    Returns
    -------
    X : DataFrame of shape (178, 13)
        All numeric (float64).
    y : Series of shape (178,)
        ``"class_0"``, ``"class_1"`` or ``"class_2"``; the source does not name the cultivars.

    Notes
    -----
    The values are those of ``sklearn.datasets.load_wine`` to the last bit. The card is
    ``datasets/wine.md``.

    Examples
    --------
    >>> X, y = load_wine()
    >>> X.shape, sorted(y.unique())
    ((178, 13), ['class_0', 'class_1', 'class_2'])
    """
    return _load("wine")


def units(name: str) -> dict[str, str]:
    """The unit of every column of a bundled data set, target included.

    Parameters
    ----------
    name
        ``"breast_cancer"``, ``"diabetes"``, ``"iris"``, ``"loans"`` or ``"wine"``.

    Returns
    -------
    dict
        Column to unit, in the order of the table. The unit is ``""`` where the column has
        none or the source states none; the card says which.

    Raises
    ------
    ArgumentError
        If there is no bundled data set of that name.

    Examples
    --------
    >>> units("loans")["income"]
    'EUR/year'
    """
    table: dict[str, dict[str, str]] = read_json("units.json")
    if name not in table:
        raise ArgumentError(
            f"Required: the name of a bundled data set, one of {sorted(table)}. Got: {name!r}. "
            "Use one of those names."
        )
    return table[name]


def _load(name: str) -> tuple[pd.DataFrame, pd.Series]:
    # Python's own parsing gives back every float64 that was written; that of pandas.read_csv
    # may be off in the last bit, depending on its version.
    with bundled_path(f"{name}.csv").open(encoding="utf-8", newline="") as file:
        names, *rows = csv.reader(file)
    columns = zip(names, zip(*rows, strict=True), strict=True)
    frame = pd.DataFrame({column: _parsed(cells) for column, cells in columns})
    target = frame.pop(names[-1])
    return frame, target


def _parsed(cells: tuple[str, ...]) -> Sequence[int | float | str]:
    """The cells of one column as integers, else as floats, else as the text they are."""
    for kind in (int, float):
        try:
            return [kind(cell) for cell in cells]
        except ValueError:
            continue
    return cells
