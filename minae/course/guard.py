"""Notices that a student's code has changed what the checks rely on, and puts it back.

A submission could say `numpy.allclose = lambda *a: True`, and any answer would pass. Once a
student's file has been loaded, and after every check, what was there before is compared.
"""

import builtins
import sys
from collections.abc import Callable
from types import FunctionType, ModuleType

# Functions defined below look builtins up in this copy, so that a student who replaces
# builtins.isinstance does not reach them.
__builtins__ = dict(vars(builtins))

WRAPPERS = (property, classmethod, staticmethod, ModuleType)
HEAP = 1 << 9  # of a class's __flags__: made by Python code, so open to change
GONE = object()


def watched() -> Callable[[], str]:
    """Return a function that puts back what has been changed since, and names one such thing.

    Looked at are the functions, classes and modules in all modules that are loaded now, and the
    methods of their classes. The name is "" where nothing was changed.
    """
    modules = dict(sys.modules)
    named = [(m.__name__, m) for m in modules.values() if isinstance(m, ModuleType)]
    places = [(name, m, dict(vars(m))) for name, m in named]
    classes = {v for _, _, kept in places for v in kept.values() if _is_open_class(v)}
    places += [(f"{c.__module__}.{c.__qualname__}", c, dict(vars(c))) for c in classes]
    functions = {f for _, _, kept in places for f in _functions(kept)}
    bodies = [(f, f.__code__, f.__defaults__, f.__kwdefaults__) for f in functions]
    searched = [(found, list(found)) for found in (sys.path, sys.meta_path, sys.path_hooks)]
    own = [(scope, dict(scope)) for scope in (__builtins__, globals())]

    def changed() -> str:
        names = []
        for scope, kept in own:  # at first what this function calls
            names += [
                f"{kept['__name__']}.{key}" for key in kept if scope.get(key) is not kept[key]
            ]
            scope.clear()
            scope.update(kept)
        for f, code, defaults, kwdefaults in bodies:
            if (
                f.__code__ is not code
                or f.__defaults__ is not defaults
                or f.__kwdefaults__ is not kwdefaults
            ):
                f.__code__, f.__defaults__, f.__kwdefaults__ = code, defaults, kwdefaults
                names.append(f"{f.__module__}.{f.__qualname__}")
        names += [_restored(*place) for place in places]
        names += _restored_modules(modules)
        for now, before in searched:  # what is found first stays first
            now[:] = before + [entry for entry in now if entry not in before]
        return next(filter(None, names), "")

    return changed


def _restored(name: str, place: ModuleType | type, kept: dict) -> str:
    """Put back what was replaced in a module or a class; return its name, or ""."""
    now, found = vars(place), ""
    set_, delete = (
        (type.__setattr__, type.__delattr__)
        if isinstance(place, type)
        else (ModuleType.__setattr__, ModuleType.__delattr__)
    )
    for key, old in kept.items():
        if now.get(key, GONE) is not old and _matters(old):
            set_(place, key, old)
            found = f"{name}.{key}"
    if len(now) != len(kept):
        for key in [k for k in now if k not in kept]:
            # In a class a new method hides an inherited one, in a module a new len hides Python's.
            if key in __builtins__ if isinstance(place, ModuleType) else _matters(now[key]):
                delete(place, key)
                found = f"{name}.{key}"
    return found


def _restored_modules(before: dict) -> list[str]:
    """Put modules back that were replaced, or invented in a package that was there."""
    names = []
    for name, module in before.items():
        if sys.modules.get(name) is not module:
            sys.modules[name] = module
            names.append(name)
    for name in [n for n in sys.modules if n not in before]:
        invented = getattr(sys.modules[name], "__spec__", None) is None
        if invented and "." in name and name.partition(".")[0] in before:
            del sys.modules[name]
            names.append(name)
    return names


def _matters(value) -> bool:
    return callable(value) or isinstance(value, WRAPPERS)


def _is_open_class(value) -> bool:
    return isinstance(value, type) and bool(value.__flags__ & HEAP)


def _functions(kept: dict) -> list[FunctionType]:
    values = (
        getattr(v, "fget", None) or getattr(v, "__func__", v) if isinstance(v, WRAPPERS) else v
        for v in kept.values()
    )
    return [v for v in values if type(v) is FunctionType]
