"""Images that the tests of readers save and read, and the comparison with what was read."""

import numpy as np

rng = np.random.default_rng(0)
GREY = rng.integers(0, 256, (5, 6, 7), dtype=np.uint8)  # (N, H, W)
GREY[0, 0, :2] = 0, 255
COLOUR = rng.integers(0, 256, (5, 3, 6, 7), dtype=np.uint8)  # (N, C, H, W)


def assert_images(images, expected):
    """Compare with uint8 images (N, C, H, W)."""
    assert images.dtype == np.float32
    assert images.flags.c_contiguous
    np.testing.assert_array_equal(images, (expected / 255).astype(np.float32))
