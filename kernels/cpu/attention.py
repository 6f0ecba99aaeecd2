"""Attention without a matrix of all queries and all keys: a few queries at a time.

With array operations, the scores of all queries and keys are written to memory and read again by
each of the steps that follow. Here a thread has those of QUERIES queries in its cache, from the
product with the keys to that with the values. Backward computes them again, with the largest score
and the sum of each query that forward kept, as in Dao et al. 2022.

Scores lie key by key, those of the queries side by side. So maxima and sums over the keys need no
reduction within a vector, and each query adds up in the order of the keys, whatever the others do:
it has the same bits alone, beside keys kept from before, as among all others.

With `is_causal`, keys behind the last query of a block are left out. Queries, keys, values and
results may lie in any order in memory, as long as each row is contiguous: all three can be parts of
one array, with the heads side by side, and nothing is copied to bring a head's rows together.
"""

import numpy as np

from minae.kernels import shapes
from minae.kernels.cpu.compile.compiled import compiled, compiled_inside, parallel
from minae.kernels.cpu.compile.operands import covered, plain
from minae.kernels.cpu.compile.threads import threads_for
from minae.kernels.cpu.compile.vector_math import exp
from minae.kernels.cpu.products.multiply import multiply_at, product_for
from minae.kernels.reference.attention import mask_by_heads
from minae.kernels.reference.common import into

QUERIES = 32  # of a block: loops over them have this length, and become vectors without a rest
CHUNK = 64  # keys whose weights add up in the dtype of the numbers; their sums do in float64
# Rows of a table of operands, see _run; row Y is dy in backward.
QUERY, KEY, VALUE, Y, DQUERY, DKEY, DVALUE = range(7)


@compiled
def _rows(table, operand, n, h, row):
    """Return where rows of a head begin, from this one on, and the bytes from row to row."""
    address, image, head, step = table[operand]
    return address + n * image + h * head + row * step, step


@compiled
def _block(a):
    """Return where a buffer begins, and the bytes from row to row."""
    return a.ctypes.data, a.shape[1] * a.itemsize


@compiled
def _scores(product, t, table, n, h, i, sizes, scale, mask, causal, scores, largest):
    """Set the scores of some queries from i on, and the largest of each; sizes (keys, queries, E).

    Of a query that may look nowhere the largest is 0, so that e^(score - largest) is 0 as well.
    """
    keys, queries = sizes[:2]
    low, zero = scores.dtype.type(-np.inf), scores.dtype.type(0)
    of_key, of_query = _rows(table, KEY, n, h, 0), _rows(table, QUERY, n, h, i)
    multiply_at(product, t, of_key, False, of_query, True, _block(scores), sizes, False)
    largest[:] = low
    for k in range(keys):
        row, first = scores[k], max(k - i, 0) if causal else 0
        for r in range(QUERIES):
            row[r] *= scale
        if mask.size:
            added = mask[n % mask.shape[0], h % mask.shape[1], k]
            for r in range(queries):
                value = added[i + r if added.size > 1 else 0]
                row[r] = low if value == low else row[r] + value
        for r in range(first):
            row[r] = low
        for r in range(QUERIES):
            largest[r] = row[r] if row[r] > largest[r] else largest[r]
    for r in range(QUERIES):
        largest[r] = largest[r] if largest[r] > low else zero


@compiled_inside
def _exponentials(keys, scores, largest, part, total):
    """Set scores to e^(score - largest), and total to their sums over the keys."""
    total[:] = 0
    for first in range(0, keys, CHUNK):
        part[:] = 0
        for k in range(first, min(first + CHUNK, keys)):
            row = scores[k]
            for r in range(QUERIES):
                row[r] = exp(row[r] - largest[r])
            for r in range(QUERIES):
                part[r] += row[r]
        for r in range(QUERIES):
            total[r] += part[r]


@compiled
def _divided(keys, weights, total, inverse):
    """Divide the weights of each query by its total; where that is 0, the weights are 0, too."""
    one, zero = weights.dtype.type(1), weights.dtype.type(0)
    for r in range(QUERIES):
        inverse[r] = one / weights.dtype.type(total[r]) if total[r] != zero else zero
    for k in range(keys):
        row = weights[k]
        for r in range(QUERIES):
            row[r] *= inverse[r]


@parallel
def _attention(t, T, product, table, heads, L, S, E, V, scale, mask, causal, saved):
    """Compute y of each block of queries; saved (2, items of the batch, L)."""
    blocks, scores = (L + QUERIES - 1) // QUERIES, np.empty((S, QUERIES), saved.dtype)
    largest, part, total = scores[0].copy(), scores[0].copy(), np.empty(QUERIES)
    items = saved.shape[1] * blocks
    for item in range(t * items // T, (t + 1) * items // T):
        b, i = item // blocks, item % blocks * QUERIES
        n, h, queries = b // heads, b % heads, min(QUERIES, L - i)
        keys = min(S, i + queries) if causal else S
        sizes = keys, queries, E
        _scores(product, t, table, n, h, i, sizes, scale, mask, causal, scores, largest)
        _exponentials(keys, scores, largest, part, total)
        for r in range(queries):
            saved[0, b, i + r], saved[1, b, i + r] = largest[r], total[r]
        _divided(keys, scores, total, part)
        of_value, of_y = _rows(table, VALUE, n, h, 0), _rows(table, Y, n, h, i)
        sizes = queries, V, keys
        multiply_at(product, t, _block(scores), True, of_value, False, of_y, sizes, False)


@compiled_inside
def _slopes(keys, queries, weights, slopes, mean):
    """Turn slopes, the gradient of the weights, into that of the scores: P (dP - Σ P dP)."""
    mean[:] = 0
    for k in range(keys):
        row, slope = weights[k], slopes[k]
        for r in range(QUERIES):
            mean[r] += row[r] * slope[r]
    for k in range(keys):
        row, slope = weights[k], slopes[k]
        for r in range(QUERIES):
            slope[r] = (slope[r] - mean[r]) * row[r]


@parallel
def _attention_backward(
    t, T, product, table, heads, L, S, E, V, scale, mask, causal, saved, dscores
):
    """Compute dquery, dkey and dvalue of each item, from the last block of queries to the first.

    Of keys that are left out there is no gradient: the last block, which leaves out the fewest,
    sets all of dkey and dvalue, and to what the others find it is added.
    """
    weights = np.empty((S, QUERIES), saved.dtype)
    slopes, per_query, total = weights.copy(), weights[0].copy(), weights[0].copy()
    of_weights, of_slopes, last = _block(weights), _block(slopes), (L - 1) // QUERIES * QUERIES
    items = saved.shape[1]
    for b in range(t * items // T, (t + 1) * items // T):
        n, h = b // heads, b % heads
        of_key, of_value = _rows(table, KEY, n, h, 0), _rows(table, VALUE, n, h, 0)
        of_dkey, of_dvalue = _rows(table, DKEY, n, h, 0), _rows(table, DVALUE, n, h, 0)
        for i in range(last, -1, -QUERIES):
            of_query, of_dy = _rows(table, QUERY, n, h, i), _rows(table, Y, n, h, i)
            of_dquery = _rows(table, DQUERY, n, h, i)
            queries, add = min(QUERIES, L - i), i < last
            keys = min(S, i + queries) if causal else S
            sizes = keys, queries, E
            _scores(product, t, table, n, h, i, sizes, scale, mask, causal, weights, per_query)
            for k in range(keys):
                row = weights[k]
                for r in range(QUERIES):
                    row[r] = exp(row[r] - per_query[r])
            total[:queries] = saved[1, b, i : i + queries]
            _divided(keys, weights, total, per_query)
            sizes = keys, queries, V
            multiply_at(product, t, of_value, False, of_dy, True, of_slopes, sizes, False)
            _slopes(keys, queries, weights, slopes, per_query)
            if dscores.size:
                dscores[b, i : i + queries, :keys] = slopes[:keys, :queries].T
            for k in range(keys):
                slope = slopes[k]
                for r in range(QUERIES):
                    slope[r] *= scale
            sizes = queries, E, keys
            multiply_at(product, t, of_slopes, True, of_key, False, of_dquery, sizes, False)
            if keys < S and not add:  # sums of nothing
                sizes = S, E, 0
                multiply_at(product, t, of_slopes, False, of_query, False, of_dkey, sizes, False)
                sizes = S, V, 0
                multiply_at(product, t, of_slopes, False, of_dy, False, of_dvalue, sizes, False)
            sizes = keys, E, queries
            multiply_at(product, t, of_slopes, False, of_query, False, of_dkey, sizes, add)
            sizes = keys, V, queries
            multiply_at(product, t, of_weights, False, of_dy, False, of_dvalue, sizes, add)


def _run(loop, times, operands, scale, mask, is_causal, *results):
    """Run a loop with `times` the work of forward. The operands begin with query, key and value."""
    four = [_four(_readable(a)) for a in operands]
    # where each operand begins, and in bytes the steps of its first three dimensions
    table = np.array([(a.ctypes.data, *a.strides[:3]) for a in four])
    (N, heads, L, E), (S, V), dtype = four[QUERY].shape, four[VALUE].shape[2:], four[QUERY].dtype
    T = threads_for(times * N * heads * L * S * (E + V))
    numbers = heads, L, S, E, V, dtype.type(scale), _mask(mask, operands[QUERY], S), is_causal
    loop(T, product_for(dtype.itemsize, T), table, *numbers, *results)


@covered(operands=3)
def attention(query, key, value, scale, mask=None, is_causal=False):
    shapes.check_attention(query, key, value, mask)
    y, saved = _empty_like(query, value.shape[-1]), np.empty((2, *query.shape[:-1]), query.dtype)
    of_items = saved.reshape(2, -1, query.shape[-2])
    _run(_attention, 1, (query, key, value, y), scale, mask, is_causal, of_items)
    return y, saved


@covered(operands=4)
def attention_backward(
    dy, query, key, value, saved, scale, mask=None, is_causal=False, places=None, need_dscores=False
):
    shapes.check_attention_backward(dy, query, key, value, saved, mask)
    L, S, places = query.shape[-2], key.shape[-2], places or (None, None, None)
    pairs = zip((query, key, value), places, strict=True)
    written = [_empty_like(a, a.shape[-1]) if _unsuited(place) else place for a, place in pairs]
    saved = plain(saved).reshape(2, -1, L)
    dscores = np.zeros((saved.shape[1], L, S) if need_dscores else (0, 0, 0), query.dtype)
    operands = query, key, value, dy, *written
    _run(_attention_backward, 3, operands, scale, mask, is_causal, saved, dscores)
    pairs = zip(places, written, strict=True)
    results = [a if a is place else into(place, a) for place, a in pairs]
    return *results, dscores.reshape(*query.shape[:-1], S) if need_dscores else None


def _rows_are_contiguous(a):
    return a.ndim > 1 and a.strides[-1] == a.itemsize and a.flags.aligned


def _unsuited(a):
    """Return whether there is no array, or none to write to where it lies: _four must not copy."""
    return a is None or not _rows_are_contiguous(a) or (a.ndim > 4 and not a.flags.c_contiguous)


def _readable(a):
    """Return an array with contiguous rows: itself, or a copy."""
    return a if _rows_are_contiguous(a) else plain(a)


def _empty_like(a, columns):
    """Return a new array (..., columns), in memory in the order of a if that has rows."""
    shape = *a.shape[:-1], columns
    y = np.empty_like(a, shape=shape, subok=False)
    return np.empty(shape, a.dtype) if _unsuited(y) else y


def _four(a):
    """Return a (..., rows, columns) as (N, heads, rows, columns), without a copy up to there."""
    return a[(None,) * (4 - a.ndim)] if a.ndim < 4 else a.reshape(-1, *a.shape[-3:])


def _mask(mask, query, S):
    """Return what is added to the scores, (1 or N, 1 or heads, S, 1 or L); empty if nothing is."""
    if mask is None:
        return np.empty((0, 0, 0, 0), query.dtype)
    added = mask_by_heads(mask, query).swapaxes(-1, -2)
    return plain(np.broadcast_to(added, (*added.shape[:2], S, added.shape[3])))
