"""A line of text from a sketch: numbers with their names, an electrode that is off, or words.

Numbers of any length, signed, with decimals and exponents, and units; between them `,`, `;`, a tab,
blanks, `|` or `->`, one after the last too; `name:value`, `name=value` and `name value`, JSON
objects and arrays, Teleplot's `>name:value`, several of these a line too; what ESP-IDF's log and
Pulse Sensor's sketches have before a number; quotes, and a pair of
brackets around, or a `$` or `#` before, all; times of day, with a date or without. A comma stands
for a decimal point where something else is between the numbers. `nan`, `inf`, `ovf` and JSON's null
are numbers that are not known. `!` is an electrode that is off, and words may say so.
"""

import datetime
import enum
import json
import math
import re
from collections.abc import Iterator
from typing import NamedTuple

from firmware_bridge.units import nanovolts

MOST = 32
"""Numbers of a line."""
LONGEST = 512
"""Bytes of a line."""
BATCH = 4096
"""Bytes of one that holds several of Teleplot's."""
BOOT = 4
"""So many lines of words in a row are what a board prints when it starts."""
_LARGEST = 1e100  # what is larger is no reading of a converter, nor a clock
COMMA = re.compile(rb"([+-]?\d+),(\d{2,})")
"""Two numbers, or one with a decimal comma: nothing in the line tells."""

_COLOURS = re.compile(rb"\x1b\[[0-9;?]*[A-Za-z]")
_PADDING = b"\0\x11\x13"  # the rest of a buffer that is sent whole, and flow control
_LOG = re.compile(rb"[EWIDV] \(([\d:.]{1,14})\) ([^:]{1,40}): (.*)")  # of ESP-IDF
_PULSE = re.compile(rb"([SBQ])(\d{1,5})(?![^ ,;\t])[ ,;\t]*")  # of Pulse Sensor's sketches
_PULSE_NAMES = {b"S": b"Signal:", b"B": b"BPM:", b"Q": b"IBI:"}
_PLAIN = b"0123456789+-.,;\t "
_BETWEEN = re.compile(rb"[ \t]*[,;\t][ \t]*|[ \t]+")
_DECIMAL_COMMA = re.compile(rb"[+-]?\d+(?:,\d+)?(?:[;\t ]+[+-]?\d+(?:,\d+)?)+[;\t ]*")
_UNIT = (
    r"(?:[munMUN]|[^\x00-\x7f]{1,2}|[Mm]illi|[Mm]icro)?[Vv](?:olts?)?|[mu]?s|sec|bpm|BPM|Hz|°?C|%"
    r"|[Cc]ounts?|adu|ADU|lsb|LSB"
)
_FIELD = re.compile(
    r"""\s*(?:(?P<name>[^\W\d][^:\uff1a=,;|!{}"]{0,40}?)\s*[:\uff1a=]\s*
    |(?P<tag>(?!(?i:nan|inf|ovf)\b)[^\W\d]\w{0,20})(?:[ \t]*[,;\t][ \t]*|[ \t]+)(?=[-+.\d]))?
    (?P<value>(?P<time>(?:\d{4}-\d\d-\d\d[T ])?\d{1,2}:\d\d:\d\d
        (?:\.\d{1,9}|,\d{3}(?=[;\t ]\s*\S))?)(?:Z|[+-]\d\d:?\d\d)?
    |[+-]?(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d{1,3})?|!|(?P<none>[+-]?(?i:nan|inf|ovf)(?![A-Za-z])))
    (?:\s?(?P<unit>"""
    + _UNIT
    + r""")(?![\w:=]|\s*[:=]))?
    \s*(?P<sep>[,;|]|->|(?<=\s)|$)""",
    re.VERBOSE,
)
_TELEPLOT = re.compile(
    r">([^:|§]{1,40}):(?:(\d+\.?\d*):)?([^:;|§]+?)\s*(?:[§\ufffd]([^|]*))?(?:\|(.*))?"
)
_BATCH = re.compile(rb"(>[^:|;>]{1,40}:)([^|\xa7\xc2]*)((?:\xc2?\xa7|\|).{0,60})?")
_OTHER_PLOT = re.compile(r"(?i)\b(?:xy|t|text)\b")  # of Teleplot: no number over time
_WRAPPED = re.compile(r"([$#@*])(.*?)\1?|\((.*)\)|\[(.*)\]|<(.*)>|\{(.*)\}")
_TAGGED = re.compile(rb"[>{]|\[\s*[{\[]")  # such a line is for programs, if a broken one
_OFF = re.compile(
    r"(?i)(?<![a-z])(?:no[ _-]+(?:leads?|electrodes?|contact)"
    r"|(?:leads?|electrodes?|pads?|contacts?)"
    r"(?:[ _-]+(?:is|are|[rl][al]|[+-]))*[ _-]*(?:off|disconnected|detached|unplugged|loose"
    r"|not[ _-]+(?:connected|attached)))(?![a-z]|\s*[:=])"
)
_WORDS = re.compile(r"[^\W\d_]{3}|^\D*[^\W\d_]{2}\D*$|^[-=*#~_. ]{2,}$")


class Other(enum.Enum):
    """What a line is that holds no numbers."""

    EMPTY = "empty"
    OFF = "off"
    """`!`: an electrode is off."""
    SAID_OFF = "said off"
    """Words for it, in place of a sample or beside samples."""
    TEXT = "text"
    DAMAGED = "damaged"


class Numbers(NamedTuple):
    """A line of numbers, in the order in which they stand."""

    shape: tuple[str, ...]
    """Alike in lines of one kind: names and units of all numbers, and what else is in the line."""
    values: tuple[float, ...]
    """All below 1e100, or NaN, which is not known; times of day in seconds since midnight, or since
    the year 1 with a date."""
    points: tuple[bool, ...]
    """Which have a decimal point or an exponent."""
    labelled: bool
    """A word tells what they are, so the line may be for people, too."""

    @property
    def names(self) -> tuple[str, ...]:
        """A name a number, "" where it has none."""
        return tuple(key.partition("\n")[0] for key in self.shape[:-1])

    @property
    def units(self) -> tuple[str, ...]:
        """What stands behind each number, "" where nothing does."""
        return tuple(key.partition("\n")[2] for key in self.shape[:-1])

    @property
    def times(self) -> tuple[bool, ...]:
        """Which are times of day."""
        return tuple(unit == _TIME for unit in self.units)


_TIME = "time of day"


class Splitter:
    """Bytes to lines, those of several samples to one each; memory is bounded."""

    def __init__(self) -> None:
        self._rest = b""
        self._whole = False  # a line's end has been seen
        self.first = b""
        """What came before the first line's end: a line, or the end of one."""

    def feed(self, data: bytes) -> Iterator[bytes]:
        """Whole lines, without their ends."""
        *lines, rest = (self._rest + data).replace(b"\r", b"\n").split(b"\n")
        self._rest = rest[: BATCH + 1]  # an over-long one stays over-long, to be counted once
        if lines and not self._whole:
            self._whole = True
            self.first = _clean(lines.pop(0))[:LONGEST]
        for line in map(_clean, lines):
            if line[:1] == b">" and len(line) <= BATCH:
                yield from _samples(line)
            else:
                yield line


def _clean(line: bytes) -> bytes:
    """Without what a terminal takes for itself, and what pads a line."""
    return (_COLOURS.sub(b"", line) if b"\x1b" in line else line).strip(_PADDING)


def _samples(line: bytes) -> list[bytes]:
    """A line for each of the samples in one of Teleplot's."""
    out: list[bytes] = []
    for part in re.split(rb"[;,\s]+(?=>)", line.strip()):
        batch = _BATCH.fullmatch(part)
        name, values, end = batch.groups(b"") if batch else (b"", part, b"")
        out += [name + value + end for value in values.strip(b"; ").split(b";")] if name else [part]
    return out


class OffWords:
    """When words that say that an electrode is off stand for samples: not once, but in a row.

    And when they stand before every sample, so that these are of an electrode that is off.
    """

    def __init__(self) -> None:
        self._row = 0  # since the last sample
        self._before = False

    def said(self) -> int:
        """One more such line: the samples that are known by it."""
        self._row += 1
        return 0 if self._row == 1 else 2 if self._row == 2 else 1

    def sample(self) -> bool:
        """A sample comes: whether the words stood before it and before the last one."""
        said, self._row = self._row == 1, 0
        before, self._before = self._before, said
        return said and before


def parse(line: bytes, decimal_comma: bool = False) -> Numbers | Other:
    """What a line is, without its end; never raises.

    `decimal_comma`: the only comma of a line stands for a decimal point.
    """
    if len(line) > LONGEST:
        return _words(line[:LONGEST].decode("utf-8", "ignore").encode())
    line = line.strip()
    if not line:
        return Other.EMPTY
    if line == b"!":
        return Other.OFF
    numbers: Numbers | Other | None = None
    if not line.translate(None, _PLAIN):
        numbers = _plain(line, decimal_comma)
    else:
        if line[:1] in (b"{", b"["):
            numbers = _json(line)
        text = _plainer(line).decode("utf-8", "replace").replace("\u2212", "-")
        if text[0] == ">":
            numbers = _teleplot(text)
        elif numbers is None:
            numbers = _bare(text)
    return numbers or _words(line)


def _plainer(line: bytes) -> bytes:
    """A line of ESP-IDF's log, or of Pulse Sensor, as any sketch would print it."""
    if log := _LOG.fullmatch(line):
        time, tag, said = log.groups()
        return time + b"," + (said if said[:1].isalpha() else tag + b":" + said)
    if not _PULSE.sub(b"", line):
        return _PULSE.sub(lambda found: _PULSE_NAMES[found[1]] + found[2] + b",", line)[:-1]
    return line


def _words(line: bytes) -> Other:
    try:
        text = line.decode("utf-8-sig").replace("\t", " ")
    except UnicodeDecodeError:
        return Other.DAMAGED
    if _TAGGED.match(line) or not text.isprintable():
        return Other.DAMAGED
    if _OFF.search(text) and not any(c.isdigit() for c in text):
        return Other.SAID_OFF
    return Other.TEXT if _WORDS.search(text) else Other.DAMAGED


def _plain(line: bytes, decimal_comma: bool) -> Numbers | None:
    if decimal_comma and b"," not in line:
        return None  # two of them in one column would be 1000 times apart
    if b"," in line and (
        (decimal_comma and line.count(b",") == 1 and line[-1:] != b",")
        or (b"." not in line and is_decimal(line))
    ):
        line = line.replace(b",", b".")
    parts = _BETWEEN.split(line)
    ends = len(parts) > 1 and not parts[-1]
    if ends:
        del parts[-1]
    if len(parts) > MOST:
        return None
    try:
        values = [float(part) for part in parts]
    except ValueError:
        return None
    points = [b"." in part for part in parts]
    return _checked(("",) * len(parts) + ("," * ends,), values, points, False)


def is_decimal(line: bytes) -> bool:
    """Whether each comma is inside of a number, as others stand between them."""
    return b"," in line and bool(_DECIMAL_COMMA.fullmatch(line.strip()))


def _json(line: bytes) -> Numbers | None:
    try:
        given = json.loads(line)
    except (ValueError, RecursionError):
        return None
    found: list[tuple[str, str, float, bool]] = []
    if not _flatten("", given, found):
        return None
    unit = next((unit for name, unit, _, _ in found if not name), "")
    found = [one for one in found if one[0]] if isinstance(given, dict) else found
    shape = (*(_key(name, own or unit) for name, own, _, _ in found), "json")
    return _checked(shape, [x for *_, x, _ in found], [point for *_, point in found], True)


def _flatten(
    name: str, given: object, found: list[tuple[str, str, float, bool]], deep: int = 0
) -> bool:
    """Takes all numbers: name, unit, value, whether with a point; False if too many or too deep.

    A voltage that is named as the unit has no name.
    """
    if given is None:
        found.append((name, "", math.nan, False))
    elif isinstance(given, bool | int | float):
        value = float(given) if abs(given) < _LARGEST else math.nan
        found.append((name, "", value, isinstance(given, float)))
    elif isinstance(given, str):
        if name.rpartition(".")[2].lower() in ("unit", "units") and nanovolts(given):
            found.append(("", given, math.nan, False))
        elif isinstance(one := _fields(given, ""), Numbers) and len(one.values) == 1:
            found.append((name, one.units[0], one.values[0], one.points[0]))
    elif isinstance(given, dict | list) and deep < 4:
        items = given.items() if isinstance(given, dict) else enumerate(given, 1)
        before = f"{name}." if name and isinstance(given, dict) else name
        for key, value in items:
            if not _flatten(f"{before}{key}"[:40].replace("\n", " "), value, found, deep + 1):
                return False
    return len(found) <= MOST


def _teleplot(text: str) -> Numbers | Other | None:
    match = _TELEPLOT.fullmatch(text)
    if not match:
        return _fields(text[1:], ">")
    name, stamp, value, unit, flags = match.groups()
    if _OTHER_PLOT.search(flags or ""):
        return Other.TEXT
    found = _fields(value, "")
    if not isinstance(found, Numbers) or len(found.values) > 1:
        return None if isinstance(found, Numbers) else found
    stamps = [float(stamp)] if stamp else []
    key = _key(name.strip(), (unit or "").strip() or found.units[0])
    points = ["." in (stamp or "")] * len(stamps)
    shape = (*["time"] * len(stamps), key, ">")
    return _checked(shape, [*stamps, *found.values], [*points, *found.points], True)


def _bare(text: str) -> Numbers | Other | None:
    """Numbers without what is around them, which is a mark of their kind."""
    quotes = text.count('"') + text.count("'")
    marks = "'" * quotes
    text = text.replace('"', "").replace("'", "") if quotes else text
    if wrapped := _WRAPPED.fullmatch(text):
        marks += text[0]
        text = next(part for part in wrapped.groups()[1:] if part is not None)
    return _fields(text, marks)


def _fields(text: str, marks: str) -> Numbers | Other | None:
    at, sep = 0, ""
    shape: list[str] = []
    values: list[float] = []
    points: list[bool] = []
    labelled = off = False
    while at < len(text):
        field = _FIELD.match(text, at)
        if not field or len(values) == MOST:
            return None
        name, tag, value, time, none, unit, sep = field.group(
            "name", "tag", "value", "time", "none", "unit", "sep"
        )
        if value == "!":
            off, number = True, 0.0
        elif none:
            number = math.nan
        elif time and (number := _seconds(time)) < 0:
            return None
        elif not time:
            number = float(value)
        shape.append(_key((name or tag or "").strip(), _TIME if time else unit or ""))
        labelled |= bool(name or tag or unit)
        values.append(number)
        points.append(not (value.lstrip("+-").isdigit() or time or none))
        at = field.end()
    if off:
        return Other.OFF
    return _checked((*shape, marks + "," * bool(sep.strip())), values, points, labelled)


def _key(name: str, unit: str) -> str:
    return f"{name}\n{unit}" if unit else name


def _seconds(time: str) -> float:
    """A time of day, with a date or without, in seconds; -1 where there is none such."""
    *date, clock = re.split("[T ]", time.replace(",", "."))
    hours, minutes, seconds = map(float, clock.split(":"))
    try:
        days = datetime.date.fromisoformat(date[0]).toordinal() if date else 0
    except ValueError:
        return -1
    if hours >= 24 or minutes >= 60 or seconds >= 61:
        return -1
    return days * 86400 + hours * 3600 + minutes * 60 + seconds


def _checked(
    shape: tuple[str, ...], values: list[float], points: list[bool], labelled: bool
) -> Numbers | None:
    if not values or any(abs(value) >= _LARGEST for value in values):
        return None
    return Numbers(shape, tuple(values), tuple(points), labelled)
