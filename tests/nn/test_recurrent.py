"""GRU and LSTM beside PyTorch's: outputs, last states and gradients, with rows of many lengths."""

from typing import Any

import numpy as np
import pytest

from minae import Tensor, manual_seed, nn, no_grad

torch = pytest.importorskip("torch")
torch.set_num_threads(1)
rnn = torch.nn.utils.rnn

L, N, I, H = 7, 5, 4, 6  # noqa: E741
LAYERS = {
    # arguments behind input_size and hidden_size
    "one layer": {},
    "batch first": {"batch_first": True},
    "without bias": {"bias": False},
    "bidirectional": {"bidirectional": True},
    "two layers": {"num_layers": 2},
    "everything": {"num_layers": 2, "bidirectional": True, "batch_first": True},
}
LENGTHS = {"whole": None, "padded": [7, 3, 1, 6, 2], "shorter than x": [4, 4, 2, 5, 1]}


def pair(name, options, source="torch"):
    """Return the layer in both libraries, with one's weights in both."""
    manual_seed(1)
    torch.manual_seed(2)
    ours, theirs = getattr(nn, name)(I, H, **options), getattr(torch.nn, name)(I, H, **options)
    if source == "torch":
        ours.load_state_dict(theirs.state_dict())
    else:
        theirs.load_state_dict({k: torch.tensor(v) for k, v in ours.state_dict().items()})
    return ours, theirs


def inputs(options):
    """Return x and two arrays of first states."""
    rng = np.random.default_rng(3)
    shape = (N, L, I) if options.get("batch_first") else (L, N, I)
    layers = options.get("num_layers", 1) * (1 + options.get("bidirectional", False))
    shapes = shape, (layers, N, H), (layers, N, H)
    return [rng.normal(size=shape).astype(np.float32) for shape in shapes]


def run_ours(layer, x, states, lengths):
    output, last = layer(x, states if isinstance(layer, nn.LSTM) else states[0], lengths)
    return output, *(last if isinstance(layer, nn.LSTM) else (last,))


def run_theirs(layer, x, states, lengths):
    """Run PyTorch's layer, on a packed sequence if there are lengths."""
    if lengths is not None:
        x = rnn.pack_padded_sequence(x, lengths, layer.batch_first, enforce_sorted=False)
    lstm = isinstance(layer, torch.nn.LSTM)
    output, last = layer(x, states if lstm else states[0])
    if lengths is not None:
        output, _ = rnn.pad_packed_sequence(output, layer.batch_first, total_length=L)
    return output, *(last if lstm else (last,))


def close(actual, expected, what):
    scale = max(1.0, float(np.abs(expected).max()))
    np.testing.assert_allclose(actual, expected, 0, 1e-5 * scale, err_msg=what)


@pytest.mark.parametrize("lengths", LENGTHS.values(), ids=LENGTHS)
@pytest.mark.parametrize("options", LAYERS.values(), ids=LAYERS)
@pytest.mark.parametrize("name", ["GRU", "LSTM"])
def test_outputs_and_gradients(name, options, lengths):
    ours, theirs = pair(name, options)
    arrays = inputs(options)
    x, *states = (Tensor(a, requires_grad=True) for a in arrays)
    t, *torch_states = (torch.tensor(a, requires_grad=True) for a in arrays)
    results = run_ours(ours, x, tuple(states), lengths)
    expected = run_theirs(theirs, t, tuple(torch_states), lengths)
    loss, torch_loss, rng = Tensor(0.0), torch.zeros(()), np.random.default_rng(4)
    for y, e in zip(results, expected, strict=True):
        close(y.data, e.detach().numpy(), "output")
        weights = rng.normal(size=y.shape).astype(np.float32)
        loss, torch_loss = (
            loss + (y * weights).sum(),
            torch_loss + (e * torch.tensor(weights)).sum(),
        )
    loss.backward()
    torch_loss.backward()
    pairs: Any = zip((x, *states), (t, *torch_states), strict=True)
    for a, e in pairs:
        if e.grad is not None:
            close(a.grad.data, e.grad.numpy(), "inputs")
    for path, parameter in theirs.named_parameters():
        close(getattr(ours, path).grad.data, parameter.grad.numpy(), path)


@pytest.mark.parametrize("source", ["minae", "torch"])
@pytest.mark.parametrize("name", ["GRU", "LSTM"])
def test_weights_move_both_ways(name, source):
    options = LAYERS["everything"]
    ours, theirs = pair(name, options, source)
    state, expected = ours.state_dict(), theirs.state_dict()
    assert list(state) == list(expected)
    for path, value in expected.items():
        np.testing.assert_array_equal(state[path], value.numpy(), path)
    x = inputs(options)[0]
    with no_grad(), torch.no_grad():
        close(ours(Tensor(x))[0].data, theirs(torch.tensor(x))[0].numpy(), "output")


@pytest.mark.parametrize("name", ["GRU", "LSTM"])
def test_first_weights_are_uniform_within_one_over_the_root_of_hidden_size(name):
    manual_seed(0)
    for path, value in getattr(nn, name)(200, 100).state_dict().items():
        assert np.abs(value).max() == pytest.approx(0.1, rel=0.05), path
        assert value.std() == pytest.approx(0.1 / 3**0.5, rel=0.1), path


def test_what_is_behind_a_rows_end_has_no_effect():
    gru = nn.GRU(I, H, bidirectional=True)
    x, h0, _ = inputs({"bidirectional": True})
    lengths = LENGTHS["padded"]
    y, h = gru(Tensor(x), Tensor(h0), lengths)
    behind = np.arange(L)[:, None] >= np.array(lengths)  # (L, N)
    assert (y.data[behind] == 0).all()
    other: Any = Tensor(np.where(behind[:, :, None], np.float32(9), x), requires_grad=True)
    again, h_again = gru(other, Tensor(h0), lengths)
    np.testing.assert_array_equal(again.data, y.data)
    np.testing.assert_array_equal(h_again.data, h.data)
    (again.sum() + h_again.sum()).backward()
    assert (other.grad.data[behind] == 0).all()


def test_dropout_is_between_layers_and_in_training_only():
    gru = nn.GRU(I, H, num_layers=2, dropout=1.0)
    x = Tensor(inputs({})[0])
    first, last = gru(x)[1].data
    blind, zeros = nn.GRU(H, H), Tensor(np.zeros((L, N, H), np.float32))
    second = {k[:-1] + "0": v for k, v in gru.state_dict().items() if k.endswith("l1")}
    blind.load_state_dict(second)
    np.testing.assert_array_equal(last, blind(zeros)[1].data[0])
    same_first, other_last = gru.eval()(x)[1].data
    np.testing.assert_array_equal(first, same_first)
    assert np.abs(other_last - last).max() > 0.01


def test_repr():
    gru = nn.GRU(I, H, 2, bidirectional=True)
    assert repr(gru) == "GRU(4, 6, num_layers=2, bidirectional=True)"


X = Tensor(np.zeros((L, N, I), np.float32))
WRONG = {
    # message: the call
    r"GRU takes \(L, N, 4\), not \(7, 5\)": lambda: nn.GRU(I, H)(X[:, :, 0]),
    r"LSTM takes \(N, L, 3\), not \(7, 5, 4\)": lambda: nn.LSTM(3, H, batch_first=True)(X),
    r"GRU: the first state must be \(2, 5, 6\)": lambda: nn.GRU(I, H, 2)(
        X, Tensor(np.zeros((1, N, H)))
    ),
    r"gru: lengths from 0 to 3, but x has 7 steps": lambda: nn.GRU(I, H)(X, None, [0, 1, 2, 3, 3]),
    r"gru: lengths from 1 to 8, but x has 7 steps": lambda: nn.GRU(I, H)(X, None, [8, 1, 2, 3, 3]),
    r"lstm: lengths \(2,\) must be \(5,\)": lambda: nn.LSTM(I, H)(X, None, [1, 2]),
    "num_layers and hidden_size must be at least 1": lambda: nn.GRU(I, H, 0),
}


@pytest.mark.parametrize("message", WRONG)
def test_wrong_arguments_are_refused(message):
    with pytest.raises(ValueError, match=message):
        WRONG[message]()


def test_lengths_are_integers():
    with pytest.raises(TypeError, match="gru: index must be integers, not float32"):
        nn.GRU(I, H)(X, None, [1.5, 1, 2, 3, 3])
