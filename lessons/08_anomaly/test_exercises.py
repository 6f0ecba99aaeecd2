"""The checks of lesson 8. Each compares the student's function with plain loops on small inputs."""

import math

import numpy as np

from minae import nn
from minae.autograd import enable_grad, is_grad_enabled
from minae.course.checking import peak_megabytes, same
from minae.tensor import Tensor


def normal(*shape, seed=0):
    """Return random numbers, in float64."""
    return np.random.default_rng(seed).normal(size=shape)


class Half(nn.Module):
    """Stands in for a model: halves its input, adds 0.1, and records what it was given."""

    def __init__(self):
        super().__init__()
        self.given, self.recorded = [], False
        self.weight = nn.Parameter(np.array(0.5))

    def forward(self, x):
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
    ways = {
        "": np.copy,
        ", column by column in memory": np.asfortranarray,
        ", every second row of an array": lambda x: np.repeat(x, 2, axis=0)[::2],
        ", float32": np.float32,
    }
    for shape, size in cases:
        for way, change in ways.items():
            x = change(normal(*shape))
            expected = loop_errors(x)
            call = f"reconstruction_errors(model, x {shape}{way}, batch_size={size})"
            same(student.reconstruction_errors(Half(), x, size), expected, call)


def test_reconstruction_errors__gives_batches(student):
    """At most batch_size rows at once, each once, in their own shape; the default is 100."""
    for shape, options in [((10, 3), {"batch_size": 4}), ((250, 2, 1), {}), ((6, 2), {})]:
        model, x, most = Half(), normal(*shape), options.get("batch_size", 100)
        said = "".join(f", {name}={value}" for name, value in options.items())
        call = f"reconstruction_errors(model, x {shape}{said})"
        student.reconstruction_errors(model, x, **options)
        rows = [given[0] for given in model.given]
        assert max(rows) <= most, f"{call} gave the model {max(rows)} rows at once, not {most}"
        assert sum(rows) == len(x), (
            f"{call} gave the model batches of {rows} rows: each row is to be given once"
        )
        odd = [given for given in model.given if given[1:] != shape[1:]]
        assert not odd, f"{call} gave the model an array {odd[0]}: rows keep their shape"


def test_reconstruction_errors__leaves_all_as_it_was(student):
    """Records no graph, and leaves the model's mode and later gradients alone."""
    call = "reconstruction_errors(model, x (4, 3), batch_size=2)"
    for training in (True, False):
        model = Half().train(training)
        model.weight.grad = kept = Tensor(np.full(model.weight.shape, 7.0))
        with enable_grad():
            student.reconstruction_errors(model, normal(4, 3), 2)
            after = is_grad_enabled()
        assert not model.recorded, (
            f"{call} recorded the model's operations for a backward pass: that keeps all that it"
            " computed in memory. Call it inside `with no_grad():`"
        )
        assert after, f"{call} left gradients switched off: use `with no_grad():`"
        assert model.training == training, (
            f"{call} left the model with training={model.training}; it was {training} before"
        )
        assert model.weight.grad is kept, f"{call} replaced the gradient that the model had"
        same(kept, np.full(model.weight.shape, 7.0), f"the model's gradient after {call}")


def test_threshold__allows_as_many_as_the_rate(student):
    """Rates that allow a whole number of scores, a little less, or more; scores in no order."""
    cases = [(N, m, m / N) for N in (1, 4, 8, 10) for m in range(N)]
    cases += [(100, m, m / 100) for m in (7, 14, 28, 29, 55, 56, 57, 58, 99)]
    cases += [(9, 2, 0.3), (13, 6, 0.5), (1, 0, 0.99), (10, 2, 0.25), (6, 5, 0.999)]
    cases += [(1000, 28, 0.0289999), (1000, 5, 0.0059), (100, 0, 0.0099)]
    for seed, (N, above, rate) in enumerate(cases):
        scores = normal(N, seed=seed)
        expected = sorted(scores.tolist(), reverse=True)[above]
        call = f"threshold(scores ({N},), all different, rate={rate})"
        same(student.threshold(scores, rate), expected, f"{call}: {above} may be above", 0)


def test_threshold__by_hand(student):
    """Above is not equal."""
    for scores, rate, expected in [
        ([3.0, 9, 1, 7, 5, 10, 2, 8, 6, 4], 0.2, 8.0),
        ([3.0, 9, 1, 7, 5, 10, 2, 8, 6, 4], 0.25, 8.0),
        ([3, -9, 1, -7], 0.25, 1),
        ([5.0, 5, 5, 1, 1], 0.2, 5.0),
        ([1.0, 5, 5, 1, 5], 0.6, 1.0),
        ([5.0, 4, 4, 4, 1], 0.2, 4.0),
        ([4.0, 5, 4, 1, 4], 0.4, 4.0),
        ([5.0, 4, 4, 4, 1], 0.8, 1.0),
        ([2.0, 2, 2], 0.5, 2.0),
    ]:
        same(student.threshold(np.array(scores), rate), expected, f"threshold({scores}, {rate})", 0)


def loop_roc(scores, anomaly):
    """Return the curve threshold by threshold, and the area from all pairs."""
    false, found = [0.0], [0.0]
    for t in sorted(set(scores.tolist()), reverse=True):
        false.append(float((scores[~anomaly] >= t).mean()))
        found.append(float((scores[anomaly] >= t).mean()))
    pairs = [(a > n) + (a == n) / 2 for a in scores[anomaly] for n in scores[~anomaly]]
    return np.array(false), np.array(found), float(np.mean(pairs))


def test_roc__agrees_with_all_pairs(student):
    """More anomalies than normal inputs or fewer, one of a kind, all negative, nearly equal."""
    cases = [(6, 9, 1.0, 0.0), (9, 4, 1.0, -50.0), (1, 5, 1.0, 0.0), (4, 1, 100.0, 0.0)]
    cases += [(5, 6, 1e-15, 1e-8)]  # different scores, however close
    for seed, (anomalies, others, size, shift) in enumerate(cases):
        rng = np.random.default_rng(seed)
        anomaly = rng.permutation(np.arange(anomalies + others) < anomalies)
        scores = size * (rng.normal(size=len(anomaly)) + 0.7 * anomaly) + shift
        expected = loop_roc(scores, anomaly)
        call = f"roc(scores ({len(scores)},) about {shift}, anomaly with {anomalies} True)"
        same(student.roc(scores, anomaly), expected, call)


def test_roc__has_no_array_of_all_pairs(student):
    """Four thousand inputs, half of them anomalies: four million pairs."""
    student.roc(np.array([1.0, 2.0]), np.array([True, False]))  # imports what it needs
    scores, anomaly = normal(4000), np.arange(4000) % 2 == 0
    most = peak_megabytes(lambda: student.roc(scores, anomaly))
    assert most < 3.5, (  # a byte for each pair would be 4 MB
        f"roc(scores (4000,), anomaly) takes {most:.1f} MB: sort, and make no array of all pairs"
    )


def test_roc__equal_scores(student):
    """Equal scores make one point, in whatever order they come."""
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


def test_windows__are_views_that_agree_with_a_loop(student):
    """The last window fits exactly, or leaves readings; long strides; readings of any kind."""
    kinds = {
        "series": lambda T: normal(T),
        "a[::2]": lambda T: normal(2 * T)[::2],
        "a[::-1]": lambda T: normal(T)[::-1],
        "float32 series": lambda T: normal(T).astype(np.float32),
        "series of whole numbers": lambda T: np.arange(T),
    }
    sizes = [(10, 4, 2), (11, 4, 3), (9, 9, 2), (12, 3, 5), (7, 2, 1), (8, 1, 3), (12, 4, 4)]
    for T, length, stride in [*sizes, (5, 2, 20)]:
        for kind, make in kinds.items():
            series = make(T)
            rows = np.array([series[i : i + length] for i in range(0, T - length + 1, stride)])
            call = f"windows({kind} ({T},), length={length}, stride={stride})"
            result = student.windows(series, length, stride)
            same(result, rows, call)
            assert isinstance(result, np.ndarray), f"{call} did not return an array"
            assert np.shares_memory(result, series), (
                f"{call} is a copy: its memory is not that of the series"
            )


def loop_reading_scores(scores, length, stride, T):
    """Return the score of each reading, reading by reading."""
    result = []
    for t in range(T):
        inside = [s for i, s in enumerate(scores) if i * stride <= t < i * stride + length]
        result.append(sum(inside) / len(inside) if inside else math.nan)
    return np.array(result)


def test_reading_scores__agrees_with_a_loop(student):
    """With readings in no window, at the end and between windows."""
    cases = [(4, 4, 2, 10), (3, 4, 3, 12), (1, 5, 2, 5), (3, 2, 4, 11), (6, 3, 1, 8)]
    for N, length, stride, T in cases:
        scores = normal(N)
        call = f"reading_scores(scores ({N},), length={length}, stride={stride}, T={T})"
        expected = loop_reading_scores(scores, length, stride, T)
        same(student.reading_scores(scores, length, stride, T), expected, call, 1e-9)


def test_reading_scores__by_hand(student):
    """The middle lies in both windows, the end in none; a score of 0 is known; whole numbers."""
    nan = np.nan
    for scores, length, stride, T, expected in [
        ([4.0, 2.0], 3, 2, 6, [4, 4, 3, 2, 2, nan]),
        ([0.0, 0.0], 2, 3, 6, [0, 0, nan, 0, 0, nan]),
        ([1.0, -1.0], 2, 1, 4, [1, 0, -1, nan]),
        ([4, 1], 2, 1, 3, [4, 2.5, 1]),
    ]:
        call = f"reading_scores({scores}, length={length}, stride={stride}, T={T})"
        result = student.reading_scores(np.array(scores), length, stride, T)
        same(result, np.array(expected), call)


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
    """Random reports, faults at both ends of the series and in any order, no faults at all."""
    some = [[(30, 40), (0, 3), (10, 14)], [(5, 6), (37, 38), (6, 9)], []]
    for seed, faults in enumerate([*some, *some]):
        for gap in (1, 2, 5, 50):
            reported = np.random.default_rng(seed).random(40) < (0.1, 0.3)[seed // 3]
            call = (
                f"count_events(reported at {np.flatnonzero(reported).tolist()} of 40,"
                f" faults={faults}, gap={gap})"
            )
            expected = loop_events(reported, faults, gap)
            same(student.count_events(reported, faults, gap), np.array(expected), call)


def test_count_events__by_hand(student):
    """One thing at a time."""
    cases = [
        # reported readings, faults, gap, expected (found, missed, false)
        ([], [(3, 5)], 2, (0, 1, 0)),  # nothing reported
        ([4], [(3, 5)], 2, (1, 0, 0)),
        ([5], [(3, 5)], 2, (0, 1, 1)),  # stop is not part of it
        ([8, 10], [], 2, (0, 0, 1)),  # one quiet reading between: one alarm
        ([8, 11], [], 2, (0, 0, 2)),  # two of them: two
        ([4, 6, 8], [(3, 5)], 2, (1, 0, 0)),  # goes on after the fault: no false alarm
        ([3, 4, 6], [(3, 5), (6, 8)], 3, (2, 0, 0)),  # one alarm, two faults
        ([0, 15], [], 4, (0, 0, 2)),  # both ends
        ([1, 3, 5, 7], [], 2, (0, 0, 1)),  # one alarm, longer than the gap
        ([2, 3], [], 1, (0, 0, 1)),  # no quiet reading between
        (
            [2, 9],
            [(4, 7)],
            8,
            (0, 1, 1),
        ),  # one alarm across the fault, not in it
    ]
    for places, faults, gap, expected in cases:
        reported = np.zeros(16, bool)
        reported[places] = True
        call = f"count_events(reported at {places} of 16, faults={faults}, gap={gap})"
        same(student.count_events(reported, faults, gap), np.array(expected), call)


def loop_blame(errors, held_out, least):
    """Return scores, columns and shares, row by row."""
    usual = [max(sum(column) / len(column), least) for column in held_out.T.tolist()]
    scores, columns, shares = [], [], []
    for row in errors.tolist():
        parts = [error / u for error, u in zip(row, usual, strict=True)]
        scores.append(sum(parts))
        columns.append(parts.index(max(parts)))
        shares.append(max(parts) / sum(parts) if sum(parts) else 0.0)
    return np.array(scores), np.array(columns), np.array(shares)


def test_blame__agrees_with_a_loop(student):
    """More rows than held-out ones or fewer, a single row or column; columns of different noise."""
    for seed, (N, M, F) in enumerate([(6, 9, 4), (9, 3, 5), (1, 4, 3), (5, 1, 4), (4, 6, 1)]):
        noise = 10.0 ** np.arange(F)[::-1]  # the first is rebuilt worst
        errors = normal(N, F, seed=seed) ** 2 * noise
        held_out = normal(M, F, seed=seed + 50) ** 4 * noise
        call = f"blame(errors {errors.shape}, held_out {held_out.shape})"
        same(student.blame(errors, held_out), loop_blame(errors, held_out, 0.02), call)


def test_blame__by_hand(student):
    """One thing at a time."""
    for errors, held_out, least, expected in [
        # the first column is always bad: the second is to blame
        ([[8.0, 3.0]], [[6.0, 1.0], [10.0, 1.0]], 0.02, ([4], [1], [0.75])),
        # each row has a column of its own
        ([[4.0, 1.0], [1.0, 4.0]], [[1.0, 1.0]], 0.02, ([5, 5], [0, 1], [0.8, 0.8])),
        # constant in held_out
        ([[1.0, 3.0]], [[0.0, 1.0], [0.0, 1.0]], 0.5, ([5], [1], [0.6])),
        # nearly constant, and at the limit
        ([[1.0, 1.0]], [[0.1, 0.25]], 0.25, ([8], [0], [0.5])),
        # equal ones: the first
        ([[0.0, 2.0, 2.0]], [[1.0, 1.0, 1.0]], 0.02, ([4], [1], [0.5])),
        # no error at all
        ([[0.0, 0.0], [0.0, 2.0]], [[1.0, 1.0]], 0.02, ([0, 2], [0, 1], [0, 1])),
        # hardly an error is an error
        ([[1e-12, 3e-12]], [[1.0, 1.0]], 0.02, ([4e-12], [1], [0.75])),
    ]:
        call = f"blame({errors}, {held_out}, least={least})"
        expected = tuple(np.array(values, float) for values in expected)
        same(student.blame(np.array(errors), np.array(held_out), least), expected, call)
