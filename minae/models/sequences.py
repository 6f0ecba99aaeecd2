"""Autoencoders of sequences: a text becomes one code, and is written again from it, in order."""

import math
from typing import Any, ClassVar

import numpy as np

from minae import nn, ops, random
from minae.data import Ragged
from minae.data.text.tokens import END, PAD, START, UNKNOWN
from minae.errors import InputError
from minae.grad_mode import no_grad
from minae.models import base
from minae.models.base import Autoencoder
from minae.models.vae import VariationalAutoencoder
from minae.tensor import Tensor


class Reader(nn.Module):
    """Texts (N, L) to the last states of a GRU that reads in both directions: (N, 2 hidden)."""

    def __init__(self, vocabulary: int, embedding: int, hidden: int):
        self.embedding = nn.Embedding(vocabulary, embedding, padding_idx=PAD)
        self.gru = nn.GRU(embedding, hidden, bidirectional=True)

    def forward(self, ids: Tensor) -> Tensor:
        """Return the state at each text's end, and that of the other direction at its beginning."""
        lengths = (ids.data != PAD).sum(axis=1)  # (N,)
        _, ends = self.gru(self.embedding(ids.T), None, lengths)  # (2, N, hidden)
        return ops.cat([ends[0], ends[1]], 1)


class Writer(nn.Module):
    """Codes (N, Z) to texts: a GRU that is told the token before, and the code at every step.

    In training, it is told `unknown` in place of a share `word_dropout` of the tokens: what it
    cannot see there it has to know from the code (Bowman et al. 2016).
    """

    def __init__(
        self, vocabulary: int, embedding: int, hidden: int, latent: int, word_dropout: float
    ):
        self.word_dropout = word_dropout
        self.embedding = nn.Embedding(vocabulary, embedding, padding_idx=PAD)
        self.first = nn.Linear(latent, hidden)
        self.gru = nn.GRU(embedding + latent, hidden)
        self.output: Any = nn.Linear(hidden, vocabulary)

    def forward(self, z: Tensor, ids: Tensor) -> Tensor:
        """Return logits (L, N, V) of each token of texts (N, L), told those before it."""
        after = ids.data.T  # (L, N)
        before = np.concatenate([np.full_like(after[:1], START), after[:-1]])
        if self.training and self.word_dropout:
            dropped = random.uniform(before.shape, device=z.device) < self.word_dropout
            before = np.where(dropped & (before > END), UNKNOWN, before)
        return self.go_on(z, Tensor(before), self.begin(z))[0]

    def begin(self, z: Tensor) -> Tensor:
        """Return the state before the first token: (1, N, hidden)."""
        return ops.tanh(self.first(z)).unsqueeze(0)

    def go_on(self, z: Tensor, before: Tensor, state: Tensor) -> tuple[Tensor, Tensor]:
        """Return logits (L, N, V) of what follows tokens (L, N), and the state (1, N, hidden)."""
        told = ops.cat([self.embedding(before), z.expand(len(before), *z.shape)], 2)
        states, state = self.gru(told, state)
        return self.output(states), state

    @no_grad()
    def write(self, z: Tensor, longest: int) -> Tensor:
        """Return texts (N, L), L at most `longest`: each token is the most probable one."""
        state, token = self.begin(z), np.full((1, len(z)), START, np.int32, like=z.data)
        going, written = np.ones(len(z), bool, like=z.data), []
        while len(written) < longest and (going.any() or not written):
            logits, state = self.go_on(z, Tensor(token), state)
            token = np.where(going, logits.data.argmax(axis=2), PAD).astype(np.int32)  # (1, N)
            written.append(token[0])
            going &= token[0] != END
        return Tensor(np.stack(written, axis=1))


class SequenceModel(Autoencoder):
    """What both models below share.

    Texts are ids (N, L), integers below `vocabulary`: 0 behind a text's end, 1 for what is not in
    the vocabulary, 3 at the end; a text that `decode` writes has `longest` ids at most. `embedding`
    is the length of a token's vector, `hidden` that of a GRU's state, `latent` that of the code.
    """

    kinds = ("text",)
    steps = 4_000
    # clipped: now and then, the gradient of a recurrent network is very large
    defaults: ClassVar = {"batch_size": 64, "lr": 3e-3, "schedule": "cosine", "clip": 1.0}
    has_logits = False
    decoder: Writer

    def _build(
        self,
        vocabulary: int,
        longest: int,
        embedding: int,
        hidden: int,
        latent: int,
        outputs: int,
        word_dropout: float,
    ) -> None:
        """Make encoder, to (N, outputs), and decoder. Raises InputError for what makes none."""
        sizes = {"embedding": embedding, "hidden": hidden, "latent": latent, "longest": longest}
        for name, size in sizes.items():
            base.check_count(name, size)
        base.check_count("vocabulary", vocabulary, END + 1)
        base.check_share("word_dropout", word_dropout)
        self.longest = longest
        reader = Reader(vocabulary, embedding, hidden)
        self.encoder = nn.Sequential(reader, nn.Linear(2 * hidden, outputs))
        self.decoder = Writer(vocabulary, embedding, hidden, latent, word_dropout)

    @property
    def bytes_per_token(self) -> int:
        """About how much memory a training step takes for each token: logits, and GRUs' parts."""
        vocabulary, hidden, embedding = (
            self.config[name] for name in ("vocabulary", "hidden", "embedding")
        )
        return 4 * (2 * vocabulary + 25 * hidden + 6 * embedding)

    def decode(self, z: Tensor) -> Tensor:
        """Return the texts that codes (N, Z) stand for: ids (N, L), int32."""
        return self.decoder.write(z, self.longest)

    def forward(self, ids: Tensor) -> Tensor:
        """Return the reconstructions of texts (N, L): ids (N, L'), int32."""
        return self.decode(self.codes(ids))

    def token_nats(self, ids: Tensor, target: Tensor | None = None) -> Tensor:
        """Return -log p of each token of the target, 0 behind a text's end: (N, L)."""
        return self._nats(self.codes(ids), ids if target is None else target, "none")

    def start_at_mean(self, texts: Ragged) -> None:
        """Set the last bias so that training begins with how frequent each token is in texts."""
        counts = np.bincount(texts.values, minlength=self.config["vocabulary"])
        self.decoder.output.bias.data[...] = base.log_shares(counts)

    def _nats(self, z: Tensor, target: Tensor, reduction: str) -> Tensor:
        """Return -log p of the tokens of texts (N, L), reduced over the batch or not at all."""
        return nats_of(self.decoder(z, target), target, reduction)


def nats_of(logits: Tensor, target: Tensor, reduction: str) -> Tensor:
    """Return -log p of the tokens of texts (N, L) by logits (L, N, V): (N, L), or "batchmean"."""
    L, N, V = logits.shape
    each = "none" if reduction == "none" else "sum"
    rows, ids = logits.reshape(L * N, V), target.T.flatten()
    nats = ops.cross_entropy(rows, ids, ignore_index=PAD, reduction=each)
    return nats.reshape(L, N).T if reduction == "none" else nats / N


class SequenceAutoencoder(SequenceModel):
    """A GRU that reads a text in both directions to a code, and one that writes it from the code.

    See SequenceModel for the arguments; `word_dropout` is the share of tokens that the decoder is
    not told in training. The loss is -Σ log p(token | code, tokens before it), in nats.
    """

    def __init__(
        self,
        vocabulary: int,
        longest: int = 100,
        embedding: int = 64,
        hidden: int = 128,
        latent: int = 64,
        word_dropout: float = 0.0,
    ):
        sizes = vocabulary, longest, embedding, hidden, latent
        self._build(*sizes, outputs=latent, word_dropout=word_dropout)

    def codes(self, ids: Tensor) -> Tensor:
        """Return the code (N, Z) of each text."""
        return self.encoder(ids)

    def loss(self, ids: Tensor, target: Tensor | None = None) -> Tensor:
        """Return -log p of the target, summed over a text's tokens, averaged over the batch."""
        return self._nats(self.codes(ids), ids if target is None else target, "batchmean")

    def metrics(self, ids: Tensor, target: Tensor | None = None) -> dict[str, float]:
        """Return the loss, nats and tokens of a text, and the share that is rebuilt exactly.

        Greedy decoding writes a text exactly if each of its tokens is the most probable one behind
        the right ones. So nothing has to be written to know it.
        """
        target = ids if target is None else target
        logits = self.decoder(self.codes(ids), target)  # (L, N, V)
        nats = nats_of(logits, target, "batchmean").item()
        wrong = (target.data != logits.data.argmax(axis=2).T) & (target.data != PAD)
        exact = 1 - wrong.any(axis=1).mean().item()
        return {"loss": nats, "nats": nats, "tokens": tokens(target), "exact": exact}


class SequenceVAE(SequenceModel, VariationalAutoencoder):
    """A sequence autoencoder whose codes can be drawn (Bowman et al. 2016).

    The decoder is told the tokens before, and can do without the code: then the KL term empties the
    code, and it stays empty. Against it, the weight of the KL rises from 0 to beta over the first
    `annealing` steps, a share `word_dropout` of the tokens is not told to the decoder in training,
    and a KL of up to `free_bits`, in nats per text, costs nothing (Kingma et al. 2016, with all
    latents as one group). See SequenceModel for the other arguments.
    """

    def __init__(
        self,
        vocabulary: int,
        longest: int = 100,
        embedding: int = 64,
        hidden: int = 128,
        latent: int = 32,
        word_dropout: float = 0.3,
        beta: float = 1.0,
        annealing: int = 2000,
        free_bits: float = 0.0,
    ):
        VariationalAutoencoder.__init__(self, latent, None, beta)
        base.check_count("annealing, a number of steps,", annealing, 0)
        if not 0 <= free_bits < math.inf:
            raise InputError(f"free_bits is a number of nats from 0, not {free_bits}")
        sizes = vocabulary, longest, embedding, hidden, latent
        self._build(*sizes, outputs=2 * latent, word_dropout=word_dropout)
        self.annealing, self.free_bits = annealing, free_bits
        self.steps = nn.Buffer(np.zeros((), np.int64))  # that training has taken
        self._start_narrow()

    def negative_log_likelihood(
        self, z: Tensor, target: Tensor, reduction: str, *labels: Tensor
    ) -> Tensor:
        """Return -log p(target|z) in nats: (N, L), of each token, or "batchmean"."""
        return self._nats(z, target, reduction)

    def loss(self, ids: Tensor, target: Tensor | None = None) -> Tensor:
        """Return -E_q[log p(target|z)] (one draw of z each) + the KL, as it weighs at this step."""
        nll, kl = self._terms(ids, target)
        weight = np.float32(self.beta)
        if self.training and self.annealing:
            weight = weight * np.minimum(self.steps.data / np.float32(self.annealing), 1)
            self.steps.data += 1
        return nll + ops.maximum(kl, self.free_bits) * Tensor(weight)

    def metrics(self, ids: Tensor, target: Tensor | None = None) -> dict[str, float]:
        """Return the loss, ELBO and KL, nats of the bound and tokens, all means per text."""
        figures = super().metrics(ids, target)
        counted = tokens(ids if target is None else target)
        return figures | {"nats": -figures["elbo"], "tokens": counted}


def tokens(ids: Tensor) -> float:
    """Return how many tokens a text of ids (N, L) has, its end included, on average."""
    return (ids.data != PAD).sum().item() / len(ids)
