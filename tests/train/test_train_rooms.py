"""Rooms of the training: imports run one way, from a room to those it stands on."""

import ast
from graphlib import TopologicalSorter
from pathlib import Path

import train
from tests.rooms import imports_within, room
from train.engine.manifest import code

STANDS_ON: dict[str | None, set[str]] = {
    "engine": set(),
    "metrics": set(),
    "data": {"engine", "metrics"},
    "models": {"engine", "metrics"},
    "objectives": {"engine", "data", "models"},
    "student": {"engine", "metrics", "data", "models", "objectives"},
    "studies": {"engine", "metrics", "data", "models", "objectives", "student"},
    "reading": {"engine", "metrics", "data", "models"},
    "commands": {"engine", "data", "models", "objectives", "student", "studies", "reading"},
    None: {"commands"},
}
"""The rooms that each imports from; `cli` stands in none."""
LONGEST = 80
"""Lines of a function."""
IMPORTS = imports_within(train)


def test_no_import_comes_back() -> None:
    TopologicalSorter(IMPORTS).prepare()  # raises CycleError


def test_rooms_import_from_those_they_stand_on() -> None:
    for module, others in IMPORTS.items():
        own = room(module)
        strange = {room(other) for other in others} - {own} - STANDS_ON[own]
        assert not strange, f"{module} imports from {strange}"


def test_no_two_rooms_stand_on_each_other() -> None:
    TopologicalSorter(STANDS_ON).prepare()


def test_each_arrow_is_there() -> None:
    """What no module makes use of is no arrow."""
    found: dict[str | None, set[str | None]] = {own: set() for own in STANDS_ON}
    for module, others in IMPORTS.items():
        found[room(module)] |= {room(other) for other in others} - {room(module)}
    assert found == STANDS_ON


def test_systems_do_not_know_each_other() -> None:
    """Of the studies, folders share what lies beside them alone."""
    for module, others in IMPORTS.items():
        folder = module.split(".")[2:3] if module.count(".") == 3 else []
        strange = {o for o in others if o.count(".") == 3 and o.split(".")[2:3] != folder}
        assert not folder or not strange, f"{module} imports {strange}"


def test_editing_a_figure_voids_no_results() -> None:
    """Results are bound to what a study's jobs import."""
    jobs = [module for module in IMPORTS if module.endswith(".jobs")]
    assert len(jobs) == 5
    for module in jobs:
        assert not [name for name in code(module) if name.endswith((".figures", ".study"))]


def test_functions_can_be_read_at_a_glance() -> None:
    for path in Path(str(train.__file__)).parent.rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.FunctionDef):
                length = (node.end_lineno or 0) - node.lineno + 1
                assert length <= LONGEST, f"{path}: {node.name} has {length} lines"
