"""Wrong answers that people give, each of which the checks must reject."""

import numpy as np

from minae import ops


def _pieces(x, logits, mean, log_var):
    """Return the distortion of every pixel (N, P) and the rate of every latent (N, Z)."""
    pixels = np.logaddexp(0, logits) - x * logits
    return pixels, 0.5 * (mean**2 + np.exp(log_var) - log_var - 1)


def rate_distortion__mean_of_pixels(x, logits, mean, log_var, beta):
    """Takes the mean over pixels, so that β is in effect P times as large."""
    pixels, latents = _pieces(x, logits, mean, log_var)
    distortion, rate = pixels.mean(), latents.sum(axis=1).mean()
    return distortion, rate, distortion + beta * rate


def rate_distortion__sum_of_images(x, logits, mean, log_var, beta):
    """Sums over the batch."""
    pixels, latents = _pieces(x, logits, mean, log_var)
    return pixels.sum(), latents.sum(), pixels.sum() + beta * latents.sum()


def rate_distortion__beta_on_distortion(x, logits, mean, log_var, beta):
    """Weights the wrong term."""
    pixels, latents = _pieces(x, logits, mean, log_var)
    distortion, rate = pixels.sum(axis=1).mean(), latents.sum(axis=1).mean()
    return distortion, rate, beta * distortion + rate


def rate_distortion__beta_in_the_rate(x, logits, mean, log_var, beta):
    """Calls β times the KL the rate."""
    pixels, latents = _pieces(x, logits, mean, log_var)
    distortion, rate = pixels.sum(axis=1).mean(), beta * latents.sum(axis=1).mean()
    return distortion, rate, distortion + rate


def rate_distortion__log_var_as_deviation(x, logits, mean, log_var, beta):
    """Uses exp(log_var) as the standard deviation."""
    pixels, _ = _pieces(x, logits, mean, log_var)
    latents = 0.5 * (mean**2 + np.exp(2 * log_var) - 2 * log_var - 1)
    distortion, rate = pixels.sum(axis=1).mean(), latents.sum(axis=1).mean()
    return distortion, rate, distortion + beta * rate


def rate_distortion__no_half(x, logits, mean, log_var, beta):
    """Forgets the ½ in the KL."""
    pixels, latents = _pieces(x, logits, mean, log_var)
    distortion, rate = pixels.sum(axis=1).mean(), 2 * latents.sum(axis=1).mean()
    return distortion, rate, distortion + beta * rate


def rate_distortion__sign_of_the_rate(x, logits, mean, log_var, beta):
    """Subtracts the rate, as in the bound, from a loss."""
    pixels, latents = _pieces(x, logits, mean, log_var)
    distortion, rate = pixels.sum(axis=1).mean(), latents.sum(axis=1).mean()
    return distortion, rate, distortion - beta * rate


def rate_distortion__through_the_sigmoid(x, logits, mean, log_var, beta):
    """Takes the logarithm of a sigmoid that has become 0 or 1."""
    p = 1 / (1 + np.exp(-logits))
    _, latents = _pieces(x, logits, mean, log_var)
    distortion = -(x * np.log(p) + (1 - x) * np.log(1 - p)).sum(axis=1).mean()
    rate = latents.sum(axis=1).mean()
    return distortion, rate, distortion + beta * rate


def rate_distortion__clipped(x, logits, mean, log_var, beta):
    """Clips log variances to between -10 and 10."""
    distortion, rate = _pieces(x, logits, mean, np.clip(log_var, -10, 10))
    distortion, rate = distortion.sum(axis=1).mean(), rate.sum(axis=1).mean()
    return distortion, rate, distortion + beta * rate


def active_units__deviation(mean, threshold=0.01):
    """Compares the standard deviation."""
    return mean.std(axis=0) > threshold


def active_units__wrong_axis(mean, threshold=0.01):
    """Takes the variance over latents, image by image."""
    return mean.var(axis=1) > threshold


def active_units__around_zero(mean, threshold=0.01):
    """Takes the mean square: a constant far from zero counts."""
    return (mean**2).mean(axis=0) > threshold


def active_units__average(mean, threshold=0.01):
    """Asks whether the average is far from zero."""
    return np.abs(mean.mean(axis=0)) > threshold


def active_units__inactive(mean, threshold=0.01):
    """Returns the latents that are switched off."""
    return mean.var(axis=0) <= threshold


def active_units__count(mean, threshold=0.01):
    """Returns how many, not which."""
    return (mean.var(axis=0) > threshold).sum()


def active_units__fixed_threshold(mean, threshold=0.01):
    """Ignores the threshold."""
    return mean.var(axis=0) > 0.01


def active_units__at_least(mean, threshold=0.01):
    """Counts a variance that equals the threshold."""
    return mean.var(axis=0) >= threshold


def active_units__zero_is_no_threshold(mean, threshold=0.01):
    """Uses the default if the threshold is 0."""
    return mean.var(axis=0) > (threshold or 0.01)


def active_units__numbers(mean, threshold=0.01):
    """Returns zeros and ones, which cannot choose columns."""
    return (mean.var(axis=0) > threshold).astype(float)


def active_units__one_less(mean, threshold=0.01):
    """Divides by N - 1."""
    return ((mean - mean.mean(axis=0)) ** 2).sum(axis=0) / max(len(mean) - 1, 1) > threshold


def active_units__mean_of_squares(mean, threshold=0.01):
    """Computes the variance as E m² - E[m]²: far from zero it is lost."""
    return (mean**2).mean(axis=0) - mean.mean(axis=0) ** 2 > threshold


def conditional_pass__encoder_only(encoder, decoder, x, labels, classes, noise):
    """Gives the decoder zeros instead of the label."""
    onehot = np.eye(classes)[labels]
    mean, log_var = np.split(encoder(np.hstack([x, onehot])), 2, axis=1)
    z = mean + np.exp(0.5 * log_var) * noise
    return decoder(np.hstack([z, 0 * onehot])), mean, log_var


def conditional_pass__decoder_only(encoder, decoder, x, labels, classes, noise):
    """Gives the encoder zeros instead of the label."""
    onehot = np.eye(classes)[labels]
    mean, log_var = np.split(encoder(np.hstack([x, 0 * onehot])), 2, axis=1)
    z = mean + np.exp(0.5 * log_var) * noise
    return decoder(np.hstack([z, onehot])), mean, log_var


def conditional_pass__labels_at_the_left(encoder, decoder, x, labels, classes, noise):
    """Puts the labels before the pixels."""
    onehot = np.eye(classes)[labels]
    mean, log_var = np.split(encoder(np.hstack([onehot, x])), 2, axis=1)
    z = mean + np.exp(0.5 * log_var) * noise
    return decoder(np.hstack([onehot, z])), mean, log_var


def conditional_pass__classes_of_the_batch(encoder, decoder, x, labels, classes, noise):
    """Numbers only the classes in the batch: a column's meaning changes."""
    onehot = np.eye(classes)[np.unique(labels, return_inverse=True)[1]]
    mean, log_var = np.split(encoder(np.hstack([x, onehot])), 2, axis=1)
    z = mean + np.exp(0.5 * log_var) * noise
    return decoder(np.hstack([z, onehot])), mean, log_var


def conditional_pass__repeated_number(encoder, decoder, x, labels, classes, noise):
    """Writes the label itself into every column."""
    columns = np.repeat(labels[:, None], classes, axis=1)
    mean, log_var = np.split(encoder(np.hstack([x, columns])), 2, axis=1)
    z = mean + np.exp(0.5 * log_var) * noise
    return decoder(np.hstack([z, columns])), mean, log_var


def conditional_pass__variance_for_deviation(encoder, decoder, x, labels, classes, noise):
    """Multiplies the noise by the variance."""
    onehot = np.eye(classes)[labels]
    mean, log_var = np.split(encoder(np.hstack([x, onehot])), 2, axis=1)
    return decoder(np.hstack([mean + np.exp(log_var) * noise, onehot])), mean, log_var


def conditional_pass__halves_swapped(encoder, decoder, x, labels, classes, noise):
    """Takes the first half as the log variances."""
    onehot = np.eye(classes)[labels]
    log_var, mean = np.split(encoder(np.hstack([x, onehot])), 2, axis=1)
    z = mean + np.exp(0.5 * log_var) * noise
    return decoder(np.hstack([z, onehot])), mean, log_var


def conditional_pass__mean_decoded(encoder, decoder, x, labels, classes, noise):
    """Decodes the mean, without noise."""
    onehot = np.eye(classes)[labels]
    mean, log_var = np.split(encoder(np.hstack([x, onehot])), 2, axis=1)
    return decoder(np.hstack([mean, onehot])), mean, log_var


def conditional_pass__clipped(encoder, decoder, x, labels, classes, noise):
    """Clips log variances to between -6 and 2."""
    onehot = np.eye(classes)[labels]
    mean, log_var = np.split(encoder(np.hstack([x, onehot])), 2, axis=1)
    log_var = np.clip(log_var, -6, 2)
    return decoder(np.hstack([mean + np.exp(log_var / 2) * noise, onehot])), mean, log_var


def _softmax(log_weights, axis=0):
    weights = np.exp(log_weights - log_weights.max(axis=axis, keepdims=True))
    return weights / weights.sum(axis=axis, keepdims=True)


def importance_weighted_bound__mean_of_logs(log_weights):
    """The ELBO with k draws, and its derivative."""
    return log_weights.mean(axis=0), np.full_like(log_weights, 1 / len(log_weights))


def importance_weighted_bound__sum(log_weights):
    """Forgets to divide by k."""
    return np.logaddexp.reduce(log_weights, axis=0), _softmax(log_weights)


def importance_weighted_bound__no_shift(log_weights):
    """Overflows, and takes the logarithm of 0."""
    weights = np.exp(log_weights)
    return np.log(weights.mean(axis=0)), weights / weights.sum(axis=0)


def importance_weighted_bound__one_shift_for_all(log_weights):
    """Shifts by the largest of all images: the others become 0."""
    weights = np.exp(log_weights - log_weights.max())
    return log_weights.max() + np.log(weights.mean(axis=0)), weights / weights.sum(axis=0)


def importance_weighted_bound__shift_not_undone(log_weights):
    """Does not add the largest back."""
    shifted = log_weights - log_weights.max(axis=0)
    return np.log(np.exp(shifted).mean(axis=0)), _softmax(log_weights)


def importance_weighted_bound__wrong_axis(log_weights):
    """Averages over images, draw by draw."""
    bound = np.logaddexp.reduce(log_weights, axis=1) - np.log(log_weights.shape[1])
    return bound, _softmax(log_weights, axis=1)


def importance_weighted_bound__equal_shares(log_weights):
    """The right bound, with the gradient of a mean."""
    bound = np.logaddexp.reduce(log_weights, axis=0) - np.log(len(log_weights))
    return bound, np.full_like(log_weights, 1 / len(log_weights))


def importance_weighted_bound__divided_twice(log_weights):
    """Divides the derivative by k: its k numbers no longer add up to 1."""
    bound = np.logaddexp.reduce(log_weights, axis=0) - np.log(len(log_weights))
    return bound, _softmax(log_weights) / len(log_weights)


def importance_weighted_bound__largest_size(log_weights):
    """Shifts by the log weight that is farthest from 0."""
    _, N = log_weights.shape
    largest = log_weights[np.abs(log_weights).argmax(axis=0), np.arange(N)]
    weights = np.exp(log_weights - largest)
    return largest + np.log(weights.mean(axis=0)), weights / weights.sum(axis=0)


def _nearest(z, codebook):
    """Return the number of each row's nearest code, and these codes."""
    rows, codes = z.detach().numpy(), codebook.detach().numpy()
    index = ((rows[:, None] - codes) ** 2).sum(axis=2).argmin(axis=1)
    return index, codebook[index]


def _loss(z, e, commitment):
    """Return the right loss of rows z and their codes e."""
    to_codes = ops.mse_loss(z, e.detach(), reduction="sum")
    return ops.mse_loss(e, z.detach(), reduction="sum") + commitment * to_codes


def vector_quantise__no_straight_through(z, codebook, commitment):
    """Returns the codes themselves: the encoder gets no gradient, the codebook the decoder's."""
    index, e = _nearest(z, codebook)
    return e, index, _loss(z, e, commitment)


def vector_quantise__not_detached(z, codebook, commitment):
    """Adds the difference without detaching it: z cancels, and the codebook gets the gradient."""
    index, e = _nearest(z, codebook)
    return z + (e - z), index, _loss(z, e, commitment)


def vector_quantise__codes_too(z, codebook, commitment):
    """Stops only z: the output's gradient reaches the codebook too."""
    index, e = _nearest(z, codebook)
    return z + e - z.detach(), index, _loss(z, e, commitment)


def vector_quantise__no_stop(z, codebook, commitment):
    """Both terms move codes and rows."""
    index, e = _nearest(z, codebook)
    loss = (1 + commitment) * ops.mse_loss(e, z, reduction="sum")
    return z + (e - z).detach(), index, loss


def vector_quantise__stops_swapped(z, codebook, commitment):
    """The commitment weights the codes' term: only the gradients are wrong."""
    index, e = _nearest(z, codebook)
    return z + (e - z).detach(), index, _loss(e, z, commitment)


def vector_quantise__dot_product(z, codebook, commitment):
    """Takes the largest dot product to mean the smallest distance: large codes win."""
    index = (z.detach().numpy() @ codebook.detach().numpy().T).argmax(axis=1)
    e = codebook[index]
    return z + (e - z).detach(), index, _loss(z, e, commitment)


def vector_quantise__mean(z, codebook, commitment):
    """Takes the mean over all entries."""
    index, e = _nearest(z, codebook)
    return z + (e - z).detach(), index, _loss(z, e, commitment) / z.data.size


def vector_quantise__no_codebook_term(z, codebook, commitment):
    """Leaves the codes where they are."""
    index, e = _nearest(z, codebook)
    loss = (1 + commitment) * ops.mse_loss(z, e.detach(), reduction="sum")
    return z + (e - z).detach(), index, loss


def vector_quantise__float_index(z, codebook, commitment):
    """Returns an index that cannot pick rows."""
    index, e = _nearest(z, codebook)
    return z + (e - z).detach(), index.astype(float), _loss(z, e, commitment)


def _shares(index, codes):
    counts = np.bincount(index.ravel(), minlength=codes)
    return counts / counts.sum(), int((counts == 0).sum())


def codebook_use__entropy(index, codes):
    """Returns the entropy."""
    p, dead = _shares(index, codes)
    return -(p[p > 0] * np.log(p[p > 0])).sum(), dead


def codebook_use__zero_log_zero(index, codes):
    """Computes 0 log 0, which is nan."""
    p, dead = _shares(index, codes)
    return np.exp(-(p * np.log(p)).sum()), dead


def codebook_use__used_codes(index, codes):
    """Counts the codes that were used, however seldom."""
    _, dead = _shares(index, codes)
    return codes - dead, dead


def codebook_use__two_bases(index, codes):
    """Raises e to an entropy in bits."""
    p, dead = _shares(index, codes)
    return np.exp(-(p[p > 0] * np.log2(p[p > 0])).sum()), dead


def codebook_use__dead_at_the_end(index, codes):
    """Misses dead codes beyond the largest index."""
    counts = np.bincount(index.ravel())
    p = counts[counts > 0] / counts.sum()
    return np.exp(-(p * np.log(p)).sum()), int((counts == 0).sum())


def codebook_use__mean_of_logs(index, codes):
    """Averages log p over codes, not over uses."""
    p, dead = _shares(index, codes)
    return np.exp(-np.log(p[p > 0]).mean()), dead


def codebook_use__counts(index, codes):
    """Uses counts instead of shares."""
    counts = np.bincount(index.ravel(), minlength=codes)
    used = counts[counts > 0]
    return np.exp(-(used * np.log(used)).sum()), int((counts == 0).sum())


def codebook_use__small_counters(index, codes):
    """Counts in 8 bits, up to 255."""
    counts = np.array([(index == code).sum(dtype=np.uint8) for code in range(codes)])
    p = counts[counts > 0] / counts.sum()
    return np.exp(-(p * np.log(p)).sum()), int((counts == 0).sum())


def codebook_use__bias(index, codes):
    """Adds 1e-8 to each share before the logarithm."""
    p = np.bincount(index.ravel(), minlength=codes) / index.size
    return np.exp(-(p * np.log(p + 1e-8)).sum()), int((p == 0).sum())
