"""Vector instructions in code that Numba compiles: what a matrix product needs, and no more.

A processor's vector register holds several numbers, and one instruction multiplies and adds them
all. LLVM, which Numba compiles with, has types for such vectors: `<16 x float>` is one register of
AVX-512, two of AVX2 and four of NEON. `Vectors` writes these instructions into the code that a
builder is generating, so Python's loops around it are unrolled: they run once, while the code is
written. Addresses are 64-bit integers, in bytes.
"""

from typing import Any

import llvmlite.binding
from llvmlite import ir

WORD, INDEX = ir.IntType(64), ir.IntType(32)
LINE = 64  # bytes in a cache line


def vector_bytes() -> int:
    """Return the size of this machine's vector registers."""
    features = llvmlite.binding.get_host_cpu_features()
    if features.get("avx512f"):
        return 64
    return 32 if features.get("avx2") else 16


class Vectors:
    """Writes instructions for vectors of `width` numbers, each of `itemsize` bytes, 4 or 8."""

    def __init__(self, builder: Any, width: int, itemsize: int):
        self.builder, self.width, self.itemsize = builder, width, itemsize
        self.number = ir.FloatType() if itemsize == 4 else ir.DoubleType()
        self.vector = ir.VectorType(self.number, width)
        self.bytes = width * itemsize

    def zero(self):
        """A vector of zeros."""
        return ir.Constant(self.vector, [0.0] * self.width)

    def load(self, address, mask=None):
        """The numbers from an address on; with a mask, 0 where it is false, and not read there."""
        pointer, align = self._pointer(address, self.vector), self.itemsize
        if mask is None:
            return self.builder.load(pointer, align=align)
        arguments = [pointer, INDEX(align), mask, self.zero()]
        return self._call("masked.load", self._kind + ".p0", self.vector, arguments)

    def store(self, value, address, mask=None):
        """Write the numbers from an address on; with a mask, only those where it is true."""
        pointer, align = self._pointer(address, self.vector), self.itemsize
        if mask is None:
            self.builder.store(value, pointer, align=align)
        else:
            arguments = [value, pointer, INDEX(align), mask]
            self._call("masked.store", self._kind + ".p0", ir.VoidType(), arguments)

    def broadcast(self, address):
        """The number at an address, in all places."""
        return self._everywhere(self.load_number(address))

    def load_number(self, address):
        """The number at an address."""
        return self.builder.load(self._pointer(address, self.number), align=self.itemsize)

    def store_number(self, value, address):
        """Write one number to an address."""
        self.builder.store(value, self._pointer(address, self.number), align=self.itemsize)

    def fma(self, a, b, c):
        """a b + c: one instruction, rounded once, on every processor that has it."""
        return self._call("fmuladd", self._kind, self.vector, [a, b, c])

    def add(self, a, b):
        """a + b."""
        return self.builder.fadd(a, b)

    def positive_or_zero(self, value, where):
        """The value where `where` is above 0, else 0."""
        above = self.builder.fcmp_ordered(">", where, self.zero())
        return self.builder.select(above, value, self.zero())

    def relu(self, value):
        """0 where the value is 0 or less, else the value: nan remains."""
        below = self.builder.fcmp_ordered("<=", value, self.zero())
        return self.builder.select(below, self.zero(), value)

    def first(self, count):
        """A mask that is true in the first `count` places; there may be fewer, or count below 0."""
        places = ir.Constant(ir.VectorType(INDEX, self.width), list(range(self.width)))
        count = self._everywhere(self.builder.trunc(count, INDEX))
        return self.builder.icmp_signed("<", places, count)

    def transpose(self, rows):
        """Transpose a square of `width` vectors, by swapping blocks of 1, 2, 4, ... across it."""
        rows, n, step = list(rows), self.width, 1
        while step < n:
            low = [n + i - step if i & step else i for i in range(n)]
            high = [n + i if i & step else i + step for i in range(n)]
            for i in range(n):
                if not i & step:
                    a, b = rows[i], rows[i + step]
                    rows[i], rows[i + step] = self._shuffle(a, b, low), self._shuffle(a, b, high)
            step *= 2
        return rows

    def prefetch(self, address, to_write=False):
        """Ask for the cache line at an address, to be near when it is needed.

        That is the second level if it is to be read, and the first if it is to be written: then the
        other cores, which may have it too, give it up meanwhile.
        """
        level, data = INDEX(3 if to_write else 2), INDEX(1)
        arguments = [self._pointer(address, self.number), INDEX(int(to_write)), level, data]
        self._call("prefetch", ".p0", ir.VoidType(), arguments)

    @property
    def _kind(self) -> str:
        return f".v{self.width}f{8 * self.itemsize}"

    def _pointer(self, address, kind):
        return self.builder.inttoptr(address, kind.as_pointer())

    def _everywhere(self, number):
        kind = ir.VectorType(number.type, self.width)
        one = self.builder.insert_element(ir.Constant(kind, ir.Undefined), number, INDEX(0))
        return self._shuffle(one, one, [0] * self.width)

    def _shuffle(self, a, b, picks):
        """Vector of the numbers picked from a, numbered from 0, and b, from `width` on."""
        return self.builder.shuffle_vector(
            a, b, ir.Constant(ir.VectorType(INDEX, len(picks)), picks)
        )

    def _call(self, name, kind, result, arguments):
        """Call one of LLVM's own functions, llvm.<name><kind>."""
        module, name = self.builder.module, f"llvm.{name}{kind}"
        signature = ir.FunctionType(result, [argument.type for argument in arguments])
        function = module.globals.get(name) or ir.Function(module, signature, name)
        return self.builder.call(function, arguments)
