"""Masks: filling entries where one holds, dropout, triangles of matrices, one-hot rows."""

import numpy as np

from minae import random
from minae.kernels.arrays import beside
from minae.op import Op
from minae.ops.arithmetic import Operand, cast, in_floats, where
from minae.ops.checks import check_index, held, integer, real
from minae.tensor import Tensor


def masked_fill(x: Tensor, mask: Operand, value: Tensor | float) -> Tensor:
    """Return x with `value` where the mask holds, in the dtype of x.

    The mask is of booleans, else TypeError, and broadcasts with x. `value` is a number that the
    dtype of x holds, else ValueError, or such a tensor of shape (), through which a gradient flows.
    """
    mask = mask if isinstance(mask, Tensor) else Tensor(mask)
    if mask.dtype.kind != "b":
        raise TypeError(f"masked_fill: mask must be boolean, not {mask.dtype}")
    if isinstance(value, Tensor) and value.ndim:
        raise TypeError(f"masked_fill: value must have the shape (), not {value.shape}")
    number = value.item() if isinstance(value, Tensor) else value
    number = held(number, x.dtype, "masked_fill: value")
    if not isinstance(value, Tensor):
        value = Tensor(np.asarray(number, x.dtype, like=x.data))
    return where(mask, cast(value, x.dtype), x)


class Dropout(Op):
    """y = x · mask, where the mask, drawn outside, holds 0 or 1 / (1 - p)."""

    def forward(self, x, mask):
        self.save(mask)
        return x * mask

    def backward(self, dy):
        (mask,) = self.saved
        return dy * mask, None

    def examples(self, rng):
        yield rng.normal(size=(3, 4)), rng.random((3, 4)) < 0.5


def dropout(x: Tensor, p: float = 0.5, training: bool = True) -> Tensor:
    """Return x with each entry zeroed with probability p, the others divided by 1 - p.

    That keeps a network from leaning on any single unit (Srivastava et al. 2014), and the expected
    value stays x. Outside of training, x itself is returned. Raises ValueError unless 0 <= p <= 1.
    """
    if not 0 <= real(p, "dropout: p") <= 1:
        raise ValueError(f"dropout: p is a probability, and {p} is not")
    if not training or p == 0:
        return x
    x = in_floats(x)
    if p == 1:
        return x * 0
    keep = random.uniform(x.shape, device=x.device) >= p
    return Dropout.apply(x, np.where(keep, 1 / (1 - p), 0).astype(x.dtype))


def tril(x: Tensor, diagonal: int = 0) -> Tensor:
    """Return matrices x (..., M, N) with zeros above a diagonal.

    Diagonal 0 begins at the first entry, 1 at the one to its right, -1 at the one below it.
    """
    return masked_fill(x, _offsets("tril", x) > integer(diagonal, "tril: diagonal"), 0)


def triu(x: Tensor, diagonal: int = 0) -> Tensor:
    """Return matrices x (..., M, N) with zeros below a diagonal, which is counted as in `tril`."""
    return masked_fill(x, _offsets("triu", x) < integer(diagonal, "triu: diagonal"), 0)


def _offsets(name: str, x: Tensor):
    """Return how far each entry of a matrix is to the right of the diagonal: (M, N)."""
    if x.ndim < 2:
        raise ValueError(f"{name}: x must have at least two dimensions, not the shape {x.shape}")
    rows, columns = (np.arange(n, like=x.data) for n in x.shape[-2:])
    return columns - rows[:, None]


def one_hot(index: Tensor, num_classes: int = -1) -> Tensor:
    """Return int64 (..., num_classes), with a 1 at every index (...) and 0 elsewhere.

    The index holds integers, else TypeError, from 0 to num_classes - 1, else IndexError. If
    num_classes is -1, it is one more than the largest index. Raises ValueError if there is none, or
    if num_classes is less than -1.
    """
    index, count = check_index(index, "one_hot"), integer(num_classes, "one_hot: num_classes")
    if count < -1 or (count == -1 and not index.numel()):
        raise ValueError(f"one_hot: num_classes must be given and not negative, not {num_classes}")
    low, high = (index.data.min().item(), index.data.max().item()) if index.numel() else (0, -1)
    count = high + 1 if count == -1 else count
    if low < 0 or high >= count:
        raise IndexError(f"one_hot: indices from {low} to {high}, but there are {count} classes")
    classes = beside(np.arange(count), index.data)
    return Tensor((index.data[..., None] == classes).astype(np.int64))
