"""Our own frame, for firmware that we write: `docs/frame.md` is its specification."""

import struct
from binascii import crc_hqx
from dataclasses import dataclass

import numpy as np

from firmware_bridge import cobs
from firmware_bridge.block import NANOVOLT, LeadState, SampleBlock, mv_from_nv
from firmware_bridge.decoders.base import Counters
from firmware_bridge.errors import ProtocolError
from firmware_bridge.text import narrow, unique

HELLO, DATA = 0x11, 0x12  # version 1 in the high nibble, type in the low one
MAX_LEADS = 16
MAX_NAME = 16
_HELLO = struct.Struct("<BIB")
_DATA = struct.Struct("<BIIB")
_STATES = (LeadState.UNKNOWN, LeadState.ON, LeadState.OFF, LeadState.UNKNOWN)
_SATURATED = 4
_LONGEST = len(cobs.encode(bytes([1]) * (_DATA.size + MAX_LEADS * (1 + 4 * 255) + 2)))
_FRAMES_PER_S = 30  # what our encoder sends: few enough wake-ups, 33 ms of delay
_CYCLE = 1 << 32


def hello(fs: float, leads: tuple[str, ...]) -> bytes:
    """The frame, on the wire, that tells rate (to the millihertz) and lead names."""
    names = [name.encode() for name in leads]
    if not 1 <= len(names) <= MAX_LEADS or not all(1 <= len(n) <= MAX_NAME for n in names):
        raise ProtocolError(
            f"edge frames carry 1 to {MAX_LEADS} leads with names of 1 to {MAX_NAME} bytes, "
            f"not {', '.join(leads) or 'none'}: choose or rename leads"
        )
    head = _HELLO.pack(HELLO, round(fs * 1000), len(names))
    return _seal(head + b"".join(bytes([len(n)]) + n for n in names))


def data(first: int, time_us: int, status: bytes, nv: bytes) -> bytes:
    """The frame, on the wire, of samples in nanovolts (little-endian i32, lead by lead)."""
    n = len(nv) // (4 * len(status))
    return _seal(_DATA.pack(DATA, first % _CYCLE, time_us % _CYCLE, n) + status + nv)


def _seal(body: bytes) -> bytes:
    return cobs.encode(body + crc_hqx(body, 0xFFFF).to_bytes(2, "big")) + b"\0"


class EdgeEncoder:
    """Blocks to frames: a HELLO first and once a second of signal, 30 data frames a second."""

    def __init__(self) -> None:
        self._hello_due: float | None = None

    def encode(self, block: SampleBlock) -> bytes:
        """All frames of the block; `mv`, finite, is sent to the nanovolt within ±2147 mV."""
        nv = np.rint(block.mv.astype(np.float64) * 1e6).clip(-(2**31), 2**31 - 1).astype("<i4")
        status = bytes(
            _STATES.index(state) | _SATURATED * saturated
            for state, saturated in zip(block.lead_state, block.saturated, strict=True)
        )
        time_s = block.start / block.fs if block.device_time_s is None else block.device_time_s
        size = min(255, max(1, round(block.fs / _FRAMES_PER_S)))
        frames = []
        if self._hello_due is None:
            frames.append(b"\0")  # ends whatever a reader may have seen before
            self._hello_due = block.start
        for at in range(0, len(block), size):
            if block.start + at >= self._hello_due:
                frames.append(hello(block.fs, block.leads))
                self._hello_due = block.start + at + block.fs
            time_us = round((time_s + at / block.fs) * 1e6)
            frames.append(data(block.start + at, time_us, status, nv[at : at + size].tobytes()))
        return b"".join(frames)


@dataclass
class _Run:
    """Frames without a gap or a change of status between them: a block to be."""

    start: int
    lost: int
    status: bytes
    time_us: int
    samples: list[bytes]
    restart: bool


class EdgeDecoder:
    """Frames to blocks; the first data frame after the first HELLO is sample 0.

    A number that is more than a second from where it should be is believed when the next frame's
    follows it, since a checksum of 16 bits lets one damaged frame in 65536 through.
    """

    def __init__(self, fs: float | None = None) -> None:
        """`fs` in Hz overrides the rate that the board tells."""
        self.counters = Counters()
        self.doubt = ""
        self._fs = fs
        self._rest = b""
        self._hello: bytes | None = None  # the body that began the stream
        self._refused = False  # the last HELLO told of another stream
        self._leads: tuple[str, ...] = ()
        self._next = 0  # index of the next sample of the stream
        self._expected: int | None = None  # the same in the board's count
        self._time_us = 0
        self._doubted: bytes | None = None  # the body of a data frame whose number jumps
        self._runs: list[_Run] = []

    def feed(self, data: bytes) -> list[SampleBlock]:
        """Blocks that these bytes complete, one for each stretch of equal status."""
        *frames, rest = (self._rest + data).split(b"\0")
        self._rest = rest[: _LONGEST + 1]  # an over-long one stays over-long, to be counted once
        for coded in frames:
            if coded:
                self._frame(coded)
        blocks = [self._block(run) for run in self._runs]
        self._runs = []
        return blocks

    def _frame(self, coded: bytes) -> None:
        try:
            frame = cobs.decode(coded) if len(coded) <= _LONGEST else b""
        except ValueError:
            frame = b""
        if len(frame) < 3 or crc_hqx(frame, 0xFFFF):
            self.counters.damaged += 1
        elif frame[0] == DATA and self._hello is not None and not self._refused:
            self._take_data(frame[:-2])
        elif frame[0] == HELLO:
            self._take_hello(frame[:-2])
        else:
            self.counters.unknown += 1

    def _take_hello(self, body: bytes) -> None:
        if self._hello is None:
            told = _parse_hello(body)
            if told is None:
                self.counters.damaged += 1
                return
            fs, self._leads = told
            self._fs = self._fs or fs
            self._hello = body
        # Rate and leads of a stream are constant: data under any other HELLO would be mistimed
        # or mixed up, so it is refused until the stream's own HELLO comes back.
        self._refused = body != self._hello
        if self._refused:
            self.counters.unknown += 1
        else:
            self.counters.good += 1

    def _take_data(self, body: bytes) -> None:
        leads = len(self._leads)
        at = _DATA.size + leads
        if len(body) <= at or len(body) != at + 4 * leads * body[_DATA.size - 1]:
            self.counters.damaged += 1
            return
        _, first, _, n = _DATA.unpack_from(body)
        near = max(self._fs or 0, 255)
        lost = 0 if self._expected is None else (first - self._expected) % _CYCLE
        if _CYCLE - lost <= near:
            self.counters.repeated += n
            return
        doubted, self._doubted = self._doubted, None
        if doubted is not None:
            _, jumped, _, samples = _DATA.unpack_from(doubted)
            if (first - jumped - samples) % _CYCLE <= near:
                self._believe(doubted, (jumped - (self._expected or 0)) % _CYCLE)
                lost = (first - jumped - samples) % _CYCLE
            elif first == jumped:
                self._doubted = doubted
                self.counters.repeated += n
                return
            else:
                self.counters.damaged += 1
        if lost > near:
            self._doubted = body
            return
        self._believe(body, lost)

    def _believe(self, body: bytes, lost: int) -> None:
        at = _DATA.size + len(self._leads)
        _, first, time_us, n = _DATA.unpack_from(body)
        restart = lost >= _CYCLE // 2
        if restart:
            # The board started again. How long it was away cannot be known; one lost sample shows
            # the break and keeps the index rising.
            lost = 1
            self._time_us = 0
        self.counters.good += 1
        self.counters.lost += lost
        self._next += lost
        self._expected = (first + n) % _CYCLE
        self._time_us += (time_us - self._time_us) % _CYCLE
        status = body[_DATA.size : at]
        if lost or not self._runs or self._runs[-1].status != status:
            self._runs.append(_Run(self._next, lost, status, self._time_us, [], restart))
        self._runs[-1].samples.append(body[at:])
        self._next += n

    def _block(self, run: _Run) -> SampleBlock:
        assert self._fs is not None  # no data frame is taken before a HELLO
        nv = np.frombuffer(b"".join(run.samples), "<i4").reshape(-1, len(self._leads))
        return SampleBlock(
            start=run.start,
            mv=mv_from_nv(nv),
            fs=self._fs,
            leads=self._leads,
            lead_state=tuple(_STATES[s & 3] for s in run.status),
            saturated=tuple(bool(s & _SATURATED) for s in run.status),
            lost=run.lost,
            device_time_s=run.time_us * 1e-6,
            restart=run.restart,
            counts=nv.astype(np.int64),
            step=(NANOVOLT,) * len(self._leads),
        )


def _parse_hello(body: bytes) -> tuple[float, tuple[str, ...]] | None:
    """Rate and lead names; None where the frame does not follow the specification."""
    if len(body) < _HELLO.size:
        return None
    _, millihertz, count = _HELLO.unpack_from(body)
    names, at = [], _HELLO.size
    while at < len(body):
        size = body[at]
        raw = body[at + 1 : at + 1 + size]
        try:
            name = raw.decode()
        except UnicodeDecodeError:
            return None
        if not 1 <= len(raw) == size <= MAX_NAME or not name.isprintable():
            return None
        names.append(name)
        at += 1 + size
    if not millihertz or not len(set(names)) == len(names) == count or not 1 <= count <= MAX_LEADS:
        return None
    return millihertz / 1000, unique(map(narrow, names))
