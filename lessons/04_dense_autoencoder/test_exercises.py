"""The checks of lesson 4."""

from itertools import pairwise

import numpy as np

from minae.course.checking import same


def normal(*shape, seed=0):
    """Return a random array."""
    return np.random.default_rng(seed).standard_normal(shape)


def network(*sizes, seed):
    """Return layers (weight, bias) of these sizes."""
    return [
        (normal(n_out, n_in, seed=seed + i), normal(n_out, seed=seed + 50 + i))
        for i, (n_in, n_out) in enumerate(pairwise(sizes))
    ]


def by_hand(x, encoder, decoder):
    """Return code and pixels of one image, number by number."""

    def apply(values, layers):
        for i, (weight, bias) in enumerate(layers):
            values = [max(v, 0) for v in values] if i else values
            values = [
                sum(w * v for w, v in zip(row, values, strict=True)) + b
                for row, b in zip(weight, bias, strict=True)
            ]
        return values

    code = apply(list(x.ravel()), encoder)
    pixels = [1 / (1 + np.exp(-o)) for o in apply(code, decoder)]
    return np.array(code), np.array(pixels).reshape(x.shape)


def autoencoded(student, shape, widths):
    """Call autoencode, and compare with what comes out image by image."""
    pixels = int(np.prod(shape[1:]))
    sizes = (pixels, *widths)
    encoder, decoder = network(*sizes, seed=1), network(*sizes[::-1], seed=10)
    x = np.random.default_rng(3).random(shape)
    codes, images = zip(*(by_hand(image, encoder, decoder) for image in x), strict=True)
    up_and_down = "-".join(map(str, sizes)), "-".join(map(str, sizes[::-1]))
    call = "autoencode(x {}, layers {}, layers {})".format(shape, *up_and_down)
    expected = np.array(codes), np.array(images)
    same(student.autoencode(x, encoder, decoder), expected, call)


def test_autoencode__with_one_layer_each(student):
    """No ReLU anywhere."""
    autoencoded(student, (3, 1, 2, 3), (2,))


def test_autoencode__with_hidden_layers(student):
    """A ReLU between layers only, and images in colour."""
    autoencoded(student, (4, 1, 2, 2), (5, 3))
    autoencoded(student, (2, 3, 2, 1), (7, 4, 3))


def with_pca(student, N, P, k):
    """Call pca, and return images, the words for the call, and what came out."""
    x = normal(N, P) @ normal(P, P, seed=1) + 10 * normal(P, seed=2)  # far from mean 0
    call = f"pca(x ({N}, {P}), k={k})"
    before = x.copy()
    result = student.pca(x, k)
    same(x, before, f"x after {call}")
    assert isinstance(result, tuple), f"{call} returned no tuple: (mean, components, variances)"
    assert len(result) == 3, f"{call} returned {len(result)} values: mean, components, variances"
    return x, call, result


SHAPES = ((30, 5, 3), (6, 11, 4), (20, 7, 1), (9, 4, 4))  # also fewer images than pixels


def test_pca__mean_and_variances(student):
    """Variances are the covariance's largest eigenvalues."""
    for shape in SHAPES:
        x, call, (mean, _, variances) = with_pca(student, *shape)
        same(mean, x.mean(axis=0), f"the mean of {call}")
        expected = np.linalg.eigvalsh(np.cov(x.T, bias=True))[::-1][: shape[2]]
        same(variances, expected, f"the variances of {call}")


def test_pca__components(student):
    """Rows of length 1 at right angles, each with its own variance."""
    for N, P, k in SHAPES:
        x, call, (_, components, _) = with_pca(student, N, P, k)
        components = np.asarray(components)
        assert components.shape == (k, P), (
            f"{call} returned components of shape {components.shape}, expected {(k, P)}"
        )
        same(components @ components.T, np.eye(k), f"components @ components.T of {call}")
        along = components @ np.cov(x.T, bias=True) @ components.T
        expected = np.diag(np.linalg.eigvalsh(np.cov(x.T, bias=True))[::-1][:k])
        same(along, expected, f"components @ covariance @ components.T of {call}")


def turned(P, angles, extra=0):
    """Return two bases in P dimensions whose spans have these principal angles."""
    k = len(angles)
    q, _ = np.linalg.qr(normal(P, P))
    a, away, others = q[:, :k], q[:, k : 2 * k], q[:, 2 * k : 2 * k + extra]
    b = a * np.cos(angles) + away * np.sin(angles)
    mixed = np.column_stack([b, others])  # the others are at right angles to all of a
    return a @ normal(k, k, seed=5), mixed @ normal(k + extra, k + extra, seed=6)


def compare_angles(student, expected, extra=0, exchanged=False, tolerance=1e-6):
    """Call principal_angles on two spans that have the expected angles."""
    a, b = turned(10, np.array(expected), extra)
    a, b = (b, a) if exchanged else (a, b)
    call = f"principal_angles(a {a.shape}, b {b.shape})"
    same(student.principal_angles(a, b), np.array(expected), call, tolerance)


def test_principal_angles__of_equal_dimensions(student):
    """From nearly 0 to nearly a right angle."""
    compare_angles(student, [0.2, 0.9, 1.4])
    compare_angles(student, [0.7])


def test_principal_angles__of_unequal_dimensions(student):
    """As many as the smaller span has dimensions, in either order."""
    for exchanged in (False, True):
        compare_angles(student, [0.3, 1.1], extra=2, exchanged=exchanged)


def test_principal_angles__are_right_near_zero(student):
    """1e-9 is not 0."""
    compare_angles(student, [1e-9, 3e-9], tolerance=1e-3)


def test_principal_angles__are_right_near_a_right_angle(student):
    """π/2 - 1e-9 is not π/2."""
    below = np.array([3e-9, 1e-9])
    a, b = turned(10, np.pi / 2 - below)
    call = f"principal_angles(a {a.shape}, b {b.shape})"
    angles = student.principal_angles(a, b)
    same(angles, np.pi / 2 - below, call)
    same(np.pi / 2 - angles, below, f"π/2 - {call}", tolerance=1e-3)


def batches_of(student, shape, batch_size):
    """Call reconstruction_error; return the call, its result, what is right, and batch sizes."""
    x = np.random.default_rng(0).random(shape)
    pixels = int(np.prod(shape[1:]))
    weight, seen = normal(pixels, pixels, seed=1) / pixels, []

    def reconstruct(batch):
        seen.append(batch.copy())
        return batch.reshape(len(batch), -1) @ weight

    call = f"reconstruction_error(x {shape}, reconstruct, batch_size={batch_size})"
    result = student.reconstruction_error(x, reconstruct, batch_size)
    differences = (x.reshape(len(x), -1) @ weight - x.reshape(len(x), -1)).tolist()
    expected = sum(d * d for row in differences for d in row) / len(x)
    sizes = [len(batch) for batch in seen]
    assert sizes == [min(batch_size, len(x) - i) for i in range(0, len(x), batch_size)], (
        f"{call} called reconstruct with {sizes} images, batch by batch"
    )
    assert np.array_equal(np.concatenate(seen), x), f"{call} did not take the images in order"
    same(result, expected, call)


def test_reconstruction_error__with_whole_batches(student):
    """Summed over the pixels, mean over the images."""
    batches_of(student, (6, 1, 2, 3), 2)
    batches_of(student, (4, 3, 2, 2), 4)


def test_reconstruction_error__with_a_smaller_last_batch(student):
    """Every image counts alike."""
    batches_of(student, (7, 1, 2, 3), 3)
    batches_of(student, (2, 1, 3, 2), 5)


def test_reconstruction_error__of_images_one_pixel_high(student):
    """Here (n, 1, 1, W) and (n, W) broadcast to (n, 1, n, W)."""
    batches_of(student, (5, 1, 1, 4), 3)


def with_levels(student, codes, low, high, bits):
    """Call quantise, and compare with what comes out number by number."""
    levels = np.zeros(codes.shape, int)
    restored = np.zeros(codes.shape)
    for (n, j), value in np.ndenumerate(codes):
        places = [low[j] + i * (high[j] - low[j]) / (2**bits - 1) for i in range(2**bits)]
        levels[n, j] = np.argmin([abs(value - place) for place in places])  # the first of equals
        restored[n, j] = places[levels[n, j]]
    call = f"quantise(codes {codes.shape}, low {low.round(3)}, high {high.round(3)}, bits={bits})"
    with np.errstate(all="ignore"):  # what a division by zero leaves is in the result
        result = student.quantise(codes, low, high, bits)
    bits_of_all = codes.shape[1] * bits
    same(result, (levels, restored, len(range(0, bits_of_all, 8))), call)
    kind = np.asarray(result[0]).dtype.kind
    assert kind in "iu", f"{call} returned levels that are no integers: {result[0].dtype}"


def test_quantise__takes_the_nearest_level(student):
    """A range for each number, as of the training codes, and codes that lie within."""
    for bits in (1, 2, 4, 5):
        codes = normal(20, 3, seed=bits) * np.array([1, 5, 0.2]) + np.array([0, 30, -1])
        with_levels(student, codes, codes.min(axis=0), codes.max(axis=0), bits)


def test_quantise__keeps_codes_within_the_range(student):
    """Unseen codes may lie beyond what training has seen."""
    codes = 3 * normal(12, 4)
    with_levels(student, codes, np.full(4, -1.0), np.full(4, 2.0), 3)


def test_quantise__of_a_number_that_never_changes(student):
    """Its low is its high."""
    codes = normal(6, 3)
    codes[:, 1] = 0.7
    low, high = codes.min(axis=0), codes.max(axis=0)
    unseen = codes.copy()
    unseen[0, 1] = 0.9
    with_levels(student, unseen, low, high, 4)
