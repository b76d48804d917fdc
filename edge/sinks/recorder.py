"""What comes from the board, kept: WFDB records, one an hour, with everything that was found."""

import errno
import math
import time
from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Final

import numpy as np

from edge import marks
from edge.events import Alarm, Clock, Event, Output, Quality, Rhythm, Session
from edge.marks import Mark
from edge.sinks import REMOVED, writing
from edge.sinks.hour import MARKER, Hour, Kind
from edge.sinks.keep import Keep
from firmware_bridge.block import NANOVOLT, LeadState, SampleBlock

SYNC_S: Final = 1.0
"""How often the disk is written: what is younger is lost when the machine stops."""
LONG_S: Final = 60
"""A gap that is longer, or that an hour ends in, ends the file; shorter ones are in it."""
_LEAST_S: Final = 60
"""What begins so shortly before a full hour, as a file may whose start was corrected, lasts until
the next one."""
_LOOK_S: Final = 60.0  # how often the sizes are looked at
_SURE_S: Final = 60  # of signal, whose least delay tells how far the board's clock has gone astray


class Recorder:
    """Writes `FOLDER/START.hea`, `.dat` and `.edge`: START in UTC, a new one at each full hour.

    Also where the host's clock was set, and where samples come in another way than before. What it
    is given waits for at most `SYNC_S`, and while nothing comes for the next event.
    """

    def __init__(self, folder: Path, keep: Keep = Keep(), *, live: bool = False) -> None:  # noqa: B008
        """Makes the folder; OutputError where it cannot be, or cannot be written.

        `live`: samples come when they are taken, so that the host's clock corrects the board's.
        """
        self._folder, self._keep, self._live = folder, keep, live
        with writing(folder):
            folder.mkdir(parents=True, exist_ok=True)
            probe = folder / f".edge-run-{time.monotonic_ns()}"
            probe.touch(exist_ok=False)
            probe.unlink()
        self._session: Session | None = None
        self._held: list[SampleBlock] = []  # that came before the session was told
        self._hours: list[Hour] = []  # the one that is written, and the one before for late labels
        self._done: list[Hour] = []
        self._until = 0  # the first sample that belongs to the next hour
        self._anchor = (0, datetime.min)  # a sample, and when it was taken
        self._new = True  # the next sample begins a file
        self._because: list[str] = []
        self._end = 0
        self._delay = _Delay()
        self._contacts: dict[tuple[int, str], str] = {}
        self._rhythm: Rhythm | None = None
        self._quality: dict[str, Quality] = {}
        self._alarms: dict[str, Alarm] = {}
        self._due = self._looked = -math.inf
        self._urgent = False

    def samples(self, block: SampleBlock) -> None:
        """Take a block."""
        if self._session is None:
            self._held.append(block)
        elif len(block):
            self._take(block)

    def write(self, event: Event) -> None:
        """Take an event."""
        self._urgent |= event.type in ("link", "clock", "overrun", "stats")
        match event:
            case Session(fs=float() | int()) if self._session is None:
                self._session = event
                self._anchor = (0, datetime.fromisoformat(event.start))
                held, self._held = self._held, []
                for block in held:
                    self.samples(block)
                return
            case Session() | Output():
                return
            case Clock(kind="set"):
                sample, at = self._anchor
                self._anchor = (sample, _moved(at, event.by_s))
                self._delay = _Delay()
                self._new = True
                self._because.append(f"{event.type}: {event.detail}")
            case Rhythm():
                if self._rhythm and self._rhythm.label == event.label:
                    return
                self._rhythm = event
            case Quality():
                self._quality[event.lead] = event
            case Alarm(active=True):
                self._alarms[event.name] = event
            case Alarm():
                self._alarms.pop(event.name, None)
        if self._session and (mark := marks.of(event, self._session.leads)):
            self._mark(mark)

    def flush(self) -> None:
        """Write what was taken, once in `SYNC_S`; OSError where that cannot be done."""
        if time.monotonic() < self._due and not self._urgent:
            return
        if time.monotonic() >= self._looked + _LOOK_S:
            self._looked = time.monotonic()
            self._keep.apply(self._folder)
        try:
            for hour in [*self._done, *self._hours]:
                hour.write()
        except OSError:
            self._looked = -math.inf  # there may be something to delete by the next time
            raise
        for hour in self._done:
            hour.close()
        self._done = []
        self._urgent, self._due = False, time.monotonic() + SYNC_S
        self._follow()

    def close(self) -> None:
        """Write the rest; OSError where that cannot be done."""
        for hour in self._hours:
            hour.finish()
        self._urgent = True
        try:
            self.flush()
        finally:
            for hour in [*self._done, *self._hours]:
                hour.close()

    def _follow(self) -> None:
        """A new file, where the last one's are no more in the folder; OSError where it is lost."""
        if self._new or not self._hours or not (how := self._hours[-1].away()):
            return
        self._new = True
        if "removed" in how:
            raise OSError(errno.ENOENT, REMOVED)

    def _take(self, block: SampleBlock) -> None:
        kind = _kind(block)
        lost = block.start - self._end
        if self._hours and not self._new and lost:
            if lost > LONG_S * block.fs or block.start >= self._until:
                self._new = True
            else:
                self._hours[-1].lose(lost)
                self._mark(marks.gap(self._end, lost, block.fs))
        self._new |= not self._hours or kind != self._hours[-1].kind or block.start >= self._until
        if self._new:
            self._begin(kind, block.start, max(0, lost))
        self._look(block)
        rest = max(0, self._until - block.start)
        now = block if rest >= len(block) else block.part(0, rest)
        self._hours[-1].take(_counts(now))
        self._end = now.start + len(now)
        if len(now) < len(block):
            self._take(block.part(len(now)))
        elif self._live:
            late_s = time.time() - self._when(self._end).timestamp()
            self._delay.take(self._end, late_s, _SURE_S * block.fs)

    def _begin(self, kind: Kind, first: int, lost: int) -> None:
        """A file of samples from `first` on, before which so many are lost."""
        assert self._session
        for hour in self._hours:
            hour.finish()
        if self._hours:
            self._done += self._hours[:-1]
            self._hours = self._hours[-1:]
        if self._delay.known:
            self._anchor = (first, _moved(self._when(first), self._delay.least_s))
        self._delay = _Delay()
        start = self._when(first)
        begun = start.replace(minute=0, second=0, microsecond=0)
        left_s = 3600 - (start - begun).total_seconds()
        left_s += 3600 * (left_s < _LEAST_S)
        self._until = first + max(1, math.ceil(left_s * kind.fs))
        session = self._session
        comments = (
            f"{MARKER} {session.version}, {session.bundle}",
            f"# source: {session.source}",
            f"# session: {session.start} sample {first}",
        )
        self._hours.append(Hour(self._folder, kind, first, start, comments))
        self._new, self._looked = False, -math.inf
        for mark in self._state(kind, first, lost):
            self._hours[-1].mark(mark)
        self._because = []

    def _state(self, kind: Kind, first: int, lost: int) -> Iterable[Mark]:
        """What holds where a file begins."""
        if lost and first:
            yield marks.note(first, f"after a gap of {lost} samples, {lost / kind.fs:.3f} s")
        for said in self._because:
            yield marks.note(first, said)
        for (lead, _), state in self._contacts.items():
            yield marks.contact(first, lead, kind.leads[lead], state)
        if self._rhythm:
            yield Mark(first, "+", marks.RHYTHMS[self._rhythm.label])
        for quality in self._quality.values():
            if not quality.usable and (mark := marks.of(quality, kind.leads)):
                yield mark._replace(sample=first)
        for alarm in self._alarms.values():
            yield marks.alarm(alarm, "still", first)

    def _look(self, block: SampleBlock) -> None:
        """Electrodes and converters: what changed is told, what is as usual at first is not."""
        for i, (name, state, rail) in enumerate(
            zip(block.leads, block.lead_state, block.saturated, strict=True)
        ):
            told = {"contact": state.value, "range": "saturated" if rail else "unsaturated"}
            for what, now in told.items():
                usual = now in (LeadState.UNKNOWN.value, "unsaturated")
                before = self._contacts.get((i, what))
                if now != before and not (before is None and usual):
                    self._contacts[i, what] = now
                    self._hours[-1].mark(marks.contact(block.start, i, name, now))

    def _mark(self, mark: Mark) -> None:
        """Into the file to which its sample belongs; what is from before all, into the first."""
        later = [hour for hour in self._hours if hour.first <= mark.sample]
        for hour in later[-1:] or self._hours[:1]:
            hour.mark(mark)

    def _when(self, sample: int) -> datetime:
        assert self._session
        assert self._session.fs
        anchor, at = self._anchor
        return _moved(at, (sample - anchor) / self._session.fs)


class _Delay:
    """The least delay of late, between when samples should have come and when they did."""

    def __init__(self) -> None:
        self._since: int | None = None
        self._now_s = self._before_s = math.inf

    @property
    def known(self) -> bool:
        return self._before_s < math.inf

    @property
    def least_s(self) -> float:
        return min(self._now_s, self._before_s)

    def take(self, sample: int, late_s: float, every: float) -> None:
        if self._since is None or sample - self._since > every:
            self._since, self._before_s, self._now_s = sample, self._now_s, math.inf
        self._now_s = min(self._now_s, late_s)


def _moved(at: datetime, by_s: float) -> datetime:
    """Another time, within what has a name."""
    try:
        return at + timedelta(seconds=by_s)
    except OverflowError:
        return datetime(9999 if by_s > 0 else 1, 1, 3, tzinfo=UTC)


def _kind(block: SampleBlock) -> Kind:
    return Kind(block.fs, block.leads, block.step or (NANOVOLT,) * len(block.leads))


def _counts(block: SampleBlock) -> np.ndarray[tuple[int, int], np.dtype[np.int64]]:
    if block.counts is not None:
        return block.counts
    mv = np.nan_to_num(block.mv.astype(np.float64)).clip(-1e12, 1e12)
    nv = [step.nv for step in block.step] or [1.0] * len(block.leads)
    return np.rint(mv * 1e6 / nv).astype(np.int64)
