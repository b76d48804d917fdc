"""Who gets what: a few files from memory, and the live stream; nothing else is served.

A page of another site that makes a browser come here is refused: by `Host`, under which a name
that was bound to this machine comes, and by `Origin`. Beyond this machine a token is needed, which
a browser keeps as a cookie.
"""

import secrets
import socket
from collections.abc import Mapping
from functools import cache
from importlib import resources
from typing import Final, NamedTuple
from urllib.parse import parse_qs

from edge.web.address import Address, ip, split

LIVE: Final = "/live"
"""Path of the websocket."""
_TYPES: Final = {
    "html": "text/html; charset=utf-8",
    "css": "text/css; charset=utf-8",
    "js": "text/javascript; charset=utf-8",
    "svg": "image/svg+xml",
    "txt": "text/plain; charset=utf-8",
}
HEADERS: Final = {
    "Content-Security-Policy": "default-src 'none'; script-src 'self'; style-src 'self'; "
    "img-src 'self'; connect-src 'self'; base-uri 'none'; form-action 'none'; "
    "frame-ancestors 'none'",
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Permissions-Policy": "camera=(), microphone=(), geolocation=()",
    "Cache-Control": "no-cache",
}
"""Of every answer."""
_YEAR_S: Final = 365 * 86400


class Answer(NamedTuple):
    """What a request gets."""

    status: int
    body: bytes
    headers: Mapping[str, str]


@cache
def files() -> dict[str, tuple[str, bytes]]:
    """Every file of the page, by its path on the server: its type and its bytes."""
    found = {}
    for file in resources.files("edge.web").joinpath("page").iterdir():
        if kind := _TYPES.get(file.name.rpartition(".")[2]):
            path = "/" if file.name == "index.html" else f"/{file.name}"
            found[path] = kind, file.read_bytes()
    return found


class Gate:
    """Decides on requests, by their path and headers alone."""

    def __init__(self, address: Address, token: str | None) -> None:
        """`token`: what a viewer has to know, None where all who reach `address` may."""
        self._address, self._token = address, token
        self._cookie = f"edge_{address.port}"
        self._files = files()
        own = socket.gethostname().lower()
        self._names = {"localhost", own, f"{own}.local", address.host.lower()}

    def answer(self, target: str, headers: Mapping[str, str], method: str = "GET") -> Answer | None:
        """The answer to a request of `target`; None where the live stream may begin.

        `headers`: by their names in lower case.
        """
        if method != "GET":
            answer = _refusal(405, "This page is only read.")
            return answer._replace(headers={**answer.headers, "Allow": "GET"})
        path, _, query = target.partition("?")
        host = headers.get("host", "")
        if not self._ours(host):
            return _refusal(421, "This name is not one of this machine's.")
        token = parse_qs(query).get("token", [""])[-1]
        if self._token and path == "/" and self._knows(token):
            cookie = (
                f"{self._cookie}={self._token}; Path=/; Max-Age={_YEAR_S}; HttpOnly; "
                "SameSite=Strict"
            )
            return Answer(303, b"", {"Location": "/", "Set-Cookie": cookie})
        if self._token and not self._knows(self._kept(headers.get("cookie", ""))):
            return _refusal(403, "Open the link that edge-run has printed: it holds the key.")
        if path == LIVE:
            if headers.get("origin", "") not in (f"http://{host}", f"https://{host}"):
                return _refusal(403, "The live stream is for this page alone.")
            return None
        if path not in self._files:
            return _refusal(404, "There is no such page.")
        kind, body = self._files[path]
        return Answer(200, body, {"Content-Type": kind})

    def _ours(self, host: str) -> bool:
        """Whether no stranger's name was bound to this machine; a tunnel may have another port."""
        name, port = split(host)
        if port.strip("0123456789"):
            return False
        number = ip(name)
        if number is None:
            return name.lower().rstrip(".") in self._names
        return number.is_loopback or not self._address.local

    def _knows(self, token: str) -> bool:
        given = token.encode(errors="replace")
        return secrets.compare_digest(given, (self._token or "").encode())

    def _kept(self, cookies: str) -> str:
        for cookie in cookies.split(";"):
            name, _, value = cookie.strip().partition("=")
            if name == self._cookie:
                return value
        return ""


def _refusal(status: int, sentence: str) -> Answer:
    return Answer(status, f"{sentence}\n".encode(), {"Content-Type": _TYPES["txt"]})
