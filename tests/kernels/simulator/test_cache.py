import numpy as np
import pytest

from minae.kernels.simulator.cache import Cache


def matrix(cache, rows, columns, name="x"):
    return cache.matrix(name, np.zeros((rows, columns), np.float32))


def test_a_line_is_brought_in_once_while_it_is_used():
    cache = Cache(sets=1, ways=4)
    numbers = np.zeros((2, 40), np.float32)
    x = cache.matrix("x", numbers)
    for i in range(2):
        for j in range(40):
            x[i, j] += 1
    assert cache.loaded == {"x": 5}  # 320 bytes
    assert cache.reads == {"x": 80}
    assert (numbers == 1).all()


def test_the_line_unused_for_longest_leaves():
    cache = Cache(sets=1, ways=2)
    x = matrix(cache, 3, 16)
    for i in (0, 1, 0, 2, 0, 1):  # 2 takes the place of 1
        x[i, 0] = 1
    assert cache.loaded["x"] == 4


def test_lines_as_many_apart_as_there_are_sets_share_one():
    for columns, loaded in ((64, 8), (80, 4)):  # 4 lines a row, and 5
        cache = Cache(sets=4, ways=1)
        x = matrix(cache, 4, columns)
        for _ in range(2):
            for i in range(4):
                x[i, 0]
        assert cache.loaded["x"] == loaded


def test_matrices_share_no_line_and_are_counted_by_name():
    cache = Cache(sets=1, ways=8)
    x, y = matrix(cache, 1, 3), matrix(cache, 1, 3, "y")
    x[0, 2], y[0, 0] = 1, 2
    assert cache.loaded == {"x": 1, "y": 1}


def test_the_matrix_itself_may_be_a_part_of_another():
    cache = Cache(sets=1, ways=8)
    x = cache.matrix("x", np.zeros((4, 64), np.float32)[:, :16])
    for i in range(4):
        x[i, 15]
    assert cache.loaded["x"] == 4


@pytest.mark.parametrize("index", [(2, 0), (0, 3), (-1, 0), (0, -1)])
def test_outside_is_refused(index):
    x = matrix(Cache(1, 1), 2, 3)
    with pytest.raises(IndexError, match="2 x 3"):
        x[index]
    with pytest.raises(IndexError, match="x"):
        x[index] = 1
