"""The checks of lesson 15. Each launches the student's kernel in the simulator.

A SimulationError, a race for instance, is a failed check too: it names the line and the threads.
"""

from unittest.mock import patch

import numpy as np

from minae.kernels.simulator import cuda, launch


def matrix(*shape, seed=0):
    """Return a random matrix."""
    return np.random.default_rng(seed).standard_normal(shape, np.float32)


def parts(count, size):
    """Return how many parts of a size it takes for so many."""
    return -(-count // size)


def assert_same(got, expected, name, what):
    """Compare a result, of which nothing was written before, entry by entry."""
    empty, right = np.isnan(got), np.isclose(got, expected, rtol=1e-4, atol=1e-4)
    if not right.all():
        i, j = (int(n) for n in np.argwhere(~right)[0])
        value = "nan (never written, or from nan)" if empty[i, j] else f"{got[i, j]:.6g}"
        raise AssertionError(
            f"{what}: {(~right).sum()} of {right.size} entries of {name} are wrong. The first is"
            f" {name}[{i}, {j}]: {value}, expected {expected[i, j]:.6g}"
        )


def requests(traffic, space, kind, name=""):
    """Return what warps asked of one kind of memory."""
    label = f"{space} {name}"
    return [r for r in traffic.requests if r.array.startswith(label) and r.kind == kind]


def run(kernel, a, b, shape, block, grid, seed=None, count=False):
    """Return c, and what was moved, of one launch."""
    c = np.full(shape, np.nan, np.float32)
    traffic = launch(kernel, grid, block, a, b, c, seed=seed, count=count)
    return c, traffic


def tn(student, M, N, K, **how):
    """Run product_tn; return c, what it should be, and what was moved."""
    a, b = matrix(K, M), matrix(K, N, seed=1)
    grid = parts(max(M, N), 32), parts(max(M, N), 8)  # enough for i or j along x
    c, traffic = run(student.product_tn, a, b, (M, N), (32, 8), grid, **how)
    return c, a.T @ b, traffic


def test_product_tn__is_right_for_any_size(student):
    """The grid has more threads than c has entries."""
    for M, N, K in [(4, 4, 4), (33, 5, 7), (5, 33, 7), (1, 40, 1), (9, 9, 0)]:
        c, expected, _ = tn(student, M, N, K)
        assert_same(c, expected, "c", f"product_tn with a ({K}, {M}) and b ({K}, {N})")


def test_product_tn__moves_few_sectors(student):
    """5 for 32 products of a warp, 4 for 32 entries stored."""
    M, N, K = 32, 64, 6
    _, _, traffic = tn(student, M, N, K, count=True)
    size = f"product_tn with a ({K}, {M}) and b ({K}, {N})"
    loads, stores = traffic.total("global", "load"), traffic.total("global", "store")
    per_product = loads.sectors / (M * N * K / 32)
    assert per_product <= 5, (
        f"{size} loads {per_product:.4g} sectors for 32 products, and 5 are enough:"
        " are the lanes of a warp side by side in b?"
    )
    per_entry = stores.sectors / (M * N / 32)
    assert per_entry <= 4, (
        f"{size} stores {per_entry:.4g} sectors for 32 entries of c, and 4 are enough:"
        " are the lanes of a warp side by side in c?"
    )


def nt(student, M, N, K, **how):
    """Run product_nt; return c, what it should be, and what was moved."""
    a, b = matrix(M, K), matrix(N, K, seed=1)
    grid = parts(N, 16), parts(M, 16)
    c, traffic = run(student.product_nt, a, b, (M, N), (16, 16), grid, **how)
    return c, a @ b.T, traffic


def test_product_nt__is_right_for_whole_tiles(student):
    """M, N and K are multiples of 16, and differ."""
    c, expected, _ = nt(student, 16, 32, 48)
    assert_same(c, expected, "c", "product_nt with a (16, 48) and b (32, 48)")


def test_product_nt__is_right_at_the_edges(student):
    """No size is a multiple of 16, in any order of threads."""
    for seed, (M, N, K) in enumerate([(17, 3, 20), (3, 17, 20), (1, 1, 1), (16, 16, 33)]):
        c, expected, _ = nt(student, M, N, K, seed=seed)
        assert_same(c, expected, "c", f"product_nt with a ({M}, {K}) and b ({N}, {K})")


def test_product_nt__reads_each_number_once_a_block(student):
    """That is what the tiles are for; and whole sectors of it."""
    M, N, K = 32, 32, 32
    _, _, traffic = nt(student, M, N, K, count=True)
    for name, others in [("a", N), ("b", M)]:
        loads = requests(traffic, "global", "load", name)
        numbers, needed = sum(r.wanted for r in loads) // 4, M * K * others // 16
        assert numbers <= needed, (
            f"product_nt with a and b (32, 32) reads {numbers} numbers of {name} from global"
            f" memory; {needed} are enough if each block reads its tiles once"
        )
        worst = max(r.sectors for r in loads)
        assert worst <= 4, (
            f"a warp's load of {name} at {loads[0].line} takes {worst} sectors, and 4 are enough:"
            " do neighbours in x read neighbours along k?"
        )


def buffered(student, M, N, K, seed=None):
    """Run double_buffered; return c and what it should be."""
    a, b = matrix(M, K), matrix(K, N, seed=1)
    c, _ = run(student.double_buffered, a, b, (M, N), (8, 8), (N // 8, M // 8), seed=seed)
    return c, a @ b


def test_double_buffered__has_no_race_in_any_order(student):
    """Ten orders of threads."""
    for seed in range(10):
        c, expected = buffered(student, 8, 8, 32, seed)
        assert_same(c, expected, "c", "double_buffered with a (8, 32) and b (32, 8)")


def test_double_buffered__is_right_for_any_number_of_steps(student):
    """One, two and three steps along k, and several blocks."""
    for M, N, K in [(8, 8, 8), (8, 16, 16), (16, 8, 24)]:
        c, expected = buffered(student, M, N, K)
        assert_same(c, expected, "c", f"double_buffered with a ({M}, {K}) and b ({K}, {N})")


def test_double_buffered__has_one_barrier_a_step(student):
    """A thread may stop once more, before its first step or after its last one."""
    steps, threads, calls = 5, 64, []
    wait = type(cuda).syncthreads

    def counted(self):
        calls.append(1)
        wait(self)

    with patch.object(type(cuda), "syncthreads", counted):
        buffered(student, 8, 8, 8 * steps)
    assert len(calls) <= threads * (steps + 1), (
        f"double_buffered with {steps} steps along k stops each thread {len(calls) // threads}"
        f" times; {steps} are enough, one a step"
    )


def tiles(student, K=8, **how):
    """Run registers on 64 x 64 entries; return c, what it should be, and what was moved."""
    a, b = matrix(64, K), matrix(K, 64, seed=1)
    c, traffic = run(student.registers, a, b, (64, 64), 256, 1, **how)
    return c, a @ b, traffic


def test_multiply__adds_the_products(student):
    """Two steps along k, in another order of threads."""
    c, expected, _ = tiles(student, seed=1)
    assert_same(c, expected, "c", "registers with a (64, 8) and b (8, 64)")


def test_multiply__reads_each_number_once(student):
    """8 numbers for 16 products."""
    K, threads = 4, 256
    _, _, traffic = tiles(student, K, count=True)
    for name in ("a_tile", "b_tile"):
        reads = sum(r.wanted for r in requests(traffic, "shared", "load", name)) // 4
        assert reads <= 4 * K * threads, (
            f"a thread reads {name} {reads / threads / K:.4g} times for each k, and 4 are enough:"
            " read first, keep the numbers, and multiply what is kept"
        )


def turned(student, M, N, **how):
    """Run transpose; return y, what it should be, and what was moved."""
    x, y = matrix(M, N), np.full((N, M), np.nan, np.float32)
    traffic = launch(student.transpose, (parts(N, 32), parts(M, 32)), (32, 8), x, y, **how)
    return y, x.T, traffic


def test_transpose__is_right_for_any_size(student):
    """Squares cut off at either side, in any order of threads."""
    for seed, (M, N) in enumerate([(32, 32), (32, 64), (40, 5), (5, 40), (33, 70)]):
        y, expected, _ = turned(student, M, N, seed=seed)
        assert_same(y, expected, "y", f"transpose with x ({M}, {N})")


def test_transpose__moves_whole_sectors(student):
    """4 for 32 numbers, on both sides."""
    _, _, traffic = turned(student, 32, 64, count=True)
    for kind, name in [("load", "x"), ("store", "y")]:
        made = requests(traffic, "global", kind, name)
        numbers, needed = sum(r.wanted for r in made) // 4, 32 * 64
        assert numbers == needed, (
            f"transpose with x (32, 64) makes {numbers} {kind}s of {name}, not {needed},"
            " one a number"
        )
        worst = max(r.sectors for r in made)
        assert worst <= 4, (
            f"a warp's {kind} of {name} at {made[0].line} takes {worst} sectors, and 4 are enough:"
            f" do neighbours in threadIdx.x {kind} neighbours?"
        )


def test_transpose__has_no_bank_conflicts(student):
    """Every request of a warp is answered at once."""
    _, _, traffic = turned(student, 32, 32, count=True)
    for kind in ("load", "store"):
        made = requests(traffic, "shared", kind)
        assert made, f"transpose makes no {kind} of shared memory: where does the square turn?"
        worst = max(made, key=lambda r: r.waves)
        assert worst.waves == 1, (
            f"a warp's {kind} of {worst.array} at {worst.line} takes {worst.waves} answers, not 1:"
            " lanes want different numbers of one bank"
        )
