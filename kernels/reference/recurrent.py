"""Recurrent layers, one step after another."""

import numpy as np

from minae.kernels import shapes
from minae.kernels.reference.common import into
from minae.kernels.reference.linear import linear, linear_backward


def gru(x, h0, weights, lengths=None):
    shapes.check_recurrent("gru", x, (h0,), weights, lengths)
    (y,), saved = _forward(_gru, x, (h0,), weights, lengths)
    return y, saved


def gru_backward(dy, x, weights, saved, lengths=None, needs=(True, True), dweights=None):
    shapes.check_recurrent_backward("gru", (dy,), x, weights, saved, lengths)
    arrays = dy[None], x, weights, saved, lengths
    dx, (dh0,), dweights = _backward(_gru_backward, *arrays, needs, dweights)
    return dx, dh0, dweights


def lstm(x, h0, c0, weights, lengths=None):
    shapes.check_recurrent("lstm", x, (h0, c0), weights, lengths)
    return _forward(_lstm, x, (h0, c0), weights, lengths)


def lstm_backward(dy, x, weights, saved, lengths=None, needs=(True, True), dweights=None):
    shapes.check_recurrent_backward("lstm", dy, x, weights, saved, lengths)
    arrays = dy, x, weights, saved, lengths
    dx, (dh0, dc0), dweights = _backward(_lstm_backward, *arrays, needs, dweights)
    return dx, dh0, dc0, dweights


def _gru(of_x, of_h, h):
    """Return what backward needs, and the next state; of_x, of_h (N, 3 H), h (N, H)."""
    (r_x, z_x, n_x), (r_h, z_h, n_h) = (np.split(a, 3, axis=1) for a in (of_x, of_h))
    r, z = _sigmoid(r_x + r_h), _sigmoid(z_x + z_h)
    n = np.tanh(n_x + r * n_h)
    return (n, r, z, n_h, h), (n + z * (h - n),)


def _gru_backward(dh, n, r, z, n_h, h):
    """Return the gradients of of_x, of_h, and of h as far as it does not pass through of_h."""
    dn = dh * (1 - z) * (1 - n * n)
    dz = dh * (h - n) * z * (1 - z)
    dr = dn * n_h * r * (1 - r)
    return (dr, dz, dn), (dr, dz, dn * r), (dh * z,)


def _lstm(of_x, of_h, h, c):
    """Return what backward needs, and the next states; of_x, of_h (N, 4 H), h, c (N, H)."""
    i, f, g, o = np.split(of_x + of_h, 4, axis=1)
    i, f, g, o = _sigmoid(i), _sigmoid(f), np.tanh(g), _sigmoid(o)
    new = f * c + i * g
    return (i, f, g, o, h, c), (o * np.tanh(new), new)


def _lstm_backward(dh, dc, i, f, g, o, h, c):
    """Return the gradients of of_x, of_h, and of h and c as far as not through of_h."""
    t = np.tanh(f * c + i * g)
    dc = dc + dh * o * (1 - t * t)
    gates = dc * g * i * (1 - i), dc * c * f * (1 - f), dc * i * (1 - g * g), dh * t * o * (1 - o)
    return gates, gates, (np.zeros_like(h), dc * f)


def _sigmoid(x):
    return np.tanh(x / 2) / 2 + 0.5  # nothing overflows


def _directions(weights, L):
    """Yield each direction's number, the order of its steps, and its four weights."""
    for d in range(len(weights) // 4):
        yield d, range(L) if d == 0 else range(L - 1, -1, -1), weights[4 * d : 4 * d + 4]


def _inside(lengths, s):
    """Return which rows have a step s: (N, 1), or True if all have."""
    return True if lengths is None else (s < lengths)[:, None]


def _forward(cell, x, states, weights, lengths):
    (L, N, _), H, D = x.shape, weights[1].shape[1], len(weights) // 4
    y = np.zeros_like(x, shape=(len(states), L, N, D * H))
    parts = []
    for d, steps, (weight_ih, weight_hh, bias_ih, bias_hh) in _directions(weights, L):
        now = [np.zeros_like(x, shape=(N, H)) if a is None else a[d] for a in states]
        parts.append([None] * L)
        for s in steps:
            inside = _inside(lengths, s)
            of_x, of_h = linear(x[s], weight_ih, bias_ih), linear(now[0], weight_hh, bias_hh)
            kept, new = cell(of_x, of_h, *now)
            parts[d][s] = np.where(inside, np.concatenate(kept, axis=1), 0)
            now = [np.where(inside, a, b) for a, b in zip(new, now, strict=True)]
            for out, a in zip(y, now, strict=True):
                out[s, :, d * H : (d + 1) * H] = np.where(inside, a, 0)
    return y, np.array(parts, like=x).astype(x.dtype, copy=False)


def _backward(cell, dy, x, weights, saved, lengths, needs, places):
    (L, N, _), H = x.shape, weights[1].shape[1]
    places = places or [None] * len(weights)
    dx, dstates, dweights = np.zeros_like(x), [], []
    for d, steps, (weight_ih, weight_hh, bias_ih, bias_hh) in _directions(weights, L):
        dnow = [np.zeros_like(x, shape=(N, H)) for _ in dy]
        of_x, of_h = (np.zeros_like(x, shape=(L, N, len(weight_hh))) for _ in range(2))
        for s in reversed(steps):
            inside = _inside(lengths, s)
            reached = [a + out[s, :, d * H : (d + 1) * H] for a, out in zip(dnow, dy, strict=True)]
            kept = np.split(saved[d, s], saved.shape[-1] // H, axis=1)
            dof_x, dof_h, before = cell(*reached, *kept)
            of_x[s], of_h[s] = (np.where(inside, np.hstack(a), 0) for a in (dof_x, dof_h))
            before = [before[0] + linear(of_h[s], weight_hh.T), *before[1:]]
            dnow = [np.where(inside, a, b) for a, b in zip(before, dnow, strict=True)]
        dstates.append(dnow)
        h = saved[d, :, :, 4 * H : 5 * H]
        dx_d, *of_ih = linear_backward(of_x, x, weight_ih, None)
        _, *of_hh = linear_backward(of_h, h, weight_hh, None, needs=(False, True))
        dx = dx + dx_d
        biased = [True, True, bias_ih is not None, bias_hh is not None]
        four = of_ih[0], of_hh[0], of_ih[1], of_hh[1]
        dweights += [a if wanted else None for a, wanted in zip(four, biased, strict=True)]
    dweights = [into(*pair) for pair in zip(places, dweights, strict=True)]
    states = [np.stack(a) for a in zip(*dstates, strict=True)]
    return dx if needs[0] else None, states, dweights if needs[1] else [None] * len(weights)
