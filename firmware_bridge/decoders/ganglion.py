"""OpenBCI Ganglion (firmware 3): packets of 20 bytes; the first byte is the id, there is no more.

| id | what |
|---|---|
| 0 | one sample as it is: 4 i24 big-endian |
| 1-100 | two samples as differences of 18 bits, then a byte of the accelerometer |
| 101-200 | two samples as differences of 19 bits |
| 201-205, 206-207 | impedance; text: counted as unknown |

A sample is the one before minus its difference. A difference's last bit is its sign: odd ones are
negative (two's complement of that width), so positive ones are rounded to even. Packet p after an
id 0 carries samples 2 p - 1 and 2 p, and 201 samples later comes the next id 0.

After a lost packet nothing says where the differences start, so what comes before the next id 0
(up to a second) counts as lost too, rather than be given at a wrong level.

200 SPS; 1.87 nV a step = 1.2 V / (1.5 * 51) / (2^23 - 1). No lead-off bits. Silent until `b`. The
board speaks Bluetooth; on a serial port these packets come from an adapter that passes them on.
With an id for its only mark, a packet is believed when the next one's id follows (so the last of
all is never given), and after damage when four are in sequence.
"""

import itertools

import numpy as np
from numpy.typing import NDArray

from firmware_bridge.block import SampleBlock, Step
from firmware_bridge.decoders.cyton import i24, put_i24
from firmware_bridge.decoders.frames import FrameDecoder, Layout, Rows, nanovolts, steps

NV_PER_STEP = 1.2e9 / (2**23 - 1) / 1.5 / 51
CHANNELS = 4
CYCLE = 201
"""Samples from one id 0 to the next."""
_PACKETS = 101
_LAST_ID = 207


def _counter(rows: Rows) -> NDArray[np.int64]:
    ids = rows[:, 0].astype(np.int64)
    return np.where(ids > 200, -1, np.where(ids > 100, ids - 100, ids))


def _differences(rows: Rows) -> NDArray[np.int64]:
    """Of packets with ids 1 to 200, in steps, [n, 2, channels]."""
    out = np.empty((len(rows), 2 * CHANNELS), np.int64)
    for width, mine in ((18, rows[:, 0] <= 100), (19, rows[:, 0] > 100)):
        bits = np.unpackbits(rows[mine, 1:], axis=1)[:, : 2 * CHANNELS * width]
        values = bits.reshape(-1, 2 * CHANNELS, width) @ (1 << np.arange(width)[::-1])
        out[mine] = values - ((values & 1) << width)
    return out.reshape(-1, 2, CHANNELS)


LAYOUT = Layout(
    size=20,
    valid=lambda rows: rows[:, 0] <= _LAST_ID,
    nv=lambda rows: nanovolts(i24(rows, 1, CHANNELS), NV_PER_STEP),  # of packets with id 0
    leads=tuple(f"CH{i + 1}" for i in range(CHANNELS)),
    fs=200.0,
    step=Step(NV_PER_STEP, 32),
    samples=2,
    counter=_counter,
    modulus=_PACKETS,
    chain=4,
    open_end=True,
)


def _first(packet: int) -> int:
    """The first sample of a packet, counted from the last id 0."""
    return 2 * packet - 1 if packet else 0


class GanglionDecoder(FrameDecoder):
    """Packets to blocks of four leads; sample 0 is the first packet with id 0."""

    def __init__(self, fs: float | None = None) -> None:
        """`fs` in Hz overrides the nominal rate."""
        super().__init__([LAYOUT], fs)
        self._last: NDArray[np.int64] | None = None  # steps; None: nothing to add to
        self._at = 0  # the next sample, counted from the last id 0

    def _give(self, layout: Layout, rows: Rows, lost: int) -> None:
        if not len(rows):
            return
        assert self._timeline
        packets = _counter(rows)
        if lost:
            self._last = None
        # To the first packet after the gap, whole cycles included.
        here = _first(int(packets[0]))
        cycles = lost // _PACKETS + (lost % _PACKETS > 0 and here < self._at)
        self._timeline.lose(here - self._at + CYCLE * cycles if lost else 0)
        starts = [0, *(i for i in np.flatnonzero(packets == 0).tolist() if i), len(rows)]
        for begin, end in itertools.pairwise(starts):
            self._cycle(rows[begin:end], raw=packets[begin] == 0)
        self._at = (_first(int(packets[-1])) + 1 + bool(packets[-1])) % CYCLE

    def _cycle(self, rows: Rows, raw: bool) -> None:
        """Packets between two ids 0, the first of which may be one."""
        assert self._timeline
        pieces = []
        if raw:
            self._last = i24(rows[:1], 1, CHANNELS)[0]
            pieces.append(self._last[None])
            rows = rows[1:]
            self.counters.good += 1
        if self._last is None:
            self.counters.unknown += len(rows)
            self._timeline.lose(2 * len(rows))
            return
        if len(rows):
            self.counters.good += len(rows)
            pieces.append(self._last - np.cumsum(_differences(rows).reshape(-1, CHANNELS), axis=0))
            self._last = pieces[-1][-1]
        self._timeline.add(nanovolts(np.concatenate(pieces), NV_PER_STEP))


class GanglionEncoder:
    """Blocks of up to four leads to packets with differences of 19 bits, clipped to 24 and 19 bits.

    A packet holds two samples, so the last one may wait for the next block.
    """

    def __init__(self) -> None:
        self._waiting = np.empty((0, CHANNELS), np.int64)
        self._sent = np.zeros(CHANNELS, np.int64)  # what a reader makes of all so far
        self._based = False  # whether a reader has had an id 0

    def encode(self, block: SampleBlock) -> bytes:
        """All whole packets; lead states and saturation cannot be sent."""
        new = steps(block, CHANNELS, NV_PER_STEP, "ganglion").clip(-(2**23), 2**23 - 1)
        if block.lost:
            self._waiting = self._waiting[:0]
        samples = np.concatenate([self._waiting, new])
        index, at, packets = block.start - len(self._waiting), 0, []
        while at < len(samples):
            place = (index + at) % CYCLE
            if place == 0 or not self._based:
                # A stream begins with an id 0 wherever it begins.
                if place:
                    at += CYCLE - place
                    continue
                row = np.zeros((1, 20), np.uint8)
                put_i24(row, 1, samples[at : at + 1])
                packets.append(row.tobytes())
                self._sent, self._based = samples[at], True
                at += 1
            elif at + 1 < len(samples):
                packets.append(self._pair(place // 2 + 1, samples[at : at + 2]))
                at += 2
            else:
                break
        self._waiting = samples[at:]
        return b"".join(packets)

    def _pair(self, packet: int, samples: NDArray[np.int64]) -> bytes:
        bits = 0
        for sample in samples:
            difference = (self._sent - sample).clip(-(2**19) + 1, 2**19 - 2)
            difference -= (difference & 1) * (difference > 0)  # even
            difference -= (1 - (difference & 1)) * (difference < 0)  # odd
            difference += 2 * (difference < -(2**19) + 1)
            self._sent = self._sent - difference
            for value in difference.tolist():
                bits = bits << 19 | value % (1 << 19)
        return bytes([100 + packet]) + bits.to_bytes(19, "big")
