"""Variational autoencoders with another objective, or another input, than the plain one."""

import numpy as np

from minae import ops, random
from minae.grad_mode import no_grad
from minae.models.base import check_count, check_sizes, mlp
from minae.models.vae import VAE, VariationalAutoencoder
from minae.tensor import Tensor


class BetaVAE(VAE):
    """A VAE whose KL weighs more (Higgins et al. 2017): only latents worth their cost are used."""

    def __init__(
        self,
        sizes: list[int],
        activation: str = "relu",
        likelihood: str = "bernoulli",
        beta: float = 4.0,
    ):
        super().__init__(sizes, activation, likelihood, beta)


class IWAE(VAE):
    """A VAE trained on the importance-weighted bound (Burda et al. 2016), tighter than the ELBO.

    It takes k draws for each image and step; 1 is the ELBO, with the KL estimated too.
    """

    def __init__(
        self, sizes: list[int], activation: str = "relu", likelihood: str = "bernoulli", k: int = 5
    ):
        check_count("k, the number of draws,", k, 1, 10_000)
        super().__init__(sizes, activation, likelihood)
        self.k = k

    def loss(self, x: Tensor, target: Tensor | None = None) -> Tensor:
        """Return minus the bound with k draws, in nats per image, averaged over the batch."""
        return -self.log_likelihood(x, self.k, target).mean()

    def metrics(self, x: Tensor, target: Tensor | None = None) -> dict[str, float]:
        """Return the loss, and ELBO and KL with one draw, in nats per image."""
        return super().metrics(x, target) | {"loss": self.loss(x, target).item()}


class ConditionalVAE(VariationalAutoencoder):
    """A VAE that is told the class of each image, and so can draw a given one (Sohn et al. 2015).

    Encoder and decoder get the label one-hot. What remains for z to hold is what the label does not
    say: the handwriting. Every method takes the labels (N,), whole numbers from 0 to classes - 1,
    after images or codes, in the place of other models' targets.
    """

    conditional = True

    def __init__(
        self,
        sizes: list[int],
        classes: int = 10,
        activation: str = "relu",
        likelihood: str = "bernoulli",
        beta: float = 1.0,
    ):
        check_sizes(sizes)
        check_count("classes", classes)
        super().__init__(sizes[-1], likelihood, beta)
        self.classes = classes
        pixels, *hidden, latent = sizes
        self.encoder = mlp([pixels + classes, *hidden, 2 * latent], activation)
        self.decoder = mlp([latent + classes, *hidden[::-1], pixels], activation)
        self._start_narrow()

    def one_hot(self, labels: Tensor) -> Tensor:
        """Return labels (N,) as one-hot rows (N, classes); ValueError if one is not a class."""
        index = labels.data
        if index.size and not 0 <= index.min() <= index.max() < self.classes:
            given = f"labels from {index.min()} to {index.max()}"
            raise ValueError(f"{given}: the model knows 0 to {self.classes - 1}")
        hot = index[:, None] == np.arange(self.classes, like=index)  # (N, classes)
        return Tensor(hot.astype(np.float32))

    @no_grad()
    def sample(self, labels: Tensor) -> Tensor:  # pyright: ignore[reportIncompatibleMethodOverride]
        """Return the decoder's mean for a draw from the prior for each label (N,): (N, pixels)."""
        z = random.normal((len(labels), self.latent), device=self.device)
        return self.decode(Tensor(z), labels)

    def _given(self, x: Tensor, target: Tensor | None) -> tuple[Tensor, tuple[Tensor, ...]]:
        return x, () if target is None else (target,)  # the second part of a batch is the labels

    def _with_labels(self, x: Tensor, labels: Tensor) -> Tensor:  # pyright: ignore[reportIncompatibleMethodOverride]
        return ops.cat([x.flatten(1), self.one_hot(labels).to(x.dtype)], 1)
