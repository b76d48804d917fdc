"""What a millivolt is on a board of the user's: measured once, kept in a file, applied always.

The front ends' scales are nominal: gains and references differ from board to board, and sources
from each other. A factor of the user's own takes their place.
"""

import json
import math
import os
import tomllib
from collections import deque
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from firmware_bridge.block import SampleBlock
from firmware_bridge.errors import CalibrationError
from firmware_bridge.text import printable

LEAST, MOST = 1e-3, 1e3
"""Factors that are measured out of these bounds are mistakes; those that are typed may be any."""
EDGES = 4
"""Steps, up or down, that must agree: two pulses."""
WAIT_S = 60.0
"""Seconds of signal in which they must come."""
_SIDE_S = 0.06  # of the plateau before and after a step
_RISE_S = 0.024  # left out on either side: filters of 40 Hz and more have settled by then
_STRAIGHT = 0.1  # scatter of a plateau, as a part of the step
_LEAST_MV = 0.05  # no nominal scale is twenty times too small
_AGREE = 0.05  # spread of the steps, as a part of their median
_MAX_BYTES = 1 << 20
_HEADER = "# Factors for samples, written by `edge-run --calibrate`: comments are not kept.\n\n"


def config_file() -> Path:
    """`edge-ecg/boards.toml` in the user's configuration folder (XDG Base Directory, 0.8)."""
    home = os.environ.get("XDG_CONFIG_HOME", "")
    # The specification wants relative paths ignored.
    base = Path(home) if home.startswith("/") else Path.home() / ".config"
    return base / "edge-ecg" / "boards.toml"


class Boards:
    """The factors of the user's boards: by USB identity where there is one, else by protocol.

    With either, of text, what the sketch sends: `SerialLink.board`.

    In the file: tables `usb` and `protocol`, and in each a table a board with its `scale`.
    """

    def __init__(self, path: Path | None = None) -> None:
        """Reads `path`, `config_file()` by default; CalibrationError where that cannot be used."""
        self._path = path or config_file()
        self._tables: dict[str, dict[str, float]] = {"usb": {}, "protocol": {}}
        try:
            with self._path.open("rb") as file:
                text = file.read(_MAX_BYTES + 1)
            if len(text) > _MAX_BYTES:
                raise ValueError("it is longer than a megabyte")
            self._take(tomllib.loads(text.decode()))
        except FileNotFoundError:
            pass
        except (OSError, ValueError, RecursionError) as error:
            raise CalibrationError(
                f"cannot use {self._path}: {_reason(error)}: mend it, or remove it and "
                "calibrate again"
            ) from error

    def scale(self, usb_id: str | None, protocol: str) -> float:
        """The factor for this board's samples; 1 where none is known."""
        if usb_id in self._tables["usb"]:
            return self._tables["usb"][usb_id]
        return self._tables["protocol"].get(protocol, 1.0)

    def store(self, usb_id: str | None, protocol: str, scale: float) -> str:
        """Keep a factor, in the file too; gives the name of its table."""
        if not 0 < scale < math.inf:
            raise CalibrationError(f"a scale must be a finite number above 0, not {scale:g}")
        kind, name = ("usb", usb_id) if usb_id else ("protocol", protocol)
        self._tables[kind][name] = scale
        lines = [
            f"[{kind}.{json.dumps(name, ensure_ascii=False)}]\nscale = {float(scale)!r}\n"
            for kind, table in self._tables.items()
            for name, scale in table.items()
        ]
        temporary = self._path.with_name(f"{self._path.name}.{os.getpid()}")
        try:
            self._path.parent.mkdir(parents=True, exist_ok=True)
            temporary.write_text(_HEADER + "\n".join(lines), "utf-8")
            temporary.replace(self._path)
        except OSError as error:
            raise CalibrationError(f"cannot write {self._path}: {error.strerror}") from error
        return f"{kind}.{json.dumps(name, ensure_ascii=False)}"

    def _take(self, tables: dict[str, object]) -> None:
        for kind, boards in tables.items():
            if kind not in self._tables or not isinstance(boards, dict):
                raise ValueError(f"{kind!r} is neither the table usb nor the table protocol")
            for name, board in boards.items():
                scale = board.get("scale") if isinstance(board, dict) else None
                if isinstance(scale, bool) or not isinstance(scale, int | float):
                    scale = 0.0
                if not 0 < scale < math.inf:
                    raise ValueError(f"{kind}.{name!r} has no scale that is finite and above 0")
                self._tables[kind][name] = float(scale)


def _reason(error: Exception) -> str:
    text = error.strerror if isinstance(error, OSError) else str(error)
    return printable(text or "", 200)


class Pulse:
    """Measures a rectangular pulse of 1 mV, or the square wave of a calibrator, as it comes.

    A step's height is the distance, at the step, of straight lines fitted to `_SIDE_S` before and
    after it, so that the slow fall which every AC-coupled front end makes of a plateau costs
    nothing (to first order). Only steps between plateaus that are straight count, and `EDGES` of
    them must agree: heartbeats have none. Our choice throughout.
    """

    def __init__(self) -> None:
        self._x: NDArray[np.float64] = np.empty(0)
        self._end = 0
        self._heights: deque[float] = deque(maxlen=EDGES)

    def take(self, block: SampleBlock, lead: int = 0) -> float | None:
        """The factor that makes the pulse 1 mV, once it is known.

        CalibrationError after `WAIT_S` without.
        """
        side, rise = max(3, round(_SIDE_S * block.fs)), 2 * max(1, round(_RISE_S * block.fs))
        if block.start != self._end:
            self._x = np.empty(0)
        self._end = block.start + len(block)
        self._x = np.concatenate([self._x, block.mv[:, lead]])
        self._look(side, rise)
        if len(self._heights) == EDGES:
            height = float(np.median(self._heights))
            if np.ptp(self._heights) <= _AGREE * height and LEAST <= 1 / height <= MOST:
                return 1 / height
        if self._end > WAIT_S * block.fs:
            raise CalibrationError(
                f"no steady pulse came in {WAIT_S:.0f} s: give the inputs a rectangular pulse or "
                f"square wave of 1 mV, {EDGES} steps at least, or type the scale"
            )
        return None

    def _look(self, side: int, rise: int) -> None:
        """Takes the steps that have come with all that belongs to them; keeps what may follow."""
        width = 2 * side + rise
        if len(self._x) < 2 * width:
            return
        windows = np.lib.stride_tricks.sliding_window_view(self._x, width)
        before, scatter_before = _lines(windows[:, :side], side + (rise - 1) / 2)
        after, scatter_after = _lines(windows[:, side + rise :], -(rise + 1) / 2)
        height = np.abs(after - before)
        straight = np.maximum(scatter_before, scatter_after) <= _STRAIGHT * height
        middle = side + rise // 2
        steep = np.abs(np.diff(self._x))[middle - 1 :]
        at = 0
        last = len(height) - width
        while at < last:
            # The step is in the middle, where it is steepest within a window's reach.
            if (
                straight[at]
                and height[at] >= _LEAST_MV
                and steep[at] == steep[at : at + width].max()
            ):
                self._heights.append(float(height[at]))
                at += width
            else:
                at += 1
        self._x = self._x[at:]


def _lines(y: NDArray[np.float64], at: float) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Straight lines through the rows of `y`: their values at column `at`, and the scatter."""
    t = np.arange(y.shape[1]) - (y.shape[1] - 1) / 2
    mean = y.mean(axis=1)
    slope = y @ t / (t @ t)
    rest = y - mean[:, None] - slope[:, None] * t
    return mean + slope * (at - (y.shape[1] - 1) / 2), rest.std(axis=1)
