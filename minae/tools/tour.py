"""`minae tour`: the whole story in two minutes, on the 5,000 digits that come with minae."""

import sys
import time
from pathlib import Path
from string import Template

import numpy as np

from minae import files, plots
from minae.grad_mode import no_grad
from minae.models import VAE
from minae.tensor import Tensor
from minae.tools.gradchecks import print_gradchecks
from minae.tools.pictures import draw_reconstructions
from minae.train.runs import Run
from minae.train.settings import Settings
from minae.train.training import train_run

LAYERS = {"sizes": [784, 512, 256, 32]}
DENSE = Settings("dense", model_options=LAYERS, epochs=20, batch_size=32, schedule="cosine")
VARIATIONAL = Settings("vae", model_options={"sizes": [784, 400, 20]}, epochs=60)
PLANE = Settings("vae", model_options={"sizes": [784, 512, 256, 2]}, epochs=60, batch_size=64)


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

    page = Template(Path(__file__).with_name("tour.html").read_text(encoding="utf-8"))
    files.write_whole(out / "index.html", page.substitute(figures).encode())
    seconds = time.perf_counter() - start
    print(f"\nDone in {seconds:.0f} s. Look at the pictures:  {out / 'index.html'}")
    print("Then train your own:                  minae train vae --data PATH-TO-YOUR-IMAGES")


def _train(settings: Settings, out: Path) -> Run:
    command = f"minae tour ({out.name})"
    on_terminal = sys.stdout.isatty()  # 130 lines of epochs would bury the rest
    return train_run(settings, out, command=command, overwrite=True, show_progress=on_terminal)


def _draw_dense(out: Path, run: Run) -> dict[str, str]:
    error, pca = (run.metrics[f"test_{name}squared_error"] for name in ("", "pca_"))
    print(f"squared error per unseen digit: {error:.2f}; PCA with 32 components: {pca:.2f}")
    errors = {"PCA, 32 components": pca, "autoencoder, code of 32": error}
    plots.save(plots.bars(errors, "squared error"), out / "error.png")
    draw_reconstructions(run, out=out / "reconstructions.png")
    plots.save(plots.learning_curves(run.metrics["history"]), out / "learning_curves.png")
    return {"error": f"{error:.2f}", "pca": f"{pca:.2f}"}


def _draw_samples(out: Path, run: Run) -> dict[str, str]:
    print(f"ELBO per unseen digit: {run.metrics['test_elbo']:.2f} nats")
    assert isinstance(run.model, VAE)
    samples = run.model.sample(100).numpy().reshape(-1, 1, 28, 28)
    plots.save(plots.image_grid(samples), out / "samples.png")
    return {"elbo": f"{run.metrics['test_elbo']:.1f}"}


def _draw_plane(out: Path, run: Run) -> None:
    train = run.data().train
    steps = np.linspace(-2, 2, 15, dtype=np.float32)  # the axes of `latent_grid`
    grid = np.stack(np.meshgrid(steps, steps), axis=-1).reshape(-1, 2)  # z1 fastest
    model = run.autoencoder
    with no_grad():
        codes = model.codes(Tensor(train.images)).numpy()  # (N, 2)
        images = model.decode(Tensor(grid)).numpy().reshape(-1, 1, 28, 28)
    plots.save(plots.latent_plane(codes, train.labels), out / "latent_plane.png")
    plots.save(plots.latent_grid(images, 15, 15), out / "latent_grid.png")
