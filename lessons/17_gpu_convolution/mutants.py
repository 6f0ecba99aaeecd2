"""Wrong answers to the exercises of lesson 17, each of which the checks reject.

Each is the answer with one mistake: text that stands once in it, and what stands there instead.
"""

import linecache
from collections.abc import Callable
from pathlib import Path

SOLVED = Path(__file__).with_name("exercises.py").read_text(encoding="utf-8")
PIXELS = "range(split * length + thread, min((split + 1) * length, N * HO * WO), THREADS)"


def instead(*changes: tuple[str, str]) -> Callable:
    """Return a decorator that makes the function named exercise__mistake: the answer, changed."""

    def make(named: Callable) -> Callable:
        exercise = named.__name__.partition("__")[0]
        start = SOLVED.index(f"def {exercise}(")
        task, _, rest = SOLVED[start:].partition("    ### BEGIN SOLUTION\n")
        answer = rest.partition("    ### END SOLUTION\n")[0]
        for old, new in changes:
            if answer.count(old) != 1:
                raise ValueError(f"{named.__name__}: {old!r} stands {answer.count(old)} times")
            answer = answer.replace(old, new)
        text = SOLVED[: SOLVED.index("\ndef ")] + "\n" + task + answer
        file = f"{named.__name__}.py"  # a name for messages of the simulator
        linecache.cache[file] = len(text), None, text.splitlines(keepends=True), file
        scope = {}
        exec(compile(text, file, "exec"), scope)
        mutant = scope[exercise]
        mutant.__doc__ = named.__doc__
        return mutant

    return make


@instead(("i * stride - padding + r, j * stride - padding + q", "i * stride + r, j * stride + q"))
def im2col__without_padding():
    """The padding is not subtracted."""


@instead(("i * stride - padding + r, j * stride - padding + q", "i - padding + r, j - padding + q"))
def im2col__without_stride():
    """Patches move by one pixel, whatever the stride."""


@instead(("x[n, c, h, w]", "x[0, c, h, w]"))
def im2col__first_image_only():
    """All rows are patches of the first image."""


@instead(("m // (HO * WO), m // WO % HO, m % WO", "m // (HO * WO), m // HO % WO, m % HO"))
def im2col__square_output():
    """Rows are counted by HO instead of WO: right for square outputs."""


@instead(("k // (KH * KW), k // KW % KH, k % KW", "k // (KH * KW), k // KH % KW, k % KH"))
def im2col__square_kernel():
    """Taps are counted by KH instead of KW: right for square kernels."""


@instead(
    (
        "k // (KH * KW), k // KW % KH, k % KW",
        "k % x.shape[1], k // x.shape[1] // KW, k // x.shape[1] % KW",
    )
)
def im2col__channel_fastest():
    """Taps before channels, as in images with channels last."""


@instead(("    if entry < patches.shape[0] * T:\n        m, k", "    if entry >= 0:\n        m, k"))
def im2col__without_guard():
    """Threads beyond the last entry write too."""


@instead(
    ("        inside = 0 <= h < H and 0 <= w < W\n", ""),
    (
        "x[n, c, h, w] if inside else float32(0)",
        "x[n, c, min(max(h, 0), H - 1), min(max(w, 0), W - 1)]",
    ),
)
def im2col__edges_repeated():
    """Uses the nearest pixel outside the image, not zero."""


@instead(("entry // T, entry % T", "entry % patches.shape[0], entry // patches.shape[0]"))
def im2col__strided_stores():
    """Right numbers, but neighbouring threads write a whole row apart."""


@instead(
    (
        "x[n, c, h, w] if inside else float32(0)",
        "float32(inside) * x[n, c, min(max(h, 0), H - 1), min(max(w, 0), W - 1)]",
    )
)
def im2col__times_zero():
    """Multiplies the nearest pixel by 0 instead of using 0: nan if it is infinite."""


@instead(
    (
        "patches[m, k] = x[n, c, h, w] if inside else float32(0)",
        "patches[m, k] = x[n, c, h, w] if inside else float32(0)\n"
        "        if T == 1:\n            x[n, c, h, w] = float32(0)",
    )
)
def im2col__empties_x():
    """Moves the numbers instead of copying them, if each is in one patch."""


@instead(("(0, COLUMN_BIT)", "(0, 0)"))
def inside_words__same_bits():
    """Rows and columns of the weight have the same bits."""


@instead(("i * stride - padding + r", "i * stride + r"))
def inside_words__without_padding():
    """The padding is not subtracted."""


@instead(("reached < size[axis]", "reached < output_size[axis]"))
def inside_words__size_of_output():
    """Tests against the size of the output."""


@instead(("reached < size[axis]", "reached <= size[axis]"))
def inside_words__one_too_far():
    """The row and column after the last count as inside."""


@instead(("return pixels.ravel()", "return pixels.T.ravel()"))
def inside_words__columns_first():
    """Pixels are listed column by column."""


@instead(
    ("(row_taps[:, None] | column_taps).ravel()", "(row_taps[:, None] | 0 * column_taps).ravel()")
)
def inside_words__rows_only():
    """A tap's word has the bit of its row only."""


@instead(("(0, COLUMN_BIT)", "(0, 3)"))
def inside_words__bits_overlap():
    """Columns begin at bit 3: right for up to three rows of taps."""


@instead(
    (
        "(inside @ (1 << r + first_bit), 1 << r + first_bit)",
        "(inside @ (1 << 0 * r + first_bit), 1 << r + first_bit)",
    )
)
def inside_words__counts():
    """A word counts the taps that are inside, but does not say which."""


@instead(("return pixels.ravel(),", "return 1.0 * pixels.ravel(),"))
def inside_words__floats():
    """Returns floats, which have no AND."""


@instead(("        cuda.syncthreads()  # until the tiles are complete\n", ""))
def implicit_gemm__without_first_barrier():
    """Products begin before the tiles are complete."""


@instead(("        cuda.syncthreads()  # until nobody reads them any more\n", ""))
def implicit_gemm__without_second_barrier():
    """Tiles are overwritten while others still read them."""


@instead(
    (
        "    total = bias[o] if o < O else float32(0)\n",
        "    if n >= N or o >= O:\n        return\n    total = bias[o]\n",
    )
)
def implicit_gemm__leaves_before_the_barrier():
    """Threads without an entry of y return, and the others wait for them."""


@instead(("word & tap_words[k] == tap_words[k]", "word & tap_words[k] != 0"))
def implicit_gemm__one_bit_is_enough():
    """A tap is taken if its row or its column is inside."""


@instead(("range(0, T, TILE)", "range(0, T - T % TILE, TILE)"))
def implicit_gemm__whole_tiles_only():
    """Taps beyond the last whole tile are left out."""


@instead(("k < T and word & tap_words[k]", "word & tap_words[k]"))
def implicit_gemm__reads_beyond_the_last_tap():
    """Does not test whether there is such a tap."""


@instead(("gathered[k, i] * weights[j, k]", "gathered[i, k] * weights[j, k]"))
def implicit_gemm__tile_transposed():
    """The tile of patches is read with pixel and tap swapped."""


@instead(("x[n, place + tap_places[k]]", "x[0, place + tap_places[k]]"))
def implicit_gemm__first_image_only():
    """All images get the pixels of the first."""


@instead(
    ("    total = bias[o] if o < O else float32(0)\n", "    total = float32(0)\n"),
    ("y[n, o, p] = total", "y[n, o, p] = total + bias[o]"),
)
def implicit_gemm__relu_before_bias():
    """ReLU first, then the bias."""


@instead(("if relu and total < 0:", "if relu and not total > 0:"))
def implicit_gemm__relu_swallows_nan():
    """Everything not above zero becomes zero, nan included."""


@instead(("if relu and total < 0:", "if total < 0:"))
def implicit_gemm__relu_always():
    """ReLU is applied even if not asked for."""


@instead(
    (
        "gathered[k, i] * weights[j, k]",
        "gathered[k, i] * (weight[o, first + k] if o < O and first + k < T else float32(0))",
    )
)
def implicit_gemm__weight_without_tile():
    """Every thread reads the weight itself."""


@instead(
    (
        "total += gathered[k, i] * weights[j, k]",
        "if n < N and o < O and first + k < T:\n"
        "                if word & tap_words[first + k] == tap_words[first + k]:\n"
        "                    total += x[n, place + tap_places[first + k]] * weight[o, first + k]",
    )
)
def implicit_gemm__tiles_for_nothing():
    """Fills tiles, but reads all its numbers from global memory again."""


@instead(
    (
        "        y[n, o, p] = total\n",
        "        y[n, o, p] = total\n"
        "        if i == 0 and cuda.gridDim.x == 1:\n            bias[o] = float32(0)\n",
    )
)
def implicit_gemm__writes_into_bias():
    """Erases the bias if there is one block."""


@instead(
    ("if (parity + padding - r) % stride == 0", "if (parity - r) % stride == 0"),
    ("(parity + padding - r) // stride))", "(parity - r) // stride))"),
)
def parity_taps__without_padding():
    """The padding is left out of both test and shift."""


@instead(("(parity + padding - r) // stride))", "(parity - r) // stride))"))
def parity_taps__padding_in_the_test_only():
    """The shift lacks the padding."""


@instead(
    ("if (parity + padding - r) % stride == 0", "if (parity - padding + r) % stride == 0"),
    ("(parity + padding - r) // stride))", "(parity - padding + r) // stride))"),
)
def parity_taps__as_forward():
    """The tap is added, as in the forward pass: the gradient of the flipped weight."""


@instead(("(parity + padding - r) % stride == 0", "r >= 0"))
def parity_taps__all_taps():
    """Taps that fall between two entries of dy use the one before."""


@instead(("(parity + padding - r) % stride == 0", "(parity + padding - r) % 2 == 0"))
def parity_taps__stride_two():
    """Every other tap, whatever the stride."""


@instead(("(parity + padding - r) % stride == 0", "(parity - r) % stride == 0"))
def parity_taps__from_parity():
    """Taps parity, parity + stride, ...: right where the padding is a multiple of the stride."""


@instead(
    (
        "(parity + padding - r) % stride == 0",
        "(parity + padding - r) % stride == 0 and r <= parity + padding",
    )
)
def parity_taps__no_negative_shifts():
    """Shifts below zero are treated as outside."""


@instead(("(parity + padding - r) // stride))", "parity + padding - r))"))
def parity_taps__shift_in_pixels():
    """The shift is counted in pixels of dx, not of dy."""


@instead(("    cuda.syncthreads()\n", ""))
def dweight_parts__without_barrier():
    """Thread 0 adds before the others have written."""


@instead(("-(-N * HO * WO // splits)", "N * HO * WO // splits"))
def dweight_parts__rounded_down():
    """Splits are M / splits rounded down: the rest is lost."""


@instead(("min((split + 1) * length, N * HO * WO)", "(split + 1) * length"))
def dweight_parts__runs_over_the_end():
    """The last split goes beyond the last pixel."""


@instead((PIXELS, PIXELS.replace("THREADS", "N * HO * WO")))
def dweight_parts__one_turn():
    """Every thread adds one pixel: right for splits of at most THREADS."""


@instead((PIXELS, "range(thread, N * HO * WO, THREADS)"))
def dweight_parts__all_pixels():
    """Every split sums all pixels."""


@instead((PIXELS, "range(split + thread * splits, N * HO * WO, THREADS * splits)"))
def dweight_parts__interleaved():
    """Splits take turns at pixels, instead of having ranges."""


@instead(
    (
        "    total = float32(0)\n    for m",
        "    if split * length >= N * HO * WO:\n        return\n    total = float32(0)\n    for m",
    )
)
def dweight_parts__empty_is_not_written():
    """A split without pixels writes nothing."""


@instead(("i * stride - padding + r, j * stride - padding + q", "i * stride + r, j * stride + q"))
def dweight_parts__without_padding():
    """The padding is not subtracted."""


@instead(
    (
        "sums[thread] = total",
        "sums[thread] = 0\n    cuda.syncthreads()\n    cuda.atomic.add(sums, 0, total)",
    )
)
def dweight_parts__atomic():
    """Threads add atomically, in whatever order they come."""


@instead(("        total = float32(0)\n        for t", "        for t"))
def dweight_parts__own_sum_twice():
    """Thread 0 begins with its own sum and adds it again."""


@instead((PIXELS, f"reversed({PIXELS})"))
def dweight_parts__downwards():
    """Threads begin with their last pixel."""


@instead(("for t in range(THREADS):", "for t in reversed(range(THREADS)):"))
def dweight_parts__last_sum_first():
    """Thread 0 adds from the last to the first."""


@instead(("total = float32(0)\n    for m in", "total = np.float64(0)\n    for m in"))
def dweight_parts__doubles():
    """Threads sum in float64."""


@instead(
    (PIXELS, "range(split * length, min((split + 1) * length, N * HO * WO))"),
    ("if 0 <= h < H and 0 <= w < W:", "if thread == 0 and 0 <= h < H and 0 <= w < W:"),
)
def dweight_parts__one_thread():
    """Thread 0 adds all pixels."""


@instead(
    (
        "        parts[split, o, c, r, q] = total\n",
        "        parts[split, o, c, r, q] = total\n"
        "        if cuda.gridDim.x * cuda.gridDim.y == 1:\n            dy[0, o, 0, 0] = total\n",
    )
)
def dweight_parts__writes_into_dy():
    """Writes its sum into dy too, if there is one entry and one split."""
