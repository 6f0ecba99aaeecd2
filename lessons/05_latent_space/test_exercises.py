"""The checks of lesson 5. Each compares the student's function with plain loops on small inputs."""

import numpy as np

from minae.course.checking import peak_megabytes, same


def normal(*shape, seed=0):
    """Return random numbers, in float64."""
    return np.random.default_rng(seed).normal(size=shape)


def loop_distances(a, b):
    """Return squared distances (N, M), pair by pair."""
    return np.array([[((x - y) ** 2).sum() for y in b] for x in a]).reshape(len(a), len(b))


def unchanged(arrays, copies, call):
    """Fail if an input was written into."""
    for array, copy in zip(arrays, copies, strict=True):
        assert np.array_equal(array, copy), f"{call} changed one of its inputs"


def test_squared_distances__agrees_with_a_loop(student):
    """Different numbers of rows, of 1 to 6 numbers each."""
    for N, M, Z in [(3, 2, 1), (4, 7, 3), (5, 5, 2), (1, 6, 6), (2, 3, 6)]:
        a, b = normal(N, Z), 2 * normal(M, Z, seed=1) + 0.5
        call = f"squared_distances(a {a.shape}, b {b.shape}) of random numbers"
        copies = a.copy(), b.copy()
        same(student.squared_distances(a, b), loop_distances(a, b), call)
        unchanged((a, b), copies, call)


def test_squared_distances__never_negative(student):
    """Rows far from zero and close to each other: rounding wins."""
    a = 100 + normal(40, 8)
    result = np.asarray(student.squared_distances(a, a))
    assert result.min() >= 0, (
        f"squared_distances(a, a) of 40 rows near 100 has the entry {result.min():.3g},"
        " and no squared distance is negative: what rounding makes negative is zero"
    )


def test_squared_distances__takes_little_memory(student):
    """No array of N x M x Z numbers."""
    a, b = normal(60, 300), normal(200, 300, seed=1)
    took = peak_megabytes(lambda: student.squared_distances(a, b))
    assert took < 6, (
        f"squared_distances(a (60, 300), b (200, 300)) took {took:.0f} MB at most, where the inputs"
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
    """Random codes and labels, for small and large k."""
    for N, k, seed in [(12, 1, 0), (12, 3, 1), (30, 5, 2), (9, 8, 3)]:
        x = normal(N, 2, seed=seed)
        labels = np.random.default_rng(seed).integers(4, 7, N)
        distances = loop_distances(x, x)
        call = f"purity(distances ({N}, {N}), labels, k={k}) of random codes and labels"
        copies = distances.copy(), labels.copy()
        same(student.purity(distances, labels, k), loop_purity(distances, labels, k), call)
        unchanged((distances, labels), copies, call)


def test_purity__by_hand(student):
    """Five codes on a line."""
    x = np.array([[0.0], [1.0], [3.0], [7.0], [8.5]])
    labels = np.array([0, 0, 1, 1, 1])
    call = "purity(squared distances of the codes 0, 1, 3, 7, 8.5, labels [0, 0, 1, 1, 1], k=1)"
    same(student.purity((x - x.T) ** 2, labels, 1), 4 / 5, call)


def test_purity__counts_equal_codes(student):
    """A row with the very same code is a neighbour; a row itself is none."""
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
        codes = normal(K, Z)
        call = f"walk(codes {codes.shape} of random numbers, steps={steps})"
        copy = codes.copy()
        same(student.walk(codes, steps), loop_walk(codes, steps), call)
        unchanged((codes,), (copy,), call)


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
    """Classes of different sizes, labels that are no positions, as many queries as one likes."""
    for names, Z, M, seed in [((0, 1, 2), 2, 8, 0), ((3, 8, 40), 5, 6, 1), ((-2, 7), 1, 1, 2)]:
        rng = np.random.default_rng(seed)
        labels = rng.permutation(np.repeat(names, [3 + 5 * i for i in range(len(names))]))
        centres = dict(zip(names, 1.5 * rng.normal(size=(len(names), Z)), strict=True))
        codes = np.stack([centres[label] for label in labels.tolist()]) + normal(len(labels), Z)
        queries = 2 * normal(M, Z, seed=seed + 10)
        call = f"nearest_mean(codes {codes.shape}, labels from {names}, queries {queries.shape})"
        expected = loop_nearest_mean(codes, labels, queries)
        copies = codes.copy(), labels.copy(), queries.copy()
        same(student.nearest_mean(codes, labels, queries), expected, call)
        unchanged((codes, labels, queries), copies, call)


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
    cases = [((4, 4), 2, 0), ((2, 9, 1), 3, 0), ((3, 12, 5, 2), 1, 50)]
    for sizes, Z, shift in cases:
        labels = np.repeat(np.arange(len(sizes)) * 3 + 1, sizes)
        spread = np.linspace(0.3, 2, len(sizes)).repeat(sizes)[:, None]
        codes = shift + normal(len(labels), Z) * spread + 1.3 * labels[:, None]
        order = np.random.default_rng(1).permutation(len(labels))
        codes, labels = codes[order], labels[order]
        call = f"distance_ratio(codes {codes.shape}, labels): classes of {sizes} rows"
        copies = codes.copy(), labels.copy()
        same(student.distance_ratio(codes, labels), loop_ratio(codes, labels), call)
        unchanged((codes, labels), copies, call)


def test_distance_ratio__by_hand(student):
    """Within: 1 and 2 apart. Between: 4, 6, 3 and 5 apart."""
    codes, labels = np.array([[0.0], [1.0], [4.0], [6.0]]), np.array([0, 0, 1, 1])
    expected = np.sqrt(((16 + 36 + 9 + 25) / 4) / ((1 + 4) / 2))
    call = "distance_ratio([[0], [1], [4], [6]], labels [0, 0, 1, 1])"
    same(student.distance_ratio(codes, labels), expected, call)


def test_distance_ratio__takes_little_memory(student):
    """No array of N x N numbers."""
    codes, labels = normal(3000, 2), np.arange(3000) % 7
    took = peak_megabytes(lambda: student.distance_ratio(codes, labels))
    assert took < 5, (
        f"distance_ratio(codes (3000, 2), labels) took {took:.0f} MB at most, where the codes have"
        " 0.05 MB: is there an array of N x N numbers?"
    )
