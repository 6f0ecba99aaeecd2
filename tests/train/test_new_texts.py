"""Runs on texts: new ones are read by the run's vocabulary, and what has changed is refused."""

import json

import numpy as np
import pytest

from minae.data import TextKind, load
from minae.errors import InputError
from minae.train import runs
from minae.train.settings import Settings
from minae.train.state import BEST
from minae.train.training import train_run

from .run_files import put_together, taken_apart

LINES = [
    f"{who} {does} {what}"
    for who in ("the cat", "my dog", "a bird")
    for does in ("eats", "sees", "likes", "hears")
    for what in ("fish.", "the house!", "a long road.")
]


@pytest.fixture
def here(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "my.txt").write_text("\n".join(LINES * 2))
    rows = [f'r{i},"{line}",{line.split()[1]}' for i, line in enumerate(LINES * 2)]
    (tmp_path / "my.csv").write_text("\n".join(["id,said,who", *rows]))
    for i, line in enumerate(LINES):
        path = tmp_path / "folder" / line.split()[1] / f"{i}.txt"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(line)
    return tmp_path


def trained(folder, data, model="text", **how):
    options = {"text": {"sizes": None}, "sequence": {"hidden": 8, "embedding": 4, "latent": 4}}
    model_options = {k: v for k, v in options[model].items() if v is not None}
    settings = Settings.of(model, data=data, epochs=1, model_options=model_options, **how)
    run = train_run(settings, folder / "run", command="test", show_progress=False)
    loaded = runs.load_run(folder / "run")
    assert loaded.kind == run.kind
    assert loaded.image_shape == (1, 1, len(run.kind.vocabulary))
    return loaded


@pytest.mark.parametrize("model", ["text", "sequence"])
@pytest.mark.parametrize("tokens", [None, "characters", "bpe"])
@pytest.mark.parametrize("data", ["my.txt", "folder", "my.csv:said"])
def test_a_run_reads_its_own_and_new_texts(here, model, tokens, data):
    how = {"label_column": "who", "id_column": "id"} if ":" in data else {}
    run = trained(here, data, model, tokens=tokens, **how)
    own, split = run.data(), run.read(data)
    assert isinstance(run.kind, TextKind)
    row = split.names.tolist().index(own.test.names[0])
    assert run.kind.decode(split.inputs)[row] == run.kind.decode(own.test.inputs)[0]
    if own.test.labels is not None:
        assert run.kind.classes == ["bird", "cat", "dog"]
        assert split.labels[row] == own.test.labels[0]
    (here / "new.txt").write_text("the fish eats\n")
    assert len(run.data("new.txt").test) == 1
    assert run.kind.decode(run.read("new.txt").inputs) == ["the fish eats"]
    figures = runs.final_figures(run, data)
    assert np.isfinite(list(figures.values())).all()


def test_texts_are_cut_for_new_data_as_for_the_runs_own(here):
    run = trained(here, "my.txt", "sequence", longest=4)
    assert run.data().train.inputs.lengths.max() == 4
    (here / "new.txt").write_text("the cat sees a long road, and another\n")
    assert run.read("new.txt").inputs.lengths.tolist() == [4]


def test_named_texts_are_read_by_the_vocabulary_of_the_run(here, capsys):
    run = trained(here, "my.txt")
    split = run.read("unicode_names")
    assert len(split) == len(load("unicode_names").test)
    assert split.names[0].startswith("U+")
    assert (split.labels == -1).all()
    said = capsys.readouterr().err
    assert said == "minae: unicode_names: 100% of the words are not in the vocabulary\n"
    assert len(run.data("unicode_names").test) == len(split)


def test_a_text_file_stays_what_it_was_trained_as(here):
    """Runs on a table in a .txt file were made before such a file was taken for texts."""
    (here / "table.txt").write_text("x\ty\n" + "".join(f"{i}\t{i % 7}\n" for i in range(40)))
    settings = Settings.of("dense", data="table.txt", epochs=1, kind="table")
    train_run(settings, here / "run", command="test", show_progress=False)
    path = here / "run" / BEST
    header, metadata, arrays = taken_apart(path)
    metadata["settings"]["kind"] = None
    put_together(path, header, json.dumps(metadata), arrays)
    run = runs.load_run(here / "run")
    assert (run.settings.kind, run.kind.name, run.data().kind.name) == (None, "table", "table")


def test_texts_that_have_changed_are_refused(here):
    run = trained(here, "my.txt")
    (here / "my.txt").write_text("\n".join([*LINES, *LINES[3:], "new new new"]))
    with pytest.raises(InputError, match=r"my\.txt is not what the run was trained on"):
        run.data()


def test_a_training_goes_on_with_the_same_texts_only(here):
    trained(here, "my.txt")
    settings = Settings.of("text", data="my.txt", epochs=1)
    train_run(settings, here / "run", command="test", resume=True, show_progress=False)
    (here / "my.txt").write_text("\n".join(reversed(LINES * 2)))
    with pytest.raises(InputError, match="was trained on other data than these"):
        train_run(settings, here / "run", command="test", resume=True, show_progress=False)


def test_a_vocabulary_that_is_not_the_models_is_refused(here):
    trained(here, "my.txt")
    path = here / "run" / BEST
    header, metadata, arrays = taken_apart(path)
    metadata["kind"]["vocabulary"].pop()
    put_together(path, header, json.dumps(metadata), arrays)
    with pytest.raises(InputError, match="is not what the model takes: train again"):
        runs.load_run(here / "run")


@pytest.mark.parametrize(
    ("how", "sentence"),
    [
        ({"data": "my.csv:text"}, "has no column 'text'; the columns are id, said, who"),
        ({"data": "no.csv:text"}, "there is no dataset and no file called 'no.csv:text'"),
        ({"data": "my.csv"}, "say which column has them, as in --data my.csv:COLUMN"),
        ({"data": "my.csv", "kind": "text"}, "say which one has the texts, as in my.csv:COLUMN"),
        ({"data": "my.txt", "corrupt": "noise:1"}, "'noise:1' is nothing to do to texts"),
        ({"data": "my.txt", "label_column": "who"}, "has no column 'who', as it is no CSV file"),
        ({"data": "names", "kind": "table"}, "names is of kind text: leave out --kind table"),
    ],
)
def test_what_makes_no_sense_is_refused(here, how, sentence):
    with pytest.raises(InputError) as caught:
        train_run(Settings.of("text", **how), here / "run", command="test", show_progress=False)
    assert sentence in str(caught.value)
    assert not (here / "run").exists()


@pytest.mark.parametrize(
    ("how", "sentence"),
    [
        ({"tokens": "syllables"}, "tokens 'syllables' is unknown"),
        ({"vocabulary": 4}, "vocabulary is a whole number from 5, not 4"),
        ({"longest": 1}, "longest is a whole number from 2, not 1"),
    ],
)
def test_settings_that_are_not_allowed(how, sentence):
    with pytest.raises(InputError, match=sentence):
        Settings("text", **how)
