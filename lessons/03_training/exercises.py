"""Exercises of lesson 3: optimisers, batches, the loop, and when to stop.

Each stands alone: none needs the answer to another. The checks use float64 arrays, so that nothing
is lost to rounding.
"""

import numpy as np

from minae.tensor import Tensor


def nesterov(x, dx, velocity, lr, momentum, weight_decay):
    """Take one step with momentum that looks ahead, and with weight decay.

    x, dx and velocity are arrays of one shape. Change x and velocity in place, and leave dx alone.

        g         =  dx + weight_decay · x
        velocity  =  momentum · velocity + g
        x         =  x - lr · (g + momentum · velocity)

    where each line uses the results of the lines above it. In the lesson x moves by the velocity.
    Here it moves by what the velocity would be one step later, if g stayed the same (Sutskever et
    al. 2013). The decay draws every weight towards 0, unless the data pulls the other way.

    About 3 lines, 10 minutes. Matters because an optimiser remembers between steps, and it has to
    do so in the very array that it was given.
    """
    ### BEGIN SOLUTION
    g = dx + weight_decay * x
    velocity[...] = momentum * velocity + g
    x -= lr * (g + momentum * velocity)
    ### END SOLUTION


def adamw(parameters, state, lr, betas, eps, weight_decay):
    """Take one step of AdamW on a list of parameters.

    parameters are tensors; `p.data` is the array to change, in place; `p.grad` is a tensor with its
    gradient, or None, which you only read. state is a dict, empty before the first step. It is
    yours: store in it what the next step has to know, and you will be given it again.

    AdamW (Loshchilov & Hutter 2019) is Adam after one extra line, which does not affect m and v:
    p.data is multiplied by 1 - lr · weight_decay. betas is (β₁, β₂). For the rest, use the lesson's
    formula; eps is outside the root.

    A parameter without a gradient is left alone, as if there were no step: part of a network may be
    used only now and then. So each parameter has its own step count t.

    About 12 lines, 25 minutes. Matters because this trains most of today's networks.
    """
    ### BEGIN SOLUTION
    beta1, beta2 = betas
    for i, p in enumerate(parameters):
        if p.grad is None:
            continue
        dx = p.grad.data
        m, v, t = state.get(i, (np.zeros_like(dx), np.zeros_like(dx), 0))
        m, v, t = beta1 * m + (1 - beta1) * dx, beta2 * v + (1 - beta2) * dx * dx, t + 1
        state[i] = m, v, t
        p.data *= 1 - lr * weight_decay
        p.data -= lr * (m / (1 - beta1**t)) / (np.sqrt(v / (1 - beta2**t)) + eps)
    ### END SOLUTION


def batches(arrays, batch_size, seed, epoch):
    """Return the batches of one epoch: a list of tuples, each with some rows of every array.

    arrays is a tuple of one or more arrays with the same number of rows, at least one, say images
    and labels: row i of one belongs to row i of the others. In the batches

    - every row comes exactly once, in random order, together with its partners in the other arrays;
    - each batch has batch_size rows, except that the last has what is left, and none is empty;
    - the same seed and epoch give the same batches again, and any other pair a different order:
      even epoch 1 of seed 0 and epoch 0 of seed 1;
    - the arrays themselves stay as they are.

    np.random.default_rng(...) takes a list of numbers as its seed.

    About 5 lines, 15 minutes. Matters because interrupted training can go on with exactly the
    batches that it would have had. And labels that come loose from their images raise no error: the
    network just does not learn.
    """
    ### BEGIN SOLUTION
    count = len(arrays[0])
    order = np.random.default_rng([seed, epoch]).permutation(count)
    starts = range(0, count, batch_size)
    return [tuple(a[order[start : start + batch_size]] for a in arrays) for start in starts]
    ### END SOLUTION


def train_in_parts(model, optimizer, batches, part_size):
    """Take one step for each batch, but never run more than part_size rows at once.

    batches is a list of tuples of arrays, as above. model.loss(*tensors) takes a tensor for each
    array and returns the mean loss of the rows that it gets; optimizer has zero_grad() and step().
    The steps must be those of the lesson's `train_epoch`, which runs each batch as a whole. So the
    gradient in step() is that of the mean over the batch, although no more than part_size rows of
    it may be in memory at a time. Neither batches nor parts need be equally large: 7 rows in parts
    of 3 are 3, 3 and 1.

    Return what `train_epoch` returns, the mean loss per row of the whole epoch, as a float.

    `backward()` adds to the gradients that are there, including those from before the call.

    About 12 lines, 25 minutes. Matters because a batch that does not fit into a GPU's memory can
    still be trained on. And once you understand why a factor is needed here, you understand the
    loop.
    """
    ### BEGIN SOLUTION
    total, count = 0.0, 0
    for batch in batches:
        rows = len(batch[0])
        optimizer.zero_grad()
        for start in range(0, rows, part_size):
            part = [Tensor(array[start : start + part_size]) for array in batch]
            loss = model.loss(*part) * (len(part[0]) / rows)
            loss.backward()
            total += loss.item() * rows
        optimizer.step()
        count += rows
    return total / count
    ### END SOLUTION


def early_stopping(model, train_epoch, held_out_loss, epochs, patience):
    """Train until the held-out loss stops getting better, and go back to the best weights.

    train_epoch() trains the model for one epoch, in place; held_out_loss() returns a finite number
    for the model as it is. Call it once after each epoch. Stop when `patience` epochs in a row have
    not gone below the lowest loss so far, or after `epochs` epochs in all.

    Return the list of all held-out losses. When you return, the model must have the weights of the
    epoch with the lowest one; of several equally low ones, the first.

    model.state_dict() returns the arrays of the weights by name, and they are the arrays that
    training writes to. model.load_state_dict(state) copies such arrays into the model. epochs and
    patience are at least 1.

    About 11 lines, 20 minutes. Matters because most epochs of the lesson's classifier with 200
    images came after its best one.
    """
    ### BEGIN SOLUTION
    losses, best = [], None
    while len(losses) < epochs:
        train_epoch()
        losses.append(held_out_loss())
        best_epoch = int(np.argmin(losses))
        if best_epoch == len(losses) - 1:
            best = {name: array.copy() for name, array in model.state_dict().items()}
        elif len(losses) - 1 - best_epoch >= patience:
            break
    model.load_state_dict(best)
    return losses
    ### END SOLUTION
