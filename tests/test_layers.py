"""Who may import whom: a module imports from its own layer and the layers below it, never above."""

import ast
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
LAYERS = [
    {"errors", "kernels"},
    {"files", "workers", "random", "dtypes", "grad_mode"},
    {"versions", "tensor", "op", "autograd"},
    {"ops"},
    {"creation", "nn", "gradcheck", "diagnosis"},
    {"optim"},
    {"metrics", "report", "metadata", "data", "plots"},
    {"checkpoint"},
    {"models"},
    {"train"},
    {"tools"},
    {"bench", "course"},
    {"cli"},
]
LEVEL = {part: level for level, parts in enumerate(LAYERS) for part in parts}
FILES = [
    *(
        path
        for path in (ROOT / "minae").rglob("*.py")
        if path.parent.name + path.stem != "minae__init__"
    ),
    *(ROOT / "kernels").rglob("*.py"),
]


def part_of(path: Path) -> str:
    parts = path.relative_to(ROOT).with_suffix("").parts
    return "kernels" if parts[0] == "kernels" else parts[1]


def imported(path: Path):
    nodes = list(ast.walk(ast.parse(path.read_text(encoding="utf-8"))))
    blocks = [n for n in nodes if isinstance(n, ast.If) and ast.unparse(n.test) == "TYPE_CHECKING"]
    never_run = {node for block in blocks for node in block.body}
    for node in nodes:
        if node in never_run:
            continue
        if isinstance(node, ast.ImportFrom) and node.module == "minae":
            yield from (name.name for name in node.names)
        elif isinstance(node, ast.ImportFrom) and (node.module or "").startswith("minae."):
            yield node.module.split(".")[1]


@pytest.mark.parametrize("path", FILES, ids=lambda path: str(path.relative_to(ROOT)))
def test_imports_go_downwards(path):
    own = part_of(path)
    for other in imported(path):
        if other in LEVEL:
            assert LEVEL[other] <= LEVEL[own], f"{own} imports {other}"
            if own == "kernels":
                assert other == "kernels", "the kernels know nothing of the rest"


def test_every_part_has_a_layer():
    assert {part_of(path) for path in FILES} - {"__main__"} == set(LEVEL)
