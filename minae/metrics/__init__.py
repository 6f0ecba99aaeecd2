"""How good a reconstruction is, and the baselines that it is compared with."""

import numpy as np


def levelled(images: np.ndarray, clean: np.ndarray) -> np.ndarray:
    """Return a * images + b, clipped to [0, 1], with the a and b that come nearest to the clean."""
    a, b = np.polyfit(images.ravel(), clean.ravel(), 1)
    return np.clip(a * images + b, 0, 1)


def psnr(images: np.ndarray, clean: np.ndarray) -> float:
    """Return 10 log10(1 / mean squared error) in dB, for values in [0, 1], mean over the images."""
    error = np.square(images - clean, dtype=np.float64).mean(axis=(1, 2, 3))
    return float(np.mean(-10 * np.log10(np.maximum(error, 1e-10))))


def pca_squared_error(train: np.ndarray, test: np.ndarray, components: int) -> float:
    """Return PCA's squared error per test image, fitted to the training images (N, ...)."""
    from sklearn.decomposition import PCA

    train, test = (images.reshape(len(images), -1) for images in (train, test))  # (N, pixels)
    pca = PCA(components, random_state=0).fit(train)
    return float(((pca.inverse_transform(pca.transform(test)) - test) ** 2).sum(axis=1).mean())
