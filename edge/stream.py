"""From the 250 Hz stream to beats that are ready to be classified.

Everything is ordered by signal time: what is given at stream sample `at` depends on the samples
up to `at` and on nothing else, so that neither the size of a push nor the arrival time matters.
"""

import math
from bisect import bisect_left, bisect_right
from collections import deque
from typing import Final, NamedTuple, Protocol, TypeAlias

import numpy as np
from numpy.typing import NDArray

from edge import quality
from edge.beats import PROVISIONAL_SEEN, SAMPLES, STEP, BeatContext, BeatInput, cut
from edge.filters import STREAM_FS
from edge.gaps import Made
from edge.qrs import LEAST_MV, UNSURE, Peak, QrsDetector

SECOND: Final = int(STREAM_FS)
FINAL_AFTER: Final = 2 * SECOND
"""A beat is final at the latest 2 s after its R peak."""
BREAK: Final = SECOND // 10
"""Missing samples between two R peaks, in one piece or many, after which their interval is not
known: a beat may hide there."""
LATEST: Final = 5 * SECOND
"""A beat looked at later after its R peak than this cannot be judged. Only one that was not yet
decided when samples were lost comes so late."""
_HISTORY: Final = LATEST + SECOND
_NARROW: Final = SECOND // 25 + 2
"""Stream samples of a bridged gap, its edges rounded outwards, that leaves a beat what it was."""
_QRS: Final = (-SECOND // 10, SECOND // 7)
"""Where around R a wider one leaves a beat without a name."""
_HIDING: Final = 1.5
"""An interval over a bridged gap that is so much longer than the one before may hide a beat."""
TICK: Final = SECOND // 5
"""How often a silence is told."""
_SILENT: Final = SECOND + SECOND // 2
"""From how long on."""
DROPOUT_S: Final = 3
"""So many seconds in a row without a signal are no dropout: a silence begins anew after them."""
USUAL_MV: Final = 1.0
"""Height of a QRS before one is known."""
MOST: Final = 100
"""Dropouts without a beat between them that are kept: what is silent for longer has been told."""
EDGES: Final = 3 * SECOND // 10
"""Samples beside a dropout at which a QRS may be cut, or be passed over."""
NO_BEAT_S: Final = 30
"""A signal without any beat, of which no electrode is known to be on, is silent after so many
seconds: they may be put on late, but not for ever (our choice)."""
_TRUSTED: Final = 3
"""Beats whose detection tells whether the signal can be judged at all (our choice)."""


SETTLED: Final = SECOND // 4
"""A beat is not moved nearer than this to the one before."""


class Detector(Protocol):
    """What finds the peaks: `edge.qrs.QrsDetector`, or a list of annotated ones in training."""

    def push(self, samples: NDArray[np.float64]) -> list[Peak]:
        """The peaks that samples `[n, leads]` decide."""

    def skip(self, n: int) -> None:
        """`n` samples that never came."""

    def flush(self) -> list[Peak]:
        """The peaks that are left at the end."""


class BeatView(NamedTuple):
    """One observation of a beat: provisional, or final."""

    id: int
    r: int
    """Stream sample of the R peak."""
    at: int
    """Stream sample that allowed this observation."""
    final: bool
    rr: float | None
    """Interval before the beat in seconds; None where not known."""
    input: BeatInput
    weight: NDArray[np.float64]
    """What each lead counts, [leads]; 0 for one that cannot be judged."""
    detection: float
    """Probability that there is a beat at all."""
    searchback: bool


class Second(NamedTuple):
    """The state of each lead over the second that ends before stream sample `at`."""

    at: int
    leads: list[quality.Judgement]
    silence: float | None
    """Seconds of signal since the last R peak, or since it can be watched, those of dropouts left
    out; None while it cannot: a beat would be seen in no lead."""


class Silence(NamedTuple):
    """No beat for a while, told between two seconds."""

    at: int
    seconds: float


View: TypeAlias = BeatView | Second | Silence


class _Pending(NamedTuple):
    id: int
    peak: Peak
    rr: float | None


class BeatStream:
    """Feeds a detector, cuts the windows around its peaks, and judges the leads."""

    def __init__(
        self,
        leads: int,
        detector: Detector | None = None,
        provisional_seen: int = PROVISIONAL_SEEN,
    ) -> None:
        """`provisional_seen`: stream samples after R that the provisional observation waits for."""
        self._detector = detector or QrsDetector(STREAM_FS, leads, LEAST_MV)
        self._provisional_seen = provisional_seen
        self.context = BeatContext(leads)
        """What is known of the patient; one that knows less, or another, may take its place."""
        self._x = np.empty((0, leads))
        self._end = 0  # stream samples so far
        self._clock = 0  # next stream sample whose due observations are still to be given
        self._beats = 0
        self._pending: _Pending | None = None
        self._provisional_due: int | None = None
        self._last_r: int | None = None
        self._seen_r: int | None = None  # of the last beat that a lead could be judged at
        self._late = False
        self._made: list[Made] = []  # gaps that were bridged, in stream samples
        self._interval: int | None = None  # the last one, known or not
        self._missing: list[int] = []  # samples in order, those since the last R
        self._watched_since: int | None = None
        self._lost: list[tuple[int, int]] = []  # seconds with dropouts since then: ends, samples
        self._in_a_row = 0  # of them, up to now
        self._quiet = [0] * leads  # seconds in a row
        self._by_still = False  # whether only a line that lies still is watched, beside noise
        self.attached = False
        """Whether an electrode is known to be on: then silence before any beat is told soon."""
        self._detections: deque[float] = deque(maxlen=_TRUSTED)

    def push(self, x: NDArray[np.float64]) -> list[View]:
        """Stream samples [n, leads] in mV, NaN where there is no signal."""
        self._append(x)
        views = self._give(self._detector.push(x))
        # More than BREAK do not matter, unless a beat may still be found after them.
        later = bisect_left(self._missing, self._end - _HISTORY)
        del self._missing[BREAK + 1 : later]
        return views

    def bridged(self, lead: int, first: int, end: int) -> None:
        """Of a lead, stream samples that are still to be pushed are made up."""
        self._made = [made for made in self._made if made.end > self._end - 2 * _HISTORY]
        self._made.append(Made(lead, first, end))

    def skip(self, n: int) -> list[View]:
        """`n` stream samples that never came."""
        kept = min(n, _HISTORY)
        self._append(np.full((kept, self._x.shape[1]), np.nan))
        self._detector.skip(n)
        views = self._give([])
        # What is longer is jumped over: nothing is pending, and the history is all missing.
        self._x = self._x[-_HISTORY:]
        self._end += n - kept
        self._clock += n - kept
        return views

    def flush(self) -> list[View]:
        """The stream ends: the last beats become final with what was seen."""
        views = self._give(self._detector.flush())
        return views + self._finish(self._end - 1, None)

    def _append(self, x: NDArray[np.float64]) -> None:
        missing = np.isnan(x)
        if missing.any():
            self._missing += (self._end + np.flatnonzero(missing.all(axis=1))).tolist()
        self._x = np.concatenate([self._x[-_HISTORY:], x])
        self._end += len(x)

    def _give(self, peaks: list[Peak]) -> list[View]:
        views: list[View] = []
        for peak in peaks:
            views += self._advance(peak.decided)
            views += self._take(peak)
        return views + self._advance(self._end)

    def _advance(self, until: int) -> list[View]:
        """What is due before stream sample `until`, in order of time."""
        views: list[View] = []
        while True:
            tick = (self._clock // TICK + 1) * TICK - 1
            final = self._pending.peak.sample + FINAL_AFTER if self._pending else until
            provisional = until if self._provisional_due is None else self._provisional_due
            due = max(min(provisional, final, tick), self._clock)
            if due >= until:
                break
            if due >= provisional:
                views.append(self._observe(due, None, final=False))
                self._provisional_due = None
            elif due >= final:
                views += self._finish(due, None if self._gap_before(due) else FINAL_AFTER)
            else:
                self._clock = due + 1
                views += self._tick(due + 1)
        self._clock = max(self._clock, until)
        return views

    def _take(self, peak: Peak) -> list[View]:
        peak = peak._replace(sample=self._settled(peak))
        views: list[View] = []
        interval = None
        if self._last_r is not None and not self._gap_before(peak.sample):
            before, self._interval = self._interval, peak.sample - self._last_r
            hides = before and self._interval > _HIDING * before and self._made_since(peak.sample)
            interval = None if hides else self._interval
        views += self._finish(peak.decided, interval)
        rr = interval / STREAM_FS if interval else None
        self._pending = _Pending(self._beats, peak, rr)
        self._beats += 1
        self._last_r = peak.sample
        self._late = peak.decided - peak.sample > LATEST
        self._detections.append(peak.confidence)
        del self._missing[: bisect_right(self._missing, peak.sample)]
        self._provisional_due = max(peak.sample + self._provisional_seen, peak.decided)
        return views

    def _finish(self, at: int, interval: int | None) -> list[View]:
        """Makes the pending beat final at `at`; the next R is `interval` stream samples later."""
        if self._pending is None:
            return []
        views: list[View] = []
        if self._provisional_due is not None:
            views.append(self._observe(at, None, final=False))
            self._provisional_due = None
        views.append(self._observe(at, interval / STREAM_FS if interval else None, final=True))
        self._pending = None
        return views

    def _observe(self, at: int, rr_next: float | None, *, final: bool) -> BeatView:
        assert self._pending is not None
        beat, peak, rr = self._pending
        if at - peak.sample > LATEST:  # not all of it is kept
            window = np.full((self._x.shape[1], SAMPLES), np.nan)
            weight = np.zeros(len(window))
        else:
            seen = at if final else min(at, peak.sample + self._provisional_seen)
            window, weight = self._window(peak.sample, seen)
        given = self.context.input(window, rr, rr_next)
        if final:
            self.context.learn(window, rr, weight > 0)
        return BeatView(
            beat, peak.sample, at, final, rr, given, weight, peak.confidence, peak.searchback
        )

    def _window(self, r: int, seen: int) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Around stream sample `r`, [leads, SAMPLES], and what each lead counts, [leads]."""
        origin = self._end - len(self._x)
        window = cut(self._x, r - origin, seen - origin)
        leads = self._assess(min(seen, r + SECOND // 2) + 1)
        known = zip(leads, window[:, 0].tolist(), strict=True)
        weight = np.array([0.0 if math.isnan(x) else lead.weight for lead, x in known])
        for lead, first, end in self._made:
            if end - first > _NARROW and end > r + _QRS[0] and first < r + _QRS[1]:
                weight[lead] = 0.0
        return window, weight

    def _settled(self, peak: Peak) -> int:
        """Where the patient's QRS has its R, if the detector has taken its end for it."""
        if peak.decided - peak.sample > LATEST:
            return peak.sample
        window, weight = self._window(peak.sample, peak.decided)
        r = peak.sample - STEP * self.context.early(window, weight)
        if self._last_r is not None and r <= self._last_r + SETTLED:
            r = peak.sample
        if weight.any():
            self._seen_r = r
        return r

    def _tick(self, at: int) -> list[View]:
        if at % SECOND == 0:
            return [self._judge(at)]
        if bisect_left(self._missing, at):  # whether it can be watched is told with the second
            return []
        silence = self._silence(at)
        return (
            [Silence(at, silence)] if silence is not None and silence * STREAM_FS > _SILENT else []
        )

    def _judge(self, at: int) -> Second:
        leads = self._assess(at)
        if sum(self._detections) < UNSURE * len(self._detections):  # beats or noise, who knows
            leads = [quality.drowned(lead) for lead in leads]
        noisy = any(lead.state == "noise" for lead in leads)
        still = False
        for i, lead in enumerate(leads):
            quiet = lead.state == "quiet"
            self._quiet[i] = self._quiet[i] + 1 if quiet else 0
            # A line that lay still while a beat was seen beside it says nothing for a noisy one.
            alive = self._seen_r is None or at - self._quiet[i] * SECOND > self._seen_r - SECOND
            still |= quiet and (alive or not noisy)
            if self._quiet[i] >= quality.FLAT_S:
                leads[i] = quality.Judgement("flat", 0.0)
        clear = any(lead.weight > 0 for lead in leads)
        self._by_still = noisy and not clear
        watched = clear or still
        if self._last_r is None and not self.attached and self._loud(at):
            self._watched_since = None  # a beat might not be seen in it
        self._in_a_row += 1
        if watched:
            self._in_a_row = 0
            if self._watched_since is None:
                self._watched_since = at - SECOND
        elif all(lead.state == "missing" for lead in leads) and self._in_a_row < DROPOUT_S:
            self._lost = [(end, n) for end, n in self._lost[-MOST:] if end > (self._seen_r or 0)]
            self._lost.append((at, self._blind(at)))
        else:
            self._watched_since = None
            self._lost.clear()
        return Second(at, leads, self._silence(at) if watched else None)

    def _silence(self, at: int) -> float | None:
        """Seconds before `at` in which a beat would have been seen, and was not."""
        since = self._watched_since
        if since is None:
            return None
        last = self._seen_r if self._by_still else self._last_r  # none is seen in noise alone
        if last is not None:
            since = max(since, last)
        elif self.attached:
            since += 2 * SECOND  # the first beats come late: the detector learns from them
        elif at - since < NO_BEAT_S * SECOND:
            return 0.0
        # Dropouts pause the count: no beat was seen in them, nor would one have been.
        lost = sum(min(n, end - since) for end, n in self._lost if end > since)
        return max(0, at - since - lost) / STREAM_FS

    def _assess(self, end: int) -> list[quality.Judgement]:
        return quality.assess(self._second(end), self.context.height)

    def _loud(self, end: int) -> bool:
        """Whether the second before `end` is, in every lead, noise to a QRS as high as most are."""
        second = self._second(end)
        usual = np.full(second.shape[1], USUAL_MV)
        return all(lead.state == "noise" for lead in quality.assess(second, usual))

    def _blind(self, end: int) -> int:
        """Samples of the second before `end` in which a dropout may hide a beat."""
        missing = int(np.isnan(self._second(end)).any(axis=1).sum())
        return min(SECOND, missing + EDGES)

    def _second(self, end: int) -> NDArray[np.float64]:
        """What is kept of the second before stream sample `end`."""
        origin = self._end - len(self._x)
        return self._x[max(end - SECOND - origin, 0) : max(end - origin, 0)]

    def _made_since(self, sample: int) -> bool:
        """Whether every lead has a bridged gap between the last R and a stream sample.

        Not of an interval that is longer than they are kept for: that is a silence.
        """
        last = self._last_r or 0
        if sample - last > LATEST:
            return False
        leads = {made.lead for made in self._made if made.end > last and made.first < sample}
        return len(leads) == self._x.shape[1]

    def _gap_before(self, sample: int) -> bool:
        if self._last_r is None:
            return False
        if self._late:  # what is missing after it is not kept
            return True
        since = bisect_right(self._missing, self._last_r)
        return bisect_left(self._missing, sample) - since > BREAK
