"""Products of several tensors, made of matrix products, sums and changes of shape."""

import math
import re
from collections import Counter

import numpy as np

from minae.ops.arithmetic import mul
from minae.ops.axes import movedim, permute
from minae.ops.linear import matmul
from minae.ops.reductions import sum as summed
from minae.ops.shape import expand, reshape, unsqueeze
from minae.ops.slicing import ARRAY, GetItem
from minae.tensor import Tensor

Names = list[str | int]  # of dimensions: letters, and -1, -2, ... for those that "..." stands for


def outer(x: Tensor, y: Tensor) -> Tensor:
    """Return the product of every entry of x (N,) with every entry of y (M,): (N, M)."""
    if x.ndim != 1 or y.ndim != 1:
        raise ValueError(
            f"outer: x and y must have one dimension each, not {x.shape} and {y.shape}"
        )
    return mul(unsqueeze(x, 1), y)


def bmm(x: Tensor, y: Tensor) -> Tensor:
    """Return the matrix products of x (N, M, K) and y (N, K, P), one by one: (N, M, P)."""
    if x.ndim != 3 or y.ndim != 3 or len(x) != len(y) or x.shape[2] != y.shape[1]:
        raise ValueError(f"bmm: (N, M, K) and (N, K, P) go together, not {x.shape} and {y.shape}")
    return matmul(x, y)


def einsum(equation: str, *operands: Tensor) -> Tensor:
    """Return the sum of products that an equation describes: "ik,kj->ij" is the matrix product.

    A letter names a dimension. Dimensions of one name have the same length, or 1; a letter twice in
    one operand takes the diagonal. What the output does not name is summed over. Without "->", the
    output has the letters that occur once, in alphabetical order. "..." stands for any further
    dimensions, which broadcast. The tensors are multiplied from left to right.

    Raises TypeError for operands that are no tensors, ValueError for an equation that does not fit.
    """
    if not operands or not all(isinstance(x, Tensor) for x in operands):
        kinds = ", ".join(type(x).__name__ for x in operands) or "none"
        raise TypeError(f"einsum: operands must be tensors, one after another, not {kinds}")
    terms, output = _parse(equation, [x.ndim for x in operands])
    factors = [_diagonal(x, names) for x, names in zip(operands, terms, strict=True)]
    lengths = _lengths(factors)
    factors = [(expand(x, [lengths[name] for name in own]), own) for x, own in factors]
    product, names = factors[0]
    for i, (x, own) in enumerate(factors):
        later = {name for _, others in factors[i + 1 :] for name in others} | set(output)
        if i:
            product, names = _multiplied(product, names, x, own, later)
        product, names = _summed(product, names, later)
    return permute(product, [names.index(name) for name in output])


def _parse(equation: str, ndims: list[int]) -> tuple[list[Names], Names]:
    """Return the names of every operand's dimensions, and of the output's."""
    left, arrow, right = equation.replace(" ", "").partition("->")
    texts = left.split(",")
    if len(texts) != len(ndims):
        raise ValueError(f"einsum: {equation!r} is for {len(texts)} operands, not {len(ndims)}")
    for text in (*texts, right):
        if not re.fullmatch(r"[a-zA-Z]*(\.\.\.)?[a-zA-Z]*", text):
            raise ValueError(f"einsum: in {equation!r}, {text!r} must be letters and one '...'")
    terms = []
    for text, ndim in zip(texts, ndims, strict=True):
        rest = ndim - len(text.replace("...", ""))
        if rest < 0 or (rest and "..." not in text):
            raise ValueError(f"einsum: {text!r} in {equation!r} does not name {ndim} dimensions")
        terms.append(_names(text, rest))
    found = Counter(name for names in terms for name in names)
    further = -min((name for name in found if isinstance(name, int)), default=0)
    if not arrow:
        letters = sorted(name for name in found if isinstance(name, str) and found[name] == 1)
        return terms, [*range(-further, 0), *letters]
    output = _names(right, further)
    if len(set(output)) < len(output) or not set(output) <= set(found):
        raise ValueError(
            f"einsum: the output of {equation!r} must name dimensions of operands, once"
        )
    return terms, output


def _names(text: str, rest: int) -> Names:
    before, dots, after = text.partition("...")
    return [*before, *(range(-rest, 0) if dots else ()), *after]


def _diagonal(x: Tensor, names: Names) -> tuple[Tensor, Names]:
    """Return x with every name once, and for a repeated one the diagonal."""
    for name in [name for name, count in Counter(names).items() for _ in range(count - 1)]:
        first = names.index(name)
        second = names.index(name, first + 1)
        n, m = x.shape[first], x.shape[second]
        if n != m:
            raise ValueError(f"einsum: {name!r} stands for {n} and {m} in one operand")
        places = np.arange(n, like=x.data)
        x = movedim(x, (first, second), (0, 1))
        x = GetItem.apply(x, places, places, index=(ARRAY, ARRAY))
        names = [name, *(other for i, other in enumerate(names) if i not in (first, second))]
    return x, names


def _lengths(operands: list[tuple[Tensor, Names]]) -> dict[str | int, int]:
    """Return the length that each name stands for; a length of 1 goes with any."""
    lengths = {}
    for x, names in operands:
        for n, name in zip(x.shape, names, strict=True):
            if lengths.setdefault(name, n) == 1:
                lengths[name] = n
            elif n not in (1, lengths[name]):
                what = repr(name) if isinstance(name, str) else "'...'"
                raise ValueError(f"einsum: {what} stands for both {lengths[name]} and {n}")
    return lengths


def _summed(x: Tensor, names: Names, keep: set) -> tuple[Tensor, Names]:
    """Return x summed over all dimensions but those to keep."""
    dims = tuple(d for d, name in enumerate(names) if name not in keep)
    return (summed(x, dims) if dims else x), [name for name in names if name in keep]


def _multiplied(
    a: Tensor, a_names: Names, b: Tensor, b_names: Names, keep: set
) -> tuple[Tensor, Names]:
    """Return the product of two operands, as a batch of matrix products, and its names."""
    a, a_names = _summed(a, a_names, keep | set(b_names))
    b, b_names = _summed(b, b_names, keep | set(a_names))
    lengths = dict(zip([*a_names, *b_names], [*a.shape, *b.shape], strict=True))
    batch = [name for name in a_names if name in b_names and name in keep]
    inner = [name for name in a_names if name in b_names and name not in keep]
    rows = [name for name in a_names if name not in b_names]
    columns = [name for name in b_names if name not in a_names]

    def arranged(x, names, *groups):
        """Return x with the dimensions of each group merged into one."""
        x = permute(x, [names.index(name) for group in (batch, *groups) for name in group])
        merged = [math.prod(lengths[name] for name in group) for group in groups]
        return reshape(x, [*(lengths[name] for name in batch), *merged])

    left, right = arranged(a, a_names, rows, inner), arranged(b, b_names, inner, columns)
    product = matmul(left, right) if inner else mul(left, right)  # (N, 1) times (1, M)
    names = [*batch, *rows, *columns]
    return reshape(product, [lengths[name] for name in names]), names
