"""Building the model that fits the data, and what it takes of them."""

import inspect
import math
from collections.abc import Sequence
from typing import Any

from minae.data import Dataset, Kind, Split, TextKind
from minae.data.split import Inputs
from minae.errors import InputError, flag
from minae.models import MODELS, ConditionalVAE, MaskedLanguageModel, Model
from minae.models.base import check_transformer

#: By model, the layers behind the pixels if none are asked for. A cvae with room in its code also
#: stores the class there, and then ignores the label.
SIZES = {"dense": [512, 256, 32], "vae": [400, 20], "cvae": [400, 5], "text": [512, 32]}
PLAIN = ("images", "text", "corpus")  # kinds whose inputs are not in standard deviations
FEW = ("table", "series")  # kinds of few inputs
SIZES_OF_ATTENTION = ("layers", "heads", "width", "dropout")
#: Arguments of models that are no options.
FROM_DATA = {
    "image_shape", "image_channels", "classes", "binary", "vocabulary", "longest", "approximate",
}  # fmt: skip


def build_model(name: str, options: dict[str, Any], dataset: Dataset) -> Model:
    """Build one of `models.MODELS` for the rows of a dataset.

    `options` are arguments of its constructor; sizes, shape, vocabulary and number of classes
    default to what fits the data. Raises InputError if they do not fit.
    """
    image_shape, labels, cls = dataset.image_shape, dataset.train.labels, MODELS[name]
    accepted, kind = inspect.signature(cls).parameters, dataset.kind
    pixels = math.prod(image_shape)
    _check_kind(name, dataset)
    if kind.name not in PLAIN:
        options = _standardised(dict(options), kind, accepted)
    if "vocabulary" in accepted:
        options = {"vocabulary": pixels, **options}
        if isinstance(kind, TextKind):
            written = int(dataset.train.inputs.lengths.max())
            # what is only read may be as long as the kind lets any text be
            longest = kind.longest if issubclass(cls, MaskedLanguageModel) else written
            options = {"longest": longest, **options}
    elif "sizes" in accepted:
        behind = _few(pixels) if kind.name in FEW else SIZES.get(name, SIZES["vae"])
        options = {"sizes": [pixels, *behind], **options}
        if options["sizes"][0] != pixels:
            raise InputError(
                f"sizes begin with {options['sizes'][0]}, but each {kind.row} of {dataset.name} has"
                f" {pixels} inputs: begin with {pixels}"
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
    return cls(**options)


def check_options(name: str, options: dict[str, Any]) -> None:
    """Raise InputError if a model has no such option, or its attention cannot have these sizes."""
    accepted = inspect.signature(MODELS[name]).parameters
    for option in options:
        if option not in accepted:
            flags = [flag(p) for p in accepted if p not in FROM_DATA]
            raise InputError(
                f"{flag(option)} is no option of model {name!r}, which has {', '.join(flags)}"
            )
    if "heads" in accepted:
        chosen = {size: options.get(size, accepted[size].default) for size in SIZES_OF_ATTENTION}
        check_transformer(**chosen)


def _few(inputs: int) -> list[int]:
    """Return the layers behind the inputs of a row of a table, or of a window of a series."""
    return [max(16, min(128, 4 * inputs)), max(2, min(32, inputs // 4))]


def _check_kind(name: str, dataset: Dataset) -> None:
    """Raise InputError unless a model can be trained on such data; it names models that can."""
    kinds, kind = MODELS[name].kinds, dataset.kind.name
    if kind in kinds:
        return
    if kinds == ("text",) and kind in ("table", "series"):
        raise InputError(
            f"model {name!r} takes texts: say which column has them, as in --data"
            f" {dataset.name}:COLUMN"
        )
    if kind == "table":
        instead = "dense --corrupt noise:0.3" if name == "denoising" else "dense or vae"
        raise InputError(
            f"model {name!r} is for images and series, whose neighbours belong together; for a"
            f" table, train {instead}"
        )
    others = [other for other, cls in MODELS.items() if kind in cls.kinds]
    raise InputError(
        f"model {name!r} takes data of kind {_either(kinds)}, and {dataset.name} is of kind {kind}:"
        f" train {_either(others)}"
    )


def _either(names: Sequence[str]) -> str:
    """Return names as "a, b or c"."""
    *first, last = names
    return f"{', '.join(first)} or {last}" if first else last


def _standardised(options: dict[str, Any], kind: Kind, accepted: Any) -> dict[str, Any]:
    """Return options with the loss for inputs in standard deviations, and 0/1 inputs behind them.

    Raises InputError for the other loss.
    """
    for option, fits in (("loss", "mse"), ("likelihood", "gaussian")):
        if option in accepted and options.setdefault(option, fits) != fits:
            raise InputError(
                f"--{option} {options[option]} is for values from 0 to 1, and a {kind.name} is in"
                f" standard deviations: leave it out, for {fits}"
            )
    if "activation" in accepted:  # bounded: a row beyond those of training is not rebuilt as well
        options = {"activation": "tanh", **options}
    return {"binary": kind.binary, **options} if "binary" in accepted else options


def inputs(model: Model, split: Split) -> tuple[Inputs, ...]:
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
