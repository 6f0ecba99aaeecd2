"""The one source of random numbers: seeding it makes a whole run repeatable.

A GPU draws its own numbers, with `kernels.cuda.random`, from the same seed.
"""

import secrets
from numbers import Integral
from typing import Any

import numpy as np

from minae.kernels import arrays
from minae.kernels.arrays import Array

generator = np.random.default_rng()


class _OnGPU:
    """What the GPU's draws depend on: the seed, and how many there were, which the GPU counts."""

    start = secrets.randbits(63), 0
    state: Any = None  # from the first draw on, the current pair as int64 (2,) on the GPU

    def set(self, seed: int, position: int) -> None:
        self.start = seed, position
        if self.state is not None:  # written to in place, because a captured step refers to it
            self.state[:1], self.state[1:] = seed, position

    def get(self) -> dict[str, int]:
        seed, position = self.start if self.state is None else self.state.tolist()
        return {"seed": seed, "position": position}

    def draw(self, kind: str, shape: Any) -> Array:
        from minae.kernels.cuda import random
        from minae.kernels.cuda.launch import device

        if self.state is None:
            self.state = arrays.to_device(np.array(self.start), "cuda")
        out = device.empty(shape, self.state)
        random.draw(kind, out, self.state)
        return out


_on_gpu = _OnGPU()


def manual_seed(seed: int) -> None:
    """Seed weights, dropout, sampling and noise; ValueError if `seed` is not an integer >= 0."""
    if isinstance(seed, bool) or not isinstance(seed, Integral) or seed < 0:
        raise ValueError(f"manual_seed: a seed is an integer of at least 0, not {seed!r}")
    generator.bit_generator.state = np.random.default_rng(seed).bit_generator.state
    _on_gpu.set(seed % 2**63, 0)


def get_state() -> dict[str, Any]:
    """Return the generator's state, as plain numbers that JSON can hold."""
    return {**generator.bit_generator.state, "cuda": _on_gpu.get()}


def set_state(state: dict[str, Any]) -> None:
    """Return the generator to the state that `get_state` returned."""
    generator.bit_generator.state = {k: v for k, v in state.items() if k != "cuda"}
    if "cuda" in state:
        _on_gpu.set(**state["cuda"])


def normal(shape: int | tuple[int, ...], dtype: Any = np.float32, device: str = "cpu") -> Array:
    """Return standard normal draws in float32 or float64; on a GPU with float32's precision."""
    if device == "cuda":
        return _on_gpu.draw("normal", shape).astype(dtype, copy=False)
    return generator.standard_normal(shape, dtype=dtype)


def uniform(shape: int | tuple[int, ...], dtype: Any = np.float32, device: str = "cpu") -> Array:
    """Return uniform draws from [0, 1) in float32 or float64; on a GPU with 24 random bits."""
    if device == "cuda":
        return _on_gpu.draw("uniform", shape).astype(dtype, copy=False)
    return generator.random(shape, dtype=dtype)
