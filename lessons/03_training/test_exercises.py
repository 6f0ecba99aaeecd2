"""The checks of lesson 3. `student` is the module with your answers."""

from itertools import chain

import numpy as np

from minae import nn, optim
from minae.course.checking import same
from minae.tensor import Tensor


def normal(*shape, seed=0):
    """Return normal random numbers, always the same ones."""
    return np.random.default_rng(seed).normal(size=shape)


def test_nesterov__one_step_by_hand(student):
    """Numbers small enough to follow."""
    x, dx, velocity = np.array([1.0, -2.0]), np.array([2.0, 0.5]), np.array([3.0, 1.0])
    student.nesterov(x, dx, velocity, 0.1, 0.5, 1.0)
    call = "nesterov([1, -2], dx=[2, 0.5], velocity=[3, 1], lr=0.1, momentum=0.5, weight_decay=1)"
    same(velocity, np.array([4.5, -1.0]), f"the velocity after {call}")
    same(x, np.array([0.475, -1.8]), f"x after {call}")
    assert (dx == [2.0, 0.5]).all(), f"{call} has changed dx to {dx}: others may need it still"


def test_nesterov__many_steps(student):
    """Against the formulas, one number at a time, and with memory."""
    lr, momentum, decay = 0.03, 0.8, 0.2
    x, velocity, gradients = normal(2, 3), np.zeros((2, 3)), normal(5, 2, 3, seed=1)
    expected = x.copy()
    for i in np.ndindex(2, 3):
        value, v = float(x[i]), 0.0
        for dx in gradients[(slice(None), *i)]:
            v = momentum * v + dx + decay * value
            value -= lr * (dx + decay * value + momentum * v)
        expected[i] = value
    for dx in gradients:
        student.nesterov(x, dx.copy(), velocity, lr, momentum, decay)
    same(x, expected, "x after 5 steps of nesterov, lr=0.03, momentum=0.8, weight_decay=0.2")


def adamw_expected(x, gradients, lr, betas, eps, decay):
    """Return x after these gradients: m and v are weighted means of all of them, written out."""
    for t in range(1, len(gradients) + 1):
        dx = np.array(gradients[:t])
        means = []
        for beta, power in zip(betas, (1, 2), strict=True):
            weights = beta ** np.arange(t - 1, -1, -1.0)
            means.append(np.tensordot(weights / weights.sum(), dx**power, 1))
        x = x * (1 - lr * decay) - lr * means[0] / (np.sqrt(means[1]) + eps)
    return x


def check_adamw(student, used, scale=1.0, lr=0.05, betas=(0.8, 0.95), eps=1e-3, decay=0.3):
    """Take a step for each entry of `used`, which says what parameters get a gradient."""
    arrays = [normal(2, 3), normal(4, seed=1)]
    parameters = [nn.Parameter(a.copy()) for a in arrays]
    seen, state = [[], []], {}
    how = f"lr={lr}, betas={betas}, eps={eps}, weight_decay={decay}"
    for step, numbers in enumerate(used, 1):
        for i, p in enumerate(parameters):
            p.grad = None
            if i in numbers:
                dx = scale * normal(*p.shape, seed=10 * step + i)
                p.grad = Tensor(dx)
                seen[i].append(dx.copy())
        student.adamw(parameters, state, lr, betas, eps, decay)
        for i, p in enumerate(parameters):
            expected = adamw_expected(arrays[i], seen[i], lr, betas, eps, decay)
            has = "a" if i in numbers else "no"
            call = f"parameter {i}, with {has} gradient in step {step} of adamw, {how}: its .data"
            same(p.data, expected, call)


def test_adamw__first_step(student):
    """The corrections matter most here."""
    check_adamw(student, [(0, 1)])


def test_adamw__many_steps(student):
    """The state goes from one call to the next."""
    check_adamw(student, [(0, 1)] * 5)


def test_adamw__without_decay_it_is_adam(student):
    """And large gradients are as good as small ones."""
    check_adamw(student, [(0, 1)] * 3, scale=1000.0, decay=0.0)


def test_adamw__parameters_without_gradients(student):
    """They are left alone, and their steps are not counted."""
    check_adamw(student, [(0,), (0, 1), (0,), (1,), (0, 1)])


def test_adamw__small_gradients(student):
    """Where eps is as large as the root."""
    check_adamw(student, [(0, 1)] * 3, scale=1e-3)


def test_adamw__two_models(student):
    """A second model, with a state of its own, knows nothing of the first."""
    check_adamw(student, [(0, 1)] * 2)
    check_adamw(student, [(0, 1)] * 2)


def rows_of(student, count, batch_size, seed=0, epoch=0):
    """Return the row numbers in each batch, from arrays in which row i says i, and the call."""
    numbers = np.arange(count)
    images = numbers[:, None, None] + np.array([[0.0, 0.25, 0.5]])  # (count, 1, 3)
    labels = numbers * 10
    call = f"batches of {count} images and labels, batch_size={batch_size}, {seed=}, {epoch=}"
    found = student.batches((images, labels), batch_size, seed, epoch)
    assert isinstance(found, list), f"{call}: a list was expected, not {found!r}"
    same(images[:, 0, 0], numbers.astype(float), f"the images themselves, after {call}")
    same(labels, numbers * 10, f"the labels themselves, after {call}")
    rows = []
    for i, batch in enumerate(found):
        assert isinstance(batch, tuple), f"{call}: batch {i} should be a tuple, but is {batch!r}"
        assert len(batch) == 2, f"{call}: batch {i} has {len(batch)} arrays, not 2"
        x, y = batch
        assert x.shape == (len(y), 1, 3), (
            f"{call}: batch {i} has images {x.shape} and labels {y.shape}"
        )
        rows.append([int(n) for n in x[:, 0, 0]])
        partners = [int(n) // 10 for n in y]
        assert rows[-1] == partners, (
            f"{call}: batch {i} has the images {rows[-1]}, but the labels of {partners}"
        )
    return rows, call


def test_batches__sizes(student):
    """All full but the last, and none empty."""
    for count, batch_size in ((10, 4), (8, 4), (3, 5), (5, 1), (1, 1)):
        rows, call = rows_of(student, count, batch_size)
        full, rest = divmod(count, batch_size)
        sizes, expected = [len(r) for r in rows], [batch_size] * full + [rest] * (rest > 0)
        assert sizes == expected, f"{call}: the batches have {sizes} rows, not {expected}"


def test_batches__every_row_once(student):
    """In some order."""
    for epoch in range(3):
        rows, call = rows_of(student, 23, 5, epoch=epoch)
        found = sorted(chain(*rows))
        missing = sorted(set(range(23)) - set(found))
        twice = sorted({n for n in found if found.count(n) > 1})
        assert not missing, f"{call}: rows {missing} never come"
        assert not twice, f"{call}: rows {twice} come more than once"


def test_batches__rows_are_mixed(student):
    """It is rows that are drawn, not blocks of neighbours."""
    rows, call = rows_of(student, 40, 5)
    blocks = [r for r in rows if max(r) - min(r) == 4]
    assert len(blocks) < 4, f"{call}: these batches are of neighbours only: {blocks}"


def test_batches__order_by_seed_and_epoch(student):
    """The same for the same pair, another one for any other."""
    orders = {}
    for seed in range(3):
        for epoch in range(3):
            rows, call = rows_of(student, 30, 7, seed, epoch)
            again, _ = rows_of(student, 30, 7, seed, epoch)
            assert rows == again, (
                f"{call}: called twice, the rows are {rows[0]}... and {again[0]}..."
            )
            order = tuple(chain(*rows))
            assert order not in orders, f"{call}: the same order as with {orders[order]}"
            orders[order] = f"{seed=}, {epoch=}"


class Line(nn.Module):
    """y = x · weight, with a mean squared error. It writes down how it is used."""

    def __init__(self):
        self.weight = nn.Parameter(np.array([[0.5], [-1.0], [2.0]]))
        self.calls = []  # (rows, whether there was a gradient already)

    def loss(self, x, y):
        """Return the mean over rows: x (N, 3), y (N, 1)."""
        self.calls.append((len(x), self.weight.grad is not None))
        return ((x @ self.weight - y) ** 2).mean()


class CountingSGD(optim.SGD):
    """Counts its steps."""

    count = 0

    def step(self):
        """Take a step and count it."""
        super().step()
        self.count += 1


def in_parts(student, sizes, part_size, left_over=False):
    """Run train_in_parts and the same by hand; return what came of both, and the call."""
    data = [(normal(n, 3, seed=n), normal(n, 1, seed=n + 50)) for n in sizes]
    model = Line()
    optimizer = CountingSGD(model.parameters(), lr=0.1)
    weight, losses = model.weight.data.copy(), []
    for x, y in data:
        error = x @ weight - y
        losses.append(float((error**2).mean()))
        weight -= 0.1 * 2 * x.T @ error / len(x)
    expected = np.average(losses, weights=sizes)
    if left_over:
        model.weight.grad = Tensor(np.full((3, 1), 7.0))
    loss = student.train_in_parts(model, optimizer, data, part_size)
    call = f"train_in_parts with batches of {', '.join(map(str, sizes))} rows, {part_size=}"
    return (loss, model, optimizer), (expected, weight), call


def test_train_in_parts__one_step_a_batch(student):
    """Each part runs once, and small enough; the step comes at the end."""
    for sizes, part_size in (((6, 6), 2), ((7, 5), 3), ((4,), 9)):
        (_, model, optimizer), _, call = in_parts(student, sizes, part_size)
        assert optimizer.count == len(sizes), (
            f"{call}: {optimizer.count} steps were taken, not {len(sizes)}"
        )
        rows = [n for n, _ in model.calls]
        assert max(rows) <= part_size, f"{call}: the model was run on {max(rows)} rows at once"
        assert sum(rows) == sum(sizes), f"{call}: the model was run on {rows} rows"


def test_train_in_parts__backward_after_each_part(student):
    """Or all parts stay in memory until the end."""
    (_, model, _), _, call = in_parts(student, (6, 4), 2)
    has = [there for _, there in model.calls]
    assert has == [False, True, True, False, True], (
        f"{call}: at the parts' beginnings, gradients of this batch were there: {has}; expected"
        " False, True, True, then False, True. Is backward() called after each part, and"
        " zero_grad() once before each batch?"
    )


def test_train_in_parts__the_same_weights(student):
    """As if each batch had run as a whole."""
    for sizes, part_size in (((6, 6), 2), ((7,), 3), ((7, 5, 2), 3), ((5, 1), 4)):
        (_, model, _), (_, weight), call = in_parts(student, sizes, part_size)
        same(model.weight.data, weight, f"the weight after {call}", 1e-9)


def test_train_in_parts__gradients_from_before(student):
    """They are no part of the first step."""
    (_, model, _), (_, weight), call = in_parts(student, (6, 4), 4, left_over=True)
    same(model.weight.data, weight, f"the weight after {call}, with an old gradient there", 1e-9)


def test_train_in_parts__mean_loss(student):
    """Per row, over the epoch: a small batch counts less."""
    for sizes, part_size in (((6,), 2), ((6, 6), 3), ((7,), 3), ((7, 2), 3), ((5, 1), 4)):
        (loss, _, _), (expected, _), call = in_parts(student, sizes, part_size)
        same(loss, expected, call, 1e-9)


def check_stopping(student, losses, epochs, patience, used):
    """Train a model whose weights are the number of the epoch, with these held-out losses."""
    model, done = nn.Module(), []
    model.weight = nn.Parameter(np.zeros(2))
    call = f"early_stopping with held-out losses {losses}, {epochs=}, {patience=}"

    def train_epoch():
        assert len(done) < used, f"{call}: goes on after epoch {used}"
        done.append(len(done) + 1)
        model.weight.data[...] = len(done)

    def held_out_loss():
        assert done, f"{call}: asked for the held-out loss before the first epoch"
        return losses[len(done) - 1]

    found = student.early_stopping(model, train_epoch, held_out_loss, epochs, patience)
    assert len(done) == used, f"{call}: stopped after epoch {len(done)}, not {used}"
    same(found, losses[:used], call)
    best, there = losses.index(min(losses[:used])) + 1, model.weight.data
    assert (there == best).all(), (
        f"{call}: the model has the weights of epoch {there[0]:g}, the best was epoch {best}"
    )


def test_early_stopping__all_epochs(student):
    """It may get better to the end."""
    check_stopping(student, [5.0, 4.0, 3.0, 2.0], 4, 2, used=4)
    check_stopping(student, [5.0], 1, 3, used=1)
    check_stopping(student, [5.0, 3.0, 4.0], 3, 2, used=3)


def test_early_stopping__patience(student):
    """So many epochs in a row, and no more."""
    check_stopping(student, [3.0, 4.0, 1.0], 9, 1, used=2)
    check_stopping(student, [5.0, 3.0, 4.0, 4.5, 1.0], 9, 2, used=4)


def test_early_stopping__begins_to_count_anew(student):
    """After each new best."""
    check_stopping(student, [5.0, 6.0, 4.0, 6.0, 3.0, 5.0, 5.5, 1.0], 9, 2, used=7)


def test_early_stopping__better_than_the_best(student):
    """Not only than the epoch before; and as good is not better."""
    check_stopping(student, [2.0, 5.0, 4.0, 3.0, 2.5], 9, 3, used=4)
    check_stopping(student, [5.0, 3.0, 3.0, 3.0, 1.0], 9, 2, used=4)
