"""What the package offers is there, under one name each."""

import pytest

import firmware_bridge


def test_every_public_name_is_there() -> None:
    offered = {name: getattr(firmware_bridge, name) for name in firmware_bridge.__all__}
    assert len({id(value) for value in offered.values()}) == len(firmware_bridge.__all__)
    assert not {name for names in firmware_bridge._FROM.values() for name in names} ^ {*offered}


def test_what_is_not_there_is_said() -> None:
    with pytest.raises(AttributeError, match="nothing"):
        firmware_bridge.nothing  # noqa: B018
