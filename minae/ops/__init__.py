"""Operations on tensors: hand-written pairs of forward and backward, one family a file.

Every name here is a function of tensors, under the name that PyTorch gives it where it has one. The
class next to each function in its file is the pair itself.
"""

import inspect

from minae.ops.activations import elu, gelu, leaky_relu, relu, sigmoid, silu, softplus, tanh
from minae.ops.arithmetic import add, cast, div, floor_divide, mul, pow, remainder, sub, where
from minae.ops.attention import scaled_dot_product_attention, self_attention
from minae.ops.axes import flip, movedim, permute, transpose
from minae.ops.bce import binary_cross_entropy, binary_cross_entropy_with_logits
from minae.ops.classification import cross_entropy, nll_loss
from minae.ops.comparison import all, any, isfinite, isinf, isnan
from minae.ops.conv import conv1d, conv2d, conv_transpose1d, conv_transpose2d
from minae.ops.device import clone, contiguous, to
from minae.ops.extremes import amax, amin, argmax, argmin, max, maximum, min, minimum
from minae.ops.gaussian import gaussian_kl, gaussian_nll, reparameterise
from minae.ops.indexing import embedding, gather, index_select, scatter_add
from minae.ops.inplace import setitem
from minae.ops.joining import cat, chunk, split, stack
from minae.ops.linear import linear, linear_stack, matmul
from minae.ops.losses import huber_loss, kl_div, l1_loss, mse_loss, smooth_l1_loss
from minae.ops.masks import dropout, masked_fill, one_hot, tril, triu
from minae.ops.methods import Methods as Methods  # attaches them to Tensor
from minae.ops.normalisation import batch_norm, group_norm, layer_norm
from minae.ops.ordering import argsort, cumsum, sort, topk
from minae.ops.padding import pad
from minae.ops.pointwise import abs, ceil, clip, cos, exp, floor, log, neg, round, sign, sin, sqrt
from minae.ops.pool import adaptive_avg_pool2d, avg_pool1d, avg_pool2d, max_pool1d, max_pool2d
from minae.ops.products import bmm, einsum, outer
from minae.ops.recurrent import gru, lstm
from minae.ops.reductions import mean, norm, prod, std, sum, var
from minae.ops.resampling import interpolate, pixel_shuffle, pixel_unshuffle
from minae.ops.shape import expand, flatten, repeat, reshape, squeeze, unsqueeze
from minae.ops.slicing import getitem
from minae.ops.softmax import log_softmax, logsumexp, softmax

# Every function that is imported above. pyright cannot compute this, and then takes them all, too.
__all__ = [  # pyright: ignore[reportUnsupportedDunderAll]
    name for name, value in globals().items() if inspect.isfunction(value)
]
