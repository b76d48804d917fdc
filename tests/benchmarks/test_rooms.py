"""Rooms of the benchmarks: imports run one way, and rooms know what all share alone."""

from graphlib import TopologicalSorter

import benchmarks
from tests.rooms import imports_within, room

KNOWN = {"system": {"qrs"}}
"""By room, the others that it may import from: latency has a peer's detector beside ours."""
IMPORTS = imports_within(benchmarks)


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
