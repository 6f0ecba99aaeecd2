"""Exercises of lesson 1: the parts of an engine that differentiates.

Each is a function of numbers or NumPy arrays, and none needs another. If something puzzles you, run
it on a small input that you can work out by hand.
"""

import numpy as np

STEP = np.finfo(np.float64).eps ** (1 / 3)  # for central differences, about 6e-6


class Node:
    """A number, what it was computed from, and its derivative with respect to each input.

    For 1.2 and 1.3: `inputs` are nodes, `local` has one number for each, and `grad` is 0.0 until a
    walk fills it in. A leaf has no inputs. Leave this class as it is.
    """

    def __init__(self, value, inputs=(), local=(), name=""):
        self.value, self.inputs, self.local, self.name = value, inputs, local, name
        self.grad = 0.0

    def __add__(self, other):
        return Node(self.value + other.value, (self, other), (1.0, 1.0))

    def __mul__(self, other):
        return Node(self.value * other.value, (self, other), (other.value, self.value))

    def __repr__(self):
        return self.name or f"{self.value:.4g}"


def div_backward(dq, x, y):
    """Return (dx, dy), the gradients of a division q = x / y, given the gradient dq of q.

    x, y and dq are float64 arrays of one shape, y without zeros; entry i of q depends only on entry
    i of x and of y. Do not change any of the three: others still need them.

    Write down the two local derivatives ∂q/∂x and ∂q/∂y first. Each gradient is one of them times
    what arrives from above.

    About 2 lines, 10 minutes. Matters because an engine knows nothing of derivatives: every rule
    in it was worked out by hand once, and most are as short as this one.
    """
    ### BEGIN SOLUTION
    dx = dq / y
    return dx, -dx * x / y
    ### END SOLUTION


def topological_order(output):
    """Return a list of `output` and all nodes that it was computed from, consumers first.

    A node's consumers are the nodes that have it among their inputs. Each node comes once, after
    all of its consumers, so `output` comes first. Any order with this property will do.

    The lesson sorts nodes by the order in which they were made. Here they carry no numbers: find
    an order from `inputs` alone. Do not use recursion, since the graph may be a chain of 20,000
    nodes, and look at each node only a few times, however many paths lead to it. Leave the nodes as
    they are.

    About 12 lines, 25 minutes. Matters because a node visited before one of its consumers passes on
    an incomplete gradient, and nothing else looks wrong.
    """
    ### BEGIN SOLUTION
    found, stack = {output}, [output]
    waiting = {}  # for each node: its consumers that are not in the order yet
    while stack:
        for x in stack.pop().inputs:
            waiting[x] = waiting.get(x, 0) + 1
            if x not in found:
                found.add(x)
                stack.append(x)
    order = [output]
    for node in order:  # it grows as we go
        for x in node.inputs:
            waiting[x] -= 1
            if waiting[x] == 0:
                order.append(x)
    return order
    ### END SOLUTION


def backward(order):
    """Fill in `.grad` of all nodes in `order`: the derivative of order[0] with respect to each.

    `order` is a list with the property of exercise 1.2: order[0] is the output, and each node comes
    after all of its consumers. A node may have any number of inputs, and the same node may be among
    them more than once, as in x * x. A single leaf, [x], is an order too. Change nothing but
    `.grad`.

    Think of a second call, on the same graph or on another with the same leaves. A leaf (a node
    without inputs) accumulates: each call adds its derivative to what `.grad` was. This is how a
    large batch is taken in parts. In all other nodes, whatever an earlier call left does not count.

    About 7 lines, 15 minutes. Matters because this is the whole of automatic differentiation:
    everything else in the engine prepares for this loop.
    """
    ### BEGIN SOLUTION
    for node in order:
        if node.inputs:
            node.grad = 0.0
    order[0].grad += 1.0
    for node in order:
        for x, local in zip(node.inputs, node.local, strict=True):
            x.grad += node.grad * local
    ### END SOLUTION


def unbroadcast(dx, shape):
    """Return the gradient of an array of `shape` that was broadcast to dx's shape before use.

    NumPy broadcasts in two ways: it puts new dimensions in front, and it repeats dimensions of
    length 1. So an array of shape (3, 1) can become (2, 3, 4), where each entry is used 8 times.
    The gradient has the shape that the array had, and dx's dtype. If nothing was broadcast, it is
    dx.

    The lesson adds up dx entry by entry with np.bincount, which needs an array of indices as large
    as dx and always returns float64. Sum over whole dimensions instead: over which ones, and which
    of these stay, with length 1?

    About 5 lines, 15 minutes. Matters because a bias is broadcast over the batch in every layer.
    """
    ### BEGIN SOLUTION
    new = dx.ndim - len(shape)
    dx = dx.sum(axis=tuple(range(new)))
    repeated = tuple(i for i, n in enumerate(shape) if n == 1 and dx.shape[i] != 1)
    return dx.sum(axis=repeated, keepdims=True)
    ### END SOLUTION


def numeric_gradient(f, x, dy):
    """Return the gradient of the sum of f(x) * dy with respect to x, by central differences.

    f takes an array of x's shape and returns one of dy's shape, which may be the very array that it
    was given. For each entry, one at a time:

        (the sum of f(x + STEP there) * dy  -  the sum of f(x - STEP there) * dy)  /  (2 STEP)

    x is a float64 array of any shape, and may be the transpose of another array. When you return,
    it must hold what it held before. The result has x's shape.

    About 9 lines, 15 minutes. Matters because this knows no chain rule and no graph: it is slow,
    but so simple that you can trust it to judge everything above.
    """
    ### BEGIN SOLUTION
    x = x.copy()
    dx = np.empty_like(x)
    for index in np.ndindex(x.shape):
        value = x[index]
        x[index] = value + STEP
        above = (f(x) * dy).sum()
        x[index] = value - STEP
        below = (f(x) * dy).sum()
        x[index] = value
        dx[index] = (above - below) / (2 * STEP)
    return dx
    ### END SOLUTION
