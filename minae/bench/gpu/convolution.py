"""Convolutions on the GPU at the workloads' shapes: correctness, and races against cuDNN.

The forward pass of a transposed convolution is the input gradient of a convolution, and its input
gradient is a convolution. So three functions are measured, and `layers` says which of them each
layer needs.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from typing import Any

from minae import nn
from minae.bench.gpu.machine import Gpu
from minae.bench.gpu.race import Contender, Row, Shape, beside, race_kernels, verdict
from minae.bench.workloads import workload
from minae.kernels import reference
from minae.kernels.cuda.ladders import convolution
from minae.kernels.cuda.launch import device

WORKLOADS = "W3", "W4"
IMAGES = 4  # per comparison with the reference
CUDNN = "cudnn", "cudnn_nhwc"  # channels first, PyTorch's default, and channels last
#: By function: the simplest rung, which the others are compared with, and the others' prefix.
RUNGS = {
    "conv2d": ("direct", "implicit_gemm_"),
    "conv2d_dx": ("direct_dx", "implicit_gemm_"),
    "conv2d_dweight": ("direct_dweight", "dweight_"),
}
WINOGRAD = 3e-4  # error of cuDNN in float32, if it uses Winograd's; in TF32 it exceeds 1e-3


@dataclass(frozen=True)
class Geometry:
    """A convolution of square images by square kernels: C channels H x H to O channels HO x HO."""

    C: int
    H: int
    O: int  # noqa: E741
    HO: int
    K: int
    stride: int
    padding: int

    @property
    def window(self) -> dict[str, Any]:
        """The options of the kernels' functions."""
        pairs = {"stride": (self.stride,) * 2, "padding": (self.padding,) * 2}
        return pairs | {"dilation": (1, 1), "groups": 1}

    def shapes(self, function: str, N: int) -> tuple[Shape, Shape, Shape]:
        """Return the shapes of a function's two operands and of its result."""
        x, weight = (N, self.C, self.H, self.H), (self.O, self.C, self.K, self.K)
        y = (N, self.O, self.HO, self.HO)
        orders = (x, weight, y), (y, weight, x), (x, y, weight)
        return orders[list(RUNGS).index(function)]

    def flops(self, N: int) -> float:
        """Count operations, two per product; all three functions have the same products."""
        return 2 * N * self.HO**2 * self.O * self.C * self.K**2

    def __str__(self) -> str:
        return f"{self.C}x{self.H}² to {self.O}x{self.HO}², kernel {self.K}, stride {self.stride}"


def layers(name: str) -> list[tuple[Geometry, dict[str, list[str]]]]:
    """Return a workload's convolutions, each with the functions that its passes need."""
    found = []
    for layer, x, y in workload(name).layers():
        if not hasattr(layer, "stride"):  # a linear one
            continue
        O, C, K, _ = layer.weight.shape  # noqa: E741
        window, forward, dx = (K, layer.stride, layer.padding), "conv2d", "conv2d_dx"
        if isinstance(layer, nn.ConvTranspose2d):
            x, y, forward, dx = y, x, dx, forward
        geometry = Geometry(C, x.shape[2], O, y.shape[2], *window)
        backward = ["conv2d_dweight", dx] if found else ["conv2d_dweight"]  # first: no dx needed
        found.append((geometry, {"forward": [forward], "backward": backward}))
    return found


def _geometries() -> dict[Geometry, set[str]]:
    """Return all geometries, each with the functions that training needs."""
    needed: dict[Geometry, set[str]] = {}
    for name in WORKLOADS:
        for geometry, passes in layers(name):
            needed.setdefault(geometry, set()).update(*passes.values())
    return needed


def correctness(machine: Gpu) -> Iterator[Row]:
    """Yield comparisons of each rung with the reference, for each geometry."""
    for geometry in _geometries():
        yield f"convolution {geometry}", partial(_check, machine, geometry)


def _check(machine: Gpu, geometry: Geometry) -> list[dict]:
    x, weight, dy = arrays = [*map(machine.random, geometry.shapes("conv2d", IMAGES))]
    on_cpu, window = [machine.numpy(array) for array in arrays], geometry.window
    y = reference.conv2d(on_cpu[0], on_cpu[1], **window)
    dx, dweight, dbias = reference.conv2d_backward(on_cpu[2], on_cpu[0], on_cpu[1], y, **window)
    cases: Any = (x, weight, y), (dy, weight, dx), (x, dy, dweight)
    rows = []

    def compare(title: str, actual, expected) -> None:
        rows.append(verdict(f"{title}, {geometry}", actual, expected))

    for rung in convolution.RUNGS:
        for (function, (direct, others)), case in zip(RUNGS.items(), cases, strict=True):
            if rung == direct or rung.startswith(others):
                a, b, expected = case
                out = machine.nan(expected.shape)
                _ours(machine, geometry, function, rung, a, b, out)()
                compare(f"{function} {rung}", machine.numpy(out), expected)
    out = machine.nan(dbias.shape)
    device.launch(convolution.conv2d_dbias(dy, out, machine.nan))
    compare("dbias", machine.numpy(out), dbias)
    N, O, HO, WO = y.shape  # noqa: E741
    out = machine.nan((N * HO * WO, geometry.C * geometry.K**2))
    del window["groups"]
    device.launch(convolution.patches(x, out, (geometry.K, geometry.K), (HO, WO), **window))
    product = machine.numpy(out) @ on_cpu[1].reshape(O, -1).T  # (N HO WO, O)
    compare("im2col", product.reshape(N, HO, WO, O).transpose(0, 3, 1, 2), y)
    return rows


def _ours(machine: Gpu, geometry: Geometry, function: str, rung: str | None, a, b, out) -> Callable:
    """Return a function that computes a convolution, or a gradient of one, into `out`."""
    operands = (a, b, out, machine.nan) if function == "conv2d_dweight" else (a, b, None, out)
    compute = getattr(convolution, function)
    return partial(device.launch, compute(*operands, rung=rung, **geometry.window))


def _cudnn(torch: Any, geometry: Geometry, function: str, nhwc: bool, a, b, out) -> Callable:
    """Return a function that has PyTorch compute the same from the same numbers."""
    form = torch.channels_last if nhwc else torch.contiguous_format
    a, b, out = (torch.from_dlpack(x).contiguous(memory_format=form) for x in (a, b, out))
    stride, padding = geometry.window["stride"], geometry.window["padding"]
    if function == "conv2d":
        return lambda: torch.conv2d(a, b, None, stride, padding)
    is_dx = function == "conv2d_dx"
    dy, x, weight = (a, out, b) if is_dx else (b, a, out)  # of `out` only the shape is used
    rest = None, stride, padding, (1, 1), False, (0, 0), 1, (is_dx, not is_dx, False)
    backward = torch.ops.aten.convolution_backward
    return lambda: backward(dy, x, weight, *rest)[0 if is_dx else 1]


def passes(machine: Gpu) -> Iterator[Row]:
    """Yield a race for each function that training needs, for each geometry.

    What is right is the output of the direct rung, which `correctness` compares with the reference.
    """
    for geometry, needed in _geometries().items():
        for function in RUNGS:
            if function in needed:
                yield f"{function}, {geometry}", partial(_race, machine, geometry, function)


def _race(machine: Gpu, geometry: Geometry, function: str) -> list[dict]:
    N, how = workload(WORKLOADS[0]).batch, (geometry, function)
    contenders = [
        Contender("direct", partial(_ours, machine, *how, RUNGS[function][0])),
        Contender("minae", partial(_ours, machine, *how, None), CUDNN),
    ]
    for name in CUDNN if machine.torch is not None else ():
        make = partial(_cudnn, machine.torch, *how, name != CUDNN[0])
        contenders.append(Contender(name, make, tolerance=WINOGRAD))
    shapes, flops = geometry.shapes(function, N), geometry.flops(N)
    results = race_kernels(machine, contenders, shapes, flops, "of_cudnn")
    return [{"function": function, "geometry": str(geometry), **beside(results)}]


def pack(rows: list[dict]) -> dict:
    """Return the rows, and cuDNN's time over ours for all convolutions of each workload."""
    found = {(row["function"], row["geometry"]): row for row in rows}
    totals = {}
    for name in WORKLOADS:
        needed: dict[str, list[dict]] = {"forward": [], "backward": []}
        for geometry, passes in layers(name):
            for which, functions in passes.items():
                needed[which] += [found.get((f, str(geometry)), {}) for f in functions]
        totals[name] = {which: _ratio(group) for which, group in needed.items()}
    return {"passes": rows, "workloads": totals}


def _ratio(rows: list[dict]) -> float | None:
    """Return the time of cuDNN's faster layout over ours; None if a time is missing."""
    theirs = [min([row[f"{c}_ms"] for c in CUDNN if row.get(f"{c}_ms")] or [0]) for row in rows]
    ours = [row.get("ms", 0) for row in rows]
    return sum(theirs) / sum(ours) if all(theirs + ours) else None
