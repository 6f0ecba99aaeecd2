"""What is printed: one screen, letter by letter."""

from pathlib import Path

import pytest

from minae.course import show
from minae.course.runner import FAILED, PASSED, UNSOLVED, Verdict

LONG = "\n".join(f"line {i}" + " and more" * 100 for i in range(1000))


@pytest.mark.parametrize(
    ("found", "said"),
    [
        (Verdict(PASSED), ["passed"]),
        (Verdict(PASSED, output="hello\n"), ["passed", "your code printed:", "hello"]),
        (Verdict(UNSOLVED, where="line 3: x[/b]"), ["not written yet: line 3: x[/b]"]),
        (
            Verdict(FAILED, "is twice", "x[:100:] is [red] 3", "line 4: y"),
            ["not right yet: is twice", "x[:100:] is [red] 3", "line 4: y"],
        ),
        (
            Verdict(FAILED, "a", LONG, "line 5: z", LONG, LONG),
            ["line 0 ", "line 999", "lines left out", "line 5: z"],
        ),
    ],
    ids=["passed", "prints", "unsolved", "brackets", "long"],
)
def test_a_verdict_is_one_screen(exercise, capsys, found, said):
    show.verdict(exercise, Path("my[red]folder") / "exercises.py", found)
    out = capsys.readouterr().out
    assert out.startswith("1.1 twice [as] much (double in my[red]folder/exercises.py)\n")
    for part in said:
        assert part in out
    assert len(out.splitlines()) <= 40
    assert max(map(len, out.splitlines())) < 400


def test_the_trace_is_shown_where_asked(exercise, capsys):
    found = Verdict(FAILED, "a", "b", "", "Traceback of [it]")
    show.verdict(exercise, Path("x.py"), found, verbose=True)
    assert "Traceback of [it]" in capsys.readouterr().out


def test_a_solution_is_shown_as_a_change(exercise, tmp_path, capsys):
    path = tmp_path / "exercises.py"
    path.write_text("def double(x):\n    return x + x\n")
    show.solution(exercise, path)
    out = capsys.readouterr().out
    assert "-    return x + x" in out
    assert "+    doubled_by_the_factor = FACTOR * x" in out


def test_what_next(exercise, capsys):
    show.what_next(exercise)
    show.what_next(None)
    out = capsys.readouterr().out
    assert "Next: 1.1 twice [as] much, about 1 minutes." in out
    assert "solved them all" in out
