"""Prints the comparisons as tables, and writes them as files and a picture."""

from collections.abc import Callable, Iterator
from itertools import product
from pathlib import Path

from rich.console import Console
from rich.table import Table

from minae.bench import compare, kernels, products, record, writing
from minae.bench.contenders import CONTENDERS
from minae.bench.workloads import WORKLOADS, chosen
from minae.files import write_json
from minae.report import machine


def measure_workloads(names: list[str], rounds: int, seconds: float, out: Path | None) -> None:
    """Time the workloads, print a table for each, and write `out` and a picture beside it.

    `out` keeps the records of other machines; the picture shows each workload's worst. Raises
    InputError for an unknown workload, or if `out` is another file, and RuntimeError if losses
    differ from PyTorch's.
    """
    names = chosen(names)
    record.read(out, "workloads")  # refuses another file before anything is timed
    console = Console()
    contenders = compare.installed(CONTENDERS)
    if "torch" not in contenders:
        console.print("PyTorch is not installed, so there is nothing to compare with:")
        console.print("  pip install 'minae\\[bench]'")
    ceilings = compare.ceilings()
    console.print(
        f"{machine()}: at best {ceilings['limit_gflops']:.0f} GFLOP/s,"
        f" {ceilings['triad_gb_per_s']:.0f} GB/s to memory"
    )
    results: dict[str, dict] = {"workloads": {}, "machine": ceilings}
    how = rounds, seconds, ceilings["limit_gflops"]
    for name in names:
        with console.status(f"{name}: {WORKLOADS[name].title}"):
            figures, remarks = compare.measure(name, contenders, *how)
        results["workloads"][name] = figures
        console.print(_table(name, figures))
        for remark in remarks:
            console.print(remark, style="yellow", markup=False)
    if out is not None:
        record.write(out, "workloads", results)
        console.print(f"written: {out}")
        if "torch" in contenders:
            _draw(record.worst(record.read(out, "workloads")), out.with_suffix(".png"))
            console.print(f"written: {out.with_suffix('.png')}")


def _draw(worst: dict[str, tuple[str, dict]], path: Path) -> None:
    from minae import plots

    bars = product(worst.items(), ("eager", "tuned"))
    values = {f"{name}\n{way}": row[f"ratio_{way}"] for (name, (_, row)), way in bars}
    plots.save(plots.bars(values, "PyTorch's time over minae's", "Training steps"), path)


def _table(name: str, figures: dict) -> Table:
    share = f"{figures['ceiling_share']:.0%} of what the cores could do meanwhile"
    table = Table(title=f"{name}  {WORKLOADS[name].title}: {share}", title_justify="left")
    for heading in ("", "ms a step", "time over minae's", "quartiles", "peak MB"):
        table.add_column(heading, justify="right" if heading else "left")
    for contender, row in figures["contenders"].items():
        quartiles = "{:.2f} to {:.2f}".format(*row["quartiles"])
        times = f"{row['ms']:.3f}", f"{row['ratio']:.2f}", quartiles
        table.add_row(contender, *times, f"{row['peak_mb']:.0f}")
    return table


def measure_scaling(rounds: int, seconds: float, out: Path | None) -> None:
    """Print samples per second by batch size and width as they are measured, and write them."""

    def line(row: dict) -> str:
        ours, theirs = row["samples_per_s"]["minae"], row["samples_per_s"].get("torch")
        compared = f"{theirs:>12.0f}{ours / theirs:>8.2f}" if theirs else ""
        return f"{row['width']:>8}{row['batch']:>8}{ours:>12.0f}{compared}"

    print("Dense autoencoder 784-WIDTH-WIDTH/2-32: samples per second")
    print(f"{'width':>8}{'batch':>8}{'minae':>12}{'torch':>12}{'ratio':>8}")
    _write(out, "scaling", _print_lines(compare.scaling(rounds, seconds), line))


def measure_kernels(rounds: int, seconds: float, out: Path | None) -> None:
    """Print each kernel's gain over the reference as it is measured, and write all of them."""

    def line(row: dict) -> str:
        unfolded = f"{row['unfolded']:>19.2f}" if "unfolded" in row else ""
        return f"{row['kernel']:26}{row['ms']:>9.3f}{row['reference']:>20.1f}{unfolded}"

    print("Each kernel against the reference, its specification in plain NumPy")
    print(f"{'':26}{'ms':>9}{'reference over it':>20}{'unfolded over it':>19}")
    _write(out, "kernels", _print_lines(kernels.gains(rounds, seconds), line))


def measure_products(rounds: int, seconds: float, out: Path | None) -> None:
    """Print each product's speed as it is measured, and write all of them.

    `out` keeps the records of other machines. Raises InputError if it is another file.
    """
    record.read(out, "products")  # refuses another file before anything is timed
    ways = compare.installed(products.WAYS)

    def line(row: dict) -> str:
        speeds = "".join(f"{row['gflops'][way]:>9.1f}" for way in ways)
        ratios = "".join(f"{row['ratios'][way]:>12.2f}" for way in ways[1:])
        return f"{row['product']:18}{speeds}{ratios}"

    print(f"{machine()}: GFLOP/s in one thread, {products.ROWS} rows")
    over = "".join(f"{f'over {way}':>12}" for way in ways[1:])
    print(f"{'':18}" + "".join(f"{way:>9}" for way in ways) + over)
    rows = _print_lines(products.speeds(rounds, seconds), line)
    if out is not None:
        record.write(out, "products", {"products": rows})


def measure_writing(rounds: int, seconds: float, out: Path | None) -> None:
    """Print how many characters a second a language model writes, and write it.

    `out` keeps the records of other machines. Raises InputError if it is another file.
    """
    record.read(out, "writing")  # refuses another file before anything is timed
    print(f"{machine()}: characters a second, written by {WORKLOADS['W7'].title}")
    print(f"{'':14}{'a second':>10}{'minae over it':>15}")
    rows = writing.speeds(rounds, seconds)
    for row in rows:
        print(f"{row['way']:14}{row['characters_per_s']:>10,.0f}{row['ratio']:>15.2f}")
    if out is not None:
        record.write(out, "writing", {"writing": rows})


def _print_lines(rows: Iterator[dict], line: Callable[[dict], str]) -> list[dict]:
    """Print rows as they come, and return all of them."""
    measured = []
    for row in rows:
        measured.append(row)
        print(line(row), flush=True)
    return measured


def _write(out: Path | None, key: str, rows: list[dict]) -> None:
    if out is not None:
        write_json(out, {key: rows})
