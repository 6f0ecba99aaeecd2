"""The checks of lesson 11: other formulas, plain loops, and gradients worked out on paper."""

import math

import numpy as np

from minae.course.checking import same, same_gradient, shape_of, values_of
from minae.course.contract import described
from minae.tensor import Tensor


def normal(*shape, seed=0, scale=1.0):
    """Return random numbers, in float64."""
    return scale * np.random.default_rng(seed).normal(size=shape)


def answered(student, name, **arguments):
    """Return what the student's function returns, and the call; NumPy may warn."""
    call = described(name, arguments)
    with np.errstate(all="ignore"):
        return getattr(student, name)(*arguments.values()), call


def of_kind(value, kinds, what, call):
    """Fail unless a result is an array, or a list, of one kind of numbers."""
    shape_of(value, call)
    kind = np.asarray(value.data if isinstance(value, Tensor) else value).dtype.kind
    assert kind in kinds, f"{call} returned {value!r}, not {what}"


def loop_rate_distortion(x, logits, mean, log_var, beta):
    """Return the three, number by number."""
    distortion = rate = 0.0
    for t, logit in zip(x.ravel(), logits.ravel(), strict=True):
        distortion += max(logit, 0) - t * logit + math.log1p(math.exp(-abs(logit)))
    for mu, log_square in zip(mean.ravel(), log_var.ravel(), strict=True):
        rate += (mu**2 + math.exp(log_square) - log_square - 1) / 2
    distortion, rate = distortion / len(x), rate / len(x)
    return distortion, rate, distortion + beta * rate


def test_rate_distortion__by_hand(student):
    """Logit 0 costs log 2 per pixel; a mean of 2 with variance 1 costs 2 nats."""
    x, logits, mean = np.ones((1, 3)), np.zeros((1, 3)), np.array([[2.0, 0]])
    answer, call = answered(
        student, "rate_distortion", x=x, logits=logits, mean=mean, log_var=np.zeros((1, 2)), beta=5
    )
    same(answer, (3 * math.log(2), 2.0, 3 * math.log(2) + 10), call)


def test_rate_distortion__agrees_with_a_loop(student):
    """Several sizes, β below and above 1, and 0; codes narrow and wide; large logits."""
    for N, P, Z, beta in [(3, 5, 2, 4.0), (2, 7, 3, 0.3), (6, 2, 4, 0.0), (1, 4, 1, 1.0)]:
        for logit, centre in [(2, -1), (0.1, -30), (300, 12)]:
            arrays = {
                "x": np.random.default_rng(1).random((N, P)),
                "logits": normal(N, P, scale=logit),
                "mean": normal(N, Z, seed=2, scale=math.exp(centre / 2)),
                "log_var": centre + normal(N, Z, seed=3),
            }
            expected = loop_rate_distortion(*arrays.values(), beta)
            answer, call = answered(student, "rate_distortion", **arrays, beta=beta)
            same(answer, expected, call)


def test_rate_distortion__of_the_largest_logits(student):
    """A sigmoid of these is 0 or 1, and log 0 is not finite."""
    zero = np.zeros((1, 1))
    for x, logits, distortion in [
        ([[1.0, 0.0, 0.0]], [[-800.0, 900.0, -50.0]], 1700.0),
        ([[1.0]], [[1e300]], 0.0),
        ([[0.0]], [[-1e300]], 0.0),
        ([[0.0]], [[1e300]], 1e300),
        ([[0.5]], [[-1e5]], 5e4),
    ]:
        arguments = {"x": np.array(x), "logits": np.array(logits)}
        answer, call = answered(
            student, "rate_distortion", **arguments, mean=zero, log_var=zero, beta=1
        )
        same(answer, (distortion, 0.0, distortion), call, 1e-12)


def test_active_units__agrees_with_a_loop(student):
    """Latents that vary, that hardly vary, and that are constant but far from zero."""
    spread = np.array([1.0, 0.05, 0.2, 0.0, 0.5, 0.09, 0.105])
    for N, seed in [(40, 0), (7, 1), (300, 2)]:
        x = normal(N, 7, seed=seed)
        x = (x - x.mean(axis=0)) / np.sqrt(((x - x.mean(axis=0)) ** 2).mean(axis=0))
        mean = x * spread + np.array([0.0, 3.0, -2.0, 5.0, 0.0, 1.0, 0.0])
        answer, call = answered(student, "active_units", mean=mean)
        same(answer, spread**2 > 0.01, f"{call} with standard deviations {spread.tolist()}")


def test_active_units__are_above_the_threshold(student):
    """Variances of 4, 9 and 0; equal is not above; a single image has no variance."""
    mean = np.array([[-2.0, 7.0, 5.0], [2.0, 13.0, 5.0]])
    for threshold, expected in [
        (6, [False, True, False]),
        (3, [True, True, False]),
        (4, [False, True, False]),
        (9.0, [False, False, False]),
        (0, [True, True, False]),
        (0.0, [True, True, False]),
    ]:
        answer, call = answered(student, "active_units", mean=mean, threshold=threshold)
        same(answer, np.array(expected), call)
        of_kind(answer, "b", "booleans", call)
    answer, call = answered(student, "active_units", mean=1e9 + mean, threshold=6)
    same(answer, np.array([False, True, False]), call)
    answer, call = answered(student, "active_units", mean=1e-3 * mean, threshold=0)
    same(answer, np.array([True, True, False]), call)
    answer, call = answered(student, "active_units", mean=mean[1:])
    same(answer, np.array([False] * 3), call)


def conditional_networks(into, out_of):
    """Return an encoder and a decoder of one layer each, and lists of what they are given."""
    given = {"encoder": [], "decoder": []}

    def network(name, weight):
        def run(rows):
            shape, want = shape_of(rows, f"what the {name} is given"), len(weight)
            assert len(shape) == 2, f"the {name} was given rows of shape {shape}, not (N, {want})"
            assert shape[1] == want, f"the {name} was given rows of shape {shape}, not (N, {want})"
            given[name].append(np.array(rows))
            return given[name][-1] @ weight

        return run

    return network("encoder", into), network("decoder", out_of), given


def test_conditional_pass__agrees_with_a_loop(student):
    """Batches that lack classes, one row, a square one; deviations far from 1; few bits."""
    for labels, P, Z, classes, scale in [
        ([2, 0, 1, 2, 0], 4, 2, 3, 1),
        ([1, 3], 3, 2, 6, 1),
        ([1, 0, 0], 3, 3, 3, 1),
        ([2], 2, 1, 4, 1),
        ([0, 0], 1, 3, 1, 1),
        ([4, 11, 0], 5, 2, 12, 8),
    ]:
        labels, N = np.array(labels, np.uint8 if classes == 12 else int), len(labels)
        into = normal(P + classes, 2 * Z, seed=5, scale=scale)
        out_of = normal(Z + classes, P, seed=6)
        x, noise = np.random.default_rng(N).random((N, P)), normal(N, Z, seed=4)
        columns = np.array([[float(c == label) for c in range(classes)] for label in labels])
        rows = np.concatenate([x, columns], 1)
        mean, log_var = (rows @ into)[:, :Z], (rows @ into)[:, Z:]
        codes = np.concatenate([mean + np.sqrt(np.exp(log_var)) * noise, columns], 1)

        encoder, decoder, given = conditional_networks(into, out_of)
        for array in (x, labels, noise):
            array.flags.writeable = False
        answer = student.conditional_pass(encoder, decoder, x, labels, classes, noise)
        call = (
            f"conditional_pass(encoder, decoder, x ({N}, {P}), labels {labels.tolist()},"
            f" classes={classes}, noise ({N}, {Z}))"
        )
        for name, expected in [("encoder", rows), ("decoder", codes)]:
            assert given[name], f"{call} never called the {name}"
            same(np.concatenate(given[name]), expected, f"{call}: the {name}'s input")
        same(answer, (codes @ out_of, mean, log_var), call)


def test_importance_weighted_bound__agrees_with_a_loop(student):
    """One draw and many, one image and many."""
    for k, N in [(1, 3), (4, 3), (3, 3), (7, 1), (2, 5), (1, 1), (500, 2)]:
        log_weights = normal(k, N, scale=2) - 3
        weights = np.exp(log_weights)
        total = weights.sum(axis=0)
        answer, call = answered(student, "importance_weighted_bound", log_weights=log_weights)
        same(shape_of(answer[0], call), (N,), f"the shape of result 0 of {call}")
        same(answer[0], np.log(total / k), f"result 0 of {call}")
        same_gradient(answer[1], weights / total, f"result 1 of {call}")


def test_importance_weighted_bound__of_large_numbers(student):
    """Weights far below and above what float64 holds, close together or far apart."""
    a, b = math.exp(-1), math.exp(-2)
    log_weights = [
        [-5000.0, 3.0, 900.0, -900.0, -5000.0, -100.0, 2000.0],
        [-5000.0, 3.0, -900.0, 899.0, -1000.0, -101.0, 1998.0],
        [-5001.0, 3.0, 900.0, 900.0, -1000.0, -102.0, -3000.0],
    ]
    shares = [
        [1, 1, a],
        [1, 1, 1],
        [1, 0, 1],
        [0, a, 1],
        [0, 1, 1],
        [1, a, b],
        [1, b, 0],
    ]
    total = np.sum(shares, axis=1)
    bound = np.max(log_weights, axis=0) + np.log(total / 3)
    answer, call = answered(student, "importance_weighted_bound", log_weights=np.array(log_weights))
    same(answer, (bound, (np.array(shares) / total[:, None]).T), call, 1e-9)


def quantised(student, z, codebook, commitment):
    """Return the student's answer as three values, the two tensors, and the call."""
    z, codebook = Tensor(z, requires_grad=True), Tensor(codebook, requires_grad=True)
    arguments = {"z": z, "codebook": codebook, "commitment": commitment}
    answer, call = answered(student, "vector_quantise", **arguments)
    answer = values_of(answer, 3, call)
    for name, value in (("output", answer[0]), ("loss", answer[2])):
        assert isinstance(value, Tensor), f"{call}: its {name} is {value!r}, not a tensor"
    return answer, (z, codebook), call


def nearest_of(z, codebook):
    """Return the number of each row's nearest code."""
    distances = [[((row - code) ** 2).sum() for code in codebook] for row in z]
    return np.array([row.index(min(row)) for row in distances])


SIZES = [(5, 3, 2, 0.25), (3, 8, 4, 2.0), (4, 4, 4, 0.0), (1, 2, 1, 1), (6, 2, 3, 3.0)]


def test_vector_quantise__gives_the_nearest_code(student):
    """The right values: rows of the codebook, their numbers, and the loss; also in float32."""
    for (N, K, D, commitment), dtype in zip(SIZES * 2, ["f8"] * 5 + ["f4"] * 5, strict=True):
        z = normal(N, D, scale=1.5).astype(dtype)
        codebook = normal(K, D, seed=1).astype(dtype)
        codebook[-1] *= 6  # far out: large, and seldom the nearest
        index = nearest_of(z, codebook)
        loss = (1 + commitment) * ((codebook[index] - z) ** 2).sum()
        answer, _, call = quantised(student, z.copy(), codebook.copy(), commitment)
        same(answer, (codebook[index], index, loss), call, 1e-6 if dtype == "f8" else 1e-4)
        of_kind(answer[1], "iu", "integers", f"result 1 of {call}")


def follow(result, tensors, what):
    """Return the gradients that a backward pass from here leaves in the tensors, or 0."""
    assert result.requires_grad, f"no gradient flows from {what} to z or codebook"
    result.backward()
    return [np.zeros(x.shape) if x.grad is None else x.grad.numpy() for x in tensors]


def test_vector_quantise__passes_gradients_straight_through(student):
    """Dz is dy, and the codebook gets nothing from the output."""
    for N, K, D, commitment in SIZES:
        z, codebook, dy = normal(N, D), normal(K, D, seed=1), normal(N, D, seed=2)
        (output, _, _), tensors, call = quantised(student, z, codebook, commitment)
        what = f"the output of {call}"
        dz, dcodebook = follow((output * Tensor(dy)).sum(), tensors, what)
        same_gradient(dz, dy, f"dz, for a gradient dy of {what},")
        same_gradient(dcodebook, np.zeros((K, D)), f"dcodebook, for a gradient dy of {what},")


def test_vector_quantise__moves_codes_and_rows_apart(student):
    """The loss's first term moves codes towards their rows; the second moves rows."""
    for N, K, D, commitment in SIZES:
        z, codebook = normal(N, D), normal(K, D, seed=1)
        index, dcodebook = nearest_of(z, codebook), np.zeros((K, D))
        dz = commitment * 2 * (z - codebook[index])
        np.add.at(dcodebook, index, 2 * (codebook[index] - z))
        (_, _, loss), tensors, call = quantised(student, z, codebook, commitment)
        found = follow(loss, tensors, f"the loss of {call}")
        same_gradient(found[0], dz, f"dz of the loss of {call}")
        same_gradient(found[1], dcodebook, f"dcodebook of the loss of {call}")


def test_codebook_use__by_hand(student):
    """Equal shares of n codes are a perplexity of n, whatever the codebook's size."""
    for index, codes, expected in [
        ([0, 1, 2, 3], 4, (4, 0)),
        ([[2, 5], [5, 2], [2, 5]], 8, (2, 6)),
        ([1, 1, 1], 3, (1, 2)),
        ([0, 0, 0, 1], 2, (4 / 3**0.75, 0)),
        ([[[3]]], 100, (1, 99)),
        ([0], 1, (1, 0)),
    ]:
        answer, call = answered(student, "codebook_use", index=np.array(index), codes=codes)
        same(answer, tuple(map(float, expected)), f"{call}, index={index}")


def test_codebook_use__agrees_with_a_loop(student):
    """Codes used unevenly, some very often; arrays of one to four dimensions, and of few bits."""
    for shape, codes, dtype in [
        ((50,), 6, int),
        ((7, 9), 20, np.uint8),
        ((4, 3, 3), 5, np.int32),
        ((2, 3, 2, 2), 7, int),
        ((1, 200, 400), 300, np.int16),
    ]:
        rng = np.random.default_rng(codes)
        shares = rng.dirichlet(np.full(codes, 0.2))
        index = rng.choice(codes, size=shape, p=shares).astype(dtype)
        counts = [0] * codes
        for code in index.ravel().tolist():
            counts[code] += 1
        entropy = -sum(n / index.size * math.log(n / index.size) for n in counts if n)
        answer, call = answered(student, "codebook_use", index=index, codes=codes)
        same(answer, (math.exp(entropy), float(counts.count(0))), call, 1e-9)
