"""The checks of lesson 14. Results are compared with loops, and what is drawn by frequencies."""

from collections import Counter
from math import exp, sqrt

import numpy as np

from minae.course.checking import same, same_gradient, slope, values_of


def normal(*shape, seed=0, scale=1.0):
    """Return random numbers, in float64."""
    return scale * np.random.default_rng(seed).normal(size=shape)


def strictly():
    """Return a context in which what NumPy would warn of is an error."""
    return np.errstate(divide="raise", invalid="raise", over="raise")


def whole(array, shape, what, kinds="iu"):
    """Return a result as an array. Raises AssertionError if shape or type are not as expected."""
    assert array is not None, f"{what} is None: is a return missing?"
    found = np.asarray(array)
    assert found.shape == shape, f"{what} has shape {found.shape}, expected {shape}"
    assert found.dtype.kind in kinds, f"{what} has the type {found.dtype}"
    return found


def often(found, expected, n, what):
    """Raise AssertionError if something came up in a share of n cases that chance hardly explains.

    It is 5 standard deviations: a right answer fails once in a million times.
    """
    room = 5 * sqrt(max(expected * (1 - expected), 0) / n)
    assert abs(found - expected) <= room, (
        f"{what}: a share of {found:.4f} in {n:,}, expected {expected:.4f}"
        f" and at most {room:.4f} off by chance"
    )


def loop_attention(q, k, v, first=0):
    """Return y of one text, query by query; query i sees the keys 0 to first + i."""
    y = np.zeros((len(q), v.shape[1]))
    for i in range(len(q)):
        scores = [float(q[i] @ k[j]) / sqrt(q.shape[1]) for j in range(first + i + 1)]
        e = [exp(score - max(scores)) for score in scores]
        y[i] = sum(weight * v[j] for j, weight in enumerate(e)) / sum(e)
    return y


def attention_of(q, k, v):
    """Return y of a batch of texts."""
    return np.stack([loop_attention(*one) for one in zip(q, k, v, strict=True)])


def attended(student, arrays, call):
    """Return the four results of the student's attention. NumPy must not warn."""
    with strictly():
        return values_of(student.causal_attention(*arrays), 4, call)


def check_attention(student, N, T, E, D, seed, scale=1.0):
    """Compare the output with a loop, and the gradients with differences."""
    q, k = (normal(N, T, E, seed=seed + i, scale=scale) for i in (0, 1))
    v, dy = (normal(N, T, D, seed=seed + i) for i in (2, 3))
    call = f"causal_attention(q, k {q.shape}, v, dy {v.shape})"
    y, *found = attended(student, (q, k, v, dy), call)
    same(y, attention_of(q, k, v), f"y of {call}")
    expected = (
        slope(lambda a: (attention_of(a, k, v) * dy).sum(), q),
        slope(lambda a: (attention_of(q, a, v) * dy).sum(), k),
        slope(lambda a: (attention_of(q, k, a) * dy).sum(), v),
    )
    for name, actual, right in zip(("dq", "dk", "dv"), found, expected, strict=True):
        same_gradient(actual, right, f"{name} of {call}", 1e-6)


def test_causal_attention__by_hand(student):
    """Equal scores: token 0 sees itself, token 1 the mean of both values."""
    zero, v = np.zeros((1, 2, 1)), np.array([[[2.0], [6.0]]])
    dy = np.array([[[1.0], [10.0]]])
    call = "causal_attention(q [[[0], [0]]], k the same, v [[[2], [6]]], dy [[[1], [10]]])"
    y, dq, dk, dv = attended(student, (zero, zero.copy(), v, dy), call)
    same(y, np.array([[[2.0], [4.0]]]), f"y of {call}")
    same(dv, np.array([[[6.0], [5.0]]]), f"dv of {call}")
    for name, gradient in (("dq", dq), ("dk", dk)):
        same(gradient, zero, f"{name} of {call}")


def test_causal_attention__of_one_token(student):
    """It sees itself and nothing else, so y is v, and q and k do not matter."""
    check_attention(student, 1, 1, 2, 3, seed=50)
    check_attention(student, 3, 1, 1, 1, seed=60)


def test_causal_attention__agrees_with_differences(student):
    """Texts of several lengths; keys shorter and longer than values."""
    cases = [(1, 2, 1, 1), (1, 3, 2, 4), (2, 4, 3, 2), (3, 5, 4, 1)]
    for seed, sizes in enumerate(cases):
        check_attention(student, *sizes, seed=10 * seed, scale=1.3)


def test_causal_attention__sees_no_later_token(student):
    """Another last token: outputs before it keep their bits, and it gets no gradient from them."""
    q, k, v = (normal(2, 5, 3, seed=seed) for seed in range(3))
    dy = normal(2, 5, 3, seed=3)
    dy[:, 4] = 0
    call = "causal_attention(q, k, v, dy (2, 5, 3)), dy[:, 4] = 0"
    y, *_, dk, dv = attended(student, (q, k, v, dy), call)
    changed = [array.copy() for array in (q, k, v)]
    for array in changed:
        array[:, 4] += 7
    later, *_ = attended(student, (*changed, dy), call)
    differ = (np.asarray(y)[:, :4] != np.asarray(later)[:, :4]).any(axis=(0, 2))
    assert not differ.any(), (
        f"{call}: q, k and v of token 4 changed, and with them y of token {differ.argmax()},"
        " which must not know of it"
    )
    for name, gradient in (("dk", dk), ("dv", dv)):
        last = np.asarray(gradient)[:, 4]
        same(last, np.zeros_like(last), f"{name}[:, 4] of {call}")


def test_causal_attention__of_large_scores(student):
    """Scores of 100,000, among those that are seen and among those that are hidden."""
    q = np.array([[[3000.0], [3000.0], [-3000.0]]])
    k, v = np.array([[[1.0], [2.0], [40.0]]]), np.array([[[1.0], [2.0], [3.0]]])
    call = f"causal_attention(q {q.tolist()}, k {k.tolist()}, v {v.tolist()}, dy ones)"
    y, *found = attended(student, (q, k, v, np.ones((1, 3, 1))), call)
    same(y, np.array([[[1.0], [2.0], [1.0]]]), f"y of {call}")
    for name, gradient in zip(("dq", "dk"), found[:2], strict=True):
        same(gradient, np.zeros((1, 3, 1)), f"{name} of {call}")
    same(found[2], np.array([[[2.0], [1.0], [0.0]]]), f"dv of {call}")


def batch_of(student, ids, N, T, seed=0):
    """Return the student's batch, after a look at shapes and types."""
    call = f"next_char_batches(ids of {len(ids)} characters, N={N}, T={T}, rng)"
    rng = np.random.default_rng(seed)
    found = values_of(student.next_char_batches(ids, N, T, rng), 2, call)
    names = zip(("inputs", "targets"), found, strict=True)
    return [whole(array, (N, T), f"{name} of {call}") for name, array in names]


def test_next_char_batches__rows_are_pieces_of_the_text(student):
    """In the text 100, 101, 102, ... a row counts upwards, and targets are one ahead."""
    for seed, (L, N, T) in enumerate([(30, 5, 4), (50, 3, 20), (9, 7, 1), (6, 1, 2)]):
        ids = 100 + np.arange(L)
        inputs, targets = batch_of(student, ids, N, T, seed)
        call = f"next_char_batches(100 to {99 + L}, N={N}, T={T}, rng)"
        same(inputs, inputs[:, :1] + np.arange(T), f"inputs of {call}, counted on from its first")
        same(targets, inputs + 1, f"targets of {call}")
        assert inputs.min() >= 100, f"{call} has {inputs.min()}, which is not in the text"


def test_next_char_batches__of_a_text_that_is_just_long_enough(student):
    """T + 1 characters: there is one place to begin at, for any number of rows."""
    ids = np.array([5, 3, 8, 1])
    inputs, targets = batch_of(student, ids, 6, 3)
    call = "next_char_batches([5, 3, 8, 1], N=6, T=3, rng)"
    same(inputs, np.tile(ids[:-1], (6, 1)), f"inputs of {call}")
    same(targets, np.tile(ids[1:], (6, 1)), f"targets of {call}")


def test_next_char_batches__all_places_are_equally_likely(student):
    """Of 8 characters and T = 3, a row begins at 0, 1, 2, 3 or 4."""
    inputs, _ = batch_of(student, np.arange(8), 4000, 3, seed=3)
    for start in range(5):
        share = float((inputs[:, 0] == start).mean())
        often(share, 1 / 5, 4000, f"of 8 characters and T = 3, rows that begin at place {start}")


def test_next_char_batches__rows_are_drawn_apart(student):
    """Where one row begins says nothing of where the next one does."""
    starts = batch_of(student, np.arange(6), 6000, 3, seed=4)[0][:, 0]
    same_place = float((starts[1:] == starts[:-1]).mean())
    often(same_place, 1 / 3, 5999, "rows that begin where the one before them does, of 3 places")


def loop_merge(words):
    """Return the pair and the words, with indices."""
    counts = Counter()
    for word, count in words.items():
        for i in range(len(word) - 1):
            counts[word[i], word[i + 1]] += count
    if not counts:
        return None, dict(words)
    pair = sorted(counts, key=lambda p: (-counts[p], p))[0]
    merged = Counter()
    for word, count in words.items():
        tokens, i = [], 0
        while i < len(word):
            step = 2 if word[i : i + 2] == pair else 1
            tokens.append("".join(word[i : i + step]))
            i += step
        merged[tuple(tokens)] += count
    return pair, dict(merged)


def check_merge(student, words, expected=None):
    """Compare with the loop, or with what is known."""
    right = loop_merge(words) if expected is None else expected
    call = f"bpe_merge({words})"
    pair, merged = values_of(student.bpe_merge(words), 2, call)
    assert pair == right[0], f"{call} merges {pair!r}, expected {right[0]!r}"
    assert isinstance(merged, dict), f"{call} returned {type(merged).__name__}, not a dict"
    assert dict(merged) == right[1], (
        f"{call} returned the words {dict(merged)}, expected {right[1]}"
    )


def test_bpe_merge__by_hand(student):
    """The pair e s is in 9 words, as is s t, which comes later in the alphabet."""
    words = {tuple("low"): 5, tuple("lower"): 2, tuple("newest"): 6, tuple("widest"): 3}
    after = {("n", "e", "w", "es", "t"): 6, ("w", "i", "d", "es", "t"): 3}
    kept = {word: count for word, count in words.items() if word[-1] != "t"}
    check_merge(student, words, (("e", "s"), kept | after))


def test_bpe_merge__of_repeated_letters(student):
    """a a a a has the pair a a at three places, and becomes aa aa."""
    check_merge(
        student, {tuple("aaaa"): 1, tuple("bc"): 2}, (("a", "a"), {("aa", "aa"): 1, ("b", "c"): 2})
    )
    check_merge(student, {tuple("baaa"): 3}, (("a", "a"), {("b", "aa", "a"): 3}))
    check_merge(student, {tuple("abab"): 1, tuple("bc"): 1})


def test_bpe_merge__of_words_that_become_the_same(student):
    """a b and ab are the same word after it."""
    words = {("a", "b"): 4, ("ab",): 3, ("ab", "c"): 1}
    check_merge(student, words, (("a", "b"), {("ab",): 7, ("ab", "c"): 1}))


def test_bpe_merge__of_tokens_that_are_joined_already(student):
    """ab c and a bc are the same letters, but other tokens."""
    check_merge(student, {("ab", "c"): 3, ("a", "bc"): 2, ("ab", "cd"): 9, ("ab", "c", "d"): 8})
    check_merge(student, {("a", "b", "c"): 2, ("ab", "c"): 2, ("a", "bc"): 5})


def test_bpe_merge__without_a_pair(student):
    """Words of one token, and no words."""
    check_merge(student, {("ab",): 3, ("c",): 1}, (None, {("ab",): 3, ("c",): 1}))
    check_merge(student, {}, (None, {}))


def test_bpe_merge__agrees_with_a_loop(student):
    """Many words of few letters, merged ten times in a row."""
    for seed in range(3):
        rng = np.random.default_rng(seed)
        words = {}
        for _ in range(12):
            word = tuple("abc"[i] for i in rng.integers(0, 3, rng.integers(1, 7)))
            words[word] = int(rng.integers(1, 6))
        for _ in range(10):
            check_merge(student, words)
            words = loop_merge(words)[1]


def drawn(student, row, n, temperature, top_k, seed=0):
    """Return how often each token is drawn for n equal rows: shares (V,)."""
    row = np.asarray(row, float)
    call = f"sample({n:,} rows {row.tolist()}, temperature={temperature}, top_k={top_k}, rng)"
    rng = np.random.default_rng(seed)
    with strictly():
        found = student.sample(np.tile(row, (n, 1)), temperature, top_k, rng)
    tokens = whole(found, (n,), f"what {call} returned")
    assert set(tokens) <= set(range(len(row))), f"{call} drew {set(tokens)}"
    return np.bincount(tokens, minlength=len(row)) / n, call


def check_sample(student, row, temperature, top_k, seed=0, n=1500):
    """Compare shares with probabilities, token by token."""
    found, call = drawn(student, row, n, temperature, top_k, seed)
    least = sorted(row)[-top_k]
    weights = [exp((a - max(row)) / temperature) if a >= least else 0.0 for a in row]
    for token, weight in enumerate(weights):
        often(found[token], weight / sum(weights), n, f"token {token} of {call}")


def test_sample__of_given_probabilities(student):
    """.5, .2 and .3, as their logarithms."""
    check_sample(student, np.log([0.5, 0.2, 0.3]).tolist(), 1.0, 3)
    check_sample(student, [0.0, 0.0], 1.0, 2, seed=1)
    check_sample(student, [2.5], 1.0, 1, seed=2)


def test_sample__with_a_temperature(student):
    """Below 1 the largest comes more often, above 1 less often."""
    for seed, temperature in enumerate((0.5, 0.8, 2.0, 10.0)):
        check_sample(student, [1.0, -0.5, 2.0, 0.3], temperature, 4, seed)


def test_sample__from_the_largest_only(student):
    """The shares of the top_k add up to 1, in the order of tokens."""
    row = [0.3, 2.0, -1.0, 1.2, 1.0]
    for seed, (top_k, temperature) in enumerate([(1, 1.0), (2, 1.0), (3, 0.7), (4, 1.5)]):
        check_sample(student, row, temperature, top_k, seed)


def test_sample__of_large_logits(student):
    """Logits of 1000, and 0.01 as the temperature: e to the power of 100,000 overflows."""
    check_sample(student, [1000.0, 999.0, -1000.0], 1.0, 3)
    check_sample(student, [1000.0, 999.99, -5.0], 0.01, 3, seed=1)
    check_sample(student, [-1000.0, -1001.0, -1000.5], 1.0, 2, seed=2)


def test_sample__never_draws_what_is_impossible(student):
    """A logit of -inf, in first, middle and last place."""
    for seed, place in enumerate(range(3)):
        row = [0.5, 0.5, 0.5]
        row[place] = -np.inf
        check_sample(student, row, 1.0, 3, seed)


def test_sample__each_row_for_itself(student):
    """Two texts, in turns: each has its own probabilities, and its own luck."""
    n, p = 3000, np.array([[0.9, 0.1, 0.0], [0.1, 0.3, 0.6]])
    with np.errstate(divide="ignore"):
        logits = np.tile(np.log(p), (n // 2, 1))
    call = f"sample(rows of {p[0].tolist()} and {p[1].tolist()} in turns, 1.0, 3, rng)"
    found = whole(student.sample(logits, 1.0, 3, np.random.default_rng(5)), (n,), call)
    for row in (0, 1):
        for token in range(3):
            share = float((found[row::2] == token).mean())
            often(
                share,
                p[row, token],
                n // 2,
                f"token {token} in rows {row}, {row + 2}, .. of {call}",
            )
    both = float(((found[::2] == 0) & (found[1::2] == 0)).mean())
    often(both, 0.09, n // 2, f"token 0 in two rows, one below the other, of {call}")


class Text:
    """A text whose tokens have queries, keys and values by number and place; it counts them."""

    def __init__(self, E, D, seed=0, V=9, longest=40):
        self.tables = [normal(V, n, seed=seed + i) for i, n in enumerate((E, E, D))]
        self.places = [normal(longest, n, seed=seed + 9 + i) for i, n in enumerate((E, E, D))]
        self.asked, self.empty = 0, (np.zeros((0, E)), np.zeros((0, D)))

    def made(self, ids, positions):
        """Return q, k and v."""
        both = zip(self.tables, self.places, strict=True)
        return [table[ids] + place[positions] for table, place in both]

    def qkv(self, ids, positions):
        """Return q, k and v, and count the positions."""
        ids, positions = np.asarray(ids), np.asarray(positions)
        assert ids.shape == positions.shape == ids.shape[:1], (
            f"qkv was asked for ids {ids.shape} at positions {positions.shape}: both are (n,)"
        )
        self.asked += len(ids)
        return self.made(ids, positions)


def check_cached(student, pieces, E, D, seed=0):
    """Read a text piece by piece; compare each piece with the whole, and count the positions."""
    text = Text(E, D, seed)
    ids = np.random.default_rng(seed).integers(0, 9, sum(pieces))
    q, k, v = text.made(ids, np.arange(len(ids)))
    expected, cache, done = loop_attention(q, k, v), text.empty, 0
    for n in pieces:
        call = f"attend_cached(ids ({n},), cache of {done} tokens, qkv), E={E}, D={D}"
        y, cache = values_of(student.attend_cached(ids[done : done + n], cache, text.qkv), 2, call)
        same(y, expected[done : done + n], f"y of {call}")
        done += n
        assert text.asked == done, (
            f"after a text of {done} tokens in pieces of {pieces}, qkv was asked for"
            f" {text.asked} positions: each is to be asked for once"
        )
        keys, values = values_of(cache, 2, f"the cache of {call}")
        same(keys, k[:done], f"keys of {call}")
        same(values, v[:done], f"values of {call}")


def test_attend_cached__of_a_first_token(student):
    """An empty cache and one token: y is its value."""
    check_cached(student, [1], 2, 3)


def test_attend_cached__token_by_token(student):
    """As in writing: one token at a time."""
    check_cached(student, [1] * 6, 3, 2, seed=1)


def test_attend_cached__whole(student):
    """The whole text at once, with an empty cache: plain causal attention."""
    check_cached(student, [5], 2, 2, seed=2)


def test_attend_cached__in_pieces(student):
    """A prompt first, then tokens, then several at once."""
    for seed, pieces in enumerate([(4, 1, 1), (2, 3), (1, 2, 1, 4), (3, 3, 3)]):
        check_cached(student, pieces, 3, 2, seed=20 + seed)


def test_attend_cached__of_large_scores(student):
    """Keys so large that e to the power of a score overflows."""
    cache = np.array([[400.0], [300.0]]), np.array([[1.0], [2.0]])
    one = np.array([[1000.0]])
    with strictly():
        y, _ = student.attend_cached(np.array([0]), cache, lambda ids, at: (one, 0 * one, 5 * one))
    same(y, np.array([[1.0]]), "y of attend_cached with scores of 400,000, 300,000 and 0")


def test_attend_cached__writes_the_same_text(student):
    """A small language model writes 12 tokens: logits as without a cache, and 15 positions."""
    text, output = Text(4, 4, seed=40), normal(4, 9, seed=50)
    written, cache, new, asked = [3, 1, 4, 1], text.empty, [3, 1, 4, 1], 0
    for step in range(12):
        y, cache = student.attend_cached(np.array(new), cache, text.qkv)
        logits = y[-1] @ output
        full = loop_attention(*text.made(np.array(written), np.arange(len(written))))
        same(logits, full[-1] @ output, f"the logits of token {len(written)} of a text")
        new = [int(np.argmax(full[-1] @ output))]
        written += new
        asked = 4 + step
    assert text.asked == asked, (
        f"to write 12 tokens after 4, qkv was asked for {text.asked} positions, expected {asked}"
    )


def hidden(student, ids, V, seed=0):
    """Return inputs and chosen, after a look at shapes, types, and what must not be chosen."""
    call = f"mask_words(ids {ids.shape}, V={V}, rng)"
    rng = np.random.default_rng(seed)
    inputs, chosen = values_of(student.mask_words(ids, V, rng), 2, call)
    inputs = whole(inputs, ids.shape, f"inputs of {call}")
    chosen = whole(chosen, ids.shape, f"chosen of {call}", "b")
    assert not chosen[ids == 0].any(), f"{call} chose padding"
    same(inputs[~chosen], ids[~chosen], f"inputs that were not chosen by {call}")
    assert set(inputs.ravel()) <= set(range(V)), f"{call} has a word {inputs.max()}"
    assert (inputs[ids > 0] > 0).all(), f"{call} turned a word into padding"
    return inputs, chosen, call


def words_of(N, L, V, seed=0):
    """Return texts of random words, of random lengths from 1 to L, padded."""
    rng = np.random.default_rng(seed)
    ids = rng.integers(2, V, (N, L))
    ids[np.arange(L) >= rng.integers(1, L + 1, (N, 1))] = 0
    return ids


def test_mask_words__of_small_texts(student):
    """Shapes, types, and what stays as it is."""
    for seed, (N, L, V) in enumerate([(1, 1, 3), (3, 5, 4), (40, 10, 7)]):
        hidden(student, words_of(N, L, V, seed), V, seed)


def test_mask_words__chooses_15_percent(student):
    """Of the words, in every place and in texts of any length."""
    ids = words_of(3000, 6, 9)
    _, chosen, call = hidden(student, ids, 9, seed=1)
    often(float(chosen[ids > 0].mean()), 0.15, int((ids > 0).sum()), f"words chosen by {call}")
    for place in range(6):
        real = ids[:, place] > 0
        share = float(chosen[real, place].mean())
        often(share, 0.15, int(real.sum()), f"words chosen in place {place} by {call}")
    alone = (ids > 0).sum(axis=1) == 1
    often(float(chosen[alone, 0].mean()), 0.15, int(alone.sum()), f"texts of one word, {call}")


def test_mask_words__words_are_chosen_apart(student):
    """Two neighbours are both chosen in .15 times .15 of cases."""
    ids = np.full((4000, 4), 5)
    _, chosen, call = hidden(student, ids, 9, seed=2)
    both = float((chosen[:, 0] & chosen[:, 1]).mean())
    often(both, 0.15**2, 4000, f"the first two words of a text, both chosen by {call}")
    below = float((chosen[1:, 0] & chosen[:-1, 0]).mean())
    often(below, 0.15**2, 3999, f"the first words of two texts, both chosen by {call}")


def test_mask_words__what_becomes_of_them(student):
    """80 % <mask>, 10 % another word, 10 % as they were."""
    V = 52
    ids = np.full((4000, 10), 7)
    inputs, chosen, call = hidden(student, ids, V, seed=3)
    found, n = inputs[chosen], int(chosen.sum())
    assert n, f"{call} chose no word"
    often(float((found == 1).mean()), 0.8, n, f"of the chosen, <mask> in {call}")
    often(float((found == 7).mean()), 0.1 + 0.1 / 50, n, f"of the chosen, unchanged in {call}")
    others = found[(found > 1) & (found != 7)]
    often(len(others) / n, 0.1 * 49 / 50, n, f"of the chosen, another word in {call}")


def test_mask_words__another_word_is_any_word(student):
    """All words are equally likely, also the first and the last, and each is drawn for itself."""
    ids = np.full((9000, 10), 3)
    inputs, chosen, call = hidden(student, ids, 6, seed=4)
    others = inputs[chosen & (inputs > 1) & (inputs != 3)]
    assert len(others), f"{call} put no other word in place of a chosen one"
    for word in (2, 4, 5):
        often(
            float((others == word).mean()), 1 / 3, len(others), f"word {word} among others, {call}"
        )
    alike = float((others[1:] == others[:-1]).mean())
    often(alike, 1 / 3, len(others) - 1, f"the same other word twice in a row, {call}")
