"""From the solved exercises to what a student gets, and back to a single answer.

In exercises.py an answer stands between two comments, nbgrader's markers. In a student's file the
line `raise NotImplementedError("exercise 4.2: ...")` stands there instead. So there is one source.
"""

import ast
import io
import re

from minae.course.lessons import Exercise, Lesson

BEGIN, END = "### BEGIN SOLUTION", "### END SOLUTION"
ANSWER = re.compile(rf"( *){BEGIN}\n(.*?) *{END}\n", re.DOTALL)


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
    solved = function(exercise.lesson.text("exercises.py"), exercise.name)
    return ANSWER.sub(r"\2", solved)


def answer(exercise: Exercise) -> str:
    """Return the lines that are the answer, "" without markers."""
    found = ANSWER.search(function(exercise.lesson.text("exercises.py"), exercise.name))
    return found[2] if found else ""


def reset(exercise: Exercise, text: str) -> str:
    """Return a student's file with this exercise's stub in place of what was written.

    Raises ValueError if the file cannot be read as Python, or has no such function.
    """
    return _with(text, exercise, function(stubs(exercise.lesson), exercise.name))


def function(text: str, name: str) -> str:
    """Return the lines of a function. Raises ValueError if there is none of that name."""
    start, stop = _lines(text, name)
    return "".join(_split(text)[start:stop])


def _with(text: str, exercise: Exercise, lines: str) -> str:
    start, stop = _lines(text, exercise.name)
    kept = _split(text)
    return "".join([*kept[:start], lines, *kept[stop:]])


def _lines(text: str, name: str) -> tuple[int, int]:
    """Return the first line of a function and the one after its last, comments there included."""
    try:
        body = ast.parse(text).body
    except SyntaxError as error:
        raise ValueError(f"line {error.lineno} is no Python: {error.msg}") from error
    except (RecursionError, MemoryError) as error:  # thousands of brackets or signs
        raise ValueError("is nested too deeply to be read as Python") from error
    lines = _split(text)
    for node in reversed(body):  # the last one is in force
        if isinstance(node, ast.FunctionDef) and node.name == name:
            first = min([node.lineno, *(d.lineno for d in node.decorator_list)]) - 1
            last = node.end_lineno
            while last < len(lines) and re.match(r"[ \t]+#", lines[last]):
                last += 1  # the marker at the end is a comment, which the parser leaves out
            return first, last
    raise ValueError(f"there is no function {name}")


def _split(text: str) -> list[str]:
    """Return the lines as Python counts them: str.splitlines also ends one at a form feed."""
    return io.StringIO(text).readlines()
