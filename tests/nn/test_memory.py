"""Nothing of a step outlives it: no reference cycles, no growth.

The garbage collector is off here, so what a cycle holds stays and shows.
"""

import gc
import tracemalloc
import weakref

import numpy as np
import pytest

from minae import Tensor, manual_seed, nn, ops
from minae.optim import Adam


@pytest.fixture(autouse=True)
def _no_garbage_collector():
    gc.collect()
    gc.disable()
    yield
    gc.enable()


def network():
    manual_seed(0)
    return nn.Sequential(
        nn.Unflatten(1, (1, 4, 4)),
        nn.Conv2d(1, 2, 3, padding=1),
        nn.BatchNorm2d(2),
        nn.ReLU(),
        nn.MaxPool2d(2),
        nn.Flatten(),
        nn.Linear(8, 6),
        nn.LayerNorm(6),
        nn.GELU(),
        nn.Dropout(0.2),
        nn.Linear(6, 16),
    )


X = Tensor(np.random.default_rng(0).normal(size=(5, 16)).astype(np.float32))


def test_what_lies_between_dies_with_the_step():
    """Every tensor and every op, whether the graph was walked or not."""
    model, alive = network(), []
    ops.mse_loss(model(X), X).backward()  # loads the kernels, which leaves cycles behind
    gc.collect()
    for walk in (True, False):
        x = X
        for layer in model:
            x = layer(x)
            x.retain_grad()  # the op remembers its output then, but does not hold it
            alive += [weakref.ref(t) for t in (x, x.grad_fn) if t is not None]
        loss = ops.mse_loss(x, X)
        alive += [weakref.ref(loss), weakref.ref(loss.grad_fn)]
        assert sum(r() is not None for r in alive) > 20
        if walk:
            loss.backward()
        del x, loss
        assert [r() for r in alive if r() is not None] == []


def test_backward_lets_go_of_what_it_has_used():
    """While the loss is still at hand, as it is in a loop that prints it, the rest is gone."""
    hidden = network()(X)
    output = weakref.ref(hidden)
    loss = ops.mse_loss(hidden, X)
    del hidden
    assert output() is not None
    loss.backward()
    assert output() is None
    assert loss.grad_fn.saved == ()


def test_two_thousand_steps_take_no_more_memory_than_fifty():
    manual_seed(0)
    model = nn.Sequential(nn.Linear(16, 8), nn.Tanh(), nn.Linear(8, 16))
    optimizer = Adam(model.parameters())

    def steps(count):
        for _ in range(count):
            optimizer.zero_grad()
            ops.mse_loss(model(X), X).backward()
            optimizer.step()

    def memory_after(count):
        steps(count)
        cycles = gc.collect()  # also empties the free lists, in which Python hoards dead tuples
        assert cycles == 0
        return tracemalloc.get_traced_memory()[0]

    steps(1)  # loads the kernels
    gc.collect()
    tracemalloc.start()
    try:
        before, after = memory_after(50), memory_after(1950)
    finally:
        tracemalloc.stop()
    assert after - before < 10_000  # one lost tensor a step would add up to 200 kB
