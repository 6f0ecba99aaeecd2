"""The training loop: batches, steps, and a record of figures for each epoch.

A model to train has `loss(*batch)`, a scalar tensor, and may have `metrics(*batch)`, a dict of
figures per sample with "loss" among them. A batch is some rows of each training array, and, with
`corrupt`, the corrupted first array followed by the clean one.
"""

import math
import time
from collections.abc import Callable, Iterable, Iterator
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from minae import random
from minae.data.corruptions import Corrupt
from minae.data.loader import Loader, RandomBatches
from minae.data.ragged import Ragged
from minae.errors import InputError
from minae.grad_mode import no_grad
from minae.kernels.arrays import to_device
from minae.nn import Module
from minae.optim import Adam, Optimizer, Schedule
from minae.optim.schedules import warmed_up
from minae.tensor import Tensor
from minae.train.capture import CapturedStep
from minae.train.reporter import Reporter, reporter
from minae.train.settings import Fitting
from minae.train.state import Arrays, Batches, Rows, State, hash_of, score
from minae.train.step import train_step

USUAL_EPOCHS = 10
EVALUATION_SEED = 1_000_003  # validation noise: its own, the same each time
Step = Callable[[list], float]


def fit(
    model: Module,
    train: Arrays | RandomBatches,
    validation: Arrays | None = None,
    settings: Fitting | None = None,
    *,
    optimizer: Optimizer | None = None,
    schedule: Schedule | None = None,
    corrupt: Corrupt | None = None,
    out: str | Path | None = None,
    resume: bool = False,
    metadata: dict[str, Any] | None = None,
    show_progress: bool = True,
    max_grad_norm: float | None = None,
    **options: Any,
) -> list[dict[str, float]]:
    """Train a model, and return one record of figures per epoch.

    Args:
        model: see above. Afterwards it holds the weights of the last epoch, in evaluation mode.
            Batches are moved to its device.
        train, validation: an array, or a tuple of arrays whose rows belong together; rows of
            different lengths are a `minae.data.Ragged`. `train` can be patches of pictures or
            windows of a text instead, which bring their own batches and seed, and patches their
            corruption.
        settings: epochs (in all, also when resuming; 10 if None), batch_size, warmup (the steps in
            which the learning rate rises linearly to what the optimiser has), clip (the largest
            joint norm of all gradients), patience, seed (of the batches' order and of all random
            numbers drawn in training), cuda_graph (see `minae.train.capture`).
        optimizer: Adam with its defaults if left out.
        schedule: stepped after every epoch.
        corrupt: called as corrupt(images, generator) on the first array of every batch.
        out: folder for last.safetensors (all that is needed to go on) and best.safetensors (the
            weights with the lowest validation loss, or training loss without validation data). If
            it holds a run, that run's files stay until this one has weights to replace them.
        resume: go on from last.safetensors in `out`, to the very weights of an unbroken training.
        metadata: kept in both files.
        options: fields of `settings` to replace: fit(..., epochs=20). max_grad_norm is `clip`.

    Raises InputError if a setting is not allowed, or there is nothing to resume from, or it is
    damaged, or belongs to another model, other settings or other data, and FloatingPointError if
    the loss became nan or infinite, in training or in validation.
    """
    if max_grad_norm is not None:
        options["clip"] = max_grad_norm
    settings = replace(settings or Fitting(), **options)
    seed, batch_size, device = settings.seed, settings.batch_size, model.device
    rows = train.data if isinstance(train, RandomBatches) else _tuple(train)
    data_hash = None if out is None else hash_of(rows, validation)
    if corrupt is None and validation is not None:  # a corruption works on the CPU
        validation = _moved(validation, device)
    if isinstance(train, RandomBatches):
        loader = train
    else:
        rows = _moved(rows, device) if corrupt is None else rows
        loader = Loader(
            *rows, batch_size=batch_size, seed=seed, by_length=getattr(model, "by_length", True)
        )
    optimizer = optimizer or Adam(model.parameters())
    step = _step(model, optimizer, settings)
    batches = Batches(seed, batch_size, loader.num_rows, data_hash)
    folder = None if out is None else Path(out)
    state = State(model, optimizer, schedule, folder, batches, metadata or {})
    random.manual_seed(seed)
    if resume:
        state.restore()
    elif not state.replaced:
        state.save()  # so that a training killed in its first epoch can be resumed too
    done, epochs = len(state.history) * len(loader), settings.epochs or USUAL_EPOCHS
    with reporter(epochs * len(loader), done, show_progress) as report:
        while (epoch := len(state.history)) < epochs:
            if state.out_of_patience(settings.patience):
                break
            start = time.perf_counter()
            arrays = _batches(loader, epoch, corrupt, device)
            arrays = warmed_up(arrays, optimizer, settings.warmup, taken=epoch * len(loader))
            loss = _train_epoch(model, arrays, step, report)
            record = {"epoch": epoch + 1, "train_loss": loss}
            if validation is not None:
                figures = evaluate(model, validation, batch_size=batch_size, corrupt=corrupt)
                record |= {f"validation_{name}": value for name, value in figures.items()}
            if schedule:
                schedule.step()
            if not math.isfinite(score(record)):
                raise FloatingPointError(
                    f"the validation loss became {score(record)}: lower the learning rate"
                )
            record["seconds"] = time.perf_counter() - start
            state.record(record)
            report.epoch(record)
    state.save()
    model.eval()
    return state.history


def _step(model: Module, optimizer: Optimizer, settings: Fitting) -> Step:
    """Return what takes one step on a batch of arrays, and returns the loss."""
    if not settings.cuda_graph:
        return partial(train_step, model, optimizer, max_grad_norm=settings.clip)
    if settings.clip:
        raise InputError("a captured step cannot clip gradients: leave out --clip or --cuda-graph")
    return CapturedStep(model, optimizer)


@np.errstate(over="ignore", invalid="ignore", divide="ignore")
def _train_epoch(model: Module, batches: Iterable[list], step: Step, report: Reporter) -> float:
    """Take one step per batch; return the mean loss per sample.

    NumPy's warnings are off: a loss that overflows is reported here, once and in plain words.
    """
    model.train()
    total, samples = 0.0, 0
    for batch in batches:
        rows = len(batch[0])
        loss = step(batch)
        total, samples = total + loss * rows, samples + rows
        report.batch(loss, rows)
    return total / samples


def _tuple(data: Arrays) -> tuple[Rows, ...]:
    return data if isinstance(data, tuple) else (data,)


def _moved(data: Arrays, device: str) -> tuple[Rows, ...]:
    """Return arrays on a device; rows of different lengths get there batch by batch."""
    return tuple(a if isinstance(a, Ragged) else to_device(a, device) for a in _tuple(data))


def _by_length(data: tuple[Rows, ...]) -> tuple[Rows, ...]:
    """Sort rows of different lengths, so that little is padded; others stay as they are."""
    if not isinstance(data[0], Ragged):
        return data
    order = np.argsort(data[0].lengths, kind="stable")
    return tuple(rows[order] for rows in data)


def _batches(
    loader: Loader | RandomBatches, epoch: int, corrupt: Corrupt | None, device: str
) -> Iterator[list]:
    for arrays in loader.epoch(epoch):
        if corrupt is not None:
            first, *others = arrays
            arrays = (corrupt(first, random.generator), first, *others)
        yield [to_device(array, device) for array in arrays]


@no_grad()
@np.errstate(over="ignore", invalid="ignore", divide="ignore")
def evaluate(
    model: Module, data: Arrays, *, batch_size: int = 128, corrupt: Corrupt | None = None
) -> dict[str, float]:
    """Return the model's figures on an array or a tuple of arrays, as means per sample.

    Random numbers (a VAE's draws, corruptions) come from a seed of their own: the figures are the
    same each time, and training goes on afterwards as if nothing had been drawn.
    """
    data = _tuple(data) if corrupt else _moved(data, model.device)
    loader = Loader(*_by_length(data), batch_size=batch_size, shuffle=False)
    state, was_training = random.get_state(), model.training
    random.manual_seed(EVALUATION_SEED)
    model.eval()
    totals: dict[str, float] = {}
    for batch in _batches(loader, 0, corrupt, model.device):
        if metrics := getattr(model, "metrics", None):
            figures = metrics(*map(Tensor, batch))
        else:
            figures = {"loss": model.loss(*map(Tensor, batch)).item()}
        for name, value in figures.items():
            totals[name] = totals.get(name, 0.0) + value * len(batch[0])
    random.set_state(state)
    model.train(was_training)
    means = {name: total / loader.num_rows for name, total in totals.items()}
    if "tokens" in means:  # of all texts together: a mean over texts would favour the short ones
        means["nats_per_token"] = means.pop("nats") / max(means.pop("tokens"), 1e-9)
    return means
