"""Corpora made harder lose leads and gain as much noise as was said."""

from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import pytest
import wfdb

from edge.errors import RecordError
from edge.replay import INVALID, Recording
from edge.synthetic import synthesize
from firmware_bridge.block import mv_from_nv
from train.data.corpus import LEADS, Record, Reference
from train.data.corruption import Few, FewerLeads, Noisy
from train.data.windows import Cut, cut

FS = 250.0


@dataclass(frozen=True)
class Made:
    """Three records of made beats, each in three leads."""

    name = "made"
    classes = ("x",)
    records = tuple(Record(n, n, ("x",)) for n in ("a", "b", "c"))

    def read(self, record: Record) -> tuple[Recording, Reference]:
        made = synthesize("N" * 40, FS, np.random.default_rng(ord(record.name)))
        mv = made.mv[:, [0, 1, 0]] * [1.0, 1.0, 3.0]
        nv = np.rint(mv * 1e6).astype(np.int32)
        nv[100:200, 1] = INVALID
        waves = np.zeros((len(nv), 3), np.int8)
        waves[:, 1] = 2
        return Recording(record.name, FS, ("II", "V1", "V5"), nv), Reference(waves=waves)


@pytest.fixture(scope="module")
def nstdb(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """White noise as `ma`, two minutes; its second channel is five times as loud."""
    folder = tmp_path_factory.mktemp("data") / "nstdb"
    folder.mkdir()
    wfdb.wrsamp(
        "ma",
        fs=360,
        units=["mV"] * 2,
        sig_name=["noise1", "noise2"],
        p_signal=np.random.default_rng(3).normal(0, [0.1, 0.5], (360 * 120, 2)),
        fmt=["16"] * 2,
        write_dir=str(folder),
    )
    return folder


@pytest.mark.parametrize("snr_db", [24.0, 6.0, 0.0])
def test_noise_is_as_loud_as_was_said(nstdb: Path, snr_db: float) -> None:
    corpus = Made()
    noisy = Noisy(corpus, nstdb, "ma", snr_db)
    for record in corpus.records:
        clean, spoilt = corpus.read(record)[0], noisy.read(record)[0]
        there = clean.nv != INVALID
        np.testing.assert_array_equal(spoilt.nv != INVALID, there)
        for i, (before, after) in enumerate(zip(clean.nv.T, spoilt.nv.T, strict=True)):
            added = (after[there[:, i]] - before[there[:, i]]) * 1e-6
            whole = mv_from_nv(before[300:])
            # All of a made beat's extremes are in its QRS.
            beats = [np.ptp(part) for part in np.array_split(whole, len(whole) // 250)]
            wanted = np.median(beats) / np.sqrt(8) / 10 ** (snr_db / 20)
            assert added.std() == pytest.approx(wanted, rel=0.15)


def test_every_lead_and_record_has_its_own_noise_and_always_the_same(nstdb: Path) -> None:
    corpus = Made()
    noisy = Noisy(corpus, nstdb, "ma", 0.0)
    added = []
    for record in corpus.records:
        spoilt = noisy.read(record)[0].nv
        np.testing.assert_array_equal(spoilt, noisy.read(record)[0].nv)
        added += [*(spoilt.astype(float) - corpus.read(record)[0].nv)[250:2500].T]
    alike = np.corrcoef(added) - np.eye(len(added))
    assert np.abs(alike).max() < 0.2


def test_a_record_without_beats_stays_as_it_is(nstdb: Path) -> None:
    flat = Recording("flat", FS, ("I",), np.zeros((2500, 1), np.int32))
    assert Noisy(Made(), nstdb, "ma", 0.0).spoilt(flat, 1) is flat


def test_missing_noise_is_named(tmp_path: Path) -> None:
    corpus = Made()
    with pytest.raises(RecordError, match="edge-train fetch nstdb"):
        Noisy(corpus, tmp_path / "nstdb", "ma", 6.0).read(corpus.records[0])


def test_fewer_leads_and_records_come_as_windows(nstdb: Path, tmp_path: Path) -> None:
    corpus = Made()
    fewer = FewerLeads(Few(corpus, 2), ("V5", "II"))
    windows = cut(fewer, Cut(), tmp_path, bar=False)
    assert [r.name for r in windows.records] == ["a", "b"]
    batch = windows.batch(np.arange(len(windows)))
    there = [LEADS[i] for i in np.flatnonzero(batch.leads.all(0).numpy())]
    assert there == ["II", "V5"]
    assert not batch.ecg[:, ~batch.leads.any(0)].any()
    assert batch.labels.all()
    assert ((batch.peaks >= 0).sum(1) > 5).all()
    read = fewer.read(corpus.records[0])
    assert read[1].waves is not None
    assert not read[1].waves.any()  # the lead with waves is gone
    whole = cut(replace(fewer, leads=LEADS), Cut(), tmp_path, bar=False)
    assert whole.batch(np.arange(1)).leads.sum() == 3
    again = cut(Noisy(corpus, nstdb, "ma", 0.0), Cut(), tmp_path, bar=False)
    assert not np.array_equal(again.column("ecg")[0], whole.column("ecg")[0])
