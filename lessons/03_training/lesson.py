# %% [markdown]
"""# 3. Training

Lessons 1 and 2 end with a gradient: for each weight, how fast the loss grows with it. This lesson
goes the other way, downhill, again and again until a network does something useful. You write
gradient descent, momentum and Adam by hand, then the loop around them, and run that loop on the
same digits twice: once with labels and once without.

Training makes one number small, the loss on images that the network sees. That is not the number
you want. So the second half is about images that it does not see: how a network can be right about
everything it was shown and know nothing, and how you would notice.
"""

# %%
from pathlib import Path

import numpy as np
from matplotlib.figure import Figure

from minae import manual_seed, nn, ops, optim, plots
from minae.autograd import no_grad
from minae.data import Loader, load
from minae.kernels import use_backend
from minae.report import print_table
from minae.tensor import Tensor
from minae.train import fit

OUT = Path("runs") / "03_training"


def keep(figure, name):
    """Write a picture and say where it is."""
    plots.save(figure, OUT / name)
    print(f"written: {OUT / name}")


# %% [markdown]
# ## Downhill
#
# Begin where everything can be worked out: a valley over two weights, 25 times as steep across as
# along.
#
# $$f(x) = \tfrac12 (x_1^2 + 25 x_2^2) \qquad \frac{\partial f}{\partial x} = (x_1, 25 x_2)$$

# %%
CURVATURE = np.array([1.0, 25.0])
START = np.array([-4.0, 1.5])


def valley(x):
    """Return f at points (..., 2)."""
    return 0.5 * (CURVATURE * x**2).sum(axis=-1)


def slope(x):
    """Return the gradient of f at x."""
    return CURVATURE * x


def walk(update, steps, scale=1.0):
    """Return the points (steps + 1, 2) of a walk down `scale` times the valley.

    update(x, dx, m, v, t) takes step t, counted from 1. It changes x in place, and may remember
    what it likes in m and v, which start at 0.
    """
    x, m, v = START.copy(), np.zeros(2), np.zeros(2)
    points = [x.copy()]
    for t in range(1, steps + 1):
        update(x, scale * slope(x), m, v, t)
        points.append(x.copy())
    return np.array(points)


# %% [markdown]
# **Gradient descent** takes a step against the gradient. How far is up to you: lr, the learning
# rate.
#
# $$x \leftarrow x - \text{lr} \cdot dx$$


# %%
def descend(x, dx, lr):
    """Take a step of gradient descent."""
    x -= lr * dx


# %% [markdown]
# Here the gradient of each coordinate is its curvature c times itself. So a step multiplies it by
# the factor `1 - lr c`, whatever the other one does, and t steps by $(1 - \text{lr}\, c)^t$. If the
# factor is below -1, each step ends further from the bottom than it began: the walk diverges once
# **lr > 2 / c** for the steepest direction, here 2 / 25 = 0.08. Just below that, the steep
# direction is the slow one; far below, the flat one. Best is lr = 2 / (1 + 25), where both factors
# are 24 / 26 in size.

# %%
rows = []
for lr in (0.01, 0.04, 2 / 26, 0.079, 0.081):
    points = walk(lambda x, dx, m, v, t, lr=lr: descend(x, dx, lr), 100)
    assert np.allclose(points[-1], START * (1 - lr * CURVATURE) ** 100)  # the formula
    rows.append((lr, *(1 - lr * CURVATURE), float(valley(points[-1]))))
header = "lr", "factor of x1", "factor of x2", "f after 100 steps"
print_table(header, rows, f"f begins at {valley(START)}")
ends = [f for *_, f in rows]
assert min(ends) == ends[2]
assert ends[3] < valley(START) < ends[4]  # 0.079 still comes down, 0.081 does not

# %% [markdown]
# A network has thousands of directions and nobody knows their curvatures. You find lr by trying,
# and the steepest direction decides what you can use.
#
# ## Momentum: remember where you were going
#
# Across the valley the gradient changes its sign with each step; along it, it does not. A running
# sum v, in which older gradients count less and less, cancels the former and collects the latter:
#
# $$v \leftarrow \mu v + dx \qquad x \leftarrow x - \text{lr} \cdot v$$


# %%
def roll(x, dx, v, lr, momentum):
    """Take a step with momentum."""
    v[...] = momentum * v + dx
    x -= lr * v


# %% [markdown]
# Where all gradients are the same, v grows towards dx (1 + μ + μ² + ...) = dx / (1 - μ). So μ = 0.9
# means steps up to ten times as long in directions where gradients agree.

# %%
x, v = np.zeros(1), np.zeros(1)
for _ in range(200):
    roll(x, np.ones(1), v, lr=0.0, momentum=0.9)
print(f"v after 200 gradients of 1, momentum 0.9: {v[0]:.6f}")
assert np.isclose(v[0], 1 / (1 - 0.9))

# %% [markdown]
# ## Adam: a scale for each weight
#
# Momentum still has one lr for all directions. **Adam** (Kingma & Ba 2015) measures how large each
# weight's gradients are and divides by that. It keeps two running means, of dx and of dx²:
#
# $$m \leftarrow \beta_1 m + (1 - \beta_1)\, dx \qquad
# v \leftarrow \beta_2 v + (1 - \beta_2)\, dx^2$$
#
# Both start at 0, so at first they are too small. After t equal gradients g, m is
# $(1 - \beta_1^t)\, g$; so this is the factor to divide by.
#
# $$x \leftarrow x - \text{lr} \cdot
# \frac{m / (1 - \beta_1^t)}{\sqrt{v / (1 - \beta_2^t)} + \epsilon}$$


# %%
def adam(x, dx, m, v, t, lr=1e-3, beta1=0.9, beta2=0.999, eps=1e-8):
    """Take step t of Adam, counted from 1."""
    m[...] = beta1 * m + (1 - beta1) * dx
    v[...] = beta2 * v + (1 - beta2) * dx * dx
    x -= lr / (1 - beta1**t) * m / (np.sqrt(v / (1 - beta2**t)) + eps)


# %% [markdown]
# In the first step m / (1 - β₁) is dx and v / (1 - β₂) is dx², so x moves by lr · dx / |dx|: by lr
# itself, whether the gradient is large or small. Without the two corrections it would move 0.1 /
# √0.001 = 3.16 times as far, just when least is known.

# %%
gradients = np.array([1e-4, -1.0, 1e4])
x = np.zeros(3)
adam(x, gradients, np.zeros(3), np.zeros(3), t=1, lr=0.01)
print(f"gradients {gradients}, first step {x}")
assert np.allclose(x, -0.01 * np.sign(gradients), rtol=1e-3)  # eps is 1e-4 of the smallest
uncorrected = (1 - 0.9) / np.sqrt(1 - 0.999)
print(f"without correction it would be {uncorrected:.2f} times as long")
assert np.isclose(uncorrected, 3.162, atol=1e-3)

# %% [markdown]
# Now all three in the valley, each with a good rate: for gradient descent the best there is, for
# the others the best of a few.

# %%
WALKS = {
    "gradient descent": lambda x, dx, m, v, t: descend(x, dx, 2 / 26),
    "momentum": lambda x, dx, m, v, t: roll(x, dx, v, lr=0.04, momentum=0.67),
    "Adam": lambda x, dx, m, v, t: adam(x, dx, m, v, t, lr=0.2),
}
paths = {name: walk(update, 150) for name, update in WALKS.items()}
needed = {}
for name, points in paths.items():
    above = np.flatnonzero(valley(points) > 1e-6 * valley(START))
    needed[name] = int(above[-1]) + 1
    print(f"{name}: from step {needed[name]} on, f stays below a millionth of its start")
assert 2 * needed["momentum"] < needed["gradient descent"] < needed["Adam"] < 150

LINES = {"gradient descent": plots.RED, "momentum": plots.BLUE, "Adam": plots.COLOURS[5]}
figure = Figure(figsize=(9.5, 3.6))
path_panel, f_panel = figure.subplots(1, 2, width_ratios=(1.3, 1))
grid = np.stack(np.meshgrid(np.linspace(-4.4, 2, 200), np.linspace(-2.4, 2, 200)), axis=-1)
levels = np.geomspace(0.05, 45, 9)
path_panel.contour(*np.moveaxis(grid, -1, 0), valley(grid), levels=levels, colors="#cccccc")
for name, points in paths.items():
    path_panel.plot(*points[:40].T, ".-", color=LINES[name], linewidth=1, markersize=4, label=name)
    f_panel.semilogy(valley(points), color=LINES[name], label=name)
path_panel.set(xlabel="$x_1$", ylabel="$x_2$", title="the first 40 steps")
path_panel.legend(frameon=False, loc="lower right")
f_panel.set(xlabel="step", title="f", ylim=(1e-9, 1e2), xlim=(0, 150))
f_panel.axhline(1e-6 * valley(START), color=plots.MUTED, linewidth=0.8, linestyle=":")
figure.tight_layout()
keep(figure, "valley.png")

# %% [markdown]
# In this valley momentum wins, and Adam is slower than plain descent. Adam's advantage is another:
# you need not know the valley. Make it 1,000 times as deep everywhere. Adam divides that factor out
# and goes the same way; gradient descent would need an lr 1,000 times smaller.

# %%
deeper = {name: walk(update, 20, scale=1000.0) for name, update in WALKS.items()}
for name in ("gradient descent", "Adam"):
    apart = np.abs(deeper[name] - paths[name][:21]).max()
    print(f"{name}: in 20 steps, the two walks come {apart:.1e} apart")
assert np.abs(deeper["Adam"] - paths["Adam"][:21]).max() < 1e-6
assert valley(deeper["gradient descent"][-1]) > 1e50

# %% [markdown]
# ## Is it the library's Adam?
#
# `minae.optim.Adam` is what the rest of the course trains with. The function above should agree
# with it to the last bit, as far as arithmetic allows. Test it with 300 steps on 1,000 weights,
# with gradients from 1e-6 to 1e3 in size, the same ones for both.
#
# minae computes in one of two backends here. `reference` is plain NumPy, one operation after
# another, in the order of the three lines above. `cpu` is compiled, passes over all weights once,
# and multiplies √v by 1 / √(1 - β₂ᵗ) where those lines divide v: the same formula, rounded
# differently.


# %%
def both_adams(dtype, backend):
    """Return the weights after 300 steps of ours and of the library's."""
    rng = np.random.default_rng(0)
    mine = rng.normal(size=1000).astype(dtype)
    theirs = nn.Parameter(mine.copy())
    optimizer = optim.Adam([theirs])
    m, v = np.zeros_like(mine), np.zeros_like(mine)
    scale = np.geomspace(1e-6, 1e3, 1000)
    with use_backend(backend):
        for t in range(1, 301):
            dx = (scale * rng.normal(size=1000)).astype(dtype)
            adam(mine, dx, m, v, t)
            theirs.grad = Tensor(dx)
            optimizer.step()
    return mine, theirs.data


rows = []
for dtype in (np.float64, np.float32):
    for backend in ("reference", "cpu"):
        mine, theirs = both_adams(dtype, backend)
        assert mine.dtype == theirs.dtype == dtype
        different = int((mine != theirs).sum())
        apart = float(np.abs(mine - theirs).max())
        rows.append((np.dtype(dtype).name, backend, different, apart))
        if backend == "reference":
            assert different == 0
        assert apart < 1000 * np.finfo(dtype).eps
header = "arithmetic", "backend", "weights that differ", "by at most"
print_table(header, rows, "1,000 weights, 300 steps")

# %% [markdown]
# With `reference` all bits are equal, in float64 and in float32: NumPy rounds after each operation,
# and these are the same operations in the same order. With `cpu` the results are equal up to
# rounding, added up over 300 steps. So if you claim that two floating-point results are the same,
# say in which arithmetic.
#
# ## The loop
#
# There are 4,000 images to learn from, taken in **batches** of 64. One pass over all of them is an
# **epoch**: 62 batches of 64 and one of 32.

# %%
digits = load("mnist5k")
images, labels = digits.train.images, digits.train.labels  # (4000, 1, 28, 28), (4000,)
unseen, unseen_labels = digits.validation.images, digits.validation.labels  # (500, 1, 28, 28)
loader = Loader(images, labels, batch_size=64, seed=0)
sizes = [len(y) for _, y in loader.epoch(0)]
print(f"{len(sizes)} batches of {set(sizes[:-1])}, and the last of {sizes[-1]}")
assert sizes == [64] * 62 + [32]

# %% [markdown]
# A model to train has a method `loss`, which takes a batch and returns the mean loss of its images.
# The same loop then trains anything. Four lines of it do the work:
#
# 1. `zero_grad` clears the gradients of the last batch, since `backward` adds to what is there;
# 2. `loss` runs the network and records what it does;
# 3. `backward` fills in every weight's gradient;
# 4. `step` is one of the updates above.
#
# The epoch's figure is the mean over **images**, so each batch is weighted by its size: otherwise
# the 32 images of the last batch would count twice.


# %%
def train_epoch(model, optimizer, batches):
    """Take one step for each batch; return the mean loss per image."""
    total, count = 0.0, 0
    for batch in batches:
        optimizer.zero_grad()
        loss = model.loss(*map(Tensor, batch))
        loss.backward()
        optimizer.step()
        total += loss.item() * len(batch[0])
        count += len(batch[0])
    return total / count


@no_grad()
def mean_loss(model, arrays):
    """Return the mean loss per image, without training on these images."""
    return model.loss(*map(Tensor, arrays)).item()


def train(model, optimizer, seen, held_out, epochs, batch_size=64):
    """Train on `seen`, and measure the loss on `held_out` after each epoch; return the figures."""
    loader, history = Loader(*seen, batch_size=batch_size, seed=0), []
    for epoch in range(epochs):
        loss = train_epoch(model, optimizer, loader.epoch(epoch))
        held = mean_loss(model, held_out)
        history.append({"epoch": epoch + 1, "train_loss": loss, "validation_loss": held})
    return history


# %% [markdown]
# Note what `mean_loss` lacks: `backward` and `step`. The network learns nothing from what is
# measured there, and that is the point.
#
# ## Supervised and unsupervised, side by side
#
# A **classifier** is told the right answer: its loss compares ten outputs with the label (the
# cross-entropy of lesson 2). An **autoencoder** is given nothing but the image. It has to squeeze
# it through 32 numbers, and its loss compares what comes out with what went in: the squared error,
# summed over the 784 pixels. Both are a few linear layers.


# %%
class Classifier(nn.Module):
    """An image to ten scores, one for each digit."""

    def __init__(self):
        self.network = nn.Sequential(
            nn.Flatten(), nn.Linear(784, 256), nn.ReLU(), nn.Linear(256, 10)
        )

    def forward(self, x):
        """Map images (N, 1, 28, 28) to scores (N, 10)."""
        return self.network(x)

    def loss(self, x, label):
        """Return the mean cross-entropy: it takes labels."""
        return ops.cross_entropy(self(x), label)


class Autoencoder(nn.Module):
    """An image to 32 numbers, and back to an image."""

    def __init__(self):
        self.encoder = nn.Sequential(
            nn.Flatten(), nn.Linear(784, 256), nn.ReLU(), nn.Linear(256, 32)
        )
        self.decoder = nn.Sequential(nn.Linear(32, 256), nn.ReLU(), nn.Linear(256, 784))

    def forward(self, x):
        """Map images (N, 1, 28, 28) to their reconstructions."""
        return self.decoder(self.encoder(x)).reshape(x.shape)

    def loss(self, x):
        """Return the mean squared error of an image, summed over its pixels: no labels."""
        return ops.mse_loss(self(x), x, reduction="batchmean")


@no_grad()
def accuracy(model, x, label):
    """Return the share of images whose highest score is at the label."""
    return float((model(Tensor(x)).numpy().argmax(axis=1) == label).mean())


DATA = {  # what is seen, and what is held out
    Classifier: ((images, labels), (unseen, unseen_labels)),
    Autoencoder: ((images,), (unseen,)),
}


def trained(kind, epochs, count=4000, optimizer=optim.Adam):
    """Return a model that has seen the first `count` images, and the figures of its epochs."""
    manual_seed(0)  # the same first weights each time
    model, (seen, held_out) = kind(), DATA[kind]
    seen = tuple(array[:count] for array in seen)
    return model, train(model, optimizer(model.parameters()), seen, held_out, epochs)


# %% [markdown]
# First, check the loop itself against `minae.train.fit`, which is this loop with checkpoints and a
# progress bar. Same seed, same batches, same figures.

# %%
_, ours = trained(Classifier, epochs=2, count=500)
manual_seed(0)
seen, held_out = (images[:500], labels[:500]), (unseen, unseen_labels)
theirs = fit(Classifier(), seen, held_out, epochs=2, batch_size=64, show_progress=False)
for a, b in zip(ours, theirs, strict=True):
    print(f"epoch {a['epoch']}: ours {a['validation_loss']:.6f}, fit {b['validation_loss']:.6f}")
    assert np.isclose(a["train_loss"], b["train_loss"], rtol=1e-4)
    assert np.isclose(a["validation_loss"], b["validation_loss"], rtol=1e-4)

# %% [markdown]
# Why batches? A gradient over 64 images costs a 63rd of one over all 4,000. How well do the two
# agree for a network that has learned nothing yet? Here is the cosine of the angle between them,
# 203,530 numbers each. For two random directions of that many numbers it would be near 0.

# %%
manual_seed(0)
model = Classifier()


def gradient(count):
    """Return the gradient over the first `count` images, added to what is there already."""
    model.loss(Tensor(images[:count]), Tensor(labels[:count])).backward()
    return np.concatenate([p.grad.data.ravel() for p in model.parameters()])


whole = gradient(4000)
twice = gradient(4000)  # with no zero_grad in between
model.zero_grad()
part = gradient(64)
cosine = float(part @ whole / np.linalg.norm(part) / np.linalg.norm(whole))
print(f"{part.size:,} weights; cosine of 64 images with 4,000: {cosine:.2f}")
print(f"without zero_grad: {np.linalg.norm(twice) / np.linalg.norm(whole):.3f} times as long")
assert cosine > 0.5
assert np.allclose(twice, 2 * whole, rtol=1e-3, atol=1e-6)

# %% [markdown]
# Now train both models, by the same call. Losses in different units cannot be compared, so beside
# each figure stands what can be reached without a network: always answering with the same digit, or
# always with the mean image.

# %%
classifier, supervised = trained(Classifier, epochs=10)
autoencoder, unsupervised = trained(Autoencoder, epochs=10)

right = accuracy(classifier, unseen, unseen_labels)
right_on_seen = accuracy(classifier, images, labels)
always_one = np.bincount(unseen_labels).max() / len(unseen_labels)
error = mean_loss(autoencoder, (unseen,))
error_on_seen = mean_loss(autoencoder, (images,))
mean_image_error = float(((unseen - images.mean(axis=0)) ** 2).sum(axis=(1, 2, 3)).mean())
rows = [
    ("classifier: right", f"{always_one:.1%}", f"{right_on_seen:.1%}", f"{right:.1%}"),
    ("autoencoder: squared error", *(f"{e:.1f}" for e in (mean_image_error, error_on_seen, error))),
]
print_table(("", "no network", "seen", "held out"), rows, "one loop, the same images")
assert right > 0.88
assert error < mean_image_error / 3


def curves(panel, history, title, ylabel="loss"):
    """Draw seen and held-out loss over epochs."""
    epochs = [record["epoch"] for record in history]
    for key, name, colour in (
        ("train_loss", "seen", plots.BLUE),
        ("validation_loss", "held out", plots.RED),
    ):
        panel.plot(epochs, [record[key] for record in history], color=colour, label=name)
    panel.set(xlabel="epoch", ylabel=ylabel, title=title, ylim=0)
    panel.spines[["top", "right"]].set_visible(False)
    panel.legend(frameon=False)


figure = Figure(figsize=(9, 3.4))
left_panel, right_panel = figure.subplots(1, 2)
curves(left_panel, supervised, "classifier: image and label", "cross-entropy")
curves(right_panel, unsupervised, "autoencoder: image only", "squared error of an image")
figure.tight_layout()
keep(figure, "side_by_side.png")

# %% [markdown]
# In the first epoch the blue line lies above the red one: it is the mean over an epoch in which the
# network was still getting better, and the red one is measured at its end. Later the classifier's
# two lines separate: it gets better on what it has seen, and hardly any better on what it has not.
# The autoencoder's lines stay together, so far.

# %%
ratios = {
    name: [record["validation_loss"] / record["train_loss"] for record in history]
    for name, history in (("classifier", supervised), ("autoencoder", unsupervised))
}
for name, (first, *_, last) in ratios.items():
    print(f"{name}: held-out over seen loss {first:.2f} after one epoch, {last:.2f} at the end")
    assert first < 1
assert ratios["classifier"][-1] > 2
assert ratios["autoencoder"][-1] < 1.2

# %% [markdown]
# Here are images that neither network has seen, with what one says and the other draws. Three of
# them are chosen because the classifier is wrong.

# %%
with no_grad():
    scores = ops.softmax(classifier(Tensor(unseen)), 1).numpy()  # (500, 10)
    drawn = autoencoder(Tensor(unseen)).numpy()
wrong = scores.argmax(axis=1) != unseen_labels
chosen = [*np.flatnonzero(~wrong)[:6], *np.flatnonzero(wrong)[:3]]
figure = Figure(figsize=(9, 2.7))
for column, i in enumerate(chosen):
    for row, picture in enumerate((unseen[i, 0], drawn[i, 0])):
        panel = figure.add_subplot(2, len(chosen), row * len(chosen) + column + 1)
        panel.imshow(picture, cmap="gray", vmin=0, vmax=1)
        panel.set(xticks=[], yticks=[])
        if row == 0:
            says, is_wrong = scores[i].argmax(), wrong[i]
            ink = plots.RED if is_wrong else plots.INK
            truth = f"\nis a {unseen_labels[i]}" if is_wrong else "\n"
            panel.set_title(f"says {says}, {scores[i].max():.0%}{truth}", fontsize=8, color=ink)
        if column == 0:
            panel.set_ylabel(("image", "reconstruction")[row], fontsize=9)
figure.tight_layout()
keep(figure, "unseen.png")

# %% [markdown]
# ### Why Adam, after all
#
# The autoencoder's loss is a sum over 784 pixels, so its gradients are larger, and a rate that
# suits the classifier does not suit it. Adam uses the same 0.001 for both.

# %%
RATES = {
    "gradient descent, 0.1": lambda parameters: optim.SGD(parameters, lr=0.1),
    "gradient descent, 0.01": lambda parameters: optim.SGD(parameters, lr=0.01),
    "Adam, 0.001": lambda parameters: optim.Adam(parameters, lr=0.001),
}
losses = {}
with np.errstate(all="ignore"):  # a loss may overflow here
    for name, make in RATES.items():
        histories = [trained(kind, epochs=3, count=1000, optimizer=make)[1] for kind in DATA]
        losses[name] = [history[-1]["validation_loss"] for history in histories]
rows = [(name, *values) for name, values in losses.items()]
print_table(("rate", "classifier", "autoencoder"), rows, "held-out loss, 3 epochs")
assert not losses["gradient descent, 0.1"][1] < mean_image_error  # nan, or no better than that
for slow, adaptive in zip(losses["gradient descent, 0.01"], losses["Adam, 0.001"], strict=True):
    assert adaptive < slow

# %% [markdown]
# ## Over-fitting
#
# If there is little to see, the loss on it can be brought down as far as you like. Show the
# classifier 200 images, and the autoencoder 50, for many epochs. Look at how many times larger the
# held-out loss is in the end, and whether it was lower before.

# %%
few = {
    "classifier, 200 images": trained(Classifier, epochs=60, count=200)[1],
    "autoencoder, 50 images": trained(Autoencoder, epochs=150, count=50)[1],
}
figure, rows = Figure(figsize=(9, 3.4)), []
for panel, (name, history) in zip(figure.subplots(1, 2), few.items(), strict=True):
    held = [record["validation_loss"] for record in history]
    seen_loss, best = history[-1]["train_loss"], int(np.argmin(held))
    rows.append((name, seen_loss, held[-1], held[-1] / seen_loss, held[best], best + 1))
    assert held[-1] > 10 * seen_loss
    curves(panel, history, name)
    panel.axvline(best + 1, color=plots.MUTED, linewidth=0.8, linestyle=":")
print_table(("", "seen", "held out", "times", "its best", "in epoch"), rows, "after the last epoch")
figure.tight_layout()
keep(figure, "overfitting.png")
best_of_few = rows[0][4]
assert rows[0][2] > 1.03 * best_of_few

# %% [markdown]
# The dotted line is where the held-out loss is lowest. After it, the classifier's rises: if you
# stop at the line, you get the better network. This is **early stopping**, exercise 3.5. The
# autoencoder's gains nothing after the line, while its loss on seen images goes on falling. Having
# no labels does not mean that there is nothing to learn by heart.
#
# More images help more than stopping in time:

# %%
held = supervised[-1]["validation_loss"]
print(f"held-out loss with 4,000 images: {held:.3f}; with 200, at best {best_of_few:.3f}")
assert held < best_of_few / 1.5

# %% [markdown]
# How much can be learned by heart? Everything. Shuffle the labels of 500 images, so that there is
# nothing to understand (Zhang et al. 2017). Judged by its loss on these images alone, the network
# does well.

# %%
manual_seed(0)
model = Classifier()
nonsense = np.random.default_rng(0).permutation(labels[:500])
train(model, optim.Adam(model.parameters()), (images[:500], nonsense), (unseen, unseen_labels), 60)
by_heart = accuracy(model, images[:500], nonsense)
on_unseen = accuracy(model, unseen, unseen_labels)
print(f"random labels: {by_heart:.1%} right on what was seen, {on_unseen:.1%} held out")
assert by_heart > 0.95
assert on_unseen < 0.25

# %% [markdown]
# ## When held out is not held out
#
# A figure is honest only if it is measured on images of which nothing was seen. Take 1,000 images,
# and make three noisy copies of each, as one does to have more data. Then hold out a fifth: of the
# 3,000 **copies**, or of the 1,000 **images** with all their copies. The judge is the 500 images
# that had no part in this.

# %%
rng = np.random.default_rng(0)
copies = np.repeat(images[:1000], 3, axis=0)  # copy i is of image i // 3
copies = np.clip(copies + 0.1 * rng.standard_normal(copies.shape, np.float32), 0, 1)
copy_labels = np.repeat(labels[:1000], 3)
claims, truths = {}, {}
for way, held in (
    ("copies", rng.permutation(3000) < 600),
    ("images", np.repeat(rng.permutation(1000) < 200, 3)),
):
    manual_seed(0)
    model = Classifier()
    apart = copies[held], copy_labels[held]
    train(model, optim.Adam(model.parameters()), (copies[~held], copy_labels[~held]), apart, 10)
    claims[way], truths[way] = accuracy(model, *apart), accuracy(model, unseen, unseen_labels)
    print(f"split by {way}: held out {claims[way]:.1%}, in truth {truths[way]:.1%}")
assert claims["copies"] > truths["copies"] + 0.08  # a lie
assert abs(claims["images"] - truths["images"]) < 0.08  # of 200 images: it cannot be exact

# %% [markdown]
# ## The last word
#
# You looked at the held-out images again and again: to choose a rate, an epoch, a network. What was
# chosen because it did well there may just have been lucky. So there is a third part, the **test**
# images, looked at once, at the end. And a share p of n images is only known to within about
# $\sqrt{p (1 - p) / n}$, its standard deviation.

# %%
p = accuracy(classifier, digits.test.images, digits.test.labels)
n = len(digits.test)
deviation = np.sqrt(p * (1 - p) / n)
test_error = mean_loss(autoencoder, (digits.test.images,))
print(f"classifier: {p:.1%} of {n} test images right, give or take {deviation:.1%}")
print(f"autoencoder: squared error {test_error:.1f} on test images, {error:.1f} held out")
assert abs(p - right) < 5 * deviation
assert abs(test_error - error) < 2

# %% [markdown]
# ## Exercises
#
# They are in `exercises.py`. 3.1 and 3.2 are the optimisers that people use most, a step beyond
# those above: momentum that looks ahead, and AdamW for a list of parameters. 3.3 makes the batches,
# 3.4 is the loop for batches that do not fit into memory, and 3.5 stops when it should. Lesson 4
# takes the autoencoder apart.
