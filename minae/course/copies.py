"""Finds answers that are the same text in several submissions, or that are our own."""

import io
import re
import tokenize
from collections import defaultdict
from collections.abc import Iterator

from minae.course.handed_in import Submission
from minae.course.lessons import Exercise
from minae.course.runner import Verdict

SHORT = 30  # tokens: names, numbers, signs. Shorter answers are the same by chance.
OURS = "our solution"
# Neither comments nor how lines are broken and set in make another answer.
UNSEEN = {tokenize.ENCODING, tokenize.COMMENT, tokenize.NL}
LAYOUT = {tokenize.NEWLINE, tokenize.INDENT, tokenize.DEDENT}

DOCSTRING = re.compile(r"\w*[\"']")


def copies(
    submissions: list[Submission], exercises: list[Exercise]
) -> dict[tuple[str, Exercise], list[str]]:
    """Return, by student and exercise, who else has the same answer."""
    owners = defaultdict(list)
    for submission in submissions:
        for exercise, answer in _answers(submission.files, exercises):
            owners[exercise, answer].append(submission.student)
    files = {e.lesson.name: e.lesson.text("exercises.py").encode() for e in exercises}
    for key in _answers(files, exercises):
        owners[key].append(OURS)
    return {
        (one, exercise): [other for other in same if other != one]
        for (exercise, _), same in owners.items()
        for one in same
        if len(same) > 1
    }


def _answers(files: dict, exercises: list[Exercise]) -> Iterator[tuple[Exercise, str]]:
    """Yield the answers in these files, except those that are too short to tell anything."""
    functions = {name: functions_of(text) for name, text in files.items()}
    for exercise in exercises:
        tokens = functions[exercise.lesson.name].get(exercise.name, [])
        if len(tokens) >= SHORT:
            yield exercise, " ".join(tokens)


def functions_of(text: bytes | Verdict) -> dict[str, list[str]]:
    """Return the tokens of each function, without its docstring; of what is no Python, none.

    The text is cut into tokens and not parsed, since a parser can be made to crash.
    """
    if isinstance(text, Verdict):
        return {}
    found, statement, depth, last = {}, [], 0, tokenize.NEWLINE
    try:
        for kind, string, *_ in tokenize.tokenize(io.BytesIO(text).readline):
            if kind in UNSEEN:
                continue
            if kind == tokenize.INDENT:
                if not depth:
                    del statement[2:]  # the arguments
                depth += 1
            elif kind == tokenize.DEDENT:
                depth -= 1
            elif kind not in LAYOUT:
                if not depth and last in (tokenize.NEWLINE, tokenize.DEDENT):
                    statement = []
                statement.append(string)
                if statement[0] == "def" and len(statement) == 2:
                    found[string] = statement
            last = kind
    except (tokenize.TokenError, SyntaxError, ValueError):
        return {}
    bodies = {name: tokens[2:] for name, tokens in found.items()}
    return {name: body[bool(DOCSTRING.match("".join(body[:1]))) :] for name, body in bodies.items()}
