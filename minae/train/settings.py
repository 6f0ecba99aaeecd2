"""Every option of a training, once: its name, type, default, help, and what it may be.

The command's options are made from these fields, `fit` and `train_run` take the objects, and a
run's files hold them. A new option is a field here and the place that uses it; `since` is the
version of `minae.metadata` from which files have it, and in older ones it had its default.
"""

import math
from collections.abc import Callable, Iterable
from dataclasses import MISSING, dataclass, field, fields
from functools import partial
from typing import Any

from minae import optim
from minae.errors import InputError
from minae.models import MODELS
from minae.models.base import check_choice

Check = Callable[[str, Any], None]  # takes an option's name and value; raises InputError

OPTIMIZERS: dict[str, Callable[..., optim.Optimizer]] = {
    "adam": optim.Adam,
    "adamw": optim.AdamW,
    "sgd": partial(optim.SGD, momentum=0.9, nesterov=True),
}
#: Each takes the optimiser and the number of epochs.
SCHEDULES: dict[str, Callable[[optim.Optimizer, int], optim.Schedule | None]] = {
    "constant": lambda optimizer, epochs: None,
    "cosine": optim.CosineAnnealingLR,
    "step": lambda optimizer, epochs: optim.StepLR(optimizer, max(1, epochs // 3)),
}


def option(default: Any, help: str, check: Check | None = None, since: int = 0) -> Any:
    """Return a dataclass's field with its help, and a check for values other than None."""
    return field(default=default, metadata={"help": help, "check": check, "since": since})


def whole(low: int) -> Check:
    """Return the check for whole numbers from `low`."""

    def check(name: str, value: int) -> None:
        if value < low:
            raise InputError(f"{name} is a whole number from {low}, not {value}")

    return check


def number(name: str, value: float) -> None:
    """Check for a finite number from 0."""
    if not 0 <= value < math.inf:
        raise InputError(f"{name} is a number from 0, not {value}")


def one_of(choices: Iterable[str]) -> Check:
    """Return the check for one of some names."""
    return lambda name, value: check_choice(name, value, choices)


@dataclass(kw_only=True)
class Fitting:
    """How `minae.train.fit` goes through the data. Raises InputError for what cannot be."""

    epochs: int = option(10, "Passes over the training images.", whole(1))
    batch_size: int = option(128, "Images per step.", whole(1))
    clip: float | None = option(None, "Largest gradient norm.", number)
    patience: int | None = option(
        None, "Stop after so many epochs without a better validation loss.", whole(1)
    )
    seed: int = option(0, "Of weights, order and noise.", whole(0))
    cuda_graph: bool = option(False, "Record a step once and replay it, on a GPU.", since=1)

    def __post_init__(self):
        for each in fields(self):
            check, value = each.metadata.get("check"), getattr(self, each.name)
            if check and value is not None:
                check(each.name, value)


@dataclass
class Settings(Fitting):
    """All that decides how a run ends: runs with equal settings end bit for bit alike."""

    model: str = option(
        MISSING,
        "dense, conv, denoising, vae, conv-vae, beta-vae, cvae, iwae or vq-vae.",
        one_of(MODELS),
    )
    data: str = option(
        "mnist5k", "A dataset's name, or a folder of images, .npz, .npy or idx file."
    )
    model_options: dict = field(default_factory=dict)  # those of ModelOptions that are not None
    validation: int | None = option(None, "Number of validation images.")
    corrupt: str | None = option(None, "Denoise: noise:0.3, salt-pepper:0.1, blur:1.5 or mask:10.")
    optimizer: str = option("adam", "adam, adamw or sgd (Nesterov).", one_of(OPTIMIZERS))
    lr: float = option(1e-3, "Learning rate.", number)
    weight_decay: float = option(0.0, "Pull of the weights to 0.", number)
    schedule: str = option("constant", "constant, cosine or step.", one_of(SCHEDULES))
    device: str = option("cpu", "cpu, or cuda for an NVIDIA GPU.", since=1)
    kernels: str = option(
        "own",
        "own, tf32 (tensor cores) or vendor (cuBLAS).",
        one_of(("own", "tf32", "vendor")),
        since=1,
    )


@dataclass(kw_only=True)
class ModelOptions:
    """What the models' constructors take beside what the data say. None is their own default."""

    sizes: list[int] | None = option(  # noqa: RUF009
        None, "Layer sizes of a dense model, from the pixels to the code."
    )
    channels: list[int] | None = option(  # noqa: RUF009
        None, "Channels of each stage of a convolutional model."
    )
    latent: int | None = option(None, "Length of the code, or of a vector of vq-vae's codebook.")
    convs_per_stage: int | None = option(None, "1 or 2, of a convolutional model.")
    activation: str | None = option(None, "relu, gelu, ..., of a dense model.")
    loss: str | None = option(None, "bce or mse, of models that are no VAE.")
    tied: bool | None = option(None, "Tie the decoder's weights, dense.")
    likelihood: str | None = option(None, "bernoulli or gaussian, of a VAE.")
    beta: float | None = option(None, "Weight of a VAE's KL.")
    k: int | None = option(None, "Draws for each image, iwae.")
    codes: int | None = option(None, "Vectors in the codebook, vq-vae.")
