"""The report itself: what is said, in which order."""

import math
from collections.abc import Iterable, Iterator, Sequence
from itertools import chain
from typing import Any, Final

from edge.alarms import RULES
from edge.bundle import LIMITS
from edge.events import Reason
from edge.hrv import Variability
from edge.report import drawings
from edge.report.clock import Clock, lasted
from edge.report.counts import RUN, Counter, Counts
from edge.report.found import Found
from edge.report.layout import Block, Document, Heading, Items, Paragraph, Table
from edge.report.strips import Chosen

NO_DEVICE: Final = (
    "No medical device: for research, teaching and tinkering. Do not use it to diagnose, to "
    "monitor a patient, or to decide anything about anybody's health."
)
_LABELS: Final = {
    "N": "normal",
    "S": "supraventricular",
    "V": "ventricular",
    "F": "fusion",
    "Q": "unclassifiable",
    "U": "unknown",
}
_WHY: Final[dict[Reason, str]] = {
    "lead_off": "no signal: an electrode off, or invalid in the file",
    "lost": "samples lost",
    "saturated": "saturated",
    "flat": "flat",
    "noise": "noise",
}
_UNSEEN: Final = 20
"""Stretches that are listed, the longest."""
_NONE: Final = "-"


def document(
    found: Found,
    counter: Counter,
    parts: Sequence[tuple[float, float]],
    chosen: Chosen,
    clock: Clock,
    fs: float,
    shown: Sequence[str],
    figures: dict[str, Any],
) -> Document:
    """The report of a recording at `fs` Hz.

    `parts`: its hours; `shown`: the leads of the strips; `figures`: those of the bundle.
    """
    made = f"edge-ecg {found.session.version}, model {found.session.bundle}"
    name = found.session.source
    head: list[Block] = [
        Heading(f"ECG report: {name}", 1),
        Paragraph(NO_DEVICE, strong=True),
        Paragraph("Made by a program, and seen by nobody before you."),
        Paragraph(f"Patient: {'_' * 30}   Seen by: {'_' * 30}"),
    ]
    limits: list[Block] = [
        Heading("How this was made, and its limits"),
        Items(_limits(made, figures)),
    ]
    blocks = chain(
        head,
        _numbers(found, counter, parts, clock, fs),
        _alarms(found, chosen, clock),
        _strips(found, chosen, clock, fs, shown),
        _unseen(found, clock),
        limits,
    )
    footer = f"No medical device: for research and teaching only.  {made}.  {name}"
    return Document(f"ECG report: {name}", footer, blocks)


def _numbers(
    found: Found, counter: Counter, parts: Sequence[tuple[float, float]], clock: Clock, fs: float
) -> Iterator[Block]:
    whole = counter.whole()
    hours = [counter.between(a, b) for a, b in parts]
    yield Heading("Summary")
    yield _summary(found, whole, counter, clock, fs)
    if found.told:
        yield Heading("About the recording", 3)
        yield Items(found.told)
    yield drawings.trend(found, counter, clock)
    yield drawings.histogram(found)
    yield Heading("By the hour")
    yield _by_hour(hours, whole, clock)
    yield Paragraph(
        "Rates are means of 8 intervals (mean: of all known ones); intervals that touch a beat "
        f"of unknown class or a gap are not known. A couplet is two V in a row, a run {RUN} or "
        "more, at whatever rate. AF: share of the analysable time in atrial fibrillation, as "
        "the alarm has it."
    )
    yield Heading("Heart rate variability")
    yield _variability(hours, whole, clock)
    yield Paragraph(
        "Of NN intervals alone: both beats called N, no gap between; no other correction. "
        "Used: NN intervals a beat. Definitions of the Task Force of 1996; LF 0.04 to 0.15 Hz "
        "and HF 0.15 to 0.4 Hz by Welch's method in windows of 5 minutes that are 80 % NN and "
        "have no hole above 5 s, means of these; SD1 and SD2 of the Poincaré plot. In atrial "
        "fibrillation, with many ectopic beats or paced, it says nothing about the autonomic "
        "nerves."
    )


def _summary(found: Found, whole: Counts, counter: Counter, clock: Clock, fs: float) -> Table:
    beats = sum(whole.beats.values())
    leads = ", ".join(found.session.leads)
    kinds = [
        f"{name} {whole.beats.get(label, 0)} ({whole.beats.get(label, 0) / max(beats, 1):.1%})"
        for label, name in _LABELS.items()
        if whole.beats.get(label) or label in "SV"
    ]
    rows = [
        ["Began", clock.began()],
        ["Lasts", lasted(found.seconds)],
        ["Signal", f"{leads}; {fs:g} samples a second"],
        ["Analysable", f"{lasted(whole.seen_s)} ({whole.share_seen:.1%})"],
        ["Beats", f"{beats}{': ' + ', '.join(kinds) if beats else ''}"],
        ["Heart rate", _rates(found, whole, counter, clock)],
        ["Longest RR", _longest(found, clock)],
        ["Ventricular", f"{whole.couplets} couplets, {_runs(counter, 'V', whole.runs)}"],
        ["Supraventricular", _runs(counter, "S", whole.s_runs)],
        ["Atrial fibrillation", _fibrillation(found, whole)],
        ["Variability", _words(whole.hrv)],
    ]
    return Table((), rows, (1, 4.4), words=2)


def _rates(found: Found, whole: Counts, counter: Counter, clock: Clock) -> str:
    if whole.least is None or whole.greatest is None:
        return "too few beats" if whole.mean is None else f"mean {whole.mean:.0f}/min"
    least = clock.time(found.t[int(_at(counter.rates, whole.least))])
    greatest = clock.time(found.t[int(_at(counter.rates, whole.greatest))])
    return (
        f"mean {whole.mean:.0f}/min, least {whole.least:.0f} ({least}), "
        f"greatest {whole.greatest:.0f} ({greatest})"
    )


def _at(values: Iterable[float], value: float) -> int:
    return next(i for i, v in enumerate(values) if v == value)


def _longest(found: Found, clock: Clock) -> str:
    if whole := [i for i, rr in enumerate(found.rr) if rr == rr]:
        i = max(whole, key=lambda i: found.rr[i])
        pauses = sum(float(found.rr[i]) >= 2 for i in whole)
        when = clock.time(found.t[i] - found.rr[i])
        return f"{found.rr[i]:.2f} s ({when}); {pauses} of 2 s or more"
    return _NONE


def _runs(counter: Counter, label: str, count: int) -> str:
    runs = [run for run in counter.runs[label] if run.beats >= RUN]
    if not runs:
        return "no run"
    return (
        f"{count} {'run' if count == 1 else 'runs'}, the longest of "
        f"{max(run.beats for run in runs)} beats, the fastest at "
        f"{max(run.rate for run in runs):.0f}/min"
    )


def _fibrillation(found: Found, whole: Counts) -> str:
    episodes = [e for e in found.episodes if e.name == "atrial_fibrillation"]
    if not episodes:
        return "none found"
    longest = max(e.seconds for e in episodes)
    word = "episode" if len(episodes) == 1 else "episodes"
    return f"{_percent(whole.burden)}: {len(episodes)} {word}, the longest {lasted(longest)}"


def _words(of: Variability) -> str:
    if of.sdnn_ms is None:
        return "too few NN intervals"
    words = f"SDNN {of.sdnn_ms:.0f} ms, RMSSD {_number(of.rmssd_ms)} ms"
    if of.lf_hf is not None:
        words += f", LF/HF {of.lf_hf:.2f}"
    return f"{words} ({of.share:.0%} of beats used)"


def _by_hour(hours: Sequence[Counts], whole: Counts, clock: Clock) -> Table:
    head = (
        "Hour", "Beats", "Analysable", "Least", "Mean", "Greatest", "S", "V", "Couplets", "Runs",
        "Longest RR", "AF",
    )  # fmt: skip
    rows = [[_hour(of, clock), *_row(of)] for of in hours]
    rows.append(["Whole", *_row(whole)])
    return Table(head, rows, (2.9, 1.3, 1.6, 1, 1, 1.4, 1, 1.1, 1.4, 1, 1.6, 1.1), totals=True)


def _hour(of: Counts, clock: Clock) -> str:
    end = clock.time(of.end, seconds=False).rpartition(" ")[2]
    return f"{clock.time(of.start, seconds=False)} to {end}"


def _row(of: Counts) -> list[str]:
    return [
        f"{sum(of.beats.values())}",
        f"{of.share_seen:.1%}",
        *(_number(rate) for rate in (of.least, of.mean, of.greatest)),
        f"{of.beats.get('S', 0)}",
        f"{of.beats.get('V', 0)}",
        f"{of.couplets}",
        f"{of.runs}",
        _NONE if of.longest_rr is None else f"{of.longest_rr:.2f} s",
        _percent(of.burden),
    ]


def _variability(hours: Sequence[Counts], whole: Counts, clock: Clock) -> Table:
    head = (
        "Hour", "Used", "Mean NN ms", "SDNN ms", "RMSSD ms", "pNN50 %", "SD1 ms", "SD2 ms",
        "LF ms²", "HF ms²", "LF/HF",
    )  # fmt: skip
    rows = [[_hour(of, clock), *_hrv(of.hrv)] for of in hours]
    rows.append(["Whole", *_hrv(whole.hrv)])
    return Table(head, rows, (2.9, 1, 1.2, 1.1, 1.2, 1.2, 1.1, 1.1, 1.1, 1.1, 1.1), totals=True)


def _hrv(of: Variability) -> list[str]:
    return [
        f"{of.share:.0%}",
        _number(of.mean_nn_ms),
        *(_number(value, 1) for value in (of.sdnn_ms, of.rmssd_ms, of.pnn50, of.sd1_ms, of.sd2_ms)),
        _number(of.lf_ms2),
        _number(of.hf_ms2),
        _number(of.lf_hf, 2),
    ]


def _alarms(found: Found, chosen: Chosen, clock: Clock) -> Iterator[Block]:
    yield Heading("Alarms")
    rows = []
    for name, rule in RULES.items():
        episodes = [e for e in found.episodes if e.name == name]
        if episodes:
            rows.append(
                [
                    name.replace("_", " "),
                    rule.priority,
                    f"{len(episodes)}",
                    lasted(sum(e.seconds for e in episodes)),
                    lasted(max(e.seconds for e in episodes)),
                    clock.time(episodes[0].start),
                    f"{chosen.shown[name]} of {len(episodes)}",
                ]
            )
    if not rows:
        yield Paragraph("None.")
        return
    head = ("Alarm", "Priority", "Times", "In all", "Longest", "First", "Strips below")
    yield Table(head, rows, (3, 1.2, 0.8, 1.5, 1.5, 1.8, 1.3), words=2)
    more = len(found.episodes) - chosen.shown.total()
    yield Paragraph(
        "The strips are of the longest of each. "
        + (f"{more} more episodes are not shown. " if more else "")
        + "What each alarm is, and its limit: edge-run --list-alarms."
    )


def _strips(
    found: Found, chosen: Chosen, clock: Clock, fs: float, shown: Sequence[str]
) -> Iterator[Block]:
    yield Heading("Strips")
    text = (
        "25 mm/s and 10 mm/mV when printed at 100 % (a row is 170 mm, 6.8 s). Not filtered; each "
        "lead's median is its zero. Letters: N normal, S supraventricular, V ventricular, F "
        "fusion, Q unclassifiable, U unknown; between them RR in ms."
    )
    if len(shown) < len(found.session.leads):
        text += f" Of {len(found.session.leads)} leads these are shown: {', '.join(shown)}."
    if found.session.scale:
        text += " The scale is unknown: the usual QRS complex is drawn 1 mV high."
    yield Paragraph(text)
    for strip in chosen.strips:
        yield drawings.strip(strip, found, fs, shown, clock.time)


def _unseen(found: Found, clock: Clock) -> Iterator[Block]:
    yield Heading("What was not analysable")
    whole = max(found.seconds, 1e-3)
    total = sum(u.end - u.start for u in found.unseen)
    rows = [[lead, lasted(lost), f"{lost / whole:.1%}"] for lead, lost in found.lost.items()]
    rows.append(["No lead can", lasted(total), f"{total / whole:.1%}"])
    yield Table(("Lead", "Cannot be judged", "Of the time"), rows, (2, 1, 1), totals=True)
    if unknown := int((found.label == "U").sum()):
        yield Paragraph(f"{unknown} beats have no class (U): the signal allows none.")
    if not found.unseen:
        return
    longest = sorted(found.unseen, key=lambda u: u.start - u.end)[:_UNSEEN]
    rows = [
        [clock.time(u.start), clock.time(u.end), lasted(u.end - u.start), _WHY[u.why]]
        for u in sorted(longest, key=lambda u: u.start)
    ]
    yield Table(("From", "To", "Lasts", "Why"), rows, (1, 1, 1, 2.4), words=4)
    if (more := len(found.unseen) - _UNSEEN) > 0:
        yield Paragraph(f"These are the {_UNSEEN} longest stretches; {more} more are shorter.")


def _limits(made: str, figures: dict[str, Any]) -> list[str]:
    return [
        f"Made by {made}, from detected beats and final labels; AAMI EC57's classes, and U where "
        "the signal allows none.",
        *_measured(figures),
        *LIMITS,
        "P waves, ST segments, QT and axes are not measured.",
        "Atrial fibrillation is seen by irregularity and missing P waves over 32 beats; a short "
        "episode is missed, and flutter with regular conduction is.",
    ]


def _measured(figures: dict[str, Any]) -> list[str]:
    """How good the bundle was, where that was measured as it usually is; free in form else."""
    texts = []
    for name, of in figures.items():
        try:
            rates = of["from 0 s"]["rates"]
            words = ", ".join(
                f"{kind} {rates[kind]['se']:.2%} found and {rates[kind]['ppv']:.2%} right"
                for kind in ("QRS", "N", "S", "V", "F")
                if not math.isnan(rates[kind]["se"] + rates[kind]["ppv"])
            )
            texts.append(f"Measured on {of['protocol']['data']} ({name}): {words}.")
        except (KeyError, TypeError, ValueError):
            continue
    return texts


def _number(value: float | None, digits: int = 0) -> str:
    return _NONE if value is None else f"{value:.{digits}f}"


def _percent(value: float | None) -> str:
    return _NONE if value is None else f"{value:.1%}" if value else "0%"
