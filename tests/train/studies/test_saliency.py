"""What speaks for a class: sums that add up to what the network says."""

from pathlib import Path

import numpy as np
import pytest
import torch

from tests.train.made import Made
from train.data.windows import Cut, Windows, cut
from train.models.registry import classifier
from train.studies.saliency import adding_up, figure_of, maps, without


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


def test_a_network_that_pools_otherwise_is_refused(windows: Windows, tmp_path: Path) -> None:
    with pytest.raises(TypeError, match="BeatNet does not pool maps over time"):
        figure_of(classifier("beatnet", 3, tiny=True), windows, 0, 0, "BEAT-Net")
