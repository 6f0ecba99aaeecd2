"""How much faster each kernel is in the `cpu` backend than in `reference`, its NumPy specification.

The kernels, and the shapes of their arguments, are listed in kernels.toml. `unfolded` is `cpu`
without Winograd's convolutions.
"""

import re
import tomllib
from ast import literal_eval
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np

from minae import kernels
from minae.bench.compare import WARM_UP, started, timed

WAYS = ("cpu", "unfolded", "reference")
STRIDE_1 = ("convolution, stride 1", "gradients, stride 1")  # computed with Winograd's method

_listed = tomllib.loads(Path(__file__).with_suffix(".toml").read_text(encoding="utf-8"))
CASES: dict[str, list[str]] = _listed["cases"]


def call(way: str, title: str) -> Callable[..., Any]:
    """Return a function that calls the kernel. Images are laid out as convolutions leave them."""
    name, arguments, *named = CASES[title]
    rng = np.random.default_rng(0)
    arrays = [_argument(rng, word) for word in arguments.split()]
    options = {k: v for each in named for k, v in _listed["options"][each].items()}
    options = {k: tuple(v) if isinstance(v, list) else v for k, v in options.items()}
    if way == "unfolded":
        from minae.kernels.cpu.conv_loops import winograd

        winograd.LEAST_CHANNELS = 10**9
    with kernels.use_backend("reference" if way == "reference" else "cpu") as backend:
        kernel = getattr(backend, name)
    return lambda _: kernel(*arrays, **options)


def _argument(rng: np.random.Generator, word: str) -> Any:
    """Return an array of the shape that a word names; for another word its value."""
    if "," in word and "(" not in word:
        # weights of all steps, so small that gradients do not grow from step to step
        return tuple(_argument(rng, each) / 100 for each in word.split(","))
    if not re.fullmatch(r"\d+(x\d+)*", word):
        return word if word.isalpha() else literal_eval(word)
    shape = tuple(map(int, word.split("x")))
    if len(shape) < 4 or shape[2] != shape[3] or shape[2:] in ((3, 3), (4, 4)):  # no images
        return rng.random(shape, np.float32)
    N, C, H, W = shape
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
