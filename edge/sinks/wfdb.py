"""Final beat labels as a WFDB annotation file, written without the `wfdb` package.

The MIT format, from the WFDB Applications Guide, annot(5): little-endian 16-bit words, the type
in the upper six bits and the time since the annotation before in the lower ten; SKIP carries a
longer time, AUX a text, and a zero word ends the file.
"""

import errno
import itertools
import os
import struct
from datetime import datetime
from pathlib import Path

from edge.events import Beat, Event
from edge.sinks import REMOVED, away, writing

_NOTE, _SKIP, _AUX = 22, 59, 63
_CODES = {"N": 1, "V": 5, "F": 6, "S": 9, "Q": 13}
_END = b"\0\0"
# Waits for nobody who would have to read it.
_HOW = os.O_WRONLY | os.O_CREAT | os.O_NONBLOCK | os.O_CLOEXEC


def encode(code: int, interval: int, aux: str = "") -> bytes:
    """One annotation of type `code`, `interval` samples after the one before.

    `aux` is ASCII, at most 255 characters. An interval of 1024 and more, or a negative one, needs
    SKIP, whose 32 bits hold the high half first; one beyond them takes several.
    """
    data = b""
    if not 0 <= interval < 1024:
        data, interval = _skips(interval), 0
    data += struct.pack("<H", code << 10 | interval)
    if aux:
        text = aux.encode("ascii")
        data += struct.pack("<H", _AUX << 10 | len(text)) + text + b"\0" * (len(text) % 2)
    return data


def _skips(interval: int) -> bytes:
    data = b""
    while interval:
        step = max(-(2**31), min(interval, 2**31 - 1))
        data += struct.pack("<HHH", _SKIP << 10, step >> 16 & 0xFFFF, step & 0xFFFF)
        interval -= step
    return data


class Annotations:
    """Writes `FOLDER/RECORD.edge`: N, S, V, F and Q as they are, U as Q with the text "unknown".

    The rate stands in the file itself, so that it can be read without a header. After every beat
    the file is whole: the end mark is written with it, and overwritten by the next. Where the file
    is moved away or removed, a new one is begun at its path.
    """

    def __init__(
        self,
        folder: str | Path,
        record: str,
        fs: float,
        *,
        overwrite: bool = False,
        start: datetime | None = None,
    ) -> None:
        """Makes the file, and folders. One that is there is left: RECORD-2.edge, -3 and so on then.

        `start` goes, as date and time, into a header without signals, unless there is one.
        OutputError where they cannot be made.
        """
        self._sample = 0  # of the last beat that was taken
        self._written = 0  # and of the last one that is out
        self._rest = b""
        self._folder, self._record, self._fs = Path(folder), record, fs
        self._header_start = start
        with writing(self._folder / f"{record}.edge"):
            self._open(overwrite)

    def _open(self, overwrite: bool) -> None:
        self._folder.mkdir(parents=True, exist_ok=True)
        names = (f"{self._record}-{n}" for n in itertools.count(2))
        for name in itertools.chain([self._record], names):
            path = self._folder / f"{name}.edge"
            try:
                self._fd = os.open(path, _HOW | (os.O_TRUNC if overwrite else os.O_EXCL), 0o666)
                break
            except FileExistsError:
                pass
        self.path, self._size = path, 0
        note = self.resolution(self._fs)
        self._rest = note + _skips(self._written) + self._rest.removeprefix(note)
        header, start = path.with_suffix(".hea"), self._header_start
        if start and not header.exists():
            when = f"{start:%H:%M:%S} {start:%d/%m/%Y}"
            header.write_text(f"{name} 0 {self._fs:.12g} 0 {when}\n# {start.isoformat(' ')}\n")

    @staticmethod
    def resolution(fs: float) -> bytes:
        """How such a file begins: `fs` in Hz."""
        return encode(_NOTE, 0, f"## time resolution: {fs:.12g}")

    def write(self, event: Event) -> None:
        """Take a final beat; every other event is passed over."""
        if not isinstance(event, Beat) or not event.final:
            return
        interval, self._sample = event.sample - self._sample, event.sample
        code = _CODES["Q" if event.label == "U" else event.label]
        self._rest += encode(code, interval, "unknown" if event.label == "U" else "")

    def flush(self) -> None:
        """Write what was taken, in the place of the end mark; or put that back.

        OSError, once, after that where what was before is lost.
        """
        if not self._rest:
            return
        how, old = away(self._fd, self.path), self._fd
        if how:
            self._open(overwrite=False)
            os.close(old)
        data = memoryview(self._rest + _END)
        at = self._size
        try:
            while data:
                n = os.pwrite(self._fd, data, at)
                data, at = data[n:], at + n
        except OSError:
            if self._size:
                os.pwrite(self._fd, _END, self._size)  # there was one: it takes no room
            os.ftruncate(self._fd, self._size + len(_END) * bool(self._size))
            raise
        self._size, self._rest, self._written = at - len(_END), b"", self._sample
        if how == "removed":
            raise OSError(errno.ENOENT, REMOVED)

    def close(self) -> None:
        """Close the file; one in which nothing could be written is removed."""
        if not (self._size or away(self._fd, self.path)):
            self.path.unlink()
        os.close(self._fd)
