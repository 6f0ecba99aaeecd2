"""The convolutional encoder and decoder that the autoencoders share."""

import math
from collections.abc import Sequence
from itertools import pairwise

from minae import nn
from minae.errors import InputError
from minae.models.base import check_count

Shape = tuple[int, int, int]  # (C, H, W)


def stage_shapes(image_shape: Shape, channels: Sequence[int]) -> list[Shape]:
    """Return the (C, H, W) of the image and after each stage; a stage halves H and W, rounded up.

    Raises:
        InputError: the shape or the channels make no network.
    """
    if len(image_shape) != 3 or not channels:
        raise InputError(
            f"a convolutional model needs an image shape (C, H, W) and channels, not"
            f" {tuple(image_shape)} and {tuple(channels)}"
        )
    for count in (*image_shape, *channels):
        check_count("each of image shape and channels", count)
    shapes: list[Shape] = [(*image_shape,)]
    for c in channels:
        _, h, w = shapes[-1]
        shapes.append((c, -(-h // 2), -(-w // 2)))
    return shapes


def conv_encoder(
    image_shape: Shape, channels: Sequence[int], convs_per_stage: int, out_features: int
) -> nn.Sequential:
    """Return the network from images (N, C, H, W) to (N, out_features)."""
    *_, last = stage_shapes(image_shape, channels)
    check_count("latent", out_features)
    stages = down(image_shape, channels, convs_per_stage)
    return nn.Sequential(*stages, nn.Flatten(), nn.Linear(math.prod(last), out_features))


def conv_decoder(
    image_shape: Shape, channels: Sequence[int], convs_per_stage: int, in_features: int
) -> nn.Sequential:
    """Return the network from (N, in_features) to images (N, C, H, W), with no last activation."""
    *_, last = stage_shapes(image_shape, channels)
    start = [nn.Linear(in_features, math.prod(last)), nn.ReLU(), nn.Unflatten(1, last)]
    return nn.Sequential(*start, *up(image_shape, channels, convs_per_stage))


def down(image_shape: Shape, channels: Sequence[int], convs_per_stage: int) -> list[nn.Module]:
    """Return the layers from images to the feature map of the last stage."""
    check_count("convs_per_stage", convs_per_stage, 1, 2)
    shapes = stage_shapes(image_shape, channels)
    layers = []
    for (c_in, _, _), (c_out, _, _) in pairwise(shapes):
        layers += [nn.Conv2d(c_in, c_out, 3, stride=2, padding=1), nn.ReLU()]
        for _ in range(convs_per_stage - 1):
            layers += [nn.Conv2d(c_out, c_out, 3, padding=1), nn.ReLU()]
    return layers


def up(image_shape: Shape, channels: Sequence[int], convs_per_stage: int) -> list[nn.Module]:
    """Return the layers from that map back to images, with no last activation."""
    shapes = stage_shapes(image_shape, channels)[::-1]
    layers = []
    for (c_in, _, _), (c_out, h, w) in pairwise(shapes):
        for _ in range(convs_per_stage - 1):
            layers += [nn.Conv2d(c_in, c_in, 3, padding=1), nn.ReLU()]
        # with stride 2 and padding 1, a kernel of 4 gives an even size, one of 3 an odd size
        kernel_size = (4 - h % 2, 4 - w % 2)
        layers += [nn.ConvTranspose2d(c_in, c_out, kernel_size, stride=2, padding=1), nn.ReLU()]
    return layers[:-1]
