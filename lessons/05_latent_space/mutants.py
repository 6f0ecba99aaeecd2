"""Wrong answers that people give, each of which the checks must reject."""

from itertools import pairwise

import numpy as np


def squared_distances__sign(a, b):
    """Adds the mixed term instead of subtracting it."""
    return (a**2).sum(axis=1)[:, None] + 2 * a @ b.T + (b**2).sum(axis=1)


def squared_distances__no_two(a, b):
    """Forgets that the mixed term comes twice."""
    squares = (a**2).sum(axis=1)[:, None] - a @ b.T + (b**2).sum(axis=1)
    return np.maximum(squares, 0)


def squared_distances__transposed(a, b):
    """Returns (M, N): right only where a and b are the same."""
    return np.maximum((b**2).sum(axis=1)[:, None] - 2 * b @ a.T + (a**2).sum(axis=1), 0)


def squared_distances__wrong_axis(a, b):
    """Adds the squares of a to columns: fails unless N = M, and is wrong even then."""
    return np.maximum((a**2).sum(axis=1) - 2 * a @ b.T + (b**2).sum(axis=1), 0)


def squared_distances__root(a, b):
    """Returns distances, not their squares."""
    squares = (a**2).sum(axis=1)[:, None] - 2 * a @ b.T + (b**2).sum(axis=1)
    return np.sqrt(np.maximum(squares, 0))


def squared_distances__below_zero(a, b):
    """Leaves what rounding makes negative."""
    return (a**2).sum(axis=1)[:, None] - 2 * a @ b.T + (b**2).sum(axis=1)


def squared_distances__all_differences(a, b):
    """Right numbers, by an array of N x M x Z."""
    return ((a[:, None] - b) ** 2).sum(axis=2)


def squared_distances__mean(a, b):
    """Takes the mean over the entries of a row, not the sum."""
    squares = (a**2).sum(axis=1)[:, None] - 2 * a @ b.T + (b**2).sum(axis=1)
    return np.maximum(squares, 0) / a.shape[1]


def squared_distances__absolute(a, b):
    """Makes positive what rounding made negative."""
    return np.abs((a**2).sum(axis=1)[:, None] - 2 * a @ b.T + (b**2).sum(axis=1))


def squared_distances__row_by_row(a, b):
    """Loops over the rows of a."""
    return np.stack([((row - b) ** 2).sum(axis=1) for row in a])


def squared_distances__number_by_number(a, b):
    """Loops over the numbers of a row."""
    squares = np.zeros((len(a), len(b)))
    for j in range(a.shape[1]):
        squares += (a[:, j, None] - b[:, j]) ** 2
    return squares


def squared_distances__small_is_zero(a, b):
    """Treats squares below 1e-6 as rounding."""
    squares = (a**2).sum(axis=1)[:, None] - 2 * a @ b.T + (b**2).sum(axis=1)
    return np.where(squares < 1e-6, 0, squares)


def squared_distances__in_float32(a, b):
    """Half of the digits are lost in the product."""
    product = (a.astype(np.float32) @ b.astype(np.float32).T).astype(float)
    return np.maximum((a**2).sum(axis=1)[:, None] - 2 * product + (b**2).sum(axis=1), 0)


def purity__counts_itself(distances, labels, k):
    """Each row is its own nearest neighbour."""
    nearest = np.argsort(distances, axis=1)[:, :k]
    return (labels[nearest] == labels[:, None]).mean()


def purity__drops_the_first(distances, labels, k):
    """Assumes that the row itself is sorted first: not so where codes are equal."""
    nearest = np.argsort(distances, axis=1, kind="stable")[:, 1 : k + 1]
    return (labels[nearest] == labels[:, None]).mean()


def purity__drops_two(distances, labels, k):
    """Leaves out the row itself and its nearest neighbour."""
    apart = distances.astype(float)
    np.fill_diagonal(apart, np.inf)
    nearest = np.argsort(apart, axis=1)[:, 1 : k + 1]
    return (labels[nearest] == labels[:, None]).mean()


def purity__farthest(distances, labels, k):
    """Takes the farthest rows."""
    nearest = np.argsort(-distances, axis=1)[:, :k]
    return (labels[nearest] == labels[:, None]).mean()


def purity__changes_distances(distances, labels, k):
    """Writes infinity into the caller's own array."""
    np.fill_diagonal(distances, np.inf)
    nearest = np.argsort(distances, axis=1)[:, :k]
    return (labels[nearest] == labels[:, None]).mean()


def purity__compares_columns(distances, labels, k):
    """Compares the neighbours' labels with each other, not with the row's."""
    apart = distances.astype(float)
    np.fill_diagonal(apart, np.inf)
    nearest = np.argsort(apart, axis=1)[:, :k]
    return (labels[nearest] == labels[nearest[:, :1]]).mean()


def purity__majority(distances, labels, k):
    """Counts rows with whose label most neighbours agree."""
    apart = distances.astype(float)
    np.fill_diagonal(apart, np.inf)
    nearest = np.argsort(apart, axis=1)[:, :k]
    return ((labels[nearest] == labels[:, None]).mean(axis=1) > 0.5).mean()


def purity__zero_is_itself(distances, labels, k):
    """Treats every distance of zero as the row itself."""
    apart = np.where(distances == 0, np.inf, distances)
    nearest = np.argsort(apart, axis=1)[:, :k]
    return (labels[nearest] == labels[:, None]).mean()


def purity__a_million_is_far(distances, labels, k):
    """Puts a row a million away from itself, but others may be farther."""
    apart = distances + 1e6 * np.eye(len(labels))
    nearest = np.argsort(apart, axis=1)[:, :k]
    return (labels[nearest] == labels[:, None]).mean()


def purity__labels_are_positions(distances, labels, k):
    """Uses labels as positions from 0 to 9."""
    one_hot = np.eye(10)[labels]
    nearest = np.argsort(distances + np.diag(np.full(len(labels), np.inf)), axis=1)[:, :k]
    return (one_hot[nearest] * one_hot[:, None]).sum(axis=2).mean()


def walk__places_twice(codes, steps):
    """Lists both ends of each stretch, so the places between come twice."""
    t = np.linspace(0, 1, steps + 1)[:, None]
    return np.concatenate([(1 - t) * p + t * q for p, q in pairwise(codes)])


def walk__no_end(codes, steps):
    """Never reaches the last place."""
    t = (np.arange(steps) / steps)[:, None]
    return np.concatenate([(1 - t) * p + t * q for p, q in pairwise(codes)])


def walk__no_start(codes, steps):
    """Leaves out the first place."""
    t = (np.arange(1, steps + 1) / steps)[:, None]
    return np.concatenate([(1 - t) * p + t * q for p, q in pairwise(codes)])


def walk__backwards(codes, steps):
    """Takes t as the share of the start: each stretch is walked from its end."""
    t = (np.arange(steps) / steps)[:, None]
    legs = [t * p + (1 - t) * q for p, q in pairwise(codes)]
    return np.concatenate([*legs, codes[-1:]])


def walk__straight(codes, steps):
    """Goes straight from the first place to the last: right for two."""
    t = np.linspace(0, 1, (len(codes) - 1) * steps + 1)[:, None]
    return (1 - t) * codes[0] + t * codes[-1]


def walk__uneven(codes, steps):
    """Spaces the codes of a stretch as if it included its end: the last step is zero."""
    t = np.linspace(0, 1, steps)[:, None]
    legs = [(1 - t) * p + t * q for p, q in pairwise(codes)]
    return np.concatenate([*legs, codes[-1:]])


def walk__sum(codes, steps):
    """Adds t of the end to all of the start."""
    t = (np.arange(steps) / steps)[:, None]
    legs = [p + t * q for p, q in pairwise(codes)]
    return np.concatenate([*legs, codes[-1:]])


def walk__arange_of_floats(codes, steps):
    """Counts from 0 to 1 by 1 / steps: rounding may add a step."""
    t = np.arange(0, 1, 1 / steps)[:, None]
    stretches = [(1 - t) * start + t * end for start, end in pairwise(codes)]
    return np.concatenate([*stretches, codes[-1:]])


def walk__drops_equal_places(codes, steps):
    """Leaves out codes equal to the one before, even if the walk stays in a place."""
    t = (np.arange(steps + 1) / steps)[:, None]
    places = np.concatenate([(1 - t) * start + t * end for start, end in pairwise(codes)])
    return places[[True, *np.any(places[1:] != places[:-1], axis=1)]]


def walk__in_the_type_of_codes(codes, steps):
    """Writes the walk into an array of the codes' type: integers are cut off."""
    t = (np.arange(steps) / steps)[:, None]
    stretches = [(1 - t) * start + t * end for start, end in pairwise(codes)]
    return np.concatenate([*stretches, codes[-1:]]).astype(codes.dtype)


def walk__along_the_sphere(codes, steps):
    """Between codes of the same length, that length is kept."""
    t = (np.arange(steps) / steps)[:, None]
    stretches = []
    for start, end in pairwise(codes):
        way = (1 - t) * start + t * end
        length = np.linalg.norm(start)
        if length > 0 and np.isclose(length, np.linalg.norm(end)):
            way = way * length / np.maximum(np.linalg.norm(way, axis=1, keepdims=True), 1e-300)
        stretches.append(way)
    return np.concatenate([*stretches, codes[-1:]])


def nearest_mean__positions(codes, labels, queries):
    """Returns positions in the list of classes, not labels: right for 0, 1, 2."""
    means = np.stack([codes[labels == name].mean(axis=0) for name in np.unique(labels)])
    return ((queries[:, None] - means) ** 2).sum(axis=2).argmin(axis=1)


def nearest_mean__order_seen(codes, labels, queries):
    """Lists the classes in a different order from their means."""
    names = np.unique(labels)
    means = np.stack([codes[labels == name].mean(axis=0) for name in names])
    seen = np.array(list(dict.fromkeys(labels[::-1].tolist())))[::-1]
    return seen[((queries[:, None] - means) ** 2).sum(axis=2).argmin(axis=1)]


def nearest_mean__nearest_row(codes, labels, queries):
    """Returns the label of the nearest row, not of the nearest mean."""
    return labels[((queries[:, None] - codes) ** 2).sum(axis=2).argmin(axis=1)]


def nearest_mean__divides_by_all(codes, labels, queries):
    """Divides each class's sum by the number of all rows."""
    names = np.unique(labels)
    means = np.stack([codes[labels == name].sum(axis=0) / len(codes) for name in names])
    return names[((queries[:, None] - means) ** 2).sum(axis=2).argmin(axis=1)]


def nearest_mean__dot_product(codes, labels, queries):
    """Takes the largest dot product to mean the smallest distance."""
    names = np.unique(labels)
    means = np.stack([codes[labels == name].mean(axis=0) for name in names])
    return names[(queries @ means.T).argmax(axis=1)]


def nearest_mean__farthest(codes, labels, queries):
    """Returns the farthest class."""
    names = np.unique(labels)
    means = np.stack([codes[labels == name].mean(axis=0) for name in names])
    return names[((queries[:, None] - means) ** 2).sum(axis=2).argmax(axis=1)]


def nearest_mean__first_number(codes, labels, queries):
    """Compares only the first number of each code: right for Z = 1."""
    names = np.unique(labels)
    means = np.stack([codes[labels == name].mean(axis=0) for name in names])
    return names[((queries[:, None, 0] - means[:, 0]) ** 2).argmin(axis=1)]


def nearest_mean__up_to_the_highest(codes, labels, queries):
    """Tries the labels from 0 to the highest: the negative ones are forgotten."""
    names = [n for n in range(max(labels.max(), 0) + 1) if (labels == n).any()] or [0]
    means = np.stack([codes[labels == n].mean(axis=0) for n in names])
    return np.array(names)[((queries[:, None] - means) ** 2).sum(axis=2).argmin(axis=1)]


def nearest_mean__median(codes, labels, queries):
    """Uses a class's median instead of its mean."""
    names = np.unique(labels)
    means = np.stack([np.median(codes[labels == n], axis=0) for n in names])
    return names[((queries[:, None] - means) ** 2).sum(axis=2).argmin(axis=1)]


def nearest_mean__large_classes_first(codes, labels, queries):
    """Prefers large classes, as a classifier with prior probabilities does."""
    names, sizes = np.unique(labels, return_counts=True)
    means = np.stack([codes[labels == n].mean(axis=0) for n in names])
    squares = ((queries[:, None] - means) ** 2).sum(axis=2)
    return names[(squares - 2 * np.log(sizes)).argmin(axis=1)]


def nearest_mean__as_text(codes, labels, queries):
    """Returns the labels as strings."""
    names = np.unique(labels)
    means = np.stack([codes[labels == n].mean(axis=0) for n in names])
    squares = ((queries[:, None] - means) ** 2).sum(axis=2)
    return [str(names[i]) for i in squares.argmin(axis=1)]


def _sums(codes, labels):
    """Return sums and counts of pairs, all and within classes, as an answer would."""

    def pairs(x):
        return 2 * len(x) * (x**2).sum() - 2 * (x.sum(axis=0) ** 2).sum()

    codes = codes - codes.mean(axis=0)
    classes = [codes[labels == name] for name in np.unique(labels)]
    n_within = sum(len(x) * (len(x) - 1) for x in classes)
    return pairs(codes), len(codes) * (len(codes) - 1), sum(map(pairs, classes)), n_within, classes


def distance_ratio__itself(codes, labels):
    """Counts a row with itself as a pair within."""
    total, _, inside, _, classes = _sums(codes, labels)
    n_within = sum(len(x) ** 2 for x in classes)
    return np.sqrt((total - inside) / (len(codes) ** 2 - n_within) / (inside / n_within))


def distance_ratio__all_for_between(codes, labels):
    """Counts all pairs as pairs between classes."""
    total, n_total, inside, n_within, _ = _sums(codes, labels)
    return np.sqrt((total / n_total) / (inside / n_within))


def distance_ratio__no_root(codes, labels):
    """Returns the ratio of squares."""
    total, n_total, inside, n_within, _ = _sums(codes, labels)
    return (total - inside) / (n_total - n_within) / (inside / n_within)


def distance_ratio__upside_down(codes, labels):
    """Returns within over between."""
    total, n_total, inside, n_within, _ = _sums(codes, labels)
    return np.sqrt((inside / n_within) / ((total - inside) / (n_total - n_within)))


def distance_ratio__sums(codes, labels):
    """Divides the sums, not the means: there are many more pairs between."""
    total, _, inside, _, _ = _sums(codes, labels)
    return np.sqrt((total - inside) / inside)


def distance_ratio__mean_of_classes(codes, labels):
    """Takes the mean of the classes' means: right if all have the same size."""
    total, n_total, inside, n_within, classes = _sums(codes, labels)
    spreads = [2 * x.var(axis=0).sum() * len(x) / (len(x) - 1) for x in classes if len(x) > 1]
    return np.sqrt((total - inside) / (n_total - n_within) / np.mean(spreads))


def distance_ratio__of_means(codes, labels):
    """Takes the distances between class means."""
    _, _, inside, n_within, classes = _sums(codes, labels)
    means = np.stack([x.mean(axis=0) for x in classes])
    squares = ((means[:, None] - means) ** 2).sum(axis=2)
    return np.sqrt(squares.sum() / (len(means) * (len(means) - 1)) / (inside / n_within))


def distance_ratio__all_pairs(codes, labels):
    """Right numbers, by an array of N x N."""
    squares = (codes**2).sum(axis=1)[:, None] - 2 * codes @ codes.T + (codes**2).sum(axis=1)
    equal, apart = labels[:, None] == labels, ~np.eye(len(codes), dtype=bool)
    return np.sqrt(squares[~equal].mean() / squares[equal & apart].mean())


def distance_ratio__negative_labels_are_zero(codes, labels):
    """Treats all negative labels as 0."""
    total, n_total, inside, n_within, _ = _sums(codes, np.where(labels < 0, 0, labels))
    return np.sqrt((total - inside) / (n_total - n_within) / (inside / n_within))


def distance_ratio__adds_a_little(codes, labels):
    """Adds 1e-8 against a division by zero."""
    total, n_total, inside, n_within, _ = _sums(codes, labels)
    return np.sqrt((total - inside) / (n_total - n_within) / (inside / n_within + 1e-8))
