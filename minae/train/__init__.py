"""Training: steps, epochs, and runs, each a trained model in a folder with all that came of it."""

from minae.train.loop import evaluate, fit
from minae.train.settings import Fitting
from minae.train.state import BEST, LAST, METRICS
from minae.train.step import train_step

__all__ = ["BEST", "LAST", "METRICS", "Fitting", "evaluate", "fit", "train_step"]
