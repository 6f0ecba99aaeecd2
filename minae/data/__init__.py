"""Images and series as plain NumPy arrays: datasets, batches, and ways to corrupt images.

Knows nothing of tensors or gradients. Importing it loads NumPy and the standard library only.
"""

from minae.data import corruptions
from minae.data.corruptions import *  # noqa: F403
from minae.data.dataset import DATASETS, Dataset, Series, Split, load, load_series
from minae.data.loader import Loader
from minae.data.sources import SOURCES, Source, fetch, list_sources

__all__ = [
    "DATASETS", "SOURCES", "Dataset", "Loader", "Series", "Source", "Split", "fetch",
    "list_sources", "load", "load_series",
]  # fmt: skip
__all__ += corruptions.__all__
