"""Exercises of lesson 8: scores, thresholds, and what they find.

None needs a trained model, and none needs another.
"""

import numpy as np

from minae.autograd import no_grad
from minae.tensor import Tensor


def reconstruction_errors(model, x, batch_size=100):
    """Return the squared error of each input's reconstruction, summed over the input: (N,).

    x is an array (N, ...) of any number of axes, such as images (N, 1, 28, 28) or windows (N, 96),
    N >= 1. model(Tensor(rows)) is a tensor in the shape of the rows. Give it at most `batch_size`
    rows at a time, since a million inputs do not fit into memory at once, and no row twice. Nothing
    is trained: no gradient is needed, and the model stays as it is, including its mode.

    About 7 lines, 10 minutes. Matters because a score is one number per input: a mean over a batch,
    such as a loss, hides the one strange input in it.
    """
    ### BEGIN SOLUTION
    scores = []
    with no_grad():
        for start in range(0, len(x), batch_size):
            rows = x[start : start + batch_size]
            difference = model(Tensor(rows)).numpy() - rows
            scores.append((difference**2).reshape(len(rows), -1).sum(axis=1))
    return np.concatenate(scores)
    ### END SOLUTION


def threshold(scores, rate):
    """Return the lowest of the scores that has at most the share `rate` of them above it.

    scores (N,) are those of normal inputs, in any order; 0 <= rate < 1. An input is reported if its
    score is above the threshold, not if it is equal to it. Scores may be equal to each other, and
    then fewer may be above it than the rate allows.

    For 10 different scores and a rate of 0.2 it is the third from the top: 2 are above it. For 100
    and a rate of 0.29 there are 29, though 0.29 * 100 is 28.999999999999996 in Python.

    About 3 lines, 10 minutes. Matters because the threshold is all you can set before the first
    anomaly comes, and where few false alarms are allowed, being off by one may double them.
    """
    ### BEGIN SOLUTION
    allowed = int(rate * len(scores) + 1e-9)  # 0.29 * 100 is a little below 29
    return np.sort(scores)[::-1][allowed]
    ### END SOLUTION


def roc(scores, anomaly):
    """Return the ROC curve and the area under it: (false, found, auc).

    scores (N,) with anomaly (N,), True or False, at least one of each. The curve begins at (0, 0),
    where the threshold is above all scores. Then there is one point for each distinct score, from
    the highest to the lowest: if this score and all higher ones are reported, `false` is the share
    of normal inputs reported, and `found` that of anomalies. The curve ends at (1, 1). Inputs with
    equal scores are reported together, so they make one point.

    auc is the area under the straight lines between these points, from 0 to 1. It is the chance
    that an anomaly's score is higher than that of a normal input, where equal ones count one half
    (Mann and Whitney 1947). Sort once: no array of all pairs.

    About 9 lines, 20 minutes. Matters because a detector with many equal scores can be made to look
    better, or worse, by the order in which they happen to come.
    """
    ### BEGIN SOLUTION
    order = np.argsort(-scores)
    ranked = scores[order]
    last = np.append(ranked[1:] != ranked[:-1], True)  # the last one of equal scores
    found = anomaly[order].cumsum()[last] / anomaly.sum()
    false = (~anomaly[order]).cumsum()[last] / (~anomaly).sum()
    found, false = np.append(0, found), np.append(0, false)
    auc = (np.diff(false) * (found[1:] + found[:-1]) / 2).sum()
    return false, found, auc
    ### END SOLUTION


def windows(series, length, stride):
    """Return the windows of a series as a view: (N, length), without copying a reading.

    series (T,), T >= length. Window i holds the readings i * stride to i * stride + length - 1. All
    windows that fit are returned, so N = (T - length) // stride + 1; readings after the last of
    them are left out. The stride may be larger than the length.

    About 1 line, 10 minutes. Matters because a year of readings, with a window of a day beginning
    at every reading, would take hundreds of times its memory if each window were a copy.
    """
    ### BEGIN SOLUTION
    return np.lib.stride_tricks.sliding_window_view(series, length)[::stride]
    ### END SOLUTION


def reading_scores(scores, length, stride, T):
    """Return the score of each of T readings: the mean score of the windows that it lies in.

    scores (N,), N >= 1, of up to 1e6 in size: window i holds the readings i * stride to
    i * stride + length - 1, all of them among the T. A reading that lies in no window has the score
    nan: it is unknown. The first and last readings lie in fewer windows than those in the middle.

    About 6 lines, 15 minutes. Matters because people want to know when it happened, not in which
    window.
    """
    ### BEGIN SOLUTION
    total, count = np.zeros(T), np.zeros(T)
    for i, score in enumerate(scores):
        total[i * stride : i * stride + length] += score
        count[i * stride : i * stride + length] += 1
    return np.where(count > 0, total / np.maximum(count, 1), np.nan)
    ### END SOLUTION


def count_events(reported, faults, gap):
    """Count events, not readings: return (found, missed, false alarms), three whole numbers.

    reported (T,), True where a reading is reported; faults, a list of (start, stop), in any
    order: the readings start to stop - 1 are faulty. Faults do not overlap. gap >= 1.

    - A fault is found if at least one of its readings is reported, else it is missed.
    - Reported readings with fewer than `gap` quiet ones between them are one alarm.
    - An alarm is false if none of its reported readings is faulty. With one faulty reading it is
      not, however long it is, and one alarm may belong to two faults.

    About 10 lines, 20 minutes. Matters because a detector that flickers for an hour has raised one
    alarm, not twenty, and one that finds every reading of one fault has found one fault.
    """
    ### BEGIN SOLUTION
    faulty = np.zeros(len(reported), bool)
    for start, stop in faults:
        faulty[start:stop] = True
    found = sum(bool(reported[start:stop].any()) for start, stop in faults)
    places = np.flatnonzero(reported)
    breaks = np.flatnonzero(np.diff(places) > gap) + 1
    alarms = [alarm for alarm in np.split(places, breaks) if len(alarm)]
    false = sum(not faulty[alarm].any() for alarm in alarms)
    return found, len(faults) - found, false
    ### END SOLUTION


def blame(errors, held_out, least=0.02):
    """Return each row's score, the column that has most of it, and that column's share of it.

    errors (N, F) are the squared errors of N rows, column by column; held_out (M, F) those of
    normal rows that the model was not trained on. Some columns are rebuilt badly even in normal
    rows. So divide each column's errors by what is usual for it, its mean over held_out. A mean
    below `least` counts as `least`: a column that was constant there would be divided by 0.

    Return (scores, column, share), three arrays (N,): the sum of what comes out; the index of the
    column where it is largest, of equal ones the first; and that column's part of the sum, from 0
    to 1. A row without any error has the score 0, column 0 and share 0.

    About 5 lines, 15 minutes. Matters because an alarm that cannot say where to look is soon
    switched off, and without the division it would point at the noisiest column every time.
    """
    ### BEGIN SOLUTION
    relative = errors / np.maximum(held_out.mean(axis=0), least)  # (N, F)
    scores, most = relative.sum(axis=1), relative.max(axis=1)
    share = np.where(scores > 0, most / np.where(scores > 0, scores, 1), 0)
    return scores, relative.argmax(axis=1), share
    ### END SOLUTION
