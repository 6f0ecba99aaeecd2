"""What commands print: tables on the terminal, and which processor figures are of."""

import platform
import re
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

UNITS = {
    "loss": "the objective, mean per {row}",
    "elbo": "evidence lower bound, nats per {row}",
    "kl": "from the prior to q(z|x), nats per {row}",
    "squared_error": "summed over {values}, mean per {row}",
    "pca_squared_error": "by PCA, with codes as long",
    "psnr": "of the restored pictures, dB, mean",
    "psnr_corrupted": "before, dB, mean",
    "guessed": "share of the hidden words",
    "exact": "share of texts rebuilt without a mistake",
    "nats_per_token": "of all texts together",
    "nats_per_character": "can be compared, whatever the tokens",
    "perplexity": "as uncertain as among so many equally likely ones",
}


def print_table(header: tuple[str, ...], rows: list[tuple], title: str | None = None) -> None:
    """Print rows under a header, with numbers aligned right."""
    from rich.console import Console
    from rich.table import Table

    table = Table(title=title, title_justify="left")
    for name, value in zip(header, rows[0], strict=True):
        numeric = isinstance(value, (int, float))
        table.add_column(name, justify="right" if numeric else "left", overflow="fold")
    for row in rows:
        table.add_row(*(f"{v:.4g}" if isinstance(v, float) else str(v) for v in row))
    Console(markup=False).print(table, highlight=False)  # E[x] is no markup


def print_rows(rows: list[tuple[str, str]]) -> None:
    """Print pairs, one per line, with the second items aligned."""
    width = max(len(name) for name, _ in rows)
    for name, value in rows:
        print(f"{name:{width}}  {value}")


def print_figures(metrics: dict, row: str = "image") -> None:
    """Print a run's train, validation and test figures, one line per name.

    `row` is what a row of the data is: image, row or window.
    """
    values = "pixels" if row == "image" else "inputs"
    found = {key.partition("_")[0] for key in metrics}
    parts = [part for part in ("train", "validation", "test") if part in found]
    last = f"{parts[-1]}_"
    names = [key.removeprefix(last) for key in metrics if key.startswith(last)]
    rows = [
        (
            name,
            *(f"{metrics[f'{part}_{name}']:.4f}" for part in parts),
            UNITS.get(name, "").format(row=row, values=values),
        )
        for name in names
    ]
    print_table(("", *parts, "unit"), rows)


@contextmanager
def progress(what: str, total: int) -> Iterator[Callable[[float], None]]:
    """Draw a bar on a terminal, gone at the end; yield the function that is told how much is done.

    Elsewhere nothing is drawn. What is printed meanwhile appears above the bar.
    """
    from rich.progress import Progress

    ours = sys.stderr.isatty()  # else it is on its way to a file
    with Progress(transient=True, disable=not sys.stdout.isatty(), redirect_stderr=ours) as bar:
        task = bar.add_task(what, total=total)
        yield lambda done: bar.update(task, completed=done)


CPUINFO = Path("/proc/cpuinfo")  # Linux's description of all processors, an empty line between


def processor() -> str:
    """Return the name of this machine's processor.

    Virtual machines may leave out its number ("AMD EPYC"); then its family and model follow.
    """
    try:
        first = CPUINFO.read_text().partition("\n\n")[0]
    except OSError:
        return platform.processor()
    fields = dict(re.findall(r"^(.*?)\s*:\s*(.*)$", first, re.MULTILINE))
    name = fields.get("model name") or platform.processor()
    if any(map(str.isdigit, name)) or "cpu family" not in fields:
        return name
    return f"{name} (family {fields['cpu family']}, model {fields.get('model')})"


def machine() -> str:
    """Return the name of this machine in records: its processor, and how many threads are used."""
    from minae.kernels.cpu.compile.threads import num_threads  # takes time to load

    threads = num_threads()
    return f"{processor()}, {threads} thread{'s' * (threads > 1)}"
