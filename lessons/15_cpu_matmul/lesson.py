# %% [markdown]
"""# 15. Matrix products on a CPU

A linear layer is a matrix product, its backward pass is two more, and a convolution is one as well:
nearly all the arithmetic of training is in products. Written straight from the formula, a product
runs at a hundredth of what a core can do. This lesson climbs from there to the product that minae
trains with, rung by rung, each of which changes one idea.

The ladder is `kernels/cpu/ladders/matmul.py`; keep it open beside this lesson, and see
`minae kernels show matmul --device cpu`. Speeds are measured here, on your machine, and differ from
others'. What explains them is counted, in a small model of a core and its cache, and is the same
everywhere. Close other programs, or you measure those.
"""

# %%
from itertools import permutations, product
from pathlib import Path
from time import perf_counter
from timeit import timeit

import numpy as np
from matplotlib.figure import Figure
from numba import njit, types
from numba.core import cgutils
from numba.extending import intrinsic

from minae import optim, plots
from minae.bench.workloads import WORKLOADS
from minae.kernels import cpu
from minae.kernels.cpu.compile.threads import num_threads
from minae.kernels.cpu.ladders import limit
from minae.kernels.cpu.ladders.matmul import RUNGS, SHAPE, aligned
from minae.kernels.cpu.products.multiply import multiply_shares, product_for
from minae.kernels.cpu.products.vectors import WORD
from minae.kernels.simulator.cache import LINE, Cache
from minae.kernels.simulator.core import Core, Matrix
from minae.report import print_table
from minae.train import train_step

OUT = Path("runs") / "15_cpu_matmul"
W, T = SHAPE.width, num_threads()


def keep(figure, name):
    """Write a picture and say where it is."""
    plots.save(figure, OUT / name)
    print(f"written: {OUT / name}")


def normal(*shape, seed=0):
    """Return a random matrix."""
    return np.random.default_rng(seed).standard_normal(shape, np.float32)


def seconds(run, tries=7):
    """Return how long a run takes: the best of several tries, each long enough for the clock."""
    run()  # which compiles it
    start = perf_counter()
    run()
    number = 1 + int(0.02 / (perf_counter() - start))
    found, end = [], perf_counter() + 0.5
    while len(found) < tries and (not found or perf_counter() < end):
        found.append(timeit(run, number=number) / number)
    return min(found)


# %% [markdown]
# ## The first limit: arithmetic
#
# A core has **vector registers**, which hold several numbers, and instructions that treat all of
# them at once. The one that matters here is the **multiply-add**: a b + c, for each place of three
# vectors. Cores begin up to two of them per clock cycle, but each takes about four cycles, so only
# eight or more that do not need each other's results keep a core busy. `limit.py` does nothing but
# that: twelve sums in registers, and no memory. No product is faster. A multiplication and an
# addition count as two operations, written FLOP.

# %%
numbers = np.zeros(limit.SIZE, np.float32)


def multiply_adds():
    """Return the operations per second of one core that only multiplies and adds."""
    return limit.FLOPS * 10_000 / seconds(lambda: limit.multiply_add(numbers, 10_000), tries=3)


PEAKS = [multiply_adds()]
print(f"a vector has {W} numbers; one core does at most {PEAKS[0] / 1e9:.0f} GFLOP/s")

# %% [markdown]
# A core's clock changes with heat and load, on shared machines from second to second. So this is
# measured again beside each rung, and the best counts.
#
# ## The second limit: memory
#
# Between a core and memory lie **caches**, the nearer the smaller: typically 32 to 128 KB next to
# the core, 0.5 to 16 MB behind that, and then one that all cores share. They hold **lines** of 64
# bytes (on some processors 128). Below, a core reads an array again and again and adds it up. Once
# the array no longer fits into a cache, its lines come from further away every time.
#
# The loop is written with `products/vectors.py`, as the ladder is. Python's `for` runs while the
# code is generated and leaves twelve loads and twelve additions; `for_range` is a loop of the code.

# %%
SUMS = 12


@intrinsic
def add_up(typing, start, turns):
    """Add up vectors from an address on, SUMS of them per turn."""

    def generate(context, builder, signature, values):
        v = SHAPE.instructions(builder)
        sums = [cgutils.alloca_once_value(builder, v.zero()) for _ in range(SUMS)]
        with cgutils.for_range(builder, values[1]) as turn:
            address = builder.add(values[0], builder.mul(turn.index, WORD(SUMS * v.bytes)))
            for n, total in enumerate(sums):
                here = builder.add(address, WORD(n * v.bytes))
                builder.store(v.add(v.load(here), builder.load(total)), total)
        everything = v.zero()  # if nobody used the sums, the compiler would leave them out
        for total in sums:
            everything = v.add(everything, builder.load(total))
        v.store(everything, values[0])
        return context.get_dummy_value()

    return types.none(types.int64, types.int64), generate


@njit
def read(x, times):
    """Read a vector so many times."""
    for _ in range(times):
        add_up(x.ctypes.data, x.size // (SUMS * W))


def bandwidth(size):
    """Return the bytes per second at which one core reads an array of this many bytes."""
    x, times = aligned(1, size // 4)[0], max(1, 2**22 // size)
    x[:] = 1e-9  # memory that was never written need not exist
    return size * times / seconds(lambda: read(x, times), tries=5)


SIZES = [2**n for n in range(14, 28)]
speeds = [bandwidth(size) for size in SIZES]
NEAR, FAR = speeds[0], speeds[-1]
for size, speed in zip(SIZES[::3], speeds[::3], strict=True):
    print(f"{size / 2**10:,.0f} KB: {speed / 1e9:.0f} GB/s")
curve = {"one core": (np.array(SIZES) / 2**10, np.array(speeds) / 1e9)}
keep(
    plots.lines(curve, "KB of the array", "GB/s", "Reading an array again and again", True),
    "caches.png",
)
assert NEAR > 1.2 * FAR

# %% [markdown]
# ## The roofline
#
# A program that moves Q bytes through memory for F operations has **arithmetic intensity** I = F /
# Q, and cannot be faster than either limit:
#
# $$\text{speed} \le \min(\text{peak}, I \cdot \text{bandwidth})$$
#
# A product of (M, K) by (K, N) does 2 M K N operations. If each of its matrices goes through memory
# once, it moves 4 (M K + K N + M N) bytes. Take a weight of 3072 x 3072, too large for most caches,
# and let the batch M grow. With one image, each weight is read for two operations. The batch is
# what lifts a product off the slope.

# %%
SIDE = 3072
weight = normal(SIDE, SIDE, seed=1)
points, one = {}, product_for(4, 1)
for M in (1, 4, 16, 64, 256):
    a, c = normal(M, SIDE), np.empty((M, SIDE), np.float32)
    PEAKS.append(multiply_adds())
    time = seconds(lambda a=a, c=c: multiply_shares(1, one, a, False, weight, False, c), tries=3)
    operations, moved = 2 * M * SIDE**2, 4 * (2 * M * SIDE + SIDE**2)
    points[M] = operations / moved, operations / time
    print(
        f"batch {M}: {operations / moved:.3g} FLOP per byte, {operations / time / 1e9:.3g} GFLOP/s"
    )
assert points[256][1] > 1.5 * points[1][1]

figure = Figure(figsize=(6.4, 4))
panel = figure.subplots()
intensities = np.geomspace(0.2, 300, 200)
for speed, name, colour in ((NEAR, "near cache", plots.MUTED), (FAR, "memory", plots.BLUE)):
    roof = np.minimum(max(PEAKS), intensities * speed) / 1e9
    panel.loglog(intensities, roof, color=colour, label=f"{name}: {speed / 1e9:.0f} GB/s")
for M, (intensity, speed) in points.items():
    panel.plot(intensity, speed / 1e9, "o", color=plots.RED)
    offset = {"xytext": (6, -12), "textcoords": "offset points"}
    panel.annotate(f"batch {M}", (intensity, speed / 1e9), **offset)
panel.set(
    xlabel="FLOP per byte of memory",
    ylabel="GFLOP/s",
    title=f"Roofline of one core, with a weight of {SIDE} x {SIDE}",
    ylim=(0.01 * max(PEAKS) / 1e9, 2 * max(PEAKS) / 1e9),
)
for axis in (panel.xaxis, panel.yaxis):
    axis.set_major_formatter("{x:g}")
panel.legend(loc="lower right", frameon=False)
panel.grid(alpha=0.3)
figure.tight_layout()
keep(figure, "roofline.png")
bend = max(PEAKS) / FAR
print(f"memory's roof bends at {bend:.3g} FLOP per byte")

# %% [markdown]
# Points may lie above memory's roof where part of the weight stays in a cache. With a batch of 128
# or so, as in training, memory is not what limits a product: its speed is a matter of how it is
# written. The example from here on is the first layer of an autoencoder: a batch of 128 images, 784
# pixels, 512 outputs.

# %%
M, K, N = 128, 784, 512
a, b, c = normal(M, K), normal(K, N, seed=1), np.empty((M, N), np.float32)
intensity = 2 * M * K * N / (4 * (M * K + K * N + M * N))
print(f"{M} x {K} x {N}: {intensity:.3g} FLOP per byte")
MEASURED = {}


def measure(name):
    """Measure a rung, once more or for the first time; plain loops on 32 rows of a."""
    few = 32 if name in ("i_j_k", "i_k_j") else M
    PEAKS.append(multiply_adds())
    speed = 2 * few * K * N / seconds(RUNGS[name].bind(a[:few], b, c[:few]), tries=5)
    np.testing.assert_allclose(c[:few], a[:few] @ b, rtol=1e-3, atol=1e-2)
    MEASURED[name] = max(speed, MEASURED.get(name, 0))


def climb(*names):
    """Measure rungs, and say how fast they are."""
    for name in names * 2:
        measure(name)
    for name in names:
        share = MEASURED[name] / max(PEAKS)
        print(f"{name}: {MEASURED[name] / 1e9:.3g} GFLOP/s, {share:.1%} of the limit")


# %% [markdown]
# ## Rungs 1 and 2, i_j_k and i_k_j: along rows
#
# The formula says: for each i and j, sum over k. The innermost loop then walks down a column of b.
# Exchange the two inner loops, and it walks along rows of b and c. The products are the same.

# %%
climb("i_j_k", "i_k_j")
print(f"the order of two loops: a factor of {MEASURED['i_k_j'] / MEASURED['i_j_k']:.0f}")
assert MEASURED["i_k_j"] > 3 * MEASURED["i_j_k"]

# %% [markdown]
# There are two reasons. Here is the first, counted by `simulator/cache.py`, which knows nothing but
# lines: 16 float32 in a line, 32 lines in the cache, and the line unused for longest leaves. All
# six orders of the loops, for matrices of 40 x 40:


# %%
def lines_of(order, size=40):
    """Return the lines that a product brings in, with its loops in this order."""
    cache = Cache(1, 32)
    aa, bb, cc = (cache.matrix(name, np.zeros((size, size), np.float32)) for name in "abc")
    for values in product(range(size), repeat=3):
        at = dict(zip(order, values, strict=True))
        i, j, k = at["i"], at["j"], at["k"]
        cc[i, j] = cc[i, j] + aa[i, k] * bb[k, j]
    return cache.loaded.total()


LINES = {" ".join(order): lines_of(order) for order in permutations("ijk")}
for order, count in LINES.items():
    print(f"{order}: {count:,} lines, {count / 40**3:.2g} per product")
keep(
    plots.bars(LINES, "lines brought in", "One product of 40 x 40, six orders of loops"),
    "orders.png",
)
assert min(LINES, key=LINES.__getitem__) == "i k j"
assert LINES["i j k"] > 10 * LINES["i k j"]

# %% [markdown]
# A column has one number in each line. If it has more lines than the cache, each line is gone
# before its next number is wanted. Along a row, each line serves 16 times, and the processor, which
# sees that lines are wanted in order, fetches the next ones in advance. (Exercise 15.1: aᵀ b, where
# another order is best.)
#
# The second reason is vectors. In `i_k_j`, neighbouring products write neighbouring sums, so the
# compiler makes one vector instruction of several. In `i_j_k` all products belong to one sum, each
# waits for the one before, and the compiler may not reorder them: that would change the rounding.
#
# ## Rung 3, registers: load less for each multiply-add
#
# `i_k_j` is far from the limit still. For each multiply-add it loads a vector of b and one of c,
# and stores c again: three accesses, where a core can do two or three in the time of two
# multiply-adds. So keep sums in registers: a **tile** of c, R rows of V vectors. For each k it
# takes V vectors of b and R numbers of a, each broadcast into all places of a vector, and makes R V
# multiply-adds of them:
#
# $$\frac{R + V}{R V} \text{ loads per multiply-add}$$
#
# `simulator/core.py` counts instructions and registers. A vector takes up a register from the
# instruction that makes it to the last that reads it.


# %%
def tile(core, a, b, c, R, V):
    """One tile. All factors of a k are made before any is used, which takes more registers."""
    total = {place: core.zero() for place in product(range(R), range(V))}
    for k in range(a.shape[1]):
        ones = {r: core.broadcast(a, r, k) for r in range(R)}
        many = {v: core.load(b, k, v * core.width) for v in range(V)}
        total = {(r, v): core.fma(ones[r], many[v], t) for (r, v), t in total.items()}
    for (r, v), t in total.items():
        core.store(t, c, r, v * core.width)


rows, depth = [], 10
for R, V in ((1, 1), (2, 2), (4, 2), (4, 3), (8, 3), (12, 2)):
    core, x, y = Core(width=4), normal(R, depth), normal(depth, 4 * V)
    z = np.empty((R, 4 * V), np.float32)
    tile(core, Matrix("a", x), Matrix("b", y), Matrix("c", z), R, V)
    assert np.allclose(z, x @ y, atol=1e-4)
    loads = (core.counts["load"] + core.counts["broadcast"]) / core.counts["fma"]
    assert loads == (R + V) / (R * V)
    registers = core.registers()[0]
    assert registers == R * V + R + V
    rows.append((f"{R} x {V}", float(loads), R * V, registers))
print_table(("rows x vectors", "loads per multiply-add", "sums", "registers"), rows, "tiles")

# %% [markdown]
# Fewer loads are always better, and registers set the end: AVX2 and SSE have 16, AVX-512 and NEON
# 32. By this order of instructions, 4 x 3 would need 19. Exercise 15.2 does it with 16. And there
# must be enough sums: with fewer than about eight, each multiply-add waits for the one before.

# %%
R, V = SHAPE.rows, SHAPE.vectors
print(f"minae's tile on this machine: {R} rows x {V} vectors of {W} numbers")
climb("i_k_j", "registers")

# %% [markdown]
# ## Rungs 4 and 5, packed and copied: b in the order of the tile
#
# A tile reads a strip of b, `V` vectors wide, from top to bottom, and so do the tiles of all other
# rows: 16 times for 128 rows of 8. The strip should be in the nearest caches by then. It often is
# not, for three reasons, all of which lie in how far apart b's rows are.
#
# **Sets.** A line may be in one **set** of a cache only, chosen by its address. A cache of 48 KB
# has 64 sets of 12 lines, say. Lines that are 64 lines apart, 4 KB, share a set. If a row of b has
# 1024 numbers, each row of the strip falls into the same few sets.


# %%
def strip(columns, width=48, depth=128):
    """Read a strip of b twice; return the lines brought in, and how many a set is to hold."""
    cache, used = Cache(sets=64, ways=12), np.zeros(64, int)
    x = np.zeros((depth, columns), np.float32)
    seen = cache.matrix("b", x)
    for _ in range(2):
        for k in range(depth):
            for j in range(0, width, 4):
                seen[k, j]
    starts = [(4 * (k * columns + j)) // LINE for k in range(depth) for j in range(width)]
    for line in set(starts):
        used[line % 64] += 1
    return cache.loaded["b"], used


COUNTED = {f"rows of {columns}": strip(columns) for columns in (1024, 1000, 48)}
figure = Figure(figsize=(8, 2.6))
for panel, (name, (loaded, used)) in zip(figure.subplots(1, 3), COUNTED.items(), strict=True):
    print(f"{name}: {used.sum()} lines, brought in {loaded} times in two readings")
    panel.bar(range(64), used, width=1, color=np.where(used > 12, plots.RED, plots.BLUE))
    panel.axhline(12, color=plots.INK, linewidth=0.8)
    panel.set(title=f"{name}, brought in: {loaded}", xlabel="set", yscale="symlog", ylim=(0, 200))
    panel.title.set_fontsize(9)
    panel.set_yticks([0, 1, 12, 128], ["0", "1", "12", "128"])
figure.axes[0].set_ylabel("lines of the strip")
figure.tight_layout()
keep(figure, "sets.png")
(far, _), (near, _), (packed, used) = COUNTED.values()
assert far == 2 * 128 * 3  # nothing was left of the first reading
assert packed == 128 * 3 == used.sum()  # each line once
assert packed < near < far

# %% [markdown]
# **Pages.** Memory is handed out in pages, mostly of 4 KB, and a core remembers where the last 64
# to 100 of them are. A strip of 784 rows that are 2 KB apart lies on 392 pages. The same numbers
# side by side fill 37.
#
# **Whole lines.** If rows do not begin where lines do, a vector of 64 bytes lies in two lines, and
# a strip of three vectors touches four lines per row instead of three.
#
# So copy the strip into a **panel** first: k after k, and `V` vectors of each. The first column of
# the picture becomes the third. `packed` copies number by number, `copied` by vectors. A number of
# b is copied once and used M times, so the copy costs little if M is large.

# %%
strip_pages = len({4 * k * N // 4096 for k in range(K)})
panel_pages = -(-4 * K * 48 // 4096)
print(f"pages: {strip_pages} for the strip, {panel_pages} for the panel")
assert strip_pages == 392
assert panel_pages == 37
climb("packed", "copied")

# %% [markdown]
# What that gains depends on b. With rows that begin on lines, not too far apart, as here, it may
# even cost time. With others, tiles that read b in place take up to twice as long. A panel is the
# same for every b.

# %%
for columns in (500, 2048):
    x, z = normal(K, columns), np.empty((M, columns), np.float32)
    speed = {
        name: 2e-9 * M * K * columns / seconds(RUNGS[name].bind(a, x, z), tries=5)
        for name in ("registers", "copied")
    }
    both = ", ".join(f"{name} {value:.3g} GFLOP/s" for name, value in speed.items())
    print(f"b with rows of {columns}: {both}")

# %% [markdown]
# ## Edges
#
# With AVX-512, 784 columns are 16 tiles of 48 and a rest of 16. A batch may be one image. A tile at
# the edge has fewer vectors, its last vector fewer numbers, and it may have fewer rows. It must not
# read or write behind the end of a matrix: with luck that crashes, and otherwise it changes another
# array.
#
# - Columns: a panel is filled up to whole vectors, so a tile can read these. It writes the last one
#   with a **mask**, which says which numbers are meant.
# - Rows: a tile of 8 rows for one row computes seven for nothing. minae has tiles of 8, 4 and 2
#   rows, or of 4, 2 and 1 where there are 16 registers.

# %%
heights = {"8 rows": (8,), "8, 4 and 2 rows": (8, 4, 2)}
rows = []
for few in (1, 2, 3, 5, 8, 9, 12, 100):
    used = []
    for tiles in heights.values():
        fits = (
            [min(height for height in tiles if height >= min(few % 8 or 8, 8))] if few % 8 else []
        )
        used.append(f"{few / (few // 8 * 8 + sum(fits)):.0%}")
    rows.append((few, *used))
print_table(
    ("rows of a", *heights), rows, "share of the multiply-adds that somebody needs, tiles of"
)
assert rows[0][1:] == ("12%", "50%")

# %% [markdown]
# In exercise 15.4 you write tiles that do no needless work, on a core that refuses to look outside
# a matrix.
#
# ## Rung 6, turned: when b lies across
#
# A linear layer stores its weight as (outputs, inputs) and multiplies by its transpose: b[k, j] is
# weight[j, k]. To fill a row of the panel from that, one would have to read down a column. Instead,
# read a square of W x W numbers along its rows, W vectors, transpose it within registers, and write
# it along the panel's rows. A **shuffle** is an instruction that makes a vector of any numbers of
# two others. First swap single numbers across the diagonal of each 2 x 2 block, then 2 x 2 blocks
# in each 4 x 4 block, and so on:


# %%
def swapped(x, step):
    """Swap the upper right and the lower left block in each block of 2 step x 2 step."""
    y = x.copy()
    for i in range(len(x)):
        if not i & step:
            right = [j for j in range(len(x)) if j & step]
            left = [j - step for j in right]
            y[i, right], y[i + step, left] = x[i + step, left], x[i, right]
    return y


squares = [np.arange(64).reshape(8, 8)]
for step in (1, 2, 4):
    squares.append(swapped(squares[-1], step))
assert np.array_equal(squares[-1], squares[0].T)
figure = Figure(figsize=(9, 2.7))
titles = "8 vectors of 8", "numbers swapped", "2 x 2 swapped", "4 x 4 swapped"
for panel, square, title in zip(figure.subplots(1, 4), squares, titles, strict=True):
    panel.imshow(square // 8, cmap="Blues", vmin=-2, vmax=12)
    for i, j in product(range(8), repeat=2):
        panel.text(j, i, str(square[i, j]), ha="center", va="center", fontsize=7)
    panel.set_title(title, fontsize=9)
    panel.set_axis_off()
figure.tight_layout()
keep(figure, "turn.png")
for size in (4, 8, 16):
    print(f"{size} x {size}: {size * (size.bit_length() - 1)} shuffles for {size**2} numbers")
climb("turned")

# %% [markdown]
# Reading limits the copy, not shuffling: turning a panel takes hardly longer than copying it.
#
# ## Rung 7, fetched: hide what is left
#
# Two things still take time of their own. Copying: but the tile that comes first reads these very
# numbers, and while it multiplies, a core has stores to spare. So the first tile reads b in place
# and writes the panel on the way. And waiting: the first lines of a strip come from far away. A
# **prefetch** asks for a line without waiting for it, so each tile asks for a part of the next
# strip.

# %%
climb("fetched")

# %% [markdown]
# ## Rung 8, threads: cut rows and columns
#
# Every core takes a share of c. Threads whose shares have the same columns pack the same strips of
# b, each for itself, and packing a column takes as long as about 8 rows of products. Here is the
# work of a share of c (128, 512) for 12 threads, in multiply-adds for one k:

# %%
PACKING, threads = 8, 12
rows = []
for down, across in ((12, 1), (4, 3), (2, 6), (1, 12)):
    high, wide = 128 / down, 512 / across
    work = (high + PACKING) * wide
    rows.append(
        (f"{down} x {across}", f"{high:.3g} x {wide:.3g}", work, 128 * 512 / threads / work)
    )
print_table(("grid", "share", "work of a share", "useful"), rows, "12 threads")
useful = [row[-1] for row in rows]
assert useful == sorted(useful)

# %% [markdown]
# By this count, cutting columns alone would be best. But a share consists of whole tiles: 512
# columns are 32 vectors of 16, and 12 threads cannot have equal parts of 32. All wait for the one
# with the most. Exercise 15.5 finds the best grid.

# %%
climb("threads")
print(
    f"on {T} thread{'s' * (T > 1)}: {MEASURED['threads'] / MEASURED['fetched']:.2g} times fetched"
)

# %% [markdown]
# ## The whole ladder

# %%
for name in [*MEASURED] * 2:
    measure(name)
PEAK = max(PEAKS)
print(f"the limit: from {min(PEAKS) / 1e9:.0f} to {PEAK / 1e9:.0f} GFLOP/s in this lesson")
print_table(
    ("rung", "GFLOP/s", "% of the limit"),
    [
        (name, speed / 1e9, 100 * speed / PEAK / (T if name == "threads" else 1))
        for name, speed in MEASURED.items()
    ],
    f"{M} x {K} by {K} x {N}; the limit is one core's, for `threads` that of {T}",
)
figure = Figure(figsize=(7, 3.4))
panel = figure.subplots()
values = [speed / 1e9 for speed in MEASURED.values()]
panel.barh(list(MEASURED), values, color=plots.BLUE)
for place, value in enumerate(values):
    offset = {"xytext": (4, 0), "textcoords": "offset points"}
    white = {"facecolor": "white", "edgecolor": "none", "pad": 0.5}
    panel.annotate(f"{value:.3g}", (value, place), **offset, va="center", fontsize=8, bbox=white)
panel.axvline(PEAK / 1e9, color=plots.RED, linewidth=1, zorder=0)
panel.text(PEAK / 1e9, -0.75, " limit of one core", color=plots.RED, fontsize=8)
panel.set(xlabel="GFLOP/s", xlim=(0, 1.15 * max(*values, PEAK / 1e9)), ylim=(7.5, -1.1))
panel.spines[["top", "right"]].set_visible(False)
figure.tight_layout()
keep(figure, "ladder.png")
assert 3 * MEASURED["i_j_k"] < MEASURED["i_k_j"]
assert 1.3 * MEASURED["i_k_j"] < max(MEASURED["registers"], MEASURED["fetched"])

# %% [markdown]
# The upper rungs are close together, and which of them is first differs from machine to machine and
# from shape to shape. The product behind `threads` is `fetched` and `turned` in one, with three
# things that take too long to explain here: it cuts long sums so that a panel stays in the second
# cache, packs a as well where its rows meet in one set, and finishes a tile in registers with bias
# and ReLU.
#
# ## What a training step does with it
#
# One step of the autoencoder 784-512-256-32, batch 128: three products for each layer, and then
# Adam changes every weight.

# %%
W1 = WORKLOADS["W1"]
model, batches = W1.build().train(), W1.batches()
optimizer = optim.Adam(model.parameters())
weights = sum(p.data.size for p in model.parameters())


def products():
    """Compute the products of a step, and nothing else."""
    for x, weight, dy in operands:
        cpu.matmul(x, weight.T)
        cpu.matmul(dy.T, x)
        if x is not operands[0][0]:  # nobody needs the gradient with respect to the images
            cpu.matmul(dy, weight)


operands = [
    (normal(128, layer.weight.shape[1]), layer.weight.data, normal(128, layer.weight.shape[0]))
    for layer, _, _ in W1.layers()
]
runs = lambda: train_step(model, optimizer, batches[0]), products, optimizer.step
tries = [[seconds(run) for run in runs] for _ in range(4)]
step, multiplying, adam = (min(times) for times in zip(*tries, strict=True))
least = W1.flops() / (T * PEAK)
print(f"a step takes {step * 1e3:.3g} ms, its products alone {multiplying * 1e3:.3g} ms")
print(
    f"{W1.flops() / 1e6:.0f} MFLOP at the limit would take {least * 1e3:.3g} ms, {least / step:.0%}"
)
PARTS = {
    "multiply-adds at the limit": least,
    "Adam": adam,
    "all else": max(0.0, step - least - adam),
}
figure = Figure(figsize=(7.5, 1.7))
panel, left = figure.subplots(), 0.0
for (name, part), colour in zip(PARTS.items(), (plots.BLUE, plots.RED, "#b9ac70"), strict=True):
    label = f"{name}: {part * 1e3:.2g} ms, {part / step:.0%}"
    print(label)
    panel.barh([0], [part * 1e3], left=[left], color=colour, label=label)
    left += part * 1e3
panel.set(xlabel="ms", yticks=[])
panel.set_title(f"A training step, {T} thread{'s' * (T > 1)}", pad=26)
panel.legend(ncols=3, fontsize=8, frameon=False, loc="lower center", bbox_to_anchor=(0.5, 1))
panel.spines[["top", "right", "left"]].set_visible(False)
figure.tight_layout()
keep(figure, "step.png")

# %% [markdown]
# Adam does about 12 operations for each weight and moves 28 bytes: it reads weight, gradient and
# two means, and writes all but the gradient. That is far down the roofline's slope, so its share of
# the time is larger than that of the arithmetic. The products themselves read each weight twice and
# write its gradient; a panel is made anew each time. And between the products are activations,
# losses, and the Python that calls it all.

# %%
arithmetic = 12 * weights / W1.flops()
print(f"Adam: {12 / 28:.2g} FLOP per byte, {4 * 7 * weights / 1e6:.0f} MB for {weights:,} weights")
print(f"it is {arithmetic:.1%} of the arithmetic and {adam / step:.1%} of the time")
assert adam / multiplying > arithmetic
assert 12 / 28 < 2 * 128 / 4  # of a product that reads each weight once for a batch of 128

# %% [markdown]
# ## Exercises
#
# They are in `exercises.py`, and no clock judges them. 15.1 finds the best order of loops for aᵀ b,
# counted in lines. 15.2 is the tile in 16 registers, 15.3 packs panels, turned or not, and 15.4
# goes to the edges, on the simulated core. 15.5 cuts a product among threads. Lesson 16 makes the
# same climb on a GPU, where a thousand threads share what a core has for itself.
