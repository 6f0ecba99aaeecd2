"""Work cut into shares, each on a thread of its own.

Numba's way from a loop over threads to its body leads through four modules, and each compiles anew
whatever the body calls. Here the body calls one function by a symbol of ours: it is compiled once.
"""

import llvmlite.binding
from numba import njit, prange, types
from numba.core import cgutils
from numba.extending import intrinsic

from minae.kernels.cpu.compiled import OPTIONS, DiskCache, compiled


def parallel(share):
    """Make `share(t, T, *args)` a function of (T, *args) that runs shares 0 to T - 1 at once.

    With T = 1 the share is called in place: no thread is woken, which small work would wait longer
    for than take. A share returns nothing; its arrays are contiguous, so that it is compiled for
    one layout only.
    """
    share = compiled(share)

    @intrinsic
    def call(typing, t, T, args):
        def generate(context, builder, signature, values):
            t, T, args = values
            kinds = (types.int64, types.int64, *signature.args[2])
            kind = context.call_conv.get_function_type(types.none, kinds)
            function = cgutils.get_or_insert_function(builder.module, kind, _link(share, kinds))
            t, T = (
                context.cast(builder, value, given, types.int64)
                for value, given in zip((t, T), signature.args, strict=False)
            )
            values = [t, T, *cgutils.unpack_tuple(builder, args)]
            context.call_conv.call_function(builder, function, types.none, kinds, values)
            return context.get_dummy_value()

        return types.none(t, T, args), generate

    def run(T, *args):
        if T == 1:
            call(0, 1, args)
        else:
            for t in prange(T):
                call(t, T, args)

    dispatcher = njit(parallel=True, no_cfunc_wrapper=True, **OPTIONS)(run)
    dispatcher._cache = _LinkingCache(share)
    dispatcher.share = share  # for compiled code that calls one itself
    return dispatcher


def _link(share, kinds: tuple) -> str:
    """Compile the share for such arguments, and return the symbol by which it can be called."""
    share.compile(kinds)
    result = share.overloads[kinds]
    symbol = f"minae {share._cache.name} {kinds}"
    address = result.library.get_pointer_to_function(result.fndesc.llvm_func_name)
    llvmlite.binding.add_symbol(symbol, address)
    return symbol


class _LinkingCache(DiskCache):
    """Sees to it that the share is there before what calls it is loaded."""

    def __init__(self, share):
        super().__init__(share.py_func)
        self.share = share
        self.name += " on threads"

    def load_overload(self, sig, target_context):
        """Return the function compiled for this signature (T, (args)), or None."""
        _, args = sig
        _link(self.share, (types.int64, types.int64, *args))
        return super().load_overload(sig, target_context)
