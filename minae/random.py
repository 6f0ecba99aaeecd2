"""The one source of random numbers: seeded once, it makes a whole run repeatable.

A GPU draws its own, by `kernels.cuda.random`, from the same seed.
"""

import secrets

import numpy as np

from minae.kernels import arrays

generator = np.random.default_rng()


class _OnGPU:
    """What the GPU's draws depend on: the seed, and how many there were, which it counts itself."""

    seed = secrets.randbits(63)
    position = None  # int64 (1,) on the GPU, from the first draw on

    def start(self, seed: int, position: int) -> None:
        self.seed = seed
        if self.position is not None:  # written to in place: a captured step refers to it
            self.position.fill(position)
        elif position:
            self.position = arrays.to_device(np.array([position]), "cuda")

    def draw(self, kind: str, shape):
        from minae.kernels.cuda import device, random

        if self.position is None:
            self.position = arrays.to_device(np.zeros(1, np.int64), "cuda")
        out = device.empty(shape, self.position)
        random.draw(kind, out, self.seed, self.position)
        return out


_on_gpu = _OnGPU()


def manual_seed(seed: int) -> None:
    """Start the random numbers of weights, dropout, sampling and noise anew from `seed`."""
    generator.bit_generator.state = np.random.default_rng(seed).bit_generator.state
    _on_gpu.start(seed % 2**63, 0)


def get_state() -> dict:
    """Return the generator's state, as plain numbers that JSON can hold."""
    state = generator.bit_generator.state
    if _on_gpu.position is not None:
        state["cuda"] = {"seed": _on_gpu.seed, "position": _on_gpu.position.item()}
    return state


def set_state(state: dict) -> None:
    """Put the generator back where `get_state` found it."""
    generator.bit_generator.state = {k: v for k, v in state.items() if k != "cuda"}
    if "cuda" in state:
        _on_gpu.start(**state["cuda"])


def normal(shape, dtype=np.float32, device: str = "cpu"):
    """Return draws from the standard normal distribution, in float32 or float64.

    On the GPU they have float32's digits in either.
    """
    if device == "cuda":
        return _on_gpu.draw("normal", shape).astype(dtype, copy=False)
    return generator.standard_normal(shape, dtype=dtype)


def uniform(shape, dtype=np.float32, device: str = "cpu"):
    """Return draws from the uniform distribution on [0, 1), in float32 or float64.

    On the GPU they have 24 bits in either.
    """
    if device == "cuda":
        return _on_gpu.draw("uniform", shape).astype(dtype, copy=False)
    return generator.random(shape, dtype=dtype)
