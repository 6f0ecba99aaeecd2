"""What `train_run` needs to train a language model: windows of a running text, and its figures."""

import math
from dataclasses import replace

import numpy as np

from minae.data import CorpusKind, Dataset
from minae.data.windows import Windows, in_order
from minae.errors import InputError
from minae.grad_mode import no_grad
from minae.metrics.ngrams import best_ngram, nth
from minae.models import GPT
from minae.optim import Optimizer, decay_groups
from minae.tensor import Tensor
from minae.train.settings import OPTIMIZERS, Settings

FEWEST_STEPS, MOST_STEPS = 50, 250  # of an epoch, after which the model is measured
MEASURED = 64_000  # tokens to validate on after each epoch, and to measure the training part on
BETAS = 0.9, 0.99  # a step sees few tokens, so that squared gradients are averaged over more steps
AT_ONCE = 8_192  # tokens of a batch that is only measured


def windows_of(
    model: GPT, dataset: Dataset, settings: Settings
) -> tuple[Settings, Windows, np.ndarray | None]:
    """Return the settings with a number of epochs, windows to train on, and those to validate on.

    An epoch has as many windows as the text, but FEWEST_STEPS to MOST_STEPS batches. Windows to
    validate on are (n, context + 1), or None without such a part; of a long text, they are thinned
    evenly to MEASURED tokens. Raises InputError if the text is shorter than a window.
    """
    ids, batch_size = dataset.train.inputs, settings.batch_size
    for part, fewest in (("train", model.context + 1), ("validate", 2)):
        count = len(ids) if part == "train" else len(dataset.validation)
        if count < fewest and (count or part == "train"):
            raise InputError(
                f"{dataset.name} has {count:,} token{'s' * (count > 1)} to {part} on, and"
                f" {fewest:,} are needed with --context {model.context}: give more text, or a"
                " smaller --context"
            )
    usual = -(-len(ids) // (model.context * batch_size))
    steps = min(max(usual, FEWEST_STEPS), MOST_STEPS)  # of an epoch
    epochs = settings.epochs
    if epochs is None:
        wanted = settings.steps or model.steps
        epochs = -(-wanted // steps)
        steps = -(-wanted // epochs)
    train = Windows(ids, model.context, batch_size, steps * batch_size, settings.seed)
    held_out = dataset.validation.inputs
    validation = thinned(in_order(held_out, model.context)) if len(held_out) else None
    return replace(settings, epochs=epochs), train, validation


def thinned(windows: np.ndarray) -> np.ndarray:
    """Return every k-th of windows (n, context + 1), so that they have about MEASURED tokens."""
    most = max(1, MEASURED // windows.shape[1])
    return windows[:: -(-len(windows) // most)]


def make_optimizer(model: GPT, settings: Settings) -> Optimizer:
    """Return the optimiser, which pulls matrices to 0 but no biases and norms; see `decay_groups`.

    Adam's means are over fewer steps than usual, as in nanoGPT.
    """
    betas = {} if settings.optimizer == "sgd" else {"betas": BETAS}
    groups = decay_groups(model, settings.weight_decay)
    return OPTIMIZERS[settings.optimizer](groups, lr=settings.lr, **betas)


def corpus_figures(
    model: GPT, kind: CorpusKind, ids: np.ndarray, whole: bool = True
) -> dict[str, float]:
    """Return the loss of a text (T,) in nats per token, and per character, and the perplexity.

    Every token but the first is predicted once; of a long text that is not to be read `whole`,
    those of some windows are.
    """
    if not whole:
        windows = thinned(in_order(ids, model.context))
        nats, read = _window_nats(model, windows), windows[:, 1:]
    else:
        nats, read = token_nats(model, ids), ids[1:]
    loss = float(nats.mean(dtype=np.float64))
    characters = kind.characters(read.ravel())
    return {
        "loss": loss,
        "nats_per_character": loss * nats.size / max(characters, 1),
        "perplexity": math.exp(min(loss, 700)),
    }


def token_nats(model: GPT, ids: np.ndarray) -> np.ndarray:
    """Return -log p of each token of a text (T,) but the first, in nats: (T - 1,) float32.

    The text is read in windows, one after the other: a token is predicted from those before it in
    its window.
    """
    windows = in_order(ids, model.context)
    parts = [_window_nats(model, windows).ravel()]
    rest = ids[parts[0].size :]  # begins with the last token that was predicted
    if len(rest) > 1:
        parts.append(_window_nats(model, rest[None]).ravel())
    return np.concatenate(parts)


@no_grad()
@np.errstate(over="ignore", invalid="ignore", divide="ignore")  # what is nan is seen in the figures
def _window_nats(model: GPT, windows: np.ndarray) -> np.ndarray:
    """Return -log p of each token of windows (n, L) but their first: (n, L - 1) float32."""
    rows = max(1, AT_ONCE // windows.shape[1])
    nats = np.empty((len(windows), windows.shape[1] - 1), np.float32)
    for start in range(0, len(windows), rows):
        ids = np.ascontiguousarray(windows[start : start + rows])
        nats[start : start + rows] = model.token_nats(Tensor(ids, device=model.device)).numpy()
    return nats


def counting(kind: CorpusKind, dataset: Dataset) -> dict[str, float]:
    """Return what n-grams reach on the validation part, and the test part if there is one.

    They are those with the n that is best in validation; see `minae.metrics.ngrams`. Without a
    validation part, there is nothing to choose by: {}.
    """
    train, validation, test = (
        part.inputs for part in (dataset.train, dataset.validation, dataset.test)
    )
    size = len(kind.vocabulary)
    if len(validation) < 2:
        return {}
    n, loss = best_ngram(train, validation, size)
    found = {"n": n, "validation_loss": loss}
    if len(test) > 1:
        found["test_loss"] = float(nth(n, train, test, size)[1:].mean())
    return found
