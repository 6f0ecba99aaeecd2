"""Rows of different lengths in batches."""

import numpy as np
import pytest
from PIL import Image

from minae.data import Ragged
from minae.tools import images
from minae.tools.images import by_length, in_batches, read_usable

RNG = np.random.default_rng(0)
TEXTS = Ragged.of([RNG.integers(4, 90, n) for n in RNG.permutation(np.arange(1, 60))])


@pytest.mark.parametrize(("texts", "tokens"), [(7, 10**6), (512, 100), (512, 1)])
def test_batches_hold_every_row_once_and_are_small_enough(monkeypatch, texts, tokens):
    monkeypatch.setattr(images, "TEXTS", texts)
    monkeypatch.setattr(images, "TOKENS", tokens)
    found = list(by_length(TEXTS))
    assert sorted(np.concatenate([rows for rows, _ in found]).tolist()) == list(range(59))
    for rows, ids in found:
        np.testing.assert_array_equal(ids, TEXTS[rows].padded())
        assert len(rows) <= texts
        assert ids.size <= tokens or len(rows) == 1
    padding = sum((ids == 0).sum() for _, ids in found)
    assert padding < 0.1 * len(TEXTS.values)


def test_results_come_in_the_order_of_the_rows(monkeypatch):
    monkeypatch.setattr(images, "TOKENS", 100)
    found = in_batches(lambda ids: ids.sum(axis=1), TEXTS)
    np.testing.assert_array_equal(found, [row.sum() for row in TEXTS])


def test_of_many_pictures_that_lack_the_same_three_are_named(tmp_path, capsys):
    clear = Image.new("RGBA", (8, 8), (9, 9, 9, 0))
    files = [tmp_path / f"{i}.png" for i in range(7)]
    for path in files[:5]:
        clear.save(path)
    Image.new("L", (9, 9)).save(files[5])
    Image.new("L", (8, 8)).save(files[6])
    usable = read_usable(files, (1, 8, 8))
    assert [path for path, _ in usable] == [*files[:5], files[6]]
    lines = capsys.readouterr().err.splitlines()
    assert [line.split(" ")[1] for line in lines] == [
        *(f"{path}:" for path in files[:3]),
        str(files[5]),
        "2",
    ]
    assert lines[-1].startswith("minae: 2 more pictures: transparency is dropped")
