"""Training torch networks that are easier to explain: few weights, few regions, stable neurons.

Three additions to ordinary training, each with a weight of its own:

- ``l1``: the sum of absolute weights, which puts neurons out of work;
- an attack: every second batch is of rows near the drawn ones on which the loss is larger;
- ``stability``: a loss that is small where neurons do not change sides near the rows.
"""

import copy
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from numbers import Integral, Real
from typing import Any

import numpy as np
import pandas as pd

from explainrelu.errors import ArgumentError, InputTypeError

__all__ = ["Attack", "Training", "attacked", "l1_penalty", "stability_loss", "train"]

Loss = Callable[[Any, Any], Any]


@dataclass(frozen=True, slots=True)
class Attack:
    """Projected gradient ascent of the loss near each row.

    Attributes
    ----------
    radius
        How far each input may move, in the units of the rows that are handed over.
    step
        How far it moves at a time.
    n_steps
        How often.
    lower, upper
        Where all inputs stay, such as 0 and 1 for pixels.
    """

    radius: float
    step: float
    n_steps: int = 8
    lower: float = -np.inf
    upper: float = np.inf

    def __post_init__(self) -> None:
        if not (self.radius > 0 and self.step > 0 and self.n_steps >= 1):
            raise ArgumentError(
                "An attack needs radius and step above 0 and n_steps of at least 1, got "
                f"radius={self.radius}, step={self.step}, n_steps={self.n_steps}."
            )
        if not self.lower < self.upper:
            raise ArgumentError(f"lower must be below upper, got {self.lower} and {self.upper}.")


@dataclass(frozen=True, slots=True, eq=False)
class Training:
    """A trained module, and how training went.

    Attributes
    ----------
    module
        The trained copy, in evaluation mode.
    history : DataFrame
        One row an epoch: ``epoch loss l1 stability``, means over its batches, without weights.
    """

    module: Any
    history: pd.DataFrame


def train(
    module: Any,
    X: Any,
    y: Any,
    *,
    l1: float = 0.0,
    attack: Attack | None = None,
    stability: float = 0.0,
    radius: float | None = None,
    loss: Loss | None = None,
    epochs: int = 20,
    batch_size: int = 128,
    learning_rate: float = 0.01,
    momentum: float = 0.9,
    random_state: int = 0,
    progress: bool = False,
) -> Training:
    """Train a copy of a module by stochastic gradient descent, with penalties that simplify it.

    What is made small is ``loss(module(x), y) + l1 sum |w| + stability R(x)``, with ``w`` all
    weights of layers (not biases) and ``R`` of :func:`stability_loss`.

    Parameters
    ----------
    module
        A torch module; it is left as it is.
    X : (n_samples, ...)
        Rows as the module takes them.
    y : (n_samples,) or (n_samples, n_outputs)
        Classes as whole numbers, or values.
    l1, stability
        Weights of the penalties.
    attack
        Every second batch is of attacked rows.
    radius
        How far around each row neurons should be stable; needed with ``stability``.
    loss
        Takes scores and targets. By default cross entropy for whole numbers, its logistic form
        where the module has one output, and the squared error for other numbers.
    epochs, batch_size, learning_rate, momentum
        As in torch. The rate falls to a tenth after 5/12 and 10/12 of the epochs.
    random_state
        Seed of the order of the rows: the same call gives the same network on the same machine.
    progress
        Whether to show a bar.

    Returns
    -------
    Training

    Raises
    ------
    ArgumentError, InputTypeError
        For rows and targets of different number, numbers that are not finite, penalties below
        zero, a missing radius, and for ``stability`` a module that is no ``Sequential`` of linear
        and ReLU layers.

    Notes
    -----
    Nothing is proven by training: :func:`explainrelu.stability` and
    :func:`explainrelu.count_regions` say what it achieved. Cost: one forward and backward pass a
    batch, ``n_steps`` more for an attacked one, two more with ``stability``.

    References
    ----------
    A. Kumar, T. Serra, S. Ramalingam, "Equivalent and Approximate Transformations of Deep Neural
    Networks", 2019 (l1 and attacks). K. Xiao, V. Tjeng, N. Shafiullah, A. Madry, "Training for
    Faster Adversarial Robustness Verification via Inducing ReLU Stability", ICLR 2019.

    Examples
    --------
    >>> import torch
    >>> net = torch.nn.Sequential(torch.nn.Linear(2, 4), torch.nn.ReLU(), torch.nn.Linear(4, 1))
    >>> X = np.random.default_rng(0).normal(size=(64, 2))
    >>> trained = train(net, X, (X[:, 0] > 0).astype(int), l1=1e-3, epochs=3)
    >>> trained.history.columns.tolist()
    ['epoch', 'loss', 'l1', 'stability']
    """
    import torch

    _check(epochs, batch_size, l1, stability, radius)
    own = copy.deepcopy(module).train()
    parameter = next(own.parameters())
    x = _tensor(X, "X").to(parameter)
    target = _tensor(y, "y").to(parameter.device)
    if len(x) != len(target):
        raise ArgumentError(f"X and y must have as many rows, got {len(x)} and {len(target)}.")
    loss = loss or _loss_for(own, x, target)
    generator = torch.Generator().manual_seed(random_state)
    descent = torch.optim.SGD(own.parameters(), lr=learning_rate, momentum=momentum)
    falls = [round(epochs * share / 12) for share in (5, 10)]
    schedule = torch.optim.lr_scheduler.MultiStepLR(descent, falls, gamma=0.1)
    history = []
    for epoch in _counted(epochs, progress):
        seen = []
        order: Any = torch.randperm(len(x), generator=generator).to(parameter.device)
        for number, rows in enumerate(order.split(batch_size)):
            batch, truth = x[rows], target[rows]
            if attack is not None and number % 2:
                batch = attacked(own, batch, truth, attack, loss=loss)
            fit, size = loss(own(batch), truth), l1_penalty(own)
            change = stability_loss(own, batch, radius) if stability and radius else 0.0 * fit
            descent.zero_grad()
            (fit + l1 * size + stability * change).backward()
            descent.step()
            seen.append([float(part.detach()) for part in (fit, size, change)])
        schedule.step()
        history.append([epoch + 1, *np.mean(seen, axis=0)])
    columns = ["epoch", "loss", "l1", "stability"]
    return Training(own.eval(), pd.DataFrame(history, columns=columns).astype({"epoch": "int64"}))


def l1_penalty(module: Any) -> Any:
    """The sum of the absolute values of all weights that are no biases: a scalar tensor."""
    weights = [p for p in module.parameters() if p.ndim > 1]
    return sum(weight.abs().sum() for weight in weights)


def attacked(module: Any, x: Any, y: Any, attack: Attack, *, loss: Loss | None = None) -> Any:
    """Rows near ``x``, within the attack's radius and bounds, on which the loss is larger."""
    import torch

    loss = loss or _loss_for(module, x, y)
    lower = (x - attack.radius).clamp(attack.lower, attack.upper)
    upper = (x + attack.radius).clamp(attack.lower, attack.upper)
    near = x
    for _ in range(attack.n_steps):
        near = near.detach().requires_grad_()
        (slope,) = torch.autograd.grad(loss(module(near), y), near)
        near = torch.minimum(torch.maximum(near + attack.step * slope.sign(), lower), upper)
    return near.detach()


def stability_loss(module: Any, x: Any, radius: float) -> Any:
    """How far neurons are from keeping their sign within a radius of each row.

    With ``l`` and ``u`` the interval bounds of a preactivation over the box of half-width
    ``radius`` around a row, ``R = -mean tanh(1 + l u)``: -1 where all neurons are clearly stable,
    larger the more ``l`` and ``u`` differ in sign.

    Parameters
    ----------
    module
        A ``torch.nn.Sequential`` of ``Linear``, ``ReLU``, ``Flatten``, ``Identity`` and
        ``Dropout``, which is read as it stands in evaluation.
    x : (n_samples, ...)

    Raises
    ------
    ArgumentError
        For another module.
    """
    import torch

    lower, upper, found, pending = x - radius, x + radius, [], None
    for layer in _layers(module):
        if isinstance(layer, torch.nn.Linear):
            middle, spread = (lower + upper) / 2, (upper - lower) / 2
            middle, spread = layer(middle), spread @ layer.weight.abs().T
            lower, upper = middle - spread, middle + spread
            pending = lower, upper
        elif isinstance(layer, torch.nn.ReLU):
            if pending is not None:
                found.append(torch.tanh(1 + pending[0] * pending[1]).flatten(1))
            lower, upper, pending = lower.clamp(min=0), upper.clamp(min=0), None
        elif isinstance(layer, torch.nn.Flatten):
            lower, upper = layer(lower), layer(upper)
    if not found:
        raise ArgumentError("stability needs a module with a ReLU behind a linear layer.")
    return -torch.cat(found, dim=1).mean()


def _layers(module: Any) -> Iterator[Any]:
    import torch

    known = (torch.nn.Linear, torch.nn.ReLU, torch.nn.Flatten, torch.nn.Identity, torch.nn.Dropout)
    if isinstance(module, torch.nn.Sequential):
        for child in module:
            yield from _layers(child)
    elif isinstance(module, known):
        yield module
    else:
        raise ArgumentError(
            "stability is known for Sequential modules of Linear and ReLU layers, got "
            f"{type(module).__name__}. Leave stability at 0, or write the module so."
        )


def _loss_for(module: Any, x: Any, y: Any) -> Loss:
    """What torch's users take for such targets."""
    import torch
    from torch.nn import functional

    if y.is_floating_point():
        return lambda scores, truth: functional.mse_loss(scores.reshape(truth.shape), truth)
    with torch.no_grad():
        single = module(x[:2]).reshape(len(x[:2]), -1).shape[1] == 1
    if not single:
        return functional.cross_entropy
    return lambda scores, truth: functional.binary_cross_entropy_with_logits(
        scores.reshape(truth.shape), truth.to(scores.dtype)
    )


def _tensor(values: Any, name: str) -> Any:
    """A tensor of whole numbers or of floats."""
    import torch

    found = values.detach() if isinstance(values, torch.Tensor) else torch.tensor(_array(values))
    if found.ndim == 0 or len(found) == 0:
        raise ArgumentError(f"{name} must have rows, got shape {tuple(found.shape)}.")
    if found.is_floating_point():
        if not found.isfinite().all():
            raise ArgumentError(f"{name} must hold finite numbers, got NaN or infinity.")
        return found.to(torch.float32) if name == "y" else found
    return found.to(torch.int64)


def _array(values: Any) -> Any:
    found = np.asarray(values)
    if found.dtype.kind not in "biuf":
        raise InputTypeError(f"Rows and targets must be numbers, got {found.dtype}. Encode them.")
    return found.astype(np.int64) if found.dtype.kind in "biu" else found.astype(np.float64)


def _check(epochs: Any, batch_size: Any, l1: Any, stability: Any, radius: Any) -> None:
    for name, number in (("epochs", epochs), ("batch_size", batch_size)):
        if not isinstance(number, Integral) or number < 1:
            raise ArgumentError(f"{name} must be a whole number of at least 1, got {number!r}.")
    for name, weight in (("l1", l1), ("stability", stability)):
        if not isinstance(weight, Real) or not 0 <= float(weight) < np.inf:
            raise ArgumentError(f"{name} must be a number of at least 0, got {weight!r}.")
    if stability and not (isinstance(radius, Real) and float(radius) > 0):
        raise ArgumentError(f"stability needs a radius above 0, got {radius!r}.")


def _counted(epochs: int, progress: bool) -> Any:
    if not progress:
        return range(epochs)
    from tqdm.auto import trange

    return trange(epochs, desc="training", unit=" epochs")
