"""Units of voltage, however they are written."""

import re
from typing import Final
from unicodedata import normalize

_NV: Final = {
    "n": 1.0,
    "nano": 1.0,
    "u": 1e3,
    "μ": 1e3,
    "mc": 1e3,
    "micro": 1e3,
    "m": 1e6,
    "milli": 1e6,
    "": 1e9,
}
_VOLTAGE: Final = re.compile(r"([a-zμ]*?|[^a-z]+)[ -]?v(olts?)?")
_LOST_MU: Final = re.compile(r"[^\x00-\x7f]+|\?+")


def nanovolts(unit: str) -> float | None:
    """Nanovolts in a unit (nV, uV, µV, mV, V, in any case, or in words); None for no voltage.

    Whatever a wrong encoding has made of a µ is one: nothing else stands before a V that is no
    letter.
    """
    match = _VOLTAGE.fullmatch(normalize("NFKC", unit).strip().lower())
    if match is None:
        return None
    prefix = match[1]
    return 1e3 if _LOST_MU.fullmatch(prefix) else _NV.get(prefix)
