"""Attention: every query gets the mean of the values, weighted by how well their keys match."""

import math

import numpy as np

from minae.autograd import Op
from minae.ops.softmax import softmax_array, softmax_backward
from minae.tensor import Tensor


class ScaledDotProductAttention(Op):
    """y = P v with P = softmax(q kᵀ / √E) (Vaswani et al. 2017, equation 1).

    q (..., L, E), k (..., S, E), v (..., S, V)  ->  y (..., L, V)
    """

    def forward(self, query, key, value, mask):
        scale = 1 / math.sqrt(query.shape[-1])
        scores = self.kernels.matmul(query, key.swapaxes(-1, -2)) * scale  # (..., L, S)
        if mask is not None:
            scores = np.where(mask, scores, -np.inf)
        weights = softmax_array(scores, -1)
        self.save(query, key, value, weights, scale)
        return self.kernels.matmul(weights, value)

    def backward(self, dy):
        query, key, value, weights, scale = self.saved
        matmul = self.kernels.matmul
        dvalue = matmul(weights.swapaxes(-1, -2), dy)
        dweights = matmul(dy, value.swapaxes(-1, -2))
        dscores = softmax_backward(dweights, weights, -1) * scale  # 0 where the mask made weights 0
        return matmul(dscores, key), matmul(dscores.swapaxes(-1, -2), query), dvalue, None

    @staticmethod
    def examples(rng):
        q, k, v = rng.normal(size=(2, 3, 4)), rng.normal(size=(2, 5, 4)), rng.normal(size=(2, 5, 2))
        yield q, k, v, None
        yield q, k, v, rng.random((2, 3, 5)) < 0.7
        x = rng.normal(size=(3, 4))
        yield x, rng.normal(size=(3, 4)), rng.normal(size=(3, 4)), np.tri(3, dtype=bool)


def scaled_dot_product_attention(
    query: Tensor,
    key: Tensor,
    value: Tensor,
    attn_mask: Tensor | None = None,
    is_causal: bool = False,
) -> Tensor:
    """Return softmax(q kᵀ / √E) v.

    Args:
        query: (..., L, E)
        key: (..., S, E)
        value: (..., S, V)
        attn_mask: booleans that broadcast to (..., L, S); True where a query may look. A query
            that may look nowhere gives nan.
        is_causal: let query i look at keys 0 to i only. Not together with attn_mask.

    Returns:
        (..., L, V)

    Raises:
        ValueError: the shapes do not go together (names them), or both kinds of mask are given.
    """
    *batch, length, features = query.shape
    if (
        key.shape[:-2] != tuple(batch)
        or key.shape[-1] != features
        or value.shape[:-1] != key.shape[:-1]
    ):
        raise ValueError(
            "attention: query (..., L, E), key (..., S, E), value (..., S, V) do not go together:"
            f" {query.shape}, {key.shape}, {value.shape}"
        )
    if is_causal and attn_mask is not None:
        raise ValueError("attention: give attn_mask or is_causal, not both")
    if is_causal:
        attn_mask = Tensor(np.tri(length, key.shape[-2], dtype=bool))
    return ScaledDotProductAttention.apply(query, key, value, attn_mask)
