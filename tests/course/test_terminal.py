"""A student's afternoon: the installed command, typed into a terminal."""

import csv
import os
import re
import signal
import subprocess
import sys
import sysconfig
import time
import venv
from pathlib import Path

import pytest

from minae.course import source
from minae.course.lessons import all_lessons

if sys.platform == "win32":
    pytest.skip("there are no pseudo-terminals", allow_module_level=True)

import pty
import select

ROOT = Path(__file__).parents[2]
SECONDS = 60  # after which a command that says nothing has failed


class Terminal:
    """One command in a pseudo-terminal."""

    def __init__(self, command: list, folder: Path, environment: dict):
        self.seen = ""
        self.screen, inside = pty.openpty()
        self.process = subprocess.Popen(
            [str(part) for part in command],
            stdin=inside,
            stdout=inside,
            stderr=inside,
            cwd=folder,
            env=environment,
            start_new_session=True,
        )
        os.close(inside)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.process.kill()
        self.process.wait()
        os.close(self.screen)

    def read(self, deadline: float) -> bool:
        """Read what comes next; return False if the command has ended."""
        ready, _, _ = select.select([self.screen], [], [], max(deadline - time.monotonic(), 0))
        assert ready, f"nothing more after {SECONDS} seconds; until then:\n{self.seen}"
        try:
            part = os.read(self.screen, 65536)
        except OSError:  # Linux says so when the command has ended
            return False
        self.seen += re.sub(r"\x1b\[[0-9;?]*[A-Za-z]", "", part.decode(errors="replace"))
        return bool(part)

    def wait_for(self, text: str) -> None:
        """Read until this appears."""
        deadline = time.monotonic() + SECONDS
        while text not in self.seen:
            assert self.read(deadline), f"ended without {text!r}:\n{self.seen}"

    def end(self) -> tuple[int, str]:
        """Read to the end; return the exit status and all that was printed."""
        deadline = time.monotonic() + SECONDS
        while self.read(deadline):
            pass
        return self.process.wait(SECONDS), self.seen.replace("\r\n", "\n")


def run(*command, cwd: Path) -> None:
    finished = subprocess.run(command, cwd=cwd, check=False, capture_output=True, text=True)
    assert finished.returncode == 0, finished.stdout + finished.stderr


@pytest.fixture
def installed(tmp_path):
    """Give minae in an environment of its own, which finds this one's packages, but not minae."""
    copy, fresh = tmp_path / "source", tmp_path / "venv"
    for folder in ("minae", "kernels", "lessons"):
        for path in (ROOT / folder).rglob("*"):
            if path.suffix in (".py", ".toml", ".json", ".md"):
                (copy / path.relative_to(ROOT)).parent.mkdir(parents=True, exist_ok=True)
                (copy / path.relative_to(ROOT)).write_bytes(path.read_bytes())
    for name in ("pyproject.toml", "README.md", "LICENSE"):
        (copy / name).write_bytes((ROOT / name).read_bytes())
    build = ("-m", "build", "--wheel", "--no-isolation", "--outdir", tmp_path)
    run(sys.executable, *build, copy, cwd=tmp_path)
    (wheel,) = tmp_path.glob("*.whl")
    venv.create(fresh, with_pip=False)
    pip = ("-m", "pip", "--python", fresh / "bin" / "python", "install", "--no-deps", "--no-index")
    run(sys.executable, *pip, wheel, cwd=tmp_path)
    (packages,) = fresh.glob("lib/python*/site-packages")
    (packages / "others.pth").write_text(sysconfig.get_path("purelib") + "\n")
    lies = "import minae.lessons as m; raise SystemExit('venv' not in m.__file__)"
    run(fresh / "bin" / "python", "-c", lies, cwd=tmp_path)
    return fresh / "bin" / "minae"


@pytest.mark.timeout(600)
def test_from_start_to_grade(installed, tmp_path):
    (lesson, *_), nowhere = all_lessons(), "http://127.0.0.1:9"
    first, second, third, *_ = lesson.exercises
    home = tmp_path / "home"
    home.mkdir()
    environment = {"HOME": str(home), "PATH": "/usr/bin:/bin", "TERM": "xterm", "COLUMNS": "120"}
    environment |= {"http_proxy": nowhere, "https_proxy": nowhere, "LANG": "C.UTF-8"}

    def minae(*words, folder=home / "minae-course"):
        with Terminal([installed, *words], folder, environment) as terminal:
            return terminal.end()

    def solve(exercise):
        """Write the answer where the stub stands."""
        path = home / "minae-course" / lesson.name / "exercises.py"
        text = path.read_text(encoding="utf-8")
        stub = source.function(text, exercise.name)
        path.write_text(text.replace(stub, source.solution(exercise)), encoding="utf-8")

    status, said = minae("start", folder=home)
    assert status == 0
    assert f"Next: {first.id}" in said

    status, said = minae("check")
    assert status == 1
    assert f"{first.id} {first.title}" in said
    assert "not written yet" in said

    with Terminal([installed, "watch"], home / "minae-course", environment) as watching:
        watching.wait_for("Ctrl-C ends")
        solve(first)
        watching.wait_for("passed")
        watching.wait_for(f"{second.id} {second.title}")
        assert watching.process.poll() is None
        watching.process.send_signal(signal.SIGINT)
        assert watching.end()[0] in (0, 130)

    hints = [minae("hint", second.id) for _ in range(4)]
    for (status, said), number in zip(hints, (1, 2, 3, 3), strict=True):
        assert status == 0
        assert f"{second.id} hint {number} of 3" in said

    status, said = minae("solution", second.id)
    assert (status, "has not passed yet" in said) == (2, True)
    solve(second)
    status, said = minae("check", second.name)
    assert (status, "passed" in said, f"Next: {third.id}" in said) == (0, True, True)
    status, said = minae("solution", second.id)
    assert status == 0
    assert "letter by letter" in said

    status, said = minae("reset", second.id)
    assert status == 0
    status, said = minae("progress")
    assert status == 0
    assert f"1 of {sum(len(one.exercises) for one in all_lessons())} exercises passed" in said
    assert f"{first.id} ✓" in said

    (home / "class").mkdir()
    (home / "minae-course").rename(home / "class" / "ada")
    status, said = minae("grade", "class", "--lesson", str(lesson.number), folder=home)
    assert status == 0, said
    (row,) = csv.DictReader((home / "grades.csv").read_text(encoding="utf-8").splitlines())
    assert (row["student"], row[first.id], row["total"]) == ("ada", "1", "1")
    assert f"{second.id}, {third.id}" in row["reasons"]
    assert "not written" in row["reasons"]
