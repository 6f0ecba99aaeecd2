"""A training step on a GPU, recorded once and replayed.

A step of a small model is some sixty launches, each a few microseconds of work on the GPU and more
than that in Python. A CUDA graph is the list of launches with all their arguments. Replaying it is
one call.
"""

from collections.abc import Sequence
from contextlib import suppress
from typing import Any

from minae.errors import InputError
from minae.nn import Module
from minae.optim import Optimizer
from minae.train.step import finite, loss_of, train_step


class CapturedStep:
    """Takes the same steps as `train_step`, from the second on by replaying a graph.

    The first is taken as usual, which compiles the kernels and fills the memory pool. Then one is
    recorded, and another whenever the learning rate has changed, for a graph's arguments are fixed:
    batches are copied to where it reads them, and the GPU itself counts the steps and the random
    numbers drawn. A batch of another shape than the first, an epoch's last, takes a usual step.

    The graph's memory is from a pool of its own. Otherwise what it writes to in every step would be
    given to others once it is recorded.

    Args:
        model, optimizer: on a GPU; every parameter gets a gradient in every step.

    Raises:
        InputError: the model is not on a GPU.
    """

    def __init__(self, model: Module, optimizer: Optimizer):
        if model.device != "cuda":
            raise InputError("only steps on a GPU can be captured: add --device cuda")
        import cupy  # pyright: ignore[reportMissingImports]  # only where there is a GPU

        self.cupy, self.model, self.optimizer = cupy, model, optimizer
        self.stream, self.pool = cupy.cuda.Stream(), cupy.cuda.MemoryPool()
        self.number = cupy.zeros(1, "int32")  # of the step, in the GPU's count
        self.counted = 0  # what that is
        self.batch: list[Any] | None = None  # where the graph reads it
        self.graph: Any = None
        self.loss: Any = None
        self.rate: float | None = None

    def __call__(self, batch: Sequence[Any]) -> float:
        """Take one step on a batch of arrays of the GPU; return the loss from before it.

        Raises:
            FloatingPointError: the loss is nan or infinite. A replayed step has been taken then.
            InputError: the model does in a step what cannot be recorded.
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
        if self.rate == self.optimizer.lr:
            self.optimizer.count_step()
        else:
            self._record(batch)
        self.graph.launch(self.stream)
        self.counted = taken + 1
        return finite(self.loss)

    def _record(self, batch: list[Any]) -> None:
        """Have the GPU note down a step, without taking it."""
        from minae.kernels.cuda.training import count_up

        runtime = self.cupy.cuda.runtime
        self.optimizer.zero_grad()
        with self.cupy.cuda.using_allocator(self.pool.malloc):
            self.stream.begin_capture(runtime.streamCaptureModeRelaxed)  # the pool may grow
            try:
                count_up(self.number)
                self.loss = loss_of(self.model, batch)
                self.loss.backward()
                self.optimizer.step(self.number)
            except (runtime.CUDARuntimeError, NotImplementedError) as error:
                with suppress(runtime.CUDARuntimeError):
                    self.stream.end_capture()
                raise InputError(
                    f"this model's step cannot be recorded ({error}): leave out --cuda-graph"
                ) from error
            self.graph = self.stream.end_capture()
        self.rate = self.optimizer.lr
