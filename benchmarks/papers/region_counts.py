"""Fewer regions, more stable units: what l1 and attacked images in training do to a network.

    python benchmarks/papers/region_counts.py --data FOLDER           # some minutes
    python benchmarks/papers/region_counts.py --data FOLDER --full    # the papers' training

Nobody counts all regions of 784 pixels. What can be counted without error is counted: regions on
planes through three test images, pieces on segments between two of them, and every region of a
network that sees five principal components only. What cannot is bounded from above.
"""

from dataclasses import dataclass, replace

import numpy as np

from benchmarks.papers.mnist import Mnist, load_mnist
from benchmarks.papers.tables import heading, options, row
from benchmarks.papers.training import EPOCHS, Attack, accuracy, trained
from explainrelu.geometry.box import Box
from explainrelu.network.network import Layer, ReluNetwork
from explainrelu.network.schema import InputSchema
from explainrelu.regions.enumeration import count_regions
from explainrelu.regions.segments import pieces_between
from explainrelu.regions.upper_bounds import region_upper_bounds

N_COMPONENTS = 5


@dataclass(frozen=True, slots=True)
class Training:
    """One way to train: a name, the weight of l1, and the attack where there is one."""

    name: str
    l1: float = 0.0
    attack: Attack | None = None


@dataclass(frozen=True, slots=True)
class Setting:
    """Sizes of an experiment."""

    widths: tuple[int, ...]
    epochs: int
    trainings: tuple[Training, ...]
    n_planes: int
    n_segments: int


def trainings(l1: float, attack: Attack) -> tuple[Training, ...]:
    """None, each alone, and both."""
    return (
        Training("neither"),
        Training(f"l1 {l1:g}", l1),
        Training("attacked", 0.0, attack),
        Training(f"l1 {l1:g}, attacked", l1, attack),
    )


SMALL = Setting((25, 25), 12, trainings(0.001, Attack(step=0.04, n_steps=8)), 20, 200)
FULL = Setting((50, 50), EPOCHS, trainings(0.001, Attack(n_steps=40, step=0.02)), 100, 1000)


def on_plane(network: ReluNetwork, corners: np.ndarray) -> ReluNetwork:
    """The network of ``(u, v)`` at ``corners[0] + u (corners[1] - corners[0]) + v (...)``."""
    origin, directions = corners[0], corners[1:] - corners[0]
    first, *others = network.layers
    bias = first.weight @ origin + first.bias
    first = Layer(first.weight @ directions.T, bias, first.rectified)
    return replace(network, layers=(first, *others), schema=InputSchema.numbered(2))


def planes(network: ReluNetwork, images: np.ndarray) -> list[int]:
    """Regions among the mixtures of each three images: (n_planes, 3, n_pixels).

    The square from 0 to 1/2 lies in the triangle of the three, so that every point is a mixture.
    """
    half = Box(np.zeros(2), np.full(2, 0.5))
    counts = [count_regions(on_plane(network, corners), half) for corners in images]
    assert all(count.complete for count in counts)
    return [count.n_regions for count in counts]


def stable_share(network: ReluNetwork, domain: Box) -> tuple[float, float]:
    """The shares of units proven active and proven inactive all over the box."""
    from explainrelu.milp.stability import stability

    states = stability(network, domain)["state"]
    return (states == "stably active").mean(), (states == "stably inactive").mean()


def bound(network: ReluNetwork, domain: Box) -> float:
    """The smallest of the published upper bounds, as a power of ten."""
    return float(region_upper_bounds(network, domain)["log10"].min())


def pixels(data: Mnist, setting: Setting, seed: int) -> None:
    """Networks on all pixels."""
    rng = np.random.default_rng(seed)
    images = data.test_images.astype(np.float64)
    corners = images[rng.integers(len(images), size=(setting.n_planes, 3))]
    ends = images[rng.integers(len(images), size=(2, setting.n_segments))]
    domain = Box(np.zeros(images.shape[1]), np.ones(images.shape[1]))
    print(f"\n784 pixels, widths {setting.widths}, {setting.epochs} epochs, seed {seed}\n")
    heading(
        ["training", "accuracy %", "stably active %", "stably inactive %", "regions on a plane",
         "pieces on a segment", "upper bound, log10"]
    )  # fmt: skip
    for training in setting.trainings:
        network = trained(
            data.train_images, data.train_digits, setting.widths, l1=training.l1,
            attack=training.attack, epochs=setting.epochs, seed=seed,
        )  # fmt: skip
        counts = planes(network, corners)
        pieces = pieces_between(network, ends[0], ends[1]).n_pieces
        active, inactive = stable_share(network, domain)
        row(
            [training.name, f"{100 * accuracy(network, images, data.test_digits):.2f}",
             f"{100 * active:.0f}", f"{100 * inactive:.0f}", _spread(counts), _spread(pieces),
             f"{bound(network, domain):.1f}"]
        )  # fmt: skip


def components(data: Mnist, setting: Setting, seed: int) -> None:
    """Networks on five principal components, scaled to ``[0, 1]``: every region of that box."""
    train, test = principal_components(data.train_images, data.test_images)
    domain = Box(np.zeros(N_COMPONENTS), np.ones(N_COMPONENTS))
    print(f"\n{N_COMPONENTS} principal components, widths {setting.widths}\n")
    heading(["training", "accuracy %", "stable units %", "regions of the box", "upper bound"])
    for training in setting.trainings:
        attack = training.attack and replace(training.attack, radius=0.05, step=0.0125)
        network = trained(
            train, data.train_digits, setting.widths, l1=training.l1, attack=attack,
            epochs=setting.epochs, seed=seed,
        )  # fmt: skip
        found = count_regions(network, domain)
        assert found.complete
        limit = int(region_upper_bounds(network, domain)["value"].min())
        row(
            [training.name, f"{100 * accuracy(network, test, data.test_digits):.2f}",
             f"{100 * sum(stable_share(network, domain)):.0f}", f"{found.n_regions:,}",
             f"{limit:,}"]
        )  # fmt: skip


def principal_components(train: np.ndarray, test: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The first components of both, by the training images, which fill ``[0, 1]`` in each."""
    mean = train.mean(axis=0)
    covariance = np.cov(train - mean, rowvar=False)
    directions = np.linalg.eigh(covariance)[1][:, ::-1][:, :N_COMPONENTS].astype(np.float32)
    found, other = (train - mean) @ directions, (test - mean) @ directions
    low, high = found.min(axis=0), found.max(axis=0)
    return (found - low) / (high - low), (other - low) / (high - low)


def _spread(counts) -> str:
    """The mean of some counts and, in brackets, the least and the most."""
    return f"{np.mean(counts):.1f} ({min(counts)} to {max(counts)})"


def main() -> None:
    arguments = options(__doc__).parse_args()
    setting = FULL if arguments.full else SMALL
    if arguments.epochs is not None:
        setting = replace(setting, epochs=arguments.epochs)
    data = load_mnist(arguments.data)
    pixels(data, setting, arguments.seed)
    components(data, setting, arguments.seed)


if __name__ == "__main__":
    main()
