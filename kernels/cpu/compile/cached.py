"""Functions compiled to machine code by Numba once, and then kept on the disk.

The folder is named after the text of all kernels, so any change in them compiles everything again.
A file that is damaged, or that cannot be read or written, only costs the time to compile.
"""

import pickle
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numba
from numba import njit
from numba.core.caching import NullCache
from numba.core.ccallback import CFunc
from numba.core.compiler import CompileResult
from numba.core.serialize import dumps

from minae.kernels import files
from minae.kernels.cpu.compile import threads
from minae.kernels.cpu.compile.calls import noted
from minae.kernels.cpu.compile.plain import OPTIONS

FOR_PYTHON: Any = OPTIONS | {"no_cfunc_wrapper": True}
FOR_COMPILED_CODE: Any = FOR_PYTHON | {"no_cpython_wrapper": True}


def compiled(function: Callable) -> Any:
    """Compile a function that compiled code calls, and becomes a part of."""
    return njit(**FOR_COMPILED_CODE)(function)


def kept(function: Callable) -> Any:
    """Compile a function for Python to call, and keep its machine code on the disk."""
    dispatcher: Any = njit(**FOR_PYTHON)(function)
    dispatcher._cache = DiskCache(f"{function.__module__}.{function.__qualname__}")
    return dispatcher


def compiled_if(accepts: Callable[..., bool]) -> Callable[[Callable], Any]:
    """Compile a function for Python to call, on one thread, if accepts(*arguments).

    Otherwise the function returns False. Numba finds compiled code by the types of the arguments,
    faster than Python could inspect them, so `accepts` is called for new types only. It may depend
    only on what Numba calls a type: of an array, the dtype, dimensions and memory layout.
    """

    def decorate(function: Callable) -> Any:
        dispatcher = kept(function)
        compile_for = dispatcher._compile_for_args

        def refuse_or_compile(*args):
            return compile_for(*args) if accepts(*args) else lambda *args: False

        dispatcher._compile_for_args = refuse_or_compile
        return noted(dispatcher)

    return decorate


def at_address(name: str, signature: Any, function: Callable) -> Any:
    """Compile a function with a C signature; the result's `address` is that of its machine code.

    Functions made by the same function need names of their own, by which they are kept.
    """
    made: Any = CFunc(function, (signature.args, signature.return_type), {}, OPTIONS)
    made._cache = DiskCache(name)
    made.compile()
    return made


def cache_folder() -> Path:
    """Return the folder for the compiled form of the kernels, as their source now is."""
    return files.folder_for(Path(__file__).parents[1])


def where_kept() -> str:
    """Say where compiled code is kept."""
    return f"compiled code is kept in {cache_folder()}"


class DiskCache(NullCache):
    """Where Numba looks for compiled code before it compiles: a file with a checksum per signature.

    Numba's own cache misses changes in a function that the cached one calls, and trusts any file.
    """

    def __init__(self, name: str):
        self.name = name

    def _path(self, signature, context) -> Path:
        machine = context.codegen().magic_tuple()
        key = (self.name, str(signature), machine, numba.__version__, sys.version_info[:3])
        return cache_folder() / files.name_for(key)

    def load_overload(self, sig, target_context) -> Any:
        """Return the function compiled for this signature, or None."""
        threads.layer()  # the code calls the pool's functions
        target_context.refresh()
        try:
            payload = files.read(self._path(sig, target_context))
            if payload is not None:
                return CompileResult._rebuild(target_context, *pickle.loads(payload))
        except OSError as error:
            _note.unusable(error)
        _note.begin()
        return None

    def save_overload(self, sig, cres):
        """Keep the function that was just compiled for this signature."""
        try:
            files.write(self._path(sig, cres.target_context), dumps(cres._reduce()))
        except OSError as error:
            _note.unusable(error)
        _note.end(self.name.rpartition(".")[2])


class _Note:
    """Says on stderr what is being compiled, so that users know what they are waiting for."""

    def __init__(self):
        self.started = self.seconds = 0.0
        self.complained = False

    def begin(self) -> None:
        if not self.seconds:
            self.say(f"compiling kernels for this machine, once; kept in {cache_folder()}")
        self.started = time.perf_counter()

    def end(self, name: str) -> None:
        seconds = time.perf_counter() - self.started
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
