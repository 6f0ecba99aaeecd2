"""Vector quantisation: a code is one of a few vectors (van den Oord et al. 2017)."""

import numpy as np

from minae import ops
from minae.nn import init
from minae.nn.module import Buffer, Module, Parameter
from minae.tensor import Tensor

DECAY, DEAD = 0.9, 0.05  # of the running use of a vector; below DEAD it is moved


class VectorQuantizer(Module):
    """Replace each vector by the nearest one of a codebook: weight (num_embeddings, embedding_dim).

    The nearest one is a step function, with a slope of 0 or none. So the gradient of the result is
    handed to the input as it is ("straight through"), and two squared distances are learned along:
    one draws the vectors of the codebook to the inputs, one, weighed by `commitment`, the inputs to
    their vectors.

    `used` (num_embeddings,) is how often each vector was the nearest, as a running mean over steps,
    1 if all are used alike. While training, a vector that is hardly used jumps to an input; so the
    first batch fills the whole codebook.
    """

    def __init__(self, num_embeddings: int, embedding_dim: int, commitment: float = 1.0):
        self.commitment = commitment
        self.weight: Parameter = init.normal((num_embeddings, embedding_dim))
        self.used = Buffer(np.zeros(num_embeddings, np.float32))

    def nearest(self, z: Tensor) -> Tensor:
        """Return for each row of z (M, D) the number of its nearest vector: int64 (M,)."""
        z, weight = z.detach(), self.weight.detach()
        # |z - e|² without |z|², which is the same for all e
        return ((weight**2).sum(1) - 2 * (z @ weight.T)).argmin(1)

    def forward(self, z: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Return the nearest vector of each row of z (M, D), its number (M,), and the loss, summed.

        Of the loss, weight gets the slopes of Σ |e - z|², and z those of commitment Σ |z - e|².
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

    def _move_unused(self, z) -> None:
        K = len(self.used)
        enough = np.concatenate([z] * -(-K // len(z)))  # at least K rows
        some = enough[:: len(enough) // K][:K]  # (K, D), spread over the batch
        unused = self.used.data < DEAD  # (K,)
        self.weight.data[...] = np.where(unused[:, None], some, self.weight.data)
        self.weight.written()
        self.used.data[...] = np.where(unused, 1, self.used.data)

    def _count(self, index) -> None:
        K = len(self.used)
        share = (index[:, None] == np.arange(K, like=index)).mean(axis=0)  # (K,)
        self.used.data[...] = DECAY * self.used.data + (1 - DECAY) * K * share

    def extra_repr(self) -> str:
        """Return the sizes of the codebook."""
        return ", ".join(map(str, self.weight.shape))
