"""Images and series as plain NumPy arrays: datasets, batches, and ways to corrupt images.

Knows nothing of tensors or gradients. Importing it loads NumPy and the standard library only.
"""

from minae.data.corruptions import (
    Blur,
    Corruption,
    GaussianNoise,
    MaskBlock,
    SaltAndPepper,
    parse_corruption,
)
from minae.data.dataset import DATASETS, Dataset, Split, load
from minae.data.loader import Loader
from minae.data.series import Series, load_series
from minae.data.sources import SOURCES, Source, SourceStatus, fetch, list_sources

__all__ = [
    "DATASETS", "SOURCES", "Blur", "Corruption", "Dataset", "GaussianNoise", "Loader", "MaskBlock",
    "SaltAndPepper", "Series", "Source", "SourceStatus", "Split", "fetch", "list_sources", "load",
    "load_series", "parse_corruption",
]  # fmt: skip
