"""Layers. Names, arguments, state-dict keys and layouts are those of torch.nn."""

from minae.nn import init
from minae.nn.layers import (
    BatchNorm1d,
    BatchNorm2d,
    Conv2d,
    ConvTranspose2d,
    Dropout,
    Embedding,
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
    AvgPool2d,
    Flatten,
    LeakyReLU,
    MaxPool2d,
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
    "ACTIVATIONS",
    "ELU",
    "GELU",
    "AvgPool2d",
    "BatchNorm1d",
    "BatchNorm2d",
    "Buffer",
    "Conv2d",
    "ConvTranspose2d",
    "Dropout",
    "Embedding",
    "Flatten",
    "LayerNorm",
    "LeakyReLU",
    "Linear",
    "MaxPool2d",
    "Module",
    "Parameter",
    "ReLU",
    "Sequential",
    "SiLU",
    "Sigmoid",
    "Softmax",
    "Softplus",
    "Tanh",
    "Unflatten",
    "Upsample",
    "VectorQuantizer",
    "init",
]
