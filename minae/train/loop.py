"""The training loop: batches, steps, figures, checkpoints, and going on after an interruption.

A model to train has `loss(*batch)`, a scalar tensor, and may have `metrics(*batch)`, a dict of
figures per sample with "loss" among them. A batch is some rows of each training array, and, with
`corrupt`, the corrupted first array followed by the clean one.
"""

import hashlib
import math
import time
from dataclasses import asdict
from functools import partial
from pathlib import Path

import numpy as np

from minae import checkpoint, random
from minae.data.loader import Loader
from minae.errors import InputError
from minae.files import write_together
from minae.grad_mode import no_grad
from minae.kernels.arrays import to_device
from minae.metadata import Batches, Training
from minae.nn import Module
from minae.optim import Adam, Optimizer, Schedule
from minae.tensor import Tensor
from minae.train.capture import CapturedStep
from minae.train.reporter import reporter
from minae.train.step import train_step

EVALUATION_SEED = 1_000_003  # validation noise: its own, the same each time
LAST, BEST, METRICS = "last.safetensors", "best.safetensors", "metrics.json"  # a run's files
SAVE_SECONDS = 10.0  # between checkpoints: forcing one to the disk can take as long as an epoch


def fit(
    model: Module,
    train,
    validation=None,
    *,
    epochs: int,
    batch_size: int = 128,
    optimizer: Optimizer | None = None,
    schedule: Schedule | None = None,
    corrupt=None,
    max_grad_norm: float | None = None,
    patience: int | None = None,
    seed: int = 0,
    out: str | Path | None = None,
    resume: bool = False,
    metadata: dict | None = None,
    show_progress: bool = True,
    cuda_graph: bool = False,
) -> list[dict]:
    """Train a model, and return one record of figures per epoch.

    Args:
        model: see above. Afterwards it holds the weights of the last epoch, in evaluation mode. The
            batches go to where it is.
        train, validation: an array, or a tuple of arrays whose rows belong together.
        epochs: passes over the training data, in all (also when resuming).
        batch_size: rows per step.
        optimizer: Adam with its defaults if left out.
        schedule: stepped after every epoch.
        corrupt: called as corrupt(images, generator) on the first array of every batch.
        max_grad_norm: clip the joint norm of all gradients to this.
        patience: stop after so many epochs without a better validation loss.
        seed: of the batches' order and of all random numbers drawn in training.
        out: folder for last.safetensors (all that it takes to go on) and best.safetensors (the
            weights with the lowest validation loss, or training loss without validation data). Of
            a run that is there already, both files, and metrics.json, stay until this one has
            weights to put in their place.
        resume: go on from last.safetensors in `out`, to the very weights of an unbroken run.
        metadata: kept in both files.
        show_progress: print.
        cuda_graph: record a step once and replay it (`minae.train.capture`). The model must be
            on a GPU.

    Raises:
        InputError: nothing to resume from, or it is damaged, or belongs to another model, other
            settings or other data.
        FloatingPointError: the loss became nan or infinite, in training or in validation.
    """
    train = train if isinstance(train, tuple) else (train,)
    data_hash = None if out is None else _hash(train, validation)
    if corrupt is None:  # which works on the CPU
        train, validation = _moved(train, model.device), _moved(validation, model.device)
    loader = Loader(*train, batch_size=batch_size, seed=seed)
    optimizer = optimizer or Adam(model.parameters())
    batches = Batches(seed, batch_size, loader.num_rows, data_hash)
    step = _step(model, optimizer, max_grad_norm, cuda_graph)
    run = _Run(model, optimizer, schedule, out, batches, metadata or {})
    random.manual_seed(seed)
    if resume:
        run.restore()
    elif not run.replaced:
        run.save()  # so that a run killed in its first epoch can be resumed too
    done = len(run.history) * len(loader)
    with reporter(epochs * len(loader), done, show_progress) as report:
        while len(run.history) < epochs and not run.out_of_patience(patience):
            start, epoch = time.perf_counter(), len(run.history)
            loss = _train_epoch(model, loader, epoch, step, corrupt, report)
            record = {"epoch": epoch + 1, "train_loss": loss}
            if validation is not None:
                figures = evaluate(model, validation, batch_size=batch_size, corrupt=corrupt)
                record |= {f"validation_{name}": value for name, value in figures.items()}
            if schedule:
                schedule.step()
            if not math.isfinite(score := _score(record)):
                raise FloatingPointError(
                    f"the validation loss became {score}: lower the learning rate"
                )
            record["seconds"] = time.perf_counter() - start
            run.record(record)
            report.epoch(record)
    run.save()
    model.eval()
    return run.history


def _step(model, optimizer, max_grad_norm, cuda_graph: bool):
    """Return what takes one step on a batch of arrays, and returns the loss."""
    if not cuda_graph:
        return partial(train_step, model, optimizer, max_grad_norm=max_grad_norm)
    if max_grad_norm:
        raise InputError("a captured step cannot clip gradients: leave out --clip or --cuda-graph")
    return CapturedStep(model, optimizer)


@np.errstate(over="ignore", invalid="ignore", divide="ignore")
def _train_epoch(model, loader, epoch, step, corrupt, report) -> float:
    """Take one step per batch; return the mean loss per sample.

    NumPy's warnings are off: a loss that overflows is reported here, once and in plain words.
    """
    model.train()
    total, device = 0.0, model.device
    for arrays in loader.epoch(epoch):
        batch = _batch(arrays, corrupt, random.generator, device)
        value = step(batch)
        rows = len(arrays[0])
        total += value * rows
        report.batch(value, rows)
    return total / loader.num_rows


def _hash(*data) -> str:
    """Return a hash of the entries of arrays, or tuples of arrays; None is no data."""
    found = hashlib.blake2b(digest_size=16)
    for part in data:
        for array in part if isinstance(part, tuple) else (part,):
            found.update(f"{np.shape(array)}".encode())
            if array is not None:
                found.update(np.ascontiguousarray(to_device(array, "cpu")))
    return found.hexdigest()


def _moved(data, device: str):
    """Return an array, or all of a tuple, on the device; None is no data."""
    if isinstance(data, tuple):
        return tuple(to_device(array, device) for array in data)
    return None if data is None else to_device(data, device)


def _batch(arrays, corrupt, generator, device: str) -> list:
    if corrupt is not None:
        first, *others = arrays
        arrays = [corrupt(first, generator), first, *others]
    return [to_device(array, device) for array in arrays]


@no_grad()
@np.errstate(over="ignore", invalid="ignore", divide="ignore")
def evaluate(model: Module, data, *, batch_size: int = 128, corrupt=None) -> dict[str, float]:
    """Return the model's figures on an array or a tuple of arrays, as means per sample.

    Random numbers (a VAE's draws, corruptions) come from a seed of their own: the figures are the
    same each time, and training goes on afterwards as if nothing had been drawn.
    """
    data = data if isinstance(data, tuple) else (data,)
    if corrupt is None:
        data = _moved(data, model.device)
    loader = Loader(*data, batch_size=batch_size, shuffle=False)
    state, was_training = random.get_state(), model.training
    random.manual_seed(EVALUATION_SEED)
    model.eval()
    totals: dict[str, float] = {}
    device = model.device
    for arrays in loader.epoch(0):
        batch = _batch(arrays, corrupt, random.generator, device)
        for name, value in _metrics(model, [*map(Tensor, batch)]).items():
            totals[name] = totals.get(name, 0.0) + value * len(arrays[0])
    random.set_state(state)
    model.train(was_training)
    return {name: total / loader.num_rows for name, total in totals.items()}


def _metrics(model, batch) -> dict[str, float]:
    if hasattr(model, "metrics"):
        return model.metrics(*batch)
    return {"loss": model.loss(*batch).item()}


def _score(record: dict) -> float:
    return record.get("validation_loss", record["train_loss"])


class _Run:
    """The state of a training, in memory and in the two files."""

    def __init__(self, model, optimizer, schedule, out, batches, metadata):
        self.model, self.optimizer, self.schedule = model, optimizer, schedule
        self.last = None if out is None else Path(out) / LAST
        self.best = None if out is None else Path(out) / BEST
        self.batches, self.metadata = batches, metadata
        self.history: list[dict] = []
        self.best_weights: dict[str, np.ndarray] | None = None  # not yet on the disk
        self.saved_at = time.monotonic()
        # of another run: they go when there are others, but metrics.json and last.safetensors
        # before best.safetensors is replaced, so that a crash leaves no mixture of two runs
        files = [] if out is None else [Path(out) / METRICS, self.last]
        self.replaced = [path for path in files if path.exists()]

    def _best_epoch(self) -> int:
        """Return the index of the first epoch with the lowest score."""
        return int(np.argmin([_score(record) for record in self.history]))

    def out_of_patience(self, patience: int | None) -> bool:
        """Return whether the last `patience` epochs brought nothing better."""
        if patience is None or not self.history:
            return False
        return len(self.history) - 1 - self._best_epoch() >= patience

    def record(self, record: dict) -> None:
        """Add an epoch, remember its weights if they are the best, and save now and then."""
        self.history.append(record)
        if self._best_epoch() == len(self.history) - 1:
            state = self.model.state_dict()
            self.best_weights = {f"model.{name}": array.copy() for name, array in state.items()}
        if time.monotonic() - self.saved_at > SAVE_SECONDS:
            self.save()

    def save(self) -> None:
        """Write the files, if there is a folder: best first, so that last never runs ahead of it.

        Whatever was trained since is trained again after a crash, to the same bits.
        """
        if self.last is None:
            return
        files = {}
        if self.best_weights is not None:
            files[self.best] = checkpoint.to_bytes(self.best_weights, self.metadata)
        schedule = None if self.schedule is None else self.schedule.state_dict()
        training = Training(self.history, self.batches, random.get_state(), schedule)
        metadata = {**self.metadata, "training": asdict(training)}
        files[self.last] = checkpoint.to_bytes(self._state(), metadata)
        write_together(files, instead_of=self.replaced)
        self.best_weights, self.replaced = None, []
        self.saved_at = time.monotonic()

    def _state(self) -> dict[str, np.ndarray]:
        """Return the arrays of last.safetensors."""
        arrays = checkpoint.prefixed(self.model.state_dict(), "model.")
        return arrays | checkpoint.prefixed(self.optimizer.state_dict(), "optimizer.")

    def restore(self) -> None:
        """Go back to where last.safetensors was written."""
        if self.last is None:
            raise InputError("resume needs the folder of the run to go on with")
        arrays, metadata = checkpoint.load(self.last, "training")
        training: Training = metadata["training"]
        if training.history:
            checkpoint.load(self.best)  # nothing better may come
        self._check_batches(training.settings)
        try:
            checkpoint.check_state(arrays, self._state())
            self.model.load_state_dict(checkpoint.subset(arrays, "model."))
            self.optimizer.load_state_dict(checkpoint.subset(arrays, "optimizer."))
            if self.schedule is not None:
                self.schedule.load_state_dict(training.schedule or {})
            random.set_state(training.random)
        except KeyError as error:
            raise InputError(f"{self.last}: in training, {error} is missing") from error
        except (ValueError, TypeError, OverflowError) as error:
            raise InputError(f"{self.last}: {error}") from error
        self.history, self.replaced = training.history, []

    def _check_batches(self, before: Batches) -> None:
        """Raise InputError unless the batches are those from before."""
        if before.data not in (None, self.batches.data):
            raise InputError(
                f"{self.last} was trained on other data than these: resume with the same, or train"
                " into another folder"
            )
        for name in ("seed", "batch_size", "samples"):
            was, now = getattr(before, name), getattr(self.batches, name)
            if was != now:
                raise InputError(
                    f"{self.last} was trained with {name} {was}, not {now}: resume with the same"
                    " settings"
                )
