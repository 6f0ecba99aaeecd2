"""What backward() and an operation may do, and the sentence for what they may not."""

import numpy as np
import pytest

import minae
from minae import Tensor, optim
from minae.autograd import Op


def leaf(*values, shape=None):
    return Tensor(np.array(values).reshape(shape or (len(values),)), requires_grad=True)


def test_the_gradient_argument():
    x = leaf(1.0, 2.0, 3.0, 4.0, shape=(2, 2))
    y = x * 2
    with pytest.raises(RuntimeError, match=r"shape \(2, 2\) needs the gradient argument"):
        y.backward()
    with pytest.raises(RuntimeError, match=r"gradient has shape \(2,\), the tensor \(2, 2\)"):
        y.backward(np.ones(2))
    y.backward([[1, 2], [3, 4]])
    assert x.grad.tolist() == [[2, 4], [6, 8]]
    (x * 2).backward(Tensor(np.ones((2, 2))))
    assert x.grad.tolist() == [[4, 6], [8, 10]]


def test_backward_needs_something_to_differentiate():
    with pytest.raises(RuntimeError, match="requires gradients; this one does not"):
        Tensor(1.0).backward()


def test_a_missing_rule_is_named(make_op):
    y = make_op(None, name="Mystery").apply(leaf(1.0), leaf(1.0))
    with pytest.raises(NotImplementedError, match="Mystery has no gradient rule"):
        y.backward()


def test_a_missing_forward_is_named(make_op):
    op = make_op(None, Op.forward, name="Hollow")
    with pytest.raises(NotImplementedError, match="Hollow has no forward"):
        op.apply(leaf(1.0))


RULES = {
    # message: the rule of an op with two inputs of shape (2,)
    "returned no gradient for input 1": lambda op, dy: (dy, None),
    r"input 0 has shape \(2,\), its gradient \(2, 1\)": lambda op, dy: (dy[:, None], dy),
    r"input 1 has shape \(2,\), its gradient \(\)": lambda op, dy: (dy, dy.sum()),
    "returned 1 gradients for 2 inputs": lambda op, dy: dy,
    "returned 3 gradients for 2 inputs": lambda op, dy: (dy, dy, None),
}


@pytest.mark.parametrize("message", RULES)
def test_a_rule_that_cannot_be_right_is_refused(make_op, message):
    y = make_op(RULES[message]).apply(leaf(1.0, 2.0), leaf(3.0, 4.0))
    with pytest.raises(RuntimeError, match=rf"Plus\.backward.*{message}"):
        y.backward(np.ones(2))


def test_none_is_right_for_an_input_that_needs_no_gradient(make_op):
    plus = make_op(lambda op, dy: (dy, None))
    x = leaf(1.0)
    plus.apply(x, np.array([2.0])).backward()
    assert x.grad.item() == 1


# --- operations of one's own --------------------------------------------------------------------


def test_an_op_of_ones_own(make_op):
    def forward(self, x, scale, offset):
        self.save(x, scale)
        return scale * x**2 + offset

    def backward(self, dy):
        x, scale = self.saved
        assert self.needs_input_grad == (True, False)
        return dy * 2 * scale * x, None

    # options come by keyword, optional inputs as None
    op = make_op(backward, lambda self, x, y, **options: forward(self, x, **options), "Square")
    x = leaf(3.0)
    y = op.apply(x, None, scale=2.0, offset=1.0)
    y.backward()
    assert (y.item(), x.grad.item()) == (19, 12)
    assert op in Op.registry.values()


def test_an_op_whose_result_is_integers_has_no_gradient():
    """Else rounding would pass gradients through, as if it were the identity."""
    y = leaf(1.6, 2.2).to(np.int64)
    assert not y.requires_grad
    assert y.grad_fn is None


def in_place(w, sgd):
    with minae.no_grad():
        w -= 1


def step(w, sgd):
    w.grad = minae.tensor([1.0, 1.0])
    sgd.step()


@pytest.mark.parametrize("change", [in_place, step])
def test_a_weight_changed_between_forward_and_backward_is_noticed(change):
    w = minae.tensor([1.0, 2.0], requires_grad=True)
    sgd = optim.SGD([w], lr=0.1)
    loss = (w * w).sum()
    change(w, sgd)
    with pytest.raises(RuntimeError, match=r"Mul was changed in place.*before optimizer\.step"):
        loss.backward()
