"""LUDB's waves: a delineator in cross-validation by record, beside what others publish.

Every record (each is another person) is tested once, by a network that never saw it, as
Moskalenko et al. score it (`train.metrics.delineation`), against the marks at their own 500 Hz.
"""

from pathlib import Path
from typing import Any, Final, NamedTuple

import numpy as np
from matplotlib.figure import Figure
from numpy.typing import NDArray

from train.data.corpus import LEADS
from train.data.ludb import Ludb
from train.data.windows import cut, learned_from
from train.engine.batches import given
from train.engine.markdown import table
from train.metrics.delineation import (
    COUNTS,
    ENDS,
    TOLERANCE_MS,
    WAVES,
    delineate,
    ends,
    runs,
)
from train.metrics.ec57 import Rates, match
from train.studies.delineation.figures import figure_of
from train.studies.delineation.jobs import (
    CUT,
    FEW,
    MARKS_HZ,
    Counts,
    fold_counts,
    marks,
    parts,
    peer_counts,
    taught,
)
from train.studies.harness import Job, Study
from train.studies.report import page, publish, spread

EXAMPLE: Final = "data/7"
"""The record of the figure: sinus rhythm and an early atrial beat."""
SHOWN: Final = ("I", "II", "aVR", "V1", "V3", "V5")
"""Its leads."""
PUBLISHED: Final = {
    "Moskalenko et al. 2020": (
        (96.47, "0.9 ± 14.1"), (96.43, "-3.5 ± 15.7"), (99.90, "2.1 ± 9.8"),
        (99.90, "1.6 ± 9.8"), (99.15, "1.3 ± 20.9"), (99.21, "-0.3 ± 22.9"),
    ),
    "Joung et al. 2024": (
        (97.24, "7.4 ± 14.1"), (97.27, "-1.8 ± 9.9"), (99.48, "6.1 ± 10.5"),
        (99.78, "2.0 ± 10.7"), (99.74, "3.0 ± 25.2"), (99.52, "4.5 ± 24.4"),
    ),
    "Kalyakulina et al. 2020": (
        (97.42, "-2.7 ± 10.2"), (97.42, "0.4 ± 11.4"), (99.74, "-8.1 ± 7.7"),
        (99.74, "3.8 ± 8.8"), None, (98.43, "5.7 ± 15.5"),
    ),
}  # fmt: skip
"""F1 in % and mean ± sd of the error in ms of each end, in order, on LUDB, as one table has them
that a later work publishes (README of github.com/Drizzr/MCG_segmentation). The abstract of
Moskalenko et al. says at least 97.8, 99.9 and 99.5 % for P, QRS and T."""


def study(s: Study) -> str:
    """Trains and tests the delineator on every fold and seed; returns and writes the tables."""
    corpus = Ludb(s.data / "ludb")
    windows = cut(corpus, CUT, s.cache)
    folds = range(len(parts(windows, s.tiny)))
    jobs: dict[str, Job] = {
        f"{seed} {fold}": (fold_counts, (s, seed, fold))
        for seed in range(s.seeds)
        for fold in folds
    }
    jobs |= {f"neurokit2 {fold}": (peer_counts, (s, fold)) for fold in folds}
    found = s.run(jobs, learned_from(windows))
    mine = [[found[f"{seed} {fold}"] for fold in folds] for seed in range(s.seeds)]
    peers = [found[f"neurokit2 {fold}"] for fold in folds]
    tested = np.concatenate([part.test for part in parts(windows, s.tiny)])
    marks_sd = spread_of_marks(marks(corpus, windows, tested))
    text = _report(_gather(mine, peers), marks_sd, len(folds))
    fold = next(i for i, result in enumerate(mine[0]) if EXAMPLE in result["names"])
    publish(s.out, text, {"delineation.png": _figure(s, fold)})
    return text


def _figure(s: Study, fold: int) -> Figure:
    """The figure of `EXAMPLE`, by the network of the fold that tests it."""
    net, _, windows, test = taught(s, 0, fold)
    row = test[[windows.records[r].name == EXAMPLE for r in windows.column("record")[test]]]
    shown = [LEADS.index(lead) for lead in SHOWN]
    batch = given(net, windows, row)
    return figure_of(
        batch.ecg[0, shown].cpu().numpy(),
        CUT.fs,
        SHOWN,
        delineate(net.log_p(batch.ecg, batch.leads)[0, shown], CUT.fs),
        [runs(lead, MARKS_HZ) for lead in marks(Ludb(s.data / "ludb"), windows, row)[0, shown]],
        f"LUDB {Path(EXAMPLE).name}, delineated by a network that never saw it",
    )


def spread_of_marks(marked: NDArray[np.int8]) -> NDArray[np.float64]:
    """How far the marks of one end lie from its median over the leads, in ms, [3 waves, 2 ends].

    A standard deviation, over all ends of lead II that another lead has within 75 ms.
    """
    second = LEADS.index("II")
    apart: dict[tuple[int, int], list[NDArray[np.float64]]] = {}
    for record in marked:
        waves = [runs(column, MARKS_HZ) for column in record]
        for k, e in np.ndindex(len(WAVES), len(ENDS)):
            at = [lead[1 + e][lead.kind == k + 1] for lead in waves]
            times = np.full((len(at[second]), len(LEADS)), np.nan)
            for lead, other in enumerate(at):
                pairs = match(at[second], other, 75)
                times[pairs >= 0, lead] = other[pairs[pairs >= 0]]
            if len(times):
                middle = np.nanmedian(times, 1, keepdims=True)
                apart.setdefault((k, e), []).append((times - middle)[~np.isnan(times)])
    sd = [np.std(np.concatenate(apart[k, e])) for k, e in np.ndindex(len(WAVES), len(ENDS))]
    return np.reshape(sd, (len(WAVES), len(ENDS)))


class Found(NamedTuple):
    """All that was counted, seeds together."""

    names: list[str]
    no_p: NDArray[np.bool_]
    """Whether no P wave was marked in a record, [n]."""
    records: Counts
    """All leads seen, summed over them, [n, 3, 2, 5]."""
    leads: dict[str, Counts]
    """By what was seen, [leads, 3, 2, 5]."""
    seeds: list[Counts]
    """All leads seen, of each seed, [3, 2, 5]."""


def _gather(mine: list[list[Any]], peers: list[Any]) -> Found:
    def over(seen: str, axis: str) -> list[list[Counts]]:
        return [[np.array(fold["counts"][seen][axis]) for fold in folds] for folds in mine]

    leads = {seen: np.sum(over(seen, "leads"), (0, 1)) for seen in ("twelve", "few", "alone")}
    if None not in peers:
        leads["peer"] = np.sum(peers, 0)
    return Found(
        names=[name for fold in mine[0] for name in fold["names"]],
        no_p=np.concatenate([fold["no_p"] for fold in mine[0]]),
        records=np.sum([np.concatenate(folds) for folds in over("twelve", "records")], 0),
        leads=leads,
        seeds=[np.sum(folds, (0, 1)) for folds in over("twelve", "leads")],
    )


def _report(found: Found, marks_sd: NDArray[np.float64], folds: int) -> str:
    """The tables, as Markdown."""
    seeds = len(found.seeds)
    every = list(np.ndindex(len(WAVES), len(ENDS)))
    head = [f"{WAVES[k]} {ENDS[e]}" for k, e in every]
    gross = found.records.sum(0)
    few = [LEADS.index(lead) for lead in FEW]
    sights = {
        "this, all twelve leads": found.leads["twelve"][few],
        "this, these three leads": found.leads["few"],
        "this, each lead alone": found.leads["alone"][few],
        "NeuroKit2 (`dwt`), each lead alone": found.leads.get("peer", np.zeros((0, 3, 2, 5))),
    }
    ours = [(100 * ends(gross[at]).rates.f1, _error(gross[at])) for at in every]
    wrong = found.records[..., 1:3].sum((1, 2, 3))
    return page(
        f"LUDB, {len(found.names)} records of as many persons, {folds} folds by record, seeds: "
        f"{seeds}, 12 leads, 10 s; tolerance {TOLERANCE_MS} ms, every lead by itself, within what "
        "was marked.",
        "F1 over onsets and offsets, %: "
        + ", ".join(
            f"{wave} {spread([_f1(counts[k]) for counts in found.seeds], 2)}"
            for k, wave in enumerate(WAVES)
        ),
        table(
            ["", "marks", "Se, %", "PPV, %", "F1, %", "error, ms", "marks over leads, ms"],
            [
                [name, f"{gross[at][:2].sum() / seeds:.0f}", *_rates(gross[at]), _error(gross[at]),
                 f"± {marks_sd[at]:.1f}"]
                for name, at in zip(head, every, strict=True)
            ],
        ),
        table(
            ["F1, % (error, ms)", *head],
            [
                [name, *(f"{cell[0]:.2f} ({cell[1]})" if cell else "" for cell in cells)]
                for name, cells in {"this": ours, **PUBLISHED}.items()
            ],
        ),
        table(
            [f"F1 on {', '.join(FEW)}, seeing", *WAVES],
            [[name, *_f1s(counts.sum(0))] for name, counts in sights.items() if len(counts)],
        ),
        table(
            ["F1 by lead, seeing all", *WAVES, *(f"{wave}, alone" for wave in WAVES)],
            [
                [lead, *_f1s(found.leads["twelve"][i]), *_f1s(found.leads["alone"][i])]
                for i, lead in enumerate(LEADS)
            ],
        ),
        table(
            ["P waves", "records", "ends marked", "missed", "extra", "F1, %"],
            [
                [name, f"{which.sum()}", *_missed(found.records[which, 0], seeds)]
                for name, which in {
                    "records that have some": ~found.no_p, "records that have none": found.no_p,
                }.items()
            ],
        ),
        table(
            ["most errors", "ends marked", "missed", "extra", *(f"{wave} F1, %" for wave in WAVES)],
            [
                [Path(found.names[i]).name, *_missed(found.records[i], seeds)[:3],
                 *_f1s(found.records[i])]
                for i in np.argsort(-wrong, kind="stable")[:10]
            ],
        ),
    )  # fmt: skip


def _missed(counts: Counts, seeds: int) -> list[str]:
    """Of [..., 5]: ends marked, missed and extra, a seed, and F1."""
    tp, fn, fp = counts.reshape(-1, len(COUNTS)).sum(0)[:3] / seeds
    rates = Rates(round(tp), round(fn), round(fp))
    return [f"{tp + fn:.0f}", f"{fn:.0f}", f"{fp:.0f}", _percent(rates.f1)]


def _f1(counts: Counts) -> float:
    """Of one wave, both ends together."""
    return ends(counts.sum(0)).rates.f1


def _f1s(counts: Counts) -> list[str]:
    return [_percent(_f1(wave)) for wave in counts]


def _rates(counts: Counts) -> list[str]:
    rates = ends(counts).rates
    return [_percent(rate) for rate in (rates.se, rates.ppv, rates.f1)]


def _percent(rate: float) -> str:
    return spread([rate], 2)


def _error(counts: Counts) -> str:
    found = ends(counts)
    return f"{found.mean_ms:.1f} ± {found.sd_ms:.1f}"
