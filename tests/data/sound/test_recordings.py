"""Recordings in folders: rates and lengths, pieces and their names, what is left out."""

import numpy as np
import pytest
import soundfile

from minae.data import load
from minae.data.sound import recordings as made
from minae.data.sound.analysis import Analysis
from minae.errors import InputError

RATE = 8000


def sound(seconds, hz=440, rate=RATE):
    """A tone that comes and goes: four times a second."""
    t = np.arange(round(seconds * rate)) / rate
    return 0.3 * np.sin(2 * np.pi * hz * t) * (1.1 + np.sin(2 * np.pi * 4 * t)) / 2


def save(folder, lengths, rate=RATE, name="{}.wav"):
    folder.mkdir(parents=True, exist_ok=True)
    for i, seconds in enumerate(lengths):
        soundfile.write(folder / name.format(i), sound(seconds, 200 + 50 * i, rate), rate)


def recording(seconds, rate=RATE):
    return made.made_recording("x", "", np.zeros(round(seconds * rate)), rate)


@pytest.mark.parametrize(
    ("rates", "chosen"),
    [((8000, 8000, 44100), 8000), ((44100, 48000, 44100), 16000), ((22050, 11025, 11025), 11025)],
)
def test_the_rate_is_that_of_most_recordings(rates, chosen):
    assert made.choose_rate([recording(1, rate) for rate in rates]) == chosen


@pytest.mark.parametrize(
    ("lengths", "asked", "frames"),
    [
        ([0.3] * 9, None, 20),  # 18.75
        ([0.2, 0.3, 0.4, 0.5] * 10 + [9.0], None, 32),  # 95 in 100 are at most 0.5 s
        ([10.0, 60.0], None, 64),
        ([10.0, 60.0], 2.0, 124),
        ([0.001], None, 4),
    ],
)
def test_a_piece_is_as_long_as_most_recordings(lengths, asked, frames):
    recordings = [recording(seconds) for seconds in lengths]
    assert made.choose_frames(recordings, Analysis(RATE), asked) == frames


def test_longer_recordings_are_cut_and_shorter_ones_filled():
    spectrogram = np.arange(2 * 25, dtype=np.float32).reshape(2, 25)
    cases = {3: [0], 10: [0], 16: [0], 17: [0, 6], 21: [0, 10], 22: [0, 10, 11], 25: [0, 10, 14]}
    for T, starts in cases.items():
        found, pieces = made.cut_up(spectrogram[:, :T], 10, -50, whole=False)
        assert found == starts
        for start, piece in zip(starts, pieces, strict=True):
            expected = np.full((2, 10), -50.0)
            expected[:, : T - start] = spectrogram[:, start : min(start + 10, T)]
            np.testing.assert_array_equal(piece, expected)
    assert made.cut_up(spectrogram, 10, -50, whole=True)[0] == [0]


def test_pieces_say_where_they_begin(tmp_path):
    save(tmp_path, [0.5] * 30 + [2.0])
    dataset = load(tmp_path)
    names = [
        name for part in (dataset.train, dataset.validation, dataset.test) for name in part.names
    ]
    assert len(names) == len(set(names)) == 34
    long = sorted(name for name in names if name.startswith("30.wav"))
    assert long == [f"30.wav @ {start:.2f} s" for start in (0, 0.512, 1.024, 1.488)]
    assert [made.start_of(name) for name in (long[3], "a @ home.wav", "2 @ 1.0 s")] == [1.49, 0, 0]


def test_a_piece_is_the_spectrogram_of_that_part_of_the_recording(tmp_path):
    save(tmp_path, [2.0] * 12)
    kind = load(tmp_path).kind
    split, notes = kind.read(tmp_path / "3.wav")
    assert (split.names.tolist(), notes) == (["3.wav @ 0.00 s", "3.wav @ 0.98 s"], [])
    whole = kind.analysis.decibels([sound(2.0, 350).astype(np.float32)])
    np.testing.assert_allclose(kind.unscaled(split.inputs[:1])[0], whole[:, :64], atol=0.2)
    np.testing.assert_allclose(kind.unscaled(split.inputs[1:])[0], whole[:, -65:-1], atol=0.2)


def test_pieces_of_a_recording_are_in_one_part(tmp_path):
    save(tmp_path, [3.0] * 20)
    dataset = load(tmp_path)
    parts = dataset.train, dataset.validation, dataset.test
    files = [{name.split(" @ ")[0] for name in part.names} for part in parts]
    assert [len(part) for part in parts] == [48, 6, 6]
    assert sum(map(len, files)) == 20
    other = load(tmp_path, seed=1)
    assert set(other.test.names) != set(dataset.test.names)


def test_few_long_recordings_are_divided_by_time(tmp_path):
    save(tmp_path, [10.24, 10.24])
    dataset = load(tmp_path)
    for name in ("0.wav", "1.wav"):
        starts = [
            [made.start_of(each) for each in part.names if each.startswith(name)]
            for part in (dataset.train, dataset.validation, dataset.test)
        ]
        assert [len(each) for each in starts] == [8, 1, 1]
        assert max(starts[0]) < min(starts[1]) < min(starts[2])


def test_what_is_done_is_said_in_a_line(tmp_path):
    save(tmp_path, [0.5] * 20)
    save(tmp_path, [0.5], 44100, "high.flac")
    stereo = np.stack([sound(0.5), sound(0.5, 900)], axis=1)
    soundfile.write(tmp_path / "stereo.wav", stereo, RATE)
    soundfile.write(tmp_path / "silent.wav", np.zeros(4000), RATE)
    save(tmp_path, [0.7], name="longer.wav")
    for name, content in (("empty.wav", ""), ("text.wav", "none" * 99), ("a.txt", "words")):
        (tmp_path / name).write_text(content)
    *left_out, said = load(tmp_path).notes
    assert said == (
        f"{tmp_path.name}: 24 recordings of 0.50 to 0.70 s as 24 sounds of 0.51 s at 8,000 Hz, 40"
        " bands, 32 frames (1 resampled from 44,100 Hz; 1 with several channels, averaged; 1"
        " without their end; 1 silent; 3 files left out)"
    )
    assert [line.split(": ")[0] for line in left_out] == [
        str(tmp_path / name) for name in ("empty.wav", "text.wav", "a.txt")
    ]


def test_a_click_does_not_set_the_level():
    quiet = 0.01 * sound(2.0).astype(np.float32)
    loud = quiet.copy()
    loud[8000] = 1.0
    expected, found = (Analysis(RATE).decibels([each]) for each in (quiet, loud))
    near = np.abs(np.arange(expected.shape[1]) - 8000 // 128) < 4
    np.testing.assert_allclose(found[:, ~near], expected[:, ~near], atol=1.5)


def test_loudness_does_not_matter():
    wave = sound(1.0).astype(np.float32)
    analysis = Analysis(RATE)
    np.testing.assert_allclose(analysis.decibels([wave / 50]), analysis.decibels([wave]), atol=0.02)
    assert analysis.decibels([wave]).max() < 3
    silence = analysis.decibels([np.zeros(8000, np.float32)])
    np.testing.assert_array_equal(silence, np.full((40, 63), -50.0))


@pytest.mark.parametrize("rate", [8000, 11025, 16000])
def test_a_spectrogram_becomes_a_sound_with_that_spectrogram(rate):
    wave = (sound(0.5, 500, rate) + 0.2 * sound(0.5, 1500, rate)).astype(np.float32)
    analysis = Analysis(rate)
    decibels = analysis.decibels([wave])[None]
    (back,) = analysis.waveforms(decibels)
    assert (back.dtype, len(back)) == (np.float32, decibels.shape[2] * analysis.hop)
    assert np.abs(back).max() < 1
    again = analysis.decibels([back])[:, : decibels.shape[2]]
    assert np.abs(again - decibels[0]).mean() < 2.5  # dB
    loud = np.abs(np.fft.rfft(back * np.hanning(len(back))))
    hz = np.fft.rfftfreq(len(back), 1 / rate)
    assert abs(hz[loud.argmax()] - 500) < 30


REFUSED = {
    "nothing": (lambda folder: None, {}, "holds no sound that can be read: give WAV or FLAC"),
    "one": (lambda folder: save(folder, [1.0]), {}, "gives too few sounds: 1"),
    "both": (
        lambda folder: (save(folder, [1.0]), save(folder / "a", [1.0])),
        {},
        r"both in this folder \(0.wav\) and in its subfolders \(a/0.wav\)",
    ),
    "silence": (lambda folder: silent(folder), {}, "holds nothing but silence"),
    "window": (
        lambda folder: save(folder, [1.0] * 3),
        {"window": 9},
        "--window is for series: leave it out",
    ),
    "normal": (lambda folder: save(folder, [1.0] * 3), {"normal": "a"}, "--normal needs labels"),
}


def silent(folder):
    for i in range(5):
        soundfile.write(folder / f"{i}.wav", np.zeros(8000), RATE)


@pytest.mark.parametrize("name", REFUSED)
def test_what_cannot_be_used_is_refused(tmp_path, name):
    make, how, sentence = REFUSED[name]
    make(tmp_path)
    with pytest.raises(InputError, match=f"{tmp_path.name}.*{sentence}"):
        load(tmp_path, kind="audio", **how)
