"""What GPU kernels move, as the simulator counts it: a table per ladder, and one per rung.

A ladder's rungs are compared by numbers that depend on no GPU: the bytes that go through global
memory for each multiplication, how many of them were asked for, and how often shared memory has to
answer.
"""

from collections.abc import Callable, Collection
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from minae import plots
from minae.errors import InputError
from minae.kernels import reference
from minae.kernels.cuda.ladders import convolution, gemm, matmul
from minae.kernels.simulator import Traffic
from minae.kernels.simulator.traffic import SECTOR
from minae.report import print_table


@dataclass(frozen=True)
class Ladder:
    """Kernels that compute the same, and how each is run in the simulator."""

    problem: str
    products: int  # multiplications
    rungs: Collection[str]
    launch: Callable[[str], Traffic]


def ladder(name: str) -> Ladder:
    """Return a ladder. Raises InputError if there is no such ladder."""
    if name not in LADDERS:
        raise InputError(f"there is no ladder {name!r}; there are: {', '.join(LADDERS)}")
    return LADDERS[name]()


def _matmul() -> Ladder:
    M, N, K = 128, 128, 16  # the smallest that all rungs can compute
    rungs = matmul.RUNGS | {
        "pipelined": gemm.simple(128, 128, True, False, 4),
        "tensor_cores": gemm.tensor(128, 128, True, False, 4),
    }

    def launch(name: str) -> Traffic:
        normal = np.random.default_rng(0).standard_normal
        a, b = normal((M, K), np.float32), normal((K, N), np.float32)
        c = np.full((M, N), np.nan, np.float32)
        sizes, arrays = (M, N), (a.reshape(-1), b.reshape(-1), c.reshape(-1))
        if name not in matmul.RUNGS:  # see gemm: no bias, no splits, nothing after the product
            sizes, arguments = (M, N, 1), (*arrays, normal(N, np.float32), M, N, K, K, 0, 0, 0)
        else:
            flat = rungs[name].parameters[0].endswith("*")
            arguments = (*arrays, K, N) if flat else (a, b, c)
        traffic = rungs[name].simulate(sizes, *arguments, count=True)
        assert traffic is not None  # as it was to count
        np.testing.assert_allclose(c, a @ b, rtol=1e-2, atol=1e-2)  # TF32 has 10 bits
        return traffic

    return Ladder(f"{M} x {N} x {K}", M * N * K, rungs, launch)


def _convolution() -> Ladder:
    N, C, H, O, K = 2, 4, 14, 32, 3  # noqa: E741
    window = {"stride": (2, 2), "padding": (1, 1), "dilation": (1, 1), "groups": 1}

    def launch(name: str) -> Traffic:
        normal = np.random.default_rng(0).standard_normal
        x, weight = normal((N, C, H, H), np.float32), normal((O, C, K, K), np.float32)
        expected = reference.conv2d(x, weight, **window)
        y = np.full(expected.shape, np.nan, np.float32)
        rung, sizes, arguments = convolution.conv2d(x, weight, None, y, rung=name, **window)
        flat = rung.parameters[0].endswith("*")
        arrays = {id(a): a.reshape(-1) if flat else a for a in (x, weight, y)}
        arguments = [arrays.get(id(a), a) for a in arguments]
        arguments[2] = weight.reshape(-1).copy()  # the bias, which is not read
        traffic = rung.simulate(sizes, *arguments, count=True)
        assert traffic is not None
        np.testing.assert_allclose(y, expected, rtol=1e-4, atol=1e-4)
        return traffic

    rungs = "direct", "implicit_gemm_64x32", "implicit_gemm_128x32"
    problem = f"{N} images of {C} x {H} x {H}, {O} kernels of {K} x {K}, stride 2"
    products = N * O * (H // 2) ** 2 * C * K * K
    return Ladder(problem, products, rungs, launch)


LADDERS = {"matmul": _matmul, "convolution": _convolution}


def print_ladder(name: str) -> None:
    """Print a row for each rung."""
    rows, found = [], ladder(name)
    for rung in found.rungs:
        traffic = found.launch(rung)
        moved, shared = traffic.total("global"), traffic.total("shared")
        sectors = SECTOR * moved.sectors
        wanted, answers = 100 * moved.bytes / sectors, 32 * shared.waves / found.products
        rows.append((rung, sectors / found.products, wanted, answers))
    header = ("rung", "bytes moved", "% wanted", "shared answers")
    print_table(header, rows, f"{name}, {found.problem}: for each multiplication")
    print(
        "bytes moved: through global memory, in sectors of 32. % wanted: of them; over 100 where\n"
        "lanes want the same. shared answers: by a warp of 32 lanes, so 1 is one number each."
    )


def lines(traffic: Traffic) -> dict[tuple[str, str, str], list]:
    """Return a launch's requests by line, kind ("load") and memory ("shared tile"), in order."""
    groups: dict[tuple[str, str, str], list] = {}
    for request in traffic.requests:
        groups.setdefault((request.line, request.kind, request.array), []).append(request)

    def in_order(key: tuple[str, str, str]) -> tuple:
        file, _, number = key[0].rpartition(":")
        return file, int(number), key

    return {key: groups[key] for key in sorted(groups, key=in_order)}


def print_rung(name: str, rung: str, out: Path | None) -> None:
    """Print a row for each line of a rung that touches memory; draw the first request of each."""
    found = ladder(name)
    if rung not in found.rungs:
        raise InputError(f"{name} has no rung {rung!r}; it has: {', '.join(found.rungs)}")
    rows, panels = [], {}
    for (line, kind, memory), requests in lines(found.launch(rung)).items():
        is_global = memory.startswith("global")
        costs = [r.sectors if is_global else r.waves for r in requests]
        wanted = sum(r.wanted for r in requests) / len(requests)
        cost, unit = sum(costs) / len(costs), "sectors" if is_global else "answers"
        rows.append((line, f"{kind} {memory}", len(requests), wanted, f"{cost:.4g} {unit}"))
        panels[f"{kind} {memory}, {line}"] = requests[0]
    header = ("line", "", "requests of a warp", "bytes each", "take each")
    print_table(header, rows, f"{name}, {rung}")
    if out is not None:
        plots.save(plots.requests(panels, f"{rung}: what the lanes of a warp want at once"), out)
        print(f"written: {out}")
