"""Plain autoencoders: squeeze through a narrow code, and make the output equal the input."""

from minae import nn, ops
from minae.models.base import Autoencoder, check_choice, check_sizes, initialise, mlp
from minae.models.conv import Stages
from minae.tensor import Tensor

LOSSES = ("bce", "mse")


class _PlainAutoencoder(Autoencoder):
    """Encoder to a code, decoder back, and a loss on the decoder's output.

    With loss "bce" the output holds logits and `decode` applies the sigmoid; with "mse" the output
    is the reconstruction itself.
    """

    def __init__(self, loss: str):
        check_choice("loss", loss, LOSSES)
        self.has_logits = loss == "bce"

    def codes(self, x: Tensor) -> Tensor:
        """Return the code (N, Z) of each input."""
        return self.encoder(x)

    encode = codes

    def loss(self, x: Tensor, target: Tensor | None = None) -> Tensor:
        """Return cross-entropy or squared error, summed over an image, averaged over the batch."""
        target = x if target is None else target
        output = self._network()(x)
        if output.shape != target.shape:  # a dense model returns rows (N, pixels)
            output = output.reshape(target.shape)
        loss = ops.binary_cross_entropy_with_logits if self.has_logits else ops.mse_loss
        return loss(output, target, reduction="batchmean")

    def _network(self) -> nn.Sequential:
        """Return encoder and decoder as one network: that runs in fewer operations than two."""
        parts = self.encoder, self.decoder
        known, network = vars(self).get("_in_a_row", (None, None))
        if known != parts:
            network = nn.Sequential(*parts)
            vars(self)["_in_a_row"] = parts, network
        return network

    def metrics(self, x: Tensor, target: Tensor | None = None) -> dict[str, float]:
        """Return the loss and the squared error per image."""
        squared_error = self.squared_error(x, target)
        return {"loss": self.loss(x, target).item(), "squared_error": squared_error}


class DenseAutoencoder(_PlainAutoencoder):
    """Fully connected layers down to the code, and the same sizes up again.

    Args:
        sizes: from the number of pixels to the length of the code, such as [784, 512, 256, 32].
        activation: between the layers, one of nn.ACTIVATIONS. Code and output are linear.
        loss: "bce" (inputs in [0, 1]) or "mse".
        tied: the decoder uses the encoder's weights, transposed, with biases of its own.
    """

    def __init__(
        self, sizes: list[int], activation: str = "relu", loss: str = "bce", tied: bool = False
    ):
        check_sizes(sizes)
        super().__init__(loss)
        self.encoder = nn.Sequential(nn.Flatten(), *mlp(sizes, activation))
        self.decoder = mlp(sizes[::-1], activation)
        initialise(activation, self.encoder)
        if tied:
            self.decoder = _tie(self.encoder, activation)
        else:
            initialise(activation, self.decoder)


class TiedLinear(nn.Module):
    """y = x W + b, where W (out, in) is the weight of a layer that maps the other way."""

    def __init__(self, mirrored: nn.Linear):
        in_features = mirrored.weight.shape[1]
        self.mirrored = mirrored
        self.bias = nn.Linear(len(mirrored.weight), in_features).bias

    def forward(self, x: Tensor) -> Tensor:
        """Map (N, out) back to (N, in)."""
        return ops.linear(x, self.mirrored.weight.T, self.bias)


def _tie(encoder: nn.Sequential, activation: str) -> nn.Sequential:
    layers = []
    for layer in reversed([layer for layer in encoder if isinstance(layer, nn.Linear)]):
        layers += [TiedLinear(layer), nn.ACTIVATIONS[activation]()]
    return nn.Sequential(*layers[:-1])


class ConvAutoencoder(_PlainAutoencoder):
    """Convolutions with stride 2 down to the code, transposed convolutions up again.

    Args:
        image_shape: (C, H, W) of the inputs.
        channels: of the stages; each stage halves height and width.
        latent: length of the code.
        convs_per_stage: 1, or 2 for one more convolution (stride 1) in every stage.
        loss: "bce" (inputs in [0, 1]) or "mse".
    """

    def __init__(
        self,
        image_shape: tuple[int, int, int] = (1, 28, 28),
        channels: tuple[int, ...] = (16, 32),
        latent: int = 32,
        convs_per_stage: int = 1,
        loss: str = "bce",
    ):
        super().__init__(loss)
        stages = Stages(image_shape, channels, convs_per_stage)
        self.encoder, self.decoder = stages.encoder(latent), stages.decoder(latent)
        initialise("relu", self.encoder, self.decoder)


class DenoisingAutoencoder(_PlainAutoencoder):
    """Convolutional; its code is the feature map of the last stage, larger than the image.

    Nothing keeps it from learning just to copy, so it is trained on corrupted images, with the
    clean ones as targets (Vincent et al. 2008): copying would leave the noise in.

    Args: as ConvAutoencoder.
    """

    corruption = "noise:0.5"

    def __init__(
        self,
        image_shape: tuple[int, int, int] = (1, 28, 28),
        channels: tuple[int, ...] = (32, 64),
        convs_per_stage: int = 1,
        loss: str = "bce",
    ):
        super().__init__(loss)
        stages = Stages(image_shape, channels, convs_per_stage)
        self.encoder = nn.Sequential(*stages.down(), nn.Flatten())
        self.decoder = nn.Sequential(nn.Unflatten(1, stages.shapes[-1]), *stages.up())
        initialise("relu", self.encoder, self.decoder)
