"""Wrong answers that people give, each of which the checks must reject."""

from copy import deepcopy

import numpy as np

from minae import ops
from minae.optim import SGD


def _softmax(logits):
    e = np.exp(logits - logits.max(axis=1, keepdims=True))
    return e / e.sum(axis=1, keepdims=True)


def _parts(weight, bias, x, y):
    """Return the mean cross-entropy, and dlogits not divided by n."""
    shifted = x @ weight.T + bias
    shifted = shifted - shifted.max(axis=1, keepdims=True)
    log_p = shifted - np.log(np.exp(shifted).sum(axis=1, keepdims=True))
    return -log_p[np.arange(len(x)), y].mean(), np.exp(log_p) - np.eye(len(bias))[y]


def probe_loss__largest_or_zero(weight, bias, x, y, lam):
    """Subtracts the largest logit only where it is above 0: exp of large negative ones is 0."""
    n = len(x)
    z = x @ weight.T + bias
    z = z - np.maximum(z.max(axis=1, keepdims=True), 0)
    log_p = z - np.log(np.exp(z).sum(axis=1, keepdims=True))
    d = np.exp(log_p) - np.eye(len(bias))[y]
    loss = -log_p[np.arange(n), y].mean() + lam / 2 * (weight**2).sum()
    return loss, d.T @ x / n + lam * weight, d.sum(axis=0) / n


def probe_loss__clips(weight, bias, x, y, lam):
    """Clips the logits to 500 in size."""
    n = len(x)
    z = np.clip(x @ weight.T + bias, -500, 500)
    log_p = z - np.log(np.exp(z).sum(axis=1, keepdims=True))
    d = np.exp(log_p) - np.eye(len(bias))[y]
    loss = -log_p[np.arange(n), y].mean() + lam / 2 * (weight**2).sum()
    return loss, d.T @ x / n + lam * weight, d.sum(axis=0) / n


def probe_loss__classes_seen(weight, bias, x, y, lam):
    """Ignores classes above the highest one that a row has."""
    n, K = len(x), y.max() + 1
    z = x @ weight[:K].T + bias[:K]
    z = z - z.max(axis=1, keepdims=True)
    log_p = z - np.log(np.exp(z).sum(axis=1, keepdims=True))
    d = np.zeros((n, len(bias)))
    d[:, :K] = np.exp(log_p) - np.eye(K)[y]
    loss = -log_p[np.arange(n), y].mean() + lam / 2 * (weight**2).sum()
    return loss, d.T @ x / n + lam * weight, d.sum(axis=0) / n


def probe_loss__no_mean_in_gradient(weight, bias, x, y, lam):
    """Forgets 1/n in the gradients."""
    loss, d = _parts(weight, bias, x, y)
    return loss + lam / 2 * (weight**2).sum(), d.T @ x + lam * weight, d.sum(axis=0)


def probe_loss__decay_over_n(weight, bias, x, y, lam):
    """Divides the gradient of the second term by n as well."""
    loss, d = _parts(weight, bias, x, y)
    n = len(x)
    return loss + lam / 2 * (weight**2).sum(), (d.T @ x + lam * weight) / n, d.sum(axis=0) / n


def probe_loss__twice_the_decay(weight, bias, x, y, lam):
    """Uses 2 λ W as the gradient of λ/2 W²."""
    loss, d = _parts(weight, bias, x, y)
    n = len(x)
    return loss + lam / 2 * (weight**2).sum(), d.T @ x / n + 2 * lam * weight, d.sum(axis=0) / n


def probe_loss__decays_the_bias(weight, bias, x, y, lam):
    """Keeps the bias small, too."""
    loss, d = _parts(weight, bias, x, y)
    squares = (weight**2).sum() + (bias**2).sum()
    n = len(x)
    return loss + lam / 2 * squares, d.T @ x / n + lam * weight, d.sum(axis=0) / n + lam * bias


def probe_loss__gradient_without_decay(weight, bias, x, y, lam):
    """Has the second term in the loss but not in the gradient."""
    loss, d = _parts(weight, bias, x, y)
    return loss + lam / 2 * (weight**2).sum(), d.T @ x / len(x), d.mean(axis=0)


def probe_loss__sign(weight, bias, x, y, lam):
    """Uses label minus probability as the gradient."""
    loss, d = _parts(weight, bias, x, y)
    return loss + lam / 2 * (weight**2).sum(), -d.T @ x / len(x) + lam * weight, -d.mean(axis=0)


def probe_loss__transposed(weight, bias, x, y, lam):
    """Returns dweight as (Z, K)."""
    loss, d = _parts(weight, bias, x, y)
    loss = loss + lam / 2 * (weight**2).sum()
    return loss, x.T @ d / len(x) + lam * weight.T, d.mean(axis=0)


def probe_loss__overflows(weight, bias, x, y, lam):
    """Takes e to the power of the logits without a shift."""
    e = np.exp(x @ weight.T + bias)
    p = e / e.sum(axis=1, keepdims=True)
    d = p - np.eye(len(bias))[y]
    loss = -np.log(p[np.arange(len(x)), y]).mean() + lam / 2 * (weight**2).sum()
    return loss, d.T @ x / len(x) + lam * weight, d.mean(axis=0)


def probe_loss__log_of_zero(weight, bias, x, y, lam):
    """Takes the logarithm of a softmax that has become 0."""
    p = _softmax(x @ weight.T + bias)
    d = p - np.eye(len(bias))[y]
    loss = -np.log(p[np.arange(len(x)), y]).mean() + lam / 2 * (weight**2).sum()
    return loss, d.T @ x / len(x) + lam * weight, d.mean(axis=0)


def _by_class(labels, k, pick):
    """Return pick(rows) of each class, k of them, and refuse small classes as an answer would."""
    chosen = []
    for name in np.unique(labels):
        rows = np.flatnonzero(labels == name)
        if len(rows) < k:
            raise ValueError(f"class {name} has {len(rows)} rows, not {k}")
        chosen.append(pick(rows))
    return np.concatenate(chosen)


def few_labels__side_by_side(labels, k, seed):
    """Draws a start, and takes the k rows of the class from there on."""
    rng = np.random.default_rng(seed)
    return _by_class(labels, k, lambda rows: np.roll(rows, rng.integers(len(rows)))[:k])


def few_labels__names_all(labels, k, seed):
    """Lists all labels, instead of the class with too few rows."""
    rng, chosen = np.random.default_rng(seed), []
    for name in np.unique(labels):
        rows = np.flatnonzero(labels == name)
        if len(rows) < k:
            raise ValueError(f"too few rows in one of {labels.tolist()}")
        chosen.append(rng.permutation(rows)[:k])
    return np.concatenate(chosen)


def few_labels__counts_all(labels, k, seed):
    """Refuses only if there are too few rows in all."""
    names = np.unique(labels)
    if len(labels) < k * len(names):
        raise ValueError(f"class {names[0]} has too few rows")
    rng = np.random.default_rng(seed)
    return np.concatenate([rng.permutation(np.flatnonzero(labels == n))[:k] for n in names])


def few_labels__with_replacement(labels, k, seed):
    """May draw one row twice."""
    rng = np.random.default_rng(seed)
    return _by_class(labels, k, lambda rows: rng.choice(rows, k))


def few_labels__first_rows(labels, k, seed):
    """Takes the first k of each class, whatever the seed."""
    return _by_class(labels, k, lambda rows: rows[:k])


def few_labels__unseeded(labels, k, seed):
    """Draws other rows each time."""
    rng = np.random.default_rng()
    return _by_class(labels, k, lambda rows: rng.permutation(rows)[:k])


def few_labels__global_random(labels, k, seed):
    """Seeds everybody's random numbers."""
    np.random.seed(seed)
    return _by_class(labels, k, lambda rows: np.random.permutation(rows)[:k])


def few_labels__not_balanced(labels, k, seed):
    """Draws k rows per class on average, from all rows."""
    _by_class(labels, k, lambda rows: rows)
    rng = np.random.default_rng(seed)
    return rng.permutation(len(labels))[: k * len(np.unique(labels))]


def few_labels__numbers_in_class(labels, k, seed):
    """Returns positions within a class, not row numbers."""
    rng = np.random.default_rng(seed)
    return _by_class(labels, k, lambda rows: rng.permutation(len(rows))[:k])


def few_labels__not_nested(labels, k, seed):
    """Draws only k rows: the random numbers of the second class depend on k."""
    rng = np.random.default_rng([seed, k])
    return _by_class(labels, k, lambda rows: rng.permutation(rows)[:k])


def few_labels__takes_what_there_is(labels, k, seed):
    """Accepts fewer rows of a small class."""
    rng = np.random.default_rng(seed)
    classes = [np.flatnonzero(labels == name) for name in np.unique(labels)]
    return np.concatenate([rng.permutation(rows)[:k] for rows in classes])


def few_labels__a_run_of_rows(labels, k, seed):
    """Takes neighbours from a random position on: the last rows are rare."""
    rng = np.random.default_rng(seed)

    def run(rows):
        start = int(rng.random() * (len(rows) - 1))
        return np.roll(rows, -min(start, len(rows) - k))[:k]

    return _by_class(labels, k, run)


def few_labels__ten_digits(labels, k, seed):
    """Expects the classes 0 to 9, and no others."""
    rng = np.random.default_rng(seed)
    rows = [np.flatnonzero(labels == digit) for digit in range(10)]
    if small := [digit for digit in range(10) if len(rows[digit]) < k]:
        raise ValueError(f"classes {small} have too few rows")
    return np.concatenate([rng.permutation(r)[:k] for r in rows])


def _scaled(array, mean, std):
    return np.where(std > 0, (array - mean) / np.where(std > 0, std, 1), 0)


def _spread(train):
    """Return mean and standard deviation, which is 0 for a constant feature."""
    constant = (train == train[0]).all(axis=0)
    return train.mean(axis=0), np.where(constant, 0, train.std(axis=0))


def _scaled(train, test, constant):
    std = np.where(constant | (train.std(axis=0) == 0), 1, train.std(axis=0))
    return tuple(np.where(constant, 0, (x - train.mean(axis=0)) / std) for x in (train, test))


def standardised__first_and_last(train, test):
    """Treats a feature as constant if its first and last rows are equal."""
    return _scaled(train, test, train[0] == train[-1])


def standardised__nearly_the_same(train, test):
    """Treats a feature that varies little as constant."""
    return _scaled(train, test, np.isclose(train, train[0]).all(axis=0))


def standardised__small_deviation(train, test):
    """Treats a feature as constant if its deviation is below a hundred-millionth."""
    return _scaled(train, test, train.std(axis=0) < 1e-8)


def standardised__clips(train, test):
    """Clips test rows that are far from all training rows."""
    train, test = _scaled(train, test, (train == train[0]).all(axis=0))
    return train, np.clip(test, -10, 10)


def standardised__each_its_own(train, test):
    """Uses the test set's own mean and deviation for the test set."""
    return _scaled(train, *_spread(train)), _scaled(test, *_spread(test))


def standardised__of_both(train, test):
    """Uses mean and deviation of training and test rows together."""
    both = _spread(np.concatenate([train, test]))
    return _scaled(train, *both), _scaled(test, *both)


def standardised__over_rows(train, test):
    """Standardises each row, not each feature."""
    return tuple(
        _scaled(a, a.mean(axis=1, keepdims=True), a.std(axis=1, keepdims=True))
        for a in (train, test)
    )


def standardised__one_for_all(train, test):
    """Uses one mean and one deviation for all features."""
    return (train - train.mean()) / train.std(), (test - train.mean()) / train.std()


def standardised__variance(train, test):
    """Divides by the variance."""
    mean, std = _spread(train)
    return _scaled(train, mean, std**2), _scaled(test, mean, std**2)


def standardised__by_n_minus_one(train, test):
    """Estimates the deviation with N - 1."""
    mean, std = _spread(train)
    std = std * np.sqrt(len(train) / (len(train) - 1))
    return _scaled(train, mean, std), _scaled(test, mean, std)


def standardised__divides_by_zero(train, test):
    """Turns a constant feature into nan and inf."""
    with np.errstate(all="ignore"):
        mean, std = train.mean(axis=0), train.std(axis=0)
        return (train - mean) / std, (test - mean) / std


def standardised__small_number(train, test):
    """Adds 1e-8 to the deviation: a constant feature becomes huge in the test set."""
    mean, std = train.mean(axis=0), train.std(axis=0)
    return (train - mean) / (std + 1e-8), (test - mean) / (std + 1e-8)


def standardised__drops_small_features(train, test):
    """Treats a feature as constant if its deviation is below 1e-5."""
    mean, std = _spread(train)
    std = np.where(std < 1e-5, 0, std)
    return _scaled(train, mean, std), _scaled(test, mean, std)


def standardised__keeps_constant(train, test):
    """Divides a constant feature by 1: differences in test rows remain."""
    mean, std = _spread(train)
    std = np.where(std > 0, std, 1)
    return (train - mean) / std, (test - mean) / std


def _descend(encoder, head, x, y, rates, reduction="mean", zero=True):
    """Take a step for each (lr, encoder_lr) in rates."""
    optimizers = SGD(head.parameters(), lr=0), SGD(encoder.parameters(), lr=0)
    for pair in rates:
        for optimizer, optimizer.lr in zip(optimizers, pair, strict=True):
            if zero:
                optimizer.zero_grad()
        ops.cross_entropy(head(encoder(x)), y, reduction=reduction).backward()
        for optimizer in optimizers:
            optimizer.step()
    return encoder, head


def standardised__mean_of_squares(train, test):
    """Computes the variance as E x² - (E x)²: a small one is lost beside a large mean."""
    constant = (train == train[0]).all(axis=0)
    mean = train.mean(axis=0)
    variance = (train * train).mean(axis=0) - mean * mean
    std = np.sqrt(np.maximum(variance, 1e-300))
    return tuple(np.where(constant, 0, (a - mean) / std) for a in (train, test))


def fine_tune__clears_afterwards(encoder, head, x, y, frozen_steps, steps, lr, encoder_lr):
    """Clears gradients only after each step: old ones enter the first."""
    encoder, head = deepcopy(encoder), deepcopy(head)
    both = SGD(head.parameters(), lr=lr), SGD(encoder.parameters(), lr=encoder_lr)
    for step in range(frozen_steps + steps):
        ops.cross_entropy(head(encoder(x)), y).backward()
        for optimizer in both if step >= frozen_steps else both[:1]:
            optimizer.step()
        for optimizer in both:
            optimizer.zero_grad()
    return encoder, head


def fine_tune__stays_frozen(encoder, head, x, y, frozen_steps, steps, lr, encoder_lr):
    """Freezes the given encoder, and leaves it frozen."""
    for parameter in encoder.parameters():
        parameter.requires_grad = False
    encoder, head = deepcopy(encoder), deepcopy(head)
    for parameter in encoder.parameters():
        parameter.requires_grad = True
    both = SGD(head.parameters(), lr=lr), SGD(encoder.parameters(), lr=encoder_lr)
    for step in range(frozen_steps + steps):
        for optimizer in both:
            optimizer.zero_grad()
        ops.cross_entropy(head(encoder(x)), y).backward()
        for optimizer in both if step >= frozen_steps else both[:1]:
            optimizer.step()
    return encoder, head


def fine_tune__in_place(encoder, head, x, y, frozen_steps, steps, lr, encoder_lr):
    """Trains the given modules: the next caller starts from there."""
    return _descend(encoder, head, x, y, [(lr, 0)] * frozen_steps + [(lr, encoder_lr)] * steps)


def fine_tune__copies_the_encoder_only(encoder, head, x, y, frozen_steps, steps, lr, encoder_lr):
    """Trains the given head."""
    rates = [(lr, 0)] * frozen_steps + [(lr, encoder_lr)] * steps
    return _descend(deepcopy(encoder), head, x, y, rates)


def fine_tune__never_frozen(encoder, head, x, y, frozen_steps, steps, lr, encoder_lr):
    """Moves the encoder from the first step on."""
    rates = [(lr, encoder_lr)] * (frozen_steps + steps)
    return _descend(deepcopy(encoder), deepcopy(head), x, y, rates)


def fine_tune__always_frozen(encoder, head, x, y, frozen_steps, steps, lr, encoder_lr):
    """Never moves the encoder."""
    rates = [(lr, 0)] * (frozen_steps + steps)
    return _descend(deepcopy(encoder), deepcopy(head), x, y, rates)


def fine_tune__one_rate(encoder, head, x, y, frozen_steps, steps, lr, encoder_lr):
    """Moves the encoder with the head's rate."""
    rates = [(lr, 0)] * frozen_steps + [(lr, lr)] * steps
    return _descend(deepcopy(encoder), deepcopy(head), x, y, rates)


def fine_tune__one_frozen_too_many(encoder, head, x, y, frozen_steps, steps, lr, encoder_lr):
    """Thaws the encoder one step late."""
    total = frozen_steps + steps
    rates = ([(lr, 0)] * (frozen_steps + 1) + [(lr, encoder_lr)] * steps)[:total]
    return _descend(deepcopy(encoder), deepcopy(head), x, y, rates)


def fine_tune__steps_in_all(encoder, head, x, y, frozen_steps, steps, lr, encoder_lr):
    """Counts the frozen steps among `steps`."""
    rates = [(lr, 0)] * frozen_steps + [(lr, encoder_lr)] * (steps - frozen_steps)
    return _descend(deepcopy(encoder), deepcopy(head), x, y, rates)


def fine_tune__gradients_add_up(encoder, head, x, y, frozen_steps, steps, lr, encoder_lr):
    """Never clears gradients."""
    rates = [(lr, 0)] * frozen_steps + [(lr, encoder_lr)] * steps
    return _descend(deepcopy(encoder), deepcopy(head), x, y, rates, zero=False)


def fine_tune__sum(encoder, head, x, y, frozen_steps, steps, lr, encoder_lr):
    """Uses the sum over rows instead of the mean."""
    rates = [(lr, 0)] * frozen_steps + [(lr, encoder_lr)] * steps
    return _descend(deepcopy(encoder), deepcopy(head), x, y, rates, reduction="sum")


def fine_tune__freezes_the_head_later(encoder, head, x, y, frozen_steps, steps, lr, encoder_lr):
    """Moves the encoder alone in the second phase."""
    rates = [(lr, 0)] * frozen_steps + [(0, encoder_lr)] * steps
    return _descend(deepcopy(encoder), deepcopy(head), x, y, rates)


def _errors(a, b, ddof=1):
    """Return the three numbers, with variances by this ddof."""
    S, d = len(a), a - b
    unpaired = np.sqrt((a.var(ddof=ddof) + b.var(ddof=ddof)) / S)
    return d.mean(), np.sqrt(d.var(ddof=ddof) / S), unpaired


def compare__how_far_apart(a, b):
    """Returns a positive difference even where a is worse."""
    d, S = a - b, len(a)
    unpaired = np.sqrt((a.var(ddof=1) + b.var(ddof=1)) / S)
    return abs(d.mean()), np.sqrt(d.var(ddof=1) / S), unpaired


def compare__never_sure(a, b):
    """Adds a millionth to the variance."""
    d, S = a - b, len(a)
    unpaired = np.sqrt((a.var(ddof=1) + b.var(ddof=1)) / S)
    return d.mean(), np.sqrt(d.var(ddof=1) / S + 1e-6), unpaired


def compare__population(a, b):
    """Divides sums of squares by S."""
    return _errors(a, b, ddof=0)


def compare__deviation(a, b):
    """Returns how much draws scatter, not how sure their mean is."""
    mean, paired, unpaired = _errors(a, b)
    return mean, paired * np.sqrt(len(a)), unpaired * np.sqrt(len(a))


def compare__variance(a, b):
    """Forgets the square root."""
    mean, paired, unpaired = _errors(a, b)
    return mean, paired**2, unpaired**2


def compare__sign(a, b):
    """Subtracts a from b."""
    mean, paired, unpaired = _errors(a, b)
    return -mean, paired, unpaired


def compare__swapped(a, b):
    """Returns the errors in the other order."""
    mean, paired, unpaired = _errors(a, b)
    return mean, unpaired, paired


def compare__errors_add_up(a, b):
    """Adds standard errors where variances add up."""
    mean, paired, _ = _errors(a, b)
    return mean, paired, (a.std(ddof=1) + b.std(ddof=1)) / np.sqrt(len(a))


def compare__variances_subtract(a, b):
    """Subtracts variances, as the means are subtracted."""
    mean, paired, _ = _errors(a, b)
    return mean, paired, np.sqrt(abs(a.var(ddof=1) - b.var(ddof=1)) / len(a))


def compare__absolute(a, b):
    """Takes the mean of absolute differences."""
    _, paired, unpaired = _errors(a, b)
    return np.abs(a - b).mean(), paired, unpaired


def compare__divides_by_s(a, b):
    """Divides deviations by S, not by its square root."""
    mean, paired, unpaired = _errors(a, b)
    return mean, paired / np.sqrt(len(a)), unpaired / np.sqrt(len(a))
