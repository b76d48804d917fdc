"""EDF+ and BDF+ files of a recording: the same steps as it has, wherever they fit."""

import warnings
from fractions import Fraction
from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from edge import marks, whole
from edge.export import Export, Lead, survey
from edge.files.edf import EQUIPMENT, PADDED
from edge.marks import Mark
from edge.replay import INVALID
from firmware_bridge.text import unique

BITS: Final = {".edf": 16, ".bdf": 24}
"""Of a sample."""
_LABEL: Final = 16  # characters of a signal's name
_FIELD: Final = 8  # and of a number
_TRIED: Final = 20_000  # numbers, for one that is a voltage of few digits
_MOST_UV: Final = 10.0 ** (_FIELD - 1) - 1
_LONGEST_MS: Final = 61_000  # of a data record
_RATE_HZ: Final = 4e-4  # by which a rate may be off, so that it is read as it was
_YEARS: Final = range(1985, 2085)  # that a header has room for
_NV_PER_UV: Final = 1e3
_Array = NDArray[np.float64]


def write(export: Export, path: Path, *, overwrite: bool = False) -> list[str]:
    """A file with one signal a lead, in µV, and all annotations; gaps are filled, and told by one.

    Gives sentences for its user: what was rounded. OutputError where it cannot be written,
    RecordError where the recording turns out to be damaged.
    """
    import edfio

    bits, fs = BITS[path.suffix.lower()], export.opened.fs
    found = survey(export.opened)
    per_record, duration = data_record(fs, found.length)
    padded = -(-found.length // per_record) * per_record
    told, scales, digital = [], [], []
    for lead in found.leads:
        scale = Scale(lead, bits)
        if scale.step > lead.step:
            told.append(
                f"{bits} bits do not hold all of {lead.name}: it is rounded to "
                f"{scale.step / _NV_PER_UV:.4g} µV, where its steps are "
                f"{lead.step / _NV_PER_UV:.4g} µV"
                + ("; a .bdf file has 24 bits" if bits == BITS[".edf"] else "")
            )
        scales.append(scale)
        digital.append(np.full(padded, scale.filler, np.int16 if bits == 16 else np.int32))
    at = 0
    for nv in export.opened.pieces():
        for k, scale in enumerate(scales):
            digital[k][at : at + len(nv)] = scale.digits(nv[:, k])
        at += len(nv)
    notes = sorted([*export.notes, *found.missing], key=lambda mark: mark.sample)
    if padded > found.length:
        notes.append(marks.note(found.length, PADDED))
    rate = Fraction(per_record) / duration
    annotations = [
        edfio.EdfAnnotation(
            float(mark.sample / rate), _duration(mark, rate, padded), marks.words(mark)
        )
        for mark in notes
        if mark.sample >= 0
    ]
    start = export.start
    if start and start.dated and start.at.year not in _YEARS:
        told.append(f"the year {start.at.year} is beyond what the format has: it is left out")
        start = start._replace(dated=False)
    kind: Any = edfio.EdfSignal if bits == 16 else edfio.BdfSignal
    names = unique(_label(lead.name) for lead in found.leads)
    signals = [
        kind.from_digital(
            samples,
            rate,  # exact: edfio counts records by it
            label=name[-_LABEL:],
            physical_dimension="uV",
            physical_range=scale.physical,
            digital_range=scale.digital,
        )
        for name, samples, scale in zip(names, digital, scales, strict=True)
    ]
    with warnings.catch_warnings(), whole.made(path, overwrite=overwrite) as part:
        warnings.simplefilter("ignore")
        (edfio.Edf if bits == 16 else edfio.Bdf)(
            signals,
            recording=edfio.Recording(
                startdate=start.at.date() if start and start.dated else None,
                equipment_code=EQUIPMENT,
            ),
            starttime=start.at.time() if start else None,
            data_record_duration=float(duration),
            annotations=annotations,
        ).write(part)
    return told


class Scale:
    """Digital numbers of a lead, and the voltages that the header gives for two of them.

    A number of a header has eight characters, so the two are sought that need no more.
    """

    def __init__(self, lead: Lead, bits: int) -> None:
        lowest, highest = -(1 << bits - 1), (1 << bits - 1) - 1
        self.step, self._base = lead.step, lead.base
        least, most = lead.least, lead.most
        if most - least >= highest - lowest:
            self.step = lead.step * (most - least) / (highest - lowest - 2)
            least = round(least * lead.step / self.step)
            most = round(most * lead.step / self.step)
        near = least - _TRIED < lowest or most + _TRIED > highest
        self._shift = (least + most) // 2 if near else 0
        low, high = least - self._shift, most - self._shift
        if low == high:
            low, high = (low - 1, high) if high == highest else (low, high + 1)
        below = np.arange(max(lowest, low - _TRIED), low + 1)[::-1]
        above = np.arange(high, min(highest, high + _TRIED) + 1)
        self.digital = int(below[self._best(below)]), int(above[self._best(above)])
        first, last = _shown(self._uv(np.array(self.digital))).tolist()
        self.physical = (first, last)
        self.filler = int(np.clip(round(-self._base / self.step) - self._shift, low, high))

    def digits(self, nv: NDArray[np.int32]) -> NDArray[np.int64]:
        """Of samples; the filler of what is invalid."""
        digits = np.rint((nv - self._base) / self.step) - self._shift
        return np.where(nv == INVALID, self.filler, digits).clip(*self.digital).astype(np.int64)

    def _uv(self, digits: NDArray[np.int64]) -> _Array:
        return np.asarray((self._base + (digits + self._shift) * self.step) / _NV_PER_UV)

    def _best(self, digits: NDArray[np.int64]) -> int:
        uv = self._uv(digits)
        return int(np.where(np.abs(uv) <= _MOST_UV, np.abs(_shown(uv) - uv), np.inf).argmin())


def _shown(x: _Array) -> _Array:
    """As a field of the header has them."""
    digits = np.floor(np.log10(np.maximum(np.abs(x), 1.0))) + 1
    decimals = np.clip(_FIELD - 1 - digits - (x < 0), 0, 4).astype(np.int64)  # no exponent then
    factor = 10.0**decimals
    return np.asarray(np.rint(x * factor) / factor, np.float64)


def data_record(fs: float, length: int) -> tuple[int, Fraction]:
    """Samples and seconds of a data record of so many samples in all.

    The one by the other is the rate to the millihertz, and the seconds are whole milliseconds.
    """
    ms = np.arange(1000, _LONGEST_MS + 1)
    n = np.rint(fs * ms / 1000)
    off = np.abs(n * 1000 / ms - fs)
    records = -(-length // n)
    # edfio counts the records with floating point, and refuses what is not whole by that.
    off[records * ms / 1000 / (ms / 1000) != records] = np.inf
    first = int(np.argmax(off <= (0.0 if off.min() == 0 else max(_RATE_HZ, off.min()))))
    return int(n[first]), Fraction(int(ms[first]), 1000)


def _duration(mark: Mark, rate: Fraction, padded: int) -> float | None:
    if mark.text == PADDED:
        return float((padded - mark.sample) / rate)
    gap = marks.read_gap(mark.text)
    return float(gap[0] / rate) if gap else None


def _label(name: str) -> str:
    return name.encode("ascii", "replace").decode()[:_LABEL]
