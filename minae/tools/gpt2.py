"""Weights of GPT-2, in the layout in which Hugging Face stores them, made into a run.

The folder has config.json, model.safetensors, vocab.json and merges.txt. Linear layers are stored
the other way round there, as (in, out).
"""

import json
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np

from minae import checkpoint, files, models
from minae.data.kinds import CorpusKind, describe
from minae.data.memory import naming
from minae.data.text.files import read_file
from minae.errors import InputError
from minae.metadata import parse_all
from minae.models import GPT
from minae.nn import init
from minae.train.settings import Settings
from minae.train.state import BEST

#: Of config.json: what it is called here.
SIZES = {
    "vocab_size": "vocabulary", "n_positions": "context", "n_layer": "layers", "n_head": "heads",
    "n_embd": "width",
}  # fmt: skip
#: What else it may say, and what that means for this model.
FIXED = {
    "model_type": "gpt2", "layer_norm_epsilon": 1e-5, "tie_word_embeddings": True, "n_inner": None,
    "scale_attn_weights": True, "scale_attn_by_inverse_layer_idx": False,
}  # fmt: skip
GELU = {"gelu_new": "tanh", "gelu_pytorch_tanh": "tanh", "gelu": "none"}
TURNED = ("c_attn.weight", "c_proj.weight", "c_fc.weight")  # stored as (in, out)
MASKS = (".attn.bias", ".attn.masked_bias")  # constants, which some files hold
UNREAD = ("model.safetensors.index.json", "pytorch_model.bin", "tf_model.h5")


def import_gpt2(folder: Path, out: Path) -> None:
    """Make a run in the folder `out` of GPT-2's files in another.

    Raises InputError if a file is missing, damaged, or of another model, or `out` holds a run.
    """
    files.check_folder(out)
    if (out / BEST).exists():
        raise InputError(f"{out} already holds a run: name another folder with --out")
    config = read_config(folder / "config.json")
    kind = read_kind(folder, config["vocabulary"])
    weights = read_weights(folder / "model.safetensors")
    with naming(folder), init.skipped():
        model = GPT(**config)
    try:
        checkpoint.check_state(weights, model.state_dict())
        model.load_state_dict(weights)
    except ValueError as error:
        raise InputError(f"{folder / 'model.safetensors'}: {error}") from error
    settings = Settings.of("gpt", data="")  # there is no text that it was trained on
    metadata = {"settings": asdict(settings), "image_shape": kind.shape, "kind": describe(kind)}
    models.save(model, out / BEST, **metadata)


def read_config(path: Path) -> dict[str, Any]:
    """Return the arguments of GPT that a config.json stands for."""
    given = _read_json(path)
    with naming(path):
        sizes = parse_all(dict.fromkeys(SIZES, int), given, "")
        for name, value in FIXED.items():
            if given.get(name, value) != value:
                raise InputError(f"{name} is {given[name]!r}, and only {value!r} can be imported")
        activation = given.get("activation_function", "gelu_new")
        if activation not in GELU:
            raise InputError(
                f"activation_function is {activation!r}, and only {', '.join(GELU)} can be imported"
            )
    named = {SIZES[name]: size for name, size in sizes.items()}
    return {**named, "bias": True, "approximate": GELU[activation]}


def read_kind(folder: Path, size: int) -> CorpusKind:
    """Return how texts are cut into tokens: vocab.json and merges.txt, `size` tokens."""
    given, path = _read_json(folder / "vocab.json"), folder / "merges.txt"
    with naming(folder / "vocab.json"):
        by_id = {number: token for token, number in given.items()}
        if sorted(by_id, key=str) != sorted(range(size), key=str):
            raise InputError(f"does not give {size:,} tokens the numbers 0 to {size - 1:,}")
        vocabulary = [by_id[number] for number in range(size)]
    lines = _read_text(path).splitlines()
    with naming(path):
        merges = []
        for number, line in enumerate(lines, 1):
            if line.startswith("#version") or not line:
                continue
            parts = line.split(" ")
            if len(parts) != 2 or "".join(parts) not in given:
                raise InputError(f"line {number}, {line!r}, is no pair of tokens in vocab.json")
            merges.append((parts[0], parts[1]))
    with naming(folder / "vocab.json"):
        return CorpusKind("bpe", vocabulary, merges)


def read_weights(path: Path) -> dict[str, np.ndarray]:
    """Return GPT-2's weights under our names, linear layers as (out, in), all float32."""
    _check_there(path)
    arrays, _ = checkpoint.read(path)
    found = {}
    for name, array in arrays.items():
        if name.endswith(MASKS):
            continue
        name = name if name.startswith(("transformer.", "lm_head.")) else f"transformer.{name}"
        array = array.T if name.endswith(TURNED) and array.ndim == 2 else array
        found[name] = array.astype(np.float32) if array.dtype == np.float16 else array
    return found


def _check_there(path: Path) -> None:
    """Raise InputError unless a file is there."""
    if path.is_file():
        return
    other = next((name for name in UNREAD if (path.parent / name).is_file()), None)
    if other and path.suffix == ".safetensors":
        raise InputError(
            f"{path.parent} has its weights in {other}: load and store them with"
            ' save_pretrained(folder, max_shard_size="100GB")'
        )
    raise InputError(
        f"there is no {path}: give a folder with config.json, model.safetensors, vocab.json and"
        " merges.txt"
    )


def _read_json(path: Path) -> dict[str, Any]:
    text = _read_text(path)
    try:
        found = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise InputError(f"{path} is no JSON ({error})") from error
    if not isinstance(found, dict):
        raise InputError(f"{path} holds no JSON object")
    return found


def _read_text(path: Path) -> str:
    _check_there(path)
    with naming(path):
        return read_file(path)
