"""Recurrent layers: at each step a matrix product, and one kernel for what surrounds it.

The products with x are one for all steps, and so are those for the gradients of the weights.
"""

import math
from typing import Any

import numpy as np

from minae.kernels import shapes
from minae.kernels.cuda.launch.covered import covered
from minae.kernels.cuda.launch.device import empty, launch
from minae.kernels.cuda.launch.rung import MATRIX, Rung, Step
from minae.kernels.cuda.layout import contiguous
from minae.kernels.cuda.linear import linear, linear_backward, matmul
from minae.kernels.simulator import cuda, float32


def sigmoid(x):
    """Return 1 / (1 + e^-x); nothing overflows."""
    return float32(0.5) + float32(0.5) * float32(math.tanh(float32(0.5) * x))


def gru_kernel(of_x, of_h, h, lengths, step, first, saved, y):
    """Complete a step: of_x, of_h (N, 3 H), h (N, H), which becomes the next, saved (N, 5 H).

    y (N, D H) gets it in the columns from `first` on.
    """
    i = cuda.grid(1)
    N, H = h.shape
    if i < N * H:
        row, j = i // H, i % H
        if step < lengths[row]:
            r = sigmoid(of_x[row, j] + of_h[row, j])
            z = sigmoid(of_x[row, H + j] + of_h[row, H + j])
            n_h, before = of_h[row, 2 * H + j], h[row, j]
            n = float32(math.tanh(of_x[row, 2 * H + j] + r * n_h))
            h[row, j] = n + z * (before - n)
            saved[row, j], saved[row, H + j], saved[row, 2 * H + j] = n, r, z
            saved[row, 3 * H + j], saved[row, 4 * H + j] = n_h, before
            y[row, first + j] = h[row, j]
        else:
            y[row, first + j] = float32(0)
            for part in range(5):
                saved[row, part * H + j] = float32(0)


def gru_backward_kernel(dy, saved, lengths, step, first, product, dh, dof_x, dof_h):
    """Set dof_x, dof_h (N, 3 H), and dh to what reaches h, but for what dof_h will give.

    `product` is what the dof_h of the next step gave.
    """
    i = cuda.grid(1)
    N, H = dh.shape
    if i < N * H:
        row, j, one = i // H, i % H, float32(1)
        r_j, z_j, n_j = j, H + j, 2 * H + j
        dh[row, j] += product[row, j]
        dr = dz = dn = dn_h = float32(0)
        if step < lengths[row]:
            n, r, z = saved[row, j], saved[row, H + j], saved[row, 2 * H + j]
            n_h, h = saved[row, 3 * H + j], saved[row, 4 * H + j]
            d = dh[row, j] + dy[row, first + j]
            dn = d * (one - z) * (one - n * n)
            dz = d * (h - n) * z * (one - z)
            dr = dn * n_h * r * (one - r)
            dn_h = dn * r
            dh[row, j] = d * z
        dof_x[row, r_j], dof_x[row, z_j], dof_x[row, n_j] = dr, dz, dn
        dof_h[row, r_j], dof_h[row, z_j], dof_h[row, n_j] = dr, dz, dn_h


def lstm_kernel(of_x, of_h, h, c, lengths, step, first, saved, y, y_c):
    """Complete a step: of_x, of_h (N, 4 H), h, c (N, H), which become the next, saved (N, 6 H)."""
    k = cuda.grid(1)
    N, H = h.shape
    if k < N * H:
        row, j = k // H, k % H
        if step < lengths[row]:
            i = sigmoid(of_x[row, j] + of_h[row, j])
            f = sigmoid(of_x[row, H + j] + of_h[row, H + j])
            g = float32(math.tanh(of_x[row, 2 * H + j] + of_h[row, 2 * H + j]))
            o = sigmoid(of_x[row, 3 * H + j] + of_h[row, 3 * H + j])
            saved[row, j], saved[row, H + j] = i, f
            saved[row, 2 * H + j], saved[row, 3 * H + j] = g, o
            saved[row, 4 * H + j], saved[row, 5 * H + j] = h[row, j], c[row, j]
            c[row, j] = f * c[row, j] + i * g
            h[row, j] = o * float32(math.tanh(c[row, j]))
            y[row, first + j], y_c[row, first + j] = h[row, j], c[row, j]
        else:
            y[row, first + j] = y_c[row, first + j] = float32(0)
            for part in range(6):
                saved[row, part * H + j] = float32(0)


def lstm_backward_kernel(dy, dy_c, saved, lengths, step, first, product, dh, dc, dof):
    """Set dof (N, 4 H), and dh and dc to what reaches h and c, but for what dof will give."""
    k = cuda.grid(1)
    N, H = dh.shape
    if k < N * H:
        row, j, one = k // H, k % H, float32(1)
        dh[row, j] += product[row, j]
        di = df = dg = do = float32(0)
        if step < lengths[row]:
            i, f = saved[row, j], saved[row, H + j]
            g, o, c = saved[row, 2 * H + j], saved[row, 3 * H + j], saved[row, 5 * H + j]
            t = float32(math.tanh(f * c + i * g))
            d = dh[row, j] + dy[row, first + j]
            d_c = dc[row, j] + dy_c[row, first + j] + d * o * (one - t * t)
            di, df = d_c * g * i * (one - i), d_c * c * f * (one - f)
            dg, do = d_c * i * (one - g * g), d * t * o * (one - o)
            dh[row, j], dc[row, j] = float32(0), d_c * f
        dof[row, j], dof[row, H + j] = di, df
        dof[row, 2 * H + j], dof[row, 3 * H + j] = dg, do


LENGTHS = "int64[:]"
RUNGS = {
    "gru": Rung(gru_kernel, (*[MATRIX] * 3, LENGTHS, "int32", "int32", *[MATRIX] * 2)),
    "gru_backward": Rung(
        gru_backward_kernel, (*[MATRIX] * 2, LENGTHS, "int32", "int32", *[MATRIX] * 4)
    ),
    "lstm": Rung(lstm_kernel, (*[MATRIX] * 4, LENGTHS, "int32", "int32", *[MATRIX] * 3)),
    "lstm_backward": Rung(
        lstm_backward_kernel, (*[MATRIX] * 3, LENGTHS, "int32", "int32", *[MATRIX] * 4)
    ),
}


@covered(operands=2)
def gru(x, h0, weights, lengths=None):
    shapes.check_recurrent("gru", x, (h0,), weights, lengths)
    (y,), saved = _forward("gru", x, (h0,), weights, lengths)
    return y, saved


@covered(operands=2)
def gru_backward(dy, x, weights, saved, lengths=None, needs=(True, True), dweights=None):
    shapes.check_recurrent_backward("gru", (dy,), x, weights, saved, lengths)
    arrays = dy[None], x, weights, saved, lengths
    dx, (dh0,), dweights = _backward("gru_backward", *arrays, needs, dweights)
    return dx, dh0, dweights


@covered(operands=3)
def lstm(x, h0, c0, weights, lengths=None):
    shapes.check_recurrent("lstm", x, (h0, c0), weights, lengths)
    return _forward("lstm", x, (h0, c0), weights, lengths)


@covered(operands=2)
def lstm_backward(dy, x, weights, saved, lengths=None, needs=(True, True), dweights=None):
    shapes.check_recurrent_backward("lstm", dy, x, weights, saved, lengths)
    arrays = dy, x, weights, saved, lengths
    dx, (dh0, dc0), dweights = _backward("lstm_backward", *arrays, needs, dweights)
    return dx, dh0, dc0, dweights


def _forward(name, x, states, weights, lengths):
    (L, N, _), H, D, S = x.shape, weights[1].shape[1], len(weights) // 4, len(states)
    y, saved = empty((S, L, N, D * H), x), empty((D, L, N, (4 + S) * H), x)
    lengths = _lengths(x, lengths)
    for d in range(D):
        weight_ih, weight_hh, bias_ih, bias_hh = weights[4 * d : 4 * d + 4]
        of_x = linear(x, weight_ih, bias_ih)  # (L, N, G)
        now = [np.zeros_like(y[0, 0, :, :H]) if a is None else a[d].copy() for a in states]
        for s in range(L) if d == 0 else range(L - 1, -1, -1):
            of_h = linear(now[0], weight_hh, bias_hh)  # (N, G)
            where = lengths, s, d * H
            launch(
                Step(RUNGS[name], (N * H,), (of_x[s], of_h, *now, *where, saved[d, s], *y[:, s]))
            )
    return y, saved


def _backward(name, dy, x, weights, saved, lengths, needs, places):
    (L, N, _), (G, H), D = x.shape, weights[1].shape, len(weights) // 4
    lengths, places = _lengths(x, lengths), places or [None] * len(weights)
    dy, saved = contiguous(dy), contiguous(saved)
    dx, dstates, dweights = None, [], []
    for d in range(D):
        weight_ih, weight_hh, *biases = weights[4 * d : 4 * d + 4]
        dofs: Any = [empty((L, N, G), x) for _ in range(2 if G == 3 * H else 1)]  # of_x, of_h
        product, *dnow = (np.zeros((N, H), np.float32, like=x) for _ in range(1 + len(dy)))
        for s in range(L - 1, -1, -1) if d == 0 else range(L):
            given = *dy[:, s], saved[d, s], lengths, s, d * H, product
            launch(Step(RUNGS[name], (N * H,), (*given, *dnow, *[dof[s] for dof in dofs])))
            product = matmul(dofs[-1][s], weight_hh)
        dnow[0] += product
        dstates.append(dnow)
        into = places[4 * d : 4 * d + 4]
        dx_d, *of_ih = linear_backward(
            dofs[0], x, weight_ih, None, None, needs, dweight=into[0], dbias=into[2]
        )
        if needs[0]:
            dx = dx_d if dx is None else dx + dx_d
        h = saved[d, :, :, 4 * H : 5 * H]
        _, *of_hh = linear_backward(
            dofs[-1], h, weight_hh, None, None, (False, needs[1]), dweight=into[1], dbias=into[3]
        )
        sums = [None if a is None else b for a, b in zip(biases, (of_ih[1], of_hh[1]), strict=True)]
        dweights += [of_ih[0], of_hh[0], *sums] if needs[1] else [None] * 4
    return dx, [np.stack(a) for a in zip(*dstates, strict=True)], dweights


def _lengths(x, lengths):
    L, N, _ = x.shape
    return np.full(N, L, np.int64, like=x) if lengths is None else lengths.astype(np.int64)
