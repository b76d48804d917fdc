"""Text from outside, as it may be shown: nothing in it steers a terminal.

Serial lines, USB descriptors, files and bundles bring names and remarks that nobody has vouched
for. What comes in passes through here once, where it enters; nothing that prints needs to care.
"""

from collections.abc import Iterable
from typing import Final
from unicodedata import bidirectional, category, east_asian_width

SENTENCE: Final = 1000
"""Characters of the longest sentence: a path and what is said about it."""
NAME: Final = 32
"""Characters of the longest name."""


def printable(text: str, most: int = SENTENCE) -> str:
    """One line of at most `most` characters: white space is blanks, what is not printable is "?".

    Control characters, escape sequences, marks that turn the direction of writing, and surrogates
    are not printable; letters of any script are.
    """
    line = " ".join(text.split())
    shown = "".join(c if c.isprintable() else "?" for c in line[:most])
    return shown if len(line) <= most else f"{shown[:-3]}..."


def narrow(text: str, most: int = NAME) -> str:
    """A name for columns: the first `most` characters, "?" for each that is not one column wide.

    Nor for one that is written from right to left: it would turn its neighbours round.
    """
    return "".join(c if _is_narrow(c) else "?" for c in text[:most])


def unique(names: Iterable[str]) -> tuple[str, ...]:
    """Names with their place added where one comes twice, so that no two are alike."""
    given = list(names)
    while len(set(given)) < len(given):
        given = [f"{name} {i}" if given.count(name) > 1 else name for i, name in enumerate(given)]
    return tuple(given)


def _is_narrow(c: str) -> bool:
    if c.isascii():
        return c.isprintable()
    return (
        c.isprintable()
        and category(c)[0] != "M"  # goes on top of the character before
        and east_asian_width(c) not in "WF"
        and bidirectional(c) not in ("R", "AL", "AN")
    )
