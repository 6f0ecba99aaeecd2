"""Wrong answers that people give, each of which the checks must reject."""

import sys

import numpy as np

STEP = np.finfo(np.float64).eps ** (1 / 3)


def div_backward__sign(dq, x, y):
    """Forgets that q falls as y grows."""
    return dq / y, dq * x / y**2


def div_backward__divides_by_dq(dq, x, y):
    """Right for a dq of ones: 1 / dq where dq belongs."""
    return 1 / (dq * y), -x / (dq * y**2)


def div_backward__forgets_dq(dq, x, y):
    """Returns the local derivatives alone, as if this were the last step."""
    return 1 / y, -x / y**2


def div_backward__y_not_squared(dq, x, y):
    """Takes the derivative of 1 / y for -1 / y."""
    return dq / y, -dq * x / y


def div_backward__swapped(dq, x, y):
    """Returns both gradients in the wrong order."""
    return -dq * x / y**2, dq / y


def div_backward__summed(dq, x, y):
    """Sums over the entries, which are independent of each other."""
    return (dq / y).sum() * np.ones_like(x), (-dq * x / y**2).sum() * np.ones_like(y)


def div_backward__writes_into_dq(dq, x, y):
    """Right numbers, but overwrites the gradient that arrived."""
    dq /= y
    return dq, -dq * x / y


def div_backward__divides_by_x(dq, x, y):
    """Right unless x is zero: computes dy by way of q / x."""
    return dq / y, -dq * (x / y) ** 2 / x


def div_backward__keeps_away_from_zero(dq, x, y):
    """Adds a small number to y, which is not always small beside y."""
    return dq / (y + 1e-9), -dq * x / (y + 1e-9) ** 2


def div_backward__matrices_only(dq, x, y):
    """Loops over the two dimensions that it expects."""
    dx = np.array([[dq[i, j] / y[i, j] for j in range(y.shape[1])] for i in range(len(y))])
    return dx, -dx * x / y


def div_backward__float32(dq, x, y):
    """Loses half of the digits on the way."""
    dx = (dq / y).astype(np.float32)
    return dx, -dx * x / y


def topological_order__recursive(output):
    """Right, until the graph is deeper than Python's stack."""
    order, found = [], set()

    def visit(node):
        found.add(node)
        for x in node.inputs:
            if x not in found:
                visit(x)
        order.append(node)

    visit(output)
    return order[::-1]


def topological_order__inputs_first(output):
    """The order of the forward pass."""
    return _ordered(output)[::-1]


def topological_order__breadth_first(output):
    """Level by level, so that a short path overtakes a long one."""
    order, found = [output], {output}
    for node in order:
        for x in node.inputs:
            if x not in found:
                found.add(x)
                order.append(x)
    return order


def topological_order__as_found(output):
    """Depth first, each node when it is met for the first time."""
    order, found, stack = [], set(), [output]
    while stack:
        node = stack.pop()
        if node not in found:
            found.add(node)
            order.append(node)
            stack.extend(node.inputs)
    return order


def topological_order__once_a_path(output):
    """Remembers no nodes, so each one enters once for every path to it."""
    order = [output]
    for node in order:
        order.extend(node.inputs)
    return order


def topological_order__all_paths_then_last(output):
    """Right order, found by following every path, and there are 2¹⁴."""
    order = [output]
    for node in order:
        order.extend(node.inputs)
    return list(dict.fromkeys(order[::-1]))[::-1]


def topological_order__consumer_twice_counted_once(output):
    """Counts x * x as one use of x, then takes two away: x never gets its turn."""
    found, stack, waiting = {output}, [output], {}
    while stack:
        for x in set(stack.pop().inputs):
            waiting[x] = waiting.get(x, 0) + 1
            if x not in found:
                found.add(x)
                stack.append(x)
    order = [output]
    for node in order:
        for x in node.inputs:
            waiting[x] -= 1
            if waiting[x] == 0 and len(set(node.inputs)) == 2:
                order.append(x)
    return order


def topological_order__no_leaves(output):
    """Lists only what was computed."""
    return [node for node in _ordered(output) if node.inputs]


def topological_order__recursive_with_a_higher_limit(output):
    """Recursion all the same: the limit is not the problem."""
    limit = sys.getrecursionlimit()
    sys.setrecursionlimit(10**6)
    order = topological_order__recursive(output)
    sys.setrecursionlimit(limit)
    return order


def topological_order__longest_way(output):
    """Moves a node further back again and again, as longer ways to it are found."""
    place, stack = {output: 0}, [output]
    while stack:
        node = stack.pop()
        for x in node.inputs:
            if place.get(x, -1) <= place[node]:
                place[x] = place[node] + 1
                stack.append(x)
    return sorted(place, key=place.get)


def topological_order__searches_a_list(output):
    """Right, but looks through all nodes found so far for each node."""
    found = [output]
    for node in found:
        found += [x for x in dict.fromkeys(node.inputs) if x not in found]
    return _ordered(output)


def topological_order__two_inputs_only(output):
    """Handles sums and products only."""
    used = {id(x) for node in _ordered(output) for x in node.inputs[:2]}
    return [node for node in _ordered(output) if node is output or id(node) in used]


def topological_order__resets_gradients(output):
    """Changes the gradients in the nodes."""
    order = _ordered(output)
    for node in order:
        node.grad = 0.0
    return order


def _ordered(output):
    found, stack, waiting = {output}, [output], {}
    while stack:
        for x in stack.pop().inputs:
            waiting[x] = waiting.get(x, 0) + 1
            if x not in found:
                found.add(x)
                stack.append(x)
    order = [output]
    for node in order:
        for x in node.inputs:
            waiting[x] -= 1
            if waiting[x] == 0:
                order.append(x)
    return order


def backward__overwrites(order):
    """The later use of a node wipes out the earlier one."""
    order[0].grad = 1.0
    for node in order:
        for x, local in zip(node.inputs, node.local, strict=True):
            x.grad = node.grad * local


def backward__no_first_gradient(order):
    """Nothing comes from nothing: the output's own gradient is missing."""
    for node in order:
        if node.inputs:
            node.grad = 0.0
    for node in order:
        for x, local in zip(node.inputs, node.local, strict=True):
            x.grad += node.grad * local


def backward__local_only(order):
    """Adds local derivatives without what arrives from above."""
    for node in order:
        if node.inputs:
            node.grad = 0.0
    order[0].grad += 1.0
    for node in order:
        for x, local in zip(node.inputs, node.local, strict=True):
            x.grad += local


def backward__adds_where_it_should_multiply(order):
    """The chain rule with a sum in place of the product."""
    for node in order:
        if node.inputs:
            node.grad = 0.0
    order[0].grad += 1.0
    for node in order:
        for x, local in zip(node.inputs, node.local, strict=True):
            x.grad += node.grad + local


def backward__each_input_once(order):
    """Puts the edges into a dict, where x * x has one edge."""
    for node in order:
        if node.inputs:
            node.grad = 0.0
    order[0].grad += 1.0
    for node in order:
        for x, local in dict(zip(node.inputs, node.local, strict=True)).items():
            x.grad += node.grad * local


def backward__never_resets(order):
    """A second call passes on again what the first one left in the inner nodes."""
    order[0].grad = 1.0
    for node in order:
        for x, local in zip(node.inputs, node.local, strict=True):
            x.grad += node.grad * local


def backward__resets_leaves_too(order):
    """Forgets what leaves have collected."""
    for node in order:
        node.grad = 0.0
    order[0].grad = 1.0
    for node in order:
        for x, local in zip(node.inputs, node.local, strict=True):
            x.grad += node.grad * local


def backward__a_leaf_alone_is_overwritten(order):
    """Sets the first gradient to 1, even if it is a leaf's."""
    for node in order:
        if node.inputs:
            node.grad = 0.0
    order[0].grad = 1.0
    for node in order:
        for x, local in zip(node.inputs, node.local, strict=True):
            x.grad += node.grad * local


def backward__inner_nodes_forgotten(order):
    """Gives leaves their gradients and keeps none of the others."""
    gradients = dict.fromkeys(order, 0.0)
    gradients[order[0]] = 1.0
    for node in order:
        for x, local in zip(node.inputs, node.local, strict=True):
            gradients[x] += gradients[node] * local
        if not node.inputs:
            node.grad += gradients[node]


def backward__two_inputs_only(order):
    """Handles sums and products only."""
    for node in order:
        if node.inputs:
            node.grad = 0.0
    order[0].grad += 1.0
    for node in order:
        if len(node.inputs) == 2:
            (x, y), (dx, dy) = node.inputs, node.local
            x.grad += node.grad * dx
            y.grad += node.grad * dy


def backward__products_only(order):
    """Recomputes what `local` holds, as if every node that is not a sum were a product."""
    for node in order:
        if node.inputs:
            node.grad = 0.0
    order[0].grad += 1.0
    for node in order:
        for x, local in zip(node.inputs, node.local, strict=True):
            x.grad += node.grad * (1.0 if local == 1.0 else node.value / x.value)


def backward__keeps_old_gradients_where_nothing_arrives(order):
    """What an earlier call left in a node counts if this one brings 0."""
    total = dict.fromkeys(order, 0.0)
    total[order[0]] = 1.0
    for node in order:
        for x, local in zip(node.inputs, node.local, strict=True):
            total[x] += total[node] * local
    for node, grad in total.items():
        if grad:
            node.grad = grad if node.inputs else node.grad + grad


def backward__leaves_begin_at_zero(order):
    """What a leaf's grad held before the first call is lost."""
    for node in order:
        if node.inputs or not hasattr(node, "walked"):
            node.grad = 0.0
        node.walked = True
    order[0].grad += 1.0
    for node in order:
        for x, local in zip(node.inputs, node.local, strict=True):
            x.grad += node.grad * local


def backward__leaves_come_last(order):
    """Assumes that all nodes from the first leaf on are leaves."""
    first = next(i for i, node in enumerate(order) if not node.inputs)
    for node in order[:first]:
        node.grad = 0.0
    order[0].grad += 1.0
    for node in order:
        for x, local in zip(node.inputs, node.local, strict=True):
            x.grad += node.grad * local


def unbroadcast__new_dimensions_only(dx, shape):
    """Right for a bias, not for what was repeated."""
    return dx.sum(axis=tuple(range(dx.ndim - len(shape)))).reshape(shape)


def unbroadcast__repeated_dimensions_only(dx, shape):
    """Forgets that new dimensions come in front."""
    return dx.sum(axis=tuple(i for i, n in enumerate(shape) if n == 1), keepdims=True)


def unbroadcast__mean(dx, shape):
    """Averages over the uses, whose gradients add up."""
    new = dx.ndim - len(shape)
    dx = dx.mean(axis=tuple(range(new)))
    return dx.mean(axis=tuple(i for i, n in enumerate(shape) if n == 1), keepdims=True)


def unbroadcast__one_use_only(dx, shape):
    """Keeps the gradient of one use only."""
    dx = dx[(0,) * (dx.ndim - len(shape))] if dx.size else np.zeros((1,) * dx.ndim)
    return dx[tuple(slice(0, 1) if n == 1 else slice(None) for n in shape)]


def unbroadcast__drops_repeated_dimensions(dx, shape):
    """Forgets keepdims: (4, 1) comes back as (4,)."""
    dx = dx.sum(axis=tuple(range(dx.ndim - len(shape))))
    return dx.sum(axis=tuple(i for i, n in enumerate(shape) if n == 1))


def unbroadcast__aligned_at_the_left(dx, shape):
    """Takes the new dimensions to be the last ones."""
    dx = dx.sum(axis=tuple(range(len(shape), dx.ndim)))
    return dx.sum(axis=tuple(i for i, n in enumerate(shape) if n == 1), keepdims=True)


def unbroadcast__first_dimension_always(dx, shape):
    """Sums over the batch, whatever the shape."""
    return dx if dx.shape == shape else dx.sum(axis=0).reshape(shape)


def unbroadcast__as_in_the_lesson(dx, shape):
    """Right numbers by np.bincount, in float64 whatever dx was."""
    count = int(np.prod(shape))
    places = np.broadcast_to(np.arange(count).reshape(shape), dx.shape)
    return np.bincount(places.ravel(), dx.ravel(), count).reshape(shape)


def unbroadcast__as_in_the_lesson_and_back(dx, shape):
    """An array of indices as large as dx, and the dtype restored afterwards."""
    return unbroadcast__as_in_the_lesson(dx, shape).astype(dx.dtype)


def unbroadcast__float32_always(dx, shape):
    """Right for a float32 model only."""
    places = tuple(i for i, n in enumerate(shape) if n == 1)
    dx = dx.sum(axis=tuple(range(dx.ndim - len(shape))))
    return dx.sum(axis=places, keepdims=True).astype(np.float32)


def unbroadcast__python_float(dx, shape):
    """A number without a dtype where the shape is ()."""
    if shape == ():
        return float(dx.sum())
    places = tuple(i for i, n in enumerate(shape) if n == 1)
    return dx.sum(axis=tuple(range(dx.ndim - len(shape)))).sum(axis=places, keepdims=True)


def numeric_gradient__one_sided(f, x, dy):
    """f(x + h) - f(x): its error shrinks as h, not as h²."""
    x, dx = x.copy(), np.empty_like(x)
    before = (f(x) * dy).sum()
    for index in np.ndindex(x.shape):
        value = x[index]
        x[index] = value + STEP
        dx[index] = ((f(x) * dy).sum() - before) / STEP
        x[index] = value
    return dx


def numeric_gradient__half_the_distance(f, x, dy):
    """Divides by h, where the two points are 2 h apart."""
    return 2 * _central(f, x, dy)


def numeric_gradient__dy_forgotten(f, x, dy):
    """Right for a dy of ones only."""
    return _central(f, x, np.ones_like(dy))


def numeric_gradient__step_too_small(f, x, dy):
    """Closer is not better: with h = 1e-12 the difference is rounding."""
    return _central(f, x, dy, 1e-12)


def numeric_gradient__step_too_large(f, x, dy):
    """With h = 0.01 the curve bends between the two points."""
    return _central(f, x, dy, 0.01)


def numeric_gradient__all_entries_at_once(f, x, dy):
    """Moves the whole array: right where entry i of f depends only on entry i of x."""
    dx = (f(x + STEP) - f(x - STEP)) * dy / (2 * STEP)
    return dx if dx.shape == x.shape else np.resize(dx, x.shape)


def numeric_gradient__does_not_put_back(f, x, dy):
    """Leaves each entry moved while it goes on to the next."""
    x, dx = x.copy(), np.empty_like(x)
    for index in np.ndindex(x.shape):
        x[index] += STEP
        above = (f(x) * dy).sum()
        x[index] -= 2 * STEP
        dx[index] = (above - (f(x) * dy).sum()) / (2 * STEP)
    return dx


def numeric_gradient__writes_into_x(f, x, dy):
    """Adds and subtracts in the caller's array, which rounding keeps from being undone."""
    dx = np.empty_like(x)
    for index in np.ndindex(x.shape):
        x[index] += STEP
        above = (f(x) * dy).sum()
        x[index] -= 2 * STEP
        dx[index] = (above - (f(x) * dy).sum()) / (2 * STEP)
        x[index] += STEP
    return dx


def numeric_gradient__moves_a_copy(f, x, dy):
    """Changes x.ravel(), which for a transpose is a copy: x itself does not move."""
    x = x.copy(order="K")
    flat, dx = x.ravel(), np.empty(x.size)
    for i in range(x.size):
        value = flat[i]
        flat[i] = value + STEP
        above = (f(x) * dy).sum()
        flat[i] = value - STEP
        dx[i] = (above - (f(x) * dy).sum()) / (2 * STEP)
        flat[i] = value
    return dx.reshape(x.shape)


def _central(f, x, dy, step=STEP):
    x, dx = x.copy(), np.empty_like(x)
    for index in np.ndindex(x.shape):
        value = x[index]
        x[index] = value + step
        above = (f(x) * dy).sum()
        x[index] = value - step
        dx[index] = (above - (f(x) * dy).sum()) / (2 * step)
        x[index] = value
    return dx


def numeric_gradient__step_relative_to_x(f, x, dy):
    """Moves large entries further, and zeros not at all."""
    dx = np.zeros_like(x)
    for index in np.ndindex(x.shape):
        step = np.zeros_like(x)
        step[index] = STEP * abs(x[index])
        if step[index]:
            dx[index] = ((f(x + step) - f(x - step)) * dy).sum() / (2 * step[index])
    return dx


def numeric_gradient__both_results_in_one_array(f, x, dy):
    """Sums only after both calls of f: if f returns its argument, both results are one array."""
    x, dx = x.copy(), np.empty_like(x)
    for index in np.ndindex(x.shape):
        value = x[index]
        x[index] = value + STEP
        above = f(x)
        x[index] = value - STEP
        below = f(x)
        x[index] = value
        dx[index] = ((above - below) * dy).sum() / (2 * STEP)
    return dx


def numeric_gradient__complex_step(f, x, dy):
    """Another method, which needs an f that takes complex numbers."""
    dx = np.empty_like(x)
    for index in np.ndindex(x.shape):
        z = x.astype(complex)
        z[index] += 1e-30j
        dx[index] = (f(z).imag * dy).sum() / 1e-30
    return dx
