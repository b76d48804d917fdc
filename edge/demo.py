"""The stream that `edge-run --demo` plays, and the score against its own labels."""

from collections import Counter
from dataclasses import dataclass, field

import numpy as np

from edge.events import Beat, Event, Stats
from edge.replay import INVALID, Recording
from edge.synthetic import LEADS, Synthetic, synthesize

FS = 360.0
SCRIPT = "NNNNNNNNNNNNNNSNNNNNSNNNNVNNNNVNNN-NNNN(NNNNNNN)NNNNSNNNVVVNNNN[NNNNNN]NNNNNN"
"""About a minute: premature beats, a pause, noise, a ventricular run, leads off."""
MATCH_S = 0.15
"""The match window of EC57, in seconds."""


def stream(seed: int = 1) -> tuple[Recording, Synthetic]:
    """The demo's signal as a recording, invalid where its leads are off, and its truth."""
    truth = synthesize(SCRIPT, FS, np.random.default_rng(seed))
    nv = np.rint(truth.mv * 1e6).astype(np.int32)
    for start, end in truth.lead_off:
        nv[start:end] = INVALID
    return Recording("demo", FS, LEADS, nv), truth


@dataclass
class Score:
    """A sink that holds final labels against the truth.

    A beat under noise or with the leads off is expected to be unknown, or not to be found.
    """

    truth: Synthetic = field(default_factory=lambda: stream()[1])
    _found: list[Beat] = field(default_factory=list)
    _end: int = 0

    def write(self, event: Event) -> None:
        """Keep a final beat, and from the totals how far the stream went."""
        if isinstance(event, Beat) and event.final:
            self._found.append(event)
        elif isinstance(event, Stats):
            self._end = event.sample

    def close(self) -> None:
        """Nothing to close."""

    def counts(self) -> Counter[tuple[str, str]]:
        """Beats by (true label, said label).

        The true label is N, S or V, "hidden" in a stretch of noise or lead-off, or "none" where
        there is no beat; the said one is a label of `edge.events`, or "none".
        """
        left = {beat.sample: beat.label for beat in self._found}
        counts: Counter[tuple[str, str]] = Counter()
        for sample, label in self._played():
            near = min(left, key=lambda found: abs(found - sample), default=None)
            said = "none"
            if near is not None and abs(near - sample) <= MATCH_S * self.truth.fs:
                said = left.pop(near)
            counts["hidden" if self.hidden(sample) else label, said] += 1
        for sample, said in left.items():
            counts["hidden" if self.hidden(sample) else "none", said] += 1
        return counts

    def table(self) -> str:
        """The counts for people."""
        counts = self.counts()
        lines = [
            f"Score against the stream's own labels (final labels, within {MATCH_S * 1000:g} ms):",
            "      in stream  right  wrong  unknown  missed",
        ]
        for label in "NSV":
            row = {said: n for (true, said), n in counts.items() if true == label}
            total, right = sum(row.values()), row.get(label, 0)
            unknown, missed = row.get("U", 0), row.get("none", 0)
            wrong = total - right - unknown - missed
            lines.append(f"  {label}   {total:9}  {right:5}  {wrong:5}  {unknown:7}  {missed:6}")
        extra = sum(n for (true, said), n in counts.items() if true == "none" and said != "U")
        named = sum(
            n
            for (true, said), n in counts.items()
            if true == "hidden" and said not in ("U", "none")
        )
        hidden = sum(self.hidden(sample) for sample, _ in self._played())
        lines += [
            f"  beats named where there is none: {extra}",
            f"  beats named under noise or with leads off, of {hidden}: {named}",
        ]
        return "\n".join(lines)

    def hidden(self, sample: int) -> bool:
        """Whether a sample lies under noise or where the leads are off."""
        return any(a <= sample < b for a, b in self.truth.noise + self.truth.lead_off)

    def _played(self) -> list[tuple[int, str]]:
        return [(sample, label) for sample, label in self.truth.beats if sample < self._end]
