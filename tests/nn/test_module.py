"""Modules: what they find in themselves, under which names, and how modes and states reach it."""

import numpy as np
import pytest

from minae import Tensor, manual_seed, nn, ops
from minae.nn import Buffer, Module, Parameter


class Block(Module):
    """Parameters before, between and after submodules; attributes that are none of these."""

    def __init__(self, size=2):
        self.first = Parameter(np.zeros(size, np.float32))
        self.inner = nn.Linear(size, 3)
        self.count = Buffer(np.zeros((), np.int64))
        self.size, self.name, self.table = size, "block", Tensor([1.0])
        self.norm = nn.BatchNorm1d(3)
        self.last = Parameter(np.ones(1, np.float32))

    def forward(self, x):
        return self.norm(self.inner(x * self.first)) * self.last


class Tied(Module):
    """The decoder uses the encoder's weight."""

    def __init__(self):
        self.encoder = nn.Linear(4, 2)
        self.decoder = nn.Sequential(nn.Linear(2, 4))
        self.weight = self.encoder.weight

    def forward(self, x):
        return ops.linear(self.encoder(x), self.weight.T)


def test_names_of_parameters_in_order():
    model = nn.Sequential(Block(), nn.ReLU(), Block())
    expected = ["first", "last", "inner.weight", "inner.bias", "norm.weight", "norm.bias"]
    names = [name for name, _ in model.named_parameters()]
    assert names == [f"{i}.{name}" for i in (0, 2) for name in expected]
    assert all(p.requires_grad and p.dtype == np.float32 for p in model.parameters())


def test_state_has_buffers_too():
    state = Block().state_dict()
    assert "count" in state
    assert "norm.running_mean" in state
    assert "norm.num_batches_tracked" in state
    assert "table" not in state  # a plain tensor is no state


def test_state_is_the_arrays_themselves():
    block = Block()
    block.state_dict()["last"][...] = 5
    assert block.last.item() == 5


def test_named_modules():
    model = nn.Sequential(nn.Sequential(nn.ReLU()), Block())
    assert [name for name, _ in model.named_modules()] == [
        "",
        "0",
        "0.0",
        "1",
        "1.inner",
        "1.norm",
    ]
    assert [type(m).__name__ for m in model.modules()][-1] == "BatchNorm1d"
    assert [name for name, _ in model[1].named_children()] == ["inner", "norm"]


def test_a_shared_parameter_appears_once():
    """Else an optimiser would update it twice a step."""
    tied = Tied()
    names = [name for name, _ in tied.named_parameters()]
    assert names == ["weight", "encoder.bias", "decoder.0.weight", "decoder.0.bias"]
    x = Tensor(np.ones((1, 4), np.float32))
    tied(x).sum().backward()
    encoded = tied.encoder(x).data
    through_decoder = np.broadcast_to(encoded.T, (2, 4))
    through_encoder = np.broadcast_to(tied.weight.data.sum(axis=1, keepdims=True), (2, 4))
    np.testing.assert_allclose(tied.weight.grad.data, through_decoder + through_encoder, rtol=1e-5)


def test_modes_reach_every_module():
    model = nn.Sequential(Block(), nn.Sequential(nn.Dropout(0.5)))
    assert all(m.training for m in model.modules())
    assert model.eval() is model
    assert not any(m.training for m in model.modules())
    assert model.train() is model
    assert all(m.training for m in model.modules())
    assert Block().training  # another model's mode is its own


def test_dropout_acts_in_training_only():
    manual_seed(0)
    layer, x = nn.Dropout(0.5), Tensor(np.ones((20, 20), np.float32))
    assert 0 < (layer(x).data == 0).mean() < 1
    assert layer.eval()(x) is x


def test_zero_grad_reaches_every_parameter():
    model = nn.Sequential(Block(), nn.Linear(3, 1))
    model(Tensor(np.random.default_rng(0).normal(size=(4, 2)).astype(np.float32))).sum().backward()
    assert all(p.grad is not None for p in model.parameters())
    model.zero_grad()
    assert all(p.grad is None for p in model.parameters())


def test_sequential_is_a_list_of_modules():
    layers = [nn.Linear(2, 3), nn.ReLU(), nn.Linear(3, 1)]
    model = nn.Sequential(*layers)
    assert len(model) == 3
    assert list(model) == layers
    assert model[0] is layers[0]
    assert model[-1] is layers[2]
    with pytest.raises(IndexError):
        model[3]
    x = Tensor(np.ones((1, 2), np.float32))
    assert model(x).item() == layers[2](layers[1](layers[0](x))).item()
    empty = nn.Sequential()
    assert len(empty) == 0
    assert empty(x) is x


REPRS = {
    "Linear(3, 2, bias=True)": lambda: nn.Linear(3, 2),
    "Conv2d(2, 4, kernel_size=(3, 3), stride=2, padding=1)": lambda: nn.Conv2d(
        2, 4, 3, stride=2, padding=1, groups=2
    ),
    "ConvTranspose2d(4, 2, kernel_size=(2, 3), stride=1, padding=0)": lambda: nn.ConvTranspose2d(
        4, 2, (2, 3), groups=2
    ),
    "Conv1d(2, 4, kernel_size=(3,), stride=1, padding=same)": lambda: nn.Conv1d(
        2, 4, 3, padding="same"
    ),
    "BatchNorm2d(3)": lambda: nn.BatchNorm2d(3),
    "LayerNorm((4,))": lambda: nn.LayerNorm(4),
    "GroupNorm(2, 4)": lambda: nn.GroupNorm(2, 4),
    "Embedding(7, 2)": lambda: nn.Embedding(7, 2),
    "Embedding(7, 2, padding_idx=6)": lambda: nn.Embedding(7, 2, -1),
    "Dropout(p=0.2)": lambda: nn.Dropout(0.2),
    "ReLU()": nn.ReLU,
    "Sequential(\n  (0): Sequential(\n    (0): Tanh()\n  )\n  (1): Flatten()\n)": lambda: (
        nn.Sequential(nn.Sequential(nn.Tanh()), nn.Flatten())
    ),
}


@pytest.mark.parametrize("text", REPRS)
def test_repr(text):
    assert repr(REPRS[text]()) == text


def test_a_module_without_forward_says_so():
    with pytest.raises(NotImplementedError, match="Module has no forward"):
        Module()(1)


def test_unflatten_knows_its_dimensions():
    with pytest.raises(IndexError):  # 3 % 2 is 1, but dimension 3 of a matrix is none
        nn.Unflatten(3, (2, 2))(Tensor(np.zeros((2, 4), np.float32)))


@pytest.mark.parametrize("statistic", ["running_mean", "running_var"])
def test_what_batch_norm_writes_is_noticed(statistic):
    """A graph that used the running statistics would get another gradient from the new ones."""
    norm, x = nn.BatchNorm1d(2), Tensor(np.ones((3, 2), np.float32))
    loss = (norm.weight * getattr(norm, statistic)).sum()
    norm(x)
    with pytest.raises(RuntimeError, match="changed in place"):
        loss.backward()


def test_batch_norm_refuses_other_dimensions():
    with pytest.raises(ValueError, match=r"BatchNorm1d takes 2 or 3 dimensions, not \(2, 3, 4, 5"):
        nn.BatchNorm1d(3)(Tensor(np.zeros((2, 3, 4, 5), np.float32)))


# --- loading ------------------------------------------------------------------------------------


def other_state(**changes):
    """The state of a Block, every entry 7, with changes; None leaves an entry out."""
    state = {name: np.full_like(value, 7) for name, value in Block().state_dict().items()}
    return {name: value for name, value in (state | changes).items() if value is not None}


BAD_STATES = {
    "last is missing": other_state(last=None),
    "count is missing, and 1 more": other_state(count=None, last=None),
    "extra is unknown": other_state(extra=np.ones(1)),
    r"inner.weight has shape \(2, 3\), here it is \(3, 2\)": other_state(
        **{"inner.weight": np.ones((2, 3), np.float32)}
    ),
    r"last has shape \(\), here it is \(1,\)": other_state(last=np.float32(1)),
}


@pytest.mark.parametrize("problem", BAD_STATES)
def test_a_state_that_does_not_fit_changes_nothing(problem):
    block = Block()
    before = {name: value.copy() for name, value in block.state_dict().items()}
    with pytest.raises(ValueError, match=f"does not fit Block: {problem}"):
        block.load_state_dict(BAD_STATES[problem])
    for name, value in block.state_dict().items():
        np.testing.assert_array_equal(value, before[name])


def test_loading_copies_into_the_same_arrays():
    """An optimiser that holds the parameters goes on working, and the source stays apart."""
    block, state = Block(), other_state()
    arrays = block.state_dict()
    block.load_state_dict(state)
    state["last"][...] = 0
    for name, value in block.state_dict().items():
        assert value is arrays[name]
        assert (value == 7).all()
