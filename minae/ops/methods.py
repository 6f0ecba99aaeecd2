"""Which functions are Tensor's methods and operators, and under which names.

At run time they are copied onto Tensor. Type checkers and editors take `Methods` for its base
class: so `x.` offers them, and go-to-definition leads to the functions.
"""

import operator
from typing import TYPE_CHECKING, Any

import numpy as np

from minae.ops.arithmetic import reflected
from minae.ops.comparison import bitwise, comparison
from minae.ops.device import casting
from minae.ops.inplace import in_place
from minae.tensor import Tensor


class Methods:
    """What stands behind `x.` and beside `x`: functions whose first argument is the tensor."""

    __slots__ = ()

    from minae.autograd import backward
    from minae.ops.activations import gelu, relu, sigmoid, tanh
    from minae.ops.arithmetic import add, div, floor_divide, mul, pow, remainder, sub
    from minae.ops.arithmetic import where_method as where
    from minae.ops.axes import T, flip, movedim, mT, permute, transpose
    from minae.ops.comparison import all, any, isfinite, isinf, isnan
    from minae.ops.comparison import invert as __invert__
    from minae.ops.device import clone, contiguous, cpu, cuda, to
    from minae.ops.extremes import amax, amin, argmax, argmin, max, maximum, min, minimum
    from minae.ops.indexing import gather, index_select, scatter_add
    from minae.ops.inplace import setitem as __setitem__
    from minae.ops.joining import chunk, split
    from minae.ops.linear import matmul
    from minae.ops.masks import masked_fill, tril, triu
    from minae.ops.ordering import argsort, cumsum, sort, topk
    from minae.ops.pointwise import abs, ceil, clip, cos, exp, floor, log, round, sign, sin, sqrt
    from minae.ops.pointwise import neg as __neg__
    from minae.ops.products import bmm, outer
    from minae.ops.reductions import mean, norm, prod, std, sum, var
    from minae.ops.shape import expand, flatten, repeat, reshape, squeeze, unsqueeze
    from minae.ops.slicing import getitem as __getitem__
    from minae.ops.softmax import log_softmax, logsumexp, softmax

    clamp, view = clip, reshape
    half, float, double = casting(np.float16), casting(np.float32), casting(np.float64)
    int, long, bool = casting(np.int32), casting(np.int64), casting(np.bool_)
    eq, ne = comparison(operator.eq), comparison(operator.ne)
    lt, le = comparison(operator.lt), comparison(operator.le)
    gt, ge = comparison(operator.gt), comparison(operator.ge)

    neg, __abs__ = __neg__, abs
    __add__, __radd__, __iadd__ = add, reflected(add), in_place(add, "+")
    __sub__, __rsub__, __isub__ = sub, reflected(sub), in_place(sub, "-")
    __mul__, __rmul__, __imul__ = mul, reflected(mul), in_place(mul, "*")
    __truediv__, __rtruediv__, __itruediv__ = div, reflected(div), in_place(div, "/")
    __pow__, __rpow__, __ipow__ = pow, reflected(pow), in_place(pow, "**")
    __mod__, __rmod__, __imod__ = remainder, reflected(remainder), in_place(remainder, "%")
    __floordiv__, __rfloordiv__ = floor_divide, reflected(floor_divide)
    __ifloordiv__ = in_place(floor_divide, "//")
    __matmul__, __rmatmul__ = matmul, reflected(matmul)
    __and__ = __rand__ = bitwise(operator.and_, "&")
    __or__ = __ror__ = bitwise(operator.or_, "|")
    __xor__ = __rxor__ = bitwise(operator.xor, "^")
    __lt__, __le__, __gt__, __ge__ = lt, le, gt, ge
    __hash__ = object.__hash__  # == compares entry by entry, so identity is what hashes
    if TYPE_CHECKING:  # an assignment would be held to the type that == has for objects: bool

        def __eq__(self, y: Any) -> Tensor: ...  # pyright: ignore[reportIncompatibleMethodOverride]
        def __ne__(self, y: Any) -> Tensor: ...  # pyright: ignore[reportIncompatibleMethodOverride]
    else:
        __eq__, __ne__ = eq, ne


for _name, _value in vars(Methods).items():
    if callable(_value) or isinstance(_value, property):
        setattr(Tensor, _name, _value)
