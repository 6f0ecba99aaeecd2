"""Machine instructions that Python has no word for: what each means, and how it is compiled.

Called in the simulator, an intrinsic does what its Python says. When a kernel is compiled, `build`
puts what `lower` makes in its place. `lower` is only called then, so that this file can be read and
simulated where no CUDA compiler is installed.

Arrays are flat, and indices count their numbers (4 bytes each), not bytes.
"""

from collections.abc import Callable
from functools import cached_property

import numpy as np
from greenlet import getcurrent
from llvmlite import ir

FLOAT, INT, LONG, VOID = ir.FloatType(), ir.IntType(32), ir.IntType(64), ir.VoidType()
FOUR = ir.VectorType(FLOAT, 4)


class Intrinsic:
    """An instruction: `meaning` runs in the simulator, `lower` types and emits it for the compiler.

    lower(types, *arguments) gets Numba's types and the arguments' types, and returns the signature
    and a function that emits code, as numba.extending.intrinsic wants them.
    """

    lower: Callable

    def __init__(self, meaning: Callable):
        self.meaning = meaning
        self.__doc__, self.__name__ = meaning.__doc__, meaning.__name__

    def __call__(self, *arguments):
        """Do what it means, for the simulated thread whose turn it is."""
        return self.meaning(*arguments)

    def lowered_by(self, lower: Callable) -> Callable:
        """Set `lower`, as a decorator."""
        self.lower = lower
        return lower

    @cached_property
    def compiled(self):
        """What Numba calls in its place."""
        from numba.cuda import types
        from numba.cuda.extending import intrinsic

        names = self.meaning.__code__.co_varnames[: self.meaning.__code__.co_argcount]
        scope = {"lower": self.lower, "types": types}
        arguments = "".join(f", {name}" for name in names)  # Numba looks at the signature
        exec(f"def typed(context{arguments}): return lower(types{arguments})", scope)
        return intrinsic(scope["typed"])


def _address(context, builder, types, kind, array, offset_kind, offset):
    """Return the address of array[offset]; a pointer is taken as it is."""
    offset = context.cast(builder, offset, offset_kind, types.int64)
    if not isinstance(kind, types.CPointer):
        array = context.make_array(kind)(context, builder, array).data
    return builder.gep(array, [offset])


def _assembly(builder, text: str, constraints: str, result, arguments=(), effects=True):
    kind = ir.FunctionType(result, [argument.type for argument in arguments])
    if effects:
        constraints += ",~{memory}" if constraints else "~{memory}"
    code = ir.InlineAsm(kind, text, constraints, side_effect=effects)
    return builder.call(code, list(arguments))


@Intrinsic
def load1(array, i):
    """Return array[i]; a pointer cannot be indexed by a plain [i] without checks of its sign."""
    return array.load(i, 1)[0]


@load1.lowered_by
def _(types, array, i):
    def emit(context, builder, signature, arguments):
        (kind, offset_kind), (a, offset) = signature.args, arguments
        return builder.load(_address(context, builder, types, kind, a, offset_kind, offset))

    return types.float32(array, i), emit


@Intrinsic
def store1(array, i, x):
    """array[i] = x."""
    array.store(i, (x,))


@store1.lowered_by
def _(types, array, i, x):
    def emit(context, builder, signature, arguments):
        kind, offset_kind, _ = signature.args
        a, offset, value = arguments
        builder.store(value, _address(context, builder, types, kind, a, offset_kind, offset))
        return context.get_dummy_value()

    return types.void(array, i, types.float32), emit


@Intrinsic
def divide(i, j):
    """Return i // j of numbers that are not negative. A plain // is of 64 bits, and minds signs."""
    return int(i) // int(j)


@divide.lowered_by
def _(types, i, j):
    def emit(context, builder, signature, arguments):
        return builder.udiv(*arguments)

    return types.int32(types.int32, types.int32), emit


@Intrinsic
def load4(array, i):
    """Return four neighbours, 16 bytes at once (LDG.128, LDS.128). i is a multiple of 4."""
    return array.load(i, 4)


@load4.lowered_by
def _(types, array, i):
    def emit(context, builder, signature, arguments):
        (kind, offset_kind), (a, offset) = signature.args, arguments
        place = _address(context, builder, types, kind, a, offset_kind, offset)
        vector = builder.load(builder.bitcast(place, FOUR.as_pointer()))
        vector.align = 16
        parts = [builder.extract_element(vector, ir.Constant(INT, n)) for n in range(4)]
        return context.make_tuple(builder, signature.return_type, parts)

    return types.UniTuple(types.float32, 4)(array, i), emit


@Intrinsic
def store4(array, i, x0, x1, x2, x3):
    """array[i : i + 4] = x0, x1, x2, x3, 16 bytes at once. i is a multiple of 4."""
    array.store(i, (x0, x1, x2, x3))


@store4.lowered_by
def _(types, array, i, x0, x1, x2, x3):
    def emit(context, builder, signature, arguments):
        (kind, offset_kind, *_), (a, offset, *values) = signature.args, arguments
        place = _address(context, builder, types, kind, a, offset_kind, offset)
        vector = ir.Constant(FOUR, ir.Undefined)
        for n, value in enumerate(values):
            vector = builder.insert_element(vector, value, ir.Constant(INT, n))
        builder.store(vector, builder.bitcast(place, FOUR.as_pointer())).align = 16
        return context.get_dummy_value()

    return types.void(array, i, *[types.float32] * 4), emit


def _lower_copy(count: int, caching: str):
    def lower(types, shared, i, array, j, valid):
        def emit(context, builder, signature, arguments):
            kinds, (target, ti, source, si, wanted) = signature.args, arguments
            target = _address(context, builder, types, kinds[0], target, kinds[1], ti)
            source = _address(context, builder, types, kinds[2], source, kinds[3], si)
            sizes = ir.Constant(INT, 4 * count), ir.Constant(INT, 0)
            size = builder.select(builder.trunc(wanted, ir.IntType(1)), *sizes)
            text = (
                "{ .reg .u64 d, s; .reg .u32 e; cvta.to.shared.u64 d, $0; cvt.u32.u64 e, d;"
                " cvta.to.global.u64 s, $1;"
                f" cp.async.{caching}.shared.global [e], [s], {4 * count}, $2; }}"
            )
            places = [builder.ptrtoint(place, LONG) for place in (target, source)]
            _assembly(builder, text, "l,l,r", VOID, [*places, size])
            return context.get_dummy_value()

        return types.void(shared, i, array, j, types.boolean), emit

    return lower


@Intrinsic
def copy4(shared, i, array, j, valid):
    """Order shared[i : i + 4] = array[j : j + 4], or zeros if not valid, to arrive later.

    The numbers are there once they were waited for. No register holds them on their way, so that
    a thread can compute meanwhile (cp.async, from sm_80 on). i and j are multiples of 4. What is
    not valid is not read.
    """
    getcurrent().copies[-1].append(shared.order(i, array, j, 4, valid))


@Intrinsic
def copy1(shared, i, array, j, valid):
    """Order shared[i] = array[j], or zero if not valid; see copy4."""
    getcurrent().copies[-1].append(shared.order(i, array, j, 1, valid))


copy4.lowered_by(_lower_copy(4, "cg"))
copy1.lowered_by(_lower_copy(1, "ca"))


def _lower_instruction(text: str):
    def lower(types):
        def emit(context, builder, signature, arguments):
            _assembly(builder, text, "", VOID)
            return context.get_dummy_value()

        return types.void(), emit

    return lower


@Intrinsic
def close_copies():
    """Close a group: of the copies ordered since the last one was closed."""
    getcurrent().copies.append([])


close_copies.lowered_by(_lower_instruction("cp.async.commit_group;"))


def _wait(n: int) -> Intrinsic:
    def wait():
        groups = getcurrent().copies
        while len(groups) - 1 > n:  # the last one is open
            for copy in groups.pop(0):
                copy.arrive()

    wait.__name__ = f"wait_copies{n}"
    wait.__doc__ = f"Wait until at most {n} groups of this thread's copies are still on their way."
    intrinsic = Intrinsic(wait)
    intrinsic.lowered_by(_lower_instruction(f"cp.async.wait_group {n};"))
    return intrinsic


wait_copies0, wait_copies1, wait_copies2 = map(_wait, range(3))


@Intrinsic
def to_tf32(x):
    """Round to the 10 bits after the point that tensor cores multiply; return it as its bits."""
    bits = int(np.float32(x).view(np.uint32))
    return (bits + 0x1000) & 0xFFFFE000  # ties away from zero


@to_tf32.lowered_by
def _(types, x):
    def emit(context, builder, signature, arguments):
        text = "cvt.rna.tf32.f32 $0, $1;"
        return _assembly(builder, text, "=r,f", INT, arguments, effects=False)

    return types.uint32(types.float32), emit


@Intrinsic
def mma_tf32(a0, a1, a2, a3, b0, b1, c0, c1, c2, c3):
    """D = A (16, 8) B (8, 8) + C by a whole warp, each lane with its share of the matrices.

    Lane 4 g + t holds a: A[g, t], A[g + 8, t], A[g, t + 4], A[g + 8, t + 4]; b: B[t, g],
    B[t + 4, g]; c and the result: C[g, 2 t], C[g, 2 t + 1], C[g + 8, 2 t], C[g + 8, 2 t + 1].
    a and b are bits from to_tf32. (PTX: mma.sync.m16n8k8, from sm_80 on.)
    """
    thread = getcurrent()
    offers = thread.warp.exchange((a0, a1, a2, a3, b0, b1))
    bits = np.array([offers[lane] for lane in range(32)], np.uint32) & np.uint32(0xFFFFE000)
    x = bits.view(np.float32).reshape(8, 4, 6)  # g, t, which
    a = np.block([[x[:, :, 0], x[:, :, 2]], [x[:, :, 1], x[:, :, 3]]])  # (16, 8)
    b = np.vstack([x[:, :, 4].T, x[:, :, 5].T])  # (8, 8)
    g, t = divmod(thread.lane, 4)
    top, bottom = a[g] @ b[:, 2 * t : 2 * t + 2], a[g + 8] @ b[:, 2 * t : 2 * t + 2]
    return c0 + top[0], c1 + top[1], c2 + bottom[0], c3 + bottom[1]


@mma_tf32.lowered_by
def _(types, a0, a1, a2, a3, b0, b1, c0, c1, c2, c3):
    def emit(context, builder, signature, arguments):
        text = (
            "mma.sync.aligned.m16n8k8.row.col.f32.tf32.tf32.f32"
            " {$0,$1,$2,$3}, {$4,$5,$6,$7}, {$8,$9}, {$10,$11,$12,$13};"
        )
        four = ir.LiteralStructType([FLOAT] * 4)
        constraints = "=f,=f,=f,=f,r,r,r,r,r,r,f,f,f,f"
        result = _assembly(builder, text, constraints, four, arguments, effects=False)
        parts = [builder.extract_value(result, n) for n in range(4)]
        return context.make_tuple(builder, signature.return_type, parts)

    floats, bits = [types.float32] * 4, [types.uint32] * 6
    return types.UniTuple(types.float32, 4)(*bits, *floats), emit
