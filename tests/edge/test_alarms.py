"""The table of alarms: whole, consistent, as the pages say it, and as a user may change it."""

import re
from pathlib import Path
from typing import get_args

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edge.alarms import CHAINS, HEADER, RULES, Limits, lines, parse, rows
from edge.chains import Alarms, Change
from edge.events import Alarm, AlarmName, AlarmTotal, Priority
from edge.totals import AlarmTotals

ROOT = Path(__file__).parent.parent.parent
ORDER: list[Priority] = ["high", "medium", "low", "technical"]
names = st.sampled_from(list(RULES))


def test_every_alarm_is_in_the_table_the_worst_first() -> None:
    assert set(RULES) == set(get_args(AlarmName))
    priorities = [rule.priority for rule in RULES.values()]
    assert priorities == sorted(priorities, key=ORDER.index)
    for rule in RULES.values():
        assert rule.source
        assert rule.delay
        if rule.limit is not None:
            assert rule.least <= rule.limit <= rule.most
            assert rule.unit
            assert "{}" in rule.begins


def test_chains_are_in_the_order_of_the_table() -> None:
    """So that one pass, the worst first, finds what is to be told."""
    for chain in CHAINS:
        assert sorted(chain, key=list(RULES).index) == list(chain)


def test_the_page_begins_with_the_table() -> None:
    page = (ROOT / "docs" / "rhythm.md").read_text(encoding="utf-8")
    table = page[: page.index("An alarm is an event")]
    assert f"| {' | '.join(HEADER)} |" in table
    for name, *cells in rows():
        assert f"| `{name}` | {' | '.join(cells)} |" in table
    assert table.count("\n| `") == len(RULES)


def test_the_readme_lists_each_alarm_under_its_priority() -> None:
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    for priority in ORDER:
        row = re.search(rf"^\| {priority} \| (.*) \|$", readme, re.MULTILINE)
        assert row
        assert row[1].split(", ") == [n for n in RULES if RULES[n].priority == priority]


@given(names, st.floats(0, 400))
def test_a_limit_is_taken_within_its_bounds_and_else_refused_in_one_sentence(
    name: AlarmName, value: float
) -> None:
    rule = RULES[name]
    others = {"asystole", "pause", "bradycardia", "extreme_bradycardia", "tachycardia"}
    settings = dict.fromkeys((others | {"extreme_tachycardia"}) - {name}, "off")
    whole = rule.unit != "cycles" or value == round(value)
    if rule.limit is not None and rule.least <= value <= rule.most and whole:
        assert Limits({**settings, name: value})[name] == value  # type: ignore[dict-item]
    else:
        with pytest.raises(ValueError, match=name) as refusal:
            Limits({**settings, name: value})  # type: ignore[dict-item]
        assert "\n" not in str(refusal.value)


@pytest.mark.parametrize(
    ("settings", "says"),
    [
        ({"paus": 2}, "no alarm 'paus'"),
        ({"atrial_fibrillation": 2}, "can only be off"),
        ({"pause": float("nan")}, "1.5 to 5 s"),
        ({"pause": "on"}, "1.5 to 5 s"),
        ({"bigeminy": 2.5}, "2 to 10 cycles"),
        ({"tachycardia": 170}, "above that of tachycardia, 170"),
        ({"bradycardia": 60, "extreme_bradycardia": 60}, "set both, or one of them off"),
        ({"bradycardia": 100, "tachycardia": 70}, "above that of bradycardia, 100"),
        ({"extreme_bradycardia": 80, "tachycardia": 70, "bradycardia": "off"}, "above that of"),
        ({"ventricular_run": 60, "accelerated_ventricular_rhythm": 90}, "of ventricular_run, 60"),
    ],
)
def test_what_cannot_be_is_refused(settings: dict[str, float], says: str) -> None:
    with pytest.raises(ValueError, match=says):
        Limits(settings)


def test_pairs_of_limits_may_be_set_together() -> None:
    limits = Limits({"tachycardia": 170, "extreme_tachycardia": 200})
    assert (limits["tachycardia"], limits["extreme_tachycardia"]) == (170, 200)
    assert Limits({"tachycardia": 170, "extreme_tachycardia": "off"})["tachycardia"] == 170


@pytest.mark.parametrize(
    ("text", "setting"),
    [
        ("pause=3", ("pause", 3.0)),
        ("asystole=off", ("asystole", "off")),
        ("asystole=OFF", ("asystole", "off")),
    ],
)
def test_the_command_line_sets_limits(text: str, setting: tuple[str, object]) -> None:
    assert parse(text) == setting


@pytest.mark.parametrize("text", ["pause", "pause=", "pause=2s", "pause:2"])
def test_what_is_no_setting_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r"pause|NAME=LIMIT"):
        parse(text)


def test_the_list_shows_the_limits_in_force() -> None:
    said = "\n".join(lines({"pause": 3, "bigeminy": "off"}))
    assert re.search(r"^pause +medium +3 s ", said, re.MULTILINE)
    assert "no beat for 3 s" in said
    assert re.search(r"^bigeminy +low +off ", said, re.MULTILINE)


conditions = st.lists(
    st.tuples(names, st.booleans(), st.integers(0, 5000), st.booleans()), max_size=80
)


@given(conditions, st.sets(names, max_size=4))
def test_of_each_chain_the_worst_that_holds_is_told(
    steps: list[tuple[AlarmName, bool, int, bool]], off: set[AlarmName]
) -> None:
    alarms, told = Alarms(Limits(dict.fromkeys(off, "off"))), list[Change]()
    at = 0
    for name, holds, ago, ask in steps:
        at += 100
        alarms.set(name, holds, max(0, at - ago), "so")
        if not ask:
            continue
        told += alarms.changes(at)
        on = alarms.told()
        assert not off.intersection(on)
        for chain in CHAINS:
            held = [n for n in chain if n in alarms and n not in off]
            assert len([n for n in chain if n in on]) <= 1
            for n in held:  # hidden by a worse one, or resting after it
                worse = {w for c in CHAINS if n in c for w in c[: c.index(n)]}
                assert n in on or worse.intersection(on) or RULES[n].priority == "low"
        assert all(c.since <= at for c in told)
    for name in RULES:
        own = [c for c in told if c.name == name]
        assert [c.active for c in own] == [i % 2 == 0 for i in range(len(own))]
        assert [c.since for c in own] == sorted(c.since for c in own)


def test_what_a_worse_alarm_hid_comes_back_dated_from_its_end() -> None:
    alarms = Alarms()
    alarms.set("bradycardia", True, 100, "slow")
    assert [c[:3] for c in alarms.changes(500)] == [("bradycardia", True, 100)]
    alarms.set("asystole", True, 600, "none")
    told = [("bradycardia", False, 600), ("asystole", True, 600)]
    assert [c[:3] for c in alarms.changes(1600)] == told
    alarms.set("asystole", False, 2000, "beats")
    told = [("asystole", False, 2000), ("bradycardia", True, 2000)]
    assert [c[:3] for c in alarms.changes(2500)] == told


def test_what_is_low_comes_back_after_a_rest_unless_it_is_new() -> None:
    alarms = Alarms()
    alarms.set("couplet", True, 100, "two")
    alarms.changes(200)
    alarms.set("ventricular_run", True, 300, "three")
    alarms.changes(400)
    alarms.set("ventricular_run", False, 500, "over")
    assert [c.name for c in alarms.changes(600)] == ["ventricular_run"]
    assert alarms.changes(3000) == []
    alarms.renew("couplet", 2900, "two more")
    assert [c[:3] for c in alarms.changes(3010)] == [("couplet", True, 2900)]


def alarm(name: AlarmName, active: bool, since: float) -> Alarm:
    return Alarm(0, since + 1, name, active, since, "", RULES[name].priority, None)


def test_totals_count_and_keep_the_longest() -> None:
    totals = AlarmTotals()
    for name, active, since in (
        ("couplet", True, 1.0),
        ("couplet", False, 2.5),
        ("pause", True, 10.0),
        ("couplet", True, 11.0),
        ("couplet", False, 11.5),
    ):
        totals.take(alarm(name, active, since))  # type: ignore[arg-type]
    found = totals.at_end(60.0)
    assert list(found) == ["pause", "couplet"]
    assert found == {"pause": AlarmTotal(1, 50.0), "couplet": AlarmTotal(2, 1.5)}
    assert totals.at_end(60.0) == found


def test_a_pause_that_became_an_asystole_stood_until_then() -> None:
    totals = AlarmTotals()
    totals.take(Alarm(0, 33.0, "pause", True, 30.5, "no beat", "medium", 2.0))
    totals.take(Alarm(0, 35.0, "pause", False, 30.5, "asystole instead", "medium", 2.0))
    assert totals.at_end(60.0) == {"pause": AlarmTotal(1, 4.5)}
