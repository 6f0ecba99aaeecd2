"""Codes that are kept beside a run."""

import subprocess
import sys

import numpy as np
import pytest

from minae.tools import kept
from minae.tools.kept import kept_codes
from minae.train import runs


@pytest.fixture
def run(texts, monkeypatch):
    monkeypatch.setattr(kept, "FEWEST", 20)
    return runs.load_run(texts / "text")


@pytest.fixture
def encoded(monkeypatch):
    """How many rows were encoded, call by call."""
    counts, encode = [], kept.encode
    monkeypatch.setattr(
        kept, "encode", lambda run, rows: counts.append(len(rows)) or encode(run, rows)
    )
    return counts


def test_kept_codes_are_taken_until_something_changes(run, texts, tmp_path, encoded):
    rows, place = run.read(str(texts / "notes.csv:text")), tmp_path / "codes.safetensors"
    codes, was_kept = kept_codes(run, rows, place)
    again, is_kept = kept_codes(run, rows, place)
    np.testing.assert_array_equal(codes, again)
    assert (was_kept, is_kept, encoded) == (False, True, [120])
    others = rows.take(np.arange(120)[::-1])  # the same texts in another order
    np.testing.assert_array_equal(kept_codes(run, others, place)[0], codes[::-1])
    weight = next(iter(run.model.parameters()))
    weight.data[...] *= 2
    changed, is_kept = kept_codes(run, others, place)
    assert (is_kept, encoded) == (False, [120, 120, 120])
    assert not np.allclose(changed, codes[::-1])


def test_damaged_files_and_places_that_cannot_be_written_do_no_harm(run, texts, tmp_path, encoded):
    rows, place = run.read(str(texts / "notes.csv:text")), tmp_path / "codes.safetensors"
    place.write_bytes(b"no codes")
    assert not kept_codes(run, rows, place)[1]
    assert kept_codes(run, rows, place)[1]
    place.write_bytes(place.read_bytes()[:-9])
    assert not kept_codes(run, rows, place)[1]
    (tmp_path / "file").write_text("")
    assert not kept_codes(run, rows, tmp_path / "file" / "codes.safetensors")[1]
    assert encoded == [120] * 3


def test_few_codes_are_not_kept(run, texts, tmp_path):
    rows = run.read(str(texts / "notes.csv:text")).take(slice(19))
    kept_codes(run, rows, tmp_path / "codes.safetensors")
    assert list(tmp_path.iterdir()) == []


QUERY = """
import sys
from pathlib import Path
from minae.tools import kept
kept.FEWEST = 20
from minae.tools.nearest import nearest
from minae.train.runs import load_run
nearest(load_run(Path(sys.argv[1])), sys.argv[2], "n7", 3, None)
print([name for name in ("numba", "matplotlib", "scipy", "sklearn") if name in sys.modules])
"""


def test_a_query_of_kept_codes_loads_little(run, texts):
    """Loading what draws, and compiled kernels for one row, takes longer than the search."""
    data = texts / "notes.csv:text"
    kept_codes(run, run.read(str(data)), texts / "text" / "nearest-notes.safetensors")
    command = sys.executable, "-c", QUERY, texts / "text", data
    done = subprocess.run(command, check=False, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert "kept in" in done.stdout
    assert done.stdout.splitlines()[-1] == "[]"
