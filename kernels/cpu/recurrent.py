"""Recurrent layers: one call for all steps, in which each thread has rows of its own.

With array operations, a step takes two products of few rows and a dozen passes over small arrays,
each entered from Python. Here the products with x, which need no state, are one for all steps, and
so are those for the gradients of the weights and of x. What is left for each step is the product of
the state with W_hh. Rows do not depend on each other, nor does one direction on the other: threads
that share them never wait for each other between the first step and the last.

All steps of all rows are rows of matrices, in the order in which x has them in memory: step s of
row n is row `s * per_step + n * per_row`. A row of `saved` has the parts n, r, z, W_hn h + b_hn and
h of a GRU, or i, f, g, o, h and c of an LSTM; a row of `dparts` the gradients of the first four,
before their activation. A GRU's fourth part is made from h alone and its first from x alone: so
what goes with W_ih are columns from the first on, and with W_hh those up to the fourth.
"""

import numpy as np

from minae.kernels import reference, shapes
from minae.kernels.cpu.compile.compiled import compiled, parallel
from minae.kernels.cpu.compile.operands import plain, suits
from minae.kernels.cpu.compile.threads import threads_for
from minae.kernels.cpu.compile.vector_math import sigmoid, tanh
from minae.kernels.cpu.products.multiply import ROWS, affine, cut, multiply, product_for
from minae.kernels.reference.common import into as into_place


@compiled
def _gru_cell(parts, of_h, h):
    """Complete a row's parts, of which n, r, z are of x alone so far, and h becomes the next."""
    H = h.size
    n, r, z, both = parts[:H], parts[H : 2 * H], parts[2 * H : 3 * H], parts[H : 3 * H]
    n_h, before, n_of_h = parts[3 * H : 4 * H], parts[4 * H :], of_h[2 * H :]
    for j in range(2 * H):
        both[j] = sigmoid(both[j] + of_h[j])
    for j in range(H):
        n[j] = tanh(n[j] + r[j] * n_of_h[j])
    for j in range(H):
        n_h[j] = n_of_h[j]
    for j in range(H):
        before[j] = h[j]
    for j in range(H):
        h[j] = n[j] + z[j] * (h[j] - n[j])


@compiled
def _gru_cell_backward(parts, dparts, dh):
    """Set dparts from the gradient of the next h, and dh to that of this one, but for W_hh's."""
    H, one = dh.size, dh.dtype.type(1)
    n, r, z, n_h, h = (
        parts[:H],
        parts[H : 2 * H],
        parts[2 * H : 3 * H],
        parts[3 * H :],
        parts[4 * H :],
    )
    dn, dr, dz, dn_h = dparts[:H], dparts[H : 2 * H], dparts[2 * H : 3 * H], dparts[3 * H :]
    for j in range(H):
        dn[j] = dh[j] * (one - z[j]) * (one - n[j] * n[j])
    for j in range(H):
        dz[j] = dh[j] * (h[j] - n[j]) * (z[j] * (one - z[j]))
    for j in range(H):
        dr[j] = dn[j] * n_h[j] * (r[j] * (one - r[j]))
    for j in range(H):
        dn_h[j] = dn[j] * r[j]
    for j in range(H):
        dh[j] *= z[j]


@compiled
def _lstm_cell(parts, of_h, h, c):
    """Complete a row's parts, of which i, f, g, o are of x alone so far; h, c become the next."""
    H = h.size
    i, f, g, o, i_f = parts[:H], parts[H:], parts[2 * H :], parts[3 * H :], parts[: 2 * H]
    before, c_before, g_of_h, o_of_h = parts[4 * H :], parts[5 * H :], of_h[2 * H :], of_h[3 * H :]
    for j in range(2 * H):
        i_f[j] = sigmoid(i_f[j] + of_h[j])
    for j in range(H):
        g[j] = tanh(g[j] + g_of_h[j])
    for j in range(H):
        o[j] = sigmoid(o[j] + o_of_h[j])
    for j in range(H):
        before[j] = h[j]
    for j in range(H):
        c_before[j] = c[j]
    for j in range(H):
        c[j] = f[j] * c[j] + i[j] * g[j]
    for j in range(H):
        h[j] = o[j] * tanh(c[j])


@compiled
def _lstm_cell_backward(parts, dparts, dh, dc):
    """Set dparts from the gradients of the next h and c, dc to that of this c, and dh to 0."""
    H, one = dh.size, dh.dtype.type(1)
    i, f, g, o, c = parts[:H], parts[H:], parts[2 * H :], parts[3 * H :], parts[5 * H :]
    di, df, dg, do = dparts[:H], dparts[H:], dparts[2 * H :], dparts[3 * H :]
    for j in range(H):
        do[j] = tanh(f[j] * c[j] + i[j] * g[j])  # of the next c
    for j in range(H):
        dc[j] += dh[j] * o[j] * (one - do[j] * do[j])
    for j in range(H):
        do[j] *= dh[j] * o[j] * (one - o[j])
    for j in range(H):
        di[j] = dc[j] * g[j] * (i[j] * (one - i[j]))
    for j in range(H):
        df[j] = dc[j] * c[j] * (f[j] * (one - f[j]))
    for j in range(H):
        dg[j] = dc[j] * i[j] * (one - g[j] * g[j])
    for j in range(H):
        dc[j] *= f[j]
    for j in range(H):
        dh[j] = 0


@compiled
def _share(t, T, product, a, transpose_a, b, transpose_b, c, bias, add):
    """Share t of c = op(a) op(b) + bias, or c += op(a) op(b) if `add`."""
    i, k, j, l = cut(t, T, *c.shape, a.size // len(c), c.itemsize)  # noqa: E741
    aa = a[:, i:k] if transpose_a else a[i:k]
    bb = b[j:l] if transpose_b else b[:, j:l]
    if add:
        multiply(product, t, aa, transpose_a, bb, transpose_b, c[i:k, j:l], True)
    else:
        affine(product, t, aa, transpose_a, bb, transpose_b, c[i:k, j:l], bias[j:l], False)


@compiled
def _columns(G, H):
    """Return where a row has what the first rows of weight_ih give, and how many: the rest is at 0.

    The parts of a GRU's weights are in the order r, z, n.
    """
    return (H, 2 * H) if G == 3 * H else (0, G)


@parallel
def _inputs(t, T, product, x, weight_ih, bias, weight_hh, saved, turned):
    """Set the parts of saved that x gives in one direction, and turned = weight_hhᵀ."""
    G, H = weight_hh.shape
    at, first = _columns(G, H)
    into = saved[:, at : at + first]
    _share(t, T, product, x, False, weight_ih[:first], True, into, bias[:first], False)
    if first < G:
        into = saved[:, :at]
        _share(t, T, product, x, False, weight_ih[first:], True, into, bias[first:], False)
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
            affine(product, t, now[0], False, turned[d], False, of_h, bias[d], False)
            for k in range(high - low):
                at = s * per_step + (low + k) * per_row
                parts = saved[d, at]
                inside = s < lengths[low + k]
                if not inside:
                    parts[:] = 0
                elif S == 1:
                    _gru_cell(parts, of_h[k], now[0, k])
                else:
                    _lstm_cell(parts, of_h[k], now[0, k], now[1, k])
                for j in range(S):
                    out, value = y[j, at, d * H : (d + 1) * H], now[j, k]
                    for m in range(H):
                        out[m] = value[m] if inside else 0


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
        dnow = np.zeros((S, high - low, H), dy.dtype)
        dof_h, some = np.zeros((high - low, G), dy.dtype), np.zeros(4 * H, dy.dtype)
        for i in range(L):
            s = L - 1 - i if d == 0 else i
            some[:] = 0
            for k in range(high - low):
                at = s * per_step + (low + k) * per_row
                dpart, dof = dparts[d, at], dof_h[k]
                if s >= lengths[low + k]:
                    dpart[:] = 0
                    dof[:] = 0
                    continue
                for j in range(S):
                    dvalue, reaches = dnow[j, k], dy[j, at, d * H : (d + 1) * H]
                    for m in range(H):
                        dvalue[m] += reaches[m]
                if S == 1:
                    _gru_cell_backward(saved[d, at], dpart, dnow[0, k])
                else:
                    _lstm_cell_backward(saved[d, at], dpart, dnow[0, k], dnow[1, k])
                of_w = dpart[4 * H - G :]
                for m in range(G):
                    dof[m] = of_w[m]
                for m in range(4 * H):
                    some[m] += dpart[m]
            for m in range(4 * H):
                totals[t, d, m] += some[m]
            multiply(product, t, dof_h, False, weight, False, dnow[0], True)
        dstates[:, d, low:high] = dnow


@parallel
def _gradients(t, T, product, dparts, x, saved, weight_ih, dweight_ih, dweight_hh, dx, add):
    """dweight_ih = dpartsᵀ x, dweight_hh = dpartsᵀ h, dx = dparts weight_ih, of one direction.

    What is empty is not wanted. dx is added to what is there if `add`.
    """
    H, I = dparts.shape[1] // 4, x.shape[1]  # noqa: E741
    G = len(weight_ih)
    at, first = _columns(G, H)
    none = np.zeros(max(H, I), x.dtype)
    one, rest = dparts[:, at : at + first], dparts[:, :at]
    if dweight_ih.size:
        _share(t, T, product, one, True, x, False, dweight_ih[:first], none, False)
        if first < G:
            _share(t, T, product, rest, True, x, False, dweight_ih[first:], none, False)
        of_hh, h = dparts[:, 4 * H - G :], saved[:, 4 * H : 5 * H]
        _share(t, T, product, of_hh, True, h, False, dweight_hh, none, False)
    if dx.size:
        _share(t, T, product, one, False, weight_ih[:first], False, dx, none, add)
        if first < G:
            _share(t, T, product, rest, False, weight_ih[first:], False, dx, none, True)


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
        sums = np.roll(total[:G], G - 4 * H), total[4 * H - G :]  # of a GRU, n, r, z to r, z, n
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
