"""Work cut into shares, each on a thread of its own.

Numba's prange leads from a loop to its body through four modules that take longer to compile than
many a body. Here one short function hands the shares to Numba's pool of threads itself.
"""

from llvmlite import ir
from numba import njit, types
from numba.core import cgutils
from numba.extending import intrinsic
from numba.np.arrayobj import make_array

from minae.kernels.cpu import symbols, threads
from minae.kernels.cpu.compiled import OPTIONS, DiskCache, compiled

INT, WORD, POINTER = ir.IntType(32), ir.IntType(64), cgutils.voidptr_t
# void task(char **bases, size_t *sizes, size_t *steps, void *data): what the pool calls
TASK = ir.FunctionType(ir.VoidType(), [POINTER.as_pointer(), *[WORD.as_pointer()] * 2, POINTER])
# void numba_parallel_for(task, bases, sizes, steps, data, inner_ndim, array_count, num_threads)
PARALLEL_FOR = ir.FunctionType(ir.VoidType(), [POINTER] * 5 + [WORD, WORD, INT])


def parallel(share):
    """Make `share(t, T, *args)` a function of (T, *args) that runs shares 0 to T - 1 at once.

    With T = 1 the share is called in place: no thread is woken, which small work would wait longer
    for than take. A share returns nothing; its arrays are contiguous, so that it is compiled for
    one layout only. Python's lock is kept meanwhile: Python threads that compute take turns.
    """
    share = compiled(share)
    name = share._cache.name

    @intrinsic
    def launch(typing, T, args):
        def generate(context, builder, signature, values):
            T, args = values
            kinds = _share_kinds(signature.args[1])

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
        launch(T, args)

    dispatcher = njit(no_cfunc_wrapper=True, **OPTIONS)(run)
    dispatcher._cache = _LaunchCache(name)
    dispatcher.share = symbols.callable_by_symbol(share)  # for compiled code
    return dispatcher


def _share_kinds(args) -> tuple:
    """Return what a share is compiled for: t, T and the rest."""
    return types.int64, types.int64, *args


def _without_owner(context, builder, kind, value):
    """Return an array without its owner, which outlives the call; anything else as it is.

    Threads that count references to the same array would wait for each other.
    """
    if not isinstance(kind, types.Array):
        return value
    array = make_array(kind)(context, builder, value)
    for owner in "meminfo", "parent":
        setattr(array, owner, cgutils.get_null_value(getattr(array, owner).type))
    return array._getvalue()


def _task(module, call, args_type) -> ir.Function:
    """Write the function that the pool calls for some of the shares, from one to all of them.

    Their number is sizes[0], T is sizes[1], and the first of them is as far behind data as
    bases[0] is, for the pool goes one byte ahead for each.
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
    """Have Numba's pool of threads call task for the shares 0 to T - 1."""
    num_threads = cgutils.get_or_insert_function(
        builder.module, ir.FunctionType(INT, []), "get_num_threads"
    )
    parallel_for = cgutils.get_or_insert_function(
        builder.module, PARALLEL_FOR, "numba_parallel_for"
    )
    data = builder.bitcast(cgutils.alloca_once_value(builder, args), POINTER)
    bases = cgutils.alloca_once_value(builder, data)
    sizes = cgutils.alloca_once_value(builder, cgutils.pack_array(builder, [T, T]))
    steps = cgutils.alloca_once_value(builder, WORD(1))
    pointers = [builder.bitcast(pointer, POINTER) for pointer in (task, bases, sizes, steps)]
    numbers = [WORD(1), WORD(1), builder.call(num_threads, [])]
    builder.call(parallel_for, [*pointers, data, *numbers])


class _LaunchCache(DiskCache):
    """Sees to it that the pool and the share are there before what calls them is.

    The share would be compiled in any case, but compiling within compiling takes Numba longer.
    """

    def __init__(self, share: str):
        super().__init__(f"{share} on threads")
        self.share = share

    def load_overload(self, sig, target_context):
        """Return the function compiled for this signature (T, (args)), or None."""
        threads.layer()
        _, args = sig
        symbols.link(self.share, _share_kinds(args))
        return super().load_overload(sig, target_context)
