"""Hearts that no record of mitdb has, drawn wave by wave; and what the monitor tells of them.

Every wave is a Gaussian, in seconds around R and millivolts. Shapes and heights are near those of
the textbook; the QT interval follows the rate (exponent our choice).
"""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from benchmarks.rhythm.played import collect
from edge.bundle import Bundle
from edge.events import Beat, Event, Gap, Quality, Rhythm
from edge.monitor import Monitor
from firmware_bridge.block import LeadState, SampleBlock

Signal = NDArray[np.float64]
BUNDLE = Bundle.load()
WINDOW_S = 0.15
"""How far a beat may be from its R: EC57's window."""


class Wave(NamedTuple):
    """One Gaussian."""

    at: float
    """Its middle, seconds after R."""
    sd: float
    """Standard deviation in seconds."""
    mv: float


Shape = Sequence[Wave]
Script = Sequence[tuple[float, Shape]]
"""R times in seconds, and what stands around each."""


class Hookup(NamedTuple):
    """How a heart is seen: the board's rate, the lead's gain (and polarity), and white noise."""

    fs: float
    gain: float
    noise_uv: float

    def __str__(self) -> str:
        return f"{self.fs:g}Hz_x{self.gain:g}_{self.noise_uv:g}uV"


HOOKUPS = [
    Hookup(100, 1.0, 5),
    Hookup(125, -1.0, 20),
    Hookup(250, 1.0, 0),
    Hookup(250, 2.5, 50),
    Hookup(360, 0.6, 20),
    Hookup(500, 1.0, 50),
    Hookup(500, -0.8, 5),
    Hookup(1000, 1.5, 5),
]
"""Each rate, height, polarity and noise at least once."""

P = Wave(-0.16, 0.025, 0.12)


def narrow(rr: float, p: Wave | None = P, t_mv: float = 0.25, t_sd: float = 0.05) -> Shape:
    """A conducted beat of 1 mV, 80 ms; its T wave comes sooner at a higher rate."""
    sooner = min(1.0, rr / 0.8)
    waves = [Wave(0, 0.010, 1.0), Wave(0.032, 0.010, -0.2)]
    waves.append(Wave(0.28 * sooner**0.8, t_sd * sooner**0.5, t_mv))
    return waves if p is None else [p._replace(at=p.at * sooner**0.5), *waves]


def broad(rr: float, mv: float = 1.0) -> Shape:
    """A ventricular beat of some 160 ms, with its T wave the other way."""
    sooner = min(1.0, rr / 0.8)
    return [
        Wave(0, 0.028, mv),
        Wave(0.075, 0.025, -0.2 * mv),
        Wave(0.30 * sooner**0.8, 0.05 * sooner**0.5, -0.3 * mv),
    ]


def steady(
    rate: float, start: float, end: float, shape: Callable[[float], Shape] = narrow
) -> list[tuple[float, Shape]]:
    """Beats at `rate` a minute, first at `start`, none from `end` on; 1 % of breathing."""
    rr = 60 / rate
    times = []
    t = start
    while t < end:
        times.append(t)
        t += rr * (1 + 0.01 * np.sin(2 * np.pi * 0.25 * t))
    return [(t, shape(rr)) for t in times]


def followed(
    before: list[tuple[float, Shape]], rate: float, seconds: float, shape: Callable[[float], Shape]
) -> tuple[list[tuple[float, Shape]], float]:
    """Beats at another rate for so long after those before; and when the first of them comes."""
    onset = before[-1][0] + max(60 / rate, 0.4)
    return [*before, *steady(rate, onset, onset + seconds, shape)], onset


def alone(wave: Wave, rate: float, start: float, end: float) -> list[tuple[float, Shape]]:
    """A wave that no QRS follows, `rate` times a minute."""
    return steady(rate, start, end, lambda _: [wave._replace(at=0.0)])


def draw(script: Iterable[tuple[float, Shape]], seconds: float, fs: float) -> Signal:
    """The waves of a script, in mV, shape [n]."""
    mv = np.zeros(round(seconds * fs))
    at = np.arange(len(mv)) / fs
    for r, shape in script:
        for wave in shape:
            middle = r + wave.at
            near = slice(
                max(0, int((middle - 6 * wave.sd) * fs)), max(0, int((middle + 6 * wave.sd) * fs))
            )
            mv[near] += wave.mv * np.exp(-(((at[near] - middle) / wave.sd) ** 2) / 2)
    return mv


def fibrillating(seconds: float, fs: float, mv: float, seed: int = 3) -> Signal:
    """Ventricular fibrillation: 4 to 6.5 Hz, wandering in rate and height, `mv` high on average."""
    rng = np.random.default_rng(seed)
    t = np.arange(round(seconds * fs)) / fs
    knots = np.arange(0, seconds + 1, 0.4)
    hz = np.interp(t, knots, rng.uniform(4, 6.5, len(knots)))
    height = np.interp(t, knots, rng.uniform(0.5, 1.5, len(knots)))
    out: Signal = mv / 2 * height * np.sin(2 * np.pi * np.cumsum(hz) / fs)
    return out


def seen(mv: Signal, hookup: Hookup, seed: int = 1) -> Signal:
    """A heart through its hookup: gain and noise."""
    noise = np.random.default_rng(seed).normal(0, hookup.noise_uv / 1000, len(mv))
    return hookup.gain * mv + noise


def spikes(
    times: Iterable[float], seconds: float, fs: float, low_pass_hz: float, mv: float
) -> Signal:
    """Pacing pulses of 2 ms and `mv` at the electrodes, behind a front end's low-pass.

    That is of second order (Butterworth); the pulse's response is made 16 times finer than the
    samples, which then fall where they fall.
    """
    fine = 16 * fs
    n = round(0.3 * fine)
    pulse = np.zeros(n)
    pulse[: round(0.002 * fine)] = mv
    s = 1j * np.fft.rfftfreq(n, 1 / fine) / low_pass_hz
    response = np.fft.irfft(np.fft.rfft(pulse) / (1 + np.sqrt(2) * s + s**2), n)
    out = np.zeros(round(seconds * fs))
    for t in times:
        first = int(np.ceil(t * fs))
        at = np.arange(first, min(len(out), first + int(0.25 * fs)))
        out[at] += np.interp(at / fs - t, np.arange(n) / fine, response)
    return out


@dataclass(frozen=True, slots=True)
class Span:
    """One stretch of an alarm, as told; its end is infinite where it was on at the stream's end."""

    name: str
    told: float
    since: float
    off: float


class Told:
    """What the monitor told of a stream."""

    def __init__(self, events: Sequence[Event], fs: float) -> None:
        self.events = events
        finals = [e for e in events if isinstance(e, Beat) and e.final]
        self.beats = np.array([e.sample / fs for e in finals])
        self.labels = [e.label for e in finals]
        self.gaps = [e for e in events if isinstance(e, Gap)]
        self.spans = [
            Span(name, episode.told[0], episode.dated[0], episode.told[1])
            for name, episodes in collect("", np.inf, events).alarms.items()
            for episode in episodes
        ]

    def alarms(self, start: float = 0.0, end: float = np.inf) -> set[str]:
        """Names of the alarms that were on at some time between."""
        return {s.name for s in self.spans if s.told < end and s.off > start}

    def first(self, names: Iterable[str], after: float = 0.0) -> float:
        """When one of these was first on after `after`; infinite if never."""
        wanted = set(names)
        on = [max(s.told, after) for s in self.spans if s.name in wanted and s.off > after]
        return min(on, default=np.inf)

    def silent(self, names: Iterable[str], start: float, end: float) -> float:
        """Seconds between in which none of these was on."""
        wanted = set(names)
        spans = sorted((s.told, s.off) for s in self.spans if s.name in wanted)
        quiet, at = 0.0, start
        for on, off in spans:
            quiet += max(0.0, min(on, end) - at)
            at = max(at, min(off, end))
        return quiet + max(0.0, end - at)

    def missed(self, times: Iterable[float], start: float = 0.0, end: float = np.inf) -> int:
        """Of the R times between, those that no beat is near."""
        true = [*times]
        found = _paired(true, self.beats.tolist())
        return sum(start <= t < end and not f for t, f in zip(true, found, strict=True))

    def extra(self, times: Iterable[float], start: float = 0.0, end: float = np.inf) -> int:
        """Beats between that are near no R, or second to another."""
        beats = self.beats.tolist()
        found = _paired(beats, [*times])
        return sum(start <= t < end and not f for t, f in zip(beats, found, strict=True))

    def named(self, start: float = 0.0, end: float = np.inf) -> str:
        """The final labels of the beats between."""
        return "".join(
            label for t, label in zip(self.beats, self.labels, strict=True) if start <= t < end
        )

    def reasons(self) -> set[str]:
        """Why leads were not usable."""
        return {str(e.reason) for e in self.events if isinstance(e, Quality)} - {"ok"}

    def rate(self) -> float:
        """The rate that was last told, 0 if none."""
        rates = [e.rate_bpm for e in self.events if isinstance(e, Rhythm)]
        return rates[-1] or 0.0 if rates else 0.0


def _paired(of: Sequence[float], others: Sequence[float]) -> list[bool]:
    """Whether each has a partner among the others, one to one and in time order."""
    found = [False] * len(of)
    i = j = 0
    while i < len(of) and j < len(others):
        apart = others[j] - of[i]
        nearer = j + 1 < len(others) and abs(others[j + 1] - of[i]) < abs(apart)
        if abs(apart) <= WINDOW_S and not (nearer and apart < 0):
            found[i] = True
            i, j = i + 1, j + 1
        elif apart < 0:
            j += 1
        else:
            i += 1
    return found


def block(
    mv: Signal, fs: float, start: int = 0, state: LeadState = LeadState.UNKNOWN
) -> SampleBlock:
    """Samples of one lead, [n], or of up to eight, [n, leads], as a block."""
    columns = mv.astype(np.float32).reshape(len(mv), -1)
    leads = columns.shape[1]
    names = ("II", "V1", "V5", "I", "III", "aVR", "aVL", "aVF")[:leads]
    return SampleBlock(start, columns, fs, names, (state,) * leads, (False,) * leads)


def monitored(blocks: Iterable[SampleBlock]) -> Told:
    """What the monitor tells of these blocks."""
    monitor = Monitor(BUNDLE)
    events: list[Event] = []
    fs = 0.0
    for b in blocks:
        fs = b.fs
        events += monitor.push(b)
    return Told(events + monitor.flush(), fs)


def watched(mv: Signal, fs: float, state: LeadState = LeadState.UNKNOWN) -> Told:
    """What the monitor tells of a stream without gaps."""
    return monitored([block(mv, fs, 0, state)])
