"""What in a recording speaks for a class, by HeartBeatAI: `train.studies.saliency`, with its own.

Beside the leads stand the weights that its excitation gives them; below them Grad-CAM, which the
paper names.
"""

from typing import cast

import numpy as np
import torch
from matplotlib.figure import Figure
from numpy.typing import NDArray
from torch import Tensor

from train.data.windows import Windows
from train.engine.batches import Batch, given
from train.models.encoder import Classifier
from train.models.heartbeatai import HeartBeatAi
from train.studies.saliency import Strip, sheet


def grad_cam(net: Classifier, batch: Batch, k: int) -> NDArray[np.float32]:
    """Which frames of the concentrated depths speak for class `k` in one window, [frames], >= 0.

    Grad-CAM (Selvaraju et al., ICCV 2017): channels weighed by the mean gradient of the logit, and
    summed. A frame is `HeartBeatAi.stride` samples; it has seen some seconds around them.
    """
    net.eval()
    maps: list[Tensor] = []
    concentrate = cast(HeartBeatAi, net.encoder).concentrate
    hook = concentrate.register_forward_hook(lambda _module, _inputs, made: maps.append(made))
    logit = net(batch.ecg, batch.leads, batch.peaks)[0, k]
    hook.remove()
    gradient = torch.autograd.grad(logit, maps[0])[0]
    cam = (gradient.mean(2, keepdim=True) * maps[0]).sum(1).relu()[0]
    found: NDArray[np.float32] = cam.detach().cpu().numpy()
    return found


def figure_of(net: Classifier, windows: Windows, row: int, k: int) -> Figure:
    """A window's leads, coloured by what speaks for class `k`, and the leads' weights beside."""
    encoder = net.encoder
    if not isinstance(encoder, HeartBeatAi):
        raise TypeError("the weights of leads are HeartBeatAI's: another network has none")
    batch = given(net, windows, np.array([row]))
    with torch.no_grad():
        weights = encoder.gate(batch.ecg, batch.leads)[1][0].cpu().numpy()
    cam = grad_cam(net, batch, k)
    frame = (np.arange(len(cam)) + 0.5) * encoder.stride
    most = float(cam.max())
    title = "Grad-CAM, over its largest" if most else "Grad-CAM: no frame speaks for it"
    strip = Strip(title, frame, cam / (most or 1.0))
    bars = "weight of each lead\n(excitation)", weights
    return sheet(net, windows, row, k, "HeartBeatAI", [strip], bars)
