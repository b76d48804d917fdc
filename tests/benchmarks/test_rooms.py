"""Rooms of the benchmarks: imports run one way, and rooms know what all share alone."""

import ast
from graphlib import TopologicalSorter
from pathlib import Path

import benchmarks

ROOT = Path(benchmarks.__file__).parent
MODULES = {
    ".".join(path.relative_to(ROOT.parent).with_suffix("").parts): path
    for path in ROOT.rglob("*.py")
    if path.name != "__init__.py"
}
KNOWN = {"system": {"qrs"}}
"""By room, the others that it may import from: latency has a peer's detector beside ours."""


def imported(path: Path) -> set[str]:
    """The modules of benchmarks that one imports."""
    names = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.ImportFrom) and node.module and node.level == 0:
            names |= {node.module, *(f"{node.module}.{name.name}" for name in node.names)}
        elif isinstance(node, ast.Import):
            names |= {name.name for name in node.names}
    return names & MODULES.keys()


def room(module: str) -> str | None:
    """The one that a module stands in; None for what all share."""
    parts = module.split(".")
    return parts[1] if len(parts) > 2 else None


IMPORTS = {module: imported(path) for module, path in MODULES.items()}


def test_no_import_comes_back() -> None:
    TopologicalSorter(IMPORTS).prepare()  # raises CycleError


def test_every_module_is_used() -> None:
    used = {module for others in IMPORTS.values() for module in others}
    assert used == IMPORTS.keys() - {"benchmarks.cli"}


def test_rooms_import_what_all_share() -> None:
    for module, others in IMPORTS.items():
        if module == "benchmarks.cli":
            continue
        own = room(module)
        strange = {room(other) for other in others} - {None, own} - KNOWN.get(own or "", set())
        assert not strange, f"{module} imports from {strange}"
