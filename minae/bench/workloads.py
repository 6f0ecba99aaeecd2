"""The workloads: models as a user would build them, on images that look like the real ones."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np

from minae import nn, random
from minae.errors import InputError
from minae.grad_mode import no_grad
from minae.kernels import use_backend
from minae.models import VAE, ConvAutoencoder, DenseAutoencoder
from minae.models.base import Autoencoder
from minae.tensor import Tensor

BATCHES = 32  # used in turn


@dataclass(frozen=True)
class Workload:
    """A model, its inputs and the number of rows in a batch."""

    title: str
    model: Callable[[], Autoencoder]
    image_shape: tuple[int, ...]
    batch: int

    def build(self) -> Autoencoder:
        """Return the model, with the same weights each time."""
        random.manual_seed(0)
        return self.model()

    def batches(self) -> np.ndarray:
        """Return inputs (BATCHES, batch, ...), four pixels in five black, like MNIST's."""
        rng = np.random.default_rng(1)
        x = rng.random((BATCHES, self.batch, *self.image_shape), dtype=np.float32)
        x *= rng.random(x.shape, dtype=np.float32) < 0.2
        return x

    def noise(self, steps: int) -> np.ndarray:
        """Return what a VAE draws in its first steps after random.manual_seed(0)."""
        model = self.build()
        random.manual_seed(0)
        shape = (self.batch, getattr(model, "latent", 0))
        return np.stack([random.normal(shape) for _ in range(steps)])

    @no_grad()
    def layers(self) -> list[tuple[Any, Tensor, Tensor]]:
        """Return the layers that have weights, each with its input and output for one batch."""
        model: Any = self.build()
        images, found = Tensor(self.batches()[0]), []
        with use_backend("reference"):  # nothing to compile
            for network, x in ((model.encoder, images), (model.decoder, model.codes(images))):
                for layer in network:
                    y = layer(x)
                    found += [(layer, x, y)] if hasattr(layer, "weight") else []
                    x = y
        return found

    def flops(self) -> float:
        """Count the floating point operations of the matrix products in one training step."""
        total = 0.0
        for i, (layer, x, y) in enumerate(self.layers()):
            positions = (x if isinstance(layer, nn.ConvTranspose2d) else y).numel()
            products = positions * layer.weight.numel() / layer.weight.shape[0]
            total += 2 * products * (3 if i else 2)  # forward, dweight; dx but of the first layer
        return total


_deep_conv = partial(ConvAutoencoder, channels=(32, 64), convs_per_stage=2)
_small = partial(DenseAutoencoder, [64, 32, 16], loss="mse")
_dense = partial(DenseAutoencoder, [784, 512, 256, 32])

WORKLOADS = {
    "W1": Workload("dense 784-512-256-32", _dense, (784,), 128),
    "W2": Workload("VAE 784-400-20", partial(VAE, [784, 400, 20]), (784,), 128),
    "W3": Workload("conv 16-32", ConvAutoencoder, (1, 28, 28), 128),
    "W4": Workload("conv 32-64, two a stage", _deep_conv, (1, 28, 28), 128),
    "W5": Workload("dense 64-32-16, batch 16", _small, (64,), 16),
    "W5-1": Workload("dense 64-32-16, batch 1", _small, (64,), 1),
}


def chosen(names: list[str]) -> list[str]:
    """Return the names, or all if there are none. Raises InputError for an unknown one."""
    for name in names:
        if name not in WORKLOADS:
            raise InputError(f"there is no workload {name!r}; there are: {', '.join(WORKLOADS)}")
    return names or list(WORKLOADS)


def workload(name: str) -> Workload:
    """Return the workload of that name, or of "dense-WIDTH-BATCH", which --scaling measures."""
    if name.startswith("dense-"):
        width, batch = map(int, name.split("-")[1:])
        model = partial(DenseAutoencoder, [784, width, width // 2, 32])
        return Workload(f"dense 784-{width}-{width // 2}-32", model, (784,), batch)
    return WORKLOADS[name]
