"""Whether operands fit together. Every backend checks that with these functions before it computes.

So all of them refuse the same calls with the same sentence. The functions look only at `.shape`.
Those for convolutions and pools are in `shapes_images`.
"""

from collections.abc import Sequence
from typing import Any, Protocol


class Shaped(Protocol):
    """An array or a tensor."""

    @property
    def shape(self) -> tuple[Any, ...]:
        """Its size along each dimension."""
        ...


def check_matmul(a: Shaped, b: Shaped) -> None:
    """Raise ValueError unless a (..., M, K) and b (..., K, N) multiply, vectors as in NumPy."""
    if why := _mismatch(a.shape, b.shape):
        raise ValueError(f"matmul: {a.shape} and {b.shape} do not multiply: {why}")


def _mismatch(a, b) -> str | None:
    if len(a) == 0 or len(b) == 0:
        return "a scalar has no rows"
    columns, rows = a[-1], b[0] if len(b) == 1 else b[-2]
    if columns != rows:
        return f"{columns} columns against {rows} rows"
    if len(a) > 2 and len(b) > 2:
        # Broadcasting aligns the batches on the right; zip stops at the shorter one.
        pairs = zip(a[-3::-1], b[-3::-1], strict=False)
        if any(m != n and 1 not in (m, n) for m, n in pairs):
            return f"batches {a[:-2]} and {b[:-2]} do not broadcast"
    return None


def check_bias(name: str, bias: Shaped | None, channels: int, weight: Shaped) -> None:
    """Raise ValueError unless the bias of a layer with this weight is (channels,) or None."""
    if bias is not None and bias.shape != (channels,):
        raise ValueError(
            f"{name}: bias {bias.shape} must be {(channels,)} to go with weight {weight.shape}"
        )


def check_linear(x: Shaped, weight: Shaped, bias: Shaped | None) -> None:
    """Raise ValueError unless x is (..., I), weight (O, I) and bias (O,) or None."""
    if len(weight.shape) != 2:
        raise ValueError(f"linear: weight {weight.shape} must have 2 dimensions (O, I)")
    O, I = weight.shape  # noqa: E741
    features = x.shape[-1] if x.shape else "no"
    if features != I:
        raise ValueError(
            f"linear: x {x.shape} has {features} features, but weight {weight.shape} takes {I}"
        )
    check_bias("linear", bias, O, weight)


def check_linear_backward(dy: Shaped, x: Shaped, weight: Shaped, y: Shaped | None) -> None:
    """Raise ValueError unless dy and y (..., O) are what linear gives for x (..., I)."""
    fits = x.shape[-1:] == weight.shape[1:] and dy.shape == (*x.shape[:-1], weight.shape[0])
    if not fits or (y is not None and y.shape != dy.shape):
        raise ValueError(
            f"linear_backward: dy {dy.shape} and y {None if y is None else y.shape} do not go with"
            f" x {x.shape} and weight {weight.shape}"
        )


SLOPE = "slope"  # in place of an activation, in backward: y is the derivative itself


def check_activation(activation: str | None) -> bool:
    """Return whether the activation is "relu"; raise ValueError unless it is that or None."""
    if activation not in (None, "relu"):
        raise ValueError(f"activation is None or 'relu' inside a kernel, not {activation!r}")
    return activation is not None


SMOOTH = ("gelu", "gelu_tanh", "silu")  # activations whose kernels give their slope as well


def check_smooth(activation: str) -> int:
    """Return which of SMOOTH the activation is; raise ValueError if it is none of them."""
    if activation not in SMOOTH:
        raise ValueError(f"a smooth activation is one of {', '.join(SMOOTH)}, not {activation!r}")
    return SMOOTH.index(activation)


def check_layer_norm(x: Shaped, weight: Shaped | None, bias: Shaped | None) -> None:
    """Raise ValueError unless x is (N, K), and weight and bias are (K,) or None."""
    if len(x.shape) != 2:
        raise ValueError(f"layer_norm: x {x.shape} must be (N, K)")
    for name, parameter in (("weight", weight), ("bias", bias)):
        if parameter is not None and parameter.shape != x.shape[1:]:
            raise ValueError(
                f"layer_norm: {name} {parameter.shape} must be {x.shape[1:]} to go with x {x.shape}"
            )


def check_same(name: str, a: Shaped, b: Shaped) -> None:
    """Raise ValueError unless two operands have the same shape."""
    if a.shape != b.shape:
        raise ValueError(f"{name}: shapes {a.shape} and {b.shape} must agree")


def check_batch_norm(x: Shaped, weight: Shaped | None, bias: Shaped | None) -> None:
    """Raise ValueError unless x is (N, C, ...) and weight and bias are both (C,) or both None."""
    if len(x.shape) < 2:
        raise ValueError(f"batch_norm: x {x.shape} must be (N, C) or (N, C, ...)")
    given = [None if p is None else p.shape for p in (weight, bias)]
    if given not in ([None, None], [x.shape[1:2]] * 2):
        raise ValueError(
            f"batch_norm: weight {given[0]} and bias {given[1]} must both be {x.shape[1:2]}, or "
            f"both None, to go with x {x.shape}"
        )


def broadcasts(shape: tuple[int, ...], target: tuple[int, ...]) -> bool:
    """Return whether an array of `shape` broadcasts to `target`."""
    pairs = zip(reversed(shape), reversed(target), strict=False)
    return len(shape) <= len(target) and all(n in (1, wanted) for n, wanted in pairs)


def check_attention(query: Shaped, key: Shaped, value: Shaped, mask: Shaped | None) -> None:
    """Raise ValueError unless attention has query (..., L, E), key (..., S, E), value (..., S, V).

    Their leading dimensions are equal, and the mask, if any, broadcasts to (..., L, S).
    """
    q, k, v = query.shape, key.shape, value.shape
    if min(map(len, (q, k, v))) < 2 or (k[:-2], k[-1]) != (q[:-2], q[-1]) or v[:-1] != k[:-1]:
        raise ValueError(
            "attention: query (..., L, E), key (..., S, E), value (..., S, V) do not go together:"
            f" {q}, {k}, {v}"
        )
    if mask is not None:
        scores = (*q[:-1], k[-2])
        if not broadcasts(mask.shape, scores):
            raise ValueError(
                f"attention: attn_mask {mask.shape} does not broadcast to the scores {scores}"
            )


def check_attention_backward(
    dy: Shaped, query: Shaped, key: Shaped, value: Shaped, saved: Shaped, mask: Shaped | None
) -> None:
    """Raise ValueError unless dy (..., L, V) and saved (2, ..., L) are what attention gives."""
    check_attention(query, key, value, mask)
    expected = (*query.shape[:-1], value.shape[-1]), (2, *query.shape[:-1])
    if (dy.shape, saved.shape) != expected:
        raise ValueError(
            f"attention_backward: dy {dy.shape} and saved {saved.shape} must be {expected[0]} and"
            f" {expected[1]} to go with query {query.shape} and value {value.shape}"
        )


def check_recurrent(
    name: str,
    x: Shaped,
    states: Sequence[Shaped | None],
    weights: Sequence[Any],
    lengths: Shaped | None,
) -> None:
    """Raise ValueError unless the operands of `gru`, of one state, or `lstm`, of two, fit together.

    x (L, N, I), states (D, N, H) or None, lengths (N,) or None; four weights for each direction:
    (G, I), (G, H), (G,) or None, (G,) or None, with G = 3 H of a GRU and 4 H of an LSTM.
    """
    if len(x.shape) != 3 or 0 in x.shape[:2]:
        raise ValueError(f"{name}: x {x.shape} must be (L, N, I), with a step and a row at least")
    _, N, I = x.shape  # noqa: E741
    D, gates = len(weights) // 4, {1: 3, 2: 4}[len(states)]
    if len(weights) not in (4, 8):
        raise ValueError(f"{name}: there are four weights for each of one or two directions")
    H = weights[1].shape[-1]
    expected = ((gates * H, I), (gates * H, H), (gates * H,), (gates * H,)) * D
    for weight, shape in zip(weights, expected, strict=True):
        if weight is not None and weight.shape != shape:
            raise ValueError(
                f"{name}: weight {weight.shape} must be {shape} for x {x.shape} and {H} states"
            )
    for state in states:
        if state is not None and state.shape != (D, N, H):
            raise ValueError(f"{name}: initial state {state.shape} must be {(D, N, H)}")
    if lengths is not None and lengths.shape != (N,):
        raise ValueError(f"{name}: lengths {lengths.shape} must be {(N,)}")


def check_recurrent_backward(
    name: str,
    dy: Sequence[Shaped],
    x: Shaped,
    weights: Sequence[Any],
    saved: Shaped,
    lengths: Shaped | None,
) -> None:
    """Raise ValueError unless dy, of each state (L, N, D H), and saved are what `name` gives."""
    check_recurrent(name, x, (None,) * len(dy), weights, lengths)
    (L, N, _), H, D = x.shape, weights[1].shape[1], len(weights) // 4
    expected = (D, L, N, (4 + len(dy)) * H)
    for part in dy:
        if part.shape != (L, N, D * H) or saved.shape != expected:
            raise ValueError(
                f"{name}_backward: dy {part.shape} and saved {saved.shape} must be {(L, N, D * H)}"
                f" and {expected} to go with x {x.shape}"
            )


def check_cross_entropy(x: Shaped, target: Shaped) -> None:
    """Raise ValueError unless x is (N, K) and target (N,)."""
    if len(x.shape) != 2 or target.shape != x.shape[:1]:
        raise ValueError(f"cross_entropy: x {x.shape} is not (N, K) for a target {target.shape}")
