"""From an R peak to what a model eats: the beat's window, the patient's template, and context.

Everything here is causal. A window is cut from the 250 Hz stream with what was *seen* by a
given sample; later samples are masked with zeros, so the provisional and the final label of a
beat come from one network. All quantities are relative to the patient's own last minutes, so
neither gain nor heart rate needs a calibration.
"""

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

CONTEXT: Final = (
    "rr_to_mean_10s",
    "rr_to_mean_60s",
    "rr_to_mean_300s",
    "rr_previous_to_mean_60s",
    "rr_to_0.8s",
    "rr_next_to_rr",
    "rr_next_to_mean_60s",
    "rr_next_known",
    "rr_irregularity_8",
    "rr_irregularity_64",
    "qrs_similarity",
    "qrs_similarity_previous",
    "qrs_width",
    "qrs_height",
    "p_similarity",
    "p_height",
    "p_difference",
    "t_similarity",
)
"""Context features in order. Ratios are natural logarithms, clipped to ±1.5; similarities are
correlations with the patient's dominant template. After de Chazal 2004 (RR ratios) and
Llamedo & Martinez 2011 (relative features); the exact set is our choice."""

_QRS = slice(BEFORE - 12, BEFORE + 18)  # -96 … +144 ms
_LAGS = range(-2, 3)  # peaks jitter by a sample or two
_P = slice(BEFORE - 35, BEFORE - 10)  # -280 … -80 ms
_T = slice(BEFORE + 19, BEFORE + 63)  # +152 … +504 ms
_TEMPLATES = 4
_JOIN = 0.9  # correlation from which a beat belongs to a template
_CLIP = 1.5


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
    baseline = np.median(values[:, : BEFORE - 8], axis=1, keepdims=True)
    window[:, :pairs] = values - baseline
    window[~np.isfinite(window).all(axis=1)] = np.nan
    return window


def _log_ratio(a: float, b: float) -> float:
    return float(np.clip(np.log(a / b), -_CLIP, _CLIP))


class RRContext:
    """RR intervals over seconds to minutes, as running means that no single beat drags along."""

    def __init__(self) -> None:
        self._seconds = 0.0
        self._beats = 0
        self._means = [0.0, 0.0, 0.0]
        self._previous: float | None = None
        self._irregular = [0.0, 0.0]

    def features(self, rr: float | None, rr_next: float | None) -> list[float]:
        """The ten RR features of `CONTEXT`; intervals in seconds, None where not known."""
        mean_60 = self._means[1]
        known = self._beats > 0
        return [
            *(_log_ratio(rr, m) if rr and known else 0.0 for m in self._means),
            _log_ratio(self._previous, mean_60) if self._previous and known else 0.0,
            _log_ratio(rr, 0.8) if rr else 0.0,
            _log_ratio(rr_next, rr) if rr and rr_next else 0.0,
            _log_ratio(rr_next, mean_60) if rr_next and known else 0.0,
            1.0 if rr_next else 0.0,
            *(min(2 * i, _CLIP) for i in self._irregular),
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
        if self._previous is not None:
            change = abs(rr - self._previous) / self._means[1]
            for i, beats in enumerate((8, 64)):
                self._irregular[i] += (change - self._irregular[i]) / min(beats, self._beats)
        self._previous = rr


class Templates:
    """The patient's beat shapes, a few a lead; the one that most beats join is the dominant one.

    Averages of matching beats, the rarest replaced by a new shape, counts fading over minutes:
    so a wrong start is outgrown. After the template matching of Hamilton's OSEA; our own form.
    """

    def __init__(self, leads: int) -> None:
        self._mean = np.zeros((leads, _TEMPLATES, SAMPLES))
        self._count = np.zeros((leads, _TEMPLATES))

    def dominant(self, window: NDArray[np.float64]) -> NDArray[np.float64]:
        """The dominant template of each lead, [leads, SAMPLES]; before there is one, the window."""
        best = self._mean[np.arange(len(window)), self._count.argmax(axis=1)]
        return np.where(self._count.any(axis=1, keepdims=True), best, window)

    def learn(self, window: NDArray[np.float64], regular: bool) -> None:
        """Takes a whole beat in; a premature one counts less towards being dominant."""
        similarity = _similarity(window, self._mean)
        for lead in np.flatnonzero(np.isfinite(window).all(axis=1)):
            count = self._count[lead]
            count *= 0.998
            k = int(similarity[lead].argmax())
            if similarity[lead, k] < _JOIN:
                k = int(count.argmin())
                self._mean[lead, k] = window[lead]
                count[k] = 0.0
            step = 1.0 / min(count[k] + 1.0, 32.0)
            self._mean[lead, k] += step * (window[lead] - self._mean[lead, k])
            count[k] += 1.0 if regular else 0.3


def shape_features(beat: NDArray[np.float64], template: NDArray[np.float64]) -> NDArray[np.float64]:
    """The shape features of `CONTEXT` but the previous beat's: [leads, SAMPLES] to [leads, 7]."""
    qrs, qrs_template = beat[:, _QRS], template[:, _QRS]
    p, p_template = beat[:, _P], template[:, _P]
    return np.stack(
        [
            _similarity(beat, template[:, None])[:, 0],
            _log_ratios(_width(qrs), _width(qrs_template)),
            _log_ratios(np.ptp(qrs, axis=1), np.ptp(qrs_template, axis=1)),
            _correlation(p, p_template),
            _log_ratios(np.ptp(p, axis=1), np.ptp(p_template, axis=1)),
            np.minimum(5 * np.abs(p - p_template).mean(axis=1), _CLIP),
            _correlation(beat[:, _T], template[:, _T]),
        ],
        axis=1,
    )


def _log_ratios(a: NDArray[np.float64], b: NDArray[np.float64]) -> NDArray[np.float64]:
    return np.clip(np.log((a + 1e-9) / (b + 1e-9)), -_CLIP, _CLIP)


def _width(qrs: NDArray[np.float64]) -> NDArray[np.float64]:
    """Area over height: the width of a rectangle as high and as large, in samples."""
    centred = np.abs(qrs - qrs.mean(axis=1, keepdims=True))
    return np.asarray(centred.sum(axis=1) / (centred.max(axis=1) + 1e-12))


def _unit(x: NDArray[np.float64]) -> NDArray[np.float64]:
    centred = x - x.mean(axis=-1, keepdims=True)
    return np.asarray(centred / (np.sqrt((centred**2).sum(axis=-1, keepdims=True)) + 1e-12))


def _correlation(a: NDArray[np.float64], b: NDArray[np.float64]) -> NDArray[np.float64]:
    return np.asarray((_unit(a) * _unit(b)).sum(axis=-1))


def _similarity(window: NDArray[np.float64], templates: NDArray[np.float64]) -> NDArray[np.float64]:
    """Best correlation of the QRS over small lags: [leads, SAMPLES] with [leads, k, SAMPLES]."""
    shifted = np.stack([window[:, _QRS.start + lag : _QRS.stop + lag] for lag in _LAGS], axis=1)
    scores = np.einsum("lgs,lks->lkg", _unit(shifted), _unit(templates[:, :, _QRS]))
    return np.asarray(scores.max(axis=2))


class BeatContext:
    """One patient's state: gives each beat its input, and learns from it once it is complete."""

    def __init__(self, leads: int) -> None:
        self._rr = RRContext()
        self._templates = Templates(leads)
        self._heights: list[deque[float]] = [deque(maxlen=16) for _ in range(leads)]
        self._previous = np.ones(leads)

    @property
    def height(self) -> NDArray[np.float64]:
        """Each lead's QRS height in mV, the median of its last 16 beats; NaN before the first."""
        return np.array([median(h) if h else np.nan for h in self._heights])

    def input(
        self, window: NDArray[np.float64], rr: float | None, rr_next: float | None
    ) -> BeatInput:
        """What the classifier eats: `window` from `cut`, intervals in seconds or None.

        The row of a lead whose window is NaN means nothing; the caller leaves it out.
        """
        scale = self.height
        scale = np.where(np.isnan(scale), np.ptp(window[:, _QRS], axis=1), scale)[:, None]
        beat = np.nan_to_num(window / scale)
        template = np.nan_to_num(self._templates.dominant(window) / scale)
        shape = shape_features(beat, template)
        if rr_next is None:
            shape[:, -1] = 0.0  # the T wave is not seen yet
        rr_part = np.tile(self._rr.features(rr, rr_next), (len(window), 1))
        context = np.column_stack([rr_part, shape[:, 0], self._previous, shape[:, 1:]])
        return BeatInput(
            np.stack([beat, template], axis=1).clip(-4, 4).astype(np.float32),
            context.astype(np.float32),
        )

    def learn(
        self, window: NDArray[np.float64], rr: float | None, usable: NDArray[np.bool_]
    ) -> None:
        """Takes a beat, with its final window, into the running state.

        Heights are learned on every lead that has a signal, so that a changed gain is followed;
        shapes only on the `usable` ones.
        """
        for heights, height in zip(self._heights, np.ptp(window[:, _QRS], axis=1), strict=True):
            if height > 0:
                heights.append(float(height))
        window = np.where(usable[:, None], window, np.nan)
        template = self._templates.dominant(window)
        similarity = _similarity(window, template[:, None])[:, 0]
        self._previous = np.where(np.isfinite(similarity), similarity, self._previous)
        self._templates.learn(window, regular=not self._rr.premature(rr))
        self._rr.learn(rr)
