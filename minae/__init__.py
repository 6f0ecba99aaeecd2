"""minae: autoencoders from the bottom up.

A small autograd engine with hand-written forward and backward passes (`minae.ops`), layers
(`minae.nn`), optimisers (`minae.optim`), and dense, convolutional and variational autoencoders
(`minae.models`) trained by `minae.train.fit`.
"""

from minae import nn, ops, optim
from minae.autograd import Op, backward, enable_grad, is_grad_enabled, no_grad
from minae.creation import (
    arange,
    eye,
    full,
    linspace,
    ones,
    ones_like,
    rand,
    rand_like,
    randint,
    randn,
    randn_like,
    tensor,
    zeros,
    zeros_like,
)
from minae.errors import InputError
from minae.gradcheck import GradcheckError, gradcheck
from minae.ops import *  # noqa: F403
from minae.random import manual_seed
from minae.tensor import Tensor

__version__ = "0.1.0"

__all__ = [  # pyright: ignore[reportUnsupportedDunderAll]
    "GradcheckError",
    "InputError",
    "Op",
    "Tensor",
    "arange",
    "backward",
    "enable_grad",
    "eye",
    "full",
    "gradcheck",
    "is_grad_enabled",
    "linspace",
    "manual_seed",
    "nn",
    "no_grad",
    "ones",
    "ones_like",
    "optim",
    "rand",
    "rand_like",
    "randint",
    "randn",
    "randn_like",
    "tensor",
    "zeros",
    "zeros_like",
    *ops.__all__,
]
