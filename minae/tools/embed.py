"""Codes as features: a file with the code of each row, and a map of the codes.

A code sums up a row in a few numbers, so it can stand for it in a classifier, a clustering or a
search. For a variational autoencoder it is the mean of q(z|x), without randomness.
"""

import csv
import io
import os
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from minae.data import Split
from minae.data.kinds import ImageKind
from minae.errors import InputError
from minae.files import write_together
from minae.report import print_rows
from minae.tools.images import in_batches
from minae.tools.naming import file_of, labels_of, name_column, names_of, read_rows, stem
from minae.train.build import inputs
from minae.train.runs import Run

if TYPE_CHECKING:
    from matplotlib.figure import Figure

MAPS = ("pca", "tsne")
MOST = 3000  # rows that t-SNE places: of more, it takes minutes


def embed(run: Run, data: str, out: Path | None, method: str) -> bool:
    """Write the code of each row of `data` to `out`, a map beside it, and print a summary.

    `out`, by default in the run's folder, ends in .npy, for float32 (N, Z) in the order of the
    rows, or in .csv, where each row has its name and, if there is one, its label. `method` is one
    of MAPS. Both files are written or none. Returns whether all rows could be used. Raises
    InputError if the data or the model cannot be used, and FloatingPointError if the codes are nan
    or infinite.
    """
    out = out or run.folder / f"codes-{stem(data)}.npy"
    check_model(run)
    check_out(out, run, data)
    rows, whole = read_rows(run, data)
    codes = encode(run, rows)
    check_apart(codes)
    contents = {
        out: _npy(codes) if out.suffix.lower() == ".npy" else table(run, rows, codes).encode()
    }
    remark = "none: it takes two rows or more, and two numbers or more in a code"
    if min(codes.shape) > 1:
        from minae.plots import as_png

        figure, remark = code_map(run, rows, codes, method)
        contents[out.with_name(f"{out.stem}-map.png")] = as_png(figure)
    write_together(contents)
    N, Z = codes.shape
    numbers = f"{Z:,} number{'s' * (Z > 1)} each"
    print_rows([("codes", f"{N:,}, of {numbers}"), ("map", remark)])
    print("wrote", *contents, sep="\n  ")
    return whole


def check_out(out: Path, run: Run, *read: str) -> None:
    """Raise InputError if a file to write is, or lies in, what is read, or the run's own data."""
    for data in map(file_of, (*read, run.settings.data)):
        real = os.path.realpath(data)  # unlike Path.resolve, never raises
        if os.path.exists(data) and Path(os.path.realpath(out)).is_relative_to(real):
            raise InputError(f"{out} would change {data}: name another file with --out")


def check_model(run: Run) -> None:
    """Raise InputError if the model has no code that sums up a row."""
    if run.autoencoder.any_size:
        raise InputError(
            f"{run.folder} holds a {run.settings.model}, whose code is a map as large as the"
            " picture, so no summary of it: take a run of another model, such as dense or vae"
        )


def encode(run: Run, rows: Split) -> np.ndarray:
    """Return the code of each row, float32 (N, Z).

    A vq-vae's are the vectors of its codebook, one after the other. Raises InputError if the model
    needs labels and there are none, and FloatingPointError if some numbers are nan or infinite.
    """
    return in_batches(run.autoencoder.codes, *inputs(run.model, rows))


def check_apart(codes: np.ndarray) -> None:
    """Raise InputError if two or more rows have all the same code (N, Z)."""
    if len(codes) > 1 and (codes == codes[0]).all():
        raise InputError(
            f"all {len(codes):,} rows have the same code: either they are equal, or the model "
            "ignores its inputs and has to be trained again, longer or with a smaller --beta"
        )


def table(run: Run, rows: Split, codes: np.ndarray) -> str:
    """Return codes (N, Z) as CSV: a row's name, its code, and its label if there is one."""
    text = io.StringIO()
    lines = csv.writer(text, lineterminator="\n")
    labels = [] if rows.labels is None else [labels_of(run, rows)]
    numbers = (f"z{k}" for k in range(codes.shape[1]))
    lines.writerow([name_column(run, rows), *numbers, *(["label"] if labels else [])])
    for name, code, *label in zip(names_of(rows), codes, *labels, strict=True):
        lines.writerow([name, *code, *label])
    return text.getvalue()


def code_map(run: Run, rows: Split, codes: np.ndarray, method: str) -> tuple["Figure", str]:
    """Draw codes (N, Z), two or more of each, in the plane; return it and what it is worth.

    "pca" projects all codes; "tsne" places MOST of them at most (van der Maaten & Hinton 2008).
    The largest classes are coloured, and images are drawn beside the points.
    """
    from sklearn.decomposition import PCA

    from minae import plots

    pca = PCA(2, random_state=0).fit(codes.astype(np.float64))
    shares = pca.explained_variance_ratio_  # (2,)
    N, remark = len(codes), f"two axes of PCA keep {shares.sum():.0%} of the codes' variance"
    if method == "pca":
        points = pca.transform(codes)
        words = "{} principal component, {:.0%} of variance".format
        axes = words("first", shares[0]), words("second", shares[1])
        if N > plots.MAX_POINTS:
            remark += f"; {plots.MAX_POINTS:,} of {N:,} rows are drawn"
    else:
        chosen = np.sort(np.random.default_rng(0).permutation(N)[:MOST])
        rows, points = rows.take(chosen), _tsne(codes[chosen])
        axes = "t-SNE: near points are alike, other distances mean nothing", ""
        remark = (
            f"t-SNE of {len(chosen):,} of {N:,} rows: near ones are alike, but sizes of groups and "
            f"distances between them mean nothing ({remark})"
        )
    labels = labels_of(run, rows)
    most = len(plots.COLOURS)
    if labels is not None and (classes := len(np.unique(labels))) > most:
        labels = with_others(labels, most)
        remark += f"; of {classes:,} classes, the {most - 1} largest have a colour of their own"
    images = rows.inputs if isinstance(run.kind, ImageKind) else None
    return plots.code_map(points, *axes, labels, images=images), remark


def with_others(labels: np.ndarray, most: int) -> np.ndarray:
    """Return labels (N,) as texts, with those of all but the most - 1 largest classes as one."""
    names, index, counts = np.unique(labels.astype(str), return_inverse=True, return_counts=True)
    names = names.astype(object)
    names[np.argsort(-counts, kind="stable")[most - 1 :]] = "others"
    return names[index].astype(str)


def _tsne(codes: np.ndarray) -> np.ndarray:
    """Place codes (N, Z) in the plane so that near ones stay near: (N, 2)."""
    from sklearn.manifold import TSNE
    from threadpoolctl import threadpool_limits

    if len(codes) < 4:
        raise InputError(f"t-SNE needs 4 rows or more, not {len(codes)}: take --map pca")
    perplexity = min(30.0, (len(codes) - 1) / 3)  # about as many neighbours count for each
    with threadpool_limits(1):  # its threads wait for each other wherever a core is busy
        return TSNE(2, perplexity=perplexity, init="pca", random_state=0).fit_transform(codes)


def _npy(codes: np.ndarray) -> bytes:
    np.save(content := io.BytesIO(), codes)
    return content.getvalue()
