"""Exercises of lesson 12: words that are counted, texts of different lengths, and a GRU by hand.

All are plain NumPy, and none needs another. In a vocabulary of V words, a word is its number, from
0 to V - 1. No function may write into its arguments.
"""

import numpy as np


def count_pairs(texts, V, window):
    """Return how often each word stands near each other word: an array (V, V) of whole numbers.

    texts is a list of arrays (L,) of integers, each of its own length, perhaps 0. Entry [a, b] of
    the result says how often b occurs at most `window` >= 1 places before or after an a in the same
    text. So the result is symmetric, and a text "a a" counts [a, a] twice with window 1: each of
    the two has the other as its neighbour. A place is no neighbour of itself, and texts do not
    touch.

    The number -1 is a word that the vocabulary lacks. It keeps its place between its neighbours,
    but no pair with it is counted.

    About 8 lines, 15 minutes. Matters because every vector of a word, old or new, is made from
    these counts: a word is known by the company it keeps.
    """
    ### BEGIN SOLUTION
    counts = np.zeros((V, V), int)
    for text in texts:
        for distance in range(1, window + 1):
            a, b = text[:-distance], text[distance:]
            known = (a >= 0) & (b >= 0)
            np.add.at(counts, (a[known], b[known]), 1)  # += would count equal pairs once
    return counts + counts.T
    ### END SOLUTION


def ppmi(counts):
    """Return the positive pointwise mutual information of each pair, in nats: floats (V, C).

    counts (V, C) says how often each of V words stands near each of C words: whole numbers >= 0,
    not all of them 0, some perhaps in the billions. V and C need not be the same. With n the entry,
    r the sum of its row, c that of its column, and N that of all of counts:

        PPMI = max(0, log(n N / (r c)))

    A pair that never occurs has 0, also in a row or column without any count. NumPy must not warn,
    and a result must not be nan or infinite.

    About 6 lines, 10 minutes. Matters because counts say mostly how frequent words are: "the"
    stands near everything. Divided by what chance would give, what is left is meaning.
    """
    ### BEGIN SOLUTION
    rows, columns = counts.sum(axis=1, keepdims=True), counts.sum(axis=0)
    occurs = counts > 0
    chance = np.where(occurs, rows * (columns / counts.sum()), 1)
    return np.maximum(0, np.log(np.where(occurs, counts, 1) / chance)) * occurs
    ### END SOLUTION


def pad_and_mask(texts, start, end):
    """Return what a decoder is given, what it should answer, and where: (inputs, targets, mask).

    texts is a list of N >= 1 arrays (L,) of integers, each of its own length, perhaps 0; any number
    may be a token, also 0. With M the length of the longest, all three results are (N, M + 1):

    - inputs, integers: `start`, then the text;
    - targets, integers: the text, then `end`;
    - mask, True or False: where the target is a token of the text, or its `end`.

    Behind a text's end, inputs and targets are 0 and the mask is False. So at each place the target
    is the token that follows the input there.

    About 8 lines, 15 minutes. Matters because a target that stands at the same place as its own
    input is copied, the loss falls to 0, and nothing has been learned; and because a mask without
    the end makes a decoder that never stops.
    """
    ### BEGIN SOLUTION
    longest = max(map(len, texts))
    inputs, targets = np.zeros((2, len(texts), longest + 1), int)
    mask = np.zeros(inputs.shape, bool)
    for n, text in enumerate(texts):
        inputs[n, 0], inputs[n, 1 : len(text) + 1] = start, text
        targets[n, : len(text)], targets[n, len(text)] = text, end
        mask[n, : len(text) + 1] = True
    return inputs, targets, mask
    ### END SOLUTION


def gru_step(x, h, weight_ih, weight_hh, bias_ih, bias_hh):
    """Return the next state (N, H) of a GRU, as PyTorch computes it.

    x (N, I) is the input, h (N, H) the state. weight_ih (3 H, I), weight_hh (3 H, H) and the biases
    (3 H,) hold three layers below each other, H rows each: those of the reset gate, of the update
    gate, and of the candidate. With i the three parts of x weight_ihᵀ + bias_ih, and s those of
    h weight_hhᵀ + bias_hh, and σ(a) = 1 / (1 + e^-a):

        reset = σ(i₁ + s₁)
        update = σ(i₂ + s₂)
        candidate = tanh(i₃ + reset s₃)
        next state = (1 - update) candidate + update h

    The reset gate multiplies s₃ with its bias. (The paper, Cho et al. 2014, multiplies h before the
    product.) A gate's sum may be as large as 1000, of either sign, and NumPy must not warn.

    About 6 lines, 15 minutes. Matters because weights move between libraries only if both mean
    the same by them, and these four lines are where they differ most.
    """
    ### BEGIN SOLUTION
    i = np.split(x @ weight_ih.T + bias_ih, 3, axis=1)  # 3 of (N, H)
    s = np.split(h @ weight_hh.T + bias_hh, 3, axis=1)
    reset, update = (np.exp(-np.logaddexp(0, -(i[k] + s[k]))) for k in (0, 1))
    candidate = np.tanh(i[2] + reset * s[2])
    return (1 - update) * candidate + update * h
    ### END SOLUTION


def gru_step_backward(dnext, h, reset, update, candidate, s3, weight_hh):
    """Return (di, ds, dh): how the loss changes with the sums of a GRU's step, and with its state.

    dnext (N, H) is the gradient with respect to the next state. h, reset, update, candidate and
    s3, all (N, H), are those of the forward pass, named as in exercise 12.4; weight_hh (3 H, H).

    - di (N, 3 H): the gradient with respect to x weight_ihᵀ + bias_ih;
    - ds (N, 3 H): with respect to h weight_hhᵀ + bias_hh, all three parts of which matter to the
      next state;
    - dh (N, H): with respect to h, which the next state uses directly and through that product.

    In both, the parts stand in the order of the weights: reset, update, candidate. From di and ds
    the gradients of weights, biases and x follow as in every linear layer (exercise 2.1).

    The derivative of σ is σ (1 - σ), that of tanh is 1 - tanh².

    About 8 lines, 30 minutes. Matters because dh is what reaches the step before. Where update is
    near 1 it passes almost unchanged, and that is why a GRU remembers over more steps than a plain
    recurrent layer.
    """
    ### BEGIN SOLUTION
    dcandidate = dnext * (1 - update) * (1 - candidate**2)  # before the tanh
    dreset = dcandidate * s3 * reset * (1 - reset)  # before the σ
    dupdate = dnext * (h - candidate) * update * (1 - update)
    di = np.concatenate([dreset, dupdate, dcandidate], axis=1)
    ds = np.concatenate([dreset, dupdate, dcandidate * reset], axis=1)
    return di, ds, dnext * update + ds @ weight_hh
    ### END SOLUTION


def multinomial_loss(logits, counts):
    """Return the loss of a batch of documents, and its gradient with respect to the logits.

    logits (N, V) and counts (N, V): counts says how often each word occurs in each document, whole
    numbers >= 0; a document may be empty. With p = softmax(logits), along the words:

        loss = -1/N Σ_n Σ_w counts[n, w] log p[n, w]

    -> the loss, a number, summed over the words of a document and averaged over documents;
    dlogits (N, V)

    Each of a document's words is one draw from p, so a document with 30 words has 30 times the
    pull of one with a single word. An empty one has a loss and a gradient of 0. Logits may be as
    large as 1000, and even then both results must be finite and right.

    About 6 lines, 15 minutes. Matters because with a single word this is the cross-entropy that you
    know, and its gradient, p - counts, is wrong for any other document.
    """
    ### BEGIN SOLUTION
    shifted = logits - logits.max(axis=1, keepdims=True)
    log_p = shifted - np.log(np.exp(shifted).sum(axis=1, keepdims=True))
    loss = -(counts * log_p).sum() / len(logits)
    dlogits = counts.sum(axis=1, keepdims=True) * np.exp(log_p) - counts
    return loss, dlogits / len(logits)
    ### END SOLUTION


def precision_at(codes, labels, k):
    """Return the precision at k: how many of a row's k nearest rows have its label, a mean share.

    codes (N, Z) floats, labels (N,) integers, 1 <= k < N -> a number from 0 to 1

    Each row in turn is the question, and all other rows are what is searched: a row is never its
    own neighbour, but another row with the same code is. Nearest are those with the largest cosine,
    a · b / (|a| |b|). A row of zeros, a text without a known word, has the cosine 0 with every row.
    The share is of k, whatever number of rows have the label; the mean is over all N rows. (No
    check depends on which of two equally near rows comes first.)

    About 8 lines, 15 minutes. Matters because it asks what a reader of a list of results sees: the
    first ten. And because a row that may find itself makes any code look good.
    """
    ### BEGIN SOLUTION
    lengths = np.linalg.norm(codes, axis=1, keepdims=True)
    unit = codes / np.where(lengths > 0, lengths, 1)
    cosines = unit @ unit.T  # (N, N)
    np.fill_diagonal(cosines, -np.inf)
    nearest = np.argsort(-cosines, axis=1)[:, :k]  # (N, k)
    return (labels[nearest] == labels[:, None]).mean()
    ### END SOLUTION
