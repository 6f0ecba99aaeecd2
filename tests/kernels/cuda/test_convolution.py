"""Convolution kernels in the simulator, against the specification; and that they compile well."""

from dataclasses import dataclass
from unittest import mock

import numpy as np
import pytest

from minae.kernels import reference, sizes
from minae.kernels.cuda.ladders import convolution
from minae.kernels.cuda.ladders.convolution import RUNGS
from minae.kernels.cuda.ladders.convolution_tables import backward_tables, forward_tables

GATHERING = [name for name in RUNGS if name.startswith("implicit_gemm")]
DWEIGHT = [name for name in RUNGS if name.startswith("dweight")]


@dataclass
class Case:
    """A convolution (N, C, H, W) -> (N, O, HO, WO), and arrays for it."""

    N: int
    C: int
    O: int  # noqa: E741
    size: tuple
    kernel: tuple
    stride: tuple = (1, 1)
    padding: tuple = (0, 0)
    dilation: tuple = (1, 1)
    groups: int = 1

    @property
    def options(self):
        names = "stride", "padding", "dilation", "groups"
        return {name: getattr(self, name) for name in names}

    def shapes(self):
        """Return those of x, weight, bias (O,), a bias (C,) for dx, and dy."""
        geometry = self.stride, self.padding, self.dilation
        out = sizes.conv2d_output_size(self.size, self.kernel, *geometry)
        weight = self.O, self.C // self.groups, *self.kernel
        return (self.N, self.C, *self.size), weight, (self.O,), (self.C,), (self.N, self.O, *out)

    def arrays(self, seed=0):
        normal = np.random.default_rng(seed).standard_normal
        return [normal(shape, np.float32) for shape in self.shapes()]


UNGROUPED = {
    "1x1": Case(1, 1, 1, (1, 1), (1, 1)),
    "pointwise": Case(3, 5, 2, (3, 4), (1, 1)),
    "3x3": Case(2, 3, 4, (5, 6), (3, 3), padding=(1, 1)),
    "halving": Case(2, 2, 3, (7, 8), (3, 4), stride=(2, 2), padding=(1, 1)),
    "stride 3": Case(1, 2, 3, (8, 7), (2, 4), stride=(3, 2), padding=(0, 2)),
    "stride beyond the kernel": Case(1, 3, 2, (5, 7), (1, 2), stride=(2, 3), padding=(1, 0)),
    "dilation": Case(1, 2, 2, (9, 7), (3, 2), stride=(2, 1), padding=(2, 1), dilation=(2, 3)),
    "one row": Case(2, 4, 3, (1, 9), (1, 4), stride=(2, 3), padding=(0, 2)),
}
GROUPED = {
    "groups": Case(2, 4, 6, (5, 4), (3, 2), padding=(1, 0), groups=2),
    "depthwise": Case(1, 3, 3, (6, 5), (3, 3), (2, 2), (1, 1), (2, 1), groups=3),
}
EVERY = UNGROUPED | GROUPED
SEEDS = {name: seed for seed, name in enumerate(EVERY)}  # every case in another order of threads
ACROSS_TILES = Case(2, 9, 67, (7, 10), (1, 1))  # 140 pixels, 67 channels: 4 tiles of any size


def simulate(steps, seed=0):
    for step in steps if isinstance(steps, list) else [steps]:
        step.simulate(seed)


def unwritten(shape):
    return np.full(shape, np.nan, np.float32)


def assert_close(actual, expected):
    np.testing.assert_allclose(actual, expected, rtol=1e-5, atol=1e-5 * np.abs(expected).max())


def check_forward(case, rung, bias=True, activation=None, seed=0):
    x, weight, b, _, dy = case.arrays(seed)
    b, y = b if bias else None, unwritten(dy.shape)
    simulate(convolution.conv2d(x, weight, b, y, activation, rung, **case.options), seed)
    assert_close(y, reference.conv2d(x, weight, b, activation, **case.options))


def check_dx(case, rung, bias=True, activation=None, seed=0):
    x, weight, _, b, dy = case.arrays(seed)
    b, dx = b if bias else None, unwritten(x.shape)
    simulate(convolution.conv2d_dx(dy, weight, b, dx, activation, rung, **case.options), seed)
    expected = reference.conv2d_dx(dy, weight, case.size, b, activation, **case.options)
    assert_close(dx, expected)


def check_dweight(case, rung, seed=0, order=None):
    x, weight, _, _, dy = case.arrays(seed)
    dweight = unwritten(weight.shape)
    steps = convolution.conv2d_dweight(x, dy, dweight, unwritten, rung, **case.options)
    simulate(steps, seed if order is None else order)
    assert_close(dweight, reference.conv2d_backward(dy, x, weight, dy, **case.options)[1])
    return dweight


@pytest.mark.parametrize("name", EVERY)
def test_direct_rungs(name):
    check_forward(EVERY[name], "direct", seed=SEEDS[name])
    check_dx(EVERY[name], "direct_dx", seed=SEEDS[name])


@pytest.mark.parametrize("name", ["1x1", "pointwise", "dilation", "stride 3", *GROUPED])
def test_direct_dweight(name):
    check_dweight(EVERY[name], "direct_dweight", seed=SEEDS[name])


@pytest.mark.parametrize("name", UNGROUPED)
def test_gathering_rungs(name):
    check_forward(UNGROUPED[name], "implicit_gemm_64x32", seed=SEEDS[name])
    check_dx(UNGROUPED[name], "implicit_gemm_64x32", seed=SEEDS[name])
    check_dweight(UNGROUPED[name], "dweight_32x32", seed=SEEDS[name])


@pytest.mark.parametrize("rung", GATHERING)
def test_gathering_across_tiles(rung):
    check_forward(ACROSS_TILES, rung, seed=1)


def test_dx_across_tiles():
    check_dx(Case(2, 33, 2, (17, 9), (3, 2), stride=(2, 1)), "implicit_gemm_128x32", seed=2)


@pytest.mark.parametrize("rung", ["implicit_gemm_64x64", "implicit_gemm_64x32"])
def test_memory_answers_at_once(rung):
    case = Case(1, 1, 64, (8, 8), (3, 3), padding=(1, 1))
    x, weight, bias, _, y = case.arrays()
    step = convolution.conv2d(x, weight, bias, y, rung=rung, **case.options)
    traffic = step.simulate(count=True)
    stored, shared = traffic.total("global", "store"), traffic.total("shared")
    assert stored.bytes == y.nbytes
    assert stored.sectors == y.nbytes // 32  # neighbouring threads store neighbouring pixels
    assert shared.waves * 128 == shared.bytes  # and never wait for one another's bank


@pytest.mark.parametrize("rung", DWEIGHT)
def test_dweight_across_tiles(rung):
    check_dweight(Case(1, 3, 65, (6, 5), (6, 4), padding=(1, 0)), rung, seed=3)


@pytest.mark.parametrize("activation", [None, "relu"])
@pytest.mark.parametrize("bias", [True, False])
@pytest.mark.parametrize("rungs", [("direct", "direct_dx"), ("implicit_gemm_64x32",) * 2])
def test_bias_and_activation(rungs, bias, activation):
    case = Case(1, 2, 3, (3, 4), (2, 2), padding=(1, 0))
    check_forward(case, rungs[0], bias, activation, seed=4)
    check_dx(case, rungs[1], bias, activation, seed=5)


@pytest.mark.parametrize("name", ["3x3", "halving", "dilation"])
def test_im2col(name):
    case = EVERY[name]
    x, weight, _, _, dy = case.arrays()
    (N, O, HO, WO), taps = dy.shape, weight[0].size  # noqa: E741
    patches = unwritten((N * HO * WO, taps))
    options = {key: value for key, value in case.options.items() if key != "groups"}
    simulate(convolution.patches(x, patches, case.kernel, (HO, WO), **options), seed=6)
    y = (patches @ weight.reshape(O, taps).T).reshape(N, HO, WO, O).transpose(0, 3, 1, 2)
    assert_close(y, reference.conv2d(x, weight, **case.options))


@pytest.mark.parametrize("rung", ["dweight_32x32", "direct_dweight"])
def test_sums_have_the_same_bits_in_any_order_of_threads(rung):
    with mock.patch.object(convolution, "LEAST", 24):  # 108 pixels: 4 splits
        case = Case(3, 1, 2, (7, 7), (2, 2))
        first, second = (check_dweight(case, rung, seed=7, order=order) for order in (1, 2))
    np.testing.assert_array_equal(first, second)


@pytest.mark.parametrize("name", ["1x1", "3x3", "one row"])
def test_dbias(name):
    dy = EVERY[name].arrays()[-1]
    dbias = unwritten(dy.shape[1])
    simulate(convolution.conv2d_dbias(dy, dbias, unwritten), seed=2)
    assert_close(dbias, dy.sum(axis=(0, 2, 3)))


@pytest.mark.parametrize("least", [256, 16])
def test_dz_is_computed_while_it_is_summed(least):
    dy, y = (np.random.default_rng(i).standard_normal((2, 3, 5, 4), np.float32) for i in (1, 2))
    y, dz, dbias = np.maximum(y, 0), unwritten(dy.shape), unwritten(3)
    with mock.patch.object(convolution, "LEAST", least):
        simulate(convolution.conv2d_dbias(dy, dbias, unwritten, y, dz), seed=3)
    np.testing.assert_array_equal(dz, dy * (y > 0))
    assert_close(dbias, (dy * (y > 0)).sum(axis=(0, 2, 3)))


def test_long_sums_are_split():
    case = Case(4, 3, 2, (16, 17), (1, 1))  # 1088 pixels
    x, weight, _, _, dy = case.arrays()
    first, second = convolution.conv2d_dweight(x, dy, weight, unwritten, **case.options)
    assert first.sizes == (2, 3, 4)
    assert second.rung is RUNGS["add_splits"]
    (only,) = convolution.conv2d_dweight(x[:1], dy[:1], weight, unwritten, **case.options)
    assert only.arguments[2] is weight


def test_no_images_give_no_gradient():
    case = Case(0, 2, 3, (4, 4), (3, 3))
    x, weight, _, _, dy = case.arrays()
    dweight, dbias = unwritten(weight.shape), unwritten(3)
    simulate(convolution.conv2d_dweight(x, dy, dweight, unwritten, **case.options))
    simulate(convolution.conv2d_dbias(dy, dbias, unwritten))
    assert not dweight.any()
    assert not dbias.any()


@pytest.mark.parametrize("rung", ["direct", "implicit_gemm_64x32"])
def test_infinite_weights_meet_no_zeros_but_those_of_x(rung):
    case = Case(1, 1, 2, (4, 4), (3, 3))  # 9 taps: 7 of the second 8 are filled up
    x, weight, _, _, dy = case.arrays()
    weight[0, 0, 0, 0], y = np.inf, unwritten(dy.shape)
    simulate(convolution.conv2d(np.abs(x), weight, None, y, rung=rung, **case.options))
    assert np.isposinf(y[:, 0]).all()
    assert np.isfinite(y[:, 1]).all()


@pytest.mark.parametrize("rung", ["direct", "implicit_gemm_64x32"])
def test_relu_lets_nan_pass(rung):
    case = Case(1, 1, 1, (2, 3), (1, 1))
    x, weight, bias, _, y = case.arrays()
    x[0, 0, 1, 1] = np.nan
    simulate(convolution.conv2d(x, weight, bias, y, "relu", rung, **case.options))
    np.testing.assert_array_equal(np.isnan(y), np.isnan(x))


def chosen(case):
    x, weight, _, _, dy = (np.broadcast_to(np.float32(0), shape) for shape in case.shapes())
    steps = [
        convolution.conv2d(x, weight, None, dy, **case.options),
        convolution.conv2d_dx(dy, weight, None, x, **case.options),
        convolution.conv2d_dweight(x, dy, weight, unwritten, **case.options)[0],
    ]
    names = {id(rung): name for name, rung in RUNGS.items()}
    return [names[id(step.rung)] for step in steps]


@pytest.mark.parametrize(
    ("case", "rungs"),
    [
        (GROUPED["depthwise"], ["direct", "direct_dx", "direct_dweight"]),
        (Case(1, 1, 1, (16, 1), (16, 1)), ["direct", "direct_dx", "direct_dweight"]),
        (
            Case(8, 16, 32, (28, 28), (3, 3)),
            ["implicit_gemm_64x32", "implicit_gemm_64x32", "dweight_32x32"],
        ),
        (
            Case(512, 16, 32, (56, 56), (3, 3), stride=(2, 2)),
            ["implicit_gemm_128x32", "implicit_gemm_128x32", "dweight_32x32"],
        ),
        (
            Case(8, 64, 64, (14, 14), (3, 3)),
            ["implicit_gemm_64x64", "implicit_gemm_64x64", "dweight_64x64"],
        ),
        (
            Case(256, 128, 128, (28, 28), (3, 3)),
            ["implicit_gemm_128x64", "implicit_gemm_128x64", "dweight_128x64"],
        ),
    ],
    ids=["groups", "16 taps", "small", "few channels", "few pixels", "large"],
)
def test_shapes_choose_the_rung(case, rungs):
    assert chosen(case) == rungs


def test_classes_of_a_halving_convolution_share_its_taps():
    tables = backward_tables(2, 5, (8, 8), (4, 4), (3, 3), (2, 2), (1, 1), (1, 1))
    _, pixels, _, taps = tables.classes.reshape(-1, 4).T
    assert list(pixels) == [16] * 4
    assert list(taps) == [8, 16, 16, 24]  # 5 x (1, 2, 2, 4), filled up to multiples of 8
    assert sorted(tables.places) == list(range(64))


def test_tables_are_made_once():
    arguments = 3, (8, 8), (3, 3), (1, 1), (1, 1), (1, 1)
    assert forward_tables(*arguments) is forward_tables(*arguments)
    assert not forward_tables(*arguments).taps.flags.writeable


COMPILED = [(name, (9, 0)) for name in RUNGS]
COMPILED += [(name, capability) for name in GATHERING + DWEIGHT for capability in ((7, 5), (8, 0))]


@pytest.mark.parametrize(("name", "capability"), COMPILED, ids=str)
def test_rungs_compile_into_registers(name, capability):
    pytest.importorskip("cuda.bindings.nvjitlink", reason="compiles with minae[cuda-compile]")
    from minae.kernels.cuda.launch import build

    compiled = build.cubin(build.ptx(RUNGS[name], capability), capability)
    assert compiled.spills == 0
    assert compiled.registers <= 128
