"""The checks of lesson 7. Each compares the student's function with loops or another formula."""

import math

import numpy as np

from minae import nn, optim
from minae.course.checking import same
from minae.tensor import Tensor


def uniform(*shape, seed=0):
    """Return random pixels from 0.1 to 0.9, in float64: none of them is black."""
    return np.random.default_rng(seed).uniform(0.1, 0.9, shape)


def two(result, call):
    """Return a pair as two arrays, or say that it is none."""
    assert isinstance(result, tuple) and len(result) == 2, (  # noqa: PT018
        f"{call} returned {type(result).__name__}, not two arrays"
    )
    return np.asarray(result[0]), np.asarray(result[1])


def unchanged(array, copy, call):
    """Fail if an input was written into."""
    assert np.array_equal(array, copy), f"{call} changed its input"


def corners(hidden, size, call):
    """Return the upper left corner of each image's block, or say what is no block."""
    found = []
    for i, one in enumerate(hidden):
        covered = int(one.sum())
        assert covered == size * size, (
            f"{call}: image {i} has {covered} hidden pixels, not {size} x {size} = {size * size}"
        )
        down, across = np.nonzero(one)
        height, width = np.ptp(down) + 1, np.ptp(across) + 1
        assert (height, width) == (size, size), (
            f"{call}: what is hidden of image {i} is {height} pixels high and {width} wide,"
            f" not a block of {size} x {size}"
        )
        found.append((int(down.min()), int(across.min())))
    return found


def test_mask_block__hides_one_block(student):
    """Images that are no squares, blocks of 1 pixel and as large as the image."""
    for N, H, W, size in [(5, 4, 7, 2), (4, 6, 3, 3), (3, 5, 5, 1), (2, 4, 4, 4)]:
        images = uniform(N, H, W)
        copy = images.copy()
        call = f"mask_block(images {images.shape}, size={size}, rng)"
        result, hidden = two(student.mask_block(images, size, np.random.default_rng(0)), call)
        unchanged(images, copy, call)
        assert hidden.dtype == bool, f"{call}: where the block is must be bool, not {hidden.dtype}"
        assert hidden.shape == images.shape, f"{call}: the second result is {hidden.shape}"
        corners(hidden, size, call)
        same(result, images * ~hidden, f"the images of {call}, with its second result")


def test_mask_block__every_place_is_equally_likely(student):
    """Many images: the share of each corner, and images draw for themselves."""
    H, W, size, N = 4, 5, 2, 6000
    images = uniform(N, H, W)
    call = f"mask_block(images {images.shape}, size={size}, rng)"
    _, hidden = two(student.mask_block(images, size, np.random.default_rng(3)), call)
    found = corners(hidden, size, call)
    places = [(i, j) for i in range(H - size + 1) for j in range(W - size + 1)]
    counts = {place: found.count(place) for place in places}
    expected = N / len(places)  # 500, with a standard deviation of 21
    for place, count in counts.items():
        assert abs(count - expected) < 5 * math.sqrt(expected), (
            f"{call}: the block begins at {place} in {count} of {N} images; it has {len(places)}"
            f" places, all equally likely, so about {expected:.0f} were expected"
        )


def test_mask_block__draws_from_rng(student):
    """The same generator, called twice, goes on."""
    images, rng = uniform(40, 9, 8), np.random.default_rng(1)
    first, _ = two(student.mask_block(images, 2, rng), "mask_block")
    second, _ = two(student.mask_block(images, 2, rng), "mask_block")
    assert not np.array_equal(first, second), (
        "mask_block called twice with one rng hid the same blocks twice: draw from rng"
    )


def test_noise_of_any_level__noise_has_the_level_that_is_returned(student):
    """Grey images and little noise, so that nothing clips: its size, image by image."""
    images = np.full((6, 60, 70), 0.5) + uniform(6, 1, 1) * 0.02
    copy = images.copy()
    call = "noise_of_any_level(grey images (6, 60, 70), low=0.02, high=0.1, rng)"
    rng = np.random.default_rng(0)
    noisy, sigma = two(student.noise_of_any_level(images, 0.02, 0.1, rng), call)
    unchanged(images, copy, call)
    assert noisy.shape == images.shape, f"{call} returned images {noisy.shape}"
    assert sigma.shape == (6,), f"{call} returned levels of shape {sigma.shape}, not (6,)"
    noise = noisy - images
    for i in range(6):
        found = noise[i].std()
        assert abs(found / sigma[i] - 1) < 0.06, (
            f"{call}: the noise of image {i} has a standard deviation of {found:.4f},"
            f" and its level is {sigma[i]:.4f}"
        )
        assert abs(noise[i].mean()) < 5 * sigma[i] / math.sqrt(60 * 70), (
            f"{call}: the noise of image {i} has a mean of {noise[i].mean():.4f}, not about 0"
        )
    between = np.corrcoef(noise.reshape(6, -1))[np.triu_indices(6, 1)]
    assert np.abs(between).max() < 0.1, (
        f"{call}: the noise of two images has a correlation of {np.abs(between).max():.2f};"
        " each image draws its own"
    )
    flat = np.mean([(one - one.mean()) ** 4 for one in noise / sigma[:, None, None]])
    assert abs(flat - 3) < 0.3, (
        f"{call}: the fourth moment of the noise is {flat:.2f} sigma^4; the normal distribution"
        " has 3"
    )


def test_noise_of_any_level__levels_are_even(student):
    """Many small images: levels from low to high, one for each."""
    call = "noise_of_any_level(images (4000, 2, 3), low=0.2, high=0.6, rng)"
    images = uniform(4000, 2, 3)
    rng = np.random.default_rng(5)
    _, sigma = two(student.noise_of_any_level(images, 0.2, 0.6, rng), call)
    counts = np.histogram(sigma, np.linspace(0.2, 0.6, 5))[0]
    assert counts.sum() == 4000, (
        f"{call}: levels from {sigma.min():.3f} to {sigma.max():.3f}, not from 0.2 to 0.6"
    )
    assert np.abs(counts - 1000).max() < 150, (
        f"{call}: of 4000 levels, {counts.tolist()} are in the quarters of the range from 0.2 to"
        " 0.6, where about 1000 were expected in each"
    )


def test_noise_of_any_level__clips(student):
    """Much noise: nothing outside of [0, 1], and what clips lies on both ends."""
    images = uniform(5, 40, 30)
    call = "noise_of_any_level(images (5, 40, 30), low=0.8, high=0.8, rng)"
    rng = np.random.default_rng(2)
    noisy, _ = two(student.noise_of_any_level(images, 0.8, 0.8, rng), call)
    assert noisy.min() == 0, f"{call}: the smallest pixel is {noisy.min():.3f}, expected 0"
    assert noisy.max() == 1, f"{call}: the largest pixel is {noisy.max():.3f}, expected 1"
    again, _ = two(student.noise_of_any_level(images, 0.8, 0.8, rng), call)
    assert not np.array_equal(noisy, again), f"{call}, twice with one rng, drew the same noise"


def test_psnr__agrees_with_a_loop(student):
    """Images that differ very differently from their clean ones, and are no squares."""
    for N, H, W in [(1, 3, 4), (3, 2, 5), (4, 6, 6)]:
        clean = uniform(N, H, W)
        spread = 10.0 ** -np.arange(N)[:, None, None]
        output = np.clip(clean + 0.3 * spread * (uniform(N, H, W, seed=1) - 0.3), 0, 1)
        expected = []
        for a, b in zip(output.reshape(N, -1), clean.reshape(N, -1), strict=True):
            error = sum((p - q) ** 2 for p, q in zip(a, b, strict=True)) / (H * W)
            expected.append(-10 * math.log10(error))
        call = f"psnr(output, clean), both {clean.shape}"
        copies = output.copy(), clean.copy()
        same(student.psnr(output, clean), np.array(expected), call)
        unchanged(output, copies[0], call)
        unchanged(clean, copies[1], call)


def test_psnr__by_hand(student):
    """An error of 0.1 everywhere is 20 dB, of 0.01 it is 40 dB."""
    clean = np.full((2, 2, 3), 0.4)
    output = clean + np.array([0.1, -0.01])[:, None, None]
    same(
        student.psnr(output, clean),
        np.array([20.0, 40.0]),
        "psnr of two images, off by 0.1 and by -0.01 in each pixel",
    )


class Watched:
    """A corruption that halves, adds noise, and remembers what it was given and gave."""

    def __init__(self):
        self.given, self.made = [], []

    def __call__(self, x, rng):
        """Return spoilt rows."""
        self.given.append(np.array(x))
        self.made.append((0.5 * x + 0.3 * rng.standard_normal(x.shape)).astype(np.float32))
        return self.made[-1]


def by_hand(weight, bias, made, clean, lr):
    """Return loss, weight and bias after a step of gradient descent on a linear model."""
    difference = made @ weight.T + bias - clean  # (N, P)
    loss = (difference**2).sum() / len(clean)
    dweight = 2 * difference.T @ made / len(clean)
    return loss, weight - lr * dweight, bias - lr * 2 * difference.mean(axis=0)


def test_denoising_step__takes_the_steps_of_gradient_descent(student):
    """A linear model and three steps, beside the gradients written out."""
    N, P, lr = 5, 4, 0.02
    clean = uniform(N, P).astype(np.float32)
    copy = clean.copy()
    model, rng, corrupt = nn.Linear(P, P), np.random.default_rng(0), Watched()
    start = np.random.default_rng(7)
    model.weight.data[...] = start.normal(0, 0.5, (P, P))
    model.bias.data[...] = start.normal(0, 0.5, P)
    weight, bias = model.weight.data.astype(float), model.bias.data.astype(float)
    optimizer = optim.SGD(model.parameters(), lr=lr)
    for step in range(1, 4):
        call = f"denoising_step(linear model, SGD, clean (5, 4), corrupt, rng), step {step}"
        loss = student.denoising_step(model, optimizer, clean, corrupt, rng)
        unchanged(clean, copy, call)
        calls = len(corrupt.made)
        assert calls == step, f"{call}: corrupt was called {calls} times so far, not {step}"
        same(corrupt.given[-1], clean, f"{call}: what corrupt was given", 1e-5)
        expected, weight, bias = by_hand(weight, bias, corrupt.made[-1], clean, lr)
        assert not isinstance(loss, Tensor), f"{call} returned a tensor: .item() makes it a number"
        same(loss, float(expected), f"{call}: the loss", 1e-4)
        same(model.weight.data, weight, f"{call}: the model's weight afterwards", 1e-4)
        same(model.bias.data, bias, f"{call}: the model's bias afterwards", 1e-4)


def test_denoising_step__draws_fresh_noise(student):
    """Two steps, two draws."""
    clean, corrupt, rng = uniform(3, 4).astype(np.float32), Watched(), np.random.default_rng(0)
    model = nn.Linear(4, 4)
    optimizer = optim.SGD(model.parameters(), lr=0.01)
    for _ in range(2):
        student.denoising_step(model, optimizer, clean, corrupt, rng)
    assert len(corrupt.made) == 2, f"two steps called corrupt {len(corrupt.made)} times, not twice"
    assert not np.array_equal(*corrupt.made), (
        "two steps with one rng had the same noise: pass on the rng that you were given"
    )
    expected, wanted = np.random.default_rng(0), Watched()
    wanted(clean, expected)
    same(corrupt.made[0], wanted.made[0], "what corrupt(clean, rng) made in the first step", 1e-5)


def rows_of(N, P, seed):
    """Return rows that vary much in few directions, and have a mean far from zero."""
    rng = np.random.default_rng(seed)
    scales = 2.0 ** -np.arange(P)
    mixed, _ = np.linalg.qr(rng.normal(size=(P, P)))
    return 3 + rng.normal(size=P) + rng.normal(size=(N, P)) * scales @ mixed


def test_pca_denoise__agrees_with_the_svd(student):
    """Another way to the same directions, for one component, some, and all."""
    for N, M, P, k in [(30, 4, 5, 2), (40, 3, 6, 1), (25, 7, 4, 3), (20, 2, 3, 3), (50, 5, 8, 4)]:
        clean = rows_of(N, P, seed=N)
        rng = np.random.default_rng(M)
        noisy = clean[:M] + 0.5 * rng.normal(size=(M, P)) + 0.4
        mean = clean.sum(axis=0) / N
        _, _, v = np.linalg.svd(clean - mean, full_matrices=False)  # rows, largest first
        expected = np.tile(mean, (M, 1))
        for direction in v[:k]:
            expected += np.outer((noisy - mean) @ direction, direction)
        call = f"pca_denoise(clean {clean.shape}, noisy {noisy.shape}, k={k})"
        copies = clean.copy(), noisy.copy()
        same(student.pca_denoise(clean, noisy, k), expected, call)
        unchanged(clean, copies[0], call)
        unchanged(noisy, copies[1], call)


def test_pca_denoise__by_hand(student):
    """Clean points on a line: noise across it goes, noise along it stays."""
    t = np.array([-2.0, -1.0, 0.0, 3.0])[:, None]
    clean = np.array([1.0, 2.0]) + t * np.array([0.6, 0.8])
    noisy = np.array([[1.0 + 0.6 * 5 - 0.8 * 0.5, 2.0 + 0.8 * 5 + 0.6 * 0.5]])
    call = "pca_denoise(points on a line, a point 0.5 beside it, k=1)"
    same(student.pca_denoise(clean, noisy, 1), np.array([[4.0, 6.0]]), call)


def loop_ssim(x, y):
    """Return the similarity, from sums over pixels."""
    a, b = x.ravel().tolist(), y.ravel().tolist()
    n = len(a)
    ma, mb = sum(a) / n, sum(b) / n
    va = sum(p * p for p in a) / n - ma * ma
    vb = sum(q * q for q in b) / n - mb * mb
    cov = sum(p * q for p, q in zip(a, b, strict=True)) / n - ma * mb
    light = (2 * ma * mb + 1e-4) / (ma**2 + mb**2 + 1e-4)
    return light * (2 * cov + 9e-4) / (va + vb + 9e-4)


def test_ssim__agrees_with_a_loop(student):
    """Images alike, unrelated, nearly flat, and opposite to each other."""
    x, other = uniform(3, 5), uniform(3, 5, seed=1)
    pairs = {
        "random images": (x, other),
        "an image and a noisy one": (x, np.clip(x + 0.2 * (other - 0.5), 0, 1)),
        "an image and its negative": (x, 1 - x),
        "dark and nearly flat images": (0.02 * x, 0.03 * other),
        "an image and a paler one": (x, 0.3 * x + 0.5),
        "images of 2 pixels": (x[:1, :2], other[:1, :2]),
    }
    for name, (a, b) in pairs.items():
        call = f"ssim(x, y) of {name}, {a.shape}"
        same(student.ssim(a, b), loop_ssim(a, b), call)


def test_ssim__by_hand(student):
    """Equal images are 1, flat ones have only their means."""
    x = uniform(4, 3)
    same(student.ssim(x, x), 1.0, "ssim(x, x)")
    flat = (2 * 0.2 * 0.6 + 1e-4) / (0.2**2 + 0.6**2 + 1e-4)
    call = "ssim(all pixels 0.2, all pixels 0.6)"
    same(student.ssim(np.full((2, 3), 0.2), np.full((2, 3), 0.6)), flat, call)
