"""How well scores tell anomalies from the rest: row by row, and for series event by event.

Scores are float64 (N,), larger ones stranger; nan where a row has none, which is never flagged.
A row is flagged if its score is above a threshold.
"""

from dataclasses import dataclass

import numpy as np


def ranking(scores: np.ndarray, anomaly: np.ndarray) -> dict[str, float]:
    """Return AUC (area under the ROC curve) and average precision; no threshold is needed.

    anomaly (N,) bool has to hold both. AUC is the chance that an anomaly has a larger score than
    another row, equal ones counting one half. Average precision is the mean precision over the
    anomalies, found in the order of their scores; chance reaches the share of anomalies.
    """
    from sklearn.metrics import average_precision_score, roc_auc_score

    known = ~np.isnan(scores)
    scores, anomaly = scores[known], anomaly[known]
    return {
        "auc": float(roc_auc_score(anomaly, scores)),
        "average_precision": float(average_precision_score(anomaly, scores)),
    }


def at_threshold(flagged: np.ndarray, anomaly: np.ndarray) -> dict[str, float]:
    """Return precision, recall and F1, their harmonic mean, of flagged rows (N,) bool."""
    hits = int((flagged & anomaly).sum())
    return {
        "precision": hits / max(int(flagged.sum()), 1),
        "recall": hits / int(anomaly.sum()),
        "f1": 2 * hits / int(flagged.sum() + anomaly.sum()),
    }


def best_f1(scores: np.ndarray, anomaly: np.ndarray) -> float:
    """Return the threshold with the largest F1; of several the highest.

    The F1 at a threshold that was chosen on the same labels is a little too good.
    """
    known = ~np.isnan(scores)
    order = np.argsort(-scores[known], kind="stable")
    ranked, hits = scores[known][order], anomaly[known][order].cumsum()  # flag the first, two, ...
    last = np.append(ranked[1:] < ranked[:-1], True)  # equal scores are flagged together
    f1 = 2 * hits / (np.arange(1, len(ranked) + 1) + anomaly.sum())
    best = int(np.where(last, f1, -1).argmax())
    below = ranked[best + 1] if best + 1 < len(ranked) else np.nextafter(ranked[best], -np.inf)
    return float(below)


def stretches(flagged: np.ndarray, gap: int = 1) -> np.ndarray:
    """Return the first and last index of every stretch of flagged readings (T,): (K, 2).

    Flagged readings at most `gap` apart are of one stretch.
    """
    places = np.flatnonzero(flagged)
    if not len(places):
        return np.empty((0, 2), int)
    cuts = np.flatnonzero(np.diff(places) > gap)
    return np.stack([places[np.r_[0, cuts + 1]], places[np.r_[cuts, len(places) - 1]]], axis=1)


@dataclass(frozen=True, eq=False)
class Events:
    """How alarms and events of a series meet."""

    found: np.ndarray  # (E,) bool, of each event
    false_alarms: np.ndarray  # (K, 2), first and last index of each alarm that met none

    def figures(self) -> dict[str, float]:
        """Return how many events there are and were found, and the number of false alarms."""
        counts = len(self.found), self.found.sum(), len(self.false_alarms)
        return dict(zip(("events", "events_found", "false_alarms"), map(int, counts), strict=True))


def by_event(flagged: np.ndarray, events: np.ndarray, gap: int = 1, tolerance: int = 0) -> Events:
    """Return which events (E, 2) of a series are found, and the alarms that are false.

    Events are first and last indices, widened by `tolerance` readings on both sides. One is found
    if a flagged reading (T,) lies in it. An alarm is a stretch of flagged readings at most `gap`
    apart; it is false if none of its readings lies in an event.
    """
    first, last = events[:, 0] - tolerance, events[:, 1] + tolerance
    inside = np.zeros(len(flagged) + 1, int)
    np.add.at(inside, np.clip(first, 0, len(flagged)), 1)
    np.add.at(inside, np.clip(last + 1, 0, len(flagged)), -1)
    met = np.r_[0, (flagged & (inside[:-1].cumsum() > 0)).cumsum()]  # of the readings before
    count = np.r_[0, flagged.cumsum()]
    first, last = np.clip(first, 0, len(flagged)), np.clip(last + 1, 0, len(flagged))
    alarms = stretches(flagged, gap)
    met_none = met[alarms[:, 1] + 1] == met[alarms[:, 0]]
    return Events(count[last] > count[first], alarms[met_none])
