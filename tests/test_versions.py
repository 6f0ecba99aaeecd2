"""Writing into memory that backward will read is noticed, through whatever tensor it is done."""

import numpy as np
import pytest

from minae import Tensor, nn, no_grad, ops, optim
from minae.tools.gradchecks import minae_ops

OPS = {op.__name__: op for op in minae_ops()}


def leaf(*values):
    return Tensor(np.array(values), requires_grad=True)


def write(x, amount=3):
    with no_grad():
        x += amount


ALIASES = {
    # what else sees the memory of x (2, 3), in whole or in part
    "detach": lambda x: x.detach(),
    "view": lambda x: x.view(3, 2),
    "T": lambda x: x.T,
    "part": lambda x: x[0:1],
    "number": lambda x: x[0, 0],
    "unsqueeze": lambda x: x.unsqueeze(0),
    "flatten": lambda x: x.flatten(),
    "view of a view": lambda x: x.T[1:].detach().reshape(2, 2),
    "tensor of a tensor": Tensor,
    "flattened transpose": lambda x: x.T.unsqueeze(0),
}


@pytest.mark.parametrize("name", ALIASES)
@pytest.mark.parametrize("recording", [True, False])
def test_a_write_through_another_tensor_is_noticed(name, recording):
    x = leaf([1.0, 2.0, 3.0], [4.0, 5.0, 6.0])
    y = x * x
    if recording:
        alias = ALIASES[name](x).detach()
    else:
        with no_grad():
            alias = ALIASES[name](x)
    write(alias)
    assert (x.detach() != leaf([1.0, 2.0, 3.0], [4.0, 5.0, 6.0]).detach()).any()
    with pytest.raises(RuntimeError, match=r"an input of Mul was changed in place"):
        y.sum().backward()


@pytest.mark.parametrize("name", ALIASES)
def test_a_write_to_the_whole_is_noticed_where_a_view_was_used(name):
    x = leaf([1.0, 2.0, 3.0], [4.0, 5.0, 6.0])
    view = ALIASES[name](x)
    view.requires_grad_() if view.is_leaf else None
    y = view * view
    write(x)
    with pytest.raises(RuntimeError, match="an input of Mul was changed in place"):
        y.sum().backward()


EYE = Tensor(np.eye(3))


def test_an_earlier_write_into_another_part_counts_as_well():
    x = leaf(1.0, 2.0, 3.0)
    y = x.exp()
    part = y[:1] * y[:1]
    for i in (0, 2):
        with no_grad():
            y[i] = 5.0
    with pytest.raises(RuntimeError, match="an input of Mul was changed in place"):
        part.sum().backward()
    z = (x[:1] * x[:1]).sum()
    write(x[:1].detach())
    write(x[2:].detach())
    with pytest.raises(RuntimeError, match="changed in place"):
        z.backward()


OUTPUTS = {
    "exp": lambda x: x.exp(),
    "sigmoid": lambda x: x.sigmoid(),
    "tanh": lambda x: x.tanh(),
    "relu": lambda x: x.relu(),
    "softmax": lambda x: x.softmax(0),
    "log_softmax": lambda x: x.log_softmax(0),
    "logsumexp": lambda x: x.logsumexp(0, keepdim=True),
    "logsumexp without dim": lambda x: ops.stack([x, x]).logsumexp(0),
    "sqrt": lambda x: x.sqrt(),
    "div": lambda x: 1 / x,
    "elu": lambda x: ops.elu(-x),
    "std": lambda x: ops.stack([x, 2 * x]).std(0),
    "linear": lambda x: ops.linear(x, EYE, activation="relu"),
    "linear_stack": lambda x: ops.linear_stack(x.unsqueeze(0), [EYE], [None], ["relu"]),
}


@pytest.mark.parametrize("name", OUTPUTS)
@pytest.mark.parametrize("alias", [Tensor.detach, lambda y: y[:1], lambda y: y])
def test_a_write_into_a_saved_output_is_noticed(name, alias):
    x = leaf(1.0, 2.0, 3.0)
    y = OUTPUTS[name](x)
    write(alias(y))
    with pytest.raises(RuntimeError, match=r"its output of .* was changed in place"):
        y.sum().backward()


INDEXED = {
    "getitem": lambda x, i: x[i],
    "getitem of pairs": lambda x, i: x.reshape(3, 1)[i, i * 0],
    "gather": lambda x, i: x.gather(0, i),
    "index_select": lambda x, i: x.index_select(0, i),
    "scatter_add": lambda x, i: Tensor(np.zeros(3)).scatter_add(0, i, x[:2]),
    "embedding": lambda x, i: ops.embedding(i, x.reshape(3, 1)),
}


@pytest.mark.parametrize("name", INDEXED)
def test_a_write_into_an_index_is_noticed(name):
    x, i = leaf(1.0, 2.0, 3.0), Tensor([1, 2])
    y = INDEXED[name](x, i)
    i += -1
    with pytest.raises(RuntimeError, match="changed in place"):
        y.sum().backward()


def test_an_index_of_numpy_is_copied():
    x, i = leaf(1.0, 2.0, 3.0), np.array([1, 2])
    y = x[i]
    i -= 1
    y.backward(np.array([5.0, 7.0]))
    assert x.grad.tolist() == [0, 5, 7]


ALLOWED = {
    # writes into what backward does not read
    "input of a sum": (lambda x: x + 1, lambda x, y: write(x)),
    "output of a sum": (lambda x: x + 1, lambda x, y: write(y)),
    "output of a product": (lambda x: x * x, lambda x, y: write(y)),
    "input of exp": (lambda x: x.exp(), lambda x, y: write(x)),
    "input of a mean": (lambda x: x.mean(), lambda x, y: write(x)),
    "another tensor": (lambda x: x * x, lambda x, y: write(x.clone())),
    "copy of a part": (lambda x: x * x, lambda x, y: write(x[[0, 1]])),
}


@pytest.mark.parametrize("name", ALLOWED)
def test_other_writes_are_not_refused(name):
    forward, change = ALLOWED[name]
    x, same = leaf(1.0, 2.0), leaf(1.0, 2.0)
    forward(same).sum().backward()
    y = forward(x)
    change(x, y)
    y.sum().backward()
    assert x.grad.tolist() == same.grad.tolist()


def test_the_other_factor_may_change_if_only_one_needs_a_gradient():
    x, w = Tensor(np.ones(2)), leaf(3.0, 4.0)
    y = x * w
    write(w)
    y.sum().backward()
    assert w.grad.tolist() == [1, 1]


def test_an_optimiser_writes():
    w = leaf(1.0, 2.0)
    adam = optim.Adam([w])
    part = w[:1]
    w.grad = Tensor(np.ones(2))
    loss = (part * part).sum()
    adam.step()
    with pytest.raises(RuntimeError, match="changed in place"):
        loss.backward()


def test_loading_weights_writes():
    layer = nn.Linear(2, 2)
    loss = (layer.weight * layer.weight).sum()
    layer.load_state_dict(nn.Linear(2, 2).state_dict())
    with pytest.raises(RuntimeError, match="changed in place"):
        loss.backward()


def test_running_statistics_are_written_into():
    x, mean = Tensor(np.eye(3)), Tensor(np.ones(3))
    y = leaf(1.0, 2.0, 3.0) * mean
    ops.batch_norm(x, mean, Tensor(np.ones(3)), training=True)
    with pytest.raises(RuntimeError, match="changed in place"):
        y.sum().backward()


def gradients(op, inputs, options, change=None):
    """Return the gradients of an example, written to by `change` between forward and backward."""
    tensors = [
        None if x is None else Tensor(x.copy(), requires_grad=x.dtype.kind == "f") for x in inputs
    ]
    y = op.apply(*tensors, **options)
    if change is not None:
        change(tensors, y)
    y.backward(np.cos(np.arange(y.numel())).reshape(y.shape))
    return [None if x is None or x.grad is None else x.grad.data for x in tensors]


def changes(inputs):
    """Yield what may be written into: the output, and each of the inputs."""
    yield "output", lambda tensors, y: write(y, 0.5)
    for i, x in enumerate(inputs):
        if x is not None and x.dtype.kind == "f":
            yield f"input {i}", lambda tensors, y, i=i: write(tensors[i], 0.5)
        elif x is not None and x.size:

            def reverse(tensors, y, i=i):
                tensors[i][...] = Tensor(tensors[i].data.ravel()[::-1].reshape(tensors[i].shape))

            yield f"input {i}", reverse


@pytest.mark.parametrize("name", OPS)
def test_every_operation_refuses_or_is_right(name):
    """Whatever is written into, a gradient is that of what forward saw, or there is none."""
    op = OPS[name]
    for *inputs, last in op().examples(np.random.default_rng(0)):
        options = last if isinstance(last, dict) else {}
        inputs = inputs if isinstance(last, dict) else [*inputs, last]
        expected = gradients(op, inputs, options)
        for what, change in changes(inputs):
            refusal = ""
            try:
                actual = gradients(op, inputs, options, change)
            except (RuntimeError, ValueError) as error:
                refusal = str(error)
            if refusal:
                assert "changed in place" in refusal or "read-only" in refusal, what
                continue
            for a, e in zip(actual, expected, strict=True):
                np.testing.assert_array_equal(a, e, err_msg=what)
