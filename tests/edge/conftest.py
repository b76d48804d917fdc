"""What the tests of the rhythm watch begin with."""

import pytest

from tests.edge.watched import Player


@pytest.fixture
def steady() -> Player:
    """A heart that has beaten steadily for a while."""
    player = Player()
    assert player.beats("N" * 12) == []
    return player
