"""Models, by the name that `minae train` calls them."""

import inspect
from pathlib import Path
from typing import Any

from minae import checkpoint
from minae.errors import InputError
from minae.metadata import parse_all
from minae.models.autoencoders import (
    ConvAutoencoder,
    DenoisingAutoencoder,
    DenseAutoencoder,
    SpectrogramAutoencoder,
)
from minae.models.base import Autoencoder, Model, check_choice
from minae.models.documents import DocumentAutoencoder
from minae.models.gpt import GPT
from minae.models.masked import MaskedLanguageModel
from minae.models.res_unet import ResUNet
from minae.models.sequences import SequenceAutoencoder, SequenceVAE
from minae.models.vae import IWAE, VAE, BetaVAE, ConditionalVAE, ConvVAE, VariationalAutoencoder
from minae.models.vq_vae import VQVAE
from minae.nn import init

MODELS: dict[str, type[Model]] = {
    "dense": DenseAutoencoder,
    "conv": ConvAutoencoder,
    "denoising": DenoisingAutoencoder,
    "vae": VAE,
    "conv-vae": ConvVAE,
    "beta-vae": BetaVAE,
    "cvae": ConditionalVAE,
    "iwae": IWAE,
    "vq-vae": VQVAE,
    "restore": ResUNet,
    "audio": SpectrogramAutoencoder,
    "text": DocumentAutoencoder,
    "sequence": SequenceAutoencoder,
    "sequence-vae": SequenceVAE,
    "gpt": GPT,
    "masked": MaskedLanguageModel,
}

__all__ = [
    "GPT", "IWAE", "MODELS", "VAE", "VQVAE", "Autoencoder", "BetaVAE", "ConditionalVAE",
    "ConvAutoencoder", "ConvVAE", "DenoisingAutoencoder", "DenseAutoencoder", "DocumentAutoencoder",
    "MaskedLanguageModel", "Model", "ResUNet", "SequenceAutoencoder", "SequenceVAE",
    "SpectrogramAutoencoder", "VariationalAutoencoder", "describe", "load", "save",
]  # fmt: skip


def describe(model: Model) -> dict[str, Any]:
    """Return the model's name and arguments, from which `load` builds it again."""
    names = {cls: name for name, cls in MODELS.items()}
    return {"model": names[type(model)], "config": model.config}


def save(model: Model, path: str | Path, **metadata: Any) -> None:
    """Write a model's weights, and what is needed to build it again, to a safetensors file."""
    arrays = checkpoint.prefixed(model.state_dict(), "model.")
    checkpoint.save(path, arrays, {**metadata, **describe(model)})


def load(path: str | Path, kinds: dict[str, Any] | None = None) -> tuple[Model, dict]:
    """Build the model that a checkpoint holds; return it, in evaluation mode, and the metadata.

    `kinds` says by key what else the metadata must hold: see `minae.metadata.from_json`. Raises
    InputError if the file is missing or damaged, its model is not one of MODELS, or its weights
    belong to another model or are not finite.
    """
    path = Path(path)
    arrays, metadata = checkpoint.load(path, {"model": str, "config": dict} | (kinds or {}))
    weights = checkpoint.subset(arrays, "model.")
    try:
        check_choice("model", metadata["model"], MODELS)
        with init.skipped():
            config = metadata["config"]
            if metadata.get("version", 0) < 2 and "sizes" in config:
                config = {"binary": 0, **config}  # which models did not have then
            model = _build(MODELS[metadata["model"]], config, len(weights))
        checkpoint.check_state(weights, model.state_dict())
        model.load_state_dict(weights)
    except (ValueError, ArithmeticError, MemoryError) as error:
        raise InputError(f"{path}: {error}") from error
    return model.eval(), metadata


def _build(cls: type[Model], config: dict[str, Any], most: int) -> Model:
    """Build a model from all its arguments, read from a file with `most` arrays of weights."""
    kinds = {name: p.annotation for name, p in inspect.signature(cls).parameters.items()}
    config = parse_all(kinds, config, "config")
    lengths = [len(value) for value in config.values() if isinstance(value, (list, tuple))]
    if max([*lengths, config.get("convs_per_stage", 0), config.get("layers", 0)]) > most:
        raise InputError(f"config has more layers than the file has weights, {most}")
    return cls(**config)
