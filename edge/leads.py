"""Leads by name or number, as people ask for them."""

from collections.abc import Sequence

from edge.errors import RecordError


def select_leads(names: Sequence[str], wanted: Sequence[str | int] | None) -> list[int]:
    """Columns of the wanted leads, by name (any case) or index; all of them for None.

    Raises RecordError for one that is not there.
    """
    if wanted is None:
        return list(range(len(names)))
    folded = [name.casefold() for name in names]
    columns = []
    for lead in wanted:
        if str(lead).casefold() in folded:
            columns.append(folded.index(str(lead).casefold()))
        elif str(lead).isdecimal() and int(lead) < len(names):
            columns.append(int(lead))
        else:
            raise RecordError(
                f"the signal has no lead {lead}: it has {', '.join(names)} "
                f"(or 0 to {len(names) - 1})"
            )
    return list(dict.fromkeys(columns))
