"""The demo's stream and its score."""

import numpy as np

from edge import demo
from edge.events import Beat, Label, Stats
from edge.replay import INVALID


def beat(sample: int, label: Label, final: bool = True) -> Beat:
    return Beat(sample, sample / demo.FS, 0, label, final, 1.0, None, 1.0, 0.0, False)


def end(sample: int = 10**6) -> Stats:
    return Stats(sample, sample / demo.FS, {}, None, 0, {})


def test_the_stream_has_what_it_promises() -> None:
    recording, truth = demo.stream()
    assert 55 < len(recording.nv) / recording.fs < 65
    assert {label for _, label in truth.beats} == {"N", "S", "V"}
    assert truth.noise
    ((start, end),) = truth.lead_off
    off = recording.nv == INVALID
    assert off[start:end].all()
    assert not off[:start].any()
    assert not off[end:].any()
    assert np.diff([sample for sample, _ in truth.beats]).max() > 2 * demo.FS
    assert (demo.stream()[0].nv == recording.nv).all()


def test_the_truth_scores_full_marks() -> None:
    score = demo.Score()
    for sample, label in score.truth.beats:
        score.write(beat(sample, "U" if score.hidden(sample) else label))  # type: ignore[arg-type]
    score.write(end())
    counts = score.counts()
    assert {true for true, said in counts if true != said} == {"hidden"}
    assert {said for true, said in counts if true == "hidden"} == {"U"}
    assert counts.total() == len(score.truth.beats)
    assert "none: 0" in score.table()


def test_beats_match_within_150_ms_once_and_finally() -> None:
    score = demo.Score()
    (first, _), (second, _), *rest = score.truth.beats
    near, far = int(0.149 * demo.FS), int(0.16 * demo.FS)
    score.write(beat(first + near, "V", final=False))
    score.write(beat(first + near, "S"))
    score.write(beat(first + 1, "V"))
    score.write(beat(second - far, "N"))
    score.write(end())
    counts = score.counts()
    assert counts["N", "V"] == 1
    assert counts["none", "S"] == 1
    assert counts["none", "N"] == 1
    assert sum(n for (_, said), n in counts.items() if said == "none") == len(rest) + 1


def test_the_table_counts_each_class() -> None:
    score = demo.Score()
    for sample, label in score.truth.beats:
        if label == "V":
            score.write(beat(sample, "N"))
        elif label == "S":
            score.write(beat(sample, "U"))
        else:
            score.write(beat(sample, "N"))
    score.write(end())
    rows = {line.split()[0]: line.split()[1:] for line in score.table().splitlines()}
    total = {label: sum(said == label for _, said in score.truth.beats) for label in "SV"}
    assert rows["S"] == [str(total["S"]), "0", "0", str(total["S"]), "0"]
    assert rows["V"] == [str(total["V"]), "0", str(total["V"]), "0", "0"]
    assert rows["N"][1] == rows["N"][0]
    assert "with leads off, of 13: 13" in score.table()


def test_only_what_was_played_can_be_missed() -> None:
    score = demo.Score()
    score.write(end(score.truth.beats[5][0]))
    assert score.counts() == {("N", "none"): 5}
