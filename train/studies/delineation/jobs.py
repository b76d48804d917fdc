"""The delineator's trainings and tests; `study` makes tables and figures of what they give."""

import importlib
import warnings
from dataclasses import replace
from typing import Any, Final, NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from sklearn.model_selection import StratifiedKFold

from train.data.corpus import LEADS, Corpus, standard_lead
from train.data.ludb import Ludb
from train.data.windows import Cut, Windows, cut
from train.engine.batches import given
from train.engine.loop import FitConfig, fit
from train.metrics.delineation import (
    COUNTS,
    ENDS,
    WAVES,
    Waves,
    compare,
    delineate,
    ends,
)
from train.models.delineator import TINY, Delineator, DelineatorConfig
from train.objectives.delineation import WaveTask
from train.studies.harness import Study

FOLDS: Final = 5
FIT: Final = FitConfig(epochs=20, batch=8, learning_rate=3e-3, least_steps=800)
TINY_FIT: Final = FitConfig(epochs=4, batch=4, learning_rate=1e-2, least_steps=40)
CONFIG: Final = DelineatorConfig()
CUT: Final = Cut(fs=CONFIG.fs, waves=True)
MARKS_HZ: Final = 500.0
FEW: Final = ("II", "V1", "V5")
"""Leads of the comparison with fewer, and with NeuroKit2, which is slow."""
Counts = NDArray[np.float64]
"""[..., 3 waves, 2 ends, 5 `COUNTS`]."""
Figures = dict[str, dict[str, float]]


class Part(NamedTuple):
    """Numbers of the windows of a fold; LUDB's records are a window each."""

    train: NDArray[np.int64]
    test: NDArray[np.int64]


def parts(windows: Windows, tiny: bool = False) -> list[Part]:
    """The folds, the same for every seed; records without P waves are spread evenly."""
    rows = np.arange(len(windows))[: 40 if tiny else None]
    split = StratifiedKFold(2 if tiny else FOLDS, shuffle=True, random_state=0)
    return [Part(rows[a], rows[b]) for a, b in split.split(rows, without_p(windows, rows))]


def without_p(windows: Windows, rows: NDArray[np.int64]) -> NDArray[np.bool_]:
    """Whether no P wave is marked in any lead of some windows, [n]: in fibrillation, or paced."""
    some: NDArray[np.bool_] = (windows.rows(rows)["waves"] == 1).any((1, 2))
    return ~some


def marks(corpus: Corpus, windows: Windows, rows: NDArray[np.int64]) -> NDArray[np.int8]:
    """What was marked in some windows' records, [n, 12, 5000] at 500 Hz."""
    found = []
    for r in windows.column("record")[rows]:
        recording, reference = corpus.read(windows.records[r])
        assert reference.waves is not None
        names = [standard_lead(lead) for lead in recording.leads]
        found.append(reference.waves[:, [names.index(lead) for lead in LEADS]].T)
    return np.stack(found)


def count(log_p: NDArray[np.floating], marked: NDArray[np.int8]) -> Counts:
    """Counts of windows and leads, [n, leads, 3, 2, 5], from [n, leads, 4, T] and their marks."""
    n, leads = log_p.shape[:2]
    found = delineate(log_p.reshape(n * leads, *log_p.shape[2:]), CUT.fs)
    flat = marked.reshape(n * leads, -1)
    counts = [compare(f, m, MARKS_HZ) for f, m in zip(found, flat, strict=True)]
    return np.array(counts).reshape(n, leads, len(WAVES), len(ENDS), len(COUNTS))


def figures(net: Delineator, corpus: Corpus, windows: Windows, rows: NDArray[np.int64]) -> Figures:
    """How well each end is found in some windows, each lead seen beside the others, by name.

    Shares, and ms; NaN where none was found.
    """
    batch = given(net, windows, rows)
    counts = count(net.log_p(batch.ecg, batch.leads), marks(corpus, windows, rows)).sum((0, 1))
    found = {}
    for k, e in np.ndindex(len(WAVES), len(ENDS)):
        rates, mean_ms, sd_ms = ends(counts[k, e])
        found[f"{WAVES[k]} {ENDS[e]}"] = {
            "marks": rates.tp + rates.fn,
            "sensitivity": rates.se,
            "ppv": rates.ppv,
            "mean_ms": mean_ms,
            "sd_ms": sd_ms,
        }
    return found


class Taught(NamedTuple):
    """A network of one fold."""

    net: Delineator
    losses: list[float]
    windows: Windows
    test: NDArray[np.int64]


def taught(s: Study, seed: int, fold: int) -> Taught:
    """Trains a network, or reads the one that was trained."""
    windows = cut(Ludb(s.data / "ludb"), CUT, s.cache, bar=False)
    part = parts(windows, s.tiny)[fold]
    torch.manual_seed(seed)
    net = Delineator(TINY if s.tiny else CONFIG)
    how = replace(TINY_FIT if s.tiny else FIT, seed=seed)
    run = s.runs / f"seed{seed}-fold{fold}"
    losses = fit(WaveTask(net, CUT.fs), windows, part.train, how, run)
    return Taught(net, losses, windows, part.test)


def fold_counts(s: Study, seed: int, fold: int) -> dict[str, Any]:
    """Counts of a fold's test records, by record and by lead, with all leads and with fewer."""
    net, losses, windows, test = taught(s, seed, fold)
    batch = given(net, windows, test)
    marked = marks(Ludb(s.data / "ludb"), windows, test)
    few = [LEADS.index(lead) for lead in FEW]
    samples = batch.ecg.shape[2]
    twelve = net.log_p(batch.ecg, batch.leads)
    alone = net.log_p(batch.ecg.reshape(-1, 1, samples), batch.leads.reshape(-1, 1))
    counts = {
        "twelve": count(twelve, marked),
        "few": count(net.log_p(batch.ecg[:, few], batch.leads[:, few]), marked[:, few]),
        "alone": count(alone.reshape(twelve.shape), marked),
    }
    return {
        "losses": losses,
        "names": [windows.records[r].name for r in windows.column("record")[test]],
        "no_p": without_p(windows, test).tolist(),
        "counts": {
            name: {"records": c.sum(1).tolist(), "leads": c.sum(0).tolist()}
            for name, c in counts.items()
        },
    }


def peer_counts(s: Study, fold: int) -> list[Any] | None:
    """NeuroKit2's counts over `FEW` leads, by lead; None where it is not installed.

    It gets our R peaks, of all leads together, and does better with them than with its own.
    """
    try:
        nk = importlib.import_module("neurokit2")
    except ImportError:
        return None
    corpus = Ludb(s.data / "ludb")
    windows = cut(corpus, CUT, s.cache, bar=False)
    rows = parts(windows, s.tiny)[fold].test[: 2 if s.tiny else None]
    few = [LEADS.index(lead) for lead in FEW]
    marked = marks(corpus, windows, rows)[:, few]
    counts = np.zeros((len(few), len(WAVES), len(ENDS), len(COUNTS)))
    for batch, columns in zip(windows.rows(rows), marked, strict=True):
        peaks = batch["peaks"][batch["peaks"] >= 0].astype(np.int64)
        for i, lead in enumerate(few):
            mv = batch["ecg"][lead].astype(np.float64)
            for e, waves in enumerate(_neurokit(nk, mv, peaks)):
                counts[i, :, e] += compare(waves, columns[i], MARKS_HZ)[:, e]
    result: list[Any] = counts.tolist()
    return result


def _neurokit(nk: Any, mv: NDArray[np.float64], peaks: NDArray[np.int64]) -> list[Waves]:
    """The onsets and the offsets that it finds, as waves of no length: it may find but one."""
    rate = round(CUT.fs)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        clean = nk.ecg_clean(mv, sampling_rate=rate)
        try:
            _, found = nk.ecg_delineate(clean, peaks, sampling_rate=rate, method="dwt")
        except (ValueError, IndexError):  # it fails on some leads: then it finds nothing
            found = {}
    both = []
    for end in ("Onsets", "Offsets"):
        at = [np.array(found.get(f"ECG_{wave}_{end}", []), np.float64) for wave in "PRT"]
        kind = np.repeat([1, 2, 3], [len(a) for a in at])
        ms = np.concatenate(at) * (1000 / rate)
        order = np.argsort(ms, kind="stable")[: np.sum(~np.isnan(ms))]  # NaN sorts last
        whole = np.rint(ms[order]).astype(np.int64)
        both.append(Waves(kind[order], whole, whole))
    return both
