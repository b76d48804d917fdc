"""Figures of what a trained network makes of a real record: one for each system."""

from pathlib import Path
from typing import Final

import numpy as np
from matplotlib.figure import Figure

from edge.errors import RecordError
from train.data.corpora import open_corpus
from train.data.pseudolabels import PseudoLabelled
from train.data.windows import Cut, Windows, cut
from train.engine.prediction import predict
from train.models.beatssl import BeatSsl
from train.models.checkpoint import Saved, fill, read
from train.models.ecgnat import EcgNat
from train.objectives.ecgnat import MaskedAutoencoder
from train.studies.beatnet import figures as beatnet
from train.studies.beatssl import figures as beatssl
from train.studies.ecgnat import figures as ecgnat
from train.studies.heartbeatai import figures as heartbeatai
from train.studies.report import save

EXPLAINED: Final = {
    "beatnet": "superclass",
    "ecgnat": "pretrained",
    "beatssl": "pretrained",
    "heartbeatai": "superclass",
}
"""Systems that have a figure, and which of their files it is of."""


def explain(system: str, net: Path, data: Path, cache: Path, record: str | None, out: Path) -> None:
    """Draws the figure of the network in a file, of a record of PTB-XL, to `out`.

    By default of the first record that is not normal; Beat-SSL's shows beats of many records.
    RecordError where there is no such record, or no network of that system; OutputError where `out`
    cannot be written.
    """
    saved = read(net)
    if saved.facts.system != system:
        raise RecordError(f"{net} holds a network of {saved.facts.system}, not of {system}")
    save(_draw(saved, data, cache, record), out)


def _draw(saved: Saved, data: Path, cache: Path, record: str | None) -> Figure:
    encoder = saved.encoder()
    labels = str(saved.facts.origin.get("task", "superclass"))
    if isinstance(encoder, BeatSsl):
        fill(encoder, saved, "encoder.")
        corpus = open_corpus("ptbxl", data, "shared")
        labelled, named = (cut(c, Cut(), cache) for c in (corpus, PseudoLabelled(corpus)))
        return beatssl.nearest(encoder, labelled, named)
    windows = cut(open_corpus("ptbxl", data, labels), Cut(), cache)
    row = _row(windows, record)
    if isinstance(encoder, EcgNat):
        autoencoder = MaskedAutoencoder(encoder)
        fill(autoencoder, saved)
        return ecgnat.figure_of(autoencoder, windows, row)
    net = saved.classifier()
    if saved.facts.system == "beatnet":
        return beatnet.figure_of(net, windows, row)
    return heartbeatai.figure_of(
        net, windows, row, int(predict(net, windows, np.array([row])).argmax())
    )


def _row(windows: Windows, record: str | None) -> int:
    """The window of a record, named by its last part."""
    for i in windows.column("record").tolist():
        known = windows.records[i]
        wanted = known.name.endswith(record) if record else known.labels not in ((), ("NORM",))
        if wanted:
            return int(np.flatnonzero(windows.column("record") == i)[0])
    raise RecordError(f"ptbxl has no record {record}: give its name as its RECORDS file has it")
