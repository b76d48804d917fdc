"""A report as a PDF file of A4 pages, by fpdf2; anyascii spells what its fonts have not."""

import unicodedata
from pathlib import Path as FilePath
from typing import Final

from anyascii import anyascii
from fpdf import FPDF
from fpdf.enums import TableBordersLayout
from fpdf.fonts import FontFace

from edge.report.layout import (
    WIDTH,
    Block,
    Document,
    Drawing,
    Heading,
    Items,
    Label,
    Paragraph,
    Path,
    Table,
)

_MARGIN: Final = 15.0
_BOTTOM: Final = 18.0
_POINT: Final = 25.4 / 72
_SIZES: Final = {1: 16, 2: 12.5, 3: 10.5}
_TEXT: Final = 9.5
_SMALL: Final = 8.0
_FONT: Final = "helvetica"
_LINE: Final = 4.6
_SPELT: Final = (
    "The recording's name is spelt in Latin letters here, as the fonts of PDF have no others; the "
    "report in HTML has it as it is."
)


class _Pages(FPDF):
    """A4 with the same line at the foot of each."""

    def __init__(self, document: Document) -> None:
        super().__init__(unit="mm", format="A4")
        self._foot = _plain(document.footer)
        self.set_title(_plain(document.title))
        self.set_creator("edge-ecg")
        self.set_margins(_MARGIN, 12.0)
        self.set_auto_page_break(True, _BOTTOM)
        self.set_font(_FONT, size=_TEXT)
        self.add_page()

    def footer(self) -> None:
        self.set_y(-12)
        self.set_draw_color(187, 0, 0)
        self.set_line_width(0.3)
        self.line(_MARGIN, self.get_y(), _MARGIN + WIDTH, self.get_y())
        self.set_font(_FONT, size=_SMALL)
        self.set_text_color(0)
        number = f"page {self.page_no()} of {{nb}}"
        room = WIDTH - 25
        foot = self._foot
        while self.get_string_width(foot) > room:
            foot = foot[:-1]
        self.cell(room, 5, foot)
        self.cell(25, 5, number, align="R")


def write(document: Document, path: FilePath) -> None:
    """Write the whole file; OSError where it cannot be."""
    pages = _Pages(document)
    for block in document.blocks:
        _block(pages, block)
    if _plain(document.title) != _composed(document.title):
        _block(pages, Paragraph(_SPELT))
    pages.output(str(path))


def _plain(text: str) -> str:
    """In Latin letters, which the fonts of every PDF reader have."""
    return "".join(c if c <= "\u00ff" else anyascii(c) for c in _composed(text))


def _composed(text: str) -> str:
    """Letters and their accents in one; a unit's Greek mu, which is spelt m, as the sign for it."""
    return unicodedata.normalize("NFC", text).replace("\u03bc", "\u00b5")


def _block(pages: _Pages, block: Block) -> None:
    match block:
        case Heading(text, level):
            _room(pages, 25)
            if level > 1:
                pages.ln(3)
            pages.set_font(_FONT, "B", _SIZES[level])
            pages.multi_cell(WIDTH, 6 if level > 1 else 8, _plain(text), new_x="LMARGIN")
            pages.ln(1)
        case Paragraph(text, strong):
            pages.set_font(_FONT, "B" if strong else "", _TEXT)
            pages.set_draw_color(187, 0, 0)
            pages.set_line_width(0.4)
            pages.multi_cell(
                WIDTH, _LINE, _plain(text), border=1 if strong else 0, align="L", new_x="LMARGIN"
            )
            pages.ln(1.5)
        case Items(texts):
            pages.set_font(_FONT, size=_TEXT)
            for text in texts:
                pages.set_x(_MARGIN + 1)
                pages.cell(3, _LINE, "-")
                pages.multi_cell(WIDTH - 4, _LINE, _plain(text), align="L", new_x="LMARGIN")
            pages.ln(1.5)
        case Table():
            _table(pages, block)
        case Drawing():
            _drawing(pages, block)


def _room(pages: _Pages, height: float) -> None:
    """A new page, where so much does not go on this one."""
    if pages.get_y() + height > pages.h - _BOTTOM and pages.get_y() > _MARGIN:
        pages.add_page()


def _table(pages: _Pages, table: Table) -> None:
    pages.set_font(_FONT, size=_SMALL)
    pages.set_draw_color(150)
    pages.set_fill_color(255)
    pages.set_line_width(0.15)
    align = ["LEFT"] * table.words + ["RIGHT"] * (len(table.widths) - table.words)
    with pages.table(
        width=WIDTH,
        col_widths=tuple(table.widths),
        text_align=align,
        line_height=_LINE - 0.4,
        borders_layout=TableBordersLayout.HORIZONTAL_LINES,
        first_row_as_headings=bool(table.head),
        headings_style=FontFace(emphasis="BOLD"),
        padding=0.3,
    ) as rows:
        if table.head:
            rows.row([_plain(text) for text in table.head])
        for k, row in enumerate(table.rows):
            last = table.totals and k == len(table.rows) - 1
            style = FontFace(emphasis="BOLD") if last else None
            rows.row([_plain(text) for text in row], style=style)
    pages.ln(1.5)


def _drawing(pages: _Pages, drawing: Drawing) -> None:
    _room(pages, drawing.height + 14)
    pages.ln(2)
    pages.set_font(_FONT, "B", _TEXT)
    pages.multi_cell(WIDTH, _LINE, _plain(drawing.title), align="L", new_x="LMARGIN")
    x, y = pages.l_margin, pages.get_y() + 0.5
    for shape in drawing.shapes:
        if isinstance(shape, Path):
            _path(pages, shape, x, y)
        else:
            _label(pages, shape, x, y)
    pages.set_text_color(0)
    pages.set_xy(x, y + drawing.height + 0.5)
    if drawing.note:
        pages.set_font(_FONT, size=_SMALL)
        pages.multi_cell(WIDTH, 3.8, _plain(drawing.note), align="L", new_x="LMARGIN")


def _path(pages: _Pages, path: Path, x: float, y: float) -> None:
    if path.stroke:
        pages.set_draw_color(path.stroke)
        pages.set_line_width(path.width)
    if path.fill:
        pages.set_fill_color(path.fill)
    style = {(True, True): "DF", (True, False): "D"}.get((bool(path.stroke), bool(path.fill)), "F")
    for line in path.lines:
        points = [(x + a, y + b) for a, b in line]
        if path.fill:
            pages.polygon(points, style=style)
        else:
            pages.polyline(points)


def _label(pages: _Pages, label: Label, x: float, y: float) -> None:
    pages.set_font(_FONT, "B" if label.bold else "", label.size / _POINT)
    pages.set_text_color(label.colour)
    text = _plain(label.text)
    shift = {"start": 0.0, "middle": 0.5, "end": 1.0}[label.anchor]
    pages.text(x + label.x - shift * pages.get_string_width(text), y + label.y, text)
