"""Adam changes a vector part by part; every part, and none but once."""

import numpy as np
import pytest

from minae.kernels import reference
from minae.kernels.cpu.optim import AT_ONCE, _adam, adam_numbers

OPTIONS = {"lr": 0.1, "betas": (0.9, 0.99), "eps": 1e-8, "weight_decay": 0.1, "decoupled": False}


@pytest.mark.parametrize("T", [1, 2, 3])
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("size", [1, AT_ONCE - 1, AT_ONCE, AT_ONCE + 1, 5 * AT_ONCE + 7])
def test_every_part_is_changed_once(size, dtype, T):
    rng = np.random.default_rng(size)
    x, dx, m, v = rng.uniform(0.1, 1, (4, size)).astype(dtype)
    expected = [a.copy() for a in (x, dx, m, v)]
    reference.adam(*expected, step=3, **OPTIONS)
    _adam(T, x, dx, m, v, *adam_numbers(3, **OPTIONS))
    tolerance = 1e-5 if dtype == np.float32 else 1e-12
    for found, right in zip((x, dx, m, v), expected, strict=True):
        np.testing.assert_allclose(found, right, rtol=tolerance)
