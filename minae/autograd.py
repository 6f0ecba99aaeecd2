"""Reverse-mode automatic differentiation: operations that know their derivative, and one walk back.

An `Op` is a forward computation and, next to it, its backward: from the gradient of a scalar loss
with respect to the op's output (`dy`) to the gradients with respect to its inputs (`dx`). Applying
ops to tensors leaves a graph behind, each output pointing at the op that made it and each op at its
inputs. `backward` walks that graph from the loss to the leaves, every op once, consumers first.
"""

import itertools
import weakref
from contextlib import contextmanager
from contextvars import ContextVar
from operator import attrgetter

import numpy as np

from minae import kernels
from minae.kernels import arrays
from minae.tensor import Tensor, as_array, method

_grad_enabled = ContextVar("grad_enabled", default=True)  # per thread
_numbers = itertools.count()


@contextmanager
def no_grad():
    """Compute without recording a graph: `with no_grad():`, or `@no_grad()` on a function."""
    token = _grad_enabled.set(False)
    try:
        yield
    finally:
        _grad_enabled.reset(token)


def is_grad_enabled() -> bool:
    """Return whether operations are being recorded."""
    return _grad_enabled.get()


class Op:
    """One operation: subclass it, write `forward`, `backward` and `examples`.

    - `forward(self, *arrays, **options)` gets the inputs' arrays and returns a new array. It keeps
      what backward will need with `self.save(...)` and must not write into its inputs.
    - `backward(self, dy)` returns one gradient per input, in order, each of its input's shape. None
      stands for an input that `self.needs_input_grad` says needs none.
    - `examples(rng)` yields tuples of float64 arrays (or integer arrays for indices), a dict at the
      end holding the options. Every one of them is gradient-checked, so make them awkward.

    `self.kernels` is the backend (see `minae.kernels`) for the inputs' kind of array. A backward
    may write the gradient of input i into the array of `self.places_for(i)`, where that is not
    None, and return it. Whatever subclasses Op is in `Op.registry`, under its module and name.
    """

    registry: dict[str, type["Op"]] = {}  # noqa: RUF012
    saved: tuple = ()
    inputs: tuple[Tensor | None, ...] | None = None  # set where the op is recorded
    versions: int  # the sum of the inputs', as forward saw them: it grows when one is written into
    number: int  # counts the recorded ops: inputs were made by ops with smaller numbers
    needs_input_grad: tuple[bool, ...] = ()
    array_type: type  # of the first input
    _kernels = None
    retained = None  # weak reference to the output, if that is to keep its gradient

    def __init_subclass__(cls):
        if cls.__name__.startswith("_"):
            return  # shares code between ops, is none itself
        Op.registry[f"{cls.__module__}.{cls.__qualname__}"] = cls

    @classmethod
    def apply(cls, *inputs, **options) -> Tensor:
        """Run forward on tensors (or what Tensor accepts; None where an input is optional).

        A result of floats requires gradients if an input does and recording is on, and then
        remembers this op as its `grad_fn`.
        """
        op = cls()
        arrays, needs, versions = [], [], 0
        for x in inputs:  # one loop, for every operation of every step comes through here
            if x is None:
                arrays.append(None)
                needs.append(False)
            elif isinstance(x, Tensor):
                arrays.append(x.data)
                needs.append(x.requires_grad)
                versions += x.version
            else:
                return cls.apply(*map(_as_tensor, inputs), **options)
        record = True in needs and _grad_enabled.get()
        op.needs_input_grad = tuple(needs) if record else (False,) * len(needs)
        op.array_type = type(arrays[0])
        try:
            output = Tensor(op.forward(*arrays, **options))
        except Exception:  # whatever a library says of another library's arrays
            _check_places(cls, arrays)
            raise
        if record and output.data.dtype.kind == "f":
            op.inputs = inputs
            op.versions = versions
            op.number = next(_numbers)
            output.requires_grad = True
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

        An optimiser keeps all gradients side by side. What is written to its place at once need
        not be copied there.
        """
        places = []
        for i in numbers:
            x = self.inputs[i]
            place = None if x is None or x.grad is not None else x.grad_place
            places.append(None if place is None else place.lend())
        return places

    def save(self, *values) -> None:
        """Keep what backward will need. It is let go of once backward has passed."""
        self.saved = values

    def forward(self, *arrays, **options):
        """Return the output array."""
        raise NotImplementedError(f"{type(self).__name__} has no forward")

    def backward(self, dy):
        """Return the gradients of the inputs, given that of the output."""
        raise NotImplementedError(f"{type(self).__name__} has no gradient rule: write its backward")

    @staticmethod
    def examples(rng: np.random.Generator):
        """Yield inputs on which the gradient is checked."""
        raise NotImplementedError("an operation without examples is an operation without a check")

    def gradients(self, dy) -> tuple:
        """Run backward, and return one gradient per input. The engine trusts no rule blindly.

        Raises:
            RuntimeError: an input was written into since forward, so that what was saved is no
                longer what it was; or there are more or fewer gradients than inputs.
        """
        versions = 0
        for x in self.inputs:
            if x is not None:
                versions += x.version
        if versions != self.versions:
            raise RuntimeError(
                f"an input of {type(self).__name__} was changed in place after the forward pass:"
                " call backward() before optimizer.step() and before any x += y"
            )
        gradients = self.backward(dy)
        if not isinstance(gradients, tuple):
            gradients = (gradients,)
        if len(gradients) != len(self.inputs):
            raise RuntimeError(
                f"{type(self).__name__}.backward returned {len(gradients)} gradients for"
                f" {len(self.inputs)} inputs"
            )
        return gradients

    def corrected(self, dx, x: Tensor):
        """Return a gradient of another dtype than its input in that dtype.

        Raises RuntimeError if it is missing or has another shape.
        """
        name = type(self).__name__
        i = [y is x for y in self.inputs].index(True)
        if dx is None:
            raise RuntimeError(f"{name}.backward returned no gradient for input {i}")
        if dx.shape != x.shape:
            raise RuntimeError(
                f"{name}.backward: input {i} has shape {x.shape}, its gradient {dx.shape}"
            )
        return dx.astype(x.dtype)

    def retain_grad_of(self, output: Tensor) -> None:
        """Have the next backward leave the gradient of `output` in its `.grad`."""
        self.retained = weakref.ref(output)

    def release(self) -> None:
        """Let go of saved arrays and inputs: this op has been walked."""
        self.saved, self.inputs = (), None


@method()
def backward(tensor: Tensor, gradient=None, retain_graph: bool = False) -> None:
    """Add to `.grad` of every leaf the gradient of `tensor` with respect to that leaf.

    Args:
        tensor: usually the loss.
        gradient: gradient of the final scalar with respect to `tensor`, in its shape. It may be
            left out for a tensor with a single entry, and is then 1.
        retain_graph: keep the graph for another walk. Otherwise it is freed on the way.

    Raises:
        RuntimeError: nothing to differentiate, the graph was walked before, `gradient` is missing
            or has the wrong shape, or an op has no (right) gradient rule.
    """
    if not tensor.requires_grad:
        raise RuntimeError("backward() needs a tensor that requires gradients; this one does not")
    dy = _first_gradient(tensor, gradient)
    if tensor.grad_fn is None:
        _accumulate(tensor, dy)
        return
    gradients = {tensor.grad_fn: dy}
    for op in _consumers_first(tensor.grad_fn):
        dy = gradients.pop(op)
        if op.retained is not None and (output := op.retained()) is not None:
            _accumulate(output, dy)
        for x, dx, needed in zip(op.inputs, op.gradients(dy), op.needs_input_grad, strict=True):
            if not needed:
                continue
            place = x.grad_place
            if place is not None and dx is place.array and x.grad is None:
                x.grad = place.tensor  # written where it belongs: nothing to check, or to copy
                continue
            data, source = x.data, x.grad_fn
            if dx is None or dx.shape != data.shape or dx.dtype != data.dtype:
                dx = op.corrected(dx, x)
            if source is None:
                _accumulate(x, dx)
            elif source in gradients:  # a second path: gradients add up, into a new array
                gradients[source] = gradients[source] + dx
            else:
                gradients[source] = dx
        if not retain_graph:
            op.release()


def _first_gradient(tensor: Tensor, gradient):
    if gradient is None:
        if tensor.numel() != 1:
            raise RuntimeError(
                f"backward() of a tensor of shape {tensor.shape} needs the gradient argument;"
                " without it the tensor must have a single entry, such as a loss"
            )
        return np.array(1, tensor.dtype, ndmin=tensor.ndim, like=tensor.data)
    gradient = arrays.beside(as_array(gradient), tensor.data)
    if gradient.shape != tensor.shape:
        raise RuntimeError(f"gradient has shape {gradient.shape}, the tensor {tensor.shape}")
    return gradient.astype(tensor.dtype, copy=False)


def _consumers_first(root: Op) -> list[Op]:
    """Return the ops that lead to `root`, each after all ops that use its output.

    Those were recorded later, so it is enough to find them all and to sort them by their numbers.
    """
    found, stack = {root}, [root]
    while stack:
        op = stack.pop()
        if op.inputs is None:
            raise RuntimeError(
                "this graph was walked before and is gone; to walk it more than once, call"
                " backward(retain_graph=True) until the last time"
            )
        for x in op.inputs:
            if x is not None and (source := x.grad_fn) is not None and source not in found:
                found.add(source)
                stack.append(source)
    return sorted(found, key=attrgetter("number"), reverse=True)


def _check_places(op: type[Op], inputs: list) -> None:
    """Raise ValueError unless all inputs are on one device."""
    if len({arrays.device_of(x) for x in inputs if x is not None}) > 1:
        raise ValueError(f"{op.__name__}: inputs are on cpu and on cuda: move them with .to()")


def _as_tensor(x) -> Tensor | None:
    return x if x is None or isinstance(x, Tensor) else Tensor(x)


def _accumulate(tensor: Tensor, dx) -> None:
    if tensor.grad is not None:
        tensor.grad.data += dx
    elif tensor.grad_place is not None:
        tensor.grad = tensor.grad_place.take(dx)
    else:
        tensor.grad = Tensor(dx.copy())  # dx may be shared with another input, or be a view


def unbroadcast(dx, shape: tuple[int, ...]):
    """Sum `dx` over the dimensions along which an input of `shape` was broadcast.

    Using one value in many places adds up the gradients of all those places.
    """
    if dx.shape == shape:
        return dx
    extra = dx.ndim - len(shape)
    stretched = tuple(extra + i for i, n in enumerate(shape) if n == 1 and dx.shape[extra + i] != 1)
    return dx.sum(axis=tuple(range(extra)) + stretched, keepdims=True).reshape(shape)
