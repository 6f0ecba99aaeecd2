"""Windows of a running text: what a language model is trained on, and measured on."""

from dataclasses import dataclass

import numpy as np

from minae.data.loader import RandomBatches


@dataclass(frozen=True, eq=False)
class Windows(RandomBatches):
    """Batches of windows at random places of a text, ids (T,).

    A window has `context` + 1 tokens, from which `context` predictions are made. Every place is as
    likely as any other, and windows may overlap, so that an epoch is no pass over the text. A batch
    is (ids,), int32 (batch_size, context + 1).
    """

    ids: np.ndarray
    context: int
    batch_size: int
    per_epoch: int
    seed: int = 0

    @property
    def data(self) -> tuple[np.ndarray, ...]:
        """The text."""
        return (self.ids,)

    def draw(self, count: int, rng: np.random.Generator) -> tuple[np.ndarray, ...]:
        """Return `count` random windows (ids,), int32 (count, context + 1)."""
        begins = rng.integers(len(self.ids) - self.context, size=count)
        return (self.ids[begins[:, None] + np.arange(self.context + 1)],)


def in_order(ids: np.ndarray, context: int) -> np.ndarray:
    """Return all whole windows of a text (T,), one after the other: (n, context + 1), a view.

    A window begins with the token that the one before it ends with. So each token but the first is
    predicted once, and those after the last whole window are not. A text that is shorter than a
    window is one by itself: (1, T).
    """
    if len(ids) <= context:
        return ids[None]
    return np.lib.stride_tricks.sliding_window_view(ids, context + 1)[::context]
