"""How much faster each kernel is in the `cpu` backend than in `reference`, its NumPy specification.

The shapes are those of the workloads. `unfolded` is `cpu` without Winograd's convolutions.
"""

from collections.abc import Callable, Iterator
from typing import Any

import numpy as np

from minae import kernels
from minae.bench.compare import WARM_UP, started, timed

WAYS = ("cpu", "unfolded", "reference")

_HALVE = {"stride": (2, 2), "padding": (1, 1), "dilation": (1, 1), "groups": 1}
_SAME = {**_HALVE, "stride": (1, 1)}
_POOL = {"kernel_size": (2, 2), "stride": (2, 2), "padding": (0, 0)}
_ADAM = {"step": 10, "lr": 1e-3, "betas": (0.9, 0.999), "eps": 1e-8, "weight_decay": 0.0}
_SGD = {"lr": 1e-3, "momentum": 0.9, "weight_decay": 0.0, "nesterov": False}

_x, _h, _w = (128, 784), (128, 512), (512, 784)  # a dense layer
_big, _small, _k3, _k4 = (128, 16, 14, 14), (128, 32, 7, 7), (32, 16, 3, 3), (32, 16, 4, 4)
_images, _taps = (128, 32, 14, 14), (32, 32, 3, 3)
_transposed = [_big, _small, _k4, _big, "relu"]
_parameters = (1_000_000,)

#: By title: the function, its arguments (see _argument), and its options.
CASES: dict[str, tuple[str, list, dict]] = {
    "matmul": ("matmul", [_x, (784, 512)], {}),
    "linear, ReLU": ("linear", [_x, _w, (512,), "relu"], {}),
    "linear backward": ("linear_backward", [_h, _x, _w, _h, "relu"], {}),
    "convolution, stride 2": ("conv2d", [_big, _k3, (32,), "relu"], _HALVE),
    "its gradients": ("conv2d_backward", [_small, _big, _k3, _small, "relu"], _HALVE),
    "convolution, stride 1": ("conv2d", [_images, _taps, (32,), "relu"], _SAME),
    "gradients, stride 1": ("conv2d_backward", [_images, _images, _taps, _images, "relu"], _SAME),
    "transposed convolution": ("conv2d_dx", [_small, _k4, [14, 14], (16,), "relu"], _HALVE),
    "gradients, transposed": ("conv_transpose2d_backward", _transposed, _HALVE),
    "max pooling": ("max_pool2d", [_images], _POOL),
    "mean pooling": ("avg_pool2d", [_images], _POOL),
    "batch norm": ("batch_norm", [_images, (32,), (32,), 1e-5], {}),
    "batch norm backward": ("batch_norm_backward", [_images, _images, *[(32,)] * 3, 1e-5], {}),
    "BCE with gradient": ("bce_with_logits", [_x, _x], {}),
    "MSE with gradient": ("mse", [_x, _x], {}),
    "reparameterisation": ("reparameterise", [(128, 20)] * 3, {}),
    "Gaussian KL": ("gaussian_kl", [(128, 20)] * 2, {}),
    "Adam": ("adam", [_parameters] * 4, {**_ADAM, "decoupled": False}),
    "SGD": ("sgd", [_parameters] * 3, _SGD),
}
STRIDE_1 = ("convolution, stride 1", "gradients, stride 1")  # computed with Winograd's method


def call(way: str, title: str) -> Callable[..., Any]:
    """Return a function that calls the kernel. Images are laid out as convolutions leave them."""
    name, arguments, options = CASES[title]
    rng = np.random.default_rng(0)
    arrays = [_argument(rng, a) for a in arguments]
    if way == "unfolded":
        from minae.kernels.cpu.conv_loops import winograd

        winograd.LEAST_CHANNELS = 10**9
    with kernels.use_backend("reference" if way == "reference" else "cpu") as backend:
        kernel = getattr(backend, name)
    return lambda _: kernel(*arrays, **options)


def _argument(rng: np.random.Generator, given: Any) -> Any:
    """Return an array for a shape, given as a tuple; a tuple for a list; all else unchanged."""
    if not isinstance(given, tuple):
        return tuple(given) if isinstance(given, list) else given
    if len(given) < 4 or given[2:] in ((3, 3), (4, 4)):
        return rng.random(given, np.float32)
    N, C, H, W = given
    return rng.random((N, H, W, C), np.float32).transpose(0, 3, 1, 2)


def gains(rounds: int, seconds: float) -> Iterator[dict]:
    """Yield each kernel's milliseconds in `cpu`, and how many times as long the others take."""
    for title in CASES:
        ways = WAYS if title in STRIDE_1 else ("cpu", "reference")
        with started(ways, title) as workers:
            times = timed(workers, rounds, seconds, WARM_UP / 4)
        ours = np.array(times.pop("cpu"))
        row = {"kernel": title, "ms": float(np.median(ours))}
        yield row | {way: float(np.median(theirs / ours)) for way, theirs in times.items()}
