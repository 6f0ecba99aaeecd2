"""Read a CSV file with pandas, after a look at how it is written and whether it is whole.

Separator (comma, semicolon, tab or bar), decimal comma, byte order mark and a missing header are
found out from the file's beginning. Empty fields, and words such as NA and NaN, are gaps.
"""

import csv
import gzip
import io
import re
from collections.abc import Iterator
from pathlib import Path
from typing import IO, Any, NamedTuple

from minae.data.memory import available
from minae.data.pictures import check_regular
from minae.errors import InputError

Frame = Any  # a pandas DataFrame: pandas takes time to import, and its types are too wide
SUFFIXES = (".csv", ".tsv", ".txt", ".csv.gz", ".tsv.gz", ".txt.gz")
_SAMPLE = 1 << 16  # characters from which the form is found out
_MEMORY = 6  # bytes that a byte of text takes while it is read: strings, numbers, checks
_NUMBER = re.compile(r"\s*[-+]?(\d+[.,]?\d*|[.,]\d+)([eE][-+]?\d+)?\s*")
_DECIMAL_COMMA = re.compile(r"\s*[-+]?\d*(\.\d{3})*,\d+\s*")
_THOUSANDS = re.compile(r"\s*[-+]?\d{1,3}(\.\d{3})+,\d+\s*")  # 1.234,5
_GROUPED = re.compile(r"[-+]?\d{1,3}(\.\d{3})+")  # 1.234


class Form(NamedTuple):
    """How a file is written."""

    encoding: str
    separator: str
    decimal: str
    thousands: str | None
    header: list[str] | None  # None: the first row is data already


def is_csv(path: Path) -> bool:
    """Return whether a file is a CSV file, judging by its name."""
    return path.name.lower().endswith(SUFFIXES)


def read_csv(path: Path, texts: tuple[str, ...] = ()) -> Frame:
    """Return the table in a CSV file; the columns `texts` are read as text, whatever they hold.

    Raises InputError if it is empty, ragged, no text, or does not fit into memory.
    """
    import pandas as pd

    check_regular(path)
    _check_room(path)
    try:
        form = find_form(path)
        rows = _check_rows(path, form)
    except UnicodeError as error:
        where = _first_undecodable(path)
        raise InputError(f"{where}is not in UTF-8; save the file as UTF-8") from error
    except (OSError, EOFError) as error:
        raise InputError(f"cannot be read ({error}); get the file again") from error
    if not rows:
        raise InputError("has no rows below its header; give a file with data")
    try:
        table = pd.read_csv(
            path,
            sep=form.separator,
            decimal=form.decimal,
            encoding=form.encoding,
            header=None if form.header is None else 0,
            dtype=dict.fromkeys(texts, str),
            index_col=False,
            low_memory=False,
        )
    except (ValueError, OverflowError) as error:  # pandas' own errors are ValueErrors
        raise InputError(f"cannot be read as CSV ({error}); save it again as CSV") from error
    if form.header is None:
        table.columns = [f"column {number}" for number in range(1, table.shape[1] + 1)]
    table.columns = [str(name).strip() for name in table.columns]
    if form.decimal == ",":
        for name in table.columns.difference(texts):
            table[name] = _with_points(table[name], form.thousands is not None)
    return table


def _with_points(column: Any, thousands: bool) -> Any:
    """Return a column that pandas did not take for numbers with points in place of commas.

    Only if nine tenths of it are numbers: pandas' own option for thousands would take the date
    26.03.1967 for the number 26031967, and one word among numbers with commas makes all text.
    """
    import pandas as pd

    if pd.api.types.is_numeric_dtype(column) or pd.api.types.is_bool_dtype(column):
        return column
    texts = column.dropna().astype(str).str.strip()
    grouped = texts.str.fullmatch(_GROUPED) & thousands
    commas = texts.str.fullmatch(_DECIMAL_COMMA)
    numbers = grouped | commas | texts.str.fullmatch(_NUMBER)
    if not len(texts) or numbers.mean() < 0.9:
        return column
    plain = texts.mask(grouped | commas, texts.str.replace(".", "").str.replace(",", "."))
    plain = plain.reindex(column.index)
    return pd.to_numeric(plain) if numbers.all() else plain


def find_form(path: Path) -> Form:
    """Return how a CSV file is written, from its first lines."""
    with _opened(path) as file:
        start = file.read(4)
    encoding = "utf-16" if start[:2] in (b"\xff\xfe", b"\xfe\xff") else "utf-8-sig"
    with _text(path, encoding) as file:
        sample = file.read(_SAMPLE)
    if not sample.strip():
        raise InputError("is empty; give a file with a header and rows")
    if "\0" in sample:
        raise InputError("is no text; save it as CSV in UTF-8")
    whole = sample if len(sample) < _SAMPLE else sample.rpartition("\n")[0] or sample
    by_separator = {s: list(_rows(io.StringIO(whole), s))[:50] for s in ",;\t|"}
    separator = max(by_separator, key=lambda s: _columns(by_separator[s]))
    first, *others = by_separator[separator]
    fields = [field for row in others or [first] for field in row]
    commas = sum(bool(_DECIMAL_COMMA.fullmatch(field)) for field in fields)
    points = sum("." in f and bool(_NUMBER.fullmatch(f)) for f in fields)
    has_header = not all(_NUMBER.fullmatch(field) or not field.strip() for field in first)
    decimal = "," if separator != "," and commas > points else "."
    thousands = "." if decimal == "," and any(map(_THOUSANDS.fullmatch, fields)) else None
    return Form(encoding, separator, decimal, thousands, first if has_header else None)


def line_of(path: Path, row: int) -> int:
    """Return the line of a file on which a row of its table ends; rows count from 0."""
    form = find_form(path)
    with _text(path, form.encoding) as file:
        reader = csv.reader(file, delimiter=form.separator)
        rows = (reader.line_num for fields in reader if any(map(str.strip, fields)))
        for _ in range(row + (form.header is not None)):
            next(rows)
        return next(rows)


def _columns(rows: list[list[str]]) -> float:
    """Return the number of columns if a separator is right: all rows have as many, mostly."""
    counts = [len(row) for row in rows]
    usual = max(set(counts), key=counts.count)
    return usual * counts.count(usual) / len(counts) if usual > 1 else 0


def _check_rows(path: Path, form: Form) -> int:
    """Return the number of rows. Raises InputError if one has more or fewer fields than the first.

    pandas would take a short row for one with gaps.
    """
    rows, width = -(form.header is not None), None
    with _text(path, form.encoding) as file:
        reader = csv.reader(file, delimiter=form.separator)
        try:
            for fields in reader:
                if not fields or (len(fields) == 1 and not fields[0].strip()):
                    continue
                width = width or len(fields)
                if len(fields) != width:
                    raise InputError(
                        f"line {reader.line_num} has {len(fields)} fields, but the first row has"
                        f" {width}; correct one of them"
                    )
                rows += 1
        except csv.Error as error:
            raise InputError(f"line {reader.line_num} is no CSV ({error}); correct it") from error
    return rows


def _rows(file: IO[str], separator: str) -> Iterator[list[str]]:
    return (row for row in csv.reader(file, delimiter=separator) if any(map(str.strip, row)))


def _opened(path: Path) -> IO[bytes]:
    return gzip.open(path) if path.suffix == ".gz" else path.open("rb")  # type: ignore[return-value]


def _text(path: Path, encoding: str) -> IO[str]:
    return io.TextIOWrapper(_opened(path), encoding, newline="")


def _first_undecodable(path: Path) -> str:
    """Return "line 7 " for the first line that is not UTF-8."""
    with _opened(path) as file:
        for number, line in enumerate(file, 1):
            try:
                line.decode()
            except UnicodeDecodeError:
                return f"line {number} "
    return ""


def _check_room(path: Path) -> None:
    size = path.stat().st_size * (8 if path.suffix == ".gz" else 1)
    needed, room = size * _MEMORY, available()
    if needed > room:
        raise InputError(
            f"holds {size / 1e9:,.1f} GB of text, which take about {needed / 1e9:,.1f} GB of"
            f" memory, but {room / 1e9:,.1f} GB are free; give fewer rows or columns"
        )
