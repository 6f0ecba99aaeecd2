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
