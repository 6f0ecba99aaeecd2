"""Measures the sections of the GPU benchmark one after another, prints and writes them."""

import time
from collections.abc import Callable, Iterator
from itertools import chain
from pathlib import Path
from typing import Any, NamedTuple

from minae.bench.gpu import convolution, matmul, steps
from minae.bench.gpu.machine import Gpu
from minae.bench.gpu.race import Row, sentence
from minae.files import write_json
from minae.report import print_table

SECONDS = 480  # no row begins later, so that everything ends within nine minutes


def by(*keys: str) -> Callable[[list[dict]], dict]:
    """Return a function that turns rows into nested dicts, by the values of these keys."""

    def pack(rows: list[dict]) -> dict:
        packed: dict = {}
        for row in rows:
            inner = packed
            for key in keys:
                inner = inner.setdefault(str(row[key]), {})
            inner |= {key: value for key, value in row.items() if key not in keys}
        return packed

    return pack


class Section(NamedTuple):
    """Rows of one kind: where they are written, the columns to show, and how to pack the rows.

    If there is a column `right`, the table shows the rows that are wrong, and the rest are counted.
    """

    place: str
    rows: Callable[[Any], Iterator[Row]]
    columns: str
    pack: Callable[[list[dict]], Any] = list


#: By title.
SECTIONS = {
    "Largest error of an entry, in root mean squares of what is right": Section(
        "correctness",
        lambda machine: chain(matmul.correctness(machine), convolution.correctness(machine)),
        "case error right",
    ),
    f"Matrix products, {matmul.SIDE} x {matmul.SIDE} x {matmul.SIDE}": Section(
        "matmul/rungs", matmul.ladder, "rung ms tflops of_roof of_cublas error", by("rung")
    ),
    "The products of autoencoders": Section(
        "matmul/shapes", matmul.shapes, "batch layer pass ms tflops cublas_ms of_cublas"
    ),
    "Convolutions of W3 and W4, batch 128": Section(
        "convolution",
        convolution.passes,
        "function geometry ms tflops cudnn_ms cudnn_nhwc_ms of_cudnn",
        convolution.pack,
    ),
    "One launch of a kernel that has nothing to do": Section(
        "launch", steps.launches, "way us", by("way")
    ),
    "Training steps (ratio: PyTorch's time over minae's)": Section(
        "steps",
        steps.steps,
        "workload batch contender ms ratio loss",
        by("workload", "batch", "contender"),
    ),
}


def measure(
    machine: Gpu, command: str, out: Path | None, sections: dict[str, Section] = SECTIONS
) -> None:
    """Measure and print each section, and write `out` with a picture beside it."""
    start = time.monotonic()
    peak, bandwidth = machine.peak_tflops, machine.bandwidth / 1e9
    results = {"command": command, **machine.facts(), "states": {}, "errors": {}}
    results |= {"ceilings": {"fp32_tflops": peak, "gb_per_s": bandwidth}, "not_measured": []}
    best = f"at best {peak:.1f} TFLOP/s in float32; copying moves {bandwidth:.0f} GB/s"
    print(f"{results['device']}: {best}")
    if machine.torch is None:
        print("no PyTorch with CUDA: convolutions and steps have nothing to be compared with")
    for title, section in sections.items():
        rows = _measure(section, machine, results, start + SECONDS)
        above, _, last = section.place.rpartition("/")
        (results.setdefault(above, {}) if above else results)[last] = section.pack(rows)
        results["states"][title] = machine.state()
        results["seconds"] = time.monotonic() - start
        _print(title, section.columns.split(), rows)
        if out is not None:
            write_json(out, results)
    for name, problem in results["errors"].items():
        print(f"failed: {name}: {problem}")
    for name in results["not_measured"]:
        print(f"not measured: out of time: {name}")
    if out is not None:
        print(f"written: {out}")
        _draw(results, out.with_suffix(".png"))


def _measure(section: Section, machine: Gpu, results: dict, end: float) -> list[dict]:
    """Return the section's rows, and record in `results` what failed or had no time left."""
    rows: list[dict] = []
    label = section.place.rpartition("/")[2]
    try:
        for name, measure_row in section.rows(machine):
            if time.monotonic() > end:
                results["not_measured"].append(f"{label}, {name}")
                continue
            try:
                rows += measure_row()
            except Exception as problem:
                results["errors"][f"{label}, {name}"] = sentence(problem)
    except Exception as problem:  # in finding out what the rows are
        results["errors"][label] = sentence(problem)
    return rows


def _print(title: str, columns: list[str], rows: list[dict]) -> None:
    """Print a table of what was measured, and below it what failed and why."""
    shown = [row for row in rows if "failed" not in row]
    if "right" in columns:
        shown = [row for row in rows if not row["right"]]
        worst = max((row["error"] for row in rows if row["right"]), default=0.0)
        print(f"{title}: {len(rows) - len(shown)} of {len(rows)} right, up to {worst:.1e}")
    if shown:
        cells = [[row.get(key) for key in columns] for row in shown]
        table = [tuple("" if value is None else value for value in row) for row in cells]
        print_table(tuple(key.replace("_", " ") for key in columns), table, title)
    for row in rows:
        about = ", ".join(str(row[key]) for key in columns[:3] if key in row)
        for key in row:
            if key.endswith("failed") and row[key]:
                print(f"{about}: {key.replace('_', ' ')}: {row[key]}")


def _draw(results: dict, path: Path) -> None:
    from minae import plots

    if points := _points(results):
        title = f"{results['device']}: speed by operations a byte"
        peak, bandwidth = results["ceilings"]["fp32_tflops"], results["ceilings"]["gb_per_s"]
        plots.save(plots.roofline(points, peak, bandwidth, title), path)
        print(f"written: {path}")


def _points(results: dict) -> dict[str, list[tuple[float, float, str]]]:
    """Return (operations per byte, TFLOP/s, name of a rung), by owner."""
    products = results.get("matmul", {})
    points = {"minae": [], "NVIDIA's libraries": []}
    ours, theirs = points.values()
    for name, row in products.get("rungs", {}).items():
        group = theirs if name.startswith("cublas") else ours
        group.append((row.get("intensity"), row.get("tflops"), name))
    for row in [*products.get("shapes", []), *results.get("convolution", {}).get("passes", [])]:
        speeds = [row.get(f"{library}_tflops") or 0 for library in ("cublas", *convolution.CUDNN)]
        ours.append((row.get("intensity"), row.get("tflops"), ""))
        theirs.append((row.get("intensity"), max(speeds), ""))
    measured = {owner: [p for p in found if p[0] and p[1]] for owner, found in points.items()}
    return {owner: found for owner, found in measured.items() if found}
