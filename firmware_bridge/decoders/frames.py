"""Frames of a fixed size: found in the bytes, checked, put in sequence; what a layout describes.

All work on arrays: a window is the `size` bytes at one offset, and every offset is looked at.
"""

import itertools
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from firmware_bridge.block import LeadState, SampleBlock, Step
from firmware_bridge.decoders.base import Counters
from firmware_bridge.decoders.timeline import Timeline
from firmware_bridge.errors import ProtocolError

Rows = NDArray[np.uint8]
"""Frames, or windows that may be frames: shape [n, size]."""
_NO_TEXT = bytes(b for b in range(256) if not (32 <= b < 127 or b in b"\t\n\r"))
_TEXT_SIZE = 4  # shorter ones are damage
_LONG_TEXT = 64  # a boot log has more, a line of a sketch less
_UNLEARN = 1024  # bytes, at least, without a frame of the layout, after which it was a wrong one
_FOREIGN = 8  # frames, more than one in 64 of late, that are right but for their layout: the same
_INSERTED = 12  # foreign bytes that may stand between frames without a doubt about what follows


@dataclass(frozen=True)
class Layout:
    """One kind of frame."""

    size: int
    """Bytes of a frame."""
    valid: Callable[[Rows], NDArray[np.bool_]]
    """Which windows can be frames: marks, ranges, checksum."""
    nv: Callable[[Rows], NDArray[np.int64]]
    """Frames to nanovolts, [n, size] to [n * samples, leads]."""
    leads: tuple[str, ...]
    fs: float
    """Nominal, Hz."""
    step: Step
    """Of the board's numbers, or of what is made of them."""
    samples: int = 1
    """Of each lead in a frame."""
    counter: Callable[[Rows], NDArray[np.int64]] | None = None
    """Sequence number a frame; -1: a frame outside of the sequence."""
    modulus: int = 1
    """What the counter wraps at."""
    chain: int = 1
    """Frames in sequence that must be seen before the first is believed: more than one where a
    frame's own marks are weak."""
    sure: int = 1
    """The same when the layout itself is not known yet."""
    open_end: bool = False
    """Nothing marks a frame's end: it is believed when one that fits follows it."""
    states: Callable[[Rows], NDArray[np.bool_]] | None = None
    """Which frames tell that an electrode is off."""
    tell: "Callable[[Rows], Layout | None] | None" = None
    """Which of several layouts with the same marks the first `sure` frames are in; None: they do
    not tell, so the next ones are asked."""


def marks(places: Mapping[int, int | tuple[int, int]]) -> Callable[[Rows], NDArray[np.bool_]]:
    """A check that bytes at these offsets have this value, or lie in this closed range."""

    def valid(rows: Rows) -> NDArray[np.bool_]:
        ok = np.ones(len(rows), bool)
        for place, value in places.items():
            if isinstance(value, int):
                ok &= rows[:, place] == value
            elif value[0] == 0:
                ok &= rows[:, place] <= value[1]
            else:
                ok &= rows[:, place] - np.uint8(value[0]) <= value[1] - value[0]
        return ok

    return valid


def integers(rows: Rows, first: int, kind: str, count: int = 1) -> NDArray[np.int64]:
    """`count` integers of numpy kind `kind` (as "<i2") at byte `first` of each row."""
    width = np.dtype(kind).itemsize
    part = np.ascontiguousarray(rows[:, first : first + width * count])
    return part.view(kind).astype(np.int64)


def nanovolts(values: NDArray[np.int64], nv_per_step: float) -> NDArray[np.int64]:
    """Steps of the board to nanovolts."""
    scaled: NDArray[np.float64] = np.rint(values * nv_per_step)
    return scaled.astype(np.int64)


def put(rows: Rows, first: int, values: NDArray[np.int64], kind: str) -> None:
    """The opposite of `integers`: values [n, count] into the rows."""
    raw = np.ascontiguousarray(values.astype(kind)).view(np.uint8).reshape(len(rows), -1)
    rows[:, first : first + raw.shape[1]] = raw


def steps(block: SampleBlock, leads: int, nv_per_step: float, name: str) -> NDArray[np.int64]:
    """The block's samples in steps of the board, [n, leads]; inputs without a lead are at zero."""
    if len(block.leads) > leads:
        some = "one ECG lead: choose one" if leads == 1 else f"{leads} ECG leads: choose as many"
        raise ProtocolError(f"{name} carries {some}")
    out = np.zeros((len(block), leads), np.int64)
    out[:, : len(block.leads)] = np.rint(block.mv.astype(np.float64) * (1e6 / nv_per_step))
    return out


class TextOrDamage:
    """Counts bytes that belong to no frame: text (a board's reply) as unknown, others as damage."""

    def __init__(self, counters: Counters, size: int = 0) -> None:
        """`size`: bytes of a frame, in units of which damage is counted; 0: once for a stretch."""
        self.skipped = 0
        """Bytes since the last frame."""
        self._counters = counters
        self.size = size
        self._told = (0, 0)  # what these already count as: damaged, unknown
        self._printable = 0

    def skip(self, data: bytes) -> None:
        """These bytes belong to no frame."""
        if not data:
            return
        self.skipped += len(data)
        self._printable += len(data.translate(None, _NO_TEXT))
        damaged = -(-self.skipped // self.size) if self.size else 1
        now = (0, 1) if self.text else (damaged, 0)
        self._counters.damaged += now[0] - self._told[0]
        self._counters.unknown += now[1] - self._told[1]
        self._told = now

    @property
    def text(self) -> bool:
        """Whether they are a text so far: a long one may have half a frame before it."""
        whole = self._printable == self.skipped >= _TEXT_SIZE
        return whole or (self.skipped >= _LONG_TEXT and self._printable >= 0.8 * self.skipped)

    @property
    def boot(self) -> bool:
        """Whether they are as long a text as boards print when they start."""
        return self.text and self.skipped >= _LONG_TEXT

    def over(self) -> None:
        """A frame follows."""
        self.skipped, self._printable, self._told = 0, 0, (0, 0)


class FrameDecoder:
    """Frames of one of some layouts to blocks; sample 0 is the first frame.

    With a counter, lost and repeated frames are counted by it, and bytes that belong to no frame
    tell how often it may have wrapped. Without one, those bytes, in units of a frame, are the lost
    samples: an estimate, exact where bytes were changed and none was dropped. Text between frames
    (a board's reply) counts as unknown, other bytes as damaged frames.
    """

    _untold_good = False
    """Whether frames that do not tell their layout are good ones, without samples."""

    def __init__(self, layouts: Sequence[Layout], fs: float | None = None) -> None:
        """`fs` in Hz overrides the nominal rate. With several layouts, the bytes tell which."""
        self.counters = Counters()
        self.doubt = ""
        self._layouts = layouts
        self._fs = fs
        self._rest = b""
        self._layout: Layout | None = None
        self._timeline: Timeline | None = None
        self._locked = False  # the rest begins where a frame should
        self._between = TextOrDamage(self.counters, layouts[0].size)
        self._base: Layout | None = None  # of which the layout was told
        self._foreign = 0.0  # frames of late that are not the layout's, and that one's all the same
        self._strayed = False  # the last frame was such a one
        self._before_layout = 0  # bytes that belong to no frame, before the layout was known
        self._expected = -1  # the next counter
        self._before = -1  # the last counter, of a repeated frame too; -1: none yet
        self._recent = deque[bytes](maxlen=_history(max(layouts, key=lambda x: x.modulus)))
        self._tells_off = False  # a zero is "on" only where a one has been seen
        if len(layouts) == 1 and not layouts[0].tell:
            self._settle(layouts[0])

    def feed(self, data: bytes) -> list[SampleBlock]:
        """Blocks that these bytes complete, one for each stretch without gap or change of state."""
        data, at, before = self._rest + data, 0, -1
        while at > before:
            before = at
            if self._layout is None:
                at += self._recognise(data[at:])
            if self._layout is not None:
                at += self._scan(self._layout, data[at:])
        self._rest = data[at:]
        return self._timeline.take() if self._timeline else []

    def _settle(self, layout: Layout) -> None:
        self._layout = layout
        self._between.size = layout.size
        self._locked = self._strayed = False
        self._foreign = 0.0
        self._before_layout = self._between.skipped
        if self._timeline:
            self._timeline.change(self._fs or layout.fs, layout.leads, layout.step)
        else:
            self._timeline = Timeline(
                self._fs or layout.fs, layout.leads, self.counters, step=layout.step
            )

    def _recognise(self, data: bytes) -> int:
        """Settles on the layout of which enough frames end first; where the bytes go on."""
        at = 0
        while True:
            found: list[tuple[int, int, int]] = []
            for i, layout in enumerate(self._layouts):
                valid, chained = _looks(layout, data[at:])
                begins = _begins(layout, valid, chained, layout.sure)
                if begins.any():
                    start = int(begins.argmax())
                    found.append((start + layout.sure * layout.size, i, start))
            if not found:
                longest = max(layout.sure * layout.size for layout in self._layouts)
                rest = max(0, len(data) - at + 1 - longest)
                self._between.skip(data[at : at + rest])
                return at + rest
            end, i, start = min(found)
            layout = self._layouts[i]
            told = (
                layout.tell(_windows(data, layout.size)[at + start : at + end : layout.size])
                if layout.tell
                else layout
            )
            self._between.skip(data[at : at + start])
            if told:
                self._settle(told)
                self._base = layout if layout.tell else None
                return at + start
            self.counters.good += layout.sure * self._untold_good
            self._between.over()
            at += end

    def _scan(self, layout: Layout, data: bytes) -> int:
        """Takes all frames; returns where the bytes begin that must be kept."""
        size, at = layout.size, 0
        valid, chained = _looks(layout, data)
        begins = valid if layout.chain == 1 else _begins(layout, valid, chained, layout.chain)
        while at < len(valid):
            fresh = not self._locked
            if fresh:
                first, believed = self._first(layout, data[at:], begins[at:], chained[at:])
                room = max(_UNLEARN, 4 * layout.sure * size) + self._before_layout
                room -= self._between.skipped
                if first >= room and (len(self._layouts) > 1 or self._layouts[0].tell):
                    self._between.skip(data[at : at + room])
                    self._layout = None
                    return at + room
                self._between.skip(data[at : at + first])
                at += first
                if not believed:
                    break
                self._locked = True
            ok = valid[at::size]
            if layout.chain > 1:
                ok = ok & self._in_order(layout, _windows(data, size)[at::size], fresh)
            n = len(ok) if ok.all() else int(ok.argmin())
            self._locked = n == len(ok)
            if layout.open_end:
                after = at + n * size
                if self._locked or after >= len(begins):
                    # What follows is not there yet: the last frame waits for it.
                    n = max(n - 1, 0)
                    self._take(layout, _windows(data, size)[at : at + n * size : size])
                    self._locked = True
                    at += n * size
                    break
                if not begins[after]:
                    n = max(n - 1, 0)
            self._take(layout, _windows(data, size)[at : at + n * size : size])
            at += n * size
            if self._base and at < len(valid) and not valid[at]:
                self._strayed = bool(self._base.valid(_windows(data[at : at + size], size))[0])
            if self._foreign >= _FOREIGN:
                self._layout = None
                break
        return at

    def _first(
        self, layout: Layout, data: bytes, begins: NDArray[np.bool_], chained: NDArray[np.bool_]
    ) -> tuple[int, bool]:
        """Where a frame is believed again; or what may become one, and False.

        A chain is enough where its number is as far on as the bytes are; else it takes a second.
        """
        size, wrap = layout.size, layout.modulus * layout.size
        for first in np.flatnonzero(begins).tolist():
            if layout.chain == 1 or self._expected < 0 or not layout.counter:
                return first, True
            frame = data[first : first + size]
            step = int(layout.counter(_windows(frame, size))[0]) - self._expected
            skipped = self._between.skipped + first
            if skipped and (step + 1) % layout.modulus == 0 and frame not in self._recent:
                continue  # foreign bytes before the frame that is expected, which look like one
            ahead = (step * size - skipped + wrap // 2) % wrap - wrap // 2
            if -max(_INSERTED, 1.5 * size) <= ahead <= 1.5 * size:
                return first, True
            more = chained[first : first + 2 * layout.chain * size : size]
            if more.all():
                return first, len(more) == 2 * layout.chain
        return len(begins), False

    def _in_order(self, layout: Layout, rows: Rows, fresh: bool) -> NDArray[np.bool_]:
        """Which frames have the number after that of the one before; those without one all do."""
        assert layout.counter
        counts = layout.counter(rows)
        numbered = np.flatnonzero(counts >= 0)
        ordered = np.ones(len(rows), bool)
        if len(numbered):
            now = counts[numbered]
            first = now[0] - 1 if fresh or self._before < 0 else self._before
            ordered[numbered] = now == (np.append(first, now[:-1]) + 1) % layout.modulus
        return ordered

    def _take(self, layout: Layout, rows: Rows) -> None:
        """Puts frames that follow each other in the bytes into sequence."""
        if not len(rows):
            return
        skipped, text, boot = self._between.skipped, self._between.text, self._between.boot
        self._between.over()
        self._before_layout = 0
        self._foreign += self._strayed * (skipped // layout.size)
        self._strayed = False
        self._foreign = max(0.0, self._foreign - len(rows) / 64)
        assert self._timeline
        if layout.counter is None:
            self._timeline.lose(0, boot)
            self._give(layout, rows, 0 if text else -(-skipped // layout.size))
            return
        counts = layout.counter(rows)
        numbered = counts[counts >= 0]
        self._before = int(numbered[-1]) if len(numbered) else self._before
        in_order = (self._expected + np.arange(len(rows))) % layout.modulus
        if boot and counts[0] != self._expected:
            self._timeline.lose(0, restart=True)
        if skipped or self._expected < 0 or not np.array_equal(counts, in_order):
            self._take_singly(layout, rows, counts, 0 if text else skipped)
            return
        self._expected = (int(counts[-1]) + 1) % layout.modulus
        self._recent.extend(row.tobytes() for row in rows[-_history(layout) :])
        self._give(layout, rows, 0)

    def _take_singly(
        self, layout: Layout, rows: Rows, counts: NDArray[np.int64], skipped: int
    ) -> None:
        begin = lost = 0
        for i, count in enumerate(counts.tolist()):
            frame = rows[i].tobytes()
            step = (count - self._expected) % layout.modulus if self._expected >= 0 else 0
            again = layout.modulus - step <= _history(layout) and frame in self._recent
            if again or count < 0:
                self._give(layout, rows[begin:i], lost)
                begin, lost = i + 1, 0
                self.counters.repeated += layout.samples * (count >= 0)
                self.counters.unknown += count < 0
                continue
            if step or skipped:
                # As many wraps of the counter as fit the missing bytes best.
                wraps = max(0, round((skipped / layout.size - step) / layout.modulus))
                if step or wraps:
                    self._give(layout, rows[begin:i], lost)
                    begin, lost = i, step + wraps * layout.modulus
                skipped = 0
            self._expected = (count + 1) % layout.modulus
            self._recent.append(frame)
        self._give(layout, rows[begin:], lost)

    def _give(self, layout: Layout, rows: Rows, lost: int) -> None:
        """Good frames in a row, after so many lost ones, to samples."""
        if not len(rows):
            return
        assert self._timeline
        self.counters.good += len(rows)
        self._timeline.lose(lost * layout.samples)
        if layout.states is None:
            self._timeline.add(layout.nv(rows))
            return
        off = layout.states(rows)
        cuts = [0, *(np.flatnonzero(np.diff(off)) + 1).tolist(), len(rows)]
        for begin, end in itertools.pairwise(cuts):
            self._tells_off |= bool(off[begin])
            state = (
                LeadState.OFF
                if off[begin]
                else (LeadState.ON if self._tells_off else LeadState.UNKNOWN)
            )
            self._timeline.add(layout.nv(rows[begin:end]), (state,) * len(layout.leads))


def _history(layout: Layout) -> int:
    """Frames back that a repetition may come from: further back, a loss is as likely."""
    return max(1, layout.modulus // 10)


def _windows(data: bytes, size: int) -> Rows:
    return np.ndarray((max(0, len(data) - size + 1), size), np.uint8, data, strides=(1, 1))


def _looks(layout: Layout, data: bytes) -> tuple[NDArray[np.bool_], NDArray[np.bool_]]:
    """For each offset: can a frame be there; do it and the next tell that this follows it.

    Frames outside of the sequence tell nothing.
    """
    windows = _windows(data, layout.size)
    valid = layout.valid(windows)
    chained = valid[: -layout.size] & valid[layout.size :]
    if layout.counter and layout.chain > 1:
        counts = layout.counter(windows)
        now, then = counts[: -layout.size], counts[layout.size :]
        chained &= ((now + 1) % layout.modulus == then) & (now >= 0) & (then >= 0)
    return valid, chained


def _begins(
    layout: Layout, valid: NDArray[np.bool_], chained: NDArray[np.bool_], chain: int
) -> NDArray[np.bool_]:
    """For each offset, whether so many frames in sequence begin there."""
    n = max(0, len(valid) - (chain - 1) * layout.size)
    begins = valid[:n].copy()
    for i in range(chain - 1):
        begins &= chained[i * layout.size :][:n]
    return begins
