"""Machine instructions that Python has no word for: what each means, and how it is compiled.

Called in the simulator, an intrinsic does what its Python code says, without a CUDA compiler. When
a kernel is compiled, `build` replaces it by what its lowering emits.

Arrays are flat, and indices count numbers (of 4 bytes each), not bytes.
"""

from collections.abc import Callable
from dataclasses import dataclass
from importlib import import_module
from inspect import Parameter, Signature, signature
from typing import Any

import numpy as np
from llvmlite import ir

from minae.kernels.cuda.launch.rung import Capability
from minae.kernels.simulator.moments import running

FLOAT, INT, LONG, VOID = ir.FloatType(), ir.IntType(32), ir.IntType(64), ir.VoidType()


@dataclass(eq=False)
class Intrinsic:
    """An instruction: `meaning` runs in the simulator, `emit` compiles it for a GPU.

    types: such as "float32 x 4(array, int64)", which returns a tuple; an array's type is any. emit
    is called with Numba's context, builder, types and values of the arguments, and returns a value,
    a list for a tuple, or None. `older` does so for GPUs before sm_80.
    """

    meaning: Callable
    types: str
    emit: Callable
    older: Callable

    def __post_init__(self):
        self.__doc__, self.__name__ = self.meaning.__doc__, self.meaning.__name__

    def __call__(self, *arguments: Any) -> Any:
        """Do what it means, for the simulated thread whose turn it is."""
        return self.meaning(*arguments)

    def compiled(self, capability: Capability) -> Any:
        """Return what Numba calls in its place."""
        from numba.cuda.extending import intrinsic

        types: Any = import_module("numba.cuda.types")  # whose names are not known before it runs
        emit = self.older if capability < (8, 0) else self.emit
        result, kinds = self.types[:-1].split("(")
        kind, _, count = result.partition(" x ")
        result = types.UniTuple(getattr(types, kind), int(count)) if count else getattr(types, kind)

        def typed(_context, *given):
            pairs = zip(given, kinds.split(", "), strict=False)  # no arguments have one empty name
            return result(*(g if k == "array" else getattr(types, k) for g, k in pairs)), code

        def code(context, builder, signature, values):
            value = emit(context, builder, signature.args, values)
            if isinstance(value, list):
                return context.make_tuple(builder, signature.return_type, value)
            return context.get_dummy_value() if value is None else value

        first = Parameter("context", Parameter.POSITIONAL_OR_KEYWORD)
        parameters = first, *signature(self.meaning).parameters.values()
        typed.__signature__ = Signature(parameters)  # which Numba looks at
        return intrinsic(typed)


def instruction(types: str, emit: Callable, older: Callable | None = None) -> Callable:
    """Decorate the meaning of an intrinsic."""
    return lambda meaning: Intrinsic(meaning, types, emit, older or emit)


def _address(context, builder, kind, array, i):
    """Return the address of array[i], where the array may also be a pointer."""
    if hasattr(kind, "ndim"):
        array = context.make_array(kind)(context, builder, array).data
    return builder.gep(array, [i])


def _assembly(text: str, constraints="", result: Any = VOID, effects=True) -> Callable:
    """Return what emits PTX. Without `effects`, the compiler may move it or leave it out."""
    if effects:
        constraints += ",~{memory}" if constraints else "~{memory}"

    def emit(context, builder, types, values):
        kind = ir.FunctionType(result, [value.type for value in values])
        code = ir.InlineAsm(kind, text, constraints, side_effect=effects)
        value = builder.call(code, list(values))
        return None if result is VOID else value

    return emit


def _load(context, builder, types, values):
    return builder.load(_address(context, builder, types[0], *values))


def _load4(context, builder, types, values):
    place = _address(context, builder, types[0], *values)
    vector = builder.load(builder.bitcast(place, ir.VectorType(FLOAT, 4).as_pointer()))
    vector.align = 16
    return [builder.extract_element(vector, ir.Constant(INT, n)) for n in range(4)]


def _store(context, builder, types, values):
    array, i, *numbers = values
    place = _address(context, builder, types[0], array, i)
    if len(numbers) == 1:
        builder.store(*numbers, place)
        return
    vector = ir.Constant(ir.VectorType(FLOAT, len(numbers)), ir.Undefined)
    for n, number in enumerate(numbers):
        vector = builder.insert_element(vector, number, ir.Constant(INT, n))
    place = builder.bitcast(place, vector.type.as_pointer())
    builder.store(vector, place).align = 4 * len(numbers)


@instruction("float32(array, int64)", _load)
def load1(array, i):
    """Return array[i]. For a pointer, a plain [i] would check the sign of i."""
    return array.load(i, 1)[0]


@instruction("float32 x 4(array, int64)", _load4)
def load4(array, i):
    """Return four neighbours, 16 bytes at once (LDG.128, LDS.128). i is a multiple of 4."""
    return array.load(i, 4)


@instruction("void(array, int64, float32)", _store)
def store1(array, i, x):
    """array[i] = x."""
    array.store(i, (x,))


@instruction("void(array, int64, float32, float32)", _store)
def store2(array, i, x0, x1):
    """array[i : i + 2] = x0, x1, 8 bytes at once. i is a multiple of 2."""
    array.store(i, (x0, x1))


@instruction("void(array, int64, float32, float32, float32, float32)", _store)
def store4(array, i, x0, x1, x2, x3):
    """array[i : i + 4] = x0, x1, x2, x3, 16 bytes at once. i is a multiple of 4."""
    array.store(i, (x0, x1, x2, x3))


@instruction("int32()", _assembly("mov.u32 $0, %tid.x;", "=r", INT))
def thread_again():
    """Return cuda.threadIdx.x, read anew, so that what follows from it needs no registers."""
    return running().position.x


@instruction("int32(int32, int32)", lambda context, builder, types, values: builder.udiv(*values))
def divide(i, j):
    """Return i // j of numbers that are not negative. A plain // has 64 bits and minds signs."""
    return int(i) // int(j)


def _copy(count: int, text: str) -> Callable:
    """Return what emits a copy from address s to e in shared memory, of $3 bytes: 0 if invalid."""
    copy = _assembly(  # an address in shared memory has 32 bits
        "{ .reg .u64 d, s; .reg .u32 e; cvta.to.shared.u64 d, $0; cvt.u32.u64 e, d;"
        f" mad.lo.u32 e, $1, 4, e; cvta.to.global.u64 s, $2; {text} }}",
        "l,r,l,r",
    )

    def emit(context, builder, types, values):
        shared, i, array, j, valid = values
        target = _address(context, builder, types[0], shared, ir.Constant(LONG, 0))
        source = _address(context, builder, types[2], array, j)
        sizes = ir.Constant(INT, 4 * count), ir.Constant(INT, 0)
        size = builder.select(builder.trunc(valid, ir.IntType(1)), *sizes)
        target, source = (builder.ptrtoint(pointer, LONG) for pointer in (target, source))
        return copy(context, builder, types, [target, i, source, size])

    return emit


_COPY = "void(array, int32, array, int64, boolean)"
_ZERO = ".reg .pred p; setp.ne.u32 p, $3, 0; .reg .b64 x, y; mov.b64 x, 0; mov.b64 y, 0;"
_MOVE4 = f"{_ZERO} @p ld.global.v2.b64 {{x, y}}, [s]; st.shared.v2.b64 [e], {{x, y}};"
_MOVE1 = f"{_ZERO} @p ld.global.b32 x, [s]; st.shared.b32 [e], x;"


@instruction(_COPY, _copy(4, "cp.async.cg.shared.global [e], [s], 16, $3;"), _copy(4, _MOVE4))
def copy4(shared, i, array, j, valid):
    """Start copying array[j : j + 4], or zeros if not valid, to shared[i : i + 4].

    The numbers have arrived once this thread has waited for them. They pass no registers, and the
    thread can compute meanwhile (cp.async, from sm_80 on). Older GPUs load and store: there the
    numbers are in place when the call returns, and waiting does nothing. i and j are multiples of
    4. What is not valid is not read.
    """
    running().copies[-1].append(shared.order(i, array, j, 4, valid))


@instruction(_COPY, _copy(1, "cp.async.ca.shared.global [e], [s], 4, $3;"), _copy(1, _MOVE1))
def copy1(shared, i, array, j, valid):
    """Start copying array[j], or zero if not valid, to shared[i]; see copy4."""
    running().copies[-1].append(shared.order(i, array, j, 1, valid))


@instruction("void()", _assembly("cp.async.commit_group;"), _assembly(""))
def close_copies():
    """Close a group: the copies started since the last group was closed."""
    running().copies.append([])


def _wait(n: int) -> Intrinsic:
    def wait():
        groups = running().copies
        while len(groups) - 1 > n:  # the last one is open
            for copy in groups.pop(0):
                copy.arrive()

    wait.__name__ = f"wait_copies{n}"
    wait.__doc__ = f"Wait until at most {n} groups of this thread's copies have not arrived."
    return instruction("void()", _assembly(f"cp.async.wait_group {n};"), _assembly(""))(wait)


wait_copies0, wait_copies1, wait_copies2 = map(_wait, range(3))


#: 1.m times this is 1.m + 1.m / 3 of the last bit that tensor cores keep.
TF32_SCALE = np.float32(1 + 2**-10 / 3)


def _scaled(context, builder, types, values):
    scaled = builder.fmul(values[0], ir.Constant(FLOAT, float(TF32_SCALE)))
    return builder.bitcast(scaled, INT)


@instruction("uint32(float32)", _scaled)
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


def _mma(context, builder, types, values):
    text = (
        "mma.sync.aligned.m16n8k8.row.col.f32.tf32.tf32.f32"
        " {$0,$1,$2,$3}, {$4,$5,$6,$7}, {$8,$9}, {$10,$11,$12,$13};"
    )
    four, constraints = ir.LiteralStructType([FLOAT] * 4), "=f,=f,=f,=f,r,r,r,r,r,r,f,f,f,f"
    result = _assembly(text, constraints, four, effects=False)(context, builder, types, values)
    return [builder.extract_value(result, n) for n in range(4)]


@instruction(f"float32 x 4({', '.join(['uint32'] * 6 + ['float32'] * 4)})", _mma)
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
