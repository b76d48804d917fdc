"""What a line to a board says of itself."""

from dataclasses import dataclass
from typing import Literal

State = Literal["up", "silent", "down"]
"""Samples arrive; none for a while, which may pass; the port is gone."""


@dataclass(frozen=True, slots=True)
class LinkChange:
    """The line's state, given when it changes."""

    state: State
    detail: str
    """One sentence for the user."""
    measured_hz: float | None = None
    """What the rate is by this machine's clock, where it is not that of the blocks."""
