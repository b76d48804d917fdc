"""Predictions of a trained network."""

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn

from train.engine.batches import Batches, each


@torch.no_grad()
def predict(net: nn.Module, windows: Batches, rows: NDArray[np.int64]) -> NDArray[np.float32]:
    """Logits of a network for some windows, [n, K] or [n, P, K], in evaluation mode."""
    net.eval()
    parts = [
        net(batch.ecg, batch.leads, batch.peaks).float().cpu().numpy()
        for batch in each(net, windows, rows)
    ]
    return np.concatenate(parts)
