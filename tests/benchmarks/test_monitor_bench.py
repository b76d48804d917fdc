"""What makers disclose: nothing is met by a monitor that hears nothing, and the page is printed."""

import json
import re
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import benchmarks.system.monitor.report
from benchmarks.cli import main
from benchmarks.system.monitor.figure import Figure
from benchmarks.system.monitor.measure import figures
from benchmarks.system.monitor.pacing import pacing
from benchmarks.system.monitor.qrs import heights_and_widths, tall_t, tolerance
from benchmarks.system.monitor.rates import irregular_rhythms, rate_range, step_response
from benchmarks.system.monitor.report import SOURCES, page, text
from benchmarks.system.monitor.response import Response, player
from benchmarks.system.monitor.times import alarm_times
from benchmarks.system.monitor.waveforms import BOARDS, Signal, line, times, triangles
from edge.bundle import Bundle

DOC = (Path(__file__).parents[2] / "docs" / "monitor.md").read_text(encoding="utf-8")
FS = 250.0


def deaf(mv: Signal, fs: float) -> Response:
    """A monitor that tells nothing."""
    return Response([], 0, [], [])


def nervous(mv: Signal, fs: float) -> Response:
    """A monitor that finds ten beats a second, and raises every alarm at once."""
    at = np.arange(0, len(mv) / fs, 0.1).tolist()
    return Response(
        at, len(at), [(t, 600.0) for t in at], [(0.0, "asystole"), (0.0, "bradycardia")]
    )


def exact(mv: Signal, fs: float) -> Response:
    """A meter of triangles, which are all that stands out of the noise: each is one beat."""
    high = np.flatnonzero(np.diff((np.abs(mv) > 0.05).astype(int)))
    at = [(a + b) / 2 / fs for a, b in zip(high[::2].tolist(), high[1::2].tolist(), strict=False)]
    rates = [(b, 60 / (b - a)) for a, b in pairwise(at)]
    return Response(at, len(at), rates, [])


def test_a_deaf_monitor_meets_only_what_must_not_be_counted() -> None:
    found = figures(deaf, FS)
    assert {figure.what for figure in found if figure.met} == {
        "below 30/min, to 20",
        "share of QRS of 0.15 mV and below that are counted",
        "share of QRS of 10 ms and below at 1 mV that are counted",
    }
    assert len({(figure.group, figure.what) for figure in found}) == len(found)
    json.dumps([figure._asdict() for figure in found], allow_nan=False)


def test_a_nervous_monitor_meets_nothing() -> None:
    few = [*rate_range(nervous, FS), *tall_t(nervous, FS), *tolerance(nervous, FS)]
    few += [*heights_and_widths(nervous, FS), *pacing(nervous, BOARDS[:1])]
    assert {figure.what for figure in few if figure.met} == {"beyond 200/min, to 300"}
    assert not any(f.met for f in alarm_times(nervous, FS))


def test_an_exact_meter_is_found_to_be_one() -> None:
    met = {figure.what: figure.met for figure in rate_range(exact, FS)}
    assert all(met.values())
    step = next(f for f in step_response(exact, FS) if f.what == "80 to 120/min: 63 % of the step")
    assert step.data["to_63_s"] == pytest.approx([0.5] * 5, abs=0.02)
    heights = heights_and_widths(exact, FS)[0]
    assert heights.met
    assert heights.measured == "0.15 to 10 mV of 0.1 to 10"  # 0.1 mV is lost in its threshold


@given(
    st.sets(st.integers(0, 60)),
    st.lists(st.floats(0.25, 0.45), max_size=8),
    st.floats(-0.14, 0.14),
    st.floats(50, 120),
)
def test_each_missed_and_each_extra_beat_is_one_that_is_wrong(
    missed: set[int], extra: list[float], late: float, rate: float
) -> None:
    true = times(rate, 0.5, 40)
    rr = 60 / rate
    kept = [t + late for i, t in enumerate(true) if i not in missed]
    beside = [true[i] + rr * 0.5 for i in range(len(extra))] if rr > 0.6 else []
    got = Response(sorted([*kept, *beside]), 0, [], [])
    assert got.wrong(true, start=0) == sum(i < len(true) for i in missed) + len(beside)


def test_a_monitor_listens_to_one_signal_at_a_time() -> None:
    play = player(Bundle.load())
    at = times(80, 0.5, 29.5)
    mv = triangles(at, 0.1, 1.0, 30, FS) + line(30, FS)
    assert play(mv, FS) == play(mv, FS)
    assert play(mv, FS).wrong(at) == 0


def labels(printed: str) -> list[tuple[str, ...]]:
    """Every row of a page but what was measured and whether that will do; and the headings."""
    rows = [line.strip("| ").split("|") for line in printed.splitlines() if line.startswith("| ")]
    headings = [(line,) for line in printed.splitlines() if line.startswith("#")]
    return headings + [tuple(r[i].strip() for i in (0, 1, -1)) for r in rows if len(r) == 5]


def test_the_page_has_the_rows_that_the_command_prints() -> None:
    assert labels(DOC) == labels(page(figures(deaf, FS), FS)), "run edge-bench monitor --out"


def test_the_page_says_what_is_measured_now() -> None:
    """A cheap part of it, in every figure."""
    found = irregular_rhythms(player(Bundle.load()), FS)
    assert page(found, FS).split("## ")[1] == DOC.split("## ")[3], "run edge-bench monitor --out"


def test_the_page_claims_nothing() -> None:
    assert "claims no conformity" in DOC
    assert "no\nmedical device" in DOC or "no medical device" in DOC
    letters = set(re.findall(r"\(([a-z](?:, [a-z])*)\)", DOC))
    assert {letter for of in letters for letter in of.split(", ")} == set(SOURCES)


def test_the_command_prints_and_writes(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    few = [Figure("Rate", "range", "30", "25 | 27", False, "(a)", {"shown": [None, 25.0]})]
    monkeypatch.setattr(benchmarks.system.monitor.report, "figures", lambda play, fs: few)
    out, data = tmp_path / "page.md", tmp_path / "figures.json"
    assert main(["monitor", "--fs", "125", "--out", str(out), "--json", str(data)]) == 0
    assert capsys.readouterr().out == text(few, 125) + "\n"
    assert out.read_text() == page(few, 125)
    kept = json.loads(data.read_text())
    assert kept["fs"] == 125
    assert kept["figures"] == [few[0]._asdict()]
    assert main(["monitor", "--out", str(tmp_path / "no" / "page.md")]) == 8
    assert "cannot write" in capsys.readouterr().err
