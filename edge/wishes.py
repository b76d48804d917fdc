"""What a viewer may ask of a run: it comes to the monitor between two blocks, by `edge.intake`."""

from collections.abc import Mapping
from dataclasses import dataclass

from edge.alarms import Setting
from edge.events import AlarmName


@dataclass(frozen=True, slots=True)
class Acknowledge:
    """These alarms were seen."""

    names: tuple[AlarmName, ...]
    by: str
    """Which output the viewer looks at."""


@dataclass(frozen=True, slots=True)
class SetLimits:
    """From now on alarms have these limits, or are off; those that are not named stay."""

    settings: Mapping[str, Setting | None]
    """None is the table's."""
    by: str


Wish = Acknowledge | SetLimits
