"""Data of each kind, and runs of them."""

import numpy as np
import pytest

from minae.data import load
from minae.train import training

from .test_enhance import save

DIGITS = load("digits")
READINGS = 300


def write_table(path, rows=40):
    """Write a table of two clusters, with a gap, a category, ids and labels."""
    rng = np.random.default_rng(0)
    lines = ["plant,height,width,soil,kind"]
    for i in range(rows):
        height, width = rng.normal([1 + 4 * (i % 2), 3], 0.5)
        shown = "" if i == 3 else f"{width:.3f}"
        lines.append(f"p{i},{height:.3f},{shown},{'clay' if i % 3 else 'sand'},{'ab'[i % 2]}")
    path.write_text("\n".join(lines) + "\n")


def write_series(path):
    """Write a series of two columns, every hour, that comes again after a day."""
    rng, hours = np.random.default_rng(0), np.arange(READINGS)
    times = np.datetime64("2025-03-01T00", "h") + hours
    values = np.stack([np.sin(hours * np.pi / 12), np.cos(hours * np.pi / 12)], axis=1)
    values += rng.normal(0, 0.1, values.shape)
    lines = [
        f"{str(t).replace('T', ' ')}:00,{a:.4f},{b:.4f}"
        for t, (a, b) in zip(times, values, strict=True)
    ]
    path.write_text("time,power,heat\n" + "\n".join(lines) + "\n")


def write_all(folder):
    """Write data of each kind into a folder."""
    save(folder / "photos" / "even", DIGITS.test.images[::2], [f"{i}.png" for i in range(20)])
    save(folder / "photos" / "odd", DIGITS.test.images[1::2], [f"{i}.png" for i in range(15, 30)])
    write_table(folder / "plants.csv")
    write_series(folder / "plant.csv")


def train(out, data, model="dense", **settings):
    settings = training.Settings(model, str(data), epochs=2, lr=0.01, **settings)
    training.train_run(settings, out, command="", show_progress=False)


@pytest.fixture(scope="session")
def home(tmp_path_factory):
    """A folder with data of each kind, and a run of each, of digits, and one that restores."""
    home = tmp_path_factory.mktemp("home")
    write_all(home)
    train(home / "images", home / "photos", model_options={"sizes": [64, 16, 6]})
    sizes = {"sizes": [6, 16, 3]}
    train(home / "table", home / "plants.csv", "vae", model_options=sizes, label_column="kind")
    train(home / "series", home / "plant.csv", "conv", window=24, model_options={"latent": 4})
    train(home / "restore", home / "photos", "restore", model_options={"channels": [4]})
    train(home / "digits", "digits", "vae", model_options={"sizes": [64, 32, 8]})
    return home


SUBJECTS = {
    "fruit": ["red", "ripe", "apple", "pear", "plum", "tastes", "sweet", "grows", "tree", "juice"],
    "machines": ["old", "engine", "motor", "wheel", "makes", "loud", "noise", "turns", "oil"],
}


def sentences(count, seed=0):
    """Return sentences about two subjects in turns, and their labels."""
    rng, labels = np.random.default_rng(seed), [["fruit", "machines"][i % 2] for i in range(count)]
    made = [["The", *rng.choice(SUBJECTS[of], rng.integers(3, 9)), "."] for of in labels]
    return [" ".join(words) for words in made], labels


def write_texts(folder):
    """Write texts as a CSV file with ids and labels, as lines, and as a folder of files."""
    texts, labels = sentences(120)
    rows = [
        f"n{i},{text},{label}" for i, (text, label) in enumerate(zip(texts, labels, strict=True))
    ]
    (folder / "notes.csv").write_text("\n".join(["id,text,subject", *rows]) + "\n")
    (folder / "lines.txt").write_text("\n".join(texts) + "\n")
    for i, (text, label) in enumerate(zip(texts[:40], labels, strict=False)):
        (folder / "docs" / label).mkdir(parents=True, exist_ok=True)
        (folder / "docs" / label / f"{i}.txt").write_text(text.replace(" ", "\n", 1))


@pytest.fixture(scope="session")
def texts(tmp_path_factory):
    """A folder with texts, and a run of each model of texts."""
    folder = tmp_path_factory.mktemp("texts")
    write_texts(folder)
    columns = {"id_column": "id", "label_column": "subject"}
    small = {"embedding": 6, "hidden": 10, "latent": 4}
    for model in ("text", "sequence", "sequence-vae"):
        options = {"model_options": {} if model == "text" else small}
        train(folder / model, folder / "notes.csv:text", model, batch_size=16, **columns, **options)
    train(folder / "docs-run", folder / "docs", "text", batch_size=16)
    train(folder / "lines-run", folder / "lines.txt", "sequence", model_options=small)
    return folder
