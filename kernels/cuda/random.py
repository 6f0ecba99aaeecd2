"""Random numbers on the GPU: a function of a key and a counter, so every thread has its own.

Philox4x32-10 (Salmon et al. 2011, "Parallel random numbers: as easy as 1, 2, 3") turns a counter of
128 bits into four words of 32 bits, by ten rounds of multiplying and mixing in the key. The numbers
depend only on the seed, which is the key, and on how many were drawn before. Both are kept on the
device, which does the counting: a captured launch draws new numbers each time it is replayed.
"""

import math

from minae.kernels.arrays import Array
from minae.kernels.cuda.launch.device import launch
from minae.kernels.cuda.launch.rung import VECTOR, Rung, Step
from minae.kernels.simulator import cuda, float32, int64

WORD = 0xFFFFFFFF
FACTORS = 0xD2511F53, 0xCD9E8D57  # from the paper, as are the steps of the key
KEY_STEPS = 0x9E3779B9, 0xBB67AE85


def philox(index, seed):
    """Return the four words for counter `index` and key `seed`, both below 2^63."""
    a, b, c, d = index & WORD, index >> 32, int64(0), int64(0)
    k, l = seed & WORD, seed >> 32  # noqa: E741
    for _ in range(10):
        # A product of two words overflows a signed 64-bit number, but keeps its bits.
        first, second = FACTORS[0] * a, FACTORS[1] * c
        a, b = (second >> 32 & WORD) ^ b ^ k, second & WORD
        c, d = (first >> 32 & WORD) ^ d ^ l, first & WORD
        k, l = k + KEY_STEPS[0] & WORD, l + KEY_STEPS[1] & WORD  # noqa: E741
    return a, b, c, d


def fraction(word):
    """Return a number from [0, 1): the word's 24 upper bits, which float32 holds exactly."""
    return float32(word >> 8) * float32(2**-24)


def store(out, i, value):
    """out[i] = value, unless i is beyond the end."""
    if i < out.shape[0]:
        out[i] = value


def uniform(out, state):
    """out = draws from the uniform distribution on [0, 1), four by each thread."""
    thread = cuda.grid(1)
    a, b, c, d = philox(int64(state[1]) + thread, int64(state[0]))
    store(out, 4 * thread, fraction(a))
    store(out, 4 * thread + 1, fraction(b))
    store(out, 4 * thread + 2, fraction(c))
    store(out, 4 * thread + 3, fraction(d))


def store_pair(out, i, one, other):
    """Store two draws from the normal distribution, made of two words (Box & Muller 1958)."""
    radius = float32(math.sqrt(float32(-2) * float32(math.log(float32(1) - fraction(one)))))
    angle = float32(2 * math.pi) * fraction(other)
    store(out, i, radius * float32(math.cos(angle)))
    store(out, i + 1, radius * float32(math.sin(angle)))


def normal(out, state):
    """out = draws from the standard normal distribution, four by each thread."""
    thread = cuda.grid(1)
    a, b, c, d = philox(int64(state[1]) + thread, int64(state[0]))
    store_pair(out, 4 * thread, a, b)
    store_pair(out, 4 * thread + 2, c, d)


def advance(state, count):
    """Add to the count of draws, in a launch of its own: the one before has read it by then."""
    state[1] += count


RUNGS = {
    "uniform": Rung(uniform, (VECTOR, "int64[:]")),
    "normal": Rung(normal, (VECTOR, "int64[:]")),
    "advance": Rung(advance, ("int64[:]", "int64"), (1,), lambda: (1,)),
}


def draw(kind: str, out: Array, state: Array) -> None:
    """Fill `out` with draws, "uniform" or "normal", and have the device count them.

    out: contiguous, float32. state: int64 (2,) on the same device, the seed and the number of
    groups of four numbers drawn so far, both below 2^63.
    """
    groups = -(-out.size // 4)
    launch(Step(RUNGS[kind], (groups,), (out.reshape(-1), state)))
    launch(Step(RUNGS["advance"], (), (state, groups)))
