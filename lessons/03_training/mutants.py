"""Plausible wrong answers to the exercises of lesson 3. The checks must reject each."""

import numpy as np

from minae.tensor import Tensor


def moments(state, dx, betas):
    """Return AdamW's m, v and t after one more gradient, as they should be."""
    m, v, t = state or (0.0, 0.0, 0)
    return betas[0] * m + (1 - betas[0]) * dx, betas[1] * v + (1 - betas[1]) * dx**2, t + 1


def corrected(m, v, t, betas, eps):
    """Return the step of Adam with lr = 1, after t gradients."""
    with np.errstate(all="ignore"):
        one, two = (1 - np.float64(beta) ** t for beta in betas)
        return m / one / (np.sqrt(v / two) + eps)


def cut(arrays, order, batch_size):
    """Return the batches of rows in this order."""
    starts = range(0, len(order), batch_size)
    return [tuple(a[order[start : start + batch_size]] for a in arrays) for start in starts]


def parts_of(batch, part_size):
    """Yield the parts of a batch, as tensors."""
    for start in range(0, len(batch[0]), part_size):
        yield [Tensor(a[start : start + part_size]) for a in batch]


def copied(model):
    """Return a copy of a model's weights."""
    return {name: array.copy() for name, array in model.state_dict().items()}


def nesterov__looks_nowhere(x, dx, velocity, lr, momentum, weight_decay):
    """Plain momentum: x moves by the velocity."""
    velocity[...] = momentum * velocity + dx + weight_decay * x
    x -= lr * velocity


def nesterov__looks_from_the_old_velocity(x, dx, velocity, lr, momentum, weight_decay):
    """Moves x before the velocity has changed."""
    g = dx + weight_decay * x
    x -= lr * (g + momentum * velocity)
    velocity[...] = momentum * velocity + g


def nesterov__velocity_is_a_mean(x, dx, velocity, lr, momentum, weight_decay):
    """Multiplies the gradient by 1 - momentum, as Adam does."""
    g = dx + weight_decay * x
    velocity[...] = momentum * velocity + (1 - momentum) * g
    x -= lr * (g + momentum * velocity)


def nesterov__velocity_is_rebound(x, dx, velocity, lr, momentum, weight_decay):
    """Binds the name velocity to a new array: nothing is remembered."""
    g = dx + weight_decay * x
    velocity = momentum * velocity + g
    x -= lr * (g + momentum * velocity)


def nesterov__x_is_rebound(x, dx, velocity, lr, momentum, weight_decay):
    """Binds the name x to a new array: nothing is learned."""
    g = dx + weight_decay * x
    velocity[...] = momentum * velocity + g
    x = x - lr * (g + momentum * velocity)


def nesterov__writes_into_dx(x, dx, velocity, lr, momentum, weight_decay):
    """Adds the decay to the caller's gradient."""
    dx += weight_decay * x
    velocity[...] = momentum * velocity + dx
    x -= lr * (dx + momentum * velocity)


def nesterov__decay_outside(x, dx, velocity, lr, momentum, weight_decay):
    """Applies the decay outside the step: the velocity knows nothing of it."""
    decay = weight_decay * x
    velocity[...] = momentum * velocity + dx
    x -= lr * (dx + momentum * velocity + decay)


def nesterov__decay_grows(x, dx, velocity, lr, momentum, weight_decay):
    """Has the sign of the decay wrong."""
    g = dx - weight_decay * x
    velocity[...] = momentum * velocity + g
    x -= lr * (g + momentum * velocity)


def nesterov__no_memory_without_momentum(x, dx, velocity, lr, momentum, weight_decay):
    """Leaves the velocity alone if momentum is 0, though the next step may have another."""
    g = dx + weight_decay * x
    if momentum:
        velocity[...] = momentum * velocity + g
    x -= lr * (g + momentum * velocity)


def nesterov__nothing_to_do_without_lr(x, dx, velocity, lr, momentum, weight_decay):
    """Skips a step that does not move x, and with it the velocity."""
    if lr:
        g = dx + weight_decay * x
        velocity[...] = momentum * velocity + g
        x -= lr * (g + momentum * velocity)


def nesterov__two_dimensions_at_most(x, dx, velocity, lr, momentum, weight_decay):
    """Goes through rows and columns."""
    for row in np.ndindex(x.shape[:2]):
        if np.ndim(x[row]) == 0:
            g = dx[row] + weight_decay * x[row]
            velocity[row] = momentum * velocity[row] + g
            x[row] -= lr * (g + momentum * velocity[row])


def adamw__no_correction(parameters, state, lr, betas, eps, weight_decay):
    """Leaves out the correction for starting at 0."""
    for i, p in enumerate(parameters):
        if p.grad is not None:
            m, v, _ = state[i] = moments(state.get(i), p.grad.data, betas)
            p.data *= 1 - lr * weight_decay
            p.data -= lr * m / (np.sqrt(v) + eps)


def adamw__one_count_for_all(parameters, state, lr, betas, eps, weight_decay):
    """Counts calls, not the steps of each parameter."""
    t = state["t"] = state.get("t", 0) + 1
    for i, p in enumerate(parameters):
        if p.grad is not None:
            m, v, _ = state[i] = moments(state.get(i), p.grad.data, betas)
            p.data *= 1 - lr * weight_decay
            p.data -= lr * corrected(m, v, t, betas, eps)


def adamw__decay_in_the_gradient(parameters, state, lr, betas, eps, weight_decay):
    """Adam with weight decay: the decay is divided by the root too."""
    for i, p in enumerate(parameters):
        if p.grad is not None:
            dx = p.grad.data + weight_decay * p.data
            state[i] = moments(state.get(i), dx, betas)
            p.data -= lr * corrected(*state[i], betas, eps)


def adamw__decay_without_lr(parameters, state, lr, betas, eps, weight_decay):
    """Shrinks the weights by weight_decay, whatever lr is."""
    for i, p in enumerate(parameters):
        if p.grad is not None:
            state[i] = moments(state.get(i), p.grad.data, betas)
            p.data *= 1 - weight_decay
            p.data -= lr * corrected(*state[i], betas, eps)


def adamw__decays_all(parameters, state, lr, betas, eps, weight_decay):
    """Shrinks parameters without a gradient too."""
    for i, p in enumerate(parameters):
        p.data *= 1 - lr * weight_decay
        if p.grad is not None:
            state[i] = moments(state.get(i), p.grad.data, betas)
            p.data -= lr * corrected(*state[i], betas, eps)


def adamw__no_gradient_is_zero(parameters, state, lr, betas, eps, weight_decay):
    """Takes a step with a gradient of 0 if there is none."""
    for i, p in enumerate(parameters):
        dx = np.zeros_like(p.data) if p.grad is None else p.grad.data
        state[i] = moments(state.get(i), dx, betas)
        p.data *= 1 - lr * weight_decay
        p.data -= lr * corrected(*state[i], betas, eps)


def adamw__eps_in_the_root(parameters, state, lr, betas, eps, weight_decay):
    """Adds eps before the root is taken."""
    for i, p in enumerate(parameters):
        if p.grad is not None:
            m, v, t = state[i] = moments(state.get(i), p.grad.data, betas)
            p.data *= 1 - lr * weight_decay
            p.data -= lr * m / (1 - betas[0] ** t) / np.sqrt(v / (1 - betas[1] ** t) + eps)


def adamw__counts_from_zero(parameters, state, lr, betas, eps, weight_decay):
    """Corrects with the count before this step, which divides by 0 at first."""
    for i, p in enumerate(parameters):
        if p.grad is not None:
            m, v, t = state[i] = moments(state.get(i), p.grad.data, betas)
            p.data *= 1 - lr * weight_decay
            p.data -= lr * corrected(m, v, t - 1, betas, eps)


def adamw__forgets(parameters, state, lr, betas, eps, weight_decay):
    """Reads the state, and never writes to it."""
    for i, p in enumerate(parameters):
        if p.grad is not None:
            p.data *= 1 - lr * weight_decay
            p.data -= lr * corrected(*moments(state.get(i), p.grad.data, betas), betas, eps)


def adamw__known_by_shape(parameters, state, lr, betas, eps, weight_decay):
    """Two parameters of one shape share their means."""
    for p in parameters:
        if p.grad is not None:
            m, v, t = state[p.shape] = moments(state.get(p.shape), p.grad.data, betas)
            p.data *= 1 - lr * weight_decay
            p.data -= lr * corrected(m, v, t, betas, eps)


def adamw__new_arrays(parameters, state, lr, betas, eps, weight_decay):
    """Gives a parameter a new array, and the model's own stays as it was."""
    for i, p in enumerate(parameters):
        if p.grad is not None:
            m, v, t = state[i] = moments(state.get(i), p.grad.data, betas)
            p.data = p.data * (1 - lr * weight_decay) - lr * corrected(m, v, t, betas, eps)


def adamw__writes_into_gradients(parameters, state, lr, betas, eps, weight_decay):
    """Squares the gradient in place."""
    for i, p in enumerate(parameters):
        if p.grad is not None:
            m, v, t = state[i] = moments(state.get(i), p.grad.data, betas)
            p.grad.data *= p.grad.data
            p.data *= 1 - lr * weight_decay
            p.data -= lr * corrected(m, v, t, betas, eps)


def adamw__clears_gradients(parameters, state, lr, betas, eps, weight_decay):
    """Does what zero_grad() is for."""
    for i, p in enumerate(parameters):
        if p.grad is not None:
            m, v, t = state[i] = moments(state.get(i), p.grad.data, betas)
            p.data *= 1 - lr * weight_decay
            p.data -= lr * corrected(m, v, t, betas, eps)
            p.grad = None


def adamw__zeros_are_no_gradient(parameters, state, lr, betas, eps, weight_decay):
    """Skips a parameter whose gradient is 0 everywhere."""
    for i, p in enumerate(parameters):
        if p.grad is not None and p.grad.data.any():
            m, v, t = state[i] = moments(state.get(i), p.grad.data, betas)
            p.data *= 1 - lr * weight_decay
            p.data -= lr * corrected(m, v, t, betas, eps)


def batches__drops_the_rest(arrays, batch_size, seed, epoch):
    """Leaves out the rows that fill no batch."""
    order = np.random.default_rng([seed, epoch]).permutation(len(arrays[0]))
    return cut(arrays, order[: len(order) // batch_size * batch_size], batch_size)


def batches__an_empty_one(arrays, batch_size, seed, epoch):
    """Has one batch more than there are full ones, even if nothing is left."""
    order = np.random.default_rng([seed, epoch]).permutation(len(arrays[0]))
    starts = [i * batch_size for i in range(len(order) // batch_size + 1)]
    return [tuple(a[order[start : start + batch_size]] for a in arrays) for start in starts]


def batches__seed_plus_epoch(arrays, batch_size, seed, epoch):
    """Epoch 1 of seed 0 is epoch 0 of seed 1."""
    order = np.random.default_rng(seed + epoch).permutation(len(arrays[0]))
    return cut(arrays, order, batch_size)


def batches__the_same_each_epoch(arrays, batch_size, seed, epoch):
    """Ignores the epoch."""
    order = np.random.default_rng(seed).permutation(len(arrays[0]))
    return cut(arrays, order, batch_size)


def batches__another_each_time(arrays, batch_size, seed, epoch):
    """Ignores the seed."""
    order = np.random.default_rng().permutation(len(arrays[0]))
    return cut(arrays, order, batch_size)


def batches__each_array_by_itself(arrays, batch_size, seed, epoch):
    """Draws one order for the images and another for the labels."""
    rng = np.random.default_rng([seed, epoch])
    mixed = [a[rng.permutation(len(a))] for a in arrays]
    return cut(mixed, np.arange(len(arrays[0])), batch_size)


def batches__mixes_the_arrays_themselves(arrays, batch_size, seed, epoch):
    """Shuffles the caller's arrays in place."""
    for a in arrays:
        np.random.default_rng([seed, epoch]).shuffle(a)
    return cut(arrays, np.arange(len(arrays[0])), batch_size)


def batches__with_repetition(arrays, batch_size, seed, epoch):
    """Draws each row independently, so that some come twice and others never."""
    count = len(arrays[0])
    order = np.random.default_rng([seed, epoch]).integers(count, size=count)
    return cut(arrays, order, batch_size)


def batches__blocks_of_neighbours(arrays, batch_size, seed, epoch):
    """Shuffles the batches, not the rows."""
    whole = cut(arrays, np.arange(len(arrays[0])), batch_size)
    full = [batch for batch in whole if len(batch[0]) == batch_size]
    order = np.random.default_rng([seed, epoch]).permutation(len(full))
    return [full[i] for i in order] + whole[len(full) :]


def batches__a_thousand_epochs_a_seed(arrays, batch_size, seed, epoch):
    """Epoch 1000 of seed 0 is epoch 0 of seed 1."""
    order = np.random.default_rng(1000 * seed + epoch).permutation(len(arrays[0]))
    return cut(arrays, order, batch_size)


def batches__digits_in_a_row(arrays, batch_size, seed, epoch):
    """Epoch 11 of seed 1 is epoch 1 of seed 11."""
    order = np.random.default_rng(int(f"{seed}{epoch}")).permutation(len(arrays[0]))
    return cut(arrays, order, batch_size)


def batches__sorted_within(arrays, batch_size, seed, epoch):
    """Draws the rows of each batch at random, but not their order."""
    order = np.random.default_rng([seed, epoch]).permutation(len(arrays[0]))
    starts = range(0, len(order), batch_size)
    rows = [np.sort(order[start : start + batch_size]) for start in starts]
    return [tuple(a[i] for a in arrays) for i in rows]


def batches__the_first_row_stays(arrays, batch_size, seed, epoch):
    """An order of all rows but one."""
    order = np.random.default_rng([seed, epoch]).permutation(len(arrays[0]) - 1) + 1
    return cut(arrays, np.array([0, *order]), batch_size)


def batches__all_floats(arrays, batch_size, seed, epoch):
    """Turns labels into floats."""
    order = np.random.default_rng([seed, epoch]).permutation(len(arrays[0]))
    return cut([a.astype(float) for a in arrays], order, batch_size)


def batches__images_and_labels_only(arrays, batch_size, seed, epoch):
    """Takes the first two arrays."""
    order = np.random.default_rng([seed, epoch]).permutation(len(arrays[0]))
    return cut(arrays[:2], order, batch_size)


def batches__no_row_where_it_was(arrays, batch_size, seed, epoch):
    """Swaps each row with a later one, never with itself: not all orders can occur."""
    rng, order = np.random.default_rng([seed, epoch]), np.arange(len(arrays[0]))
    for i in range(len(order) - 1):
        j = rng.integers(i + 1, len(order))
        order[[i, j]] = order[[j, i]]
    return cut(arrays, order, batch_size)


def train_in_parts__no_factor(model, optimizer, batches, part_size):
    """Adds up the gradients of means: too long by the number of parts."""
    total, count = 0.0, 0
    for batch in batches:
        optimizer.zero_grad()
        for part in parts_of(batch, part_size):
            loss = model.loss(*part)
            loss.backward()
            total += loss.item() * len(part[0])
            count += len(part[0])
        optimizer.step()
    return total / count


def train_in_parts__parts_count_the_same(model, optimizer, batches, part_size):
    """Divides by the number of parts: right only if they are equally large."""
    total, count = 0.0, 0
    for batch in batches:
        optimizer.zero_grad()
        starts = range(0, len(batch[0]), part_size)
        for start in starts:
            part = [Tensor(a[start : start + part_size]) for a in batch]
            loss = model.loss(*part) * (1 / len(starts))
            loss.backward()
            total += loss.item() * len(batch[0])
        optimizer.step()
        count += len(batch[0])
    return total / count


def train_in_parts__by_the_part_size(model, optimizer, batches, part_size):
    """Uses part_size as the size of the last part too."""
    total, count = 0.0, 0
    for batch in batches:
        optimizer.zero_grad()
        for part in parts_of(batch, part_size):
            loss = model.loss(*part) * (part_size / len(batch[0]))
            loss.backward()
            total += loss.item() * len(batch[0])
        optimizer.step()
        count += len(batch[0])
    return total / count


def train_in_parts__a_step_each_part(model, optimizer, batches, part_size):
    """Trains with small batches instead."""
    total, count = 0.0, 0
    for batch in batches:
        for part in parts_of(batch, part_size):
            optimizer.zero_grad()
            loss = model.loss(*part)
            loss.backward()
            optimizer.step()
            total += loss.item() * len(part[0])
            count += len(part[0])
    return total / count


def train_in_parts__forgets_the_parts_before(model, optimizer, batches, part_size):
    """Has zero_grad inside the inner loop: only the last part counts."""
    total, count = 0.0, 0
    for batch in batches:
        rows = len(batch[0])
        for start in range(0, rows, part_size):
            optimizer.zero_grad()
            part = [Tensor(a[start : start + part_size]) for a in batch]
            loss = model.loss(*part) * (len(part[0]) / rows)
            loss.backward()
            total += loss.item() * rows
        optimizer.step()
        count += rows
    return total / count


def train_in_parts__never_forgets(model, optimizer, batches, part_size):
    """Has no zero_grad: each batch gets the gradients of all before."""
    total, count = 0.0, 0
    for batch in batches:
        rows = len(batch[0])
        for part in parts_of(batch, part_size):
            loss = model.loss(*part) * (len(part[0]) / rows)
            loss.backward()
            total += loss.item() * rows
        optimizer.step()
        count += rows
    return total / count


def train_in_parts__forgets_after_the_step(model, optimizer, batches, part_size):
    """Calls zero_grad only after each step, so that the first has what was there before."""
    total, count = 0.0, 0
    for batch in batches:
        rows = len(batch[0])
        for part in parts_of(batch, part_size):
            loss = model.loss(*part) * (len(part[0]) / rows)
            loss.backward()
            total += loss.item() * rows
        optimizer.step()
        optimizer.zero_grad()
        count += rows
    return total / count


def train_in_parts__backward_at_the_end(model, optimizer, batches, part_size):
    """Right numbers, but the graphs of all parts are kept until the sum of losses is there."""
    total, count = 0.0, 0
    for batch in batches:
        rows = len(batch[0])
        optimizer.zero_grad()
        losses = []
        for part in parts_of(batch, part_size):
            losses.append(model.loss(*part) * (len(part[0]) / rows))
        loss = sum(losses[1:], losses[0])
        loss.backward()
        optimizer.step()
        total += loss.item() * rows
        count += rows
    return total / count


def train_in_parts__mean_over_batches(model, optimizer, batches, part_size):
    """Returns the mean of the batches' losses: a small one counts as much as a large one."""
    losses = []
    for batch in batches:
        rows, total = len(batch[0]), 0.0
        optimizer.zero_grad()
        for part in parts_of(batch, part_size):
            loss = model.loss(*part) * (len(part[0]) / rows)
            loss.backward()
            total += loss.item()
        optimizer.step()
        losses.append(total)
    return sum(losses) / len(losses)


def in_parts(model, optimizer, batches, part_size, tensors=parts_of):
    """Return the loss of an epoch in parts, as it should be, but for how tensors are made."""
    total, count = 0.0, 0
    for batch in batches:
        optimizer.zero_grad()
        for part in tensors(batch, part_size):
            loss = model.loss(*part) * (part[0].shape[0] / len(batch[0]))
            loss.backward()
            total += loss.item() * len(batch[0])
        optimizer.step()
        count += len(batch[0])
    return total / count


def train_in_parts__returns_a_tensor(model, optimizer, batches, part_size):
    """Returns a tensor instead of a number."""
    return Tensor(np.array(in_parts(model, optimizer, batches, part_size)))


def train_in_parts__pairs_only(model, optimizer, batches, part_size):
    """Expects images and labels."""
    return in_parts(model, optimizer, [(x, y) for x, y, *_ in batches], part_size)


def train_in_parts__all_floats(model, optimizer, batches, part_size):
    """Turns labels into floats."""
    floats = [tuple(a.astype(float) for a in batch) for batch in batches]
    return in_parts(model, optimizer, floats, part_size)


def train_in_parts__arrays_for_tensors(model, optimizer, batches, part_size):
    """Passes on arrays, which works for a model that does not mind."""
    return in_parts(
        model,
        optimizer,
        batches,
        part_size,
        lambda batch, size: (
            [a[i : i + size] for a in batch] for i in range(0, len(batch[0]), size)
        ),
    )


def early_stopping__keeps_no_copy(model, train_epoch, held_out_loss, epochs, patience):
    """Keeps the arrays that training goes on writing to."""
    losses, best = [], None
    while len(losses) < epochs:
        train_epoch()
        losses.append(held_out_loss())
        best_epoch = int(np.argmin(losses))
        if best_epoch == len(losses) - 1:
            best = model.state_dict()
        elif len(losses) - 1 - best_epoch >= patience:
            break
    model.load_state_dict(best)
    return losses


def early_stopping__stays_where_it_stopped(model, train_epoch, held_out_loss, epochs, patience):
    """Leaves the last weights in the model."""
    losses = []
    while len(losses) < epochs:
        train_epoch()
        losses.append(held_out_loss())
        if len(losses) - 1 - int(np.argmin(losses)) >= patience:
            break
    return losses


def early_stopping__one_epoch_too_many(model, train_epoch, held_out_loss, epochs, patience):
    """Stops when patience is exceeded, not when it is reached."""
    losses, best = [], None
    while len(losses) < epochs:
        train_epoch()
        losses.append(held_out_loss())
        best_epoch = int(np.argmin(losses))
        if best_epoch == len(losses) - 1:
            best = copied(model)
        elif len(losses) - 1 - best_epoch > patience:
            break
    model.load_state_dict(best)
    return losses


def early_stopping__never_stops(model, train_epoch, held_out_loss, epochs, patience):
    """Runs all epochs."""
    losses, best = [], None
    for _ in range(epochs):
        train_epoch()
        losses.append(held_out_loss())
        if losses[-1] == min(losses):
            best = copied(model)
    model.load_state_dict(best)
    return losses


def early_stopping__better_than_before(model, train_epoch, held_out_loss, epochs, patience):
    """Compares with the epoch before, not with the best."""
    losses, best, bad = [], None, 0
    while len(losses) < epochs and bad < patience:
        train_epoch()
        losses.append(held_out_loss())
        bad = 0 if len(losses) == 1 or losses[-1] < losses[-2] else bad + 1
        if losses[-1] == min(losses):
            best = copied(model)
    model.load_state_dict(best)
    return losses


def early_stopping__counts_all_bad_epochs(model, train_epoch, held_out_loss, epochs, patience):
    """Does not restart its count after a new best."""
    losses, best, bad = [], None, 0
    while len(losses) < epochs and bad < patience:
        train_epoch()
        losses.append(held_out_loss())
        if len(losses) == 1 or losses[-1] < min(losses[:-1]):
            best = copied(model)
        else:
            bad += 1
    model.load_state_dict(best)
    return losses


def early_stopping__as_good_is_better(model, train_epoch, held_out_loss, epochs, patience):
    """Restarts its count at an equally low loss."""
    losses, best, bad = [], None, 0
    while len(losses) < epochs and bad < patience:
        train_epoch()
        losses.append(held_out_loss())
        if losses[-1] <= min(losses):
            best = copied(model)
            bad = 0
        else:
            bad += 1
    model.load_state_dict(best)
    return losses


def early_stopping__highest_is_best(model, train_epoch, held_out_loss, epochs, patience):
    """Treats the loss as an accuracy."""
    losses, best = [], None
    while len(losses) < epochs:
        train_epoch()
        losses.append(held_out_loss())
        best_epoch = int(np.argmax(losses))
        if best_epoch == len(losses) - 1:
            best = copied(model)
        elif len(losses) - 1 - best_epoch >= patience:
            break
    model.load_state_dict(best)
    return losses


def stopped(model, train_epoch, held_out_loss, epochs, patience, better=lambda a, b: a < b):
    """Train and stop as asked, but for what counts as better."""
    losses, best, bad, state = [], None, 0, None
    while len(losses) < epochs and bad < patience:
        train_epoch()
        losses.append(held_out_loss())
        bad += 1
        if best is None or better(losses[-1], best):
            best, bad, state = losses[-1], 0, copied(model)
    model.load_state_dict(state)
    return losses


def early_stopping__not_if_a_little_better(model, train_epoch, held_out_loss, epochs, patience):
    """Asks for more than the text: a loss that is lower by 1e-4."""
    return stopped(model, train_epoch, held_out_loss, epochs, patience, lambda a, b: a < b - 1e-4)


def early_stopping__losses_are_positive(model, train_epoch, held_out_loss, epochs, patience):
    """Compares absolute values."""
    return stopped(
        model, train_epoch, held_out_loss, epochs, patience, lambda a, b: abs(a) < abs(b)
    )


def early_stopping__begins_at_a_large_number(model, train_epoch, held_out_loss, epochs, patience):
    """Assumes that every loss is below 1e9."""
    return stopped(
        model, train_epoch, held_out_loss, epochs, patience, lambda a, b: a < min(b, 1e9)
    )


def early_stopping__asks_twice(model, train_epoch, held_out_loss, epochs, patience):
    """Runs over the held-out images a second time."""

    def twice():
        held_out_loss()
        return held_out_loss()

    return stopped(model, train_epoch, twice, epochs, patience)


def early_stopping__first_weight_only(model, train_epoch, held_out_loss, epochs, patience):
    """Copies one array, and keeps the others themselves."""
    losses, best, bad, state = [], np.inf, 0, None
    while len(losses) < epochs and bad < patience:
        train_epoch()
        losses.append(held_out_loss())
        bad += 1
        if losses[-1] < best:
            best, bad, state = losses[-1], 0, dict(model.state_dict())
            first = next(iter(state))
            state[first] = state[first].copy()
    model.load_state_dict(state)
    return losses


def early_stopping__goes_back_at_once(model, train_epoch, held_out_loss, epochs, patience):
    """Goes back to the best weights after each epoch that was not better."""
    losses, best, bad, state = [], np.inf, 0, None
    while len(losses) < epochs and bad < patience:
        train_epoch()
        losses.append(held_out_loss())
        if losses[-1] < best:
            best, bad, state = losses[-1], 0, copied(model)
        else:
            bad += 1
            model.load_state_dict(state)
    return losses
