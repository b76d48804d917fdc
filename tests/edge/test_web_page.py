"""The page of `edge-run --web`, in a real Chromium."""

import json
import re
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import pytest

from benchmarks.system.browser import Browser, Tab
from edge import demo
from edge.synthetic import synthesize

CODE = Path(demo.__file__).parent.parent
ENDS_S = 20.0
PIXELS = """(() => {
  const canvas = document.querySelector("#trace");
  const { data } = canvas.getContext("2d").getImageData(0, 0, canvas.width, canvas.height);
  const seen = {};
  for (let i = 0; i < data.length; i += 4) {
    const colour = (data[i] << 16) + (data[i + 1] << 8) + data[i + 2];
    seen[colour] = (seen[colour] ?? 0) + 1;
  }
  return seen;
})()"""


@pytest.fixture(scope="module")
def record(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Ten minutes like the demo, without its noise."""
    script = re.sub(r"[(\[][^)\]]*[)\]]", "NNNN", demo.SCRIPT)
    made = synthesize(script * 10, demo.FS, np.random.default_rng(3))
    path = tmp_path_factory.mktemp("page") / "made.npy"
    np.save(path, made.mv)
    return path


@contextmanager
def served(
    record: Path, where: str = "0", speed: int = 2
) -> Iterator[tuple[subprocess.Popen[str], str]]:
    command = [sys.executable, "-m", "edge.cli.run", "--replay", str(record), "--fs", "360"]
    command += ["--speed", str(speed), "--quiet", "--web", where]
    with subprocess.Popen(command, cwd=CODE, stderr=subprocess.PIPE, text=True) as process:
        try:
            assert process.stderr
            yield process, process.stderr.readline().strip().rpartition(" ")[2]
        finally:
            process.kill()


@pytest.fixture(scope="module")
def url(record: Path) -> Iterator[str]:
    with served(record) as (_, where):
        yield where


@pytest.fixture
def tab(browser: Browser, url: str) -> Iterator[Tab]:
    tab = opened(browser, url)
    yield tab
    assert not tab.faults
    tab.call("Page.close")


def opened(browser: Browser, url: str, width: int = 1280, height: int = 900) -> Tab:
    tab = browser.tab()
    tab.size(width, height)
    tab.open(url)
    tab.until("/^\\d+$/.test(document.querySelector('#rate')?.textContent)")
    return tab


def text(tab: Tab, selector: str) -> str:
    value = tab.evaluate(f"document.querySelector({selector!r}).textContent")
    assert isinstance(value, str)
    return value


def colour(tab: Tab, name: str) -> str:
    """Of the theme, as a key of PIXELS."""
    value = tab.evaluate(
        f"getComputedStyle(document.documentElement).getPropertyValue('--{name}').trim()"
    )
    value = re.sub(r"^#(.)(.)(.)$", r"#\1\1\2\2\3\3", value)
    return str(int(value[1:], 16))


def put(tab: Tab, rule: str, value: float) -> None:
    """Types a limit."""
    tab.call("Page.bringToFront")  # who is not seen draws nothing
    field = f"document.querySelector('[data-rule={rule}] input[type=number]')"
    tab.until(f"{field} && !{field}.disabled")
    tab.evaluate(f"{field}.value = {value}; {field}.dispatchEvent(new Event('change'))")


def has(rule: str, value: float) -> str:
    field = f"document.querySelector('[data-rule={rule}] input[type=number]')"
    return f"{field}?.valueAsNumber === {value}"


def switch(tab: Tab, rule: str) -> None:
    tab.evaluate(f"document.querySelector('[data-rule={rule}] input[type=checkbox]').click()")


@contextmanager
def slow_heart(tab: Tab) -> Iterator[None]:
    """An alarm that stays: what is usual counts as slow."""
    put(tab, "bradycardia", 120)
    try:
        tab.until("document.querySelector('[data-alarm=bradycardia].medium')")
        yield
    finally:
        put(tab, "bradycardia", 40)
        tab.until("!document.querySelector('[data-alarm=bradycardia]')", 60)


def test_it_draws_paper_traces_and_marks(tab: Tab) -> None:
    tab.until("document.querySelector('#counts').textContent.includes('ventricular')")
    tab.until("/[1-9]/.test(document.querySelectorAll('#counts dd')[2].textContent)", 60)
    for name in ("paper", "fine", "coarse", "trace", "N", "V", "S"):
        wanted = colour(tab, name)

        def seen(wanted: str = wanted) -> bool:
            return bool(tab.evaluate(PIXELS).get(wanted, 0) > 40)

        wait(seen, 60)
    assert "no medical device" in text(tab, "footer")
    assert "made" in text(tab, "#source")
    assert "360 Hz" in text(tab, "#source")
    assert "Last beat" in text(tab, "#last")
    assert "Began: made" in text(tab, "#log")


def wait(true: Callable[[], bool], seconds: float) -> None:
    end = time.monotonic() + seconds
    while not true():
        assert time.monotonic() < end
        time.sleep(0.1)


def drawn(tab: Tab) -> str:
    return str(tab.evaluate("document.querySelector('#trace').toDataURL()"))


def stands_still(tab: Tab) -> bool:
    before = drawn(tab)
    time.sleep(0.5)
    return drawn(tab) == before


def test_the_trace_moves_by_itself(tab: Tab) -> None:
    before = int(tab.evaluate("document.body.dataset.frames"))
    first = drawn(tab)
    tab.until(f"+document.body.dataset.frames > {before + 5}")
    assert drawn(tab) != first


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_themes(tab: Tab, theme: str) -> None:
    while tab.evaluate("document.documentElement.dataset.theme") != theme:
        tab.key("t")
    wanted = colour(tab, "paper")
    wait(lambda: bool(tab.evaluate(PIXELS).get(wanted, 0) > 1000), 10)
    tab.open(tab.evaluate("location.href"))  # it is remembered
    tab.until(f"document.documentElement.dataset.theme === {theme!r}")


def test_an_alarm_calls_until_it_is_acknowledged_in_every_tab(
    tab: Tab, browser: Browser, url: str
) -> None:
    other = opened(browser, url)
    with slow_heart(tab):
        other.until("document.querySelector('[data-alarm=bradycardia].calls')")
        assert "!! Bradycardia" in text(other, "[data-alarm=bradycardia]")
        tab.click("#sound")
        tab.until("document.querySelector('#sound').textContent === 'Sound on'")
        tab.until("+document.body.dataset.bursts >= 1")
        other.click("[data-alarm=bradycardia] button")
        for one in (tab, other):
            one.call("Page.bringToFront")
            one.until("document.querySelector('[data-alarm=bradycardia].seen:not(.calls)')")
            assert "acknowledged" in text(one, "[data-alarm=bradycardia]")
            one.until("document.querySelector('#log').textContent.includes('Acknowledged: brady')")
        # Who comes later sees it so, too.
        tab.open(url)
        tab.until("document.querySelector('[data-alarm=bradycardia].seen')")
    other.call("Page.close")


def test_silence_counts_down(tab: Tab) -> None:
    tab.click("#silence")
    tab.until("/^Silenced (2:00|1:5\\d)$/.test(document.querySelector('#silence').textContent)")
    tab.until("/^Silenced 1:5[0-8]$/.test(document.querySelector('#silence').textContent)")
    tab.key("m")
    tab.until("document.querySelector('#silence').textContent === 'Silence 2 min'")


def test_limits_are_set_refused_and_switched_off(tab: Tab) -> None:
    put(tab, "pause", 3)
    tab.until("document.querySelector('[data-rule=pause].other')")
    assert tab.evaluate(has("pause", 3))
    tab.until("document.querySelector('#log').textContent.includes('Limit of pause: 3')")
    put(tab, "pause", 99)
    tab.until("document.querySelector('#refused').textContent.includes('Pause takes 1.5 to 5 s')")
    tab.until(has("pause", 3))
    switch(tab, "couplet")  # which has no limit
    tab.until("document.querySelector('[data-rule=couplet].other')")
    switch(tab, "couplet")
    tab.until("document.querySelector('[data-rule=couplet]:not(.other)')")
    put(tab, "pause", 2)
    tab.until("document.querySelector('[data-rule=pause]:not(.other)')")


def test_a_frozen_trace_is_measured(tab: Tab) -> None:
    tab.evaluate("document.activeElement.blur()")
    tab.key(" ", "Space")
    tab.until("document.querySelector('#trace.frozen')")
    box = tab.evaluate(
        "(() => { const b = document.querySelector('#trace').getBoundingClientRect();"
        " return [b.left, b.top, b.width, b.height]; })()"
    )
    x, y = box[0] + 300, box[1] + 150
    tab.drag((x, y), (x + 100, y - 40))
    measured = text(tab, "#measured")
    # Of 4 pixels to a millimetre, at 25 mm/s and 10 mm/mV.
    assert re.fullmatch(r"lead [01]: 1000 ms = 60/min, 1.00 mV", measured), measured
    wait(lambda: stands_still(tab), 20)
    tab.key("ArrowRight")
    tab.until("document.querySelector('#measured').textContent.includes('1004 ms')")
    tab.key("Escape")
    tab.until("!document.querySelector('#trace.frozen')")


def test_keys_work_after_the_slider_was_used(tab: Tab) -> None:
    tab.evaluate("document.activeElement.blur()")
    for selector, key in (("#when", " "), ("#speed", "Escape")):
        tab.key(" ", "Space")
        tab.until("document.querySelector('#trace.frozen')")
        tab.evaluate(f"document.querySelector('{selector}').focus()")
        tab.key(key)
        tab.until("!document.querySelector('#trace.frozen')")
        tab.evaluate("document.activeElement.blur()")


def test_a_heart_that_stands_still_has_no_rate(browser: Browser, tmp_path: Path) -> None:
    mv = synthesize("N" * 10, demo.FS, np.random.default_rng(3)).mv
    flat = np.random.default_rng(4).normal(0, 0.005, (round(60 * demo.FS), mv.shape[1]))
    np.save(tmp_path / "still.npy", np.concatenate([mv, flat]))
    with served(tmp_path / "still.npy") as (_, url):
        tab = opened(browser, url)
        tab.until("document.querySelector('#rhythm').textContent === 'asystole'")
        tab.until("document.querySelector('#rate').textContent === '--'")
        tab.call("Page.close")


def test_the_log_leads_back_in_the_trace(tab: Tab) -> None:
    tab.until("document.querySelector('#log button:enabled')")
    tab.evaluate("[...document.querySelectorAll('#log button:enabled')].at(-1).click()")
    tab.until("document.querySelector('#trace.frozen')")
    assert tab.evaluate("+document.querySelector('#when').value") < tab.evaluate(
        "+document.querySelector('#when').max"
    )
    tab.click("#live")
    tab.until("document.querySelector('#back').hidden")


def test_what_is_no_longer_kept_of_the_trace_is_not_led_to(browser: Browser, record: Path) -> None:
    """Ten minutes are more than the page keeps."""
    with served(record, speed=40) as (_, url):
        tab = opened(browser, url)
        tab.until("[...document.querySelectorAll('#log button')].at(-1).disabled")
        tab.until("document.querySelector('#log button:enabled')")
        tab.call("Page.close")


@pytest.mark.parametrize("rr_ms", [250.0, 800.0, 2400.0])
def test_a_steady_rhythm_lies_on_the_diagonal(tab: Tab, rr_ms: float) -> None:
    """Both axes of the Poincaré plot are one, and every interval is within all axes."""
    beats = [
        {"id": i, "t": i * rr_ms / 1e3, "rr_ms": rr_ms * (1 + 0.2 * (i % 7 == 0)), "label": "N",
         "final": True}
        for i in range(1, 40)
    ]  # fmt: skip
    x, y, rr = tab.evaluate(
        f"""(async () => {{
          const charts = new (await import('/charts.js')).Charts((t) => t);
          charts.beats({json.dumps(beats)}, {40 * rr_ms / 1e3});
          await new Promise((done) => setTimeout(done)); // uPlot draws what was set by then
          const [box, rr] = [charts.poincare.plot, charts.rr.plot];
          const axes = [box.scales.x, box.scales.y, rr.scales.y].map((s) => [s.min, s.max]);
          for (const chart of [box, rr, charts.trend.plot]) chart.root.remove();
          return axes;
        }})()"""
    )
    assert x == y
    for least, most in (x, rr):
        assert least < rr_ms < 1.2 * rr_ms < most


def test_a_new_line_of_the_log_takes_no_focus_away(tab: Tab) -> None:
    tab.until("document.querySelector('#log button:enabled')")
    tab.evaluate("document.querySelector('#log button').focus()")
    put(tab, "pause", 2.5)
    tab.until("document.querySelector('#log').textContent.includes('Limit of pause: 2.5')")
    assert tab.evaluate("document.activeElement.matches('#log button')")
    put(tab, "pause", 2)
    tab.until("document.querySelector('[data-rule=pause]:not(.other)')")


def test_speeds_gains_and_filters_are_drawn_and_kept(tab: Tab) -> None:
    for name, value in (
        ("speed", "50"), ("gain", "20"), ("filter", "diagnostic"), ("notch", "50"),
    ):  # fmt: skip
        tab.evaluate(
            f"(() => {{ const e = document.querySelector('#{name}'); e.value = '{value}';"
            " e.dispatchEvent(new Event('change')); })()"
        )
    wanted = colour(tab, "trace")
    wait(lambda: bool(tab.evaluate(PIXELS).get(wanted, 0) > 100), 10)
    tab.open(tab.evaluate("location.href"))
    tab.until("document.querySelector('#speed')?.value === '50'")
    assert tab.evaluate("document.querySelector('#filter').value") == "diagnostic"
    tab.evaluate("localStorage.clear()")


def test_who_comes_late_gets_the_last_minutes(tab: Tab) -> None:
    tab.evaluate("document.activeElement.blur()")
    tab.key(" ", "Space")
    # More than came since the page was opened.
    tab.until("document.querySelector('#when').max - document.querySelector('#when').min > 60")


def test_a_phone_needs_no_scrolling_sideways(browser: Browser, url: str) -> None:
    tab = browser.tab()
    tab.size(360, 740, 3, phone=True)
    tab.open(url)
    tab.until("/^\\d+$/.test(document.querySelector('#rate')?.textContent)")
    assert tab.evaluate("document.documentElement.scrollWidth <= innerWidth")
    tab.size(740, 360, 3, phone=True)
    tab.until("document.querySelector('#trace').getBoundingClientRect().bottom <= innerHeight")
    assert tab.evaluate("document.documentElement.scrollWidth <= innerWidth")
    assert not tab.faults
    tab.call("Page.close")


def test_a_monitor_that_is_gone_is_told_and_found_again(browser: Browser, record: Path) -> None:
    with served(record) as (process, url):
        tab = opened(browser, url)
        process.kill()
        tab.until("!document.querySelector('#away').hidden")
        assert "No connection" in text(tab, "#away")
        tab.until("document.querySelector('#rate').classList.contains('old')")
    port = url.rstrip("/").rpartition(":")[2]
    with served(record, port):
        tab.until("document.querySelector('#away').hidden")
        tab.until("!document.querySelector('#rate').classList.contains('old')")
        assert "No alarms" in text(tab, "#on")
    tab.call("Page.close")


def test_a_run_that_ends_says_so(browser: Browser, record: Path) -> None:
    with served(record) as (process, url):
        tab = opened(browser, url)
        process.terminate()
        tab.until("!document.querySelector('#away').hidden")
        assert "has ended" in text(tab, "#away")
        assert process.wait(ENDS_S) == 0
        tab.call("Page.close")


def test_beyond_this_machine_the_link_is_the_key(browser: Browser, record: Path) -> None:
    with served(record, "0.0.0.0:0") as (_, link):
        port = re.search(r":(\d+)/", link)
        assert port
        here = f"http://127.0.0.1:{port[1]}/"
        tab = browser.tab()
        for wrong in (here, f"{here}?token=x"):
            tab.open(wrong)
            tab.until("document.body?.textContent.includes('Open the link')")
        tab.open(f"{here}?token={link.partition('token=')[2]}")
        tab.until("/^\\d+$/.test(document.querySelector('#rate')?.textContent)")
        assert tab.evaluate("location.href") == here
        tab.call("Page.close")
