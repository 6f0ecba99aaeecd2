"""`minae tour`: the whole story in two minutes, on the 5,000 digits that come with minae."""

import html
import sys
import time
from pathlib import Path

import numpy as np

from minae import files, plots
from minae.grad_mode import no_grad
from minae.metrics import pca_squared_error
from minae.models import VAE
from minae.tensor import Tensor
from minae.tools.gradchecks import print_gradchecks
from minae.train.runs import Run, train_run
from minae.train.settings import Settings

LAYERS = {"sizes": [784, 512, 256, 32]}
DENSE = Settings("dense", model_options=LAYERS, epochs=20, batch_size=32, schedule="cosine")
VARIATIONAL = Settings("vae", model_options={"sizes": [784, 400, 20]}, epochs=60)
PLANE = Settings("vae", model_options={"sizes": [784, 512, 256, 2]}, epochs=60, batch_size=64)
GRID_SIDE, GRID_EXTENT = 15, 2.0

#: The page's pictures, with a title and what to say of each; names in braces are figures.
SECTIONS = {
    "error.png": (
        "32 numbers instead of 784",
        "Both squeeze each unseen digit into 32 numbers and draw it again. PCA, the best linear"
        " map, is off by {pca:.2f} per digit (squared error, summed over its pixels, each from 0 to"
        " 1); the autoencoder by {error:.2f}.",
    ),
    "reconstructions.png": (
        "Unseen digits, and what comes out",
        "Above what went into the autoencoder, below what came out after the code of 32 numbers. It"
        " never saw these digits in training.",
    ),
    "learning_curves.png": (
        "Learning",
        "The loss after each pass over the 4,000 training digits, and on 500 others that only"
        " measure. Where the lower curve goes on falling and the upper does not, it learns by"
        " heart.",
    ),
    "samples.png": (
        "Digits that nobody wrote",
        "The variational autoencoder decodes random numbers. On unseen digits its evidence lower"
        " bound is {elbo:.1f} nats; trained on all of MNIST it reaches about -105.",
    ),
    "latent_plane.png": (
        "Similar digits lie close together",
        "Every dot is a digit, placed by its two latents. The model never saw a label; the colours"
        " were added afterwards.",
    ),
    "latent_grid.png": (
        "A walk through latent space",
        "The same plane, decoded point by point: one digit turns into the next, and there is an"
        " image everywhere.",
    ),
}
SECTION = '<section><h2>{title}</h2><p>{text}</p><img src="{file}" alt="{title}"></section>'
PAGE = """<!doctype html>
<html lang="en">
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>minae: the tour</title>
<style>
  body { max-width: 46rem; margin: 2rem auto; padding: 0 1rem; color: #222; background: #fff;
         font: 1.05rem/1.5 system-ui, sans-serif }
  section { margin: 2.5rem 0 }
  h2 { margin-bottom: 0.2rem }
  img { max-width: 100% }
</style>
<h1>What autoencoders learn from 4,000 digits</h1>
<p>Trained on this machine by <code>minae tour</code>. An autoencoder squeezes an image into a few
numbers, its code, and draws the image again from the code alone.</p>
SECTIONS
<p>Next: <code>minae train vae --data mnist</code> for all 60,000 digits, or give
<code>--data</code> a folder of your own images.</p>
</html>
"""


def tour(out: Path) -> None:
    """Check every gradient, train three models, draw what they learned, and write index.html."""
    start = time.perf_counter()
    print("1  Is every derivative right? Each operation against finite differences:")
    print_gradchecks()
    print("\n2  A dense autoencoder, 784-512-256-32 and back, on 4,000 digits:")
    figures = _draw_dense(out, _train(DENSE, out / "dense"))
    print("\n3  A variational autoencoder with 20 latents:")
    figures |= _draw_samples(out, _train(VARIATIONAL, out / "vae"))
    print("\n4  Another with 2 latents, so that its latent space is a plane that can be drawn:")
    _draw_plane(out, _train(PLANE, out / "plane"))

    sections = (
        SECTION.format(file=file, title=title, text=html.escape(text.format(**figures)))
        for file, (title, text) in SECTIONS.items()
    )
    files.write_whole(out / "index.html", PAGE.replace("SECTIONS", "\n".join(sections)).encode())
    seconds = time.perf_counter() - start
    print(f"\nDone in {seconds:.0f} s. Look at the pictures:  {out / 'index.html'}")
    print("Then train your own:                  minae train vae --data PATH-TO-YOUR-IMAGES")


def _train(settings: Settings, out: Path) -> Run:
    command = f"minae tour ({out.name})"
    on_terminal = sys.stdout.isatty()  # 130 lines of epochs would bury the rest
    return train_run(settings, out, command=command, overwrite=True, show_progress=on_terminal)


def _draw_dense(out: Path, run: Run) -> dict[str, float]:
    train, test = run.data().train.images, run.data().test.images
    error, pca = run.metrics["test_squared_error"], pca_squared_error(train, test, components=32)
    print(f"squared error per unseen digit: {error:.2f}; PCA with 32 components: {pca:.2f}")
    errors = {"PCA, 32 components": pca, "autoencoder, code of 32": error}
    plots.save(plots.bars(errors, "squared error"), out / "error.png")
    with no_grad():
        outputs = run.model(Tensor(test[:10])).numpy()
    plots.save(plots.reconstructions(test[:10], outputs), out / "reconstructions.png")
    plots.save(plots.learning_curves(run.metrics["history"]), out / "learning_curves.png")
    return {"error": error, "pca": pca}


def _draw_samples(out: Path, run: Run) -> dict[str, float]:
    print(f"ELBO per unseen digit: {run.metrics['test_elbo']:.2f} nats")
    assert isinstance(run.model, VAE)
    samples = run.model.sample(100).numpy().reshape(-1, 1, 28, 28)
    plots.save(plots.image_grid(samples), out / "samples.png")
    return {"elbo": run.metrics["test_elbo"]}


def _draw_plane(out: Path, run: Run) -> None:
    train = run.data().train
    steps = np.linspace(-GRID_EXTENT, GRID_EXTENT, GRID_SIDE, dtype=np.float32)
    grid = np.stack(np.meshgrid(steps, steps), axis=-1).reshape(-1, 2)  # z1 fastest
    with no_grad():
        codes = run.model.codes(Tensor(train.images)).numpy()  # (N, 2)
        images = run.model.decode(Tensor(grid)).numpy().reshape(-1, 1, 28, 28)
    plots.save(plots.latent_plane(codes, train.labels), out / "latent_plane.png")
    extent = (-GRID_EXTENT, GRID_EXTENT)
    drawn = plots.latent_grid(images, GRID_SIDE, GRID_SIDE, extent, extent)
    plots.save(drawn, out / "latent_grid.png")
