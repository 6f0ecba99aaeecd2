"""Wrong answers that people give, each of which the checks must reject."""

from collections import Counter
from itertools import pairwise

import numpy as np


def _softmax(scores):
    weights = np.exp(scores - scores.max(axis=-1, keepdims=True))
    return weights / weights.sum(axis=-1, keepdims=True)


def _scores(q, k):
    return q @ k.swapaxes(1, 2) / np.sqrt(q.shape[2])


def _hidden(scores, diagonal=0):
    """Return scores with -inf above a diagonal."""
    return np.where(np.tri(*scores.shape[1:], diagonal, dtype=bool), scores, -np.inf)


def _returned(weights, q, k, v, dy):
    """Return y and the gradients for these weights, as an answer would."""
    dweights = dy @ v.swapaxes(1, 2)
    ds = weights * (dweights - (weights * dweights).sum(axis=2, keepdims=True))
    ds = ds / np.sqrt(q.shape[2])
    return weights @ v, ds @ k, ds.swapaxes(1, 2) @ q, weights.swapaxes(1, 2) @ dy


def causal_attention__sees_everything(q, k, v, dy):
    """Forgets the mask."""
    return _returned(_softmax(_scores(q, k)), q, k, v, dy)


def causal_attention__sees_the_next(q, k, v, dy):
    """Lets query i see key i + 1: for a language model, the answer."""
    return _returned(_softmax(_hidden(_scores(q, k), 1)), q, k, v, dy)


def causal_attention__sees_the_future(q, k, v, dy):
    """Turns the mask round: query i sees the keys from i on."""
    scores = _scores(q, k)
    mask = np.tri(scores.shape[1], dtype=bool).T
    return _returned(_softmax(np.where(mask, scores, -np.inf)), q, k, v, dy)


def causal_attention__not_itself(q, k, v, dy):
    """Lets query i see the keys before it only, but for the first, which sees itself."""
    scores = _scores(q, k)
    mask = np.tri(scores.shape[1], k=-1, dtype=bool)
    mask[0, 0] = True
    return _returned(_softmax(np.where(mask, scores, -np.inf)), q, k, v, dy)


def causal_attention__hides_after_the_softmax(q, k, v, dy):
    """Sets weights to 0 after the softmax: the sum of a row knows of what is hidden."""
    weights = _softmax(_scores(q, k)) * np.tri(q.shape[1])
    return _returned(weights, q, k, v, dy)


def causal_attention__hides_by_0(q, k, v, dy):
    """Sets hidden scores to 0, which is a score like any other."""
    return _returned(_softmax(_scores(q, k) * np.tri(q.shape[1])), q, k, v, dy)


def causal_attention__hides_by_100(q, k, v, dy):
    """Takes 100 from hidden scores: right where scores are small."""
    return _returned(_softmax(_scores(q, k) - 100 * (1 - np.tri(q.shape[1]))), q, k, v, dy)


def causal_attention__maximum_of_all(q, k, v, dy):
    """Takes the maximum before it hides: a large hidden score makes all others 0."""
    scores = _scores(q, k)
    weights = np.exp(scores - scores.max(axis=2, keepdims=True)) * np.tri(q.shape[1])
    with np.errstate(all="ignore"):
        return _returned(weights / weights.sum(axis=2, keepdims=True), q, k, v, dy)


def causal_attention__overflows(q, k, v, dy):
    """Takes e to the power of scores as they are."""
    weights = np.exp(_hidden(_scores(q, k)))
    return _returned(weights / weights.sum(axis=2, keepdims=True), q, k, v, dy)


def causal_attention__not_scaled(q, k, v, dy):
    """Forgets 1/√E: right for E = 1."""
    E = q.shape[2]
    y, dq, dk, dv = _returned(_softmax(_hidden(_scores(q, k) * np.sqrt(E))), q, k, v, dy)
    return y, dq * np.sqrt(E), dk * np.sqrt(E), dv


def causal_attention__scaled_by_e(q, k, v, dy):
    """Divides by E instead of its root."""
    E = q.shape[2]
    y, dq, dk, dv = _returned(_softmax(_hidden(_scores(q, k) / np.sqrt(E))), q, k, v, dy)
    return y, dq / np.sqrt(E), dk / np.sqrt(E), dv


def causal_attention__scale_of_values(q, k, v, dy):
    """Divides by the root of D, the length of a value."""
    factor = np.sqrt(q.shape[2] / v.shape[2])
    y, dq, dk, dv = _returned(_softmax(_hidden(_scores(q, k) * factor)), q, k, v, dy)
    return y, dq * factor, dk * factor, dv


def causal_attention__scale_forgotten_on_the_way_back(q, k, v, dy):
    """Scales forwards, but not backwards."""
    y, dq, dk, dv = _returned(_softmax(_hidden(_scores(q, k))), q, k, v, dy)
    return y, dq * np.sqrt(q.shape[2]), dk * np.sqrt(q.shape[2]), dv


def causal_attention__softmax_over_queries(q, k, v, dy):
    """Makes the columns sum to 1."""
    scores = _hidden(_scores(q, k))
    return _returned(_softmax(scores.swapaxes(1, 2)).swapaxes(1, 2), q, k, v, dy)


def causal_attention__softmax_without_its_sum(q, k, v, dy):
    """Takes P dP for the gradient of a softmax, as if its entries did not depend on each other."""
    weights = _softmax(_hidden(_scores(q, k)))
    y, *_, dv = _returned(weights, q, k, v, dy)
    ds = weights * (dy @ v.swapaxes(1, 2)) / np.sqrt(q.shape[2])
    return y, ds @ k, ds.swapaxes(1, 2) @ q, dv


def causal_attention__keys_as_queries(q, k, v, dy):
    """Forgets to transpose for dk."""
    weights = _softmax(_hidden(_scores(q, k)))
    y, dq, _, dv = _returned(weights, q, k, v, dy)
    dweights = dy @ v.swapaxes(1, 2)
    ds = weights * (dweights - (weights * dweights).sum(axis=2, keepdims=True))
    return y, dq, ds @ q / np.sqrt(q.shape[2]), dv


def causal_attention__values_forwards(q, k, v, dy):
    """Takes P dy for dv, without transposing."""
    weights = _softmax(_hidden(_scores(q, k)))
    y, dq, dk, _ = _returned(weights, q, k, v, dy)
    return y, dq, dk, weights @ dy


def _rows(ids, starts, T):
    places = np.asarray(starts)[:, None] + np.arange(T)
    return ids[places], ids[places + 1]


def next_char_batches__copies(ids, N, T, rng):
    """Gives the inputs as targets: the loss falls to 0."""
    inputs, _ = _rows(ids, rng.integers(0, len(ids) - T, N), T)
    return inputs, inputs.copy()


def next_char_batches__the_one_before(ids, N, T, rng):
    """Moves the targets the wrong way."""
    inputs, targets = _rows(ids, rng.integers(0, len(ids) - T, N), T)
    return targets, inputs


def next_char_batches__turns_round(ids, N, T, rng):
    """Rolls a row: the last target is the row's first character."""
    inputs, _ = _rows(ids, rng.integers(0, len(ids) - T, N), T)
    return inputs, np.roll(inputs, -1, axis=1)


def next_char_batches__skips_one(ids, N, T, rng):
    """Moves the targets by two."""
    places = rng.integers(0, max(len(ids) - T - 1, 1), N)[:, None] + np.arange(T)
    return ids[places], ids[np.minimum(places + 2, len(ids) - 1)]


def next_char_batches__never_the_last(ids, N, T, rng):
    """Stops one place early: the text's last character is never asked for."""
    return _rows(ids, rng.integers(0, max(len(ids) - T - 1, 1), N), T)


def next_char_batches__beyond_the_end(ids, N, T, rng):
    """Begins one place too late, and goes on at the text's beginning."""
    return _rows(np.append(ids, ids[0]), rng.integers(0, len(ids) - T + 1, N), T)


def next_char_batches__from_all_places(ids, N, T, rng):
    """Begins anywhere, and wraps around."""
    places = rng.integers(0, len(ids), N)[:, None] + np.arange(T)
    return ids[places % len(ids)], ids[(places + 1) % len(ids)]


def next_char_batches__in_blocks(ids, N, T, rng):
    """Begins at multiples of T only."""
    return _rows(ids, T * rng.integers(0, (len(ids) - 1) // T, N), T)


def next_char_batches__one_after_the_other(ids, N, T, rng):
    """Draws one place, and takes the rows behind it, which overlap."""
    places = len(ids) - T
    return _rows(ids, (rng.integers(places) + np.arange(N)) % places, T)


def next_char_batches__the_same_place(ids, N, T, rng):
    """Draws one place for all rows."""
    return _rows(ids, np.full(N, rng.integers(0, len(ids) - T)), T)


def next_char_batches__each_place_once(ids, N, T, rng):
    """Draws without putting back: no more rows than places."""
    return _rows(ids, rng.choice(len(ids) - T, N, replace=False), T)


def next_char_batches__one_target(ids, N, T, rng):
    """Asks for the character behind the row only."""
    inputs, targets = _rows(ids, rng.integers(0, len(ids) - T, N), T)
    return inputs, targets[:, -1]


def next_char_batches__own_luck(ids, N, T, rng):
    """Draws from the random numbers that everybody shares."""
    return _rows(ids, np.random.randint(0, len(ids) - T, N), T)


def next_char_batches__floats(ids, N, T, rng):
    """Returns floats, which are no indices."""
    inputs, targets = _rows(ids, rng.integers(0, len(ids) - T, N), T)
    return inputs.astype(float), targets.astype(float)


def _pairs(words):
    counts = Counter()
    for word, count in words.items():
        for pair in pairwise(word):
            counts[pair] += count
    return counts


def _best(counts):
    return min(counts, key=lambda pair: (-counts[pair], pair))


def _joined(word, pair):
    tokens = []
    for token in word:
        if tokens and (tokens[-1], token) == pair:
            tokens[-1] += token
        else:
            tokens.append(token)
    return tuple(tokens)


def _merged(words, pair):
    merged = Counter()
    for word, count in words.items():
        merged[_joined(word, pair)] += count
    return dict(merged)


def _answer(words, counts):
    """Return what an answer would that counts like this."""
    if not counts:
        return None, dict(words)
    return _best(counts), _merged(words, _best(counts))


def bpe_merge__each_word_once(words):
    """Counts words, not how often they occur."""
    return _answer(words, _pairs(dict.fromkeys(words, 1)))


def bpe_merge__once_a_word(words):
    """Counts a pair once for a word that has it twice."""
    counts = Counter()
    for word, count in words.items():
        for pair in set(pairwise(word)):
            counts[pair] += count
    return _answer(words, counts)


def bpe_merge__first_seen(words):
    """Takes the first of equally frequent pairs that it meets."""
    counts = _pairs(words)
    if not counts:
        return None, dict(words)
    pair = counts.most_common(1)[0][0]
    return pair, _merged(words, pair)


def bpe_merge__largest_of_equals(words):
    """Takes the last pair in the alphabet of those that are equally frequent."""
    counts = _pairs(words)
    if not counts:
        return None, dict(words)
    pair = max(counts, key=lambda pair: (counts[pair], pair))
    return pair, _merged(words, pair)


def bpe_merge__rarest(words):
    """Takes the rarest pair."""
    counts = _pairs(words)
    if not counts:
        return None, dict(words)
    pair = min(counts, key=lambda pair: (counts[pair], pair))
    return pair, _merged(words, pair)


def bpe_merge__in_any_order(words):
    """Counts a b and b a as one pair."""
    counts = _pairs(words)
    both = Counter()
    for (a, b), count in counts.items():
        both[a, b] += count
        if a != b:
            both[a, b] += counts[b, a]
    return _answer(words, both)


def bpe_merge__without_overlaps(words):
    """Counts a a once in a a a."""
    counts = Counter()
    for word, count in words.items():
        last = None
        for i, pair in enumerate(pairwise(word)):
            if last == (i - 1, pair):
                last = None
                continue
            counts[pair] += count
            last = i, pair
    return _answer(words, counts)


def bpe_merge__across_words(words):
    """Counts the end of a word and the beginning of the next as a pair."""
    counts = _pairs(words)
    for (a, count), (b, _) in pairwise(words.items()):
        counts[a[-1], b[0]] += count
    return _answer(words, counts)


def bpe_merge__replaces_text(words):
    """Replaces "a b" in the word, written with spaces: in "xa b" too."""
    counts = _pairs(words)
    if not counts:
        return None, dict(words)
    pair, merged = _best(counts), Counter()
    for word, count in words.items():
        text = " ".join(word).replace(" ".join(pair), "".join(pair))
        merged[tuple(text.split(" "))] += count
    return pair, dict(merged)


def bpe_merge__first_place_only(words):
    """Merges the pair once in each word."""
    counts = _pairs(words)
    if not counts:
        return None, dict(words)
    pair, merged = _best(counts), Counter()
    for word, count in words.items():
        place = next((i for i, p in enumerate(pairwise(word)) if p == pair), None)
        if place is not None:
            word = (*word[:place], "".join(pair), *word[place + 2 :])
        merged[word] += count
    return pair, dict(merged)


def bpe_merge__from_the_right(words):
    """Merges from the end: a a a becomes a aa."""
    counts = _pairs(words)
    if not counts:
        return None, dict(words)
    pair, merged = _best(counts), Counter()
    for word, count in words.items():
        tokens = []
        for token in reversed(word):
            if tokens and (token, tokens[-1]) == pair:
                tokens[-1] = token + tokens[-1]
            else:
                tokens.append(token)
        merged[tuple(reversed(tokens))] += count
    return pair, dict(merged)


def bpe_merge__the_last_of_equal_words(words):
    """Lets a word replace another that became the same."""
    counts = _pairs(words)
    if not counts:
        return None, dict(words)
    pair = _best(counts)
    return pair, {_joined(word, pair): count for word, count in words.items()}


def bpe_merge__returns_the_token(words):
    """Returns the new token in place of the pair."""
    pair, merged = _answer(words, _pairs(words))
    return pair and "".join(pair), merged


def bpe_merge__needs_a_pair(words):
    """Fails where there is nothing to merge."""
    counts = _pairs(words)
    return _best(counts), _merged(words, _best(counts))


def _scaled(logits, temperature, top_k):
    least = np.sort(logits, axis=1)[:, [-top_k]]
    return np.where(logits >= least, logits, -np.inf) / temperature


def _drawn(p, rng):
    """Return a token for each row, by probabilities that need not sum to 1."""
    edges = p.cumsum(axis=1)
    edges = edges / edges[:, -1:]
    return (rng.random((len(p), 1)) < edges).argmax(axis=1)


def sample__greedy(logits, temperature, top_k, rng):
    """Takes the most probable token, always."""
    return logits.argmax(axis=1)


def sample__hotter_is_colder(logits, temperature, top_k, rng):
    """Multiplies by the temperature."""
    return _drawn(_softmax(_scaled(logits, 1 / temperature, top_k)), rng)


def sample__temperature_after_the_softmax(logits, temperature, top_k, rng):
    """Divides probabilities by the temperature, which changes nothing once they sum to 1."""
    return _drawn(_softmax(_scaled(logits, 1.0, top_k)) / temperature, rng)


def sample__from_all(logits, temperature, top_k, rng):
    """Forgets top_k."""
    return _drawn(_softmax(_scaled(logits, temperature, logits.shape[1])), rng)


def sample__one_more(logits, temperature, top_k, rng):
    """Keeps top_k + 1 tokens."""
    return _drawn(_softmax(_scaled(logits, temperature, min(top_k + 1, logits.shape[1]))), rng)


def sample__smallest_k(logits, temperature, top_k, rng):
    """Keeps the smallest logits: right where all are kept."""
    most = np.sort(logits, axis=1)[:, [top_k - 1]]
    return _drawn(_softmax(np.where(logits <= most, logits, -np.inf) / temperature), rng)


def sample__does_not_sum_to_1(logits, temperature, top_k, rng):
    """Does not make the top_k sum to 1: the last token gets what is missing."""
    p = _softmax(_scaled(logits, temperature, logits.shape[1]))
    p = np.where(logits >= np.sort(logits, axis=1)[:, [-top_k]], p, 0)
    edges = p.cumsum(axis=1)
    edges[:, -1] = 1
    return (rng.random((len(p), 1)) < edges).argmax(axis=1)


def sample__evenly(logits, temperature, top_k, rng):
    """Draws each of the top_k as often as the others."""
    return _drawn(np.isfinite(_scaled(logits, temperature, top_k)).astype(float), rng)


def sample__hides_by_0(logits, temperature, top_k, rng):
    """Sets the other logits to 0, not to -inf."""
    scaled = _scaled(logits, temperature, top_k)
    return _drawn(_softmax(np.where(np.isinf(scaled), 0, scaled)), rng)


def sample__by_rank(logits, temperature, top_k, rng):
    """Returns the place among the sorted top_k, not the token."""
    ordered = -np.sort(-_scaled(logits, temperature, top_k), axis=1)
    return _drawn(_softmax(ordered), rng)


def sample__overflows(logits, temperature, top_k, rng):
    """Takes e to the power of logits as they are."""
    return _drawn(np.exp(_scaled(logits, temperature, top_k)), rng)


def sample__one_draw(logits, temperature, top_k, rng):
    """Uses one random number for all rows."""
    edges = _softmax(_scaled(logits, temperature, top_k)).cumsum(axis=1)
    return (rng.random() * edges[:, -1:] < edges).argmax(axis=1)


def sample__of_the_first_row(logits, temperature, top_k, rng):
    """Uses the first row's probabilities for all."""
    p = _softmax(_scaled(logits, temperature, top_k))
    return _drawn(np.tile(p[:1], (len(p), 1)), rng)


def sample__normal_noise(logits, temperature, top_k, rng):
    """Adds noise to logits and takes the largest: right for Gumbel's noise only."""
    scaled = _scaled(logits, temperature, top_k)
    return (scaled + rng.normal(size=scaled.shape)).argmax(axis=1)


def sample__own_luck(logits, temperature, top_k, rng):
    """Draws from the random numbers that everybody shares."""
    p = _softmax(_scaled(logits, temperature, top_k))
    return np.array([np.random.choice(len(row), p=row) for row in p])


def _seen(ids, cache, qkv, offset):
    """Return y and the cache, where new token i sees the keys 0 to i + offset."""
    t, n = len(cache[0]), len(ids)
    q, *new = qkv(ids, np.arange(t, t + n))
    keys, values = (np.concatenate(pair) for pair in zip(cache, new, strict=True))
    scores = q @ keys.T / np.sqrt(keys.shape[1])
    mask = np.tri(n, t + n, offset(t, n), dtype=bool)
    return _softmax(np.where(mask, scores, -np.inf)) @ values, (keys, values)


def attend_cached__mask_in_the_corner(ids, cache, qkv):
    """Aligns the mask at the top left: new token i sees the keys 0 to i."""
    return _seen(ids, cache, qkv, lambda t, n: 0)


def attend_cached__sees_all_new_ones(ids, cache, qkv):
    """Lets the new tokens see each other: right for one at a time."""
    return _seen(ids, cache, qkv, lambda t, n: t + n)


def attend_cached__not_itself(ids, cache, qkv):
    """Lets a token see those before it only, but for the first of a text."""
    return _seen(ids, cache, qkv, lambda t, n: t - 1 if t else 0)


def attend_cached__counts_from_0(ids, cache, qkv):
    """Gives the new tokens the positions 0, 1, ...: right for an empty cache."""
    return _seen(ids, cache, lambda ids, _: qkv(ids, np.arange(len(ids))), lambda t, n: t)


def attend_cached__counts_from_1(ids, cache, qkv):
    """Gives the first token the position 1."""
    return _seen(ids, cache, lambda ids, at: qkv(ids, at + 1), lambda t, n: t)


def attend_cached__all_at_one_place(ids, cache, qkv):
    """Gives all new tokens the position of the first: right for one at a time."""
    return _seen(ids, cache, lambda ids, at: qkv(ids, 0 * at + at[0]), lambda t, n: t)


def attend_cached__only_the_old_ones(ids, cache, qkv):
    """Attends to the cache as it was, if there is one, and puts the new ones in afterwards."""
    t, n = len(cache[0]), len(ids)
    q, *new = qkv(ids, np.arange(t, t + n))
    after = tuple(np.concatenate(pair) for pair in zip(cache, new, strict=True))
    keys, values = cache if t else after
    return _softmax(_hidden((q @ keys.T / np.sqrt(keys.shape[1]))[None], t)[0]) @ values, after


def attend_cached__only_the_new_ones(ids, cache, qkv):
    """Forgets the cache: right for a whole text at once."""
    empty = cache[0][:0], cache[1][:0]
    t = len(cache[0])
    return _seen(ids, empty, lambda ids, at: qkv(ids, at + t), lambda t, n: t)


def attend_cached__keeps_the_last(ids, cache, qkv):
    """Returns a cache of the new tokens alone."""
    y, (keys, values) = _seen(ids, cache, qkv, lambda t, n: t)
    return y, (keys[len(cache[0]) :], values[len(cache[0]) :])


def attend_cached__new_ones_first(ids, cache, qkv):
    """Puts the new ones before the old ones."""
    y, (keys, values) = _seen(ids, cache, qkv, lambda t, n: t)
    t = len(cache[0])
    return y, tuple(np.concatenate([a[t:], a[:t]]) for a in (keys, values))


def attend_cached__asks_twice(ids, cache, qkv):
    """Calls qkv once for the queries and once for the rest."""
    t, n = len(cache[0]), len(ids)
    qkv(ids, np.arange(t, t + n))
    return _seen(ids, cache, qkv, lambda t, n: t)


def attend_cached__token_by_token_again(ids, cache, qkv):
    """Asks for all new tokens anew with each of them."""
    t = len(cache[0])
    rows = []
    for i in range(len(ids)):
        y, new = _seen(ids[: i + 1], cache, qkv, lambda t, n: t)
        rows.append(y[-1])
    assert len(new[0]) == t + len(ids)
    return np.stack(rows), new


def attend_cached__not_scaled(ids, cache, qkv):
    """Forgets 1/√E."""
    scale = np.sqrt(cache[0].shape[1])

    def scaled(ids, at):
        q, k, v = qkv(ids, at)
        return q * scale, k, v

    return _seen(ids, cache, scaled, lambda t, n: t)


def attend_cached__overflows(ids, cache, qkv):
    """Takes e to the power of scores as they are."""
    t, n = len(cache[0]), len(ids)
    q, *new = qkv(ids, np.arange(t, t + n))
    keys, values = (np.concatenate(pair) for pair in zip(cache, new, strict=True))
    weights = np.exp(q @ keys.T / np.sqrt(keys.shape[1])) * np.tri(n, t + n, t)
    return weights @ values / weights.sum(axis=1, keepdims=True), (keys, values)


def _chosen(ids, rng):
    return (rng.random(ids.shape) < 0.15) & (ids != 0)


def _replaced(ids, chosen, how, other):
    """Return inputs in which the chosen words are what `how` says: below .8, from .9 on."""
    inputs = np.where(chosen & (how < 0.8), 1, ids)
    return np.where(chosen & (how >= 0.9), other, inputs)


def mask_words__always_mask(ids, V, rng):
    """Turns every chosen word into <mask>."""
    chosen = _chosen(ids, rng)
    return np.where(chosen, 1, ids), chosen


def mask_words__one_random_number(ids, V, rng):
    """Decides both by the same random number: what is below .15 is below .8."""
    u = rng.random(ids.shape)
    chosen = (u < 0.15) & (ids != 0)
    return _replaced(ids, chosen, u, rng.integers(2, V, ids.shape)), chosen


def mask_words__only_what_changed(ids, V, rng):
    """Leaves chosen words that stay as they are out of `chosen`."""
    chosen, how = _chosen(ids, rng), rng.random(ids.shape)
    inputs = _replaced(ids, chosen, how, rng.integers(2, V, ids.shape))
    return inputs, inputs != ids


def mask_words__only_masks(ids, V, rng):
    """Says of the words that are <mask> only that they are chosen."""
    chosen, how = _chosen(ids, rng), rng.random(ids.shape)
    inputs = _replaced(ids, chosen, how, rng.integers(2, V, ids.shape))
    return inputs, inputs == 1


def mask_words__padding_too(ids, V, rng):
    """Chooses padding."""
    chosen = rng.random(ids.shape) < 0.15
    how = rng.random(ids.shape)
    return _replaced(ids, chosen, how, rng.integers(2, V, ids.shape)), chosen


def mask_words__any_number(ids, V, rng):
    """Draws the other word from 0 on: padding and <mask> among them."""
    chosen, how = _chosen(ids, rng), rng.random(ids.shape)
    return _replaced(ids, chosen, how, rng.integers(0, V, ids.shape)), chosen


def mask_words__never_the_last_word(ids, V, rng):
    """Draws the other word from 2 to V - 2."""
    chosen, how = _chosen(ids, rng), rng.random(ids.shape)
    return _replaced(ids, chosen, how, rng.integers(2, max(V - 1, 3), ids.shape)), chosen


def mask_words__beyond_the_vocabulary(ids, V, rng):
    """Draws the other word from 2 to V."""
    chosen, how = _chosen(ids, rng), rng.random(ids.shape)
    return _replaced(ids, chosen, how, rng.integers(2, V + 1, ids.shape)), chosen


def mask_words__one_other_word(ids, V, rng):
    """Draws one other word for all."""
    chosen, how = _chosen(ids, rng), rng.random(ids.shape)
    return _replaced(ids, chosen, how, rng.integers(2, V)), chosen


def mask_words__ten_percent_of_each(ids, V, rng):
    """Turns 90 % into <mask>, and the rest into other words."""
    chosen, how = _chosen(ids, rng), rng.random(ids.shape)
    inputs = np.where(chosen & (how < 0.9), 1, ids)
    return np.where(chosen & (how >= 0.9), rng.integers(2, V, ids.shape), inputs), chosen


def mask_words__eight_of_ten_words(ids, V, rng):
    """Takes 15 % for the words that stay."""
    chosen, how = (rng.random(ids.shape) >= 0.15) & (ids != 0), rng.random(ids.shape)
    return _replaced(ids, chosen, how, rng.integers(2, V, ids.shape)), chosen


def mask_words__places_not_words(ids, V, rng):
    """Draws places for the whole batch: the same ones in every text."""
    chosen = (rng.random(ids.shape[1]) < 0.15) & (ids != 0)
    how = rng.random(ids.shape)
    return _replaced(ids, chosen, how, rng.integers(2, V, ids.shape)), chosen


def mask_words__whole_texts(ids, V, rng):
    """Chooses texts, with all of their words."""
    chosen = (rng.random((len(ids), 1)) < 0.15) & (ids != 0)
    how = rng.random(ids.shape)
    return _replaced(ids, chosen, how, rng.integers(2, V, ids.shape)), chosen


def mask_words__exactly_15_percent(ids, V, rng):
    """Chooses 15 % of each text, rounded: none in a text of three words."""
    order = np.where(ids != 0, rng.random(ids.shape), 2).argsort(axis=1).argsort(axis=1)
    chosen = order < np.round(0.15 * (ids != 0).sum(axis=1, keepdims=True))
    how = rng.random(ids.shape)
    return _replaced(ids, chosen, how, rng.integers(2, V, ids.shape)), chosen


def mask_words__15_percent_of_places(ids, V, rng):
    """Chooses 15 % of the places, padding included, but only words: too many words."""
    share = 0.15 / max((ids != 0).mean(), 1e-9)
    chosen, how = (rng.random(ids.shape) < share) & (ids != 0), rng.random(ids.shape)
    return _replaced(ids, chosen, how, rng.integers(2, V, ids.shape)), chosen


def mask_words__in_place(ids, V, rng):
    """Writes into ids."""
    chosen, how = _chosen(ids, rng), rng.random(ids.shape)
    ids[...] = _replaced(ids, chosen, how, rng.integers(2, V, ids.shape))
    return ids.copy(), chosen


def mask_words__floats(ids, V, rng):
    """Returns floats, which are no indices."""
    chosen, how = _chosen(ids, rng), rng.random(ids.shape)
    return _replaced(ids, chosen, how, rng.integers(2, V, ids.shape)) * 1.0, chosen
