"""A line of text from a sketch: numbers with their names, an electrode that is off, or words.

Numbers of any length, signed, with decimals and exponents; between them `,`, `;`, a tab, blanks,
`|` or `->`, one after the last too; `name:value` and `name=value`, JSON objects and arrays,
Teleplot's `>name:value`; times of day, with a date or without. A comma stands for a decimal point
where something else is between the numbers. `nan`, `inf`, `ovf` and JSON's null are numbers that
are not known. `!` is an electrode that is off.
"""

import datetime
import enum
import json
import math
import re
from typing import NamedTuple

MOST = 32
"""Numbers of a line."""
LONGEST = 512
"""Bytes of a line."""
TEXT = re.compile(rb"(?i)[\t -~]*[a-z]{3}[\t -~]*")
"""A line that is for people, and no sample."""
BOOT = 4
"""So many in a row are what a board prints when it starts."""
_LARGEST = 1e100  # what is larger is no reading of a converter, nor a clock
COMMA = re.compile(rb"([+-]?\d+),(\d{2,})")
"""Two numbers, or one with a decimal comma: nothing in the line tells."""

_PLAIN = b"0123456789+-.,;\t "
_BETWEEN = re.compile(rb"[ \t]*[,;\t][ \t]*|[ \t]+")
_DECIMAL_COMMA = re.compile(rb"[+-]?\d+(?:,\d+)?(?:[;\t ]+[+-]?\d+(?:,\d+)?)+[;\t ]*")
_FIELD = re.compile(
    r"""\s*(?:(?P<name>[A-Za-z_][^:=,;|!{}"]{0,40}?)\s*[:=]\s*)?
    (?P<value>(?P<time>(?:\d{4}-\d\d-\d\d[T ])?\d{1,2}:\d\d:\d\d(?:\.\d{1,9})?)(?:Z|[+-]\d\d:?\d\d)?
    |[+-]?(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d{1,3})?|!|(?P<none>[+-]?(?i:nan|inf|ovf)(?![A-Za-z])))
    (?:\s?(?P<unit>[mu]?V|ms|us|s|bpm|BPM|Hz|C|%)(?![A-Za-z]))?
    \s*(?P<sep>[,;|]|->|(?<=\s)|$)""",
    re.VERBOSE,
)
_TELEPLOT = re.compile(r">([^:|§]{1,40}):(?:(\d+\.?\d*):)?([^:;|§]+?)\s*(?:[§|].*)?")


class Other(enum.Enum):
    """What a line is that holds no numbers."""

    EMPTY = "empty"
    OFF = "off"
    """`!`: an electrode is off."""
    TEXT = "text"
    DAMAGED = "damaged"


class Numbers(NamedTuple):
    """A line of numbers, in the order in which they stand."""

    shape: tuple[str, ...]
    """Alike in lines of one kind: the names ("": none), what marks a time, and the last mark with
    all units."""
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
        return tuple(name.removesuffix(_TIME) for name in self.shape[:-1])

    @property
    def times(self) -> tuple[bool, ...]:
        """Which are times of day."""
        return tuple(name.endswith(_TIME) for name in self.shape[:-1])


_TIME = "\n"  # cannot stand in a name


def parse(line: bytes, decimal_comma: bool = False) -> Numbers | Other:
    """What a line is, without its end; never raises.

    `decimal_comma`: the only comma of a line stands for a decimal point.
    """
    if len(line) > LONGEST:
        return Other.DAMAGED
    line = line.strip()
    if not line:
        return Other.EMPTY
    if line == b"!":
        return Other.OFF
    numbers: Numbers | Other | None
    if not line.translate(None, _PLAIN):
        numbers = _plain(line, decimal_comma)
    elif line[:1] in (b"{", b"["):
        numbers = _json(line)
    else:
        text = line.decode("utf-8", "replace")
        numbers = _teleplot(text) if text[0] == ">" else _fields(text)
    if numbers is not None:
        return numbers
    return Other.TEXT if TEXT.fullmatch(line) else Other.DAMAGED


def _plain(line: bytes, decimal_comma: bool) -> Numbers | None:
    if b"," in line and (
        (decimal_comma and line.count(b",") == 1 and line[-1:] != b",")
        or (b"." not in line and line.count(b",") and _is_decimal(line))
    ):
        line = line.replace(b",", b".")
    parts = _BETWEEN.split(line)
    ends = len(parts) > 1 and not parts[-1]
    if ends:
        del parts[-1]
    if len(parts) > MOST:
        return None
    try:
        values = tuple(map(float, parts))
    except ValueError:
        return None
    points = tuple(b"." in part for part in parts)
    return _checked(("",) * len(parts) + ("," * ends,), values, points, False)


def _is_decimal(line: bytes) -> bool:
    """Whether each comma is inside of a number, as others stand between them."""
    return bool(_DECIMAL_COMMA.fullmatch(line))


def _json(line: bytes) -> Numbers | None:
    try:
        given = json.loads(line)
    except (ValueError, RecursionError):
        return None
    found: list[tuple[str, int | float]] = []
    if not _flatten("", given, found):
        return None
    shape = (*(name for name, _ in found), "json")
    points = tuple(isinstance(value, float) for _, value in found)
    return _checked(shape, tuple(float(value) for _, value in found), points, True)


def _flatten(name: str, given: object, found: list[tuple[str, int | float]], deep: int = 0) -> bool:
    """Takes all numbers; False where there are too many, or too deep in each other."""
    if given is None:
        found.append((name, math.nan))
    elif isinstance(given, bool | int | float):
        found.append((name, given if abs(given) < _LARGEST else math.nan))
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
        return None
    name, stamp, value = match.groups()
    found = _fields(value)
    if not isinstance(found, Numbers) or len(found.values) > 1:
        return None if isinstance(found, Numbers) else found
    stamps = (float(stamp),) if stamp else ()
    names = ("time",) * len(stamps)
    points = ("." in (stamp or ""),) * len(stamps)
    shape = (*names, name.strip(), ">")
    return _checked(shape, (*stamps, *found.values), (*points, *found.points), True)


def _fields(text: str) -> Numbers | Other | None:
    at, sep = 0, ""
    shape: list[str] = []
    values: list[float] = []
    points: list[bool] = []
    units = ""
    off = False
    while at < len(text):
        field = _FIELD.match(text, at)
        if not field or len(values) == MOST:
            return None
        name, value, time, none, unit, sep = field.group(
            "name", "value", "time", "none", "unit", "sep"
        )
        if value == "!":
            off, number = True, 0.0
        elif none:
            number = math.nan
        elif time and (number := _seconds(time)) < 0:
            return None
        elif not time:
            number = float(value)
        shape.append((name or "").strip() + (_TIME if time else ""))
        values.append(number)
        points.append(not (value.lstrip("+-").isdigit() or time or none))
        units += f"{len(values)}{unit}" if unit else ""
        at = field.end()
    if off:
        return Other.OFF
    labelled = bool(units) or any(name.removesuffix(_TIME) for name in shape)
    last = ("," if sep.strip() else "") + units
    return _checked((*shape, last), tuple(values), tuple(points), labelled)


def _seconds(time: str) -> float:
    """A time of day, with a date or without, in seconds; -1 where there is none such."""
    *date, clock = re.split("[T ]", time)
    hours, minutes, seconds = map(float, clock.split(":"))
    try:
        days = datetime.date.fromisoformat(date[0]).toordinal() if date else 0
    except ValueError:
        return -1
    if hours >= 24 or minutes >= 60 or seconds >= 61:
        return -1
    return days * 86400 + hours * 3600 + minutes * 60 + seconds


def _checked(
    shape: tuple[str, ...], values: tuple[float, ...], points: tuple[bool, ...], labelled: bool
) -> Numbers | None:
    if not values or any(abs(value) >= _LARGEST for value in values):
        return None
    return Numbers(shape, values, points, labelled)
