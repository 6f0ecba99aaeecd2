"""Anomalies: images that a model rebuilds badly because they are unlike its training data.

An image's score is its reconstruction error. The threshold comes from normal images: the run's own
data that it was not trained on. A low score does not prove that an image is normal: one that is
easy to rebuild, such as an empty one, can have a low score, too.
"""

import csv
import io
import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from matplotlib.figure import Figure

from minae import plots
from minae.data import DATASETS, load
from minae.data.folder import list_files
from minae.data.readers import read_images
from minae.errors import InputError
from minae.files import write_together
from minae.models import Autoencoder
from minae.plots.style import BLUE, MUTED, RED, make_axes, styled
from minae.report import print_rows
from minae.tools.images import as_batch, check_out, read_usable, reconstruct
from minae.train.runs import Run


@dataclass(frozen=True, eq=False)
class Candidates:
    """Images to score, float32 (N, C, H, W), with their names."""

    images: np.ndarray
    names: Sequence[str] | range  # files, or indices into an array
    labels: Sequence | np.ndarray | None
    whole: bool = True  # nothing was left out


@dataclass(frozen=True, eq=False)
class Threshold:
    """The score above which an image is an anomaly, and the scores that it comes from."""

    value: float
    part: str  # of the run's data: validation or test
    scores: np.ndarray  # (N,), of that part's images


def anomalies(run: Run, data: str, false_alarms: float, out: Path) -> bool:
    """Score images, write scores.csv and pictures to `out`, print a summary and the worst.

    Args:
        run: of a model that needs images alone.
        data: a folder of images, an .npz, .npy or idx file, or a dataset's name (its test images).
        false_alarms: the share of the run's own images that may be above the threshold.
        out: folder for the files, of which all are written or none.

    Returns whether all images could be used. Raises InputError if the data, or those of the run,
    cannot be used, and FloatingPointError if the model makes nan or infinite numbers of them.
    """
    threshold = find_threshold(run, false_alarms)
    candidates = read_candidates(data, run.image_shape, out)
    scores, outputs = errors(run.model, candidates.images)
    worst = np.argsort(-scores, kind="stable")  # equal ones in their order
    rebuilt = plots.reconstructions(candidates.images[worst[:10]], outputs[worst[:10]])
    contents = {
        out / "scores.csv": table(candidates, scores, threshold).encode(),
        out / "worst.png": plots.as_png(rebuilt),
        out / "scores.png": plots.as_png(histogram(scores, threshold)),
    }
    write_together(contents)

    value, part, own = threshold.value, threshold.part, threshold.scores
    above = int((scores > value).sum())
    alarms = f"exceeded by {(own > value).sum():,} of the run's own {len(own):,} {part} images"
    rows = [
        ("scored", f"{len(scores):,} images"),
        ("threshold", f"{value:.4g}, {alarms}"),
        ("above it", f"{above:,} ({above / len(scores):.1%})"),
    ]
    if part == "test":
        rows.append(("note", "the run has no validation images, so its test images were taken"))
    if 0 < false_alarms * len(own) < 1:
        few = f"{len(own):,} images are too few to tell a share of {false_alarms:g}"
        rows.append(("note", few))
    print_rows(rows)
    print("the worst:")
    print_rows([(f"  {candidates.names[i]}", f"{scores[i]:.4g}") for i in worst[:5]])
    print("wrote", *contents, sep="\n  ")
    return candidates.whole


def read_candidates(data: str, image_shape: tuple[int, int, int], out: Path) -> Candidates:
    """Read a dataset's test images, all images of a file, or the pictures of a folder.

    A picture that cannot be used is left out, with a line on stderr. Raises InputError if nothing
    is left, images have another shape, or `out` is no folder or holds pictures to be read.
    """
    path = Path(data)
    if data not in DATASETS and path.is_dir():
        files = list_files([path])
        check_out(out, files)
        usable = read_usable(files, image_shape)
        paths = [found for found, _ in usable]
        nested = all(found.parent != path for found in paths)
        return Candidates(
            as_batch(image for _, image in usable),
            names=[_text(found) for found in paths],
            labels=[_text(found.parent.name) for found in paths] if nested else None,
            whole=len(usable) == len(files),
        )
    check_out(out, [])
    if data in DATASETS or not path.exists():  # load tells which names there are
        test = load(data).test
        images, labels = test.images, test.labels
    else:
        images, labels = read_images(path)
    if images.shape[1:] != image_shape:
        raise InputError(
            f"{data} has images of shape {images.shape[1:]}, but the model was trained on "
            f"{image_shape}; give data of that shape"
        )
    return Candidates(images, range(len(images)), labels)


def _text(name: Path | str) -> str:
    """Return a file's name as text that can be written, also where it is not UTF-8."""
    return os.fsencode(name).decode(errors="replace")


def errors(model: Autoencoder, images: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return the squared error of each image (N, C, H, W), summed over it, (N,); and the outputs.

    A variational autoencoder rebuilds from the mean code, so the errors are always the same.
    """
    outputs = reconstruct(model, images)
    return np.square(outputs - images, dtype=np.float64).sum(axis=(1, 2, 3)), outputs


def find_threshold(run: Run, false_alarms: float) -> Threshold:
    """Return the (1 - false_alarms) quantile of the scores of images that the run did not train on.

    Those are its validation images, or its test images if it has none. Raises InputError if
    false_alarms is not a share, or the run's data cannot be read.
    """
    if not 0 <= false_alarms <= 1:
        raise InputError(f"--false-alarms is a share from 0 to 1, not {false_alarms}")
    try:
        dataset = run.data()
    except InputError as error:
        raise InputError(f"the run's own data are needed for the threshold: {error}") from error
    part = "validation" if len(dataset.validation) else "test"
    scores, _ = errors(run.model, getattr(dataset, part).images)
    return Threshold(float(np.quantile(scores, 1 - false_alarms)), part, scores)


def table(candidates: Candidates, scores: np.ndarray, threshold: Threshold) -> str:
    """Return the scores as CSV, one row per image, in the order of the images."""
    text = io.StringIO()
    rows = csv.writer(text, lineterminator="\n")
    first = "index" if isinstance(candidates.names, range) else "name"
    columns = [candidates.names, scores.tolist(), (scores > threshold.value).astype(int)]
    labels = [] if candidates.labels is None else [candidates.labels]
    rows.writerow([first, "score", "anomaly", *(["label"] if labels else [])])
    rows.writerows(zip(*columns, *labels, strict=True))
    return text.getvalue()


@styled
def histogram(scores: np.ndarray, threshold: Threshold) -> Figure:
    """Draw how the scores of the data (N,) lie beside those of the run's own images."""
    lowest = 1e-6  # for logarithms: nobody tells smaller errors apart
    own, scores = np.maximum(threshold.scores, lowest), np.maximum(scores, lowest)
    everything = np.concatenate([own, scores])
    bins = np.geomspace(everything.min() / 1.1, everything.max() * 1.1, 41)
    axes = make_axes(5.6, 3.2, None, "% of the images", left=0.6, bottom=0.6, right=2.6)
    named = {f"the run's {threshold.part} images": (own, MUTED), "the data": (scores, BLUE)}
    for name, (values, colour) in named.items():
        share = np.full(len(values), 100 / len(values))
        axes.hist(values, bins, weights=share, color=colour, alpha=0.6, label=name)
    axes.axvline(threshold.value, color=RED, label=f"threshold {threshold.value:.4g}")
    axes.set(xscale="log", xlabel="squared error, summed over an image")
    axes.xaxis.set_major_formatter("{x:g}")  # a log scale has brought its own
    axes.legend(frameon=False, loc="upper left", bbox_to_anchor=(1, 1))
    return axes.figure
