"""What the paper benchmarks are built from: files, training, planes."""

import gzip
import struct

import numpy as np
import pytest

from benchmarks.papers.mnist import read_idx
from benchmarks.papers.region_counts import on_plane, principal_components
from benchmarks.papers.training import Attack, accuracy, attacked, trained

RNG = np.random.default_rng(0)
IMAGES = RNG.random((3200, 12)).astype(np.float32)
DIGITS = (IMAGES[:, :6].sum(axis=1) > IMAGES[:, 6:].sum(axis=1)).astype(np.int64)


def written(folder, content: bytes):
    path = folder / "images.gz"
    path.write_bytes(gzip.compress(content))
    return path


def test_an_idx_file_is_read_in_its_shape(tmp_path):
    values = np.arange(12, dtype=np.uint8)
    path = written(tmp_path, struct.pack(">HBBII", 0, 8, 2, 3, 4) + values.tobytes())
    np.testing.assert_array_equal(read_idx(path), values.reshape(3, 4))


@pytest.mark.parametrize("content", [b"", b"PK\3\4", struct.pack(">HBBI", 0, 8, 1, 5) + b"abc"])
def test_another_file_and_a_short_one_are_refused(tmp_path, content):
    with pytest.raises(ValueError, match=r"must (start as an IDX file|hold 5 bytes)"):
        read_idx(written(tmp_path, content))


def test_training_learns_and_repeats_itself():
    networks = [trained(IMAGES, DIGITS, (6, 6), epochs=20, seed=3) for _ in range(2)]
    assert accuracy(networks[0], IMAGES, DIGITS) > 0.65
    assert networks[0].fingerprint == networks[1].fingerprint


def test_l1_makes_weights_small():
    plain, sparse = (trained(IMAGES, DIGITS, (6,), epochs=20, l1=l1) for l1 in (0.0, 0.01))
    size = [np.abs(network.layers[0].weight).sum() for network in (plain, sparse)]
    assert size[1] < 0.8 * size[0]


def test_attacked_images_stay_near_and_lose():
    import torch
    from torch.nn.functional import cross_entropy

    network = trained(IMAGES, DIGITS, (6,), epochs=20)
    maps = [
        *((m.weight, m.bias) for m in network.layers),
        (network.output.weight, network.output.bias),
    ]
    parameters = [torch.tensor(a, dtype=torch.float32) for pair in maps for a in pair]
    x, y = torch.from_numpy(IMAGES), torch.from_numpy(DIGITS)
    near = attacked(parameters, x, y, Attack(radius=0.1, step=0.05, n_steps=5))
    assert (near - x).abs().max() <= 0.1 + 1e-6
    assert near.min() >= 0
    assert near.max() <= 1

    def loss(images):
        return cross_entropy(torch.from_numpy(network(images.numpy().astype(float))), y)

    assert loss(near) > loss(x)


def test_the_network_of_a_plane_is_the_network_on_it():
    network = trained(IMAGES, DIGITS, (6, 6), epochs=2)
    corners, mixture = IMAGES[:3].astype(float), RNG.random((50, 2))
    points = corners[0] + mixture @ (corners[1:] - corners[0])
    np.testing.assert_allclose(on_plane(network, corners)(mixture), network(points), atol=1e-12)


def test_principal_components_fill_the_unit_box():
    train, test = principal_components(IMAGES, IMAGES[:10])
    np.testing.assert_allclose(
        [train.min(axis=0), train.max(axis=0)], [[0] * 5, [1] * 5], atol=1e-6
    )
    np.testing.assert_allclose(test, train[:10], atol=1e-5)
