"""Training: steps, epochs, and runs, each a trained model in a folder with all that came of it."""

from minae.train.loop import BEST, LAST, METRICS, evaluate, fit
from minae.train.step import train_step

__all__ = ["BEST", "LAST", "METRICS", "evaluate", "fit", "train_step"]
