"""Exercises of lesson 4: the parts of an autoencoder, and how to measure it.

All of them are plain NumPy: arrays in, arrays out. Unless stated otherwise, an image is a row of P
pixels, N >= 1 is the number of images, and Z the length of a code.
"""

import numpy as np


def autoencode(x, encoder, decoder):
    """Return the codes (N, Z) of images x, and the reconstructions, in the shape of x.

    x (N, C, H, W), values in [0, 1]. encoder and decoder: lists of (weight (out, in), bias (out,)),
    at least one each, as nn.Linear holds them. A layer maps the rows of its input to `input @
    weight.T + bias`. There is a ReLU between the layers of the encoder and between those of the
    decoder. Code and output are linear: a code may hold any number. The output becomes pixels
    through a sigmoid, 1 / (1 + e^-o).

    About 9 lines, 10 minutes. Matters because a network with one ReLU too many still trains, only
    worse, and nothing tells you.
    """
    ### BEGIN SOLUTION

    def through(rows, layers):
        for i, (weight, bias) in enumerate(layers):
            rows = (np.maximum(rows, 0) if i else rows) @ weight.T + bias
        return rows

    z = through(x.reshape(len(x), -1), encoder)
    output = through(z, decoder)
    return z, (1 / (1 + np.exp(-output))).reshape(x.shape)
    ### END SOLUTION


def pca(x, k):
    """Return the mean (P,), the first k components (k, P) and the variances along them (k,).

    x (N, P), float64, with N > k and P >= k. Each row is a component of length 1, the one with the
    largest variance first; its sign is up to you. A variance is a mean over the N images. Do not
    change x.

    The lesson takes the eigenvectors of the covariance (P, P), which is large for large images: 900
    million numbers for colour photos of 100 x 100 pixels. Do without an array (P, P). The singular
    value decomposition of the centred images, `np.linalg.svd(..., full_matrices=False)`, has all
    that you need: X = U S Vᵀ, so the covariance is XᵀX / N = V (S² / N) Vᵀ.

    About 4 lines, 10 minutes. Matters because this is the baseline of every autoencoder: one that
    does not beat it is not worth its training.
    """
    ### BEGIN SOLUTION
    mean = x.mean(axis=0)
    _, s, vt = np.linalg.svd(x - mean, full_matrices=False)
    return mean, vt[:k], s[:k] ** 2 / len(x)
    ### END SOLUTION


def principal_angles(a, b):
    """Return the principal angles between the spans of the columns, in radians, ascending.

    a (P, k), b (P, m), float64, with independent columns that need be neither orthogonal nor of
    length 1. There are min(k, m) angles, from 0 to π/2. They must be right to 1e-12 everywhere.

    The lesson's arccos is not: the cosine of 1e-9 is 1 - 5e-19, which float64 rounds to 1. Near 0
    the sine tells angles apart. With orthonormal bases Q and R of the two spans, R that of the
    smaller one, the sines are the singular values of R less its projection onto Q, R - Q QᵀR.
    `np.arctan2(sine, cosine)` is accurate for all angles. `scipy.linalg.subspace_angles` is not:
    beside an angle of 1 it may return 0 for 1e-9.

    About 7 lines, 20 minutes. Matters because "the angles are 0" is a claim that you can only make
    with a formula that would show 1e-9.
    """
    ### BEGIN SOLUTION
    q, _ = np.linalg.qr(a)
    r, _ = np.linalg.qr(b)
    if q.shape[1] < r.shape[1]:
        q, r = r, q
    cosines = np.linalg.svd(q.T @ r, compute_uv=False)  # descending
    sines = np.linalg.svd(r - q @ (q.T @ r), compute_uv=False)[::-1]  # ascending
    return np.arctan2(sines, cosines)
    ### END SOLUTION


def reconstruction_error(x, reconstruct, batch_size):
    """Return the squared error of the reconstructions: summed over pixels, mean over all images.

    x (N, C, H, W) is more than `reconstruct` can take at once: call it with batch_size images (n,
    C, H, W) at a time, in order, each image once. The last batch may be smaller. `reconstruct`
    returns rows of pixels (n, C * H * W).

    About 6 lines, 10 minutes. Matters because papers differ by a factor of 784 in what they call
    the squared error, and because the mean of the means of unequal batches is not the mean.
    """
    ### BEGIN SOLUTION
    total = 0.0
    for start in range(0, len(x), batch_size):
        batch = x[start : start + batch_size]
        total += ((reconstruct(batch) - batch.reshape(len(batch), -1)) ** 2).sum()
    return total / len(x)
    ### END SOLUTION


def quantise(codes, low, high, bits):
    """Return codes in `bits` bits per number: levels (N, Z), restored codes (N, Z), bytes per code.

    codes (N, Z). low and high (Z,) are the smallest and the largest value of each number in the
    training codes. Between them lie 2^bits levels at equal distances: level 0 is low, the last one
    is high. `levels` holds integers, the nearest level of each number; `restored` holds the values
    of these levels. A number below low or above high gets the level at that end. Where low = high,
    the level is 0. `bytes`, an int, is the least number of bytes that hold the Z levels of a code
    side by side.

    About 6 lines, 15 minutes. Matters because bits are what a code costs. In the lesson, 4 bits per
    number and one range for all raise the error of the 32 numbers from 9 to 15. Put yours in place
    of `rounded`, with the training codes' ranges, and see how much of that remains.
    """
    ### BEGIN SOLUTION
    step = (high - low) / (2**bits - 1)  # (Z,)
    levels = np.round((codes - low) / np.where(step > 0, step, 1))
    levels = np.where(step > 0, np.clip(levels, 0, 2**bits - 1), 0).astype(int)
    return levels, low + levels * step, -(-codes.shape[1] * bits // 8)
    ### END SOLUTION
