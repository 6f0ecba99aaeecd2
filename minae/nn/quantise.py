"""Vector quantisation: a code is one of a few vectors (van den Oord et al. 2017)."""

import numpy as np

from minae import ops
from minae.kernels.arrays import Array
from minae.nn import init
from minae.nn.module import Buffer, Module
from minae.tensor import Tensor

DECAY = 0.9  # of the running mean of how often a vector is used
DEAD = 0.05  # a vector used less than this is moved to an input


class VectorQuantizer(Module):
    """Replace each vector by the nearest one of a codebook: weight (num_embeddings, embedding_dim).

    Finding the nearest is a step function, whose slope is 0 or undefined. So the gradient of the
    result is passed to the input unchanged ("straight through"), and the loss adds two squared
    distances: one pulls the vectors of the codebook towards the inputs, the other, times
    `commitment`, the inputs towards their vectors.

    `used` (num_embeddings,) is a running mean over steps of how often each vector was the nearest,
    relative to equal use. In training, a vector that is hardly ever used is moved to an input; so
    the first batch fills the whole codebook.
    """

    def __init__(self, num_embeddings: int, embedding_dim: int, commitment: float = 1.0):
        self.commitment = commitment
        self.weight = init.normal((num_embeddings, embedding_dim))
        self.used = Buffer(np.zeros(num_embeddings, np.float32))

    def nearest(self, z: Tensor) -> Tensor:
        """Return the index of the nearest vector to each row of z (M, D): int64 (M,)."""
        z, weight = z.detach(), self.weight.detach()
        # |z - e|² without |z|², which is the same for all e: (M, num_embeddings)
        return ((weight**2).sum(1) - 2 * (z @ weight.T)).argmin(1)

    def forward(self, z: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Return the nearest vector to each row of z (M, D), its index (M,), and the summed loss.

        The loss has the gradient of Σ |e - z|² with respect to weight, and of commitment Σ |z - e|²
        with respect to z.
        """
        if self.training:
            self._move_unused(z.data)
        index = self.nearest(z)
        if self.training:
            self._count(index.data)
        vectors = ops.embedding(index, self.weight)
        to_inputs = ops.mse_loss(vectors, z.detach(), reduction="sum")
        to_vectors = ops.mse_loss(z, vectors.detach(), reduction="sum")
        straight_through = z + (vectors - z).detach()
        return straight_through, index, to_inputs + to_vectors * self.commitment

    def _move_unused(self, z: Array) -> None:
        K = len(self.used)
        enough = np.concatenate([z] * -(-K // len(z)))  # at least K rows
        some = enough[:: len(enough) // K][:K]  # (K, D), spread over the batch
        unused = self.used.data < DEAD  # (K,)
        self.weight.data[...] = np.where(unused[:, None], some, self.weight.data)
        self.weight.written()
        self.used.data[...] = np.where(unused, 1, self.used.data)

    def _count(self, index: Array) -> None:
        K = len(self.used)
        share = (index[:, None] == np.arange(K, like=index)).mean(axis=0)  # (K,)
        self.used.data[...] = DECAY * self.used.data + (1 - DECAY) * K * share

    def extra_repr(self) -> str:
        return ", ".join(map(str, self.weight.shape))
