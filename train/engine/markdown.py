"""Tables of Markdown.

A library (tabulate) would not make this shorter: it pads Markdown and turns cells into numbers of
its own format, and would have to be told not to at each call.
"""

import re
from collections.abc import Iterable


def table(header: Iterable[object], rows: Iterable[Iterable[object]]) -> str:
    """Each row a line, under the header."""
    lines = [[_cell(str(cell)) for cell in row] for row in [header, *rows]]
    lines.insert(1, ["---"] * len(lines[0]))
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def _cell(text: str) -> str:
    """Neither a border nor a tag of HTML."""
    return re.sub(r"\||<(?=[A-Za-z/!?])", r"\\\g<0>", text)
