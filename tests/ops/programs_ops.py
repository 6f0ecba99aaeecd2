"""What a random program may say: for every function of minae.ops, how a call of it is drawn.

An entry of the tables draws the text of a call. Both libraries read the same text; where PyTorch
has another name or other arguments, `THEIRS` says how it is written there.
"""

from functools import partial

from hypothesis import strategies as st

from .cases import torch
from .programs import Program, Sketch, environments
from .programs_layers import LAYERS, chosen
from .programs_shape import SHAPES, index

EXCEPTIONS = {  # functions that are in no table, and why
    "dropout": "random",
    "reparameterise": "random",
    "to": "moves between devices",
    "linear_stack": "takes lists; it is linear, several times",
    "gru": "takes a list",
    "lstm": "takes a list",
    "self_attention": "not PyTorch's",
    "gaussian_nll": "not PyTorch's",
    "gaussian_kl": "not PyTorch's",
    "setitem": "makes nothing: see in_place",
}


def unary(s: Sketch, name, **options):
    """f(x)."""
    return f"{name}({s.tensor()}{chosen(s, options)})"


def binary(s: Sketch, name):
    """f(x, y), of shapes that broadcast, seldom of others."""
    x = s.tensor()
    y = s.beside(x, numbers=False)
    if name == "floor_divide":  # in PyTorch it has no derivative, and says so only in backward
        x, y = s.constant(x), s.constant(y)
    return f"{name}({x}, {y})"


def infix(s: Sketch, name):
    """x + y, where one may be a number."""
    x = s.tensor()
    y = s.beside(x)
    if name == "//":
        x, y = s.constant(x), s.constant(y)
    return f"{x} {name} {y}" if s.often() else f"{y} {name} {x}"


def along(s: Sketch, name, dims="one", ndim=None, **options):
    """f(x, dim=...): "one" dimension, "any": none, one or several, or "maybe": none or one."""
    x = s.tensor(dims=ndim)
    dim = s.dims(x) if dims == "any" else s.dim(x)
    if dim is None or (dims == "maybe" and not s.often()):
        return f"{name}({x})"
    return f"{name}({x}, dim={dim}{chosen(s, options)})"


def where(s: Sketch, name):
    x = s.tensor()
    condition = s.tensor(s.shape(x), (), dtypes=["bool"])
    return f"where({condition}, {x}, {s.beside(x)})"


def masked_fill(s: Sketch, name):
    x = s.tensor()
    mask = s.tensor(s.shape(x), s.shape(x)[-1:], dtypes=["bool"])
    return f"masked_fill({x}, {mask}, {s.number(x)})"


def cast(s: Sketch, name):
    return f"cast({s.tensor()}, {s.one_of(['float32_', 'float64_', 'int64_', 'bool_'])})"


def clip(s: Sketch, name):
    low, high = s.one_of([None, 0, 0.5, -0.5]), s.one_of([2, 1.0, 0.25, None])
    low = -1.0 if low is high is None else low
    return f"clip({s.tensor()}, min={low}, max={high})"


def topk(s: Sketch, name):
    x = s.tensor(dims=[1, 2, 3])
    return f"topk({x}, {s.integer(0, 3)}, dim={s.dim(x)}{chosen(s, {'largest': [True, False]})})"


def norm(s: Sketch, name):
    return along(s, name, "any", p=[1, 2, 3.0, float("inf")], keepdim=[False, True])


UNARY = (
    "abs ceil clone contiguous cos exp flatten floor isfinite isinf isnan log neg relu round"
    " sigmoid sign silu sin softplus sqrt squeeze tanh"
)
BINARY = "add div floor_divide maximum minimum mul pow remainder sub"
INFIX = "+ - * / // % ** & | == != < <= > >="
IN_PLACE = ["+=", "*=", "-=", "/=", "**=", "//=", "%="]
KEEP = {"keepdim": [False, True]}
SPREAD = {**KEEP, "correction": [0, 1, 2]}
ORDER = {"descending": [False, True]}


def each(names: str, draw) -> dict:
    return dict.fromkeys(names.split(), draw)


DRAWN = {
    **each(UNARY, unary),
    **each(BINARY, binary),
    **each(INFIX, infix),
    **each("all amax amin any mean sum", partial(along, dims="any", **KEEP)),
    **each("argmax argmin max min prod", partial(along, dims="maybe", **KEEP)),
    **each("std var", partial(along, dims="any", **SPREAD)),
    **each("argsort sort", partial(along, **ORDER)),
    **each("cumsum log_softmax softmax", along),
    "cast": cast,
    "clip": clip,
    "elu": partial(unary, alpha=[1.0, 0.5]),
    "gelu": partial(unary, approximate=["none", "tanh"]),
    "leaky_relu": partial(unary, negative_slope=[0.01, 0.5]),
    "logsumexp": partial(along, **KEEP),
    "masked_fill": masked_fill,
    "norm": norm,
    "topk": topk,
    "tril": partial(unary, diagonal=[0, 1, -1]),
    "triu": partial(unary, diagonal=[0, 1, -1]),
    "where": where,
    **SHAPES,
    **LAYERS,
}
OPERATIONS = {name: partial(draw, name=name) for name, draw in DRAWN.items()}


def first_of_sorted(x, k, dim=-1, largest=True):
    """Return topk with the first of equal entries, which PyTorch leaves open."""
    return tuple(
        y.narrow(dim, 0, k) for y in torch.sort(x, stable=True, dim=dim, descending=largest)
    )


THEIRS = {
    "amax": lambda x, dim=(), keepdim=False: torch.amax(x, dim, keepdim),
    "amin": lambda x, dim=(), keepdim=False: torch.amin(x, dim, keepdim),
    "argsort": partial(torch.argsort, stable=True),
    "cast": lambda x, dtype: x.to(dtype),
    "contiguous": torch.Tensor.contiguous,
    "norm": lambda x, p=2, **options: torch.linalg.vector_norm(x, p, **options),
    "sort": lambda x, **options: torch.sort(x, stable=True, **options),
    "split": torch.split,
    "topk": first_of_sorted,
}
OUR_NAMES, THEIR_NAMES = environments(THEIRS)


def view(s: Sketch) -> tuple[str, str]:
    """Draw what shares its memory with a tensor, and what kind of view that is."""
    kind = s.one_of(["getitem", "detach", "T", "mT", "reshape", "unsqueeze", "expand", "permute"])
    if kind == "detach":
        return f"{s.tensor()}.detach()", kind
    if kind in ("T", "mT"):
        return f"{s.tensor(dims=[2])}.{kind}", kind
    return OPERATIONS[kind](s), kind


def in_place(s: Sketch) -> str:
    """Draw a line that writes into a tensor."""
    x = s.tensor()
    if s.one_of([True, False]):
        operator, y = s.one_of(IN_PLACE), s.beside(x)
        text = f"{x} {operator} {s.constant(y) if operator == '//=' else y}"
    else:
        text = f"{x}[{index(s, x)}] = {s.one_of([s.number(x), s.beside(x)])}"
    recorded = s.tensors[x].requires_grad and not (s.seldom() and s.seldom())
    return f"with no_grad(): {text}" if recorded or s.often() else text


@st.composite
def programs(draw, max_steps=12):
    """Draw a program of up to `max_steps` lines, beside those that make leaves and walk back."""
    s, names = Sketch(draw, THEIR_NAMES), sorted(OPERATIONS)
    for step in range(max_steps):
        if step and s.one_of([True] + [False] * 15):
            break
        what = s.one_of(["call", "call", "call", "view", "write"])
        if what == "call":
            name = s.one_of(names)
            s.define(OPERATIONS[name](s), name)
        elif what == "view":
            s.define(*view(s))
        else:
            s.do(in_place(s), "write")
    s.finish()
    return Program(s.steps)
