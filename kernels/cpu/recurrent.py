"""Recurrent layers: one call for all steps, in which each thread has rows of its own.

With array operations, a step takes two products of few rows and a dozen passes over small arrays,
each entered from Python. Here the products with x, which need no state, are one for all steps, and
so are those for the gradients of the weights and of x. What is left for each step is the product of
the state with W_hh. Rows do not depend on each other, nor does one direction on the other: threads
that share them never wait for each other between the first step and the last.

All steps of all rows are rows of matrices, in the order in which x has them in memory: step s of
row n is row `s * per_step + n * per_row`. A row of `saved` has the parts n, r, z, W_hn h + b_hn and
h of a GRU, or i, f, g, o, h and c of an LSTM; a row of `dparts` the gradients of the first four,
before their activation. In this order, the columns that W_ih gives are neighbours, and so are those
that W_hh gives: the first three and the last three of a GRU's four, all of an LSTM's.
"""

import numpy as np

from minae.kernels import reference, shapes
from minae.kernels.cpu.compile.compiled import compiled, parallel
from minae.kernels.cpu.compile.operands import plain, suits
from minae.kernels.cpu.compile.threads import threads_for
from minae.kernels.cpu.products.multiply import (
    ROWS,
    affine,
    cut,
    multiply,
    multiply_share,
    product_for,
)
from minae.kernels.cpu.recurrent_cells import (
    gru_cell,
    gru_cell_backward,
    lstm_cell,
    lstm_cell_backward,
)
from minae.kernels.reference.common import into as into_place


@compiled
def _columns(G, H):
    """Return where a row has what the first rows of weight_ih give, and how many; the rest is at 0.

    The parts of a GRU's weights are in the order r, z, n.
    """
    return (H, 2 * H) if G == 3 * H else (0, G)


@parallel
def _inputs(t, T, product, x, weight_ih, bias, weight_hh, saved, turned):
    """Set the parts of saved that x gives in one direction, and turned = weight_hhᵀ."""
    G, H = weight_hh.shape
    at, first = _columns(G, H)
    for low, high, column in ((0, first, at), (first, G, 0)):
        c = saved[:, column : column + high - low]
        i, k, j, l = cut(t, T, *c.shape, x.shape[1], c.itemsize)  # noqa: E741
        weight, part = weight_ih[low + j : low + l], bias[low + j : low + l]
        affine(product, t, x[i:k], weight, True, c[i:k, j:l], part, False)
    for k in range(t * H // T, (t + 1) * H // T):
        for g in range(G):
            turned[k, g] = weight_hh[g, k]


@compiled
def _rows_of(t, T, d, D, N):
    """Return which rows of direction d share t has: from, to. Shares begin where tiles do."""
    blocks = (N + ROWS - 1) // ROWS
    low, high = t * D * blocks // T - d * blocks, (t + 1) * D * blocks // T - d * blocks
    return min(max(low, 0) * ROWS, N), min(max(high, 0) * ROWS, N)


@parallel
def _steps(t, T, product, turned, bias, states, lengths, per_step, per_row, saved, y):
    """Run all steps of share t's rows. states (1 or 2, D, N, H), y (1 or 2, rows, D H)."""
    S, D, N, H = states.shape
    L = y.shape[1] // N
    for d in range(D):
        low, high = _rows_of(t, T, d, D, N)
        if low == high:
            continue
        now, of_h = states[:, d, low:high].copy(), np.empty((high - low, turned.shape[2]), y.dtype)
        for i in range(L):
            s = i if d == 0 else L - 1 - i
            affine(product, t, now[0], turned[d], False, of_h, bias[d], False)
            for k in range(high - low):
                at = s * per_step + (low + k) * per_row
                parts = saved[d, at]
                inside = s < lengths[low + k]
                if not inside:
                    parts[:] = 0
                elif S == 1:
                    gru_cell(parts, of_h[k], now[0, k])
                else:
                    lstm_cell(parts, of_h[k], now[0, k], now[1, k])
                for j in range(S):
                    out, value = y[j, at, d * H : (d + 1) * H], now[j, k]
                    if inside:
                        for m in range(H):
                            out[m] = value[m]
                    else:
                        out[:] = 0


@parallel
def _steps_backward(
    t, T, product, weight_hh, reverse_hh, dy, lengths, per_step, per_row, saved, dparts, dstates,
    totals,
):  # fmt: skip
    """Walk back through all steps of share t's rows; totals (T, D, 4 H) are the sums of dparts."""
    S, D, N, H = dstates.shape
    L, G = dy.shape[1] // N, weight_hh.shape[0]
    for d in range(D):
        low, high = _rows_of(t, T, d, D, N)
        totals[t, d] = 0
        if low == high:
            continue
        weight = weight_hh if d == 0 else reverse_hh
        dnow, some = np.zeros((S, high - low, H), dy.dtype), np.zeros(4 * H, dy.dtype)
        for i in range(L):
            s = L - 1 - i if d == 0 else i
            first = s * per_step + low * per_row
            some[:] = 0
            for k in range(high - low):
                at = first + k * per_row
                dpart = dparts[d, at]
                if s >= lengths[low + k]:
                    dpart[:] = 0
                    continue
                for j in range(S):
                    dvalue, reaches = dnow[j, k], dy[j, at, d * H : (d + 1) * H]
                    for m in range(H):
                        dvalue[m] += reaches[m]
                if S == 1:
                    gru_cell_backward(saved[d, at], dpart, dnow[0, k])
                else:
                    lstm_cell_backward(saved[d, at], dpart, dnow[0, k], dnow[1, k])
                for m in range(4 * H):
                    some[m] += dpart[m]
            for m in range(4 * H):
                totals[t, d, m] += some[m]
            of_hh = dparts[d, first : first + (high - low) * per_row : per_row, 4 * H - G :]
            multiply(product, t, of_hh, False, weight, False, dnow[0], True)
        dstates[:, d, low:high] = dnow


@parallel
def _gradients(t, T, product, dparts, x, saved, weight_ih, dweight_ih, dweight_hh, dx, add):
    """dweight_ih = dpartsᵀ x, dweight_hh = dpartsᵀ h, dx = dparts weight_ih, of one direction.

    What is empty is not wanted. dx is added to what is there if `add`.
    """
    G, H = len(weight_ih), dparts.shape[1] // 4
    at, first = _columns(G, H)
    for low, high, column in ((0, first, at), (first, G, 0)):
        of_ih = dparts[:, column : column + high - low]
        if dweight_ih.size and low < high:
            multiply_share(t, T, product, of_ih, True, x, False, dweight_ih[low:high], False)
        if dx.size and low < high:
            weight, adds = weight_ih[low:high], add or low > 0
            multiply_share(t, T, product, of_ih, False, weight, False, dx, adds)
    if dweight_hh.size:
        of_hh, h = dparts[:, 4 * H - G :], saved[:, 4 * H : 5 * H]
        multiply_share(t, T, product, of_hh, True, h, False, dweight_hh, False)


def gru(x, h0, weights, lengths=None):
    if not suits([a for a in (x, h0, *weights) if a is not None]):
        return reference.gru(x, h0, weights, lengths)
    shapes.check_recurrent("gru", x, (h0,), weights, lengths)
    (y,), saved = _forward(x, (h0,), weights, lengths)
    return y, saved


def gru_backward(dy, x, weights, saved, lengths=None, needs=(True, True), dweights=None):
    if not suits([a for a in (dy, x, saved, *weights) if a is not None]):
        return reference.gru_backward(dy, x, weights, saved, lengths, needs, dweights)
    shapes.check_recurrent_backward("gru", (dy,), x, weights, saved, lengths)
    dx, (dh0,), dweights = _backward(dy[None], x, weights, saved, lengths, needs, dweights)
    return dx, dh0, dweights


def lstm(x, h0, c0, weights, lengths=None):
    if not suits([a for a in (x, h0, c0, *weights) if a is not None]):
        return reference.lstm(x, h0, c0, weights, lengths)
    shapes.check_recurrent("lstm", x, (h0, c0), weights, lengths)
    return _forward(x, (h0, c0), weights, lengths)


def lstm_backward(dy, x, weights, saved, lengths=None, needs=(True, True), dweights=None):
    if not suits([a for a in (dy, x, saved, *weights) if a is not None]):
        return reference.lstm_backward(dy, x, weights, saved, lengths, needs, dweights)
    shapes.check_recurrent_backward("lstm", dy, x, weights, saved, lengths)
    dx, (dh0, dc0), dweights = _backward(dy, x, weights, saved, lengths, needs, dweights)
    return dx, dh0, dc0, dweights


def _forward(x, states, weights, lengths):
    (L, N, _), (G, H), D, dtype = x.shape, weights[1].shape, len(weights) // 4, x.dtype
    batch_first = _batch_first(x)
    rows, lengths = _rows(x, batch_first), _lengths(lengths, L, N)
    before, bias = np.zeros((len(states), D, N, H), dtype), np.zeros((2, D, G), dtype)
    _fill(before, states)
    _fill(bias[0], weights[2::4])
    _fill(bias[1], weights[3::4])
    y, turned = np.empty((len(before), L * N, D * H), dtype), np.empty((D, H, G), dtype)
    saved = np.empty((D, L * N, (4 + len(before)) * H), dtype)
    T = threads_for(x.size * G)
    for d in range(D):
        weight_ih, weight_hh = map(plain, weights[4 * d : 4 * d + 2])
        arrays = rows, weight_ih, bias[0, d], weight_hh, saved[d], turned[d]
        _inputs(T, product_for(x.itemsize, T), *arrays)
    T = threads_for(L * N * turned.size)
    order = _order(L, N, batch_first)
    _steps(T, product_for(x.itemsize, T), turned, bias[1], before, lengths, *order, saved, y)
    return _by_step(y, L, N, batch_first), _by_step(saved, L, N, batch_first)


def _backward(dy, x, weights, saved, lengths, needs, places):
    (L, N, I), (G, H), D, dtype = x.shape, weights[1].shape, len(weights) // 4, x.dtype  # noqa: E741
    batch_first, places = _batch_first(x), places or [None] * len(weights)
    rows, saved, dy = (_rows(a, batch_first) for a in (x, saved, dy))
    dparts, dstates = np.empty((D, L * N, 4 * H), dtype), np.empty((len(dy), D, N, H), dtype)
    T = threads_for(L * N * D * G * H)
    totals, product = np.empty((T, D, 4 * H)), product_for(x.itemsize, T)
    given = dy, _lengths(lengths, L, N), *_order(L, N, batch_first), saved
    of_hh = plain(weights[1]), plain(weights[-3])
    _steps_backward(T, product, *of_hh, *given, dparts, dstates, totals)
    dx, dweights = np.empty((L * N, I) if needs[0] else (0, 0), dtype), []
    for d in range(D):
        four = weights[4 * d : 4 * d + 4]
        into: list = [
            np.empty(weight.shape if needs[1] else (0, 0), dtype) if place is None else place
            for weight, place in zip(four[:2], places[4 * d : 4 * d + 2], strict=True)
        ]
        _gradients(T, product, dparts[d], rows, saved[d], plain(four[0]), *into, dx, d > 0)
        total = totals[:, d].sum(axis=0).astype(dtype)
        of_hh = total[4 * H - G :]
        sums = total if G == 4 * H else np.concatenate((of_hh[: 2 * H], total[:H])), of_hh
        for bias, place, value in zip(four[2:], places[4 * d + 2 : 4 * d + 4], sums, strict=True):
            into.append(None if bias is None else into_place(place, value))
        dweights += into if needs[1] else [None] * 4
    dx = _by_step(dx, L, N, batch_first) if needs[0] else None
    return dx, dstates, dweights


def _fill(out, values):
    """Copy arrays to the rows of `out`; where there is None, zeros stay."""
    for row, value in zip(out, values, strict=True):
        if value is not None:
            row[...] = value


def _lengths(lengths, L, N):
    return np.full(N, L) if lengths is None else plain(lengths.astype(np.int64, copy=False))


def _batch_first(x):
    """Return whether x (L, N, I) lies in memory as (N, L, I)."""
    return not x.flags.carray and x.swapaxes(0, 1).flags.carray


def _order(L, N, batch_first):
    """Return how many rows it is from step to step, and from row to row of the batch."""
    return (1, L) if batch_first else (N, 1)


def _rows(x, batch_first):
    """Return x (..., L, N, I) as plain rows (..., rows, I) in this order of memory."""
    x = plain(x.swapaxes(-3, -2) if batch_first else x)
    return x.reshape(*x.shape[:-3], -1, x.shape[-1])


def _by_step(rows, L, N, batch_first):
    """Return rows (..., rows, I) as (..., L, N, I)."""
    shape = *rows.shape[:-2], *((N, L) if batch_first else (L, N)), rows.shape[-1]
    return rows.reshape(shape).swapaxes(-3, -2) if batch_first else rows.reshape(shape)
