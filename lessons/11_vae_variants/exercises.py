"""Exercises of lesson 11: the pieces that turn a VAE into its variants.

11.5 works on minae's tensors, since it is about where gradients flow. All others are plain NumPy.
No function may write into its arguments, and none needs another.
"""

import numpy as np

from minae import ops


def rate_distortion(x, logits, mean, log_var, beta):
    """Return distortion, rate and the loss of a β-VAE, each a mean per image, in nats.

    x (N, P): pixels in [0, 1]; logits (N, P): the decoder's output, before the sigmoid;
    mean and log_var (N, Z): those of q(z|x); beta: a number -> three numbers

    Distortion is -log p(x|z), the cross-entropy of a Bernoulli for every pixel, summed over
    the pixels of an image. Rate is KL(q(z|x) || N(0, 1)), summed over its latents:

        log(1 + e^l) - x l,   l: a logit           ½ (mean² + σ² - log σ² - 1)

    The loss is distortion + β rate. All must be finite for every finite logit: np.logaddexp(0, l)
    is log(1 + e^l) without overflow.

    About 4 lines, 10 minutes. Matters because β means nothing unless both terms count the same
    thing: with a mean over pixels instead of a sum, β would in effect be 784 times as large.
    """
    ### BEGIN SOLUTION
    distortion = (np.logaddexp(0, logits) - x * logits).sum(axis=1).mean()
    rate = 0.5 * (mean**2 + np.exp(log_var) - log_var - 1).sum(axis=1).mean()
    return distortion, rate, distortion + beta * rate
    ### END SOLUTION


def active_units(mean, threshold=0.01):
    """Return which latents say something about the image, as booleans (Z,).

    mean (N, Z): the mean of q(z|x) for each of N images. A latent is active if its mean varies
    from image to image: if its variance over the images, with N in the denominator, is above the
    threshold (Burda et al. 2016).

    About 1 line, 5 minutes. Matters because a VAE with 50 latents may use 19 of them, and
    nothing in its loss tells you.
    """
    ### BEGIN SOLUTION
    return mean.var(axis=0) > threshold
    ### END SOLUTION


def conditional_pass(encoder, decoder, x, labels, classes, noise):
    """Return logits, mean and log_var of a conditional VAE for a batch.

    encoder: a function from rows (N, P + classes) to rows (N, 2 Z), first all means, then all
        log variances
    decoder: a function from rows (N, Z + classes) to logits (N, P)
    x (N, P); labels (N,): integers from 0 to classes - 1; noise (N, Z): standard normal
    -> logits (N, P), mean (N, Z), log_var (N, Z)

    Both networks are told the label, as `classes` more columns on the right, all 0 except the
    label's own, which is 1. Between them z = mean + σ noise, where σ is the square root of the
    variance.

    About 6 lines, 15 minutes. Matters because which classes a batch contains must not change what a
    column means, and a label that only the encoder sees cannot be asked for later.
    """
    ### BEGIN SOLUTION
    onehot = np.eye(classes)[labels]  # (N, classes)
    mean, log_var = np.split(encoder(np.hstack([x, onehot])), 2, axis=1)
    z = mean + np.exp(0.5 * log_var) * noise
    return decoder(np.hstack([z, onehot])), mean, log_var
    ### END SOLUTION


def importance_weighted_bound(log_weights):
    """Return each image's importance-weighted bound, and its gradient with respect to log_weights.

    log_weights (k, N): log w of each of k draws for each of N images, w = p(x, z) / q(z|x)
    -> bound (N,): log of the mean of w over the draws;
       dlog_weights (k, N): the derivative of an image's bound with respect to its own log weights

    A log weight is about -100, but may be -5,000: e^-5000 is 0 in float64, and its logarithm is not
    what you want. Shift by the largest before the exponential. For the second result, differentiate
    log(1/k Σ e^l) with respect to each l, and check what an image's k numbers add up to.

    About 5 lines, 15 minutes. Matters because the derivative says what training with k draws does:
    the draw that explains the image best gets nearly all of the gradient.
    """
    ### BEGIN SOLUTION
    largest = log_weights.max(axis=0)  # (N,)
    weights = np.exp(log_weights - largest)  # (k, N), the largest is 1
    bound = largest + np.log(weights.mean(axis=0))
    return bound, weights / weights.sum(axis=0)
    ### END SOLUTION


def vector_quantise(z, codebook, commitment):
    """Return each row's nearest code, and the loss that trains codebook and encoder.

    z (N, D) and codebook (K, D): tensors of minae that require gradients; commitment: a number
    -> output (N, D), a tensor; index (N,), integers; loss, a tensor of one number

    index holds the number of the nearest code of each row of z, by squared distance. output has the
    values of these codes, but its gradient passes straight through to z, as if nothing had been
    done, and not to the codebook. The loss is

        Σ (sg(z) - e)² + commitment · Σ (z - sg(e))²

    where e are the nearest codes (N, D), each sum is over all N · D entries, and sg(...), stop the
    gradient, is `.detach()`. So the first term moves only codes, and the second only z.

    About 6 lines, 20 minutes. `z.numpy()` needs `z.detach()` first, `codebook[index]` picks rows,
    and `ops.mse_loss(a, b, reduction="sum")` is a sum of squares. Matters because an sg in the
    wrong place gives the same values but trains something else.
    """
    ### BEGIN SOLUTION
    rows, codes = z.detach().numpy(), codebook.detach().numpy()
    index = ((rows[:, None] - codes) ** 2).sum(axis=2).argmin(axis=1)  # (N,)
    nearest = codebook[index]  # (N, D)
    output = z + (nearest - z).detach()
    to_rows = ops.mse_loss(nearest, z.detach(), reduction="sum")
    to_codes = ops.mse_loss(z, nearest.detach(), reduction="sum")
    return output, index, to_rows + commitment * to_codes
    ### END SOLUTION


def codebook_use(index, codes):
    """Return the perplexity of a codebook, and how many of its codes are dead.

    index: integers from 0 to codes - 1, an array of any shape, not empty: the codes of images
    -> perplexity, a number from 1 to codes; dead, the number of codes that were never used

    With p the share of each code, the perplexity is e^H, H = -Σ p log p, where 0 log 0 is 0.
    It counts codes by how much they are used: for 4 codes used equally often it is 4.

    About 4 lines, 10 minutes. Matters because a codebook of 64 codes with 5 in use is really one of
    5, and the reconstruction error alone does not show it.
    """
    ### BEGIN SOLUTION
    counts = np.bincount(index.ravel(), minlength=codes)
    p = counts[counts > 0] / counts.sum()
    return np.exp(-(p * np.log(p)).sum()), int((counts == 0).sum())
    ### END SOLUTION
