"""Beat-SSL's evaluation: which targets make features that diagnosis and delineation can use.

Every way of pretraining sees the same records, without labels, for the same number of steps; then
the same encoder is taught PTB-XL's superclasses and LUDB's waves. Seeds rotate PTB-XL's folds 1 to
8 (`train.studies.diagnosis.rotated`) and LUDB's records; the published folds come last.
"""

from collections.abc import Mapping
from typing import Any, Final

import numpy as np

from train.data.joined import Joined
from train.data.pseudolabels import PseudoLabelled
from train.data.subsets import label_subset
from train.data.windows import AAMI, Cut, Windows, cut, learned_from
from train.engine.markdown import table
from train.metrics.delineation import WAVES
from train.models.beatssl import TINY, BeatSsl, BeatSslConfig
from train.models.checkpoint import fill, read
from train.studies.beatssl.figures import nearest
from train.studies.beatssl.jobs import (
    BEST,
    FEW,
    FEW_WAVES,
    PRETRAINING,
    SCRATCH,
    TINY_PRETRAINING,
    WAYS,
    compared,
    diagnosed,
    last,
    marked,
    opened,
    unlabelled,
    weights,
)
from train.studies.diagnosis import parts_said, rotated, tested_fold, untested
from train.studies.harness import Job, Study
from train.studies.report import over, page, publish, spread
from train.studies.segmentation import split

TINY_WAYS: Final = (SCRATCH, BEST)


def study(s: Study) -> str:
    """All trainings and tests; the tables and a figure go to `s.out`, the tables are returned."""
    unnamed, windows, waves = unlabelled(s, True), diagnosed(s, True), marked(s, True)
    ways, seeds = TINY_WAYS if s.tiny else tuple(WAYS), range(s.seeds)
    jobs: dict[str, Job] = {f"{way} {i}": (compared, (s, way, i)) for i in seeds for way in ways}
    if not s.tiny:
        jobs |= {f"published {w} {i}": (last, (s, w, i)) for i in seeds for w in (SCRATCH, BEST)}
    results = s.run(jobs, learned_from(*unnamed.parts, windows, waves), {f"{BEST} 0": weights(s)})
    text = tables(s, ways, results, unnamed, windows, waves)
    encoder = BeatSsl(TINY if s.tiny else BeatSslConfig())
    fill(encoder, read(weights(s)), "encoder.")
    shared = cut(opened(s, "ptbxl", "shared"), Cut(), s.cache)
    named = cut(PseudoLabelled(opened(s, "ptbxl")), Cut(), s.cache)
    publish(s.out, text, {"beatssl-nearest.png": nearest(encoder, shared, named)})
    return text


def tables(
    s: Study, ways: tuple[str, ...], results: Mapping[str, Any],
    unnamed: Joined, windows: Windows, waves: Windows,
) -> str:  # fmt: skip
    """The report, with its protocol."""
    seeds, config = range(s.seeds), TINY_PRETRAINING if s.tiny else PRETRAINING
    beats = unnamed.column("beats")[untested(unnamed)]
    counts = np.bincount(beats[beats >= 0], minlength=len(AAMI))
    part = rotated(windows, 0)
    test = len(split(waves, 0)[1])
    paid = np.mean([len(label_subset(windows, rotated(windows, i).train, FEW, i)) for i in seeds])
    named = ", ".join(f"{n} {name}" for n, name in zip(counts, AAMI, strict=True))
    columns = (
        *("pretraining", "AUC, frozen", "fine-tuned", "few labels"),
        *(f"{wave}, frozen" for wave in WAVES),
        *("mean F1, frozen", "fine-tuned"),
    )

    def row(way: str) -> list[str]:
        of = [results[f"{way} {i}"] for i in seeds]
        return [
            way,
            *(spread([r[column] for r in of]) for column in ("frozen", "all", "few")),
            *(spread([r["frozen waves"][k] for r in of]) for k in range(len(WAVES))),
            *(spread([float(np.mean(r[c])) for r in of]) for c in ("frozen waves", "waves")),
        ]

    def published(way: str) -> str:
        return f"{way} {spread([results[f'published {way} {i}'] for i in seeds])}"

    last = tested_fold(unnamed)
    folds = f"By the published folds ({parts_said(windows)}): "
    return page(
        f"Pretraining: {len(beats)} windows of 10 s at 100 Hz of {unnamed.name}, without PTB-XL's "
        f"fold {last}, less its two folds that the seed tests on; at least {config.least_steps} "
        f"steps of {config.batch} windows. Labels that the student gave their beats: {named}.",
        f"Diagnosis: PTB-XL's superclasses, 12 leads, macro-AUC in %. Each seed tests "
        f"on another two of folds 1 to 8 ({len(part.test)} records), stops by a third and learns "
        f"from the rest ({len(part.train)}). Frozen: logistic regression on features as they are; "
        f"then fine-tuned with all labels, and with those of {100 * FEW:g} % of the patients "
        f"({paid:.0f} records).",
        f"Waves: LUDB, each lead by itself, F1 in % of on- and offsets within 150 ms; learned from "
        f"{FEW_WAVES} records, tested on {test}, other ones for each seed. Frozen: only the "
        "decoder learns; then all does.",
        f"All figures {over(s.seeds)}.",
        table(columns, map(row, ways)),
        *([] if s.tiny else [f"{folds}{published(SCRATCH)}, {published(BEST)}."]),
    )
