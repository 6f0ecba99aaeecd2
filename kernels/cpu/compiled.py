"""Functions compiled to machine code by Numba, once: the result is kept on the disk.

A compiled function is kept in a folder named after the text of all kernels, so a change in any of
them compiles anew. A file that is damaged, or cannot be read or written, costs the time to compile.
"""

import hashlib
import os
import pickle
import re
import shutil
import sys
import time
from functools import cache
from pathlib import Path

import platformdirs
from numba import njit
from numba.core.caching import NullCache
from numba.core.compiler import CompileResult
from numba.core.serialize import dumps

# Lets sums be reordered into vectors, as fastmath=True does, but keeps nan and inf what they are:
# a training that diverges must show it.
FASTMATH = {"reassoc", "contract", "arcp", "nsz", "afn"}
OPTIONS = {"fastmath": FASTMATH, "error_model": "numpy"}  # "numpy": x / 0 is inf, without a branch
MONTH = 30 * 86_400  # seconds


def compiled(function):
    """Compile a function that compiled code calls, for each kind of arguments it is called with."""
    return _compiled(function, no_cpython_wrapper=True)


def compiled_if(accepts):
    """Compile a function that Python calls, in its thread, for arguments that accepts(*arguments).

    For others it returns False. Numba finds what it has compiled by the types of the arguments, in
    less time than Python would need to look at them: `accepts` is asked about new types only. So
    it must decide by what Numba calls a type: of arrays the dtype, dimensions and memory layout.
    """

    def decorate(function):
        dispatcher = _compiled(function)
        compile_for = dispatcher._compile_for_args

        def refuse_or_compile(*args):
            return compile_for(*args) if accepts(*args) else lambda *args: False

        dispatcher._compile_for_args = refuse_or_compile
        return dispatcher

    return decorate


def _compiled(function, **options):
    dispatcher = njit(no_cfunc_wrapper=True, **OPTIONS, **options)(function)
    dispatcher._cache = DiskCache(function)
    return dispatcher


@cache
def cache_folder() -> Path:
    """Return the folder for what these kernels, as their source stands, compile to."""
    text = hashlib.sha256()
    for source in sorted(Path(__file__).parent.glob("*.py")):
        text.update(source.read_bytes())
    base = os.environ.get("MINAE_CACHE") or platformdirs.user_cache_path("minae") / "kernels"
    return Path(base) / text.hexdigest()[:16]


def _forget_old_folders(base: Path) -> None:
    """Remove what other versions of the kernels compiled to, if nothing was added for a month."""
    for folder in base.iterdir():
        ours = re.fullmatch("[0-9a-f]{16}", folder.name) and folder.is_dir()
        if ours and time.time() - folder.stat().st_mtime > MONTH:
            shutil.rmtree(folder, ignore_errors=True)


class DiskCache(NullCache):
    """What Numba asks for compiled code before it compiles: one checked file per signature.

    Numba's own cache does not see changes in a function that the cached one calls, and trusts the
    bytes it finds.
    """

    def __init__(self, function):
        self.name = f"{function.__module__}.{function.__qualname__}"

    def _path(self, signature, context) -> Path:
        import numba

        machine = context.codegen().magic_tuple()
        key = (self.name, str(signature), machine, numba.__version__, sys.version_info[:3])
        return cache_folder() / f"{hashlib.sha256(repr(key).encode()).hexdigest()[:32]}.bin"

    def load_overload(self, sig, target_context):
        """Return the function compiled for this signature, or None."""
        target_context.refresh()
        try:
            content = self._path(sig, target_context).read_bytes()
            digest, payload = content[:32], content[32:]
            if hashlib.sha256(payload).digest() == digest:
                return CompileResult._rebuild(target_context, *pickle.loads(payload))
        except FileNotFoundError:
            pass
        except OSError as error:
            _note.unusable(error)
        _note.begin()
        return None

    def save_overload(self, sig, data):
        """Keep the function just compiled for this signature."""
        payload = dumps(data._reduce())
        path = self._path(sig, data.target_context)
        _note.end(self.name.rpartition(".")[2], sig)
        temporary = path.with_suffix(f".{os.getpid()}")
        try:
            if not path.parent.is_dir():
                path.parent.mkdir(parents=True, exist_ok=True)
                _forget_old_folders(path.parent.parent)
            temporary.write_bytes(hashlib.sha256(payload).digest() + payload)
            temporary.replace(path)
        except OSError as error:
            _note.unusable(error)


class _Note:
    """Says on stderr what is being compiled: whoever waits should know what for."""

    def __init__(self):
        self.started: list[float] = []  # when; compiling one function compiles those that it calls
        self.seconds = 0.0
        self.complained = False

    def begin(self) -> None:
        if not self.started and not self.seconds:
            self.say(f"compiling kernels for this machine, once; kept in {cache_folder()}")
        self.started.append(time.perf_counter())

    def end(self, name: str, signature) -> None:
        seconds = time.perf_counter() - self.started.pop()
        if not self.started:
            self.seconds += seconds
            self.say(f"compiled {name} ({seconds:.1f} s, {self.seconds:.1f} s in all)")

    def unusable(self, error: OSError) -> None:
        if not self.complained:
            self.complained = True
            self.say(f"compiled kernels cannot be kept, so every start compiles anew: {error}")

    @staticmethod
    def say(text: str) -> None:
        print(f"minae: {text}", file=sys.stderr)


_note = _Note()
