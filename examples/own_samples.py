"""Name the beats of samples of your own: all at once, and in pieces as they come."""

import numpy as np

import edge
from edge.events import Alarm, Beat
from edge.synthetic import synthesize

fs = 250.0
mv = synthesize("NNNNNNNNNNVNNNNNNN", fs, np.random.default_rng(0)).mv  # yours, [n] or [n, leads]

found = edge.annotate(mv, fs)
print("".join(beat.label for beat in found.beats), len(found.alarms), "alarms")

monitor = edge.Monitor(fs=fs, leads=["MLII", "V5"])
events = [e for start in range(0, len(mv), 100) for e in monitor.push(mv[start : start + 100])]
events += monitor.flush()  # the last beats, and the totals
for event in events:
    if isinstance(event, Beat) and event.final:
        print(f"{event.t:8.2f} s  {event.label}")
    elif isinstance(event, Alarm) and event.active:
        print(f"{event.t:8.2f} s  {event.name}: {event.text}")
