"""Attention: every query gets the mean of the values, weighted by how well their keys match."""

import numpy as np

from minae.kernels import shapes
from minae.kernels.arrays import Array
from minae.kernels.reference.common import into
from minae.kernels.reference.linear import matmul
from minae.kernels.reference.reductions import sum


def attention(query, key, value, scale, mask=None, is_causal=False):
    shapes.check_attention(query, key, value, mask)
    scores = _scores(query, key, scale, mask, is_causal)
    largest = scores.max(axis=-1, initial=-np.inf)
    largest = np.where(largest == -np.inf, 0, largest)
    saved = np.stack((largest, sum(np.exp(scores - largest[..., None]), (scores.ndim - 1,))))
    return matmul(_weights(scores, saved), value), saved


def attention_backward(
    dy, query, key, value, saved, scale, mask=None, is_causal=False, places=None, need_dscores=False
):
    shapes.check_attention_backward(dy, query, key, value, saved, mask)
    weights = _weights(_scores(query, key, scale, mask, is_causal), saved)
    dvalue = matmul(weights.swapaxes(-1, -2), dy)
    dweights = matmul(dy, value.swapaxes(-1, -2))
    dscores = weights * (dweights - sum(weights * dweights, (dy.ndim - 1,))[..., None])
    dproduct = dscores * scale
    dquery, dkey = matmul(dproduct, key), matmul(dproduct.swapaxes(-1, -2), query)
    gradients = zip(places or (None,) * 3, (dquery, dkey, dvalue), strict=True)
    return *(into(place, a) for place, a in gradients), dscores if need_dscores else None


def mask_by_heads(mask: Array, query: Array) -> Array:
    """Return a mask as what is added to scores: (1 or N, 1 or heads, 1 or L, 1 or S)."""
    added = np.where(mask, 0, -np.inf) if mask.dtype == bool else mask
    added = added.astype(query.dtype, copy=False)[(None,) * (max(query.ndim, 4) - mask.ndim)]
    if query.ndim > 4:
        added = np.broadcast_to(added, (*query.shape[:-2], *added.shape[-2:]))
    return added.reshape(-1, *added.shape[-3:])


def _scores(query, key, scale, mask, is_causal):
    """Return the scores (..., L, S), -inf where a query may not look."""
    scores = matmul(query, key.swapaxes(-1, -2)) * scale
    if mask is not None:
        added = np.where(mask, 0, -np.inf) if mask.dtype == bool else mask
        scores = np.where(added == -np.inf, -np.inf, scores + added)  # even nan - inf
    if is_causal:
        scores = np.where(np.tri(*scores.shape[-2:], dtype=bool), scores, -np.inf)
    return scores.astype(query.dtype, copy=False)


def _weights(scores, saved):
    """Return softmax(scores), but 0 for a query that may look nowhere."""
    largest, total = saved[..., None]
    return np.exp(scores - largest) / np.where(total == 0, 1, total)
