"""A training step on a GPU, recorded once and replayed.

A small model's step is some sixty launches, each of which keeps the GPU busy for a few
microseconds, and Python for longer. A CUDA graph is the list of launches with all their arguments;
replaying it is one call. Not needed to understand the rest: `train_step` does the same, launch by
launch. What it gains is to be measured: see kernels/cuda/RESULTS.md.
"""

from collections.abc import Sequence
from contextlib import suppress
from typing import Any

from minae.errors import InputError
from minae.nn import Module
from minae.optim import Optimizer
from minae.tensor import Tensor
from minae.train.step import finite, train_step


class CapturedStep:
    """Takes the same steps as `train_step`, from the second on by replaying a graph.

    The first is an ordinary step, which compiles the kernels and fills the memory pool. Then one is
    recorded, and again whenever the learning rate has changed, because a graph's arguments are
    fixed: batches are copied to where it reads them, and the GPU itself counts the steps and the
    random numbers drawn. A batch of another shape, such as an epoch's last, takes an ordinary step.

    The graph has a memory pool of its own; otherwise, once recorded, the memory that it writes to
    would be given to others.

    The model must be on a GPU, or InputError is raised; every parameter must get a gradient in
    every step.
    """

    def __init__(self, model: Module, optimizer: Optimizer):
        if model.device != "cuda":
            raise InputError("only steps on a GPU can be captured: add --device cuda")
        import cupy  # pyright: ignore[reportMissingImports]  # only where there is a GPU

        self.cupy, self.model, self.optimizer = cupy, model, optimizer
        self.stream, self.pool = cupy.cuda.Stream(), cupy.cuda.MemoryPool()
        self.number = cupy.zeros(1, "int32")  # of the step, as the GPU counts it
        self.counted = 0  # the same number, on the CPU
        self.batch: list[Any] | None = None  # where the graph reads it
        self.graph: Any = None
        self.loss: Any = None
        self.rates: list[float] | None = None

    def __call__(self, batch: Sequence[Any]) -> float:
        """Take one step on a batch of arrays of the GPU; return the loss from before it.

        Raises FloatingPointError if that is nan or infinite, when a replayed step has updated the
        model already, and InputError if the model's step cannot be recorded.
        """
        with self.stream:
            if self.batch is None:
                with self.cupy.cuda.using_allocator(self.pool.malloc):
                    self.batch = [array.copy() for array in batch]
                    return train_step(self.model, self.optimizer, batch)
            if any(a.shape != b.shape for a, b in zip(batch, self.batch, strict=True)):
                return train_step(self.model, self.optimizer, batch)
            for own, array in zip(self.batch, batch, strict=True):
                own[...] = array
            return self._replay(self.batch)

    def _replay(self, batch: list[Any]) -> float:
        taken = self.optimizer.steps[0]
        if taken != self.counted:
            self.number.fill(taken)
        if self.rates == [group["lr"] for group in self.optimizer.param_groups]:
            self.optimizer.count_step()
        else:
            self._record(batch)
        self.graph.launch(self.stream)
        self.counted = taken + 1
        return finite(self.loss)

    def _record(self, batch: list[Any]) -> None:
        """Record a step without taking it."""
        from minae.kernels.cuda.optim import count_up

        runtime = self.cupy.cuda.runtime
        self.optimizer.zero_grad()
        with self.cupy.cuda.using_allocator(self.pool.malloc):
            self.stream.begin_capture(runtime.streamCaptureModeRelaxed)  # the pool may grow
            try:
                count_up(self.number)
                self.loss = self.model.loss(*map(Tensor, batch))
                self.loss.backward()
                self.optimizer.step(self.number)
            except (runtime.CUDARuntimeError, NotImplementedError) as error:
                with suppress(runtime.CUDARuntimeError):
                    self.stream.end_capture()
                raise InputError(
                    f"this model's step cannot be recorded ({error}): leave out --cuda-graph"
                ) from error
            self.graph = self.stream.end_capture()
        self.rates = [group["lr"] for group in self.optimizer.param_groups]
