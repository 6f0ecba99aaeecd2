"""The one source of random numbers: seeded once, it makes a whole run repeatable."""

import numpy as np

generator = np.random.default_rng()


def manual_seed(seed: int) -> None:
    """Start the random numbers of weights, dropout, sampling and noise anew from `seed`."""
    set_state(np.random.default_rng(seed).bit_generator.state)


def get_state() -> dict:
    """Return the generator's state, as plain numbers that JSON can hold."""
    return generator.bit_generator.state


def set_state(state: dict) -> None:
    """Put the generator back where `get_state` found it."""
    generator.bit_generator.state = state


def normal(shape, dtype=np.float32) -> np.ndarray:
    """Return draws from the standard normal distribution, in float32 or float64."""
    return generator.standard_normal(shape, dtype=dtype)


def uniform(shape, dtype=np.float32) -> np.ndarray:
    """Return draws from the uniform distribution on [0, 1), in float32 or float64."""
    return generator.random(shape, dtype=dtype)
