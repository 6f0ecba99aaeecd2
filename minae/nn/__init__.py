"""Layers. Names, arguments, state-dict keys and layouts are those of torch.nn."""

from minae.nn import init
from minae.nn.layers import (
    BatchNorm1d,
    BatchNorm2d,
    Conv2d,
    ConvTranspose2d,
    Dropout,
    Embedding,
    GroupNorm,
    LayerNorm,
    Linear,
)
from minae.nn.module import Buffer, Module, Parameter
from minae.nn.quantise import VectorQuantizer
from minae.nn.sequential import Sequential
from minae.nn.stateless import (
    ACTIVATIONS,
    ELU,
    GELU,
    AdaptiveAvgPool2d,
    AvgPool2d,
    Flatten,
    LeakyReLU,
    MaxPool2d,
    PixelShuffle,
    PixelUnshuffle,
    ReLU,
    Sigmoid,
    SiLU,
    Softmax,
    Softplus,
    Tanh,
    Unflatten,
    Upsample,
)

__all__ = [
    "ACTIVATIONS", "ELU", "GELU", "AdaptiveAvgPool2d", "AvgPool2d", "BatchNorm1d", "BatchNorm2d",
    "Buffer", "Conv2d", "ConvTranspose2d", "Dropout", "Embedding", "Flatten", "GroupNorm",
    "LayerNorm", "LeakyReLU", "Linear", "MaxPool2d", "Module", "Parameter", "PixelShuffle",
    "PixelUnshuffle", "ReLU", "Sequential", "SiLU", "Sigmoid", "Softmax", "Softplus", "Tanh",
    "Unflatten", "Upsample", "VectorQuantizer", "init",
]  # fmt: skip
