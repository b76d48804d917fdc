"""What one or several networks say of a recording, and what the runtime sees in it."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass
from itertools import combinations
from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from edge.bundle import DEFAULT_BUNDLE, Bundle
from edge.errors import RecordError
from edge.events import Event
from edge.fibrillation import BEATS
from edge.live import played
from edge.monitor import Monitor
from edge.replay import Opened, Recording, unscaled
from edge.report.counts import Counter
from edge.report.found import Found, gather
from train.data.leads import LEAST_S, whole
from train.reading.delineation import Delineation, delineated
from train.reading.nets import Net, answered
from train.reading.windows import Seen, seen

PLACES: Final = 4
"""Decimals of a probability: more is not known."""
CHANCE: Final = 0.5
"""Area under the ROC curve of who guesses."""


@dataclass(frozen=True, slots=True)
class Said:
    """One statement."""

    name: str
    probability: float
    """Mean over windows and networks, each calibrated."""
    threshold: float | None
    """Mean over networks; None where one has none."""
    stated: bool | None
    """Whether the probability reaches it; None where there is no threshold."""
    each: tuple[float, ...]
    """What each network says."""
    spread: float | None
    """Their standard deviation (n - 1); None of one network."""
    windows: int | None
    """How many windows reach the threshold."""
    highest: float
    """Of any window."""
    highest_at_s: float
    """Where that begins."""

    @property
    def percent(self) -> str:
        """How its shares are written: so that it can be told from a threshold that it is not at."""
        near = self.threshold is not None and f"{self.probability:.1%}" == f"{self.threshold:.1%}"
        return ".2%" if near and self.probability != self.threshold else ".1%"


@dataclass(frozen=True, slots=True)
class Rhythm:
    """What the deployed path (`edge-run`) sees."""

    rate_mean: float | None
    """Beats a minute."""
    rate_least: float | None
    rate_greatest: float | None
    beats: dict[str, int]
    """Of each AAMI class, and U."""
    fibrillation: bool | None
    """None of fewer beats than it takes to see it."""
    alarms: tuple[str, ...]
    share_seen: float


@dataclass(frozen=True, slots=True, eq=False)
class Reading:
    """Of one recording."""

    record: str
    seconds: float
    fs: float
    leads: tuple[str, ...]
    """The standard leads that were read, calculated ones too."""
    windows: int
    statements: tuple[Said, ...]
    """None where only a delineator read."""
    rhythm: Rhythm
    delineation: Delineation | None
    """None where no delineator read."""
    told: tuple[str, ...]
    nets: tuple[str, ...]
    recording: Recording
    """The leads that were read, to draw."""
    found: Found

    def as_json(self) -> dict[str, Any]:
        """What JSON holds."""
        parts = {n: getattr(self, n) for n in Reading.__slots__ if n not in ("recording", "found")}
        return parts | {
            "statements": [asdict(said) for said in self.statements],
            "rhythm": asdict(self.rhythm),
            "delineation": self.delineation and self.delineation.as_json(),
        }


class Reader:
    """Networks that read records together."""

    def __init__(self, nets: Sequence[Net]) -> None:
        """RecordError where they do not tell the same classes apart in windows of one kind.

        Or where one is there twice.

        One of them may be a delineator.
        """
        self.nets = [net for net in nets if not net.facts.delineates]
        for net in self.nets[1:]:
            first = self.nets[0]
            if (net.facts.classes, net.facts.window) != (first.facts.classes, first.facts.window):
                raise RecordError(
                    f"{net.path} was not taught the same classes as {first.path}, in the same "
                    "windows: give networks of one kind"
                )
        for net, other in combinations(self.nets, 2):
            measured = any(of.figures for of in net.facts.statements)
            if measured and net.facts.statements == other.facts.statements:
                raise RecordError(
                    f"{other.path} holds the network of {net.path} again: give networks of several "
                    "trainings, or their spread tells nothing"
                )
        marking = [net for net in nets if net.facts.delineates]
        if len(marking) > 1:
            raise RecordError(f"{marking[1].path} is the second delineator: give one")
        self.delineator = next(iter(marking), None)
        self._paths = tuple(str(net.path) for net in nets)
        self._bundle = Bundle.load(DEFAULT_BUNDLE)

    def read(
        self,
        record: Path,
        fs: float | None = None,
        follow: Callable[[Iterator[Event]], Iterator[Event]] = iter,
    ) -> Reading:
        """`fs` in Hz, of a table or an array that tells none; RecordError: it cannot be read.

        `follow` is given the runtime's events as they come, and gives them on.
        """
        opened = Opened(record, fs=fs)
        found = gather(follow(played(opened, Monitor(self._bundle), self._bundle)))
        recording, missing = whole(opened.read())
        of = seen(recording, **self.nets[0].facts.window) if self.nets else None
        rhythm = _rhythm(found)
        waves = delineated(self.delineator, recording) if self.delineator else None
        seconds = round(len(recording.nv) / recording.fs, 3)
        return Reading(
            recording.name,
            seconds,
            recording.fs,
            recording.leads,
            len(of.ecg) if of else 0,
            self._said(of) if of else (),
            rhythm,
            waves,
            (
                *opened.told,
                *(change.detail for change in opened.doubts),
                *([unscaled(opened.name)] if opened.scale else []),
                *missing,
                *(of.told if of else ()),
                *_weak(self.nets),
                *_doubts(rhythm, waves, seconds),
            ),
            self._paths,
            recording,
            found,
        )

    def _said(self, of: Seen) -> tuple[Said, ...]:
        """What the networks say of windows; the likeliest first."""
        p = np.stack([probabilities(net, of) for net in self.nets])  # [nets, windows, classes]
        thresholds = [[s.threshold for s in net.facts.statements] for net in self.nets]
        said = []
        for k, name in enumerate(self.nets[0].facts.classes):
            known = [t[k] for t in thresholds]
            at = None if None in known else float(np.mean([t for t in known if t is not None]))
            each, window = p[:, :, k].mean(1), p[:, :, k].mean(0)
            mean = float(each.mean())
            highest = int(window.argmax())
            said.append(
                Said(
                    name,
                    round(mean, PLACES),
                    at and round(at, PLACES),
                    None if at is None else mean >= at,
                    tuple(round(x, PLACES) for x in each.tolist()),
                    round(float(each.std(ddof=1)), PLACES) if len(each) > 1 else None,
                    None if at is None else int((window >= at).sum()),
                    round(float(window[highest]), PLACES),
                    float(of.start_s[highest]),
                )
            )
        return tuple(sorted(said, key=lambda s: (not s.stated, -s.probability)))


def _weak(nets: Sequence[Net]) -> Iterator[str]:
    """Sentences about networks, and classes of theirs, that nobody should go by."""
    for net in nets:
        if net.facts.origin.get("tiny"):
            yield f"{net.path} was taught by --tiny, to try commands: its statements are nothing"
    for k, name in enumerate(nets[0].facts.classes if nets else ()):
        figures = [net.facts.statements[k].figures.get("validation", {}) for net in nets]
        known = [auc for auc in (of.get("auc") for of in figures) if auc is not None]
        if known and (auc := float(np.mean(known))) <= CHANCE:
            yield f"{name} is told no better than by chance (AUC {auc:.1%} on validation)"


def _doubts(rhythm: Rhythm, waves: Delineation | None, seconds: float) -> Iterator[str]:
    """Sentences about what cannot be told, or be believed."""
    if rhythm.fibrillation is None:
        yield f"rhythm: too few beats to tell fibrillation, which takes {BEATS}"
    if waves and not waves.stretches:
        yield f"waves: no signal goes on for {LEAST_S:g} s, so none are marked"
    elif waves and (waves.stretches > 1 or waves.read_s < seconds):
        yield (
            f"waves: signal is missing; {waves.read_s:.3g} of {seconds:.3g} s were read, in "
            f"{waves.stretches} part{'s' * (waves.stretches > 1)}, each by itself"
        )
    if waves and rhythm.fibrillation:
        yield (
            "waves: in atrial fibrillation there is no P wave; what is marked as one, and PR with "
            "it, is something else"
        )


def probabilities(net: Net, of: Seen) -> NDArray[np.float64]:
    """What a network says of windows, calibrated, [W, K]."""
    slope, shift = (
        np.array([getattr(s, of) for s in net.facts.statements]) for of in ("slope", "shift")
    )
    p: NDArray[np.float64] = 1 / (1 + np.exp(-(slope * answered(net, of) + shift)))
    return p


def _rhythm(found: Found) -> Rhythm:
    counts = Counter(found).whole()
    alarms = tuple(dict.fromkeys(episode.name for episode in found.episodes))
    enough = len(found.t) >= BEATS
    mean, least, greatest = (
        rate and round(rate, 1) for rate in (counts.mean, counts.least, counts.greatest)
    )
    return Rhythm(
        mean,
        least,
        greatest,
        {label: n for label, n in counts.beats.items() if n},
        "atrial_fibrillation" in alarms if enough else None,
        alarms,
        round(counts.share_seen, PLACES),
    )
