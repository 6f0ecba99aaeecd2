"""What cores can do at best: multiply-adds that wait neither for memory nor for each other."""

from numba import njit, types
from numba.core import cgutils
from numba.extending import intrinsic

from minae.kernels.cpu.compile.compiled import OPTIONS, parallel
from minae.kernels.cpu.products.tile import Shape
from minae.kernels.cpu.products.vectors import WORD, vector_bytes

SHAPE = Shape(vector_bytes(), itemsize=4)
SUMS = 12  # more than are under way at a time, and few enough for 16 registers


@intrinsic
def _add_products(typing, numbers, times):
    """Add the product of two vectors to each of SUMS vectors, so many times."""

    def generate(context, builder, signature, values):
        numbers, times = values
        v = SHAPE.instructions(builder)
        a, b = v.load(numbers), v.load(builder.add(numbers, WORD(v.bytes)))
        sums = [cgutils.alloca_once_value(builder, v.zero()) for _ in range(SUMS)]
        with cgutils.for_range(builder, times):
            for s in sums:
                builder.store(v.fma(a, b, builder.load(s)), s)
        total = v.zero()
        for s in sums:  # what is not used would not be computed
            total = v.add(total, builder.load(s))
        v.store(total, numbers)
        return context.get_dummy_value()

    return types.none(types.int64, types.int64), generate


@njit(**OPTIONS)
def multiply_add(numbers, times):
    """Do `times` turns of FLOPS operations. `numbers` is a vector of SIZE float32."""
    # pyright does not know that Numba passes `typing`
    _add_products(numbers.ctypes.data, times)  # pyright: ignore[reportCallIssue]


@parallel
def multiply_add_at_once(t, T, numbers, times):
    """The same in each of T threads, with vectors of its own: numbers (T, SIZE)."""
    _add_products(numbers[t].ctypes.data, times)  # pyright: ignore[reportCallIssue]


SIZE = 2 * SHAPE.width
FLOPS = 2 * SUMS * SHAPE.width  # operations of a turn
