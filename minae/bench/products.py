"""The matrix products of a training step, in one thread, beside BLAS's and PyTorch's.

They are those of the linear layers of W1 and W2 for 128 rows: y = x weightᵀ, dx = dy weight and
dweight = dyᵀ x. SciPy brings OpenBLAS; PyTorch has MKL where the processor is Intel's.
"""

from collections.abc import Callable, Iterator
from functools import partial
from itertools import product
from typing import Any

import numpy as np

from minae.bench.compare import WARM_UP, installed, started, timed

WAYS = ("minae", "scipy", "torch")  # how a product is computed, by library
ROWS = 128
LAYERS = ((784, 512), (512, 256), (256, 32), (784, 400), (400, 784))  # inputs, outputs


def _cases() -> Iterator[tuple[str, tuple[int, int, int, bool, bool]]]:
    for (inputs, outputs), name in product(LAYERS, ("y", "dx", "dweight")):
        sizes = {
            "y": (ROWS, outputs, inputs, False, True),
            "dx": (ROWS, inputs, outputs, False, False),
            "dweight": (outputs, inputs, ROWS, True, False),
        }
        yield f"{name} {inputs}-{outputs}", sizes[name]


#: Title -> M, N, K, and whether a (M, K) and b (K, N) are given transposed.
CASES = dict(_cases())


def call(way: str, title: str) -> Callable[..., np.ndarray]:
    """Return a function that computes a product in one thread, and returns it."""
    M, N, K, transpose_a, transpose_b = CASES[title]
    a = _normal(0, (K, M) if transpose_a else (M, K))
    b = _normal(1, (N, K) if transpose_b else (K, N))
    c = np.empty((M, N), np.float32)
    run = _LIBRARIES[way](a, transpose_a, b, transpose_b, c)

    def step(_: int) -> np.ndarray:
        run()
        return c

    return step


def _normal(seed: int, shape: tuple[int, int]) -> np.ndarray:
    return np.random.default_rng(seed).standard_normal(shape, np.float32)


def _minae(a, transpose_a, b, transpose_b, c) -> Callable[[], Any]:
    from minae.kernels.cpu.products.multiply import multiply_shares, product_for

    product_here = product_for(c.itemsize, 1)
    return partial(multiply_shares, 1, product_here, a, transpose_a, b, transpose_b, c)


def _scipy(a, transpose_a, b, transpose_b, c) -> Callable[[], Any]:
    from scipy.linalg import blas
    from threadpoolctl import threadpool_limits

    threadpool_limits(1, "blas")
    # BLAS counts along columns, so for it all matrices are transposed: cᵀ = bᵀ aᵀ
    flags = transpose_b, transpose_a, True  # the last: c is written in place
    sgemm = blas.sgemm  # pyright: ignore[reportAttributeAccessIssue] - made when it is imported
    return partial(sgemm, 1.0, b.T, a.T, 0.0, c.T, *flags)


def _torch(a, transpose_a, b, transpose_b, c) -> Callable[[], Any]:
    import torch

    torch.set_num_threads(1)
    a, b, c = (torch.from_numpy(array) for array in (a, b, c))
    a, b = a.T if transpose_a else a, b.T if transpose_b else b
    return partial(torch.mm, a, b, out=c)


_LIBRARIES = {"minae": _minae, "scipy": _scipy, "torch": _torch}


def speeds(rounds: int, seconds: float) -> Iterator[dict]:
    """Yield each product's GFLOP/s in `minae`, and how many times as fast that is as the others."""
    for title, (M, N, K, *_) in CASES.items():
        with started(installed(WAYS), title) as workers:
            times = timed(workers, rounds, seconds, WARM_UP / 4)
        ours = np.array(times["minae"])  # ms
        gflops = {way: 2e-6 * M * N * K / float(np.median(ms)) for way, ms in times.items()}
        ratios = {way: float(np.median(np.array(ms) / ours)) for way, ms in times.items()}
        del ratios["minae"]
        yield {"product": title, "gflops": gflops, "ratios": ratios}
