"""`minae kernels show matmul --device cpu`: its table, what it counts, and what it refuses."""

import re

import pytest

from minae.kernels.cpu.ladders.matmul import RUNGS
from minae.tools import cpu_ladder

EXAMPLE = """
.LBB0_1:  # whole tiles: four sums of 16 numbers
	vmovups	(%rcx), %zmm17
	vfmadd231ps	%zmm17, %zmm16, %zmm1
	vfmadd231ps	%zmm17, %zmm16, %zmm2
	vfmadd231ps	64(%rax), %zmm16, %zmm3
	vfmadd231ps	%zmm17, %zmm16, %zmm4
.LBB0_2:
	vbroadcastss	(%rax), %zmm16
	addq	$64, %rcx
	jne	.LBB0_1
	vfmadd231ps	%zmm17, %zmm16, %zmm9
	jne	.LBB0_9
.LBB0_3:  # a loop around a loop
	vfmadd231ps	%zmm17, %zmm16, %zmm9
.LBB0_4:  # columns at the edge: one sum, more per instruction
	vfmadd231ps	(%rcx), %zmm16, %zmm9
	vfmadd231ps	64(%rcx), %zmm16, %zmm9
	vfmadd231ps	128(%rcx), %zmm16, %zmm9
	jne	.LBB0_4
	jne	.LBB0_3
"""


def test_it_counts_in_the_loop_of_the_largest_tile():
    assert cpu_ladder._per_instruction(EXAMPLE) == 4 * 16 / 8
    smaller = EXAMPLE.replace("zmm", "ymm").replace("231ps", "132ss")
    assert cpu_ladder._per_instruction(smaller) == 4 / 8


def test_only_innermost_loops_count():
    bodies = list(cpu_ladder._innermost_loops(EXAMPLE))
    assert [len(body) for body in bodies] == [8, 4]


def test_other_processors_have_no_count():
    assert cpu_ladder._per_instruction(".LBB0_1:\n\tfmla v0.4s, v1.4s\n\tjne .LBB0_1\n") is None


@pytest.fixture
def hasty(monkeypatch):
    monkeypatch.setattr(cpu_ladder, "BURSTS", 1)
    monkeypatch.setattr(cpu_ladder, "SECONDS", 1e-4)


def test_a_row_for_each_rung(minae, hasty):
    status, out, _ = minae("kernels", "show", "matmul", "--device", "cpu", "--size", "9,33,50")
    assert status == 0
    assert "matmul, 9 x 33 by 33 x 50, float32" in out
    heads = [head.strip() for head in re.search("┃(.*)┃", out)[1].split("┃")]
    assert heads == ["rung", "GFLOP/s", "% of the limit", "multiply-adds per instruction"]
    rows = [line.strip("│").split("│") for line in out.splitlines() if line.startswith("│")]
    assert [row[0].strip() for row in rows] == list(RUNGS)
    assert all(float(number) > 0 for row in rows for number in row[1:3])
    counts = [row[3].strip() for row in rows]
    if "-" not in counts:  # on x86, each idea multiplies more per instruction
        scalar, vector, *tiles = map(float, counts)
        assert scalar < 1 < vector < min(tiles)


def test_slow_rungs_multiply_fewer_rows(minae, hasty, monkeypatch):
    monkeypatch.setattr(cpu_ladder, "LONGEST", 0)
    status, out, _ = minae("kernels", "show", "matmul", "--device", "cpu", "--size", "40,3,5")
    assert status == 0
    assert "i_j_k is slow: only 8 of the 40 rows were multiplied." in out


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (("matmul", "--device", "tpu"), "device 'tpu' is unknown: choose one of cpu, cuda"),
        (("convolution", "--device", "cpu"), "no ladder 'convolution' for the CPU; there is: matm"),
        (("matmul", "--device", "cpu", "--rung", "packed"), "--rung and --out are for the GPU's"),
        (("matmul", "--size", "1,2,3"), "--size is for the CPU's ladder: add --device cpu"),
        (("matmul", "--device", "cpu", "--size", "1,2"), "'1,2' must be three whole numbers from"),
    ],
)
def test_what_it_refuses(minae, arguments, sentence):
    status, out, error = minae("kernels", "show", *arguments)
    assert (status, out) == (2, "")
    assert sentence in error
