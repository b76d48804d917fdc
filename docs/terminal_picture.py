"""Draws docs/terminal.png, the terminal view of the demo: python docs/terminal_picture.py."""

import os
import re
from pathlib import Path
from unittest.mock import patch

import matplotlib as mpl

from edge import demo, replay
from edge.bundle import DEFAULT_BUNDLE, Bundle
from edge.live import watch
from edge.monitor import Monitor
from edge.sinks.terminal import Screen

mpl.use("agg")
import matplotlib.pyplot as plt

COLUMNS, ROWS, END_S = 100, 30, 30.4
CELL = 0.09, 0.19  # inches
TEXT, BACK = "#d8d8d8", "#101418"
FACES = {31: "#ff5f5f", 32: "#5fd75f", 33: "#ffd75f", 35: "#ff87ff", 36: "#5fd7d7", 37: "#ffffff"}
FACES |= {30: "#000000"}
BACKS = {41: "#b00000", 43: "#d7af00", 46: "#00afaf"}


def frame() -> str:
    """What the terminal is sent when END_S seconds of the demo have passed."""
    frames: list[str] = [""]

    class Canvas:
        def write(self, text: str) -> int:
            frames[0] = text
            return len(text)

    bundle = Bundle.load(DEFAULT_BUNDLE)
    size = {"COLUMNS": str(COLUMNS), "LINES": str(ROWS), "NO_COLOR": ""}
    with patch.dict(os.environ, size), patch("time.strftime", lambda _: "14:03:51"):
        screen = Screen(Canvas(), "demo", dots=True)
        screen.keys = True
        with patch("time.time", lambda: 1795961001.0):  # a day on which it was made
            for item, events in watch(
                replay.blocks(demo.stream()[0], 36), Monitor(bundle), "demo", bundle
            ):
                if item is not None:
                    screen.show(item)  # type: ignore[arg-type]
                for event in events:
                    screen.write(event)
                if item is not None and screen._now > END_S:
                    break
        screen.close()
    return frames[0]


def main() -> None:
    """Draw it: letters as text, braille as dots, so that no font needs to have it."""
    wide, high = CELL
    figure = plt.figure(figsize=(COLUMNS * wide, ROWS * high), facecolor=BACK)
    axes = figure.add_axes((0, 0, 1, 1), xlim=(0, COLUMNS), ylim=(ROWS, 0))
    axes.axis("off")
    dots_x, dots_y = [], []
    for y, line in enumerate(frame().split("\n")):
        style: set[int] = {0}
        x = 0
        for part in re.split(r"(\x1b\[[\d;?]*[A-Za-z])", line):
            if part.startswith("\x1b"):
                if part.endswith("m"):
                    style = set(map(int, part[2:-1].split(";")))
                continue
            face = next((c for code, c in FACES.items() if code in style), TEXT)
            back = next((c for code, c in BACKS.items() if code in style), None)
            if back:
                axes.fill_between([x, x + len(part)], y, y + 1, color=back, lw=0)
            for char in part:
                if bits := max(0, ord(char) - 0x2800):
                    for bit, (dx, dy) in enumerate(
                        [(0, 0), (0, 1), (0, 2), (1, 0), (1, 1), (1, 2), (0, 3), (1, 3)]
                    ):
                        if bits >> bit & 1:
                            dots_x.append(x + 0.25 + dx / 2)
                            dots_y.append(y + 0.125 + dy / 4)
                elif char != " ":
                    axes.text(
                        x + 0.5,
                        y + 0.75,
                        char,
                        color=face,
                        alpha=0.6 if 2 in style else 1.0,
                        weight="bold" if 1 in style else "normal",
                        family="DejaVu Sans Mono",
                        size=10,
                        ha="center",
                    )
                x += 1
    axes.scatter(dots_x, dots_y, s=2.5, color="#8fffa8", lw=0)
    path = Path(__file__).with_name("terminal.png")
    figure.savefig(path, dpi=110, metadata={"Software": None})


if __name__ == "__main__":
    main()
