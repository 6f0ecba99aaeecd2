"""Attention: every query gets the mean of the values, weighted by how well their keys match."""

import math
from typing import Any

import numpy as np

from minae.op import Op, unbroadcast
from minae.ops.checks import integer, real
from minae.tensor import Tensor


class ScaledDotProductAttention(Op):
    """y = P v with P = softmax(scale q kᵀ + mask) (Vaswani et al. 2017, equation 1)."""

    floats = slice(3)

    def forward(self, query, key, value, mask, scale, is_causal=False):
        mask = _alike(mask, query)
        y, saved = self.kernels.attention(query, key, value, scale, mask, is_causal)
        self.save(query, key, value, saved, scale, mask, is_causal)
        return y

    def backward(self, dy):
        query, key, value, saved, scale, mask, is_causal = self.saved
        need_dmask = self.needs_input_grad[3]
        *gradients, dscores = self.kernels.attention_backward(
            dy, query, key, value, saved, scale, mask, is_causal, need_dscores=need_dmask
        )
        return *gradients, unbroadcast(dscores, mask.shape) if need_dmask else None

    def examples(self, rng):
        q, k, v = rng.normal(size=(2, 3, 4)), rng.normal(size=(2, 5, 4)), rng.normal(size=(2, 5, 2))
        yield q, k, v, None, {"scale": 0.5}
        yield q, k, v, None, {"scale": 0.5, "is_causal": True}
        yield q, k, v, rng.random((2, 3, 5)) < 0.7, {"scale": 0.5}
        yield q, k, v, rng.normal(size=(3, 1)), {"scale": 0.3}
        mask = np.array([[False, False, False], [True, True, False], [True, True, True]])
        yield *(rng.normal(size=(3, 4)) for _ in range(3)), mask, {"scale": 1.0}


class SelfAttention(Op):
    """Attention among the rows of x (N, T, 3 E), each a query, a key and a value, by heads.

    Kernels read them where they lie, and write all three gradients into one array.
    """

    floats = slice(1)

    def forward(self, x, mask, heads, scale, is_causal):
        mask = _alike(mask, x)
        query, key, value = _heads(x, 3, heads)
        y, saved = self.kernels.attention(query, key, value, scale, mask, is_causal)
        self.save(x, saved, mask, heads, scale, is_causal)
        return y.swapaxes(1, 2).reshape(*x.shape[:2], -1)  # no copy, as the CPU lays y out

    def backward(self, dy):
        x, saved, mask, heads, scale, is_causal = self.saved
        need_dmask, dx = self.needs_input_grad[1], np.empty(x.shape, x.dtype, like=x)
        (dy,), (query, key, value) = _heads(dy, 1, heads), _heads(x, 3, heads)
        places = _heads(dx, 3, heads)
        *_, dscores = self.kernels.attention_backward(
            dy, query, key, value, saved, scale, mask, is_causal, places, need_dmask
        )
        return dx, unbroadcast(dscores, mask.shape) if need_dmask else None

    def examples(self, rng):
        yield rng.normal(size=(2, 3, 12)), None, {"heads": 2, "scale": 0.7, "is_causal": True}
        mask = rng.random((2, 1, 1, 4)) < 0.7
        yield rng.normal(size=(2, 4, 6)), mask, {"heads": 1, "scale": 1.0, "is_causal": False}
        mask = rng.normal(size=(2, 3, 3))
        yield rng.normal(size=(1, 3, 6)), mask, {"heads": 2, "scale": 1.0, "is_causal": False}


def _heads(x: Any, parts: int, heads: int) -> Any:
    """Return views (N, heads, T, E / heads) of the parts of x (N, T, parts E)."""
    N, T, width = x.shape
    x = x.reshape(N, T, parts, heads, width // (parts * heads))
    return tuple(x[:, :, i].swapaxes(1, 2) for i in range(parts))


def scaled_dot_product_attention(
    query: Tensor,
    key: Tensor,
    value: Tensor,
    attn_mask: Tensor | None = None,
    *,
    is_causal: bool = False,
    scale: float | None = None,
) -> Tensor:
    """Return softmax(scale q kᵀ + attn_mask) v: (..., L, V), with 0 for a query that sees no key.

    Args:
        query, key, value: (..., L, E), (..., S, E) and (..., S, V)
        attn_mask: broadcasts to (..., L, S). Booleans: True where a query may look. Floats: added
            to the scores, and -inf where a query may not look.
        is_causal: let query i look at keys 0 to i only; not together with attn_mask. Both are
            counted from the first that is given: one new query behind the keys of all steps before
            may look at every key, and needs neither mask.
        scale: 1/√E if None.

    Raises ValueError if the shapes do not go together (names them) or both kinds of mask are given,
    TypeError if attn_mask holds integers.
    """
    arrays = query, key, value, _checked(attn_mask, is_causal)
    scale = _scale(scale, query.shape[-1] if query.ndim else 1)
    return ScaledDotProductAttention.apply(*arrays, scale=scale, is_causal=bool(is_causal))


def self_attention(
    x: Tensor,
    heads: int,
    attn_mask: Tensor | None = None,
    *,
    is_causal: bool = False,
    scale: float | None = None,
) -> Tensor:
    """Return the attention of every row of x (N, T, 3 E) to the rows of its sequence: (N, T, E).

    A row has a query, a key and a value, E numbers each, side by side: the output of one linear
    layer. Each is cut into `heads` parts of E / heads numbers, which attend on their own (Vaswani
    et al. 2017, section 3.2.2). The result is that of scaled_dot_product_attention, without copies
    to bring the heads together. attn_mask broadcasts to (N, heads, T, T); it, `is_causal` and
    `scale` are as there, and so is what is raised.
    """
    heads = integer(heads, "attention: heads")
    if x.ndim != 3 or heads < 1 or x.shape[2] % (3 * heads):
        raise ValueError(
            f"attention: x {x.shape} is not (N, T, 3 E) with E a multiple of heads={heads}"
        )
    mask, scale = _checked(attn_mask, is_causal), _scale(scale, x.shape[2] // (3 * heads))
    return SelfAttention.apply(x, mask, heads=heads, scale=scale, is_causal=bool(is_causal))


def _alike(mask: Any, x: Any) -> Any:
    """Return a mask of floats in the dtype of x."""
    return mask if mask is None or mask.dtype == bool else mask.astype(x.dtype, copy=False)


def _checked(attn_mask: Tensor | None, is_causal: bool) -> Tensor | None:
    if attn_mask is None:
        return None
    if is_causal:
        raise ValueError("attention: give attn_mask or is_causal, not both")
    mask = attn_mask if isinstance(attn_mask, Tensor) else Tensor(attn_mask)
    if mask.dtype.kind in "iu":
        raise TypeError(f"attention: attn_mask is of booleans or floats, not {mask.dtype}")
    return mask


def _scale(scale: float | None, size: int) -> float:
    scale = 1 / math.sqrt(max(size, 1)) if scale is None else scale
    return real(scale, "attention: scale")
