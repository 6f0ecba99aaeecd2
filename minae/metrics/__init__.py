"""How good a reconstruction is, a model's or PCA's."""

import math
from typing import Any

import numpy as np


def fit_levels(images: np.ndarray, clean: np.ndarray) -> tuple[float, float]:
    """Return the a and b with which a * images + b comes nearest to the clean, by least squares."""
    x, y = images.astype(np.float64), clean.astype(np.float64)
    variance = x.var()
    a = ((x - x.mean()) * (y - y.mean())).mean() / variance if variance > 0 else 1.0
    return float(a), float(y.mean() - a * x.mean())


def psnr(images: np.ndarray, clean: np.ndarray) -> float:
    """Return 10 log10(1 / mean squared error) in dB, for values in [0, 1], mean over the images."""
    error = np.square(images - clean, dtype=np.float64).mean(axis=(1, 2, 3))
    return float(np.mean(-10 * np.log10(np.maximum(error, 1e-10))))


def ssim(image: np.ndarray, clean: np.ndarray) -> float:
    """Return the structural similarity of an image (C, H, W) in [0, 1], at most 1 (Wang 2004).

    It is scikit-image's, the mean over channels and over windows of 7 x 7 pixels, or of what fits;
    nan for less than 3 x 3.
    """
    from skimage.metrics import structural_similarity

    if min(clean.shape[1:]) < 3:
        return math.nan
    side = min(7, *clean.shape[1:])
    window = side - 1 + side % 2  # odd
    how = {"win_size": window, "data_range": 1.0, "channel_axis": 0}
    value: Any = structural_similarity(image, clean, **how)
    return float(value)


def pca_errors(pca: Any, rows: np.ndarray) -> np.ndarray:
    """Return the squared error of each row (N, F) through a fitted PCA of scikit-learn, (N,)."""
    return np.square(pca.inverse_transform(pca.transform(rows)) - rows, dtype=float).sum(axis=1)
