"""What an observation of a beat is called: by its shape, its time, and the rhythm that it is in."""

from collections import deque
from collections.abc import Sequence
from typing import Final, cast

import numpy as np
from numpy.typing import NDArray

from edge.beats import CONTEXT, Shape
from edge.chains import Change
from edge.classify import Classifies
from edge.ectopy import RUN_BEATS, UNLIKE
from edge.events import Label
from edge.qrs import UNSURE
from edge.rhythm import RhythmWatch
from edge.stream import BeatView

_SIMILARITY: Final = CONTEXT.index("qrs_similarity")
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
        self._before: Shape | None = None  # of the last of them
        self._run: deque[Shape] = deque(maxlen=RUN_BEATS)  # the last of one that is told
        self._patient: Shape | None = None  # as it was before
        self._known = 0  # N like the template
        self._believed = 0

    def classified(self, views: Sequence[BeatView]) -> list[NDArray[np.float64] | None]:
        """Of each, what the model says over the leads that can be judged, [K]; None without any.

        Nothing here knows of any other beat, so many at once are named as one by one, but faster.
        """
        if not views:
            return []
        weight = np.stack([view.weight for view in views])
        judged = weight > 0
        judged[[view.detection < UNSURE for view in views]] = False
        ecg = np.concatenate([view.input.ecg for view in views])[judged.ravel()]
        context = np.concatenate([view.input.context for view in views])[judged.ravel()]
        each = np.zeros((*judged.shape, len(self._classes)))
        each[judged] = self._classifier.probabilities(ecg, context)
        weight = np.where(judged, weight, 0.0)
        total = weight.sum(axis=1)
        known = total > 0
        fused = (weight[:, :, None] * each).sum(axis=1) / np.where(known, total, 1.0)[:, None]
        return [x if has else None for x, has in zip(fused, known.tolist(), strict=True)]

    def probabilities(
        self, view: BeatView, fused: NDArray[np.float64] | None
    ) -> NDArray[np.float64] | None:
        """Of each class in the rhythm that the beat is in, [K]; None where nothing is judged.

        `fused`: of the view as `classified` gives it.
        """
        if fused is None:
            return None
        if self._rhythm.fibrillates:
            fused = in_fibrillation(fused, self._classes)
        if self._patient is None:
            return fused
        normal = _alike(view, 0, self._patient) > UNLIKE
        ventricular = max(_alike(view, 0, beat) for beat in self._run) > UNLIKE
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
        self._before = _shape(view, 0)
        changes = self._rhythm.beat(view.r, label, view.rr, window, like, alike)
        self._known += label == "N" and like > UNLIKE
        self._remember(view)
        if label == "V" and self._patient and _alike(view, 0, self._patient) < UNLIKE:
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
        elif self._patient and _alike(view, 1, self._patient) > UNLIKE:
            self._patient = None

    def _alike(self, view: BeatView) -> float:
        """Correlation of the QRS with that of the beat before; 1 if there is none."""
        return _alike(view, 0, self._before) if self._before else 1.0


def _likeness(view: BeatView) -> float:
    """Correlation of the QRS with the patient's over the leads that can be judged; 1 if none."""
    similarity = view.input.context[:, _SIMILARITY].tolist()
    known = [(w, x) for w, x in zip(view.weight.tolist(), similarity, strict=True) if w > 0]
    return sum(w * x for w, x in known) / sum(w for w, _ in known) if known else 1.0


def _shape(view: BeatView, channel: int) -> Shape:
    """Of the QRS of a beat, channel 0, or of the patient's then, channel 1."""
    return Shape(_waves(view, channel), view.weight)


def _alike(view: BeatView, channel: int, shape: Shape) -> float:
    """Correlation of such a QRS with a shape, over the leads judged in both; 1 if none."""
    return shape.likeness(_waves(view, channel), view.weight)


def _waves(view: BeatView, channel: int) -> NDArray[np.float64]:
    return view.input.ecg[:, channel].astype(np.float64)
