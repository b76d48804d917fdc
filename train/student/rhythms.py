"""Recordings with another rhythm: real beats moved in time, as signal.

DS1 has supraventricular beats of eight patients with more than five of them, fibrillation in two
records, and second-degree block in none. A network that is free to learn those by heart does so.
So sinus rhythm is put into other ones: the time between two beats is stretched or squeezed, mostly
where nothing happens (between T and P), P waves are changed, and what comes out is played through
the runtime like any recording. So a run drags the running means along, and ectopic beats that are
the majority become the dominant template, as they do in a patient. The ranges are our choice.
"""

from collections.abc import Callable, Iterator
from typing import Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

from edge.filters import STREAM_FS

_HEAD, _QRS, _P = 12, 25, 38
"""Stream samples: from the P wave's end to R, from R to where ST begins, the P wave's part."""
_SHORTEST: Final = 0.55
"""To what share the T and P parts can be squeezed."""

_PATIENT: Final = 400
"""Beats of a record that are one patient's: a record gives some five of them."""


_Rhythm = Callable[[np.random.Generator], Iterator[tuple[float, str]]]


class Retimed(NamedTuple):
    """A recording after its change."""

    stream: NDArray[np.float64]
    """[n, leads] at 250 Hz."""
    r: NDArray[np.int64]
    label: NDArray[np.str_]
    """Class of each beat."""


class _Plan(NamedTuple):
    rr: NDArray[np.float64]
    """Interval before each beat over what it was, [beats]; the first says nothing."""
    ectopic: NDArray[np.bool_]
    """Beats that become S."""
    fibrillating: NDArray[np.bool_]
    """Beats that lose their P wave."""


def with_other_rhythm(
    stream: NDArray[np.float64],
    r: NDArray[np.int64],
    label: NDArray[np.str_],
    sinus: NDArray[np.bool_],
    rng: np.random.Generator,
) -> Retimed:
    """Another rhythm on the same beats.

    `stream` [n, leads] at 250 Hz with R peaks at `r`, ascending, of classes `label`; only beats
    that are `sinus` (normal, with a normal one on either side) are changed.
    """
    plan = _plan(np.diff(r, prepend=r[0]) / STREAM_FS, sinus, rng)
    old, new = _knots(r, plan.rr, len(stream))
    place = np.interp(np.arange(int(new[-1]) + 1), new, old)
    changed = np.column_stack([np.interp(place, np.arange(len(stream)), lead) for lead in stream.T])
    at = np.rint(np.interp(r, old, new)).astype(np.int64)
    if sinus.any():
        _change_p(changed, at, sinus, plan, rng)
    return Retimed(changed, at, np.where(plan.ectopic, "S", label))


def _knots(
    r: NDArray[np.int64], ratio: NDArray[np.float64], length: int
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Matching places of the old and the new time axis."""
    gaps = np.diff(r).astype(np.float64)
    qt = np.minimum(0.4 * np.sqrt(gaps / STREAM_FS) * STREAM_FS, gaps - _HEAD)
    t = np.maximum(qt - _QRS, 4.0)
    rest = np.maximum(gaps - _HEAD - _QRS - t, 2.0)
    p = np.minimum(rest / 2, _P)
    tp = rest - p
    qrs = np.minimum(gaps - _HEAD - t - tp - p, _QRS)
    wanted = gaps * ratio[1:]
    excess = gaps - wanted  # to be taken away; below 0: to be added, all of it between T and P
    from_tp = np.minimum(excess, 0.9 * tp)
    scale = np.maximum(1 - np.maximum(excess - from_tp, 0) / (t + p), _SHORTEST)
    parts = np.stack([qrs, t, tp, p], 1)
    changed = np.stack([qrs, t * scale, tp - from_tp, p * scale], 1)
    head = gaps - parts.sum(1)
    old = r[:-1, None] + np.cumsum(parts, 1)
    intervals = np.cumsum(changed.sum(1) + head)
    start = r[0] + np.concatenate([[0], intervals])
    new = start[:-1, None] + np.cumsum(changed, 1)
    olds = np.concatenate([np.column_stack([r[:-1], old]).ravel(), [r[-1], length - 1]])
    news = np.concatenate(
        [np.column_stack([start[:-1], new]).ravel(), [start[-1], start[-1] + length - 1 - r[-1]]]
    )
    return np.concatenate([[0], olds]), np.concatenate([[0], news])


def _change_p(
    x: NDArray[np.float64],
    r: NDArray[np.int64],
    sinus: NDArray[np.bool_],
    plan: _Plan,
    rng: np.random.Generator,
) -> None:
    """Ectopic beats get the P wave of one of three foci, fibrillating ones none, in place."""
    leads = x.shape[1]
    typical = np.median([np.ptp(_part(x, i), axis=0) for i in r[sinus][:200]], axis=0)
    bell = np.exp(-0.5 * (np.arange(_P)[:, None] - rng.uniform(8, 30, 3)) ** 2 / 5.0**2)
    foci = rng.uniform(-1.2, 1.2, (3, leads)) * typical * rng.uniform(0, 1, 3)[:, None] ** 2
    kept = np.minimum(rng.uniform(-0.3, 1.5, 3), 1.0)
    focus = 0
    wave = 0.0
    rate = rng.uniform(4, 9)
    strength = typical * rng.uniform(0, 1)
    before = False
    for i, sample in enumerate(r):
        if plan.ectopic[i]:
            if not before:
                focus = int(rng.integers(3))
            _scale(x, sample, kept[focus], bell[:, focus, None] * foci[focus])
        elif plan.fibrillating[i]:
            _scale(x, sample, rng.uniform(0, 0.15), 0.0)
            first = r[i - 1] if i else sample
            rate = min(max(rate + rng.normal(0, 0.3), 4.0), 9.0)
            phase = wave + 2 * np.pi * rate / STREAM_FS * np.arange(sample - first)
            x[first:sample] += strength * np.sin(phase)[:, None] / 2
            wave = float(phase[-1]) if len(phase) else wave
        before = bool(plan.ectopic[i])


def _part(x: NDArray[np.float64], r: int) -> NDArray[np.float64]:
    """The P wave's part about the line between its ends, [38, leads] or shorter."""
    part = x[max(r - _HEAD - _P, 0) : max(r - _HEAD, 0)]
    if len(part) < 2:
        return np.zeros((1, x.shape[1]))
    line = np.linspace(part[0], part[-1], len(part))
    return np.asarray(part - line)


def _scale(x: NDArray[np.float64], r: int, kept: float, added: NDArray[np.float64] | float) -> None:
    wave = _part(x, r)
    if len(wave) == _P:
        x[r - _HEAD - _P : r - _HEAD] += (kept - 1) * wave + added * np.hanning(_P)[:, None]


def _plan(rr: NDArray[np.float64], sinus: NDArray[np.bool_], rng: np.random.Generator) -> _Plan:
    """A patient for every few hundred beats: a heart rate, and two rhythms in turn."""
    ratio = np.ones(len(rr))
    kind = np.full(len(rr), "N")
    stop = turn = 0
    for i in range(len(rr)):
        if i % _PATIENT == 0:
            pace = float(np.exp(rng.uniform(np.log(0.6), np.log(1.5))))
            rhythms = _PATIENTS[int(rng.choice(len(_PATIENTS), p=_SHARES))]
            habits = [rhythm(rng) for rhythm in rhythms]
        if i == stop:
            turn = 1 - turn
            stop += int(rng.integers(20, 150))
        ratio[i] = max(pace, 0.4 / max(rr[i], 0.2))
        if sinus[i]:
            interval, kind[i] = next(habits[turn])
            ratio[i] = interval / rr[i] if kind[i] == "A" else ratio[i] * interval
    return _Plan(ratio, kind == "S", kind == "A")


def _ectopy(rng: np.random.Generator) -> Iterator[tuple[float, str]]:
    """Early beats, alone or in runs, now and then or as every second to fifth beat.

    Up to a sick sinus node's rhythm, in which they are the majority and pauses follow them. A
    patient's couple at much the same distance.
    """
    often = float(np.exp(rng.uniform(np.log(0.01), np.log(0.6))))
    longest = float(np.exp(rng.uniform(0, np.log(10))))
    paused = rng.uniform(0.9, 1.1), rng.uniform(0.0, 1.2)
    cycle = rng.uniform(1.0, 1.5) if often > 0.2 else 1.0
    regular = int(rng.integers(1, 5)) if rng.random() < 0.25 else None
    blocked = 0.02 * rng.random()
    coupling, pace, spread = rng.uniform(0.45, 0.88), rng.uniform(0.45, 0.85), rng.uniform(0, 0.08)
    normal = 0
    while True:
        due = normal == regular if regular else rng.random() < often
        if not due:
            pause = rng.random() < blocked
            yield cycle * (rng.uniform(1.3, 2.2) if pause else 1.0), "N"
            normal += 1
            continue
        early = min(coupling * rng.normal(1, spread), 0.9)
        yield cycle * early, "S"
        for _ in range(1, int(rng.geometric(1 / longest))):
            yield cycle * pace * rng.normal(1, 0.03), "S"
        yield cycle * (paused[0] + (1 - early) * paused[1]), "N"
        normal = 1


def _sinus(rng: np.random.Generator) -> Iterator[tuple[float, str]]:
    """A sinus rhythm that breathes, wanders and now and then leaves a beat out."""
    swing, period = rng.uniform(0, 0.2), rng.uniform(3, 12)
    wander, level, i = rng.uniform(0, 0.03), 0.0, 0
    while True:
        level = 0.98 * level + rng.normal(0, wander)
        pause = rng.uniform(1.3, 2.0) if rng.random() < 0.005 else 1.0
        yield float(np.exp(level + swing * np.sin(2 * np.pi * i / period))) * pause, "N"
        i += 1


def block(rng: np.random.Generator) -> Iterator[tuple[float, str]]:
    """A sinus rhythm of which every second to fifth beat is not conducted, for some beats.

    Between, all are. With or without Wenckebach's intervals, the first after the pause the longest.
    """
    cycle, often = rng.uniform(0.6, 1.1), float(np.exp(rng.uniform(np.log(0.01), np.log(0.5))))
    shortening = rng.uniform(0.0, 0.12) * (rng.random() < 0.5)
    while True:
        yield cycle * rng.normal(1, 0.02), "N"
        if rng.random() > often:
            continue
        conducted = int(rng.integers(1, 5))
        for _ in range(int(rng.geometric(1 / 8))):
            yield cycle * (2 - shortening * (conducted - 1)) * rng.normal(1, 0.02), "N"
            for i in range(conducted - 1):
                yield cycle * (1 + shortening * 0.5**i) * rng.normal(1, 0.02), "N"


def _fibrillation(rng: np.random.Generator) -> Iterator[tuple[float, str]]:
    """Intervals without order, in seconds."""
    mean, spread = rng.uniform(0.45, 1.0), rng.uniform(0.15, 0.35)
    while True:
        yield max(float(mean * np.exp(rng.normal(0, spread))), 0.3), "A"


_PATIENTS: Final[list[tuple[_Rhythm, _Rhythm]]] = [
    (_ectopy, _sinus),
    (_ectopy, _ectopy),
    (_fibrillation, _fibrillation),
    (_fibrillation, _sinus),
    (_sinus, _sinus),
    (block, _sinus),
    (block, _ectopy),
]
_SHARES: Final = [0.25, 0.15, 0.25, 0.15, 0.1, 0.07, 0.03]
