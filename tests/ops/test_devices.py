"""Every operation in float32 on a GPU, or a stand-in for CuPy, against the same on the CPU."""

import numpy as np
import pytest

from minae.kernels import arrays
from minae.tensor import Tensor
from minae.tools.gradchecks import minae_ops

OPS = {op.__name__: op for op in minae_ops() if op.__name__ != "To"}


def moved(value, device):
    """Return a value with its arrays in float32, and on the device."""
    if isinstance(value, tuple | list):
        return type(value)(moved(v, device) for v in value)
    if isinstance(value, dict):
        return {k: moved(v, device) for k, v in value.items()}
    if not isinstance(value, np.ndarray):
        return value
    return arrays.to_device(value.astype(np.float32) if value.dtype.kind == "f" else value, device)


def computed(op, example, device):
    """Return the output and the gradients of an example, on the CPU."""
    *inputs, last = moved(example, device)
    options = last if isinstance(last, dict) else {}
    inputs = inputs if isinstance(last, dict) else [*inputs, last]
    tensors = [None if x is None else Tensor(x, requires_grad=x.dtype.kind == "f") for x in inputs]
    y = op.apply(*tensors, **options)
    assert y.device == device
    if y.requires_grad:
        dy = np.random.default_rng(1).normal(size=y.shape).astype(np.float32)
        y.backward(Tensor(dy, device=device))
    results = [y, *(x.grad for x in tensors if x is not None and x.grad is not None)]
    return [result.detach().cpu().numpy() for result in results]


@pytest.mark.parametrize("name", OPS)
def test_an_operation_there_is_the_same_as_here(cupy, name):
    rng = np.random.default_rng(0)
    for example in OPS[name]().examples(rng):
        example = example if isinstance(example, tuple) else (example,)
        expected, actual = (computed(OPS[name], example, d) for d in ("cpu", "cuda"))
        for a, e in zip(actual, expected, strict=True):
            assert a.dtype == e.dtype
            np.testing.assert_allclose(a, e, rtol=1e-4, atol=1e-5 * np.abs(e).max(initial=1))
