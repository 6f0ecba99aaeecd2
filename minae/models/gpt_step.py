"""One more token for a GPT, computed on arrays: `GPT.forward` with a cache, for a single token.

Not needed to understand the rest. What it gains: a token is so little arithmetic that most of the
time goes into tensors, operations and launches, and this has none of them.
"""

import math
from typing import Any

import numpy as np

from minae import kernels
from minae.kernels.arrays import Array


def step(model: Any, token: int, cache: Any) -> Array:
    """Return the logits (V,) of what follows a token, and keep its keys and values in the cache."""
    parts, place = model.transformer, cache.length
    x = parts.wte.weight.data[token] + parts.wpe.weight.data[place]  # (width,)
    smooth = kernels.backend_of(x).smooth
    heads, _, size = cache.arrays.shape[3:]
    for block, kept in zip(parts.h, cache.arrays[:, :, 0], strict=True):
        read = _linear(_norm(x, block.ln_1), block.attn.c_attn)
        query, kept[0][:, place], kept[1][:, place] = read.reshape(3, heads, size)
        y = _attend(query, *kept[:, :, : place + 1])  # (heads, size)
        x = x + _linear(y.reshape(-1), block.attn.c_proj)
        inner, _ = smooth(_linear(_norm(x, block.ln_2), block.mlp.c_fc), block.mlp.activation)
        x = x + _linear(inner, block.mlp.c_proj)
    cache.length += 1
    return _linear(_norm(x, parts.ln_f), model.lm_head)


def _attend(query: Array, keys: Array, values: Array) -> Array:
    """Return what a query (heads, size) gets of values, by keys, both (heads, S, size)."""
    scores = (keys @ query[:, :, None])[:, :, 0] / math.sqrt(query.shape[1])  # (heads, S)
    weights = np.exp(scores - scores.max(axis=1, keepdims=True))
    weights /= weights.sum(axis=1, keepdims=True)
    return (weights[:, None] @ values)[:, 0]


def _norm(x: Array, layer: Any) -> Array:
    centred = x - x.sum() / x.size
    y = centred / np.sqrt(centred @ centred / x.size + layer.eps) * layer.weight.data
    return y if layer.bias is None else y + layer.bias.data


def _linear(x: Array, layer: Any) -> Array:
    y = layer.weight.data @ x
    return y if layer.bias is None else y + layer.bias.data
