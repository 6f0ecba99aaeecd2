"""`minae kernels show`: what it counts, draws and refuses."""

import pytest
from PIL import Image

from minae.kernels.cuda.ladders import matmul
from minae.tools import ladders


def bytes_moved(out):
    """Read the column from the table: rung -> number."""
    rows = [line.strip("│").split("│") for line in out.splitlines() if line.startswith("│")]
    return {name.strip(): float(moved) for name, moved, *_ in rows}


def test_a_ladder_goes_up(minae):
    status, out, _ = minae("kernels", "show", "matmul")
    assert status == 0
    moved = bytes_moved(out)
    assert list(moved) == [*matmul.RUNGS, "pipelined", "tensor_cores"]
    assert moved["naive"] > 3 * moved["coalesced"] > 9 * moved["tiled"] > 15 * moved["vectors"]
    assert moved["vectors"] == moved["double_buffered"] == moved["pipelined"]


def test_convolutions(minae):
    status, out, _ = minae("kernels", "show", "convolution")
    assert status == 0
    direct, *gathering = bytes_moved(out).values()
    assert all(direct > 3 * moved for moved in gathering)


def test_a_rung_line_by_line(minae, tmp_path):
    status, out, _ = minae("kernels", "show", "matmul", "--rung", "tiled", "--out", "tiled.png")
    assert status == 0
    assert "load shared a_tile" in out
    assert "store global c" in out
    with Image.open(tmp_path / "tiled.png") as picture:
        assert picture.width > 1000


def test_a_warp_makes_its_requests_together():
    found = ladders.lines(ladders.ladder("matmul").launch("coalesced"))
    # 512 warps, 16 steps along k; a number for all lanes, or 32 side by side
    assert [len(requests) for requests in found.values()] == [8192, 8192, 512]
    sectors = [{request.sectors for request in requests} for requests in found.values()]
    assert sectors == [{1}, {4}, {4}]


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (("fft",), "there is no ladder 'fft'; there are: matmul, convolution"),
        (("matmul", "--rung", "fast"), "matmul has no rung 'fast'; it has: naive, coalesced"),
        (("matmul", "--out", "all.png"), "--out draws one kernel: name it with --rung"),
        (("matmul", "--rung", "tiled", "--out", "tiled.pdf"), "tiled.pdf: pictures are .png"),
    ],
)
def test_what_it_refuses(minae, tmp_path, arguments, sentence):
    status, _, error = minae("kernels", "show", *arguments)
    assert status == 2
    assert sentence in error
    assert not list(tmp_path.iterdir())
