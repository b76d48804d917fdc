"""Alarms begin once, end once, and do not flutter."""

from edge.rhythm import Change, RhythmWatch


def names(changes: list[Change]) -> list[tuple[str, bool]]:
    return [(c.name, c.active) for c in changes]


def steady(watch: RhythmWatch, rr: float, beats: int = 10) -> list[tuple[str, bool]]:
    return [n for _ in range(beats) for n in names(watch.beat("N", rr))]


def test_rate_and_regularity() -> None:
    watch = RhythmWatch()
    assert watch.rate_bpm is None
    assert steady(watch, 0.75) == []
    assert watch.rate_bpm == 80
    labels = [watch.label]
    for rr in (0.5, 0.9, 0.6, 1.1, 0.7, 0.5, 0.9, 0.6):
        watch.beat("N", rr)
    assert [*labels, watch.label] == ["regular", "irregular"]


def test_slow_and_fast_alarm_once_and_end_beyond_the_second_limit() -> None:
    watch = RhythmWatch()
    steady(watch, 0.8)
    assert steady(watch, 60 / 35, 20) == [("bradycardia", True)]
    assert watch.label == "bradycardia"
    assert steady(watch, 60 / 43, 20) == []
    assert steady(watch, 60 / 70, 20) == [("bradycardia", False)]
    assert steady(watch, 60 / 150, 20) == [("tachycardia", True)]
    assert steady(watch, 60 / 135, 20) == []
    assert steady(watch, 60 / 90, 20) == [("tachycardia", False)]


def test_pause_and_asystole_come_with_silence_and_go_with_a_beat() -> None:
    watch = RhythmWatch()
    steady(watch, 0.8)
    assert names(watch.silence(1.5)) == []
    assert names(watch.silence(2.2)) == [("pause", True)]
    assert names(watch.silence(3.2)) == []
    assert names(watch.silence(4.2)) == [("asystole", True)]
    assert sorted(names(watch.beat("N", 4.6))) == [("asystole", False), ("pause", False)]


def test_a_pause_that_no_second_saw_is_still_told() -> None:
    watch = RhythmWatch()
    steady(watch, 0.8)
    assert names(watch.beat("N", 2.3)) == [("pause", True), ("pause", False)]


def test_a_run_needs_three_fast_ventricular_beats() -> None:
    watch = RhythmWatch()
    steady(watch, 0.8)
    assert names(watch.beat("V", 0.7)) == []  # the interval into the run may be anything
    assert names(watch.beat("V", 0.4)) == []
    assert names(watch.beat("V", 0.4)) == [("ventricular_run", True)]
    assert names(watch.beat("V", 0.4)) == []
    assert names(watch.beat("N", 0.9)) == [("ventricular_run", False)]
    slow = [n for _ in range(6) for n in names(watch.beat("V", 0.9))]
    assert slow == []


def test_lost_signal_ends_every_alarm_and_forgets_the_rate() -> None:
    watch = RhythmWatch()
    steady(watch, 60 / 150)
    assert names(watch.interrupt()) == [("tachycardia", False)]
    assert watch.rate_bpm is None
