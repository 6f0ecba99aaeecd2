import numpy as np
import pytest

from .cases import BACKENDS


@pytest.fixture(scope="module", params=BACKENDS)
def kernels(request):
    return BACKENDS[request.param]


@pytest.fixture(scope="module", params=[np.float32, np.float64], ids=["float32", "float64"])
def dtype(request):
    return request.param
