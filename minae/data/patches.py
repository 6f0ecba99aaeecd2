"""Pictures of any sizes, and random patches of them, corrupted: what `restore` is trained on."""

import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from minae.data.corruptions import Corruption
from minae.data.dataset import load
from minae.data.folder import list_files, read_8_bits
from minae.data.memory import check_room, naming
from minae.data.pictures import luminance
from minae.errors import InputError, complain

Pictures = list[np.ndarray]  # each uint8 (C, H, W); all have the same C
LARGEST = 1024  # of larger pictures, the middle is taken: there are details enough


@dataclass(frozen=True, eq=False)
class PictureSet:
    """Pictures of any sizes, in three parts."""

    name: str
    train: Pictures
    validation: Pictures
    test: Pictures


def load_pictures(
    name_or_path: str,
    *,
    seed: int = 0,
    validation: int | None = None,
    all_to_test: bool = False,
    channels: int | None = None,
) -> PictureSet:
    """Load a folder of pictures, which may differ in size, or a dataset of images.

    About 80 / 10 / 10 per cent are for train / validation / test, at least one each, after a
    shuffle by `seed`; a dataset that has its own parts keeps them. Pictures are grey if all are.
    Of those larger than `LARGEST`, the middle is taken. One that cannot be read is left out, with
    a line on stderr. `validation` is the number of validation pictures; with `all_to_test`, there
    is a test part only. `channels` (1 or 3) makes all pictures grey or coloured.

    Raises InputError if there are too few pictures, or they do not fit into memory.
    """
    path = Path(name_or_path)
    if not os.path.isdir(path):
        dataset = load(name_or_path, seed=seed, validation=validation)
        parts = [dataset.train, dataset.validation, dataset.test]
        pictures = [[np.round(image * 255).astype(np.uint8) for image in p.images] for p in parts]
        return PictureSet(dataset.name, *(_alike(each, channels) for each in pictures))
    pictures = _alike(_read(path), channels)
    if all_to_test:
        return PictureSet(path.name, [], [], pictures)
    if len(pictures) < 3:
        raise InputError(
            f"{path}: holds {len(pictures)} of the at least 3 pictures that are needed to train, "
            "validate and test; add more"
        )
    shuffled = [pictures[i] for i in np.random.default_rng(seed).permutation(len(pictures))]
    tenth = max(1, round(len(shuffled) / 10))
    held_out = tenth if validation is None else validation
    rest = len(shuffled) - tenth
    if not 0 <= held_out < rest:
        raise InputError(
            f"{path}: cannot set aside {held_out:,} pictures for validation; give a number from 0"
            f" to {rest - 1:,}, so that one is left to train on"
        )
    cut = rest - held_out
    return PictureSet(path.name, shuffled[:cut], shuffled[cut:rest], shuffled[rest:])


def _read(folder: Path) -> Pictures:
    """Read all pictures of a folder and its subfolders, in the order of their paths."""
    pictures, size = [], 0
    for file in list_files([folder]):
        try:
            picture = read_8_bits(file).pixels
        except InputError as error:
            complain(str(error))
            continue
        _, H, W = picture.shape
        top, left = max(0, H - LARGEST) // 2, max(0, W - LARGEST) // 2
        pictures.append(picture[:, top : top + LARGEST, left : left + LARGEST].copy())
        size += pictures[-1].size
        if len(pictures) % 100 == 0:
            with naming(folder):
                check_room(size, 1)
    if not pictures:
        raise InputError(f"{folder}: holds no pictures that can be used; put some there")
    return pictures


def _alike(pictures: Pictures, channels: int | None) -> Pictures:
    """Give all pictures so many channels; if None, one if all are grey, else three."""
    channels = channels or max((len(picture) for picture in pictures), default=1)
    made = [luminance(picture) if len(picture) > channels else picture for picture in pictures]
    return [np.broadcast_to(picture, (channels, *picture.shape[1:])) for picture in made]


@dataclass(frozen=True, eq=False)
class Patches:
    """Batches of random patches, each with its corrupted version, drawn anew in every epoch.

    A patch is `size` x `size` pixels of a random picture at a random place, turned and mirrored at
    random. It is cut with a margin of `corrupt.reach` pixels, corrupted, and then cropped, so that
    its border is as corrupted as its middle. What lies beyond a picture's border is its mirror
    image. Larger pictures are drawn more often, so that every pixel is as likely as any other.

    `epoch(n)` yields `per_epoch` patches in batches (corrupted, clean), each float32
    (batch_size, C, size, size), and depends on `seed` and `n` only.
    """

    pictures: Pictures
    corrupt: Corruption
    size: int
    batch_size: int = 16
    per_epoch: int = 1024
    seed: int = 0

    @property
    def num_rows(self) -> int:
        """The number of patches in an epoch."""
        return self.per_epoch

    def __len__(self) -> int:
        """Return the number of batches in an epoch."""
        return -(-self.per_epoch // self.batch_size)

    def epoch(self, n: int) -> Iterator[tuple[np.ndarray, np.ndarray]]:
        """Yield the batches of epoch `n`, counted from 0."""
        rng = np.random.default_rng([self.seed, n])
        for start in range(0, self.per_epoch, self.batch_size):
            yield self.draw(min(self.batch_size, self.per_epoch - start), rng)

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
