"""`minae bench --products`: all libraries compute the same; records of other machines remain."""

import json

import numpy as np
import pytest

from minae.bench import products, record, show


@pytest.mark.parametrize("title", products.CASES)
@pytest.mark.parametrize("way", products.WAYS)
def test_all_libraries_compute_the_same(way, title):
    if way == "torch":
        pytest.importorskip("torch")
    M, N, K, transpose_a, transpose_b = products.CASES[title]
    a = products._normal(0, (K, M) if transpose_a else (M, K))
    b = products._normal(1, (N, K) if transpose_b else (K, N))
    expected = (a.T if transpose_a else a) @ (b.T if transpose_b else b)
    c = products.call(way, title)(0)
    assert c.shape == (M, N)
    np.testing.assert_allclose(c, expected, rtol=1e-3, atol=1e-3)


def test_the_products_are_those_of_the_layers():
    assert len(products.CASES) == 15
    assert products.CASES["y 784-512"] == (128, 512, 784, False, True)
    assert products.CASES["dx 784-512"] == (128, 784, 512, False, False)
    assert products.CASES["dweight 784-512"] == (512, 784, 128, True, False)


@pytest.fixture
def briefly(monkeypatch):
    """One product, without PyTorch."""
    monkeypatch.setattr(products, "CASES", {"y 256-32": products.CASES["y 256-32"]})
    monkeypatch.setattr(products, "WARM_UP", 0.01)
    monkeypatch.setattr(products, "WAYS", ("minae", "scipy"))
    for module in (show, record):
        monkeypatch.setattr(module, "machine", lambda: "mine")


def test_products_from_end_to_end(tmp_path, briefly, capsys):
    out = tmp_path / "products.json"
    out.write_text(json.dumps({"other": {"products": [1]}, "mine": {"products": [2]}}))
    show.measure_products(rounds=2, seconds=0.01, out=out)
    printed = capsys.readouterr().out
    assert "mine: GFLOP/s in one thread" in printed
    assert "over scipy" in printed
    written = json.loads(out.read_text())
    (row,) = written["mine"]["products"]
    assert row["product"] == "y 256-32"
    assert row["gflops"].keys() == {"minae", "scipy"}
    assert row["ratios"]["scipy"] > 0
    assert written["other"] == {"products": [1]}


def test_a_ratio_above_1_is_faster(briefly, monkeypatch):
    times = {"minae": [1.0, 2.0, 4.0], "scipy": [2.0, 5.0, 4.0]}  # ms, of three rounds
    monkeypatch.setattr(products, "timed", lambda *_: times)
    (row,) = products.speeds(3, 0.01)
    assert row["ratios"] == {"scipy": 2.0}
    assert row["gflops"]["minae"] == pytest.approx(2e-9 * 128 * 32 * 256 / 2e-3)
