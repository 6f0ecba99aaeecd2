"""Convolutions on the GPU at the shapes of the workloads: are they right, and against cuDNN.

A transposed convolution's forward is the input gradient of a convolution, and its input gradient is
a convolution: so three functions are measured, and what they are to a layer is looked up.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from functools import partial

from minae import nn
from minae.bench.gpu_race import (
    FP32,
    Contender,
    Row,
    error,
    in_turn,
    moved_bytes,
    race,
    sets,
    verdict,
)
from minae.bench.workloads import workload
from minae.kernels import reference, shapes
from minae.kernels.cuda.ladders import convolution
from minae.kernels.cuda.launch import device

WORKLOADS = "W3", "W4"
IMAGES = 4  # of a comparison with the reference
CUDNN = "cudnn", "cudnn_nhwc"  # channels first, PyTorch's default, and channels last
#: The functions, and the rung of each that is right by definition.
DIRECT = {"conv2d": "direct", "conv2d_dx": "direct_dx", "conv2d_dweight": "direct_dweight"}
FUNCTIONS = tuple(DIRECT)
WINOGRAD = 3e-4  # error of cuDNN in float32, which may transform; in TF32 it is above 1e-3


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
    def window(self) -> dict:
        """The options of the kernels' functions."""
        pairs = {"stride": (self.stride,) * 2, "padding": (self.padding,) * 2}
        return pairs | {"dilation": (1, 1), "groups": 1}

    def arrays(self, function: str, N: int) -> tuple:
        """Return the shapes of a function's two operands and of its result."""
        x, weight = (N, self.C, self.H, self.H), (self.O, self.C, self.K, self.K)
        y = (N, self.O, self.HO, self.HO)
        orders = (x, weight, y), (y, weight, x), (x, y, weight)
        return orders[FUNCTIONS.index(function)]

    def flops(self, N: int) -> float:
        """Count a function's operations, two a product; all three have the same products."""
        return 2 * N * self.HO**2 * self.O * self.C * self.K**2

    def __str__(self) -> str:
        return f"{self.C}x{self.H}² to {self.O}x{self.HO}², kernel {self.K}, stride {self.stride}"


def layers(name: str) -> list[tuple[Geometry, str, list[str]]]:
    """Return of each convolution of a workload the functions of its forward and its backward pass.

    The first layer needs no input gradient.
    """
    work = workload(name)
    model, size, found = work.build(), work.image_shape[1], []
    for layer in [*model.encoder, *model.decoder]:
        if isinstance(layer, nn.Unflatten):
            size = layer.unflattened_size[1]
        if not isinstance(layer, nn.Conv2d | nn.ConvTranspose2d):
            continue
        O, C, K, _ = layer.weight.shape  # noqa: E741
        s, p = (layer.stride,) * 2, (layer.padding,) * 2
        options = (size, size), (K, K), s, p
        if isinstance(layer, nn.Conv2d):
            after = shapes.conv2d_output_size(*options, (1, 1))[0]
            edges, forward, dx = (size, after), "conv2d", "conv2d_dx"
        else:
            after = shapes.conv_transpose2d_output_size(*options, (0, 0), (1, 1))[0]
            edges, forward, dx = (after, size), "conv2d_dx", "conv2d"
        backward = ["conv2d_dweight", dx] if found else ["conv2d_dweight"]
        geometry = Geometry(C, edges[0], O, edges[1], K, layer.stride, layer.padding)
        found.append((geometry, forward, backward))
        size = after
    return found


def _geometries() -> dict[Geometry, set[str]]:
    """Return all geometries, and which functions of them training needs."""
    needed: dict[Geometry, set[str]] = {}
    for name in WORKLOADS:
        for geometry, forward, backward in layers(name):
            needed.setdefault(geometry, set()).update([forward, *backward])
    return needed


def correctness(machine) -> Iterator[Row]:
    """Yield what compares each rung at each geometry with the reference."""
    for geometry in _geometries():
        yield f"convolution {geometry}", partial(_check, machine, geometry)


def _check(machine, geometry: Geometry) -> list[dict]:
    x, weight, y = geometry.arrays("conv2d", IMAGES)
    x, weight, dy = map(machine.random, (x, weight, y))
    on_cpu, window = [machine.numpy(a) for a in (x, weight, dy)], geometry.window
    y = reference.conv2d(*on_cpu[:2], **window)
    dx, dweight, dbias = reference.conv2d_backward(on_cpu[2], *on_cpu[:2], y, **window)
    cases = {
        "conv2d": ((x, weight), y),
        "conv2d_dx": ((dy, weight), dx),
        "conv2d_dweight": ((x, dy), dweight),
    }
    rows = []
    for name in convolution.RUNGS:
        for function, (operands, expected) in cases.items():
            if _computes(name, function):
                call = _ours(
                    machine, geometry, function, *operands, machine.nan(expected.shape), name
                )
                off = error(machine.numpy(call()), expected)
                rows.append(verdict(f"{function} {name}, {geometry}", off, FP32))
    out = machine.nan(dbias.shape)
    device.launch(convolution.conv2d_dbias(dy, out, machine.nan))
    off = error(machine.numpy(out), dbias)
    return [
        *rows,
        verdict(f"dbias, {geometry}", off, FP32),
        _check_patches(machine, geometry, x, weight, y),
    ]


def _computes(rung: str, function: str) -> bool:
    """Return whether a rung can compute a function, by their names."""
    beginning = "dweight_" if function == "conv2d_dweight" else "implicit_gemm_"
    return rung == DIRECT[function] or rung.startswith(beginning)


def _check_patches(machine, geometry: Geometry, x, weight, y) -> dict:
    """Multiply the patches that im2col writes down."""
    N, O, HO, _ = y.shape  # noqa: E741
    out = machine.nan((N * HO * HO, geometry.C * geometry.K**2))
    options = {key: geometry.window[key] for key in ("stride", "padding", "dilation")}
    sizes = (geometry.K,) * 2, (HO, HO)
    device.launch(convolution.patches(x, out, *sizes, **options))
    rows = machine.numpy(out) @ machine.numpy(weight).reshape(O, -1).T  # (N HO WO, O)
    product = rows.reshape(N, HO, HO, O).transpose(0, 3, 1, 2)
    return verdict(f"im2col, {geometry}", error(product, y), FP32)


def _ours(machine, geometry: Geometry, function: str, a, b, out, rung: str | None = None):
    """Return the function that launches a convolution, or a gradient of it, into `out`."""
    operands = (a, b, out, machine.nan) if function == "conv2d_dweight" else (a, b, None, out)
    steps = getattr(convolution, function)(*operands, rung=rung, **geometry.window)

    def launch():
        device.launch(steps)
        return out

    return launch


def _cudnn(torch, geometry: Geometry, function: str, a, b, out, nhwc: bool):
    """Return the function that has PyTorch do the same on the same numbers."""
    form = torch.channels_last if nhwc else torch.contiguous_format
    a, b, out = (torch.from_dlpack(x).contiguous(memory_format=form) for x in (a, b, out))
    stride, padding = geometry.window["stride"], geometry.window["padding"]
    if function == "conv2d":
        return lambda: torch.conv2d(a, b, None, stride, padding)
    of_x = function == "conv2d_dx"
    dy, x, weight = (a, out, b) if of_x else (b, a, out)  # of `out` only the shape is used
    rest = None, stride, padding, (1, 1), False, (0, 0), 1, (of_x, not of_x, False)
    backward = torch.ops.aten.convolution_backward
    return lambda: backward(dy, x, weight, *rest)[0 if of_x else 1]


def passes(machine) -> Iterator[Row]:
    """Yield what races each function at each geometry that training needs: a row each.

    The direct rung, which is compared with the reference, says what is right.
    """
    for geometry, needed in _geometries().items():
        for function in FUNCTIONS:
            if function in needed:
                yield f"{function}, {geometry}", partial(_race, machine, geometry, function)


def _race(machine, geometry: Geometry, function: str) -> list[dict]:
    N = workload(WORKLOADS[0]).batch
    *inputs, output = geometry.arrays(function, N)
    arrays = sets(machine, inputs, output)
    how = geometry, function
    direct = partial(_ours, machine, *how, rung=DIRECT[function])
    contenders = [
        Contender("direct", partial(in_turn, direct, arrays)),
        Contender("minae", partial(in_turn, partial(_ours, machine, *how), arrays), CUDNN),
    ]
    for name in CUDNN if machine.torch is not None else ():
        call = partial(_cudnn, machine.torch, *how, nhwc=name != CUDNN[0])
        contenders.append(Contender(name, partial(in_turn, call, arrays), tolerance=WINOGRAD))
    nbytes = moved_bytes(*inputs, output)
    results = race(machine, contenders, arrays[0][-1], geometry.flops(N), nbytes)
    row = {"function": function, "geometry": str(geometry), **results.pop("minae")}
    row["of_cudnn"] = row.pop("ratio", None)
    for name, theirs in results.items():
        row |= {f"{name}_{key}": theirs.get(key) for key in ("ms", "tflops", "failed")}
    return [row]


def pack(rows: list[dict]) -> dict:
    """Return the rows, and for each workload cuDNN's time over ours, all convolutions together."""
    found = {(row["function"], row["geometry"]): row for row in rows}
    totals = {}
    for name in WORKLOADS:
        passes = [(str(g), [forward], backward) for g, forward, backward in layers(name)]
        totals[name] = {
            "forward": _ratio([found.get((f, g), {}) for g, forward, _ in passes for f in forward]),
            "backward": _ratio([found.get((f, g), {}) for g, _, back in passes for f in back]),
        }
    return {"passes": rows, "workloads": totals}


def _ratio(rows: list[dict]) -> float | None:
    """Return the time of the faster of cuDNN's ways over ours, None if any is not known."""
    theirs = [[row[f"{c}_ms"] for c in CUDNN if row.get(f"{c}_ms")] for row in rows]
    if not all(theirs) or not all(row.get("ms") for row in rows):
        return None
    return sum(map(min, theirs)) / sum(row["ms"] for row in rows)
