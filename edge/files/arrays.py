"""NumPy's files: an array of samples, [n] or [n, leads], one with named fields, or several by name.

`sheet` tells what their columns are.
"""

import math
import re
import warnings
import zipfile
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, BinaryIO, Final

import numpy as np
from numpy.typing import NDArray

from edge.arrays import ArrayReader
from edge.errors import RecordError
from edge.files import Channel, choice, damaged
from edge.files.sheet import CELLS, ROWS, Sheet
from edge.files.times import is_clock
from edge.filters import STREAM_FS
from firmware_bridge.text import narrow

_MOST: Final = 256 << 20  # bytes of a file that is read whole
_ZIP: Final = b"PK"
_RATE: Final = re.compile(
    r"fs|sf|f_?s(ample|ampling)?|s?freq(uency)?|hz|rate|(sr|sampl(e|ing)[ _]*(rate|freq(uency)?))"
    r"([ _]*hz)?",
    re.IGNORECASE,
)
_UNNAMED: Final = "arr_0"
_UNITS: Final = re.compile(r"(sig|signal|physical)?[ _]*units?", re.IGNORECASE)
_NAMES: Final = re.compile(r"(sig|signal|lead|channel|ch)s?([ _]*names?)?|names", re.IGNORECASE)


class Array:
    """An open `.npy`, which stays on the disk, or `.npz`, which is read whole."""

    lost: Final = False
    contacts: Final = ()

    def __init__(
        self, path: Path, fs: float | None, leads: Sequence[str | int] | None = None
    ) -> None:
        """`fs` in Hz, if it is given; `leads`: those that are asked for, if any are.

        RecordError where it is missing or damaged, holds no such array, or nothing tells its rate.
        """
        self.name, self._file = path.stem, path.name
        try:
            # Opened here: numpy leaves a damaged one open.
            with path.open("rb") as file, warnings.catch_warnings():
                warnings.simplefilter("ignore")  # of old names of types
                zipped = file.read(2) == _ZIP
                file.seek(0)
                loaded = (
                    _members(path, file)
                    if zipped
                    else _fields("", np.load(path, "r", allow_pickle=False))
                )
        except RecordError:
            raise
        except ValueError as error:
            # Not numpy's words for what is pickled, which tell how to run it.
            told = "" if "ickle" in str(error) or "object" in str(error) else f" ({error})"
            raise RecordError(
                f"{path.name} is no array of numbers as numpy.save writes it{told}"
            ) from None
        except (Exception, zipfile.BadZipFile) as error:
            raise damaged(path, error) from None
        rates = [_one(x) for name, x in loaded.items() if _RATE.fullmatch(name)]
        columns = _of_one_length(path.name, _columns(path.name, loaded), leads or ())
        self._x = list(columns.values())
        if not len(self._x[0]):
            raise RecordError(f"{path.name} holds no samples")
        self._sheet = Sheet(
            path.name,
            self._rows(range(len(self._x)), 0, min(ROWS, CELLS // len(self._x) + 1)),
            ["" if isinstance(name, int) else name for name in columns],
            _units(loaded, len(columns)),
            fs,
            kind="lead",
            said=next(filter(None, rates), None),
        )
        whole = [np.issubdtype(x.dtype, np.integer) for x in self._x]
        self.channels = [
            replace(channel, step=1.0 if whole[column] else None)
            for channel, column in zip(self._sheet.channels, self._sheet.columns, strict=True)
        ]
        self.told, self.measured_hz = self._sheet.told, self._sheet.measured_hz
        self.began = self._sheet.began

    def pieces(self, columns: Sequence[int]) -> Iterator[NDArray[np.float64]]:
        """As `File.pieces`; NaN for rows that are missing, too."""
        return self._sheet.pieces(self._read, columns)

    def _read(self, columns: Sequence[int]) -> Iterator[NDArray[np.float64]]:
        size = min(4 * ROWS, CELLS // len(columns) + 1)
        for at in range(0, len(self._x[0]), size):
            piece = self._rows(columns, at, size)
            if np.isinf(piece).any():
                raise RecordError(f"{self._file} has infinite samples: NaN stands for a lost one")
            yield piece

    def _rows(self, columns: Sequence[int], at: int, size: int) -> NDArray[np.float64]:
        return np.stack([_floats(self._x[i][at : at + size]) for i in columns], axis=1)


def _members(path: Path, file: BinaryIO) -> dict[str, NDArray[Any]]:
    """The arrays of a `.npz`, and the fields of those with fields."""
    with zipfile.ZipFile(file) as parts:
        if sum(part.file_size for part in parts.infolist()) > _MOST:
            raise RecordError(
                f"{path.name} holds more than {_MOST >> 20} MB, and would be read whole: save it "
                "as .npy"
            )
    file.seek(0)
    with np.load(file, allow_pickle=False) as loaded:
        unnamed = loaded.files == [_UNNAMED]
        fields = (_fields("" if unnamed else name, loaded[name]) for name in loaded.files)
        return {name: x for found in fields for name, x in found.items()}


def _fields(name: str, x: NDArray[Any]) -> dict[str, NDArray[Any]]:
    """An array by its name, or its fields by theirs; dates and times as whole numbers."""
    fields = {field: x[field] for field in x.dtype.names} if x.dtype.names else {name: x}
    return {
        name: x.view(f"{x.dtype.byteorder}i8") if x.dtype.kind in "mM" else x
        for name, x in fields.items()
    }


def _floats(x: NDArray[Any]) -> NDArray[np.float64]:
    """The same, without NaN that signal, which would be warned of at each step."""
    with np.errstate(invalid="ignore", over="ignore"):
        floats = x.astype(np.float64)
    floats[np.isnan(floats)] = np.nan
    return floats


def _one(x: NDArray[Any]) -> float | None:
    """The only number of an array, if it is above 0."""
    one = float(x.flat[0]) if x.size == 1 and x.dtype.kind in "iuf" else 0.0
    return one if 0 < one < math.inf else None


def _units(loaded: dict[str, NDArray[Any]], columns: int) -> list[str | None]:
    """The units of so many columns: those that are told, if one is, or one of each."""
    told = next((x for name, x in loaded.items() if _UNITS.fullmatch(name)), None)
    if told is None or told.dtype.kind != "U" or told.size not in (1, columns):
        return [None] * columns
    return [str(unit) for unit in np.broadcast_to(told.ravel(), columns)]


def _columns(file: str, loaded: dict[str, NDArray[Any]]) -> dict[str | int, NDArray[Any]]:
    """Every column of all arrays of samples, those that nothing names by their number.

    RecordError where there is none, or what is most of the file is no array of samples.
    """
    found: dict[str | int, NDArray[Any]] = {}
    refused: list[tuple[int, str]] = []
    names = [
        x.tolist()
        for name, x in loaded.items()
        if _NAMES.fullmatch(name) and x.ndim == 1 and x.dtype.kind == "U"
    ]
    for name, array in loaded.items():
        if array.size <= 1 < len(loaded):
            continue
        try:
            x = ArrayReader(STREAM_FS, None).array(array)
        except ValueError as error:
            refused.append((0 if array.dtype.kind in "US" else array.size, str(error)))
            continue
        many = x.shape[1] > 1
        given = next((g for g in names if many and len(g) == x.shape[1]), None)
        for i in range(x.shape[1]):
            key = given[i] if given else f"{name} {i}" if name and many else name
            found[len(found) if key in found or not key else key] = x[:, i]
    size, why = max(refused, default=(0, "it is empty"))
    if size > max(map(len, found.values()), default=-1):
        raise RecordError(f"{file} cannot be played: {why}")
    return found


def _of_one_length(
    file: str, columns: dict[str | int, NDArray[Any]], leads: Sequence[str | int]
) -> dict[str | int, NDArray[Any]]:
    """Those of the length that the wanted leads have, or else all that may be leads.

    RecordError where these differ in it.
    """
    wanted = {str(lead).casefold() for lead in leads}
    may = [name for name in columns if str(name).casefold() in wanted]
    if not may:
        named = [name for name in columns if choice.is_named(Channel(str(name), None, 0.0))]
        may = (
            named
            or [
                name
                for name, x in columns.items()
                if isinstance(name, int)
                or not (
                    choice.is_beside(Channel(name, None, 0.0)) or is_clock(name, _floats(x[:ROWS]))
                )
            ]
            or list(columns)
        )
    lengths = {len(columns[name]) for name in may}
    if len(lengths) > 1:
        told = ", ".join(f"{narrow(str(name))} ({len(columns[name])})" for name in may)
        raise RecordError(
            f"{file} holds arrays of different lengths: choose some of one with --lead: {told}"
        )
    (length,) = lengths
    return {name: x for name, x in columns.items() if len(x) == length}
