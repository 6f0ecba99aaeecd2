"""Functions compiled to machine code by Numba, once: the result is kept on the disk.

A compiled function is kept in a folder named after the text of all kernels, so a change in any of
them compiles anew. A file that is damaged, or cannot be read or written, costs the time to compile.
"""

import pickle
import sys
import time
from pathlib import Path

from numba import njit
from numba.core.caching import NullCache
from numba.core.compiler import CompileResult
from numba.core.serialize import dumps

from minae.kernels import files
from minae.kernels.cpu import symbols

# Lets sums be reordered into vectors, as fastmath=True does, but keeps nan and inf what they are:
# a training that diverges must show it.
FASTMATH = {"reassoc", "contract", "arcp", "nsz", "afn"}
OPTIONS = {"fastmath": FASTMATH, "error_model": "numpy"}  # "numpy": x / 0 is inf, without a branch


def compiled(function):
    """Compile a function that compiled code calls, for each kind of arguments it is called with."""
    return _compiled(function, no_cpython_wrapper=True)


def compiled_apart(function):
    """Compile a function as `compiled` does, but never as a part of its callers.

    For what is large and has several. It returns nothing.
    """
    return symbols.callable_by_symbol(compiled(function))


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
    dispatcher._cache = DiskCache(f"{function.__module__}.{function.__qualname__}")
    return dispatcher


def cache_folder() -> Path:
    """Return the folder for what these kernels, as their source stands, compile to."""
    return files.folder_for(Path(__file__).parent)


class DiskCache(NullCache):
    """What Numba asks for compiled code before it compiles: one checked file per signature.

    Numba's own cache does not see changes in a function that the cached one calls, and trusts the
    bytes it finds.
    """

    def __init__(self, name: str):
        self.name = name

    def _path(self, signature, context) -> Path:
        import numba

        machine = context.codegen().magic_tuple()
        key = (self.name, str(signature), machine, numba.__version__, sys.version_info[:3])
        return cache_folder() / files.name_for(key)

    def load_overload(self, sig, target_context):
        """Return the function compiled for this signature, or None."""
        target_context.refresh()
        try:
            payload = files.read(self._path(sig, target_context))
            if payload is not None:
                called, compiled = pickle.loads(payload)
                for name, kinds in called:
                    symbols.link(name, kinds)
                return CompileResult._rebuild(target_context, *compiled)
        except OSError as error:
            _note.unusable(error)
        _note.begin()
        return None

    def save_overload(self, sig, data):
        """Keep the function just compiled for this signature."""
        payload = dumps((symbols.called_from(data.library), data._reduce()))
        try:
            files.write(self._path(sig, data.target_context), payload)
        except OSError as error:
            _note.unusable(error)
        _note.end(self.name.rpartition(".")[2])


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

    def end(self, name: str) -> None:
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
