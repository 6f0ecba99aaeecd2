"""Autoencoders, dense, convolutional and variational, by the name that `minae train` calls them."""

from pathlib import Path

from minae import checkpoint
from minae.errors import InputError
from minae.models.autoencoders import ConvAutoencoder, DenoisingAutoencoder, DenseAutoencoder
from minae.models.base import Autoencoder
from minae.models.vae import VAE, ConvVAE, VariationalAutoencoder
from minae.models.vae_variants import IWAE, BetaVAE, ConditionalVAE
from minae.models.vq_vae import VQVAE

MODELS: dict[str, type[Autoencoder]] = {
    "dense": DenseAutoencoder,
    "conv": ConvAutoencoder,
    "denoising": DenoisingAutoencoder,
    "vae": VAE,
    "conv-vae": ConvVAE,
    "beta-vae": BetaVAE,
    "cvae": ConditionalVAE,
    "iwae": IWAE,
    "vq-vae": VQVAE,
}

__all__ = [
    "IWAE",
    "MODELS",
    "VAE",
    "VQVAE",
    "Autoencoder",
    "BetaVAE",
    "ConditionalVAE",
    "ConvAutoencoder",
    "ConvVAE",
    "DenoisingAutoencoder",
    "DenseAutoencoder",
    "VariationalAutoencoder",
    "describe",
    "load",
    "save",
]


def describe(model: Autoencoder) -> dict:
    """Return the name and the arguments from which `load` builds the model again."""
    names = {cls: name for name, cls in MODELS.items()}
    return {"model": names[type(model)], "config": model.config}


def save(model: Autoencoder, path: str | Path, **metadata) -> None:
    """Write a model's weights, and what it takes to build it again, to a safetensors file."""
    arrays = checkpoint.prefixed(model.state_dict(), "model.")
    checkpoint.save(path, arrays, {**metadata, **describe(model)})


def load(path: str | Path) -> tuple[Autoencoder, dict]:
    """Build the model that a checkpoint holds; return it, in evaluation mode, and the metadata.

    Raises:
        InputError: the file is missing or damaged, or its model is not one of MODELS.
    """
    arrays, metadata = checkpoint.load(path)
    if metadata.get("model") not in MODELS:
        raise InputError(
            f"{path}: model {metadata.get('model')!r} is not one of {', '.join(MODELS)}"
        )
    model = MODELS[metadata["model"]](**metadata["config"])
    try:
        model.load_state_dict(checkpoint.subset(arrays, "model."))
    except ValueError as error:
        raise InputError(f"{path}: {error}") from error
    return model.eval(), metadata
