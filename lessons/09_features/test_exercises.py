"""The checks of lesson 9. Results are compared with loops and other formulas on small inputs."""

from math import exp, log, sqrt

import numpy as np

from minae import nn
from minae.course.checking import same
from minae.tensor import Tensor


def normal(*shape, seed=0):
    """Return random numbers, in float64."""
    return np.random.default_rng(seed).normal(size=shape)


def unchanged(arrays, copies, call):
    """Fail if an input was written into."""
    for array, copy in zip(arrays, copies, strict=True):
        assert np.array_equal(array, copy), f"{call} changed one of its inputs"


def loop_loss(weight, bias, x, y, lam):
    """Return the loss, row by row and class by class."""
    total = 0.0
    for row, right in zip(x, y, strict=True):
        logits = [sum(w * v for w, v in zip(ws, row, strict=True)) for ws in weight]
        logits = [logit + b for logit, b in zip(logits, bias, strict=True)]
        total += log(sum(exp(logit) for logit in logits)) - logits[right]
    return total / len(x) + lam / 2 * sum(w * w for w in weight.ravel())


def slope(f, array, step=1e-5):
    """Return the gradient of the number f(array), by central differences."""
    gradient = np.empty_like(array)
    for index in np.ndindex(array.shape):
        up, down = array.copy(), array.copy()
        up[index] += step
        down[index] -= step
        gradient[index] = (f(up) - f(down)) / (2 * step)
    return gradient


def test_probe_loss__agrees_with_loops(student):
    """Loss by loops, gradients by differences; with a strong and a weak second term."""
    for K, Z, n, lam in [(3, 2, 5, 0.0), (4, 3, 7, 0.7), (2, 5, 1, 0.3), (5, 1, 6, 2.0)]:
        weight, bias, x = normal(K, Z), normal(K, seed=1), normal(n, Z, seed=2)
        y = np.random.default_rng(3).integers(0, K, n)
        shapes = f"weight {weight.shape}, bias {bias.shape}, x {x.shape}, y {y.tolist()}"
        call = f"probe_loss({shapes}, lam={lam}) of random numbers"
        copies = weight.copy(), bias.copy(), x.copy(), y.copy()
        expected = (
            loop_loss(weight, bias, x, y, lam),
            slope(lambda w, b=bias, x=x, y=y, lam=lam: loop_loss(w, b, x, y, lam), weight),
            slope(lambda b, w=weight, x=x, y=y, lam=lam: loop_loss(w, b, x, y, lam), bias),
        )
        same(student.probe_loss(weight, bias, x, y, lam), expected, call)
        unchanged((weight, bias, x, y), copies, call)


def test_probe_loss__of_large_logits(student):
    """Where e to the power of a logit is too large for any number."""
    weight, bias, x = np.array([[1.0], [-1.0]]), np.array([0.0, 5.0]), np.array([[500.0], [400.0]])
    call = "probe_loss(weight [[1], [-1]], bias [0, 5], x [[500], [400]], y [1, 0], lam=0.5)"
    with np.errstate(all="ignore"):
        result = student.probe_loss(weight, bias, x, np.array([1, 0]), 0.5)
    same(result, (498.0, np.array([[250.5], [-250.5]]), np.array([0.5, -0.5])), call)


def test_few_labels__are_k_of_each_class(student):
    """Classes of any name and size, one of which is used up."""
    for names, sizes, k in [
        ((0, 1, 2), (6, 6, 6), 2),
        ((3, 8, 40), (5, 9, 12), 5),
        ((-1,), (4,), 1),
    ]:
        labels = np.random.default_rng(0).permutation(np.repeat(names, sizes))
        copy = labels.copy()
        call = f"few_labels({len(labels)} labels: {sizes} of {names}, k={k}, seed=7)"
        rows = np.asarray(student.few_labels(labels, k, 7))
        unchanged((labels,), (copy,), call)
        assert rows.shape == (len(names) * k,), f"{call} returned an array of shape {rows.shape}"
        assert rows.dtype.kind in "iu", f"{call} returned {rows.dtype}, not row numbers"
        assert len(set(rows.tolist())) == rows.size, f"{call} returned a row twice: {sorted(rows)}"
        assert 0 <= rows.min() <= rows.max() < len(labels), f"{call} returned {rows.tolist()}"
        for name in names:
            found = int((labels[rows] == name).sum())
            assert found == k, f"{call} returned {found} rows of class {name}, not {k}"


def test_few_labels__depend_on_the_seed_alone(student):
    """Drawn again, and while somebody else draws."""
    labels = np.arange(60) % 3
    first = np.sort(student.few_labels(labels, 4, 5))
    np.random.seed(123)
    before = np.random.get_state()[1].copy()
    again = np.sort(student.few_labels(labels, 4, 5))
    after = np.random.get_state()[1]
    call = "few_labels(20 labels each of 0, 1 and 2, k=4, seed=5), called a second time,"
    same(again, first, call)
    assert np.array_equal(before, after), f"{call} drew from NumPy's global random numbers"
    others = [np.sort(student.few_labels(labels, 4, seed)).tolist() for seed in range(6, 9)]
    assert first.tolist() not in others, "few_labels gives the same rows for seeds 5, 6, 7 and 8"


def test_few_labels__go_on_where_fewer_stopped(student):
    """The rows for k = 1, 3 and 10 lie in each other."""
    labels = np.random.default_rng(1).integers(0, 3, 90)
    draws = {k: set(np.asarray(student.few_labels(labels, k, 2)).tolist()) for k in (1, 3, 10)}
    for small, large in ((1, 3), (3, 10)):
        missing = sorted(draws[small] - draws[large])
        assert not missing, (
            f"few_labels(90 labels of 3 classes, seed=2): rows {missing} are drawn with k={small}"
            f" and not with k={large}"
        )


def test_few_labels__give_every_row_its_chance(student):
    """2 of 6 rows of a class, 600 times: 200 each, give or take 12 (one standard deviation)."""
    labels = np.repeat([4, 9], 6)
    rows = np.concatenate([student.few_labels(labels, 2, seed) for seed in range(600)])
    counts = np.bincount(rows, minlength=12)
    assert abs(counts - 200).max() < 60, (
        "few_labels(6 labels each of 4 and 9, k=2), with 600 seeds, drew the rows 0 to 11"
        f" {counts.tolist()} times: 200 times each is expected, give or take a few dozen"
    )


def test_few_labels__refuse_a_small_class(student):
    """Three rows where four are wanted."""
    labels = np.array([7, 5, 7, 5, 7, 5, 7])
    call = "few_labels([7, 5, 7, 5, 7, 5, 7], k=4, seed=0)"
    said, rows = None, None
    try:
        rows = student.few_labels(labels, 4, 0)
    except ValueError as error:
        said = str(error)
    assert said is not None, f"{call} returned {rows}: class 5 has 3 rows, so expected ValueError"
    assert "5" in said, f"{call} raised ValueError({said!r}): which class has too few rows?"


def loop_standardised(train, test):
    """Return both arrays, number by number."""
    results = np.zeros(train.shape), np.zeros(test.shape)
    for j, column in enumerate(train.T):
        mean = sum(column) / len(column)
        std = sqrt(sum((v - mean) ** 2 for v in column) / len(column))
        if max(column) > min(column):
            for array, result in zip((train, test), results, strict=True):
                for i, row in enumerate(array):
                    result[i, j] = (row[j] - mean) / std
    return results


def test_standardised__agrees_with_a_loop(student):
    """Test rows that are unlike training rows, and one test row alone."""
    for N, M, Z in [(5, 3, 2), (4, 1, 4), (7, 7, 3)]:
        train, test = 3 * normal(N, Z) + 1, normal(M, Z, seed=1) - 4
        call = f"standardised(train {train.shape}, test {test.shape}) of random numbers"
        copies = train.copy(), test.copy()
        same(student.standardised(train, test), loop_standardised(train, test), call)
        unchanged((train, test), copies, call)


def test_standardised__of_a_constant_feature(student):
    """A pixel at the border: always black, or 0.1, in training, and once not in the test."""
    train = np.array([[0.0, 1.0, 0.1], [0.0, 3.0, 0.1], [0.0, 8.0, 0.1]])
    test = np.array([[0.5, 4.0, 0.1], [0.0, 2.0, 0.7]])
    call = "standardised([[0, 1, 0.1], [0, 3, 0.1], [0, 8, 0.1]], [[0.5, 4, 0.1], [0, 2, 0.7]])"
    with np.errstate(all="ignore"):
        result = student.standardised(train, test)
    same(result, loop_standardised(train, test), call)


def test_standardised__of_a_small_feature(student):
    """A feature of a millionth is no constant one."""
    train, test = np.array([[2e-6], [4e-6], [9e-6]]), np.array([[5e-6]])
    call = "standardised([[2e-6], [4e-6], [9e-6]], [[5e-6]])"
    same(student.standardised(train, test), loop_standardised(train, test), call)


class Layers:
    """A Tanh layer and a linear one in NumPy, trained as fine_tune promises."""

    def __init__(self, encoder, head):
        layers = encoder[0], head
        self.arrays = [p.numpy().copy() for y in layers for p in map(_plain, (y.weight, y.bias))]

    def step(self, x, y, lr, encoder_lr):
        """Take one step of gradient descent."""
        w1, b1, w2, b2 = self.arrays
        h = np.tanh(x @ w1.T + b1)
        p = np.exp(h @ w2.T + b2)
        p /= p.sum(axis=1, keepdims=True)
        dlogits = (p - np.eye(len(b2))[y]) / len(x)
        dh = dlogits @ w2 * (1 - h**2)
        gradients = dh.T @ x, dh.sum(axis=0), dlogits.T @ h, dlogits.sum(axis=0)
        rates = encoder_lr, encoder_lr, lr, lr
        self.arrays = [a - r * g for a, r, g in zip(self.arrays, rates, gradients, strict=True)]


def _plain(parameter):
    return Tensor(parameter.data)


def networks(inputs, hidden, classes, seed):
    """Return an encoder and a head in float64."""
    encoder = nn.Sequential(nn.Linear(inputs, hidden), nn.Tanh())
    head = nn.Linear(hidden, classes)
    for n, p in enumerate((*encoder.parameters(), *head.parameters())):
        p.data = normal(*p.shape, seed=seed + n)
    return encoder, head


def arrays_of(encoder, head):
    """Return weight and bias of both, as arrays."""
    return [p.data.copy() for p in (*encoder.parameters(), *head.parameters())]


def check_fine_tune(student, frozen_steps, steps, lr, encoder_lr, sizes=(3, 4, 2), N=6):
    """Compare copies that fine_tune returns with what NumPy makes of the same start."""
    encoder, head = networks(*sizes, seed=frozen_steps)
    x, y = normal(N, sizes[0], seed=9), np.random.default_rng(9).integers(0, sizes[-1], N)
    expected = Layers(encoder, head)
    for step in range(frozen_steps + steps):
        expected.step(x, y, lr, encoder_lr if step >= frozen_steps else 0)
    before = arrays_of(encoder, head)
    call = (
        f"fine_tune(encoder, head, x {x.shape}, y, frozen_steps={frozen_steps}, steps={steps},"
        f" lr={lr}, encoder_lr={encoder_lr})"
    )
    result = student.fine_tune(
        encoder, head, Tensor(x), Tensor(y), frozen_steps, steps, lr, encoder_lr
    )
    assert isinstance(result, tuple | list), f"{call} returned {result!r}, not encoder and head"
    names = "the encoder's weight", "the encoder's bias", "the head's weight", "the head's bias"
    for name, a, b in zip(names, arrays_of(encoder, head), before, strict=True):
        assert np.array_equal(a, b), f"{call} changed {name} in the modules that it was given"
    for name, a, e in zip(names, arrays_of(*result), expected.arrays, strict=True):
        same(a, e, f"{name} after {call}")


def test_fine_tune__moves_the_head_first(student):
    """Only frozen steps."""
    check_fine_tune(student, 3, 0, 0.5, 0.25)


def test_fine_tune__moves_both(student):
    """No frozen steps; with two rates."""
    check_fine_tune(student, 0, 3, 0.5, 0.125)
    check_fine_tune(student, 0, 2, 0.25, 0.25, sizes=(2, 3, 4), N=5)


def test_fine_tune__one_after_the_other(student):
    """One phase and then the other."""
    check_fine_tune(student, 2, 3, 0.5, 0.25)
    check_fine_tune(student, 4, 1, 0.25, 0.75, sizes=(2, 5, 3), N=7)


def loop_compare(a, b):
    """Return the three numbers, by sums."""
    S = len(a)

    def variance(values):
        mean = sum(values) / S
        return sum((v - mean) ** 2 for v in values) / (S - 1)

    d = [u - v for u, v in zip(a, b, strict=True)]
    unpaired = sqrt(variance(a) / S + variance(b) / S)
    return sum(d) / S, sqrt(variance(d) / S), unpaired


def test_compare__agrees_with_sums(student):
    """Draws that are lucky for both, for one, and two draws only."""
    for S, shared, seed in [(5, 3.0, 0), (8, 0.0, 1), (2, 1.0, 2)]:
        luck = shared * normal(S, seed=seed)
        a, b = 75 + luck + normal(S, seed=seed + 10), 72 + luck + 2 * normal(S, seed=seed + 20)
        call = f"compare(a {a.round(2).tolist()}, b {b.round(2).tolist()})"
        copies = a.copy(), b.copy()
        same(student.compare(a, b), loop_compare(a, b), call)
        unchanged((a, b), copies, call)


def test_compare__by_hand(student):
    """Differences of 1, 2 and 3 points."""
    a, b = np.array([61.0, 72.0, 83.0]), np.array([60.0, 70.0, 80.0])
    expected = (2.0, sqrt(1 / 3), sqrt((121 + 100) / 3))
    same(student.compare(a, b), expected, "compare([61, 72, 83], [60, 70, 80])")
