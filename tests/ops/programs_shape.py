"""What a random program may say of shapes, indices, joining and cutting: see programs_ops."""

from .programs import Sketch

INTEGERS = ["int64"]


def getitem(s: Sketch, name):
    x = s.tensor()
    return f"{x}[{index(s, x)}]"


def index(s: Sketch, name):
    """Draw what may stand in x[...]."""
    shape, parts = s.shape(name), []
    if s.seldom():
        return s.tensor(shape, dtypes=["bool"])
    for n in shape[: s.integer(0, len(shape))]:
        kind = s.one_of([":", "number", "slice", "list", "tensor", "mask", "None"])
        if kind == "number":
            parts.append(str(s.integer(-n, n - 1) if n and s.often() else s.one_of([0, -1, 7])))
        elif kind == "slice":
            parts.append(s.one_of(["1:", ":-1", "::2", "1:2", "-1:", ":0", "5:"]))
        elif kind == "list":
            parts.append(s.one_of(["[0]", "[0, -1, 0]"]))
        elif kind == "tensor":
            parts.append(s.leaf((2,), (3,), (), (2, 1), dtypes=INTEGERS, pool=[0, -1, n - 1]))
        elif kind == "mask":
            parts.append(s.tensor((n,), dtypes=["bool"]))
        else:
            parts += ["None", ":"] if kind == "None" else [":"]
    if s.seldom():
        parts.append("...")
    return ", ".join(parts) or "..."


def gather(s: Sketch, name):
    """f(x, dim, index), and for scatter_add what is added there."""
    x = s.tensor(dims=[1, 2, 3])
    dim, shape = s.dim(x), list(s.shape(x))
    d = dim % len(shape)
    n, shape[d] = shape[d], s.integer(1, 3)
    position = s.leaf(tuple(shape), dtypes=INTEGERS, pool=range(max(n, 1)))
    source = f", {s.alike(x, tuple(shape))}" if name == "scatter_add" else ""
    return f"{name}({x}, {dim}, {position}{source})"


def index_select(s: Sketch, name):
    x = s.tensor(dims=[1, 2, 3])
    dim = s.dim(x)
    rows = range(max(s.shape(x)[dim % len(s.shape(x))], 1))
    return f"index_select({x}, {dim}, {s.leaf((2,), (3,), dtypes=INTEGERS, pool=rows)})"


def one_hot(s: Sketch, name):
    position = s.leaf((2,), (2, 3), (), dtypes=INTEGERS, pool=[0, 1, 2])
    return f"one_hot({position}, {s.one_of([3, 4, -1])})"


def reshape(s: Sketch, name):
    x = s.tensor()
    n = s.tensors[x].numel()
    shapes = [(n,), (-1,), (n, 1), (1, -1)] + [(a, n // a) for a in (2, 3) if n % a == 0]
    return f"{x}.reshape({s.one_of(shapes)})"


def permute(s: Sketch, name):
    x = s.tensor()
    return f"{x}.permute({s.shuffled(range(len(s.shape(x))))})"


def transpose(s: Sketch, name):
    """f(x, dim, dim)."""
    x = s.tensor()
    return f"{name}({x}, {s.dim(x)}, {s.dim(x)})"


def unsqueeze(s: Sketch, name):
    x = s.tensor()
    n = len(s.shape(x))
    return f"unsqueeze({x}, {s.integer(-n - 1, n)})"


def expand(s: Sketch, name):
    x = s.tensor()
    shape = tuple(s.one_of([-1, 3]) if n == 1 else s.one_of([-1, n]) for n in s.shape(x))
    return f"{x}.expand({s.one_of([(2, *shape), shape])})"


def repeat(s: Sketch, name):
    x = s.tensor()
    times = tuple(s.integer(0, 2) for _ in s.shape(x))
    return f"{x}.repeat({s.one_of([(2, *times), times or (2,)])})"


def flip(s: Sketch, name):
    x = s.tensor()
    dims = s.dims(x)
    return f"{x}.flip({(0,) if dims is None else dims})"


def joined(s: Sketch, name):
    x = s.tensor(dims=[1, 2, 3])
    y = s.tensor(s.shape(x)) if s.often() else s.tensor()
    return f"{name}([{x}, {y}], dim={s.dim(x)})"


def cut(s: Sketch, name):
    x = s.tensor(dims=[1, 2, 3])
    return f"{name}({x}, {s.one_of([1, 2, 3])}, dim={s.dim(x)})"


SHAPES = {
    "cat": joined,
    "chunk": cut,
    "expand": expand,
    "flip": flip,
    "gather": gather,
    "getitem": getitem,
    "index_select": index_select,
    "movedim": transpose,
    "one_hot": one_hot,
    "permute": permute,
    "repeat": repeat,
    "reshape": reshape,
    "scatter_add": gather,
    "split": cut,
    "stack": joined,
    "transpose": transpose,
    "unsqueeze": unsqueeze,
}
