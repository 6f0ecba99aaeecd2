import importlib.util
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import numpy as np
import pytest

from minae.kernels.simulator import SimulationError

from . import kernels
from .cases import CASES


def is_right(case, kernel, seed=None) -> bool:
    got, right = case.run(kernel, seed)
    return np.allclose(got, right, rtol=1e-4, atol=1e-4)  # nan is not


@pytest.mark.parametrize("name", CASES)
def test_a_correct_kernel_is_right_in_any_order_of_threads(name):
    for seed in range(20):
        assert is_right(CASES[name], CASES[name].kernel, seed)


@dataclass(frozen=True)
class Bug:
    kernel: str
    title: str
    old: str
    new: str
    says: str | None  # the error, as a regular expression; None if only the numbers are wrong

    def plant(self, folder: Path):
        text = Path(kernels.__file__).read_text(encoding="utf-8")
        assert self.old in text
        path = folder / "mutant.py"
        path.write_text(text.replace(self.old, self.new), encoding="utf-8")
        spec = importlib.util.spec_from_file_location("mutant", path)
        mutant = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(mutant)
        return getattr(mutant, self.kernel)


UNWRITTEN = r"mutant\.py:\d+: shared \w+\[.*\] is read but was never written"
READ = r"mutant\.py:\d+: a race: \w+ \w+\[.*\] is read, and was written by thread .* at mutant"
WRITTEN = (
    r"mutant\.py:\d+: a race: \w+ \w+\[.*\] is written, and was (read|written) by thread .* at"
)
ADDED = "a race: .* and was added to by thread"
TOO_EARLY = rf"{UNWRITTEN}|{READ}|{WRITTEN}"  # which of them comes first depends on the order
OUTSIDE = r"mutant\.py:\d+: .* is out of bounds"
MISALIGNED = r"mutant\.py:\d+: .* is misaligned"
NOT_WAITED = r"is read before the copy by thread .* at mutant\.py:\d+ was waited for"
DIVERGED = r"a barrier that not all threads reach: \d+ wait for the (block|warp) at mutant\.py:\d+"

FILLED, USED = "cuda.syncthreads()  # filled", "cuda.syncthreads()  # used"
HALVED = "        cuda.syncthreads()  # halved"
SHUFFLE = "other = cuda.shfl_down_sync(FULL, total, n)"

BUGS = [
    Bug("matmul_tiled", "no first barrier", FILLED, "pass", TOO_EARLY),
    Bug("matmul_tiled", "no second barrier", USED, "pass", f"{READ}|{WRITTEN}"),
    Bug("matmul_tiled", "a warp's barrier for the block's", USED, "cuda.syncwarp()", TOO_EARLY),
    Bug(
        "matmul_tiled", "no guard", "if row < rows and k0 + x < depth else float32(0)", "", OUTSIDE
    ),
    Bug("matmul_tiled", "guard off by one", "row < rows", "row <= rows", OUTSIDE),
    Bug("matmul_tiled", "index swapped", "b_tile[k, x]", "b_tile[x, k]", None),
    Bug("matmul_tiled", "last tile missing", "range(0, depth, T)", "range(0, depth - T, T)", None),
    Bug(
        "matmul_tiled",
        "barrier in a branch",
        FILLED,
        "cuda.syncthreads() if row < rows else None",
        f"{DIVERGED}|{TOO_EARLY}",
    ),
    Bug(
        "matmul_tiled",
        "another barrier in each branch",
        USED,
        "cuda.syncthreads() if row < rows else cuda.syncthreads()",
        DIVERGED,
    ),
    Bug(
        "matmul_tiled",
        "barrier in a loop of unequal length",
        "range(0, depth, T)",
        "range(0, depth if row < rows else T, T)",
        f"{DIVERGED}.*have ended",
    ),
    Bug(
        "matmul_tiled",
        "threads at the edge leave",
        "total = float32(0)",
        "total = float32(0)\n    if row >= rows:\n        return",
        f"{DIVERGED}.*have ended",
    ),
    Bug(
        "matmul_tiled",
        "two blocks write the same rows",
        "column, row = cuda.grid(2)",
        "column, row = cuda.grid(1), cuda.threadIdx.y",
        "a race: global c.* is written, and was written by",
    ),
    Bug("matmul_register", "no second barrier", USED, "pass", TOO_EARLY),
    Bug("matmul_register", "padding of 1", "PITCH = WIDE + 4", "PITCH = WIDE + 1", MISALIGNED),
    Bug("matmul_register", "no alignment", ", alignment=16)", ")", f"{MISALIGNED}.*alignment=16"),
    Bug("matmul_register", "padding forgotten", "DEEP * PITCH,", "DEEP * WIDE,", OUTSIDE),
    Bug(
        "matmul_register",
        "a vector starts between two",
        "k * PITCH + right",
        "k * PITCH + right + 1",
        MISALIGNED,
    ),
    Bug(
        "matmul_register",
        "no guard of columns: the next row is hit",
        "if row < rows and column < columns:",
        "if row < rows:",
        f"{WRITTEN}|{OUTSIDE}",
    ),
    Bug(
        "matmul_register",
        "sums start anywhere",
        "total[i, j] = float32(0)",
        "pass",
        r"local total\[\d, \d\] is read but was never written",
    ),
    Bug("matmul_pipelined", "waits one group short", "wait_copies1", "wait_copies2", NOT_WAITED),
    Bug("matmul_pipelined", "does not wait", "            wait_copies1()\n", "", NOT_WAITED),
    Bug("matmul_pipelined", "never closes a group", "close_copies()", "pass", NOT_WAITED),
    Bug(
        "matmul_pipelined",
        "no group at the end, so that the last is not waited for",
        "        close_copies()",
        "            close_copies()",
        NOT_WAITED,
    ),
    Bug(
        "matmul_pipelined", "no barrier after the wait", FILLED, "pass", f"{NOT_WAITED}|{TOO_EARLY}"
    ),
    Bug(
        "matmul_pipelined",
        "orders a copy over what others still read",
        USED,
        "pass",
        f"{WRITTEN}|{NOT_WAITED}",
    ),
    Bug(
        "matmul_pipelined",
        "reads the buffer of the next step",
        "= step % 2 * HALF + thread // 4 * T, step % 2 * HALF",
        "= (step + 1) % 2 * HALF + thread // 4 * T, (step + 1) % 2 * HALF",
        NOT_WAITED,
    ),
    Bug("matmul_pipelined", "one buffer for two", "% 2 * HALF", "% 1 * HALF", "copy|race"),
    Bug(
        "matmul_pipelined", "misaligned copy", "into + thread * 4", "into + thread * 2", MISALIGNED
    ),
    Bug("matmul_pipelined", "copies without guard", "i < rows and k < depth", "True", OUTSIDE),
    Bug("matmul_tensor", "fragments swapped", "(a0, a1, a2, a3", "(a0, a2, a1, a3", None),
    Bug("matmul_tensor", "b transposed", "(k0 + t + 4) * 8 + g", "(k0 + t) * 8 + g", None),
    Bug(
        "matmul_tensor",
        "a lane leaves the product out",
        "c0, c1, c2, c3 = mma_tf32",
        "if g + t:\n            c0, c1, c2, c3 = mma_tf32",
        DIVERGED,
    ),
    Bug("conv_gather", "no first barrier", FILLED, "pass", TOO_EARLY),
    Bug("conv_gather", "no second barrier", USED, "pass", TOO_EARLY),
    Bug("conv_gather", "bounds off by one", "0 <= h < height", "0 <= h <= height", OUTSIDE),
    Bug("conv_gather", "no guard of the depth", "out < outs and k < depth", "out < outs", OUTSIDE),
    Bug(
        "conv_gather",
        "edge of the tile unwritten",
        "w_tile[ty, tx] = value",
        "if out < outs:\n            w_tile[ty, tx] = value",
        UNWRITTEN,
    ),
    Bug("conv_direct", "no guard of the padding", "0 <= h < height", "h < height", OUTSIDE),
    Bug("conv_direct", "guard off by one", "if i >= images", "if i > images", OUTSIDE),
    Bug("conv_direct", "weight transposed", "channel, r, s]", "channel, s, r]", None),
    Bug("conv_direct", "threads share a result", "i // wide % high", "i // wide % 2", WRITTEN),
    Bug("blur", "no barrier", "    cuda.syncthreads()\n", "", TOO_EARLY),
    Bug("blur", "edge unwritten", "if thread == T - 1:", "if thread == T:", UNWRITTEN),
    Bug("blur", "no room for an edge", "array(T + 2,", "array(T + 1,", OUTSIDE),
    Bug("reduce_tree", "no first barrier", FILLED, "pass", TOO_EARLY),
    Bug("reduce_tree", "no barrier between halves", HALVED, "", f"{READ}|{WRITTEN}"),
    Bug("reduce_tree", "a warp's for the block's", HALVED, "        cuda.syncwarp()", TOO_EARLY),
    Bug("reduce_tree", "barrier in a branch", HALVED, f"    {HALVED}", DIVERGED),
    Bug("reduce_tree", "no syncwarp", "cuda.syncwarp()", "pass", f"{READ}|{WRITTEN}"),
    Bug("reduce_tree", "warp's tree too early", "(64, 32)", "(64,)", None),
    Bug(
        "reduce_tree",
        "blocks add without atomics",
        "cuda.atomic.add(y, 0, part[0])",
        "y[0] += part[0]",
        "a race: global y",
    ),
    Bug("reduce_shuffle", "no barrier", "    cuda.syncthreads()  # each", "    # each", TOO_EARLY),
    Bug("reduce_shuffle", "missing lanes count", "lane + n < lanes", "lane + n < 32", None),
    Bug("reduce_shuffle", "two lanes write", "if lane == 0:", "if lane < 2:", WRITTEN),
    Bug(
        "reduce_shuffle",
        "shuffle in a branch",
        SHUFFLE,
        f"{SHUFFLE} if lane + n < 32 else total",
        DIVERGED,
    ),
    Bug(
        "reduce_shuffle",
        "a warp waits for a lane that waits for the block",
        SHUFFLE,
        f"if lane == 31:\n            cuda.syncthreads()\n        {SHUFFLE}",
        "wait for the warp at .* wait for the block at|wait for the block at .* wait for the warp",
    ),
    Bug(
        "reduce_shuffle", "half a mask", "FULL = 0xFFFFFFFF", "FULL = 0xFFFF", "mask 0xffff leaves"
    ),
    Bug("histogram", "bins not yet empty", "cuda.syncthreads()  # empty", "pass", "never|race"),
    Bug(
        "histogram",
        "bins still counted",
        "cuda.syncthreads()  # counted",
        "pass",
        f"{ADDED}|{WRITTEN}",
    ),
    Bug("histogram", "no atomics", "cuda.atomic.add(bins, x[i], 1)", "bins[x[i]] += 1", "a race"),
    Bug("histogram", "bins not emptied", "bins[thread] = 0", "pass", "was never written"),
]


@cache
def original_is_right(name: str) -> bool:
    return is_right(CASES[name], CASES[name].kernel)


@pytest.mark.parametrize("bug", BUGS, ids=lambda bug: f"{bug.kernel}: {bug.title}")
def test_a_bug_is_found_in_any_order_of_threads(bug, tmp_path):
    assert original_is_right(bug.kernel)
    mutant = bug.plant(tmp_path)
    for seed in (None, 0, 1, 2):
        if bug.says is None:
            assert not is_right(CASES[bug.kernel], mutant, seed)
        else:
            with pytest.raises(SimulationError, match=bug.says):
                CASES[bug.kernel].run(mutant, seed)
