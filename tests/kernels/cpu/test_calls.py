"""Which calls are noted, and what they do when they are made again."""

from threading import Thread

import numpy as np

from minae.kernels import cpu
from minae.kernels.cpu.compile import calls


def test_a_kernel_is_replayed_on_what_its_arrays_then_hold():
    rng = np.random.default_rng(0)
    x, weight, bias = (rng.standard_normal(s).astype(np.float32) for s in ((3, 4), (2, 4), 2))
    with calls.recorded() as noted:
        y = cpu.linear(given := x.T.copy().T, weight, bias)  # copied, as its rows are not whole
    given += 1
    bias[...] = 0
    calls.replay(noted)
    np.testing.assert_allclose(y, given @ weight.T, rtol=1e-5)


def test_only_what_this_thread_calls_inside_the_block_is_noted():
    a, b = np.zeros(3), np.ones(3)
    calls.copy(a, b)
    with calls.recorded() as outer:
        with calls.recorded() as inner:
            calls.copy(a, b)
        calls.copy(b, a)
        thread = Thread(target=calls.copy, args=(a, b))
        thread.start()
        thread.join()
    calls.copy(a, b)
    assert [args for _, args in outer] == [(b, a)]
    assert [args for _, args in inner] == [(a, b)]


def test_memory_is_counted_once():
    a, b = np.zeros((4, 6)), np.zeros(5, np.float32)
    noted = [(print, (a, 3, (b, a.T[2:]))), (print, (b[1:],))]
    assert calls.bytes_of(noted) == 4 * 6 * 8 + 5 * 4
