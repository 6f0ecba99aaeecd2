"""Noise on inputs that are in standard deviations, and on texts, for a model to undo."""

import math
from dataclasses import dataclass

import numpy as np

from minae.data.text.tokens import END, UNKNOWN
from minae.errors import InputError


@dataclass(frozen=True)
class InputNoise:
    """Adds an independent draw from N(0, sigma²) to inputs (N, C, H, W), but not to 0/1 inputs.

    `sigma` is in standard deviations of a column; the last `binary` inputs are left as they are.
    """

    sigma: float
    binary: int = 0

    def __call__(self, inputs: np.ndarray, rng: np.random.Generator) -> np.ndarray:
        """Return noisy inputs; the given ones are not written to."""
        noise = rng.standard_normal(inputs.shape, dtype=np.float32) * np.float32(self.sigma)
        noise[..., inputs.shape[-1] - self.binary :] = 0
        return inputs + noise


def parse_noise(text: str, rows: str, binary: int = 0) -> InputNoise:
    """Make noise from text such as `noise:0.3`. Raises InputError if it is anything else."""
    sigma = _number(text, "noise")
    if not 0 <= sigma < 1000:
        raise InputError(
            f"{text!r} is nothing to do to {rows}; give noise:SIGMA, in standard deviations"
        )
    return InputNoise(sigma, binary)


@dataclass(frozen=True)
class WordDropout:
    """Makes each token of texts unknown with probability `share`, independently of the others."""

    share: float

    def __call__(self, ids: np.ndarray, rng: np.random.Generator) -> np.ndarray:
        """Return ids (N, L) with some unknown, but no special ones; the given ones stay."""
        dropped = (rng.random(ids.shape, np.float32) < self.share) & (ids > END)
        return np.where(dropped, np.int32(UNKNOWN), ids)


def parse_dropout(text: str) -> WordDropout:
    """Make a dropout of words from `words:0.5`. Raises InputError if it is anything else."""
    share = _number(text, "words")
    if not 0 <= share < 1:
        raise InputError(
            f"{text!r} is nothing to do to texts; give words:P, the share of tokens that are hidden"
        )
    return WordDropout(share)


def _number(text: str, kind: str) -> float:
    """Return the number behind `kind:`, or nan if the text is anything else."""
    name, _, number = text.partition(":")
    try:
        return float(number) if name == kind else math.nan
    except ValueError:
        return math.nan
