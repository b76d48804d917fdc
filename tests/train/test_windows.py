"""Windows on disk: what they hold, that they come back, and what becomes of damaged records."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from edge.errors import OutputError, RecordError
from edge.replay import INVALID, Recording
from tests.train.made import Made
from train.data import windows as module
from train.data.corpus import LEADS, Record, Reference
from train.data.windows import AAMI, Cut, Windows, cut

II, V5 = LEADS.index("II"), LEADS.index("V5")


def test_windows_hold_signal_beats_and_labels(tmp_path: Path) -> None:
    corpus = Made()
    windows = cut(corpus, Cut(), tmp_path, bar=False)
    everything = np.arange(len(windows))
    batch = windows.batch(everything)
    assert len(batch) == len(windows) >= 2 * corpus.count
    assert batch.ecg.shape == (len(windows), 12, 1000)
    assert batch.leads.sum(1).tolist() == [2] * len(windows)
    assert batch.leads[:, [II, V5]].all()
    assert not batch.ecg[~batch.leads].any()
    assert (batch.labels.sum(1) == 1).all()
    for i in range(len(windows)):
        peaks = batch.peaks[i][batch.peaks[i] >= 0]
        assert 8 <= len(peaks) <= 16  # some 70 to 85 a minute
        assert (peaks.diff() > 0).all()
        # R stands out of its surroundings wherever the detector puts it.
        assert batch.ecg[i, II, peaks].median() > 0.5
    beats = windows.column("beats")
    kind = batch.labels.argmax(1).numpy()
    assert set(np.unique(beats[kind == 0])) == {-1, AAMI.index("N")}
    assert AAMI.index("V") in beats[kind == 1]
    assert AAMI.index("S") in beats[kind == 2]
    named = (beats >= 0).sum() / (windows.column("peaks") >= 0).sum()
    assert named > 0.98


def test_any_rows_in_any_order_are_the_same_whatever_the_shards(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole = cut(Made(), Cut(seconds=2.5, stride=2.5), tmp_path / "a", bar=False)
    monkeypatch.setattr(module, "SHARD", 7)
    small = cut(Made(), Cut(seconds=2.5, stride=2.5), tmp_path / "b", bar=False)
    rows = np.random.default_rng(0).integers(len(whole), size=50)
    assert len(list(tmp_path.glob("b/*/*.npy"))) == -(-len(whole) // 7)
    np.testing.assert_array_equal(whole.rows(rows), small.rows(rows))
    np.testing.assert_array_equal(whole.column("start"), small.column("start"))


def test_overlapping_windows_agree_on_what_they_share(tmp_path: Path) -> None:
    windows = cut(Made(1), Cut(stride=5), tmp_path, bar=False)
    first, second = windows.rows(np.array([0, 1]))
    np.testing.assert_array_equal(first["ecg"][:, 500:], second["ecg"][:, :500])
    late = first["peaks"][first["peaks"] >= 500] - 500
    np.testing.assert_array_equal(late, second["peaks"][: len(late)])


def test_other_settings_are_cut_anew_and_the_same_are_not(tmp_path: Path) -> None:
    def folders() -> set[Path]:
        return set(tmp_path.iterdir())

    cut(Made(2), Cut(), tmp_path, bar=False)
    before = folders()
    (shard,) = tmp_path.glob("*/00000.npy")
    written = shard.stat().st_mtime_ns
    cut(Made(2), Cut(), tmp_path, bar=False)
    assert folders() == before
    assert shard.stat().st_mtime_ns == written
    cut(Made(2), Cut(fs=250), tmp_path, bar=False)
    cut(Made(3), Cut(), tmp_path, bar=False)
    assert len(folders()) == len(before) + 2


def test_the_windows_of_another_cut_are_found_where_a_record_was_skipped(tmp_path: Path) -> None:
    whole = cut(Made(), Cut(stride=5), tmp_path, bar=False)
    some = cut(Made(damaged=(1,)), Cut(stride=5), tmp_path / "some", bar=False)
    assert len(some) < len(whole)
    rows = np.random.default_rng(0).permutation(len(some))
    found = whole.rows(whole.of(some, rows))
    for name in ("ecg", "peaks", "start", "record"):
        np.testing.assert_array_equal(found[name], some.rows(rows)[name])
    with pytest.raises(KeyError):
        some.of(whole, np.arange(len(whole)))


def test_a_damaged_record_is_named_skipped_and_counted(tmp_path: Path) -> None:
    whole = cut(Made(4), Cut(), tmp_path, bar=False)
    windows = cut(Made(4, damaged=(1, 3), name="less"), Cut(), tmp_path, bar=False)
    assert windows.skipped == {
        "1": "record 1 is damaged: get it again",
        "3": "record 3 is damaged: get it again",
    }
    kept = np.isin(whole.column("record"), [0, 2])
    rows = np.arange(len(windows))
    np.testing.assert_array_equal(windows.rows(rows), whole.rows(np.flatnonzero(kept)))


def test_a_record_without_signal_is_skipped_like_a_damaged_one(tmp_path: Path) -> None:
    class Dead(Made):
        def read(self, record: Record) -> tuple[Recording, Reference]:
            recording, reference = super().read(record)
            nv = recording.nv.copy()
            if record.name == "0":
                nv[:] = INVALID
            if record.name == "1":
                nv[:] = [7, INVALID]
                nv[:100, 0] = INVALID
            if record.name == "2":  # one lead is enough
                nv[:, 0] = 7
            return replace(recording, nv=nv), reference

    corpus = Dead(3)
    made = [module._windows(corpus, Cut(), item) for item in enumerate(corpus.records)]
    assert made[:2] == [f"record {i} has no signal in II, V5" for i in "01"]
    assert len(made[2]) > 1


def test_windows_are_chosen_by_fold_and_patient(tmp_path: Path) -> None:
    windows = cut(Made(6), Cut(), tmp_path, bar=False)
    record = windows.column("record")
    np.testing.assert_array_equal(
        windows.where(folds=[2, 3]), np.flatnonzero((record == 1) | (record == 2))
    )
    np.testing.assert_array_equal(windows.where(patients=["p4"]), np.flatnonzero(record == 4))
    assert not len(windows.where(folds=[1], patients=["p4"]))


@pytest.mark.parametrize("damage", ["index.json", "00000.npy"])
def test_damaged_windows_are_refused_in_one_sentence(tmp_path: Path, damage: str) -> None:
    windows = cut(Made(1), Cut(), tmp_path, bar=False)
    (path,) = tmp_path.glob(f"*/{damage}")
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])
    del windows
    with pytest.raises(RecordError, match="are damaged: remove that folder"):
        Windows(path.parent)


def test_a_recording_shorter_than_a_window_is_one_and_begins_again(tmp_path: Path) -> None:
    windows = cut(Made(1), Cut(seconds=60, stride=60), tmp_path, bar=False)
    (window,) = windows.rows(np.array([0]))
    recording, reference = Made(1).read(Made(1).records[0])
    n = round(len(recording.nv) / 2.5)
    assert 2000 < n < 4000
    np.testing.assert_array_equal(window["ecg"][:, n:], window["ecg"][:, : 6000 - n])
    peaks = window["peaks"][window["peaks"] >= 0]
    assert (np.diff(peaks) > 0).all()
    np.testing.assert_array_equal(peaks[peaks >= n] - n, peaks[peaks < 6000 - n])
    assert (window["beats"] >= 0).sum() == pytest.approx(len(reference.beats), abs=2)
    assert (window["beats"][: len(peaks)][peaks >= n] == -1).all()


@pytest.mark.parametrize("fs", [250.0, 400.0, 1000.0])
def test_the_rate_of_a_recording_does_not_matter(fs: float, tmp_path: Path) -> None:
    """To the noise that is made at each rate anew."""
    mine, other = (cut(Made(3, fs=x), Cut(), tmp_path, bar=False) for x in (fs, 500.0))
    assert len(mine) == len(other)
    a, b = (of.rows(np.arange(len(of))) for of in (mine, other))
    apart = np.abs(np.subtract(a["ecg"], b["ecg"], dtype=float))
    assert apart.max() < 0.1
    assert apart.mean() < 0.02
    np.testing.assert_allclose(a["peaks"], b["peaks"], atol=1)
    np.testing.assert_array_equal(a["beats"], b["beats"])


def test_a_folder_that_cannot_be_written_is_said_in_one_sentence(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(OutputError, match="cannot write windows of made"):
        cut(Made(1), Cut(), tmp_path / "file", bar=False)


def test_what_was_left_by_a_stopped_cut_is_cut_anew(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr(np, "save", full)
        with pytest.raises(OutputError, match="No space left"):
            cut(Made(2), Cut(), tmp_path, bar=False)
    assert len(cut(Made(2), Cut(), tmp_path, bar=False))
