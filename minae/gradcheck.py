"""Is backward the derivative of forward? Compare it with finite differences, entry by entry.

For f and a random upstream gradient dy, the scalar L(x) = Σ f(x) · dy has the gradient that
backward computes, and also, by central differences,

    ∂L/∂xᵢ ≈ Σ (f(x + h eᵢ) - f(x - h eᵢ)) · dy / 2h

with an error of order h² + ε/h, which is least near h = ε^⅓ (ε is float64's rounding error). dy is
random, never ones: with ones, multiplying by dy and dividing by it look the same.

Further checks find what finite differences cannot see: inputs that are written to, gradients that
overwrite each other where they should add up, and results that depend on arrays' memory layout.
"""

import inspect
from collections.abc import Callable, Sequence
from itertools import combinations
from typing import Any

import numpy as np

from minae.diagnosis import diagnose
from minae.grad_mode import no_grad
from minae.op import Op
from minae.tensor import Tensor, as_array

Arrays = Sequence[np.ndarray | None]
Function = Callable[..., Tensor]

STEP = np.finfo(np.float64).eps ** (1 / 3)
TOLERANCE = 1e-6
SMALLEST_SCALE = 1e-4  # below this, an error counts as absolute: rounding reaches 1e-11 there


class GradcheckError(AssertionError):
    """A gradient is wrong. Three lines say which, where and by how much, and guess why."""


def gradcheck(f: Function, *inputs: Any, tolerance: float = TOLERANCE, seed: int = 0) -> float:
    """Check the gradients of a function of tensors; return the largest relative error.

    f takes as many tensors as there are inputs and returns one, the same every time. It is
    differentiated with respect to float64 arrays or tensors; integers, booleans and None are passed
    on as they are. Errors, of which `tolerance` is the largest allowed, are relative to the largest
    of: both gradients at that entry, a hundredth of the input's largest gradient, and 1e-4. `seed`
    is that of the random upstream gradient.

    Raises GradcheckError if a gradient is wrong or another check fails, and TypeError if an input
    is float32, too coarse to tell an error from rounding.
    """
    arrays = [None if x is None else np.array(as_array(x)) for x in inputs]
    for i, x in enumerate(arrays):
        if x is not None and x.dtype.kind == "f" and x.dtype != np.float64:
            raise TypeError(f"gradcheck computes in float64, but input {i} is {x.dtype}")
    names = _names(f, len(arrays))
    rng = np.random.default_rng(seed)
    copies = [None if x is None else x.copy() for x in arrays]  # f may write into them: see below
    dy = rng.uniform(0.5, 1.5, _forward(f, copies).shape)
    dy *= rng.choice([-1.0, 1.0], dy.shape)
    _check_side_effects(f, arrays, dy, names)
    errors = [0.0]
    for i, gradient in enumerate(_run(f, arrays, dy)[1]):
        if gradient is not None:
            numeric = numeric_gradient(f, arrays, i, dy)
            errors.append(_compare(gradient, numeric, names[i], tolerance))
    _check_accumulation(f, arrays, dy, names)
    _check_layouts(f, arrays, dy, names)
    return max(errors)


def check_pair(forward: Callable, backward: Callable, *arrays: np.ndarray) -> float:
    """Check a backward that was written by hand, on plain float64 arrays, as gradcheck does.

    forward(*arrays) returns an array; backward(dy, *arrays) a tuple of gradients with respect to
    the arrays, in their order, or for a single array just its gradient.
    """

    class _ByHand(Op):
        __module__ = "by_hand"  # not one of minae's operations, all of which are checked

        def forward(self, *inputs: np.ndarray) -> np.ndarray:
            self.save(*inputs)
            return forward(*inputs)

        def backward(self, dy: np.ndarray) -> Any:
            return backward(dy, *self.saved)

    def f(*tensors: Tensor) -> Tensor:
        return _ByHand.apply(*tensors)

    f.__signature__ = inspect.signature(forward)  # so that messages name the inputs
    return gradcheck(f, *arrays)


def check_op(op: type[Op], seed: int = 0, device: str = "cpu") -> tuple[int, float]:
    """Check an operation on each of its examples; return their number and the largest error."""
    errors = []
    for *arrays, last in op().examples(np.random.default_rng(seed)):
        arrays, options = (arrays, last) if isinstance(last, dict) else ([*arrays, last], {})

        def f(*tensors: Tensor | None, options: dict[str, Any] = options) -> Tensor:
            # the check covers the transfers there and back
            moved = [x if x is None else x.to(device) for x in tensors]
            return op.apply(*moved, **options).to("cpu")

        f.__signature__ = inspect.signature(op().forward)
        errors.append(gradcheck(f, *arrays, seed=seed))
    return len(errors), max(errors)


def numeric_gradient(f: Function, arrays: Sequence[Any], i: int, dy: np.ndarray) -> np.ndarray:
    """Return by central differences the gradient of Σ f(*arrays) · dy with respect to arrays[i]."""
    arrays = list(arrays)
    arrays[i] = x = arrays[i].copy()
    gradient = np.empty_like(x)
    for index in np.ndindex(x.shape):
        value = x[index]
        right, left = value + STEP, value - STEP
        x[index] = right
        above = _forward(f, arrays)
        x[index] = left
        below = _forward(f, arrays)
        x[index] = value
        gradient[index] = ((above - below) * dy).sum() / (right - left)  # not 2h: both were rounded
    return gradient


def _names(f: Function, count: int) -> list[str]:
    try:
        parameters = inspect.signature(f).parameters.values()
    except (TypeError, ValueError):  # builtins have no signature
        parameters = ()
    known = [p.name for p in parameters if p.kind in (p.POSITIONAL_ONLY, p.POSITIONAL_OR_KEYWORD)]
    return [f"input {i}" + (f" ({known[i]})" if i < len(known) else "") for i in range(count)]


def _forward(f: Function, arrays: Arrays) -> np.ndarray:
    with no_grad():
        return np.array(f(*(x if x is None else Tensor(x) for x in arrays)).data)


def _run(f: Function, arrays: Arrays, dy: np.ndarray) -> tuple[np.ndarray, list[np.ndarray | None]]:
    """Return f's output and the gradient of each input (None if it is not differentiable)."""
    leaves = [None if x is None else Tensor(x, x.dtype == np.float64) for x in arrays]
    y = f(*leaves)
    y.backward(dy)
    return y.data, [_gradient(x) if x is not None and x.requires_grad else None for x in leaves]


def _gradient(leaf: Tensor) -> np.ndarray:
    return np.zeros(leaf.shape) if leaf.grad is None else leaf.grad.data


def _compare(analytic: np.ndarray, numeric: np.ndarray, name: str, tolerance: float) -> float:
    if not analytic.size:
        return 0.0
    floor = max(SMALLEST_SCALE, 0.01 * np.abs(numeric).max())
    scale = np.maximum(np.maximum(np.abs(analytic), np.abs(numeric)), floor)
    with np.errstate(invalid="ignore"):  # an infinite gradient gives inf / inf
        error = np.asarray(np.abs(analytic - numeric) / scale)
    error[~np.isfinite(error)] = np.inf
    worst = np.unravel_index(error.argmax(), error.shape)
    if error[worst] > tolerance:
        a, n = analytic[worst], numeric[worst]
        place = f"[{', '.join(map(str, worst))}]" if worst else "its only entry"
        ratio = f", ratio {a / n:.6g}" if n else ""
        wrong = error > tolerance
        raise GradcheckError(
            f"the gradient of {name}, shape {analytic.shape}, is wrong at {wrong.sum()} of"
            f" {error.size} entries\n"
            f"worst at {place}: backward gives {a:.9g}, finite differences give {n:.9g}{ratio}\n"
            f"guess: {diagnose(analytic, numeric, wrong)}"
        )
    return float(error[worst])


def _check_side_effects(f: Function, arrays: Arrays, dy: np.ndarray, names: list[str]) -> None:
    everything, names = [*arrays, dy], [*names, "the upstream gradient"]
    before: list[Any] = [None if x is None else x.copy() for x in everything]

    def check(culprit: str) -> None:
        for x, old, name in zip(everything, before, names, strict=True):
            if x is not None and not np.array_equal(x, old, equal_nan=x.dtype.kind == "f"):
                raise GradcheckError(f"{culprit} writes into {name}; it may only read it")

    first = _forward(f, arrays)
    check("forward")
    if not np.array_equal(first, _forward(f, arrays), equal_nan=True):
        raise GradcheckError("f gives two results for the same inputs: draw random numbers outside")
    _run(f, arrays, dy)
    check("backward")


def _check_accumulation(f: Function, arrays: Arrays, dy: np.ndarray, names: list[str]) -> None:
    """Pass one tensor as two inputs: its gradient must be the sum of both."""
    floats = [(i, x) for i, x in enumerate(arrays) if x is not None and x.dtype == np.float64]
    pairs = [(i, j, y) for (i, x), (j, y) in combinations(floats, 2) if x.shape == y.shape]
    for i, j, y in pairs:
        _, separate = _run(f, [*arrays[:i], y, *arrays[i + 1 :]], dy)
        tensors = [None if a is None else Tensor(a) for a in arrays]
        tensors[i] = tensors[j] = leaf = Tensor(y, requires_grad=True)
        f(*tensors).backward(dy)
        both = sum(g for g in (separate[i], separate[j]) if g is not None)
        if not np.allclose(_gradient(leaf), both, rtol=1e-9, atol=1e-12):
            raise GradcheckError(
                f"the same tensor given as {names[i]} and {names[j]} must get the sum of both"
                " gradients, and does not: they overwrite each other"
            )


def _check_layouts(f: Function, arrays: Arrays, dy: np.ndarray, names: list[str]) -> None:
    """Check that views with gaps, or with one row repeated, give the same as copies of them."""
    for i, x in enumerate(arrays):
        if x is None or not x.ndim or not x.size:
            continue
        spaced = np.empty((*x.shape[:-1], 2 * x.shape[-1]), x.dtype)[..., ::2]
        spaced[...] = x
        repeated = np.broadcast_to(x[:1], x.shape)
        for layout, view in (("non-contiguous", spaced), ("broadcast", repeated)):
            results = []
            for given in (view, np.array(view)):
                with np.errstate(all="ignore"):
                    y, gradients = _run(f, [*arrays[:i], given, *arrays[i + 1 :]], dy)
                results.append([y, *(dx for dx in gradients if dx is not None)])
            for a, b in zip(*results, strict=True):
                if not np.allclose(a, b, rtol=1e-9, atol=1e-12, equal_nan=True):
                    raise GradcheckError(
                        f"a {layout} array as {names[i]} gives another result than a copy of it:"
                        " the memory layout must not matter"
                    )
