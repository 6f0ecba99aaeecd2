"""Wrong answers that people give, each of which the checks must reject."""

import numpy as np

from minae.tensor import Tensor


def _block(images, size, top, left):
    _, H, W = images.shape
    rows = (np.arange(H) >= top) & (np.arange(H) < top + size)
    columns = (np.arange(W) >= left) & (np.arange(W) < left + size)
    hidden = np.broadcast_to(rows[:, :, None] & columns[:, None, :], images.shape)
    return np.where(hidden, 0, images), hidden


def mask_block__same_place(images, size, rng):
    """Draws one place for all images."""
    _, H, W = images.shape
    return _block(
        images, size, rng.integers(0, H - size + 1, (1, 1)), rng.integers(0, W - size + 1, (1, 1))
    )


def mask_block__never_last(images, size, rng):
    """Never covers the last row and column, since the generator leaves out its upper end."""
    N, H, W = images.shape
    top = rng.integers(0, max(H - size, 1), (N, 1))
    return _block(images, size, top, rng.integers(0, max(W - size, 1), (N, 1)))


def mask_block__over_the_edge(images, size, rng):
    """Lets the block begin anywhere, so that it is cut off at the edges."""
    N, H, W = images.shape
    return _block(images, size, rng.integers(0, H, (N, 1)), rng.integers(0, W, (N, 1)))


def mask_block__height_for_width(images, size, rng):
    """Uses the height as the width: right for squares."""
    N, H, _ = images.shape
    places = rng.integers(0, H - size + 1, (2, N, 1))
    return _block(images, size, *places)


def mask_block__one_draw(images, size, rng):
    """Uses one draw for both coordinates: the block stays on the diagonal."""
    N, H, W = images.shape
    place = rng.integers(0, min(H, W) - size + 1, (N, 1))
    return _block(images, size, place, place)


def mask_block__changes_input(images, size, rng):
    """Blackens the caller's own images."""
    N, H, W = images.shape
    hidden = np.zeros(images.shape, bool)
    for i in range(N):
        top, left = rng.integers(0, H - size + 1), rng.integers(0, W - size + 1)
        hidden[i, top : top + size, left : left + size] = True
    images[hidden] = 0
    return images, hidden


def mask_block__keeps_the_block(images, size, rng):
    """Blackens everything but the block."""
    N, H, W = images.shape
    top = rng.integers(0, H - size + 1, (N, 1))
    _, hidden = _block(images, size, top, rng.integers(0, W - size + 1, (N, 1)))
    return np.where(hidden, images, 0), hidden


def mask_block__one_too_large(images, size, rng):
    """Covers one more row and column, since both ends count."""
    N, H, W = images.shape
    top = rng.integers(0, H - size + 1, (N, 1))
    left = rng.integers(0, W - size + 1, (N, 1))
    return _block(images, size + 1, top, left)


def mask_block__own_generator(images, size, rng):
    """Creates its own generator, so that every call hides the same blocks."""
    rng = np.random.default_rng(3)
    N, H, W = images.shape
    top = rng.integers(0, H - size + 1, (N, 1))
    return _block(images, size, top, rng.integers(0, W - size + 1, (N, 1)))


def mask_block__black_is_hidden(images, size, rng):
    """Treats everything that is black afterwards as the block."""
    N, H, W = images.shape
    top = rng.integers(0, H - size + 1, (N, 1))
    result, _ = _block(images, size, top, rng.integers(0, W - size + 1, (N, 1)))
    return result, result == 0


def mask_block__no_place_twice(images, size, rng):
    """Repeats no place in a batch before every place has been used."""
    N, H, W = images.shape
    wide = W - size + 1
    places = (H - size + 1) * wide
    place = np.concatenate([rng.permutation(places) for _ in range(N // places + 1)])[:N, None]
    return _block(images, size, place // wide, place % wide)


def noise_of_any_level__one_level(images, low, high, rng):
    """Draws one level for the whole batch."""
    sigma = np.full(len(images), rng.uniform(low, high))
    noise = sigma[:, None, None] * rng.standard_normal(images.shape)
    return np.clip(images + noise, 0, 1), sigma


def noise_of_any_level__same_noise(images, low, high, rng):
    """Adds the same draw, scaled, to all images."""
    sigma = rng.uniform(low, high, len(images))
    noise = sigma[:, None, None] * rng.standard_normal(images.shape[1:])
    return np.clip(images + noise, 0, 1), sigma


def noise_of_any_level__variance(images, low, high, rng):
    """Treats sigma as the variance."""
    sigma = rng.uniform(low, high, len(images))
    noise = np.sqrt(sigma)[:, None, None] * rng.standard_normal(images.shape)
    return np.clip(images + noise, 0, 1), sigma


def noise_of_any_level__squared(images, low, high, rng):
    """Multiplies by the variance instead of the standard deviation."""
    sigma = rng.uniform(low, high, len(images))
    noise = (sigma**2)[:, None, None] * rng.standard_normal(images.shape)
    return np.clip(images + noise, 0, 1), sigma


def noise_of_any_level__no_clip(images, low, high, rng):
    """Leaves pixels below 0 and above 1."""
    sigma = rng.uniform(low, high, len(images))
    return images + sigma[:, None, None] * rng.standard_normal(images.shape), sigma


def noise_of_any_level__clips_below(images, low, high, rng):
    """Clips at 0 only."""
    sigma = rng.uniform(low, high, len(images))
    noise = sigma[:, None, None] * rng.standard_normal(images.shape)
    return np.maximum(images + noise, 0), sigma


def noise_of_any_level__clips_noise(images, low, high, rng):
    """Clips the noise, not the image: nothing becomes darker."""
    sigma = rng.uniform(low, high, len(images))
    noise = sigma[:, None, None] * rng.standard_normal(images.shape)
    return images + np.clip(noise, 0, 1), sigma


def noise_of_any_level__uniform(images, low, high, rng):
    """Draws uniform noise of the right size."""
    sigma = rng.uniform(low, high, len(images))
    noise = sigma[:, None, None] * rng.uniform(-1, 1, images.shape) * np.sqrt(3)
    return np.clip(images + noise, 0, 1), sigma


def noise_of_any_level__one_draw_an_image(images, low, high, rng):
    """Adds one number to all pixels of an image: a change of brightness, not noise."""
    sigma = rng.uniform(low, high, len(images))
    noise = (sigma * rng.standard_normal(len(images)))[:, None, None]
    return np.clip(images + noise, 0, 1), sigma


def noise_of_any_level__changes_input(images, low, high, rng):
    """Adds the noise to the caller's own images."""
    sigma = rng.uniform(low, high, len(images))
    images += sigma[:, None, None] * rng.standard_normal(images.shape)
    return np.clip(images, 0, 1), sigma


def noise_of_any_level__strokes_only(images, low, high, rng):
    """Leaves black pixels black."""
    sigma = rng.uniform(low, high, len(images))
    noise = sigma[:, None, None] * rng.standard_normal(images.shape)
    return np.clip(images + noise * (images > 0), 0, 1), sigma


def noise_of_any_level__exact(images, low, high, rng):
    """Makes the mean of each image's noise exactly 0: its pixels are no longer independent."""
    sigma = rng.uniform(low, high, len(images))
    noise = sigma[:, None, None] * rng.standard_normal(images.shape)
    return np.clip(images + noise - noise.mean(axis=(1, 2), keepdims=True), 0, 1), sigma


def noise_of_any_level__rising(images, low, high, rng):
    """Sorts the levels: later images are always noisier."""
    sigma = np.sort(rng.uniform(low, high, len(images)))
    noise = sigma[:, None, None] * rng.standard_normal(images.shape)
    return np.clip(images + noise, 0, 1), sigma


def noise_of_any_level__evenly_spaced(images, low, high, rng):
    """Spaces the levels evenly and shuffles them, instead of drawing each."""
    sigma = rng.permutation(np.linspace(low, high, len(images)))
    noise = sigma[:, None, None] * rng.standard_normal(images.shape)
    return np.clip(images + noise, 0, 1), sigma


def psnr__pooled(output, clean):
    """Computes one mean over all images, and repeats it."""
    return np.full(len(clean), 10 * np.log10(1 / ((output - clean) ** 2).mean()))


def psnr__twenty(output, clean):
    """Puts 20 before the logarithm of a mean of squares."""
    return 20 * np.log10(1 / ((output - clean) ** 2).mean(axis=(1, 2)))


def psnr__natural(output, clean):
    """Takes the natural logarithm."""
    return 10 * np.log(1 / ((output - clean) ** 2).mean(axis=(1, 2)))


def psnr__sign(output, clean):
    """Forgets to take the reciprocal: negative decibels."""
    return 10 * np.log10(((output - clean) ** 2).mean(axis=(1, 2)))


def psnr__sum(output, clean):
    """Sums over the pixels instead of averaging."""
    return 10 * np.log10(1 / ((output - clean) ** 2).sum(axis=(1, 2)))


def psnr__absolute(output, clean):
    """Takes the mean of the absolute error: right if all pixels are off by the same."""
    return 20 * np.log10(1 / np.abs(output - clean).mean(axis=(1, 2)))


def psnr__peak_of_image(output, clean):
    """Uses the brightest pixel as the peak."""
    peak = clean.max(axis=(1, 2))
    return 10 * np.log10(peak**2 / ((output - clean) ** 2).mean(axis=(1, 2)))


def psnr__mean_of_rows(output, clean):
    """Averages the decibels of rows."""
    return (10 * np.log10(1 / ((output - clean) ** 2).mean(axis=2))).mean(axis=1)


def psnr__clips(output, clean):
    """Clips the output first."""
    return 10 * np.log10(1 / ((np.clip(output, 0, 1) - clean) ** 2).mean(axis=(1, 2)))


def psnr__never_negative(output, clean):
    """Returns 0 where the error is larger than the peak."""
    return np.maximum(10 * np.log10(1 / ((output - clean) ** 2).mean(axis=(1, 2))), 0)


def psnr__at_most_100(output, clean):
    """Stops at 100 decibels."""
    return np.minimum(10 * np.log10(1 / ((output - clean) ** 2).mean(axis=(1, 2))), 100)


def _step(model, optimizer, x, target):
    loss = ((model(Tensor(x)) - Tensor(target)) ** 2).sum() / len(x)
    loss.backward()
    optimizer.step()
    return loss.item()


def denoising_step__noisy_target(model, optimizer, clean, corrupt, rng):
    """Uses the noisy images as the target: an ordinary autoencoder of noisy images."""
    optimizer.zero_grad()
    noisy = corrupt(clean, rng)
    return _step(model, optimizer, noisy, noisy)


def denoising_step__clean_input(model, optimizer, clean, corrupt, rng):
    """Shows the model the clean images."""
    optimizer.zero_grad()
    corrupt(clean, rng)
    return _step(model, optimizer, clean, clean)


def denoising_step__swapped(model, optimizer, clean, corrupt, rng):
    """Shows the clean images, with the spoilt ones as the target."""
    optimizer.zero_grad()
    return _step(model, optimizer, clean, corrupt(clean, rng))


def denoising_step__old_gradients(model, optimizer, clean, corrupt, rng):
    """Never clears the gradients: they add up from step to step."""
    return _step(model, optimizer, corrupt(clean, rng), clean)


def denoising_step__same_noise(model, optimizer, clean, corrupt, rng):
    """Creates a new generator in every step: the same noise each time."""
    optimizer.zero_grad()
    return _step(model, optimizer, corrupt(clean, np.random.default_rng(0)), clean)


def denoising_step__spoilt_twice(model, optimizer, clean, corrupt, rng):
    """Spoils the images for the input, and again for the target."""
    optimizer.zero_grad()
    return _step(model, optimizer, corrupt(clean, rng), corrupt(clean, rng))


def denoising_step__mean_over_pixels(model, optimizer, clean, corrupt, rng):
    """Averages over pixels too."""
    optimizer.zero_grad()
    loss = ((model(Tensor(corrupt(clean, rng))) - Tensor(clean)) ** 2).mean()
    loss.backward()
    optimizer.step()
    return loss.item()


def denoising_step__clears_too_late(model, optimizer, clean, corrupt, rng):
    """Clears the gradients between backward and step: nothing moves."""
    loss = ((model(Tensor(corrupt(clean, rng))) - Tensor(clean)) ** 2).sum() / len(clean)
    loss.backward()
    optimizer.zero_grad()
    optimizer.step()
    return loss.item()


def denoising_step__sum_over_batch(model, optimizer, clean, corrupt, rng):
    """Sums over the batch instead of averaging."""
    optimizer.zero_grad()
    loss = ((model(Tensor(corrupt(clean, rng))) - Tensor(clean)) ** 2).sum()
    loss.backward()
    optimizer.step()
    return loss.item()


def denoising_step__clears_afterwards(model, optimizer, clean, corrupt, rng):
    """Clears the gradients only after each step: old ones enter the first."""
    loss = _step(model, optimizer, corrupt(clean, rng), clean)
    optimizer.zero_grad()
    return loss


def _directions(rows):
    centred = rows - rows.mean(axis=0)
    return np.linalg.eigh(centred.T @ centred)[1]


def pca_denoise__smallest(clean, noisy, k):
    """Keeps the directions of the smallest variance."""
    mean, v = clean.mean(axis=0), _directions(clean)[:, :k]
    return mean + (noisy - mean) @ v @ v.T


def pca_denoise__rows(clean, noisy, k):
    """Uses rows of the matrix of directions instead of its columns."""
    mean, v = clean.mean(axis=0), _directions(clean)[-k:].T
    return mean + (noisy - mean) @ v @ v.T


def pca_denoise__no_mean(clean, noisy, k):
    """Never adds the mean back."""
    mean, v = clean.mean(axis=0), _directions(clean)[:, -k:]
    return (noisy - mean) @ v @ v.T


def pca_denoise__not_centred(clean, noisy, k):
    """Projects the noisy rows without subtracting the mean."""
    v = _directions(clean)[:, -k:]
    return noisy @ v @ v.T


def pca_denoise__mean_of_noisy(clean, noisy, k):
    """Subtracts and adds the mean of the noisy rows."""
    mean, v = noisy.mean(axis=0), _directions(clean)[:, -k:]
    return mean + (noisy - mean) @ v @ v.T


def pca_denoise__second_moments(clean, noisy, k):
    """Finds directions without centring the rows: the first one points to the mean."""
    mean, v = clean.mean(axis=0), np.linalg.eigh(clean.T @ clean)[1][:, -k:]
    return mean + (noisy - mean) @ v @ v.T


def pca_denoise__fits_noisy(clean, noisy, k):
    """Finds the directions in the noisy rows."""
    mean, v = clean.mean(axis=0), _directions(noisy)[:, -k:]
    return mean + (noisy - mean) @ v @ v.T


def pca_denoise__one_too_many(clean, noisy, k):
    """Keeps one direction too many."""
    mean, v = clean.mean(axis=0), _directions(clean)[:, -(k + 1) :]
    return mean + (noisy - mean) @ v @ v.T


def pca_denoise__drops_the_largest(clean, noisy, k):
    """Leaves out the direction of the largest variance."""
    mean, v = clean.mean(axis=0), _directions(clean)[:, -(k + 1) : -1]
    return mean + (noisy - mean) @ v @ v.T


def pca_denoise__none_is_all(clean, noisy, k):
    """Takes the last k columns by [-k:], which for k = 0 is all of them."""
    mean, v = clean.mean(axis=0), _directions(clean)[:, -k:]
    return mean + (noisy - mean) @ v @ v.T


def _similarity(mx, my, vx, vy, cov, c1=0.01**2, c2=0.03**2):
    return (2 * mx * my + c1) * (2 * cov + c2) / ((mx**2 + my**2 + c1) * (vx + vy + c2))


def _covariance(x, y):
    return ((x - x.mean()) * (y - y.mean())).mean()


def ssim__deviations(x, y):
    """Uses standard deviations as variances."""
    return _similarity(x.mean(), y.mean(), x.std(), y.std(), _covariance(x, y))


def ssim__product_of_deviations(x, y):
    """Uses the product of the standard deviations as the covariance: contrast, not structure."""
    return _similarity(x.mean(), y.mean(), x.var(), y.var(), x.std() * y.std())


def ssim__mean_of_products(x, y):
    """Forgets to subtract the means in the covariance."""
    return _similarity(x.mean(), y.mean(), x.var(), y.var(), (x * y).mean())


def ssim__no_constants(x, y):
    """Leaves out c1 and c2: 0 / 0 for flat images."""
    with np.errstate(invalid="ignore", divide="ignore"):
        return _similarity(x.mean(), y.mean(), x.var(), y.var(), _covariance(x, y), 0, 0)


def ssim__constants_not_squared(x, y):
    """Uses 0.01 and 0.03 without squaring them."""
    return _similarity(x.mean(), y.mean(), x.var(), y.var(), _covariance(x, y), 0.01, 0.03)


def ssim__constants_swapped(x, y):
    """Swaps c1 and c2."""
    cov = _covariance(x, y)
    return _similarity(x.mean(), y.mean(), x.var(), y.var(), cov, 0.03**2, 0.01**2)


def ssim__no_two(x, y):
    """Forgets the 2 before the covariance."""
    return _similarity(x.mean(), y.mean(), x.var(), y.var(), _covariance(x, y) / 2)


def ssim__no_light(x, y):
    """Leaves out the first factor: a change of brightness goes unseen."""
    return (2 * _covariance(x, y) + 0.03**2) / (x.var() + y.var() + 0.03**2)


def ssim__product_below(x, y):
    """Multiplies the variances in the denominator instead of adding them."""
    c1, c2, mx, my = 0.01**2, 0.03**2, x.mean(), y.mean()
    top = (2 * mx * my + c1) * (2 * _covariance(x, y) + c2)
    return top / ((mx**2 + my**2 + c1) * (2 * x.var() * y.var() + c2))


def ssim__flat_is_alike(x, y):
    """Calls any two flat images equal, whatever their brightness."""
    if np.ptp(x) == np.ptp(y) == 0:
        return 1.0
    return _similarity(x.mean(), y.mean(), x.var(), y.var(), _covariance(x, y))


def _tiles(image, size):
    H, W = image.shape
    return [(top, left) for top in range(0, H, size) for left in range(0, W, size)]


def _padded(network, image, size, margin, **how):
    result, wide = np.empty_like(image), np.pad(image, margin, **how)
    for top, left in _tiles(image, size):
        tile = result[top : top + size, left : left + size]
        made = network(wide[top : top + size + 2 * margin, left : left + size + 2 * margin])
        tile[...] = made[margin:, margin:][: tile.shape[0], : tile.shape[1]]
    return result


def _cut(network, image, result, top, left, size, before, after):
    up, across = max(0, top - before), max(0, left - before)
    made = network(image[up : top + size + after, across : left + size + after])
    tile = result[top : top + size, left : left + size]
    tile[...] = made[top - up :, left - across :][: tile.shape[0], : tile.shape[1]]


def in_tiles__no_margin(network, image, size, margin):
    """Restores the tiles one by one and lays them side by side: seams."""
    return _padded(network, image, size, 0)


def in_tiles__black_beyond(network, image, size, margin):
    """Pads the picture with zeros, to have a margin at its borders too."""
    return _padded(network, image, size, margin)


def in_tiles__mirror_beyond(network, image, size, margin):
    """Pads the picture with its mirror image, whatever the network does at a border."""
    return _padded(network, image, size, margin, mode="symmetric")


def in_tiles__border_beyond(network, image, size, margin):
    """Repeats the pixels of the border beyond it."""
    return _padded(network, image, size, margin, mode="edge")


def in_tiles__margin_before(network, image, size, margin):
    """Adds a margin above and on the left only, where tiles begin."""
    result = np.empty_like(image)
    for top, left in _tiles(image, size):
        _cut(network, image, result, top, left, size, margin, 0)
    return result


def in_tiles__half_the_margin(network, image, size, margin):
    """Shares the margin between the two sides."""
    result = np.empty_like(image)
    for top, left in _tiles(image, size):
        _cut(network, image, result, top, left, size, margin - margin // 2, margin // 2)
    return result


def in_tiles__one_short(network, image, size, margin):
    """Ends the margin one pixel early, as if a slice held its end."""
    result = np.empty_like(image)
    for top, left in _tiles(image, size):
        _cut(network, image, result, top, left, size, margin, max(0, margin - 1))
    return result


def in_tiles__keeps_the_wrong_part(network, image, size, margin):
    """Leaves out a margin above and on the left even where none was added."""
    wide = np.pad(image, ((0, margin), (0, margin)), mode="symmetric")
    result = np.empty_like(image)
    for top, left in _tiles(image, size):
        up, across = max(0, top - margin), max(0, left - margin)
        made = network(wide[up : top + size + margin, across : left + size + margin])
        tile = result[top : top + size, left : left + size]
        tile[...] = made[margin:, margin:][: tile.shape[0], : tile.shape[1]]
    return result


def in_tiles__whole_tiles_only(network, image, size, margin):
    """Leaves out what remains at the right and at the bottom."""
    result, (H, W) = np.zeros_like(image), image.shape
    for top, left in _tiles(image, size):
        if top + size <= H and left + size <= W:
            _cut(network, image, result, top, left, size, margin, margin)
    return result


def in_tiles__height_for_width(network, image, size, margin):
    """Uses the height as the width: right for squares."""
    result, (H, _) = np.zeros_like(image), image.shape
    for top, left in _tiles(np.empty((H, H)), size):
        _cut(network, image, result, top, left, size, margin, margin)
    return result


def in_tiles__in_place(network, image, size, margin):
    """Writes each tile into the picture, where the next one finds it as its margin."""
    for top, left in _tiles(image, size):
        _cut(network, image, image, top, left, size, margin, margin)
    return image


def in_tiles__feeds_on_results(network, image, size, margin):
    """Writes into a copy, but cuts from it too."""
    copy = image.copy()
    for top, left in _tiles(image, size):
        _cut(network, copy, copy, top, left, size, margin, margin)
    return copy


def in_tiles__the_whole(network, image, size, margin):
    """Gives the network all of the picture."""
    return network(image)


def in_tiles__whole_rows(network, image, size, margin):
    """Cuts rows only: strips as wide as the picture."""
    result = np.empty_like(image)
    for top in range(0, len(image), size):
        up = max(0, top - margin)
        result[top : top + size] = network(image[up : top + size + margin])[top - up :][:size]
    return result


def in_tiles__pixel_by_pixel(network, image, size, margin):
    """Calls the network for each pixel: right, and far too slow."""
    result = np.empty_like(image)
    for top, left in _tiles(image, 1):
        _cut(network, image, result, top, left, 1, margin, margin)
    return result


def in_tiles__averages(network, image, size, margin):
    """Averages all that the network returns where cuts overlap: fainter seams, but seams."""
    total, times = np.zeros_like(image), np.zeros_like(image)
    for top, left in _tiles(image, size):
        rows = slice(max(0, top - margin), top + size + margin)
        columns = slice(max(0, left - margin), left + size + margin)
        total[rows, columns] += network(image[rows, columns])
        times[rows, columns] += 1
    return total / times
