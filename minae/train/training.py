"""Training a run: load the data, build the model, fit it, and write what came of it."""

import json
from contextlib import nullcontext
from dataclasses import asdict, replace
from functools import partial
from pathlib import Path
from platform import python_version
from typing import Any

import numpy as np

import minae
from minae import checkpoint, files, models
from minae.data import Dataset, Loader, load
from minae.data.kinds import CorpusKind, ImageKind, describe
from minae.data.loader import RandomBatches
from minae.data.memory import available
from minae.data.picture_set import load_pictures
from minae.errors import InputError, flag
from minae.kernels import use_backend
from minae.kernels.arrays import device_problem
from minae.kernels.cuda.launch.device import capability
from minae.kernels.cuda.linear import tensor_cores
from minae.models import GPT, MODELS, Autoencoder, Model
from minae.models.masked import MaskedLanguageModel
from minae.models.sequences import SequenceModel
from minae.optim import Optimizer
from minae.random import manual_seed
from minae.train.build import build_model, check_options, inputs
from minae.train.language import counting, make_optimizer, windows_of
from minae.train.loop import USUAL_EPOCHS, fit
from minae.train.pca import pca_figures
from minae.train.restoration import patch_size, patches_of
from minae.train.runs import Run, final_figures
from minae.train.settings import OPTIMIZERS, SCHEDULES, Settings
from minae.train.state import BEST, LAST, METRICS, Arrays, Training

#: What multiplies on a GPU, and the context for it.
KERNELS = {"own": nullcontext, "tf32": tensor_cores, "vendor": partial(use_backend, "vendor")}


def _usual_epochs(dataset: Dataset, settings: Settings) -> int:
    """Return how many epochs to train: 10, but as many as make the model's usual steps.

    Images make them whatever their number: there are enough.
    """
    steps = -(-len(dataset.train) // settings.batch_size)  # in an epoch
    usual = MODELS[settings.model].steps
    fewest = 1 if isinstance(dataset.kind, ImageKind) else -(-usual // steps)
    return max(USUAL_EPOCHS, fewest)


def train_run(
    settings: Settings,
    out: Path,
    *,
    command: str,
    resume: bool = False,
    overwrite: bool = False,
    show_progress: bool = True,
) -> Run:
    """Train as the settings say, fill the folder `out`, and return the run.

    Raises InputError if a setting or the data cannot be used, `out` holds another run, or another
    training is under way in it, and FloatingPointError if the loss became nan or infinite.
    """
    _check_settings(settings)
    if settings.corrupt is None:
        settings = replace(settings, corrupt=MODELS[settings.model].corruption)
    if resume and overwrite:
        raise InputError("--resume goes on with a run, --overwrite replaces it: leave one out")
    _check_folder(out, settings, resume, overwrite)
    run, train, validation = _prepare(settings, out, show_progress)
    model, settings = run.model, run.settings
    corrupt = None if model.any_size else run.corruption
    model.to(settings.device)
    described = {**models.describe(model), "settings": asdict(settings)}
    versions = {"minae": minae.__version__, "numpy": np.__version__, "python": python_version()}
    with files.locked(out):
        # once more: another process may have made a run
        done = _check_folder(out, settings, resume, overwrite)
        epochs = settings.epochs or USUAL_EPOCHS
        optimizer = _make_optimizer(model, settings)
        with KERNELS[settings.kernels]():
            history = fit(
                model,
                train,
                validation,
                settings,
                optimizer=optimizer,
                schedule=SCHEDULES[settings.schedule](optimizer, epochs),
                corrupt=corrupt,
                out=out,
                resume=resume,
                metadata={
                    **described,
                    "image_shape": run.image_shape,
                    "kind": describe(run.kind),
                },
                show_progress=show_progress,
            )
        if show_progress and len(history) == done:
            print(f"{out} was trained to its end already: {_how_to_go_on(settings, done)}")
        weights, _ = checkpoint.load(out / BEST)
        model.load_state_dict(checkpoint.subset(weights, "model."))
        run.metrics = {
            "command": command,
            "seed": settings.seed,
            "data": settings.data,
            **described,
            "seconds": sum(record["seconds"] for record in history),
            "epochs": len(history),
            **final_figures(run),
            **_beside(run),
            "history": history,
            "versions": versions,
        }
        files.write_json(out / METRICS, run.metrics)
    model.to("cpu")
    return run


def _beside(run: Run) -> dict[str, Any]:
    """Return what a simpler method reaches: counting, or PCA."""
    if isinstance(run.kind, CorpusKind):
        return {"counting": counting(run.kind, run.data())}
    return pca_figures(run)


def _make_optimizer(model: Model, settings: Settings) -> Optimizer:
    if isinstance(model, GPT):
        return make_optimizer(model, settings)
    make = OPTIMIZERS[settings.optimizer]
    return make(model.parameters(), lr=settings.lr, weight_decay=settings.weight_decay)


def _prepare(
    settings: Settings, out: Path, show: bool
) -> tuple[Run, Arrays | RandomBatches, Arrays | None]:
    """Load the data and build the model; return the run, and what to train and validate on."""
    data = {"seed": settings.seed, "validation": settings.validation}
    manual_seed(settings.seed)
    if MODELS[settings.model].any_size:
        usual = MODELS[settings.model].defaults["epochs"]
        settings = replace(settings, epochs=settings.epochs or usual)
        pictures = load_pictures(settings.data, **data)
        channels = len(pictures.train[0])
        model = MODELS[settings.model](image_channels=channels, **settings.model_options)
        size = patch_size(pictures.train)
        shape = channels, size, size
        run = Run(out, model, settings, shape, ImageKind(shape), pictures)
        if show:
            colour = "grey" if channels == 1 else "coloured"
            print(
                f"{len(pictures.train):,} {colour} pictures to learn from how to undo"
                f" {run.restores}, in patches of {size} x {size} pixels"
            )
        return run, *patches_of(pictures, run.restores, settings)
    dataset = load(settings.data, **data, **settings.reading)
    if show:
        for note in dataset.notes:
            print(note)
    model = build_model(settings.model, settings.model_options, dataset)
    if isinstance(model, GPT):
        settings, train, held_out = windows_of(model, dataset, settings)
        run = Run(out, model, settings, dataset.image_shape, dataset.kind, dataset)
        return run, train, held_out
    settings = replace(settings, epochs=settings.epochs or _usual_epochs(dataset, settings))
    if isinstance(model, SequenceModel | MaskedLanguageModel):
        _check_room(model, dataset, settings.batch_size)
    if isinstance(model, Autoencoder):
        model.start_at_mean(dataset.train.inputs)
    run = Run(out, model, settings, dataset.image_shape, dataset.kind, dataset)
    if run.corruption:  # a mask that does not fit is refused here, before anything is written
        (row,) = next(Loader(dataset.test.inputs, batch_size=1, shuffle=False).epoch(0))
        run.corruption(row, np.random.default_rng(0))
    held_out = inputs(model, dataset.validation) if len(dataset.validation) else None
    return run, inputs(model, dataset.train), held_out


def _check_room(
    model: SequenceModel | MaskedLanguageModel, dataset: Dataset, batch_size: int
) -> None:
    """Raise InputError if a batch of the longest texts does not fit into free memory."""
    needed, room = batch_size * model.longest * model.bytes_per_token, available()
    if needed > room:
        raise InputError(
            f"the longest text of {dataset.name} has {model.longest:,} tokens, and a batch of"
            f" {batch_size} such takes {needed / 1e9:,.1f} GB of memory, but {room / 1e9:,.1f} GB"
            " are free: give a smaller --longest or --batch-size, or train text"
        )


def _check_settings(settings: Settings) -> None:
    """Raise InputError for settings that exclude each other, or that this machine cannot do."""
    if settings.corrupt is not None and MODELS[settings.model].conditional:
        raise InputError(f"--corrupt is no option of model {settings.model!r}: leave it out")
    if settings.steps is not None and "corpus" not in MODELS[settings.model].kinds:
        raise InputError(f"--steps is for gpt: give --epochs to train a {settings.model}")
    if settings.steps is not None and settings.epochs is not None:
        raise InputError("--steps and --epochs both say how long to train: leave one out")
    if problem := device_problem(settings.device):
        raise InputError(problem)
    if settings.device == "cpu" and (settings.kernels != "own" or settings.cuda_graph):
        flag = "--cuda-graph" if settings.cuda_graph else f"--kernels {settings.kernels}"
        raise InputError(f"{flag} is for a GPU: add --device cuda, or leave it out")
    if settings.kernels == "tf32" and capability() < (8, 0):
        raise InputError("--kernels tf32 needs a GPU of compute capability 8.0: leave it out")
    check_options(settings.model, settings.model_options)


def _check_folder(out: Path, settings: Settings, resume: bool, overwrite: bool) -> int:
    """Return how many epochs are done of a training with these settings in a folder.

    Raises InputError unless it can begin, or go on, there.
    """
    files.check_folder(out)
    if resume:
        return _check_same(out, settings)
    if not overwrite and any((out / name).exists() for name in (LAST, BEST, METRICS)):
        raise InputError(
            f"{out} already holds a run: add --resume to go on with it, --overwrite to begin anew,"
            " or name another folder with --out"
        )
    return 0


def _check_same(out: Path, settings: Settings) -> int:
    """Return how many epochs of a training are done. Raises InputError for other settings."""
    if not (out / LAST).is_file():
        raise InputError(
            f"{out} holds no training to go on with: leave out --resume to begin one, or name"
            " another folder with --out"
        )
    kinds = {"settings": Settings, "training": Training}
    _, metadata = checkpoint.load(out / LAST, kinds)
    before, now = _options(metadata["settings"]), _options(settings)
    free = {"patience"}
    if settings.schedule == "constant":
        free |= {"epochs", "steps"}
    elif settings.epochs is None:  # not known before the data
        free |= {"epochs"}
    for name in before | now:
        was, given = before.get(name), now.get(name)
        if name not in free and was != given:
            raise InputError(
                f"{out} was trained {_said(name, was)}, not {_said(name, given)}: resume with the"
                " same settings, or train into another folder"
            )
    return len(metadata["training"].history)


def _options(settings: Settings) -> dict[str, Any]:
    """Return settings by the names of options, those of the model among them.

    The first are those that others follow from.
    """
    found = json.loads(json.dumps(asdict(settings)))  # with lists for tuples, as in a file
    of_model = found.pop("model_options")
    return {"model": settings.model, "steps": settings.steps} | found | of_model


def _said(name: str, value: Any) -> str:
    """Return an option as the user writes it, after "with" or "without"."""
    option = name if name == "model" else flag(name)
    if value in (None, False):
        return f"without {option}"
    values = value if isinstance(value, list) else [] if value is True else [value]
    return " ".join(["with", option, *map(str, values)])


def _how_to_go_on(settings: Settings, done: int) -> str:
    """Return how a training that has come to its end can be made longer."""
    if done < (settings.epochs or USUAL_EPOCHS):
        return "a larger --patience lets it go on"
    in_steps = "corpus" in MODELS[settings.model].kinds  # which decide how long an epoch is
    if settings.schedule == "constant" and not in_steps:
        return f"more --epochs than {done:,} let it go on"
    more = "--steps" if in_steps else "--epochs"
    return f"to train longer, begin anew with --overwrite and more {more}"
