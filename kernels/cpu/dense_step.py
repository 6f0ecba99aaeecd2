"""A whole training step of a dense autoencoder: forward, loss, backward and Adam in one call.

It consists of the kernels of `linear`, `losses`, `gaussian` and `optim`. What it saves is the way
between them through Python, which in small networks takes longer than their work, and in large ones
up to a quarter of the time, for the caches then hold numbers and no Python: see
minae.train.dense_step. A thread also updates weights right after it has computed their gradients,
which its cache still has. Of two threads, each reads and writes one half of every weight, from step
to step: to write to what the other has read takes longer than the update, if they have no cache in
common.
"""

import numpy as np

from minae.kernels.cpu import linear_loops as loops
from minae.kernels.cpu.compile.compiled import (
    columns,
    compiled,
    compiled_if,
    compiled_inside,
    parallel,
    rows,
)
from minae.kernels.cpu.compile.threads import WORTH_A_THREAD
from minae.kernels.cpu.gaussian import _gaussian_kl, _reparameterise, _reparameterise_dlog_var
from minae.kernels.cpu.losses import _bce_with_logits, _mse
from minae.kernels.cpu.optim import _adam, adam_numbers
from minae.kernels.cpu.products.multiply import multiply, product_for

__all__ = ["adam_numbers", "dense_step", "product_for"]

# what follows a layer, if not 0: nothing. The activation shapes.SMOOTH[k] is SMOOTH + k
RELU, DRAW, SMOOTH = 1, 2, 3

forward, input_gradient = loops.linear.all_shares, loops.input_gradient.share
forward_smooth, through_slope = loops.linear_smooth.all_shares, loops.through_slope
mse, bce_with_logits = _mse.all_shares, _bce_with_logits.all_shares
adam, kl_divergence, reparameterise = _adam.share, _gaussian_kl.share, _reparameterise.share
reparameterise_dlog_var = _reparameterise_dlog_var.share


@compiled_if(lambda *arguments: True)
def dense_step(
    T, product, layers, x, target, logits, scale, noise, beta, slopes, values, gradients, m, v, s
):
    """Take the step on T threads; return the loss. If that is nan or infinite, nothing changes.

    layers (L, 5): of each linear layer, where its weight and bias begin in `values`, its inputs,
    its outputs, and what follows. After DRAW these are the means and log variances of codes, and
    the next layer gets z, drawn with `noise` (N, Z). x and target (N, I); the loss is `scale` times
    the squared error, or the cross-entropy of logits, plus beta times the KL divergence. `slopes`
    is None, or room for those of smooth activations: as many numbers as all outputs are. `values`,
    `gradients` and Adam's m and v are vectors of all parameters; s are the numbers of adam_numbers.
    """
    N, size = len(x), noise.size
    for i in range(len(layers)):
        size += N * layers[i, 3]
    room = np.empty(size, x.dtype)  # for all outputs, and z behind those that it is drawn from
    kl, slope = np.zeros(len(noise), x.dtype), np.empty_like(noise)
    _forward(T, product, layers, x, values, room, noise, kl, slope, slopes)
    y = rows(room, size - target.size, size).reshape(target.shape)
    shares = _threads(T, 40 * y.size)
    dy, total = np.empty_like(y), np.zeros(shares)
    if logits:
        bce_with_logits(shares, y, target, scale, total, dy)
    else:
        mse(shares, y, target, scale, total, dy)
    loss = np.float64(x.dtype.type((total.sum() + beta * kl.sum()) * scale))
    if np.isfinite(loss):
        if layers[-1, 4] == RELU:
            _through_relu(dy, y)
        elif slopes is not None and layers[-1, 4] >= SMOOTH:
            through_slope(dy, slopes[-y.size :].reshape(y.shape))
        of_z, learned = (noise, slope, beta * scale), (values, gradients, m, v)
        _backward(T, product, layers, x, dy, room, slopes, of_z, learned, s)
    return loss


@compiled_inside
def _forward(T, product, layers, x, values, room, noise, kl, slope, slopes):
    """Fill `room` with all outputs. Codes that are drawn give kl and its slope."""
    N, at, y = len(x), 0, x
    for i in range(len(layers)):
        w, b, I, O = layers[i, 0], layers[i, 1], layers[i, 2], layers[i, 3]  # noqa: E741
        weight, bias = rows(values, w, w + I * O).reshape(O, I), rows(values, b, b + O)
        inputs, y = y, rows(room, at, at + N * O).reshape(N, O)
        shares, then = _threads(T, N * I * O), layers[i, 4]
        if slopes is not None and then >= SMOOTH:
            into = rows(slopes, at, at + N * O).reshape(N, O)
            forward_smooth(shares, product, inputs, weight, False, bias, y, into, then - SMOOTH)
        else:
            forward(shares, product, inputs, weight, False, bias, y, then == RELU)
        at += N * O
        if layers[i, 4] == DRAW:
            z = rows(room, at, at + noise.size).reshape(noise.shape)
            _draw(y, noise, z, kl, slope)
            y, at = z, at + noise.size


@compiled_inside
def _backward(T, product, layers, x, dy, room, slopes, of_z, learned, numbers):
    """Compute the gradients from the last layer to the first, and update each layer on the way."""
    N, at, noise = len(x), room.size, of_z[0]
    for i in range(len(layers) - 1, -1, -1):
        w, b, I, O = layers[i, 0], layers[i, 1], layers[i, 2], layers[i, 3]  # noqa: E741
        at -= N * O
        shares, weight = _threads(T, N * I * O), rows(learned[0], w, w + I * O).reshape(O, I)
        inputs, y, passes, dx, parts = x, x, 0, dy[:0], np.empty((0, 0, 0), x.dtype)
        if i > 0:
            inputs, dx = rows(room, at - N * I, at).reshape(N, I), np.empty((N, I), x.dtype)
            y, before = inputs, layers[i - 1, 4]
            passes = loops.RELU if before == RELU else 0
            if slopes is not None and before >= SMOOTH:
                y, passes = rows(slopes, at - N * I, at).reshape(N, I), loops.SLOPE
            if N * I * O < WORTH_A_THREAD:
                input_gradient(0, 1, product, dy, weight, False, y, passes, dx)
            else:
                parts = np.empty((2, N, I), x.dtype)
                halves_of_dx(shares, product, dy, weight, parts)
        # not before, for it changes the weight
        learn(shares, product, parts, y, passes, dx, inputs, dy, w, b, *learned, *numbers)
        if i > 0 and layers[i - 1, 4] == DRAW:
            at -= noise.size
            dz, dx = dx, np.empty((N, 2 * noise.shape[1]), x.dtype)
            _draw_backward(rows(room, at - dx.size, at), dz, *of_z, dx)
        dy = dx


@compiled
def _threads(T, work):
    """Return how many of T threads the work is worth; see `threads_for`."""
    return T if work >= WORTH_A_THREAD else 1


@parallel
def _halves_of_dx(t, T, product, dy, weight, parts):
    """parts (2, N, I): dx = dy weight, summed over the first and the second half of the outputs.

    There are two whatever T is, so that results do not depend on it. Of two threads, each computes
    the part of those outputs whose weights it updates in `_learn`.
    """
    O, I = weight.shape  # noqa: E741
    for half in range(2):
        low, high = half * O // 2, (half + 1) * O // 2
        first, last = max(2 * I * t // T - half * I, 0), min(2 * I * (t + 1) // T - half * I, I)
        if first < last:
            w, into = rows(weight, low, high), columns(parts[half], first, last)
            dy_half, w_part = columns(dy, low, high), columns(w, first, last)
            multiply(product, t, dy_half, False, w_part, False, into, False)


halves_of_dx = _halves_of_dx.all_shares


@parallel
def _learn(
    t, T, product, parts, y, passes, dx, x, dy, w, b, values, gradients, m, v,
    b1, b2, r1, r2, eps, size, root, decay, s,
):  # fmt: skip
    """dweight = dyᵀ x and dbias = Σ dy of some outputs, and Adam's update of what belongs to them.

    The layer's weight begins at w and its bias at b; the last numbers are Adam's. If there are
    parts of dx, they are added up first; see `_add_up`.
    """
    O, I = dy.shape[1], x.shape[1]  # noqa: E741
    if parts.size:
        _add_up(parts, y, passes, dx, t * I // T, (t + 1) * I // T)
    low, high = t * O // T, (t + 1) * O // T
    dweight = rows(gradients, w + low * I, w + high * I).reshape(high - low, I)
    dy_part = columns(dy, low, high)
    multiply(product, t, dy_part, True, x, False, dweight, False)
    _sum_rows(dy_part, rows(gradients, b + low, b + high))
    numbers = b1, b2, r1, r2, eps, size, root, decay, s
    for first, last in ((w + low * I, w + high * I), (b + low, b + high)):
        vectors = rows(values, first, last), rows(gradients, first, last)
        adam(0, 1, *vectors, rows(m, first, last), rows(v, first, last), *numbers)


learn = _learn.all_shares


@compiled_inside
def _add_up(parts, y, passes, dx, first, last):
    """dx = parts[0] + parts[1] in some columns, back through the activation before, as `passes`."""
    zero = dx.dtype.type(0)
    for n in range(len(dx)):
        one, other = rows(parts[0, n], first, last), rows(parts[1, n], first, last)
        row, factors = rows(dx[n], first, last), rows(y[n], first, last)
        for i in range(row.size):
            value = one[i] + other[i]
            if passes == loops.RELU:
                value = value if factors[i] > zero else zero
            elif passes == loops.SLOPE:
                value *= factors[i]
            row[i] = value


@compiled_inside
def _sum_rows(x, sums):
    """sums = Σ x over rows, in float64."""
    totals = np.zeros(sums.size)
    for n in range(len(x)):
        row = x[n]
        for o in range(totals.size):
            totals[o] += row[o]
    for o in range(totals.size):
        sums[o] = totals[o]


@compiled_inside
def _through_relu(dy, y):
    """dy = 0 where a ReLU's output y is 0."""
    for n in range(len(y)):
        for o in range(y.shape[1]):
            if not y[n, o] > 0:
                dy[n, o] = 0


@compiled_inside
def _draw(y, noise, z, kl, slope):
    """Draw z (N, Z) from Gaussians y (N, 2 Z); kl (N,), and its slope in the log variances."""
    Z = z.shape[1]
    mean, log_var = columns(y, 0, Z), columns(y, Z, 2 * Z)
    kl_divergence(0, 1, mean, log_var, kl, slope)
    reparameterise(0, 1, mean, log_var, noise, z)


@compiled_inside
def _draw_backward(y, dz, noise, slope, kl_scale, dy):
    """dy (N, 2 Z): the gradient of Gaussians y, flat, through z and the KL divergence."""
    (N, Z), y = noise.shape, y.reshape(dy.shape)
    factor = dz.dtype.type(kl_scale)
    reparameterise_dlog_var(0, 1, dz, columns(y, Z, 2 * Z), noise, columns(dy, Z, 2 * Z))
    for n in range(N):
        for j in range(Z):
            dy[n, j] = dz[n, j] + factor * y[n, j]
            dy[n, Z + j] += factor * slope[n, j]
