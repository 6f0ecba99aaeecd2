"""Exercises of lesson 7: to spoil images, to measure them, and to undo what was done.

Images are float arrays (N, H, W), N >= 1, with values in [0, 1]. Random numbers come from `rng`, a
`np.random.Generator`. None of the exercises needs another.
"""

import numpy as np

from minae.tensor import Tensor


def mask_block(images, size, rng):
    """Return copies of images with one black block each, and where it is.

    images (N, H, W); H and W need not be equal, and size is at most as large as either. The block
    has size x size pixels and lies wholly inside the image; all such places are equally likely,
    including those at the edges. Each image draws its own place. Return the copies (N, H, W) and a
    boolean array (N, H, W), True inside the block. Do not change the input.

    About 7 lines, 15 minutes. Matters because a block that never covers the last row, or is in the
    same place in all images of a batch, teaches the network less than you think, and no error tells
    you.
    """
    ### BEGIN SOLUTION
    N, H, W = images.shape
    top = rng.integers(0, H - size + 1, (N, 1))
    left = rng.integers(0, W - size + 1, (N, 1))
    rows = (np.arange(H) >= top) & (np.arange(H) < top + size)  # (N, H)
    columns = (np.arange(W) >= left) & (np.arange(W) < left + size)  # (N, W)
    hidden = rows[:, :, None] & columns[:, None, :]  # (N, H, W)
    return np.where(hidden, 0, images), hidden
    ### END SOLUTION


def noise_of_any_level(images, low, high, rng):
    """Return images with Gaussian noise, each at its own level, and these levels.

    images (N, H, W). For each image draw sigma uniformly from low to high, and add to each of its
    pixels a separate draw from the normal distribution with mean 0 and standard deviation sigma.
    Clip to [0, 1]. Return the noisy images (N, H, W) and the levels (N,). Do not change the input.
    With low equal to high, this is noise of one level.

    About 4 lines, 10 minutes. Matters because a denoiser that has met only one level treats every
    image as just as noisy.
    """
    ### BEGIN SOLUTION
    sigma = rng.uniform(low, high, len(images))  # (N,)
    noise = sigma[:, None, None] * rng.standard_normal(images.shape)  # (N, H, W)
    return np.clip(images + noise, 0, 1), sigma
    ### END SOLUTION


def psnr(output, clean):
    """Return the peak signal-to-noise ratio of each image, in decibels.

    output and clean are (N, H, W), and the peak is 1; the result is (N,). For one image of P pixels
    it is 10 log10(1 / (mean squared error of its P pixels)). Pixels of output may be below 0 or
    above 1. In the checks, no image equals its clean one.

    About 2 lines, 5 minutes. Matters because the mean of decibels is not the decibels of the mean:
    one ruined image must count as one image.
    """
    ### BEGIN SOLUTION
    error = ((output - clean) ** 2).mean(axis=(1, 2))  # (N,)
    return 10 * np.log10(1 / error)
    ### END SOLUTION


def denoising_step(model, optimizer, clean, corrupt, rng):
    """Take one step of training a denoising autoencoder, and return its loss as a number.

    clean (N, P) float32 are rows of pixels. corrupt(clean, rng) returns spoilt ones; call it once.
    model(Tensor) returns the reconstructions (N, P) as a tensor. The loss is the squared error,
    summed over an image, averaged over the batch. Tensors have `.sum()`, `** 2`, `.item()` and
    `.backward()`, and the optimizer `.zero_grad()` and `.step()`, as in lesson 3. The function is
    called many times with the same model, optimizer and rng; gradients that parameters have from
    before must not count.

    About 6 lines, 15 minutes. Matters because this is all that makes an autoencoder a denoiser:
    with the wrong target it learns to copy noise, and with the same noise each time it learns that
    noise by heart.
    """
    ### BEGIN SOLUTION
    optimizer.zero_grad()
    output = model(Tensor(corrupt(clean, rng)))  # (N, P)
    loss = ((output - Tensor(clean)) ** 2).sum() / len(clean)
    loss.backward()
    optimizer.step()
    return loss.item()
    ### END SOLUTION


def pca_denoise(clean, noisy, k):
    """Return noisy rows, projected onto the first k principal components of the clean rows.

    clean (N, P) are images to learn from, noisy (M, P) are others; 0 <= k <= P, and N > P in the
    checks. Subtract the mean of the clean rows, keep the k directions in which the clean rows vary
    most, and add the mean back. The result is (M, P), not clipped.

    About 5 lines, 15 minutes. Matters because it does what a linear autoencoder with a code of k
    numbers can do, without any training, and is the denoiser to beat.
    """
    ### BEGIN SOLUTION
    mean = clean.mean(axis=0)
    covariance = (clean - mean).T @ (clean - mean) / len(clean)  # (P, P)
    _, directions = np.linalg.eigh(covariance)  # columns, the smallest variance first
    v = directions[:, len(mean) - k :]  # (P, k)
    return mean + (noisy - mean) @ v @ v.T
    ### END SOLUTION


def ssim(x, y):
    """Return the structural similarity of two images, with the whole image as the only window.

    x and y (H, W), values in [0, 1]. With means, variances and the covariance over all pixels
    (sums divided by their number), c1 = 0.01² and c2 = 0.03², it is

        (2 mean_x mean_y + c1) (2 cov + c2) / ((mean_x² + mean_y² + c1) (var_x + var_y + c2))

    About 6 lines, 10 minutes. Matters because two images with the same squared error can look quite
    different, and this number can tell: a grey veil costs little, a lost stroke a lot.
    """
    ### BEGIN SOLUTION
    c1, c2 = 0.01**2, 0.03**2
    mx, my = x.mean(), y.mean()
    cov = ((x - mx) * (y - my)).mean()
    top = (2 * mx * my + c1) * (2 * cov + c2)
    return top / ((mx**2 + my**2 + c1) * (x.var() + y.var() + c2))
    ### END SOLUTION


def in_tiles(network, image, size, margin):
    """Return network(image), without ever giving the network a large image.

    image (H, W). network takes an array (h, w), of any height and width, and returns one of the
    same shape. Each pixel that it returns depends on pixels at most `margin` rows or columns away,
    and what it does at the borders of what it is given is its own affair.

    Cut the image into tiles of size x size, from the upper left corner on; those at the right and
    at the bottom are smaller if H or W is no multiple of size. Call network once for each tile,
    with as much around it as matters and exists: never with more than size + 2 margin rows or
    columns. Return (H, W), equal to network(image) everywhere. size >= 1, margin >= 0. Do not
    change the input.

    About 9 lines, 20 minutes. Matters because the photos of a phone do not fit into memory together
    with all that a network computes of them, and because tiles that are restored one by one and
    laid side by side have seams.
    """
    ### BEGIN SOLUTION
    H, W = image.shape
    result = np.empty_like(image)
    for top in range(0, H, size):
        for left in range(0, W, size):
            above, before = max(0, top - margin), max(0, left - margin)  # where the cut begins
            cut = image[above : top + size + margin, before : left + size + margin]
            made = network(cut)[top - above :, left - before :][:size, :size]
            result[top : top + size, left : left + size] = made
    return result
    ### END SOLUTION
