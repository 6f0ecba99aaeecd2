"""Exercises of lesson 10: the parts of a variational autoencoder, and the test that it needs.

All are plain NumPy, and none needs another. Throughout, log_var is the logarithm of the variance:
the standard deviation is exp(log_var / 2). Arrays are float64.
"""

import numpy as np


def reparameterise(mean, log_var, noise, dz):
    """Return (z, dmean, dlog_var): draws z, and the gradients of mean and log_var, given dz.

    mean and log_var are (N, Z). noise (K, N, Z) holds draws from the standard normal, K for each
    image, so z is (K, N, Z): K draws from N(mean, exp(log_var)) for each image. dz (K, N, Z) is the
    gradient with respect to z. dmean and dlog_var have the shape of mean: all K draws used the same
    mean.

    First differentiate z = mean + exp(log_var / 2) * noise with respect to mean and to log_var.

    About 5 lines, 10 minutes. Matters because it is the one step that lets a network be trained
    through a random draw.
    """
    ### BEGIN SOLUTION
    change = np.exp(log_var / 2) * noise  # (K, N, Z)
    dmean = dz.sum(axis=0)
    dlog_var = (dz * change / 2).sum(axis=0)
    return mean + change, dmean, dlog_var
    ### END SOLUTION


def gaussian_kl(mean, log_var, prior_mean, prior_log_var):
    """Return (kl, dmean, dlog_var): the KL between two Gaussians, and its gradients.

    q = N(mean, exp(log_var)) for each image, both (N, Z); p = N(prior_mean, exp(prior_log_var)),
    both (Z,), one for all images. kl (N,) is KL(q || p) of each image, summed over its latents.
    dmean and dlog_var (N, Z) are the derivatives of an image's KL with respect to its own mean and
    log_var.

    The lesson has p = N(0, 1). Begin as it does, with the mean under q of log q(z) - log p(z).
    Two expectations remain: that of (z - mean)², and that of (z - prior_mean)², where it helps to
    write z - prior_mean as (z - mean) + (mean - prior_mean).

    About 6 lines, 20 minutes. Matters because many variants of the model differ from it only in the
    prior, and because a model with a wrong KL term still trains.
    """
    ### BEGIN SOLUTION
    difference = mean - prior_mean  # (N, Z)
    ratio = np.exp(log_var - prior_log_var)  # of the variances
    squared = difference**2 * np.exp(-prior_log_var)
    kl = (squared + ratio - (log_var - prior_log_var) - 1).sum(axis=1) / 2
    return kl, difference * np.exp(-prior_log_var), (ratio - 1) / 2
    ### END SOLUTION


def kl_by_draws(mean, log_var, noise):
    """Return (estimate, error): KL(q || N(0, 1)) by draws from q, and its standard error.

    q = N(mean, exp(log_var)) with mean and log_var (Z,), the code of one image. noise (K, Z),
    K >= 2, holds draws from the standard normal: turn them into draws from q. Each draw gives one
    term, log q(z) - log p(z), where the densities are those of all Z latents together. The estimate
    is the mean of the terms. The error is their standard deviation (with K - 1 instead of K, since
    their mean is an estimate too), divided by the square root of K.

    Stay with logarithms: the densities themselves may be so small that they are 0 in float64.

    About 6 lines, 15 minutes. Matters because it needs no derivation at all, so it can check one: a
    closed form that is several standard errors away is wrong.
    """
    ### BEGIN SOLUTION
    z = mean + np.exp(log_var / 2) * noise  # (K, Z)
    log_q = -((noise**2 + log_var) / 2).sum(axis=1)  # up to Z/2 log 2π, which log p has too
    log_p = -(z**2 / 2).sum(axis=1)
    terms = log_q - log_p  # (K,)
    return terms.mean(), terms.std(ddof=1) / np.sqrt(len(terms))
    ### END SOLUTION


def bound_terms(logits, x, mean, log_var):
    """Return (nll, kl): the two terms of minus the ELBO of a batch, in nats, as means per image.

    x (N, 1, H, W) holds images in [0, 1], logits (N, H * W) are what the decoder returned for one
    draw of each image's code. nll is -log p(x|z), the cross-entropy of the pixels, summed over an
    image. kl is KL(q || N(0, 1)), summed over its latents, with mean and log_var (N, Z). Both
    results are numbers, averaged over the N images. The loss is nll + kl.

    A logit may be 1000 or -1000, but no result may be infinite or nan because of it, and NumPy must
    not warn. With t the target, the cross-entropy of a logit a is
    max(a, 0) - a t + log(1 + exp(-|a|)).

    About 5 lines, 15 minutes. Matters because mixing up means and sums is the most frequent mistake
    here: nothing fails, and one term drowns the other.
    """
    ### BEGIN SOLUTION
    x = x.reshape(logits.shape)
    pixels = np.maximum(logits, 0) - logits * x + np.log1p(np.exp(-np.abs(logits)))  # (N, H W)
    latents = (mean**2 + np.exp(log_var) - log_var - 1) / 2  # (N, Z)
    return pixels.sum(axis=1).mean(), latents.sum(axis=1).mean()
    ### END SOLUTION


def samples_as_promised(sampler, mean, log_var):
    """Return True if a sampler draws from N(mean, exp(log_var)), else False.

    sampler(mean, log_var) returns one draw for each entry of mean, fresh in each call; mean and
    log_var are (N, Z). In a right sampler each entry has its own mean and variance, and no two
    entries are correlated, whether of two images or of two latents of one image.

    Call it often, about 4,000 times, and stack the draws. Subtract the mean and divide by the
    deviation that were promised: now every entry should have mean 0 and variance 1, and any two of
    them the correlation 0. Estimated from K draws, these have a standard error of 1 / sqrt(K) for a
    mean or a correlation, and of sqrt(2 / K) for a variance. Allow about 5 standard errors, so that
    a right sampler is not rejected. Most of the wrong ones are off by 10 or more.

    About 8 lines, 25 minutes. Matters because no gradient check can see a wrong sampler, and its
    loss looks better than the right one's.
    """
    ### BEGIN SOLUTION
    K, entries = 4000, mean.size
    draws = np.stack([sampler(mean, log_var) for _ in range(K)])  # (K, N, Z)
    z = ((draws - mean) / np.exp(log_var / 2)).reshape(K, entries)
    moments = z.T @ z / K  # variances on the diagonal, covariances off it
    off = np.abs(moments - np.eye(entries)) * np.sqrt(K)  # in standard errors
    off[np.diag_indices(entries)] /= np.sqrt(2)
    return bool(max(off.max(), np.abs(z.mean(axis=0)).max() * np.sqrt(K)) < 5.5)
    ### END SOLUTION


def new_images(model, n, rng):
    """Return n new images of a variational autoencoder, (n, P), as probabilities of ink.

    model.latent is the number of latents Z, model.decoder(z) maps codes (n, Z) to logits (n, P),
    and model.encoder(x) maps images (N, P) to a pair, mean and log_var. rng is a NumPy generator,
    as np.random.default_rng returns; draw from it and nothing else. Logits may be as large as
    1000, of either sign; return no nan for them.

    Think about where the codes of new images come from, and where the network's output becomes a
    probability.

    About 4 lines, 10 minutes. Matters because this is what the prior is for: the encoder, which is
    half of the model, has no part in it.
    """
    ### BEGIN SOLUTION
    z = rng.normal(size=(n, model.latent))
    logits = model.decoder(z)
    return np.exp(-np.logaddexp(0, -logits))  # the sigmoid, for any size
    ### END SOLUTION
