"""What GPU kernels move, as the simulator counts it: tables for a ladder and a rung, a picture.

A ladder is compared by numbers that do not depend on a GPU: how many bytes go through global memory
for each multiplication, how many of them were asked for, and how often shared memory has to answer.
"""

from pathlib import Path

import numpy as np

from minae import plots
from minae.errors import InputError
from minae.kernels.cuda import matmul
from minae.kernels.simulator import Traffic
from minae.kernels.simulator.traffic import SECTOR
from minae.report import print_table

SIZE = (128, 128, 16)  # M, N, K: the smallest that all rungs can compute
LADDERS = {"matmul": matmul.RUNGS}


def ladder(name: str) -> dict:
    """Return the rungs of a ladder. Raises InputError if there is no such ladder."""
    if name not in LADDERS:
        raise InputError(f"there is no ladder {name!r}; there are: {', '.join(LADDERS)}")
    return LADDERS[name]


def launch(rung) -> Traffic:
    """Run a rung of matmul in the simulator, and return what it moved."""
    M, N, K = SIZE
    normal = np.random.default_rng(0).standard_normal
    a, b = normal((M, K), np.float32), normal((K, N), np.float32)
    c = np.full((M, N), np.nan, np.float32)
    if rung.parameters[0].endswith("*"):
        arguments = a.reshape(-1), b.reshape(-1), c.reshape(-1), K, N
    else:
        arguments = a, b, c
    traffic = rung.simulate((M, N), *arguments, count=True)
    np.testing.assert_allclose(c, a @ b, rtol=1e-4, atol=1e-4)
    return traffic


def print_ladder(name: str) -> None:
    """Print a row for each rung."""
    rows, products = [], np.prod(SIZE)
    for title, rung in ladder(name).items():
        traffic = launch(rung)
        moved, shared = traffic.total("global"), traffic.total("shared")
        sectors = SECTOR * moved.sectors
        wanted, answers = 100 * moved.bytes / sectors, 32 * shared.waves / products
        rows.append((title, sectors / products, wanted, answers))
    header = ("rung", "bytes moved", "% wanted", "shared answers")
    print_table(header, rows, f"{name}, {' x '.join(map(str, SIZE))}: for each multiplication")
    print(
        "bytes moved: through global memory, in sectors of 32. % wanted: of them; over 100 where\n"
        "lanes want the same. shared answers: by a warp of 32 lanes, so 1 is one number each."
    )


def lines(traffic: Traffic) -> dict[tuple[str, str, str], list]:
    """Return a launch's requests by line, kind ("load") and memory ("shared tile"), in order."""
    groups: dict[tuple, list] = {}
    for request in traffic.requests:
        memory = request.memory
        key = request.line, request.kind, f"{memory.space} {memory.name}"
        groups.setdefault(key, []).append(request)
    in_order = sorted(groups, key=lambda key: (int(key[0].rpartition(":")[2]), key))
    return {key: groups[key] for key in in_order}


def print_rung(name: str, rung: str, out: Path | None) -> None:
    """Print a row for each line of a rung that touches memory; draw the first request of each."""
    rungs = ladder(name)
    if rung not in rungs:
        raise InputError(f"{name} has no rung {rung!r}; it has: {', '.join(rungs)}")
    rows, panels = [], {}
    for (line, kind, memory), requests in lines(launch(rungs[rung])).items():
        is_global = requests[0].memory.space == "global"
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
