"""Lossless compression of MNIST networks, beside the table of Serra, Kumar and Ramalingam 2020.

    python benchmarks/papers/lossless_compression.py --data FOLDER           # some minutes
    python benchmarks/papers/lossless_compression.py --data FOLDER --full    # the paper's table
    python benchmarks/papers/lossless_compression.py --data FOLDER --width 50 --epochs 120

Two hidden layers of one width, trained with and without l1; over all images with pixels in [0, 1]
the stable units are found and removed, and the smaller network is held against the first on the
10,000 test images.
"""

import time
from dataclasses import dataclass

import numpy as np

from benchmarks.papers.mnist import Mnist, load_mnist
from benchmarks.papers.tables import heading, options, row
from benchmarks.papers.training import EPOCHS, accuracy, trained
from explainrelu.geometry.box import Box
from explainrelu.network.network import ReluNetwork
from explainrelu.rewrites.compress import compress

# width: {l1: accuracy %, units removed of layer 1, of layer 2, compression %}, from the paper
PAPER = {
    25: {0.0: (96.68, 0, 0, 0), 0.0002: (97.24, 1.2, 3.0, 8.3), 0.001: (95.76, 5.7, 5.1, 22)},
    50: {0.0: (97.62, 0, 0, 0), 0.0002: (97.81, 7.6, 7.5, 15.1), 0.001: (96.05, 16.9, 12.5, 29.4)},
    100: {0.0: (98.00, 0, 0, 0), 0.0001: (98.14, 18.6, 11.1, 14.9),
          0.0005: (97.14, 36.7, 24.9, 30.8)},
}  # fmt: skip
SMALL_WIDTHS, SMALL_EPOCHS = (25, 50), 20
EQUAL = 1e-6  # outputs of source and result on the test images


@dataclass(frozen=True, slots=True)
class Compressed:
    """What compression did to one network."""

    removed: tuple[int, ...]
    share: float
    seconds: float
    undecided: int
    gap: float
    proven_by: dict[str, int]


def compressed(network: ReluNetwork, data: Mnist, time_limit: float | None) -> Compressed:
    """Compress over all images and hold the result against the source on the test images."""
    n_pixels, images = network.n_inputs, data.test_images.astype(np.float64)
    start = time.perf_counter()
    rewrite = compress(network, Box(np.zeros(n_pixels), np.ones(n_pixels)), time_limit=time_limit)
    seconds = time.perf_counter() - start
    before, after = network(images), rewrite.result(images)
    gap = float(np.abs(before - after).max())
    assert gap <= EQUAL, f"outputs differ by {gap}"
    assert (before.argmax(axis=1) == after.argmax(axis=1)).all()
    layers = range(1, 1 + len(network.widths))
    removed = tuple(int((rewrite.removed["layer"] == layer).sum()) for layer in layers)
    assert rewrite.certificate.holds
    states = rewrite.stability
    return Compressed(
        removed,
        sum(removed) / sum(network.widths),
        seconds,
        int((states["state"] == "undecided").sum()),
        gap,
        states["proven_by"].value_counts().to_dict(),
    )


def rows(data: Mnist, width: int, epochs: int, seed: int, time_limit: float | None) -> None:
    """The rows of one width, as the paper orders them."""
    for l1, paper in sorted(PAPER[width].items()):
        start = time.perf_counter()
        network = trained(
            data.train_images, data.train_digits, (width, width), l1=l1, epochs=epochs, seed=seed
        )
        training = time.perf_counter() - start
        done = compressed(network, data, time_limit)
        shares = ", ".join(f"{how} {n}" for how, n in sorted(done.proven_by.items()))
        right = 100 * accuracy(network, data.test_images, data.test_digits)
        row([width, f"{l1:g}", f"{right:.2f} ({paper[0]:.2f})",
             f"{done.removed[0]} ({paper[1]:g})", f"{done.removed[1]} ({paper[2]:g})",
             f"{100 * done.share:.1f} ({paper[3]:g})", f"{training:.0f}", f"{done.seconds:.1f}",
             shares, done.undecided, f"{done.gap:.0e}"])  # fmt: skip


def main() -> None:
    parser = options(__doc__)
    parser.add_argument("--width", type=int, action="append", choices=PAPER, help="may be repeated")
    parser.add_argument("--time-limit", type=float, default=300.0, help="seconds a network")
    arguments = parser.parse_args()
    widths = arguments.width or (tuple(PAPER) if arguments.full else SMALL_WIDTHS)
    epochs = arguments.epochs or (EPOCHS if arguments.full else SMALL_EPOCHS)
    data = load_mnist(arguments.data)
    print(f"{epochs} epochs (the paper: {EPOCHS}), seed {arguments.seed}; the paper in brackets\n")
    heading(
        ["width", "l1", "accuracy %", "removed, layer 1", "layer 2", "units removed %",
         "training s", "compression s", "units decided by", "undecided", "largest difference"]
    )  # fmt: skip
    for width in widths:
        rows(data, width, epochs, arguments.seed, arguments.time_limit)


if __name__ == "__main__":
    main()
