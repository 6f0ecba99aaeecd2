"""Random patches of pictures of any size."""

import numpy as np
import pytest

from minae.data import Blur, UnclippedNoise
from minae.data.patches import Patches

NOISE = UnclippedNoise(0.1)


def pictures(*sizes, channels=1):
    rng = np.random.default_rng(0)
    return [rng.integers(0, 256, (channels, *size), np.uint8) for size in sizes]


@pytest.mark.parametrize("channels", [1, 3])
def test_an_epoch_can_be_repeated_and_the_next_one_is_another(channels):
    patches = Patches(pictures((40, 30), (9, 50), channels=channels), NOISE, 16, 8, per_epoch=20)
    batches = list(patches.epoch(3))
    assert [len(clean) for _, clean in batches] == [8, 8, 4]
    assert len(patches) == 3
    for batch, again in zip(batches, patches.epoch(3), strict=True):
        for array, same in zip(batch, again, strict=True):
            assert array.dtype == np.float32
            assert array.shape[1:] == (channels, 16, 16)
            np.testing.assert_array_equal(array, same)
    assert not np.array_equal(batches[0][1], next(patches.epoch(4))[1])


def test_a_patch_is_a_part_of_a_picture_in_one_of_eight_poses():
    (picture,) = pictures((12, 12))
    patches = Patches([picture], NOISE, 12, 64)
    _, clean = patches.draw(200, np.random.default_rng(0))
    turned = [np.rot90(picture[0], k) for k in range(4)]
    poses = {pose.tobytes() for each in turned for pose in (each, each[:, ::-1])}
    found = {np.rint(patch[0] * 255).astype(np.uint8).tobytes() for patch in clean}
    assert found == poses


def test_the_border_of_a_patch_is_blurred_like_its_middle():
    ramp = np.broadcast_to(np.arange(256, dtype=np.uint8), (1, 256, 256))  # a blur leaves it alone
    blurred, clean = Patches([ramp], Blur(2.0), 24).draw(100, np.random.default_rng(0))
    inner = [i for i, patch in enumerate(clean) if 0.1 < patch.min() < patch.max() < 0.9]
    assert len(inner) > 50
    np.testing.assert_allclose(blurred[inner], clean[inner], atol=0.003)


def test_every_pixel_is_as_likely_as_any_other():
    small, large = np.zeros((1, 10, 10), np.uint8), np.full((1, 20, 20), 255, np.uint8)
    _, clean = Patches([small, large], NOISE, 8).draw(1000, np.random.default_rng(0))
    assert 0.75 < clean.mean() < 0.85  # four of five
