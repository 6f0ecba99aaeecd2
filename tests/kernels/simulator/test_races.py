import random
from itertools import combinations

import numpy as np
import pytest

from minae.kernels.cuda.launch.intrinsics import close_copies, copy1, wait_copies0
from minae.kernels.simulator import SimulationError, cuda, float32, launch

FULL = 0xFFFFFFFF
ACTORS = [(block, thread) for block in (0, 1) for thread in (0, 1, 2, 32, 33)]


def play(x, program, barriers):
    mine = [step for step in program if step[0] == (cuda.blockIdx.x, cuda.threadIdx.x)]
    for phase, barrier in enumerate(barriers):
        for _, when, kind, place in mine:
            if when == phase and kind == "read":
                x[place]
            elif when == phase and kind == "write":
                x[place] = 1
            elif when == phase:
                cuda.atomic.add(x, place, 1)
        if barrier == "block":
            cuda.syncthreads()
        else:
            cuda.syncwarp()


def is_race(one, other, barriers) -> bool:
    (actor, phase, kind, place), (actor2, phase2, kind2, place2) = one, other
    if actor == actor2 or place != place2 or kind == kind2 != "write":
        return False
    between = barriers[min(phase, phase2) : max(phase, phase2)]
    if actor[0] != actor2[0]:
        return True
    return "block" not in between and (actor[1] // 32 != actor2[1] // 32 or not between)


@pytest.mark.parametrize("actors", [2, 3, 5, 10])
def test_a_race_is_found_where_two_steps_of_any_program_are_one_and_nowhere_else(actors):
    choose, found = random.Random(actors), []
    for seed in range(120):
        barriers = choose.choices(["block", "warp"], k=4)
        active, kinds = ACTORS[:actors], ["read"] * choose.randint(1, 9) + ["write", "add"]
        program = [
            (choose.choice(active), choose.randrange(4), choose.choice(kinds), choose.randrange(3))
            for _ in range(choose.randint(2, 9))
        ]
        program.sort(key=lambda step: step[1])
        right = any(is_race(one, other, barriers) for one, other in combinations(program, 2))
        said = ""
        try:
            launch(play, 2, 40, np.zeros(3, "i4"), program, barriers, seed=seed)
        except SimulationError as error:
            said = str(error)
        found.append("a race: global x" in said)
        assert found[-1] == right, (said, program, barriers, seed)
    assert 10 < sum(found) < 110


@pytest.mark.parametrize("reader", [(0, 32), (1, 0)])
def test_a_place_that_one_warp_may_read_is_not_safe_for_others(reader):
    by_warp = [((0, thread), 1, "read", 0) for thread in (0, 1, 2)]
    for when in (0, 2):  # the write is ordered with the readers of its own warp alone
        program = [*by_warp, ((0, 1), when, "write", 0)]
        launch(play, 2, 40, np.zeros(1, "i4"), program, ["warp"] * 3)
        with pytest.raises(SimulationError, match="a race: global x"):
            launch(play, 2, 40, np.zeros(1, "i4"), [*program, (reader, 1, "read", 0)], ["warp"] * 3)


def emptied_too_late(x):
    total = cuda.shared.array(1, float32)
    if cuda.threadIdx.x == 0:
        total[0] = float32(0)
    cuda.atomic.add(total, 0, x[cuda.threadIdx.x])


def read_too_early(x):
    cuda.atomic.add(x, 0, float32(1))
    if cuda.threadIdx.x == cuda.blockDim.x - 1:
        x[1] = x[0]


def shuffle_for_a_barrier(x):
    tile = cuda.shared.array(32, float32)
    lane = cuda.laneid
    tile[lane] = x[lane]
    cuda.shfl_sync(FULL, lane, 0)
    x[lane] = tile[lane ^ 1]


@pytest.mark.parametrize(
    ("kernel", "says"),
    [
        (emptied_too_late, "shared total.*(never written|written by)"),
        (read_too_early, "global x.*added to by"),
        (shuffle_for_a_barrier, "shared tile.*(never written|race)"),
    ],
)
def test_an_order_that_only_happens_to_be_right_is_none(kernel, says):
    for seed in (None, 0, 1, 2):
        with pytest.raises(SimulationError, match=says):
            launch(kernel, 1, 32, np.zeros(32, "f4"), seed=seed)


def overwrite_source(x, when):
    tile = cuda.shared.array(32, float32)
    thread = cuda.threadIdx.x
    copy1(tile, thread, x, thread, True)
    close_copies()
    if when == "before":
        x[thread] = float32(1)
    wait_copies0()
    if when == "after":
        x[thread] = float32(1)


def test_the_source_of_a_copy_is_read_until_it_was_waited_for():
    launch(overwrite_source, 1, 32, np.zeros(32, "f4"), "after")
    with pytest.raises(SimulationError, match=r"global x.* is copied, and was meanwhile written"):
        launch(overwrite_source, 1, 32, np.zeros(32, "f4"), "before")


def test_the_message_names_lines_threads_and_place():
    says = (
        r"^test_races\.py:\d+: a race: global x\[0\] is written, and was written by"
        r" thread \(0, 0, 0\) of block \(0, 0, 0\) at test_races\.py:\d+\."
        r" This is thread \(1, 0, 0\) of block \(0, 0, 0\)$"
    )
    program = [((0, 0), 0, "write", 0), ((0, 1), 0, "write", 0)]
    with pytest.raises(SimulationError, match=says):
        launch(play, 1, 2, np.zeros(1, "f4"), program, ["block"])
