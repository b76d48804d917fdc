"""How often each alarm was on in a stream, and how long at most."""

from edge.alarms import RULES
from edge.chains import INSTEAD
from edge.events import Alarm, AlarmName, AlarmTotal


class AlarmTotals:
    """Fed with every alarm event of a stream."""

    def __init__(self) -> None:
        self._totals: dict[AlarmName, AlarmTotal] = {}
        self._on: dict[AlarmName, float] = {}

    def take(self, alarm: Alarm) -> None:
        """The next one."""
        count, longest = self._so_far(alarm.name)
        if alarm.active:
            self._on[alarm.name] = alarm.since
            count += 1
        else:
            # One that goes on as a worse one, which may date from before it, stood until now.
            end = alarm.t if alarm.text.endswith(INSTEAD) else alarm.since
            longest = max(longest, end - self._on.pop(alarm.name))
        self._totals[alarm.name] = AlarmTotal(count, round(longest, 4))

    def at_end(self, t: float) -> dict[str, AlarmTotal]:
        """Of the stream that ends at `t` seconds, the worst alarm first."""
        for name, since in self._on.items():
            count, longest = self._so_far(name)
            self._totals[name] = AlarmTotal(count, round(max(longest, t - since), 4))
        return {name: self._totals[name] for name in RULES if name in self._totals}

    def _so_far(self, name: AlarmName) -> tuple[int, float]:
        total = self._totals.get(name)
        return (total.count, total.longest_s) if total else (0, 0.0)
