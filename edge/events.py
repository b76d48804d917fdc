"""Every event the runtime gives, one frozen dataclass each, and its JSON form.

`sample` is the index in the input stream, lost samples counted; `t` is seconds of signal
since the stream's start. Neither knows the wall clock: the `session` event says when that was.
"""

import json
from dataclasses import asdict, dataclass, field, fields
from typing import Any, ClassVar, Literal

Label = Literal["N", "S", "V", "F", "Q", "U"]
"""AAMI EC57 beat classes, and U for "unknown": the signal does not allow a class."""


Reason = Literal["ok", "lead_off", "saturated", "lost", "flat", "noise"]
"""Whether a lead can be judged, and if not, why."""


AlarmName = Literal[
    "ventricular_fibrillation",
    "asystole",
    "ventricular_tachycardia",
    "extreme_bradycardia",
    "extreme_tachycardia",
    "bradycardia",
    "pause",
    "supraventricular_tachycardia",
    "tachycardia",
    "atrial_fibrillation",
    "ventricular_run",
    "accelerated_ventricular_rhythm",
    "bigeminy",
    "trigeminy",
    "r_on_t",
    "couplet",
    "pvcs_per_minute",
    "missed_beat",
    "lead_off",
    "signal_lost",
    "noise",
]
"""What each means, its limit and its priority: `edge.alarms.RULES`."""
Priority = Literal["high", "medium", "low", "technical"]
"""Of an alarm: life-threatening, soon, worth a look; or the heart cannot be watched."""
RhythmName = Literal[
    "regular",
    "irregular",
    "bradycardia",
    "tachycardia",
    "asystole",
    "atrial_fibrillation",
    "supraventricular_tachycardia",
    "ventricular_fibrillation",
    "ventricular_tachycardia",
    "accelerated_ventricular_rhythm",
    "bigeminy",
    "trigeminy",
    "unknown",
]


def seconds(samples: int, fs: float) -> float:
    """Samples as seconds, to a tenth of a millisecond."""
    return round(samples / fs, 4)


@dataclass(frozen=True, slots=True)
class Event:
    """Something that the monitor says about the stream."""

    type: ClassVar[str]
    sample: int
    t: float

    def to_dict(self) -> dict[str, Any]:
        """The event as plain data, its type first."""
        return {"type": self.type, **asdict(self)}

    def to_json(self) -> str:
        """The event as one line of JSON, without the line's end."""
        shallow = {field.name: getattr(self, field.name) for field in fields(self)}
        return json.dumps(
            {"type": self.type, **shallow}, allow_nan=False, separators=(",", ":"), default=asdict
        )


@dataclass(frozen=True, slots=True)
class Beat(Event):
    """A heartbeat; `sample` is its R peak. Each beat comes twice, under the same id."""

    type: ClassVar[str] = "beat"
    id: int
    label: Label
    final: bool
    """False: at most 200 ms after R, from what was seen by then. True: after the next R, or 2 s."""
    confidence: float
    """Probability of the label; of U: 1 where nothing can be judged, else what the best lacks."""
    rr_ms: float | None
    """Time since the R peak before; None for the first beat of a stretch of signal."""
    detection: float
    """Probability that there is a beat at all."""
    delay_ms: float
    """Signal time from R to the sample that let the event be given."""
    searchback: bool
    """Whether the detector found the beat only by searchback."""


@dataclass(frozen=True, slots=True)
class Rhythm(Event):
    """What the last beats mean together; given when it or its rate changes, and every ten beats."""

    type: ClassVar[str] = "rhythm"
    label: RhythmName
    rate_bpm: float | None
    """Mean rate over the last eight RR intervals, or four where three are longer than 1.2 s."""


@dataclass(frozen=True, slots=True)
class Hrv(Event):
    """Heart rate variability of the last five minutes, by `edge.hrv`; given once a minute.

    None where there are too few intervals, or a gap is among them.
    """

    type: ClassVar[str] = "hrv"
    intervals: int
    """NN intervals: between two beats in a row, both N, without a gap."""
    share: float
    """NN intervals a beat."""
    mean_nn_ms: float | None
    sdnn_ms: float | None
    rmssd_ms: float | None
    pnn50: float | None
    """Percent."""
    sd1_ms: float | None
    sd2_ms: float | None
    lf_ms2: float | None
    hf_ms2: float | None


@dataclass(frozen=True, slots=True)
class Alarm(Event):
    """A condition that a person should see, at its on- and at its offset."""

    type: ClassVar[str] = "alarm"
    name: AlarmName
    active: bool
    since: float
    """Seconds of signal from which on it holds, or does so no longer: `t` is when that is known."""
    text: str
    priority: Priority
    limit: float | None
    """In the unit of `edge.alarms.RULES`; None for an alarm that has none."""


@dataclass(frozen=True, slots=True)
class Acknowledged(Event):
    """A person has seen these alarms."""

    type: ClassVar[str] = "acknowledged"
    names: tuple[AlarmName, ...]
    by: str
    """On which output: web."""


@dataclass(frozen=True, slots=True)
class Limit(Event):
    """A person gave an alarm another limit, from now on."""

    type: ClassVar[str] = "limit"
    name: AlarmName
    limit: float | None
    """In the unit of `edge.alarms.RULES`; None where the alarm has none, or is off."""
    off: bool
    """Whether the alarm is not told any more."""
    by: str
    """On which output: web."""


@dataclass(frozen=True, slots=True)
class Quality(Event):
    """Whether a lead can be judged from `sample` on; given when it changes."""

    type: ClassVar[str] = "quality"
    lead: str
    usable: bool
    reason: Reason


@dataclass(frozen=True, slots=True)
class Lead(Event):
    """An electrode's contact as the board reports it; given when it changes."""

    type: ClassVar[str] = "lead"
    lead: str
    state: Literal["on", "off", "unknown"]


@dataclass(frozen=True, slots=True)
class Gap(Event):
    """Samples that never arrived; `sample` is the first lost one."""

    type: ClassVar[str] = "gap"
    lost: int
    duration_s: float


@dataclass(frozen=True, slots=True)
class Link(Event):
    """The serial line's state; `sample` is the last one that came over it."""

    type: ClassVar[str] = "link"
    state: Literal["up", "silent", "down"]
    detail: str
    measured_hz: float | None = None
    """Where samples do not come at the rate that they are taken for: at which they do. Until the
    line is down, or `fs` is given anew, every time, interval and heart rate is wrong by as much."""


@dataclass(frozen=True, slots=True)
class Session(Event):
    """A stream begins, first of its events; where it begins without samples, again with these."""

    type: ClassVar[str] = "session"
    start: str
    """When `t` was 0, by the host's clock, UTC: 2026-11-29T00:24:44.120Z. Without samples, when the
    line was opened."""
    zone: str
    """The host's distance from UTC then, such as +01:00."""
    version: str
    """Of this program."""
    source: str
    """The port or the recording."""
    fs: float | None
    """Samples a second; None while none has come."""
    leads: tuple[str, ...]
    bundle: str
    """Name and version of the model."""
    scale: tuple[float | None, ...] | None = None
    """Where there are no units: millivolts that 1 of each lead is taken for, None for a lead with a
    unit; None if all have one. Of a recording so that its usual QRS complex is 1 mV high; of a
    board's text what docs/front-ends.md says, 0 while there is no number yet."""
    told: tuple[str, ...] = ()
    """Of a recording, sentences: where its rate is from, and which columns were left out."""


@dataclass(frozen=True, slots=True)
class Clock(Event):
    """The host's clock was set, or the host was suspended: `t` goes on as if nothing had been."""

    type: ClassVar[str] = "clock"
    kind: Literal["set", "suspended"]
    by_s: float
    """Seconds forward; backward below 0."""
    utc: str
    """The host's clock after it."""
    detail: str


@dataclass(frozen=True, slots=True)
class Overrun(Event):
    """Samples that came from the board, and were dropped by this program: it was too slow.

    `sample` is the first of them; the gap that they make comes as a `gap` event too.
    """

    type: ClassVar[str] = "overrun"
    lost: int
    duration_s: float
    detail: str


@dataclass(frozen=True, slots=True)
class Output(Event):
    """What became of an output of this program; the board has no part in it."""

    type: ClassVar[str] = "output"
    output: str
    """Path of the file, or "standard output"."""
    state: Literal["stalled", "failed", "up"]
    """It takes nothing, and more is dropped than waits; it gives an error; it goes on."""
    missing: int
    """Events that it did not get since it was up; they come no more."""
    detail: str


@dataclass(frozen=True, slots=True)
class AlarmTotal:
    """What one alarm did in a whole stream."""

    count: int
    longest_s: float
    """From `since` to `since`; of one that is still on, to the stream's end."""


@dataclass(frozen=True, slots=True)
class Stats(Event):
    """Totals since the stream's start; given at its end."""

    type: ClassVar[str] = "stats"
    beats: dict[str, int]
    """Final labels, counted."""
    mean_rate_bpm: float | None
    lost_samples: int
    frames: dict[str, int]
    """The decoders' counters: good, damaged, lost, repeated, unknown; empty without a decoder."""
    rate_hz: float | None = None
    """Samples a second by the host's clock; None without a port, or before some three minutes."""
    drift_ppm: float | None = None
    """How much faster than its nominal rate that is, in millionths."""
    alarms: dict[str, AlarmTotal] = field(default_factory=dict)
    """Those that were on, the worst first."""
    dropped_samples: int = 0
    """Of the lost ones, those that were lost by this program: see `Overrun`."""
    dropped_events: dict[str, int] = field(default_factory=dict)
    """Events that an output did not get up to here, by its name: see `Output`."""
    longest_rr_ms: float | None = None
    """The longest interval between two beats that have a name, U being none."""
    longest_rr_t: float | None = None
    """When it ended, s."""
    least_rate_bpm: float | None = None
    """Of the rates that `rhythm` events gave, where the rhythm was known."""
    greatest_rate_bpm: float | None = None
    unusable_s: float = 0.0
    """In which no lead could be judged, or samples were lost."""
