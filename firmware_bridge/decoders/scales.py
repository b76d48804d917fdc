"""What the numbers of a sketch are in millivolts: by their unit, else the least that holds them.

Nominal, our choice from what the usual parts say: Analog Devices' AD8232 with its gain of 1100
around 1.65 V, before a converter of an Arduino Uno (10 bits of 5 V), ESP32, STM32 or Pico (12 or 16
bits of 3.3 V), or UNO R4 (14 bits of 5 V). Another board changes the height of the beats and
nothing else.
"""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from firmware_bridge.block import Scale
from firmware_bridge.units import nanovolts

GAIN = 1100
ZERO_V = 1.65
NV_PER_VOLT = 1e9 / GAIN
FIRST_LINES = "1.5 mV in the first lines"
"""Of numbers that no usual converter has: another scale each time."""
_FULL_V = {10: 5.0, 12: 3.3, 14: 5.0, 16: 3.3}
_MOST_V = 5.0  # what has a decimal point and is never more is volts,
_BODY_V = 0.02  # at the electrodes, if it is never more, or moves no more
_ELECTRODE_V = 0.3  # there is no more between two of them, at rest
_SWING_NV = 1.5e6  # of a beat, where nothing tells the scale
_APART = 4  # bits: converters so different are not one


class Column(NamedTuple):
    """Of a lead."""

    nv: float
    """Nanovolts a step."""
    zero: float
    """What is 0 mV."""
    scale: Scale
    end: float = np.inf
    """No number can be so large, on that scale."""


def outgrown(columns: Sequence[Column], most: Sequence[float]) -> tuple[Scale, ...]:
    """The scales of columns whose largest numbers so far are `most`: kept, and not believed."""
    return tuple(
        column.scale._replace(unit=f"{column.scale.unit}, but larger numbers come")
        if m >= column.end
        else column.scale
        for column, m in zip(columns, most, strict=True)
    )


class Counts(NamedTuple):
    """Whole numbers of a converter."""

    bits: int

    def column(self, below: bool = False) -> Column:
        """`below`: they are around zero already."""
        full = 2**self.bits - 1
        nv = NV_PER_VOLT * _FULL_V[self.bits] / full
        zero = 0.0 if below else round(ZERO_V / _FULL_V[self.bits] * full)
        return Column(nv, zero, Scale(nv * 1e-6, f"counts of {self.bits} bits", False), full + 1)


def least_bits(values: NDArray[np.float64]) -> int:
    """Of the usual converter of the smallest range that holds them; 0 where none does.

    Half of it, beyond 10 bits, where some are negative.
    """
    most, signed = np.abs(values).max(), values.min() < 0
    return next((k for k in _FULL_V if most < 2.0 ** (k - (signed and k > 10))), 0)


def columns(
    rows: NDArray[np.float64], points: Sequence[bool], units: Sequence[str]
) -> tuple[list[Column], bool, bool]:
    """How the leads in `rows`, shape [n, leads], are scaled.

    Also whether more lines would tell more, and whether these seem to be of more than one kind.
    Whole numbers without a unit are of one converter.
    """
    each = [rows[:, i] for i in range(rows.shape[1])]
    whole = [not points[i] and nanovolts(units[i]) is None for i in range(len(each))]
    bits = [least_bits(x) for x, w in zip(each, whole, strict=True) if w]
    most = max(bits, default=0) if all(bits) else 0
    found, waits = [], False
    for i, x in enumerate(each):
        if nv := nanovolts(units[i]):
            column = _told(x, nv, units[i])
            # Signals at the converter may lie still for a while, too.
            waits |= column.scale.told and float(np.ptp(x)) * nv < 1e-2 * _BODY_V * 1e9
        elif not whole[i] and (column_ := _real(x)):
            column = column_
        elif whole[i] and most:
            column = Counts(most).column(bool(x.min() < 0 or 8 * np.median(x) < 2.0**most))
        elif not whole[i] and (own := least_bits(x)):
            column = Counts(own).column(bool(x.min() < 0 or 8 * np.median(x) < 2.0**own))
        else:
            waits = True
            nv = _SWING_NV / (float(np.ptp(x)) or float(np.abs(x).max()))
            scale = Scale(nv * 1e-6, FIRST_LINES, False)
            column = Column(nv, float(np.median(x)), scale)
        found.append(column)
    mixed = len(set(whole)) > 1 or (len(bits) > 1 and max(bits) - min(bits) >= _APART)
    return found, waits, mixed or (not all(bits) and any(bits))


def _told(x: NDArray[np.float64], nv: float, unit: str) -> Column:
    """By its unit; what is too large to be so at the electrodes is so at the converter."""
    v = x * nv * 1e-9
    name = {1.0: "nV", 1e3: "µV", 1e6: "mV", 1e9: "V"}[nv]
    level = float(np.median(v))
    if abs(level) < _ELECTRODE_V and np.ptp(v) < _BODY_V:
        return Column(nv, 0.0, Scale(nv * 1e-6, name, True))
    zero = ZERO_V / (nv * 1e-9) if level >= _ELECTRODE_V else 0.0
    return Column(
        nv / GAIN, zero, Scale(nv * 1e-6 / GAIN, f"{name} through a gain of {GAIN}", False)
    )


def _real(x: NDArray[np.float64]) -> Column | None:
    """Numbers with a decimal point that may be volts."""
    most = float(np.abs(x).max())
    if 0 < most <= _BODY_V:
        return Column(1e9, 0.0, Scale(1e3, "V", False))
    if most <= _MOST_V:
        zero = ZERO_V if float(np.median(x)) >= 0.5 else 0.0
        return Column(
            NV_PER_VOLT, zero, Scale(NV_PER_VOLT * 1e-6, f"V through a gain of {GAIN}", False)
        )
    return None
