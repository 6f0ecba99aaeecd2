"""Variational autoencoders (Kingma & Welling 2014): codes that are distributions.

The encoder gives q(z|x), a Gaussian with a mean and a log variance per dimension; the prior p(z) is
the standard normal; the decoder gives p(x|z). Training maximises the evidence lower bound

    ELBO(x) = E_q[log p(x|z)] - KL(q(z|x) || p(z))  <=  log p(x)
"""

import math

import numpy as np

from minae import nn, ops, random
from minae.errors import InputError
from minae.grad_mode import no_grad
from minae.models import base
from minae.models.base import Autoencoder, Shape, Stages
from minae.tensor import Tensor

DRAWS_AT_ONCE = 50  # in log_likelihood: more take more memory and are no faster


class VariationalAutoencoder(Autoencoder):
    """An encoder to 2 Z numbers (mean and log variance), a decoder from Z, and the bound.

    The Bernoulli likelihood takes the decoder's output as logits. The Gaussian takes it as the
    mean, with one variance for all pixels, which is learned too (Rybkin et al. 2021); the last
    `binary` outputs are logits all the same, for inputs that are 0 or 1. None is for a subclass
    that computes another likelihood.
    """

    def __init__(self, latent: int, likelihood: str | None, beta: float, binary: int = 0):
        if likelihood is not None:
            base.check_choice("likelihood", likelihood, ("bernoulli", "gaussian"))
        base.check_count("latent", latent)
        base.check_count("binary", binary, 0)
        if not 0 <= beta < math.inf:
            raise InputError(f"beta weighs the KL term and is a number from 0, not {beta}")
        self.latent, self.likelihood, self.beta = latent, likelihood, beta
        self.has_logits, self.binary = likelihood == "bernoulli", binary
        if likelihood == "gaussian":
            self.log_var = nn.Parameter(np.zeros((), np.float32))

    def _start_narrow(self) -> None:
        """Begin with a σ of 0.2 in q(z|x), so that codes tell images apart from the first step.

        With σ = 1 they drown in noise, and the decoder learns to ignore z before it is of use.
        """
        self.encoder[-1].bias.data[self.latent :] -= 3

    def _given(self, x: Tensor, target: Tensor | None) -> tuple[Tensor, tuple[Tensor, ...]]:
        """Return what to reconstruct, and the labels, from a batch."""
        return x if target is None else target, ()

    def encode(self, x: Tensor, *labels: Tensor) -> tuple[Tensor, Tensor]:
        """Return mean and log_var of q(z|x), each (N, Z)."""
        mean, log_var = self.encoder(self._with_labels(x, *labels)).chunk(2, dim=1)
        return mean, log_var

    def codes(self, x: Tensor, *labels: Tensor) -> Tensor:
        """Return the mean of q(z|x), (N, Z)."""
        return self.encode(x, *labels)[0]

    def negative_log_likelihood(
        self, z: Tensor, target: Tensor, reduction: str, *labels: Tensor
    ) -> Tensor:
        """Return -log p(target|z) in nats, reduced over all pixels of the batch or not at all."""
        output = self.decoder(self._with_labels(z, *labels)).reshape(target.shape)
        bce = ops.binary_cross_entropy_with_logits
        if self.likelihood == "bernoulli":
            return bce(output, target, reduction=reduction)
        if not self.binary:
            return ops.gaussian_nll(output, target, self.log_var, reduction=reduction)
        (mean, logits), (numbers, zero_one) = (base.apart(t, self.binary) for t in (output, target))
        nll = ops.gaussian_nll(mean, numbers, self.log_var, reduction=reduction)
        nll_of_binary = bce(logits, zero_one, reduction=reduction)
        return ops.cat([nll, nll_of_binary], -1) if reduction == "none" else nll + nll_of_binary

    def loss(self, x: Tensor, target: Tensor | None = None) -> Tensor:
        """Return -E_q[log p(target|z)] (one draw of z each) + beta KL, in nats, mean of images."""
        nll, kl = self._terms(x, target)
        return nll + kl * self.beta

    def _terms(self, x: Tensor, target: Tensor | None) -> tuple[Tensor, Tensor]:
        """Return -log p(target|z) for one draw of z, and the KL, each as the mean per image."""
        target, labels = self._given(x, target)
        mean, log_var = self.encode(x, *labels)
        z = ops.reparameterise(mean, log_var)
        nll = self.negative_log_likelihood(z, target, "batchmean", *labels)
        return nll, ops.gaussian_kl(mean, log_var).mean()

    def metrics(self, x: Tensor, target: Tensor | None = None) -> dict[str, float]:
        """Return the loss, the ELBO (where beta is 1) and the KL in it, in nats per image."""
        nll, kl = (term.item() for term in self._terms(x, target))
        return {"loss": nll + self.beta * kl, "elbo": -nll - kl, "kl": kl}

    def elbo(self, x: Tensor, target: Tensor | None = None) -> Tensor:
        """Return a one-draw estimate of the bound for each image, in nats: (N,)."""
        target, labels = self._given(x, target)
        mean, log_var = self.encode(x, *labels)
        z = ops.reparameterise(mean, log_var)
        nll = self.negative_log_likelihood(z, target, "none", *labels).flatten(1).sum(1)
        return -nll - ops.gaussian_kl(mean, log_var)

    def log_weights(self, x: Tensor, k: int, target: Tensor | None = None) -> Tensor:
        """Return log p(target, zᵢ) / q(zᵢ|x) for k draws zᵢ from q(z|x) for each image: (k, N)."""
        target, labels = self._given(x, target)
        mean, log_var = (t.expand(k, *t.shape) for t in self.encode(x, *labels))  # (k, N, Z)
        z = ops.reparameterise(mean, log_var)
        target, *labels = (t.expand(k, *t.shape).flatten(0, 1) for t in (target, *labels))
        nll = self.negative_log_likelihood(z.flatten(0, 1), target, "none", *labels)  # (k N, ...)
        zeros = Tensor(np.zeros_like(z.data))
        log_prior = -ops.gaussian_nll(zeros, z, zeros, reduction="none").sum(2)
        log_q = -ops.gaussian_nll(mean, z, log_var, reduction="none").sum(2)
        return log_prior - nll.reshape(k, len(x), -1).sum(2) - log_q

    def log_likelihood(self, x: Tensor, k: int = 64, target: Tensor | None = None) -> Tensor:
        """Return log 1/k Σᵢ p(target, zᵢ) / q(zᵢ|x), zᵢ drawn from q(z|x), for each image: (N,).

        In expectation it is a lower bound on log p(target), and approaches it as k grows (Burda et
        al. 2016). It is differentiable, so it can be trained on.
        """
        counts = [min(DRAWS_AT_ONCE, k - drawn) for drawn in range(0, k, DRAWS_AT_ONCE)]
        log_weights = ops.cat([self.log_weights(x, count, target) for count in counts])  # (k, N)
        return log_weights.logsumexp(0) - math.log(k)

    @no_grad()
    def sample(self, n: int) -> Tensor:
        """Return the decoder's mean for n draws from the prior: (n, ...)."""
        return self.decode(Tensor(random.normal((n, self.latent), device=self.device)))


class VAE(VariationalAutoencoder):
    """Variational autoencoder of fully connected layers.

    The sizes run from the number of pixels to the number of latents, such as [784, 400, 20]; the
    activation is one of nn.ACTIVATIONS, the likelihood "bernoulli" (inputs in [0, 1]) or
    "gaussian". beta weighs the KL term (Higgins et al. 2017); 1 is the ELBO.
    """

    def __init__(
        self,
        sizes: list[int],
        activation: str = "relu",
        likelihood: str = "bernoulli",
        beta: float = 1.0,
        binary: int = 0,
    ):
        base.check_sizes(sizes)
        super().__init__(sizes[-1], likelihood, beta, binary)
        outputs = [*sizes[:-1], 2 * self.latent]
        self.encoder = nn.Sequential(nn.Flatten(), *base.mlp(outputs, activation))
        self.decoder = base.mlp(sizes[::-1], activation)
        self._start_narrow()


class ConvVAE(VariationalAutoencoder):
    """Variational autoencoder of convolutions: see ConvAutoencoder and VAE for the arguments."""

    kinds = base.OF_GRIDS

    def __init__(
        self,
        image_shape: Shape = (1, 28, 28),
        channels: tuple[int, ...] = (16, 32),
        latent: int = 20,
        convs_per_stage: int = 1,
        likelihood: str = "bernoulli",
        beta: float = 1.0,
    ):
        super().__init__(latent, likelihood, beta)
        stages = Stages(image_shape, channels, convs_per_stage)
        self.encoder, self.decoder = stages.encoder(2 * latent), stages.decoder(latent)
        self._start_narrow()


class BetaVAE(VAE):
    """A VAE whose KL weighs more (Higgins et al. 2017): only latents worth their cost are used."""

    def __init__(
        self,
        sizes: list[int],
        activation: str = "relu",
        likelihood: str = "bernoulli",
        beta: float = 4.0,
        binary: int = 0,
    ):
        super().__init__(sizes, activation, likelihood, beta, binary)


class IWAE(VAE):
    """A VAE trained on the importance-weighted bound (Burda et al. 2016), tighter than the ELBO.

    It takes k draws for each image and step; 1 is the ELBO, with the KL estimated too.
    """

    def __init__(
        self,
        sizes: list[int],
        activation: str = "relu",
        likelihood: str = "bernoulli",
        k: int = 5,
        binary: int = 0,
    ):
        base.check_count("k, the number of draws,", k, 1, 10_000)
        super().__init__(sizes, activation, likelihood, binary=binary)
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
        binary: int = 0,
    ):
        base.check_sizes(sizes)
        base.check_count("classes", classes)
        super().__init__(sizes[-1], likelihood, beta, binary)
        self.classes = classes
        pixels, *hidden, latent = sizes
        self.encoder = base.mlp([pixels + classes, *hidden, 2 * latent], activation)
        self.decoder = base.mlp([latent + classes, *hidden[::-1], pixels], activation)
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
