"""The options of commands: made from dataclasses' fields, and places checked before the work."""

import inspect
from collections.abc import Callable
from dataclasses import MISSING, Field, fields
from pathlib import Path
from typing import Annotated, Any

import typer

from minae.files import check_folder, check_place


def _option(each: Field) -> inspect.Parameter:
    """Return a command's parameter for a field of `minae.train.settings`."""
    name, help = each.name, each.metadata["help"]
    if each.default is MISSING:
        made, default = typer.Argument(metavar=name.upper(), help=help), inspect.Parameter.empty
    else:
        made, default = typer.Option("--" + name.replace("_", "-"), help=help), each.default
    kind = inspect.Parameter.KEYWORD_ONLY
    return inspect.Parameter(name, kind, default=default, annotation=Annotated[each.type, made])


def options_from(*classes: type) -> Callable[[Callable], Callable]:
    """Let a command take an option for each field of dataclasses, in place of its `**options`."""

    def decorate(command: Callable) -> Callable:
        *own, _ = inspect.signature(command).parameters.values()
        made = []
        for cls in classes:  # what a class inherits comes after its own
            ordered = sorted(fields(cls), key=lambda each: each.name not in cls.__annotations__)
            made += [_option(each) for each in ordered if "help" in each.metadata]
        setattr(command, "__signature__", inspect.Signature([*made, *own]))  # noqa: B010
        return command

    return decorate


def help_of(cls: type, name: str) -> str:
    """Return what a dataclass says of a field."""
    return next(each.metadata["help"] for each in fields(cls) if each.name == name)


def place(check: Callable[[Path | None], Path | None], help: str, shown: str | bool = True) -> Any:
    """Return the option for a place to write to, and the default that its help shows."""
    return typer.Option(help=help, show_default=shown, callback=check)


# Checks of places: each returns the path that was given, or None; InputError says what is wrong.


def file(path: Path | None) -> Path | None:
    """Let a path pass at which a file can be written."""
    if path is not None:
        check_place(path)
    return path


def picture(path: Path | None) -> Path | None:
    """Let a path pass at which a .png file can be written."""
    from minae.plots.style import check_png

    return path and file(check_png(path))


def folder(path: Path | None) -> Path | None:
    """Let a folder pass, or a path at which one can be made."""
    if path is not None:
        check_folder(path)
    return path
