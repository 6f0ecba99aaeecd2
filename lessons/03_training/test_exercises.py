"""The checks of lesson 3. `student` is the module with your answers."""

import itertools

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


STEPS = [  # shape, lr, momentum, weight_decay
    ((2, 3), 0.03, 0.8, 0.2), ((4,), 0.1, 0.9, 0.0), ((2, 1, 3), 0.1, 0.0, 0.1),
    ((1,), 0.0, 0.5, 2.0), ((3, 2), 0.5, 1.0, 0.01), ((2, 2), 1e-3, 0.99, 1e-4),
]  # fmt: skip


def test_nesterov__many_steps(student):
    """Against the formulas, one number at a time, and with memory."""
    for shape, lr, momentum, decay in STEPS:
        x, velocity, gradients = normal(*shape), normal(*shape, seed=2), normal(4, *shape, seed=1)
        numbers, speeds = x.copy(), velocity.copy()
        for step, dx in enumerate(gradients, 1):
            for i in np.ndindex(shape):
                g = float(dx[i]) + decay * float(numbers[i])
                speeds[i] = momentum * float(speeds[i]) + g
                numbers[i] -= lr * (g + momentum * float(speeds[i]))
            student.nesterov(x, dx, velocity, lr, momentum, decay)
            call = (
                f"step {step} of nesterov with x {shape}, {lr=}, {momentum=}, weight_decay={decay}"
            )
            same(velocity, speeds, f"the velocity after {call}", 1e-9)
            same(x, numbers, f"x after {call}", 1e-9)


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
    shapes = (2, 3), (4,), (2, 3), (1,), (3, 1, 2)
    starts = [normal(*shape, seed=i) for i, shape in enumerate(shapes)]
    parameters = [nn.Parameter(a.copy()) for a in starts]
    arrays = [p.data for p in parameters]
    seen, state = [[] for _ in shapes], {}
    how = f"lr={lr}, betas={betas}, eps={eps}, weight_decay={decay}"
    for step, numbers in enumerate(used, 1):
        for i, p in enumerate(parameters):
            p.grad = None
            if i in numbers:
                dx = scale * normal(*p.shape, seed=10 * step + i)
                p.grad = Tensor(dx)
                seen[i].append(dx.copy())
        given = [p.grad for p in parameters]
        expected = [
            adamw_expected(x, dx, lr, betas, eps, decay) for x, dx in zip(starts, seen, strict=True)
        ]
        student.adamw(list(parameters), state, lr, betas, eps, decay)
        for i, p in enumerate(parameters):
            has = "a" if i in numbers else "no"
            call = f"parameter {i}, with {has} gradient in step {step} of adamw, {how}"
            assert p.data is arrays[i], (
                f"{call}: its .data is now another array. Change the array itself: p.data -= ..."
            )
            assert p.grad is given[i], f"{call}: its .grad has been replaced"
            if p.grad is not None:
                same(p.grad.data, seen[i][-1], f"{call}: its .grad", 0)
            same(p.data, expected[i], f"{call}: its .data", 1e-9)


ALL = range(5)


def test_adamw__first_step(student):
    """The corrections matter most here."""
    check_adamw(student, [ALL])


def test_adamw__many_steps(student):
    """The state goes from one call to the next."""
    check_adamw(student, [ALL] * 5)
    check_adamw(student, [ALL] * 3, lr=0.2, betas=(0.0, 0.5), eps=0.1, decay=2)
    check_adamw(student, [ALL] * 3, lr=1e-3, betas=(0.9, 0.0), eps=1e-8, decay=1e-2)


def test_adamw__without_decay_it_is_adam(student):
    """And large gradients do as well as small ones."""
    check_adamw(student, [ALL] * 3, scale=1000.0, decay=0.0)


def test_adamw__parameters_without_gradients(student):
    """They are left alone, and their steps are not counted."""
    check_adamw(student, [(0,), (0, 1), (0, 4), (1, 2, 3), ALL, (), (2,), ALL])


def test_adamw__a_gradient_of_zeros_is_a_gradient(student):
    """The step counts, the weights decay, and what m remembers goes on."""
    check_adamw(student, [ALL], scale=0.0)
    parameter, x, state = nn.Parameter(np.array([1.0, -2.0])), np.array([1.0, -2.0]), {}
    gradients = [np.array([3.0, 0.5]), np.zeros(2), np.zeros(2)]
    for step, dx in enumerate(gradients, 1):
        parameter.grad = Tensor(dx.copy())
        expected = adamw_expected(x, gradients[:step], 0.1, (0.8, 0.9), 1e-3, 0.5)
        student.adamw([parameter], state, 0.1, (0.8, 0.9), 1e-3, 0.5)
        call = f"adamw, lr=0.1, betas=(0.8, 0.9), eps=0.001, weight_decay=0.5, gradient {dx}"
        same(parameter.data, expected, f"the .data of [1, -2] after step {step} of {call}", 1e-9)


def test_adamw__small_gradients(student):
    """Where eps is as large as the root."""
    check_adamw(student, [ALL] * 3, scale=1e-3)


def test_adamw__two_models(student):
    """A second model, with a state of its own, knows nothing of the first."""
    check_adamw(student, [ALL] * 2)
    check_adamw(student, [ALL] * 2)


def rows_of(student, count, batch_size, seed=0, epoch=0):
    """Return the row numbers in each batch, from arrays in which row i says i, and the call."""
    numbers = np.arange(count)
    images = numbers[:, None, None] + np.array([[0.0, 0.25, 0.5]])  # (count, 1, 3)
    labels = numbers * 10
    call = f"batches of {count} images and labels, batch_size={batch_size}, {seed=}, {epoch=}"
    found = student.batches((images, labels), batch_size, seed, epoch)
    assert isinstance(found, list | tuple), f"{call}: a list was expected, not {found!r}"
    rows = []
    for i, batch in enumerate(found):
        right = isinstance(batch, tuple | list)
        assert right, f"{call}: batch {i} should be a tuple, but is {batch!r}"
        assert len(batch) == 2, f"{call}: batch {i} has {len(batch)} arrays, not 2"
        x, y = batch
        assert x.shape == (len(y), 1, 3), (
            f"{call}: batch {i} has images {x.shape} and labels {y.shape}"
        )
        assert (x.dtype, y.dtype) == (images.dtype, labels.dtype), (
            f"{call}: batch {i} has images of {x.dtype} and labels of {y.dtype}, not of"
            f" {images.dtype} and {labels.dtype}"
        )
        rows.append([int(n) for n in x[:, 0, 0]])
        partners = [int(n) // 10 for n in y]
        assert rows[-1] == partners, (
            f"{call}: batch {i} has the images {rows[-1]}, but the labels of {partners}"
        )
    return rows, call


def test_batches__sizes(student):
    """All full but the last, and none empty."""
    for count, batch_size in (
        (10, 4),
        (8, 4),
        (3, 5),
        (5, 1),
        (1, 1),
        (5, 5),
        (7, 6),
        (1, 9),
        (9, 2),
    ):
        rows, call = rows_of(student, count, batch_size)
        full, rest = divmod(count, batch_size)
        sizes, expected = [len(r) for r in rows], [batch_size] * full + [rest] * (rest > 0)
        assert sizes == expected, f"{call}: the batches have {sizes} rows, not {expected}"


def test_batches__every_row_once(student):
    """In some order."""
    for epoch in range(3):
        rows, call = rows_of(student, 23, 5, epoch=epoch)
        found = sorted(itertools.chain(*rows))
        missing = sorted(set(range(23)) - set(found))
        twice = sorted({n for n in found if found.count(n) > 1})
        assert not missing, f"{call}: rows {missing} never come"
        assert not twice, f"{call}: rows {twice} come more than once"


def test_batches__any_number_of_arrays(student):
    """One alone, or five, with one and with more dimensions."""
    numbers = np.arange(7)
    for arrays in [
        (numbers,),
        (numbers * 0.5, numbers, numbers[:, None] + np.zeros((7, 2)), numbers == 3, numbers**2),
    ]:
        call = f"batches of {len(arrays)} arrays of 7 rows, batch_size=3, seed=4, epoch=5"
        copies = [a.copy() for a in arrays]
        found = student.batches(arrays, 3, 4, 5)
        lengths = [len(batch) for batch in found]
        assert lengths == [len(arrays)] * 3, f"{call}: the batches have {lengths} arrays"
        where = 0 if len(arrays) == 1 else 1
        rows = np.concatenate([batch[where] for batch in found]).astype(int)
        for i, array in enumerate(copies):
            got = np.concatenate([batch[i] for batch in found])
            same(got, array[rows], f"array {i}, all batches together, of {call}", 0)
            assert got.dtype == array.dtype, f"{call}: array {i}, {array.dtype}, became {got.dtype}"


def test_batches__rows_are_mixed(student):
    """It is rows that are drawn, not blocks of neighbours, and a batch is not sorted."""
    rows, call = rows_of(student, 40, 5)
    blocks = [r for r in rows if max(r) - min(r) == 4]
    assert len(blocks) < 4, f"{call}: these batches hold only neighbouring rows: {blocks}"
    for count, batch_size in [(30, 10), (20, 20), (20, 30)]:
        rows, call = rows_of(student, count, batch_size)
        ordered = all(r == sorted(r) for r in rows)
        assert not ordered, f"{call}: the rows of each batch are in their old order"


SEEDS = [
    0, 1, 2, 3, 10, 11, 16, 32, 64, 100, 101, 111, 256, 1000, 1001, 1024, 10_000, 65_536, 100_000,
    1_000_000,
]  # fmt: skip
EPOCHS = 0, 1, 2, 3, 10, 11, 16, 32, 100, 101, 111, 1000
PAIRS = [*itertools.product(SEEDS, EPOCHS), (0, 10_000)]


def test_batches__order_by_seed_and_epoch(student):
    """The same for the same pair, another for any other; and all orders are equally likely."""
    count, orders = 13, {}
    array = np.arange(count)
    places, followers = np.zeros((count, count), int), np.eye(count, dtype=int)
    for seed, epoch in PAIRS:
        found = student.batches((array,), 7, seed, epoch)
        order = tuple(int(n) for batch in found for n in batch[0])
        call = f"batches of {count} rows, batch_size=7, {seed=}, {epoch=}"
        assert order not in orders, f"{call}: the same order as with {orders[order]}"
        orders[order] = f"{seed=}, {epoch=}"
        places[order, array] += 1
        followers[order[:-1], order[1:]] += 1
    again = student.batches((array,), 7, 0, 1)
    known = orders.get(tuple(int(n) for batch in again for n in batch[0]))
    assert known == "seed=0, epoch=1", "batches, called again with seed=0, epoch=1: another order"
    mean = len(PAIRS) / count
    for table, what in [(places, "comes at position"), (followers, "comes just before row")]:
        for value, times in [(table.min(), "never"), (table.max(), "too often")]:
            row, other = np.argwhere(table == value)[0]
            assert 0 < value < mean + 8 * np.sqrt(mean), (
                f"batches of {count} rows, batch_size=7, for {len(PAIRS)} pairs of seed and epoch:"
                f" row {row} {what} {other} {times}, {value} times where about {mean:.0f} are"
                " expected"
            )


class Line(nn.Module):
    """y = x · weight, with a mean squared error. It records how it is used."""

    def __init__(self):
        self.weight = nn.Parameter(np.array([[0.5], [-1.0], [2.0]]))
        self.calls = []  # (rows, whether there was a gradient already)

    def loss(self, x, y=None, scale=None):
        """Return the mean over rows: x (N, 3), y (N, 1) or 0, scale (N, 1), of integers, or 1."""
        self.calls.append((x.shape[0], self.weight.grad is not None))
        self.seen = [type(a).__name__ for a in (x, y, scale) if a is not None]
        assert {*self.seen} == {"Tensor"}, (
            f"model.loss takes tensors, but was given {', '.join(self.seen)}"
        )
        assert scale is None or scale.data.dtype == np.int64, (
            f"model.loss was given labels of {scale.dtype}, which are int64 in the batch"
        )
        error = x @ self.weight if y is None else x @ self.weight - y
        return ((error if scale is None else error * scale) ** 2).mean()


class CountingSGD(optim.SGD):
    """Counts its steps."""

    count = 0

    def step(self):
        """Take a step and count it."""
        super().step()
        self.count += 1


def in_parts(student, sizes, part_size, left_over=False, arrays=2):
    """Run train_in_parts and the same by hand; return both results, and the call."""
    rng = np.random.default_rng(3)
    data = [
        (rng.normal(size=(n, 3)), rng.normal(size=(n, 1)), rng.integers(1, 4, (n, 1)))[:arrays]
        for n in sizes
    ]
    model = Line()
    optimizer = CountingSGD(model.parameters(), lr=0.1)
    weight, losses = model.weight.data.copy(), []
    for x, *others in data:
        y, scale = (*others, *(0.0, 1)[len(others) :])
        error = (x @ weight - y) * scale
        losses.append(float((error**2).mean()))
        weight -= 0.1 * 2 * x.T @ (error * scale) / len(x)
    expected = np.average(losses, weights=sizes)
    if left_over:
        model.weight.grad = Tensor(np.full((3, 1), 7.0))
    loss = student.train_in_parts(model, optimizer, data, part_size)
    call = f"train_in_parts with batches of {', '.join(map(str, sizes))} rows, {part_size=}"
    assert not isinstance(loss, Tensor), f"{call} returned a tensor, not a float: take its .item()"
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
        f"{call}: whether gradients of this batch were there when each part began: {has}; expected"
        " False, True, True, then False, True. Is backward() called after each part, and"
        " zero_grad() once before each batch?"
    )


def test_train_in_parts__the_same_weights(student):
    """As if each batch had run as a whole."""
    for sizes, part_size in (((6, 6), 2), ((7,), 3), ((7, 5, 2), 3), ((5, 1), 4)):
        (_, model, _), (_, weight), call = in_parts(student, sizes, part_size)
        same(model.weight.data, weight, f"the weight after {call}", 1e-9)


def test_train_in_parts__batches_of_any_number_of_arrays(student):
    """Images alone, or with labels and more."""
    for arrays in (1, 2, 3):
        (loss, model, _), (expected, weight), call = in_parts(student, (7, 4), 3, arrays=arrays)
        same(model.weight.data, weight, f"the weight after {call}, {arrays} arrays", 1e-9)
        same(loss, expected, f"{call}, {arrays} arrays", 1e-9)


def test_train_in_parts__gradients_from_before(student):
    """They are no part of the first step."""
    (_, model, _), (_, weight), call = in_parts(student, (6, 4), 4, left_over=True)
    same(model.weight.data, weight, f"the weight after {call}, with an old gradient there", 1e-9)


def test_train_in_parts__mean_loss(student):
    """Per row, over the epoch: a small batch counts less."""
    for sizes, part_size in (
        ((6,), 2),
        ((6, 6), 3),
        ((7,), 3),
        ((7, 2), 3),
        ((5, 1), 4),
        ((1,), 1),
        ((3,), 9),
    ):
        (loss, _, _), (expected, _), call = in_parts(student, sizes, part_size)
        same(loss, expected, call, 1e-9)


def check_stopping(student, losses, epochs, patience, used):
    """Train a model whose weights grow by 1 in each epoch, with these held-out losses."""
    model, done, asked = nn.Module(), [], []
    model.first, model.second = nn.Parameter(np.zeros(2)), nn.Linear(2, 3)
    for p in model.parameters():
        p.data[...] = 0.0
    call = f"early_stopping with held-out losses {losses}, {epochs=}, {patience=}"

    def train_epoch():
        assert len(done) < used, f"{call}: goes on after epoch {used}"
        done.append(len(done) + 1)
        for p in model.parameters():
            p.data += 1.0

    def held_out_loss():
        assert done, f"{call}: asked for the held-out loss before the first epoch"
        asked.append(len(done))
        return losses[len(done) - 1]

    found = student.early_stopping(model, train_epoch, held_out_loss, epochs, patience)
    assert len(done) == used, f"{call}: stopped after epoch {len(done)}, not {used}"
    assert asked == done, f"{call}: asked for the held-out loss after epochs {asked}, not {done}"
    same(found, losses[:used], call, 0)
    best = losses.index(min(losses[:used])) + 1
    for name, there in model.state_dict().items():
        assert (there == best).all(), (
            f"{call}: the model's {name}, which is 0 and grows by 1 in each epoch, is"
            f" {there.flat[0]:g} at the end; the best epoch was {best}"
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


def test_early_stopping__any_numbers(student):
    """Large, negative, nearly the same: lower is lower."""
    check_stopping(student, [5e12, 4e12, 4.5e12, 4.6e12, 1.0], 9, 2, used=4)
    check_stopping(student, [-1.0, -3.0, -2.0, 2.0, -9.0], 9, 2, used=4)
    check_stopping(student, [1.0, 1.0 - 1e-9, 1.0, 1.0 - 2e-9, 1.0, 1.0, 0.0], 9, 2, used=6)
    check_stopping(student, [0.0, 0.0, 0.0, -1.0], 4, 3, used=4)
    check_stopping(student, [1e-300, 0.0, 1e-300, 1.0], 4, 9, used=4)


def test_early_stopping__any_course(student):
    """Drawn at random, with ties."""
    rng = np.random.default_rng(0)
    for _ in range(60):
        epochs, patience = (int(n) for n in rng.integers(1, [9, 5]))
        losses = rng.integers(1, 7, epochs).astype(float).tolist()
        used = next(
            (
                n
                for n in range(patience + 1, epochs)
                if min(losses[n - patience : n]) >= min(losses[: n - patience])
            ),
            epochs,
        )
        check_stopping(student, losses, epochs, patience, used)
