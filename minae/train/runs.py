"""A run: a model trained on a dataset, with all that came of it in one folder.

last.safetensors    everything needed to go on training
best.safetensors    the weights with the lowest validation loss
metrics.json        command, settings, seconds, and the final figures by name
*.png               learning curves, reconstructions
"""

import math
import os
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np

from minae import models
from minae.data import (
    DATASETS,
    CorpusKind,
    Corrupt,
    Corruption,
    Dataset,
    Kind,
    SeriesKind,
    Split,
    load,
)
from minae.data.kinds import ImageKind, TextKind, alike, describe, parse_kind
from minae.data.named import SERIES, TEXTS, kind_of, load_readings, load_running
from minae.data.picture_set import PictureSet, load_others, load_pictures
from minae.data.text.files import column_of
from minae.errors import InputError, LeftOut, complain
from minae.models import GPT, Autoencoder, Model
from minae.train.build import inputs
from minae.train.language import corpus_figures
from minae.train.loop import evaluate
from minae.train.restoration import picture_figures
from minae.train.settings import Settings
from minae.train.state import BEST, LAST


@dataclass(eq=False)
class Run:
    """A trained model in its folder, with what it was trained on."""

    folder: Path
    model: Model  # the best, on the CPU
    settings: Settings
    image_shape: tuple[int, int, int]
    kind: Kind
    dataset: Dataset | PictureSet | None = None  # its own, once loaded
    metrics: dict[str, Any] = field(default_factory=dict)  # metrics.json, just after training

    @property
    def autoencoder(self) -> Autoencoder:
        """The model. Raises InputError if it has no code for a row."""
        if not isinstance(self.model, Autoencoder):
            raise InputError(
                f"{self.folder} holds a {self.settings.model}, which predicts each token from those"
                " before it and so has no one code for a text: train text, sequence or masked"
            )
        return self.model

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
        if own and not self.settings.data:
            raise InputError(
                f"{self.folder} was imported and has no text of its own: give one to measure on,"
                " with --data"
            )
        if own and isinstance(self.dataset, Dataset):
            return self.dataset
        if not own and not isinstance(self.kind, ImageKind):
            split = self.read(str(name_or_path))
            none = split.take(slice(0))
            return Dataset(str(name_or_path), none, none, split, self.kind, [], [])
        return self._load(name_or_path or self.settings.data)

    def read(self, data: str) -> Split:
        """Return new data as the run's kind: all rows of a file or folder, or of a named dataset.

        Of a named dataset, but of a series, it is the test part. What is left out of a file is said
        on stderr. Raises InputError if the data cannot be used.
        """
        return self.read_usable(data)[0]

    def read_usable(self, data: str) -> tuple[Split, bool]:
        """Return what `read` does, and whether all files could be used."""
        own = data == self.settings.data
        if isinstance(self.kind, SeriesKind) and data in SERIES:
            return self.kind.windows(load_readings(data)[0]), True
        on_end = isinstance(self.kind, CorpusKind)
        if isinstance(self.kind, TextKind | CorpusKind) and data in TEXTS and not own:
            texts, test = load_running(data) if on_end else TEXTS[data]()
            split, notes = self.kind.split(texts.take(np.arange(len(texts))[-test:]))
            return self._said(split, [f"{data}: {note}" for note in notes])
        exists = os.path.exists(column_of(Path(data))[0])
        if data in DATASETS or not exists:  # load says which names there are
            dataset = self._load(data)
            # of a running text, there may be no test part
            return (dataset.test if len(dataset.test) else dataset.validation), True
        return self._said(*self.kind.read(Path(data)))

    def _said(self, split: Split, notes: list[str]) -> tuple[Split, bool]:
        """Say on stderr what was left out of a split; return it, and whether no file was."""
        for note in notes:
            complain(note)
        return split, not any(isinstance(note, LeftOut) for note in notes)

    def _load(self, name: str) -> Dataset:
        seed, validation = self.settings.seed, self.settings.validation
        how = self.settings.reading
        of_texts = isinstance(self.kind, CorpusKind) and name in TEXTS
        if name in DATASETS and not of_texts and (kind := kind_of(name)) != self.kind.name:
            raise InputError(f"{name} is of kind {kind}, but the run of kind {self.kind.name}")
        if name == self.settings.data and name not in DATASETS:  # what it was taken for then
            how |= {"kind": self.kind.name}
        dataset = load(name, seed=seed, validation=validation, **how)
        if dataset.image_shape != self.image_shape and not isinstance(
            self.kind, TextKind | CorpusKind
        ):
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
        if (folder / LAST).is_file():
            raise InputError(
                f"{folder} holds no trained model yet, as its training was stopped early or has"
                " just begun: the same command with --resume goes on"
            )
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
        config = model.config  # of which one says what the model takes
        takes = config.get("image_shape") or config.get("sizes") or [config["vocabulary"]]
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


def check_ensemble(run: Run) -> None:
    """Raise InputError unless the run's model can restore a picture turned in eight ways."""
    if not run.model.any_size:
        raise InputError(
            f"--ensemble is for a model made by `minae train restore`, and {run.folder} holds a"
            f" {run.settings.model}: leave it out"
        )


def final_figures(
    run: Run, data: str | None = None, corrupt: str | None = None, ensemble: bool = False
) -> dict[str, float]:
    """Return the model's figures on each part of its own data, or of others, as `part_figure`.

    `corrupt` is a corruption to undo in place of the one that the model was trained with;
    `ensemble` is as in `ResUNet`. Raises InputError if they are nothing for the model, and
    FloatingPointError if a figure is nan or infinite.
    """
    if ensemble:
        check_ensemble(run)
    if corrupt is not None:
        run = replace(run, settings=replace(run.settings, corrupt=corrupt))
    model, corruption, figures = run.model, run.corruption, {}
    parts = run.pictures(data) if model.any_size else run.data(data)
    for part in ("train", "validation", "test"):
        rows = getattr(parts, part)
        if not len(rows) or (model.any_size and part == "train"):
            continue
        if model.any_size:
            found = picture_figures(run.autoencoder, rows, run.restores, ensemble)
        elif isinstance(model, GPT) and isinstance(run.kind, CorpusKind):
            found = corpus_figures(model, run.kind, rows.inputs, whole=part != "train")
        else:
            found = evaluate(model, inputs(model, rows), corrupt=corruption)
        figures |= {f"{part}_{name}": value for name, value in found.items()}
    for name, value in figures.items():
        if not math.isfinite(value):
            raise FloatingPointError(f"{name} is {value}: train again, with a lower learning rate")
    return figures
