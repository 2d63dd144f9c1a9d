"""Make the CSV files of the four data sets that scikit-learn bundles.

    python datasets/make_datasets.py [FOLDER]

writes breast_cancer.csv, diabetes.csv, iris.csv and wine.csv into FOLDER (default: the folder
of this script): scikit-learn's columns under its names, then the target. Numbers are written
with the fewest digits that read back to the same float64.
"""

import sys
from pathlib import Path

import numpy as np
import pandas as pd
from sklearn.datasets import load_breast_cancer, load_diabetes, load_iris, load_wine
from sklearn.utils import Bunch


def _with_class_names(bunch: Bunch, target: str) -> pd.DataFrame:
    names = np.asarray(bunch.target_names)
    return bunch.data.assign(**{target: names[bunch.target.to_numpy()]})


def tables() -> dict[str, pd.DataFrame]:
    """File name (without suffix) to table, the target last."""
    diabetes = load_diabetes(as_frame=True, scaled=False)
    return {
        "breast_cancer": _with_class_names(load_breast_cancer(as_frame=True), "diagnosis"),
        "diabetes": diabetes.data.assign(progression=diabetes.target),
        "iris": _with_class_names(load_iris(as_frame=True), "species"),
        "wine": _with_class_names(load_wine(as_frame=True), "cultivar"),
    }


def make(folder: Path) -> None:
    """Write every table into ``folder``."""
    for name, frame in tables().items():
        frame.to_csv(folder / f"{name}.csv", index=False, lineterminator="\n")


if __name__ == "__main__":
    make(Path(sys.argv[1]) if len(sys.argv) > 1 else Path(__file__).parent)
