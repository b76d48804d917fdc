"""Leads by name or number, as people ask for them."""

from collections.abc import Sequence

from edge.errors import RecordError
from firmware_bridge.decoders.edge_frame import MAX_NAME
from firmware_bridge.text import printable


def asked(leads: Sequence[str | int] | None) -> list[str | int] | None:
    """A choice of leads, None for all; ValueError for what is no list, or an empty one."""
    if leads is None:
        return None
    if isinstance(leads, str) or not isinstance(leads, Sequence) or not leads:
        said = printable(repr(leads), 40)
        raise ValueError(f"leads must be a list of names or numbers, as ['II'], not {said}")
    return list(leads)


def select_leads(names: Sequence[str], wanted: Sequence[str | int] | None) -> list[int]:
    """Columns of the wanted leads, by name (any case) or index; all of them for None.

    Of several with one name it is the first. Raises RecordError for one that is not there.
    """
    if wanted is None:
        return list(range(len(names)))
    places = {str(i): i for i in range(len(names))}  # a name that is a number comes before those
    places |= {name.casefold(): i for i, name in reversed([*enumerate(names)])}
    for lead in wanted:
        if str(lead).casefold() not in places:
            raise RecordError(
                f"the signal has no lead {lead}: it has {', '.join(names)} "
                f"(or 0 to {len(names) - 1})"
            )
    return list(dict.fromkeys(places[str(lead).casefold()] for lead in wanted))


def wire_names(names: Sequence[str]) -> tuple[str, ...]:
    """Names that an edge frame has room for, no two alike: longer ones are cut, and numbered."""
    cut = [_fitting(name, MAX_NAME) or str(i) for i, name in enumerate(names)]
    for i, name in enumerate(cut):
        number = i
        while name in cut[:i]:
            name = _fitting(cut[i], MAX_NAME - 1 - len(str(number))) + f" {number}"
            number += 1
        cut[i] = name
    return tuple(cut)


def _fitting(name: str, most: int) -> str:
    return name.encode()[:most].decode(errors="ignore")
