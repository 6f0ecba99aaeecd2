"""What does not fit is refused, in words that name it, before anything is computed."""

import numpy as np
import pytest

from minae import Tensor, ops


def zeros(*shape, dtype=np.float32):
    return Tensor(np.zeros(shape, dtype))


def classes(*numbers):
    return Tensor(np.array(numbers, np.int64))


REFUSED = {
    # the message: (the exception, the call)
    r"matmul: \(2, 3\) and \(4, 5\)": (ValueError, lambda: zeros(2, 3) @ zeros(4, 5)),
    r"linear: x \(2, 3\).* weight \(4, 5\)": (
        ValueError,
        lambda: ops.linear(zeros(2, 3), zeros(4, 5)),
    ),
    r"linear: bias \(5,\)": (ValueError, lambda: ops.linear(zeros(2, 3), zeros(4, 3), zeros(5))),
    r"shapes \(2,3\) \(4,5\)": (ValueError, lambda: zeros(2, 3) + zeros(4, 5)),
    r"x has shape \(2, 3\), but target \(3, 2\)": (
        ValueError,
        lambda: ops.mse_loss(zeros(2, 3), zeros(3, 2)),
    ),
    r"x has shape \(2, 1\), but target \(2,\)": (  # would broadcast, and is never meant
        ValueError,
        lambda: ops.l1_loss(zeros(2, 1), zeros(2)),
    ),
    "reduction is one of mean, sum, batchmean, none, not 'avg'": (
        ValueError,
        lambda: ops.mse_loss(zeros(2), zeros(2), reduction="avg"),
    ),
    r"cross_entropy: x \(2, 3\).*\(3,\)": (
        ValueError,
        lambda: ops.cross_entropy(zeros(2, 3), classes(0, 1, 2)),
    ),
    "cross_entropy: classes 0 to 3": (
        ValueError,
        lambda: ops.cross_entropy(zeros(2, 3), classes(0, 3)),
    ),
    "cross_entropy: classes -1 to 0": (
        ValueError,
        lambda: ops.cross_entropy(zeros(2, 3), classes(0, -1)),
    ),
    "integers, not float32": (ValueError, lambda: ops.cross_entropy(zeros(2, 3), zeros(2))),
    r"gaussian_nll: mean \(3,\) and log_var \(2, 3\) for x \(3,\)": (
        ValueError,
        lambda: ops.gaussian_nll(zeros(3), zeros(3), zeros(2, 3)),
    ),
    r"gaussian_kl: mean has shape \(2, 3\), but log_var \(3,\)": (
        ValueError,
        lambda: ops.gaussian_kl(zeros(2, 3), zeros(3)),
    ),
    r"reparameterise: mean has shape \(2,\), but log_var \(1,\)": (
        ValueError,
        lambda: ops.reparameterise(zeros(2), zeros(1)),
    ),
    r"conv2d: x \(1, 3, 5, 5\) has 3 channels": (
        ValueError,
        lambda: ops.conv2d(zeros(1, 3, 5, 5), zeros(4, 2, 3, 3)),
    ),
    r"conv_transpose2d: x \(1, 3, 5, 5\) has 3 channels": (
        ValueError,
        lambda: ops.conv_transpose2d(zeros(1, 3, 5, 5), zeros(2, 1, 3, 3)),
    ),
    r"conv_transpose2d: bias \(3,\) must be \(1,\)": (  # would broadcast to three channels
        ValueError,
        lambda: ops.conv_transpose2d(zeros(1, 2, 5, 5), zeros(2, 1, 3, 3), zeros(3)),
    ),
    r"attention: .* \(3, 4\), \(5, 3\), \(5, 2\)": (
        ValueError,
        lambda: ops.scaled_dot_product_attention(zeros(3, 4), zeros(5, 3), zeros(5, 2)),
    ),
    "attn_mask or is_causal, not both": (
        ValueError,
        lambda: ops.scaled_dot_product_attention(
            zeros(2, 2), zeros(2, 2), zeros(2, 2), Tensor(np.ones((2, 2), bool)), is_causal=True
        ),
    ),
    r"layer_norm: x has shape \(2, 3\), which does not end in \(2,\)": (
        ValueError,
        lambda: ops.layer_norm(zeros(2, 3), (2,)),
    ),
    r"layer_norm: a parameter has shape \(2,\), expected \(3,\)": (
        ValueError,
        lambda: ops.layer_norm(zeros(2, 3), (3,), zeros(2), zeros(2)),
    ),
    "layer_norm: give both parameters": (
        ValueError,
        lambda: ops.layer_norm(zeros(2, 3), (3,), zeros(3)),
    ),
    "one value per channel": (
        ValueError,
        lambda: ops.batch_norm(zeros(1, 3), None, None, training=True),
    ),
    "evaluation needs running_mean": (ValueError, lambda: ops.batch_norm(zeros(2, 3), None, None)),
    "a probability, and 1.5 is not": (ValueError, lambda: ops.dropout(zeros(2), 1.5)),
    "indices from 0 to 5, but weight has 5 rows": (
        IndexError,
        lambda: ops.embedding(classes(0, 5), zeros(5, 2)),
    ),
    "indices from -1 to 0": (IndexError, lambda: ops.embedding(classes(0, -1), zeros(5, 2))),
    r"gather: index \(2,\) must have as many dimensions as x \(3, 2\)": (
        ValueError,
        lambda: zeros(3, 2).gather(0, classes(0, 1)),
    ),
    r"pad \(1,\) needs two widths": (ValueError, lambda: ops.pad(zeros(3), (1,))),
    r"pad \(1, -1\)": (ValueError, lambda: ops.pad(zeros(3), (1, -1))),
    r"\[1, 1\] do not add up to the length 3": (ValueError, lambda: zeros(3).split([1, 1])),
    "cannot reshape": (ValueError, lambda: zeros(3).reshape(2, 2)),
}


@pytest.mark.parametrize("message", REFUSED)
def test_refused(message):
    error, call = REFUSED[message]
    with pytest.raises(error, match=message):
        call()


DIMS = {
    "sum": lambda x, dim: x.sum(dim),
    "amax": lambda x, dim: x.amax((0, dim)),
    "max": lambda x, dim: x.max(dim),
    "softmax": lambda x, dim: x.softmax(dim),
    "squeeze": lambda x, dim: x.squeeze(dim),
    "unsqueeze": lambda x, dim: x.unsqueeze(dim + 1 if dim > 0 else dim - 1),
    "flatten": lambda x, dim: x.flatten(dim),
    "permute": lambda x, dim: x.permute(0, dim),
    "transpose": lambda x, dim: x.transpose(0, dim),
    "flip": lambda x, dim: x.flip(dim),
    "split": lambda x, dim: x.split(1, dim),
    "gather": lambda x, dim: x.gather(dim, classes(0).unsqueeze(0)),
    "cat": lambda x, dim: ops.cat([x, x], dim),
    "stack": lambda x, dim: ops.stack([x, x], dim + 1 if dim > 0 else dim - 1),
}


@pytest.mark.parametrize("dim", [2, 3, -3, -4])
@pytest.mark.parametrize("name", DIMS)
def test_a_dimension_that_is_not_there(name, dim):
    """Dimension 3 of a matrix must not be taken for dimension 1, as 3 % 2 would have it."""
    with pytest.raises(IndexError):
        DIMS[name](zeros(2, 3), dim)
