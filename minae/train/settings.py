"""Every training option, once: its name, type, default, help, and allowed values.

The command's options are made from these fields, `fit` and `train_run` take the objects, and a
run's files hold them. So a new option is a field here, and the code that uses it. Its `since` is
the version of `minae.metadata` whose files are the first to have it; older ones get the default.
"""

import math
from collections.abc import Callable, Collection
from dataclasses import MISSING, Field, dataclass, field, fields
from functools import partial
from typing import Any

from minae import optim
from minae.data.kinds import KINDS
from minae.data.kinds.text import TOKENS
from minae.data.parts.dividing import Reading
from minae.data.text.tokens import SPECIAL
from minae.errors import InputError
from minae.models import MODELS
from minae.models.base import check_choice

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


def option(
    default: Any, help: str, low: float | None = None, choices: Collection[str] = (), since: int = 0
) -> Any:
    """Return a dataclass's field with its help and, for values other than None, what is allowed.

    `low` is the least number, an int if it has to be a whole one.
    """
    rules = {"help": help, "low": low, "choices": choices, "since": since}
    return field(default=default, metadata=rules)


def check_option(each: Field, value: Any, name: str) -> None:
    """Raise InputError unless a field may have a value; `name` is what the user calls the field."""
    low, choices = each.metadata.get("low"), each.metadata.get("choices")
    if value is None:
        return
    if choices:
        check_choice(name, value, choices)
    if low is not None and not low <= value < math.inf:
        kind = "whole number" if isinstance(low, int) else "number"
        raise InputError(f"{name} is a {kind} from {low:g}, not {value}")


@dataclass(kw_only=True)
class Fitting:
    """What `minae.train.fit` is told. Raises InputError for a value that is not allowed."""

    epochs: int | None = option(
        None,
        "Passes over the training data: 10; of other data than images 2,000 steps, sequences and"
        " masked 4,000; of restore 60, each of 1,024 patches; of gpt as many as make --steps.",
        low=1,
    )
    batch_size: int = option(
        128,
        "Images, rows or windows per step; texts and sounds: 64; restore: 16 patches; gpt: 12.",
        low=1,
    )
    warmup: int = option(
        0,
        "Steps, not epochs, over which the learning rate rises to --lr; gpt: 100.",
        low=0,
        since=3,
    )
    clip: float | None = option(None, "Largest gradient norm; restore, sequences, gpt: 1.", low=0.0)
    patience: int | None = option(
        None, "Stop after so many epochs without a better validation loss.", low=1
    )
    seed: int = option(0, "Of weights, order and noise.", low=0)
    cuda_graph: bool = option(False, "Record a step once and replay it, on a GPU.", since=1)

    def __post_init__(self):
        for each in fields(self):
            check_option(each, getattr(self, each.name), each.name)


@dataclass
class Settings(Fitting):
    """Everything a run's outcome depends on: equal settings give equal runs, bit for bit."""

    model: str = option(
        MISSING,
        "Of images, tables, series and sounds: dense, conv, denoising, restore, vae, conv-vae,"
        " beta-vae, cvae, iwae, vq-vae or audio; of texts: text, sequence, sequence-vae or masked;"
        " of a running text: gpt.",
        choices=MODELS,
    )
    data: str = option(
        "mnist5k",
        "A dataset's name, or a folder of images, texts or sounds, .csv, .txt, .wav, .npz, .npy"
        " or idx file.",
    )
    model_options: dict = field(default_factory=dict)  # those of ModelOptions that are not None
    steps: int | None = option(
        None, "Steps to train, gpt: 2,000; an epoch has 50 to 250 of them.", low=1, since=4
    )
    kind: str | None = option(
        None,
        "images, table, series, text, audio or corpus, if it is not what the data look like.",
        choices=KINDS,
        since=2,
    )
    id_column: str | None = option(
        None, "Column that names the rows of a table, or texts.", since=2
    )
    label_column: str | None = option(None, "Column of labels, which is no input.", since=2)
    normal: str | None = option(
        None, "Label to train on; rows with others go to the test part.", since=2
    )
    window: int | None = option(None, "Readings in a window of a series.", low=2, since=2)
    tokens: str | None = option(
        None,
        "What texts are cut into: words, characters, or bpe between them; characters of single"
        " words, else words; gpt: characters or bpe.",
        choices=TOKENS,
        since=3,
    )
    vocabulary: int | None = option(
        None,
        "How many different tokens at most: 5,000; gpt with bpe: 2,000.",
        low=len(SPECIAL) + 1,
        since=3,
    )
    longest: int | None = option(
        None, "Tokens of a text at most; what is behind them is cut off.", low=2, since=3
    )
    seconds: float | None = option(
        None, "Length of the pieces that sounds are cut into.", low=0.05, since=3
    )
    validation: int | None = option(
        None, "Number of validation images, rows, windows, texts or sounds; gpt: of characters."
    )
    corrupt: str | None = option(
        None,
        "What to undo, such as noise:0.3, noise:0-50/255, blur:1.5, jpeg:10-50 or mask:10;"
        " denoising: noise:0.5, restore: noise:0.1, text: words:0.5.",
    )
    optimizer: str = option("adam", "adam, adamw (gpt) or sgd (Nesterov).", choices=OPTIMIZERS)
    lr: float = option(1e-3, "Learning rate; text, audio: 0.002, sequences, gpt: 0.003.", low=0.0)
    weight_decay: float = option(0.0, "Pull of the weights to 0; gpt: 0.1.", low=0.0)
    schedule: str = option(
        "constant", "constant, cosine (restore, texts, audio, gpt) or step.", choices=SCHEDULES
    )
    device: str = option("cpu", "cpu, or cuda for an NVIDIA GPU.", since=1)
    kernels: str = option(
        "own",
        "own, tf32 (tensor cores) or vendor (cuBLAS).",
        choices=("own", "tf32", "vendor"),
        since=1,
    )

    @classmethod
    def of(cls, model: str, **given: Any) -> "Settings":
        """Return settings with the defaults that belong to the model for what is not given."""
        check_choice("model", model, MODELS)
        return cls(model, **MODELS[model].defaults | given)

    @property
    def reading(self) -> dict[str, Any]:
        """How the data are to be read: what `minae.data.load` takes."""
        return {each.name: getattr(self, each.name) for each in fields(Reading)}


@dataclass(kw_only=True)
class ModelOptions:
    """Arguments of the models' constructors that the data do not give; None is their default."""

    sizes: list[int] | None = option(  # noqa: RUF009
        None, "Layer sizes of a dense model, from the pixels to the code."
    )
    channels: list[int] | None = option(  # noqa: RUF009
        None, "Channels of each stage of a convolutional model."
    )
    latent: int | None = option(None, "Length of the code, or of a vector of vq-vae's codebook.")
    convs_per_stage: int | None = option(None, "1 or 2, of a convolutional model.")
    blocks: int | None = option(None, "Residual blocks at each scale, down and up, restore.")
    activation: str | None = option(None, "relu, gelu, ..., of a dense model.")
    loss: str | None = option(None, "bce or mse, of models that are no VAE.")
    tied: bool | None = option(None, "Tie the decoder's weights, dense.")
    likelihood: str | None = option(None, "bernoulli or gaussian, of a VAE.")
    beta: float | None = option(None, "Weight of a VAE's KL.")
    k: int | None = option(None, "Draws for each image, iwae.")
    codes: int | None = option(None, "Vectors in the codebook, vq-vae.")
    embedding: int | None = option(None, "Length of a token's vector, sequence, sequence-vae.")
    hidden: int | None = option(
        None, "Length of a GRU's state, sequence, sequence-vae; units before the code, audio."
    )
    word_dropout: float | None = option(
        None, "Share of tokens not told to the decoder, sequence, sequence-vae."
    )
    annealing: int | None = option(None, "Steps until the KL weighs beta, sequence-vae.")
    free_bits: float | None = option(None, "Nats of KL that cost nothing, sequence-vae.")
    context: int | None = option(None, "Tokens that are seen at once, gpt: 64.")
    masked: float | None = option(None, "Share of words that are hidden and guessed, masked: 0.15.")
    layers: int | None = option(None, "Blocks of attention and MLP, gpt: 4; masked: 2.")
    heads: int | None = option(None, "Heads of attention in each block, gpt, masked: 4.")
    width: int | None = option(None, "Length of a token's vector in every block, gpt, masked: 128.")
    dropout: float | None = option(
        None, "Share of numbers set to 0 in training, gpt: 0; masked: 0.1."
    )
    bias: bool | None = option(None, "Give linear layers and norms a bias, gpt.")
