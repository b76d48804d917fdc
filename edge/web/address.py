"""Where the page is served: what `--web` takes, and the socket that is listened on."""

import errno
import ipaddress
import socket
from typing import Final, NamedTuple

from edge.errors import OutputError

HOST: Final = "127.0.0.1"
PORT: Final = 8765
_SENDS: Final = 1 << 17  # bytes that the system holds for a viewer: seconds, not minutes
_WAITING: Final = 32


class Address(NamedTuple):
    """A host's name or number, and a port; 0 is any that is free."""

    host: str = HOST
    port: int = PORT

    @property
    def local(self) -> bool:
        """Whether only this machine reaches it."""
        number = ip(self.host)
        return self.host == "localhost" if number is None else number.is_loopback

    def __str__(self) -> str:
        """As in a link."""
        return f"[{self.host}]:{self.port}" if ":" in self.host else f"{self.host}:{self.port}"


def ip(text: str) -> ipaddress.IPv4Address | ipaddress.IPv6Address | None:
    """A number of a host; None for a name."""
    try:
        return ipaddress.ip_address(text)
    except ValueError:
        return None


def split(text: str) -> tuple[str, str]:
    """`HOST:PORT`, `HOST` or `[V6]:PORT` as host and port, which is "" where there is none."""
    if text.startswith("["):
        host, closed, rest = text[1:].partition("]")
        if closed and (not rest or rest.startswith(":")) and ":" in host:
            return host, rest[1:]
        return "", ""
    if ip(text) is not None:  # one of version 6 in its own colons
        return text, ""
    host, _, port = text.rpartition(":") if ":" in text else (text, "", "")
    return ("", "") if ":" in host else (host, port)


def parse(text: str) -> Address:
    """What `--web` takes; ValueError, in one sentence."""
    if text.isascii() and text.isdigit():
        host, port = HOST, text
    else:
        host, port = split(text)
    number = int(port) if port.isascii() and port.isdigit() and len(port) < 6 else -1
    if not host or ((port or text.endswith(":")) and not 0 <= number <= 65535):
        raise ValueError(f"give HOST:PORT, such as 127.0.0.1:{PORT}, HOST or PORT, not {text!r}")
    return Address(host, number if port else PORT)


def listen(address: Address) -> tuple[socket.socket, Address]:
    """A socket that takes connections, and the address that it has; OutputError."""
    host = HOST if address.host == "localhost" else address.host
    try:
        found = socket.getaddrinfo(
            host, address.port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
        )
        family, kind, protocol, _, where = found[0]
        sock = socket.socket(family, kind, protocol)
    except (OSError, UnicodeError) as error:
        raise _refused(address, error) from None
    try:
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, _SENDS)
        sock.bind(where)
        sock.listen(_WAITING)
    except OSError as error:
        sock.close()
        raise _refused(address, error) from None
    return sock, Address(address.host, sock.getsockname()[1])


def reached(address: Address) -> str:
    """The address as others on the network reach it, where it is every one of this machine."""
    number = ip(address.host)
    if number is None or not number.is_unspecified:
        return str(address)
    family, far = (
        (socket.AF_INET, "192.0.2.1") if number.version == 4 else (socket.AF_INET6, "2001:db8::1")
    )
    try:
        with socket.socket(family, socket.SOCK_DGRAM) as probe:
            probe.connect((far, 9))  # sends nothing: asks which address would
            host = str(probe.getsockname()[0])
    except OSError:
        host = socket.gethostname()
    return str(Address(host, address.port))


def _refused(address: Address, error: Exception) -> OutputError:
    code = error.errno if isinstance(error, OSError) else None
    if code == errno.EADDRINUSE:
        why = "another program has that port: give --web another, or 0 for any that is free"
    elif isinstance(error, socket.gaierror | UnicodeError) or code == errno.EADDRNOTAVAIL:
        why = "this machine has no such address"
    else:
        why = (error.strerror if isinstance(error, OSError) else None) or str(error)
    return OutputError(f"cannot serve the page on {address}: {why}")
