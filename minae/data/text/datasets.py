"""The named datasets of texts: in a fixed order, of which the last so many are the test part."""

import unicodedata
from collections.abc import Sequence
from typing import Any
from zipfile import ZipFile

import numpy as np

from minae.data.sources import fetch
from minae.data.split import stratified_order
from minae.data.text.docstrings import read_docstrings
from minae.data.text.files import Texts, read_file

TextParts = tuple[Texts, int]  # and how many of the last are the test part
_CATEGORIES = {
    "C": "other", "L": "letter", "M": "mark", "N": "number", "P": "punctuation", "S": "symbol",
    "Z": "separator",
}  # fmt: skip
_GENERATED = ("CJK", "HANGUL SYLLABLE")  # named by their number, or by their sound


def load_docstrings() -> TextParts:
    """Return docstrings, each subpackage's spread evenly over all parts."""
    texts: Any = read_docstrings()
    order = stratified_order(texts.labels, np.random.default_rng(0))
    return texts.take(order), round(len(texts) / 10)


def load_unicode_names() -> TextParts:
    """Return what characters are called in Unicode 3.2, such as GREEK SMALL LETTER PI: for ever.

    A text's name is the character's code, such as U+03C0, and its label the category. The small and
    the capital form of a letter are in the same part.
    """
    data = unicodedata.ucd_3_2_0
    codes = (*range(0x30000), *range(0xE0000, 0xE0080))  # no other has a name in this version
    found = {chr(code): data.name(chr(code), "") for code in codes}
    found = {c: name for c, name in found.items() if name and not name.startswith(_GENERATED)}
    names = np.array([f"U+{ord(c):04X}" for c in found], object)
    labels = np.array([_CATEGORIES[data.category(c)[0]] for c in found], object)
    texts = Texts([*found.values()], names, labels)
    letters = [name.replace(" SMALL ", " CAPITAL ") for name in found.values()]
    return texts.take(_grouped(letters)), round(len(texts) / 10)


def load_trec() -> TextParts:
    """Return questions, labelled by what they ask for: ABBR, DESC, ENTY, HUM, LOC or NUM.

    Source: Li & Roth 2002, "Learning Question Classifiers". The last 500 are the official test
    part, of which 10 are also among the 5,452 to train on.
    """
    (path,) = fetch("trec").values()
    with ZipFile(path) as archive:
        parts = [archive.read(f"qc/{part}.txt").decode("latin-1") for part in ("train", "test")]
    train, test = (part.splitlines() for part in parts)
    lines = [line.partition(" ") for line in (*train, *test)]  # DESC:manner How did serfdom ...
    labels = np.array([kind.partition(":")[0] for kind, _, _ in lines], object)
    texts = Texts([question for _, _, question in lines], np.arange(len(lines)), labels)
    order = stratified_order(labels[: len(train)], np.random.default_rng(0))
    return texts.take(np.append(order, np.arange(len(train), len(lines)))), len(test)


def load_names() -> TextParts:
    """Return first names, each once; 2,539 of the file's 32,033 come twice."""
    (path,) = fetch("names").values()
    names = [*dict.fromkeys(read_file(path).split())]
    texts = Texts(names, np.arange(len(names)))
    order = np.random.default_rng(0).permutation(len(texts))
    return texts.take(order), round(len(texts) / 10)


def load_shakespeare() -> TextParts:
    """Return what is said in plays, line by line; the last tenth is the test part."""
    (path,) = fetch("tiny_shakespeare").values()
    speeches = [speech.splitlines() for speech in read_file(path).split("\n\n")]
    lines = [line for _speaker, *said in speeches for line in said]
    return Texts(lines, np.arange(len(lines))), round(len(lines) / 10)


def load_whole_shakespeare() -> TextParts:
    """Return the plays as one text, speakers and all; none of it is for testing, as in nanoGPT."""
    (path,) = fetch("tiny_shakespeare").values()
    return Texts([read_file(path)], np.arange(1)), 0


def _grouped(keys: Sequence[str]) -> np.ndarray:
    """Shuffle indices so that those of equal keys stay together."""
    _, group = np.unique(np.array(keys, object), return_inverse=True)
    place = np.random.default_rng(0).permutation(group.max() + 1)[group]
    return np.argsort(place, kind="stable")
