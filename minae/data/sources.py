"""Find the files of a named dataset on this disk, or download them.

`sources.json` lists them. To add one, add it there, and say in `named.py` how to load it.

A dataset is either *embedded* (its file comes with an installed package) or a *download*. Files of
a download are looked for in this order:

1. the folder named by the environment variable `MINAE_DATA`,
2. the user's cache (`pooch.os_cache("minae")`, on Linux `~/.cache/minae`), laid out the same way,
3. the network, which fills the cache; a second host is asked when the first one fails.

Wherever it was found, a file is only used if its SHA-256 is the expected one.
"""

import hashlib
import importlib.util
import json
import os
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from minae.errors import InputError


@dataclass(frozen=True)
class RemoteFile:
    """One file to download: its path below the data folder, its size in bytes, and where it is."""

    path: str
    size: int
    sha256: str
    urls: list[str]  # tried in this order


@dataclass(frozen=True)
class Source:
    """A named dataset, either embedded in a package or a download of files."""

    name: str
    contents: str
    package: str = ""
    package_file: str = ""  # its place in that package's folder
    files: list[RemoteFile] = field(default_factory=list)
    location: Path | None = None  # on this disk, as list_sources finds it

    @property
    def origin(self) -> str:
        """In words: the package that carries it, or the size of the download."""
        if self.package:
            return f"embedded ({self.package})"
        return f"download, {sum(file.size for file in self.files) / 1e6:.1f} MB"


def _read_sources() -> dict[str, Source]:
    listed = json.loads(Path(__file__).with_name("sources.json").read_text(encoding="utf-8"))
    for entry in listed.values():
        entry["files"] = [RemoteFile(**file) for file in entry.get("files", ())]
    return {name: Source(name, **entry) for name, entry in listed.items()}


SOURCES = _read_sources()


def fetch(name: str) -> dict[str, Path]:
    """Return the files of a named dataset by file name, after downloading what is missing.

    Raises InputError if the name is unknown, or if a file is damaged or cannot be downloaded;
    nothing half written is left behind.
    """
    if name not in SOURCES:
        raise InputError(f"no dataset is called {name!r}; the datasets are {', '.join(SOURCES)}")
    source = SOURCES[name]
    if source.package:
        if path := _package_file(source):
            return {path.name: path}
        raise InputError(
            f"{name} needs the file {source.package_file} of the package {source.package}, "
            "which is not there; reinstall minae"
        )
    folder = data_folder()
    return {Path(file.path).name: _fetch_file(file, folder) for file in source.files}


def list_sources() -> list[Source]:
    """Return every named dataset with its location on this disk, judging by its files' sizes."""
    folders = [folder for folder in (data_folder(), cache_folder()) if folder]
    return [replace(source, location=_locate(source, folders)) for source in SOURCES.values()]


def data_folder() -> Path | None:
    """Return the folder that MINAE_DATA names, or None if it is unset."""
    if not (name := os.environ.get("MINAE_DATA")):
        return None
    folder = Path(name).expanduser()
    if not folder.is_dir():  # the network would hide a typo behind a long download
        raise InputError(f"MINAE_DATA names {folder}, which is not a folder; correct or unset it")
    return folder


def cache_folder() -> Path:
    """Return the user's cache."""
    import pooch

    return Path(pooch.os_cache("minae"))


def package_folder(name: str) -> Path | None:
    """Find an installed package's folder without importing it, which can take seconds."""
    spec = importlib.util.find_spec(name)
    if spec is None or not spec.submodule_search_locations:
        return None
    return Path(spec.submodule_search_locations[0])


def _package_file(source: Source) -> Path | None:
    folder = package_folder(source.package)
    path = None if folder is None else folder / source.package_file
    return path if path and path.is_file() else None


def _locate(source: Source, folders: list[Path]) -> Path | None:
    """Return the embedded file, or where a download lies if all its files are in the folders."""
    if source.package:
        return _package_file(source)

    places = []
    for file in source.files:
        paths = [folder / file.path for folder in folders]
        places.append([p for p in paths if p.is_file() and p.stat().st_size == file.size])
    return places[0][0].parent if all(places) else None


def _verify(path: Path, file: RemoteFile) -> None:
    """Raise InputError unless the file at `path` is the expected one."""
    advice = "delete it, and it will be downloaded again"
    try:
        size = path.stat().st_size
        with path.open("rb") as stream:
            sha256 = hashlib.file_digest(stream, "sha256").hexdigest()
    except OSError as error:
        raise InputError(f"{path}: cannot be read ({error.strerror}); {advice}") from error
    if size != file.size:
        raise InputError(f"{path}: has {size:,} bytes, not the expected {file.size:,}; {advice}")
    if sha256 != file.sha256:
        raise InputError(f"{path}: its SHA-256 is {sha256}, not {file.sha256}; {advice}")


def _fetch_file(file: RemoteFile, folder: Path | None) -> Path:
    """Return the file in the folder, or in the cache, downloaded from the first host that has it.

    pooch downloads into a temporary file beside the target, renames it only when the checksum is
    right, and deletes it otherwise; a damaged file in the cache is downloaded anew.
    """
    if folder is not None and (folder / file.path).is_file():
        _verify(folder / file.path, file)
        return folder / file.path

    import pooch
    from requests import RequestException  # the library that pooch downloads with

    target = cache_folder() / file.path
    failures = []
    for url in file.urls:
        try:
            pooch.retrieve(url, f"sha256:{file.sha256}", fname=target.name, path=target.parent)
            return target
        except RequestException as error:
            failures.append(f"{url}: {_reason(error)}")
        except ValueError:  # how pooch reports a wrong checksum
            failures.append(f"{url}: wrong SHA-256, so the file was cut short or altered")
        except OSError as error:
            raise InputError(
                f"{target}: cannot be written or read ({error.strerror or error}); "
                "make room and give access there"
            ) from error
    raise InputError(
        f"{target.name} could not be downloaded ({'; '.join(failures)}); check the network, "
        f"or put the file at {file.path} in a folder and set MINAE_DATA to that folder"
    )


def _reason(error: Any) -> str:
    """Say in a few words why a request failed; the full text of such errors fills a screen."""
    if error.response is not None:
        return f"HTTP status {error.response.status_code}"
    name, late = type(error).__name__, "no answer in time"
    known = {"ConnectionError": "no connection", "ConnectTimeout": late, "ReadTimeout": late}
    return (known | {"ChunkedEncodingError": "the connection broke off"}).get(name, name)
