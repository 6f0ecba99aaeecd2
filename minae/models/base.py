"""What the models share: base classes, checks of arguments, and parts of networks."""

import functools
import inspect
import math
from collections.abc import Callable, Collection, Sequence
from itertools import pairwise
from numbers import Integral
from typing import Any, ClassVar

import numpy as np

from minae import nn, ops
from minae.errors import InputError
from minae.grad_mode import no_grad
from minae.tensor import Tensor

#: Kinds of data whose inputs lie in a grid, where neighbours belong together.
OF_GRIDS = ("images", "series", "audio")


class Model(nn.Module):
    """Base of all models: what `minae train` and the files of a run need of one.

    `config` holds the constructor's arguments, from which a checkpoint builds the model again. The
    constructors raise InputError if they cannot use an argument.

    `loss` takes a batch's rows (N, ...) and returns the objective, a mean over the batch.
    """

    config: dict[str, Any]
    corruption: str | None = None  # what `minae train` corrupts the inputs with by default
    defaults: ClassVar[dict[str, Any]] = {}  # defaults of `minae train`, if it has others
    steps = 2_000  # that `minae train` takes at least, but of images
    kinds: ClassVar[tuple[str, ...]]  # names of the kinds of data that it trains on
    any_size = False  # images may have any height and width
    by_length = True  # texts of similar length come into one batch: see Loader
    conditional = False  # a batch is images and their labels, which all methods are given too
    loss: Callable[..., Tensor]

    def __init_subclass__(cls) -> None:
        """Make the constructor record its arguments, defaults included, in `config`."""
        construct: Callable[..., None] = cls.__init__

        @functools.wraps(construct)
        def record_and_construct(self: Model, *args: Any, **options: Any) -> None:
            if type(self) is cls:  # not when a subclass calls super().__init__
                bound = inspect.signature(construct).bind(self, *args, **options)
                bound.apply_defaults()
                _, *given = bound.arguments.items()
                self.config = {k: list(v) if isinstance(v, tuple | list) else v for k, v in given}
            construct(self, *args, **options)

        cls.__init__ = record_and_construct


class Autoencoder(Model):
    """Base of the models with a code: subclasses set `encoder` and `decoder`.

    `loss` is summed over an image, averaged over the batch; `metrics` returns the figures to report
    for a batch, means per image, "loss" among them. Both take x (N, ...) and, in the same shape,
    the target that is to be reconstructed: x itself if left out.
    """

    encoder: Any  # an nn.Sequential mostly, and so is the decoder
    decoder: Any
    has_logits: bool  # the decoder's output becomes pixels through a sigmoid
    binary = 0  # of other outputs, how many of the last do, for inputs that are 0 or 1
    kinds: ClassVar[tuple[str, ...]] = ("table", *OF_GRIDS)
    reach: int  # of a model of any size: how many pixels away an input can change an output
    ensemble: Callable[[Tensor], Tensor]  # of such a model: the mean of eight restorations
    metrics: Callable[..., dict[str, float]]
    codes: Callable[..., Tensor]  # the code (N, Z) of each input, without randomness

    def _with_labels(self, x: Tensor) -> Tensor:
        """Return what encoder or decoder gets: the images or codes; conditional, labels too."""
        return x

    def decode(self, z: Tensor, *labels: Tensor) -> Tensor:
        """Return what codes (N, Z) stand for: (N, ...), in the units of the inputs."""
        output = self.decoder(self._with_labels(z, *labels))
        if self.has_logits:
            return ops.sigmoid(output)
        if not self.binary:
            return output
        numbers, logits = apart(output, self.binary)
        return ops.cat([numbers, ops.sigmoid(logits)], -1)

    def forward(self, x: Tensor, *labels: Tensor) -> Tensor:
        """Return the reconstruction of x, in its shape."""
        return self.decode(self.codes(x, *labels), *labels).reshape(x.shape)

    def start_at_mean(self, images: np.ndarray) -> None:
        """Set the last bias so that training begins with the mean of images (N, ...) as output.

        Otherwise the first epoch is spent on learning that most pixels are dark. A convolutional
        decoder has one bias per channel.
        """
        bias = self.decoder[-1].bias
        axes = (0,) if bias.data.size == images[0].size else (0, 2, 3)
        mean = images.mean(axis=axes).ravel()
        logits = slice(0 if self.has_logits else len(mean) - self.binary, None)
        share = np.clip(mean[logits], 0.001, 0.999)
        mean[logits] = np.log(share / (1 - share))
        bias.data[...] = mean

    @no_grad()
    def squared_error(self, x: Tensor, target: Tensor | None = None) -> float:
        """Return the squared error of the reconstruction, summed over pixels, mean over images."""
        target = x if target is None else target
        return ops.mse_loss(self(x), target, reduction="sum").item() / len(x)


def apart(x: Tensor, binary: int) -> tuple[Tensor, Tensor]:
    """Return what of x (..., F) are numbers, and the last ones, which belong to 0/1 inputs."""
    F = x.shape[-1]
    return x[..., : F - binary], x[..., F - binary :]


def check_count(name: str, value: int, low: int = 1, high: int = 10**8) -> None:
    """Raise InputError unless `value` is a whole number from `low` to `high`."""
    if not isinstance(value, Integral) or not low <= value <= high:
        raise InputError(f"{name} is a whole number from {low} to {high:,}, not {value}")


def check_share(name: str, value: float) -> None:
    """Raise InputError unless `value` is a number from 0 to 1."""
    if not 0 <= value <= 1:
        raise InputError(f"{name} is a share, a number from 0 to 1, not {value}")


def check_transformer(layers: int, heads: int, width: int, dropout: float, **lengths: int) -> None:
    """Raise InputError unless a transformer can have these sizes, and dropout is a share."""
    for name, size in {"layers": layers, "heads": heads, "width": width, **lengths}.items():
        check_count(name, size)
    if width % heads:
        raise InputError(f"width {width} is not a multiple of the {heads} heads")
    check_share("dropout", dropout)


def check_sizes(sizes: Sequence[int]) -> None:
    """Raise InputError unless there are two or more layer sizes, each a count."""
    if len(sizes) < 2:
        raise InputError(f"sizes {list(sizes)}: give two or more layer sizes")
    for size in sizes:
        check_count("each of the sizes", size)


def check_choice(name: str, value: str, choices: Collection[str]) -> None:
    """Raise InputError unless `value` is one of `choices`."""
    if value not in choices:
        raise InputError(f"{name} {value!r} is unknown: choose one of {', '.join(choices)}")


def log_shares(counts: np.ndarray) -> np.ndarray:
    """Return the logarithms of the shares of counts (V,), finite where there is none."""
    return np.log((counts + 0.5) / (counts.sum() + 0.5))


def initialise(activation: str, *networks: nn.Sequential) -> None:
    """Draw the weights of deep networks anew so that signals keep their size on the way through.

    The variance is 2 / fan_in before activations that zero about half of their inputs, else
    1 / fan_in, and always for the last layer. PyTorch's default, 1 / (3 fan_in), lets them fade.
    """
    gain = 2.0 if activation in ("relu", "leaky_relu", "elu", "gelu", "silu") else 1.0
    for network in networks:
        *hidden, last = [layer for layer in network if hasattr(layer, "fan_in")]
        for layer in hidden:
            nn.init.kaiming_normal_(layer, gain)
        nn.init.kaiming_normal_(last, 1.0)


def mlp(sizes: Sequence[int], activation: str) -> nn.Sequential:
    """Return linear layers of these sizes with the activation between them, none after the last."""
    check_choice("activation", activation, nn.ACTIVATIONS)
    return alternate([nn.Linear(*ends) for ends in pairwise(sizes)], activation)


def alternate(layers: Sequence[nn.Module], activation: str) -> nn.Sequential:
    """Return the layers with the activation between them."""
    pairs = [(layer, nn.ACTIVATIONS[activation]()) for layer in layers]
    return nn.Sequential(*[module for pair in pairs for module in pair][:-1])


Shape = tuple[int, int, int]  # (C, H, W)


class Stages:
    """Stages of convolutions, each of which halves height and width, rounded up, or doubles them.

    Images one row high, windows of a series, keep their height.

    `shapes` are the (C, H, W) of the image and after each stage; a stage has one convolution that
    changes the size, and `convs_per_stage` - 1 more. Raises InputError if these make no network.
    """

    def __init__(
        self,
        image_shape: Shape,
        channels: Sequence[int],
        convs_per_stage: int,
        activation: type[nn.Module] = nn.ReLU,
    ):
        if len(image_shape) != 3 or not channels:
            raise InputError(
                f"a convolutional model needs an image shape (C, H, W) and channels, not"
                f" {tuple(image_shape)} and {tuple(channels)}"
            )
        for count in (*image_shape, *channels):
            check_count("each of image shape and channels", count)
        check_count("convs_per_stage", convs_per_stage, 1, 2)
        self.convs_per_stage, self.activation = convs_per_stage, activation
        self.shapes: list[Shape] = [(*image_shape,)]
        for c in channels:
            _, h, w = self.shapes[-1]
            self.shapes.append((c, -(-h // 2), -(-w // 2)))
        # a window of a series is one row high, and its kernels are too
        self.flat = image_shape[1] == 1
        self.kernel, self.stride, self.padding = (
            ((1, 3), (1, 2), (0, 1)) if self.flat else (3, 2, 1)
        )

    def down(self) -> list[nn.Module]:
        """Return the layers from images to the feature map of the last stage."""
        layers = []
        for (c_in, _, _), (c_out, _, _) in pairwise(self.shapes):
            layers += [self._conv(c_in, c_out, self.stride), self.activation()]
            for _ in range(self.convs_per_stage - 1):
                layers += [self._conv(c_out, c_out), self.activation()]
        return layers

    def up(self) -> list[nn.Module]:
        """Return the layers from that map back to images, with no last activation."""
        layers = []
        for (c_in, _, _), (c_out, h, w) in pairwise(self.shapes[::-1]):
            for _ in range(self.convs_per_stage - 1):
                layers += [self._conv(c_in, c_in), self.activation()]
            # with stride 2 and padding 1, a kernel of 4 gives an even size, one of 3 an odd size
            size = (1 if self.flat else 4 - h % 2, 4 - w % 2)
            up = nn.ConvTranspose2d(c_in, c_out, size, self.stride, self.padding)
            layers += [up, self.activation()]
        return layers[:-1]

    def _conv(self, c_in: int, c_out: int, stride: Any = 1) -> nn.Conv2d:
        return nn.Conv2d(c_in, c_out, self.kernel, stride, self.padding)

    def encoder(self, out_features: int) -> nn.Sequential:
        """Return the network from images (N, C, H, W) to (N, out_features)."""
        check_count("latent", out_features)
        layers, size = self.down(), math.prod(self.shapes[-1])
        return nn.Sequential(*layers, nn.Flatten(), nn.Linear(size, out_features))

    def decoder(self, in_features: int) -> nn.Sequential:
        """Return the network from (N, in_features) to images (N, C, H, W)."""
        last = self.shapes[-1]
        start = nn.Linear(in_features, math.prod(last)), self.activation(), nn.Unflatten(1, last)
        return nn.Sequential(*start, *self.up())
