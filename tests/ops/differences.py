"""What is deliberately different from PyTorch: the table in docs/pytorch.md, and who may use it.

A difference that random programs run into is tolerated under the id of its row, so nothing is
tolerated that the table does not name.
"""

import re
from pathlib import Path
from typing import Any, NamedTuple

from .programs import Step

TABLE = Path(__file__).parents[2] / "docs" / "pytorch.md"
BETWEEN_CELLS = re.compile(r"(?<!\\)\|")


def read_table() -> dict[str, list[str]]:
    """Return the rows of the table in docs/pytorch.md, each under its id."""
    rows = [line for line in TABLE.read_text("utf-8").splitlines() if line.startswith("| `")]
    cells = [[cell.strip() for cell in BETWEEN_CELLS.split(row)[1:-1]] for row in rows]
    return {first.strip("`"): rest for first, *rest in cells}


DIFFERENCES = read_table()


class Seen(NamedTuple):
    """A difference: the line, what it is, and what either library made of the line.

    `what` is "refused" (then an exception and None are what they made of it), or how an array or
    gradient differs, or "overflow", "nan among the operands" and the like.
    """

    step: Step
    what: str
    ours: Any = None
    theirs: Any = None
    empty: bool = False  # whether PyTorch made something without entries


def only_theirs(message, about=".*"):
    """PyTorch refuses, in such words, and minae does not."""
    return lambda seen: seen.ours is None and _refuses(seen, seen.theirs, message, about)


def only_ours(message, about=".*"):
    """Minae refuses, in such words, and PyTorch does not."""
    return lambda seen: seen.theirs is None and _refuses(seen, seen.ours, message, about)


def _refuses(seen, error, message, about):
    if seen.what != "refused" or not re.fullmatch(about, seen.step.about):
        return False
    return re.search(message, str(error)) is not None


def becomes(what, about=".*"):
    """Results or operands are so."""
    return lambda seen: (
        re.match(what, seen.what) is not None and re.fullmatch(about, seen.step.about) is not None
    )


# Operations that keep an array which PyTorch does not: the quotient instead of the dividend, both
# factors though only one of them needs a gradient, and the like.
KEEP_MORE = (
    "Div|ELU|GetItem|KLDivLoss|L1Loss|LayerNorm|Linear|Mul|Pow|Remainder|ScaledDotProductAttention"
)

TOLERATED = {
    "rounding": becomes("overflow"),
    "nan-in-products": becomes("(nan|inf) among", "conv.*|.*_norm"),
    "fewer-nan": lambda seen: (
        becomes("gradient nan in PyTorch only")(seen)
        or becomes("nan in PyTorch only", "gelu|log_softmax|scaled.*|.*_with_logits")(seen)
    ),
    "at-nan": lambda seen: (
        becomes("gradient at nan nan")(seen)
        or becomes("nan or inf", "sign")(seen)
        or becomes("nan among", "max_pool.*|relu")(seen)
        or only_theirs("between 0 and 1", "binary_cross_entropy")(seen)
    ),
    "dtypes": only_theirs(
        "not implemented for|only support floating|could not infer output dtype|not support bool"
        "|Boolean inputs|Integral inputs|INTERNAL ASSERT|same d|dtype"
        "|output type Bool|expected scalar type|should be the same|must have the same"
    ),
    "dtypes-of-results": becomes(
        "dtype (float.*|int64), not",
        "(log_)?softmax|conv.*|linear|matmul|.*_norm|.*loss|einsum|outer|bmm",
    ),
    "any-of-bytes": becomes("dtype bool, not uint8", "any|all"),
    "bool-minus": only_theirs("Subtraction, the `-` operator, with (a|two) bool"),
    "in-place": only_ours("writes into the array of x, where", "write"),
    "fractions": only_ours("cannot hold|cannot be held", "write|pad|masked_fill"),
    "expanded": only_ours("x is read-only, or expanded", "write"),
    "overlap": lambda seen: (
        becomes("overlap")(seen) or only_theirs("some elements of the input tensor and")(seen)
    ),
    "numbers": only_ours("out of range for a tensor of"),
    "index-of-nothing": lambda seen: seen.empty and only_ours("is out of range", "getitem")(seen),
    "cat-empty": only_ours("is out of range|may differ along dim", "cat"),
    "softplus": becomes("values", "softplus"),
    "minus-inf": lambda seen: "**" in seen.step.text and becomes("nan or inf")(seen),
    "int-powers": only_ours("integer to a negative power", "pow|[*][*]|write"),
    "loss-shapes": only_ours("has shape .* but target", ".*loss|binary.*|kl_div"),
    "split-views": only_theirs(
        "is the output of a function that returns multiple views|Output . of"
    ),
    "nothing-to-normalise": lambda seen: (
        only_ours("one value per channel|leaves nothing to normal")(seen)
        or only_theirs("index 0 out of range", "batch_norm")(seen)
    ),
    "layouts": becomes("copies|shares memory", "reshape|flatten|contiguous"),
    "saved": only_ours(f"^(its output|an input) of ({KEEP_MORE}) ", "backward"),
    "no-derivative": lambda seen: (
        becomes("requires_grad False", "//|floor_divide|write")(seen)
        or only_theirs("derivative for .* is not implemented")(seen)
    ),
}


def tolerated(seen: Seen) -> bool:
    """Return whether this is a difference that the table names."""
    return any(name for name, is_it in TOLERATED.items() if is_it(seen))
