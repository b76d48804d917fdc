"""Real recordings remade to another heart rate, beat by beat, with what annotators say of them.

Our choice throughout. What lies from 50 ms before R to 60 ms after it is kept, sample by sample.
An interval that must be shorter has the rest of it (T, pause, P) squeezed in time, heights kept.
One that must be longer keeps T and P too, and its TP pause is stretched: what is slow in it is
drawn out, what is fast (the noise) is gone through to and fro, turning at drawn places, so that
neither a flat line, a step, a ramp nor a regular wave arises. R to R varies as it did, scaled
down to some percent, so that the rhythm is no metronome.

Left out are intervals with fibrillation, noise marks, artefacts or unreadable beats, those longer
than two seconds, and, to be stretched, those without a TP pause. Where the next interval does not
follow in the recording, the difference is spread over the rest of the one before.
"""

from collections.abc import Sequence
from pathlib import Path
from typing import Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

from edge.errors import RecordError
from train.data.mitdb import Annotations, read_marks

RATES: Final = (20, 25, 30, 40, 60, 90, 120, 150, 180, 200, 220, 240, 260, 280, 300)
"""Beats a minute that are tried."""
BEFORE_S: Final = 0.050
AFTER_S: Final = 0.060
"""Around R: what is kept of every beat."""

_LONGEST_S = 2.0  # of the intervals that are used
_T_END = 0.42  # after R, times the root of the interval in seconds (Bazett)
_P_ONSET_S = 0.24  # before the next R
_PAUSE_S = 0.08  # the least TP pause that is stretched
_SMOOTH_S = 0.1  # Hann window that parts slow from fast
_VARIATION, _MOST = 0.5, 0.04  # share of the interval's own variation that is kept, its limit
_AROUND = 10  # beats before and after, whose mean interval the variation is of

Array = NDArray[np.float64]
Index = NDArray[np.int64]


class Remade(NamedTuple):
    """A recording at another rate."""

    mv: Array
    """[n, leads]."""
    sample: Index
    """R of each beat, [beats]."""
    symbol: NDArray[np.str_]
    source: Index
    """Where each beat's R lies in the recording it is from, [beats]."""
    change: int
    """First sample of the rate that was asked for: 0 unless it comes suddenly."""


def noise_stretches(record: Path, lead: int, extension: str = "atr") -> list[tuple[int, int]]:
    """First sample and end of what the annotators call noisy, unreadable or an artefact.

    The record is given by its path without suffix; a RecordError if its annotations cannot be
    read. The bits of `~` are those of WFDB: 1 << lead noisy, 16 << lead unreadable.
    """
    marks = read_marks(record, extension)
    noisy: list[tuple[int, int]] = []
    start: int | None = None
    for at, symbol, bits in zip(
        marks.sample.tolist(), marks.symbol, np.asarray(marks.subtype).tolist(), strict=True
    ):
        if symbol == "|":
            noisy.append((at, at + 1))
        elif symbol == "~":
            if start is not None:
                noisy.append((start, at + 1))
            start = at if bits & (0x11 << lead) else None
    if start is not None:
        noisy.append((start, np.iinfo(np.int64).max))
    return noisy


def remake(
    mv: NDArray[np.floating],
    beats: Annotations,
    rate: float,
    *,
    noise: Sequence[tuple[int, int]] = (),
    symbols: str | None = None,
    sudden: bool = False,
    seconds: float = 300.0,
) -> Remade:
    """Remake a recording in mV, [n, leads], to `rate` beats a minute.

    `noise` holds stretches to leave out, `symbols` the beats that may be used (all but
    unreadable ones if None). `sudden` leaves the first half of the `seconds`, or of a
    shorter recording, at the rate it has.
    The result begins behind a QRS complex and ends before one, after so many seconds or where
    no more beats are left. A RecordError where fewer than two are, or the rate is out of reach.
    """
    before, after = round(BEFORE_S * beats.fs), round(AFTER_S * beats.fs)
    if 60 * beats.fs / rate * (1 - _MOST) < before + after + 2:
        raise RecordError(f"{rate:g} beats a minute leave no room between QRS complexes")
    plan, change = _planned(len(mv), beats, rate, noise, symbols, sudden, seconds)
    if len(plan) < 2:
        raise RecordError(f"no two beats of it can be remade to {rate:g} a minute")
    signal = mv.astype(np.float64)
    smooth = _smoothed(signal, beats.fs)
    rng = np.random.default_rng(round(rate))
    onset = beats.sample - before
    parts: list[Array] = []
    for place, (i, count) in enumerate(plan):
        rest = slice(int(beats.sample[i]) + after, int(onset[i + 1]))
        pause = _pause(beats, i) if count > onset[i + 1] - onset[i] else None
        made = _timed(signal, smooth, rest, pause, count - before - after, rng)
        follows = plan[place + 1][0] if place + 1 < len(plan) else i + 1
        step = signal[onset[follows]] - signal[onset[i + 1]]
        rise = (1 - np.cos(np.pi * (np.arange(len(made)) + 0.5) / len(made))) / 2
        parts += [signal[onset[i] : rest.start], made + rise[:, None] * step]
    first = before + after  # the QRS complex that has nothing before it
    chosen = np.array([i for i, _ in plan[1:]])
    sample = np.cumsum([count for _, count in plan[:-1]]) + before - first
    return Remade(
        np.concatenate(parts)[first:],
        sample.astype(np.int64),
        beats.symbol[chosen],
        beats.sample[chosen],
        max(0, change - first),
    )


def _planned(
    n: int,
    beats: Annotations,
    rate: float,
    noise: Sequence[tuple[int, int]],
    symbols: str | None,
    sudden: bool,
    seconds: float,
) -> tuple[list[tuple[int, int]], int]:
    """The intervals that are used and their new lengths, and where the new rate begins."""
    used = _usable(n, beats, noise, symbols)
    if not len(used):
        return [], 0
    old = np.diff(beats.sample)[used]
    window = 2 * _AROUND + 1
    around = np.convolve(np.pad(old, _AROUND, "edge"), np.ones(window) / window, "valid")
    own = np.clip(_VARIATION * (old / around - 1), -_MOST, _MOST)
    half = min(seconds * beats.fs, old.sum()) / 2
    plan: list[tuple[int, int]] = []
    end, late, change = 0, 0.0, 0
    for i, native, varied in zip(used.tolist(), old.tolist(), own.tolist(), strict=True):
        if end >= seconds * beats.fs:
            break
        if sudden and end < half:
            count = native
            change = end + count
        else:
            wanted = 60 * beats.fs / rate * (1 + varied) + late
            count = round(wanted)
            start, stop = _pause(beats, i)
            if count > native and stop - start < _PAUSE_S * beats.fs:
                continue
            late = wanted - count
        plan.append((i, count))
        end += count
    return plan, change


def _usable(
    n: int, beats: Annotations, noise: Sequence[tuple[int, int]], symbols: str | None
) -> Index:
    """The first beats of intervals that hold what they should, [intervals]."""
    margin = round(0.1 * beats.fs)
    first, last = beats.sample[:-1], beats.sample[1:]
    good = (last - first <= _LONGEST_S * beats.fs) & (first >= margin) & (last < n - margin)
    good &= last - first > round(BEFORE_S * beats.fs) + round(AFTER_S * beats.fs) + 2
    may = beats.symbol != "Q" if symbols is None else np.isin(beats.symbol, list(symbols))
    good &= may[:-1] & may[1:]
    for start, end in (*noise, *beats.vf):
        good &= (last + margin < start) | (first - margin > end)
    return np.flatnonzero(good)


def _pause(beats: Annotations, i: int) -> tuple[int, int]:
    """From where T should have ended after a beat to where the next P should begin."""
    first, last = int(beats.sample[i]), int(beats.sample[i + 1])
    t_end = first + _T_END * np.sqrt((last - first) * beats.fs)
    return round(t_end), last - round(_P_ONSET_S * beats.fs)


def _smoothed(mv: Array, fs: float) -> Array:
    """What is slow in a recording, [n, leads]."""
    window = np.hanning(round(_SMOOTH_S * fs) | 1)
    padded = np.pad(mv, ((len(window) // 2, len(window) // 2), (0, 0)), "edge")
    smooth = [np.convolve(lead, window / window.sum(), "valid") for lead in padded.T]
    return np.stack(smooth, axis=1)


def _timed(
    mv: Array,
    smooth: Array,
    rest: slice,
    pause: tuple[int, int] | None,
    count: int,
    rng: np.random.Generator,
) -> Array:
    """The rest of an interval in `count` samples, [count, leads]: squeezed, or its pause longer."""
    if pause is None:
        return _resampled(mv[rest], count)
    start, stop = pause
    length = stop - start + count - (rest.stop - rest.start)
    fast = mv[start:stop] - smooth[start:stop]
    drawn = _resampled(smooth[start:stop], length) + fast[_wandering(len(fast), length, rng)]
    return np.concatenate([mv[rest.start : start], drawn, mv[stop : rest.stop]])


def _resampled(part: Array, count: int) -> Array:
    """Linear interpolation, [count, leads], from first sample to last."""
    at = np.linspace(0, len(part) - 1, count)
    return np.stack([np.interp(at, np.arange(len(part)), lead) for lead in part.T], axis=1)


def _wandering(n: int, length: int, rng: np.random.Generator) -> Index:
    """Indices from 0 to n - 1 in so many steps of one: to the end, then back and forth again."""
    path = [np.arange(n)]
    left = length - n
    if left % 2:
        path.append(np.array([n - 1]))  # once without a step
    while left > 1:
        back = min(left // 2, int(rng.integers(n // 2, n)))
        there = n - 1 - np.arange(1, back + 1)
        path += [there, there[::-1][1:], np.array([n - 1])]
        left -= 2 * back
    return np.concatenate(path)
