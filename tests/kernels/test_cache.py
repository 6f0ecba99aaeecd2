"""Compiled code that is kept on the disk, and what happens if it is not there any more."""

import os
import time
from pathlib import Path

import pytest

from minae.kernels import compiles_plainly

from .processes import run

pytestmark = pytest.mark.skipif(compiles_plainly(), reason="MINAE_COMPILE=plain keeps nothing")


def files(cache) -> list[Path]:
    return [path for path in Path(cache).rglob("*") if path.is_file()]


@pytest.mark.parametrize("threads", ["1", "2"])
def test_compiled_code_is_kept(cache, threads):
    before = files(cache)
    assert run("check()", cache, MINAE_NUM_THREADS=threads) == ""
    assert files(cache) == before


@pytest.mark.parametrize("damage", ["cut short", "changed", "emptied", "removed"])
def test_damaged_files_are_compiled_anew(cache, damage):
    for path in files(cache):
        content = bytearray(path.read_bytes())
        content[len(content) // 2] ^= 1
        path.write_bytes({"cut short": content[:-9], "changed": content}.get(damage, b""))
        if damage == "removed":
            path.unlink()
    assert "compiled linear" in run("check()", cache, MINAE_NUM_THREADS="2")
    assert run("check()", cache, MINAE_NUM_THREADS="1") == ""
    assert run("check()", cache, MINAE_NUM_THREADS="2") == ""


PRODUCT = """
def product(dtype):
    K = 4096 // np.dtype(dtype).itemsize  # rows of a lie so far apart that a is packed
    assert (cpu.matmul(np.ones((9, K), dtype), np.ones((K, 400), dtype)) == K).all()
"""


def test_what_was_compiled_in_several_processes_is_told_apart(tmp_path):
    """The names of compiled functions depend on the order of a set, which a seed fixes."""
    seed = {"PYTHONHASHSEED": "0"}
    for dtype in "float32", "float64":
        assert "compiled product" in run(f"{PRODUCT}product('{dtype}')", tmp_path, **seed)
    assert run(f"{PRODUCT}product('float32'), product('float64')", tmp_path, **seed) == ""


def test_a_folder_that_cannot_be_written_costs_only_time(tmp_path):
    (tmp_path / "file").write_text("no folder can be made in here")
    said = run("check(); check()", tmp_path / "file", MINAE_NUM_THREADS="2")
    assert said.count("cannot be kept, so every start compiles anew") == 1


def test_folders_of_old_versions_are_removed(tmp_path):
    old, recent, foreign = "0123456789abcdef", "fedcba9876543210", "photos"
    for name, days in {old: 31, recent: 29, foreign: 99}.items():
        (tmp_path / name).mkdir()
        (tmp_path / name / "kernel.bin").touch()
        then = time.time() - days * 86_400
        os.utime(tmp_path / name, (then, then))
    run("check()", tmp_path, MINAE_NUM_THREADS="1")
    assert not (tmp_path / old).exists()
    assert (tmp_path / recent / "kernel.bin").exists()
    assert (tmp_path / foreign / "kernel.bin").exists()
