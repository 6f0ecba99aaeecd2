"""From solved exercises to stubs and back, and what notebooks hold."""

import json
import re

import pytest

from minae.course import notebooks, source

from .conftest import EXERCISES


def test_stubs_differ_from_the_solved_file_in_the_answers_alone(course):
    stubs = source.stubs(course[0])
    assert "halved_so_far" not in stubs
    assert "SOLUTION" not in stubs
    assert stubs == re.sub(
        r"( +)### BEGIN.*?### END SOLUTION\n",
        lambda found: f"{found[1]}raise NotImplementedError(TASK)\n",
        EXERCISES,
        flags=re.DOTALL,
    ).replace("TASK", '"exercise 1.1: twice [as] much"', 1).replace(
        "TASK", '"exercise 1.2: how often"', 1
    )


def test_one_stub_leaves_the_other_answers(course):
    double, halves = course[0].exercises
    text = source.stub_of(halves, EXERCISES)
    assert source.function(text, "double") == source.function(EXERCISES, "double")
    assert "halved_so_far" not in text
    assert source.answer(double).strip().startswith("doubled_by_the_factor =")


def test_a_solution_has_its_decorator_and_no_markers(course):
    text = source.solution(course[0].exercises[1])
    assert text.startswith("@cache\ndef halves(n):")
    assert "return halved_so_far" in text
    assert "SOLUTION" not in text


@pytest.mark.parametrize(
    "written",
    [
        "def double(x):\n    return 7  # mine\n",
        "def double(x):\n    return 7",
        "@staticmethod\n@print\ndef double(x):\n    return 7\n    # the end\n",
        "def double(x):\n    return 5\n\n\ndef double(x):\n    return 7\n",
        "TEXT = 'a form feed \x0c in a line'\n\n\ndef double(x):\n    return 7\n",
    ],
    ids=["plain", "no newline", "decorated", "twice", "form feed"],
)
def test_reset_replaces_the_one_function(course, written):
    other = "def halves(n):\n    return 'mine'\n\n\n"
    text = source.reset(course[0].exercises[0], other + written)
    assert text.startswith(other)
    assert text.endswith('raise NotImplementedError("exercise 1.1: twice [as] much")\n')
    for gone in ("return 7", "@print", "the end"):
        assert gone not in text
    assert "TEXT" in text or "TEXT" not in written


@pytest.mark.parametrize("text", ["def double(x:\n", "x = 1\n", ""])
def test_reset_refuses_what_holds_no_such_function(course, text):
    with pytest.raises(ValueError, match=r"no Python|no function double"):
        source.reset(course[0].exercises[0], text)


def test_a_lesson_is_made_a_notebook(course):
    pytest.importorskip("jupytext")
    cells = notebooks.cells_of(notebooks.lesson_notebook(course[0]))
    assert cells == ["# Numbers", 'print("a lesson")']


def cleared(text: str) -> str:
    """Cut answers out as nbgrader's ClearSolutions is documented to."""
    notebook = json.loads(text)
    for cell in notebook["cells"]:
        if cell["metadata"].get("nbgrader", {}).get("solution"):
            lines, inside = [], False
            for line in cell["source"].split("\n"):
                if "BEGIN SOLUTION" in line:
                    inside = True
                    indent = line[: len(line) - len(line.lstrip())]
                    lines.append(f"{indent}# YOUR CODE HERE\n{indent}raise NotImplementedError()")
                elif "END SOLUTION" in line:
                    inside = False
                elif not inside:
                    lines.append(line)
            cell["source"] = "\n".join(lines)
    return json.dumps(notebook)


def cleared_by_nbgrader(text: str) -> str:
    preprocessors = pytest.importorskip("nbgrader.preprocessors")
    import nbformat

    notebook = nbformat.reads(text, as_version=4)
    notebook, _ = preprocessors.ClearSolutions().preprocess(notebook, {})
    return nbformat.writes(notebook)


@pytest.mark.parametrize("clear", [cleared, cleared_by_nbgrader])
def test_nbgrader_clears_the_exercises(course, clear):
    solved = notebooks.exercises_notebook(course[0])
    text = clear(solved)
    assert "halved_so_far" in solved
    for answer in ("halved_so_far", "doubled_by_the_factor", "SOLUTION"):
        assert answer not in text
    cells = "\n".join(notebooks.cells_of(text))
    assert cells.count("raise NotImplementedError") == 2
    for kept in ("FACTOR = 2", "@cache", "Return twice x", "return count(n)", "WORDS = ("):
        assert kept in cells


def test_an_exercises_notebook_is_well_formed_and_grades(course):
    text = notebooks.exercises_notebook(course[0])
    nbformat = pytest.importorskip("nbformat")
    nbformat.validate(nbformat.reads(text, as_version=4))
    kinds = [cell["metadata"].get("nbgrader", {}) for cell in json.loads(text)["cells"]]
    ids = [kind["grade_id"] for kind in kinds if kind]
    assert len(set(ids)) == len(ids)
    assert sum(kind.get("points", 0) for kind in kinds) == 2
    scope = {}
    for cell in json.loads(text)["cells"]:
        if cell["cell_type"] == "code":
            exec(cell["source"], scope)
    with pytest.raises(AssertionError, match=r"double\(3\)"):
        notebooks.check("1.1", scope | {"double": lambda x: x})
