"""Recurrent layers: at each step, a state is computed from the one before and the input."""

from collections.abc import Sequence
from typing import Any

import numpy as np

from minae.kernels.arrays import beside
from minae.op import Op
from minae.ops.checks import check_index
from minae.tensor import Tensor

Weights = Sequence[Tensor | None]


class GRU(Op):
    """Gated recurrent units: every state of x (L, N, I), in each direction, (L, N, D H).

    Kernel `gru` has the equations. The inputs are x, h0, four weights a direction, and lengths.
    """

    floats = slice(-1)

    def forward(self, x, h0, *rest):
        *weights, lengths = rest
        y, saved = self.kernels.gru(x, h0, weights, lengths)
        self.save(x, tuple(weights), saved, lengths)
        return y

    def backward(self, dy):
        x, weights, saved, lengths = self.saved
        need_dx, _, *need_dweights = self.needs_input_grad[:-1]
        needs, places = (need_dx, any(need_dweights)), self.places_for(*range(2, 2 + len(weights)))
        dx, dh0, dweights = self.kernels.gru_backward(dy, x, weights, saved, lengths, needs, places)
        return dx, dh0, *dweights, None

    def examples(self, rng):
        for x, h0, weights, lengths in _examples(rng, 3):
            yield x, h0, *weights, lengths


class LSTM(Op):
    """Long short-term memory: every h and every c of x (L, N, I), together (2, L, N, D H).

    Kernel `lstm` has the equations. The inputs are x, h0, c0, four weights a direction, and
    lengths.
    """

    floats = slice(-1)

    def forward(self, x, h0, c0, *rest):
        *weights, lengths = rest
        y, saved = self.kernels.lstm(x, h0, c0, weights, lengths)
        self.save(x, tuple(weights), saved, lengths)
        return y

    def backward(self, dy):
        x, weights, saved, lengths = self.saved
        need_dx, _, _, *need_dweights = self.needs_input_grad[:-1]
        needs, places = (need_dx, any(need_dweights)), self.places_for(*range(3, 3 + len(weights)))
        dx, dh0, dc0, dweights = self.kernels.lstm_backward(
            dy, x, weights, saved, lengths, needs, places
        )
        return dx, dh0, dc0, *dweights, None

    def examples(self, rng):
        for x, h0, weights, lengths in _examples(rng, 4):
            yield x, h0, None if h0 is None else h0[::-1].copy(), *weights, lengths


def _examples(rng, gates):
    """Yield x, an initial state, weights and lengths: one and two directions, with and without."""
    L, N, I, H = 3, 2, 2, 3  # noqa: E741
    for D, biased, lengths in (1, True, None), (1, False, [2, 3]), (2, True, [3, 1]):
        shapes = ((gates * H, I), (gates * H, H), (gates * H,), (gates * H,)) * D
        weights = [rng.normal(size=s) if biased or len(s) == 2 else None for s in shapes]
        h0 = rng.normal(size=(D, N, H)) if lengths else None
        yield rng.normal(size=(L, N, I)), h0, weights, lengths and np.array(lengths)


class FinalStates(Op):
    """The state at each row's end, and of the second direction at its beginning: (D, N, H)."""

    def forward(self, y, lengths, directions):
        H = y.shape[2] // directions
        ends = y.shape[0] - 1 if lengths is None else lengths - 1
        self.save(y.shape, ends, H)
        states = y[ends, np.arange(y.shape[1], like=y), :H]
        return states[None] if directions == 1 else np.stack((states, y[0, :, H:]))

    def backward(self, dy):
        shape, ends, H = self.saved
        full = np.zeros(shape, dy.dtype, like=dy)
        full[ends, np.arange(shape[1], like=dy), :H] = dy[0]
        if len(dy) == 2:
            full[0, :, H:] = dy[1]
        return full, None

    def examples(self, rng):
        yield rng.normal(size=(3, 2, 4)), None, {"directions": 1}
        yield rng.normal(size=(3, 2, 4)), np.array([3, 1]), {"directions": 2}


def gru(
    x: Tensor, h0: Tensor | None, weights: Weights, lengths: Any = None
) -> tuple[Tensor, Tensor]:
    """Run a layer of gated recurrent units (Cho et al. 2014) over sequences.

        r = σ(W_ir x + b_ir + W_hr h + b_hr)
        z = σ(W_iz x + b_iz + W_hz h + b_hz)
        n = tanh(W_in x + b_in + r (W_hn h + b_hn))
        h' = (1 - z) n + z h

    Args:
        x: L steps of N rows, (L, N, I)
        h0: the state before the first step, (D, N, H); zeros if None. D is the number of
            directions, 1 or 2: the second goes from the last step to the first.
        weights: for each direction weight_ih (3 H, I), weight_hh (3 H, H), bias_ih (3 H,) and
            bias_hh (3 H,) or None, with the parts for r, z and n one below the other
        lengths: how many steps each row has, integers (N,) from 1 to L; all have L if None

    Returns every state, (L, N, D H), zero behind a row's end, and the state at the end of each
    direction, (D, N, H): the second begins at a row's end. Raises ValueError if shapes do not go
    together or a length is out of range, TypeError if lengths are no integers.
    """
    lengths = _checked("gru", x, lengths)
    y = GRU.apply(x, h0, *weights, lengths)
    return y, FinalStates.apply(y, lengths, directions=len(weights) // 4)


def lstm(
    x: Tensor, h0: Tensor | None, c0: Tensor | None, weights: Weights, lengths: Any = None
) -> tuple[Tensor, Tensor, Tensor]:
    """Run a layer of long short-term memory over sequences.

    Hochreiter & Schmidhuber 1997, with the forget gates of Gers et al. 2000:

        i, f, o = σ(W_i x + b_i + W_h h + b_h), each with its own weights
        g = tanh(W_ig x + b_ig + W_hg h + b_hg)
        c' = f c + i g
        h' = o tanh(c')

    Arguments and errors are as in `gru`, with c0 like h0 and weights of 4 H rows, in the order
    i, f, g, o. Returns every h, (L, N, D H), and h and c at the end of each direction, (D, N, H).
    """
    lengths = _checked("lstm", x, lengths)
    y = LSTM.apply(x, h0, c0, *weights, lengths)
    h, c, D = y[0], y[1], len(weights) // 4
    h_n, c_n = (FinalStates.apply(a, lengths, directions=D) for a in (h, c))
    return h, h_n, c_n


def _checked(name: str, x: Tensor, lengths: Any) -> Tensor | None:
    """Return lengths beside x, or None if no row ends early."""
    if lengths is None:
        return None
    lengths = check_index(lengths, name)
    L, shape = x.shape[0], x.shape[1:2]
    if lengths.shape != shape:
        raise ValueError(f"{name}: lengths {lengths.shape} must be {shape}, one for each row of x")
    low, high = lengths.data.min().item(), lengths.data.max().item()
    if low < 1 or high > L:
        raise ValueError(f"{name}: lengths from {low} to {high}, but x has {L} steps")
    return None if low == L else Tensor(beside(lengths.data.astype(np.int64), x.data))
