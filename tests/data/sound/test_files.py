"""Files of sound: every form, what is damaged, and samples as they were."""

import os

import numpy as np
import pytest
import soundfile
from scipy.signal import resample_poly

from minae.data.sound import files
from minae.errors import InputError

RATE = 8000
WAVE = 0.5 * np.sin(np.arange(4000) / 7)


def write(path, samples=WAVE, rate=RATE, subtype="PCM_16"):
    soundfile.write(path, samples, rate, subtype)
    return path


def read(path, rate=RATE):
    return np.concatenate([*files.read_blocks(path, files.read_header(path), rate)])


@pytest.mark.parametrize(
    ("name", "subtype", "step"),
    [
        ("a.wav", "PCM_U8", 2**-7),
        ("a.wav", "PCM_16", 2**-15),
        ("a.wav", "PCM_24", 2**-23),
        ("a.wav", "PCM_32", 1e-7),
        ("a.wav", "FLOAT", 1e-7),
        ("a.flac", "PCM_16", 2**-15),
        ("a.flac", "PCM_24", 2**-23),
    ],
)
def test_every_form_holds_the_same_sound(tmp_path, name, subtype, step):
    path = write(tmp_path / name, subtype=subtype)
    assert files.read_header(path) == files.Header(RATE, 1, len(WAVE))
    found = read(path)
    assert found.dtype == np.float32
    np.testing.assert_allclose(found, WAVE, atol=1.1 * step + 1e-7)


def test_channels_are_averaged(tmp_path):
    path = write(tmp_path / "a.wav", np.stack([WAVE, 0 * WAVE, -WAVE / 2], axis=1))
    np.testing.assert_allclose(read(path), WAVE / 6, atol=1e-4)


@pytest.mark.parametrize(
    ("source", "rate"), [(44100, 16000), (8000, 10000), (8000, 3000), (8001, 8000)]
)
def test_blocks_are_cut_from_the_resampled_whole(tmp_path, monkeypatch, source, rate):
    samples = np.random.default_rng(0).standard_normal(source * 2 + 17) / 8
    path = write(tmp_path / "a.wav", samples, source, "FLOAT")
    up, down = rate // np.gcd(rate, source), source // np.gcd(rate, source)
    expected = resample_poly(samples.astype(np.float32), up, down)
    monkeypatch.setattr(files, "AT_ONCE", 0.3)
    header = files.read_header(path)
    blocks = [*files.read_blocks(path, header, rate)]
    assert len(blocks) > 1
    np.testing.assert_allclose(np.concatenate(blocks), expected, atol=2e-6)


def damaged_flac(path):
    noise = np.random.default_rng(0).uniform(-0.5, 0.5, 30_000)
    content = write(path, noise).read_bytes()
    path.write_bytes(content[: len(content) // 2])


def cut_in_half(path):
    content = write(path).read_bytes()
    path.write_bytes(content[: len(content) // 2])


CUT = "ends at 0.25 s, cut short: its header says 0.50 s"

DAMAGED = {
    "empty.wav": (lambda path: path.touch(), "is empty: record it again"),
    "text.wav": (lambda path: path.write_text("hello " * 50), "cannot be read as a sound"),
    "none.wav": (lambda path: write(path, WAVE[:0]), "holds no samples"),
    "slow.wav": (lambda path: write(path, rate=10), "has 10 samples a second"),
    "nan.wav": (
        lambda path: write(path, np.where(np.arange(4000) == 800, np.nan, WAVE), subtype="FLOAT"),
        "has a sample at 0.100 s that is infinite or no number",
    ),
    "inf.wav": (
        lambda path: write(path, np.where(np.arange(4000) < 1, np.inf, WAVE), subtype="FLOAT"),
        "has a sample at 0.000 s that is infinite or no number",
    ),
    "half.wav": (cut_in_half, CUT),
    "half.aiff": (cut_in_half, CUT),
    "half.au": (cut_in_half, CUT),
    "half.flac": (damaged_flac, r"cannot be read as a sound|cut short"),
    "gone.wav": (lambda path: os.symlink("/nowhere", path), "cannot be read"),
}


@pytest.mark.parametrize("name", DAMAGED)
def test_what_is_damaged_is_said(tmp_path, name):
    make, sentence = DAMAGED[name]
    make(tmp_path / name)
    with pytest.raises(InputError, match=sentence):
        read(tmp_path / name)


def test_a_length_that_was_unknown_when_written_is_that_of_the_file(tmp_path):
    content = bytearray(write(tmp_path / "a.wav").read_bytes())
    content[4:8] = content[40:44] = b"\xff" * 4  # as a program does that writes to a pipe
    (tmp_path / "a.wav").write_bytes(content)
    assert len(read(tmp_path / "a.wav")) == len(WAVE)


def test_a_name_need_not_be_utf8(tmp_path):
    path = tmp_path / os.fsdecode(b"\xff.wav")
    write(tmp_path / "a.wav").rename(path)
    assert len(read(path)) == len(WAVE)


def test_16_bits_are_rounded_and_clipped_never_wrapped(capsys):
    step = 1 / 32768
    found = files.to_int16(np.array([0, 0.4 * step, 0.6 * step, -0.6 * step, 1.0, -1.0]))
    assert found.tolist() == [0, 0, 1, -1, 32767, -32768]
    assert capsys.readouterr().err == ""
    assert files.to_int16(np.array([1.5, -3.0, 0.5])).tolist() == [32767, -32768, 16384]
    assert capsys.readouterr().err.startswith("minae: 2 samples beyond full scale are clipped")


def test_a_wav_file_holds_the_waveform(tmp_path):
    (tmp_path / "a.wav").write_bytes(files.as_wav(WAVE, RATE))
    info = soundfile.info(tmp_path / "a.wav")
    assert (info.samplerate, info.channels, info.subtype) == (RATE, 1, "PCM_16")
    np.testing.assert_allclose(read(tmp_path / "a.wav"), WAVE, atol=0.51 / 32768)


def test_a_folder_is_of_sounds_if_most_of_it_is(tmp_path):
    assert not files.holds_sounds(tmp_path)
    for name in ("a.png", "b.wav", "c.FLAC", ".hidden.wav", "notes.txt"):
        (tmp_path / name).touch()
    assert files.holds_sounds(tmp_path)
    sounds, others = files.list_sounds(tmp_path)
    assert [path.name for path in sounds] == ["b.wav", "c.FLAC"]
    assert [path.name for path in others] == ["a.png", "notes.txt"]
    (tmp_path / "d.jpg").touch()
    assert files.holds_sounds(tmp_path)
    (tmp_path / "e.jpg").touch()
    assert not files.holds_sounds(tmp_path)
    assert files.holds_sounds(tmp_path / "b.wav")
