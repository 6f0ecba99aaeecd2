"""What all autoencoders share: a code, a decoder's output, and what counts as close."""

from minae import nn, ops
from minae.autograd import no_grad
from minae.errors import InputError
from minae.tensor import Tensor


class Autoencoder(nn.Module):
    """Base of the models: subclasses set `encoder` and `decoder` and say how they are trained.

    `config` holds the constructor's arguments, so that a checkpoint can build the model again.
    """

    encoder: nn.Module
    decoder: nn.Module
    config: dict

    def codes(self, x: Tensor) -> Tensor:
        """Return the code (N, Z) of each input, without randomness."""
        raise NotImplementedError

    def decode(self, z: Tensor) -> Tensor:
        """Return what codes (N, Z) stand for: (N, ...), in the units of the inputs."""
        raise NotImplementedError

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

    @no_grad()
    def squared_error(self, x: Tensor, target: Tensor | None = None) -> float:
        """Return the squared error of the reconstruction, summed over pixels, mean over images."""
        target = x if target is None else target
        return ops.mse_loss(self(x), target, reduction="sum").item() / len(x)


def check_sizes(sizes: list[int]) -> list[int]:
    """Return the layer sizes as a list. Raises InputError unless there are two or more, all >= 1."""
    if len(sizes) < 2 or min(sizes) < 1:
        raise InputError(f"sizes {list(sizes)}: give two or more layer sizes, each at least 1")
    return list(sizes)


def check_choice(name: str, value: str, choices) -> None:
    """Raise InputError unless `value` is one of `choices`."""
    if value not in choices:
        raise InputError(f"{name} {value!r} is unknown: choose one of {', '.join(choices)}")


def mlp(sizes: list[int], activation: str) -> nn.Sequential:
    """Return linear layers of these sizes with the activation between them, none after the last."""
    check_choice("activation", activation, nn.ACTIVATIONS)
    layers = []
    for n_in, n_out in zip(sizes, sizes[1:], strict=False):
        layers += [nn.Linear(n_in, n_out), nn.ACTIVATIONS[activation]()]
    return nn.Sequential(*layers[:-1])
