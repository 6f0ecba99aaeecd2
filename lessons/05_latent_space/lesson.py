# %% [markdown]
"""# 5. What a code means

An autoencoder turns an image of 784 pixels into a few numbers and back. Nobody told it what these
numbers should mean. This lesson finds out: whether images that look alike lie close together, what
lies between two images, whether you can add and subtract, what the middle of a class looks like.
Labels are used for these questions, never for training. Where the answer is "no better than
pixels", it says so.
"""

# %%
from pathlib import Path

import numpy as np

import minae
from minae import models, plots, train
from minae.autograd import no_grad
from minae.data import load
from minae.optim import Adam, CosineAnnealingLR
from minae.report import print_table
from minae.tensor import Tensor

OUT = Path("runs") / "05_latent_space"
BATCH = 64


def keep(figure, name):
    """Write a picture and say where it is."""
    plots.save(figure, OUT / name)
    print(f"written: {OUT / name}")


def trained(images, Z, steps=500):
    """Return an autoencoder 784-256-64-Z, trained on these images in about this many steps."""
    minae.manual_seed(0)
    model = models.DenseAutoencoder([784, 256, 64, Z], activation="silu")
    epochs = steps // -(-len(images) // BATCH)
    adam = Adam(model.parameters(), lr=3e-3)
    train.fit(
        model,
        images,
        epochs=epochs,
        batch_size=BATCH,
        optimizer=adam,
        schedule=CosineAnnealingLR(adam, epochs),
        show_progress=False,
    )
    return model


@no_grad()
def encode(model, images):
    """Return the codes (N, Z) of images, as an array."""
    return model.codes(Tensor(images)).numpy()


@no_grad()
def decode(model, codes):
    """Return the images (N, 1, 28, 28) that codes stand for, as an array."""
    return model.decode(Tensor(codes.astype(np.float32))).numpy().reshape(-1, 1, 28, 28)


# %% [markdown]
# ## Two autoencoders
#
# Both have hidden layers of 256 and 64 (lesson 4 says what they do). One has a code of 8 numbers,
# the other of 2, so that its codes can be drawn. Neither has seen the 500 images in `others`.
# Unless a cell says otherwise, the figures below are for these.

# %%
digits = load("mnist5k", validation=0)
images, labels = digits.train.images, digits.train.labels  # (4500, 1, 28, 28), (4500,)
others, their_labels = digits.test.images, digits.test.labels  # (500, 1, 28, 28), (500,)
model, plane = trained(images, 8), trained(images, 2, steps=1400)
codes, their_codes = encode(model, images), encode(model, others)
print(f"{len(images)} images to train on, {len(others)} others; codes {codes.shape}")

# %% [markdown]
# ## The map
#
# Each dot is an image, at the position given by its two numbers. The colours were added afterwards.
# Look for digits that have a region of their own, and for those that share one.

# %%
points = encode(plane, images)  # (4500, 2)
keep(plots.latent_plane(points, labels, "4,500 digits at their codes of 2 numbers"), "map.png")

# %% [markdown]
# ## Neighbours
#
# The distance between two codes is that between two points in space:
#
# $$d(x, y)^2 = \sum_i (x_i - y_i)^2$$
#
# The same formula compares two images as rows of 784 pixels, or two images' projections onto the
# first principal components (PCA), the best that a linear encoder can do (lesson 4). So one
# function serves all of them. (Exercise 5.1 makes it fast.)


# %%
def squared(queries, rows):
    """Return the squared distance of each query (M, D) from each row (N, D), as (M, N)."""
    return np.array([((x - rows) ** 2).sum(axis=1) for x in queries])


pixels, their_pixels = images.reshape(-1, 784), others.reshape(-1, 784)
mean = pixels.mean(axis=0)
_, directions = np.linalg.eigh((pixels - mean).T @ (pixels - mean))
directions = directions[:, ::-1]  # (784, 784), the direction of the largest variance first


def project(rows, Z):
    """Return the first Z principal components of rows (N, 784)."""
    return (rows - mean) @ directions[:, :Z]


spaces = {  # name: (training images, others) as rows
    "784 pixels": (pixels, their_pixels),
    "PCA, 8 numbers": (project(pixels, 8), project(their_pixels, 8)),
    "code of 8": (codes, their_codes),
    "PCA, 2 numbers": (project(pixels, 2), project(their_pixels, 2)),
    "code of 2": (points, encode(plane, others)),
}
apart = {name: squared(b, a) for name, (a, b) in spaces.items()}  # (500, 4500)
nearest = {name: far.argsort(axis=1)[:, :10] for name, far in apart.items()}  # (500, 10)
chosen = np.array([np.flatnonzero(their_labels == digit)[0] for digit in range(10)])
rows = {"unseen": others[chosen]}
rows |= {name: images[near[chosen, 0]] for name, near in nearest.items()}
keep(
    plots.strips(rows, "Unseen digits, and the nearest training image in each space"),
    "neighbours.png",
)

# %% [markdown]
# Now count: of the ten training images nearest to an unseen one, how many are the same digit? Their
# share is the **purity**. By chance it would be 0.1.
#
# Then compare distances: how far apart two images of different digits are, on average, relative to
# two of the same digit. If codes were blind to the digit, this **ratio** would be 1.

# %%
pairs = ~np.eye(len(others), dtype=bool)  # an image and itself are no pair
same_digit = their_labels[:, None] == their_labels  # (500, 500)
purity, ratio = {}, {}
for name, (_, rows) in spaces.items():
    distances = np.sqrt(squared(rows, rows))
    within, between = distances[same_digit & pairs].mean(), distances[~same_digit].mean()
    purity[name] = float((labels[nearest[name]] == their_labels[:, None]).mean())
    ratio[name] = float(between / within)
header = ("space", "purity of 10 neighbours", "distance between / within")
print_table(header, [(name, purity[name], ratio[name]) for name in spaces])
assert purity["code of 2"] > purity["PCA, 2 numbers"] + 0.1
assert abs(purity["code of 8"] - purity["PCA, 8 numbers"]) < 0.08
assert purity["784 pixels"] > purity["code of 8"] > purity["784 pixels"] - 0.12
for kind in ("PCA, {} numbers", "code of {}"):
    assert ratio["784 pixels"] + 0.1 < ratio[kind.format(8)] < ratio[kind.format(2)] - 0.1

own = labels[nearest["code of 2"]] == their_labels[:, None]  # (500, 10)
by_digit = {digit: own[their_labels == digit].mean() for digit in range(10)}
print("code of 2:", ", ".join(f"{digit}s {share:.2f}" for digit, share in by_digit.items()))
assert min(by_digit[0], by_digit[1]) > max(by_digit[4], by_digit[5])

# %% [markdown]
# Read this table slowly, since the opposite is often claimed. Neighbours in a code are *not* purer
# than neighbours in pixels: 8 numbers keep most of what is in 784, and lose a little. With 8
# numbers, PCA comes close. With 2 the bends in the encoder pay off: PCA has to lay one flat plane
# through all digits, the autoencoder lays a curved sheet. On the map 0 and 1 have regions of their
# own, 4 and 5 do not.
#
# And a large ratio does not mean purity. It grows as the numbers get fewer, for PCA too: what is
# dropped first are the details in which images of one digit differ. But finding the very nearest
# image takes just these details.
#
# ## The form of a digit
#
# Take the mean of all codes of one digit, and decode it. Compare it with the mean of the images.
#
# $$\bar z_c = \frac{1}{n_c} \sum_{i: y_i = c} z_i$$

# %%
form = decode(model, np.stack([codes[labels == c].mean(axis=0) for c in range(10)]))
average = np.stack([images[labels == c].mean(axis=0) for c in range(10)])
rows = {"mean code, decoded": form, "mean of pixels": average}
keep(plots.strips(rows, "The form of a digit"), "forms.png")

# %% [markdown]
# A mean of pixels is a fog: a bit of ink everywhere that some image has some. To put a number on
# it, measure how grey an image is, from 0 for pure black and white:
#
# $$g(x) = \sum_i x_i (1 - x_i)$$


# %%
def grey(x):
    """Return the mean greyness of images (N, 1, 28, 28)."""
    return float((x * (1 - x)).sum(axis=(1, 2, 3)).mean())


print(f"grey: mean codes, decoded {grey(form):.1f}; means of pixels {grey(average):.1f}")
print(f"      decoded images {grey(decode(model, their_codes)):.1f}; images {grey(others):.1f}")
assert grey(form) < 0.8 * grey(average)

# %% [markdown]
# The decoder's images are greyer than real ones, since 8 numbers do not say where each stroke ends.
# But it draws one digit, not all of them on top of each other. (Exercise 5.4 asks how many unseen
# digits lie nearest to the mean code of their class.)
#
# ## What lies between two images
#
# Go from one code to another in equal steps, and decode each:
#
# $$z(t) = (1 - t) \, z_a + t \, z_b, \qquad 0 \le t \le 1$$
#
# Compare it with the same formula on pixels: a cross-fade. To be fair, it fades between the
# decoder's images at both ends, not between the sharper originals.


# %%
def blend(a, b, t):
    """Return what lies at t between a (t = 0) and b (t = 1)."""
    return (1 - t) * a + t * b


t = np.linspace(0, 1, 11)
rows = {}
for a, b in ((0, 6), (1, 7), (4, 9)):
    ends = their_codes[chosen[[a, b]]]
    first, last = decode(model, ends)
    rows[f"{a} to {b}, codes"] = decode(model, blend(ends[0], ends[1], t[:, None]))
    rows[f"{a} to {b}, pixels"] = blend(first, last, t[:, None, None, None])
keep(plots.strips(rows, "Between two images: in codes, and as a cross-fade"), "between.png")

# %% [markdown]
# Halfway, a cross-fade shows both digits at half strength. Halfway between two codes there is one
# figure, though it may be neither digit. (Exercise 5.3 walks on, past several codes.) The last pair
# begins with an image of a 4, which `neighbours.png` shows as it was written. The decoder draws it
# as a 9: no walk can bring back what 8 numbers do not hold.
#
# Now in numbers, over pairs of unseen images of different digits: how grey the middle is, and how
# well the autoencoder can rebuild it, that is, whether it looks like anything that it knows.

# %%
order = np.random.default_rng(0).permutation(len(others))
left, right = order[:250], order[250:]
differ = their_labels[left] != their_labels[right]
left, right = left[differ], right[differ]
start, end = decode(model, their_codes[left]), decode(model, their_codes[right])
middle = {
    "the ends": start,
    "middle, codes": decode(model, blend(their_codes[left], their_codes[right], 0.5)),
    "middle, pixels": blend(start, end, 0.5),
}


def errors(model, x):
    """Return the squared error of each image's reconstruction, (N,)."""
    return ((decode(model, encode(model, x)) - x) ** 2).sum(axis=(1, 2, 3))


rows = [(name, grey(x), float(errors(model, x).mean())) for name, x in middle.items()]
print_table(("", "grey", "squared error when rebuilt"), rows, f"{len(left)} pairs")
(_, grey_ends, _), (_, grey_codes, error_codes), (_, grey_pixels, error_pixels) = rows
assert abs(grey_codes / grey_ends - 1) < 0.2
assert grey_pixels > 1.25 * grey_codes
assert error_pixels > 4 * error_codes

# %% [markdown]
# ## Arithmetic
#
# Some people's digits lean to the right, others' stand upright. The lean of an image is how far its
# ink moves to the right on the way up. With the covariances of the ink's position, it is
#
# $$s = -\frac{\mathrm{cov}(x, y)}{\mathrm{var}(y)}$$
#
# where y grows downwards. Subtract the mean code of digits that lean little from that of digits
# that lean a lot, and you have a **direction**. Add it to codes of digits that it was not made
# from.


# %%
def lean(x):
    """Return how far each image (N, 1, 28, 28) leans to the right, in pixels per pixel upwards."""
    ink = x[:, 0] / x.sum(axis=(1, 2, 3))[:, None, None]  # (N, 28, 28), sums to 1
    down, across = np.mgrid[:28, :28]
    dy = down - (ink * down).sum(axis=(1, 2), keepdims=True)
    dx = across - (ink * across).sum(axis=(1, 2), keepdims=True)
    return -(ink * dx * dy).sum(axis=(1, 2)) / (ink * dy**2).sum(axis=(1, 2))


leans = lean(images)
much, little = np.zeros((2, len(images)), bool)
for c in range(10):  # equally many of each digit, so that the lean is what differs
    low, high = np.quantile(leans[labels == c], (0.2, 0.8))
    little |= (labels == c) & (leans <= low)
    much |= (labels == c) & (leans >= high)
direction = codes[much].mean(axis=0) - codes[little].mean(axis=0)  # (8,)

rows = {}
steps = (-0.75, -0.5, -0.25, 0, 0.25, 0.5, 0.75)
for s in steps:
    rows[f"{s:+g}"] = decode(model, their_codes[chosen] + s * direction)
keep(plots.strips(rows, "Unseen digits, with multiples of the direction added"), "arithmetic.png")

# %%
table, leans_at = [], {}
for s in steps:
    moved = decode(model, their_codes + s * direction)
    leans_at[s] = lean(moved)  # (500,)
    near = squared(encode(model, moved), codes).argsort(axis=1)[:, :10]
    kept = float((labels[near] == their_labels[:, None]).mean())
    ink = float(moved.sum(axis=(1, 2, 3)).mean())
    table.append((f"{s:+g}", float(leans_at[s].mean()), kept, ink))
header = ("added", "mean lean", "purity of 10 neighbours", "ink")
print_table(header, table, "500 unseen digits, decoded")
tilted = leans_at[0.5] - leans_at[-0.5]
tilted = [float(tilted[their_labels == digit].mean()) for digit in range(10)]
print(f"from -0.5 to +0.5, by digit: {min(tilted):.2f} to {max(tilted):.2f} more lean")
assert all(np.diff([row[1] for row in table]) > 0)
assert min(tilted) > 0.1
assert max(table[0][2], table[-1][2]) < table[3][2] - 0.1
assert min(table[0][3], table[-1][3]) > table[3][3]

# %% [markdown]
# One direction, found on training images, tilts unseen digits of all ten kinds. The other columns
# say what it costs. Go far either way, and many digits are no longer themselves, and there is more
# ink: look for fat strokes and smudges in the first and last rows.
#
# Nothing in the loss asks for codes that add up. For small steps they do, because a smooth decoder
# is nearly linear there.
#
# ## How many images are enough
#
# Now train on 10, 100 and 1,000 of the images, for about as many steps each. There are two
# baselines for unseen digits: always answer with the nearest training image, or always with the
# mean image.

# %%
rows = {"unseen": others[chosen]}
table, unseen = [], {}
for n in (10, 100, 1000, 4500):
    small = model if n == 4500 else trained(images[:n], 8)
    unseen[n] = float(errors(small, others).mean())
    copied = apart["784 pixels"][:, :n].min(axis=1).mean()
    table.append((n, float(errors(small, images[:n]).mean()), unseen[n], float(copied)))
    rows[f"from {n:,}"] = decode(small, encode(small, others[chosen]))
keep(plots.strips(rows, "Unseen digits, rebuilt after training on 10 to 4,500 images"), "few.png")
header = ("images", "squared error on these", "on unseen", "nearest image instead")
print_table(header, table, "how many are enough")
always_mean = float(((their_pixels - mean) ** 2).sum(axis=1).mean())
print(f"the mean image, always: {always_mean:.1f}")
assert unseen[10] > always_mean  # worse than saying nothing
assert table[0][1] < 1  # and yet nearly perfect on its own ten
assert unseen[10] > unseen[100] > unseen[1000] > unseen[4500]
assert unseen[1000] < 0.6 * unseen[100]
assert unseen[1000] < 1.35 * unseen[4500]
assert all(error < copied - 3 for n, _, error, copied in table if n >= 1000)

# %% [markdown]
# Given 10 or 100 images, it learns these by heart, and makes everything else from their pieces.
# From 1,000 it learns most of what 4,500 teach in as many steps. Compare the first error with the
# second: where they are far apart, it has learned images, not digits. And note the last column.
# From 1,000 on, 8 numbers rebuild an unseen digit better than the nearest stored image does.
#
# ## Images of another kind
#
# An encoder gives a code to everything, whether it is a digit or not. Here are enlarged 8 x 8
# digits (from another collection, by other writers), letters drawn with a ruler, a digit in
# negative, and noise.


# %%
def drawn(*strokes):
    """Return an image (1, 28, 28) of straight strokes, each (x, y, x, y), with y downwards."""
    down, across = np.mgrid[:28, :28].astype(np.float32)
    ink = np.zeros((28, 28), np.float32)
    for x0, y0, x1, y1 in strokes:
        dx, dy = x1 - x0, y1 - y0
        along = np.clip(((across - x0) * dx + (down - y0) * dy) / (dx**2 + dy**2), 0, 1)
        away = np.hypot(across - x0 - along * dx, down - y0 - along * dy)
        ink = np.maximum(ink, np.clip(2 - away, 0, 1))  # within 1 pixel of the stroke: full
    return ink[None]


eights = load("digits").test.images
blown_up = np.pad(np.kron(eights, np.ones((1, 1, 3, 3), np.float32)), [(0, 0)] * 2 + [(2, 2)] * 2)
letters = np.stack(
    [
        drawn((7, 23, 14, 5), (14, 5, 21, 23), (10, 16, 18, 16)),  # A
        drawn((9, 5, 9, 23), (9, 14, 19, 5), (9, 14, 19, 23)),  # K
        drawn((6, 5, 10, 23), (10, 23, 14, 10), (14, 10, 18, 23), (18, 23, 22, 5)),  # W
        drawn((9, 5, 9, 23), (19, 5, 19, 23), (9, 14, 19, 14)),  # H
    ]
)
noise = np.random.default_rng(0).random((100, 1, 28, 28), np.float32)
kinds = {
    "unseen digits": others,
    "8 x 8, enlarged": blown_up,
    "letters": letters,
    "negatives": 1 - others,
    "noise": noise,
}
shown = np.concatenate([blown_up[:3], letters, 1 - others[:1], noise[:2]])
rebuilt = decode(model, encode(model, shown))
keep(
    plots.reconstructions(shown, rebuilt, title="Other things, rebuilt"),
    "other.png",
)

# %% [markdown]
# What comes out is made of strokes that the decoder knows: an H, for example, gets the curves of an
# eight. So look at the error. Set a limit that only 1 of 100 unseen digits exceeds, and see how
# many of each kind exceed it. The last column says how far their codes are from the nearest code of
# a training image.

# %%
limit = np.quantile(errors(model, others), 0.99)
table, strange = [], {}
for name, x in kinds.items():
    found = errors(model, x)
    strange[name] = float((found > limit).mean())
    away = float(np.median(np.sqrt(squared(encode(model, x), codes).min(axis=1))))
    table.append((name, float(np.median(found)), strange[name], away))
print_table(("images", "squared error", f"share beyond {limit:.0f}", "distance of codes"), table)
assert strange["letters"] == strange["noise"] == strange["negatives"] == 1
assert strange["8 x 8, enlarged"] > 0.5
distance = {name: value for name, _, _, value in table}
assert distance["letters"] < 1.5 * distance["unseen digits"] < distance["noise"]

# %% [markdown]
# The error finds all letters, negatives and noise, and most of the enlarged digits. These are
# digits, but from another collection, and the model has only ever seen one. The code alone tells
# less. The codes of noise and negatives lie far out, but those of letters are hardly farther than
# those of unseen digits: the encoder has no number in which to say "this is not a digit".
#
# ## Exercises
#
# They are in `exercises.py`. 5.1 computes all distances with one matrix product, 5.2 looks at the
# neighbours of codes, 5.3 walks through several codes, 5.4 classifies by the nearest mean code, and
# 5.5 finds a ratio of distances without going through pairs. Try your answers on this lesson's
# `codes` and `their_codes`.
