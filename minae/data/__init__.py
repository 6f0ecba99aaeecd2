"""Images, tables, series, texts and sounds as plain NumPy arrays: datasets, batches, corruptions.

Knows nothing of tensors or gradients. Importing it loads NumPy and the standard library only.
"""

from minae.data import corruptions
from minae.data.corruptions import *  # noqa: F403
from minae.data.dataset import Dataset, load
from minae.data.kinds import AudioKind, CorpusKind, ImageKind, Kind, SeriesKind, TableKind, TextKind
from minae.data.loader import Loader
from minae.data.named import DATASETS, Sounds, load_readings, load_sounds
from minae.data.ragged import Ragged
from minae.data.sound.vowels import vowel_factors
from minae.data.sources import SOURCES, Source, fetch, list_sources
from minae.data.split import Split

__all__ = [
    "DATASETS", "SOURCES", "AudioKind", "CorpusKind", "Dataset", "ImageKind", "Kind", "Loader",
    "Ragged", "SeriesKind", "Sounds", "Source", "Split", "TableKind", "TextKind", "fetch",
    "list_sources", "load", "load_readings", "load_sounds", "vowel_factors",
]  # fmt: skip
__all__ += corruptions.__all__
