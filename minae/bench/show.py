"""The comparison as a table, a picture and a file."""

from collections.abc import Callable, Iterator
from pathlib import Path

from rich.console import Console
from rich.table import Table

from minae.bench import compare, kernels
from minae.files import write_json


def measure_workloads(names: list[str], rounds: int, seconds: float, out: Path | None) -> None:
    """Measure the workloads, print a table as they come, and write `out` and a picture beside it.

    Raises InputError for an unknown workload, RuntimeError if losses differ from PyTorch's.
    """
    names = compare.check_names(names)
    console = Console()
    contenders = compare.installed(compare.CONTENDERS)
    if "torch" not in contenders:
        console.print("PyTorch is not installed, so there is nothing to compare with:")
        console.print("  pip install 'minae\\[bench]'")
    machine = compare.ceilings()
    console.print(
        f"{machine['processor']}, {machine['threads']} threads: at best"
        f" {machine['sgemm_gflops']:.0f} GFLOP/s in sgemm, {machine['triad_gb_per_s']:.0f} GB/s"
        " to memory"
    )
    results: dict[str, dict] = {"workloads": {}, "machine": machine}
    for name in names:
        with console.status(f"{name}: {compare.WORKLOADS[name].title}"):
            figures, remarks = compare.measure(
                name, contenders, rounds, seconds, machine["sgemm_gflops"]
            )
        results["workloads"][name] = figures
        console.print(_table(name, figures))
        for remark in remarks:
            console.print(f"left out: {remark}", style="yellow", markup=False)
    if out is not None:
        write_json(out, results)
        console.print(f"written: {out}")
        if "torch" in contenders:
            console.print(f"written: {_draw(results['workloads'], out.with_suffix('.png'))}")


def _draw(workloads: dict, path: Path) -> Path:
    from minae import plots

    values = {}
    for name, figures in workloads.items():
        values[f"{name}\neager"] = figures["ratio_eager"]
        values[f"{name}\ntuned"] = figures["ratio_tuned"]
    plots.save(plots.bars(values, "PyTorch's time over minae's", "Training steps"), path)
    return path


def _table(name: str, figures: dict) -> Table:
    share = f"{figures['ceiling_share']:.0%} of the sgemm ceiling"
    table = Table(title=f"{name}  {compare.WORKLOADS[name].title}: {share}", title_justify="left")
    for heading in ("", "ms a step", "time over minae's", "quartiles", "peak MB"):
        table.add_column(heading, justify="right" if heading else "left")
    for contender, row in figures["contenders"].items():
        low, high = row["quartiles"]
        table.add_row(
            contender,
            f"{row['ms']:.3f}",
            f"{row['ratio']:.2f}",
            f"{low:.2f} to {high:.2f}",
            f"{row['peak_mb']:.0f}",
        )
    return table


def measure_scaling(rounds: int, seconds: float, out: Path | None) -> None:
    """Print samples per second by batch size and width as they are measured; write them to out."""

    def line(row: dict) -> str:
        ours, theirs = row["samples_per_s"]["minae"], row["samples_per_s"].get("torch")
        compared = f"{theirs:>12.0f}{ours / theirs:>8.2f}" if theirs else ""
        return f"{row['width']:>8}{row['batch']:>8}{ours:>12.0f}{compared}"

    print("Dense autoencoder 784-WIDTH-WIDTH/2-32: samples per second")
    print(f"{'width':>8}{'batch':>8}{'minae':>12}{'torch':>12}{'ratio':>8}")
    _print_lines("scaling", compare.scaling(rounds, seconds), line, out)


def measure_kernels(rounds: int, seconds: float, out: Path | None) -> None:
    """Print what each kernel gains over the reference as it is measured; write it to out."""

    def line(row: dict) -> str:
        unfolded = f"{row['unfolded']:>19.2f}" if "unfolded" in row else ""
        return f"{row['kernel']:26}{row['ms']:>9.3f}{row['reference']:>20.1f}{unfolded}"

    print("Each kernel against the reference, its specification in plain NumPy")
    print(f"{'':26}{'ms':>9}{'reference over it':>20}{'unfolded over it':>19}")
    _print_lines("kernels", kernels.gains(rounds, seconds), line, out)


def _print_lines(
    key: str, rows: Iterator[dict], line: Callable[[dict], str], out: Path | None
) -> None:
    """Print rows as they come; write them in the end."""
    measured = []
    for row in rows:
        measured.append(row)
        print(line(row), flush=True)
    if out is not None:
        write_json(out, {key: measured})
