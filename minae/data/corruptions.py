"""Ways to corrupt images, for a model to undo.

Each is called as `corruption(images, rng)` with float32 images (N, C, H, W) in [0, 1], and returns
new ones of the same shape and type; the given images are never written to. A parameter that cannot
be used raises InputError as soon as the corruption is made.

Most parameters are a number, or a pair (low, high): then each image gets its own, drawn evenly from
that range. `parse_corruption` makes a corruption of a text, and `str` a text of a corruption.

A restorer is given pictures from files, which hold 255 steps from black to white. So noise is
clipped and a blur is rounded as a file would do it: else a model learns to sharpen by differences
that no file holds.
"""

import math
import re
from collections.abc import Callable
from dataclasses import dataclass, fields, replace
from io import BytesIO
from numbers import Integral
from typing import Any, ClassVar, Self

import numpy as np

from minae.errors import InputError

__all__ = [
    "JPEG", "Blur", "Compose", "Corrupt", "Corruption", "GaussianNoise", "Holes", "MaskBlock",
    "SaltAndPepper", "UnclippedNoise", "parse_corruption",
]  # fmt: skip

#: What training takes: a Corruption, or any function that is called like one.
Corrupt = Callable[[np.ndarray, np.random.Generator], np.ndarray]
Level = float | tuple[float, float]


@dataclass(frozen=True)
class Corruption:
    """Base of the corruptions. `str` gives the text that `parse_corruption` makes one of."""

    @property
    def reach(self) -> int:
        """From how many pixels away, at most, a pixel's new value depends on the image."""
        return 0

    def drawn(self, rng: np.random.Generator) -> Self:
        """Return this corruption with a number drawn from each range in place of the range."""
        raise NotImplementedError

    def __call__(self, images: np.ndarray, rng: np.random.Generator) -> np.ndarray:
        raise NotImplementedError


@dataclass(frozen=True)
class _Levelled(Corruption):
    """A corruption with one parameter, a number or a range, the same for all images or drawn."""

    name: ClassVar[str]  # in a text, before the colon
    bounds: ClassVar[tuple[float, float]] = (0, math.inf)

    @property
    def _parameter(self) -> tuple[str, Any]:
        name = fields(self)[0].name
        return name, getattr(self, name)

    def __post_init__(self) -> None:
        (name, level), (low, high) = self._parameter, self.bounds
        values = level if isinstance(level, tuple) else (level,)
        for value in values:
            if not low <= value <= high or value == math.inf:
                wanted = f"at least {low}" if high == math.inf else f"from {low} to {high}"
                raise InputError(f"{self.name}: {name} must be {wanted}, not {value}")
        if values[0] > values[-1]:
            raise InputError(f"{self.name}: {name} must go from low to high, not {level}")

    def __str__(self) -> str:
        return f"{self.name}:{_level_text(self._parameter[1])}"

    def drawn(self, rng: np.random.Generator) -> Self:
        name, level = self._parameter
        return replace(self, **{name: _draw(level, rng)})

    def __call__(self, images: np.ndarray, rng: np.random.Generator) -> np.ndarray:
        _, level = self._parameter
        if isinstance(level, tuple):
            each = [self.apply(image[None], _draw(level, rng), rng) for image in images]
            return np.concatenate(each)
        return self.apply(images, level, rng)

    def apply(self, images: np.ndarray, level: float, rng: np.random.Generator) -> np.ndarray:
        """Corrupt all images (N, C, H, W) with the same number as parameter."""
        raise NotImplementedError


@dataclass(frozen=True)
class UnclippedNoise(_Levelled):
    """Adds an independent draw from N(0, sigma²) to every value; some leave the range [0, 1].

    `sigma` is in units of the range from black to white, and at most 1000. No file of 8 bits holds
    such images, but benchmarks of denoising are made of them.
    """

    sigma: Level
    name = "unclipped-noise"
    bounds = (0, 1000)

    def apply(self, images: np.ndarray, level: float, rng: np.random.Generator) -> np.ndarray:
        noisy = rng.standard_normal(images.shape, dtype=np.float32)
        noisy *= level
        noisy += images
        return noisy


@dataclass(frozen=True)
class GaussianNoise(UnclippedNoise):
    """As UnclippedNoise, but then clipped to [0, 1]: what a camera's file holds."""

    name = "noise"

    def apply(self, images: np.ndarray, level: float, rng: np.random.Generator) -> np.ndarray:
        noisy = super().apply(images, level, rng)
        return np.clip(noisy, 0, 1, out=noisy)


@dataclass(frozen=True)
class Blur(_Levelled):
    """Blurs each channel with a Gaussian of standard deviation `sigma`, in pixels, and rounds.

    Rounding is to 255 steps from 0 to 1, as in a file. Beyond the border the image is continued by
    its mirror image. Calling it raises InputError if `sigma` is larger than the images, which would
    become uniformly grey.
    """

    sigma: Level
    name = "blur"

    @property
    def reach(self) -> int:
        return math.ceil(4 * np.max(self.sigma))  # where SciPy cuts the Gaussian off

    def __call__(self, images: np.ndarray, rng: np.random.Generator) -> np.ndarray:
        _, _, H, W = images.shape
        if (sigma := np.max(self.sigma)) > (most := max(H, W)):
            raise InputError(
                f"blur: a sigma of {sigma:g} pixels leaves nothing of images of {W}x{H}; "
                f"give one of at most {most}"
            )
        return super().__call__(images, rng)

    def apply(self, images: np.ndarray, level: float, rng: np.random.Generator) -> np.ndarray:
        from scipy.ndimage import gaussian_filter

        blurred = gaussian_filter(images, level, axes=(2, 3))
        blurred *= 255
        return np.divide(np.round(blurred, out=blurred), 255, out=blurred)


@dataclass(frozen=True)
class SaltAndPepper(_Levelled):
    """Turns a share `amount` (0 to 1) of all pixels, in all channels, black or white at random."""

    amount: Level
    name = "salt-pepper"
    bounds = (0, 1)

    def apply(self, images: np.ndarray, level: float, rng: np.random.Generator) -> np.ndarray:
        N, _, H, W = images.shape
        chance = rng.random((N, 1, H, W), dtype=np.float32)
        peppered = np.where(chance < level / 2, np.float32(0), images)
        return np.where(chance >= 1 - level / 2, np.float32(1), peppered)


@dataclass(frozen=True)
class Holes(_Levelled):
    """Blackens a share `amount` (0 to 1) of all pixels, in all channels, at random."""

    amount: Level
    name = "holes"
    bounds = (0, 1)

    def apply(self, images: np.ndarray, level: float, rng: np.random.Generator) -> np.ndarray:
        N, _, H, W = images.shape
        missing = rng.random((N, 1, H, W), dtype=np.float32) < level
        return np.where(missing, np.float32(0), images)


@dataclass(frozen=True)
class MaskBlock(_Levelled):
    """Blackens a random square of `size` x `size` pixels; InputError if the images are smaller."""

    size: int
    name = "mask"
    bounds = (1, math.inf)

    def __post_init__(self):
        if not isinstance(self.size, Integral):
            raise InputError(f"mask: size must be a whole number of pixels, not {self.size}")
        super().__post_init__()

    def apply(self, images: np.ndarray, level: float, rng: np.random.Generator) -> np.ndarray:
        N, _, H, W = images.shape
        if level > min(H, W):
            raise InputError(
                f"mask: a block of {level}x{level} pixels does not fit into images of "
                f"{W}x{H}; give a size of at most {min(H, W)}"
            )
        inside = []  # rows (N, H) and columns (N, W) of the squares
        for length in (H, W):
            start = rng.integers(0, length - level, size=(N, 1), endpoint=True)
            offset = np.arange(length) - start
            inside.append((offset >= 0) & (offset < level))
        block = inside[0][:, None, :, None] & inside[1][:, None, None, :]  # (N, 1, H, W)
        return np.where(block, np.float32(0), images)


@dataclass(frozen=True)
class JPEG(_Levelled):
    """Compresses images as JPEG files of a `quality` from 1 to 100 do, in Pillow's scale.

    Images are grey or colour (C = 1 or 3). A quality that is no whole number is rounded.
    """

    quality: Level
    name = "jpeg"
    bounds = (1, 100)

    @property
    def reach(self) -> int:
        return 16  # blocks of 8 pixels; colour is stored at half the resolution

    def apply(self, images: np.ndarray, level: float, rng: np.random.Generator) -> np.ndarray:
        from PIL import Image

        if images.shape[1] not in (1, 3):
            raise InputError(f"jpeg: images have 1 or 3 channels, not {images.shape[1]}")
        pixels = np.round(np.clip(images, 0, 1) * 255).astype(np.uint8).transpose(0, 2, 3, 1)
        out = np.empty_like(images)
        for image, result in zip(pixels, out, strict=True):
            picture = Image.fromarray(image[:, :, 0] if image.shape[2] == 1 else image)
            picture.save(file := BytesIO(), format="JPEG", quality=round(level))
            again = np.asarray(Image.open(file), np.float32)  # (H, W) or (H, W, C)
            result[:] = again.reshape(image.shape).transpose(2, 0, 1) / 255
        return out


@dataclass(frozen=True)
class Compose(Corruption):
    """One corruption after the other."""

    steps: tuple[Corruption, ...]

    def __str__(self) -> str:
        return "+".join(map(str, self.steps))

    @property
    def reach(self) -> int:
        return sum(step.reach for step in self.steps)

    def __call__(self, images: np.ndarray, rng: np.random.Generator) -> np.ndarray:
        for step in self.steps:
            images = step(images, rng)
        return images

    def drawn(self, rng: np.random.Generator) -> Self:
        return replace(self, steps=tuple(step.drawn(rng) for step in self.steps))


_KINDS: dict[str, Callable[[Any], Corruption]] = {
    kind.name: kind
    for kind in (GaussianNoise, UnclippedNoise, Blur, SaltAndPepper, Holes, MaskBlock, JPEG)
}
_FORMS = (
    "noise:SIGMA, unclipped-noise:SIGMA, blur:SIGMA (in pixels), salt-pepper:AMOUNT or holes:AMOUNT"
    " (0 to 1), mask:SIZE (in whole pixels), jpeg:QUALITY (1 to 100), or several joined by +; a"
    " number may be a range, as in blur:0.5-3, or of 255, as in noise:25/255 or noise:0-50/255"
)
_NUMBER = r"\d*\.?\d+(?:e-?\d+)?"


def parse_corruption(text: str) -> Corruption:
    """Make a corruption of a text such as `noise:0.3`, `noise:0-50/255`, `blur:1.5+noise:2/255`.

    Raises InputError, listing all forms, if the text is none of them or a number is unusable.
    """
    try:
        steps = tuple(_parse_step(step) for step in text.split("+"))
    except InputError as error:
        raise InputError(f"{text!r}: {error}; give {_FORMS}") from None
    except (KeyError, ValueError, ZeroDivisionError):
        raise InputError(f"{text!r} is not a corruption; give {_FORMS}") from None
    return steps[0] if len(steps) == 1 else Compose(steps)


def _parse_step(text: str) -> Corruption:
    """Make one step. Raises KeyError or ValueError if the text has not the form."""
    kind, _, level = text.partition(":")
    if kind == MaskBlock.name:
        return MaskBlock(int(level))
    numbers, slash, divisor = level.partition("/")
    whole = float(divisor) if slash else 1.0
    if pair := re.fullmatch(f"({_NUMBER})-({_NUMBER})", numbers):
        return _KINDS[kind]((float(pair[1]) / whole, float(pair[2]) / whole))
    return _KINDS[kind](float(numbers) / whole)


def _draw(level: Level, rng: np.random.Generator) -> float:
    return float(rng.uniform(*level)) if isinstance(level, tuple) else level


def _level_text(level: Any) -> str:
    """Return a number or a range as text that is parsed to the same: of 255 where that is short."""
    numbers = level if isinstance(level, tuple) else (level,)
    plain = "-".join(np.format_float_positional(n, trim="-") for n in numbers)
    of_255 = [round(n * 255) for n in numbers]
    same = all(n == k / 255 for n, k in zip(numbers, of_255, strict=True))
    return min(plain, "-".join(map(str, of_255)) + "/255", key=len) if same else plain
