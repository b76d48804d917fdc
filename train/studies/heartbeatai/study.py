"""HeartBeatAI's evaluation: within a data set and in one that was never seen, side by side.

Each data set is a domain, with the labels that sets share. *Intra-source* is cross-validation by
patient within a domain. *Leave one domain out* (LODO) learns from all other domains and tests on
all of the one left out. Both test on the same windows, so that the difference is the price of a new
hospital. Beside MixStyle on and off there is the baseline.
"""

from collections.abc import Mapping
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from train.data.corpora import open_corpus
from train.data.joined import Joined
from train.data.windows import Cut, cut, learned_from
from train.engine.markdown import table
from train.engine.prediction import predict
from train.models.checkpoint import fill, read
from train.studies.diagnosis import parts_said, tested_fold
from train.studies.harness import Study
from train.studies.heartbeatai.figures import figure_of
from train.studies.heartbeatai.jobs import (
    FOLDS,
    INTRA_DRAWS,
    LEAST,
    LODO_DRAWS,
    TINY_DRAWS,
    domains,
    intra,
    learnable,
    lodo,
    network,
    patients,
    superclasses,
)
from train.studies.report import over, page, publish, spread

SMALL: Final = 30
"""A domain of fewer patients is small."""
NETS: Final = {
    "xresnet": "xresnet",
    "plain": "HeartBeatAI without MixStyle",
    "mixstyle": "HeartBeatAI with MixStyle",
}
SHOWN: Final = "PVC"
"""What the figure explains."""
COLUMNS: Final = {
    ("intra", "plain"): "intra, plain",
    ("intra", "mixstyle"): "intra, MixStyle",
    ("lodo", "xresnet"): "LODO, xresnet",
    ("lodo", "plain"): "LODO, plain",
    ("lodo", "mixstyle"): "LODO, MixStyle",
}
"""Of the tables: how a network was tested, and which."""


def tables(s: Study, windows: Joined, results: Mapping[str, Any]) -> str:
    """The report: protocol, sizes, and both protocols side by side."""
    names, classes = [part.name for part in windows.parts], windows.classes
    # [F1 and AUC, columns, seeds, domains, classes]; NaN where a class does not count
    values = np.array([
        [[[[results[f"{kind} {d} {net} {seed}"].get(c, {}).get(metric, np.nan) for c in classes]
           for d in names] for seed in range(s.seeds)] for kind, net in COLUMNS]
        for metric in ("f1", "auc")
    ])  # fmt: skip
    counts = ~np.isnan(values[0, 0, 0])
    header = [f"{metric}: {column}" for metric in ("F1", "AUC") for column in COLUMNS.values()]

    def spreads(x: NDArray[np.float64]) -> list[str]:
        """[F1 and AUC, columns, seeds] as cells."""
        return [spread(seeds.tolist()) for seeds in x.reshape(-1, s.seeds)]

    by_domain = np.nanmean(values, 4)
    intra_, lodo_ = 100 * values[
        0, [list(COLUMNS).index((k, "mixstyle")) for k in ("intra", "lodo")]
    ].mean(1)
    draws = (TINY_DRAWS, TINY_DRAWS) if s.tiny else (INTRA_DRAWS, LODO_DRAWS)
    folds = "two of folds 1 to 8" if s.tiny else parts_said(windows)
    return page(
        f"Windows of 10 s, cut every 10 s, 100 Hz; {over(s.seeds)}; F1 and "
        f"AUC in %. Intra-source: {FOLDS} folds by patient, {draws[0]} windows drawn to learn "
        "from. LODO: all other domains learned, of which "
        f"{draws[1]} windows are drawn, and the same windows tested. AUC is of pairs of windows of "
        "the same fold, for both, as each fold has a network of its own. Nothing stops early or is "
        "chosen; a class holds where it is likelier than not if as many windows that were learned "
        f"had it as lacked it. It counts in a domain where {LEAST} "
        f"patients have windows with it and {LEAST} without. mitdb is DS1, ptbxl "
        f"without fold {tested_fold(windows)}.",
        "Windows with a label / patients who have some (– where the set has no word for it):",
        table(["domain", "leads", "patients", "windows", *classes],
               [_size(windows, d) for d in names]),
        "Means over the classes that count, and then over domains:",
        table(["domain", "classes", *header],
               [[d, counts[i].sum(), *spreads(by_domain[..., i])] for i, d in enumerate(names)]
               + [["mean", "", *spreads(by_domain.mean(3))]]),
        "By class, means over the domains where it counts:",
        table(["class", "domains", *header],
               [[c, counts[:, k].sum(), *spreads(np.nanmean(values[..., k], 3))]
                for k, c in enumerate(classes) if counts[:, k].any()]),
        "F1 with MixStyle by domain and class, intra-source → LODO:",
        table(["domain", *classes],
               [[d, *(f"{a:.0f} → {b:.0f}" if a == a else "–" for a, b in zip(*x, strict=True))]
                for d, *x in zip(names, intra_, lodo_, strict=True)]),
        f"PTB-XL's superclasses, {folds}; macro-AUC in %:",
        table(["network", "macro-AUC"],
               [[text, spread([results[f"ptbxl {n} {seed}"] for seed in range(s.seeds)])]
                for n, text in NETS.items()]),
    )  # fmt: skip


def _size(windows: Joined, domain: str) -> list[object]:
    """A row of the table of sizes."""
    rows = learnable(windows, domain)
    patient, labels = patients(windows, rows), windows.column("labels")[rows]
    n, leads = len(np.unique(patient)), windows.column("leads")[rows].sum(1)
    small, most = " (small)" if n < SMALL else "", f" to {leads.max()}"
    return [
        domain + small,
        f"{leads.min()}{most if leads.max() > leads.min() else ''}",
        n,
        len(rows),
        *(
            f"{holds.sum()} / {len(np.unique(patient[holds]))}" if known else "–"
            for holds, known in zip((labels == 1).T, labels[0] >= 0, strict=True)
        ),
    ]


def study(s: Study) -> str:
    """Runs all of it; returns the tables, which also go to `s.out`, with the figure."""
    windows = domains(s.data, s.cache, s.tiny)
    ptbxl = cut(open_corpus("ptbxl", s.data, "superclass"), Cut(), s.cache, bar=False)
    names = [part.name for part in windows.parts]
    shown = "lodo ludb mixstyle 0"
    kept = {shown: s.out / "without-ludb.safetensors"}
    at, seeds = (s.data, s.cache), range(s.seeds)
    results = s.run(
        {f"intra {d} {n} {seed}": (intra, (*at, d, n, seed, s.tiny))
         for d in names for n in ("plain", "mixstyle") for seed in seeds}
        | {f"lodo {d} {n} {seed}": (lodo, (*at, d, n, seed, s.tiny,
                                       kept.get(f"lodo {d} {n} {seed}")))
           for d in names for n in NETS for seed in seeds}
        | {f"ptbxl {n} {seed}": (superclasses, (*at, n, seed, s.tiny))
           for n in NETS for seed in seeds},
        learned_from(*windows.parts, ptbxl),
        kept,
    )  # fmt: skip
    text = tables(s, windows, results)
    net = network("mixstyle", len(windows.classes), 0, s.tiny)
    fill(net, read(kept[shown]))
    k = windows.classes.index(SHOWN)
    rows = windows.part("ludb")
    rows = rows[windows.column("labels")[rows, k] == 1]
    surest = rows[predict(net, windows, rows)[:, k].argmax()]
    publish(s.out, text, {"heartbeatai-saliency.png": figure_of(net, windows, int(surest), k)})
    return text
