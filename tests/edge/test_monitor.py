"""The whole runtime: the same samples give the same events, and nothing is claimed in the dark."""

from collections.abc import Iterable, Iterator
from dataclasses import replace
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from edge.alarms import RULES, Setting
from edge.bundle import Bundle
from edge.errors import BundleError, RecordError
from edge.events import Alarm, Beat, Event, Gap, Lead, Quality, Stats
from edge.leads import select_leads
from edge.monitor import Monitor
from edge.synthetic import synthesize
from firmware_bridge.block import LeadState, SampleBlock

FS = 360.0
BUNDLE = Bundle.load()
MADE = synthesize("NNNNNNNNSNNNVNNNN-NNN(NNNN)NNNN[NNNN]NNNNVVVVNNNN", FS, np.random.default_rng(5))
LEADS = ("MLII", "V5")


def block(start: int, end: int) -> SampleBlock:
    off = any(a <= start < b for a, b in MADE.lead_off)
    state = LeadState.OFF if off else LeadState.ON
    mv = MADE.mv[start:end].astype(np.float32)
    return SampleBlock(start, mv, FS, LEADS, (state, state), (False, False))


def cut_at(cuts: Iterable[int], end: int = len(MADE.mv)) -> list[SampleBlock]:
    """Blocks between the cuts; a change of the lead's state always cuts."""
    edges = sorted({0, end, *cuts, *(i for pair in MADE.lead_off for i in pair)})
    edges = [e for e in edges if 0 <= e <= end]
    return [block(a, b) for a, b in pairwise(edges)]


def play(blocks: Iterable[SampleBlock]) -> list[Event]:
    monitor = Monitor(BUNDLE)
    return [event for b in blocks for event in monitor.push(b)] + monitor.flush()


WHOLE = play(cut_at([]))


@settings(max_examples=20, deadline=None)
@given(st.lists(st.integers(1, len(MADE.mv) - 1), max_size=60))
def test_any_cut_gives_the_same_events(cuts: list[int]) -> None:
    assert play(cut_at(cuts)) == WHOLE


@settings(max_examples=8, deadline=None)
@given(st.integers(1, 5000))
def test_any_size_of_blocks_gives_the_same_events(size: int) -> None:
    end = len(MADE.mv) if size > 20 else 3600
    assert play(cut_at(range(0, end, size), end)) == play(cut_at([], end))


def test_every_beat_comes_twice_under_one_id() -> None:
    beats = [e for e in WHOLE if isinstance(e, Beat)]
    finals = [b for b in beats if b.final]
    assert [b.id for b in finals] == list(range(len(finals)))
    assert sorted(b.id for b in beats if not b.final) == [b.id for b in finals]
    assert all(b.delay_ms <= 2100 for b in finals if not b.searchback)
    early = [b.delay_ms for b in beats if not b.final and not b.searchback]
    assert np.median(early) <= 200


def test_lead_off_is_told_and_no_beat_is_claimed_meanwhile() -> None:
    (start, end), *_ = MADE.lead_off
    told = [(e.sample, e.state) for e in WHOLE if isinstance(e, Lead) and e.lead == "MLII"]
    assert told == [(0, "on"), (start, "off"), (end, "on")]
    reasons = [e.reason for e in WHOLE if isinstance(e, Quality) and e.lead == "MLII"]
    assert "lead_off" in reasons
    inside = [e for e in WHOLE if isinstance(e, Beat) and start <= e.sample < end]
    assert all(e.label == "U" for e in inside)


def test_noise_gives_unknown_not_normal() -> None:
    (start, end), *_ = MADE.noise
    inside = [e for e in WHOLE if isinstance(e, Beat) and e.final and start <= e.sample < end]
    assert sum(e.label == "U" for e in inside) >= 0.7 * len(inside)


def test_a_pause_raises_an_alarm_and_ends_it() -> None:
    pauses = [e.active for e in WHOLE if isinstance(e, Alarm) and e.name == "pause"]
    assert pauses[:2] == [True, False]


def test_an_alarm_tells_its_priority_and_the_limit_in_force() -> None:
    monitor = Monitor(BUNDLE, alarms={"pause": 1.6})
    events = [event for b in cut_at([]) for event in monitor.push(b)] + monitor.flush()
    alarms = [e for e in events if isinstance(e, Alarm)]
    (stats,) = [e for e in events if isinstance(e, Stats)]
    assert {e.name for e in alarms} == set(stats.alarms)
    for alarm in alarms:
        assert alarm.priority == RULES[alarm.name].priority
        assert alarm.limit == (1.6 if alarm.name == "pause" else RULES[alarm.name].limit)
    for name, total in stats.alarms.items():
        assert total.count == sum(e.active for e in alarms if e.name == name)
        assert 0 < total.longest_s < stats.t


def test_leads_that_are_off_are_a_technical_alarm() -> None:
    (start, end), *_ = MADE.lead_off
    told = [(e.active, e.t) for e in WHOLE if isinstance(e, Alarm) and e.name == "lead_off"]
    (on, begins), (off, ends) = told
    assert (on, off) == (True, False)
    assert start / FS < begins < start / FS + 4
    assert end / FS < ends < end / FS + 5


@pytest.mark.parametrize("alarms", [{"paus": 3}, {"pause": 30}, {"atrial_fibrillation": 1}])
def test_what_no_alarm_can_be_is_refused_at_once(alarms: dict[str, Setting]) -> None:
    with pytest.raises(ValueError, match=next(iter(alarms))):
        Monitor(BUNDLE, alarms=alarms)


@given(st.integers(1, 3000), st.integers(2000, 6000))
@settings(max_examples=15, deadline=None)
def test_a_gap_is_told_and_moves_no_beat(lost: int, at: int) -> None:
    blocks = [b for b in cut_at([at, at + lost]) if not at <= b.start < at + lost]
    events = play(blocks)
    gaps = [(e.sample, e.lost) for e in events if isinstance(e, Gap)]
    assert gaps == [(at, lost)]
    stats = events[-1]
    assert isinstance(stats, Stats)
    assert stats.lost_samples == lost
    found = np.array([e.sample for e in events if isinstance(e, Beat)])
    outside = [r for r, _ in MADE.beats if not at - FS < r < at + lost + 5 * FS]
    told = [r for r in outside if not any(a <= r < b for a, b in MADE.lead_off + MADE.noise)]
    missing = [r for r in told if np.abs(found - r).min() > 0.03 * FS]
    assert len(missing) <= 1


def test_an_endless_gap_costs_nothing() -> None:
    monitor = Monitor(BUNDLE)
    first = block(0, 3600)
    monitor.push(first)
    events = monitor.push(replace(first, start=10**12, lost=10**12 - 3600))
    assert any(isinstance(e, Gap) for e in events)
    assert sum(isinstance(e, Beat) for e in events) < 40


@settings(max_examples=10, deadline=None)
@given(st.integers(0, 2**32), st.integers(1, 4000))
def test_any_cut_gives_the_same_events_of_twelve_leads_with_contacts_lost(
    seed: int, size: int
) -> None:
    rng = np.random.default_rng(seed)
    gains = rng.choice([-2, -1, 0, 0.3, 1, 300], 12)
    mv = (MADE.mv[:6000, [0, 1] * 6] * gains + rng.normal(0, 300, 12)).astype(np.float32)
    for start in rng.integers(0, 6000, 8).tolist():
        mv[start : start + rng.integers(1, 500), rng.random(12) < 0.7] = np.nan
    off = (np.arange(6000) // 360 % 2 > 0)[:, None] & (rng.random(12) < 0.5)
    lost = sorted(rng.integers(0, 6000, 2).tolist())
    names = tuple(f"V{i}" for i in range(12))

    def blocks(cuts: Iterable[int]) -> Iterator[SampleBlock]:
        for a, b in pairwise(sorted({0, 6000, *lost, *range(0, 6000, 360), *cuts})):
            states = tuple(LeadState.OFF if o else LeadState.ON for o in off[a].tolist())
            start = a + 5000 * sum(a >= gap for gap in lost)
            yield SampleBlock(start, mv[a:b], FS, names, states, (False,) * 12)

    assert play(blocks(range(0, 6000, size))) == play(blocks([]))


def test_infinite_and_missing_values_are_no_signal() -> None:
    mv = MADE.mv[:7200].astype(np.float32)
    mv[3000:3100, 0] = np.inf
    mv[3000:3100, 1] = np.nan
    events = play([replace(block(0, 7200), mv=mv)])
    assert not [e for e in events if isinstance(e, Beat) and 3000 <= e.sample < 3100]


def test_a_stream_keeps_its_rate_and_its_order() -> None:
    monitor = Monitor(BUNDLE)
    monitor.push(block(0, 500))
    with pytest.raises(ValueError, match="rate"):
        monitor.push(replace(block(500, 600), fs=250.0))
    with pytest.raises(ValueError, match="before"):
        monitor.push(block(100, 200))


def test_leads_by_name_and_index() -> None:
    assert select_leads(LEADS, None) == [0, 1]
    assert select_leads(LEADS, ["v5", 0, "0"]) == [1, 0]
    assert select_leads(["2", "II", "ii", "0"], ["2", "II", 1, "3"]) == [0, 1, 3]
    for lead in ("aVR", 2, -1, "9" * 5000, ""):
        with pytest.raises(RecordError, match=f"no lead {str(lead)[:20]}"):
            select_leads(LEADS, [lead])


def test_a_bundle_for_another_runtime_is_refused() -> None:
    manifest = BUNDLE.manifest
    swapped = (*manifest.input.context[1:], manifest.input.context[0])
    other = replace(manifest, input=replace(manifest.input, context=swapped))
    with pytest.raises(BundleError, match="other windows or context"):
        Monitor(replace(BUNDLE, manifest=other))
    with pytest.raises(BundleError, match="no AAMI classes"):
        Monitor(replace(BUNDLE, manifest=replace(manifest, classes=("N", "S", "V", "X"))))


class AllS:
    """A classifier that finds every beat supraventricular."""

    classes = BUNDLE.manifest.classes
    unknown_below = 0.5

    def probabilities(
        self, ecg: NDArray[np.float32], context: NDArray[np.float32]
    ) -> NDArray[np.float32]:
        row = np.eye(len(self.classes), dtype=np.float32)[self.classes.index("S")]
        return np.tile(row, (len(ecg), 1))


def test_a_classifier_may_stand_in_the_bundles_place() -> None:
    monitor = Monitor(BUNDLE, classifier=AllS())
    events = monitor.push(block(0, 3600)) + monitor.flush()
    labels = {event.label for event in events if isinstance(event, Beat)}
    assert "S" in labels
    assert labels <= {"S", "U"}


def test_nothing_in_nothing_out() -> None:
    monitor = Monitor(BUNDLE)
    assert all(isinstance(e, Lead) for e in monitor.push(block(0, 0)))
    assert Monitor(BUNDLE).flush() == []
