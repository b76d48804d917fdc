"""Samples numbered, the lost ones counted, blocks cut: what every decoder does at its end."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from firmware_bridge.block import NANOVOLT, LeadState, SampleBlock, Scale, Step, mv_from_nv
from firmware_bridge.decoders.base import Counters

States = tuple[LeadState, ...]


class Timeline:
    """Collects samples and gives them as blocks, one for each stretch without gap or change."""

    def __init__(
        self,
        fs: float,
        leads: Sequence[str],
        counters: Counters,
        scale: tuple[Scale, ...] = (),
        step: Step = NANOVOLT,
    ) -> None:
        """`lost` of the counters is kept here, the rest is the decoder's."""
        self.scale = scale
        """Of the blocks that are not taken yet."""
        self._fs = fs
        self._leads = tuple(leads)
        self._step = (step,) * len(self._leads)
        self._counters = counters
        self._next = 0
        self._lost = 0
        self._restart = False
        self._states: States = ()
        self._time_s: float | None = None
        self._pieces: list[NDArray[np.int64]] = []
        self._blocks: list[SampleBlock] = []

    def change(self, fs: float, leads: Sequence[str], step: Step) -> None:
        """Another rate, in Hz, and other leads from here on, or steps."""
        if (fs, tuple(leads)) != (self._fs, self._leads):
            self._close()
            self._fs, self._leads = fs, tuple(leads)
            self._states = ()
        self.resolve((step,) * len(leads))

    def resolve(self, step: tuple[Step, ...]) -> None:
        """Other steps from here on, a lead each."""
        if step != self._step:
            self._close()
            self._step = step

    def lose(self, samples: int, restart: bool = False) -> None:
        """So many never came; what is missing before the first sample is not part of the stream.

        `restart`: the board began anew, so that this is no more than a guess.
        """
        if (samples > 0 or restart) and (self._next or self._pieces):
            self._close()
            self._lost += max(samples, restart)
            self._restart |= restart

    def add(
        self,
        nv: NDArray[np.int64],
        states: States | None = None,
        time_s: float | None = None,
    ) -> None:
        """Samples in nanovolts, shape [n, leads], all in the same lead states (default unknown)."""
        states = states or (LeadState.UNKNOWN,) * len(self._leads)
        if states != self._states:
            self._close()
        if not self._pieces:
            self._states, self._time_s = states, time_s
        if len(nv):
            self._pieces.append(nv)

    def take(self) -> list[SampleBlock]:
        """The blocks since the last call."""
        self._close()
        blocks, self._blocks = self._blocks, []
        return blocks

    def _close(self) -> None:
        if not self._pieces:
            return
        nv = self._pieces[0] if len(self._pieces) == 1 else np.concatenate(self._pieces)
        self._pieces = []
        lost, self._lost = self._lost, 0
        restart, self._restart = self._restart, False
        self._counters.lost += lost
        start = self._next + lost
        self._next = start + len(nv)
        self._blocks.append(
            SampleBlock(
                start=start,
                mv=mv_from_nv(nv),
                fs=self._fs,
                leads=self._leads,
                lead_state=self._states,
                saturated=(False,) * len(self._leads),
                lost=lost,
                device_time_s=self._time_s,
                restart=restart,
                scale=self.scale,
                counts=np.rint(nv / [step.nv for step in self._step]).astype(np.int64),
                step=self._step,
            )
        )
