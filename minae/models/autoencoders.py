"""Plain autoencoders: squeeze through a narrow code, and make the output equal the input."""

import math
from typing import ClassVar

import numpy as np

from minae import nn, ops
from minae.models import base
from minae.models.base import Autoencoder, Shape, Stages
from minae.nn import fusion
from minae.tensor import Tensor

LOSSES = ("bce", "mse")


class PlainAutoencoder(Autoencoder):
    """Encoder to a code, decoder back, and a loss on the decoder's output.

    With loss "bce" the output is logits, to which `decode` applies the sigmoid; with "mse", pixels,
    but for the last `binary` outputs, which are logits for inputs that are 0 or 1.
    """

    def __init__(self, loss: str, binary: int = 0):
        base.check_choice("loss", loss, LOSSES)
        base.check_count("binary", binary, 0)
        self.has_logits, self.binary = loss == "bce", binary

    def codes(self, x: Tensor) -> Tensor:
        """Return the code (N, Z) of each input."""
        return self.encoder(x)

    encode = codes

    def loss(self, x: Tensor, target: Tensor | None = None) -> Tensor:
        """Return cross-entropy or squared error, summed over an image, averaged over the batch."""
        target = x if target is None else target
        output = fusion.in_a_row(self, self.encoder, self.decoder)(x)
        if output.shape != target.shape:  # a dense model returns rows (N, pixels)
            output = output.reshape(target.shape)
        if self.binary and not self.has_logits:
            (y, logits), (numbers, zero_one) = (
                base.apart(t, self.binary) for t in (output, target)
            )
            loss = ops.mse_loss(y, numbers, reduction="batchmean")
            bce = ops.binary_cross_entropy_with_logits
            return loss + bce(logits, zero_one, reduction="batchmean")
        loss = ops.binary_cross_entropy_with_logits if self.has_logits else ops.mse_loss
        return loss(output, target, reduction="batchmean")

    def metrics(self, x: Tensor, target: Tensor | None = None) -> dict[str, float]:
        """Return the loss and the squared error per image."""
        return {"loss": self.loss(x, target).item(), "squared_error": self.squared_error(x, target)}


class DenseAutoencoder(PlainAutoencoder):
    """Fully connected layers down to the code, and the same sizes up again.

    The sizes run from the number of pixels to the length of the code, such as [784, 512, 256, 32].
    The activation, one of nn.ACTIVATIONS, stands between layers; code and output are linear. The
    loss is "bce" (inputs in [0, 1]) or "mse", then with cross-entropy for the last `binary` inputs,
    which are 0 or 1. A tied decoder uses the encoder's weights, transposed, with biases of its own.
    """

    def __init__(
        self,
        sizes: list[int],
        activation: str = "relu",
        loss: str = "bce",
        tied: bool = False,
        binary: int = 0,
    ):
        base.check_sizes(sizes)
        super().__init__(loss, binary)
        self.encoder = nn.Sequential(nn.Flatten(), *base.mlp(sizes, activation))
        self.decoder = base.mlp(sizes[::-1], activation)
        base.initialise(activation, self.encoder)
        if tied:
            linear = [layer for layer in self.encoder if isinstance(layer, nn.Linear)]
            back = [TiedLinear(layer) for layer in linear[::-1]]
            self.decoder = base.alternate(back, activation)
        else:
            base.initialise(activation, self.decoder)


class TiedLinear(nn.Module):
    """y = x W + b from (N, out) to (N, in), where W (out, in) belongs to `mirrored`."""

    def __init__(self, mirrored: nn.Linear):
        out_features, in_features = mirrored.weight.shape
        self.mirrored = mirrored
        self.bias = nn.Linear(out_features, in_features).bias

    def forward(self, x: Tensor) -> Tensor:
        """Map back."""
        return ops.linear(x, self.mirrored.weight.T, self.bias)


class ConvAutoencoder(PlainAutoencoder):
    """Convolutions with stride 2 down to the code, transposed convolutions up again.

    The inputs are (C, H, W); `channels` are those of the stages, each of which halves height and
    width, and has one more convolution (stride 1) if `convs_per_stage` is 2; `latent` is the length
    of the code. The loss is "bce" (inputs in [0, 1]) or "mse".
    """

    kinds = base.OF_GRIDS

    def __init__(
        self,
        image_shape: Shape = (1, 28, 28),
        channels: tuple[int, ...] = (16, 32),
        latent: int = 32,
        convs_per_stage: int = 1,
        loss: str = "bce",
    ):
        super().__init__(loss)
        stages = Stages(image_shape, channels, convs_per_stage)
        self.encoder, self.decoder = stages.encoder(latent), stages.decoder(latent)
        base.initialise("relu", self.encoder, self.decoder)


class DenoisingAutoencoder(PlainAutoencoder):
    """As ConvAutoencoder, but its code is the last stage's feature map, larger than the image.

    Nothing keeps it from learning just to copy, so it is trained on corrupted images, with the
    clean ones as targets (Vincent et al. 2008): copying would leave the noise in.
    """

    kinds = base.OF_GRIDS
    corruption = "noise:0.5"

    def __init__(
        self,
        image_shape: Shape = (1, 28, 28),
        channels: tuple[int, ...] = (32, 64),
        convs_per_stage: int = 1,
        loss: str = "bce",
    ):
        super().__init__(loss)
        stages = Stages(image_shape, channels, convs_per_stage)
        self.encoder = nn.Sequential(*stages.down(), nn.Flatten())
        self.decoder = nn.Sequential(nn.Unflatten(1, stages.shapes[-1]), *stages.up())
        base.initialise("relu", self.encoder, self.decoder)


class SpectrogramAutoencoder(PlainAutoencoder):
    """Convolutions over time, of spectrograms whose bands are the channels, to a code and back.

    The inputs are (1, M, T), M bands over T frames, in standard deviations. A filter sees all bands
    of a few frames at once: in an image, a form may stand higher or lower; a sound that is moved to
    other bands is another sound. Between the last feature map and the code lie `hidden` units; the
    other arguments are as in ConvAutoencoder. The loss is the squared error.
    """

    kinds = ("audio",)
    defaults: ClassVar = {"batch_size": 64, "lr": 2e-3, "schedule": "cosine"}

    def __init__(
        self,
        image_shape: Shape,
        channels: tuple[int, ...] = (128, 128),
        hidden: int = 256,
        latent: int = 32,
        convs_per_stage: int = 1,
    ):
        super().__init__("mse")
        base.check_count("hidden", hidden)
        base.check_count("latent", latent)
        self.shape = (*image_shape,)
        _, M, T = image_shape
        stages = Stages((M, 1, T), channels, convs_per_stage, nn.SiLU)
        last = stages.shapes[-1]
        sizes = [math.prod(last), hidden, latent]
        bands = nn.Flatten(), nn.Unflatten(1, (M, 1, T))
        code = nn.Flatten(), *base.mlp(sizes, "silu")
        self.encoder = nn.Sequential(*bands, *stages.down(), *code)
        feature_map = *base.mlp(sizes[::-1], "silu"), nn.SiLU(), nn.Unflatten(1, last)
        self.decoder = nn.Sequential(*feature_map, *stages.up())
        base.initialise("silu", self.encoder, self.decoder)

    def decode(self, z: Tensor) -> Tensor:
        """Return the spectrograms that codes (N, Z) stand for: (N, 1, M, T)."""
        return super().decode(z).reshape(len(z), *self.shape)

    def start_at_mean(self, images: np.ndarray) -> None:
        """Set the last bias so that training begins with the mean of each band as output."""
        super().start_at_mean(images.swapaxes(1, 2))
