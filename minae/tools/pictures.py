"""The pictures in a run's folder: learning curves, reconstructions, and each model's own."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from matplotlib.figure import Figure

from minae import models, plots, random
from minae.data import AudioKind, CorpusKind, ImageKind, Ragged, SeriesKind, TextKind
from minae.errors import InputError
from minae.grad_mode import no_grad
from minae.models.base import check_count
from minae.tensor import Tensor
from minae.tools.images import finite, reconstruct
from minae.tools.language import beside_counting
from minae.tools.restoration import compare, draw_comparison, print_comparison
from minae.tools.rows import ending, write_reconstructions, write_samples
from minae.tools.texts import write_csv, write_rebuilt
from minae.train.build import inputs
from minae.train.runs import Run

MOST = 400  # samples
FEW = 200  # images behind the numbers in a picture


def draw_run(run: Run) -> list[Path]:
    """Draw all pictures of a run that was just trained into its folder; return the files."""
    files, history = [run.folder / "learning_curves.png"], run.metrics["history"]
    if isinstance(run.kind, CorpusKind):
        unit = f"nats per {run.kind.row}"
        plots.save(plots.learning_curves(history, beside_counting(run), ylabel=unit), files[0])
    else:
        plots.save(plots.learning_curves(history), files[0])
        if not run.model.any_size:
            files += draw_reconstructions(run)
    if isinstance(run.model, models.VariationalAutoencoder):
        files += draw_samples(run)
    for name, draw in OWN.get(run.settings.model, {}).items():
        if name in OF_IMAGES and not isinstance(run.kind, ImageKind):
            continue
        files.append(run.folder / f"{name}.png")
        with no_grad():
            plots.save(draw(run.model, run), files[-1])
    return files


def draw_reconstructions(
    run: Run, data: str | None = None, count: int = 10, out: Path | None = None
) -> list[Path]:
    """Show rows of the test part beside their reconstructions, and corrupted if they were.

    Texts and rows of a table go to a CSV file, sounds to WAV files too; of the windows of a series,
    some that lie far apart are drawn. Returns what was written.
    """
    model = run.autoencoder
    assert not isinstance(run.kind, CorpusKind)  # no autoencoder takes such text
    test, out = run.data(data).test, out or run.folder / f"reconstructions{ending(run.kind)}"
    if isinstance(run.kind, TextKind):
        return write_rebuilt(run, test, count, out)
    step = max(1, len(test) // count) if isinstance(run.kind, SeriesKind) else 1
    test = test.take(slice(0, step * count, step))
    x, *labels = inputs(run.model, test)
    corrupted = run.corruption and run.corruption(x, np.random.default_rng(0))
    outputs = reconstruct(model, x if corrupted is None else corrupted, *labels)
    return write_reconstructions(run.kind, test, corrupted, outputs, out)


@np.errstate(all="ignore")  # what is nan or infinite is said once
def draw_samples(
    run: Run,
    count: int | None = None,
    label: int | None = None,
    seed: int = 0,
    out: Path | None = None,
) -> list[Path]:
    """Show rows that a variational autoencoder makes of random latents: pictures, sounds or a CSV.

    A conditional one draws the class that is asked for, or ten of each, one class per row. The
    usual count is 64, of windows, sounds and texts 10. Returns what was written.
    """
    model, name = run.model, run.settings.model
    if not isinstance(model, models.VariationalAutoencoder):
        raise InputError(
            f"a {name} autoencoder has no distribution to sample codes from; train a"
            f" {'sequence-vae' if isinstance(run.kind, TextKind) else 'vae or conv-vae'}"
        )
    assert not isinstance(run.kind, CorpusKind)  # no autoencoder takes such text
    random.manual_seed(seed)
    few = SeriesKind | AudioKind | TextKind
    count = count or (10 if isinstance(run.kind, few) else 64)
    check_count("--count", count, 1, MOST)
    out = out or run.folder / f"samples{ending(run.kind)}"

    if isinstance(run.kind, TextKind):
        _refuse_label(label, name)
        write_csv(out, {"text": run.kind.decode(model.sample(count).numpy())})
        return [out]

    def sample(how: Any) -> np.ndarray:
        return finite(model.sample(how).numpy()).reshape(-1, *run.image_shape)

    if not isinstance(model, models.ConditionalVAE):
        _refuse_label(label, name)
        labels, made = None, sample(count)
    elif label is None:
        labels = np.repeat(np.arange(model.classes), 10)
        made = sample(Tensor(labels))
        if isinstance(run.kind, ImageKind):
            figure = plots.strips({str(c): made[labels == c] for c in range(model.classes)})
            plots.save(figure, out)
            return [out]
    elif 0 <= label < model.classes:
        labels = np.full(count, label)
        made = sample(Tensor(labels))
    else:
        raise InputError(f"--label {label} is none of the classes 0 to {model.classes - 1}")
    return write_samples(run.kind, made, out, labels)


def _refuse_label(label: int | None, name: str) -> None:
    if label is not None:
        raise InputError(f"--label is for a cvae; this {name} knows nothing of classes")


def feature_maps(model: models.ConvAutoencoder, run: Run) -> Figure:
    """Draw what the first convolution finds in a test image, one map per filter, on one scale."""
    first, activation, *_ = model.encoder
    maps = activation(first(Tensor(run.data().test.inputs[:1]))).numpy()  # (1, C, H, W)
    maps = maps.transpose(1, 0, 2, 3) / (maps.max() or 1)
    return plots.image_grid(maps, "What the filters of the first layer find in one image")


def denoised(model: models.Autoencoder, run: Run) -> Figure:
    """Compare the model with the classical methods that are meant for its corruption."""
    if model.any_size:
        pictures = run.pictures()
        test, choosing = pictures.test, pictures.validation or pictures.train
    else:
        data = run.data()
        test = data.test.images
        choosing = (data.validation if len(data.validation) else data.train).images
    found = compare(
        run.settings.model,
        lambda image: reconstruct(model, image[None])[0],
        run.restores,
        test,
        choosing,
    )
    print_comparison(found)
    if not model.any_size and found.gains.mean() < 0:
        print("a code keeps the form, not the details: for these, `minae train restore` is meant")
    return draw_comparison(found)


def kl_by_latent(model: models.VariationalAutoencoder, run: Run) -> Figure:
    """Draw how many nats each latent takes, the largest first: those at 0 are switched off."""
    nats = np.sort(latent_kl(model, _test_inputs(run)))[::-1]
    curve = np.arange(1, len(nats) + 1), nats
    return plots.lines({"KL of a latent": curve}, "latent, by rank", f"nats per {run.kind.row}")


def _test_inputs(run: Run) -> np.ndarray:
    """Return the inputs of the test part; of texts the first ones, padded to one length."""
    test = run.data().test.inputs
    return test[slice(FEW)].padded() if isinstance(test, Ragged) else test


def latent_kl(model: models.VariationalAutoencoder, inputs: np.ndarray) -> np.ndarray:
    """Return the KL of each latent from the prior, mean over inputs: (Z,), in nats."""
    mean, log_var = (t.numpy() for t in model.encode(Tensor(inputs)))
    return 0.5 * (mean**2 + np.exp(log_var) - log_var - 1).mean(axis=0)


def traversals(model: models.VariationalAutoencoder, run: Run) -> Figure:
    """Draw what each of the busiest latents does, from -3 to 3, the others held at one image's."""
    busiest = np.argsort(-latent_kl(model, run.data().test.inputs))[:8]
    steps = np.linspace(-3, 3, 9, dtype=np.float32)
    rows = {}
    for latent in busiest:
        z = np.repeat(model.codes(Tensor(run.data().test.inputs[:1])).numpy(), len(steps), axis=0)
        z[:, latent] = steps
        rows[f"z{latent}"] = model.decode(Tensor(z)).numpy().reshape(-1, *run.image_shape)
    return plots.strips(rows, "One latent a row, from −3 to 3")


def bound(model: models.IWAE, run: Run) -> Figure:
    """Draw the importance-weighted bound by the number of draws."""
    random.manual_seed(0)
    draws = np.array([1, 2, 5, 10, 20, 50, 100])
    x = Tensor(run.data().test.inputs[:FEW])
    nats = [model.log_likelihood(x, int(k)).mean().item() for k in draws]
    return plots.lines(
        {"bound": (draws, nats)}, f"draws for each {run.kind.row}", "nats", log_x=True
    )


def codebook_use(model: models.VQVAE, run: Run) -> Figure:
    """Draw how often each vector of the codebook is used, the most used first."""
    _, index, _ = model.encode(Tensor(run.data().test.inputs[:FEW]))
    counts = np.bincount(index.numpy().ravel(), minlength=model.config["codes"])
    share = 100 * np.sort(counts)[::-1] / counts.sum()
    curve = np.arange(1, len(share) + 1), share
    return plots.lines({"codebook": curve}, "vector, by rank", "% of all codes")


OF_IMAGES = ("feature_maps", "denoised", "traversals")  # those that no other kind has
_LATENTS = {"kl_by_latent": kl_by_latent}
#: By model, its own pictures: file name without .png, and what draws it.
OWN: dict[str, dict[str, Callable[..., Figure]]] = {
    "conv": {"feature_maps": feature_maps},
    "denoising": {"denoised": denoised},
    "restore": {"denoised": denoised},
    "vae": _LATENTS,
    "conv-vae": _LATENTS,
    "beta-vae": _LATENTS | {"traversals": traversals},
    "iwae": _LATENTS | {"bound": bound},
    "vq-vae": {"codebook": codebook_use},
    "sequence-vae": _LATENTS,
}
