"""The checks of lesson 17. `student` is the module with your answers."""

from itertools import product
from types import SimpleNamespace

import numpy as np

from minae.course.checking import shape_of
from minae.kernels import reference, sizes
from minae.kernels.simulator import cuda, launch

WINDOWS = (  # images, channels, size, outputs, kernel, stride, padding
    (1, 1, (4, 4), 1, (3, 3), 1, 0),
    (2, 2, (5, 7), 3, (3, 2), 1, 1),
    (2, 3, (7, 6), 9, (2, 3), 2, 2),
    (1, 2, (3, 9), 2, (2, 5), 3, 1),
    (1, 1, (2, 3), 2, (1, 1), 1, 0),
)


def normal(*shape, seed=0):
    """Return normal random numbers, always the same ones."""
    return np.random.default_rng(seed).standard_normal(shape, np.float32)


def unwritten(*shape):
    """Return an array of nan, which marks entries never written."""
    return np.full(shape, np.nan, np.float32)


def output_size(size, kernel, stride, padding):
    """Return (HO, WO)."""
    return sizes.conv2d_output_size(size, kernel, (stride,) * 2, (padding,) * 2, (1, 1))


def options(stride, padding):
    """Return the geometry as the reference functions take it."""
    pairs = {"stride": (stride,) * 2, "padding": (padding,) * 2}
    return pairs | {"dilation": (1, 1), "groups": 1}


def launched(student, name, grid, block, result, arguments, **how):
    """Launch a kernel; return a description of the call, the result, and the traffic.

    Fails unless it leaves all arrays but its result unchanged.
    """
    words = [f"{n} {a.shape}" if np.ndim(a) else f"{n}={a}" for n, a in arguments.items()]
    call = f"{name} with {', '.join(words)}"
    copies = {n: a.copy() if np.ndim(a) else a for n, a in arguments.items()}
    try:
        traffic = launch(getattr(student, name), grid, block, *copies.values(), **how)
    except BaseException as error:
        error.add_note(call)
        raise
    for n, a in arguments.items():
        same = n == result or np.array_equal(a, copies[n], equal_nan=np.ndim(a) > 0)
        assert same, f"{call} writes into {n}, which it may only read"
    return call, copies[result], traffic


class Watched:
    """An array of a kernel that notes which places each thread writes."""

    def __init__(self, array, written):
        self.array, self.written = array, written
        self.shape, self.size = array.shape, array.size

    def __getitem__(self, index):
        return self.array[index]

    def __setitem__(self, index, value):
        thread = cuda.blockIdx.x, cuda.threadIdx.x
        self.written.setdefault(thread, set()).add(self.array.place(index))
        self.array[index] = value


def check_same(call, got, expected, tolerance=1e-5):
    """Fail with the first place at which got is not expected; nan equals nan."""
    most = tolerance * np.abs(expected[np.isfinite(expected)]).max(initial=0)
    close = np.isclose(got, expected, rtol=0, atol=most, equal_nan=True)
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


# 17.1


def check_patches(student, window, **how):
    """Run the student's im2col, and compare every entry; x is infinite along an edge."""
    N, C, size, _, kernel, stride, padding = window
    x, output = normal(N, C, *size), output_size(size, kernel, stride, padding)
    x[:, :, 0], x[..., -1, -1] = np.inf, np.nan
    expected = patches_by_definition(x, kernel, output, stride, padding)
    arguments = {"x": x, "patches": unwritten(*expected.shape), "KH": kernel[0], "KW": kernel[1]}
    arguments |= {"HO": output[0], "WO": output[1], "stride": stride, "padding": padding}
    blocks = expected.size // 64 + 2  # more threads than entries
    call, patches, _ = launched(student, "im2col", blocks, 64, "patches", arguments, **how)
    check_same(call, patches, expected, tolerance=0)
    return call


def test_im2col__writes_every_patch(student):
    """Every entry is right, with padding, stride, and sizes that are not square."""
    for seed, window in enumerate(WINDOWS):
        check_patches(student, window, seed=seed)


def test_im2col__neighbours_write_neighbours(student):
    """Each thread writes one entry, and the next thread the next one."""
    written = {}

    def kernel(x, patches, KH, KW, HO, WO, stride, padding):
        student.im2col(x, Watched(patches, written), KH, KW, HO, WO, stride, padding)

    call = check_patches(SimpleNamespace(im2col=kernel), WINDOWS[2])
    for (block, thread), places in written.items():
        assert len(places) == 1, f"{call}: a thread writes {len(places)} entries, not one"
        beside = written.get((block, thread + 1))
        assert beside is None or abs(min(beside) - min(places)) == 1, (
            f"{call}: threads {thread} and {thread + 1} of block {block} write the entries"
            f" {min(places)} and {min(beside)} of patches, which are not neighbours"
        )


# 17.2


def check_words(student, size, kernel, stride, padding):
    """Compare the AND with the comparisons that it stands for, pixel by pixel and tap by tap."""
    (HO, WO), (KH, KW) = output_size(size, kernel, stride, padding), kernel
    arguments = size, (HO, WO), kernel, stride, padding
    call = f"inside_words({', '.join(map(str, arguments))})"
    words = student.inside_words(*arguments)
    assert isinstance(words, tuple | list) and len(words) == 2, (  # noqa: PT018
        f"{call} returned {words!r}, not the words of the pixels and those of the taps"
    )
    for what, found, count in (("pixels", words[0], HO * WO), ("taps", words[1], KH * KW)):
        shape = shape_of(found, call)
        assert shape == (count,), (
            f"{call}: the words of the {what} have shape {shape}, expected {(count,)}"
        )
        assert np.asarray(found).dtype.kind in "iu", (
            f"{call}: the words of the {what} are not integers"
        )
    pixels, taps = words
    for i, j, r, q in np.ndindex(HO, WO, KH, KW):
        pixel, tap = int(pixels[i * WO + j]), int(taps[r * KW + q])
        h, w = i * stride - padding + r, j * stride - padding + q
        inside = 0 <= h < size[0] and 0 <= w < size[1]
        assert (pixel & tap == tap) == inside, (
            f"{call}: pixel ({i}, {j}) has the word {pixel:#x}, tap ({r}, {q}) {tap:#x}, so "
            f"pixel & tap == tap is {pixel & tap == tap}; but the tap reaches row {h} and column "
            f"{w} of an image of {size}, which is {'inside' if inside else 'outside'}"
        )
    # Bit r for rows, COLUMN_BIT + q for columns: a kernel's tables rely on them.
    for r, q in np.ndindex(KH, KW):
        got, expected = int(taps[r * KW + q]), 1 << r | 1 << 15 + q
        assert got == expected, f"{call}: tap ({r}, {q}) is {got:#x}, expected {expected:#x}"
    for i, j in np.ndindex(HO, WO):
        tops, lefts = i * stride - padding, j * stride - padding
        expected = sum(1 << r for r in range(KH) if 0 <= tops + r < size[0])
        expected += sum(1 << 15 + q for q in range(KW) if 0 <= lefts + q < size[1])
        got = int(pixels[i * WO + j])
        assert got == expected, f"{call}: pixel ({i}, {j}) is {got:#x}, expected {expected:#x}"


def test_inside_words__say_what_comparisons_say(student):
    """One AND is right for every pixel and tap, with the bits that were agreed on."""
    for _, _, size, _, kernel, stride, padding in WINDOWS:
        check_words(student, size, kernel, stride, padding)


def test_inside_words__fit_the_largest_kernel(student):
    """15 x 15 taps are 225, and still a word needs only 30 bits."""
    check_words(student, (4, 3), (15, 15), 4, 8)
    check_words(student, (20, 17), (1, 15), 1, 7)


# 17.3


GEMMS = (  # as WINDOWS
    (1, 1, (2, 2), 1, (2, 2), 1, 0),  # one pixel
    (1, 1, (2, 1), 3, (1, 1), 1, 2),  # most pixels see nothing of the image
    (1, 2, (5, 5), 8, (2, 2), 1, 0),  # 16 pixels, 8 channels, 8 taps
)


def tables(size, channels, kernel, stride, padding):
    """Return pixel_words, pixel_places, tap_words, tap_places by name, as int32 arrays."""
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
    names = "pixel_words", "pixel_places", "tap_words", "tap_places"
    found = words, tops * W + lefts, *of_taps
    return {name: a.astype(np.int32) for name, a in zip(names, found, strict=True)}


def check_gemm(student, window, relu, x=None, bias=None, **how):
    """Run the student's implicit_gemm and compare y with the reference; return the traffic."""
    N, C, size, O, kernel, stride, padding = window  # noqa: E741
    x = normal(N, C, *size) if x is None else x
    weight, bias = normal(O, C, *kernel, seed=1), normal(O, seed=2) if bias is None else bias
    activation = "relu" if relu else None
    expected = reference.conv2d(x, weight, bias, activation, **options(stride, padding))
    expected = expected.reshape(N, O, -1)
    arguments = {"x": x.reshape(N, -1), "weight": weight.reshape(O, -1), "bias": bias}
    arguments |= {"y": unwritten(*expected.shape)}
    arguments |= tables(size, C, kernel, stride, padding) | {"relu": relu}
    grid = -(-N * expected.shape[2] // student.TILE), -(-O // student.TILE)
    block = student.TILE, student.TILE
    call, y, traffic = launched(student, "implicit_gemm", grid, block, "y", arguments, **how)
    call = f"{call}, tables of {size} pixels, {kernel} taps, stride {stride}, padding {padding}"
    check_same(call, y, expected)
    return call, traffic


def test_implicit_gemm__reads_by_tiles(student):
    """From global memory each number once a block, however many threads want it."""
    N, C, size, O, kernel, stride, padding = WINDOWS[2]  # noqa: E741
    pixels, tile = N * np.prod(output_size(size, kernel, stride, padding)), student.TILE
    call, traffic = check_gemm(student, WINDOWS[2], relu=0, count=True)
    blocks = -(-pixels // tile) * -(-O // tile)
    enough = blocks * tile * C * np.prod(kernel)
    for name in ("x", "weight"):
        loads = [r for r in traffic.requests if (r.array, r.kind) == (f"global {name}", "load")]
        read = sum(r.wanted for r in loads) // 4
        assert read <= enough, (
            f"{call} reads {read} numbers of {name} from global memory; {enough} are enough if each"
            " block puts its own into tiles in shared memory"
        )


def test_implicit_gemm__is_the_convolution(student):
    """With padding and stride, in any order of threads; sizes need not be multiples of a tile."""
    for seed, window in enumerate((*WINDOWS, *GEMMS)):
        check_gemm(student, window, relu=0, seed=seed)


def test_implicit_gemm__applies_relu_after_the_bias(student):
    """Negative sums become 0, a bias included."""
    check_gemm(student, WINDOWS[1], relu=1)
    check_gemm(student, WINDOWS[1], relu=1, bias=np.array([-2, 0, 2], np.float32))


def test_implicit_gemm__keeps_nan(student):
    """A nan in x reaches y, and no ReLU turns it into zero; nor does it reach other pixels."""
    x = normal(2, 2, 5, 7)
    x[0, 0, 0, 0] = x[1, 1, 3, 2] = np.nan
    check_gemm(student, WINDOWS[1], relu=1, x=x)


# 17.4


def test_parity_taps__of_every_class(student):
    """Strides and kernels of many sizes; paddings beyond the kernel; taps in rising order."""
    grid = product(range(1, 6), range(1, 8), range(9))
    for stride, taps, padding in [(2, 5, 1), (3, 2, 0), *grid]:
        for parity in range(stride):
            call = f"parity_taps({parity}, {taps}, {stride}, {padding})"
            expected = [  # y[shift] took x[parity] by tap r
                (r, shift)
                for r, shift in product(range(taps), range(-8, 17))
                if shift * stride - padding + r == parity
            ]
            found = student.parity_taps(parity, taps, stride, padding)
            assert isinstance(found, list | tuple), f"{call} is {found!r}, not a list of pairs"
            for pair in found:
                assert isinstance(pair, list | tuple), f"{call} is {found!r}, not a list of pairs"
                assert all(isinstance(i, int | np.integer) for i in pair), (
                    f"{call} is {found!r}: taps and shifts are integers"
                )
            pairs = [tuple(map(int, pair)) for pair in found]
            assert pairs == expected, f"{call} is {pairs}, expected {expected}"


# 17.5

SPLITS = (  # window, and the number of splits
    (WINDOWS[0], 1),  # 4 pixels
    ((1, 1, (1, 1), 1, (1, 1), 1, 0), 1),
    ((2, 2, (3, 5), 1, (2, 1), 1, 1), 4),  # 2 x 4 x 7 = 56, no more than 14 a split
    ((1, 1, (2, 5), 1, (1, 1), 1, 0), 4),  # 10: 3, 3, 3, 1
    ((1, 1, (3, 7), 2, (2, 2), 3, 1), 4),  # 2 x 3 = 6: 2 a split, the last is empty
    ((1, 1, (3, 2), 2, (1, 1), 1, 0), 9),  # 6: three are empty
    ((2, 1, (10, 9), 1, (1, 2), 1, 0), 1),  # 2 x 10 x 8 = 160, five a thread
    ((2, 1, (10, 9), 1, (1, 2), 1, 0), 2),
)


def sums_by_definition(x, dy, parts_shape, threads, stride, padding):
    """Return the parts, summed in float32 in the order that the exercise says."""
    splits, O, C, KH, KW = parts_shape  # noqa: E741
    rows = patches_by_definition(x, (KH, KW), dy.shape[2:], stride, padding)  # (M, C KH KW)
    terms = dy.transpose(1, 0, 2, 3).reshape(O, -1, 1) * rows  # (O, M, C KH KW)
    length = -(-len(rows) // splits)
    parts = np.zeros((splits, O, C * KH * KW), np.float32)
    for split in range(splits):
        sums = np.zeros((threads, O, C * KH * KW), np.float32)
        for k, m in enumerate(range(split * length, min((split + 1) * length, len(rows)))):
            sums[k % threads] += terms[:, m]
        for some in sums:
            parts[split] += some
    return parts.reshape(parts_shape)


def check_parts(student, window, splits, **how):
    """Run the student's dweight_parts on numbers of many sizes, and compare every bit."""
    N, C, size, O, kernel, stride, padding = window  # noqa: E741
    x, dy = normal(N, C, *size), normal(N, O, *output_size(size, kernel, stride, padding), seed=1)
    x *= np.float32(10) ** normal(*x.shape, seed=2)
    parts = unwritten(splits, O, C, *kernel)
    expected = sums_by_definition(x, dy, parts.shape, student.THREADS, stride, padding)
    arguments = {"x": x, "dy": dy, "parts": parts, "stride": stride, "padding": padding}
    grid, block = (parts[0].size, splits), student.THREADS
    call, parts, _ = launched(student, "dweight_parts", grid, block, "parts", arguments, **how)
    check_same(call, parts, expected)
    same = parts == expected
    if not same.all():
        first = tuple(int(i) for i in np.argwhere(~same)[0])
        raise AssertionError(
            f"{call}: the entry at {first} is {parts[first]:.9g}, and in the order that is asked"
            f" for {expected[first]:.9g}: which thread adds what, and when?"
        )


def test_dweight_parts__sum_their_own_pixels(student):
    """Every split has its own pixels, all of them, and an empty one has 0."""
    for window, splits in SPLITS:
        check_parts(student, window, splits)


def test_dweight_parts__have_the_same_bits_in_any_order(student):
    """Each seed has another order of threads: nothing may change, not even the last bit."""
    for seed in range(4):
        check_parts(student, *SPLITS[-1], seed=seed)
