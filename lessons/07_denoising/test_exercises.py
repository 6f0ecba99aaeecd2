"""The checks of lesson 7. Each compares the student's function with loops or another formula."""

import math
from copy import deepcopy

import numpy as np
from scipy import ndimage

from minae import nn, optim
from minae.course.checking import same, shape_of
from minae.course.contract import once
from minae.tensor import Tensor


def uniform(*shape, seed=0):
    """Return random pixels from 0.1 to 0.9, in float64: none of them is black."""
    return np.random.default_rng(seed).uniform(0.1, 0.9, shape)


def two(result, call):
    """Return a pair as two arrays, or say that it is not one."""
    assert isinstance(result, tuple | list) and len(result) == 2, (  # noqa: PT018
        f"{call} returned {type(result).__name__}, not two arrays"
    )
    for one in result:
        shape_of(one, call)  # complains unless it is an array
    return np.asarray(result[0]), np.asarray(result[1])


def corners(hidden, size, call):
    """Return the upper left corner (row, column) of each image's block, or say what is none."""
    _, H, W = hidden.shape
    top, left = hidden.any(axis=2).argmax(axis=1), hidden.any(axis=1).argmax(axis=1)
    rows, columns = np.arange(H) - top[:, None], np.arange(W) - left[:, None]
    rows, columns = (rows >= 0) & (rows < size), (columns >= 0) & (columns < size)
    block = rows[:, :, None] & columns[:, None, :] & (block_size(rows, columns) == size * size)
    for i in np.flatnonzero((hidden != block).any(axis=(1, 2)))[:1]:
        raise AssertionError(
            f"{call}: what is hidden in image {i} is not a block of {size} x {size} pixels:\n"
            f"{hidden[i].astype(int)}"
        )
    return np.stack([top, left], axis=1)


def block_size(rows, columns):
    """Return how many pixels of each image lie in these rows and columns."""
    return (rows.sum(axis=1) * columns.sum(axis=1))[:, None, None]


def test_mask_block__hides_one_block(student):
    """Images that are not square, blocks of 1 pixel or as large as the image, black pixels."""
    for N, H, W, size in [(5, 4, 7, 2), (4, 6, 3, 3), (3, 5, 5, 1), (2, 4, 4, 4), (1, 9, 5, 4)]:
        images = uniform(N, H, W)
        images[images < 0.3 * (N - 1)] = 0  # none of one image
        copy = images.copy()
        call = f"mask_block(images {images.shape}, size={size}, rng)"
        result, hidden = two(student.mask_block(images, size, np.random.default_rng(0)), call)
        assert hidden.dtype == bool, f"{call}: where the block is must be bool, not {hidden.dtype}"
        assert hidden.shape == copy.shape, f"{call}: the second result is {hidden.shape}"
        corners(hidden, size, call)
        same(result, copy * ~hidden, f"the images of {call}, with its second result", 0)


def test_mask_block__every_place_is_equally_likely(student):
    """Many images: how often each place comes, and how often the next image has the same one."""
    for H, W, size in [(4, 5, 2), (5, 3, 1), (3, 6, 3)]:
        places = [(i, j) for i in range(H - size + 1) for j in range(W - size + 1)]
        each = 200  # images for each place
        N, often = each * len(places), 5 * math.sqrt(each)  # five standard deviations
        call = f"mask_block(images {(N, H, W)}, size={size}, rng)"
        rng = np.random.default_rng(3)
        found = corners(two(student.mask_block(uniform(N, H, W), size, rng), call)[1], size, call)
        for place in places:
            count = (found == place).all(axis=1).sum()
            assert abs(count - each) < often, (
                f"{call}: the block begins at {place} in {count} of {N} images; it has"
                f" {len(places)} places, all equally likely: about {each} expected"
            )
        count = (found[1:] == found[:-1]).all(axis=1).sum()
        assert abs(count - each) < often, (
            f"{call}: {count} of {N} images have the block where the image before has it; if each"
            f" draws its own of {len(places)} places, about {each} have"
        )


def test_mask_block__draws_from_rng(student):
    """The same generator, called twice, goes on."""
    images, rng = uniform(40, 9, 8), np.random.default_rng(1)
    first, _ = two(student.mask_block(images, 2, rng), "mask_block")
    second, _ = two(student.mask_block(images, 2, rng), "mask_block")
    assert not np.array_equal(first, second), (
        "mask_block called twice with one rng hid the same blocks twice: draw from rng"
    )


def noisy_grey(student, N, H, W, low, high):
    """Return noise and levels for grey images, where so little noise is not clipped."""
    call = f"noise_of_any_level(grey images ({N}, {H}, {W}), low={low}, high={high}, rng)"
    images = np.full((N, H, W), 0.5) + uniform(N, 1, 1) * 0.02
    copy, rng = images.copy(), np.random.default_rng(5)
    noisy, sigma = two(student.noise_of_any_level(images, low, high, rng), call)
    assert noisy.shape == copy.shape, f"{call} returned images {noisy.shape}"
    assert sigma.shape == (N,), f"{call} returned levels of shape {sigma.shape}, not ({N},)"
    return call, noisy - copy, sigma


def near(found, expected, error, what):
    """Fail if a statistic is more than five standard errors off."""
    assert abs(found - expected) < 5 * error, f"{what} is {found:.3f}, about {expected} expected"


def test_noise_of_any_level__noise_has_the_level_that_is_returned(student):
    """Little noise, so that nothing clips: its size, image by image, and its independence."""
    for N, H, W in [(6, 40, 50), (3000, 2, 3)]:
        call, noise, sigma = noisy_grey(student, N, H, W, 0.02, 0.1)
        z, pixels = noise / sigma[:, None, None], H * W
        if N == 6:
            for i in range(N):
                found, error = noise[i].std(), sigma[i] / math.sqrt(2 * pixels)
                assert abs(found - sigma[i]) < 5 * error, (
                    f"{call}: the noise of image {i} has a standard deviation of {found:.4f},"
                    f" and its level is {sigma[i]:.4f}"
                )
        for down, across in ((0, 1), (1, 0)):
            pairs = z[:, down:, across:] * z[:, : H - down, : W - across]
            error = 1 / math.sqrt(pairs.size)
            near(pairs.mean(), 0, error, f"{call}: the correlation of neighbouring pixels")
        z, n = z.reshape(N, -1), z.size
        near(z.mean(), 0, 1 / math.sqrt(n), f"{call}: the mean of noise / level")
        near((z**2).mean(), 1, math.sqrt(2 / n), f"{call}: the mean of (noise / level)²")
        kurtosis = f"{call}: the mean of (noise / level)⁴, for the normal distribution 3,"
        near((z**4).mean(), 3, math.sqrt(96 / n), kurtosis)
        if N > 6:
            sums = (z.sum(axis=1) ** 2 / pixels).mean()
            each = "each pixel draws its own: the square of the sum over an image, by its pixels,"
            near(sums, 1, math.sqrt(2 / N), f"{call}: {each}")
        between = (z[1:] * z[:-1]).mean()
        next_ = f"{call}: each image draws its own: the correlation with the image before"
        near(between, 0, 1 / math.sqrt(n - pixels), next_)


def test_noise_of_any_level__levels_are_even(student):
    """Levels from low to high: of many images at once, and of one image many times."""
    call, _, sigma = noisy_grey(student, 4000, 1, 2, 0.02, 0.1)
    even(sigma, call)
    for name, other in ("the one before", np.roll(sigma, 1)), ("the place", np.arange(4000)):
        correlation = np.corrcoef(sigma, other)[0, 1]
        near(correlation, 0, 1 / math.sqrt(4000), f"{call}: the correlation of a level with {name}")
    rng, image = np.random.default_rng(5), np.full((1, 1, 2), 0.5)
    levels = [student.noise_of_any_level(image, 0.02, 0.1, rng)[1] for _ in range(400)]
    even(np.concatenate(levels), "400 times noise_of_any_level(image (1, 1, 2), 0.02, 0.1, rng)")


def even(sigma, call):
    """Fail if the levels are not spread evenly from 0.02 to 0.1."""
    assert 0.02 <= sigma.min() <= sigma.max() <= 0.1, (
        f"{call}: levels from {sigma.min():.3f} to {sigma.max():.3f}, not from 0.02 to 0.1"
    )
    N, edges = len(sigma), np.linspace(0.02, 0.1, 17)
    shares = np.cumsum(np.histogram(sigma, edges)[0])[:-1] / N  # below each edge
    for edge, share, expected in zip(edges[1:], shares, np.arange(1, 16) / 16, strict=False):
        assert abs(share - expected) < 5 * math.sqrt(expected * (1 - expected) / N), (
            f"{call}: a share of {share:.3f} of the levels is below {edge}, {expected} expected"
        )
    assert len(set(sigma.tolist())) > 0.9 * N, f"{call}: many levels are equal to each other"


def test_noise_of_any_level__clips(student):
    """Much noise on black, grey and white pixels: nothing outside [0, 1], much at both ends."""
    for level in (0.0, 0.5, 1.0):
        call = f"noise_of_any_level(pixels of {level} (5, 40, 30), low=0.8, high=0.8, rng)"
        images, rng = np.full((5, 40, 30), level), np.random.default_rng(2)
        noisy, sigma = two(student.noise_of_any_level(images, 0.8, 0.8, rng), call)
        same(sigma, np.full(5, 0.8), f"the levels of {call}")
        assert noisy.min() == 0, f"{call}: the smallest pixel is {noisy.min():.3f}, expected 0"
        assert noisy.max() == 1, f"{call}: the largest pixel is {noisy.max():.3f}, expected 1"
        for end, distance in ((0, level), (1, 1 - level)):
            share = math.erfc(distance / 0.8 / math.sqrt(2)) / 2
            error = math.sqrt(share * (1 - share) / noisy.size)
            near((noisy == end).mean(), share, error, f"{call}: the share of pixels that are {end}")
        again, _ = two(student.noise_of_any_level(images, 0.8, 0.8, rng), call)
        assert not np.array_equal(noisy, again), f"{call}, twice with one rng, drew the same noise"


def test_noise_of_any_level__of_none(student):
    """Level 0 adds nothing."""
    images = uniform(2, 3, 4)
    expected = images.copy(), np.zeros(2)
    call = "noise_of_any_level(images (2, 3, 4), low=0, high=0, rng)"
    same(student.noise_of_any_level(images, 0, 0, np.random.default_rng(0)), expected, call)


def test_psnr__agrees_with_a_loop(student):
    """Images that are not square, at very different distances from their clean ones."""
    for N, H, W, size in [(1, 3, 4, 0.3), (3, 2, 5, 0.3), (4, 6, 6, 9.0), (2, 1, 1, 1e-5)]:
        clean = uniform(N, H, W)
        spread = size * 10.0 ** -np.arange(N)[:, None, None]
        output = clean + spread * (uniform(N, H, W, seed=1) - 0.3)  # far beyond [0, 1] for 9
        expected = []
        for a, b in zip(output.reshape(N, -1), clean.reshape(N, -1), strict=True):
            error = sum((p - q) ** 2 for p, q in zip(a, b, strict=True)) / (H * W)
            expected.append(-10 * math.log10(error))
        call = f"psnr(output, clean), both {clean.shape}, about {size} apart"
        same(student.psnr(output, clean), np.array(expected), call)


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
    """A corruption that halves, adds noise, and remembers its inputs and outputs."""

    def __init__(self):
        self.given, self.made = [], []

    def __call__(self, x, rng):
        """Return spoilt rows."""
        self.given.append(np.array(x))
        self.made.append((0.5 * x + 0.3 * rng.standard_normal(x.shape)).astype(np.float32))
        return self.made[-1]


def networks(P):
    """Return models of rows of P pixels, each with a maker of its optimizer."""
    return {
        "a linear model": (nn.Linear(P, P), lambda p: optim.SGD(p, lr=0.02)),
        "two layers": (
            nn.Sequential(nn.Linear(P, 3), nn.Tanh(), nn.Linear(3, P)),
            lambda p: optim.SGD(p, lr=0.05, momentum=0.9),
        ),
        "a linear model, trained by Adam": (nn.Linear(P, P), lambda p: optim.Adam(p, lr=0.1)),
    }


def right_step(model, optimizer, made, clean):
    """Take a right step, and return its loss."""
    for p in model.parameters():
        p.grad = None
    difference = model(Tensor(made)) - Tensor(clean)
    loss = (difference * difference).sum(axis=1).mean()
    loss.backward()
    optimizer.step()
    return loss.item()


def test_denoising_step__takes_the_steps_of_the_optimizer(student):
    """Three steps of each, compared with our own; the first has gradients left from before."""
    for N, P in ((5, 4), (1, 6)):
        for name, (model, optimizer_of) in networks(P).items():
            clean = uniform(N, P).astype(np.float32)
            start = np.random.default_rng(7)
            for p in model.parameters():
                p.data[...] = start.normal(0, 0.5, p.shape)
            ours = deepcopy(model)
            ((model(Tensor(clean))) ** 2).sum().backward()  # the gradients left from before
            optimizer, wanted = optimizer_of(model.parameters()), optimizer_of(ours.parameters())
            rng, corrupt = np.random.default_rng(0), Watched()
            own_rng, own_corrupt = np.random.default_rng(0), Watched()
            for step in range(1, 4):
                loss = right_step(ours, wanted, own_corrupt(clean, own_rng), clean)
                copy = clean.copy()
                call = f"denoising_step({name}, optimizer, clean {copy.shape}, corrupt, rng)"
                call += f", step {step}"
                found = student.denoising_step(model, optimizer, clean, corrupt, rng)
                calls = len(corrupt.made)
                assert calls == step, f"{call}: corrupt was called {calls} times so far"
                same(corrupt.given[-1], copy, f"{call}: what corrupt was given", 1e-5)
                same(corrupt.made[-1], own_corrupt.made[-1], f"{call}: what corrupt made", 1e-5)
                assert not isinstance(found, Tensor), f"{call} returned a tensor, not a number"
                same(found, loss, f"{call}: the loss", 1e-4)
                for p, q in zip(model.parameters(), ours.parameters(), strict=True):
                    same(p, q, f"{call}: the model's parameters afterwards", 1e-3)


def rows_of(N, P, seed):
    """Return rows that vary much in few directions, and have a mean far from zero."""
    rng = np.random.default_rng(seed)
    scales = 2.0 ** -np.arange(P)
    mixed, _ = np.linalg.qr(rng.normal(size=(P, P)))
    return 3 + rng.normal(size=P) + rng.normal(size=(N, P)) * scales @ mixed


def test_pca_denoise__agrees_with_the_svd(student):
    """A different way to find the directions, for no component, one, some, and all."""
    cases = [
        (30, 4, 5, 2),
        (40, 3, 6, 1),
        (9, 3, 4, 0),
        (25, 7, 4, 3),
        (20, 2, 3, 3),
        (50, 1, 8, 4),
    ]
    for N, M, P, k in cases:
        clean = rows_of(N, P, seed=N)
        rng = np.random.default_rng(M)
        noisy = clean[:M] + 0.5 * rng.normal(size=(M, P)) + 0.4
        mean = clean.sum(axis=0) / N
        _, _, v = np.linalg.svd(clean - mean, full_matrices=False)  # rows, largest first
        expected = np.tile(mean, (M, 1))
        for direction in v[:k]:
            expected += np.outer((noisy - mean) @ direction, direction)
        call = f"pca_denoise(clean {clean.shape}, noisy {noisy.shape}, k={k})"
        same(student.pca_denoise(clean, noisy, k), expected, call)


def test_pca_denoise__by_hand(student):
    """Clean points on a line: noise across it goes, noise along it stays."""
    t = np.array([-2.0, -1.0, 0.0, 3.0])[:, None]
    clean = np.array([1.0, 2.0]) + t * np.array([0.6, 0.8])
    noisy = np.array([[1.0 + 0.6 * 5 - 0.8 * 0.5, 2.0 + 0.8 * 5 + 0.6 * 0.5]])
    call = "pca_denoise(points on a line, a point 0.5 off it, k=1)"
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
    """Images that are alike, unrelated, nearly flat, and opposite."""
    x, other = uniform(3, 5), uniform(3, 5, seed=1)
    pairs = {
        "random images": (x, other),
        "an image and a noisy one": (x, np.clip(x + 0.2 * (other - 0.5), 0, 1)),
        "an image and its negative": (x, 1 - x),
        "dark and nearly flat images": (0.02 * x, 0.03 * other),
        "an image and a paler one": (x, 0.3 * x + 0.5),
        "images of 2 pixels": (x[:1, :2], other[:1, :2]),
        "images of one pixel": (x[:1, :1], other[:1, :1]),
        "larger images": (uniform(13, 9), uniform(13, 9, seed=1)),
    }
    for name, (a, b) in pairs.items():
        expected = loop_ssim(a, b)
        same(student.ssim(a, b), expected, f"ssim(x, y) of {name}, {a.shape}")


def test_ssim__by_hand(student):
    """Equal images are 1, flat ones have only their means."""
    x = uniform(4, 3)
    same(student.ssim(x, x), 1.0, "ssim(x, x)")
    for a, b in [(0.2, 0.6), (0.25, 0.75), (0.0, 1.0), (0.0, 0.0)]:
        flat = (2 * a * b + 1e-4) / (a**2 + b**2 + 1e-4)
        call = f"ssim(all pixels {a}, all pixels {b})"
        same(student.ssim(np.full((2, 3), a), np.full((2, 3), b)), flat, call)


def lopsided(x):
    """Return weighted sums of 5 x 5 pixels, of which those beyond the border count as 0."""
    weights = np.random.default_rng(4).uniform(0, 1, (5, 5)) ** 2
    return ndimage.correlate(x, weights, mode="constant")


def two_layers(x):
    """Return what two windows of 3 x 3 make, with a bend between; the first mirrors its border."""
    hidden = np.maximum(ndimage.uniform_filter(x, 3, mode="mirror") - 0.5, 0)
    return x - ndimage.correlate(hidden, np.arange(9.0).reshape(3, 3) - 2, mode="nearest")


NETWORKS = {  # name: (function, how far it sees)
    "one that doubles each pixel": (lambda x: 2 * x, 0),
    "the darkest of 7 x 7 pixels": (lambda x: ndimage.minimum_filter(x, 7, mode="reflect"), 3),
    "weighted sums of 5 x 5 pixels": (lopsided, 2),
    "two layers": (two_layers, 2),
}


def watched(network, given):
    """Return the network as one that notes the shapes of what it is given."""

    def call(x):
        given.append(np.shape(x))
        assert len(given[-1]) == 2, f"network was given an array of shape {given[-1]}, not (h, w)"
        assert min(given[-1]) > 0, f"network was given an array of shape {given[-1]}: nothing"
        return network(np.array(x))

    return call


def test_in_tiles__agrees_with_the_whole(student):
    """Sides that are multiples of the tile's or not, tiles smaller than the margin, few pixels."""
    for name, (network, margin) in NETWORKS.items():
        for H, W, size in [(12, 20, 4), (13, 7, 5), (6, 17, 1), (5, 4, 9), (1, 8, 3), (9, 9, 8)]:
            image, given = uniform(H, W, seed=H), []
            expected = network(image)
            call = f"in_tiles({name}, image {image.shape}, size={size}, margin={margin})"
            result = student.in_tiles(watched(network, given), image, size, margin)
            same(result, expected, call)
            largest = max(max(shape) for shape in given)
            assert largest <= size + 2 * margin, (
                f"{call}: network was given {largest} rows or columns; size + 2 margin is"
                f" {size + 2 * margin}"
            )


def test_in_tiles__calls_once_a_tile(student):
    """How often the network is called, and with a wider margin than it needs."""
    for H, W, size, margin in [(12, 20, 4, 2), (13, 7, 5, 3), (4, 4, 4, 2)]:
        image, given = uniform(H, W), []
        call = f"in_tiles(weighted sums of 5 x 5 pixels, image {image.shape}, {size}, {margin})"
        with once():
            result = student.in_tiles(watched(lopsided, given), image, size, margin)
        same(result, lopsided(image), call)
        tiles = math.ceil(H / size) * math.ceil(W / size)
        assert len(given) == tiles, (
            f"{call} called network {len(given)} times, but there are {tiles} tiles"
        )
