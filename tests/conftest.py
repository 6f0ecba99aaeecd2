"""Settings that every test shares."""

import signal

import numpy as np
import pytest
from hypothesis import settings

from minae import cli, random
from minae.autograd import Op
from minae.kernels import arrays

from . import fake_cupy

# derandomize: the same examples on every run, so a failure is never a matter of luck
settings.register_profile("minae", derandomize=True, deadline=None, max_examples=20)
settings.load_profile("minae")

# tests interrupt commands, and a shell has SIGINT ignored in what it runs in the background
if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)


def pytest_collection_modifyitems(items):
    """Begin with the tests that take long, so that no worker is left alone with one at the end.

    They are those that may take longer than others, by a timeout of their own.
    """
    items.sort(key=lambda item: item.get_closest_marker("timeout") is None)


COMPILING = ("minae: compiling kernels", "minae: compiled")


@pytest.fixture(scope="session")
def torch():
    """PyTorch as the second opinion; without it, the tests that ask for it are skipped."""
    torch = pytest.importorskip("torch")
    torch.set_num_threads(1)
    return torch


@pytest.fixture
def make_op():
    """Define operations for one test, the sum of two inputs by default; then forget them."""
    before = set(Op.registry)

    def make(backward, forward=lambda op, *arrays: np.add(*arrays), name="Plus"):
        body = {"forward": forward} | ({"backward": backward} if backward else {})
        return type(name, (Op,), body)

    yield make
    for name in set(Op.registry) - before:
        del Op.registry[name]


@pytest.fixture
def minae(monkeypatch, capsys, tmp_path):
    """Run `minae ...` in an empty folder; give (status, what went to stdout, to stderr)."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("COLUMNS", "200")

    def run(*arguments):
        monkeypatch.setattr("sys.argv", ["minae", *map(str, arguments)])
        with pytest.raises(SystemExit) as stopped:
            cli.main()
        captured = capsys.readouterr()
        # kernels are compiled when first needed, and which test needs one first is up to chance
        said = (line for line in captured.err.splitlines(True) if not line.startswith(COMPILING))
        return stopped.value.code, captured.out, "".join(said)

    return run


@pytest.fixture(params=["stand-in", pytest.param("cuda", marks=pytest.mark.gpu)])
def cupy(request, monkeypatch):
    """CuPy on a GPU, or a stand-in for it whose kernels run in the simulator."""
    if request.param == "stand-in":
        with fake_cupy.installed(monkeypatch) as cupy:
            monkeypatch.setattr(random._on_gpu, "state", None)
            yield cupy
    elif why := arrays.device_problem("cuda"):
        pytest.skip(why)
    else:
        import cupy

        yield cupy
