"""`minae tour`: the whole story in two minutes, on the 5,000 digits that come with minae."""

import html
import sys
import time
from pathlib import Path

import numpy as np

from minae import files, plots
from minae.data import Dataset, load
from minae.grad_mode import no_grad
from minae.metrics import pca_squared_error
from minae.models import Autoencoder
from minae.tensor import Tensor
from minae.tools.gradchecks import print_gradchecks
from minae.train import runs
from minae.train.settings import Settings

DENSE = Settings(
    "dense",
    model_options={"sizes": [784, 512, 256, 32]},
    epochs=20,
    batch_size=32,
    schedule="cosine",
)
VAE = Settings("vae", model_options={"sizes": [784, 400, 20]}, epochs=60)
PLANE = Settings("vae", model_options={"sizes": [784, 512, 256, 2]}, epochs=60, batch_size=64)
GRID_SIDE, GRID_EXTENT = 15, 2.0


def tour(out: Path) -> None:
    """Check every gradient, train three models, draw what they learned, and write index.html."""
    start = time.perf_counter()
    print("1  Is every derivative right? Each operation against finite differences:")
    print_gradchecks()
    dataset = load("mnist5k")
    figures: list[tuple[str, str, str]] = []  # (file, title, sentence)

    print("\n2  A dense autoencoder, 784-512-256-32 and back, on 4,000 digits:")
    _tour_dense(out, dataset, figures)
    print("\n3  A variational autoencoder with 20 latents:")
    _tour_vae(out, figures)
    print("\n4  Another with 2 latents, so that its latent space is a plane that can be drawn:")
    _tour_plane(out, dataset, figures)

    files.write_whole(out / "index.html", _page(figures).encode())
    seconds = time.perf_counter() - start
    print(f"\nDone in {seconds:.0f} s. Look at the pictures:  {out / 'index.html'}")
    print("Then train your own:                  minae train vae --data PATH-TO-YOUR-IMAGES")


def _train(settings: Settings, out: Path) -> tuple[dict, Autoencoder]:
    command = f"minae tour ({out.name})"
    on_terminal = sys.stdout.isatty()  # 130 lines of epochs would bury the rest
    run = runs.train_run(settings, out, command=command, overwrite=True, show_progress=on_terminal)
    return run.metrics, run.model


def _tour_dense(out: Path, dataset: Dataset, figures: list) -> None:
    metrics, model = _train(DENSE, out / "dense")
    error, pca = (
        metrics["test_squared_error"],
        pca_squared_error(dataset.train.images, dataset.test.images, components=32),
    )
    print(f"squared error per unseen digit: {error:.2f}; PCA with 32 components: {pca:.2f}")
    plots.save(
        plots.bars({"PCA, 32 components": pca, "autoencoder, code of 32": error}, "squared error"),
        out / "error.png",
    )
    figures.append(
        (
            "error.png",
            "32 numbers instead of 784",
            "Both squeeze each unseen digit into 32 numbers and draw it again. PCA, the best linear"
            f" map, is off by {pca:.2f} per digit (squared error, summed over its pixels, each"
            f" from 0 to 1); the autoencoder by {error:.2f}.",
        )
    )
    images = dataset.test.images[:10]
    with no_grad():
        outputs = model(Tensor(images)).numpy()
    plots.save(plots.reconstructions(images, outputs), out / "reconstructions.png")
    figures.append(
        (
            "reconstructions.png",
            "Unseen digits, and what comes out",
            "Above what went into the autoencoder, below what came out after the code of 32"
            " numbers. It never saw these digits in training.",
        )
    )
    plots.save(plots.learning_curves(metrics["history"]), out / "learning_curves.png")
    figures.append(
        (
            "learning_curves.png",
            "Learning",
            "The loss after each pass over the 4,000 training digits, and on 500 others that only"
            " measure. Where the lower curve goes on falling and the upper does not, it learns by"
            " heart.",
        )
    )


def _tour_vae(out: Path, figures: list) -> None:
    metrics, model = _train(VAE, out / "vae")
    elbo = metrics["test_elbo"]
    print(f"ELBO per unseen digit: {elbo:.2f} nats")
    figures.append(
        (
            "samples.png",
            "Digits that nobody wrote",
            "The variational autoencoder decodes random numbers. On unseen digits its evidence"
            f" lower bound is {elbo:.1f} nats; trained on all of MNIST it reaches about -105.",
        )
    )
    samples = model.sample(100).numpy().reshape(-1, 1, 28, 28)
    plots.save(plots.image_grid(samples), out / "samples.png")


def _tour_plane(out: Path, dataset: Dataset, figures: list) -> None:
    _, model = _train(PLANE, out / "plane")
    train = dataset.train
    steps = np.linspace(-GRID_EXTENT, GRID_EXTENT, GRID_SIDE, dtype=np.float32)
    grid = np.stack(np.meshgrid(steps, steps), axis=-1).reshape(-1, 2)  # z1 fastest
    with no_grad():
        codes = model.codes(Tensor(train.images)).numpy()
        images = model.decode(Tensor(grid)).numpy().reshape(-1, 1, 28, 28)
    plots.save(plots.latent_plane(codes, train.labels), out / "latent_plane.png")
    figures.append(
        (
            "latent_plane.png",
            "Similar digits lie close together",
            "Every dot is a digit, placed by its two latents. The model never saw a label; the"
            " colours were added afterwards.",
        )
    )
    extent = (-GRID_EXTENT, GRID_EXTENT)
    plots.save(
        plots.latent_grid(images, GRID_SIDE, GRID_SIDE, extent, extent), out / "latent_grid.png"
    )
    figures.append(
        (
            "latent_grid.png",
            "A walk through latent space",
            "The same plane, decoded point by point: one digit turns into the next, and there is an"
            " image everywhere.",
        )
    )


def _page(figures: list[tuple[str, str, str]]) -> str:
    sections = "\n".join(
        f"<section><h2>{html.escape(title)}</h2><p>{html.escape(sentence)}</p>"
        f'<img src="{file}" alt="{html.escape(title)}"></section>'
        for file, title, sentence in figures
    )
    return f"""<!doctype html>
<html lang="en">
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>minae: the tour</title>
<style>
  body {{ max-width: 46rem; margin: 2rem auto; padding: 0 1rem; color: #222; background: #fff;
         font: 1.05rem/1.5 system-ui, sans-serif }}
  section {{ margin: 2.5rem 0 }}
  h2 {{ margin-bottom: 0.2rem }}
  img {{ max-width: 100% }}
</style>
<h1>What autoencoders learn from 4,000 digits</h1>
<p>Trained on this machine by <code>minae tour</code>. An autoencoder squeezes an image into a few
numbers, its code, and draws the image again from the code alone.</p>
{sections}
<p>Next: <code>minae train vae --data mnist</code> for all 60,000 digits, or give
<code>--data</code> a folder of your own images.</p>
</html>
"""
