"""Where a training stands, in memory and in two files, so that it can go on after an interruption.

A crash at any moment leaves the old files or the new ones, whole, and never a mixture of two runs.
"""

import hashlib
import time
from collections.abc import Iterator
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from minae import checkpoint, random
from minae.data.ragged import Ragged
from minae.errors import InputError
from minae.files import write_together
from minae.kernels.arrays import to_device
from minae.nn import Module
from minae.optim import Optimizer, Schedule

LAST, BEST, METRICS = "last.safetensors", "best.safetensors", "metrics.json"  # a run's files
SAVE_SECONDS = 10.0  # between checkpoints: forcing one to the disk can take as long as an epoch
Rows = np.ndarray | Ragged
Arrays = Rows | tuple[Rows, ...]  # one, or some whose rows belong together


@dataclass
class Batches:
    """What decides which rows each step sees: it has to be the same when a training goes on."""

    seed: int
    batch_size: int
    samples: int
    data: str | None = field(default=None, metadata={"since": 1})  # a hash of all rows


@dataclass
class Training:
    """What last.safetensors holds beside weights and the optimiser's state."""

    history: list[dict[str, float]]  # a record for each epoch
    settings: Batches
    random: dict  # the state of the generator
    schedule: dict[str, float] | None

    def __post_init__(self):
        for number, record in enumerate(self.history):
            for name in ("epoch", "train_loss", "seconds"):
                if name not in record:
                    raise InputError(f"history[{number}].{name} is missing")


def hash_of(*data: Arrays | None) -> str:
    """Return a hash of the entries of arrays, or tuples of arrays; None is no data."""
    found = hashlib.blake2b(digest_size=16)
    for part in data:
        for array in _plain(part):
            found.update(f"{() if array is None else array.shape}".encode())
            if array is not None:
                rows = to_device(array, "cpu")  # windows that share memory are copied in pieces
                for start in range(0, len(rows), 4096):
                    found.update(np.ascontiguousarray(rows[start : start + 4096]).data)
    return found.hexdigest()


def _plain(data: Arrays | None) -> Iterator[np.ndarray | None]:
    for each in data if isinstance(data, tuple) else (data,):
        yield from (each.values, each.offsets) if isinstance(each, Ragged) else (each,)


def score(record: dict[str, float]) -> float:
    """Return an epoch's loss, in validation if there is one: the best epoch has the lowest."""
    return record.get("validation_loss", record["train_loss"])


@dataclass(eq=False)
class State:
    """Model, optimiser, schedule and history; without a folder `out`, in memory only."""

    model: Module
    optimizer: Optimizer
    schedule: Schedule | None
    out: Path | None
    batches: Batches
    metadata: dict[str, Any]

    def __post_init__(self):
        self.history: list[dict[str, float]] = []
        self.best_weights: dict[str, np.ndarray] | None = None  # not yet on the disk
        self.saved_at = time.monotonic()
        # Another run's files: removed when there are new ones, before best.safetensors is replaced.
        files = [] if self.out is None else [self.out / METRICS, self.out / LAST]
        self.replaced = [path for path in files if path.exists()]

    def _best_epoch(self) -> int:
        """Return the index of the first epoch with the lowest score."""
        return int(np.argmin([score(record) for record in self.history]))

    def out_of_patience(self, patience: int | None) -> bool:
        """Return whether the last `patience` epochs brought nothing better."""
        waited = len(self.history) - 1 - self._best_epoch() if self.history else 0
        return patience is not None and waited >= patience

    def record(self, record: dict[str, float]) -> None:
        """Add an epoch, remember its weights if they are the best, and save now and then."""
        self.history.append(record)
        if self._best_epoch() == len(self.history) - 1:
            state = self.model.state_dict()
            self.best_weights = {f"model.{name}": array.copy() for name, array in state.items()}
        if time.monotonic() - self.saved_at > SAVE_SECONDS:
            self.save()

    def save(self) -> None:
        """Write the files, if there is a folder: best first, so that last is never ahead of it.

        What is trained afterwards is trained again after a crash, to the same bits.
        """
        if self.out is None:
            return
        files = {}
        if self.best_weights is not None:
            files[self.out / BEST] = checkpoint.to_bytes(self.best_weights, self.metadata)
        schedule = None if self.schedule is None else self.schedule.state_dict()
        training = Training(self.history, self.batches, random.get_state(), schedule)
        metadata = {**self.metadata, "training": asdict(training)}
        files[self.out / LAST] = checkpoint.to_bytes(self._arrays(), metadata)
        write_together(files, instead_of=self.replaced)
        self.best_weights, self.replaced = None, []
        self.saved_at = time.monotonic()

    def _arrays(self) -> dict[str, np.ndarray]:
        """Return the arrays of last.safetensors."""
        arrays = checkpoint.prefixed(self.model.state_dict(), "model.")
        return arrays | checkpoint.prefixed(self.optimizer.state_dict(), "optimizer.")

    def restore(self) -> None:
        """Go back to where last.safetensors was written."""
        if self.out is None:
            raise InputError("resume needs the folder of the run to go on with")
        last = self.out / LAST
        arrays, metadata = checkpoint.load(last, {"training": Training})
        training: Training = metadata["training"]
        if training.history:
            checkpoint.load(self.out / BEST)  # which no later epoch may beat
        self._check_batches(last, training.settings)
        try:
            checkpoint.check_state(arrays, self._arrays())
            self.model.load_state_dict(checkpoint.subset(arrays, "model."))
            self.optimizer.load_state_dict(checkpoint.subset(arrays, "optimizer."))
            if self.schedule is not None:
                self.schedule.load_state_dict(training.schedule or {})
            random.set_state(training.random)
        except KeyError as error:
            raise InputError(f"{last}: in training, {error} is missing") from error
        except (ValueError, TypeError, OverflowError) as error:
            raise InputError(f"{last}: {error}") from error
        self.history, self.replaced = training.history, []

    def _check_batches(self, last: Path, before: Batches) -> None:
        """Raise InputError unless the batches are those from before."""
        if before.data not in (None, self.batches.data):
            raise InputError(
                f"{last} was trained on other data than these: resume with the same, or train"
                " into another folder"
            )
        for name in ("seed", "batch_size", "samples"):
            was, now = getattr(before, name), getattr(self.batches, name)
            if was != now:
                raise InputError(
                    f"{last} was trained with {name} {was}, not {now}: resume with the same"
                    " settings"
                )
