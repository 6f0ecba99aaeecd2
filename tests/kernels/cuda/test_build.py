"""Kernels compile without a GPU: into registers, and mostly into products."""

import itertools
import re
import subprocess
import sys
from collections import Counter
from pathlib import Path

import pytest

pytest.importorskip("cuda.bindings.nvjitlink", reason="kernels compile with minae[cuda-compile]")

from minae.kernels import files
from minae.kernels.cuda.ladders import gemm, matmul
from minae.kernels.cuda.launch import build, intrinsics
from minae.kernels.cuda.launch.rung import Rung
from minae.kernels.simulator import cuda, float32

CAPABILITIES = [(7, 5), (8, 0), (9, 0)]
ALONG_K = {"nn": (True, False), "tn": (False, False), "nt": (True, True), "tt": (False, True)}
TILES = [(128, 128), (128, 64), (64, 64)]
KINDS = {"simple": gemm.simple, "tensor": gemm.tensor}


def compiled(rung, capability):
    if capability < rung.since:
        pytest.skip(f"needs sm_{rung.since[0]}{rung.since[1]}")
    return build.cubin(build.ptx(rung, capability), capability)


@pytest.mark.parametrize("capability", CAPABILITIES, ids=str)
@pytest.mark.parametrize("name", matmul.RUNGS)
def test_the_ladder_compiles(name, capability):
    code = compiled(matmul.RUNGS[name], capability)
    assert code.spills == 0
    assert code.registers <= 128


def assert_in_registers(kind, tile, order, at_once, capability):
    code = compiled(KINDS[kind](*tile, *ALONG_K[order], at_once), capability)
    assert code.stack == code.spills == 0
    if tile != (64, 64):  # 6 blocks of which must fit on a multiprocessor, not 8
        assert code.registers <= 128


@pytest.mark.parametrize("capability", CAPABILITIES, ids=str)
@pytest.mark.parametrize("order", ["nn", "tn", "nt"])  # those of a linear layer
@pytest.mark.parametrize("kind", KINDS)
def test_products_stay_in_registers(kind, order, capability):
    assert_in_registers(kind, (128, 128), order, 4, capability)


@pytest.mark.parametrize("tile", TILES[1:], ids=str)
@pytest.mark.parametrize("order", ["nn", "tn", "nt"])
def test_small_tiles_stay_in_registers(order, tile):
    assert_in_registers("simple", tile, order, 4, (9, 0))


@pytest.mark.parametrize("kind", KINDS)
def test_rows_at_odd_places_stay_in_registers(kind):
    assert_in_registers(kind, (128, 128), "nt", 1, (9, 0))


@pytest.mark.slow
@pytest.mark.timeout(1800)
@pytest.mark.parametrize("capability", CAPABILITIES, ids=str)
@pytest.mark.parametrize("at_once", [4, 1])
@pytest.mark.parametrize("kind", KINDS)
def test_all_products_stay_in_registers(kind, at_once, capability):
    for tile, order in itertools.product(TILES, ALONG_K):
        assert_in_registers(kind, tile, order, at_once, capability)


def test_older_gpus_load_and_store_what_newer_ones_copy():
    rung = gemm.simple(64, 64, True, False, 4)
    assert "cp.async" in build.ptx(rung, (8, 0))
    older = build.ptx(rung, (7, 5))
    assert "cp.async" not in older
    assert "ld.global.v2.b64" in older
    assert "st.shared.v2.b64" in older


def test_numbers_for_tensor_cores_are_multiplied_as_in_the_simulator():
    scale = int(intrinsics.TF32_SCALE.view("uint32"))
    assert f"0f{scale:08X}" in build.ptx(gemm.tensor(64, 64, True, False, 4), (9, 0))


def hot_loop(cubin, path):
    """Count the instructions of the loop that has the most products."""
    (path / "kernel.cubin").write_bytes(cubin)
    tool = next(Path(sys.prefix).rglob("nvdisasm"), "nvdisasm")
    command = [tool, "-c", path / "kernel.cubin"]
    listing = subprocess.run(command, check=True, capture_output=True, text=True).stdout
    labels, lines = {}, []
    for line in listing.splitlines():
        if label := re.match(r"(\.L_\S+):", line.strip()):
            labels[label[1]] = len(lines)
        elif code := re.match(r"\s*/\*[0-9a-f]+\*/\s+(?:@!?U?P\w+\s+)?(.*?);", line):
            lines.append(code[1])
    loops = []
    for end, line in enumerate(lines):
        target = re.search(r"BRA.*`\((\.L_\S+)\)", line)
        if target and labels[target[1]] <= end:
            loops.append(Counter(text.split()[0] for text in lines[labels[target[1]] : end]))
    return max(loops, key=lambda loop: loop["FFMA"] + loop["HMMA.1688.F32.TF32"])


@pytest.mark.parametrize(
    ("rung", "products", "reads"),
    [
        (matmul.RUNGS["double_buffered"], 512, 32),
        (gemm.simple(128, 128, True, False, 4), 1024, 64),
        (gemm.simple(128, 128, False, False, 4), 1024, 64),
        (gemm.simple(128, 128, True, True, 4), 1024, 64),
    ],
    ids=["double_buffered", "nn", "tn", "nt"],
)
def test_most_instructions_multiply(rung, products, reads, tmp_path):
    loop = hot_loop(compiled(rung, (9, 0)).cubin, tmp_path)
    assert loop["FFMA"] == products
    assert loop["LDS.128"] == reads
    assert loop["FFMA"] >= 0.86 * loop.total()


def test_tensor_cores_multiply(tmp_path):
    loop = hot_loop(compiled(gemm.tensor(128, 128, True, False, 4), (9, 0)).cubin, tmp_path)
    assert loop["HMMA.1688.F32.TF32"] == 32
    assert loop["LDS"] <= 51
    assert loop.total() <= 190  # an instruction for each number that is prepared, not two


def test_an_array_that_is_not_in_registers_is_on_the_stack():
    def kernel(x, i, j):
        numbers = cuda.local.array(512, float32)
        for k in range(512):
            numbers[k] = x[k]
        numbers[i] = x[512]  # i is known only when it runs
        x[0] = numbers[j]

    kernel.__module__ = "minae.kernels.cuda.example"
    rung = Rung(kernel, ("float32[:]", "int32", "int32"), (32,), lambda: (1,))
    assert compiled(rung, (9, 0)).stack == 2048


def test_what_does_not_assemble_says_why():
    with pytest.raises(ValueError, match="does not assemble"):
        build.cubin(".version 9.0\n.target sm_90\nnonsense", (9, 0))


@pytest.fixture
def kept(monkeypatch, tmp_path):
    """An empty folder for compiled kernels, and how often the compiler was asked."""
    monkeypatch.setenv("MINAE_CACHE", str(tmp_path / "kept"))
    files.folder_for.cache_clear()
    asked, ptx = [], build.ptx
    monkeypatch.setattr(build, "ptx", lambda *args: asked.append(args) or ptx(*args))
    yield tmp_path / "kept", asked
    files.folder_for.cache_clear()


def test_compiled_kernels_are_kept(kept):
    folder, asked = kept
    first = build.compiled(matmul.RUNGS["tiled"], (9, 0))
    assert build.compiled(matmul.RUNGS["tiled"], (9, 0)) == first
    assert len(asked) == 1
    assert build.compiled(matmul.RUNGS["tiled"], (8, 0)) != first
    assert len(asked) == 2
    for path in folder.rglob("*.bin"):  # a damaged file is compiled again
        path.write_bytes(path.read_bytes()[:-1])
    assert build.compiled(matmul.RUNGS["tiled"], (9, 0)).registers == first.registers
    assert len(asked) == 3


def test_kernels_of_one_factory_are_told_apart(kept):
    for at_once in (4, 1):
        build.compiled(gemm.simple(64, 64, True, False, at_once), (9, 0))
    assert len(kept[1]) == 2


def test_a_folder_that_cannot_be_written(kept):
    folder, asked = kept
    folder.write_text("a file in the place of the folder")
    for _ in range(2):
        assert build.compiled(matmul.RUNGS["naive"], (9, 0)).name
    assert len(asked) == 2
