"""Networks as they were trained, to read with."""

from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray

from train.engine.batches import AT_A_TIME
from train.models.checkpoint import read
from train.reading.windows import Seen


class TorchNet:
    """One that torch runs, on the processor."""

    def __init__(self, path: Path) -> None:
        """Opens what `finetune` wrote; RecordError where it did not."""
        torch.set_num_threads(1)  # as where records are read in several processes
        saved = read(path)
        self.path, self.facts, self.net = path, saved.facts, saved.reader()

    @torch.no_grad()
    def logits(self, seen: Seen) -> NDArray[np.float64]:
        """Of windows, [W, K], or of a delineator [W, 12, 4, T]."""
        given = [torch.from_numpy(x) for x in (seen.ecg, seen.leads, seen.peaks)]
        if self.facts.delineates:
            del given[2]
        some = zip(*(torch.split(x, AT_A_TIME) for x in given), strict=True)
        found: NDArray[np.float64] = torch.cat([self.net(*part) for part in some]).double().numpy()
        return found
