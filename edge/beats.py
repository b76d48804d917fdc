# cython: boundscheck=False, wraparound=False, initializedcheck=False
"""From an R peak to what a model eats: the beat's window, the patient's template, and context.

Everything here is causal. A window is cut from the 250 Hz stream with what was *seen* by a
given sample; later samples are masked with zeros, so the provisional and the final label of a
beat come from one network. All quantities are relative to the patient's own last minutes, so
neither gain nor heart rate needs a calibration.
"""

import math
from array import array
from collections import deque
from collections.abc import Iterable
from operator import attrgetter
from statistics import median
from typing import Final, NamedTuple, TypeAlias

import numpy as np
from numpy.typing import NDArray

from edge.filters import STREAM_FS, floats

Floats: TypeAlias = "memoryview[float] | array[float]"

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

_P, _QRS, _T, _END = 13, 36, 66, 111
P_PART, QRS_PART, T_PART = slice(_P, _QRS), slice(_QRS, _T), slice(_T, _END)
"""Where a window has its waves: from -280 to -96, to +144, to +504 ms of R."""
_JITTER = 2
QRS_LAGS = np.arange(_QRS, _T) + np.arange(-_JITTER, _JITTER + 1)[:, None]
"""Peaks jitter by a sample or two, so the QRS is compared at five places: indices, [5, 30]."""
_EARLIEST = 17  # so much, 136 ms, before R may be what the QRS begins with,
_ASTRAY, _HOME = 0.5, 0.8  # if it is unlike the patient's there, and like it here; on DS1
_LIES = 0.04  # of its QRS height: a lead that does not move with a beat
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
    missing sample inside the seen part is all NaN; all are where R itself is not in the stream.
    """
    if not (0 <= r < len(stream) and seen >= 0):  # `_cut` does not look where it writes
        return np.full((stream.shape[1], SAMPLES), np.nan)
    first, last = r - BEFORE * STEP, min(r + (SAMPLES - BEFORE) * STEP, seen + 1)
    window = np.zeros((stream.shape[1], SAMPLES))
    _cut(floats(stream[max(first, 0) : last]), floats(window), max(-first, 0))
    return window


def _cut(x: "memoryview[float]", window: "memoryview[float]", before: int) -> None:
    """Windows, [leads, SAMPLES], of `x`, [n, leads], which stood still for `before` rows before."""
    step, quiet = STEP, BEFORE - 8
    pairs = (before + len(x)) // step
    for lead in range(len(window)):
        total = 0.0
        for i in range(pairs):
            at = step * i - before
            window[lead, i] = (x[max(at, 0), lead] + x[max(at + 1, 0), lead]) / step
            total += window[lead, i]
        if math.isnan(total):
            level, seen = total, SAMPLES
        else:
            level, seen = sorted([window[lead, i] for i in range(quiet)])[quiet // 2], pairs
        for i in range(seen):
            window[lead, i] -= level


def _clip(x: float) -> float:
    return min(max(x, -_CLIP), _CLIP)


def _log_ratio(a: float, b: float) -> float:
    return _clip(math.log(a / b))


def agreeing(log: float, others: Iterable[float]) -> int:
    """How many intervals agree with one: are within 6 % of it. All are logarithms."""
    count = 0
    for other in others:
        count += abs(log - other) < _AGREEMENT
    return count


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
            self._agreeing -= agreeing(self._logs.popleft(), self._logs)
        self._agreeing += agreeing(log, self._logs)
        self._logs.append(log)
        if self._previous is not None:
            change = abs(rr - self._previous) / self._means[1]
            self._changes.append(change)
            for i, beats in enumerate((8, 64)):
                self._irregular[i] += (change - self._irregular[i]) / min(beats, self._beats)
        self._previous = rr


class Template:
    """A running mean of beats that are alike, on one lead."""

    def __init__(self) -> None:
        self.count = 0.0
        """Beats that joined it, those of long ago for less."""
        self.mean = array("d", bytes(8 * SAMPLES))
        self._unit = array("d", bytes(8 * SAMPLES))  # its parts, each about its mean, of length one

    def learn(self, beat: Floats, weight: float) -> None:
        """Takes a whole beat, [SAMPLES], into the mean, as a 32nd of it at least."""
        beats = min(self.count + 1.0, 32.0)
        for i in range(len(self.mean)):
            self.mean[i] += (beat[i] - self.mean[i]) / beats
        self._learn_unit(_P, _QRS)
        self._learn_unit(_QRS, _T)
        self._learn_unit(_T, _END)
        self.count += weight

    def _learn_unit(self, first: int, last: int) -> None:
        total = squares = 0.0
        for i in range(first, last):
            total += self.mean[i]
        mean = total / (last - first)
        for i in range(first, last):
            self._unit[i] = self.mean[i] - mean
            squares += self._unit[i] * self._unit[i]
        norm = math.sqrt(squares) + _TINY
        for i in range(first, last):
            self._unit[i] /= norm

    def similarity(self, beat: Floats, first: int, last: int, jitter: int, early: int = 0) -> float:
        """Best correlation of a part with that of `beat` up to `jitter` samples away.

        Or away from `early` samples before.
        """
        best = -1.0
        for lag in range(-jitter - early, jitter - early + 1):
            total = squares = product = 0.0
            for i in range(first, last):
                value = beat[i + lag]
                total += value
                squares += value * value
                product += value * self._unit[i]
            power = squares - total * total / (last - first)
            best = max(best, product / (math.sqrt(max(power, 0.0)) + _TINY))
        return best


class Templates:
    """The shapes of a lead's beats, a few; the one that most beats join is the dominant one.

    Averages of matching beats, the rarest replaced by a new shape, counts fading over minutes:
    so a wrong start is outgrown. After the template matching of Hamilton's OSEA; our own form.
    """

    def __init__(self) -> None:
        self._all = [Template() for _ in range(_TEMPLATES)]
        self._dominant = self._all[0]
        self._similarity = self._p_similarity = 1.0  # of the beat before

    def dominant(self, beat: Floats) -> Floats:
        """The mean that most beats joined, [SAMPLES]; `beat` itself before there is one."""
        return self._dominant.mean if self._dominant.count > 0 else beat

    def features(self, beat: Floats, whole: bool) -> list[float]:
        """The shape features of `CONTEXT`, of a beat [SAMPLES], `whole` if its T wave is seen."""
        template = self._dominant
        if template.count == 0:  # the beat is taken to be like the patient's
            return [1.0, 1.0, 0.0, 0.0, 1.0, 0.0, 0.0, 1.0 if whole else 0.0, 0.0, 1.0]
        mean = template.mean
        height, usual_height = _height(beat, _QRS, _T), _height(mean, _QRS, _T)
        p_height, usual_p_height = _height(beat, _P, _QRS), _height(mean, _P, _QRS)
        rise, usual_rise = height / _steepest(beat), usual_height / _steepest(mean)
        return [
            template.similarity(beat, _QRS, _T, _JITTER),
            self._similarity,
            _log_ratio(rise, usual_rise),
            _log_ratio(height, usual_height),
            template.similarity(beat, _P, _QRS, 0),
            _log_ratio(p_height, usual_p_height),
            _clip(8 * _difference(beat, mean, _P, _QRS) / usual_height),
            template.similarity(beat, _T, _END, 0) if whole else 0.0,
            _clip(2 + math.log(usual_p_height / usual_height)),
            self._p_similarity,
        ]

    def likeness(self, beat: Floats, jitter: int, early: int) -> float:
        """Correlation of a beat's QRS, [SAMPLES], with the dominant one; 1 before there is one."""
        if self._dominant.count == 0:
            return 1.0
        return self._dominant.similarity(beat, _QRS, _T, jitter, early)

    def learn(self, beat: Floats, weight: float) -> None:
        """Takes a whole beat in, [SAMPLES], which counts `weight`."""
        similarities = [t.similarity(beat, _QRS, _T, _JITTER) for t in self._all]
        if self._dominant.count > 0:
            self._similarity = similarities[self._all.index(self._dominant)]
            self._p_similarity = self._dominant.similarity(beat, _P, _QRS, 0)
        for template in self._all:
            template.count *= 0.998
        best = max(similarities)
        if best < _JOIN:
            joined = min(self._all, key=attrgetter("count"))
            joined.count = 0.0
        else:
            joined = self._all[similarities.index(best)]
        joined.learn(beat, weight)
        self._dominant = max(self._all, key=attrgetter("count"))


def _alone(beat: Floats) -> Template:
    """What one beat, [SAMPLES], makes."""
    template = Template()
    template.learn(beat, 1.0)
    return template


class Shape:
    """The QRS complexes of one beat, a lead each, to hold those of others against."""

    def __init__(self, beats: NDArray[np.float64], weight: NDArray[np.float64]) -> None:
        """Windows, [leads, SAMPLES], and what each lead counts, [leads]; 0 if it is not judged."""
        self._judged = (weight > 0).tolist()
        self._leads = [_alone(floats(beat)) for beat in beats]

    def likeness(self, beats: NDArray[np.float64], weight: NDArray[np.float64]) -> float:
        """Correlation of another's, over the leads that are judged in both; 1 if none is."""
        total = product = 0.0
        for lead, counts in enumerate(weight.tolist()):
            if counts > 0 and self._judged[lead]:
                template = self._leads[lead]
                total += counts
                product += counts * template.similarity(floats(beats[lead]), _QRS, _T, _JITTER)
        return product / total if total > 0 else 1.0


def _height(x: Floats, first: int, last: int) -> float:
    """Peak to peak of a part; never 0."""
    lowest = highest = x[first]
    for i in range(first, last):
        lowest = min(lowest, x[i])
        highest = max(highest, x[i])
    return highest - lowest + _TINY


def _steepest(x: Floats) -> float:
    """The steepest step of the QRS, never 0: for their height, wide beats rise slowly."""
    steepest = 0.0
    for i in range(_QRS + 1, _T):
        steepest = max(steepest, abs(x[i] - x[i - 1]))
    return steepest + _TINY


def _scale(x: Floats, height: float, ecg: "memoryview[float]", lead: int, channel: int) -> None:
    """Puts a wave, divided by a height and clipped, among others, all in single precision."""
    for i in range(len(x)):
        ecg[lead, channel, i] = x[i]
        ecg[lead, channel, i] = min(max(ecg[lead, channel, i] / height, -4.0), 4.0)


def _difference(x: Floats, y: Floats, first: int, last: int) -> float:
    """Root mean square of the difference of a part."""
    squares = 0.0
    for i in range(first, last):
        squares += (x[i] - y[i]) * (x[i] - y[i])
    return math.sqrt(squares / (last - first))


class BeatContext:
    """One patient's state: gives each beat its input, and learns from it once it is complete."""

    def __init__(self, leads: int) -> None:
        self._rr = RRContext()
        self._templates = [Templates() for _ in range(leads)]
        self._heights: list[deque[float]] = [deque(maxlen=16) for _ in range(leads)]
        self.height = np.full(leads, np.nan)
        """Each lead's QRS height in mV, the median of its last 16 beats; NaN before the first."""

    def input(
        self, window: NDArray[np.float64], rr: float | None, rr_next: float | None
    ) -> BeatInput:
        """What the classifier eats: `window` from `cut`, intervals in seconds or None.

        The row of a lead whose window is NaN means nothing; the caller leaves it out.
        """
        rhythm = self._rr.features(rr, rr_next)
        ecg = np.empty((len(window), 2, SAMPLES), np.float32)
        context = np.empty((len(window), len(CONTEXT)), np.float32)
        scaled, features = floats(ecg), floats(context)
        for lead, height in enumerate(self.height.tolist()):
            beat = floats(window[lead])
            templates = self._templates[lead]
            for i, value in enumerate(rhythm + templates.features(beat, rr_next is not None)):
                features[lead, i] = value
            single = float(np.float32(_height(beat, _QRS, _T) if math.isnan(height) else height))
            _scale(beat, single, scaled, lead, 0)
            _scale(templates.dominant(beat), single, scaled, lead, 1)
        return BeatInput(ecg, context)

    def early(self, window: NDArray[np.float64], weight: NDArray[np.float64]) -> int:
        """By how many of its samples R is too late in `window`: where the patient's QRS begins.

        A wide QRS has two waves of like size, 0.1 s apart, and the detector may take either; so
        the same beats would have two shapes. 0 where nothing else fits better. Leads count as in
        `weight`, [leads].
        """
        counts = weight.tolist()
        if not weight.any() or not self._likeness(window, counts, _JITTER, 0) < _ASTRAY:
            return 0
        fits = [self._likeness(window, counts, 0, k) for k in range(_EARLIEST + 1)]
        best = max(fits)
        return fits.index(best) if best > _HOME else 0

    def _likeness(
        self, window: NDArray[np.float64], weight: list[float], jitter: int, early: int
    ) -> float:
        """Of the patient's QRS and what lies `early` before R, over the leads that count."""
        product = total = 0.0
        for lead, counts in enumerate(weight):
            if counts > 0:
                templates = self._templates[lead]
                product += counts * templates.likeness(floats(window[lead]), jitter, early)
                total += counts
        return product / total

    def learn(
        self, window: NDArray[np.float64], rr: float | None, usable: NDArray[np.bool_]
    ) -> None:
        """Takes a beat, with its final window, into the running state.

        Heights are learned on every lead that has a signal, so that a changed gain is followed, but
        not on one that lies still beside others; shapes only on the `usable` ones.
        """
        weight = 0.3 if self._rr.premature(rr) else 1.0
        heights = [_height(beat, _QRS, _T) for beat in map(floats, window)]
        lies = [h < _LIES * known for h, known in zip(heights, self.height.tolist(), strict=True)]
        for lead, beat in enumerate(map(floats, window)):
            height = heights[lead]
            if height > _TINY and (not lies[lead] or all(lies)):  # not missing, nor flat
                self._heights[lead].append(height)
                self.height[lead] = median(self._heights[lead])
            if usable[lead]:
                templates = self._templates[lead]
                templates.learn(beat, weight)
        self._rr.learn(rr)
