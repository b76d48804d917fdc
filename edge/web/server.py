"""The server: a thread with one loop; each message is made once, and kept for all viewers alike.

A viewer has no queue, only a place in the row of messages. One that is too slow for that row
begins again with the present state: neither the stream nor another viewer waits for it.
"""

import asyncio
import json
import logging
import threading
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from contextlib import suppress
from http import HTTPStatus
from socket import socket
from time import monotonic
from typing import Final

import numpy as np
from websockets.asyncio.server import ServerConnection, serve
from websockets.datastructures import Headers
from websockets.exceptions import ConnectionClosed
from websockets.frames import CloseCode
from websockets.http11 import Request, Response

from edge.alarms import Setting, changed
from edge.events import Event
from edge.web.ask import MOST_BYTES, StrangeError, wish
from edge.web.gate import HEADERS, Answer, Gate
from edge.web.past import message, seen
from edge.web.state import State
from edge.wishes import SetLimits, Wish
from firmware_bridge.block import SampleBlock

VIEWERS: Final = 16
_CONNECTIONS: Final = 64  # that have asked for nothing yet, too
_ROW: Final = 200  # messages: some ten seconds
_TICK_S: Final = 1.0  # at least so often something is sent, so that a page knows that it is live
_WAIT_S: Final = 5.0
_END_S: Final = 0.2
_ASKS, _ASKS_S = 30, 10.0
"""So many wishes in so many seconds are taken from a viewer; who sends more is cut off."""

_log = logging.getLogger("edge.web")
_log.addHandler(logging.NullHandler())
_log.propagate = False  # what a stranger's bytes do is no news for the terminal


class _Connection(ServerConnection):
    """One of not too many."""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        super().connection_made(transport)
        if len(self.server.connections) > _CONNECTIONS and isinstance(transport, asyncio.Transport):
            transport.abort()


class Web:
    """A sink that shows everything to whoever looks at the page."""

    def __init__(
        self,
        sock: socket,
        gate: Gate,
        wishes: Callable[[Wish], None],
        settings: dict[str, Setting],
    ) -> None:
        """Serves at once; `wishes` takes what viewers ask for, `settings` are the first limits."""
        self._sock, self._gate, self._wishes = sock, gate, wishes
        self._state = State(settings)
        self._asked = dict(settings)  # what the limits will be when all wishes have come through
        self._row: deque[str | bytes] = deque(maxlen=_ROW)
        self._end = 0  # number of the next message
        self._viewers = 0
        self._batch: list[Event | SampleBlock] = []
        self._loop: asyncio.AbstractEventLoop | None = None
        self._failed: BaseException | None = None
        ready = threading.Event()
        self._thread = threading.Thread(target=self._run, args=(ready,), name="web", daemon=True)
        self._thread.start()
        ready.wait()

    def samples(self, block: SampleBlock) -> None:
        """As `edge.sinks.SignalSink`."""
        self._batch.append(block)

    def write(self, event: Event) -> None:
        """As `edge.sinks.Sink`."""
        self._batch.append(event)

    def flush(self) -> None:
        """Hand over what was taken; waits until it stands in the row, not until anybody saw it."""
        batch, self._batch = self._batch, []
        done = threading.Event()
        self._call(self._hand_over, batch, done)
        while not done.wait(_WAIT_S):
            if not self._thread.is_alive():
                raise OSError(f"the server ended: {self._failed}")
        if self._failed:  # the next batch may do
            error, self._failed = self._failed, None
            raise OSError(repr(error))

    def close(self) -> None:
        """Tell the viewers that it is over."""
        with suppress(OSError):
            self._call(self._stop)
        self._thread.join(_END_S)

    def _call(self, function: Callable[..., None], *arguments: object) -> None:
        try:
            assert self._loop
            self._loop.call_soon_threadsafe(function, *arguments)
        except RuntimeError:
            raise OSError(f"the server ended: {self._failed}") from None

    def _run(self, ready: threading.Event) -> None:
        try:
            asyncio.run(self._serve(ready))
        except BaseException as error:
            self._failed = error
        finally:
            ready.set()

    async def _serve(self, ready: threading.Event) -> None:
        self._loop = asyncio.get_running_loop()
        self._ending = asyncio.Event()
        self._news = asyncio.Event()
        async with serve(
            self._view,
            sock=self._sock,
            process_request=self._answer,
            create_connection=_Connection,
            compression=None,
            max_size=MOST_BYTES,
            max_queue=4,
            open_timeout=_WAIT_S,
            close_timeout=_END_S,
            server_header=None,
            logger=_log,
        ):
            ready.set()
            while not self._ending.is_set():
                with suppress(TimeoutError):
                    await asyncio.wait_for(self._ending.wait(), _TICK_S)
                self._put('[{"type":"tick"}]')
            await asyncio.sleep(0)

    def _stop(self) -> None:
        self._ending.set()

    def _answer(self, connection: ServerConnection, request: Request) -> Response | None:
        answer = self._gate.answer(
            request.path,
            {name.lower(): value for name, value in request.headers.raw_items()},
            request.method,
        )
        if answer is None:
            if self._viewers < VIEWERS:
                return None
            text = b"There are too many viewers already.\n"
            answer = Answer(503, text, {"Content-Type": "text/plain"})
        length = {"Content-Length": str(len(answer.body)), "Connection": "close"}
        headers = Headers({**HEADERS, **answer.headers, **length})
        return Response(answer.status, HTTPStatus(answer.status).phrase, headers, answer.body)

    def _hand_over(self, batch: Iterable[Event | SampleBlock], done: threading.Event) -> None:
        try:
            self._take(batch)
        except Exception as error:
            self._failed = error
        finally:
            done.set()

    def _take(self, batch: Iterable[Event | SampleBlock]) -> None:
        """Makes the messages of a batch: runs of samples in one, events in one."""
        blocks: list[SampleBlock] = []
        told: list[dict[str, object]] = []
        for item in batch:
            if isinstance(item, SampleBlock):
                if blocks and blocks[-1].start + len(blocks[-1]) != item.start:
                    self._samples(blocks)
                    blocks = []
                blocks.append(item)
                told += self._state.show(item)
            else:
                told += self._state.take(item)
        self._samples(blocks)
        if told:
            self._put(json.dumps(told, separators=(",", ":")))

    def _samples(self, blocks: list[SampleBlock]) -> None:
        if blocks:
            self._put(message(blocks[0].start, np.concatenate([seen(block) for block in blocks])))

    def _put(self, text: str | bytes) -> None:
        self._row.append(text)
        self._end += 1
        self._news.set()
        self._news = asyncio.Event()

    async def _view(self, connection: ServerConnection) -> None:
        self._viewers += 1
        asks = asyncio.ensure_future(self._listen(connection))
        try:
            await self._show(connection)
        except ConnectionClosed:
            pass
        finally:
            asks.cancel()
            self._viewers -= 1

    async def _show(self, connection: ServerConnection) -> None:
        at = await self._begin(connection)
        past = self._state.past
        older: Iterator[bytes] = past.messages() if past else iter(())
        while True:
            news = self._news
            if at < self._end - len(self._row):
                at = await self._begin(connection)
            elif at < self._end:
                at += 1
                await connection.send(self._row[at - 1 - self._end])
            elif (chunk := next(older, None)) is not None:
                await connection.send(chunk)
            elif self._ending.is_set():
                return
            else:
                await news.wait()

    async def _begin(self, connection: ServerConnection) -> int:
        """Sends the present state; gives the place in the row after it."""
        at = self._end
        await connection.send(json.dumps([self._state.full()], separators=(",", ":")))
        return at

    async def _listen(self, connection: ServerConnection) -> None:
        times: deque[float] = deque(maxlen=_ASKS)
        with suppress(ConnectionClosed):
            async for text in connection:
                if len(times) == _ASKS and monotonic() - times[0] < _ASKS_S:
                    await connection.close(CloseCode.POLICY_VIOLATION, "too many wishes")
                    return
                times.append(monotonic())
                try:
                    asked = wish(text, self._asked)
                except StrangeError:
                    await connection.close(CloseCode.POLICY_VIOLATION, "no such wish")
                    return
                except ValueError as error:
                    told = [{"type": "refused", "text": str(error)}]
                    await connection.send(json.dumps(told))
                    continue
                if isinstance(asked, SetLimits):
                    self._asked = changed(self._asked, asked.settings)
                self._wishes(asked)
