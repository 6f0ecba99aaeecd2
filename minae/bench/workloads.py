"""The workloads: models as a user would build them, on data that look like the real ones."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np

from minae import nn, random
from minae.data.text.tokens import END
from minae.errors import InputError
from minae.grad_mode import no_grad
from minae.kernels import use_backend
from minae.models import GPT, VAE, ConvAutoencoder, DenseAutoencoder, ResUNet, SequenceAutoencoder
from minae.models.base import Model
from minae.models.gpt import CausalSelfAttention
from minae.tensor import Tensor

BATCHES = 32  # used in turn
LETTERS, CHARACTERS = 64, 65  # in a vocabulary; Shakespeare's plays have 65 characters
Arrays = tuple[np.ndarray, ...]


def digits(rng: np.random.Generator, shape: tuple[int, ...]) -> Arrays:
    """Return images, four pixels in five black, like MNIST's."""
    x = rng.random(shape, dtype=np.float32)
    x *= rng.random(shape, dtype=np.float32) < 0.2
    return (x,)


def photographs(rng: np.random.Generator, shape: tuple[int, ...]) -> Arrays:
    """Return noisy pictures and clean ones: two soft surfaces, with an edge between them."""
    front, back, outline = (_shades(rng, shape) for _ in range(3))
    clean = np.where(outline > 0, front, back - 1)  # behind it is darker
    clean = np.clip(0.55 + 0.15 * clean, 0, 1)
    noise = np.float32(0.1) * rng.standard_normal(shape, np.float32)
    return np.clip(clean + noise, 0, 1), clean


def _shades(rng: np.random.Generator, shape: tuple[int, ...]) -> np.ndarray:
    """Return fields (..., H, W) of mean 0 and variance 1 whose amplitude falls with frequency.

    That of photographs falls as 1 / frequency, edges included (Field 1987); a surface is smoother.
    """
    H, W = shape[-2:]
    frequency = np.hypot(np.fft.fftfreq(H)[:, None], np.fft.rfftfreq(W))
    frequency[0, 0] = np.inf  # the mean
    spectrum = np.fft.rfft2(rng.standard_normal(shape, np.float32))
    fields = np.fft.irfft2(spectrum / frequency**2, (H, W))
    return (fields / fields.std((-2, -1), keepdims=True)).astype(np.float32)


def texts(rng: np.random.Generator, shape: tuple[int, ...]) -> Arrays:
    """Return ids of texts of one length, with their end, letters as unequal as in a language."""
    ids = _unequal(rng, shape, np.arange(END + 1, LETTERS))
    ids[..., -1] = END
    return (ids,)


def characters(rng: np.random.Generator, shape: tuple[int, ...]) -> Arrays:
    """Return windows of a text, ids as unequal as characters are in a language."""
    return (_unequal(rng, shape, np.arange(CHARACTERS)),)


def _unequal(rng: np.random.Generator, shape: tuple[int, ...], ids: np.ndarray) -> np.ndarray:
    """Return ids of which the k-th is drawn 1 / k times as often as the first (Zipf 1949)."""
    frequencies = 1 / np.arange(1, len(ids) + 1)
    return rng.choice(ids, shape, p=frequencies / frequencies.sum()).astype(np.int32)


@dataclass(frozen=True)
class Workload:
    """A model, its inputs and the number of rows in a batch."""

    title: str
    model: Callable[[], Model]
    image_shape: tuple[int, ...]
    batch: int
    draw: Callable[[np.random.Generator, tuple[int, ...]], Arrays] = digits
    max_grad_norm: float | None = None  # what gradients are clipped to
    adamw: dict[str, Any] | None = None  # options of AdamW, or None for Adam with its defaults
    decays: str = "matrices"  # or "all": the parameters that AdamW pulls to 0

    def build(self) -> Model:
        """Return the model, with the same weights each time."""
        random.manual_seed(0)
        return self.model()

    def batches(self) -> list[Arrays]:
        """Return BATCHES batches: the inputs (batch, ...), and the targets if they are others."""
        shape = BATCHES, self.batch, *self.image_shape
        return list(zip(*self.draw(np.random.default_rng(1), shape), strict=True))

    def noise(self, steps: int) -> np.ndarray:
        """Return what a VAE draws in its first steps after random.manual_seed(0)."""
        model = self.build()
        random.manual_seed(0)
        shape = (self.batch, getattr(model, "latent", 0))
        return np.stack([random.normal(shape) for _ in range(steps)])

    @no_grad()
    def layers(self) -> list[tuple[Any, Tensor, Tensor]]:
        """Return layers with weights, and attention, each with its input and output for a batch."""
        model, found = self.build(), []

        class Recorded:
            def forward(self, x: Tensor, *others: Any) -> Any:
                layer: Any = super()
                y = layer.forward(x, *others)
                found.append((self, x, y[0] if isinstance(y, tuple) else y))
                return y

        for layer in model.modules():
            computes = not [*layer.named_children()] or isinstance(layer, CausalSelfAttention)
            if computes and [*layer.parameters()]:
                # of a subclass, it is not fused with its neighbours
                recorded: Any = type("Recorded", (Recorded, type(layer)), {})
                layer.__class__ = recorded
        with use_backend("reference"):  # nothing to compile
            model.loss(*map(Tensor, self.batches()[0]))
        return found

    def flops(self) -> float:
        """Count the floating point operations of the matrix products in one training step."""
        total = 0.0
        for i, (layer, x, y) in enumerate(self.layers()):
            if isinstance(layer, nn.Embedding | nn.LayerNorm):
                continue  # no product; but as it has weights, all layers behind it need a dx
            if isinstance(layer, CausalSelfAttention):  # two products, with the tokens before each
                products = x.numel() * (x.shape[1] + 1)
            elif isinstance(layer, nn.GRU | nn.LSTM):
                weights = sum(p.numel() for p in layer.parameters() if p.ndim == 2)
                products = x.numel() / x.shape[-1] * weights
            else:
                positions = (x if isinstance(layer, nn.ConvTranspose2d) else y).numel()
                products = positions * layer.weight.numel() / layer.weight.shape[0]
            total += 2 * products * (3 if i else 2)  # forward, dweight; dx but of the first layer
        return total


_deep_conv = partial(ConvAutoencoder, channels=(32, 64), convs_per_stage=2)
_small = partial(DenseAutoencoder, [64, 32, 16], loss="mse")
_dense = partial(DenseAutoencoder, [784, 512, 256, 32])
_deep = partial(DenseAutoencoder, [784, 1000, 500, 250, 30], activation="silu")
_adamw = {"lr": 1e-3, "betas": (0.9, 0.99), "weight_decay": 0.1}
_letters = partial(SequenceAutoencoder, LETTERS, 32, embedding=32, hidden=128, latent=64)

WORKLOADS = {
    "W1": Workload("dense 784-512-256-32", _dense, (784,), 128),
    "W2": Workload("VAE 784-400-20", partial(VAE, [784, 400, 20]), (784,), 128),
    "W3": Workload("conv 16-32", ConvAutoencoder, (1, 28, 28), 128),
    "W4": Workload("conv 32-64, two a stage", _deep_conv, (1, 28, 28), 128),
    "W5": Workload("dense 64-32-16, batch 16", _small, (64,), 16),
    "W5-1": Workload("dense 64-32-16, batch 1", _small, (64,), 1),
    "W6": Workload("GRU 128 of letters, length 32, batch 32", _letters, (32,), 32, texts),
    "W7": Workload(
        "GPT 4 x 128 of characters, context 64, batch 12",
        partial(GPT, CHARACTERS),
        (65,),
        12,
        characters,
        max_grad_norm=1.0,
        adamw=_adamw,
    ),
    "deep": Workload(
        "dense 784-1000-500-250-30, SiLU, AdamW",
        _deep,
        (784,),
        128,
        adamw={"lr": 2e-3, "weight_decay": 0.2},
        decays="all",
    ),
    "restore": Workload(
        "residual U-Net 48-96, 72 x 72, batch 16", ResUNet, (1, 72, 72), 16, photographs, 1.0
    ),
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
