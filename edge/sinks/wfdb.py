"""Final beat labels as a WFDB annotation file, written without the `wfdb` package.

The MIT format, from the WFDB Applications Guide, annot(5): little-endian 16-bit words, the type
in the upper six bits and the time since the annotation before in the lower ten; SKIP carries a
longer time, AUX a text, and a zero word ends the file.
"""

import struct
from pathlib import Path

from edge.events import Beat, Event
from edge.sinks import writing

_NOTE, _SKIP, _AUX = 22, 59, 63
_CODES = {"N": 1, "V": 5, "F": 6, "S": 9, "Q": 13}
_END = b"\0\0"


def encode(code: int, interval: int, aux: str = "") -> bytes:
    """One annotation of type `code`, `interval` samples after the one before.

    `aux` is ASCII, at most 255 characters. An interval of 1024 and more, or a negative one, needs
    SKIP, whose 32 bits hold the high half first; one beyond them takes several.
    """
    data = b""
    while not 0 <= interval < 1024:
        step = max(-(2**31), min(interval, 2**31 - 1))
        data += struct.pack("<HHH", _SKIP << 10, step >> 16 & 0xFFFF, step & 0xFFFF)
        interval -= step
    data += struct.pack("<H", code << 10 | interval)
    if aux:
        text = aux.encode("ascii")
        data += struct.pack("<H", _AUX << 10 | len(text)) + text + b"\0" * (len(text) % 2)
    return data


class Annotations:
    """Writes `FOLDER/RECORD.edge`: N, S, V, F and Q as they are, U as Q with the text "unknown".

    The rate stands in the file itself, so that it can be read without a header. After every beat
    the file is whole: the end mark is written with it, and overwritten by the next.
    """

    def __init__(self, folder: str | Path, record: str, fs: float) -> None:
        self._path = Path(folder) / f"{record}.edge"
        self._sample = 0
        with writing(self._path):
            self._path.parent.mkdir(parents=True, exist_ok=True)
            self._file = self._path.open("wb")
            self._file.write(encode(_NOTE, 0, f"## time resolution: {fs:.12g}") + _END)
            self._file.flush()

    def write(self, event: Event) -> None:
        """Append a final beat; every other event is passed over."""
        if not isinstance(event, Beat) or not event.final:
            return
        interval, self._sample = event.sample - self._sample, event.sample
        code = _CODES["Q" if event.label == "U" else event.label]
        aux = "unknown" if event.label == "U" else ""
        with writing(self._path):
            self._file.seek(-len(_END), 2)
            self._file.write(encode(code, interval, aux) + _END)
            self._file.flush()

    def close(self) -> None:
        """Close the file."""
        with writing(self._path):
            self._file.close()
