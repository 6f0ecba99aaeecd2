"""Work cut into shares, which one short function hands to Numba's pool of threads.

Between a loop and its body, Numba's prange puts four modules that take longer to compile than most
bodies.
"""

import functools
from collections.abc import Callable
from typing import Any

from llvmlite import ir
from numba import njit, types
from numba.core import cgutils
from numba.extending import intrinsic
from numba.np.arrayobj import make_array

from minae.kernels.cpu.compile import symbols, threads
from minae.kernels.cpu.compile.cached import JIT, DiskCache, compiled

INT, WORD, POINTER = ir.IntType(32), ir.IntType(64), cgutils.voidptr_t
# void task(char **bases, size_t *sizes, size_t *steps, void *data): what the pool calls
TASK = ir.FunctionType(ir.VoidType(), [POINTER.as_pointer(), *[WORD.as_pointer()] * 2, POINTER])
# void numba_parallel_for(task, bases, sizes, steps, data, inner_ndim, array_count, num_threads)
PARALLEL_FOR = ir.FunctionType(ir.VoidType(), [POINTER] * 5 + [WORD, WORD, INT])


def parallel(function: Callable) -> Any:
    """Make `function(t, T, *args)`, share t of T, a function of (T, *args) that runs all shares.

    With T = 1 the share runs on the calling thread, since waking another takes longer than small
    work does. A share returns nothing. Its arrays must be contiguous, so that it is compiled for
    one layout only. The GIL is held throughout: Python threads that compute take turns.
    """
    share = compiled(function)
    name = share._cache.name

    @intrinsic
    def launch(typing, T, args):
        def generate(context, builder, signature, values):
            T, args = values
            kinds = types.int64, types.int64, *signature.args[1]  # of t, T and the others

            def call(builder, t, T, args):
                values = zip(signature.args[1], cgutils.unpack_tuple(builder, args), strict=True)
                values = [_without_owner(context, builder, *value) for value in values]
                symbols.call_by_symbol(context, builder, name, kinds, [t, T, *values])

            with builder.if_else(builder.icmp_signed("==", T, WORD(1))) as (one, several):
                with one:
                    call(builder, WORD(0), T, args)
                with several:
                    task = _task(builder.module, call, args.type)
                    _run_in_pool(builder, task, T, args)
            return context.get_dummy_value()

        return types.none(types.int64, args), generate

    def run(T, *args):
        launch(T, args)  # pyright: ignore[reportCallIssue] - Numba passes `typing`

    dispatcher: Any = njit(**JIT)(run)
    dispatcher._cache = _LaunchCache(name)
    dispatcher.share = symbols.callable_by_symbol(share)  # for compiled code
    return dispatcher


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


def _task(module, call, args_type) -> ir.Function:
    """Generate the function that the pool calls for one or more consecutive shares.

    sizes[0] is their number and sizes[1] is T. The pool advances bases[0] by one byte per share, so
    the first share is bases[0] - data.
    """
    task = ir.Function(module, TASK, "task")
    task.linkage = "internal"
    bases, sizes, _, data = task.args
    builder = ir.IRBuilder(task.append_basic_block())
    base, start = (builder.ptrtoint(pointer, WORD) for pointer in (builder.load(bases), data))
    first = builder.sub(base, start)
    T = builder.load(builder.gep(sizes, [WORD(1)]))
    args = builder.load(builder.bitcast(data, args_type.as_pointer()))
    with cgutils.for_range(builder, builder.load(sizes)) as loop:
        call(builder, builder.add(first, loop.index), T, args)
    builder.ret_void()
    return task


def _run_in_pool(builder, task, T, args) -> None:
    """Generate the call that has Numba's pool run the task for shares 0 to T - 1."""
    function = functools.partial(cgutils.get_or_insert_function, builder.module)
    num_threads = function(ir.FunctionType(INT, []), "get_num_threads")
    parallel_for = function(PARALLEL_FOR, "numba_parallel_for")
    data = builder.bitcast(cgutils.alloca_once_value(builder, args), POINTER)
    bases = cgutils.alloca_once_value(builder, data)
    sizes = cgutils.alloca_once_value(builder, cgutils.pack_array(builder, [T, T]))
    steps = cgutils.alloca_once_value(builder, WORD(1))
    pointers = [builder.bitcast(pointer, POINTER) for pointer in (task, bases, sizes, steps)]
    numbers = [WORD(1), WORD(1), builder.call(num_threads, [])]
    builder.call(parallel_for, [*pointers, data, *numbers])


class _LaunchCache(DiskCache):
    """Starts the pool and compiles the share before what calls them: nested, it takes longer."""

    def __init__(self, share: str):
        super().__init__(f"{share} on threads")
        self.share = share

    def load_overload(self, sig, target_context):
        """Return the function compiled for this signature (T, (args)), or None."""
        threads.layer()
        T, args = sig
        symbols.link(self.share, (T, T, *args))
        return super().load_overload(sig, target_context)
