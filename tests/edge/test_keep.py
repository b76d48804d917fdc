"""`--keep`: which hours of a recording are deleted, and that no others are."""

from datetime import datetime, timedelta
from pathlib import Path

import pytest

from edge.cli import run
from edge.events import Clock
from edge.sinks.keep import Keep
from edge.sinks.recorder import Recorder
from tests.edge.recordings import block, recorded, records, session


def test_keep_deletes_the_oldest_hours_of_ours_and_nothing_else(tmp_path: Path) -> None:
    days = ["2020-01-01", "2020-01-02", "2020-01-03"]
    for day in days:
        recorded(tmp_path, [block(0, range(1000))], f"{day}T00:00:00.000Z")
    strangers = {
        "100.hea": "100 1 250 1000",
        "20100101T000000Z.hea": "x",
        "20200101T000000Z.atr": "",
    }
    for name, text in strangers.items():
        (tmp_path / name).write_text(text)
    size = sum(path.stat().st_size for path in tmp_path.glob("20200101T000000Z.???*")) + 20
    recorded(tmp_path, [block(0, range(1000))])
    Keep(size=2.5 * size).apply(tmp_path)
    names = {path.name for path in tmp_path.iterdir()}
    assert {name for name in names if name.endswith(".hea")} == {
        "100.hea", "20100101T000000Z.hea", "20200103T000000Z.hea", "20261129T002444Z.hea",
    }  # fmt: skip
    assert set(strangers) <= names
    recorder = Recorder(tmp_path, Keep.parse("30d"))
    recorder.write(session("2000-01-01T00:00:00.000Z"))  # the oldest of all, but being written
    recorder.samples(block(0, range(1000)))
    for _ in range(2):
        recorder._urgent, recorder._looked = True, -1e9
        recorder.flush()
    assert {Path(record).name for record in records(tmp_path)} >= {"20000101T000000Z", "100"}
    assert "20200103T000000Z.hea" not in {path.name for path in tmp_path.iterdir()}
    recorder.close()


DAYS = [f"2026-11-{day:02}T00:00:00.000Z" for day in range(20, 29)]


@pytest.mark.parametrize("start", ["2036-11-29T00:00:00.000Z", "1970-01-01T00:00:00.000Z"])
@pytest.mark.parametrize("kind", ["age", "size"])
def test_a_clock_that_is_wrong_deletes_nothing_that_is_young(
    tmp_path: Path, start: str, kind: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As of a machine that starts without knowing the time."""
    for day in DAYS:
        recorded(tmp_path, [block(0, range(200))], day)
    size = sum(path.stat().st_size for path in tmp_path.iterdir()) / len(DAYS)
    keep = Keep(age=timedelta(days=5.5)) if kind == "age" else Keep(size=8.5 * size)
    clock_at(monkeypatch, start)
    recorder = Recorder(tmp_path, keep)
    recorder.write(session(start))
    recorder.samples(block(0, range(200)))
    recorder.flush()
    recorder.samples(block(3600 * 250, range(200)))
    for _ in range(2):  # the first file of this run is no more written then
        recorder._urgent, recorder._looked = True, -1e9
        recorder.flush()
    left = [Path(record).name[:8] for record in records(tmp_path)]
    assert left.count(start[:10].replace("-", "")) == 2
    days = sorted(day for day in left if day.startswith("202611"))
    assert days == [f"202611{day}" for day in range(29 - len(days), 29)]
    assert len(days) == 6 if (kind, start[:4]) == ("age", "2036") else len(days) >= 5
    assert (len(days) < 9) is (kind == "size" or start.startswith("2036"))
    recorder.close()


def clock_at(monkeypatch: pytest.MonkeyPatch, time: str) -> None:
    class Now(datetime):
        @classmethod
        def now(cls, tz: object = None) -> "Now":
            return cls.fromisoformat(time)

    monkeypatch.setattr("edge.sinks.keep.datetime", Now)


def test_what_was_recorded_before_the_clock_was_set_is_as_old_as_its_samples(
    tmp_path: Path,
) -> None:
    recorder = Recorder(tmp_path, Keep.parse("1d"))
    recorder.write(session("1970-01-01T00:00:00.000Z"))
    recorder.samples(block(0, range(500)))
    recorder.flush()
    recorder.write(Clock(500, 2.0, "set", 1.8e9, "2027-01-15T08:00:02Z", "set"))
    recorder.samples(block(500, range(500)))
    recorder._urgent = True
    recorder.flush()
    recorder.close()  # and so when it is over
    Keep.parse("1d").apply(tmp_path)
    assert len(records(tmp_path)) == 2


@pytest.mark.parametrize(
    "text", ["", "30", "d", "-1d", "0d", "1e9d", "10 GiB", "nan d", "9" * 400 + "d"]
)
def test_a_limit_that_is_none_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="30d, 12h or 10GB"):
        Keep.parse(text)
    with pytest.raises(SystemExit):
        run.main(["--demo", "--record", "x", "--keep", text])


def test_limits_are_understood() -> None:
    assert Keep.parse("12h") | Keep.parse("1.5 GB") == Keep(timedelta(hours=12), 1.5e9)
