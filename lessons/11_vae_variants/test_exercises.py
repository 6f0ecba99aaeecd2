"""The checks of lesson 11: other formulas, plain loops, and gradients worked out on paper."""

import math

import numpy as np

from minae.autograd import Op
from minae.course.checking import same
from minae.gradcheck import GradcheckError, gradcheck
from minae.tensor import Tensor


def normal(*shape, seed=0):
    """Return random numbers, in float64."""
    return np.random.default_rng(seed).normal(size=shape)


def unchanged(arrays, copies, call):
    """Fail if an input was written into."""
    for array, copy in zip(arrays, copies, strict=True):
        assert np.array_equal(array, copy), f"{call} changed one of its inputs"


def loop_rate_distortion(x, logits, mean, log_var, beta):
    """Return the three, image by image and number by number."""
    distortion = rate = 0.0
    for row, logit_row in zip(x, logits, strict=True):
        for t, logit in zip(row, logit_row, strict=True):
            p = 1 / (1 + math.exp(-logit))
            distortion -= t * math.log(p) + (1 - t) * math.log(1 - p)
    for mu, log_square in zip(mean.ravel(), log_var.ravel(), strict=True):
        rate += (mu**2 + math.exp(log_square) - log_square - 1) / 2
    distortion, rate = distortion / len(x), rate / len(x)
    return distortion, rate, distortion + beta * rate


def test_rate_distortion__agrees_with_a_loop(student):
    """Several sizes, β below and above 1, and 0."""
    for N, P, Z, beta in [(3, 5, 2, 4.0), (2, 7, 3, 0.3), (6, 2, 4, 0.0), (1, 4, 1, 1.0)]:
        x = np.random.default_rng(1).random((N, P))
        arrays = x, 2 * normal(N, P), normal(N, Z, seed=2), normal(N, Z, seed=3) - 1
        call = f"rate_distortion(x ({N}, {P}), logits, mean ({N}, {Z}), log_var, beta={beta:g})"
        copies = [a.copy() for a in arrays]
        expected = loop_rate_distortion(*copies, beta)
        same(student.rate_distortion(*arrays, beta), expected, call)
        unchanged(arrays, copies, call)


def test_rate_distortion__by_hand(student):
    """Logit 0 costs log 2 a pixel; a mean of 2 with variance 1 costs 2 nats."""
    zero, one = np.zeros((1, 3)), np.ones((1, 3))
    expected = 3 * math.log(2), 2.0, 3 * math.log(2) + 10
    call = "rate_distortion([[1, 1, 1]], [[0, 0, 0]], mean [[2, 0]], log_var [[0, 0]], beta=5)"
    answer = student.rate_distortion(one, zero, np.array([[2.0, 0]]), np.zeros((1, 2)), 5)
    same(answer, expected, call)


def test_rate_distortion__of_large_logits(student):
    """A sigmoid of these is 0 or 1, and log 0 is no number."""
    x, logits = np.array([[1.0, 0.0, 0.0]]), np.array([[-800.0, 900.0, -50.0]])
    zero = np.zeros((1, 1))
    call = "rate_distortion([[1, 0, 0]], [[-800, 900, -50]], mean [[0]], log_var [[0]], beta=1)"
    with np.errstate(all="ignore"):
        answer = student.rate_distortion(x, logits, zero, zero, 1)
    same(answer, (1700.0, 0.0, 1700.0), call, 1e-12)


def test_active_units__agrees_with_a_loop(student):
    """Latents that vary, that hardly vary, and that are constant but far from zero."""
    spread = np.array([1.0, 0.05, 0.2, 0.0, 0.5, 0.09])
    for N, seed in [(40, 0), (6, 1), (300, 2)]:
        x = normal(N, 6, seed=seed)
        x = (x - x.mean(axis=0)) / np.sqrt(((x - x.mean(axis=0)) ** 2).mean(axis=0))
        mean = x * spread + np.array([0.0, 3.0, -2.0, 5.0, 0.0, 1.0])
        call = f"active_units(mean ({N}, 6)) with standard deviations {spread.tolist()}"
        copy = mean.copy()
        same(student.active_units(mean), spread**2 > 0.01, call)
        unchanged((mean,), (copy,), call)


def test_active_units__takes_a_threshold(student):
    """Variances of 4 and 9 around a threshold of 6."""
    mean = np.array([[-2.0, 7.0], [2.0, 13.0], [2.0, 7.0], [-2.0, 13.0]])
    call = "active_units([[-2, 7], [2, 13], [2, 7], [-2, 13]], threshold=6)"
    same(student.active_units(mean, threshold=6), np.array([False, True]), call)
    call = call.replace("6)", "3)")
    same(student.active_units(mean, threshold=3), np.array([True, True]), call)


def conditional_networks(P, Z, classes):
    """Return an encoder and a decoder of one layer each that say what they were given."""
    given = {}
    weights = normal(P + classes, 2 * Z, seed=5), normal(Z + classes, P, seed=6)

    def network(name, weight):
        def run(rows):
            rows = np.asarray(rows)
            given[name] = rows.copy()
            want = (given["rows"], len(weight))
            assert rows.shape == want, f"the {name} was given rows {rows.shape}, expected {want}"
            return np.tanh(rows @ weight)

        return run

    return network("encoder", weights[0]), network("decoder", weights[1]), given, weights


def test_conditional_pass__agrees_with_a_loop(student):
    """Batches that lack classes, with more and with fewer rows than classes, and a square one."""
    for N, P, Z, classes, seed in [
        (5, 4, 2, 3, 0),
        (2, 3, 2, 6, 1),
        (3, 3, 3, 3, 2),
        (1, 2, 1, 4, 3),
    ]:
        rng = np.random.default_rng(seed)
        x, noise, labels = rng.random((N, P)), normal(N, Z, seed=4), rng.integers(0, classes, N)
        encoder, decoder, given, (into, out_of) = conditional_networks(P, Z, classes)
        given["rows"] = N
        call = (
            f"conditional_pass(encoder, decoder, x ({N}, {P}), labels {labels.tolist()},"
            f" classes={classes}, noise ({N}, {Z}))"
        )
        arrays = x, labels, noise
        copies = [a.copy() for a in arrays]
        answer = student.conditional_pass(encoder, decoder, x, labels, classes, noise)
        unchanged(arrays, copies, call)
        columns = np.array([[float(c == label) for c in range(classes)] for label in labels])
        same(given["encoder"], np.concatenate([x, columns], 1), f"{call}: the encoder's input")
        both = np.tanh(np.concatenate([x, columns], 1) @ into)
        mean, log_var = both[:, :Z], both[:, Z:]
        z = mean + np.sqrt(np.exp(log_var)) * noise
        decoder_input = np.concatenate([z, columns], 1)
        same(given["decoder"], decoder_input, f"{call}: the decoder's input")
        same(answer, (np.tanh(decoder_input @ out_of), mean, log_var), call)


def test_importance_weighted_bound__agrees_with_a_loop(student):
    """One draw and many, one image and many."""
    for k, N in [(1, 3), (4, 3), (3, 3), (7, 1), (2, 5)]:
        log_weights = 2 * normal(k, N) - 3
        call = f"importance_weighted_bound(log_weights) with {log_weights.round(2).tolist()}"
        copy = log_weights.copy()
        weights = np.exp(copy)
        total = weights.sum(axis=0)
        same(
            student.importance_weighted_bound(log_weights),
            (np.log(total / k), weights / total),
            call,
        )
        unchanged((log_weights,), (copy,), call)


def test_importance_weighted_bound__of_large_numbers(student):
    """Images whose weights are far below and above what float64 holds, side by side."""
    log_weights = np.array([[-5000.0, 3.0, 900.0], [-5000.0, 3.0, -900.0], [-5001.0, 3.0, 900.0]])
    share = 1 / (2 + math.exp(-1))
    dlog_weights = np.array(
        [[share, 1 / 3, 0.5], [share, 1 / 3, 0.0], [share * math.exp(-1), 1 / 3, 0.5]]
    )
    bound = np.array([-5000 + math.log((2 + math.exp(-1)) / 3), 3, 900 + math.log(2 / 3)])
    call = f"importance_weighted_bound({log_weights.tolist()})"
    with np.errstate(all="ignore"):
        answer = student.importance_weighted_bound(log_weights)
    same(answer, (bound, dlog_weights), call, 1e-9)


def test_importance_weighted_bound__is_differentiated(student):
    """The second result against finite differences of the first."""

    class _Bound(Op):
        def forward(self, log_weights):
            bound, dlog_weights = student.importance_weighted_bound(log_weights)
            self.save(dlog_weights)
            return np.array(bound)

        def backward(self, dy):
            return dy * self.saved[0]

    def f(log_weights):
        return _Bound.apply(log_weights)

    for k, N in [(1, 2), (5, 3), (3, 4)]:
        call = f"importance_weighted_bound(log_weights ({k}, {N})): its second result"
        try:
            gradcheck(f, normal(k, N, seed=7) - 2)
        except GradcheckError as error:
            raise AssertionError(f"{call}: {error}") from None


def test_vector_quantise__gives_the_nearest_code(student):
    """Values: the rows of the codebook, their numbers, and the loss."""
    for N, K, D, commitment in [(5, 3, 2, 0.25), (3, 8, 4, 2.0), (4, 4, 4, 0.0), (1, 2, 1, 1.0)]:
        z, codebook = 1.5 * normal(N, D), normal(K, D, seed=1)
        codebook[-1] *= 6  # far out: large, and seldom the nearest
        call = f"vector_quantise(z ({N}, {D}), codebook ({K}, {D}), commitment={commitment:g})"
        index = np.array(
            [min(range(K), key=lambda j: ((row - codebook[j]) ** 2).sum()) for row in z]
        )
        nearest = np.array([codebook[j] for j in index])
        loss = (1 + commitment) * ((nearest - z) ** 2).sum()
        answer = student.vector_quantise(
            Tensor(z, requires_grad=True), Tensor(codebook, requires_grad=True), commitment
        )
        same(answer, (nearest, index, loss), call)


def gradients(student, z, codebook, commitment, through):
    """Return dz and dcodebook of Σ output · dy, or of the loss if dy is None; 0 where none came."""
    z, codebook = Tensor(z, requires_grad=True), Tensor(codebook, requires_grad=True)
    output, _, loss = student.vector_quantise(z, codebook, commitment)
    result = loss if through is None else (output * Tensor(through)).sum()
    assert result.requires_grad, (
        f"no gradient flows from the {'loss' if through is None else 'output'} to z or codebook"
    )
    result.backward()
    return tuple(np.zeros(x.shape) if x.grad is None else x.grad.numpy() for x in (z, codebook))


def test_vector_quantise__passes_gradients_straight_through(student):
    """Dz is dy, and the codebook gets nothing from the output."""
    for N, K, D in [(5, 3, 2), (3, 6, 4)]:
        z, codebook, dy = normal(N, D), normal(K, D, seed=1), normal(N, D, seed=2)
        call = (
            f"vector_quantise(z ({N}, {D}), codebook ({K}, {D}), 0.25), dy given to its output:"
            " dz and dcodebook"
        )
        same(gradients(student, z, codebook, 0.25, dy), (dy, np.zeros((K, D))), call)


def test_vector_quantise__moves_codes_and_rows_apart(student):
    """Of the loss: the first term moves codes, towards their rows; the second one moves rows."""
    for N, K, D, commitment in [(5, 3, 2, 0.25), (6, 2, 3, 3.0), (2, 9, 2, 0.5)]:
        z, codebook = normal(N, D), normal(K, D, seed=1)
        nearest = np.array([codebook[((row - codebook) ** 2).sum(axis=1).argmin()] for row in z])
        dz = commitment * 2 * (z - nearest)
        dcodebook = np.zeros((K, D))
        for row in z:
            j = ((row - codebook) ** 2).sum(axis=1).argmin()
            dcodebook[j] += 2 * (codebook[j] - row)
        call = (
            f"vector_quantise(z ({N}, {D}), codebook ({K}, {D}), {commitment:g}),"
            " backward from its loss: dz and dcodebook"
        )
        same(gradients(student, z, codebook, commitment, None), (dz, dcodebook), call)


def test_codebook_use__by_hand(student):
    """Equal shares of n codes are a perplexity of n, whatever the codebook's size."""
    for index, codes, expected in [
        ([0, 1, 2, 3], 4, (4, 0)),
        ([[2, 5], [5, 2], [2, 5]], 8, (2, 6)),
        ([1, 1, 1], 3, (1, 2)),
        ([0, 0, 0, 1], 2, (4 / 3**0.75, 0)),
    ]:
        call = f"codebook_use({index}, codes={codes})"
        with np.errstate(all="ignore"):
            answer = student.codebook_use(np.array(index), codes)
        same(answer, tuple(map(float, expected)), call)


def test_codebook_use__agrees_with_a_loop(student):
    """Codes used unevenly, in arrays of one to three dimensions."""
    for shape, codes, seed in [((50,), 6, 0), ((7, 9), 20, 1), ((4, 3, 3), 5, 2)]:
        rng = np.random.default_rng(seed)
        index = rng.choice(codes, size=shape, p=rng.dirichlet(np.full(codes, 0.4)))
        shares = [float(np.mean(index == code)) for code in range(codes)]
        entropy = -sum(p * math.log(p) for p in shares if p)
        call = f"codebook_use(index {shape}, codes={codes}), shares {np.round(shares, 2).tolist()}"
        copy = index.copy()
        with np.errstate(all="ignore"):
            answer = student.codebook_use(index, codes)
        same(answer, (math.exp(entropy), float(shares.count(0.0))), call)
        unchanged((index,), (copy,), call)
