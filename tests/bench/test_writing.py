"""`minae bench --writing`: all write the same text."""

import json

import pytest

from minae.bench import record, show, writing


@pytest.mark.parametrize("way", writing.WAYS[1:])
def test_all_write_the_same_text(torch, way):
    ours, theirs = (writing.call(each, "writing") for each in ("minae", way))
    assert ours(1) == theirs(1) != ours(2)
    assert len(ours(1)) == 63


def test_writing_from_end_to_end(tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(writing, "WARM_UP", 0.01)
    monkeypatch.setattr(writing, "WAYS", ("minae",))
    for module in (show, record):
        monkeypatch.setattr(module, "machine", lambda: "mine")
    out = tmp_path / "writing.json"
    out.write_text(json.dumps({"other": {"writing": [1]}}))
    show.measure_writing(rounds=2, seconds=0.01, out=out)
    assert "mine: characters a second" in capsys.readouterr().out
    written = json.loads(out.read_text())
    assert written["other"] == {"writing": [1]}
    (row,) = written["mine"]["writing"]
    assert row["way"] == "minae"
    assert row["ratio"] == 1
    assert row["characters_per_s"] > 0
