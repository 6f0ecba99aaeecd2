# %% [markdown]
"""# 1. Automatic differentiation

To train a model is to change its numbers, thousands of them, each a little, so that a loss falls.
For each you need to know how the loss responds to it: the derivative. This lesson builds the engine
that finds all derivatives in one walk, first for single numbers and then for arrays. It has fewer
than 100 lines. Its gradients equal minae's to ten digits on graphs made to break it, and at the end
it trains an autoencoder.

You need to know what a derivative is, and the chain rule for one variable.
"""

# %%
import inspect
import itertools
import math

import numpy as np
from matplotlib.figure import Figure
from matplotlib.patches import FancyBboxPatch

import minae
from minae import plots
from minae.data import load
from minae.report import print_table


def keep(figure, name):
    """Write a picture and say where it is."""
    plots.save(figure, path := f"runs/01_autograd/{name}")
    print(f"written: {path}")


def normal(*shape, seed=0):
    """Return random numbers in float64."""
    return np.random.default_rng(seed).standard_normal(shape)


# %% [markdown]
# ## Without an engine
#
# A derivative says how much the result changes when one number moves a little, so you can measure
# it. Move the number by h in both directions, and divide the change by the distance:
#
# $$\frac{\partial L}{\partial a} \approx \frac{L(a + h) - L(a - h)}{2h}$$
#
# This is a *central difference*. Here is a small loss of three numbers, with y used twice:


# %%
def loss(a, b, c):
    """y = a b, z = y + c, L = z y."""
    y = a * b
    z = y + c
    return z * y


h = 1e-5
measured = (loss(2 + h, -3, 10) - loss(2 - h, -3, 10)) / (2 * h)
print(f"dL/da at a = 2, b = -3, c = 10: {measured:.6f}")
assert abs(measured - 6) < 1e-6

# %% [markdown]
# For three numbers that is 6 evaluations. A model of 10,000 weights would need 20,000 forward
# passes for one step of training. The engine gets all of them from one forward pass and one walk
# back. So you will not train with differences, but you will use them to check what you build
# instead.
#
# ## One operation knows its own derivatives
#
# Nobody has to know the derivative of the whole. A product knows how it responds to its two
# factors:
#
# $$\frac{\partial (a b)}{\partial a} = b \qquad \frac{\partial (a b)}{\partial b} = a$$
#
# These are **local derivatives**. A `Node` is a number that remembers what it was computed from,
# and its local derivatives. The last line of `__mul__` is the formula above.

# %%
NUMBERS = itertools.count()


class Node:
    """A number, what it was computed from, and its derivative with respect to each input."""

    def __init__(self, value, inputs=(), local=()):
        self.value, self.inputs, self.local = value, inputs, local
        self.number = next(NUMBERS)  # nodes made later have larger numbers

    def __add__(self, other):
        return Node(self.value + other.value, (self, other), (1.0, 1.0))

    def __mul__(self, other):
        return Node(self.value * other.value, (self, other), (other.value, self.value))


a, b, c = Node(2.0), Node(-3.0), Node(10.0)
y = a * b
z = y + c
L = z * y
print(f"L = {L.value:g}, local derivatives: {L.local[0]:g} for z, {L.local[1]:g} for y")
assert L.value == loss(2, -3, 10)

# %% [markdown]
# `z * y` ran forward as always, and left a **graph** behind: L points at z and y, y points at a and
# b. A number that points at nothing is a **leaf**.
#
# ## Along a path, derivatives multiply; over paths, they add
#
# The chain rule for one variable: if a moves y, and y moves L, the derivatives multiply. For
# several variables there is one more rule. a moves L on two paths, from y directly and from y
# through z. Both happen at once, so what they do to L adds up:
#
# $$\frac{\partial L}{\partial a} = \sum_{\text{paths from } L \text{ to } a} \;
# \prod_{\text{edges}} \text{local derivative}$$


# %%
def over_paths(node, leaf):
    """The formula above, word for word."""
    if node is leaf:
        return 1.0
    edges = zip(node.inputs, node.local, strict=True)
    return sum(local * over_paths(x, leaf) for x, local in edges)


print(f"dL/da: z b + y b = 4 * -3 + -6 * -3 = {over_paths(L, a):g}")
assert over_paths(L, a) == 6

# %% [markdown]
# It is right, and useless. Paths multiply: `x = x + x`, written n times, has 2 to the n of them.
# All local derivatives there are 1, so the derivative is the number of paths that were followed.

# %%
x = leaf = Node(1.0)
for _ in range(16):
    x = x + x
print(f"17 nodes, {over_paths(x, leaf):,.0f} paths")
assert over_paths(x, leaf) == 2**16

# %% [markdown]
# ## Walk back, every node once
#
# All paths from L to a that go through y share what comes before y. So add up first and go on
# afterwards. Write dv for the derivative of L with respect to a node v. Every **consumer** of x, a
# node that has x among its inputs, adds its share:
#
# $$dx = \sum_{\text{consumers } v \text{ of } x} dv \cdot \frac{\partial v}{\partial x}$$
#
# Begin with dL = 1 at the end and pass gradients back. The line `d[x] = d.get(x, 0.0) + ...` is the
# formula: it adds up, one consumer at a time. This is reverse-mode differentiation, also called
# backpropagation.
#
# A node may pass on its gradient once it is complete, so all its consumers must have their turn
# before it. Such an order is a **topological order**. The simplest way to get one: a node is made
# after its inputs, so sort by number, the latest first.


# %%
def consumers_first(output):
    """Return all nodes that lead to the output, each after all of its consumers."""
    found, stack = {output}, [output]
    while stack:
        for x in stack.pop().inputs:
            if x not in found:
                found.add(x)
                stack.append(x)
    return sorted(found, key=lambda node: node.number, reverse=True)


def gradients(order):
    """Return the derivatives of order[0] with respect to each of these nodes."""
    d = {order[0]: 1.0}
    for v in order:
        for x, local in zip(v.inputs, v.local, strict=True):
            d[x] = d.get(x, 0.0) + d[v] * local
    return d


d = gradients(consumers_first(L))
print(f"dL/da = {d[a]:g}, dL/db = {d[b]:g}, dL/dc = {d[c]:g}")
assert all(d[v] == over_paths(L, v) for v in (a, b, c, y, z, L))

# %% [markdown]
# Here is the graph. Read the values from left to right, and the gradients from right to left: each
# is the sum, over the arrows that leave its box, of the gradient at the arrow's tip times the
# number on the arrow. Two arrows leave y: -6 * 1 + 1 * 4 = -2. A graph that splits and joins again,
# as between y and L, is a *diamond*.

# %%
WORDS = {"ha": "center", "va": "center", "fontsize": 11}


def draw(places, names, d):
    """Draw nodes at their places, with values and gradients, and local derivatives on the edges."""
    figure = Figure(figsize=(8.6, 3.6))
    axes = figure.add_axes((0, 0, 1, 0.9), xlim=(-0.8, 6.8), ylim=(-0.5, 2.5))
    axes.set_axis_off()
    for v, (x1, y1) in places.items():
        for x, local in zip(v.inputs, v.local, strict=True):
            x0, y0 = places[x]
            arrow = {"arrowstyle": "-|>", "color": plots.MUTED, "shrinkB": 50}
            axes.annotate("", (x1, y1), (x0, y0), arrowprops=arrow, zorder=0)
            middle = ((x0 + x1) / 2, (y0 + y1) / 2, f"{local:g}")
            axes.text(*middle, bbox={"fc": "white", "ec": "none", "pad": 2}, **WORDS)
    for v, (x, y) in places.items():
        look = {"boxstyle": "round,pad=0.05", "fc": "#eef4fa", "ec": plots.MUTED}
        axes.add_patch(FancyBboxPatch((x - 0.5, y - 0.33), 1.0, 0.66, **look))
        axes.text(x, y + 0.23, names[v], fontweight="bold", **WORDS)
        axes.text(x, y, f"value {v.value:g}", color=plots.BLUE, **WORDS)
        axes.text(x, y - 0.23, f"gradient {d[v]:g}", color=plots.RED, **WORDS)
    figure.text(0.02, 0.93, "L = (a b + c) a b: values go right, gradients come back left")
    return figure


PLACES = {a: (0, 2), b: (0, 0.5), c: (2, 0), y: (2, 1.5), z: (4, 0.4), L: (6, 1.5)}
NAMES = {a: "a", b: "b", c: "c", y: "y = a · b", z: "z = y + c", L: "L = z · y"}
keep(draw(PLACES, NAMES, d), "graph.png")

# %% [markdown]
# ### Two mistakes that nothing complains about
#
# Take y before z, and it passes on what it has so far. y's own gradient still ends up right, since
# z adds the rest later; but by then a and b have had theirs. Or let a later use overwrite an
# earlier one, `d[x] = d[v] * local`, and all paths but one are lost. Neither mistake shows in a
# graph that does not split and join again.


# %%
def overwritten(order):
    """The walk without the sum."""
    d = {order[0]: 1.0}
    for v in order:
        for x, local in zip(v.inputs, v.local, strict=True):
            d[x] = d[v] * local
    return d


early = gradients([L, y, z, c, b, a])
lost = overwritten(consumers_first(L))
found = {"right": d, "y before z": early, "overwritten": lost}
rows = [(name, *(d[v] for v in (y, a, b, c))) for name, d in found.items()]
print_table(("", "dL/dy", "dL/da", "dL/db", "dL/dc"), rows)
assert early[y] == d[y]
assert early[a] != d[a]
assert lost[a] != d[a]
assert early[c] == lost[c] == d[c]  # only one path leads to c

# %% [markdown]
# ## Depth
#
# In textbooks a topological order is found by recursion: visit the inputs, then append the node. It
# needs no numbers. But Python stops after about 1,000 nested calls, and a graph gets deeper than
# that as soon as you loop over time steps. `consumers_first` has no such limit.


# %%
def recursive(node, order, found):
    """The textbook's way: inputs first, to be read backwards."""
    found.add(node)
    for x in node.inputs:
        if x not in found:
            recursive(x, order, found)
    order.append(node)
    return order


x, factor = Node(1.0), Node(1.0001)
leaf = x
for _ in range(10_000):
    x = x * factor
said = "done"
try:
    recursive(x, [], set())
except RecursionError as error:
    said = str(error)
print(f"recursive: {said}")
assert said != "done"
d = gradients(consumers_first(x))
exact = 10_000 * 1.0001**9_999  # the derivative of factor ** 10,000
print(f"sorted by number: dx/dfactor = {d[factor]:.6f}, by the formula {exact:.6f}")
assert math.isclose(d[factor], exact, rel_tol=1e-10)

# %% [markdown]
# ## Arrays: a rule in place of local numbers
#
# A graph of single numbers is slow: a small layer has thousands of them. Let a node hold a whole
# array. Its local derivatives are then a matrix, the *Jacobian*, with a row for each entry that
# comes out and a column for each that goes in. For `tanh` of 784 pixels it has 614,656 entries, and
# all but 784 are zero. Nobody stores it, since the walk needs only the product of dy with it. Each
# operation has a **rule** for this product: the gradient of its output comes in, the gradients of
# its inputs go out.
#
# For $y = \tanh x$, entry by entry, it is $dx = dy \, (1 - y^2)$. For a matrix product, write out
# the sums:
#
# $$y_{ij} = \sum_k x_{ik} w_{kj} \quad\Rightarrow\quad
# dw_{kj} = \sum_i x_{ik} \, dy_{ij}, \qquad dx_{ik} = \sum_j dy_{ij} \, w_{kj}$$
#
# The entry kj of w is used once for each i, with the factor x_ik, and all uses add up. Both sums
# are matrix products again: $dw = x^T dy$ and $dx = dy \, w^T$. The first of them, against the
# Jacobian written out:

# %%
x, dy = normal(2, 3), normal(2, 4, seed=1)  # so w is (3, 4)
dw = x.T @ dy
jacobian = np.einsum("ik,jl->ijkl", x, np.eye(4))  # ∂y[i, j] / ∂w[k, l]
print(f"the Jacobian has {jacobian.size} entries, the rule needs the {x.size} of x")
assert np.allclose(dw, np.einsum("ij,ijkl->kl", dy, jacobian), rtol=0, atol=1e-12)

# %% [markdown]
# ### Broadcasting is a node with many consumers
#
# In `x @ weight + bias`, the bias has one number per column and is added to every row. So each of
# its entries is used once per row, and uses add up: it is the same rule as at y above.
#
# $$dx_k = \sum_{\text{positions } i \text{ that used entry } k} dy_i$$
#
# To know what was used where, broadcast the entries' numbers in place of the entries. `np.bincount`
# is the sum: it adds each dx to the entry whose number stands there.


# %%
def unbroadcast(dx, shape):
    """Return what each entry of an array of `shape` collects, if it was broadcast for use."""
    if dx.shape == shape:
        return dx
    size = math.prod(shape)
    used = np.broadcast_to(np.arange(size).reshape(shape), dx.shape)
    return np.bincount(used.ravel(), dx.ravel(), size).reshape(shape)


dy = np.round(normal(4, 3), 1)
panels = {"b, by number": np.arange(3)[None], "used in x + b": np.arange(12).reshape(4, 3) % 3}
panels |= {"the gradient dy": dy, "db": unbroadcast(dy, (3,))[None]}
figure = Figure(figsize=(8.6, 2.9))
for axes, (name, numbers) in zip(figure.subplots(1, 4), panels.items(), strict=True):
    axes.imshow(np.arange(numbers.size).reshape(numbers.shape) % 3, cmap="Pastel1", vmax=8)
    for (i, j), value in np.ndenumerate(numbers):
        axes.text(j, i, f"{value:.2g}", ha="center", va="center", fontsize=11)
    axes.set(xticks=[], yticks=[], ylim=(3.5, -0.5), frame_on=False)
    axes.set_title(name, fontsize=11)
figure.suptitle("b (3,) is added to each row of x (4, 3): each entry collects its column", y=0.98)
figure.tight_layout()
keep(figure, "broadcast.png")
assert np.allclose(unbroadcast(dy, (3,)), dy.sum(axis=0))

# %% [markdown]
# ### The engine
#
# Now put everything together. `backward` is `gradients` from above with rules in place of numbers.
# A leaf accumulates in `.grad`, so that a batch can be taken in parts. Note `d[x] + dx`, which
# makes a new array: `d[x] += dx` would write into an array that may be another node's gradient too,
# since an addition hands the same dy to both of its inputs.


# %%
class Array:
    """An array that remembers what it was computed from, and the rule that leads back."""

    def __init__(self, data, inputs=(), rule=None):
        self.data, self.inputs, self.rule = np.asarray(data, dtype=float), inputs, rule
        self.number = next(NUMBERS)
        self.grad = 0.0

    def __add__(self, other):
        return Array(self.data + other.data, (self, other), lambda dy: (dy, dy))

    def __sub__(self, other):
        return Array(self.data - other.data, (self, other), lambda dy: (dy, -dy))

    def __mul__(self, other):
        x, y = self.data, other.data
        return Array(x * y, (self, other), lambda dy: (dy * y, dy * x))

    def __matmul__(self, other):
        x, y = self.data, other.data
        return Array(x @ y, (self, other), lambda dy: (dy @ y.T, x.T @ dy))

    def tanh(self):
        """The derivative of tanh is 1 - tanh²."""
        y = np.tanh(self.data)
        return Array(y, (self,), lambda dy: (dy * (1 - y**2),))

    def sum(self):
        """Each entry is used once, with factor 1."""
        shape = self.data.shape
        return Array(self.data.sum(), (self,), lambda dy: (np.broadcast_to(dy, shape),))

    def backward(self, dy=1.0):
        """Add to the leaves' `.grad` the gradient of the sum of self * dy."""
        d = {self: np.broadcast_to(dy, self.data.shape)}
        for v in consumers_first(self):
            dy = d.pop(v)
            if not v.inputs:
                v.grad = v.grad + dy
                continue
            for x, dx in zip(v.inputs, v.rule(dy), strict=True):
                dx = unbroadcast(dx, x.data.shape)
                d[x] = d[x] + dx if x in d else dx


methods = [method for method in vars(Array).values() if inspect.isfunction(method)]
parts = (*methods, consumers_first, unbroadcast)
length = sum(len(inspect.getsource(part).splitlines()) for part in parts)
print(f"the engine's functions have {length} lines")
assert length < 100

# %% [markdown]
# ## The same gradients as minae's
#
# minae's tensors have the same operators, so one function serves both engines. Here are four. In
# each step of the chain, x goes two ways, straight on and through tanh, which makes 10,000 nodes
# and 2 to the 3,333 paths. The output's gradient dy, from which the walk begins, is random here.
# You will see why.


# %%
def diamond(x, w):
    """Split, and join again, with one factor twice."""
    y = x * w
    return (y + x.tanh()) * (y * y)


def broadcast(x, y):
    """Shapes (3, 1) and (2, 1, 4) meet at (2, 3, 4)."""
    return (x * y).tanh() + x


def chain(x, step):
    """Three nodes in each step."""
    for _ in range(3_333):
        x = x + step * x.tanh()
    return x


def autoencoder(x, weight, bias, weight2, bias2):
    """The squared error, summed, of a network with one hidden layer."""
    code = (x @ weight + bias).tanh()
    error = code @ weight2 + bias2 - x
    return (error * error).sum()


def compare(f, *arrays):
    """Return the number of nodes, the largest gradient, and the difference relative to it."""
    ours = [Array(x) for x in arrays]
    theirs = [minae.Tensor(x, requires_grad=True) for x in arrays]
    output = f(*ours)
    dy = np.asarray(normal(*output.data.shape, seed=9))  # also for a loss, of shape ()
    output.backward(dy)
    f(*theirs).backward(dy)
    pairs = [(x.grad, t.grad.numpy()) for x, t in zip(ours, theirs, strict=True)]
    largest = max(np.abs(theirs).max() for _, theirs in pairs)
    difference = max(np.abs(ours - theirs).max() for ours, theirs in pairs)
    return len(consumers_first(output)), float(largest), float(difference / largest)


shapes = [(64, 10), (10,), (10, 64), (64,)]
layers = [normal(*shape, seed=n) / 8 for n, shape in enumerate(shapes)]
digits = load("digits")
images, unseen = (x.images.reshape(-1, 64).astype(float) for x in (digits.train, digits.test))
cases = {
    "diamond": (diamond, normal(4, 5), normal(4, 5, seed=1)),
    "broadcast": (broadcast, normal(3, 1), normal(2, 1, 4, seed=1)),
    "chain": (chain, normal(3), np.array([1e-3])),
    "autoencoder": (autoencoder, images[:20], *layers),
}
rows = []
for name, case in cases.items():
    nodes, largest, difference = compare(*case)
    rows.append((name, nodes, largest, difference))
    assert difference < 1e-10
print_table(("graph", "nodes", "largest gradient", "relative difference"), rows)

# %% [markdown]
# ## The gradient check
#
# Equal to minae's does not yet mean right: both may be wrong. Central differences know nothing of
# engines. Weight the outputs by dy, so that there is one number, $L(x) = \sum f(x) \cdot dy$, and
# move all entries of x at once, in a random direction v:
#
# $$\sum_i dx_i v_i \approx \frac{L(x + h v) - L(x - h v)}{2h}$$
#
# Two evaluations check all entries together. How large should h be? If it is too large, the curve
# bends in between: this error falls as h². If it is too small, both values agree in nearly all
# digits, and the difference is mostly rounding, ε / h. For float64 the two errors meet near h =
# ε^⅓, about 6e-6. The error of a one-sided difference, L(x + h v) - L(x), falls only as h, and
# meets rounding earlier, near h = ε^½.


# %%
def central(f, x, v, dy, h):
    """Measure how the sum of f * dy responds to a move of x along v."""
    return ((f(x + h * v) - f(x - h * v)) * dy).sum() / (2 * h)


def one_sided(f, x, v, dy, h):
    """The same, from one side."""
    return ((f(x + h * v) - f(x)) * dy).sum() / h


x, v, dy = normal(4, 5), normal(4, 5, seed=1), normal(4, 5, seed=2)
exact = (dy * np.exp(x) * v).sum()
EPS = np.finfo(float).eps
STEP = EPS ** (1 / 3)
steps = np.logspace(-12, -1, 56)
figure = Figure(figsize=(6.4, 3.8), layout="tight")
axes = figure.subplots()
for measure, best, colour in [(one_sided, EPS**0.5, plots.RED), (central, STEP, plots.BLUE)]:
    errors = [abs(measure(np.exp, x, v, dy, h) / exact - 1) for h in (best, *steps)]
    axes.loglog(steps, errors[1:], color=colour, label=measure.__name__)
    axes.axvline(best, color=colour, linestyle=":")
    print(f"{measure.__name__} at h = {best:.0e}: relative error {errors[0]:.0e}")
    assert errors[0] < (1e-9 if measure is central else 1e-6)
axes.set(xlabel="h", ylabel="relative error", title="Too close is as bad as too far")
axes.legend()
keep(figure, "step.png")

# %% [markdown]
# ### Why dy is random
#
# It is tempting to check a plain sum of the outputs, where dy is all ones. Below are four wrong
# rules that pass with ones. dy * y and y / dy are the same then, and so are dy and dy in reverse
# order. The outputs of a softmax add up to 1 whatever x is, so the gradient of their sum is zero,
# and a rule that returns zeros passes too. With a random dy all four are caught.


# %%
def softmax(x):
    """Each row adds up to 1."""
    y = np.exp(x)
    return y / y.sum(axis=1, keepdims=True)


M = normal(4, 4, seed=4)
RULES = {
    "exp: dy * y (right)": (np.exp, lambda x, dy: dy * np.exp(x)),
    "exp: y / dy": (np.exp, lambda x, dy: np.exp(x) / dy),
    "exp: y, without dy": (np.exp, lambda x, dy: np.exp(x)),
    "M @ x: Mᵀ @ dy in reverse": (lambda x: M @ x, lambda x, dy: M.T @ dy[::-1]),
    "softmax: zeros": (softmax, lambda x, dy: np.zeros_like(x)),
}
ones, rows = np.ones((4, 5)), []
for name, (f, rule) in RULES.items():
    errors = [abs((rule(x, u) * v).sum() - central(f, x, v, u, STEP)) for u in (ones, dy)]
    rows.append((name, *map(float, errors)))
    assert errors[0] < 1e-8
    assert errors[1] < 1e-8 if "right" in name else errors[1] > 0.1
print_table(("operation: rule", "error with ones", "error with random dy"), rows)

# %% [markdown]
# `minae.gradcheck` moves one entry at a time, as you will in exercise 1.5. This is slower, but says
# where the error is; and from its pattern it guesses what you did. Here is a square, as an `Op` of
# minae, with a mistake:


# %%
class _Square(minae.Op):
    def forward(self, x):
        self.save(x)
        return x * x

    def backward(self, dy):
        (x,) = self.saved
        return dy * x


said = "passed"
try:
    minae.gradcheck(lambda x: _Square.apply(x), normal(2, 3))
except minae.GradcheckError as error:
    said = str(error)
print(said)
assert "a factor 2 is missing" in said

# %% [markdown]
# ## It trains
#
# An autoencoder: 64 pixels to 10 numbers and back. Nothing in it is new. `autoencoder` is the
# function from above, and each step moves every weight a little against its gradient. The figure to
# beat is the error of the mean image, the same guess for every digit.

# %%
mean = images.mean(axis=0)
N, x, weights = len(images), Array(images - mean), [Array(w) for w in layers]
history = []
for _ in range(600):
    error = autoencoder(x, *weights)
    error.backward(1 / N)
    history.append(float(error.data) / N)
    for w in weights:
        w.data = w.data - 0.03 * w.grad
        w.grad = 0.0
print(f"{sum(w.data.size for w in weights):,} weights")
print(f"loss: {history[0]:.3f} at first, {history[-1]:.3f} after {len(history)} steps")

weight, bias, weight2, bias2 = (w.data for w in weights)
rebuilt = np.tanh((unseen - mean) @ weight + bias) @ weight2 + bias2 + mean
errors = [((unseen - y) ** 2).sum(axis=1).mean() for y in (mean, rebuilt)]
print(f"{len(unseen)} unseen images: the mean image {errors[0]:.3f}, this engine {errors[1]:.3f}")
assert errors[1] < 0.5 * errors[0]
rows = [y[::18].reshape(-1, 1, 8, 8) for y in (unseen, rebuilt)]
keep(plots.reconstructions(*rows, title="Digits through 10 numbers"), "reconstructions.png")

# %% [markdown]
# ## Exercises
#
# They are in `exercises.py`: the parts of this engine, each a little harder than above. 1.1 is the
# rule for a division. In 1.2 you find a topological order without numbers and without recursion,
# and in 1.3 you walk back and think of a second call. 1.4 is `unbroadcast` by sums, and 1.5 the
# gradient check, entry by entry.
#
# Then read `minae/op.py` and `minae/autograd.py`. An `Op` there is a node with its rule, and its
# `_walk` is `Array.backward` from above: the same dictionary of gradients, the same order, the same
# sum. What is added is what a library needs: it skips what needs no gradient, frees the graph on
# its way, and stops when a rule returns the wrong shape or an array was changed in between.
