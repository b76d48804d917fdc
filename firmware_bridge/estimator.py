"""The rate of a board that does not tell it, from when its samples arrive."""

import time
from dataclasses import replace

import numpy as np

from firmware_bridge.block import LeadState, SampleBlock
from firmware_bridge.decoders import decoder

ESTIMATE_S = 3.0
"""Arrivals are timed this long."""


class RateEstimator:
    """A decoder that holds its blocks back until their arrivals have told the rate.

    The rate is the slope of samples over arrival time (least squares), to 0.1 Hz, over a stretch
    of `ESTIMATE_S` without lead-off or pause: the sketch that needs this runs at another rate
    then. The stream begins with that stretch.
    """

    def __init__(self, protocol: str) -> None:
        self._decoder = decoder(protocol, fs=1.0)  # replaced in every block
        self.counters = self._decoder.counters
        self._fs: float | None = None
        self._held: list[SampleBlock] = []
        self._origin = 0
        self._arrivals: list[tuple[float, int]] = []

    def feed(self, data: bytes) -> list[SampleBlock]:
        """Blocks, all with the estimated rate; none before that is known."""
        blocks = self._decoder.feed(data)
        if self._fs is None:
            if not data or any(LeadState.OFF in block.lead_state for block in blocks):
                self._arrivals, self._held = [], []
                return []
            if not blocks:
                return []
            self._held += blocks
            self._arrivals.append((time.monotonic(), self.counters.good))
            times, samples = np.array(self._arrivals).T
            if times[-1] - times[0] < ESTIMATE_S:
                return []
            self._fs = round(float(np.polyfit(times - times[0], samples, 1)[0]), 1)
            blocks, self._held = self._held, []
            self._origin = blocks[0].start - blocks[0].lost
        return [replace(block, fs=self._fs, start=block.start - self._origin) for block in blocks]
