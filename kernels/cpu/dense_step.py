"""A whole training step of a small dense autoencoder: forward, loss, backward and Adam in one call.

It consists of the shares that `linear`, `losses` and `optim` run on one thread. What it saves is
the way between them through Python, which takes longer than their work: see minae.train.dense_step.
"""

import numpy as np

from minae.kernels.cpu import linear_loops as loops
from minae.kernels.cpu.compile.compiled import compiled_if
from minae.kernels.cpu.losses import _bce_with_logits, _mse
from minae.kernels.cpu.optim import _adam, adam_numbers
from minae.kernels.cpu.products.multiply import product_for

__all__ = ["adam_numbers", "dense_step", "product_for"]

forward, backward, adam = loops.linear.share, loops.linear_backward.share, _adam.share
mse, bce_with_logits = _mse.share, _bce_with_logits.share


@compiled_if(lambda *arguments: True)
def dense_step(
    product, layers, x, target, logits, scale, values, gradients, exp_avg, exp_avg_sq, numbers
):
    """Take the step; return the loss. If that is nan or infinite, no parameter changes.

    layers (L, 5): of each linear layer, where its weight and bias begin in `values`, its inputs,
    its outputs, and whether a ReLU follows. x and target (N, I); the loss is the squared error, or
    the cross-entropy of logits, times `scale`. The last four are vectors of all parameters and
    what `optim.adam_numbers` returns.
    """
    N, largest = len(x), 0
    for i in range(len(layers)):
        largest += layers[i, 3]
    outputs, y, at = np.empty(N * largest, x.dtype), x, 0
    for i in range(len(layers)):
        w, b, I, O = layers[i, 0], layers[i, 1], layers[i, 2], layers[i, 3]  # noqa: E741
        weight, bias = values[w : w + I * O].reshape(O, I), values[b : b + O]
        inputs, y = y, outputs[at : at + N * O].reshape(N, O)
        forward(0, 1, product, inputs, weight, False, bias, y, layers[i, 4] != 0)
        at += N * O
    dy, total = np.empty_like(y), np.zeros(1)
    if logits:
        bce_with_logits(0, 1, y, target, scale, total, dy)
    else:
        mse(0, 1, y, target, scale, total, dy)
    loss = np.float64(x.dtype.type(total[0] * scale))
    if not np.isfinite(loss):
        return loss
    for i in range(len(layers) - 1, -1, -1):
        w, b, I, O = layers[i, 0], layers[i, 1], layers[i, 2], layers[i, 3]  # noqa: E741
        weight = values[w : w + I * O].reshape(O, I)
        dweight = gradients[w : w + I * O].reshape(O, I)
        at -= N * O
        y = outputs[at : at + N * O].reshape(N, O)
        # but for the last layer, dy has passed the ReLU when it was written
        relu = layers[i, 4] != 0 and i == len(layers) - 1
        masks = i > 0 and layers[i - 1, 4] != 0
        inputs = outputs[at - N * I : at].reshape(N, I) if i else x
        dz = np.empty_like(dy) if relu else dy
        dx = np.empty_like(inputs) if i else np.empty((0, 0), x.dtype)
        of_dweight = product, inputs, weight, False, dy, y, np.int64(relu), dz, dweight
        backward(0, 1, *of_dweight, gradients[b : b + O], masks, dx)
        dy = dx
    adam(0, 1, values, gradients, exp_avg, exp_avg_sq, *numbers)
    return loss
