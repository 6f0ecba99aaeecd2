"""From the solved exercises to what a student gets, and back to a single answer.

There is one source: exercises.py, with each answer between two comments, nbgrader's markers. In a
student's file `raise NotImplementedError("exercise 4.2: ...")` stands in place of the answer.
"""

import ast
import io
import re
import tokenize
from functools import cache

from minae.course.lessons import Exercise, Lesson

BEGIN, END = "### BEGIN SOLUTION", "### END SOLUTION"
ANSWER = re.compile(rf"( *){BEGIN}\n(.*?) *{END}\n", re.DOTALL)
# Comments, line breaks and indentation make no other answer.
UNSEEN = {tokenize.ENCODING, tokenize.COMMENT, tokenize.NL}
LAYOUT = {tokenize.NEWLINE, tokenize.INDENT, tokenize.DEDENT}
DOCSTRING = re.compile(r"\w*[\"']")


@cache
def stubs(lesson: Lesson) -> str:
    """Return the lesson's exercises.py as students get it, without the answers."""
    text = lesson.text("exercises.py")
    for exercise in lesson.exercises:
        text = _with(text, exercise, function(stub_of(exercise, text), exercise.name))
    return text


def stub_of(exercise: Exercise, text: str) -> str:
    """Return the file with this exercise's answer cut out, and all others as they are."""
    solved = function(text, exercise.name)
    refusal = f'raise NotImplementedError("{exercise.task}")\n'
    return _with(text, exercise, ANSWER.sub(lambda found: found[1] + refusal, solved))


def solution(exercise: Exercise) -> str:
    """Return the solved function, without the markers."""
    return ANSWER.sub(r"\2", function(exercise.lesson.text("exercises.py"), exercise.name))


def answer(exercise: Exercise) -> str:
    """Return the lines that are the answer, "" without markers."""
    found = ANSWER.search(function(exercise.lesson.text("exercises.py"), exercise.name))
    return found[2] if found else ""


def reset(exercise: Exercise, text: str) -> str:
    """Return a student's file with this exercise's stub in place of their answer.

    Raises ValueError if the file cannot be read as Python, or has no such function.
    """
    return _with(text, exercise, function(stubs(exercise.lesson), exercise.name))


def function(text: str, name: str) -> str:
    """Return the lines of a function. Raises ValueError if there is none of that name."""
    return _cut(text, name)[1]


def _with(text: str, exercise: Exercise, lines: str) -> str:
    before, _, after = _cut(text, exercise.name)
    return before + lines + after


def _cut(text: str, name: str) -> tuple[str, str, str]:
    """Return what is before a function, the function with all its comments, and what is after."""
    try:
        body = ast.parse(text).body
    except SyntaxError as error:
        raise ValueError(f"line {error.lineno} is no Python: {error.msg}") from error
    except (RecursionError, MemoryError) as error:  # thousands of brackets or signs
        raise ValueError("is nested too deeply to be read as Python") from error
    # The lines as Python counts them: str.splitlines also ends one at a form feed.
    lines = io.StringIO(text).readlines()
    for node in reversed(body):  # the last one is in force
        if isinstance(node, ast.FunctionDef) and node.name == name:
            first = min([node.lineno, *(d.lineno for d in node.decorator_list)]) - 1
            last = node.end_lineno or first
            while last < len(lines) and re.match(r"[ \t]+#", lines[last]):
                last += 1  # the marker at the end is a comment, which the parser leaves out
            return "".join(lines[:first]), "".join(lines[first:last]), "".join(lines[last:])
    raise ValueError(f"there is no function {name}")


def functions_of(text: bytes) -> dict[str, list[str]]:
    """Return the tokens of each function without its docstring; {} if this is no Python.

    The text is cut into tokens, not parsed: a parser can be made to crash.
    """
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
