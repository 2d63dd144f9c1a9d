"""Shapley values: ours, and shap's explainers, of the same model, rows and background.

    python -m benchmarks.attributions.shapley --rows 1000

shap is handed the scikit-learn pipeline as people have it, and once more the bare network as a
function of numpy arrays, which is the fastest that it can be handed. Of a table with categorical
columns it is handed level codes, which the function turns back, since it cannot subtract strings.
"""

import argparse
import warnings
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from benchmarks.attributions.measuring import Contender, largest_error, measured, table


@dataclass(frozen=True, slots=True, eq=False)
class Task:
    """A fitted pipeline that predicts a number, the rows to explain and the background."""

    name: str
    model: Any
    rows: pd.DataFrame
    background: pd.DataFrame


def numeric_task(hidden: tuple[int, ...], n_rows: int, n_background: int = 100) -> Task:
    """Ten standardised normal columns, a target with interactions; the hardest case."""
    from sklearn.neural_network import MLPRegressor
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler

    rng = np.random.default_rng(0)
    X = pd.DataFrame(rng.normal(size=(2000 + n_rows, 10)), columns=[f"x{i}" for i in range(10)])
    x = X.to_numpy().T
    y = np.sin(2.0 * x[0]) + x[1] * x[2] + np.abs(x[3]) + 0.3 * x[4:].sum(axis=0)
    mlp = MLPRegressor(hidden_layer_sizes=hidden, max_iter=200, random_state=0)
    model = _fitted(make_pipeline(StandardScaler(), mlp), X[:2000], y[:2000])
    widths = "-".join(map(str, (10, *hidden, 1)))
    return Task(widths, model, X[2000:], X[:n_background])


def loans_task(n_rows: int, n_background: int = 100) -> Task:
    """The loans table: numbers and categories, one-hot encoded."""
    from sklearn.compose import make_column_selector, make_column_transformer
    from sklearn.neural_network import MLPRegressor
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import OneHotEncoder, StandardScaler

    from explainrelu.datasets import load_loans, loans_rule

    X, _ = load_loans()
    columns = make_column_transformer(
        (StandardScaler(), make_column_selector(dtype_include="number")),
        (OneHotEncoder(sparse_output=False), make_column_selector(dtype_exclude="number")),
    )
    mlp = MLPRegressor(hidden_layer_sizes=(16, 16), max_iter=60, random_state=0)
    model = _fitted(make_pipeline(columns, mlp), X[:3000], loans_rule().score(X)[:3000])
    name = f"loans, {X.shape[1]} columns, 16-16"
    return Task(name, model, X[3000 : 3000 + n_rows], X[:n_background])


def _fitted(model: Any, X: pd.DataFrame, y: Any) -> Any:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return model.fit(X, y)


def ours(task: Task) -> Callable[[], np.ndarray]:
    """``shapley_values`` of the pipeline: reading and checking it is counted."""
    from explainrelu.explanations.shapley import shapley_values

    shapley_values(task.model, task.rows[:2], background=task.background)
    return lambda: shapley_values(task.model, task.rows, background=task.background).values


def ours_sampled(task: Task) -> Callable[[], np.ndarray]:
    """With 23 orders forwards and backwards, as many as shap's Permutation takes by default."""
    from explainrelu.explanations.shapley import shapley_values

    options = {"background": task.background, "method": "sampling", "n_permutations": 23}
    return lambda: shapley_values(task.model, task.rows, **options).values


def exact_on_pipeline(task: Task) -> Callable[[], np.ndarray]:
    return _shap("Exact", task, _pipeline(task))


def exact_on_network(task: Task) -> Callable[[], np.ndarray]:
    return _shap("Exact", task, _bare(task))


def permutation_on_network(task: Task) -> Callable[[], np.ndarray]:
    return _shap("Permutation", task, _bare(task))


def kernel_on_network(task: Task) -> Callable[[], np.ndarray]:
    """KernelExplainer, which by default takes all coalitions of ten columns."""
    import shap

    rows, background = _numbers(task)
    explainer = shap.KernelExplainer(_bare(task), background)
    return lambda: np.asarray(explainer.shap_values(rows, silent=True))


def deep_on_torch(task: Task) -> Callable[[], np.ndarray]:
    """DeepExplainer on the same network as a torch module; it takes numeric columns only."""
    import shap
    import torch

    torch.set_num_threads(1)
    layers: list[Any] = []
    for weight, bias in _layers(task):
        layer = torch.nn.Linear(*weight.shape, dtype=torch.float64)
        with torch.no_grad():
            layer.weight.copy_(torch.as_tensor(weight.T))
            layer.bias.copy_(torch.as_tensor(bias))
        layers += [layer, torch.nn.ReLU()]
    rows, background = (torch.as_tensor(points) for points in _numbers(task))
    explainer = shap.DeepExplainer(torch.nn.Sequential(*layers[:-1]), background)
    return lambda: np.asarray(explainer.shap_values(rows, check_additivity=False))[..., 0]


def _shap(kind: str, task: Task, score: Callable) -> Callable[[], np.ndarray]:
    import shap

    rows, background = _numbers(task)
    masker = shap.maskers.Independent(background, max_samples=len(background))
    explainer = getattr(shap.explainers, kind)(score, masker)
    explainer(rows[:2], silent=True)  # shap compiles a part of itself
    return lambda: explainer(rows, silent=True).values


def _numbers(task: Task) -> list[np.ndarray]:
    """Rows and background with level codes for categories."""
    return [_codes(task, X) for X in (task.rows, task.background)]


def _codes(task: Task, X: pd.DataFrame) -> np.ndarray:
    levels = _levels(task)
    columns = [
        np.searchsorted(levels[name], X[name].to_numpy(dtype=str)) if name in levels else X[name]
        for name in X
    ]
    return np.stack(columns, axis=1).astype(np.float64)


def _levels(task: Task) -> dict[str, np.ndarray]:
    X = task.rows
    names = [name for name in X if not pd.api.types.is_numeric_dtype(X[name])]
    if not names:
        return {}
    encoder = task.model[0].named_transformers_["onehotencoder"]
    return dict(zip(names, [np.array(c, dtype=str) for c in encoder.categories_], strict=True))


def _pipeline(task: Task) -> Callable:
    """The pipeline's own predictions; of a table with categories through a DataFrame."""
    levels, names = _levels(task), list(task.rows)

    def score(numbers: np.ndarray) -> np.ndarray:
        columns = {
            name: levels[name][numbers[:, i].astype(int)] if name in levels else numbers[:, i]
            for i, name in enumerate(names)
        }
        return task.model.predict(pd.DataFrame(columns))

    return score


def _layers(task: Task) -> list[tuple[np.ndarray, np.ndarray]]:
    """Weights ``(n_in, n_out)`` and biases on raw inputs, the scaling folded in."""
    from explainrelu.importers.import_model import import_model

    network = import_model(task.model, task.rows)
    parts = [*network.layers, network.output]
    return [(np.array(part.weight.T), part.bias) for part in parts]


def _bare(task: Task) -> Callable:
    """The network alone as a function of arrays."""
    from explainrelu.importers.import_model import import_model

    layers, schema = _layers(task), import_model(task.model, task.rows).schema

    def score(numbers: np.ndarray) -> np.ndarray:
        hidden = schema.spread(numbers)
        for weight, bias in layers[:-1]:
            hidden = hidden @ weight
            hidden += bias
            np.maximum(hidden, 0.0, out=hidden)
        return (hidden @ layers[-1][0] + layers[-1][1])[:, 0]

    return score


CONTENDERS: dict[str, Contender] = {
    "ours": ours,
    "shap Exact, pipeline": exact_on_pipeline,
    "shap Exact, bare network": exact_on_network,
    "shap Kernel, bare network": kernel_on_network,
    "ours, sampled": ours_sampled,
    "shap Permutation, bare network": permutation_on_network,
}


def main(*, quick: bool = False, n_rows: int = 1000, rounds: int = 1) -> None:
    """The table; ``quick`` with few rows, to see whether everything runs."""
    n_rows = 5 if quick else n_rows
    print("## Shapley values\n")
    heads = ("model", "rows", "background", "who", "ms a row", "times ours", "largest error", "MB")
    tasks = [numeric_task((width, width), n_rows) for width in (16, 32, 64)]
    tasks.append(loans_task(n_rows))
    table(heads, (line for task in tasks for line in _lines(task, rounds)))


def _lines(task: Task, rounds: int) -> Iterator[tuple]:
    contenders = dict(CONTENDERS)
    if not _levels(task):
        contenders["shap DeepExplainer, torch"] = deep_on_torch
    first = None
    for name, run in contenders.items():
        found = measured(run, task, rounds=rounds)
        first = first or found
        yield (
            *(task.name, len(task.rows), len(task.background), name),
            f"{1e3 * found.seconds / len(task.rows):,.2f}",
            f"{found.seconds / first.seconds:.1f}",
            "the yardstick"
            if found is first
            else f"{largest_error(found.values, first.values):.1e}",
            f"{found.megabytes:,.0f}",
        )


if __name__ == "__main__":
    parser = argparse.ArgumentParser(prog="python -m benchmarks.attributions.shapley")
    parser.add_argument("--rows", type=int, default=1000)
    parser.add_argument("--quick", action="store_true")
    given = parser.parse_args()
    main(quick=given.quick, n_rows=given.rows)
