"""What a viewer sends, which may be anything: a wish, or one sentence why it is none."""

import json
from collections.abc import Mapping
from typing import Final, cast

from edge.alarms import RULES, Limits, Setting, changed
from edge.wishes import Acknowledge, SetLimits, Wish

MOST_BYTES: Final = 4096
"""Of a message; every limit there is takes a third."""
_MOST: Final = 1e300
BY: Final = "web"


class StrangeError(Exception):
    """No page of ours sends that."""


def wish(text: str | bytes, settings: Mapping[str, Setting]) -> Wish:
    """A message as a wish; `settings` are the limits that hold now, where not the table's.

    StrangeError for what the page never sends, ValueError, in one sentence, for limits that
    cannot be.
    """
    try:
        said = json.loads(text) if isinstance(text, str) else None
    except (ValueError, RecursionError):
        raise StrangeError from None
    match said:
        case {"acknowledge": [*names], **rest} if names and not rest:
            known = tuple(name for name in RULES if name in names)
            if len(known) != len(names):
                raise StrangeError
            return Acknowledge(known, BY)
        case {"limits": {**limits}, **rest} if limits and not rest:
            if not all(name in RULES and _setting(value) for name, value in limits.items()):
                raise StrangeError
            wished = cast(dict[str, Setting | None], limits)
            Limits(changed(settings, wished))
            return SetLimits(wished, BY)
    raise StrangeError


def _setting(value: object) -> bool:
    if isinstance(value, int | float) and not isinstance(value, bool):
        return abs(value) < _MOST
    return value in (None, "off")
