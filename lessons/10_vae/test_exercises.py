"""The checks of lesson 10: other formulas, finite differences, integrals on a grid, and moments."""

from types import SimpleNamespace

import numpy as np

from minae.course.checking import gradients, same


def normal(*shape, seed=0):
    """Return random numbers, in float64."""
    return np.random.default_rng(seed).normal(size=shape)


def values(function, call, count, *arrays):
    """Return what a function returns, once it is a tuple of so many; no input may change."""
    copies = [x.copy() for x in arrays]
    result = function(*arrays)
    assert isinstance(result, tuple) and len(result) == count, (  # noqa: PT018
        f"{call} returned {result!r}, not a tuple of {count}"
    )
    for x, copy in zip(arrays, copies, strict=True):
        assert np.array_equal(x, copy), f"{call} writes into an input, which is not its own"
    return result


def test_reparameterise__by_hand(student):
    """One image, one latent, two draws: σ is 1/2."""
    mean, log_var = np.array([[3.0]]), np.log([[0.25]])
    noise, dz = np.array([[[2.0]], [[-4.0]]]), np.array([[[10.0]], [[1.0]]])
    expected = np.array([[[4.0]], [[1.0]]]), np.array([[11.0]]), np.array([[4.0]])
    call = "reparameterise([[3]], [[log 0.25]], noise [[[2]], [[-4]]], dz [[[10]], [[1]]])"
    same(values(student.reparameterise, call, 3, mean, log_var, noise, dz), expected, call)


def test_reparameterise__agrees_with_differences(student):
    """One draw and several; more images than latents, and fewer."""
    for K, N, Z in [(1, 3, 2), (4, 2, 3), (3, 5, 1), (2, 2, 2)]:
        mean, log_var, noise = normal(N, Z), normal(N, Z, seed=1), normal(K, N, Z, seed=2)
        dz = normal(K, N, Z, seed=3)
        call = f"reparameterise(mean, log_var, noise, dz) with mean {(N, Z)}, noise {(K, N, Z)}"
        z, dmean, dlog_var = values(student.reparameterise, call, 3, mean, log_var, noise, dz)
        same(z, mean + np.sqrt(np.exp(log_var)) * noise, f"z of {call}")
        same(np.shape(dmean), mean.shape, f"the shape of dmean of {call}")
        same(np.shape(dlog_var), mean.shape, f"the shape of dlog_var of {call}")
        gradients(
            call,
            lambda mean, log_var, noise=noise: mean + np.sqrt(np.exp(log_var)) * noise,
            lambda dz, mean, log_var, noise=noise: student.reparameterise(mean, log_var, noise, dz)[
                1:
            ],
            mean,
            log_var,
        )


def kl_on_a_grid(mean, log_var, prior_mean, prior_log_var):
    """Return KL(q || p) of two Gaussians of one dimension, as an integral of q log (q / p)."""
    deviation = np.exp(log_var / 2)
    z = np.linspace(mean - 9 * deviation, mean + 9 * deviation, 2001)
    log_q = -((z - mean) ** 2 / np.exp(log_var) + log_var) / 2
    log_p = -((z - prior_mean) ** 2 / np.exp(prior_log_var) + prior_log_var) / 2
    q = np.exp(log_q) / np.sqrt(2 * np.pi)
    return ((q * (log_q - log_p)).sum() * (z[1] - z[0])).item()


def kl_of_rows(mean, log_var, prior_mean, prior_log_var):
    """Return the KL of each row, latent by latent."""
    prior = np.broadcast_to(prior_mean, mean.shape), np.broadcast_to(prior_log_var, mean.shape)
    return np.array(
        [
            sum(kl_on_a_grid(*four) for four in zip(*row, strict=True))
            for row in zip(mean, log_var, *prior, strict=True)
        ]
    )


def kl_inputs(N, Z):
    """Return mean and log_var (N, Z) of images, and those of a prior (Z,)."""
    return normal(N, Z), normal(N, Z, seed=1) - 0.5, normal(Z, seed=2), normal(Z, seed=3)


def test_gaussian_kl__by_hand(student):
    """Variances 1 and 4, means 3 and 1: half of (2² / 4 + 1/4 + log 4 - 1)."""
    arrays = np.array([[3.0]]), np.array([[0.0]]), np.array([1.0]), np.log([4.0])
    expected = np.array([(0.25 + np.log(4)) / 2]), np.array([[0.5]]), np.array([[-0.375]])
    call = "gaussian_kl([[3]], [[0]], prior_mean [1], prior_log_var [log 4])"
    same(values(student.gaussian_kl, call, 3, *arrays), expected, call)


def test_gaussian_kl__agrees_with_an_integral(student):
    """Some images and latents; and images that equal the prior, whose KL is 0."""
    for N, Z in [(1, 1), (3, 2), (2, 4), (3, 3)]:
        arrays = kl_inputs(N, Z)
        call = f"gaussian_kl(mean {(N, Z)}, log_var {(N, Z)}, prior_mean {(Z,)}, prior_log_var)"
        kl, _, _ = values(student.gaussian_kl, call, 3, *arrays)
        same(kl, kl_of_rows(*arrays), f"kl of {call}")
        _, _, prior_mean, prior_log_var = arrays
        equal = np.tile(prior_mean, (N, 1)), np.tile(prior_log_var, (N, 1))
        kl, _, _ = student.gaussian_kl(*equal, prior_mean, prior_log_var)
        same(1 + np.asarray(kl), np.ones(N), "1 + kl of gaussian_kl where q and p are the same")


def test_gaussian_kl__has_its_gradients(student):
    """Against differences of the integral."""
    for N, Z in [(3, 2), (2, 3)]:
        mean, log_var, *prior = kl_inputs(N, Z)

        def backward(dy, mean, log_var, prior=prior):
            _, dmean, dlog_var = student.gaussian_kl(mean, log_var, *prior)
            return dy[:, None] * dmean, dy[:, None] * dlog_var

        gradients(
            f"dmean and dlog_var of gaussian_kl(mean {(N, Z)}, log_var, prior_mean, prior_log_var)",
            lambda mean, log_var, prior=prior: kl_of_rows(mean, log_var, *prior),
            backward,
            mean,
            log_var,
        )


def test_kl_by_draws__by_hand(student):
    """σ is 1/2, z is 2 and 1: the terms are log 2 + 3/2 and log 2 + 1/2."""
    arrays = np.array([1.5]), np.log([0.25]), np.array([[1.0], [-1.0]])
    terms = np.log(2) + np.array([(2**2 - 1) / 2, (1 - 1) / 2])
    expected = terms.mean(), np.sqrt(((terms - terms.mean()) ** 2).sum() / 1 / 2)
    call = "kl_by_draws([1.5], [log 0.25], noise [[1], [-1]])"
    same(values(student.kl_by_draws, call, 2, *arrays), expected, call)


def test_kl_by_draws__agrees_with_a_loop(student):
    """Few draws and many, one latent and several."""
    for K, Z in [(2, 3), (7, 1), (3, 3), (200, 4)]:
        mean, log_var, noise = normal(Z), normal(Z, seed=1) - 1, normal(K, Z, seed=2)
        terms = []
        for row in noise:
            term = 0.0
            for m, v, e in zip(mean, log_var, row, strict=True):
                z = m + np.sqrt(np.exp(v)) * e
                q = np.exp(-((z - m) ** 2) / (2 * np.exp(v))) / np.sqrt(2 * np.pi * np.exp(v))
                p = np.exp(-(z**2) / 2) / np.sqrt(2 * np.pi)
                term += np.log(q / p)
            terms.append(term)
        average = sum(terms) / K
        error = (sum((t - average) ** 2 for t in terms) / (K - 1) / K) ** 0.5
        call = f"kl_by_draws(mean {(Z,)}, log_var {(Z,)}, noise {(K, Z)})"
        result = values(student.kl_by_draws, call, 2, mean, log_var, noise)
        same(result, (average, error), call)


def test_bound_terms__by_hand(student):
    """Logits of 0 cost log 2 a pixel, whatever the target; σ = 1 and mean 2 cost 2 nats."""
    x, logits = np.array([[[[0.3, 1.0]]], [[[0.0, 0.5]]]]), np.zeros((2, 2))
    mean, log_var = np.array([[2.0, 0, 0], [0, 0, 0]]), np.zeros((2, 3))
    call = "bound_terms(logits of 0, x (2, 1, 1, 2), mean [[2, 0, 0], [0, 0, 0]], log_var of 0)"
    arrays = logits, x, mean, log_var
    same(values(student.bound_terms, call, 2, *arrays), (2 * np.log(2), 1.0), call)


def test_bound_terms__agrees_with_a_loop(student):
    """Batches of one and more, images that are no squares, more and fewer latents than images."""
    for N, H, W, Z in [(3, 2, 5, 4), (1, 3, 2, 2), (4, 1, 4, 1), (2, 1, 1, 3)]:
        rng = np.random.default_rng(N)
        x, logits = rng.random((N, 1, H, W)), 3 * normal(N, H * W)
        mean, log_var = normal(N, Z, seed=1), normal(N, Z, seed=2)
        nll = kl = 0.0
        for a, image, m, v in zip(logits, x, mean, log_var, strict=True):
            for logit, t in zip(a, image.ravel(), strict=True):
                nll -= t * -np.logaddexp(0, -logit) + (1 - t) * -np.logaddexp(0, logit)
            kl += sum((m_i**2 + np.exp(w) - w - 1) / 2 for m_i, w in zip(m, v, strict=True))
        call = (
            f"bound_terms(logits {(N, H * W)}, x {(N, 1, H, W)}, mean {(N, Z)}, log_var {(N, Z)})"
        )
        result = values(student.bound_terms, call, 2, logits, x, mean, log_var)
        same(result, (nll / N, kl / N), call)


def test_bound_terms__of_large_logits(student):
    """Certain and right, certain and wrong."""
    logits = np.array([[1000.0, -1000, 1000, -1000]])
    x, code = np.array([[[[1.0, 0], [0.25, 0.5]]]]), np.zeros((1, 1))
    call = "bound_terms([[1000, -1000, 1000, -1000]], x [[1, 0], [0.25, 0.5]], [[0]], [[0]])"
    try:
        with np.errstate(over="raise", divide="raise", invalid="raise"):
            result = values(student.bound_terms, call, 2, logits, x, code, code)
    except FloatingPointError as error:
        raise AssertionError(f"{call}: {error}") from None
    same(result, (1250.0, 0.0), call)


MEAN = np.array([[0.0, 1.5, -0.5], [0.4, -2.0, 0.0]])
LOG_VAR = np.array([[-1.0, 0.5, 0.0], [1.2, -0.3, -2.5]])


def drawing(how, seed):
    """Return a sampler: how(mean, log_var, rng)."""
    rng = np.random.default_rng(seed)
    return lambda mean, log_var: how(mean, log_var, rng)


def judge(student, how, what, expected, seed=0, mean=MEAN, log_var=LOG_VAR):
    """Fail unless the student's test comes to the right verdict on a sampler."""
    result = student.samples_as_promised(drawing(how, seed), mean.copy(), log_var.copy())
    call = f"samples_as_promised(sampler, mean, log_var) with mean and log_var {mean.shape}"
    assert result is not None, f"{call} returned None: is a return missing?"
    assert bool(result) is expected, f"{call} returned {result!r} for {what}, expected {expected}"


def right(mean, log_var, rng):
    """Draw as promised."""
    return mean + np.exp(log_var / 2) * rng.normal(size=mean.shape)


def test_samples_as_promised__accepts_the_right_sampler(student):
    """With ten seeds, and for codes of several shapes."""
    for seed in range(10):
        judge(student, right, f"the right sampler (seed {seed})", True, seed)
    for N, Z in [(1, 1), (5, 2), (1, 4)]:
        mean, log_var = 2 * normal(N, Z, seed=3), normal(N, Z, seed=4)
        judge(student, right, "the right sampler", True, mean=mean, log_var=log_var)


def wrong_samplers():
    """Return samplers that do not draw what was promised, by what they do."""

    def scaled(deviation):
        return lambda m, v, rng: m + deviation(v) * rng.normal(size=m.shape)

    def one_wide_one_narrow(m, v, rng):
        factor = np.ones(m.shape)
        factor[0, 0], factor[1, 1] = 1.4, np.sqrt(2 - 1.4**2)
        return m + factor * np.exp(v / 2) * rng.normal(size=m.shape)

    return {
        "a sampler with the variance as deviation": scaled(np.exp),
        "a sampler with exp(log_var / 4) as deviation": scaled(lambda v: np.exp(v / 4)),
        "a sampler with deviation 1": scaled(np.ones_like),
        "a sampler that is right but for a mean added twice": lambda m, v, rng: (
            m + right(m, v, rng)
        ),
        "a sampler that leaves out the mean": lambda m, v, rng: right(m, v, rng) - m,
        "a sampler that always returns the mean": lambda m, v, rng: m + 0 * v,
        "a sampler whose images share their noise": lambda m, v, rng: (
            m + np.exp(v / 2) * rng.normal(size=(1, m.shape[1]))
        ),
        "a sampler whose latents share their noise": lambda m, v, rng: (
            m + np.exp(v / 2) * rng.normal(size=(len(m), 1))
        ),
        "a sampler with noise from [0, 1)": lambda m, v, rng: (
            m + np.exp(v / 2) * rng.random(m.shape)
        ),
        "a sampler that returns the same draw each time": lambda m, v, rng: right(
            m, v, np.random.default_rng(0)
        ),
        "a sampler too wide in one entry, too narrow in another": one_wide_one_narrow,
    }


def test_samples_as_promised__rejects_the_wrong_ones(student):
    """One mistake at a time."""
    for what, how in wrong_samplers().items():
        judge(student, how, what, False)


def vae(Z, P, seed=0, scale=1.0):
    """Return a model of random weights, and a list of all codes that its decoder was given."""
    rng, given = np.random.default_rng(seed), []
    weight, bias, inward = rng.normal(size=(P, Z)), rng.normal(size=P), rng.normal(size=(2 * Z, P))

    def decoder(z):
        given.append(np.array(z))
        return scale * (np.asarray(z) @ weight.T + bias)

    def encoder(x):
        mean, log_var = np.split(np.tanh(x @ inward.T), 2, axis=1)
        return mean, log_var - 2

    return SimpleNamespace(latent=Z, decoder=decoder, encoder=encoder), given


def test_new_images__are_decoded_codes(student):
    """One sigmoid between the decoder and the result, which lies in [0, 1]."""
    for n, Z, P in [(5, 3, 7), (1, 2, 4), (6, 1, 6)]:
        model, given = vae(Z, P)
        call = f"new_images(model, {n}, rng) with {Z} latents and {P} pixels"
        images = student.new_images(model, n, np.random.default_rng(1))
        assert given, f"{call} never called model.decoder"
        z = np.concatenate(given)[-n:]
        same(z.shape, (n, Z), f"the shape of the codes that {call} decodes")
        expected = 1 / (1 + np.exp(-model.decoder(z)))
        same(images, expected, f"{call}, for the codes that it drew,")


def test_new_images__draw_codes_from_the_prior(student):
    """Of 4,000 codes the mean is 0, the variance 1, and latents do not correlate."""
    model, given = vae(3, 5)
    student.new_images(model, 4000, np.random.default_rng(2))
    assert given, "new_images(model, 4000, rng) never called model.decoder"
    z = np.concatenate(given)[-4000:]
    what = "of the 4,000 codes that new_images(model, 4000, rng) decoded"
    mean, moments = z.mean(axis=0), z.T @ z / len(z)
    assert np.abs(mean).max() < 0.1, f"the means {what} are {mean.round(2)}, expected about 0"
    assert np.abs(moments - np.eye(3)).max() < 0.15, (
        f"the mean products of latents {what} are\n{moments.round(2)}\nexpected about 1 on the"
        " diagonal, about 0 beside it: is it the prior that they come from?"
    )
    assert len(np.unique(z[:, 0])) > 3990, f"the codes {what.removeprefix('of ')} are not all new"


def test_new_images__depend_on_the_generator(student):
    """Equal generators give equal images, and others give others; the next call gives new ones."""
    model, _ = vae(2, 4)
    rng = np.random.default_rng(3)
    first, second = student.new_images(model, 3, rng), student.new_images(model, 3, rng)
    again = student.new_images(model, 3, np.random.default_rng(3))
    same(again, first, "new_images(model, 3, np.random.default_rng(3)), called a second time,")
    assert not np.allclose(first, second), (
        "new_images(model, 3, rng) twice with one generator gave the same images: draw from rng"
    )


def test_new_images__of_large_logits(student):
    """No nan where the decoder is very sure."""
    model, _ = vae(2, 6, scale=800.0)
    with np.errstate(all="ignore"):
        images = np.asarray(student.new_images(model, 4, np.random.default_rng(4)))
    assert np.isfinite(images).all(), (
        f"new_images returned {np.sum(~np.isfinite(images))} values that are no numbers, for a"
        " decoder whose logits are in the hundreds: how is the sigmoid computed?"
    )
