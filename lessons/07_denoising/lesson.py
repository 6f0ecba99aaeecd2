# %% [markdown]
"""# 7. The denoising autoencoder

Spoil an image, and train a network to give the clean one back. For this it has to learn what digits
look like: without knowing that, it cannot tell a stroke from noise. Then take away other things,
sharpness or a whole block. And then look at what the network does where nothing can be known: it
invents.

What you will see, on digits that no model was trained on, each number beside a baseline whose
settings were chosen as carefully:

- at a noise of 0.5 the autoencoder gains 5 dB and more, and is 2 dB above the best filter;
- at a noise of 0.1 a good filter beats it;
- one network serves all noise levels, and loses next to nothing at the level of a specialist;
- blurred and noisy digits come out sharp, and better than from deconvolution;
- now and then it draws a digit that was not there, and you count how often;
- on photographs it is far worse than the median filter, since no detail fits through its code;
- a network that lets details go around the code beats the best filters there, for noise and for
  blur; but it has to be trained for the noise that it will meet.
"""

# %%
import json
import sys
import time
from functools import cache, partial
from importlib import resources
from pathlib import Path

import numpy as np
import skimage.data
from scipy import ndimage, signal
from skimage import metrics, restoration
from sklearn.datasets import load_sample_image
from sklearn.decomposition import PCA
from sklearn.pipeline import make_pipeline
from sklearn.svm import SVC

import minae
from minae import models, plots, train
from minae.autograd import no_grad
from minae.data import Blur, GaussianNoise, MaskBlock, SaltAndPepper, UnclippedNoise, load
from minae.data.patches import Patches
from minae.errors import InputError
from minae.optim import Adam, CosineAnnealingLR
from minae.report import print_table
from minae.tensor import Tensor
from minae.tools.classical import rivals
from minae.tools.tiles import apply_in_tiles

FULL = "--full" in sys.argv
OUT = Path("runs") / "07_denoising"
began = time.perf_counter()


def keep(figure, name):
    """Write a picture and say where it is."""
    plots.save(figure, OUT / name)
    print(f"written: {OUT / name}")


if FULL:
    try:
        data = load("mnist")
    except InputError as reason:  # MNIST is not available
        sys.exit(f"--full needs MNIST: {reason}")
else:
    data = load("mnist5k")
    print("4,000 embedded digits to train on; with --full, 55,000 of MNIST, downloaded first")
images = data.train.images  # (4000, 1, 28, 28)
choosing = data.validation.images[:60]  # settings are chosen with these
every = 5 if FULL else 1  # 2,000 of MNIST's 10,000: filters are slow
test, labels = data.test.images[::every], data.test.labels[::every]  # (500, 1, 28, 28), (500,)
print(f"trained on {len(images):,} images, tested on {len(test):,} others")

# %% [markdown]
# ## Noise, and how to measure it
#
# **Gaussian noise** adds a separate random draw to each pixel. Pixels stay between 0, black, and 1,
# white, so values beyond this range are clipped:
#
# $$y = \mathrm{clip}(x + \sigma \varepsilon, 0, 1), \qquad \varepsilon \sim N(0, 1)$$
#
# The clipping is not harmless. A black pixel can only become brighter, so all of the background
# turns grey on average.

# %%
sigma = 0.5
y = np.clip(images + sigma * np.random.default_rng(0).standard_normal(images.shape), 0, 1)
black, expected = y[images == 0].mean(), sigma / np.sqrt(2 * np.pi)
print(f"black pixels have a mean of {black:.3f}; sigma / sqrt(2 pi) is {expected:.3f}")
assert abs(black - expected) < 0.02  # a little less, since white clips at two sigma


def spoilt(corrupt, x):
    """Return images spoilt, the same way each time."""
    return corrupt(x, np.random.default_rng(1))


# %% [markdown]
# Two numbers say how good an image y is, given the clean one x. The **peak signal-to-noise ratio**
# measures the mean squared error of its P pixels, in decibels. 3 dB more is half the error, 10 dB a
# tenth. The peak is 1 here:
#
# $$\mathrm{PSNR} = 10 \log_{10} \frac{1}{\frac{1}{P} \sum_p (y_p - x_p)^2}$$


# %%
def psnr(y, x):
    """Return the PSNR of images, as a mean over images."""
    return float((10 * np.log10(1 / ((y - x) ** 2).mean(axis=(1, 2, 3)))).mean())


# %% [markdown]
# **SSIM**, the structural similarity (Wang et al. 2004), compares mean, variance and covariance in
# windows of 7 x 7 pixels, and takes the mean over the windows. For equal images it is 1. It asks
# whether light and dark change in the same places, which is nearer to what people see.
#
# $$\mathrm{SSIM} = \frac{(2 \mu_x \mu_y + c_1)(2 \sigma_{xy} + c_2)}
# {(\mu_x^2 + \mu_y^2 + c_1)(\sigma_x^2 + \sigma_y^2 + c_2)}, \qquad c_1 = 0.01^2, \; c_2 = 0.03^2$$


# %%
def ssim(y, x):
    """Return the SSIM of images (N, 1, H, W), as a mean over windows and images."""

    def mean(a):
        return ndimage.uniform_filter(a, (1, 1, 7, 7))[..., 3:-3, 3:-3]  # whole windows only

    x, y = x.astype(float), y.astype(float)
    mx, my, sample = mean(x), mean(y), 49 / 48
    vx, vy, cov = ((mean(a * b) - mean(a) * mean(b)) * sample for a, b in ((x, x), (y, y), (x, y)))
    top = (2 * mx * my + 0.01**2) * (2 * cov + 0.03**2)
    return float((top / ((mx**2 + my**2 + 0.01**2) * (vx + vy + 0.03**2))).mean())


noisy = spoilt(GaussianNoise(0.5), test)
a, b = noisy[0, 0], test[0, 0]
theirs = metrics.structural_similarity(a, b, data_range=1.0)
print(f"noise 0.5: PSNR {psnr(noisy, test):.2f} dB, SSIM {ssim(noisy, test):.3f}")
print(f"one image: SSIM {ssim(noisy[:1], test[:1]):.6f}, scikit-image's {theirs:.6f}")
assert abs(ssim(noisy[:1], test[:1]) - theirs) < 1e-5
assert np.isclose(psnr(noisy[:1], test[:1]), metrics.peak_signal_noise_ratio(b, a, data_range=1))

# %% [markdown]
# ## The model
#
# Lesson 4's autoencoders had to be narrow, or they would have copied. This one need not be. Its
# convolutions keep a map of 64 channels of 7 x 7, four numbers for each pixel, and yet copying does
# not pay: the input is spoilt, and the target is clean (Vincent et al. 2008).
#
# $$\text{loss} = \mathbb{E} \sum_p \mathrm{BCE}(\hat x_p, x_p), \qquad \hat x = g(f(y)),
# \qquad y = \mathrm{corrupt}(x)$$
#
# Fresh noise is drawn at every step, so that it cannot be learned by heart. `train.fit` does both:
# it calls `model.loss(corrupt(x), x)`. (Exercise 7.4 writes this step.)


# %%
def trained(corrupt, epochs, kind=models.DenoisingAutoencoder, batch_size=64, **config):
    """Return an autoencoder, trained to undo a corruption."""
    minae.manual_seed(0)
    model = kind(**config)
    model.start_at_mean(images)
    adam = Adam(model.parameters(), lr=3e-3)
    schedule = CosineAnnealingLR(adam, epochs)
    how = {"optimizer": adam, "schedule": schedule, "show_progress": False}
    how["clip"] = kind.defaults.get("clip")  # of gradients: only ResUNet, below, asks for it
    train.fit(model, images, epochs=epochs, batch_size=batch_size, corrupt=corrupt, **how)
    return model


@no_grad()
def output(model, y):
    """Return a model's output for images, as an array."""
    return np.concatenate([model(Tensor(part)).numpy() for part in np.array_split(y, 10)])


model = trained(GaussianNoise(0.5), epochs=5)
code = model.codes(Tensor(noisy[:1]))
print(f"an image of {test[0].size} pixels, a code of {code.shape[1]:,} numbers")
print(f"noisy {psnr(noisy, test):.2f} dB, denoised {psnr(output(model, noisy), test):.2f} dB")

# %% [markdown]
# ## The filters
#
# Is this a lot? Compare it with methods that never saw a digit:
#
# - **median**: each pixel becomes the median of a window;
# - **Gaussian**: a mean over neighbours, weighted by a bell curve;
# - **Wiener** (`scipy.signal.wiener`): a mean over a window, applied less where the window varies
#   more than noise does;
# - **total variation** (Rudin et al. 1992): the image nearest to the noisy one that does not vary
#   much from pixel to pixel;
# - **non-local means** (Buades et al. 2005): a mean over pixels whose surroundings look alike.
#
# Two more know digits, as far as linear maps can. **PCA** projects onto the k directions in which
# clean training images vary most, while noise lies in all 784. And the **best linear map** from
# noisy to clean, the most that a linear denoising autoencoder could learn, is found by least
# squares: for centred rows Y (noisy, three copies of each image) and X (clean), it is
# $W = (Y^T Y + \lambda I)^{-1} Y^T X$.
#
# For each noise level, settings are chosen on validation images. Grey backgrounds would spoil the
# comparison, since a mean of clipped noise stays grey. So every filter is followed by **levels**,
# a and b, as in a photo editor, fitted by least squares on the same images:
#
# $$\hat x = \mathrm{clip}(a \, \mathrm{filter}(y) + b, 0, 1)$$


# %%
def each(function):
    """Return a function of images (N, 1, H, W) that applies this one to each image."""
    return lambda setting, sigma, y: np.stack([function(setting, sigma, i[0])[None] for i in y])


@each
@np.errstate(divide="ignore", invalid="ignore")  # flat windows: 0 / 0, which is not used
def wiener(setting, sigma, y):
    """Return an image through SciPy's Wiener filter."""
    size, share = setting
    return signal.wiener(y.astype(float), size, noise=(share * sigma) ** 2)


rows = images.reshape(len(images), 784).astype(float)
centre = rows.mean(axis=0)
_, directions = np.linalg.eigh((rows - centre).T @ (rows - centre))
directions = directions[:, ::-1]  # (784, 784), columns, the largest variance first


def pca(k, sigma, y):
    """Return images (N, 1, 28, 28), projected onto k principal components."""
    v = directions[:, :k]
    return (centre + (y.reshape(-1, 784) - centre) @ v @ v.T).reshape(y.shape)


@cache
def moments(sigma):
    """Return the mean noisy row, and YᵀY and YᵀX, of up to 20,000 images."""
    corrupt, rng, x = GaussianNoise(sigma), np.random.default_rng(3), images[:20000]
    y = np.concatenate([corrupt(x, rng).reshape(-1, 784) for _ in range(3)])
    mean, x = y.mean(axis=0), x.reshape(-1, 784) - x.reshape(-1, 784).mean(axis=0)
    y -= mean
    return mean, y.T @ y / len(y), y.T @ np.tile(x, (3, 1)) / len(y)


def best_linear(share, sigma, y):
    """Return images (N, 1, 28, 28) through the best linear map for a noise of sigma."""
    mean, yy, yx = moments(sigma)
    w = np.linalg.solve(yy + share * np.eye(784), yx)  # (784, 784)
    return (centre + (y.reshape(-1, 784) - mean) @ w).reshape(y.shape)


FILTERS = {  # name: (function of a setting, sigma and images; the settings to choose from)
    "median": (lambda n, _, y: ndimage.median_filter(y, (1, 1, n, n)), (3, 5)),
    "Gaussian": (
        lambda width, _, y: ndimage.gaussian_filter(y, width, axes=(2, 3)),
        (0.3, 0.4, 0.5, 0.6, 0.8, 1, 1.2, 1.5, 2),
    ),
    "Wiener": (wiener, [(n, share) for n in (3, 5) for share in (0.35, 0.5, 0.7, 1, 1.4)]),
    "total variation": (
        each(lambda weight, _, y: restoration.denoise_tv_chambolle(y, weight)),
        (0.03, 0.06, 0.1, 0.2, 0.3, 0.4, 0.6),
    ),
    "non-local means": (
        each(lambda share, sigma, y: restoration.denoise_nl_means(y, 5, 6, share * sigma)),
        (0.3, 0.5, 0.7, 0.9, 1.1, 1.4),
    ),
    "PCA": (pca, (10, 20, 30, 40, 50, 70, 100, 140, 200, 300)),
    "best linear map": (best_linear, (1e-4, 1e-3, 1e-2)),
}
CLASSICAL = list(FILTERS)[:-2]  # never saw a digit


def best(ways, y, x):
    """Return the way that brings y nearest to x after levels, with these, and its name."""
    found = []
    for setting, way in ways.items():
        raw = way(y)
        a, b = np.polyfit(raw.ravel(), x.ravel(), 1)
        found.append((psnr(np.clip(a * raw + b, 0, 1), x), setting, a, b))
    _, setting, a, b = max(found)
    return lambda y: np.clip(a * ways[setting](y) + b, 0, 1), setting


LEVELS = (0.1, 0.25, 0.5, 1.0)
inputs = {s: spoilt(GaussianNoise(s), test) for s in LEVELS}
outputs = {s: {"noisy": inputs[s]} for s in LEVELS}  # of each noise level: name: images
chosen = {}
for s in LEVELS:
    y = GaussianNoise(s)(choosing, np.random.default_rng(2))
    for name, (f, settings) in FILTERS.items():
        ways = {setting: partial(f, setting, s) for setting in settings}
        way, chosen[name, s] = best(ways, y, choosing)
        outputs[s][name] = way(inputs[s])
    outputs[s]["trained at 0.5"] = output(model, inputs[s])
header = ("chosen setting", *(f"noise {s}" for s in LEVELS))
print_table(header, [(name, *(str(chosen[name, s]) for s in LEVELS)) for name in FILTERS])
alone, median = ndimage.median_filter(inputs[0.5], (1, 1, 3, 3)), outputs[0.5]["median"]
print(f"noise 0.5, median: {psnr(alone, test):.2f} dB, with levels {psnr(median, test):.2f} dB")

# %%
scores = {name: (psnr(x, test), ssim(x, test)) for name, x in outputs[0.5].items()}
table = [(name, *pair) for name, pair in scores.items()]
print_table(("noise 0.5, clipped", "PSNR in dB", "SSIM"), table)
ten = [int(np.flatnonzero(labels == digit)[0]) for digit in range(10)]
rows = {"clean": test[ten]} | {name: x[ten] for name, x in outputs[0.5].items()}
keep(plots.strips(rows, "Unseen digits with a noise of 0.5"), "denoised.png")

ours, given = scores["trained at 0.5"], scores["noisy"]
strongest = max(CLASSICAL, key=lambda name: scores[name][0])
gain, lead = ours[0] - given[0], ours[0] - scores[strongest][0]
print(f"{gain:.2f} dB above noisy; {lead:.2f} dB above the best filter, {strongest}")
assert gain > 5
assert lead > 2
assert ours[1] > max(scores[name][1] for name in FILTERS) + 0.1
assert scores["best linear map"][0] > scores[strongest][0] + 1
assert ours[0] > scores["best linear map"][0] + 0.3

# %% [markdown]
# In decibels, most of the gain over the filters comes from having seen digits, and a linear map has
# most of that. Now look at the picture. The linear map leaves a veil, since it can only add up the
# same strokes, more or less of each. The autoencoder decides: ink or none. The last few tenths, and
# the SSIM, reward that.
#
# ## Little noise, much noise
#
# A model trained at one noise level has seen no other. So train a second one on all levels: for
# each image draw a sigma between 0 and 1 (exercise 7.2). Nothing tells the model which it was.


# %%
def any_level(x, rng):
    """Return images, each with its own level of noise."""
    sigma = rng.uniform(0, 1, (len(x), 1, 1, 1)).astype(np.float32)  # (N, 1, 1, 1)
    return np.clip(x + sigma * rng.standard_normal(x.shape, np.float32), 0, 1)


many = trained(any_level, epochs=5)
for s in LEVELS:
    outputs[s]["trained at all"] = output(many, inputs[s])
names = ("trained at all", "trained at 0.5", *FILTERS, "noisy")
curves = {}  # measure: name: a number for each level
for measure, unit in ((psnr, "PSNR in dB"), (ssim, "SSIM")):
    found = {name: [measure(outputs[s][name], test) for s in LEVELS] for name in names}
    print_table((unit, *(f"noise {s}" for s in LEVELS)), [(n, *v) for n, v in found.items()])
    gains = {n: (LEVELS, np.subtract(v, found["noisy"])) for n, v in found.items()}
    drawn = {name: gain for name, gain in gains.items() if name not in ("Gaussian", "noisy")}
    figure = plots.lines(drawn, "noise", f"{unit} above the noisy image", "Unseen digits, denoised")
    keep(figure, f"levels_{measure.__name__}.png")
    curves[unit] = found
decibels = {name: dict(zip(LEVELS, v, strict=True)) for name, v in curves["PSNR in dB"].items()}
all_levels, one_level = decibels["trained at all"], decibels["trained at 0.5"]
assert decibels["non-local means"][0.1] > max(all_levels[0.1], one_level[0.1]) + 1
assert all_levels[1.0] > max(decibels[name][1.0] for name in CLASSICAL) + 0.7
assert all_levels[0.1] > one_level[0.1] + 0.5
assert all_levels[1.0] > one_level[1.0]
assert abs(all_levels[0.5] - one_level[0.5]) < 0.5
assert FULL or decibels["best linear map"][1.0] > all_levels[1.0]

# %% [markdown]
# First the left end: with little noise, non-local means wins, by decibels. Nothing has to be
# guessed there, and a network that redraws everything is bad at leaving alone what is already
# right. (Neither of the two was trained for little noise only.) The more noise, the more it pays to
# know digits.
#
# The right end is not the autoencoder's either: the best linear map, computed for a noise of 1, is
# ahead. It sees all 784 pixels for each one that it draws; these few convolutions see only some.
# (With 55,000 training images the two are about even: see the end.)
#
# The model trained at one level is hardly better there than the one that has seen all levels, and
# worse elsewhere. With less noise it mistakes thin or faint strokes for noise, since 0.5 is all it
# knows.
#
# ## Blurred in, sharp out
#
# Now every image is blurred, so that each pixel is a weighted mean of its surroundings, with a
# width of 2 pixels, and a little noise is added. Blur makes fine detail faint, but does not remove
# it: if you know the blur B, you can go back. The classical method is the iteration of Richardson
# and Lucy (1972, 1974):
#
# $$x \leftarrow x \cdot B\!\left(\frac{y}{B(x)}\right)$$


# %%
def blurred(x, rng, noise=0.1):
    """Return images blurred by 2 pixels, with a little noise."""
    return GaussianNoise(noise)(Blur(2)(x, rng), rng)


def soften(x):
    """Return B(x): the blur in full precision, while Blur rounds to 255 steps as a file does."""
    return ndimage.gaussian_filter(x, 2, axes=(2, 3))


def deconvolved(steps, y):
    """Return images after this many steps of Richardson and Lucy, with the blur known."""
    x = np.full_like(y, 0.5)
    for _ in range(steps):
        x = x * soften(y / (soften(x) + 1e-6))
    return x


def best_deconvolution(corrupt):
    """Return the deconvolution whose number of steps is best, with levels."""
    y = corrupt(choosing, np.random.default_rng(2))
    ways = {steps: partial(deconvolved, steps) for steps in (2, 5, 10, 20, 50, 100, 200)}
    return best(ways, y, choosing)[0]


def variation(x):
    """Return how much neighbouring pixels differ, summed over an image: edges, and noise."""
    return float((np.abs(np.diff(x, axis=2)).sum() + np.abs(np.diff(x, axis=3)).sum()) / len(x))


exact = Blur(2)(test, None)
soft = spoilt(blurred, test)
sharpener = trained(blurred, epochs=3)
sharp = {
    "blurred": exact,
    "blurred, noise": soft,
    "deconvolved": best_deconvolution(blurred)(soft),
    "autoencoder": output(sharpener, soft),
}
alone = psnr(best_deconvolution(Blur(2))(exact[:100]), test[:100])  # many steps: it is slow
table = [
    (n, psnr(x, test), ssim(x, test), variation(x) / variation(test)) for n, x in sharp.items()
]
print_table(("", "PSNR in dB", "SSIM", "variation, clean = 1"), table)
print(f"without the noise, deconvolution alone: {alone:.2f} dB on 100 of them")
rows = {"clean": test[ten]} | {name: x[ten] for name, x in sharp.items()}
keep(plots.strips(rows, "Blurred by 2 pixels, noise of 0.1"), "sharpened.png")
sharp_db = {name: value for name, value, *_ in table}
assert sharp_db["autoencoder"] > sharp_db["deconvolved"] + 0.7
assert alone > sharp_db["deconvolved"] + 2
assert table[3][3] > 1.3 * table[0][3]

# %% [markdown]
# Without noise (but rounded to 255 steps, as in a file), deconvolution alone is good: the detail
# is still there, only faint, and no autoencoder is needed. A noise of 0.1 drowns it, and no filter
# brings back what is not there. The autoencoder does not bring it back either. It draws the
# **form**: the sharp digit that would look like this if blurred, judging by the digits that it
# knows.
#
# ## A block is missing
#
# Black out a square of 10 x 10 pixels, anywhere (exercise 7.1). The missing part has to be inferred
# from the rest. Inside the square, compare with leaving it black, with the mean image, and with
# biharmonic inpainting, which smoothly continues the surroundings. Inpainting is told where the
# square is. The autoencoder has to find it, and it redraws the rest too. It is a narrow one this
# time, with a code of 64 numbers: each of them sees the whole image, which the convolutions of the
# wide one do not, and here the clues to what is missing are far away.


# %%
def inside(x, hidden, clean):
    """Return the squared error within the squares, as a mean over images."""
    return float((((x - clean) ** 2) * hidden).sum() / len(x))


first = test[:100]  # inpainting is slow
holed = spoilt(MaskBlock(10), first)
hidden = spoilt(MaskBlock(10), np.ones_like(first)) == 0  # the same squares
filler = trained(MaskBlock(10), 6, models.ConvAutoencoder, latent=64)
smooth = [restoration.inpaint_biharmonic(x[0], h[0]) for x, h in zip(holed, hidden, strict=True)]
filled = {
    "left black": holed,
    "mean image": np.broadcast_to(images.mean(axis=0), first.shape),
    "inpainting": np.clip(np.stack(smooth)[:, None], 0, 1),
    "autoencoder": output(filler, holed),
}
holes = {name: inside(x, hidden, first) for name, x in filled.items()}
print_table(("100 images", "squared error in the square"), list(holes.items()))
cut = (first * hidden).sum(axis=(1, 2, 3)).argsort()[::-1][:10]  # where most ink was hidden
rows = {"clean": first[cut], "spoilt": holed[cut]}
rows |= {name: filled[name][cut] for name in ("inpainting", "autoencoder")}
keep(plots.strips(rows, "The ten squares that hid the most ink"), "filled.png")
assert holes["autoencoder"] < 0.8 * min(holes["left black"], holes["mean image"])
assert holes["autoencoder"] < holes["inpainting"]

# %% [markdown]
# ## What it invents
#
# With a squared error, the best answer is the mean of all clean images that could have become y:
# $\hat x = \mathbb{E}[x \mid y]$. (With the cross-entropy too.) Where two digits are possible, this
# mean is a grey mixture; where one is much likelier, it is that one, drawn with confidence. And
# sometimes it is not the one that was there.
#
# Count how often. A judge, a support vector machine trained on clean images, reads digits before
# and after. Take those that it reads correctly when clean. How many does it read as another digit
# afterwards?

# %%
judge = make_pipeline(PCA(40, random_state=0), SVC(C=10))
judge.fit(images[:10000].reshape(-1, 784), data.train.labels[:10000])


def read(x):
    """Return which digits the judge sees, and by how much it prefers each to the next."""
    votes = judge.decision_function(x.reshape(-1, 784))  # (N, 10)
    second, top = np.sort(votes, axis=1)[:, -2:].T
    return votes.argmax(axis=1), top - second


right = read(test)[0] == labels
print(f"the judge reads {right.mean():.1%} of {len(test):,} clean test digits right")
invented = {}  # (method, noise): share
for name in ("median", "total variation", "best linear map", *names[:2]):
    for s in LEVELS:
        invented[name, s] = float((read(outputs[s][name])[0] != labels)[right].mean())
rows = [
    (name, *(f"{invented[name, s]:.1%}" for s in LEVELS))
    for name in dict.fromkeys(name for name, _ in invented)
]
print_table(("became another digit", *(f"noise {s}" for s in LEVELS)), rows)
assert invented["trained at all", 1.0] > 3 * invented["trained at all", 0.25]
assert invented["trained at 0.5", 0.5] < invented["median", 0.5]
assert FULL or invented["trained at 0.5", 0.1] > invented["total variation", 0.1]

# %% [markdown]
# The more noise, the more often it happens, and for the filters' outputs too. At 0.5 the
# autoencoders do better. With hardly any noise, the one trained at 0.5 errs more than a filter:
# what it redraws, it can get wrong. (All this is according to one judge, which never saw a filter's
# blotches in training.)
#
# Now look at those that the judge is surest of. The wide model gets strokes wrong: it leaves a gap
# or closes one. A narrow one, with a code of 16 numbers and trained for a noise of 1, draws whole
# digits, though often the wrong ones.

# %%
narrow = trained(GaussianNoise(1.0), 6, models.ConvAutoencoder, latent=16)
whole = output(narrow, inputs[1.0])
print(f"noise 1.0, narrow: {psnr(whole, test):.2f} dB")
for s, x, kind in ((0.5, outputs[0.5]["trained at 0.5"], "wide"), (1.0, whole, "narrow")):
    seen, margin = read(x)
    wrong = right & (seen != labels)
    print(f"noise {s}, {kind}: {wrong[right].mean():.1%} became another digit; the surest:")
    assert wrong.sum() >= 10
    surest = np.where(wrong, margin, -1).argsort()[::-1][:10]
    print("  " + ", ".join(f"{labels[i]} became {seen[i]}" for i in surest))
    rows = {"clean": test[surest], "noisy": inputs[s][surest], kind: x[surest]}
    keep(plots.strips(rows, f"Noise of {s}: what was not there"), f"invented_{kind}.png")
assert wrong[right].mean() > 0.15

# %% [markdown]
# In the first picture you would still read many of the digits right: the judge errs too, and its
# shares serve to compare methods, no more. In the second, look for soft but whole digits that were
# never there. Nothing in such a drawing says that it is wrong. A median filter leaves a mess, and
# you can see that it is one. Do not let an autoencoder clean images on which somebody will base a
# decision.
#
# ## Images of another kind
#
# Now give it images of a kind that it never saw, with the noise it was trained for: photographs
# (pieces of two photos, shrunk to 28 x 28 pixels) and digits in negative. Compare it with a plain
# median filter of 3 x 3 or 5 x 5, with nothing fitted. Then try digits with another noise: pixels
# turned black or white.


# %%
def pieces(name):
    """Return pieces (N, 1, 28, 28) of a photograph that comes with scikit-learn, in grey."""
    grey = load_sample_image(name).mean(axis=2)[:336, :560] / 255  # (336, 560)
    small = grey.reshape(84, 4, 140, 4).mean(axis=(1, 3))
    return small.reshape(3, 28, 5, 28).swapaxes(1, 2).reshape(-1, 1, 28, 28).astype(np.float32)


kinds = {  # name: (clean, spoilt)
    "photographs": np.concatenate([pieces("china.jpg"), pieces("flower.jpg")]),
    "negatives": 1 - test,
}
kinds = {name: (x, spoilt(GaussianNoise(0.5), x)) for name, x in kinds.items()}
kinds["salt and pepper"] = test, spoilt(SaltAndPepper(0.1), test)
others = {}
for name, (x, y) in kinds.items():
    medians = {n: psnr(ndimage.median_filter(y, (1, 1, n, n)), x) for n in (3, 5)}
    others[name] = (psnr(y, x), *medians.values(), psnr(output(model, y), x))
header = ("PSNR in dB", "spoilt", "median 3 x 3", "median 5 x 5", "autoencoder")
print_table(header, [(name, *values) for name, values in others.items()])
x, y = kinds["photographs"]
x, y = x[::3], y[::3]
rows = {"clean": x, "noisy": y, "median 5 x 5": ndimage.median_filter(y, (1, 1, 5, 5))}
keep(plots.strips(rows | {"autoencoder": output(model, y)}, "Photographs"), "photographs.png")
assert others["photographs"][2] > others["photographs"][3] + 4
assert others["negatives"][1] > others["negatives"][3] + 5
assert FULL or others["salt and pepper"][1] > others["salt and pepper"][3]

# %% [markdown]
# On photographs the median filter wins by far: it assumes little, and that little holds. The
# autoencoder turns them into strokes on a black background. It also loses on digits in negative.
# And it loses with another kind of noise, if trained on 4,000 images. (With 55,000 it does not: see
# below.) What it knows is *these* images with *this* noise.
#
# ## Around the code
#
# Does it lose because it has seen no photographs? Then show it some, of those that come with
# scikit-image and scikit-learn: seven to train on, three of them nothing but brick, grass and
# gravel, and four others to test with. **Patches** from random places, turned and mirrored at
# random, make many images of a few photographs. All is grey, and the noise is 25 of 255, not
# clipped: so denoising of photographs is usually measured.


# %%
def middles(names, height=256, width=256):
    """Return the middles of photographs, float32 (N, 1, height, width)."""
    found = []
    for name in names:
        _, H, W = photograph(name).shape
        top, left = (H - height) // 2, (W - width) // 2
        found.append(photograph(name)[:, top : top + height, left : left + width])
    return np.stack(found) / np.float32(255)


@cache
def photograph(name):
    """Return a photograph that comes with scikit-learn or scikit-image, in grey, (1, H, W)."""
    picture = load_sample_image(name) if "." in name else getattr(skimage.data, name)()
    return np.atleast_3d(picture).mean(axis=2).astype(np.uint8)[None]


SEEN = ("astronaut", "coffee", "rocket", "china.jpg", "brick", "grass", "gravel")
unseen = middles(("camera", "chelsea", "coins", "flower.jpg"))  # (4, 1, 256, 256)
NOISE, BLUR = UnclippedNoise(25 / 255), Blur(1.5)
FEW, RATE = (4, 2e-3) if FULL else (3, 3e-3)  # patches a step, and the learning rate


def trained_on_patches(corrupt, size=48, batch_size=FEW, kind=models.ResUNet, **config):
    """Return a network, trained for 1,000 steps to undo a corruption of patches."""
    minae.manual_seed(0)
    network = kind(**config)
    adam = Adam(network.parameters(), lr=RATE)
    pictures = [photograph(name) for name in SEEN]
    patches = Patches(pictures, corrupt, size, batch_size, per_epoch=50 * batch_size)
    how = {"optimizer": adam, "schedule": CosineAnnealingLR(adam, 20), "show_progress": False}
    train.fit(network, patches, epochs=20, clip=1.0, **how)
    return network


# %% [markdown]
# First through a code: an autoencoder for patches of 32 x 32 pixels with a code of 128 numbers,
# applied tile by tile. Beside it, the best *linear* code of that length, PCA of clean patches. Give
# them the noisy photographs, and then the clean ones, to see what the code alone costs.


# %%
def tiles_of(x, n):
    """Return images (N, 1, H, W), cut into tiles (M, 1, n, n)."""
    N, _, H, W = x.shape
    return x.reshape(N, H // n, n, W // n, n).swapaxes(2, 3).reshape(-1, 1, n, n)


def laid_out(tiles, shape):
    """Return tiles (M, 1, n, n), laid side by side again to images of this shape."""
    (N, _, H, W), n = shape, tiles.shape[-1]
    return tiles.reshape(N, H // n, W // n, n, n).swapaxes(2, 3).reshape(shape)


def through_code(x):
    """Return images (N, 1, H, W) through the autoencoder, tile by tile."""
    return laid_out(output(coder, tiles_of(x, 32)), x.shape)


def through_pca(x):
    """Return images (N, 1, H, W) through the best linear code, tile by tile."""
    codes = components.transform(tiles_of(x, 32).reshape(-1, 1024))  # (M, 128)
    return laid_out(components.inverse_transform(codes).reshape(-1, 1, 32, 32), x.shape)


narrow_code = {"image_shape": (1, 32, 32), "channels": (32, 64), "latent": 128, "loss": "mse"}
coder = trained_on_patches(NOISE, 32, 16 if FULL else 8, models.ConvAutoencoder, **narrow_code)
patches = Patches([photograph(name) for name in SEEN], NOISE, 32)
_, clean_patches = patches.draw(8000, np.random.default_rng(0))
components = PCA(128, random_state=0).fit(clean_patches.reshape(-1, 1024))
y = spoilt(NOISE, unseen)
through = {
    name: (psnr(code(y), unseen), psnr(code(unseen), unseen))
    for name, code in {"autoencoder's code": through_code, "PCA's code": through_pca}.items()
}
header = ("PSNR in dB", "of noisy photographs", "of clean ones")
print_table(header, [(name, *pair) for name, pair in through.items()])
ceiling = max(clean for _, clean in through.values())

# %% [markdown]
# Not even a clean photograph comes through 128 numbers: they hold what is typical, and it is full
# of what is not. (After 1,000 steps the trained code has not even reached the linear one. What
# comes next is above both, and above what they make of the clean photographs.)
#
# So let the details go *around* the code. The network predicts what has to **change** (residual
# learning, Zhang et al. 2017):
#
# $$\hat x = y + h(y), \qquad \frac{\partial \hat x}{\partial y} = I + h'(y)$$
#
# For h = 0 all stays as it is. Training begins near there, and h has to learn only what to take
# away, not how to draw everything anew. Inside, the same again: each block adds to its input, and
# **skip connections** carry what the encoder found at a scale to the decoder at that scale (U-Net,
# Ronneberger et al. 2015). There are no dense layers. Each pixel follows from those around it, by
# the same rule everywhere, so pictures may have any size. This is `models.ResUNet`.
#
# To save time, it trades pixels for channels (Zhang et al. 2018): **pixel_unshuffle** turns each
# square of 2 x 2 pixels into four channels of one pixel. Nothing is lost, and the convolutions have
# a quarter of the places to compute.


# %%
def unshuffled(x):
    """Return images (N, C, H, W) as (N, 4 C, H / 2, W / 2)."""
    N, C, H, W = x.shape
    squares = x.reshape(N, C, H // 2, 2, W // 2, 2)  # row, row in square, column, column in square
    return squares.transpose(0, 1, 3, 5, 2, 4).reshape(N, 4 * C, H // 2, W // 2)


assert np.array_equal(unshuffled(y), minae.pixel_unshuffle(Tensor(y), 2).numpy())
SMALL = {"channels": (32, 64) if FULL else (24, 24), "blocks": 2}
minae.manual_seed(0)
change = psnr(apply_in_tiles(models.ResUNet(**SMALL), y), y)
print(f"before training, the output is {change:.1f} dB from the input")
assert change > 20

# %% [markdown]
# Two things in its training are new. A patch is cut out with a margin, corrupted, and cropped, or
# else its border would be blurred differently from its middle. And gradients are clipped to a norm
# of 1: the first ones are large, and Adam's averages would remember them for hundreds of steps.
#
# The rivals against noise are the filters from above. Against a blur of 1.5 pixels they are methods
# that sharpen: the **unsharp mask** adds what a further blur would take away; the **Wiener** filter
# divides by the blur, except where it would divide by next to nothing; and Richardson-Lucy you
# know. Each is told the noise's level or the blur's width, and gets its best setting.


# %%
def rival(name, corrupt, y):
    """Return photographs (N, 1, H, W) through a classical method at its best setting."""
    method, settings = rivals(corrupt)[name]
    ways = {s: lambda y, s=s: np.stack([method(x, s) for x in y]) for s in settings}
    known = middles(SEEN, 128, 128)
    return best(ways, corrupt(known, np.random.default_rng(2)), known)[0](y)


TASKS = {  # name: (corruption, its rivals)
    "noise": (NOISE, ("median", "Gaussian", "total variation", "non-local means")),
    "blur": (BLUR, ("unsharp mask", "Richardson-Lucy", "Wiener")),
}
networks, around = {}, {}  # of each task
for task, (corrupt, names) in TASKS.items():
    y = spoilt(corrupt, unseen)
    networks[task] = trained_on_patches(corrupt, **SMALL)
    made = {"given": y} | {name: rival(name, corrupt, y) for name in names}
    if task == "noise":
        made["through a code"] = through_code(y)
    made["around the code"] = np.clip(apply_in_tiles(networks[task], y), 0, 1)
    around[task] = found = {name: psnr(x, unseen) for name, x in made.items()}
    print_table((f"photographs, {corrupt}", "PSNR in dB"), list(found.items()))
    strongest = max(names, key=found.__getitem__)
    ahead = found["around the code"] - found[strongest]
    print(f"around the code: {ahead:.2f} dB above {strongest}")
    shown = {"clean": unseen} | {n: x for n, x in made.items() if n not in names or n == strongest}
    shown = {name: x[:, :, 60:140, 90:170] for name, x in shown.items()}
    keep(plots.strips(shown, f"Unseen photographs: {task}"), f"around_{task}.png")
    assert ahead > 0.3
noise_db, blur_db = around["noise"], around["blur"]
assert noise_db["through a code"] < noise_db["non-local means"] - 3
assert noise_db["around the code"] > ceiling + 0.6
assert blur_db["around the code"] > blur_db["unsharp mask"] + 1.5

# %% [markdown]
# Of a *noisy* photograph, the network around the code returns more than 128 numbers hold of a
# *clean* one. After 1,000 steps it is above the best filter, too, and above all methods that
# sharpen. The lead is not large, about half a decibel. A filter is no fool, and whoever knows the
# blur can undo most of it. Now look at the pictures. The code's is a mosaic of soft light and dark.
# The network's is sharp, but look at the cat: its fur has gone with the noise, as with non-local
# means.
#
# ## What it knows, and what it does not
#
# Now other things than it was trained for: other levels of noise, and photographs of printed text,
# of which it has seen none. Beside it, the same network, trained at levels from 0 to 50.

# %%
blind = trained_on_patches(UnclippedNoise((0, 50 / 255)), **SMALL)
special, table = networks["noise"], {"given": {}, "trained at 25": {}, "trained at 0 to 50": {}}
for level in (5, 15, 25, 50):
    y = spoilt(UnclippedNoise(level / 255), unseen)
    outcomes = y, apply_in_tiles(special, y), apply_in_tiles(blind, y)
    for row, x in zip(table.values(), outcomes, strict=True):
        row[level] = psnr(x, unseen)
header = ("PSNR in dB", *(f"noise {level}" for level in table["given"]))
print_table(header, [(name, *values.values()) for name, values in table.items()])
given, at_25, at_all = table.values()
assert at_all[50] > at_25[50] + 5
assert at_25[5] < given[5] - 3
assert 0 < at_25[25] - at_all[25] < 1

text = middles(("text", "page"), 160, 256)
y = spoilt(NOISE, text)
letters = {name: rival(name, NOISE, y) for name in ("total variation", "non-local means")}
letters |= {"through a code": through_code(y), "around the code": apply_in_tiles(special, y)}
letters = {name: psnr(np.clip(x, 0, 1), text) for name, x in letters.items()}
print_table(("printed text, noise 25", "PSNR in dB"), list(letters.items()))
assert letters["around the code"] > letters["non-local means"] + 0.4
assert letters["through a code"] < letters["non-local means"] - 3

# %% [markdown]
# Trained for one level, it takes that much from everything. Where there was less noise, it takes
# detail, and the photographs are *worse* than before. Where there was more, most of it stays. So
# train for the range that you will meet: that costs less than half a decibel at 25, and gains more
# at every other level (though at 5 of 255, after these few steps, doing nothing is better still).
#
# Text it restores better than the filters, though it has seen none. It has learned edges and lines,
# not letters or faces, and so it is of use for pictures of other kinds. But what drowns in noise is
# lost to it as well:

# %%
row, column = np.indices((96, 96))
wave = np.sin(2 * np.pi * (row + 2 * column) / 12).astype(np.float32)
CONTRASTS = (40, 20, 10, 5)
stripes = np.stack([0.5 + c / 255 * wave for c in CONTRASTS])[:, None]  # (4, 1, 96, 96)
y = spoilt(NOISE, stripes)
x = apply_in_tiles(special, y)
left = ((x - 0.5) * wave).sum(axis=(1, 2, 3)) / ((stripes - 0.5) * wave).sum(axis=(1, 2, 3))
rows = [(f"{c} of 255", f"{share:.0%}") for c, share in zip(CONTRASTS, left, strict=True)]
print_table(("stripes of a contrast of", "left of it, with noise 25"), rows)
shown = {"clean": stripes, "noisy": y, "around the code": x}
keep(plots.strips(shown, "Stripes of a contrast of 40, 20, 10 and 5 of 255"), "stripes.png")
assert left[0] > 0.7
assert left[3] < 0.3

# %% [markdown]
# Strong stripes stay, weak ones go, and nothing in the clean grey says that they were there. What
# has been denoised tells you less than the noisy picture did, never more.
#
# ## Where the form is needed
#
# Is the code good for nothing, then? Go back to digits, where the form is nearly all: to a noise of
# 1, and to a square of 10 x 10 pixels that is missing. Compare a code of 64 numbers with two
# networks that go around it. One sees all of the digit, on its deepest scale; the other sees 13
# pixels far. The code gets four times the epochs, which is about the same time.

# %%
WAYS = {  # name: (epochs, model, its arguments)
    "code of 64": (12, models.ConvAutoencoder, {"latent": 64}),
    "around, sees all": (3, models.ResUNet, {"channels": (16, 32)}),
    "around, sees 13": (3, models.ResUNet, {"channels": (32,), "blocks": 1}),
}
form = {}  # name: PSNR and misread with a noise of 1; squared error in and around the square
shown = {"clean": test[ten], "noise of 1": inputs[1.0][ten]}
with_square = {"clean": first[cut], "spoilt": holed[cut]}
for name, (epochs, kind, config) in WAYS.items():
    x = np.clip(output(trained(GaussianNoise(1.0), epochs, kind, 32, **config), inputs[1.0]), 0, 1)
    misread = float((read(x)[0] != labels)[right].mean())
    shown[name] = x[ten]
    form[name] = [psnr(x, test), misread]
    x = np.clip(output(trained(MaskBlock(10), epochs, kind, 32, **config), holed), 0, 1)
    with_square[name] = x[cut]
    form[name] += [inside(x, hidden, first), inside(x, ~hidden, first)]
header = ("digits", "noise 1: PSNR", "misread", "square: error in it", "around it")
print_table(header, [(name, a, f"{b:.1%}", c, d) for name, (a, b, c, d) in form.items()])
keep(plots.strips(shown, "Digits with a noise of 1"), "form_noise.png")
keep(plots.strips(with_square, "Digits without a square"), "form_square.png")
code, sees_all, sees_13 = form.values()
assert FULL or abs(code[0] - sees_all[0]) < 0.5
assert FULL or min(code[0], sees_all[0]) > sees_13[0] + 0.2
assert sees_13[2] > max(code[2], sees_all[2]) + 0.7
assert FULL or code[2] < sees_all[2] - 0.3
assert code[3] > 3 * sees_all[3]
# %% [markdown]
# With the noise, the code and the network that sees all are equal: the code is not the only way to
# know the form, but something has to see the whole digit. With a short view, strokes do not make a
# digit. In the missing square the code is best, for it has to think of digits as wholes. But it
# redraws all the rest as well, and the error that it makes there is as large as that in the square.
# What goes around the code leaves alone what is right. And both invent: see how many are misread.
#
# So restore around the code where the picture holds what you want to see, which is nearly always.
# The code is there for what it says about a *whole* image: what is alike (lesson 5), what does not
# belong (lesson 8), what could be there at all (lesson 10).
#
# ## A picture in tiles
#
# What a network computes of a photo of 12 million pixels does not fit into memory. So cut the photo
# into tiles. But tiles that are restored one by one and laid side by side have seams, since each
# lacks what lies beyond its border. `minae enhance` gives the network as much around each tile as a
# pixel can depend on, and keeps the tile alone (exercise 7.7).

# %%
y = spoilt(NOISE, middles(("flower.jpg",), 384, 640))
with no_grad():
    whole = special(Tensor(y)).numpy()
alone = laid_out(apply_in_tiles(special, tiles_of(y, 64)), y.shape)
around_each = apply_in_tiles(special, y)  # two tiles of 320 columns, with what is around them
ways = {"64 x 64, side by side": alone, "with what is around": around_each}
off = {name: 255 * np.abs(x - whole)[0, 0] for name, x in ways.items()}  # grey levels, (384, 640)
rows = [(n, d.max(), d[:, 63::64].mean(), d[:, 31::64].mean()) for n, d in off.items()]
rows = [(name, *map(float, values)) for name, *values in rows]
header = ("tiles: off from the whole", "at most", "mean at the edge", "in the middle")
print(f"a pixel of the output depends on those up to {special.reach} pixels away")
print_table(header, rows)
(_, most, edge, middle), (_, least, *_) = rows
assert most > 5
assert edge > 3 * middle
assert least < 0.01

# %% [markdown]
# ## With all of MNIST
#
# `--full` does all of the above with 55,000 training images. Otherwise the figures come from
# `results.json` beside this file.

# %%
result = {
    "command": "python lessons/07_denoising/lesson.py --full",
    "images": len(images),
    "seconds": time.perf_counter() - began,
    "noise_0.5": scores,
    "levels": curves,
    "sharpened": sharp_db,
    "invented_0.5": invented["trained at 0.5", 0.5],
    "other kinds": others,
    "around": around,
    "form": form,
}
recorded = resources.files("minae.lessons") / "07_denoising" / "results.json"
if FULL:
    (OUT / "results.json").write_text(json.dumps(result, indent=2) + "\n", encoding="utf-8")
    print(f"written: {OUT / 'results.json'}")
elif recorded.is_file():
    full = json.loads(recorded.read_text(encoding="utf-8"))
    print(f"recorded by: {full['command']} ({full['seconds']:.0f} s)")
    here = f"noise 0.5, {len(images):,} images"
    header = (here, "PSNR in dB", "SSIM", f"{full['images']:,}: PSNR in dB", "SSIM")
    print_table(header, [(n, *scores[n], *full["noise_0.5"][n]) for n in scores])
    there = f"PSNR in dB, {full['images']:,} images"
    rows = [(n, *values) for n, values in full["levels"]["PSNR in dB"].items()]
    print_table((there, *(f"noise {s}" for s in LEVELS)), rows)
    n, (_, three, _, ours) = "salt and pepper", full["other kinds"]["salt and pepper"]
    print(f"{n}: median 3 x 3 {three:.2f} dB, autoencoder {ours:.2f} dB")
    strongest = max(full["noise_0.5"][name][0] for name in CLASSICAL)
    ours, noisy = (full["noise_0.5"][name][0] for name in ("trained at 0.5", "noisy"))
    assert ours > max(strongest + 2, noisy + 5)
    at_one = {name: values[-1] for name, *values in rows}
    assert abs(at_one["trained at all"] - at_one["best linear map"]) < 0.5
else:
    print(f"no full-size numbers are recorded yet: {result['command']}")

# %% [markdown]
# ## With 400 photographs
#
# The networks above had seven photographs and 1,000 steps of four patches each. The command
# `minae train restore --data bsd --corrupt unclipped-noise:25/255` takes 400, from the Berkeley
# data set, and more and larger steps, and tests on the 68 on which most papers report. Where this
# has been done, `results/` has the outcome. Beside it stand the published figures of BM3D (Dabov et
# al. 2007), a strong classical method, and of two networks, DnCNN (Zhang et al. 2017) and FFDNet
# (Zhang et al. 2018).

# %%
PUBLISHED = [("BM3D, published", 28.57), ("DnCNN, published", 29.23), ("FFDNet, published", 29.19)]
files = sorted((Path(minae.__file__).resolve().parents[1] / "results").glob("restore-*.json"))
records = [json.loads(file.read_text(encoding="utf-8")) for file in files]
records = [r for r in records if r["settings"]["data"] == "bsd" and "test_psnr" in r]
for record in records:
    print(f"recorded by: {record['command']} ({record['seconds']:.0f} s)")
    rows = [("minae", record["test_psnr"])]
    if record["settings"]["corrupt"] == str(NOISE):
        rows += PUBLISHED
    print_table((f"68 photographs, {record['settings']['corrupt']}", "PSNR in dB"), rows)
if not records:
    print("no figures of 400 photographs are recorded here")

# %% [markdown]
# ## Exercises
#
# They are in `exercises.py`. 7.1 hides a block, 7.2 adds noise to each image at its own level, 7.3
# computes the PSNR, 7.4 takes one step of training, 7.5 denoises by PCA, 7.6 computes the SSIM of
# one window, and 7.7 restores a large picture in tiles. Try your answers on this lesson's `test`,
# `noisy` and `model`.
