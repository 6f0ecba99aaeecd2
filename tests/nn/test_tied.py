"""One parameter in two modules: its gradients add up, and it is updated, saved and loaded once."""

import copy
import pickle

import numpy as np
import pytest

from minae import Tensor, manual_seed, nn, ops, optim

RNG = np.random.default_rng(0)
IDS = RNG.integers(0, 6, (5, 4, 3))  # of five batches
TARGETS = RNG.integers(0, 6, (5, 4, 3))


def network(lib=nn):
    """Words in, words out, by one table of vectors (Press & Wolf 2017); word 0 is padding."""
    layers = lib.Sequential(lib.Embedding(6, 4, 0), lib.Linear(4, 4), lib.Linear(4, 6))
    layers[-1].weight = layers[0].weight
    return layers


@pytest.fixture
def model():
    manual_seed(0)
    return network()


def loss_of(model, ids, targets):
    logits = model(Tensor(ids)).transpose(1, 2)  # (N, 6, L)
    return ops.cross_entropy(logits, Tensor(targets), ignore_index=0)


@pytest.mark.parametrize(
    ("name", "options"), [("SGD", {"lr": 0.5, "momentum": 0.9}), ("AdamW", {"lr": 0.05})]
)
def test_it_learns_as_in_pytorch(model, name, options):
    torch = pytest.importorskip("torch")
    theirs = network(torch.nn)
    theirs.load_state_dict({n: torch.tensor(array) for n, array in model.state_dict().items()})
    optimizer = getattr(optim, name)(model.parameters(), **options)
    expected = getattr(torch.optim, name)(theirs.parameters(), **options)
    for ids, targets in zip(IDS, TARGETS, strict=True):
        optimizer.zero_grad()
        loss_of(model, ids, targets).backward()
        optimizer.step()
        expected.zero_grad()
        logits = theirs(torch.tensor(ids)).transpose(1, 2)
        torch.nn.functional.cross_entropy(logits, torch.tensor(targets), ignore_index=0).backward()
        expected.step()
    for key, array in theirs.state_dict().items():
        np.testing.assert_allclose(model.state_dict()[key], array.numpy(), 1e-4, 1e-5)


def test_its_gradient_is_where_the_optimiser_reads_it(model):
    (flat,) = optim.Adam(model.parameters()).flats
    loss_of(model, IDS[0], TARGETS[0]).backward()
    flat.collect()
    assert flat.whole
    assert len(flat.parameters) == 4


@pytest.mark.parametrize("copied", [copy.deepcopy, lambda m: pickle.loads(pickle.dumps(m))])
def test_a_copy_is_tied_too(model, copied):
    other = copied(model)
    assert other[0].weight is other[2].weight
    assert other[0].weight is not model[0].weight


def test_it_is_saved_under_both_keys(model):
    state = model.state_dict()
    assert list(state) == ["0.weight", "1.weight", "1.bias", "2.weight", "2.bias"]
    assert state["0.weight"] is state["2.weight"]


@pytest.mark.parametrize("left_out", ["0.weight", "2.weight", None])
def test_one_key_is_enough(model, left_out):
    """Files from before it was tied in this way, and those of safetensors, have one."""
    state = {name: array.copy() for name, array in network().state_dict().items()}
    expected = state["0.weight"].copy()
    state.pop(left_out, None)
    model.load_state_dict(state)
    np.testing.assert_array_equal(model[2].weight.data, expected)


def test_a_state_that_is_not_tied_is_refused(model):
    before = model[0].weight.data.copy()
    state = {name: array.copy() for name, array in model.state_dict().items()}
    state["2.weight"][1, 1] += 1
    with pytest.raises(ValueError, match=r"0\.weight and 2\.weight are one parameter here, but"):
        model.load_state_dict(state)
    np.testing.assert_array_equal(model[0].weight.data, before)
    del state["0.weight"], state["2.weight"]
    with pytest.raises(ValueError, match=r"0\.weight is missing, and 1 more"):
        model.load_state_dict(state)
