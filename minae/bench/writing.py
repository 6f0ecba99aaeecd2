"""How fast W7's language model writes, beside PyTorch: characters a second.

All write the same text: they go on from one character until the context is full, and draw with the
same seed. PyTorch does so in two ways: it reads the whole text anew for each character, as nanoGPT
does, or keeps the keys and values of what it has read, as minae does.
"""

from collections.abc import Callable
from typing import Any

import numpy as np

from minae.bench.compare import WARM_UP, installed, started, timed
from minae.bench.contenders import torch_network
from minae.bench.workloads import WORKLOADS
from minae.models.sampling import sampler

WAYS = ("minae", "torch", "torch cached")
CASES = ("writing",)
BEGIN = [0]  # the ids that all go on from
COUNT = WORKLOADS["W7"].image_shape[0] - 1 - len(BEGIN)  # characters, which fill the context


def call(way: str, _: str) -> Callable[[int], list[int]]:
    """Return a function of a seed that returns COUNT ids."""
    if way == "minae":
        model: Any = WORKLOADS["W7"].build()
        return lambda seed: list(model.generate(BEGIN, COUNT, seed=seed))
    network, _ = torch_network(WORKLOADS["W7"], "cpu")
    logits_after = _logits_cached if way == "torch cached" else _logits

    def write(seed: int) -> list[int]:
        draw, ids = sampler(1.0, None, None, seed), BEGIN.copy()
        following = logits_after(network)
        for _ in range(COUNT):
            ids.append(draw(following(ids)))
        return ids[len(BEGIN) :]

    return write


def _logits(network: Any) -> Callable[[list[int]], np.ndarray]:
    """Return a function of ids that returns the logits of what follows them."""
    import torch

    @torch.inference_mode()
    def following(ids: list[int]) -> np.ndarray:
        return network.lm_head(network.read(torch.tensor([ids]))[0, -1]).numpy()

    return following


def _logits_cached(network: Any) -> Callable[[list[int]], np.ndarray]:
    """Return what `_logits` does, if each call has one id more than the one before."""
    import torch
    from torch.nn.functional import scaled_dot_product_attention

    parts = network.transformer
    context, width = parts["wpe"].weight.shape
    heads = parts["h"][0].attn.heads
    kept = torch.empty(len(parts["h"]), 2, heads, context, width // heads)  # keys and values

    @torch.inference_mode()
    def following(ids: list[int]) -> np.ndarray:
        place = len(ids) - 1
        x = parts["wte"].weight[ids[-1]] + parts["wpe"].weight[place]  # (width,)
        for block, seen in zip(parts["h"], kept, strict=True):
            query, *new = block.attn.c_attn(block.ln_1(x)).view(3, heads, 1, -1)
            seen[0, :, place], seen[1, :, place] = new[0][:, 0], new[1][:, 0]
            keys, values = seen[:, :, : place + 1]
            y = scaled_dot_product_attention(query, keys, values)  # (heads, 1, size)
            x = x + block.attn.c_proj(y.flatten())
            x = x + block.mlp(block.ln_2(x))
        return network.lm_head(parts["ln_f"](x)).numpy()

    return following


def speeds(rounds: int, seconds: float) -> list[dict]:
    """Return each way's characters a second, and how many times as fast minae is."""
    with started(installed(WAYS), *CASES) as workers:
        times = timed(workers, rounds, seconds, WARM_UP)  # ms a text
    ours = np.array(times["minae"])
    return [
        {
            "way": way,
            "characters_per_s": 1e3 * COUNT / float(np.median(ms)),
            "ratio": float(np.median(np.array(ms) / ours)),
        }
        for way, ms in times.items()
    ]
