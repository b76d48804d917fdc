"""The order of time: what is given depends on the samples up to then, and on nothing else."""

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from edge import stream
from edge.beats import BEFORE, PROVISIONAL_SEEN, SAMPLES, STEP, BeatInput, cut
from edge.filters import STREAM_FS
from edge.qrs import UNSURE, Peak
from edge.stream import BREAK, FINAL_AFTER, LATEST, SECOND, BeatStream, BeatView, Second, View
from edge.synthetic import synthesize
from tests.edge.hearts import fibrillating

MADE = synthesize("NNNNNNSNNNVNNNNN-NNN(NNNNN)NNNNVVVNNNNN", STREAM_FS, np.random.default_rng(3))
BEATS = [r for r, _ in MADE.beats]


def play(x: NDArray[np.float64], cuts: list[int]) -> list[View]:
    beats = BeatStream(x.shape[1])
    views = [v for part in np.split(x, cuts) for v in beats.push(part)]
    return views + beats.flush()


def plain(x: object) -> object:
    """Arrays as bytes, NaN included."""
    return x.tobytes() if isinstance(x, np.ndarray) else str(x)


def comparable(views: list[View]) -> list[tuple[object, ...]]:
    return [
        tuple(plain(x) for x in (*v, *v.input) if not isinstance(x, BeatInput))
        if isinstance(v, BeatView)
        else tuple(map(str, v))
        for v in views
    ]


WHOLE = comparable(play(MADE.mv, []))


@settings(max_examples=25, deadline=None)
@given(st.lists(st.integers(0, len(MADE.mv)), max_size=40))
def test_cuts_change_nothing(cuts: list[int]) -> None:
    assert comparable(play(MADE.mv, sorted(cuts))) == WHOLE


RUNS = st.tuples(st.integers(0, len(MADE.mv)), st.integers(1, 700), st.sampled_from([0, 1, 2]))


@settings(max_examples=25, deadline=None)
@given(st.lists(RUNS, max_size=12), st.integers(1, 2000))
@example([(600, 300, 2), (1000, 300, 2)], 40)
def test_cuts_change_nothing_where_signal_is_missing(
    runs: list[tuple[int, int, int]], size: int
) -> None:
    x = MADE.mv.copy()
    for start, length, leads in runs:
        x[start : start + length, slice(2) if leads == 2 else leads] = np.nan
    whole = comparable(play(x, []))
    assert comparable(play(x, list(range(size, len(x), size)))) == whole


@settings(max_examples=40, deadline=None)
@given(st.integers(1, 2500), st.integers(1, 10**6), st.integers(1, 900))
@example(400, 5000, 300)
@example(78, 1001, 1)
@example(310, 1001, 1)
@example(310, 1380, 1)
@example(310, 1400, 1)
def test_a_beat_decided_after_a_gap_is_judged_by_what_is_kept_of_it(
    at: int, lost: int, after: int
) -> None:
    beats = BeatStream(2)
    views = [*beats.push(MADE.mv[:at]), *beats.skip(lost), *beats.push(MADE.mv[:after])]
    views += beats.flush()
    for view in views:
        if isinstance(view, BeatView) and view.r < at < view.at and view.weight.any():
            assert view.at - view.r <= LATEST
            seen = min(view.r + (SAMPLES - BEFORE) * STEP, view.at + 1)
            assert not view.final or seen <= at  # the provisional observation sees less than that
    seconds = [v.at for v in views if isinstance(v, Second)]
    assert seconds == sorted(seconds)


SINUS = np.tile(MADE.mv[250:1250, :1], (3, 1))
SOURCES = {
    "sinus": SINUS,
    "low": 0.4 * SINUS,
    "shaky": fibrillating(12, STREAM_FS, 0.6)[:, None],
    "missing": np.full((3000, 1), np.nan),
}
PIECES = st.lists(
    st.tuples(st.sampled_from(["sinus", "low", "shaky", "lost", "missing"]), st.integers(1, 3000)),
    min_size=1,
    max_size=8,
)


@settings(max_examples=150, deadline=None)
@given(PIECES)
@example([("sinus", 1500), ("low", 160), ("lost", 2500)])  # a doubtful beat is waiting
def test_no_window_is_cut_from_what_is_not_kept(pieces: list[tuple[str, int]]) -> None:
    kept = []

    def checked(x: NDArray[np.float64], r: int, seen: int) -> NDArray[np.float64]:
        kept.append(0 <= r <= seen and r < len(x))
        return cut(x, r, seen)

    beats = BeatStream(1)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(stream, "cut", checked)
        for kind, n in pieces:
            if kind == "lost":
                beats.skip(n)
            else:
                beats.push(SOURCES[kind][:n])
        beats.flush()
    assert all(kept)


def test_sample_by_sample_changes_nothing() -> None:
    x = MADE.mv[:4000]
    assert comparable(play(x, list(range(1, 4000)))) == comparable(play(x, []))


@settings(max_examples=20, deadline=None)
@given(st.integers(0, len(MADE.mv) - 1))
def test_nothing_is_given_before_its_time_or_after(end: int) -> None:
    beats = BeatStream(2)
    given_by_then = comparable(beats.push(MADE.mv[:end]))
    due = [v for v in play(MADE.mv, []) if (v.at if isinstance(v, BeatView) else v.at - 1) < end]
    assert given_by_then == comparable(due)


def test_each_beat_is_observed_twice_and_in_time() -> None:
    views = [v for v in play(MADE.mv, []) if isinstance(v, BeatView)]
    assert [v.at for v in views] == sorted(v.at for v in views)
    for beat in range(max(v.id for v in views) + 1):
        first, second = [v for v in views if v.id == beat]
        assert (first.final, second.final) == (False, True)
        assert first.r == second.r
        assert first.at <= second.at
        if not first.searchback:
            assert first.at == min(max(first.at, first.r + PROVISIONAL_SEEN), len(MADE.mv) - 1)
        assert second.at <= max(second.r + FINAL_AFTER, first.at)


def test_the_wait_for_the_provisional_observation_is_set_and_changes_no_final_one() -> None:
    whole = [v for v in play(MADE.mv, []) if isinstance(v, BeatView)]
    for seen in (25, 100):
        beats = BeatStream(2, provisional_seen=seen)
        views = [v for v in beats.push(MADE.mv) + beats.flush() if isinstance(v, BeatView)]
        assert comparable([v for v in views if v.final]) == comparable(
            [v for v in whole if v.final]
        )
        last = BEFORE + (seen + 1) // STEP
        first = [v for v in views if not v.final]
        for view, after in zip(first, [*first[1:], None], strict=True):
            followed = after is not None and after.r < view.r + seen  # in noise
            assert followed or view.at >= view.r + seen or view.r + FINAL_AFTER > len(MADE.mv)
            assert not view.input.ecg[:, 0, last:].any()
        assert any(v.input.ecg[:, 0, last - 1].any() for v in first)


def test_beats_across_lost_signal_have_no_interval() -> None:
    x = MADE.mv.copy()
    x[1500:1600] = np.nan
    broken = [v for v in play(x, []) if isinstance(v, BeatView) and v.final and v.rr is None]
    assert [v.r > 1600 for v in broken] == [False, True]  # the first of all, the first after


@pytest.mark.parametrize(("missing", "known"), [(BREAK, True), (BREAK + 1, False)])
def test_many_short_gaps_count_like_a_long_one(missing: int, known: bool) -> None:
    before, after = BEATS[6:8]
    x = MADE.mv.copy()
    x[before + 60 : before + 60 + 2 * missing : 2] = np.nan
    assert before + 60 + 2 * missing < after - 20
    (beat,) = [
        v for v in play(x, []) if isinstance(v, BeatView) and v.final and abs(v.r - after) < 10
    ]
    assert (beat.rr is not None) == known


def test_a_lead_off_leaves_the_other_usable() -> None:
    x = MADE.mv.copy()
    x[:, 1] = np.nan
    views = [v for v in play(x, []) if isinstance(v, BeatView)]
    alone = [v for v in play(x[:, :1], []) if isinstance(v, BeatView)]
    later = [v.r for v in alone if v.r > 5 * SECOND]
    assert [v.r for v in views if v.r > 5 * SECOND] == later
    assert not any(v.weight[1] for v in views)
    assert any(v.weight[0] for v in views)


def test_a_gap_of_any_length_costs_no_time() -> None:
    beats = BeatStream(1)
    x = MADE.mv[:2000, :1]
    beats.push(x)
    after_gap = beats.skip(10**12)
    assert len(after_gap) < 20
    views = [v for v in beats.push(x) if isinstance(v, BeatView)]
    assert views
    assert all(v.r >= 10**12 for v in views if v.id > 12)


def test_silence_counts_only_usable_signal() -> None:
    quiet = np.random.default_rng(0).normal(0, 0.005, (6 * 250, 2))
    x = np.concatenate([MADE.mv[:2500], quiet])
    seconds = [v for v in play(x, []) if isinstance(v, Second)]
    assert max(v.silence or 0.0 for v in seconds) < 8
    missing = np.concatenate([MADE.mv[:2500], np.full((6 * 250, 2), np.nan)])
    assert max(v.silence or 0.0 for v in play(missing, []) if isinstance(v, Second)) <= 2


class Listed:
    """A detector whose peaks are known."""

    def __init__(self, peaks: list[Peak]) -> None:
        self._peaks = peaks
        self._end = 0

    def push(self, samples: NDArray[np.float64]) -> list[Peak]:
        self._end += len(samples)
        due = [p for p in self._peaks if p.decided < self._end]
        self._peaks = self._peaks[len(due) :]
        return due

    def skip(self, n: int) -> None:
        self._end += n

    def flush(self) -> list[Peak]:
        return self._peaks


def test_leads_are_noise_while_the_last_three_beats_are_doubtful() -> None:
    doubtful = range(10, 16)
    peaks = [Peak(r, r + 40, 0.3 if i in doubtful else 0.99, False) for i, r in enumerate(BEATS)]
    views = BeatStream(2, Listed(peaks)).push(MADE.mv[: BEATS[22]])
    reasons = {v.at: {lead.state for lead in v.leads} for v in views if isinstance(v, Second)}
    sums = {at: [p.confidence for p in peaks if p.decided < at][-3:] for at in reasons}
    doubted = [at for at, known in sums.items() if sum(known) < UNSURE * len(known)]
    assert len(doubted) >= 3
    assert all(reasons[at] == {"noise"} for at in doubted)
    assert sum(reasons[at] == {"ok"} for at in reasons) >= 5
    shown = [v.detection for v in views if isinstance(v, BeatView) and v.final]
    assert shown == [p.confidence for p in peaks][: len(shown)]


def test_of_a_broad_qrs_the_same_wave_is_r_whichever_the_detector_takes() -> None:
    t = np.arange(250.0)[:, None]
    beat = np.exp(-(((t - 100) / 8) ** 2)) - np.exp(-(((t - 124) / 8) ** 2))
    late = {12, 17, 18, 25}
    peaks = [Peak(100 + 250 * i + 24 * (i in late), 250 * i + 180, 1.0, False) for i in range(30)]

    beats = BeatStream(1, Listed(peaks))
    views = [v for v in beats.push(np.tile(beat, (30, 1))) if isinstance(v, BeatView)]
    assert {v.r % 250 for v in views} <= {98, 100, 102}
    assert {v.r // 250 for v in views} == set(range(30))
