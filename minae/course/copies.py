"""Finds answers that several submissions share, or that are our own."""

import io
import re
import tokenize
from collections import defaultdict

from minae.course.handed_in import Submission
from minae.course.lessons import Exercise
from minae.course.runner import Verdict

SHORT = 30  # tokens: names, numbers, signs. Shorter answers agree by chance.
OURS = "our solution"
# Comments, line breaks and indentation make no other answer.
UNSEEN = {tokenize.ENCODING, tokenize.COMMENT, tokenize.NL}
LAYOUT = {tokenize.NEWLINE, tokenize.INDENT, tokenize.DEDENT}
DOCSTRING = re.compile(r"\w*[\"']")


def copies(
    submissions: list[Submission], exercises: list[Exercise]
) -> dict[tuple[str, Exercise], list[str]]:
    """Return, by student and exercise, who else has the same answer."""
    owners = defaultdict(list)
    ours = {e.lesson.name: e.lesson.text("exercises.py").encode() for e in exercises}
    for student, files in [*((s.student, s.files) for s in submissions), (OURS, ours)]:
        functions = {name: functions_of(text) for name, text in files.items()}
        for exercise in exercises:
            tokens = functions[exercise.lesson.name].get(exercise.name, [])
            if len(tokens) >= SHORT:
                owners[exercise, " ".join(tokens)].append(student)
    return {
        (one, exercise): [other for other in same if other != one]
        for (exercise, _), same in owners.items()
        for one in same
        if len(same) > 1
    }


def functions_of(text: bytes | Verdict) -> dict[str, list[str]]:
    """Return the tokens of each function without its docstring; {} if this is no Python.

    The text is cut into tokens, not parsed: a parser can be made to crash.
    """
    if isinstance(text, Verdict):
        return {}
    found: dict[str, list[str]] = {}
    statement, depth, last = [], 0, tokenize.NEWLINE
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
