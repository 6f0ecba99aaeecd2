"""The error function, by SciPy."""

import numpy as np


def erf(x):
    from scipy.special import erf  # takes 0.1 s to import, and only GELU needs it

    return np.asarray(erf(x))
