"""Lesson 17: convolution on a GPU, from one thread per entry to a matrix that is never stored."""

# %% [markdown]
# # Lesson 17: convolution on a GPU
#
# A convolution is a matrix product in disguise. In lesson 16 you climbed from one thread per entry
# to a fast product; here you see what it takes to run a convolution, and both of its gradients, on
# the same machinery. You will see
#
# - why one thread per entry reads eight bytes for each multiplication, and what it costs instead to
#   write patches out as a matrix;
# - how a kernel multiplies a matrix that is never stored: tables, and a padding test that is one
#   AND;
# - why the gradient of the input is gathered, not scattered, and how stride 2 splits its pixels
#   into classes that save three quarters of the work;
# - why the gradient of the weight is computed in parts that are added in a fixed order.
#
# Everything runs in the simulator, so you need no GPU. It counts what a kernel moves, in sectors of
# 32 bytes, and finds races; it says nothing about time. The kernels are those in
# `kernels/cuda/ladders/convolution*.py`: keep the files open beside this one.

# %%
import ast
import inspect
import json
from importlib.resources import files
from math import prod
from pathlib import Path

import numpy as np
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle

import minae
from minae import plots
from minae.kernels import reference
from minae.kernels.cuda.ladders import convolution, matmul
from minae.kernels.cuda.ladders.convolution import RUNGS
from minae.kernels.cuda.ladders.convolution_direct import im2col
from minae.kernels.cuda.ladders.convolution_tables import MOST_TAPS, backward_tables, forward_tables
from minae.kernels.simulator import SimulationError, cuda, float32, launch
from minae.report import print_table
from minae.tools.ladders import lines

PICTURES = Path("runs/17_gpu_convolution")


def save(figure: Figure, name: str) -> None:
    """Write a picture, and say where it is."""
    path = PICTURES / f"{name}.png"
    plots.save(figure, path)
    print(f"picture: {path.as_posix()}")


def normal(*shape: int, seed: int = 0) -> np.ndarray:
    """Return normal random numbers, always the same ones."""
    return np.random.default_rng(seed).standard_normal(shape, np.float32)


def unwritten(shape: tuple[int, ...]) -> np.ndarray:
    """Return an array in which nan shows what a kernel forgot to write."""
    return np.full(shape, np.nan, np.float32)


def error(actual: np.ndarray, expected: np.ndarray) -> float:
    """Return the largest difference, relative to the largest number expected."""
    return float(np.abs(actual - expected).max() / np.abs(expected).max())


def moved(*traffics) -> int:
    """Return how many bytes went through global memory, in whole sectors."""
    return 32 * sum(traffic.total("global").sectors for traffic in traffics)


# %% [markdown]
# ## What is computed
#
# With stride $s$, padding $p$ and a kernel of $R \times Q$ taps,
#
# $$y_{n,o,i,j} = b_o + \sum_{c,r,q} x_{n,c,\;is-p+r,\;js-p+q}\; w_{o,c,r,q}$$
#
# where $x$ is zero outside the image. Here is one entry of it, as a loop:


# %%
def entry(x, weight, bias, n, o, i, j, stride, padding):
    """Return y[n, o, i, j] by the formula."""
    total = bias[o]
    for c, r, q in np.ndindex(weight.shape[1:]):
        h, w = i * stride - padding + r, j * stride - padding + q
        if 0 <= h < x.shape[2] and 0 <= w < x.shape[3]:
            total += x[n, c, h, w] * weight[o, c, r, q]
    return total


small = {"stride": (2, 2), "padding": (1, 1), "dilation": (1, 1), "groups": 1}
x, weight, bias = normal(2, 3, 7, 8), normal(4, 3, 3, 3, seed=1), normal(4, seed=2)
expected = reference.conv2d(x, weight, bias, **small)  # (2, 4, 4, 4)
by_formula = [entry(x, weight, bias, *place, 2, 1) for place in np.ndindex(expected.shape)]
by_formula = np.reshape(by_formula, expected.shape)
print(f"formula against reference: error {error(by_formula, expected):.1e}")
assert error(by_formula, expected) < 1e-5

# %% [markdown]
# ## Rung 1, direct: two reads for each product
#
# `direct` gives that loop to a thread, one thread per entry of y. To count what it moves, take a
# convolution without padding, so that no thread skips an iteration:

# %%
N, C, H, O, K = 1, 8, 16, 32, 3  # noqa: E741 - images, channels in, rows, channels out, taps
plain = {"stride": (1, 1), "padding": (0, 0), "dilation": (1, 1), "groups": 1}
x, weight = normal(N, C, H, H), normal(O, C, K, K, seed=1)
expected = reference.conv2d(x, weight, **plain)  # (1, 32, 14, 14)
HO = expected.shape[2]
P, T = N * HO * HO, C * K * K  # pixels of y, taps of a channel of y
products = P * O * T
print(f"{P} pixels x {O} channels x {T} taps = {products:,} multiplications")

y = unwritten(expected.shape)
direct = convolution.conv2d(x, weight, None, y, rung="direct", **plain).simulate(count=True)
loads = direct.total("global", "load")
print(f"direct against reference: error {error(y, expected):.1e}")
print(f"asked for: {loads.bytes / products} bytes per product")
print(f"moved: {moved(direct) / products:.2f} bytes per product")
assert error(y, expected) < 1e-5
assert loads.bytes == 8 * products

# %% [markdown]
# Eight bytes are asked for: a number of x and one of the weight. Fewer are moved, because the
# threads of a warp are side by side in y: they share the weight's number, so one sector serves 32
# lanes, and want numbers of x that lie in a few sectors. The picture shows one request of each
# kind. Where the lanes pass to the next row of y, the place in x jumps by K - 1 words.


# %%
def first_requests(traffic, kind: str, *arrays: str) -> dict:
    """Return the first request of each line that loads or stores one of the arrays, by name."""
    return {
        f"{kind} {array}": requests[0]
        for (_, what, array), requests in lines(traffic).items()
        if what == kind and array in arrays
    }


panels = first_requests(direct, "load", "global x", "global weight")
save(plots.requests(panels, "direct: what the lanes of a warp want at once"), "direct")

# %% [markdown]
# Each number of x is asked for by up to K K O threads, each number of the weight by the threads of
# all P pixels. A fast kernel reads a number once and uses it often. Lesson 16 has such a kernel for
# matrices:
#
# ## Rung 2, im2col: write the patches out
#
# Let row m of a matrix A be the patch that output pixel m sees, flattened: C K K numbers. Then
#
# $$y_{m,o} = \sum_k A_{m,k} W_{o,k} \qquad\text{that is}\qquad y = A\,W^\top$$
#
# and a matrix product does the rest. `im2col` writes A:

# %%
A = unwritten((P, T))
window = {"stride": (1, 1), "padding": (0, 0), "dilation": (1, 1)}
writing = convolution.patches(x, A, (K, K), (HO, HO), **window).simulate(count=True)
W = np.ascontiguousarray(weight.reshape(O, T).T)  # (T, O)
rows = unwritten((P, O))
multiplying = matmul.RUNGS["registers"].simulate((P, O), A, W, rows, count=True)
y = rows.reshape(N, HO, HO, O).transpose(0, 3, 1, 2)  # (N, O, HO, WO)
print(f"im2col and a product against reference: error {error(y, expected):.1e}")
assert error(y, expected) < 1e-5

print(f"x has {x.size:,} numbers, A has {A.size:,}: {A.size / x.size:.2f} times as many")
print(f"writing A moves {moved(writing) / products:.3f} bytes per product")
print(f"multiplying moves {moved(multiplying) / products:.3f} bytes per product")
assert moved(writing, multiplying) < moved(direct) / 5

# %% [markdown]
# That is a great gain, but look at what it costs. Every number of x is written once for each tap
# that meets it, K K = 9 times apart from edges and stride, and then read again; and A has to be
# stored somewhere. For 128 images of 64 channels, 56 x 56 pixels, padding 1:

# %%
image_bytes = 4 * 128 * 64 * 56 * 56
print(f"x: {image_bytes / 2**20:.0f} MiB, A: {9 * image_bytes / 2**20:.0f} MiB")

# %% [markdown]
# ## Rung 3, implicit GEMM: a matrix that is never stored
#
# The product copies tiles of A to shared memory and multiplies them there. So A need not exist: a
# block can gather its tile straight from x. The question is where A[m, k] lies in x, and it comes
# up for each entry of each tile. `im2col` answers it by arithmetic:


# %%
def divisions(kernel) -> int:
    """Count the // and % in a kernel's source."""
    tree = ast.parse(inspect.getsource(kernel))
    return sum(isinstance(node, ast.FloorDiv | ast.Mod) for node in ast.walk(tree))


print(f"im2col has {divisions(im2col)} divisions and remainders for each entry of A, by sizes")
print(f"known only at run time: {divisions(im2col) * A.size:,} here")

# %% [markdown]
# A GPU has no instruction for integer division: each of these becomes a sequence of "up to 20
# instructions" (CUDA C++ Programming Guide, "Arithmetic Instructions"). For an entry that takes
# part in only a few multiplications, that would be most of the time.
#
# But the place of A[m, k] in x is a sum of two parts, one that depends only on the pixel, and one
# only on the tap:
#
# $$\underbrace{n\,CHW}_{\text{image}} + \underbrace{(is-p)W + (js-p)}_{\text{pixel's place}} +
# \underbrace{cHW + rW + q}_{\text{tap's place}}$$
#
# So two tables hold all places: one entry per pixel, one entry per tap. The padding test splits in
# the same way. For output row i, row r of the kernel is inside the image or not: one bit for each
# r. The same holds for columns. A pixel's *word* has the bits of all rows and columns that are
# inside for it, and a tap's word has the two bits that it needs. Then A[m, k] is inside exactly if
#
# $$\text{word}_m \;\&\; \text{word}_k = \text{word}_k$$
#
# Here it is for an image of 5 x 5 pixels, 3 x 3 taps, padding 1 (bit 0 is on the right):

# %%
tables = forward_tables(1, (5, 5), (3, 3), (1, 1), (1, 1), (1, 1))


def word(entries: np.ndarray) -> np.ndarray:
    """Return the upper halves of a table's entries: bits of rows and columns."""
    return entries >> 32


def place(entries: np.ndarray) -> np.ndarray:
    """Return the lower halves, with their signs: the places."""
    return (entries << 32) >> 32


def bits(number: int) -> str:
    """Return a word's bits of rows and of columns."""
    return f"rows {number & 7:03b} columns {number >> MOST_TAPS & 7:03b}"


pixels, taps = tables.pixels, tables.taps[:9]
for name, p in (("(0, 0)", 0), ("(2, 2)", 12), ("(4, 3)", 23)):
    print(f"pixel {name}: place {place(pixels[p]):3}, {bits(word(pixels[p]))}")
for name, k in (("(0, 0)", 0), ("(1, 1)", 4), ("(2, 0)", 6)):
    print(f"tap   {name}: place {place(taps[k]):3}, {bits(word(taps[k]))}")
inside = word(pixels)[:, None] & word(taps) == word(taps)  # (25 pixels, 9 taps)
print("taps inside, by pixel:")
print(inside.sum(axis=1).reshape(5, 5))
assert inside.sum(axis=1).reshape(5, 5)[0].tolist() == [4, 6, 6, 6, 4]

# %% [markdown]
# The place of pixel (0, 0) is negative: its patch begins above and left of the image. Nothing is
# read there, since the word forbids it. Stride, padding and dilation only change the numbers in
# these tables, so a kernel that looks everything up need not know them. To see that the tables are
# enough, build A from them and compare it with what `im2col` writes, with stride 2 and padding 1:

# %%
image = normal(1, 3, 7, 8)
geometry = {key: small[key] for key in ("stride", "padding", "dilation")}
written = unwritten((16, 27))
convolution.patches(image, written, (3, 3), (4, 4), **geometry).simulate()
tables = forward_tables(3, (7, 8), (3, 3), *geometry.values())
pixels, taps = tables.pixels[:, None], tables.taps[:27]  # (16, 1), (27,)
inside = word(pixels) & word(taps) == word(taps)
gathered = np.where(inside, image.ravel()[np.where(inside, place(pixels) + place(taps), 0)], 0)
assert (gathered == written).all()
print(f"{inside.size} entries gathered by tables, {inside.size - inside.sum()} of them padding:")
print("the same as im2col's")

# %% [markdown]
# Entries have 64 bits, the word in the upper half and the place in the lower, so that a thread
# reads both at once. The table has more than 27 taps: since a step of the kernel takes 8 taps, it
# is padded to a multiple of 8, with a word that no pixel has.

# %%
filled = tables.taps[27:]
assert not (word(tables.pixels)[:, None] & word(filled) == word(filled)).any()
print(f"{len(filled)} taps are padding: {(len(tables.taps) - 8) // 8} steps of 8, and one to spare")

# %% [markdown]
# Now the kernel: `implicit_gemm` in `convolution_gather.py`. A block computes a tile of 64 pixels x
# 32 channels (other shapes have other tiles). Each thread divides once, to find the image of its
# pixel; every other division in the source is by a constant, a power of 2. Then, 8 taps at a time,
# it gathers numbers of x, reads weights, multiplies the previous tiles, puts the new ones into
# shared memory, and waits at a barrier.

# %%
y = unwritten(expected.shape)
step = convolution.conv2d(x, weight, None, y, rung="implicit_gemm_64x32", **plain)
implicit = step.simulate(count=True)
threads = prod(step.rung.grid(*step.sizes)) * step.rung.threads
print(f"implicit GEMM against reference: error {error(y, expected):.1e}")
print(f"at most {threads} divisions, one per thread, instead of {divisions(im2col) * A.size:,}")
assert error(y, expected) < 1e-5

a_product = {
    "direct": moved(direct) / products,
    "im2col + product": moved(writing, multiplying) / products,
    "implicit GEMM": moved(implicit) / products,
}
save(plots.bars(a_product, "bytes moved per multiplication", "Traffic of the rungs"), "traffic")
assert a_product["implicit GEMM"] < a_product["im2col + product"] / 2

# %% [markdown]
# A tile uses each number of A for 32 channels, and each weight for 64 pixels. So each product has
# to load
#
# $$4 \left(\frac{1}{32} + \frac{1}{64}\right) \text{ bytes}$$
#
# y has to be stored once. The rest is sectors of which only a part is wanted, and the tables, which
# every warp looks up:

# %%
print(f"to load at least: {4 * (1 / 32 + 1 / 64):.4f}; to store: {y.nbytes / products:.4f}; moved:")
for array in ("x", "weight", "taps", "weights", "pixels", "places", "classes", "y"):
    sectors = sum(r.sectors for r in implicit.requests if r.array == f"global {array}")
    print(f"{array:8} {32 * sectors / products:.4f}")

# %% [markdown]
# Tables are small and read by every block, so they stay in the cache. In the picture, all lanes
# want the same entry of `taps`; lanes gather pixels side by side, except at the end of a row, in an
# order in which they can later store y side by side; and in shared memory, red would mark lanes
# that wait for each other's bank. There are none:

# %%
shared = implicit.total("shared")
print(f"shared memory: {shared.bytes:,} bytes wanted, {shared.waves:,} answers of 128 bytes")
assert 128 * shared.waves == shared.bytes
panels = first_requests(implicit, "load", "global x", "global weight", "global taps")
panels |= first_requests(implicit, "load", "shared left", "shared right")
panels |= first_requests(implicit, "store", "global y")
title = "implicit_gemm_64x32: what the lanes of a warp want at once"
save(plots.requests(panels, title), "implicit_gemm")

# %% [markdown]
# ## Bias and ReLU on the way
#
# After the convolution, a layer adds a bias and applies a ReLU. A separate kernel for that reads y
# and writes it again:


# %%
def bias_relu(y, bias):
    """y = relu(y + bias), one thread per entry."""
    entry = cuda.grid(1)
    if entry < y.size:
        n, o, i, j = entry // (O * HO * HO), entry // (HO * HO) % O, entry // HO % HO, entry % HO
        value = y[n, o, i, j] + bias[o]
        if value < 0:
            value = float32(0)
        y[n, o, i, j] = value


bias = normal(O, seed=2)
y, fused_y = reference.conv2d(x, weight, **plain), unwritten(expected.shape)
apart = launch(bias_relu, -(-y.size // 256), 256, y, bias, count=True)
step = convolution.conv2d(x, weight, bias, fused_y, "relu", "implicit_gemm_64x32", **plain)
fused = step.simulate(count=True)
more = moved(fused) - moved(implicit)
print(f"a separate kernel moves {moved(apart):,} bytes; fused, it takes only {more:,} more")
assert error(fused_y, y) < 1e-5
assert more < moved(apart) / 10

# %% [markdown]
# One detail matters only when things go wrong: the ReLU says `if value < 0: value = 0`. A nan is
# not below zero, so it stays. Written as `value if value > 0 else 0`, the ReLU would turn a nan
# into a zero, and a broken training run would look as if a unit were merely inactive:

# %%
sick = x.copy()
sick[0, 0, 8, 8] = np.nan
y = unwritten(expected.shape)
convolution.conv2d(sick, weight, bias, y, "relu", "implicit_gemm_64x32", **plain).simulate()
reached = np.isnan(y).sum()
print(f"one nan in x reaches {reached} entries of y: 3 x 3 pixels x {O} channels")
assert reached == K * K * O

# %% [markdown]
# ## The gradient of the input: gather, do not scatter
#
# Tap (r, q) took $x_h$ to $y_i$ where $h + p = i s + r$ (and columns likewise). The gradient goes
# back the same way:
#
# $$dx_{n,c,h,w} = \sum_{o}\;\sum_{(i,r):\,is+r=h+p}\;\sum_{(j,q):\,js+q=w+p}
# dy_{n,o,i,j}\; w_{o,c,r,q}$$
#
# It is tempting to give each thread an entry of dy and have it spread that over its patch. But
# patches overlap, so two threads add to the same place. The simulator says so, whatever order they
# run in:


# %%
def scatter(dy, weight, dx, padding):
    """Spread every entry of dy over its patch of dx; stride 1, one image."""
    o, i, j = cuda.threadIdx.z, cuda.threadIdx.y, cuda.threadIdx.x
    for c in range(weight.shape[1]):
        for r in range(weight.shape[2]):
            for q in range(weight.shape[3]):
                h, w = i - padding + r, j - padding + q
                if 0 <= h < dx.shape[1] and 0 <= w < dx.shape[2]:
                    dx[c, h, w] += dy[o, i, j] * weight[o, c, r, q]


def scatter_atomic(dy, weight, dx, padding):
    """The same with atomic additions."""
    o, i, j = cuda.threadIdx.z, cuda.threadIdx.y, cuda.threadIdx.x
    for c in range(weight.shape[1]):
        for r in range(weight.shape[2]):
            for q in range(weight.shape[3]):
                h, w = i - padding + r, j - padding + q
                if 0 <= h < dx.shape[1] and 0 <= w < dx.shape[2]:
                    cuda.atomic.add(dx, (c, h, w), dy[o, i, j] * weight[o, c, r, q])


dy, weight = normal(1, 4, 6, 6), normal(4, 2, 3, 3, seed=1)
same = {"stride": (1, 1), "padding": (1, 1), "dilation": (1, 1), "groups": 1}
expected = reference.conv2d_dx(dy, weight, (6, 6), **same)  # (1, 2, 6, 6)
try:
    launch(scatter, 1, (6, 6, 4), dy[0], weight, np.zeros((2, 6, 6), np.float32), 1)
    raise AssertionError("the simulator should have found the race")
except SimulationError as race:
    print(race)

# %% [markdown]
# With atomic additions the race is gone, but the order of the additions is not fixed. A float32 sum
# is rounded after each step, so the bits depend on the order. The simulator shuffles threads by a
# seed; the gathering kernel `direct_dx` has one thread per entry of dx, which always adds in the
# same order:

# %%
scattered, gathered = set(), set()
for seed in range(8):
    dx = np.zeros((2, 6, 6), np.float32)
    launch(scatter_atomic, 1, (6, 6, 4), dy[0], weight, dx, 1, seed=seed)
    assert error(dx, expected[0]) < 1e-5
    scattered.add(dx.tobytes())
    dx = unwritten(expected.shape)
    convolution.conv2d_dx(dy, weight, None, dx, rung="direct_dx", **same).simulate(seed)
    assert error(dx, expected) < 1e-5
    gathered.add(dx.tobytes())
print(
    f"8 orders of threads: {len(scattered)} results by atomic additions, {len(gathered)} gathered"
)
assert len(scattered) > 1 == len(gathered)

# %% [markdown]
# All of them are right to at least five digits. But if the bits differ from run to run, two
# training runs from the same seed drift apart, and a bug cannot be reproduced. minae uses no such
# kernel.
#
# The same gather is the *forward* of a transposed convolution, which a decoder uses to make images
# larger. It needs no separate kernel:

# %%
code, weight = normal(1, 4, 4, 4), normal(4, 2, 3, 3, seed=1)
halving = {"stride": (2, 2), "padding": (1, 1), "dilation": (1, 1), "groups": 1}
decoded = minae.conv_transpose2d(
    minae.Tensor(code), minae.Tensor(weight), stride=2, padding=1, output_padding=1
)
dx = unwritten((1, 2, 8, 8))
convolution.conv2d_dx(code, weight, None, dx, rung="direct_dx", **halving).simulate()
print(f"conv_transpose2d against direct_dx: error {error(dx, decoded.numpy()):.1e}")
assert error(dx, decoded.numpy()) < 1e-5

# %% [markdown]
# ## Stride 2: only one tap in four reaches an entry of dy
#
# With stride s, $is + r = h + p$ has an integer solution i for only one row r in s, and the same
# holds for columns: that leaves $1/s^2$ of the taps. `direct_dx` tries all of them. (Textbooks put
# zeros between the entries of dy and convolve that, which multiplies by those zeros instead.) Here
# is the share, including what is lost at the edges:


# %%
def useful(stride: int) -> float:
    """Return the share of pairs (pixel of dx, tap) that reach an entry of dy, by the reference."""
    size = 12 * stride
    ones, taps = np.ones((1, 1, 12, 12)), np.ones((1, 1, 3, 3))
    geometry = {"stride": (stride,) * 2, "padding": (1, 1), "dilation": (1, 1), "groups": 1}
    return reference.conv2d_dx(ones, taps, (size, size), **geometry).sum() / (9 * size**2)


for stride in (1, 2, 3, 4):
    print(f"stride {stride}: {useful(stride):.1%} of the tries reach dy, at most {stride**-2:.1%}")
assert all(0.89 < useful(stride) * stride**2 <= 1 for stride in (1, 2, 3, 4))

# %% [markdown]
# Which taps reach dy depends only on the remainder of $h + p$ when divided by $s$:
#
# $$r \equiv h + p \pmod s$$
#
# So pixels whose rows and columns have the same remainders need the same taps: they are a *class*.
# Within a class no try is wasted, and it is itself a convolution, with stride 1 and fewer taps: the
# i-th of its rows gets its gradient from row $i + (\text{parity} + p - r) / s$ of dy, which is
# `backward_axis` in `convolution_tables.py`. For stride 2, padding 1 and 3 x 3 taps:


# %%
def axis_taps(parity: int, stride: int = 2, padding: int = 1) -> list[int]:
    """Return the taps along one axis that reach the pixels parity, parity + stride, ..."""
    return [r for r in range(3) if (parity + padding - r) % stride == 0]


classes = [(a, b) for a in range(2) for b in range(2)]
reaches = {(a, b): [(r, q) for r in axis_taps(a) for q in axis_taps(b)] for a, b in classes}
for (a, b), found in reaches.items():
    print(f"rows {a}, {a + 2}, ... columns {b}, {b + 2}, ...: {len(found)} of 9 taps: {found}")
assert sum(map(len, reaches.values())) == 9  # every tap is in one class

# %% [markdown]
# In the picture, each pixel of dx has the colour of its class, and shows how many entries of dy
# reach it, as computed by the reference (from a dy and a weight of all ones). In the last row and
# column some numbers are lower: there a tap would need a dy beyond the edge.

# %%
ones = np.ones((1, 1, 4, 4))
counts = reference.conv2d_dx(ones, np.ones((1, 1, 3, 3)), (8, 8), **halving)[0, 0]  # (8, 8)
colours = dict(zip(classes, ("#3f90da", "#ffa90e", "#92dadd", "#e76300"), strict=True))


def draw_cells(axes, size: int, shown: dict, title: str) -> None:
    """Draw a square of cells: shown has (row, column): (colour, text)."""
    for (row, column), (colour, text) in shown.items():
        axes.add_patch(Rectangle((column, row), 1, 1, facecolor=colour, edgecolor="white", lw=2))
        axes.text(column + 0.5, row + 0.5, text, ha="center", va="center", fontsize=10)
    axes.set(xlim=(0, size), ylim=(size, 0), aspect="equal")
    axes.set_title(title, fontsize=9, loc="left")
    axes.axis("off")


figure = Figure(figsize=(8.4, 4.6))
grid = figure.add_gridspec(2, 4, left=0.02, right=0.98, top=0.86, bottom=0.02, hspace=0.25)
figure.text(0.02, 0.94, "Stride 2: which taps reach which pixels of dx", fontweight="bold")
pixels = {
    (h, w): (colours[h % 2, w % 2], f"{counts[h, w]:.0f}") for h in range(8) for w in range(8)
}
draw_cells(figure.add_subplot(grid[:, :2]), 8, pixels, "dx: how many taps reach each pixel")
for n, (key, found) in enumerate(reaches.items()):
    cells = {
        (r, q): (colours[key], f"{r}, {q}") if (r, q) in found else ("#eeeeee", "")
        for r in range(3)
        for q in range(3)
    }
    draw_cells(figure.add_subplot(grid[n // 2, 2 + n % 2]), 3, cells, f"weight: class {key}")
save(figure, "parity_classes")

# %% [markdown]
# `backward_tables` makes these classes, and `implicit_gemm`, the same kernel as in the forward
# pass, runs on them: each class is another z of the grid, with its own pixels and taps. Count the
# multiplications of both ways, for 16 channels of dy (taps are padded to multiples of 8, which
# costs a little):

# %%
C, O = 8, 16  # noqa: E741
dy, weight = normal(1, O, 7, 7), normal(O, C, 3, 3, seed=1)
expected = reference.conv2d_dx(dy, weight, (14, 14), **halving)  # (1, 8, 14, 14)
tables = backward_tables(C, O, (14, 14), (7, 7), (3, 3), (2, 2), (1, 1), (1, 1))
_, pixels, _, taps = tables.classes.reshape(-1, 4).T  # each (4,)
print(f"pixels of the classes: {pixels.tolist()}, taps x {O} channels: {taps.tolist()}")
all_taps, of_classes = 14 * 14 * 9 * O * C, int(pixels @ taps) * C
print(f"all taps: {all_taps:,} products; in classes: {of_classes:,}")
assert of_classes == all_taps // 4

for rung in ("direct_dx", "implicit_gemm_64x32"):
    dx = unwritten(expected.shape)
    traffic = convolution.conv2d_dx(dy, weight, None, dx, rung=rung, **halving).simulate(count=True)
    print(f"{rung}: error {error(dx, expected):.1e}")
    assert error(dx, expected) < 1e-5
    if rung == "direct_dx":
        found = sum(len(r.first) for r in traffic.requests if r.array == "global dy")
        print(f"   reached dy in {found:,} of {all_taps:,} tries: {found / all_taps:.1%}")
        assert found < 0.26 * all_taps

# %% [markdown]
# ## The gradient of the weight: a long sum, cut into parts
#
# The third product has the same matrix A, on the other side:
#
# $$dw_{o,k} = \sum_m dy_{m,o}\, A_{m,k} \qquad\text{that is}\qquad dw = dy^\top A$$
#
# in NumPy, with the matrix that `im2col` wrote above:

# %%
weight, dy = normal(4, 3, 3, 3, seed=1), normal(1, 4, 4, 4, seed=2)
dy_rows = dy.transpose(0, 2, 3, 1).reshape(16, 4)  # (pixels, O)
dweight = (dy_rows.T @ written).reshape(weight.shape)  # (4, 27) -> (4, 3, 3, 3)
expected = reference.conv2d_backward(dy, image, weight, dy, **small)[1]
print(f"dy transposed times A against reference: error {error(dweight, expected):.1e}")
assert error(dweight, expected) < 1e-5

# %% [markdown]
# The result is small, and the sum runs over all pixels of all images. For a layer with 64 channels
# in and out, 3 x 3 taps, and 128 images of 28 x 28, a block for each tile of the result would leave
# most of a GPU idle (an H100 has 132 multiprocessors). So the sum is split; the splits are the
# grid's z:

# %%
shapes = (128, 64, 28, 28), (128, 64, 28, 28), (64, 64, 3, 3)  # x, dy, dweight
arrays = (np.broadcast_to(np.float32(0), shape) for shape in shapes)
steps = convolution.conv2d_dweight(
    *arrays, lambda shape: np.broadcast_to(np.float32(0), shape), **same
)
across, down, splits = steps[0].rung.grid(*steps[0].sizes)
print(f"{across * down} tiles, sums over {128 * 28 * 28:,} pixels;")
print(f"in {splits} splits: {across * down * splits} blocks")
assert across * down < 132 < across * down * splits

# %% [markdown]
# Who adds the parts? Blocks cannot wait for each other. If each added its part to dweight
# atomically, they would do so in any order. To see how much that matters, begin with plain numbers:
# add up 1,000 float32 numbers, one after the other, in 1,000 shuffled orders; and cut the same
# numbers into 8 parts at fixed places, and add the parts in order.

# %%
numbers = normal(1000)
shuffled = np.random.default_rng(1)


def one_after_the_other(values: np.ndarray) -> np.float32:
    """Return the sum as a loop computes it, rounded after each addition."""
    return np.cumsum(values, dtype=np.float32)[-1]


sums = {one_after_the_other(shuffled.permutation(numbers)).tobytes() for _ in range(1000)}
parts = numbers.reshape(8, 125)
fixed = set()
for _ in range(1000):
    total = np.zeros(8, np.float32)
    for split in shuffled.permutation(8):  # splits are computed in any order,
        total[split] = one_after_the_other(parts[split])
    fixed.add(one_after_the_other(total).tobytes())  # and added in this one
print(f"1,000 orders: {len(sums)} different sums; cut at fixed places: {len(fixed)}")
values = np.array([np.frombuffer(s, np.float32)[0] for s in sums])
print(f"from {values.min():.7f} to {values.max():.7f}; exactly {numbers.sum(dtype=float):.7f}")
assert len(sums) > 10
assert len(fixed) == 1

# %% [markdown]
# The kernels do the latter: every split writes its part to its own place in a workspace, and
# `add_splits` adds the parts, always in the same order. The number of splits depends only on the
# shapes, not on the GPU or on how busy it is.

# %%
x, dy, dweight = normal(2, 3, 18, 18), normal(2, 8, 16, 16, seed=1), unwritten((8, 3, 3, 3))
expected = reference.conv2d_backward(dy, x, dweight, dy, **plain)[1]
results = set()
for seed in range(2):
    steps = convolution.conv2d_dweight(x, dy, dweight, unwritten, **plain)
    for step in steps:
        step.simulate(seed)
    assert error(dweight, expected) < 1e-5
    results.add(dweight.tobytes())
names = {id(rung): name for name, rung in RUNGS.items()}
print(f"launched: {', '.join(names[id(step.rung)] for step in steps)}")
print(f"{steps[0].sizes[2]} splits, error {error(dweight, expected):.1e}; ", end="")
print(f"2 orders of threads: {len(results)} result")
assert len(steps) == 2
assert len(results) == 1

# %% [markdown]
# ## What it gains on a GPU
#
# The simulator counts, but a GPU takes time. If times have been measured, they are in
# `results.json` beside the kernels:

# %%
measured = files("minae.kernels.cuda") / "results.json"
if measured.is_file():
    results = json.loads(measured.read_text(encoding="utf-8"))
    rows = [
        (row["function"], row["geometry"], float(row["tflops"]), row["of_cudnn"] or "")
        for row in results.get("convolution", {}).get("passes", [])
        if "tflops" in row
    ]
    if rows:
        header = ("function", "geometry", "TFLOP/s", "cuDNN's time over ours")
        print_table(header, rows, f"convolutions, measured on {results.get('device', 'a GPU')}")
else:
    print("Nothing has been measured yet; `minae bench --device cuda --out FILE` does it.")

# %% [markdown]
# ## Exercises
#
# `exercises.py` beside this file asks you for the decisive parts of the ladder:
#
# 1. `im2col`: the kernel that writes patches out, with stride and padding.
# 2. `inside_words`: the words of pixels and taps, which make the padding test one AND.
# 3. `implicit_gemm`: a tiled product whose left tile is gathered, with bias and ReLU.
# 4. `parity_taps`: which taps reach a class of pixels, and from where in dy.
# 5. `dweight_parts`: the long sum in splits, with the same bits in any order of threads.
