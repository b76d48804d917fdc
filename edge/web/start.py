"""A run's page: made ready before the run, and how people get to it."""

import io
import secrets
from collections.abc import Callable
from functools import partial

from edge.alarms import Setting
from edge.errors import ExtraError
from edge.sinks import SignalSink
from edge.web.address import Address, listen, reached
from edge.web.gate import Gate
from edge.wishes import Wish

_TOKEN_BYTES = 16


class Page:
    """Listens from the beginning, and is served from `serve` on."""

    def __init__(self, address: Address, settings: dict[str, Setting]) -> None:
        """OutputError where `address` cannot be listened on, ExtraError without the packages."""
        try:
            import segno  # only here: they are no part of the base install

            from edge.web.server import Web
        except ModuleNotFoundError as error:
            raise ExtraError(
                f"{error.name} is not installed, and --web needs it: pip install '.[web]' in the "
                "project's folder"
            ) from None
        sock, address = listen(address)
        token = None if address.local else secrets.token_urlsafe(_TOKEN_BYTES)
        self.link = f"http://{reached(address)}/" + (f"?token={token}" if token else "")
        self.code = ""
        """The link as a QR code of block characters, where others are to open it."""
        if token:
            code = io.StringIO()
            segno.make(self.link).terminal(code, compact=True)
            self.code = code.getvalue()
        self._web = partial(Web, sock, Gate(address, token), settings=settings)

    def serve(self, wishes: Callable[[Wish], None]) -> SignalSink:
        """The sink that it shows; `wishes` is given what viewers ask for."""
        return self._web(wishes)
