"""The gradient check of every operation that minae defines, as a table."""

from minae.errors import InputError
from minae.gradcheck import GradcheckError, check_op
from minae.kernels.arrays import device_problem
from minae.op import Op
from minae.report import print_table


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
