"""The checks of lesson 5. Each compares the student's function with plain loops on small inputs."""

import sys

import numpy as np

from minae.course.checking import peak_megabytes, same, shape_of


def normal(*shape, seed=0):
    """Return random numbers, in float64."""
    return np.random.default_rng(seed).normal(size=shape)


def loop_distances(a, b):
    """Return squared distances (N, M), pair by pair."""
    return np.array([[((x - y) ** 2).sum() for y in b] for x in a]).reshape(len(a), len(b))


def bytecodes(f):
    """Return how many of Python's instructions a call runs: with a loop, more for longer inputs.

    Those in NumPy's own functions do not count, since their number may depend on sizes.
    """
    count = 0

    def trace(frame, event, _):
        nonlocal count
        frame.f_trace_opcodes = True
        package = frame.f_globals.get("__name__", "").partition(".")[0]
        count += event == "opcode" and package not in ("numpy", "scipy")
        return trace

    before = sys.gettrace()
    sys.settrace(trace)
    try:
        f()
    finally:
        sys.settrace(before)
    return count


def test_squared_distances__agrees_with_a_loop(student):
    """Different numbers of rows, of 1 to 6 numbers each, small and large."""
    shapes = [(3, 2, 1), (4, 7, 3), (5, 5, 2), (1, 6, 6), (2, 3, 6), (4, 1, 2), (1, 1, 1)]
    for scale in (1, 1e-5, 1e5):
        for N, M, Z in shapes:
            a, b = scale * normal(N, Z), scale * (2 * normal(M, Z, seed=1) + 0.5)
            numbers = f"random numbers of size {scale:g}"
            call = f"squared_distances(a {a.shape}, b {b.shape}) of {numbers}"
            expected = loop_distances(a, b)
            same(student.squared_distances(a, b), expected, call, 1e-10)


def test_squared_distances__zero_where_rounding_goes_below(student):
    """For rows far from zero and close to each other, rounding dominates."""
    a = 100 + normal(200, 100)
    call = "squared_distances(a, a) of 200 rows near 100"
    result = student.squared_distances(a, a.copy())
    assert shape_of(result, call) == (200, 200), f"{call} has shape {shape_of(result, call)}"
    result = np.array(result)
    assert result.min() >= 0, (
        f"{call} has the entry {result.min():.3g}, and no squared distance is negative: return"
        " zero where rounding goes below"
    )
    zeros = (np.diag(result) == 0).mean()  # at least about half: rounding has no favourite sign
    assert zeros > 1 / 3, (
        f"{call}: {zeros:.0%} of the rows have the distance 0 from themselves, expected about half:"
        " return zero where rounding goes below it"
    )


def test_squared_distances__has_no_loop(student):
    """Python has as much to do for few numbers as for many."""
    few, many = ((normal(n, n + 3), normal(n + 1, n + 3, seed=1)) for n in (7, 50))
    student.squared_distances(*few)  # so that imports and caching count for neither
    more = bytecodes(lambda: student.squared_distances(*many))
    more -= bytecodes(lambda: student.squared_distances(*few))
    assert more < 150, (
        "squared_distances(a (50, 53), b (51, 53)) makes Python do more than for a (7, 10),"
        " b (8, 10): is there a loop?"
    )


def test_squared_distances__takes_little_memory(student):
    """No array of N x M x Z numbers."""
    a, b = normal(60, 300), normal(200, 300, seed=1)
    took = peak_megabytes(lambda: student.squared_distances(a, b))
    assert took < 6, (
        f"squared_distances(a (60, 300), b (200, 300)) took {took:.0f} MB, where the inputs"
        " have 0.6 MB: is there an array of N x M x Z numbers?"
    )


def loop_purity(distances, labels, k):
    """Return the purity, row by row."""
    shares = []
    for i, row in enumerate(distances):
        order = [j for j in sorted(range(len(row)), key=lambda j: row[j]) if j != i]
        shares.append(np.mean([labels[j] == labels[i] for j in order[:k]]))
    return float(np.mean(shares))


def test_purity__agrees_with_a_loop(student):
    """Random codes, near and far apart, any labels, for small and large k."""
    for N, k, names, scale in [
        (12, 1, (4, 5, 6), 1),
        (12, 3, (-7, 0, 1000), 1),
        (30, 5, (4, 5, 6), 1),
        (9, 8, (2, 3), 1),
        (2, 1, (5, 2), 1),
        (4, 2, (1,), 1),
        (15, 7, (-1, -2), 1e5),
        (15, 4, (0, 3), 1e-5),
    ]:
        x = scale * normal(N, 2, seed=k)
        labels = np.random.default_rng(k).permutation(np.resize(names, N))
        distances = loop_distances(x, x)
        call = f"purity(distances ({N}, {N}), labels from {names}, k={k})"
        expected = loop_purity(distances, labels, k)
        same(student.purity(distances, labels, k), expected, call)


def test_purity__by_hand(student):
    """Five codes on a line."""
    x = np.array([[0.0], [1.0], [3.0], [7.0], [8.5]])
    labels = np.array([0, 0, 1, 1, 1])
    call = "purity(squared distances of the codes 0, 1, 3, 7, 8.5, labels [0, 0, 1, 1, 1], k=1)"
    same(student.purity((x - x.T) ** 2, labels, 1), 4 / 5, call)


def test_purity__counts_equal_codes(student):
    """A row with the very same code is a neighbour; the row itself is not."""
    x = np.array([[0.0], [0.0], [1.0], [5.0], [5.0], [7.0]])
    labels = np.array([0, 0, 1, 2, 3, 1])
    call = "purity(squared distances of the codes 0, 0, 1, 5, 5, 7, labels [0, 0, 1, 2, 3, 1], k=1)"
    same(student.purity((x - x.T) ** 2, labels, 1), 1 / 3, call)


def loop_walk(codes, steps):
    """Return the walk, code by code."""
    places = []
    for n in range((len(codes) - 1) * steps + 1):
        leg, step = min(n // steps, len(codes) - 2), n
        t = (step - leg * steps) / steps
        places.append([p + t * (q - p) for p, q in zip(codes[leg], codes[leg + 1], strict=True)])
    return np.array(places)


def test_walk__agrees_with_a_loop(student):
    """Two places and more, one step and more."""
    for K, Z, steps in [(2, 3, 4), (2, 1, 1), (4, 2, 3), (3, 5, 1), (5, 2, 7)]:
        walked(student, normal(K, Z), steps)


def test_walk__in_any_number_of_steps(student):
    """1 / steps times steps need not be 1 in floating point."""
    for steps in range(2, 120):
        walked(student, normal(2, 1), steps)


def test_walk__between_whole_numbers_and_equal_places(student):
    """Codes that are integers, and a place where the walk stays."""
    walked(student, np.array([[0, 1], [3, 1], [3, 0]]), 2)
    walked(student, np.array([[0.0, 1], [2, 3], [2, 3], [0, 1]]), 3)


def test_walk__is_straight_between_codes_of_one_length(student):
    """Not along the sphere that they lie on."""
    walked(student, np.array([[1.0, 0.0], [0.0, 1.0], [-1.0, 0.0]]), 2)


def walked(student, codes, steps):
    """Call walk, and compare with the loop."""
    shown = codes.tolist() if codes.size < 9 and steps < 4 else f"codes {codes.shape}"
    expected = loop_walk(codes, steps)
    same(student.walk(codes, steps), expected, f"walk({shown}, steps={steps})")


def test_walk__by_hand(student):
    """Two stretches of two steps."""
    codes = np.array([[0.0, 1.0], [2.0, 1.0], [2.0, 5.0]])
    expected = np.array([[0.0, 1.0], [1.0, 1.0], [2.0, 1.0], [2.0, 3.0], [2.0, 5.0]])
    same(student.walk(codes, 2), expected, "walk([[0, 1], [2, 1], [2, 5]], steps=2)")


def loop_nearest_mean(codes, labels, queries):
    """Return the label of the nearest mean, query by query."""
    names = sorted(set(labels.tolist()))
    means = {}
    for name in names:
        rows = [x for x, label in zip(codes, labels, strict=True) if label == name]
        means[name] = sum(rows) / len(rows)
    return np.array([min(names, key=lambda n: ((q - means[n]) ** 2).sum()) for q in queries])


def test_nearest_mean__agrees_with_a_loop(student):
    """Classes of different sizes, any labels, any number of queries."""
    for names, Z, M in [
        ((0, 1, 2), 2, 40),
        ((3, 8, 40), 5, 40),
        ((7, -2, 300), 1, 40),
        ((-1, -5), 3, 40),
        ((2,), 2, 3),
        ((6, 4), 2, 1),
    ]:
        rng = np.random.default_rng(Z)
        labels = rng.permutation(np.repeat(names, [3 + 12 * i for i in range(len(names))]))
        centres = dict(zip(names, rng.normal(size=(len(names), Z)), strict=True))
        codes = np.stack([centres[label] for label in labels.tolist()])
        codes = codes + rng.exponential(size=codes.shape)  # so that the mean is not the median
        queries = 2 * normal(M, Z, seed=1) + 1
        call = f"nearest_mean(codes {codes.shape}, labels from {names}, queries {queries.shape})"
        expected = loop_nearest_mean(codes, labels, queries)
        same(student.nearest_mean(codes, labels, queries), expected, call)


def test_nearest_mean__by_hand(student):
    """The mean of class 5 lies at 4, though its rows lie at 0 and 8; one code alone is class 9."""
    codes = np.array([[0.0, 0.0], [8.0, 0.0], [0.0, 3.0]])
    labels, queries = np.array([5, 5, 9]), np.array([[0.0, 1.0], [3.0, 0.0], [7.0, 0.5]])
    call = (
        "nearest_mean([[0, 0], [8, 0], [0, 3]], labels [5, 5, 9],"
        " queries [[0, 1], [3, 0], [7, 0.5]])"
    )
    same(student.nearest_mean(codes, labels, queries), np.array([9, 5, 5]), call)


def loop_ratio(codes, labels):
    """Return the ratio, pair by pair."""
    within, between = [], []
    for i in range(len(codes)):
        for j in range(i):
            square = ((codes[i] - codes[j]) ** 2).sum()
            (within if labels[i] == labels[j] else between).append(square)
    return float(np.sqrt(np.mean(between) / np.mean(within)))


def test_distance_ratio__agrees_with_a_loop(student):
    """Classes of very different sizes, one of a single row, and codes that lie far from zero."""
    cases = [
        ((4, 4), 2, 0, 1),
        ((2, 9, 1), 3, 0, 1),
        ((3, 12, 5, 2), 1, 50, 1),
        ((2, 1), 1, 0, 1),
        ((5, 3), 2, 0, 1e-6),
        ((5, 3), 2, 0, 1e6),
    ]
    for sizes, Z, shift, scale in cases:
        names = np.arange(len(sizes)) * 3 - 5
        labels = np.repeat(names, sizes)
        spread = np.linspace(0.3, 2, len(sizes)).repeat(sizes)[:, None]
        codes = scale * (shift + normal(len(labels), Z) * spread + 1.3 * labels[:, None])
        order = np.random.default_rng(1).permutation(len(labels))
        codes, labels = codes[order], labels[order]
        classes = dict(zip(names.tolist(), sizes, strict=True))
        call = f"distance_ratio(codes {codes.shape}, labels): label to rows is {classes}"
        expected = loop_ratio(codes, labels)
        same(student.distance_ratio(codes, labels), expected, call)


def test_distance_ratio__by_hand(student):
    """Within: distances 1 and 2. Between: 4, 6, 3 and 5."""
    codes, labels = np.array([[0.0], [1.0], [4.0], [6.0]]), np.array([0, 0, 1, 1])
    expected = np.sqrt(((16 + 36 + 9 + 25) / 4) / ((1 + 4) / 2))
    call = "distance_ratio([[0], [1], [4], [6]], labels [0, 0, 1, 1])"
    same(student.distance_ratio(codes, labels), expected, call)


def test_distance_ratio__takes_little_memory(student):
    """No array of N x N numbers."""
    codes, labels = normal(3000, 2), np.arange(3000) % 7
    took = peak_megabytes(lambda: student.distance_ratio(codes, labels))
    assert took < 5, (
        f"distance_ratio(codes (3000, 2), labels) took {took:.0f} MB, where the codes have"
        " 0.05 MB: is there an array of N x N numbers?"
    )
