"""What commands print: tables on the terminal."""

from minae.errors import InputError
from minae.gradcheck import GradcheckError, check_op
from minae.kernels.arrays import device_problem
from minae.op import Op

UNITS = {
    "loss": "the objective, mean per image",
    "elbo": "evidence lower bound, nats per image",
    "kl": "from the prior to q(z|x), nats per image",
    "squared_error": "summed over pixels, mean per image",
    "perplexity": "codes that would hold as much, used alike",
}


def print_table(header: tuple[str, ...], rows: list[tuple], title: str | None = None) -> None:
    """Print rows under a header, numbers to the right."""
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
    """Print pairs, one a line, the second ones in a column."""
    width = max(len(name) for name, _ in rows)
    for name, value in rows:
        print(f"{name:{width}}  {value}")


def print_figures(metrics: dict) -> None:
    """Print the train, validation and test figures of a run, one name a row."""
    parts = [p for p in ("train", "validation", "test") if f"{p}_loss" in metrics]
    names = [key.removeprefix("test_") for key in metrics if key.startswith("test_")]
    rows = [
        (name, *(f"{metrics[f'{part}_{name}']:.4f}" for part in parts), UNITS.get(name, ""))
        for name in names
    ]
    print_table(("", *parts, "unit"), rows)


def print_gradchecks(device: str = "cpu") -> bool:
    """Check all of minae's operations and print a table; return whether all are right.

    Raises InputError if the device cannot be used.
    """
    if problem := device_problem(device):
        raise InputError(problem)
    rows, failures = [], []
    for op in sorted(minae_ops(), key=lambda op: op.__name__):
        try:
            examples, error = check_op(op, device=device)
            rows.append((op.__name__, examples, f"{error:.1e}", "ok"))
        except GradcheckError as failure:
            rows.append((op.__name__, 0, "", "WRONG"))
            failures.append(f"{op.__name__}: {failure}")
    print_table(("operation", "examples", "largest relative error", ""), rows)
    print(*failures, f"{len(rows) - len(failures)} of {len(rows)} operations right", sep="\n")
    return not failures


def minae_ops() -> list[type[Op]]:
    """Return the operations that minae itself defines."""
    return [op for op in Op.registry.values() if op.__module__.startswith("minae.")]
