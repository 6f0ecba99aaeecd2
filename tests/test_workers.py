"""Workers answer, and however one ends, whoever asks is told."""

import os
import sys
import time

import pytest

from minae.workers import Worker, start

ECHO = """
import os, subprocess, sys, time
from minae.workers import requests

asked, answer = requests()
for request in asked:
    if request == "die":
        sys.exit("killed by 'σ'")
    if request == "leave":
        os._exit(0)
    if request == "hang":
        child = subprocess.Popen(["sleep", "1000"])
        answer(child.pid)
        time.sleep(1000)
    print("no answer")
    answer([sys.argv[1:], os.environ.get("MINAE_X"), request])
"""


@pytest.fixture
def echo(tmp_path):
    """Give a worker that answers with its arguments, a variable and the request."""
    (tmp_path / "echo.py").write_text(ECHO, encoding="utf-8")
    environment = {"PYTHONPATH": os.pathsep.join([str(tmp_path), *sys.path]), "MINAE_X": "x"}
    with Worker("echo", "a", "b c", options=("-X", "utf8"), environment=environment) as worker:
        yield worker


def test_every_request_is_answered(echo):
    for request in ("σ\n", {"a": [1.5, None]}, "x" * 10**5):
        echo.send(request)
        assert echo.receive() == [["a", "b c"], "x", request]


@pytest.mark.parametrize(
    ("asked", "said"), [("die", "killed by 'σ'"), ("leave", "it said nothing")]
)
def test_an_end_is_told_with_the_last_words(echo, asked, said):
    echo.send(asked)
    with pytest.raises(EOFError, match=said):
        echo.receive()
    echo.send("more" * 10**6)
    with pytest.raises(EOFError):
        echo.receive(60)


@pytest.mark.skipif(os.name != "posix", reason="POSIX's sessions")
def test_what_hangs_is_ended_with_its_children(echo):
    echo.send("hang")
    child = echo.receive()
    with pytest.raises(TimeoutError, match=r"no answer after 0.2 seconds"):
        echo.receive(0.2)
    for _ in range(500):  # until init has reaped it
        if not _runs(child):
            break
        time.sleep(0.01)
    assert not _runs(child)


def _runs(pid: int) -> bool:
    try:
        with open(f"/proc/{pid}/stat") as file:
            return file.read().rpartition(")")[2].split()[0] != "Z"
    except FileNotFoundError:
        return False


def test_an_isolated_process_looks_nowhere_but_at_packages(tmp_path, monkeypatch):
    (tmp_path / "json.py").write_text("raise SystemExit(9)")
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    monkeypatch.chdir(tmp_path)
    assert start("json", options=()).wait() == 9
    assert start("json.tool", "--help", stdout=-3).wait() == 0
