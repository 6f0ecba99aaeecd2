"""Wrong answers that people give, each of which the checks must reject."""

import numpy as np


def _places(text, window):
    """Yield the arrays of first and second words of pairs, by distance, without unknown ones."""
    for distance in range(1, window + 1):
        a, b = text[:-distance], text[distance:]
        known = (a >= 0) & (b >= 0)
        yield a[known], b[known]


def _counted(texts, V, window):
    """Return the pairs counted in one direction."""
    counts = np.zeros((V, V), int)
    for text in texts:
        for pair in _places(text, window):
            np.add.at(counts, pair, 1)
    return counts


def count_pairs__one_side(texts, V, window):
    """Counts only the words that follow."""
    return _counted(texts, V, window)


def count_pairs__across_texts(texts, V, window):
    """Joins all texts: the end of one meets the start of the next."""
    counts = _counted([np.concatenate([np.zeros(0, int), *texts])], V, window)
    return counts + counts.T


def count_pairs__unknown_left_out(texts, V, window):
    """Takes unknown words out first: their neighbours move together."""
    counts = _counted([text[text >= 0] for text in texts], V, window)
    return counts + counts.T


def count_pairs__unknown_is_the_last(texts, V, window):
    """Uses -1 as an index: the last word of the vocabulary."""
    counts = _counted([text % V for text in texts], V, window)
    return counts + counts.T


def count_pairs__repeats_once(texts, V, window):
    """Adds 1 with +=, which counts equal pairs of one text and distance once."""
    counts = np.zeros((V, V), int)
    for text in texts:
        for pair in _places(text, window):
            counts[pair] += 1
    return counts + counts.T


def count_pairs__window_excluded(texts, V, window):
    """Stops one place before the window's end."""
    counts = _counted(texts, V, window - 1)
    return counts + counts.T


def count_pairs__only_at_the_window(texts, V, window):
    """Counts pairs exactly `window` places apart: right for 1."""
    counts = np.zeros((V, V), int)
    for text in texts:
        *_, pair = _places(text, window)
        np.add.at(counts, pair, 1)
    return counts + counts.T


def count_pairs__with_itself(texts, V, window):
    """Counts each word as its own neighbour."""
    counts = _counted(texts, V, window)
    own = np.concatenate([np.zeros(0, int), *texts])
    return counts + counts.T + np.diag(np.bincount(own[own >= 0], minlength=V))


def count_pairs__equal_words_once(texts, V, window):
    """Counts a pair of equal words in one direction only."""
    counts = _counted(texts, V, window)
    return counts + counts.T - np.diag(np.diag(counts))


def count_pairs__no_equal_words(texts, V, window):
    """Skips pairs of equal words, not of equal places."""
    counts = _counted(texts, V, window)
    counts = counts + counts.T
    return counts - np.diag(np.diag(counts))


def count_pairs__by_distance(texts, V, window):
    """Weighs a pair by 1 over its distance, as GloVe does: right for a window of 1."""
    counts = np.zeros((V, V))
    for text in texts:
        for distance, pair in enumerate(_places(text, window), 1):
            np.add.at(counts, pair, 1 / distance)
    return counts + counts.T


def count_pairs__texts_not_places(texts, V, window):
    """Counts the texts in which two words are near each other."""
    each = [_counted([text], V, window) for text in texts]
    return sum((((c + c.T) > 0).astype(int) for c in each), np.zeros((V, V), int))


def _chance(counts):
    """Return n N / (r c) where a pair occurs, else 1."""
    rows, columns = counts.sum(axis=1, keepdims=True), counts.sum(axis=0)
    occurs = counts > 0
    chance = np.where(occurs, rows * (columns / counts.sum()), 1)
    return np.where(occurs, counts, chance) / chance


def ppmi__negative_too(counts):
    """Keeps negative values."""
    return np.log(_chance(counts))


def ppmi__in_bits(counts):
    """Takes the logarithm to base 2."""
    return np.maximum(0, np.log2(_chance(counts)))


def ppmi__one_plus(counts):
    """Takes log(1 + ratio), so that nothing is negative."""
    return np.log1p(_chance(counts)) * (counts > 0)


def ppmi__ratio(counts):
    """Forgets the logarithm."""
    return np.maximum(0, _chance(counts) - 1)


def ppmi__without_the_total(counts):
    """Divides counts by the product of the sums: N is missing."""
    ratio = _chance(counts) / counts.sum()
    return np.maximum(0, np.log(ratio))


def ppmi__number_of_entries(counts):
    """Takes N for the number of entries."""
    ratio = _chance(counts) / counts.sum() * counts.size
    return np.maximum(0, np.log(ratio)) * (counts > 0)


def ppmi__row_sums_twice(counts):
    """Uses row sums for the columns: right for symmetric counts."""
    rows = counts.sum(axis=1) * np.ones(counts.shape[::-1])  # (C, V)
    columns = np.resize(rows, counts.shape)
    occurs = counts > 0
    chance = np.where(occurs, rows[:1].T * (columns / counts.sum()), 1)
    return np.maximum(0, np.log(np.where(occurs, counts, 1) / chance)) * occurs


def ppmi__add_one(counts):
    """Adds 1 to every count, so that no logarithm is infinite."""
    return np.maximum(0, np.log(_chance(counts + 1)))


def ppmi__log_of_zero(counts):
    """Takes the logarithm of 0 and lets the maximum hide it."""
    expected = counts.sum(axis=1, keepdims=True) * (counts.sum(axis=0) / counts.sum())
    return np.nan_to_num(np.maximum(0, np.log(counts / expected)))


def ppmi__whole_numbers(counts):
    """Multiplies whole numbers, which overflow for a large corpus."""
    occurs = counts > 0
    chance = counts.sum(axis=1, keepdims=True) * counts.sum(axis=0)
    ratio = np.where(occurs, counts * counts.sum() / np.where(chance == 0, 1, chance), 1)
    return np.maximum(0, np.log(np.maximum(ratio, 1)))


def ppmi__share_of_the_row(counts):
    """Compares with the other words of the row, not with how frequent the column is."""
    occurs = counts > 0
    mean = np.where(occurs, counts.sum(axis=1, keepdims=True) / counts.shape[1], 1)
    return np.maximum(0, np.log(np.where(occurs, counts, 1) / mean)) * occurs


def _padded(texts, start, end):
    """Return inputs, targets and the lengths with the end, as an answer would."""
    width = max(map(len, texts)) + 1
    inputs, targets = np.zeros((2, len(texts), width), int)
    for n, text in enumerate(texts):
        inputs[n, 0], inputs[n, 1 : len(text) + 1] = start, text
        targets[n, : len(text)], targets[n, len(text)] = text, end
    return inputs, targets, np.array([[len(text) + 1] for text in texts])


def pad_and_mask__from_zeros(texts, start, end):
    """Takes every 0 for padding."""
    inputs, targets, _ = _padded(texts, start, end)
    return inputs, targets, targets != 0


def pad_and_mask__of_the_inputs(texts, start, end):
    """Takes the mask from the inputs that are not 0."""
    inputs, targets, _ = _padded(texts, start, end)
    return inputs, targets, inputs != 0


def pad_and_mask__without_the_end(texts, start, end):
    """Leaves the end out of the mask: the decoder never learns to stop."""
    inputs, targets, lengths = _padded(texts, start, end)
    return inputs, targets, np.arange(inputs.shape[1]) < lengths - 1


def pad_and_mask__one_too_many(texts, start, end):
    """Asks for one place of padding, too."""
    inputs, targets, lengths = _padded(texts, start, end)
    return inputs, targets, np.arange(inputs.shape[1]) <= lengths


def pad_and_mask__everything(texts, start, end):
    """Marks every place: right where all texts have one length."""
    inputs, targets, lengths = _padded(texts, start, end)
    return inputs, targets, np.arange(inputs.shape[1]) < lengths.max()


def pad_and_mask__copies(texts, start, end):
    """Gives the decoder its own target: the loss falls to 0."""
    _, targets, lengths = _padded(texts, start, end)
    return targets.copy(), targets, np.arange(targets.shape[1]) < lengths


def pad_and_mask__starts_in_targets(texts, start, end):
    """Puts the start into both."""
    inputs, targets, lengths = _padded(texts, start, end)
    targets[:, 1:] = targets[:, :-1].copy()
    targets[:, 0] = start
    return inputs, targets, np.arange(inputs.shape[1]) < lengths


def pad_and_mask__end_at_the_right(texts, start, end):
    """Puts the end into the last column: right for the longest text."""
    inputs, targets, lengths = _padded(texts, start, end)
    for row, (length,) in zip(targets, lengths, strict=True):
        row[length - 1], row[-1] = 0, end
    return inputs, targets, np.arange(inputs.shape[1]) < lengths


def pad_and_mask__end_in_inputs(texts, start, end):
    """Shifts the targets, with the end of shorter texts."""
    _, targets, lengths = _padded(texts, start, end)
    inputs = np.concatenate([np.full((len(texts), 1), start), targets[:, :-1]], axis=1)
    return inputs, targets, np.arange(inputs.shape[1]) < lengths


def pad_and_mask__at_the_left(texts, start, end):
    """Pads in front, so that all texts end together."""
    inputs, targets, lengths = _padded(texts, start, end)
    width = inputs.shape[1]
    for array in (inputs, targets):
        for row, (length,) in zip(array, lengths, strict=True):
            row[:] = np.roll(row, width - length)
    return inputs, targets, np.arange(width) >= width - lengths


def pad_and_mask__length_of_the_first(texts, start, end):
    """Takes the first text for the longest."""
    width = len(texts[0]) + 1
    inputs, targets, lengths = _padded(texts, start, end)
    return inputs[:, :width], targets[:, :width], np.arange(width) < lengths


def pad_and_mask__floats(texts, start, end):
    """Begins with zeros that are floats, which are no indices."""
    inputs, targets, lengths = _padded(texts, start, end)
    return inputs.astype(float), targets.astype(float), np.arange(inputs.shape[1]) < lengths


def _sigmoid(a):
    return np.exp(-np.logaddexp(0, -a))


def _sums(x, h, weight_ih, weight_hh, bias_ih, bias_hh):
    """Return the three parts of both sums."""
    i = np.split(x @ weight_ih.T + bias_ih, 3, axis=1)
    return i, np.split(h @ weight_hh.T + bias_hh, 3, axis=1)


def gru_step__as_in_the_paper(x, h, weight_ih, weight_hh, bias_ih, bias_hh):
    """Multiplies the state by the reset gate before the product."""
    i, s = _sums(x, h, weight_ih, weight_hh, bias_ih, bias_hh)
    H = h.shape[1]
    reset, update = _sigmoid(i[0] + s[0]), _sigmoid(i[1] + s[1])
    candidate = np.tanh(i[2] + (reset * h) @ weight_hh[2 * H :].T + bias_hh[2 * H :])
    return (1 - update) * candidate + update * h


def gru_step__bias_outside(x, h, weight_ih, weight_hh, bias_ih, bias_hh):
    """Lets the reset gate multiply the product, but not its bias."""
    i, s = _sums(x, h, weight_ih, weight_hh, bias_ih, 0 * bias_hh)
    b = np.split(bias_hh, 3)
    reset, update = _sigmoid(i[0] + s[0] + b[0]), _sigmoid(i[1] + s[1] + b[1])
    candidate = np.tanh(i[2] + reset * s[2] + b[2])
    return (1 - update) * candidate + update * h


def gru_step__update_turned_round(x, h, weight_ih, weight_hh, bias_ih, bias_hh):
    """Keeps the state where the update gate is shut, as some papers have it."""
    i, s = _sums(x, h, weight_ih, weight_hh, bias_ih, bias_hh)
    reset, update = _sigmoid(i[0] + s[0]), _sigmoid(i[1] + s[1])
    return update * np.tanh(i[2] + reset * s[2]) + (1 - update) * h


def gru_step__update_first(x, h, weight_ih, weight_hh, bias_ih, bias_hh):
    """Takes the gates in the order of Keras: update, reset."""
    i, s = _sums(x, h, weight_ih, weight_hh, bias_ih, bias_hh)
    update, reset = _sigmoid(i[0] + s[0]), _sigmoid(i[1] + s[1])
    return (1 - update) * np.tanh(i[2] + reset * s[2]) + update * h


def gru_step__one_bias(x, h, weight_ih, weight_hh, bias_ih, bias_hh):
    """Forgets the second bias."""
    i, s = _sums(x, h, weight_ih, weight_hh, bias_ih, 0 * bias_hh)
    reset, update = _sigmoid(i[0] + s[0]), _sigmoid(i[1] + s[1])
    return (1 - update) * np.tanh(i[2] + reset * s[2]) + update * h


def gru_step__resets_the_input(x, h, weight_ih, weight_hh, bias_ih, bias_hh):
    """Multiplies the whole sum by the reset gate."""
    i, s = _sums(x, h, weight_ih, weight_hh, bias_ih, bias_hh)
    reset, update = _sigmoid(i[0] + s[0]), _sigmoid(i[1] + s[1])
    return (1 - update) * np.tanh(reset * (i[2] + s[2])) + update * h


def gru_step__never_resets(x, h, weight_ih, weight_hh, bias_ih, bias_hh):
    """Has a reset gate and does not use it."""
    i, s = _sums(x, h, weight_ih, weight_hh, bias_ih, bias_hh)
    update = _sigmoid(i[1] + s[1])
    return (1 - update) * np.tanh(i[2] + s[2]) + update * h


def gru_step__sigmoid_candidate(x, h, weight_ih, weight_hh, bias_ih, bias_hh):
    """Uses σ for the candidate."""
    i, s = _sums(x, h, weight_ih, weight_hh, bias_ih, bias_hh)
    reset, update = _sigmoid(i[0] + s[0]), _sigmoid(i[1] + s[1])
    return (1 - update) * _sigmoid(i[2] + reset * s[2]) + update * h


def gru_step__overflows(x, h, weight_ih, weight_hh, bias_ih, bias_hh):
    """Computes e^-a for every a: right, with a warning, but for where it is not."""
    i, s = _sums(x, h, weight_ih, weight_hh, bias_ih, bias_hh)
    reset, update = (1 / (1 + np.exp(-(i[k] + s[k]))) for k in (0, 1))
    return (1 - update) * np.tanh(i[2] + reset * s[2]) + update * h


def gru_step__interleaved(x, h, weight_ih, weight_hh, bias_ih, bias_hh):
    """Takes the three rows of each unit to stand together: right for one unit."""
    i, s = (x @ weight_ih.T + bias_ih), (h @ weight_hh.T + bias_hh)
    reset, update = (_sigmoid(i[:, k::3] + s[:, k::3]) for k in (0, 1))
    return (1 - update) * np.tanh(i[:, 2::3] + reset * s[:, 2::3]) + update * h


def _parts(dnext, h, reset, update, candidate, s3):
    """Return the gradients before σ, σ and tanh."""
    dcandidate = dnext * (1 - update) * (1 - candidate**2)
    dreset = dcandidate * s3 * reset * (1 - reset)
    return dreset, dnext * (h - candidate) * update * (1 - update), dcandidate


def _returned(dnext, reset, update, weight_hh, parts):
    """Return di, ds and dh of these parts, as an answer would."""
    dreset, dupdate, dcandidate = parts
    di = np.concatenate([dreset, dupdate, dcandidate], axis=1)
    ds = np.concatenate([dreset, dupdate, dcandidate * reset], axis=1)
    return di, ds, dnext * update + ds @ weight_hh


def gru_step_backward__only_through_the_gates(dnext, h, reset, update, candidate, s3, weight_hh):
    """Forgets that the next state holds some of h itself."""
    parts = _parts(dnext, h, reset, update, candidate, s3)
    di, ds, _ = _returned(dnext, reset, update, weight_hh, parts)
    return di, ds, ds @ weight_hh


def gru_step_backward__only_directly(dnext, h, reset, update, candidate, s3, weight_hh):
    """Forgets that the sums depend on h."""
    parts = _parts(dnext, h, reset, update, candidate, s3)
    di, ds, _ = _returned(dnext, reset, update, weight_hh, parts)
    return di, ds, dnext * update


def gru_step_backward__one_sum(dnext, h, reset, update, candidate, s3, weight_hh):
    """Takes both sums for one: forgets the reset gate on the way to s3."""
    di = np.concatenate(_parts(dnext, h, reset, update, candidate, s3), axis=1)
    return di, di.copy(), dnext * update + di @ weight_hh


def gru_step_backward__reset_in_both(dnext, h, reset, update, candidate, s3, weight_hh):
    """Multiplies the candidate's gradient by the reset gate for the input, too."""
    dreset, dupdate, dcandidate = _parts(dnext, h, reset, update, candidate, s3)
    ds = np.concatenate([dreset, dupdate, dcandidate * reset], axis=1)
    return ds.copy(), ds, dnext * update + ds @ weight_hh


def gru_step_backward__sign_of_update(dnext, h, reset, update, candidate, s3, weight_hh):
    """Takes candidate - h for the derivative by the update gate."""
    dreset, dupdate, dcandidate = _parts(dnext, h, reset, update, candidate, s3)
    return _returned(dnext, reset, update, weight_hh, (dreset, -dupdate, dcandidate))


def gru_step_backward__update_through_h_only(dnext, h, reset, update, candidate, s3, weight_hh):
    """Forgets that the update gate also shuts out the candidate: right where that is 0."""
    dreset, _, dcandidate = _parts(dnext, h, reset, update, candidate, s3)
    dupdate = dnext * h * update * (1 - update)
    return _returned(dnext, reset, update, weight_hh, (dreset, dupdate, dcandidate))


def gru_step_backward__update_for_candidate(dnext, h, reset, update, candidate, s3, weight_hh):
    """Lets the candidate through by update, not by 1 - update: right at one half."""
    dcandidate = dnext * update * (1 - candidate**2)
    dreset = dcandidate * s3 * reset * (1 - reset)
    dupdate = dnext * (h - candidate) * update * (1 - update)
    return _returned(dnext, reset, update, weight_hh, (dreset, dupdate, dcandidate))


def gru_step_backward__no_tanh(dnext, h, reset, update, candidate, s3, weight_hh):
    """Forgets the derivative of tanh: right for a candidate of 0."""
    dcandidate = dnext * (1 - update)
    dreset = dcandidate * s3 * reset * (1 - reset)
    dupdate = dnext * (h - candidate) * update * (1 - update)
    return _returned(dnext, reset, update, weight_hh, (dreset, dupdate, dcandidate))


def gru_step_backward__reset_without_sum(dnext, h, reset, update, candidate, s3, weight_hh):
    """Uses h where the reset gate multiplies s3."""
    _, dupdate, dcandidate = _parts(dnext, h, reset, update, candidate, s3)
    dreset = dcandidate * h * reset * (1 - reset)
    return _returned(dnext, reset, update, weight_hh, (dreset, dupdate, dcandidate))


def gru_step_backward__no_gate(dnext, h, reset, update, candidate, s3, weight_hh):
    """Forgets the derivative of σ in the reset gate."""
    _, dupdate, dcandidate = _parts(dnext, h, reset, update, candidate, s3)
    return _returned(dnext, reset, update, weight_hh, (dcandidate * s3, dupdate, dcandidate))


def gru_step_backward__gates_swapped(dnext, h, reset, update, candidate, s3, weight_hh):
    """Returns the parts in another order than the weights."""
    dreset, dupdate, dcandidate = _parts(dnext, h, reset, update, candidate, s3)
    di = np.concatenate([dupdate, dreset, dcandidate], axis=1)
    ds = np.concatenate([dupdate, dreset, dcandidate * reset], axis=1)
    right = np.concatenate([dreset, dupdate, dcandidate * reset], axis=1)
    return di, ds, dnext * update + right @ weight_hh


def gru_step_backward__candidate_only(dnext, h, reset, update, candidate, s3, weight_hh):
    """Leaves the gates out of the way back to h."""
    parts = _parts(dnext, h, reset, update, candidate, s3)
    di, ds, _ = _returned(dnext, reset, update, weight_hh, parts)
    H = h.shape[1]
    return di, ds, dnext * update + ds[:, 2 * H :] @ weight_hh[2 * H :]


def gru_step_backward__mean_over_rows(dnext, h, reset, update, candidate, s3, weight_hh):
    """Divides by the number of rows: right for one."""
    dnext = dnext / len(dnext)
    parts = _parts(dnext, h, reset, update, candidate, s3)
    return _returned(dnext, reset, update, weight_hh, parts)


def _log_softmax(logits):
    shifted = logits - logits.max(axis=1, keepdims=True)
    return shifted - np.log(np.exp(shifted).sum(axis=1, keepdims=True))


def multinomial_loss__one_word(logits, counts):
    """Uses the gradient for a single word: p - counts."""
    log_p, N = _log_softmax(logits), len(logits)
    return -(counts * log_p).sum() / N, (np.exp(log_p) - counts) / N


def multinomial_loss__shares(logits, counts):
    """Turns counts into shares: a long document weighs no more than a word."""
    log_p, N = _log_softmax(logits), len(logits)
    shares = counts / np.maximum(counts.sum(axis=1, keepdims=True), 1)
    total = shares.sum(axis=1, keepdims=True)
    return -(shares * log_p).sum() / N, (total * np.exp(log_p) - shares) / N


def multinomial_loss__presence(logits, counts):
    """Asks whether a word occurs, not how often."""
    log_p, N = _log_softmax(logits), len(logits)
    there = (counts > 0).astype(float)
    total = there.sum(axis=1, keepdims=True)
    return -(there * log_p).sum() / N, (total * np.exp(log_p) - there) / N


def multinomial_loss__mean_over_words(logits, counts):
    """Averages over the entries."""
    log_p = _log_softmax(logits)
    total = counts.sum(axis=1, keepdims=True)
    return -(counts * log_p).mean(), (total * np.exp(log_p) - counts) / counts.size


def multinomial_loss__gradient_not_averaged(logits, counts):
    """Forgets 1/N in the gradient: right for one document."""
    log_p, N = _log_softmax(logits), len(logits)
    total = counts.sum(axis=1, keepdims=True)
    return -(counts * log_p).sum() / N, total * np.exp(log_p) - counts


def multinomial_loss__total_of_all(logits, counts):
    """Uses the number of words of the whole batch: right for one document."""
    log_p, N = _log_softmax(logits), len(logits)
    return -(counts * log_p).sum() / N, (counts.sum() * np.exp(log_p) - counts) / N


def multinomial_loss__at_least_one_word(logits, counts):
    """Takes an empty document to have a word, so as not to divide by 0 somewhere."""
    log_p, N = _log_softmax(logits), len(logits)
    total = np.maximum(counts.sum(axis=1, keepdims=True), 1)
    return -(counts * log_p).sum() / N, (total * np.exp(log_p) - counts) / N


def multinomial_loss__sign(logits, counts):
    """Returns counts - expected counts."""
    log_p, N = _log_softmax(logits), len(logits)
    total = counts.sum(axis=1, keepdims=True)
    return -(counts * log_p).sum() / N, (counts - total * np.exp(log_p)) / N


def multinomial_loss__only_words_that_occur(logits, counts):
    """Has no gradient where a word does not occur."""
    log_p, N = _log_softmax(logits), len(logits)
    d = (counts.sum(axis=1, keepdims=True) * np.exp(log_p) - counts) * (counts > 0)
    return -(counts * log_p).sum() / N, d / N


def multinomial_loss__softmax_of_the_batch(logits, counts):
    """Lets the softmax run over documents and words: right for one document."""
    log_p, N = _log_softmax(logits.reshape(1, -1)).reshape(logits.shape), len(logits)
    return -(counts * log_p).sum() / N, (counts.sum() * np.exp(log_p) - counts) / N


def multinomial_loss__overflows(logits, counts):
    """Takes e to the power of the logits without a shift."""
    e, N = np.exp(logits), len(logits)
    p = e / e.sum(axis=1, keepdims=True)
    total = counts.sum(axis=1, keepdims=True)
    return -(counts * np.log(p)).sum() / N, (total * p - counts) / N


def multinomial_loss__log_of_zero(logits, counts):
    """Takes the logarithm of a softmax that has become 0."""
    p, N = np.exp(_log_softmax(logits)), len(logits)
    total = counts.sum(axis=1, keepdims=True)
    return -(counts * np.log(p)).sum() / N, (total * p - counts) / N


def multinomial_loss__logs_clipped(logits, counts):
    """Adds a small number before the logarithm."""
    p, N = np.exp(_log_softmax(logits)), len(logits)
    total = counts.sum(axis=1, keepdims=True)
    return -(counts * np.log(p + 1e-12)).sum() / N, (total * p - counts) / N


def _cosines(codes):
    lengths = np.linalg.norm(codes, axis=1, keepdims=True)
    unit = codes / np.where(lengths > 0, lengths, 1)
    return unit @ unit.T


def _others(near):
    """Return the rows by nearness, the nearest first, without the row itself."""
    near = near.copy()
    np.fill_diagonal(near, -np.inf)
    return np.argsort(-near, axis=1)[:, :-1]


def precision_at__finds_itself(codes, labels, k):
    """Lets a row be its own neighbour."""
    nearest = np.argsort(-_cosines(codes), axis=1)[:, :k]
    return (labels[nearest] == labels[:, None]).mean()


def precision_at__drops_the_first(codes, labels, k):
    """Drops the nearest row as the row itself: of two equal rows it may be the other."""
    nearest = np.argsort(-_cosines(codes), axis=1, kind="stable")[:, 1 : k + 1]
    return (labels[nearest] == labels[:, None]).mean()


def precision_at__drops_equal_rows(codes, labels, k):
    """Takes every row with a cosine of 1 for the row itself."""
    near = _cosines(codes)
    near[near > 1 - 1e-9] = -np.inf
    nearest = np.argsort(-near, axis=1)[:, :k]
    return (labels[nearest] == labels[:, None]).mean()


def precision_at__euclidean(codes, labels, k):
    """Uses distances: right for rows of one length."""
    far = np.linalg.norm(codes[:, None] - codes, axis=2)
    nearest = _others(-far)[:, :k]
    return (labels[nearest] == labels[:, None]).mean()


def precision_at__products(codes, labels, k):
    """Forgets to divide by the lengths: long rows are near to everything."""
    nearest = _others(codes @ codes.T)[:, :k]
    return (labels[nearest] == labels[:, None]).mean()


def precision_at__divides_by_zero(codes, labels, k):
    """Turns a row of zeros into nan."""
    with np.errstate(all="ignore"):
        unit = codes / np.linalg.norm(codes, axis=1, keepdims=True)
        nearest = _others(unit @ unit.T)[:, :k]
    return (labels[nearest] == labels[:, None]).mean()


def precision_at__any(codes, labels, k):
    """Is content if one of the k is right."""
    nearest = _others(_cosines(codes))[:, :k]
    return (labels[nearest] == labels[:, None]).any(axis=1).mean()


def precision_at__majority(codes, labels, k):
    """Is content if most of the k are right: a classifier's accuracy."""
    nearest = _others(_cosines(codes))[:, :k]
    return ((labels[nearest] == labels[:, None]).mean(axis=1) > 0.5).mean()


def precision_at__recall(codes, labels, k):
    """Divides by the number of rows that could be found."""
    nearest = _others(_cosines(codes))[:, :k]
    found = (labels[nearest] == labels[:, None]).sum(axis=1)
    return (found / np.maximum((labels[:, None] == labels).sum(axis=1) - 1, 1)).mean()


def precision_at__what_is_possible(codes, labels, k):
    """Divides by k or the number of rows that could be found, whichever is less."""
    nearest = _others(_cosines(codes))[:, :k]
    found = (labels[nearest] == labels[:, None]).sum(axis=1)
    possible = np.maximum((labels[:, None] == labels).sum(axis=1) - 1, 1)
    return (found / np.minimum(possible, k)).mean()


def precision_at__mean_of_classes(codes, labels, k):
    """Averages over labels, however many rows each has."""
    nearest = _others(_cosines(codes))[:, :k]
    share = (labels[nearest] == labels[:, None]).mean(axis=1)
    return np.mean([share[labels == c].mean() for c in np.unique(labels)])


def precision_at__farthest(codes, labels, k):
    """Sorts upwards."""
    nearest = _others(-_cosines(codes))[:, :k]
    return (labels[nearest] == labels[:, None]).mean()


def precision_at__absolute(codes, labels, k):
    """Takes what points the other way for near."""
    nearest = _others(np.abs(_cosines(codes)))[:, :k]
    return (labels[nearest] == labels[:, None]).mean()


def precision_at__nearest_k(codes, labels, k):
    """Looks at the k-th neighbour alone."""
    nearest = _others(_cosines(codes))[:, k - 1]
    return (labels[nearest] == labels).mean()
