"""Telling how a training goes: a progress bar on a terminal, else one plain line per epoch."""

import sys
import time
from contextlib import AbstractContextManager


class Reporter(AbstractContextManager):
    """Prints one line per epoch, for logs and pipes, or, unless it is to `show` them, nothing."""

    def __init__(self, show: bool):
        self.show = show

    def __exit__(self, *exception: object) -> None:
        pass

    def batch(self, loss: float, samples: int) -> None:
        """Note one batch: its loss and its number of samples."""

    def epoch(self, record: dict[str, float]) -> None:
        """Note the end of an epoch, and its figures."""
        if self.show:
            figures = (f"{name} {value:.4f}" for name, value in record.items() if name != "epoch")
            print(f"epoch {record['epoch']:3d}  {'  '.join(figures)}", flush=True)


class Bar(Reporter):
    """A bar over all batches, with the running loss, samples per second and the last epoch."""

    def __init__(self, total: int, done: int):
        from rich import progress

        self._bar = progress.Progress(
            progress.TextColumn("{task.description}"),
            progress.BarColumn(),
            progress.MofNCompleteColumn(),
            progress.TimeRemainingColumn(),
            progress.TextColumn("loss {task.fields[loss]:.4f}  {task.fields[rate]:,.0f} samples/s"),
        )
        self._task = self._bar.add_task("training", total=total, completed=done, loss=0, rate=0)
        self._start, self._samples = time.perf_counter(), 0

    def __enter__(self) -> "Bar":
        self._bar.start()
        return self

    def __exit__(self, *exception: object) -> None:
        self._bar.stop()

    def batch(self, loss: float, samples: int) -> None:
        """Move the bar on."""
        self._samples += samples
        rate = self._samples / (time.perf_counter() - self._start)
        self._bar.update(self._task, advance=1, loss=loss, rate=rate)

    def epoch(self, record: dict[str, float]) -> None:
        """Name the epoch and its validation loss, if it has one, before the bar."""
        held_out = record.get("validation_loss")
        figure = "" if held_out is None else f", validation {held_out:.2f}"
        self._bar.update(self._task, description=f"epoch {record['epoch']}{figure}")


def reporter(total: int, done: int, show: bool) -> Reporter:
    """Return what fits: a bar on a terminal, plain lines elsewhere, or nothing."""
    return Bar(total, done) if show and sys.stdout.isatty() else Reporter(show)
