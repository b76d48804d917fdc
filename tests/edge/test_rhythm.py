"""Alarms begin once, end once, do not flutter, and are never made of what is unknown."""

import math
from collections import deque
from collections.abc import Iterable, Mapping, Sequence
from itertools import cycle, islice
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from edge.alarms import CHAINS, RULES, Setting
from edge.beats import P_PART, SAMPLES
from edge.chains import Change
from edge.ectopy import CYCLES, TACHYCARDIA_OVER
from edge.events import AlarmName, Label
from edge.fibrillation import BEATS, LEAST, PWaves
from edge.filters import STREAM_FS
from edge.rhythm import CALM_S, FORGOTTEN_S, LOST_S, RhythmWatch

AF = "atrial_fibrillation"
P, NO_P = 0.9, 0.05
P_WAVE = np.exp(-0.5 * ((np.arange(SAMPLES) - P_PART.start - 12) / 4) ** 2)


def window(p: float, rng: np.random.Generator) -> NDArray[np.float64]:
    """A beat before whose QRS the share `p` is the patient's P wave, and the rest is by chance.

    NaN where it cannot be judged.
    """
    chance = rng.normal(0, 0.5, SAMPLES)
    return np.array([p * P_WAVE + math.sqrt(1 - p**2) * chance])


class Player:
    """A watch, and the clock of what it is fed with."""

    def __init__(self, alarms: Mapping[str, Setting] | None = None) -> None:
        self.watch = RhythmWatch(1, alarms)
        self.rng = np.random.default_rng(0)
        self.at = 0
        self.changes: list[Change] = []

    def beat(
        self, label: Label = "N", rr: float | None = 0.8, p: float = P
    ) -> list[tuple[str, bool]]:
        self.at += round((rr or 1.0) * STREAM_FS)
        return [*self.found(label, rr), *self.learn(label, rr, p)]

    def found(
        self,
        label: Label,
        rr: float | None,
        sure: bool | None = None,
        like: float = 1.0,
        alike: float = 1.0,
    ) -> list[tuple[str, bool]]:
        """The provisional observation of this beat; unless said, an unknown one may be none."""
        sure = label != "U" if sure is None else sure
        return self._take(self.watch.found(self.at, label, rr, sure=sure, like=like, alike=alike))

    def learn(
        self, label: Label, rr: float | None, p: float = P, like: float = 1.0, alike: float = 1.0
    ) -> list[tuple[str, bool]]:
        """The final observation of this beat."""
        return self._take(self.watch.beat(self.at, label, rr, window(p, self.rng), like, alike))

    def beats(
        self, labels: Iterable[str], rr: float | None = 0.8, p: float = P
    ) -> list[tuple[str, bool]]:
        return [change for label in labels for change in self.beat(label, rr, p)]  # type: ignore[arg-type]

    def fibrillate(
        self, rng: np.random.Generator, beats: int, p: float = NO_P
    ) -> list[tuple[str, bool]]:
        rr = rng.uniform(0.45, 1.1, beats).tolist()
        return [change for interval in rr for change in self.beat("N", interval, p)]

    def silence(self, seconds: float) -> list[tuple[str, bool]]:
        return self._take(self.watch.silence(self.at + round(seconds * STREAM_FS), seconds))

    def wait(self, seconds: int) -> list[tuple[str, bool]]:
        """Seconds of signal, with a beat no one hears of: what is technical passes."""
        told = []
        for _ in range(seconds):
            self.at += round(STREAM_FS)
            told += self._take(self.watch.silence(self.at, 0.5))
        return told

    def interrupt(self, seconds: float = 1, reason: Any = "lost") -> list[tuple[str, bool]]:
        told = []
        for _ in range(round(seconds)):
            self.at += round(STREAM_FS)
            told += self._take(self.watch.interrupt(self.at, reason))
        return told

    def flutter(self, active: bool, seconds: int) -> list[tuple[str, bool]]:
        """So many seconds of it, or without."""
        told = []
        since = self.at
        for _ in range(seconds):
            self.at += round(STREAM_FS)
            told += self._take(self.watch.flutter(self.at, active, since))
        return told

    def _take(self, changes: list[Change]) -> list[tuple[str, bool]]:
        self.changes += changes
        assert all(c.since <= self.at + STREAM_FS * 5 for c in changes)
        return [(c.name, c.active) for c in changes]

    def span(self, name: str) -> tuple[int, int]:
        on, off = (c.since for c in self.changes if c.name == name)
        return on, off


@pytest.fixture
def steady() -> Player:
    player = Player()
    assert player.beats("N" * 12) == []
    return player


def test_rate_and_regularity() -> None:
    player = Player()
    assert player.watch.rate_bpm is None
    labels = [player.watch.label]
    player.beats("N" * 10, 0.75)
    assert player.watch.rate_bpm == 80
    labels.append(player.watch.label)
    for rr in (0.5, 0.9, 0.6, 1.1, 0.7, 0.5, 0.9, 0.6):
        player.beat("N", rr)
    assert [*labels, player.watch.label] == ["unknown", "regular", "irregular"]


def live(
    beats: Sequence[tuple[str, float]], alarms: Mapping[str, Setting] | None = None, rest: float = 0
) -> list[tuple[float, Change]]:
    """A heart as a monitor hears it: label and interval before of each beat, changes by second.

    A beat is found after 0.19 s, final 0.2 s after the next R, or 2 s after its own; a silence is
    heard every 0.2 s.
    """
    r = np.cumsum([rr for _, rr in beats])
    end = r[-1] + max(rest, 2.1)
    heard: list[tuple[float, int, bool]] = []
    for i, at in enumerate(r):
        following = r[i + 1] + 0.2 if i + 1 < len(r) else math.inf
        heard += [(at + 0.19, i, False), (min(at + 2, following), i, True)]
    heard += [(t, -1, False) for t in np.arange(0.2, end, 0.2)]
    watch = RhythmWatch(1, alarms)
    changes = []
    rng = np.random.default_rng(0)
    for t, i, final in sorted(heard):
        at = round(t * STREAM_FS)
        if i >= 0:
            label, rr = beats[i]
            said: Any = label
            before, place = rr if i else None, round(r[i] * STREAM_FS)
            if final:
                told = watch.beat(place, said, before, window(P, rng))
            else:
                told = watch.found(place, said, before, sure=label != "U")
        else:
            past = r[r <= t - 0.2]
            silence = t - past[-1] if len(past) else 0.0
            told = watch.silence(at, float(silence))
        changes += [(float(t), change) for change in told]
    return changes


def on_and_off(changes: list[tuple[float, Change]]) -> list[tuple[str, bool]]:
    return [(change.name, change.active) for _, change in changes]


def names(changes: list[tuple[float, Change]]) -> set[str]:
    return {change.name for _, change in changes}


@pytest.mark.parametrize("rate", [14.0, 15.5, 18.0, 20.0, 22.0, 25.0, 28.6, 30.0, 35.0, 39.0])
def test_a_slow_heart_gives_one_standing_alarm(rate: float) -> None:
    changes = live([("N", 0.8)] * 10 + [("N", 60 / rate)] * 30)
    last = on_and_off(changes)[-1]
    standing: AlarmName = (
        "asystole" if rate < 15 else "extreme_bradycardia" if rate < 20 else "bradycardia"
    )
    assert last == (standing, True)
    assert len(changes) <= 5  # at most a pause first, and what is less grave
    t, _ = changes[-1]
    assert t <= 8.0 + 60 / rate * 4 + 2.5


@pytest.mark.parametrize("rate", [41.0, 60.0, 100.0, 139.0])
def test_an_ordinary_rate_gives_none(rate: float) -> None:
    assert live([("N", 60 / rate)] * 40) == []


def test_bradycardia_ends_beyond_its_second_limit(steady: Player) -> None:
    assert steady.beats("N" * 20, 60 / 35) == [("bradycardia", True)]
    assert steady.watch.label == "bradycardia"
    assert steady.beats("N" * 20, 60 / 43) == []
    assert steady.beats("N" * 20, 60 / 70) == [("bradycardia", False)]


def test_tachycardia_ends_beyond_its_second_limit(steady: Player) -> None:
    told = [c for rate in range(80, 150) for c in steady.beat("N", 60 / rate)]
    assert told + steady.beats("N" * 20, 60 / 150) == [("tachycardia", True)]
    assert steady.watch.label == "tachycardia"
    assert steady.beats("N" * 20, 60 / 130) == []
    assert steady.beats("N" * 20, 60 / 90) == [("tachycardia", False)]


def test_bradycardia_is_told_in_the_silence_that_makes_it(steady: Player) -> None:
    steady.beats("N", 2.6)  # this is a pause so far
    assert steady.watch._alarms.told() == ["pause"]
    assert steady.silence(2.3) == [("pause", False), ("bradycardia", True)]
    assert steady.beats("N" * 9, 2.6) == []


@pytest.mark.parametrize(
    ("name", "rr", "told"),
    [
        ("bradycardia", 1.49, False),
        ("bradycardia", 1.51, True),
        ("extreme_bradycardia", 2.99, False),
        ("extreme_bradycardia", 3.01, True),
        ("tachycardia", 0.432, False),
        ("tachycardia", 0.425, True),
        ("extreme_tachycardia", 0.377, False),
        ("extreme_tachycardia", 0.373, True),
    ],
)
def test_a_limit_of_the_rate_is_met_from_its_own_side(name: str, rr: float, told: bool) -> None:
    player = Player()
    assert ((name, True) in player.beats("N" * 14, rr)) == told


def test_one_pause_is_no_bradycardia_and_one_early_beat_does_not_end_it(steady: Player) -> None:
    assert dict(steady.beat("N", 5.0)).keys() == {"asystole"}
    assert "bradycardia" not in dict(steady.beats("N" * 8))
    steady.beats("N" * 8, 1.7)
    assert steady.beats("SNNNSNNN", None) == []
    assert "bradycardia" in steady.watch.label


def test_fast_beats_are_told_within_eight_seconds() -> None:
    for rate in (165, 180, 206, 240, 300):
        for label in "NSV":
            before = [("N", 0.75)] * 20
            changes = live(before + [(label, 60 / rate)] * 60)
            high = [t for t, c in changes if c.active and RULES[c.name].priority == "high"]
            assert high
            assert high[0] < 15 + 8
            told = names(changes)
            assert told <= {
                "supraventricular_tachycardia",
                "extreme_tachycardia",
                "tachycardia",
                "ventricular_run",
                "ventricular_tachycardia",
            }
            assert ("ventricular_tachycardia" in told) == (label == "V")


@pytest.mark.parametrize("label", "NSV")
@pytest.mark.parametrize("pause", [0.0, 1.5, 6.0])
@pytest.mark.parametrize("rate", [143, 165, 210, 290])
@pytest.mark.parametrize("usual", [45, 100])
def test_no_tachycardia_is_told_of_what_is_over(
    usual: float, rate: float, pause: float, label: str
) -> None:
    """And none begins before the first fast interval does."""
    before, fast, after = 20 * [("N", 60 / usual)], 80 * [(label, 60 / rate)], 60 / usual
    changes = live([*before, *fast, ("N", pause + after), *[("N", after)] * 30])
    onset = 20 * 60 / usual
    end = onset + 80 * 60 / rate
    rates = ("tachycardia", "extreme_tachycardia", "supraventricular_tachycardia")
    told = [(t, c) for t, c in changes if c.name in (*rates, "ventricular_tachycardia")]
    assert all(t < end + 0.3 for t, c in told if c.active)
    assert all(c.since >= onset * STREAM_FS - 2 for _, c in told)
    assert names(told)
    assert max(t for t, c in told if not c.active) < end + pause + 12 * after


@pytest.mark.parametrize("label", ["N", "S"])
def test_supraventricular_tachycardia_is_eight_sudden_regular_fast_beats(
    steady: Player, label: str
) -> None:
    svt = "supraventricular_tachycardia"
    first = steady.at
    assert steady.beats(label * 6, 60 / 155) == []
    assert steady.beats(label, 60 / 155) == [(svt, True)]  # the beat before the first is the first
    assert steady.watch.label == svt
    assert steady.beats(label * 30, 60 / 155) == []  # no tachycardia beside it
    assert steady.beats("N" * 2, 0.8) == []
    assert steady.beats("N", 0.8) == [(svt, False)]
    assert steady.span(svt)[0] == first


def test_a_rate_that_rises_or_is_irregular_is_no_supraventricular_tachycardia() -> None:
    rising = [("N", 60 / rate) for rate in range(80, 158)]
    assert names(live(rising + [("N", 60 / 155)] * 20)) == {"tachycardia"}
    irregular = [("N", rr) for rr in [0.3, 0.5] * 15]
    assert names(live([("N", 0.8)] * 10 + irregular)) == {"tachycardia"}


def test_pause_and_asystole_come_with_silence(steady: Player) -> None:
    last = steady.at
    assert steady.silence(2.1) == []  # a beat may be there that is not decided yet
    assert steady.silence(2.3) == [("pause", True)]
    assert steady.silence(3.2) == []
    assert steady.silence(4.3) == [("pause", False), ("asystole", True)]
    assert steady.watch.label == "asystole"
    assert steady.span("pause") == (last, last)
    assert steady.beat("N", 4.6) == []  # it may be an escape beat
    first = steady.at
    assert steady.beat("N") == [("asystole", False)]
    assert steady.span("asystole") == (last, first)


def test_asystole_is_told_within_four_and_a_half_seconds_of_the_last_beat() -> None:
    for rr in (0.25, 0.5, 0.8, 1.5):
        changes = live([("N", rr)] * 20, rest=30)
        assert next(t for t, c in changes if c.name == "asystole") <= 20 * rr + 4.5
        assert on_and_off(changes)[-1] == ("asystole", True)


def test_escape_beats_and_unknown_ones_do_not_end_asystole(steady: Player) -> None:
    steady.silence(5)
    assert steady.beats("N" * 5, 5.0) == []
    assert steady.beats("U" * 5) == []
    assert steady.beats("NUNUNU") == []
    told = steady.beats("NN")
    assert told[0] == ("asystole", False)
    told = steady.beats("NNN")  # slow so far
    assert dict(told).keys() <= {"extreme_bradycardia", "bradycardia"}
    assert not any(dict(told).values())


def test_a_pause_that_no_second_saw_is_still_told(steady: Player) -> None:
    assert steady.beat("N", 2.3) == [("pause", True)]
    end = steady.at
    assert steady.beat("N") == [("pause", False)]
    assert steady.span("pause") == (end - 575, end)
    steady.beats("NNN")
    assert steady.beats("N", 4.1) == [("asystole", True)]
    assert steady.beats("N") == [("asystole", False)]


@pytest.mark.parametrize("rest", [29.0, 31.0, 300.0])
def test_a_heart_may_come_back_after_any_silence(rest: float, steady: Player) -> None:
    steady.silence(5)
    assert "asystole" not in dict(steady.beat("N", rest))
    assert ("asystole", False) in steady.beats("NNN")


def heart_that_dies(rng: np.random.Generator, beats: int) -> list[tuple[str, float]]:
    """Sinus rhythm, then escape beats now and then."""
    return [("N", 0.8)] * 20 + [("N", rr) for rr in rng.uniform(2.2, 6, beats).tolist()]


@pytest.mark.parametrize("seed", range(8))
def test_a_dying_heart_is_calm_and_never_without_alarm(seed: int) -> None:
    changes = live(heart_that_dies(np.random.default_rng(seed), 30))
    high = [c for _, c in changes if c.active and RULES[c.name].priority == "high"]
    assert sum(c.name == "asystole" for c in high) <= 4
    assert len(high) <= 8
    on = {c.name: c.active for _, c in changes}
    assert any(on.values())


@pytest.mark.parametrize("rate", [32, 45, 75, 140])
@pytest.mark.parametrize("seed", range(4))
def test_a_heart_that_came_back_and_stops_again_is_told(seed: int, rate: float) -> None:
    dying = heart_that_dies(np.random.default_rng(seed), 15)
    first = len(dying)
    back = [("N", 60 / rate)] * 8
    times = np.cumsum([rr for _, rr in [*dying, *back]])
    told = [(t, c) for t, c in live([*dying, *back], rest=20) if c.name == "asystole"]
    assert told[-1][1].active
    assert times[-1] + 4 <= told[-1][0] < times[-1] + 4.5
    assert not told[-2][1].active
    assert told[-2][0] < times[first + 5] + 2


@pytest.mark.parametrize("rest", [1.44, 1.9, 2.1, 3.9, 4.1, 16.0])
@pytest.mark.parametrize("usual", [0.5, 0.8])
def test_one_silence_is_one_alarm(usual: float, rest: float) -> None:
    for off in ([], ["pause"], ["pause", "asystole"]):
        alarms: dict[str, Setting] = {**dict.fromkeys(off, "off"), "bradycardia": "off"}
        alarms["extreme_bradycardia"] = "off"
        told = live([("N", usual)] * 20 + [("N", rest)] + [("N", usual)] * 40, alarms)
        silent = {c.name for _, c in told if c.active}
        if rest < 4 and "asystole" not in off:
            assert len(silent) <= 1
        if rest >= 4 and "asystole" not in off:
            assert "asystole" in silent
            assert "missed_beat" not in silent
        if rest >= 2 and "pause" not in off:
            assert "missed_beat" not in silent
        if "asystole" in off and rest >= 1.8 * usual:
            assert silent == {"missed_beat"}


def test_a_missed_beat_is_one_long_interval_among_regular_ones(steady: Player) -> None:
    assert steady.beats("N", 1.46) == []
    end = steady.at
    assert steady.beats("N") == [("missed_beat", True)]
    assert steady.beats("N" * 20) == [("missed_beat", False)]
    assert steady.span("missed_beat") == (end - 365, end)


@pytest.mark.parametrize(
    "beats",
    [
        [("N", 1.8 * 0.8 - 0.01)],
        [("V", 0.5), ("N", 1.6)],
        [("U", 0.8), ("N", 1.6)],
        [("N", 1.6)] * 2,  # slow from then on
        [("N", 1.0), ("N", 1.6)],
    ],
)
def test_what_is_no_missed_beat(beats: list[tuple[Label, float]]) -> None:
    player = Player()
    player.beats("N" * 12)
    for label, rr in [*beats, *[beats[-1]] * (beats[-1] == ("N", 1.6) and len(beats) == 2)]:
        player.beat(label, rr)
    assert {c.name for c in player.changes} <= {"bradycardia"}


def test_missed_beats_that_recur_are_one_alarm(steady: Player) -> None:
    told = [c for _ in range(10) for c in steady.beats("N", 1.6) + steady.beats("NNNN")]
    assert told == [("missed_beat", True)]


def test_couplets_are_two_and_not_more(steady: Player) -> None:
    assert steady.beats("VV", 0.7) == []  # it may become a run
    assert steady.beats("N") == [("couplet", True)]
    assert steady.beats("VVN" * 3, 0.7) == []  # it stays while they recur
    last = steady.at - round(0.7 * STREAM_FS)
    assert steady.beats("N" * 20) == [("couplet", False)]
    assert steady.span("couplet")[1] == last
    assert "couplet" not in dict(steady.beats("VVVNNVNN", 0.9))
    assert "couplet" not in dict(steady.beats("NVVN", 0.76))


@given(st.integers(1, 12), st.sampled_from([0.35, 0.5, 0.9, 1.3]))
def test_what_is_told_of_a_run_is_its_length_and_rate(beats: int, rr: float) -> None:
    player = Player()
    player.beats("N" * 12)
    first = player.at + 175
    told = player.beats("V", 0.7) + player.beats("V" * (beats - 1), rr) + player.beats("N" * 20)
    expected = set()
    if beats == 2 and rr < 0.75:
        expected = {"couplet"}
    elif rr < 0.6:
        expected |= {"ventricular_run"} if beats == 3 else set()
        expected |= {"ventricular_tachycardia"} if beats > 3 else set()
    elif rr < 1.2 and beats >= 3:
        expected = {"accelerated_ventricular_rhythm"}
    told = [change for change in told if change[0] not in ("tachycardia", "extreme_tachycardia")]
    assert {name for name, _ in told} == expected
    assert len(told) == 2 * len(expected)
    assert {player.span(name)[0] for name in expected} <= {first}


@pytest.mark.parametrize(
    ("labels", "like", "rr", "told"),
    [
        ("VVVV", 1.0, 0.4, True),
        ("SSSS", 0.8, 0.4, True),
        ("SSSS", 0.9, 0.4, False),
        ("VVSV", 0.8, 0.4, True),
        ("VVUV", 0.8, 0.4, True),
        ("VVUV", 0.9, 0.4, False),
        ("VUVUV", 0.8, 0.4, False),
        ("VVNVV", 0.8, 0.4, False),
        ("VVFVV", 0.8, 0.4, False),
        ("SSSS", 0.8, 0.61, False),
    ],
)
def test_what_counts_as_ventricular_in_a_tachycardia(
    labels: str, like: float, rr: float, told: bool, steady: Player
) -> None:
    """And with the provisional observation of the fourth beat."""
    for i, label in enumerate(labels):
        said: Any = label
        steady.at += round(rr * STREAM_FS)
        steady.found(said, rr, like=like)
        assert ("ventricular_tachycardia" in steady.watch._alarms) == (told and i == 3)
        steady.learn(said, rr, like=like)
    assert ("ventricular_tachycardia" in steady.watch._alarms) == told


@pytest.mark.parametrize(
    ("alike", "told"),
    [((0.1, 1, 1, 1), True), ((1, 0.5, 0.2, 0.7), True), ((1, 0.3, 0.3, 0.7), False)],
)
def test_what_is_unlike_itself_is_no_tachycardia(
    alike: tuple[float, ...], told: bool, steady: Player
) -> None:
    """Movement; but what is like the beat before its first matters not."""
    for each in alike:
        steady.at += round(0.4 * STREAM_FS)
        steady.found("V", 0.4, alike=each)
        steady.learn("V", 0.4, alike=each)
    assert ("ventricular_tachycardia" in steady.watch._alarms) == told
    assert ("ventricular_run" in steady.watch._alarms.told()) != told


def test_a_tachycardia_of_which_one_beat_is_unknown_is_regular(steady: Player) -> None:
    for label, rr in (("V", 0.4), ("V", 0.4), ("U", 0.4), ("V", 0.81), ("V", 0.4)):
        said: Any = label
        steady.at += round(rr * STREAM_FS)
        steady.found(said, rr, like=0.5)
        steady.learn(said, rr, like=0.5)
    assert "ventricular_tachycardia" not in steady.watch._alarms


@pytest.mark.parametrize(("rr", "name"), [(1.6, "bradycardia"), (0.41, "tachycardia")])
def test_a_rate_is_made_of_sure_peaks_whatever_they_are(
    rr: float, name: str, steady: Player
) -> None:
    """Also while noise hides what they are: neither that nor their labels end it."""
    for sure in (False, True):
        told = []
        for _ in range(20):
            steady.at += round(rr * STREAM_FS)
            told += steady.found("U", rr, sure)
            told += steady.learn("U", rr)
            told += steady._take(steady.watch.interrupt(steady.at, "noise"))
        assert ((name, True) in told) == sure
        assert (name, False) not in told


def test_a_misnamed_or_unknown_beat_does_not_end_a_tachycardia(steady: Player) -> None:
    assert ("ventricular_tachycardia", True) in steady.beats("V" * 8, 0.4)
    assert steady.watch.label == "ventricular_tachycardia"
    told = steady.beats("NVVVVVUVVVVVUUUUU", 0.4)
    assert "ventricular_tachycardia" not in dict(told)
    assert ("ventricular_tachycardia", False) in steady.beats("N" * TACHYCARDIA_OVER)


def test_ventricular_escape_beats_are_bradycardia_alone(steady: Player) -> None:
    told = steady.beats("V" * 15 + "NN" + "V" * 10, 2.0)
    assert {name for name, _ in told} == {"pause", "bradycardia"}
    assert told[-1] == ("bradycardia", True)


def test_r_on_t_is_early_and_followed_by_a_pause(steady: Player) -> None:
    mean = 0.8
    for early, after, told in ((0.26, 1.1, True), (0.28, 1.1, False), (0.26, 0.9, False)):
        steady.beats("N" * 20, mean)
        first = steady.at + round(early * STREAM_FS)
        steady.beat("V", early)
        assert (steady.beat("N", after) == [("r_on_t", True)]) == told
        if told:
            assert steady.changes[-1].since == first
    player = Player()
    player.beats("N" * 12, 0.55)
    assert player.beats("V", 0.15) + player.beats("N", 0.9) == []  # above 100/min


def test_ventricular_beats_in_a_minute(steady: Player) -> None:
    unit = "NNNNV"  # every 4 s, 15 a minute
    assert steady.beats(unit * 10) == []
    assert steady.beats(unit) == [("pvcs_per_minute", True)]
    assert steady.changes[-1].since == steady.at  # not before it is so
    assert steady.beats(unit * 20) == []
    told = steady.beats("NNNNNNNV" * 20)  # 9 a minute
    assert told == []
    assert steady.beats("N" * 60) == [("pvcs_per_minute", False)]


def test_runs_are_not_counted_as_single_beats() -> None:
    player = Player()
    player.beats("N" * 12)
    assert "pvcs_per_minute" not in dict(player.beats("NNNNVVV" * 10, 0.5))


@pytest.mark.parametrize(("name", "unit"), [("bigeminy", "NV"), ("trigeminy", "NNV")])
def test_bi_and_trigeminy_need_cycles_to_begin_and_to_end(
    steady: Player, name: str, unit: str
) -> None:
    assert steady.beats(unit * (CYCLES - 1)) == []
    first = steady.at - round((len(unit) * (CYCLES - 2)) * 0.8 * STREAM_FS)
    assert steady.beats(unit) == [(name, True)]
    assert steady.watch.label == name
    assert steady.beats(unit * 5 + "N" + unit * 5) == []  # one more normal beat changes nothing
    told = steady.beats("N" * 12)
    assert told[0] == (name, False)
    assert steady.span(name)[0] == first


@pytest.mark.parametrize("unit", ["NV", "NNV"])
def test_what_was_told_as_a_pattern_is_not_told_again_as_a_rate(unit: str, steady: Player) -> None:
    told = steady.beats(unit * 60 + "N" * 15 + "NNNNV" * 5 + "N" * 100)
    assert "pvcs_per_minute" not in dict(told)
    assert len(told) == 2
    assert ("pvcs_per_minute", True) in steady.beats("NNNNV" * 12)


def test_a_rate_of_ventricular_beats_begins_with_one(steady: Player) -> None:
    """Not with an unknown one, while the signal comes and goes."""
    steady.beats("NNNNV" * 12, 0.7)
    steady.interrupt(4)
    for _ in range(5):
        assert "pvcs_per_minute" not in dict(steady.beat("U", 0.8))
        steady.interrupt(1)


def test_couplets_in_bigeminy_do_not_flood(steady: Player) -> None:
    told = steady.beats("NV" * 4 + ("NVNVV" * 1 + "NV" * 6) * 10)
    assert told == [("bigeminy", True)]


def test_one_pattern_follows_the_other() -> None:
    player = Player({"pvcs_per_minute": "off"})
    player.beats("N" * 12)
    told = player.beats("NV" * 6 + "NNV" * 6 + "NV" * 6)
    assert told == [
        ("bigeminy", True),
        *(("bigeminy", False), ("trigeminy", True)),
        *(("trigeminy", False), ("bigeminy", True)),
    ]


def test_fibrillation_of_the_ventricles_hides_all_that_beats_say(steady: Player) -> None:
    vf = "ventricular_fibrillation"
    steady.wait(1)
    begins = steady.at
    assert steady.flutter(True, 3) == []
    assert steady.flutter(True, 2) == []  # since a new second each call of ours
    told = steady._take(steady.watch.flutter(begins + 1000, True, begins))
    assert told == [(vf, True)]
    assert steady.watch.label == vf
    assert steady.silence(20) == []
    assert steady.beats("V" * 20, 0.25) == []
    assert steady.flutter(False, CALM_S - 1) == []
    steady.interrupt()
    assert steady.flutter(False, CALM_S - 1) == []  # none of a lost signal counts
    assert steady.flutter(False, 1)[0] == (vf, False)


def test_standstill_after_fibrillation_is_told_at_once(steady: Player) -> None:
    steady._take(steady.watch.flutter(steady.at + 1000, True, steady.at))
    assert steady.silence(6) == []
    told = steady.flutter(False, CALM_S)
    assert told == [("ventricular_fibrillation", False), ("asystole", True)]


def test_technical_alarms_are_debounced_and_tell_why(steady: Player) -> None:
    steady.wait(1)
    for reason, name in (
        ("lead_off", "lead_off"),
        ("lost", "signal_lost"),
        ("saturated", "signal_lost"),
        ("noise", "noise"),
    ):
        limit = RULES[name].limit or 0  # type: ignore[index]
        first = steady.at
        assert (name, True) not in steady.interrupt(limit - 1, reason)
        assert (name, True) in steady.interrupt(1, reason)
        assert steady.changes[-1].since == first
        assert steady.interrupt(5, reason) == []
        assert steady.wait(2) == []
        assert steady.wait(1) == [(name, False)]
        steady.wait(10)


def test_a_contact_that_chatters_is_one_alarm(steady: Player) -> None:
    steady.wait(1)
    told = [c for _ in range(60) for c in steady.interrupt(1, "lead_off") + steady.wait(1)]
    assert told == [("lead_off", True)]
    steady.wait(10)
    assert [c for _ in range(9) for c in steady.interrupt(2, "lead_off") + steady.wait(8)] == []


@pytest.mark.parametrize("beats", ["", "V", "N"])
def test_a_lost_signal_ends_no_alarm_of_high_priority(steady: Player, beats: str) -> None:
    steady.beats(beats * 40, 0.3)
    if not beats:
        steady.silence(6)
    (high,) = [name for name in steady.watch._alarms.told() if RULES[name].latching]
    told = steady.interrupt(60)
    assert high not in dict(told)
    (lost,) = [c for c in steady.changes if c.name == "signal_lost"]
    assert f"{high.replace('_', ' ')} may go on" in lost.text
    assert high not in dict(steady.wait(5))
    assert high not in dict(steady.beats("UUUU"))
    steady.beat("N", None)
    assert (high, False) in steady.beats("N" * 12)


def test_limits_of_the_user_are_the_limits() -> None:
    player = Player({"pause": 3, "tachycardia": 100, "ventricular_tachycardia": 150, "bigeminy": 5})
    player.beats("N" * 12)
    assert player.silence(2.9) == []
    assert player.silence(3.3) == [("pause", True)]
    player.beats("N" * 3)
    player.beats("N" * 20, 0.55)
    assert player.changes[-1][:2] == ("tachycardia", True)
    assert "ventricular_tachycardia" not in dict(player.beats("V" * 10, 0.45))
    assert "ventricular_tachycardia" in dict(player.beats("V" * 10, 0.35))
    player.beats("N" * 40)
    assert "bigeminy" not in dict(player.beats("NV" * 4 + "N" * 10))
    assert "bigeminy" in dict(player.beats("NV" * 5))


def test_what_is_off_is_not_told_and_hides_nothing(steady: Player) -> None:
    player = Player({"asystole": "off", "bigeminy": "off"})
    player.beats("N" * 12)
    assert player.silence(10) == [("pause", True)]
    player.beats("NN")
    told = player.beats("NV" * 20)
    assert {name for name, _ in told} == {"pvcs_per_minute"}
    assert player.watch.label == "bigeminy"
    assert Player(dict.fromkeys(RULES, "off")).fibrillate(np.random.default_rng(0), 60) == []


def test_fibrillation_is_found_and_over_within_its_window(steady: Player) -> None:
    steady.beats("N" * BEATS)
    begins = steady.at
    told = steady.fibrillate(np.random.default_rng(0), 2 * BEATS)
    assert (AF, True) in told
    assert steady.watch.label == AF
    ends = steady.at
    assert steady.beats("N" * 2 * BEATS) == [(AF, False)]
    on, off = steady.span(AF)
    tolerance = BEATS // 2 * STREAM_FS  # half a window of one beat a second
    assert abs(on - begins) < tolerance
    assert abs(off - ends) < tolerance


@given(st.integers(0, 1000), st.sampled_from([0.5, 0.75, 1.5]))
@settings(max_examples=40)
def test_fibrillation_is_found_at_every_rate_at_the_same_beat(seed: int, scale: float) -> None:
    rr = np.random.default_rng(seed).uniform(0.45, 1.1, 2 * BEATS)

    def told(intervals: list[float]) -> list[int]:
        player = Player()
        return [i for i, x in enumerate(intervals) if (AF, True) in player.beat("N", x, NO_P)]

    found = told(rr.tolist())
    assert found[0] <= BEATS
    assert told((scale * rr).tolist()) == found


def test_fibrillation_that_was_there_from_the_start_dates_from_there() -> None:
    player = Player()
    player.beat("N", None, NO_P)
    first = player.at
    assert (AF, True) in player.fibrillate(np.random.default_rng(1), LEAST + 1)
    assert [c.since for c in player.changes] == [first]


@given(
    st.integers(0, 1000),
    st.floats(0.35, 1.5),
    st.floats(0, 0.04),
    st.floats(0, 0.25),
    st.booleans(),
)
@settings(max_examples=40)
def test_a_rhythm_that_jitters_and_breathes_is_no_fibrillation(
    seed: int, rr: float, jitter: float, breath: float, p: bool
) -> None:
    rng = np.random.default_rng(seed)
    player = Player()
    phase = 0.0
    for _ in range(150):
        phase += 2 * np.pi * 0.25 * rr
        interval = rr * (1 + breath * np.sin(phase) + jitter * rng.normal())
        player.beat("N", float(interval), P if p or breath > 0.05 or jitter > 0.02 else NO_P)
    assert AF not in {c.name for c in player.changes}


@given(
    st.lists(st.sampled_from(["NV", "NNV", "NS", "NNS", "NNNS", "NNNNV", "N"]), min_size=20),
    st.floats(0.5, 0.8),
    st.sampled_from(["told", "missed"]),
)
@settings(max_examples=60)
def test_ectopic_beats_are_no_fibrillation(units: list[str], early: float, named: str) -> None:
    """Not even where their labels are missed, for sinus beats keep their P wave."""
    player = Player()
    rr = 0.8
    for label in "".join(units):
        if label == "N":
            player.beat("N", rr)
            rr = 0.8
        else:
            said: Label = "N" if named == "missed" else "V" if label == "V" else "S"
            player.beat(said, 0.8 * early, NO_P)
            rr = 0.8 * (2 - early)
    assert AF not in {c.name for c in player.changes}


@given(st.sampled_from(["NNS", "NS", "NNNS"]), st.floats(0.5, 0.75))
def test_a_pattern_without_p_waves_repeats_itself_and_is_no_fibrillation(
    unit: str, early: float
) -> None:
    player = Player()
    rng = np.random.default_rng(1)
    last = "N"
    for label in islice(cycle(unit), 150):
        rr = 0.8 * early if label == "S" else 0.8 * (2 - early) if last == "S" else 0.8
        player.beat("N", float(rr * (1 + 0.01 * rng.normal())), NO_P)
        last = label
    assert AF not in {c.name for c in player.changes}


@given(st.integers(0, 1000), st.integers(4, 8), st.integers(16, 40))
@settings(max_examples=40)
def test_bursts_between_steady_beats_are_no_fibrillation(seed: int, burst: int, rest: int) -> None:
    """Not even where no P wave is seen."""
    rng = np.random.default_rng(seed)
    player = Player()
    player.beats("N" * BEATS, 0.8, NO_P)
    for _ in range(6):
        for rr in [*rng.uniform(0.35, 0.6, burst), 1.0, *rng.normal(0.8, 0.01, rest)]:
            player.beat("N", float(rr), NO_P)
    assert AF not in {c.name for c in player.changes}


@given(st.integers(0, 1000), st.integers(3, 16), st.floats(0, 1), st.floats(0.01, 100))
def test_p_waves_are_alike_as_any_two_of_them_correlate(
    seed: int, beats: int, p: float, gain: float
) -> None:
    """Smoothed, and about their straight line: neither gain nor baseline matters."""
    rng = np.random.default_rng(seed)
    waves = [window(p, rng)[0] for _ in range(beats)]
    at = np.arange(SAMPLES)
    p_waves = PWaves()
    for wave in waves:
        level, slope = rng.normal(0, 1, 2)
        alike = p_waves.learn(gain * (wave + level + slope * at))
    smooth = [np.convolve(wave, [1, 2, 3, 4, 3, 2, 1], "same")[P_PART] for wave in waves]
    parts = [x - np.polyval(np.polyfit(at[P_PART], x, 1), at[P_PART]) for x in smooth]
    pairs = np.corrcoef(parts)[np.triu_indices(beats, 1)]
    assert alike == pytest.approx(pairs.mean(), abs=1e-6)


def test_without_judged_p_waves_nothing_is_said(steady: Player) -> None:
    player = Player()
    assert AF not in dict(player.fibrillate(np.random.default_rng(3), 100, float("nan")))


def test_little_is_not_enough() -> None:
    player = Player()
    rng = np.random.default_rng(4)
    for _ in range(20):  # pairs of beats, unknown ones between
        assert AF not in dict(player.fibrillate(rng, LEAST // 2))
        player.beat("U", 0.8)
        player.interrupt(FORGOTTEN_S)
        player.beat("N", None)


def test_fibrillation_outlasts_a_short_loss_of_signal_and_no_long_one(steady: Player) -> None:
    rng = np.random.default_rng(5)
    steady.fibrillate(rng, 60)
    assert AF in steady.watch.label
    assert AF not in dict(steady.interrupt(FORGOTTEN_S - 1))
    assert steady.watch.label == "unknown"
    steady.beat("N", None)
    assert steady.watch.label == AF
    assert steady.interrupt(FORGOTTEN_S) == [(AF, False)]
    assert steady.beats("N", None) == []
    assert steady.watch.label == "unknown"


def test_lost_signal_ends_what_is_not_grave_and_forgets_the_rate(steady: Player) -> None:
    steady.beats("NV" * 10, 60 / 145)
    steady.interrupt()
    assert steady.watch.rate_bpm is None
    told = dict(steady.interrupt(LOST_S))
    told |= {"signal_lost": any(c.name == "signal_lost" for c in steady.changes)}
    assert told == {"bigeminy": False, "tachycardia": False, "signal_lost": True}
    assert steady.interrupt() == []
    assert steady.beats("V", None) + steady.beats("VN") == []  # what was before is not known


Step = tuple[str, float | None, float]
beats = st.tuples(
    st.sampled_from("NNNNSVVFQU"),
    st.one_of(st.none(), st.floats(0.2, 5.0)),
    st.one_of(st.just(float("nan")), st.floats(-1, 1)),
)
rhythms = st.tuples(
    st.sampled_from(["N" * 14, "V" * 6, "NV" * 4, "NNV" * 4, "VVN", "S" * 9, "U"]),
    st.sampled_from([0.25, 0.35, 0.5, 0.8, 1.6, 2.2, 3.2, 4.5]),
    st.just(P),
)
others = st.tuples(
    st.sampled_from(["silence", "interrupt", "lead_off", "noise", "flutter", "calm"]),
    st.floats(0, 12),
    st.just(0.0),
)
SETTINGS: list[Mapping[str, Setting] | None] = [
    None,
    {"asystole": "off", "tachycardia": 100, "pause": 3},
    {"bigeminy": "off", "ventricular_tachycardia": "off", "lead_off": 1},
]


def play(player: Player, steps: Sequence[Step]) -> None:
    for what, seconds, p in steps:
        s = seconds or 0.0
        if what == "silence":
            player.silence(s)
        elif what in ("flutter", "calm"):
            player.flutter(what == "flutter", round(s))
        elif what in ("interrupt", "lead_off", "noise"):
            player.interrupt(s, "lost" if what == "interrupt" else what)
        else:
            player.beats(what, seconds, p)


@given(st.lists(st.one_of(beats, rhythms, rhythms, others), max_size=60), st.sampled_from(SETTINGS))
@settings(deadline=None)
def test_alarms_alternate_apart_and_one_of_a_chain_at_a_time(
    steps: list[Step], alarms: Mapping[str, Setting] | None
) -> None:
    player = Player(alarms)
    on: set[str] = set()
    told = 0
    for step in steps:
        play(player, [step])
        for change in player.changes[told:]:
            assert change.active != (change.name in on)  # begun once, ended once
            on ^= {change.name}
            assert (alarms or {}).get(change.name) != "off"
            assert change.text
            for chain in CHAINS:
                assert len(on.intersection(chain)) <= 1
        told = len(player.changes)
    for name in RULES:
        own = [c.since for c in player.changes if c.name == name]
        assert own == sorted(own)


@given(st.lists(st.one_of(beats, rhythms, others), max_size=40), st.integers(1, 100))
@settings(deadline=None)
def test_no_loss_of_signal_ends_a_grave_alarm(steps: list[Step], seconds: int) -> None:
    player = Player()
    play(player, steps)
    grave = {name for name in player.watch._alarms.told() if RULES[name].priority == "high"}
    told = dict(player.interrupt(seconds))
    assert not grave & told.keys()
    assert grave == {n for n in player.watch._alarms.told() if RULES[n].priority == "high"}


@given(st.lists(st.one_of(beats, rhythms, others), max_size=30), st.integers(0, 3))
@settings(deadline=None, max_examples=30)
def test_the_same_again_is_told_again(steps: list[Step], times: int) -> None:
    first, second = Player(), Player()
    play(first, steps * times)
    play(second, steps * times)
    assert first.changes == second.changes


def size(thing: object) -> int:
    """Elements of all that is kept."""
    if isinstance(thing, dict):
        return sum(map(size, thing.values()))
    if isinstance(thing, list | tuple | set | frozenset | deque):
        return sum(map(size, thing))
    if hasattr(thing, "__dict__"):
        return sum(map(size, vars(thing).values()))
    return 1


def test_memory_is_bounded() -> None:
    player = Player()
    rng = np.random.default_rng(0)
    sizes = []
    for _ in range(4):
        for _ in range(1500):
            player.beat(rng.choice(list("NNVVSU")), float(rng.choice([0.2, 0.5, 0.8, 2.5])))
            if rng.random() < 0.1:
                player.interrupt(4)
                player.silence(5)
        sizes.append(size(player.watch))
    assert max(sizes) < 1000
    assert sizes[-1] <= sizes[0] * 1.3


@given(st.lists(st.tuples(st.one_of(st.none(), st.floats(0.2, 6.0)), st.floats(-1, 1))))
def test_unknown_beats_and_a_lost_signal_make_no_alarm_of_the_heart(
    events: list[tuple[float | None, float]],
) -> None:
    player = Player()
    for rr, p in events:
        if p > 0.5:
            player.interrupt()
        else:
            player.beat("U", rr, p)
    assert {RULES[c.name].priority for c in player.changes} <= {"technical"}


@given(st.lists(beats, min_size=50, max_size=200), st.integers(0, 5))
@settings(deadline=None)
def test_an_unknown_beat_changes_no_condition_for_the_worse(steps: list[Step], seed: int) -> None:
    """Whatever holds after it has held before it."""
    player = Player()
    rng = np.random.default_rng(seed)
    for label, rr, p in steps:
        player.beats(label, rr, p)
        if rng.random() < 0.3:
            before = set(player.watch._alarms.holding())
            player.beat("U", rr, p)
            assert set(player.watch._alarms.holding()) <= before


def test_the_final_observation_of_the_beat_before_a_pause_does_not_end_it() -> None:
    """It may come later than a short limit."""
    player = Player({"pause": 1.6})
    player.beats("N" * 5)
    player.at += round(0.8 * STREAM_FS)
    player.found("N", 0.8)
    start = player.at
    told = player._take(player.watch.silence(start + round(1.9 * STREAM_FS), 1.9))
    assert told == [("pause", True)]
    player.at = start
    assert player.learn("N", 0.8) == []
    player.at = start + round(2.5 * STREAM_FS)
    assert player.beats("N", 2.5) == []
    assert ("pause", False) in player.beats("NN")
