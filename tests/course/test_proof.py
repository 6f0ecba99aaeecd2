"""The proof that checks tell the truth finds every gap there can be."""

from minae.course import proof

from .conftest import CHECKS, DESCRIPTION, EXERCISES, LESSON, MUTANTS, write_lesson

SECONDS = 4
SAME = 'def double__same(x):\n    """Not doubled."""\n    '
RIGHT = 'def double__right(x):\n    """Right."""\n    return x + x\n\n\n'
ANSWER = "doubled_by_the_factor = FACTOR * x"


def changed(text: str, *changes: tuple[str, str]) -> str:
    for old, new in changes:
        assert old in text
        text = text.replace(old, new)
    return text


VARIANTS = {  # what is changed in a lesson, and the gaps that are found then
    "sound": ({}, []),
    "a right mutant": ({"mutants": MUTANTS + RIGHT}, ["1.1 double__right: no check rejects it"]),
    "a mutant hangs": (
        {"mutants": changed(MUTANTS, (SAME, f"{SAME}while True: pass\n    "))},
        [f"1.1 double__same: it was still running after {SECONDS} seconds"],
    ),
    "a mutant ends Python": (
        {"mutants": changed(MUTANTS, (SAME, f"{SAME}__import__('os')._exit(0)\n    "))},
        ["1.1 double__same: it ended Python"],
    ),
    "a slip in a mutant": (
        {"mutants": changed(MUTANTS, (SAME, f"{SAME}return y\n    "))},
        ["1.1 double__same: a slip in it: name 'y' is not defined"],
    ),
    "a mutant is called otherwise": (
        {"mutants": changed(MUTANTS, ("double__same(x)", "double__same(y)"))},
        ["1.1 double__same: it takes (y), the answer (x)"],
    ),
    "a mutant without a docstring": (
        {"mutants": changed(MUTANTS, ('    """Not doubled."""\n', ""))},
        ["1.1 double__same: it has no docstring"],
    ),
    "too few mutants, and a stray": (
        {"mutants": changed(MUTANTS, ("double__same", "doubel__same"))},
        [
            "1.1 its description: 3 mutants, of which 4 are asked",
            "1.2 its description: doubel__same: named after no exercise",
        ],
    ),
    "a stray check": (
        {"test_exercises": CHECKS + "\n\ndef test_doubel__x(student):\n    pass\n"},
        [f"1.{i} its description: test_doubel__x: named after no exercise" for i in (1, 2)],
    ),
    "a check that looks at nothing": (
        {"test_exercises": CHECKS + "\n\ndef test_double__nothing(student):\n    pass\n"},
        ["1.1 the stub: 'nothing' passes on the stub"],
    ),
    "a check without a word": (
        {
            "test_exercises": changed(
                CHECKS,
                (
                    'same(student.double(x), 2 * x, f"double({x})")',
                    "assert student.double(x) == 2 * x",
                ),
            )
        },
        [
            f"1.1 double__{name}: 'is twice' rejects it without a word"
            for name in ("square", "same", "list", "sign")
        ],
    ),
    "a wrong solution": (
        {"exercises": changed(EXERCISES, ("so_far = 0", "so_far = 1"))},
        ["1.2 the solution: counts: halves(1) returned 1 expected 0 The first: 1, expected 0"],
    ),
    "the answer is in the lesson": (
        {
            "lesson": LESSON
            + f"\nx = FACTOR = 2\nif x:\n    {ANSWER}  # so\n\n    return doubled_by_the_factor\n"
        },
        [
            "1.1 its answer stands in LESSON/lesson.py",
            "1.1 its answer stands in LESSON/lesson.ipynb",
        ],
    ),
    "no markers": (
        {"exercises": changed(EXERCISES, ("        ### BEGIN SOLUTION\n", ""))},
        [
            "LESSON/exercises.py: a marker is left",
            "LESSON: 2 exercises and 1 answers",
            "1.2 the stub: 'counts' passes on the stub",
        ],
    ),
    "no mutants": (
        {"mutants": "a slip"},
        [
            "1.1 its description: SyntaxError: invalid syntax (mutants.py, line 1)",
            "1.2 its description: SyntaxError: invalid syntax (mutants.py, line 1)",
        ],
    ),
    "no hints": (
        {"toml": changed(DESCRIPTION, ('"n // 2"', '""'))},
        ["1.2 its description: it has not three hints"],
    ),
    "another lesson's number": (
        {"toml": changed(DESCRIPTION, ('"1.2"', '"3.2"'))},
        ["3.2 its description: its lesson is 1"],
    ),
}


def test_every_gap_is_found(tmp_path):
    """All variants are tried in one go."""
    lessons = {
        title: write_lesson(tmp_path / f"01_variant_{number}", **files)
        for number, (title, (files, _)) in enumerate(VARIANTS.items())
    }
    proofs = iter(proof.prove(list(lessons.values()), SECONDS))
    for title, lesson in lessons.items():
        found = next(proofs).gaps + next(proofs).gaps
        found += [gap.replace(lesson.name, "LESSON") for gap in proof.leaks(lesson)]
        assert sorted(found) == sorted(VARIANTS[title][1]), title


def test_the_command_prints_a_table_and_each_gap(course, minae):
    status, out, _ = minae("lessons", "verify")
    assert status == 0
    assert "4 exercises, 16 mutants, 0 gaps" in out
    for part in ("1.1", "twice [as] much", "4 of 4 fail"):
        assert part in out
    (course[1].folder / "mutants.py").write_text(MUTANTS + RIGHT)
    status, out, _ = minae("lessons", "verify", 2)
    assert status == 1
    assert "4 of 5 fail" in out
    assert "2.1 double__right: no check rejects it\n" in out
    assert "2 exercises, 9 mutants, 1 gaps" in out
