"""Exercises of lesson 14: attention, batches of a text, byte pairs, sampling, a cache, and masks.

All are plain NumPy or plain Python, and none needs another. A token is its number, but in exercise
14.3, where it is a string.
"""

from collections import Counter
from itertools import pairwise

import numpy as np


def causal_attention(q, k, v, dy):
    """Return the output of causal attention, and its gradients: (y, dq, dk, dv).

    q and k (N, T, E), v (N, T, D): the queries, keys and values of T tokens of N texts, floats.
    Query i looks at the keys 0 to i of its text, and at no later one:

        scores = q kᵀ / √E         (N, T, T): row i is query i, column j is key j
        P = softmax(scores)        along each row, with 0 where j > i
        y = P v                    (N, T, D)

    dy (N, T, D) is the gradient of a loss with respect to y; dq, dk and dv, shaped as q, k and v,
    are those with respect to q, k and v. If dP is the gradient with respect to P, the one with
    respect to what went into the softmax is P (dP - Σ P dP), where the sum is over a row.

    A score may be as large as 100,000, of either sign, also where it is hidden, and NumPy must not
    warn.

    About 10 lines, 30 minutes. Matters because this is all of a language model that lets one token
    know of another, and because a single 1 in the wrong half of the mask tells it the answer.
    """
    ### BEGIN SOLUTION
    scores = q @ k.swapaxes(1, 2) / np.sqrt(q.shape[2])
    scores = np.where(np.tri(q.shape[1], dtype=bool), scores, -np.inf)
    weights = np.exp(scores - scores.max(axis=2, keepdims=True))
    weights = weights / weights.sum(axis=2, keepdims=True)  # P: (N, T, T)
    dweights = dy @ v.swapaxes(1, 2)
    dscores = weights * (dweights - (weights * dweights).sum(axis=2, keepdims=True))
    dscores = dscores / np.sqrt(q.shape[2])
    return weights @ v, dscores @ k, dscores.swapaxes(1, 2) @ q, weights.swapaxes(1, 2) @ dy
    ### END SOLUTION


def next_char_batches(ids, N, T, rng):
    """Return a batch to train a language model on: (inputs, targets), both (N, T) integers.

    ids (L,), L > T >= 1, is a long text as the numbers of its characters. Each row of the batch
    begins at a place of the text drawn by rng, a NumPy Generator. The T characters from there on
    are its inputs, and its targets are the characters that follow each of them in the text. All
    places at which there are enough characters are equally likely, and rows are drawn independently
    of each other: N may be larger than the number of such places.

    About 3 lines, 10 minutes. Matters because one row asks T questions at once: what follows the
    first character, what follows the first two, and so on. And because targets that are not moved
    are copied, the loss falls to 0, and nothing has been learned.
    """
    ### BEGIN SOLUTION
    starts = rng.integers(0, len(ids) - T, N)
    places = starts[:, None] + np.arange(T)
    return ids[places], ids[places + 1]
    ### END SOLUTION


def bpe_merge(words):
    """Return the next pair of tokens to merge, and the words with it merged: (pair, merged).

    words is a dict from a word, a tuple of tokens, to how often it occurs. A token is a string, at
    first one character: {("l", "o", "w"): 5, ("l", "o"): 2}. A pair is two tokens that stand side
    by side in a word, in this order. It occurs as often as all words together have it, at all their
    places: ("a", "a", "a") has ("a", "a") at two.

    - pair: the most frequent pair, a tuple of two strings. Of equally frequent ones, take the
      smallest, in Python's order of tuples. If no word has two tokens, None.
    - merged: a new dict, in which each occurrence of the pair is one token, the two strings joined.
      Go from left to right: ("a", "a", "a") becomes ("aa", "a"). If two words become the same, they
      are one entry, with the sum of their counts.

    About 15 lines, 20 minutes. Matters because a few thousand such steps are the tokenizer of GPT:
    what is frequent becomes one token, and what has never been seen is still made of letters.
    """
    ### BEGIN SOLUTION
    counts = Counter()
    for word, count in words.items():
        for pair in pairwise(word):
            counts[pair] += count
    if not counts:
        return None, dict(words)
    best = min(counts, key=lambda pair: (-counts[pair], pair))
    merged = Counter()
    for word, count in words.items():
        tokens = []
        for token in word:
            if tokens and (tokens[-1], token) == best:
                tokens[-1] += token
            else:
                tokens.append(token)
        merged[tuple(tokens)] += count
    return best, dict(merged)
    ### END SOLUTION


def sample(logits, temperature, top_k, rng):
    """Return a token for each row of logits, drawn by rng: (N,) integers.

    logits (N, V) are floats: what a language model says of the next token of N texts. A logit may
    be -inf: that token is never drawn. Only the top_k largest logits of a row can be drawn,
    1 <= top_k <= V, and their probabilities are softmax(logits / temperature) among themselves:

        p_i ∝ exp(logits_i / temperature) if i is one of the top_k, else 0

    temperature > 0, and may be so small that a logit divided by it is 100,000: NumPy must not warn.
    Rows are drawn independently. rng is a NumPy Generator. (No check has equal logits of which some
    are among the top_k and others not.)

    About 6 lines, 20 minutes. Matters because the most probable token, again and again, is dull and
    soon repeats itself, while the long tail of improbable ones derails a text.
    """
    ### BEGIN SOLUTION
    least = np.sort(logits, axis=1)[:, [-top_k]]  # (N, 1)
    scaled = np.where(logits >= least, logits, -np.inf) / temperature
    edges = np.exp(scaled - scaled.max(axis=1, keepdims=True)).cumsum(axis=1)
    edges = edges / edges[:, -1:]  # the last one is exactly 1
    return (rng.random((len(logits), 1)) < edges).argmax(axis=1)
    ### END SOLUTION


def attend_cached(ids, cache, qkv):
    """Return causal attention for tokens that follow others, and a cache that has them: (y, cache).

    ids (n,), n >= 1, are the next tokens of a text. cache is (keys, values), (t, E) and (t, D), of
    the t >= 0 tokens before them.

    qkv(ids, positions) is given: it returns q (n, E), k (n, E) and v (n, D) of tokens (n,) at
    positions (n,) in the text; the first token of a text is at position 0. It stands for all that
    takes time, and the check counts the positions that it is asked for: each token of a text is to
    be asked for once.

    -> y (n, D), and (keys, values) of (t + n, E) and (t + n, D), the new ones behind the old ones.
    Each new token sees the t old ones, itself, and the new ones before it:

        y = softmax(q keysᵀ / √E) values, with 0 where a token does not see another

    About 9 lines, 25 minutes. Matters because without a cache, the thousandth token of a text costs
    as much as all thousand before it. And because the mask is easily put in the wrong corner.
    """
    ### BEGIN SOLUTION
    t, n = len(cache[0]), len(ids)
    q, *new = qkv(ids, np.arange(t, t + n))
    keys, values = (np.concatenate(pair) for pair in zip(cache, new, strict=True))
    scores = q @ keys.T / np.sqrt(keys.shape[1])  # (n, t + n)
    scores = np.where(np.tri(n, t + n, t, dtype=bool), scores, -np.inf)
    weights = np.exp(scores - scores.max(axis=1, keepdims=True))
    return weights @ values / weights.sum(axis=1, keepdims=True), (keys, values)
    ### END SOLUTION


def mask_words(ids, V, rng):
    """Return texts with some words hidden, and which these are: (inputs, chosen), both (N, L).

    ids (N, L), integers: 0 is padding, 1 stands for <mask>, and 2 to V - 1 are words; no text has
    a 1 yet. Each word is chosen with a probability of 15 %, whatever happens to the others; padding
    never is (Devlin et al. 2019, section 3.1). chosen, of booleans, says which. In inputs, of
    integers, a chosen word is

    - <mask> in 80 % of cases;
    - in 10 %, a word drawn from all V - 2, each equally likely (perhaps it draws itself);
    - in 10 %, as it was.

    All else is as in ids. rng is a NumPy Generator.

    About 4 lines, 15 minutes. Matters because the model is asked for all chosen words and no
    others. Were they all <mask>, it could do nothing useful for words that it sees; as it is, it
    cannot trust any word.
    """
    ### BEGIN SOLUTION
    chosen = (rng.random(ids.shape) < 0.15) & (ids != 0)
    how = rng.random(ids.shape)
    inputs = np.where(chosen & (how < 0.8), 1, ids)
    return np.where(chosen & (how >= 0.9), rng.integers(2, V, ids.shape), inputs), chosen
    ### END SOLUTION
