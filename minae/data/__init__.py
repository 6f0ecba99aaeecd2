"""Images as plain NumPy arrays: datasets, batches, and ways to spoil images.

Knows nothing of tensors or gradients. Importing it loads NumPy and the standard library only.
"""

from minae.data.catalogue import SOURCES, Source
from minae.data.corruptions import (
    Blur,
    Corruption,
    GaussianNoise,
    MaskBlock,
    SaltAndPepper,
    parse_corruption,
)
from minae.data.dataset import Dataset, Split, load
from minae.data.loader import Loader
from minae.data.sources import SourceStatus, fetch, list_sources

__all__ = [
    "SOURCES",
    "Blur",
    "Corruption",
    "Dataset",
    "GaussianNoise",
    "Loader",
    "MaskBlock",
    "SaltAndPepper",
    "Source",
    "SourceStatus",
    "Split",
    "fetch",
    "list_sources",
    "load",
    "parse_corruption",
]
