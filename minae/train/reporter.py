"""Telling how a training goes: a progress bar on a terminal, else one plain line per epoch."""

import sys
import time
from typing import Self


class Reporter:
    """What is told of each batch and epoch; this one says nothing."""

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exception: object) -> None:
        pass

    def batch(self, loss: float, samples: int) -> None:
        """Note one batch: its loss and its number of samples."""

    def epoch(self, record: dict[str, float]) -> None:
        """Note the end of an epoch."""


class PlainLines(Reporter):
    """One line per epoch, for logs and pipes."""

    def epoch(self, record: dict[str, float]) -> None:
        """Print the epoch's figures."""
        figures = (f"{name} {value:.4f}" for name, value in record.items() if name != "epoch")
        print(f"epoch {record['epoch']:3d}  {'  '.join(figures)}", flush=True)


class Bar(Reporter):
    """A bar over all batches, with the running loss, samples per second and the last epoch."""

    def __init__(self, total: int, done: int):
        from rich import progress

        self._progress = progress.Progress(
            progress.TextColumn("{task.description}"),
            progress.BarColumn(),
            progress.MofNCompleteColumn(),
            progress.TimeRemainingColumn(),
            progress.TextColumn("loss {task.fields[loss]:.4f}  {task.fields[rate]:,.0f} samples/s"),
        )
        self._task = self._progress.add_task(
            "training", total=total, completed=done, loss=0, rate=0
        )
        self._start, self._samples = time.perf_counter(), 0

    def __enter__(self) -> Self:
        self._progress.start()
        return self

    def __exit__(self, *exception: object) -> None:
        self._progress.stop()

    def batch(self, loss: float, samples: int) -> None:
        """Move the bar on."""
        self._samples += samples
        rate = self._samples / (time.perf_counter() - self._start)
        self._progress.update(self._task, advance=1, loss=loss, rate=rate)

    def epoch(self, record: dict[str, float]) -> None:
        """Name the epoch and its validation loss, if it has one, before the bar."""
        held_out = record.get("validation_loss")
        figure = "" if held_out is None else f", validation {held_out:.2f}"
        self._progress.update(self._task, description=f"epoch {record['epoch']}{figure}")


def reporter(total: int, done: int, show: bool) -> Reporter:
    """Return what fits: nothing, a bar on a terminal, or plain lines."""
    if not show:
        return Reporter()
    return Bar(total, done) if sys.stdout.isatty() else PlainLines()
