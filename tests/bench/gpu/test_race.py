"""Who may race, in what order, and what is made of the times."""

import math

import numpy as np
import pytest

from minae.bench.gpu import race
from minae.bench.gpu.race import Contender


def race_of_times(times, rivals, asked=None):
    """Race contenders that are all right, with these seconds a turn."""
    given = {name: iter([0.0, times[name][0], *times[name]]) for name in times}

    def timer(name, first, calls):
        if asked is not None:
            asked.append((name, first, calls))
        return next(given[name])

    contenders = [Contender(name, lambda: None, rivals.get(name, ())) for name in times]
    return race.race(contenders, lambda c: (c.name, 1), lambda *_: {}, timer)


def test_turns():
    """Each contender is first in turn, makes as many calls as fill a turn, and none twice."""
    asked, lengths = [], {"a": 1e-4, "b": 3e-4, "c": 1e-9}
    race_of_times({name: [length] * race.ROUNDS for name, length in lengths.items()}, {}, asked)
    rounds = [asked[i : i + 3] for i in range(6, len(asked), 3)]
    assert [turn[0][0] for turn in rounds] == list("abcabca")
    for name, calls in (("a", 10), ("b", 4), ("c", race.MOST_CALLS)):
        starts = [(first, n) for other, first, n in asked[6:] if other == name]
        assert starts == [(6 + i * calls, calls) for i in range(race.ROUNDS)]


def test_figures(monkeypatch):
    monkeypatch.setattr(race, "ROUNDS", 3)
    times = {"minae": [1e-3, 2e-3, 1e-3], "x": [2e-3, 2e-3, 3e-3], "y": [5e-3] * 3}
    results = race_of_times(times, {"minae": ("x", "y", "z")})
    assert results["minae"] == {"ms": 1.0, "ratio": 2.0}
    assert results["x"] == {"ms": 2.0, "ratio": None}


@pytest.mark.parametrize(
    ("flops", "numbers", "of_roof"),
    [(4e9, 1e8, 0.4), (4e9, 1e9, 4.0), (4e9, 2.5e5, 0.4)],  # 10 operations a byte is the ridge
)
def test_roofline_numbers(flops, numbers, of_roof, machine, monkeypatch):
    """4 GFLOP in a millisecond, where 10 TFLOP/s and 1 TB/s are the best."""
    monkeypatch.setattr(machine, "nan", lambda shape: np.zeros(1, np.float32))
    contenders = [Contender("it", lambda out: lambda: np.ones(1, np.float32))]
    row = race.race_kernels(machine, contenders, [(int(numbers),)], flops, "share")["it"]
    assert row["tflops"] == 4.0
    assert row["intensity"] == flops / (4 * numbers)
    assert row["of_roof"] == pytest.approx(of_roof)


def test_only_what_is_right_is_timed(machine):
    """Not what is wrong, or leaves an entry unwritten, or fails, here or in its own check."""
    right = np.arange(4, dtype=np.float32)

    def writes(values):
        return lambda out: lambda: np.copyto(out[: len(values)], values)

    def check():
        return [{"case": "at 2x3", "error": 0.5, "right": False}]

    contenders = [
        Contender("right", writes(right)),
        Contender("close", writes(right * 1.00001), ("right",)),
        Contender("wrong", writes(right * 1.001), ("right",)),
        Contender("short", writes(right[:3]), ("right",)),
        Contender("fails", lambda out: 1 / 0, ("right",)),
        Contender("elsewhere", writes(right), ("right",), check=check),
    ]
    results = race.race_kernels(machine, contenders, [(4,)], 1e9, "share")
    assert [name for name in results if "ms" in results[name]] == ["right", "close"]
    assert results["close"]["share"] == 1
    assert results["short"]["error"] is None
    assert results["fails"]["failed"] == "ZeroDivisionError: division by zero"
    assert results["elsewhere"]["failed"] == "ValueError: wrong: error 0.5 in at 2x3"


def test_arrays_are_twice_as_large_as_the_cache(machine):
    """Random inputs, an output full of nan, and each call with the next set."""
    sets, used = [], []  # and the numbers of the sets in the order of the calls

    def make(*arrays):
        number = len(sets)
        sets.append(arrays)
        assert np.isnan(arrays[-1]).all()
        return lambda: used.append(number) or np.ones(1)

    def seconds(run, first, calls):
        for i in range(first, first + calls):
            run(i)
        return 1.0

    machine.l2_bytes, machine.seconds = 1000, seconds
    race.race_kernels(machine, [Contender("it", make)], [(2, 5), (5, 3), (2, 3)], 1.0, "share")
    assert len(sets) == math.ceil(2000 / (31 * 4))
    assert [a.shape for a in sets[0]] == [(2, 5), (5, 3), (2, 3)]
    assert used == [i % len(sets) for i in (0, *range(6 + race.ROUNDS))]
