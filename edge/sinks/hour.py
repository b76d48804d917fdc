"""One file of a recorder: a WFDB record, whole at every moment, with its annotations beside it.

`NAME.dat` holds the samples, `NAME.edge` the annotations, `NAME.hea` says what they are. Samples go
to the disk first; only then does the header tell of them, in place, so that whatever ends the
machine, a reader finds as many samples as it is told of.
"""

import contextlib
import fcntl
import itertools
import os
from bisect import insort
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Final

import numpy as np
from numpy.typing import NDArray

from edge.marks import CODES, NOTE, Mark
from edge.sinks import away
from edge.sinks.wfdb import Annotations, encode
from firmware_bridge.block import Step

MARKER: Final = "# recorded by edge-run"
"""How the line of a header begins by which a recording is known as ours."""
FIRST_NOTE: Final = 1
"""Notes on a record's sample 0 are put here: `wfdb` takes those for definitions and hides them."""
_HOW: Final = os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC
_OPEN_S: Final = 10
"""An annotation may come so much later than the one that belongs behind it."""
_FORMATS: Final = ((15, 16), (23, 24), (32, 32))
"""Bits that a format of WFDB, named by its own, has room for beside its mark of an invalid one."""
_LENGTH: Final = 10  # digits
_to_disk: Final = getattr(os, "fdatasync", os.fsync)  # not every system has the shorter way


@dataclass(frozen=True)
class Kind:
    """What is the same all through a record."""

    fs: float
    leads: tuple[str, ...]
    step: tuple[Step, ...]

    @property
    def bits(self) -> int:
        """Of a sample in the file: one format for all leads."""
        return next(f for most, f in _FORMATS if max(s.bits for s in self.step) <= most)


class Hour:
    """Takes samples and marks; `write` brings what was taken to the disk; it may be tried again."""

    def __init__(
        self, folder: Path, kind: Kind, first: int, start: datetime, comments: tuple[str, ...]
    ) -> None:
        """`first`: index in the stream of sample 0, which was taken at `start`, in UTC."""
        self.kind, self.first, self.end = kind, first, first
        self._folder, self._start, self._comments = folder, start, comments
        self._invalid = -(1 << kind.bits - 1)
        self._pending: list[NDArray[np.int32]] = []
        self._initial: NDArray[np.int32] | None = None
        self._sums = np.zeros(len(kind.leads), np.int64)
        self._written = 0  # samples
        self._marks = _Marks(kind.fs)
        self._dat = self._hea = self._edge = -1
        self._path: Path | None = None
        self._told = b""  # in the header
        self._ended = False

    def take(self, counts: NDArray[np.int64]) -> None:
        """The next samples, [n, leads]; what does not fit is at the end of its range."""
        most = -self._invalid - 1
        self._append(counts.clip(-most, most).astype(np.int32))

    def lose(self, n: int) -> None:
        """So many samples never came."""
        self._append(np.full((n, len(self.kind.leads)), self._invalid, np.int32))

    def mark(self, mark: Mark) -> None:
        """An annotation of the stream; one from before this file is put at its begin."""
        least = FIRST_NOTE if mark.symbol == NOTE else 0
        self._marks.add(mark._replace(sample=max(least, mark.sample - self.first)))

    def finish(self) -> None:
        """No samples come any more; marks may."""
        self._ended = True

    def write(self) -> None:
        """OSError where that cannot be done: what is on the disk is whole, and no more."""
        if self._path is None:
            self._open()
        self._write_samples()
        self._write_header()
        self._marks.write(self._edge, self.end - self.first)

    def away(self) -> set[str]:
        """What became of those of its files that are no more where they were: `edge.sinks.away`."""
        if self._path is None:
            return set()
        files = {".dat": self._dat, ".hea": self._hea, ".edge": self._edge}
        here = {fd: self._path.with_suffix(ending) for ending, fd in files.items() if fd >= 0}
        return {how for fd, path in here.items() if (how := away(fd, path))}

    def close(self) -> None:
        """Gives the files up as they are."""
        for fd in (self._dat, self._hea, self._edge):
            if fd >= 0:
                os.close(fd)
        self._dat = self._hea = self._edge = -1

    def _append(self, samples: NDArray[np.int32]) -> None:
        if not len(samples):
            return
        self._initial = samples[0] if self._initial is None else self._initial
        self._pending.append(samples)
        self.end += len(samples)
        self._sums += samples.sum(axis=0, dtype=np.int64)

    def _open(self) -> None:
        """Its name is the second of its start, with a number where that is taken."""
        self._folder.mkdir(parents=True, exist_ok=True)
        name = f"{self._start:%Y%m%dT%H%M%SZ}"
        for suffix in itertools.chain([""], (f"-{n}" for n in itertools.count(2))):
            path = self._folder / f"{name}{suffix}"
            if any(path.with_suffix(ending).exists() for ending in (".hea", ".edge")):
                continue
            try:
                self._dat = os.open(path.with_suffix(".dat"), _HOW, 0o666)
                break
            except FileExistsError:
                pass
        with contextlib.suppress(OSError):  # not every file system has locks
            fcntl.flock(self._dat, fcntl.LOCK_EX | fcntl.LOCK_NB)
        try:
            self._edge = os.open(path.with_suffix(".edge"), _HOW, 0o666)
        except OSError:
            path.with_suffix(".dat").unlink()
            self.close()
            raise
        self._path = path

    def _write_samples(self) -> None:
        if not self._pending:
            return
        samples = np.concatenate(self._pending)
        self._pending = [samples]
        at = self._written * len(self.kind.leads) * self.kind.bits // 8
        _put(self._dat, _packed(samples, self.kind.bits), at)
        _to_disk(self._dat)
        self._pending, self._written = [], self._written + len(samples)

    def _write_header(self) -> None:
        """In place; at first under another name, so that there is never half a one."""
        if not self._written or self._path is None:
            return
        text = self._header(self._path.name)
        if text == self._told:
            return
        if self._hea >= 0:
            _put(self._hea, text, 0)
            _to_disk(self._hea)
            self._told = text
            return
        new, path = self._path.with_name(f".{self._path.name}.new"), self._path.with_suffix(".hea")
        fd = os.open(new, os.O_RDWR | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, 0o666)
        try:
            _put(fd, text, 0)
            os.fsync(fd)
            self._marks.write(self._edge, 0)
            new.rename(path)
        except OSError:
            os.close(fd)
            with contextlib.suppress(OSError):
                new.unlink()
            raise
        self._hea, self._told = fd, text
        _sync(self._folder)

    def _header(self, name: str) -> bytes:
        """Of the same length at all times."""
        kind, whole = self.kind, self._ended and not self._pending
        assert self._initial is not None
        start = self._start
        when = f"{start:%H:%M:%S}.{start.microsecond // 1000:03} {start:%d/%m/%Y}"
        lines = [f"{name} {len(kind.leads)} {kind.fs:.12g} {self._written:0{_LENGTH}} {when}"]
        for i, (lead, step) in enumerate(zip(kind.leads, kind.step, strict=True)):
            # A checksum of 0 is none: it is told with the last sample.
            checksum = (int(self._sums[i]) + 2**15) % 2**16 - 2**15 if whole else 0
            lines.append(
                f"{name}.dat {kind.bits} {1e6 / step.nv!r}(0)/mV {step.bits} 0 "
                f"{self._initial[i]} {checksum:06} 0 {lead}"
            )
        return "".join(f"{line}\n" for line in [*lines, *self._comments]).encode()


class _Marks:
    """The annotation file: in order of time, though what comes late may belong further forward."""

    def __init__(self, fs: float) -> None:
        self._fs = fs
        self._head = Annotations.resolution(fs)
        self._size = self._at = 0  # bytes, and the sample, up to which nothing changes any more
        self._tail: list[tuple[int, int, Mark]] = []
        self._count = 0
        self._shown: bytes | None = None  # of what follows them, as it is on the disk

    def add(self, mark: Mark) -> None:
        self._count += 1
        insort(self._tail, (mark.sample, self._count, mark))

    def write(self, fd: int, now: int) -> None:
        """All that was taken; what is long before sample `now` is settled by that."""
        data = self._encoded(self._tail)
        if data + _END != self._shown:
            try:
                _put(fd, data + _END, self._size)
            except OSError:
                if self._shown is not None:
                    _put(fd, self._shown, self._size)  # which takes no room
                    os.ftruncate(fd, self._size + len(self._shown))
                raise
            self._shown = data + _END
            _to_disk(fd)
        old = [entry for entry in self._tail if entry[0] < now - _OPEN_S * self._fs]
        if old:
            size = len(self._encoded(old))
            self._size, self._at, self._head = self._size + size, old[-1][0], b""
            self._tail = self._tail[len(old) :]
            self._shown = self._shown[size:] if self._shown else None

    def _encoded(self, entries: list[tuple[int, int, Mark]]) -> bytes:
        parts, at = [self._head], self._at
        for sample, _, mark in entries:
            parts.append(encode(CODES[mark.symbol], sample - at, mark.text))
            at = sample
        return b"".join(parts)


_END: Final = b"\0\0"


def _packed(samples: NDArray[np.int32], bits: int) -> bytes:
    if bits == 24:
        parts = np.ascontiguousarray(samples, "<i4").view(np.uint8).reshape(-1, 4)
        return parts[:, :3].tobytes()
    return samples.astype(f"<i{bits // 8}").tobytes()


def _put(fd: int, data: bytes, at: int) -> None:
    rest = memoryview(data)
    while rest:
        n = os.pwrite(fd, rest, at)
        rest, at = rest[n:], at + n


def _sync(folder: Path) -> None:
    """Brings the folder's list of files to the disk, where that can be."""
    with contextlib.suppress(OSError):
        fd = os.open(folder, os.O_RDONLY | os.O_CLOEXEC)
        try:
            os.fsync(fd)
        finally:
            os.close(fd)
