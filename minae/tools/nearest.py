"""What is alike: the rows of data whose codes are nearest to that of a query.

Near means by Euclidean distance. By the angle between codes, up to 2 more of 100 neighbours have
the query's label if codes are long (mnist5k, 20 and 32 numbers), but 4 to 15 fewer if they are of 2
numbers; and codes near 0 have no angle.

Of texts, near means by the angle, as 1 - cosine, if codes have more than 3 numbers: 4 more of 100
neighbours have the query's label (documents, 5, 10 and 32 numbers; of TREC's questions 4 by a model
of documents, and none by one of sequences), but 1 fewer with 3 numbers, and 12 with 2. By the
inputs, texts are near if they share many rare words: 1 - cosine of tf-idf.
"""

import shutil
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from minae.data import Split
from minae.data.kinds import AudioKind, ImageKind, Kind, SeriesKind, TableKind, TextKind
from minae.data.kinds.table import OTHER
from minae.errors import InputError
from minae.files import write_whole
from minae.kernels import use_backend
from minae.report import print_rows, print_table
from minae.tools.bags import fit_tfidf
from minae.tools.embed import check_apart, check_model, check_out, encode
from minae.tools.kept import FEWEST, kept_codes
from minae.tools.naming import Query, find_query, labels_of, name_column, names_of, read_rows, stem
from minae.tools.texts import line_of
from minae.train.runs import Run

if TYPE_CHECKING:
    from matplotlib.figure import Figure

MOST_COLUMNS = 15  # of a table that are printed
MOST_FLAT = 3  # numbers of a text's code that are a place, more than a direction
MOST_UNKNOWN = 8  # words of a query that are printed
ROUNDING = 1e-6  # of the length of a code, float32
AT_ONCE = 4096  # rows whose distances are computed together


def nearest(run: Run, data: str, query: str, count: int, out: Path | None) -> bool:
    """Print the `count` rows of `data` whose codes are nearest to the query's, and show them.

    `query` is the name of a row, or its number if rows have no names; a time in a window of a
    series; a file of one row; or, of texts, any text. Images, windows and sounds are drawn to
    `out`, by default in the run's folder; texts and rows of a table are printed. Windows that
    overlap the query or each other count as one. Returns whether all rows could be used.

    Raises InputError if there is no such query, the model has no codes, or rows are too few, and
    FloatingPointError if the codes are nan or infinite.
    """
    if out and isinstance(run.kind, TableKind | TextKind):
        raise InputError(f"{run.kind.row}s are printed, not drawn: leave out --out")
    out = out or run.folder / f"nearest-{stem(data)}.png"
    check_model(run)
    check_out(out, run, data, query)
    rows, whole = read_rows(run, data)
    asked = find_query(run, rows, query, data)
    codes, kept = kept_codes(run, rows, place := run.folder / f"nearest-{stem(data)}.safetensors")
    check_apart(codes)
    with use_backend("reference"):  # one row is done before compiled kernels are loaded
        code = encode(run, asked.row)
    by_code = code_distances(run.kind, codes, code)
    by_inputs = input_distances(run.kind, rows, asked.row)
    places, reach = places_of(run, rows)
    found, others = (pick(d, places, reach, asked.index, count) for d in (by_code, by_inputs))
    if len(found) < count:
        what = "windows that do not overlap" if reach > 1 else "rows beside the query"
        raise InputError(f"{data} has {len(found)} {what}, fewer than -n {count}: ask for fewer")
    names = names_of(rows)
    same = np.abs(places[found, None] - places[others]) < reach  # (count, count)
    rank = [str(1 + each.argmax()) if each.any() else f"> {count}" for each in same]
    columns = [[names[i] for i in found], by_code[found].tolist(), rank]
    header = [name_column(run, rows), "distance", "rank by inputs"]
    labels = labels_of(run, rows)
    if labels is not None:
        header.append("label")
        columns.append([str(labels[i]) for i in found])
    print_table(tuple(header), list(zip(*columns, strict=True)), f"nearest to {asked.name}")
    if rows.texts is not None:
        print_texts(rows.texts[found])
    lines = summary(run, rows, asked, found, others, int(same.any(axis=1).sum()))
    if len(rows) >= FEWEST:
        lines.append(("codes", f"{'kept' if kept else 'made now, and kept'} in {place}"))
    print_rows(lines)
    if isinstance(run.kind, TableKind):
        print_columns(run.kind, rows, asked, found)
    elif isinstance(run.kind, ImageKind | SeriesKind | AudioKind):
        from minae.plots import as_png

        write_whole(out, as_png(picture(run.kind, rows, asked, found, others)))
        print("wrote", out, sep="\n  ")
    return whole


def distances(rows: np.ndarray, query: np.ndarray) -> np.ndarray:
    """Return the Euclidean distance of each of the rows (N, ...) from a query (1, ...): (N,)."""
    parts = (rows[i : i + AT_ONCE] for i in range(0, len(rows), AT_ONCE))
    squares = (np.square(np.subtract(part, query, dtype=np.float64)) for part in parts)
    return np.sqrt(np.concatenate([part.reshape(len(part), -1).sum(axis=1) for part in squares]))


def code_distances(kind: Kind, codes: np.ndarray, code: np.ndarray) -> np.ndarray:
    """Return how far each of the codes (N, Z) is from another (1, Z): (N,).

    What two backends make of the same row differs by less than ROUNDING, which counts as 0.
    """
    if isinstance(kind, TextKind) and codes.shape[1] > MOST_FLAT:
        return np.round(angles(codes, code), 9)
    found = distances(codes, code)
    found[found < ROUNDING * np.linalg.norm(code)] = 0
    return found


def angles(rows: np.ndarray, query: np.ndarray) -> np.ndarray:
    """Return 1 - the cosine of the angle between each of the rows (N, Z) and a query (1, Z): (N,).

    A row of zeros is as far as one at a right angle.
    """
    y = query[0].astype(np.float64)
    norm, cosines = np.linalg.norm(y), []
    for i in range(0, len(rows), AT_ONCE):
        x = rows[i : i + AT_ONCE].astype(np.float64)
        norms = np.linalg.norm(x, axis=1) * norm
        cosines.append(x @ y / np.maximum(norms, np.finfo(float).tiny))
    return np.maximum(1 - np.concatenate(cosines), 0)  # not -1e-16


def input_distances(kind: Kind, rows: Split, query: Split) -> np.ndarray:
    """Return how far each of the rows is from a query, by the inputs: (N,)."""
    if not isinstance(kind, TextKind):
        return distances(rows.inputs, query.inputs)
    tfidf = fit_tfidf(rows.inputs, len(kind.vocabulary))
    return tfidf.distances(rows.inputs, query.inputs)


def places_of(run: Run, rows: Split) -> tuple[np.ndarray, float]:
    """Return where each row is (N,), and how far another has to be so that it is another one.

    Windows that share readings are the same stretch of a series: without this, the nearest to a
    window would be those that begin one reading before and after it.
    """
    kind, names = run.kind, rows.names
    if not isinstance(kind, SeriesKind) or names is None:
        return np.arange(len(rows)), 1
    if not kind.step:
        return names, kind.window
    seconds = (names - names[0]) / np.timedelta64(1, "us") / 1e6
    return seconds, kind.step * (kind.window - 0.5)


def pick(
    distances: np.ndarray, places: np.ndarray, reach: float, own: int | None, count: int
) -> list[int]:
    """Return the indices of the nearest rows, `reach` apart from each other and from row `own`."""
    left, found = distances.copy(), []  # (N,)
    taken = own
    while len(found) < count:
        if taken is not None:
            left[np.abs(places - places[taken]) < reach] = np.inf
        taken = int(left.argmin())
        if left[taken] == np.inf:
            break
        found.append(taken)
    return found


def summary(
    run: Run, rows: Split, asked: Query, found: list[int], others: list[int], same: int
) -> list[tuple[str, str]]:
    """Return lines on how far codes and inputs agree, with each other and with the labels."""
    count = len(found)
    lines = []
    if count_unknown := len(asked.unknown):
        more = f" and {count_unknown - MOST_UNKNOWN} more" if count_unknown > MOST_UNKNOWN else ""
        lines.append(("unknown", ", ".join(asked.unknown[:MOST_UNKNOWN]) + more))
    lines += [("agreement", f"{same} of {count} are also among the {count} nearest by the inputs")]
    labels, label = labels_of(run, rows), labels_of(run, asked.row)
    if labels is not None and label is not None and label[0] != OTHER:
        by_code, by_inputs = ((labels[chosen] == label).sum() for chosen in (found, others))
        theirs = f"of those nearest by the inputs {by_inputs}"
        lines.append(("label", f"{by_code} of {count} have the query's, {label[0]}; {theirs}"))
    return lines


def print_texts(texts: np.ndarray) -> None:
    """Print the beginnings of texts, a line each, as wide as the terminal."""
    room = shutil.get_terminal_size().columns - 4
    for rank, text in enumerate(texts, 1):
        print(f"{rank:2}  {line_of(text, room)}")


def print_columns(kind: TableKind, rows: Split, asked: Query, found: list[int]) -> None:
    """Print what query and neighbours have in each column, in the table's own units."""
    frames = [
        kind.decode(part.inputs, part.gaps) for part in (asked.row, rows.take(np.array(found)))
    ]
    lines = []
    for column in kind.parts[:MOST_COLUMNS]:
        values = [value for frame in frames for value in frame[column]]
        texts = (f"{v:.5g}" if isinstance(v, float) and v == v else str(v) for v in values)
        lines.append((column, *("" if text == "nan" else text for text in texts)))
    header = ("column", "query", *(str(rank + 1) for rank in range(len(found))))
    print_table(header, lines)
    if len(kind.parts) > MOST_COLUMNS:
        print(f"the first {MOST_COLUMNS} of {len(kind.parts)} columns")


def picture(
    kind: ImageKind | SeriesKind | AudioKind,
    rows: Split,
    asked: Query,
    found: list[int],
    others: list[int],
) -> "Figure":
    """Draw images behind the query, by code and by inputs; sounds by code; or windows below it."""
    from minae import plots

    query = asked.row.inputs
    if isinstance(kind, ImageKind):
        both = {"by code": found, "by pixels": others}
        strips = {
            name: np.concatenate([query, rows.inputs[chosen]]) for name, chosen in both.items()
        }
        return plots.strips(strips, "The query, and what is nearest to it")
    names = names_of(rows)
    if isinstance(kind, AudioKind):
        sounds = kind.unscaled(np.concatenate([query, rows.inputs[found]]))
        words = [f"query {asked.name}", *(f"{rank}: {names[i]}" for rank, i in enumerate(found, 1))]
        title = "The query, and the sounds nearest to it by code"
        return plots.spectrograms({"": sounds}, words, kind.frequencies, kind.seconds, title)
    windows = {f"query {asked.name}": query[0, :, 0]}
    windows |= {f"{rank}: {names[i]}": rows.inputs[i, :, 0] for rank, i in enumerate(found, 1)}
    return plots.lanes(windows, "The query, and the windows nearest to it by code", kind.columns)
