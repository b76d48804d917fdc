"""What a whole stream held: of each alarm how often and how long at most, and the extremes."""

from edge.alarms import RULES
from edge.chains import INSTEAD
from edge.events import Alarm, AlarmName, AlarmTotal, Beat, Event, Gap, Label, Quality, Rhythm


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


class Extremes:
    """Fed with every event of a stream; keeps no more than the figures."""

    def __init__(self, leads: int) -> None:
        self.longest_rr_ms: float | None = None
        self.longest_rr_t: float | None = None
        self.least_rate_bpm: float | None = None
        self.greatest_rate_bpm: float | None = None
        self._leads = leads
        self._before: Label = "U"
        self._unusable: set[str] = set()
        self._since: float | None = None  # no lead could be judged
        self._lost_until = 0.0  # what was lost up to there is counted
        self._unusable_s = 0.0

    def take(self, event: Event) -> None:
        """The next one."""
        match event:
            case Beat(final=True):
                named = "U" not in (event.label, self._before)
                if named and event.rr_ms is not None and event.rr_ms > (self.longest_rr_ms or 0.0):
                    self.longest_rr_ms, self.longest_rr_t = event.rr_ms, event.t
                self._before = event.label
            case Rhythm(label=label, rate_bpm=float(rate)) if label != "unknown":
                self.least_rate_bpm = min(rate, self.least_rate_bpm or rate)
                self.greatest_rate_bpm = max(rate, self.greatest_rate_bpm or rate)
            case Gap() if self._since is None:
                self._unusable_s += event.duration_s
                self._lost_until = event.t + event.duration_s
            case Quality():
                (self._unusable.discard if event.usable else self._unusable.add)(event.lead)
                if len(self._unusable) == self._leads:
                    if self._since is None:
                        self._since = max(event.t, self._lost_until)
                elif self._since is not None:
                    self._unusable_s += max(0.0, event.t - self._since)
                    self._since = None

    def unusable_s(self, t: float) -> float:
        """Seconds without a lead that could be judged, of a stream that ends at `t` seconds."""
        open_s = 0.0 if self._since is None else max(0.0, t - self._since)
        return round(self._unusable_s + open_s, 4)
