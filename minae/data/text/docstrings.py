"""The dataset `docstrings`: what the functions and classes of four libraries say of themselves.

NumPy, SciPy, scikit-learn and scikit-image are installed wherever minae is. Their files are read
and parsed, not imported. A document is the prose of a docstring, without code, formulas and lists
of types; its label is the subpackage that it is from, such as scipy.signal.
"""

import ast
import inspect
import json
import re
from collections import Counter
from collections.abc import Iterator
from contextlib import suppress

import numpy as np

from minae.data.sources import cache_folder, package_folder
from minae.data.text.files import Texts
from minae.errors import InputError
from minae.files import write_whole

PACKAGES = {
    "numpy": "numpy", "scipy": "scipy", "sklearn": "scikit-learn", "skimage": "scikit-image",
}  # fmt: skip
FORM = 1  # goes up with each change of what is made of a docstring
FEWEST_WORDS = 30  # of a document
FEWEST_DOCUMENTS = 50  # of a subpackage
_NOT_FOR_USERS = {
    "_lib", "_build_utils", "_shared", "_vendored", "distutils", "externals", "f2py", "testing",
}  # fmt: skip
_UNUSED = {"examples", "references", "see also", "methods"}  # sections: code, citations, names
_RULE = re.compile(r"[-=~^]{3,}")  # below the title of a section
_FIELD = re.compile(r"[\w*`][\w*`, .\\]* ?: ?.*|[\w*]+(, ?[\w*]+)*")  # axis : int, optional
_ROLE = re.compile(r":[\w:]+:`([^`]*)`")
_FORMULA = re.compile(r":math:`[^`]*`")
_CITATION = re.compile(r"\[[\w*#-]+\]_")
_MARKUP = re.compile(r"[`*|]+|~(?=\w)|%\(\w+\)s")


def documents() -> Iterator[tuple[str, str, str]]:
    """Yield each document's name, its subpackage and its prose, in the order of files."""
    for package in PACKAGES:
        folder = package_folder(package)
        if folder is None:
            raise InputError(f"docstrings are those of {package}, which is missing; install it")
        for path in sorted(folder.rglob("*.py")):
            inside = path.relative_to(folder).parts
            if len(inside) == 1 or "tests" in inside or inside[0] in _NOT_FOR_USERS:
                continue
            subpackage = f"{package}.{inside[0]}".removesuffix("._core")
            tree = ast.parse(path.read_text(encoding="utf-8"))
            for name, text in (*_docstrings(tree), *_added(tree)):
                if len((found := prose(text)).split()) >= FEWEST_WORDS:
                    yield f"{subpackage}.{name}", subpackage, found


def _docstrings(tree: ast.AST, prefix: str = "") -> Iterator[tuple[str, str]]:
    """Yield the names and docstrings of public functions, classes and methods."""
    for node in ast.iter_child_nodes(tree):
        if isinstance(node, ast.FunctionDef | ast.ClassDef) and not node.name.startswith("_"):
            if text := ast.get_docstring(node):
                yield prefix + node.name, text
            if isinstance(node, ast.ClassDef):
                yield from _docstrings(node, f"{prefix}{node.name}.")


def _added(tree: ast.AST) -> Iterator[tuple[str, str]]:
    """Yield those of functions written in C, for which a file calls add_newdoc."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Call) and getattr(node.func, "id", "") == "add_newdoc":
            texts = [n.value for n in ast.walk(node) if isinstance(n, ast.Constant)]
            *names, text = [text for text in texts if isinstance(text, str)]
            if names and not names[-1].startswith("_"):
                yield names[-1], inspect.cleandoc(text)


def prose(docstring: str) -> str:
    """Return the sentences of a docstring, without code, formulas, citations and markup."""
    kept: list[str] = []
    lines = docstring.splitlines()
    section, block, doctest = "", None, False  # the title; how far a block is indented
    for i, line in enumerate(lines):
        text, indent = line.strip(), len(line) - len(line.lstrip())
        below = lines[i + 1].strip() if i + 1 < len(lines) else ""
        if _RULE.fullmatch(below) and text:
            section, block = text.lower(), None
            continue
        if block is not None and text and indent < block:
            block = None
        if section in _UNUSED or block is not None or _RULE.fullmatch(text):
            continue
        doctest = text.startswith(">>>") or (doctest and bool(text))  # it ends with an empty line
        if doctest or not text:
            continue
        if text.startswith(".. "):
            block = indent + 1
            continue
        if text.endswith("::"):
            block, text = indent + 1, text[:-1]
        if section and indent == 0 and _FIELD.fullmatch(text):
            continue
        kept.append(text)
    text = _FORMULA.sub("", " ".join(kept))
    text = _CITATION.sub("", _ROLE.sub(r"\1", text))
    return " ".join(_MARKUP.sub("", text).split())


def read_docstrings() -> Texts:
    """Return the documents of the larger subpackages, without those that come twice.

    They are kept in the user's cache, under the versions that they are from.
    """
    from importlib.metadata import version

    versions = {package: version(name) for package, name in PACKAGES.items()}
    name = "-".join(f"{package}-{number}" for package, number in versions.items())
    path = cache_folder() / f"docstrings-{FORM}-{name}.json"
    try:
        found = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        found = _collect()
        with suppress(OSError):  # without a cache it takes some seconds each time
            write_whole(path, json.dumps(found).encode())
    names, labels = np.array(found["names"], object), np.array(found["labels"], object)
    said = ", ".join(f"{PACKAGES[package]} {number}" for package, number in versions.items())
    return Texts(found["texts"], names, labels, [f"those of {said}"])


def _collect() -> dict[str, list[str]]:
    found = {text: (name, label) for name, label, text in documents()}
    counts = Counter(label for _, label in found.values())
    kept = {text: each for text, each in found.items() if counts[each[1]] >= FEWEST_DOCUMENTS}
    names, labels = map(list, zip(*kept.values(), strict=True))
    return {"names": names, "labels": labels, "texts": [*kept]}
