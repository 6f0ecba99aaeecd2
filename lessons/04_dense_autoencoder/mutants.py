"""Wrong answers that people give, each of which the checks must reject."""

import numpy as np


def _through(rows, layers):
    for i, (weight, bias) in enumerate(layers):
        rows = (np.maximum(rows, 0) if i else rows) @ weight.T + bias
    return rows


def _sigmoid(x):
    return 1 / (1 + np.exp(-x))


def autoencode__relu_on_the_code(x, encoder, decoder):
    """A ReLU after every layer of the encoder: a code has no negative numbers."""
    z = np.maximum(_through(x.reshape(len(x), -1), encoder), 0)
    return z, _sigmoid(_through(z, decoder)).reshape(x.shape)


def autoencode__decoder_sees_relu(x, encoder, decoder):
    """Returns the right code, but the decoder is given its positive part."""
    z = _through(x.reshape(len(x), -1), encoder)
    return z, _sigmoid(_through(np.maximum(z, 0), decoder)).reshape(x.shape)


def autoencode__no_relu(x, encoder, decoder):
    """Stacks linear layers with nothing between them."""
    rows = x.reshape(len(x), -1)
    for weight, bias in encoder:
        rows = rows @ weight.T + bias
    z = rows
    for weight, bias in decoder:
        rows = rows @ weight.T + bias
    return z, _sigmoid(rows).reshape(x.shape)


def autoencode__relu_on_the_output(x, encoder, decoder):
    """A ReLU before the sigmoid: no pixel is darker than 0.5."""
    z = _through(x.reshape(len(x), -1), encoder)
    return z, _sigmoid(np.maximum(_through(z, decoder), 0)).reshape(x.shape)


def autoencode__no_sigmoid(x, encoder, decoder):
    """Returns logits for pixels."""
    z = _through(x.reshape(len(x), -1), encoder)
    return z, _through(z, decoder).reshape(x.shape)


def autoencode__weights_not_transposed(x, encoder, decoder):
    """Takes weights as (in, out): the shapes fit only if they are square."""
    encoder, decoder = ([(w.T, b) for w, b in layers] for layers in (encoder, decoder))
    z = _through(x.reshape(len(x), -1), encoder)
    return z, _sigmoid(_through(z, decoder)).reshape(x.shape)


def autoencode__output_in_rows(x, encoder, decoder):
    """Does not give the reconstruction the shape of the images."""
    z = _through(x.reshape(len(x), -1), encoder)
    return z, _sigmoid(_through(z, decoder))


def autoencode__squeezed_codes(x, encoder, decoder):
    """Drops a dimension of length 1: that of a single image, or of codes of one number."""
    z = _through(x.reshape(len(x), -1), encoder)
    return z.squeeze(), _sigmoid(_through(z, decoder)).reshape(x.shape)


def autoencode__clips_codes(x, encoder, decoder):
    """Clips codes to -10 and 10."""
    z = np.clip(_through(x.reshape(len(x), -1), encoder), -10, 10)
    return z, _sigmoid(_through(z, decoder)).reshape(x.shape)


def autoencode__transposes_unless_square(x, encoder, decoder):
    """Transposes a weight only if its shape requires it."""
    layers = [
        [(w.T if w.shape[0] == w.shape[1] else w, b) for w, b in half]
        for half in (encoder, decoder)
    ]
    z = _through(x.reshape(len(x), -1), layers[0])
    return z, _sigmoid(_through(z, layers[1])).reshape(x.shape)


def autoencode__last_by_identity(x, encoder, decoder):
    """Recognises the last layer by identity, so a layer used twice loses its ReLU."""

    def through(rows, layers):
        for layer in layers:
            rows = rows @ layer[0].T + layer[1]
            rows = rows if layer is layers[-1] else np.maximum(rows, 0)
        return rows

    z = through(x.reshape(len(x), -1), encoder)
    return z, (1 / (1 + np.exp(-through(z, decoder)))).reshape(x.shape)


def autoencode__sigmoid_overflows(x, encoder, decoder):
    """e^o / (1 + e^o): nan where a pixel is very white."""

    def through(rows, layers):
        for i, (weight, bias) in enumerate(layers):
            rows = (np.maximum(rows, 0) if i else rows) @ weight.T + bias
        return rows

    z = through(x.reshape(len(x), -1), encoder)
    e = np.exp(through(z, decoder))
    return z, (e / (1 + e)).reshape(x.shape)


def pca__not_centred(x, k):
    """Decomposes the images without subtracting the mean."""
    _, s, vt = np.linalg.svd(x, full_matrices=False)
    return x.mean(axis=0), vt[:k], s[:k] ** 2 / len(x)


def pca__centres_each_image(x, k):
    """Subtracts from each image its own mean."""
    mean = x.mean(axis=1, keepdims=True)
    _, s, vt = np.linalg.svd(x - mean, full_matrices=False)
    return mean, vt[:k], s[:k] ** 2 / len(x)


def pca__columns_of_vt(x, k):
    """Takes the columns of Vᵀ as components."""
    mean = x.mean(axis=0)
    _, s, vt = np.linalg.svd(x - mean, full_matrices=False)
    return mean, vt[:, :k].T, s[:k] ** 2 / len(x)


def pca__smallest(x, k):
    """Takes the last components, as after np.linalg.eigh without reversing."""
    mean = x.mean(axis=0)
    _, s, vt = np.linalg.svd(x - mean, full_matrices=False)
    return mean, vt[-k:], s[-k:] ** 2 / len(x)


def pca__not_squared(x, k):
    """Returns singular values as variances."""
    mean = x.mean(axis=0)
    _, s, vt = np.linalg.svd(x - mean, full_matrices=False)
    return mean, vt[:k], s[:k] / len(x)


def pca__sums_for_means(x, k):
    """Does not divide by the number of images."""
    mean = x.mean(axis=0)
    _, s, vt = np.linalg.svd(x - mean, full_matrices=False)
    return mean, vt[:k], s[:k] ** 2


def pca__one_less(x, k):
    """Divides by N - 1, where a mean over the images was asked for."""
    mean = x.mean(axis=0)
    _, s, vt = np.linalg.svd(x - mean, full_matrices=False)
    return mean, vt[:k], s[:k] ** 2 / (len(x) - 1)


def pca__in_place(x, k):
    """Subtracts the mean from the caller's own images."""
    mean = x.mean(axis=0)
    x -= mean
    _, s, vt = np.linalg.svd(x, full_matrices=False)
    return mean, vt[:k], s[:k] ** 2 / len(x)


def pca__covariance(x, k):
    """Computes the eigenvectors of the covariance, P x P numbers."""
    mean = x.mean(axis=0)
    variances, components = np.linalg.eigh(np.cov(x.T, bias=True))
    return mean, components.T[::-1][:k], variances[::-1][:k]


def pca__products_of_images(x, k):
    """Divides by singular values, even if one of them is 0."""
    mean = x.mean(axis=0)
    squares, u = np.linalg.eigh((x - mean) @ (x - mean).T)
    squares, u = np.maximum(squares[::-1][:k], 1e-30), u[:, ::-1][:, :k]
    return mean, u.T @ (x - mean) / np.sqrt(squares)[:, None], squares / len(x)


def pca__square_of_mean(x, k):
    """Takes the mean square less the squared mean: far from 0, rounding spoils this variance."""
    mean = x.mean(axis=0)
    components = np.linalg.svd(x - mean, full_matrices=False)[2][:k]
    along = x @ components.T
    return mean, components, (along**2).mean(axis=0) - along.mean(axis=0) ** 2


def _parts(a, b):
    q, r = np.linalg.qr(a)[0], np.linalg.qr(b)[0]
    q, r = (r, q) if q.shape[1] < r.shape[1] else (q, r)
    cosines = np.linalg.svd(q.T @ r, compute_uv=False)
    return q, r, cosines, np.linalg.svd(r - q @ (q.T @ r), compute_uv=False)[::-1]


def principal_angles__arccos(a, b):
    """By the cosine alone: small angles are lost."""
    return np.arccos(np.minimum(_parts(a, b)[2], 1))


def principal_angles__arcsin(a, b):
    """By the sine alone: angles near π/2 are lost."""
    return np.arcsin(np.minimum(_parts(a, b)[3], 1))


def principal_angles__columns_as_they_are(a, b):
    """Assumes that the columns are orthonormal."""
    cosines = np.linalg.svd(a.T @ b, compute_uv=False)
    sines = np.linalg.svd(b - a @ (a.T @ b), compute_uv=False)[::-1]
    return np.arctan2(sines[: len(cosines)], cosines)


def principal_angles__lengths_only(a, b):
    """Gives the columns length 1, but does not make them orthogonal."""
    a, b = a / np.linalg.norm(a, axis=0), b / np.linalg.norm(b, axis=0)
    return np.arccos(np.minimum(np.linalg.svd(a.T @ b, compute_uv=False), 1))


def principal_angles__pairs_of_columns(a, b):
    """Compares column i with column i: depends on the bases."""
    q, r, _, _ = _parts(a, b)
    return np.sort(np.arccos(np.minimum(np.abs(np.sum(q[:, : r.shape[1]] * r, axis=0)), 1)))


def principal_angles__orders_not_matched(a, b):
    """Pairs the largest sine with the largest cosine."""
    _, _, cosines, sines = _parts(a, b)
    return np.sort(np.arctan2(sines[::-1], cosines))


def principal_angles__not_exchanged(a, b):
    """Always projects b: if it has more columns than a, some sines of 1 are not angles."""
    q, r = np.linalg.qr(a)[0], np.linalg.qr(b)[0]
    cosines = np.linalg.svd(q.T @ r, compute_uv=False)
    sines = np.linalg.svd(r - q @ (q.T @ r), compute_uv=False)[: len(cosines)][::-1]
    return np.arctan2(sines, cosines)


def principal_angles__degrees(a, b):
    """Returns degrees."""
    _, _, cosines, sines = _parts(a, b)
    return np.degrees(np.arctan2(sines, cosines))


def principal_angles__tiny_is_zero(a, b):
    """Treats angles below 1e-10 as rounding."""
    _, _, cosines, sines = _parts(a, b)
    angles = np.arctan2(sines, cosines)
    return np.where(angles < 1e-10, 0, angles)


def principal_angles__squares_of_columns(a, b):
    """Makes bases orthonormal by their Gram matrices: loses twice as many digits."""
    a, b = (m @ np.linalg.inv(np.linalg.cholesky(m.T @ m)).T for m in (a, b))
    a, b = (b, a) if a.shape[1] < b.shape[1] else (a, b)
    cosines = np.linalg.svd(a.T @ b, compute_uv=False)
    return np.arctan2(np.linalg.svd(b - a @ (a.T @ b), compute_uv=False)[::-1], cosines)


def _differences(x, reconstruct, batch_size):
    for start in range(0, len(x), batch_size):
        batch = x[start : start + batch_size]
        yield reconstruct(batch) - batch.reshape(len(batch), -1)


def reconstruction_error__mean_of_means(x, reconstruct, batch_size):
    """Averages the batches' means: the images of a small last batch count more."""
    return np.mean([(d**2).sum(axis=1).mean() for d in _differences(x, reconstruct, batch_size)])


def reconstruction_error__mean_over_pixels(x, reconstruct, batch_size):
    """Averages over the pixels too: smaller by their number."""
    total = sum((d**2).sum() for d in _differences(x, reconstruct, batch_size))
    return total / x.size


def reconstruction_error__per_batch(x, reconstruct, batch_size):
    """Divides by the number of batches."""
    sums = [(d**2).sum() for d in _differences(x, reconstruct, batch_size)]
    return sum(sums) / len(sums)


def reconstruction_error__half(x, reconstruct, batch_size):
    """Takes half the square, as in some textbooks."""
    return sum(0.5 * (d**2).sum() for d in _differences(x, reconstruct, batch_size)) / len(x)


def reconstruction_error__drops_the_rest(x, reconstruct, batch_size):
    """Takes only whole batches."""
    x = x[: len(x) // batch_size * batch_size]
    return sum((d**2).sum() for d in _differences(x, reconstruct, batch_size)) / max(len(x), 1)


def reconstruction_error__all_at_once(x, reconstruct, batch_size):
    """Gives reconstruct all images in one batch."""
    return ((reconstruct(x) - x.reshape(len(x), -1)) ** 2).sum() / len(x)


def reconstruction_error__broadcasts(x, reconstruct, batch_size):
    """Subtracts images from rows: fails, or, for images one pixel high, is far too large."""
    total = 0.0
    for start in range(0, len(x), batch_size):
        batch = x[start : start + batch_size]
        output = reconstruct(batch)
        output = output if batch.shape[2] == 1 else output.reshape(batch.shape)
        total += ((output - batch) ** 2).sum()
    return total / len(x)


def reconstruction_error__subtracts_in_place(x, reconstruct, batch_size):
    """Subtracts from the array that reconstruct returned, which may be the images themselves."""
    total = 0.0
    for start in range(0, len(x), batch_size):
        batch = x[start : start + batch_size]
        output = reconstruct(batch)
        output -= batch.reshape(len(batch), -1)
        total += (output**2).sum()
    return total / len(x)


def _quantised(codes, low, high, bits, nearest=np.round):
    step = (high - low) / (2**bits - 1)
    levels = nearest((codes - low) / np.where(step > 0, step, 1))
    levels = np.where(step > 0, np.clip(levels, 0, 2**bits - 1), 0).astype(int)
    return levels, low + levels * step, -(-codes.shape[1] * bits // 8)


def quantise__rounds_down(codes, low, high, bits):
    """Takes the next lower level, not the nearest."""
    return _quantised(codes, low, high, bits, np.floor)


def quantise__one_level_too_many(codes, low, high, bits):
    """Divides the range by 2^bits: the highest code gets level 2^bits, which needs one more bit."""
    step = (high - low) / 2**bits
    levels = np.round((codes - low) / np.where(step > 0, step, 1)).clip(0, 2**bits).astype(int)
    return levels, low + levels * step, -(-codes.shape[1] * bits // 8)


def quantise__no_clip(codes, low, high, bits):
    """Gives codes beyond the range levels beyond the last."""
    step = (high - low) / (2**bits - 1)
    levels = np.round((codes - low) / np.where(step > 0, step, 1))
    levels = np.where(step > 0, levels, 0).astype(int)
    return levels, low + levels * step, -(-codes.shape[1] * bits // 8)


def quantise__wraps_around(codes, low, high, bits):
    """Keeps the lowest bits of a level: codes beyond the range come out at the other end."""
    levels, _, size = quantise__no_clip(codes, low, high, bits)
    levels %= 2**bits
    return levels, low + levels * (high - low) / (2**bits - 1), size


def quantise__one_range_for_all(codes, low, high, bits):
    """Uses the widest range for every number."""
    low, high = np.full_like(low, low.min()), np.full_like(high, high.max())
    return _quantised(codes, low, high, bits)


def quantise__range_of_these_codes(codes, low, high, bits):
    """Uses the range of the given codes, which is not known when they are restored."""
    return _quantised(codes, codes.min(axis=0), codes.max(axis=0), bits)


def quantise__divides_by_zero(codes, low, high, bits):
    """Ignores that a number may never change."""
    step = (high - low) / (2**bits - 1)
    levels = np.clip(np.round((codes - low) / step), 0, 2**bits - 1).astype(int)
    return levels, low + levels * step, -(-codes.shape[1] * bits // 8)


def quantise__forgets_low(codes, low, high, bits):
    """Restores as if every range began at 0."""
    levels, restored, size = _quantised(codes, low, high, bits)
    return levels, restored - low, size


def quantise__bytes_rounded_down(codes, low, high, bits):
    """Rounds the bytes down: the last bits have no room."""
    levels, restored, _ = _quantised(codes, low, high, bits)
    return levels, restored, codes.shape[1] * bits // 8


def quantise__bits_for_levels(codes, low, high, bits):
    """Takes bits to be the number of levels."""
    step = (high - low) / max(bits - 1, 1)
    levels = np.round((codes - low) / np.where(step > 0, step, 1)).clip(0, bits - 1).astype(int)
    return levels, low + levels * step, -(-codes.shape[1] * bits // 8)


def quantise__levels_as_floats(codes, low, high, bits):
    """Leaves the levels as floats, of 8 bytes each."""
    levels, restored, size = _quantised(codes, low, high, bits)
    return levels.astype(float), restored, size


def quantise__distance_for_level(codes, low, high, bits):
    """Divides by 1 where low = high, and uses the result as a level."""
    step = (high - low) / (2**bits - 1)
    levels = np.round((codes - low) / np.where(step > 0, step, 1))
    levels = np.clip(levels, 0, 2**bits - 1).astype(int)
    return levels, low + levels * step, -(-codes.shape[1] * bits // 8)


def quantise__levels_in_bytes(codes, low, high, bits):
    """Stores a level in a byte, whatever bits is."""
    levels, restored, size = _quantised(codes, low, high, bits)
    return levels.astype(np.uint8), restored, size


def quantise__always_one_byte_more(codes, low, high, bits):
    """Adds a byte for the rest, even if there is none."""
    levels, restored, _ = _quantised(codes, low, high, bits)
    return levels, restored, codes.shape[1] * bits // 8 + 1


def quantise__bytes_as_float(codes, low, high, bits):
    """Returns 2.0 bytes."""
    levels, restored, _ = _quantised(codes, low, high, bits)
    return levels, restored, np.ceil(codes.shape[1] * bits / 8)


def quantise__small_ranges_are_none(codes, low, high, bits):
    """Treats a range below 1e-8 as none."""
    return _quantised(codes, low, np.where(high - low < 1e-8, low, high), bits)
