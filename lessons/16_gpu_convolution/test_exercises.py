"""The checks of lesson 16. `student` is the module with your answers."""

from itertools import pairwise

import numpy as np

from minae.kernels import reference, shapes
from minae.kernels.simulator import launch

WINDOWS = (  # images, channels, size, outputs, kernel, stride, padding
    (1, 1, (4, 4), 1, (3, 3), 1, 0),
    (2, 2, (5, 7), 3, (3, 2), 1, 1),
    (2, 3, (7, 6), 9, (2, 3), 2, 2),
    (1, 2, (3, 9), 2, (2, 5), 3, 1),
)


def normal(*shape, seed=0):
    """Return normal random numbers, always the same ones."""
    return np.random.default_rng(seed).standard_normal(shape, np.float32)


def unwritten(*shape):
    """Return an array of nan: what nobody has written."""
    return np.full(shape, np.nan, np.float32)


def output_size(size, kernel, stride, padding):
    """Return (HO, WO)."""
    return shapes.conv2d_output_size(size, kernel, (stride,) * 2, (padding,) * 2, (1, 1))


def options(stride, padding):
    """Return what reference functions want to know."""
    pairs = {"stride": (stride,) * 2, "padding": (padding,) * 2}
    return pairs | {"dilation": (1, 1), "groups": 1}


def check_same(call, got, expected, tolerance=1e-5):
    """Fail with the first place at which got is not expected; nan equals nan."""
    assert got.shape == expected.shape, f"{call}: shape {got.shape}, expected {expected.shape}"
    close = np.isclose(got, expected, rtol=tolerance, atol=tolerance, equal_nan=True)
    if close.all():
        return
    wrong = np.argwhere(~close)
    first = tuple(int(i) for i in wrong[0])
    raise AssertionError(
        f"{call}: {len(wrong)} of {got.size} entries are wrong; the first at {first}: "
        f"{got[first]:.6g}, expected {expected[first]:.6g}"
        + (" (nan: perhaps never written)" if np.isnan(got[first]) else "")
    )


def patches_by_definition(x, kernel, output, stride, padding):
    """Return the patches of x (N, C, H, W) as rows: (N HO WO, C KH KW)."""
    (KH, KW), (HO, WO) = kernel, output
    padded = np.pad(x, ((0, 0), (0, 0), (padding, padding), (padding, padding)))
    rows = [
        padded[n, :, i * stride : i * stride + KH, j * stride : j * stride + KW].ravel()
        for n, i, j in np.ndindex(len(x), HO, WO)
    ]
    return np.array(rows)


# 16.1


def written_patches(student, window, seed=None, count=False):
    """Run the student's im2col; return (a name for the call, x, patches, traffic)."""
    N, C, size, _, (KH, KW), stride, padding = window
    x, (HO, WO) = normal(N, C, *size), output_size(size, (KH, KW), stride, padding)
    patches = unwritten(N * HO * WO, C * KH * KW)
    sizes = KH, KW, HO, WO, stride, padding
    blocks = patches.size // 64 + 2  # more threads than entries
    traffic = launch(student.im2col, blocks, 64, x, patches, *sizes, seed=seed, count=count)
    call = f"im2col(x {x.shape}, patches {patches.shape}, {', '.join(map(str, sizes))})"
    return call, x, patches, traffic


def test_im2col__writes_every_patch(student):
    """Every entry is right, with padding, stride, and sizes that are not square."""
    for window in WINDOWS:
        _, _, size, _, kernel, stride, padding = window
        call, x, patches, _ = written_patches(student, window)
        output = output_size(size, kernel, stride, padding)
        expected = patches_by_definition(x, kernel, output, stride, padding)
        check_same(call, patches, expected, tolerance=0)


def test_im2col__gives_the_convolution(student):
    """The patches times the weight are what the reference computes."""
    N, C, _, O, kernel, stride, padding = WINDOWS[2]  # noqa: E741
    call, x, patches, _ = written_patches(student, WINDOWS[2], seed=1)
    weight = normal(O, C, *kernel, seed=1)
    expected = reference.conv2d(x, weight, **options(stride, padding))
    y = (patches @ weight.reshape(O, -1).T).reshape(N, *expected.shape[2:], O)
    check_same(f"{call}, times the weight", y.transpose(0, 3, 1, 2), expected)


def test_im2col__neighbours_write_neighbours(student):
    """A warp stores 128 bytes side by side: 4 sectors."""
    call, _, patches, traffic = written_patches(student, WINDOWS[2], count=True)
    sectors, least = traffic.total("global", "store").sectors, -(-patches.nbytes // 32)
    assert sectors == least, (
        f"{call} stores to {sectors} sectors of 32 bytes, but {least} hold all of patches: "
        "neighbouring threads do not write neighbouring entries"
    )


# 16.2


def check_words(student, size, kernel, stride, padding):
    """Compare the AND with the comparisons that it stands for, pixel by pixel and tap by tap."""
    (HO, WO), (KH, KW) = output_size(size, kernel, stride, padding), kernel
    arguments = size, (HO, WO), kernel, stride, padding
    call = f"inside_words({', '.join(map(str, arguments))})"
    pixels, taps = student.inside_words(*arguments)
    assert np.shape(pixels) == (HO * WO,), (
        f"{call}: the words of the pixels have shape {np.shape(pixels)}, expected {(HO * WO,)}"
    )
    assert np.shape(taps) == (KH * KW,), (
        f"{call}: the words of the taps have shape {np.shape(taps)}, expected {(KH * KW,)}"
    )
    for i, j, r, q in np.ndindex(HO, WO, KH, KW):
        pixel, tap = int(pixels[i * WO + j]), int(taps[r * KW + q])
        h, w = i * stride - padding + r, j * stride - padding + q
        inside = 0 <= h < size[0] and 0 <= w < size[1]
        assert (pixel & tap == tap) == inside, (
            f"{call}: pixel ({i}, {j}) has the word {pixel:#x}, tap ({r}, {q}) {tap:#x}, so "
            f"pixel & tap == tap is {pixel & tap == tap}; but the tap reaches row {h} and column "
            f"{w} of an image of {size}, which is {'inside' if inside else 'outside'}"
        )
    return call, pixels, taps


def test_inside_words__say_what_comparisons_say(student):
    """One AND is right for every pixel and tap."""
    for _, _, size, _, kernel, stride, padding in WINDOWS:
        check_words(student, size, kernel, stride, padding)


def test_inside_words__have_the_bits_agreed_on(student):
    """Bit r for rows, COLUMN_BIT + q for columns: a kernel's tables are made of them."""
    call, pixels, taps = check_words(student, (3, 4), (3, 2), 1, 1)
    for r, q in np.ndindex(3, 2):
        got, expected = int(taps[r * 2 + q]), 1 << r | 1 << 15 + q
        assert got == expected, f"{call}: tap ({r}, {q}) is {got:#x}, expected {expected:#x}"
    got, expected = int(pixels[0]), 0b110 | 0b10 << 15
    assert got == expected, f"{call}: pixel (0, 0) is {got:#x}, expected {expected:#x}"


def test_inside_words__fit_the_largest_kernel(student):
    """15 x 15 taps are 225, and still a word has 30 bits."""
    call, pixels, taps = check_words(student, (4, 3), (15, 15), 4, 8)
    largest = max(int(np.max(pixels)), int(np.max(taps)))
    assert largest < 1 << 30, f"{call}: a word is {largest:#x}, which has more than 30 bits"


# 16.3


def tables(size, channels, kernel, stride, padding):
    """Return pixel_words, pixel_places, tap_words, tap_places as int32 arrays."""
    (H, W), (KH, KW), (HO, WO) = size, kernel, output_size(size, kernel, stride, padding)
    i, j = np.divmod(np.arange(HO * WO), WO)
    tops, lefts = i * stride - padding, j * stride - padding
    words = np.zeros(HO * WO, np.int64)
    for r in range(KH):
        words |= ((tops + r >= 0) & (tops + r < H)).astype(np.int64) << r
    for q in range(KW):
        words |= ((lefts + q >= 0) & (lefts + q < W)).astype(np.int64) << 15 + q
    c, r, q = (part.ravel() for part in np.indices((channels, KH, KW)))
    of_taps = (1 << r) | (1 << 15 + q), (c * H + r) * W + q
    return [a.astype(np.int32) for a in (words, tops * W + lefts, *of_taps)]


def check_gemm(student, window, relu, seed=None, x=None, bias=None):
    """Run the student's implicit_gemm and compare y with the reference."""
    N, C, size, O, kernel, stride, padding = window  # noqa: E741
    x = normal(N, C, *size) if x is None else x
    weight, bias = normal(O, C, *kernel, seed=1), normal(O, seed=2) if bias is None else bias
    activation = "relu" if relu else None
    expected = reference.conv2d(x, weight, bias, activation, **options(stride, padding))
    y = unwritten(N, O, expected[0, 0].size)
    flat = x.reshape(N, -1), weight.reshape(O, -1)
    call = (
        f"implicit_gemm(x {flat[0].shape}, weight {flat[1].shape}, bias {bias.shape}, y {y.shape}, "
        f"tables of {size} pixels, {kernel} taps, stride {stride}, padding {padding}; relu {relu})"
    )
    blocks = -(-N * y.shape[2] // student.TILE), -(-O // student.TILE)
    block = student.TILE, student.TILE
    given = *flat, bias, y, *tables(size, C, kernel, stride, padding), relu
    launch(student.implicit_gemm, blocks, block, *given, seed=seed)
    check_same(call, y, expected.reshape(y.shape))


def test_implicit_gemm__is_the_convolution(student):
    """With padding and stride, and sizes that are no multiples of a tile."""
    for window in WINDOWS:
        check_gemm(student, window, relu=0)


def test_implicit_gemm__in_any_order_of_threads(student):
    """No thread may depend on another running first. T = 18 taps are three tiles."""
    for seed in (1, 2):
        check_gemm(student, WINDOWS[2], relu=0, seed=seed)


def test_implicit_gemm__applies_relu_after_the_bias(student):
    """Negative sums become 0, a bias included."""
    check_gemm(student, WINDOWS[1], relu=1)
    check_gemm(student, WINDOWS[1], relu=1, bias=np.array([-2, 0, 2], np.float32))


def test_implicit_gemm__keeps_nan(student):
    """A nan in x reaches y, and no ReLU makes a zero of it; nor does it reach other pixels."""
    x = normal(2, 2, 5, 7)
    x[0, 0, 0, 0] = x[1, 1, 3, 2] = np.nan
    check_gemm(student, WINDOWS[1], relu=1, x=x)


# 16.4


def check_axis(student, size, taps, stride, padding):
    """Assemble dx from the lists of all classes, and compare it with a scatter."""
    outputs = (size + 2 * padding - taps) // stride + 1
    dy, weight = normal(outputs), normal(taps, seed=1)
    expected, dx = np.zeros(size, np.float32), np.zeros(size, np.float32)
    for i, r in np.ndindex(outputs, taps):
        if 0 <= i * stride - padding + r < size:
            expected[i * stride - padding + r] += dy[i] * weight[r]
    found = []
    for parity in range(min(stride, size)):
        call = f"parity_taps({parity}, {taps}, {stride}, {padding})"
        pairs = student.parity_taps(parity, taps, stride, padding)
        assert isinstance(pairs, list), f"{call} is {pairs!r}, expected a list of (r, shift)"
        found += pairs
        for t in range(len(dx[parity::stride])):
            for r, shift in pairs:
                if 0 <= t + shift < outputs:
                    dx[parity + t * stride] += dy[t + shift] * weight[r]
        got, right = dx[parity::stride], expected[parity::stride]
        check_same(f"{call} is {pairs}, by which dx[{parity}::{stride}] is wrong", got, right)
    return found


def test_parity_taps__gather_what_a_scatter_gives(student):
    """Strides 1 to 4, kernels shorter and longer than the stride, with and without padding."""
    for stride in (1, 2, 3, 4):
        for taps in (1, 2, 3, 5):
            for padding in range(min(taps, 4)):
                check_axis(student, 11, taps, stride, padding)


def test_parity_taps__name_every_tap_in_one_class(student):
    """No tap is looked at in vain: each stands in one list, none where it reaches nothing."""
    for taps, stride, padding in ((3, 2, 1), (5, 3, 2), (4, 4, 0), (1, 3, 0), (3, 1, 1)):
        found = check_axis(student, 13, taps, stride, padding)
        got = sorted(r for r, _ in found)
        assert got == list(range(taps)), (
            f"the lists of parity_taps(parity, {taps}, {stride}, {padding}) for all parities hold "
            f"the taps {got}, expected each of range({taps}) once"
        )


def test_parity_taps__rise(student):
    """The taps of a class come in rising order, so that sums are always made in one order."""
    got = student.parity_taps(1, 5, 2, 1)
    expected = [(0, 1), (2, 0), (4, -1)]
    assert got == expected, f"parity_taps(1, 5, 2, 1) is {got}, expected {expected}"


# 16.5

SPLITS = (  # window, and into how many splits its pixels are cut
    (WINDOWS[0], 1),  # 4 pixels
    (WINDOWS[1], 4),  # 2 x 5 x 8 = 80, no more than 20 a split
    (WINDOWS[3], 3),  # 2 x 3 = 6
    (WINDOWS[3], 4),  # 2 a split, the last is empty
    ((3, 1, (6, 9), 2, (2, 1), 1, 0), 2),  # 3 x 5 x 9 = 135: 68 and 67, more than THREADS
)


def summed_parts(student, window, splits, seed=None):
    """Run the student's dweight_parts; return (a name for the call, x, dy, parts)."""
    N, C, size, O, kernel, stride, padding = window  # noqa: E741
    x, dy = normal(N, C, *size), normal(N, O, *output_size(size, kernel, stride, padding), seed=1)
    parts = unwritten(splits, O, C, *kernel)
    grid = parts[0].size, splits
    launch(student.dweight_parts, grid, student.THREADS, x, dy, parts, stride, padding, seed=seed)
    call = f"dweight_parts(x {x.shape}, dy {dy.shape}, parts {parts.shape}, {stride}, {padding})"
    return call, x, dy, parts


def test_dweight_parts__sum_their_own_pixels(student):
    """Every split has its own pixels, all of them, and an empty one has 0."""
    for window, splits in SPLITS:
        _, _, _, O, kernel, stride, padding = window  # noqa: E741
        call, x, dy, parts = summed_parts(student, window, splits)
        rows = patches_by_definition(x, kernel, dy.shape[2:], stride, padding)
        columns = dy.transpose(1, 0, 2, 3).reshape(O, -1)  # (O, N HO WO)
        length = -(-len(rows) // splits)
        ends = [min(split * length, len(rows)) for split in range(splits + 1)]
        expected = [columns[:, first:last] @ rows[first:last] for first, last in pairwise(ends)]
        check_same(f"{call}, pixels cut at {ends}", parts, np.reshape(expected, parts.shape))


def test_dweight_parts__add_up_to_the_gradient(student):
    """Added in their order, the parts are the reference's dweight."""
    for window, splits in SPLITS[1:3]:
        call, x, dy, parts = summed_parts(student, window, splits)
        geometry = options(*window[5:])
        expected = reference.conv2d_backward(dy, x, parts[0], dy, **geometry)[1]
        total = np.zeros_like(expected)
        for part in parts:
            total += part
        check_same(f"{call}, parts added", total, expected)


def test_dweight_parts__have_the_same_bits_in_any_order(student):
    """Threads run in other orders by a seed: nothing may change, not even the last bit."""
    window, splits = SPLITS[4]
    call, _, _, first = summed_parts(student, window, splits, seed=0)
    for seed in (1, 2, 3, 4):
        _, _, _, other = summed_parts(student, window, splits, seed=seed)
        same = first.view(np.uint32) == other.view(np.uint32)
        if not same.all():
            place = tuple(int(i) for i in np.argwhere(~same)[0])
            raise AssertionError(
                f"{call}: run again with its threads in another order, the entry at {place} is "
                f"{other[place]:.9g} and not {first[place]:.9g}: the order of the sum is not fixed"
            )
