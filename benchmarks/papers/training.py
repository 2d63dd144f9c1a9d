"""Training as the papers of Kumar, Serra and Ramalingam do it, with l1 and attacked images.

Stochastic gradient descent, step 0.01, momentum 0.9, batches of 128, 120 epochs, the step a tenth
after every 50; no weight decay. ``l1`` times the sum of absolute weights is added to the loss.
With fewer epochs the step falls at the same shares of the whole.
"""

from dataclasses import dataclass
from itertools import pairwise

import numpy as np

from explainrelu.network.network import ReluNetwork

EPOCHS = 120
FALLS = (50, 100)  # of 120 epochs


@dataclass(frozen=True, slots=True)
class Attack:
    """Projected gradient ascent of the loss within ``radius`` of each image and in ``[0, 1]``.

    The reference code takes radius 0.15, step 0.1 and 200 steps, from the image itself.
    """

    radius: float = 0.15
    step: float = 0.1
    n_steps: int = 200


def trained(
    images: np.ndarray,
    digits: np.ndarray,
    widths: tuple[int, ...],
    *,
    l1: float = 0.0,
    attack: Attack | None = None,
    epochs: int = EPOCHS,
    seed: int = 0,
) -> ReluNetwork:
    """A network of these hidden widths, one output a digit, taken over into float64.

    With an attack every second batch is of attacked images.
    """
    import torch
    from torch.nn.functional import cross_entropy

    generator = torch.Generator().manual_seed(seed)
    parameters = _start([images.shape[1], *widths, int(digits.max()) + 1], generator)
    weights = parameters[::2]
    descent = torch.optim.SGD(parameters, lr=0.01, momentum=0.9, foreach=False)
    falls = [round(epochs * fall / EPOCHS) for fall in FALLS]
    schedule = torch.optim.lr_scheduler.MultiStepLR(descent, falls, gamma=0.1)
    x, y = torch.from_numpy(np.ascontiguousarray(images)), torch.from_numpy(digits)
    for _ in range(epochs):
        order = torch.randperm(len(x), generator=generator)
        for number, rows in enumerate(order.split(128)):
            batch, truth = x[rows], y[rows]
            if attack is not None and number % 2:
                batch = attacked(parameters, batch, truth, attack)
            loss = cross_entropy(scores(parameters, batch), truth)
            if l1:
                loss = loss + l1 * sum(weight.abs().sum() for weight in weights)
            descent.zero_grad()
            loss.backward()
            descent.step()
        schedule.step()
    arrays = [p.detach().double().numpy() for p in parameters]
    return ReluNetwork.from_weights(arrays[::2], arrays[1::2])


def scores(parameters, x):
    """The scores of a plain chain in torch."""
    from torch.nn.functional import linear, relu

    *hidden, last = zip(parameters[::2], parameters[1::2], strict=True)
    for weight, bias in hidden:
        x = relu(linear(x, weight, bias))
    return linear(x, *last)


def attacked(parameters, x, y, attack: Attack):
    """Images near ``x`` on which the loss is larger."""
    import torch
    from torch.nn.functional import cross_entropy

    lower, upper = (x - attack.radius).clamp(min=0.0), (x + attack.radius).clamp(max=1.0)
    frozen, near = [p.detach() for p in parameters], x
    for _ in range(attack.n_steps):
        near = near.detach().requires_grad_()
        (slope,) = torch.autograd.grad(cross_entropy(scores(frozen, near), y), near)
        near = torch.minimum(torch.maximum(near + attack.step * slope.sign(), lower), upper)
    return near.detach()


def _start(sizes: list[int], generator) -> list:
    """PyTorch's default: uniform of width ``1 / sqrt(inputs)``."""
    import torch

    parameters = []
    for n_in, n_out in pairwise(sizes):
        for shape in ((n_out, n_in), (n_out,)):
            drawn = torch.rand(shape, generator=generator)
            parameters.append(((2 * drawn - 1) / n_in**0.5).requires_grad_())
    return parameters


def accuracy(network: ReluNetwork, images: np.ndarray, digits: np.ndarray) -> float:
    """The share of images whose largest score is that of their digit."""
    return float((network(images).argmax(axis=1) == digits).mean())
