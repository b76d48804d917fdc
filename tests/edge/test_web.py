"""The page's server, without a browser: who gets what, what viewers may say, who waits for whom."""

import json
import math
import pickle
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, suppress
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from websockets.exceptions import ConnectionClosed, InvalidStatus
from websockets.sync.client import ClientConnection, connect
from websockets.typing import Origin

from edge import demo, replay
from edge.alarms import RULES, Limits
from edge.cli.run import main
from edge.errors import OutputError
from edge.events import Acknowledged, Alarm, Beat, Clock, Event, Hrv, Limit, Rhythm, Session
from edge.intake import Intake
from edge.live import follow
from edge.monitor import Monitor
from edge.outputs import Outputs
from edge.sinks import SignalSink
from edge.web.address import Address, listen, parse
from edge.web.ask import StrangeError, wish
from edge.web.gate import HEADERS, Gate, files
from edge.web.past import HEAD, Past
from edge.web.server import VIEWERS, Web
from edge.web.state import State
from edge.web.trend import MINUTES, Trend
from edge.wishes import Acknowledge, SetLimits, Wish
from firmware_bridge.block import LeadState, SampleBlock

CODE = Path(demo.__file__).parent.parent
WAIT_S = 20.0
FS = 360.0


def block(start: int, n: int = 24, leads: int = 2, state: LeadState = LeadState.ON) -> SampleBlock:
    mv = np.arange(start * leads, (start + n) * leads, dtype=np.float32).reshape(n, leads)
    names = tuple(f"L{i}" for i in range(leads))
    return SampleBlock(start, mv, FS, names, (state,) * leads, (False,) * leads)


def session() -> Session:
    return Session(0, 0.0, "2026-11-29T00:00:00.000Z", "+00:00", "1", "made", FS, ("L0", "L1"), "b")


def beat(number: int, t: float, label: Any = "N") -> Beat:
    return Beat(round(t * FS), t, number, label, True, 1.0, 800.0, 1.0, 200.0, False)


def alarm(name: Any, t: float, active: bool = True) -> Alarm:
    return Alarm(round(t * FS), t, name, active, t, "so", RULES[name].priority, None)


# Addresses


@pytest.mark.parametrize(
    ("text", "address", "local"),
    [
        ("8080", ("127.0.0.1", 8080), True),
        ("0", ("127.0.0.1", 0), True),
        ("localhost", ("localhost", 8765), True),
        ("127.0.0.5:99", ("127.0.0.5", 99), True),
        ("[::1]:80", ("::1", 80), True),
        ("::1", ("::1", 8765), True),
        ("0.0.0.0", ("0.0.0.0", 8765), False),
        ("192.168.1.2:65535", ("192.168.1.2", 65535), False),
        ("pi.local:80", ("pi.local", 80), False),
        ("[::]", ("::", 8765), False),
    ],
)
def test_addresses(text: str, address: tuple[str, int], local: bool) -> None:
    assert parse(text) == address
    assert parse(text).local == local


@pytest.mark.parametrize(
    "text", ["", ":80", "a:", "a:b", "a:65536", "a:-1", "[::1", "1:2:3:x", "[a]:1"]
)
def test_what_is_no_address_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="give HOST:PORT"):
        parse(text)


@given(st.text(max_size=40))
def test_any_text_is_an_address_or_a_sentence(text: str) -> None:
    try:
        address = parse(text)
    except ValueError:
        return
    assert 0 <= address.port <= 65535


def test_a_port_that_is_taken_is_one_sentence(capsys: pytest.CaptureFixture[str]) -> None:
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        port = other.getsockname()[1]
        assert main(["--demo", "--speed", "max", "--quiet", "--web", str(port)]) == 8
    error = capsys.readouterr().err
    assert error.count("\n") == 1
    assert f"cannot serve the page on 127.0.0.1:{port}: another program has that port" in error


@pytest.mark.parametrize("host", ["no.such.host.invalid", "192.0.2.77", "a" * 300])
def test_a_host_that_is_not_this_machine_is_one_sentence(host: str) -> None:
    with pytest.raises(OutputError, match="this machine has no such address"):
        listen(Address(host, 0))


# Who gets what

LOCAL = Address("127.0.0.1", 8765)
TOKEN = "a-token"


def ask(target: str, gate: Gate | None = None, **headers: str) -> tuple[int, dict[str, str]] | None:
    gate = gate or Gate(LOCAL, None)
    answer = gate.answer(target, {"host": "127.0.0.1:8765", **headers})
    return answer and (answer.status, dict(answer.headers))


def status(target: str, gate: Gate | None = None, **headers: str) -> int | None:
    answer = ask(target, gate, **headers)
    return answer and answer[0]


def test_the_page_is_whole_and_small() -> None:
    served = files()
    assert {"/", "/main.js", "/page.css", "/uplot.js", "/uplot.txt"} <= served.keys()
    assert sum(len(body) for _, body in served.values()) < 300_000
    html = served["/"][1].decode()
    for path in served.keys() - {"/", "/uplot.txt"}:
        assert status(path) == 200
    assert "http://" not in html
    assert "https://" not in html
    assert "style=" not in html
    assert "<script>" not in html
    assert "no medical device" in html


@given(
    st.text(max_size=60) | st.from_regex(r"(/|\.\./|%2e%2e/|//|\\)*[a-z]*(\.py|/passwd|\.js)?\Z")
)
def test_nothing_else_is_served(target: str) -> None:
    answer = Gate(LOCAL, None).answer(target, {"host": "127.0.0.1:8765"})
    assert answer
    if answer.status == 200:
        assert answer.body in [body for _, body in files().values()]
    else:
        assert answer.status in (403, 404)


@pytest.mark.parametrize(
    ("host", "local", "others"),
    [
        ("127.0.0.1:8765", True, True),
        ("localhost:9000", True, True),  # a tunnel's port
        ("[::1]:8765", True, True),
        ("LocalHost.", True, True),
        (socket.gethostname(), True, True),
        ("192.168.1.7:8765", False, True),
        ("evil.example", False, False),
        ("evil.example:8765", False, False),
        ("127.0.0.1.evil.example", False, False),
        ("127.0.0.1:8765@evil.example", False, False),
        ("", False, False),
    ],
)
def test_strangers_names_are_refused(host: str, local: bool, others: bool) -> None:
    assert (status("/", host=host) == 200) == local
    cookie = f"edge_8765={TOKEN}"
    gate = Gate(Address("0.0.0.0", 8765), TOKEN)
    assert (status("/", gate, host=host, cookie=cookie) == 200) == others


def test_beyond_this_machine_a_token_is_needed_once() -> None:
    gate = Gate(Address("0.0.0.0", 8765), TOKEN)
    here = {"origin": "http://127.0.0.1:8765"}
    for path in ["/", "/main.js", "/live", "/?token=other", "/?token=", "/main.js?token=" + TOKEN]:
        assert status(path, gate, **here) == 403, path
    answer = ask(f"/?token={TOKEN}", gate)
    assert answer
    assert answer[0] == 303
    assert answer[1]["Location"] == "/"
    cookie = answer[1]["Set-Cookie"]
    assert "HttpOnly" in cookie
    assert "SameSite=Strict" in cookie
    kept = {"cookie": f"a=b; {cookie.split(';')[0]}"}
    assert status("/", gate, **kept) == 200
    assert status("/live", gate, **kept, **here) is None
    assert status("/live", gate, cookie=f"edge_8765={TOKEN}x", **here) == 403
    assert status("/live", gate, cookie="edge_8765=\u00e9\udc80", **here) == 403
    assert status("//[", gate, cookie=cookie) == 404


@pytest.mark.parametrize(
    "origin",
    [
        "",
        "null",
        "http://evil.example",
        "http://127.0.0.1:1",
        "file://",
        "http://127.0.0.1:8765.evil",
    ],
)
def test_another_sites_page_gets_no_stream(origin: str) -> None:
    assert status("/live", origin=origin) == 403
    assert status("/live", origin="http://127.0.0.1:8765") is None


# What a viewer may say


@given(
    st.text(max_size=200)
    | st.binary(max_size=50)
    | st.recursive(
        st.none() | st.booleans() | st.floats() | st.integers() | st.sampled_from([*RULES, "off"]),
        lambda inner: (
            st.lists(inner, max_size=4)
            | st.dictionaries(
                st.sampled_from(["acknowledge", "limits", "pause", *RULES]), inner, max_size=3
            )
        ),
    ).map(json.dumps)
)
def test_whatever_a_viewer_sends_is_a_wish_or_is_none(text: str | bytes) -> None:
    try:
        asked = wish(text, {})
    except (StrangeError, ValueError):
        return
    match asked:
        case Acknowledge():
            assert set(asked.names) <= RULES.keys()
        case SetLimits():
            Limits({name: value for name, value in asked.settings.items() if value is not None})


@pytest.mark.parametrize(
    "text",
    ['{"limits":{"pause":1e999}}', '{"limits":{"pause":1' + "0" * 400 + "}}", "[" * 4000, "{}",
     '{"limits":{"pause":true}}', '{"limits":{"pause":3},"more":1}', '{"acknowledge":["x"]}'],
)  # fmt: skip
def test_what_the_page_never_sends(text: str) -> None:
    with pytest.raises(StrangeError):
        wish(text, {})


def test_limits_that_cannot_be_are_a_sentence() -> None:
    with pytest.raises(ValueError, match="pause takes"):
        wish('{"limits":{"pause":99}}', {})
    with pytest.raises(ValueError, match="has to be above"):
        wish('{"limits":{"asystole":3}}', {"pause": 4})
    asked = wish('{"limits":{"asystole":3,"pause":null,"noise":"off"}}', {"pause": 4})
    assert asked == SetLimits({"asystole": 3, "pause": None, "noise": "off"}, "web")


# What becomes of a wish


def events_with(wishes: dict[int, Wish]) -> list[Event]:
    """Events of the demo, in which wishes come at seconds of signal."""
    items: list[Any] = []
    left = dict(wishes)
    for item in replay.blocks(demo.stream()[0]):
        for i in range(0, len(item), 360):
            second = (item.start + i) // 360
            items += [left.pop(second)] if second in left else []
            items.append(replace(item, start=item.start + i, mv=item.mv[i : i + 360]))
    return [event for _, events in follow(items, Monitor()) for event in events]


def test_a_limit_that_is_set_holds_from_then_on() -> None:
    plain = events_with({})
    pauses = [e for e in plain if isinstance(e, Alarm) and e.name == "pause" and e.active]
    assert pauses
    told = events_with({0: SetLimits({"pause": 3.0}, "web")})
    assert Limit(0, 0.0, "pause", 3.0, False, "web") in told
    assert not [e for e in told if isinstance(e, Alarm) and e.name == "pause" and e.active]
    # Everything else is as it was.
    rest = [e for e in told if not isinstance(e, Limit)]
    left = [e for e in plain if not (isinstance(e, Alarm) and e.name == "pause")]
    assert rest[:-1] == left[:-1]


def test_an_alarm_that_is_switched_off_ends_and_comes_back() -> None:
    plain = events_with({})
    [began] = [e for e in plain if isinstance(e, Alarm) and e.name == "lead_off" and e.active]
    at = math.ceil(began.t) + 1
    told = events_with(
        {at: SetLimits({"lead_off": "off"}, "web"), at + 1: SetLimits({"lead_off": None}, "web")}
    )
    changes = [(e.active, e.text) for e in told if isinstance(e, Alarm) and e.name == "lead_off"]
    assert [active for active, _ in changes][:3] == [True, False, True]
    assert changes[1][1] == "switched off"
    limits = [e for e in told if isinstance(e, Limit)]
    assert [e.off for e in limits] == [True, False]
    assert limits[1].limit == RULES["lead_off"].limit


def test_limits_that_cannot_be_change_nothing() -> None:
    wishes: dict[int, Wish] = {5: SetLimits({"pause": 99.0}, "web")}
    assert events_with(wishes) == events_with({})


def test_a_wish_comes_though_no_sample_does() -> None:
    stopped = threading.Event()

    def silent() -> Iterator[SampleBlock]:
        yield block(0)
        stopped.wait(WAIT_S)

    intake = Intake(silent(), stopped.set)
    items = iter(intake)
    assert isinstance(next(items), SampleBlock)
    intake.wish(Acknowledge(("pause",), "web"))
    assert next(items) == Acknowledge(("pause",), "web")
    intake.close()


# What is kept


@given(
    st.lists(st.tuples(st.integers(1, 400), st.integers(0, 300)), min_size=1, max_size=20),
    st.integers(1, 3),
)
def test_the_past_is_the_last_samples(pieces: list[tuple[int, int]], leads: int) -> None:
    past = Past(1.0, leads)  # 300 samples
    start, known = 0, dict[int, float]()
    for n, lost in pieces:
        start += lost
        one = block(start, n, leads)
        past.put(one)
        known |= {start + i: float(one.mv[i, 0]) for i in range(n)}
        start += n
    seen: dict[int, float] = {}
    for text in past.messages():
        first, n, columns = HEAD.unpack_from(text)
        assert columns == leads
        mv = np.frombuffer(text, "<f4", offset=HEAD.size).reshape(n, leads)
        seen |= {int(first) + i: float(mv[i, 0]) for i in range(n)}
    assert len(seen) <= 300
    assert max(seen) == start - 1
    for at, value in seen.items():
        assert value == known[at] if at in known else math.isnan(value)
    assert {at for at in known if at >= start - 300} <= seen.keys()


def test_an_electrode_that_is_off_shows_nothing() -> None:
    past = Past(FS, 2)
    past.put(block(0, state=LeadState.OFF))
    [text] = past.messages()
    assert np.isnan(np.frombuffer(text, "<f4", offset=HEAD.size)).all()


def test_the_past_of_many_leads_is_bounded() -> None:
    past = Past(1000.0, 64)
    past.put(block(0, 1000, 64))
    assert past.keep_s < 60
    assert sum(map(len, past.messages())) < 8 << 20


def test_a_trend_has_a_row_a_minute_and_a_day_of_them() -> None:
    trend = Trend()
    number = 0
    for second in range((MINUTES + 10) * 60):
        trend.passed(second + 1.0, 1.0)
        if second % 30 == 0:
            trend.beat(beat(number, float(second), "V" if second % 60 == 0 else "N"))
            trend.rhythm(Rhythm(0, float(second), "regular", 60.0 + second % 60))
            number += 1
    assert len(trend.rows) == MINUTES
    assert trend.rows[-1] == (trend.rows[-1][0], 75.0, 60.0, 90.0, 2, 1, 0, 60.0)
    assert [row[0] for row in trend.rows] == list(
        range(trend.rows[-1][0] - MINUTES + 1, trend.rows[-1][0] + 1)
    )


def test_a_state_stays_small_however_long_it_lasts() -> None:
    state = State({})
    state.take(session())
    sizes = []
    for hour in range(1, 5):
        for i in range(2500):
            t = (hour * 2500 + i) * 1.4
            state.show(block(round(t * FS), round(1.4 * FS)))
            state.take(beat(hour * 2500 + i, t))
            state.take(alarm("pause", t, bool(i % 2)))
        sizes.append((len(json.dumps(state.full())), len(pickle.dumps(state))))
    assert sizes[-1][0] < 1.1 * sizes[0][0]
    assert sizes[-1][1] < 1.1 * sizes[0][1]


def test_the_latest_of_what_changes_is_kept() -> None:
    state = State({})
    for t, rate in ((1.0, 60.0), (2.0, 70.0)):
        state.take(Rhythm(0, t, "regular", rate))
        state.take(Hrv(0, t, 300, 0.9, 800.0, rate, 30.0, 1.0, 2.0, 3.0, None, None))
    full = state.full()
    assert full["rhythm"]["rate_bpm"] == 70
    assert full["hrv"]["sdnn_ms"] == 70
    assert [event["type"] for event in full["log"]] == ["rhythm"]  # the rhythm is the same
    for kind, by_s in (("set", 1e6), ("suspended", 50.0), ("set", -3.0)):
        state.take(Clock(0, 3.0, kind, by_s, "", ""))  # type: ignore[arg-type]
    assert state.full()["clock_s"] == 1e6 - 3


def on(state: State) -> tuple[list[str], list[str]]:
    told = state.full()["alarms"]
    return [one["name"] for one in told["on"]], told["seen"]


def test_alarms_are_acknowledged_and_the_worst_stay_until_then() -> None:
    state = State({})
    state.take(alarm("asystole", 1))
    state.take(alarm("noise", 1))
    state.take(Acknowledged(0, 1.5, ("noise",), "web"))
    assert on(state) == (["asystole", "noise"], ["noise"])
    state.take(alarm("asystole", 2, False))
    state.take(alarm("noise", 2, False))
    assert on(state) == (["asystole"], [])  # it was high, and nobody has seen it
    state.take(Acknowledged(0, 3, ("asystole",), "web"))
    assert on(state) == ([], [])
    state.take(alarm("asystole", 4))
    state.take(Acknowledged(0, 5, ("asystole",), "web"))
    state.take(alarm("asystole", 6, False))
    assert on(state) == ([], [])
    state.take(alarm("noise", 7))  # once more: it calls again
    assert on(state) == (["noise"], [])


# The server


@pytest.fixture
def served() -> Iterator[tuple[Web, str, list[Wish]]]:
    sock, address = listen(Address("127.0.0.1", 0))
    wishes: list[Wish] = []
    web = Web(sock, Gate(address, None), wishes.append, {})
    try:
        yield web, str(address), wishes
    finally:
        web.close()


def view(where: str) -> ClientConnection:
    return connect(f"ws://{where}/live", origin=Origin(f"http://{where}"), compression=None)


def read(viewer: ClientConnection, wanted: Callable[[Any], bool]) -> Any:
    """The next event, or the number of samples of a message, that is wanted."""
    end = time.monotonic() + WAIT_S
    while time.monotonic() < end:
        text = viewer.recv(WAIT_S)
        items = [len(text)] if isinstance(text, bytes) else json.loads(text)
        for item in items:
            if wanted(item):
                return item
    raise AssertionError("it never came")


def kind(name: str) -> Callable[[Any], bool]:
    return lambda item: isinstance(item, dict) and item["type"] == name


def test_a_sink_that_takes_samples(served: tuple[Web, str, list[Wish]]) -> None:
    assert isinstance(served[0], SignalSink)


def test_a_late_joiner_gets_the_last_minutes(served: tuple[Web, str, list[Wish]]) -> None:
    web, where, _ = served
    web.samples(block(0, 3600))
    web.write(session())
    web.write(beat(1, 2.0))
    web.flush()
    with view(where) as viewer:
        state = read(viewer, kind("state"))
        assert state["session"]["source"] == "made"
        assert [one["id"] for one in state["beats"]] == [1]
        got = 0
        while got < 3600:
            text = viewer.recv(WAIT_S)
            if isinstance(text, bytes):
                got += HEAD.unpack_from(text)[1]
        web.samples(block(3600))
        web.write(beat(2, 3.0))
        web.flush()
        assert read(viewer, lambda item: item == HEAD.size + 24 * 2 * 4)
        assert read(viewer, kind("beat"))["id"] == 2


def test_wishes_come_through_and_strange_ones_end_their_viewer_alone(
    served: tuple[Web, str, list[Wish]],
) -> None:
    web, where, wishes = served
    with view(where) as good, view(where) as bad, view(where) as long:
        good.send('{"limits":{"pause":99}}')
        assert "pause takes" in read(good, kind("refused"))["text"]
        bad.send("rm -rf /")
        long.send("x" * 5000)
        for viewer in (bad, long):
            with pytest.raises(ConnectionClosed):
                read(viewer, lambda _: False)
        good.send('{"acknowledge":["pause"]}')
        good.send('{"limits":{"pause":3}}')
        good.send('{"limits":{"asystole":3}}')  # not above what was asked before it
        assert "has to be above" in read(good, kind("refused"))["text"]
        assert wishes == [Acknowledge(("pause",), "web"), SetLimits({"pause": 3}, "web")]
        web.write(Limit(0, 0.0, "pause", 3.0, False, "web"))
        web.flush()
        rules = read(good, kind("limits"))["rules"]
        assert {r["name"]: r["limit"] for r in rules}["pause"] == 3


def test_a_flood_of_wishes_is_cut_off(served: tuple[Web, str, list[Wish]]) -> None:
    _, where, wishes = served
    with view(where) as viewer:
        with suppress(ConnectionClosed):
            for _ in range(1000):
                viewer.send('{"acknowledge":["pause"]}')
        with pytest.raises(ConnectionClosed):
            read(viewer, lambda _: False)
    assert len(wishes) < 100


def test_only_so_many_viewers(served: tuple[Web, str, list[Wish]]) -> None:
    _, where, _ = served
    with ExitStack() as stack:
        for _ in range(VIEWERS):
            read(stack.enter_context(view(where)), kind("state"))
        with pytest.raises(InvalidStatus) as refused, view(where):
            pass
        assert refused.value.response.status_code == 503
    end = time.monotonic() + WAIT_S
    while True:  # who goes makes room
        with suppress(InvalidStatus), view(where) as viewer:
            read(viewer, kind("state"))
            break
        assert time.monotonic() < end


@pytest.mark.parametrize(
    "headers",
    [{"origin": "http://evil.example"}, {"Host": "evil.example"}],
)
def test_strangers_get_no_stream(
    served: tuple[Web, str, list[Wish]], headers: dict[str, str]
) -> None:
    _, where, _ = served
    origin = headers.get("origin", f"http://{where}")
    request = UPGRADE.format(host=headers.get("Host", where), origin=origin)
    assert raw(where, request.encode()).split()[1] in (b"403", b"421")


def raw(where: str, request: bytes) -> bytes:
    host, port = where.split(":")
    with socket.create_connection((host, int(port)), WAIT_S) as line:
        line.sendall(request)
        answer = b""
        while piece := line.recv(65536):
            answer += piece
        return answer


def test_every_answer_has_the_strict_headers(served: tuple[Web, str, list[Wish]]) -> None:
    _, where, _ = served
    for target in ("/", "/main.js", "/../../etc/passwd", "/none"):
        answer = raw(where, f"GET {target} HTTP/1.1\r\nHost: {where}\r\n\r\n".encode()).decode()
        head = answer.partition("\r\n\r\n")[0]
        for name, value in HEADERS.items():
            assert f"{name}: {value}" in head, target
        assert "root:" not in answer


@pytest.mark.parametrize("method", ["POST", "PUT", "HEAD", "OPTIONS", "get"])
def test_the_page_is_only_read(served: tuple[Web, str, list[Wish]], method: str) -> None:
    _, where, _ = served
    answer = raw(where, f"{method} / HTTP/1.1\r\nHost: {where}\r\n\r\n".encode()).decode()
    assert answer.startswith("HTTP/1.1 405 ")
    assert "\r\nAllow: GET\r\n" in answer


@given(data=st.binary(max_size=300))
def test_any_bytes_leave_the_server_up(data: bytes) -> None:
    """Whatever comes, the next viewer is served: one server for all of it."""
    web, where = _kept_server()
    host, port = where.split(":")
    with socket.create_connection((host, int(port)), WAIT_S) as line:
        line.sendall(data)
    web.flush()


_SERVERS: list[tuple[Web, str]] = []


def _kept_server() -> tuple[Web, str]:
    if not _SERVERS:
        sock, address = listen(Address("127.0.0.1", 0))
        _SERVERS.append((Web(sock, Gate(address, None), lambda _: None, {}), str(address)))
    return _SERVERS[0]


UPGRADE = (
    "GET /live HTTP/1.1\r\nHost: {host}\r\nOrigin: {origin}\r\nUpgrade: websocket\r\n"
    "Connection: Upgrade\r\nSec-WebSocket-Version: 13\r\n"
    "Sec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\n\r\n"
)


def still(where: str) -> socket.socket:
    """A viewer that never reads."""
    host, port = where.split(":")
    line = socket.socket()
    line.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
    line.connect((host, int(port)))
    line.sendall(UPGRADE.format(host=where, origin=f"http://{where}").encode())
    return line


def test_slow_viewers_delay_nobody(served: tuple[Web, str, list[Wish]]) -> None:
    """Ten that never read: the stream is taken at once, and who reads misses nothing."""
    web, where, _ = served
    slow = [still(where) for _ in range(10)]
    web.samples(block(0, 10, 8))
    web.write(session())
    web.flush()
    with view(where) as good:
        read(good, kind("state"))
        got: list[int] = []
        missed: list[dict[str, Any]] = []

        def reader() -> None:
            while not got or got[-1] < 2000 * 100:
                text = good.recv(WAIT_S)
                if isinstance(text, bytes):
                    start, n, _ = HEAD.unpack_from(text)
                    if int(start) >= 10:
                        got.append(int(start) + n)
                else:
                    missed.extend(filter(kind("state"), json.loads(text)))

        thread = threading.Thread(target=reader)
        thread.start()
        took = []
        for i in range(2000):  # 25 MB in all
            one = block(10 + i * 100, 100, 8)
            began = time.monotonic()
            web.samples(one)
            web.flush()
            took.append(time.monotonic() - began)
            while got and (i * 100 - got[-1]) > 5000:  # as a board would, it leaves time to read
                time.sleep(0.001)
        thread.join(WAIT_S)
        assert not thread.is_alive()
    assert not missed
    assert got == [110 + i * 100 for i in range(2000)]
    assert sorted(took)[len(took) // 2] < 0.5
    for line in slow:
        line.close()


def test_what_goes_wrong_with_a_batch_is_told_and_the_next_is_taken(
    served: tuple[Web, str, list[Wish]],
) -> None:
    web, _, _ = served
    web.samples(block(0, 5, 2))
    web.samples(replace(block(5), mv=np.zeros((1, 7), np.float32)))
    with pytest.raises(OSError, match="Error"):
        web.flush()
    web.write(session())
    web.flush()


def test_a_page_that_fails_is_told_and_the_run_goes_on() -> None:
    sock, address = listen(Address("127.0.0.1", 0))
    web = Web(sock, Gate(address, None), lambda _: None, {})
    outputs = Outputs(lambda _: None)
    outputs.add(web, "the page", 0.3)
    web._stop()
    web._thread.join(WAIT_S)
    outputs.write(session())
    end = time.monotonic() + WAIT_S
    while not any(outlet.error for outlet in outputs._outlets):
        assert time.monotonic() < end
        time.sleep(0.01)
    assert not outputs.close()


# The command


def test_without_the_packages_it_says_what_to_install(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setitem(sys.modules, "segno", None)
    assert main(["--demo", "--speed", "max", "--quiet", "--web", "0"]) == 7
    error = capsys.readouterr().err
    assert error.count("\n") == 1
    assert "segno is not installed, and --web needs it: pip install '.[web]'" in error


def test_the_command_serves_the_run_and_ends_with_it() -> None:
    command = [sys.executable, "-m", "edge.cli.run", "--demo", "--quiet", "--web", "0"]
    with subprocess.Popen(command, cwd=CODE, stderr=subprocess.PIPE, text=True) as process:
        try:
            assert process.stderr
            where = process.stderr.readline().strip().partition("http://")[2].rstrip("/")
            with view(where) as viewer:
                viewer.send('{"limits":{"pause":3}}')
                assert read(viewer, kind("limit"))["limit"] == 3
                process.terminate()
                with pytest.raises(ConnectionClosed) as closed:
                    read(viewer, lambda _: False)
            assert closed.value.rcvd
            assert closed.value.rcvd.code in (1000, 1001)
            assert process.wait(WAIT_S) == 0
        finally:
            process.kill()


def test_beyond_this_machine_the_link_holds_the_token(capfd: pytest.CaptureFixture[str]) -> None:
    argv = ["--demo", "--speed", "max", "--quiet", "--web", "0.0.0.0:0"]
    assert main(argv) == 0
    assert main(argv) == 0
    links = [line for line in capfd.readouterr().err.splitlines() if "?token=" in line]
    tokens = {line.partition("?token=")[2] for line in links}
    assert len(tokens) == 2
    assert all(len(token) > 20 for token in tokens)


def test_the_page_changes_no_event(tmp_path: Path) -> None:
    def told(*options: str) -> list[str]:
        path = tmp_path / "events"
        argv = ["--demo", "--speed", "max", "--quiet", "--jsonl", str(path), "--overwrite"]
        assert main([*argv, *options]) == 0
        return [line for line in path.read_text().splitlines() if '"type":"session"' not in line]

    assert told() == told("--web", "0")
