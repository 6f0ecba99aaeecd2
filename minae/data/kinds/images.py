"""Images: pictures in a folder, or arrays in a file."""

from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

import numpy as np

from minae.data import readers
from minae.data.corruptions import Corruption, parse_corruption
from minae.data.folder import picture_names
from minae.data.split import Split
from minae.errors import InputError


@dataclass(frozen=True)
class ImageKind:
    """Images (C, H, W), with values in [0, 1]."""

    name: ClassVar[str] = "images"
    row: ClassVar[str] = "image"  # what a row of the data is called
    binary: ClassVar[int] = 0
    shape: tuple[int, int, int]

    @property
    def parts(self) -> list[str]:
        """What an error is divided among: the rows of pixels, from the top."""
        return [f"pixel row {number}" for number in range(self.shape[1])]

    def errors(self, split: Split, outputs: np.ndarray) -> np.ndarray:
        """Return the squared errors of outputs (N, C, H, W), by rows of pixels: (N, H) float64."""
        return np.square(outputs - split.inputs, dtype=np.float64).sum(axis=(1, 3))

    def corruption(self, text: str) -> Corruption:
        """Return what a text such as `blur:1.5` means. Raises InputError if it means nothing."""
        return parse_corruption(text)

    def read(self, path: Path) -> tuple[Split, list[str]]:
        """Read images of this shape. Raises InputError if they have another."""
        split = read_images(path)
        if split.inputs.shape[1:] != self.shape:
            raise InputError(
                f"{path} has images of shape {split.inputs.shape[1:]}, but the model was trained on"
                f" {self.shape}; give data of that shape"
            )
        return split, []


def read_images(path: Path) -> Split:
    """Read all images of a file or folder, with the names of pictures."""
    images, labels = readers.read_images(path)
    names = np.array(picture_names(path), object) if path.is_dir() else None
    return Split(images, labels, names)
