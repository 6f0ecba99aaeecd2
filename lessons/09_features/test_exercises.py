"""The checks of lesson 9. Results are compared with loops and other formulas on small inputs."""

import re
from itertools import combinations
from math import exp, log, sqrt

import numpy as np

from minae import nn, ops
from minae.course.checking import same, same_gradient, shape_of, slope
from minae.tensor import Tensor


def normal(*shape, seed=0):
    """Return random numbers, in float64."""
    return np.random.default_rng(seed).normal(size=shape)


def loop_loss(weight, bias, x, y, lam):
    """Return the loss, row by row and class by class."""
    total = 0.0
    for row, right in zip(x, y, strict=True):
        logits = [sum(w * v for w, v in zip(ws, row, strict=True)) for ws in weight]
        logits = [logit + b for logit, b in zip(logits, bias, strict=True)]
        total += log(sum(exp(logit) for logit in logits)) - logits[right]
    return total / len(x) + lam / 2 * sum(w * w for w in weight.ravel())


def check_probe_loss(student, arguments, expected, call):
    """Compare a loss and two gradients."""
    with np.errstate(all="ignore"):
        result = student.probe_loss(*arguments)
    assert isinstance(result, tuple | list), f"{call} returned {type(result).__name__}"
    assert len(result) == 3, f"{call} returned {len(result)} values, not 3"
    same(result[0], expected[0], f"the loss of {call}")
    same_gradient(result[1], expected[1], f"dweight of {call}")
    same_gradient(result[2], expected[2], f"dbias of {call}")


def test_probe_loss__agrees_with_loops(student):
    """Loss by loops, gradients by differences; classes without rows; both terms."""
    sizes = [(3, 2, 5, 0.0), (4, 3, 7, 0.7), (2, 5, 1, 0.3), (5, 1, 6, 2.0), (6, 2, 3, 0.1)]
    for K, Z, n, lam in sizes:
        weight, bias, x = normal(K, Z), normal(K, seed=1), normal(n, Z, seed=2)
        y = np.random.default_rng(3).integers(0, max(K - n // 2, 1), n)
        shapes = f"weight {weight.shape}, bias {bias.shape}, x {x.shape}, y {y.tolist()}"
        expected = (
            loop_loss(weight, bias, x, y, lam),
            slope(lambda w, b=bias, x=x, y=y, lam=lam: loop_loss(w, b, x, y, lam), weight),
            slope(lambda b, w=weight, x=x, y=y, lam=lam: loop_loss(w, b, x, y, lam), bias),
        )
        call = f"probe_loss({shapes}, lam={lam})"
        check_probe_loss(student, (weight, bias, x, y, lam), expected, call)


def test_probe_loss__of_large_logits(student):
    """Where e to the power of a logit overflows, or all of them become 0."""
    weight, bias = np.array([[1.0], [-1.0]]), np.array([0.0, 5.0])
    x, y = np.array([[500.0], [400.0]]), np.array([1, 0])
    expected = 498.0, np.array([[250.5], [-250.5]]), np.array([0.5, -0.5])
    call = "probe_loss(weight [[1], [-1]], bias [0, 5], x [[500], [400]], y [1, 0], lam=0.5)"
    check_probe_loss(student, (weight, bias, x, y, 0.5), expected, call)
    d = np.array([-1, 1]) / (1 + exp(-2))  # the second logit of each row is larger by 2
    for w, b, x in [(0, 1000, [1, 2]), (0, -1000, [1, 2]), (1000, 0, [1, -2])]:
        expected = log(1 + exp(2)), d[:, None] * np.mean(x), d
        call = f"probe_loss([[{w}], [{w}]], [{b}, {b + 2}], [{x[:1]}, {x[1:]}], y=[0, 0], lam=0)"
        weight, bias = np.full((2, 1), float(w)), np.array([b, b + 2.0])
        arguments = weight, bias, np.array(x, float)[:, None], np.array([0, 0]), 0.0
        check_probe_loss(student, arguments, expected, call)


def test_few_labels__are_k_of_each_class(student):
    """Classes of any name and size, sometimes with all of their rows drawn."""
    cases = [((0, 1, 2), (6, 6, 6), 2), ((3, 8, 40), (5, 9, 4), 4), ((-1,), (4,), 1)]
    for names, sizes, k in [*cases, ((-7, 250), (9, 9), 2), ((5,), (1,), 1)]:
        labels = np.random.default_rng(0).permutation(np.repeat(names, sizes))
        call = f"few_labels({len(labels)} labels: {sizes} of {names}, k={k}, seed=7)"
        result = student.few_labels(labels.copy(), k, 7)
        shape = shape_of(result, call)
        assert shape == (len(names) * k,), f"{call} returned an array of shape {shape}"
        rows = np.asarray(result)
        assert rows.dtype.kind in "iu", f"{call} returned {rows.dtype}, not row numbers"
        assert len(set(rows.tolist())) == rows.size, f"{call} returned a row twice: {sorted(rows)}"
        assert 0 <= rows.min() <= rows.max() < len(labels), f"{call} returned {rows.tolist()}"
        for name in names:
            found = int((labels[rows] == name).sum())
            assert found == k, f"{call} returned {found} rows of class {name}, not {k}"


def test_few_labels__depend_on_the_seed(student):
    """Other seeds, other rows."""
    labels = np.arange(60) % 3
    draws = {tuple(sorted(student.few_labels(labels, 4, seed))) for seed in (0, 5, 6, 7, 10**9)}
    assert len(draws) == 5, "few_labels gives the same rows for two of the seeds 0, 5, 6, 7, 10**9"


def test_few_labels__go_on_where_fewer_stopped(student):
    """The rows for k = 1 are among those for 3, and these among those for 10."""
    labels = np.random.default_rng(1).integers(0, 3, 90)
    draws = {k: set(np.asarray(student.few_labels(labels, k, 2)).tolist()) for k in (1, 3, 10)}
    for small, large in ((1, 3), (3, 10)):
        missing = sorted(draws[small] - draws[large])
        assert not missing, (
            f"few_labels(90 labels of 3 classes, seed=2): rows {missing} are drawn with k={small}"
            f" and not with k={large}"
        )


def test_few_labels__give_every_row_its_chance(student):
    """2 of 6 rows of a class, 600 times: each row 200 times, each pair of rows 40 times."""
    labels = np.repeat([4, 9], 6)
    drawn = np.zeros((600, 12))
    for seed in range(600):
        drawn[seed, np.asarray(student.few_labels(labels, 2, seed))] = 1
    call = "few_labels(6 labels each of 4 and 9, k=2), with 600 seeds, drew"
    counts = drawn.sum(axis=0).astype(int)
    assert abs(counts - 200).max() < 60, (  # one standard deviation is 12
        f"{call} the rows 0 to 11 {counts.tolist()} times: about 200 times each is expected"
    )
    for i, j in combinations(range(12), 2):
        both = int(drawn[:, i] @ drawn[:, j])
        assert i // 6 != j // 6 or abs(both - 40) < 31, (  # one standard deviation is 6
            f"{call} the rows {i} and {j} together {both} times: about 40 times is expected"
        )


def test_few_labels__refuse_a_small_class(student):
    """One class is too small, the first or the last; the other is large enough for two."""
    for small, large, k in [(5, 7, 4), (40, 12, 9), (-3, 11, 2)]:
        labels = np.array([large, small] * (k - 1) + [large] * (k + 2))
        call = f"few_labels({k - 1} of class {small} and {2 * k + 1} of class {large}, {k}, seed=0)"
        said, rows = None, None
        try:
            rows = student.few_labels(labels, k, 0)
        except ValueError as error:
            said = str(error)
        assert said is not None, f"{call} returned {rows}, but class {small} is too small"
        numbers = re.findall(r"-?\d+", said)
        assert str(small) in numbers, f"{call} raised ValueError({said!r}): of which class?"
        assert str(large) not in numbers, f"{call} raised ValueError({said!r}): of which class?"


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
    """Test rows that are like training rows or far from them, one test row, one training row."""
    for N, M, Z, far in [(5, 3, 2, 1), (4, 1, 4, 1000), (7, 7, 3, 1), (2, 2, 1, 1), (1, 2, 3, 1)]:
        train, test = 3 * normal(N, Z) + 1, far * normal(M, Z, seed=1) - 4
        expected = loop_standardised(train, test)
        call = f"standardised(train {train.shape}, test {test.shape})"
        same(student.standardised(train, test), expected, call)


def check_standardised(student, train, test, tolerance=1e-6):
    """Compare with the loop, feature by feature."""
    call = f"standardised({train.tolist()}, {test.tolist()})"
    expected = loop_standardised(train, test)
    with np.errstate(all="ignore"):
        result = student.standardised(train, test)
    same(result, expected, call, tolerance)


def test_standardised__of_a_constant_feature(student):
    """A pixel at the border: always black, or 0.1, in training, but not always in the test."""
    train = np.array([[0.0, 1.0, 0.1], [0.0, 3.0, 0.1], [0.0, 8.0, 0.1]])
    check_standardised(student, train, np.array([[0.5, 4.0, 0.1], [0.0, 2.0, 0.7]]))
    for N in (6, 10):  # whose mean is not quite 0.1
        check_standardised(student, np.full((N, 1), 0.1), np.array([[0.1], [0.7]]))


def test_standardised__of_a_feature_that_is_nearly_constant(student):
    """Only one training row differs; a feature varies little."""
    for i in range(4):
        train = np.zeros((4, 2))
        train[i, 0], train[:, 1] = 1.0, 0.5
        check_standardised(student, train, np.array([[0.0, 0.5], [1.0, 2.0]]))
    train, test = np.array([[2.0], [4.0], [9.0]]), np.array([[5.0]])
    for size in (1e-6, 1e-12):
        check_standardised(student, size * train, size * test)
    both = np.hstack([1 + 1e-8 * train, 1e-12 * train])
    check_standardised(student, both, both[:1], 1e-3)  # rounding takes digits


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


def check_fine_tune(
    student, frozen_steps, steps, lr, encoder_lr, sizes=(3, 4, 2), N=6, training=True
):
    """Compare the copies that fine_tune returns with NumPy's results from the same start."""
    encoder, head = networks(*sizes, seed=frozen_steps)
    x, y = normal(N, sizes[0], seed=9), np.random.default_rng(9).integers(0, sizes[-1], N)
    expected = Layers(encoder, head)
    for step in range(frozen_steps + steps):
        expected.step(x, y, lr, encoder_lr if step >= frozen_steps else 0)
    call = (
        f"fine_tune(encoder, head, x {x.shape}, y, frozen_steps={frozen_steps}, steps={steps},"
        f" lr={lr}, encoder_lr={encoder_lr})"
    )
    given = (*encoder.parameters(), *head.parameters())
    ops.cross_entropy(head(encoder(Tensor(x))), Tensor(y)).backward()  # gradients from before
    before = states(given)
    encoder.train(training)
    head.train(training)
    result = student.fine_tune(
        encoder, head, Tensor(x), Tensor(y), frozen_steps, steps, lr, encoder_lr
    )
    assert isinstance(result, tuple | list), f"{call} returned {result!r}, not encoder and head"
    assert len(result) == 2, f"{call} returned {len(result)} values, not encoder and head"
    names = "the encoder's weight", "the encoder's bias", "the head's weight", "the head's bias"
    trained = [p for module in result for p in module.parameters()]
    for name, p, old, new, e in zip(
        names, states(given), before, trained, expected.arrays, strict=True
    ):
        for what, a, b in zip(("", " (its gradient)", " (its requires_grad)"), p, old, strict=True):
            assert np.array_equal(a, b), f"{call} changed {name}{what} in its arguments"
        same(new, e, f"{name} after {call}")
        assert new.requires_grad, f"{call} returned {name} with requires_grad=False"
    own = not any(np.shares_memory(p.data, q.data) for p in given for q in trained)
    assert own, f"{call} returned its arguments, not copies"
    modes = [encoder.training, head.training]
    assert modes == [training] * 2, f"{call} changed the mode of its arguments"


def states(parameters):
    """Return value, gradient and requires_grad of each, as copies."""
    return [(p.data.copy(), np.array(p.grad.data), p.requires_grad) for p in parameters]


def test_fine_tune__moves_the_head_first(student):
    """Only frozen steps."""
    check_fine_tune(student, 3, 0, 0.5, 0.25)
    check_fine_tune(student, 1, 0, 0.25, 0.5, sizes=(2, 3, 5), N=1, training=False)


def test_fine_tune__of_no_steps(student):
    """Unchanged copies."""
    check_fine_tune(student, 0, 0, 0.5, 0.25)


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
    """Draws lucky for both or for one; only two draws; a worse a; steady draws."""
    cases = [(5, 3.0, 3, 1), (8, 0.0, 3, 2), (2, 1.0, -4, 1), (30, 2.0, -1, 1), (4, 5.0, 0.1, 1e-4)]
    for seed, (S, shared, better, spread) in enumerate(cases):
        b = 72 + shared * normal(S, seed=seed)
        a = b + better + spread * normal(S, seed=seed + 10)
        expected = loop_compare(a, b)
        call = f"compare(a {a[:5].round(2).tolist()}, b {b[:5].round(2).tolist()}), S = {S}"
        found = student.compare(a, b)
        same(found, expected, call)
        same(found[1], expected[1], f"result 1 of {call}", 1e-4)


def test_compare__by_hand(student):
    """Differences of 1, 2 and 3 points."""
    a, b = np.array([61.0, 72.0, 83.0]), np.array([60.0, 70.0, 80.0])
    expected = (2.0, sqrt(1 / 3), sqrt((121 + 100) / 3))
    same(student.compare(a, b), expected, "compare([61, 72, 83], [60, 70, 80])")
