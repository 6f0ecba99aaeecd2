"""The commands on texts, run as a user does."""

import re
from pathlib import Path

import numpy as np
import pytest

from minae.data import Ragged
from minae.grad_mode import no_grad
from minae.tensor import Tensor
from minae.tools import nearest
from minae.tools.texts import agreement, line_of, token_nats, words_found
from minae.train import runs

from .conftest import SUBJECTS, sentences
from .test_embed import drawn, read
from .test_nearest import lines_of

ODD = {
    "empty.txt": "it is empty",
    "binary.txt": "it is no text",
    "latin.txt": "it is not in UTF-8, as line 1 shows",
}


def save_odd(folder):
    """Write texts that cannot be used, and a good one."""
    folder.mkdir()
    (folder / "good.txt").write_text("A red apple tastes sweet.")
    (folder / "empty.txt").write_text(" \n")
    (folder / "binary.txt").write_bytes(bytes(range(256)))
    (folder / "latin.txt").write_bytes("süß".encode("latin-1"))
    return folder


@no_grad()
def codes_of(folder, rows):
    model = runs.load_run(Path(folder)).model
    return np.concatenate([model.codes(Tensor(row[None])).numpy() for row in rows])


@pytest.fixture
def here(minae, texts, monkeypatch):
    """Stay in the folder with the texts: `minae` changes to an empty one."""
    monkeypatch.chdir(texts)
    return minae


@pytest.mark.parametrize(
    ("run", "data", "header", "first", "label"),
    [
        ("text", "notes.csv:text", "id", "n0", "fruit"),
        ("sequence-vae", "notes.csv:text", "id", "n0", "fruit"),
        ("docs-run", "docs", "name", "fruit/0.txt", "fruit"),
        ("lines-run", "lines.txt", "number", "1", None),
    ],
)
def test_codes_with_the_users_names(here, tmp_path, monkeypatch, run, data, header, first, label):
    calls = drawn(monkeypatch)
    status, _, err = here("embed", run, data, "--out", tmp_path / "codes.csv")
    assert (status, err) == (0, "")
    names, *rows = read(tmp_path / "codes.csv")
    expected = codes_of(run, runs.load_run(Path(run)).read(data).inputs)
    Z = expected.shape[1]
    assert names == [header, *(f"z{k}" for k in range(Z)), *(["label"] if label else [])]
    assert (rows[0][0], rows[0][Z + 1 :]) == (first, [label] if label else [])
    found = np.float32([row[1 : Z + 1] for row in rows])
    np.testing.assert_allclose(found, expected, rtol=1e-3, atol=1e-5)
    shown = calls[0][0][3]
    assert (set(shown) if label else shown) == (set(SUBJECTS) if label else None)


def test_texts_that_cannot_be_used_are_left_out(here, tmp_path):
    odd = save_odd(tmp_path / "odd")
    (odd / "more.txt").write_text("The old engine makes noise.")
    status, out, err = here("embed", "docs-run", odd, "--out", tmp_path / "codes.csv")
    assert (status, len(err.splitlines())) == (1, len(ODD))
    for name, why in ODD.items():
        assert f"{name} left out: {why}" in err
    assert [row[0] for row in read(tmp_path / "codes.csv")] == ["name", "good.txt", "more.txt"]
    assert re.search("codes +2,", out)
    assert here("nearest", "docs-run", odd, "good.txt", "-n", 1)[0] == 1


def test_neighbours_of_a_text_are_by_the_angle(here, texts):
    query = "a sweet plum and a pear"
    status, out, err = here("nearest", "text", "notes.csv:text", query, "-n", 4)
    assert (status, err) == (0, "")
    run = runs.load_run(texts / "text")
    rows = run.read("notes.csv:text")
    x = codes_of("text", rows.inputs).astype(float)
    y = codes_of("text", run.kind.encode([query]))[0].astype(float)
    distances = 1 - x @ y / np.linalg.norm(x, axis=1) / np.linalg.norm(y)
    order = np.argsort(distances, kind="stable")[:4]
    found = lines_of(out)
    assert [line[0] for line in found] == [f"n{i}" for i in order]
    np.testing.assert_allclose([float(line[1]) for line in found], distances[order], rtol=1e-2)
    assert f'nearest to "{query}"' in out
    assert re.search(r"unknown +a, and\n", out)
    for rank, i in enumerate(order, 1):
        assert f"{rank:2}  {rows.texts[i]}\n" in out
    assert "have the query's" not in out
    assert not (texts / "text" / "nearest-notes.png").exists()


@pytest.mark.parametrize(("Z", "nearer"), [(3, 0), (4, 1)])
def test_codes_of_few_numbers_are_near_by_their_distance(texts, Z, nearer):
    kind = runs.load_run(texts / "text").kind
    codes = np.zeros((3, Z), np.float32)
    codes[:, 0], codes[0, 1] = (1, 9, 1), 1  # one is near, another in the same direction
    found = nearest.code_distances(kind, codes[:2], codes[2:])
    assert found.argmin() == nearer
    assert nearest.code_distances(kind, codes * 0, codes[2:]).min() == 1


@pytest.mark.parametrize(
    ("run", "data", "query", "name"),
    [
        ("text", "notes.csv:text", "n7", "n7"),
        ("lines-run", "lines.txt", "17", "17"),
        ("docs-run", "docs", "fruit/4.txt", "fruit/4.txt"),
        ("docs-run", "docs", "4.txt", "fruit/4.txt"),
        ("docs-run", "docs/", "docs/fruit/4.txt", "fruit/4.txt"),
    ],
)
def test_a_query_that_is_a_row(here, run, data, query, name):
    status, out, err = here("nearest", run, data, query, "-n", 3)
    assert (status, err) == (0, "")
    assert f"nearest to {name}" in out
    assert name not in [line[0] for line in lines_of(out)]


def test_a_file_of_ones_own_is_one_text(here, tmp_path):
    (tmp_path / "mine.txt").write_text("The red\nripe\n\napple .")
    status, out, err = here("nearest", "text", "notes.csv:text", tmp_path / "mine.txt", "-n", 1)
    again = here("nearest", "text", "notes.csv:text", "the red ripe apple .", "-n", 1)[1]
    assert (status, err) == (0, "")
    assert lines_of(out)[0][:2] == lines_of(again)[0][:2]


def test_the_nearest_by_inputs_share_rare_words(texts):
    run = runs.load_run(texts / "text")
    rows = run.read(str(texts / "notes.csv:text"))
    found = nearest.input_distances(run.kind, rows, rows.take(np.array([3])))
    assert found.argmin() == 3
    assert found[3] == pytest.approx(0, abs=1e-6)
    labels = np.array(sentences(120)[1])
    assert (labels[np.argsort(found)[:50]] == "machines").all()


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (
            ("qqxz 'wvvk",),
            "none of the words of \"qqxz 'wvvk\" is in the run's vocabulary: ask with",
        ),
        (("999",), "'999' is no row of notes.csv:text, and no file: give a name such as 'n0'"),
        (("nothing.txt",), "'nothing.txt' is no row of notes.csv:text, and no file"),
        (("n1", "--out", "a.png"), "texts are printed, not drawn: leave out --out"),
        (("n1", "-n", "20", "--data"), "No such option"),
    ],
)
def test_queries_that_cannot_be_answered(here, arguments, sentence):
    status, out, err = here("nearest", "text", "notes.csv:text", *arguments)
    assert (status, out) == (2, "")
    assert sentence in err


def test_a_query_file_that_cannot_be_read(here, tmp_path):
    odd = save_odd(tmp_path / "odd")
    for name, why in ODD.items():
        status, _, err = here("nearest", "text", "notes.csv:text", odd / name)
        assert status == 2
        assert f"{name}: {why.removeprefix('it ')}" in err


def test_the_codes_are_not_written_over_the_texts(here):
    status, _, err = here("embed", "text", "notes.csv:text", "--out", "notes.csv")
    assert status == 2
    assert "notes.csv would change notes.csv: name another file" in err


@pytest.mark.parametrize("run", ["text", "sequence", "sequence-vae"])
def test_reconstructions_are_a_table(here, tmp_path, run):
    status, out, err = here("reconstruct", run, "-n", 3, "--out", tmp_path / "made.csv")
    assert (status, err) == (0, "")
    header, *rows = read(tmp_path / "made.csv")
    loaded = runs.load_run(Path(run))
    test = loaded.data().test
    last = "probable words" if run == "text" else "reconstructed"
    corrupted = ["corrupted"] if loaded.settings.corrupt else []
    assert header == ["id", "text", *corrupted, last]
    assert [row[0] for row in rows] == test.names[:3].tolist()
    assert [row[1] for row in rows] == test.texts[:3].tolist()
    if run == "text":
        assert "of the different words of a text are among as many most probable ones" in out
        assert len(rows[0][-1].split()) == 10
    else:
        ids = test.inputs[:1].padded()
        with no_grad():
            made = loaded.model(Tensor(ids)).numpy()
        assert rows[0][-1] == loaded.kind.decode(made)[0]
        assert re.search(r"rebuilt +[\d.]+% of the texts without a mistake, [\d.]+% of all", out)
    status, _, err = here("reconstruct", run, "--out", tmp_path / "made.png")
    assert (status, "texts are written to a .csv file" in err) == (2, True)


def test_a_masked_model_guesses_words_and_not_the_end_of_a_text(minae, tmp_path):
    (tmp_path / "a.txt").write_text("\n".join(f"row {n % 3}" for n in range(60)))
    small = "--width", 16, "--layers", 1, "--epochs", 1
    assert minae("train", "masked", "--data", "a.txt", *small)[0] == 0
    status, out, err = minae("reconstruct", "runs/masked-a", "--out", "made.csv")
    assert (status, err) == (0, "")
    run = runs.load_run(tmp_path / "runs" / "masked-a")
    test = run.data().test.inputs
    right = words = 0
    for row in test:
        with no_grad():
            made = run.model(Tensor(row[None])).numpy()[0]
        right, words = right + (made == row)[:-1].sum(), words + len(row) - 1
    assert f"rebuilt  {right / words:.1%} of the words, each from all others of its text" in out


def test_samples_are_texts(here, texts, tmp_path):
    for name in ("a.csv", "b.csv"):
        assert here("sample", "sequence-vae", "-n", 5, "--out", tmp_path / name)[0] == 0
    assert (tmp_path / "a.csv").read_bytes() == (tmp_path / "b.csv").read_bytes()
    header, *rows = read(tmp_path / "a.csv")
    assert (header, len(rows)) == (["text"], 5)
    status, _, err = here("sample", "sequence")
    assert (status, "train a sequence-vae" in err) == (2, True)
    assert here("sample", "sequence-vae", "--label", 1)[0] == 2


@pytest.mark.parametrize(
    ("model", "more"), [("text", []), ("sequence-vae", ["samples.csv", "kl_by_latent.png"])]
)
def test_training_shows_what_was_learned(minae, texts, tmp_path, model, more):
    small = () if model == "text" else ("--embedding", 4, "--hidden", 6, "--latent", 3)
    how = ("--data", texts / "lines.txt", "--epochs", 2, "--out", "run", *small)
    status, out, err = minae("train", model, *how)
    assert (status, err) == (0, "")
    for name in ("learning_curves.png", "reconstructions.csv", *more):
        assert (tmp_path / "run" / name).stat().st_size > 0
        assert f"run/{name}" in out
    assert minae("eval", "run", "--data", texts / "notes.csv:text")[0] == 0


def test_the_nats_of_tokens_are_the_models(texts):
    run = runs.load_run(texts / "sequence")
    rows = run.data().test.inputs
    nats = token_nats(run.model, rows)
    assert nats.shape == rows.values.shape
    with no_grad():
        each = [run.model.token_nats(Tensor(row[None])).numpy()[0] for row in rows]
    np.testing.assert_allclose(nats, np.concatenate(each), rtol=1e-4, atol=1e-5)


def test_figures_of_texts_that_were_made_again():
    texts = Ragged.of([[4, 5, 6, 3], [4, 3], [7, 8, 3]])
    made = Ragged.of([[4, 5, 6, 3], [4, 4, 3], [8, 8, 3]])
    assert agreement(texts, made) == (1 / 3, (4 + 1 + 2) / 9)
    words = np.array([[4, 5, 9, 6], [5, 4, 9, 9], [7, 8, 9, 9]])
    assert words_found(texts, words) == pytest.approx((2 / 3 + 0 + 1) / 3)


def test_a_text_in_a_line():
    assert line_of("a\n b\tc") == "a b c"
    assert line_of("a long text of words", 10) == "a long te…"
    assert len(line_of("word " * 100, 33)) <= 33
