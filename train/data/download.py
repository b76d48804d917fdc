"""Downloads over several connections from one site, which is not trusted.

Nothing larger than it may be is taken, nothing that comes from elsewhere, nothing that hardly
comes.
"""

import multiprocessing
import threading
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from functools import partial
from multiprocessing.pool import ThreadPool
from pathlib import Path
from typing import Final, TypeVar
from urllib.parse import urljoin, urlsplit

import requests

from train.data.errors import FetchError

MOST_BYTES: Final = 64 << 20
"""Of a file that is held in memory, where its data set has no larger ones."""
STALL_S: Final = 60.0
"""So long may pass in which less than `STALL_BYTES` come over all connections."""
STALL_BYTES: Final = 60_000
_CONNECTIONS: Final = 2  # what PhysioNet's own package allows itself
_SOCKET_S: Final = 30.0  # for a connection, and between two reads of one
_HOPS: Final = 5  # redirections, within the site
_END_S: Final = 2.0
_CHUNK: Final = 1 << 14
_S = TypeVar("_S")
_T = TypeVar("_T")


class Site:
    """Downloads, watched by one thread."""

    def __init__(self, session: requests.Session, pool: ThreadPool, most: int | None) -> None:
        """`most` bytes are taken of a file that is held in memory; None: `MOST_BYTES`."""
        self._session, self._pool = session, pool
        self._most = MOST_BYTES if most is None else most
        self._moved = 0
        self._active = 0
        self._over = False
        self._changed = threading.Condition()

    def each(self, work: Callable[[_S], _T], items: Iterable[_S]) -> Iterator[_T]:
        """What `work` makes of each, in order, as long as there is progress; else TimeoutError.

        It counts what comes over all connections, so that nothing can hold us for ever: neither a
        name server, nor a header or a body that comes a byte at a time.
        """
        results = self._pool.imap(partial(self._worked, work), items)
        before = self._moved
        while True:
            try:
                result = results.next(STALL_S)
            except multiprocessing.TimeoutError:
                if self._moved - before < STALL_BYTES:
                    raise TimeoutError(
                        f"less than {STALL_BYTES} bytes came in {STALL_S:g} s"
                    ) from None
            except StopIteration:
                return
            else:
                yield result
            before = self._moved

    def _worked(self, work: Callable[[_S], _T], item: _S) -> _T:
        with self._changed:
            self._active += 1
        try:
            self.moved(0)
            return work(item)
        finally:
            with self._changed:
                self._active -= 1
                self._changed.notify_all()

    def moved(self, count: int) -> None:
        """Tells that so many bytes came, or were worked on; FetchError where it is all over."""
        with self._changed:
            self._moved += count
        if self._over:
            raise FetchError("another file could not be had")

    def end(self) -> None:
        """Stops what is under way at its next bytes; a moment is waited for that.

        Else it would go on beside what the same program does next.
        """
        self._over = True
        with self._changed:
            self._changed.wait_for(lambda: not self._active, _END_S)

    def read(self, url: str) -> bytes:
        """What the site has there; FetchError where that is too much."""
        content = bytearray()
        with self._open(url) as answer:
            for chunk in answer.iter_content(_CHUNK):
                content += chunk
                if len(content) > self._most:
                    raise FetchError(f"{url} is larger than {self._most} bytes")
                self.moved(len(chunk))
        return bytes(content)

    def save(self, url: str, path: Path, size: int) -> None:
        """Writes what the site has there, of `size` bytes, after what is in the file already.

        FetchError where it sends more.
        """
        there = path.stat().st_size if path.exists() else 0
        if there >= size:
            return
        with self._open(url, there) as answer:
            whole = answer.status_code != requests.codes.partial_content
            there = 0 if whole else there
            with path.open("wb" if whole else "ab") as file:
                for chunk in answer.iter_content(_CHUNK):
                    there += len(chunk)
                    if there > size:
                        raise FetchError(f"{url} is larger than {size} bytes")
                    file.write(chunk)
                    self.moved(len(chunk))

    def _open(self, url: str, start: int = 0) -> requests.Response:
        """The answer to a GET; FetchError where the site sends us elsewhere."""
        headers = {"Accept-Encoding": "identity"}
        if start:
            headers["Range"] = f"bytes={start}-"
        for _ in range(_HOPS):
            answer = self._session.get(
                url, stream=True, timeout=_SOCKET_S, allow_redirects=False, headers=headers
            )
            if answer.ok and not answer.is_redirect:
                return answer
            answer.close()
            answer.raise_for_status()
            there = urljoin(url, answer.headers["Location"])
            if urlsplit(there)[:2] != urlsplit(url)[:2]:
                raise FetchError(f"{url} leads elsewhere, to {there}: check the network")
            url = there
        raise FetchError(f"{url} leads from one place to another: check the network")


@contextmanager
def connected(most: int | None = None) -> Iterator[Site]:
    """A site, as long as it is needed."""
    with ThreadPool(_CONNECTIONS) as pool, requests.Session() as session:
        site = Site(session, pool, most)
        try:
            yield site
        finally:
            site.end()
