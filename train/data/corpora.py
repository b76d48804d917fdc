"""Every data set by its name."""

from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Final, get_args

from edge.errors import RecordError
from train.data import ptbxl
from train.data.cinc2017 import Cinc2017
from train.data.cinc2021 import PREFIXES, Cinc2021
from train.data.code15 import Code15
from train.data.corpus import Corpus
from train.data.cpsc2021 import Cpsc2021
from train.data.folder import Folder
from train.data.ludb import Ludb
from train.data.mimic import MimicEcg
from train.data.mitdb import MitDb


def _challenge(name: str) -> dict[str, Callable[[Path], Corpus]]:
    prefix = PREFIXES[name]
    return {
        "shared": partial(Cinc2021, labels="shared", prefix=prefix),
        "snomed": partial(Cinc2021, labels="snomed", prefix=prefix),
    }


CORPORA: Final[dict[str, tuple[str, dict[str, Callable[[Path], Corpus]]]]] = {
    "mitdb": ("mitdb", {"shared": MitDb}),
    "ptbxl": (
        "ptbxl",
        {labels: partial(ptbxl.PtbXl, labels=labels) for labels in get_args(ptbxl.Labels)},
    ),
    "ludb": (
        "ludb",
        {"rhythm": partial(Ludb, labels="rhythm"), "shared": partial(Ludb, labels="shared")},
    ),
    "cinc2017": (
        "cinc2017",
        {
            "native": partial(Cinc2017, labels="native"),
            "shared": partial(Cinc2017, labels="shared"),
        },
    ),
    "cpsc2021": ("cpsc2021", {"shared": Cpsc2021}),
    "code15": (
        "code15",
        {labels: partial(Code15, labels=labels) for labels in ("native", "shared")},
    ),
    "mimic-iv-ecg": (
        "mimic-iv-ecg",
        {labels: partial(MimicEcg, labels=labels) for labels in ("statements", "shared")},
    ),
    "georgia": ("cinc2021", _challenge("georgia")),
    "chapman": ("cinc2021", _challenge("chapman")),
    "cpsc-extra": ("cpsc2018", _challenge("cpsc-extra")),
}
"""Folder of each data set, and what makes it a corpus with each of its label sets.

The first label set is the default. Of mitdb it is DS1 only, as all else of it is test data.
"""


def open_corpus(name: str, data: Path, labels: str | None = None) -> Corpus:
    """The data set `name` below `data`, or the folder of that path, without labels.

    Raises RecordError where there is neither, or no such label set. Nothing is read yet.
    """
    if name in CORPORA:
        folder, makers = CORPORA[name]
        if labels is not None and labels not in makers:
            raise RecordError(f"{name} has no labels {labels!r}: it has {', '.join(makers)}")
        return makers[labels or next(iter(makers))](data / folder)
    if not Path(name).is_dir():
        raise RecordError(
            f"there is no data set and no folder {name!r}: the sets are {', '.join(CORPORA)}"
        )
    if labels is not None:
        raise RecordError(f"the records of the folder {name} have no labels")
    return Folder(Path(name))
