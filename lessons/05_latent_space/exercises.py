"""Exercises of lesson 5: what codes can tell you, and how to find out.

All are plain NumPy on codes, which are rows of an array (N, Z). None needs a trained model, and
none needs another.
"""

from itertools import pairwise

import numpy as np


def squared_distances(a, b):
    """Return the squared distance of each row of a from each row of b.

    a (N, Z) and b (M, Z) are float64; the result is (N, M), and entry i, j is |a[i] - b[j]|².

    Use no loop, and no array of N x M x Z numbers: for 500 images of 784 pixels against 4,500 that
    would take 14 GB. Expand the square: this leaves one matrix product and two sums over rows.
    Rounding may take a distance of nearly zero below zero; return zero there.

    About 3 lines, 10 minutes. Matters because every question about neighbours begins here, and
    this way it runs at the speed of a matrix product.
    """
    ### BEGIN SOLUTION
    squares = (a**2).sum(axis=1)[:, None] - 2 * a @ b.T + (b**2).sum(axis=1)  # (N, M)
    return np.maximum(squares, 0)
    ### END SOLUTION


def purity(distances, labels, k):
    """Return the share of k nearest neighbours with a row's own label, as a mean over rows.

    distances (N, N) holds the squared distances between all rows; labels (N,) are integers;
    1 <= k < N. No row is its own neighbour, but another row with the very same code is one,
    although its distance is zero too. Do not change `distances`. The order of equal distances does
    not matter in the checks.

    About 4 lines, 10 minutes. Matters because it is the usual way to ask whether a code separates
    what people separate, and counting a row as its own neighbour makes any code look good.
    """
    ### BEGIN SOLUTION
    apart = distances.astype(float)  # a copy
    np.fill_diagonal(apart, np.inf)
    nearest = np.argsort(apart, axis=1)[:, :k]  # (N, k)
    return (labels[nearest] == labels[:, None]).mean()
    ### END SOLUTION


def walk(codes, steps):
    """Return the codes on a walk from the first code to the second, the third, and so on.

    codes (K, Z), K >= 2, of floats or int64, are the places to visit. Each stretch between two of
    them takes `steps` steps of equal length, along a straight line. The first and the last place
    belong to the walk, and no place is listed both as an end and again as a beginning: the result
    is ((K - 1) * steps + 1, Z), of floats.

    About 6 lines, 10 minutes. Matters because a film of decoded codes stands still for a moment
    wherever a place is listed twice, and stops short where the last one is missing.
    """
    ### BEGIN SOLUTION
    t = (np.arange(steps) / steps)[:, None]  # (steps, 1): from 0 to just below 1
    stretches = [(1 - t) * start + t * end for start, end in pairwise(codes)]
    return np.concatenate([*stretches, codes[-1:]])
    ### END SOLUTION


def nearest_mean(codes, labels, queries):
    """Return the label of the class whose mean code is nearest to each query.

    codes (N, Z) with labels (N,), any integers, such as 3, 8 and 40; queries (M, Z). The result
    (M,) holds labels. Classes need not be equally large.

    About 4 lines, 10 minutes. Matters because it is the smallest classifier there is, with one code
    per class: how well it does says how far each class is one cloud with its mean in the middle.
    """
    ### BEGIN SOLUTION
    names = np.unique(labels)  # (C,), sorted
    means = np.stack([codes[labels == name].mean(axis=0) for name in names])  # (C, Z)
    squares = ((queries[:, None] - means) ** 2).sum(axis=2)  # (M, C)
    return names[squares.argmin(axis=1)]
    ### END SOLUTION


def distance_ratio(codes, labels):
    """Return the root mean squared distance between classes over that within classes.

    codes (N, Z) with labels (N,); at least two classes, one of which has at least two rows. Between
    classes: over all pairs of rows with different labels. Within: over all pairs with the same
    label, of all classes together. A row makes no pair with itself.

    Use no array of N x N numbers: the 60,000 images of MNIST make 3.6 billion pairs. Sum over all
    pairs of n rows, in both orders, and expand the square:

        Σᵢⱼ |xᵢ - xⱼ|² = 2 n Σᵢ |xᵢ|² - 2 |Σᵢ xᵢ|²

    This holds for all rows, and for the rows of one class. The pairs between classes are all pairs
    except those within. A row paired with itself adds zero to the sum, and must not add to the
    count.

    About 12 lines, 25 minutes. Matters because a sum over pairs is really a sum over rows, which is
    why the spread of a million codes can be computed at all.
    """
    ### BEGIN SOLUTION

    def sum_of_pairs(x):
        return 2 * len(x) * (x**2).sum() - 2 * (x.sum(axis=0) ** 2).sum()

    codes = codes - codes.mean(axis=0)  # changes no distance, and keeps the difference exact
    classes = [codes[labels == name] for name in np.unique(labels)]
    inside = sum(sum_of_pairs(x) for x in classes)
    inside_pairs = sum(len(x) * (len(x) - 1) for x in classes)
    outside = sum_of_pairs(codes) - inside
    outside_pairs = len(codes) * (len(codes) - 1) - inside_pairs
    return np.sqrt((outside / outside_pairs) / (inside / inside_pairs))
    ### END SOLUTION
