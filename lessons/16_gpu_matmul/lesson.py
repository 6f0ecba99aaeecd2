# %% [markdown]
"""# 16. Matrix products on a GPU

A linear layer is a matrix product, and its backward pass is two more. On a GPU, a product written
straight from the formula wastes most of the machine: it moves 17 bytes for each multiplication,
where 0.06 would do. This lesson climbs from one to the other in eight rungs. Each rung changes one
idea, and every claim is a number that you see counted.

You need no GPU. The kernels run in `minae.kernels.simulator`, which executes their Python source
thread by thread. It counts what is moved and stops at races. It says nothing about time.
"""

# %%
import inspect
import json
from importlib import resources
from pathlib import Path

import numpy as np
from matplotlib.figure import Figure

from minae import plots
from minae.kernels.cuda.ladders import gemm, matmul
from minae.kernels.cuda.ladders.pipeline import STAGES
from minae.kernels.cuda.launch.intrinsics import close_copies, copy1, to_tf32, wait_copies0
from minae.kernels.simulator import SimulationError, cuda, float32, int32, launch
from minae.report import print_table
from minae.tools.ladders import ladder, lines

OUT = Path("runs") / "16_gpu_matmul"


def keep(figure, name):
    """Write a picture and say where it is."""
    plots.save(figure, OUT / name)
    print(f"written: {OUT / name}")


def normal(*shape, seed=0):
    """Return a random matrix."""
    return np.random.default_rng(seed).standard_normal(shape, np.float32)


# %% [markdown]
# ## Threads, warps, blocks
#
# A **kernel** is a function that thousands of **threads** run at once, each with its own numbers in
# its own **registers**. You launch it with a grid of **blocks**, and each block has up to 1024
# threads. The GPU distributes the blocks over its multiprocessors (an H100 has 132). What a thread
# does depends on its position: `cuda.threadIdx` in its block, `cuda.blockIdx` in the grid;
# `cuda.grid(1)` is its number overall.
#
# 32 consecutive threads along x are a **warp**. Its threads, called lanes, execute the same
# instruction together. So they also access memory together, and that decides speed more than
# anything else.


# %%
def who(number, warp, lane):
    """Each thread writes down its position."""
    i = cuda.grid(1)
    number[i] = i
    warp[i] = cuda.threadIdx.x // 32
    lane[i] = cuda.threadIdx.x % 32


number, warp, lane = (np.zeros(128, np.int32) for _ in range(3))
launch(who, 2, 64, number, warp, lane)  # 2 blocks of 64 threads
print_table(
    ("thread", "block", "its warp", "its lane"),
    [(int(number[i]), i // 64, int(warp[i]), int(lane[i])) for i in (0, 31, 32, 63, 64, 127)],
    "who is who in 2 blocks of 64 threads",
)

# %% [markdown]
# ## Global memory answers in sectors
#
# **Global memory** is the GPU's large memory, where your arrays are. It is far away. It serves a
# warp in **sectors** of 32 bytes, eight float32 each, and moves a whole sector even if one lane
# wants only one number of it. 32 lanes that want 32 neighbours take 4 sectors, 128 bytes, all of
# them used: the accesses are *coalesced*. 32 lanes that want every eighth number take 32 sectors,
# and seven of eight bytes are moved for nothing.


# %%
def every(x, y, stride):
    """Each thread copies one number, `stride` away from its neighbour's."""
    i = cuda.grid(1)
    y[i] = x[i * stride]


panels, rows = {}, []
for stride in (1, 2, 4, 8, 16):
    traffic = launch(every, 1, 32, normal(512), np.empty(32, np.float32), stride, count=True)
    load = next(request for request in traffic.requests if request.kind == "load")
    rows.append((stride, load.wanted, load.sectors, 100 * load.wanted / (32 * load.sectors)))
    assert load.sectors == min(4 * stride, 32)
    if stride in (1, 16):
        panels[f"{stride} apart, sectors: {load.sectors}"] = load
print_table(("stride", "bytes wanted", "sectors", "% of use"), rows, "one load of a warp")
keep(plots.requests(panels, "What 32 lanes want, and the sectors that it lies in"), "sectors.png")

# %% [markdown]
# ## Shared memory has banks
#
# Each block has its own **shared memory**, small and near: at most 227 KB on an H100, which all its
# threads can read and write. It has 32 **banks**: the 4-byte word at place p lies in bank p % 32.
# In one answer each bank gives one word, to all lanes that want this word. Lanes that want
# different words from the same bank are answered one after the other.
#
# The usual cause of this is reading a column. In an array with 32 numbers per row, a whole column
# lies in one bank. Add one unused number to each row, and the column is spread over all of them.


# %%
def column(y, width):
    """Each lane reads the number below its neighbour's, in rows of this width."""
    tile = cuda.shared.array(32 * 33, float32)
    lane = cuda.threadIdx.x
    for row in range(32):
        tile[row * width + lane] = float32(row)
    cuda.syncthreads()
    y[lane] = tile[lane * width]


panels = {}
for width in (32, 33):
    traffic = launch(column, 1, 32, np.empty(32, np.float32), width, count=True)
    (load,) = (r for r in traffic.requests if r.kind == "load")
    print(f"a column, {width} numbers per row, answers: {load.waves}")
    assert load.waves == (32 if width == 32 else 1)
    panels[f"{width} numbers per row, answers: {load.waves}"] = load
keep(plots.requests(panels, "The banks that a warp wants when it reads a column"), "banks.png")

# %% [markdown]
# ## Rung 1, naive: the formula
#
# $$c_{ij} = \sum_k a_{ik} b_{kj}$$
#
# One thread computes one entry. The line `total += a[i, k] * b[k, j]` is the formula: it reads two
# numbers of 4 bytes for each product, so a thread asks for **8 bytes per product**. More than that
# is moved, because of sectors. In this first kernel the lanes of a warp lie one below the other: i
# follows x, so 16 lanes read 16 different rows of a, one sector each.


# %%
def naive(a, b, c):
    """One thread per entry: this is minae's own first rung."""
    i, j = cuda.grid(2)
    if i < c.shape[0] and j < c.shape[1]:
        total = float32(0)
        for k in range(a.shape[1]):
            total += a[i, k] * b[k, j]
        c[i, j] = total


a, b, c = normal(32, 24), normal(24, 48, seed=1), np.full((32, 48), np.nan, np.float32)
launch(naive, (2, 3), (16, 16), a, b, c)
assert np.allclose(c, a @ b, atol=1e-4)
assert inspect.getsource(naive).splitlines()[2:] == inspect.getsource(matmul.naive).splitlines()[2:]
print("naive computes a @ b")

# %% [markdown]
# The ladder is in `kernels/cuda/ladders/matmul.py` and `gemm.py`; keep these files open beside this
# one. Here are all its rungs on one small product, 128 x 128 x 16, each checked against `a @ b`.
# The following sections look at these counts one rung at a time. Bytes for a and b are counted per
# product, and do not depend on how many k there are. Storing c is counted separately: it is done
# once, so its share shrinks as the sum over k grows.

# %%
MATMUL = ladder("matmul")
TRAFFIC = {name: MATMUL.launch(name) for name in MATMUL.rungs}


def moved(name):
    """Bytes through global memory, in sectors, to load a and b for one product."""
    return 32 * TRAFFIC[name].total("global", "load").sectors / MATMUL.products


def answers(name):
    """Answers of shared memory to the loads of a warp for 32 products, one per lane."""
    return 32 * TRAFFIC[name].total("shared", "load").waves / MATMUL.products


def first_load(name, array):
    """Return the first request of a rung for an array, such as "global a"."""
    return next(r for r in TRAFFIC[name].requests if (r.kind, r.array) == ("load", array))


wanted = TRAFFIC["naive"].total("global", "load").bytes / MATMUL.products
print(f"naive: {wanted:g} bytes wanted for each product, {moved('naive'):g} moved")
assert wanted == 8
assert moved("naive") == 17

# %% [markdown]
# Where does the 17 come from? A warp has 16 rows and 2 columns of c. For one k it makes 32
# products, and takes 16 sectors of a and 1 of b: (16 + 1) sectors times 32 bytes, for 32 products.
#
# ## Rung 2, coalesced: neighbours read neighbours
#
# The second rung swaps i and j, in one line: `j, i = cuda.grid(2)`. Now the lanes of a warp lie
# side by side in c. They share a number of a, 1 sector, and read 32 neighbours of b, 4 sectors.

# %%
print(f"coalesced: {moved('coalesced'):g} bytes moved for each product")
assert moved("coalesced") == (1 + 4) * 32 / 32
panels = {}
for name in ("naive", "coalesced"):
    for array in ("global a", "global b"):
        load = first_load(name, array)
        panels[f"{name}, {array[7:]}, sectors: {load.sectors}"] = load
keep(plots.requests(panels, "One load of a warp: who reads what"), "coalescing.png")

# %% [markdown]
# A GPU has caches between its threads and global memory, which answer some of these requests. The
# simulator has none: it counts what is asked for. A kernel that asks for less depends less on luck
# with the caches.
#
# ## Rung 3, tiled: read once, use 16 times
#
# Each number of a is wanted by every thread of its row, and each number of b by every thread of its
# column. So let a block fetch a **tile** of each into shared memory once, and have its threads read
# the numbers from there. A block of T x T threads fetches 2 T² numbers of 4 bytes for T³ products:
#
# $$\frac{2 T^2 \cdot 4}{T^3} = \frac{8}{T} \text{ bytes per product}$$
#
# For a tile of E x E entries of c, however many threads share the work, it is 8 / E.

# %%
edges = {"tiled": matmul.TILE, "registers": matmul.EDGE, "vectors": matmul.BLOCK}
for name, E in edges.items():
    print(f"{name}: tiles {E} wide, 8 / {E} = {8 / E:g} bytes; counted: {moved(name):g}")
    assert moved(name) == 8 / E

# %% [markdown]
# The picture shows one block at work, drawn from its requests: the block in the corner computes 16
# x 16 entries of c, and moves along a's rows and b's columns in steps. Tiles of the same colour are
# in shared memory at the same time.

# %%
SIZE, T = 48, matmul.TILE
a, b, c = normal(SIZE, SIZE), normal(SIZE, SIZE, seed=1), np.zeros((SIZE, SIZE), np.float32)
traffic = launch(matmul.tiled, 1, (T, T), a, b, c, count=True)  # the first block only
step_of = {"a": np.zeros(SIZE * SIZE, int), "b": np.zeros(SIZE * SIZE, int)}
reads = {"a": np.zeros(SIZE * SIZE, int), "b": np.zeros(SIZE * SIZE, int)}
for (_, kind, memory), requests in lines(traffic).items():
    if kind == "load" and memory in ("global a", "global b"):
        for n, request in enumerate(requests):
            places = np.array(request.first) // 4
            step_of[memory[-1]][places] = n % (SIZE // T) + 1  # a warp's n-th load is of step n
            reads[memory[-1]][places] += 1
assert max(reads["a"]) == max(reads["b"]) == 1  # by this block, once each
step_of["c"] = np.pad(np.full((T, T), SIZE // T + 1), (0, SIZE - T)).ravel()

figure = Figure(figsize=(6.2, 6.6))
panels = figure.subplots(2, 2)
panels[0, 0].set_axis_off()
panels[0, 0].text(0, 0.9, "One block of `tiled`:\nwhat it loads in which step", va="top")
for panel, name in zip((panels[1, 0], panels[0, 1], panels[1, 1]), "abc", strict=True):
    picture = step_of[name].reshape(SIZE, SIZE)
    panel.imshow(np.where(picture, picture, np.nan), cmap="Blues", vmin=0, vmax=SIZE // T + 2)
    for i, j in np.argwhere(picture[::T, ::T]) * T:
        step = picture[i, j]
        words = f"step {step}" if step <= SIZE // T else "the end"
        colour = "black" if step < SIZE // T else "white"
        panel.text(j + T / 2 - 0.5, i + T / 2 - 0.5, words, ha="center", va="center", color=colour)
    panel.set(title=name, xticks=range(0, SIZE + 1, T), yticks=range(0, SIZE + 1, T))
    panel.set(xlim=(-0.5, SIZE - 0.5), ylim=(SIZE - 0.5, -0.5))
figure.tight_layout()
keep(figure, "tiles.png")

# %% [markdown]
# ### Two barriers, and what happens without them
#
# Threads of a block run in any order. `cuda.syncthreads()` is a **barrier**: each thread waits
# there until all threads of its block have arrived, and whatever they wrote before it can be read
# after it. `tiled` needs two in each step. At the first, threads wait until the tiles are complete;
# at the second, until nobody reads them any more, since the next step overwrites them.
#
# Here is `tiled` without the second. The numbers come out right as long as no warp runs ahead of
# another, so it passes its test on most days. This is a **race**. The simulator does not wait for a
# bad day. It remembers for each place who wrote and who read it, and after which barriers. Read
# what it reports: the place, the two lines that access it, and two threads that no barrier
# separates.


# %%
def forgetful(a, b, c):
    """`tiled` for whole tiles, without its second barrier."""
    a_tile = cuda.shared.array((16, 16), float32)
    b_tile = cuda.shared.array((16, 16), float32)
    x, y = cuda.threadIdx.x, cuda.threadIdx.y
    i, j = cuda.blockIdx.y * 16 + y, cuda.blockIdx.x * 16 + x
    total = float32(0)
    for first in range(0, a.shape[1], 16):
        a_tile[y, x] = a[i, first + x]
        b_tile[y, x] = b[first + y, j]
        cuda.syncthreads()  # until the tiles are complete
        for k in range(16):
            total += a_tile[y, k] * b_tile[k, x]
        # here a barrier is missing
    c[i, j] = total


def complaint(kernel, *how):
    """Launch a wrong kernel, and return what the simulator says."""
    try:
        launch(kernel, *how)
    except SimulationError as error:
        return str(error)
    return "nothing is wrong"


c = np.zeros((16, 16), np.float32)
said = complaint(forgetful, 1, (16, 16), normal(16, 32), normal(32, 16), c)
print(said)
assert "a race: shared" in said
said = complaint(forgetful, 1, (16, 16), normal(16, 16), normal(16, 16), c)
print(f"with one step only: {said}")  # nothing is written again, so nothing can go wrong
assert said == "nothing is wrong"

# %% [markdown]
# ## Rung 4, registers: relieve shared memory in the same way
#
# Now shared memory is the bottleneck. In `tiled` each product reads two numbers from it, so a warp
# needs 2 answers for its 32 products. A multiprocessor of an H100 multiplies 128 pairs per clock,
# enough for four warps, while its shared memory answers once. That is 1/4 answer for 32 products,
# and `tiled` needs eight times as many.
#
# The remedy is the same as before, one level up. A thread computes R x R entries of c: it reads R
# numbers of a's tile and R of b's into registers, and makes R² products from them.
#
# $$\frac{2 R}{R^2} = \frac{2}{R} \text{ numbers per product}$$
#
# `registers` has R = 4, `vectors` R = 8. `registers` takes more answers than that suggests: its
# lanes are 4 columns apart in b's tile, so two of them share a bank, and each load of b takes 2
# answers. (Exercise 16.4 assigns the columns better.)

# %%
numbers = {
    name: TRAFFIC[name].total("shared", "load").bytes / 4 / MATMUL.products
    for name in ("tiled", "registers", "vectors")
}
for (name, count), R in zip(numbers.items(), (1, 4, 8), strict=True):
    print(f"{name}: 2 / {R} = {count:g} numbers per product, {answers(name):g} answers for 32")
    assert count == 2 / R
assert answers("tiled") == 2
assert answers("registers") == 1 / 4 + 2 / 4  # a's loads take one answer each, b's two
panels = {}
for name in ("registers", "vectors"):
    for array in ("shared a_tile", "shared b_tile"):
        load = first_load(name, array)
        panels[f"{name}, {array[7:]}, answers: {load.waves}"] = load
keep(plots.requests(panels, "One load of a warp from the tiles"), "registers.png")

# %% [markdown]
# In the lower row each lane asks for 16 bytes, from four banks at once; eight lanes are answered
# together, so a warp takes 4 answers for 4 times as many numbers. Red marks lanes that get in each
# other's way.
#
# ## Rung 5, vectors: 16 bytes at once
#
# Every load is an instruction, and takes the place of a multiplication. With `load4` and `store4`
# one instruction moves four neighbours. They have to begin at a multiple of 16 bytes, and a's tile
# is transposed, so that a thread finds its numbers side by side.

# %%
per_load = {
    name: MATMUL.products / 32 / TRAFFIC[name].total("shared", "load").requests
    for name in ("registers", "vectors")
}
for name, products in per_load.items():
    print(f"{name}: a thread makes {products:g} products for each load from a tile")
assert per_load["vectors"] == 8 * per_load["registers"]  # 8 x 8 entries: 2 times; 16 bytes: 4 times

# %% [markdown]
# ## Rung 6, double_buffered: fetch while multiplying
#
# A step of `vectors` first fetches and then multiplies. Fetching means waiting: an answer from
# global memory takes hundreds of clocks. With two tiles of each matrix, the numbers for the next
# step are requested before this step's products, and stored in the other tile after them. Nothing
# else changes: the traffic is the same, byte for byte. The gain is time, which no count shows. And
# one barrier per step is enough, since nobody fills what others still read.

# %%
assert moved("double_buffered") == moved("vectors")
assert answers("double_buffered") == answers("vectors")
for name in ("vectors", "double_buffered"):
    source = inspect.getsource(matmul.RUNGS[name].kernel)
    print(f"{name}: {source.count('cuda.syncthreads()')} barrier(s) per step")

# %% [markdown]
# ## Rung 7, pipelined: copies past the registers
#
# In `double_buffered` the numbers in transit occupy registers. From compute capability 8.0 on,
# `copy4` starts a copy from global to shared memory that bypasses registers (`cp.async`). You start
# copies, close the group, and wait for it when you need it. `pipeline.py` keeps three tiles of each
# matrix: one is multiplied, two are in transit.
#
# There are two things to wait for, and it is easy to forget one. `wait_copies0()` waits until *your
# own* copies have arrived. For others to see them also takes a barrier. Here 64 threads copy one
# number each and read their neighbour's:


# %%
def neighbour(x, y, wait, barrier):
    """y[i] = x[i + 1], by way of shared memory."""
    tile = cuda.shared.array(64, float32)
    i = int32(cuda.threadIdx.x)
    copy1(tile, i, x, i, True)
    close_copies()
    if wait:
        wait_copies0()
    if barrier:
        cuda.syncthreads()
    y[i] = tile[(i + 1) % 64]


x, y = normal(64), np.empty(64, np.float32)
for wait, barrier in ((False, True), (True, False), (True, True)):
    said = complaint(neighbour, 1, 64, x, y, wait, barrier)
    print(f"wait {wait}, barrier {barrier}: {said}\n")
    assert (said == "nothing is wrong") == (wait and barrier)
assert (y == np.roll(x, -1)).all()

# %% [markdown]
# The table shows which tile is filled and which is read as the pipeline cycles: the tile multiplied
# in a step was requested two steps before.

# %%
print_table(
    ("step", "multiplies tile", "fetches tile", "for step"),
    [(s, s % STAGES, (s + STAGES - 1) % STAGES, s + STAGES - 1) for s in range(5)],
    f"{STAGES} tiles in turn",
)

# %% [markdown]
# ## Rung 8, tensor_cores: a whole warp multiplies together
#
# A **tensor core** takes the registers of a whole warp and multiplies 16 x 8 by 8 x 8 in one
# instruction: 1024 products where the usual one makes 32. The price is precision in the inputs.
# TF32 keeps 10 of float32's 23 bits after the point. So a number changes by less than the last bit
# kept, at most $u = 2^{-10}$ of itself, and a product of two by at most $2u + u^2$. Sums stay in
# float32.


# %%
def tf32(x):
    """Return the numbers that tensor cores multiply in place of x."""
    bits = [to_tf32(number) for number in x.ravel()]
    return np.array(bits, np.uint32).view(np.float32).reshape(x.shape)


u = 2.0**-10
x = normal(10_000)
worst = np.max(np.abs(tf32(x) - x) / np.abs(x))
print(f"of 10,000 numbers, TF32 changes none by more than {worst:.2g} of itself; 2^-10 is {u:.2g}")
assert u / 4 < worst <= u

M, N, K = 64, 64, 64
a, b, c = normal(M, K), normal(K, N, seed=1), {}
for name, make in (("simple", gemm.simple), ("tensor", gemm.tensor)):
    c[name] = np.full((M, N), np.nan, np.float32)
    rung = make(64, 64, True, False, 4)  # tiles of 64 x 64, 16 bytes at once
    arrays = a.ravel(), b.ravel(), c[name].reshape(-1), np.zeros(N, np.float32)
    rung.simulate((M, N, 1), *arrays, M, N, K, K, False, False, False)


def error(c, a, b):
    """The largest error of an entry, relative to the sum of its products' sizes."""
    a, b = a.astype(float), b.astype(float)
    return np.max(np.abs(c - a @ b) / (np.abs(a) @ np.abs(b)))


print(f"error in float32: {error(c['simple'], a, b):.2g}")
print(f"error in TF32: {error(c['tensor'], a, b):.2g}, the bound is {2 * u + u * u:.2g}")
print(f"TF32 against the product of rounded numbers: {error(c['tensor'], tf32(a), tf32(b)):.2g}")
assert error(c["simple"], a, b) < 1e-6
assert 1e-5 < error(c["tensor"], a, b) < 2 * u + u * u + 1e-6
assert error(c["tensor"], tf32(a), tf32(b)) < 1e-6  # all of the error is in the inputs

# %% [markdown]
# ## The whole ladder
#
# Traffic is down by a factor of 272 in global memory, and by a factor of 8 in shared memory. Tensor
# cores read still less, because the lanes of a warp share what they hold. `naive` and `registers`
# use four times the sectors needed to store an entry of c: their lanes are not side by side.

# %%
print_table(
    ("rung", "global bytes per product", "bytes to store an entry", "shared answers"),
    [
        (name, moved(name), 32 * t.total("global", "store").sectors / 128**2, answers(name))
        for name, t in TRAFFIC.items()
    ],
    f"matmul {MATMUL.problem}; shared: for 32 products",
)
assert moved("naive") / moved("pipelined") == 272
assert answers("tiled") / answers("pipelined") == 8

figure = Figure(figsize=(8, 3.4))
for panel, count, title in zip(
    figure.subplots(1, 2, sharey=True),
    (moved, answers),
    ("global memory: bytes per product", "shared memory: answers for 32 products"),
    strict=True,
):
    values = [count(name) for name in TRAFFIC]
    panel.barh(list(TRAFFIC), values, color=plots.BLUE)
    for place, value in enumerate(values):
        panel.text(value, place, f" {value:.3g}", va="center", fontsize=8)
    panel.set_title(title, fontsize=10)
    panel.set_xlim(0, 1.2 * max(values))
    panel.spines[["top", "right"]].set_visible(False)
panel.invert_yaxis()  # of both: naive on top
figure.tight_layout()
keep(figure, "ladder.png")

# %% [markdown]
# ## What that could be worth: the roofline
#
# A GPU can multiply only so many pairs per second, and move only so many bytes. Whichever limit is
# reached first bounds the kernel. A product and its sum count as two floating-point operations, so
# **arithmetic intensity** is I = 2 / (bytes per product) operations per byte, and
#
# $$\text{speed} \le \min(\text{peak}, I \cdot \text{bandwidth})$$
#
# The machine's figures are assumptions: those that NVIDIA's data sheet "H100 Tensor Core GPU"
# states for the SXM model. Nothing here was measured. The count assumes that no cache helps, so a
# rung left of the bend can do better than its point; none can do better than the roof.

# %%
BANDWIDTH = 3.35e12  # bytes a second: "GPU memory bandwidth"
FP32 = 67e12  # operations a second: "FP32"
TF32 = 989e12 / 2  # "TF32 Tensor Core" is stated "with sparsity", twice the figure without


def roofline(intensity, peak):
    """Return the most operations per second."""
    return np.minimum(peak, intensity * BANDWIDTH)


POINTS = "naive", "coalesced", "tiled", "registers", "vectors"  # later ones move as much
for name in POINTS:
    intensity = 2 / moved(name)
    speed = roofline(intensity, FP32)
    print(f"{name}: {intensity:.3g} operations per byte, {speed / 1e12:.3g} TFLOP/s at most")
bend = FP32 / BANDWIDTH
print(f"the roof bends at {bend:.3g} operations per byte, {2 / bend:.2g} bytes per product")
assert 2 / moved("registers") < bend < 2 / moved("vectors")

figure = Figure(figsize=(6.4, 4))
panel = figure.subplots()
intensities = np.geomspace(0.02, 1000, 300)
for peak, name, colour in ((TF32, "TF32, tensor cores", plots.RED), (FP32, "FP32", plots.BLUE)):
    panel.loglog(intensities, roofline(intensities, peak) / 1e12, color=colour)
    panel.text(1000, 1.15 * peak / 1e12, name, ha="right", color=colour)
for name in POINTS:
    intensity = 2 / moved(name)
    speed = roofline(intensity, FP32) / 1e12
    panel.plot(intensity, speed, "o", color=plots.INK)
    offset, side = ((-7, 3), "right") if intensity < bend else ((0, -14), "left")
    panel.annotate(name, (intensity, speed), offset, textcoords="offset points", ha=side)
panel.set(
    xlabel="operations per byte of global memory",
    ylabel="TFLOP/s, at most",
    title="Roofline of an H100 SXM, from its data sheet",
    ylim=(0.06, 1200),
)
panel.grid(alpha=0.3)
figure.tight_layout()
keep(figure, "roofline.png")

# %% [markdown]
# Tiles 128 wide are the first beyond the bend. By this count they are not enough for tensor cores,
# which is why caches matter there. How much can caches gain? If each matrix of a 4096 x 4096 x 4096
# product were moved only once, that would be 3 x 4 x 4096² bytes for 4096³ products.

# %%
n = 4096
least = 3 * 4 * n**2 / n**3
print(f"each matrix once: {least:.2g} bytes per product, {2 / least:.0f} operations per byte")
assert 2 / least > TF32 / BANDWIDTH

# %% [markdown]
# Shared memory has a roof as well. An H100 multiprocessor makes 128 products per clock (it has 128
# FP32 cores, according to NVIDIA's white paper on the H100), and each bank gives one word per clock
# (CUDA C++ Programming Guide). So multiplication at full speed leaves room for 1/4 answer per 32
# products. The count of answers is the simulator's model: a GPU may merge more of what lanes share.

# %%
for name in ("tiled", "registers", "vectors", "pipelined"):
    share = min(1, 0.25 / answers(name))
    print(f"{name}: shared memory feeds at most {share:.1%} of the multipliers")
assert answers("vectors") == 0.25

# %% [markdown]
# ## What it is worth, measured
#
# Counts explain a speed; only a clock shows it.

# %%
measured = resources.files("minae.kernels.cuda") / "results.json"
if measured.is_file():
    results = json.loads(measured.read_text(encoding="utf-8"))
    rungs = results.get("matmul", {}).get("rungs", {})
    rows = [
        (name, float(row["tflops"]), f"{row['of_cublas']:.0%}" if row["of_cublas"] else "")
        for name, row in rungs.items()
        if "tflops" in row
    ]
    if rows:
        device = results.get("device", "a GPU")
        print_table(("rung", "TFLOP/s", "of cuBLAS"), rows, f"matmul, measured on {device}")
else:
    print("nothing has been measured yet: `minae bench --device cuda --out FILE` does it on a GPU")

# %% [markdown]
# ## Exercises
#
# They are in `exercises.py`. 16.1 and 16.2 are products of a linear layer: its weight's gradient aᵀ
# b, and its forward pass a bᵀ, where b is stored transposed. In 16.3 you find two races, 16.4 is
# the heart of `registers`, and 16.5 transposes a tile without bank conflicts. Lesson 17 does the
# same climb for convolutions.
