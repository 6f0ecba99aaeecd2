"""Random numbers on the GPU: a function of a key and a counter, so every thread has its own.

Philox4x32-10 (Salmon et al. 2011, "Parallel random numbers: as easy as 1, 2, 3") turns a counter of
128 bits into four words of 32, by ten rounds of multiplying and mixing in the key. The numbers
depend on nothing but the seed, which is the key, and on how many were drawn before. Both are kept
on the device, which does the counting: a captured launch draws new ones each time it is replayed.
"""

import math

from minae.kernels.cuda.launch.device import launch
from minae.kernels.cuda.launch.rung import Rung, Step
from minae.kernels.cuda.reductions import THREADS, VECTOR
from minae.kernels.simulator import cuda, float32, int64

WORD = 0xFFFFFFFF
FACTORS = 0xD2511F53, 0xCD9E8D57  # of the paper, as are the steps of the key
KEY_STEPS = 0x9E3779B9, 0xBB67AE85
TURN = 2 * math.pi


def philox(index, seed):
    """Return the four words for counter `index`, below 2^63, and key `seed`, likewise."""
    a, b, c, d = index & WORD, index >> 32, int64(0), int64(0)
    k, l = seed & WORD, seed >> 32  # noqa: E741
    for _ in range(10):
        # A product of two words overflows a signed 64-bit number, but keeps its bits.
        first, second = FACTORS[0] * a, FACTORS[1] * c
        a, b, c, d = (
            (second >> 32 & WORD) ^ b ^ k,
            second & WORD,
            (first >> 32 & WORD) ^ d ^ l,
            first & WORD,
        )
        k, l = k + KEY_STEPS[0] & WORD, l + KEY_STEPS[1] & WORD  # noqa: E741
    return a, b, c, d


def share(word):
    """Return a word as a number from [0, 1): its 24 upper bits, which float32 holds exactly."""
    return float32(word >> 8) * float32(2**-24)


def store(out, i, value):
    """out[i] = value, if there is such a place."""
    if i < out.shape[0]:
        out[i] = value


def uniform(out, state):
    """out = draws from the uniform distribution on [0, 1): four by each thread."""
    thread = cuda.grid(1)
    a, b, c, d = philox(int64(state[1]) + thread, int64(state[0]))
    store(out, 4 * thread, share(a))
    store(out, 4 * thread + 1, share(b))
    store(out, 4 * thread + 2, share(c))
    store(out, 4 * thread + 3, share(d))


def store_pair(out, i, one, other):
    """Turn two words into two draws from the normal distribution (Box & Muller 1958)."""
    radius = float32(math.sqrt(float32(-2) * float32(math.log(float32(1) - share(one)))))
    angle = float32(TURN) * share(other)
    store(out, i, radius * float32(math.cos(angle)))
    store(out, i + 1, radius * float32(math.sin(angle)))


def normal(out, state):
    """out = draws from the standard normal distribution: four by each thread."""
    thread = cuda.grid(1)
    a, b, c, d = philox(int64(state[1]) + thread, int64(state[0]))
    store_pair(out, 4 * thread, a, b)
    store_pair(out, 4 * thread + 2, c, d)


def advance(state, count):
    """Count what was drawn, once all threads of the launch before have read how many there were."""
    state[1] += count


def _groups_of_four(size: int) -> int:
    return -(-size // 4)


def _grid(size: int) -> tuple[int]:
    return (-(-_groups_of_four(size) // THREADS),)


_DRAW = (VECTOR, "int64[:]")
RUNGS = {
    "uniform": Rung(uniform, _DRAW, (THREADS,), _grid),
    "normal": Rung(normal, _DRAW, (THREADS,), _grid),
    "advance": Rung(advance, ("int64[:]", "int64"), (1,), lambda: (1,)),
}


def draw(kind: str, out, state) -> None:
    """Fill `out` with draws, "uniform" or "normal", and have the device count them.

    out: contiguous, float32. state: int64 (2,) on the same device, the seed and how many groups of
    four numbers were drawn, both below 2^63.
    """
    launch(Step(RUNGS[kind], (out.size,), (out.reshape(-1), state)))
    launch(Step(RUNGS["advance"], (), (state, _groups_of_four(out.size))))
