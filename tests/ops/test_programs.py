"""Random programs in minae and in PyTorch: the same results, gradients and refusals.

What may differ is in the table of docs/pytorch.md, and shown here row by row.
"""

import numpy as np
import pytest
from hypothesis import HealthCheck, given, seed, settings

from minae import Tensor, nn, ops, optim

from .cases import torch
from .differences import DIFFERENCES, TOLERATED
from .programs_check import check, execute
from .programs_ops import EXCEPTIONS, OPERATIONS, OUR_NAMES, THEIR_NAMES, programs

UNHURRIED = [HealthCheck.too_slow, HealthCheck.data_too_large, HealthCheck.large_base_example]


@settings(max_examples=500, suppress_health_check=UNHURRIED)
@given(programs())
def test_some_programs(program):
    check(program)


@pytest.mark.slow
@pytest.mark.timeout(3600)
@pytest.mark.parametrize("number", range(20))
def test_many_programs(number):
    @seed(number)
    @settings(max_examples=1000, suppress_health_check=UNHURRIED, database=None)
    @given(programs())
    def thousand(program):
        check(program)

    thousand()


def test_every_function_is_drawn():
    missing = set(ops.__all__) - set(OPERATIONS) - set(EXCEPTIONS)
    assert not missing, f"{missing}: add rows to a table of programs_*.py, or to EXCEPTIONS"
    assert not set(EXCEPTIONS) & set(OPERATIONS)


ONES = "x = leaf((2,), 'float32', [1.0, 2.0], requires_grad=True)"
COUNT = "x = leaf((3,), 'int64', [0, 1, 2])"
BYTES = "x = leaf((2,), 'uint8', [0, 7])"
BOOLS = "x = leaf((2,), 'bool', [True, False])"
NO_ROWS = "x = leaf((0, 3), 'float32', [])"
STRIDED = "x = leaf((2, 2), 'float32', [1.0, 2.0, 3.0, 4.0], 'strided')"
FLAT = "x = leaf((2, 2), 'float32', [1.0, 2.0, 3.0, 4.0])"

# by id: the lines that end with y, what it is in minae, and in PyTorch
SHOWN = {
    "first-order": (f"{ONES}; y = x.sum().backward(create_graph=True)", "TypeError", "None"),
    "in-place": (f"{ONES}; y = x * 2; y += 1", "RuntimeError", "float32 [3.0, 5.0]"),
    "saved": (
        f"{ONES}; z = x / x\nwith no_grad(): z += 1\nz.backward(upstream(z, 0)); y = x.grad",
        "RuntimeError",
        "float32 [0.0, 0.0]",
    ),
    "split-views": (
        "x = leaf((2,), 'float32', [1.0, 2.0], requires_grad=True) * 1; a, b = split(x, 1)\n"
        "with no_grad(): a += 1\ny = b * 2",
        "float32 [4.0]",
        "RuntimeError",
    ),
    "expanded": (
        f"{COUNT}; y = x.expand(2, 3); y[0] = 5",
        "ValueError",
        "int64 [[5, 5, 5], [5, 5, 5]]",
    ),
    "overlap": (
        f"{STRIDED}; y = x; y += x.T",
        "float32 [[2.0, 5.0], [5.0, 8.0]]",
        "float32 [[2.0, 5.0], [8.0, 8.0]]",
    ),
    "array-memory": (
        "a = zeros(2); y = tensor(a); a[0] = 5",
        "float64 [5.0, 0.0]",
        "float64 [0.0, 0.0]",
    ),
    "optimizer-memory": (
        f"{ONES}; y = x.detach(); SGD([x])\nwith no_grad(): x += 1",
        "float32 [1.0, 2.0]",
        "float32 [2.0, 3.0]",
    ),
    "tied-states": (
        f"m = nn.Sequential(nn.Linear(2, 2, False), nn.Linear(2, 2, False)); {FLAT}\n"
        "m[1].weight = m[0].weight; m.load_state_dict({'1.weight': x}); y = m[0].weight",
        "float32 [[1.0, 2.0], [3.0, 4.0]]",
        "RuntimeError",
    ),
    "group-options": (
        f"{ONES}; SGD([{{'params': [x], 'beta': 0.9}}], 0.1); y = x",
        "TypeError",
        "float32 [1.0, 2.0]",
    ),
    "negative-steps": (f"{COUNT}; y = x[::-1]", "int64 [2, 1, 0]", "ValueError"),
    "fractions": (f"{COUNT}; y = x; y[0] = 2.5", "TypeError", "int64 [2, 1, 2]"),
    "numbers": (f"{BYTES}; y = x + 300", "OverflowError", "uint8 [44, 51]"),
    "int-powers": (f"{COUNT}; y = x[1:] ** -x[1:]", "ValueError", "int64 [1, 0]"),
    "dtypes": (f"{COUNT}; y = mean(x)", "float32 1.0", "RuntimeError"),
    "dtypes-of-results": (
        f"{COUNT}; y = softmax(x[:0], dim=0)",
        "float32 []",
        "int64 []",
    ),
    "bool-minus": (f"{BOOLS}; y = 1.0 - x", "float32 [0.0, 1.0]", "RuntimeError"),
    "any-of-bytes": (f"{BYTES}; y = any(x)", "bool True", "uint8 1"),
    "no-derivative": (
        f"{ONES}; z = 5 % x; z.backward(upstream(z, 0)); y = x.grad",
        "float32 [-4.387912750244141, -1.0806045532226562]",
        "RuntimeError",
    ),
    "loss-shapes": (f"{FLAT}; y = l1_loss(x, x[:1])", "ValueError", "float32 1.0"),
    "batchmean": (
        f"{ONES}; y = mse_loss(x, 0 * x, reduction='batchmean')",
        "float32 2.5",
        "ValueError",
    ),
    "dilated-pools": (
        f"{FLAT}; y = max_pool2d(x[None, None], 2, 1, 1, 2)",
        "ValueError",
        "float32 [[[[4.0, 3.0], [2.0, 1.0]]]]",
    ),
    "lengths": (
        f"{FLAT}; y = nn.GRU(2, 1)(x[:, None], None, [1])[0] > 9",
        "bool [[[False]], [[False]]]",
        "TypeError",
    ),
    "unbatched": (
        f"{FLAT}; y = nn.GRU(2, 1)(x)[0] > 9",
        "ValueError",
        "bool [[False], [False]]",
    ),
    "causal": (
        f"{FLAT}; x = x[:, None]; y = nn.MultiheadAttention(2, 1)(x, x, x, is_causal=True)[1] > 0",
        "bool [[[True, False], [True, True]]]",
        "RuntimeError",
    ),
    "nothing-to-normalise": (
        f"{NO_ROWS}; y = layer_norm(x.T, (0,))",
        "ValueError",
        "float32 [[], [], []]",
    ),
    "index-of-nothing": (f"{FLAT}; y = x[[7], x[0] > 9]", "IndexError", "float32 []"),
    "cat-empty": (f"{COUNT}; y = cat([x[:0], x[:0]], dim=2)", "IndexError", "int64 []"),
    "softplus": (
        "x = leaf((), 'float64', [20.5]); y = softplus(x) > x",
        "bool True",
        "bool False",
    ),
    "fewer-nan": (
        "x = leaf((2,), 'float32', [inf, 2.0], requires_grad=True); prod(x).backward(); y = x.grad",
        "float32 [2.0, inf]",
        "float32 [nan, inf]",
    ),
    "at-nan": ("x = leaf((), 'float32', [nan]); y = sign(x)", "float32 nan", "float32 0.0"),
}
# what comes out depends on the machine, or on the version of NumPy
CANNOT_BE_SHOWN = {"nan-in-products", "layouts", "minus-inf", "rounding", "warnings"}


def outcome(lines, names) -> str:
    """Run the lines; return y as text, or the name of the exception."""
    names = dict(names)
    for line in lines.split("\n"):
        if error := execute(line, names):
            return type(error).__name__
    y = names["y"]
    return str(y) if y is None else f"{str(y.dtype).removeprefix('torch.')} {y.tolist()}"


@pytest.mark.parametrize("name", SHOWN)
def test_differences(name):
    lines, ours, theirs = SHOWN[name]
    our_names = {"zeros": np.zeros, "tensor": Tensor, "SGD": optim.SGD, "nn": nn}
    their_names = {"zeros": np.zeros, "tensor": torch.tensor, "SGD": torch.optim.SGD}
    their_names["nn"] = torch.nn
    assert outcome(lines, {**OUR_NAMES, **our_names}) == ours
    assert outcome(lines, {**THEIR_NAMES, **their_names}) == theirs
    assert ours != theirs


def test_the_table_names_every_difference():
    assert set(TOLERATED) <= set(DIFFERENCES)
    assert set(DIFFERENCES) == set(SHOWN) | CANNOT_BE_SHOWN
    assert all(len(row) == 4 and all(row) for row in DIFFERENCES.values())
