"""What a column of a table holds: numbers, categories, times, or text that is no use to a model."""

import re
import warnings
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from minae.data.delimited import line_of
from minae.errors import InputError

MOST_CATEGORIES = 50  # a column with more different texts is no category
LARGEST = 1e6  # standard deviations: what is farther off is taken as so far, and fits float32
_DATE = re.compile(
    r"\s*(\d{4}[-/.]\d{1,2}([-/.]\d{1,2})?(\D|$)"  # 2014-07-01
    r"|\d{1,2}(?P<between>[-/.])\d{1,2}(?P=between)\d{2,4}(\D|$)"  # 1/7/2014
    r"|\d{1,2}[- ][A-Za-z]{3,9}[-, ]+\d{2,4}"  # 1 July 2014
    r"|[A-Za-z]{3,9} \d{1,2},? \d{4})"  # July 1, 2014
)
_ISO = re.compile(r"\s*\d{4}-\d{2}")
_CLOCK = re.compile(r"\s*\d{1,2}[:.]\d{2}([:.]\d{2})?\s*")
_TIMES = ("time", "timestamp", "datetime", "date", "epoch", "unix", "ts")
# seconds, and smaller parts of them, since 1970
_UNITS = {"s": 1.0, "ms": 1e3, "us": 1e6, "ns": 1e9}
_OFFSET = re.compile(r"\d(Z|[+-]\d{2}:?\d{2})\s*$")


@dataclass(frozen=True)
class Numbers:
    """A column of numbers, with the mean and standard deviation of the training part."""

    name: str
    mean: float
    std: float
    gaps: bool = False  # some are missing in the training part, which an input of its own tells

    def scaled(self, values: np.ndarray) -> np.ndarray:
        """Return numbers (N,) in standard deviations from the mean, a gap as 0: float32."""
        with np.errstate(over="ignore"):
            scaled = (values - self.mean) / self.std
        return np.clip(np.nan_to_num(scaled, posinf=LARGEST, neginf=-LARGEST), -LARGEST, LARGEST)

    def unscaled(self, inputs: np.ndarray) -> np.ndarray:
        """Return what scaled numbers (N,) stand for, in the decimals that float32 holds: float64.

        So a 1 comes back as 1, and not as 0.9999999.
        """
        distance = inputs.astype(np.float64) * self.std  # from the mean
        values = distance + self.mean
        with np.errstate(all="ignore"):
            places = np.floor(-np.log10(np.abs(distance) * 2.0**-23))
            power = 10 ** np.abs(places)  # exact, as a negative power of 10 is not
            after, before = np.round(values * power) / power, np.round(values / power) * power
        rounded = np.where(places > 0, after, before) + 0.0  # not -0
        return np.where(np.isfinite(rounded), rounded, values)  # not at the mean: no place is last


@dataclass(frozen=True)
class Categories:
    """A column of texts, with those that the training part has."""

    name: str
    values: list[str] = field(default_factory=list)


def fit_numbers(name: str, values: np.ndarray) -> Numbers:
    """Return the mean and standard deviation of numbers (N,), float64 with NaN for gaps.

    A column that does not vary has a standard deviation of 1, so that it is 0 throughout.
    """
    known = values[~np.isnan(values)]
    if not len(known):
        return Numbers(name, 0.0, 1.0, gaps=True)
    largest = np.abs(known).max() or 1.0  # squares of numbers beyond 1e154 would be infinite
    mean, std = (known / largest).mean() * largest, (known / largest).std() * largest
    constant = std <= 1e-9 * abs(mean)  # rounding alone, or nothing
    gaps = len(known) < len(values)
    return Numbers(name, float(mean), 1.0 if constant else float(std), gaps)


def find_kind(column: Any) -> str:
    """Return what a column of a data frame holds: number, category, time, text or nothing."""
    known = column.dropna()
    if not len(known):
        return "nothing"
    if known.dtype == bool or set(map(type, known[:1000])) == {bool}:
        return "category"
    if _is_numeric(known):
        return "time" if _unix_unit(known) else "number"
    texts = known.astype(str)
    if texts[:100].map(lambda text: bool(_DATE.match(text))).mean() >= 0.9:
        return "time"  # with some errors, which `as_times` names
    import pandas as pd

    numbers: Any = pd.to_numeric(texts, errors="coerce")
    if numbers.notna().mean() >= 0.9:
        return "number"  # with some errors, which `as_numbers` names
    different = texts.nunique()
    return "text" if different > min(MOST_CATEGORIES, max(2, len(texts) - 1)) else "category"


def _unix_unit(column: Any) -> str | None:
    """Return the unit of a column of whole numbers if its name says that they are times."""
    if str(column.name).lower() not in _TIMES or column.dtype.kind not in "iu":
        return None
    low, high = column.min(), column.max()  # between 1973 and 2096
    return next((u for u, n in _UNITS.items() if 1e8 * n < low <= high < 4e9 * n), None)


def is_clock(column: Any) -> bool:
    """Return whether a column of a data frame holds times of the day, such as 14:30."""
    known = column.dropna()[:100].astype(str)
    return len(known) > 0 and bool(known.map(lambda text: bool(_CLOCK.fullmatch(text))).all())


def as_numbers(path: Path, column: Any) -> np.ndarray:
    """Return a column as float64 (N,), with NaN for gaps.

    Raises InputError, which names the line, if something is no number, infinite, or a whole number
    of more digits than float64 has.
    """
    import pandas as pd

    if column.dtype == bool:
        return column.to_numpy(np.float64)
    text = not _is_numeric(column)
    numbers: Any = pd.to_numeric(column, errors="coerce") if text else column
    _refuse(path, column, column.notna() & numbers.isna(), "is no number; correct it")
    values = numbers.to_numpy(np.float64, na_value=np.nan)
    _refuse(path, column, np.isinf(values), "is infinite; give a number, or leave it empty")
    whole = np.full(len(values), numbers.dtype.kind in "iu")
    if text:
        whole = column.astype(str).str.strip().str.lstrip("-").str.isdecimal().to_numpy(bool)
    large = whole & (np.abs(values) > 2**53)
    _refuse(path, column, large, "has too many digits for a number; name ids with --id-column")
    return values


def as_texts(column: Any) -> np.ndarray:
    """Return a column as an object array (N,) of texts, with None for gaps."""
    known = column.notna().to_numpy()
    if column.dtype.kind == "f" and (column[known] % 1 == 0).all():
        texts = [f"{value:.0f}" for value in column[known]]  # whole numbers beside gaps
    else:
        texts = [str(value).strip() for value in column[known]]
    texts = [t.capitalize() if t.lower() in ("true", "false") else t for t in texts]
    values = np.full(len(column), None, object)
    values[known] = texts
    return values


def as_times(path: Path, column: Any) -> np.ndarray:
    """Return a column of times as datetime64[us] (N,), in UTC if they name their offsets from it.

    Days come before months if only that makes sense, or makes the steps more regular. Raises
    InputError, which names the line, if something is no time or is missing.
    """
    import pandas as pd

    if column.dtype.kind == "M":
        return column.to_numpy("datetime64[us]")
    _refuse(path, column, column.isna(), "the time is missing; fill it in")
    if _is_numeric(column):
        unit = _unix_unit(column)
        if unit is None:
            raise InputError(f"column {column.name} holds no times; give dates and times")
        return pd.to_datetime(column, unit=unit).to_numpy("datetime64[us]")
    utc = names_offset(column)
    forms: list[dict[str, Any]] = [{}, {"dayfirst": True}]
    if _ISO.match(str(column.iloc[0])):
        forms = [{"format": "ISO8601"}]
    with warnings.catch_warnings(action="ignore"):
        found: list[Any] = [
            pd.to_datetime(column, errors="coerce", utc=utc, **form) for form in forms
        ]
    best = max(found, key=lambda times: (times.notna().mean(), _regularity(times)))
    _refuse(path, column, best.isna(), "is no time like those before; correct it")
    return (best.dt.tz_localize(None) if utc else best).to_numpy("datetime64[us]")


def names_offset(column: Any) -> bool:
    """Return whether a column's times name their offsets from UTC: 2024-03-01T00:00:00+01:00."""
    return len(column) > 0 and bool(_OFFSET.search(str(column.iloc[0])))


def _regularity(times: Any) -> float:
    """Return the share of steps that are equal to the most frequent one."""
    steps = times.diff().dropna()
    return float(steps.value_counts(normalize=True).iloc[0]) if len(steps) else 0.0


def _is_numeric(column: Any) -> bool:
    return column.dtype.kind in "iuf"


def _refuse(path: Path, column: Any, wrong: Any, why: str) -> None:
    """Raise InputError about the first wrong entry of a column."""
    wrong = np.asarray(wrong, bool)
    if wrong.any():
        row = int(wrong.argmax())
        more = f" (and {wrong.sum() - 1:,} more)" if wrong.sum() > 1 else ""
        value = "" if column.isna().iloc[row] else f"{str(column.iloc[row])[:40]!r} "
        where = (
            f"line {line_of(path, row)}" if path.suffix not in (".npy", ".npz") else f"row {row}"
        )
        raise InputError(f"{where}, column {column.name}: {value}{why}{more}")
