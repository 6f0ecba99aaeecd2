"""Work cut into shares, which one short function hands to Numba's pool of threads.

Between a loop and its body, Numba's prange puts four modules that take longer to compile than most
bodies: all kernels of `minae bench` together take almost three times as long.
"""

import functools
import weakref
from collections.abc import Callable
from typing import Any

from llvmlite import ir
from numba import types
from numba.core import cgutils
from numba.core.compiler import compile_internal
from numba.core.targetconfig import ConfigStack
from numba.extending import intrinsic
from numba.np.arrayobj import make_array

from minae.kernels.cpu.compile.cached import kept
from minae.kernels.cpu.compile.calls import noted

INT, WORD, POINTER = ir.IntType(32), ir.IntType(64), cgutils.voidptr_t
# void task(char **bases, size_t *sizes, size_t *steps, void *data): what the pool calls
TASK = ir.FunctionType(ir.VoidType(), [POINTER.as_pointer(), *[WORD.as_pointer()] * 2, POINTER])
# void numba_parallel_for(task, bases, sizes, steps, data, inner_ndim, array_count, num_threads)
PARALLEL_FOR = ir.FunctionType(ir.VoidType(), [POINTER] * 5 + [WORD, WORD, INT])


def compiled_inside(function: Callable) -> Any:
    """Compile a function that returns nothing as a part of each compiled function that calls it.

    As a function of its own, see `compiled`, it would be optimised and translated twice: a second
    time as the copy that its caller gets. Only for many callers does that take less time.
    """

    @intrinsic
    def call(typing, *args):
        def generate(context, builder, signature, values):
            made = _compiled_here(context, function, signature.args[0])
            args = cgutils.unpack_tuple(builder, values[0])
            context.call_internal(builder, made.fndesc, made.signature, args)
            return context.get_dummy_value()

        return types.none(types.StarArgTuple(args)), generate

    return call


def parallel(function: Callable) -> Any:
    """Make `function(t, T, *args)`, share t of T, a function of (T, *args) that runs all shares.

    With T = 1 the share runs on the calling thread, since waking another takes longer than small
    work does. A share returns nothing. It takes arrays and numbers, but no tuples, which prange
    cannot pass on in `plain`. The arrays must be contiguous, so that a share is compiled for one
    layout only. The GIL is held throughout: Python threads that compute take turns.

    Its attributes `share`, the function itself, and `all_shares` are for compiled code.
    """

    @intrinsic
    def all_shares(typing, T, *args):
        def generate(context, builder, signature, values):
            T, args = values
            task = _task(context, builder.module, function, signature.args[1], args.type)
            _run(builder, task, T, args)
            return context.get_dummy_value()

        return types.none(types.int64, types.StarArgTuple(args)), generate

    def run(T, *args):
        all_shares(T, *args)

    run.__module__, run.__qualname__ = function.__module__, function.__qualname__
    from_python = noted(kept(run))
    from_python.share, from_python.all_shares = compiled_inside(function), all_shares
    return from_python


def _task(context, module, function, kinds, args_type) -> ir.Function:
    """Generate the function that the pool calls for one or more consecutive shares.

    sizes[0] is their number and sizes[1] is T. The pool advances bases[0] by one byte per share, so
    the first share is bases[0] - data.
    """
    share = _compiled_here(context, function, (types.int64, types.int64, *kinds))
    task = ir.Function(module, TASK, module.get_unique_name("task"))
    task.linkage = "internal"
    bases, sizes, _, data = task.args
    builder = ir.IRBuilder(task.append_basic_block())
    base, start = (builder.ptrtoint(pointer, WORD) for pointer in (builder.load(bases), data))
    first = builder.sub(base, start)
    T = builder.load(builder.gep(sizes, [WORD(1)]))
    args = cgutils.unpack_tuple(
        builder, builder.load(builder.bitcast(data, args_type.as_pointer()))
    )
    args = [_without_owner(context, builder, *arg) for arg in zip(kinds, args, strict=True)]
    with cgutils.for_range(builder, builder.load(sizes)) as loop:
        values = [builder.add(first, loop.index), T, *args]
        context.call_internal_no_propagate(builder, share.fndesc, share.signature, values)
    builder.ret_void()
    return task


def _compiled_here(context, function, kinds) -> Any:
    """Compile a function as a part of what is being compiled now, and with the same options."""
    library, key = context.active_code_library, (function, tuple(kinds))
    compiled = _compiled.setdefault(library, {})
    if key not in compiled:
        flags = ConfigStack().top().copy()
        flags.no_compile = flags.no_cpython_wrapper = True
        here = context.typing_context, context, library
        compiled[key] = compile_internal(*here, function, key[1], types.none, flags, {})
    return compiled[key]


_compiled = weakref.WeakKeyDictionary()  # of each library: the functions that are parts of it


def _without_owner(context, builder, kind, value):
    """Return an array without its owner, which outlives the call; other values are unchanged.

    Otherwise threads that count references to the same array would wait for each other.
    """
    if not isinstance(kind, types.Array):
        return value
    array = make_array(kind)(context, builder, value)
    for owner in "meminfo", "parent":
        setattr(array, owner, cgutils.get_null_value(getattr(array, owner).type))
    return array._getvalue()


def _run(builder, task, T, args) -> None:
    """Generate the call of the task for shares 0 to T - 1: by Numba's pool, unless T is 1."""
    function = functools.partial(cgutils.get_or_insert_function, builder.module)
    data = builder.bitcast(cgutils.alloca_once_value(builder, args), POINTER)
    bases = cgutils.alloca_once_value(builder, data)
    pair = cgutils.alloca_once_value(builder, cgutils.pack_array(builder, [T, T]))
    sizes = builder.bitcast(pair, WORD.as_pointer())
    steps = cgutils.alloca_once_value(builder, WORD(1))
    with builder.if_else(builder.icmp_signed("==", T, WORD(1))) as (one, several):
        with one:
            builder.call(task, [bases, sizes, steps, data])
        with several:
            num_threads = builder.call(function(ir.FunctionType(INT, []), "get_num_threads"), [])
            pointers = [builder.bitcast(a, POINTER) for a in (task, bases, sizes, steps, data)]
            numbers = [WORD(1), WORD(1), num_threads]
            builder.call(function(PARALLEL_FOR, "numba_parallel_for"), [*pointers, *numbers])
