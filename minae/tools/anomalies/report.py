"""What comes of scores: figures of every method, tables on the terminal, files."""

import csv
import io
import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from minae.metrics import detection
from minae.report import print_table
from minae.tools.anomalies.labels import Labels
from minae.tools.anomalies.reading import Data
from minae.tools.anomalies.scores import Scores
from minae.tools.anomalies.texts import TextScores
from minae.tools.anomalies.thresholds import Rule

MOST_TEXTS = 100  # whose tokens are marked


@dataclass(frozen=True, eq=False)
class Judged:
    """A method with the scores (N,) that it gives the data, its threshold, and its figures."""

    name: str
    scores: np.ndarray
    threshold: float
    figures: dict[str, float]

    @property
    def flagged(self) -> np.ndarray:
        """Which rows (N,) are anomalies; unknown scores are not."""
        return self.scores > self.threshold


def judge(
    both: dict[str, tuple[np.ndarray, np.ndarray]],
    rule: Rule,
    labels: Labels | None,
    gap: int,
    tolerance: int,
) -> list[Judged]:
    """Return every method, given its scores of the data and of held-out rows, with its figures.

    Each has a threshold by the same rule. Figures are beside labels, or else those of `agreement`
    with the first method.
    """
    anomaly, methods = None if labels is None else labels.anomaly, []
    for name, (scores, held_out) in both.items():
        threshold = rule.threshold(scores, held_out, anomaly)
        if labels is not None:
            figures = figures_of(scores, threshold, labels, gap, tolerance)
        elif methods:
            figures = agreement(methods[0].scores, scores, int(methods[0].flagged.sum()))
        else:
            figures = {}
        methods.append(Judged(name, scores, threshold, figures))
    return methods


def figures_of(
    scores: np.ndarray, threshold: float, labels: Labels, gap: int, tolerance: int
) -> dict[str, float]:
    """Return a method's figures, beside labels; of a series, by event too."""
    flagged = scores > threshold
    found = detection.ranking(scores, labels.anomaly)
    found |= detection.at_threshold(flagged, labels.anomaly)
    if labels.events is not None:
        found |= detection.by_event(flagged, labels.events, gap, tolerance).figures()
    return found


def agreement(model: np.ndarray, other: np.ndarray, flagged: int) -> dict[str, float]:
    """Return how far two methods agree on rows (N,) of which the first flags so many.

    `rank_correlation` is Spearman's; `shared` the share of the flagged that are among as many with
    the other's largest scores, nan if none are flagged.
    """
    from scipy.stats import rankdata

    known = ~np.isnan(model)
    a, b = rankdata(model[known]), rankdata(other[known])
    a, b = a - a.mean(), b - b.mean()
    norm = np.sqrt((a @ a) * (b @ b))
    top = [set(np.argsort(-ranks, kind="stable")[:flagged].tolist()) for ranks in (a, b)]
    shared = len(top[0] & top[1]) / flagged if flagged else float("nan")
    return {"rank_correlation": float(a @ b / norm) if norm else float("nan"), "shared": shared}


def record(command: str, rule: Rule, methods: list[Judged]) -> bytes:
    """Return command, rule and every method's threshold and figures as JSON; nan becomes null."""
    found: dict[str, Any] = {"command": command, "rule": str(rule), "methods": {}}
    for method in methods:
        figures = {"threshold": method.threshold, "flagged": int(method.flagged.sum())}
        figures |= {k: None if v != v else v for k, v in method.figures.items()}
        found["methods"][method.name] = figures
    return (json.dumps(found, indent=2) + "\n").encode()


HEADS = {
    "auc": "AUC",
    "average_precision": "average precision",
    "f1": "F1",
    "false_alarms": "false alarms",
    "rank_correlation": "rank correlation",
    "shared": "share among its worst",
}


def print_methods(methods: list[Judged], labels: Labels | None) -> None:
    """Print a row for each method, and a sentence: which is best, or how far they agree."""
    shown = methods if labels else methods[1:]
    names = [name for name in HEADS if name in shown[0].figures]
    header, rows = ["method", *(HEADS[name] for name in names)], []
    for method in shown:
        values = (method.figures[name] for name in names)
        cells = ["" if value != value else f"{value:.4g}" for value in values]
        if "events" in method.figures:
            cells.insert(-1, f"{method.figures['events_found']} of {method.figures['events']}")
        rows.append((method.name, *cells))
    if "events" in shown[0].figures:
        header.insert(-1, "events found")
    print_table(
        tuple(header), rows, None if labels else f"beside the scores of the {methods[0].name}"
    )
    print(best_of(methods) if labels else common_to(methods))


def best_of(methods: list[Judged]) -> str:
    """Say which method has the largest AUC."""
    best = max(methods, key=lambda method: method.figures["auc"])
    auc, own = best.figures["auc"], methods[0].figures["auc"]
    if best is methods[0]:
        second = max(methods[1:], key=lambda method: method.figures["auc"])
        return (
            f"best: the {best.name}, AUC {auc:.4g}; next {second.name}, {second.figures['auc']:.4g}"
        )
    return f"best: {best.name}, AUC {auc:.4g}; the {methods[0].name} has {own:.4g}"


def common_to(methods: list[Judged]) -> str:
    """Say how many rows all methods flag, and how many only the first does."""
    flags = np.stack([method.flagged for method in methods])
    own, everyone = int(flags[0].sum()), int(flags.all(axis=0).sum())
    alone = int((flags[0] & ~flags[1:].any(axis=0)).sum())
    if not own:
        return f"the {methods[0].name} flags nothing"
    return (
        f"of the {own:,} that the {methods[0].name} flags, all other methods flag {everyone:,}, and"
        f" none of them flags {alone:,}"
    )


def table(
    data: Data, scores: Scores, threshold: float, names: list[str], units: np.ndarray | None = None
) -> bytes:
    """Return scores as CSV, one row for each row of the data, in their order.

    units (N, 4), of sounds, are the seconds and hertz between which the error is largest.
    """
    columns: dict[str, Iterable] = {
        _first(data): as_names(data),
        "score": ("" if np.isnan(s) else s for s in scores.values.tolist()),
        "anomaly": (scores.values > threshold).astype(int).tolist(),
    }
    if units is not None:
        columns |= dict(
            zip(("from_seconds", "to_seconds"), units.T.round(2).tolist(), strict=False)
        )
        columns |= dict(
            zip(("from_hertz", "to_hertz"), units.T[2:].round().astype(int).tolist(), strict=True)
        )
    elif scores.divided:
        largest, share = scores.largest(names)
        columns |= {"largest_error": largest, "share": share.round(3).tolist()}
    if data.labels is not None:
        columns["label"] = data.labels
    return _csv(columns)


def alarm_table(data: Data, scores: Scores, alarms: np.ndarray, names: list[str]) -> bytes:
    """Return alarms (K, 2) as CSV: from when to when, the score, and where the error is largest."""
    return _csv(describe_alarms(data, scores, alarms, names))


def describe_alarms(
    data: Data, scores: Scores, alarms: np.ndarray, names: list[str]
) -> dict[str, list[Any]]:
    """Return columns about alarms (K, 2): start, end, largest score, and the worst reading."""
    what = as_names(data)
    found: dict[str, list[Any]] = {
        name: [] for name in ("start", "end", "score", "worst", "largest_error")
    }
    for first, last in alarms.tolist():
        inside = slice(first, last + 1)
        worst = first + int(scores.errors[inside].sum(axis=1).argmax())
        found["start"].append(what[first])
        found["end"].append(what[last])
        found["score"].append(float(np.nanmax(scores.values[inside])))
        found["worst"].append(what[worst])
        found["largest_error"].append(names[int(scores.errors[worst].argmax())])
    if len(names) == 1:
        del found["largest_error"]
    return found


def as_names(data: Data) -> list[Any]:
    """Return the names of rows as they are written: ids, files, times or indices."""
    names = data.names
    if isinstance(names, np.ndarray) and names.dtype.kind == "M":
        seconds = names.astype("datetime64[s]")
        unit = "s" if (seconds == names).all() else "us"
        texts = np.datetime_as_string(names, unit)
        return np.char.replace(texts, "T", " ").tolist()
    return ["" if name is None else name for name in names]


def text_table(data: Data, scores: TextScores) -> bytes:
    """Return the strangest texts as CSV, with their strangest tokens between « and »."""
    worst, names = np.argsort(-scores.values, kind="stable")[:MOST_TEXTS], as_names(data)
    columns: dict[str, Iterable] = {
        _first(data): [names[i] for i in worst],
        "score": scores.values[worst].tolist(),
        "text": [scores.marked(i) for i in worst],
    }
    return _csv(columns)


def _first(data: Data) -> str:
    if data.numbered:
        return "index"
    if isinstance(data.names, np.ndarray) and data.names.dtype.kind in "iu":
        return "number"
    return "time" if data.starts is not None else "name"


def _csv(columns: Mapping[str, Iterable]) -> bytes:
    text = io.StringIO()
    rows = csv.writer(text, lineterminator="\n")
    rows.writerow(columns)
    rows.writerows(zip(*columns.values(), strict=True))
    return text.getvalue().encode()
