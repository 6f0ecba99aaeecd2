"""The checks of lesson 16. Each launches the student's kernel in the simulator.

A SimulationError, a race for instance, is a failed check too: it names the line and the threads.
"""

from collections import Counter
from unittest.mock import patch

import numpy as np

from minae.kernels.simulator import cuda, launch


def matrix(*shape, seed=0):
    """Return a random matrix."""
    return np.random.default_rng(seed).standard_normal(shape, np.float32)


def parts(count, size):
    """Return how many parts of this size it takes to hold `count`."""
    return -(-count // size)


def launched(kernel, name, grid, block, inputs, result, expected, **how):
    """Launch a kernel; return a description of the call, and the traffic.

    Fails unless the result, all nan before, is what is expected, and the inputs are unchanged.
    """
    shapes = [f"{what} {array.shape}" for what, array in inputs.items()]
    call = f"{name} with {' and '.join(shapes)}, for {grid} blocks of {block} threads"
    copies, got = [a.copy() for a in inputs.values()], np.full(expected.shape, np.nan, np.float32)
    try:
        traffic = launch(kernel, grid, block, *copies, got, **how)
    except BaseException as error:
        error.add_note(call)
        raise
    for (what, array), copy in zip(inputs.items(), copies, strict=True):
        assert np.array_equal(array, copy), f"{call} writes into {what}, which it may only read"
    right = np.isclose(got, expected, rtol=1e-4, atol=1e-4)
    if not right.all():
        i, j = (int(n) for n in np.argwhere(~right)[0])
        value = "nan (never written, or from nan)" if np.isnan(got[i, j]) else f"{got[i, j]:.6g}"
        raise AssertionError(
            f"{call}: {(~right).sum()} of {right.size} entries of {result} are wrong. The first is"
            f" {result}[{i}, {j}]: {value}, expected {expected[i, j]:.6g}"
        )
    return call, traffic


def requests(traffic, space, kind, name=""):
    """Return what warps asked of one kind of memory."""
    label = f"{space} {name}"
    return [r for r in traffic.requests if r.array.startswith(label) and r.kind == kind]


def reads_once(call, traffic, numbers):
    """Fail if more numbers of an array than these are read from global memory."""
    for name, needed in numbers.items():
        read = sum(r.wanted for r in requests(traffic, "global", "load", name)) // 4
        assert read <= needed, (
            f"{call} reads {read} numbers of {name} from global memory; {needed} are enough if"
            " each block reads its tiles once"
        )


def tn(student, M, N, K, **how):
    """Run product_tn."""
    a, b = matrix(K, M), matrix(K, N, seed=1)
    grid = parts(max(M, N), 32), parts(max(M, N), 8)  # enough for i or j along x
    kernel, inputs = student.product_tn, {"a": a, "b": b}
    return launched(kernel, "product_tn", grid, (32, 8), inputs, "c", a.T @ b, **how)


def test_product_tn__is_right_for_any_size(student):
    """The grid has more threads than c has entries; one row, one column, whole blocks."""
    for M, N, K in [(4, 4, 4), (33, 5, 7), (5, 33, 7), (1, 40, 1), (40, 1, 2), (1, 1, 70)]:
        tn(student, M, N, K)


def test_product_tn__moves_few_sectors(student):
    """5 for 32 products of a warp, 4 for 32 entries stored."""
    M, N, K = 16, 64, 6
    call, traffic = tn(student, M, N, K, count=True)
    loads, stores = traffic.total("global", "load"), traffic.total("global", "store")
    per_product = loads.sectors / (M * N * K / 32)
    assert per_product <= 5, (
        f"{call} loads {per_product:.4g} sectors for 32 products, and 5 are enough:"
        " are the lanes of a warp side by side in b?"
    )
    per_entry = stores.sectors / (M * N / 32)
    assert per_entry <= 4, (
        f"{call} stores {per_entry:.4g} sectors for 32 entries of c, and 4 are enough:"
        " are the lanes of a warp side by side in c?"
    )


def nt(student, M, N, K, **how):
    """Run product_nt."""
    a, b = matrix(M, K), matrix(N, K, seed=1)
    grid, inputs = (parts(N, 16), parts(M, 16)), {"a": a, "b": b}
    return launched(student.product_nt, "product_nt", grid, (16, 16), inputs, "c", a @ b.T, **how)


def test_product_nt__is_right_at_the_edges(student):
    """No size is a multiple of 16, or one is, or two are equal; in any order of threads."""
    sizes = [(17, 3, 20), (3, 17, 17), (1, 1, 1), (5, 5, 9), (16, 2, 33), (2, 3, 70)]
    for seed, (M, N, K) in enumerate(sizes):
        nt(student, M, N, K, seed=seed)


def test_product_nt__reads_each_number_once_a_block(student):
    """That is what the tiles are for; and in whole sectors."""
    M, N, K = 16, 32, 48
    call, traffic = nt(student, M, N, K, count=True)
    reads_once(call, traffic, {"a": M * K * N // 16, "b": N * K * M // 16})
    for name in ("a", "b"):
        loads = requests(traffic, "global", "load", name)
        worst = max(r.sectors for r in loads)
        assert worst <= 4, (
            f"a warp's load of {name} at {loads[0].line} takes {worst} sectors, and 4 are enough:"
            " do neighbours in x read neighbours along k?"
        )


def buffered(student, M, N, K, **how):
    """Run double_buffered."""
    a, b = matrix(M, K), matrix(K, N, seed=1)
    grid, kernel, inputs = (N // 8, M // 8), student.double_buffered, {"a": a, "b": b}
    return launched(kernel, "double_buffered", grid, (8, 8), inputs, "c", a @ b, **how)


def test_double_buffered__has_no_race_in_any_order(student):
    """Ten orders of threads."""
    for seed in range(10):
        buffered(student, 8, 8, 32, seed=seed)


def test_double_buffered__is_right_for_any_number_of_steps(student):
    """One, two, three and more steps along k, and several blocks."""
    for M, N, K in [(8, 8, 8), (8, 16, 16), (16, 8, 24), (8, 8, 72)]:
        buffered(student, M, N, K)


def test_double_buffered__reads_each_number_once_a_block(student):
    """From global memory into its tiles."""
    M, N, K = 16, 8, 24
    call, traffic = buffered(student, M, N, K, count=True)
    reads_once(call, traffic, {"a": M * K * N // 8, "b": N * K * M // 8})


def test_double_buffered__has_one_barrier_a_step(student):
    """A thread may wait once more, before its first step or after its last."""
    steps, threads, calls = 5, 64, []
    wait = type(cuda).syncthreads

    def counted(self):
        calls.append(1)
        wait(self)

    with patch.object(type(cuda), "syncthreads", counted):
        buffered(student, 8, 8, 8 * steps)
    assert len(calls) <= threads * (steps + 1), (
        f"double_buffered with {steps} steps along k stops each thread {len(calls) // threads}"
        f" times; {steps} are enough, one per step"
    )


def tiles(student, K, **how):
    """Run registers on 64 x 64 entries."""
    a, b = matrix(64, K), matrix(K, 64, seed=1)
    inputs = {"a": a, "b": b}
    return launched(student.registers, "registers", 1, 256, inputs, "c", a @ b, **how)


def test_multiply__adds_the_products(student):
    """Two steps along k, in another order of threads."""
    tiles(student, 8, seed=1)


def test_multiply__reads_each_number_once(student):
    """8 reads of shared memory for 16 products."""
    K, threads = 4, 256
    _, traffic = tiles(student, K, count=True)
    reads = sum(r.wanted for r in requests(traffic, "shared", "load")) / 4 / K / threads
    assert reads <= 8, (
        f"a thread reads shared memory {reads:.4g} times for each k, and 8 are enough:"
        " read first, keep the numbers in variables, and multiply those"
    )


def turned(student, M, N, kernel=None, **how):
    """Run transpose."""
    x, grid = matrix(M, N), (parts(N, 32), parts(M, 32))
    kernel = kernel or student.transpose
    return launched(kernel, "transpose", grid, (32, 8), {"x": x}, "y", x.T, **how)


def test_transpose__is_right_for_any_size(student):
    """Squares cut off on either side, one row, one column, in any order of threads."""
    sizes = [(32, 32), (33, 33), (5, 40), (1, 33), (33, 1), (1, 1)]
    for seed, (M, N) in enumerate(sizes):
        turned(student, M, N, seed=seed)


def test_transpose__moves_whole_sectors(student):
    """4 for 32 numbers, on both sides; if squares are cut off, a row may begin inside a sector."""
    for M, N, most in [(32, 64, 4), (40, 33, 5)]:
        call, traffic = turned(student, M, N, count=True)
        for kind, name in [("load", "x"), ("store", "y")]:
            made = requests(traffic, "global", kind, name)
            numbers = sum(r.wanted for r in made) // 4
            assert numbers == M * N, (
                f"{call} makes {numbers} {kind}s of {name}, not {M * N}, one per number"
            )
            worst = max(made, key=lambda r: r.sectors)
            assert worst.sectors <= most, (
                f"{call}: a warp's {kind} of {name} at {worst.line} takes {worst.sectors} sectors,"
                f" and {most} are enough: do neighbours in threadIdx.x {kind} neighbours?"
            )


class Watched:
    """An array of a kernel that counts how often each thread reads it."""

    def __init__(self, array, reads):
        self.array, self.shape, self.reads = array, array.shape, reads

    def __getitem__(self, index):
        self.reads[tuple(cuda.blockIdx), tuple(cuda.threadIdx)] += 1
        return self.array[index]


def test_transpose__gives_each_thread_four_numbers(student):
    """None is idle, and none has more to do than the others."""
    reads = Counter()
    turned(student, 32, 32, lambda x, y: student.transpose(Watched(x, reads), y))
    assert len(reads) == 256, f"{len(reads)} of a block's 256 threads move numbers, not all"
    most = max(reads.values())
    assert most == 4, f"a thread of transpose moves {most} numbers of a whole square, not 4"


def test_transpose__has_no_bank_conflicts(student):
    """Every request of a warp is answered at once."""
    _, traffic = turned(student, 32, 32, count=True)
    for kind in ("load", "store"):
        made = requests(traffic, "shared", kind)
        assert made, f"transpose makes no {kind} of shared memory: where does the square turn?"
        worst = max(made, key=lambda r: r.waves)
        assert worst.waves == 1, (
            f"a warp's {kind} of {worst.array} at {worst.line} takes {worst.waves} answers, not 1:"
            " lanes want different numbers from the same bank"
        )
