"""The Tensor: an array, its gradient, and the operation that made it.

What stands here is what a tensor is. What it can do (`x + y`, `x.sum()`, `x[0]`) is written in
`minae.ops`, and `minae.ops.methods` lists which of those functions are methods.
"""

import operator
import weakref
from typing import TYPE_CHECKING, Any, cast

import numpy as np

from minae.dtypes import DTYPES, to_array
from minae.kernels import arrays
from minae.versions import Version

if TYPE_CHECKING:  # where editors look for the methods; minae.ops attaches them
    from minae.ops.methods import Methods
else:
    Methods = object


class Tensor(Methods):
    """An n-dimensional array that remembers how it was computed.

    Args:
        data: an array (kept, not copied), a number or nested lists. Python numbers with a fraction
            become float32; an array keeps its dtype, so float64 is computed in when given.
        requires_grad: collect a gradient in `.grad` when `backward()` passes here.
        device: "cpu" or "cuda", an NVIDIA GPU; where data is, if left out.

    Raises:
        TypeError: data is not of numbers of up to 64 bits, or gradients were asked for an integer
            or boolean tensor.
        ValueError: nested lists have rows of different lengths, or entries are masked.
        RuntimeError: the device cannot be used; says why, and what to do.
    """

    __slots__ = "__weakref__", "_requires_grad", "data", "grad", "grad_fn", "grad_place", "version"
    __array_ufunc__ = None  # `array + tensor` is left to Tensor.__radd__

    def __init__(self, data, requires_grad: bool = False, device: str | None = None):
        if type(data) is np.ndarray and data.dtype in DTYPES:
            self.data, self.version = data, Version()
        else:
            self.data = as_array(data)
            self.version = data.version if isinstance(data, Tensor) else Version()
        if device is not None:
            self.data = arrays.to_device(self.data, device)
        self.grad: Tensor | None = None
        self.grad_place: Any = None  # where an optimiser wants the gradient; see minae.optim.flat
        self.grad_fn: Any = None  # the Op that computed data; None for a leaf
        self._requires_grad = False
        if requires_grad:
            self.requires_grad_()

    @property
    def requires_grad(self) -> bool:
        """Whether backward() computes this tensor's gradient. It can be set on leaves."""
        return self._requires_grad

    @requires_grad.setter
    def requires_grad(self, requires_grad: bool) -> None:
        self.requires_grad_(requires_grad)

    @property
    def shape(self) -> tuple[int, ...]:
        """Length along each dimension."""
        return self.data.shape

    @property
    def ndim(self) -> int:
        """Number of dimensions."""
        return self.data.ndim

    @property
    def dtype(self) -> np.dtype:
        """NumPy's dtype of the entries."""
        return self.data.dtype

    @property
    def device(self) -> str:
        """Where the entries are: "cpu" or "cuda"."""
        return arrays.device_of(self.data)

    @property
    def is_leaf(self) -> bool:
        """True if no recorded operation made this tensor: `.grad` of such tensors is filled."""
        return self.grad_fn is None

    def size(self, dim: int | None = None) -> Any:
        """Return the shape, or its length along `dim`."""
        return self.shape if dim is None else self.shape[dim]

    def dim(self) -> int:
        """Return the number of dimensions."""
        return self.ndim

    def numel(self) -> int:
        """Return the number of entries."""
        return self.data.size

    def is_floating_point(self) -> bool:
        """Return whether the entries are floats."""
        return self.data.dtype.kind == "f"

    def detach(self) -> "Tensor":
        """Return the same array as a tensor with no history; writing to one writes to both."""
        return Tensor(self)

    def written(self) -> None:
        """Say that the array was written into; `x += y` and `x[i] = y` do so by themselves."""
        self.version.written(self.data)

    def requires_grad_(self, requires_grad: bool = True) -> "Tensor":
        """Switch the collection of gradients on or off for this leaf, and return it."""
        if not self.is_leaf:
            raise RuntimeError("requires_grad can be changed on leaf tensors only; detach() first")
        if requires_grad and not self.is_floating_point():
            raise TypeError(f"only float tensors can require gradients; this one is {self.dtype}")
        self._requires_grad = bool(requires_grad)
        return self

    def retain_grad(self) -> None:
        """Keep this tensor's gradient in `.grad` at the next backward(), though it is no leaf."""
        if self.grad_fn is not None:
            self.grad_fn.retained = weakref.ref(self)

    def accumulate_grad(self, dx: Any) -> None:
        """Add an array to `.grad`, as backward() does for every leaf."""
        if self.grad is not None:
            self.grad.data += dx
            self.grad.written()
        elif (place := self.grad_place) is not None:
            self.grad = place.tensor if dx is place.array else place.take(dx)
        else:
            self.grad = Tensor(dx.copy())  # dx may be another tensor's gradient too, or a view

    def numpy(self) -> np.ndarray:
        """Return the array itself.

        Raises RuntimeError on a tensor that requires gradients or is not on the CPU.
        """
        if self.requires_grad:
            raise RuntimeError("this tensor requires gradients; use tensor.detach().numpy()")
        if self.device != "cpu":
            raise RuntimeError(f"this tensor is on {self.device}; use tensor.cpu().numpy()")
        return self.data

    def __array__(self, dtype=None, copy=None) -> np.ndarray:
        return np.array(self.numpy(), dtype=dtype, copy=copy)

    def item(self) -> float | int | bool:
        """Return the only entry as a Python number."""
        if self.data.size != 1:
            raise ValueError(f"item() needs a single entry, but the shape is {self.shape}")
        return self.data.item()

    def tolist(self) -> list:
        """Return the entries as nested lists of Python numbers."""
        return self.data.tolist()

    def __repr__(self) -> str:
        data = arrays.to_device(self.data, "cpu")
        text = np.array2string(data, separator=", ", prefix="tensor(", precision=4)
        notes = [] if self.device == "cpu" else [f"device={self.device!r}"]
        if self.dtype not in (np.float32, np.int64, np.bool_):
            notes.append(f"dtype={self.dtype}")
        if self.grad_fn is not None:
            notes.append(f"grad_fn=<{type(self.grad_fn).__name__}>")
        elif self.requires_grad:
            notes.append("requires_grad=True")
        return f"tensor({', '.join([text, *notes])})"

    def __len__(self) -> int:
        if not self.ndim:
            raise TypeError("a tensor of shape () has no length")
        return len(self.data)

    def __iter__(self):
        return (self[i] for i in range(len(self)))

    def __bool__(self) -> bool:
        return bool(self.item())

    def __float__(self) -> float:
        return float(self.item())

    def __int__(self) -> int:
        return int(self.item())

    def __index__(self) -> int:
        return operator.index(cast(int, self.item()))  # a TypeError for floats

    def __format__(self, spec: str) -> str:
        return format(self.item(), spec) if self.ndim == 0 or spec else repr(self)


def as_array(data: Any) -> Any:
    """Return what a tensor of `data` would hold; see Tensor."""
    return data.data if isinstance(data, Tensor) else to_array(data)
