"""Wrong answers that people give, each of which the checks must reject."""

import numpy as np


def reparameterise__variance_for_deviation(mean, log_var, noise, dz):
    """Multiplies noise by the variance; the gradients fit this forward."""
    change = np.exp(log_var) * noise
    return mean + change, dz.sum(axis=0), (dz * change).sum(axis=0)


def reparameterise__no_half(mean, log_var, noise, dz):
    """Forgets the inner derivative ½."""
    change = np.exp(log_var / 2) * noise
    return mean + change, dz.sum(axis=0), (dz * change).sum(axis=0)


def reparameterise__no_noise_in_gradient(mean, log_var, noise, dz):
    """Leaves the noise out of dlog_var."""
    deviation = np.exp(log_var / 2)
    return mean + deviation * noise, dz.sum(axis=0), (dz * deviation / 2).sum(axis=0)


def reparameterise__by_deviation(mean, log_var, noise, dz):
    """Returns the gradient with respect to the standard deviation, not log_var."""
    z = mean + np.exp(log_var / 2) * noise
    return z, dz.sum(axis=0), (dz * noise).sum(axis=0)


def reparameterise__not_summed(mean, log_var, noise, dz):
    """Returns a gradient for each draw."""
    change = np.exp(log_var / 2) * noise
    return mean + change, dz, dz * change / 2


def reparameterise__mean_over_draws(mean, log_var, noise, dz):
    """Averages over draws: right for K = 1."""
    change = np.exp(log_var / 2) * noise
    return mean + change, dz.mean(axis=0), (dz * change / 2).mean(axis=0)


def reparameterise__first_draw(mean, log_var, noise, dz):
    """Sums the mean's gradient over draws, but takes one draw's for log_var."""
    change = np.exp(log_var / 2) * noise
    return mean + change, dz.sum(axis=0), dz[0] * change[0] / 2


def reparameterise__through_z(mean, log_var, noise, dz):
    """Treats all of z, mean included, as scaled by log_var."""
    z = mean + np.exp(log_var / 2) * noise
    return z, dz.sum(axis=0), (dz * z / 2).sum(axis=0)


def reparameterise__clipped(mean, log_var, noise, dz):
    """Clips deviations to between e^-2 and e^2."""
    change = np.exp(np.clip(log_var, -4, 4) / 2) * noise
    return mean + change, dz.sum(axis=0), (dz * change / 2).sum(axis=0)


def _parts(mean, log_var, prior_mean, prior_log_var):
    """Return mean difference, ratio of variances and squared term, as an answer would."""
    difference = mean - prior_mean
    ratio = np.exp(log_var - prior_log_var)
    return difference, ratio, difference**2 * np.exp(-prior_log_var)


def gaussian_kl__standard_prior(mean, log_var, prior_mean, prior_log_var):
    """Is the formula for N(0, 1)."""
    kl = (mean**2 + np.exp(log_var) - log_var - 1).sum(axis=1) / 2
    return kl, mean, (np.exp(log_var) - 1) / 2


def gaussian_kl__turned_round(mean, log_var, prior_mean, prior_log_var):
    """Returns KL(p || q)."""
    difference, ratio, _ = _parts(mean, log_var, prior_mean, prior_log_var)
    squared = difference**2 * np.exp(-log_var)
    kl = (squared + 1 / ratio + log_var - prior_log_var - 1).sum(axis=1) / 2
    return kl, difference * np.exp(-log_var), (1 - 1 / ratio - squared) / 2


def gaussian_kl__difference_not_scaled(mean, log_var, prior_mean, prior_log_var):
    """Does not divide the squared difference by the prior's variance."""
    difference, ratio, _ = _parts(mean, log_var, prior_mean, prior_log_var)
    kl = (difference**2 + ratio - (log_var - prior_log_var) - 1).sum(axis=1) / 2
    return kl, difference, (ratio - 1) / 2


def gaussian_kl__no_half(mean, log_var, prior_mean, prior_log_var):
    """Forgets the factor ½, in the gradients too."""
    difference, ratio, squared = _parts(mean, log_var, prior_mean, prior_log_var)
    kl = (squared + ratio - (log_var - prior_log_var) - 1).sum(axis=1)
    return kl, 2 * difference * np.exp(-prior_log_var), ratio - 1


def gaussian_kl__sign_of_log(mean, log_var, prior_mean, prior_log_var):
    """Adds the difference of log variances instead of subtracting it."""
    difference, ratio, squared = _parts(mean, log_var, prior_mean, prior_log_var)
    kl = (squared + ratio + (log_var - prior_log_var) - 1).sum(axis=1) / 2
    return kl, difference * np.exp(-prior_log_var), (ratio + 1) / 2


def gaussian_kl__no_one(mean, log_var, prior_mean, prior_log_var):
    """Forgets the -1, which no gradient notices."""
    difference, ratio, squared = _parts(mean, log_var, prior_mean, prior_log_var)
    kl = (squared + ratio - (log_var - prior_log_var)).sum(axis=1) / 2
    return kl, difference * np.exp(-prior_log_var), (ratio - 1) / 2


def gaussian_kl__mean_over_latents(mean, log_var, prior_mean, prior_log_var):
    """Averages over latents."""
    difference, ratio, squared = _parts(mean, log_var, prior_mean, prior_log_var)
    kl = (squared + ratio - (log_var - prior_log_var) - 1).mean(axis=1) / 2
    return kl, difference * np.exp(-prior_log_var), (ratio - 1) / 2


def gaussian_kl__log_of_deviation(mean, log_var, prior_mean, prior_log_var):
    """Treats log_var as the logarithm of the deviation."""
    difference, _, _ = _parts(mean, log_var, prior_mean, prior_log_var)
    ratio, precision = np.exp(2 * (log_var - prior_log_var)), np.exp(-2 * prior_log_var)
    kl = difference**2 * precision + ratio - 2 * (log_var - prior_log_var) - 1
    return kl.sum(axis=1) / 2, difference * precision, ratio - 1


def gaussian_kl__gradient_by_variance(mean, log_var, prior_mean, prior_log_var):
    """Returns the gradient with respect to the variance, not log_var."""
    difference, ratio, squared = _parts(mean, log_var, prior_mean, prior_log_var)
    kl = (squared + ratio - (log_var - prior_log_var) - 1).sum(axis=1) / 2
    dvar = (np.exp(-prior_log_var) - np.exp(-log_var)) / 2
    return kl, difference * np.exp(-prior_log_var), dvar


def _terms(mean, log_var, noise):
    """Return log q(z) - log p(z) of every draw, as an answer would."""
    z = mean + np.exp(log_var / 2) * noise
    return ((z**2 - noise**2 - log_var) / 2).sum(axis=1)


def kl_by_draws__no_log_deviation(mean, log_var, noise):
    """Forgets log σ in log q."""
    z = mean + np.exp(log_var / 2) * noise
    terms = ((z**2 - noise**2) / 2).sum(axis=1)
    return terms.mean(), terms.std(ddof=1) / np.sqrt(len(terms))


def kl_by_draws__sign(mean, log_var, noise):
    """Averages log p - log q."""
    terms = -_terms(mean, log_var, noise)
    return terms.mean(), terms.std(ddof=1) / np.sqrt(len(terms))


def kl_by_draws__from_prior(mean, log_var, noise):
    """Draws from p, not from q."""
    log_q = (-((noise - mean) ** 2) * np.exp(-log_var) - log_var).sum(axis=1) / 2
    terms = log_q + (noise**2).sum(axis=1) / 2
    return terms.mean(), terms.std(ddof=1) / np.sqrt(len(terms))


def kl_by_draws__no_root(mean, log_var, noise):
    """Returns the deviation of the terms, not that of their mean."""
    terms = _terms(mean, log_var, noise)
    return terms.mean(), terms.std(ddof=1)


def kl_by_draws__divided_by_k(mean, log_var, noise):
    """Divides by K, not by its root."""
    terms = _terms(mean, log_var, noise)
    return terms.mean(), terms.std(ddof=1) / len(terms)


def kl_by_draws__with_k(mean, log_var, noise):
    """Estimates the deviation with K, where K - 1 was asked for."""
    terms = _terms(mean, log_var, noise)
    return terms.mean(), terms.std() / np.sqrt(len(terms))


def kl_by_draws__latents_are_draws(mean, log_var, noise):
    """Treats every latent as a draw of its own: the mean is that of one latent."""
    z = mean + np.exp(log_var / 2) * noise
    terms = ((z**2 - noise**2 - log_var) / 2).ravel()
    return terms.mean(), terms.std(ddof=1) / np.sqrt(len(terms))


def kl_by_draws__variance_for_deviation(mean, log_var, noise):
    """Draws with the variance as deviation."""
    z = mean + np.exp(log_var) * noise
    terms = (z**2 - (z - mean) ** 2 * np.exp(-log_var) - log_var).sum(axis=1) / 2
    return terms.mean(), terms.std(ddof=1) / np.sqrt(len(terms))


def kl_by_draws__closed_form(mean, log_var, noise):
    """Returns the closed form as the estimate: it cannot check itself."""
    terms = _terms(mean, log_var, noise)
    closed = ((mean**2 + np.exp(log_var) - log_var - 1) / 2).sum()
    return closed, terms.std(ddof=1) / np.sqrt(len(terms))


def kl_by_draws__densities(mean, log_var, noise):
    """Multiplies densities before taking the logarithm: with many latents they are 0."""
    z = mean + np.exp(log_var / 2) * noise
    q = (np.exp(-(noise**2) / 2) / np.exp(log_var / 2)).prod(axis=1)
    terms = np.log(q / np.exp(-(z**2) / 2).prod(axis=1))
    return terms.mean(), terms.std(ddof=1) / np.sqrt(len(terms))


def _entries(logits, x, mean, log_var):
    """Return the loss of each pixel and of each latent, as an answer would."""
    x = x.reshape(logits.shape)
    pixels = np.maximum(logits, 0) - logits * x + np.log1p(np.exp(-np.abs(logits)))
    return pixels, (mean**2 + np.exp(log_var) - log_var - 1) / 2


def bound_terms__mean_over_pixels(logits, x, mean, log_var):
    """Averages over pixels too."""
    pixels, latents = _entries(logits, x, mean, log_var)
    return pixels.mean(), latents.sum(axis=1).mean()


def bound_terms__mean_over_latents(logits, x, mean, log_var):
    """Averages over latents too."""
    pixels, latents = _entries(logits, x, mean, log_var)
    return pixels.sum(axis=1).mean(), latents.mean()


def bound_terms__sum_over_images(logits, x, mean, log_var):
    """Adds up images: right for one."""
    pixels, latents = _entries(logits, x, mean, log_var)
    return pixels.sum(), latents.sum()


def bound_terms__kl_summed(logits, x, mean, log_var):
    """Averages one term over images, and sums the other."""
    pixels, latents = _entries(logits, x, mean, log_var)
    return pixels.sum(axis=1).mean(), latents.sum()


def bound_terms__wrong_axis(logits, x, mean, log_var):
    """Sums over images, averages over pixels and latents."""
    pixels, latents = _entries(logits, x, mean, log_var)
    return pixels.sum(axis=0).mean(), latents.sum(axis=0).mean()


def bound_terms__unstable(logits, x, mean, log_var):
    """Goes through the sigmoid: log 0 for large logits."""
    _, latents = _entries(logits, x, mean, log_var)
    x, p = x.reshape(logits.shape), 1 / (1 + np.exp(-logits))
    pixels = -(x * np.log(p) + (1 - x) * np.log(1 - p))
    return pixels.sum(axis=1).mean(), latents.sum(axis=1).mean()


def bound_terms__rounded_target(logits, x, mean, log_var):
    """Treats grey pixels as black or white."""
    pixels, latents = _entries(logits, (x > 0.5).astype(float), mean, log_var)
    return pixels.sum(axis=1).mean(), latents.sum(axis=1).mean()


def bound_terms__sign_of_kl(logits, x, mean, log_var):
    """Returns minus the KL, as papers write it in the ELBO."""
    pixels, latents = _entries(logits, x, mean, log_var)
    return pixels.sum(axis=1).mean(), -latents.sum(axis=1).mean()


def _standard(sampler, mean, log_var, K=4000):
    """Return draws less the mean, over the deviation, (K, N Z), as an answer would."""
    draws = np.stack([sampler(mean, log_var) for _ in range(K)])
    return ((draws - mean) / np.exp(log_var / 2)).reshape(K, -1)


def _means_right(z):
    return np.abs(z.mean(axis=0)).max() * np.sqrt(len(z)) < 5.5


def _variances_right(z):
    return np.abs((z**2).mean(axis=0) - 1).max() * np.sqrt(len(z) / 2) < 5.5


def _apart(z):
    """Return whether no two columns correlate."""
    off = z.T @ z / len(z) - np.diag((z**2).mean(axis=0))
    return np.abs(off).max() * np.sqrt(len(z)) < 5.5


def samples_as_promised__only_means(sampler, mean, log_var):
    """Looks at means only."""
    return _means_right(_standard(sampler, mean, log_var))


def samples_as_promised__only_variances(sampler, mean, log_var):
    """Looks only at deviations around the draws' own mean."""
    z = _standard(sampler, mean, log_var)
    return _variances_right(z - z.mean(axis=0)) and _apart(z - z.mean(axis=0))


def samples_as_promised__entries_alone(sampler, mean, log_var):
    """Never asks whether entries share their noise."""
    z = _standard(sampler, mean, log_var)
    return _means_right(z) and _variances_right(z)


def samples_as_promised__all_entries_at_once(sampler, mean, log_var):
    """Pools all entries: one too wide hides one too narrow."""
    z = _standard(sampler, mean, log_var).ravel()
    return abs(z.mean()) < 0.1 and abs(z.std() - 1) < 0.1


def samples_as_promised__same_mistake(sampler, mean, log_var):
    """Uses the variance as the deviation: rejects the right sampler."""
    draws = np.stack([sampler(mean, log_var) for _ in range(4000)])
    z = ((draws - mean) / np.exp(log_var)).reshape(4000, -1)
    return _means_right(z) and _variances_right(z) and _apart(z)


def samples_as_promised__too_strict(sampler, mean, log_var):
    """Allows one standard error: rejects the right sampler."""
    z = _standard(sampler, mean, log_var)
    return bool(np.abs(z.mean(axis=0)).max() * np.sqrt(len(z)) < 1 and _variances_right(z))


def samples_as_promised__one_draw(sampler, mean, log_var):
    """Looks at one draw: only gross mistakes are more than 5 deviations off."""
    return bool(np.abs(_standard(sampler, mean, log_var, K=1)).max() < 5)


def samples_as_promised__only_images_apart(sampler, mean, log_var):
    """Asks whether images share their noise, not whether latents do."""
    z = _standard(sampler, mean, log_var)
    columns = z.reshape(len(z), *mean.shape)
    return bool(
        _means_right(z)
        and _variances_right(z)
        and all(_apart(columns[:, :, i]) for i in range(mean.shape[1]))
    )


def samples_as_promised__only_latents_apart(sampler, mean, log_var):
    """Asks whether latents share their noise, not whether images do."""
    z = _standard(sampler, mean, log_var)
    columns = z.reshape(len(z), *mean.shape)
    return bool(
        _means_right(z)
        and _variances_right(z)
        and all(_apart(columns[:, i]) for i in range(len(mean)))
    )


def samples_as_promised__lenient(sampler, mean, log_var):
    """Allows 25 standard errors, so that only gross mistakes are found."""
    z = _standard(sampler, mean, log_var)
    off = max(np.abs(z.mean(axis=0)).max(), np.abs(z.T @ z / len(z) - np.eye(z.shape[1])).max())
    return bool(off * np.sqrt(len(z)) < 25)


def _sigmoid(a):
    return np.exp(-np.logaddexp(0, -a))


def new_images__logits(model, n, rng):
    """Returns logits."""
    return model.decoder(rng.normal(size=(n, model.latent)))


def new_images__sigmoid_twice(model, n, rng):
    """Applies the sigmoid to probabilities."""
    return _sigmoid(_sigmoid(model.decoder(rng.normal(size=(n, model.latent)))))


def new_images__uniform(model, n, rng):
    """Draws codes from [0, 1)."""
    return _sigmoid(model.decoder(rng.random((n, model.latent))))


def new_images__one_code(model, n, rng):
    """Draws one code: the same image n times."""
    z = np.repeat(rng.normal(size=(1, model.latent)), n, axis=0)
    return _sigmoid(model.decoder(z))


def new_images__posterior(model, n, rng):
    """Encodes noise, and draws from its q(z|x)."""
    pixels = model.decoder(np.zeros((1, model.latent))).shape[1]
    mean, log_var = model.encoder(rng.random((n, pixels)))
    return _sigmoid(model.decoder(mean + np.exp(log_var / 2) * rng.normal(size=mean.shape)))


def new_images__black_and_white(model, n, rng):
    """Draws pixels from the probabilities."""
    p = _sigmoid(model.decoder(rng.normal(size=(n, model.latent))))
    return (rng.random(p.shape) < p).astype(float)


def new_images__overflow(model, n, rng):
    """Divides infinity by infinity for a large logit."""
    grown = np.exp(model.decoder(rng.normal(size=(n, model.latent))))
    return grown / (1 + grown)


def new_images__own_seed(model, n, rng):
    """Uses a generator of its own: always the same images."""
    z = np.random.default_rng(0).normal(size=(n, model.latent))
    return _sigmoid(model.decoder(z))


def new_images__shared_noise(model, n, rng):
    """Draws one number for all latents of an image."""
    z = np.repeat(rng.normal(size=(n, 1)), model.latent, axis=1)
    return _sigmoid(model.decoder(z))


def new_images__clipped(model, n, rng):
    """Clips logits so much that nearly white pixels turn grey."""
    return _sigmoid(np.clip(model.decoder(rng.normal(size=(n, model.latent))), -5, 5))


def new_images__clipped_codes(model, n, rng):
    """Leaves out the rare codes."""
    return _sigmoid(model.decoder(np.clip(rng.normal(size=(n, model.latent)), -3, 3)))


def new_images__mirrored_codes(model, n, rng):
    """Draws half of the codes, and mirrors them: each latent has the right distribution."""
    z = rng.normal(size=((n + 1) // 2, model.latent))
    return _sigmoid(model.decoder(np.concatenate([z, -z])[:n]))
