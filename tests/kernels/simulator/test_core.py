import numpy as np
import pytest

from minae.kernels.simulator.core import Core, Matrix
from minae.kernels.simulator.moments import SimulationError


@pytest.fixture
def core():
    return Core(width=4)


@pytest.fixture
def x():
    return np.arange(12, dtype=np.float32).reshape(2, 6)


def written(core, vector):
    y = np.full((1, core.width), np.nan, np.float32)
    core.store(vector, Matrix("y", y), 0, 0)
    return y[0].tolist()


def test_instructions_compute(core, x):
    m = Matrix("x", x)
    assert written(core, core.zero()) == [0, 0, 0, 0]
    assert written(core, core.load(m, 1, 2)) == [8, 9, 10, 11]
    assert written(core, core.load(m, 0, 4, 2)) == [4, 5, 0, 0]
    assert written(core, core.broadcast(m, 1, 1)) == [7, 7, 7, 7]
    total = core.fma(core.broadcast(m, 0, 3), core.load(m, 0, 0), core.load(m, 1, 0))
    assert written(core, total) == [6, 10, 14, 18]
    assert core.counts == {"zero": 1, "load": 4, "broadcast": 2, "fma": 1, "store": 5}


def test_fma_rounds_once(core):
    x = Matrix("x", np.array([[1 + 2**-12] * 4], np.float32))
    y = Matrix("y", np.array([[-1 - 2**-11] * 4], np.float32))
    v = core.load(x, 0, 0)
    assert written(core, core.fma(v, v, core.load(y, 0, 0))) == [2**-24] * 4


def test_store_writes_only_what_is_counted(core, x):
    y = np.full((2, 6), np.nan, np.float32)
    core.store(core.load(Matrix("x", x), 1, 0), Matrix("y", y), 0, 3, 2)
    assert np.array_equal(y[0], [np.nan] * 3 + [6, 7, np.nan], equal_nan=True)
    assert np.isnan(y[1]).all()


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        (lambda core, m: core.load(m, 0, 3), r"load of x\[0, 3\] to \[0, 6\]: outside.*2 x 6"),
        (lambda core, m: core.load(m, 0, -1), r"x\[0, -1\]"),
        (lambda core, m: core.load(m, 2, 0), r"x\[2, 0\]"),
        (lambda core, m: core.load(m, 0, 5, 2), r"x\[0, 5\] to \[0, 6\]"),
        (lambda core, m: core.load(m, 0, 0, 5), "count is 5, but a vector has 4 places"),
        (lambda core, m: core.load(m, 0, 0, 0), "count is 0"),
        (lambda core, m: core.broadcast(m, 0, 6), r"broadcast of x\[0, 6\]: outside"),
        (lambda core, m: core.store(core.zero(), m, 1, 4), r"store of x\[1, 4\]"),
        (lambda core, m: core.store(m, m, 0, 0), "store takes vectors"),
        (lambda core, m: core.fma(core.zero(), 2.0, core.zero()), "fma takes vectors, not 2.0"),
        (lambda core, m: core.load(np.zeros((2, 6)), 0, 0), "load takes a matrix"),
    ],
)
def test_what_is_wrong_is_named(core, x, wrong, message):
    with pytest.raises(SimulationError, match=message):
        wrong(core, Matrix("x", x))


def test_registers_are_taken_up_until_the_last_read(core, x):
    m = Matrix("x", x)
    assert core.registers() == (0, "")
    core.zero()  # never read
    assert core.registers()[0] == 1
    p = core.load(m, 0, 0)
    q = core.broadcast(m, 0, 0)
    total = core.zero()
    assert core.registers()[0] == 1  # nothing has been read yet
    total = core.fma(p, q, total)  # may take a register of what it reads for the last time
    assert core.registers()[0] == 3
    total = core.fma(p, q, total)
    kept = core.fma(p, q, total)
    core.store(total, m, 0, 0)  # so the one before needs a register of its own beside `kept`
    core.store(kept, m, 0, 0)
    most, line = core.registers()
    assert most == 3
    assert line.startswith("line ")


def test_registers_say_the_line_where_there_are_most(core, x):
    m = Matrix("x", x)
    vectors = [core.zero() for _ in range(5)]
    last = core.load(m, 0, 0)
    for vector in (*vectors, last):
        core.store(vector, m, 0, 0)
    first = test_registers_say_the_line_where_there_are_most.__code__.co_firstlineno
    assert core.registers() == (6, f"line {first + 3}")
