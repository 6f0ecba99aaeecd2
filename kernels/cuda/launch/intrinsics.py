"""Machine instructions that Python has no word for: what each means, and how it is compiled.

Called in the simulator, an intrinsic does what its Python says. When a kernel is compiled, `build`
puts what a lowering makes in its place: the newest that the GPU has the instructions for. It is
only called then, so that this file can be read and simulated where no CUDA compiler is installed.

Arrays are flat, and indices count their numbers (4 bytes each), not bytes.
"""

from collections.abc import Callable

import numpy as np
from greenlet import getcurrent
from llvmlite import ir

from minae.kernels.cuda.launch.rung import Capability

FLOAT, INT, LONG, VOID = ir.FloatType(), ir.IntType(32), ir.IntType(64), ir.VoidType()
FOUR = ir.VectorType(FLOAT, 4)


class Intrinsic:
    """An instruction: `meaning` runs in the simulator, a lowering types and emits it for a GPU.

    A lowering gets Numba's types and the arguments' types, and returns the signature and a function
    that emits code, as numba.extending.intrinsic wants them.
    """

    def __init__(self, meaning: Callable):
        self.meaning = meaning
        self.lowerings: dict[Capability, Callable] = {}  # by the first GPUs that it is for
        self.__doc__, self.__name__ = meaning.__doc__, meaning.__name__

    def __call__(self, *arguments):
        """Do what it means, for the simulated thread whose turn it is."""
        return self.meaning(*arguments)

    def lowered_by(self, lower: Callable, since: Capability = (7, 5)) -> Callable:
        """Have `lower` compile it for GPUs from `since` on; also as a decorator."""
        self.lowerings[since] = lower
        return lower

    def compiled(self, capability: Capability):
        """Return what Numba calls in its place."""
        from numba.cuda import types
        from numba.cuda.extending import intrinsic

        lower = self.lowerings[max(since for since in self.lowerings if since <= capability)]
        names = self.meaning.__code__.co_varnames[: self.meaning.__code__.co_argcount]
        scope = {"lower": lower, "types": types}
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
def thread_again():
    """Return cuda.threadIdx.x, read anew: so what follows from it need not be kept in registers."""
    return getcurrent().position.x


@thread_again.lowered_by
def _(types):
    def emit(context, builder, signature, arguments):
        return _assembly(builder, "mov.u32 $0, %tid.x;", "=r", INT)

    return types.int32(), emit


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


@Intrinsic
def store2(array, i, x0, x1):
    """array[i : i + 2] = x0, x1, 8 bytes at once. i is a multiple of 2."""
    array.store(i, (x0, x1))


def _lower_store(count: int):
    kind_of_all = ir.VectorType(FLOAT, count)

    def lower(types, array, i, *numbers):
        def emit(context, builder, signature, arguments):
            (kind, offset_kind, *_), (a, offset, *values) = signature.args, arguments
            place = _address(context, builder, types, kind, a, offset_kind, offset)
            vector = ir.Constant(kind_of_all, ir.Undefined)
            for n, value in enumerate(values):
                vector = builder.insert_element(vector, value, ir.Constant(INT, n))
            place = builder.bitcast(place, kind_of_all.as_pointer())
            builder.store(vector, place).align = 4 * count
            return context.get_dummy_value()

        return types.void(array, i, *[types.float32] * count), emit

    return lower


store4.lowered_by(_lower_store(4))
store2.lowered_by(_lower_store(2))


def _lower_copy(count: int, instructions: str):
    """Lower a copy to PTX from address s to e in shared memory, where $3 says whether valid."""

    def lower(types, shared, i, array, j, valid):
        def emit(context, builder, signature, arguments):
            kinds, (target, ti, source, si, wanted) = signature.args, arguments
            zero = ir.Constant(LONG, 0)
            target = _address(context, builder, types, kinds[0], target, types.int64, zero)
            source = _address(context, builder, types, kinds[2], source, kinds[3], si)
            sizes = ir.Constant(INT, 4 * count), ir.Constant(INT, 0)
            size = builder.select(builder.trunc(wanted, ir.IntType(1)), *sizes)
            place = context.cast(builder, ti, kinds[1], types.int32)
            text = (  # an address in shared memory has 32 bits
                "{ .reg .u64 d, s; .reg .u32 e; cvta.to.shared.u64 d, $0; cvt.u32.u64 e, d;"
                f" mad.lo.u32 e, $1, 4, e; cvta.to.global.u64 s, $2; {instructions} }}"
            )
            target, source = (builder.ptrtoint(place, LONG) for place in (target, source))
            _assembly(builder, text, "l,r,l,r", VOID, [target, place, source, size])
            return context.get_dummy_value()

        return types.void(shared, i, array, j, types.boolean), emit

    return lower


@Intrinsic
def copy4(shared, i, array, j, valid):
    """Order shared[i : i + 4] = array[j : j + 4], or zeros if not valid, to arrive later.

    The numbers are there once they were waited for. No register holds them on their way, so that
    a thread can compute meanwhile (cp.async, from sm_80 on). Older GPUs load and store: there the
    numbers are in place when the call returns, and waiting is nothing. i and j are multiples of 4.
    What is not valid is not read.
    """
    getcurrent().copies[-1].append(shared.order(i, array, j, 4, valid))


@Intrinsic
def copy1(shared, i, array, j, valid):
    """Order shared[i] = array[j], or zero if not valid; see copy4."""
    getcurrent().copies[-1].append(shared.order(i, array, j, 1, valid))


copy4.lowered_by(_lower_copy(4, "cp.async.cg.shared.global [e], [s], 16, $3;"), since=(8, 0))
copy1.lowered_by(_lower_copy(1, "cp.async.ca.shared.global [e], [s], 4, $3;"), since=(8, 0))
_ZERO = ".reg .pred p; setp.ne.u32 p, $3, 0; .reg .b64 x, y; mov.b64 x, 0; mov.b64 y, 0;"
_MOVE4 = "@p ld.global.v2.b64 {x, y}, [s]; st.shared.v2.b64 [e], {x, y};"
_MOVE1 = "@p ld.global.b32 x, [s]; st.shared.b32 [e], x;"
copy4.lowered_by(_lower_copy(4, f"{_ZERO} {_MOVE4}"))
copy1.lowered_by(_lower_copy(1, f"{_ZERO} {_MOVE1}"))


def _lower_instruction(text: str):
    """Lower to an instruction without operands, or to none."""

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


close_copies.lowered_by(_lower_instruction("cp.async.commit_group;"), since=(8, 0))
close_copies.lowered_by(_lower_instruction(""))


def _wait(n: int) -> Intrinsic:
    def wait():
        groups = getcurrent().copies
        while len(groups) - 1 > n:  # the last one is open
            for copy in groups.pop(0):
                copy.arrive()

    wait.__name__ = f"wait_copies{n}"
    wait.__doc__ = f"Wait until at most {n} groups of this thread's copies are still on their way."
    intrinsic = Intrinsic(wait)
    intrinsic.lowered_by(_lower_instruction(f"cp.async.wait_group {n};"), since=(8, 0))
    intrinsic.lowered_by(_lower_instruction(""))
    return intrinsic


wait_copies0, wait_copies1, wait_copies2 = map(_wait, range(3))


#: What `to_tf32` multiplies by: 1.m grows by 1.m thirds of the last bit that tensor cores see.
TF32_SCALE = np.float32(1 + 2**-10 / 3)


@Intrinsic
def to_tf32(x):
    """Return the bits of x for tensor cores, which multiply its first 10 bits after the point.

    They cut off the rest, so that alone every number would become smaller, by up to 1 of the last
    bit that stays. So x grows first, by 1/3 to 2/3 of that bit: then it is off by 2/3 at most, by
    nothing on average, and what has 10 bits stays as it is, as do inf and nan. That is one
    instruction; rounding to the nearest (cvt.rna.tf32) is two, and leaves the cutting to the tensor
    cores as well. Adding half a bit as to a whole number is one, but makes -0 of 0x7fffffff, the
    nan that GPUs compute.
    """
    bits = (np.float32(x) * TF32_SCALE).view(np.uint32)
    return int(bits) & 0xFFFFE000


@to_tf32.lowered_by
def _(types, x):
    def emit(context, builder, signature, arguments):
        scaled = builder.fmul(arguments[0], ir.Constant(FLOAT, float(TF32_SCALE)))
        return builder.bitcast(scaled, INT)

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
