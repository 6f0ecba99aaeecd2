"""Drawing a token from what a language model finds probable."""

import math
from collections.abc import Callable
from functools import partial

import numpy as np

from minae import random
from minae.errors import InputError
from minae.models.base import check_count


def sampler(
    temperature: float, top_k: int | None, top_p: float | None, seed: int | None
) -> Callable[[np.ndarray], int]:
    """Return what draws an id from logits, as `draw` does with these options.

    Equal seeds give equal ids; None draws from minae.random. Raises InputError for an option that
    cannot be used.
    """
    if not 0 <= temperature < math.inf:
        raise InputError(f"temperature is a number from 0, not {temperature}")
    if top_k is not None:
        check_count("top_k", top_k)
    if top_p is not None and not 0 < top_p <= 1:
        raise InputError(f"top_p is a share above 0, up to 1, not {top_p}")
    if seed is not None:
        check_count("seed", seed, 0, 2**63)
    rng = random.generator if seed is None else np.random.default_rng(seed)
    return partial(draw, rng=rng, temperature=temperature, top_k=top_k, top_p=top_p)


def draw(
    logits: np.ndarray,
    rng: np.random.Generator,
    temperature: float = 1.0,
    top_k: int | None = None,
    top_p: float | None = None,
) -> int:
    """Return an id drawn from softmax(logits / temperature); logits (V,).

    A temperature below 1 prefers what is probable; 0 takes the most probable id. `top_k` leaves out
    all but the k most probable ids, `top_p` all but the fewest that have this probability together
    (Holtzman et al. 2020); both after the temperature.
    """
    if temperature == 0:
        return int(logits.argmax())
    with np.errstate(over="ignore"):  # a temperature near 0 makes all but the largest -inf
        scores = (logits - logits.max()).astype(np.float64) / temperature  # (V,)
    order = np.argsort(-scores, kind="stable")[:top_k]  # the most probable first
    total = np.cumsum(np.exp(scores[order]))
    total /= total[-1]
    if top_p is not None:
        kept = int(np.searchsorted(total, top_p)) + 1
        order, total = order[:kept], total[:kept] / total[kept - 1]
    return int(order[np.searchsorted(total, rng.random(), side="right")])
