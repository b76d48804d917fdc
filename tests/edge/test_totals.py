"""The extremes of a stream, against all that was told."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edge import demo, replay
from edge.bundle import DEFAULT_BUNDLE, Bundle
from edge.events import Beat, Event, Gap, Label, Quality, Rhythm, Stats
from edge.monitor import Monitor
from edge.totals import Extremes


def beat(label: Label, rr_ms: float | None, final: bool = True, t: float = 0.0) -> Beat:
    return Beat(0, t, 0, label, final, 0.9, rr_ms, 1.0, 150.0, False)


def test_only_what_is_known_counts() -> None:
    extremes = Extremes(1)
    for event in (
        beat("N", None),
        beat("N", 900.0),
        beat("V", 1500.0, final=False),
        beat("U", 3000.0),
        beat("N", 2000.0),  # after one that is no beat, perhaps
        beat("V", 1200.0, t=5.0),
        beat("V", 1200.0, t=9.0),
        Rhythm(0, 0.0, "unknown", 30.0),
        Rhythm(0, 0.0, "regular", 70.0),
        Rhythm(0, 0.0, "asystole", None),
        Rhythm(0, 0.0, "tachycardia", 130.0),
    ):
        extremes.take(event)
    assert (extremes.longest_rr_ms, extremes.longest_rr_t) == (1200.0, 5.0)
    assert (extremes.least_rate_bpm, extremes.greatest_rate_bpm) == (70.0, 130.0)


@given(
    st.lists(
        st.tuples(st.integers(0, 20), st.sampled_from(["I", "II", "gap"]), st.booleans()),
        max_size=30,
    )
)
def test_unusable_is_each_second_in_which_no_lead_is(
    steps: list[tuple[int, str, bool]],
) -> None:
    """Against every second marked."""
    extremes, now = Extremes(2), 0
    usable = {"I": True, "II": True}
    seconds: set[int] = set()

    def pass_by(until: int) -> None:
        if not any(usable.values()):
            seconds.update(range(now, until))

    for wait, what, good in steps:
        pass_by(now + wait)
        now += wait
        event: Event
        if what == "gap":
            event = Gap(0, float(now), 3, 3.0)
            seconds.update(range(now, now + 3))
            extremes.take(event)
            pass_by(now + 3)
            now += 3
        else:
            event = Quality(0, float(now), what, good, "ok" if good else "noise")
            usable[what] = good
            extremes.take(event)
    pass_by(now + 5)
    now += 5
    assert extremes.unusable_s(float(now)) == len(seconds)


def test_the_demo_is_summed() -> None:
    monitor = Monitor(Bundle.load(DEFAULT_BUNDLE))
    events = [e for block in replay.blocks(demo.stream()[0]) for e in monitor.push(block)]
    events += monitor.flush()
    stats = events[-1]
    assert isinstance(stats, Stats)
    rates = [e.rate_bpm for e in events if isinstance(e, Rhythm) and e.label != "unknown"]
    assert stats.least_rate_bpm == min(filter(None, rates))
    assert stats.greatest_rate_bpm == max(filter(None, rates))
    intervals = [e.rr_ms or 0 for e in events if isinstance(e, Beat) and e.final]
    assert stats.longest_rr_ms in intervals
    assert 2000 < (stats.longest_rr_ms or 0) < 5000  # its pause
    assert stats.unusable_s == pytest.approx(10, abs=8)  # its leads are off, and it is moved
