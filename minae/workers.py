"""Starts Python processes that work for this one, exchanges JSON with them, and ends them.

Requests and answers are lines of JSON, on a worker's stdin and stdout.
"""

import json
import os
import signal
import subprocess
import sys
import tempfile
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, suppress
from typing import Any

ISOLATED = ("-I", "-B")  # Python looks at no variables and only at installed packages; no .pyc
ONE_THREAD = {"MINAE_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1"}


def start(
    module: str,
    *arguments: str,
    options: Sequence[str] = ISOLATED,
    environment: Mapping[str, str] | None = None,
    **streams: Any,
) -> subprocess.Popen[bytes]:
    """Start `python OPTIONS -m MODULE ARGUMENTS` in a session of its own, for `end` to kill.

    `environment` is set beside this process's variables; `streams` and `cwd` are Popen's.
    """
    return subprocess.Popen(  # pyright: ignore[reportReturnType] - no stream is opened as text
        [sys.executable, *options, "-m", module, *arguments],
        env={**os.environ, **(environment or {})},
        start_new_session=os.name == "posix",
        **streams,
    )


def end(process: subprocess.Popen[bytes]) -> None:
    """Kill a process and, on POSIX, those that it started and that have not left its session."""
    if os.name == "posix":
        with suppress(ProcessLookupError, PermissionError):
            os.killpg(process.pid, signal.SIGKILL)
    else:
        process.kill()
    process.wait()


class Worker(AbstractContextManager):
    """A process that answers requests, until it is closed or a `with` statement ends."""

    def __init__(self, module: str, *arguments: str, **how: Any):
        """Start it; `how` are `start`'s options and environment."""
        pipe = subprocess.PIPE
        self._said = tempfile.TemporaryFile()  # noqa: SIM115 - a pipe would fill up unread
        streams = {"stdin": pipe, "stdout": pipe, "stderr": self._said}
        self._process = start(module, *arguments, **how, **streams)
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._requests, self._answers = self._process.stdin, self._process.stdout

    def send(self, request: object) -> None:
        """Send a request. If the process has ended, `receive` will say so."""
        with suppress(OSError):
            self._requests.write(json.dumps(request).encode() + b"\n")
            self._requests.flush()

    def receive(self, seconds: float = threading.TIMEOUT_MAX) -> Any:
        """Return the next answer.

        Raises TimeoutError if there is none after so many seconds, and then ends the process, and
        EOFError, with the last line on its stderr, if it has ended.
        """
        late = threading.Event()

        def give_up() -> None:
            late.set()
            end(self._process)

        timer = threading.Timer(seconds, give_up)
        timer.start()
        try:
            answer = self._answers.readline()
        finally:
            timer.cancel()
            timer.join()
        if late.is_set():
            raise TimeoutError(f"no answer after {seconds:g} seconds")
        if not answer:
            self._said.seek(0)
            *_, said = [b"it said nothing", *self._said.read().strip().splitlines()]
            raise EOFError(said.decode(errors="replace"))
        return json.loads(answer)

    def close(self) -> None:
        """End the process."""
        end(self._process)
        for stream in (self._requests, self._answers, self._said):
            with suppress(OSError):  # a request was left unread
                stream.close()

    def __exit__(self, *_: object) -> None:
        self.close()


def requests() -> tuple[Iterator[Any], Callable[[object], None]]:
    """Return, in a worker, the requests as they come and a function that sends an answer.

    From here on, whatever else is printed goes to stderr.
    """
    answers = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)

    def answer(value: object) -> None:
        print(json.dumps(value), file=answers, flush=True)

    return map(json.loads, sys.stdin), answer
