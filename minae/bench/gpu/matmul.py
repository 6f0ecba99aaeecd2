"""Matrix products on the GPU: correctness, the ladder, and the shapes of autoencoders."""

import itertools
from collections.abc import Callable, Iterator
from functools import partial
from typing import NamedTuple

import numpy as np

from minae.bench.gpu.machine import Gpu
from minae.bench.gpu.race import FP32, TF32, Contender, Row, Shape, beside, race_kernels, verdict
from minae.kernels.cuda.ladders import matmul
from minae.kernels.cuda.ladders.product import product
from minae.kernels.cuda.launch import device
from minae.kernels.cuda.launch.rung import Step

SIDE = 4096  # of the ladder's matrices
SIZES = (300, 260, 140), (129, 65, 77)  # (M, N, K): rows of whole 16 bytes, and odd ones
WHOLE = (256, 384, 136)  # for rungs that only take whole tiles
BATCHES = 128, 512
LAYERS = (784, 512), (512, 256), (256, 32), (32, 256), (256, 512), (512, 784)  # (I, O)


class Form(NamedTuple):
    """How the operands of c = a b are stored, and whether they may be rounded to TF32."""

    transposed_a: bool = False
    transposed_b: bool = False
    tf32: bool = False

    def shapes(self, M: int, N: int, K: int) -> list[Shape]:
        """Return the shapes of a, b and c in memory."""
        a, b = (M, K), (K, N)
        return [a[::-1] if self.transposed_a else a, b[::-1] if self.transposed_b else b, (M, N)]


def _rung(machine: Gpu, name: str) -> Contender:
    rung = matmul.RUNGS[name]
    flat = rung.parameters[0].endswith("*")  # it takes pointers, and only whole tiles

    def make(a, b, c):
        pointers = (x.reshape(-1) for x in (a, b, c))
        arguments = (*pointers, len(b), c.shape[1]) if flat else (a, b, c)
        return partial(device.launch, Step(rung, c.shape, arguments))

    return _contender(machine, Form(), name, make, "cublas", sizes=(WHOLE,) if flat else None)


def _product(machine: Gpu, form: Form, name: str, *rivals: str) -> Contender:
    def make(a, b, c):
        processors = device.processors(c)
        steps = product(a, b, c, machine.nan, **form._asdict(), processors=processors)
        return partial(device.launch, steps)

    return _contender(machine, form, name, make, *rivals)


def _cublas(machine: Gpu, form: Form, name: str) -> Contender:
    return _contender(machine, form, name, partial(machine.cublas, **form._asdict()))


def _contender(
    machine: Gpu, form: Form, name: str, make: Callable[..., Callable], *rivals: str, sizes=None
) -> Contender:
    """Return a contender whose check compares it with float64 on the CPU, at `sizes`."""
    tolerance = TF32 if form.tf32 else FP32

    def check() -> list[dict]:
        rows = []
        for M, N, K in sizes or SIZES:
            *operands, output = form.shapes(M, N, K)
            a, b, c = *map(machine.random, operands), machine.nan(output)
            make(a, b, c)()
            left, right = (machine.numpy(x).astype(np.float64) for x in (a, b))
            left = left.T if form.transposed_a else left  # (M, K)
            right = right.T if form.transposed_b else right  # (K, N)
            case = f"matmul {name} {M}x{N}x{K}"
            rows.append(verdict(case, machine.numpy(c), left @ right, tolerance))
        return rows

    return Contender(name, make, rivals, tolerance, check)


def correctness(machine: Gpu) -> Iterator[Row]:
    """Yield comparisons of each kernel, and of cuBLAS as called here, with float64 on the CPU."""
    for name in matmul.RUNGS:
        yield f"matmul {name}", _rung(machine, name).check
    for form in itertools.starmap(Form, itertools.product((False, True), repeat=3)):
        letters = "nt"[form.transposed_a] + "nt"[form.transposed_b] + ", TF32" * form.tf32
        for name, make in (("product", _product), ("cuBLAS", _cublas)):
            yield f"{name} {letters}", make(machine, form, f"{name} {letters}").check


def ladder(machine: Gpu) -> Iterator[Row]:
    """Yield the race of all rungs, one row per rung."""
    plain, tf32 = Form(), Form(tf32=True)

    def measure() -> list[dict]:
        contenders = [
            _cublas(machine, plain, "cublas"),
            _cublas(machine, tf32, "cublas_tf32"),
            *(_rung(machine, name) for name in matmul.RUNGS),
            _product(machine, plain, "pipelined", "cublas"),
            _product(machine, tf32, "tensor_cores", "cublas_tf32"),
        ]
        results = race_kernels(machine, contenders, [(SIDE, SIDE)] * 3, 2 * SIDE**3, "of_cublas")
        return [{"rung": name, **row} for name, row in results.items()]

    yield f"{SIDE}x{SIDE}x{SIDE}", measure


def shapes(machine: Gpu) -> Iterator[Row]:
    """Yield races of the three products of each layer of an autoencoder, for each batch size."""
    for batch, (inputs, outputs) in itertools.product(BATCHES, LAYERS):
        for title, (size, form) in products(batch, inputs, outputs).items():
            case = {"batch": batch, "layer": f"{inputs}x{outputs}", "pass": title}
            name = f"batch {batch}, {inputs}x{outputs}, {title}"
            yield name, partial(_shape, machine, case, size, form)


def products(batch: int, inputs: int, outputs: int) -> dict[str, tuple[tuple, Form]]:
    """Return by pass the product's (M, N, K), and how its operands are stored.

    x (B, I), weight (O, I), dy (B, O): y = x weightᵀ, dx = dy weight, dweight = dyᵀ x.
    """
    return {
        "forward": ((batch, outputs, inputs), Form(transposed_b=True)),
        "dx": ((batch, inputs, outputs), Form()),
        "dweight": ((outputs, inputs, batch), Form(transposed_a=True)),
    }


def _shape(machine: Gpu, case: dict, size: tuple[int, int, int], form: Form) -> list[dict]:
    M, N, K = size
    contenders = _cublas(machine, form, "cublas"), _product(machine, form, "minae", "cublas")
    shapes = form.shapes(M, N, K)
    results = race_kernels(machine, contenders, shapes, 2 * M * N * K, "of_cublas")
    return [case | {"size": f"{M}x{N}x{K}"} | beside(results)]
