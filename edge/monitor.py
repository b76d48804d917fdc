"""The monitor: sample blocks in, events out. No I/O, no clock, no thread."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from heapq import merge
from os import PathLike
from typing import Any, Final, Literal, get_args

import numpy as np
from numpy.typing import ArrayLike, NDArray

from edge.alarms import RULES, Limits, Setting, changed
from edge.arrays import ArrayReader
from edge.beats import BEFORE, CHANNELS, CONTEXT, SAMPLES, WINDOW_FS
from edge.bundle import DEFAULT_BUNDLE, Bundle, Manifest
from edge.chains import Change
from edge.classify import Backend, Classifier, Classifies
from edge.errors import BundleError
from edge.events import (
    Alarm,
    Beat,
    Event,
    Gap,
    Hrv,
    Label,
    Lead,
    Quality,
    Reason,
    Rhythm,
    Stats,
    seconds,
)
from edge.filters import STREAM_FS, Resampler
from edge.flutter import Flutter, FlutterWatch
from edge.gaps import Bridge
from edge.hrv import Live
from edge.jumps import Jumps
from edge.leads import asked, select_leads
from edge.mains import Mains
from edge.naming import Naming
from edge.rhythm import RhythmWatch
from edge.stream import BeatStream, BeatView, Second, Silence, View
from edge.technical import Unwatched
from edge.totals import AlarmTotals, Extremes
from firmware_bridge.block import LeadState, SampleBlock

_PIECE = 48_000  # values of all leads worked on at a time, whatever the block: bounds the memory
_RHYTHM_BEATS, _RHYTHM_BPM = 10, 5.0
"""A rhythm is told again after so many beats, or when its rate has changed so much."""
_UNWATCHED: Final[tuple[Unwatched, ...]] = ("lead_off", "lost", "saturated", "noise")
"""Of leads that cannot be watched for different reasons, the first is told: what can be mended."""


class Monitor:
    """Names every beat of one stream, watches its rhythm and its leads.

    The same samples give the same events, bit for bit, however they are cut into blocks.
    """

    def __init__(
        self,
        bundle: Bundle | str = DEFAULT_BUNDLE,
        *,
        fs: float | None = None,
        leads: Sequence[str | int] | None = None,
        unit: str = "mV",
        backend: Backend | None = None,
        classifier: Classifies | None = None,
        alarms: Mapping[str, Setting] | None = None,
    ) -> None:
        """With `fs`, in Hz, `push` takes arrays in `unit`, whose columns `leads` names.

        Without, it takes the blocks of a link or a recording, and `leads` says which of their
        leads are watched, by name or index (None: all). `classifier` names the beats in the place
        of the bundle's model on `backend`. `alarms`: limits that are not those of
        `edge.alarms.RULES`, or "off", by alarm. Raises ValueError, in one sentence, for an argument
        that cannot be.
        """
        if not isinstance(bundle, Bundle | str | PathLike):
            raise ValueError(f"{bundle!r} is no model: a rate is given as Monitor(fs=360)")
        Limits(alarms)  # refused now, not with the first block
        self._alarms = alarms
        bundle = bundle if isinstance(bundle, Bundle) else Bundle.load(bundle)
        _check(bundle.manifest)
        self._classifier = classifier or Classifier(bundle, backend)
        self._reader = None if fs is None else ArrayReader(fs, leads, unit)
        self._wanted = asked(leads) if fs is None else None
        self._stream: _Stream | None = None
        self._ended = False

    def push(self, samples: SampleBlock | ArrayLike) -> list[Event]:
        """The next samples, [n] of one lead or [n, leads]; NaN is a lost one. Or the next block.

        Raises ValueError, in one sentence, if the array cannot be used or the block does not follow
        the ones before it (rate and leads are those of the first), or after `flush`, RecordError if
        a wanted lead is not there.
        """
        if self._ended:
            raise ValueError("this stream has ended with flush(): make a new Monitor")
        if isinstance(samples, SampleBlock):
            return self._push(samples)
        if self._reader is None:
            raise ValueError("a monitor that takes arrays needs their rate: Monitor(fs=360)")
        return [event for block in self._reader.blocks(samples) for event in self._push(block)]

    def _push(self, block: SampleBlock) -> list[Event]:
        if self._stream is None:
            columns = select_leads(block.leads, self._wanted)
            self._stream = _Stream(block, columns, self._classifier, self._alarms)
        return self._stream.push(block)

    def limit(self, settings: Mapping[str, Setting | None]) -> Limits:
        """Other limits from now on, "off", or None for the table's, by alarm; the others stay.

        Gives all of them. An alarm that is switched off while it is on ends within a second of
        signal. Raises ValueError, in one sentence, for one that cannot be.
        """
        merged = changed(self._alarms or {}, settings)
        limits = Limits(merged)
        self._alarms = merged
        if self._stream:
            self._stream.limit(limits)
        return limits

    def flush(self) -> list[Event]:
        """The stream ends: the last beats become final, and the totals are given."""
        self._ended = True
        rest = self._reader.rest() if self._reader else ()
        events = [event for block in rest for event in self._push(block)]
        return events + self._stream.flush() if self._stream else events


def _check(manifest: Manifest) -> None:
    """Refuses a bundle that was made for other windows, features or classes than this runtime's."""
    spec = manifest.input
    made_for = (spec.fs_hz, spec.samples, spec.before_r, spec.channels, spec.context)
    if made_for != (WINDOW_FS, SAMPLES, BEFORE, CHANNELS, CONTEXT):
        raise BundleError(
            f"The bundle {manifest.name} {manifest.version} was made for other windows or context "
            "features than this version's: make it again with edge-train and edge-quantize."
        )
    if strange := set(manifest.classes) - set(get_args(Label)):
        raise BundleError(
            f"The bundle {manifest.name} names classes that are no AAMI classes: {sorted(strange)}."
        )


def _known(view: View | Flutter) -> int:
    """The stream sample with which it is known."""
    return view.at if isinstance(view, BeatView) else view.at - 1


class _Stream:
    """What the monitor knows once the first block told it the rate and the leads."""

    def __init__(
        self,
        first: SampleBlock,
        columns: list[int],
        classifier: Classifies,
        alarms: Mapping[str, Setting] | None,
    ) -> None:
        self._fs, self._names = first.fs, first.leads
        self._columns = columns
        self._leads = [first.leads[c] for c in columns]
        self._rhythm = RhythmWatch(len(columns), alarms)
        self._naming = Naming(classifier, self._rhythm)
        self._jumps = Jumps(len(columns))
        self._mains = Mains(first.fs, len(columns))
        self._bridge = Bridge(first.fs, len(columns))
        self._resampler = Resampler(first.fs, len(columns))
        self._beats = BeatStream(len(columns))
        self._flutter = FlutterWatch(len(columns))
        self._rhythm_given: tuple[str, int, float | None] = ("unknown", 0, None)
        self._next = 0
        self._states = [LeadState.UNKNOWN] * len(columns)
        self._off = [0] * len(columns)  # up to which sample an electrode was off last
        self._saturated = [False] * len(columns)
        self._reasons: list[Reason] = ["ok"] * len(columns)
        self._lost = 0
        self._labels: Counter[str] = Counter()
        self._totals = AlarmTotals()
        self._extremes = Extremes(len(columns))
        self._rr_sum, self._rr_count = 0.0, 0
        self._hrv = Live()

    def push(self, block: SampleBlock) -> list[Event]:
        if block.fs != self._fs or block.leads != self._names:
            raise ValueError("a stream keeps its rate and its leads; start a new Monitor")
        if block.start < self._next:
            raise ValueError(f"block starts at {block.start}, before {self._next}")
        events: list[Event] = []
        if block.start > self._next:
            events += self._gap(block.start - self._next)
        events += self._contacts(block)
        mv = block.mv[:, self._columns].astype(np.float64)
        mv[:, [s is LeadState.OFF for s in self._states]] = np.nan
        mv[:, self._saturated] = np.nan
        mv[~np.isfinite(mv)] = np.nan
        mv = self._jumps.push(mv)
        size = max(1, _PIECE // len(self._columns))
        for first in range(0, len(mv), size):
            events += self._take(self._mains.push(mv[first : first + size]))
        self._next += len(mv)
        return self._counted(events)

    def limit(self, limits: Limits) -> None:
        self._rhythm.limit(limits)

    def flush(self) -> list[Event]:
        events = self._counted(self._take_late() + self._events(self._beats.flush(), []))
        rate = round(60.0 * self._rr_count / self._rr_sum, 1) if self._rr_count else None
        sample, t = self._time(self._next)
        totals = self._totals.at_end(t)
        stats = Stats(
            *(sample, t, dict(self._labels), rate, self._lost, {}),
            alarms=totals,
            longest_rr_ms=self._extremes.longest_rr_ms,
            longest_rr_t=self._extremes.longest_rr_t,
            least_rate_bpm=self._extremes.least_rate_bpm,
            greatest_rate_bpm=self._extremes.greatest_rate_bpm,
            unusable_s=self._extremes.unusable_s(t),
        )
        return [*events, stats]

    def _counted(self, events: list[Event]) -> list[Event]:
        for event in events:
            self._extremes.take(event)
        return events

    def _gap(self, lost: int) -> list[Event]:
        gap = Gap(*self._time(self._next), lost, seconds(lost, self._fs))
        if lost <= self._bridge.longest:
            missing = np.full((lost, len(self._columns)), np.nan)
            events = self._take(self._mains.push(missing))
        else:
            self._mains.skip(lost)
            events = self._take_late()
            n = self._resampler.skip(lost)
            events += self._events(self._beats.skip(n), self._flutter.skip(n))
        self._next += lost
        self._lost += lost
        return [gap, *events]

    def _take(self, mv: NDArray[np.float64]) -> list[Event]:
        """Samples without hum, which may begin or end a gap."""
        x = self._bridge.push(mv)
        for lead, first, end in self._bridge.take():
            scale = STREAM_FS / self._fs
            self._beats.bridged(lead, int(first * scale), int(end * scale) + 1)
        return self._watch(self._resampler.push(x))

    def _take_late(self) -> list[Event]:
        """What was held back for a gap that might have been short."""
        return self._watch(self._resampler.push(self._bridge.flush()))

    def _watch(self, x: NDArray[np.float64]) -> list[Event]:
        return self._events(self._beats.push(x), self._flutter.push(x))

    def _contacts(self, block: SampleBlock) -> list[Event]:
        events: list[Event] = []
        for i, column in enumerate(self._columns):
            state = block.lead_state[column]
            if state is not self._states[i]:
                self._states[i] = state
                events.append(Lead(*self._time(block.start), self._leads[i], state.value))
            if state is LeadState.OFF:
                self._off[i] = block.start + len(block.mv)
            self._saturated[i] = block.saturated[column]
        self._beats.attached = LeadState.ON in self._states
        return events

    def _events(self, views: list[View], flutter: list[Flutter]) -> list[Event]:
        """In order of time; of one second, what is known of beats comes first."""
        if not views and not flutter:
            return []
        events: list[Event] = []
        named = iter(self._naming.classified([v for v in views if isinstance(v, BeatView)]))
        for view in merge(views, flutter, key=_known):
            match view:
                case BeatView():
                    events += self._beat(view, next(named))
                case Second():
                    events += self._second(view)
                case Silence(at, seconds):
                    events += self._alarms(self._rhythm.silence(at, seconds), at - 1)
                case Flutter(at, active, since, waves, _, lost):
                    changes = self._rhythm.flutter(at, active, since, waves, lost)
                    events += self._alarms(changes, at - 1)
        return events

    def _at(self, stream_sample: int) -> tuple[int, float]:
        return self._time(self._resampler.position(stream_sample))

    def _time(self, sample: int) -> tuple[int, float]:
        return sample, seconds(sample, self._fs)

    def _beat(self, view: BeatView, named: NDArray[np.float64] | None) -> list[Event]:
        label, confidence = self._naming.label(self._naming.probabilities(view, named))
        sample, t = self._at(view.r)
        beat = Beat(
            sample,
            t,
            id=view.id,
            label=label,
            final=view.final,
            confidence=round(confidence, 4),
            rr_ms=None if view.rr is None else round(view.rr * 1000, 1),
            detection=round(view.detection, 4),
            delay_ms=round((self._resampler.arrival(view.at) - sample) / self._fs * 1000, 1),
            searchback=view.searchback,
        )
        if not view.final:
            return [beat, *self._alarms(self._naming.found(view, label), view.at)]
        self._labels[label] += 1
        if view.rr is not None:
            self._rr_sum += view.rr
            self._rr_count += 1
        changes = self._naming.learn(view, label)
        told = [*self._alarms(changes, view.at), *self._rhythm_event(view.at)]
        return [beat, *told, *self._hrv_event(beat, view.at)]

    def _second(self, second: Second) -> list[Event]:
        sample, t = self._at(second.at - 1)
        events: list[Event] = []
        for i, (found, _) in enumerate(second.leads):
            reason: Reason
            if found == "missing":
                reason = self._missing_because(i, sample)
            else:
                reason = "ok" if found == "quiet" else found
            if reason != self._reasons[i]:
                self._reasons[i] = reason
                events.append(Quality(sample, t, self._leads[i], reason == "ok", reason))
        if second.silence is None:
            changes = self._rhythm.interrupt(second.at, self._unwatched_because())
        else:
            changes = self._rhythm.silence(second.at, second.silence)
        return [*events, *self._alarms(changes, second.at - 1), *self._rhythm_event(second.at - 1)]

    def _unwatched_because(self) -> Unwatched:
        return next(reason for reason in _UNWATCHED if reason in self._reasons)

    def _missing_because(self, lead: int, sample: int) -> Literal["lead_off", "saturated", "lost"]:
        if self._off[lead] > sample - self._fs:  # within this second
            return "lead_off"
        if self._saturated[lead]:
            return "saturated"
        # what is missing in this second may be the end of what was missing before
        before = self._reasons[lead]
        return before if before == "lead_off" or before == "saturated" else "lost"

    def _alarms(self, changes: Sequence[Change], at: int) -> list[Event]:
        if not changes:
            return []
        sample, t = self._at(at)
        alarms = [
            Alarm(
                *(sample, t, name, active, self._at(since)[1], text),
                RULES[name].priority,
                self._rhythm.limits.told(name),
            )
            for name, active, since, text in changes
        ]
        for alarm in alarms:
            self._totals.take(alarm)
        return [*alarms]

    def _hrv_event(self, beat: Beat, at: int) -> list[Event]:
        found = self._hrv.take(beat.t, beat.rr_ms, normal=beat.label == "N")
        if found is None:
            return []
        values: dict[str, Any] = {
            name: value if value is None else round(value, 4)
            for name, value in asdict(found).items()
        }
        return [Hrv(*self._at(at), **values)]

    def _rhythm_event(self, at: int) -> list[Event]:
        label, rate, beats = self._rhythm.label, self._rhythm.rate_bpm, self._labels.total()
        label_before, beats_before, rate_before = self._rhythm_given
        moved = rate and rate_before and abs(rate - rate_before) >= _RHYTHM_BPM
        if label == label_before and beats < beats_before + _RHYTHM_BEATS and not moved:
            return []
        self._rhythm_given = (label, beats, rate)
        sample, t = self._at(at)
        return [Rhythm(sample, t, label, None if rate is None else round(rate, 1))]
