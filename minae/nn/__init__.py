"""Layers. Names, arguments, state-dict keys and layouts are those of torch.nn."""

from minae.nn import attention, conv, init, layers, recurrent, stateless
from minae.nn.attention import *  # noqa: F403
from minae.nn.conv import *  # noqa: F403
from minae.nn.layers import *  # noqa: F403
from minae.nn.module import Buffer, Module, Parameter
from minae.nn.recurrent import *  # noqa: F403
from minae.nn.sequential import Sequential
from minae.nn.stateless import *  # noqa: F403

__all__ = ["Buffer", "Module", "Parameter", "Sequential", "init"]
__all__ += attention.__all__
__all__ += conv.__all__
__all__ += layers.__all__
__all__ += recurrent.__all__
__all__ += stateless.__all__
