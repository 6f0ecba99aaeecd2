"""The checks of lesson 1, each against another way of finding the same result."""

import sys
from fractions import Fraction

import numpy as np

from minae.course.checking import peak_megabytes, same, same_gradient, values_of


def normal(*shape, seed=0):
    """Return a random float64 array."""
    return np.random.default_rng(seed).standard_normal(shape)


DIVISIONS = [  # the shape of x, y and dq, and the size of y
    ((2, 3), 1.0), ((5,), 1.0), ((), 1.0), ((1, 1), 1.0), ((2, 3, 2), 1.0), ((0, 3), 1.0),
    ((4,), 1e-8), ((4,), 1e8),
]  # fmt: skip


def test_div_backward__gives_both_gradients_of_a_division(student):
    """Entry by entry, in fractions that round nothing. A zero in x or in dq is a number too."""
    for shape, size in DIVISIONS:
        dq, x = normal(*shape), normal(*shape, seed=1)
        y = size * (normal(*shape, seed=2) + np.sign(normal(*shape, seed=2)))  # away from zero
        x[np.abs(x) < 0.5], dq[dq > 0.5] = 0.0, 0.0
        entries = [tuple(map(Fraction, e)) for e in zip(dq.flat, x.flat, y.flat, strict=True)]
        expected = {
            "dx": [float(g / b) for g, _, b in entries],
            "dy": [float(-g * a / b**2) for g, a, b in entries],
        }
        of = f"shape {shape}" + (f" and entries of y about {size:.0e}" if size != 1 else "")
        call = f"div_backward(dq, x, y) with arrays of {of}"
        found = values_of(student.div_backward(dq, x, y), 2, call)
        for got, (name, numbers) in zip(found, expected.items(), strict=True):
            same_gradient(got, np.array(numbers).reshape(shape), f"{name} of {call}", 1e-12)


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
    """Return nodes of one value, each with up to three earlier ones; all lead to the last one."""
    rng = np.random.default_rng(seed)
    nodes = [student.Node(1.5) for _ in range(3)]
    while len(nodes) < size or (unused := unused_among(nodes)):
        last = len(nodes) >= size
        inputs = [nodes[-1], *unused] if last else rng.choice(nodes, rng.integers(4)).tolist()
        local = np.round(rng.uniform(-2, 2, len(inputs)), 3).tolist()
        if inputs and rng.random() < 0.2:
            local[0] = 0.0  # nothing comes through
        nodes.append(student.Node(1.5, tuple(inputs), tuple(local)))
    for i, node in enumerate(nodes):
        node.name = f"n{i}"
        node.grad = float(rng.integers(1, 9))  # from earlier calls
    return nodes


def unused_among(nodes):
    """Return the nodes, except the last, that no node has as an input."""
    used = {x for node in nodes for x in node.inputs}
    return [node for node in nodes[:-1] if node not in used]


def below(output):
    """Return a node and all that it was computed from."""
    nodes = [output]
    for node in nodes:  # it grows as we go
        nodes += [x for x in dict.fromkeys(node.inputs) if x not in nodes]
    return nodes


def kept(nodes):
    """Return what nodes hold."""
    return [(n.value, tuple(n.inputs), tuple(n.local), n.name, n.grad) for n in nodes]


def written(nodes):
    """Return a graph in words."""
    return ", ".join(f"{n} from {' and '.join(map(str, n.inputs))}" for n in nodes if n.inputs)


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
    """Thirty graphs that nobody would draw, and a part of each."""
    for seed in range(30):
        graph = random_graph(student, 4 + seed // 5, seed)  # small ones first
        for output in (graph[-1], graph[-2], graph[-1]):
            nodes = below(output)[::-1]
            before = kept(nodes)
            order = student.topological_order(output)
            assert_ordered(order, nodes, written(nodes) or f"a leaf {output} alone")
            assert kept(nodes) == before, (
                f"topological_order({output}) for {written(nodes)} changed a node"
            )


FAMILIES = {  # in words, and from which earlier nodes the next one is computed
    "x + x, doubled again and again": lambda nodes: (nodes[-1], nodes[-1]),
    "nodes computed from the two before": lambda nodes: tuple(nodes[-2:]),
    "the same, with the inputs swapped": lambda nodes: tuple(nodes[:-3:-1]),
    "nodes computed from all before": lambda nodes: tuple(nodes),
    "a chain": lambda nodes: (nodes[-1],),
    "a chain in which each node uses one leaf too": lambda nodes: (nodes[-1], nodes[0]),
}


def test_topological_order__looks_at_each_node_a_few_times(student):
    """Many paths are not many nodes, and a list of nodes is not searched for each of them."""
    for words, inputs in FAMILIES.items():
        size = 20 if "all" in words else 120
        call = f"topological_order(output) for {words}, {size} nodes"
        Watched = watched_nodes(student, call)
        nodes = [Watched(1.0)]
        while len(nodes) < size:
            earlier = inputs(nodes)
            nodes.append(Watched(1.0, earlier, (1.0,) * len(earlier)))
        Watched.left = 25 * size
        Watched.bottom = depth()
        student.topological_order(nodes[-1])


def watched_nodes(student, call):
    """Return a class of nodes that count how often and how deep they are looked at."""

    class Watched(student.Node):
        left, bottom = sys.maxsize, sys.maxsize

        def look(self):
            Watched.left -= 1
            assert Watched.left, (
                f"{call}: it looks at the nodes more than 25 times each. Does the walk follow each"
                " path, or search a list for each node?"
            )
            assert depth() < Watched.bottom + 50, (
                f"{call}: a function calls itself, one level deeper for each node. Use a loop"
            )

        @property
        def inputs(self):
            self.look()
            return self._inputs

        @inputs.setter
        def inputs(self, inputs):
            self._inputs = inputs

        def __eq__(self, other):
            self.look()
            return self is other

        __hash__ = student.Node.__hash__

    return Watched


def depth():
    """Return the depth of the call stack."""
    frame, count = sys._getframe(), 0
    while frame := frame.f_back:
        count += 1
    return count


def test_topological_order__takes_long_chains(student):
    """20,000 nodes in a row."""
    nodes = chain(student, 20_000)
    what = "a chain of 20,000 nodes"
    order = student.topological_order(nodes[-1])
    position = {node: i for i, node in enumerate(order)}
    assert len(order) == len(position) == len(nodes), (
        f"topological_order of {what} and their step returned {len(order)} entries,"
        f" {len(position)} of them different"
    )
    right = all(position[nodes[i + 1]] < position[nodes[i]] for i in range(1, len(nodes) - 1))
    assert right, f"topological_order of {what}: a node comes before the one that uses it"


def same_gradients(nodes, expected, call):
    """Compare the .grad of the nodes whose names are in `expected`."""
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


def test_backward__agrees_with_the_sum_over_all_paths(student):
    """Every node of random graphs, whatever earlier calls left behind."""
    for seed in range(20):
        nodes = random_graph(student, 4 + seed // 4, seed)
        expected = {
            node.name: sum_over_paths(nodes[-1], node) + (0.0 if node.inputs else node.grad)
            for node in nodes
        }
        before = [rest for *rest, _ in kept(nodes)]
        lines = [
            f"{n} = Node(1.5, ({', '.join(map(str, n.inputs))}), {n.local}), with .grad = {n.grad}"
            for n in nodes
        ]
        call = "backward for\n  " + "\n  ".join(lines) + "\n"
        student.backward(nodes[::-1])
        same_gradients(nodes, expected, call)
        assert [rest for *rest, _ in kept(nodes)] == before, f"{call} changed more than .grad"


def sum_over_paths(node, leaf):
    """Return the derivative, following each path from node to leaf separately."""
    if node is leaf:
        return 1.0
    edges = zip(node.inputs, node.local, strict=True)
    return sum(local * sum_over_paths(x, leaf) for x, local in edges)


def test_backward__collects_in_leaves_only(student):
    """A second call on the same graph, a third one on another, and a leaf alone."""
    nodes = diamond(student)
    a = nodes[0]
    student.backward(nodes[::-1])
    student.backward(nodes[::-1])
    call = "a second backward([L, z, y, c, b, a]): leaves accumulate, and nothing else does"
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
    """Against a gradient added up entry by entry."""
    for full, shape in SHAPES:
        dx = normal(*full)
        expected = np.zeros(shape)
        places = np.broadcast_to(np.arange(expected.size).reshape(shape), full)
        np.add.at(expected.reshape(-1), places, dx)
        got = student.unbroadcast(dx, shape)
        same_gradient(got, expected, f"unbroadcast(dx, {shape}) with dx of shape {full}", 1e-12)


def test_unbroadcast__keeps_the_dtype(student):
    """A float32 model must not go on in float64, nor a float64 one in float32."""
    for dtype in (np.float32, np.float64):
        for shape in [(3,), (4, 1), (1, 1), (1,), (), (4, 3)]:
            dx = np.arange(12, dtype=dtype).reshape(4, 3)
            found = student.unbroadcast(dx, shape)
            got = getattr(found, "dtype", type(found).__name__)
            assert got == dtype, (
                f"unbroadcast(dx, {shape}) with dx of shape (4, 3) and dtype {dx.dtype} returned"
                f" {got}"
            )


def test_unbroadcast__makes_no_array_of_places(student):
    """Sums over whole dimensions need next to no memory."""
    dx = np.ones((600, 600), np.float32)
    call = "unbroadcast(dx, (600, 1)) with dx of shape (600, 600) and dtype float32"
    most = peak_megabytes(lambda: student.unbroadcast(dx, (600, 1))) * 1e6 / dx.nbytes
    assert most < 4, f"{call} takes {most:.1f} times the memory of dx: sum over the dimensions"


def functions():
    """Yield a name, f, an input, and the derivative of f's output with respect to it."""
    x = normal(2, 3)
    yield "np.sin(x), x (2, 3)", np.sin, x, np.diag(np.cos(x).ravel()).reshape(2, 3, 2, 3)
    a, x = normal(4, 2, seed=1), normal(2, 3, seed=2)
    jacobian = np.einsum("im,jn->ijmn", a, np.eye(3))
    yield "a @ x, a (4, 2), x (2, 3)", lambda x: a @ x, x, jacobian
    x = normal(3, 2, seed=3).T
    jacobian = np.einsum("mn,im->imn", 2 * x, np.eye(2))
    yield "(x**2).sum(axis=1), x a transpose (2, 3)", lambda x: (x**2).sum(axis=1), x, jacobian
    x, jacobian = normal(2, 1, 3), np.eye(6).reshape(2, 1, 3, 2, 1, 3)
    yield "x itself, x (2, 1, 3)", lambda x: x, x, jacobian
    yield "x.T, x (2, 1, 3)", lambda x: x.T, x, jacobian.transpose(2, 1, 0, 3, 4, 5)
    x = np.array([0.0, -0.5, 1e-3, 0.0, 1e-7])
    jacobian = np.tril(np.ones((5, 5))) * (3 * x**2 + 1)
    yield f"np.cumsum(x**3 + x), x = {x.tolist()}", lambda x: np.cumsum(x**3 + x), x, jacobian
    yield f"np.sum(x**2), x = {x.tolist()}", lambda x: np.sum(x**2), x, 2 * x
    yield "np.exp(x), x a single number ()", np.exp, np.array(0.7), np.exp(np.array(0.7))


def test_numeric_gradient__is_close_to_the_derivative(student):
    """To nine digits, for a random dy; and x holds what it held, to the last bit."""
    for name, f, x, jacobian in functions():
        dy = normal(*f(x).shape, seed=5)
        expected = (dy.reshape(-1) @ jacobian.reshape(dy.size, x.size)).reshape(x.shape)
        got = student.numeric_gradient(f, x, dy)
        call = f"numeric_gradient(f, x, dy), to nine digits, with f(x) = {name}"
        same_gradient(got, expected, call, 1e-9)


def test_numeric_gradient__moves_one_entry_by_one_step_at_a_time(student):
    """Whatever f is called with is one step from x."""
    x, dy, seen = np.array([[0.0, -0.01, 0.5], [1.0, -2.0, 0.0]]), normal(2, 3, seed=1), []
    start = x.copy()

    def f(x):
        seen.append(np.array(x))
        return np.tanh(x)

    student.numeric_gradient(f, x, dy)
    what = f"numeric_gradient(np.tanh, x, dy) with x = {start.tolist()}"
    assert seen, f"{what} never calls f"
    for call, z in enumerate(seen):
        right = z.shape == start.shape and z.dtype == np.float64
        assert right, f"{what} calls f with an array of shape {z.shape} and dtype {z.dtype}"
        moved = [tuple(map(int, i)) for i in np.argwhere(z != start)]
        assert len(moved) <= 1, (
            f"{what}: in call {call} of f, {len(moved)} entries have been moved at once, the first"
            f" at {list(moved[0])}"
        )
        for index in moved:
            by = z[index] - start[index]
            assert abs(abs(by) - student.STEP) < 1e-6 * student.STEP, (
                f"{what}: in call {call} of f, the entry at {list(index)} was moved by {by:.7g},"
                f" not by STEP = {student.STEP:.7g}"
            )
