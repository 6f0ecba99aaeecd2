"""PCA beside an autoencoder: the best of all linear maps to a code of the same length.

A model that rebuilds unseen rows worse than PCA has not learned what such rows share.
"""

import numpy as np

from minae.data import Split
from minae.grad_mode import no_grad
from minae.metrics import pca_errors
from minae.models.autoencoders import PlainAutoencoder
from minae.tensor import Tensor
from minae.train.runs import Run

MOST = 1 << 26  # numbers that PCA is fitted to, 80,000 digits; of larger data, to every k-th row
AT_ONCE = 1_000  # rows that are rebuilt


def pca_figures(run: Run) -> dict[str, float]:
    """Return PCA's squared error on each part of the run's data, and its number of components.

    They are named as `final_figures` names the model's. PCA is beside models that are trained to
    rebuild what they are given from a code that is shorter: of others, it returns {}.
    """
    model = run.model
    if not isinstance(model, PlainAutoencoder) or run.corruption is not None:
        return {}
    dataset = run.data()
    train = dataset.train.inputs
    with no_grad():
        components = model.codes(Tensor(train[:1], device=model.device)).numel()
    if components >= train[0].size:
        return {}
    parts = {part: getattr(dataset, part) for part in ("train", "validation", "test")}
    errors = squared_errors(train, components, {k: v for k, v in parts.items() if len(v)})
    names = {f"{part}_pca_squared_error": error for part, error in errors.items()}
    return {"pca_components": components, **names}


def squared_errors(train: np.ndarray, components: int, parts: dict[str, Split]) -> dict[str, float]:
    """Return by name PCA's squared error per row of parts, fitted to training rows (N, ...)."""
    from sklearn.decomposition import PCA

    rows = train[:: -(-train.size // MOST)]
    rows = rows.reshape(len(rows), -1)  # (N, F)
    few = min(components, *rows.shape)
    with np.errstate(divide="ignore", invalid="ignore"):  # equal rows, or one, have no variance
        pca = PCA(few, random_state=0).fit(rows)
    errors = {}
    for name, split in parts.items():
        total = 0.0
        for start in range(0, len(split), AT_ONCE):
            rows = split.inputs[start : start + AT_ONCE]
            total += float(pca_errors(pca, rows.reshape(len(rows), -1)).sum())
        errors[name] = total / len(split)
    return errors


def beside_pca(metrics: dict, row: str) -> str:
    """Say whether a run's model or PCA is better on unseen rows; "" if they were not compared."""
    parts = [p for p in ("test", "validation") if f"{p}_pca_squared_error" in metrics]
    if not parts:
        return ""
    unseen, code = parts[0], f"a code of {metrics['pca_components']} numbers"
    times = {  # PCA's error over the model's
        part: metrics[f"{part}_pca_squared_error"] / max(metrics[f"{part}_squared_error"], 1e-12)
        for part in ("train", unseen)
    }
    if times[unseen] > 1:
        return (
            f"on unseen {row}s, PCA with {code} makes {times[unseen]:.3g} times the squared error"
        )
    # of what it knows by heart, it has seen enough
    longer = "" if times["train"] > 1 else ", or for more --epochs"
    return (
        f"PCA with {code} rebuilds unseen {row}s better: train on more {row}s{longer}, or use PCA"
    )
