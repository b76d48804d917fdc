"""Beats beside those that the encoder holds to be most like them, of other patients."""

from dataclasses import dataclass
from typing import Final

import numpy as np
import torch
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.ticker import MultipleLocator
from numpy.typing import NDArray
from torch.nn import functional as F

from train.data.corpus import LEADS
from train.data.windows import AAMI, Windows
from train.engine.batches import each
from train.models.beatssl import BeatSsl
from train.studies.diagnosis import untested

SHOWN: Final = ("II", "V1")
QUERIES: Final = (
    ("N", "SR", "normal"),
    ("V", "PVC", "ventricular"),
    ("S", "PAC", "early, supraventricular"),
    ("N", "LBBB", "left bundle branch block"),
)
"""The student's label of the beat, the label of its record beside SR, and what rows are titled."""
NEIGHBOURS: Final = 8
BEFORE_S, AFTER_S = 0.3, 0.5
GAP_MV: Final = 2.5
"""Between the two leads."""
_COLOURS: Final = {"N": "#444444", "S": "#0072b2", "V": "#d55e00", "F": "#cc79a7"}
_GRID: Final = "#f2d5d5"


@dataclass(frozen=True, slots=True, eq=False)
class Embedded:
    """Every beat that the student labelled, [n] each."""

    features: NDArray[np.float32]
    """[n, D], of length 1."""
    window: NDArray[np.int64]
    sample: NDArray[np.int64]
    name: NDArray[np.int64]
    """Index into `AAMI`."""


@torch.no_grad()
def embedded(encoder: BeatSsl, named: Windows, chosen: NDArray[np.int64]) -> Embedded:
    """The beats of some windows that lie far enough from their ends to be drawn."""
    fs, parts, left = named.cut.fs, [], chosen
    for batch in each(encoder, named, chosen):
        rows, left = left[: len(batch)], left[len(batch) :]
        features = encoder.eval()(batch.ecg, batch.leads, batch.peaks).beats
        inside = (batch.peaks >= BEFORE_S * fs) & (batch.peaks < named.cut.samples - AFTER_S * fs)
        row, place = torch.nonzero((batch.beats >= 0) & inside, as_tuple=True)
        found = (batch.peaks[row, place], batch.beats[row, place])
        unit = F.normalize(features[row, place], dim=1)
        unit_, row_, *found_ = (x.cpu().numpy() for x in (unit, row, *found))
        parts.append((unit_, rows[row_], *found_))
    return Embedded(*(np.concatenate(column) for column in zip(*parts, strict=True)))


def nearest(encoder: BeatSsl, labelled: Windows, named: Windows) -> Figure:
    """A beat of each of `QUERIES`, and the nearest one of each of the patients nearest to it.

    `labelled` and `named` are windows of the same records, with labels that sets share and with
    the student's pseudo-labels; those of the test fold are left alone. Distance is one minus the
    cosine of the encoder's features of beats.
    """
    beats = embedded(encoder, named, untested(named))
    known = labelled.of(named, beats.window)
    labels = labelled.column("labels")[known].astype(bool)
    patient = np.array([r.patient for r in labelled.records])[labelled.column("record")[known]]
    figure = Figure(figsize=(1.75 * (NEIGHBOURS + 1), 2.6 * len(QUERIES)), layout="constrained")
    FigureCanvasAgg(figure)
    axes = figure.subplots(len(QUERIES), NEIGHBOURS + 1, sharex=True, sharey=True)
    for row, (name, label, title) in zip(axes, QUERIES, strict=True):
        k = labelled.classes.index(label)
        others = [c not in (label, "SR") for c in labelled.classes]
        alone = labels[:, k] & ~labels[:, others].any(1)
        candidates = np.flatnonzero((beats.name == AAMI.index(name)) & alone)
        if not len(candidates):
            for plot in row:
                plot.set_axis_off()
            row[0].set_title(f"no {title} beat", loc="left", fontsize=9)
            continue
        query = _typical(beats, candidates)
        distance = 1 - beats.features @ beats.features[query]
        order = np.argsort(distance)
        order = order[patient[order] != patient[query]]
        _, first = np.unique(patient[order], return_index=True)
        found = order[np.sort(first)][:NEIGHBOURS]
        for plot, beat in zip(row, [query, *found], strict=True):
            said = [c for c, held in zip(labelled.classes, labels[beat], strict=True) if held]
            words = f"{AAMI[beats.name[beat]]}   {', '.join(said) or '–'}"
            _draw(plot, named, beats, beat)
            alike = beats.name[beat] == AAMI.index(name) and bool(labels[beat, k])
            plot.set_title(words, fontsize=9, loc="left", weight="bold" if alike else "normal")
            if beat != query:
                far = f"{distance[beat]:#.2g}"
                plot.text(0.98, 0.02, far, transform=plot.transAxes, ha="right")
        row[0].set_ylabel(title, fontsize=11)
        for spine in row[0].spines.values():
            spine.set(visible=True, linewidth=1.8)
    figure.suptitle(
        "Beats (framed) and the nearest of other patients, by distance of features.   Above each: "
        "the student's label of the beat, the cardiologists' statements on its record; bold where "
        "both are the row's.\nOne square is 0.2 s by 0.5 mV.",
        fontsize=10,
    )
    return figure


def _typical(beats: Embedded, candidates: NDArray[np.int64]) -> int:
    """The beat of some that is most like all of them."""
    features = beats.features[candidates]
    return int(candidates[(features @ features.mean(0)).argmax()])


def _draw(plot: Axes, named: Windows, beats: Embedded, beat: int) -> None:
    """Leads one above the other, on the paper's grid."""
    fs = named.cut.fs
    [ecg] = named.rows(beats.window[beat : beat + 1])["ecg"].astype(np.float32)
    first = int(beats.sample[beat] - BEFORE_S * fs)
    part = ecg[:, first : first + round((BEFORE_S + AFTER_S) * fs)]
    t = np.arange(part.shape[1]) / fs - BEFORE_S
    colour = _COLOURS[AAMI[beats.name[beat]]]
    for i, lead in enumerate(SHOWN):
        plot.plot(t, part[LEADS.index(lead)] - i * GAP_MV, color=colour, linewidth=1.3)
        plot.text(-BEFORE_S + 0.01, 0.25 - i * GAP_MV, lead, fontsize=7, color="#777777")
    plot.set(xlim=(-BEFORE_S, AFTER_S), xticks=[], yticks=[])  # as high as any beat needs
    plot.xaxis.set_minor_locator(MultipleLocator(0.2))
    plot.yaxis.set_minor_locator(MultipleLocator(0.5))
    plot.grid(which="minor", color=_GRID, linewidth=0.6)
    plot.tick_params(which="both", length=0)
    for spine in plot.spines.values():
        spine.set(color="#999999")
