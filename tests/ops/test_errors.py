"""What does not fit is refused, in words that name it, before anything is computed."""

import numpy as np
import pytest

from minae import Tensor, ops, zeros


def classes(*numbers):
    return Tensor(np.array(numbers, np.int64))


REFUSED = {}  # for an exception, the messages and the calls
REFUSED[ValueError] = {
    r"matmul: \(2, 3\) and \(4, 5\)": lambda: zeros(2, 3) @ zeros(4, 5),
    r"linear: x \(2, 3\).* weight \(4, 5\)": lambda: ops.linear(zeros(2, 3), zeros(4, 5)),
    r"linear: bias \(5,\)": lambda: ops.linear(zeros(2, 3), zeros(4, 3), zeros(5)),
    "linear: activation is None, 'relu', 'gelu', 'gelu_tanh' or 'silu', not": lambda: ops.linear(
        zeros(2, 3), zeros(4, 3), activation="tanh"
    ),
    r"Add: the shapes \(2, 3\) and \(4, 5\) do not broadcast": lambda: zeros(2, 3) + zeros(4, 5),
    r"lt: the shapes \(2, 3\) and \(2,\) do not broadcast": lambda: zeros(2, 3) < zeros(2),
    "pow: an integer to a negative power": lambda: classes(2) ** -1,
    "clip: give min, max or both": lambda: zeros(2).clip(),
    "gelu: approximate is 'none' or 'tanh', not 'erf'": lambda: ops.gelu(
        zeros(2), approximate="erf"
    ),
    "amax: no entries to choose from": lambda: zeros(0, 2).amax(0),
    "argmin: no entries to choose from": lambda: zeros(2, 0).argmin(),
    r"a reduction: dims \(0, -2\) name a dimension twice": lambda: zeros(2, 2).sum((0, -2)),
    "linear_stack: each layer needs a weight": lambda: ops.linear_stack(
        zeros(1, 2), [zeros(3, 2)], [], ["relu"]
    ),
    r"attention: attn_mask \(3, 3\) does not broadcast to the scores \(2, 2\)": lambda: (
        ops.scaled_dot_product_attention(*[zeros(2, 2)] * 3, zeros(3, 3))
    ),
    r"mse_loss: x has shape \(2, 3\), but target \(3, 2\)": lambda: ops.mse_loss(
        zeros(2, 3), zeros(3, 2)
    ),
    # would broadcast, and is never meant
    r"l1_loss: x has shape \(2, 1\), but target \(2,\)": lambda: ops.l1_loss(zeros(2, 1), zeros(2)),
    "mse_loss: reduction is one of mean, sum, batchmean, none, not 'avg'": lambda: ops.mse_loss(
        zeros(2), zeros(2), reduction="avg"
    ),
    "smooth_l1_loss: beta is 0 or more, not -1": lambda: ops.smooth_l1_loss(
        zeros(2), zeros(2), beta=-1
    ),
    "smooth_l1_loss: beta is 0 or more, not nan": lambda: ops.smooth_l1_loss(
        zeros(2), zeros(2), beta=float("nan")
    ),
    "huber_loss: delta is a positive number, not 0": lambda: ops.huber_loss(
        zeros(2), zeros(2), delta=0
    ),
    "huber_loss: delta is a positive number, not nan": lambda: ops.huber_loss(
        zeros(2), zeros(2), delta=float("nan")
    ),
    # would broadcast
    r"kl_div: x has shape \(2, 3\), but target \(3,\)": lambda: ops.kl_div(zeros(2, 3), zeros(3)),
    "entropy: x holds probabilities, from 0 to 1, but goes from 0 to 1.5": lambda: (
        ops.binary_cross_entropy(Tensor([0, 1.5]), zeros(2))
    ),
    "entropy: target holds probabilities, from 0 to 1, but goes from -1 to 0": lambda: (
        ops.binary_cross_entropy(zeros(2), Tensor([0, -1.0]))
    ),
    r"entropy: weight \(2,\) does not broadcast to the shape of x \(2, 3\)": lambda: (
        ops.binary_cross_entropy(zeros(2, 3), zeros(2, 3), zeros(2))
    ),
    # would, to (2, 3)
    r"logits: weight \(2, 3\) does not broadcast to the shape of x \(3,\)": lambda: (
        ops.binary_cross_entropy_with_logits(zeros(3), zeros(3), zeros(2, 3))
    ),
    r"logits: pos_weight \(2,\) does not broadcast to the shape of x \(2, 3\)": lambda: (
        ops.binary_cross_entropy_with_logits(zeros(2, 3), zeros(2, 3), pos_weight=zeros(2))
    ),
    r"x \(2, 3\) takes a target \(2,\) of class numbers, not .* \(3,\)": lambda: ops.cross_entropy(
        zeros(2, 3), classes(0, 1, 2)
    ),
    "cross_entropy: classes 0 to 3": lambda: ops.cross_entropy(zeros(2, 3), classes(0, 3)),
    "cross_entropy: classes -1 to 0": lambda: ops.cross_entropy(zeros(2, 3), classes(0, -1)),
    "integers, not float32": lambda: ops.cross_entropy(zeros(2, 3), zeros(2)),
    "class numbers, integers, not bool": lambda: ops.cross_entropy(
        zeros(2, 3), zeros(2, dtype=bool)
    ),
    r"cross_entropy: x \(2, 3, 4\) takes a target \(2, 4\)": lambda: ops.cross_entropy(
        zeros(2, 3, 4), zeros(2, 3, dtype=int)
    ),
    r"x \(2, 3\) holds probabilities, floats, not int64": lambda: ops.cross_entropy(
        zeros(2, 3), zeros(2, 3, dtype=int)
    ),
    "ignore_index goes with class numbers, not probabilities": lambda: ops.cross_entropy(
        zeros(2, 3), zeros(2, 3), ignore_index=0
    ),
    "cross_entropy: classes 3 to 3 in target": lambda: ops.cross_entropy(
        zeros(2, 3), classes(-1, 3), ignore_index=-1
    ),
    # ignored only if it is ignore_index
    "nll_loss: classes -100 to 1 in target": lambda: ops.nll_loss(
        zeros(2, 3), classes(-100, 1), ignore_index=0
    ),
    "cross_entropy: label_smoothing is a number from 0 to 1, not 1.5": lambda: ops.cross_entropy(
        zeros(2, 3), classes(0, 1), label_smoothing=1.5
    ),
    r"cross_entropy: weight \(2,\) is not \(3,\), as x is \(2, 3\)": lambda: ops.cross_entropy(
        zeros(2, 3), classes(0, 1), zeros(2)
    ),
    r"nll_loss: x \(\) has no classes": lambda: ops.nll_loss(zeros(), zeros()),
    r"cross_entropy: x \(2, 0\) has no classes": lambda: ops.cross_entropy(
        zeros(2, 0), classes(0, 0)
    ),
    "nll_loss: reduction is one of": lambda: ops.nll_loss(
        zeros(2, 3), classes(0, 1), reduction="avg"
    ),
    r"gaussian_nll: mean \(3,\) and log_var \(2, 3\) for x \(3,\)": lambda: ops.gaussian_nll(
        zeros(3), zeros(3), zeros(2, 3)
    ),
    r"gaussian_kl: mean has shape \(2, 3\), but log_var \(3,\)": lambda: ops.gaussian_kl(
        zeros(2, 3), zeros(3)
    ),
    r"reparameterise: mean has shape \(2,\), but log_var \(1,\)": lambda: ops.reparameterise(
        zeros(2), zeros(1)
    ),
    r"conv2d: x \(1, 3, 5, 5\) has 3 channels": lambda: ops.conv2d(
        zeros(1, 3, 5, 5), zeros(4, 2, 3, 3)
    ),
    r"conv_transpose2d: x \(1, 3, 5, 5\) has 3 channels": lambda: ops.conv_transpose2d(
        zeros(1, 3, 5, 5), zeros(2, 1, 3, 3)
    ),
    # would broadcast to three channels
    r"conv_transpose2d: bias \(3,\) must be \(1,\)": lambda: ops.conv_transpose2d(
        zeros(1, 2, 5, 5), zeros(2, 1, 3, 3), zeros(3)
    ),
    r"attention: .* \(3, 4\), \(5, 3\), \(5, 2\)": lambda: ops.scaled_dot_product_attention(
        zeros(3, 4), zeros(5, 3), zeros(5, 2)
    ),
    "attn_mask or is_causal, not both": lambda: ops.scaled_dot_product_attention(
        zeros(2, 2), zeros(2, 2), zeros(2, 2), Tensor(np.ones((2, 2), bool)), is_causal=True
    ),
    r"layer_norm: x has shape \(2, 3\), which does not end in \(2,\)": lambda: ops.layer_norm(
        zeros(2, 3), (2,)
    ),
    r"layer_norm: a parameter has shape \(2,\), expected \(3,\)": lambda: ops.layer_norm(
        zeros(2, 3), (3,), zeros(2), zeros(2)
    ),
    "one value per channel": lambda: ops.batch_norm(zeros(1, 3), None, None, training=True),
    "evaluation needs running_mean": lambda: ops.batch_norm(zeros(2, 3), None, None),
    "a probability, and 1.5 is not": lambda: ops.dropout(zeros(2), 1.5),
}
REFUSED[TypeError] = {
    "where: the condition is of booleans, not int64": lambda: ops.where(
        classes(0, 1), zeros(2), zeros(2)
    ),
    "sub: booleans have no difference": lambda: (zeros(2) > 0) - (zeros(2) > 0),
    "neg: booleans have no negative": lambda: -(zeros(2) > 0),
    "& combines booleans or integers, not float32": lambda: zeros(2) & zeros(2),
    "~ is of booleans or integers, not float32": lambda: ~zeros(2),
    "clip: min and max are numbers": lambda: zeros(2).clip(zeros(2)),
    "dim and axis are the same": lambda: zeros(2).sum(dim=0, axis=0),
    "keepdim goes with a dim": lambda: zeros(2, 2).max(keepdim=True),
    "dim must be an integer, not 'rows'": lambda: zeros(2).sum("rows"),
    "attention: attn_mask is of booleans or floats, not int64": lambda: (
        ops.scaled_dot_product_attention(*[zeros(2, 2)] * 3, classes(0, 1))
    ),
    "attention: scale must be a number": lambda: ops.scaled_dot_product_attention(
        *[zeros(2, 2)] * 3, scale=[1, 2]
    ),
    "leaky_relu: negative_slope must be a number, not None": lambda: ops.leaky_relu(zeros(2), None),
    "elu: alpha must be a number, not 'a'": lambda: ops.elu(zeros(2), "a"),
    "dropout: p must be a number, not 'a'": lambda: ops.dropout(zeros(2), "a"),
    "huber_loss: delta must be a number": lambda: ops.huber_loss(zeros(2), zeros(2), delta=None),
    "cast: dtype is one of NumPy's, not None": lambda: zeros(2).to(None),
    "kl_div: target is a tensor, not list": lambda: ops.kl_div(zeros(2), [0, 1]),
    "logits: pos_weight is a tensor, not float": lambda: ops.binary_cross_entropy_with_logits(
        zeros(3), zeros(3), pos_weight=2.0
    ),
    "cross_entropy: weight is a tensor, not str": lambda: ops.cross_entropy(
        zeros(2, 3), classes(0, 1), "sum"
    ),
}
REFUSED[ZeroDivisionError] = {
    "remainder: an integer divided by 0": lambda: classes(1) % classes(0),
    "floor_divide: an integer divided by 0": lambda: classes(1) // 0,
}


@pytest.mark.parametrize(
    ("error", "message"), [(error, message) for error in REFUSED for message in REFUSED[error]]
)
def test_refused(error, message):
    with pytest.raises(error, match=message):
        REFUSED[error][message]()


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
    "movedim": lambda x, dim: x.movedim(0, dim),
    "sort": lambda x, dim: x.sort(dim),
    "topk": lambda x, dim: x.topk(1, dim),
    "cumsum": lambda x, dim: x.cumsum(dim),
    "chunk": lambda x, dim: x.chunk(1, dim),
    "index_select": lambda x, dim: x.index_select(dim, classes(0)),
    "scatter_add": lambda x, dim: x.scatter_add(dim, classes(0).unsqueeze(0), zeros(1, 1)),
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
