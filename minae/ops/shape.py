"""The same entries in another shape: operations that compute nothing.

Backward moves the gradients back. Where NumPy returns a view, so do these: the result shares its
memory with the input, which is why no op ever writes into an input.
"""

import math

import numpy as np

from minae.op import Op, unbroadcast
from minae.ops.checks import Ints, check_dim, check_dims, integers
from minae.ops.device import Clone
from minae.tensor import Tensor


class Reshape(Op):
    """The same entries in the same order, in another shape."""

    def forward(self, x, shape):
        self.save(x.shape)
        return self._reshape(x, shape)

    def backward(self, dy):
        (shape,) = self.saved
        return self._reshape(dy, shape)

    def _reshape(self, x, shape):
        """Return x in the shape: a view if its layout allows that, else a copy, made in threads."""
        if not x.flags.c_contiguous and isinstance(x, np.ndarray):
            try:
                return np.reshape(x, shape, copy=False)
            except ValueError:
                x = self.kernels.contiguous(x)
        return x.reshape(shape)

    def examples(self, rng):
        yield rng.normal(size=(2, 6)), {"shape": (3, -1)}
        yield rng.normal(size=(1,)), {"shape": ()}


def reshape(x: Tensor, *shape: Ints) -> Tensor:
    """Return x in another shape, -1 being what the others leave; ValueError if it does not fit."""
    shape = integers(shape, "reshape: shape")
    try:
        return Reshape.apply(x, shape=shape)
    except ValueError:
        raise ValueError(
            f"reshape: the {x.numel()} entries of {x.shape} do not fit into {shape}"
        ) from None


def flatten(x: Tensor, start_dim: int = 0, end_dim: int = -1) -> Tensor:
    """Return x with the dimensions from start_dim to end_dim merged, or x itself if it is one."""
    start, end = check_dim(start_dim, x.ndim or 1), check_dim(end_dim, x.ndim or 1)
    if start > end:
        raise ValueError(f"flatten: start_dim {start_dim} comes after end_dim {end_dim}")
    if start == end and x.ndim:
        return x
    merged = math.prod(x.shape[start : end + 1])
    return Reshape.apply(x, shape=(*x.shape[:start], merged, *x.shape[end + 1 :]))


def squeeze(x: Tensor, dim: Ints | None = None) -> Tensor:
    """Return x without its dimensions of length 1: all of them, or those that `dim` names."""
    dims = range(x.ndim) if dim is None else dim if isinstance(dim, tuple | list) else (dim,)
    drop = check_dims(dims, x.ndim or 1, "squeeze")
    kept = tuple(n for d, n in enumerate(x.shape) if n != 1 or d not in drop)
    return Reshape.apply(x, shape=kept)


def unsqueeze(x: Tensor, dim: int) -> Tensor:
    """Return x with a new dimension of length 1 at `dim`."""
    dim = check_dim(dim, x.ndim + 1)
    return Reshape.apply(x, shape=(*x.shape[:dim], 1, *x.shape[dim:]))


class Expand(Op):
    """Repeat along dimensions of length 1, as broadcasting does, without copying."""

    def forward(self, x, shape):
        self.save(x.shape)
        return np.broadcast_to(x, shape)

    def backward(self, dy):
        (shape,) = self.saved
        return unbroadcast(dy, shape)

    def examples(self, rng):
        yield rng.normal(size=(3, 1)), {"shape": (2, 3, 4)}


def expand(x: Tensor, *shape: Ints) -> Tensor:
    """Return x repeated to `shape`; -1 keeps a length. The result is a view: do not write to it.

    Raises ValueError if a length of x is neither 1 nor the one asked for.
    """
    asked = integers(shape, "expand: shape")
    new = len(asked) - x.ndim  # dimensions in front of those of x, which have no length to keep
    own = (-1,) * new + x.shape
    found = tuple(b if a == -1 else a for a, b in zip(asked, own, strict=False))
    if new < 0 or any(a < 0 or b not in (-1, 1, a) for a, b in zip(found, own, strict=True)):
        raise ValueError(
            f"expand: {x.shape} does not expand to {asked}: only a length of 1 becomes another one"
        )
    return Expand.apply(x, shape=found)


def repeat(x: Tensor, *sizes: Ints) -> Tensor:
    """Return x repeated along each dimension as often as `sizes` says; new ones come in front.

    repeat(2, 3) turns (N, M) into (2 N, 3 M). The result is always a copy.
    """
    times = integers(sizes, "repeat: sizes")
    new = len(times) - x.ndim
    if new < 0 or min(times, default=0) < 0:
        raise ValueError(f"repeat: {times} needs a number >= 0 for each dimension of {x.shape}")
    lengths = (1,) * new + x.shape
    pairs = list(zip(times, lengths, strict=True))
    apart = Reshape.apply(x, shape=tuple(i for n in lengths for i in (1, n)))  # (1, N, 1, M)
    repeated = Clone.apply(Expand.apply(apart, shape=tuple(i for pair in pairs for i in pair)))
    return Reshape.apply(repeated, shape=tuple(math.prod(pair) for pair in pairs))
