"""What is passed by position means what it means in PyTorch, or the call fails."""

import inspect

import numpy as np
import pytest

from minae import Tensor, nn, ops, optim

from .cases import F, torch

POSITIONAL = (inspect.Parameter.POSITIONAL_ONLY, inspect.Parameter.POSITIONAL_OR_KEYWORD)
# PyTorch's order where it can't be asked: these are written in C++, or take *args
THEIRS = {
    "argmax": "input dim keepdim",
    "argsort": "input dim descending",
    "avg_pool2d": "input kernel_size stride padding ceil_mode count_include_pad divisor_override",
    "chunk": "input chunks dim",
    "clip": "input min max",
    "conv1d": "input weight bias stride padding dilation groups",
    "conv2d": "input weight bias stride padding dilation groups",
    "conv_transpose1d": "input weight bias stride padding output_padding groups dilation",
    "conv_transpose2d": "input weight bias stride padding output_padding groups dilation",
    "cumsum": "input dim",
    "flatten": "input start_dim end_dim",
    "gather": "input dim index",
    "logsumexp": "input dim keepdim",
    "max": "input dim keepdim",
    "max_pool2d": "input kernel_size stride padding dilation ceil_mode return_indices",
    "mean": "input dim keepdim",
    "one_hot": "input num_classes",
    "prod": "input dim keepdim",
    "scaled_dot_product_attention": "query key value attn_mask dropout_p is_causal",
    "scatter_add": "input dim index src",
    "softplus": "input beta threshold",
    "sort": "input dim descending",
    "squeeze": "input dim",
    "std": "input dim unbiased keepdim",
    "sum": "input dim keepdim",
    "topk": "input k dim largest sorted",
    "transpose": "input dim0 dim1",
    "tril": "input diagonal",
    "var": "input dim unbiased keepdim",
    "where": "condition input other",
}
OURS_FOR_THEIRS = {
    "input": {"x", "index", "input"},
    "other": {"y"},
    "tensor": {"x"},
    "split_size_or_sections": {"split_size"},
}


def positional(function) -> list[str]:
    parameters = inspect.signature(function).parameters.values()
    return [p.name for p in parameters if p.kind in POSITIONAL]


def theirs_of(name) -> list[str] | None:
    if name in THEIRS:
        return THEIRS[name].split()
    function = getattr(F, name, None)
    if function is None or not inspect.isfunction(function):
        return None
    return positional(function) or None


NAMES = [name for name in ops.__all__ if theirs_of(name)]


def test_there_is_something_to_compare():
    assert len(NAMES) > 45


@pytest.mark.parametrize("name", NAMES)
def test_positional_arguments_come_in_pytorchs_order(name):
    ours, theirs = positional(getattr(ops, name)), theirs_of(name)
    assert len(ours) <= len(theirs)
    for own, their in zip(ours, theirs, strict=False):
        assert own in OURS_FOR_THEIRS.get(their, {their}), f"{name}: {ours}, PyTorch {theirs}"


LAYERS = [name for name in nn.__all__ if inspect.isclass(getattr(torch.nn, name, None))]
OWN = {"Module", "Parameter", "Buffer", "Sequential"}


@pytest.mark.parametrize("name", sorted({*LAYERS} - OWN))
def test_layers_take_their_arguments_in_pytorchs_order(name):
    ours = positional(getattr(nn, name).__init__)[1:]
    theirs = positional(getattr(torch.nn, name).__init__)[1:]
    if theirs:
        assert ours == theirs[: len(ours)]


@pytest.mark.parametrize(
    "name", ["SGD", "Adam", "AdamW", "LinearLR", "StepLR", "CosineAnnealingLR"]
)
def test_optimisers_take_their_arguments_in_pytorchs_order(name):
    module = torch.optim if hasattr(torch.optim, name) else torch.optim.lr_scheduler
    ours = positional(getattr(optim, name).__init__)[1:]
    theirs = positional(getattr(module, name).__init__)[1:]
    assert [{"parameters": "params"}.get(n, n) for n in ours] == theirs[: len(ours)]


CALLS = {
    "std(0, False)": lambda x: x.std(0, False),
    "var(0, True)": lambda x: x.var(0, True),
    "a reduction of a loss": lambda x: ops.mse_loss(x, x, "sum"),
    "ignore_index": lambda x: ops.cross_entropy(x, Tensor([0, 1]), None, -100),
    "an activation": lambda x: ops.linear(x, x, None, "relu"),
    "is_causal": lambda x: ops.scaled_dot_product_attention(x, x, x, None, True),
    "nesterov": lambda x: optim.SGD([x], 0.1, 0.9, 0, 0, True),
}


@pytest.mark.parametrize("name", CALLS)
def test_a_call_that_pytorch_reads_otherwise_fails(name):
    with pytest.raises(TypeError, match="positional argument"):
        CALLS[name](Tensor(np.ones((2, 2))))


def test_an_empty_tuple_of_dimensions_means_all():
    assert Tensor(np.ones((2, 3))).sum(()).item() == 6


def test_upsample_takes_a_size_first():
    x = Tensor(np.ones((1, 1, 4, 4), np.float32))
    assert nn.Upsample(2)(x).shape == (1, 1, 2, 2)
    assert nn.Upsample(scale_factor=2)(x).shape == (1, 1, 8, 8)
