"""Anomalies: rows that a model rebuilds badly because they are unlike its training data.

A row's score is the error of its reconstruction (`scores`). A low score does not prove that a row
is normal: one that is easy to rebuild, such as an empty image, can have a low score, too. So other
methods score the same data (`baselines`), and labels, where there are any, say which is best.
"""

import os
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import numpy as np
from matplotlib.figure import Figure

from minae import plots
from minae.data import AudioKind, CorpusKind, ImageKind, SeriesKind, TableKind, TextKind
from minae.data.named import SERIES
from minae.errors import InputError, complain
from minae.files import write_together
from minae.metrics.detection import stretches
from minae.report import print_rows
from minae.tools.anomalies import pictures, report
from minae.tools.anomalies.baselines import fit_baselines
from minae.tools.anomalies.labels import Labels, read_labels
from minae.tools.anomalies.reading import Data, Own, read_data, read_own
from minae.tools.anomalies.report import Judged
from minae.tools.anomalies.scores import (
    Scores,
    SoundScores,
    by_row,
    columns,
    find_weights,
    score,
)
from minae.tools.anomalies.sounds import SHOWN, draw_worst, in_units
from minae.tools.anomalies.texts import TextScores, score_texts, unknown_nats
from minae.tools.anomalies.thresholds import Rule, choose_rule
from minae.tools.images import reconstruct
from minae.tools.naming import file_of
from minae.train.runs import Run

FIRST = 5  # rows or alarms that are printed
AROUND = {"words": 8, "bpe": 14, "characters": 40}  # tokens of a text that are printed, both ways
SCORE_IS = {
    "images": "squared error, summed over an image",
    "text": "nats per token",
    "corpus": "nats per token",
}


def anomalies(
    run: Run,
    data: str,
    out: Path,
    *,
    command: str,
    expect: float | None = None,
    false_alarms: float | None = None,
    labels: str | None = None,
    normal: str | None = None,
    tolerance: int = 0,
) -> bool:
    """Score data, write CSV files, figures and pictures to `out`, print a summary and the worst.

    The model needs inputs alone. `data` is what `Run.read` takes; `expect` and `false_alarms` are
    as in `thresholds`, `labels` and `normal` as in `labels.read_labels`, and `tolerance` as in
    `metrics.detection.by_event`. All files are written or none. Returns whether all data could be
    used.

    Raises InputError if the data, or those of the run, cannot be used, and FloatingPointError if
    the model makes nan or infinite numbers of them.
    """
    if run.model.any_size:
        raise InputError(
            f"{run.folder} holds a {run.settings.model}, which repairs a picture from its"
            " surroundings and so rebuilds anomalies too: take a run of another model, such as conv"
        )
    rule = choose_rule(expect, false_alarms, labels is not None)
    column = labels if labels is not None and not Path(labels).is_file() else None
    given = read_data(run, data, out, column)
    known = None
    if labels is not None:
        known = read_labels(labels, normal or run.settings.normal, given)
    own = read_own(run)
    scorer = fit_scorer(run, own)
    scores, held_out = scorer(given), scorer(own.held_out).values
    both = {f"{run.settings.model} model": (scores.values, held_out)}
    both |= _score_by_baselines(run, given, own)
    gap = run.kind.window if isinstance(run.kind, SeriesKind) else 1
    methods = report.judge(both, rule, known, gap, tolerance)
    found = Found(given, own, scores, held_out, known, methods[0], gap)

    contents = {
        out / "scores.csv": report.table(
            given, scores, methods[0].threshold, columns(run), units_of(run, given, scores)
        ),
        out / "figures.json": report.record(command, rule, methods),
        **{out / name: plots.as_png(figure) for name, figure in draw(run, found).items()},
    }
    if given.starts is not None:
        alarms = report.alarm_table(given, scores, found.alarms, columns(run))
        contents[out / "alarms.csv"] = alarms
    if isinstance(scores, TextScores):
        contents[out / "worst.csv"] = report.text_table(given, scores)
    write_together(contents)
    print_rows(summary(run, found, rule))
    if trained_on(run, data):
        complain(
            f"the run was trained on most of {data}, whose errors are smaller than those of new"
            " data: figures look better than they are"
        )
    print_worst(run, found)
    report.print_methods(methods, known)
    print("wrote", *contents, sep="\n  ")
    return given.whole


def fit_scorer(run: Run, own: Own) -> Callable[[Data], Scores]:
    """Return what scores data, which needs to know the model's usual errors."""
    if isinstance(run.kind, TextKind | CorpusKind):
        return partial(score_texts, run, unknown=unknown_nats(run, own.held_out.split))
    return partial(score, run, weights=find_weights(run, own.train, own.held_out.split))


def units_of(run: Run, data: Data, scores: Scores) -> np.ndarray | None:
    """Return where the errors of sounds are, (N, 4), in seconds and hertz; None of other data."""
    if isinstance(run.kind, AudioKind) and isinstance(scores, SoundScores):
        return in_units(run.kind, scores.places, data.names)
    return None


@dataclass(frozen=True, eq=False)
class Found:
    """What the model says of the data."""

    data: Data
    own: Own
    scores: Scores
    held_out: np.ndarray  # scores of the run's held-out rows
    labels: Labels | None
    model: Judged
    gap: int  # readings between two alarms

    @property
    def alarms(self) -> np.ndarray:
        """First and last index of each stretch of flagged readings, (K, 2)."""
        return stretches(self.model.flagged, self.gap)


def _score_by_baselines(run: Run, data: Data, own: Own) -> dict[str, tuple[np.ndarray, np.ndarray]]:
    """Return by baseline the scores of the data and of the run's held-out rows."""
    window = run.kind.window if isinstance(run.kind, SeriesKind) else 1
    return {
        name: (
            by_row(method(data.split), data, window),
            by_row(method(own.held_out.split), own.held_out, window),
        )
        for name, method in fit_baselines(run, own).items()
    }


def rows_of(run: Run) -> str:
    """Return what rows are called: images, rows or readings."""
    names = {"series": "readings", "corpus": "lines"}
    return names.get(run.kind.name, f"{run.kind.row}s")


def trained_on(run: Run, data: str) -> bool:
    """Return whether data are the run's own, and not only their test part."""
    own = run.settings.data
    if isinstance(run.kind, SeriesKind) and own in SERIES:
        return data == own
    mine, given = file_of(own), file_of(data)
    return os.path.exists(mine) and os.path.realpath(given) == os.path.realpath(mine)


def summary(run: Run, found: Found, rule: Rule) -> list[tuple[str, str]]:
    """Return lines about scores, threshold and what is above it."""
    rows, part, value = rows_of(run), found.own.part, found.model.threshold
    held_out, above = found.held_out[~np.isnan(found.held_out)], int(found.model.flagged.sum())
    alarms = f"exceeded by {(held_out > value).sum():,} of the run's own {len(held_out):,} {part}"
    lines = [
        ("scored", f"{len(found.data):,} {rows}"),
        ("threshold", f"{value:.4g}, {alarms} {rows}"),
        ("its rule", str(rule)),
        ("above it", f"{above:,} ({above / len(found.data):.1%})"),
    ]
    if found.data.starts is not None:
        lines.append(("alarms", f"{len(found.alarms):,}, at least {found.gap} readings apart"))
        if unknown := int(np.isnan(found.model.scores).sum()):
            lines.append(("not scored", f"{unknown:,} readings: a gap is within a window of them"))
    if part == "test":
        lines.append(("note", f"the run has no validation {rows}, so its test {rows} were taken"))
    if rule.name == "false alarms" and 0 < rule.share * len(held_out) < 1:
        few = f"{len(held_out):,} {rows} are too few to tell a share of {rule.share:g}"
        lines.append(("note", few))
    return lines


def print_worst(run: Run, found: Found) -> None:
    """Print the rows with the largest scores, or the alarms."""
    data, scores, names = found.data, found.scores, columns(run)
    if data.starts is not None:
        said = report.describe_alarms(data, scores, found.alarms, names)
        order = np.argsort(-np.array(said["score"]), kind="stable")[:FIRST]
        print("the worst alarms:" if len(order) else "no alarms")
        for i in order:
            start, end, value, worst, *column = (values[i] for values in said.values())
            where = f", largest error in {column[0]}" if column else ""
            print(f"  {start} to {end}: score {value:.4g}, worst at {worst}{where}")
        return
    worst, texts = np.argsort(-scores.values, kind="stable")[:FIRST], report.as_names(data)
    units, rows = units_of(run, data, scores), []
    marks = ", their strangest tokens between « and »" if isinstance(scores, TextScores) else ""
    print(f"the worst{marks}:")
    for i in worst:
        said = ""
        if isinstance(scores, TextScores):
            said = f"  {scores.marked(i, AROUND[scores.kind.tokens])}"
        elif units is not None:
            start, end, low, high = units[i]
            said = f", largest from {start:.2f} to {end:.2f} s, {low:,.0f} to {high:,.0f} Hz"
        elif scores.divided:
            (largest,), (share,) = scores.take(i).largest(names)
            said = f", {share:.0%} of it in {largest}"
        rows.append((f"  {texts[i]}", f"{scores.values[i]:.4g}{said}"))
    print_rows(rows)


def draw(run: Run, found: Found) -> dict[str, Figure]:
    """Return the pictures of the kind of data, by the names of their files."""
    data, scores, threshold, names = found.data, found.scores, found.model.threshold, columns(run)
    rows = rows_of(run)
    groups = {f"the run's {found.own.part} {rows}": found.held_out}
    if found.labels is None:
        groups["the data"] = scores.values
    else:
        groups["the data, normal"] = scores.values[~found.labels.anomaly]
        groups["the data, anomalies"] = scores.values[found.labels.anomaly]
    score_is = SCORE_IS.get(run.kind.name, "score")
    figures = {"scores.png": pictures.histogram(groups, threshold, score_is, rows)}
    if data.readings is not None:
        most = np.argsort(-np.nansum(scores.errors, axis=0), kind="stable")[: pictures.MOST_PANELS]
        places = np.arange(len(data)) if data.numbered else np.asarray(data.names)
        values, chosen = data.readings.values[:, most], [names[i] for i in most]
        events = None if found.labels is None else found.labels.events
        curves = (places, values, chosen, scores.values)
        figures["series.png"] = pictures.series(*curves, threshold, found.alarms, events)
        return figures
    worst = np.argsort(-scores.values, kind="stable")[: pictures.SHOWN]  # equal ones in order
    texts = report.as_names(data)
    if isinstance(run.kind, ImageKind):
        images = data.split.take(worst).inputs
        figures["worst.png"] = plots.reconstructions(images, reconstruct(run.autoencoder, images))
    elif isinstance(scores, SoundScores):
        worst = worst[:SHOWN]
        named, sounds = [str(texts[i]) for i in worst], data.split.take(worst).inputs
        figures["worst.png"] = draw_worst(run, sounds, named, scores.places[worst])
    elif isinstance(run.kind, TableKind):
        named, title = [str(texts[i]) for i in worst], "Share of the error, in %"
        figures["columns.png"] = pictures.columns(scores.errors[worst], names, named, title)
    return figures
