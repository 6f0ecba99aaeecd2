"""Shapes, borders, indices and equations that do not fit are refused, in words that name them."""

import math

import numpy as np
import pytest

from minae import ops, tensor, zeros

X, IDS = zeros(2, 3, 4), tensor([0, 1])
U8 = np.uint8

REFUSED = {}  # for an exception, the messages and the calls
REFUSED[ValueError] = {
    r"reshape: the 3 entries of \(3,\) do not fit into \(2, 2\)": lambda: zeros(3).reshape(2, 2),
    r"do not fit into \(0, -1\)": lambda: zeros(0, 3).reshape(0, -1),
    r"do not fit into \(-1, -1\)": lambda: X.reshape(-1, -1),
    r"do not fit into \(-2, -12\)": lambda: X.reshape(-2, -12),
    "flatten: start_dim 2 comes after end_dim 1": lambda: X.flatten(2, 1),
    r"squeeze: dims \(0, -3\) name a dimension twice": lambda: X.squeeze((0, -3)),
    r"permute: dims \(0, 0, 1\) name a dimension twice": lambda: X.permute(0, 0, 1),
    r"permute: dims \(0, 1\) must name each of the 3": lambda: X.permute(0, 1),
    r"movedim: source \(0, 1\) and destination 2": lambda: X.movedim((0, 1), 2),
    r"movedim: dims \(0, 0\) name a dimension twice": lambda: X.movedim((0, 0), (1, 2)),
    r"mT is for one or more matrices, not for the shape \(3,\)": lambda: zeros(3).mT,
    r"\(2, 3, 4\) does not expand to \(4,\)": lambda: X.expand(4),
    r"does not expand to \(-1, 2, 3, 4\)": lambda: X.expand(-1, 2, 3, 4),
    r"does not expand to \(2, 3, 5\)": lambda: X.expand(2, 3, 5),
    r"does not expand to \(2, 3, -2\)": lambda: X.expand(2, 3, -2),
    r"repeat: \(2,\) needs a number >= 0 for each": lambda: X.repeat(2),
    r"repeat: \(2, -1, 1\)": lambda: X.repeat(2, -1, 1),
    r"flip: dims \(0, -3\) name a dimension twice": lambda: X.flip(0, -3),
    "cat: there must be at least one": lambda: ops.cat([]),
    r"cat: the shapes \[\(2, 3\), \(3, 2\)\]": lambda: ops.cat([zeros(2, 3), zeros(3, 2)]),
    r"cat: the shapes \[\(2, 3\), \(0,\)\]": lambda: ops.cat([zeros(2, 3), zeros(0)]),
    r"cat: a tensor of shape \(\).*use stack": lambda: ops.cat([zeros(), zeros()]),
    r"stack: the shapes \[\(2,\), \(3,\)\]": lambda: ops.stack([zeros(2), zeros(3)]),
    "stack: there must be at least one": lambda: ops.stack([]),
    r"split: parts of \[1, 1\] do not add up to the length 3": lambda: zeros(3).split([1, 1]),
    r"split: parts of \[-1, 4\]": lambda: zeros(3).split([-1, 4]),
    "split: split_size must be positive, not 0": lambda: zeros(3).split(0),
    "chunk: chunks must be positive, not -1": lambda: zeros(3).chunk(-1),
    r"pad: pad \(1,\) must be two widths": lambda: ops.pad(zeros(3), (1,)),
    r"pad: pad \(1, 1, 1, 1\) must be .* up to 1": lambda: ops.pad(zeros(3), (1,) * 4),
    r"pad: \(-2, -2\) cuts off more than the 3 of dim 0": lambda: ops.pad(zeros(3), (-2, -2)),
    r"pad: \(-4, 2\) cuts off more": lambda: ops.pad(zeros(3), (-4, 2)),
    "reflect has widths of 0 to 3 along dim 2": lambda: ops.pad(X, (4, 0), "reflect"),
    r"reflect .* not \(-1, 0\)": lambda: ops.pad(X, (-1, 0), "reflect"),
    "replicate has widths of 0 to 0": lambda: ops.pad(zeros(2, 0), (1, 0), "replicate"),
    "circular has widths of 0 to 4": lambda: ops.pad(X, (5, 0), "circular"),
    "one of constant, reflect, replicate, circular, not 'zero'": lambda: ops.pad(X, (1, 1), "zero"),
    "pad: mode is one of .* not 0.5": lambda: ops.pad(X, (1, 1), 0.5),
    "pad: mode 'reflect' takes no value": lambda: ops.pad(X, (1, 1), "reflect", 0.5),
    "pad: value 0.5 cannot be held by .* int64": lambda: ops.pad(IDS, (1, 1), value=0.5),
    "pad: value nan cannot be held": lambda: ops.pad(IDS, (1, 1), value=math.nan),
    "pad: value 2 cannot be held by .* bool": lambda: ops.pad(X > 0, (1, 1), value=2),
    "value 256 .* uint8": lambda: ops.pad(zeros(2, dtype=U8), (1, 1), value=256),
    "value 1e[+]39 .* float32": lambda: ops.pad(X, (1, 1), value=1e39),
    r"gather: index \(2,\) must have as many .* \(3, 2\)": lambda: zeros(3, 2).gather(0, IDS),
    r"gather: index \(2, 1\) is longer than x \(1, 3\) beside dim 1": (
        lambda: zeros(1, 3).gather(1, IDS[:, None])
    ),
    r"scatter_add: src \(1,\) is shorter": lambda: zeros(2).scatter_add(0, IDS, zeros(1)),
    "index_select: index must have one dimension": lambda: X.index_select(1, IDS[None]),
    "embedding: padding_idx 5 is none of the 5 rows": lambda: ops.embedding(IDS, zeros(5, 2), 5),
    "embedding: padding_idx -6 is none": lambda: ops.embedding(IDS, zeros(5, 2), -6),
    r"embedding: weight must be \(rows, features\)": lambda: ops.embedding(IDS, zeros(5)),
    "masked_fill: value 0.5 cannot be held": lambda: IDS.masked_fill(IDS > 0, 0.5),
    "masked_fill: value 1.5 cannot be held": lambda: IDS.masked_fill(IDS > 0, tensor(1.5)),
    "tril: x must have at least two dimensions": lambda: zeros(3).tril(),
    "one_hot: num_classes must be given": lambda: ops.one_hot(IDS[:0]),
    r"topk: k must be from 0 to 3 for the shape \(3,\), not 4": lambda: zeros(3).topk(4),
    r"topk: k must be from 1 to 1 for the shape \(\)": lambda: zeros().topk(0),
    "norm: p must be a number > 0 or 'fro', not 0": lambda: X.norm(0),
    "norm: p must be .* not 'nuc'": lambda: X.norm("nuc"),
    "norm: no largest among no entries": lambda: zeros(2, 0).norm(math.inf, 1),
    "outer: x and y must have one dimension each": lambda: ops.outer(X, X),
    r"bmm: .* not \(1, 2, 3\) and \(2, 3, 2\)": lambda: ops.bmm(zeros(1, 2, 3), zeros(2, 3, 2)),
    r"bmm: .* not \(2, 3\) and \(3, 2\)": lambda: ops.bmm(zeros(2, 3), zeros(3, 2)),
    "'ij,jk' is for 2 operands, not 1": lambda: ops.einsum("ij,jk", zeros(2, 3)),
    "'ij' in 'ij,j' does not name 1 dim": lambda: ops.einsum("ij,j", zeros(2), zeros(2)),
    "'i->ii' must name dimensions of operands, once": lambda: ops.einsum("i->ii", zeros(2)),
    "'i->j' must name dimensions": lambda: ops.einsum("i->j", zeros(2)),
    "'i' stands for 2 and 3 in one operand": lambda: ops.einsum("ii", zeros(2, 3)),
    "'i' stands for both 2 and 3": lambda: ops.einsum("i,i", zeros(2), zeros(3)),
    "'...' stands for both 2 and 3": lambda: ops.einsum("...,...", zeros(2), zeros(3)),
    r"'i\?' must be letters": lambda: ops.einsum("i?", zeros(2, 3)),
}

REFUSED[TypeError] = {
    "reshape: shape must be an integer, not 2.5": lambda: X.reshape(2.5, -1),
    "dim must be an integer, not True": lambda: X.squeeze(True),
    "flip: dims must be an integer, not 1.0": lambda: X.flip(1.0),
    "cat: tensors must be a list or a tuple": lambda: ops.cat(X),
    "split: split_size must be an integer": lambda: zeros(3).split(1.5),
    "pad: value must be a number, not 'a'": lambda: ops.pad(X, (1, 1), value="a"),
    "are an index, not 1.0": lambda: X[1.0],
    "are an index, not 'a'": lambda: X["a"],
    "holds integers or booleans, not float32": lambda: X[tensor([0.0, 1.0])],
    "a list holds integers or booleans; use a tuple": lambda: X[[[0, 1], [1, 0]]],
    "an index of uint8 could be meant as a mask": lambda: X[zeros(2, dtype=U8)],
    "an end of a slice must be an integer, not 1.5": lambda: X[:1.5],
    "gather: index must be integers, not float32": lambda: zeros(2).gather(0, zeros(2)),
    "gather: index must be integers, not bool": lambda: zeros(2).gather(0, zeros(2) > 0),
    "scatter_add: src is int64, but x float32": lambda: zeros(2).scatter_add(0, IDS, IDS),
    "embedding: index must be integers, not bool": lambda: ops.embedding(IDS > 0, zeros(5, 2)),
    "embedding: index must be integers, not float32": lambda: ops.embedding(zeros(2), zeros(5, 2)),
    "masked_fill: mask must be boolean, not int64": lambda: zeros(2).masked_fill(IDS, 0),
    "masked_fill: value must be a number": lambda: X.masked_fill(X > 0, "a"),
    r"masked_fill: value must have the shape \(\)": lambda: X.masked_fill(X > 0, zeros(4)),
    "triu: diagonal must be an integer, not 0.5": lambda: X.triu(0.5),
    "one_hot: index must be integers": lambda: ops.one_hot(zeros(2)),
    "topk: k must be an integer": lambda: zeros(3).topk(1.0),
    "norm: x must hold floats, not int64": lambda: IDS.norm(),
    "tensors, one after another, not list": lambda: ops.einsum("i,i", [zeros(2)]),
}

REFUSED[IndexError] = {
    "getitem: index 2 is out of range for dim 0 of length 2": lambda: X[2],
    "getitem: index -4 is out of range for dim 1 of length 3": lambda: X[:, -4],
    "getitem: index 4 is out of range for dim 2 of length 4": lambda: X[..., [0, 4]],
    r"4 indices are too many for the shape \(2, 3, 4\)": lambda: X[0, 0, 0, 0],
    "one '...', not 2": lambda: X[..., 0, ...],
    r"a mask of \(3,\) for lengths of \(2,\)": lambda: X[np.ones(3, bool)],
    r"index arrays of \(2,\), \(3,\) do not go together": lambda: X[[0, 1], [0, 1, 2]],
    "gather: index -1 is out of range": lambda: zeros(2).gather(0, tensor([-1])),
    "gather: index 2 is out of range": lambda: zeros(2).gather(0, tensor([2])),
    "scatter_add: index 1 is out of range": lambda: zeros(1).scatter_add(0, IDS, zeros(2)),
    "index_select: index -1 is out of range for dim 1": lambda: X.index_select(1, tensor([-1])),
    "embedding: index 5 .* dim 0 of length 5": lambda: ops.embedding(tensor([0, 5]), zeros(5, 2)),
    "embedding: index -1 is out of range": lambda: ops.embedding(tensor([-1]), zeros(5, 2)),
    "dim 0 of length 0": lambda: ops.embedding(IDS, zeros(0, 2)),
    "one_hot: indices from -1 to 0": lambda: ops.one_hot(tensor([-1, 0])),
    "one_hot: indices from 0 to 1, but there are 1 classes": lambda: ops.one_hot(IDS, 1),
    "dim 3 is out of range for a tensor with 3 dimensions": lambda: X.movedim(0, 3),
}


@pytest.mark.parametrize(
    ("error", "message"), [(error, message) for error in REFUSED for message in REFUSED[error]]
)
def test_refused(error, message):
    with pytest.raises(error, match=message):
        REFUSED[error][message]()
