"""What a report is made of, whatever it is written as. Lengths are millimetres on paper."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Final, Literal

WIDTH: Final = 180.0
"""Of A4 with margins of 15."""

Points = Sequence[tuple[float, float]]


@dataclass(frozen=True, slots=True)
class Path:
    """Lines through points, each list of them one; or areas, where there is a filling."""

    lines: Sequence[Points]
    stroke: str = ""
    """#rrggbb; empty for none."""
    width: float = 0.2
    fill: str = ""


@dataclass(frozen=True, slots=True)
class Label:
    """A line of text; x and y are of its base line."""

    x: float
    y: float
    text: str
    size: float = 2.6
    colour: str = "#000000"
    anchor: Literal["start", "middle", "end"] = "start"
    bold: bool = False


@dataclass(frozen=True, slots=True)
class Heading:
    """Of a section, or with level 1 of the whole."""

    text: str
    level: Literal[1, 2, 3] = 2


@dataclass(frozen=True, slots=True)
class Paragraph:
    """Running text."""

    text: str
    strong: bool = False


@dataclass(frozen=True, slots=True)
class Items:
    """A list of sentences."""

    texts: Sequence[str]


@dataclass(frozen=True, slots=True)
class Table:
    """Rows of words and numbers; its head comes again on every page."""

    head: Sequence[str]
    rows: Sequence[Sequence[str]]
    widths: Sequence[float]
    """Of the columns, relative to each other."""
    words: int = 1
    """So many columns are words, and stand left; the rest are numbers."""
    totals: bool = False
    """Whether the last row sums up the others."""


@dataclass(frozen=True, slots=True)
class Drawing:
    """Shapes at their true size, and what they are."""

    title: str
    height: float
    shapes: Sequence[Path | Label]
    note: str = ""
    says: str = ""
    """For who cannot see it; the title where empty."""


@dataclass(frozen=True, slots=True)
class Picture:
    """A picture as wide as the page, and what it is; of HTML alone."""

    title: str
    png: bytes
    note: str = ""


Block = Heading | Paragraph | Items | Table | Drawing | Picture


@dataclass(frozen=True, slots=True)
class Document:
    """A report."""

    title: str
    footer: str
    """Stands on every page."""
    blocks: Iterable[Block]
    """Drawn as they are taken, once: all at a time would be tens of megabytes."""
