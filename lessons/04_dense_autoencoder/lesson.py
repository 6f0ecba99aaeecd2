# %% [markdown]
"""# 4. The dense autoencoder

An autoencoder squeezes an image into a few numbers and redraws it from these numbers alone. So they
have to hold what matters. You build one from linear layers and meet an old acquaintance, principal
component analysis (PCA). Then you add what PCA lacks.

What you will see, on 500 digits that no model was trained on:

- a linear autoencoder with a code of 8 numbers finds PCA's subspace: no principal angle between the
  two is larger than 2 degrees;
- more layers change nothing without an activation between them; with one, they cut the error by a
  third;
- the deep network beats PCA with a code of 2, 8 and 32 numbers, and loses with 128;
- with 55,000 digits and a code of 30, the errors are 13.86 for PCA, 3.00 in the paper of 2006, and
  2.65 for minae;
- with 4 bytes instead of 784, about 17 of 20 digits can still be recognised.
"""

# %%
import json
import sys
from importlib import resources
from itertools import pairwise
from pathlib import Path

import numpy as np
from matplotlib.figure import Figure

import minae
from minae import models, nn, ops, optim, plots
from minae.autograd import no_grad
from minae.data import load
from minae.data.loader import Loader
from minae.errors import InputError
from minae.report import print_table
from minae.tensor import Tensor
from minae.train.settings import Settings
from minae.train.training import train_run

FULL = "--full" in sys.argv
OUT = Path("runs") / "04_dense_autoencoder"


def keep(figure, name):
    """Write a picture and say where it is."""
    plots.save(figure, OUT / name)
    print(f"written: {OUT / name}")


data = load("mnist5k")
x = data.train.images.reshape(4000, 784).astype(float)  # an image is a row of 784 numbers
test = data.test.images.reshape(500, 784).astype(float)

# %% [markdown]
# ## What to minimise
#
# For an image $x$ and its reconstruction $\hat x$, the **reconstruction error** is the squared
# distance: summed over the P pixels of an image, averaged over the N images.
#
# $$E = \frac{1}{N} \sum_{n=1}^{N} \sum_{p=1}^{P} (\hat x_{np} - x_{np})^2$$
#
# With a code of no numbers at all, you can only draw the same image every time, and the mean image
# is the best choice. Its error is the starting point.


# %%
def error(output, images):
    """Return the reconstruction error of images (N, P)."""
    return float(((output - images) ** 2).sum(axis=1).mean())


mean = x.mean(axis=0)
print(f"error of the mean image: {error(mean, test):.2f}")

# %% [markdown]
# ## PCA, the best linear map
#
# Subtract the mean. A direction is a vector $v$ of length 1. Along it the images have the variance
# $v^T C v$, where $C$ is the covariance of the pixels.
#
# $$C = \frac{1}{N} \sum_n (x_n - \bar x)(x_n - \bar x)^T$$
#
# The eigenvectors of $C$ with the k largest eigenvalues are the **principal components**. PCA
# encodes an image as its coordinates along them and decodes by adding them up again:
#
# $$z = V^T (x - \bar x), \qquad \hat x = \bar x + V z$$
#
# No other linear map through k numbers has a smaller error on the images that it was fitted to
# (Eckart and Young 1936), and that error is known: it is the sum of the eigenvalues left out.

# %%
covariance = (x - mean).T @ (x - mean) / len(x)  # (784, 784)
variances, components = np.linalg.eigh(covariance)  # ascending: reverse both
variances, components = variances[::-1], components[:, ::-1]  # component i is a column


def pca(images, k):
    """Return the images (N, 784), encoded in k numbers and decoded."""
    z = (images - mean) @ components[:, :k]  # (N, k)
    return mean + z @ components[:, :k].T


for k in (2, 8, 32):
    print(f"PCA, {k}: error {error(pca(x, k), x):.2f}, variances left {variances[k:].sum():.2f}")
    assert np.isclose(error(pca(x, k), x), variances[k:].sum(), rtol=1e-9)

# %% [markdown]
# ## Encoder, latent vector, decoder
#
# An **autoencoder** learns both maps from the images, by gradient descent. The **encoder** f
# computes the **latent vector** z, or code, and the **decoder** g redraws the image from it:
#
# $$z = f(x), \qquad \hat x = g(z), \qquad \text{loss} = E$$
#
# The target is the input itself, so nobody has to label anything. All that keeps the network from
# simply copying is that z is short.


# %%
class Autoencoder(nn.Module):
    """Two networks, one after the other."""

    def __init__(self, encoder, decoder):
        self.encoder, self.decoder = encoder, decoder

    def forward(self, x):
        """Return the reconstruction of x (N, P)."""
        z = self.encoder(x)
        return self.decoder(z)

    def loss(self, x):
        """Return E: summed over an image, averaged over the batch."""
        return ops.mse_loss(self(x), x, reduction="batchmean")


def layers(*sizes, between=()):
    """Return linear layers of these sizes, with modules of these kinds between them."""
    network = []
    for n_in, n_out in pairwise(sizes):
        network += [nn.Linear(n_in, n_out), *(kind() for kind in between)]
    return nn.Sequential(*network[: len(network) - len(between)])


def fit(model, images, epochs, lr=2e-3, batch_size=64, watch=lambda: None):
    """Train by the loop of lesson 3; return what `watch` returned after each epoch."""
    adam = optim.Adam(model.parameters(), lr=lr)
    schedule = optim.CosineAnnealingLR(adam, epochs)
    loader, seen = Loader(images.astype(np.float32), batch_size=batch_size, seed=0), []
    for epoch in range(epochs):
        for (batch,) in loader.epoch(epoch):
            adam.zero_grad()
            model.loss(Tensor(batch)).backward()
            adam.step()
        schedule.step()
        seen.append(watch())
    return seen


def output_of(model, images):
    """Return the model's reconstructions of images (N, P)."""
    with no_grad():
        return model(Tensor(images.astype(np.float32))).numpy()


minae.manual_seed(0)
linear = Autoencoder(nn.Linear(784, 8), nn.Linear(8, 784))
with no_grad():
    z = linear.encoder(Tensor((x[:1] - mean).astype(np.float32)))
    print(f"an image {x[:1].shape} becomes z {z.shape}: {z.numpy().round(2)},")
    print(f"and that an image again: {linear.decoder(z).shape}. So far, both maps are random.")

# %% [markdown]
# ## How far apart are two subspaces?
#
# This decoder can draw the weighted sums of its 8 columns: a subspace of 8 dimensions out of 784 in
# all. PCA's is another. Their **principal angles** say how the two are placed. The first is the
# smallest angle between any two directions, one from each; the second is the smallest between
# directions at right angles to these; and so on. If all are 0, the subspaces are the same. With
# orthonormal bases $Q_A$ and $Q_B$, and singular values $\sigma_i$:
#
# $$\cos \theta_i = \sigma_i(Q_A^T Q_B)$$


# %%
def angles(a, b):
    """Return the principal angles in degrees between the spans of columns: b is orthonormal."""
    q, _ = np.linalg.qr(a)
    return np.degrees(np.arccos(np.minimum(np.linalg.svd(q.T @ b, compute_uv=False), 1)))


def decoder_to_pca():
    """Return the angles between what the decoder can draw and what PCA can."""
    return angles(linear.decoder.weight.detach().numpy().astype(float), components[:, :8])


start = decoder_to_pca()
history = [start, *fit(linear, x - mean, 120, lr=1e-2, batch_size=100, watch=decoder_to_pca)]
print("degrees before:", start.round(1))
print("degrees after: ", history[-1].round(2))
best, ours = variances[8:].sum(), error(output_of(linear, x - mean), x - mean)
print(f"training error: linear autoencoder {ours:.4f}, PCA {best:.4f}")
assert start.min() > 45
assert history[-1].max() < 2
assert 0.9999 * best < ours < 1.001 * best  # never below PCA's, up to float32's rounding

figure = Figure(figsize=(6.4, 3.8), layout="constrained")
axes = figure.subplots()
axes.plot(np.array(history)[:, :7], color=plots.BLUE, alpha=0.5)
axes.plot(np.array(history)[:, 7], color=plots.RED)
axes.set(xlabel="epoch", ylabel="degrees", yscale="log", ylim=(0.01, 120))
axes.set_title("Principal angles to PCA's subspace; red: the largest", loc="left")
axes.yaxis.set_major_formatter("{x:g}")
keep(figure, "angles.png")
print("variance along components 6 to 9:", variances[5:9].round(2))

# %% [markdown]
# One direction comes last. Along components 8 and 9 the digits vary almost equally, so mistaking
# one for the other costs next to nothing: the loss hardly tells them apart, and its gradient is
# small. The subspace may converge slowly although the loss does not.
#
# The subspace is PCA's, but the columns are not. Nothing in the loss asks for directions at right
# angles, or in order of variance. Put any invertible 8 x 8 matrix between encoder and decoder, undo
# it in the decoder, and the reconstruction stays the same. So the codes are PCA's codes, mixed:

# %%
with no_grad():
    z = linear.encoder(Tensor((x - mean).astype(np.float32))).numpy().astype(float)
z -= z.mean(axis=0)  # the encoder's bias shifts its codes
z_pca = (x - mean) @ components[:, :8]
mix, *_ = np.linalg.lstsq(z, z_pca, rcond=None)  # (8, 8)
unexplained = error(z @ mix, z_pca) / error(0, z_pca)
print(f"PCA's codes from ours by one matrix: {unexplained:.1e} of their variance stays unexplained")
assert unexplained < 1e-3

figure = Figure(figsize=(8, 2.5), layout="constrained")
columns = {"PCA": components[:, :8], "decoder": linear.decoder.weight.detach().numpy()}
for row, (name, weight) in zip(figure.subplots(2, 8), columns.items(), strict=True):
    for i, panel in enumerate(row):
        top = np.abs(weight[:, i]).max()
        panel.imshow(weight[:, i].reshape(28, 28), cmap="RdBu_r", vmin=-top, vmax=top)
        panel.set(xticks=[], yticks=[])
    row[0].set_ylabel(name)
figure.suptitle("8 columns of each: one subspace, two bases (red adds ink, blue takes it away)")
keep(figure, "components.png")

# %% [markdown]
# ## More layers, and what has to stand between them
#
# Put more linear layers on each side and you get more weights, and nothing else. A product of
# matrices is a matrix, $W_4 W_3 W_2 W_1 = W$, and since everything goes through 8 numbers, its rank
# is at most 8. PCA is already the best of that kind. An activation between the layers changes this.

# %%
minae.manual_seed(0)
stacked = Autoencoder(layers(784, 256, 8), layers(8, 256, 784))
fit(stacked, x - mean, 20)
weights = [w.detach().numpy().astype(float) for w in stacked.parameters() if w.ndim == 2]
W = weights[3] @ weights[2] @ weights[1] @ weights[0]  # (784, 784)
values = np.linalg.svd(W, compute_uv=False)
print(f"singular values of W: the eighth {values[7]:.3f}, the ninth {values[8]:.1e}")
assert values[8] < 1e-10 * values[0]

minae.manual_seed(0)
relu = [nn.ReLU]
deep = Autoencoder(layers(784, 256, 128, 8, between=relu), layers(8, 128, 256, 784, between=relu))
fit(deep, x - mean, 20)

errors = {"PCA": error(pca(test, 8), test)}
for name, model in {"linear": linear, "more linear layers": stacked, "deep, ReLU": deep}.items():
    errors[name] = error(mean + output_of(model, test - mean), test)
print_table(("code of 8 numbers", "error on unseen digits"), list(errors.items()))
assert error(output_of(stacked, x - mean), x - mean) > 0.9999 * best
assert abs(errors["more linear layers"] / errors["PCA"] - 1) < 0.02
assert errors["deep, ReLU"] < 2 / 3 * errors["PCA"]

# %% [markdown]
# Why does it help? You can see it with points in a plane, near an arc, and a code of one number. A
# linear map can only put them on a straight line. With ReLU the decoder draws a line with bends.

# %%
rng = np.random.default_rng(0)
turn = rng.uniform(0.1, 0.9, 400) * np.pi
arc = np.column_stack([np.cos(turn), np.sin(turn)]) + rng.normal(0, 0.05, (400, 2))
arc -= arc.mean(axis=0)
minae.manual_seed(1)
bent = Autoencoder(layers(2, 32, 1, between=relu), layers(1, 32, 2, between=relu))
fit(bent, arc, 150, lr=1e-2, batch_size=50)
_, _, v = np.linalg.svd(arc, full_matrices=False)
line = arc @ v[:1].T @ v[:1]
with no_grad():
    code = bent.encoder(Tensor(arc.astype(np.float32))).numpy()
    walk = np.linspace(code.min(), code.max(), 200, dtype=np.float32)[:, None]
    curve = bent.decoder(Tensor(walk)).numpy()
on_arc = {"PCA": error(line, arc), "autoencoder": error(output_of(bent, arc), arc)}
print("error on the arc, one number per point:", {k: round(v, 4) for k, v in on_arc.items()})
assert on_arc["autoencoder"] < on_arc["PCA"] / 5

figure = Figure(figsize=(5.6, 3.6), layout="constrained")
axes = figure.subplots()
axes.scatter(*arc.T, s=8, color=plots.MUTED, alpha=0.5)
axes.plot(*line.T, color=plots.RED, label="all that PCA can draw from one number")
axes.plot(*curve.T, color=plots.BLUE, label="what the autoencoder draws")
axes.set(aspect="equal", ylim=(-0.95, 0.75))
axes.legend(loc="lower center", frameon=False, fontsize=8)
axes.set_title("One number for a point of the plane", loc="left")
keep(figure, "arc.png")

# %% [markdown]
# ## How long must the code be?
#
# From here on the model is minae's own `models.DenseAutoencoder`: the same two stacks of layers. It
# ends in a sigmoid, since pixels lie between 0 and 1, and minimises the cross-entropy of lesson 2.
# The figure reported is still E.

# %%
SIZES = (2, 8, 32, 128)
dense, train_error, test_error = {}, {}, {}
for k in SIZES:
    minae.manual_seed(0)
    dense[k] = models.DenseAutoencoder([784, 256, 128, k])
    dense[k].start_at_mean(data.train.images)
    fit(dense[k], x, 20)
    train_error[k] = error(output_of(dense[k], x), x)
    test_error[k] = error(output_of(dense[k], test), test)
pca_error = {k: error(pca(test, k), test) for k in range(1, 201)}

figure = Figure(figsize=(6.4, 4), layout="constrained")
axes = figure.subplots()
axes.axhline(error(mean, test), color=plots.MUTED, linestyle=":", label="mean image, no code")
axes.plot(pca_error.keys(), pca_error.values(), color=plots.RED, label="PCA")
axes.plot(SIZES, test_error.values(), "o-", color=plots.BLUE, label="deep")
axes.plot(SIZES, train_error.values(), "o--", color=plots.BLUE, alpha=0.4, label="deep, training")
axes.set(xlabel="numbers in the code", ylabel="error", xscale="log", ylim=(0, None))
axes.set_xticks([1, 2, 4, 8, 16, 32, 64, 128])
axes.xaxis.set_major_formatter("{x:g}")
axes.minorticks_off()
axes.legend(frameon=False)
axes.set_title("Error on 500 unseen digits, by length of the code", loc="left")
keep(figure, "code_size.png")
print_table(
    ("numbers", "PCA", "deep", "deep, training"),
    [(k, pca_error[k], test_error[k], train_error[k]) for k in SIZES],
)
assert test_error[2] < 0.88 * pca_error[2]
assert test_error[8] < 0.70 * pca_error[8]
assert test_error[32] < 0.80 * pca_error[32]
assert test_error[128] > 1.2 * pca_error[128]
assert all(train_error[k] < test_error[k] for k in SIZES)

# %% [markdown]
# A short code gains from a decoder that knows what digits look like. With 128 numbers PCA wins: it
# keeps nearly everything, which the network, with 4,000 images and 20 passes over them, does not
# learn to do. On the images that it was trained on, it does better at all four lengths.


# %%
def rows_of(rows, title):
    """Draw rows (10, 784) of images, one below the other, with their names at the left."""
    figure = Figure(figsize=(7.6, 0.62 * len(rows) + 0.4), layout="constrained")
    for line, (name, images) in zip(figure.subplots(len(rows), 10), rows.items(), strict=True):
        for panel, image in zip(line, images, strict=True):
            panel.imshow(image.reshape(28, 28), cmap="gray", vmin=0, vmax=1)
            panel.set(xticks=[], yticks=[])
        line[0].set_ylabel(name, rotation=0, ha="right", va="center")
    figure.suptitle(title, fontsize=10)
    return figure


ten = [int(np.flatnonzero(data.test.labels == digit)[0]) for digit in range(10)]
rows = {"original": test[ten]}
for k in (32, 8, 2):
    rows |= {f"PCA, {k}": pca(test[ten], k), f"deep, {k}": output_of(dense[k], test[ten])}
keep(rows_of(rows, "Unseen digits through codes of 32, 8 and 2 numbers"), "reconstructions.png")

# %% [markdown]
# Look at the 3 with 8 numbers. PCA blurs where it does not know. A deep decoder draws a clean
# digit, even if it is another one: most likely a 7, though that may depend on your machine's
# rounding.
#
# ## The table of 2006
#
# In 2006 Hinton and Salakhutdinov showed that a deep autoencoder, 784-1000-500-250-30 and back,
# squeezes MNIST better than PCA can ("Reducing the dimensionality of data with neural networks",
# Science 313). They first trained layer by layer; with today's initial values and AdamW this is not
# needed. PCA of all 60,000 training images gives their number almost to the digit. minae's network
# is trained on 55,000 of these; the other 5,000 choose the epoch.
#
# `--full` recomputes minae's column. Otherwise it comes from `results.json` beside this file.

# %%
recorded = resources.files("minae.lessons") / "04_dense_autoencoder" / "results.json"
full = json.loads(recorded.read_text(encoding="utf-8"))


def measure():
    """Fit PCA to MNIST, train the deep autoencoder, and return their errors."""
    figures = {}
    for name, held_out in (("pca_55000", 5000), ("pca_60000", 0)):
        mnist = load("mnist", validation=held_out)
        images, unseen = (part.images.reshape(-1, 784) for part in (mnist.train, mnist.test))
        centre = images.mean(axis=0, dtype=float)
        moments = images.T.astype(float) @ images / len(images)  # (784, 784)
        _, vectors = np.linalg.eigh(moments - np.outer(centre, centre))
        v = vectors[:, -30:]  # the largest variances are last
        figures[name] = error(centre + (unseen - centre) @ v @ v.T, unseen)
    model = {"sizes": [784, 1000, 500, 250, 30], "activation": "silu"}
    how = {"optimizer": "adamw", "lr": 2e-3, "weight_decay": 0.2, "schedule": "cosine"}
    settings = Settings("dense", "mnist", model, epochs=40, **how)
    run = train_run(settings, OUT / "full", command=full["command"], overwrite=True)
    measured = run.metrics
    return figures | {"deep": measured["test_squared_error"], "seconds": measured["seconds"]}


try:
    full = measure() if FULL else full
except InputError as reason:  # MNIST is not available
    print(reason)
if "taken_from" in full:
    print(f"recorded in {full['taken_from']} by: {full['command']}")
    print("--full trains it again, and needs MNIST, which is downloaded when first asked for")
print_table(
    ("code of 30 numbers", "2006", "minae"),
    [
        ("PCA, of 60,000 images", "13.87", f"{full['pca_60000']:.2f}"),
        ("PCA, of 55,000 images", "", f"{full['pca_55000']:.2f}"),
        ("deep autoencoder", "3.00", f"{full['deep']:.2f}"),
    ],
    f"squared error per test image of MNIST (training took {full['seconds']:.0f} s)",
)
assert full["deep"] < 3 < full["pca_55000"]

# %% [markdown]
# ## A film, retold in one sentence
#
# An autoencoder does what you do when you retell a film in one sentence. The listener imagines a
# different film from the one you saw, but the same story; and only because they know what ships
# are, and love.

# %%
film = 3840 * 2160 * 3 * 24 * 2 * 60 * 60  # pixels, colours, frames a second, two hours
sentence = "A poor painter and a rich girl fall in love on a ship, it sinks, and he dies."
size = len(sentence.encode())
print(f"a film in 4K: {film:,} bytes; the sentence: {size}, one for every {film // size:,}")

# %% [markdown]
# A digit has 784 pixels of one byte. A code of 32 numbers in float32 has 128 bytes, but it need not
# be that exact. b bits hold the whole numbers q from $-(2^{b-1} - 1)$ to $2^{b-1} - 1$. If $m$ is
# the largest absolute value in the training codes, neighbouring levels are a step s apart:
#
# $$s = \frac{m}{2^{b-1} - 1}, \qquad q = \mathrm{round}(z / s), \qquad \hat z = s q$$
#
# What survives? Two things are measured on what the decoder draws: which digit it is, according to
# the nearest of the 4,000 training images, and how much it leans, by the correlation with the
# original.


# %%
def rounded(z, m, bits):
    """Return codes as they are when stored in `bits` bits per number."""
    most = 2 ** (bits - 1) - 1
    s = m / most
    q = np.round(z / s)
    return s * np.clip(q, -most, most)  # an unseen image's code may be larger than m


def judged(images):
    """Return the share whose nearest training image has the right label."""
    squares = (x**2).sum(axis=1) - 2 * images @ x.T  # (500, 4000), up to the image's own square
    return float((data.train.labels[squares.argmin(axis=1)] == data.test.labels).mean())


def slant(images):
    """Return how far the ink of each image moves to the right per pixel up."""
    down, right = (i.ravel() - 13.5 for i in np.indices((28, 28)))
    share = images / images.sum(axis=1, keepdims=True)  # of the ink, in each pixel
    y, x = share @ down, share @ right  # the middle
    return -(share @ (down * right) - x * y) / (share @ down**2 - y**2)


def survives(images):
    """Return error, share recognised, and how well the slant is kept."""
    kept = np.corrcoef(slant(images), slant(test))[0, 1]
    return error(images, test), 100 * judged(images), float(kept)


pictures, rows = {"784 bytes": test[ten]}, [("pixels", 784, *survives(test))]
for k, bits in ((32, 32), (32, 8), (32, 4), (8, 4), (2, 4)):
    with no_grad():
        z, known = (dense[k].codes(Tensor(i.astype(np.float32))).numpy() for i in (test, x))
        z = z if bits == 32 else rounded(z, np.abs(known).max(), bits)
        images = dense[k].decode(Tensor(z.astype(np.float32))).numpy().astype(float)
    size = k * bits // 8
    pictures[f"{size} byte{'s' * (size > 1)}"] = images[ten]
    rows.append((f"{k} numbers of {bits} bits", size, *survives(images)))
print_table(("what is kept", "bytes", "error", "% recognised", "slant"), rows)
keep(rows_of(pictures, "What the sentence keeps"), "bytes.png")
table = {size: figures for _, size, *figures in rows}
assert table[32][0] < 1.05 * table[128][0]
assert table[4][0] > error(mean, test) / 3
assert table[4][1] > 75
assert table[4][2] > 0.9
assert table[1][1] < table[4][1] - 10

# %% [markdown]
# 8 bits per number are as good as 32. With 4 bytes the error is more than a third of the mean
# image's, so the pixels are off; but mostly it is still the same digit, and it leans as before.
# With one byte it is often another digit. (With 4 bits, one m for all 32 numbers wastes levels:
# exercise 4.5 gives each its own range.)
#
# And the listener? The sentence is short because the decoder knows what digits look like. That
# knowledge has a size too.

# %%
knows = 4 * sum(w.data.size for w in dense[8].decoder.parameters())
print(f"the decoder for 8 numbers: {knows:,} bytes, as many as in {knows // 784:,} images")
