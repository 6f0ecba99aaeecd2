"""The checks of lesson 1, each against another way to find the same result."""

import numpy as np

from minae.autograd import Op
from minae.course.checking import same
from minae.diagnosis import diagnose
from minae.gradcheck import GradcheckError, gradcheck


def normal(*shape, seed=0):
    """Return a random float64 array."""
    return np.random.default_rng(seed).standard_normal(shape)


def same_gradient(got, expected, call, tolerance=1e-6):
    """Compare two gradients, and guess from the pattern why they differ."""
    try:
        same(got, expected, call, tolerance)
    except AssertionError as error:
        if np.shape(got) != expected.shape:
            raise
        wrong = np.abs(got - expected) > tolerance * np.abs(expected).max()
        guess = diagnose(np.asarray(got), expected, wrong)
        raise AssertionError(f"{error}\nGuess: {guess}") from None


def test_div_backward__returns_two_arrays_of_the_same_shape(student):
    """So that the next check can speak of entries."""
    dq, x, y = normal(2, 3), normal(2, 3, seed=1), normal(2, 3, seed=2)
    call = "div_backward(dq, x, y) with arrays of shape (2, 3)"
    gradients = student.div_backward(dq.copy(), x.copy(), y.copy())
    assert isinstance(gradients, tuple | list), f"{call} returned {gradients!r}, not (dx, dy)"
    assert len(gradients) == 2, f"{call} returned {len(gradients)} values, not (dx, dy)"
    for name, gradient in zip(("dx", "dy"), gradients, strict=True):
        assert gradient is not None, f"{call} returned None as {name}"
        shape = np.shape(gradient)
        assert shape == (2, 3), f"{call} returned {name} of shape {shape}, not (2, 3)"


def test_div_backward__agrees_with_finite_differences(student):
    """And changes none of its arguments."""

    class _Div(Op):
        def forward(self, x, y):
            self.save(x, y)
            return x / y

        def backward(self, dy):
            return tuple(student.div_backward(dy, *self.saved))

    y = normal(2, 3, seed=2)
    y += np.sign(y)  # away from zero
    try:
        gradcheck(lambda x, y: _Div.apply(x, y), normal(2, 3, seed=1), y)
    except GradcheckError as error:
        raise AssertionError(f"q = x / y, both of shape (2, 3), and a random dq: {error}") from None


def diamond(student, turned=False):
    """Return the nodes a, b, c, y = a b, z = y + c, L = z y (or y z), in their order."""
    a, b, c = student.Node(2.0), student.Node(-3.0), student.Node(10.0)
    y = a * b
    z = y + c
    output = y * z if turned else z * y
    nodes = [a, b, c, y, z, output]
    for node, name in zip(nodes, "abcyzL", strict=True):
        node.name = name
    return nodes


def random_graph(student, size, seed):
    """Return nodes, each the product or the sum of two earlier ones; all lead to the last one."""
    rng = np.random.default_rng(seed)
    nodes = [student.Node(value) for value in rng.uniform(0.5, 1.5, 3)]
    while len(nodes) < size:
        x, y = (nodes[i] for i in rng.integers(len(nodes), size=2))
        nodes.append(x * y if rng.random() < 0.5 else x + y)
    used = {x for node in nodes for x in node.inputs}
    for unused in [node for node in nodes[:-1] if node not in used]:
        nodes.append(nodes[-1] + unused)
    for i, node in enumerate(nodes):
        node.name = f"n{i}"
    return nodes


def written(nodes):
    """Return a graph in words."""
    return ", ".join(f"{n} from {n.inputs[0]} and {n.inputs[1]}" for n in nodes if n.inputs)


def chain(student, length):
    """Return the nodes of x, x + c, x + c + c, ..."""
    nodes, step = [student.Node(1.0)], student.Node(0.5)
    while len(nodes) < length:
        nodes.append(nodes[-1] + step)
    return [step, *nodes]


def assert_ordered(order, nodes, what):
    """Raise unless order has each of these nodes once, after all of its consumers."""
    call = f"topological_order({nodes[-1]}) for {what}"
    assert isinstance(order, list), f"{call} returned {type(order).__name__}, not a list"
    shown = str(order) if len(order) <= 20 else f"{str(order[:6])[:-1]}, ...]"
    place = {}
    for i, node in enumerate(order):
        assert node in nodes, f"{call} returned {shown}: entry {i} is no node of this graph"
        assert node not in place, (
            f"{call} returned {shown}: {node} comes more than once, first at {place[node]}, then"
            f" at {i}"
        )
        place[node] = i
    for node in nodes:
        assert node in place, f"{call} returned {shown}: {node} is missing"
    for node in nodes:
        for x in node.inputs:
            assert place[node] < place[x], (
                f"{call} returned {shown}: {x} comes before {node}, which uses it"
            )


def test_topological_order__puts_consumers_first(student):
    """Both ways to write a diamond, a node used twice at once, and a leaf alone."""
    for turned, words in [(False, "L = z * y"), (True, "L = y * z")]:
        nodes = diamond(student, turned)
        order = student.topological_order(nodes[-1])
        assert_ordered(order, nodes, f"y = a * b, z = y + c, {words}")
    x = student.Node(3.0, name="x")
    y = x * x
    y.name = "y"
    assert_ordered(student.topological_order(y), [x, y], "y = x * x")
    assert_ordered(student.topological_order(x), [x], "a leaf x alone")


def test_topological_order__is_right_for_any_graph(student):
    """Thirty graphs that nobody would draw."""
    for seed in range(30):
        nodes = random_graph(student, 4 + seed // 5, seed)  # small ones first
        assert_ordered(student.topological_order(nodes[-1]), nodes, written(nodes))


def test_topological_order__takes_long_chains(student):
    """20,000 nodes behind each other."""
    nodes = chain(student, 20_000)
    what = "a chain of 20,000 nodes"
    try:
        order = student.topological_order(nodes[-1])
    except RecursionError:
        raise AssertionError(
            f"topological_order of {what}: Python gave up after so many calls within each other"
        ) from None
    position = {node: i for i, node in enumerate(order)}
    assert len(order) == len(position) == len(nodes), (
        f"topological_order of {what} and their step returned {len(order)} entries,"
        f" {len(position)} of them different"
    )
    right = all(position[nodes[i + 1]] < position[nodes[i]] for i in range(1, len(nodes) - 1))
    assert right, f"topological_order of {what}: a node comes before the one that uses it"


def test_topological_order__looks_at_each_node_a_few_times(student):
    """Many paths are not many nodes."""
    looks = []

    class Watched(student.Node):
        @property
        def inputs(self):
            looks.append(self)
            return self._inputs

        @inputs.setter
        def inputs(self, inputs):
            self._inputs = inputs

    nodes = [Watched(1.0)]
    for _ in range(14):
        x = nodes[-1]
        nodes.append(Watched(x.value + x.value, (x, x), (1.0, 1.0)))
    looks.clear()
    student.topological_order(nodes[-1])
    most = 5 * len(nodes)
    assert len(looks) <= most, (
        f"topological_order for x + x, doubled 14 times: it looked at the inputs of {len(nodes)}"
        f" nodes {len(looks)} times, and {most} are plenty. There are 2¹⁴ paths:"
        " does the walk follow each of them?"
    )


def same_gradients(nodes, expected, call):
    """Compare the .grad of some nodes with numbers by name."""
    for node in nodes:
        if node.name in expected:
            same(node.grad, expected[node.name], f"{node.name}.grad after {call}", 1e-9)


def test_backward__adds_up_all_paths(student):
    """L = z y, where z = y + c uses y too."""
    nodes = diamond(student)
    student.backward(nodes[::-1])
    graph = "backward([L, z, y, c, b, a]) for y = a * b, z = y + c, L = z * y with 2, -3, 10"
    same_gradients(nodes, {"L": 1, "z": -6, "y": -2, "c": -6, "b": -4, "a": 6}, graph)


def test_backward__takes_one_node_as_both_inputs(student):
    """Two edges between two nodes."""
    x = student.Node(3.0, name="x")
    y = x * x
    student.backward([y, x])
    same(x.grad, 6.0, "x.grad after backward([y, x]) for y = x * x with x = 3")


def sum_over_paths(node, leaf):
    """Return the derivative, each path from node to leaf followed by itself."""
    if node is leaf:
        return 1.0
    edges = zip(node.inputs, node.local, strict=True)
    return sum(local * sum_over_paths(x, leaf) for x, local in edges)


def test_backward__agrees_with_the_sum_over_all_paths(student):
    """Random graphs, and every node of them."""
    for seed in range(10):
        nodes = random_graph(student, 4 + seed // 2, seed)
        student.backward(nodes[::-1])
        for node in nodes:
            call = f"{node}.grad after backward for {written(nodes)}"
            same(node.grad, sum_over_paths(nodes[-1], node), call, 1e-9)


def test_backward__collects_in_leaves_only(student):
    """A second call on the same graph, a third one on another, and a leaf alone."""
    nodes = diamond(student)
    a = nodes[0]
    student.backward(nodes[::-1])
    student.backward(nodes[::-1])
    call = "a second backward([L, z, y, c, b, a]): leaves collect, and nothing else does"
    same_gradients(nodes, {"L": 1, "z": -6, "y": -2, "c": -12, "b": -8, "a": 12}, call)
    square = a * a
    student.backward([square, a])
    same(a.grad, 16.0, "a.grad, 12 before, after backward([s, a]) for s = a * a with a = 2")
    student.backward([a])
    same(a.grad, 17.0, "a.grad, 16 before, after backward([a]) of the leaf a alone")


SHAPES = [
    ((2, 3), (2, 3)), ((4, 3), (3,)), ((4, 3), (4, 1)), ((3, 3), (3, 1)), ((3, 3), (1, 3)),
    ((2, 3, 4), (3, 1)), ((2, 3, 4), (1, 4)), ((2, 3, 4), (2, 1, 1)), ((2, 2, 2), (2,)),
    ((5, 1, 3), (1, 1)), ((2, 3), ()), ((3,), (1,)), ((), ()), ((0, 3), (1, 3)), ((1, 2), (2,)),
]  # fmt: skip


def test_unbroadcast__gives_each_entry_all_its_uses(student):
    """Against the gradient handed out entry by entry."""
    for full, shape in SHAPES:
        dx = normal(*full)
        expected = np.zeros(shape)
        places = np.broadcast_to(np.arange(expected.size).reshape(shape), full)
        np.add.at(expected.reshape(-1), places, dx)
        got = student.unbroadcast(dx.copy(), shape)
        same_gradient(got, expected, f"unbroadcast(dx, {shape}) with dx of shape {full}")


def test_unbroadcast__keeps_the_dtype(student):
    """A float32 model must not compute in float64 from here on."""
    for shape in [(3,), (4, 1), (4, 3)]:
        got = student.unbroadcast(normal(4, 3).astype(np.float32), shape)
        dtype = getattr(got, "dtype", type(got).__name__)
        assert dtype == np.float32, (
            f"unbroadcast(dx, {shape}) with dx of shape (4, 3) and dtype float32 returned {dtype}"
        )


def functions():
    """Yield a name, f, an input, and the derivative of f's output (...) by its input (...)."""
    x = normal(2, 3)
    yield "np.sin(x), x (2, 3)", np.sin, x, np.diag(np.cos(x).ravel()).reshape(2, 3, 2, 3)
    a, x = normal(4, 2, seed=1), normal(2, 3, seed=2)
    jacobian = np.einsum("im,jn->ijmn", a, np.eye(3))
    yield "a @ x, a (4, 2), x (2, 3)", lambda x: a @ x, x, jacobian
    x = normal(3, 2, seed=3).T
    jacobian = np.einsum("mn,im->imn", 2 * x, np.eye(2))
    yield "(x**2).sum(axis=1), x a transpose (2, 3)", lambda x: (x**2).sum(axis=1), x, jacobian
    x = normal(5, seed=4)
    yield (
        "np.cumsum(x**3), x (5,)",
        lambda x: np.cumsum(x**3),
        x,
        np.tril(np.ones((5, 5))) * 3 * x**2,
    )
    yield "np.exp(x), x a single number ()", np.exp, np.array(0.7), np.exp(np.array(0.7))


def test_numeric_gradient__is_close_to_the_derivative(student):
    """To nine digits, for a random dy."""
    for name, f, x, jacobian in functions():
        dy = normal(*f(x).shape, seed=5)
        expected = (dy.reshape(-1) @ jacobian.reshape(dy.size, x.size)).reshape(x.shape)
        got = student.numeric_gradient(f, x.copy(order="K"), dy)
        call = f"numeric_gradient(f, x, dy), to nine digits, with f(x) = {name}"
        same_gradient(got, expected, call, 1e-9)


def test_numeric_gradient__leaves_its_arguments_alone(student):
    """To the last bit, also where adding and taking away does not lead back."""
    x, dy = normal(3, 2) * 1e-3, normal(3, 2, seed=1)
    given = x.copy(), dy.copy()
    student.numeric_gradient(np.tanh, *given)
    for name, now, before in zip(("x", "dy"), given, (x, dy), strict=True):
        assert np.array_equal(now, before), (
            f"numeric_gradient(np.tanh, x, dy) with x (3, 2) changed {name} by up to"
            f" {np.abs(now - before).max():.2g}"
        )


def test_numeric_gradient__moves_one_entry_at_a_time(student):
    """What f is called with lies one step from x."""
    x, seen = normal(2, 3), []

    def f(x):
        seen.append(np.array(x))
        return np.tanh(x)

    student.numeric_gradient(f, x.copy(), normal(2, 3, seed=1))
    for call, z in enumerate(seen):
        moved = np.argwhere(np.abs(z - x) > 1e-12) if z.shape == x.shape else None
        assert moved is not None, f"numeric_gradient calls f with shape {z.shape}, not {x.shape}"
        assert len(moved) <= 1, (
            f"numeric_gradient(np.tanh, x, dy) with x (2, 3): in call {call} of f, {len(moved)}"
            f" entries have been moved at once, the first at {[int(i) for i in moved[0]]}"
        )
