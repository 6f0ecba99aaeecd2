"""Each vector instruction against NumPy."""

import ctypes
from fractions import Fraction

import llvmlite.binding as llvm
import numpy as np
import pytest
from llvmlite import ir

from minae.kernels.cpu.products.vectors import WORD, Vectors

KINDS = [(width, itemsize) for width in (2, 4, 8, 16) for itemsize in (4, 8)]
pytestmark = pytest.mark.parametrize(("width", "itemsize"), KINDS)
SPECIAL = [np.nan, np.inf, -np.inf, 0.0, -0.0, 1.5, -1.5, 3.0]


def compute(width, itemsize, write, *inputs, results=1, count=0):
    """Return `results` vectors, 7 where nothing was written.

    `write(v, inputs, to, count)` writes the instructions; it gets the addresses of the input and
    result vectors, and a number.
    """
    dtype = np.dtype(f"f{itemsize}")
    inputs = np.array(inputs, dtype).reshape(-1)
    module = ir.Module()
    module.triple = llvm.get_default_triple()
    function = ir.Function(module, ir.FunctionType(ir.VoidType(), [WORD] * 3), "run")
    builder = ir.IRBuilder(function.append_basic_block())
    v = Vectors(builder, width, itemsize)
    start, to, number = function.args
    each = [builder.add(start, WORD(i * v.bytes)) for i in range(len(inputs) // width)]
    write(v, each, [builder.add(to, WORD(i * v.bytes)) for i in range(results)], number)
    builder.ret_void()
    y = np.full((results, width), 7, dtype)
    run(module, inputs.ctypes.data, y.ctypes.data, count)
    return y


def run(module, *arguments):
    machine = llvm.Target.from_default_triple().create_target_machine(
        cpu=llvm.get_host_cpu_name(), features=llvm.get_host_cpu_features().flatten()
    )
    engine = llvm.create_mcjit_compiler(llvm.parse_assembly(str(module)), machine)
    engine.finalize_object()
    kind = ctypes.CFUNCTYPE(None, *[ctypes.c_int64] * len(arguments))
    kind(engine.get_function_address("run"))(*arguments)


def special(width, seed):
    return np.random.default_rng(seed).choice(SPECIAL, width)


def counts(width):
    return [-(2**31), -1, 0, 1, width - 1, width, width + 1, 2**31 - 1]


def test_load_and_store(width, itemsize):
    def copy(v, inputs, to, count):
        v.store(v.load(inputs[0]), to[0])

    x = special(width, 0)
    np.testing.assert_array_equal(compute(width, itemsize, copy, x), [x])


def test_load_with_a_mask(width, itemsize):
    def copy(v, inputs, to, count):
        v.store(v.load(inputs[0], v.first(count)), to[0])

    x = np.arange(1.0, width + 1)
    for count in counts(width):
        expected = np.where(np.arange(width) < count, x, 0)
        y = compute(width, itemsize, copy, x, count=count)
        np.testing.assert_array_equal(y, [expected])


def test_store_with_a_mask(width, itemsize):
    def copy(v, inputs, to, count):
        v.store(v.load(inputs[0]), to[0], v.first(count))

    x = np.arange(1.0, width + 1)
    for count in counts(width):
        expected = np.where(np.arange(width) < count, x, 7)
        y = compute(width, itemsize, copy, x, count=count)
        np.testing.assert_array_equal(y, [expected])


def test_one_number(width, itemsize):
    def copy(v, inputs, to, count):
        v.store_number(v.load_number(inputs[1]), to[0])
        v.store(v.broadcast(inputs[1]), to[1])
        v.store(v.zero(), to[2])

    x = np.arange(1.0, 2 * width + 1)
    y = compute(width, itemsize, copy, x, results=3)
    expected = np.full((3, width), 7.0)
    expected[0, 0] = expected[1] = width + 1
    expected[2] = 0
    np.testing.assert_array_equal(y, expected)


def test_fma_rounds_once(width, itemsize):
    def write(v, inputs, to, count):
        v.store(v.fma(*map(v.load, inputs)), to[0])

    a, b = np.random.default_rng(0).normal(size=(2, width)).astype(f"f{itemsize}")
    rounded = a * b
    y = compute(width, itemsize, write, a, b, -rounded)
    lost = [Fraction(float(p)) * Fraction(float(q)) for p, q in zip(a, b, strict=True)]
    expected = [float(e - Fraction(float(r))) for e, r in zip(lost, rounded, strict=True)]
    assert y.tolist() == [expected]
    assert any(expected)


def test_add(width, itemsize):
    def write(v, inputs, to, count):
        v.store(v.add(*map(v.load, inputs)), to[0])

    a, b = np.random.default_rng(0).normal(size=(2, width)).astype(f"f{itemsize}")
    np.testing.assert_array_equal(compute(width, itemsize, write, a, b), [a + b])


@pytest.mark.parametrize("seed", range(4))
def test_relu(width, itemsize, seed):
    def write(v, inputs, to, count):
        v.store(v.relu(v.load(inputs[0])), to[0])

    x = special(width, seed)
    y = compute(width, itemsize, write, x)
    np.testing.assert_array_equal(y, [np.maximum(x, 0)])
    assert not np.signbit(y[y == 0]).any()


@pytest.mark.parametrize("seed", range(4))
def test_positive_or_zero(width, itemsize, seed):
    def write(v, inputs, to, count):
        v.store(v.positive_or_zero(*map(v.load, inputs)), to[0])

    x, where = special(width, seed), special(width, seed + 4)
    y = compute(width, itemsize, write, x, where)
    np.testing.assert_array_equal(y, [np.where(where > 0, x, 0)])


def test_transpose(width, itemsize):
    def write(v, inputs, to, count):
        for column, address in zip(v.transpose(map(v.load, inputs)), to, strict=True):
            v.store(column, address)

    x = np.arange(width * width).reshape(width, width)
    np.testing.assert_array_equal(compute(width, itemsize, write, x, results=width), x.T)


@pytest.mark.parametrize("to_write", [False, True])
def test_prefetch_of_an_address_that_does_not_exist(width, itemsize, to_write):
    def write(v, inputs, to, count):
        v.prefetch(count, to_write)

    for count in 0, -1, 2**62:
        assert (compute(width, itemsize, write, count=count) == 7).all()
