"""The order of arrays in memory. The specification reads any."""

import numpy as np


def contiguous(x):
    return np.ascontiguousarray(x).reshape(x.shape)


def channels_last(x):
    return x
