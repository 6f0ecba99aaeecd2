"""What tables of random inputs do not see: memory that is shared or not, and sums that are long."""

import numpy as np
import pytest

import minae
from minae import ops, tensor

COPIES = {
    "clone": lambda x: x.clone(),
    "repeat": lambda x: x.repeat(1, 1),
    "flip": lambda x: x.flip(0),
    "pad": lambda x: ops.pad(x, (0, 0)),
    "cat": lambda x: ops.cat([x]),
    "list": lambda x: x[[0, 1]],
    "mask": lambda x: x[x > -1],
    "index_select": lambda x: x.index_select(0, tensor([0, 1])),
}


@pytest.mark.parametrize("name", COPIES)
def test_a_copy_may_be_written_to(name):
    x = minae.zeros(2, 3)
    y = COPIES[name](x)
    y += 1
    assert x.tolist() == [[0, 0, 0], [0, 0, 0]]


VIEWS = {
    "int": lambda x: x[1],
    "ints": lambda x: x[1, 2],
    "slice": lambda x: x[:, 1:],
    "split": lambda x: x.split(1)[1],
    "chunk": lambda x: x.chunk(2)[1],
    "transpose": lambda x: x.T,
    "movedim": lambda x: x.movedim(0, 1),
    "contiguous": lambda x: x.contiguous(),
}


@pytest.mark.parametrize("name", VIEWS)
def test_a_view_writes_to_what_it_is_of(name):
    x = minae.zeros(2, 3)
    y = VIEWS[name](x)
    y += 1
    assert x.sum().item() == y.numel()


def test_contiguous_puts_entries_in_order():
    x = minae.arange(6).reshape(2, 3).T
    assert not x.data.flags.c_contiguous
    y = x.contiguous()
    assert y.data.flags.c_contiguous
    assert y.tolist() == x.tolist()
    assert y.contiguous() is y


def test_an_index_may_be_written_to_later_if_it_is_not_a_tensor():
    x = minae.ones(3, requires_grad=True)
    index = np.array([0, 0])
    y = x[index].sum()
    index[:] = 2
    y.backward()
    assert x.grad.tolist() == [2, 0, 0]


PICKED = {
    "getitem": lambda x, index: x[index],
    "gather": lambda x, index: x.gather(0, index),
    "index_select": lambda x, index: x.index_select(0, index),
    "scatter_add": lambda x, index: minae.zeros(3).scatter_add(0, index, x[:2]),
    "embedding": lambda x, index: ops.embedding(index, x[:, None]),
}


@pytest.mark.parametrize("name", PICKED)
def test_an_index_tensor_that_is_written_to_is_noticed(name):
    x, index = minae.ones(3, requires_grad=True), tensor([0, 0])
    y = PICKED[name](x, index).sum()
    index += 1
    with pytest.raises(RuntimeError, match="changed in place"):
        y.backward()


@pytest.mark.parametrize("name", ["cumsum", "dim from the end"])
def test_long_sums_do_not_stand_still(name):
    """Added up in float32, 2²⁴ + 1 is 2²⁴ again."""
    n = 2**24 + 100
    sums = minae.ones(n).cumsum(0 if name == "cumsum" else -1)
    assert sums.dtype == np.float32
    assert sums[-1].item() == n


def test_a_long_gradient_of_cumsum_does_not_stand_still():
    n = 2**24 + 100
    x = minae.ones(n, requires_grad=True)
    x.cumsum(0).sum().backward()
    assert x.grad[0].item() == n


def test_norms_are_numbers_where_squares_are_not():
    for size in (1e-30, 1e30):
        x = tensor([3 * size, -4 * size], requires_grad=True)
        y = x.norm()
        y.backward()
        np.testing.assert_allclose(y.item(), 5 * size, rtol=1e-6)
        np.testing.assert_allclose(x.grad.data, [0.6, -0.8], rtol=1e-6)


def test_the_gradient_of_any_norm_at_zero_is_zero():
    for p in (0.5, 1, 1.5, 2, 3, float("inf")):
        x = minae.zeros(3, requires_grad=True)
        x.norm(p).backward()
        assert x.grad.tolist() == [0, 0, 0]


def test_einsum_multiplies_large_operands_by_matrix_products():
    """Entry by entry, this would be 10⁹ products in an array of 8 GB."""
    a, b = minae.rand(1000, 1000), minae.rand(1000, 1000)
    np.testing.assert_allclose(ops.einsum("ij,jk->ki", a, b).data, (a @ b).T.data)


COMPOSED = {
    "pad": lambda x, i, m: ops.pad(x, (-1, 2, 1, 0), value=2.5),
    "pad reflect": lambda x, i, m: ops.pad(x, (1, 2), "reflect"),
    "repeat": lambda x, i, m: x.repeat(2, 1, 2),
    "split": lambda x, i, m: x.split([1, 2], 1)[1],
    "int, slice, array": lambda x, i, m: x[None][0, :, i],
    "mask": lambda x, i, m: x[m],
    "array of NumPy": lambda x, i, m: x[np.array([1, 0])],
    "index_select": lambda x, i, m: x.index_select(1, i),
    "scatter_add": lambda x, i, m: x.scatter_add(0, i[None], x),
    "masked_fill": lambda x, i, m: x.masked_fill(m, 2.5),
    "tril": lambda x, i, m: x.tril(1),
    "one_hot": lambda x, i, m: ops.one_hot(i, 4),
    "sort": lambda x, i, m: x.sort(0, descending=True).values,
    "topk": lambda x, i, m: x.topk(2).indices,
    "cumsum": lambda x, i, m: i.cumsum(0),
    "einsum": lambda x, i, m: ops.einsum("ij,kj->ik", x, x),
    "einsum diagonal": lambda x, i, m: ops.einsum("ii,i->", x[:, :2], x[0, :2]),
    "zeros_like": lambda x, i, m: minae.zeros_like(x),
}


@pytest.mark.parametrize("name", COMPOSED)
def test_what_is_composed_runs_on_a_gpu(cupy, name):
    rng = np.random.default_rng(0)
    arrays = rng.normal(size=(2, 3)).astype(np.float32), np.array([1, 0, 1]), rng.random(3) < 0.5
    results = []
    for device in ("cpu", "cuda"):
        x, index, mask = (tensor(a).to(device) for a in (*arrays[:2], arrays[0] > 0))
        y = COMPOSED[name](x.requires_grad_(), index, mask)
        assert y.device == device
        results.append([y.detach().cpu().data])
        if y.requires_grad:
            (y * y).sum().backward()
            results[-1].append(x.grad.cpu().data)
    for here, there in zip(*results, strict=True):
        np.testing.assert_allclose(there, here, rtol=1e-5)
