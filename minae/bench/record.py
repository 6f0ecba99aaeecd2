"""Files of measurements, which keep a record for each machine that they were made on."""

import json
from contextlib import suppress
from pathlib import Path
from typing import Any

from minae.bench.workloads import WORKLOADS
from minae.errors import InputError
from minae.files import write_json
from minae.report import machine


def read(out: Path | None, key: str) -> dict[str, dict[str, Any]]:
    """Return what `out` holds by machine, or nothing if it is not there.

    Raises InputError if it is a file of other things than records that have such a key.
    """
    if out is None or not out.exists():
        return {}
    with suppress(ValueError):
        records = json.loads(out.read_text(encoding="utf-8"))
        if isinstance(records, dict) and all(
            isinstance(record, dict) and key in record for record in records.values()
        ):
            return records
    raise InputError(f"{out} holds other things than {key}: name another file")


def write(out: Path, key: str, record: dict[str, Any]) -> None:
    """Write this machine's record to `out`, and leave those of other machines as they are."""
    write_json(out, read(out, key) | {machine(): record})


def worst(records: dict[str, dict[str, Any]]) -> dict[str, tuple[str, dict[str, Any]]]:
    """Return for each workload the machine where minae is least ahead of tuned PyTorch.

    With it come the workload's figures there. Workloads that were not compared are left out.
    """
    found = {}
    for name in WORKLOADS:
        measured = {
            on: figures
            for on, record in records.items()
            if "ratio_tuned" in (figures := record["workloads"].get(name, {}))
        }
        if measured:
            on = min(measured, key=lambda on: measured[on]["ratio_tuned"])
            found[name] = on, measured[on]
    return found
