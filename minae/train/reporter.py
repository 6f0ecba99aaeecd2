"""Telling how a training goes: a progress bar on a terminal, else one plain line per epoch."""

import sys
import time


def line(record: dict) -> str:
    """Return an epoch's record as one line of text."""
    figures = "  ".join(
        f"{name} {value:.4f}" for name, value in record.items() if isinstance(value, float)
    )
    return f"epoch {record['epoch']:3d}  {figures}"


class Silent:
    """Say nothing."""

    def __enter__(self):
        return self

    def __exit__(self, *exception):
        pass

    def batch(self, loss: float, samples: int) -> None:
        """Note one batch: its loss and its number of samples."""

    def epoch(self, record: dict) -> None:
        """Note the end of an epoch."""


class PlainLines(Silent):
    """One line per epoch, for logs and pipes."""

    def epoch(self, record: dict) -> None:
        """Print the epoch's figures."""
        print(line(record), flush=True)


class Bar(Silent):
    """A bar over all batches, with the running loss, samples per second and the last epoch."""

    def __init__(self, total: int, done: int):
        from rich.progress import (
            BarColumn,
            MofNCompleteColumn,
            Progress,
            TextColumn,
            TimeRemainingColumn,
        )

        self._progress = Progress(
            TextColumn("{task.description}"),
            BarColumn(),
            MofNCompleteColumn(),
            TimeRemainingColumn(),
            TextColumn("loss {task.fields[loss]:.4f}  {task.fields[rate]:,.0f} samples/s"),
        )
        self._task = self._progress.add_task(
            "training", total=total, completed=done, loss=0, rate=0
        )
        self._start, self._samples = time.perf_counter(), 0

    def __enter__(self):
        self._progress.start()
        return self

    def __exit__(self, *exception):
        self._progress.stop()

    def batch(self, loss: float, samples: int) -> None:
        """Move the bar on."""
        self._samples += samples
        rate = self._samples / (time.perf_counter() - self._start)
        self._progress.update(self._task, advance=1, loss=loss, rate=rate)

    def epoch(self, record: dict) -> None:
        """Name the epoch and its validation loss, if it has one, before the bar."""
        held_out = record.get("validation_loss")
        figure = "" if held_out is None else f", validation {held_out:.2f}"
        self._progress.update(self._task, description=f"epoch {record['epoch']}{figure}")


def reporter(total: int, done: int, show: bool) -> Silent:
    """Return what fits: nothing, a bar on a terminal, or plain lines."""
    if not show:
        return Silent()
    return Bar(total, done) if sys.stdout.isatty() else PlainLines()
