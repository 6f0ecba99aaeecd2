"""The checks of lesson 10: sums entry by entry, integrals on a grid, and samplers a little off."""

from itertools import product
from math import erf, exp, expm1, log
from types import SimpleNamespace

import numpy as np

from minae.course.checking import same, same_gradient, shape_of, values_of
from minae.course.contract import described


def normal(*shape, seed=0, scale=1.0):
    """Return random numbers, in float64."""
    return scale * np.random.default_rng(seed).normal(size=shape)


def finds(student, name, arguments, expected, grads=()):
    """Fail unless the student's function finds what was expected, of which some are gradients."""
    call, copies = described(name, arguments), [np.copy(x) for x in arguments.values()]
    found = values_of(getattr(student, name)(*copies), len(expected), call)
    for i, (actual, value) in enumerate(zip(found, expected, strict=True)):
        if i in grads:
            same_gradient(actual, value, f"result {i} of {call}")
        else:
            same(actual, value, f"result {i} of {call}")


def draws(mean, log_var, noise, dz):
    """Return the arguments of reparameterise, and the expected results, entry by entry."""
    z, dmean, dlog_var = np.zeros(noise.shape), np.zeros(mean.shape), np.zeros(mean.shape)
    for k, n, j in np.ndindex(noise.shape):
        change = exp(log_var[n, j] / 2) * noise[k, n, j]
        z[k, n, j] = mean[n, j] + change
        dmean[n, j] += dz[k, n, j]
        dlog_var[n, j] += dz[k, n, j] * change / 2
    return {"mean": mean, "log_var": log_var, "noise": noise, "dz": dz}, (z, dmean, dlog_var)


def test_reparameterise__by_hand(student):
    """One image, one latent, two draws: σ is 1/2."""
    mean, log_var = np.array([[3.0]]), np.log([[0.25]])
    noise, dz = np.array([[[2.0]], [[-4.0]]]), np.array([[[10.0]], [[1.0]]])
    expected = np.array([[[4.0]], [[1.0]]]), np.array([[11.0]]), np.array([[4.0]])
    arguments = {"mean": mean, "log_var": log_var, "noise": noise, "dz": dz}
    finds(student, "reparameterise", arguments, expected, grads=(1, 2))


def test_reparameterise__of_other_sizes(student):
    """One draw and several, one image, one latent; narrow and wide distributions."""
    for (K, N, Z), centre in product([(1, 3, 2), (4, 2, 3), (3, 1, 1), (2, 2, 2)], (0, -40, 20)):
        mean, noise = normal(N, Z, scale=exp(centre / 2)), normal(K, N, Z, seed=2)
        log_var = centre + normal(N, Z, seed=1)
        arguments, expected = draws(mean, log_var, noise, normal(K, N, Z, seed=3))
        finds(student, "reparameterise", arguments, expected, grads=(1, 2))


def kl_on_a_grid(mean, log_var, prior_mean, prior_log_var):
    """Return KL(q || p) of two Gaussians of one dimension, as an integral of q log (q / p)."""
    deviation = np.exp(log_var / 2)
    e = np.linspace(-9, 9, 401)
    log_p = -((mean + deviation * e - prior_mean) ** 2 / np.exp(prior_log_var) + prior_log_var) / 2
    log_q = -(e**2 + log_var) / 2
    return (np.exp(-(e**2) / 2) / np.sqrt(2 * np.pi) * (log_q - log_p)).sum() * (e[1] - e[0])


def test_gaussian_kl__by_hand(student):
    """Variances 1 and 4, means 3 and 1: half of (2² / 4 + 1/4 + log 4 - 1)."""
    arguments = {
        "mean": np.array([[3.0]]),
        "log_var": np.array([[0.0]]),
        "prior_mean": np.array([1.0]),
        "prior_log_var": np.log([4.0]),
    }
    expected = np.array([(0.25 + log(4)) / 2]), np.array([[0.5]]), np.array([[-0.375]])
    finds(student, "gaussian_kl", arguments, expected, grads=(1, 2))


def test_gaussian_kl__agrees_with_an_integral(student):
    """One image, one latent, and more; wide and narrow ones; the last image equals the prior."""
    sizes, centres = [(1, 1), (3, 2), (2, 4), (3, 3)], [(0, 0), (-20, -20), (10, -10), (-10, 10)]
    for (N, Z), (centre, prior_centre) in product(sizes, centres):
        mean, log_var = normal(N, Z), centre + normal(N, Z, seed=1)
        prior_mean, prior_log_var = normal(Z, seed=2), prior_centre + normal(Z, seed=3)
        if N > 1:
            mean[-1], log_var[-1] = prior_mean, prior_log_var
        kl, dmean, dlog_var = np.zeros(N), np.zeros((N, Z)), np.zeros((N, Z))
        for n, j in np.ndindex(N, Z):
            m, v, p, w = mean[n, j], log_var[n, j], prior_mean[j], prior_log_var[j]
            kl[n] += kl_on_a_grid(m, v, p, w)
            dmean[n, j], dlog_var[n, j] = (m - p) / exp(w), expm1(v - w) / 2
        arguments = {"mean": mean, "log_var": log_var}
        arguments |= {"prior_mean": prior_mean, "prior_log_var": prior_log_var}
        finds(student, "gaussian_kl", arguments, (kl, dmean, dlog_var), grads=(1, 2))


def test_kl_by_draws__by_hand(student):
    """σ is 1/2, z is 2 and 1: the terms are log 2 + 3/2 and log 2."""
    mean, log_var = np.array([1.5]), np.log([0.25])
    arguments = {"mean": mean, "log_var": log_var, "noise": np.array([[1.0], [-1.0]])}
    finds(student, "kl_by_draws", arguments, (log(2) + 0.75, 0.75))


def test_kl_by_draws__agrees_with_a_loop(student):
    """Few draws and many, one latent and so many that densities are 0, and an estimate below 0."""
    for K, Z, centre in [(2, 3, -1), (7, 1, 0), (3, 3, 8), (50, 4, -8), (5, 1000, 0)]:
        mean, log_var = normal(Z), centre + normal(Z, seed=1)
        noise = normal(K, Z, seed=2)
        terms = np.zeros(K)
        for k, j in np.ndindex(K, Z):
            z = mean[j] + exp(log_var[j] / 2) * noise[k, j]
            terms[k] += (z**2 - noise[k, j] ** 2 - log_var[j]) / 2
        error = (sum((terms - sum(terms) / K) ** 2) / (K - 1) / K) ** 0.5
        arguments = {"mean": mean, "log_var": log_var, "noise": noise}
        finds(student, "kl_by_draws", arguments, (sum(terms) / K, error))
    mean, log_var = np.array([0.5]), np.zeros(1)
    arguments = {"mean": mean, "log_var": log_var, "noise": np.array([[-2.0], [-1.0], [-3.0]])}
    finds(student, "kl_by_draws", arguments, (-0.875, 0.5 / 3**0.5))


def test_bound_terms__by_hand(student):
    """Logits of 0 cost log 2 per pixel, whatever the target; σ = 1 and mean 2 cost 2 nats."""
    x, logits = np.array([[[[0.3, 1.0]]], [[[0.0, 0.5]]]]), np.zeros((2, 2))
    mean, log_var = np.array([[2.0, 0, 0], [0, 0, 0]]), np.zeros((2, 3))
    arguments = {"logits": logits, "x": x, "mean": mean, "log_var": log_var}
    finds(student, "bound_terms", arguments, (2 * log(2), 1.0))


def test_bound_terms__agrees_with_a_loop(student):
    """One image and more, images that are not square, more and fewer latents than images."""
    for N, H, W, Z in [(3, 2, 5, 4), (1, 3, 2, 2), (4, 1, 4, 1), (2, 1, 1, 3), (5, 4, 2, 2)]:
        rng = np.random.default_rng(N)
        x, logits = rng.random((N, 1, H, W)), normal(N, H * W, scale=20)
        mean, log_var = normal(N, Z, seed=1), normal(N, Z, seed=2, scale=3)
        nll = kl = 0.0
        for n, i, j in np.ndindex(N, H, W):
            a, t = logits[n, i * W + j], x[n, 0, i, j]
            nll += t * np.logaddexp(0, -a) + (1 - t) * np.logaddexp(0, a)
        for m, v in zip(mean.ravel(), log_var.ravel(), strict=True):
            kl += (m**2 + exp(v) - v - 1) / 2
        arguments = {"logits": logits, "x": x, "mean": mean, "log_var": log_var}
        finds(student, "bound_terms", arguments, (nll / N, kl / N))


def test_bound_terms__of_large_logits(student):
    """Certain and right, certain and wrong: without a warning."""
    arguments = {
        "logits": np.array([[1000.0, -1000, 1000, -1000]]),
        "x": np.array([[[[1.0, 0], [0.25, 0.5]]]]),
        "mean": np.zeros((1, 1)),
        "log_var": np.zeros((1, 1)),
    }
    with np.errstate(over="raise", divide="raise", invalid="raise"):
        finds(student, "bound_terms", arguments, (1250.0, 0.0))


MEAN = np.array([[0.0, 1.5, -0.5], [0.4, -2.0, 0.0]])
LOG_VAR = np.array([[-1.0, 0.5, 0.0], [1.2, -0.3, -2.5]])
BANK = 200_000  # at most so many noise numbers are made at a time


def judge(student, what, expected, how, mean=MEAN, log_var=LOG_VAR, seed=0):
    """Fail unless the student's test comes to the right verdict on a sampler.

    how(mean, log_var, noise) makes a draw of standard normal noise.
    """
    rng, bank = np.random.default_rng(seed), []

    def sampler(mean, log_var):
        if not bank:
            count = min(4000, max(1, BANK // np.size(mean)))
            bank.extend(rng.normal(size=(count, *np.shape(mean))))
        return how(mean, log_var, bank.pop())

    result = student.samples_as_promised(sampler, mean.copy(), log_var.copy())
    call = f"samples_as_promised(sampler, mean, log_var) with mean of shape {mean.shape}"
    shape = shape_of(result, call)
    assert shape == () and float(result) == expected, (  # noqa: PT018
        f"{call} returned {result!r} for {what}, expected {expected}"
    )


def right(mean, log_var, noise):
    """Draw as promised."""
    return mean + np.exp(log_var / 2) * noise


def test_samples_as_promised__accepts_the_right_sampler(student):
    """With several seeds, one code and many; of 780 pairs, some are 3 standard errors off."""
    for seed in range(3):
        judge(student, f"the right sampler (seed {seed})", True, right, seed=seed)
    for N, Z in [(1, 1), (4, 1), (5, 8)]:
        mean, log_var = normal(N, Z, seed=3, scale=2), normal(N, Z, seed=4, scale=3)
        judge(student, "the right sampler", True, right, mean, log_var)


def test_samples_as_promised__rejects_the_wrong_ones(student):
    """One common mistake at a time."""

    def fixed(mean, log_var, noise):
        return right(mean, log_var, normal(*noise.shape))

    for what, how in {
        "a sampler with the variance as deviation": lambda m, v, e: m + np.exp(v) * e,
        "a sampler with deviation 1": lambda m, v, e: m + e,
        "a sampler that leaves out the mean": lambda m, v, e: right(0, v, e),
        "a sampler that always returns the mean": lambda m, v, e: m + 0 * e,
        "a sampler that returns the same draw each time": fixed,
    }.items():
        judge(student, what, False, how)


def test_samples_as_promised__rejects_what_is_a_little_off(student):
    """By about 13 standard errors of 4,000 draws, in one entry or in one pair of entries."""

    def shifted(entry, by):
        def how(mean, log_var, noise):
            noise[entry] += by
            return right(mean, log_var, noise)

        return how

    def scaled(entry, variance):
        def how(mean, log_var, noise):
            noise[entry] *= variance**0.5
            return right(mean, log_var, noise)

        return how

    def correlated(one, other, by):
        def how(mean, log_var, noise):
            noise[one] = by * noise[other] + (1 - by**2) ** 0.5 * noise[one]
            return right(mean, log_var, noise)

        return how

    for entry, sign in [((0, 0), 1), ((1, 2), -1)]:
        what = f"a sampler whose entry {entry} has the mean %s and variance %s where standardised"
        judge(student, what % (0.2 * sign, 1), False, shifted(entry, 0.2 * sign))
        variance = 1 + 0.3 * sign
        judge(student, what % (0, variance), False, scaled(entry, variance))
    for one, other, by in [
        ((0, 0), (1, 2), 0.2),
        ((0, 0), (0, 2), -0.2),
        ((1, 1), (0, 1), -0.2),
        ((1, 0), (0, 2), 0.2),
    ]:
        what = f"a sampler whose entries {one} and {other} have the correlation {by}"
        judge(student, what, False, correlated(one, other, by))

    def one_wide_one_narrow(mean, log_var, noise):
        noise[0, 0] *= 1.3**0.5
        return scaled((1, 1), 0.7)(mean, log_var, noise)

    judge(student, "a sampler too wide here, too narrow there", False, one_wide_one_narrow)
    mean, log_var = normal(5, 8, seed=3), normal(5, 8, seed=4)
    for what, how in [
        ("whose last entry has the mean -0.2 where standardised", shifted((4, 7), -0.2)),
        ("whose first and last entry have the correlation 0.2", correlated((4, 7), (0, 0), 0.2)),
    ]:
        judge(student, f"a sampler {what}", False, how, mean, log_var)


def vae(Z, P, scale=1.0):
    """Return a model of random weights, and a list of all codes that its decoder was given."""
    rng, given = np.random.default_rng(0), []
    weight, bias, inward = rng.normal(size=(P, Z)), rng.normal(size=P), rng.normal(size=(2 * Z, P))

    def decoder(z):
        shape = shape_of(z, "what model.decoder is given")
        assert len(shape) == 2, f"model.decoder was given codes of shape {shape}, not (n, {Z})"
        assert shape[1] == Z, f"model.decoder was given codes of shape {shape}, not (n, {Z})"
        given.append(np.array(z))
        return scale * (np.asarray(z) @ weight.T + bias)

    def encoder(x):
        mean, log_var = np.split(np.tanh(x @ inward.T), 2, axis=1)
        return mean, log_var - 2

    return SimpleNamespace(latent=Z, decoder=decoder, encoder=encoder), given


def decoded(student, n, Z, P, scale=1.0):
    """Return the images that a student makes with a generator, the codes, and the call."""
    model, given = vae(Z, P, scale)
    call = f"new_images(model, {n}, rng) with {Z} latents, {P} pixels, logits of about {scale:g}"
    images = student.new_images(model, n, np.random.default_rng(n))
    assert given, f"{call} never called model.decoder"
    z = np.concatenate(given)[-n:]
    same(shape_of(z, call), (n, Z), f"the shape of the codes that {call} decodes")
    return images, z, call


def test_new_images__are_decoded_codes(student):
    """One sigmoid between the decoder and the result, also of logits of 10, 100, 1,000."""
    sizes, scales = [(5, 3, 7), (1, 2, 4), (6, 1, 6), (1, 1, 1), (3, 20, 5)], (1, 10, 300)
    for (n, Z, P), scale in product(sizes, scales):
        images, z, call = decoded(student, n, Z, P, scale)
        expected = 1 / (1 + np.exp(-np.clip(vae(Z, P, scale)[0].decoder(z), -700, 700)))
        call = f"{call}, for the codes that it drew,"
        same(shape_of(images, call), (n, P), f"the shape of {call}")
        off = np.abs(np.asarray(images) - expected).max()
        assert off < 1e-9, f"{call} is off by {off:.2g}: the sigmoid of each logit is expected"


def test_new_images__draw_codes_from_the_prior(student):
    """Mean products and shares of 8,000 codes, within about 5 standard errors."""
    n, Z = 8000, 3
    _, z, _ = decoded(student, n, Z, 5)
    what = f"the {n} codes that new_images(model, {n}, rng) decoded"
    error = n**-0.5
    mean, moments = z.mean(axis=0), z.T @ z / n
    assert np.abs(mean).max() < 5 * error, f"{what} have means {mean.round(2)}, expected about 0"
    off = np.abs(moments - np.eye(Z)) / (1 + (2**0.5 - 1) * np.eye(Z))
    assert off.max() < 5.5 * error, (
        f"the mean products of the latents of {what} are\n{moments.round(2)}\nexpected about 1 on"
        " the diagonal, about 0 off it: do they come from the prior?"
    )
    for edge in (-3, -2, -1, 0, 1, 2, 3):
        share, normal_share = (z < edge).mean(), (1 + erf(edge / 2**0.5)) / 2
        most = 5.5 * (normal_share * (1 - normal_share) / z.size) ** 0.5
        assert abs(share - normal_share) < most, (
            f"of {what} a share of {share:.4f} is below {edge}, expected about {normal_share:.4f}:"
            " do they come from the prior?"
        )


def test_new_images__have_codes_of_their_own(student):
    """Over 300 latents, the codes of no two of 40 images are correlated."""
    n, Z = 40, 300
    _, z, call = decoded(student, n, Z, 5)
    moments = z @ z.T / Z
    np.fill_diagonal(moments, 0)
    i, j = (int(k) for k in np.unravel_index(np.abs(moments).argmax(), moments.shape))
    assert abs(moments[i, j]) < 5.5 * Z**-0.5, (
        f"{call}: the codes of images {i} and {j} have the mean product {moments[i, j]:.2f},"
        " expected about 0: draw each code separately"
    )


def test_new_images__depend_on_the_generator(student):
    """Equal generators give equal images, and the next call gives new ones."""
    model, _ = vae(2, 4)
    rng = np.random.default_rng(3)
    first = np.array(student.new_images(model, 3, rng))
    second = student.new_images(model, 3, rng)
    again = student.new_images(model, 3, np.random.default_rng(3))
    same(again, first, "new_images(model, 3, np.random.default_rng(3)), called a second time,")
    assert not np.allclose(first, second), (
        "new_images(model, 3, rng) twice with one generator gave the same images: draw from rng"
    )
