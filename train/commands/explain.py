"""Figures of what a trained network makes of a real record: one for each system."""

from collections.abc import Sequence
from dataclasses import dataclass
from io import BytesIO
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Final

import numpy as np
from matplotlib.figure import Figure

from edge.errors import RecordError
from edge.replay import Recording
from train.data.corpora import open_corpus
from train.data.corpus import Record, Reference
from train.data.pseudolabels import PseudoLabelled
from train.data.windows import Cut, Windows, cut
from train.engine.prediction import predict
from train.models.beatssl import BeatSsl
from train.models.checkpoint import Saved, fill, read
from train.models.ecgnat import EcgNat
from train.objectives.ecgnat import MaskedAutoencoder
from train.reading.card import SOURCES
from train.studies import saliency
from train.studies.beatnet import figures as beatnet
from train.studies.beatssl import figures as beatssl
from train.studies.ecgnat import figures as ecgnat
from train.studies.heartbeatai import figures as heartbeatai
from train.studies.report import draw, save

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
    if (learned := saved.facts.origin.get("set", "ptbxl")) != "ptbxl":
        raise RecordError(
            f"{net} has learned the labels of {learned}, and this figure is of ptbxl: `edge-train "
            f"diagnose RECORD --net {net} --page OUT.html --explain` draws it of any record"
        )
    save(_draw(saved, data, cache, record), out)


@dataclass(frozen=True)
class _One:
    """A recording that was read as a `Corpus`."""

    recording: Recording
    classes: tuple[str, ...]
    name = "record"

    @property
    def records(self) -> Sequence[Record]:
        """It alone."""
        return (Record(self.recording.name, self.recording.name),)

    def read(self, _: Record) -> tuple[Recording, Reference]:
        """The leads that were read."""
        return self.recording, Reference()


def read_picture(net: Path, recording: Recording, name: str, start_s: float) -> bytes:
    """A PNG of what the network in a file makes of the window of what was read that begins there.

    Of the class of that `name`, where the system's picture is of one.
    """
    saved = read(net)
    one = _One(recording, saved.facts.classes)
    fs, seconds = saved.facts.window["fs"], saved.facts.window["seconds"]
    with TemporaryDirectory() as cache:
        # The second window of that stride is the one: a record's last may begin between others.
        windows = cut(one, Cut(fs, seconds, start_s or seconds), Path(cache), bar=False)
        if not len(windows):
            raise RecordError(windows.skipped[recording.name])
        row = 1 if start_s else 0
        figure = _of_row(saved, windows, row, saved.facts.classes.index(name))
        png = BytesIO()
        draw(figure, png)
    return png.getvalue()


def _of_row(saved: Saved, windows: Windows, row: int, k: int | None = None) -> Figure:
    """BEAT-Net's attention; of the others what speaks for class `k`, else the likeliest one."""
    net, system = saved.classifier(), saved.facts.system
    if system == "beatnet":
        return beatnet.figure_of(net, windows, row)
    if k is None:
        k = int(predict(net, windows, np.array([row])).argmax())
    if system == "heartbeatai":
        return heartbeatai.figure_of(net, windows, row, k)
    return saliency.figure_of(net, windows, row, k, SOURCES[system][0])


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
    return _of_row(saved, windows, row)


def _row(windows: Windows, record: str | None) -> int:
    """The window of a record, named by its last part."""
    for i in windows.column("record").tolist():
        known = windows.records[i]
        wanted = known.name.endswith(record) if record else known.labels not in ((), ("NORM",))
        if wanted:
            return int(np.flatnonzero(windows.column("record") == i)[0])
    raise RecordError(f"ptbxl has no record {record}: give the end of its path, as 00338_lr")
