"""Operations on tensors: hand-written pairs of forward and backward, one family a file.

Every name here is a function of tensors, under the name that PyTorch gives it where it has one. The
class next to each function in its file is the pair itself.
"""

from minae.ops.activations import elu, gelu, leaky_relu, relu, sigmoid, silu, softplus, tanh
from minae.ops.arithmetic import add, cast, div, maximum, minimum, mul, pow, sub, where
from minae.ops.attention import scaled_dot_product_attention
from minae.ops.conv import (
    avg_pool2d,
    conv1d,
    conv2d,
    conv_transpose2d,
    max_pool2d,
    upsample_nearest,
)
from minae.ops.device import to
from minae.ops.gaussian import gaussian_kl, gaussian_nll, reparameterise
from minae.ops.indexing import embedding, gather, getitem
from minae.ops.linear import linear, linear_stack, matmul
from minae.ops.losses import (
    binary_cross_entropy,
    binary_cross_entropy_with_logits,
    cross_entropy,
    huber_loss,
    l1_loss,
    mse_loss,
)
from minae.ops.normalisation import batch_norm, layer_norm
from minae.ops.pointwise import abs, clip, cos, exp, log, neg, sin, sqrt
from minae.ops.reductions import (
    amax,
    amin,
    argmax,
    argmin,
    max,
    mean,
    min,
    prod,
    std,
    sum,
    var,
)
from minae.ops.regularisation import dropout
from minae.ops.shape import (
    cat,
    chunk,
    expand,
    flatten,
    flip,
    pad,
    permute,
    reshape,
    split,
    squeeze,
    stack,
    transpose,
    unsqueeze,
)
from minae.ops.softmax import log_softmax, logsumexp, softmax

__all__ = [
    "abs",
    "add",
    "amax",
    "amin",
    "argmax",
    "argmin",
    "avg_pool2d",
    "batch_norm",
    "binary_cross_entropy",
    "binary_cross_entropy_with_logits",
    "cast",
    "cat",
    "chunk",
    "clip",
    "conv1d",
    "conv2d",
    "conv_transpose2d",
    "cos",
    "cross_entropy",
    "div",
    "dropout",
    "elu",
    "embedding",
    "exp",
    "expand",
    "flatten",
    "flip",
    "gather",
    "gaussian_kl",
    "gaussian_nll",
    "gelu",
    "getitem",
    "huber_loss",
    "l1_loss",
    "layer_norm",
    "leaky_relu",
    "linear",
    "linear_stack",
    "log",
    "log_softmax",
    "logsumexp",
    "matmul",
    "max",
    "max_pool2d",
    "maximum",
    "mean",
    "min",
    "minimum",
    "mse_loss",
    "mul",
    "neg",
    "pad",
    "permute",
    "pow",
    "prod",
    "relu",
    "reparameterise",
    "reshape",
    "scaled_dot_product_attention",
    "sigmoid",
    "silu",
    "sin",
    "softmax",
    "softplus",
    "split",
    "sqrt",
    "squeeze",
    "stack",
    "std",
    "sub",
    "sum",
    "tanh",
    "to",
    "transpose",
    "unsqueeze",
    "upsample_nearest",
    "var",
    "where",
]
