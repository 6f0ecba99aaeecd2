"""A denoising autoencoder of words: some are hidden, and guessed from those on both sides."""

from collections.abc import Iterator
from typing import ClassVar, NoReturn

import numpy as np

from minae import nn, ops, random
from minae.data import Ragged
from minae.data.text.tokens import END, PAD, UNKNOWN
from minae.errors import InputError
from minae.grad_mode import no_grad
from minae.kernels.arrays import Array
from minae.models import base
from minae.models.base import Autoencoder
from minae.nn import init
from minae.tensor import Tensor

STD = 0.02  # of the embeddings at first
PASSES = 7  # in which each token is hidden once, so that 1 in 7 is at a time, nearly as in training


class Reader(nn.Module):
    """Texts (N, L) to a vector for each token, which depends on all tokens: (N, L, width)."""

    def __init__(
        self, vocabulary: int, longest: int, layers: int, heads: int, width: int, dropout: float
    ):
        self.tokens, self.places = nn.Embedding(vocabulary, width), nn.Embedding(longest, width)
        for embedding in (self.tokens, self.places):
            embedding.weight = init.normal(embedding.weight.shape, STD)
        self.dropout = nn.Dropout(dropout)
        options = {"activation": "gelu", "batch_first": True, "norm_first": True}
        blocks = [
            nn.TransformerEncoderLayer(width, heads, 4 * width, dropout, **options)
            for _ in range(layers)
        ]
        for block in blocks:
            block.self_attn.dropout = 0.0  # weights of attention are kept, as in GPT
        self.layers = nn.Sequential(*blocks)
        self.norm = nn.LayerNorm(width)

    def forward(self, ids: Tensor) -> Tensor:
        """Return (N, L, width); what stands behind a text's end changes nothing before it.

        Raises ValueError if L is more than `longest`.
        """
        if ids.shape[1] > len(self.places.weight):
            longest = len(self.places.weight)
            raise ValueError(f"texts have {longest} ids at most, not {ids.shape[1]}")
        padding = ids.data == PAD  # (N, L)
        hidden = Tensor(padding, device=ids.device) if padding.any() else None
        places = Tensor(np.arange(ids.shape[1]), device=ids.device)
        x = self.dropout(self.tokens(ids) + self.places(places))
        for layer in self.layers:
            x = layer(x, src_key_padding_mask=hidden)
        return self.norm(x)


class MaskedLanguageModel(Autoencoder):
    """Guess hidden words from those around them, as BERT does (Devlin et al. 2019).

    Args:
        vocabulary: number of different tokens; texts are ids (N, L) below it, with 0 behind a
            text's end, 1 for what is not in the vocabulary, and 3 at the end
        longest: how many ids a text has at most
        layers, heads, width: blocks, attention heads in each, and numbers for each token
        dropout: share of numbers that are set to 0 in training
        masked: share of the words that are guessed in training. Of these, 80 % are read as unknown,
            10 % as another word, and 10 % as they are.

    A text's code is the mean of what is known at its tokens, when none is hidden.
    """

    kinds = ("text",)
    # in validation, TREC's words cost 3.20 nats after 2,000 steps, 2.95 after 4,000
    steps = 4_000
    defaults: ClassVar = {
        "batch_size": 32, "optimizer": "adamw", "lr": 1e-3, "weight_decay": 0.01, "warmup": 200,
        "schedule": "cosine", "clip": 1.0, "longest": 128,
    }  # fmt: skip
    has_logits = False
    encoder: Reader

    def __init__(
        self,
        vocabulary: int,
        longest: int = 128,
        layers: int = 2,
        heads: int = 4,
        width: int = 128,
        dropout: float = 0.1,
        masked: float = 0.15,
    ):
        base.check_count("vocabulary", vocabulary, END + 2)
        base.check_transformer(layers, heads, width, dropout, longest=longest)
        base.check_share("masked", masked)
        self.longest, self.masked = longest, masked
        self.encoder = Reader(vocabulary, longest, layers, heads, width, dropout)
        self.decoder = nn.Linear(width, vocabulary)
        self.decoder.weight = self.encoder.tokens.weight  # tied (Press & Wolf 2017)

    @property
    def bytes_per_token(self) -> int:
        """About how much memory a training step takes for each token of the longest text."""
        config = self.config
        inner = 20 * config["width"] + 3 * config["heads"] * self.longest  # numbers in a layer
        return 4 * (config["layers"] * inner + int(2 * self.masked * config["vocabulary"]))

    def codes(self, ids: Tensor) -> Tensor:
        """Return the code (N, Z) of each text."""
        inside = (ids.data != PAD).astype(np.float32)[:, :, None]  # (N, L, 1)
        known = self.encoder(ids) * Tensor(inside)
        return known.sum(1) / Tensor(np.maximum(inside.sum(axis=1), 1))

    def decode(self, z: Tensor) -> NoReturn:
        """Raise InputError: the words are guessed from their places, not from one code."""
        raise InputError("a masked model writes no text from a code: train sequence")

    @no_grad()
    def forward(self, ids: Tensor) -> Tensor:
        """Return texts (N, L) in which each word is the best guess from the others: ids, int32.

        So is what is unknown in them.
        """
        made = ids.data.copy()
        for hidden, logits in self._in_turn(ids, (ids.data > END) | (ids.data == UNKNOWN)):
            logits[:, : END + 1] = -np.inf
            made[hidden] = logits.argmax(axis=1)
        return Tensor(made)

    @no_grad()
    def token_nats(self, ids: Tensor) -> Tensor:
        """Return -log p of each word of texts given all others, 0 for ids below 4: (N, L)."""
        nats = np.zeros(ids.shape, np.float32, like=ids.data)
        for hidden, logits in self._in_turn(ids, ids.data > END):
            target = Tensor(ids.data[hidden])
            nats[hidden] = ops.cross_entropy(Tensor(logits), target, reduction="none").data
        return Tensor(nats)

    def _in_turn(self, ids: Tensor, words: Array) -> Iterator[tuple[Array, Array]]:
        """Hide some of the words (N, L) after others; yield which, (N, L), and logits (M, V)."""
        turn = np.arange(ids.shape[1], like=ids.data) % PASSES
        for number in range(PASSES):
            hidden = words & (turn == number)
            if hidden.any():
                read = Tensor(np.where(hidden, UNKNOWN, ids.data))
                yield hidden, self._logits(read, hidden).data

    def _logits(self, ids: Tensor, places: Array) -> Tensor:
        """Return the logits (M, V) of what stands at M places of texts, both (N, L)."""
        known = self.encoder(ids).flatten(0, 1)  # (N L, width)
        return self.decoder(known[Tensor(np.flatnonzero(places))])

    def loss(self, ids: Tensor, target: Tensor | None = None) -> Tensor:
        """Return -log p of the words to guess, in nats, averaged over them.

        A share `masked` of the words of ids (N, L) is hidden anew each time. With a target (N, L),
        what is to be guessed are the words in which ids differ from it.
        """
        logits, words = self._guess(ids, target)
        return ops.cross_entropy(logits, words, reduction="sum") / max(len(words), 1)

    def metrics(self, ids: Tensor, target: Tensor | None = None) -> dict[str, float]:
        """Return the loss, the share of words that are guessed, and nats and words of a text."""
        logits, words = self._guess(ids, target)
        nats, count = ops.cross_entropy(logits, words, reduction="sum").item(), len(words)
        right = (logits.data.argmax(axis=1) == words.data).sum().item()
        return {
            "loss": nats / max(count, 1),
            "guessed": right / max(count, 1),
            "nats": nats / len(ids),
            "tokens": count / len(ids),
        }

    def _guess(self, ids: Tensor, target: Tensor | None) -> tuple[Tensor, Tensor]:
        """Return logits (M, V) of the words to guess, and these words (M,)."""
        if target is None:
            hidden, chosen = self.hide(ids.data)
            read, target = Tensor(hidden), ids
        else:
            read, chosen = ids, ids.data != target.data
        return self._logits(read, chosen), Tensor(target.data[chosen])

    def hide(self, ids: Array) -> tuple[Array, Array]:
        """Return texts (N, L) with some words hidden, and which are to be guessed, (N, L)."""
        device = Tensor(ids).device
        kind, share = (random.uniform(ids.shape, device=device) for _ in range(2))
        chosen = (share < self.masked) & (ids > END)
        words = self.config["vocabulary"] - END - 1
        other = END + 1 + (random.uniform(ids.shape, device=device) * words).astype(np.int32)
        read = np.where(kind < 0.8, np.int32(UNKNOWN), np.where(kind < 0.9, other, ids))
        return np.where(chosen, read, ids), chosen

    def start_at_mean(self, texts: Ragged) -> None:
        """Set the last bias so that training begins with how frequent each word is in texts."""
        counts = np.bincount(texts.values, minlength=self.config["vocabulary"])
        counts[: END + 1] = 0
        self.decoder.bias.data[...] = base.log_shares(counts)
