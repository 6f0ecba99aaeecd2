"""Wrong answers that people give, each of which the checks must reject."""

import numpy as np


def linear_backward__weight_transposed(dy, x, weight):
    """Multiplies by Wᵀ instead of W: the shapes fit only for square weights."""
    dx = dy @ weight.T
    dy, x = dy.reshape(-1, dy.shape[-1]), x.reshape(-1, x.shape[-1])
    return dx, dy.T @ x, dy.sum(axis=0)


def linear_backward__dweight_transposed(dy, x, weight):
    """Returns dweight as (I, O)."""
    dx = dy @ weight
    dy, x = dy.reshape(-1, dy.shape[-1]), x.reshape(-1, x.shape[-1])
    return dx, x.T @ dy, dy.sum(axis=0)


def linear_backward__mean_over_rows(dy, x, weight):
    """Averages over the rows where a sum belongs: right for one row."""
    dx = dy @ weight
    dy, x = dy.reshape(-1, dy.shape[-1]), x.reshape(-1, x.shape[-1])
    return dx, dy.T @ x / len(x), dy.mean(axis=0)


def linear_backward__dbias_over_outputs(dy, x, weight):
    """Sums dbias over the outputs instead of the rows."""
    dx = dy @ weight
    dy, x = dy.reshape(-1, dy.shape[-1]), x.reshape(-1, x.shape[-1])
    return dx, dy.T @ x, dy.sum(axis=1)


def linear_backward__batches_only(dy, x, weight):
    """Assumes that x has two dimensions."""
    return dy @ weight, dy.T @ x, dy.sum(axis=0)


def linear_backward__dbias_over_first_dimension(dy, x, weight):
    """Sums dbias over the first dimension only."""
    rows, inputs = dy.reshape(-1, dy.shape[-1]), x.reshape(-1, x.shape[-1])
    return dy @ weight, rows.T @ inputs, dy.sum(axis=0)


def linear_backward__no_empty_batch(dy, x, weight):
    """Takes a mean and multiplies it by the number of rows, which is nan for none."""
    rows, inputs = dy.reshape(-1, dy.shape[-1]), x.reshape(-1, x.shape[-1])
    return dy @ weight, rows.T @ inputs, rows.mean(axis=0) * len(rows)


def linear_backward__float32_on_the_way(dy, x, weight):
    """Loses half of the digits."""
    rows, inputs = dy.reshape(-1, dy.shape[-1]), x.reshape(-1, x.shape[-1])
    return dy @ weight, rows.astype(np.float32).T @ inputs.astype(np.float32), rows.sum(axis=0)


def tied_backward__encoder_only(dy, x, weight, bias):
    """Keeps the gradient of the weight's first use."""
    hidden = np.maximum(x @ weight.T + bias, 0)
    dz = dy @ weight.T * (hidden > 0)
    return dz @ weight, dz.T @ x, dz.sum(axis=0)


def tied_backward__decoder_only(dy, x, weight, bias):
    """Keeps the gradient of the weight's second use."""
    hidden = np.maximum(x @ weight.T + bias, 0)
    dz = dy @ weight.T * (hidden > 0)
    return dz @ weight, hidden.T @ dy, dz.sum(axis=0)


def tied_backward__no_mask(dy, x, weight, bias):
    """Forgets ReLU on the way back."""
    hidden = np.maximum(x @ weight.T + bias, 0)
    dz = dy @ weight.T
    return dz @ weight, hidden.T @ dy + dz.T @ x, dz.sum(axis=0)


def tied_backward__masked_by_gradient(dy, x, weight, bias):
    """Asks whether the gradient is positive, not the input of ReLU."""
    hidden = np.maximum(x @ weight.T + bias, 0)
    dz = np.maximum(dy @ weight.T, 0)
    return dz @ weight, hidden.T @ dy + dz.T @ x, dz.sum(axis=0)


def tied_backward__hidden_not_rectified(dy, x, weight, bias):
    """Uses the input of ReLU for the decoder's gradient."""
    z = x @ weight.T + bias
    dz = dy @ weight.T * (z > 0)
    return dz @ weight, z.T @ dy + dz.T @ x, dz.sum(axis=0)


def tied_backward__bias_forgotten(dy, x, weight, bias):
    """Recomputes the forward pass without the bias: right where it is 0."""
    hidden = np.maximum(x @ weight.T, 0)
    dz = dy @ weight.T * (hidden > 0)
    return dz @ weight, hidden.T @ dy + dz.T @ x, dz.sum(axis=0)


def tied_backward__average_of_both_uses(dy, x, weight, bias):
    """Takes the mean of two gradients that add up."""
    hidden = np.maximum(x @ weight.T + bias, 0)
    dz = dy @ weight.T * (hidden > 0)
    return dz @ weight, (hidden.T @ dy + dz.T @ x) / 2, dz.sum(axis=0)


def tied_backward__dbias_by_mask(dy, x, weight, bias):
    """Sums dbias before the mask of ReLU."""
    hidden = np.maximum(x @ weight.T + bias, 0)
    dhidden = dy @ weight.T
    dz = dhidden * (hidden > 0)
    return dz @ weight, hidden.T @ dy + dz.T @ x, dhidden.sum(axis=0)


def tied_backward__one_row_squeezed(dy, x, weight, bias):
    """Loses a dimension of length 1."""
    hidden = np.maximum(x @ weight.T + bias, 0)
    dz = (dy @ weight.T) * (hidden > 0)
    return dz @ weight, hidden.T @ dy + dz.T @ x, dz.sum(axis=0).squeeze()


def log_softmax__log_of_softmax(x, axis):
    """Right until an entry of the softmax is rounded to 0."""
    e = np.exp(x - x.max(axis=axis, keepdims=True))
    return np.log(e / e.sum(axis=axis, keepdims=True))


def log_softmax__no_shift(x, axis):
    """Overflows."""
    return x - np.log(np.exp(x).sum(axis=axis, keepdims=True))


def log_softmax__shift_not_given_back(x, axis):
    """Shifts only within the logarithm."""
    shifted = x - x.max(axis=axis, keepdims=True)
    return x - np.log(np.exp(shifted).sum(axis=axis, keepdims=True))


def log_softmax__one_shift_for_all(x, axis):
    """Shifts by the largest of all entries: in a row far below it, the sum is 0."""
    shifted = x - x.max()
    return shifted - np.log(np.exp(shifted).sum(axis=axis, keepdims=True))


def log_softmax__shift_by_mean(x, axis):
    """Shifts by the mean, so that exponents are positive and overflow."""
    shifted = x - x.mean(axis=axis, keepdims=True)
    return shifted - np.log(np.exp(shifted).sum(axis=axis, keepdims=True))


def log_softmax__always_the_last_axis(x, axis):
    """Ignores axis."""
    shifted = x - x.max(axis=-1, keepdims=True)
    return shifted - np.log(np.exp(shifted).sum(axis=-1, keepdims=True))


def log_softmax__sum_over_everything(x, axis):
    """Sums over the whole array: right for one row."""
    shifted = x - x.max(axis=axis, keepdims=True)
    return shifted - np.log(np.exp(shifted).sum())


def log_softmax__writes_into_x(x, axis):
    """Shifts in place."""
    x -= x.max(axis=axis, keepdims=True)
    return x - np.log(np.exp(x).sum(axis=axis, keepdims=True))


def log_softmax__small_number_added(x, axis):
    """Keeps log from 0 by adding 1e-12: -1000 becomes -27.6."""
    e = np.exp(x - x.max(axis=axis, keepdims=True))
    return np.log(e / e.sum(axis=axis, keepdims=True) + 1e-12)


def log_softmax__sign_of_axis_ignored(x, axis):
    """Treats axis -1 as axis 1."""
    axis = min(abs(axis), x.ndim - 1)
    return x - np.logaddexp.reduce(x, axis=axis, keepdims=True)


def log_softmax__cut_off(x, axis):
    """Cuts entries off at a number that seems low enough."""
    return np.maximum(x - np.logaddexp.reduce(x, axis=axis, keepdims=True), -1e4)


def log_softmax_backward__of_softmax(dy, y, axis):
    """The backward of softmax, with y taken as its result."""
    return y * (dy - (dy * y).sum(axis=axis, keepdims=True))


def log_softmax_backward__dy_not_summed(dy, y, axis):
    """The gradient of cross-entropy: right where dy adds up to 1."""
    return dy - np.exp(y)


def log_softmax_backward__diagonal_only(dy, y, axis):
    """Leaves out what one entry does to the others."""
    return dy * (1 - np.exp(y))


def log_softmax_backward__power_forgotten(dy, y, axis):
    """Multiplies by y instead of the softmax."""
    return dy - y * dy.sum(axis=axis, keepdims=True)


def log_softmax_backward__softmax_within_the_sum(dy, y, axis):
    """Puts the softmax inside the sum."""
    return dy - (np.exp(y) * dy).sum(axis=axis, keepdims=True)


def log_softmax_backward__always_the_last_axis(dy, y, axis):
    """Ignores axis."""
    return dy - np.exp(y) * dy.sum(axis=-1, keepdims=True)


def log_softmax_backward__sign(dy, y, axis):
    """Adds where it should subtract."""
    return dy + np.exp(y) * dy.sum(axis=axis, keepdims=True)


def log_softmax_backward__by_the_softmax(dy, y, axis):
    """Divides by a probability, which may be zero."""
    p = np.exp(y)
    return p * (dy / p - dy.sum(axis=axis, keepdims=True))


def _loss_and_gradient(x, target, ink):
    """The right answer, for mutants that spoil one half of it."""
    e = np.exp(-np.abs(x))
    log_p, log_not_p = np.minimum(x, 0) - np.log1p(e), np.minimum(-x, 0) - np.log1p(e)
    p = np.where(x >= 0, 1, e) / (1 + e)
    loss = -np.mean(ink * target * log_p + (1 - target) * log_not_p)
    return loss, ((1 - target) * p - ink * target * (1 - p)) / x.size, p


def weighted_bce__by_way_of_p(x, target, ink):
    """Takes the logarithm of probabilities: inf from a logit of 37 on."""
    _, dx, p = _loss_and_gradient(x, target, ink)
    return -np.mean(ink * target * np.log(p) + (1 - target) * np.log(1 - p)), dx


def weighted_bce__probabilities_clipped(x, target, ink):
    """Keeps p away from 0 and 1: finite, but wrong beyond a logit of 16."""
    _, dx, p = _loss_and_gradient(x, target, ink)
    p = np.clip(p, 1e-7, 1 - 1e-7)
    return -np.mean(ink * target * np.log(p) + (1 - target) * np.log(1 - p)), dx


def weighted_bce__overflows(x, target, ink):
    """Simplified, but log(1 + e^x) computes e to the thousand."""
    _, dx, _ = _loss_and_gradient(x, target, ink)
    losses = ink * target * np.log1p(np.exp(-x)) + (1 - target) * np.log1p(np.exp(x))
    return losses.mean(), dx


def weighted_bce__log_without_log1p(x, target, ink):
    """Adds a tiny number to 1 before the logarithm, where it is lost."""
    _, dx, _ = _loss_and_gradient(x, target, ink)
    rest = np.log(1 + np.exp(-np.abs(x)))
    losses = ink * target * (np.maximum(-x, 0) + rest) + (1 - target) * (np.maximum(x, 0) + rest)
    return losses.mean(), dx


def weighted_bce__gradient_without_ink(x, target, ink):
    """Weights the loss and forgets it in the gradient."""
    loss, _, p = _loss_and_gradient(x, target, ink)
    return loss, (p - target) / x.size


def weighted_bce__everything_weighted(x, target, ink):
    """Weights the background as well."""
    loss, dx, _ = _loss_and_gradient(x, target, 1)
    return ink * loss, ink * dx


def weighted_bce__gradient_of_the_sum(x, target, ink):
    """Forgets that the mean divides its gradient too."""
    loss, dx, _ = _loss_and_gradient(x, target, ink)
    return loss, dx * x.size


def weighted_bce__sum(x, target, ink):
    """Sums over the entries: right for one."""
    loss, dx, _ = _loss_and_gradient(x, target, ink)
    return loss * x.size, dx * x.size


def weighted_bce__divides_by_rows(x, target, ink):
    """Divides the gradient by the length of the first dimension."""
    loss, dx, _ = _loss_and_gradient(x, target, ink)
    return loss, dx * x.size / len(x)


def weighted_bce__weight_times_difference(x, target, ink):
    """Weights the plain gradient by the target."""
    loss, _, p = _loss_and_gradient(x, target, ink)
    return loss, (1 + (ink - 1) * target) * (p - target) / x.size


def weighted_bce__one_minus_p(x, target, ink):
    """Right except for logits around 30, where p is nearly 1 and 1 - p has few digits."""
    _, dx = _loss_and_gradient(x, target, ink)
    e = np.exp(-np.abs(x))
    p = np.where(x >= 0, 1, e) / (1 + e)
    log_not_p = np.where(x > 32, -x, np.log1p(-np.minimum(p, 1 - 1e-16)))
    return -np.mean(ink * target * (np.minimum(x, 0) - np.log1p(e)) + (1 - target) * log_not_p), dx


def initial_std__variance(shape, negative_slope):
    """Forgets the square root."""
    return 2 / ((1 + negative_slope**2) * np.prod(shape[1:]))


def initial_std__fan_out(shape, negative_slope):
    """Counts outputs: right for square weights."""
    fan_out = shape[0] * np.prod(shape[2:])
    return np.sqrt(2 / ((1 + negative_slope**2) * fan_out))


def initial_std__kernel_forgotten(shape, negative_slope):
    """Counts only the channels of a convolution."""
    return np.sqrt(2 / ((1 + negative_slope**2) * shape[1]))


def initial_std__always_relu(shape, negative_slope):
    """Ignores the slope."""
    return np.sqrt(2 / np.prod(shape[1:]))


def initial_std__activation_forgotten(shape, negative_slope):
    """Right where no activation follows."""
    return 1 / np.sqrt(np.prod(shape[1:]))


def initial_std__slope_not_squared(shape, negative_slope):
    """Right for slopes 0 and 1, since they are their own squares."""
    return np.sqrt(2 / ((1 + negative_slope) * np.prod(shape[1:])))


def initial_std__mean_of_both_fans(shape, negative_slope):
    """Takes the mean of fan-in and fan-out (Glorot & Bengio 2010): right for square weights."""
    kernel = np.prod(shape[2:])
    fan = (shape[0] + shape[1]) / 2 * kernel
    return np.sqrt(2 / ((1 + negative_slope**2) * fan))


def initial_std__bound_of_uniform(shape, negative_slope):
    """The bound of a uniform distribution with that deviation, √3 times as large."""
    return np.sqrt(6 / ((1 + negative_slope**2) * np.prod(shape[1:])))


def initial_std__slope_between_0_and_1(shape, negative_slope):
    """Clips slopes that are as good as any other."""
    slope = min(max(negative_slope, 0), 1)
    return np.sqrt(2 / ((1 + slope**2) * np.prod(shape[1:])))


def initial_std__small_integers(shape, negative_slope):
    """Overflows for a large layer."""
    fan_in = np.prod(shape[1:], dtype=np.int32)
    return np.sqrt(2 / ((1 + negative_slope**2) * max(fan_in, 1)))
