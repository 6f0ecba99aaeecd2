"""Files of measurements keep a record for each machine, and README shows the worst."""

from pathlib import Path

import pytest

from minae.bench import compare, record, show, writing
from minae.errors import InputError

ROOT = Path(__file__).parents[2]
README = (ROOT / "README.md").read_text(encoding="utf-8")
WORST = record.worst(record.read(ROOT / "results" / "bench.json", "workloads"))


def test_a_record_replaces_only_that_of_the_same_machine(tmp_path, monkeypatch):
    out = tmp_path / "records.json"
    for machine, number in (("one", 1), ("two", 2), ("one", 3)):
        monkeypatch.setattr(record, "machine", lambda machine=machine: machine)
        record.write(out, "products", {"products": number})
    assert record.read(out, "products") == {"one": {"products": 3}, "two": {"products": 2}}


MEASURES = {"workloads": lambda out: show.measure_workloads([], 1, 0.01, out)}
MEASURES["products"] = lambda out: show.measure_products(1, 0.01, out)
MEASURES["writing"] = lambda out: show.measure_writing(1, 0.01, out)


@pytest.mark.parametrize("key", MEASURES)
@pytest.mark.parametrize("content", ["no json", "[]", '{"machine": {}}', '{"a": 1}'])
def test_another_file_is_not_overwritten(tmp_path, monkeypatch, content, key):
    monkeypatch.setattr(compare, "installed", None)  # nothing is begun
    out = tmp_path / "bench.json"
    out.write_text(content)
    with pytest.raises(InputError, match=f"holds other things than {key}: name another file"):
        MEASURES[key](out)
    assert out.read_text() == content


def test_the_worst_is_the_machine_where_tuned_pytorch_is_nearest():
    """Each workload has its own; what was not compared with PyTorch is left out."""
    ratios = {"one": {"W1": 1.2, "W2": 1.4}, "two": {"W2": 1.3, "W1": 1.5}, "three": {"W3": None}}
    records = {
        machine: {
            "workloads": {
                name: {"ratio_tuned": ratio} if ratio else {} for name, ratio in row.items()
            }
        }
        for machine, row in ratios.items()
    }
    found = record.worst(records)
    assert found == {"W1": ("one", {"ratio_tuned": 1.2}), "W2": ("two", {"ratio_tuned": 1.3})}


def figures_of(machine, figures):
    """Return a row of README's table, without its first column."""
    ratios = f"**{figures['ratio_eager']:.2f}** | {figures['ratio_tuned']:.2f}"
    peaks = figures["peak_mb"], figures["contenders"]["torch"]["peak_mb"]
    return f"{figures['ms']:#.3g} | {ratios} | {peaks[0]:.0f} / {peaks[1]:.0f} | {machine} |"


def test_the_table_in_readme():
    section = README.partition("## Speed")[2].partition("\n## ")[0]
    rows = [line for line in section.splitlines() if line.startswith("|")][2:]
    expected = [
        f"{row[: row.index(' | ')]} | {figures_of(*worst)}"
        for row, worst in zip(rows, WORST.values(), strict=True)
    ]
    assert rows == expected, "the rows are to be:\n" + "\n".join(expected)


def test_the_share_of_the_limit_in_readme():
    _, figures = WORST["W1"]
    gflops, share = figures["limit_gflops"], figures["ceiling_share"]
    expected = (
        f"the two cores multiply and add at most {gflops:.0f} GFLOP/s, and the dense autoencoder"
        f" reaches {share:.0%} of that"
    )
    assert expected in " ".join(README.split())


def test_the_ratios_of_writing_in_readme():
    records = record.read(ROOT / "results" / "writing.json", "writing").values()
    rows = [row for one in records for row in one["writing"]]
    least = [min(r["ratio"] for r in rows if r["way"] == way) for way in writing.WAYS[:0:-1]]
    cached, uncached = (f"{ratio:.1f} times as many" for ratio in least)
    between = "characters a second as PyTorch with a cache of what it has read, and"
    assert f"{cached} {between} {uncached} as PyTorch without" in " ".join(README.split())
