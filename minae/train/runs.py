"""A run: a model trained on a dataset, with all that came of it in one folder.

last.safetensors    all that it takes to go on training
best.safetensors    the weights with the lowest validation loss
metrics.json        command, settings, seconds, and the final figures by name
*.png               learning curves, reconstructions
"""

import inspect
import json
import math
import platform
from contextlib import nullcontext
from dataclasses import asdict, replace
from functools import partial
from pathlib import Path

import numpy as np

import minae
from minae import checkpoint, files, models, optim
from minae.data import Dataset, Split, load, parse_corruption
from minae.errors import InputError
from minae.kernels import use_backend
from minae.kernels.arrays import device_problem
from minae.kernels.cuda.launch.device import capability
from minae.kernels.cuda.linear import tensor_cores
from minae.metadata import Settings
from minae.models import MODELS, Autoencoder
from minae.models.base import check_choice
from minae.random import manual_seed
from minae.train import loop

OPTIMIZERS = {"adam": optim.Adam, "adamw": optim.AdamW, "sgd": optim.SGD}
SCHEDULES = ("constant", "cosine", "step")
#: By model, the layers behind the pixels if none are asked for. A cvae with room in its code says
#: there, too, which class it is, and then does not obey the label.
SIZES = {"dense": [512, 256, 32], "vae": [400, 20], "cvae": [400, 5]}
#: What multiplies on a GPU, and the context for it.
KERNELS = {"own": nullcontext, "tf32": tensor_cores, "vendor": partial(use_backend, "vendor")}


def check_settings(settings: Settings) -> None:
    """Raise InputError for the first setting that cannot be, here and now."""
    check_choice("model", settings.model, MODELS)
    check_choice("optimizer", settings.optimizer, OPTIMIZERS)
    check_choice("schedule", settings.schedule, SCHEDULES)
    check_choice("kernels", settings.kernels, KERNELS)
    if settings.corrupt is not None and MODELS[settings.model].conditional:
        raise InputError(f"--corrupt is no option of model {settings.model!r}: leave it out")
    if problem := device_problem(settings.device):
        raise InputError(problem)
    if settings.device == "cpu" and (settings.kernels != "own" or settings.cuda_graph):
        flag = "--cuda-graph" if settings.cuda_graph else f"--kernels {settings.kernels}"
        raise InputError(f"{flag} is for a GPU: add --device cuda, or leave it out")
    if settings.kernels == "tf32" and capability() < (8, 0):
        raise InputError("--kernels tf32 needs a GPU of compute capability 8.0: leave it out")


def build_model(name: str, options: dict, dataset: Dataset) -> Autoencoder:
    """Build a model for the images of a dataset.

    Args:
        name: one of models.MODELS.
        options: arguments of its constructor; sizes, image shape and number of classes default to
            what fits the data.
        dataset: the data.

    Raises:
        InputError: an option is not one of this model's, or does not fit the data.
    """
    image_shape, labels = dataset.image_shape, dataset.train.labels
    accepted = inspect.signature(MODELS[name]).parameters
    for option in options:
        if option not in accepted:
            flag = "--" + option.replace("_", "-")
            raise InputError(f"{flag} is no option of model {name!r}, which has {_flags(accepted)}")
    pixels = math.prod(image_shape)
    if "sizes" in accepted:
        options = {"sizes": [pixels, *SIZES.get(name, SIZES["vae"])], **options}
        if options["sizes"][0] != pixels:
            raise InputError(
                f"sizes begin with {options['sizes'][0]}, but an image of shape {image_shape} has"
                f" {pixels} pixels: begin with {pixels}"
            )
    else:
        options = {"image_shape": image_shape, **options}
    if MODELS[name].conditional:
        if labels is None:
            raise InputError(
                f"{dataset.name} has no labels, and model {name!r} is told the class of each image:"
                " give data with labels, or train a vae"
            )
        options = {"classes": int(labels.max()) + 1, **options}
    return MODELS[name](**options)


def _flags(parameters) -> str:
    given = ("image_shape", "classes")  # by the data
    return ", ".join("--" + p.replace("_", "-") for p in parameters if p not in given)


def inputs(model: Autoencoder, split: Split) -> tuple[np.ndarray, ...]:
    """Return what the model takes of a part of the data: images, and labels if it is conditional.

    Raises:
        InputError: it needs labels, and there are none, or one that it does not know.
    """
    if not model.conditional:
        return (split.images,)
    if split.labels is None or not 0 <= split.labels.min() <= split.labels.max() < model.classes:
        raise InputError(
            f"the model is told the class of each image: give data with labels from 0 to"
            f" {model.classes - 1}"
        )
    return split.images, split.labels


def train_run(
    settings: Settings,
    out: Path,
    *,
    command: str,
    resume: bool = False,
    overwrite: bool = False,
    show_progress: bool = True,
) -> dict:
    """Train as the settings say, fill the folder `out`, and return what metrics.json then holds.

    Raises:
        InputError: a setting or the data cannot be used, `out` holds another run, or another
            training is under way in it.
        FloatingPointError: the loss became nan or infinite.
    """
    check_settings(settings)
    if settings.corrupt is None:
        settings = replace(settings, corrupt=MODELS[settings.model].corruption)
    if resume and overwrite:
        raise InputError("--resume goes on with a run, --overwrite replaces it: leave one out")
    _check_folder(out, settings, resume, overwrite)
    dataset = load(settings.data, seed=settings.seed, validation=settings.validation)
    manual_seed(settings.seed)
    model = build_model(settings.model, settings.model_options, dataset)
    model.start_at_mean(dataset.train.images)
    model.to(settings.device)
    corrupt = None if settings.corrupt is None else parse_corruption(settings.corrupt)
    if corrupt:  # an unfitting mask is refused here, before anything is written
        corrupt(dataset.test.images[:1], np.random.default_rng(0))
    with files.locked(out):
        _check_folder(out, settings, resume, overwrite)  # a run may have come meanwhile
        with KERNELS[settings.kernels]():
            history = _fit(settings, model, dataset, corrupt, out, resume, show_progress)
        model = load_run(out)[0].to(settings.device)
        metrics = {
            "command": command,
            "seed": settings.seed,
            "data": settings.data,
            "settings": asdict(settings),
            **models.describe(model),
            "seconds": sum(record["seconds"] for record in history),
            "epochs": len(history),
            **final_figures(model, dataset, corrupt),
            "history": history,
            "versions": _versions(),
        }
        files.write_json(out / loop.METRICS, metrics)
    return metrics


def _versions() -> dict[str, str]:
    return {
        "minae": minae.__version__,
        "numpy": np.__version__,
        "python": platform.python_version(),
    }


def _fit(settings, model, dataset, corrupt, out, resume, show_progress) -> list[dict]:
    optimizer = _optimizer(settings, model)
    return loop.fit(
        model,
        inputs(model, dataset.train),
        inputs(model, dataset.validation) if len(dataset.validation) else None,
        epochs=settings.epochs,
        batch_size=settings.batch_size,
        optimizer=optimizer,
        schedule=_schedule(settings, optimizer),
        corrupt=corrupt,
        max_grad_norm=settings.clip,
        patience=settings.patience,
        seed=settings.seed,
        out=out,
        resume=resume,
        metadata={
            **models.describe(model),
            "settings": asdict(settings),
            "image_shape": dataset.image_shape,
        },
        show_progress=show_progress,
        cuda_graph=settings.cuda_graph,
    )


def final_figures(model: Autoencoder, dataset: Dataset, corrupt=None) -> dict[str, float]:
    """Return the model's figures on each part of the data that has images, as `part_figure`.

    Raises:
        FloatingPointError: one is nan or infinite.
    """
    figures = {
        f"{part}_{name}": value
        for part in ("train", "validation", "test")
        if len(split := getattr(dataset, part))
        for name, value in loop.evaluate(model, inputs(model, split), corrupt=corrupt).items()
    }
    for name, value in figures.items():
        if not math.isfinite(value):
            raise FloatingPointError(f"{name} is {value}: train again, with a lower learning rate")
    return figures


def load_run(folder: Path) -> tuple[Autoencoder, dict]:
    """Return the best model of a run and its metadata, of which `settings` are Settings.

    Raises:
        InputError: the folder holds no run, or its file cannot be used: see `models.load`.
    """
    best = folder / loop.BEST
    if not best.is_file():
        raise InputError(f"{folder} holds no trained model; make one with `minae train`")
    model, metadata = models.load(best, "settings", "image_shape")
    shape, corrupt = metadata["image_shape"], metadata["settings"].corrupt
    takes = model.config.get("image_shape", model.config.get("sizes"))
    if min(shape) < 1 or (takes[0] != math.prod(shape) and takes != [*shape]):
        raise InputError(f"{best}: image_shape {shape} is not what the model takes: train again")
    if corrupt is not None:
        if model.conditional:
            raise InputError(f"{best}: settings.corrupt is nothing for a {metadata['model']}")
        try:
            parse_corruption(corrupt)
        except InputError as error:
            raise InputError(f"{best}: settings.corrupt: {error}") from error
    return model, metadata


def load_data_for(metadata: dict, data: str | None) -> Dataset:
    """Return the run's own dataset, or another one whose images the run's model takes.

    Raises:
        InputError: the images have another shape than those that the model was trained on.
    """
    settings: Settings = metadata["settings"]
    dataset = load(data or settings.data, seed=settings.seed, validation=settings.validation)
    expected = metadata["image_shape"]
    if dataset.image_shape != expected:
        raise InputError(
            f"{dataset.name} has images of shape {dataset.image_shape}, but the model was trained"
            f" on {expected}; give data of that shape"
        )
    return dataset


def figures_of_run(model: Autoencoder, metadata: dict, data: str | None) -> dict[str, float]:
    """Return the figures of a trained model on its own data, or on another dataset."""
    corrupt = metadata["settings"].corrupt
    dataset = load_data_for(metadata, data)
    return final_figures(model, dataset, corrupt and parse_corruption(corrupt))


def finite(images: np.ndarray) -> np.ndarray:
    """Return what a model made. Raises FloatingPointError if some of it is nan or infinite."""
    if not np.isfinite(images).all():
        raise FloatingPointError("the model makes nan or infinite numbers: train again")
    return images


def _check_folder(out: Path, settings: Settings, resume: bool, overwrite: bool) -> None:
    if out.exists() and not out.is_dir():
        raise InputError(f"{out} is a file; a run needs a folder")
    files = [out / name for name in (loop.LAST, loop.BEST, loop.METRICS)]
    if resume:
        _check_same(out, checkpoint.load(files[0], "settings", "training")[1]["settings"], settings)
    elif not overwrite and any(path.exists() for path in files):
        raise InputError(
            f"{out} already holds a run: add --resume to go on with it, --overwrite to begin anew,"
            " or name another folder with --out"
        )


def _check_same(out: Path, before: Settings, now: Settings) -> None:
    """Raise InputError if a setting is another one than in the run that is to go on."""
    ignored = {"epochs", "patience"} if now.schedule == "constant" else {"patience"}
    was, now = asdict(before), json.loads(json.dumps(asdict(now)))  # tuples as lists in both
    for name in now.keys() - ignored:
        if was[name] != now[name]:
            raise InputError(
                f"{out} was trained with {name} {was[name]}, not {now[name]}: resume with the same"
                " settings, or train into another folder"
            )


def _optimizer(settings: Settings, model: Autoencoder) -> optim.Optimizer:
    extra = {"momentum": 0.9, "nesterov": True} if settings.optimizer == "sgd" else {}
    return OPTIMIZERS[settings.optimizer](
        model.parameters(), lr=settings.lr, weight_decay=settings.weight_decay, **extra
    )


def _schedule(settings: Settings, optimizer: optim.Optimizer) -> optim.Schedule | None:
    if settings.schedule == "cosine":
        return optim.CosineAnnealingLR(optimizer, settings.epochs)
    if settings.schedule == "step":
        return optim.StepLR(optimizer, max(1, settings.epochs // 3))
    return None
