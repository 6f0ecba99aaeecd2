"""The restoring network in PyTorch, line by line `models.ResUNet`, whose weights it loads.

This module needs PyTorch, so it is imported only where PyTorch takes its turn.
"""

from itertools import pairwise

import torch
from torch.nn import Conv2d, ConvTranspose2d, Module, ReLU, Sequential, functional


class ResidualBlock(Module):
    """y = x + what two convolutions make of it, (N, C, H, W) to the same."""

    def __init__(self, channels: int):
        super().__init__()
        first, second = (Conv2d(channels, channels, 3, padding=1) for _ in range(2))
        self.branch = Sequential(first, ReLU(), second)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Return the sum."""
        return x + self.branch(x)


class TorchResUNet(Module):
    """`models.ResUNet` with the same arguments; a call is its loss."""

    def __init__(self, image_channels: int, channels: list[int], blocks: int):
        super().__init__()
        self.reduction = 2 ** len(channels)

        def stages() -> Sequential:
            rows = [[ResidualBlock(c) for _ in range(blocks)] for c in channels]
            return Sequential(*[Sequential(*row) for row in rows])

        steps = list(pairwise(channels))
        self.head = Conv2d(4 * image_channels, channels[0], 3, padding=1)
        self.encoder, self.decoder = stages(), stages()
        self.down = Sequential(*[Conv2d(c, d, 2, stride=2) for c, d in steps])
        self.up = Sequential(*[ConvTranspose2d(d, c, 2, stride=2) for c, d in steps])
        self.tail = Conv2d(channels[0], 4 * image_channels, 3, padding=1)

    def forward(
        self, x: torch.Tensor, target: torch.Tensor, _noise: torch.Tensor | None
    ) -> torch.Tensor:
        """Return the squared error, summed over a picture, averaged over the batch."""
        return functional.mse_loss(self.restored(x), target, reduction="sum") / len(x)

    def restored(self, x: torch.Tensor) -> torch.Tensor:
        """Return the restored pictures, in the shape of x."""
        H, W = x.shape[2:]
        ends = 0, -W % self.reduction, 0, -H % self.reduction
        padded = functional.pad(x, ends, mode="replicate")
        *above, deepest = zip(self.encoder, self.decoder, strict=True)
        first = h = self.head(functional.pixel_unshuffle(padded, 2))
        skips = []
        for (encode, _), down in zip(above, self.down, strict=True):
            skips.append(encode(h))
            h = down(skips[-1])
        for stage in deepest:
            h = stage(h)
        for (_, decode), up in reversed(list(zip(above, self.up, strict=True))):
            h = decode(up(h) + skips.pop())
        change = functional.pixel_shuffle(self.tail(h + first), 2)
        return (padded + change)[:, :, :H, :W]
