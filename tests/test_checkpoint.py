import os
import stat
from dataclasses import dataclass, field

import numpy as np
import pytest
from safetensors.numpy import save_file

from minae import checkpoint, files
from minae.errors import InputError
from minae.metadata import VERSION, from_json

posix = pytest.mark.skipif(os.name != "posix", reason="file modes and devices are POSIX")
ARRAYS = {
    "plain": np.arange(6, dtype=np.float32).reshape(2, 3),
    "transposed": np.arange(6.0).reshape(2, 3).T,
    "scalar": np.array(7, np.int64),
    "empty": np.zeros((0, 3), np.float32),
}


def test_round_trip(tmp_path):
    checkpoint.save(tmp_path / "a" / "x.safetensors", ARRAYS, {"epoch": 3, "lr": 0.1})
    arrays, metadata = checkpoint.load(tmp_path / "a" / "x.safetensors")
    assert metadata == {"epoch": 3, "lr": 0.1, "version": VERSION}
    assert arrays.keys() == ARRAYS.keys()
    for name, expected in ARRAYS.items():
        assert arrays[name].dtype == expected.dtype
        assert arrays[name].shape == expected.shape
        np.testing.assert_array_equal(arrays[name], expected)


@pytest.mark.parametrize(
    ("damage", "message"),
    [
        (lambda path: path.unlink(), "no such checkpoint"),
        (lambda path: path.write_bytes(path.read_bytes()[:-5]), "not a whole safetensors file"),
        (lambda path: path.write_bytes(b"not weights"), "not a whole safetensors file"),
        (lambda path: path.write_bytes(b""), "not a whole safetensors file"),
        (lambda path: save_file({"a": np.zeros(2)}, path), "not one that minae wrote"),
    ],
)
def test_a_damaged_file_is_named(tmp_path, damage, message):
    path = tmp_path / "x.safetensors"
    checkpoint.save(path, ARRAYS, {})
    damage(path)
    with pytest.raises(InputError, match=message) as caught:
        checkpoint.load(path)
    assert str(path) in str(caught.value)


@dataclass
class Kept:
    old: int
    new: str = field(default="as before", metadata={"since": 1})


def test_a_field_may_be_missing_in_files_that_are_older():
    for text, expected in (
        ('{"kept": {"old": 3}}', Kept(3)),
        ('{"kept": {"old": 3, "new": "x"}}', Kept(3, "x")),
        ('{"version": 1, "kept": {"old": 3, "new": "x"}}', Kept(3, "x")),
    ):
        assert from_json(text, {"kept": Kept})["kept"] == expected
    with pytest.raises(InputError, match=r"kept\.new is missing"):
        from_json('{"version": 1, "kept": {"old": 3}}', {"kept": Kept})
    with pytest.raises(InputError, match=r"kept\.old is missing"):
        from_json('{"kept": {"new": "x"}}', {"kept": Kept})


@pytest.mark.parametrize("failing", ["fsync", "replace"])
def test_a_failed_write_leaves_the_old_file_and_nothing_else(tmp_path, monkeypatch, failing):
    path = tmp_path / "x"
    files.write_whole(path, b"old")

    def fail(*_):
        raise OSError("no space left")

    monkeypatch.setattr(os, failing, fail)
    with pytest.raises(OSError, match="no space left"):
        files.write_whole(path, b"new")
    assert path.read_bytes() == b"old"
    assert os.listdir(tmp_path) == ["x"]


def test_errors_name_the_file_and_not_the_temporary_one(tmp_path, monkeypatch):
    path = tmp_path / ("x" * 300)
    with pytest.raises(OSError, match="too long") as raised:
        files.write_whole(path, b"")
    assert raised.value.filename == str(path)


def test_a_name_may_be_as_long_as_the_system_allows(tmp_path):
    files.write_whole(tmp_path / ("x" * 255), b"new")


@pytest.mark.parametrize("failing", ["a", "b"])
def test_files_are_written_together_or_not_at_all(tmp_path, monkeypatch, failing):
    replace = os.replace

    def full(source, target):
        if target.name == failing:
            raise OSError(28, "No space left on device")
        replace(source, target)

    monkeypatch.setattr(os, "replace", full)
    out = tmp_path / "new" / "folder"
    with pytest.raises(OSError, match="No space") as raised:
        files.write_together({out / "a": b"", out / "b": b""})
    assert raised.value.filename == str(out / failing)
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(
    ("name", "sentence"),
    [
        ("folder", "folder is a folder: name a file"),
        ("file/x", "file is a file: name a folder"),
        pytest.param("device", "device is a pipe or a device", marks=posix),
    ],
)
def test_only_files_are_replaced(tmp_path, name, sentence):
    (tmp_path / "folder").mkdir()
    (tmp_path / "file").write_text("")
    (tmp_path / "device").symlink_to("/dev/null")
    with pytest.raises(InputError, match=sentence):
        files.write_whole(tmp_path / name, b"")
    assert sorted(os.listdir(tmp_path)) == ["device", "file", "folder"]


@posix
def test_a_read_only_place_is_found_beforehand(tmp_path, monkeypatch):
    monkeypatch.setattr(os, "access", lambda *_: False)  # root may write everywhere
    with pytest.raises(InputError, match="is read-only: name a folder"):
        files.check_place(tmp_path / "new" / "x")


@posix
def test_others_may_read_what_the_umask_lets_them(tmp_path):
    before = os.umask(0o022)
    try:
        files.write_whole(tmp_path / "x", b"")
    finally:
        os.umask(before)
    assert stat.S_IMODE((tmp_path / "x").stat().st_mode) == 0o644
