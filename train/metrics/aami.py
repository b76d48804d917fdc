"""Beat symbols of PhysioNet annotations as AAMI EC57 classes."""

from typing import Final, Literal

import numpy as np
from numpy.typing import NDArray

CLASSES: Final = ("N", "S", "V", "F", "Q")
LEARNED: Final = CLASSES[:4]
"""Classes that are learned; Q, beats that nobody could classify, is not."""

ClassMap = Literal["papers", "bxb"]

_COMMON = (
    dict.fromkeys("NLRB", "N")
    | dict.fromkeys("AaJS", "S")
    | dict.fromkeys("VEr", "V")
    | {"F": "F"}
    | dict.fromkeys("/fQ?", "Q")
)

CLASS_MAPS: Final[dict[ClassMap, dict[str, str]]] = {
    "papers": _COMMON | dict.fromkeys("ejn", "N"),
    "bxb": _COMMON | dict.fromkeys("ejn", "S"),
}
"""Symbol to class. Escape beats (e, j, n) are N in de Chazal et al. 2004 (IEEE TBME 51(7)) and
nearly every paper on DS1 and DS2 since, S in the WFDB tool `bxb`. Every other symbol, the
flutter wave `!` among them, is no beat."""


def aami_classes(symbols: NDArray[np.str_], class_map: ClassMap = "papers") -> NDArray[np.str_]:
    """The class of each beat symbol, same shape; a KeyError where a symbol is no beat."""
    table = CLASS_MAPS[class_map]
    return np.array([table[symbol] for symbol in symbols], dtype="U1")
