"""Integrated gradients: ours, and captum's with 50 and 500 steps, of the same network and rows."""

import warnings
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import pairwise

import numpy as np

from benchmarks.attributions.measuring import Contender, Measured, largest_error, measured, table


@dataclass(frozen=True, slots=True, eq=False)
class Task:
    """A plain network, the rows to explain and the points to measure from.

    Attributes
    ----------
    weights, biases
        As torch has them, the output's last; its first output is explained.
    rows : (n_samples, n_inputs)
    starts : (n_starts, n_inputs)
        One baseline, or a background of several rows.
    """

    name: str
    weights: list[np.ndarray]
    biases: list[np.ndarray]
    rows: np.ndarray
    starts: np.ndarray


def random_task(widths: tuple[int, ...], n_rows: int, n_starts: int = 1) -> Task:
    """PyTorch's default initialisation, normal rows; the baseline is zero."""
    import torch

    torch.manual_seed(0)
    layers = [torch.nn.Linear(a, b) for a, b in pairwise(widths)]
    rng = np.random.default_rng(0)
    rows = rng.normal(size=(n_rows, widths[0]))
    starts = rng.normal(size=(n_starts, widths[0])) if n_starts > 1 else np.zeros((1, widths[0]))
    return Task(
        "-".join(map(str, widths)),
        [layer.weight.detach().double().numpy() for layer in layers],
        [layer.bias.detach().double().numpy() for layer in layers],
        rows,
        starts,
    )


def trained_task() -> Task:
    """A classifier of the breast cancer table, standardised; the baseline is the mean."""
    from sklearn.neural_network import MLPClassifier

    from explainrelu.datasets import load_breast_cancer

    X, y = load_breast_cancer()
    rows = ((X - X.mean()) / X.std()).to_numpy()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        model = MLPClassifier((40, 40), max_iter=300, random_state=0).fit(rows, y)
    weights = [weight.T.copy() for weight in model.coefs_]
    starts = np.zeros((1, rows.shape[1]))
    return Task("30-40-40-1, breast cancer", weights, list(model.intercepts_), rows, starts)


def ours(task: Task) -> Callable[[], np.ndarray]:
    """``integrated_gradients``, from the network of arrays."""
    from explainrelu.explanations.integrated_gradients import integrated_gradients
    from explainrelu.network.network import ReluNetwork

    network = ReluNetwork.from_weights(task.weights, task.biases)
    output = network.outputs.names[0]
    one = task.starts.shape[0] == 1
    points = {"baselines": task.starts} if one else {"background": task.starts}
    integrated_gradients(network, task.rows[:2], output=output, **points)
    return lambda: integrated_gradients(network, task.rows, output=output, **points).values


def ours_by_captums_call(task: Task) -> Callable[[], np.ndarray]:
    """``ExactIntegratedGradients``, which reads the torch module at each call."""
    from explainrelu.explanations.captum_interface import ExactIntegratedGradients

    module, (rows, start) = _in_torch(task, "float64")
    method = ExactIntegratedGradients(module)
    method.attribute(rows[:2], start, target=0)
    return lambda: method.attribute(rows, start, target=0).numpy()


def captum_50(task: Task) -> Callable[[], np.ndarray]:
    return _captum(task, 50, "float64")


def captum_50_single(task: Task) -> Callable[[], np.ndarray]:
    return _captum(task, 50, "float32")


def captum_500(task: Task) -> Callable[[], np.ndarray]:
    return _captum(task, 500, "float64")


def captum_500_single(task: Task) -> Callable[[], np.ndarray]:
    return _captum(task, 500, "float32")


def gradient_shap_50(task: Task) -> Callable[[], np.ndarray]:
    return _gradient_shap(task, 50)


def gradient_shap_500(task: Task) -> Callable[[], np.ndarray]:
    return _gradient_shap(task, 500)


def _captum(task: Task, n_steps: int, dtype: str) -> Callable[[], np.ndarray]:
    from captum.attr import IntegratedGradients

    module, (rows, start) = _in_torch(task, dtype)
    method = IntegratedGradients(module)
    method.attribute(rows[:2], start, target=0, n_steps=2)
    return lambda: method.attribute(rows, start, target=0, n_steps=n_steps).numpy()


def _gradient_shap(task: Task, n_samples: int) -> Callable[[], np.ndarray]:
    from captum.attr import GradientShap

    module, (rows, starts) = _in_torch(task, "float64")
    method = GradientShap(module)
    method.attribute(rows[:2], starts, target=0, n_samples=2)
    return lambda: method.attribute(rows, starts, target=0, n_samples=n_samples).detach().numpy()


def _in_torch(task: Task, dtype: str) -> tuple:
    """The module and its points, on one thread."""
    import torch

    torch.set_num_threads(1)
    torch.manual_seed(0)
    kind, layers = getattr(torch, dtype), []
    for weight, bias in zip(task.weights, task.biases, strict=True):
        layer = torch.nn.Linear(*weight.shape[::-1], dtype=kind)
        with torch.no_grad():
            layer.weight.copy_(torch.as_tensor(weight))
            layer.bias.copy_(torch.as_tensor(bias))
        layers += [layer, torch.nn.ReLU()]
    module = torch.nn.Sequential(*layers[:-1]).eval()
    return module, [torch.as_tensor(points).to(kind) for points in (task.rows, task.starts)]


AT_A_BASELINE: dict[str, Contender] = {
    "ours": ours,
    "ours, by captum's call": ours_by_captums_call,
    "captum, 50 steps": captum_50,
    "captum, 50 steps, float32": captum_50_single,
    "captum, 500 steps": captum_500,
    "captum, 500 steps, float32": captum_500_single,
}
OVER_A_BACKGROUND: dict[str, Contender] = {
    "ours": ours,
    "captum GradientShap, 50 draws": gradient_shap_50,
    "captum GradientShap, 500 draws": gradient_shap_500,
}


def main(*, quick: bool = False) -> None:
    """The tables; ``quick`` with few rows, to see whether everything runs."""
    n_rows, rounds = (10, 1) if quick else (1000, 5)
    tasks = [
        random_task((10, 16, 16, 1), n_rows),
        random_task((20, 40, 40, 1), n_rows),
        trained_task(),
        random_task((784, 100, 100, 10), n_rows // 10),
    ]
    print("## Integrated gradients from one baseline\n")
    lines = (line for task in tasks for line in _lines(task, AT_A_BASELINE, rounds))
    table(_heads("captum, 50 steps"), lines)
    print("## Integrated gradients over a background\n")
    task = random_task((20, 40, 40, 1), n_rows // 5, n_starts=n_rows // 20)
    table(_heads("50 draws"), _lines(task, OVER_A_BACKGROUND, rounds))


def _heads(yardstick: str) -> tuple[str, ...]:
    sizes = ("network", "rows", "from")
    return (*sizes, "who", "ms", f"times {yardstick}", "largest error", "completeness error", "MB")


def _lines(task: Task, contenders: dict[str, Contender], rounds: int) -> Iterator[tuple]:
    found = {name: measured(run, task, rounds=rounds) for name, run in contenders.items()}
    yardstick = next(v.seconds for name, v in found.items() if " 50 " in name)
    change = _scores(task, task.rows) - _scores(task, task.starts).mean()
    for name, one in found.items():
        yield (
            *(task.name, len(task.rows), len(task.starts), name),
            f"{1e3 * one.seconds:,.1f}",
            f"{one.seconds / yardstick:.2f}",
            "the yardstick" if name == "ours" else f"{_error(one, found['ours']):.1e}",
            f"{np.abs(one.values.sum(axis=1) - change).max() / np.abs(change).max():.1e}",
            f"{one.megabytes:,.0f}",
        )


def _error(one: Measured, exact: Measured) -> float:
    return largest_error(one.values, exact.values)


def _scores(task: Task, points: np.ndarray) -> np.ndarray:
    hidden = points
    for weight, bias in zip(task.weights[:-1], task.biases[:-1], strict=True):
        hidden = np.maximum(hidden @ weight.T + bias, 0.0)
    return hidden @ task.weights[-1][0] + task.biases[-1][0]
