"""Random patches of pictures, and what a corruption makes of them: what `restore` is trained on."""

from dataclasses import dataclass

import numpy as np

from minae.data.corruptions import Corruption
from minae.data.loader import RandomBatches
from minae.data.picture_set import Pictures


@dataclass(frozen=True, eq=False)
class Patches(RandomBatches):
    """Batches of random patches, each with its corrupted version.

    A patch is `size` x `size` pixels of a random picture at a random place, turned and mirrored at
    random. It is cut with a margin of `corrupt.reach` pixels, corrupted, and then cropped, so that
    its border is as corrupted as its middle. What lies beyond a picture's border is its mirror
    image. Larger pictures are drawn more often, so that every pixel is as likely as any other.

    A batch is (corrupted, clean), each float32 (batch_size, C, size, size).
    """

    pictures: Pictures
    corrupt: Corruption
    size: int
    batch_size: int = 16
    per_epoch: int = 1024
    seed: int = 0

    @property
    def data(self) -> tuple[np.ndarray, ...]:
        """The pictures."""
        return tuple(self.pictures)

    def draw(self, count: int, rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
        """Return `count` random patches, corrupted and clean, float32 (count, C, size, size)."""
        margin = self.corrupt.reach
        pixels = np.array([picture[0].size for picture in self.pictures])
        chosen = rng.choice(len(self.pictures), size=count, p=pixels / pixels.sum())
        cut = np.stack([self._cut(self.pictures[i], margin, rng) for i in chosen])
        clean = np.divide(cut, 255, dtype=np.float32)  # (count, C, size + 2 margin, the same)
        inside = slice(margin, margin + self.size)
        corrupted = self.corrupt(clean, rng)[:, :, inside, inside]
        return np.ascontiguousarray(corrupted), np.ascontiguousarray(clean[:, :, inside, inside])

    def _cut(self, picture: np.ndarray, margin: int, rng: np.random.Generator) -> np.ndarray:
        """Cut a random patch with its margin out of a picture (C, H, W), in a random pose."""
        places = []
        for length in picture.shape[1:]:
            start = rng.integers(max(1, length - self.size + 1)) - margin
            places.append(_mirrored(np.arange(start, start + self.size + 2 * margin), length))
        patch = picture[:, places[0][:, None], places[1]]
        patch = np.rot90(patch, int(rng.integers(4)), axes=(1, 2))
        return patch[:, :, ::-1] if rng.integers(2) else patch


def _mirrored(index: np.ndarray, length: int) -> np.ndarray:
    """Return indices that are outside 0 to length - 1 mirrored back at the border."""
    index = index % (2 * length)
    return np.minimum(index, 2 * length - 1 - index)
