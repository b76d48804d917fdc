"""What a look at a beat is called: by its shape, its time, and the rhythm that it is in."""

from collections.abc import Mapping, Sequence
from typing import Final, cast

import numpy as np
from numpy.typing import NDArray

from edge.alarms import Setting
from edge.beats import CONTEXT, QRS_LAGS
from edge.chains import Change
from edge.classify import Classifier
from edge.events import Label
from edge.qrs import UNSURE
from edge.rhythm import RhythmWatch
from edge.stream import BeatView

_SIMILARITY: Final = CONTEXT.index("qrs_similarity")
_TINY: Final = 1e-9


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


class Naming:
    """Names the looks of one stream, in order of time, and keeps its rhythm."""

    def __init__(
        self, classifier: Classifier, leads: int, alarms: Mapping[str, Setting] | None = None
    ) -> None:
        self.rhythm = RhythmWatch(leads, alarms)
        self._classifier = classifier
        self._classes = [cast(Label, name) for name in classifier.classes]
        self._before: BeatView | None = None

    def probabilities(self, view: BeatView) -> NDArray[np.float64] | None:
        """Of each class over the leads that can be judged, [K]; None without any."""
        rows = view.weight.nonzero()[0]
        if len(rows) == 0 or view.detection < UNSURE:
            return None
        weight = view.weight[rows, None]
        each = self._classifier.probabilities(view.input.ecg[rows], view.input.context[rows])
        fused = np.asarray((weight * each).sum(axis=0) / weight.sum())
        return in_fibrillation(fused, self._classes) if self.rhythm.fibrillates else fused

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
        """What the rhythm makes of a provisional look."""
        sure = view.detection >= UNSURE
        like, alike = _likeness(view), _alike(view, self._before)
        return self.rhythm.found(view.r, label, view.rr, sure=sure, like=like, alike=alike)

    def learn(self, view: BeatView, label: Label) -> Sequence[Change]:
        """What the rhythm makes of a final look."""
        window = np.where(view.weight[:, None] > 0, view.input.ecg[:, 0], np.nan)
        like, alike = _likeness(view), _alike(view, self._before)
        self._before = view
        return self.rhythm.beat(view.r, label, view.rr, window, like, alike)


def _likeness(view: BeatView) -> float:
    """Correlation of the QRS with the patient's over the leads that can be judged; 1 if none."""
    each = view.input.context[:, _SIMILARITY]
    return _mean(np.where(view.weight > 0, each, 0.0), view.weight)  # may be NaN where that is 0


def _alike(view: BeatView, before: BeatView | None) -> float:
    """The same with the beat before, over the leads that can be judged in both."""
    if before is None:
        return 1.0
    each = np.ones(len(view.weight))
    weight = np.where(before.weight > 0, view.weight, 0.0)
    for lead in weight.nonzero()[0]:
        here = _unit(view.input.ecg[lead, 0, QRS_LAGS])
        there = _unit(before.input.ecg[lead, 0, QRS_LAGS])[len(QRS_LAGS) // 2]
        each[lead] = (here @ there).max()
    return _mean(each, weight)


def _unit(x: NDArray[np.floating]) -> NDArray[np.floating]:
    """Each row about its mean and of length one; a constant one of length 0."""
    x = x - x.mean(axis=1, keepdims=True)
    return np.asarray(x / (np.linalg.norm(x, axis=1, keepdims=True) + _TINY))


def _mean(each: NDArray[np.float64], weight: NDArray[np.float64]) -> float:
    total = weight.sum()
    return float(weight @ each / total) if total > 0 else 1.0
