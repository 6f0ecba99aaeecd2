"""The checks of lesson 12. Results are compared with loops and differences on small inputs."""

from math import exp, log, log1p, sqrt, tanh

import numpy as np

from minae.course.checking import same, same_gradient, shape_of, slope, values_of


def normal(*shape, seed=0, scale=1.0):
    """Return random numbers, in float64."""
    return scale * np.random.default_rng(seed).normal(size=shape)


def texts_of(lengths, low, high, seed=0):
    """Return texts of these lengths, of tokens from low to high - 1."""
    rng = np.random.default_rng(seed)
    return [rng.integers(low, high, length) for length in lengths]


def listed(texts):
    """Return texts as a student would write them."""
    return f"[{', '.join(str(text.tolist()) for text in texts)}]"


def strictly():
    """Return a context in which what NumPy would warn of is an error."""
    return np.errstate(divide="raise", invalid="raise", over="raise")


def loop_pairs(texts, V, window):
    """Return the counts, pair of places by pair of places."""
    counts = np.zeros((V, V))
    for text in texts:
        for i, a in enumerate(text):
            for j, b in enumerate(text):
                if 0 < abs(i - j) <= window and a >= 0 <= b:
                    counts[a, b] += 1
    return counts


def check_pairs(student, texts, V, window):
    """Compare with the loop."""
    call = f"count_pairs({listed(texts)}, V={V}, window={window})"
    same(student.count_pairs(texts, V, window), loop_pairs(texts, V, window), call)


def test_count_pairs__by_hand(student):
    """The text 0 1 0 2, with window 1."""
    expected = np.array([[0, 2, 1], [2, 0, 0], [1, 0, 0]])
    call = "count_pairs([[0, 1, 0, 2]], V=3, window=1)"
    same(student.count_pairs([np.array([0, 1, 0, 2])], 3, 1), expected, call)


def test_count_pairs__of_one_word(student):
    """A word beside itself, once and often; alone; in no text at all."""
    for text, window in [([0, 0], 1), ([0, 0, 0, 0], 2), ([0, -1, 0], 2), ([0], 3), ([], 1)]:
        check_pairs(student, [np.array(text, int)], 1, window)
    same(student.count_pairs([], 2, 1), np.zeros((2, 2)), "count_pairs([], V=2, window=1)")


def test_count_pairs__with_unknown_words(student):
    """-1 keeps its place: the words beside it are two places apart."""
    texts = [np.array([0, -1, 1, 2]), np.array([-1, 2, 0, -1])]
    for window in (1, 2, 3):
        check_pairs(student, texts, 3, window)


def test_count_pairs__agrees_with_a_loop(student):
    """Several texts, shorter and longer than the window."""
    cases = [((5, 3), 3, 1), ((9, 0, 1, 4), 4, 2), ((6, 6), 2, 5), ((2, 2, 2), 5, 4)]
    for seed, (lengths, V, window) in enumerate(cases):
        check_pairs(student, texts_of(lengths, -1, V, seed), V, window)


def loop_ppmi(counts):
    """Return PPMI, entry by entry."""
    total, result = float(counts.sum()), np.zeros(counts.shape)
    for i, j in np.ndindex(counts.shape):
        if counts[i, j]:
            row, column = float(counts[i].sum()), float(counts[:, j].sum())
            result[i, j] = max(0.0, log(float(counts[i, j]) / row) - log(column / total))
    return result


def check_ppmi(student, counts):
    """Compare with the loop."""
    call = f"ppmi({counts.tolist()})" if counts.size < 10 else f"ppmi(counts {counts.shape})"
    with strictly():
        same(student.ppmi(counts), loop_ppmi(counts), call)


def test_ppmi__by_hand(student):
    """N is 16; the first entry has a row sum of 4 and a column sum of 4."""
    counts = np.array([[3, 1], [1, 11]])
    expected = np.array([[log(3), 0], [0, log(11 / 9)]])
    same(student.ppmi(counts), expected, "ppmi([[3, 1], [1, 11]])")


def test_ppmi__agrees_with_a_loop(student):
    """Square or not, symmetric or not, of one entry."""
    for seed, (V, C) in enumerate([(3, 3), (2, 5), (6, 3), (1, 4), (1, 1), (8, 8)]):
        counts = np.random.default_rng(seed).poisson(3.0, (V, C))
        counts[0, 0] += 20
        check_ppmi(student, counts)
    counts = np.random.default_rng(9).poisson(1.0, (5, 5))
    check_ppmi(student, counts + counts.T)


def test_ppmi__of_words_that_never_occur(student):
    """A row, a column, and all but one entry are 0."""
    counts = np.random.default_rng(0).poisson(2.0, (4, 5))
    counts[1], counts[:, 3] = 0, 0
    check_ppmi(student, counts)
    check_ppmi(student, np.array([[0, 0], [0, 7]]))
    check_ppmi(student, np.array([[0, 0, 2], [5, 0, 0]]))


def test_ppmi__of_a_large_corpus(student):
    """Billions of pairs: a product of three counts is beyond 64 bits."""
    check_ppmi(student, np.array([[3_000_000_000, 5], [40_000, 9_000_000_000]]))


def loop_padded(texts, start, end):
    """Return inputs, targets and mask, text by text."""
    width = max(map(len, texts)) + 1
    rows = []
    for text in map(list, texts):
        behind = [0] * (width - len(text) - 1)
        mask = [True] * (len(text) + 1) + [False] * len(behind)
        rows.append(([start, *text, *behind], [*text, end, *behind], mask))
    return tuple(np.array(part) for part in zip(*rows, strict=True))


def check_padded(student, texts, start, end):
    """Compare with the loop, and look at the types."""
    call = f"pad_and_mask({listed(texts)}, start={start}, end={end})"
    found = values_of(student.pad_and_mask(texts, start, end), 3, call)
    kinds = {"inputs": "iu", "targets": "iu", "mask": "b"}
    for (name, kind), actual, expected in zip(
        kinds.items(), found, loop_padded(texts, start, end), strict=True
    ):
        same(actual, expected, f"{name} of {call}")
        dtype = np.asarray(actual).dtype
        assert dtype.kind in kind, f"{name} of {call} has the type {dtype}"


def test_pad_and_mask__by_hand(student):
    """Two texts: 7 8 9, and 5."""
    check_padded(student, [np.array([7, 8, 9]), np.array([5])], 2, 3)


def test_pad_and_mask__where_0_is_a_token(student):
    """0 in the middle of a text, at its end, and as start or end."""
    check_padded(student, [np.array([0, 6, 0]), np.array([6, 0]), np.array([0])], 1, 2)
    check_padded(student, [np.array([4, 6]), np.array([5])], 0, 9)
    check_padded(student, [np.array([4, 6]), np.array([5])], 9, 0)


def test_pad_and_mask__of_other_lengths(student):
    """Empty texts, one text, the longest anywhere."""
    cases = [(1,), (0,), (0, 0), (4, 4), (2, 0, 5), (5, 1, 3, 0)]
    for seed, lengths in enumerate(cases):
        check_padded(student, texts_of(lengths, 0, 9, seed), 11, 12)


def sigmoid(a):
    """Return 1 / (1 + e^-a) of a number of any size."""
    return exp(-log1p(exp(-a))) if a > 0 else exp(a - log1p(exp(a)))


def loop_step(x, h, weight_ih, weight_hh, bias_ih, bias_hh):
    """Return the next state and (reset, update, candidate, s3), entry by entry."""
    following, kept = np.zeros(h.shape), np.zeros((4, *h.shape))
    H = h.shape[1]
    for n, j in np.ndindex(h.shape):
        i = [float(x[n] @ weight_ih[j + p * H]) + bias_ih[j + p * H] for p in range(3)]
        s = [float(h[n] @ weight_hh[j + p * H]) + bias_hh[j + p * H] for p in range(3)]
        reset, update = sigmoid(i[0] + s[0]), sigmoid(i[1] + s[1])
        candidate = tanh(i[2] + reset * s[2])
        following[n, j] = (1 - update) * candidate + update * h[n, j]
        kept[:, n, j] = reset, update, candidate, s[2]
    return following, kept


def step_of(N, inputs, H, seed=0, scale=1.0):
    """Return random arguments of a step."""
    shapes = (N, inputs), (N, H), (3 * H, inputs), (3 * H, H), (3 * H,), (3 * H,)
    return [normal(*shape, seed=seed + k, scale=scale) for k, shape in enumerate(shapes)]


def check_step(student, arguments, call):
    """Compare with the loop."""
    with strictly():
        found = student.gru_step(*arguments)
    same(found, loop_step(*arguments)[0], call)


def test_gru_step__by_hand(student):
    """One number each; both gates are 1/2, as their sums are 0."""
    weight_ih, weight_hh = np.array([[1.0], [2.0], [0.5]]), np.array([[-2.0], [-4.0], [3.0]])
    bias = np.zeros(3), np.array([0.0, 0.0, 2.0])
    expected = np.array([[tanh(0.5 * 2 + 0.5 * (3 * 1 + 2)) / 2 + 0.5]])
    call = (
        "gru_step(x [[2]], h [[1]], weight_ih [[1], [2], [0.5]], weight_hh [[-2], [-4], [3]],"
        " bias_ih [0, 0, 0], bias_hh [0, 0, 2])"
    )
    arguments = np.array([[2.0]]), np.array([[1.0]]), weight_ih, weight_hh, *bias
    same(student.gru_step(*arguments), expected, call)


def test_gru_step__agrees_with_a_loop(student):
    """One row and several; inputs longer and shorter than the state."""
    for seed, (N, inputs, H) in enumerate([(1, 1, 2), (3, 2, 4), (2, 5, 1), (4, 3, 3)]):
        call = f"gru_step(x ({N}, {inputs}), h ({N}, {H}), weights and biases at random)"
        check_step(student, step_of(N, inputs, H, seed=10 * seed), call)


def test_gru_step__with_large_sums(student):
    """Gates that are wide open or shut, where e^-a overflows."""
    for scale in (30.0, -30.0):
        x, h, *weights = step_of(3, 2, 3)
        weights = [scale**2 * w for w in weights]
        call = f"gru_step(x, h, ...) with weights and biases up to {np.abs(weights[1]).max():.0f}"
        check_step(student, (x, h, *weights), call)


def check_back(student, N, H, seed, scale=1.0):
    """Compare with differences: the sums change as biases of one row each do."""
    x, h, weight_ih, weight_hh, bias_ih, bias_hh = step_of(N, 2, H, seed, scale)
    i, s = x @ weight_ih.T + bias_ih, h @ weight_hh.T + bias_hh
    dnext = normal(N, H, seed=seed + 7)
    unit, none = np.eye(3 * H), np.zeros(3 * H)

    def loss(i, s, h):
        """Return the loss for given sums, which are made by weights that are the identity."""
        reset, update = (np.vectorize(sigmoid)(i[:, a] + s[:, a]) for a in (gate(0), gate(1)))
        candidate = np.tanh(i[:, gate(2)] + reset * s[:, gate(2)])
        return float((dnext * ((1 - update) * candidate + update * h)).sum())

    def gate(part):
        return slice(part * H, (part + 1) * H)

    reset, update, candidate, s3 = loop_step(i, h, unit, weight_hh, none, bias_hh)[1]
    arguments = dnext, h, reset, update, candidate, s3, weight_hh
    expected = (
        slope(lambda a: loss(a, s, h), i),
        slope(lambda a: loss(i, a, h), s),
        slope(lambda a: loss(i, a @ weight_hh.T + bias_hh, a), h),
    )
    call = f"gru_step_backward(dnext {dnext.shape}, h, reset, ..., weight_hh {weight_hh.shape})"
    found = values_of(student.gru_step_backward(*arguments), 3, call)
    for name, actual, right in zip(("di", "ds", "dh"), found, expected, strict=True):
        same_gradient(actual, right, f"{name} of {call}", 1e-6)


def test_gru_step_backward__by_hand(student):
    """One number each: both gates 1/2, candidate 0, s₃ = 2, h = 1."""
    one = np.array([[1.0]])
    arguments = 8 * one, one, one / 2, one / 2, 0 * one, 2 * one, np.array([[1.0], [2.0], [3.0]])
    expected = np.array([[2.0, 2.0, 4.0]]), np.array([[2.0, 2.0, 2.0]]), np.array([[16.0]])
    call = (
        "gru_step_backward(dnext [[8]], h [[1]], reset [[0.5]], update [[0.5]], candidate [[0]],"
        " s3 [[2]], weight_hh [[1], [2], [3]])"
    )
    found = values_of(student.gru_step_backward(*arguments), 3, call)
    for name, actual, right in zip(("di", "ds", "dh"), found, expected, strict=True):
        same_gradient(actual, right, f"{name} of {call}")


def test_gru_step_backward__agrees_with_differences(student):
    """One row and several, states of one number and more, small and large sums."""
    for seed, (N, H, scale) in enumerate([(1, 1, 1.0), (1, 3, 1.0), (4, 2, 0.5), (3, 3, 1.5)]):
        check_back(student, N, H, 20 * seed, scale)


def loop_multinomial(logits, counts):
    """Return the loss, word by word."""
    total = 0.0
    for row, count in zip(logits, counts, strict=True):
        top = max(row)
        log_sum = top + log(sum(exp(a - top) for a in row))
        total += sum(c * (log_sum - a) for a, c in zip(row, count, strict=True))
    return total / len(logits)


def check_multinomial(student, logits, counts, expected, call):
    """Compare the loss and its gradient."""
    with strictly():
        found = values_of(student.multinomial_loss(logits, counts), 2, call)
    same(found[0], expected[0], f"the loss of {call}")
    same_gradient(found[1], expected[1], f"dlogits of {call}")


def test_multinomial_loss__by_hand(student):
    """Equal logits, four words: each has 1/4. One document has six words, one has two."""
    counts = np.array([[3, 2, 1, 0], [0, 0, 0, 2]])
    expected = 4 * log(4), (np.array([[1.5], [0.5]]) - counts) / 2
    call = "multinomial_loss(zeros (2, 4), [[3, 2, 1, 0], [0, 0, 0, 2]])"
    check_multinomial(student, np.zeros((2, 4)), counts, expected, call)


def test_multinomial_loss__agrees_with_differences(student):
    """One document and more, one word and more, empty documents, single words."""
    for seed, (N, V, mean) in enumerate([(1, 3, 2.0), (4, 5, 1.0), (3, 2, 6.0), (5, 4, 0.3)]):
        logits = 2 * normal(N, V, seed=seed)
        counts = np.random.default_rng(seed).poisson(mean, (N, V))
        counts[-1, -1] += 1
        expected = (
            loop_multinomial(logits, counts),
            slope(lambda a, c=counts: loop_multinomial(a, c), logits),
        )
        call = f"multinomial_loss(logits {logits.shape}, {counts.tolist()})"
        check_multinomial(student, logits, counts, expected, call)


def test_multinomial_loss__of_empty_documents(student):
    """No word at all: no loss, no gradient, and no nan."""
    counts = np.zeros((2, 3), int)
    call = "multinomial_loss(logits (2, 3), zeros (2, 3))"
    check_multinomial(student, normal(2, 3), counts, (0.0, np.zeros((2, 3))), call)


def test_multinomial_loss__of_large_logits(student):
    """Where e to the power of a logit overflows, or all of them become 0."""
    counts = np.array([[2, 1], [0, 4]])
    for shift in (1000.0, -1000.0):
        logits = np.array([[shift, shift], [shift + 1000, shift]])
        expected = (3 * log(2) + 4000) / 2, np.array([[-0.5, 0.5], [4.0, -4.0]]) / 2
        call = f"multinomial_loss({logits.tolist()}, {counts.tolist()})"
        check_multinomial(student, logits, counts, expected, call)


def loop_precision(codes, labels, k):
    """Return the precision at k, row by row."""
    shares = []
    for i, a in enumerate(codes):
        near = []
        for j, b in enumerate(codes):
            size = sqrt(float(a @ a) * float(b @ b))
            near.append((-float(a @ b) / size if size else 0.0, j))
        found = [j for _, j in sorted(near) if j != i][:k]
        shares.append(sum(labels[j] == labels[i] for j in found) / k)
    return sum(shares) / len(shares)


def check_precision(student, codes, labels, k, expected=None):
    """Compare with the loop, or with what is known."""
    shown = codes.tolist() if codes.size < 12 else f"codes {codes.shape}"
    call = f"precision_at({shown}, {labels.tolist()}, k={k})"
    with strictly():
        found = student.precision_at(codes, labels, k)
    shape = shape_of(found, call)
    assert not shape, f"{call} returned an array of shape {shape}, not a number"
    same(found, loop_precision(codes, labels, k) if expected is None else expected, call)


def test_precision_at__by_hand(student):
    """Three directions, some long and some short: only the angle counts."""
    codes = np.array([[10.0, 0.0], [0.1, 0.01], [0.0, 10.0], [0.02, 0.1], [9.0, 7.0]])
    check_precision(student, codes, np.array([0, 0, 1, 1, 0]), 1, 1.0)
    check_precision(student, codes, np.array([0, 0, 1, 1, 0]), 2, 0.8)


def test_precision_at__agrees_with_a_loop(student):
    """Classes of other sizes and names; k from 1 to all others."""
    cases = [(6, 2, 2, 1), (9, 3, 4, 3), (12, 5, 3, 11), (15, 4, 2, 6), (2, 3, 1, 1)]
    for seed, (N, Z, classes, k) in enumerate(cases):
        rng = np.random.default_rng(seed)
        codes = normal(N, Z, seed=seed) * rng.lognormal(0, 2, (N, 1))
        check_precision(student, codes, 7 * rng.integers(0, classes, N) - 5, k)


def test_precision_at__of_equal_rows(student):
    """A text that is there twice, under two labels, finds the other one and not itself."""
    codes = np.array([[3.0, 4.0], [3.0, 4.0], [4.0, -3.0], [4.0, -3.0]])
    check_precision(student, codes, np.array([0, 1, 2, 3]), 1, 0.0)
    check_precision(student, codes, np.array([0, 1, 2, 2]), 1, 0.5)


def test_precision_at__of_a_row_of_zeros(student):
    """It is nearer than what points the other way, and no result is nan."""
    codes = np.array([[1.0, 0.0], [1.0, 0.1], [-1.0, 0.2], [0.0, 0.0]])
    check_precision(student, codes, np.array([1, 1, 1, 2]), 2, 0.375)
    check_precision(student, codes, np.array([1, 1, 1, 2]), 1, 0.5)
