"""An `Op`: a forward computation and, next to it, its backward.

Backward goes from the gradient of a scalar loss with respect to the op's output (`dy`) to the
gradients with respect to its inputs (`dx`). Applying ops to tensors leaves a graph behind, each
output pointing at the op that made it and each op at its inputs; `minae.autograd` walks it.
"""

from collections.abc import Iterable, Iterator
from typing import Any

import numpy as np

from minae import kernels
from minae.dtypes import to_floats
from minae.grad_mode import is_grad_enabled
from minae.kernels import arrays
from minae.tensor import Tensor
from minae.versions import Version, check_saved, clock, share_version

NO_BROADCAST = "operands could not be broadcast", "shape mismatch"  # how NumPy begins to say so


class Op:
    """One operation: subclass it, write `forward`, `backward` and `examples`.

    - `forward(self, *arrays, **options)` gets the inputs' arrays and returns a new array, or a view
      of an input. It keeps what backward will need with `self.save(...)` and must not write into
      its inputs.
    - `backward(self, dy)` returns one gradient per input, in order, each of its input's shape. None
      stands for an input that `self.needs_input_grad` says needs none.
    - `examples(self, rng)` yields tuples of float64 arrays (or integer arrays for indices), at the
      end a dict of options, if any. All of them are gradient-checked, so make them awkward.
    - `floats` says which inputs are computed with in floats: forward gets integers among them as
      float32, and floats of different widths in the widest.

    `self.kernels` is the backend (see `minae.kernels`) for the inputs' kind of array. A backward
    may write the gradient of input i into the array of `self.places_for(i)`, where that is not
    None, and return it. Whatever subclasses Op is in `Op.registry`, under its module and name.
    """

    registry: dict[str, type["Op"]] = {}  # noqa: RUF012
    floats: slice | None = None
    saved: tuple = ()
    inputs: Any = None  # tuple[Tensor | None, ...] from when the op is recorded until it is walked
    output_version: Version
    time: int  # when it was recorded: after the ops that made its inputs
    needs_input_grad: tuple[bool, ...] = ()
    array_type: type  # of the first input
    dtype: np.dtype | None = None  # of the output, where forward got other dtypes than the inputs'
    _kernels = None
    retained = None  # weak reference to the output, if that is to keep its gradient

    def __init_subclass__(cls):
        if not cls.__name__.startswith("_"):  # such a class shares code between ops, is none itself
            Op.registry[f"{cls.__module__}.{cls.__qualname__}"] = cls

    @classmethod
    def apply(cls, *inputs, **options) -> Tensor:
        """Run forward on tensors (or what Tensor accepts; None where an input is optional).

        A result of floats requires gradients if an input does and recording is on, and then
        remembers this op as its `grad_fn`.
        """
        op = cls()
        try:  # two passes without a branch: every operation of every step comes through here
            arrays = [None if x is None else x.data for x in inputs]
            needs = tuple([x is not None and x._requires_grad for x in inputs])
        except AttributeError:  # an array or a number has not both
            return cls.apply(*map(_as_tensor, inputs), **options)
        record = True in needs and is_grad_enabled()
        op.needs_input_grad = needs if record else (False,) * len(needs)
        op.array_type = type(arrays[0])
        if cls.floats is not None:
            op.dtype = to_floats(arrays, cls.floats)
        try:
            y = op.forward(*arrays, **options)
            output = Tensor(y if op.dtype is None else y.astype(op.dtype, copy=False))
        except Exception as error:  # whatever a library says of another library's arrays
            _check_places(cls, arrays)
            if isinstance(error, ValueError) and str(error).startswith(NO_BROADCAST):
                raise broadcast_error(cls.__name__, arrays) from None
            raise
        data = output.data
        if data.base is not None or data is arrays[0]:
            share_version(output, inputs)
        if record and data.dtype.kind == "f":
            op.inputs = inputs
            op.output_version = output.version
            op.time = clock.tick()
            output._requires_grad = True
            output.grad_fn = op
        return output

    @property
    def kernels(self):
        """The backend; found when it is first asked for, since most operations need none."""
        if self._kernels is None:
            self._kernels = kernels.backend_for(self.array_type)
        return self._kernels

    def places_for(self, *numbers: int) -> list:
        """Return the arrays that await the gradients of these inputs; for None, make a new one.

        An optimiser keeps gradients side by side: what is written there at once is not copied.
        """
        if self.dtype is not None:  # the gradients come in another dtype
            return [None] * len(numbers)
        places = []
        for i in numbers:
            x = self.inputs[i]
            place = None if x is None or x.grad is not None else x.grad_place
            places.append(None if place is None else place.lend())
        return places

    def save(self, *values) -> None:
        """Keep what backward will need, until it has passed.

        Arrays belong here, not in attributes: it is checked whether they were written into.
        """
        self.saved = values

    def forward(self, *arrays: Any, **options: Any) -> Any:
        """Return the output array."""
        raise NotImplementedError(f"{type(self).__name__} has no forward")

    def backward(self, dy: Any) -> Any:
        """Return the gradients of the inputs, given that of the output."""
        raise NotImplementedError(f"{type(self).__name__} has no gradient rule: write its backward")

    def examples(self, rng: np.random.Generator) -> Iterator[tuple]:
        """Yield inputs on which the gradient is checked."""
        raise NotImplementedError("an operation without examples is an operation without a check")

    def gradients(self, dy: Any) -> list[tuple[Tensor, Any]]:
        """Run backward, and return each input that needs a gradient with it, checked.

        Raises RuntimeError if what was saved has been written into since forward, or if backward
        returned too few or too many gradients, or one of a wrong shape.
        """
        if clock.last_write > self.time:
            check_saved(self)
        if self.dtype is not None and self.dtype.itemsize < 4:  # it was computed in float32
            dy = dy.astype(np.float32)
        gradients = self.backward(dy)
        if not isinstance(gradients, tuple):
            gradients = (gradients,)
        if len(gradients) != len(self.inputs):
            counts = f"{len(gradients)} gradients for {len(self.inputs)} inputs"
            raise RuntimeError(f"{type(self).__name__}.backward returned {counts}")
        pairs = []
        for x, dx, needed in zip(self.inputs, gradients, self.needs_input_grad, strict=True):
            if needed:
                place = x.grad_place
                if place is None or dx is not place.array:
                    data = x.data
                    if dx is None or dx.shape != data.shape or dx.dtype != data.dtype:
                        dx = self.corrected(dx, x)
                pairs.append((x, dx))
        return pairs

    def corrected(self, dx: Any, x: Tensor) -> Any:
        """Return a gradient in its input's dtype; RuntimeError if it is missing or misshapen."""
        name, i = type(self).__name__, [y is x for y in self.inputs].index(True)
        if dx is None:
            raise RuntimeError(f"{name}.backward returned no gradient for input {i}")
        if dx.shape != x.shape:
            shapes = f"has shape {x.shape}, its gradient {dx.shape}"
            raise RuntimeError(f"{name}.backward: input {i} {shapes}")
        return dx.astype(x.dtype)

    def release(self) -> None:
        """Let go of saved arrays and inputs: this op has been walked."""
        self.saved, self.inputs = (), None


def _check_places(op: type[Op], inputs: list) -> None:
    """Raise ValueError unless all inputs are on one device."""
    if len({arrays.device_of(x) for x in inputs if x is not None}) > 1:
        raise ValueError(f"{op.__name__}: inputs are on cpu and on cuda: move them with .to()")


def broadcast_error(name: str, arrays: Iterable[Any]) -> ValueError:
    """Return the error that says which shapes do not go together."""
    shapes = " and ".join(str(x.shape) for x in arrays if x is not None)
    return ValueError(f"{name}: the shapes {shapes} do not broadcast")


def _as_tensor(x) -> Tensor | None:
    return x if x is None or isinstance(x, Tensor) else Tensor(x)


def unbroadcast(dx: Any, shape: tuple[int, ...]) -> Any:
    """Sum `dx` over the dimensions along which an input of `shape` was broadcast.

    Using one value in many places adds up the gradients of all those places.
    """
    if dx.shape == shape:
        return dx
    extra = dx.ndim - len(shape)
    stretched = tuple(extra + i for i, n in enumerate(shape) if n == 1 and dx.shape[extra + i] != 1)
    return kernels.backend_of(dx).sum(dx, (*range(extra), *stretched)).reshape(shape)
