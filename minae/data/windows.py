"""Windows of a running text: what a language model is trained on, and measured on."""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True, eq=False)
class Windows:
    """Batches of windows at random places of a text, ids (T,), drawn anew in every epoch.

    A window has `context` + 1 tokens, from which `context` predictions are made. Every place is as
    likely as any other, and windows may overlap, so that an epoch is no pass over the text.

    `epoch(n)` yields `per_epoch` windows in batches (ids,), int32 (batch_size, context + 1), and
    depends on `seed` and `n` only.
    """

    ids: np.ndarray
    context: int
    batch_size: int = 12
    per_epoch: int = 3000
    seed: int = 0

    @property
    def num_rows(self) -> int:
        """The number of windows in an epoch."""
        return self.per_epoch

    @property
    def data(self) -> tuple[np.ndarray, ...]:
        """What the windows are cut from."""
        return (self.ids,)

    def __len__(self) -> int:
        """Return the number of batches in an epoch."""
        return -(-self.per_epoch // self.batch_size)

    def epoch(self, n: int) -> Iterator[tuple[np.ndarray]]:
        """Yield the batches of epoch `n`, counted from 0."""
        rng = np.random.default_rng([self.seed, n])
        inside = np.arange(self.context + 1)
        for start in range(0, self.per_epoch, self.batch_size):
            count = min(self.batch_size, self.per_epoch - start)
            begins = rng.integers(len(self.ids) - self.context, size=count)
            yield (self.ids[begins[:, None] + inside],)


def in_order(ids: np.ndarray, context: int) -> np.ndarray:
    """Return all whole windows of a text (T,), one after the other: (n, context + 1), a view.

    A window begins with the token that the one before it ends with. So each token but the first is
    predicted once, and those behind the last whole window are not. A text that is shorter than a
    window is one by itself: (1, T).
    """
    if len(ids) <= context:
        return ids[None]
    return np.lib.stride_tricks.sliding_window_view(ids, context + 1)[::context]
