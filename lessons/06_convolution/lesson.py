# %% [markdown]
"""# 6. Convolution

A dense layer gives every pixel its own weight for every unit. It does not know that two pixels are
neighbours, and what it learns about a stroke on the left it has to learn again on the right. A
**convolution** looks at one small patch at a time, and at every patch with the same weights.

You build it from a loop and lesson 2's linear layer, forward and backward, and find that its
gradient is the layer that a decoder needs. Then a convolutional autoencoder is compared with a
dense one, by the length of the code, the number of weights and the amount of arithmetic. Neither
wins everywhere.
"""

# %%
import json
import math
import sys
import time
from functools import cache
from importlib import resources
from pathlib import Path

import numpy as np
from matplotlib.figure import Figure

import minae
from minae import models, nn, plots, train
from minae.autograd import no_grad
from minae.data import load
from minae.errors import InputError
from minae.files import write_json
from minae.gradcheck import check_pair, gradcheck
from minae.optim import Adam, CosineAnnealingLR
from minae.report import print_table
from minae.tensor import Tensor

FULL = "--full" in sys.argv
OUT = Path("runs") / "06_convolution"
rng = np.random.default_rng(6)


def keep(figure, name):
    """Write a picture and say where it is."""
    plots.save(figure, OUT / name)
    print(f"written: {OUT / name}")


def apart(actual, expected):
    """Return the largest difference of two arrays."""
    return float(np.abs(np.asarray(actual) - expected).max())


def show(panel, image, name="", most=None):
    """Draw an array (H, W): grey from 0 to 1, or from blue through white to red up to `most`."""
    look = {"cmap": "gray", "vmin": 0, "vmax": 1}
    if most is not None:
        look = {"cmap": "RdBu_r", "vmin": -most, "vmax": most}
    panel.imshow(image, **look)
    panel.set(xticks=[], yticks=[])
    panel.set_title(name, fontsize=9)


# %% [markdown]
# ## A kernel slides over an image
#
# A **kernel** is a small image of weights, K x K of them for each channel. Lay it on a patch of the
# image, multiply each weight by its pixel, and add up: that is one number of the output. Then move
# on by s pixels, the **stride**. With p rows and columns of zeros around the image, the
# **padding**, the kernel can also be centred on the edge. For C input channels and O kernels, the
# output has O channels:
#
# $$y_{noij} = b_o + \sum_{c,k,l} w_{ockl} \; x_{n,\,c,\;is-p+k,\;js-p+l}$$
#
# The first place is 0, and the last is where the kernel still fits into H + 2p pixels:
#
# $$H_{out} = \left\lfloor \frac{H + 2p - K}{s} \right\rfloor + 1$$


# %%
def places(H, W, K, stride, padding):
    """Yield the rows and columns of each patch in the padded image, row by row."""
    for i in range((H + 2 * padding - K) // stride + 1):
        for j in range((W + 2 * padding - K) // stride + 1):
            yield slice(i * stride, i * stride + K), slice(j * stride, j * stride + K)


# %% [markdown]
# Write all patches as rows of a matrix. This is **im2col**. The rest of the convolution is lesson
# 2's linear layer, applied to each patch: $y = x W^T + b$.


# %%
def im2col(x, K, stride, padding):
    """Return the patches of x (N, C, H, W) as rows: (N, places, C * K * K)."""
    N, _, H, W = x.shape
    x = np.pad(x, ((0, 0), (0, 0), (padding, padding), (padding, padding)))
    patches = [x[:, :, r, q].reshape(N, -1) for r, q in places(H, W, K, stride, padding)]
    return np.stack(patches, axis=1)


def conv2d(x, weight, bias, stride=1, padding=0):
    """Convolve x (N, C, H, W) with weight (O, C, K, K), bias (O,): (N, O, HO, WO)."""
    (N, _, H, _), (outputs, _, K, _) = x.shape, weight.shape
    rows = im2col(x, K, stride, padding)  # (N, places, C K K)
    y = rows @ weight.reshape(outputs, -1).T + bias  # (N, places, O)
    HO = (H + 2 * padding - K) // stride + 1
    return y.transpose(0, 2, 1).reshape(N, outputs, HO, -1)


x, weight, bias = rng.normal(size=(2, 3, 9, 8)), rng.normal(size=(4, 3, 3, 3)), rng.normal(size=4)
y = conv2d(x, weight, bias, stride=2, padding=1)
off = apart(minae.conv2d(Tensor(x), Tensor(weight), Tensor(bias), 2, 1).numpy(), y)
print(f"images {x.shape} become {y.shape}; largest difference from minae.conv2d: {off:.0e}")
assert off < 1e-13

# %% [markdown]
# What can nine weights say? Here are three kernels that nobody trained. They respond to an edge
# from left to right, to an edge from top to bottom, and to brightness.

# %%
data = load("mnist5k")
test = data.test.images  # (500, 1, 28, 28)
digit = test[np.flatnonzero(data.test.labels == 4)[0]]  # (1, 28, 28)
edge = np.array([[-1.0, 0, 1], [-2, 0, 2], [-1, 0, 1]]) / 4
kernels = np.stack([edge, edge.T, np.full((3, 3), 1 / 9)])[:, None]  # (3, 1, 3, 3)
maps = conv2d(digit[None], kernels, np.zeros(3), padding=1)[0]  # (3, 28, 28)
figure = Figure(figsize=(7.6, 3.9), layout="constrained")
(first, *top), (corner, *below) = figure.subplots(2, 4)
show(first, digit[0], "image")
corner.axis("off")
for panel, under, kernel, feature in zip(top, below, kernels[:, 0], maps, strict=True):
    show(panel, kernel, "kernel", 0.5)
    show(under, feature, "its response", 1)
figure.suptitle("One digit, three kernels (red: positive, blue: negative)", fontsize=11)
keep(figure, "kernels.png")

# %% [markdown]
# ## Backward
#
# Since the convolution is a linear layer on patches, lesson 2 gives its gradients. A weight is used
# at every place in every image, so its gradient is a sum over all of them:
#
# $$dW = \sum_{\text{places}} dy^T \, \text{patch}, \qquad db = \sum_{\text{places}} dy, \qquad
# d\text{patch} = dy\, W$$
#
# One step is new. Patches overlap, so a pixel is in several of them, and its gradient is the sum
# over these. **col2im** adds each patch's gradient at the place that the patch was taken from. Note
# the +=.


# %%
def col2im(rows, input_shape, K, stride, padding):
    """Add up patches (N, places, C * K * K) where im2col took them from: (N, C, H, W)."""
    N, C, H, W = input_shape
    x = np.zeros((N, C, H + 2 * padding, W + 2 * padding))
    for n, (r, q) in enumerate(places(H, W, K, stride, padding)):
        x[:, :, r, q] += rows[:, n].reshape(N, C, K, K)
    return x[:, :, padding : padding + H, padding : padding + W]


def conv2d_backward(dy, x, weight, stride, padding):
    """Return dx, dweight and dbias for dy (N, O, HO, WO)."""
    N, outputs, *_ = dy.shape
    K = weight.shape[2]
    dy = dy.reshape(N, outputs, -1).transpose(0, 2, 1)  # (N, places, O): rows again
    drows = dy @ weight.reshape(outputs, -1)  # (N, places, C K K)
    dweight = np.einsum("npo,npk->ok", dy, im2col(x, K, stride, padding))
    dx = col2im(drows, x.shape, K, stride, padding)
    return dx, dweight.reshape(weight.shape), dy.sum(axis=(0, 1))


def check(name, forward, backward, *arrays):
    """Compare backward(dy, *arrays) with finite differences of forward; print the largest error."""
    error = check_pair(forward, backward, *arrays)
    print(f"{name}: gradients right, largest relative error {error:.0e}")


for stride, padding in ((1, 0), (2, 1), (3, 2)):
    check(
        f"conv2d, stride {stride}, padding {padding}",
        lambda x, weight, bias, s=stride, p=padding: conv2d(x, weight, bias, s, p),
        lambda dy, x, weight, bias, s=stride, p=padding: conv2d_backward(dy, x, weight, s, p),
        *(rng.normal(size=shape) for shape in ((2, 2, 6, 5), (3, 2, 3, 3), (3,))),
    )

# %% [markdown]
# ## Transposed convolution
#
# An encoder makes images smaller. A decoder has to make them larger again, and you have just
# written how: dx has the size of the input, and each number of dy is spread over a patch, with the
# kernel as its pattern. As a layer of its own, this is the **transposed convolution**. Inputs and
# outputs change roles, so its output has the size H that solves the formula above:
#
# $$H = (H_{out} - 1)\, s - 2p + K$$


# %%
def conv_transpose2d(x, weight, bias, stride=1, padding=0):
    """Spread x (N, O, HO, WO) with weight (O, C, K, K), bias (C,): (N, C, H, W)."""
    (N, inputs, HO, WO), (_, C, K, _) = x.shape, weight.shape
    size = [(n - 1) * stride - 2 * padding + K for n in (HO, WO)]
    rows = x.reshape(N, inputs, -1).transpose(0, 2, 1) @ weight.reshape(inputs, -1)
    return col2im(rows, (N, C, *size), K, stride, padding) + bias[:, None, None]


def conv_transpose2d_backward(dy, x, weight, stride, padding):
    """Return dx, dweight and dbias: the gradient of spreading is gathering, a convolution."""
    N, inputs, HO, WO = x.shape
    rows = im2col(dy, weight.shape[2], stride, padding)  # (N, places, C K K)
    dx = rows @ weight.reshape(inputs, -1).T  # (N, places, O)
    dweight = np.einsum("nop,npk->ok", x.reshape(N, inputs, -1), rows)
    dx = dx.transpose(0, 2, 1).reshape(N, inputs, HO, WO)
    return dx, dweight.reshape(weight.shape), dy.sum(axis=(0, 2, 3))


for stride, padding in ((1, 0), (2, 1), (3, 1)):
    check(
        f"conv_transpose2d, stride {stride}, padding {padding}",
        lambda x, w, bias, s=stride, p=padding: conv_transpose2d(x, w, bias, s, p),
        lambda dy, x, w, bias, s=stride, p=padding: conv_transpose2d_backward(dy, x, w, s, p),
        *(rng.normal(size=shape) for shape in ((2, 3, 3, 4), (3, 2, 4, 4), (2,))),
    )

# %% [markdown]
# Here are three ways to say that they are the same map, each with a number. First, the dx of a
# convolution is minae's transposed convolution of dy:

# %%
x, weight = rng.normal(size=(2, 3, 29, 29)), rng.normal(size=(16, 3, 3, 3))
y = conv2d(x, weight, np.zeros(16), stride=2, padding=1)
dy = rng.normal(size=y.shape)
dx, *_ = conv2d_backward(dy, x, weight, 2, 1)
spread = minae.conv_transpose2d(Tensor(dy), Tensor(weight), stride=2, padding=1).numpy()
print(f"dx against minae.conv_transpose2d(dy): largest difference {apart(dx, spread):.0e}")
assert apart(dx, spread) < 1e-13

# %% [markdown]
# Second, a convolution without bias is linear in x, so there is a matrix M with y = M x. For any
# matrix, $\langle M x, y \rangle = \langle x, M^T y \rangle$, and only $M^T$ does that for all x
# and y:

# %%
left, right = (y * dy).sum(), (x * spread).sum()
print(f"<conv(x), dy> = {left:.10f}, <x, conv_T(dy)> = {right:.10f}")
assert abs(left - right) < 1e-10

# %% [markdown]
# Third, look at M. Its columns are the outputs for images with a single 1. It holds nine weights,
# repeated, and zeros: a convolution is a dense layer that assumes that most weights are 0 and the
# others repeat.

# %%
kernel = rng.normal(size=(1, 1, 3, 3))
ones = np.eye(36).reshape(36, 1, 6, 6)  # 36 images
M = conv2d(ones, kernel, np.zeros(1), 2, 1).reshape(36, 9).T  # (9, 36)
ones = np.eye(9).reshape(9, 1, 3, 3)
spread = minae.conv_transpose2d(Tensor(ones), Tensor(kernel), None, 2, 1, output_padding=1)
M_transposed = spread.numpy().reshape(9, 36).T  # (36, 9)
values = len(np.unique(M[M != 0]))
print(f"M has {M.size} entries; {np.count_nonzero(M)} are not 0, and have {values} values")
print(f"the transposed convolution has the transpose of M, up to {apart(M_transposed, M.T):.0e}")
assert apart(M_transposed, M.T) < 1e-15
assert values == 9
figure = Figure(figsize=(7.6, 3.2), layout="constrained")
left, right = figure.subplots(1, 2, width_ratios=(3, 1))
show(left, M, "M: convolution, 6 x 6 to 3 x 3", np.abs(M).max())
show(right, M_transposed, "transposed: 3 x 3 to 6 x 6", np.abs(M).max())
keep(figure, "matrix.png")

# %% [markdown]
# It is the transpose, not the inverse: sizes come back, values do not. And one size can come from
# two: 5 and 6 pixels both give 3 with stride 2, so the 6 above had to be asked for
# (`output_padding`).
#
# ## Pooling
#
# Another way to make an image smaller is to keep one number per window. **Average pooling** is a
# convolution with all weights 1/K². **Max pooling** keeps the largest:
#
# $$y_{ncij} = \max_{k,l} \; x_{n,\,c,\;is+k,\;js+l}$$
#
# Its gradient goes to where the largest number was. (Exercise 6.5 writes it.)


# %%
def max_pool2d(x, K):
    """Return the largest number of each K x K window of x (N, C, H, W), with stride K."""
    N, C, H, W = x.shape
    rows = im2col(x.reshape(N * C, 1, H, W), K, K, 0)  # (N C, places, K K)
    return rows.max(axis=2).reshape(N, C, H // K, W // K)


x = rng.normal(size=(2, 3, 7, 8))
pooled = max_pool2d(x, 2)
mean = conv2d(x.reshape(6, 1, 7, 8), np.full((1, 1, 2, 2), 1 / 4), np.zeros(1), stride=2)
print(f"images {x.shape} pooled: {pooled.shape}")
assert np.array_equal(pooled, minae.max_pool2d(Tensor(x), 2).numpy())
assert apart(minae.avg_pool2d(Tensor(x), 2).numpy(), mean.reshape(pooled.shape)) < 1e-15
for pool in (minae.max_pool2d, minae.avg_pool2d):
    worst = gradcheck(lambda x, pool=pool: pool(x, 2), x)
    print(f"minae.{pool.__name__}: gradients right, largest relative error {worst:.0e}")

# %% [markdown]
# A convolution with stride 2 also halves an image, and learns what to keep. Max pooling forgets
# where in its window the number was. A classifier does not mind, but a decoder needs to know, so
# the autoencoder below uses strides.
#
# ## The autoencoder
#
# minae's `models.ConvAutoencoder`: two convolutions with stride 2, a linear layer to the code, and
# the same in reverse. A weight of a convolution is used at each place of its output, one of a
# transposed convolution at each place of its input, and one of a linear layer once.


# %%
def multiplications(layer, x, y):
    """Return how many multiplications a layer takes for one image, padding included."""
    where = {nn.Linear: (), nn.Conv2d: y.shape[2:], nn.ConvTranspose2d: x.shape[2:]}
    return layer.weight.data.size * math.prod(where[type(layer)])


@no_grad()
def steps(model):
    """Return [name, shape of what comes out, parameters, multiplications] of each layer."""
    table, x = [], Tensor(test[:1])
    for layer in [*model.encoder, *model.decoder]:
        y = layer(x)
        if isinstance(layer, (nn.Linear, nn.Conv2d, nn.ConvTranspose2d)):
            parameters = sum(p.data.size for p in layer.parameters())
            work = multiplications(layer, x, y)
            table.append((type(layer).__name__, y.shape[1:], parameters, work))
        x = y
    return table


def build(name, Z):
    """Return an autoencoder, such as "conv 16 32" or "dense 512 256", with a code of Z numbers."""
    kind, *widths = name.split()
    widths = [int(width) for width in widths]
    if kind == "conv":
        return models.ConvAutoencoder(channels=widths, latent=Z)
    return models.DenseAutoencoder([784, *widths, Z], activation="silu")


def cost(name, Z):
    """Return a model's parameters and its multiplications for one image."""
    return tuple(sum(row[i] for row in steps(build(name, Z))) for i in (2, 3))


header = ("layer", "gives", "parameters", "multiplications")
print_table(header, steps(build("conv 16 32", 16)), "conv 16 32, code of 16 numbers")
for name in ("conv 16 32", "dense 512 256"):
    print(f"{name}: {cost(name, 16)[0]:,} parameters, {cost(name, 16)[1]:,} multiplications")
assert cost("conv 16 32", 16)[0] < cost("dense 512 256", 16)[0] / 15
assert cost("conv 16 32", 16)[1] > cost("dense 512 256", 16)[1] / 2

# %% [markdown]
# There are few weights, each used often: with a sixteenth of the dense network's weights, the
# arithmetic is about as much.
#
# ## Conv, dense, PCA
#
# All models are trained on the same images, for the same number of epochs. `--full` tried four
# learning rates for each, with a code of 16, and took the one with the lowest error on the
# validation images. For each code length the better of two dense shapes is used, again by the
# validation images. The figures are the squared error on test images, summed over the pixels.

# %%
CONV, DENSE = "conv 16 32", ("dense 512 256", "dense 256")
SMALLER = ("conv 8 16", "conv 4 8", "dense 64", "dense 32")
DATA, EPOCHS = {"mnist5k": data}, {"mnist5k": 8, "mnist": 6}
RATES = (4e-3, 8e-3, 16e-3, 32e-3)
recorded = resources.files("minae.lessons") / "06_convolution" / "results.json"
record = json.loads(recorded.read_text(encoding="utf-8"))


def fit(model, images, rate, epochs):
    """Train a model in place, and return it."""
    model.start_at_mean(images)
    adam = Adam(model.parameters(), lr=rate)
    schedule = CosineAnnealingLR(adam, epochs)
    how = {"epochs": epochs, "batch_size": 64, "optimizer": adam, "schedule": schedule}
    train.fit(model, images, **how, show_progress=False)
    return model


@cache
def trained(name, Z, dataset, rate, seed=0):
    """Return the model of this name, trained on the dataset's training images."""
    minae.manual_seed(seed)
    return fit(build(name, Z), DATA[dataset].train.images, rate, EPOCHS[dataset])


def error(model, images):
    """Return the squared error, summed over pixels, averaged over images."""
    return train.evaluate(model, images)["squared_error"]


def validation_error(name, Z, dataset, rate):
    """Return the error on validation images, by which everything is chosen."""
    return error(trained(name, Z, dataset, rate), DATA[dataset].validation.images)


def pca(dataset, Z):
    """Return a function that projects images onto Z principal components (lesson 4)."""
    x = DATA[dataset].train.images.reshape(-1, 784).astype(float)
    mean = x.mean(axis=0)
    v = np.linalg.eigh((x - mean).T @ (x - mean))[1][:, -Z:]  # (784, Z)
    return lambda images: mean + (images.reshape(-1, 784) - mean) @ v @ v.T


def compare(dataset, sizes, rates):
    """Return two tables: error by code size, and error and cost of each model at 16 numbers."""
    images = DATA[dataset].test.images
    by_size, by_cost = [], []
    for Z in sizes:
        squares = (pca(dataset, Z)(images) - images.reshape(-1, 784)) ** 2
        dense = min(DENSE, key=lambda name: validation_error(name, Z, dataset, rates[name]))
        pair = [error(trained(m, Z, dataset, rates[m]), images) for m in (dense, CONV)]
        by_size.append([Z, float(squares.sum(axis=1).mean()), *pair, dense])
    for name in (CONV, *DENSE, *SMALLER):
        parameters, work = cost(name, 16)
        there = error(trained(name, 16, dataset, rates[name]), images)
        by_cost.append([name, rates[name], parameters, work, there])
    return {"by_size": by_size, "by_cost": by_cost}


def report(tables, dataset, suffix=""):
    """Print both tables, and draw them."""
    header = ("numbers", "PCA", "dense", "conv", "dense shape")
    print_table(header, [tuple(row) for row in tables["by_size"]], f"{dataset}: error by code size")
    header = ("16 numbers", "learning rate", "parameters", "multiplications", "error")
    print_table(header, [tuple(row) for row in tables["by_cost"]], f"{dataset}: what it costs")
    sizes, flat, dense, conv, _ = zip(*tables["by_size"], strict=True)
    curves = {"conv": (sizes, conv), "dense": (sizes, dense), "PCA": (sizes, flat)}
    title, words = f"{dataset}, unseen digits: error by code size", "numbers in the code"
    keep(plots.lines(curves, words, "squared error", title, log_x=True), f"size{suffix}.png")
    for column, what in ((2, "parameters"), (3, "multiplications")):
        curves = {}
        for kind in ("conv", "dense"):
            points = [(r[column], r[4]) for r in tables["by_cost"] if r[0].startswith(kind)]
            curves[kind] = tuple(zip(*sorted(points), strict=True))
        title = f"{dataset}, code of 16: error by number of {what}"
        keep(plots.lines(curves, what, "squared error", title, log_x=True), f"{what}{suffix}.png")


def best_rates(dataset):
    """Return for each model the rate with the lowest error on validation images."""

    def best(name):
        return min(RATES, key=lambda rate: validation_error(name, 16, dataset, rate))

    return {name: best(name) for name in (CONV, *DENSE, *SMALLER)}


def full():
    """Choose rates for both datasets, compare on all of MNIST, and write what was found."""
    start = time.perf_counter()
    DATA["mnist"] = load("mnist")
    rates = {dataset: best_rates(dataset) for dataset in DATA}
    found = {"rates": rates, "mnist": compare("mnist", (4, 8, 16, 30, 64), rates["mnist"])}
    command = "python lessons/06_convolution/lesson.py --full"
    found |= {"command": command, "seconds": time.perf_counter() - start}
    write_json(OUT / "results.json", found)
    print(f"written: {OUT / 'results.json'}")
    return found


if FULL:
    try:
        record = full()
    except InputError as reason:  # MNIST is not available
        print(reason)
rates = record["rates"]["mnist5k"]
tables = compare("mnist5k", (4, 16, 64), rates)
report(tables, "mnist5k")
by_size = {row[0]: row[1:4] for row in tables["by_size"]}  # PCA, dense, conv
there = {row[0]: row[4] for row in tables["by_cost"]}
assert by_size[4][1] < 0.9 * by_size[4][2] < by_size[4][0]  # at 4 dense wins, PCA is last
assert there["dense 512 256"] < 0.97 * there["conv 16 32"]  # at 16 the large dense one wins
assert by_size[64][2] < 0.9 * by_size[64][1] < by_size[64][0]  # at 64 conv wins
assert there["conv 8 16"] < 0.95 * there["dense 64"]
assert there["conv 4 8"] < 0.95 * there["dense 32"]
assert abs(there["dense 256"] / there["conv 16 32"] - 1) < 0.08
for name in ("conv 4 8", "dense 64"):
    other = error(trained(name, 16, "mnist5k", rates[name], seed=2), test)
    print(f"{name}: {there[name]:.2f}, from other initial weights {other:.2f}")

# %% [markdown]
# Read this slowly, since it is often told as a victory for convolution.
#
# - **By code size**, the dense network wins with 4 and 16 numbers, the convolutional one with 64.
#   A likely reason: a short code has to describe the whole image, kernels of 3 x 3 see little of
#   it, and one linear layer on each side has to do the rest. A long code leaves room for details,
#   and details are local.
# - **By parameters** convolution wins by far: with 29,321 the error is smaller than a dense
#   network's with 103,328, and with 13,869 smaller than with 52,064.
# - **By multiplications** there is no such gap. A dense network is about as good as a convolutional
#   one that takes nearly twice as many; only small ones gain.
#
# The last two lines are a warning. From other initial weights a model ends up elsewhere, and these
# two may change places. Small differences in such a table mean nothing.
#
# ## On all of MNIST
#
# `--full` does the same with 55,000 images to train on, and needs MNIST, which is downloaded when
# first asked for. Otherwise the following figures come from `results.json` beside this file. For
# comparison, with a code of 30 numbers the deep autoencoder of 2006 (Hinton and Salakhutdinov,
# Science 313) has 3.00, and lesson 4's has 2.65. Both networks are larger, and were trained longer.

# %%
print(f"made by: {record['command']} ({record['seconds']:.0f} s)")
report(record["mnist"], "mnist", "_full")
by_size = {row[0]: row[1:4] for row in record["mnist"]["by_size"]}  # PCA, dense, conv
there = {row[0]: row[4] for row in record["mnist"]["by_cost"]}
assert all(by_size[Z][1] < 0.9 * by_size[Z][2] for Z in (4, 8, 16))
assert abs(by_size[30][2] / by_size[30][1] - 1) < 0.05
assert by_size[64][2] < 0.8 * by_size[64][1]
assert there["conv 8 16"] < 0.9 * there["dense 64"]

# %% [markdown]
# The picture is the same: dense up to 16 numbers, a draw at 30, convolution at 64, and convolution
# ahead by parameters.
#
# ## What they draw
#
# Ten unseen digits through a code of 16 numbers.

# %%
conv = trained(CONV, 16, "mnist5k", rates[CONV])
dense = trained(DENSE[0], 16, "mnist5k", rates[DENSE[0]])
project = pca("mnist5k", 16)


@no_grad()
def rebuilt(images):
    """Return each model's reconstructions of images (N, 1, 28, 28), by name."""
    outputs = {name: m(Tensor(images)).numpy() for name, m in (("conv", conv), ("dense", dense))}
    return outputs | {"PCA": project(images).reshape(images.shape)}


ten = test[[np.flatnonzero(data.test.labels == c)[0] for c in range(10)]]  # (10, 1, 28, 28)
rows = {"original": ten} | rebuilt(ten)
figure = Figure(figsize=(7.6, 3.3), layout="constrained")
for (name, images), panel in zip(rows.items(), figure.subplots(4, 1), strict=True):
    show(panel, np.hstack(images[:, 0]))
    panel.set_ylabel(name, rotation=0, ha="right", va="center")
figure.suptitle("Unseen digits through a code of 16 numbers", fontsize=11)
keep(figure, "reconstructions.png")

# %% [markdown]
# ## What the kernels became
#
# Nobody told the first layer what to look for. At the top are its 16 kernels; in the middle is the
# response of each to one digit; at the bottom are the 16 patterns of 4 x 4 from which the decoder's
# last layer builds an image.


# %%
@no_grad()
def hidden(model, images, depth):
    """Return the output of the encoder's first `depth` layers for images, as an array."""
    x = Tensor(images)
    for layer in model.encoder[:depth]:
        x = layer(x)
    return x.numpy()


kernels = conv.encoder[0].weight.data[:, 0]  # (16, 3, 3)
first = hidden(conv, ten[4:5], 2)[0]  # (16, 14, 14)
first = first / np.maximum(first.max(axis=(1, 2), keepdims=True), 1e-9)  # each its own scale
patterns = conv.decoder[-1].weight.data[:, 0]  # (16, 4, 4)
figure = Figure(figsize=(10, 2.5), layout="constrained")
panels = figure.subplots(3, 16)
for i in range(16):
    show(panels[0, i], kernels[i], most=np.abs(kernels).max())
    show(panels[1, i], first[i])
    show(panels[2, i], patterns[i], most=np.abs(patterns).max())
for panel, name in zip(panels[:, 0], ("kernels", "maps", "patterns"), strict=True):
    panel.set_ylabel(name)
figure.suptitle("The encoder's first layer and the decoder's last (red: positive, blue: negative)")
keep(figure, "filters.png")

# %% [markdown]
# ## Translation
#
# If the image moves, the same kernel meets the same patch elsewhere, so the map moves along. With
# stride s, a map moves by whole places only if the image moves by a multiple of s; after two
# layers with stride 2, by a multiple of 4. Move digits by 0 to 4 pixels to the right, and compare
# the second layer's maps with the old ones moved by one place. (The padding matters at the edges,
# so two columns are left out.)


# %%
def moved(images, d):
    """Move images (N, 1, 28, 28) by d pixels to the right; zeros come in."""
    return np.pad(images, ((0, 0), (0, 0), (0, 0), (d, 0)))[..., :28]


before = hidden(conv, test, 4)[..., 1:-1]  # (500, 32, 7, 5): two convolutions, two ReLUs
change = {}
for d in range(5):
    after = hidden(conv, moved(test, d), 4)[..., 2:]
    change[d] = float(((after - before) ** 2).sum() / (before**2).sum())
print("digits moved by d pixels, maps against the old ones moved by one place, squared change:")
print(", ".join(f"{d}: {share:.2g}" for d, share in change.items()))
assert change[4] < 1e-10 < 0.1 < min(change[d] for d in range(4))

# %% [markdown]
# Moved by 4, nothing else changes. A dense layer has no such property. But is there at least, for
# each of its 512 units, some unit that responds to the moved digits as this one did before? Look
# for the best correlation over 500 digits, and do the same with the maps' 7 x 5 x 32 numbers.


# %%
def best_match(a, b):
    """Return the median over columns of a (N, D) of the best correlation with any of b (N, E)."""
    a, b = (m[:, m.std(axis=0) > 1e-6].astype(float) for m in (a, b))  # some never respond
    a, b = ((m - m.mean(axis=0)) / m.std(axis=0) for m in (a, b))
    return float(np.median((a.T @ b / len(a)).max(axis=1)))


after = hidden(conv, moved(test, 4), 4)[..., 2:]
found = {
    "maps": best_match(before.reshape(500, -1), after.reshape(500, -1)),
    "dense layer": best_match(hidden(dense, test, 3), hidden(dense, moved(test, 4), 3)),
}
print("best correlation, median:", ", ".join(f"{name} {c:.3f}" for name, c in found.items()))
assert found["maps"] > 0.999 > 0.9 > found["dense layer"]

# %% [markdown]
# But the autoencoder is more than its convolutions. After them a linear layer makes the code, with
# a separate weight for each place. So does the whole cope better with digits that are off-centre,
# although all training digits were centred?

# %%
off_middle = {"conv": [], "dense": [], "PCA": []}
for d in range(5):
    x = moved(test, d)
    for name, y in rebuilt(x).items():
        off_middle[name].append(float(((y - x) ** 2).sum(axis=(1, 2, 3)).mean()))
curves = {name: (range(5), errors) for name, errors in off_middle.items()}
words = "pixels to the right", "squared error", "Digits off-centre, code of 16"
keep(plots.lines(curves, *words), "moved.png")
print_table(("moved by", *"01234"), [(name, *errors) for name, errors in off_middle.items()])
assert off_middle["conv"][0] < 0.6 * off_middle["PCA"][0]
assert all(off_middle["conv"][d] > 0.95 * off_middle["dense"][d] for d in range(5))
assert all(errors[4] > 2 * errors[0] for errors in off_middle.values())

# %% [markdown]
# It does not. Moved by 4 pixels, the error of all three is more than doubled, and the convolutional
# one is no better off than the dense one. Its maps move along, but the linear layer after them has
# learned where digits are, and reads the moved maps as another image. If the whole is not to care,
# train with moved digits, or leave out whatever knows about places.
#
# ## Exercises
#
# They are in `exercises.py`. 6.1 takes patches tap by tap, and 6.3 goes back the same way. 6.2
# writes the matrix of a convolution, 6.4 writes a transposed convolution as a convolution, 6.5
# sends gradients back through max pooling, and 6.6 counts weights and work. Compare 6.6 with the
# table above.
