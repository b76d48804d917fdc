"""From an R peak to what a model eats: the beat's window, the patient's template, and context.

Everything here is causal. A window is cut from the 250 Hz stream with what was *seen* by a
given sample; later samples are masked with zeros, so the provisional and the final label of a
beat come from one network. All quantities are relative to the patient's own last minutes, so
neither gain nor heart rate needs a calibration.
"""

import math
from collections import deque
from statistics import median
from typing import Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

from edge.filters import STREAM_FS

WINDOW_FS: Final = 125
BEFORE: Final = 48
"""Window samples before R (384 ms: the P wave at a PR interval of up to 0.3 s)."""
SAMPLES: Final = 128
"""Window samples; the 80 from R on (640 ms) hold the T wave."""
STEP: Final = int(STREAM_FS) // WINDOW_FS
PROVISIONAL_SEEN: Final = 44
"""Stream samples after R (176 ms) that the provisional label waits for; our choice, so that
with the resampler's look-ahead it is given within 200 ms."""

CHANNELS: Final = ("beat", "template")
"""Waveforms of a window."""
CONTEXT: Final = (
    "rr_to_mean_10s",
    "rr_to_mean_60s",
    "rr_to_mean_300s",
    "rr_to_0.8s",
    "rr_previous_to_mean_60s",
    "rr_next_to_rr",
    "rr_next_to_mean_60s",
    "rr_next_known",
    "rr_irregularity_8",
    "rr_irregularity_64",
    "rr_irregularity_median",
    "rr_agreement",
    "qrs_similarity",
    "qrs_similarity_previous",
    "qrs_width",
    "qrs_height",
    "p_similarity",
    "p_height",
    "p_difference",
    "t_similarity",
    "p_of_template",
    "p_similarity_previous",
)
"""Context features in order. Ratios are natural logarithms, clipped to ±1.5; similarities are
correlations with the patient's dominant template. After de Chazal 2004 (RR ratios) and
Llamedo & Martinez 2011 (relative features); the exact set is our choice."""

P_PART, QRS_PART, T_PART = slice(13, 36), slice(36, 66), slice(66, 111)
"""Where a window has its waves: from -280 to -96, to +144, to +504 ms of R."""
_LENGTHS = np.array([23, 30, 45])
QRS_LAGS = np.arange(QRS_PART.start, QRS_PART.stop) + np.arange(-2, 3)[:, None]
"""Peaks jitter by a sample or two, so the QRS is compared at five places: indices, [5, 30]."""
_TEMPLATES = 4
_JOIN = 0.9  # correlation from which a beat belongs to a template
_CLIP = 1.5
_AGREEMENT = 0.06  # of two intervals' logarithms, to count as equal
_TINY = 1e-9


class BeatInput(NamedTuple):
    """What the classifier is given for one beat, a row a lead."""

    ecg: NDArray[np.float32]
    """[leads, 2, SAMPLES]: the beat and the dominant template, in units of the QRS height."""
    context: NDArray[np.float32]
    """[leads, len(CONTEXT)]."""


def cut(stream: NDArray[np.float64], r: int, seen: int) -> NDArray[np.float64]:
    """The window around row `r` of `stream` ([n, leads] at 250 Hz): [leads, SAMPLES] at 125 Hz.

    Rows after `seen` (and pairs that reach past it) are 0, the baseline's level. A lead with a
    missing sample inside the seen part is all NaN.
    """
    first, last = r - BEFORE * STEP, min(r + (SAMPLES - BEFORE) * STEP, seen + 1)
    pairs = max(0, (last - first) // STEP)
    window = np.zeros((stream.shape[1], SAMPLES))
    if first < 0:  # the stream's beginning stands still before its first sample
        index = np.maximum(np.arange(first, first + pairs * STEP), 0)
        part = stream[index]
    else:
        part = stream[first : first + pairs * STEP]
    values = part.reshape(pairs, STEP, -1).sum(axis=1).T / STEP
    before = np.sort(values[:, : BEFORE - 8], axis=1)
    window[:, :pairs] = values - before[:, before.shape[1] // 2, None]
    window[np.isnan(window.sum(axis=1))] = np.nan
    return window


def _log_ratio(a: float, b: float) -> float:
    return min(max(math.log(a / b), -_CLIP), _CLIP)


class RRContext:
    """RR intervals over seconds to minutes, as running means that no single beat drags along."""

    def __init__(self) -> None:
        self._seconds = 0.0
        self._beats = 0
        self._means = [0.0, 0.0, 0.0]
        self._previous: float | None = None
        self._logs: deque[float] = deque(maxlen=32)
        self._agreeing = 0  # pairs of them
        self._changes: deque[float] = deque(maxlen=16)
        self._irregular = [0.0, 0.0]

    def features(self, rr: float | None, rr_next: float | None) -> list[float]:
        """The RR features of `CONTEXT`; intervals in seconds, None where not known."""
        mean_60 = self._means[1]
        known = self._beats > 0
        pairs = len(self._logs) * (len(self._logs) - 1) // 2
        median_change = sorted(self._changes)[len(self._changes) // 2] if self._changes else 0.0
        return [
            *(_log_ratio(rr, m) if rr and known else 0.0 for m in self._means),
            _log_ratio(rr, 0.8) if rr else 0.0,
            _log_ratio(self._previous, mean_60) if self._previous and known else 0.0,
            _log_ratio(rr_next, rr) if rr and rr_next else 0.0,
            _log_ratio(rr_next, mean_60) if rr_next and known else 0.0,
            1.0 if rr_next else 0.0,
            *(min(2 * i, _CLIP) for i in self._irregular),
            min(3 * median_change, _CLIP),
            self._agreeing / pairs if pairs else 1.0,
        ]

    def premature(self, rr: float | None) -> bool:
        """Whether an interval is shorter than 88 % of the minute's mean (our choice)."""
        return rr is not None and self._beats > 0 and rr < 0.88 * self._means[1]

    def learn(self, rr: float | None) -> None:
        """Takes the interval before a beat into the running means."""
        if rr is None:
            self._previous = None
            return
        rr = min(max(rr, 0.2), 2.5)
        self._seconds += rr
        self._beats += 1
        for i, span in enumerate((10.0, 60.0, 300.0)):
            self._means[i] += (rr - self._means[i]) * rr / min(span, self._seconds)
        log = math.log(rr)
        if len(self._logs) == self._logs.maxlen:
            oldest = self._logs.popleft()
            self._agreeing -= sum(abs(oldest - other) < _AGREEMENT for other in self._logs)
        self._agreeing += sum(abs(log - other) < _AGREEMENT for other in self._logs)
        self._logs.append(log)
        if self._previous is not None:
            change = abs(rr - self._previous) / self._means[1]
            self._changes.append(change)
            for i, beats in enumerate((8, 64)):
                self._irregular[i] += (change - self._irregular[i]) / min(beats, self._beats)
        self._previous = rr


class Measures(NamedTuple):
    """Of the P, QRS and T parts of windows, [leads, 3] where nothing else is said."""

    norm: NDArray[np.float64]
    """Root of the sum of squares about the part's mean."""
    height: NDArray[np.float64]
    """Peak to peak."""
    rise: NDArray[np.float64]
    """Height of the QRS over its steepest step, in samples, [leads]: wide beats rise slowly."""


def _measure(window: NDArray[np.float64]) -> Measures:
    bounds = [P_PART.start, QRS_PART.start, T_PART.start, T_PART.stop]
    sums = np.add.reduceat(window, bounds, axis=1)[:, :3]
    squares = np.add.reduceat(window * window, bounds, axis=1)[:, :3]
    highest = np.maximum.reduceat(window, bounds, axis=1)[:, :3]
    lowest = np.minimum.reduceat(window, bounds, axis=1)[:, :3]
    power = squares - sums * sums / _LENGTHS
    height = highest - lowest
    qrs = window[:, QRS_PART]
    steepest = np.abs(qrs[:, 1:] - qrs[:, :-1]).max(axis=1)
    norm = np.sqrt(np.maximum(power, 0.0))
    return Measures(norm, height, (height[:, 1] + _TINY) / (steepest + _TINY))


def _unit(part: NDArray[np.float64]) -> NDArray[np.float64]:
    """Without mean and of length one, along the last axis; zero for a flat part."""
    centred = part - part.sum(axis=-1, keepdims=True) / part.shape[-1]
    norm = np.sqrt((centred * centred).sum(axis=-1, keepdims=True))
    return np.asarray(centred / (norm + _TINY))


class Templates:
    """The patient's beat shapes, a few a lead; the one that most beats join is the dominant one.

    Averages of matching beats, the rarest replaced by a new shape, counts fading over minutes:
    so a wrong start is outgrown. After the template matching of Hamilton's OSEA; our own form.
    """

    def __init__(self, leads: int) -> None:
        self._mean = np.zeros((leads, _TEMPLATES, SAMPLES))
        self._qrs = np.zeros((leads, _TEMPLATES, len(QRS_LAGS[0])))
        self._count = np.zeros((leads, _TEMPLATES))
        self._rows = np.arange(leads)
        self._refresh()

    def similarity(self, window: NDArray[np.float64]) -> NDArray[np.float64]:
        """Best correlation of the QRS with each template, [leads, templates]; 0 with none."""
        parts = window[:, QRS_LAGS]
        sums = parts.sum(axis=2)
        power = (parts * parts).sum(axis=2) - sums * sums / parts.shape[2]
        products = np.einsum("lgs,lks->lkg", parts, self._qrs)
        scores = products / (np.sqrt(np.maximum(power, 0.0)) + _TINY)[:, None]
        return np.asarray(scores.max(axis=2))

    def learn(
        self, window: NDArray[np.float64], similarity: NDArray[np.float64], weight: float
    ) -> NDArray[np.float64]:
        """Takes a whole beat in; leads whose `similarity` is NaN are left out.

        Returns the beat's similarity to what was the dominant template, [leads].
        """
        to_dominant = np.where(self.known, similarity[self._rows, self._best], 1.0)
        for lead in np.flatnonzero(~np.isnan(similarity[:, 0])).tolist():
            count = self._count[lead]
            count *= 0.998
            k = int(similarity[lead].argmax())
            if similarity[lead, k] < _JOIN:
                k = int(count.argmin())
                self._mean[lead, k] = window[lead]
                count[k] = 0.0
            mean = self._mean[lead, k]
            mean += (window[lead] - mean) / min(count[k] + 1.0, 32.0)
            self._qrs[lead, k] = _unit(mean[QRS_PART])
            count[k] += weight
        self._refresh()
        return to_dominant

    def _refresh(self) -> None:
        """Everything that follows from the templates and stays until the next beat is learned."""
        self._best = self._count.argmax(axis=1)
        self.known = np.asarray(self._count.any(axis=1))
        self.dominant = self._mean[self._rows, self._best]
        self._p, self._t = _unit(self.dominant[:, P_PART]), _unit(self.dominant[:, T_PART])
        self._measures = _measure(self.dominant)

    def features(
        self, window: NDArray[np.float64], similarity: NDArray[np.float64]
    ) -> NDArray[np.float64]:
        """The shape features of `CONTEXT` but the previous beat's, [leads, 7]."""
        beat, template = _measure(window), self._measures
        features = np.empty((len(window), 8))
        features[:, 0] = similarity[self._rows, self._best]
        features[:, 1] = np.log(beat.rise / template.rise)
        features[:, 2] = np.log((beat.height[:, 1] + _TINY) / (template.height[:, 1] + _TINY))
        p, p_template = window[:, P_PART], self.dominant[:, P_PART]
        features[:, 3] = (p * self._p).sum(axis=1) / (beat.norm[:, 0] + _TINY)
        features[:, 4] = np.log((beat.height[:, 0] + _TINY) / (template.height[:, 0] + _TINY))
        change = np.sqrt(((p - p_template) ** 2).sum(axis=1) / _LENGTHS[0])
        features[:, 5] = 8 * change / (template.height[:, 1] + _TINY)
        features[:, 6] = (window[:, T_PART] * self._t).sum(axis=1) / (beat.norm[:, 2] + _TINY)
        features[:, 7] = 2 + np.log(
            (template.height[:, 0] + _TINY) / (template.height[:, 1] + _TINY)
        )
        features[~self.known] = _NO_TEMPLATE
        return np.clip(features, -_CLIP, _CLIP, out=features)


_NO_TEMPLATE = np.array([1.0, 0.0, 0.0, 1.0, 0.0, 0.0, 1.0, 0.0])
"""Shape features before there is a template: the beat is taken to be like the patient's."""


class BeatContext:
    """One patient's state: gives each beat its input, and learns from it once it is complete."""

    def __init__(self, leads: int) -> None:
        self._rr = RRContext()
        self._templates = Templates(leads)
        self._heights: list[deque[float]] = [deque(maxlen=16) for _ in range(leads)]
        self._previous = np.ones(leads)
        self._previous_p = np.ones(leads)
        self.height = np.full(leads, np.nan)
        """Each lead's QRS height in mV, the median of its last 16 beats; NaN before the first."""

    def input(
        self, window: NDArray[np.float64], rr: float | None, rr_next: float | None
    ) -> BeatInput:
        """What the classifier eats: `window` from `cut`, intervals in seconds or None.

        The row of a lead whose window is NaN means nothing; the caller leaves it out.
        """
        similarity = self._templates.similarity(window)
        shape = self._templates.features(window, similarity)
        if rr_next is None:
            shape[:, 6] = 0.0  # the T wave is not seen yet
        context = np.empty((len(window), len(CONTEXT)), np.float32)
        k = CONTEXT.index("qrs_similarity")
        context[:, :k] = self._rr.features(rr, rr_next)
        context[:, k] = shape[:, 0]
        context[:, k + 1] = self._previous
        context[:, k + 2 : -1] = shape[:, 1:]
        context[:, -1] = self._previous_p
        ecg = np.empty((len(window), 2, SAMPLES), np.float32)
        ecg[:, 0] = window
        ecg[:, 1] = np.where(self._templates.known[:, None], self._templates.dominant, window)
        ecg /= np.where(np.isnan(self.height), _heights(window) + _TINY, self.height)[:, None, None]
        return BeatInput(np.clip(ecg, -4, 4, out=ecg), context)

    def learn(
        self, window: NDArray[np.float64], rr: float | None, usable: NDArray[np.bool_]
    ) -> None:
        """Takes a beat, with its final window, into the running state.

        Heights are learned on every lead that has a signal, so that a changed gain is followed;
        shapes only on the `usable` ones.
        """
        for lead, height in enumerate(_heights(window).tolist()):
            if height > 0:
                self._heights[lead].append(height)
                self.height[lead] = median(self._heights[lead])
        similarity = self._templates.similarity(window)
        similarity[~usable] = np.nan
        weight = 0.3 if self._rr.premature(rr) else 1.0
        p = self._templates.features(window, self._templates.similarity(window))[:, 3]
        self._previous_p = np.where(usable, p, self._previous_p)
        best = self._templates.learn(window, similarity, weight)
        self._previous = np.where(usable, best, self._previous)
        self._rr.learn(rr)


def _heights(window: NDArray[np.float64]) -> NDArray[np.float64]:
    qrs = window[:, QRS_PART]
    return np.asarray(qrs.max(axis=1) - qrs.min(axis=1))
