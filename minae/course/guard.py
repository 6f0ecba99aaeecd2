"""Notices that a student's code has changed what the checks rely on, and puts it back.

After `numpy.allclose = lambda *a: True` in a submission, any answer would pass. So when a student's
file has been loaded, and after every check, everything is compared with what was there before. Only
modules that judge or check are looked at: packages may change others when they are imported, as
typing_extensions changes typing.
"""

import builtins
import sys
from collections.abc import Callable
from types import FunctionType, ModuleType
from typing import Any

# Functions defined below look builtins up in this copy, so that a student who replaces
# builtins.isinstance does not reach them.
__builtins__ = dict(vars(builtins))

RELIED_ON = {
    *("__main__", "minae", "lesson_checks", "numpy", "builtins"),
    *("copy", "itertools", "math", "random", "tracemalloc", "unittest"),
    *("contextlib", "io", "json", "linecache", "os", "pathlib", "posixpath", "traceback"),
}
WRAPPERS = (property, classmethod, staticmethod, ModuleType)
BODY = "__code__", "__defaults__", "__kwdefaults__"  # of a function
HEAP = 1 << 9  # of a class's __flags__: made by Python code, so open to change
GONE = object()


def watched() -> Callable[[], str]:
    """Return a function that puts back what has changed since, and names one such thing or "".

    It looks at the functions, classes and modules in modules that the checks rely on, and at the
    methods of their classes.
    """
    modules = {n: m for n, m in list(sys.modules.items()) if _relied_on(n)}
    places = [(n, m, dict(vars(m))) for n, m in modules.items() if m is not None]
    found = [v for _, _, kept in places for v in kept.values() if _is_open_class(v)]
    places += [(f"{c.__module__}.{c.__qualname__}", c, dict(vars(c))) for c in set(found)]
    functions = {f for _, _, kept in places for f in _functions(kept)}
    bodies = [(f, [getattr(f, part) for part in BODY]) for f in functions]
    searches: list[Any] = [sys.path, sys.meta_path, sys.path_hooks]
    searched = [(search, list(search)) for search in searches]
    own = [(scope, dict(scope)) for scope in (__builtins__, globals())]

    def changed() -> str:
        names = []
        for scope, kept in own:  # first of all what this function calls
            place = kept["__name__"]
            names += [f"{place}.{key}" for key in kept if scope.get(key) is not kept[key]]
            scope.clear()
            scope.update(kept)
        for f, body in bodies:
            for part, old in zip(BODY, body, strict=True):
                if getattr(f, part) is not old:
                    setattr(f, part, old)
                    names.append(f"{f.__module__}.{f.__qualname__}")
        names += [_restored(*place) for place in places]
        for name in [n for n in sys.modules if _relied_on(n)]:
            # One without a spec was not imported, but made up.
            if name not in modules and getattr(sys.modules[name], "__spec__", None) is None:
                del sys.modules[name]
                names.append(name)
        names += [name for name in modules if sys.modules.get(name) is not modules[name]]
        sys.modules.update(modules)
        for now, before in searched:  # what is found first stays first
            now[:] = before + [entry for entry in now if entry not in before]
        return next(filter(None, names), "")

    return changed


def _restored(name: str, place: Any, kept: dict[str, Any]) -> str:
    """Put back what was replaced in a module or a class; return its name, or ""."""
    now, found = vars(place), ""
    kind = type if issubclass(type(place), type) else ModuleType
    for key, old in kept.items():
        if now.get(key, GONE) is not old and _matters(old):
            kind.__setattr__(place, key, old)
            found = f"{name}.{key}"
    for key in [k for k in now if k not in kept] if len(now) != len(kept) else ():
        # In a class a new method hides an inherited one, in a module a new len hides Python's.
        if _matters(now[key]) if kind is type else key in __builtins__:
            kind.__delattr__(place, key)
            found = f"{name}.{key}"
    return found


def _relied_on(module: str) -> bool:
    return module.partition(".")[0] in RELIED_ON


def _matters(value: Any) -> bool:
    return callable(value) or isinstance(value, WRAPPERS)


def _is_open_class(value: Any) -> bool:
    return isinstance(value, type) and bool(value.__flags__ & HEAP) and _relied_on(value.__module__)


def _functions(kept: dict) -> list[FunctionType]:
    values = (
        getattr(v, "fget", None) or getattr(v, "__func__", v) if isinstance(v, WRAPPERS) else v
        for v in kept.values()
    )
    return [v for v in values if type(v) is FunctionType and _relied_on(str(v.__module__))]
