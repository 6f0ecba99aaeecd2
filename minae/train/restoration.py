"""What `train_run` needs to train a model for pictures of any size: patches instead of images."""

import numpy as np

from minae.data import Corruption
from minae.data.patches import Patches
from minae.data.picture_set import Pictures, PictureSet
from minae.grad_mode import no_grad
from minae.metrics import psnr
from minae.models import Autoencoder
from minae.tensor import Tensor
from minae.train.settings import Settings

PATCH = 72  # pixels: one that is much larger leaves less variety for a step's batch
VALIDATION = 128  # patches


def patch_size(pictures: Pictures) -> int:
    """Return the side of the patches: PATCH, or less if most pictures are smaller.

    It is a multiple of 8, which every scale of the network can halve.
    """
    side = int(np.median([min(picture.shape[1:]) for picture in pictures]))
    return max(8, min(PATCH, side) // 8 * 8)


def patches_of(
    pictures: PictureSet, corrupt: Corruption, settings: Settings
) -> tuple[Patches, tuple[np.ndarray, ...] | None]:
    """Return what to train on, and fixed validation patches (corrupted, clean), if there are any.

    The validation patches are always the same, and not fewer than the pictures if those are few.
    """
    size = patch_size(pictures.train)
    train = Patches(pictures.train, corrupt, size, settings.batch_size, seed=settings.seed)
    if not pictures.validation:
        return train, None
    held_out = Patches(pictures.validation, corrupt, size)
    return train, held_out.draw(VALIDATION, np.random.default_rng(0))


@no_grad()
def picture_figures(
    model: Autoencoder, pictures: Pictures, corrupt: Corruption, ensemble: bool = False
) -> dict[str, float]:
    """Return the mean PSNR of pictures in dB, corrupted and restored.

    Each is corrupted from a seed of its own, which is always the same. `ensemble` is as in
    `ResUNet`.
    """
    restore = model.ensemble if ensemble else model
    before, after = [], []
    for index, picture in enumerate(pictures):
        rng = np.random.default_rng((0, index))
        clean = np.divide(picture, 255, dtype=np.float32)[None]  # (1, C, H, W)
        spoilt = corrupt.drawn(rng)(clean, rng)
        restored = restore(Tensor(spoilt)).numpy().clip(0, 1)
        before.append(psnr(spoilt, clean))
        after.append(psnr(restored, clean))
    return {"psnr_corrupted": float(np.mean(before)), "psnr": float(np.mean(after))}
