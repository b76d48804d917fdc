"""Give the monitor samples of your own, in pieces of any size."""

import numpy as np

import edge
from edge.events import Beat
from edge.synthetic import synthesize
from firmware_bridge.block import LeadState, SampleBlock

fs = 250.0
mv = synthesize("NNNNNNNNNNVNNNNNNN", fs, np.random.default_rng(0)).mv[:, :1]  # yours, [n, leads]

monitor = edge.Monitor()
events = []
for start in range(0, len(mv), 100):
    block = SampleBlock(
        start=start,
        mv=mv[start : start + 100].astype(np.float32),
        fs=fs,
        leads=("II",),
        lead_state=(LeadState.UNKNOWN,),
        saturated=(False,),
    )
    events += monitor.push(block)
events += monitor.flush()

print("".join(event.label for event in events if isinstance(event, Beat) and event.final))
