"""Losses, and the Gaussians of the variational autoencoder."""

import warnings

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
    shapes,
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
def weighted(draw, low, high, count=1):
    """The same with weights that broadcast to them, or None."""
    (x, target), options = draw(with_target(low, high))
    weights = [draw(st.none() | weights_for(x.shape)) for _ in range(count)]
    return Inputs((x, target, *weights), options)


@st.composite
def weights_for(draw, shape):
    """Weights of a shape that broadcasts to this one."""
    kept = [draw(st.sampled_from([1, n])) for n in shape]
    return values(draw(generators), kept[draw(st.integers(0, len(shape))) :], 0, 3)


@st.composite
def integer_targets(draw):
    (x, target), options = draw(with_target(-9, 9))
    return Inputs((x, target.round().astype(np.int64)), options)


@st.composite
def plain_classes(draw):
    rng, rows, count = draw(generators), draw(st.integers(0, 5)), draw(st.integers(1, 4))
    return Inputs(
        (values(rng, (rows, count)), rng.integers(0, count, rows)),
        draw(choices(reduction=REDUCTIONS)),
    )


@st.composite
def classes(draw, **options):
    """x (K,), (N, K) or (N, K, ...), class numbers of which some may be ignored, and weights."""
    rng, K = draw(generators), draw(st.integers(1, 4))
    outer = draw(st.lists(st.integers(0, 3), max_size=3))  # N, ...
    weight = draw(st.sampled_from([None, values(rng, K, 0, 2), np.zeros(K)]))
    ignored = draw(st.sampled_from([-100, -1, 0, K - 1]))
    share = draw(st.sampled_from([0, 0.5, 1]))
    target = np.where(rng.random(outer) < share, ignored, rng.integers(0, K, outer))
    return Inputs(
        (values(rng, [*outer[:1], K, *outer[1:]]), target, weight),
        {"ignore_index": ignored, **draw(choices(reduction=REDUCTIONS, **options))},
    )


@st.composite
def probabilities(draw):
    """x (K,), (N, K) or (N, K, ...), a probability of each class, and weights."""
    (x, _, weight), options = draw(classes(label_smoothing=[0.0, 0.3, 1.0]))
    target = values(draw(generators), x.shape, 0, 1)
    return Inputs((x, target, weight), options | {"ignore_index": -100})


def constant(function, *names):
    """Call a function with weights that nothing is differentiated by: PyTorch refuses to.

    The third argument is its weight; what follows goes by these names.
    """

    def call(x, target, weight, *others, **options):
        weight, *others = (w if w is None else w.detach() for w in (weight, *others))
        return function(x, target, weight, **dict(zip(names, others, strict=True)), **options)

    return call


def torch_kl_div(x, target, **options):
    with warnings.catch_warnings(action="ignore"):  # that "mean" is no "batchmean"
        return F.kl_div(x, target, **options)


@st.composite
def log_probabilities(draw):
    """Log-probabilities, and probabilities or logarithms of them."""
    x, target = values(rng := draw(generators), shape := draw(shapes), -5, 0), values(rng, shape)
    options = draw(choices(reduction=[*REDUCTIONS, "batchmean"], log_target=[True, False]))
    return Inputs((x, target if options["log_target"] else np.exp(target)), options)


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
    "huber_loss": Case(two_alike(whole=True, delta=[1.0, 0.4]), ops.huber_loss, F.huber_loss),
    "smooth_l1_loss": Case(
        two_alike(whole=True, beta=[0.0, 0.4, 1.0]), ops.smooth_l1_loss, F.smooth_l1_loss
    ),
    "kl_div": Case(log_probabilities(), ops.kl_div, torch_kl_div),
    "binary_cross_entropy": Case(
        with_target(0.02, 0.98), ops.binary_cross_entropy, F.binary_cross_entropy
    ),
    "binary_cross_entropy weighted": Case(
        weighted(0.02, 0.98), constant(ops.binary_cross_entropy), constant(F.binary_cross_entropy)
    ),
    "binary_cross_entropy_with_logits": Case(
        with_target(-9, 9),
        ops.binary_cross_entropy_with_logits,
        F.binary_cross_entropy_with_logits,
    ),
    "binary_cross_entropy_with_logits weighted": Case(
        weighted(-9, 9, count=2),
        constant(ops.binary_cross_entropy_with_logits, "pos_weight"),
        constant(F.binary_cross_entropy_with_logits, "pos_weight"),
    ),
    "binary_cross_entropy_with_logits integers": Case(
        integer_targets(),
        ops.binary_cross_entropy_with_logits,
        lambda x, t, **options: F.binary_cross_entropy_with_logits(x, t.to(x.dtype), **options),
    ),
    "cross_entropy": Case(plain_classes(), ops.cross_entropy, F.cross_entropy),
    "cross_entropy classes": Case(
        classes(label_smoothing=[0.0, 0.3, 1.0]),
        constant(ops.cross_entropy),
        constant(F.cross_entropy),
    ),
    "cross_entropy probabilities": Case(probabilities(), ops.cross_entropy, F.cross_entropy),
    "nll_loss": Case(classes(), constant(ops.nll_loss), constant(F.nll_loss)),
    "gaussian_nll": Case(observations(), ops.gaussian_nll, torch_nll),
    "gaussian_kl": Case(same_shape(count=2, shapes=full_shapes), ops.gaussian_kl, torch_kl),
    "reparameterise": Case(same_shape(count=2), seeded_draw, torch_draw),
}
