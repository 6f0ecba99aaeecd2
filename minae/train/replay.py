"""Loss and gradients of a convolutional autoencoder, by kernel calls that were recorded once.

Not needed to understand the rest: the loss and its `backward` give the same, bit for bit. What it
gains: after a kernel, the processor's caches hold nothing of Python, and the way to the next kernel
takes as long as a small convolution. Without it, a training step of `minae bench` W3 takes 1.1
times as long. On a GPU, minae.train.capture does the like.
"""

import math
from collections.abc import Sequence
from operator import is_
from typing import Any

import numpy as np

from minae import kernels
from minae.grad_mode import is_grad_enabled
from minae.kernels.arrays import Array
from minae.nn import Conv2d, ConvTranspose2d, Flatten, Linear, Module, Unflatten, fusion
from minae.optim import Optimizer
from minae.tensor import Tensor
from minae.train.dense_step import networks_of

#: Modules that compute by kernels alone, for nothing else is recorded.
KINDS = {Conv2d, ConvTranspose2d, Flatten, Linear, Unflatten}
#: Bytes that a recording may hold. It keeps the arrays of all layers, which are otherwise freed on
#: the way back; and a step on larger ones takes so long that there is nothing to gain.
LARGEST = 1 << 27


def loss_and_gradients(model: Module, optimizer: Optimizer, batch: Sequence[Any]) -> float | None:
    """Compute the loss on a batch of arrays, and the gradients of the optimiser's parameters.

    It returns None, and does nothing, unless the model is convolutions, linear layers and ReLUs in
    a row, and the batch has the shapes of the first one. If the loss is nan or infinite, it
    computes no gradients.
    """
    networks = networks_of(model)
    if len(networks) != 1 or not _suits(batch, optimizer):
        return None
    recording = vars(optimizer).get("_recording")
    if recording is None or not recording.is_of(model, networks[0]):
        recording = vars(optimizer)["_recording"] = Recording(model, networks[0], optimizer)
    if recording.modules and not recording.batch:
        return recording.record(model, optimizer, batch)
    return recording.replay(optimizer, batch) if recording.takes(batch) else None


class Recording:
    """The calls of a step, and the arrays that they begin and end with."""

    def __init__(self, model: Module, steps: list, optimizer: Optimizer):
        self.steps = steps
        self.modules = _modules(steps, optimizer)  # none if calls do not suffice for the model
        self.seen = self._seen(model)
        self.batch: list[Array] = []  # what is recorded reads this one
        self.loss = np.zeros(())
        self.forward: list = []
        self.backward: list = []

    def _seen(self, model: Module) -> list[Any]:
        """Return what the calls depend on, beside the numbers in arrays."""
        from minae.kernels.cpu.compile.threads import WORTH_A_THREAD, threads_for

        seen = [threads_for(WORTH_A_THREAD), model]
        for module in (model, *self.modules):
            seen += vars(module).values()
        return seen

    def is_of(self, model: Module, steps: list) -> bool:
        """Return whether that is what was recorded, and nothing of it was replaced."""
        if steps is not self.steps:
            return False
        seen = self._seen(model) if self.modules else self.seen
        return len(seen) == len(self.seen) and False not in map(is_, seen, self.seen)

    def takes(self, batch: Sequence[Array]) -> bool:
        """Return whether the batch can take the place of the one that was recorded."""
        shapes = [array.shape for array in batch]
        return bool(self.backward) and shapes == [own.shape for own in self.batch]

    def record(self, model: Module, optimizer: Optimizer, batch: Sequence[Array]) -> float:
        """Compute loss and gradients as usual, and note the calls."""
        from minae.kernels.cpu.compile.calls import bytes_of, recorded

        own = [np.array(array, order="C") for array in batch]
        with recorded() as forward:
            loss = model.loss(*map(Tensor, own))
        value = loss.item()
        if math.isfinite(value):
            with recorded() as backward:
                loss.backward()
            for flat in optimizer.flats:
                flat.make_places()  # the calls keep the old ones
                flat.show()
            self.batch = own
            if bytes_of(forward + backward) <= LARGEST:
                self.loss, self.forward, self.backward = loss.data, forward, backward
        return value

    def replay(self, optimizer: Optimizer, batch: Sequence[Array]) -> float:
        """Compute loss and gradients by the calls."""
        from minae.kernels.cpu.compile.calls import replay

        for own, array in zip(self.batch, batch, strict=True):
            np.copyto(own, array)
        replay(self.forward)
        value = self.loss.item()
        if math.isfinite(value):
            replay(self.backward)
            for flat in optimizer.flats:
                flat.show()
        return value


def _modules(steps: list, optimizer: Optimizer) -> list[Any]:
    """Return the modules of a network's steps; none if there are others than KINDS.

    Gradients of a parameter that is used twice are added up, which is not recorded.
    """
    found = [pair for step in steps for pair in fusion.modules_of(step)]
    modules = [module for module, _ in found]
    if {activation for _, activation in found} - {None, "relu"}:
        return []
    for module in modules:
        own = "forward" in vars(module) or isinstance(getattr(module, "padding", 0), str)
        if own or type(module) not in KINDS:
            return []
    weighted = [module for module in modules if hasattr(module, "weight")]
    used = [id(p) for m in weighted for p in (m.weight, m.bias) if p is not None]
    return modules if sorted(used) == sorted(map(id, optimizer.parameters)) else []


def _suits(batch: Sequence[Any], optimizer: Optimizer) -> bool:
    """Return whether the CPU's kernels take the batch, and write gradients where they are shown."""
    dtype = optimizer.flats[0].x.dtype
    for array in batch:
        if not isinstance(array, np.ndarray) or array.dtype != dtype or not array.size:
            return False
    from minae.kernels import cpu

    usual = dtype.char in "fd" and kernels.backend_of(batch[0]) is cpu and is_grad_enabled()
    return usual and False not in [
        flat.x.dtype == dtype and flat.awaits() for flat in optimizer.flats
    ]
