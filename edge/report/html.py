"""A report as one HTML file: no script, nothing loaded from elsewhere, nothing of the recording
that is not escaped.
"""

from base64 import b64encode
from html import escape
from typing import Final, TextIO

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
    Picture,
    Points,
    Table,
)

_UNIT: Final = 100
"""Steps to a millimetre in a drawing: whole numbers are short."""
_STYLE: Final = """
@page { size: A4; margin: 12mm 14.5mm 8mm; }
* { box-sizing: border-box; }
html { color-scheme: light; background: #fff; color: #000; }
body { font: 10pt/1.4 system-ui, sans-serif; max-width: 180mm; margin: 8mm auto 18mm; }
h1 { font-size: 16pt; margin: 0 0 3mm; overflow-wrap: anywhere; }
h2 { font-size: 12.5pt; margin: 7mm 0 2mm; break-after: avoid; }
h3 { font-size: 10.5pt; margin: 4mm 0 1mm; break-after: avoid; }
p, ul { margin: 1.5mm 0; overflow-wrap: anywhere; } ul { padding-left: 5mm; }
.strong { font-weight: bold; border: .4mm solid #b00; padding: 1.5mm 2.5mm; }
.wide { overflow-x: auto; }
table { border-collapse: collapse; width: 100%; }
.wide table { font-size: 8pt; font-variant-numeric: tabular-nums; }
.wide th, .wide td { padding: .6mm 1mm; text-align: right; border-bottom: .2mm solid #ddd;
  vertical-align: top; }
.wide th { border-bottom: .4mm solid #777; } .wide tr { break-inside: avoid; }
.wide .w { text-align: left; overflow-wrap: anywhere; }
tr.total td { border-top: .4mm solid #777; font-weight: bold; }
figure { margin: 4mm 0; break-inside: avoid; overflow-x: auto; }
figcaption { font-weight: bold; margin-bottom: 1mm; }
figure p { font-size: 8.5pt; color: #333; }
img { width: 100%; }
svg { display: block; font-family: system-ui, sans-serif; }
.page, .page > * > tr > td { padding: 0; }
.foot { position: fixed; bottom: 0; left: 0; right: 0; background: #fff; font-size: 8pt;
  border-top: .3mm solid #b00; padding: 1mm; text-align: center; overflow: hidden;
  white-space: nowrap; text-overflow: ellipsis; }
@media print { body { margin: 0 auto; } .foot { position: static; margin-top: 3mm; width: 180mm; }
  .wide, figure { overflow: visible; } }
"""
_POLICY: Final = "default-src 'none'; style-src 'unsafe-inline'; img-src data:"


def write(document: Document, out: TextIO) -> None:
    """Write the whole file; OSError where it cannot be."""
    title = escape(document.title)
    out.write(
        f'<!DOCTYPE html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n'
        f'<meta http-equiv="Content-Security-Policy" content="{_POLICY}">\n'
        '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        f"<title>{title}</title>\n<style>{_STYLE}</style>\n</head>\n<body>\n"
        "<table class=page role=presentation><tbody><tr><td><main>\n"
    )
    for block in document.blocks:
        out.write(_block(block) + "\n")
    # The foot of a table comes again on every page that is printed, in any browser.
    out.write(
        "</main></td></tr></tbody><tfoot><tr><td>"
        f"<div class=foot>{escape(document.footer)}</div></td></tr></tfoot></table>\n"
        "</body>\n</html>\n"
    )


def _block(block: Block) -> str:
    match block:
        case Heading(text, level):
            return f"<h{level}>{escape(text)}</h{level}>"
        case Paragraph(text, strong):
            return f"<p{' class=strong' if strong else ''}>{escape(text)}</p>"
        case Items(texts):
            return f"<ul>{''.join(f'<li>{escape(text)}</li>' for text in texts)}</ul>"
        case Table():
            return _table(block)
        case Drawing():
            return _drawing(block)
        case Picture():
            return _picture(block)


def _table(table: Table) -> str:
    share = sum(table.widths)
    columns = "".join(f'<col style="width:{width / share:.1%}">' for width in table.widths)
    head = "".join(_cell("th", text, i < table.words) for i, text in enumerate(table.head))
    rows = []
    for k, row in enumerate(table.rows):
        last = table.totals and k == len(table.rows) - 1
        cells = "".join(_cell("td", text, i < table.words) for i, text in enumerate(row))
        rows.append(f"<tr{' class=total' if last else ''}>{cells}</tr>")
    top = f"<thead><tr>{head}</tr></thead>" if head else ""
    return (
        f"<div class=wide><table><colgroup>{columns}</colgroup>{top}"
        f"<tbody>{''.join(rows)}</tbody></table></div>"
    )


def _cell(tag: str, text: str, words: bool) -> str:
    return f"<{tag}{' class=w' if words else ''}>{escape(text)}</{tag}>"


def _drawing(drawing: Drawing) -> str:
    box = f"0 0 {WIDTH * _UNIT:.0f} {drawing.height * _UNIT:.0f}"
    shapes = "".join(
        _path(shape) if isinstance(shape, Path) else _label(shape) for shape in drawing.shapes
    )
    note = f"<p>{escape(drawing.note)}</p>" if drawing.note else ""
    return (
        f"<figure><figcaption>{escape(drawing.title)}</figcaption>"
        f'<svg role="img" aria-label="{escape(drawing.says or drawing.title)}" '
        f'width="{WIDTH:g}mm" height="{drawing.height:g}mm" viewBox="{box}">{shapes}</svg>'
        f"{note}</figure>"
    )


def _picture(picture: Picture) -> str:
    return (
        f"<figure><figcaption>{escape(picture.title)}</figcaption>"
        f'<img alt="{escape(picture.title)}" '
        f'src="data:image/png;base64,{b64encode(picture.png).decode()}">'
        f"{f'<p>{escape(picture.note)}</p>' if picture.note else ''}</figure>"
    )


def _path(path: Path) -> str:
    d = "".join(_line(points, closed=bool(path.fill)) for points in path.lines)
    stroke = ""
    if path.stroke:
        stroke = f' stroke="{path.stroke}" stroke-width="{path.width * _UNIT:.0f}"'
        stroke += ' stroke-linejoin="round"'
    return f'<path d="{d}" fill="{path.fill or "none"}"{stroke}/>' if d else ""


def _line(points: Points, closed: bool) -> str:
    """A path through the points, each told from the one before."""
    whole = [(round(x * _UNIT), round(y * _UNIT)) for x, y in points]
    text = f"M{whole[0][0]} {whole[0][1]}l"
    x, y = whole[0]
    steps = []
    for a, b in whole[1:]:
        steps.append(f"{a - x} {b - y}")
        x, y = a, b
    return text + " ".join(steps or ["0 0"]) + ("z" if closed else "")


def _label(label: Label) -> str:
    anchor = "" if label.anchor == "start" else f' text-anchor="{label.anchor}"'
    bold = ' font-weight="bold"' if label.bold else ""
    return (
        f'<text x="{label.x * _UNIT:.0f}" y="{label.y * _UNIT:.0f}" '
        f'font-size="{label.size * _UNIT:.0f}" fill="{label.colour}"{anchor}{bold}>'
        f"{escape(label.text)}</text>"
    )
