"""Reverse-mode automatic differentiation: one walk from the loss back to the leaves.

Every op of the graph is visited once, consumers first; see `minae.op` for what an op is.
Derivatives are of first order: what backward computes is not recorded.
"""

from collections.abc import Callable, Iterable, Sequence
from operator import attrgetter
from typing import Any

import numpy as np

from minae.grad_mode import enable_grad, is_grad_enabled, no_grad
from minae.kernels import arrays
from minae.op import Op, unbroadcast
from minae.tensor import Tensor, as_array

__all__ = ["Op", "backward", "enable_grad", "grad", "is_grad_enabled", "no_grad", "unbroadcast"]


def backward(tensor: Tensor, gradient: Any = None, retain_graph: bool = False) -> None:
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
    _walk([(tensor, _first_gradient(tensor, gradient))], Tensor.accumulate_grad, retain_graph)


def grad(
    outputs: Tensor | Sequence[Tensor],
    inputs: Tensor | Sequence[Tensor],
    grad_outputs: Any = None,
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
    results = [x.grad_fn for x in inputs if x.grad_fn is not None]
    retained = [op.retained for op in results]
    found = {}

    def add(x: Tensor, dx) -> None:
        found[x] = found[x] + dx if x in found else dx

    for x in inputs:
        x.retain_grad()
    try:
        _walk(roots, add, retain_graph)
    finally:
        for op, before in zip(results, retained, strict=True):
            op.retained = before
    unused = [i for i, x in enumerate(inputs) if x not in found]
    if unused and not allow_unused:
        raise RuntimeError(f"grad: the outputs do not depend on input {unused[0]}: allow_unused?")
    return tuple(Tensor(found[x].copy()) if x in found else None for x in inputs)


def _walk(roots, keep: Callable[[Tensor, Any], None], retain_graph: bool) -> None:
    """Walk back from the roots, each op once, when all its consumers have had their turn.

    Args:
        roots: tensors, each with its gradient.
        keep: called with a leaf, or a result that retains its gradient, and a gradient to add.
        retain_graph: as in `backward`.
    """
    gradients = {}  # by op, that of its output: the sum of what consumers have handed back so far

    def add(op: Op, dy) -> None:
        gradients[op] = op.kernels.add(gradients[op], dy) if op in gradients else dy

    for x, dx in roots:
        keep(x, dx) if x.grad_fn is None else add(x.grad_fn, dx)
    for op in _consumers_first(gradients):
        dy = gradients.pop(op)
        if op.retained is not None and (output := op.retained()) is not None:
            keep(output, dy)
        for x, dx in op.gradients(dy):
            keep(x, dx) if x.grad_fn is None else add(x.grad_fn, dx)
        if not retain_graph:
            op.release()


def _first_gradient(tensor: Tensor, gradient):
    if not tensor._requires_grad:
        raise RuntimeError("backward() needs a tensor that requires gradients; this one does not")
    if gradient is None:
        data = tensor.data
        if data.size != 1:
            raise RuntimeError(
                f"backward() of a tensor of shape {tensor.shape} needs the gradient argument;"
                " without it the tensor must have a single entry, such as a loss"
            )
        return np.array(1, data.dtype, ndmin=data.ndim, like=data)
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
