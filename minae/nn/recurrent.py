"""Recurrent layers, one above the other; see ops.gru and ops.lstm for what one computes."""

from typing import Any

from minae import ops
from minae.nn import init
from minae.nn.module import Module
from minae.tensor import Tensor

__all__ = ["GRU", "LSTM"]


class _Recurrent(Module):
    """What both share: they map (L, N, input_size) to (L, N, D hidden_size), D directions.

    With batch_first, they map (N, L, input_size) to (N, L, D hidden_size). Between layers there is
    dropout. `lengths` (N,) stands for PyTorch's packed sequences: how many steps each row has.
    """

    gates: int

    def __init__(
        self,
        input_size: int,
        hidden_size: int,
        num_layers: int = 1,
        bias: bool = True,
        batch_first: bool = False,
        dropout: float = 0.0,
        bidirectional: bool = False,
    ):
        if num_layers < 1 or hidden_size < 1:
            name = type(self).__name__
            raise ValueError(f"{name}: num_layers and hidden_size must be at least 1")
        self.input_size, self.hidden_size, self.num_layers = input_size, hidden_size, num_layers
        self.batch_first, self.dropout, self.bidirectional = batch_first, dropout, bidirectional
        self.layers: list[list[str]] = []  # of each layer, the names of its weights
        directions, G = ("", "_reverse")[: 1 + bidirectional], self.gates * hidden_size
        for layer in range(num_layers):
            inputs = hidden_size * len(directions) if layer else input_size
            shapes = {"weight_ih": (G, inputs), "weight_hh": (G, hidden_size)}
            if bias:
                shapes |= {"bias_ih": (G,), "bias_hh": (G,)}
            ends = [f"_l{layer}{direction}" for direction in directions]
            for end in ends:
                for name, shape in shapes.items():
                    setattr(self, name + end, init.uniform(shape, hidden_size))
            names = "weight_ih", "weight_hh", "bias_ih", "bias_hh"
            self.layers.append([name + end for end in ends for name in names])

    def _run(self, x: Tensor, states: tuple[Any, ...], lengths: Any) -> tuple[Tensor, list[Tensor]]:
        """Return the output and the last states, each (num_layers * D, N, H)."""
        name = type(self).__name__
        if x.ndim != 3 or x.shape[2] != self.input_size:
            layout = "(N, L, " if self.batch_first else "(L, N, "
            raise ValueError(f"{name} takes {layout}{self.input_size}), not {x.shape}")
        x = ops.transpose(x, 0, 1) if self.batch_first else x
        D = 1 + self.bidirectional
        shape = self.num_layers * D, x.shape[1], self.hidden_size
        for state in states:
            if state is not None and state.shape != shape:
                raise ValueError(f"{name}: the first state must be {shape}, not {state.shape}")
        run: Any = ops.gru if self.gates == 3 else ops.lstm
        ends = []
        for layer, names in enumerate(self.layers):
            if layer:
                x = ops.dropout(x, self.dropout, self.training)
            weights = [getattr(self, name, None) for name in names]
            first = [s if s is None else s[layer * D : (layer + 1) * D] for s in states]
            x, *last = run(x, *first, weights, lengths)
            ends.append(last)
        joined = [a[0] if len(a) == 1 else ops.cat(a) for a in zip(*ends, strict=True)]
        return ops.transpose(x, 0, 1) if self.batch_first else x, joined

    def extra_repr(self) -> str:
        extra = {"num_layers": 1, "batch_first": False, "dropout": 0.0, "bidirectional": False}
        changed = [f", {k}={getattr(self, k)}" for k, v in extra.items() if getattr(self, k) != v]
        return f"{self.input_size}, {self.hidden_size}" + "".join(changed)


class GRU(_Recurrent):
    """Gated recurrent units: the output is every state of the last layer.

    output, h_n = gru(x, h0, lengths): h0 and h_n are (num_layers D, N, hidden_size), the states
    before the first step and at each row's end; h0 of None is zeros.
    """

    gates = 3

    def forward(
        self, x: Tensor, h0: Tensor | None = None, lengths: Any = None
    ) -> tuple[Tensor, Tensor]:
        output, (h_n,) = self._run(x, (h0,), lengths)
        return output, h_n


class LSTM(_Recurrent):
    """Long short-term memory: the output is every h of the last layer.

    output, (h_n, c_n) = lstm(x, (h0, c0), lengths): all four are as in `GRU`.
    """

    gates = 4

    def forward(
        self, x: Tensor, states: tuple[Tensor, Tensor] | None = None, lengths: Any = None
    ) -> tuple[Tensor, tuple[Tensor, Tensor]]:
        output, (h_n, c_n) = self._run(x, states or (None, None), lengths)
        return output, (h_n, c_n)
