"""A reading as one HTML file, by what `edge-report` draws with."""

from collections.abc import Iterator, Sequence
from itertools import chain
from pathlib import Path
from typing import Final

import numpy as np
from numpy.typing import NDArray

from edge import whole
from edge.replay import INVALID
from edge.report import drawings, html
from edge.report.clock import lasted
from edge.report.layout import (
    Block,
    Document,
    Drawing,
    Heading,
    Items,
    Label,
    Paragraph,
    Picture,
    Table,
)
from edge.report.layout import (
    Path as Shape,
)
from edge.report.pages import NO_DEVICE
from edge.report.strips import ROW_S, Strip
from train.data.corpus import LEADS
from train.metrics.delineation import Waves
from train.models.facts import Facts
from train.reading.card import SOURCES, error, in_words, limits, tested
from train.reading.delineation import Delineation
from train.reading.reader import Reading, Said

_SILENCE_S: Final = 0.5
"""A gap from which on a lead says that it has no signal: there is room for that."""
_COLUMN_S: Final = ROW_S / 2
_BANDS: Final = ("#cfe3f5", "#fbe0b8", "#c9ecdd")
"""Behind P, QRS and T."""
_RHYTHM: Final = ("II", "V1", "I")
"""Of these the first that is there is drawn for the rhythm."""


def write(
    reading: Reading, facts: Sequence[Facts], path: Path, picture: Picture | None = None
) -> None:
    """Writes the page; OutputError where that fails. `facts` are those of the networks."""
    with (
        whole.made(path, overwrite=True) as part,
        part.open("w", encoding="utf-8", errors="surrogateescape") as out,
    ):
        html.write(document(reading, facts, picture), out)


def document(reading: Reading, facts: Sequence[Facts], picture: Picture | None) -> Document:
    """The page: what is stated, what it was seen in, how good that is."""
    name, stating = reading.record, [of for of in facts if not of.delineates]
    blocks: Iterator[Block] = chain(
        [
            Heading(f"ECG read by {_systems(facts)}: {name}", 1),
            Paragraph(NO_DEVICE, strong=True),
            Paragraph("Made by a program, and seen by nobody before you."),
        ],
        _statements(reading, stating),
        _rhythm(reading),
        _intervals(reading.delineation, [of for of in facts if of.delineates]),
        _traces(reading, stating),
        [picture] if picture else [],
        [Heading("Limits"), Items([*dict.fromkeys(x for of in facts for x in limits(of))])],
    )
    return Document(f"ECG read: {name}", f"No medical device: for research only.  {name}", blocks)


def _systems(facts: Sequence[Facts]) -> str:
    names = dict.fromkeys(SOURCES.get(of.system, (of.system,))[0] for of in facts)
    return ", ".join(names)


def _statements(reading: Reading, facts: Sequence[Facts]) -> Iterator[Block]:
    leads = ", ".join(reading.leads)
    seen = Items([f"Seen: {lasted(reading.seconds)} of {leads}.", *reading.told])
    if not facts:
        yield seen
        return
    yield Heading("Statements")
    many = len(facts) > 1
    part = "test" if tested(facts[0].statements) else "validation"
    head = ["Statement", "", "Probability", "Stated from"]
    head += ["Networks"] * many + ["Windows"] * (reading.windows > 1) + [f"AUC in {part} (cases)"]
    rows = []
    for said in reading.statements:
        row = [
            in_words(said.name, facts[0]),
            _stated(said),
            format(said.probability, said.percent),
            "-" if said.threshold is None else format(said.threshold, said.percent),
        ]
        if many:
            row.append(f"{min(said.each):.1%} to {max(said.each):.1%}")
        if reading.windows > 1:
            row.append("-" if said.windows is None else f"{said.windows} of {reading.windows}")
        rows.append([*row, " / ".join(_auc(said.name, of, part) for of in facts)])
    yield Table(head, rows, (2.4, 1.2, 1, 1, *[1.2] * (len(head) - 4)), words=2)
    yield Paragraph(
        "Probabilities are calibrated on the validation part of what the network was taught; how "
        "often a class is there among your patients is another matter. A class is stated from the "
        "probability on that had the best F1 there, which for a rare one may be far below 50 %; "
        "statements are made one by one, and may contradict each other."
        + " Of several networks the mean is told, of their thresholds too." * many
        + " Of several windows the mean is told." * (reading.windows > 1)
    )
    yield seen


def _stated(said: Said) -> str:
    return {True: "stated", False: "not stated", None: "no threshold"}[said.stated]


def _auc(name: str, facts: Facts, part: str) -> str:
    of = next(s.figures.get(part, {}) for s in facts.statements if s.name == name)
    if of.get("auc") is None:
        return "not measured"
    return f"{of['auc']:.1%} ({of['cases']} of {of['n']})"


def _rhythm(reading: Reading) -> Iterator[Block]:
    of = reading.rhythm
    yield Heading("Rhythm, by edge-run")
    beats = ", ".join(f"{label} {n}" for label, n in of.beats.items()) or "none"
    af = {True: "found", False: "none found", None: "too few beats to tell"}[of.fibrillation]
    rows = [
        ["Rate", "too few beats" if of.rate_mean is None else f"{of.rate_mean:.0f}/min"],
        ["Beats", beats],
        ["Atrial fibrillation", af],
        ["Alarms", ", ".join(name.replace("_", " ") for name in of.alarms) or "none"],
        ["Analysable", f"{of.share_seen:.0%}"],
    ]
    yield Table((), rows, (1, 4.4), words=2)


def _intervals(of: Delineation | None, facts: Sequence[Facts]) -> Iterator[Block]:
    if not of:
        return
    yield Heading("Intervals, by a delineator")
    rows = [
        [
            i.name,
            f"{i.median_ms} ms",
            f"{i.least_ms} to {i.greatest_ms} ms",
            f"{i.beats} of {of.beats}",
        ]
        for i in of.intervals
    ]
    yield Table(("Interval", "Median", "Least and greatest", "Beats"), rows, (2, 1, 2, 1))
    [(part, figures)] = [*facts[0].origin["delineation"].items()][-1:]
    ends = ", ".join(f"{end} {error(figure)}" for end, figure in figures.items())
    yield Paragraph(
        "Of all leads together: shorter than from the earliest onset in any lead to the latest "
        "offset. The errors of each end in single leads, mean ± standard deviation in ms, in the "
        f"{part} part: {ends}."
    )


def _traces(reading: Reading, facts: Sequence[Facts]) -> Iterator[Block]:
    yield Heading("Signal")
    yield Paragraph(
        "25 mm/s and 10 mm/mV when printed at 100 %. Not filtered; each lead's median is its zero."
    )
    likely = next(iter(reading.statements), None)
    start = likely.highest_at_s if likely else 0.0
    mv = _mv(reading)
    if likely and reading.windows > 1:
        words = in_words(likely.name, facts[0])
        yield Paragraph(f"Shown from {start:g} s, where {words} is likeliest.")
    if reading.delineation:
        yield Paragraph("Behind each lead what was marked in it: P blue, QRS orange, T green.")
    yield sheet(mv, reading.fs, reading.leads, start, reading.delineation)
    lead = next((x for x in _RHYTHM if x in reading.leads), reading.leads[0])
    rows = 2 if reading.seconds > ROW_S else 1
    first = round(start * reading.fs)
    size = round(rows * ROW_S * reading.fs)
    shown = np.full((size, 1), np.nan, np.float32)
    part = mv[first : first + size, [reading.leads.index(lead)]]
    shown[: len(part)] = part
    strip = Strip(f"Rhythm, from {start:g} s", start, rows, mv=shown)
    yield drawings.strip(strip, reading.found, reading.fs, [lead], lambda t: f"{t:.1f}s")


def _mv(reading: Reading) -> NDArray[np.float32]:
    nv = reading.recording.nv
    return np.where(nv == INVALID, np.nan, nv * 1e-6).astype(np.float32)


def sheet(
    mv: NDArray[np.float32],
    fs: float,
    names: Sequence[str],
    start: float,
    marked: Delineation | None = None,
) -> Drawing:
    """Six rows of two leads: limb leads, then chest leads, from where those end in time.

    Or both from `start` on, where there is not enough for two columns. `mv` is [n, leads] at `fs`
    Hz; of the twelve those that are missing stay empty. Behind each lead are the waves that were
    marked in it.
    """
    shapes: list[Shape | Label] = []
    y, width, cut_off = 4.0, _COLUMN_S * drawings.MM_S, False
    size = round(_COLUMN_S * fs)
    later = _COLUMN_S if len(mv) >= (start + 2 * _COLUMN_S) * fs else 0.0
    for row in range(6):
        drawn = []
        gaps: list[float] = []
        for column in range(2):
            lead = LEADS[row + 6 * column]
            first = round((start + column * later) * fs)
            part = np.full(size, np.nan, np.float32)
            if lead in names:
                there = mv[first : first + size, names.index(lead)]
                part[: len(there)] = there
                gaps += [column * width + x for x in _silences(there, fs)]
            drawn.append((lead, column, drawings.trace(part, fs, drawings.MOST_MM)))
            cut_off |= drawn[-1][2].cut_off
        up, down = (max(getattr(t, of) for *_, t in drawn) for of in ("up", "down"))
        for lead, column, _ in drawn:
            if marked and lead in marked.waves:
                box = drawings.LEFT + column * width, y, up + down
                shapes += _bands(marked.waves[lead], start + column * later, *box)
        shapes += drawings.paper(drawings.LEFT, y, 2 * width, up + down)
        if any(trace.lines for *_, trace in drawn):
            shapes += drawings.mark(y + up, "")
        for lead, column, trace in drawn:
            left = drawings.LEFT + column * width
            lines = [[(left + x, y + up + dy) for x, dy in line] for line in trace.lines]
            shapes.append(Shape(lines, "#000000", 0.25))
            name = lead if lead in names else f"{lead}: missing"
            shapes.append(Label(left + 1.5, y + 3.5, name, 2.8, bold=True))
            if column and trace.lines:
                tick = [(left, y + up - 3), (left, y + up + 3)]
                shapes.append(Shape([tick], "#000000", 0.3))
        shapes += [Label(drawings.LEFT + x + 1, y + max(up, 7.0), "no signal", 2.4) for x in gaps]
        y += up + down
    note = "cut off at the edge of the paper" * cut_off
    right = "goes on where the left one ends" if later else "begins there too"
    title = f"Twelve leads, from {start:g} s; the right column {right}"
    return Drawing(title, y, shapes, note)


def _silences(mv: NDArray[np.float32], fs: float) -> list[float]:
    """How far to the right, in mm, the gaps of a part of a lead, [n], begin that catch the eye."""
    edges = np.flatnonzero(np.diff(np.isnan(mv), prepend=False, append=False)).reshape(-1, 2)
    long = edges[:, 1] - edges[:, 0] >= _SILENCE_S * fs
    return [float(first) / fs * drawings.MM_S for first in edges[long, 0]]


def _bands(waves: Waves, start: float, left: float, top: float, height: float) -> list[Shape]:
    """The waves of the seconds from `start` on that a column of the sheet has."""
    bands = []
    for kind, *ends_ms in zip(*waves, strict=True):
        on, off = (min(max(ms / 1000 - start, 0.0), _COLUMN_S) * drawings.MM_S for ms in ends_ms)
        if on < off:
            corners = [(x, top + y) for x, y in ((on, 0), (off, 0), (off, height), (on, height))]
            area = [(left + x, y) for x, y in corners]
            bands.append(Shape([area], fill=_BANDS[kind - 1]))
    return bands
