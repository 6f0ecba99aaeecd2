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


@pytest.mark.parametrize("lengths", [(3, 3), (5, 2), (2, 5), (1, 4)])
def test_causal_is_counted_from_the_first_query_and_key(lengths, torch):
    rng = np.random.default_rng(1)
    arrays = [rng.normal(size=(2, 2, n, 4)) for n in (lengths[0], lengths[1], lengths[1])]
    ours = [Tensor(a, requires_grad=True) for a in arrays]
    theirs = [torch.tensor(a, requires_grad=True) for a in arrays]
    y = ops.scaled_dot_product_attention(*ours, is_causal=True)
    t = torch.nn.functional.scaled_dot_product_attention(*theirs, is_causal=True)
    np.testing.assert_allclose(y.data, t.detach().numpy(), rtol=1e-9)
    dy = rng.normal(size=y.shape)
    y.backward(dy)
    t.backward(torch.tensor(dy))
    for a, b in zip(ours, theirs, strict=True):
        np.testing.assert_allclose(a.grad.data, b.grad.numpy(), rtol=1e-9, atol=1e-12)


@pytest.mark.parametrize("masked", [False, True])
@pytest.mark.parametrize("heads", [1, 2, 4])
def test_self_attention_is_that_of_its_parts(heads, masked):
    """Of the same queries, keys and values, cut into heads and brought together by hand."""
    rng = np.random.default_rng(2)
    N, T, E = 2, 37, 8
    x = Tensor(rng.normal(size=(N, T, 3 * E)).astype(np.float32), requires_grad=True)
    mask = Tensor(rng.normal(size=(heads, T, T)), requires_grad=True) if masked else None
    options = {"is_causal": not masked, "scale": 0.7}
    y = ops.self_attention(x, heads, mask, **options)
    dy = rng.normal(size=y.shape).astype(np.float32)
    y.backward(dy)
    found = [x.grad.data, *([mask.grad.data] if masked else [])]
    x.grad = None
    if masked:
        mask.grad = None
    parts = (part.reshape(N, T, heads, -1).transpose(1, 2) for part in ops.chunk(x, 3, 2))
    z = ops.scaled_dot_product_attention(*parts, mask, **options)
    z = z.transpose(1, 2).reshape(N, T, E)
    np.testing.assert_array_equal(y.data, z.data)
    z.backward(dy)
    for a, b in zip(found, [x.grad, *([mask.grad] if masked else [])], strict=True):
        np.testing.assert_allclose(a, b.data, rtol=1e-6, atol=1e-6)


def test_self_attention_copies_nothing():
    x = Tensor(np.random.default_rng(3).normal(size=(2, 40, 24)).astype(np.float32))
    y = ops.self_attention(x, 4, is_causal=True)
    assert y.data.flags.c_contiguous
    kept = Tensor(x.data, requires_grad=True)
    ops.self_attention(kept, 4, is_causal=True).backward(np.ones_like(y.data))
    assert kept.grad.data.flags.c_contiguous


def test_no_matrix_of_queries_and_keys_is_kept():
    x = Tensor(np.random.default_rng(3).normal(size=(2, 300, 24)), requires_grad=True)
    op = ops.self_attention(x, 4, is_causal=True).grad_fn
    kept = sum(a.nbytes for a in op.saved if isinstance(a, np.ndarray))
    assert kept == x.data.nbytes * (1 + 2 * 4 / 24)  # two numbers for each head of a row


SELF = {
    r"x \(4, 6\) is not \(N, T, 3 E\)": lambda x: ops.self_attention(x[0], 1),
    r"x \(2, 4, 6\) is not \(N, T, 3 E\) with E a multiple of heads=4": lambda x: (
        ops.self_attention(x, 4)
    ),
    r"attn_mask \(3, 4\) does not broadcast to the scores \(2, 2, 4, 4\)": lambda x: (
        ops.self_attention(x, 2, Tensor(np.zeros((3, 4))))
    ),
    "attn_mask or is_causal, not both": lambda x: ops.self_attention(
        x, 2, Tensor(np.zeros((4, 4))), is_causal=True
    ),
}


@pytest.mark.parametrize("message", SELF)
def test_self_attention_refuses_what_does_not_fit(message):
    with pytest.raises(ValueError, match=message):
        SELF[message](Tensor(np.zeros((2, 4, 6))))


@pytest.mark.parametrize("dtype", [np.float16, np.int64])
def test_what_is_computed_in_float32(dtype):
    x, mask = Tensor(np.arange(24).reshape(2, 2, 6).astype(dtype)), Tensor(np.float16([[0], [-1]]))
    y = ops.self_attention(x, 2, mask)
    assert y.dtype == (dtype if dtype == np.float16 else np.float32)
    exact = ops.self_attention(Tensor(x.data.astype(np.float64)), 2, mask)
    np.testing.assert_allclose(y.data, exact.data, rtol=1e-3)


def test_attention_with_huge_scores():
    query = key = Tensor(np.float32([[200], [-200]]), requires_grad=True)
    y = ops.scaled_dot_product_attention(query, key, Tensor(np.float32([[1], [2]])))
    np.testing.assert_array_equal(y.data, [[1], [2]])
    y.backward(np.ones_like(y.data))
    assert np.isfinite(query.grad.data).all()
