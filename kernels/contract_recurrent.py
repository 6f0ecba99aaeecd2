"""The part of the contract for recurrent layers; see `contract` for what holds for all families."""

from collections.abc import Sequence
from typing import Protocol

from minae.kernels.arrays import Array

Weights = Sequence[Array | None]

# A function of a protocol is its signature and docstring, with no body to return anything.
# pyright: reportReturnType=false


class Recurrent(Protocol):
    """Recurrent layers over whole sequences, in one or two directions.

    x (L, N, I) has L steps of N rows. The states h0, and c0 of an LSTM, are (D, N, H), or None for
    zeros: D is 1, or 2 if a second direction goes from the last step to the first. `weights` has
    four arrays for each direction: weight_ih (G, I), weight_hh (G, H), bias_ih (G,), bias_hh (G,),
    with G = 3 H of a GRU and 4 H of an LSTM; a bias may be None.

    lengths (N,), if not None, are integers from 1 to L: a row ends there. The second direction
    begins at a row's end, and behind it, outputs are zero and gradients of no effect.

    What `saved` holds for each step of a row, (D, L, N, parts H), is zero behind a row's end.
    Gradients of the weights come in their order, None for a bias that is None. `needs` says whether
    dx and whether these are wanted; `dweights` has the arrays to write them to, or None.
    """

    def gru(
        self, x: Array, h0: Array | None, weights: Weights, lengths: Array | None = None
    ) -> tuple[Array, Array]:
        """Run gated recurrent units (Cho et al. 2014), with the reset gate where cuDNN has it.

            r = σ(W_ir x + b_ir + W_hr h + b_hr)
            z = σ(W_iz x + b_iz + W_hz h + b_hz)
            n = tanh(W_in x + b_in + r (W_hn h + b_hn))
            h' = (1 - z) n + z h

        The parts of the weights are in the order r, z, n. Returns every h', (L, N, D H), and saved:
        n, r, z, W_hn h + b_hn and h.
        """

    def gru_backward(
        self,
        dy: Array,
        x: Array,
        weights: Weights,
        saved: Array,
        lengths: Array | None = None,
        needs: tuple[bool, bool] = (True, True),
        dweights: Sequence[Array | None] | None = None,
    ) -> tuple[Array | None, Array, list[Array | None]]:
        """Return the gradients of `gru`: dx, dh0 and dweights."""

    def lstm(
        self,
        x: Array,
        h0: Array | None,
        c0: Array | None,
        weights: Weights,
        lengths: Array | None = None,
    ) -> tuple[Array, Array]:
        """Run long short-term memory (Hochreiter & Schmidhuber 1997) with forget gates.

            i, f, o = σ(W_i x + b_i + W_h h + b_h), each with its own weights
            g = tanh(W_ig x + b_ig + W_hg h + b_hg)
            c' = f c + i g
            h' = o tanh(c')

        The parts of the weights are in the order i, f, g, o. Returns every h' and every c', as
        (2, L, N, D H), and saved: i, f, g, o, h and c.
        """

    def lstm_backward(
        self,
        dy: Array,
        x: Array,
        weights: Weights,
        saved: Array,
        lengths: Array | None = None,
        needs: tuple[bool, bool] = (True, True),
        dweights: Sequence[Array | None] | None = None,
    ) -> tuple[Array | None, Array, Array, list[Array | None]]:
        """Return the gradients of `lstm`: dx, dh0, dc0 and dweights; dy (2, L, N, D H)."""
