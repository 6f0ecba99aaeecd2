"""Wrong answers that people give, each of which the checks must reject."""

import numpy as np

from minae.autograd import no_grad
from minae.tensor import Tensor


def _differences(model, x, batch_size):
    """Return the reconstruction minus x, as an answer would."""
    with no_grad():
        starts = range(0, len(x), batch_size)
        parts = [x[i : i + batch_size] for i in starts]
        return np.concatenate([model(Tensor(rows)).numpy() - rows for rows in parts])


def reconstruction_errors__mean(model, x, batch_size=100):
    """Takes the mean over an input, not the sum."""
    d = _differences(model, x, batch_size)
    return (d**2).reshape(len(x), -1).mean(axis=1)


def reconstruction_errors__absolute(model, x, batch_size=100):
    """Uses absolute values instead of squares."""
    return np.abs(_differences(model, x, batch_size)).reshape(len(x), -1).sum(axis=1)


def reconstruction_errors__squared_sum(model, x, batch_size=100):
    """Sums first and then squares: errors of opposite signs cancel."""
    return _differences(model, x, batch_size).reshape(len(x), -1).sum(axis=1) ** 2


def reconstruction_errors__last_axis(model, x, batch_size=100):
    """Sums over the last axis only: right for rows."""
    return (_differences(model, x, batch_size) ** 2).sum(axis=-1)


def reconstruction_errors__a_batch(model, x, batch_size=100):
    """Returns one number per batch, as a loss would: right for batches of one."""
    d = _differences(model, x, batch_size)
    return np.array([(d[i : i + batch_size] ** 2).sum() for i in range(0, len(x), batch_size)])


def reconstruction_errors__drops_the_rest(model, x, batch_size=100):
    """Leaves out the last batch if it is not full."""
    full = max(len(x) // batch_size, 1) * batch_size
    d = _differences(model, x[:full], batch_size)
    return (d**2).reshape(len(d), -1).sum(axis=1)


def reconstruction_errors__all_at_once(model, x, batch_size=100):
    """Ignores batch_size."""
    d = _differences(model, x, len(x))
    return (d**2).reshape(len(x), -1).sum(axis=1)


def reconstruction_errors__keeps_the_graph(model, x, batch_size=100):
    """Right numbers, but records everything that a backward pass would need."""
    parts = [x[i : i + batch_size] for i in range(0, len(x), batch_size)]
    d = np.concatenate([model(Tensor(rows)).detach().numpy() - rows for rows in parts])
    return (d**2).reshape(len(x), -1).sum(axis=1)


def reconstruction_errors__flat_rows(model, x, batch_size=100):
    """Lays each input out as a row before the model sees it."""
    x = x.reshape(len(x), -1)
    with no_grad():
        parts = [x[i : i + batch_size] for i in range(0, len(x), batch_size)]
        d = np.concatenate([model(Tensor(rows)).numpy() - rows for rows in parts])
    return (d**2).sum(axis=1)


def reconstruction_errors__stays_in_eval(model, x, batch_size=100):
    """Leaves the model in eval mode: further training goes without dropout."""
    model.eval()
    with no_grad():
        parts = [x[i : i + batch_size] for i in range(0, len(x), batch_size)]
        d = np.concatenate([model(Tensor(rows)).numpy() - rows for rows in parts])
    return (d**2).reshape(len(x), -1).sum(axis=1)


def reconstruction_errors__clears_gradients(model, x, batch_size=100):
    """Clears gradients, even if the caller was about to take a step."""
    with no_grad():
        starts = range(0, len(x), batch_size)
        outputs = [model(Tensor(x[i : i + batch_size])).numpy() for i in starts]
    model.zero_grad()
    return ((np.concatenate(outputs) - x) ** 2).reshape(len(x), -1).sum(axis=1)


def threshold__other_tail(scores, rate):
    """Takes the quantile from below: reports nearly everything."""
    return np.sort(scores)[int(rate * len(scores))]


def threshold__one_less(scores, rate):
    """Allows one less than it may."""
    return np.sort(scores)[::-1][max(int(rate * len(scores)) - 1, 0)]


def threshold__one_more(scores, rate):
    """Allows one more than it may."""
    return np.sort(scores)[::-1][min(int(rate * len(scores)) + 1, len(scores) - 1)]


def threshold__rounds(scores, rate):
    """Rounds what is allowed, and so may allow more."""
    return np.sort(scores)[::-1][min(round(rate * len(scores)), len(scores) - 1)]


def threshold__between(scores, rate):
    """Returns a value between two scores, as np.quantile does."""
    return np.quantile(scores, 1 - rate)


def threshold__bell(scores, rate):
    """Uses mean and standard deviation, as if scores were normally distributed."""
    return scores.mean() + 2 * scores.std()


def threshold__unsorted(scores, rate):
    """Forgets to sort."""
    return scores[::-1][int(rate * len(scores))]


def threshold__counts_distinct(scores, rate):
    """Counts equal scores once."""
    distinct = np.unique(scores)[::-1]
    return distinct[int(rate * len(distinct))]


def threshold__rounding(scores, rate):
    """Trusts 0.29 * 100, which is a little less than 29 in Python."""
    return np.sort(scores)[::-1][int(rate * len(scores))]


def threshold__a_hundredth_more(scores, rate):
    """Allows far too much for rounding."""
    return np.sort(scores)[::-1][min(int(rate * len(scores) + 0.01), len(scores) - 1)]


def threshold__single(scores, rate):
    """Returns a number near a score, not a score."""
    return np.sort(scores.astype(np.float32))[::-1][int(rate * len(scores) + 1e-9)]


def threshold__positive(scores, rate):
    """Sorts by absolute value."""
    return scores[np.argsort(-np.abs(scores))][int(rate * len(scores) + 1e-9)]


def _curve(scores, anomaly, order):
    """Return a curve with a point for each input, and the area below it."""
    found = np.append(0, anomaly[order].cumsum() / anomaly.sum())
    false = np.append(0, (~anomaly[order]).cumsum() / (~anomaly).sum())
    return false, found, (np.diff(false) * (found[1:] + found[:-1]) / 2).sum()


def _distinct(scores, anomaly):
    """Return the curve with a point for each distinct score, without (0, 0)."""
    order = np.argsort(-scores)
    last = np.append(np.diff(scores[order]) != 0, True)
    found = anomaly[order].cumsum()[last] / anomaly.sum()
    return (~anomaly[order]).cumsum()[last] / (~anomaly).sum(), found


def _area(false, found):
    """Return the area below the lines between points."""
    return (np.diff(false) * (found[1:] + found[:-1]) / 2).sum()


def roc__a_point_an_input(scores, anomaly):
    """Makes a point for each of several equal scores, in the order in which they come."""
    return _curve(scores, anomaly, np.argsort(-scores, kind="stable"))


def roc__lowest_first(scores, anomaly):
    """Sorts from the lowest score: the area is that of the opposite score."""
    false, found = (np.append(0, x) for x in _distinct(-scores, anomaly))
    return false, found, _area(false, found)


def roc__two_swapped(scores, anomaly):
    """Returns found before false."""
    false, found = (np.append(0, x) for x in _distinct(scores, anomaly))
    return found, false, _area(false, found)


def roc__no_start(scores, anomaly):
    """Leaves out (0, 0), and the area before the first point."""
    false, found = _distinct(scores, anomaly)
    return false, found, _area(false, found)


def roc__steps(scores, anomaly):
    """Uses rectangles instead of trapezia: wrong where scores of both kinds are equal."""
    false, found = (np.append(0, x) for x in _distinct(scores, anomaly))
    return false, found, (np.diff(false) * found[1:]).sum()


def roc__counts(scores, anomaly):
    """Divides by all inputs, not by those of the kind."""
    false, found = (np.append(0, x) for x in _distinct(scores, anomaly))
    false, found = false * (~anomaly).mean(), found * anomaly.mean()
    return false, found, _area(false, found)


def roc__first_of_equal(scores, anomaly):
    """Keeps the first of equal scores: the others are left out until the next score."""
    order = np.argsort(-scores, kind="stable")
    first = np.append(True, np.diff(scores[order]) != 0)
    found = np.append(0, anomaly[order].cumsum()[first] / anomaly.sum())
    false = np.append(0, (~anomaly[order]).cumsum()[first] / (~anomaly).sum())
    return false, found, _area(false, found)


def roc__equal_are_lost(scores, anomaly):
    """Right curve; the area counts pairs of equal scores as lost, not as one half."""
    false, found = (np.append(0, x) for x in _distinct(scores, anomaly))
    return false, found, (scores[anomaly][:, None] > scores[~anomaly]).mean()


def roc__all_pairs(scores, anomaly):
    """Compares each anomaly to each normal input."""
    false, found = (np.append(0, x) for x in _distinct(scores, anomaly))
    more = scores[anomaly][:, None] - scores[~anomaly]
    return false, found, ((more > 0) + (more == 0) / 2).mean()


def roc__nearly_equal(scores, anomaly):
    """Treats scores that differ little as equal."""
    false, found = (np.append(0, x) for x in _distinct(scores.round(8), anomaly))
    return false, found, _area(false, found)


def windows__no_last(series, length, stride):
    """Stops before the last window that fits."""
    return np.lib.stride_tricks.sliding_window_view(series, length)[:-1][::stride]


def windows__every_reading(series, length, stride):
    """Ignores the stride."""
    return np.lib.stride_tricks.sliding_window_view(series, length)


def windows__copies(series, length, stride):
    """Right numbers, but copied."""
    starts = np.arange(0, len(series) - length + 1, stride)
    return series[starts[:, None] + np.arange(length)]


def windows__no_overlap(series, length, stride):
    """Cuts the series into pieces that lie side by side."""
    return series[: len(series) // length * length].reshape(-1, length)


def windows__stride_within(series, length, stride):
    """Steps by the stride within a window, not between windows."""
    return np.lib.stride_tricks.sliding_window_view(series, length)[:, ::stride]


def windows__transposed(series, length, stride):
    """Returns (length, N)."""
    return np.lib.stride_tricks.sliding_window_view(series, length)[::stride].T


def windows__gaps_forgotten(series, length, stride):
    """Assumes 8 bytes from one reading to the next: wrong for a slice with a step."""
    shape = ((len(series) - length) // stride + 1, length)
    size = series.itemsize
    return np.lib.stride_tricks.as_strided(series, shape, (stride * size, size))


def windows__from_the_end(series, length, stride):
    """Aligns the windows with the last reading, not the first."""
    rest = (len(series) - length) % stride
    return np.lib.stride_tricks.sliding_window_view(series, length)[rest::stride]


def _spread(scores, length, stride, T):
    """Return sums and counts of each reading."""
    total, count = np.zeros(T), np.zeros(T)
    for i, score in enumerate(scores):
        total[i * stride : i * stride + length] += score
        count[i * stride : i * stride + length] += 1
    return total, count


def windows__gaps_copied(series, length, stride):
    """Copies a series that has gaps in memory."""
    series = np.ascontiguousarray(series)
    return np.lib.stride_tricks.sliding_window_view(series, length)[::stride]


def reading_scores__sum(scores, length, stride, T):
    """Returns the sum: readings in the middle look stranger than those at the ends."""
    total, count = _spread(scores, length, stride, T)
    return np.where(count > 0, total, np.nan)


def reading_scores__same_count(scores, length, stride, T):
    """Divides by the number of windows that a reading in the middle lies in."""
    total, count = _spread(scores, length, stride, T)
    return np.where(count > 0, total / (length / stride), np.nan)


def reading_scores__zero(scores, length, stride, T):
    """Calls a reading normal if it is in no window."""
    total, count = _spread(scores, length, stride, T)
    return total / np.maximum(count, 1)


def reading_scores__last_wins(scores, length, stride, T):
    """Overwrites the score of the window before."""
    result = np.full(T, np.nan)
    for i, score in enumerate(scores):
        result[i * stride : i * stride + length] = score
    return result


def reading_scores__repeats(scores, length, stride, T):
    """Gives a window's score to its first readings only, up to the next window."""
    result = np.full(T, np.nan)
    for i, score in enumerate(scores):
        result[i * stride : (i + 1) * stride] = score
    return result


def reading_scores__no_stride(scores, length, stride, T):
    """Assumes that each window begins one reading after the last."""
    total, count = _spread(scores, length, 1, T)
    return np.where(count > 0, total / np.maximum(count, 1), np.nan)


def reading_scores__one_too_long(scores, length, stride, T):
    """Gives each window one reading too many."""
    total, count = _spread(scores, length + 1, stride, T)
    return np.where(count > 0, total / np.maximum(count, 1), np.nan)


def reading_scores__highest(scores, length, stride, T):
    """Takes the highest score, not the mean."""
    result = np.full(T, np.nan)
    for i, score in enumerate(scores):
        part = slice(i * stride, i * stride + length)
        result[part] = np.fmax(result[part], score)
    return result


def _events(reported, faults, breaks):
    """Return the counts, with an alarm ending where `breaks` says."""
    faulty = np.zeros(len(reported), bool)
    for start, stop in faults:
        faulty[start:stop] = True
    found = sum(bool(reported[start:stop].any()) for start, stop in faults)
    places = np.flatnonzero(reported)
    alarms = np.split(places, np.flatnonzero(breaks(np.diff(places))) + 1) if len(places) else []
    return found, len(faults) - found, sum(not faulty[alarm].any() for alarm in alarms)


def _right(reported, faults, gap):
    """Return the right counts."""
    return _events(reported, faults, lambda step: step > gap)


def reading_scores__zero_is_unknown(scores, length, stride, T):
    """Treats a sum of 0 as a reading in no window."""
    total, count = np.zeros(T), np.zeros(T)
    for i, score in enumerate(scores):
        total[i * stride : i * stride + length] += score
        count[i * stride : i * stride + length] += 1
    return np.where(total != 0, total / np.maximum(count, 1), np.nan)


def reading_scores__whole_numbers(scores, length, stride, T):
    """Keeps the type of the scores, so that whole numbers stay whole."""
    total, count = np.zeros(T, scores.dtype), np.zeros(T)
    for i, score in enumerate(scores):
        total[i * stride : i * stride + length] += score
        count[i * stride : i * stride + length] += 1
    mean = (total / np.maximum(count, 1)).astype(scores.dtype)
    return np.where(count > 0, mean, np.nan)


def count_events__readings(reported, faults, gap):
    """Counts each false reading as an alarm."""
    return _events(reported, faults, lambda step: step > 0)


def count_events__gap_one_less(reported, faults, gap):
    """Joins alarms with fewer than gap - 1 quiet readings between them."""
    return _events(reported, faults, lambda step: step >= gap)


def count_events__gap_one_more(reported, faults, gap):
    """Joins alarms with gap quiet readings between them as well."""
    return _events(reported, faults, lambda step: step > gap + 1)


def count_events__stop_inside(reported, faults, gap):
    """Treats stop as the last faulty reading."""
    return _right(reported, [(start, stop + 1) for start, stop in faults], gap)


def count_events__found_readings(reported, faults, gap):
    """Counts the readings that were found."""
    _, missed, false = _right(reported, faults, gap)
    return sum(int(reported[start:stop].sum()) for start, stop in faults), missed, false


def count_events__all_of_it(reported, faults, gap):
    """Counts a fault as found only if all of its readings are reported."""
    found = sum(bool(reported[start:stop].all()) for start, stop in faults)
    return found, len(faults) - found, _right(reported, faults, gap)[2]


def count_events__outside_is_false(reported, faults, gap):
    """Cuts the faults out first: an alarm that goes on after its fault counts as a false one."""
    outside = reported.copy()
    for start, stop in faults:
        outside[start:stop] = False
    found, missed, _ = _right(reported, faults, gap)
    return found, missed, _right(outside, [], gap)[2]


def count_events__empty_alarm(reported, faults, gap):
    """Counts an alarm where nothing was reported."""
    found, missed, false = _right(reported, faults, gap)
    return found, missed, false if reported.any() else false + 1


def count_events__alarms_found(reported, faults, gap):
    """Counts alarms that have a fault, not faults that have an alarm."""
    _, _, false = _right(reported, faults, gap)
    _, _, alarms = _right(reported, [], gap)
    return alarms - false, len(faults) - (alarms - false), false


def count_events__faults_in_order(reported, faults, gap):
    """Goes through the faults once, and misses those not in order."""
    faulty, found, end = np.zeros(len(reported), bool), 0, 0
    for start, stop in faults:
        faulty[start:stop] = True
        found += bool(start >= end and reported[start:stop].any())
        end = stop
    places = np.flatnonzero(reported)
    alarms = np.split(places, np.flatnonzero(np.diff(places) > gap) + 1)
    false = sum(len(alarm) > 0 and not faulty[alarm].any() for alarm in alarms)
    return found, len(faults) - found, false


def _blamed(relative):
    """Return scores, columns and shares of errors that have been weighted."""
    scores = relative.sum(axis=1)
    share = relative.max(axis=1) / np.where(scores > 0, scores, 1)
    return scores, relative.argmax(axis=1), share


def _relative(errors, held_out, least):
    """Return the errors, divided as they should be."""
    return errors / np.maximum(held_out.mean(axis=0), least)


def blame__not_divided(errors, held_out, least=0.02):
    """Leaves the errors as they are: the noisiest column is to blame."""
    return _blamed(errors)


def blame__own_mean(errors, held_out, least=0.02):
    """Takes what is usual from the rows to explain."""
    return _blamed(_relative(errors, errors, least))


def blame__one_mean(errors, held_out, least=0.02):
    """Divides all columns by one mean."""
    return _blamed(errors / max(held_out.mean(), least))


def blame__sum(errors, held_out, least=0.02):
    """Divides by the sum over the held-out rows: right columns and shares, wrong scores."""
    return _blamed(errors / np.maximum(held_out.sum(axis=0), least))


def blame__median(errors, held_out, least=0.02):
    """Takes the median, not the mean."""
    return _blamed(errors / np.maximum(np.median(held_out, axis=0), least))


def blame__deviation(errors, held_out, least=0.02):
    """Divides by the standard deviation of the held-out errors, as when inputs are scaled."""
    return _blamed(errors / np.maximum(held_out.std(axis=0), least))


def blame__least_of_each(errors, held_out, least=0.02):
    """Raises each held-out error to `least`, not their mean."""
    return _blamed(errors / np.maximum(held_out, least).mean(axis=0))


def blame__least_added(errors, held_out, least=0.02):
    """Adds `least` to the mean."""
    return _blamed(errors / (held_out.mean(axis=0) + least))


def blame__least_ignored(errors, held_out, least=0.02):
    """Leaves out columns that were constant."""
    mean = held_out.mean(axis=0)
    return _blamed(np.where(mean > 0, errors / np.where(mean > 0, mean, 1), 0))


def blame__share_of_plain_errors(errors, held_out, least=0.02):
    """Right column, but its share is that of the errors as they were."""
    scores, column, _ = _blamed(_relative(errors, held_out, least))
    total = errors.sum(axis=1)
    share = errors[np.arange(len(errors)), column] / np.where(total > 0, total, 1)
    return scores, column, share


def blame__mean_score(errors, held_out, least=0.02):
    """The score is the mean over the columns."""
    scores, column, share = _blamed(_relative(errors, held_out, least))
    return scores / errors.shape[1], column, share


def blame__one_column_for_all(errors, held_out, least=0.02):
    """Blames the column with the largest total for all rows."""
    relative = _relative(errors, held_out, least)
    scores, _, share = _blamed(relative)
    return scores, np.full(len(errors), relative.sum(axis=0).argmax()), share


def blame__last_of_equal(errors, held_out, least=0.02):
    """Takes the last of equal columns."""
    relative = _relative(errors, held_out, least)
    scores, _, share = _blamed(relative)
    return scores, relative.shape[1] - 1 - relative[:, ::-1].argmax(axis=1), share


def blame__nothing_by_nothing(errors, held_out, least=0.02):
    """Divides 0 by 0 for a row without error."""
    relative = _relative(errors, held_out, least)
    scores = relative.sum(axis=1)
    with np.errstate(invalid="ignore"):
        share = relative.max(axis=1) / scores
    return scores, relative.argmax(axis=1), share


def blame__small_number_added(errors, held_out, least=0.02):
    """Adds a small number to the sum: the share of a small error is wrong."""
    relative = _relative(errors, held_out, least)
    scores = relative.sum(axis=1)
    return scores, relative.argmax(axis=1), relative.max(axis=1) / (scores + 1e-9)


def blame__percent(errors, held_out, least=0.02):
    """Returns shares in percent."""
    scores, column, share = _blamed(_relative(errors, held_out, least))
    return scores, column, 100 * share


def blame__not_squared(errors, held_out, least=0.02):
    """Takes the root of the errors first."""
    return _blamed(np.sqrt(errors) / np.sqrt(np.maximum(held_out.mean(axis=0), least)))
