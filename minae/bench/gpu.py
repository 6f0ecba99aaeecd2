"""`minae bench --device cuda`: the kernels and training steps on a GPU, against NVIDIA's libraries.

    gpu_machine      all that is asked of CUDA: arrays, time, cuBLAS, what the GPU is
    gpu_race         contenders: are they right, their times in turns, ratios, the roofline
    gpu_matmul       the ladder of matrix products, and the products of autoencoders
    gpu_convolution  convolutions and their gradients
    gpu_steps        launches, and training steps

A section is rows, each measured by a call of its own: if one fails, its error is recorded, and the
others go on; if time runs out, those that are left are listed.
"""

import json
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

from minae.bench import gpu_convolution, gpu_matmul, gpu_steps
from minae.bench.gpu_race import Row, sentence
from minae.files import write_whole
from minae.report import print_table

SECONDS = 480  # no row begins later: all of it ends within nine minutes


@dataclass(frozen=True)
class Section:
    """Rows of one kind, where they go in the file, and what is shown of them."""

    title: str
    place: tuple[str, ...]
    rows: Callable[[object], Iterator[Row]]
    columns: tuple[str, ...]
    pack: Callable[[list[dict]], object] = list
    only_wrong: bool = False  # show the rows that are not right, and count the others


def _correctness(machine) -> Iterator[Row]:
    yield from gpu_matmul.correctness(machine)
    yield from gpu_convolution.correctness(machine)


def _by(key: str) -> Callable[[list[dict]], dict]:
    """Return what turns rows into a dict by one of their entries."""
    return lambda rows: {row[key]: {k: v for k, v in row.items() if k != key} for row in rows}


SECTIONS = (
    Section(
        "Largest error of an entry, in root mean squares of what is right",
        ("correctness",),
        _correctness,
        ("case", "error", "right"),
        only_wrong=True,
    ),
    Section(
        f"Matrix products, {gpu_matmul.SIDE} x {gpu_matmul.SIDE} x {gpu_matmul.SIDE}",
        ("matmul", "rungs"),
        gpu_matmul.ladder,
        ("rung", "ms", "tflops", "of_roof", "of_cublas", "error"),
        _by("rung"),
    ),
    Section(
        "The products of autoencoders",
        ("matmul", "shapes"),
        gpu_matmul.shapes,
        ("batch", "layer", "pass", "ms", "tflops", "cublas_ms", "of_cublas"),
    ),
    Section(
        "Convolutions of W3 and W4, batch 128",
        ("convolution",),
        gpu_convolution.passes,
        ("function", "geometry", "ms", "tflops", "cudnn_ms", "cudnn_nhwc_ms", "of_cudnn"),
        gpu_convolution.pack,
    ),
    Section(
        "One launch of a kernel that has nothing to do",
        ("launch",),
        gpu_steps.launches,
        ("way", "us"),
        _by("way"),
    ),
    Section(
        "Training steps (ratio: PyTorch's time over minae's)",
        ("steps",),
        gpu_steps.steps,
        ("workload", "batch", "contender", "ms", "ratio", "loss"),
        gpu_steps.pack,
    ),
)


def run(machine, command: str, out: Path | None, sections: tuple[Section, ...] = SECTIONS) -> None:
    """Measure section after section: print each, and write `out` with a picture beside it."""
    start = time.monotonic()
    results = {"command": command, **machine.facts(), "states": {}, "errors": {}}
    results["ceilings"] = {
        "fp32_tflops": machine.peak_tflops,
        "gb_per_s": machine.bandwidth / 1e9,
    }
    results["not_measured"] = []
    print(
        f"{results['device']}: at best {machine.peak_tflops:.1f} TFLOP/s in float32;"
        f" copying moves {machine.bandwidth / 1e9:.0f} GB/s"
    )
    if machine.torch is None:
        print("no PyTorch with CUDA: convolutions and steps have nothing to be compared with")
    for section in sections:
        rows = _measure(section, machine, results, start + SECONDS)
        *above, last = section.place
        inner = results
        for key in above:
            inner = inner.setdefault(key, {})
        inner[last] = section.pack(rows)
        results["states"][section.title] = machine.state()
        results["seconds"] = time.monotonic() - start
        _print(section, rows)
        if out is not None:
            write_whole(out, json.dumps(results, indent=2).encode() + b"\n")
    for name, problem in results["errors"].items():
        print(f"failed: {name}: {problem}")
    for name in results["not_measured"]:
        print(f"not measured: out of time: {name}")
    if out is not None:
        print(f"written: {out}")
        _draw(results, out.with_suffix(".png"))


def _measure(section: Section, machine, results: dict, end: float) -> list[dict]:
    """Return the section's rows, and note down in `results` what failed or had no time left."""
    rows = []
    try:
        for name, measure in section.rows(machine):
            label = f"{section.place[-1]}, {name}"
            if time.monotonic() > end:
                results["not_measured"].append(label)
                continue
            try:
                rows += measure()
            except Exception as problem:
                results["errors"][label] = sentence(problem)
    except Exception as problem:  # in finding out what the rows are
        results["errors"][section.place[-1]] = sentence(problem)
    return rows


def _print(section: Section, rows: list[dict]) -> None:
    """Print a table of what was measured, and below it why a contender was not."""
    shown = [row for row in rows if "failed" not in row]
    if section.only_wrong:
        shown = [row for row in rows if not row["right"]]
        worst = max((row["error"] for row in rows if row["right"]), default=0.0)
        print(f"{section.title}: {len(rows) - len(shown)} of {len(rows)} right, up to {worst:.1e}")
    if shown:
        header = tuple(key.replace("_", " ") for key in section.columns)
        table = [tuple(_cell(row.get(key)) for key in section.columns) for row in shown]
        print_table(header, table, section.title)
    for row in rows:
        about = ", ".join(str(row[key]) for key in section.columns[:3] if key in row)
        for key in row:
            if key.endswith("failed") and row[key]:
                print(f"{about}: {key.replace('_', ' ')}: {row[key]}")


def _cell(value):
    return "" if value is None else value


def _draw(results: dict, path: Path) -> None:
    """Draw the roofline of what was measured, if anything was."""
    from minae import plots

    points = _points(results)
    if points:
        ceilings = results["ceilings"]
        title = f"{results['device']}: speed by operations a byte"
        peak, bandwidth = ceilings["fp32_tflops"], ceilings["gb_per_s"]
        plots.save(plots.roofline(points, peak, bandwidth, title), path)
        print(f"written: {path}")


def _points(results: dict) -> dict[str, list[tuple[float, float, str]]]:
    """Return (operations a byte, TFLOP/s, name of a rung) by whose they are."""
    rungs = results.get("matmul", {}).get("rungs", {})
    rows = [*results.get("matmul", {}).get("shapes", [])]
    rows += results.get("convolution", {}).get("passes", [])
    points: dict[str, list] = {"minae": [], "NVIDIA's libraries": []}
    for name, row in rungs.items():
        owner = "NVIDIA's libraries" if name.startswith("cublas") else "minae"
        points[owner].append((row.get("intensity"), row.get("tflops"), name))
    for row in rows:
        theirs = [row.get(f"{name}_tflops") for name in ("cublas", *gpu_convolution.CUDNN)]
        best = max((speed for speed in theirs if speed), default=None)
        points["minae"].append((row.get("intensity"), row.get("tflops"), ""))
        points["NVIDIA's libraries"].append((row.get("intensity"), best, ""))
    measured = {owner: [p for p in found if p[0] and p[1]] for owner, found in points.items()}
    return {owner: found for owner, found in measured.items() if found}
