"""A decoder-only language model: every token is predicted from those before it.

The network is GPT-2's (Radford et al. 2019), and so are the names of the weights, as in nanoGPT.
"""

import math
from collections.abc import Callable, Iterator
from typing import Any, ClassVar

import numpy as np

from minae import nn, ops
from minae.errors import InputError
from minae.grad_mode import no_grad
from minae.kernels import arrays
from minae.kernels.arrays import Array
from minae.models import base
from minae.models.base import Model
from minae.models.gpt_step import step
from minae.models.sampling import sampler
from minae.nn import init
from minae.tensor import Tensor

STD = 0.02  # of the weights at first


class Cache:
    """The keys and values of the tokens that a model has read, so that no token is read twice.

    For each layer, both are arrays (N, heads, context, width / heads), of which the first `length`
    tokens are filled.
    """

    def __init__(self, model: "GPT", rows: int = 1):
        layers, heads, width = (model.config[name] for name in ("layers", "heads", "width"))
        shape = (layers, 2, rows, heads, model.context, width // heads)
        weight = model.lm_head.weight.data
        self.arrays: Array = np.empty(shape, weight.dtype, like=weight)
        self.length = 0

    def attend(self, layer: int, parts: Tensor) -> Tensor:
        """Keep keys and values of new tokens, and return what all tokens so far give to them.

        parts (N, T, 3 width) are queries, keys and values; the result is (N, T, width).
        """
        keys, values = self.arrays[layer]  # each (N, heads, context, size)
        N, heads, _, size = keys.shape
        T, start, end = parts.shape[1], self.length, self.length + parts.shape[1]
        split = parts.data.reshape(N, T, 3, heads, size).transpose(2, 0, 3, 1, 4)
        query, keys[:, :, start:end], values[:, :, start:end] = split  # each (N, heads, T, size)
        mask = None
        if start and T > 1:  # query i belongs to token start + i
            mask = Tensor(np.tri(T, end, start, dtype=bool), device=parts.device)
        read = Tensor(query), Tensor(keys[:, :, :end]), Tensor(values[:, :, :end])
        y = ops.scaled_dot_product_attention(*read, mask, is_causal=not start)
        return y.transpose(1, 2).reshape(N, T, heads * size)


class CausalSelfAttention(nn.Module):
    """Every token takes what it needs from those before it, in several heads at once."""

    def __init__(self, width: int, heads: int, dropout: float, bias: bool, residual_std: float):
        self.heads = heads
        self.c_attn = _linear(width, 3 * width, bias, STD)
        self.c_proj = _linear(width, width, bias, residual_std)
        self.resid_dropout = nn.Dropout(dropout)

    def forward(self, x: Tensor, cache: Cache | None = None, layer: int = 0) -> Tensor:
        """Return what the tokens of x (N, T, width) get of each other, (N, T, width)."""
        parts = self.c_attn(x)  # (N, T, 3 width): a query, a key and a value for each token
        if cache is None:
            y = ops.self_attention(parts, self.heads, is_causal=True)
        else:
            y = cache.attend(layer, parts)
        return self.resid_dropout(self.c_proj(y))


class MLP(nn.Module):
    """Two linear layers, the inner one four times as wide, on each token by itself."""

    def __init__(
        self, width: int, dropout: float, bias: bool, residual_std: float, approximate: str
    ):
        self.c_fc = _linear(width, 4 * width, bias, STD)
        self.activation = "gelu_tanh" if approximate == "tanh" else "gelu"
        self.c_proj = _linear(4 * width, width, bias, residual_std)
        self.dropout = nn.Dropout(dropout)

    def forward(self, x: Tensor) -> Tensor:
        """Return (..., width) for x (..., width)."""
        return self.dropout(self.c_proj(self.c_fc(x, self.activation)))


class Block(nn.Module):
    """Attention, then the MLP, each after a layer norm, and each added to its input."""

    def __init__(
        self,
        width: int,
        heads: int,
        dropout: float,
        bias: bool,
        residual_std: float,
        approximate: str,
    ):
        self.ln_1 = nn.LayerNorm(width, bias=bias)
        self.attn = CausalSelfAttention(width, heads, dropout, bias, residual_std)
        self.ln_2 = nn.LayerNorm(width, bias=bias)
        self.mlp = MLP(width, dropout, bias, residual_std, approximate)

    def forward(self, x: Tensor, cache: Cache | None = None, layer: int = 0) -> Tensor:
        """Return (N, T, width) for x (N, T, width)."""
        x = x + self.attn(self.ln_1(x), cache, layer)
        return x + self.mlp(self.ln_2(x))


class Transformer(nn.Module):
    """Embeddings of tokens and of their places, blocks, and a last layer norm."""

    def __init__(
        self,
        vocabulary: int,
        context: int,
        layers: int,
        heads: int,
        width: int,
        dropout: float,
        bias: bool,
        approximate: str,
    ):
        self.wte, self.wpe = nn.Embedding(vocabulary, width), nn.Embedding(context, width)
        for embedding in (self.wte, self.wpe):
            embedding.weight = init.normal(embedding.weight.shape, STD)
        self.drop = nn.Dropout(dropout)
        # every block adds twice to its input: their sum is to keep its size with more layers
        residual_std = STD / math.sqrt(2 * layers)
        options = width, heads, dropout, bias, residual_std, approximate
        self.h = nn.Sequential(*(Block(*options) for _ in range(layers)))
        self.ln_f = nn.LayerNorm(width, bias=bias)

    def forward(self, ids: Tensor, cache: Cache | None = None) -> Tensor:
        """Return what is known at each token of ids (N, T): (N, T, width)."""
        start, T = 0 if cache is None else cache.length, ids.shape[1]
        places = Tensor(np.arange(start, start + T), device=ids.device)
        x = self.drop(self.wte(ids) + self.wpe(places))
        for layer, block in enumerate(self.h):
            x = block(x, cache, layer)
        if cache is not None:
            cache.length += T
        return self.ln_f(x)


class GPT(Model):
    """A language model: log p(text) = Σ log p(token | the tokens before it).

    Args:
        vocabulary: number of different tokens; ids are integers below it
        context: how many tokens it sees at most
        layers, heads, width: blocks, attention heads in each, and numbers for each token, which the
            heads divide among them
        dropout: share of numbers that are set to 0 in training, after the embeddings, attention
            and MLP of each block; weights of attention are not
        bias: of linear layers and layer norms
        approximate: of GELU; "tanh", as in GPT-2, or "none"

    A batch is ids (N, T + 1): of each row the model reads the first T, and predicts the last T. So
    one row gives T predictions, made at once.
    """

    kinds = ("corpus",)
    defaults: ClassVar = {
        "kind": "corpus", "batch_size": 12, "optimizer": "adamw", "lr": 3e-3, "weight_decay": 0.1,
        "warmup": 100, "schedule": "cosine", "clip": 1.0,
    }  # fmt: skip

    def __init__(
        self,
        vocabulary: int,
        context: int = 64,
        layers: int = 4,
        heads: int = 4,
        width: int = 128,
        dropout: float = 0.0,
        bias: bool = False,
        approximate: str = "none",
    ):
        base.check_transformer(
            layers, heads, width, dropout, vocabulary=vocabulary, context=context
        )
        base.check_choice("approximate", approximate, ("none", "tanh"))
        self.context = context
        self.transformer = Transformer(
            vocabulary, context, layers, heads, width, dropout, bias, approximate
        )
        self.lm_head = nn.Linear(width, vocabulary, bias=False)
        self.lm_head.weight = self.transformer.wte.weight  # tied (Press & Wolf 2017)

    def forward(self, ids: Tensor, cache: Cache | None = None) -> Tensor:
        """Return the logits (N, T, V) of what follows each token of ids (N, T).

        With a cache, ids are what follows the tokens that it holds, and it holds them afterwards.
        Raises ValueError if that makes more tokens than the context.
        """
        length = ids.shape[1] + (0 if cache is None else cache.length)
        if length > self.context:
            raise ValueError(f"GPT: {length} tokens, but the context is {self.context}")
        return self.lm_head(self.transformer(ids, cache))

    def loss(self, ids: Tensor) -> Tensor:
        """Return -log p of a token given those before it, in nats: the mean over ids (N, T + 1)."""
        return self._nats(ids, "mean")

    @no_grad()
    def token_nats(self, ids: Tensor) -> Tensor:
        """Return -log p of each token of ids (N, T + 1) but the first, in nats: (N, T)."""
        return self._nats(ids, "none").reshape(len(ids), -1)

    def _nats(self, ids: Tensor, reduction: str) -> Tensor:
        logits, target = self(ids[:, :-1]), ids[:, 1:]  # (N, T, V), (N, T)
        return ops.cross_entropy(logits.flatten(0, 1), target.flatten(), reduction=reduction)

    def generate(
        self,
        prompt: Any,
        count: int,
        *,
        temperature: float = 1.0,
        top_k: int | None = None,
        top_p: float | None = None,
        seed: int | None = None,
    ) -> Iterator[int]:
        """Yield `count` ids that continue a prompt, ids (L,), one by one.

        See `sampling.draw` for temperature, top_k and top_p. Equal seeds give equal ids; None draws
        from minae.random. Raises InputError for a prompt or an option that cannot be used.

        A cache keeps what was read, each token at the place where it stood. So when the context is
        full, its last half is read again, from the first place on. nanoGPT then reads all but one
        token again, for each token, which gains nothing: with a context of 64 characters, the next
        ones of Shakespeare cost no fewer nats given 64 than given the last 33, 40, 48 or 56.
        """
        draw = sampler(temperature, top_k, top_p, seed)
        base.check_count("count", count, 0)
        ids = [int(i) for i in prompt]
        vocabulary = self.config["vocabulary"]
        if not ids or not all(0 <= i < vocabulary for i in ids):
            raise InputError(
                f"a prompt is one or more ids from 0 to {vocabulary - 1}, not {ids[:10]}"
            )
        return self._continued(ids[-self.context :], count, draw)

    def _continued(
        self, ids: list[int], count: int, draw: Callable[[np.ndarray], int]
    ) -> Iterator[int]:
        """Yield ids that continue others, of which there are no more than the context."""
        cache = Cache(self)
        for _ in range(count):
            if cache.length and cache.length < self.context:
                logits = step(self, ids[-1], cache)
            else:  # at the beginning, and when the context is full
                ids = ids[-max(1, self.context // 2) :] if cache.length else ids
                cache.length = 0
                logits = self._read(ids, cache)
            ids = [*ids, draw(arrays.to_device(logits, "cpu"))]
            yield ids[-1]

    @no_grad()
    def _read(self, ids: list[int], cache: Cache) -> Array:
        """Return the logits (V,) of what follows ids, without dropout, and fill a cache."""
        was_training = self.training
        read = Tensor(np.array([ids], np.int32), device=self.device)
        logits = self.eval()(read, cache).data[0, -1]
        self.train(was_training)
        return logits


def _linear(in_features: int, out_features: int, bias: bool, std: float) -> nn.Linear:
    """Return a layer with weights of this standard deviation and biases of 0."""
    layer = nn.Linear(in_features, out_features, bias)
    layer.weight = init.normal(layer.weight.shape, std)
    if layer.bias is not None:
        layer.bias.data[...] = 0
    return layer
