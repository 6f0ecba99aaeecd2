"""Machine instructions that Python has no word for: what each means, and how it is compiled.

Called in the simulator, an intrinsic does what its Python code says. When a kernel is compiled,
`build` replaces it by what a lowering emits, the newest that the GPU has the instructions for.
Lowerings are called only then, so this file can be read and simulated without a CUDA compiler.

Arrays are flat, and indices count numbers (of 4 bytes each), not bytes.
"""

import numpy as np
from llvmlite import ir

from minae.kernels.cuda.launch.intrinsic import (
    FLOAT,
    INT,
    LONG,
    VOID,
    Intrinsic,
    address,
    assembly,
)
from minae.kernels.simulator.moments import running


@Intrinsic
def load1(array, i):
    """Return array[i]. For a pointer, a plain [i] would check the sign of i."""
    return array.load(i, 1)[0]


@Intrinsic
def load4(array, i):
    """Return four neighbours, 16 bytes at once (LDG.128, LDS.128). i is a multiple of 4."""
    return array.load(i, 4)


@load1.lowered_by
def _(types, array, i):
    def emit(context, builder, signature, arguments):
        return builder.load(address(types, context, builder, signature.args, arguments))

    return types.float32(array, i), emit


@load4.lowered_by
def _(types, array, i):
    def emit(context, builder, signature, arguments):
        place = address(types, context, builder, signature.args, arguments)
        vector = builder.load(builder.bitcast(place, ir.VectorType(FLOAT, 4).as_pointer()))
        vector.align = 16
        parts = [builder.extract_element(vector, ir.Constant(INT, n)) for n in range(4)]
        return context.make_tuple(builder, signature.return_type, parts)

    return types.UniTuple(types.float32, 4)(array, i), emit


@Intrinsic
def store1(array, i, x):
    """array[i] = x."""
    array.store(i, (x,))


@Intrinsic
def store2(array, i, x0, x1):
    """array[i : i + 2] = x0, x1, 8 bytes at once. i is a multiple of 2."""
    array.store(i, (x0, x1))


@Intrinsic
def store4(array, i, x0, x1, x2, x3):
    """array[i : i + 4] = x0, x1, x2, x3, 16 bytes at once. i is a multiple of 4."""
    array.store(i, (x0, x1, x2, x3))


def _lower_store(types, array, i, *numbers):
    count = len(numbers)

    def emit(context, builder, signature, arguments):
        place, values = address(types, context, builder, signature.args, arguments), arguments[2:]
        if count == 1:
            builder.store(*values, place)
            return context.get_dummy_value()
        vector = ir.Constant(ir.VectorType(FLOAT, count), ir.Undefined)
        for n, value in enumerate(values):
            vector = builder.insert_element(vector, value, ir.Constant(INT, n))
        place = builder.bitcast(place, vector.type.as_pointer())
        builder.store(vector, place).align = 4 * count
        return context.get_dummy_value()

    return types.void(array, i, *[types.float32] * count), emit


for _store in (store1, store2, store4):
    _store.lowered_by(_lower_store)


@Intrinsic
def thread_again():
    """Return cuda.threadIdx.x, read anew, so that what follows from it needs no registers."""
    return running().position.x


@thread_again.lowered_by
def _(types):
    def emit(context, builder, signature, arguments):
        return assembly(builder, "mov.u32 $0, %tid.x;", "=r", INT)

    return types.int32(), emit


@Intrinsic
def divide(i, j):
    """Return i // j of numbers that are not negative. A plain // has 64 bits and minds signs."""
    return int(i) // int(j)


@divide.lowered_by
def _(types, i, j):
    def emit(context, builder, signature, arguments):
        return builder.udiv(*arguments)

    return types.int32(types.int32, types.int32), emit


def _lower_copy(count: int, instructions: str):
    """Lower a copy to PTX, from address s to e in shared memory; $3 is 0 if it is not valid."""

    def lower(types, shared, i, array, j, valid):
        def emit(context, builder, signature, arguments):
            kinds, (target, offset, *source, wanted) = signature.args, arguments
            begin = (kinds[0], types.int64), (target, ir.Constant(LONG, 0))
            target = address(types, context, builder, *begin)
            source = address(types, context, builder, kinds[2:4], source)
            sizes = ir.Constant(INT, 4 * count), ir.Constant(INT, 0)
            size = builder.select(builder.trunc(wanted, ir.IntType(1)), *sizes)
            place = context.cast(builder, offset, kinds[1], types.int32)
            text = (  # an address in shared memory has 32 bits
                "{ .reg .u64 d, s; .reg .u32 e; cvta.to.shared.u64 d, $0; cvt.u32.u64 e, d;"
                f" mad.lo.u32 e, $1, 4, e; cvta.to.global.u64 s, $2; {instructions} }}"
            )
            target, source = (builder.ptrtoint(pointer, LONG) for pointer in (target, source))
            assembly(builder, text, "l,r,l,r", VOID, [target, place, source, size])
            return context.get_dummy_value()

        return types.void(shared, i, array, j, types.boolean), emit

    return lower


@Intrinsic
def copy4(shared, i, array, j, valid):
    """Start copying array[j : j + 4], or zeros if not valid, to shared[i : i + 4].

    The numbers have arrived once this thread has waited for them. They pass no registers, and the
    thread can compute meanwhile (cp.async, from sm_80 on). Older GPUs load and store: there the
    numbers are in place when the call returns, and waiting does nothing. i and j are multiples of
    4. What is not valid is not read.
    """
    running().copies[-1].append(shared.order(i, array, j, 4, valid))


@Intrinsic
def copy1(shared, i, array, j, valid):
    """Start copying array[j], or zero if not valid, to shared[i]; see copy4."""
    running().copies[-1].append(shared.order(i, array, j, 1, valid))


copy4.lowered_by(_lower_copy(4, "cp.async.cg.shared.global [e], [s], 16, $3;"), since=(8, 0))
copy1.lowered_by(_lower_copy(1, "cp.async.ca.shared.global [e], [s], 4, $3;"), since=(8, 0))
_ZERO = ".reg .pred p; setp.ne.u32 p, $3, 0; .reg .b64 x, y; mov.b64 x, 0; mov.b64 y, 0;"
_MOVE4 = "@p ld.global.v2.b64 {x, y}, [s]; st.shared.v2.b64 [e], {x, y};"
_MOVE1 = "@p ld.global.b32 x, [s]; st.shared.b32 [e], x;"
copy4.lowered_by(_lower_copy(4, f"{_ZERO} {_MOVE4}"))
copy1.lowered_by(_lower_copy(1, f"{_ZERO} {_MOVE1}"))


def _lower_instruction(text: str):
    """Lower to an instruction without operands, or to nothing."""

    def lower(types):
        def emit(context, builder, signature, arguments):
            assembly(builder, text, "", VOID)
            return context.get_dummy_value()

        return types.void(), emit

    return lower


@Intrinsic
def close_copies():
    """Close a group: the copies started since the last group was closed."""
    running().copies.append([])


close_copies.lowered_by(_lower_instruction("cp.async.commit_group;"), since=(8, 0))
close_copies.lowered_by(_lower_instruction(""))


def _wait(n: int) -> Intrinsic:
    def wait():
        groups = running().copies
        while len(groups) - 1 > n:  # the last one is open
            for copy in groups.pop(0):
                copy.arrive()

    wait.__name__ = f"wait_copies{n}"
    wait.__doc__ = f"Wait until at most {n} groups of this thread's copies have not arrived."
    intrinsic = Intrinsic(wait)
    intrinsic.lowered_by(_lower_instruction(f"cp.async.wait_group {n};"), since=(8, 0))
    intrinsic.lowered_by(_lower_instruction(""))
    return intrinsic


wait_copies0, wait_copies1, wait_copies2 = map(_wait, range(3))


#: 1.m times this is 1.m + 1.m / 3 of the last bit that tensor cores keep.
TF32_SCALE = np.float32(1 + 2**-10 / 3)


@Intrinsic
def to_tf32(x):
    """Return the bits of x for tensor cores, which use its first 10 bits after the point.

    They cut off the rest, which alone would make every number smaller, by up to 1 of the last bit
    kept. So x is first increased by 1/3 to 2/3 of that bit. The error is then 2/3 at most and 0 on
    average, and numbers of 10 bits stay as they are, as do inf and nan. This takes one instruction.
    Rounding to the nearest (cvt.rna.tf32) takes two, and leaves the cutting to the tensor cores,
    too. Adding half a bit to x as an integer takes one, but makes -0 of 0x7fffffff, the nan that
    GPUs compute.
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
    """D = A (16, 8) B (8, 8) + C, computed by a whole warp, whose lanes share the matrices.

    Lane 4 g + t holds a: A[g, t], A[g + 8, t], A[g, t + 4], A[g + 8, t + 4]; b: B[t, g],
    B[t + 4, g]; c and the result: C[g, 2 t], C[g, 2 t + 1], C[g + 8, 2 t], C[g + 8, 2 t + 1].
    a and b are bits from to_tf32. (PTX: mma.sync.m16n8k8, from sm_80 on.)
    """
    thread = running()
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
        result = assembly(builder, text, constraints, four, arguments, effects=False)
        parts = [builder.extract_value(result, n) for n in range(4)]
        return context.make_tuple(builder, signature.return_type, parts)

    floats, bits = [types.float32] * 4, [types.uint32] * 6
    return types.UniTuple(types.float32, 4)(*bits, *floats), emit
