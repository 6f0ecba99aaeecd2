"""A run: a model trained on a dataset, with all that came of it in one folder.

last.safetensors    everything needed to go on training
best.safetensors    the weights with the lowest validation loss
metrics.json        command, settings, seconds, and the final figures by name
*.png               learning curves, reconstructions
"""

import inspect
import json
import math
import os
from contextlib import nullcontext
from dataclasses import asdict, dataclass, field, replace
from functools import partial
from pathlib import Path
from platform import python_version
from typing import Any

import numpy as np

import minae
from minae import checkpoint, files, models
from minae.data import DATASETS, Corrupt, Corruption, Dataset, Kind, SeriesKind, Split, load
from minae.data.kinds import ImageKind, alike, describe, parse_kind
from minae.data.named import SERIES, load_readings
from minae.data.patches import Patches
from minae.data.picture_set import PictureSet, load_others, load_pictures
from minae.errors import InputError, complain
from minae.kernels import use_backend
from minae.kernels.arrays import device_problem
from minae.kernels.cuda.launch.device import capability
from minae.kernels.cuda.linear import tensor_cores
from minae.models import MODELS, Autoencoder, ConditionalVAE
from minae.random import manual_seed
from minae.train.loop import USUAL_EPOCHS, evaluate, fit
from minae.train.restoration import patch_size, patches_of, picture_figures
from minae.train.settings import OPTIMIZERS, SCHEDULES, Settings
from minae.train.state import BEST, LAST, METRICS, Arrays, Training

#: By model, the layers behind the pixels if none are asked for. A cvae with room in its code also
#: stores the class there, and then ignores the label.
SIZES = {"dense": [512, 256, 32], "vae": [400, 20], "cvae": [400, 5]}
FROM_DATA = ("--image-shape", "--image-channels", "--classes", "--binary")  # no options
STEPS = 2_000  # of a table or series, at least: they have fewer rows than there are images
#: What multiplies on a GPU, and the context for it.
KERNELS = {"own": nullcontext, "tf32": tensor_cores, "vendor": partial(use_backend, "vendor")}


@dataclass(eq=False)
class Run:
    """A trained model in its folder, with what it was trained on."""

    folder: Path
    model: Autoencoder  # the best, on the CPU
    settings: Settings
    image_shape: tuple[int, int, int]
    kind: Kind
    dataset: Dataset | PictureSet | None = None  # its own, once loaded
    metrics: dict[str, Any] = field(default_factory=dict)  # metrics.json, just after training

    @property
    def corruption(self) -> Corrupt | None:
        """What the model was trained to undo."""
        return (
            None if self.settings.corrupt is None else self.kind.corruption(self.settings.corrupt)
        )

    @property
    def restores(self) -> Corruption:
        """What a model for pictures of any size undoes: it always has a corruption."""
        assert isinstance(self.corruption, Corruption)
        return self.corruption

    def pictures(self, name_or_path: str | None = None) -> PictureSet:
        """Return the run's own pictures, or others, all of which are its test part."""
        if name_or_path in (None, self.settings.data):
            if isinstance(self.dataset, PictureSet):
                return self.dataset
            seed, validation = self.settings.seed, self.settings.validation
            return load_pictures(self.settings.data, seed=seed, validation=validation)
        others = load_others(str(name_or_path), self.image_shape[0])
        return PictureSet(str(name_or_path), [], [], others)

    def data(self, name_or_path: str | None = None) -> Dataset:
        """Return the run's own dataset, or another one that the model takes.

        Another table or series is all test part, treated as the run's own were. Raises InputError
        if images have another shape than those that the model was trained on, or columns are
        missing.
        """
        if self.model.any_size:
            raise InputError(
                f"{self.folder} holds a model for pictures of any size, which only restores them:"
                " use `minae enhance` or `minae eval`"
            )
        own = name_or_path in (None, self.settings.data)
        if own and isinstance(self.dataset, Dataset):
            return self.dataset
        if not own and not isinstance(self.kind, ImageKind):
            split = self.read(str(name_or_path))
            none = split.take(slice(0))
            return Dataset(str(name_or_path), none, none, split, self.kind, [], [])
        return self._load(name_or_path or self.settings.data)

    def read(self, data: str) -> Split:
        """Return new data as the run's kind: all rows of a file or folder, or of a named dataset.

        Of named images or tables it is the test part. What is left out of a file is said on stderr.
        Raises InputError if the data cannot be used.
        """
        if isinstance(self.kind, SeriesKind) and data in SERIES:
            return self.kind.windows(load_readings(data)[0])
        if data in DATASETS or not os.path.exists(data):  # load says which names there are
            return self._load(data).test
        split, notes = self.kind.read(Path(data))
        for note in notes:
            complain(note)
        return split

    def _load(self, name: str) -> Dataset:
        seed, validation = self.settings.seed, self.settings.validation
        dataset = load(name, seed=seed, validation=validation, **self.settings.reading)
        if dataset.image_shape != self.image_shape:
            raise InputError(
                f"{dataset.name} has {dataset.kind.row}s of shape {dataset.image_shape}, but the"
                f" model was trained on {self.image_shape}; give data of that shape"
            )
        if not alike(describe(dataset.kind), describe(self.kind)):
            raise InputError(
                f"{dataset.name} is not what the run was trained on: it has changed since then, or"
                " holds something else; train again"
            )
        return dataset


def load_run(folder: Path) -> Run:
    """Return the run in a folder. Raises InputError if it holds none that can be used."""
    best = folder / BEST
    if not best.is_file():
        raise InputError(f"{folder} holds no trained model; make one with `minae train`")
    kinds = {"settings": Settings, "image_shape": tuple[int, int, int]}
    model, metadata = models.load(best, kinds)
    shape = metadata["image_shape"]
    try:
        kind = parse_kind(metadata["kind"]) if "kind" in metadata else ImageKind(shape)
    except InputError as error:
        raise InputError(f"{best}: {error}") from error
    run = Run(folder, model, metadata["settings"], shape, kind)
    if model.any_size:
        fits = shape[0] == model.config["image_channels"]
    else:
        takes = model.config.get("image_shape") or model.config["sizes"]
        fits = takes[0] == math.prod(shape) or takes == [*shape]
    if min(shape) < 1 or shape != kind.shape or not fits:
        raise InputError(f"{best}: image_shape {shape} is not what the model takes: train again")
    if model.conditional and run.settings.corrupt is not None:
        raise InputError(f"{best}: settings.corrupt is nothing for a {metadata['model']}")
    try:
        _ = run.corruption
    except InputError as error:
        raise InputError(f"{best}: settings.corrupt: {error}") from error
    return run


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
        _check_folder(out, settings, resume, overwrite)  # another process may have made a run
        make, epochs = OPTIMIZERS[settings.optimizer], settings.epochs or USUAL_EPOCHS
        optimizer = make(model.parameters(), lr=settings.lr, weight_decay=settings.weight_decay)
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
            "history": history,
            "versions": versions,
        }
        files.write_json(out / METRICS, run.metrics)
    model.to("cpu")
    return run


def _prepare(
    settings: Settings, out: Path, show: bool
) -> tuple[Run, Arrays | Patches, Arrays | None]:
    """Load the data and build the model; return the run, and what to train and validate on."""
    data = {"seed": settings.seed, "validation": settings.validation}
    manual_seed(settings.seed)
    if MODELS[settings.model].any_size:
        usual = MODELS[settings.model].training["epochs"]
        settings = replace(settings, epochs=settings.epochs or usual)
        pictures = load_pictures(settings.data, **data)
        channels = len(pictures.train[0])
        model = make_model(settings.model, {"image_channels": channels, **settings.model_options})
        size = patch_size(pictures.train)
        shape = channels, size, size
        run = Run(out, model, settings, shape, ImageKind(shape), pictures)
        return run, *patches_of(pictures, run.restores, settings)
    dataset = load(settings.data, **data, **settings.reading)
    settings = replace(settings, epochs=settings.epochs or _usual_epochs(dataset, settings))
    if show:
        for note in dataset.notes:
            print(note)
    model = build_model(settings.model, settings.model_options, dataset)
    model.start_at_mean(dataset.train.inputs)
    run = Run(out, model, settings, dataset.image_shape, dataset.kind, dataset)
    if run.corruption:  # a mask that does not fit is refused here, before anything is written
        run.corruption(dataset.test.inputs[:1], np.random.default_rng(0))
    held_out = inputs(model, dataset.validation) if len(dataset.validation) else None
    return run, inputs(model, dataset.train), held_out


def _check_settings(settings: Settings) -> None:
    """Raise InputError for settings that exclude each other, or that this machine cannot do."""
    if settings.corrupt is not None and MODELS[settings.model].conditional:
        raise InputError(f"--corrupt is no option of model {settings.model!r}: leave it out")
    if problem := device_problem(settings.device):
        raise InputError(problem)
    if settings.device == "cpu" and (settings.kernels != "own" or settings.cuda_graph):
        flag = "--cuda-graph" if settings.cuda_graph else f"--kernels {settings.kernels}"
        raise InputError(f"{flag} is for a GPU: add --device cuda, or leave it out")
    if settings.kernels == "tf32" and capability() < (8, 0):
        raise InputError("--kernels tf32 needs a GPU of compute capability 8.0: leave it out")


def _check_folder(out: Path, settings: Settings, resume: bool, overwrite: bool) -> None:
    """Raise InputError unless a training with these settings can begin, or go on, in a folder."""
    files.check_folder(out)
    if resume:
        kinds = {"settings": Settings, "training": Training}
        before = asdict(checkpoint.load(out / LAST, kinds)[1]["settings"])
        now = json.loads(json.dumps(asdict(settings)))  # with lists for tuples, as in a file
        free = {"patience"}
        if settings.schedule == "constant" or settings.epochs is None:  # not known before the data
            free.add("epochs")
        for name in before.keys() - free:
            if before[name] != now[name]:
                raise InputError(
                    f"{out} was trained with {name} {before[name]}, not {now[name]}: resume with"
                    " the same settings, or train into another folder"
                )
    elif not overwrite and any((out / name).exists() for name in (LAST, BEST, METRICS)):
        raise InputError(
            f"{out} already holds a run: add --resume to go on with it, --overwrite to begin anew,"
            " or name another folder with --out"
        )


def build_model(name: str, options: dict[str, Any], dataset: Dataset) -> Autoencoder:
    """Build one of `models.MODELS` for the images of a dataset.

    `options` are arguments of its constructor; sizes, image shape and number of classes default to
    what fits the data. Raises InputError if the model has no such option, or it does not fit.
    """
    image_shape, labels, cls = dataset.image_shape, dataset.train.labels, MODELS[name]
    accepted, kind = inspect.signature(cls).parameters, dataset.kind
    pixels = math.prod(image_shape)
    if not isinstance(kind, ImageKind):
        options = _standardised(name, dict(options), kind, accepted)
    if "sizes" in accepted:
        behind = SIZES.get(name, SIZES["vae"]) if isinstance(kind, ImageKind) else _few(pixels)
        options = {"sizes": [pixels, *behind], **options}
        if options["sizes"][0] != pixels:
            raise InputError(
                f"sizes begin with {options['sizes'][0]}, but an image of shape {image_shape} has"
                f" {pixels} pixels: begin with {pixels}"
            )
    else:
        options = {"image_shape": image_shape, **options}
    if cls.conditional:
        if labels is None:
            raise InputError(
                f"{dataset.name} has no labels, and model {name!r} is told the class of each image:"
                " give data with labels, or train a vae"
            )
        options = {"classes": int(labels.max()) + 1, **options}
    return make_model(name, options)


def make_model(name: str, options: dict[str, Any]) -> Autoencoder:
    """Make one of `models.MODELS`. Raises InputError if it has no such option."""
    accepted = inspect.signature(MODELS[name]).parameters
    for option in options:
        if option not in accepted:
            flags = ["--" + p.replace("_", "-") for p in (option, *accepted)]
            theirs = ", ".join(f for f in flags[1:] if f not in FROM_DATA)
            raise InputError(f"{flags[0]} is no option of model {name!r}, which has {theirs}")
    return MODELS[name](**options)


def _usual_epochs(dataset: Dataset, settings: Settings) -> int:
    """Return how many epochs to train: of a table or series as many as make 2,000 steps."""
    steps = -(-len(dataset.train) // settings.batch_size)  # in an epoch
    fewest = 1 if isinstance(dataset.kind, ImageKind) else -(-STEPS // steps)
    return max(USUAL_EPOCHS, fewest)


def _few(inputs: int) -> list[int]:
    """Return the layers behind the inputs of a row of a table, or of a window of a series."""
    return [max(16, min(128, 4 * inputs)), max(2, min(32, inputs // 4))]


def _standardised(name: str, options: dict[str, Any], kind: Kind, accepted: Any) -> dict[str, Any]:
    """Return options with the loss for inputs in standard deviations, and 0/1 inputs behind them.

    Raises InputError if the model cannot be trained on such a kind.
    """
    if "image_shape" in accepted and kind.name == "table":
        instead = "dense --corrupt noise:0.3" if name == "denoising" else "dense or vae"
        raise InputError(
            f"model {name!r} is for images and series, whose neighbours belong together; for a"
            f" table, train {instead}"
        )
    for option, fits in (("loss", "mse"), ("likelihood", "gaussian")):
        if option in accepted and options.setdefault(option, fits) != fits:
            raise InputError(
                f"--{option} {options[option]} is for values from 0 to 1, and a {kind.name} is in"
                f" standard deviations: leave it out, for {fits}"
            )
    if "activation" in accepted:  # bounded: a row beyond those of training is not rebuilt as well
        options = {"activation": "tanh", **options}
    return {"binary": kind.binary, **options} if "binary" in accepted else options


def inputs(model: Autoencoder, split: Split) -> tuple[np.ndarray, ...]:
    """Return what the model takes of a part of the data: images, and labels if it is conditional.

    Raises InputError if it needs labels and there are none, or one that it does not know.
    """
    if not isinstance(model, ConditionalVAE):
        return (split.inputs,)
    if split.labels is None or not 0 <= split.labels.min() <= split.labels.max() < model.classes:
        raise InputError(
            f"the model is told the class of each image: give data with labels from 0 to"
            f" {model.classes - 1}"
        )
    return split.inputs, split.labels


def final_figures(
    run: Run, data: str | None = None, corrupt: str | None = None
) -> dict[str, float]:
    """Return the model's figures on each part of its own data, or of others, as `part_figure`.

    `corrupt` is a corruption to undo in place of the one that the model was trained with. Raises
    InputError if it is none, and FloatingPointError if a figure is nan or infinite.
    """
    if corrupt is not None:
        run = replace(run, settings=replace(run.settings, corrupt=corrupt))
    model, figures = run.model, {}
    parts = run.pictures(data) if model.any_size else run.data(data)
    for part in ("train", "validation", "test"):
        rows = getattr(parts, part)
        if not len(rows) or (model.any_size and part == "train"):
            continue
        if model.any_size:
            found = picture_figures(model, rows, run.restores)
        else:
            found = evaluate(model, inputs(model, rows), corrupt=run.corruption)
        figures |= {f"{part}_{name}": value for name, value in found.items()}
    for name, value in figures.items():
        if not math.isfinite(value):
            raise FloatingPointError(f"{name} is {value}: train again, with a lower learning rate")
    return figures
