# %% [markdown]
"""# 2. Layers

A network is a chain of a few functions: a linear map, a bent function after it, a loss at the end.
To train it you need the derivative of each, and nothing else. Here you write them by hand, as plain
functions of NumPy arrays, and check every derivative against finite differences.

Then come two ways in which right formulas fail. A number gets too large or too small for its
format, and one `nan` destroys the network: so losses are written in a different but equal form. Or
the layers are right, but twenty in a row let the signal fade or explode: so the size of initial
weights is computed, not guessed. You see both in numbers and pictures.
"""

# %%
import inspect
from decimal import Decimal, localcontext
from itertools import pairwise
from pathlib import Path

import numpy as np
from matplotlib.figure import Figure
from threadpoolctl import threadpool_limits

import minae
from minae import plots
from minae.autograd import Op
from minae.data import load
from minae.gradcheck import GradcheckError, gradcheck
from minae.report import print_table

threadpool_limits(1, user_api="blas")  # small products lose time when threads wait for each other
OUT = Path("runs") / "02_layers"
BLUE, RED, GREY = plots.BLUE, plots.RED, plots.COLOURS[0]


def keep(figure, name):
    """Write a picture and say where it is."""
    figure.tight_layout()
    plots.save(figure, OUT / name)
    print(f"written: {OUT / name}")


# %% [markdown]
# ## What backward is given, and what it returns
#
# Let L be the loss, one number. For a layer y = f(x), its **backward** is given dy, the derivative
# of L with respect to each entry of y, and returns dx, the derivative with respect to each entry of
# x. The chain rule sums over all paths from x to L:
#
# $$dx_i = \sum_j dy_j \frac{\partial y_j}{\partial x_i}$$
#
# dx has the shape of x. The dx of one layer is the dy of the layer before it.
#
# To check a pair of functions, wrap them in an `Op` and hand it to `minae.gradcheck`. It moves each
# entry of each input a little in both directions, and compares how the output moves with what
# backward says. Lesson 1 builds it.


# %%
def check(name, forward, backward, *arrays):
    """Compare backward(dy, *arrays) with finite differences of forward; print the largest error."""

    class _ByHand(Op):
        def forward(self, *inputs):
            self.save(*inputs)
            return forward(*inputs)

        def backward(self, dy):
            return backward(dy, *self.saved)

    def f(*tensors):
        return _ByHand.apply(*tensors)

    f.__signature__ = inspect.signature(forward)  # so that messages name the inputs
    print(f"{name}: gradients right, largest relative error {gradcheck(f, *arrays):.0e}")


rng = np.random.default_rng(2)

# %% [markdown]
# ## Linear
#
# A batch x has N rows of I numbers. The layer has a weight (O, I), a row for each output, and a
# bias (O,):
#
# $$y_{no} = \sum_i x_{ni} w_{oi} + b_o$$


# %%
def linear(x, weight, bias):
    """Return x Wᵀ + b: x (N, I), weight (O, I), bias (O,) -> (N, O)."""
    return x @ weight.T + bias


# %% [markdown]
# For its three derivatives, ask where each entry goes. $x_{ni}$ goes into all outputs of its own
# row n, each time with the factor $w_{oi}$. $w_{oi}$ goes into output o of every row, with the
# factor $x_{ni}$. $b_o$ goes into output o of every row, with the factor 1:
#
# $$dx_{ni} = \sum_o dy_{no} w_{oi} \qquad dw_{oi} = \sum_n dy_{no} x_{ni} \qquad
# db_o = \sum_n dy_{no}$$
#
# A weight is used in each row, so its gradient is a sum over the rows. As products of matrices:


# %%
def linear_backward(dy, x, weight):
    """Return dx (N, I), dweight (O, I) and dbias (O,) for dy (N, O)."""
    return dy @ weight, dy.T @ x, dy.sum(axis=0)


x, weight, bias = rng.normal(size=(5, 3)), rng.normal(size=(4, 3)), rng.normal(size=4)
check("linear", linear, lambda dy, x, weight, bias: linear_backward(dy, x, weight), x, weight, bias)

# %% [markdown]
# The shapes help: dy is (N, O) and weight (O, I), so dx (N, I) can only be dy W. But shapes are no
# proof. Here is a backward whose shapes are right, with a mean over the 5 rows in place of the sum.
# Read what the check says about it: the ratio names the mistake.


# %%
def mean_in_place_of_sum(dy, x, weight, bias):
    """A wrong backward: the rows' gradients are averaged."""
    return dy @ weight, dy.T @ x / len(x), dy.mean(axis=0)


try:
    check("linear", linear, mean_in_place_of_sum, x, weight, bias)
    said = "nothing"
except GradcheckError as error:
    said = str(error)
print(said)
assert "ratio 0.2 everywhere" in said

# %% [markdown]
# ## ReLU and sigmoid
#
# Two linear layers in a row are one linear layer. So what stands between them has to be bent. It
# works on each entry separately, so the sum in the chain rule has one term: $dx = dy\, f'(x)$.
#
# $$\text{relu}(x) = \max(x, 0) \qquad \text{relu}'(x) = 1 \text{ if } x > 0, \text{ else } 0$$


# %%
def relu(x):
    """Return max(x, 0)."""
    return np.maximum(x, 0)


def relu_backward(dy, x):
    """Return dx: dy where x is positive, 0 elsewhere."""
    return dy * (x > 0)


check("relu", relu, relu_backward, rng.normal(size=(3, 4)))

# %% [markdown]
# At x = 0 there is no derivative: finite differences straddle it, and give one half. minae says 0,
# and so does PyTorch. So keep a gradient check away from 0.
#
# The sigmoid turns any number, a **logit**, into one between 0 and 1: a probability, or the grey
# level of a pixel. Its slope can be written in terms of its result:
#
# $$\sigma(x) = \frac{1}{1 + e^{-x}} \qquad
# \sigma'(x) = \frac{e^{-x}}{(1 + e^{-x})^2} = \sigma(x)\,(1 - \sigma(x))$$


# %%
def textbook_sigmoid(x):
    """Return 1 / (1 + e^-x), as in textbooks."""
    return 1 / (1 + np.exp(-x))


def sigmoid_backward(dy, y):
    """Return dx for dy, where y is the sigmoid of x."""
    return dy * y * (1 - y)


x = rng.normal(size=(3, 4))
check("sigmoid", textbook_sigmoid, lambda dy, x: sigmoid_backward(dy, textbook_sigmoid(x)), x)

# %% [markdown]
# For x = -1000 the textbook form computes e to the 1000, which is `inf` in any format. 1 / inf
# happens to be right, but NumPy warns, and you want warnings to mean something. Multiply numerator
# and denominator by $e^{x}$ where x is negative: then e is only raised to negative powers, and the
# worst that can happen is a 0.
#
# $$\sigma(x) = \frac{1}{1 + e^{-|x|}} \text{ if } x \ge 0, \text{ else }
# \frac{e^{-|x|}}{1 + e^{-|x|}}$$


# %%
def sigmoid(x):
    """Return 1 / (1 + e^-x), without overflow for any x."""
    e = np.exp(-np.abs(x))
    return np.where(x >= 0, 1, e) / (1 + e)


x = np.append(rng.normal(size=10), [-30, 30])
check("the same, stable", sigmoid, lambda dy, x: sigmoid_backward(dy, sigmoid(x)), x)
x = np.linspace(-6, 6, 241)  # 0 is among them
slope = sigmoid_backward(1.0, sigmoid(x))
print(f"the sigmoid's largest slope: {slope.max()}, at {abs(x[slope.argmax()]):g}")
assert slope.max() == 0.25

figure = Figure(figsize=(7.2, 2.8))
curves = {"ReLU": (relu(x), relu_backward(1.0, x)), "sigmoid": (sigmoid(x), slope)}
for panel, (name, (y, dx)) in zip(figure.subplots(1, 2), curves.items(), strict=True):
    panel.plot(x, y, color=BLUE, label=name)
    panel.plot(x, dx, color=RED, linestyle="--", label="its slope")
    panel.set(xlabel="x", ylim=(-0.1, 1.1 + (name == "ReLU")))
    panel.legend(loc="upper left", frameon=False)
keep(figure, "activations.png")

# %% [markdown]
# The slope is at most 1/4, so sigmoids alone shrink a gradient to less than
# $4^{-20} \approx 10^{-12}$ in 20 layers. ReLU lets a gradient pass whole, or not at all. This is
# why ReLU is used between layers, and the sigmoid only at the end, before a loss.
#
# ## Binary cross-entropy, and where the textbook form breaks
#
# A pixel's target t lies between 0 and 1, and the network says p = σ(x). The **binary
# cross-entropy** is
#
# $$-\left(t \log p + (1 - t) \log(1 - p)\right)$$
#
# and its derivative with respect to p is $(p - t) / (p (1 - p))$. Written down like this:


# %%
def textbook_bce(x, target):
    """Return the loss of each entry, by way of p = σ(x)."""
    p = textbook_sigmoid(x)
    return -(target * np.log(p) + (1 - target) * np.log(1 - p))


def textbook_bce_backward(dy, x, target):
    """Return dx, by way of the derivative with respect to p."""
    p = textbook_sigmoid(x)
    dp = dy * (p - target) / (p * (1 - p))
    return sigmoid_backward(dp, p)


x, t = rng.normal(size=(3, 4)), rng.random((3, 4))
check("BCE", lambda x: textbook_bce(x, t), lambda dy, x: textbook_bce_backward(dy, x, t), x)

# %% [markdown]
# The derivative is right, and yet this loss is useless. Search for the logit at which it is no
# longer finite, in both formats and in both directions:


# %%
@np.errstate(all="ignore")  # the warnings are what this is about
def first_break(dtype, target, sign):
    """Return the first logit (to 1e-5) at which textbook_bce is not finite, and its value there."""
    good, bad = 0.0, 1000.0
    while bad - good > 1e-5:
        middle = (good + bad) / 2
        if np.isfinite(textbook_bce(dtype(sign * middle), dtype(target))):
            good = middle
        else:
            bad = middle
    return sign * bad, textbook_bce(dtype(sign * bad), dtype(target))


rows = []
for dtype in (np.float32, np.float64):
    digits = np.finfo(dtype).nmant + 1  # binary digits: 24 and 53
    expected = {1: digits * np.log(2), -1: -np.log(float(np.finfo(dtype).max))}
    for target, sign in [(0, 1), (0, -1), (1, 1), (1, -1)]:
        logit, loss = first_break(dtype, target, sign)
        exact = np.logaddexp(0.0, (1 - 2 * target) * logit)  # -log(1 - p), or -log p
        rows.append((dtype.__name__, target, f"{logit:.3f}", str(loss), f"{exact:.3g}"))
        assert abs(logit - expected[sign]) < 0.01
print_table(("format", "target", "breaks at logit", "loss there", "exact"), rows, "textbook BCE")

# %% [markdown]
# Both ends have a reason, and the cell above asserts it:
#
# - Upwards: float32 has 24 binary digits. $1 + e^{-x}$ is rounded to 1 once $e^{-x}$ is $2^{-24}$
#   or less, from x = 24 log 2 = 16.64 on. Then p is exactly 1, log(1 - p) = log 0 is -inf, and 0
#   times that is nan. float64 has 53 digits, and gets as far as 53 log 2 = 36.74.
# - Downwards: $e^{-x}$ overflows at log(largest number): 88.72 and 709.78. Then p = 0, and log p is
#   -inf.
#
# A logit of 17 means that the network is sure that a pixel is white, and is nothing out of the
# ordinary. The gradient breaks at the same logits: it divides by p (1 - p), which is 0. One pixel
# is enough. Below is an autoencoder with 64 hidden units and 784 logits, on 100 images. One of the
# 78,400 logits is set to 17. Follow the nan.

# %%
images = load("mnist5k").train.images.reshape(-1, 784).astype(np.float32)
x = images[::40]  # (100, 784)
w1, w2 = (rng.normal(size=s).astype(np.float32) / 28 for s in ((64, 784), (784, 64)))
z = linear(x, w1, np.float32(0))
logits = linear(relu(z), w2, np.float32(0))
logits[7, 0] = 17
with np.errstate(all="ignore"):
    dlogits = textbook_bce_backward(np.float32(1 / 100), logits, x)
dhidden, dw2, _ = linear_backward(dlogits, relu(z), w2)
_, dw1, _ = linear_backward(relu_backward(dhidden, z), x, w1)
for name, gradient in (("dlogits", dlogits), ("dw2", dw2), ("dhidden", dhidden), ("dw1", dw1)):
    print(f"{name}: {np.isnan(gradient).sum():,} of {gradient.size:,} entries are nan")
assert np.isnan(dlogits).sum() == 1
assert np.isnan(dw1).all()

# %% [markdown]
# After one step of training, all weights of the first layer are nan, and stay nan.
#
# The remedy is to simplify on paper before computing. With $\log p = x - \log(1 + e^x)$ and
# $\log(1 - p) = -\log(1 + e^x)$, the loss is $\log(1 + e^x) - x t$. This still overflows for large
# x, so take $e^x$ out of the logarithm where x is positive: $\log(1 + e^x) = x + \log(1 + e^{-x})$.
# Both cases in one line:
#
# $$\max(x, 0) - x t + \log(1 + e^{-|x|})$$
#
# e is only raised to negative powers, and the logarithm is of a number between 1 and 2. `log1p(e)`
# is log(1 + e), computed without adding 1 first, which would round a small e away. The slope is the
# derivative of $\log(1 + e^x) - x t$: no division is left that could be 0 / 0.
#
# $$dx = dy\,(\sigma(x) - t)$$


# %%
def bce_with_logits(x, target):
    """Return the binary cross-entropy of σ(x) with target, entry by entry, for any x."""
    return np.maximum(x, 0) - x * target + np.log1p(np.exp(-np.abs(x)))


def bce_with_logits_backward(dy, x, target):
    """Return dx."""
    return dy * (sigmoid(x) - target)


x, t = np.append(rng.normal(size=8), [-200, -30, 30, 200]), rng.random(12)
by_hand = (lambda x: bce_with_logits(x, t)), (lambda dy, x: bce_with_logits_backward(dy, x, t))
check("BCE with logits", *by_hand, x)
e = np.float32(np.exp(-20))
print(f"e = {e:.4g}, in float32: log(1 + e) = {np.log(1 + e):.4g}, log1p(e) = {np.log1p(e):.4g}")
assert np.log(1 + e) == 0
assert np.isclose(np.log1p(e), e)

# %% [markdown]
# How wrong is the textbook form before it breaks? The exact loss comes from Python's `decimal`,
# with 400 digits. The target is 0, a black pixel; errors are relative to the loss (or to the
# format's smallest normal number, where the loss is below it). Where the background is red, the
# textbook form is inf or nan. Left of the middle it says 0 for a loss that is small: 1 - p has been
# rounded to 1. Where the stable form is at its lowest line, it has no error at all.


# %%
def exact_loss(x):
    """Return log(1 + e^x) for each x, computed with 400 digits."""
    with localcontext(prec=400):
        return [(1 + Decimal(float(value)).exp()).ln() for value in x]


@np.errstate(all="ignore")
def draw_errors(panel, dtype, reach):
    """Draw how wrong both forms are for logits from -reach to reach."""
    x = np.linspace(-reach, reach, 401).astype(dtype)
    exact = exact_loss(x)
    rounding, worst = np.finfo(dtype).eps, []
    for form, colour in ((textbook_bce, RED), (bce_with_logits, BLUE)):
        loss = form(x, dtype(0))
        off = [
            float(abs(Decimal(float(value)) - right)) if value < np.inf else np.nan
            for value, right in zip(loss, exact, strict=True)
        ]
        error = np.array(off) / np.maximum(np.array(exact, float), np.finfo(dtype).tiny)
        worst.append(np.nanmax(error))
        shown = np.maximum(error, rounding / 100)  # an error of 0 has no place on a log axis
        panel.semilogy(x, shown, color=colour, label=form.__name__)
    for sign in (-1, 1):
        edge, _ = first_break(dtype, 0, sign)
        panel.axvspan(edge, sign * reach, color=RED, alpha=0.15, linewidth=0)
    panel.text(0.95 * reach, 1, "inf or nan", color=RED, ha="right")
    panel.set(title=dtype.__name__, xlabel="logit", xlim=(-reach, reach), ylim=(rounding / 200, 30))
    print(f"{dtype.__name__}: largest error {worst[0]:.1g}, of the stable form {worst[1]:.1g}")
    assert worst[0] > 0.5
    assert worst[1] < 4 * rounding


figure = Figure(figsize=(8.4, 3.4))
left, right = figure.subplots(1, 2)
draw_errors(left, np.float32, 100)
draw_errors(right, np.float64, 800)
left.set_ylabel("relative error of the loss")
right.legend(loc="center right", frameon=False, fontsize="small")
keep(figure, "bce.png")

# %% [markdown]
# ## Softmax: a row whose entries compete
#
# The sigmoid decides between two; softmax divides one unit between K:
#
# $$y_i = \frac{e^{x_i}}{\sum_j e^{x_j}}$$
#
# $e^{89}$ is too large for float32. But a constant c added to the whole row changes nothing:
# $e^{x_i + c} = e^c e^{x_i}$, and $e^c$ cancels. So subtract the row's largest entry first. Then
# all exponents are 0 or below, and the sum is at least 1.


# %%
def softmax(x):
    """Return e^x / Σ e^x in each row of x (N, K)."""
    e = np.exp(x - x.max(axis=1, keepdims=True))
    return e / e.sum(axis=1, keepdims=True)


x = np.array([[1000, 1001, 998.5]])
with np.errstate(all="ignore"):
    unshifted = np.exp(x) / np.exp(x).sum(axis=1, keepdims=True)
print(f"without the shift {unshifted.tolist()}, with it {softmax(x).round(4).tolist()}")
assert np.isnan(unshifted).all()
assert np.allclose(softmax(x), softmax(x - 1000))

# %% [markdown]
# Every y depends on every x in its row, so here the sum in the chain rule has K terms. From the
# quotient rule, with $\delta_{ij}$ = 1 if i = j and else 0:
#
# $$\frac{\partial y_j}{\partial x_i} = y_j (\delta_{ij} - y_i) \qquad\Rightarrow\qquad
# dx_i = \sum_j dy_j\, y_j (\delta_{ij} - y_i) = y_i \Big(dy_i - \sum_j dy_j\, y_j\Big)$$
#
# The right-hand side needs no matrix of K x K derivatives, only one sum per row.


# %%
def softmax_backward(dy, y):
    """Return dx (N, K) for dy (N, K), where y is the softmax of x."""
    return y * (dy - (dy * y).sum(axis=1, keepdims=True))


x = rng.normal(size=(3, 4))
check("softmax", softmax, lambda dy, x: softmax_backward(dy, softmax(x)), x)
y, dy = softmax(x), rng.normal(size=(3, 4))
jacobian = np.diag(y[0]) - np.outer(y[0], y[0])  # (j, i), of the first row
assert np.allclose(dy[0] @ jacobian, softmax_backward(dy, y)[0])

# %% [markdown]
# Losses need log y. Computing softmax first and then its logarithm is the textbook mistake again:
# an entry 104 below the largest gives y = 0 in float32, and log 0. The form without the detour is
# exercise 2.3, its backward 2.4.

# %%
x = np.array([[0, -120]], np.float32)
with np.errstate(divide="ignore"):
    y = np.log(softmax(x))
print(f"log(softmax({x.tolist()})) = {y.tolist()}, exact is [[0, -120]]")
assert y[0, 1] == -np.inf

# %% [markdown]
# Do these agree with minae's functions? Compare the gradients of a linear layer and its loss:

# %%
x, weight, target = rng.normal(size=(5, 3)), rng.normal(size=(4, 3)), rng.random((5, 4))
tensors = [minae.tensor(a, requires_grad=True) for a in (x, weight, bias)]
minae.binary_cross_entropy_with_logits(minae.linear(*tensors), minae.tensor(target)).backward()
dlogits = bce_with_logits_backward(1 / target.size, linear(x, weight, bias), target)
for by_hand, tensor in zip(linear_backward(dlogits, x, weight), tensors, strict=True):
    assert np.allclose(by_hand, tensor.grad.data, rtol=1e-12, atol=1e-14)
print("linear and bce_with_logits: minae's gradients and these agree to 1e-12")

# %% [markdown]
# ## Initial weights: twenty layers
#
# Now the layers are right. Put twenty in a row. How large should the weights be at first? Zero will
# not do: all hidden units would stay equal for ever. So draw them at random, with mean 0. Their
# size can be computed. With weights of variance v that are independent of x, and `fan_in` inputs x:
#
# $$\text{mean } y^2 = \text{fan\_in} \cdot v \cdot \text{mean } x^2$$
#
# because, in the square of the sum, products of two different weights have mean 0. y is as often
# positive as negative. ReLU sets the negative half to 0, so half of the mean square passes. Check
# both factors on images:

# %%
x = images[::8]  # (500, 784)
fan_in, v = 784, 0.01
y = linear(x, rng.normal(0, np.sqrt(v), (4096, fan_in)), 0)
by_formula = fan_in * v * np.mean(x**2)
print(f"mean y²: {np.mean(y**2):.4f}; fan_in v mean x² = {by_formula:.4f}")
print(f"of which ReLU lets through: {np.mean(relu(y) ** 2) / np.mean(y**2):.3f}")
assert abs(np.mean(y**2) / by_formula - 1) < 0.1
assert abs(np.mean(relu(y) ** 2) / np.mean(y**2) - 0.5) < 0.05

# %% [markdown]
# So a layer with ReLU multiplies the mean square by **fan_in v / 2**, and the size of the signal by
# the root of that, twenty times over. The same holds on the way back: dx = dy W multiplies by
# fan_out v, and the ReLU's backward halves. Where all layers have the same width, both factors are
# equal. Three choices:
#
# | standard deviation √v | factor in size per layer | after 18 layers of width 256 |
# |---|---|---|
# | 0.2, a guess | √(256 · 0.04 / 2) = 2.26 | 2,400,000 |
# | 1 / √(3 fan_in): PyTorch's default for weights | √(1/6) = 0.41 | 0.0000001 |
# | √(2 / fan_in): He et al. 2015 | 1 | 1 |
#
# The last one solves fan_in v / 2 = 1. In the picture, dots are measured on images and lines are
# the formula. Biases are 0, and the last layer has no ReLU, so look at layers 1 to 19.


# %%
INITIALISATIONS = {
    "0.2": lambda fan_in: 0.2,
    "1 / √(3 fan_in)": lambda fan_in: 1 / np.sqrt(3 * fan_in),
    "√(2 / fan_in)": lambda fan_in: np.sqrt(2 / fan_in),
}
COLOURS = dict(zip(INITIALISATIONS, (RED, GREY, BLUE), strict=True))


def draw_weights(sizes, std_of, rng):
    """Return a weight (O, I) for each pair of neighbouring sizes."""
    return [
        (rng.standard_normal((o, i)) * std_of(i)).astype(np.float32) for i, o in pairwise(sizes)
    ]


def forward(x, weights, biases):
    """Return x and the output of each layer: ReLU follows every layer but the last."""
    outputs = [x]
    for weight, bias in zip(weights, biases, strict=True):
        y = linear(outputs[-1], weight, bias)
        outputs.append(relu(y) if len(outputs) < len(weights) else y)
    return outputs


def backward(dy, outputs, weights):
    """Return the gradients of all outputs, of the weights and of the biases, each in order."""
    doutputs, dweights, dbiases = [dy], [], []
    for layer in reversed(range(len(weights))):
        if layer < len(weights) - 1:
            dy = relu_backward(dy, outputs[layer + 1])  # its output is positive where its input is
        dy, dweight, dbias = linear_backward(dy, outputs[layer], weights[layer])
        doutputs.insert(0, dy)
        dweights.insert(0, dweight)
        dbiases.insert(0, dbias)
    return doutputs, dweights, dbiases


def size(x):
    """Return the root of the mean square."""
    return float(np.sqrt(np.mean(np.square(x, dtype=float))))


DEPTH, WIDTH = 20, 256
figure = Figure(figsize=(8.4, 3.4))
left, right = figure.subplots(1, 2)
rows = []
for name, std_of in INITIALISATIONS.items():
    rng = np.random.default_rng(2)
    weights = draw_weights([784] + DEPTH * [WIDTH], std_of, rng)
    outputs = forward(images[::40], weights, DEPTH * [np.float32(0)])
    dy = rng.standard_normal(outputs[-1].shape).astype(np.float32)
    doutputs, dweights, _ = backward(dy, outputs, weights)
    sizes = np.array([size(y) for y in outputs[1:-1]])  # the last layer has no ReLU
    dsizes = np.array([size(dy) for dy in doutputs[1:-1]])
    factor = np.sqrt(WIDTH / 2) * std_of(WIDTH)
    layers = np.arange(1, DEPTH)
    for panel, measured, start in ((left, sizes, 1), (right, dsizes, DEPTH - 1)):
        panel.semilogy(layers, measured, ".", color=COLOURS[name], label=name)
        formula = measured[start - 1] * factor ** np.abs(layers - start)
        panel.semilogy(layers, formula, color=COLOURS[name], linewidth=1)
    rows.append((name, factor**18, sizes[-1] / sizes[0], dsizes[0] / dsizes[-1]))
    assert 1 / 3 < sizes[-1] / sizes[0] / factor**18 < 3
    assert 1 / 3 < dsizes[0] / dsizes[-1] / factor**18 < 3
left.set(title="size of a layer's output", xlabel="layer", xticks=range(0, 21, 5))
right.set(title="size of its gradient", xlabel="layer", xticks=range(0, 21, 5))
left.set(ylim=(1e-9, 1e11))
left.legend(title="standard deviation", loc="upper left", frameon=False)
keep(figure, "depth.png")
print_table(("√v", "formula", "outputs, layer 19 : 1", "gradients, layer 1 : 19"), rows)

# %% [markdown]
# Measurement and formula differ by chance: the formula is an average over all weights that could
# have been drawn. All three rows are off by the same factor, since they use the same random
# numbers.
#
# ## What it costs
#
# Train an autoencoder of twenty layers, 784 - 128 - ... - 128 - 784, with the functions of this
# lesson and the plainest rule there is: subtract from each weight a small multiple of its gradient.
# The **baseline** does not look at the image: its answer is always the mean of the training images.
# The last bias alone can learn that much. Whatever is gained beyond the baseline has come through
# all twenty layers.

# %%
held_out = load("mnist5k").test.images.reshape(-1, 784).astype(np.float32)


def loss_of(logits, target):
    """Return the binary cross-entropy in nats: summed over pixels, mean over images."""
    return float(bce_with_logits(logits, target).sum(axis=1).mean())


def train(std_of, rate, steps=400, batch=100):
    """Return the loss on held-out images every 25 steps, until it is not finite."""
    rng = np.random.default_rng(0)
    sizes = [784] + (DEPTH - 1) * [128] + [784]
    weights = draw_weights(sizes, std_of, rng)
    biases = [np.zeros(n, np.float32) for n in sizes[1:]]
    curve = [loss_of(forward(held_out, weights, biases)[-1], held_out)]
    for step in range(1, steps + 1):
        x = images[rng.integers(0, len(images), batch)]
        outputs = forward(x, weights, biases)
        dlogits = bce_with_logits_backward(1 / batch, outputs[-1], x)
        _, dweights, dbiases = backward(dlogits, outputs, weights)
        for value, gradient in zip(weights + biases, dweights + dbiases, strict=True):
            value -= np.float32(rate) * gradient
        if step % 25 == 0:
            curve.append(loss_of(forward(held_out, weights, biases)[-1], held_out))
            if not np.isfinite(curve[-1]):
                break
    return curve


GUESS, FADING, KEEPING = INITIALISATIONS
RUNS = ((GUESS, 0.005), (GUESS, 1e-5), (FADING, 0.005), (FADING, 0.02), (KEEPING, 0.005))
mean_image = images.mean(axis=0).clip(0.001, 0.999)
baseline = loss_of(np.log(mean_image / (1 - mean_image)), held_out)
print(f"always the mean image: {baseline:.1f} nats per image")
figure = Figure(figsize=(6.4, 3.6))
axes = figure.subplots()
axes.axhline(baseline, color="black", linestyle=":", label="always the mean image")
ends = {}
with np.errstate(all="ignore"):
    for name, rate in RUNS:
        curve = train(INITIALISATIONS[name], rate)
        ends[name, rate] = curve[-1]
        last = f"{curve[-1]:.4g} after {25 * (len(curve) - 1)} steps"
        print(f"√v = {name}, rate {rate:g}: {curve[0]:.4g} at first, {last}")
        if rate == 0.005 and np.isfinite(curve[-1]):
            axes.plot(25 * np.arange(len(curve)), curve, color=COLOURS[name], label=f"√v = {name}")
axes.set(xlabel="step", ylabel="loss on held-out images, nats", ylim=(170, 260))
axes.legend(frameon=False)
keep(figure, "learning.png")
assert not np.isfinite([ends[GUESS, 0.005], ends[GUESS, 1e-5]]).any()
assert max(abs(ends[FADING, rate] - baseline) for rate in (0.005, 0.02)) < 3
assert ends[KEEPING, 0.005] < baseline - 8

# %% [markdown]
# The guess begins with a loss of millions, and is nan within 25 steps at either rate, so it has no
# curve. The fading network learns the mean image and stays there, and four times the rate does not
# help: differences between images arrive at the last layer 10 million times too small, and so do
# the gradients at the first. With v = 2 / fan_in, the same network on the same data with the same
# rule begins to tell images apart. `minae.nn.init.kaiming_normal_` draws the weights of minae's
# models this way.
#
# ## Exercises
#
# They are in `exercises.py`. 2.1 is a linear layer for inputs of any number of dimensions, 2.2 an
# autoencoder that uses one weight twice, 2.3 and 2.4 are log-softmax and its backward, 2.5 is a
# loss for images that are mostly black, and 2.6 is the size of initial weights.
