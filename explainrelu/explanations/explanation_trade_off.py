"""What a network that is easier to explain costs: accuracy against regions and rules."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import product
from numbers import Integral
from typing import Any

import numpy as np
import pandas as pd

from explainrelu.arrays import FloatArray, IntArray
from explainrelu.errors import ArgumentError
from explainrelu.explanations.limits import checked_count, checked_seed
from explainrelu.explanations.simplification.few_rules import FewRules
from explainrelu.explanations.simplify import simplify
from explainrelu.explanations.tabular_training import TabularTask, tabular_task
from explainrelu.geometry.box import Box
from explainrelu.milp.stability import find_stability
from explainrelu.network.network import ReluNetwork
from explainrelu.network.outputs import Task
from explainrelu.regions.observed import regions_of_points

__all__ = ["ExplanationTradeOff", "explanation_trade_off"]

_HELD_OUT = 0.25


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class ExplanationTradeOff:
    """Networks trained with more and more weight on being simple.

    Attributes
    ----------
    frame
        One row a network: ``l1 stability performance performance_is regions regions_per_row
        stable_share weights_kept n_rules equal_decisions rules_r2 rules_performance bound
        bound_is exactness``. ``performance`` is that of the network on rows not used for
        training (accuracy, or R2 of a regression); ``regions`` those that all rows visit;
        ``stable_share`` the share of neurons proven stable over the box of the data;
        ``weights_kept`` the share of weights above a thousandth of their layer's largest;
        ``equal_decisions`` the share of the unused rows that few rules decide as the network
        does, ``rules_performance`` what the rules themselves reach on them, and ``bound`` how far
        the rules can be from the network anywhere in the box.
    networks
        The networks, on raw columns, in the order of the rows of ``frame``.
    rules
        The few rules of each.
    """

    frame: pd.DataFrame
    networks: tuple[ReluNetwork, ...]
    rules: tuple[FewRules, ...]

    def __repr__(self) -> str:
        return f"ExplanationTradeOff({len(self.networks)} networks: .frame, .networks, .rules)"

    def to_frame(self) -> pd.DataFrame:
        """One row a network."""
        return self.frame


def explanation_trade_off(
    X: Any,
    y: Any,
    *,
    l1: Sequence[float] = (0.0, 1e-4, 3e-4, 1e-3, 3e-3),
    stability: Sequence[float] = (0.0,),
    radius: float = 0.1,
    hidden_layers: Sequence[int] = (32, 32),
    max_rules: int = 6,
    task: str = "auto",
    epochs: int = 60,
    batch_size: int = 64,
    learning_rate: float = 0.05,
    time_limit: float = 5.0,
    random_state: int = 0,
    progress: Callable[[int, str], None] | None = None,
) -> ExplanationTradeOff:
    """Train networks on a table with growing penalties, and measure what each is like to explain.

    Every network starts from the same weights and sees the same rows: a quarter of them, drawn by
    ``random_state``, is kept out of training, and is what performance is measured on.

    Parameters
    ----------
    X : (n_samples, n_columns)
        Raw rows; columns of text, categories or truth values are encoded level by level.
    y : (n_samples,)
        Classes or values.
    l1, stability
        Weights of the penalties of :func:`explainrelu.training.train`; every pair of them is
        trained.
    radius
        For ``stability``: within how many standard deviations of a row neurons should not change
        sides.
    hidden_layers
        Widths.
    max_rules
        Rules of :func:`explainrelu.simplify`.
    task
        ``classification``, ``regression`` or ``auto``.
    epochs, batch_size, learning_rate
        As :func:`explainrelu.training.train` takes them.
    time_limit
        Seconds for the proof of each set of rules.
    random_state
        Seed of weights, order and draw of rows.
    progress
        Is called with the number of networks done and what is trained next.

    Returns
    -------
    ExplanationTradeOff
        ``.frame .networks .rules``; :class:`explainrelu.TradeOffDisplay` draws it.

    Raises
    ------
    ArgumentError, InputTypeError, DataError
        For penalties below 0 or none, widths that are no whole numbers of at least 1, missing
        values, and what ``train`` and ``simplify`` refuse.
    MissingDependencyError
        Where torch is not installed.

    Notes
    -----
    Performance and shares are exact on the rows they name and an estimate of what others would
    show. One network a pair of penalties: differences of a percent or two can be luck. Cost: the
    training, a second or two a network on small tables, and the proof of the rules.

    Examples
    --------
    >>> rng = np.random.default_rng(0)
    >>> X = rng.normal(size=(200, 2))
    >>> found = explanation_trade_off(
    ...     X, X[:, 0] > 0, l1=(0.0, 0.01), hidden_layers=(6,), epochs=5, max_rules=2)
    >>> found.frame.l1.tolist()
    [0.0, 0.01]
    """
    most, seed = checked_count("max_rules", max_rules), checked_seed(random_state)
    widths = _widths(hidden_layers)
    pairs = list(product(_penalties("l1", l1), _penalties("stability", stability)))
    learned = tabular_task(X, y, task=task)
    used, unused = _parted(learned, seed)
    records, networks, rules = [], [], []
    for number, (size, change) in enumerate(pairs):
        if progress is not None:
            progress(number, f"l1 {size:g}, stability {change:g}")
        network = learned.trained(
            used, widths, seed, l1=size, stability=change, radius=radius if change else None,
            epochs=epochs, batch_size=batch_size, learning_rate=learning_rate,
        )  # fmt: skip
        frame = network.schema.decode(learned.points)
        few = simplify(
            network, frame.iloc[used], X_test=frame.iloc[unused], max_rules=most,
            domain=Box.from_data(learned.points), time_limit=time_limit, random_state=seed,
        )  # fmt: skip
        records.append((size, change, *_measured(learned, network, few, unused)))
        networks.append(network)
        rules.append(few)
    if progress is not None:
        progress(len(pairs), "done")
    return ExplanationTradeOff(_frame(records), tuple(networks), tuple(rules))


def _measured(
    learned: TabularTask, network: ReluNetwork, few: FewRules, unused: IntArray
) -> tuple[object, ...]:
    """Everything about one network, in the order of the frame."""
    points, truth = learned.points[unused], learned.target[unused]
    name, performance = _performance(learned, network.forward(points), truth)
    predicted = few.predict(network.schema.decode(points)).reshape(len(points), -1)
    regions = len(regions_of_points(network, learned.points))
    stable = find_stability(network, Box.from_data(learned.points), time_limit=5.0).to_frame()
    share = float(stable["state"].isin(["stably active", "stably inactive"]).mean())
    quality = few.quality[few.quality["rows"] != few.quality["rows"].iloc[0]]
    return (
        performance,
        name,
        regions,
        regions / len(learned.points),
        share,
        _weights_kept(network),
        len(few),
        float(quality["equal_decisions"].iloc[0]),
        float(quality["r2"].mean()),
        _performance(learned, predicted, truth)[1],
        few.whole.largest_bound,
        str(few.whole.exactness),
    )


def _performance(
    learned: TabularTask, scores: FloatArray, truth: FloatArray | IntArray
) -> tuple[str, float]:
    if learned.outputs.task is Task.REGRESSION:
        left = float(np.square(truth - scores[:, 0]).sum())
        total = float(np.square(truth - truth.mean()).sum())
        return "R2", 1.0 - left / total if total > 0 else float("nan")
    one = scores.shape[1] == 1
    given = (scores[:, 0] > 0).astype(np.int64) if one else scores.argmax(axis=1)
    return "accuracy", float((given == truth).mean())


def _weights_kept(network: ReluNetwork) -> float:
    """The share of weights above a thousandth of the largest of their layer."""
    sizes = [np.abs(np.asarray(layer.weight)) for layer in network.layers]
    sizes.append(np.abs(network.output.weight))
    kept = sum(int((size > 1e-3 * size.max()).sum()) for size in sizes)
    return float(kept / sum(size.size for size in sizes))


def _parted(learned: TabularTask, seed: int) -> tuple[IntArray, IntArray]:
    """Rows to train on, and the others."""
    n_samples = len(learned.points)
    order = np.random.default_rng(seed).permutation(n_samples)
    n_unused = max(1, int(_HELD_OUT * n_samples))
    return np.sort(order[n_unused:]), np.sort(order[:n_unused])


def _penalties(name: str, values: Any) -> tuple[float, ...]:
    found = tuple(float(value) for value in np.ravel(values))
    if not found or not all(np.isfinite(found)) or min(found) < 0:
        raise ArgumentError(f"{name} must be weights of at least 0, at least one, got {values!r}.")
    return found


def _widths(hidden_layers: Any) -> tuple[int, ...]:
    widths = tuple(np.ravel(hidden_layers).tolist())
    if not widths or not all(isinstance(w, Integral) and int(w) >= 1 for w in widths):
        raise ArgumentError(
            "hidden_layers must be whole numbers of at least 1, at least one, got "
            f"{hidden_layers!r}."
        )
    return widths


def _frame(records: list[tuple[object, ...]]) -> pd.DataFrame:
    dtypes = {
        "l1": "float64",
        "stability": "float64",
        "performance": "float64",
        "performance_is": "str",
        "regions": "int64",
        "regions_per_row": "float64",
        "stable_share": "float64",
        "weights_kept": "float64",
        "n_rules": "int64",
        "equal_decisions": "float64",
        "rules_r2": "float64",
        "rules_performance": "float64",
        "bound": "float64",
        "bound_is": "str",
    }
    table = pd.DataFrame(records, columns=list(dtypes)).astype(dtypes)
    return table.assign(exactness=pd.Series(["estimated"] * len(table), dtype="str"))
