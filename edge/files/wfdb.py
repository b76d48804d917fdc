"""WFDB records, of one segment or of many, as `wfdb` reads their signal files.

The headers are read here: `wfdb` drops what is not ASCII, so that µV becomes V, takes a rate that
it does not understand for 250 Hz, and refuses dates that are none.
"""

import math
import os
import re
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from functools import cache
from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from edge.errors import RecordError
from edge.files import PIECE_S, Channel, Start, damaged
from edge.marks import Contact
from firmware_bridge.text import printable
from firmware_bridge.units import nanovolts

_GAIN: Final = re.compile(r"([-+.\de]*)(?:\((-?\d*)\))?(?:/(.*))?", re.IGNORECASE)
_PACKED: Final = (".gz", ".zip", ".bz2", ".xz", ".zst", ".7z", ".tar")
_TIME: Final = re.compile(r"(?:(\d{1,2}):)??(?:(\d{1,2}):)?(\d{1,2})(?:\.(\d{1,6})\d*)?")
_DATE: Final = re.compile(r"(\d{1,2})/(\d{1,2})/(\d{4})")
_DIFFERENCES: Final = "8"
"""The format whose samples are told as differences from the one before."""


@dataclass(frozen=True, slots=True)
class Signals:
    """A segment; lists with an element for each signal, as `wfdb` has them."""

    folder: Path
    name: str
    length: int
    """Frames."""
    fields: dict[str, list[Any]]
    units: list[str]

    @property
    def names(self) -> list[str | None]:
        """Of the signals."""
        return self.fields["sig_name"]

    @property
    def spf(self) -> list[int]:
        """Samples of each signal in a frame."""
        return [spf or 1 for spf in self.fields["samps_per_frame"]]

    @property
    def steps(self) -> list[float | None]:
        """In `units`."""
        return [1 / abs(gain) if gain else None for gain in self.fields["adc_gain"]]

    def read(self, columns: list[int], size: int) -> Iterator[NDArray[np.float64]]:
        """Pieces of at most `size` frames, [n, columns], in the signals' units."""
        from wfdb.io import _signal

        f = self.fields
        value = list(f["init_value"])
        if _DIFFERENCES in f["fmt"] and any(f["skew"]):  # where a piece begins nobody knows
            size = self.length
        for start in range(0, self.length, size):
            end = min(start + size, self.length)
            digital = _signal._rd_segment(
                f["file_name"], str(self.folder), None, f["fmt"], len(f["fmt"]), self.length,
                f["byte_offset"], f["samps_per_frame"], f["skew"], value, start, end,
                list(range(len(f["fmt"]))) if _DIFFERENCES in f["fmt"] else columns, False,
            )  # fmt: skip
            if _DIFFERENCES in f["fmt"]:
                value = [int(x[-1]) for x in digital]
                digital = [digital[i] for i in columns]
            piece = np.empty((len(digital[0]), len(columns)))
            for k, (i, x) in enumerate(zip(columns, digital, strict=True)):
                invalid = _signal.INVALID_SAMPLE_VALUE[f["fmt"][i]]
                piece[:, k] = (x.astype(np.float64) - f["baseline"][i]) / f["adc_gain"][i]
                if invalid is not None:
                    piece[x == invalid, k] = np.nan
            yield piece


class Record:
    """A record, given by its path with or without the name of one of its files' endings."""

    measured_hz: Final = None
    lost = False

    def __init__(self, path: Path) -> None:
        """RecordError where it is missing, damaged or impossible."""
        self._path = self._found(path)
        self.name = self._path.name
        with self._reading():
            self._open()

    @property
    def told(self) -> tuple[str, ...]:
        """As `File.told`."""
        return ()

    @property
    def contacts(self) -> list[Contact]:
        """As `File.contacts`."""
        return []

    @property
    def began(self) -> Start | None:
        """As `File.began`."""
        try:
            return _start(_lines(self._path)[0].split()[4:6], _remarks(self._path))
        except OSError:  # it was read before, and is gone
            return None

    def pieces(self, columns: Sequence[int]) -> Iterator[NDArray[np.float64]]:
        """As `File.pieces`."""
        with self._reading():
            for segment, length in self._segments:
                yield from self._segment(segment, length, list(columns))

    @contextmanager
    def _reading(self) -> Iterator[None]:
        """Whatever goes wrong in wfdb becomes a RecordError."""
        try:
            yield
        except RecordError:
            raise
        except FileNotFoundError as error:
            name = Path(error.filename).name if error.filename else "a signal file"
            said = f"record {self.name} is incomplete: {name} is missing"
            raise RecordError(said) from None
        # A damaged file surfaces as almost any exception, memory errors included.
        except Exception as error:
            raise damaged(self._path, error) from None

    def _found(self, path: Path) -> Path:
        """Its path without an ending; RecordError where there is no record."""
        return _record(path)

    def _read(self) -> tuple[Signals | None, Signals | None]:
        """Takes rate and segments; gives the first that has signals, and the layout of all."""
        head, *lines = _lines(self._path)
        words = head.split()
        if len(words) < 2:
            raise ValueError("its first line is none of a record")
        self._fs = self._rate(words[2] if len(words) > 2 else "")
        length = int(words[3]) if len(words) > 3 else 0
        _, _, parts = words[0].partition("/")
        self._segments: list[tuple[Signals | None, int]]
        first: Signals | None
        if not parts:
            whole = _signals(self._path, _first(lines, words[1]), length)
            first, layout, self._segments = whole, None, [(whole, whole.length)]
        else:
            names = [(line.split()[0], int(line.split()[1])) for line in _first(lines, parts)]
            layout = None
            if names and names[0][1] == 0:  # the first names all channels, and has no samples
                layout = self._part(names.pop(0)[0], 0)
            self._segments = [
                (None if name == "~" else self._part(name, length), length)
                for name, length in names
            ]
            first = layout or next((s for s, _ in self._segments if s), None)
        return first, layout

    def _open(self) -> None:
        first, self._layout = self._read()
        if first is None or not first.units:
            raise RecordError(f"record {self.name} has no signal")
        if min(length for _, length in self._segments) < 0 or not sum(
            length for _, length in self._segments
        ):
            raise RecordError(f"record {self.name} holds no samples")
        self._spf = list(first.spf)
        units, held = list(first.units), [False] * len(first.units)
        steps = list(first.steps)
        for segment in (s for s, length in self._segments if s and length):
            for i, j in enumerate(self._places(segment, range(len(units)))):
                if j is not None:
                    self._spf[i] = self._spf[i] if held[i] else segment.spf[j]
                    units[i] = units[i] if held[i] else segment.units[j]
                    steps[i] = steps[i] if held[i] else segment.steps[j]
                    held[i] = True
        self.channels = [
            Channel(name or f"channel {i}", unit, round(self._fs * spf, 3), here, step=step)
            for i, (name, unit, spf, here, step) in enumerate(
                zip(first.names, units, self._spf, held, steps, strict=True)
            )
        ]

    def _rate(self, word: str) -> float:
        said = re.split(r"[/(]", word)[0]
        try:
            fs = float(said)
        except ValueError:
            fs = math.nan
        if not 0 < fs < math.inf:
            raise RecordError(
                f"record {self.name} cannot be played: its header gives "
                f"{printable(said, 40) or 'no'} samples a second"
            )
        return fs

    def _part(self, name: str, length: int) -> Signals:
        """A segment's header."""
        if not re.fullmatch(r"[-\w]+", name):
            raise ValueError(f"no segment can be called {name}")
        return signals(self._path.with_name(name), length)

    def _places(self, segment: Signals, columns: Sequence[int] | range) -> list[int | None]:
        """Where a segment has the record's channels."""
        if self._layout is None:
            return [i if i < len(segment.names) else None for i in columns]
        wanted = [self._layout.names[i] for i in columns]
        return [segment.names.index(name) if name in segment.names else None for name in wanted]

    def _segment(
        self, segment: Signals | None, length: int, columns: list[int]
    ) -> Iterator[NDArray[np.float64]]:
        size = max(1, round(PIECE_S * self._fs))
        spf = self._spf[columns[0]]
        places = self._places(segment, columns) if segment else [None] * len(columns)
        held = [j for j in places if j is not None]
        if segment is None or not held:
            for start in range(0, length, size):
                n = min(size, length - start) * spf
                yield np.full((n, len(columns)), np.nan)
            return
        if any(segment.spf[j] != spf for j in held):
            raise ValueError(f"segment {segment.name} has another rate")
        into = [k for k, j in enumerate(places) if j is not None]
        scale = [self._scale(segment.units[places[k] or 0], columns[k]) for k in into]
        for piece in segment.read(held, size):
            whole = np.full((len(piece), len(columns)), np.nan)
            whole[:, into] = piece if scale == [1.0] * len(scale) else piece * scale
            yield whole

    def _scale(self, unit: str, column: int) -> float:
        """Of a segment whose unit is another one than the channel's."""
        mine = self.channels[column].unit or ""
        if unit == mine:
            return 1.0
        here, there = nanovolts(unit), nanovolts(mine)
        if here is None or there is None:
            raise ValueError(f"channel {self.channels[column].name} is in {unit} and in {mine}")
        return here / there


def signals(path: Path, length: int) -> Signals:
    """The record of one segment at `path`, of `length` frames; any error where it is damaged."""
    head, *lines = _lines(path)
    words = head.split()
    if "/" in words[0]:
        raise ValueError("a segment has segments")
    return _signals(path, _first(lines, words[1]), length)


def _fields(lines: list[str]) -> dict[str, list[Any]]:
    """What `wfdb._header._parse_signal_lines` makes of the lines of signals.

    That one looks each field up in a table of pandas, twice: more work than to read the signals.
    """
    from wfdb.io import _header

    fields: dict[str, list[Any]] = {name: [] for name in _specs()}
    for line in lines:
        match = _header.rx_signal.match(line)
        if match is None:
            raise ValueError(f"{line} is no signal")
        said = dict(zip(fields, match.groups(), strict=True))
        for name, (kind, default) in _specs().items():
            fields[name].append(kind(said[name]) if said[name] else default)
        if not said["baseline"] and said["adc_zero"]:
            fields["baseline"][-1] = int(said["adc_zero"])
        fields["adc_gain"][-1] = fields["adc_gain"][-1] or _specs()["adc_gain"][1]
    return fields


@cache
def _specs() -> dict[str, tuple[type, Any]]:
    """The type of each field of a signal, and what it is where it is not told."""
    from wfdb.io import _header

    types = {_header.int_types: int, _header.float_types: float}
    specs = _header.SIGNAL_SPECS
    each = zip(specs.index, specs["allowed_types"], specs["read_default"], strict=True)
    return {name: (types.get(kinds, str), default) for name, kinds, default in each}


def _signals(path: Path, lines: list[str], length: int) -> Signals:
    from wfdb.io import _signal

    plain, units = [], []
    for line in lines:
        words = line.split(maxsplit=3)
        words += [""] * (4 - len(words))
        match = _GAIN.fullmatch(words[2])
        gain, baseline, unit = match.groups() if match else ("nan", None, None)
        if gain and not math.isfinite(float(gain)):
            raise ValueError(f"a gain of {words[2]} is none")
        units.append("mV" if unit is None else unit)
        words[2] = (gain.lower() or "0") + (f"({baseline})" if baseline else "") + "/mV"
        plain.append(" ".join(words))
    fields = _fields(plain)
    fields["samps_per_frame"] = [spf or 1 for spf in fields["samps_per_frame"]]
    names = list(dict.fromkeys(fields["file_name"]))
    for name in names:
        if name == "~":  # a layout has no file
            continue
        mine = [i for i, other in enumerate(fields["file_name"]) if other == name]
        file = path.with_name(name)
        fmt, spf = fields["fmt"][mine[0]], sum(fields["samps_per_frame"][i] for i in mine)
        if not os.path.isfile(file):  # noqa: PTH113
            raise FileNotFoundError(2, "missing", name)
        if fmt in _signal.COMPRESSED_FMTS:
            import soundfile

            most = soundfile.info(file).frames // fields["samps_per_frame"][mine[0]]
        else:
            offset = fields["byte_offset"][mine[0]] or 0
            most = _signal._infer_sig_len(str(name), fmt, spf, offset, str(path.parent))
        length = length or most
        if length > most:
            raise ValueError(f"{name} holds {most} frames, not {length}")
        if max(fields["skew"][i] or 0 for i in mine) > length:  # wfdb would make room for it
            raise ValueError(f"{name} has a skew of more frames than it holds")
    return Signals(path.parent, path.name, length, fields, units)


def _record(path: Path) -> Path:
    """The record's path without an ending: `x.hea`, `x.dat` and `x.atr` mean x."""
    # os.path: where pathlib raises (no permission, a name too long, none at all), it says no.
    if not os.path.isfile(f"{path}.hea"):  # noqa: PTH113
        if path.suffix and os.path.isfile(f"{path.with_suffix('')}.hea"):  # noqa: PTH113
            path = path.with_suffix("")
        elif os.path.isfile(path):  # noqa: PTH113
            raise RecordError(
                f"{path.name} has no header {path.stem}.hea beside it, and is no EDF, BDF, CSV, "
                f"TSV, TXT or NumPy file{': unpack it' if path.suffix in _PACKED else ''}"
            )
        elif os.path.isdir(path):  # noqa: PTH112
            raise RecordError(f"no record: {path} is a folder, so give a record in it")
        else:
            raise RecordError(
                f"no record {path.name} in {path.parent}: give the path of its .hea file "
                "without the extension"
            )
    ask_for_wfdb()
    return path


def ask_for_wfdb() -> None:
    """RecordError where it is not installed."""
    try:
        import wfdb  # noqa: F401
    except ImportError:
        raise RecordError(
            "reading records needs wfdb: install it with `pip install 'edge-ecg[replay]'`"
        ) from None


def _start(words: list[str], remarks: list[str]) -> Start | None:
    """Of a header: its time and date, or a remark that is a date and time with its zone.

    None where there is neither, or no calendar and clock have such.
    """
    for remark in remarks:
        try:
            at = datetime.fromisoformat(remark)
        except ValueError:
            continue
        if at.tzinfo:
            return Start(at, dated=True)
    time = _TIME.fullmatch(words[0]) if words else None
    date = _DATE.fullmatch(words[1]) if len(words) > 1 else None
    if not time:
        return None
    hours, minutes, seconds = (int(part or 0) for part in time.groups()[:3])
    day, month, year = map(int, date.groups()) if date else (1, 1, 2000)
    try:
        at = datetime(year, month, day, hours, minutes, seconds, int(f"{time[4] or 0:0<6}"))
    except ValueError:
        return None
    return Start(at, dated=bool(date))


def _first(lines: list[str], count: str) -> list[str]:
    """As many lines as a header says that there are."""
    if len(lines) < int(count):
        raise ValueError(f"its header has {len(lines)} lines of {count}")
    return lines[: int(count)]


def _lines(path: Path) -> list[str]:
    """What a header says, without its comments."""
    return [line for line in _text(path) if line and not line.startswith("#")] or [""]


def _remarks(path: Path) -> list[str]:
    """Its comments."""
    return [line.lstrip("# ") for line in _text(path) if line.startswith("#")]


def _text(path: Path) -> list[str]:
    """Its lines, in whatever encoding."""
    data = Path(f"{path}.hea").read_bytes()
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError:
        text = data.decode("latin-1")
    # Not `splitlines`, which knows line ends that no header has.
    return [line.strip() for line in re.split(r"[\r\n]+", text)]
