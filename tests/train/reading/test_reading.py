"""Networks read records: what they see, what they say, without torch, and what cannot be read."""

import json
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from matplotlib.figure import Figure

from edge.archive.processes import Done, Row
from edge.archive.records import stamp
from edge.errors import RecordError
from edge.replay import INVALID, Recording
from edge.replay import read as read_record
from edge.report.layout import Label
from edge.report.layout import Path as Shape
from edge.report.strips import ROW_S
from edge.synthetic import synthesize
from tests.train.conftest import write
from train.cli import main
from train.commands import export as exporting
from train.commands.explain import read_picture
from train.commands.export import EQUAL, changed, difference, example
from train.data.corpus import LEADS, Record
from train.data.labelled import Labelled
from train.data.leads import whole
from train.data.windows import Cut, Windows, cut
from train.models.checkpoint import Saved, save
from train.models.checkpoint import read as read_weights
from train.models.facts import DELINEATOR, Facts, Statement
from train.models.registry import NETWORKS, TEACHERS, classifier
from train.reading.many import read
from train.reading.nets import Net, OnnxNet, opened
from train.reading.page import sheet
from train.reading.reader import Reader, probabilities
from train.reading.torched import TorchNet
from train.reading.windows import Seen, seen

WINDOW = {"fs": 100.0, "seconds": 10.0, "highpass_hz": 0.5}
CLASSES = ("NORM", "MI", "AF")
FIGURES = {
    part: {"n": 40, "cases": 9, "auc": 0.9, "sensitivity": 0.8, "specificity": 0.7, "ppv": 0.5,
           "calibration_error": 0.05, "calibration_error_before": 0.1}
    for part in ("validation", "test")
}  # fmt: skip
WAVE_WINDOW = {"fs": 250.0, "seconds": 10.0, "highpass_hz": 0.5}
ENDS = {
    "validation": {
        end: {"marks": 9, "sensitivity": 0.9, "ppv": 0.8, "mean_ms": -1.0, "sd_ms": 12.0}
        for end in ("P onset", "P offset", "QRS onset", "QRS offset", "T onset", "T offset")
    }
}
STATEMENTS = (
    Statement("NORM", 1.5, 0.1, 0.3, FIGURES),
    Statement("MI", 0.5, -3.0, 0.9, FIGURES),
    Statement("AF", 1.0, 0.0, None, FIGURES),
)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Records of twelve leads and fewer, of several lengths and rates; one is damaged."""
    at = tmp_path_factory.mktemp("records")
    rng = np.random.default_rng(1)
    for name, fs, seconds, leads in (
        ("whole", 500, 10, LEADS), ("long", 250, 25, LEADS), ("short", 100, 6, LEADS),
        ("eight", 250, 10, ("I", "II", *LEADS[6:])), ("one", 250, 10, ("MLII",)),
        ("none", 250, 10, ("X", "Y")),
    ):  # fmt: skip
        two = synthesize("NNNVNNNNSNNNNN" * 3, float(fs), rng).mv[: fs * seconds]
        write(at, name, two @ rng.normal(0, 0.7, (2, len(leads))), list(leads), fs)
    write(at, "damaged", np.zeros((3000, 1)) + np.arange(3000)[:, None] / 1e3, ["II"], 250)
    (at / "damaged.dat").write_bytes(b"12")
    return at


def kept(path: Path, system: str = "xresnet", seed: int = 0) -> Path:
    torch.manual_seed(seed)
    if system == DELINEATOR:
        save(path, system, NETWORKS[system](True), (), {"delineation": ENDS}, WAVE_WINDOW)
        return path
    measured = [replace(s, figures={**s.figures, "of": {"seed": seed}}) for s in STATEMENTS]
    save(path, system, classifier(system, len(CLASSES), tiny=True), CLASSES, {}, WINDOW, measured)
    return path


@pytest.fixture(scope="module")
def net(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return kept(tmp_path_factory.mktemp("nets") / "net.safetensors")


@pytest.mark.parametrize("name", ["whole", "long", "short", "one", "eight"])
def test_windows_are_those_of_training(name: str, folder: Path, tmp_path: Path) -> None:
    corpus = Labelled(folder, (), (Record(name, name),))
    trained = cut(corpus, Cut(), tmp_path, bar=False)
    rows = trained.rows(np.arange(len(trained)))
    recording, _ = whole(read_record(folder / name))
    mine = seen(recording, **WINDOW)
    n = len(rows)
    np.testing.assert_array_equal(mine.ecg[:n], rows["ecg"].astype(np.float32))
    np.testing.assert_array_equal(mine.leads[:n], rows["leads"])
    np.testing.assert_array_equal(mine.peaks[:n], rows["peaks"])
    # What training leaves out at the end is read too.
    assert mine.start_s[-1] == pytest.approx(max(0.0, len(recording.nv) / recording.fs - 10))


def test_limb_leads_follow_from_two(folder: Path) -> None:
    """To the nanovolt of rounding, and without a word about those that are there."""
    recording = read_record(folder / "whole")
    i, ii = (recording.nv[:, k].astype(np.int64) for k in (0, 1))
    law = np.stack([i, ii, ii - i, -(i + ii) / 2, i - ii / 2, ii - i / 2], 1)
    true = replace(recording, nv=np.hstack([np.rint(law), recording.nv[:, 6:]]).astype(np.int32))
    few = true.only(["I", "II", *LEADS[6:]])
    found, told = whole(few)
    assert found.leads == LEADS
    assert np.abs(found.nv.astype(np.int64) - true.nv).max() <= 1
    assert told == ("III, aVR, aVL, aVF: calculated from I and II",)
    assert whole(true)[1] == ()


def test_what_is_not_there_is_said(folder: Path) -> None:
    recording = read_record(folder / "whole")
    nv = recording.nv.copy()
    nv[:, LEADS.index("V2")] = 7
    nv[:, LEADS.index("V3")] = INVALID
    found, told = whole(replace(recording, nv=nv))
    assert {*LEADS} - {*found.leads} == {"V2", "V3"}
    assert any(sentence.startswith("V2, V3: no signal") for sentence in told)
    assert any(sentence.startswith("V2, V3: missing") for sentence in told)
    with pytest.raises(RecordError, match="none of the twelve standard leads"):
        whole(read_record(folder / "none"))
    with pytest.raises(RecordError, match=r"1 s of signal"):
        whole(Recording("x", 100.0, ("II",), recording.nv[:100, :1]))
    nv = recording.nv.copy()
    nv[900:, 0] = INVALID  # 1.8 s are left
    found, told = whole(replace(recording, nv=nv))
    assert {*LEADS} - {*found.leads} == {"I"}
    assert told[0] == "I: less than 2 s of signal, as if not there"
    nv = recording.nv.copy()
    nv[500:2500] = INVALID
    assert any("40% of the signal are missing" in s for s in whole(replace(recording, nv=nv))[1])
    nv[500:] = INVALID
    with pytest.raises(RecordError, match=r"1 s of signal"):
        whole(replace(recording, nv=nv))
    nv[:] = 7
    with pytest.raises(RecordError, match=r"has no signal in I, II"):
        whole(replace(recording, nv=nv))


def test_of_several_channels_of_one_lead_the_first_with_signal_is_read(folder: Path) -> None:
    recording = read_record(folder / "whole").only(["II", "V1", "V2", "V5"])
    for flat, first in (([], 0), ([0], 1)):
        nv = recording.nv.copy()
        nv[:, flat] = 7
        found, told = whole(replace(recording, nv=nv, leads=("MLII", "II", "V1", "v1")))
        assert found.leads == ("II", "V1")
        np.testing.assert_array_equal(found.nv, recording.nv[:, [first, 2]])
        assert told[0].startswith("II, V1: in several channels")


def test_probabilities_are_calibrated_and_averaged(folder: Path, net: Path, tmp_path: Path) -> None:
    other = kept(tmp_path / "other.safetensors", seed=1)
    one, two, both = (
        Reader([opened(path) for path in paths]).read(folder / "long")
        for paths in ([net], [other], [net, other])
    )
    assert one.windows == 3
    said = [{s.name: s for s in of.statements} for of in (one, two, both)]
    for name in CLASSES:
        a, b, mean = (of[name] for of in said)
        assert (a.spread, len(a.each)) == (None, 1)
        assert mean.each == (a.probability, b.probability)
        assert mean.probability == pytest.approx((a.probability + b.probability) / 2, abs=1e-4)
        assert mean.spread == pytest.approx(abs(a.probability - b.probability) / 2**0.5, abs=2e-4)
        assert a.highest >= a.probability
        assert a.stated == (None if a.threshold is None else a.probability >= a.threshold)
    recording, _ = whole(read_record(folder / "long"))
    logit = opened(net).logits(seen(recording, **WINDOW))[:, 0]
    expected = (1 / (1 + np.exp(-(1.5 * logit + 0.1)))).mean()
    assert said[0]["NORM"].probability == pytest.approx(expected, abs=1e-4)


def test_a_network_of_damaged_weights_says_nothing(folder: Path, net: Path) -> None:
    broken = opened(net)
    assert isinstance(broken, TorchNet)
    next(broken.net.parameters()).data.fill_(float("nan"))
    with pytest.raises(RecordError, match="damaged"):
        Reader([broken]).read(folder / "one")


def test_what_nobody_should_go_by_is_told(folder: Path, net: Path, tmp_path: Path) -> None:
    path = tmp_path / "net.safetensors"
    guessed = replace(STATEMENTS[1], figures={"validation": {"auc": 0.5}})
    measured = [STATEMENTS[0], guessed, STATEMENTS[2]]
    tiny = classifier("xresnet", len(CLASSES), tiny=True)
    save(path, "xresnet", tiny, CLASSES, {"tiny": True}, WINDOW, measured)
    mv = read_record(folder / "one").nv / 1e6
    write(tmp_path, "bare", mv * 90, ["II"], 250)
    header = (tmp_path / "bare.hea").read_text()
    (tmp_path / "bare.hea").write_text(header.replace("/mV", "/NU"))
    told = Reader([opened(path)]).read(tmp_path / "bare").told
    sentences = ("leads without a unit", "taught by --tiny", "MI is told no better than by chance")
    assert [sum(words in s for s in told) for words in sentences] == [1, 1, 1]
    assert not any("chance" in s and not s.startswith("MI") for s in told)
    told = Reader([opened(net)]).read(folder / "one").told
    assert not any(words in s for words in ("unit", "tiny", "chance") for s in told)


def test_networks_of_other_classes_do_not_read_together(net: Path, tmp_path: Path) -> None:
    path = tmp_path / "other.safetensors"
    save(path, "xresnet", classifier("xresnet", 2, tiny=True), "ab", {}, WINDOW, STATEMENTS[:2])
    with pytest.raises(RecordError, match="not taught the same classes"):
        Reader([opened(net), opened(path)])
    with pytest.raises(RecordError, match="holds the network of"):
        Reader([opened(net), opened(net)])
    save(path, "xresnet", classifier("xresnet", 2, tiny=True), "ab", {})
    with pytest.raises(RecordError, match="has no calibration"):
        opened(path)


@pytest.mark.parametrize("size", ["tiny", "whole"])
@pytest.mark.parametrize("system", [*TEACHERS, "xresnet"])
def test_onnx_says_what_torch_says(system: str, size: str, folder: Path, tmp_path: Path) -> None:
    """On made windows, one at a time and many, and on records, with leads and without."""
    path = tmp_path / "net.safetensors"
    torch.manual_seed(0)
    network = classifier(system, len(CLASSES), tiny=size == "tiny")
    facts = save(path, system, network, CLASSES, {"set": "made"}, WINDOW, STATEMENTS)
    assert main(["export", "--net", str(path)]) == 0
    exported, exact = OnnxNet(path.with_suffix(".onnx")), opened(path)
    assert exported.facts == Facts.of_json(json.loads(json.dumps(facts.as_json())), path)
    of = [example(WINDOW)]
    of += [seen(whole(read_record(folder / x))[0], **WINDOW) for x in ("long", "short", "one")]
    for windows in of:
        assert difference(exact, exported, windows) <= EQUAL
        single = windows._replace(
            **{name: getattr(windows, name)[-1:] for name in ("ecg", "leads", "peaks", "start_s")}
        )
        assert difference(exact, exported, single) <= EQUAL
    card = path.with_name("net-onnx.md").read_text()
    assert "No medical device" in card
    assert all(name in card for name in CLASSES)


def test_a_delineator_reads_beside_networks_and_alone_with_torch_or_without(
    net: Path, folder: Path, tmp_path: Path
) -> None:
    marks = kept(tmp_path / "marks.safetensors", DELINEATOR)
    assert main(["export", "--net", str(marks)]) == 0
    exported = OnnxNet(marks.with_suffix(".onnx"))
    for record in ("whole", "one"):
        of = seen(whole(read_record(folder / record))[0], **WAVE_WINDOW)
        assert difference(opened(marks), exported, of) <= EQUAL
    out, page = tmp_path / "out.json", tmp_path / "out.html"
    command = ["diagnose", str(folder / "long"), "--json", str(out), "--page", str(page), "--net"]
    assert main([*command, str(net), "--net", str(exported.path)]) == 0
    both = json.loads(out.read_text())
    assert {s["name"] for s in both["statements"]} == {*CLASSES}
    assert {*both["delineation"]["waves_ms"]} == {*LEADS, "all"}
    assert main([*command, str(marks)]) == 0
    alone = json.loads(out.read_text())
    assert alone["statements"] == []
    assert alone["rhythm"] == both["rhythm"]
    assert alone["delineation"]["waves_ms"].keys() == both["delineation"]["waves_ms"].keys()
    text = page.read_text()
    assert "P onset -1.0 ± 12.0" in text
    with pytest.raises(RecordError, match="second delineator"):
        Reader([opened(marks), exported])


def test_int8_is_smaller_and_near(folder: Path, tmp_path: Path) -> None:
    path = tmp_path / "net.safetensors"
    torch.manual_seed(0)
    network = classifier("xresnet", len(CLASSES), tiny=False)
    save(path, "xresnet", network, CLASSES, {}, WINDOW, STATEMENTS)
    assert main(["export", "--net", str(path)]) == 0
    assert main(["export", "--net", str(path), "--int8", str(folder)]) == 0
    small, whole_ = path.with_name("net-int8.onnx"), path.with_suffix(".onnx")
    assert small.stat().st_size < 0.5 * whole_.stat().st_size
    assert OnnxNet(small).facts == OnnxNet(whole_).facts
    assert 0 < difference(OnnxNet(small), OnnxNet(whole_), example(WINDOW)) < 0.5


@pytest.mark.parametrize("marks", [False, True])
def test_what_comes_out_otherwise_is_counted(marks: bool, net: Path, tmp_path: Path) -> None:
    """In one window of three, of one statement that has a threshold, or in a tenth of samples."""
    one = opened(kept(tmp_path / "marks.safetensors", DELINEATOR) if marks else net)
    of = example(one.facts.window)
    logits = one.logits(of)
    other = logits.copy()
    if marks:
        tenth = logits.shape[3] // 10
        most = logits[:, :, :, :tenth].argmax(2)[:, :, None]
        np.put_along_axis(other[:, :, :, :tenth], most, -99, 2)
    else:
        assert changed(one, Saying(one, logits), of) == 0
        other[0] = -np.sign(logits[0]) * 99
        p = [probabilities(Saying(one, x), of)[0] for x in (logits, other)]
        sides = [each >= (0.3, 0.9, np.inf) for each in p]
        expected = (sides[0] != sides[1]).sum() / logits.size
        assert expected > 0
    found = changed(one, Saying(one, other), of)
    assert found == pytest.approx(0.1 if marks else expected)


class Saying:
    """A network that says what it is told to."""

    def __init__(self, net: Net, logits: np.ndarray) -> None:
        self.path, self.facts, self._logits = net.path, net.facts, logits

    def logits(self, of: Seen) -> np.ndarray:
        return self._logits


def test_ranges_are_of_all_records(
    folder: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setattr(exporting, "RANGES", 4)
    windows = exporting._windows(folder, WINDOW)
    long = seen(whole(read_record(folder / "long"))[0], **WINDOW).ecg
    assert [any(np.array_equal(a, b) for b in windows.ecg) for a in long] == [True, False, True]
    assert len(windows.ecg) == 6
    told = capsys.readouterr().err
    assert "left out none: " in told
    assert "left out damaged: " in told
    for name in ("one.hea", "one.dat"):
        shutil.copy(folder / name, tmp_path)
    with pytest.raises(RecordError, match="no two windows"):
        exporting._windows(tmp_path, WINDOW)


def test_both_columns_of_a_short_record_begin_where_it_does() -> None:
    mv = np.random.default_rng(0).normal(0, 0.3, (3000, 12)).astype(np.float32)
    for seconds, right in ((3, "begins there too"), (10, "goes on where the left one ends")):
        drawing = sheet(mv[: seconds * 250], 250.0, LEADS, 0.0)
        assert right in drawing.title
        shapes = [of for of in drawing.shapes if isinstance(of, Shape)]
        assert sum(any(len(line) > 100 for line in of.lines) for of in shapes) == len(LEADS)


def test_a_gap_in_a_lead_says_so() -> None:
    mv = np.random.default_rng(0).normal(0, 0.3, (2500, 12)).astype(np.float32)
    mv[500:1000, LEADS.index("II")] = np.nan
    mv[1100:1150, LEADS.index("aVF")] = np.nan  # too short for the words
    mv[1200:, LEADS.index("V4")] = np.nan
    drawing = sheet(mv, 250.0, LEADS, 0.0)
    gaps = [of for of in drawing.shapes if isinstance(of, Label) and of.text == "no signal"]
    places = {of.text: of for of in drawing.shapes if isinstance(of, Label)}
    at = [of.x - places[lead].x for of, lead in zip(gaps, ("II", "V4"), strict=True)]
    # V4 stands in the column that begins at 3.4 s; the names of leads are 0.5 mm further in.
    assert at == pytest.approx([25 * 2 - 0.5, 25 * (4.8 - ROW_S / 2) - 0.5])


def test_a_rate_that_the_file_denies_is_told(net: Path, tmp_path: Path) -> None:
    mv = synthesize("N" * 20, 500.0, np.random.default_rng(0)).mv[:, 0]
    np.savez(tmp_path / "a.npz", II=mv, fs=500)
    reader = Reader([opened(net)])
    right, wrong = (reader.read(tmp_path / "a.npz", fs).told for fs in (500.0, 250.0))
    said = "a has 500 samples a second by what it tells itself, not 250: leave fs out, or give 500"
    assert said in wrong
    assert said not in right


def test_a_record_is_read_without_torch(net: Path, folder: Path, tmp_path: Path) -> None:
    """Nor any other package that only training needs."""
    assert main(["export", "--net", str(net), "-o", str(tmp_path / "net.onnx")]) == 0
    without = ("torch", "safetensors", "sklearn", "h5py", "tqdm", "tensorboardX", "onnx")
    script = f"""
import sys
class Refused:
    def find_spec(self, name, path=None, target=None):
        if name.split(".")[0] in {without!r}:
            raise ModuleNotFoundError(f"there is no {{name}}", name=name)
sys.meta_path.insert(0, Refused())
import train
sys.argv = ["edge-train", *sys.argv[1:]]
sys.exit(train.main())
"""
    environment = os.environ | {"PYTHONPATH": os.pathsep.join(sys.path)}

    def typed(*arguments: str | Path) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [sys.executable, "-c", script, "diagnose", *map(str, arguments)],
            env=environment, capture_output=True, text=True,
        )  # fmt: skip

    out, page = tmp_path / "out.json", tmp_path / "out.html"
    done = typed(folder / "long", "--net", tmp_path / "net.onnx", "--json", out, "--page", page)
    assert done.returncode == 0, done.stderr
    assert {s["name"] for s in json.loads(out.read_text())["statements"]} == {*CLASSES}
    assert "No medical device" in page.read_text()
    done = typed(folder / "long", "--net", net)
    assert done.returncode == 7
    assert "`edge-train export` it where torch is" in done.stderr


def test_a_folder_is_a_line_a_record_and_goes_on_where_it_was_killed(
    net: Path, folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """By a network that needs no torch, which every process would have to import."""
    onnx, out = tmp_path / "net.onnx", tmp_path / "all.jsonl"
    assert main(["export", "--net", str(net), "-o", str(onnx)]) == 0
    arguments = ["diagnose", str(folder), "--net", str(onnx), "--json", str(out)]
    code = "from train.cli import main\nif __name__ == '__main__': main()"
    process = subprocess.Popen([sys.executable, "-c", code, *arguments])
    part = tmp_path / "all.jsonl.part"
    while not (part.exists() and part.read_bytes().count(b"\n") >= 2):
        assert process.poll() is None
        time.sleep(0.01)
    process.kill()
    process.wait()
    assert not out.exists()
    done = len(part.read_bytes().splitlines()) - 1
    other = ["diagnose", str(folder), "--net", str(net), "--json", str(out)]
    assert main(other) == 8
    assert "was made with another network: remove" in capsys.readouterr().err
    begun: list[Path] = []
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("train.reading.many.here", lambda left, work, _: alone(left, work, begun))
        assert main(arguments) == 5
    assert len(begun) <= 7 - done
    assert not part.exists()
    rows = {row["record"]: row for row in map(json.loads, out.read_text().splitlines())}
    assert [*rows] == ["damaged", "eight", "long", "none", "one", "short", "whole"]
    assert {name for name, row in rows.items() if row["error"]} == {"damaged", "none"}
    error = capsys.readouterr().err
    assert "2 of 7 records could not be read" in error
    assert "edge-train: none: " in error
    for name, row in rows.items():
        assert row == json.loads(json.dumps(read(name, folder / name, (onnx,), None)))


def alone(
    left: Mapping[str, Path], work: Callable[[str, Path], Row], begun: list[Path]
) -> Iterator[Done]:
    """As `edge.archive.processes.here`, without processes."""
    for name, path in left.items():
        begun.append(path)
        yield name, stamp(path), work(name, path)


@pytest.mark.parametrize("system", [*TEACHERS, "xresnet"])
def test_a_page_shows_what_was_read(system: str, folder: Path, tmp_path: Path) -> None:
    net, out = kept(tmp_path / "net.safetensors", system), tmp_path / "out.html"
    record = ("diagnose", str(folder / "eight"), "--net", str(net))
    assert main([*record, "--page", str(out), "--explain"]) == 0
    page = out.read_text()
    assert "calculated from I and II" in page
    assert page.count("data:image/png;base64,") == 1
    assert all(f">{lead}</text>" in page for lead in LEADS)
    assert "<script" not in page


def test_a_picture_is_of_the_window_that_was_read(net: Path, folder: Path) -> None:
    recording, _ = whole(read_record(folder / "long"))
    read = seen(recording, **WINDOW)
    for k, start in enumerate(read.start_s.tolist()):
        shown: list[Any] = []

        def figure(
            saved: Saved, windows: Windows, row: int, c: int, to: list[Any] = shown
        ) -> Figure:
            to += windows.rows(np.array([row])), c
            return Figure()

        with pytest.MonkeyPatch.context() as patch:
            patch.setattr("train.commands.explain._of_row", figure)
            assert read_picture(net, recording, "MI", start).startswith(b"\x89PNG")
        assert shown[1] == CLASSES.index("MI")
        np.testing.assert_array_equal(shown[0]["ecg"][0], read.ecg[k])
    assert len(read.start_s) == 3


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["one", "--explain"], "add --page"),
        (["nothing"], "nothing"),
        ([".", "--page", "x.html"], "--page is of one record"),
    ],
)
def test_what_cannot_be_read_is_one_sentence(
    arguments: list[str], words: str, net: Path, folder: Path,
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str],
) -> None:  # fmt: skip
    monkeypatch.chdir(tmp_path)
    record, *more = arguments
    assert main(["diagnose", str(folder / record), *more, "--net", str(net)]) == 5
    error = capsys.readouterr().err
    assert words in error
    assert error.count("\n") == 1


def test_what_is_no_network_is_one_sentence(
    folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for name, words in (("a.onnx", "damaged"), ("b.safetensors", "damaged"), ("c.onnx", "export")):
        if name != "c.onnx":
            (tmp_path / name).write_bytes(b"no network")
        assert main(["diagnose", str(folder / "one"), "--net", str(tmp_path / name)]) == 5
        assert words in capsys.readouterr().err


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="a full disk is /dev/full")
def test_a_full_standard_output_is_one_sentence(net: Path, folder: Path) -> None:
    command = [
        sys.executable,
        "-m",
        "train.cli",
        "diagnose",
        str(folder / "whole"),
        "--net",
        str(net),
    ]
    with Path("/dev/full").open("w") as full:
        done = subprocess.run(command, stdout=full, stderr=subprocess.PIPE, text=True, check=False)
    assert done.returncode == 8
    assert done.stderr == "edge-train: No space left on device\n"


def test_what_is_no_file_of_weights_is_called_by_its_name(net: Path, tmp_path: Path) -> None:
    assert main(["export", "--net", str(net), "-o", str(tmp_path / "net.onnx")]) == 0
    for path, words in (
        (tmp_path, "is a folder: name a network's file"),
        (tmp_path / "net.onnx", "is ONNX, to read with"),
        (tmp_path / "pretrained.safetensors", "train one first, by `edge-train pretrain`"),
        (tmp_path / "x.safetensors", "train one first, by `edge-train finetune`"),
    ):
        with pytest.raises(RecordError, match=words):
            read_weights(path)
    with pytest.raises(RecordError, match="is a folder"):
        opened(tmp_path)


def test_more_records_that_fail_than_are_named_are_somewhere(
    net: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for i in range(12):
        (tmp_path / f"r{i}.hea").write_text("no header\n")
    out = tmp_path / "out.json"
    assert main(["diagnose", str(tmp_path), "--net", str(net), "--json", str(out)]) == 5
    said = capsys.readouterr().err
    assert (
        f"12 of 12 records could not be read: the first 10 are named, all of them in {out}" in said
    )
    assert len(out.read_text().splitlines()) == 12
