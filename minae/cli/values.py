"""Options of commands: those made from dataclasses, and places to write to, checked at once."""

import inspect
from collections.abc import Callable
from dataclasses import MISSING, Field, fields
from pathlib import Path
from typing import Annotated, Any

import typer

from minae.errors import InputError, flag
from minae.files import check_folder, check_place
from minae.train.settings import check_option


def _option(each: Field) -> inspect.Parameter:
    """Return a command's parameter for a field of `minae.train.settings`."""
    name, help = each.name, each.metadata["help"]
    if each.default is MISSING:
        made, default = typer.Argument(metavar=name.upper(), help=help), inspect.Parameter.empty
    else:

        def check(value: Any) -> Any:
            check_option(each, value, flag(name))
            return value

        made, default = typer.Option(flag(name), help=help, callback=check), each.default
    kind = inspect.Parameter.KEYWORD_ONLY
    return inspect.Parameter(name, kind, default=default, annotation=Annotated[each.type, made])


def options_from(*classes: type) -> Callable[[Callable], Callable]:
    """Give a command an option for each field of the dataclasses, in place of its `**options`."""

    def decorate(command: Callable) -> Callable:
        *own, _ = inspect.signature(command).parameters.values()
        made = []
        for cls in classes:  # a class's own fields before those that it inherits
            ordered = sorted(fields(cls), key=lambda each: each.name not in cls.__annotations__)
            made += [_option(each) for each in ordered if "help" in each.metadata]
        setattr(command, "__signature__", inspect.Signature([*made, *own]))  # noqa: B010
        return command

    return decorate


def place(check: Callable[[Path | None], Path | None], help: str, shown: str | bool = True) -> Any:
    """Return an option for a place to write to; `shown` is the default that its help shows."""
    return typer.Option(help=help, show_default=shown, callback=check)


def file(path: Path | None) -> Path | None:
    """Return the path, or None. Raises InputError if no file can be written there."""
    if path is not None:
        check_place(path)
    return path


def picture(path: Path | None) -> Path | None:
    """Return the path, or None. Raises InputError if no .png file can be written there."""
    if path is None:
        return None
    from minae.plots.style import check_png

    return file(check_png(path))


def array(path: Path | None) -> Path | None:
    """Return the path, or None. Raises InputError if no .npy or .csv file can be written there."""
    if path is not None and path.suffix.lower() not in (".npy", ".csv"):
        raise InputError(f"{path}: give a name that ends in .npy or .csv")
    return file(path)


def shown(path: Path | None) -> Path | None:
    """Return the path, or None. Raises InputError if no .png or .csv file can be written there."""
    return file(path) if path is not None and path.suffix.lower() == ".csv" else picture(path)


def folder(path: Path | None) -> Path | None:
    """Return the path, or None. Raises InputError if it is no folder and none can be made."""
    if path is not None:
        check_folder(path)
    return path
