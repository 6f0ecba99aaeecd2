"""The convolutional encoder and decoder that the autoencoders share."""

import math
from collections.abc import Sequence
from itertools import pairwise

from minae import nn
from minae.errors import InputError
from minae.models.base import check_count

Shape = tuple[int, int, int]  # (C, H, W)


class Stages:
    """Stages of convolutions, each of which halves height and width, rounded up, or doubles them.

    `shapes` are the (C, H, W) of the image and after each stage; a stage has one convolution that
    changes the size, and `convs_per_stage` - 1 more. Raises InputError if these make no network.
    """

    def __init__(self, image_shape: Shape, channels: Sequence[int], convs_per_stage: int):
        if len(image_shape) != 3 or not channels:
            raise InputError(
                f"a convolutional model needs an image shape (C, H, W) and channels, not"
                f" {tuple(image_shape)} and {tuple(channels)}"
            )
        for count in (*image_shape, *channels):
            check_count("each of image shape and channels", count)
        check_count("convs_per_stage", convs_per_stage, 1, 2)
        self.convs_per_stage = convs_per_stage
        self.shapes: list[Shape] = [(*image_shape,)]
        for c in channels:
            _, h, w = self.shapes[-1]
            self.shapes.append((c, -(-h // 2), -(-w // 2)))

    def down(self) -> list[nn.Module]:
        """Return the layers from images to the feature map of the last stage."""
        layers = []
        for (c_in, _, _), (c_out, _, _) in pairwise(self.shapes):
            layers += [nn.Conv2d(c_in, c_out, 3, stride=2, padding=1), nn.ReLU()]
            for _ in range(self.convs_per_stage - 1):
                layers += [nn.Conv2d(c_out, c_out, 3, padding=1), nn.ReLU()]
        return layers

    def up(self) -> list[nn.Module]:
        """Return the layers from that map back to images, with no last activation."""
        layers = []
        for (c_in, _, _), (c_out, h, w) in pairwise(self.shapes[::-1]):
            for _ in range(self.convs_per_stage - 1):
                layers += [nn.Conv2d(c_in, c_in, 3, padding=1), nn.ReLU()]
            # with stride 2 and padding 1, a kernel of 4 gives an even size, one of 3 an odd size
            size = (4 - h % 2, 4 - w % 2)
            layers += [nn.ConvTranspose2d(c_in, c_out, size, stride=2, padding=1), nn.ReLU()]
        return layers[:-1]

    def encoder(self, out_features: int) -> nn.Sequential:
        """Return the network from images (N, C, H, W) to (N, out_features)."""
        check_count("latent", out_features)
        layers, size = self.down(), math.prod(self.shapes[-1])
        return nn.Sequential(*layers, nn.Flatten(), nn.Linear(size, out_features))

    def decoder(self, in_features: int) -> nn.Sequential:
        """Return the network from (N, in_features) to images (N, C, H, W)."""
        last = self.shapes[-1]
        start = nn.Linear(in_features, math.prod(last)), nn.ReLU(), nn.Unflatten(1, last)
        return nn.Sequential(*start, *self.up())
