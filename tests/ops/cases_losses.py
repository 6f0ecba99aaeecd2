"""Losses, and the Gaussians of the variational autoencoder."""

import numpy as np
from hypothesis import strategies as st

from minae import Tensor, manual_seed, ops

from .cases import (
    REDUCTIONS,
    Case,
    F,
    Inputs,
    broadcastable,
    choices,
    full_shapes,
    generators,
    same_shape,
    torch,
    values,
)

Normal = torch.distributions.Normal


def two_alike(**options):
    """A prediction and a target of the same kind."""
    return same_shape(count=2, shapes=full_shapes, reduction=REDUCTIONS, **options)


@st.composite
def with_target(draw, low, high):
    """A prediction between `low` and `high`, and a target between 0 and 1."""
    (x,), options = draw(same_shape(low=low, high=high, shapes=full_shapes, reduction=REDUCTIONS))
    return Inputs((x, values(draw(generators), x.shape, 0, 1)), options)


@st.composite
def integer_targets(draw):
    (x, target), options = draw(with_target(-9, 9))
    return Inputs((x, target.round().astype(np.int64)), options)


@st.composite
def classes(draw):
    rng, rows, count = draw(generators), draw(st.integers(1, 5)), draw(st.integers(1, 4))
    return Inputs(
        (values(rng, (rows, count)), rng.integers(0, count, rows)),
        draw(choices(reduction=REDUCTIONS)),
    )


@st.composite
def observations(draw):
    """x, and a mean and log-variance that broadcast to it."""
    (mean, log_var), _ = draw(broadcastable(min_side=1))
    x = values(draw(generators), np.broadcast_shapes(mean.shape, log_var.shape))
    return Inputs((mean, x, log_var), draw(choices(reduction=REDUCTIONS)))


def torch_nll(mean, x, log_var, reduction):
    losses = -Normal(mean, (log_var / 2).exp(), validate_args=False).log_prob(x)
    return losses if reduction == "none" else getattr(losses, reduction)()


def torch_kl(mean, log_var):
    prior = Normal(torch.zeros_like(mean), torch.ones_like(mean))
    return torch.distributions.kl_divergence(
        Normal(mean, (log_var / 2).exp(), validate_args=False), prior
    ).sum(-1)


def seeded_draw(mean, log_var):
    manual_seed(5)
    return ops.reparameterise(mean, log_var)


def torch_draw(mean, log_var):
    """Use the noise that ours draws, which shows at mean 0 and variance 1."""
    zeros = np.zeros(mean.shape, mean.detach().numpy().dtype)
    noise = torch.tensor(seeded_draw(Tensor(zeros), Tensor(zeros)).data)
    return mean + (log_var / 2).exp() * noise


CASES = {
    "mse_loss": Case(two_alike(), ops.mse_loss, F.mse_loss),
    "l1_loss": Case(two_alike(whole=True), ops.l1_loss, F.l1_loss),
    "huber_loss": Case(two_alike(delta=[1.0, 0.4]), ops.huber_loss, F.huber_loss),
    "binary_cross_entropy": Case(
        with_target(0.02, 0.98), ops.binary_cross_entropy, F.binary_cross_entropy
    ),
    "binary_cross_entropy_with_logits": Case(
        with_target(-9, 9),
        ops.binary_cross_entropy_with_logits,
        F.binary_cross_entropy_with_logits,
    ),
    "binary_cross_entropy_with_logits integers": Case(
        integer_targets(),
        ops.binary_cross_entropy_with_logits,
        lambda x, t, **options: F.binary_cross_entropy_with_logits(x, t.to(x.dtype), **options),
    ),
    "cross_entropy": Case(classes(), ops.cross_entropy, F.cross_entropy),
    "gaussian_nll": Case(observations(), ops.gaussian_nll, torch_nll),
    "gaussian_kl": Case(same_shape(count=2, shapes=full_shapes), ops.gaussian_kl, torch_kl),
    "reparameterise": Case(same_shape(count=2), seeded_draw, torch_draw),
}
