"""Malformed calls of every command: each is one sentence and status 2, and nothing is written."""

import gzip
import os
import re
import struct
import sys
import zipfile

import numpy as np
import pytest
from PIL import Image

from minae.data import load
from minae.train import training

if sys.platform == "win32":
    pytest.skip("there are no pipes and devices to name", allow_module_level=True)

HUGE, LONG, ESCAPE, BYTES = str(10**30), "x" * 300, "\x1b[31m", os.fsdecode(b"\xff")

FILE = {  # where no file can be written, and what is said
    "folder.png": "folder.png is a folder: name a file",
    "fifo.png": "fifo.png is a pipe or a device",
    "zero.png": "zero.png is a pipe or a device",
    "file.txt/x.png": "file.txt is a file: name a folder",
    "loop/x.png": "loop is no folder",
    f"{LONG}.png": "File name too long",
    "": "is empty",
}
PICTURE = FILE | {
    name: f"{name}: pictures are .png files"
    for name in ("x.jpg", "x", "run", "/dev/null", "x.png.")
}
FOLDER = {  # where no folder can be made
    "file.txt": "file.txt is a file",
    "file.txt/x": "file.txt is a file",
    "fifo": "fifo is no folder",
    "/dev/null": "/dev/null is no folder",
    "dangling": "dangling is no folder",
    "loop": "loop is no folder",
    LONG: "File name too long",
    "": "is empty",
}
NO_RUN = {
    name: f"{said} holds no trained model"
    for name, said in {
        **{name: name for name in ("nothing", "empty", "file.txt", "fifo", "dangling", "loop")},
        ESCAPE: r"\x1b[31m",
        BYTES: r"\udcff",
        "a\nb": r"a\nb",
    }.items()
} | {LONG: "File name too long", "": "is empty"}
DATA = {
    "fifo": "fifo: is a pipe or a device",
    "fifo.npy": "fifo.npy: is a pipe or a device",
    "zero.png": "zero.png: is a pipe or a device",
    "/dev/zero": "/dev/zero: is a pipe or a device",
    "dangling": "no file called 'dangling'",
    "loop/x": "no file called 'loop/x'",
    "other.npz": "other.npz: is a zip file, but not one of arrays",
    "empty.npy": "empty.npy: is cut short or damaged",
    "cut.npy": "its header promises 8,000,000,000,000 bytes, and 0 are there",
    "bomb.gz": "holds 1,000,000,000,000 values, which take 9,000.0 GB of memory",
    "nan.npy": "320 of 320 values are NaN or infinite",
    "wide.npy": "give data of that shape",
    "nothing": "the datasets are mnist5k",
    "machine_temperature": "is of kind series, but the run of kind images",
    "": "is empty",
}
NO_ROWS = {
    "file.txt": "file.txt: holds too few texts (lines, cells or files): 1",
    "a\nb.txt": r"a\nb.txt: holds too few texts (lines, cells or files): 1",
}
WHOLE = {"x": "valid integer", "1.5": "valid integer", "nan": "valid integer", "": "is empty"}
REAL = {"-1": "not -1.0", "nan": "not nan", "inf": "not inf", "x": "Invalid value", "": "is empty"}
COUNT = {"0": "not 0", "-1": "not -1"} | WHOLE
MOST = COUNT | {HUGE: f"from 1 to 100,000,000, not {HUGE}"}
LIST = dict.fromkeys(("-1", "x", "1e3", "--tied", "²"), "takes whole numbers, such as --")
CORRUPT = {
    **dict.fromkeys(("x", ":", "noise:", "mask:1.5", "noise:0.3:1"), "is not a corruption"),
    "noise:nan": "sigma must be",
    "noise:1e300": "sigma must be from 0 to 1000",
    "blur:-1": "sigma must be",
    "blur:1e30": "a sigma of 1e+30 pixels leaves nothing of images of 8x8",
    "salt-pepper:2": "from 0 to 1",
    f"mask:{HUGE}": "does not fit into images",
    "": "is empty",
}
SECONDS = dict.fromkeys(("0", "-1", "nan", "inf", "1e30", "x"), "--seconds")
LESSON = {"x": "no lesson 'x'", "99": "no lesson '99'", BYTES: "no lesson", "": "is empty"}
EXERCISE = {"1.1": "is in no workspace", "": "is empty"}
DEVICE = {"tpu": "device 'tpu' is unknown", "": "is empty"}

TRAIN = "train dense --data digits"
#: Commands, divided by commas, and what is put in place of their @ with a part of what is said.
CALLS = {
    "reconstruct run --out @, sample run --out @": PICTURE,
    "kernels show matmul --rung naive --out @": PICTURE,
    "bench W1 --out @, grade class --out @": FILE,
    f"{TRAIN} --out @, tour --out @, start @, release @": FOLDER,
    "enhance run photos --out @, anomalies run data.npy --out @": FOLDER,
    "release @": {"photos": "photos is not empty"},
    "enhance run photos --out @, anomalies run photos --out @": {"photos": "photos holds 0.png"},
    "eval @, reconstruct @, sample @, enhance @ photos, anomalies @ data.npy": NO_RUN,
    "eval run --data @, reconstruct run --data @, anomalies run @": DATA,
    "eval run --data @, reconstruct run --data @, train dense --data @": NO_ROWS,
    "eval run --data @, train dense --data @": {LONG: "no file called"},
    "anomalies run @": {
        LONG: "File name too long",
        "file.txt": "file.txt: not a kind of file",
        "a\nb.txt": r"a\nb.txt: not a kind of file",
    },
    "train dense --data @": {
        k: said for k, said in DATA.items() if "the run" not in said and k != "wide.npy"
    }
    | {
        "one.npy": "holds too few images: 1",
        "empty": "there are no images in this folder",
    },
    "enhance run @": {
        LONG: "there is no such file",
        "pipes": "pipes/0.png: is a pipe or a device",
        "dangling": "there is no such file",
        "loop": "there is no such file",
        "a\nb.txt": r"a\nb.txt: cannot be read as an image",
    },
    "enhance run photos --strength @": {
        "-1": "a number from 0 to 10, not -1",
        "nan": "from 0 to 10, not nan",
        "11": "from 0 to 10, not 11",
        "x": "Invalid value",
        "": "is empty",
    },
    "enhance run photos --originals @": {
        "file.txt": "file.txt is no folder",
        "nothing": "nothing is no folder",
        "empty": "empty holds no picture with the name of one of those given, such as 0.png",
        "": "is empty",
    },
    f"{TRAIN} --epochs @, {TRAIN} --batch-size @, {TRAIN} --patience @": COUNT,
    f"{TRAIN} --seed @": {"-1": "from 0, not -1"} | WHOLE,
    f"{TRAIN} --validation @": {"-1": "cannot set aside -1", HUGE: "cannot set aside"} | WHOLE,
    f"{TRAIN} --lr @, {TRAIN} --weight-decay @, {TRAIN} --clip @": REAL,
    f"{TRAIN} --sizes @": LIST | {"64": "two or more layer sizes", "": "is empty"},
    f"{TRAIN} --sizes 64 @": {"0": "not 0", HUGE: "from 1 to 100,000,000", "-5": "No such option"},
    "train conv --data digits --channels @": LIST | {"0": "not 0", HUGE: "from 1 to 100,000,000"},
    "train conv --data digits --latent @, train conv-vae --data digits --latent @": MOST,
    "train vq-vae --data digits --latent @": MOST,
    "train vq-vae --data digits --codes @": {"1": "from 2", HUGE: "from 2 to 100,000,000"} | WHOLE,
    "train conv --data digits --convs-per-stage @": COUNT | {"3": "1 to 2", HUGE: "1 to 2"},
    "train iwae --data digits --k @": COUNT | {HUGE: "from 1 to 10,000"},
    "train vae --data digits --beta @, train cvae --data digits --beta @": REAL,
    f"{TRAIN} --corrupt @": CORRUPT,
    f"{TRAIN} --optimizer @, {TRAIN} --schedule @, {TRAIN} --kernels @": {"x": "choose one of"},
    f"{TRAIN} --activation @, {TRAIN} --loss @": {"x": "choose one of", "": "is empty"},
    f"{TRAIN} --device @, gradcheck --device @, bench --device @": DEVICE,
    "train @": {"VAE": "model 'VAE' is unknown", ESCAPE: r"\x1b[31m' is unknown", "": "is empty"},
    "reconstruct run -n @": {"0": "1", "21": "20", "-1": "1", HUGE: "20"} | WHOLE,
    "sample run -n @": {"0": "1", "401": "400", HUGE: "400"} | WHOLE,
    "sample run --seed @": {"-1": "0"} | WHOLE,
    "sample run --prompt @": {"x": "--prompt is for a gpt", "": "is empty"},
    "sample run --temperature @": {"1": "--temperature is for a gpt"},
    "sample run --top-k @": {"1": "--top-k is for a gpt"} | WHOLE,
    "import @ --out new": dict.fromkeys(
        ("nothing", "empty", "file.txt", "fifo", "dangling", "loop"),
        "give a folder with config.json",
    )
    | {LONG: "File name too long", "": "is empty"},
    "import empty --out @": FOLDER | {"run": "run already holds a run"},
    "sample run --label @": {"0": "--label is for a cvae"} | WHOLE,
    "anomalies run data.npy --false-alarms @": REAL | {"1.1": "not 1.1"},
    "anomalies run data.npy --expect @": REAL | {"1.1": "not 1.1"},
    "anomalies run data.npy --tolerance @": {"-1": "0"} | WHOLE,
    "anomalies run data.npy --labels @": {"x": "no labels called 'x'", "": "is empty"},
    "check --seconds @, lessons verify --seconds @": SECONDS,
    "grade class --seconds @, bench --seconds @": SECONDS,
    "bench --rounds @": {"0": "1", "-1": "1"} | WHOLE,
    "bench @, bench --parts @": {"W9": "there is no workload 'W9'", "": "is empty"},
    "run @, lessons verify @, grade class --lesson @": LESSON,
    "check @, hint @, solution @, reset @": EXERCISE,
    "grade @": {"file.txt": "is a file", "empty": "holds no folder", "fifo": "", "": "is empty"},
    "data fetch @": {"x": "no dataset is called 'x'", ESCAPE: r"\x1b[31m", "": "is empty"},
    "kernels show @": {"x": "there is no ladder 'x'", "": "is empty"},
    "kernels show matmul --device @": DEVICE,
    "kernels show matmul --device cpu --size @": {"": "is empty"}
    | dict.fromkeys(("0,1,1", "1,2", "x", "1,2,-3", "1, 2, 3", HUGE), "three whole numbers"),
    "kernels show matmul --rung @": {"x": "matmul has no rung 'x'", "": "is empty"},
    "doctor @, progress @, data @, watch @": {"x": "x", "": "is empty"},
}
TABLE = [
    ([value if word == "@" else word for word in command.split()], said)
    for commands, values in CALLS.items()
    for command in commands.split(", ")
    for value, said in values.items()
]


@pytest.fixture(scope="module")
def box(tmp_path_factory):
    """A folder of what is odd, beside a run and what could be given to it."""
    box = tmp_path_factory.mktemp("box")
    for name in ("empty", "folder.png", "class", "photos", "pipes"):
        (box / name).mkdir()
    for name in ("fifo", "fifo.npy", "fifo.png", "pipes/0.png"):
        os.mkfifo(box / name)
    for name, target in {"dangling": "nowhere", "loop": "loop", "zero.png": "/dev/zero"}.items():
        (box / name).symlink_to(target)
    for name in ("file.txt", "a\nb.txt"):
        (box / name).write_text("text")
    (box / "empty.npy").touch()
    with open(box / "cut.npy", "wb") as cut:
        header = {"descr": "<f8", "fortran_order": False, "shape": (10**12,)}
        np.lib.format.write_array_header_1_0(cut, header)
    bomb = struct.pack(">BBBB3I", 0, 0, 8, 3, 10**4, 10**4, 10**4)
    (box / "bomb.gz").write_bytes(gzip.compress(bomb))
    with zipfile.ZipFile(box / "other.npz", "w") as other:
        other.writestr("letter.txt", "text")
    digits = load("digits").test.images
    np.save(box / "data.npy", digits[:9])
    np.save(box / "one.npy", digits[:1])
    np.save(box / "wide.npy", np.zeros((5, 8, 9)))
    np.save(box / "nan.npy", np.full((5, 8, 8), np.nan))
    Image.new("L", (8, 8)).save(box / "photos" / "0.png")
    settings = training.Settings("vae", "digits", {"sizes": [64, 8, 2]}, epochs=1)
    training.train_run(settings, box / "run", command="", show_progress=False)
    return box


def contents(box):
    return sorted((str(path), path.lstat().st_mtime_ns) for path in box.rglob("*"))


@pytest.mark.timeout(30)
@pytest.mark.parametrize(("arguments", "said"), TABLE, ids=lambda given: ascii(given)[:80])
def test_a_malformed_call_is_refused(minae, box, monkeypatch, arguments, said):
    monkeypatch.chdir(box)
    before = contents(box)
    status, _, err = minae(*arguments)
    assert status == 2
    assert said in " ".join(re.sub("[│╭╮╰╯─]", " ", err).split())  # a usage error is in a frame
    assert contents(box) == before
