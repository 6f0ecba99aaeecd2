"""Parts of arrays for compiled code, made from their bounds alone.

A slice may begin and end anywhere, even beyond the array or counted from its end, and for each
Numba writes code for all of that. A view is less to compile: its bounds must lie within the array.
"""

from typing import Any

from numba import types
from numba.core import cgutils
from numba.core.imputils import impl_ret_borrowed
from numba.extending import intrinsic
from numba.np.arrayobj import make_array, make_view


def _view_along(axis) -> Any:
    """Return view(a, first, end), a[first:end] along an axis."""

    @intrinsic
    def view(typing, a, first, end):
        kind = a if axis == 0 else a.copy(layout="A")  # rows of contiguous arrays are contiguous

        def generate(context, builder, signature, values):
            whole, (_, first, end) = make_array(a)(context, builder, values[0]), values
            shape, strides = (
                cgutils.unpack_tuple(builder, x) for x in (whole.shape, whole.strides)
            )
            shape[axis] = builder.sub(end, first)
            bytes_before = builder.mul(first, strides[axis])
            start = builder.bitcast(whole.data, cgutils.voidptr_t)
            data = builder.bitcast(builder.gep(start, [bytes_before]), whole.data.type)
            part = make_view(context, builder, a, whole, kind, data, shape, strides)
            return impl_ret_borrowed(context, builder, kind, part._getvalue())

        return kind(a, types.int64, types.int64), generate

    return view


rows = _view_along(0)  # a[first:end]
columns = _view_along(1)  # a[:, first:end]
