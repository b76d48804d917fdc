"""What the columns of a sketch's lines are: leads, a clock, an electrode's state, or no lead.

All from the first lines, all our choice: names tell where they are known, else how numbers move.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from firmware_bridge.decoders import scales
from firmware_bridge.text import narrow, unique
from firmware_bridge.units import nanovolts

_ECG = re.compile(r"(?i)ecg|ekg|экг|心电|heart.?signal|^lead|^(?:i{1,3}|av[rlf]|v[1-6])$")
_LEAD_OFF = re.compile(r"(?i)^lo\d?[+-]?$|lead.?s?.?off|electrodes?.?off|^lo[dn_p]")
_NO_LEAD = re.compile(
    r"(?i)^(?:t|ts|n|ms|us|s|seq|i?dx|id|hr|ir|rr|d_?t|[axgm]*_?[xyz]|bp|sys|dia|p|q|gain)$"
    r"|time|milli|micro|delta|interval|elapsed|count|index|sample_?n|bpm|\bibi\b|heart|rate|spo|sao|oxy"
    r"|temp|resp|breath|ppg|pleth|pulse|(?<![a-z])(?:red|green)|(?-i:[a-z]Red)|batt|vbat|vcc|vdd|rssi|acc|gyr|mag|imu|roll"
    r"|pitch|yaw|quat|press|hum|e[meo]g|gsr|eda|min|max|thr|limit|beat|peak|rri|volt|state|status"
)
_HEAD = re.compile(r"[^\W\d]\w*[+-]?(?: ?[\[(][^\])]{1,12}[\])]| \w{1,3})?")  # of a column
_NAMED = re.compile(r"(.*?)[ _]*[\[(]([^\])]+)[\])]|(.*?)_([^_]+)|(.*[a-z])([munµ]V)|()(.+)")
_ROUND = (*(10.0**k for k in range(1, 10)), *(2.0**k for k in range(3, 32)))
"""Where a counter may begin anew, if it comes there without a step missing."""
_TURNS = (np.inf, 2.0**8, 2.0**16, 86400.0, 864e5, 2.0**32)  # where clocks and counters wrap
_WRAP = 256  # periods that a wrap may take, if lines are lost there
_UNITS_S = (1.0, 1e-3, 1e-6, 1e-9)
_TURN = 1.5  # of `_in_turn`: no leads reach that;
_MAY_TURN = 0.75  # samples in turn may be as low, where they are noise
_SMOOTH, _ROUGH = 0.3, 0.7
_RATES_HZ = (45.0, 1500.0)  # of lines


@dataclass(frozen=True, slots=True)
class Clock:
    """A column that tells the time, or counts lines."""

    column: int
    unit_s: float | None
    """Seconds of a step; None: it counts."""
    period: float
    """Steps from a line to the next."""
    turn: float
    """Where it was seen to begin anew; infinite if it was not, or not twice."""


@dataclass(frozen=True, slots=True)
class Columns:
    """What lines of one shape hold."""

    leads: tuple[int, ...]
    """Columns that are leads."""
    names: tuple[str, ...]
    """Theirs."""
    scales: tuple[scales.Column, ...]
    """Theirs."""
    clock: Clock | None
    off: tuple[int, ...]
    """Columns that are not 0 while an electrode is off."""
    waits: bool
    """More lines would tell more: some column stands still, or the scale is not known."""
    doubt: str
    """Why some lead may be none; "" where nothing says so."""
    turns: tuple[int, ...] = ()
    """Columns that are one lead's samples in turn; each is a row then, and its only column."""


def tell(
    rows: NDArray[np.float64],
    names: Sequence[str],
    units: Sequence[str],
    times: Sequence[bool],
    points: Sequence[bool],
) -> Columns | None:
    """What the columns of `rows`, shape [n, columns], are; None where no column can be a lead.

    `points`: in which a decimal point was seen.
    """
    columns = range(rows.shape[1])
    off = tuple(
        i for i in columns if _LEAD_OFF.search(names[i]) and np.isin(rows[:, i], (0, 1)).all()
    )
    run = {i for i in columns if i not in off and _runs(rows[:, i], rows.shape[1] - 1)}
    may = [i for i in columns if i not in off and not times[i]]
    if any(i not in run for i in may):
        may = [i for i in may if i not in run]
    elif len(may) > 1 or any(times):
        return None  # nothing but clocks
    clocks = [i for i in columns if times[i] or i in run]
    others = {i for i in may if len(may) > 1 and (_falls(rows[:, i]) or _steps(rows, i, clocks))}
    may = [i for i in may if i not in others]
    moving = [i for i in may if _moves(rows[:, i])]
    leads = moving or may
    named = [i for i in leads if is_ecg(names[i])]
    leads = named or [i for i in leads if not is_no_lead(names[i])] or leads
    if not leads:
        return None
    turns = [i for i in moving if _stem(names[i]) in ("", _stem(names[leads[0]]))]
    jumps = _in_turn(rows[:, turns])
    if jumps > _TURN and len(turns) > 2 and not off:
        scaled, waits, _ = scales.columns(
            rows[:, turns].reshape(-1, 1), [any(points[i] for i in turns)], [units[turns[0]]]
        )
        name = narrow(_stem(names[turns[0]]).strip(" .")) or "ECG"
        return Columns((0,), (name,), tuple(scaled), None, (), waits, "", tuple(turns))
    scaled, waits, mixed = scales.columns(
        rows[:, leads], [points[i] for i in leads], [units[i] for i in leads]
    )
    still = len(moving) < len(may) and bool(moving) and not named
    doubt = "" if named else _doubt(rows[:, leads], [names[i] for i in leads], mixed)
    if jumps > _TURN:
        doubt = "its columns may be samples of one lead in turn"
    return Columns(
        leads=tuple(leads),
        names=unique(narrow(names[i]) or f"C{i + 1}" for i in leads),
        scales=tuple(scaled),
        clock=_clock(rows, [i for i in columns if times[i] or (i in run and i not in leads)]),
        off=off,
        waits=still
        or waits
        or jumps > _MAY_TURN
        or not all(_even(rows[:, i]) for i in run)
        or bool(doubt and not mixed),
        doubt=doubt,
    )


def split_unit(name: str) -> tuple[str, str]:
    """A column's name without the voltage that it ends in, and that; "" where it ends in none."""
    match = _NAMED.fullmatch(name.strip())
    parts = [part for part in match.groups() if part is not None] if match else []
    return (parts[0], parts[1]) if parts and nanovolts(parts[1]) else (name, "")


def header(line: bytes, cut: bool = False) -> list[tuple[str, str]]:
    """Names of columns and their units, where this line is a table's first; else none.

    `cut`: the line's beginning may be missing.
    """
    text = line.decode("utf-8", "replace").strip("\ufeff \t,;#").replace('"', "")
    names = [
        name.strip() for name in re.split(r"[,;\t|]" if re.search(r"[,;\t|]", text) else " +", text)
    ]
    if not all(_HEAD.fullmatch(name) for name in names):
        return []
    found = [split_unit(name) for name in names]
    if cut and not is_ecg(found[0][0]):
        found[0] = ("", "")
    return found if any(unit or is_ecg(name) or is_no_lead(name) for name, unit in found) else []


def is_ecg(name: str) -> bool:
    """Whether a column's name says that it is a lead."""
    return bool(_ECG.search(name))


def is_no_lead(name: str) -> bool:
    """Whether a column's name says that it is none."""
    return bool(name and _NO_LEAD.search(name) and not _ECG.search(name))


def unwrapped(
    values: NDArray[np.float64], period: float, turn: float = np.inf
) -> NDArray[np.float64]:
    """Steps between neighbours of a clock with such steps; negative: it was set back."""
    step, before = np.diff(values), values[:-1]
    if turn < np.inf:
        step = np.where(step < 0, step + turn, step)
    for known in _ROUND:
        step = np.where((step + known == period) & (values[1:] <= period), period, step)
    for known in _TURNS:
        if known < np.inf:
            turned = step % known
            wrapped = (step < 0) & (before < known) & (turned <= _WRAP * period)
            step = np.where(wrapped, turned, step)
    return step


def turn_of(values: NDArray[np.float64], times: int = 2) -> float:
    """Where a counter begins anew, if it has done so some times, from the same to the same."""
    step = np.diff(values)
    drops = np.flatnonzero(step < 0)
    same = (values[drops] == values[drops[:1]]) & (values[drops + 1] == values[drops[:1] + 1])
    if len(drops) < times or not same.all():
        return np.inf
    return float(-step[drops[0]] + np.median(step[step >= 0]))


def _runs(values: NDArray[np.float64], many: int = 1) -> bool:
    """Whether these are a clock's, or a counter's, wherever it wraps; of up to `many` samples."""
    for turn in (*_TURNS, turn_of(values, times=1)):
        if turn < np.inf and not ((values >= 0) & (values <= turn)).all():
            continue
        step = np.diff(values)
        step = step % turn if turn < np.inf else step
        if (step < 0).any() or step.max() >= turn / 4 or (step > 0).sum() < 3:
            continue
        half = len(step) // 2
        before, after = step[:half].sum(), step[half:].sum()
        # A clock is steady, and lines come at some rate; a signal that settles is not.
        steady = 3 * min(before, after) + step.max() >= max(before, after)
        period = _period(step)
        if steady and (np.ptp(step) == 0 or unit_of(period) or unit_of(period / max(1, many))):
            return True
    return False


def _even(values: NDArray[np.float64]) -> bool:
    """Whether its steps are so alike that no signal which rises for a while has such."""
    step = np.diff(values)
    step = unwrapped(values, float(np.median(step)), turn_of(values))
    usual = float(np.median(step))
    return bool(np.ptp(step) == 0 or (usual >= 4 and np.ptp(step) <= max(2.0, usual / 4)))


def _period(step: NDArray[np.float64]) -> float:
    """What a clock usually goes on from line to line."""
    middle = float(np.median(step))
    return float(step[step <= 4 * middle].mean() if middle > 0 else step.mean())


def unit_of(period: float) -> float | None:
    """Seconds of a clock's step, if lines so far apart by it come at a rate that may be."""
    may = (s for s in _UNITS_S if _RATES_HZ[0] * period * s <= 1 <= _RATES_HZ[1] * period * s)
    return next(may, None)


def _clock(rows: NDArray[np.float64], columns: list[int]) -> Clock | None:
    """The first of these columns that can be a time with lines at a rate that makes sense.

    Not one that is so coarse that it mostly stands still: it does not tell of single lines.
    """
    found: Clock | None = None
    for i in columns:
        step = np.diff(rows[:, i])
        if not _runs(rows[:, i]) or np.median(step) == 0:
            continue
        turn = turn_of(rows[:, i])
        step = unwrapped(rows[:, i], float(np.median(step[step > 0])), turn)
        unit_s, period = unit_of(_period(step)), _period(step)
        if bool((step == 1).all()):
            found = found or Clock(i, None, 1.0, turn)
        elif unit_s:
            return Clock(i, unit_s, period, turn)
    return found


def _moves(values: NDArray[np.float64]) -> bool:
    """Whether it is a signal: a limit, a flag, or a rate that is told now and then, is none."""
    changes = int(np.count_nonzero(np.diff(values)))
    return changes > len(values) // 32 and not np.isin(values, (0, 1)).all()


def _falls(values: NDArray[np.float64]) -> bool:
    """Whether it counts down, to wherever it begins anew: by the same, so that no signal does."""
    step = np.diff(values)
    down = step[step < 0]
    return bool(
        len(down) > 3
        and np.ptp(down) == 0
        and 8 * np.count_nonzero(step > 0) < len(down)
        and len(down) + np.count_nonzero(step > 0) == len(step)
    )


def _steps(rows: NDArray[np.float64], column: int, clocks: Sequence[int]) -> bool:
    """Whether it is what a clock beside it has gone on, from a line to the next."""
    steps = [np.diff(rows[:, i]) for i in clocks]
    return any(
        float(np.mean(np.abs(rows[lag:, column][: len(step)] - step) <= 1)) > 0.9 and np.ptp(step)
        for step in steps
        for lag in (0, 1)
    )


def _doubt(rows: NDArray[np.float64], names: Sequence[str], mixed: bool) -> str:
    """What speaks against leads that no name tells of, by their numbers, shape [n, leads]."""
    if all(map(is_no_lead, names)):
        return f"nothing is named as an ECG: {narrow(names[0])}"
    if mixed:
        return "its columns are numbers of several kinds, and may not all be leads"
    rough = [_roughness(x) for x in rows.T]
    if min(rough) < _SMOOTH and max(rough) > _ROUGH:
        return "one of its columns is noise beside the others, and may be no lead"
    return ""


def _stem(name: str) -> str:
    return re.sub(r"\d+", "", name)


def _in_turn(rows: NDArray[np.float64]) -> float:
    """How much farther, squared, the next line or number but one is than the next number.

    Of samples in turn, up to four times, or the number of columns squared. Leads differ from each
    other more than from line to line; the same ones, again and again, are as near as can be.
    """
    flat = rows.ravel()
    if rows.shape[1] < 2:
        return 0.0
    near = float(np.mean(np.diff(flat) ** 2)) or 1.0
    line = float(np.mean(np.diff(rows, axis=0) ** 2))
    return min(line, float(np.mean((flat[2:] - flat[:-2]) ** 2))) / near


def _roughness(x: NDArray[np.float64]) -> float:
    """How far it goes from line to line, as a part of how far it does by chance: 1 is noise."""
    return float(np.mean(np.diff(x) ** 2) / (2 * x.var() or 1.0))
