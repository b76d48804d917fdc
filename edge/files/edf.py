"""EDF, EDF+ and BDF files, as `edfio` reads them."""

import math
import re
import warnings
from collections.abc import Iterator, Sequence
from datetime import date, datetime, time
from functools import cached_property
from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from edge.errors import RecordError
from edge.files import PIECE_S, Channel, Start, damaged
from edge.marks import Contact, Mark, read_contact, read_gap, read_words

EQUIPMENT: Final = "edge-ecg"
"""In the header of a file that edge-export has written: its annotations tell of gaps."""
PADDED: Final = "end of recording"
"""What stands there where the last data record is filled up."""
_NOTES: Final = (b"EDF Annotations", b"BDF Annotations")
_APART: Final = ("EDF+D", "BDF+D")
_PLUS: Final = ("EDF+C", "BDF+C")
_TAL: Final = re.compile(
    rb"([+-]\d+(?:\.\d+)?)(?:\x15(\d+(?:\.\d+)?))?\x14([^\0]*)\x14\0", re.DOTALL
)
"""Time-stamped annotations: onset, duration, texts."""


class Edf:
    """An open file; its samples stay on the disk."""

    measured_hz: Final = None

    def __init__(self, path: Path) -> None:
        """RecordError where it is missing or damaged, or its parts lie apart in time."""
        try:
            import edfio
        except ImportError:
            raise RecordError(
                "reading EDF needs edfio: install it with `pip install 'edge-ecg[replay]'`"
            ) from None
        self.name, self._path = path.stem, path
        try:
            with path.open("rb") as file:
                self._is_bdf = file.read(1) == b"\xff"
            self._promised = _promised(path)
            with warnings.catch_warnings():  # of a last record that is torn, which is left out
                warnings.simplefilter("ignore")
                if self._is_bdf:
                    self._edf: Any = self._bdf(0, 1)
                else:
                    self._edf = edfio.read_edf(path, header_encoding="latin-1")
                    self._records = int(self._edf.num_data_records)
                apart = self._edf.reserved in _APART
                self._plus = self._edf.reserved in _PLUS
                self._ours = self._plus and EQUIPMENT in self._edf.local_recording_identification
                self._signals = list(self._edf.signals)
                self._record_s = float(self._edf.data_record_duration)
                self.channels = [
                    Channel(
                        s.label,
                        s.physical_dimension,
                        round(float(s.sampling_frequency), 3),
                        step=_step(s),
                    )
                    for s in self._signals
                ]
        except RecordError:
            raise
        except Exception as error:  # a damaged file surfaces as almost any
            raise damaged(path, error) from None
        if not 0 < self._record_s < math.inf:
            raise damaged(path, f"its records last {self._record_s} s")
        if apart:
            raise RecordError(f"{path.name} is of parts that lie apart in time, which is not read")
        if self._records < 1:
            raise RecordError(f"{path.name} holds no samples")

    @property
    def told(self) -> tuple[str, ...]:
        """As `File.told`."""
        if self._records >= self._promised:
            return ()
        seconds = (self._records * self._record_s, self._promised * self._record_s)
        return (
            f"{self._path.name} breaks off after {seconds[0]:g} of the {seconds[1]:g} s that it "
            "names: get it again, if there is more",
        )

    @cached_property
    def marks(self) -> list[Mark]:
        """Its annotations, in order of time, by samples of the first signal.

        RecordError where they cannot be read.
        """
        try:
            return list(self._marks()) if self._plus else []
        except Exception as error:
            raise damaged(self._path, error) from None

    @property
    def _own(self) -> list[Mark]:
        """Of a file of edge-export, whose words are known."""
        return self.marks if self._ours else []

    @property
    def contacts(self) -> list[Contact]:
        """As `File.contacts`."""
        found = (read_contact(mark.sample, mark.text) for mark in self._own)
        return [contact for contact in found if contact]

    @property
    def lost(self) -> bool:
        """As `File.lost`."""
        return any(lead is None for _, _, lead in self._missing)

    @cached_property
    def _missing(self) -> list[tuple[int, int, int | None]]:
        """From which sample to before which there is nothing in a lead, None for all."""
        told = ((mark, read_gap(mark.text)) for mark in self._own)
        return [(mark.sample, mark.sample + gap[0], gap[1]) for mark, gap in told if gap]

    @cached_property
    def _end(self) -> int | None:
        """Where the last data record is filled up from, in samples; None: nowhere."""
        ends = (mark.sample for mark in self._own if mark.text == PADDED)
        return next(ends, None)

    def _marks(self) -> Iterator[Mark]:
        rate = self._signals[0].samples_per_data_record / self._record_s
        with self._path.open("rb") as file:
            head = file.read(256)
            size, count = int(head[184:192]), int(head[252:256])
            names = [file.read(16).strip() for _ in range(count)]
            file.seek(256 + 216 * count)
            width = 3 if self._is_bdf else 2
            lengths = [int(file.read(8)) * width for _ in range(count)]
        data = np.memmap(self._path, np.uint8, "r", size)
        records = data[: len(data) // sum(lengths) * sum(lengths)].reshape(-1, sum(lengths))
        at, begin, found = 0, None, list[Mark]()
        for name, length in zip(names, lengths, strict=True):
            if name in _NOTES:
                for onset, _, texts in _TAL.findall(records[:, at : at + length].tobytes()):
                    begin = float(onset) if begin is None else begin
                    sample = round((float(onset) - begin) * rate)
                    said = (text for text in texts.decode("utf-8", "replace").split("\x14") if text)
                    found += [read_words(sample, text) for text in said]
            at += length
        return iter(sorted(found, key=lambda mark: mark.sample))

    @property
    def began(self) -> Start | None:
        """As `File.began`."""
        return _began(self._edf)

    def pieces(self, columns: Sequence[int]) -> Iterator[NDArray[np.float64]]:
        """As `File.pieces`."""
        per_record = int(self._signals[columns[0]].samples_per_data_record)
        for i, piece in enumerate(self._whole(columns)):
            at = i * self._size * per_record
            for first, end, lead in self._missing:
                if end > at and first < at + len(piece):
                    where = slice(None) if lead is None else [c == lead for c in columns]
                    piece[max(0, first - at) : end - at, where] = np.nan
            yield piece if self._end is None else piece[: max(0, self._end - at)]

    @property
    def _size(self) -> int:
        """Data records that are read at a time."""
        return max(1, round(PIECE_S / self._record_s))

    def _whole(self, columns: Sequence[int]) -> Iterator[NDArray[np.float64]]:
        size = self._size
        for start in range(0, self._records, size):
            end = min(start + size, self._records)
            try:
                with warnings.catch_warnings():
                    warnings.simplefilter("ignore")
                    piece = np.stack(self._slices(columns, start, end), axis=1)
            except Exception as error:
                raise damaged(self._path, error) from None
            yield piece

    def _slices(self, columns: Sequence[int], start: int, end: int) -> list[NDArray[np.float64]]:
        if self._is_bdf:
            signals = list(self._bdf(start, end).signals)
            return [signals[i].data for i in columns]
        return [
            self._signals[i].get_data_slice(start * self._record_s, end * self._record_s)
            for i in columns
        ]

    def _bdf(self, start: int, end: int) -> Any:
        """Those records, as a file of their own: `edfio` reads a BDF file whole."""
        import edfio

        with self._path.open("rb") as file:
            head = file.read(256)
            size, signals = int(head[184:192]), int(head[252:])
            head += file.read(min(size, 256 * (signals + 1)) - 256)
            counts = head[256 + 216 * signals :]
            each = 3 * sum(int(counts[8 * i : 8 * i + 8]) for i in range(signals))
            self._records = (self._path.stat().st_size - size) // each
            file.seek(size + start * each)
            body = file.read(max(0, min(end, self._records) - start) * each)
        head = head[:236] + b"%-8d" % (len(body) // each) + head[244:]
        return edfio.read_bdf(head + body, header_encoding="latin-1")


def _step(signal: Any) -> float | None:
    digits = int(signal.digital_max) - int(signal.digital_min)
    return (float(signal.physical_max) - float(signal.physical_min)) / digits if digits else None


def _began(edf: Any) -> Start | None:
    """None where the header tells no time that there is; what is anonymous has a time alone.

    A time of 00.00.00 without a day is what is written where nothing is known.
    """
    with warnings.catch_warnings():  # of two dates that differ
        warnings.simplefilter("ignore")
        try:
            clock = edf.starttime
        except Exception:  # a damaged header surfaces as almost any
            return None
        try:
            day = edf.startdate
        except Exception:  # also one that is anonymous
            day = None
    if day is None and clock == time.min:
        return None
    return Start(datetime.combine(day or date(2000, 1, 1), clock), dated=day is not None)


def _promised(path: Path) -> int:
    """Data records that the header names; -1 where it names none, as while it is being written.

    RecordError where there is no signal, no rate, no whole header, or no header at all: `edfio` has
    no words for it.
    """
    with path.open("rb") as file:
        head = file.read(256)
        if head[:8].strip(b" \0") not in (b"", b"0") and head[:1] != b"\xff":
            raise RecordError(f"{path.name} is no EDF or BDF file, whatever it is called")
        signals = max(0, int(head[252:] or 1))
        if path.stat().st_size < 256 * (signals + 1):
            raise RecordError(f"{path.name} ends within its header: get it again")
        names = [file.read(16).strip() for _ in range(signals)]
    if all(name in _NOTES for name in names):
        raise RecordError(f"{path.name} holds no signal{', but annotations' if names else ''}")
    if float(head[244:252]) == 0:
        raise RecordError(f"{path.name} tells no rate: its records last 0 s")
    named = head[236:244].strip()
    return int(named) if named.isdigit() else -1
