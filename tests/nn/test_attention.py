"""Attention and transformer layers beside PyTorch's: outputs, weights, gradients, states."""

import numpy as np
import pytest

from minae import Tensor, manual_seed, nn, no_grad

torch = pytest.importorskip("torch")
torch.set_num_threads(1)

N, L, S, E, H = 3, 5, 7, 8, 2
rng = np.random.default_rng(0)
PADDING = np.arange(L) >= np.array([[5], [3], [1]])  # (N, L), True behind the end of each row
FUTURE = ~np.tri(L, dtype=bool)
ADDED = rng.normal(size=(N * H, L, L)).astype(np.float32)


def close(actual, expected, what=""):
    expected = expected.detach().numpy()
    scale = max(1.0, float(np.abs(expected).max()))
    np.testing.assert_allclose(actual.data, expected, 0, 1e-5 * scale, err_msg=what)


def pair(name, *arguments, **options):
    """Return the layer in both libraries, with PyTorch's weights in both."""
    torch.manual_seed(2)
    ours, theirs = (getattr(lib, name)(*arguments, **options) for lib in (nn, torch.nn))
    for parameter in theirs.parameters():  # PyTorch's biases are 0
        torch.nn.init.normal_(parameter, std=0.5)
    assert list(ours.state_dict()) == list(theirs.state_dict())
    ours.load_state_dict(theirs.state_dict())
    return ours, theirs


def inputs(batch_first, lengths=(L, L, L)):
    shapes = [(N, n, E) if batch_first else (n, N, E) for n in lengths]
    return [rng.normal(size=shape).astype(np.float32) for shape in shapes]


def assert_same_gradients(ours, theirs, inputs, theirs_inputs, y, t):
    dy = rng.normal(size=y.shape).astype(np.float32)
    y.backward(dy)
    t.backward(torch.tensor(dy))
    for a, e in zip(inputs, theirs_inputs, strict=True):
        close(a.grad, e.grad, "an input")
    expected = dict(theirs.named_parameters())
    for name, parameter in ours.named_parameters():
        close(parameter.grad, expected[name].grad, name)


MASKS = {
    "no mask": {},
    "padding": {"key_padding_mask": PADDING},
    "padding, added": {"key_padding_mask": np.where(PADDING, -2.0, 0.5).astype(np.float32)},
    "the future": {"attn_mask": FUTURE},
    "added": {"attn_mask": ADDED},
    "both": {"key_padding_mask": PADDING, "attn_mask": FUTURE},
}


@pytest.mark.parametrize("need_weights", [False, True])
@pytest.mark.parametrize("masks", MASKS.values(), ids=MASKS)
@pytest.mark.parametrize("options", [{}, {"bias": False, "batch_first": True}], ids=str)
def test_self_attention(options, masks, need_weights):
    ours, theirs = pair("MultiheadAttention", E, H, **options)
    (array,) = inputs(options.get("batch_first"), (L,))
    x, t = Tensor(array, requires_grad=True), torch.tensor(array, requires_grad=True)
    how = {"need_weights": need_weights, "average_attn_weights": "bias" in options}
    y, weights = ours(x, x, x, **{k: Tensor(m) for k, m in masks.items()}, **how)
    z, expected = theirs(t, t, t, **{k: torch.tensor(m) for k, m in masks.items()}, **how)
    close(y, z)
    if need_weights:
        close(weights, expected)
    else:
        assert weights is None
    assert_same_gradients(ours, theirs, [x], [t], y, z)


@pytest.mark.parametrize("need_weights", [False, True])
@pytest.mark.parametrize("batch_first", [False, True])
def test_attention_to_another_sequence(batch_first, need_weights):
    ours, theirs = pair("MultiheadAttention", E, H, batch_first=batch_first)
    arrays = inputs(batch_first, (L, S, S))
    x = [Tensor(a, requires_grad=True) for a in arrays]
    t = [torch.tensor(a, requires_grad=True) for a in arrays]
    padding = rng.random((N, S)) < 0.3
    y, weights = ours(*x, Tensor(padding), need_weights)
    z, expected = theirs(*t, torch.tensor(padding), need_weights)
    close(y, z)
    assert (weights is None) == (expected is None)
    if need_weights:
        close(weights, expected)
    assert_same_gradients(ours, theirs, x, t, y, z)


@pytest.mark.parametrize("need_weights", [False, True])
@pytest.mark.parametrize("padding", [None, PADDING])
def test_is_causal_needs_no_mask_beside_it(padding, need_weights):
    """PyTorch takes it for a hint, and asks for the mask as well."""
    ours, theirs = pair("MultiheadAttention", E, H, batch_first=True)
    (array,) = inputs(True, (L,))
    x, t = Tensor(array), torch.tensor(array)
    given = [None, None] if padding is None else [Tensor(padding), torch.tensor(padding)]
    y, _ = ours(x, x, x, given[0], need_weights, is_causal=True)
    z, _ = theirs(t, t, t, given[1], need_weights, attn_mask=torch.tensor(FUTURE), is_causal=True)
    close(y, z)


LAYERS = {
    "as it is": {},
    "norm first": {"norm_first": True, "activation": "gelu"},
    "batch first": {"batch_first": True, "layer_norm_eps": 1e-2},
    "without bias": {"bias": False, "norm_first": True},
}


@pytest.mark.parametrize("masked", [False, True])
@pytest.mark.parametrize("options", LAYERS.values(), ids=LAYERS)
def test_a_layer_of_a_transformer(options, masked):
    ours, theirs = pair("TransformerEncoderLayer", E, H, 16, 0.0, **options)
    (array,) = inputs(options.get("batch_first"), (L,))
    x, t = Tensor(array, requires_grad=True), torch.tensor(array, requires_grad=True)
    masks = [FUTURE, PADDING] if masked else []
    y, z = ours(x, *map(Tensor, masks)), theirs(t, *map(torch.tensor, masks))
    close(y, z)
    assert_same_gradients(ours, theirs, [x], [t], y, z)


def test_initial_weights():
    manual_seed(1)
    torch.manual_seed(2)
    states = [lib.MultiheadAttention(128, 4).state_dict() for lib in (nn, torch.nn)]
    for name, expected in states[1].items():
        array, expected = states[0][name], expected.numpy()
        assert array.dtype == np.float32
        if name.endswith("bias"):
            assert not array.any()
        else:
            assert np.abs(array).max() == pytest.approx(np.abs(expected).max(), rel=0.01)
            assert array.std() == pytest.approx(expected.std(), rel=0.02)


def test_dropout_is_for_training_only():
    manual_seed(3)
    layer = nn.TransformerEncoderLayer(E, H, 16, dropout=0.5)
    (array,) = inputs(False, (L,))
    x = Tensor(array)
    with no_grad():
        assert (layer(x).data != layer(x).data).any()
        attention = layer.self_attn
        trained, weights = attention(x, x, x)
        layer.eval()
        kept, same_weights = attention(x, x, x)
        np.testing.assert_array_equal(layer(x).data, layer(x).data)
        np.testing.assert_array_equal(attention(x, x, x, need_weights=False)[0].data, kept.data)
    assert (trained.data != kept.data).any()
    np.testing.assert_allclose(same_weights.sum(-1).data, 1, rtol=1e-5)
    assert (weights.data == 0).any()  # as in PyTorch: the weights that were used


REFUSED = {
    "embed_dim=8 must be a multiple of num_heads=3": lambda x: nn.MultiheadAttention(8, 3),
    r"MultiheadAttention takes \(L, N, 6\), not \(5, 3, 8\)": lambda x: nn.MultiheadAttention(6, 2)(
        x, x, x
    ),
    r"MultiheadAttention takes \(N, L, 8\), not \(3, 8\)": lambda x: nn.MultiheadAttention(
        8, 2, batch_first=True
    )(x, x[0], x[0]),
    r"attn_mask \(3, 3\) must be \(5, 5\) or \(6, 5, 5\)": lambda x: nn.MultiheadAttention(8, 2)(
        x, x, x, attn_mask=Tensor(np.ones((3, 3), bool))
    ),
    r"key_padding_mask \(5, 3\) must be \(3, 5\)": lambda x: nn.MultiheadAttention(8, 2)(
        x, x, x, Tensor(PADDING.T.copy())
    ),
    "activation is 'relu' or 'gelu', not 'tanh'": lambda x: nn.TransformerEncoderLayer(
        8, 2, activation="tanh"
    ),
}


@pytest.mark.parametrize("message", REFUSED)
def test_what_does_not_fit_is_refused(message):
    with pytest.raises(ValueError, match=message):
        REFUSED[message](Tensor(np.zeros((L, N, E), np.float32)))
