"""Attention: its masks, against PyTorch's, and scores far out."""

import numpy as np
import pytest

from minae import Tensor, ops

INF = np.inf

ATTENTION = {
    # masks: booleans select, floats are added
    "booleans": np.array([[False, False, False], [True, False, True], [True, True, True]]),
    "floats": np.array([[-INF, -INF, -INF], [0, -INF, 0.5], [1, 2, 3]]),
    "one row for all": np.array([0, -INF, 0.5]),
    "none": None,
}


@pytest.mark.parametrize("name", ATTENTION)
@pytest.mark.parametrize("scale", [None, 0.3])
def test_attention_masks_as_pytorch(name, scale, torch):
    mask, rng = ATTENTION[name], np.random.default_rng(0)
    arrays = [rng.normal(size=(2, 3, n)) for n in (4, 4, 2)]
    ours = [Tensor(a, requires_grad=True) for a in arrays]
    theirs = [torch.tensor(a, requires_grad=True) for a in arrays]
    masks = (None, None)
    if mask is not None:
        masks = Tensor(mask), torch.tensor(mask)
    if name in ("floats", "one row for all"):
        for m in masks:
            m.requires_grad = True
    y = ops.scaled_dot_product_attention(*ours, masks[0], scale=scale)
    t = torch.nn.functional.scaled_dot_product_attention(*theirs, masks[1], scale=scale)
    np.testing.assert_allclose(y.data, t.detach().numpy(), rtol=1e-9)
    if name in ("booleans", "floats"):
        assert (y.data[:, 0] == 0).all()  # a query that may look nowhere
    dy = rng.normal(size=y.shape)
    y.backward(dy)
    t.backward(torch.tensor(dy))
    for a, b in zip((*ours, masks[0]), (*theirs, masks[1]), strict=True):
        if a is not None and a.requires_grad:
            assert np.isfinite(a.grad.data).all()
            np.testing.assert_allclose(a.grad.data, b.grad.numpy(), rtol=1e-9, atol=1e-12)


def test_attention_with_huge_scores():
    query = key = Tensor(np.float32([[200], [-200]]), requires_grad=True)
    y = ops.scaled_dot_product_attention(query, key, Tensor(np.float32([[1], [2]])))
    np.testing.assert_array_equal(y.data, [[1], [2]])
    y.backward(np.ones_like(y.data))
    assert np.isfinite(query.grad.data).all()
