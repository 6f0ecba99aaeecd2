"""What all autoencoders share: a code, a decoder's output, and what counts as close."""

from itertools import pairwise
from numbers import Integral

import numpy as np

from minae import nn, ops
from minae.errors import InputError
from minae.grad_mode import no_grad
from minae.tensor import Tensor


class Autoencoder(nn.Module):
    """Base of the models: subclasses set `encoder` and `decoder` and say how they are trained.

    `config` holds the constructor's arguments, so that a checkpoint can build the model again.
    """

    encoder: nn.Module
    decoder: nn.Module
    config: dict
    has_logits: bool  # the decoder's output becomes pixels through a sigmoid
    corruption: str | None = None  # what `minae train` spoils its inputs with if nothing is said
    conditional = False  # a batch is images and their labels, not images alone

    def codes(self, x: Tensor) -> Tensor:
        """Return the code (N, Z) of each input, without randomness."""
        raise NotImplementedError

    def decode(self, z: Tensor) -> Tensor:
        """Return what codes (N, Z) stand for: (N, ...), in the units of the inputs."""
        output = self.decoder(z)
        return ops.sigmoid(output) if self.has_logits else output

    def forward(self, x: Tensor) -> Tensor:
        """Return the reconstruction of x, in its shape."""
        return self.decode(self.codes(x)).reshape(x.shape)

    def loss(self, x: Tensor, target: Tensor | None = None) -> Tensor:
        """Return the objective: summed over an image, averaged over the batch.

        Args:
            x: inputs (N, ...)
            target: what to reconstruct, in the shape of x; x itself if left out.
        """
        raise NotImplementedError

    def metrics(self, x: Tensor, target: Tensor | None = None) -> dict[str, float]:
        """Return the figures to report for a batch, each a mean per image; "loss" is among them."""
        raise NotImplementedError

    def start_at_mean(self, images: np.ndarray) -> None:
        """Set the last bias so that training begins with the mean image as every output.

        Otherwise the first epoch goes into learning that most pixels are dark.

        Args:
            images: the training images (N, ...). A convolutional decoder has one bias a channel.
        """
        *_, last = self.decoder
        axes = (0,) if last.bias.data.size == images[0].size else (0, 2, 3)
        mean = images.mean(axis=axes).ravel()
        if self.has_logits:
            mean = np.clip(mean, 0.001, 0.999)
            mean = np.log(mean / (1 - mean))
        last.bias.data[...] = mean

    @no_grad()
    def squared_error(self, x: Tensor, target: Tensor | None = None) -> float:
        """Return the squared error of the reconstruction, summed over pixels, mean over images."""
        target = x if target is None else target
        return ops.mse_loss(self(x), target, reduction="sum").item() / len(x)


MOST = 10**8  # units, channels or codes of a layer: NumPy has no arrays for much more


def check_count(name: str, value: int, low: int = 1, high: int = MOST) -> None:
    """Raise InputError unless `value` is a whole number from `low` to `high`."""
    if not isinstance(value, Integral) or not low <= value <= high:
        raise InputError(f"{name} is a whole number from {low} to {high:,}, not {value}")


def check_sizes(sizes: list[int]) -> list[int]:
    """Return the layer sizes as a list; InputError unless there are two or more, each a count."""
    if len(sizes) < 2:
        raise InputError(f"sizes {list(sizes)}: give two or more layer sizes")
    for size in sizes:
        check_count("each of the sizes", size)
    return list(sizes)


def check_choice(name: str, value: str, choices) -> None:
    """Raise InputError unless `value` is one of `choices`."""
    if value not in choices:
        raise InputError(f"{name} {value!r} is unknown: choose one of {', '.join(choices)}")


ZERO_HALF = ("relu", "leaky_relu", "elu", "gelu", "silu")  # activations that pass about half


def initialise(network: nn.Sequential, activation: str) -> None:
    """Draw the weights of a deep network anew so that signals keep their size on the way through.

    The variance is 2 / fan_in before activations that zero about half of their inputs, else
    1 / fan_in, and always for the last layer. PyTorch's default, 1 / (3 fan_in), lets them fade.
    """
    layers = [layer for layer in network if hasattr(layer, "fan_in")]
    for layer in layers:
        hidden = layer is not layers[-1]
        nn.init.kaiming_normal_(layer, 2.0 if hidden and activation in ZERO_HALF else 1.0)


def mlp(sizes: list[int], activation: str) -> nn.Sequential:
    """Return linear layers of these sizes with the activation between them, none after the last."""
    check_choice("activation", activation, nn.ACTIVATIONS)
    layers = []
    for n_in, n_out in pairwise(sizes):
        layers += [nn.Linear(n_in, n_out), nn.ACTIVATIONS[activation]()]
    return nn.Sequential(*layers[:-1])
