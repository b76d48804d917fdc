"""Which alarms are on, and the changes that are told: each begins once and ends once."""

from typing import NamedTuple

from edge.events import AlarmName


class Change(NamedTuple):
    """An alarm that begins or ends."""

    name: AlarmName
    active: bool
    since: int
    """Stream sample from which on it holds, or does so no longer; never after the present."""
    text: str


class Alarms:
    """The alarms that are on."""

    def __init__(self) -> None:
        self._on: dict[AlarmName, int] = {}
        self._off: dict[AlarmName, int] = {}

    def __contains__(self, name: str) -> bool:
        return name in self._on

    def set(self, name: AlarmName, active: bool, since: int, text: str) -> list[Change]:
        """Begin or end an alarm; nothing where it is so already.

        Its stretches are kept apart: none begins before the last one's end, or ends before it
        began.
        """
        if active == (name in self._on):
            return []
        if active:
            since = max(since, self._off.get(name, since))
            self._on[name] = since
        else:
            since = max(since, self._on.pop(name))
            self._off[name] = since
        return [Change(name, active, since, text)]

    def end_all(self, since: int, text: str, but: AlarmName | None = None) -> list[Change]:
        """End all that are on, `but` one."""
        names = sorted(self._on.keys() - {but})
        return [change for name in names for change in self.set(name, False, since, text)]
