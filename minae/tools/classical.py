"""Classical methods of restoration, which a model is measured against.

None of them has seen a training image. But they are told what a model has to find out by itself:
how strong the noise is, how wide the blur, and which pixels are missing.
"""

import math
from collections.abc import Callable, Sequence
from functools import partial
from importlib.util import find_spec
from itertools import product
from typing import Any, NamedTuple

import numpy as np
from scipy import fft, ndimage

from minae.data.corruptions import (
    JPEG,
    Blur,
    Compose,
    Corruption,
    Holes,
    MaskBlock,
    SaltAndPepper,
    UnclippedNoise,
)

FAINT = 10 / 255  # noise that is less matters little beside blur


class Rival(NamedTuple):
    """A method, called as method(image, setting), and the settings to choose from.

    Images are float32 (C, H, W), and so is what it returns. It does not write to what it is given.
    """

    method: Callable[[np.ndarray, Any], np.ndarray]
    settings: Sequence[Any]


def rivals(corruption: Corruption, hidden: np.ndarray | None = None) -> dict[str, Rival]:
    """Return by name the methods that are meant for a corruption of one level, not of a range.

    `hidden` (H, W), bool, says which pixels `mask` and `holes` have blackened. Whatever the levels,
    the settings are the same: those that depend on them are shares of the level. Two methods are
    there only where their packages are installed: BM3D (`bm3d`) and wavelets (`PyWavelets`).
    """
    steps = corruption.steps if isinstance(corruption, Compose) else (corruption,)
    sigma = math.hypot(*(np.max(step.sigma) for step in steps if isinstance(step, UnclippedNoise)))
    width = math.hypot(*(np.max(step.sigma) for step in steps if isinstance(step, Blur)))
    found: dict[str, Rival] = {}
    for step in steps:
        if isinstance(step, UnclippedNoise) and (sigma > FAINT or not width):
            found |= against_noise(max(sigma, 0.25 / 255))
        elif isinstance(step, Blur):
            found |= against_blur(max(width, 0.01))
        elif isinstance(step, SaltAndPepper):
            found |= AGAINST_SALT_AND_PEPPER
        elif isinstance(step, JPEG):
            found |= AGAINST_JPEG
    if not any(isinstance(step, MaskBlock | Holes) for step in steps):
        return found
    assert hidden is not None
    filled = {
        f"inpainting and {name}": Rival(
            partial(filled_first, method=method, hidden=hidden), settings
        )
        for name, (method, settings) in found.items()
    }
    return against_holes(hidden) | filled


def against_noise(sigma: float) -> dict[str, Rival]:
    """Return the methods against noise of a standard deviation sigma."""
    shares = (0.4, 0.5, 0.6, 0.7, 0.8, 1.0)
    found = {
        "total variation": Rival(
            lambda image, share: total_variation(image, share * sigma),
            (0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 1.2, 1.6),
        ),
        "non-local means": Rival(
            partial(non_local_means, sigma=sigma), list(product((5, 7), shares))
        ),
        "Gaussian": GAUSSIAN,
        "median": MEDIAN,
    }
    if find_spec("pywt"):
        methods = "BayesShrink", "VisuShrink"
        found["wavelets"] = Rival(partial(wavelets, sigma=sigma), list(product(methods, shares)))
    if find_spec("bm3d"):
        found["BM3D"] = Rival(partial(bm3d, sigma=sigma), (1.0,))  # it takes a minute
    return found


def against_blur(width: float) -> dict[str, Rival]:
    """Return the methods against blur by a Gaussian of a standard deviation of `width` pixels."""
    shares = (0.3, 0.4, 0.5, 0.7, 1, 1.4, 2)
    amounts = (0, 0.25, 0.5, 1, 1.5, 2, 3, 4, 6, 8, 12, 20)
    return {
        "unsharp mask": Rival(partial(unsharp_mask, width=width), list(product(shares, amounts))),
        "Wiener": Rival(partial(wiener, width=width), [10.0 ** (k / 2) for k in range(-12, 3)]),
        "Richardson-Lucy": Rival(
            partial(richardson_lucy, width=width), (1, 2, 3, 5, 7, 10, 20, 30, 50, 100, 200, 500)
        ),
    }


def against_holes(hidden: np.ndarray) -> dict[str, Rival]:
    """Return the methods that fill pixels, given which (H, W)."""
    return {
        "biharmonic inpainting": Rival(partial(inpaint, hidden=hidden), (None,)),
        "mean of what is near": Rival(
            partial(near_mean, hidden=hidden), (0.5, 0.7, 1, 1.5, 2, 3, 5, 8)
        ),
    }


def gaussian(image: np.ndarray, width: float) -> np.ndarray:
    """Return a mean over neighbours, weighted by a Gaussian of so many pixels."""
    return ndimage.gaussian_filter(image, width, axes=(1, 2))


def median(image: np.ndarray, size: int) -> np.ndarray:
    """Return the median of a window of size x size pixels around each pixel."""
    return ndimage.median_filter(image, size, axes=(1, 2))


def switching_median(image: np.ndarray, size: int) -> np.ndarray:
    """Return the median where a pixel is black or white, and the pixel itself elsewhere."""
    spoilt = (image <= 0).all(axis=0) | (image >= 1).all(axis=0)  # (H, W)
    return np.where(spoilt, median(image, size), image)


def total_variation(image: np.ndarray, weight: float) -> np.ndarray:
    """Return the image near to this one that varies least (Rudin et al. 1992, Chambolle 2004)."""
    from skimage.restoration import denoise_tv_chambolle

    return denoise_tv_chambolle(image, weight, channel_axis=0).astype(np.float32)


def non_local_means(image: np.ndarray, setting: tuple[int, float], sigma: float) -> np.ndarray:
    """Return a mean over pixels whose surroundings look alike (Buades et al. 2005).

    The setting is the size of the surroundings in pixels, and how different they may be, as a
    share of sigma.
    """
    from skimage.restoration import denoise_nl_means

    size, share = setting
    how: Any = {"patch_distance": 6, "h": share * sigma, "sigma": sigma}
    if len(image) == 1:
        return denoise_nl_means(image[0], size, **how)[None].astype(np.float32)
    return denoise_nl_means(image, size, channel_axis=0, **how).astype(np.float32)


def wavelets(image: np.ndarray, setting: tuple[str, float], sigma: float) -> np.ndarray:
    """Return the image with small wavelet coefficients removed (Donoho 1994, Chang et al. 2000).

    The setting is how the threshold is found, and which share of sigma it assumes as noise.
    """
    from skimage.restoration import denoise_wavelet

    method, share = setting
    how: Any = {"method": method, "mode": "soft", "wavelet": "db2", "rescale_sigma": False}
    out = [denoise_wavelet(channel, share * sigma, **how) for channel in image]
    return np.asarray(out, np.float32)


def bm3d(image: np.ndarray, share: float, sigma: float) -> np.ndarray:
    """Return the image after block matching and 3-D filtering (Dabov et al. 2007).

    The setting is which share of sigma it assumes as noise.
    """
    import bm3d as package  # type: ignore[import-not-found]

    function = package.bm3d_rgb if len(image) == 3 else package.bm3d
    C, H, W = image.shape
    room = (0, max(0, 16 - H)), (0, max(0, 16 - W)), (0, 0)  # it crashes on images of 8 x 8
    out = function(np.pad(image.transpose(1, 2, 0), room, mode="symmetric"), share * sigma)
    out = np.asarray(out, np.float32).reshape(max(16, H), max(16, W), C)
    return out[:H, :W].transpose(2, 0, 1)


def unsharp_mask(image: np.ndarray, setting: tuple[float, float], width: float) -> np.ndarray:
    """Return the image plus `amount` times its difference from a blurred one.

    The setting is by which share of the width it is blurred, and the amount.
    """
    share, amount = setting
    return image + amount * (image - gaussian(image, share * width))


def wiener(image: np.ndarray, balance: float, width: float) -> np.ndarray:
    """Return the image that, blurred, is near to this one, and is not rough.

    It minimises |B(x) - y|² + balance |Laplacian of x|². Blur by a Gaussian, with mirror images
    beyond the border, and the Laplacian multiply the cosine coefficients, by b and l, so that
    those of x are b / (b² + balance l²) times those of y.
    """
    b, rough = np.ones((1, 1)), np.zeros((1, 1))
    for axis, length in enumerate(image.shape[1:]):
        dot = np.zeros(2 * length)
        dot[length] = 1
        kernel = ndimage.gaussian_filter1d(dot, width, mode="constant")
        waves = np.cos(np.pi * np.outer(np.arange(length), np.arange(2 * length) - length) / length)
        shape = (-1, 1) if axis == 0 else (1, -1)
        b = b * (waves @ kernel).reshape(shape)
        rough = rough + (2 - 2 * np.cos(np.pi * np.arange(length) / length)).reshape(shape)
    spectrum: Any = fft.dctn(image.astype(float), axes=(1, 2))
    out = fft.idctn(spectrum * b / (b**2 + balance * rough**2), axes=(1, 2))
    return np.asarray(out, np.float32)


def richardson_lucy(image: np.ndarray, steps: int, width: float) -> np.ndarray:
    """Return the image after so many steps x ← x B(y / B(x)) (Richardson 1972, Lucy 1974)."""
    y = np.maximum(image, 0)
    x = y
    for _ in range(steps):
        x = x * gaussian(y / (gaussian(x, width) + 1e-6), width)
    return x


def bilateral(image: np.ndarray, setting: tuple[float, float]) -> np.ndarray:
    """Return a mean over neighbours that are near in place and in value (Tomasi, Manduchi 1998).

    The setting is how near in value, from black 0 to white 1, and in place, in pixels.
    """
    from skimage.restoration import denoise_bilateral

    value, place = setting
    out = [
        denoise_bilateral(np.maximum(c, 0), sigma_color=value, sigma_spatial=place) for c in image
    ]
    return np.asarray(out, np.float32)


def inpaint(image: np.ndarray, _: None, hidden: np.ndarray) -> np.ndarray:
    """Return the image with hidden pixels (H, W) as a smooth continuation of the others.

    It solves the biharmonic equation (Damelin and Hoang 2018).
    """
    from skimage.restoration import inpaint_biharmonic

    return inpaint_biharmonic(image, hidden, channel_axis=0).astype(np.float32)


def filled_first(
    image: np.ndarray, setting: Any, method: Callable[..., np.ndarray], hidden: np.ndarray
) -> np.ndarray:
    """Return what a method makes of the image after inpainting."""
    return method(inpaint(image, None, hidden), setting)


def near_mean(image: np.ndarray, width: float, hidden: np.ndarray) -> np.ndarray:
    """Return the image with hidden pixels (H, W) as means of the others, weighted by a Gaussian.

    This is normalised convolution (Knutsson and Westin 1993).
    """
    seen = (~hidden).astype(np.float32)[None]  # (1, H, W)
    mean = gaussian(image * seen, width) / (gaussian(seen, width) + 1e-12)
    return np.where(hidden, mean, image)


GAUSSIAN = Rival(gaussian, (0.3, 0.4, 0.5, 0.6, 0.8, 1.0, 1.2, 1.5, 2.0, 3.0))
MEDIAN = Rival(median, (3, 5, 7))
AGAINST_SALT_AND_PEPPER = {
    "median": MEDIAN,
    "median of black and white pixels": Rival(switching_median, (3, 5, 7)),
}
AGAINST_JPEG = {
    "total variation": Rival(total_variation, (0.005, 0.01, 0.02, 0.03, 0.05, 0.08)),
    "bilateral": Rival(bilateral, list(product((0.02, 0.04, 0.06, 0.1, 0.15), (0.7, 1, 1.5, 2)))),
    "Gaussian": GAUSSIAN,
}
