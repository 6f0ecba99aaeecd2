"""Ways to corrupt images, for a denoising autoencoder to undo.

Each is called as `corruption(images, rng)` with float32 images (N, C, H, W) in [0, 1], and returns
new ones of the same shape and type; the given images are never written to. A parameter that cannot
be used raises InputError as soon as the corruption is made.
"""

import math
from collections.abc import Callable
from dataclasses import dataclass
from numbers import Integral

import numpy as np

from minae.errors import InputError

__all__ = ["Blur", "Corruption", "GaussianNoise", "MaskBlock", "SaltAndPepper", "parse_corruption"]

Corruption = Callable[[np.ndarray, np.random.Generator], np.ndarray]


@dataclass(frozen=True)
class GaussianNoise:
    """Adds an independent draw from N(0, sigma²) to every value, then clips to [0, 1].

    `sigma` is in units of the range from black to white, and at most 1000: all black or white.
    """

    sigma: float

    def __post_init__(self):
        _check("noise: sigma", self.sigma, 0, 1000)

    def __call__(self, images: np.ndarray, rng: np.random.Generator) -> np.ndarray:
        noisy = rng.standard_normal(images.shape, dtype=np.float32)
        noisy *= self.sigma
        noisy += images
        return np.clip(noisy, 0, 1, out=noisy)


@dataclass(frozen=True)
class SaltAndPepper:
    """Turns a share `amount` (0 to 1) of all pixels, in all channels, black or white at random."""

    amount: float

    def __post_init__(self):
        _check("salt-pepper: amount", self.amount, 0, 1)

    def __call__(self, images: np.ndarray, rng: np.random.Generator) -> np.ndarray:
        N, _, H, W = images.shape
        chance = rng.random((N, 1, H, W), dtype=np.float32)
        peppered = np.where(chance < self.amount / 2, np.float32(0), images)
        return np.where(chance >= 1 - self.amount / 2, np.float32(1), peppered)


@dataclass(frozen=True)
class Blur:
    """Blurs each channel of each image with a Gaussian of standard deviation `sigma`, in pixels.

    Beyond the border the image is continued by its mirror image. Nothing is random. Calling it
    raises InputError if `sigma` is larger than the images, which would become uniformly grey.
    """

    sigma: float

    def __post_init__(self):
        _check("blur: sigma", self.sigma, 0)

    def __call__(self, images: np.ndarray, rng: np.random.Generator) -> np.ndarray:
        from scipy.ndimage import gaussian_filter

        _, _, H, W = images.shape
        if self.sigma > (most := max(H, W)):
            raise InputError(
                f"blur: a sigma of {self.sigma:g} pixels leaves nothing of images of {W}x{H}; "
                f"give one of at most {most}"
            )
        return gaussian_filter(images, self.sigma, axes=(2, 3))


@dataclass(frozen=True)
class MaskBlock:
    """Blackens a random square of `size` x `size` pixels; InputError if the images are smaller."""

    size: int

    def __post_init__(self):
        if not isinstance(self.size, Integral):
            raise InputError(f"mask: size must be a whole number of pixels, not {self.size}")
        _check("mask: size", self.size, 1)

    def __call__(self, images: np.ndarray, rng: np.random.Generator) -> np.ndarray:
        N, _, H, W = images.shape
        if self.size > min(H, W):
            raise InputError(
                f"mask: a block of {self.size}x{self.size} pixels does not fit into images of "
                f"{W}x{H}; give a size of at most {min(H, W)}"
            )
        inside = []  # rows (N, H) and columns (N, W) of the squares
        for length in (H, W):
            start = rng.integers(0, length - self.size, size=(N, 1), endpoint=True)
            offset = np.arange(length) - start
            inside.append((offset >= 0) & (offset < self.size))
        block = inside[0][:, None, :, None] & inside[1][:, None, None, :]  # (N, 1, H, W)
        return np.where(block, np.float32(0), images)


_FORMS = "noise:SIGMA, salt-pepper:AMOUNT (0 to 1), blur:SIGMA or mask:SIZE (SIZE in whole pixels)"
_KINDS = {"noise": GaussianNoise, "salt-pepper": SaltAndPepper, "blur": Blur, "mask": MaskBlock}


def parse_corruption(text: str) -> Corruption:
    """Make a corruption from text such as `noise:0.3`, `salt-pepper:0.1`, `blur:1.5`, `mask:10`.

    Raises InputError, listing these forms, if the text is none of them or the number is unusable.
    """
    kind, _, number = text.partition(":")
    try:
        return _KINDS[kind](int(number) if kind == "mask" else float(number))
    except InputError as error:
        raise InputError(f"{text!r}: {error}; give {_FORMS}") from None
    except (KeyError, ValueError):
        raise InputError(f"{text!r} is not a corruption; give {_FORMS}") from None


def _check(what: str, value: float, low: float, high: float = math.inf) -> None:
    """Raise InputError unless the value is a finite number from `low` to `high`."""
    if not low <= value <= high or value == math.inf:
        wanted = f"at least {low}" if high == math.inf else f"from {low} to {high}"
        raise InputError(f"{what} must be {wanted}, not {value}")
