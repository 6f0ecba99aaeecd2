"""What README, ARCHITECTURE and CONTRIBUTING say is so."""

import re
from pathlib import Path

import pytest

from .test_layers import LAYERS

ROOT = Path(__file__).parents[1]
README = (ROOT / "README.md").read_text(encoding="utf-8")
BLOCKS = re.findall(r"```python\n(.*?)```", README, flags=re.DOTALL)
QUOTED = [block for block in BLOCKS if block.startswith("class")]
PROGRAMS = [block for block in BLOCKS if not block.startswith("class")]


def test_there_is_something_to_check():
    assert len(QUOTED) == 1
    assert len(PROGRAMS) == 3


@pytest.mark.parametrize("block", QUOTED)
def test_quoted_code_is_the_code(block):
    assert block in (ROOT / "minae" / "ops" / "pointwise.py").read_text()


@pytest.mark.parametrize("program", PROGRAMS)
def test_programs_run(program, capsys):
    exec(compile(program.replace("epochs=20", "epochs=1"), "README.md", "exec"), {})
    if "print" in program:
        assert capsys.readouterr().out


def test_every_command_is_named():
    for command in (
        "tour",
        "train",
        "eval",
        "reconstruct",
        "sample",
        "import",
        "enhance",
        "anomalies",
        "embed",
        "nearest",
        "gradcheck",
        "bench",
        "doctor",
        "kernels show",
    ):
        assert f"minae {command}" in README


def lines(*patterns):
    files = {path for pattern in patterns for path in ROOT.glob(pattern)}
    return sum(len(path.read_text(encoding="utf-8").splitlines()) for path in files)


SIZES = {
    r"The engine is ([\d,]+) lines": ("minae/tensor.py", "minae/op.py", "minae/autograd.py"),
    r"All of it is ([\d,]+) lines": ("minae/**/*.py", "kernels/**/*.py"),
}


@pytest.mark.parametrize("sentence", SIZES)
def test_sizes_are_true(sentence):
    (said,) = (int(number.replace(",", "")) for number in re.findall(sentence, README))
    counted = lines(*SIZES[sentence])
    assert said == float(f"{counted:.2g}"), f"README says {said:,} lines, and there are {counted:,}"


DOCUMENTS = ("README.md", "ARCHITECTURE.md", "CONTRIBUTING.md")


def named(document):
    """Return the modules, documents and folders of ours that a document names."""
    text = (ROOT / document).read_text(encoding="utf-8")
    names = re.findall(r"`([\w./-]+(?:\.py|\.md|\.toml|/))`", text)
    return [name for name in names if not re.search(r"NN_name|^my-|^runs/", name)]


@pytest.mark.parametrize("document", DOCUMENTS)
def test_what_is_named_is_there(document):
    tops = [ROOT / name for name in ("minae", "kernels", "tests", "lessons")]
    folders = [ROOT, *tops, *(path for top in tops for path in top.glob("**/"))]
    names = named(document)
    assert len(names) > 5
    assert [n for n in names if not any((folder / n).exists() for folder in folders)] == []


def test_architecture_has_all_layers():
    table = (ROOT / "ARCHITECTURE.md").read_text(encoding="utf-8").partition("## Kernels")[0]
    rows = [line.split("|")[2] for line in table.splitlines() if re.match(r"\| \d+ \|", line)]
    rooms = [{Path(name).stem for name in re.findall(r"`([\w/.]+)`", row)} for row in rows]
    assert rooms[::-1] == LAYERS
