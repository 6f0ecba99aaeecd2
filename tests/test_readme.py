"""What README shows is what the code does."""

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
README = (ROOT / "README.md").read_text()
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
        "enhance",
        "anomalies",
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
    r"All in all it is ([\d,]+) lines": ("minae/**/*.py", "kernels/**/*.py"),
}


@pytest.mark.parametrize("sentence", SIZES)
def test_sizes_are_true(sentence):
    (said,) = (int(number.replace(",", "")) for number in re.findall(sentence, README))
    counted = lines(*SIZES[sentence])
    assert said == float(f"{counted:.2g}"), f"README says {said:,} lines, and there are {counted:,}"
