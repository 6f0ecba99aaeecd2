"""Figures of merit of scores, each beside a plain way to compute it."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn.metrics import f1_score

from minae.metrics import detection

NAN = float("nan")
SCORES = np.array([3.0, 1, 2, 2, 5, 0, NAN])
ANOMALY = np.array([1, 0, 1, 0, 1, 0, 0], bool)


def test_auc_compares_every_pair():
    found = detection.ranking(SCORES, ANOMALY)
    pairs = [(a > n) + (a == n) / 2 for a in (3, 2, 5) for n in (1, 2, 0)]
    assert found["auc"] == pytest.approx(np.mean(pairs))
    assert 0.9 < found["average_precision"] < 1


def test_figures_at_a_threshold():
    flagged = np.array([1, 1, 0, 0, 1, 0, 0], bool)
    found = detection.at_threshold(flagged, ANOMALY)
    assert found == pytest.approx({"precision": 2 / 3, "recall": 2 / 3, "f1": 2 / 3})
    none = detection.at_threshold(np.zeros(7, bool), ANOMALY)
    assert none == {"precision": 0, "recall": 0, "f1": 0}


@given(st.lists(st.tuples(st.integers(0, 6), st.booleans()), min_size=2, max_size=12))
def test_no_threshold_has_a_larger_f1(rows):
    scores, anomaly = (np.array(column) for column in zip(*rows, strict=True))
    if not anomaly.any():
        anomaly[0] = True
    threshold = detection.best_f1(scores.astype(float), anomaly)
    best = f1_score(anomaly, scores > threshold)
    others = [f1_score(anomaly, scores > t, zero_division=0) for t in range(-1, 7)]
    assert best == pytest.approx(max(others))


def test_the_best_threshold_leaves_out_unknown_scores():
    threshold = detection.best_f1(SCORES, ANOMALY)
    assert (threshold < SCORES).tolist() == [True, False, True, True, True, False, False]


@pytest.mark.parametrize(
    ("flags", "gap", "expected"),
    [
        ("......", 1, []),
        ("##..#.", 1, [[0, 1], [4, 4]]),
        ("##..#.", 3, [[0, 4]]),
        ("##..#.", 2, [[0, 1], [4, 4]]),
        ("######", 1, [[0, 5]]),
    ],
)
def test_stretches(flags, gap, expected):
    flagged = np.array([flag == "#" for flag in flags])
    assert detection.stretches(flagged, gap).tolist() == expected


EVENTS = np.array([[2, 3], [8, 9]])


@pytest.mark.parametrize(
    ("flags", "tolerance", "found", "false"),
    [
        ("............", 0, [False, False], []),
        ("...#........", 0, [True, False], []),
        (".###........", 0, [True, False], []),  # an alarm that reaches into an event is not false
        ("....##......", 0, [False, False], [[4, 5]]),
        ("....##......", 1, [True, False], []),
        ("#.......#..#", 0, [False, True], [[0, 0], [11, 11]]),
        ("#..........#", 2, [True, True], []),  # an event may be widened beyond the series' ends
        ("...#####....", 0, [True, False], []),
    ],
)
def test_events(flags, tolerance, found, false):
    flagged = np.array([flag == "#" for flag in flags])
    result = detection.by_event(flagged, EVENTS, tolerance=tolerance)
    assert result.found.tolist() == found
    assert result.false_alarms.tolist() == false
    assert result.figures() == {
        "events": 2,
        "events_found": sum(found),
        "false_alarms": len(false),
    }
