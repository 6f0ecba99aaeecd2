"""Exercises of lesson 2: layers and losses by hand, as plain functions of NumPy arrays.

dy is the gradient with respect to a function's result, dx that with respect to its input; each has
the shape of what it belongs to. No function may write into its arguments.
"""

import numpy as np


def linear_backward(dy, x, weight):
    """Return dx, dweight and dbias of y = x Wᵀ + b, for x of any number of dimensions.

    dy (..., O), x (..., I), weight (O, I) -> dx (..., I), dweight (O, I), dbias (O,)

    The dots stand for any leading dimensions, the same in dy and x: none for a single vector, (N,)
    for a batch, (N, T) for a batch of sequences; N may be 0. weight and bias are used once for each
    position along them.

    About 4 lines, 10 minutes. Matters because every dense network, every attention layer and, in
    disguise, every convolution spends its time in these products.
    """
    ### BEGIN SOLUTION
    dx = dy @ weight
    dy, x = dy.reshape(-1, dy.shape[-1]), x.reshape(-1, x.shape[-1])  # all leading dimensions as N
    return dx, dy.T @ x, dy.sum(axis=0)
    ### END SOLUTION


def tied(x, weight, bias):
    """Return relu(x Wᵀ + b) W: an autoencoder that decodes with its encoder's weight, transposed.

    x (N, I), weight (H, I), bias (H,) -> (N, I). Leave it as it is.
    """
    hidden = np.maximum(x @ weight.T + bias, 0)  # (N, H)
    return hidden @ weight


def tied_backward(dy, x, weight, bias):
    """Return dx, dweight and dbias of `tied`.

    dy (N, I), x (N, I), weight (H, I), bias (H,) -> dx (N, I), dweight (H, I), dbias (H,)

    Recompute what you need of the forward pass, then go from the end to the beginning, one function
    at a time. weight reaches the loss in two ways.

    About 7 lines, 15 minutes. Matters because a parameter that is used twice gets the sum of two
    gradients, and the most common mistake is to keep only one of them.
    """
    ### BEGIN SOLUTION
    hidden = np.maximum(x @ weight.T + bias, 0)
    dhidden = dy @ weight.T
    dz = dhidden * (hidden > 0)
    dweight = hidden.T @ dy + dz.T @ x  # as the decoder, and as the encoder
    return dz @ weight, dweight, dz.sum(axis=0)
    ### END SOLUTION


def log_softmax(x, axis):
    """Return log(e^x / Σ e^x), where the sum runs along one axis of x.

    x: an array of floats of any shape, not empty -> an array of the same shape; axis: counted as in
    NumPy, so -1 is the last. No entry of the result may be inf or nan for any x between -1e300 and
    1e300, and for x between -1e6 and 1e6 all are right to 6 digits: [0, -1000] gives [0, -1000],
    and [1000, 1000] gives [-log 2, -log 2].

    About 3 lines, 10 minutes. Matters because cross-entropy, and every model that predicts a
    class or the next word, is computed from this.
    """
    ### BEGIN SOLUTION
    shifted = x - x.max(axis=axis, keepdims=True)
    return shifted - np.log(np.exp(shifted).sum(axis=axis, keepdims=True))
    ### END SOLUTION


def log_softmax_backward(dy, y, axis):
    """Return dx of y = log_softmax(x, axis), given y and not x.

    dy and y: arrays of one shape -> dx of the same shape. Where y is -1000, e^y is 0, and dx is
    still finite.

    Derive it: y_j = x_j - log Σ e^x. What is the derivative of y_j with respect to x_i if i = j,
    and what if not? Then sum over j with dy_j, as the chain rule says.

    About 1 line, 15 minutes. Matters because people begin to guess when a gradient involves a whole
    row. Deriving it takes three lines on paper.
    """
    ### BEGIN SOLUTION
    return dy - np.exp(y) * dy.sum(axis=axis, keepdims=True)
    ### END SOLUTION


def weighted_bce(x, target, ink):
    """Return the mean loss of an image whose ink counts more than its background, and its gradient.

    x: logits, target: numbers in [0, 1], both of one shape; ink: a positive number
    -> the loss, a number, and dx, its gradient with respect to x, of x's shape

    The loss is the mean, over all entries, of

        -(ink t log σ(x) + (1 - t) log(1 - σ(x)))

    The loss is finite and right to 6 digits for every finite x, and so is each of its terms where
    it is tiny: log(1 - σ(-50)) is -e^-50, not 0. Nothing overflows. Begin with log σ(x) for
    positive and for negative x.

    About 7 lines, 20 minutes. Matters because four of five pixels of a digit are black: at first a
    network does well by calling all of them black, unless mistakes in ink cost more.
    """
    ### BEGIN SOLUTION
    e = np.exp(-np.abs(x))
    log_p = np.minimum(x, 0) - np.log1p(e)  # log σ(x)
    log_not_p = np.minimum(-x, 0) - np.log1p(e)  # log(1 - σ(x)) = log σ(-x)
    p = np.where(x >= 0, 1, e) / (1 + e)
    loss = -np.mean(ink * target * log_p + (1 - target) * log_not_p)
    dx = ((1 - target) * p - ink * target * (1 - p)) / x.size
    return loss, dx
    ### END SOLUTION


def initial_std(shape, negative_slope):
    """Return the standard deviation of initial weights for a layer that a leaky ReLU follows.

    shape: of the weight, (O, I) of a linear layer or (O, C, KH, KW) of a convolution, of which one
    output sums over C * KH * KW inputs. negative_slope: a; a leaky ReLU is x for x > 0, else a x.
    So a = 0 is ReLU, and a = 1 is no activation at all.

    The mean square after the activation should be what it was before the layer. What share of the
    mean square does a leaky ReLU let through, if half of its inputs are negative? a may be any
    number.

    About 2 lines, 10 minutes. Matters because twenty layers raise a wrong factor to the power of
    twenty.
    """
    ### BEGIN SOLUTION
    fan_in = np.prod(shape[1:])
    passed = (1 + negative_slope**2) / 2
    return 1 / np.sqrt(passed * fan_in)
    ### END SOLUTION
