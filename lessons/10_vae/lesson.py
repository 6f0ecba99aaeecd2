# %% [markdown]
"""# 10. The variational autoencoder

The decoder of a plain autoencoder turns any code into an image. But which codes stand for digits?
Nobody told it where codes should lie, so you do not know where to draw new ones. A **variational
autoencoder** (Kingma & Welling 2014) makes this part of the training: all codes together should
look like draws from a distribution that you know. What you will see:

- plain codes drawn from the best-fitting Gaussian decode to images far from any digit; variational
  codes come nearer, and one richer baseline comes nearer still;
- the evidence lower bound, derived line by line, with each line as a number for one image;
- how gradients pass through a random draw, and the KL term in closed form against draws;
- a well-known bug that passes every gradient check, reports a loss far too good, and is found by
  comparing moments;
- on all of MNIST, the loss of PyTorch's example; and what the KL term costs.
"""

# %%
import json
import math
import sys
import time
from importlib import resources
from pathlib import Path

import numpy as np
from matplotlib.figure import Figure
from sklearn.mixture import GaussianMixture

import minae
from minae import gradcheck, models, nn, ops, optim, plots, random, train
from minae.autograd import no_grad
from minae.data import load
from minae.errors import InputError
from minae.gradcheck import GradcheckError
from minae.report import print_table
from minae.tensor import Tensor
from minae.train.settings import Settings
from minae.train.training import train_run

FULL = "--full" in sys.argv
OUT = Path("runs") / "10_vae"


def keep(figure, name):
    """Write a picture and say where it is."""
    plots.save(figure, OUT / name)
    print(f"written: {OUT / name}")


def strips(rows, title):
    """Draw the first 12 images of each row (N, 784), with its name."""
    return plots.strips({name: x[:12].reshape(-1, 1, 28, 28) for name, x in rows.items()}, title)


def trained(model, images, lr=1e-3):
    """Return the model after 20 epochs on these images."""
    adam = optim.Adam(model.parameters(), lr=lr)
    train.fit(model, images, epochs=20, batch_size=64, optimizer=adam, show_progress=False)
    return model


@no_grad()
def codes_of(model, images):
    """Return the codes (N, Z) of images, without randomness."""
    return model.codes(Tensor(images)).numpy().astype(float)


@no_grad()
def decode(model, codes):
    """Return the images (N, 784) that codes stand for."""
    return model.decode(Tensor(codes.astype(np.float32))).numpy().reshape(-1, 784)


# %% [markdown]
# ## Holes
#
# First a plain autoencoder, 784-400-20 and back, for 4,000 digits. To draw new digits you need new
# codes. Three guesses: the standard normal; the Gaussian with the mean and the covariance of the
# codes, which fits them best; the point halfway between two codes.

# %%
digits = load("mnist5k")
images, labels = digits.train.images, digits.train.labels  # (4000, 1, 28, 28), (4000,)
unseen = digits.test.images  # (500, 1, 28, 28)
minae.manual_seed(0)
plain = trained(models.DenseAutoencoder([784, 400, 20]), images)
codes = codes_of(plain, images)  # (4000, 20)


def guesses(codes):
    """Return 1,000 new codes of each kind, from codes (N, Z)."""
    rng = np.random.default_rng(0)
    standard = rng.normal(size=(1000, codes.shape[1]))
    root = np.linalg.cholesky(np.cov(codes.T))
    first, second = codes[rng.permutation(len(codes))[:2000]].reshape(2, 1000, -1)
    return {
        "N(0, 1)": standard,
        "best Gaussian": codes.mean(axis=0) + standard @ root.T,
        "halfway": (first + second) / 2,
    }


drawn = {name: decode(plain, z) for name, z in guesses(codes).items()}
known = {"codes of digits": decode(plain, codes_of(plain, unseen))}
keep(strips(known | drawn, "A plain autoencoder: known codes, and new ones"), "holes.png")

# %% [markdown]
# How far is each image from the nearest training digit? That is the yardstick of this lesson: the
# squared distance. A grey blur is close to everything, so measure again with each pixel rounded to
# black or white. The last column says how grey images are, $\sum_i x_i (1 - x_i)$.


# %%
def nearest(queries, rows):
    """Return the mean squared distance of queries (M, 784) from the nearest of rows (N, 784)."""
    found = []
    for x in np.array_split(queries.astype(np.float32), -(-len(queries) // 100)):
        squares = (x**2).sum(axis=1)[:, None] - 2 * x @ rows.T + (rows**2).sum(axis=1)
        found.append(squares.min(axis=1))
    return float(np.concatenate(found).mean())


def judged(kinds, digits):
    """Return a row of figures for each kind of images (N, 784)."""
    rows = digits.train.images.reshape(-1, 784)
    rounded = (rows > 0.5).astype(np.float32)
    return [
        (name, nearest(x, rows), nearest(x > 0.5, rounded), float((x * (1 - x)).sum(axis=1).mean()))
        for name, x in kinds.items()
    ]


HEADER = ("images", "distance", "black and white", "grey")
table = judged({"unseen digits": unseen.reshape(-1, 784)} | known | drawn, digits)
print_table(HEADER, table, "plain: distance to the nearest training digit")
real, of_codes, standard, gaussian, halfway = (row[1] for row in table)
assert standard > gaussian > real + 5
assert gaussian > halfway > of_codes + 5

# %% [markdown]
# For codes of digits, even unseen ones, the decoder draws images near to digits. For new codes it
# does not: between the codes are **holes**, which the decoder was never asked about.
#
# ## A code that is a distribution
#
# The encoder of a variational autoencoder gives 2 Z numbers: a mean m and a log variance v for each
# of Z latents. The code of x is a small cloud, and the decoder has to draw x from any point of it:
#
# $$q(z|x) = N(z; m(x), \sigma^2(x)), \qquad \sigma = e^{v/2}$$
#
# All clouds together should fill one known distribution, the **prior** p(z) = N(0, 1) in each
# latent. The decoder gives each pixel a probability $\pi$ of ink:
#
# $$\log p(x|z) = \sum_i x_i \log \pi_i(z) + (1 - x_i) \log(1 - \pi_i(z))$$
#
# This is a recipe for digits: draw z from p(z), then x from p(x|z). How probable is a given digit
# under it? Every code that could have made it counts:
#
# $$p(x) = \int p(x|z) \, p(z) \, dz$$
#
# Training should make log p(x) large. With 20 latents nobody can compute this integral. With 2 you
# can, on a grid. So take minae's model with 2 latents (what is in it comes later) and 40 unseen
# digits. (Their pixels are grey, so p(x|z) does not sum to 1 over all x. Nothing below needs that,
# and PyTorch's example does the same; papers that round pixels have different numbers.)

# %%
minae.manual_seed(0)
plane = trained(models.VAE([784, 256, 64, 2]), images, lr=2e-3)
x = unseen[:40]
side = np.linspace(-5, 5, 401)
grid = np.stack(np.meshgrid(side, side), axis=-1).reshape(-1, 2)  # (160801, 2)
area = (side[1] - side[0]) ** 2


@no_grad()
def log_likelihood(z, x):
    """Return log p(x|z) for codes z (G, 2) and images x (N, 1, 28, 28), as (G, N)."""
    logits = plane.decoder(Tensor(z.astype(np.float32))).numpy()  # (G, 784)
    return logits @ x.reshape(-1, 784).T - np.logaddexp(0, logits).sum(axis=1)[:, None]


def log_normal(z, mean, log_var):
    """Return log N(z; mean, exp(log_var)), summed over the last dimension."""
    each = (z - mean) ** 2 * np.exp(-log_var) + log_var + math.log(2 * math.pi)
    return -each.sum(axis=-1) / 2


with no_grad():
    mean, log_var = (t.numpy().astype(float) for t in plane.encode(Tensor(x)))  # (40, 2)
log_given = np.concatenate([log_likelihood(z, x) for z in np.array_split(grid, 100)])  # (G, 40)
log_prior = log_normal(grid, 0, np.zeros(2))[:, None]  # (G, 1)
log_joint = log_given + log_prior
log_p = np.logaddexp.reduce(log_joint, axis=0) + math.log(area)  # (40,): the integral
log_posterior = log_joint - log_p  # Bayes: p(z|x) = p(x, z) / p(x)
log_q = log_normal(grid[:, None], mean, log_var)  # (G, 40)
print(f"log p(x), as a mean of 40 digits: {log_p.mean():.2f} nats")

# %% [markdown]
# ## The bound, line by line
#
# With 20 latents, something smaller than log p(x) can be computed. Write $E_q$ for the mean over
# $z \sim q(z|x)$. First, log p(x) does not depend on z:
#
# $$\log p(x) = E_q[\log p(x)] \tag{1}$$
#
# By Bayes' rule p(x) = p(x, z) / p(z|x), at every z:
#
# $$= E_q\left[\log \frac{p(x, z)}{p(z|x)}\right] \tag{2}$$
#
# Multiply and divide by q(z|x), and split the logarithm of the product:
#
# $$= E_q\left[\log \frac{p(x, z)}{q(z|x)}\right] +
# E_q\left[\log \frac{q(z|x)}{p(z|x)}\right] \tag{3}$$
#
# The second term is the **Kullback-Leibler divergence** KL(q(z|x) || p(z|x)). It is never negative,
# since the logarithm is concave: $-\mathrm{KL} = E_q[\log(p/q)] \le \log E_q[p/q] = \log 1 = 0$.
# So the first term is a lower bound, the **evidence lower bound** or ELBO:
#
# $$\log p(x) \ge E_q\left[\log \frac{p(x, z)}{q(z|x)}\right] = \mathrm{ELBO} \tag{4}$$
#
# Last, p(x, z) = p(x|z) p(z):
#
# $$\mathrm{ELBO} = E_q[\log p(x|z)] - \mathrm{KL}(q(z|x) \,\|\, p(z)) \tag{5}$$
#
# That is how well x is redrawn, less what it costs to keep the cloud close to the prior, and all of
# it can be computed. Here are the lines, by sums over the grid, for the image whose second term in
# (3) is the median.

# %%
q = np.exp(log_q) * area  # (G, 40): how much of q(z|x) lies in each cell
lines = {
    "log p(x)": log_p,
    "(1) mean of log p(x)": (q * log_p).sum(axis=0),
    "(2) mean of log p(x, z) / p(z|x)": (q * (log_joint - log_posterior)).sum(axis=0),
    "(3) first term, the ELBO": (q * (log_joint - log_q)).sum(axis=0),
    "(3) second term, KL(q || p(z|x))": (q * (log_q - log_posterior)).sum(axis=0),
    "(5) mean of log p(x|z)": (q * log_given).sum(axis=0),
    "(5) KL(q || p(z))": (q * (log_q - log_prior)).sum(axis=0),
}
*_, elbo, gap, reconstruction, to_prior = lines.values()
one = int(np.argsort(gap)[20])
table = [(name, f"{values[one]:.3f}", f"{values.mean():.3f}") for name, values in lines.items()]
print_table(("line", "one image", "mean of 40"), table, "nats")
assert np.abs(elbo + gap - log_p).max() < 0.01  # (3)
assert gap.min() > 0  # (4)
assert np.abs(reconstruction - to_prior - elbo).max() < 0.01  # (5)

# %% [markdown]
# The gap is how much q(z|x) differs from p(z|x), the distribution of codes that could have made x.
# For this image:

# %%
fine = (
    np.stack(np.meshgrid(*[np.linspace(-0.35, 0.35, 81)] * 2), axis=-1) + mean[one]
)  # (81, 81, 2)
likely = log_likelihood(fine.reshape(-1, 2), x[one : one + 1]).reshape(81, 81)
likely = likely + log_normal(fine, 0, np.zeros(2)) - log_p[one]
cloud = np.exp(log_normal(fine, mean[one], log_var[one]))
figure = Figure(figsize=(4.8, 4), layout="constrained")
axes = figure.subplots()
axes.contourf(*np.moveaxis(fine, -1, 0), np.exp(likely), 8, cmap="Greys")
axes.contour(*np.moveaxis(fine, -1, 0), cloud, cloud.max() * np.exp([-2, -0.5]), colors=plots.BLUE)
axes.set(xlabel="$z_1$", ylabel="$z_2$", aspect="equal")
axes.set_title("p(z|x) in grey, q(z|x) at 1 and 2 σ in blue", loc="left", fontsize=11)
keep(figure, "posterior.png")

# %% [markdown]
# The encoder's aim is a little off, and its cloud cannot tilt: it has a variance for each latent,
# but no covariance.
#
# ## The gradient stops at a draw
#
# $E_q[\log p(x|z)]$ is estimated with one draw of z from q(z|x) for each image and step. But a draw
# is just a number. Nothing leads from it back to the m and v that it was drawn with.
#
# **Reparameterisation**: draw $\epsilon$ from N(0, 1), which depends on nothing, and compute z. It
# is distributed as before, and now it is an operation like any other:
#
# $$z = m + \sigma \epsilon = m + e^{v/2} \epsilon, \qquad \frac{\partial z}{\partial m} = 1, \qquad
# \frac{\partial z}{\partial v} = \tfrac12 \sigma \epsilon$$

# %%
m, v = (Tensor(np.array(value), requires_grad=True) for value in ([0.5, -1.0], [-2.0, 0.3]))
sigma = np.exp(v.detach().numpy() / 2)
rng = np.random.default_rng(0)
blocked = Tensor(rng.normal(m.detach().numpy(), sigma))
print("a draw requires a gradient:", blocked.requires_grad)
assert not blocked.requires_grad

epsilon = rng.normal(size=2)
z = m + (v / 2).exp() * Tensor(epsilon)
z.sum().backward()
print("dm", m.grad.numpy(), "dv", v.grad.numpy(), "by the formula", sigma * epsilon / 2)
assert np.allclose(m.grad.numpy(), 1)
assert np.allclose(v.grad.numpy(), sigma * epsilon / 2)

# %% [markdown]
# Is backward right for the whole loss? Finite differences call the function many times, so the
# noise must be the same in each call. If it is not, gradcheck says so.

# %%
target, noise = Tensor(rng.random((3, 5))), Tensor(rng.normal(size=(3, 2)))
inputs = rng.normal(size=(3, 2)), rng.normal(size=(3, 2)), rng.normal(size=(5, 2))


def loss_with(draw):
    """Return minus the ELBO for a decoder of one layer, as a function to be checked."""

    def loss(mean, log_var, weight):
        logits = ops.linear(draw(mean, log_var), weight)
        nll = ops.binary_cross_entropy_with_logits(logits, target, reduction="batchmean")
        return nll + ops.gaussian_kl(mean, log_var).mean()

    return loss


def fixed(mean, log_var):
    """Draw with the noise from above."""
    return mean + (log_var / 2).exp() * noise


print(f"noise fixed: largest relative error {gradcheck(loss_with(fixed), *inputs):.1e}")
try:
    gradcheck(loss_with(ops.reparameterise), *inputs)
    raise AssertionError("two draws were the same")
except GradcheckError as reason:
    print("fresh noise:", reason)

# %% [markdown]
# ## The KL term, in closed form
#
# For one latent, with q = N(m, σ²) and p = N(0, 1), each logarithm is a parabola in z, and the
# constant ½ log 2π cancels:
#
# $$\mathrm{KL} = E_q[\log q(z) - \log p(z)] = E_q\left[-\tfrac12 \log \sigma^2 -
# \frac{(z - m)^2}{2 \sigma^2} + \frac{z^2}{2}\right]$$
#
# Under q, $E[(z - m)^2] = \sigma^2$ by definition, and so $E[z^2] = m^2 + \sigma^2$. With
# $v = \log \sigma^2$:
#
# $$\mathrm{KL} = \tfrac12 \left(m^2 + e^v - v - 1\right)$$
#
# It is 0 only for m = 0 and v = 0, and is summed over the latents, which are independent.

# %%
closed = ((mean**2 + np.exp(log_var) - log_var - 1) / 2).sum(axis=1)  # (40,)
print(f"closed form {closed[one]:.6f}, by the grid {to_prior[one]:.6f}")
assert np.abs(closed - to_prior).max() < 0.01
assert np.allclose(closed, ops.gaussian_kl(Tensor(mean), Tensor(log_var)).numpy())

# %% [markdown]
# A derivation can be wrong, and a grid needs few latents. What always works is the definition: draw
# K times from q, and average log q(z) - log p(z). The **standard error** of this average is the
# deviation of the terms over $\sqrt K$. In 68 of 100 cases the truth lies within one standard
# error.


# %%
def terms(*shape):
    """Return log q(z) - log p(z) for draws z from q(z|x), in this shape."""
    z = mean[one] + np.exp(log_var[one] / 2) * rng.normal(size=(*shape, 2))
    return log_normal(z, mean[one], log_var[one]) - log_normal(z, 0, np.zeros(2))


counts = np.array([10, 30, 100, 300, 1000, 3000, 10_000, 30_000, 100_000])
draws = [terms(n) for n in counts]
error = np.array([d.std(ddof=1) for d in draws]) / np.sqrt(counts)
curves = {"by draws": (counts, np.array([d.mean() for d in draws]), error)}
curves["closed form"] = counts[[0, -1]], np.full(2, closed[one])
title = "The KL of one image, by draws ± one standard error"
keep(plots.lines(curves, "draws", "nats", title, log_x=True), "kl.png")
many = terms(2000, 100)  # 2,000 estimates, of 100 draws each
off = np.abs(many.mean(axis=1) - closed[one]) / (many.std(axis=1, ddof=1) / 10)
print(f"of 2,000 estimates {(off < 1).mean():.1%} are within one standard error, ", end="")
print(f"{(off < 2).mean():.1%} within two")
assert abs((off < 1).mean() - 0.683) < 0.03
assert abs((off < 2).mean() - 0.954) < 0.02

# %% [markdown]
# ## All of it
#
# Here are encoder, draw, decoder, and minus line (5), summed over pixels and latents and averaged
# over images. (With a mean over pixels, the KL term would weigh 784 times as much: exercise 10.4.)


# %%
class VAE(nn.Module):
    """784-400-20 and back, with codes that are distributions."""

    def __init__(self):
        inward = nn.Flatten(), nn.Linear(784, 400), nn.ReLU(), nn.Linear(400, 40)
        self.encoder = nn.Sequential(*inward)
        self.decoder = nn.Sequential(nn.Linear(20, 400), nn.ReLU(), nn.Linear(400, 784))

    def encode(self, x):
        """Return mean and log_var of q(z|x), each (N, 20)."""
        return self.encoder(x).chunk(2, dim=1)

    def draw(self, mean, log_var):
        """Return z drawn from q(z|x)."""
        return mean + (log_var / 2).exp() * Tensor(random.normal(mean.shape))

    def loss(self, x):
        """Return minus the ELBO, estimated with one draw, as a mean per image."""
        mean, log_var = self.encode(x)
        logits = self.decoder(self.draw(mean, log_var))
        nll = ops.binary_cross_entropy_with_logits(logits, x.flatten(1), reduction="batchmean")
        return nll + ops.gaussian_kl(mean, log_var).mean()

    def codes(self, x):
        """Return the mean of q(z|x), (N, 20)."""
        return self.encode(x)[0]

    def decode(self, z):
        """Return images (N, 784), in [0, 1]."""
        return self.decoder(z).sigmoid()


def start(model):
    """Return the model with the weights that minae's own VAE begins with."""
    minae.manual_seed(0)
    model.load_state_dict(models.VAE([784, 400, 20]).state_dict())
    return model


losses = []
for model in (start(VAE()), start(models.VAE([784, 400, 20]))):
    minae.manual_seed(1)
    losses.append(model.loss(Tensor(unseen)).item())
print(f"before training: {losses[0]:.4f} nats; minae's own VAE {losses[1]:.4f}")
assert abs(losses[0] / losses[1] - 1) < 1e-5


@no_grad()
def minus_elbo(model, images, times=1):
    """Return minus the ELBO by 10 draws per image, where q has the log variance times · log_var."""
    minae.manual_seed(0)
    x = Tensor(images).flatten(1)
    mean, log_var = model.encode(x)
    log_var, nll = log_var * times, 0
    for _ in range(10):
        logits = model.decoder(ops.reparameterise(mean, log_var))
        nll += ops.binary_cross_entropy_with_logits(logits, x, reduction="batchmean").item() / 10
    return nll + ops.gaussian_kl(mean, log_var).mean().item()


vae = trained(start(VAE()), images)
print(f"after: {minus_elbo(vae, images):.2f} nats, {minus_elbo(vae, unseen):.2f} on unseen digits")
assert minus_elbo(vae, unseen) < 122

# %% [markdown]
# ## A bug that passes every gradient check
#
# Here is a sampler found in published teaching code. It uses exp(log_var), the variance, as the
# standard deviation. The KL term uses it as the variance. Check the gradients:


# %%
class Wrong(VAE):
    """The VAE with the bug."""

    def draw(self, mean, log_var):
        """Return z, drawn with the variance as standard deviation."""
        return mean + log_var.exp() * Tensor(random.normal(mean.shape))


def wrong(mean, log_var):
    """Draw as Wrong does, with the noise from above."""
    return mean + log_var.exp() * noise


print(f"the bug: largest relative error {gradcheck(loss_with(wrong), *inputs):.1e}")

# %% [markdown]
# It passes, since backward *is* the derivative of this forward. But the sampler does not do what
# the KL term assumes, and to see that takes a test of another kind: draw many, and compare their
# **moments**, mean and deviation, with what was promised.

# %%
log_vars = np.array([-3, -1, 0, 1], np.float32)
many = Tensor(np.zeros((20_000, 4), np.float32)), Tensor(np.tile(log_vars, (20_000, 1)))
minae.manual_seed(0)
found = [model.draw(*many).numpy().std(axis=0) for model in (VAE(), Wrong())]
promised = np.exp(log_vars / 2)
rows = [tuple(map(float, row)) for row in zip(log_vars, promised, *found, strict=True)]
print_table(("log_var", "deviation promised", "of the draws", "with the bug"), rows)
assert np.allclose(found[0], promised, rtol=0.03)
assert (np.abs(found[1] / promised - 1) > 0.3).tolist() == [True, True, False, True]

# %% [markdown]
# Where log_var is 0 both agree: a test there would pass too. (Exercise 10.5 writes the test.)
#
# What does the bug do? Train with it, and look at the loss that it reports. Then compute the bound
# for the q that it really draws from. Its variance is exp(log_var)², so its log variance is 2
# log_var.


# %%
def bug_rows(vae, buggy, unseen):
    """Return for both samplers the loss reported, and minus the ELBO of their true q."""
    reported = [train.evaluate(model, unseen)["loss"] for model in (vae, buggy)]
    return [
        ("right", reported[0], minus_elbo(vae, unseen)),
        ("with the bug", reported[1], minus_elbo(buggy, unseen, times=2)),
    ]


buggy = trained(start(Wrong()), images)
BUG = ("sampler", "loss reported", "minus the true ELBO")
ours, theirs = table = bug_rows(vae, buggy, unseen)
print_table(BUG, table, "nats on unseen digits")
assert theirs[1] < ours[1] - 8
assert theirs[2] > ours[2] + 1

# %% [markdown]
# It reports a loss far better than the right one's, but is the worse model. The KL term takes the
# clouds to be wider than they are, and wide clouds are cheap. Do not trust a bound that is too
# good.
#
# ## New digits
#
# Do all clouds together fill the prior? Draw one z for each digit from its q(z|x): they should
# have mean 0 and variance 1.

# %%
minae.manual_seed(0)
with no_grad():
    z = vae.draw(*vae.encode(Tensor(images))).numpy()  # (4000, 20)
print(f"means up to {np.abs(z.mean(axis=0)).max():.2f},", end=" ")
print(f"variances from {z.var(axis=0).min():.2f} to {z.var(axis=0).max():.2f}")
assert np.abs(z.mean(axis=0)).max() < 0.3
assert abs(z.var(axis=0).mean() - 1) < 0.4

# %% [markdown]
# They do, roughly. So draw z from the prior and decode it. The plain autoencoder gets one more
# chance: a mixture of Gaussians for its codes, with the number of Gaussians that makes the
# validation digits' codes likeliest.


# %%
def sample_rows(plain, vae, digits):
    """Return how near both models' samples are to digits, and the samples."""
    fit_to, validation = (
        codes_of(plain, part.images) for part in (digits.train, digits.validation)
    )
    mixtures = [
        GaussianMixture(k, max_iter=500, random_state=0).fit(fit_to) for k in (5, 10, 20, 40)
    ]
    mixture = max(mixtures, key=lambda fitted: fitted.score(validation))
    codes = guesses(fit_to)
    richer = np.random.default_rng(0).permutation(mixture.sample(1000)[0])  # else sorted
    drawn = {
        "unseen digits": digits.test.images.reshape(-1, 784),
        "plain, N(0, 1)": decode(plain, codes["N(0, 1)"]),
        "plain, best Gaussian": decode(plain, codes["best Gaussian"]),
        f"plain, {mixture.n_components} Gaussians": decode(plain, richer),
        "variational, N(0, 1)": decode(vae, codes["N(0, 1)"]),
    }
    return judged(drawn, digits), drawn


table, drawn = sample_rows(plain, vae, digits)
print_table(HEADER, table, "distance to the nearest training digit")
keep(strips(drawn, "Digits that nobody wrote, below some that somebody did"), "samples.png")
_, standard, gaussian, richer, ours = table
for column in (1, 2):  # as they are, and in black and white
    assert max(ours[column], richer[column]) < gaussian[column] - 2 < standard[column] - 4

# %% [markdown]
# The variational samples are nearer to digits than plain ones drawn from N(0, 1) or from the best
# Gaussian, in black and white too. But a mixture fitted to plain codes *afterwards* comes nearer
# still. What it lacks is the bound on log p(x), by which models can be compared. (And remember what
# this yardstick misses: a copy of a training digit has a distance of 0.)
#
# ## The plane
#
# With two latents you can see what the decoder draws everywhere. Each latent goes from -2 to 2, a
# square that holds 91 of 100 draws from the prior.

# %%
walk = np.linspace(-2, 2, 15)
z = np.stack(np.meshgrid(walk, walk), axis=-1).reshape(-1, 2)  # (225, 2): z1 fastest
tiles = decode(plane, z).reshape(-1, 1, 28, 28)
keep(plots.latent_grid(tiles, 15, 15, title="A walk through the prior"), "plane.png")

minae.manual_seed(0)
flat = trained(models.DenseAutoencoder([784, 256, 64, 2]), images, lr=2e-3)
drawn = {"plain, best Gaussian": decode(flat, guesses(codes_of(flat, images))["best Gaussian"])}
drawn["variational, N(0, 1)"] = decode(plane, guesses(codes_of(plane, images))["N(0, 1)"])
table = judged(drawn, digits)
print_table(HEADER, table, "two latents: distance to the nearest training digit")
assert table[0][1] < table[1][1]

# %% [markdown]
# One digit turns into the next. But this does not prove that the KL term is worth it: in a plane,
# 4,000 plain codes leave no room for holes, and the plain samples are the nearer ones. With 20
# numbers there is far more room than 4,000 codes can fill, and there the prior is needed.
#
# ## What the KL term costs
#
# A cloud says less than a point. Here are unseen digits, rebuilt from the mean of q(z|x), beside
# those of a plain autoencoder with the same layers and as many numbers:


# %%
def cost_rows(plain, vae, unseen):
    """Return squared error and greyness of both models' reconstructions, and the images."""
    x = unseen.reshape(-1, 784)
    rebuilt = {"digits": x}
    for name, model in {"plain": plain, "variational": vae}.items():
        rebuilt[name] = decode(model, codes_of(model, unseen))
    return [
        (name, float(((y - x) ** 2).sum(axis=1).mean()), float((y * (1 - y)).sum(axis=1).mean()))
        for name, y in rebuilt.items()
    ], rebuilt


COST = ("reconstructions", "squared error", "grey")
table, rebuilt = cost_rows(plain, vae, unseen)
print_table(COST, table, "unseen digits")
keep(strips(rebuilt, "Unseen digits, rebuilt"), "rebuilt.png")
_, (_, plain_error, plain_grey), (_, vae_error, vae_grey) = table
assert vae_error > 1.05 * plain_error
assert vae_grey > 1.15 * plain_grey

# %% [markdown]
# ## All of MNIST
#
# PyTorch's example, 784-400-20 after 10 epochs of Adam at 1e-3 in batches of 128, ends between 104
# and 106 nats per test image. minae's has the same settings, and is trained on 55,000 images; the
# other 5,000 choose the epoch. `--full` trains all three models on MNIST and prints the tables from
# above. Otherwise they come from `results.json` beside this file.


# %%
def measure():
    """Train the three models on MNIST; return the tables, the loss and the seconds."""
    begin, mnist = time.perf_counter(), load("mnist")
    command = "minae train vae --data mnist"
    settings = Settings("vae", "mnist")
    run = train_run(settings, OUT / "vae", command=command, overwrite=True)
    vae, figures = run.model, run.metrics
    minae.manual_seed(0)
    plain, buggy = models.DenseAutoencoder([784, 400, 20]), start(Wrong())
    for model in (plain, buggy):
        train.fit(model, mnist.train.images, epochs=10, batch_size=128)
    return {
        "command": "python lessons/10_vae/lesson.py --full",
        "vae": {
            "command": command,
            "seconds": figures["seconds"],
            "test_loss": figures["test_loss"],
        },
        "samples": sample_rows(plain, vae, mnist)[0],
        "bug": bug_rows(vae, buggy, mnist.test.images),
        "cost": cost_rows(plain, vae, mnist.test.images)[0],
        "seconds": time.perf_counter() - begin,
    }


recorded = resources.files("minae.lessons") / "10_vae" / "results.json"
full = json.loads(recorded.read_text(encoding="utf-8"))
if FULL:
    try:
        full = measure()
        (OUT / "results.json").write_text(json.dumps(full, indent=2) + "\n", encoding="utf-8")
    except InputError as reason:  # MNIST is not available
        print(reason)
else:
    print("--full trains them again, and needs MNIST, which is downloaded when first asked for")
print(f"measured by: {full['command']} ({full['seconds']:.0f} s)")
ours = full["vae"]
rows = [("PyTorch's example", "104 to 106"), (ours["command"], f"{ours['test_loss']:.2f}")]
print_table(("", "minus the ELBO"), rows, f"nats per test image ({ours['seconds']:.0f} s)")
for name, header in {"samples": HEADER, "bug": BUG, "cost": COST}.items():
    print_table(header, [tuple(row) for row in full[name]], f"MNIST: {name}")
assert ours["test_loss"] < 105.5

# %% [markdown]
# ## Exercises
#
# They are in `exercises.py`, all in plain NumPy. 10.1 is a draw that lets gradients pass, 10.2 the
# KL of two Gaussians with its gradients, 10.3 a KL by draws, with a standard error, 10.4 the loss
# of a batch, 10.5 the test that finds the bug above, and 10.6 draws new digits.
