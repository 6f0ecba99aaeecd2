"""Pictures of any sizes, to train on and to test with."""

import numpy as np
import pytest
from PIL import Image

from minae.data.picture_set import load_others, load_pictures
from minae.errors import InputError


def write(folder, *sizes):
    """Write grey pictures of these sizes (H, W)."""
    folder.mkdir(exist_ok=True)
    rng = np.random.default_rng(0)
    for i, size in enumerate(sizes):
        Image.fromarray(rng.integers(0, 256, size, np.uint8)).save(folder / f"{i}.png")


@pytest.fixture
def folder(tmp_path):
    write(tmp_path, (20, 30), (31, 18), (9, 9), (40, 40))
    return tmp_path


def test_a_folder_of_pictures_of_different_sizes(folder, capsys):
    Image.new("RGBA", (2000, 12), (255, 0, 0, 9)).save(folder / "red.png")
    (folder / "broken.png").write_bytes(b"no picture")
    (folder / "notes.txt").write_text("not meant to be one")
    found = load_pictures(str(folder))
    assert [len(part) for part in (found.train, found.validation, found.test)] == [3, 1, 1]
    everything = [*found.train, *found.validation, *found.test]
    assert all(len(picture) == 3 for picture in everything)  # one is in colour
    assert sorted(picture.shape[2] for picture in everything) == [9, 18, 30, 40, 1024]
    broken, transparent = capsys.readouterr().err.splitlines()
    assert "broken.png" in broken
    assert f"{folder}: the transparency of 1 picture is dropped" in transparent
    assert [picture.shape[0] for picture in load_others(str(folder), 1)] == [1] * 5


@pytest.mark.parametrize("validation", [-1, 3])
def test_as_many_validation_pictures_as_there_are(folder, validation):
    with pytest.raises(InputError, match="from 0 to 2"):
        load_pictures(str(folder), validation=validation)


@pytest.mark.parametrize("count", [0, 2])
def test_too_few_pictures(folder, count):
    for path in sorted(folder.iterdir())[count:]:
        path.unlink()
    with pytest.raises(InputError, match=str(folder)):
        load_pictures(str(folder))


def test_a_dataset_of_images_keeps_its_parts():
    found = load_pictures("digits", validation=20)
    assert [len(part) for part in (found.train, found.validation, found.test)] == [1597, 20, 180]
    assert found.train[0].dtype == np.uint8


def test_a_set_with_a_test_part_of_its_own(tmp_path, monkeypatch):
    monkeypatch.setenv("MINAE_DATA", str(tmp_path))
    with pytest.raises(InputError, match="train400 and bsd68"):
        load_pictures("bsd")
    (tmp_path / "bsd").mkdir()
    write(tmp_path / "bsd" / "train400", *[(18, 18)] * 10)
    write(tmp_path / "bsd" / "bsd68", (40, 60), (60, 40))
    found = load_pictures("bsd")
    assert [len(part) for part in (found.train, found.validation, found.test)] == [9, 1, 2]
    assert [picture.shape for picture in load_others("bsd", 3)] == [(3, 40, 60), (3, 60, 40)]


def test_a_table_is_no_picture_set():
    with pytest.raises(InputError, match="restore takes pictures"):
        load_pictures("breast_cancer")
