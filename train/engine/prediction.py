"""Predictions of a trained network."""

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn

from train.engine.batches import Batches

BATCH = 64
"""Windows at a time where nothing is learned."""


@torch.no_grad()
def predict(net: nn.Module, windows: Batches, rows: NDArray[np.int64]) -> NDArray[np.float32]:
    """Logits of a network for some windows, [n, K] or [n, P, K], in evaluation mode."""
    net.eval()
    device = next(net.parameters()).device
    parts = []
    for i in range(0, len(rows), BATCH):
        batch = windows.batch(rows[i : i + BATCH])
        inputs = (batch.ecg, batch.leads, batch.peaks)
        parts.append(net(*(x.to(device) for x in inputs)).float().cpu().numpy())
    return np.concatenate(parts)
