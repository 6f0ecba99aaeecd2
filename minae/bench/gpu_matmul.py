"""Matrix products on the GPU: are all kernels right, the ladder, and the shapes of autoencoders."""

import itertools
from collections.abc import Iterator
from functools import partial

import numpy as np

from minae.bench.gpu_race import (
    FP32,
    TF32,
    Contender,
    Row,
    error,
    in_turn,
    moved_bytes,
    race,
    sets,
    verdict,
)
from minae.kernels.cuda.ladders import matmul
from minae.kernels.cuda.ladders.product import product
from minae.kernels.cuda.launch import device
from minae.kernels.cuda.launch.rung import Step

SIDE = 4096  # of the ladder's matrices
SIZES = (300, 260, 140), (129, 65, 77)  # (M, N, K): of whole 16 bytes, and odd
WHOLE = (256, 384, 136)  # for rungs that take whole tiles
BATCHES = 128, 512
LAYERS = (784, 512), (512, 256), (256, 32), (32, 256), (256, 512), (512, 784)  # (I, O)
PLAIN = {"transposed_a": False, "transposed_b": False, "tf32": False}


def correctness(machine) -> Iterator[Row]:
    """Yield what compares each kernel, and cuBLAS as it is called here, with float64 on the CPU."""
    for name in matmul.RUNGS:
        call = partial(_rung, name=name)
        yield f"matmul {name}", partial(_check, machine, name, _sizes(name), call)
    for turned_a, turned_b, tf32 in itertools.product((False, True), repeat=3):
        how = {"transposed_a": turned_a, "transposed_b": turned_b, "tf32": tf32}
        letters = "nt"[turned_a] + "nt"[turned_b] + ", TF32" * tf32
        for name, call in (("product", _ours), ("cuBLAS", _theirs)):
            title = f"{name} {letters}"
            yield title, partial(_check, machine, title, SIZES, partial(call, **how), how)


def _check(machine, title: str, sizes, call, how: dict = PLAIN) -> list[dict]:
    """Compute products on fresh random inputs, into arrays full of nan."""
    rows = []
    for M, N, K in sizes:
        shapes = _stored(M, N, K, how)
        a, b = map(machine.random, shapes)
        left, right = (machine.numpy(x).astype(np.float64) for x in (a, b))
        left, right = (
            left.T if how["transposed_a"] else left,
            right.T if how["transposed_b"] else right,
        )
        actual = machine.numpy(call(machine, a, b, machine.nan((M, N)))())
        case = f"matmul {title} {M}x{N}x{K}"
        rows.append(verdict(case, error(actual, left @ right), TF32 if how["tf32"] else FP32))
    return rows


def _stored(M: int, N: int, K: int, how: dict) -> tuple:
    """Return the shapes of a and b as they lie in memory."""
    return (K, M) if how["transposed_a"] else (M, K), (N, K) if how["transposed_b"] else (K, N)


def _rung(machine, a, b, c, name: str):
    """Return the function that launches a rung of the ladder."""
    rung, (M, N), K = matmul.RUNGS[name], c.shape, len(b)
    arguments = (*(x.reshape(-1) for x in (a, b, c)), K, N) if _is_flat(rung) else (a, b, c)
    return _launcher([Step(rung, (M, N), arguments)], c)


def _sizes(name: str) -> tuple:
    """Return the sizes at which a rung is compared."""
    return (WHOLE,) if _is_flat(matmul.RUNGS[name]) else SIZES


def _is_flat(rung) -> bool:
    return rung.parameters[0].endswith("*")


def _ours(machine, a, b, c, **how):
    """Return the function that launches what `product` chooses."""
    return _launcher(product(a, b, c, machine.nan, **how, processors=device.processors(c)), c)


def _theirs(machine, a, b, c, **how):
    return machine.cublas(a, b, c, **how)


def _launcher(steps: list[Step], c):
    def launch():
        device.launch(steps)
        return c

    return launch


def _contender(
    machine, arrays, name: str, call, sizes, how: dict = PLAIN, rivals: tuple = ()
) -> Contender:
    """Return what takes part in a race, unless it is wrong at one of the sizes."""

    def make():
        for row in _check(machine, name, sizes, call, how):
            if not row["right"]:
                raise ValueError(f"wrong: error {row['error']} in {row['case']}")
        return in_turn(partial(call, machine), arrays)

    return Contender(name, make, rivals, TF32 if how["tf32"] else FP32)


def ladder(machine) -> Iterator[Row]:
    """Yield the race of all rungs: a row each."""
    yield f"{SIDE}x{SIDE}x{SIDE}", partial(_ladder, machine)


def _ladder(machine) -> list[dict]:
    side, tf32 = (SIDE, SIDE), PLAIN | {"tf32": True}
    arrays = sets(machine, [side, side], side)
    take = partial(_contender, machine, arrays)
    contenders = [
        take("cublas", partial(_theirs, **PLAIN), SIZES),
        take("cublas_tf32", partial(_theirs, **tf32), SIZES, tf32),
        *(take(n, partial(_rung, name=n), _sizes(n), PLAIN, ("cublas",)) for n in matmul.RUNGS),
        take("pipelined", partial(_ours, **PLAIN), SIZES, PLAIN, ("cublas",)),
        take("tensor_cores", partial(_ours, **tf32), SIZES, tf32, ("cublas_tf32",)),
    ]
    results = race(machine, contenders, arrays[0][-1], 2 * SIDE**3, moved_bytes(side, side, side))
    return [{"rung": name, **_of_cublas(row)} for name, row in results.items()]


def shapes(machine) -> Iterator[Row]:
    """Yield the three products of each layer of an autoencoder, for each batch: a row each."""
    for batch in BATCHES:
        for inputs, outputs in LAYERS:
            for title, (size, how) in products(batch, inputs, outputs).items():
                case = {"batch": batch, "layer": f"{inputs}x{outputs}", "pass": title}
                name = f"batch {batch}, {inputs}x{outputs}, {title}"
                yield name, partial(_shape, machine, case, size, how)


def products(batch: int, inputs: int, outputs: int) -> dict[str, tuple]:
    """Return by pass the product's (M, N, K), and how its operands lie.

    x (B, I), weight (O, I), dy (B, O): y = x weightᵀ, dx = dy weight, dweight = dyᵀ x.
    """
    return {
        "forward": ((batch, outputs, inputs), PLAIN | {"transposed_b": True}),
        "dx": ((batch, inputs, outputs), PLAIN),
        "dweight": ((outputs, inputs, batch), PLAIN | {"transposed_a": True}),
    }


def _shape(machine, case: dict, size: tuple[int, int, int], how: dict) -> list[dict]:
    M, N, K = size
    operands = _stored(M, N, K, how)
    arrays = sets(machine, operands, (M, N))
    contenders = [
        _contender(machine, arrays, "cublas", partial(_theirs, **how), SIZES, how),
        _contender(machine, arrays, "minae", partial(_ours, **how), SIZES, how, ("cublas",)),
    ]
    nbytes = moved_bytes(*operands, (M, N))
    results = race(machine, contenders, arrays[0][-1], 2 * M * N * K, nbytes)
    theirs = {f"cublas_{key}": results["cublas"].get(key) for key in ("ms", "tflops", "failed")}
    return [case | {"size": f"{M}x{N}x{K}"} | _of_cublas(results["minae"]) | theirs]


def _of_cublas(row: dict) -> dict:
    """Say of a ratio what it is here: the share of cuBLAS's speed."""
    return {"of_cublas" if key == "ratio" else key: value for key, value in row.items()}
