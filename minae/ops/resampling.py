"""Images and sequences in other sizes: interpolation, and pixels traded for channels."""

import math
from collections.abc import Sequence
from numbers import Real
from typing import Any

import numpy as np

from minae.kernels.arrays import beside
from minae.ops.checks import Ints, integer, lengths
from minae.tensor import Tensor

MODES = {"nearest": None, "linear": 3, "bilinear": 4}  # and the dimensions that x must have


def interpolate(
    x: Tensor,
    size: Ints | None = None,
    scale_factor: float | Sequence[float] | None = None,
    mode: str = "nearest",
    align_corners: bool | None = None,
) -> Tensor:
    """Return images (N, C, H, W) or sequences (N, C, L) in another size, up or down.

    Args:
        size: the new lengths, an int for all dimensions or one for each.
        scale_factor: instead of `size`, one or more factors; the lengths are rounded down.
        mode: "nearest" copies the pixel that covers the place, in any dtype. "bilinear" for images
            and "linear" for sequences weight the neighbours by their distance, in floats.
        align_corners: in the linear modes, align the outermost pixels' centres, not their edges.

    Raises TypeError if size or scale_factor is not made of numbers, or a linear mode is asked of
    integers; ValueError unless x has the dimensions that the mode takes, one of size and
    scale_factor is given, and a pixel is left.
    """
    if mode not in MODES:
        raise ValueError(f"interpolate: mode is one of {', '.join(MODES)}, not {mode!r}")
    if x.ndim < 3 or MODES[mode] not in (None, x.ndim):
        raise ValueError(
            f"interpolate: mode {mode!r} takes {MODES[mode] or 'at least 3'} dimensions"
            f" (N, C, ...), not {x.shape}"
        )
    sizes, steps = _sizes_and_steps(x.shape[2:], size, scale_factor)
    axes = list(zip(x.shape[2:], sizes, steps, strict=True))
    if mode == "nearest":
        if align_corners is not None:
            raise ValueError("interpolate: align_corners is for the modes linear and bilinear")
        return _copied(x, [_nearest(*axis) for axis in axes])
    if not x.is_floating_point():
        raise TypeError(f"interpolate: mode {mode!r} computes in floats, and x is {x.dtype}")
    dtype = np.dtype(np.float64 if x.dtype == np.float64 else np.float32)
    for dim, axis in enumerate(axes, start=2):
        x = _blended(x, dim, *_neighbours(*axis, bool(align_corners), dtype))
    return x


def _sizes_and_steps(old: tuple[int, ...], size: Any, scale_factor: Any):
    """Return the new lengths, and the distances between new pixels, measured in old ones."""
    if (size is None) == (scale_factor is None):
        raise ValueError("interpolate: give either size or scale_factor")
    factors = ()
    if scale_factor is None:
        sizes = lengths(size, len(old), "interpolate: size")
    else:
        several = isinstance(scale_factor, tuple | list)
        factors = scale_factor if several else (scale_factor,) * len(old)
        numbers = all(isinstance(s, Real) and not isinstance(s, bool) for s in factors)
        if len(factors) != len(old) or not numbers or not all(0 < s < math.inf for s in factors):
            raise TypeError(
                f"interpolate: scale_factor must be a number above 0, or {len(old)} of them, not"
                f" {scale_factor!r}"
            )
        sizes = tuple(int(n * float(s)) for n, s in zip(old, factors, strict=True))
    if min(*old, *sizes) < 1:
        raise ValueError(f"interpolate: from {old} to {sizes} pixels: there must be at least 1")
    if factors:  # as in PyTorch, though the lengths were rounded
        return sizes, [1 / float(s) for s in factors]
    return sizes, [n / m for n, m in zip(old, sizes, strict=True)]


def _nearest(old: int, new: int, step: float) -> np.ndarray:
    """Return for each new pixel the number of the old one that it copies: int64 (new,).

    In float32 and with two exceptions, as in PyTorch's gradient. PyTorch's forward is different for
    some sizes, for instance if a scale_factor such as 1.05 leaves the length as it is.
    """
    step = {old: 1, 2 * old: 0.5}.get(new, step)
    position = np.arange(new, dtype=np.float32) * np.float32(step)
    return np.minimum(position.astype(np.int64), old - 1)


def _copied(x: Tensor, indices: list[np.ndarray]) -> Tensor:
    """Return the pixels of x at `indices` along the last dimensions.

    For whole multiples a view that repeats every pixel is copied: that is fast, and so is its
    gradient, a sum.
    """
    leading, old = x.shape[:2], x.shape[2:]
    factors = [len(index) // n for index, n in zip(indices, old, strict=True)]
    repeats = [np.repeat(np.arange(n), f) for n, f in zip(old, factors, strict=True)]
    if max(factors) == 1 or not all(map(np.array_equal, indices, repeats)):
        return x[(Ellipsis, *np.ix_(*indices))]
    spread = [n for length in old for n in (length, 1)]
    repeated = [n for pair in zip(old, factors, strict=True) for n in pair]
    blocks = x.reshape(*leading, *spread).expand(*leading, *repeated)  # (N, C, H, FH, W, FW)
    return blocks.reshape(*leading, *map(len, indices))


def _neighbours(old: int, new: int, step: float, align_corners: bool, dtype):
    """Return for each new pixel the old ones before and after it, and the weight of the second."""
    position = np.arange(new, dtype=dtype)
    if align_corners:
        position = position * dtype.type((old - 1) / max(new - 1, 1))
    elif new != old:  # else each pixel stays where it is, whatever the scale_factor
        position = np.maximum((position + 0.5) * dtype.type(step) - 0.5, 0)
    before = np.minimum(position.astype(np.int64), old - 1)
    return before, np.minimum(before + 1, old - 1), np.clip(position - before, 0, 1).astype(dtype)


def _blended(x: Tensor, dim: int, before, after, weight) -> Tensor:
    """Return (1 - weight) x[before] + weight x[after], the indices counting along `dim`."""
    first = (slice(None),) * dim
    shape = (-1,) + (1,) * (x.ndim - 1 - dim)
    weight = beside(weight.astype(x.dtype).reshape(shape), x.data)  # (new, 1, ...)
    return x[(*first, before)] * Tensor(1 - weight) + x[(*first, after)] * Tensor(weight)


def pixel_shuffle(x: Tensor, upscale_factor: int) -> Tensor:
    """Trade channels for pixels: (..., C r², H, W) to (..., C, H r, W r) with r = upscale_factor.

    The r² channels of a pixel become a square of r x r pixels, row by row (Shi et al. 2016). Raises
    ValueError if x has fewer than 3 dimensions, or if r² does not divide its channels.
    """
    r = _shuffle_factor("pixel_shuffle", x, upscale_factor, "upscale_factor")
    *batch, channels, H, W = x.shape
    if channels % r**2:
        raise ValueError(
            f"pixel_shuffle: {r}² does not divide the {channels} channels of {x.shape}"
        )
    n, C = len(batch), channels // r**2
    blocks = x.reshape(*batch, C, r, r, H, W)
    blocks = blocks.permute(*range(n + 1), n + 3, n + 1, n + 4, n + 2)  # (..., C, H, r, W, r)
    return _apart(blocks.reshape(*batch, C, H * r, W * r), x)


def pixel_unshuffle(x: Tensor, downscale_factor: int) -> Tensor:
    """Undo pixel_shuffle: (..., C, H r, W r) to (..., C r², H, W) with r = downscale_factor.

    Raises ValueError if x has fewer than 3 dimensions, or if r does not divide height and width.
    """
    r = _shuffle_factor("pixel_unshuffle", x, downscale_factor, "downscale_factor")
    *batch, C, height, width = x.shape
    if height % r or width % r:
        raise ValueError(f"pixel_unshuffle: {r} does not divide height and width of {x.shape}")
    n, H, W = len(batch), height // r, width // r
    blocks = x.reshape(*batch, C, H, r, W, r)
    blocks = blocks.permute(*range(n + 1), n + 2, n + 4, n + 1, n + 3)  # (..., C, r, r, H, W)
    return _apart(blocks.reshape(*batch, C * r**2, H, W), x)


def _apart(y: Tensor, x: Tensor) -> Tensor:
    """Return y, or a copy if it is a view of x, which depends on the layout of x."""
    return y.clone() if y.version is x.version else y


def _shuffle_factor(name: str, x: Tensor, factor: int, what: str) -> int:
    if x.ndim < 3:
        raise ValueError(f"{name}: x {x.shape} must have at least 3 dimensions (..., C, H, W)")
    if integer(factor, f"{name}: {what}") < 1:
        raise ValueError(f"{name}: {what} must be at least 1, not {factor}")
    return int(factor)
