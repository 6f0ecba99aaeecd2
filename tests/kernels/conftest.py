import numpy as np
import pytest

from minae.kernels import compiles_plainly

from .cases import BACKENDS
from .processes import run


@pytest.fixture(scope="module", params=BACKENDS)
def kernels(request):
    return BACKENDS[request.param]


@pytest.fixture(scope="module", params=[np.float32, np.float64], ids=["float32", "float64"])
def dtype(request):
    return request.param


@pytest.fixture(scope="module")
def cache(tmp_path_factory):
    """A folder in which the kernel of `check` is kept."""
    folder = tmp_path_factory.mktemp("kernels")
    said = run("check()", folder)
    assert compiles_plainly() or "compiled linear " in said
    return folder
