"""A network that restores pictures of any size: it predicts what has to change in them."""

from itertools import pairwise, product
from typing import ClassVar

import numpy as np

from minae import nn, ops
from minae.errors import InputError
from minae.grad_mode import no_grad
from minae.metrics import psnr
from minae.models.base import Autoencoder, check_count
from minae.tensor import Tensor


class ResidualBlock(nn.Module):
    """y = x + what two convolutions make of it (He et al. 2016), (N, C, H, W) to the same."""

    def __init__(self, channels: int):
        first, second = (nn.Conv2d(channels, channels, 3, padding=1) for _ in range(2))
        self.branch = nn.Sequential(first, nn.ReLU(), second)

    def forward(self, x: Tensor) -> Tensor:
        """Return the sum."""
        return x + self.branch(x)


class ResUNet(Autoencoder):
    """Encoder and decoder with skip connections at several scales (Ronneberger et al. 2015).

    Unlike the other autoencoders it has no narrow code: details pass by it. So it does not learn
    the form of a kind of image, but how a pixel follows from its corrupted neighbourhood. The
    output is the input plus what the network predicts (Zhang et al. 2017), and all of it runs at
    half the resolution or less, on pixels traded for channels (Zhang et al. 2018).

    Inputs are (N, image_channels, H, W), of any height and width. `channels` are those of the
    scales, from half the resolution down, each of which has `blocks` residual blocks on the way
    down and as many on the way up.
    """

    kinds = ("images",)
    corruption = "noise:0.1"
    any_size = True
    # Clipping always acts, on a loss summed over pixels. Without it the first gradients, which are
    # large, stay in Adam's averages, and after 450 steps the PSNR is 0.6 dB lower.
    defaults: ClassVar = {"epochs": 60, "batch_size": 16, "schedule": "cosine", "clip": 1.0}
    has_logits = False

    def __init__(
        self, image_channels: int = 1, channels: tuple[int, ...] = (48, 96), blocks: int = 2
    ):
        if not channels:
            raise InputError("channels: give those of at least one scale, such as 48 96")
        for count in (image_channels, *channels):
            check_count("each of image_channels and channels", count)
        check_count("blocks", blocks, 1, 100)
        self.reduction = 2 ** len(channels)  # of the deepest scale

        def stages(widths):
            rows = [[ResidualBlock(c) for _ in range(blocks)] for c in widths]
            return nn.Sequential(*[nn.Sequential(*row) for row in rows])

        steps = list(pairwise(channels))
        self.head = nn.Conv2d(4 * image_channels, channels[0], 3, padding=1)
        self.encoder, self.decoder = stages(channels), stages(channels)
        self.down = nn.Sequential(*[nn.Conv2d(c, d, 2, stride=2) for c, d in steps])
        self.up = nn.Sequential(*[nn.ConvTranspose2d(d, c, 2, stride=2) for c, d in steps])
        self.tail = nn.Conv2d(channels[0], 4 * image_channels, 3, padding=1)
        nn.init.kaiming_normal_(self.tail, 0.01)  # training begins with the input as output

    @property
    def reach(self) -> int:
        """How many pixels away an input can change an output."""
        reach, convolutions = self.reduction - 1, 4 * self.config["blocks"]
        for scale in range(1, len(self.config["channels"]) + 1):
            reach += (convolutions + (2 if scale == 1 else 1)) * 2**scale
        return reach

    def forward(self, x: Tensor) -> Tensor:
        """Return the restored pictures, in the shape of x."""
        H, W = x.shape[2:]
        padded = ops.pad(x, (0, -W % self.reduction, 0, -H % self.reduction), mode="replicate")
        *above, deepest = zip(self.encoder, self.decoder, strict=True)
        first = h = self.head(ops.pixel_unshuffle(padded, 2))
        skips = []
        for (encode, _), down in zip(above, self.down, strict=True):
            skips.append(encode(h))
            h = down(skips[-1])
        for stage in deepest:
            h = stage(h)
        for (_, decode), up in reversed(list(zip(above, self.up, strict=True))):
            h = decode(up(h) + skips.pop())
        change = ops.pixel_shuffle(self.tail(h + first), 2)
        return (padded + change)[:, :, :H, :W]

    @no_grad()
    def ensemble(self, x: Tensor) -> Tensor:
        """Return the mean of what becomes of x turned and mirrored in eight ways, turned back.

        It takes eight times as long, and the errors partly cancel (Lim et al. 2017).
        """
        pixels, total = x.numpy(), np.zeros(x.shape, np.float32)
        for turns, mirrored in product(range(4), (False, True)):
            turned = np.rot90(pixels, turns, (2, 3))
            turned = turned[..., ::-1] if mirrored else turned
            made = self(Tensor(np.ascontiguousarray(turned))).numpy()
            made = made[..., ::-1] if mirrored else made
            total += np.rot90(made, -turns, (2, 3))
        return Tensor(total / 8)

    def loss(self, x: Tensor, target: Tensor | None = None) -> Tensor:
        """Return the squared error, summed over a picture, averaged over the batch."""
        target = x if target is None else target
        return ops.mse_loss(self(x), target, reduction="batchmean")

    def metrics(self, x: Tensor, target: Tensor | None = None) -> dict[str, float]:
        """Return the loss, and the PSNR of the restored pictures in dB."""
        target = x if target is None else target
        output = self(x)
        restored = np.clip(output.detach().numpy(), 0, 1)
        loss = ops.mse_loss(output, target, reduction="batchmean").item()
        return {"loss": loss, "psnr": psnr(restored, target.numpy())}

    def start_at_mean(self, images: np.ndarray) -> None:
        """Do nothing: training begins with the input as output."""
