"""What faults did: samples and beats of an hour, with them and without."""

from typing import Final

import numpy as np
from numpy.typing import NDArray

from benchmarks.boards.bursts import FinalBeat, Quiet, Stream, finals
from edge.events import Beat
from edge.monitor import Monitor
from firmware_bridge.block import LeadState, SampleBlock
from train.metrics.ec57 import WINDOW_S

GUARD_S: Final = 3.0
"""Quiet this near to a burst is not counted: a beat is judged by 2 s after it, too."""
CONTEXT_S: Final = 10.0
"""After a burst a label knows less of the beats before it for so long, and may be another."""
_STRETCH = 500  # samples that are enough to know a piece of ECG again
_FURTHEST = 1000  # samples lost or made in one burst
_LIKE = 0.1  # mean square of what a piece that is known again differs by, as a part of its variance


def fit(mv: NDArray[np.float32], n: int) -> NDArray[np.float32]:
    """Exactly n samples, [n, leads]: cut off, or NaN at the end."""
    return np.pad(mv[:n], ((0, max(0, n - len(mv))), (0, 0)), constant_values=np.nan)


def shifts_of(
    clean: NDArray[np.float32], faulty: NDArray[np.float32], quiet: list[Quiet], fs: float
) -> list[int]:
    """By how many samples each quiet stretch came too late, by what it looks like.

    RuntimeError where it is nowhere near.
    """
    shifts = [0]
    for begin, end in quiet[1:]:
        at = begin + round(GUARD_S * fs)
        size = min(_STRETCH, end - at)
        known = clean[at : at + size].T
        tried = np.arange(shifts[-1] - _FURTHEST, shifts[-1] + _FURTHEST)
        tried = tried[(at + tried >= 0) & (at + tried + size <= len(faulty))]
        windows = np.lib.stride_tricks.sliding_window_view(faulty, size, axis=0)[at + tried]
        # Least squares: where a sample is a mean of many, these may be other ones.
        unlike = ((windows - known) ** 2).mean(axis=(1, 2))
        best = tried[unlike == np.nanmin(unlike)]
        if np.nanmin(unlike) > _LIKE * known.var(axis=1).mean():
            raise RuntimeError(f"the signal from sample {at} on is nowhere near where it was")
        shifts.append(int(min(best, key=lambda shift: abs(shift - shifts[-1]))))
    return shifts


def as_placed(
    clean: Stream, faulty: Stream, quiet: list[Quiet], shifts: list[int], fs: float
) -> list[FinalBeat]:
    """Final beats of the quiet stretches as they came, at their index, and unharmed bursts between.

    A beat is found, and named, by how the samples lie to the 4 ms of the monitor's own stream: this
    and the sample's number are all that the board's missing count may change.
    """
    guard = round(fs)
    parts = [faulty.mv[: quiet[0][1]]]
    for (_, end), (begin, until), before, after in zip(
        quiet, quiet[1:], shifts, shifts[1:], strict=False
    ):
        burst = clean.mv[end : begin + guard]
        half, more = len(burst) // 2, after - before
        parts += [burst[: half + min(more, 0)], np.full((max(more, 0), burst.shape[1]), np.nan)]
        parts += [burst[half:], faulty.mv[begin + guard + after : until + after]]
    monitor, beats = Monitor(), list[Beat]()
    mv, leads = np.concatenate(parts), tuple(f"{i}" for i in range(clean.mv.shape[1]))
    came = np.flatnonzero(~np.isnan(mv[:, 0]))
    for rows in np.split(came, np.flatnonzero(np.diff(came) > 1) + 1):
        states, saturated = (LeadState.UNKNOWN,) * len(leads), (False,) * len(leads)
        block = SampleBlock(int(rows[0]), mv[rows], fs, leads, states, saturated)
        beats += finals(monitor, [block])
    beats += [event for event in monitor.flush() if isinstance(event, Beat) and event.final]
    return [(beat.sample, beat.label) for beat in beats]


def quiet_beats(
    expected: list[FinalBeat],
    faulty: list[FinalBeat],
    quiet: list[Quiet],
    shifts: list[int],
    fs: float,
) -> tuple[int, int, int, int]:
    """Beats between bursts that have a class; of them moved, relabelled soon and later."""
    counted = moved = soon = late = 0
    labels = dict(faulty)
    for (begin, end), shift in zip(quiet, shifts, strict=True):
        for sample, label in expected:
            at = sample - shift
            if label != "U" and begin + GUARD_S * fs <= at < end - GUARD_S * fs:
                counted += 1
                moved += sample not in labels
                changed = labels.get(sample, label) != label
                recent = at < begin + CONTEXT_S * fs
                soon += changed and recent
                late += changed and not recent
    return counted, moved, soon, late


def invented(
    clean: list[FinalBeat],
    faulty: list[FinalBeat],
    quiet: list[Quiet],
    shifts: list[int],
    fs: float,
    annotated: NDArray[np.float64],
) -> tuple[int, int]:
    """Faulty beats without one near, unharmed or annotated: with a class, and unknown.

    `annotated`: samples at which somebody has seen a beat.
    """
    times = np.append(annotated, [sample for sample, _ in clean])
    extra = []
    for sample, label in faulty:
        # In a burst the index moves from the shift before it to the one after it.
        i = max(k for k, (begin, _) in enumerate(quiet) if k == 0 or begin + shifts[k] <= sample)
        near = shifts[i : i + 2] if sample - shifts[i] >= quiet[i][1] else shifts[i : i + 1]
        low, high = sample - max(near) - WINDOW_S * fs, sample - min(near) + WINDOW_S * fs
        if not np.any((times >= low) & (times <= high)):
            extra.append(label)
    unsure = extra.count("U")
    return len(extra) - unsure, unsure
