"""Watch a board on a serial port: `python watch_port.py /dev/ttyUSB0`.

Without a port, an emulated board sends the demo's minute of ECG, as fast as it is read.
"""

import sys

import edge
from edge import demo, replay
from edge.events import Alarm, Beat
from firmware_bridge.emulator import Emulator


def watch(port: str, once: bool = False) -> None:
    """Print final labels and alarms; with `once`, until the port vanishes."""
    for event in edge.open(port, once=once):
        if isinstance(event, Beat) and event.final:
            print(f"{event.t:8.2f} s  {event.label}")
        elif isinstance(event, Alarm) and event.active:
            print(f"{event.t:8.2f} s  {event.name}: {event.text}")


if len(sys.argv) > 1:
    watch(sys.argv[1])
else:
    recording, _ = demo.stream()
    with Emulator(replay.blocks(recording), speed=None) as board:
        watch(board.port, once=True)
