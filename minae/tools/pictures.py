"""The pictures in a run's folder: learning curves, reconstructions, and each model's own."""

import json
from pathlib import Path

import numpy as np
from matplotlib.figure import Figure
from scipy import ndimage

from minae import plots, random
from minae.data import Dataset, parse_corruption
from minae.errors import InputError
from minae.grad_mode import no_grad
from minae.metrics import levelled, psnr
from minae.models import Autoencoder
from minae.tensor import Tensor
from minae.train import runs

FEW = 200  # images that a picture's numbers come from


def draw_run(folder: Path) -> list[Path]:
    """Draw all pictures of a finished run into its folder; return the files."""
    metrics = json.loads((folder / "metrics.json").read_text())
    model, metadata = runs.load_run(folder)
    curves = folder / "learning_curves.png"
    plots.save(plots.learning_curves(metrics["history"]), curves)
    files = [curves, draw_reconstructions(folder, model, metadata)]
    if hasattr(model, "sample"):
        files.append(draw_samples(folder, model, metadata))
    dataset = runs.load_data_for(metadata, None)
    for name, draw in OWN.get(metadata["model"], {}).items():
        with no_grad():
            plots.save(draw(model, metadata, dataset), folder / f"{name}.png")
        files.append(folder / f"{name}.png")
    return files


@no_grad()
def draw_reconstructions(
    folder: Path,
    model: Autoencoder,
    metadata: dict,
    data: str | None = None,
    count: int = 10,
    out: Path | None = None,
) -> Path:
    """Draw test images above their reconstructions; with a corruption, that between them."""
    test = runs.load_data_for(metadata, data).test
    images, *labels = (array[:count] for array in runs.inputs(model, test))
    corruption, corrupted = metadata["settings"].corrupt, None
    if corruption:
        corrupted = parse_corruption(corruption)(images, np.random.default_rng(0))
    given = images if corrupted is None else corrupted
    with np.errstate(all="ignore"):  # said below, once
        outputs = runs.finite(model(Tensor(given), *map(Tensor, labels)).numpy())
    out = out or folder / "reconstructions.png"
    plots.save(plots.reconstructions(images, outputs, corrupted=corrupted), out)
    return out


@np.errstate(all="ignore")  # what is nan or infinite is said once
def draw_samples(
    folder: Path,
    model: Autoencoder,
    metadata: dict,
    count: int = 64,
    label: int | None = None,
    seed: int = 0,
    out: Path | None = None,
) -> Path:
    """Draw images that a variational autoencoder makes of random latents.

    A conditional one draws the class that is asked for, or ten of each, a row a class.
    """
    if not hasattr(model, "sample"):
        raise InputError(
            f"a {metadata['model']} autoencoder has no distribution to sample codes from;"
            " train a vae or conv-vae"
        )
    random.manual_seed(seed)
    shape = (-1, *metadata["image_shape"])
    if not model.conditional:
        if label is not None:
            raise InputError(
                f"--label is for a cvae; this {metadata['model']} knows nothing of classes"
            )
        figure = plots.image_grid(runs.finite(model.sample(count).numpy()).reshape(shape))
    elif label is None:
        labels = np.repeat(np.arange(model.classes), 10)
        images = runs.finite(model.sample(Tensor(labels)).numpy()).reshape(shape)
        figure = plots.strips({str(c): images[labels == c] for c in range(model.classes)})
    elif 0 <= label < model.classes:
        images = runs.finite(model.sample(Tensor(np.full(count, label))).numpy())
        figure = plots.image_grid(images.reshape(shape))
    else:
        raise InputError(f"--label {label} is none of the classes 0 to {model.classes - 1}")
    out = out or folder / "samples.png"
    plots.save(figure, out)
    return out


def feature_maps(model: Autoencoder, metadata: dict, dataset: Dataset) -> Figure:
    """Draw what the first convolution finds in a test image, one map a filter, scaled alike."""
    first, activation, *_ = model.encoder
    maps = activation(first(Tensor(dataset.test.images[:1]))).numpy()  # (1, C, H, W)
    maps = maps.transpose(1, 0, 2, 3) / (maps.max() or 1)
    return plots.image_grid(maps, "What the filters of the first layer find in one image")


def denoised(model: Autoencoder, metadata: dict, dataset: Dataset) -> Figure:
    """Compare the model with two classical filters at their best.

    Each has the width that is best on these very images, and its grey levels corrected by the line
    that fits them best: a mean of clipped noise would leave the background grey.
    """
    images = dataset.test.images[:FEW]
    corruption = metadata["settings"].corrupt
    spoilt = parse_corruption(corruption)(images, np.random.default_rng(0))
    gaussian = [ndimage.gaussian_filter(spoilt, s, axes=(2, 3)) for s in np.arange(0.4, 3, 0.2)]
    median = [ndimage.median_filter(spoilt, size=s, axes=(2, 3)) for s in (3, 5, 7)]
    values = {
        corruption: psnr(spoilt, images),
        "median filter": max(psnr(levelled(y, images), images) for y in median),
        "Gaussian filter": max(psnr(levelled(y, images), images) for y in gaussian),
        metadata["model"]: psnr(model(Tensor(spoilt)).numpy(), images),
    }
    return plots.bars(values, f"PSNR in dB, mean of {len(images)} unseen images")


def kl_by_latent(model: Autoencoder, metadata: dict, dataset: Dataset) -> Figure:
    """Draw how many nats each latent takes, the largest first: those at 0 are switched off."""
    nats = np.sort(latent_kl(model, dataset))[::-1]
    curve = np.arange(1, len(nats) + 1), nats
    return plots.lines({"KL of a latent": curve}, "latent, by rank", "nats per image")


def latent_kl(model: Autoencoder, dataset: Dataset) -> np.ndarray:
    """Return the KL of each latent from the prior, mean over test images: (Z,), in nats."""
    mean, log_var = (t.numpy() for t in model.encode(Tensor(dataset.test.images)))
    return 0.5 * (mean**2 + np.exp(log_var) - log_var - 1).mean(axis=0)


def traversals(model: Autoencoder, metadata: dict, dataset: Dataset) -> Figure:
    """Draw what each of the busiest latents does, from -3 to 3, the others held at one image's."""
    busiest = np.argsort(-latent_kl(model, dataset))[:8]
    steps = np.linspace(-3, 3, 9, dtype=np.float32)
    rows = {}
    for latent in busiest:
        z = np.repeat(model.codes(Tensor(dataset.test.images[:1])).numpy(), len(steps), axis=0)
        z[:, latent] = steps
        rows[f"z{latent}"] = model.decode(Tensor(z)).numpy().reshape(-1, *metadata["image_shape"])
    return plots.strips(rows, "One latent a row, from −3 to 3")


def bound(model: Autoencoder, metadata: dict, dataset: Dataset) -> Figure:
    """Draw the importance-weighted bound by the number of draws."""
    random.manual_seed(0)
    draws = np.array([1, 2, 5, 10, 20, 50, 100])
    x = Tensor(dataset.test.images[:FEW])
    nats = [model.log_likelihood(x, int(k)).mean().item() for k in draws]
    return plots.lines({"bound": (draws, nats)}, "draws for each image", "nats", log_x=True)


def codebook_use(model: Autoencoder, metadata: dict, dataset: Dataset) -> Figure:
    """Draw how often each vector of the codebook is used, the most used first."""
    _, index, _ = model.encode(Tensor(dataset.test.images[:FEW]))
    counts = np.bincount(index.numpy().ravel(), minlength=model.config["codes"])
    share = 100 * np.sort(counts)[::-1] / counts.sum()
    curve = np.arange(1, len(share) + 1), share
    return plots.lines({"codebook": curve}, "vector, by rank", "% of all codes")


_LATENTS = {"kl_by_latent": kl_by_latent}
#: By model, its own pictures: file name without .png, and what draws it.
OWN = {
    "conv": {"feature_maps": feature_maps},
    "denoising": {"denoised": denoised},
    "vae": _LATENTS,
    "conv-vae": _LATENTS,
    "beta-vae": _LATENTS | {"traversals": traversals},
    "iwae": _LATENTS | {"bound": bound},
    "vq-vae": {"codebook": codebook_use},
}
