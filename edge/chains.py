"""Which alarms are on: of the conditions that hold, in each chain the worst alone.

So one condition of the heart is one alarm. Each begins once and ends once.
"""

from collections.abc import Iterable
from typing import Final, NamedTuple

from edge.alarms import CHAINS, RULES, Limits
from edge.events import AlarmName
from edge.filters import STREAM_FS

REST_S: Final = 10.0
"""An alarm of low priority that a worse one hid comes again so much after that one's end, unless it
is of something new; our choice, in the place of the time-outs of makers."""

INSTEAD: Final = "instead"
"""Ends the text of an alarm that goes on as a worse one."""

_WORSE: Final[dict[AlarmName, frozenset[AlarmName]]] = {
    name: frozenset(w for chain in CHAINS if name in chain for w in chain[: chain.index(name)])
    for name in RULES
}


class Change(NamedTuple):
    """An alarm that begins or ends."""

    name: AlarmName
    active: bool
    since: int
    """Stream sample from which on it holds, or does so no longer; never after the present."""
    text: str


class _Said(NamedTuple):
    since: int
    text: str


class Alarms:
    """The conditions that hold, and the alarms that are on."""

    def __init__(self, limits: Limits | None = None) -> None:
        self.limits = limits or Limits()
        self._holds: dict[AlarmName, _Said] = {}
        self._over: dict[AlarmName, _Said] = {}
        self._told: dict[AlarmName, int] = {}
        self._ended: dict[AlarmName, int] = {}  # since when it holds no more, as it was told
        self._rests: dict[AlarmName, int] = {}  # until when it hides what is low and old
        self._touched = False

    def limit(self, limits: Limits) -> None:
        """Others from now on; an alarm that is off with them ends with the next `changes`."""
        self.limits = limits
        self._touched = True

    def __contains__(self, name: str) -> bool:
        """Whether the condition holds, told or not."""
        return name in self._holds

    def holding(self) -> list[AlarmName]:
        """Every condition that holds, told or not, the worst first."""
        return [name for name in RULES if name in self._holds]

    def first(self, names: Iterable[AlarmName]) -> AlarmName | None:
        """The first of these conditions that holds, told or not."""
        return next((name for name in names if name in self._holds), None) if self._holds else None

    def hidden(self, name: AlarmName) -> bool:
        """Whether a worse alarm is on: meanwhile nothing holds on any longer than it is so."""
        return name not in self._told and not _WORSE[name].isdisjoint(self._told)

    def told(self) -> list[AlarmName]:
        """The alarms that are on, the worst first."""
        return [name for name in RULES if name in self._told]

    def set(self, name: AlarmName, holds: bool, since: int, text: str) -> None:
        """A condition holds, or not, since a stream sample; nothing where it is so already.

        But of one that is not told yet the last text is kept.
        """
        if holds == (name in self._holds):
            if holds and name not in self._told:
                self._holds[name] = self._holds[name]._replace(text=text)
            return
        self._touched = True
        if holds:
            self._holds[name] = _Said(since, text)
        else:
            del self._holds[name]
            self._over[name] = _Said(since, text)

    def renew(self, name: AlarmName, since: int, text: str) -> None:
        """A condition that is an event happens, once more perhaps: if it is not on, it is new."""
        if name not in self._told and name in self._holds:
            self.set(name, False, since, text)
        self.set(name, True, since, text)

    def changes(self, at: int) -> list[Change]:
        """What is to be told at stream sample `at`, after all conditions are set.

        An alarm's stretches are kept apart: none begins before the last one's end, or ends before
        it began. One that a worse one hid dates from the worse one's end.
        """
        if not self._touched:
            return []
        self._touched = False
        wanted: list[AlarmName] = []
        for name in RULES:
            told = name in self._holds and name not in self.limits.off
            if told and not _WORSE[name].intersection(wanted):
                if self._rested(name, at):
                    wanted.append(name)
                else:
                    self._touched = True  # its time will come
        changes: list[Change] = []
        for name in [name for name in self.told() if name not in wanted]:
            if name in self.limits.off:
                over = _Said(at, "switched off")
            elif name in self._holds:
                worse = next(w for w in wanted if w in _WORSE[name])
                over = _Said(self._holds[worse].since, f"{worse.replace('_', ' ')} {INSTEAD}")
            else:
                over = self._over[name]
            since = max(min(over.since, at), self._told.pop(name))
            self._ended[name] = since
            self._rests[name] = at + round(REST_S * STREAM_FS)
            changes.append(Change(name, False, since, over.text))
        for name in [name for name in wanted if name not in self._told]:
            hidden = [self._ended[worse] for worse in self._hid(name)]
            holds = self._holds[name]
            since = max([min(holds.since, at), *hidden, self._ended.get(name, 0)])
            self._told[name] = since
            changes.append(Change(name, True, since, holds.text))
        return changes

    def _rested(self, name: AlarmName, at: int) -> bool:
        """Whether what has hidden an alarm is long enough over for it to come again."""
        if RULES[name].priority != "low" or name in self._told:
            return True
        since = self._holds[name].since
        ends = (w for w in _WORSE[name] if w in self._told and w not in self._holds)
        if any(since < self._over[worse].since for worse in ends):
            return False
        return not any(since < self._ended[w] and at < self._rests[w] for w in self._hid(name))

    def _hid(self, name: AlarmName) -> list[AlarmName]:
        return [worse for worse in _WORSE[name] if worse in self._ended]
