"""Exercises of lesson 5: what to ask codes, and how.

All are plain NumPy on codes, which are rows of an array (N, Z). None needs a trained model, and
none needs another one of them.
"""

from itertools import pairwise

import numpy as np


def squared_distances(a, b):
    """Return the squared distance of each row of a from each row of b.

    a (N, Z) and b (M, Z) are float64; the result is (N, M), and entry i, j is |a[i] - b[j]|².

    Without a loop, and without an array of N x M x Z numbers: for 500 images of 784 pixels against
    4,500 that would take 14 GB. Multiply out the square: what is left is one matrix product and
    two sums over rows. Rounding may take a distance of nearly zero below zero; return zero there.

    About 3 lines, 10 minutes. Matters because every question about neighbours begins here, and
    this way it runs at the speed of a matrix product.
    """
    ### BEGIN SOLUTION
    squares = (a**2).sum(axis=1)[:, None] - 2 * a @ b.T + (b**2).sum(axis=1)  # (N, M)
    return np.maximum(squares, 0)
    ### END SOLUTION


def purity(distances, labels, k):
    """Return which share of the k nearest neighbours has a row's own label, as a mean over rows.

    distances (N, N) holds the squared distance of each row from each other one; labels (N,) are
    integers; 1 <= k < N. No row is its own neighbour, but another row with the very same code
    is one: its distance is zero too. Leave `distances` as it is. In what order equal distances come
    does not matter in the checks.

    About 4 lines, 10 minutes. Matters because it is the usual way to ask whether a code keeps
    apart what people keep apart, and counting a row as its own neighbour makes any code look good.
    """
    ### BEGIN SOLUTION
    apart = distances.astype(float)  # a copy
    np.fill_diagonal(apart, np.inf)
    nearest = np.argsort(apart, axis=1)[:, :k]  # (N, k)
    return (labels[nearest] == labels[:, None]).mean()
    ### END SOLUTION


def walk(codes, steps):
    """Return the codes on a walk from the first code to the second, the third, and so on.

    codes (K, Z), K >= 2, of floats or int64, are the places to be visited. Each stretch between
    two of them takes `steps` steps of equal length, along a straight line. The first place and the
    last one belong to the walk, and none is listed once as an end and once more as a beginning: the
    result is ((K - 1) * steps + 1, Z), of floats.

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
    (M,) holds labels. A class need not be as large as another one.

    About 4 lines, 10 minutes. Matters because it is the smallest classifier there is, one code a
    class: how well it does says how far a class is one cloud with its mean in the middle.
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
    classes: over all pairs of rows with different labels. Within: over all pairs with one label,
    of all classes together, and a row makes no pair with itself.

    Without an array of N x N numbers: the 60,000 images of MNIST make 3.6 billion pairs. Sum over
    all pairs of n rows, in both orders, and multiply out the square:

        Σᵢⱼ |xᵢ - xⱼ|² = 2 n Σᵢ |xᵢ|² - 2 |Σᵢ xᵢ|²

    This holds for all rows, and for the rows of one class. The pairs between classes are all pairs
    without those within. What counts as a pair of a row with itself adds zero to the sum, and must
    not add to the count.

    About 12 lines, 25 minutes. Matters because a sum over pairs is in truth a sum over rows, which
    is why the spread of a million codes can be known at all.
    """
    ### BEGIN SOLUTION

    def sum_of_pairs(x):
        return 2 * len(x) * (x**2).sum() - 2 * (x.sum(axis=0) ** 2).sum()

    codes = codes - codes.mean(axis=0)  # moves no distance, and keeps the difference exact
    classes = [codes[labels == name] for name in np.unique(labels)]
    inside = sum(sum_of_pairs(x) for x in classes)
    inside_pairs = sum(len(x) * (len(x) - 1) for x in classes)
    outside = sum_of_pairs(codes) - inside
    outside_pairs = len(codes) * (len(codes) - 1) - inside_pairs
    return np.sqrt((outside / outside_pairs) / (inside / inside_pairs))
    ### END SOLUTION
