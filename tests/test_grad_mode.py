"""no_grad and enable_grad: as blocks and as decorators, nested, and in threads."""

import threading

import pytest

import minae
from minae import is_grad_enabled, no_grad


def test_no_grad_nests_and_ends_with_an_exception():
    x = minae.tensor(1.0, requires_grad=True)
    with no_grad():
        with no_grad():
            assert not is_grad_enabled()
        assert not is_grad_enabled()
        assert not (x * 2).requires_grad
    assert (x * 2).requires_grad
    with pytest.raises(KeyError), no_grad():
        raise KeyError
    assert is_grad_enabled()


def test_no_grad_decorates():
    @no_grad()
    def double(x):
        """Say something."""
        return x * 2

    assert double.__doc__ == "Say something."
    for _ in range(2):  # a context manager that works only once would show here
        assert not double(minae.tensor(1.0, requires_grad=True)).requires_grad
    assert is_grad_enabled()


def test_no_grad_holds_in_its_own_thread_only():
    seen = []
    with no_grad():
        thread = threading.Thread(target=lambda: seen.append(is_grad_enabled()))
        thread.start()
        thread.join()
    assert seen == [True]


def test_modes_nest_and_decorate_with_and_without_brackets():
    x = minae.tensor(1.0, requires_grad=True)

    @no_grad
    def plain(x):
        with minae.enable_grad():
            assert (x * 2).requires_grad
        return x * 2

    @minae.enable_grad
    def recorded(x):
        return x * 2

    assert not plain(x).requires_grad
    with no_grad():
        assert recorded(x).requires_grad
        assert no_grad()(recorded)(x).grad_fn is not None
        assert not (x * 2).requires_grad


def test_a_decorated_function_may_run_in_several_threads():
    x, seen = minae.tensor(1.0, requires_grad=True), []

    @no_grad
    def stay(entered, leave):
        entered.set()
        assert leave.wait(10)
        seen.append((x * 2).requires_grad)

    calls = [(threading.Event(), threading.Event()) for _ in range(2)]
    threads = [threading.Thread(target=stay, args=call) for call in calls]
    for thread, (entered, _) in zip(threads, calls, strict=True):
        thread.start()
        assert entered.wait(10)
    for thread, (_, leave) in zip(threads, calls, strict=True):  # first in, first out
        leave.set()
        thread.join()
    assert seen == [False, False]
    assert is_grad_enabled()


def test_a_generator_is_not_decorated():
    with pytest.raises(TypeError, match="on a generator"):

        @no_grad
        def generator():
            yield 1
