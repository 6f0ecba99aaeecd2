"""The sequence autoencoder in PyTorch, line by line `models.SequenceAutoencoder`.

This module needs PyTorch, so it is imported only where PyTorch takes its turn.
"""

import torch
from torch.nn import GRU, Embedding, Linear, Module, Sequential, functional

from minae.data.text.tokens import PAD, START


class Reader(Module):
    """Texts (L, N) to the last states of a GRU that reads in both directions: (N, 2 hidden).

    The texts of the workload have one length, so nothing is packed, which would take longer.
    """

    def __init__(self, vocabulary: int, embedding: int, hidden: int):
        super().__init__()
        self.embedding = Embedding(vocabulary, embedding, padding_idx=PAD)
        self.gru = GRU(embedding, hidden, bidirectional=True)

    def forward(self, ids: torch.Tensor) -> torch.Tensor:
        """Return the last states."""
        _, ends = self.gru(self.embedding(ids))
        return torch.cat([ends[0], ends[1]], 1)


class Writer(Module):
    """Codes (N, Z) to texts: a GRU that is told the token before, and the code at every step."""

    def __init__(self, vocabulary: int, embedding: int, hidden: int, latent: int):
        super().__init__()
        self.embedding = Embedding(vocabulary, embedding, padding_idx=PAD)
        self.first = Linear(latent, hidden)
        self.gru = GRU(embedding + latent, hidden)
        self.output = Linear(hidden, vocabulary)

    def forward(self, z: torch.Tensor, ids: torch.Tensor) -> torch.Tensor:
        """Return logits (L, N, V) of each token of texts (L, N), told those before it."""
        before = torch.cat([torch.full_like(ids[:1], START), ids[:-1]])
        told = torch.cat([self.embedding(before), z.expand(len(before), *z.shape)], 2)
        states, _ = self.gru(told, torch.tanh(self.first(z)).unsqueeze(0))
        return self.output(states)


class TorchSequenceAutoencoder(Module):
    """`models.SequenceAutoencoder` with the same arguments; a call is its loss."""

    def __init__(
        self,
        vocabulary: int,
        longest: int,
        embedding: int,
        hidden: int,
        latent: int,
        word_dropout: float,
    ):
        super().__init__()
        reader = Reader(vocabulary, embedding, hidden)
        self.encoder = Sequential(reader, Linear(2 * hidden, latent))
        self.decoder = Writer(vocabulary, embedding, hidden, latent)

    def forward(self, ids: torch.Tensor, _noise: torch.Tensor | None) -> torch.Tensor:
        """Return -log p of the texts (N, L), summed over tokens, averaged over the batch."""
        texts = ids.T.long()
        logits = self.decoder(self.encoder(texts), texts)
        nats = functional.cross_entropy(
            logits.flatten(0, 1), texts.flatten(), ignore_index=PAD, reduction="sum"
        )
        return nats / len(ids)
