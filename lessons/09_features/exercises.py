"""Exercises of lesson 9: few labels, used well and compared fairly.

Each stands alone. No function may write into its arguments.
"""

from copy import deepcopy

import numpy as np

from minae import ops
from minae.autograd import no_grad
from minae.optim import SGD


def probe_loss(weight, bias, x, y, lam):
    """Return the loss of a linear probe, and its gradients with respect to weight and bias.

    weight (K, Z), bias (K,), x (n, Z) features, y (n,) class numbers from 0 to K - 1, lam a number
    -> the loss, a number; dweight (K, Z); dbias (K,)

        L = -1/n Σᵢ log softmax(W xᵢ + b)[yᵢ]  +  λ/2 Σ W²

    Work by hand, in NumPy. The bias is not in the second term. Logits may be as large as 1000, and
    even then the loss must be finite and right.

    About 8 lines, 20 minutes. Matters because this is the last layer of nearly every classifier,
    and here, with only one layer, its gradient is all that training needs.
    """
    ### BEGIN SOLUTION
    n = len(x)
    logits = x @ weight.T + bias  # (n, K)
    shifted = logits - logits.max(axis=1, keepdims=True)
    log_p = shifted - np.log(np.exp(shifted).sum(axis=1, keepdims=True))
    loss = -log_p[np.arange(n), y].mean() + lam / 2 * (weight**2).sum()
    dlogits = np.exp(log_p)
    dlogits[np.arange(n), y] -= 1
    return loss, dlogits.T @ x / n + lam * weight, dlogits.sum(axis=0) / n
    ### END SOLUTION


def few_labels(labels, k, seed):
    """Return the numbers of the rows that get a label: k of each class, none twice.

    labels (N,): any integers, such as 3, 8 and 40, any number of each -> (C k,) integers, in any
    order, where C is the number of classes

    - The same labels, k and seed give the same rows, whatever was drawn before, and nobody else's
      random numbers are disturbed: use a separate generator.
    - Another seed gives other rows; all sets of k rows of a class are equally likely.
    - With the same seed, the rows for a smaller k are among those for a larger one, as if you had
      gone on labelling.
    - If a class has fewer than k rows, raise ValueError with its name, and no other class's, in the
      message.

    About 8 lines, 15 minutes. Matters because with few labels the draw decides more than the
    method, so a comparison needs the same draws for all.
    """
    ### BEGIN SOLUTION
    rng = np.random.default_rng(seed)
    chosen = []
    for name in np.unique(labels):
        rows = np.flatnonzero(labels == name)
        if len(rows) < k:
            raise ValueError(f"class {name} has {len(rows)} rows, not {k}")
        chosen.append(rng.permutation(rows)[:k])  # uses as many random numbers for any k
    return np.concatenate(chosen)
    ### END SOLUTION


def standardised(train, test):
    """Return both arrays, standardised to mean 0 and standard deviation 1 on the training rows.

    train (N, Z), test (M, Z), M >= 1 -> the same shapes

    Mean and standard deviation (over N, as np.std takes it) of each feature are those of the
    training rows, for both arrays: when the model is used, test rows come one by one. A feature
    that is the same number in all training rows says nothing: make it 0 in both results.

    About 5 lines, 10 minutes. Matters because statistics that include the test set make its figures
    look better than they will ever be again, and because pixels at the border are constant.
    """
    ### BEGIN SOLUTION
    mean, std = train.mean(axis=0), train.std(axis=0)
    constant = (train == train[0]).all(axis=0)
    factor = np.where(constant, 0, 1 / np.where(constant, 1, std))
    return (train - mean) * factor, (test - mean) * factor
    ### END SOLUTION


def fine_tune(encoder, head, x, y, frozen_steps, steps, lr, encoder_lr):
    """Return trained copies of encoder and head: first the head alone, then both.

    encoder and head are modules, head(encoder(x)) are logits (N, K); x and y are tensors, y (N,)
    class numbers. The loss is their cross-entropy, as a mean over all N rows, and each step is one
    of gradient descent (minae.optim.SGD) on all of them. The first `frozen_steps` move only the
    head, with rate lr; then `steps` more move both together, the head with lr and the encoder with
    encoder_lr.

    The given encoder and head stay as they are, with their gradients and mode: others start from
    them too. Gradients from before must not count. deepcopy makes copies, which can then be
    trained. While it is frozen, the encoder needs no gradients, and its codes of x stay the same.

    About 12 lines, 20 minutes. Matters because a new head's first gradients are noise, and an
    encoder that follows them forgets what it was trained for.
    """
    ### BEGIN SOLUTION
    encoder, head = deepcopy(encoder), deepcopy(head)
    optimizers = [SGD(head.parameters(), lr=lr)]
    with no_grad():
        codes = encoder(x)
    for step in range(frozen_steps + steps):
        if step == frozen_steps:
            optimizers.append(SGD(encoder.parameters(), lr=encoder_lr))
        for optimizer in optimizers:
            optimizer.zero_grad()
        features = codes if step < frozen_steps else encoder(x)
        ops.cross_entropy(head(features), y).backward()
        for optimizer in optimizers:
            optimizer.step()
    return encoder, head
    ### END SOLUTION


def compare(a, b):
    """Return how much better a is than b, how sure that is, and how sure without pairs.

    a and b (S,), S >= 2: accuracies of two methods, entry s of both on the same draw s
    -> three numbers: the mean of a - b; its standard error, from the S differences; and what the
       standard error of the same mean would be if a and b had come from separate draws, so that
       their variances add up

    A variance here is estimated from S numbers, so its sum of squares is divided by S - 1; the
    variance of a mean of S numbers is 1/S of it.

    About 5 lines, 10 minutes. Matters because a lucky draw is lucky for both methods: in pairs luck
    cancels out, and reveals a difference that would otherwise drown in it.
    """
    ### BEGIN SOLUTION
    differences = a - b
    paired = np.sqrt(differences.var(ddof=1) / len(a))
    unpaired = np.sqrt((a.var(ddof=1) + b.var(ddof=1)) / len(a))
    return differences.mean(), paired, unpaired
    ### END SOLUTION
