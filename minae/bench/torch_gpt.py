"""The language model in PyTorch, as nanoGPT has it, with the names of `models.GPT`'s weights.

Attention is PyTorch's own, in one pass. This module needs PyTorch, so it is imported only where
PyTorch takes its turn.
"""

import torch
from torch.nn import GELU, Embedding, LayerNorm, Linear, Module, ModuleDict, Sequential, functional


class CausalSelfAttention(Module):
    """Every token takes what it needs from those before it, in several heads at once."""

    def __init__(self, width: int, heads: int, bias: bool):
        super().__init__()
        self.heads = heads
        self.c_attn = Linear(width, 3 * width, bias=bias)
        self.c_proj = Linear(width, width, bias=bias)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Return what the tokens of x (N, T, width) get of each other, (N, T, width)."""
        N, T, width = x.shape
        parts = self.c_attn(x).split(width, dim=2)
        q, k, v = (p.view(N, T, self.heads, width // self.heads).transpose(1, 2) for p in parts)
        y = functional.scaled_dot_product_attention(q, k, v, is_causal=True)
        return self.c_proj(y.transpose(1, 2).contiguous().view(N, T, width))


class MLP(Module):
    """Two linear layers, the inner one four times as wide, on each token by itself."""

    def __init__(self, width: int, bias: bool, approximate: str):
        super().__init__()
        self.c_fc = Linear(width, 4 * width, bias=bias)
        self.gelu = GELU(approximate)
        self.c_proj = Linear(4 * width, width, bias=bias)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Return (N, T, width) for x (N, T, width)."""
        return self.c_proj(self.gelu(self.c_fc(x)))


class Block(Module):
    """Attention, then the MLP, each behind a layer norm, and each added to its input."""

    def __init__(self, width: int, heads: int, bias: bool, approximate: str):
        super().__init__()
        self.ln_1 = LayerNorm(width, bias=bias)
        self.attn = CausalSelfAttention(width, heads, bias)
        self.ln_2 = LayerNorm(width, bias=bias)
        self.mlp = MLP(width, bias, approximate)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Return (N, T, width) for x (N, T, width)."""
        x = x + self.attn(self.ln_1(x))
        return x + self.mlp(self.ln_2(x))


class TorchGPT(Module):
    """`models.GPT` with the same arguments, without dropout; a call is its loss."""

    def __init__(
        self,
        vocabulary: int,
        context: int,
        layers: int,
        heads: int,
        width: int,
        dropout: float,
        bias: bool,
        approximate: str,
    ):
        super().__init__()
        wte = Embedding(vocabulary, width)
        blocks = [Block(width, heads, bias, approximate) for _ in range(layers)]
        self.transformer = ModuleDict(
            {
                "wte": wte,
                "wpe": Embedding(context, width),
                "h": Sequential(*blocks),
                "ln_f": LayerNorm(width, bias=bias),
            }
        )
        self.lm_head = Linear(width, vocabulary, bias=False)
        self.lm_head.weight = wte.weight

    def forward(self, ids: torch.Tensor, _noise: torch.Tensor | None) -> torch.Tensor:
        """Return -log p of a token given those before it, averaged over all tokens but the first.

        ids (N, T + 1).
        """
        logits, target = self.lm_head(self.read(ids[:, :-1])), ids[:, 1:].long()  # (N, T, V)
        return functional.cross_entropy(logits.flatten(0, 1), target.flatten())

    def read(self, ids: torch.Tensor) -> torch.Tensor:
        """Return what is known at each token of ids (N, T): (N, T, width)."""
        places = torch.arange(ids.shape[1], device=ids.device)
        x = self.transformer["wte"](ids) + self.transformer["wpe"](places)
        return self.transformer["ln_f"](self.transformer["h"](x))
