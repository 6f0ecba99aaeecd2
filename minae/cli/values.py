"""Where the options of commands may have something written, checked before the work begins.

Each takes the path that was given, or None, and returns it; InputError says what is wrong.
"""

from pathlib import Path


def file(path: Path | None) -> Path | None:
    """Let a path pass at which a file can be written."""
    from minae.files import check_place

    if path is not None:
        check_place(path)
    return path


def picture(path: Path | None) -> Path | None:
    """Let a path pass at which a .png file can be written."""
    from minae.plots.style import check_png

    return path and file(check_png(path))


def folder(path: Path | None) -> Path | None:
    """Let a folder pass, or a path at which one can be made."""
    from minae.files import check_folder

    if path is not None:
        check_folder(path)
    return path
