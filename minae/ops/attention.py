"""Attention: every query gets the mean of the values, weighted by how well their keys match."""

import math

import numpy as np

from minae.op import Op, unbroadcast
from minae.ops.arithmetic import cast
from minae.ops.checks import broadcasts, real
from minae.ops.softmax import softmax_array, softmax_backward
from minae.tensor import Tensor


class ScaledDotProductAttention(Op):
    """y = P v with P = softmax(scale q kᵀ + mask) (Vaswani et al. 2017, equation 1)."""

    floats = slice(3)

    def forward(self, query, key, value, mask, scale):
        scores = self.kernels.matmul(query, key.swapaxes(-1, -2)) * scale  # (..., L, S)
        if mask is not None:
            scores = np.where(mask, scores, -np.inf) if mask.dtype == bool else scores + mask
        blind = (scores == -np.inf).all(axis=-1, keepdims=True)  # (..., L, 1): its weights are 0
        weights = softmax_array(np.where(blind, 0, scores), -1) * ~blind
        self.save(query, key, value, mask, weights, scale)
        return self.kernels.matmul(weights, value)

    def backward(self, dy):
        query, key, value, mask, weights, scale = self.saved
        matmul = self.kernels.matmul
        dvalue = matmul(weights.swapaxes(-1, -2), dy)
        dweights = matmul(dy, value.swapaxes(-1, -2))
        dscores = softmax_backward(dweights, weights, -1)  # 0 where the mask made weights 0
        dproduct = dscores * scale
        dquery, dkey = matmul(dproduct, key), matmul(dproduct.swapaxes(-1, -2), query)
        dmask = unbroadcast(dscores, mask.shape) if self.needs_input_grad[3] else None
        return dquery, dkey, dvalue, dmask

    def examples(self, rng):
        q, k, v = rng.normal(size=(2, 3, 4)), rng.normal(size=(2, 5, 4)), rng.normal(size=(2, 5, 2))
        yield q, k, v, None, {"scale": 0.5}
        yield q, k, v, rng.random((2, 3, 5)) < 0.7, {"scale": 0.5}
        yield q, k, v, rng.normal(size=(3, 1)), {"scale": 0.3}
        mask = np.array([[False, False, False], [True, True, False], [True, True, True]])
        yield *(rng.normal(size=(3, 4)) for _ in range(3)), mask, {"scale": 1.0}


def scaled_dot_product_attention(
    query: Tensor,
    key: Tensor,
    value: Tensor,
    attn_mask: Tensor | None = None,
    *,
    is_causal: bool = False,
    scale: float | None = None,
) -> Tensor:
    """Return softmax(scale q kᵀ + mask) v: (..., L, V), with 0 for a query that sees no key.

    Args:
        query, key, value: (..., L, E), (..., S, E) and (..., S, V)
        attn_mask: broadcasts to (..., L, S). Booleans: True where a query may look. Floats: added
            to the scores, and -inf where a query may not look.
        is_causal: let query i look at keys 0 to i only. Not together with attn_mask.
        scale: 1/√E if None.

    Raises ValueError if the shapes do not go together (names them) or both kinds of mask are given,
    TypeError if attn_mask holds integers.
    """
    if (
        min(query.ndim, key.ndim, value.ndim) < 2
        or key.shape[:-2] != query.shape[:-2]
        or key.shape[-1] != query.shape[-1]
        or value.shape[:-1] != key.shape[:-1]
    ):
        raise ValueError(
            "attention: query (..., L, E), key (..., S, E), value (..., S, V) do not go together:"
            f" {query.shape}, {key.shape}, {value.shape}"
        )
    if is_causal and attn_mask is not None:
        raise ValueError("attention: give attn_mask or is_causal, not both")
    scores_shape = (*query.shape[:-1], key.shape[-2])
    if is_causal:
        attn_mask = Tensor(np.tri(*scores_shape[-2:], dtype=bool), device=query.device)
    elif attn_mask is not None:
        attn_mask = attn_mask if isinstance(attn_mask, Tensor) else Tensor(attn_mask)
        if attn_mask.dtype.kind in "iu":
            raise TypeError(f"attention: attn_mask is of booleans or floats, not {attn_mask.dtype}")
        if not broadcasts(attn_mask.shape, scores_shape):
            raise ValueError(
                f"attention: attn_mask {attn_mask.shape} does not broadcast to the scores"
                f" {scores_shape}"
            )
        if attn_mask.is_floating_point() and query.is_floating_point():
            attn_mask = cast(attn_mask, query.dtype)
    scale = 1 / math.sqrt(max(query.shape[-1], 1)) if scale is None else scale
    scale = real(scale, "attention: scale")
    return ScaledDotProductAttention.apply(query, key, value, attn_mask, scale=scale)
