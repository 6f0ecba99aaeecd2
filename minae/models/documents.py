"""The autoencoder of documents as bags of words: what a text is about, whatever its order."""

from typing import ClassVar

import numpy as np

from minae import ops
from minae.data import Ragged
from minae.data.text.tokens import SPECIAL
from minae.kernels.arrays import Array
from minae.models import base
from minae.models.base import Autoencoder
from minae.tensor import Tensor

FIRST = len(SPECIAL)  # ids below it are no words


class DocumentAutoencoder(Autoencoder):
    """From the words of a text to a code, and back to the probability of each word.

    Texts are ids (N, L), integers below V, with zeros behind each text's end. How often each word
    occurs is all that the model sees of them; ids below 4 do not count. The encoder gets
    log(1 + count), divided by its norm, so that a long text weighs no more than a short one. The
    sizes run from V, the size of the vocabulary, to the length of the code, such as
    [10000, 512, 32]; the activation is one of nn.ACTIVATIONS.

    The loss is that of a multinomial distribution, -Σ_w count_w log p_w, in nats.
    """

    kinds = ("text",)
    corruption = "words:0.5"
    defaults: ClassVar = {"batch_size": 64, "lr": 2e-3, "schedule": "cosine"}
    has_logits = False
    # Padding costs next to nothing here, and batches of one length learn worse: on docstrings,
    # 6 of 100 neighbours fewer are of the same class.
    by_length = False

    def __init__(self, sizes: list[int], activation: str = "relu"):
        base.check_sizes(sizes)
        self.encoder = base.mlp(sizes, activation)
        self.decoder = base.mlp(sizes[::-1], activation)
        base.initialise(activation, self.encoder, self.decoder)

    def counts(self, ids: Tensor) -> Array:
        """Return how often each word occurs in texts (N, L): (N, V) float32, 0 for ids below 4."""
        N, V = len(ids), self.config["sizes"][0]
        cells = np.arange(N, like=ids.data)[:, None] * V + ids.data  # (N, L)
        counts = np.bincount(cells.ravel(), minlength=N * V).reshape(N, V)
        counts[:, :FIRST] = 0
        return counts.astype(np.float32)

    def codes(self, ids: Tensor) -> Tensor:
        """Return the code (N, Z) of each text."""
        x = np.log1p(self.counts(ids))  # (N, V)
        norm = np.sqrt((x * x).sum(axis=1, keepdims=True))
        return self.encoder(Tensor(x / np.maximum(norm, 1)))  # a text without words stays 0

    def decode(self, z: Tensor) -> Tensor:
        """Return the probability of each word in the texts of codes (N, Z): (N, V)."""
        return ops.softmax(self.decoder(z), 1)

    def forward(self, ids: Tensor) -> Tensor:
        """Return the probability of each word in texts like these: (N, V)."""
        return self.decode(self.codes(ids))

    def loss(self, ids: Tensor, target: Tensor | None = None) -> Tensor:
        """Return -log p of the words of the target, summed over a text, averaged over the batch."""
        counts = Tensor(self.counts(ids if target is None else target))
        logits = self.decoder(self.codes(ids))
        return ops.cross_entropy(logits, counts, reduction="batchmean")

    def metrics(self, ids: Tensor, target: Tensor | None = None) -> dict[str, float]:
        """Return the loss, and nats and words of a text, all means."""
        loss, target = self.loss(ids, target).item(), ids if target is None else target
        words = (target.data >= FIRST).sum().item() / len(target)
        return {"loss": loss, "nats": loss, "tokens": words}

    def token_nats(self, ids: Tensor, target: Tensor | None = None) -> Tensor:
        """Return -log p of each word of the target, 0 for ids below 4: (N, L)."""
        target = ids if target is None else target
        nats = -ops.log_softmax(self.decoder(self.codes(ids)), 1)  # (N, V)
        return ops.where(target.data >= FIRST, ops.gather(nats, 1, target), 0)

    def start_at_mean(self, texts: Ragged) -> None:
        """Set the last bias so that training begins with how frequent each word is in texts."""
        counts = np.bincount(texts.values, minlength=self.config["sizes"][0])
        counts[:FIRST] = 0
        self.decoder[-1].bias.data[...] = base.log_shares(counts)
