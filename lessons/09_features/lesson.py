# %% [markdown]
"""# 9. Codes as features

Images are cheap, labels are not: somebody has to look at every single image. So learn what images
are like from all of them, without labels, and spend the few labels on what remains. This lesson
trains autoencoders on images without looking at their labels. Then it classifies digits with 1, 3,
10 and 100 labels of each. It measures what this gains over a classifier of pixels, over PCA, and
over the same network without pretraining.
"""

# %%
import json
import sys
import time
from dataclasses import dataclass
from functools import cache, partial
from importlib import resources
from pathlib import Path

import numpy as np
from scipy.optimize import minimize

import minae
from minae import models, nn, ops, plots, train
from minae.autograd import no_grad
from minae.data import MaskBlock, load
from minae.errors import InputError
from minae.files import write_json
from minae.optim import Adam, CosineAnnealingLR
from minae.report import print_table
from minae.tensor import Tensor

STARTED = time.perf_counter()
FULL = "--full" in sys.argv
OUT = Path("runs") / "09_features"


def keep(figure, name):
    """Write a picture and say where it is."""
    plots.save(figure, OUT / name)
    print(f"written: {OUT / name}")


try:
    data = load("mnist" if FULL else "mnist5k")
except InputError as reason:  # MNIST is not available
    print(reason)
    FULL, data = False, load("mnist5k")
if not FULL:
    print("with 5,000 digits; --full uses all of MNIST, more draws and epochs: about 6 minutes")
PER_DIGIT = (1, 3, 10, 100)  # labels of each digit
DRAWS = 10 if FULL else 5
EPOCHS = 20 if FULL else 10  # of training without labels
images, labels = data.train.images, data.train.labels
print(f"{len(images):,} images without labels; {len(data.test):,} to test on")

# %% [markdown]
# ## A draw of labels
#
# Chance decides which images get a label, and with few labels it matters a lot. So everything below
# is done for several draws, the same ones for all methods, and given as a mean with its standard
# error:
#
# $$\bar a = \frac{1}{S} \sum_s a_s, \qquad
#   \mathrm{SE} = \sqrt{\frac{1}{S (S - 1)} \sum_s (a_s - \bar a)^2}$$
#
# A draw takes k images of each digit, none twice.


# %%
def draw(k, seed):
    """Return the numbers (10, k) of training images that get a label: k of each digit."""
    rng = np.random.default_rng(seed)
    return np.stack([rng.choice(np.flatnonzero(labels == c), k, False) for c in range(10)])


def mean_and_error(values):
    """Return the mean of values (S,), and its standard error."""
    return np.mean(values), np.std(values, ddof=1) / np.sqrt(len(values))


picked = draw(3, seed=0)
assert (labels[picked] == np.arange(10)[:, None]).all()
keep(plots.image_grid(images[picked.ravel()], "All that is labelled: one draw of 30"), "labels.png")

# %% [markdown]
# ## The probe
#
# To ask how useful features are, use a classifier that adds as little as possible of its own: one
# linear layer and a softmax, a **linear probe**. For n labelled rows x with labels y:
#
# $$L(W, b) = -\frac{1}{n} \sum_i \log \mathrm{softmax}(W x_i + b)_{y_i}
#   + \frac{\lambda}{2} \sum_{jk} W_{jk}^2$$
#
# The second term keeps weights small, since with few labels many W get all of them right. It leaves
# out the bias. L is convex, so there is one lowest point, however you get there: the result depends
# only on λ. (In exercise 9.1 you write the gradient by hand.)


# %%
def loss_and_gradient(parameters, x, y, lam):
    """Return L and its gradient, for W (10, Z) and b (10,) in one vector."""
    p = Tensor(parameters, requires_grad=True)
    weight, bias = p[:-10].reshape(10, -1), p[-10:]
    loss = ops.cross_entropy(ops.linear(x, weight, bias), y) + lam / 2 * (weight * weight).sum()
    loss.backward()
    return loss.item(), p.grad.numpy()


def probe(x, y, lam):
    """Return W (10, Z) and b (10,) of the linear probe of rows x (n, Z) with labels y (n,)."""
    start = np.zeros(10 * (x.shape[1] + 1))
    rows = Tensor(x.astype(float)), Tensor(y)
    found = minimize(loss_and_gradient, start, (*rows, lam), "L-BFGS-B", jac=True)
    assert found.success, found.message
    return found.x[:-10].reshape(10, -1), found.x[-10:]


def percent_right(weight, bias, x, y):
    """Return the share of rows x (N, Z) whose largest logit is that of their label y, in %."""
    return 100 * float(((x @ weight.T + bias).argmax(axis=1) == y).mean())


# %% [markdown]
# How is λ chosen? By cross-validation on the labelled images, and nothing else: leave out a third
# of each digit's images, fit on the rest, count how many of those left out come out right, and do
# so for each third. If several λ are equally good, take the largest. With one label per digit
# nothing can be left out. λ is then 0.001, whatever the features; a cell below shows how little
# depends on it.

# %%
LAMBDAS = (1e-2, 1e-3, 1e-4, 1e-5)[: 4 if FULL else 3]  # the last one takes longest


def chosen_lambda(x, y):
    """Return λ for rows x (10 k, Z) that are k of each digit: k of the first, and so on."""
    fold = np.tile(np.arange(len(y) // 10) % 3, 10)  # of each row
    if len(y) < 30:
        return 1e-3

    def score(lam):
        parts = [(fold != f, fold == f) for f in range(3)]
        return sum(percent_right(*probe(x[a], y[a], lam), x[b], y[b]) for a, b in parts)

    return max(LAMBDAS, key=score)  # the first of the best


# %% [markdown]
# ## Features
#
# λ means the same in all spaces only if rows are equally long in them. So subtract the mean row,
# and divide by the root of the mean squared length. Both come from the training images: they need
# no labels, and test images must have no part in them.
#
# $$z' = \frac{z - \bar z}{s}, \qquad s^2 = \frac{1}{N} \sum_n |z_n - \bar z|^2$$


# %%
@dataclass
class Space:
    """Rows of features of training, validation and test images, and what standardised them."""

    train: np.ndarray
    validation: np.ndarray
    test: np.ndarray
    mean: np.ndarray
    s: float


def space(rows_of):
    """Return the standardised space of features that rows_of(images) gives."""
    rows = [rows_of(part.images) for part in (data.train, data.validation, data.test)]
    mean = rows[0].mean(axis=0)
    s = np.sqrt(((rows[0] - mean) ** 2).sum(axis=1).mean())
    return Space(*((z - mean) / s for z in rows), mean, s)


def pixels(x):
    """Return images (N, 1, 28, 28) as rows (N, 784)."""
    return x.reshape(len(x), -1)


@no_grad()
def codes(model, x):
    """Return the codes (N, Z) of images, as an array."""
    return np.concatenate([model.codes(Tensor(part)).numpy() for part in np.split(x, 10)])


# %% [markdown]
# Train two autoencoders with the same network: lesson 6's convolutions down to a code of 64
# numbers. The first copies its input. The second is a **denoising** one, whose noise is a black
# square of 14 x 14 pixels, a quarter of the image, anywhere: it has to say what is behind it. For
# that it must know how strokes continue, which it need not know for copying.
#
# The third is the same network with its initial random weights. It shows how much is due to
# training, and how much to convolutions.

# %%
Z = 64


def untrained(seed):
    """Return the autoencoder with random weights."""
    minae.manual_seed(seed)
    return models.ConvAutoencoder(channels=(16, 32), latent=Z)


def pretrained(corrupt=None):
    """Return the autoencoder, trained on all training images without their labels."""
    model = untrained(seed=0)
    model.start_at_mean(images)
    fit(model, images, EPOCHS, 64, lr=2e-3, corrupt=corrupt)
    return model


def fit(model, arrays, epochs, batch_size, lr, **how):
    """Train by Adam, with a rate that falls to zero along a cosine."""
    adam = Adam(model.parameters(), lr=lr)
    schedule = CosineAnnealingLR(adam, epochs)
    how |= {"epochs": epochs, "batch_size": batch_size, "show_progress": False}
    train.fit(model, arrays, optimizer=adam, schedule=schedule, **how)


mask = MaskBlock(14)
copying, masked = pretrained(), pretrained(corrupt=mask)
unseen = data.test.images[:10]
corrupted = mask(unseen, np.random.default_rng(0))
with no_grad():
    rebuilt = masked(Tensor(corrupted)).numpy()
title = "Unseen digits with a square covered, and how they are rebuilt"
keep(plots.reconstructions(unseen, rebuilt, corrupted=corrupted, title=title), "masked.png")

# %% [markdown]
# Principal components are the linear code (lesson 4), also of 64 numbers.

# %%
flat = pixels(images)
centred = flat - flat.mean(axis=0)
components = np.linalg.eigh(centred.T @ centred)[1][:, ::-1]  # the largest variance first


def project(x, k=Z):
    """Return the first k principal components of images (N, 1, 28, 28): (N, k)."""
    return pixels(x) @ components[:, :k]


networks = {  # name: the autoencoder of each draw; only the random ones differ
    "codes, copying": [copying] * DRAWS,
    "codes, masked": [masked] * DRAWS,
    "codes, random weights": [untrained(seed) for seed in range(DRAWS)],
}
space_of = cache(lambda model: space(partial(codes, model)))
spaces = {"pixels": [space(pixels)] * DRAWS, "PCA": [space(project)] * DRAWS}
spaces |= {name: [space_of(model) for model in nets] for name, nets in networks.items()}


# %% [markdown]
# First, the promise about λ. Here is what each λ gives with 10 labels on the validation images, as
# a mean over 10 draws. These are not the draws that follow: whatever is chosen here (and the
# network, its rates and the size of the square were chosen in the same way) is then tested with
# other labelled images, on other images. Somebody who really has 10 labels has no validation set.

# %%
OTHER_DRAWS = range(100, 110)


def validated(name, k, lam):
    """Return the mean accuracy on validation images, with k labels per digit."""
    right = []
    for seed in OTHER_DRAWS:
        found, i = spaces[name][seed % DRAWS], draw(k, seed).ravel()
        fitted = probe(found.train[i], labels[i], lam)
        right.append(percent_right(*fitted, found.validation, data.validation.labels))
    return float(np.mean(right))


rows = [(name, *(validated(name, 1, lam) for lam in LAMBDAS)) for name in spaces]
print_table(("10 labels", *(f"λ = {lam:g}" for lam in LAMBDAS)), rows, "% of validation images")
assert all(max(row[1:]) - min(row[1:]) < 1.5 for row in rows)

# %% [markdown]
# A factor of 10 in λ changes a row by less than the differences between rows. Now for the test,
# with λ from cross-validation, and the same draws for each probe.


# %%
@cache
def fitted(name, k, seed):
    """Return W and b of the probe of one draw, with λ chosen by its own images."""
    i = draw(k, seed).ravel()
    x, y = spaces[name][seed % DRAWS].train[i], labels[i]
    return probe(x, y, chosen_lambda(x, y))


def probed(name, k):
    """Return the accuracies on test images, one per draw."""
    rows = [spaces[name][seed % DRAWS].test for seed in range(DRAWS)]
    probes = [fitted(name, k, seed) for seed in range(DRAWS)]
    pairs = zip(probes, rows, strict=True)
    return [percent_right(*both, x, data.test.labels) for both, x in pairs]


accuracy = {name: {k: probed(name, k) for k in PER_DIGIT} for name in spaces}


def means():
    """Return mean and standard error of each row's accuracies, for each number of labels."""
    return {name: [mean_and_error(row[k]) for k in PER_DIGIT] for name, row in accuracy.items()}


HEADER = ("", *(f"{10 * k:,} labels" for k in PER_DIGIT))


def show(means, draws, form="{:.1f} ± {:.1f}"):
    """Print rows of means and standard errors."""
    rows = [(name, *(form.format(*cell) for cell in row)) for name, row in means.items()]
    print_table(HEADER, rows, f"mean of {draws} draws ± standard error")


print("% of test images right:")
show(means(), DRAWS)

# %% [markdown]
# ## Fine-tuning
#
# So far the encoder stayed as it was. Now train it further, together with the head:
#
# $$\mathrm{logits} = W \, \mathrm{encoder}(x) + b$$
#
# A head of random weights would send random gradients into the encoder, and spoil what it knows
# before the head knows anything. So the head begins as the probe, and only then is everything
# trained (Kumar et al. 2022 call it LP-FT). The probe was fitted to standardised codes. As a layer
# on plain codes it is
#
# $$W \frac{z - \bar z}{s} + b = \frac{W}{s} z + \left(b - \frac{W \bar z}{s}\right)$$
#
# The network with random weights gets the same treatment: first a probe, then training of the
# whole.


# %%
class Classifier(nn.Module):
    """An encoder, and a linear layer on its codes."""

    def __init__(self, encoder, weight, bias):
        self.encoder, self.head = encoder, nn.Linear(weight.shape[1], len(weight))
        self.head.weight.data[...], self.head.bias.data[...] = weight, bias

    def forward(self, x):
        """Return the logits (N, 10) of images x."""
        return self.head(self.encoder(x))

    def loss(self, x, target):
        """Return the cross-entropy with the labels (N,)."""
        return ops.cross_entropy(self(x), target)


STEPS, PASSES = (200, 20) if FULL else (100, 8)  # at least this many steps, and epochs


def fine_tuned(name, k, seed, rate):
    """Return a classifier: these features' encoder and probe, trained on a draw."""
    i, weight, bias = draw(k, seed).ravel(), *fitted(name, k, seed)
    found, model = spaces[name][seed % DRAWS], networks[name][seed % DRAWS]
    copy = models.ConvAutoencoder(**model.config)
    copy.load_state_dict(model.state_dict())
    classifier = Classifier(copy.encoder, weight / found.s, bias - weight @ found.mean / found.s)
    epochs = max(PASSES, STEPS // -(-len(i) // 50))
    fit(classifier, (images[i], labels[i]), epochs, 50, rate, seed=seed)
    return classifier


@no_grad()
def percent_of(classifier, part):
    """Return the share of a part's images that a classifier has right, in %."""
    logits = np.concatenate([classifier(Tensor(x)).numpy() for x in np.split(part.images, 10)])
    return 100 * float((logits.argmax(axis=1) == part.labels).mean())


# %% [markdown]
# With `--full` the rate is chosen on validation images, with other draws, separately for each row
# and each number of labels. So the random network has its own best rate. Otherwise the rate is
# 0.001 everywhere.

# %%
tuned = {"fine-tuned": "codes, masked", "same network, random": "codes, random weights"}


def chosen_rate(name, k):
    """Return the rate that is best on validation images, as a mean over three draws."""

    def trial(rate):
        classifiers = [fine_tuned(name, k, seed, rate) for seed in OTHER_DRAWS[:3]]
        return sum(percent_of(classifier, data.validation) for classifier in classifiers)

    return max((3e-4, 1e-3, 3e-3), key=trial)


rates = {}
for row, name in tuned.items():
    accuracy[row] = {}
    for k in PER_DIGIT:
        rates[row, k] = rate = chosen_rate(name, k) if FULL else 1e-3
        classifiers = (fine_tuned(name, k, seed, rate) for seed in range(DRAWS))
        accuracy[row][k] = [percent_of(classifier, data.test) for classifier in classifiers]
    print(f"{row}: rates {', '.join(f'{rates[row, k]:g}' for k in PER_DIGIT)}")
print("% of test images right:")
show(means(), DRAWS)

# %%
x = 10 * np.array(PER_DIGIT)
drawn = ("fine-tuned", "codes, masked", "same network, random", "codes, copying", "pixels")
curves = {name: (x, *np.transpose(means()[name])) for name in drawn}
title = "Accuracy by labels: mean of draws, bars of one standard error"
keep(plots.lines(curves, "labelled images", "% right", title, log_x=True), "few_labels.png")

# %% [markdown]
# The errors in the table are large, above all with 10 labels, because draws differ in luck. But a
# lucky draw is lucky for every method. So compare draw by draw: take the difference first, then its
# mean and standard error.


# %%
def ahead(name, other, k):
    """Return how far a row is ahead of another, draw by draw: the mean and its error."""
    return mean_and_error(np.subtract(accuracy[name][k], accuracy[other][k]))


PAIRS = (
    ("PCA", "pixels"),
    ("codes, copying", "pixels"),
    ("codes, masked", "pixels"),
    ("codes, masked", "codes, copying"),
    ("codes, random weights", "pixels"),
    ("fine-tuned", "codes, masked"),
    ("fine-tuned", "same network, random"),
    ("same network, random", "codes, masked"),
)
gains = {f"{a}, over {b}": [ahead(a, b, k) for k in PER_DIGIT] for a, b in PAIRS}
print("points ahead:")
show(gains, DRAWS, "{:+.1f} ± {:.1f}")

# %% [markdown]
# ## All of MNIST
#
# `--full` does all of this with 55,000 images without labels, 10 draws and 10,000 test images, and
# writes down the results. Otherwise the numbers come from `results.json` beside this file.

# %%
recorded = resources.files("minae.lessons") / "09_features" / "results.json"
full = json.loads(recorded.read_text(encoding="utf-8"))
if FULL:
    chosen = {row: [rates[row, k] for k in PER_DIGIT] for row in tuned}
    command = "python lessons/09_features/lesson.py --full"
    full = {"command": command, "seconds": time.perf_counter() - STARTED}
    full |= {"draws": DRAWS, "rates": chosen, "accuracy": means(), "gains": gains}
    write_json(OUT / "results.json", full)
    print(f"written: {OUT / 'results.json'}")
print(f"MNIST, by {full['command']} in {full['seconds']:.0f} s; % of test images right:")
show(full["accuracy"], full["draws"])
print("points ahead:")
show(full["gains"], full["draws"], "{:+.1f} ± {:.1f}")

# %% [markdown]
# Others have done this before, with 100 and 1,000 labels of MNIST. Kingma et al. ("Semi-supervised
# learning with deep generative models", 2014, table 1) list a network trained on the labelled
# images alone, one with convolutions, one that began as a contractive autoencoder (Rifai et al.
# 2011), and their own generative model. The last two rows are ours, from the table above.

# %%
published = {  # errors in %, with 100 and 1,000 labels
    "network, labels only": (25.81, 10.70),
    "with convolutions, labels only": (22.98, 6.45),
    "contractive autoencoder, fine-tuned": (13.47, 4.77),
    "generative model, M1 + M2": (3.33, 2.40),
}
rows = [(name, *(round(100 - e, 2) for e in errors)) for name, errors in published.items()]
rows += [(f"ours: {row}", *(mean for mean, _ in full["accuracy"][row][2:])) for row in tuned]
print_table(("", "100 labels", "1,000 labels"), rows, "% of test images right")

# %% [markdown]
# Ours stay one to four points below theirs of the same kind, the contractive autoencoder and the
# convolutions. And the generative model shows how much more there is in images without labels.
#
# ## When it helps, and when it does not


# %%
def gained(pair):
    """Return how many points a row is ahead, for each number of labels."""
    return np.array([mean for mean, _ in gains[pair]])


few, many = 0, -1  # 10 and 1,000 labels
assert (np.abs(gained("PCA, over pixels")) < 2).all()
assert (gained("codes, random weights, over pixels") < -3).all()
assert (gained("codes, copying, over pixels") > -0.5).all()
assert (gained("codes, masked, over pixels") > 1).all()
assert (gained("codes, masked, over codes, copying") > 0).all()
tuning = gained("fine-tuned, over codes, masked")
assert tuning[few] < 1 < tuning[many]
head_start = gained("fine-tuned, over same network, random")
assert head_start[few] > head_start[many] + 1 > 2
assert head_start.argmin() == len(PER_DIGIT) - 1
frozen = gained("same network, random, over codes, masked")
assert frozen[few] < -4 < -2 < frozen[many]
print(f"weights of the encoder: {sum(p.numel() for p in masked.encoder.parameters()):,}")

# %% [markdown]
# Everything in bold is asserted above, with its numbers in the tables.
#
# - **PCA is as good as pixels,** within two points. It hands a linear classifier what a linear
#   classifier could have found for itself.
# - **With random weights, codes are worse than pixels.** So it is training that turns them into
#   features, not convolutions alone.
# - **Codes of the masked autoencoder are better than pixels, and better than codes from copying.**
#   The autoencoder's task matters: copying gains one to three points, not always more than the
#   error.
# - **With 10 labels, fine-tuning gains nothing.** It moves all of the encoder's weights to suit ten
#   images. Leave the encoder alone.
# - **With 1,000 labels it helps:** now there is enough to learn from, and a frozen encoder is in
#   the way. Even the network that began with random weights has nearly caught up with the frozen
#   codes.
# - **The head start over the network with random weights is smallest with 1,000 labels.**
#   Pretraining pays where images are many and labels few. All of MNIST has more images to learn
#   from, so it pays more there.
# - **Pixels beat no pretrained encoder.** But they cost nothing, and with 1,000 labels a copying
#   autoencoder is hardly worth the trouble.
#
# The errors leave out some uncertainty: each autoencoder was trained once, and the 500 test images
# of the small version are the same for all. A share of 80% of 500 images is itself uncertain by 1.8
# points, in the same way for all rows. And the network, the square and the rates were chosen on
# validation images: hundreds of labels that somebody with ten does not have.
#
# ## Exercises
#
# They are in `exercises.py`. 9.1 is the probe's gradient by hand, 9.2 a fair draw of labels, 9.3
# standardises features one by one, 9.4 fine-tunes in two phases, and 9.5 compares two methods draw
# by draw. Then try squares of 10 or 18 pixels instead of 14, looking only at the validation images.
