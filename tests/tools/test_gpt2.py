"""Weights in GPT-2's layout: a run gives the logits that PyTorch computes from the files."""

import json

import numpy as np
import pytest
import torch
from safetensors.numpy import load_file, save_file
from torch.nn import functional

from minae.data import CorpusKind
from minae.data.text import byte_level
from minae.errors import InputError
from minae.grad_mode import no_grad
from minae.models import GPT
from minae.nn import init
from minae.tensor import Tensor
from minae.tools.gpt2 import import_gpt2
from minae.tools.language import continued
from minae.train.runs import load_run

TEXT = "the cat sat on the mat, the cat ate the rat"
MERGES, _ = byte_level.learn([TEXT], 6, 2)
VOCABULARY = [*byte_level.ALPHABET, *map("".join, MERGES), "<|endoftext|>"]
E, HEADS, CONTEXT, LAYERS = 12, 3, 16, 2
CONFIG = {
    "model_type": "gpt2",
    "vocab_size": len(VOCABULARY),
    "n_positions": CONTEXT,
    "n_embd": E,
    "n_layer": LAYERS,
    "n_head": HEADS,
    "activation_function": "gelu_new",
    "layer_norm_epsilon": 1e-5,
    "n_inner": None,
}
FILES = ("config.json", "vocab.json", "merges.txt", "model.safetensors")


def weights():
    """Return weights by the names of Hugging Face's GPT-2, linear ones as (in, out)."""
    rng = np.random.default_rng(0)
    shapes = {"wte.weight": (len(VOCABULARY), E), "wpe.weight": (CONTEXT, E)}
    layers = {
        "ln_1": (E,), "attn.c_attn": (E, 3 * E), "attn.c_proj": (E, E), "ln_2": (E,),
        "mlp.c_fc": (E, 4 * E), "mlp.c_proj": (4 * E, E),
    }  # fmt: skip
    for name, shape in {f"h.{i}.{n}": s for i in range(LAYERS) for n, s in layers.items()}.items():
        shapes |= {f"{name}.weight": shape, f"{name}.bias": shape[-1:]}
    shapes |= {"ln_f.weight": (E,), "ln_f.bias": (E,)}
    arrays = {name: rng.normal(0, 0.3, shape) for name, shape in shapes.items()}
    return {name: array.astype(np.float32) for name, array in arrays.items()}


def in_torch(w, ids):
    """Return GPT-2's logits (N, T, V), written for these names and layouts."""
    w = {name: torch.tensor(array) for name, array in w.items()}

    def norm(x, name):
        return functional.layer_norm(x, (E,), w[f"{name}.weight"], w[f"{name}.bias"])

    def conv1d(x, name):
        return x @ w[f"{name}.weight"] + w[f"{name}.bias"]

    N, T = ids.shape
    x = w["wte.weight"][ids] + w["wpe.weight"][:T]
    for i in range(LAYERS):
        q, k, v = (
            part.reshape(N, T, HEADS, -1).transpose(1, 2)
            for part in conv1d(norm(x, f"h.{i}.ln_1"), f"h.{i}.attn.c_attn").split(E, 2)
        )
        y = functional.scaled_dot_product_attention(q, k, v, is_causal=True)
        x = x + conv1d(y.transpose(1, 2).reshape(N, T, E), f"h.{i}.attn.c_proj")
        inner = conv1d(norm(x, f"h.{i}.ln_2"), f"h.{i}.mlp.c_fc")
        x = x + conv1d(functional.gelu(inner, approximate="tanh"), f"h.{i}.mlp.c_proj")
    return (norm(x, "ln_f") @ w["wte.weight"].T).numpy()


@pytest.fixture
def folder(tmp_path):
    """A folder as Hugging Face's save_pretrained writes it."""
    path = tmp_path / "gpt2"
    path.mkdir()
    (path / "config.json").write_text(json.dumps(CONFIG))
    (path / "vocab.json").write_text(json.dumps({t: i for i, t in enumerate(VOCABULARY)}))
    lines = ["#version: 0.2", *(f"{left} {right}" for left, right in MERGES)]
    (path / "merges.txt").write_text("\n".join(lines) + "\n", encoding="utf-8")
    save_file(weights(), path / "model.safetensors", {"format": "pt"})
    return path


@pytest.mark.parametrize("layout", ["bare", "prefixed", "with constants", "half precision"])
def test_its_logits_are_those_of_the_files(folder, tmp_path, layout):
    w = weights()
    if layout == "prefixed":
        stored = {f"transformer.{name}": array for name, array in w.items()}
        stored["lm_head.weight"] = w["wte.weight"]
    elif layout == "with constants":
        mask = np.tri(CONTEXT, dtype=np.float32)[None, None]
        stored = w | {"h.0.attn.bias": mask, "h.0.attn.masked_bias": np.full(1, -1e4, np.float32)}
    else:
        dtype = np.float16 if layout == "half precision" else np.float32
        stored = {name: array.astype(dtype) for name, array in w.items()}
        w = {name: array.astype(np.float32) for name, array in stored.items()}
    save_file(stored, folder / "model.safetensors")
    import_gpt2(folder, tmp_path / "run")
    run = load_run(tmp_path / "run")
    ids = np.random.default_rng(1).integers(0, len(VOCABULARY), (2, CONTEXT)).astype(np.int32)
    with no_grad():
        logits = run.model(Tensor(ids)).numpy()
    np.testing.assert_allclose(logits, in_torch(w, torch.tensor(ids).long()), atol=1e-4)
    assert isinstance(run.kind, CorpusKind)
    assert run.kind.decode(run.kind.encode(TEXT)) == TEXT
    assert len(run.kind.encode(TEXT)) < len(TEXT) - 6  # pairs were merged
    assert len("".join(continued(run, "the", 5, 0))) > 0
    assert len("".join(continued(run, "", 5, 0))) > 0


def changed(path, **values):
    path.write_text(json.dumps(json.loads(path.read_text()) | values))


def without(path, name):
    arrays = load_file(path)
    del arrays[name]
    save_file(arrays, path)


def reshaped(path, name, shape):
    save_file(load_file(path) | {name: np.zeros(shape, np.float32)}, path)


@pytest.mark.parametrize(
    ("damage", "message"),
    [
        *((lambda f, name=name: (f / name).unlink(), f"there is no .*{name}") for name in FILES),
        (lambda f: (f / "config.json").write_text("{"), "config.json is no JSON"),
        (lambda f: (f / "vocab.json").write_text("[]"), "vocab.json holds no JSON object"),
        (lambda f: (f / "merges.txt").write_bytes(b"\xff"), "merges.txt: is not in UTF-8"),
        (lambda f: changed(f / "config.json", n_layer="2"), "n_layer is "),
        (lambda f: changed(f / "config.json", n_head=5), "width 12 is not a multiple of the 5"),
        (lambda f: changed(f / "config.json", model_type="bert"), "model_type is 'bert', and only"),
        (lambda f: changed(f / "config.json", n_inner=7), "n_inner is 7, and only None"),
        (
            lambda f: changed(f / "config.json", activation_function="relu"),
            "activation_function is 'relu', and only gelu_new",
        ),
        (lambda f: changed(f / "config.json", vocab_size=9), "does not give 9 tokens the numbers"),
        (lambda f: changed(f / "vocab.json", a="x"), "does not give"),
        (
            lambda f: (f / "merges.txt").write_text("#version: 0.2\nq z\n"),
            "line 2, 'q z', is no pair of tokens",
        ),
        (
            lambda f: without(f / "model.safetensors", "h.1.ln_2.bias"),
            "transformer.h.1.ln_2.bias is missing",
        ),
        (
            lambda f: reshaped(f / "model.safetensors", "wpe.weight", (3, E)),
            r"transformer.wpe.weight has shape \(3, 12\), here it is \(16, 12\)",
        ),
        (
            lambda f: reshaped(f / "model.safetensors", "lm_head.weight", (len(VOCABULARY), E)),
            "are one parameter here, but have different values",
        ),
        (lambda f: (f / "model.safetensors").write_bytes(b"x"), "not a whole safetensors file"),
        (
            lambda f: (f / "model.safetensors").rename(f / "pytorch_model.bin"),
            "has its weights in pytorch_model.bin: load and store them",
        ),
    ],
)
def test_what_is_wrong_is_named_and_nothing_is_written(folder, tmp_path, damage, message):
    damage(folder)
    with pytest.raises(InputError, match=message):
        import_gpt2(folder, tmp_path / "run")
    assert not (tmp_path / "run").exists()


def test_a_run_is_not_written_over(folder, tmp_path):
    import_gpt2(folder, tmp_path / "run")
    with pytest.raises(InputError, match="already holds a run: name another folder"):
        import_gpt2(folder, tmp_path / "run")


@pytest.mark.parametrize(
    ("command", "sentence"),
    [
        (("eval", "run"), "of its own: give one to measure on, with --data"),
        (("anomalies", "run", "new.txt"), "which says what is usual: train a gpt on usual text"),
        (("anomalies", "run", "new.txt", "--expect", 0.1), "which says what is usual: train a gpt"),
        (("embed", "run", "new.txt"), "has no one code for a text"),
        (("nearest", "run", "new.txt", "cat"), "has no one code for a text"),
        (("eval", "run", "--data", "new.txt"), None),
    ],
)
def test_a_run_has_no_text_of_its_own(minae, folder, tmp_path, command, sentence):
    import_gpt2(folder, tmp_path / "run")
    (tmp_path / "new.txt").write_text(TEXT)
    status, _, err = minae(*command)
    if sentence is None:
        assert (status, err) == (0, "")
    else:
        assert (status, sentence in err, err.count("\n")) == (2, True, 1), err


def test_the_sizes_are_those_of_gpt2():
    """Its config.json has numbers that none of ours has by chance."""
    with init.skipped():
        names = GPT(50257, 1024, 12, 12, 768, bias=True, approximate="tanh").state_dict()
    assert names["transformer.h.11.attn.c_attn.weight"].shape == (2304, 768)
    assert len(names) == 2 + 12 * 12 + 2 + 1
