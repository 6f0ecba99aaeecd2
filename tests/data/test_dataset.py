import gzip
import os
import struct
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from minae.data import load
from minae.data.split import stratified_order
from minae.errors import InputError

needs_mnist = pytest.mark.skipif(
    not os.environ.get("MINAE_DATA"), reason="MINAE_DATA names no folder with the full datasets"
)


def splits(dataset):
    return dataset.train, dataset.validation, dataset.test


def sizes(dataset):
    return [len(split) for split in splits(dataset)]


def assert_disjoint(dataset, count):
    """The splits together hold `count` different images."""
    rows = np.concatenate([split.images.reshape(len(split), -1) for split in splits(dataset)])
    assert len(np.unique(rows, axis=0)) == count


@pytest.mark.parametrize(
    ("name", "expected_sizes", "shape", "distinct"),
    [
        ("mnist5k", [4000, 500, 500], (1, 28, 28), 5000),
        ("digits", [1437, 180, 180], (1, 8, 8), 1797),
        pytest.param("mnist", [55000, 5000, 10000], (1, 28, 28), None, marks=needs_mnist),
    ],
)
def test_named_datasets(name, expected_sizes, shape, distinct):
    dataset = load(name)
    assert dataset.name == name
    assert dataset.image_shape == shape
    assert sizes(dataset) == expected_sizes
    for split in splits(dataset):
        assert split.images.dtype == np.float32
        assert split.images.shape == (len(split), *shape)
        assert (split.images.min(), split.images.max()) == (0, 1)
        assert split.labels.dtype == np.int64
        assert split.labels.shape == (len(split),)
        assert set(split.labels) == set(range(10))
    if distinct:
        assert_disjoint(dataset, distinct)


@pytest.mark.parametrize(("name", "slack"), [("mnist5k", 0), ("digits", 0.011)])
def test_embedded_datasets_are_stratified(name, slack):
    dataset = load(name)
    labels = np.concatenate([split.labels for split in splits(dataset)])
    share = np.bincount(labels) / len(labels)
    for split in splits(dataset):
        np.testing.assert_allclose(np.bincount(split.labels) / len(split), share, atol=slack)
    assert (np.diff(dataset.train.labels) != 0).mean() > 0.8  # and shuffled


@pytest.mark.parametrize(
    ("name", "first_labels", "first_sum"),
    [
        ("mnist5k", [8, 5, 1, 6, 7, 2, 0, 4], 109.3098),
        ("digits", [5, 2, 5, 3, 7, 0, 9, 8], 21.125),
        pytest.param("mnist", [7, 2, 1, 0, 4, 1, 4, 9], 72.3686, marks=needs_mnist),
    ],
)
def test_named_datasets_never_change(name, first_labels, first_sum):
    """Numbers published for a dataset hold for one split only; `seed` must not touch it."""
    for seed in (0, 1):
        test = load(name, seed=seed).test
        assert test.labels[:8].tolist() == first_labels
        assert test.images[0].sum() == pytest.approx(first_sum, abs=0.001)


def test_images_and_labels_belong_together():
    """Most digits lie nearest to the mean of their own class; with mixed up labels none would."""
    dataset = load("mnist5k")
    train, test = dataset.train, dataset.test
    means = np.stack([train.images[train.labels == digit].mean(0) for digit in range(10)])
    distance = ((test.images[:, None] - means) ** 2).sum((2, 3, 4))  # (N, 10)
    assert (distance.argmin(1) == test.labels).mean() > 0.75


@pytest.mark.parametrize("name", ["mnist5k", "digits"])
@pytest.mark.parametrize("validation", [0, 1, 700])
def test_validation_comes_out_of_the_training_part(name, validation):
    default, dataset = load(name), load(name, validation=validation)
    pool = len(default.train) + len(default.validation)
    assert sizes(dataset) == [pool - validation, validation, len(default.test)]
    assert dataset.validation.images.shape == (validation, *dataset.image_shape)
    assert dataset.validation.labels.shape == (validation,)
    np.testing.assert_array_equal(dataset.test.images, default.test.images)
    for key in ("images", "labels"):
        np.testing.assert_array_equal(
            np.concatenate([getattr(dataset.train, key), getattr(dataset.validation, key)]),
            np.concatenate([getattr(default.train, key), getattr(default.validation, key)]),
        )


@pytest.mark.parametrize("validation", [-1, 4500, 10**6])
def test_impossible_validation_size(validation):
    with pytest.raises(InputError, match=r"mnist5k: cannot set aside .* from 0 to 4,499, so"):
        load("mnist5k", validation=validation)


@given(st.lists(st.integers(1, 40), min_size=1, max_size=5), st.integers(0, 99))
def test_stratified_order(class_sizes, seed):
    labels = np.repeat(np.arange(len(class_sizes)), class_sizes)
    order = stratified_order(labels, np.random.default_rng(seed))
    assert sorted(order) == list(range(len(labels)))
    is_class = labels[order][:, None] == np.arange(len(class_sizes))  # (N, classes)
    share = is_class.mean(0) * np.arange(1, len(labels) + 1)[:, None]
    assert np.abs(is_class.cumsum(0) - share).max() <= len(class_sizes)


def test_stratified_order_draws_rows_at_random():
    labels = np.zeros(100, int)
    orders = [stratified_order(labels, np.random.default_rng(seed)) for seed in range(2)]
    assert orders[0].tolist() != orders[1].tolist()
    assert np.corrcoef(orders[0], np.arange(100))[0, 1] < 0.5


@pytest.fixture
def tiny_mnist(tmp_path, monkeypatch):
    """The four files of an MNIST with 5,010 + 20 images of 2x2, in place of the real ones."""

    def write(name, array):
        header = struct.pack(f">BBBB{array.ndim}I", 0, 0, 8, array.ndim, *array.shape)
        (tmp_path / name).write_bytes(gzip.compress(header + array.tobytes()))

    for part, count in (("train", 5010), ("t10k", 20)):
        labels = np.arange(count) % 251
        write(f"{part}-images-idx3-ubyte.gz", np.repeat(labels, 4).astype("u1").reshape(-1, 2, 2))
        write(f"{part}-labels-idx1-ubyte.gz", labels.astype("u1"))
    monkeypatch.setattr(
        "minae.data.named.fetch", lambda name: {path.name: path for path in tmp_path.iterdir()}
    )
    return write


@pytest.mark.parametrize("name", ["mnist", "fashion_mnist"])
def test_mnist_keeps_its_official_order(tiny_mnist, name):
    dataset = load(name)
    assert sizes(dataset) == [10, 5000, 20]
    labels = np.arange(5010) % 251
    np.testing.assert_array_equal(dataset.train.labels, labels[:10])
    np.testing.assert_array_equal(dataset.validation.labels, labels[10:])
    np.testing.assert_array_equal(dataset.test.labels, labels[:20])
    for split in splits(dataset):
        expected = np.broadcast_to(split.labels[:, None, None, None] / 255, split.images.shape)
        np.testing.assert_allclose(split.images, expected, rtol=1e-6)
    assert sizes(load(name, validation=0)) == [5010, 0, 20]


def test_mnist_with_labels_missing(tiny_mnist):
    tiny_mnist("t10k-labels-idx1-ubyte.gz", np.zeros(19, np.uint8))
    with pytest.raises(InputError, match=r"t10k-labels.*: labels of shape \(19,\) .* 20 images"):
        load("mnist")


def save(path, count, **arrays):
    """Save `count` images of one pixel, the i-th of value i."""
    images = np.arange(count, dtype=np.uint8).reshape(-1, 1, 1)
    np.savez(path, images=images, **arrays)
    return path


@pytest.mark.parametrize(
    ("count", "expected"),
    [
        (3, [1, 1, 1]),
        (4, [2, 1, 1]),
        (10, [8, 1, 1]),
        (50, [40, 5, 5]),
        (101, [81, 10, 10]),
    ],
)
@pytest.mark.parametrize("kind", [str, Path])
def test_own_images(tmp_path, count, expected, kind):
    dataset = load(kind(save(tmp_path / "mine.npz", count)))
    assert dataset.name == "mine.npz"
    assert sizes(dataset) == expected
    assert dataset.image_shape == (1, 1, 1)
    assert all(split.labels is None for split in splits(dataset))
    assert_disjoint(dataset, count)


def test_own_images_are_shuffled_by_seed(tmp_path):
    path = save(tmp_path / "mine.npz", 200, labels=np.arange(200))
    first, again, other = load(path, seed=1), load(path, seed=1), load(path, seed=2)
    np.testing.assert_array_equal(first.train.labels, again.train.labels)
    assert first.train.labels.tolist() != other.train.labels.tolist()
    assert first.test.labels.tolist() != list(range(180, 200))
    for split in splits(first):
        np.testing.assert_allclose(split.images.ravel(), split.labels / 255, rtol=1e-6)
    assert sizes(load(path, validation=0)) == [180, 0, 20]


def test_a_name_wins_over_a_folder_unless_written_as_a_path(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    Path("digits").mkdir()
    assert len(load("digits").train) == 1437
    for path in ("./digits", Path("digits")):
        with pytest.raises(InputError, match="digits: there are no images in this folder"):
            load(path)


@pytest.mark.parametrize(
    ("count", "message"),
    [
        (2, "holds too few images: 2, and at least 3 are needed"),
        (1, "holds too few images: 1"),
        (0, "holds no pixels"),
    ],
)
def test_too_few_images(tmp_path, count, message):
    with pytest.raises(InputError, match=message):
        load(save(tmp_path / "mine.npz", count))


@pytest.mark.parametrize("name", ["mnits", "no/such/file.npy", "x" * 5000])
def test_unknown_name(name):
    with pytest.raises(InputError) as caught:
        load(name)
    message = str(caught.value)
    assert name in message
    assert "the datasets are mnist5k, digits, mnist, fashion_mnist" in message
