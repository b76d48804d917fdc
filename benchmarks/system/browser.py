"""A real Chromium without a screen, steered by its own protocol over a websocket."""

import base64
import itertools
import json
import os
import shutil
import subprocess
import time
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from websockets.sync.client import ClientConnection, connect

NAMES = ("chromium", "chromium-browser", "google-chrome", "chrome")
STARTED_S = 60.0
SEEN_S = 30.0


def chromium() -> str | None:
    """Path of the browser; None where there is none."""
    return next(filter(None, map(shutil.which, NAMES)), None)


class Tab:
    """A page that is open."""

    def __init__(self, socket: ClientConnection) -> None:
        self._socket, self._ids = socket, itertools.count(1)
        self.faults: list[str] = []
        """What the page's own code raised, and what the browser refused it."""
        self.call("Runtime.enable")
        self.call("Log.enable")
        self.call("Page.enable")

    def call(self, method: str, **parameters: object) -> dict[str, Any]:
        """One command of the browser's protocol."""
        number = next(self._ids)
        self._socket.send(json.dumps({"id": number, "method": method, "params": parameters}))
        while True:
            said = json.loads(self._socket.recv(SEEN_S))
            self._note(said)
            if said.get("id") == number:
                assert "error" not in said, said
                result: dict[str, Any] = said["result"]
                return result

    def _note(self, said: dict[str, Any]) -> None:
        match said:
            case {"method": "Runtime.exceptionThrown", "params": {"exceptionDetails": details}}:
                self.faults.append(json.dumps(details.get("exception", details)))
            case {"method": "Log.entryAdded", "params": {"entry": {"level": "error", **entry}}}:
                self.faults.append(json.dumps(entry))

    def evaluate(self, script: str) -> Any:
        """Value of a script, which may be a promise."""
        result = self.call(
            "Runtime.evaluate",
            expression=script,
            returnByValue=True,
            awaitPromise=True,
            userGesture=True,
        )
        assert "exceptionDetails" not in result, result
        return result["result"].get("value")

    def open(self, url: str) -> None:
        """Go there."""
        self.call("Page.navigate", url=url)

    def until(self, script: str, seconds: float = SEEN_S) -> None:
        """Wait until the script's value is true."""
        end = time.monotonic() + seconds
        while True:
            with suppress(AssertionError):  # between two pages there is none
                if self.evaluate(f"Boolean({script})"):
                    return
            assert time.monotonic() < end, f"never true: {script}"
            time.sleep(0.05)

    def click(self, selector: str) -> None:
        """Press a button."""
        self.until(f"document.querySelector({selector!r})?.disabled === false")
        self.evaluate(f"document.querySelector({selector!r}).click()")

    def key(self, key: str, code: str = "") -> None:
        """Press and release a key."""
        text = {"text": key} if len(key) == 1 else {}
        self.call("Input.dispatchKeyEvent", type="keyDown", key=key, code=code or key, **text)
        self.call("Input.dispatchKeyEvent", type="keyUp", key=key, code=code or key)

    def drag(self, start: tuple[float, float], end: tuple[float, float]) -> None:
        """Press the mouse, move it, release it."""
        for kind, (x, y) in (
            ("mousePressed", start),
            ("mouseMoved", end),
            ("mouseReleased", end),
        ):
            self.call(
                "Input.dispatchMouseEvent",
                type=kind,
                x=x,
                y=y,
                button="left",
                buttons=1,
                clickCount=1,
            )

    def size(self, width: int, height: int, ratio: float = 1, phone: bool = False) -> None:
        """As on a screen of so many CSS pixels."""
        self.call(
            "Emulation.setDeviceMetricsOverride",
            width=width,
            height=height,
            deviceScaleFactor=ratio,
            mobile=phone,
        )

    def picture(self, path: Path, whole: bool = False) -> None:
        """A PNG of what is seen, or of the whole page."""
        data = self.call("Page.captureScreenshot", captureBeyondViewport=whole)["data"]
        path.write_bytes(base64.b64decode(data))


class Browser:
    """A running Chromium."""

    def __init__(self, port: int) -> None:
        self._port = port
        self._tabs = ExitStack()

    def tab(self, url: str = "about:blank") -> Tab:
        """A new one, with `url` in it."""
        request = urllib.request.Request(
            f"http://127.0.0.1:{self._port}/json/new?{url}", method="PUT"
        )
        with urllib.request.urlopen(request) as answer:
            where = json.load(answer)["webSocketDebuggerUrl"]
        line = connect(where, max_size=None, compression=None, open_timeout=STARTED_S)
        return Tab(self._tabs.enter_context(line))

    def close(self) -> None:
        """Let go of all tabs."""
        self._tabs.close()


@contextmanager
def started(binary: str) -> Iterator[Browser]:
    """A browser that knows nothing of others."""
    with TemporaryDirectory(ignore_cleanup_errors=True) as folder:
        arguments = [
            "--headless=new", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage",
            "--no-first-run", "--disable-background-networking", "--disable-sync",
            "--disable-component-update", "--mute-audio", "--hide-scrollbars",
            "--disable-background-timer-throttling", "--disable-renderer-backgrounding",
            "--disable-backgrounding-occluded-windows",
            "--remote-debugging-port=0", f"--user-data-dir={folder}", "about:blank",
        ]  # fmt: skip
        process = subprocess.Popen(
            [binary, *arguments],
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            env={**os.environ, "HOME": folder, "LANG": "C.UTF-8"},
            start_new_session=True,
        )
        try:
            where = Path(folder) / "DevToolsActivePort"
            wait(lambda: where.exists() and where.read_text().count("\n") > 0, STARTED_S)
            browser = Browser(int(where.read_text().splitlines()[0]))
            try:
                yield browser
            finally:
                browser.close()
        finally:
            process.terminate()
            try:
                process.wait(10)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()


def wait(true: Callable[[], object], seconds: float) -> None:
    """Until it is true."""
    end = time.monotonic() + seconds
    while not true():
        assert time.monotonic() < end
        time.sleep(0.02)
