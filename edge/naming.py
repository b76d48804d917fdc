"""What an observation of a beat is called: by its shape, its time, and the rhythm that it is in."""

from collections import deque
from collections.abc import Sequence
from typing import Final, NamedTuple, cast

import numpy as np
from numpy.typing import NDArray

from edge.beats import CONTEXT, QRS_LAGS
from edge.chains import Change
from edge.classify import Classifies
from edge.ectopy import RUN_BEATS, UNLIKE
from edge.events import Label
from edge.qrs import UNSURE
from edge.rhythm import RhythmWatch
from edge.stream import BeatView

_SIMILARITY: Final = CONTEXT.index("qrs_similarity")
_TINY: Final = 1e-9
KNOWN_BEATS: Final = 10
"""N like the template that make it the patient's; what is learnt before may be ventricular."""
BELIEVED_BEATS: Final = 240
"""V that are no tachycardia and like the last run, after which that was none, or has become the
patient's normal: a change of the electrodes, a bundle branch block. Both numbers are our choice."""


def in_fibrillation(
    probabilities: NDArray[np.float64], classes: Sequence[str]
) -> NDArray[np.float64]:
    """Class probabilities, [..., K], where the atria fibrillate: what would be S is N.

    No beat of atria that have no beat can come early. The annotators hold to it nearly always; that
    it is done here is our choice, measured in docs/classifier.md.
    """
    if not {"N", "S"} <= set(classes):
        return probabilities
    n, s = classes.index("N"), classes.index("S")
    early = probabilities.argmax(axis=-1) == s
    result = probabilities.copy()
    result[early, n] += result[early, s]
    result[early, s] = 0.0
    return result


def renamed(
    probabilities: NDArray[np.float64], classes: Sequence[str], names: str, name: str
) -> NDArray[np.float64]:
    """Class probabilities, [K], where what would be one of `names` is `name`."""
    if not {*names, name} <= set(classes):
        return probabilities
    others = [classes.index(n) for n in names]
    result = probabilities.copy()
    result[classes.index(name)] += result[others].sum()
    result[others] = 0.0
    return result


class _Shape(NamedTuple):
    qrs: NDArray[np.floating]
    """About its mean and of length one, [leads, ..., samples]."""
    weight: NDArray[np.float64]
    """What each lead counts, [leads]."""


class Naming:
    """Labels the observations of one stream, in order of time.

    Here, and nowhere else, label and rhythm feed each other: a label is of the rhythm so far, and
    the rhythm goes on with the label.
    """

    def __init__(self, classifier: Classifies, rhythm: RhythmWatch) -> None:
        """`rhythm` is the stream's; only what is told of beats is told to it here."""
        self._rhythm = rhythm
        self._classifier = classifier
        self._classes = [cast(Label, name) for name in classifier.classes]
        self._last: deque[BeatView] = deque(maxlen=RUN_BEATS)  # final
        self._run: deque[_Shape] = deque(maxlen=RUN_BEATS)  # the last of one that is told
        self._patient: _Shape | None = None  # as it was before
        self._known = 0  # N like the template
        self._believed = 0

    def probabilities(self, view: BeatView) -> NDArray[np.float64] | None:
        """Of each class over the leads that can be judged, [K]; None without any."""
        rows = view.weight.nonzero()[0]
        if len(rows) == 0 or view.detection < UNSURE:
            return None
        weight = view.weight[rows, None]
        each = self._classifier.probabilities(view.input.ecg[rows], view.input.context[rows])
        fused = np.asarray((weight * each).sum(axis=0) / weight.sum())
        if self._rhythm.fibrillates:
            fused = in_fibrillation(fused, self._classes)
        if self._patient is None:
            return fused
        lags = _lags(view, 0)
        normal = _alike(lags, self._patient) > UNLIKE
        ventricular = max(_alike(lags, beat) for beat in self._run) > UNLIKE
        if ventricular and not normal:
            return renamed(fused, self._classes, "NS", "V")
        if normal and not ventricular:
            return renamed(fused, self._classes, "VF", "N")
        return fused

    def label(self, probabilities: NDArray[np.float64] | None) -> tuple[Label, float]:
        """The name, and how sure it is."""
        if probabilities is None:
            return "U", 1.0
        best = int(probabilities.argmax())
        confidence = float(probabilities[best])
        if confidence < self._classifier.unknown_below:
            return "U", 1.0 - confidence
        return self._classes[best], confidence

    def found(self, view: BeatView, label: Label) -> Sequence[Change]:
        """What the rhythm makes of a provisional observation."""
        sure = view.detection >= UNSURE
        like, alike = _likeness(view), self._alike(view)
        changes = self._rhythm.found(view.r, label, view.rr, sure=sure, like=like, alike=alike)
        self._remember(view)
        return changes

    def learn(self, view: BeatView, label: Label) -> Sequence[Change]:
        """What the rhythm makes of a final observation."""
        window = np.where(view.weight[:, None] > 0, view.input.ecg[:, 0], np.nan)
        like, alike = _likeness(view), self._alike(view)
        self._last.append(view)
        changes = self._rhythm.beat(view.r, label, view.rr, window, like, alike)
        self._known += label == "N" and like > UNLIKE
        self._remember(view)
        if label == "V" and self._patient and _alike(_lags(view, 0), self._patient) < UNLIKE:
            self._run.append(_shape(view, 0))
            self._believed += not self._rhythm.tachycardia
            if self._believed > BELIEVED_BEATS:
                self._patient = None
                self._known = 0
        return changes

    def _remember(self, view: BeatView) -> None:
        """Keeps the shapes of a run, and of the patient before it.

        The patient's shape is learnt from what beats there are, so that after a minute a
        tachycardia is the patient's normal, and for minutes after it sinus beats are not. Until
        the patient's shape is what it was these beats are called by what they were before.
        """
        if self._rhythm.ventricular:
            if self._patient is None and self._known >= KNOWN_BEATS:
                self._patient = _shape(self._last[0], 1)
                self._believed = 0
                self._run.extend(_shape(beat, 0) for beat in self._last)
        elif self._patient and _alike(_lags(view, 1), self._patient) > UNLIKE:
            self._patient = None

    def _alike(self, view: BeatView) -> float:
        """Correlation of the QRS with that of the beat before; 1 if there is none."""
        return _alike(_lags(view, 0), _shape(self._last[-1], 0)) if self._last else 1.0


def _likeness(view: BeatView) -> float:
    """Correlation of the QRS with the patient's over the leads that can be judged; 1 if none."""
    each = view.input.context[:, _SIMILARITY]
    return _mean(np.where(view.weight > 0, each, 0.0), view.weight)  # may be NaN where that is 0


def _shape(view: BeatView, channel: int) -> _Shape:
    """Of the QRS of a beat, channel 0, or of the patient's then, channel 1."""
    return _Shape(_unit(view.input.ecg[:, channel, QRS_LAGS[len(QRS_LAGS) // 2]]), view.weight)


def _lags(view: BeatView, channel: int) -> _Shape:
    """Such a QRS at each lag, [leads, lags, samples]."""
    return _Shape(_unit(view.input.ecg[:, channel, QRS_LAGS]), view.weight)


def _alike(lags: _Shape, shape: _Shape) -> float:
    """Correlation of a QRS, at its best lag, with a shape, over leads judged in both; 1 if none."""
    each = np.ones(len(lags.weight))
    weight = np.where(shape.weight > 0, lags.weight, 0.0)
    for lead in weight.nonzero()[0]:
        each[lead] = (lags.qrs[lead] @ shape.qrs[lead]).max()
    return _mean(each, weight)


def _unit(x: NDArray[np.floating]) -> NDArray[np.floating]:
    """Each row about its mean and of length one; a constant one of length 0."""
    x = x - x.mean(axis=-1, keepdims=True)
    return np.asarray(x / (np.linalg.norm(x, axis=-1, keepdims=True) + _TINY))


def _mean(each: NDArray[np.float64], weight: NDArray[np.float64]) -> float:
    total = weight.sum()
    return float(weight @ each / total) if total > 0 else 1.0
