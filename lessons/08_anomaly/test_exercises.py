"""The checks of lesson 8. Each compares the student's function with plain loops on small inputs."""

import math

import numpy as np

from minae.autograd import no_grad
from minae.course.checking import same
from minae.tensor import Tensor


def normal(*shape, seed=0):
    """Return random numbers, in float64."""
    return np.random.default_rng(seed).normal(size=shape)


def unchanged(array, copy, call):
    """Fail if an input was written into."""
    assert np.array_equal(array, copy), f"{call} changed its input"


class Half:
    """Stands in for a model: halves its input, adds 0.1, and notes what it was given."""

    def __init__(self):
        self.given, self.recorded = [], False
        self.weight = Tensor(np.array(0.5), requires_grad=True)

    def __call__(self, x):
        """Return half of x, and 0.1."""
        self.given.append(x.shape)
        output = x * self.weight + 0.1
        self.recorded = self.recorded or output.requires_grad
        return output


def loop_errors(x):
    """Return what Half does to each input, input by input."""
    return np.array([sum((v / 2 - 0.1) ** 2 for v in row.ravel()) for row in x])


def test_reconstruction_errors__agrees_with_a_loop(student):
    """Images, rows, a single input, batches that do and do not divide the inputs."""
    cases = [((7, 1, 4, 3), 3), ((6, 5), 2), ((1, 2, 3), 4), ((5, 3, 2, 2), 5), ((4, 8), 1)]
    for shape, size in cases:
        x = normal(*shape)
        call = f"reconstruction_errors(model, x {shape}, batch_size={size})"
        copy = x.copy()
        same(student.reconstruction_errors(Half(), x, size), loop_errors(x), call)
        unchanged(x, copy, call)


def test_reconstruction_errors__gives_batches(student):
    """At most so many rows at once, each once."""
    model = Half()
    student.reconstruction_errors(model, normal(10, 3), 4)
    rows = [shape[0] for shape in model.given]
    assert max(rows) <= 4, (
        "reconstruction_errors(model, x (10, 3), batch_size=4) gave the model"
        f" {max(rows)} rows at once"
    )
    assert sum(rows) == 10, (
        "reconstruction_errors(model, x (10, 3), batch_size=4) gave the model"
        f" batches of {rows} rows: each of the 10 rows is to be given once"
    )


def test_reconstruction_errors__needs_no_gradient(student):
    """The graph would be kept for nothing."""
    model = Half()
    student.reconstruction_errors(model, normal(4, 3), 2)
    assert not model.recorded, (
        "reconstruction_errors recorded the model's operations for a backward pass: that keeps"
        " all that it computed in memory. Call it inside `with no_grad():`"
    )
    with no_grad():
        assert not model(Tensor(normal(1, 3))).requires_grad


def loop_threshold(scores, rate):
    """Return the lowest score with at most a share of `rate` above it, by trying each."""
    able = [t for t in scores if sum(s > t for s in scores) <= rate * len(scores) + 1e-9]
    return min(able)


def test_threshold__agrees_with_a_loop(student):
    """Rates that do and do not hit a whole number of scores, in no order."""
    cases = [(10, 0.2), (9, 0.3), (40, 0.05), (13, 0.5), (9, 0.0)]
    for seed, (N, rate) in enumerate(cases):
        scores = normal(N, seed=seed) ** 2
        copy = scores.copy()
        call = f"threshold(scores ({N},) of random numbers, rate={rate})"
        same(student.threshold(scores, rate), loop_threshold(scores, rate), call)
        unchanged(scores, copy, call)


def test_threshold__by_hand(student):
    """Of ten scores, two may be above."""
    scores = np.array([3.0, 9, 1, 7, 5, 10, 2, 8, 6, 4])
    same(student.threshold(scores, 0.2), 8.0, f"threshold({scores.tolist()}, rate=0.2)")
    same(student.threshold(scores, 0.25), 8.0, f"threshold({scores.tolist()}, rate=0.25)")


def test_threshold__equal_scores(student):
    """Above is not equal."""
    for scores, rate, expected in [
        ([5.0, 5, 5, 1, 1], 0.2, 5.0),
        ([5.0, 4, 4, 4, 1], 0.2, 4.0),
        ([5.0, 4, 4, 4, 1], 0.4, 4.0),
        ([5.0, 4, 4, 4, 1], 0.8, 1.0),
        ([2.0, 2, 2], 0.5, 2.0),
    ]:
        same(student.threshold(np.array(scores), rate), expected, f"threshold({scores}, {rate})")


def loop_roc(scores, anomaly):
    """Return the curve threshold by threshold, and the area from all pairs."""
    false, found = [0.0], [0.0]
    for t in sorted(set(scores.tolist()), reverse=True):
        false.append(float((scores[~anomaly] >= t).mean()))
        found.append(float((scores[anomaly] >= t).mean()))
    pairs = [(a > n) + (a == n) / 2 for a in scores[anomaly] for n in scores[~anomaly]]
    return np.array(false), np.array(found), float(np.mean(pairs))


def test_roc__agrees_with_all_pairs(student):
    """More anomalies than normal inputs and fewer, one of a kind, different scores."""
    for anomalies, others, seed in [(6, 9, 0), (9, 4, 1), (1, 5, 2), (4, 1, 3)]:
        rng = np.random.default_rng(seed)
        anomaly = rng.permutation(np.arange(anomalies + others) < anomalies)
        scores = rng.normal(size=len(anomaly)) + 0.7 * anomaly
        copy = scores.copy()
        call = f"roc(scores ({len(scores)},), anomaly with {anomalies} True)"
        same(student.roc(scores, anomaly), loop_roc(scores, anomaly), call)
        unchanged(scores, copy, call)


def test_roc__equal_scores(student):
    """Equal scores make one point, in whatever order they stand."""
    scores, anomaly = np.array([2.0, 1, 2, 3, 1, 1]), np.array([1, 0, 0, 1, 1, 0], bool)
    for order in ([0, 1, 2, 3, 4, 5], [2, 0, 5, 4, 3, 1], [4, 3, 1, 0, 2, 5]):
        s, a = scores[order], anomaly[order]
        expected = ([0, 0, 1 / 3, 1], [0, 1 / 3, 2 / 3, 1], 13 / 18)
        expected = np.array(expected[0]), np.array(expected[1]), expected[2]
        same(student.roc(s, a), expected, f"roc({s.tolist()}, {a.astype(int).tolist()} as bool)")


def test_roc__all_scores_equal(student):
    """A score that says nothing has an area of one half."""
    anomaly = np.array([True, True, False, True, False])
    expected = np.array([0.0, 1]), np.array([0.0, 1]), 0.5
    same(
        student.roc(np.full(5, 2.5), anomaly), expected, "roc(five scores of 2.5, three anomalies)"
    )


def test_windows__agrees_with_a_loop(student):
    """The last window fits just so, or leaves readings; strides longer than windows."""
    for T, length, stride in [(10, 4, 2), (11, 4, 3), (9, 9, 2), (12, 3, 5), (7, 2, 1), (8, 1, 3)]:
        series = normal(T)
        rows = [series[i : i + length] for i in range(0, T - length + 1, stride)]
        call = f"windows(series ({T},), length={length}, stride={stride})"
        same(student.windows(series, length, stride), np.array(rows), call)


def test_windows__copies_nothing(student):
    """A view of the very same memory."""
    series = normal(20)
    for length, stride in [(5, 1), (4, 3)]:
        result = student.windows(series, length, stride)
        assert np.shares_memory(result, series), (
            f"windows(series (20,), length={length}, stride={stride}) is a copy: its memory is not"
            " that of the series"
        )


def test_windows__of_every_other_reading(student):
    """A series need not lie in memory without gaps."""
    series = normal(24)[::2]
    rows = [series[i : i + 5] for i in range(0, 8, 2)]
    same(student.windows(series, 5, 2), np.array(rows), "windows(a[::2] (12,), length=5, stride=2)")


def loop_reading_scores(scores, length, stride, T):
    """Return the score of each reading, reading by reading."""
    result = []
    for t in range(T):
        inside = [s for i, s in enumerate(scores) if i * stride <= t < i * stride + length]
        result.append(sum(inside) / len(inside) if inside else math.nan)
    return np.array(result)


def test_reading_scores__agrees_with_a_loop(student):
    """With readings at the end that no window has, and between windows."""
    cases = [(4, 4, 2, 10), (3, 4, 3, 12), (1, 5, 2, 5), (3, 2, 4, 11), (6, 3, 1, 8)]
    for N, length, stride, T in cases:
        scores = normal(N) ** 2
        copy = scores.copy()
        call = f"reading_scores(scores ({N},), length={length}, stride={stride}, T={T})"
        expected = loop_reading_scores(scores, length, stride, T)
        same(student.reading_scores(scores, length, stride, T), expected, call)
        unchanged(scores, copy, call)


def test_reading_scores__by_hand(student):
    """The middle lies in both windows, the end in none."""
    expected = np.array([4.0, 4, 3, 2, 2, np.nan])
    call = "reading_scores([4, 2], length=3, stride=2, T=6)"
    same(student.reading_scores(np.array([4.0, 2]), 3, 2, 6), expected, call)


def loop_events(reported, faults, gap):
    """Return the counts, walking over the readings once."""
    faulty = {t for start, stop in faults for t in range(start, stop)}
    places = [t for t, r in enumerate(reported) if r]
    alarms = []
    for t in places:
        if alarms and t - alarms[-1][-1] - 1 < gap:
            alarms[-1].append(t)
        else:
            alarms.append([t])
    found = sum(any(reported[t] for t in range(start, stop)) for start, stop in faults)
    false = sum(not any(t in faulty for t in alarm) for alarm in alarms)
    return found, len(faults) - found, false


def test_count_events__agrees_with_a_loop(student):
    """Random reports, faults at both ends of the series, no faults at all."""
    some = [[(0, 3), (10, 14), (30, 40)], [(5, 6), (6, 9), (37, 38)], []]
    for seed, faults in enumerate([*some, *some]):
        for gap in (1, 2, 5):
            reported = np.random.default_rng(seed).random(40) < (0.1, 0.3)[seed // 3]
            copy = reported.copy()
            call = (
                f"count_events(reported at {np.flatnonzero(reported).tolist()} of 40,"
                f" faults={faults}, gap={gap})"
            )
            result = student.count_events(reported, faults, gap)
            same(result, loop_array(reported, faults, gap), call)
            unchanged(reported, copy, call)


def loop_array(reported, faults, gap):
    """Return the three counts as an array, to be compared entry by entry."""
    return np.array(loop_events(reported, faults, gap))


def test_count_events__by_hand(student):
    """One thing at a time."""
    cases = [
        # reported readings, faults, gap, expected (found, missed, false)
        ([], [(3, 5)], 2, (0, 1, 0)),  # nothing reported
        ([4], [(3, 5)], 2, (1, 0, 0)),
        ([5], [(3, 5)], 2, (0, 1, 1)),  # stop does not belong to it
        ([8, 10], [], 2, (0, 0, 1)),  # one quiet reading between: one alarm
        ([8, 11], [], 2, (0, 0, 2)),  # two of them: two
        ([4, 6, 8], [(3, 5)], 2, (1, 0, 0)),  # goes on after the fault: no false alarm
        ([3, 4, 6], [(3, 5), (6, 8)], 3, (2, 0, 0)),  # one alarm, two faults
        ([0, 15], [], 4, (0, 0, 2)),  # both ends
    ]
    for places, faults, gap, expected in cases:
        reported = np.zeros(16, bool)
        reported[places] = True
        call = f"count_events(reported at {places} of 16, faults={faults}, gap={gap})"
        same(student.count_events(reported, faults, gap), np.array(expected), call)
