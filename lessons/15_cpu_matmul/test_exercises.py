"""The checks of lesson 15. All numbers are whole and small, so that sums are exact in any order."""

import itertools

import numpy as np

from minae.course.checking import same
from minae.kernels.simulator.cache import Cache
from minae.kernels.simulator.core import Core, Matrix

NUMBERS = 16  # float32 in a line
LINES = 32  # of the cache
REGISTERS = 16


def matrix(*shape, seed=0):
    """Return random whole numbers other than 0, from -5 to 5, in float32."""
    rng = np.random.default_rng(seed)
    return (rng.integers(1, 6, shape) * rng.choice([-1, 1], shape)).astype(np.float32)


def right(c, expected, call):
    """Fail unless a student's function wrote what was expected over zeros or nan."""
    wrong = ~(c == expected)
    if wrong.any():
        i, j = (int(n) for n in np.argwhere(wrong)[0])
        value = "nan (never written, or from nan)" if np.isnan(c[i, j]) else f"{c[i, j]:g}"
        raise AssertionError(
            f"{call}: {wrong.sum()} of {c.size} entries of c are wrong. The first is c[{i}, {j}]:"
            f" {value}, expected {expected[i, j]:g}"
        )


def at_most(found, limit, what, call, why):
    """Fail if a count is too large."""
    assert found <= limit, f"{call}: {found} {what}, and {limit} are enough: {why}"


def walked(student, M, N, K):
    """Run along_rows; return a description of the call, and its cache."""
    cache, call = Cache(1, LINES), f"along_rows(a, b, c) with a ({K}, {M}) and b ({K}, {N})"
    a, b, c = matrix(K, M), matrix(K, N, seed=1), np.zeros((M, N), np.float32)
    inputs = a.copy(), b.copy()
    names = zip("abc", (*inputs, c), strict=True)
    student.along_rows(*(cache.matrix(name, x) for name, x in names))
    for name, now, before in zip("ab", inputs, (a, b), strict=True):
        assert np.array_equal(now, before), f"{call} writes into {name}, which it may only read"
    right(c, a.T @ b, call)
    return call, cache


def test_along_rows__is_right_for_any_size(student):
    """Sizes that differ, and single rows and columns."""
    for M, N, K in [(3, 4, 2), (5, 2, 7), (1, 6, 3), (6, 1, 3), (4, 4, 1), (1, 1, 1)]:
        walked(student, M, N, K)


def test_along_rows__brings_in_few_lines(student):
    """Rows of one line, and of lines and a half that begin within a line."""
    for M, N, K in [(40, 16, 40), (48, 24, 25)]:
        call, cache = walked(student, M, N, K)
        of_c = -(-M * N // NUMBERS)
        for name, size, times in [("a", K * M, 1), ("b", K * N, 1), ("c", M * N, K)]:
            lines, why = -(-size // NUMBERS), "which index is the last one of two matrices?"
            if name == "c":
                lines, why = of_c * times, "does the innermost loop run along its rows?"
            at_most(cache.loaded[name], lines, f"lines of {name} are brought in", call, why)


def test_along_rows__keeps_no_copy(student):
    """Each product reads its own number of b."""
    M, N, K = 7, 5, 3
    call, cache = walked(student, M, N, K)
    assert cache.reads["b"] >= M * N * K, (
        f"{call} reads b {cache.reads['b']} times for {M * N * K} products: keep no copy of its"
        " numbers, the order of the loops is enough"
    )


def run(student, name, sizes, width):
    """Run tile or edges; return a description of the call, and the core."""
    M, N, K = sizes
    core, call = Core(width), f"{name}(core, a, b, c) with a ({M}, {K}), b ({K}, {N})"
    call += f" and core.width = {width}"
    a, b, c = matrix(M, K), matrix(K, N, seed=1), np.full((M, N), np.nan, np.float32)
    inputs = a.copy(), b.copy()
    names = zip("abc", (*inputs, c), strict=True)
    try:
        getattr(student, name)(core, *(Matrix(letter, x) for letter, x in names))
    except BaseException as error:
        error.add_note(call)
        raise
    for letter, now, before in zip("ab", inputs, (a, b), strict=True):
        assert np.array_equal(now, before), f"{call} writes into {letter}, which it may only read"
    right(c, a @ b, call)
    return call, core


def counted(call, core, sizes, vectors=3):
    """Fail if a core executed more than tiles of 4 rows and 3 vectors need."""
    M, N, K = sizes
    down, across = -(-M // 4), -(-N // core.width)
    limits = {
        "fma": (M * across * K, "only rows and vectors that c has are computed"),
        "load": (down * across * K, "a vector of b is loaded once for all rows of a tile"),
        "broadcast": (
            M * -(-across // vectors) * K,
            "a number of a is broadcast once for all vectors of a tile",
        ),
        "store": (M * across, "a sum is stored once, when it is complete"),
    }
    for kind, (limit, why) in limits.items():
        at_most(core.counts[kind], limit, f"times core.{kind}", call, why)
    most, line = core.registers()
    assert most <= REGISTERS, (
        f"{call}: {line} needs {most} registers at once, and there are {REGISTERS}: which vectors"
        " are made before they are needed?"
    )


def test_tile__is_right(student):
    """For one k and several, and for vectors of 2, 4 and 8 numbers."""
    for width, K in [(4, 5), (4, 1), (8, 2), (2, 9)]:
        run(student, "tile", (4, 3 * width, K), width)


def test_tile__loads_each_number_once(student):
    """3 loads, 4 broadcasts and 12 multiply-adds for each k, and 16 registers."""
    for K in (1, 6):
        sizes = 4, 12, K
        counted(*run(student, "tile", sizes, 4), sizes)


def test_pack__of_the_example(student):
    """The one of the docstring."""
    b = np.array([[1.0, 2, 3], [4, 5, 6]])
    expected = np.array([1.0, 2, 4, 5, 3, 0, 6, 0])
    call = "pack([[1, 2, 3], [4, 5, 6]], 2, False)"
    same(student.pack(b, 2, False), expected, call)
    call = "pack([[1, 4], [2, 5], [3, 6]], 2, True)"
    same(student.pack(b.T.copy(), 2, True), expected, call)


PACKED = [
    (2, 6, 3), (3, 7, 3), (4, 4, 4), (4, 8, 4), (1, 5, 4), (5, 1, 4), (6, 3, 1), (3, 2, 5),
    (2, 2, 2), (1, 1, 1), (7, 13, 6),
]  # fmt: skip


def test_pack__of_any_size(student):
    """Place by place: whole panels, parts of one, one column, one k; turned or not."""
    for (K, N, width), turned in itertools.product(PACKED, (False, True)):
        b = matrix(K, N).astype(float)
        expected = [
            b[k, p * width + w] if p * width + w < N else 0.0
            for p in range(-(-N // width))
            for k in range(K)
            for w in range(width)
        ]
        given = b.T.copy() if turned else b.copy()
        call = f"pack(b, {width}, {turned}) with b {given.shape}"
        same(student.pack(given, width, turned), np.array(expected), call)


def test_pack__keeps_the_dtype(student):
    """float32 and float64, with and without a last panel that is filled up."""
    for dtype, N, turned in itertools.product((np.float32, np.float64), (4, 5), (False, True)):
        shape = (N, 3) if turned else (3, N)
        found = student.pack(matrix(*shape).astype(dtype), 2, turned)
        call = f"pack(b, 2, {turned}) with b {shape} of {np.dtype(dtype)}"
        dtypes = getattr(found, "dtype", type(found).__name__)
        assert dtypes == dtype, f"{call} returns {dtypes}"


EDGES = [
    (4, 12, 3), (5, 13, 2), (1, 1, 1), (3, 11, 4), (9, 25, 2), (2, 4, 3), (8, 24, 1), (1, 30, 2),
    (7, 3, 5), (6, 9, 2), (4, 8, 2), (13, 5, 1), (3, 12, 3), (4, 16, 1), (1, 12, 2), (12, 1, 3),
]  # fmt: skip


CORES = [*((4, sizes) for sizes in EDGES), (8, (5, 27, 2)), (2, (6, 13, 3)), (8, (2, 5, 4))]


def test_edges__is_right_for_any_size(student):
    """Fewer rows, fewer vectors, fewer numbers, one of each, and several tiles."""
    for width, sizes in CORES:
        run(student, "edges", sizes, width)


def test_edges__does_no_more_than_it_needs(student):
    """Instructions and registers, inside and at the edges."""
    for width, sizes in CORES:
        counted(*run(student, "edges", sizes, width), sizes)


def busy(rows, columns):
    """Return what `work` of the exercises returns."""
    return (-(-rows // 8) * 8 + 8) * (-(-columns // 16) * 16) if rows and columns else 0


def least(M, N, T):
    """Return the work of the largest share of the best grid."""
    found = []
    for down in range(1, T + 1):
        if T % down == 0:
            high, wide = -(-M // (8 * down)) * 8, -(-N // (16 * T // down)) * 16
            found.append(busy(min(high, M), min(wide, N)))
    return min(found)


def shares(student, M, N, T):
    """Return the shares of cut, which are T of four whole numbers each, and how it was called."""
    found, call = student.cut(M, N, T), f"cut({M}, {N}, {T})"
    assert isinstance(found, list | tuple), f"{call} returned {found!r}, not a list of shares"
    assert len(found) == T, f"{call} returned {len(found)} shares for {T} threads"
    for share in found:
        four = isinstance(share, list | tuple) and len(share) == 4
        whole = four and all(isinstance(n, int | np.integer) for n in share)
        assert whole, f"{call}: {share!r} is no share of four whole numbers"
        i, k, j, l = share  # noqa: E741
        within = 0 <= i <= k <= M and 0 <= j <= l <= N
        assert within, f"{call}: the share {tuple(share)} is not within {M} rows and {N} columns"
    return found, call


CUTS = [
    (128, 512), (128, 784), (784, 128), (8, 784), (784, 8), (1, 1), (1, 700), (700, 1), (100, 100),
    (33, 49), (17, 33), (64, 64), (256, 32), (12, 200), (30, 500), (65, 129), (40, 40),
]  # fmt: skip


def test_cut__computes_everything_once(student):
    """Threads more and fewer than tiles, even and prime."""
    for (M, N), T in itertools.product(CUTS, (1, 2, 3, 4, 6, 7, 12)):
        found, call = shares(student, M, N, T)
        times = np.zeros((M, N), int)
        for i, k, j, l in found:  # noqa: E741
            times[i:k, j:l] += 1
        if (times != 1).any():
            i, j = (int(n) for n in np.argwhere(times != 1)[0])
            raise AssertionError(f"{call}: entry [{i}, {j}] is in {times[i, j]} shares, not in one")


def test_cut__begins_shares_where_tiles_begin(student):
    """At multiples of 8 rows and 16 columns."""
    for (M, N), T in itertools.product(CUTS, (2, 3, 4, 6, 7)):
        found, call = shares(student, M, N, T)
        for i, k, j, l in found:  # noqa: E741
            assert i == k or j == l or i % 8 == j % 16 == 0, (
                f"{call}: the share {(i, k, j, l)} begins within a tile, at row {i} and column {j}"
            )


def test_cut__gives_the_largest_share_the_least_work(student):
    """As little as the best of all grids does."""
    for (M, N), T in itertools.product(CUTS, (1, 2, 3, 4, 5, 6, 8, 12, 16)):
        found, call = shares(student, M, N, T)
        largest = max(found, key=lambda share: busy(share[1] - share[0], share[3] - share[2]))
        i, k, j, l = largest  # noqa: E741
        most, best = busy(k - i, l - j), least(M, N, T)
        assert most <= best, (
            f"{call}: the share {tuple(largest)} has {k - i} rows and {l - j} columns, work {most};"
            f" with the best grid, none has more than {best}"
        )
