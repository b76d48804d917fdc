"""What speaks for a class: sums that add up to what the network says."""

import warnings
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

from edge.replay import Recording
from tests.train.made import Made
from train.commands.explain import read_picture
from train.data.corpus import LEADS
from train.data.joined import Joined
from train.data.windows import Cut, Windows, cut
from train.models.checkpoint import save
from train.models.registry import classifier
from train.studies import saliency
from train.studies.captions import called
from train.studies.saliency import adding_up, figure_of, maps, without

SEEN = {"fs": 250.0, "seconds": 10.0, "highpass_hz": 0.5}


@pytest.fixture(scope="module")
def windows(tmp_path_factory: pytest.TempPathFactory) -> Windows:
    """Of leads II and V5."""
    return cut(Made(2), Cut(), tmp_path_factory.mktemp("windows"), bar=False)


@pytest.mark.parametrize("system", ["xresnet", "beatssl", "ecgnat"])
def test_all_frames_and_the_bias_add_up_to_the_logit(system: str, windows: Windows) -> None:
    torch.manual_seed(0)
    net = classifier(system, 3, tiny=True).eval()
    batch = windows.batch(np.array([0]))
    with torch.no_grad():
        logits = net(batch.ecg, batch.leads, batch.peaks)[0]
    for k in range(3):
        added = adding_up(net, batch, k)
        assert [len(of) for of in added] == [
            -(-windows.cut.samples // of.stride) for of in maps(net.encoder)
        ]
        total = sum(float(of.sum()) for of in added) + net.head.bias[k].item()
        assert total == pytest.approx(float(logits[k]), abs=1e-4)
        lost = without(net, batch, k)
        assert (np.abs(lost[~batch.leads[0].numpy()]) < 1e-5).all()
        assert (np.abs(lost[batch.leads[0].numpy()]) > 1e-5).all()


@pytest.mark.parametrize("count", [1, 2, 5, 7, 8, 12])
@pytest.mark.parametrize("system", ["xresnet", "beatnet", "heartbeatai"])
def test_a_picture_shows_the_leads_that_are_there(
    system: str, count: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """And no others, whichever there are."""
    monkeypatch.setattr(saliency, "COPIES", 2)
    there = LEADS[-count:]
    nv = np.resize(Made(1).read(Made(1).records[0])[0].nv[:, :1], (2500, count))
    recording = Recording("r", 250.0, there, nv)
    saved = tmp_path / "net.safetensors"
    save(saved, system, classifier(system, 3, tiny=True), "abc", {}, SEEN)
    shown: list[Figure] = []
    monkeypatch.setattr(Figure, "savefig", lambda figure, *_, **__: shown.append(figure))
    read_picture(saved, recording, "b", 0.0)
    traces, bars = [], []
    for axes in shown[0].axes:
        traces += [axes.get_title(loc="left"), *(text.get_text() for text in axes.texts)]
        bars += [label.get_text() for label in axes.get_yticklabels()]
    for names in (traces, bars):
        assert [name for name in names if name in LEADS] == [*there]


@pytest.mark.parametrize("system", ["xresnet", "beatnet"])
def test_names_of_any_length_and_script_fit(
    system: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    long = "left ventricular hypertrophy with a strain pattern in "
    classes = ("x" * 300, "心房颤动", "a $\\foo$ of $5", *(f"{long}{i}" for i in range(9)))
    recording = Made(1).read(Made(1).records[0])[0]
    saved = tmp_path / "net.safetensors"
    save(saved, system, classifier(system, len(classes), tiny=True), classes, {}, SEEN)
    shown: list[Figure] = []
    draw = Figure.savefig

    def drawn(figure: Figure, *to: Any, **how: Any) -> None:
        shown.append(figure)
        draw(figure, *to, **how)

    monkeypatch.setattr(saliency, "COPIES", 2)
    monkeypatch.setattr(Figure, "savefig", drawn)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        for name in classes[:3]:
            assert read_picture(saved, recording, name, 0.0).startswith(b"\x89PNG")
    assert any("…" in figure.texts[0].get_text() for figure in shown)
    for figure in shown:
        FigureCanvasAgg(figure)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # boxes have a width too
            at = figure.texts[0].get_window_extent()
        assert 0 <= at.x0 < at.x1 <= figure.bbox.x1


def test_a_network_that_pools_otherwise_is_refused(windows: Windows, tmp_path: Path) -> None:
    with pytest.raises(TypeError, match="BeatNet does not pool maps over time"):
        figure_of(classifier("beatnet", 3, tiny=True), windows, 0, 0, "BEAT-Net")


def test_a_window_is_called_by_its_set_and_record(windows: Windows) -> None:
    row = int(windows.column("record").argmax())
    assert called(windows, row) == "made 1"
    assert called(Joined([windows, windows], ()), len(windows) + row) == "made 1"
