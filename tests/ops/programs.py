"""Random programs: lines of Python that mean the same to minae and to PyTorch.

A program makes leaves (of many dtypes, values and layouts), applies operations to what there is so
far, writes into it in between, and walks back from some results at the end. While it is drawn,
PyTorch runs along: its answers say which shapes the next line may count on.
"""

import contextlib
import warnings
from typing import NamedTuple

import numpy as np
from hypothesis import strategies as st

import minae
from minae import Tensor, ops

from .cases import F, torch

SHAPES = [
    (2, 3),
    (3,),
    (),
    (3, 2),
    (1, 3),
    (2, 1),
    (3, 3),
    (1,),
    (2, 1, 3),
    (2, 3, 2),
    (0,),
    (0, 3),
]
DTYPES = ["float32"] * 8 + ["float64"] * 2 + ["int64", "int64", "uint8", "bool", "int32", "float16"]
FLOATS = [
    0.5,
    -1.25,
    2.0,
    1.0,
    0.3,
    -0.7,
    3.0,
    -2.0,
    1.7,
    0.9,
]  # some equal, so that there are ties
SPECIAL = [0.0, -0.0, np.inf, -np.inf, np.nan]
WILD = [1e30, -1e30, 1e-30, 65504.0, 88.0, -104.0]  # e^88 and e^-104 are the ends of float32
POOLS = {"i": [0, 1, 2, -1, 3, -3, 5], "u": [0, 1, 2, 254, 255, 3, 128], "b": [False, True]}
LAYOUTS = ["plain", "plain", "transposed", "strided", "broadcast"]


class Step(NamedTuple):
    """One line, and the name of the operation it is about."""

    text: str
    about: str


class Program(tuple[Step, ...]):
    """The lines in order. It prints as what can be run."""

    def __repr__(self):
        return "\n" + "\n".join(step.text for step in self)


def leaf_array(shape, dtype, values, layout):
    """Return an array of `shape` in some layout."""
    if layout == "broadcast":  # the first row, again and again
        row = np.array(values[: int(np.prod(shape[1:]))], dtype)
        return np.broadcast_to(row.reshape(1, *shape[1:]), shape)
    x = np.array(values, dtype)
    if layout == "transposed":
        return x.reshape(shape[::-1]).T
    if layout == "strided":
        return np.repeat(x, 2).reshape(*shape[:-1], 2 * shape[-1])[..., ::2]
    return x.reshape(shape)


def our_leaf(shape, dtype, values, layout="plain", requires_grad=False):
    return Tensor(leaf_array(shape, dtype, values, layout), requires_grad)


def their_leaf(shape, dtype, values, layout="plain", requires_grad=False):
    return torch.from_numpy(leaf_array(shape, dtype, values, layout)).requires_grad_(requires_grad)


def upstream_array(shape, dtype, number):
    """Return the gradient that a walk back begins with: anything but ones."""
    return np.cos(np.arange(1, 1 + np.prod(shape, dtype=int)) * (number + 0.5)).astype(dtype)


def functions(names, *modules):
    """Return what each name stands for in the first module that has it."""
    found = {}
    for name in names:
        found[name] = next(getattr(m, name) for m in modules if hasattr(m, name))
    return found


def environments(theirs):
    """Return the names of both libraries that programs use.

    Args:
        theirs: what PyTorch writes in another way than a function of the same name.
    """
    common = {"nan": np.nan, "inf": np.inf}
    here = {name: getattr(ops, name) for name in ops.__all__}
    shared = [n for n in ops.__all__ if n not in theirs and (hasattr(F, n) or hasattr(torch, n))]
    dtypes = ("float32", "float64", "int64", "bool")
    ours = {**common, **here, "no_grad": minae.no_grad, "leaf": our_leaf}
    ours |= {f"{name}_": getattr(np, name) for name in dtypes}
    ours["upstream"] = lambda x, n: Tensor(upstream_array(x.shape, x.dtype, n).reshape(x.shape))
    other = {**common, **functions(shared, F, torch), **theirs}
    other |= {"no_grad": torch.no_grad, "leaf": their_leaf}
    other |= {f"{name}_": getattr(torch, name) for name in dtypes}
    other["upstream"] = lambda x, n: torch.tensor(
        upstream_array(tuple(x.shape), str(x.dtype)[6:], n).reshape(x.shape)
    )
    return ours, other


def computed(t: torch.Tensor) -> bool:
    """Return whether gradients flow through t to leaves."""
    try:
        return t.requires_grad and not t.is_leaf
    except RuntimeError:  # one of several views, written into: PyTorch refuses to say
        return True


class Sketch:
    """A program in the making. Its methods draw what a line is made of, and give it as text."""

    def __init__(self, draw, theirs):
        self._draw = draw
        self.steps, self.names = [], dict(theirs)
        self.tensors: dict[str, torch.Tensor] = {}
        self.pool = FLOATS + self.one_of([[], SPECIAL, SPECIAL + WILD])
        self.count = 0

    def one_of(self, options):
        return self._draw(st.sampled_from(options))

    def integer(self, low, high):
        return self._draw(st.integers(low, high))

    def often(self):
        return self.one_of([True, True, True, False])

    def seldom(self):
        return self.one_of([False] * 7 + [True])

    # what a line is about

    def leaf(self, *shapes, dtypes=DTYPES, pool=None, plain=False) -> str:
        """Write a line that makes a leaf of one of the shapes; return its name."""
        shape, dtype = self.one_of(shapes or SHAPES), self.one_of(dtypes)
        kind = np.dtype(dtype).kind
        pool = pool or (self.pool if kind == "f" else POOLS[kind])
        layouts = LAYOUTS if shape and shape[0] > 1 and 0 not in shape else LAYOUTS[:-1]
        layout = "plain" if plain or not shape or 0 in shape else self.one_of(layouts)
        values = [self.one_of(pool) for _ in range(int(np.prod(shape)))]
        notes = "" if layout == "plain" else f", {layout!r}"
        if kind == "f" and not plain and self.often():
            notes += ", requires_grad=True"
        return self.define(f"leaf({shape}, {dtype!r}, {values}{notes})", "leaf")[0]

    def tensor(self, *shapes, dims=None, dtypes=DTYPES, pool=None) -> str:
        """Return the name of a tensor, perhaps a new one.

        Of one of the shapes, if any are given; else with as many dimensions as `dims` lists.
        """

        def fits(t):
            known = tuple(t.shape) in shapes if shapes else dims is None or t.dim() in dims
            return known and str(t.dtype)[6:] in dtypes

        found = [name for name, t in self.tensors.items() if fits(t)][::-1]
        if name := self.one_of([*found, None]):
            return name
        new = shapes or [s for s in SHAPES if dims is None or len(s) in dims]
        return self.leaf(*new, dtypes=dtypes, pool=pool)

    def floats(self, *shapes, **options) -> str:
        return self.tensor(*shapes, dtypes=[d for d in DTYPES if d.startswith("float")], **options)

    def alike(self, name, *shapes, **options) -> str:
        """Return a tensor of one of the shapes and this one's dtype, seldom another."""
        dtypes = DTYPES if self.seldom() else [self.dtype(name)]
        return self.tensor(*shapes, dtypes=dtypes, **options)

    def beside(self, name, numbers=True) -> str:
        """Return a tensor that broadcasts with this one, or a number."""
        shape = self.shape(name)
        if numbers and not self.often():
            return self.number(name)
        if self.seldom():
            return self.tensor()
        row = shape[-1:] if shape else ()
        column = (*shape[:-1], 1) if shape else ()
        return self.tensor(shape, row, column)

    def constant(self, name) -> str:
        """Return the tensor, or number, without its history."""
        needed = name in self.tensors and self.tensors[name].requires_grad
        return f"{name}.detach()" if needed else name

    def number(self, name) -> str:
        """Return a number to go with the tensor."""
        large = [] if self.dtype(name) == "float16" else [2**20]
        return repr(self.one_of([2, 0.5, -1, 0, 1, 3, -2.5, 0.0, True, 255, *large]))

    def shape(self, name) -> tuple[int, ...]:
        return tuple(self.tensors[name].shape)

    def dtype(self, name) -> str:
        return str(self.tensors[name].dtype)[6:]

    def shuffled(self, items) -> tuple:
        return tuple(self._draw(st.permutations(items)))

    def dim(self, name) -> int:
        """Draw a dimension of the tensor, seldom one that it has not."""
        n = self.tensors[name].dim()
        if self.seldom() and self.seldom():
            return self.one_of([n + 1, -n - 2])
        return self.integer(-n, n - 1) if n else self.one_of([0, -1])

    def dims(self, name):
        """Draw None, one dimension or several."""
        n = self.tensors[name].dim()
        if self.one_of([True, False, False]):
            return None
        if not n or not self.often():
            return self.dim(name)
        several = st.lists(st.integers(0, n - 1), min_size=1, max_size=n, unique=True)
        return tuple(d - self.one_of([0, n]) for d in self._draw(several))

    # lines

    def define(self, text, about) -> list[str]:
        """Write `t7 = text`, or `t7, t8 = text`; return the names, none where PyTorch refuses."""
        try:
            value = self.run(eval, text)
        except Exception:
            self.write(f"t{self.count} = {text}", about)
            self.count += 1
            return []
        several = isinstance(value, (tuple, list))
        values = list(value) if several else [value]
        new = [f"t{self.count + i}" for i in range(len(values))]
        self.count += len(values)
        left = ", ".join(new) + ("," if several and len(new) == 1 else "")
        self.write(f"{left} = {text}", about)
        for name, t in zip(new, values, strict=True):
            self.names[name] = self.tensors[name] = t
        return new

    def do(self, text, about):
        """Write a line that makes nothing new."""
        with contextlib.suppress(Exception):
            self.run(exec, text)
        self.write(text, about)

    def run(self, how, text):
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            return how(text, self.names)

    def write(self, text, about):
        self.steps.append(Step(text, about))

    def finish(self):
        """Walk back from one or two results."""
        roots = [n for n, t in self.tensors.items() if computed(t)]
        if not roots:
            return
        roots = roots[::-1]
        chosen = [self.one_of(roots[:3]), *([self.one_of(roots)] if self.often() else [])]
        for i, name in enumerate(chosen):
            keep = ", retain_graph=True" if i + 1 < len(chosen) else ""
            number = self.integer(0, 3)
            self.write(f"{name}.backward(upstream({name}, {number}){keep})", "backward")
