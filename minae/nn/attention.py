"""Layers of a transformer (Vaswani et al. 2017); see ops.self_attention for what attention is."""

import numpy as np

from minae import ops
from minae.nn import init
from minae.nn.layers import Dropout, LayerNorm, Linear
from minae.nn.module import Module, Parameter
from minae.tensor import Tensor

__all__ = ["MultiheadAttention", "TransformerEncoderLayer"]


class MultiheadAttention(Module):
    """Attention by several heads at once, with a linear map before and behind.

    Sequences are (L, N, E), or (N, L, E) with batch_first; E = embed_dim is a multiple of
    num_heads. In training, each weight of the attention is dropped with probability `dropout`.
    """

    def __init__(
        self,
        embed_dim: int,
        num_heads: int,
        dropout: float = 0.0,
        bias: bool = True,
        *,
        batch_first: bool = False,
    ):
        if num_heads < 1 or embed_dim < 1 or embed_dim % num_heads:
            raise ValueError(
                f"MultiheadAttention: embed_dim={embed_dim} must be a multiple of"
                f" num_heads={num_heads}, and both at least 1"
            )
        self.embed_dim, self.num_heads = embed_dim, num_heads
        self.dropout, self.batch_first = dropout, batch_first
        self.in_proj_weight = init.xavier_uniform((3 * embed_dim, embed_dim))
        self.in_proj_bias = Parameter(np.zeros(3 * embed_dim, np.float32)) if bias else None
        self.out_proj = Linear(embed_dim, embed_dim, bias)
        if self.out_proj.bias is not None:
            self.out_proj.bias.data[...] = 0

    def forward(
        self,
        query: Tensor,
        key: Tensor,
        value: Tensor,
        key_padding_mask: Tensor | None = None,
        need_weights: bool = True,
        attn_mask: Tensor | None = None,
        average_attn_weights: bool = True,
        is_causal: bool = False,
    ) -> tuple[Tensor, Tensor | None]:
        """Return the output, in the shape of query, and the attention's weights or None.

        Args:
            query, key, value: (L, N, E), (S, N, E), (S, N, E); (N, L, E) and so on if batch_first
            key_padding_mask: (N, S), True for keys that nobody may look at; floats are added
            need_weights: whether to return the weights (N, L, S), the mean over all heads, or
                (N, num_heads, L, S) without `average_attn_weights`. It takes longer with them.
            attn_mask: (L, S), or (N num_heads, L, S). Booleans: True where a query may *not* look,
                unlike in ops. Floats: added to the scores.
            is_causal: let query i look at keys 0 to i only

        Raises ValueError if the shapes do not go together.
        """
        together = query is key is value
        query, key, value = self._by_sequence(query, key, value)
        (N, L, _), S = query.shape, key.shape[1]
        mask = self._mask((N, L, S), key_padding_mask, attn_mask, is_causal)
        causal = is_causal and mask is None
        if together and not need_weights and not (self.training and self.dropout):
            x, weights = ops.linear(query, self.in_proj_weight, self.in_proj_bias), None
            y = ops.self_attention(x, self.num_heads, mask, is_causal=causal)
        else:
            y, weights = self._by_head(query, key, value, mask, causal, need_weights)
        y = self.out_proj(y)
        if weights is not None and average_attn_weights:
            weights = weights.mean(1)
        return y if self.batch_first else ops.transpose(y, 0, 1), weights

    def _by_sequence(self, *arguments: Tensor) -> list[Tensor]:
        """Return query, key and value as (N, L, E), checked; one given twice is transposed once."""
        layout = f"({'N, L' if self.batch_first else 'L, N'}, {self.embed_dim})"
        for x in arguments:
            if x.ndim != 3 or x.shape[2] != self.embed_dim:
                raise ValueError(f"MultiheadAttention takes {layout}, not {x.shape}")
        if self.batch_first:
            return [*arguments]
        turned = {id(x): ops.transpose(x, 0, 1) for x in arguments}
        return [turned[id(x)] for x in arguments]

    def _by_head(
        self,
        query: Tensor,
        key: Tensor,
        value: Tensor,
        mask: Tensor | None,
        is_causal: bool,
        need_weights: bool,
    ) -> tuple[Tensor, Tensor | None]:
        """Return the heads' outputs side by side, (N, L, E), and the weights or None."""
        q, k, v = (self._heads(i, x) for i, x in enumerate((query, key, value)))
        dropout, weights = self.dropout if self.training else 0.0, None
        if need_weights or dropout:
            (N, heads, S, _), device = k.shape, k.device
            one_hot = ops.expand(Tensor(np.eye(S, dtype=k.dtype), device=device), (N, heads, S, S))
            # means of one-hot rows are the weights themselves
            weights = ops.scaled_dot_product_attention(q, k, one_hot, mask, is_causal=is_causal)
            weights = ops.dropout(weights, dropout)
            y = weights @ v
        else:
            y = ops.scaled_dot_product_attention(q, k, v, mask, is_causal=is_causal)
        y = ops.reshape(ops.transpose(y, 1, 2), query.shape)
        return y, weights if need_weights else None

    def _heads(self, i: int, x: Tensor) -> Tensor:
        """Return the queries, keys or values, i = 0, 1, 2, of x (N, L, E): (N, heads, L, size)."""
        E, bias = self.embed_dim, self.in_proj_bias
        rows = slice(i * E, (i + 1) * E)
        y = ops.linear(x, self.in_proj_weight[rows], None if bias is None else bias[rows])
        return ops.transpose(ops.reshape(y, (*x.shape[:2], self.num_heads, -1)), 1, 2)

    def _mask(
        self,
        sizes: tuple[int, int, int],
        key_padding_mask: Tensor | None,
        attn_mask: Tensor | None,
        is_causal: bool,
    ) -> Tensor | None:
        """Return what is added to the scores (N, num_heads, L, S), or None if nothing is."""
        N, L, S = sizes
        mask = None
        if key_padding_mask is not None:
            padding = _added(key_padding_mask)
            if padding.shape != (N, S):
                raise ValueError(f"key_padding_mask {padding.shape} must be {(N, S)}")
            mask = ops.reshape(padding, (N, 1, 1, S))
        if attn_mask is not None:
            attended, several = _added(attn_mask), (N * self.num_heads, L, S)
            if attended.shape not in ((L, S), several):
                raise ValueError(f"attn_mask {attended.shape} must be {(L, S)} or {several}")
            if attended.ndim == 3:
                attended = ops.reshape(attended, (N, self.num_heads, L, S))
            mask = attended if mask is None else mask + attended
        if mask is not None and is_causal:
            mask = mask + _added(Tensor(~np.tri(L, S, dtype=bool), device=mask.device))
        return mask

    def extra_repr(self) -> str:
        return f"{self.embed_dim}, {self.num_heads}"


def _added(mask: Tensor) -> Tensor:
    """Return a mask as floats to be added to scores; of booleans, True means: do not look."""
    mask = mask if isinstance(mask, Tensor) else Tensor(mask)
    if mask.dtype.kind != "b":
        return mask
    return Tensor(np.where(mask.data, -np.inf, 0).astype(np.float32))


class TransformerEncoderLayer(Module):
    """Self-attention, then two linear layers for each row; both are added to what they are given.

    Layer norm follows each sum, or stands before each part with `norm_first` (Xiong et al. 2020),
    which trains more easily. Sequences are (L, N, d_model), or (N, L, d_model) with batch_first.
    """

    def __init__(
        self,
        d_model: int,
        nhead: int,
        dim_feedforward: int = 2048,
        dropout: float = 0.1,
        activation: str = "relu",
        layer_norm_eps: float = 1e-5,
        batch_first: bool = False,
        norm_first: bool = False,
        bias: bool = True,
    ):
        if activation not in ("relu", "gelu"):
            raise ValueError(f"activation is 'relu' or 'gelu', not {activation!r}")
        self.self_attn = MultiheadAttention(d_model, nhead, dropout, bias, batch_first=batch_first)
        self.linear1 = Linear(d_model, dim_feedforward, bias)
        self.dropout = Dropout(dropout)
        self.linear2 = Linear(dim_feedforward, d_model, bias)
        self.norm_first, self.activation = norm_first, activation
        self.norm1 = LayerNorm(d_model, layer_norm_eps, bias=bias)
        self.norm2 = LayerNorm(d_model, layer_norm_eps, bias=bias)
        self.dropout1, self.dropout2 = Dropout(dropout), Dropout(dropout)

    def forward(
        self,
        src: Tensor,
        src_mask: Tensor | None = None,
        src_key_padding_mask: Tensor | None = None,
        is_causal: bool = False,
    ) -> Tensor:
        """Return the sequences, in the shape of src; the masks are MultiheadAttention's."""

        def attend(x):
            y, _ = self.self_attn(
                x, x, x, src_key_padding_mask, False, attn_mask=src_mask, is_causal=is_causal
            )
            return self.dropout1(y)

        if self.norm_first:
            x = src + attend(self.norm1(src))
            return x + self._feed_forward(self.norm2(x))
        x = self.norm1(src + attend(src))
        return self.norm2(x + self._feed_forward(x))

    def _feed_forward(self, x: Tensor) -> Tensor:
        hidden = self.linear1(x, self.activation)
        return self.dropout2(self.linear2(self.dropout(hidden)))
