"""What the package offers is there, under one name each."""

from graphlib import TopologicalSorter
from pathlib import Path

import pytest

import firmware_bridge
from firmware_bridge import BridgeError
from tests.rooms import imported, imports_within


def test_every_public_name_is_there() -> None:
    offered = {name: getattr(firmware_bridge, name) for name in firmware_bridge.__all__}
    assert len({id(value) for value in offered.values()}) == len(firmware_bridge.__all__)
    assert not {name for names in firmware_bridge._FROM.values() for name in names} ^ {*offered}


def test_what_is_not_there_is_said() -> None:
    with pytest.raises(AttributeError, match="nothing"):
        firmware_bridge.nothing  # noqa: B018


def test_imports_run_one_way_and_none_leads_out() -> None:
    modules = imports_within(firmware_bridge)
    TopologicalSorter(modules).prepare()  # raises CycleError
    package = Path(firmware_bridge.__file__).parent
    for path in package.rglob("*.py"):
        names = {name.partition(".")[0] for name in imported(path)}
        assert not names & {"edge", "train", "quantize", "benchmarks", "tests"}, path


def test_every_error_has_an_exit_code_of_its_own() -> None:
    offered = [getattr(firmware_bridge, name) for name in firmware_bridge.__all__]
    errors = [x for x in offered if isinstance(x, type) and issubclass(x, BridgeError)]
    assert {BridgeError, *BridgeError.__subclasses__()} == {*errors}
    assert len({error.exit_code for error in errors}) == len(errors)
