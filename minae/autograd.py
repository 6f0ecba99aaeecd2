"""Reverse-mode automatic differentiation: one walk from the loss back to the leaves.

Every op of the graph is visited once, consumers first; see `minae.op` for what an op is.
Derivatives are of first order: what backward computes is not recorded.
"""

from collections.abc import Iterable, Sequence
from operator import attrgetter

import numpy as np

from minae.grad_mode import enable_grad, is_grad_enabled, no_grad
from minae.kernels import arrays
from minae.op import Op, unbroadcast
from minae.tensor import Tensor, as_array, method

__all__ = ["Op", "backward", "enable_grad", "grad", "is_grad_enabled", "no_grad", "unbroadcast"]


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
            or has the wrong shape, an op has no (right) gradient rule, or what it needs was
            written into.
    """
    _walk([(tensor, _first_gradient(tensor, gradient))], retain_graph)


def grad(
    outputs: Tensor | Sequence[Tensor],
    inputs: Tensor | Sequence[Tensor],
    grad_outputs=None,
    *,
    retain_graph: bool = False,
    allow_unused: bool = False,
) -> tuple[Tensor | None, ...]:
    """Return the gradients of the outputs with respect to the inputs; no `.grad` is changed.

    Args:
        outputs: one tensor or several, whose gradients add up.
        inputs: leaves, or results on the way to the outputs.
        grad_outputs: for each output its `gradient`, as in `backward`.
        retain_graph: as in `backward`.
        allow_unused: give None for an input that the outputs do not depend on.

    Raises:
        RuntimeError: as `backward`, and for an input that is not used.
    """
    outputs = (outputs,) if isinstance(outputs, Tensor) else tuple(outputs)
    inputs = (inputs,) if isinstance(inputs, Tensor) else tuple(inputs)
    if not isinstance(grad_outputs, tuple | list):
        grad_outputs = (grad_outputs,) * len(outputs)
    for i, x in enumerate(inputs):
        if not x.requires_grad:
            raise RuntimeError(f"grad: input {i} does not require gradients")
    roots = [(y, _first_gradient(y, dy)) for y, dy in zip(outputs, grad_outputs, strict=True)]
    aside = {id(x): x for x in (*inputs, *_leaves(outputs))}.values()
    before = [(x, x.grad, x.grad_place) for x in aside]
    sources = [x.grad_fn for x in inputs if x.grad_fn is not None]
    retained = [(op, op.retained) for op in sources]
    try:
        for x in aside:
            x.grad = x.grad_place = None
        for x in inputs:
            x.retain_grad()
        _walk(roots, retain_graph)
        found = tuple(x.grad for x in inputs)
    finally:
        for x, dx, place in before:
            x.grad, x.grad_place = dx, place
        for op, output in retained:
            op.retained = output
    unused = [i for i, dx in enumerate(found) if dx is None]
    if unused and not allow_unused:
        raise RuntimeError(f"grad: the outputs do not depend on input {unused[0]}: allow_unused?")
    return found


def _walk(roots: list[tuple[Tensor, np.ndarray]], retain_graph: bool) -> None:
    """Go back from tensors, each with its gradient, and accumulate the gradients of leaves."""
    gradients = {}
    for tensor, dy in roots:
        source = tensor.grad_fn
        if source is None:
            _accumulate(tensor, dy)
        else:
            gradients[source] = gradients[source] + dy if source in gradients else dy
    for op in _consumers_first(gradients):
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
    if not tensor.requires_grad:
        raise RuntimeError("backward() needs a tensor that requires gradients; this one does not")
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


def _consumers_first(roots: Iterable[Op]) -> list[Op]:
    """Return the ops that lead to the roots, each after all ops that use its output.

    Those were recorded later, so it is enough to find them all and to sort them by time.
    """
    found = set(roots)
    stack = list(found)
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
    return sorted(found, key=attrgetter("time"), reverse=True)


def _leaves(outputs: Iterable[Tensor]) -> list[Tensor]:
    """Return the tensors from which the outputs were computed and whose `.grad` would be filled."""
    ops = _consumers_first(y.grad_fn for y in outputs if y.grad_fn is not None)
    tensors = [*outputs, *(x for op in ops for x in op.inputs if x is not None)]
    return [x for x in tensors if x.requires_grad and (x.is_leaf or x.grad_fn.retained)]


def _accumulate(tensor: Tensor, dx) -> None:
    if tensor.grad is not None:
        tensor.grad.data += dx
        tensor.grad.written()
    elif tensor.grad_place is not None:
        tensor.grad = tensor.grad_place.take(dx)
    else:
        tensor.grad = Tensor(dx.copy())  # dx may be shared with another input, or be a view
