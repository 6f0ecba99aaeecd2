"""What a model is compared with: methods that take seconds, fitted on the same training data.

PCA scores by its squared error; it has the fewest components that leave a tenth of the variance of
held-out rows. An isolation forest (Liu, Ting and Zhou 2008) cuts the data at random, and what is
cut off early is strange; of images and sounds it gets PCA's codes, which suit it better.
"Seasonal" is for series: the squared distance from the mean of training readings at the same time
of the day, of the week, or of the period found in the data, whichever is nearest to held-out ones.
Lines of a running text are scored by n-grams.
"""

from functools import partial
from typing import Any

import numpy as np

from minae.data import AudioKind, CorpusKind, ImageKind, Ragged, SeriesKind, Split, TextKind
from minae.data.kinds import Kind
from minae.metrics import pca_errors
from minae.metrics.ngrams import best_ngram, nth
from minae.tools.anomalies.reading import Own, step_numbers
from minae.tools.anomalies.scores import AT_ONCE, Method
from minae.tools.anomalies.texts import sums
from minae.tools.bags import fit_tfidf
from minae.train.runs import Run

MOST_COMPONENTS = 256
MOST_TOPICS = 300  # with 100, LSA is worse on docstrings of other subjects, and so is the forest
UNEXPLAINED = 0.1  # the share of held-out variance that PCA may leave
DAY = 86_400  # seconds
LONGEST = 100_000  # readings in which a period is looked for


def fit_baselines(run: Run, own: Own) -> dict[str, Method]:
    """Return baselines by their names, fitted to the run's training data."""
    if isinstance(run.kind, CorpusKind):  # all at once: a line is read after those before it
        return fit_line_baselines(run.kind, own)
    if isinstance(run.kind, TextKind):
        methods = fit_text_baselines(len(run.kind.vocabulary), own.train.inputs)
    else:
        methods = fit_row_baselines(run.kind, own)
    return {name: partial(in_pieces, method) for name, method in methods.items()}


def fit_row_baselines(kind: Kind, own: Own) -> dict[str, Method]:
    """Return PCA and an isolation forest, and of a series the seasonal baseline."""
    pca, count = fit_pca(_rows(own.train), _rows(own.held_out.split))
    project = pca.transform if isinstance(kind, ImageKind | AudioKind) else np.asarray
    forest = _forest(project(_rows(own.train)))
    methods: dict[str, Method] = {
        f"PCA, {count}": lambda split: pca_errors(pca, _rows(split)),
        "isolation forest": lambda split: -forest.score_samples(project(_rows(split))),
    }
    if isinstance(kind, SeriesKind):
        name, seasonal = fit_seasonal(kind, own.train, own.held_out.split)
        methods[name] = seasonal
    return methods


def fit_line_baselines(kind: CorpusKind, own: Own) -> dict[str, Method]:
    """Return n-grams of the run's training text, with the n that is best on the held-out lines."""
    train, size = own.train.inputs, len(kind.vocabulary)
    n, _ = best_ngram(train, own.held_out.split.inputs.values, size)

    def score(split: Split) -> np.ndarray:
        lines: Ragged = split.inputs
        return sums(lines, nth(n, train, lines.values, size)) / lines.lengths

    return {f"{n}-grams": score}


def fit_text_baselines(size: int, train: Ragged) -> dict[str, Method]:
    """Return those of texts, by their tf-idf in a vocabulary of a size, and MOST_TOPICS axes of it.

    LSA, which is PCA without a mean, scores by its squared error (Deerwester et al. 1990); the
    forest gets the directions of LSA's codes, as their lengths say how well a text is rebuilt.
    """
    from sklearn.decomposition import TruncatedSVD

    tfidf = fit_tfidf(train, size)
    vectors = tfidf(train)
    count = max(1, min(MOST_TOPICS, *(n - 1 for n in vectors.shape)))
    lsa: Any = TruncatedSVD(count, random_state=0).fit(vectors)

    def codes(split: Split) -> np.ndarray:
        return lsa.transform(tfidf(split.inputs))  # (N, count)

    def directions(found: np.ndarray) -> np.ndarray:
        return found / np.maximum(np.linalg.norm(found, axis=1, keepdims=True), 1e-9)

    def errors(split: Split) -> np.ndarray:
        return 1 - np.square(codes(split)).sum(axis=1)  # the vectors have a length of 1

    forest = _forest(directions(lsa.transform(vectors)))
    return {
        f"LSA, {count}": errors,
        "isolation forest": lambda split: -forest.score_samples(directions(codes(split))),
    }


def in_pieces(method: Method, split: Split) -> np.ndarray:
    """Return a method's scores of a split, a piece at a time: windows that share memory do not fit
    into it all at once.
    """
    starts = range(0, len(split), AT_ONCE)
    return np.concatenate([method(split.take(slice(i, i + AT_ONCE))) for i in starts])


def _rows(split: Split) -> np.ndarray:
    return split.inputs.reshape(len(split), -1)  # (N, F)


def fit_pca(train: np.ndarray, held_out: np.ndarray) -> tuple[Any, int]:
    """Return PCA of rows (N, F), with as many components as held-out rows (M, F) need; and that."""
    from sklearn.decomposition import PCA

    pca: Any = PCA(min(*train.shape, MOST_COMPONENTS), random_state=0).fit(train)
    total = np.square(held_out - pca.mean_).sum()
    explained = np.square(pca.transform(held_out)).sum(axis=0).cumsum()
    few = min(int((explained < (1 - UNEXPLAINED) * total).sum()) + 1, len(explained))
    pca.components_, pca.n_components_ = pca.components_[:few], few
    return pca, few


def _forest(rows: np.ndarray) -> Any:
    from sklearn.ensemble import IsolationForest

    return IsolationForest(random_state=0).fit(rows)


def fit_seasonal(kind: SeriesKind, train: Split, held_out: Split) -> tuple[str, Method]:
    """Return the seasonal baseline, by the period that suits held-out windows best, and its name.

    The periods tried are a day and a week, where the training windows span at least two, the one
    found by autocorrelation, and none: the mean of all readings.
    """
    at = step_numbers(kind, train)  # (N,)
    periods = {"no period": 1}
    for name, seconds in (("day", DAY), ("week", 7 * DAY)):
        if kind.step and seconds % kind.step == 0 and seconds > kind.step:
            periods[name] = int(seconds / kind.step)
    if found := find_period(train.inputs[:, :, 0, 0]):
        found *= max(1, int(np.median(np.diff(at))))  # windows of a long series begin some apart
        periods.setdefault(f"{found} readings", found)
    span = at[-1] - at[0]
    methods = {
        name: _seasonal(kind, train, at, period)
        for name, period in periods.items()
        if period == 1 or 2 * period <= span
    }
    best = min(methods, key=lambda name: in_pieces(methods[name], held_out).mean())
    return f"seasonal, {best}", methods[best]


def _seasonal(kind: SeriesKind, train: Split, at: np.ndarray, period: int) -> Method:
    """Return the mean squared distance of windows from the means of training readings, by time.

    at (N,) is when the training windows begin, in steps.
    """
    C, _, W = kind.shape
    count, sums = np.zeros(period), np.zeros((C, period))
    for offset in range(W):
        place = (at + offset) % period
        count += np.bincount(place, minlength=period)
        for column in range(C):
            sums[column] += np.bincount(place, train.inputs[:, column, 0, offset], period)
    overall = sums.sum(axis=1, keepdims=True) / count.sum()
    mean = np.where(count, sums / np.maximum(count, 1), overall)  # (C, period)

    def scores(split: Split) -> np.ndarray:
        places = (step_numbers(kind, split)[:, None] + np.arange(kind.window)) % period  # (N, W)
        usual = mean[:, places].transpose(1, 0, 2)  # (N, C, W)
        return np.square(split.inputs[:, :, 0] - usual).sum(axis=1).mean(axis=1)

    return scores


def find_period(values: np.ndarray) -> int | None:
    """Return the lag of the highest peak in the autocorrelation of readings (T, C); None if none.

    A lag has to occur at least twice, and to correlate by more than 0.1.
    """
    x = values[:LONGEST] - values[:LONGEST].mean(axis=0)
    T = len(x)
    power = np.square(np.abs(np.fft.rfft(x, 2 * T, axis=0))).sum(axis=1)
    lags = np.arange(T // 2)
    correlation = np.fft.irfft(power)[: len(lags)] / (T - lags)
    inner = correlation[1:-1]
    peaks = np.flatnonzero((inner > correlation[:-2]) & (inner >= correlation[2:])) + 1
    peaks = peaks[(peaks >= 4) & (correlation[peaks] > 0.1 * correlation[0])]
    return int(peaks[correlation[peaks].argmax()]) if len(peaks) else None
