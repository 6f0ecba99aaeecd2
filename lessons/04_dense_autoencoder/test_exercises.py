"""The checks of lesson 4."""

from itertools import pairwise

import numpy as np

from minae.course.checking import peak_megabytes, same, shape_of


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


# images, widths of the encoder's layers, widths between those of the decoder
NETWORKS = (
    ((3, 1, 2, 3), (2,), ()),
    ((4, 1, 2, 2), (5, 3), (5,)),
    ((2, 3, 2, 1), (7, 4, 3), (4, 7)),
    ((1, 1, 2, 3), (4, 1), ()),
    ((3, 2, 1, 4), (8,), (8, 8)),  # weights that are square
    ((1, 1, 5, 1), (3, 3, 3, 1), (6, 2)),
)


def test_autoencode__agrees_with_a_loop(student):
    """One layer and several, halves of different depth, images in colour, a single image."""
    for shape, widths, between in NETWORKS:
        autoencoded(student, shape, widths, between)


def test_autoencode__with_large_numbers(student):
    """A code may hold any number, and a pixel may be black or white."""
    for scale in (30, 3000):
        autoencoded(student, (3, 1, 2, 2), (3, 2), (3,), scale=scale)


def test_autoencode__with_a_layer_that_comes_twice(student):
    """Whether a layer is the last one depends on its position."""
    x = np.random.default_rng(3).random((2, 1, 1, 3))
    encoder, decoder = network(3, 3, seed=1) * 2, network(3, 3, seed=10) * 3
    codes, images = zip(*(by_hand(image, encoder, decoder) for image in x), strict=True)
    call = "autoencode(x (2, 1, 1, 3), [layer, layer], [other, other, other])"
    same(student.autoencode(x, encoder, decoder), (np.array(codes), np.array(images)), call)


def autoencoded(student, shape, widths, between, scale=1):
    """Call autoencode, and compare with what comes out image by image."""
    pixels = int(np.prod(shape[1:]))
    up, down = (pixels, *widths), (widths[-1], *between, pixels)
    encoder, decoder = network(*up, seed=1), network(*down, seed=10)
    x = scale * np.random.default_rng(3).random(shape)
    with np.errstate(over="ignore"):
        codes, images = zip(*(by_hand(image, encoder, decoder) for image in x), strict=True)
        call = "autoencode(x {}, layers {}, layers {})".format(
            shape, *("-".join(map(str, sizes)) for sizes in (up, down))
        )
        same(student.autoencode(x, encoder, decoder), (np.array(codes), np.array(images)), call)


def images(N, P):
    """Return images whose mean is not 0."""
    return normal(N, P) @ normal(P, P, seed=1) + 10 * normal(P, seed=2)


def with_a_constant_pixel():
    """Return images (8, 5) that do not vary along one direction."""
    x = np.random.default_rng(0).integers(0, 9, (8, 5)) / 8
    x[:, 1] = 0.5
    return x


# also fewer images than pixels, as many components as there can be, a variance of 0
PCA = (
    (images(30, 5), 3),
    (images(6, 11), 4),
    (images(20, 7), 1),
    (images(9, 4), 4),
    (images(5, 9), 4),
    (with_a_constant_pixel(), 5),
    (1e6 + images(12, 4), 2),
)


def with_pca(student, x, k):
    """Return the words for the call, the covariance and its eigenvalues, and what came out."""
    call = f"pca(x {x.shape}, k={k})"
    covariance = np.cov(x.T, bias=True)
    eigenvalues = np.linalg.eigvalsh(covariance)[::-1][:k]
    result = student.pca(x.copy(), k)
    values = len(result) if isinstance(result, tuple | list) else 1
    assert values == 3, f"{call} returned {values} values, not 3: mean, components, variances"
    return call, covariance, eigenvalues, result


def test_pca__mean_and_variances(student):
    """Variances are the covariance's largest eigenvalues."""
    for x, k in PCA:
        call, _, eigenvalues, (mean, _, variances) = with_pca(student, x, k)
        same(mean, x.mean(axis=0), f"the mean of {call}")
        same(variances, eigenvalues, f"the variances of {call}")


def test_pca__components(student):
    """Rows of length 1 at right angles, each with its own variance."""
    for x, k in PCA:
        call, covariance, eigenvalues, (_, components, _) = with_pca(student, x, k)
        shape = shape_of(components, f"the components of {call}")
        assert shape == (k, x.shape[1]), (
            f"{call} returned components of shape {shape}, expected {(k, x.shape[1])}"
        )
        components = np.array(components)
        same(components @ components.T, np.eye(k), f"components @ components.T of {call}")
        along = components @ covariance @ components.T
        same(along, np.diag(eigenvalues), f"components @ covariance @ components.T of {call}")


def test_pca__takes_little_memory(student):
    """No array of P x P numbers."""
    x = normal(4, 600)
    took = peak_megabytes(lambda: student.pca(x, 2))
    assert took < 1, (
        f"pca(x (4, 600), k=2) took up to {took:.0f} MB, where x has 0.02 MB: is there an array"
        " of P x P numbers?"
    )


def turned(P, angles, extra=0):
    """Return two bases in P dimensions whose spans have these principal angles."""
    k = len(angles)
    q, _ = np.linalg.qr(normal(P, P))
    a, away, others = q[:, :k], q[:, k : 2 * k], q[:, 2 * k : 2 * k + extra]
    b = a * np.cos(angles) + away * np.sin(angles)
    mixed = np.column_stack([b, others])  # the others are orthogonal to all of a
    return a @ normal(k, k, seed=5), mixed @ normal(k + extra, k + extra, seed=6)


# the largest of each is not small, since errors are measured relative to it
ANGLES = (
    [0.2, 0.9, 1.4],
    [0.7],
    [np.pi / 4, np.pi / 4],
    [1e-9, 3e-9, 1],
    [0, 1e-11, 1e-6, np.pi / 2],
    [1e-4, 0.01, np.pi / 2 - 1e-9],
    [np.pi / 2 - 3e-9, np.pi / 2 - 1e-9],
)


def test_principal_angles__are_right_everywhere(student):
    """From 0 to a right angle: 1e-9 is not 0, and π/2 - 1e-9 is not π/2."""
    for expected in ANGLES:
        compare_angles(student, expected)


def test_principal_angles__of_unequal_dimensions(student):
    """As many as the smaller span has dimensions, in either order."""
    for expected, extra in (([0.3, 1.1], 2), ([1.2], 3), ([1e-9, 0.8], 1)):
        for exchanged in (False, True):
            compare_angles(student, expected, extra, exchanged)


def test_principal_angles__of_columns_that_are_nearly_parallel(student):
    """They need not be orthogonal."""
    for expected in ANGLES:
        compare_angles(student, expected, nearly_parallel=50)


def test_principal_angles__of_spans_that_fill_the_space(student):
    """Two planes in space share a line."""
    compare_angles(student, [0, 0.4], P=3)
    compare_angles(student, [0, 1.3], P=3, exchanged=True)


def compare_angles(student, expected, extra=0, exchanged=False, P=10, nearly_parallel=0):
    """Call principal_angles on two spans that have the expected angles."""
    a, b = turned(P, np.array(expected), extra)
    a[:, 1:] += nearly_parallel * a[:, :1]
    b[:, 1:] += nearly_parallel * b[:, :1]
    a, b = (b, a) if exchanged else (a, b)
    call = f"principal_angles(a {a.shape}, b {b.shape})"
    off = 1e-12 / max(expected)
    same(student.principal_angles(a, b), np.array(expected), call, off)


# images, batch_size: one image and more, that fill the batches or do not
BATCHES = (
    ((6, 1, 2, 3), 2),
    ((4, 3, 2, 2), 4),
    ((7, 1, 2, 3), 3),
    ((2, 1, 3, 2), 5),
    ((5, 2, 3, 2), 1),
    ((1, 1, 2, 2), 1),
    ((5, 1, 1, 4), 3),  # here (n, 1, 1, W) and (n, W) broadcast to (n, 1, n, W)
)


def test_reconstruction_error__agrees_with_a_loop(student):
    """Summed over the pixels, mean over the images: every image counts equally."""
    for shape, batch_size in BATCHES:
        batches_of(student, np.random.default_rng(0).random(shape), batch_size)


def test_reconstruction_error__of_other_arrays(student):
    """In float32, and with gaps in memory."""
    x = np.random.default_rng(0).random((5, 2, 6, 3))
    batches_of(student, x[:, :, ::2], 2)
    batches_of(student, x.astype(np.float32), 3)


def test_reconstruction_error__of_nothing_lost(student):
    """`reconstruct` returns the pixels themselves, in the memory of x."""
    x = np.random.default_rng(0).random((5, 1, 2, 2))
    call = "reconstruction_error(x (5, 1, 2, 2), lambda batch: batch.reshape(-1, 4), batch_size=2)"
    result = student.reconstruction_error(x, lambda batch: batch.reshape(-1, 4), 2)
    same(result, 0, call)


def batches_of(student, x, batch_size):
    """Call reconstruction_error; compare with what is right, batch by batch."""
    shape, rows = x.shape, x.reshape(len(x), -1).astype(float)
    weight = normal(rows.shape[1], rows.shape[1], seed=1) / rows.shape[1]
    expected = sum(d * d for row in (rows @ weight - rows).tolist() for d in row) / len(x)
    call = f"reconstruction_error(x {shape}, reconstruct, batch_size={batch_size})"
    seen = []

    def reconstruct(batch):
        seen.append(np.array(batch))
        assert seen[-1].shape[1:] == shape[1:], (
            f"{call} called reconstruct with an array of shape {seen[-1].shape}"
        )
        return seen[-1].reshape(len(batch), -1) @ weight.astype(x.dtype)

    result = student.reconstruction_error(x, reconstruct, batch_size)
    sizes = [len(batch) for batch in seen]
    assert sizes == [min(batch_size, len(x) - i) for i in range(0, len(x), batch_size)], (
        f"{call} called reconstruct with {sizes} images, batch by batch"
    )
    assert np.array_equal(np.concatenate(seen), x), f"{call} did not take the images in order"
    same(result, expected, call, 1e-6 if x.dtype == float else 1e-4)


def with_levels(student, codes, low, high, bits):
    """Call quantise, and compare with what comes out number by number."""
    low, high = np.array(low, float), np.array(high, float)
    levels = np.zeros(codes.shape, int)
    restored = np.zeros(codes.shape)
    for (n, j), value in np.ndenumerate(np.clip(codes, low, high)):
        places = low[j] + np.arange(2**bits) * (high[j] - low[j]) / (2**bits - 1)
        levels[n, j] = np.abs(value - places).argmin()  # the first of equals
        restored[n, j] = places[levels[n, j]]
    words = (np.array2string(v, precision=3, separator=", ") for v in (low, high))
    call = "quantise(codes {}, low {}, high {}, bits={})".format(codes.shape, *words, bits)
    with np.errstate(all="ignore"):  # what a division by zero leaves is in the result
        result = student.quantise(codes, low, high, bits)
    same(result, (levels, restored, len(range(0, codes.shape[1] * bits, 8))), call)
    for name, value in zip(("levels", "bytes"), (result[0], result[2]), strict=True):
        kind = np.asarray(value).dtype
        assert kind.kind in "iu", f"{call} returned {name} that are not integers: {kind}"


def test_quantise__takes_the_nearest_level(student):
    """Each number has a range, and the codes lie within it."""
    for bits, N, Z in ((1, 20, 3), (2, 20, 1), (4, 12, 2), (5, 9, 3), (10, 5, 4), (16, 3, 2)):
        codes = normal(N, Z, seed=bits) * [1, 5, 0.2, 3][:Z] + np.array([0, 30, -1, 0])[:Z]
        with_levels(student, codes, codes.min(axis=0), codes.max(axis=0), bits)


def test_quantise__keeps_codes_within_the_range(student):
    """Unseen codes may lie beyond the range of the training codes, even far beyond."""
    codes = 3 * normal(12, 4)
    with_levels(student, codes, np.full(4, -1.0), np.full(4, 2.0), 3)
    with_levels(student, np.array([[1e12, -1e12, 0.4]]), [0, 0, 0], [1, 2, 3], 8)


def test_quantise__of_small_and_large_ranges(student):
    """No range is too small or too large."""
    for size in (1e-10, 1e6):
        codes = size * normal(6, 2)
        with_levels(student, codes, codes.min(axis=0), codes.max(axis=0), 4)


def test_quantise__of_a_number_that_never_changes(student):
    """Its low is its high, and every code has level 0."""
    codes = normal(6, 3)
    codes[:, 1] = 0.7
    low, high = codes.min(axis=0), codes.max(axis=0)
    unseen = codes.copy()
    unseen[:3, 1] = 0.9, 7.3, -5
    with_levels(student, unseen, low, high, 4)
    with_levels(student, np.array([[8.0]]), [2], [2], 1)
