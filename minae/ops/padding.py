"""Borders around a tensor."""

import numpy as np

from minae.op import Op
from minae.ops.axes import flip
from minae.ops.checks import Ints, held, integers
from minae.ops.joining import cat
from minae.ops.shape import expand
from minae.ops.slicing import part
from minae.tensor import Tensor

MODES = ("constant", "reflect", "replicate", "circular")


class Pad(Op):
    """A constant border around x."""

    def forward(self, x, widths, value):
        self.save(tuple(slice(b, b + n) for (b, _), n in zip(widths, x.shape, strict=True)))
        return np.pad(x, widths, constant_values=value)

    def backward(self, dy):
        (inside,) = self.saved
        return dy[inside]

    def examples(self, rng):
        yield rng.normal(size=(2, 3)), {"widths": ((0, 0), (1, 2)), "value": 5.0}
        yield rng.normal(size=(2, 3)), {"widths": ((2, 0), (0, 1)), "value": 0.0}


def pad(x: Tensor, pad: Ints, mode: str = "constant", value: float | None = None) -> Tensor:
    """Return x with a border, in the dtype of x.

    Args:
        pad: (left, right) of the last dimension, then (top, bottom) of the one before, and so on.
            Negative widths cut off, in the mode "constant".
        mode: what the border holds: "constant", `value`; "reflect", the entries mirrored at the
            outermost one, which is not repeated; "replicate", the outermost one; "circular", the
            entries of the opposite side.
        value: a number, 0 if left out; for the mode "constant" only.

    Raises ValueError if `pad` does not hold a pair for each of up to x.ndim dimensions, x is too
    short for it, or the dtype of x does not hold `value`.
    """
    widths = integers((pad,), "pad: pad")
    if mode not in MODES:
        raise ValueError(f"pad: mode is one of {', '.join(MODES)}, not {mode!r}")
    if len(widths) % 2 or len(widths) > 2 * x.ndim:
        raise ValueError(f"pad: pad {pad} must be two widths for each of up to {x.ndim} dimensions")
    pairs = list(zip(widths[::2], widths[1::2], strict=True))[::-1]
    pairs = [(0, 0)] * (x.ndim - len(pairs)) + pairs
    if mode == "constant":
        return _constant(x, pairs, held(0 if value is None else value, x.dtype, "pad: value"))
    if value is not None:
        raise ValueError(f"pad: mode {mode!r} takes no value")
    for dim, (before, after) in enumerate(pairs):
        if before or after:
            x = _border(x, dim, before, after, mode)
    return x


def _constant(x: Tensor, pairs, value) -> Tensor:
    for dim, (n, (before, after)) in enumerate(zip(x.shape, pairs, strict=True)):
        start, stop = max(-before, 0), n - max(-after, 0)
        if start > stop:
            raise ValueError(f"pad: {(before, after)} cuts off more than the {n} of dim {dim}")
        if (start, stop) != (0, n):
            x = part(x, dim, start, stop)
    return Pad.apply(x, widths=tuple((max(b, 0), max(a, 0)) for b, a in pairs), value=value)


def _border(x: Tensor, dim: int, before: int, after: int, mode: str) -> Tensor:
    """Return x with entries of its own before and after it along one dimension."""
    n = x.shape[dim]
    most = {"reflect": n - 1, "circular": n}.get(mode, max(before, after) if n else 0)
    if not 0 <= min(before, after) <= max(before, after) <= most:
        raise ValueError(
            f"pad: {mode} has widths of 0 to {most} along dim {dim}, of length {n},"
            f" not {(before, after)}"
        )
    if mode == "reflect":
        left, right = part(x, dim, 1, before + 1), part(x, dim, n - 1 - after, n - 1)
        left, right = flip(left, dim), flip(right, dim)
    elif mode == "circular":
        left, right = part(x, dim, n - before, n), part(x, dim, 0, after)
    else:
        lengths = [[width if d == dim else -1 for d in range(x.ndim)] for width in (before, after)]
        left = expand(part(x, dim, 0, 1), lengths[0])
        right = expand(part(x, dim, n - 1, n), lengths[1])
    return cat([left, x, right], dim)
